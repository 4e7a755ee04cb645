"""The training set: images with votes, their mean and deviation, and batches of them.

Each image is in it once. Rows of X with the same image are joined: counts in y are averaged and
their weights added. Fractions in y are votes of their own, so they are added and their weights
averaged. The result is the same for one row of weight 3 and for three equal rows, in any order.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._pools import n_rows, take
from skgalaxy._validation import without_mask
from skgalaxy.likelihoods.base import row_blocks
from skgalaxy.likelihoods.counts import has_votes, weighted_counts
from skgalaxy.networks.rows import ImageSpec
from skgalaxy.votes import DecisionTree

__all__ = ["TrainingSet", "VoteBatches", "image_digests"]

_CHUNK = 128  # rows read at once


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Images with votes, each image once.

    You can index it, for example with an array of numbers, to get some of the images.

    Attributes
    ----------
    X : array of shape (n_galaxies, ...)
        All rows. It is never copied; rows of a stored array are read when they are needed.
    rows : ndarray of int of shape (n_images,)
        Rows of `X` in the set. Their order depends on the images, not on the order of `X`.
    votes : ndarray of shape (n_images, n_counts + 1)
        Counts, and last the weight of the image, float32. Counts are k and N, or those of every
        answer of a tree.
    digests : ndarray of shape (n_images,)
        One text per image; see `image_digests`.
    """

    X: Any
    rows: NDArray[np.intp]
    votes: NDArray[np.float32]
    digests: NDArray[np.bytes_]

    @classmethod
    def of(
        cls,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        tree: DecisionTree | None = None,
    ) -> Self:
        """Training set from the arguments of `BayesianCNNRegressor.fit`.

        Galaxies without votes or weight are left out, because they teach nothing. A masked value
        in y is a galaxy without votes. With a tree NaN is a question that nobody was asked.

        Raises
        ------
        ValueError
            If `y` or `sample_weight` is out of range or of the wrong shape.
        """
        votes = weighted_counts(y, sample_weight, n_rows(X), tree)
        rows = np.flatnonzero(has_votes(votes))
        counts, weight = votes[rows, :-1], votes[rows, -1]
        # sorted by digest: the set, and so the fit, does not depend on the order of X
        digests, first, image = np.unique(
            image_digests(X, rows), return_index=True, return_inverse=True
        )
        total = np.bincount(image, weight)
        counts = np.stack([np.bincount(image, weight * x) / total for x in counts.T], axis=1)
        # fractions: each row is further votes, not the same again
        if tree is None and np.shape(without_mask(y)[0])[1:] != (2,):
            n_equal = np.bincount(image)
            counts, total = counts * n_equal[:, None], total / n_equal
        return cls(X, rows[first], np.column_stack([counts, total]).astype(np.float32), digests)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, images: NDArray[np.intp]) -> Self:
        return type(self)(self.X, self.rows[images], self.votes[images], self.digests[images])

    def split(self, fraction: float, seed: int) -> tuple[Self, Self]:
        """Two sets: images to train on, and a random `fraction` of the images to hold out.

        Raises
        ------
        ValueError
            If no image would be left to train on.
        """
        n_held_out = math.ceil(fraction * len(self))
        if n_held_out >= len(self):
            raise ValueError(
                "`validation_fraction` must leave an image to train on. "
                f"Got {fraction} of {len(self)}, which is every image; give a smaller fraction."
            )
        # [seed, 1]: another stream than that of the batches, which starts from the seed itself
        order = np.random.default_rng([seed, 1]).permutation(len(self))
        return self[np.sort(order[n_held_out:])], self[np.sort(order[:n_held_out])]

    def measure(self, image_shape: tuple[int, ...]) -> ImageSpec:
        """Image specification: shapes, type, and mean and standard deviation of each channel.

        An image that scatters 30 times more than the median image does not count, for example one
        with a broken pixel of 1e5: it would make all others dark.
        """
        size = image_shape[-1]
        n_pixels = math.prod(image_shape) / size
        dtype = np.dtype(_network_dtype(self.X)).name
        # bytes have no such pixels, and plain features no image to stand out
        by_image = dtype != "uint8" and len(image_shape) == 3
        # in chunks: X may not fit in memory
        sums = [self._sums(chunk, size, by_image) for chunk in row_blocks(len(self), _CHUNK)]
        total, squares = (np.concatenate(parts) for parts in zip(*sums, strict=True))
        count = np.full(size, len(self) * n_pixels)
        if by_image:
            counts = _scatter_alike(total / n_pixels, squares / n_pixels)
            total, squares = np.where(counts, total, 0), np.where(counts, squares, 0)
            count = counts.sum(axis=0) * n_pixels
        mean = total.sum(axis=0) / count
        # rounding may make the variance of a constant channel a little less or more than 0
        std = np.sqrt(np.maximum(squares.sum(axis=0) / count - np.square(mean), 0))
        std[std <= 1e-6 * np.abs(mean)] = 0
        return ImageSpec(self.X.shape[1:], dtype, image_shape, mean, np.where(std > 0, std, 1))

    def _sums(
        self, chunk: slice, size: int, by_image: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sums of pixels and of their squares per channel, of each image or of all in the chunk."""
        # float64: float32 would lose digits in the sums
        values = take(self.X, self.rows[chunk]).astype(np.float64)
        values = values.reshape(len(values) if by_image else 1, -1, size)
        return values.sum(axis=1), np.square(values).sum(axis=1)

    def batches(self, batch_size: int, seed: int | None = None) -> "VoteBatches":
        """Batches of images and votes, in a random order if you give a `seed`."""
        return VoteBatches(self, batch_size, seed)


class VoteBatches:
    """Batches of (images, counts, weights), each read from X when it is asked for."""

    def __init__(self, training_set: TrainingSet, batch_size: int, seed: int | None = None) -> None:
        self.training_set: TrainingSet = training_set
        self.batch_size: int = batch_size
        self.rng: np.random.Generator | None = None if seed is None else np.random.default_rng(seed)
        self.order: NDArray[np.intp] = np.arange(len(training_set))
        self.shuffle()

    def __len__(self) -> int:
        return math.ceil(len(self.training_set) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        picked = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        images = self.training_set[picked]
        return take(images.X, images.rows), images.votes[:, :-1], images.votes[:, -1]

    def shuffle(self) -> None:
        """Put the images in a new random order, if there is a seed."""
        if self.rng is not None:
            self.rng.shuffle(self.order)


_MOST_SCATTER = 30  # of an image, in units of the median image's


def _scatter_alike(means: NDArray[np.float64], squares: NDArray[np.float64]) -> NDArray[np.bool_]:
    """True for images that scatter much like the median image, per channel.

    `means` and `squares` are means over the pixels of every image and channel.
    """
    centre = np.median(means, axis=0)
    scatter = squares - 2 * centre * means + np.square(centre)  # mean of (pixel - centre)²
    most = _MOST_SCATTER**2 * np.median(scatter, axis=0)
    # where most images are constant there is no scale to compare with
    return (scatter <= most) | (most <= 0)


def image_digests(X: Any, rows: NDArray[np.intp]) -> NDArray[np.bytes_]:
    """One text per image, shape (n_rows,); texts are equal if and only if the images are."""
    dtype = _network_dtype(X)
    digests = [
        _digest(np.ascontiguousarray(image, dtype) + dtype(0))  # -0.0 + 0 is 0.0, an equal pixel
        for chunk in row_blocks(len(rows), _CHUNK)
        for image in take(X, rows[chunk])
    ]
    return np.array(digests, "S32")


def _digest(image: NDArray[Any]) -> str:
    return hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest()


def _network_dtype(X: Any) -> type[np.uint8] | type[np.float32]:
    """Type of images on their way to the network."""
    # bytes stay bytes: a quarter of the memory
    return np.uint8 if X.dtype == np.uint8 else np.float32
