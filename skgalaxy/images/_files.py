"""Read one image file, or many."""

import math
import numbers
import os
import zlib
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from PIL import Image

from skgalaxy._validation import check_bool, check_int
from skgalaxy.images._fits import is_fits, read_flux, stretch

__all__ = ["Picture", "check_n_jobs", "read_all", "read_image", "read_images", "read_picture"]

# Modes of more than eight bits whose white point no file says.
UNSCALED_MODES = ("I", "F")
# Many ways to say that a file is damaged, a folder, or something else.
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    zlib.error,
    Image.DecompressionBombError,
)
# Shares of the work: enough to keep all threads busy to the end, few enough to cost nothing.
N_CHUNKS = 128


class Picture(NamedTuple):
    """What to make of an image file: the parameters of `read_image`."""

    size: int
    crop: int | None
    color: bool
    flux_range: tuple[float, float] | None

    @classmethod
    def checked(cls, size, crop, color, flux_range):
        """Return the arguments as a Picture, or say what is wrong with them."""
        size = check_int(size, "size", 1)
        crop = None if crop is None else check_int(crop, "crop", 1)
        return cls(size, crop, check_bool(color, "color"), _check_flux_range(flux_range))

    @property
    def shape(self):
        """Shape of the array of pixels."""
        return (self.size, self.size, 3) if self.color else (self.size, self.size)


def read_image(path, *, size=64, crop=None, color=False, flux_range=None):
    """Read one image file as a square array.

    Parameters
    ----------
    path : str or path-like
        An image file of any kind that Pillow reads; or FITS, by its name: ``.fits``, ``.fit``,
        ``.fts``, ``.fz`` or ``.gz`` (needs ``skgalaxy[fits]``).
    size : int, default=64
        Width and height of the result in pixels.
    crop : int or None, default=None
        Width in pixels of the central square to keep, before resizing. None keeps the largest
        central square: the whole of a square image.
    color : bool, default=False
        Red, green and blue, or else one channel, their mean.
    flux_range : (float, float) or None, default=None
        For FITS: the flux that is black and the flux that is white, in the file's unit. None
        takes the percentiles 1 and 99.8 of each image, after `crop`: every galaxy is then seen
        well, and how bright it is beside others is lost.

    Returns
    -------
    image : uint8 array of shape (size, size, 3), or (size, size) if not `color`
        Transparent pixels are put on black, the colour of the sky. 16-bit images are scaled
        from 0-65535 to 0-255. FITS is scaled as in the Notes.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the file is FITS and astropy is not installed.
    TypeError
        If a parameter is of the wrong kind.
    ValueError
        If the file is not an image, is damaged, holds 32-bit pixels (other than FITS) or only
        NaN, or is smaller than `crop`.

    Notes
    -----
    Of a FITS file the first image of one plane is read, or of three, taken as red, green and
    blue in the file's order. Its rows are turned over: FITS begins at the bottom, pictures at the
    top. Pixels without a finite value get the median of their plane, about the level of the sky.
    Flux goes to 0-255 as ``asinh(10 x) / asinh(10)``, x from 0 at black to 1 at white, the same
    for all planes, so that faint arms and the bright core are both seen.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.images import read_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "galaxy.png")
    ...     Image.new("RGB", (424, 424), (90, 60, 30)).save(path)
    ...     image = read_image(path, size=64, crop=256, color=True)
    >>> image.shape, image[32, 32]
    ((64, 64, 3), array([90, 60, 30], dtype=uint8))
    """
    return read_picture(path, Picture.checked(size, crop, color, flux_range))


def read_images(paths, *, size=64, crop=None, color=False, flux_range=None, n_jobs=-1):
    """Read image files, in order, into one array.

    Parameters
    ----------
    paths : sequence of str or path-like, length n_images
        The files.
    size, crop, color, flux_range
        As for :func:`read_image`.
    n_jobs : int or None, default=-1
        Threads that read at the same time; -1 is one per processor, -2 one fewer, None is one
        or what ``joblib.parallel_config`` says.

    Returns
    -------
    images : uint8 array of shape (n_images, size, size, 3), or without the 3 if not `color`
        The images.

    Raises
    ------
    TypeError
        If `paths` is one path and not a sequence of them.
    FileNotFoundError, ImportError, ValueError
        As for :func:`read_image`, naming the file.

    Examples
    --------
    >>> from skgalaxy.images import read_images
    >>> read_images([], size=32, color=False).shape
    (0, 32, 32)
    """
    picture = Picture.checked(size, crop, color, flux_range)
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError(
            f"`paths` must be a sequence of paths. Got the single path {paths!r}; "
            "use `read_image` or wrap it in a list."
        )
    paths = list(paths)
    return read_all(lambda row: read_picture(paths[row], picture), len(paths), picture, n_jobs)


