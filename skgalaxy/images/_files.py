"""Read one image file, or many."""

import math
import os
import struct
import zlib
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image, ImageOps

from skgalaxy._validation import check_bool, check_choice, check_float, check_int, check_n_jobs
from skgalaxy.images._fits import STRETCHES, is_fits, read_flux, scale_flux

__all__ = [
    "ON_ERROR",
    "Picture",
    "broken_files",
    "by_row",
    "check_paths",
    "decode",
    "flux_picture",
    "read_all",
    "read_image",
    "read_images",
    "read_picture",
]

# Modes of more than eight bits whose white point no file says.
UNSCALED_MODES = ("I", "F")
# Many ways to say that a file is damaged, a folder, or something else.
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
# Shares of the work: enough to keep all threads busy to the end, few enough to cost nothing.
N_CHUNKS = 128
# What to do about files that cannot be read.
ON_ERROR = ("raise", "report")


class Picture(NamedTuple):
    """What to make of an image file: the parameters of `read_image`."""

    size: int
    crop: int | None
    color: bool
    flux_range: tuple[float, float] | None
    stretch: str
    softening: float

    @classmethod
    def checked(cls, *, size, crop, color, flux_range, stretch, softening):
        """Return the arguments as a Picture, or say what is wrong with them."""
        return cls(
            check_int(size, "size", 1),
            None if crop is None else check_int(crop, "crop", 1),
            check_bool(color, "color"),
            _check_flux_range(flux_range),
            check_choice(stretch, "stretch", STRETCHES),
            check_float(softening, "softening", 0, math.inf, closed="neither"),
        )

    @property
    def shape(self):
        """Shape of the array of pixels."""
        return (self.size, self.size, 3) if self.color else (self.size, self.size)


def read_image(
    path, *, size=64, crop=None, color=False, flux_range=None, stretch="asinh", softening=0.1
):
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
    stretch : {"asinh", "lupton"}, default="asinh"
        For FITS: how flux goes to grey, see the Notes. Of three planes, "asinh" stretches each
        by itself, so that bright cores turn white; "lupton" stretches their mean and keeps
        their ratios, so that cores keep their colour. Of one plane both are the same.
    softening : float > 0, default=0.1
        For FITS: where the stretch goes over from linear to logarithmic, as a share of the way
        from black to white. Smaller shows fainter light.

    Returns
    -------
    image : uint8 array of shape (size, size, 3), or (size, size) if not `color`
        Transparent pixels are put on black, the colour of the sky. 16-bit images are scaled
        from 0-65535 to 0-255. A camera's rotation (EXIF) is undone, as viewers do. Of an
        animation or a file of several pages, the first picture. FITS is scaled as in the Notes.

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
    Flux goes to 0-255 as ``asinh(x / a) / asinh(1 / a)``, x from 0 at black to 1 at white and a
    the `softening`, so that faint arms and the bright core are both seen: the `AsinhStretch` of
    astropy. "lupton" is its `make_lupton_rgb` (Lupton et al. 2004, PASP 116, 133) of the same
    curve, with ``minimum = black``, ``Q = 10 sinh(asinh(1 / a) / 10)`` and
    ``stretch = Q a (white - black)``.

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
    picture = Picture.checked(
        size=size,
        crop=crop,
        color=color,
        flux_range=flux_range,
        stretch=stretch,
        softening=softening,
    )
    return read_picture(path, picture)


