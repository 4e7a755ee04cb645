"""A table in a CSV, Parquet or FITS file: opened once, its columns read as they are asked for.

The first bytes tell the format, whatever the file is called; a gzip file is unpacked on the way.
Which columns can name the galaxies is decided here too, for all that read tables.
"""

import contextlib
import csv
import gzip
import io
import os
import sys
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy._optional import require

ID_COLUMNS = ("id_str", "dr7objid", "objid", "asset_id", "subject_id", "iauname")
ENCODING = "utf-8-sig"  # spreadsheets put an invisible mark before the first column's name
GZIP, PARQUET, FITS = b"\x1f\x8b", b"PAR1", b"SIMPLE  ="
# What pandas takes for nothing in a CSV file. "none" is not among it: it is an answer.
EMPTY_CELLS = {
    *("", "#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "None", "n/a", "null"),
    *("NaN", "-NaN", "nan", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
}


def find_id_columns(names: Iterable[str]) -> list[str]:
    """Columns that can name the galaxies, the likeliest first."""
    lower = {name.lower(): name for name in names}
    return [lower[name] for name in ID_COLUMNS if name in lower]


def check_is_file(path: str | Path) -> None:
    """Refuse a path where there is no file."""
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
            yield gzip.GzipFile(fileobj=raw) if packed else raw
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"`path` must be a whole gzip file. Got {os.fspath(path)!r}: {error}."
            ) from error


@contextlib.contextmanager
def open_table(path: str | Path) -> Iterator["Table"]:
    """Open the table in a file, to be read within the ``with`` block."""
    path = Path(path)
    with open_unpacked(path) as file:
        head = file.read(len(FITS))
        file.seek(0)
        if head.startswith(PARQUET):
            yield _ParquetTable(file, str(path))
        elif head == FITS:
            yield _FitsTable(file, str(path))
        else:
            yield _CsvTable(file, str(path))


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
        Distinct names of its columns.
    """

    def __init__(self, path: str, header: list[str]) -> None:
        self.path, self._header = path, header
        self.names = list(dict.fromkeys(header))
        self._columns: dict[int, NDArray[Any]] = {}  # by place, as names may repeat

    def columns(self, names: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Arrays by the names of their columns; the file is read for those not read before.

        From a CSV file they are text, "" where there is nothing; from others what they are, with
        None or NaN where there is nothing.
        """
        names = list(dict.fromkeys(names))
        twice = [name for name in names if self._header.count(name) > 1]
        if twice:
            raise ValueError(
                f"A table's columns must have distinct names. Got {twice[0]!r} "
                f"{self._header.count(twice[0])} times in {self.path!r}."
            )
        columns = self._at([self._header.index(name) for name in names])
        return dict(zip(names, columns, strict=True))

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


class _CsvTable(Table):
    def __init__(self, file: Any, path: str) -> None:
        self._text = io.TextIOWrapper(file, encoding=ENCODING, newline="")
        header = next(_csv_rows(self._text, path), None)
        if header is None:
            raise ValueError(f"`path` must hold a table. Got an empty file, {path!r}.")
        super().__init__(path, [name.strip() for name in header])

    def _read(self, places: list[int]) -> Iterable[NDArray[Any]]:
        rows = _csv_rows(self._text, self.path)
        next(rows)
        # Equal cells share one text: counts are few, and a Python text takes 50 bytes.
        cells = [[sys.intern(row[place]) for place in places] for row in rows]
        return np.array(cells, dtype=object).reshape(len(cells), len(places)).T

    def _series(self, name: str, values: NDArray[Any]) -> pd.Series:
        codes, texts = pd.factorize(values)  # each text is converted once
        cells = pd.Series(texts, dtype=object)
        cells[cells.isin(EMPTY_CELLS)] = np.nan
        typed = cells.infer_objects() if name.lower() in ID_COLUMNS else _numbers_or_text(cells)
        return typed.take(codes).reset_index(drop=True)


def _numbers_or_text(cells: pd.Series) -> pd.Series:
    """Numbers or truth values where all cells are such, else text; NaN where there is nothing."""
    with contextlib.suppress(ValueError):
        return pd.to_numeric(cells)
    is_true = cells.isin(("True", "TRUE", "true"))
    if (is_true | cells.isin(("False", "FALSE", "false"))).all():
        return is_true
    return cells.infer_objects()


def _csv_rows(text: io.TextIOWrapper, path: str) -> Iterator[list[str]]:
    """Rows of a CSV file, its header first; every row must be as long as that.

    By Python's own reader: pandas fills up short rows without a word, as the last of a file that
    was cut off, and does not say in which line it met what is not UTF-8.
    """
    text.seek(0)
    reader = csv.reader(text, strict=True)
    width = None
    try:
        for number, row in enumerate(filter(None, reader), start=-1):
            width = len(row) if width is None else width
            if len(row) != width:
                raise ValueError(
                    f"Every row must have as many cells as the header, {width}. Got {len(row)} in "
                    f"row {number} (line {reader.line_num}) of {path!r}; is the file whole?"
                )
            yield row
    except csv.Error as error:
        raise ValueError(
            f"`path` must be a CSV table. Got {path!r}: {error} in line {reader.line_num}."
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"`path` must be a CSV, Parquet or FITS table, CSV in UTF-8. Got {path!r}: byte "
            f"0x{error.object[error.start]:02x} in line {_bad_line(text.buffer)}; save it as UTF-8."
        ) from error


def _bad_line(file: Any) -> int:
    """Find the first line that is not UTF-8, numbered from 1 as editors do."""
    file.seek(0)
    lines = enumerate(file, start=1)
    return next(n for n, line in lines if line.decode(errors="ignore").encode() != line)


class _ParquetTable(Table):
    def __init__(self, file: Any, path: str) -> None:
        pyarrow = require("pyarrow", "parquet", for_="read_votes")
        parquet = require("pyarrow.parquet", "parquet", for_="read_votes")
        self._errors = (pyarrow.ArrowException, OSError)
        with _must_be("Parquet", path, *self._errors):
            self._file = parquet.ParquetFile(file)
            super().__init__(path, self._file.schema_arrow.names)

    def _read(self, places: list[int]) -> Iterable[NDArray[Any]]:
        with _must_be("Parquet", self.path, *self._errors):
            table = self._file.read(columns=[self._header[place] for place in places])
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
            found = [hdu for hdu in fits.open(file) if isinstance(hdu, kinds)]
            if not found:
                raise ValueError("it holds no table")
            self._table: Any = found[0]
            super().__init__(path, self._table.columns.names)

    def _read(self, places: list[int]) -> Iterable[NDArray[Any]]:
        with _must_be("FITS", self.path, OSError, TypeError, ValueError):
            return [self._column(self._header[place]) for place in places]

    def _column(self, name: str) -> NDArray[Any]:
        """Read a column, None where its null value stands."""
        values = np.array(self._table.data[name])
        null = self._table.columns[name].null
        if null is None or values.dtype.kind not in "iu":
            return values
        missing = values == int(null)
        values = values.astype(object)
        values[missing] = None
        return values


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
