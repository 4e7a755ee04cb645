"""Strategies for batches: galaxies that are informative, and not all in the same way."""

from functools import partial

import numpy as np

from skgalaxy import acquisition
from skgalaxy._pools import count_rows, n_rows, take_rows
from skgalaxy._validation import check_choice, check_float, check_int
from skgalaxy.posterior import VotePosterior
from skgalaxy.query._learners import check_method, embed, predict_posterior
from skgalaxy.query._pool import check_expected_votes
from skgalaxy.query._selectors import select_jointly, select_power, select_spread
from skgalaxy.query._strategy import pick, strategy

__all__ = ["diverse_sampling", "epig_sampling", "joint_sampling", "power_sampling"]


@strategy
def power_sampling(query, *, beta=1.0):
    """Draw galaxies with a chance that grows with their mutual information (PowerBALD).

    Parameters
    ----------
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
        If `beta` is below 0.

    References
    ----------
    Kirsch et al. 2023, TMLR (arXiv:2106.12059).

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> pool = VotePosterior([[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]])
    >>> [int(query.power_sampling(pool, None, random_state=seed)[0][0]) for seed in range(5)]
    [1, 2, 1, 2, 1]
    """
    select = partial(select_power, beta=check_float(beta, "beta", 0, np.inf))
    return pick(query, VotePosterior.mutual_information, select)


@strategy
def joint_sampling(query, *, n_candidates=1000):
    """Pick galaxies whose votes together would tell most about the network's weights.

    The first is that of the highest mutual information; each next one adds most to those before
    it, so that of near-duplicates one is asked about (greedy BatchBALD, with the joint
    information of `skgalaxy.acquisition.greedy_information`). What galaxies share is told by their
    draws: have at least twice as many of them as galaxies to pick (`largest_batch` says why,
    `ensure_draws` gives them).

    Parameters
    ----------
    n_candidates : int, default=1000
        Galaxies of the highest mutual information among which to pick; ten times `n_instances`
        if that is more. Only their draws are kept.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Rows of `X`, in the order picked.
    scores : ndarray of shape (n_instances,)
        What each adds to those before it, in nats, never rising.

    Raises
    ------
    ValueError
        If `n_candidates` is below 1.

    Warns
    -----
    TooFewDrawsWarning
        If there are not more draws than galaxies to pick: they cannot tell those apart.

    References
    ----------
    Kirsch et al. 2019, arXiv:1906.08158.

    Examples
    --------
    The second galaxy is the first again:

    >>> from skgalaxy import VotePosterior, query
    >>> draws = [[0.1, 0.9, 0.1, 0.9], [0.1, 0.89, 0.1, 0.89], [0.4, 0.4, 0.6, 0.6]]
    >>> indices, gains = query.joint_sampling(VotePosterior(draws), None, n_instances=2)
    >>> print(indices, gains.round(2))
    [0 2] [0.69 0.45]
    """
    n_candidates = check_int(n_candidates, "n_candidates", 1)
    return pick(query, VotePosterior.mutual_information, select_jointly, n_candidates)


@strategy
def diverse_sampling(query, *, features="draws", n_candidates=1000):
    """Pick informative galaxies that are far from each other: k-means++ seeds, by information.

    A galaxy is drawn by its mutual information times its squared distance from those drawn
    already (k-means++: Arthur & Vassilvitskii 2007).

    Parameters
    ----------
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
    scores : ndarray of shape (n_instances,)
        Their mutual information, in nats.

    Raises
    ------
    TypeError
        If `features` is "embedding" and the estimator has no ``embed``.
    ValueError
        If `features` or `n_candidates` is out of range.

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> pool = VotePosterior([[0.1, 0.9, 0.1, 0.9], [0.1, 0.9, 0.1, 0.9], [0.4, 0.4, 0.6, 0.6]])
    >>> indices, scores = query.diverse_sampling(pool, None, n_instances=2, random_state=0)
    >>> print(indices, scores.round(2))
    [1 2] [0.69 0.45]
    """
    if check_choice(features, "features", ("draws", "embedding")) == "embedding":
        check_method(query.learner, "embed")
    n_candidates = check_int(n_candidates, "n_candidates", 1)

    def select(candidates, n_instances, random_state):
        if features == "draws":
            values = acquisition.standardised_draws(candidates.posterior)
        else:
            values = embed(query.learner, take_rows(query.X, candidates.rows))
        return select_spread(candidates, n_instances, random_state, features=values)

    return pick(query, VotePosterior.mutual_information, select, n_candidates)


@strategy
def epig_sampling(query, *, target=None, n_targets=100, target_votes=10):
    """Pick the galaxies whose votes would tell most about those of the galaxies you care about.

    Expected predictive information gain (EPIG). Mutual information with the weights is also high
    for odd images of which the network knows nothing, and of which nothing is to be learned about
    others; this is not. Use many draws. The time grows with the number of targets.

    Parameters
    ----------
    target : array-like of shape (n_targets, ...), default=None
        Galaxies you care about, like those of X: a random draw of the sky, or those of a kind.
        None takes random galaxies of the pool, which are predicted beforehand; of batches all
        are read for that. Where `learner` is a VotePosterior, row numbers of it.
    n_targets : int, default=100
        Galaxies of the pool that are targets, where `target` is None.
    target_votes : int, default=10
        Volunteers whose answers about a target are to be foretold. More take longer and rank
        galaxies nearly alike.
    random_state : int, RandomState or None, default=None
        Seed of the targets, and of what breaks ties. With a checkpoint give the same number.

    Returns
    -------
    scores : ndarray of shape (n_instances,)
        Their expected predictive information gain, in nats.

    Raises
    ------
    ValueError
        If `n_targets` or `target_votes` is below 1, or there is no target.

    References
    ----------
    Bickford Smith et al. 2023, AISTATS (arXiv:2304.08151).

    Examples
    --------
    The networks' opinions of the first galaxy have nothing to do with those of the target, which
    is the third:

    >>> from skgalaxy import VotePosterior, query
    >>> draws = [[0.1, 0.1, 0.9, 0.9], [0.3, 0.6, 0.3, 0.6], [0.2, 0.7, 0.2, 0.7]]
    >>> indices, scores = query.epig_sampling(VotePosterior(draws), [0, 1], 2, target=[2])
    >>> print(indices, scores.round(2))
    [1 0] [0.53 0.  ]
    """
    check_expected_votes(query.n_votes, n_rows(query.X))
    target_votes = check_int(target_votes, "target_votes", 1)
    n_targets = check_int(n_targets, "n_targets", 1)
    if target is None:
        target = _random_rows(query, n_targets)
    wanted = predict_posterior(query.learner, target)
    return pick(query, partial(_predictive_gain, target=wanted, target_votes=target_votes))


def _predictive_gain(posterior, n_votes, *, target, target_votes):
    return acquisition.expected_predictive_information_gain(
        posterior, n_votes, target, target_votes
    )


def _random_rows(query, n_galaxies):
    """So many random galaxies of those that may be picked, or all if there are fewer."""
    rows = np.arange(count_rows(query.X))
    rows = rows if query.eligible is None else rows[query.eligible]
    places = query.rng.permutation(len(rows))[:n_galaxies]
    return take_rows(query.X, rows[np.sort(places)])
