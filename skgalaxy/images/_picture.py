"""One picture: what is made of an image file, and how.

`Picture` holds the parameters that `read_image`, `read_images`, `pack_images` and `ImageLoader`
share; `read_picture` decodes a file, cuts out the middle and shrinks it to them.
"""

import math
import os
import struct
import zlib
from contextlib import suppress
from typing import NamedTuple, Self

import numpy as np
from PIL import Image, ImageOps

from skgalaxy._validation import check_bool, check_choice, check_float, check_int
from skgalaxy.images._fits import STRETCHES, is_fits, read_flux, scale_flux

__all__ = ["Picture", "decode", "flux_picture", "read_picture"]

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


class Picture(NamedTuple):
    """What to make of an image file: the parameters of `read_image`."""

    size: int = 64
    crop: int | None = None
    color: bool = False
    flux_range: tuple[float, float] | None = None
    stretch: str = "asinh"
    softening: float = 0.1

    def checked(self) -> Self:
        """Plain numbers for the parameters, or an error that says what is wrong with one."""
        return type(self)(
            check_int(self.size, "size", 1),
            None if self.crop is None else check_int(self.crop, "crop", 1),
            check_bool(self.color, "color"),
            _check_flux_range(self.flux_range),
            check_choice(self.stretch, "stretch", STRETCHES),
            check_float(self.softening, "softening", 0, math.inf, closed="neither"),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of pixels."""
        return (self.size, self.size, 3) if self.color else (self.size, self.size)


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
