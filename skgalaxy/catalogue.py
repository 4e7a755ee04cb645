"""Catalogues: the posterior of many galaxies as a table that astronomers read.

One row per galaxy and, for each answer, columns in the field's style,
``{question}_{answer}_fraction`` and so on (Walmsley et al. 2022, arXiv:2102.08414). The suffix of
the file says what it is:

- ``.csv`` or ``.ecsv``: text. Commented lines above the table hold the model and the types
  (Enhanced CSV, astropy's APE 6), so that nothing is in a second file that may be lost. Read it
  by ``pandas.read_csv(path, comment="#", dtype={"id_str": str})`` or
  ``astropy.table.Table.read(path, format="ascii.ecsv")``.
- ``.parquet``: the model is in the schema's metadata. Read it by ``pandas.read_parquet(path)``.
- ``.fits`` or ``.fit``: the model is in the table's header. Read it by
  ``astropy.table.Table.read(path)``.

The id is text in each of them, because a 64-bit id does not survive as a float.
"""

import io
import json
import math
import numbers
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy import __version__
from skgalaxy._files import complete_file
from skgalaxy._optional import require
from skgalaxy._validation import check_ids, check_n_votes
from skgalaxy.posterior import VotePosterior

__all__ = ["make_catalogue", "write_catalogue"]

ID_COLUMN = "id_str"
LEVEL = 0.9  # between the columns _5pc and _95pc


def make_catalogue(
    posterior: VotePosterior,
    ids: ArrayLike,
    *,
    question: str,
    answer: str,
    n_votes: ArrayLike = 40,
) -> pd.DataFrame:
    """Summarise the posterior of one answer, one row per galaxy.

    Parameters
    ----------
    posterior : VotePosterior of n_galaxies
        Of the fraction of volunteers who would give `answer`.
    ids : sequence of str or int, length n_galaxies
        The galaxies' ids, each once.
    question, answer : str
        Such as "smooth-or-featured" and "featured-or-disk"; they name the columns.
    n_votes : int or array-like of shape (n_galaxies,), default=40
        Volunteers who would be asked, N of the expected votes and of the mutual information.

    Returns
    -------
    catalogue : DataFrame of n_galaxies rows
        ``id_str``, text, and in this order, each with ``{question}_{answer}`` before it:

        - ``_fraction``: posterior mean of the vote fraction ρ;
        - ``_5pc``, ``_95pc``: the percentiles of ρ, a central interval of 90 %;
        - ``_expected_votes``: the mean of k, N times the fraction;
        - ``_mutual_information``: between k and the network's weights, in nats.

        Tables of several questions make one by ``DataFrame.merge(..., on="id_str")``.

    Raises
    ------
    TypeError
        If `ids`, `question` or `answer` is of the wrong kind.
    ValueError
        If ids are missing, repeated, or floats; or the lengths differ.

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.catalogue import make_catalogue
    >>> posterior = VotePosterior([[0.2, 0.8], [0.5, 0.5]])
    >>> catalogue = make_catalogue(posterior, ["588", "587"], question="bar", answer="yes")
    >>> catalogue[["id_str", "bar_yes_fraction", "bar_yes_expected_votes"]]
      id_str  bar_yes_fraction  bar_yes_expected_votes
    0    588               0.5                    20.0
    1    587               0.5                    20.0
    """
    ids = check_ids(ids, "ids", None)
    if not isinstance(posterior, VotePosterior):
        raise TypeError(
            f"`posterior` must be a VotePosterior. Got {type(posterior).__name__}; "
            "make one of draws with `VotePosterior(draws)`."
        )
    if len(posterior) != len(ids):
        raise ValueError(
            f"`posterior` and `ids` must be of as many galaxies. Got {len(posterior)} and "
            f"{len(ids)}."
        )
    prefix = f"{_check_name(question, 'question')}_{_check_name(answer, 'answer')}"
    n_votes = check_n_votes(n_votes, len(ids))
    low, high = posterior.interval(LEVEL)
    columns = {
        "fraction": posterior.mean,
        "5pc": low,
        "95pc": high,
        "expected_votes": n_votes * posterior.mean,
        "mutual_information": posterior.mutual_information(n_votes),
    }
    named = {f"{prefix}_{name}": column for name, column in columns.items()}
    return pd.DataFrame({ID_COLUMN: pd.Series(ids, dtype=object), **named})


