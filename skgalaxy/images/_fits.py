"""FITS files: from flux to eight bits.

A FITS image holds flux over orders of magnitude. Scaled linearly, a galaxy is a bright core on
black. So flux between a black level and a white level is stretched as astronomers do (Lupton et
al. 2004, PASP 116, 133; the same as `astropy.visualization.AsinhStretch`)::

    x = (flux - black) / (white - black), clipped to [0, 1];    grey = asinh(x / a) / asinh(1 / a)

The curve is linear for faint light, x << a, so that you see the arms. It is logarithmic for the
core. Both lines are written out here, because `astropy.visualization` imports matplotlib where it
is installed.
"""

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skgalaxy._optional import require
from skgalaxy.images._bands import choose_planes, header_bands, own_band
from skgalaxy.images._fits_headers import safe_fits
from skgalaxy.images._opening import MAX_PIXELS, UnfitError, check_n_pixels

__all__ = [
    "STRETCHES",
    "Planes",
    "Stretch",
    "find_image",
    "is_fits",
    "read_flux",
    "scale_flux",
]

# Black and white by default; one pixel in 500 is white, so that no hot pixel decides.
PERCENTILES = (1.0, 99.8)
Stretch = Literal["asinh", "lupton"]
STRETCHES = ("asinh", "lupton")

START = b"SIMPLE  ="
# Entries of a file that hold the image, and entries that say how good its pixels are.
SCIENCE = ("SCI", "SCIENCE", "IMAGE")
NO_SCIENCE = (
    *("AREA", "BKG", "BACKGROUND", "CON", "CONF", "CTX", "DQ", "ERR", "ERROR", "EXP", "EXPMAP"),
    *("FLAG", "FLAGS", "IVAR", "INVVAR", "MASK", "MAXEXP", "MSK", "NOISE", "PSF", "QUALITY", "RMS"),
    *("SAMP", "SEG", "SEGMAP", "SIGMA", "SKY", "STDEV", "TIME", "UNC", "UNCERT", "VAR", "VARIANCE"),
    *("VAR_FLAT", "VAR_POISSON", "VAR_RNOISE", "WEIGHT", "WGT", "WHT"),
)
# First or last words of such names, for example of ERR_G. Not PSF: PSF_MATCHED is an image.
QUALITY = (
    *("DQ", "ERR", "ERROR", "FLAG", "FLAGS", "INVVAR", "IVAR", "MASK", "RMS", "STDEV", "UNC"),
    *("UNCERT", "VAR", "VARIANCE", "WEIGHT", "WGT", "WHT"),
)
DERIVED = ("MODEL", "RESID", "RESIDUAL", "RESIDUALS")  # by GALFIT: images if there is no other


def is_fits(file: IO[bytes]) -> bool:
    """True for the content of a FITS file, whatever its name."""
    start = file.read(len(START))
    file.seek(0)
    return start == START


def read_flux(
    file: IO[bytes],
    name: str,
    bands: Sequence[str | float | None] | None = None,
    color: bool = True,
) -> NDArray[np.float64]:
    """The image in a FITS file, of shape (h, w, 1) or (h, w, 3), red first. Its row 0 is the top.

    Parameters
    ----------
    file : binary file
    name : str
        Name of the file, for an error if astropy is missing.
    bands, color
        See `choose_planes`.
    """
    fits = require("astropy.io.fits", "fits", for_=name)
    # memmap=False: the pixels outlive the file. uint=False: NaN in unsigned pixels without a value.
    with fits.open(safe_fits(file), memmap=False, uint=False) as hdus:
        planes = find_image(hdus, bands, color)
        check_n_pixels(planes.width, planes.height)
        if math.prod(planes.hdu.shape) > 8 * MAX_PIXELS:
            raise UnfitError(f"its shape is {planes.hdu.shape}, too large for one picture")
        # FITS counts rows from the bottom: they are turned over, as viewers show them.
        return planes.cut(planes.hdu.data)[::-1]


