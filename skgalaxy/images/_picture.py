"""One picture: its size, its colours and its stretch, and how a file becomes one.

`Picture` holds the parameters that `read_image`, `read_images`, `pack_images` and `ImageLoader`
share. `read_picture` decodes a file, cuts out the middle and shrinks it to the size you ask for.
"""

import io
import math
import os
from contextlib import suppress
from typing import IO, Any, NamedTuple, Self, TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from skgalaxy._validation import check_bool, check_choice, check_float, check_int
from skgalaxy.images._bands import Bands, check_bands
from skgalaxy.images._fits import STRETCHES, Stretch, is_fits, read_flux, scale_flux
from skgalaxy.images._opening import (
    FORMATS,
    MAX_PIXELS,
    UnfitError,
    check_n_pixels,
    decode,
    read_limited,
)

__all__ = ["Picture", "PictureOptions", "flux_picture", "read_picture"]

BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
SIGNED = 2  # a sample format
TIFF = (b"II*\0", b"MM\0*")  # how its files begin


class PictureOptions(TypedDict, total=False):
    """The parameters of `read_image` as keywords, for editors to complete."""

    size: int
    crop: int | None
    color: bool
    flux_range: tuple[float, float] | None
    stretch: Stretch
    softening: float
    bands: Bands


class Picture(NamedTuple):
    """The parameters of `read_image`, which says what each is."""

    size: int = 64
    crop: int | None = None
    color: bool = False
    flux_range: tuple[float, float] | None = None
    stretch: str = "asinh"
    softening: float = 0.1
    bands: Any = None

    def checked(self) -> Self:
        """Check the parameters, and convert them to plain numbers."""
        return type(self)(
            _check_size(self.size),
            None if self.crop is None else check_int(self.crop, "crop", 1),
            check_bool(self.color, "color"),
            _check_flux_range(self.flux_range),
            check_choice(self.stretch, "stretch", STRETCHES),
            check_float(self.softening, "softening", 0, math.inf, closed="neither"),
            check_bands(self.bands),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of pixels."""
        return (self.size, self.size, 3) if self.color else (self.size, self.size)


def _check_size(size: Any) -> int:
    """Width of a picture that fits into memory."""
    size, largest = check_int(size, "size", 1), math.isqrt(MAX_PIXELS)
    if size > largest:
        raise ValueError(f"`size` must be at most {largest} pixels. Got {size}.")
    return size


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
    image = decode(lambda file: _load(file, path, picture), path)
    if isinstance(image, Image.Image):
        box = _central_square(image.size, picture.crop, path)
        return _resized(image, picture, path, box)
    # Cut before scaling: the percentiles are those of the galaxy, not of its surroundings.
    left, top, right, bottom = _central_square(image.shape[1::-1], picture.crop, path)
    return flux_picture(image[top:bottom, left:right], picture, path)


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
    if picture.color:
        image = image.convert("RGB")
    elif image.mode != "L":
        # The mean of the three, as in Walmsley et al. 2020: arms are blue, and Pillow's
        # luminance gives blue a weight of 11 % only.
        image = image.convert("RGB").convert("L", matrix=(1 / 3, 1 / 3, 1 / 3, 0))
    _check_not_empty(image if box is None else image.crop(box), path)
    size = (picture.size, picture.size)
    # Lanczos averages over all the pixels that become one, so that thin arms are not skipped.
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, box=box))


def _check_not_empty(image: Image.Image, path: str | os.PathLike[str]) -> None:
    """Refuse pixels that are all the same: a place outside of the survey, and no galaxy."""
    levels: Any = image.getextrema()  # (lowest, highest), or one such pair for each colour
    pairs = levels if isinstance(levels[0], tuple) else [levels]
    if all(low == high for low, high in pairs) and image.size != (1, 1):
        value = tuple(low for low, _ in pairs)
        raise ValueError(
            f"The image {os.fspath(path)!r} is empty: all of its {image.width} x {image.height} "
            f"pixels are {value[0] if len(value) == 1 else value}, as outside of a survey's "
            "footprint. Leave it out."
        )


def _load(
    file: IO[bytes], path: str | os.PathLike[str], picture: Picture
) -> Image.Image | NDArray[np.float64]:
    """Pillow image of eight bits a channel, or flux (h, w, c), with all its pixels in memory."""
    if is_fits(file):
        name = os.path.basename(os.fsdecode(path))
        return read_flux(file, name, picture.bands, picture.color)
    # From memory: then an error of Pillow is about the content, and not about the disk.
    with _identified(io.BytesIO(read_limited(file))) as image:
        check_n_pixels(*image.size)
        image.load()  # Pillow decodes late: a damaged file is found here, not at its first use
        with suppress(Exception):  # a camera's notes may be damaged, and the image not
            ImageOps.exif_transpose(image, in_place=True)
        return _eight_bits(image) if _has_levels(image) else _numbers(image)[:, :, None]


def _identified(file: IO[bytes]) -> Image.Image:
    """Pillow image that is not decoded yet, of the formats that we name."""
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        file.seek(0)
        if file.read(4) in TIFF:
            raise UnfitError(
                "it is TIFF of a kind that Pillow does not read, for example of 64 bits or of "
                "three channels of 32, or it is damaged; save it as FITS"
            ) from None
        raise ValueError(
            f"its content is not FITS, nor a kind of {', '.join(FORMATS)} that Pillow reads"
        ) from None


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


def _eight_bits(image: Image.Image) -> Image.Image:
    """Image of eight bits a channel, with transparent pixels on black."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        return Image.fromarray(_levels_of_16_bits(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        sky = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(sky, image)
    return image if image.mode == "L" else image.convert("RGB")


def _has_levels(image: Image.Image) -> bool:
    """True if the numbers of an image are grey levels or colours, and no flux."""
    if image.mode == "L":
        return not _is_signed(image)
    is_portable = image.format == "PPM"  # whose mode I is of 16 bits
    return image.mode != "F" and (image.mode != "I" or is_portable)


def _is_signed(image: Image.Image) -> bool:
    return SIGNED in getattr(image, "tag_v2", {}).get(SAMPLE_FORMAT, ())


def _numbers(image: Image.Image) -> NDArray[np.float64]:
    """Numbers of an image as its file has them: Pillow takes int8 for uint8, uint32 for int32."""
    numbers = np.asarray(image)
    if image.mode == "L":
        numbers = numbers.view(np.int8)
    elif getattr(image, "tag_v2", {}).get(BITS) == (32,) and image.mode == "I":
        numbers = numbers if _is_signed(image) else numbers.view(np.uint32)
    return numbers.astype(np.float64)


def _levels_of_16_bits(image: Image.Image) -> NDArray[np.uint8]:
    """Grey levels of an image that Pillow gives in more than eight bits."""
    # Pillow would clip everything above 255 to white.
    levels = np.asarray(image).astype(np.int64)
    tags = getattr(image, "tag_v2", {})
    bits, white_is_0 = tags.get(BITS, (16,))[0], tags.get(PHOTOMETRIC) == 0
    white = 2**bits - 1  # TIFF knows 12 bits, too
    # 65535 // 257 is 255
    grey = np.clip(levels, 0, white) * 255 // white
    return (255 - grey if white_is_0 else grey).astype(np.uint8)
