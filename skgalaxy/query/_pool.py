"""One pass over a pool: scores of all galaxies, and the posterior of a few."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from skgalaxy._pools import blocks_ahead, is_batched, n_rows, take_rows
from skgalaxy._validation import (
    check_int,
    check_n_votes,
    check_numbers,
    refuse_masked,
)
from skgalaxy.posterior import Posterior, VotePosterior
from skgalaxy.query._checkpoint import Block, ScoreCheckpoint
from skgalaxy.query._identity import PoolIdentity
from skgalaxy.query._learners import pool_of, posterior_method, predict_posterior

__all__ = [
    "Score",
    "Shortlist",
    "check_eligible",
    "check_expected_votes",
    "check_n_instances",
    "score_blocks",
    "score_pool",
]

Score = Callable[[Any, NDArray | int], ArrayLike]


def score_pool(
    learner: Any,
    X: Any,
    score: Score = VotePosterior.mutual_information,
    *,
    n_votes: int | ArrayLike = 40,
    checkpoint: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> NDArray[np.float64]:
    """Score every galaxy of a pool, which may be larger than memory.

    Parameters
    ----------
    learner : object
        As in `predict_posterior`.
    X : array-like, keras.utils.PyDataset or None
        The pool: for example an array, a column of paths (for a Pipeline that reads them), a
        memory map, a Zarr or HDF5 array, or batches of images. It is read in blocks of at most
        32 MB and 2,048 galaxies, the next one while this one is scored. With a VotePosterior, row
        numbers of it, or None.
    score : callable, default=VotePosterior.mutual_information
        ``score(posterior, n_votes)`` returns a number per galaxy.
    n_votes : int or array-like of shape (n_galaxies,), default=40
        Number of volunteers you would ask about a galaxy, N; one number if X is batches.
    checkpoint : str or path-like, default=None
        File (SQLite) to keep scores in while they are computed. If it is there already, scoring
        goes on where it stopped, with the same result. That you passed the same galaxies is seen
        by their pixels or, if X is paths, by these and the time and size of the files. That you
        passed the same learner is seen by scoring the first and the last block again; one that
        predicts the same for these and differs only between them is taken for the same.
    verbose : bool, default=False
        Show a progress bar.

    Returns
    -------
    scores : ndarray of shape (n_galaxies,)

    Raises
    ------
    OSError
        If `checkpoint` cannot be read or written, for example on a full disk. Nothing in it is
        lost: make the same call again.
    RuntimeError
        If another process writes to `checkpoint`, too.
    TypeError
        If `learner` predicts no posterior, X has no rows, or `score` is no function.
    ValueError
        If X or `n_votes` is out of range; if `learner` or `score` does not return one row or
        finite number per galaxy; if `checkpoint` is damaged, or not of this learner, pool, score
        and `n_votes`.

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> query.score_pool(VotePosterior([[0.5, 0.5], [0.2, 0.8]]), None, n_votes=10).round(3)
    array([0.   , 0.648])
    """
    X = pool_of(learner, X)
    blocks = score_blocks(learner, X, score, n_votes, checkpoint, verbose)
    return np.concatenate([scores for scores, _ in blocks])


def score_blocks(
    learner: Any,
    X: Any,
    score: Score,
    n_votes: int | ArrayLike,
    checkpoint: str | PathLike[str] | None,
    verbose: bool,
) -> Iterator[tuple[NDArray[np.float64], Posterior[Any] | None]]:
    """Yield the scores of a pool block by block, each with its posterior.

    The blocks that a checkpoint kept come first, with None in place of a posterior.
    """
    if not callable(score):
        raise TypeError(f"`score` must be a function of a posterior and `n_votes`. Got {score!r}.")
    total = n_rows(X)
    n_votes = check_expected_votes(n_votes, total)
    prepare, call = posterior_method(learner)
    kept = ScoreCheckpoint(checkpoint, **_description(X, score, n_votes))
    identity = PoolIdentity(learner, X) if checkpoint is not None else None

    def score_block(images: Any, start: int) -> tuple[Block, Posterior[Any]]:
        posterior = call(images)
        scores = _scores_of(posterior, score, n_votes, start)
        galaxies = identity.of(images, start) if identity is not None else b""
        return Block(galaxies, scores, posterior.mean.ravel()), posterior

    numbers = _kept_to_read(kept, identity)
    # these parts first, to refuse a wrong checkpoint before any work; then all that is not kept
    parts = () if is_batched(X) else [slice(*kept.rows(number)) for number in numbers]
    stream = blocks_ahead(X, prepare, parts)
    for number, images in zip(numbers, stream, strict=False):  # `numbers` ends first
        start, _ = kept.rows(number)
        if number in _first_and_last(kept):
            kept.check_scores(number, score_block(images, start)[0])
        elif identity is not None:
            kept.check_galaxies(number, identity.of(images, start))
    yield from [(block.scores, None) for block in kept.blocks]
    start = sum(len(block.scores) for block in kept.blocks)
    # `total` is None for batches: tqdm then counts without a bar
    with tqdm(total=total, initial=start, unit="galaxy", desc="scores", disable=not verbose) as bar:
        for images in stream:
            block, posterior = score_block(images, start)
            kept.append(block)  # before the caller may stop asking
            yield block.scores, posterior
            bar.update(len(posterior))
            start += len(posterior)


def _kept_to_read(kept: ScoreCheckpoint, identity: PoolIdentity | None) -> Sequence[int]:
    """Numbers of the blocks of a checkpoint to read again; names are compared here and now."""
    if identity is None or not identity.by_name:
        return range(len(kept.blocks))
    for number in range(len(kept.blocks)):
        kept.check_galaxies(number, identity.of_rows(*kept.rows(number)))
    return _first_and_last(kept)


def _first_and_last(kept: ScoreCheckpoint) -> list[int]:
    """Numbers of the blocks to score again: the learner must be the one of the checkpoint."""
    return sorted({0, len(kept.blocks) - 1}) if kept.blocks else []


def _description(X: Any, score: Score, n_votes: NDArray[Any] | int) -> dict[str, str | int | None]:
    """Description of a scoring for its checkpoint, in JSON's types."""
    total = n_rows(X)
    return {
        "galaxies": total,
        "batches": len(X) if total is None else None,
        "n_votes": _name_of_votes(np.unique(n_votes), n_votes),
        "score": _name_of(score),
    }


