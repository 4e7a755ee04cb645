"""A table in a text, Parquet or FITS file: opened once, its columns read as they are asked for.

The first bytes tell the format, whatever the file is called; a gzip file is unpacked on the way.
Which columns can name the galaxies is decided here too, for all that read tables.
"""

import contextlib
import gzip
import io
import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy._optional import require
from skgalaxy._unpacking import UnpackedTooLargeError, limited
from skgalaxy.votes._text_table import TextCells, series_of_text

ID_COLUMNS = ("id_str", "dr7objid", "objid", "asset_id", "subject_id", "iauname")
MASK = ".mask"
OTHER_FORMATS = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet; unpack it, or export it as CSV",
    b"BZh": "packed by bzip2; unpack it",
    b"\xfd7zXZ": "packed by xz; unpack it",
    b"<?xml": "an XML file; if it is a VOTable, write it as CSV, for example with astropy.table",
    b"<VOTABLE": "a VOTable; write it as CSV, for example with astropy.table",
    b"\x89HDF": "an HDF5 file; write its table as CSV or Parquet",
}
GZIP, PARQUET, FITS = b"\x1f\x8b", b"PAR1", b"SIMPLE  ="


def find_id_columns(names: Iterable[str]) -> list[str]:
    """Columns that can name the galaxies, the likeliest first."""
    lower = {name.lower(): name for name in names}
    return [lower[name] for name in ID_COLUMNS if name in lower]


def visible_names(header: Iterable[str]) -> list[str]:
    """Distinct names of columns, without the masks of others.

    Astropy writes the mask of a masked column as one of its own, ``{name}.mask``, where the format
    has no other way.
    """
    header = dict.fromkeys(header)
    return [name for name in header if not _is_mask(name, header)]


def _is_mask(name: str, header: Container[str]) -> bool:
    return name.endswith(MASK) and name.removesuffix(MASK) in header


def check_is_file(path: str | Path) -> None:
    """Refuse a path where there is no file."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"`path` must be the path of a file, as text or path-like. Got {path!r}.")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"`path` must be an existing file. Got {os.fspath(path)!r}.")


@contextlib.contextmanager
def open_unpacked(path: str | Path) -> Iterator[io.BufferedIOBase]:
    """Open a file for its bytes, unpacked if it is gzipped; a damaged gzip file is named."""
    check_is_file(path)
    with open(path, "rb") as raw:
        packed = raw.read(len(GZIP)) == GZIP
        raw.seek(0)
        try:
            size = os.fstat(raw.fileno()).st_size
            yield limited(gzip.GzipFile(fileobj=raw), size) if packed else raw
        except UnpackedTooLargeError as error:
            raise ValueError(
                f"`path` must not unpack to many times its size. Got {os.fspath(path)!r}: {error}."
            ) from None
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"`path` must be a whole gzip file. Got {os.fspath(path)!r}: {error}."
            ) from error


@contextlib.contextmanager
def open_table(path: str | Path) -> Iterator["Table"]:
    """Open the table in a file, to be read within the ``with`` block."""
    with open_unpacked(path) as file:
        path = str(Path(path))
        head = file.read(len(FITS))
        file.seek(0)
        for start, remedy in OTHER_FORMATS.items():
            if head.startswith(start):
                raise ValueError(
                    "`path` must be a CSV, Parquet or FITS table, gzipped or not. Got "
                    f"{path!r}, {remedy}."
                )
        if head.startswith(PARQUET):
            yield _ParquetTable(file, path)
        elif head == FITS:
            yield _FitsTable(file, path)
        else:
            yield _TextTable(file, path)


class Table(ABC):
    """Names of a file's columns, and the columns.

    Parameters
    ----------
    path : str
        The file, for messages.
    header : list of str
        Names of its columns. One may be there twice as long as that column is not asked for.

    Attributes
    ----------
    path : str
    names : list of str
        Distinct names of its columns, without the masks of others (see `visible_names`).
    """

    def __init__(self, path: str, header: list[str]) -> None:
        self.path, self._header = path, header
        self.names = visible_names(header)
        self._columns: dict[int, NDArray[Any]] = {}  # by place, as names may repeat

    def columns(self, names: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Arrays by the names of their columns; the file is read for those not read before.

        From a text file they are text, "" where there is nothing; from others what they are, with
        None or NaN where there is nothing. A masked cell is None.
        """
        names = list(dict.fromkeys(names))
        twice = [name for name in names if self._header.count(name) > 1]
        if twice:
            raise ValueError(
                f"A table's columns must have distinct names. Got {twice[0]!r} "
                f"{self._header.count(twice[0])} times in {self.path!r}."
            )
        masks = [name + MASK for name in names if name + MASK in self._header]
        columns = self._at([self._header.index(name) for name in [*names, *masks]])
        found = dict(zip([*names, *masks], columns, strict=True))
        for name in names:
            _check_cells(found[name], name, self.path)
        return {name: _masked(found[name], found.get(name + MASK)) for name in names}

    def read_all(self) -> None:
        """Read all columns at once, before some are asked for now and some later."""
        self._at(range(len(self._header)))

    def frame(self) -> pd.DataFrame:
        """Whole table, as pandas would read it, but with ids as text."""
        columns = zip(self._header, self._at(range(len(self._header))), strict=True)
        frame = pd.DataFrame(dict(enumerate(self._series(*column) for column in columns)))
        return frame.set_axis(_pandas_names(self._header), axis="columns")

    def _at(self, places: Iterable[int]) -> list[NDArray[Any]]:
        missing = [place for place in places if place not in self._columns]
        if missing:
            self._columns |= zip(missing, self._read(missing), strict=True)
        return [self._columns[place] for place in places]

    @abstractmethod
    def _read(self, places: list[int]) -> Iterable[NDArray[Any]]:
        """Read the columns at these places."""

    def _series(self, name: str, values: NDArray[Any]) -> pd.Series:
        """Column as pandas would read it."""
        return pd.Series(list(values))


