"""Galaxies cut out of a mosaic, a FITS image of a whole field, by their places.

A mosaic can be larger than memory: it is memory-mapped, and of each galaxy only its own square is
read, also from files compressed in tiles (``.fz``). The square is of whole pixels, the one whose
middle is nearest to the galaxy, as `astropy.nddata.Cutout2D` cuts it.
"""

import os
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from skgalaxy._optional import require
from skgalaxy._validation import check_bool, check_choice, check_int
from skgalaxy.images._fits import find_image, verified
from skgalaxy.images._picture import Picture, decode, flux_picture
from skgalaxy.images._read import ON_ERROR, broken_files, check_paths, read_rows

__all__ = ["read_cutouts"]


def read_cutouts(
    mosaic,
    positions,
    width,
    *,
    size=64,
    color=False,
    flux_range=None,
    stretch="asinh",
    softening=0.1,
    fill_edges=False,
    on_error="raise",
):
    """Cut galaxies out of a FITS mosaic, in order, into one array.

    Parameters
    ----------
    mosaic : str, path-like, or three of them
        A FITS file whose first image of one or three planes is the mosaic; or the files of the
        red, green and blue band, on the same grid of pixels. Needs astropy. Only the
        squares are read; of a file whose name ends in ``.gz``, all.
    positions : array-like of shape (n_images, 2), or astropy.coordinates.SkyCoord of n_images
        The middles of the galaxies: (x, y) in pixels, from 0 at the centre of the first pixel,
        y upwards as in the file; or places on the sky, with the world coordinates (WCS) of the
        mosaic, of the first of three files.
    width : int or astropy.units.Quantity
        Width of the square to keep, in pixels of the mosaic, or as an angle on the sky.
    size, color, flux_range, stretch, softening
        As for :func:`read_image`: percentiles are those of the square.
    fill_edges : bool, default=False
        Accept squares that stick out of the mosaic, and treat what is outside like pixels
        without a value: it gets the median of the rest. A square wholly outside stays an error.
    on_error : {"raise", "report"}, default="raise"
        About a galaxy off the mosaic, or without a finite pixel: stop, or leave its image black
        and go on.

    Returns
    -------
    images : uint8 array of shape (n_images, size, size, 3), or without the 3 if not `color`
        The images, the top of the mosaic at the top.
    broken : pandas.DataFrame
        Only with ``on_error="report"``: the columns row, path and reason of the galaxies that
        cannot be cut out.

    Raises
    ------
    FileNotFoundError, ImportError
        If there is no such file, or astropy is not installed.
    TypeError
        If a parameter is of the wrong kind.
    ValueError
        If a file is damaged or holds no image; if a galaxy is off the mosaic or has no finite
        pixel, naming its row; if places on the sky are given and the mosaic has no WCS.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from skgalaxy.images import read_cutouts
    >>> field = np.zeros((200, 300))
    >>> field[50, 120] = 1.0
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "field.fits")
    ...     fits.writeto(path, field)
    ...     images = read_cutouts(path, [(120, 50), (40, 150)], 9, size=9, flux_range=(0, 1))
    >>> images.shape, images[:, 4, 4]
    ((2, 9, 9), array([255,   0], dtype=uint8))
    """
    picture = Picture(size, None, color, flux_range, stretch, softening).checked()
    fill_edges = check_bool(fill_edges, "fill_edges")
    check_choice(on_error, "on_error", ON_ERROR)
    paths = _check_mosaic(mosaic)
    fits = require("astropy.io.fits", "fits", for_="read_cutouts")
    with ExitStack() as files:
        bands = [decode(lambda path: _open(files, fits, path), path) for path in paths]
        _check_bands(bands)
        centres, width = _in_pixels(positions, width, bands[0])

        def read(row):
            flux = _cut(bands, centres[row], width, fill_edges)
            return flux_picture(flux, picture, paths[0])

        rows = range(len(centres))
        images, reasons = read_rows(read, rows, picture, 1, name="positions", on_error=on_error)
    if on_error == "raise":
        return images
    return images, broken_files([paths[0]] * len(centres), reasons)


def _check_mosaic(mosaic):
    """Return the paths of one file, or of three."""
    if isinstance(mosaic, (str, os.PathLike)):
        return [os.fsdecode(mosaic)]
    paths = check_paths(mosaic, "mosaic")
    if len(paths) != 3:
        raise ValueError(
            "`mosaic` must be one path, or those of the red, green and blue band. "
            f"Got {len(paths)} paths."
        )
    return paths


class Band(NamedTuple):
    """An image in an open FITS file."""

    path: str
    hdus: Any
    header: Any
    pixels: Any  # an array, or what reads a part of one
    shape: tuple  # (1 or 3, h, w)