class Planes(NamedTuple):
    """An image in a FITS file, as one or three planes."""

    hdu: Any
    axes: tuple[int, ...]  # of the planes, if there is such an axis; of y; of x
    shown: Sequence[int]  # the planes to show, red first

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.hdu.shape[self.axes[-2]]

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.hdu.shape[self.axes[-1]]

    def cut(
        self, pixels: Any, rows: slice = slice(None), columns: slice = slice(None)
    ) -> NDArray[np.float64]:
        """Flux (h, w, 1 or 3) of a part of the image. `pixels` is its array, or a section."""
        # Not the number 0: astropy's sections mix up their axes then.
        key = [slice(0, 1)] * len(self.hdu.shape)
        *planes, y, x = self.axes
        for axis, part in zip((y, x, *planes), (rows, columns, slice(None)), strict=False):
            key[axis] = part
        part = np.asarray(pixels[tuple(key)], dtype=np.float64)
        # What is left of the axes is in the order of the file.
        part = part.reshape([part.shape[axis] for axis in sorted(self.axes)])
        if not planes:
            return part[:, :, None]
        return np.moveaxis(part, sorted(self.axes).index(planes[0]), -1)[:, :, self.shown]


def find_image(
    hdus: Iterable[Any], bands: Sequence[str | float | None] | None, color: bool
) -> Planes:
    """Find the image in a FITS file: the first entry called SCI, or else the first that is one.

    Entries of errors, weights and flags are passed over, and so are those whose planes cannot be
    shown. A model comes after all others. The first entry is often empty, for example in files
    compressed in tiles. Bands in entries of their own are refused where colours are wanted, for one
    of them is no colour.
    """
    first, derived, primary, reason = None, None, None, ""
    single: list[str] = []
    for hdu in hdus:
        primary = hdu.header if primary is None else primary
        name = str(hdu.header.get("EXTNAME", "")).strip().upper()
        if not hdu.is_image or len(hdu.shape) < 2 or 0 in hdu.shape:
            continue
        try:
            planes = _planes(hdu, (hdu.header, primary), bands, color, name)
        except UnfitError as error:
            reason = reason or str(error)
            continue
        if name in SCIENCE:
            return planes
        if name in DERIVED:
            derived = derived or planes
            continue
        first = first or planes
        if len(planes.axes) == 2 and (band := own_band(hdu.header, name)) and band not in single:
            single.append(band)
    first = first or derived
    if first is None:
        raise UnfitError(reason or "it holds no image")
    if len(single) > 1 and (color or bands is not None):
        raise UnfitError(
            f"its bands {', '.join(single)} are entries of their own; write three of them as the "
            "planes of one cube, or as three files for `read_cutouts`"
        )
    return first


def _planes(
    hdu: Any,
    headers: Sequence[Mapping[str, Any]],
    bands: Sequence[str | float | None] | None,
    color: bool,
    name: str,
) -> Planes:
    """Planes to show of an entry of a FITS file."""
    words = re.split("[^A-Z]+", name)
    if name in NO_SCIENCE or words[0] in QUALITY or words[-1] in QUALITY:
        raise UnfitError(f"it holds no image, only {name}")
    axes = _axes(hdu.shape)
    if len(axes) == 2:
        return Planes(hdu, axes, [0])
    if len(axes) != 3:
        raise UnfitError(f"it holds no image, only an array of shape {hdu.shape}")
    n_planes = hdu.shape[axes[0]]
    try:
        shown = choose_planes(n_planes, header_bands(headers, n_planes), bands, color)
    except UnfitError as error:
        raise UnfitError(f"{error}. Its shape is {hdu.shape}") from None
    return Planes(hdu, axes, shown)


def _axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of the planes, if any, of y and of x."""
    # An axis of length 1 is, for example, that of one polarisation.
    axes = tuple(i for i, n in enumerate(shape) if n > 1 or i >= len(shape) - 2)
    if len(axes) == 3:
        first, middle, last = axes
        # (h, w, 3), as pictures have it; the standard of FITS cubes is (3, h, w)
        if shape[last] < min(shape[first], shape[middle]):
            return last, first, middle
    return axes


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
            f"An image must have finite pixels in every plane. Got only NaN in "
            f"{os.fspath(path)!r}; leave it out."
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
