"""Columns of a table in a CSV, Parquet or FITS file, which its first bytes tell apart."""

import contextlib
import csv
import gzip
import io
import zlib

import numpy as np

from skgalaxy._optional import require

GZIP, PARQUET, FITS = b"\x1f\x8b", b"PAR1", b"SIMPLE  ="


def column_names(path):
    """Return the names of a table's columns."""
    return list(_reader(path)(path, None))


def read_columns(path, names):
    """Return some columns of a table, a dict of name to array.

    From a CSV file they are text, "" where there is nothing; from others what they are, with None
    or NaN where there is nothing.
    """
    return _reader(path)(path, list(dict.fromkeys(names)))


def _reader(path):
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be an existing file. Got {str(path)!r}.")
    with _open(path) as file:
        head = file.read(len(FITS))
    if head.startswith(PARQUET):
        return _read_parquet
    return _read_fits if head == FITS else _read_csv


@contextlib.contextmanager
def _open(path):
    """Open a file for its bytes, unpacked if it is gzipped; say whose fault it is if it is not."""
    with open(path, "rb") as raw:
        packed = raw.read(len(GZIP)) == GZIP
        raw.seek(0)
        try:
            yield gzip.GzipFile(fileobj=raw) if packed else raw
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"`path` must be a whole gzip file. Got {str(path)!r}: {error}."
            ) from error


def _read_csv(path, names):
    # utf-8-sig: spreadsheets put an invisible mark before the first column's name.
    with _open(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        rows = _csv_rows(path, text)
        header = [name.strip() for name in next(rows, [])]
        if not header:
            raise ValueError(f"`path` must hold a table. Got an empty file, {str(path)!r}.")
        if names is None:
            return dict.fromkeys(header)
        twice = [name for name in names if header.count(name) > 1]
        if twice:
            raise ValueError(
                f"A table's columns must have distinct names. Got {twice[0]!r} "
                f"{header.count(twice[0])} times in {str(path)!r}."
            )
        places = [header.index(name) for name in names]
        cells = [[row[place] for place in places] for row in rows]
    columns = np.array(cells, dtype=object).reshape(len(cells), len(names)).T
    return dict(zip(names, columns, strict=True))


def _csv_rows(path, text):
    """Yield the rows of a CSV file, its header first; every row must be as long as that."""
    reader = csv.reader(text, strict=True)
    width = None
    try:
        for number, row in enumerate(filter(None, reader), start=-1):
            width = len(row) if width is None else width
            if len(row) != width:
                raise ValueError(
                    f"Every row must have as many cells as the header, {width}. Got {len(row)} in "
                    f"row {number} (line {reader.line_num}) of {str(path)!r}; is the file whole?"
                )
            yield row
    except csv.Error as error:
        raise ValueError(
            f"`path` must be a CSV table. Got {str(path)!r}: {error} in line {reader.line_num}."
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"`path` must be a CSV, Parquet or FITS table, CSV in UTF-8. Got {str(path)!r}: byte "
            f"0x{error.object[error.start]:02x} in line {_bad_line(path)}; save it as UTF-8."
        ) from error


def _bad_line(path):
    """Return the number of the first line that is not UTF-8, from 1 as editors count."""
    with _open(path) as file:
        return next(n for n, line in enumerate(file, start=1) if not _is_utf8(line))


def _is_utf8(line):
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_parquet(path, names):
    pyarrow = require("pyarrow", "parquet", for_="read_votes")
    parquet = require("pyarrow.parquet", "parquet", for_="read_votes")
    try:
        if names is None:
            return dict.fromkeys(parquet.read_schema(path).names)
        table = parquet.read_table(path, columns=names)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"`path` must be a Parquet table. Got {str(path)!r}: {error}.") from error
    # By way of Python's own objects: integers with gaps would otherwise turn into floats.
    return {
        name: np.array(column.to_pylist(), dtype=object) if column.null_count else column.to_numpy()
        for name, column in zip(names, table.columns, strict=True)
    }


def _read_fits(path, names):
    fits = require("astropy.io.fits", "fits", for_="read_votes")
    try:
        with fits.open(path) as hdus:
            tables = [hdu for hdu in hdus if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU))]
            if not tables:
                raise ValueError("it holds no table")
            if names is None:
                return dict.fromkeys(tables[0].columns.names)
            return {name: _fits_column(tables[0], name) for name in names}
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"`path` must be a FITS table. Got {str(path)!r}: {error}.") from error


def _fits_column(table, name):
    """Return a column, None where its null value stands."""
    values = np.array(table.data[name])
    null = table.columns[name].null
    if null is None or values.dtype.kind not in "iu":
        return values
    missing = values == int(null)
    values = values.astype(object)
    values[missing] = None
    return values