def _open(files, fits, path):
    """Open a mosaic, until `files` are closed."""
    with verified(fits):
        hdus = files.enter_context(fits.open(path))
        hdu, shape = find_image(hdus)
        is_packed = path.lower().endswith(".gz")  # its parts cannot be found without the rest
        return Band(path, hdus, hdu.header, hdu.data if is_packed else hdu.section, shape)


def _check_bands(bands):
    """Refuse three files that do not go together."""
    shapes = [band.shape for band in bands]
    if len(bands) == 3 and (shapes[0][0] != 1 or len(set(shapes)) > 1):
        raise ValueError(
            "The three files of `mosaic` must have one plane each, of one size. "
            f"Got the shapes {shapes}."
        )


def _in_pixels(positions, width, band):
    """Return positions as float64 (n_images, 2), x and y in pixels, and the width in pixels."""
    on_sky = hasattr(positions, "to_pixel")
    is_angle = hasattr(width, "unit")
    wcs = _celestial(band) if on_sky or is_angle else None
    width = _pixels_in(width, wcs) if is_angle else check_int(width, "width", 1)
    if not on_sky:
        return _check_positions(positions), width
    if positions.ndim != 1:
        raise ValueError(
            "`positions` must be a list of places, a SkyCoord of shape (n_images,). "
            f"Got shape {positions.shape}."
        )
    return np.stack(wcs.world_to_pixel(positions), axis=1).astype(np.float64), width


def _check_positions(positions):
    """Return pixel positions as finite float64 (n_images, 2)."""
    rule = "`positions` must be (x, y) in pixels, shape (n_images, 2), or a SkyCoord."
    try:
        centres = np.asarray(positions, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{rule} Got {error}.") from error
    if centres.ndim != 2 or centres.shape[1] != 2:
        raise ValueError(f"{rule} Got shape {centres.shape}.")
    return centres


def _celestial(band):
    """Return the world coordinates of a mosaic."""
    wcs = require("astropy.wcs", "fits", for_="read_cutouts")
    celestial = wcs.WCS(band.header, fobj=band.hdus).celestial
    if not celestial.has_celestial:
        raise ValueError(
            "Places on the sky need a mosaic with celestial coordinates (WCS). "
            f"Got none in {band.path!r}; give `positions` and `width` in pixels."
        )
    return celestial


def _pixels_in(angle, wcs):
    """Return the whole number of pixels across an angle."""
    units = require("astropy.units", "fits", for_="read_cutouts")
    utils = require("astropy.wcs.utils", "fits", for_="read_cutouts")
    try:
        degrees = float(angle.to_value(units.deg))
    except (units.UnitConversionError, TypeError) as error:
        raise TypeError(f"`width` must be pixels or one angle. Got {angle!r}.") from error
    pixels = degrees / np.sqrt(utils.proj_plane_pixel_area(wcs))  # of a pixel, in degrees²
    if not 0.5 < pixels < np.inf:
        raise ValueError(f"`width` must be a pixel or more. Got {angle!r}, {pixels:g} pixels.")
    return round(pixels)


def _cut(bands, centre, width, fill_edges):
    """Return the flux (width, width, 1 or 3) around a place, NaN outside of the mosaic."""
    large, small = _overlap(bands[0], centre, width, fill_edges)
    planes = [np.full((band.shape[0], width, width), np.nan) for band in bands]
    for band, plane in zip(bands, planes, strict=True):
        inside = plane[(slice(None), *small)]
        inside[:] = decode(_part(band, large), band.path).reshape(inside.shape)
    return np.moveaxis(np.concatenate(planes), 0, -1)[::-1]


def _part(band, place):
    """Return a function that reads a part of all planes."""
    key = (slice(None),) * (len(band.pixels.shape) - 2) + place
    return lambda path: np.asarray(band.pixels[key])


def _overlap(band, centre, width, fill_edges):
    """Return which part of the mosaic is which part of the square."""
    utils = require("astropy.nddata.utils", "fits", for_="read_cutouts")
    (x, y), (_, height, breadth) = centre, band.shape
    mode = "partial" if fill_edges else "strict"
    try:
        return utils.overlap_slices((height, breadth), (width, width), (y, x), mode)
    except ValueError as error:
        is_partial = isinstance(error, utils.PartialOverlapError)
        raise ValueError(
            f"Galaxies must be on the mosaic. Got x={x:.7g}, y={y:.7g} with a square of {width} "
            f"for {band.path!r} of {breadth} x {height} pixels; "
            + ("use a smaller `width`, or `fill_edges`." if is_partial else "leave it out.")
        ) from error
