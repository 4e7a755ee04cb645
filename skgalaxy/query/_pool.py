"""One pass over a pool: scores of all galaxies, and the posterior of a few."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from skgalaxy._pools import is_batched, n_rows, take_rows
from skgalaxy._validation import check_int, check_n_votes
from skgalaxy.posterior import VotePosterior
from skgalaxy.query._checkpoint import ScoreCheckpoint
from skgalaxy.query._learners import pool_of, predict_blocks, predict_posterior

__all__ = [
    "Shortlist",
    "check_eligible",
    "check_expected_votes",
    "check_n_instances",
    "score_blocks",
    "score_pool",
]

Score = Callable[[VotePosterior, NDArray | int], ArrayLike]


def score_pool(
    learner: object,
    X: ArrayLike | None,
    score: Score = VotePosterior.mutual_information,
    *,
    n_votes: int | ArrayLike = 40,
    checkpoint: str | PathLike | None = None,
    verbose: bool = False,
) -> NDArray[np.float64]:
    """Score every galaxy of a pool, which may be larger than memory.

    Parameters
    ----------
    learner : object
        As in `predict_posterior`.
    X : array-like, keras.utils.PyDataset or None
        The pool: an array, a column of paths (for a Pipeline that reads them), a memory map, a
        Zarr or HDF5 array, or batches of images. It is read in blocks of at most 32 MB and 2,048
        galaxies, the next one while this one is scored. Of a VotePosterior row numbers, or None.
    score : callable, default=VotePosterior.mutual_information
        ``score(posterior, n_votes)`` returns a number per galaxy.
    n_votes : int or array-like of shape (n_galaxies,), default=40
        Volunteers who would be asked about a galaxy, N; for batches one number.
    checkpoint : str or path-like, default=None
        File (SQLite) in which scores are kept while they are computed. If it is there already,
        scoring goes on where it stopped, with the same result; the first and the last block are
        scored again, to see that learner and pool are the same.
    verbose : bool, default=False
        Show a progress bar.

    Returns
    -------
    scores : ndarray of shape (n_galaxies,)

    Raises
    ------
    TypeError
        If `learner` predicts no posterior.
    ValueError
        If X or `n_votes` is out of range, `score` returns something else, or `checkpoint` is
        not of this learner, pool, score and `n_votes`.

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
    learner: object,
    X: ArrayLike,
    score: Score,
    n_votes: int | ArrayLike,
    checkpoint: str | PathLike | None,
    verbose: bool,
) -> Iterator[tuple[NDArray[np.float64], VotePosterior | None]]:
    """Yield the scores of a pool block by block, and the posterior where that is predicted now.

    A checkpoint's blocks come first, with None for their posterior.
    """
    total = n_rows(X)
    n_votes = check_expected_votes(n_votes, total)
    kept = ScoreCheckpoint(checkpoint, **_description(X, score, n_votes))
    starts = np.cumsum([0, *map(len, kept.scores)]).tolist()
    again = _first_and_last(kept.scores)
    parts = again if is_batched(X) else [slice(starts[i], starts[i + 1]) for i in again]
    posteriors = predict_blocks(learner, X, parts)  # of these parts, then of what is not kept
    for number, posterior in zip(again, posteriors, strict=False):  # `again` ends first
        scores = _scores_of(posterior, score, n_votes, starts[number])
        kept.check(number, scores, posterior.mean)
    yield from [(scores, None) for scores in kept.scores]
    start = starts[-1]
    with tqdm(total=total, initial=start, unit="galaxy", desc="scores", disable=not verbose) as bar:
        for posterior in posteriors:
            scores = _scores_of(posterior, score, n_votes, start)
            kept.append(scores, posterior.mean)
            yield scores, posterior
            bar.update(len(scores))
            start += len(scores)


def _first_and_last(blocks):
    """Numbers of the blocks that tell whether a checkpoint is of this learner and pool."""
    return sorted({0, len(blocks) - 1}) if blocks else []


def _description(X, score, n_votes):
    """Describe a scoring, for its checkpoint, in JSON's types."""
    total = n_rows(X)
    return {
        "galaxies": total,
        "batches": len(X) if total is None else None,
        "n_votes": hashlib.sha256(np.asarray(n_votes)).hexdigest()[:16],
        "score": _name_of(score),
    }


