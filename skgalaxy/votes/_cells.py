"""Cells of a table's columns as numbers."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MISSING = {"", "nan", "na", "n/a", "null", "none"}


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Mask of the cells of a column without a vote count."""
    codes, distinct = pd.factorize(values.astype(object))  # counts are few
    cells = pd.Series(distinct, dtype=object)
    missing = cells.isna() | cells.astype(str).str.strip().str.lower().isin(MISSING)
    return np.append(missing.to_numpy(dtype=bool), True)[codes]


def as_numbers(values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers of a column, NaN where there is none, and where a cell is neither that nor empty.

    Booleans are no counts: astropy writes small integers (int8) to FITS as such.
    """
    if pd.api.types.infer_dtype(values, skipna=True) == "boolean":
        return np.full(len(values), np.nan), ~is_missing(values)
    numbers = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
    numbers = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = ~np.isfinite(numbers)
    bad[bad] = ~is_missing(values[bad])
    return numbers, bad


def are_votes(values: NDArray[Any]) -> bool:
    """True if all cells are whole numbers >= 0, or empty."""
    numbers, bad = as_numbers(values)
    given = numbers[np.isfinite(numbers)]
    return not bad.any() and bool(((given >= 0) & (given == np.floor(given))).all())
