"""Colours of the planes of a FITS image: which is red, which is green and which is blue.

A survey writes its bands in any order, most often from blue to red, and says so in the header.
The plane of the longest wavelength is shown as red, and that of the shortest as blue.
"""

import math
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from skgalaxy.images._opening import UnfitError

__all__ = ["Bands", "check_bands", "choose_planes", "header_bands", "own_band"]

Bands = str | Sequence[str | float | None] | None

# Wavelengths in nm, of any survey's band of that name: only their order matters.
WAVELENGTHS = {
    **{"fuv": 150, "nuv": 230, "u": 355, "b": 445, "g": 480, "v": 550, "r": 625, "i": 765},
    **{"z": 905, "y": 1020, "j": 1250, "h": 1650, "k": 2160, "ks": 2160},
    **{"w1": 3400, "w2": 4600, "w3": 12000, "w4": 22000},
    **{"blue": 445, "green": 540, "red": 650},
}
# Filters of Hubble and Webb. Numbers below 200 are in units of 10 nm.
SPACE_FILTER = re.compile(r"F(\d{3,4})(?:W2?|M|N|LP|X)", re.IGNORECASE)
NUMBERED = re.compile(r"(?:BAND|FILTER|FILT|FILTNAM|WAVE|WAVELEN|LAMBDA)_?(\d)")
RULE = (
    "`bands` must be None or the bands of the planes, in the order of the file, for example 'grz', "
    "wavelengths, for example (480, 625, 905), or None for a plane to leave out; one or three of "
    "them are shown"
)


def check_bands(bands: Any) -> tuple[str | float | None, ...] | None:
    """Bands as a tuple, one name, wavelength or None for each plane."""
    if bands is None:
        return None
    try:
        names = tuple(_split(bands) if isinstance(bands, str) else bands)
    except TypeError:
        raise TypeError(f"{RULE}. Got {bands!r}.") from None
    for name in names:
        if isinstance(name, bool) or not isinstance(name, (str, numbers.Real, type(None))):
            raise TypeError(f"{RULE}. Got {name!r} in {bands!r}.")
    shown = [name for name in names if name is not None]
    if len(shown) not in (1, 3):
        raise ValueError(f"{RULE}. Got {bands!r}, {len(shown)} bands.")
    if len(shown) == 3 and _wavelengths(shown) is None:
        raise ValueError(f"{RULE}. Got {bands!r}, whose order by wavelength is not known.")
    return tuple(float(name) if isinstance(name, numbers.Real) else name for name in names)


def _split(text: str) -> list[str]:
    """Names in a text: parted by commas or spaces, or of one letter each."""
    names = re.findall(r"[^\s,;'\"\[\]()]+", text)
    letters = (
        list("".join(names)) if len(names) == 1 and names[0].lower() not in WAVELENGTHS else []
    )
    return letters if letters and all(name.lower() in WAVELENGTHS for name in letters) else names


def header_bands(headers: Iterable[Mapping[str, Any]], n_planes: int) -> list[Any] | None:
    """Bands of the planes as a header names them, or None if none does."""
    for header in headers:
        for key in ("BANDS", "FILTERS", "BAND", "FILTER"):
            names = _split(str(header.get(key, "")))
            if len(names) == n_planes:
                return names
        if names := _numbered(header, n_planes) or _spectral_axis(header, n_planes):
            return names
    return None


def own_band(header: Mapping[str, Any], name: str) -> str | None:
    """Band of an image of one plane, by its header or the `name` of its entry; None if unknown."""
    names = [*(header_bands([header], 1) or []), name]
    return next((str(name) for name in names if _wavelengths([name]) is not None), None)


def _numbered(header: Mapping[str, Any], n_planes: int) -> list[Any] | None:
    """Bands in cards of their own, for example BAND0, BAND1, BAND2 or FILTER1 to FILTER3."""
    numbered: dict[str, dict[int, Any]] = {}
    for key in header:
        if match := NUMBERED.fullmatch(str(key)):
            numbered.setdefault(key[: match.start(1)], {})[int(match[1])] = header[key]
    for cards in numbered.values():
        if sorted(cards) in (list(range(n_planes)), list(range(1, n_planes + 1))):
            return [cards[number] for number in sorted(cards)]
    return None


