"""Identity of the galaxies in a block of a pool, as a digest of 16 bytes, for a checkpoint.

A pool of names, for example of paths, is told by them, and by the time and size of each file that
is there: so no image is decoded for it. Any other pool is told by its pixels. Row numbers stand for
the pixels that the learner reads at them.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from skgalaxy._files import file_state
from skgalaxy._pools import n_rows, take_rows
from skgalaxy.likelihoods import TreeLikelihood
from skgalaxy.posterior import Posterior
from skgalaxy.query._learners import held_by

__all__ = ["PoolIdentity"]


class PoolIdentity:
    """Digests of the galaxies of a pool.

    Parameters
    ----------
    learner : object
        As in `predict_posterior`.
    X : array-like, keras.utils.PyDataset or None
        The pool.

    Attributes
    ----------
    by_name : bool
        True if the pool is of names.
    """

    def __init__(self, learner: Any, X: Any) -> None:
        self._learner, self._X = learner, X
        self.by_name = _are_names(X)
        self._readers = _transforms_in(learner)

    def of(self, block: Any, start: int) -> bytes:
        """Digest of the galaxies of a block of images that begins at row `start`."""
        if self.by_name:
            return self.of_rows(start, start + len(block))
        return self._of_images(block)

    def of_rows(self, start: int, stop: int) -> bytes:
        """Digest of the names in some rows, and of the files of these names."""
        names = np.asarray(take_rows(self._X, np.arange(start, stop)), dtype=object).ravel()
        root = next((step.root for step, _ in self._readers if hasattr(step, "root")), None) or ""
        return _digest(_state(name, root) for name in names)

    def _of_images(self, block: Any) -> bytes:
        """Digest of the images of a block, as the learner got it."""
        if isinstance(self._learner, Posterior):  # row numbers of it
            posterior: Any = self._learner[block]
            if isinstance(posterior.likelihood, TreeLikelihood):
                arrays = posterior.draws, posterior.likelihood.concentration
                return _digest(map(_as_bytes, arrays))
            # of the same draws, 3 votes scatter otherwise if their likelihood is another
            return _digest([_as_bytes(posterior.draws), _as_bytes(posterior.pmf(3))])
        images = np.asarray(block)
        if images.dtype.kind in "iu" and images.size == len(images):
            # the learner, say a committee of Pipelines, reads the images behind row numbers
            for _, transform in self._readers[:1]:
                images = np.asarray(transform(block))
        return _digest([_as_bytes(images)])


def _are_names(X: Any) -> bool:
    """True if the rows of X are text or paths."""
    if not n_rows(X):  # batches are not counted
        return False
    head = np.asarray(X.iloc[:1] if hasattr(X, "iloc") else X[:1])
    first = head.ravel()[:1].tolist()
    return bool(first) and isinstance(first[0], str | bytes | os.PathLike)


def _transforms_in(learner: Any) -> list[tuple[Any, Callable[[Any], Any]]]:
    """First step and transform of the Pipelines in a learner that read images."""
    if isinstance(learner, Pipeline) and len(learner) > 1:
        return [(learner[0], learner[:-1].transform)]
    held = held_by(learner) or getattr(learner, "estimators_", [])
    return [found for one in held for found in _transforms_in(one)]


def _state(name: Any, root: str | os.PathLike[str]) -> bytes:
    """A name, with the time and the size of its file if there is one."""
    text = os.fsencode(name) if isinstance(name, str | bytes | os.PathLike) else repr(name).encode()
    state = file_state(os.path.join(os.fsencode(root), text))
    return text if state is None else b"%s\0%d\0%d" % (text, *state)


def _as_bytes(values: NDArray[Any]) -> Any:
    """Kind, shape and content of an array."""
    if values.dtype.kind == "O":
        return repr(values.tolist()).encode()
    return f"{values.dtype.str}{values.shape}".encode() + np.ascontiguousarray(values).tobytes()


def _digest(parts: Iterable[Any]) -> bytes:
    """Digest of parts, each with its length: "ab", "c" are not "a", "bc"."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()
