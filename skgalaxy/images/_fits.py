"""FITS files: from flux to eight bits.

A FITS image holds flux over orders of magnitude: scaled linearly, a galaxy is a bright core on
black. Between a black level and a white level it is stretched as astronomers do (Lupton et al.
2004, PASP 116, 133; the same as `astropy.visualization.AsinhStretch`)::

    x = (flux - black) / (white - black), clipped to [0, 1];    grey = asinh(x / a) / asinh(1 / a)

linear for faint light, x << a, so that arms show, and logarithmic for the core. The two lines are
written out here because `astropy.visualization` imports matplotlib.
"""

import os

import numpy as np

from skgalaxy._optional import require

__all__ = ["is_fits", "read_flux", "stretch"]

SUFFIXES = (".fits", ".fit", ".fts", ".fz", ".gz")
# Black and white where none are given; one pixel in 500 is white, so that no hot one decides.
PERCENTILES = (1.0, 99.8)
SOFTENING = 0.1  # a of the stretch


def is_fits(path):
    """Return whether the name of a file says that it is FITS, compressed or not."""
    return os.fsdecode(path).lower().endswith(SUFFIXES)


def read_flux(path):
    """Return the first image of a FITS file as float64 (h, w, 1) or (h, w, 3).

    FITS counts rows from the bottom: they are turned over, as viewers show them.
    """
    fits = require("astropy.io.fits", "fits", for_=os.path.basename(os.fsdecode(path)))
    try:
        with fits.open(path, memmap=False) as hdus:
            for hdu in hdus:
                planes = _planes(hdu)
                if planes is not None:
                    return np.moveaxis(planes, 0, -1)[::-1]
    except fits.VerifyError as error:
        raise ValueError(error) from error
    raise ValueError("it holds no image of 1 or 3 planes")


def _planes(hdu):
    """Return the pixels as float64 (1, h, w) or (3, h, w), or None if they are no such image."""
    shape = hdu.shape if hdu.is_image else ()
    while len(shape) > 2 and shape[0] == 1:  # an axis of one wavelength or one polarisation
        shape = shape[1:]
    shape = (1, *shape) if len(shape) == 2 else shape
    if len(shape) != 3 or shape[0] not in (1, 3) or 0 in shape:
        return None
    return np.asarray(hdu.data, dtype=np.float64).reshape(shape)


def stretch(flux, flux_range, path):
    """Return flux (h, w, c) as uint8: asinh between black and white, the planes alike."""
    known = np.isfinite(flux)
    if not known.any(axis=(0, 1)).all():
        raise ValueError(
            f"A FITS image must have finite pixels. Got only NaN in {os.fspath(path)!r}; "
            "leave the file out."
        )
    black, white = np.percentile(flux[known], PERCENTILES) if flux_range is None else flux_range
    flux = _filled(flux, known)
    x = np.clip((flux - black) / ((white - black) or 1), 0, 1)
    grey = np.arcsinh(x / SOFTENING) / np.arcsinh(1 / SOFTENING)
    return np.rint(255 * grey).astype(np.uint8)


def _filled(flux, known):
    """Return flux with each plane's median, mostly sky, for the pixels that are not `known`."""
    if known.all():
        return flux
    medians = [np.median(flux[..., c][known[..., c]]) for c in range(flux.shape[-1])]
    return np.where(known, flux, medians)