def write_catalogue(
    path: str | Path,
    catalogue: pd.DataFrame,
    *,
    model: str,
    metadata: Mapping[str, str | int | float | bool] | None = None,
) -> None:
    """Write a catalogue as CSV, Parquet or FITS, complete or not at all.

    Parameters
    ----------
    path : str or path-like
        The file; its suffix, ``.csv``, ``.ecsv``, ``.parquet``, ``.fits`` or ``.fit``, says the
        kind. A file that is there is replaced.
    catalogue : DataFrame
        From `make_catalogue`, with more columns of numbers or text as you like. The index is not
        written.
    model : str
        Model that predicted it, by the name and version that you would give in a paper.
    metadata : mapping of str to str, int, float or bool, default=None
        More for the header. The version of skgalaxy is there without asking.

    Raises
    ------
    ImportError
        If the kind needs a package that is not installed: pyarrow for Parquet, astropy for FITS.
    OSError
        If the folder does not exist or the disk is full. Then there is no file, or the old one.
    TypeError
        If `catalogue` is no DataFrame, or a column holds neither numbers nor text.
    ValueError
        If the suffix is another; a name is repeated; ids are missing, repeated or floats; FITS
        is to hold text that is not ASCII.

    Examples
    --------
    >>> import os, tempfile
    >>> import pandas as pd
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.catalogue import make_catalogue, write_catalogue
    >>> posterior = VotePosterior([[0.2, 0.8], [0.5, 0.5]])
    >>> catalogue = make_catalogue(posterior, ["588", "587"], question="bar", answer="yes")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "bars.csv")
    ...     write_catalogue(path, catalogue, model="bars, version 3")
    ...     read = pd.read_csv(path, comment="#", dtype={"id_str": str})
    >>> read.equals(catalogue.astype(read.dtypes))
    True
    """
    write = WRITERS.get(Path(path).suffix.lower())
    if write is None:
        raise ValueError(f"`path` must end in {', '.join(WRITERS)}. Got {str(path)!r}.")
    table = _check_catalogue(catalogue)
    header = _make_header(model, metadata)
    with complete_file(path) as file:
        write(file, table, header)