def _check_cells(values: NDArray[Any], name: str, path: str) -> None:
    """Refuse a column of FITS or Parquet that holds several values in each cell."""
    # such a column has one kind of cells
    given = next((cell for cell in values if cell is not None), None)
    if isinstance(given, np.ndarray | list | tuple | dict):
        raise ValueError(
            f"A table's cells must hold one value each. Got several in column {name!r} of "
            f"{path!r}; write a column for each answer."
        )


def _masked(values: NDArray[Any], mask: NDArray[Any] | None) -> NDArray[Any]:
    """Values of a column, None where its mask is true."""
    if mask is None:
        return values
    values = values.astype(object)
    values[mask.astype(str) == "True"] = None
    return values


class _TextTable(Table):
    def __init__(self, file: Any, path: str) -> None:
        self._cells = TextCells(file, path)
        super().__init__(path, self._cells.header)

    def _read(self, places: list[int]) -> Iterable[NDArray[Any]]:
        return self._cells.columns(places)

    def _series(self, name: str, values: NDArray[Any]) -> pd.Series:
        return series_of_text(values, name.lower() in ID_COLUMNS)


class _ParquetTable(Table):
    def __init__(self, file: Any, path: str) -> None:
        pyarrow = require("pyarrow", "parquet", for_="read_votes")
        parquet = require("pyarrow.parquet", "parquet", for_="read_votes")
        self._errors = (pyarrow.ArrowException, OSError)
        with _must_be("Parquet", path, *self._errors):
            self._file = parquet.ParquetFile(file)
            super().__init__(path, self._file.schema_arrow.names)

    def _read(self, places: list[int]) -> Iterable[NDArray[Any]]:
        names = [self._header[place] for place in places]
        with _must_be("Parquet", self.path, *self._errors):
            # A dot in a name would be taken for a field of a structure.
            dotted = any("." in name for name in names)
            table = self._file.read(columns=None if dotted else names).select(names)
        # By way of Python's own objects: integers with gaps would otherwise turn into floats.
        return [
            np.array(column.to_pylist(), dtype=object) if column.null_count else column.to_numpy()
            for column in table.columns
        ]


class _FitsTable(Table):
    def __init__(self, file: Any, path: str) -> None:
        fits = require("astropy.io.fits", "fits", for_="read_votes")
        with _must_be("FITS", path, OSError, TypeError, ValueError):
            kinds = (fits.BinTableHDU, fits.TableHDU)
            found = [
                (hdu.name or str(place), hdu)
                for place, hdu in enumerate(fits.open(file))
                # astropy 6 takes compressed images for tables
                if isinstance(hdu, kinds) and not isinstance(hdu, fits.CompImageHDU)
            ]
            if len(found) != 1:
                raise ValueError(_not_one_table([name for name, _ in found]))
            self._table: Any = found[0][1]
            super().__init__(path, self._table.columns.names)

    def _read(self, places: list[int]) -> Iterable[NDArray[Any]]:
        with _must_be("FITS", self.path, OSError, TypeError, ValueError):
            return [self._column(self._header[place]) for place in places]

    def _column(self, name: str) -> NDArray[Any]:
        """Read a column, None where its null value stands."""
        values = np.array(self._table.data[name])
        null = self._table.columns[name].null
        stored = self._table.data.view(np.ndarray)[name]
        if null is not None and stored.dtype.kind == "S":  # in a table of text
            missing = np.char.strip(stored) == str(null).strip().encode()
        elif null is not None and stored.dtype.kind in "iu":
            # The standard's null is the number that is stored, astropy's what it stands for.
            missing = (stored == int(null)) | (values == int(null))
        else:
            return values
        values = values.astype(object)
        values[missing] = None
        return values


def _not_one_table(names: list[str]) -> str:
    """Reason against a FITS file of no table or of several."""
    if not names:
        return "it holds no table"
    named = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"it holds {len(names)} tables, {named}; write the one you want into a file of its own"


@contextlib.contextmanager
def _must_be(kind: str, path: str, *errors: type[Exception]) -> Iterator[None]:
    """Say another library's complaint about a file in one sentence."""
    try:
        yield
    except errors as error:
        raise ValueError(f"`path` must be a {kind} table. Got {path!r}: {error}.") from error


def _pandas_names(header: list[str]) -> list[str]:
    """Column names as pandas has them: none empty, and each once."""
    filled = [name or f"Unnamed: {place}" for place, name in enumerate(header)]
    before = [filled[:place].count(name) for place, name in enumerate(filled)]
    return [f"{name}.{n}" if n else name for name, n in zip(filled, before, strict=True)]
