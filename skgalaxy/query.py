"""Query strategies in modAL's signature: pick the galaxies to ask volunteers about next.

``strategy(learner, X, n_instances=1, ...)`` returns ``(indices, scores)``: rows of X, best first,
each once, and their scores. `learner` is whatever can be asked for a posterior: a fitted
estimator, a Pipeline ending in one, a search object, a modAL learner, or a modAL committee of
them (its members' draws taken together). Ties are broken by `random_state`.

The pool is scored in one pass, block by block (`score_pool`), and only scores are kept: it may be
larger than memory, and with a checkpoint an interrupted scoring goes on where it stopped.

Importing this module also mends modAL for scikit-learn >= 1.8 (`skgalaxy._modal_compat`).
"""

import hashlib
from functools import partial

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from skgalaxy import _modal_compat
from skgalaxy._checkpoint import ScoreCheckpoint
from skgalaxy._validation import check_int, check_n_votes
from skgalaxy.pools import blocks, blocks_ahead, first_and_last, n_rows
from skgalaxy.posterior import VotePosterior

__all__ = ["mutual_information_sampling", "predict_posterior", "random_sampling", "score_pool"]

_modal_compat.mend()


def predict_posterior(learner, X):
    """Return the posterior that any fitted thing predicts for `X`.

    Parameters
    ----------
    learner : object
        A fitted estimator with ``predict_posterior``; a Pipeline ending in one; a search object
        (its ``best_estimator_``); a modAL learner (its ``estimator``); or a modAL committee,
        whose members' draws are put side by side.
    X : array-like
        What the learner predicts from. A Pipeline's steps see it block by block: a column of
        paths need not be images in memory all at once.

    Returns
    -------
    posterior : VotePosterior

    Raises
    ------
    TypeError
        If `learner` predicts no posterior.

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> query.predict_posterior(Fitted(), [[0.2, 0.8]])
    VotePosterior(n_galaxies=1, n_draws=2)
    """
    return VotePosterior.concatenate(_posteriors(learner, X))


def _posteriors(learner, X, done=()):
    """Yield the posterior of X block by block; the next block is prepared meanwhile."""
    prepare, predict = _stages(learner)
    return map(predict, blocks_ahead(X, prepare, done))


def _stages(learner):
    """Return what prepares rows of X for an estimator, and what makes of that a posterior."""
    if hasattr(learner, "predict_posterior"):
        return None, learner.predict_posterior
    if isinstance(learner, Pipeline):
        prepare = learner[:-1].transform if len(learner) > 1 else None
        return prepare, partial(predict_posterior, learner[-1])
    if hasattr(learner, "learner_list"):
        return None, partial(_committee_posterior, learner.learner_list)
    if hasattr(learner, "best_estimator_"):
        return _stages(learner.best_estimator_)
    if hasattr(learner, "query_strategy") and hasattr(learner, "estimator"):  # a modAL learner
        return _stages(learner.estimator)
    raise TypeError(
        "`learner` must be, or hold, a fitted estimator with `predict_posterior`. "
        f"Got {type(learner).__name__}; a search must be fitted with `refit=True`."
    )


def _committee_posterior(members, X):
    draws = [predict_posterior(member, X).draws for member in members]
    return VotePosterior(np.concatenate(draws, axis=1))


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
    total = n_rows(X)
    n_votes = _check_expected_votes(n_votes, total)
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
    with tqdm(total=total, initial=start, unit="galaxy", desc="scores", disable=not verbose) as bar:
        for posterior in _posteriors(learner, X, done):
            first = starts[again[0]] if again else start
            rows = slice(first, first + len(posterior))
            scores = _scores_of(posterior, score, n_votes if total is None else n_votes[rows])
            if again:
                kept.check(again.pop(0), scores, posterior.mean)
            else:
                kept.append(scores, posterior.mean)
                bar.update(len(scores))
                start = rows.stop
    return np.concatenate(kept.scores)


def _check_expected_votes(n_votes, total):
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


def mutual_information_sampling(
    learner,
    X,
    n_instances=1,
    *,
    n_votes=40,
    random_state=None,
    checkpoint=None,
    verbose=False,
):
    """Pick the galaxies whose votes would tell most about the network's weights.

    Parameters
    ----------
    learner : object
        As in `predict_posterior`.
    X : array-like of shape (n_galaxies, ...) or keras.utils.PyDataset
        The pool, in memory or not, as in `score_pool`.
    n_instances : int, default=1
        Number of galaxies to pick.
    n_votes : int or array-like of shape (n_galaxies,), default=40
        Volunteers who would be asked about a galaxy, N; 40 as in Galaxy Zoo 2.
    random_state : int, RandomState or None, default=None
        Seed that breaks ties.
    checkpoint, verbose
        As in `score_pool`.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Rows of `X`, highest mutual information first.
    scores : ndarray of shape (n_instances,)
        Their mutual information, in nats.

    Raises
    ------
    ValueError
        If `n_instances` exceeds the pool, or `n_votes` is out of range.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424).

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> pool = [[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]]
    >>> indices, scores = query.mutual_information_sampling(Fitted(), pool, n_instances=2)
    >>> print(indices, scores.round(2))
    [1 2] [0.69 0.45]
    """
    _check_n_instances(n_instances, n_rows(X))
    scores = score_pool(learner, X, n_votes=n_votes, checkpoint=checkpoint, verbose=verbose)
    return _best(scores, n_instances, random_state)


def random_sampling(learner, X, n_instances=1, *, random_state=None):
    """Pick galaxies at random: the baseline that every strategy must beat.

    Parameters
    ----------
    learner : object
        Ignored.
    X : array-like of shape (n_galaxies, ...)
        The pool.
    n_instances : int, default=1
        Number of galaxies to pick.
    random_state : int, RandomState or None, default=None
        Seed. With an int the same pool gives the same pick; in a loop of rounds pass a
        RandomState.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Distinct rows of `X`, in random order.
    scores : ndarray of shape (n_instances,)
        Random numbers in [0, 1), highest first.

    Raises
    ------
    ValueError
        If `n_instances` exceeds the pool.

    Examples
    --------
    >>> from skgalaxy.query import random_sampling
    >>> indices, scores = random_sampling(None, range(100), n_instances=3, random_state=0)
    >>> len(set(indices))
    3
    """
    total = n_rows(X)
    if total is None:
        total = sum(len(block) for block in blocks(X))
    _check_n_instances(n_instances, total)
    rng = check_random_state(random_state)
    return _best(rng.uniform(size=total), n_instances, rng)


def _check_n_instances(n_instances, total):
    """Raise ValueError unless the pool, of `total` galaxies if that is known, has so many."""
    if check_int(n_instances, "n_instances", 1) > (n_instances if total is None else total):
        raise ValueError(
            f"`n_instances` must not exceed the {total} galaxies of the pool. Got {n_instances}."
        )


def _best(scores, n_instances, random_state):
    """Return the rows of the highest scores, best first, and those scores; ties in random order."""
    _check_n_instances(n_instances, len(scores))
    tie_break = check_random_state(random_state).permutation(len(scores))
    order = np.lexsort((tie_break, -scores))[:n_instances]
    return order, scores[order]