def _name_of(score):
    """Name of a score; of a partial one with those of its arguments that are plain."""
    if not isinstance(score, partial):
        return getattr(score, "__qualname__", type(score).__qualname__)
    plain = [
        f"{name}={value!r}"
        for name, value in sorted(score.keywords.items())
        if isinstance(value, bool | int | float | str)
    ]
    return f"{_name_of(score.func)}({', '.join(plain)})"


def _scores_of(posterior, score, n_votes, start):
    """Scores of a block that starts at a row, one finite number per galaxy."""
    if np.ndim(n_votes):
        n_votes = n_votes[start : start + len(posterior)]
    scores = np.asarray(score(posterior, n_votes), dtype=np.float64)
    if scores.shape != (len(posterior),) or not np.isfinite(scores).all():
        problem = "NaN or infinity" if scores.shape == (len(posterior),) else f"{scores.shape}"
        raise ValueError(
            "`score` must return one finite number per galaxy, shape "
            f"({len(posterior)},) here. Got {problem}."
        )
    return scores


def check_expected_votes(n_votes: int | ArrayLike, total: int | None) -> NDArray | int:
    """N of every galaxy, or one N if it is not known how many there are."""
    if total is not None:
        return check_n_votes(n_votes, total)
    if np.ndim(n_votes):
        raise ValueError(
            "`n_votes` must be one integer where X is batches, whose galaxies are not counted. "
            f"Got an array of shape {np.shape(n_votes)}."
        )
    return check_n_votes(n_votes, 1)[0]


def check_eligible(eligible: ArrayLike | None, total: int | None) -> NDArray[np.bool_] | None:
    """Mask of the galaxies that may be picked; None for all."""
    if eligible is None:
        return None
    if total is None:
        raise ValueError(
            "`eligible` must be None where X is batches, whose galaxies are not counted. "
            f"Got an array of shape {np.shape(eligible)}."
        )
    mask = np.asarray(eligible)
    if mask.dtype != bool or mask.shape != (total,):
        raise ValueError(
            "`eligible` must be True or False for each galaxy, a mask of shape "
            f"({total},). Got {mask.dtype} of shape {mask.shape}."
        )
    return mask


def check_n_instances(
    n_instances: int, total: int | None, eligible: NDArray[np.bool_] | None = None
) -> None:
    """Raise ValueError unless so many of the pool may be picked, where its size is known."""
    most, which = total, "galaxies of the pool"
    if eligible is not None:
        most, which = int(eligible.sum()), f"eligible of the {total} galaxies of the pool"
    if check_int(n_instances, "n_instances", 1) > (n_instances if most is None else most):
        raise ValueError(f"`n_instances` must not exceed the {most} {which}. Got {n_instances}.")


class Shortlist:
    """The galaxies of the highest scores so far, and their posterior, while a pool goes by.

    Parameters
    ----------
    size : int
        Galaxies to keep.
    random_state : RandomState
        Breaks ties; the same however the pool comes in blocks.
    eligible : ndarray of shape (n_galaxies,), default=None
        Mask of the galaxies to keep any of; None for all.

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
    ):
        self.size, self._rng, self._eligible = size, random_state, eligible
        self.rows = np.empty(0, dtype=np.intp)
        self._keys = np.empty((0, 2))  # scores, and what breaks their ties
        self._posterior = None  # of the last ones: not of those whose scores a checkpoint kept
        self._n_seen = 0

    def add(self, scores: NDArray, posterior: VotePosterior | None = None) -> None:
        """Take the next galaxies of the pool; without a posterior they come before all others."""
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
        kept = np.sort(np.lexsort(keys.T[::-1])[-self.size :])
        self.rows, self._keys = rows[kept], keys[kept]
        if posterior is not None:
            self._keep_posterior(posterior, kept, n_before)

    def _keep_posterior(self, posterior, kept, n_before):
        """Keep the posterior of the `kept` of `n_before` galaxies and those of `posterior`."""
        parts = [posterior[kept[kept >= n_before] - n_before]]
        if self._posterior is not None:
            first = n_before - len(self._posterior)
            before = kept[(kept >= first) & (kept < n_before)]
            parts.insert(0, self._posterior[before - first])
        self._posterior = VotePosterior.concatenate(parts)

    def posterior(self, learner: object, X: ArrayLike) -> VotePosterior:
        """Posterior of all of `rows`; of those never seen it is predicted now."""
        parts = [] if self._posterior is None else [self._posterior]
        missing = self.rows[: len(self.rows) - sum(map(len, parts))]
        if len(missing):
            parts.insert(0, predict_posterior(learner, take_rows(X, missing)))
        return VotePosterior.concatenate(parts)
