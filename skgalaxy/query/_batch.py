"""Strategies for batches: galaxies that are informative, and not all in the same way."""

from functools import partial

import numpy as np
from sklearn.utils import check_random_state

from skgalaxy import acquisition
from skgalaxy._validation import check_choice, check_float, check_int
from skgalaxy.pools import n_rows
from skgalaxy.posterior import VotePosterior
from skgalaxy.query._compose import query_pool
from skgalaxy.query._learners import embed, predict_posterior, stages
from skgalaxy.query._pool import (
    check_expected_votes,
    check_n_instances,
    count_galaxies,
    take_rows,
)
from skgalaxy.query._selectors import select_jointly, select_power, select_spread

__all__ = ["diverse_sampling", "epig_sampling", "joint_sampling", "power_sampling"]


def power_sampling(
    learner,
    X,
    n_instances=1,
    *,
    n_votes=40,
    beta=1.0,
    random_state=None,
    checkpoint=None,
    verbose=False,
):
    """Draw galaxies with a chance that grows with their mutual information (PowerBALD).

    Parameters
    ----------
    learner, X, n_instances, n_votes, checkpoint, verbose
        As in `mutual_information_sampling`.
    beta : float, default=1.0
        Power of the mutual information in the chance: 0 is random, infinity the best.
    random_state : int, RandomState or None, default=None
        Seed of the draw. In a loop of rounds pass a RandomState.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Rows of `X`, in the order drawn: the first m are a draw of m.
    scores : ndarray of shape (n_instances,)
        Their mutual information, in nats, not in order.

    Raises
    ------
    ValueError
        As in `mutual_information_sampling`, or if `beta` is below 0.

    References
    ----------
    Kirsch et al. 2023, TMLR (arXiv:2106.12059).

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> pool = [[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]]
    >>> [int(query.power_sampling(Fitted(), pool, random_state=seed)[0][0]) for seed in range(5)]
    [1, 2, 1, 2, 1]
    """
    beta = check_float(beta, "beta", 0, np.inf)
    return query_pool(
        learner,
        X,
        n_instances,
        score=VotePosterior.mutual_information,
        select=partial(select_power, beta=beta),
        n_votes=n_votes,
        random_state=random_state,
        checkpoint=checkpoint,
        verbose=verbose,
    )


def joint_sampling(
    learner,
    X,
    n_instances=1,
    *,
    n_votes=40,
    n_candidates=1000,
    random_state=None,
    checkpoint=None,
    verbose=False,
):
    """Pick galaxies whose votes together would tell most about the network's weights.

    The first is that of the highest mutual information; each next one adds most to those before
    it, so that of near-duplicates one is asked about (greedy BatchBALD, with the joint
    information of `skgalaxy.acquisition.greedy_information`). What galaxies share is told
    by their draws: have more of them than galaxies to pick.

    Parameters
    ----------
    learner, X, n_instances, n_votes, checkpoint, verbose
        As in `mutual_information_sampling`.
    n_candidates : int, default=1000
        Galaxies of the highest mutual information among which to pick; ten times `n_instances`
        if that is more. Only their draws are kept.
    random_state : int, RandomState or None, default=None
        Seed that breaks ties.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Rows of `X`, in the order picked.
    scores : ndarray of shape (n_instances,)
        What each adds to those before it, in nats, never rising.

    Raises
    ------
    ValueError
        As in `mutual_information_sampling`, or if `n_candidates` is below 1.

    References
    ----------
    Kirsch et al. 2019, arXiv:1906.08158.

    Examples
    --------
    The second galaxy is the first again:

    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> pool = [[0.1, 0.9, 0.1, 0.9], [0.1, 0.89, 0.1, 0.89], [0.4, 0.4, 0.6, 0.6]]
    >>> indices, gains = query.joint_sampling(Fitted(), pool, n_instances=2)
    >>> print(indices, gains.round(2))
    [0 2] [0.69 0.45]
    """
    return query_pool(
        learner,
        X,
        n_instances,
        score=VotePosterior.mutual_information,
        select=select_jointly,
        n_candidates=check_int(n_candidates, "n_candidates", 1),
        n_votes=n_votes,
        random_state=random_state,
        checkpoint=checkpoint,
        verbose=verbose,
    )