def _check_name(value: str, name: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise TypeError(f"`{name}` must be text, the name of a {name}. Got {value!r}.")
    return value


def _check_catalogue(catalogue: pd.DataFrame) -> pd.DataFrame:
    """Copy a table with plain columns: text as objects, ids checked."""
    if not isinstance(catalogue, pd.DataFrame):
        raise TypeError(f"`catalogue` must be a DataFrame. Got {type(catalogue).__name__}.")
    names = [_check_name(name, "column") for name in catalogue.columns]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated or ID_COLUMN not in names:
        raise ValueError(
            f"`catalogue` must have a column {ID_COLUMN!r}, and each column once. "
            f"Got {', '.join(names)}."
        )
    table = {name: _check_column(name, catalogue[name]) for name in names}
    table[ID_COLUMN] = check_ids(catalogue[ID_COLUMN], ID_COLUMN, None).astype(object)
    # by its dtype: pandas 3 would make strings of objects
    return pd.DataFrame({name: pd.Series(col, dtype=col.dtype) for name, col in table.items()})


def _check_column(name: str, column: pd.Series) -> NDArray[Any]:
    """Make of a column an array of bool, integers, floats, or str objects."""
    values = column.to_numpy()
    if values.dtype.kind in "biuf":
        return values
    bad = [row for row, value in enumerate(values) if not isinstance(value, str)]
    if bad and name != ID_COLUMN:
        raise TypeError(
            f"`catalogue` must hold numbers or text. Got {values[bad[0]]!r} in row {bad[0]} of "
            f"the column {name!r}; make it one of them with `astype`, or drop it."
        )
    return values.astype(object)


def _make_header(
    model: str, metadata: Mapping[str, Any] | None
) -> dict[str, str | int | float | bool]:
    """Make the header of a name, a version and more, all checked."""
    if not isinstance(model, str) or not model.strip():
        raise TypeError(f"`model` must name the model in words. Got {model!r}.")
    version = __version__
    header = {"model": model, "skgalaxy_version": version, **(metadata or {})}
    for key, value in header.items():
        is_text = isinstance(key, str) and isinstance(value, str) and (key + value).isprintable()
        if not is_text and not (isinstance(value, numbers.Real) and math.isfinite(value)):
            raise TypeError(
                "`metadata` must map text to text of one line or finite numbers. "
                f"Got {value!r} of {key!r}."
            )
    return {key: value.item() if hasattr(value, "item") else value for key, value in header.items()}


def _ecsv_type(column: pd.Series) -> str:
    """Type of a column, as Enhanced CSV calls it."""
    return "string" if column.dtype == object else column.dtype.name


def _write_csv(file: BinaryIO, table: pd.DataFrame, header: dict[str, Any]) -> None:
    """Write Enhanced CSV (astropy's APE 6); what is JSON is YAML too."""
    names = {name: json.dumps(name) for name in table.columns}
    types = [f"- {{name: {names[name]}, datatype: {_ecsv_type(table[name])}}}" for name in names]
    meta = [f"- {json.dumps({key: value})}" for key, value in header.items()]
    lines = ["%ECSV 1.0", "---", "delimiter: ','", "datatype:", *types, "meta: !!omap", *meta]
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    text.writelines(f"# {line}\n" for line in [*lines, "schema: astropy-2.0"])
    # text in quotes: a `#` in a name is then no comment
    table.to_csv(text, index=False, quoting=2, lineterminator="\n")
    text.detach()


def _write_parquet(file: BinaryIO, table: pd.DataFrame, header: dict[str, Any]) -> None:
    pyarrow = require("pyarrow", "parquet", for_="write_catalogue")
    parquet = require("pyarrow.parquet", "parquet", for_="write_catalogue")
    columns = pyarrow.Table.from_pandas(table, preserve_index=False)
    texts = {key: str(value) for key, value in header.items()}
    parquet.write_table(columns.replace_schema_metadata({**columns.schema.metadata, **texts}), file)


def _write_fits(file: BinaryIO, table: pd.DataFrame, header: dict[str, Any]) -> None:
    fits = require("astropy.io.fits", "fits", for_="write_catalogue")
    columns = {_check_ascii(name, "column"): _as_fits(table[name]) for name in table.columns}
    dtype = [(name, column.dtype) for name, column in columns.items()]
    records = np.empty(len(table), dtype)
    for name, column in columns.items():
        records[name] = column
    cards = [
        (key if len(key) <= 8 else f"HIERARCH {key}", _check_ascii(value, key))
        for key, value in header.items()
    ]
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(records, fits.Header(cards))])
    buffer = io.BytesIO()  # into a real file NumPy writes, which cannot say that a disk is full
    hdus.writeto(buffer)
    file.write(buffer.getbuffer())


def _as_fits(column: pd.Series) -> NDArray[Any]:
    """Make of a column what FITS can hold."""
    if column.dtype != object:
        return column.to_numpy()
    return np.array(
        [_check_ascii(value, column.name, row) for row, value in enumerate(column)], "S"
    )


def _check_ascii(value: Any, name: str, row: int | None = None) -> Any:
    """Refuse text that FITS cannot hold."""
    if isinstance(value, str) and not value.isascii():
        where = "" if row is None else f" in row {row}"
        raise ValueError(
            f"FITS holds only ASCII text. Got {value!r} ({name}){where}; write CSV or Parquet."
        )
    return value


WRITERS = {
    ".csv": _write_csv,
    ".ecsv": _write_csv,
    ".parquet": _write_parquet,
    ".fits": _write_fits,
    ".fit": _write_fits,
}
