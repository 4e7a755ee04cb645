"""Images that Zooniverse takes: JPEG or PNG that browsers show, of at most 1 MiB."""

import io
import os

from PIL import Image

from skgalaxy.images import read_image

__all__ = ["MAX_BYTES", "to_upload"]

MAX_BYTES = 2**20
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png"}
MODES = ("1", "L", "P", "RGB")  # CMYK and 16 bits look wrong in a browser
QUALITY = 90  # of a JPEG where a PNG is too large


def to_upload(path, size, flux_range):
    """Return an image file's suffix and bytes: as they are if fit, or rendered.

    Parameters
    ----------
    path : str or path-like
        The image, of any kind that `skgalaxy.images.read_image` reads.
    size : int
        Width in pixels of the rendered image.
    flux_range : (float, float) or None
        Of FITS, as for `read_image`.

    Returns
    -------
    suffix : str
        ``.jpg`` or ``.png``.
    data : bytes
        The file, of at most `MAX_BYTES`.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        As `read_image`, and if the rendered image is too large.
    """
    suffix = _fit_suffix(path)
    if suffix:
        read_image(path, size=1)  # is it whole?
        with open(path, "rb") as file:
            return suffix, file.read()
    return _encode(read_image(path, size=size, color=True, flux_range=flux_range), path)


def _fit_suffix(path: str | os.PathLike[str]) -> str | None:
    """Suffix of an image that can be uploaded as it is, else None."""
    try:
        with Image.open(path) as image:
            fit = image.mode in MODES and not image.has_transparency_data
            small = os.path.getsize(path) <= MAX_BYTES
            return SUFFIXES.get(image.format or "") if fit and small else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None  # FITS; or read_image says what is wrong


def _encode(pixels, path):
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