def read_all(read, n_images, picture, n_jobs):
    """Return ``read(row)`` of every row in one array, read by `n_jobs` threads."""
    check_n_jobs(n_jobs)
    images = np.empty((n_images, *picture.shape), np.uint8)

    def read_rows(rows):
        for row in rows:
            images[row] = read(row)

    chunks = np.array_split(np.arange(n_images), min(n_images, N_CHUNKS) or 1)
    Parallel(n_jobs, require="sharedmem")(delayed(read_rows)(rows) for rows in chunks)
    return images


def check_n_jobs(n_jobs):
    """Refuse what is no number of threads."""
    is_int = isinstance(n_jobs, numbers.Integral) and not isinstance(n_jobs, bool)
    if n_jobs is not None and not (is_int and n_jobs != 0):
        raise ValueError(f"`n_jobs` must be None or an integer other than 0. Got {n_jobs!r}.")


def _check_flux_range(flux_range):
    """Return `flux_range` as None or two floats, black and white."""
    if flux_range is None:
        return None
    rule = f"`flux_range` must be None or (black, white), black < white. Got {flux_range!r}."
    try:
        black, white = map(float, flux_range)
    except (TypeError, ValueError):
        raise TypeError(rule) from None
    if not (math.isfinite(black) and math.isfinite(white) and black < white):
        raise ValueError(rule)
    return black, white


def read_picture(path, picture):
    """Return the image at `path` as an array; see `read_image`."""
    image, box = (_open_flux if is_fits(path) else _open)(path, picture)
    image = _eight_bits(image, "RGB" if picture.color else "L", path)
    size = (picture.size, picture.size)
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, box=box))


def _open(path, picture):
    """Return the Pillow image at `path`, and the box of it to keep."""
    image = _decode(_load, path)
    return image, _central_square(image.size, picture.crop, path)


def _open_flux(path, picture):
    """Return the FITS image at `path`, cut out and stretched, and the box of all of it."""
    flux = _decode(read_flux, path)
    left, top, right, bottom = _central_square(flux.shape[1::-1], picture.crop, path)
    pixels = stretch(flux[top:bottom, left:right], picture.flux_range, path)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels), None


def _load(path):
    """Return a Pillow image with all its pixels in memory."""
    with Image.open(path) as image:
        image.load()
        return image


def _decode(decode, path):
    """Return ``decode(path)``, or say which file is at fault."""
    try:
        return decode(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"No image file {os.fspath(path)!r}. Check the path, or the folder it starts from."
        ) from None
    except DECODING_ERRORS as error:
        raise ValueError(
            f"The file {os.fspath(path)!r} cannot be read as an image: {error}. "
            "It may be damaged or unfinished: fetch it again, or leave it out."
        ) from error


def _central_square(image_size, crop, path):
    """Return the box (left, top, right, bottom) of the central square to keep."""
    width, height = image_size
    side = min(width, height) if crop is None else crop
    if side > min(width, height):
        raise ValueError(
            f"`crop` must not exceed the image. Got crop={crop} for {os.fspath(path)!r} of "
            f"{width} x {height} pixels; use a smaller crop, or None for the whole image."
        )
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _eight_bits(image, mode, path):
    """Return the image in `mode`, "RGB" or "L", of eight bits a channel."""
    if image.mode.startswith("I;16"):
        # Pillow would clip to white all above 255.
        image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    elif image.mode in UNSCALED_MODES:
        raise ValueError(
            f"Images must have 8 or 16 bits a channel. Got {os.fspath(path)!r} of 32 bits "
            f"(Pillow's mode {image.mode!r}); stretch it to 8 bits first."
        )
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        sky = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(sky, image)
    if mode == "L" and image.mode != "L":
        # the mean of the three, as in Walmsley et al. 2020: arms are blue, and Pillow's
        # luminance all but leaves blue out
        return image.convert("RGB").convert("L", matrix=(1 / 3, 1 / 3, 1 / 3, 0))
    return image.convert(mode)
