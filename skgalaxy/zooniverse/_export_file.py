"""Rows of an export of classifications: a CSV file of any size, packed or not.

The first bytes tell how it is packed, whatever the file is called. Rows come one by one, so that
memory does not grow with the file, and one that is damaged comes as an error in its place.
"""

import bz2
import csv
import errno
import gzip
import io
import lzma
import os
import threading
import zipfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

from skgalaxy._unpacking import limited
from skgalaxy.votes._table_file import open_unpacked
from skgalaxy.votes._text_table import ENCODING

SEPARATORS = ",;\t"  # the Zooniverse's, and those of spreadsheets
ZIP = (b"PK\3\4", b"PK\5\6")  # the second of an empty one
PACKINGS: dict[bytes, Any] = {b"BZh": bz2.BZ2File, b"\xfd7zXZ\x00": lzma.LZMAFile}
PIECE = 256  # rows read at a time; a row with drawings takes some 100 kB
LONGEST_HEADER = 1_000_000
LONGEST_CELL = 2**31 - 1
_limit_lock = threading.Lock()


class RowError(ValueError):
    """A row that cannot be read, and why: what follows "row 7" in a sentence."""


class Cells(NamedTuple):
    """Cells of a row, all of them text."""

    classification_id: str
    user_name: str
    workflow_id: str
    workflow_version: str
    annotations: str
    subject_data: str


def export_rows(path: str) -> Generator[Cells | RowError, None, None]:
    """Rows below the header, in order; a `RowError` in place of one that is damaged."""
    with _open(path) as file:
        # a byte that is no UTF-8 is then a matter of the cell it is in
        text = io.TextIOWrapper(file, ENCODING, errors="surrogateescape", newline="")
        header, separator = _read_header(text, path)
        cells = itemgetter(*map(header.index, Cells._fields))
        for line, row in _csv_rows(text, separator):
            if isinstance(row, csv.Error):
                yield RowError(f"is no CSV in line {line}: {row}; is the file whole?")
            elif len(row) != len(header):
                yield RowError(
                    f"has {len(row)} cells in line {line}, where the header has {len(header)}; "
                    "is the file whole?"
                )
            else:
                yield Cells._make(cells(row))


def is_export(path: str | Path) -> bool:
    """True if a file has the columns of an export."""
    try:
        with closing(export_rows(os.fspath(path))) as rows:
            next(rows, None)
    except (ValueError, csv.Error):
        return False
    return True


def is_utf8(text: str) -> bool:
    """True if the text can be written as UTF-8, which half a character or a stray byte cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _csv_rows(text: io.TextIOWrapper, separator: str) -> Iterator[tuple[int, Any]]:
    """Rows with the number of their last line; empty lines are none."""
    reader = csv.reader(text, delimiter=separator, strict=True)
    while True:
        with _cells_of_any_length():
            piece = list(islice(_rows_or_errors(reader), PIECE))
        if not piece:
            return
        yield from piece


def _rows_or_errors(reader: Any) -> Iterator[tuple[int, Any]]:
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the reader goes on with the next line
            row = error
        if row:
            yield reader.line_num + 1, row  # the header was a line, too


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Lift the limit of Python's CSV reader, 128 kB a cell, which drawings and texts exceed.

    The limit is the whole process's: it is lifted for a moment and put back, one thread at a time.
    """
    with _limit_lock:
        before = csv.field_size_limit(LONGEST_CELL)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _read_header(text: io.TextIOWrapper, path: str) -> tuple[list[str], str]:
    """Names of the columns, and the separator that gives all that an export has."""
    line = text.readline(LONGEST_HEADER)
    if not is_utf8(line) or "\0" in line:
        raise _no_export(path, "its first line is no UTF-8; save it as 'CSV UTF-8'")
    missing = []
    for separator in SEPARATORS:
        with _cells_of_any_length():
            header = [name.strip() for name in next(csv.reader([line], delimiter=separator), [])]
        twice = [name for name in Cells._fields if header.count(name) > 1]
        if twice:
            raise _no_export(path, f"it has the column {twice[0]} twice")
        missing.append([name for name in Cells._fields if name not in header])
        if not missing[-1]:
            return header, separator
    if not line:
        raise _no_export(path, "it is empty")
    raise _no_export(path, f"it lacks the columns {', '.join(min(missing, key=len))}")


def _no_export(path: str, reason: object) -> ValueError:
    return ValueError(
        "`path` must be an export of classifications, CSV in UTF-8. "
        f"Got {path!r}: {str(reason).strip().rstrip('.')}."
    )


@contextmanager
def _open(path: str) -> Iterator[IO[bytes]]:
    """Open the export for its bytes, unpacked."""
    with open_unpacked(path) as file:
        try:
            yield _unpack(file, path)
        except (EOFError, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError) as error:
            raise _no_export(path, error) from error
        except OSError as error:
            # not the system's, such as a disk's; a damaged gzip file is named outside
            damaged = error.errno in (None, errno.EINVAL)  # that of a place before the beginning
            if not damaged or isinstance(error, gzip.BadGzipFile):
                raise
            raise _no_export(path, error) from error


def _unpack(file: Any, path: str) -> IO[bytes]:
    """File that its first bytes say how to unpack."""
    size, head = os.path.getsize(path), file.read(8)
    file.seek(0)
    if head.startswith(ZIP):
        archive = zipfile.ZipFile(file)
        return limited(archive.open(_member(archive, path)), size)
    for magic, kind in PACKINGS.items():
        if head.startswith(magic):
            return limited(kind(file), size)
    return file


def _member(archive: zipfile.ZipFile, path: str) -> zipfile.ZipInfo:
    """Find the one file in an archive; macOS puts others beside it."""
    members = [
        member
        for member in archive.infolist()
        if not (member.is_dir() or member.filename.startswith(("__MACOSX/", "._", ".DS_Store")))
    ]
    if len(members) != 1:
        names = ", ".join(member.filename for member in members[:3])
        raise _no_export(path, f"it holds {len(members)} files, {names or 'none'}; unpack one")
    if members[0].flag_bits & 1:
        raise _no_export(path, "it has a password; unpack it")
    return members[0]
