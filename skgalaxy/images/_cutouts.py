"""Galaxies cut out of a mosaic, a FITS image of a whole field, by their positions.

A mosaic can be larger than memory. It is memory-mapped, and only the squares of your galaxies are
read, also from files compressed in tiles (``.fz``). A square is cut at whole pixels, with its
middle as near to the galaxy as possible, as `astropy.nddata.Cutout2D` cuts it.
"""

import io
import os
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy._optional import require
from skgalaxy._unpacking import UnpackedTooLargeError, limited
from skgalaxy._validation import (
    check_bool,
    check_choice,
    check_int,
    refuse_masked,
)
from skgalaxy.images._bands import Bands
from skgalaxy.images._fits import Planes, Stretch, find_image
from skgalaxy.images._fits_headers import safe_fits
from skgalaxy.images._opening import UnfitError, check_is_file, name_errors, unpacker
from skgalaxy.images._picture import Picture, flux_picture
from skgalaxy.images._read import ON_ERROR, broken_files, check_paths, read_rows

__all__ = ["read_cutouts"]

SAME_GRID = 0.1  # pixels that the corners of three bands may be apart, for rounded headers


@overload
def read_cutouts(
    mosaic: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    positions: Any,
    width: Any,
    *,
    size: int = 64,
    color: bool = False,
    flux_range: tuple[float, float] | None = None,
    stretch: Stretch = "asinh",
    softening: float = 0.1,
    bands: Bands = None,
    fill_edges: bool = False,
    on_error: Literal["raise"] = "raise",
) -> NDArray[np.uint8]: ...
@overload
def read_cutouts(
    mosaic: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    positions: Any,
    width: Any,
    *,
    size: int = 64,
    color: bool = False,
    flux_range: tuple[float, float] | None = None,
    stretch: Stretch = "asinh",
    softening: float = 0.1,
    bands: Bands = None,
    fill_edges: bool = False,
    on_error: Literal["report"],
) -> tuple[NDArray[np.uint8], pd.DataFrame]: ...
def read_cutouts(
    mosaic: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    positions: Any,
    width: Any,
    *,
    size: int = 64,
    color: bool = False,
    flux_range: tuple[float, float] | None = None,
    stretch: Stretch = "asinh",
    softening: float = 0.1,
    bands: Bands = None,
    fill_edges: bool = False,
    on_error: Literal["raise", "report"] = "raise",
) -> NDArray[np.uint8] | tuple[NDArray[np.uint8], pd.DataFrame]:
    """Cut galaxies out of a FITS mosaic, in order, into one array.

    Parameters
    ----------
    mosaic : str, path-like, or three of them
        A FITS file (needs astropy). Its image is found as `read_image` finds it. You can also pass
        the three files of the red, green and blue band, on the same grid of pixels: where their
        headers have world coordinates (WCS), these are compared. Only the squares are read, but a
        file that is packed by gzip or bzip2 is read whole.
    positions : array-like of shape (n_images, 2), or astropy.coordinates.SkyCoord of n_images
        The middles of the galaxies. As an array: (x, y) in pixels, where 0 is the centre of the
        first pixel and y goes upwards, as in the file. As a SkyCoord: positions on the sky. They
        need world coordinates (WCS) in the mosaic, or in the first of your three files.
    width : int or astropy.units.Quantity
        Width of the square to keep: in pixels of the mosaic, or as an angle on the sky, for
        example ``20 * u.arcsec``.
    size, color, flux_range, stretch, softening, bands
        As for :func:`read_image`. The percentiles are those of the square. `bands` is for one
        file of several planes: three files are red, green and blue in your order.
    fill_edges : bool, default=False
        Accept squares that stick out of the mosaic. The pixels outside count as pixels without a
        value, and get the median of the rest. A square wholly outside is still an error.
    on_error : {"raise", "report"}, default="raise"
        How to handle a galaxy off the mosaic, without a finite pixel, or where all pixels have
        one value. "raise" stops.
        "report" leaves its image black, goes on, and also gives you the table `broken`.

    Returns
    -------
    images : uint8 array of shape (n_images, size, size, 3), or without the 3 if not `color`
        The images. Their top is the top of the mosaic.
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
        If a file is damaged or holds no image; if three files have other shapes, or are not on one
        grid of pixels; if a galaxy is off the mosaic, has no finite
        pixel or only pixels of one value (the message names its row); if you give positions on
        the sky and the mosaic has no WCS.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from skgalaxy.images import read_cutouts
    >>> field = np.zeros((200, 300))
    >>> field[50, 120], field[150, 40] = 1.0, 0.1
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "field.fits")
    ...     fits.writeto(path, field)
    ...     images = read_cutouts(path, [(120, 50), (40, 150)], 9, size=9, flux_range=(0, 1))
    >>> images.shape, images[:, 4, 4]
    ((2, 9, 9), array([255,  75], dtype=uint8))
    """
    # crop=None: the square is cut from the mosaic already.
    picture = Picture(size, None, color, flux_range, stretch, softening, bands).checked()
    fill_edges = check_bool(fill_edges, "fill_edges")
    check_choice(on_error, "on_error", ON_ERROR)
    paths = _check_mosaic(mosaic)
    fits = require("astropy.io.fits", "fits", for_="read_cutouts")
    with ExitStack() as files:
        # Three files are three colours already: only those of one can be named.
        named = picture.bands if len(paths) == 1 else None
        mosaics = [_open(files, fits, path, named, picture.color) for path in paths]
        _check_bands(mosaics)
        centres, width = _in_pixels(positions, width, mosaics[0])

        def read(row: int) -> NDArray[np.uint8]:
            flux = _cut(mosaics, centres[row], width, fill_edges)
            return flux_picture(flux, picture, paths[0])

        rows = range(len(centres))
        # One thread, because all squares are read through the same open files.
        images, reasons = read_rows(read, rows, picture, 1, name="positions", on_error=on_error)
    if on_error == "raise":
        return images
    return images, broken_files([paths[0]] * len(centres), reasons)


