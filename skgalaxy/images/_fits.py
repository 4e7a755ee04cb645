"""FITS files: from flux to eight bits.

A FITS image holds flux over orders of magnitude. Scaled linearly, a galaxy is a bright core on
black. So flux between a black level and a white level is stretched as astronomers do (Lupton et
al. 2004, PASP 116, 133; the same as `astropy.visualization.AsinhStretch`)::

    x = (flux - black) / (white - black), clipped to [0, 1];    grey = asinh(x / a) / asinh(1 / a)

The curve is linear for faint light, x << a, so that you see the arms. It is logarithmic for the
core. Both lines are written out here, because `astropy.visualization` imports matplotlib where it
is installed.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skgalaxy._optional import require

__all__ = ["STRETCHES", "Stretch", "find_image", "is_fits", "read_flux", "scale_flux", "verified"]

SUFFIXES = (".fits", ".fit", ".fts", ".fz", ".gz")
# Black and white by default; one pixel in 500 is white, so that no hot pixel decides.
PERCENTILES = (1.0, 99.8)
Stretch = Literal["asinh", "lupton"]
STRETCHES = ("asinh", "lupton")


def is_fits(path: str | os.PathLike[str]) -> bool:
    """True for the name of a FITS file, for example "field.fits.fz"."""
    return os.fsdecode(path).lower().endswith(SUFFIXES)


def read_flux(path: str | os.PathLike[str]) -> NDArray[np.float64]:
    """First image of a FITS file, of shape (h, w, 1) or (h, w, 3)."""
    fits = require("astropy.io.fits", "fits", for_=os.path.basename(os.fsdecode(path)))
    # memmap=False: the pixels outlive the file, which is closed here.
    with verified(fits), fits.open(path, memmap=False) as hdus:
        hdu, shape = find_image(hdus)
        planes = np.asarray(hdu.data, dtype=np.float64).reshape(shape)
    # FITS counts rows from the bottom: they are turned over, as viewers show them.
    return np.moveaxis(planes, 0, -1)[::-1]


@contextmanager
def verified(fits: Any) -> Iterator[None]:
    """Turn astropy's own error about a damaged file into a ValueError."""
    try:
        yield
    except fits.VerifyError as error:
        raise ValueError(error) from error


def find_image(hdus: Iterable[Any]) -> tuple[Any, tuple[int, ...]]:
    """First image of 1 or 3 planes in a FITS file, and its shape (1 or 3, h, w)."""
    # The first entry is often empty, for example in files compressed in tiles.
    for hdu in hdus:
        shape = hdu.shape if hdu.is_image else ()
        while len(shape) > 2 and shape[0] == 1:  # an axis of one wavelength or one polarisation
            shape = shape[1:]
        shape = (1, *shape) if len(shape) == 2 else shape
        if len(shape) == 3 and shape[0] in (1, 3) and 0 not in shape:
            return hdu, shape
    raise ValueError("it holds no image of 1 or 3 planes")


def scale_flux(
    flux: NDArray[np.float64],
    flux_range: tuple[float, float] | None,
    stretch: str,
    softening: float,
    path: str | os.PathLike[str],
) -> NDArray[np.uint8]:
    """Flux (h, w, c) as grey levels, from black to white along the curve of `stretch`."""
    known = np.isfinite(flux)
    if not known.any(axis=(0, 1)).all():
        raise ValueError(
            f"A FITS image must have finite pixels. Got only NaN in {os.fspath(path)!r}; "
            "leave it out."
        )
    black, white = np.percentile(flux[known], PERCENTILES) if flux_range is None else flux_range
    width = (white - black) or 1.0  # an image of one level is black
    # Of one plane the two curves are the same, and astropy's needs three.
    curve = _lupton if stretch == "lupton" and flux.shape[2] == 3 else _asinh
    return curve(_filled(flux, known), black, width, softening)


def _asinh(
    flux: NDArray[np.float64], black: float, width: float, softening: float
) -> NDArray[np.uint8]:
    """Grey levels of flux, each plane by itself."""
    x = np.clip((flux - black) / width, 0, 1)
    # Lupton+2004: grey = asinh(x / a) / asinh(1 / a)
    grey = np.arcsinh(x / softening) / np.arcsinh(1 / softening)
    return np.rint(255 * grey).astype(np.uint8)


def _lupton(
    flux: NDArray[np.float64], black: float, width: float, softening: float
) -> NDArray[np.uint8]:
    """Grey levels of flux (h, w, 3): the mean follows the curve of `_asinh`, colours are kept."""
    visualization = require("astropy.visualization", "fits", for_="stretch='lupton'")
    # Astropy's curve is 0.1 asinh(Q (I - minimum) / stretch) / asinh(0.1 Q). It is 1 at white for
    # this Q and stretch = Q a (white - black).
    q = 10 * np.sinh(np.arcsinh(1 / softening) / 10)
    with np.errstate(divide="ignore", invalid="ignore"):  # pixels below black, which it makes 0
        return visualization.make_lupton_rgb(
            *np.moveaxis(flux, -1, 0), minimum=black, stretch=q * softening * width, Q=q
        )


def _filled(flux: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Flux with each plane's median, mostly sky, in the pixels that are not `known`."""
    if known.all():
        return flux
    medians = [np.median(flux[..., c][known[..., c]]) for c in range(flux.shape[-1])]
    return np.where(known, flux, medians)
