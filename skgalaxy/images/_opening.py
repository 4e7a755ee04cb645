"""Files of images as bytes: which of them are opened, and the meaning of errors.

Three things can go wrong with a file, and each has an error of its own. There is no such file:
FileNotFoundError. Its content is damaged or no image: ValueError. The system cannot read it now,
for example because too many files are open or a disk fails: the system's own OSError, which says
nothing about the file. Only the first two are reasons to leave a picture out.

What a small file may claim is limited, so that one of them cannot fill the memory.
"""

import bz2
import errno
import gzip
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TypeVar

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "SUFFIXES",
    "UnfitError",
    "check_is_file",
    "check_n_pixels",
    "decode",
    "name_errors",
    "opened",
    "read_limited",
    "unpacker",
]

Decoded = TypeVar("Decoded")

# Pillow opens some 40 formats, one of them by running another program: PostScript. PPM is
# PGM, too.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
# Names of such files, and of FITS.
SUFFIXES = (
    *(".bmp", ".gif", ".jpg", ".jpeg", ".jp2", ".j2k", ".png", ".pgm", ".ppm", ".tif", ".tiff"),
    *(".webp", ".fits", ".fit", ".fts"),
    *(fits + packed for fits in (".fits", ".fit", ".fts") for packed in (".gz", ".bz2", ".fz")),
)
MAX_PIXELS = 2**26  # 8192 x 8192, far more than a picture of one galaxy has
MAX_BYTES = 8 * MAX_PIXELS  # of a file, unpacked

# How packed files begin. Surveys publish FITS so.
PACKED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open}
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
# A damaged file sends its reader to places that a file cannot have.
NO_SUCH_PLACE = (errno.EINVAL, errno.EOVERFLOW)


class UnfitError(ValueError):
    """A file that is not damaged, and still not taken. The text says why."""


def decode(read: Callable[[IO[bytes]], Decoded], path: str | os.PathLike[str]) -> Decoded:
    """Call `read` with the open file at `path`. Errors name the file, see `name_errors`."""
    with name_errors(path), opened(path) as file:
        return read(file)


@contextmanager
def name_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in errors of this block, and tell damage from errors of the system."""
    name = repr(os.fspath(path))
    try:
        yield
    except OSError as error:
        if error.errno in NOT_THERE:
            raise FileNotFoundError(
                f"No image file {name}. Check the path, or the folder it starts from."
            ) from None
        # Pillow and astropy raise OSErrors without a number about damage.
        if error.errno is None or error.errno in NO_SUCH_PLACE:
            raise _damaged(name, error) from error
        raise type(error)(
            error.errno,
            f"The file {name} cannot be read now: {error.strerror}. This says nothing about the "
            "image: mend the cause, and call again",
        ) from error
    except UnfitError as error:
        raise ValueError(f"The file {name} cannot be read as an image: {error}.") from error
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # damaged files raise anything, KeyError and RuntimeError included
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> ValueError:
    """Error about a file whose content is no image."""
    # The text of some errors is a key or nothing at all, and says nothing without its class.
    is_ours = isinstance(error, ValueError | OSError | SyntaxError) and str(error)
    why = str(error) if is_ours else f"{type(error).__name__}: {error}".rstrip(": ")
    return ValueError(
        f"The file {name} cannot be read as an image: {why.rstrip('.')}. "
        "It may be damaged or unfinished: fetch it again, or leave it out."
    )


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a regular file, and unpack it if it is packed by gzip or bzip2."""
    check_is_file(path)
    with open(path, "rb") as file:
        unpack = unpacker(file)
        yield file if unpack is None else io.BytesIO(read_limited(unpack(file)))


def unpacker(file: IO[bytes]) -> Callable[[IO[bytes]], IO[bytes]] | None:
    """Function that unpacks the content of `file`, or None if it is not packed."""
    start = file.read(max(map(len, PACKED)))
    file.seek(0)
    return next((PACKED[magic] for magic in PACKED if start.startswith(magic)), None)


def check_is_file(path: str | os.PathLike[str]) -> None:
    """Refuse folders, and files without an end: pipes and devices."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file, for example a pipe"
        raise UnfitError(f"it is {kind}")


def read_limited(file: IO[bytes]) -> bytes:
    """All bytes of a file, if they are not too many."""
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnfitError(f"it holds more than {MAX_BYTES} bytes, the most for one picture")
    return content


def check_n_pixels(width: int, height: int) -> None:
    """Refuse a picture whose pixels would fill the memory."""
    if width * height > MAX_PIXELS:
        raise UnfitError(
            f"it has {width} x {height} pixels, and the most for one picture is {MAX_PIXELS}; "
            "use `read_cutouts` for a mosaic in FITS"
        )
