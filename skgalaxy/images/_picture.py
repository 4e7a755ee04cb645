"""One picture: its size, its colours and its stretch, and how a file becomes one.

`Picture` holds the parameters that `read_image`, `read_images`, `pack_images` and `ImageLoader`
share. `read_picture` decodes a file, cuts out the middle and shrinks it to the size you ask for.
"""

import math
import os
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Self, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from skgalaxy._validation import check_bool, check_choice, check_float, check_int
from skgalaxy.images._fits import STRETCHES, Stretch, is_fits, read_flux, scale_flux

__all__ = ["Picture", "PictureOptions", "decode", "flux_picture", "read_picture"]

AnyPath = TypeVar("AnyPath", bound=str | os.PathLike[str])
Decoded = TypeVar("Decoded")

# Modes of more than eight bits: no file says where white is.
UNSCALED_MODES = ("I", "F")
# Pillow and astropy have many ways to say that a file is damaged, a folder, or no image.
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


class PictureOptions(TypedDict, total=False):
    """The parameters of `read_image` as keywords, for editors to complete."""

    size: int
    crop: int | None
    color: bool
    flux_range: tuple[float, float] | None
    stretch: Stretch
    softening: float


class Picture(NamedTuple):
    """The parameters of `read_image`, which says what each is."""

    size: int = 64
    crop: int | None = None
    color: bool = False
    flux_range: tuple[float, float] | None = None
    stretch: str = "asinh"
    softening: float = 0.1

    def checked(self) -> Self:
        """Check the parameters, and convert them to plain numbers."""
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


def _check_flux_range(flux_range: Any) -> tuple[float, float] | None:
    """None, or two floats: black and white."""
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


def read_picture(path: str | os.PathLike[str], picture: Picture) -> NDArray[np.uint8]:
    """Read the image at `path` as an array, as `read_image` does."""
    if is_fits(path):
        flux = decode(read_flux, path)
        # Cut before scaling: the percentiles are those of the galaxy, not of its surroundings.
        left, top, right, bottom = _central_square(flux.shape[1::-1], picture.crop, path)
        return flux_picture(flux[top:bottom, left:right], picture, path)
    image = decode(_load, path)
    return _resized(image, picture, path, _central_square(image.size, picture.crop, path))


def flux_picture(
    flux: NDArray[np.float64], picture: Picture, path: str | os.PathLike[str]
) -> NDArray[np.uint8]:
    """Picture of a square of flux (h, w, c). Errors name the file `path`."""
    pixels = scale_flux(flux, picture.flux_range, picture.stretch, picture.softening, path)
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    return _resized(image, picture, path)


def _resized(
    image: Image.Image,
    picture: Picture,
    path: str | os.PathLike[str],
    box: tuple[int, int, int, int] | None = None,
) -> NDArray[np.uint8]:
    """Pixels in the `box` of a Pillow image, in the size and colours of `picture`."""
    image = _eight_bits(image, "RGB" if picture.color else "L", path)
    size = (picture.size, picture.size)
    # Lanczos averages over all the pixels that become one, so that thin arms are not skipped.
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, box=box))


def _load(path: str | os.PathLike[str]) -> Image.Image:
    """Pillow image, the right way up, with all its pixels in memory."""
    with Image.open(path) as image:
        image.load()  # Pillow decodes late: a damaged file is found here, not at its first use
        with suppress(*DECODING_ERRORS):  # a camera's notes may be damaged, and the image not
            ImageOps.exif_transpose(image, in_place=True)
        return image


def decode(read: Callable[[AnyPath], Decoded], path: AnyPath) -> Decoded:
    """Call ``read(path)``, and name the file in its errors."""
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


def _central_square(
    image_size: tuple[int, ...], crop: int | None, path: str | os.PathLike[str]
) -> tuple[int, int, int, int]:
    """Box (left, top, right, bottom) of the central square to keep."""
    width, height = image_size
    side = min(width, height) if crop is None else crop
    if side > min(width, height):
        raise ValueError(
            f"`crop` must not exceed the image. Got crop={crop} for {os.fspath(path)!r} of "
            f"{width} x {height} pixels; use a smaller crop, or None for the whole image."
        )
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _eight_bits(image: Image.Image, mode: str, path: str | os.PathLike[str]) -> Image.Image:
    """Image in `mode`, "RGB" or "L", of eight bits a channel."""
    if image.mode.startswith("I;16"):
        # Pillow would clip everything above 255 to white. 65535 // 257 is 255.
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
        # The mean of the three, as in Walmsley et al. 2020: arms are blue, and Pillow's
        # luminance gives blue a weight of 11 % only.
        return image.convert("RGB").convert("L", matrix=(1 / 3, 1 / 3, 1 / 3, 0))
    return image.convert(mode)
