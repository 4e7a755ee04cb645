"""Masked values, whichever library masked them: ``np.ma``, astropy or pandas.

A masked value is a missing one. Masked votes are no votes; an array of anything else with a masked
value is refused (`skgalaxy._validation.refuse_masked`). What stands behind a mask, for example in a
table joined by astropy, is never used.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["missing_mask", "without_mask"]


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
