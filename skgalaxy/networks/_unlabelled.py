"""Pools of pictures without votes, read batch by batch: in memory, on disk, or through a loader."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skgalaxy._pools import is_batched, is_stored, n_rows, rows_within_budget, take, take_rows
from skgalaxy.networks.rows import ImageSpec, check_images, image_shape_of
from skgalaxy.networks.training_set import TrainingSet, image_digests

__all__ = ["UnlabelledPool", "measure"]

_N_MEASURED = 1000  # pictures
_N_RUNS = 8  # places of a stored pool that are read for the same batches


class UnlabelledPool:
    """Pictures without votes, read some rows at a time.

    Parameters
    ----------
    X : array-like
        Pictures, or what `loader` reads.
    loader : transformer or None
    """

    def __init__(self, X: Any, loader: Any) -> None:
        self.X = X
        self.loader = loader

    @classmethod
    def of(cls, X: Any, loader: Any) -> "UnlabelledPool":
        """Checked pool.

        Raises
        ------
        ValueError, TypeError
            If X is no array of pictures, nor rows for `loader`.
        """
        if loader is None:
            return cls(check_images(BaseEstimator(), X, like=None), None)
        if not hasattr(loader, "transform"):
            raise TypeError(
                "`loader` must be a transformer with `transform`, for example an "
                f"skgalaxy.images.ImageLoader. Got {loader!r:.60}."
            )
        if is_batched(X) or not hasattr(X, "__len__"):
            raise TypeError(
                f"`X` must be rows that `loader` reads, such as paths. Got {type(X).__name__}."
            )
        return cls(X, loader)

    def __len__(self) -> int:
        return n_rows(self.X) or 0

    def read(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Pictures of some rows, in any order."""
        if self.loader is None:
            return take(self.X, rows)
        order = np.argsort(rows)
        found = check_images(
            BaseEstimator(), self.loader.transform(take_rows(self.X, rows[order])), like=None
        )
        if len(found) != len(rows):
            raise ValueError(
                f"`loader` must make one picture of every row, {len(rows)} here. Got {len(found)}."
            )
        pictures = np.empty_like(found)
        pictures[order] = found
        return pictures

    def sample(self) -> NDArray[Any]:
        """Some of the pictures, from all over the pool, or all if they are few."""
        n_read = min(len(self), _N_MEASURED)
        rows = np.linspace(0, len(self) - 1, n_read).astype(np.intp)
        if not n_read:
            raise ValueError("`X` must hold pictures. Got 0 rows.")
        return self.read(rows)

    def order(self, seed: int, epoch: int, batch_size: int) -> tuple[NDArray[np.intp], int]:
        """Rows of one pass over the pool, and how many of them to read at once."""
        rng = np.random.default_rng([seed, epoch])
        if not is_stored(self.X):
            return rng.permutation(len(self)), batch_size
        # neighbours share a chunk of the file: rows are read in runs, and mixed in memory
        at_once = max(1, rows_within_budget(self.X) // batch_size) * batch_size
        length = math.ceil(at_once / _N_RUNS)
        runs = [np.arange(i, min(i + length, len(self))) for i in range(0, len(self), length)]
        rows = np.concatenate([runs[i] for i in rng.permutation(len(runs))])
        for start in range(0, len(rows), at_once):
            rng.shuffle(rows[start : start + at_once])
        return rows, at_once

    def batches(self, seed: int, batch_size: int, first: int) -> Iterator[NDArray[Any]]:
        """Batches without end, from number `first` on, each of `batch_size` pictures."""
        per_epoch = len(self) // batch_size
        while True:
            epoch, within = divmod(first, per_epoch)
            rows, at_once = self.order(seed, epoch, batch_size)
            start, end = within * batch_size, per_epoch * batch_size
            edges = [start, *range(start // at_once * at_once + at_once, end, at_once), end]
            for part in itertools.starmap(slice, itertools.pairwise(edges)):
                read = self.read(rows[part])
                yield from np.split(read, len(read) // batch_size)
            first = (epoch + 1) * per_epoch


def measure(sample: NDArray[Any], batch_size: int) -> ImageSpec:
    """Shape, type, mean and deviation of pictures.

    Raises
    ------
    ValueError
        If they are no pictures, or fewer than two batches of different ones.
    """
    shape = image_shape_of(sample.shape[1:], None)
    if len(shape) != 3:
        raise ValueError(
            "`X` must hold pictures, shape (n_pictures, h, w) or (n_pictures, h, w, c). "
            f"Got shape {sample.shape}; reshape flat rows."
        )
    digests = image_digests(sample, np.arange(len(sample)))
    flat = sample.reshape(len(sample), -1)
    shows = flat.max(axis=1) > flat.min(axis=1)
    n_different = len(np.unique(digests[shows]))
    if n_different < 2 * batch_size:
        raise ValueError(
            f"`X` must hold at least {2 * batch_size} different pictures that show something, two "
            f"batches. Got {n_different} among {len(sample)}; give more, or a smaller `batch_size`."
        )
    every = TrainingSet(sample, np.arange(len(sample)), np.ones((len(sample), 3), "f4"), digests)
    return every.measure(shape)
