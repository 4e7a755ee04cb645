"""A table in a text file: CSV, tab-separated or ECSV, read strictly and in little memory."""

import contextlib
import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ENCODING = "utf-8-sig"  # spreadsheets put an invisible mark before the first column's name
DELIMITERS = ",\t;|"  # the one that the header holds most
SEPARATOR = re.compile(r'"?sep=([,;|\t])"?', re.IGNORECASE)  # a first line for Excel
QUOTED = re.compile(r'"[^"]*("|$)')
ROWS_AT_ONCE = 65_536
# What pandas takes for nothing in a CSV file. "none" is not among it: it is an answer.
EMPTY_CELLS = {
    *("", "#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "None", "n/a", "null"),
    *("NaN", "-NaN", "nan", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
}


class Layout(NamedTuple):
    """Lines before a text table's header, the mark before its first name, and its delimiter."""

    n_comments: int
    mark: str
    delimiter: str


class TextCells:
    """Cells of a text file, as text.

    Parameters
    ----------
    file : binary file
    path : str
        Its path, for messages.

    Attributes
    ----------
    header : list of str
        Names of the columns.
    """

    def __init__(self, file: Any, path: str) -> None:
        self._text, self._path = io.TextIOWrapper(file, encoding=ENCODING, newline=""), path
        with self._must_be_text():
            self._layout = _find_layout(self._text)
        header = next(self._rows(), None)
        if header is None:
            raise ValueError(f"`path` must hold a table. Got an empty file, {path!r}.")
        header[0] = header[0].removeprefix(self._layout.mark)
        self.header = [name.strip() for name in header]
        if any("\0" in name for name in header):  # UTF-16 without its mark
            raise ValueError(
                f"`path` must be a CSV, Parquet or FITS table, CSV in UTF-8. Got {path!r}, whose "
                "header has the character NUL; save it as UTF-8."
            )

    def columns(self, places: list[int]) -> Iterable[NDArray[Any]]:
        """Columns at these places, arrays of text, "" where there is nothing."""
        rows = self._rows()
        next(rows)
        blocks = [np.empty((len(places), 0), dtype=object)]
        while block := [[row[place] for place in places] for row in islice(rows, ROWS_AT_ONCE)]:
            # Equal cells share one text: counts are few, and a Python text takes 50 bytes.
            columns = map(_share, np.array(block, dtype=object).reshape(-1, len(places)).T)
            blocks.append(np.array(list(columns), dtype=object))
        return np.concatenate(blocks, axis=1)

    def _rows(self) -> Iterator[list[str]]:
        """Rows of the file, its header first; every row must be as long as that.

        By Python's own reader: pandas fills up short rows without a word, as the last of a file
        that was cut off, and does not say in which line it met what is not UTF-8.
        """
        n_comments, _, delimiter = self._layout
        with self._must_be_text():
            self._text.seek(0)
            for _ in range(n_comments):
                self._text.readline()
            reader = csv.reader(self._text, delimiter=delimiter, strict=True)
            width = None
            try:
                for number, row in enumerate(filter(None, reader), start=-1):
                    width = len(row) if width is None else width
                    if len(row) != width:
                        raise ValueError(
                            f"Every row must have as many cells as the header, {width}. "
                            f"Got {len(row)} in row {number} (line {n_comments + reader.line_num}) "
                            f"of {self._path!r}; is the file whole?"
                        )
                    yield row
            except csv.Error as error:
                raise ValueError(
                    f"`path` must be a CSV table. Got {self._path!r}: {error} in line "
                    f"{n_comments + reader.line_num}."
                ) from error

    @contextlib.contextmanager
    def _must_be_text(self) -> Iterator[None]:
        """Name the line and the byte at which a file is not UTF-8."""
        try:
            yield
        except UnicodeDecodeError as error:
            raise ValueError(
                f"`path` must be a CSV, Parquet or FITS table, CSV in UTF-8. Got {self._path!r}: "
                f"byte 0x{error.object[error.start]:02x} in line {_bad_line(self._text.buffer)}; "
                "save it as UTF-8."
            ) from error


def _find_layout(text: io.TextIOWrapper) -> Layout:
    """Find the header and the delimiter of a text table.

    Lines that begin with "#" are comments, as "#Table1" is of SkyServer. The last of them is the
    header if it has as many cells as the first row. A first line such as "sep=;" says the
    delimiter.
    """
    comments = []
    line = text.readline()
    if said := SEPARATOR.fullmatch(line.rstrip("\r\n")):
        return Layout(1, "", said[1])
    text.seek(0)
    while (line := text.readline()).startswith("#"):
        comments.append(line)
    if comments and comments[0].startswith("# %ECSV"):
        # astropy's own default is a blank, and it names any other
        said = [c.removeprefix("# delimiter:") for c in comments if c.startswith("# delimiter:")]
        return Layout(len(comments), "", said[0].strip(" '\"\r\n") or " " if said else " ")
    bare = QUOTED.sub("", line or "".join(comments))
    delimiter = max(DELIMITERS, key=bare.count)
    n_cells = bare.count(delimiter)
    if comments and (not line or 0 < n_cells == comments[-1].count(delimiter)):
        return Layout(len(comments) - 1, "# ", delimiter)
    return Layout(len(comments), "", delimiter)


def _share(cells: NDArray[Any]) -> NDArray[Any]:
    """Same cells, equal ones as one object."""
    codes, texts = pd.factorize(cells)
    return np.asarray(texts, dtype=object)[codes]


def series_of_text(values: NDArray[Any], is_id: bool) -> pd.Series:
    """Column of cells as pandas would read it, but ids as text."""
    codes, texts = pd.factorize(values)  # each text is converted once
    cells = pd.Series(texts, dtype=object)
    cells[cells.isin(EMPTY_CELLS)] = np.nan
    typed = cells.infer_objects() if is_id else _numbers_or_text(cells)
    return typed.take(codes).reset_index(drop=True)


def _numbers_or_text(cells: pd.Series) -> pd.Series:
    """Numbers or truth values where all cells are such, else text; NaN where there is nothing."""
    with contextlib.suppress(ValueError):
        return pd.to_numeric(cells)
    is_true = cells.isin(("True", "TRUE", "true"))
    if (is_true | cells.isin(("False", "FALSE", "false"))).all():
        return is_true
    return cells.infer_objects()


def _bad_line(file: Any) -> int:
    """Find the first line that is not UTF-8, numbered from 1 as editors do."""
    file.seek(0)
    lines = enumerate(file, start=1)
    return next(n for n, line in lines if line.decode(errors="ignore").encode() != line)
