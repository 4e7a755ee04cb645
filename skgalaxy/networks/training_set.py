"""The training set: images with votes, their mean and scatter, and shuffled batches of them.

Each image is in it once. Rows of X that show the same image are put together: their counts are
averaged and their weights added. Where y holds fractions, each row is one more vote, so the votes
are added and the weights averaged. A row repeated three times and a row of weight 3 are therefore
the same training set, in whatever order the rows come.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import gen_batches

from skgalaxy._pools import n_rows, take
from skgalaxy._validation import check_weighted_votes
from skgalaxy.networks.rows import ImageSpec

__all__ = ["TrainingSet", "VoteBatches", "image_digests"]

_CHUNK = 128  # rows read at once


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Images with votes, each image once.

    Attributes
    ----------
    X : array of shape (n_galaxies, ...)
        It stays where it is: rows of stored arrays are read when they are needed.
    rows : ndarray of int of shape (n_images,)
        Rows of `X`. Their order follows from the images, not from the order of `X`.
    votes : ndarray of shape (n_images, 3)
        Counts k, N and the weight of the image, float32.
    digests : ndarray of shape (n_images,)
        As `image_digests` gives them.
    """

    X: Any
    rows: NDArray
    votes: NDArray
    digests: NDArray

    @classmethod
    def of(cls, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Training set of `X`, `y` and `sample_weight` of `BayesianCNNRegressor.fit`.

        Galaxies without votes or weight teach nothing and are left out.

        Raises
        ------
        ValueError
            If `y` or `sample_weight` is out of range or of the wrong shape.
        """
        votes, n_votes, weight = check_weighted_votes(y, sample_weight, n_rows(X))
        rows = np.flatnonzero(n_votes * weight > 0)
        votes, n_votes, weight = votes[rows], n_votes[rows], weight[rows]
        digests, first, image = np.unique(
            image_digests(X, rows), return_index=True, return_inverse=True
        )
        total = np.bincount(image, weight)
        counts = np.stack([np.bincount(image, weight * x) / total for x in (votes, n_votes)], 1)
        if np.shape(y)[1:] != (2,):  # fractions: every row is votes of its own
            n_equal = np.bincount(image)
            counts, total = counts * n_equal[:, None], total / n_equal
        return cls(X, rows[first], np.column_stack([counts, total]).astype(np.float32), digests)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, images: NDArray) -> Self:
        return type(self)(self.X, self.rows[images], self.votes[images], self.digests[images])

    def split(self, fraction: float, seed: int) -> tuple[Self, Self]:
        """Images to train on, and a random `fraction` of them to hold out."""
        n_held_out = math.ceil(fraction * len(self))
        if n_held_out >= len(self):
            raise ValueError(
                "`validation_fraction` must leave an image to train on. "
                f"Got {fraction} of {len(self)}."
            )
        order = np.random.default_rng([seed, 1]).permutation(len(self))
        return self[np.sort(order[n_held_out:])], self[np.sort(order[:n_held_out])]

    def measure(self, image_shape: tuple[int, ...]) -> ImageSpec:
        """Mean and standard deviation of the images, channel by channel, read in chunks."""
        size, total, squares = image_shape[-1], 0.0, 0.0
        for chunk in gen_batches(len(self), _CHUNK):
            values = take(self.X, self.rows[chunk]).astype(np.float64).reshape(-1, size)
            total = total + values.sum(axis=0)
            squares = squares + np.square(values).sum(axis=0)
        count = len(self) * math.prod(image_shape) / size
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
        std[std <= 1e-6 * np.abs(mean)] = 0  # rounding of a constant channel
        dtype = np.dtype(_network_dtype(self.X)).name
        return ImageSpec(self.X.shape[1:], dtype, image_shape, mean, np.where(std > 0, std, 1))

    def batches(self, batch_size: int, seed: int | None = None) -> "VoteBatches":
        """Batches of images and votes, in random order if there is a `seed`."""
        return VoteBatches(self, batch_size, seed)


class VoteBatches(keras.utils.PyDataset):
    """Batches of (images, [k, N], weights), read from X row by row as they are needed."""

    def __init__(self, training_set: TrainingSet, batch_size: int, seed: int | None = None):
        super().__init__()
        self.training_set, self.batch_size = training_set, batch_size
        self.rng = None if seed is None else np.random.default_rng(seed)
        self.order = np.arange(len(training_set))
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self.training_set) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray, NDArray, NDArray]:
        picked = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        images = self.training_set[picked]
        return take(images.X, images.rows), images.votes[:, :2], images.votes[:, 2]

    def on_epoch_end(self) -> None:
        if self.rng is not None:
            self.rng.shuffle(self.order)


def image_digests(X: Any, rows: NDArray) -> NDArray:
    """Text that is the same for equal images, and for no others, shape (n_rows,)."""
    dtype = _network_dtype(X)
    digests = [
        # + 0: a pixel of -0.0 is one of 0.0
        hashlib.blake2b(np.ascontiguousarray(image, dtype) + dtype(0), digest_size=16).hexdigest()
        for chunk in gen_batches(len(rows), _CHUNK)
        for image in take(X, rows[chunk])
    ]
    return np.array(digests, "S32")


def _network_dtype(X: Any) -> type[np.uint8] | type[np.float32]:
    """Type in which images go to the network."""
    return np.uint8 if X.dtype == np.uint8 else np.float32