def _name_of_votes(distinct: NDArray[Any], n_votes: NDArray[Any] | int) -> int | str:
    """The number of votes, if it is one for all galaxies, or else a digest of all numbers."""
    if len(distinct) == 1:
        return int(distinct[0])
    # one number per galaxy of a survey would make a file of its own
    return hashlib.sha256(np.asarray(n_votes).data).hexdigest()[:16]


def _name_of(score: Callable[..., Any]) -> str:
    """Name of a score; for a partial one with its plain arguments, for example ``power=2``."""
    if not isinstance(score, partial):
        return getattr(score, "__qualname__", type(score).__qualname__)
    plain = [  # arrays and posteriors have no short name that would tell them apart
        f"{name}={value!r}"
        for name, value in sorted(score.keywords.items())
        if isinstance(value, bool | int | float | str)
    ]
    return f"{_name_of(score.func)}({', '.join(plain)})"


def _scores_of(
    posterior: Posterior[Any], score: Score, n_votes: NDArray[Any] | int, start: int
) -> NDArray[np.float64]:
    """Scores of the block that starts at row `start`, one finite number per galaxy."""
    if isinstance(n_votes, np.ndarray):
        n_votes = n_votes[start : start + len(posterior)]
    scores = check_numbers(score(posterior, n_votes), "the result of score")
    rule = f"`score` must return one finite number per galaxy, shape ({len(posterior)},) here"
    if scores.shape != (len(posterior),):
        raise ValueError(f"{rule}. Got {scores.shape}.")
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):  # not sorted last, which would hide a mistake in a score of yours
        raise ValueError(f"{rule}. Got {scores[bad[0]]} for the galaxy in row {start + bad[0]}.")
    return scores


def check_expected_votes(n_votes: int | ArrayLike, total: int | None) -> NDArray[Any] | int:
    """Number of votes of every galaxy, or one number if X is batches (`total` None)."""
    if total is not None:
        return check_n_votes(n_votes, total)
    if np.ndim(n_votes):
        raise ValueError(
            "`n_votes` must be one integer where X is batches, which are not counted. "
            f"Got an array of shape {np.shape(n_votes)}."
        )
    return check_n_votes(n_votes, 1)[0]


