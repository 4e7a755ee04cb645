"""The kinds of file that a catalogue can be, and what each of them cannot hold."""

import io
import json
import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy._optional import require

__all__ = ["KINDS", "Kind", "as_csvw"]

Header = Mapping[str, str | int | float | bool]


class Kind(NamedTuple):
    """A kind of file: a check that refuses tables it cannot hold, and a writer."""

    check: Callable[[pd.DataFrame, Header], None]
    write: Callable[[BinaryIO, pd.DataFrame, Header], None]


def _holds_all(table: pd.DataFrame, header: Header) -> None:
    """Refuse nothing: this kind holds every table of text and numbers."""


def _write_csv(file: BinaryIO, table: pd.DataFrame, header: Header) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    # Text in quotes, so that a `#` in a name is no comment; "nan", for an empty cell of numbers is
    # a masked one in astropy.
    table.to_csv(text, index=False, quoting=2, lineterminator="\n", na_rep="nan")
    text.detach()


def as_csvw(name: str, table: pd.DataFrame, header: Header, digest: str) -> bytes:
    """Metadata of a plain CSV file as "CSV on the Web" (W3C) has them, in JSON."""
    columns = [{"name": name, "datatype": _csvw_type(table[name])} for name in table.columns]
    described = {
        "@context": "http://www.w3.org/ns/csvw",
        "url": name,
        "tableSchema": {"columns": columns},
        "notes": [{**header, "sha256": digest}],  # of the table described here
    }
    return json.dumps(described, ensure_ascii=False, indent=1).encode()


def _csvw_type(column: pd.Series) -> str:
    kind = column.dtype.kind
    return {"O": "string", "b": "boolean", "f": "number"}.get(kind, "integer")


def _write_ecsv(file: BinaryIO, table: pd.DataFrame, header: Header) -> None:
    """Write Enhanced CSV (astropy's APE 6), with a header of YAML; text in JSON is valid YAML."""
    names = {name: json.dumps(name, ensure_ascii=False) for name in table.columns}
    types = [f"- {{name: {names[name]}, datatype: {_ecsv_type(table[name])}}}" for name in names]
    meta = [f"- {{{_as_yaml(key)}: {_as_yaml(value)}}}" for key, value in header.items()]
    lines = ["%ECSV 1.0", "---", "delimiter: ','", "datatype:", *types, "meta: !!omap", *meta]
    file.write("".join(f"# {line}\n" for line in [*lines, "schema: astropy-2.0"]).encode())
    _write_csv(file, table, header)


def _ecsv_type(column: pd.Series) -> str:
    """Type of a column, as Enhanced CSV calls it."""
    return "string" if column.dtype == object else column.dtype.name


def _as_yaml(value: str | float) -> str:
    # not in ASCII: YAML does not join JSON's two escapes of one character
    text = json.dumps(value, ensure_ascii=False)
    # 1e-07 is text in YAML 1.1
    return text.replace("e", ".0e") if isinstance(value, float) and "." not in text else text


def _check_parquet(table: pd.DataFrame, header: Header) -> None:
    require("pyarrow", "parquet", for_="write_catalogue")
    _refuse_keys([key for key in header if key == "pandas" or key.startswith("ARROW:")], "Parquet")


def _write_parquet(file: BinaryIO, table: pd.DataFrame, header: Header) -> None:
    pyarrow = require("pyarrow", "parquet", for_="write_catalogue")
    parquet = require("pyarrow.parquet", "parquet", for_="write_catalogue")
    columns = pyarrow.Table.from_pandas(table, preserve_index=False)
    texts = {key: str(value) for key, value in header.items()}
    parquet.write_table(columns.replace_schema_metadata({**columns.schema.metadata, **texts}), file)


def _refuse_keys(keys: list[str], kind: str) -> None:
    if keys:
        raise ValueError(
            f"`metadata` must be such as {kind} can hold. Got the key {keys[0]!r}, which it cannot "
            "hold or has a use of its own for; give it another name, or write ECSV."
        )


