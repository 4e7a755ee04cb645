"""A limit on what a packed file may unpack to, so that a small one cannot fill the memory."""

import io
from typing import IO, Any

__all__ = ["UnpackedTooLargeError", "limited"]

RATIO = 100  # tables and exports shrink to a tenth or a thirtieth, a file of zeros to a thousandth
ALLOWED = 2**30  # bytes that any file may unpack to


class UnpackedTooLargeError(ValueError):
    """A file that unpacks to much more than such files do. The text says how much."""


class _Limited(io.RawIOBase):
    """A binary file that is read up to a number of bytes."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self._most = file, most

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        content = self._file.read(len(view))
        view[: len(content)] = content
        self._check()
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = self._file.seek(offset, whence)
        self._check()
        return place

    def tell(self) -> int:
        return self._file.tell()

    def _check(self) -> None:
        if self._file.tell() > self._most:
            raise UnpackedTooLargeError(
                f"it unpacks to more than {self._most} bytes, much more than such files do; if you "
                "trust it, unpack it first"
            )


def limited(file: Any, n_packed: int) -> io.BufferedReader:
    """`file`, which unpacks `n_packed` bytes, with an error where it gives too many.

    Examples
    --------
    >>> import gzip, io
    >>> from skgalaxy._unpacking import limited
    >>> packed = gzip.compress(b"k,N")
    >>> limited(gzip.GzipFile(fileobj=io.BytesIO(packed)), len(packed)).read()
    b'k,N'
    """
    return io.BufferedReader(_Limited(file, max(ALLOWED, RATIO * n_packed)), 2**16)
