"""`write_catalogue`: a file of the kind that its name says, checked before the work."""

import hashlib
import io
import math
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skgalaxy import __version__
from skgalaxy._files import check_path, complete_file
from skgalaxy.catalogue import _formats as formats
from skgalaxy.catalogue._table import check_catalogue

__all__ = ["check_writable", "write_catalogue"]

Header = dict[str, str | int | float | bool]


def write_catalogue(
    path: str | os.PathLike[str],
    catalogue: pd.DataFrame,
    *,
    model: str,
    metadata: Mapping[str, str | int | float | bool] | None = None,
) -> None:
    """Write a catalogue as CSV, Parquet or FITS, complete or not at all.

    Parameters
    ----------
    path : str or path-like
        The file; its suffix, ``.csv``, ``.ecsv``, ``.parquet``, ``.fits`` or ``.fit``, tells the
        kind. An existing file is replaced. ``.csv`` is plain CSV: a second file,
        ``{path}-metadata.json``, holds the model, the metadata, and the SHA256 of the table.
    catalogue : DataFrame
        From `make_catalogue`; you can add columns of numbers or of text of one line. The index is
        not written. FITS has no 8-bit integers with a sign and no 16-bit floats: it holds these in
        twice the bits. Readers of Enhanced CSV take empty text for missing text.
    model : str
        Name and version of the model that predicted it, as you would give them in a paper.
    metadata : mapping of str to str, int, float or bool, default=None
        More entries for the header, beside the model and the version of skgalaxy. In Parquet all
        are text; FITS keeps at least 12 digits of a float.

    Raises
    ------
    ImportError
        If the kind needs a package that is not installed: pyarrow for Parquet, astropy for FITS.
    OSError
        If the folder does not exist or the disk is full. Then there is no file, or the old one.
    TypeError
        If `catalogue` is no DataFrame, a column holds neither numbers nor text, or `metadata` are
        no dict of them.
    ValueError
        If the suffix is none of these; a name is repeated; ids are missing, repeated, floats, or
        formulas for a spreadsheet; or this kind of file cannot hold a name, a text or a key. FITS,
        for example, holds only ASCII, and has a use of its own for a key such as NAXIS. All of it
        is checked before anything is written.

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
    ...     read = pd.read_csv(path, dtype={"id_str": str})
    >>> read.equals(catalogue.astype(read.dtypes))
    True
    """
    path, table, header = check_writable(path, catalogue, model=model, metadata=metadata)
    suffix, buffer = path.suffix.lower(), io.BytesIO()
    formats.KINDS[suffix].write(buffer, table, header)
    with ExitStack() as files:
        file = files.enter_context(complete_file(path))
        file.write(buffer.getbuffer())
        file.flush()  # a full disk is an error now, before the second file is in its place
        if suffix == ".csv":
            digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
            beside = files.enter_context(complete_file(f"{path}-metadata.json"))
            beside.write(formats.as_csvw(path.name, table, header, digest))


def check_writable(
    path: str | os.PathLike[str],
    catalogue: pd.DataFrame,
    *,
    model: str,
    metadata: Mapping[str, Any] | None = None,
) -> tuple[Path, pd.DataFrame, Header]:
    """Check all that `write_catalogue` is given; nothing is written.

    Returns
    -------
    path : pathlib.Path
    table : DataFrame
        A copy with plain columns.
    header : dict
        The model, the version of skgalaxy, and the metadata.
    """
    path = check_path(path, "path")
    suffix = path.suffix.lower()
    if suffix not in formats.KINDS:
        raise ValueError(f"`path` must end in {', '.join(formats.KINDS)}. Got {str(path)!r}.")
    table, header = check_catalogue(catalogue), _make_header(model, metadata)
    formats.KINDS[suffix].check(table, header)
    return path, table, header


def _make_header(model: str, metadata: Mapping[str, Any] | None) -> Header:
    """Make the header of a name, a version and more, all checked."""
    if not isinstance(model, str) or not model.strip():
        raise TypeError(f"`model` must name the model in words. Got {model!r}.")
    if not isinstance(metadata, Mapping | None):
        raise TypeError(f"`metadata` must be a dict. Got {type(metadata).__name__}.")
    own: dict[str, Any] = {"model": model, "skgalaxy_version": __version__}
    for key, value in {**own, **(metadata or {})}.items():
        if not (_is_line(key) and key.strip() and (_is_line(value) or _is_number(value))):
            raise TypeError(
                "`metadata` must map text to text of one line or finite numbers. "
                f"Got {value!r} of {key!r}."
            )
    taken = own.keys() & (metadata or {}).keys()
    if taken:
        raise ValueError(
            f"`metadata` must have keys of their own. Got {taken.pop()!r}, which is written anyway."
        )
    header = {**own, **(metadata or {})}
    return {key: value.item() if hasattr(value, "item") else value for key, value in header.items()}


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_number(value: Any) -> bool:
    kinds = bool | int | float | np.bool_ | np.integer | np.floating
    return isinstance(value, kinds) and math.isfinite(value)
