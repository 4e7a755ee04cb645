"""Images that Zooniverse takes: JPEG or PNG that browsers show, of at most 1 MiB."""

import io
import os

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from skgalaxy.images import read_image
from skgalaxy.images._opening import decode, read_limited
from skgalaxy.images._picture import PictureOptions

__all__ = ["MAX_BYTES", "to_upload"]

MAX_BYTES = 2**20
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png"}
MODES = ("1", "L", "P", "RGB")  # CMYK and 16 bits look wrong in a browser
QUALITY = 90  # of a JPEG where a PNG is too large


def to_upload(path: str | os.PathLike[str], how: PictureOptions) -> tuple[str, bytes]:
    """Suffix and bytes of an image file for Zooniverse: as it is if fit, or rendered.

    Parameters
    ----------
    path : str or path-like
        The image, of any kind that `skgalaxy.images.read_image` reads.
    how : dict
        Options of `read_image` for an image that is rendered.

    Returns
    -------
    suffix : str
        ``.jpg`` or ``.png``.
    data : bytes
        The file, of at most `MAX_BYTES`.

    Raises
    ------
    FileNotFoundError, ImportError, OSError, ValueError
        As `read_image`, and if the rendered image is too large.
    """
    pixels = read_image(path, **how)  # even if it goes as it is: is it whole, and not empty?
    data = decode(read_limited, path)
    suffix = _fit_suffix(data)
    return (suffix, data) if suffix else _encode(pixels, path)


def _fit_suffix(data: bytes) -> str | None:
    """Suffix of an image that can be uploaded as it is, else None."""
    try:
        with Image.open(io.BytesIO(data), formats=tuple(SUFFIXES)) as image:
            fit = image.mode in MODES and not image.has_transparency_data
            return SUFFIXES.get(image.format or "") if fit and len(data) <= MAX_BYTES else None
    except UnidentifiedImageError:  # another kind of image
        return None


def _encode(pixels: NDArray[np.uint8], path: str | os.PathLike[str]) -> tuple[str, bytes]:
    """Suffix and bytes of a rendered image, without loss if it is small enough."""
    image = Image.fromarray(pixels)
    for kind, suffix in (("PNG", ".png"), ("JPEG", ".jpg")):
        file = io.BytesIO()
        image.save(file, kind, quality=QUALITY)
        if file.tell() <= MAX_BYTES:
            return suffix, file.getvalue()
    raise ValueError(
        f"`size` must let images be uploaded, at most {MAX_BYTES} bytes. Got {file.tell()} for "
        f"{os.fspath(path)!r} of {len(pixels)} pixels; use a smaller size."
    )
