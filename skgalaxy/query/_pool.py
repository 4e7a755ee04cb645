"""One pass over a pool: scores of all galaxies, and the posterior of a few."""

import hashlib

import numpy as np
from tqdm.auto import tqdm

from skgalaxy._validation import check_int, check_n_votes
from skgalaxy.pools import blocks, first_and_last, is_batched, n_rows, take
from skgalaxy.posterior import VotePosterior
from skgalaxy.query._checkpoint import ScoreCheckpoint
from skgalaxy.query._learners import posteriors, predict_posterior

__all__ = [
    "Shortlist",
    "check_expected_votes",
    "check_n_instances",
    "count_galaxies",
    "score_pool",
    "scored",
    "take_rows",
]


def score_pool(
    learner,
    X,
    score=VotePosterior.mutual_information,
    *,
    n_votes=40,
    checkpoint=None,
    verbose=False,
):
    """Score every galaxy of a pool, which may be larger than memory.

    Parameters
    ----------
    learner : object
        As in `predict_posterior`.
    X : array-like or keras.utils.PyDataset
        The pool: an array, a column of paths (for a Pipeline that reads them), a memory map, a
        Zarr or HDF5 array, or batches of images. It is read in blocks of at most 32 MB and 2,048
        galaxies, the next one while this one is scored.
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
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> query.score_pool(Fitted(), [[0.5, 0.5], [0.2, 0.8]], n_votes=10).round(3)
    array([0.   , 0.648])
    """
    return scored(learner, X, score, n_votes, checkpoint, verbose)


def scored(learner, X, score, n_votes, checkpoint, verbose, shortlist=None):
    """Return the scores of all galaxies; `shortlist` takes the posterior of the best meanwhile."""
    total = n_rows(X)
    n_votes = check_expected_votes(n_votes, total)
    kept = ScoreCheckpoint(
        checkpoint,
        galaxies=total,
        batches=len(X) if total is None else None,
        n_votes=hashlib.sha256(np.asarray(n_votes)).hexdigest()[:16],
        score=getattr(score, "__qualname__", type(score).__qualname__),
    )
    done = [len(scores) for scores in kept.scores]
    starts = np.cumsum([0, *done])
    again = first_and_last(done)  # these are scored again, to compare
    start = starts[-1]
    if shortlist is not None and done:
        shortlist.add(np.concatenate(kept.scores))
    with tqdm(total=total, initial=start, unit="galaxy", desc="scores", disable=not verbose) as bar:
        for posterior in posteriors(learner, X, done):
            first = starts[again[0]] if again else start
            rows = slice(first, first + len(posterior))
            scores = _scores_of(posterior, score, n_votes if total is None else n_votes[rows])
            if again:
                kept.check(again.pop(0), scores, posterior.mean)
                continue
            kept.append(scores, posterior.mean)
            if shortlist is not None:
                shortlist.add(scores, posterior)
            bar.update(len(scores))
            start = rows.stop
    return np.concatenate(kept.scores)


def check_expected_votes(n_votes, total):
    """Return N of every galaxy, or one N if it is not known how many there are."""
    if total is not None:
        return check_n_votes(n_votes, total)
    if np.ndim(n_votes):
        raise ValueError(
            "`n_votes` must be one integer where X is batches, whose galaxies are not counted. "
            f"Got an array of shape {np.shape(n_votes)}."
        )
    return check_n_votes(n_votes, 1)[0]


def _scores_of(posterior, score, n_votes):
    """Return the scores of a block, one finite number per galaxy."""
    scores = np.asarray(score(posterior, n_votes), dtype=np.float64)
    if scores.shape != (len(posterior),) or not np.isfinite(scores).all():
        problem = "NaN or infinity" if scores.shape == (len(posterior),) else f"{scores.shape}"
        raise ValueError(
            "`score` must return one finite number per galaxy, shape "
            f"({len(posterior)},) here. Got {problem}."
        )
    return scores


class Shortlist:
    """The galaxies of the highest scores so far, and their posterior, while a pool goes by.

    Parameters
    ----------
    size : int
        Galaxies to keep.
    random_state : RandomState
        Breaks ties; the same however the pool comes in blocks.

    Attributes
    ----------
    rows : ndarray of shape (size,)
        Their rows, rising.
    """

    def __init__(self, size, random_state):
        self.size, self._rng = size, random_state
        self.rows = np.empty(0, dtype=np.intp)
        self._keys = np.empty((0, 2))  # scores, and what breaks their ties
        self._posterior = None  # of the last ones: not of those whose scores a checkpoint kept
        self._n_seen = 0

    def add(self, scores, posterior=None):
        """Take the next galaxies of the pool."""
        keys = np.column_stack([scores, self._rng.uniform(size=len(scores))])
        rows = self._n_seen + np.arange(len(scores))
        self._n_seen += len(scores)
        if len(self.rows) == self.size:
            able = keys[:, 0] >= self._keys[:, 0].min()
            keys, rows = keys[able], rows[able]
            posterior = None if posterior is None else posterior[able]
        self.rows, self._keys = np.append(self.rows, rows), np.append(self._keys, keys, axis=0)
        if posterior is not None:
            parts = [posterior] if self._posterior is None else [self._posterior, posterior]
            self._posterior = VotePosterior.concatenate(parts)
        if len(self.rows) > self.size:
            self._cut()

    def _cut(self):
        kept = np.sort(np.lexsort(self._keys.T[::-1])[-self.size :])
        if self._posterior is not None:
            n_without = len(self.rows) - len(self._posterior)
            self._posterior = self._posterior[kept[kept >= n_without] - n_without]
        self.rows, self._keys = self.rows[kept], self._keys[kept]

    def posterior(self, learner, X):
        """Return the posterior of all of `rows`; what was not seen is predicted now."""
        parts = [] if self._posterior is None else [self._posterior]
        missing = self.rows[: len(self.rows) - sum(map(len, parts))]
        if len(missing):
            parts.insert(0, predict_posterior(learner, take_rows(X, missing)))
        return VotePosterior.concatenate(parts)


def take_rows(X, rows):
    """Return some rows of X, rising, whatever holds them; of batches all are read."""
    if is_batched(X):
        found, start = [], 0
        for block in blocks(X):
            within = rows[(rows >= start) & (rows < start + len(block))] - start
            found.append(np.asarray(block)[within])
            start += len(block)
        return np.concatenate(found)
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return take(X, rows) if hasattr(X, "shape") else [X[row] for row in rows]


def count_galaxies(X):
    """Return how many galaxies are in X; of batches all are read."""
    total = n_rows(X)
    return sum(len(block) for block in blocks(X)) if total is None else total


def check_n_instances(n_instances, total):
    """Raise ValueError unless the pool, of `total` galaxies if that is known, has so many."""
    if check_int(n_instances, "n_instances", 1) > (n_instances if total is None else total):
        raise ValueError(
            f"`n_instances` must not exceed the {total} galaxies of the pool. Got {n_instances}."
        )