def check_eligible(eligible: ArrayLike | None, total: int | None) -> NDArray[np.bool_] | None:
    """Mask of the galaxies that you allow to be picked; None for all."""
    if eligible is None:
        return None
    if total is None:
        raise ValueError(
            "`eligible` must be None where X is batches, which are not counted. "
            f"Got an array of shape {np.shape(eligible)}."
        )
    refuse_masked(eligible, "eligible")
    mask = np.asarray(eligible)
    # no 0 and 1: integers would be taken for row numbers
    if mask.dtype != bool or mask.shape != (total,):
        raise ValueError(
            "`eligible` must be True or False for each galaxy, a mask of shape "
            f"({total},). Got {mask.dtype} of shape {mask.shape}."
        )
    return mask


def check_n_instances(
    n_instances: int, total: int | None, eligible: NDArray[np.bool_] | None = None
) -> None:
    """Raise ValueError unless the pool, if its size is known, has so many galaxies to pick."""
    most, which = total, "galaxies of the pool"
    if eligible is not None:
        most, which = int(eligible.sum()), f"eligible of the {total} galaxies of the pool"
    if check_int(n_instances, "n_instances", 1) > (n_instances if most is None else most):
        raise ValueError(f"`n_instances` must not exceed the {most} {which}. Got {n_instances}.")


class Shortlist:
    """The galaxies of the highest scores so far, with their posterior, while a pool goes by.

    Parameters
    ----------
    size : int
        Number of galaxies to keep, for example a thousand of a million.
    random_state : RandomState
        Breaks ties. The size of the blocks does not matter to it.
    eligible : ndarray of shape (n_galaxies,), default=None
        Mask of the galaxies that may be kept; None for all.

    Attributes
    ----------
    rows : ndarray of shape (size,)
        Their rows, rising.
    """

    def __init__(
        self,
        size: int,
        random_state: np.random.RandomState,
        eligible: NDArray[np.bool_] | None = None,
    ) -> None:
        self.size, self._rng, self._eligible = size, random_state, eligible
        self.rows = np.empty(0, dtype=np.intp)
        self._keys = np.empty((0, 2))  # scores, and random numbers that break their ties
        # Of the last rows only: the first may have come without, from a checkpoint.
        self._posterior: Posterior[Any] | None = None
        self._n_seen = 0

    def add(self, scores: NDArray[Any], posterior: Posterior[Any] | None = None) -> None:
        """Take the next galaxies of the pool; those without a posterior come first of all."""
        rows = self._n_seen + np.arange(len(scores))
        self._n_seen += len(scores)
        if self._eligible is not None:
            places = np.flatnonzero(self._eligible[rows])
            rows, scores = rows[places], scores[places]
            posterior = None if posterior is None else posterior[places]
        n_before = len(self.rows)
        rows = np.append(self.rows, rows)
        keys = np.column_stack([scores, self._rng.uniform(size=len(scores))])
        keys = np.append(self._keys, keys, axis=0)
        # lexsort takes its last key first, the score; rows stay rising, as HDF5 reads them
        kept = np.sort(np.lexsort(keys.T[::-1])[-self.size :])
        self.rows, self._keys = rows[kept], keys[kept]
        if posterior is not None:
            self._keep_posterior(posterior, kept, n_before)

    def _keep_posterior(self, posterior: Posterior[Any], kept: NDArray[Any], n_before: int) -> None:
        """Keep the posterior of the galaxies `kept`: places among `n_before` old ones and new."""
        parts = [posterior[kept[kept >= n_before] - n_before]]
        if self._posterior is not None:
            first = n_before - len(self._posterior)
            before = kept[(kept >= first) & (kept < n_before)]
            parts.insert(0, self._posterior[before - first])
        self._posterior = type(posterior).concatenate(parts)

    def posterior(self, learner: Any, X: Any) -> Posterior[Any]:
        """Posterior of all of `rows`; if a checkpoint kept only their scores, predicted now."""
        parts = [] if self._posterior is None else [self._posterior]
        # `_posterior` is of the last rows, so the first are missing
        missing = self.rows[: len(self.rows) - sum(map(len, parts))]
        if len(missing):
            parts.insert(0, predict_posterior(learner, take_rows(X, missing)))
        return type(parts[0]).concatenate(parts)
