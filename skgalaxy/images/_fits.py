"""FITS files: from flux to eight bits.

A FITS image holds flux over orders of magnitude: scaled linearly, a galaxy is a bright core on
black. Between a black level and a white level it is stretched as astronomers do (Lupton et al.
2004, PASP 116, 133; the same as `astropy.visualization.AsinhStretch`)::

    x = (flux - black) / (white - black), clipped to [0, 1];    grey = asinh(x / a) / asinh(1 / a)

linear for faint light, x << a, so that arms show, and logarithmic for the core. The two lines are
written out here because `astropy.visualization` imports matplotlib where it is installed.
"""

import os
from contextlib import contextmanager

import numpy as np

from skgalaxy._optional import require

__all__ = ["STRETCHES", "find_image", "is_fits", "read_flux", "scale_flux", "verified"]

SUFFIXES = (".fits", ".fit", ".fts", ".fz", ".gz")
# Black and white where none are given; one pixel in 500 is white, so that no hot one decides.
PERCENTILES = (1.0, 99.8)
STRETCHES = ("asinh", "lupton")


def is_fits(path):
    """Return whether the name of a file says that it is FITS, compressed or not."""
    return os.fsdecode(path).lower().endswith(SUFFIXES)


def read_flux(path):
    """Return the first image of a FITS file as float64 (h, w, 1) or (h, w, 3).

    FITS counts rows from the bottom: they are turned over, as viewers show them.
    """
    fits = require("astropy.io.fits", "fits", for_=os.path.basename(os.fsdecode(path)))
    with verified(fits), fits.open(path, memmap=False) as hdus:
        hdu, shape = find_image(hdus)
        planes = np.asarray(hdu.data, dtype=np.float64).reshape(shape)
    return np.moveaxis(planes, 0, -1)[::-1]


@contextmanager
def verified(fits):
    """Turn astropy's own error about a damaged file into a ValueError."""
    try:
        yield
    except fits.VerifyError as error:
        raise ValueError(error) from error


def find_image(hdus):
    """Return the first image of 1 or 3 planes in a FITS file, and its shape (1 or 3, h, w)."""
    for hdu in hdus:
        shape = hdu.shape if hdu.is_image else ()
        while len(shape) > 2 and shape[0] == 1:  # an axis of one wavelength or one polarisation
            shape = shape[1:]
        shape = (1, *shape) if len(shape) == 2 else shape
        if len(shape) == 3 and shape[0] in (1, 3) and 0 not in shape:
            return hdu, shape
    raise ValueError("it holds no image of 1 or 3 planes")


def scale_flux(flux, flux_range, stretch, softening, path):
    """Return flux (h, w, c) as uint8, from black to white along the curve of `stretch`."""
    known = np.isfinite(flux)
    if not known.any(axis=(0, 1)).all():
        raise ValueError(
            f"A FITS image must have finite pixels. Got only NaN in {os.fspath(path)!r}; "
            "leave it out."
        )
    black, white = np.percentile(flux[known], PERCENTILES) if flux_range is None else flux_range
    width = (white - black) or 1.0
    curve = _lupton if stretch == "lupton" and flux.shape[2] == 3 else _asinh
    return curve(_filled(flux, known), black, width, softening)


def _asinh(flux, black, width, softening):
    """Return flux as uint8, each plane by itself."""
    x = np.clip((flux - black) / width, 0, 1)
    grey = np.arcsinh(x / softening) / np.arcsinh(1 / softening)
    return np.rint(255 * grey).astype(np.uint8)


def _lupton(flux, black, width, softening):
    """Return flux (h, w, 3) as uint8, its mean along the curve of `_asinh`, colours kept.

    Astropy's curve is ``0.1 asinh(Q (I - minimum) / stretch) / asinh(0.1 Q)``: this Q makes it
    1 at white.
    """
    visualization = require("astropy.visualization", "fits", for_="stretch='lupton'")
    q = 10 * np.sinh(np.arcsinh(1 / softening) / 10)
    with np.errstate(divide="ignore", invalid="ignore"):  # of pixels below black, which it makes 0
        return visualization.make_lupton_rgb(
            *np.moveaxis(flux, -1, 0), minimum=black, stretch=q * softening * width, Q=q
        )


def _filled(flux, known):
    """Return flux with each plane's median, mostly sky, for the pixels that are not `known`."""
    if known.all():
        return flux
    medians = [np.median(flux[..., c][known[..., c]]) for c in range(flux.shape[-1])]
    return np.where(known, flux, medians)
