"""Strategies that score galaxies one by one and take the best, and the random one."""

import numpy as np
from sklearn.utils import check_random_state

from skgalaxy import acquisition
from skgalaxy._validation import check_bool
from skgalaxy.pools import n_rows
from skgalaxy.posterior import VotePosterior
from skgalaxy.query._compose import query_pool
from skgalaxy.query._pool import check_n_instances, count_galaxies
from skgalaxy.query._selectors import Candidates, select_best

__all__ = [
    "mutual_information_sampling",
    "predictive_entropy_sampling",
    "random_sampling",
    "variance_sampling",
]


def mutual_information_sampling(
    learner,
    X,
    n_instances=1,
    *,
    n_votes=40,
    jackknife=False,
    random_state=None,
    checkpoint=None,
    verbose=False,
):
    """Pick the galaxies whose votes would tell most about the network's weights (BALD).

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
    jackknife : bool, default=False
        Correct the bias of few draws, as `skgalaxy.acquisition.mutual_information` says.
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
    jackknife = check_bool(jackknife, "jackknife")
    return query_pool(
        learner,
        X,
        n_instances,
        score=_jackknifed if jackknife else VotePosterior.mutual_information,
        n_votes=n_votes,
        random_state=random_state,
        checkpoint=checkpoint,
        verbose=verbose,
    )


def _jackknifed(posterior, n_votes):
    return posterior.mutual_information(n_votes, jackknife=True)


def predictive_entropy_sampling(
    learner,
    X,
    n_instances=1,
    *,
    n_votes=40,
    random_state=None,
    checkpoint=None,
    verbose=False,
):
    """Pick the galaxies whose votes are hardest to foresee, for whatever reason.

    That votes will scatter counts as much as that the networks disagree: it asks about galaxies on
    which volunteers are divided, though that be known. A baseline.

    Parameters
    ----------
    learner, X, n_instances, n_votes, random_state, checkpoint, verbose
        As in `mutual_information_sampling`.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Rows of `X`, highest entropy first.
    scores : ndarray of shape (n_instances,)
        The entropy of their votes, in nats.

    Raises
    ------
    ValueError
        As in `mutual_information_sampling`.

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> pool = [[0.5, 0.5], [0.1, 0.1], [0.2, 0.8]]
    >>> indices, scores = query.predictive_entropy_sampling(Fitted(), pool, n_instances=3)
    >>> print(indices, scores.round(2))
    [2 0 1] [3.04 2.57 2.04]
    """
    return query_pool(
        learner,
        X,
        n_instances,
        score=_predictive_entropy,
        n_votes=n_votes,
        random_state=random_state,
        checkpoint=checkpoint,
        verbose=verbose,
    )


def _predictive_entropy(posterior, n_votes):
    return acquisition.predictive_entropy(posterior, n_votes)


def variance_sampling(
    learner,
    X,
    n_instances=1,
    *,
    n_votes=40,
    random_state=None,
    checkpoint=None,
    verbose=False,
):
    """Pick the galaxies of whose vote fraction the networks differ most.

    Of two galaxies on which they differ alike, mutual information prefers the one of extreme ρ,
    whose votes scatter less; the variance does not.

    Parameters
    ----------
    learner, X, n_instances, n_votes, random_state, checkpoint, verbose
        As in `mutual_information_sampling`; of `n_votes` it only matters whether it is 0.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Rows of `X`, highest variance first.
    scores : ndarray of shape (n_instances,)
        The variance of ρ over draws; 0 where nobody would be asked.

    Raises
    ------
    ValueError
        As in `mutual_information_sampling`.

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> pool = [[0.4, 0.6], [0.0, 0.1], [0.2, 0.8]]
    >>> indices, scores = query.variance_sampling(Fitted(), pool, n_instances=2)
    >>> print(indices, scores.round(2))
    [2 0] [0.09 0.01]
    """
    return query_pool(
        learner,
        X,
        n_instances,
        score=_variance,
        n_votes=n_votes,
        random_state=random_state,
        checkpoint=checkpoint,
        verbose=verbose,
    )


def _variance(posterior, n_votes):
    return np.where(np.asarray(n_votes) > 0, posterior.draws.var(axis=1), 0)


def random_sampling(
    learner,
    X,
    n_instances=1,
    *,
    n_votes=40,
    random_state=None,
    checkpoint=None,
    verbose=False,
):
    """Pick galaxies at random: the baseline that every strategy must beat.

    Parameters
    ----------
    learner, n_votes, checkpoint, verbose
        Ignored: other strategies need them.
    X : array-like of shape (n_galaxies, ...) or keras.utils.PyDataset
        The pool. Batches are read to be counted.
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
    check_n_instances(n_instances, n_rows(X))
    total = count_galaxies(X)
    check_n_instances(n_instances, total)
    rng = check_random_state(random_state)
    pool = Candidates(np.arange(total), rng.uniform(size=total), None, None)
    return select_best(pool, n_instances, rng)