def _check_fits(table: pd.DataFrame, header: Header) -> None:
    """Refuse what FITS drops, changes or misunderstands: it is written, and read again."""
    _check_ascii([*table.columns, *header, *header.values()], "a name or metadata")
    for name in table.select_dtypes(object).columns:
        _check_ascii(table[name], name)
    _check_ends(table, "FITS")
    for what, names in (("columns", table.columns), ("`metadata`", header)):
        upper = [name.upper() for name in names]
        twice = [name for name in names if upper.count(name.upper()) > 1]
        if twice:
            raise ValueError(
                f"FITS does not tell letters of either case apart. Got the {what} "
                f"{', '.join(map(repr, twice))}; rename them, or write ECSV or Parquet."
            )
    plain = _read_fits(table[:0], {})
    if plain is None or plain[1] != list(table.columns):
        raise ValueError(
            f"FITS cannot hold these columns. Got {', '.join(table.columns)}; rename them, or "
            "write ECSV or Parquet."
        )
    _refuse_keys([key for key in header if not _survives(table[:0], header, key, plain)], "FITS")


def _survives(table: pd.DataFrame, header: Header, key: str, plain: Any) -> bool:
    """True if a key of the header is read as it was written, and means nothing to FITS."""
    found = _read_fits(table, {key: header[key]})
    if found is None or key.upper() in plain[0] or found[1:] != plain[1:]:
        return False
    old, new = header[key], found[0].get(key.upper())
    if isinstance(old, float):  # a card has 20 places for the digits, the sign and the exponent
        return isinstance(new, int | float) and math.isclose(old, new, rel_tol=1e-11)
    return type(old) is type(new) and old == new


def _read_fits(table: pd.DataFrame, header: Header) -> tuple[dict[str, Any], list[str], Any] | None:
    """Header, names and definitions of the columns as they are read again, or None."""
    fits = require("astropy.io.fits", "fits", for_="write_catalogue")
    file = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _write_fits(file, table, header)
            with fits.open(io.BytesIO(file.getvalue())) as hdus:
                columns = hdus[1].columns
                kept = {key.upper(): hdus[1].header[key] for key in hdus[1].header}
                definitions = columns.info(output=False)
                return kept, list(columns.names), definitions
    except (Warning, AssertionError, ValueError, TypeError, KeyError, fits.VerifyError):
        return None


def _write_fits(file: BinaryIO, table: pd.DataFrame, header: Header) -> None:
    fits = require("astropy.io.fits", "fits", for_="write_catalogue")
    columns = {name: _as_fits(table[name]) for name in table.columns}
    records = np.empty(len(table), [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        records[name] = column
    short = re.compile(r"[A-Za-z0-9_-]{1,8}")
    cards = [
        (key if short.fullmatch(key) else f"HIERARCH {key}", value) for key, value in header.items()
    ]
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(records, fits.Header(cards))])
    buffer = io.BytesIO()  # into a real file NumPy writes, which cannot say that a disk is full
    hdus.writeto(buffer)
    file.write(buffer.getbuffer())


def _as_fits(column: pd.Series) -> NDArray[Any]:
    """Column in a type that FITS has."""
    if column.dtype == object:
        return np.array(list(column), "S")
    # FITS has no type for these two: astropy writes one as booleans
    wider = {"int8": np.int16, "float16": np.float32}.get(column.dtype.name)
    return column.to_numpy(wider)


def _check_ascii(values: Iterable[Any], where: str) -> None:
    for row, value in enumerate(values):
        if isinstance(value, str) and not value.isascii():
            place = f"{where}, in row {row}" if isinstance(values, pd.Series) else where
            raise ValueError(
                f"FITS holds only ASCII text. Got {value!r} ({place}); write ECSV or Parquet."
            )


def _check_ends(table: pd.DataFrame, kind: str) -> None:
    """Refuse text that would be read without the blanks at its ends."""
    columns = {name: table[name] for name in table.select_dtypes(object).columns}
    for where, values in {"a name of a column": table.columns, **columns}.items():
        for value in values:
            if value != value.strip(" "):
                raise ValueError(
                    f"{kind} drops blanks at the ends of text. Got {value!r} ({where}); strip "
                    "them, or write CSV or Parquet."
                )


def _check_ecsv(table: pd.DataFrame, header: Header) -> None:
    _check_ends(table, "ECSV")


KINDS = {
    ".csv": Kind(_holds_all, _write_csv),
    ".ecsv": Kind(_check_ecsv, _write_ecsv),
    ".parquet": Kind(_check_parquet, _write_parquet),
    ".fits": Kind(_check_fits, _write_fits),
    ".fit": Kind(_check_fits, _write_fits),
}
