"""One file of a JSON document and arrays, that runs no code and takes no more memory than its size.

The file is a zip archive, which other programs can open, too::

    model.json      the document
    {name}.npy      an array, in NumPy's format
    SHA256SUMS      a checksum of each of these, as ``sha256sum -c`` reads them

Nothing in it is compressed or pickled. So it cannot unpack to more than its own size, and no part
of it is ever executed. The checksums find damage; they do not tell who made the file.
"""

import hashlib
import io
import json
import math
import os
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgalaxy._files import complete_file

__all__ = ["DamagedFileError", "read_archive", "write_archive"]

_DOCUMENT, _SUMS, _ARRAY = "model.json", "SHA256SUMS", ".npy"
_KINDS = "biufcSU"  # of numbers and text; never objects
_MAGIC = b"PK\3\4"
_ENCRYPTED = 1  # bit of a member's flags


class DamagedFileError(Exception):
    """A file that is no archive of ours, or no whole one.

    The text is a relative clause, for example "which is empty".
    """


def write_archive(
    path: str | os.PathLike[str], document: Any, arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write a document and arrays. The same ones give the same bytes.

    Parameters
    ----------
    path : str or path-like
        The file to write. An existing file is replaced.
    document : object
        Anything that JSON can hold.
    arrays : mapping of str to ndarray
        Arrays of numbers or text, by names such as ``"weights/0"``.
    """
    # NaN is no JSON: whoever writes one has to say how
    text = json.dumps(document, indent=1, allow_nan=False)
    members = {_DOCUMENT: text.encode()}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.asanyarray(array), allow_pickle=False)
        members[name + _ARRAY] = buffer.getvalue()
    sums = (f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in members.items())
    members[_SUMS] = "".join(sums).encode()
    with complete_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # without the time of day


def read_archive(path: str | os.PathLike[str]) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Document and arrays of a file, each compared with its checksum.

    Raises
    ------
    DamagedFileError
        If it is no file of ours, or not as it was written.
    OSError
        If it cannot be read.
    """
    with open(_regular(path), "rb") as file:
        start = file.read(len(_MAGIC))
        if start != _MAGIC:
            raise DamagedFileError(
                "which is no such file (a pickle can run code: if you trust its maker, load it in "
                "Python with joblib, and save the model again)"
                if start
                else "which is empty"
            )
        members = _members(file, os.fstat(file.fileno()).st_size)
    sums = _sums(members.pop(_SUMS, b""))
    if sums.keys() != members.keys() or _DOCUMENT not in members:
        raise DamagedFileError("which is damaged (its parts are not those in its list)")
    for name, data in members.items():
        if hashlib.sha256(data).hexdigest() != sums[name]:
            raise DamagedFileError(f"which is damaged (the checksum of {name} is another)")
    document = _parsed(members.pop(_DOCUMENT))
    return document, {name.removesuffix(_ARRAY): _array(data) for name, data in members.items()}


def _regular(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    # to open a named pipe would be to wait for ever
    if not stat.S_ISREG(path.stat().st_mode):
        raise DamagedFileError("which is no file")
    return path


def _members(file: Any, size: int) -> dict[str, bytes]:
    """Bytes of every member, of which there are at most `size` together."""
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
            stored = all(
                info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & _ENCRYPTED
                for info in infos
            )
            # members may overlap, and then a small file holds many large ones
            if not stored or sum(info.file_size for info in infos) > size:
                raise DamagedFileError("which is a zip file of another kind")
            if len({info.filename for info in infos}) < len(infos):
                raise DamagedFileError("which is damaged (it holds a part twice)")
            return {info.filename: archive.read(info) for info in infos}
    except DamagedFileError:
        raise
    except Exception as error:  # zipfile raises anything about damaged headers
        raise DamagedFileError(
            f"which is cut or damaged ({error or type(error).__name__})"
        ) from error


def _sums(data: bytes) -> dict[str, str]:
    """Checksums by the names of members."""
    lines = (line.partition("  ") for line in data.decode("utf-8", "replace").splitlines())
    return {name: digest for digest, _, name in lines}


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"which is damaged ({_DOCUMENT}: {error})") from error


def _array(data: bytes) -> NDArray[Any]:
    """Array of an .npy file. Its header is not trusted: the shape must account for all bytes."""
    buffer = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(buffer)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran_order, dtype = read_header(buffer)
        if dtype.kind not in _KINDS or min(shape, default=0) < 0:
            raise ValueError(f"{dtype} of shape {shape}")
        if math.prod(shape) * dtype.itemsize != len(data) - buffer.tell():
            raise ValueError(f"{dtype} of shape {shape} in {len(data)} bytes")
        flat = np.frombuffer(data, dtype, offset=buffer.tell())
        return flat.reshape(shape, order="F" if fortran_order else "C").copy()
    except (ValueError, KeyError, SyntaxError, TypeError, RecursionError) as error:
        raise DamagedFileError(f"which is damaged (an array: {error})") from error