def _check_mosaic(mosaic: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """Paths of one file, or of three."""
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
    planes: Planes
    pixels: Any  # an array, or astropy's section, which reads only the part you slice

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of planes to show, height and width."""
        return len(self.planes.shown), self.planes.height, self.planes.width


def _open(
    files: ExitStack,
    fits: Any,
    path: str,
    bands: Sequence[str | float | None] | None,
    color: bool,
) -> Band:
    """Open a mosaic, until `files` are closed."""
    with name_errors(path):
        check_is_file(path)
        # Opened here, because astropy leaves a damaged file open.
        file = files.enter_context(open(path, "rb"))  # noqa: SIM115
        unpack = unpacker(file)  # if it is packed, no part is found without the rest
        try:
            # all headers are read here, and so is all before them
            safe = safe_fits(limited(unpack(file), os.path.getsize(path)) if unpack else file)
        except UnpackedTooLargeError as error:
            raise UnfitError(str(error)) from None
        file.seek(0)
        file = safe if isinstance(safe, io.BytesIO) else file
        hdus = files.enter_context(fits.open(file, uint=False))  # as in `read_flux`
        planes = find_image(hdus, bands, color)
        return Band(path, hdus, planes, planes.hdu.data if unpack else planes.hdu.section)


def _check_bands(bands: Sequence[Band]) -> None:
    """Refuse three files that do not go together."""
    # Galaxies are placed by the first file, so that the others must have its pixels.
    shapes = [band.shape for band in bands]
    if len(bands) == 3 and (shapes[0][0] != 1 or len(set(shapes)) > 1):
        raise ValueError(
            "The three files of `mosaic` must have one plane each, of one size. "
            f"Got the shapes {shapes}."
        )
    first, *others = bands
    for other in others:
        apart = _pixels_apart(first, other)
        if apart > SAME_GRID:
            raise ValueError(
                "The three files of `mosaic` must show the same sky in the same pixels. Got "
                f"{first.path!r} and {other.path!r}, {apart:.3g} pixels apart by their WCS; put "
                "them on one grid first, for example with `reproject`."
            )


def _pixels_apart(first: Band, other: Band) -> float:
    """Most pixels between the places of one pixel in two mosaics, 0 if a header has no WCS."""
    utils = require("astropy.wcs.utils", "fits", for_="read_cutouts")
    _, height, width = first.shape
    corners = (0, 0, width - 1, width - 1, width / 2), (0, height - 1, 0, height - 1, height / 2)
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore")  # of headers that you need not use
        try:
            one, two = _wcs(first), _wcs(other)
            if not (one.has_celestial and two.has_celestial):
                return 0.0
            places = one.pixel_to_world(*corners), two.pixel_to_world(*corners)
            degrees = places[0].separation(places[1]).deg
        except Exception:  # positions in pixels need no header that astropy understands
            return 0.0
    apart = degrees / np.sqrt(utils.proj_plane_pixel_area(one))
    return float(np.max(apart, initial=0.0, where=np.isfinite(apart)))  # corners may be off the sky


def _in_pixels(positions: Any, width: Any, band: Band) -> tuple[NDArray[np.float64], int]:
    """Positions (n_images, 2), x and y in pixels, and the width in pixels."""
    # By their attributes, so that astropy's coordinates and units are imported only if used.
    on_sky = hasattr(positions, "to_pixel")
    is_angle = hasattr(width, "unit")
    wcs = _celestial(band) if on_sky or is_angle else None
    width = _pixels_in(width, wcs) if is_angle else check_int(width, "width", 1)
    if wcs is None or not on_sky:
        return _check_positions(positions), width
    if positions.ndim != 1:
        raise ValueError(
            "`positions` must be a list of positions, a SkyCoord of shape (n_images,). "
            f"Got shape {positions.shape}."
        )
    return np.stack(wcs.world_to_pixel(positions), axis=1).astype(np.float64), width


def _check_positions(positions: Any) -> NDArray[np.float64]:
    """Pixel positions as float64 of shape (n_images, 2)."""
    rule = "`positions` must be (x, y) in pixels, shape (n_images, 2), or a SkyCoord."
    refuse_masked(positions, "positions")
    try:
        centres = np.asarray(positions, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{rule} Got {error}.") from error
    if centres.ndim != 2 or centres.shape[1] != 2:
        raise ValueError(f"{rule} Got shape {centres.shape}.")
    return centres


def _celestial(band: Band) -> Any:
    """World coordinates of a mosaic."""
    celestial = _wcs(band)
    if not celestial.has_celestial:
        raise ValueError(
            "Positions on the sky need a mosaic with celestial coordinates (WCS). "
            f"Got {band.path!r}, and its header has no WCS; give `positions` and `width` in pixels."
        )
    return celestial


def _wcs(band: Band) -> Any:
    wcs = require("astropy.wcs", "fits", for_="read_cutouts")
    # `fobj` for headers with lookup tables of distortions in another part of the file
    return wcs.WCS(band.planes.hdu.header, fobj=band.hdus).celestial


def _pixels_in(angle: Any, wcs: Any) -> int:
    """Whole number of pixels across an angle."""
    units = require("astropy.units", "fits", for_="read_cutouts")
    utils = require("astropy.wcs.utils", "fits", for_="read_cutouts")
    try:
        degrees = float(angle.to_value(units.deg))
    except (units.UnitConversionError, TypeError) as error:
        raise TypeError(f"`width` must be pixels or one angle. Got {angle!r}.") from error
    pixels = degrees / np.sqrt(utils.proj_plane_pixel_area(wcs))  # area in degrees²
    if not 0.5 < pixels < np.inf:
        raise ValueError(f"`width` must be a pixel or more. Got {angle!r}, {pixels:g} pixels.")
    return round(pixels)


def _cut(
    bands: Sequence[Band], centre: NDArray[np.float64], width: int, fill_edges: bool
) -> NDArray[np.float64]:
    """Flux (width, width, 1 or 3) around a position, NaN outside of the mosaic."""
    large, small = _overlap(bands[0], centre, width, fill_edges)
    squares = [np.full((width, width, band.shape[0]), np.nan) for band in bands]
    for band, square in zip(bands, squares, strict=True):
        with name_errors(band.path):
            square[small] = band.planes.cut(band.pixels, *large)
    return np.concatenate(squares, axis=-1)[::-1]  # FITS counts from the bottom


def _overlap(
    band: Band, centre: NDArray[np.float64], width: int, fill_edges: bool
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of the mosaic, and the slices of the square that they fill."""
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
