"""Strategies that score galaxies one by one and take the best, and the random one."""

from __future__ import annotations  # as in _strategy.py

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgalaxy import acquisition
from skgalaxy._pools import count_rows
from skgalaxy._validation import check_bool
from skgalaxy.likelihoods import TreeLikelihood
from skgalaxy.posterior import VotePosterior
from skgalaxy.query._pool import check_n_instances
from skgalaxy.query._selectors import best_first
from skgalaxy.query._strategy import Picked, Query, pick, score_strategy, strategy

__all__ = [
    "mutual_information_sampling",
    "predictive_entropy_sampling",
    "random_sampling",
    "variance_sampling",
]


@strategy
def mutual_information_sampling(query: Query, *, jackknife: bool = False) -> Picked:
    """Pick the galaxies with the votes that would tell most about the network's weights (BALD).

    It suits small batches, for example one galaxy at a time. If you ask about many at once,
    `joint_sampling` avoids near-duplicates.

    Parameters
    ----------
    jackknife : bool, default=False
        Correct the bias of few draws, as in `skgalaxy.acquisition.mutual_information`.

    Returns
    -------
    scores : ndarray of shape (n_instances,)
        Their mutual information, in nats.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424).

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> pool = VotePosterior([[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]])
    >>> indices, scores = query.mutual_information_sampling(pool, None, n_instances=2)
    >>> print(indices, scores.round(2))
    [1 2] [0.69 0.45]
    """
    if check_bool(jackknife, "jackknife"):
        return pick(query, partial(VotePosterior.mutual_information, jackknife=True))
    # not a partial: checkpoints of `score_pool` and `joint_sampling` hold the same scores
    return pick(query, VotePosterior.mutual_information)


@score_strategy
def predictive_entropy_sampling(
    posterior: VotePosterior, n_votes: NDArray[Any] | int
) -> NDArray[Any]:
    """Pick the galaxies with the votes that are hardest to predict, for any reason.

    Entropy does not distinguish disagreement between networks from scatter of votes. So it also
    picks galaxies that are already known to divide volunteers, for example where every network
    says that ρ is 0.5. Use it as a baseline for your own strategy.

    Returns
    -------
    scores : ndarray of shape (n_instances,)
        The entropy of their votes, in nats.

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> pool = VotePosterior([[0.5, 0.5], [0.1, 0.1], [0.2, 0.8]])
    >>> indices, scores = query.predictive_entropy_sampling(pool, None, n_instances=3)
    >>> print(indices, scores.round(2))
    [2 0 1] [3.04 2.57 2.04]
    """
    return acquisition.predictive_entropy(posterior, n_votes)


@score_strategy
def variance_sampling(posterior: VotePosterior, n_votes: NDArray[Any] | int) -> NDArray[Any]:
    """Pick the galaxies with the vote fractions on which the networks differ most.

    Take two galaxies on which the networks differ equally: variance ranks them alike. Mutual
    information prefers the one with ρ near 0 or 1, where votes scatter less. It matters only
    whether your `n_votes` is 0.

    Returns
    -------
    scores : ndarray of shape (n_instances,)
        The variance of ρ over draws; 0 where nobody would be asked. Of a tree, that of the clicks
        of one walk on every answer, summed over answers.

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> pool = VotePosterior([[0.4, 0.6], [0.0, 0.1], [0.2, 0.8]])
    >>> indices, scores = query.variance_sampling(pool, None, n_instances=2)
    >>> print(indices, scores.round(2))
    [2 0] [0.09 0.01]
    """
    draws, likelihood = posterior.draws, posterior.likelihood
    if isinstance(likelihood, TreeLikelihood):
        draws = likelihood.clicks()
    draws = draws.reshape(*draws.shape[:2], -1)  # one answer, or several
    agree = np.ptp(draws, axis=1) == 0  # rounding may leave 1e-33
    variance = np.where(agree, 0, draws.var(axis=1)).sum(axis=1)
    return np.where(np.asarray(n_votes) > 0, variance, 0)


@strategy
def random_sampling(query: Query) -> Picked:
    """Pick galaxies at random: the baseline that every strategy must beat.

    Parameters
    ----------
    learner : object
        Ignored, as are `n_votes`, `checkpoint` and `verbose`: other strategies need them.
    X : array-like of shape (n_galaxies, ...), keras.utils.PyDataset or None
        The pool. Batches are read to be counted.
    random_state : int, RandomState or None, default=None
        Seed. With an int the same pool gives the same pick; in a loop of rounds pass a
        RandomState.

    Returns
    -------
    scores : ndarray of shape (n_instances,)
        Random numbers in [0, 1), highest first.

    Examples
    --------
    >>> from skgalaxy.query import random_sampling
    >>> indices, scores = random_sampling(None, range(100), n_instances=3, random_state=0)
    >>> len(set(indices))
    3
    """
    total = count_rows(query.X)
    check_n_instances(query.n_instances, total)
    rows = np.arange(total) if query.eligible is None else np.flatnonzero(query.eligible)
    scores = query.rng.uniform(size=len(rows))
    positions = best_first(scores, query.rng)[: query.n_instances]
    return rows[positions], scores[positions]
