"""Read galaxy cut-outs from image files into arrays.

Survey cut-outs are JPEG or PNG pictures with the galaxy in the middle, often with more sky around
it than a network needs: 424 pixels in Galaxy Zoo 2. Reading one is three steps: decode, cut out
the central square, shrink it with an antialiasing filter (Lanczos), so that faint arms are
averaged and not skipped. Pillow releases Python's global lock, so threads read many at a time.
"""

import numbers
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from skgalaxy._validation import check_bool, check_int

__all__ = ["read_image", "read_images"]

# Modes of more than eight bits whose white point no file says.
UNSCALED_MODES = ("I", "F")


def read_image(path, *, size=64, crop=None, color=False):
    """Read one image file as a square array.

    Parameters
    ----------
    path : str or path-like
        An image file of any kind that Pillow reads.
    size : int, default=64
        Width and height of the result in pixels.
    crop : int or None, default=None
        Width in pixels of the central square to keep, before resizing. None keeps the largest
        central square: the whole of a square image.
    color : bool, default=False
        Red, green and blue, or else one channel of luminance.

    Returns
    -------
    image : uint8 array of shape (size, size, 3), or (size, size) if not `color`
        Transparent pixels are put on black, the colour of the sky. 16-bit images are scaled
        from 0-65535 to 0-255.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not an image, is damaged, holds 32-bit pixels, or is smaller than `crop`.

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
    size, crop, color = _check_geometry(size, crop, color)
    return _read(path, size, crop, color)


def read_images(paths, *, size=64, crop=None, color=False, n_jobs=-1):
    """Read image files, in order, into one array.

    Parameters
    ----------
    paths : sequence of str or path-like, length n_images
        The files.
    size, crop, color
        As for :func:`read_image`.
    n_jobs : int or None, default=-1
        Threads that read at the same time; -1 is one per processor, -2 one fewer, None is one.

    Returns
    -------
    images : uint8 array of shape (n_images, size, size, 3), or without the 3 if not `color`
        The images.

    Raises
    ------
    TypeError
        If `paths` is one path and not a sequence of them.
    FileNotFoundError, ValueError
        As for :func:`read_image`, naming the file.

    Examples
    --------
    >>> from skgalaxy.images import read_images
    >>> read_images([], size=32, color=False).shape
    (0, 32, 32)
    """
    size, crop, color = _check_geometry(size, crop, color)
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError(
            f"`paths` must be a sequence of paths. Got the single path {paths!r}; "
            "use `read_image` or wrap it in a list."
        )
    paths = list(paths)
    n_threads = _check_n_jobs(n_jobs)
    images = np.empty((len(paths), size, size, 3) if color else (len(paths), size, size), np.uint8)

    def read_rows(rows):
        for row in rows:
            images[row] = _read(paths[row], size, crop, color)

    # A few chunks per thread: few enough to cost nothing, enough to share the work evenly.
    chunks = np.array_split(np.arange(len(paths)), 8 * n_threads)
    with ThreadPoolExecutor(n_threads) as pool:
        for _ in pool.map(read_rows, chunks):
            pass
    return images


def _check_geometry(size, crop, color):
    """Return the checked arguments of `read_image`."""
    size = check_int(size, "size", 1)
    crop = None if crop is None else check_int(crop, "crop", 1)
    return size, crop, check_bool(color, "color")


def _check_n_jobs(n_jobs):
    """Return the number of threads that `n_jobs` stands for."""
    if n_jobs is None:
        return 1
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, numbers.Integral) or n_jobs == 0:
        raise ValueError(f"`n_jobs` must be None or an integer other than 0. Got {n_jobs!r}.")
    n_processors = os.cpu_count() or 1
    return int(n_jobs) if n_jobs > 0 else max(1, n_processors + 1 + int(n_jobs))


def _read(path, size, crop, color):
    """Return the image at `path` as an array; see `read_image`."""
    image = _decode(path)
    box = _central_square(image.size, crop, path)
    image = _eight_bits(image, "RGB" if color else "L", path)
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS, box=box))


def _decode(path):
    """Return the whole image in memory, or say which file is at fault."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except FileNotFoundError:
        raise FileNotFoundError(
            f"No image file {os.fspath(path)!r}. Check the path, or the folder it starts from."
        ) from None
    # Pillow's many ways to say that a file is damaged, a folder, or something else.
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
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
    return image.convert(mode)
