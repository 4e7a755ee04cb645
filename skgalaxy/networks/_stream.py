"""Batches on their way to a compiled model that stays.

TensorFlow keeps every generator that it reads from for ever, and Keras keeps its first batches: a
run of active learning would hold the images of all its rounds. A model therefore reads from one
stream as long as it lives, and each training puts its batches into it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import keras
from numpy.typing import NDArray

from skgalaxy.networks._runtime import dataset_of
from skgalaxy.networks.training_set import VoteBatches

__all__ = ["BatchStream"]

_Batch = tuple[NDArray[Any], ...]


class BatchStream:
    """Stream of (images, [k, N], weights) for one compiled model.

    Parameters
    ----------
    model : keras.Model
        Model to read the stream.
    """

    def __init__(self, model: keras.Model) -> None:
        (images,) = model.inputs
        n_counts = getattr(model.loss, "n_counts", 2)
        shapes = (images.shape, images.dtype), ((None, n_counts), "float32"), ((None,), "float32")
        self._dataset = dataset_of(self._read, shapes)
        self._held: tuple[VoteBatches, int] | None = None
        self._given: list[_Passes] = []

    @contextmanager
    def of(self, batches: VoteBatches, n_passes: int) -> Iterator[Any]:
        """Stream of so many passes over `batches`, for ``keras.Model.fit``."""
        self._held = batches, n_passes
        try:
            yield self._dataset or (batch for batch in self._read())
        finally:
            self._held = None
            while self._given:
                self._given.pop().batches = None

    def _read(self) -> Iterator[_Batch]:
        if self._held:
            self._given.append(_Passes(*self._held))
            return self._given[-1]
        return iter(())


class _Passes:
    """Iterator over some passes of batches, which ends early when you take the batches away.

    No generator, whose frame would hold a batch where early stopping leaves it.
    """

    def __init__(self, batches: VoteBatches, n_passes: int) -> None:
        self.batches: VoteBatches | None = batches
        self._indices = iter(range(len(batches) * n_passes))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _Batch:
        batches = self.batches  # read once: TensorFlow reads ahead in a thread
        if batches is None:
            raise StopIteration
        index = next(self._indices) % len(batches)
        if index == 0:
            batches.shuffle()
        return batches[index]
