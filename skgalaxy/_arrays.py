"""Arrays of any library: which of their values are masked, and whether all are real numbers.

A masked value is a missing one, whether ``np.ma``, astropy or pandas masked it. Masked votes are no
votes; an array of anything else with a masked value is refused. What stands behind a mask, for
example in a table joined by astropy, is never used.
"""

import numbers
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

__all__ = [
    "any_of_row",
    "as_float64",
    "check_numbers",
    "first_rows",
    "missing_mask",
    "refuse_masked",
    "shortened",
    "without_mask",
]


def first_rows(bad: NDArray[Any]) -> str:
    """First few row numbers where `bad` is true, for an error message."""
    rows = np.flatnonzero(bad)
    shown = ", ".join(str(row) for row in rows[:5])
    return f"{shown}, ... ({len(rows)} rows)" if len(rows) > 5 else shown


def any_of_row(bad: NDArray[Any]) -> NDArray[np.bool_]:
    """True for each row in which `bad` is true somewhere."""
    return np.any(bad, axis=tuple(range(1, bad.ndim)))


def without_mask(values: Any) -> tuple[Any, NDArray[np.bool_] | None]:
    """The `values` with 0 where they are masked, and the mask; as they are, and None, if none is.

    Lists may hold masked values, too, for example the rows of a table.
    """
    if isinstance(values, list | tuple):
        return _list_without_mask(values)
    if isinstance(values, np.ma.MaskedArray):
        plain, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
    elif isinstance(values, pd.Series | pd.DataFrame | pd.Index | pd.api.extensions.ExtensionArray):
        plain = np.asarray(values)
        mask = _is_na(values, plain)
    elif hasattr(values, "unmasked") and hasattr(values, "mask"):  # astropy.utils.masked
        plain, mask = np.asarray(values.unmasked), np.asarray(values.mask)
    elif isinstance(values, np.ndarray) and values.dtype.kind == "O":
        plain, mask = values, _is_na(None, values)
    else:  # a single value, or an array that knows no masks
        return (0, np.array(True)) if values is pd.NA else (values, None)
    mask = _of_all_fields(mask)
    if not mask.any():
        return values, None
    plain = np.array(plain)
    plain[mask] = np.zeros((), plain.dtype)
    return plain, mask


def _list_without_mask(values: Sequence[Any]) -> tuple[Any, NDArray[np.bool_] | None]:
    """`without_mask` of a list, whose elements may have masks of their own."""
    pairs = [
        without_mask(value) if value is pd.NA or not np.isscalar(value) else (value, None)
        for value in values
    ]
    if all(mask is None for _, mask in pairs):
        return values, None
    plain = [value for value, _ in pairs]
    masks = [np.zeros(_shape(value), bool) if mask is None else mask for value, mask in pairs]
    if len({mask.shape for mask in masks}) > 1:  # a ragged list: no mask can have its shape
        masks = [mask.any() for mask in masks]
    return plain, np.array(masks)


def _shape(value: Any) -> tuple[int, ...]:
    """Shape of a value, (0,) of a ragged list."""
    try:
        return np.shape(value)
    except ValueError:
        return (0,)


def _of_all_fields(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Mask of records that is True where any of their fields is masked."""
    fields = [mask[field] for field in mask.dtype.names or ()]
    return np.any(fields, axis=0) if fields else mask


def _is_na(table: Any, plain: NDArray[Any]) -> NDArray[np.bool_]:
    """True for `pd.NA`: in an array of objects, and in columns of pandas' types with a mask."""
    if plain.dtype.kind == "O":
        return np.array([value is pd.NA for value in plain.flat], bool).reshape(plain.shape)
    dtypes = list(getattr(table, "dtypes", [])) if plain.ndim == 2 else [table.dtype]
    has_mask = [getattr(dtype, "na_value", None) is pd.NA for dtype in dtypes]
    return np.asarray(table.isna()) & np.array(has_mask if plain.ndim == 2 else has_mask[0])


def missing_mask(values: Any) -> NDArray[np.bool_] | None:
    """Mask that is True where `values` are masked, of their shape; None if none is.

    For example, of ``np.ma.array([1, 2], mask=[False, True])``, of an astropy column with gaps, or
    of a pandas Series that holds ``pd.NA``. NaN is a value, not a mask.
    """
    return without_mask(values)[1]


def refuse_masked(values: Any, name: str) -> None:
    """Raise ValueError if any of `values` is masked; NaN is not."""
    _refuse(missing_mask(values), name)


def _refuse(mask: NDArray[np.bool_] | None, name: str) -> None:
    if mask is not None:
        where = f" in row {first_rows(any_of_row(mask))}" if mask.ndim else ""
        raise ValueError(
            f"`{name}` must have no masked value, which means a missing one. Got one{where}; "
            "leave it out or fill it in."
        )


_KINDS = {
    "U": "text",
    "T": "text",
    "S": "bytes",
    "c": "complex numbers",
    "M": "dates",
    "m": "spans of time",
    "V": "records, as of a table, whose columns must be stacked first",
}


def check_numbers(values: Any, name: str) -> NDArray[np.float64]:
    """Real numbers as a float64 array, of any shape. NaN and infinity are numbers here.

    Raises
    ------
    ValueError
        If a value is masked, or if the values are, for example, text, complex or of rows of
        unequal length.
    """
    values, mask = without_mask(values)
    _refuse(mask, name)
    return as_float64(values, name)


def as_float64(values: Any, name: str) -> NDArray[np.float64]:
    """`check_numbers` of values that are known to have no mask."""
    if sparse.issparse(values):
        raise ValueError(
            f"`{name}` must be an array of numbers. Got a sparse one; pass `toarray()`."
        )
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # for example a tensor on a GPU
        got = "rows of unequal length" if "inhomogeneous" in str(error) else error
        raise ValueError(f"`{name}` must be an array of numbers. Got {got}.") from error
    kind = array.dtype.kind
    if kind in "biuf" or "bfloat16" in array.dtype.name:  # which NumPy knows by name only
        return array.astype(np.float64, copy=False)
    if kind == "O":
        return _objects_as_float64(array, name)
    example = f", for example {shortened(array.flat[0].item())}" if array.size else ""
    # scikit-learn's own checks of an estimator look for these words
    rule = "Complex data not supported: " if kind == "c" else ""
    raise ValueError(f"{rule}`{name}` must hold real numbers. Got {_KINDS[kind]}{example}.")


def _objects_as_float64(array: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Numbers of Python's own types, for example integers in a pandas column of objects."""
    for place, value in enumerate(array.flat):
        if not isinstance(value, (numbers.Real, np.bool_, Decimal)):
            row = f" in row {place * len(array) // array.size}" if array.ndim else ""
            remedy = getattr(value, "_numbers_are", "")  # of a table of votes
            raise ValueError(
                f"`{name}` must hold real numbers. Got {shortened(value)}{row}{remedy}."
            )
    try:
        return array.astype(np.float64)
    except OverflowError as error:
        raise ValueError(f"`{name}` must hold numbers that fit a float. Got {error}.") from error


def shortened(value: Any, most: int = 60) -> str:
    """The `repr` of a value for a message, cut if it is long."""
    try:
        text = repr(value)
    except Exception:  # for example of an integer of 5,000 digits
        return f"a {type(value).__name__}"
    return text if len(text) <= most else f"{text[:most]}..."
