"""The training set: each image once, how images are scaled, and shuffled batches of them.

Rows that show the same image are put together, with the mean of their counts and the sum of their
weights, or with the sum of their votes where these are fractions of one: so a row repeated three
times and a row of weight 3 are the same training set, and so are any two orders of its rows.
"""

import hashlib
import math
import os
from typing import NamedTuple

import keras
import numpy as np

from skgalaxy._validation import check_int
from skgalaxy.pools import is_batched, take

__all__ = [
    "ImageSpec",
    "VoteBatches",
    "as_rows",
    "check_dtype",
    "check_like",
    "distinct_images",
    "image_digests",
    "image_shape_of",
    "split_rows",
]

_CHUNK = 128  # rows read at once
_UNEQUAL = (
    "`X` must hold images of one size, as one array; crop or resize them first, or give their "
    "paths to skgalaxy.images.ImageLoader."
)


def distinct_images(X, votes, *, add_votes=False):
    """Return rows of `X`, each image with votes once, and the votes of each in all.

    Parameters
    ----------
    X : array of shape (n_galaxies, ...)
    votes : ndarray of shape (n_galaxies, 3)
        Counts and weights [k, N, w].
    add_votes : bool, default=False
        Whether rows of the same image are parts of its votes, as fractions of single votes are,
        rather than the same votes again.

    Returns
    -------
    rows : ndarray of shape (n_images,)
        In an order that follows from the images, not from their rows.
    votes : ndarray of shape (n_images, 3)
        Weighted means of [k, N], and sums of w; or sums of [k, N], and means of w. float32.
    digests : ndarray of shape (n_images,)
        Of the images, as `image_digests` gives them.
    """
    judged = np.flatnonzero(votes[:, 1] * votes[:, 2] > 0)  # the others teach nothing
    digests = image_digests(X, judged)
    digests, first, image = np.unique(digests, return_index=True, return_inverse=True)
    k, n_votes, weight = votes[judged].T
    total = np.bincount(image, weight)
    counts = np.stack([np.bincount(image, weight * x) / total for x in (k, n_votes)], axis=1)
    if add_votes:
        n_rows = np.bincount(image)
        counts, total = counts * n_rows[:, None], total / n_rows
    return judged[first], np.column_stack([counts, total]).astype(np.float32), digests


def image_digests(X, rows):
    """Return what tells images apart, shape (n_rows,); equal images have equal ones."""
    dtype = _dtype(X)
    digests = [
        # + 0: a pixel of -0.0 is one of 0.0
        hashlib.blake2b(np.ascontiguousarray(image, dtype) + dtype(0), digest_size=16).hexdigest()
        for start in range(0, len(rows), _CHUNK)
        for image in take(X, rows[start : start + _CHUNK])
    ]
    return np.array(digests, "S32")


def _dtype(X):
    """Return the type that images go to the network in."""
    return np.uint8 if X.dtype == np.uint8 else np.float32


class ImageSpec(NamedTuple):
    """What a row of X is, and how it becomes an image of mean 0 and standard deviation 1."""

    shape: tuple  # of a row of X
    dtype: str  # "uint8" or "float32"
    image_shape: tuple  # (h, w, c), or (n_features,) for rows that are no images
    mean: np.ndarray  # per channel, or per feature
    std: np.ndarray

    @classmethod
    def measure(cls, X, rows, image_shape):
        """Return the spec of some `rows` of `X`, read in chunks."""
        size, total, squares = image_shape[-1], 0.0, 0.0
        for start in range(0, len(rows), _CHUNK):
            values = take(X, rows[start : start + _CHUNK]).astype(np.float64).reshape(-1, size)
            total = total + values.sum(axis=0)
            squares = squares + np.square(values).sum(axis=0)
        count = len(rows) * math.prod(image_shape) / size
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
        std[std <= 1e-6 * np.abs(mean)] = 0  # rounding of a constant channel
        return cls(
            X.shape[1:], np.dtype(_dtype(X)).name, image_shape, mean, np.where(std > 0, std, 1)
        )


def as_rows(X):
    """Return X as something with dimensions, unless its rows are paths or of unequal size."""
    if is_batched(X):
        raise ValueError(
            "`X` must be an array to train on: batches cannot be told apart from their votes. "
            f"Got {type(X).__name__}; it can be predicted, and scored as a pool."
        )
    try:
        X = X if hasattr(X, "ndim") else np.asarray(X)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_UNEQUAL} Got rows of unequal size.") from error
    head = X.iloc[:1].to_numpy() if hasattr(X, "iloc") else X
    first = head.flat[0] if isinstance(head, np.ndarray) and head.size else None
    if isinstance(first, str | os.PathLike):
        raise ValueError(
            f"`X` must hold images, not text. Got {os.fspath(first)!s}; to give paths, put "
            "skgalaxy.images.ImageLoader before the estimator in a Pipeline."
        )
    if isinstance(first, np.ndarray | list | tuple):
        raise ValueError(f"{_UNEQUAL} Got an array of {type(first).__name__}.")
    return X


def check_dtype(X):
    """Raise ValueError if the rows of an array are of numbers wider than float64."""
    dtype = getattr(X, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize > 8:
        raise ValueError(
            f"`X` must hold numbers of at most 64 bits. Got {dtype}; convert it to float32."
        )


def check_like(X, spec):
    """Raise ValueError unless the rows of X are like those the network was fitted to."""
    if X.shape[1:] != spec.shape:
        raise ValueError(
            f"`X` must hold images like those of `fit`, shape {spec.shape}. "
            f"Got shape {X.shape[1:]}; crop or resize them first."
        )
    was_bytes = spec.dtype == "uint8"
    if (X.dtype == np.uint8) != was_bytes:
        raise ValueError(
            f"`X` must be {'uint8' if was_bytes else 'numbers other than uint8'}, as in `fit`: "
            f"a pixel of 255 is not one of 1.0. Got {X.dtype}; convert it to that type and scale."
        )


def image_shape_of(shape, given):
    """Return (h, w, c), or (n_features,), for rows of X of `shape` and the `given` parameter."""
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
    own = (*shape, 1)[:3] if is_image else shape
    if given is not None and (own != given if is_image else shape != (math.prod(given),)):
        raise ValueError(
            f"`X` must hold images of `image_shape` {given}. Got rows of shape {shape}."
        )
    return own if given is None else given


def split_rows(n_rows, fraction, seed):
    """Return the numbers of the rows to train on, and of a random `fraction` to hold out."""
    n_held_out = math.ceil(fraction * n_rows)
    if n_held_out >= n_rows:
        raise ValueError(
            f"`validation_fraction` must leave an image to train on. Got {fraction} of {n_rows}."
        )
    order = np.random.default_rng([seed, 1]).permutation(n_rows)
    return np.sort(order[n_held_out:]), np.sort(order[:n_held_out])


class VoteBatches(keras.utils.PyDataset):
    """Shuffled batches of (images, [k, N], weights), read from X row by row as they are needed."""

    def __init__(self, X, rows, votes, batch_size, seed=None):
        super().__init__()
        self.X, self.rows, self.votes, self.batch_size = X, rows, votes, batch_size
        self.rng = None if seed is None else np.random.default_rng(seed)  # None: in order
        self.order = np.arange(len(rows))
        self.on_epoch_end()

    def __len__(self):
        return math.ceil(len(self.rows) / self.batch_size)

    def __getitem__(self, index):
        picked = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        votes = self.votes[picked]
        return take(self.X, self.rows[picked]), votes[:, :2], votes[:, 2]

    def on_epoch_end(self):
        if self.rng is not None:
            self.rng.shuffle(self.order)