def read_images(
    paths,
    *,
    size=64,
    crop=None,
    color=False,
    flux_range=None,
    stretch="asinh",
    softening=0.1,
    on_error="raise",
    n_jobs=-1,
):
    """Read image files, in order, into one array.

    Parameters
    ----------
    paths : sequence of str or path-like, length n_images
        The files.
    size, crop, color, flux_range, stretch, softening
        As for :func:`read_image`.
    on_error : {"raise", "report"}, default="raise"
        About a file that cannot be read: stop, or leave its image black and go on.
    n_jobs : int or None, default=-1
        Threads that read at the same time; -1 is one per processor, -2 one fewer, None is one
        or what ``joblib.parallel_config`` says.

    Returns
    -------
    images : uint8 array of shape (n_images, size, size, 3), or without the 3 if not `color`
        The images, one for each path.
    broken : pandas.DataFrame
        Only with ``on_error="report"``: the columns row, path and reason of the files that
        cannot be read.

    Raises
    ------
    TypeError
        If `paths` is one path and not a sequence of them, or holds something else than paths.
    FileNotFoundError, ImportError, ValueError
        As for :func:`read_image`, naming the file and its row.

    See Also
    --------
    pack_images : Read once, for what does not fit in memory or is read many times.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.images import read_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [os.path.join(folder, name) for name in ("galaxy.png", "gone.png")]
    ...     Image.new("L", (424, 424), 50).save(paths[0])
    ...     images, broken = read_images(paths, size=32, on_error="report")
    >>> images.shape, images[:, 16, 16], broken["row"].to_list()
    ((2, 32, 32), array([50,  0], dtype=uint8), [1])
    """
    picture = Picture.checked(
        size=size,
        crop=crop,
        color=color,
        flux_range=flux_range,
        stretch=stretch,
        softening=softening,
    )
    broken = {} if check_choice(on_error, "on_error", ON_ERROR) == "report" else None
    paths = check_paths(paths)
    read = by_row(lambda row: read_picture(paths[row], picture), "paths", broken)
    images = read_all(read, range(len(paths)), picture, n_jobs)
    return images if broken is None else (images, broken_files(paths, broken))


def check_paths(paths, name="paths"):
    """Return a sequence of paths as a list of str."""
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError(
            f"`{name}` must be a sequence of paths. Got the single path {paths!r}; "
            "wrap it in a list, or list the files of a folder."
        )
    paths = list(paths)
    for row, path in enumerate(paths):
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(
                f"`{name}` must hold paths of image files, str or path-like. "
                f"Got {path!r} ({type(path).__name__}) in row {row}."
            )
    return [os.fsdecode(path) for path in paths]


def read_all(read, rows, picture, n_jobs):
    """Return ``read(row)`` of `rows` in one array, read by `n_jobs` threads."""
    check_n_jobs(n_jobs)
    images = np.empty((len(rows), *picture.shape), np.uint8)

    def read_some(some):
        for i in some:
            images[i] = read(rows[i])

    chunks = np.array_split(np.arange(len(rows)), min(len(rows), N_CHUNKS) or 1)
    Parallel(n_jobs, require="sharedmem")(delayed(read_some)(some) for some in chunks)
    return images


def by_row(read, name, broken=None):
    """Return `read`, a function of the row, with errors that say which row of `name` it is.

    With a dict `broken` they go there by row, and the image is black.
    """

    def read_row(row):
        try:
            return read(row)
        except (FileNotFoundError, ValueError) as error:
            if broken is None:
                raise type(error)(f"{error} It is row {row} of `{name}`.") from error
            broken[int(row)] = str(error)
            return 0

    return read_row


def broken_files(paths, broken):
    """Return the reasons in `broken`, by row, as a table."""
    rows = sorted(broken)
    texts = {"path": [paths[row] for row in rows], "reason": [broken[row] for row in rows]}
    # not pandas' own text, which must be UTF-8: names of files need not
    table = pd.DataFrame(texts, dtype=object)
    table.insert(0, "row", np.array(rows, dtype=np.int64))
    return table


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
    if is_fits(path):
        flux = decode(read_flux, path)
        left, top, right, bottom = _central_square(flux.shape[1::-1], picture.crop, path)
        return flux_picture(flux[top:bottom, left:right], picture, path)
    image = decode(_load, path)
    return _resized(image, picture, path, _central_square(image.size, picture.crop, path))


def flux_picture(flux, picture, path):
    """Return square flux (h, w, c) of the file `path` as a picture."""
    pixels = scale_flux(flux, picture.flux_range, picture.stretch, picture.softening, path)
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    return _resized(image, picture, path)


def _resized(image, picture, path, box=None):
    """Return the pixels in `box` of a Pillow image as `picture` wants them."""
    image = _eight_bits(image, "RGB" if picture.color else "L", path)
    size = (picture.size, picture.size)
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, box=box))


def _load(path):
    """Return a Pillow image, the right way up, with all its pixels in memory."""
    with Image.open(path) as image:
        image.load()
        with suppress(*DECODING_ERRORS):  # a camera's notes may be damaged, and the image not
            ImageOps.exif_transpose(image, in_place=True)
        return image


def decode(read, path):
    """Return ``read(path)``, or say which file is at fault."""
    try:
        return read(path)
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