def diverse_sampling(
    learner,
    X,
    n_instances=1,
    *,
    n_votes=40,
    features="draws",
    n_candidates=1000,
    random_state=None,
    checkpoint=None,
    verbose=False,
):
    """Pick informative galaxies that are far from each other: k-means++ seeds, by information.

    A galaxy is drawn by its mutual information times its squared distance from those drawn
    already (k-means++: Arthur & Vassilvitskii 2007).

    Parameters
    ----------
    learner, X, n_instances, n_votes, checkpoint, verbose
        As in `mutual_information_sampling`.
    features : {"draws", "embedding"}, default="draws"
        In what galaxies are far: in how the networks' opinions of them go together
        (`skgalaxy.acquisition.standardised_draws`), or in the features that the network sees in
        them, of estimators that have ``embed(X)``; for these the candidates are read again.
    n_candidates : int, default=1000
        Galaxies of the highest mutual information among which to pick; ten times `n_instances`
        if that is more.
    random_state : int, RandomState or None, default=None
        Seed of the draw.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Rows of `X`, highest mutual information first.
    scores : ndarray of shape (n_instances,)
        Their mutual information, in nats.

    Raises
    ------
    TypeError
        If `features` is "embedding" and the estimator has no ``embed``.
    ValueError
        As in `mutual_information_sampling`, or if `features` or `n_candidates` is out of range.

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> pool = [[0.1, 0.9, 0.1, 0.9], [0.1, 0.9, 0.1, 0.9], [0.4, 0.4, 0.6, 0.6]]
    >>> indices, scores = query.diverse_sampling(Fitted(), pool, n_instances=2, random_state=0)
    >>> print(indices, scores.round(2))
    [1 2] [0.69 0.45]
    """
    if check_choice(features, "features", ("draws", "embedding")) == "embedding":
        stages(learner, "embed")

    def select(candidates, n_instances, random_state):
        if features == "draws":
            values = acquisition.standardised_draws(candidates.posterior)
        else:
            values = embed(learner, take_rows(X, candidates.rows))
        return select_spread(candidates, n_instances, random_state, features=values)

    return query_pool(
        learner,
        X,
        n_instances,
        score=VotePosterior.mutual_information,
        select=select,
        n_candidates=check_int(n_candidates, "n_candidates", 1),
        n_votes=n_votes,
        random_state=random_state,
        checkpoint=checkpoint,
        verbose=verbose,
    )


def epig_sampling(
    learner,
    X,
    n_instances=1,
    *,
    target=None,
    n_targets=100,
    target_votes=10,
    n_votes=40,
    random_state=None,
    checkpoint=None,
    verbose=False,
):
    """Pick the galaxies whose votes would tell most about those of the galaxies you care about.

    Expected predictive information gain (EPIG). Mutual information with the weights is also high
    for odd images of which the network knows nothing, and of which nothing is to be learned about
    others; this is not. Use many draws.

    Parameters
    ----------
    learner, X, n_instances, n_votes, checkpoint, verbose
        As in `mutual_information_sampling`. The time grows with the number of targets.
    target : array-like of shape (n_targets, ...), default=None
        Galaxies you care about, like those of X: a random draw of the sky, or those of a kind.
        None takes random galaxies of the pool, which are predicted beforehand; of batches all
        are read for that.
    n_targets : int, default=100
        Galaxies of the pool that are targets, where `target` is None.
    target_votes : int, default=10
        Volunteers whose answers about a target are to be foretold. More take longer and rank
        galaxies nearly alike.
    random_state : int, RandomState or None, default=None
        Seed of the targets, and of what breaks ties. With a checkpoint give the same number.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Rows of `X`, highest gain first.
    scores : ndarray of shape (n_instances,)
        Their expected predictive information gain, in nats.

    Raises
    ------
    ValueError
        As in `mutual_information_sampling`, or if `n_targets` or `target_votes` is below 1, or
        there is no target.

    References
    ----------
    Bickford Smith et al. 2023, AISTATS (arXiv:2304.08151).

    Examples
    --------
    The networks' opinions of the first galaxy have nothing to do with those of the target:

    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> pool = [[0.1, 0.1, 0.9, 0.9], [0.3, 0.6, 0.3, 0.6]]
    >>> target = [[0.2, 0.7, 0.2, 0.7]]
    >>> indices, scores = query.epig_sampling(Fitted(), pool, n_instances=2, target=target)
    >>> print(indices, scores.round(2))
    [1 0] [0.53 0.  ]
    """
    check_n_instances(n_instances, n_rows(X))
    check_expected_votes(n_votes, n_rows(X))
    target_votes = check_int(target_votes, "target_votes", 1)
    n_targets, rng = check_int(n_targets, "n_targets", 1), check_random_state(random_state)
    if target is None:
        target = _random_rows(X, n_targets, rng)
    wanted = predict_posterior(learner, target)

    def epig(posterior, n_votes):
        return acquisition.expected_predictive_information_gain(
            posterior, n_votes, wanted, target_votes
        )

    return query_pool(
        learner,
        X,
        n_instances,
        score=epig,
        n_votes=n_votes,
        random_state=rng,
        checkpoint=checkpoint,
        verbose=verbose,
    )


def _random_rows(X, n_galaxies, rng):
    """Return so many random galaxies of X, or all if there are fewer."""
    total = count_galaxies(X)
    return take_rows(X, np.sort(rng.permutation(total)[:n_galaxies]))
