"""Checks of X: rows that are images, and images like those of an earlier fit."""

import math
import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skgalaxy._pools import is_batched, is_stored
from skgalaxy._validation import check_int, refuse_masked

__all__ = ["ImageSpec", "check_images", "image_shape_of"]

_UNEQUAL = (
    "`X` must hold images of one size, as one array; crop or resize them first, or give their "
    "paths to skgalaxy.images.ImageLoader."
)


class ImageSpec(NamedTuple):
    """Shape and type of a row of X, and the numbers that standardise it.

    For example, flat rows of 64 pixels may stand for images of shape (8, 8, 1).
    """

    shape: tuple[int, ...]  # of a row of X
    dtype: str  # "uint8" or "float32"
    image_shape: tuple[int, ...]  # (h, w, c), or (n_features,) for rows that are no images
    mean: NDArray[np.float64]  # per channel, or per feature
    std: NDArray[np.float64]  # the same; 1 for a constant channel


def check_images(estimator: BaseEstimator, X: Any, like: ImageSpec | None) -> Any:
    """X as an array of images, checked.

    With `like` the images must be like those of that earlier fit, and a table's column names equal
    to those noted on `estimator`. Without, you get the names noted on `estimator`.

    Raises
    ------
    ValueError, TypeError
        If X is no array of finite numbers, or its images are not like the earlier ones. Rows of a
        stored X are checked later, when they are read.
    """
    X = _as_rows(X)
    if is_stored(X):
        # one row shows the number type; to read all of them here could take hours
        _check_array(estimator, np.asarray(X[:1]), is_new=like is None)
    else:
        X = _check_array(estimator, X, is_new=like is None)
        _check_range(X)
    if like is not None:
        _check_like(X, like)
    return X


def _check_array(estimator: BaseEstimator, X: Any, *, is_new: bool) -> NDArray[Any]:
    """X as an array of finite numbers."""
    if X.ndim <= 2:  # scikit-learn notes numbers and names of features of two dimensions only
        return validate_data(estimator, X, reset=is_new)
    if is_new:
        vars(estimator).pop("feature_names_in_", None)
    return check_array(X, allow_nd=True, input_name="X")


def _check_range(X: NDArray[Any]) -> None:
    """Raise ValueError if a pixel would be infinite on its way to the network."""
    most = np.finfo(np.float32).max
    if X.dtype == np.float64 and X.size and (X.max() > most or X.min() < -most):
        rows = np.abs(X).reshape(len(X), -1).max(axis=1)
        row = int(np.argmax(rows > most))
        raise ValueError(
            "`X` must hold numbers that float32 can hold, up to 3.4e38. "
            f"Got {rows[row]:g} in row {row}; mend that pixel, or leave the row out."
        )


def _as_rows(X: Any) -> Any:
    """X as an array; unchanged if it has dimensions, as a table or a stored array has."""
    if is_batched(X):
        raise ValueError(
            "`X` must be an array to train on or to compare with; batches can only be predicted. "
            f"Got {type(X).__name__}; put its images in one array, for example a memory map."
        )
    refuse_masked(X, "X")
    given = X
    try:
        X = X if hasattr(X, "ndim") else np.asarray(X)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_UNEQUAL} Got rows of unequal size.") from error
    if X.ndim == 0:
        raise ValueError(
            f"`X` must be an array of images, or batches by number. Got {type(given).__name__}; "
            "put its images in one array, or its batches in a keras.utils.PyDataset."
        )
    # the first value tells paths and lists from numbers, before scikit-learn's check does with a
    # message that does not help
    head = X.iloc[:1].to_numpy() if hasattr(X, "iloc") else X
    first = head.flat[0] if isinstance(head, np.ndarray) and head.size else None
    if isinstance(first, str | os.PathLike):
        raise ValueError(
            f"`X` must hold images, not text. Got {os.fspath(first)!s}; to give paths, put "
            "skgalaxy.images.ImageLoader before the estimator in a Pipeline."
        )
    if isinstance(first, np.ndarray | list | tuple):
        raise ValueError(f"{_UNEQUAL} Got an array of {type(first).__name__}.")
    dtype = getattr(X, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize > 8:
        raise ValueError(
            f"`X` must hold numbers of at most 64 bits. Got {dtype}; convert it to float32."
        )
    return X


def _check_like(X: Any, image: ImageSpec) -> None:
    """Raise ValueError unless the rows of X have the shape and type of `image`."""
    if X.shape[1:] != image.shape:
        raise ValueError(
            f"`X` must hold images like those of `fit`, shape {image.shape}. "
            f"Got shape {X.shape[1:]}; crop or resize them first."
        )
    was_bytes = image.dtype == "uint8"
    if (X.dtype == np.uint8) != was_bytes:
        raise ValueError(
            f"`X` must be {'uint8' if was_bytes else 'numbers other than uint8'}, as in `fit`: "
            f"the scale of pixels differs between them. Got {X.dtype}; convert it and rescale."
        )


def image_shape_of(shape: tuple[int, ...], given: Any) -> tuple[int, ...]:
    """Image shape (h, w, c) of rows of X, or (n_features,) if they are no images.

    `shape` is that of a row; `given` is the parameter ``image_shape``, or None.
    """
    if given is not None:
        rule = f"`image_shape` must be None, (h, w) or (h, w, c). Got {given!r}."
        if not isinstance(given, tuple | list) or len(given) not in (2, 3):
            raise TypeError(rule)
        given = (*(check_int(size, "image_shape", 1) for size in given), 1)[:3]
    if len(shape) > 3:
        raise ValueError(
            "`X` must hold images (n_galaxies, h, w) or (n_galaxies, h, w, c), or flat rows "
            f"(n_galaxies, n_features). Got {len(shape) + 1} dimensions."
        )
    is_image = len(shape) > 1
    # a grey image has one channel: (h, w) is (h, w, 1)
    own = (*shape, 1)[:3] if is_image else shape
    if given is not None and (own != given if is_image else shape != (math.prod(given),)):
        raise ValueError(
            f"`X` must hold images of `image_shape` {given}. Got rows of shape {shape}."
        )
    if given is None and is_image and _has_channels_first(own):
        raise ValueError(
            "`X` must hold images (n_galaxies, h, w, c), channels last. Got rows of shape "
            f"{shape}, which look like channels first; use np.moveaxis(X, 1, -1), or give "
            f"`image_shape` {shape} if they are right."
        )
    return own if given is None else given


def _has_channels_first(shape: tuple[int, ...]) -> bool:
    """True for a shape such as (3, 64, 64), of torch's images; a galaxy is not 3 pixels high."""
    first, *others = shape
    return first < min(others) and (others[0] == others[1] or first <= 4)