def _spectral_axis(header: Mapping[str, Any], n_planes: int) -> list[float] | None:
    """Wavelengths in the unit of a third axis that is one, of either direction."""
    kind = str(header.get("CTYPE3", ""))[:4]
    if kind not in ("WAVE", "AWAV", "FREQ") or header.get("NAXIS3") != n_planes:
        return None
    step = header.get("CDELT3", header.get("CD3_3", 1))
    start = header.get("CRVAL3", 0) - header.get("CRPIX3", 0) * step
    values = [float(start + plane * step) for plane in range(1, n_planes + 1)]
    return [-value for value in values] if kind == "FREQ" else values


def choose_planes(
    n_planes: int,
    named: Sequence[Any] | None,
    bands: Sequence[str | float | None] | None,
    color: bool,
) -> list[int]:
    """Planes to show, the red one first.

    Parameters
    ----------
    n_planes : int
        How many the file has.
    named : sequence or None
        Their bands by the header.
    bands : sequence or None
        The caller's, see `check_bands`.
    color : bool
        False if the order does not matter, because the mean is shown.

    Returns
    -------
    planes : list of int
        One or three of them.
    """
    if n_planes == 1:
        return [0]
    planes = list(range(n_planes))
    if bands is not None:
        known = {_key(name): plane for plane, name in enumerate(named or ())}
        wanted = [_key(name) for name in bands if name is not None]
        if all(name in known for name in wanted):
            # The header says where they are; in which order you name them does not matter.
            planes, named = [known[name] for name in wanted], wanted
        elif len(bands) == n_planes:
            planes = [plane for plane, name in enumerate(bands) if name is not None]
            named = [name for name in bands if name is not None]
        else:
            raise UnfitError(
                f"its {n_planes} planes{_called(named)} are not those of bands={tuple(bands)!r}"
            )
    if len(planes) == 1:
        return planes
    if len(planes) != 3:
        raise UnfitError(
            f"it has {n_planes} planes{_called(named)}, and one or three can be shown; say which "
            "by `bands`"
        )
    return _red_first(planes, named, color)


def _red_first(planes: list[int], named: Sequence[Any] | None, color: bool) -> list[int]:
    """Three planes in the order of their wavelengths, the longest first."""
    if named is None:  # nobody says otherwise: red, green, blue, as pictures have it
        return planes
    wavelengths = _wavelengths(named)
    if wavelengths is None:
        if not color:
            return planes
        raise UnfitError(
            f"the order by wavelength of its planes{_called(named)} is not known; give their "
            "wavelengths as `bands`"
        )
    return [plane for _, plane in sorted(zip(wavelengths, planes, strict=True), reverse=True)]


def _called(named: Sequence[Any] | None) -> str:
    return f" ({', '.join(map(str, named))})" if named else ""


def _key(name: Any) -> Any:
    """A band's name without its survey, in small letters: "r" of "HSC-R2" or "r DECam"."""
    if not isinstance(name, str):
        return name
    words = set(re.findall(r"[a-z0-9]+", name.lower()))
    found = {re.sub(r"^([a-z])\d$", r"\1", word) for word in words - WAVELENGTHS.keys()}
    letters = (found | words) & WAVELENGTHS.keys()
    return letters.pop() if len(letters) == 1 else name.strip().lower()


def _wavelengths(names: Sequence[Any]) -> list[float] | None:
    """A number for each name that rises with the wavelength, or None if it is not known."""
    space = [SPACE_FILTER.fullmatch(str(name).strip()) for name in names]
    if all(isinstance(name, numbers.Real) for name in names):
        found = [float(name) for name in names]
    elif all(space):
        found = [float(match[1]) for match in space if match]
        # Which of F160W (1.6 µm) and F444W is redder depends on the telescope.
        found = found if len({number < 200 for number in found}) == 1 else []
    else:
        found = [WAVELENGTHS.get(_key(name), math.nan) for name in names]
    whole = {number for number in found if math.isfinite(number)}
    return found if len(whole) == len(names) else None
