"""Strategies for batches: galaxies that are informative, and not all in the same way.

Each function takes a `Query`, the checked arguments. The decorator gives it the signature that you
call: learner, X, n_instances and the keywords that all strategies have.
"""

from __future__ import annotations  # as in _strategy.py

from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skgalaxy import acquisition
from skgalaxy._pools import count_rows, n_rows, take_rows
from skgalaxy._validation import check_choice, check_float, check_int
from skgalaxy.information.joint import check_one_fold
from skgalaxy.information.single import refuse_tree
from skgalaxy.posterior import Posterior, VotePosterior
from skgalaxy.query._learners import check_method, embed, predict_posterior
from skgalaxy.query._pool import check_expected_votes
from skgalaxy.query._selectors import Candidates, select_jointly, select_power, select_spread
from skgalaxy.query._strategy import Picked, Query, pick, strategy

__all__ = [
    "diverse_sampling",
    "epig_sampling",
    "joint_sampling",
    "joint_variance_sampling",
    "power_sampling",
]


@strategy
def power_sampling(query: Query, *, beta: float = 1.0) -> Picked:
    """Draw galaxies with a chance that grows with their mutual information (PowerBALD).

    Chance keeps near-duplicates apart at hardly any cost, for example in batches of thousands that
    are too large for `joint_sampling`.

    Parameters
    ----------
    beta : float, default=1.0
        Power of the mutual information in the chance: 0 is random, infinity the best.
    random_state : int, RandomState or None, default=None
        Seed of the draw. In a loop of rounds pass a RandomState, so that you get a new draw each
        time.

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
def joint_sampling(query: Query, *, n_candidates: int = 1000) -> Picked:
    """Pick galaxies whose votes together would tell most about the network's weights.

    The first galaxy has the highest mutual information. Each next one adds most to those before
    it, so of two near-duplicates you ask about one. This is greedy BatchBALD, with the joint
    information of `skgalaxy.acquisition.greedy_information`.

    Votes near 0 and 1 scatter less and so tell more. If an error of a vote fraction is as bad near
    0 as in the middle, use `joint_variance_sampling`.

    The draws of two galaxies show how much information they share, so use at least twice as many
    draws as galaxies to pick, for example 200 draws for a batch of 100. `ensure_draws` sets them,
    and `largest_batch` explains the factor.

    Parameters
    ----------
    n_candidates : int, default=1000
        Number of galaxies to pick among, those of the highest mutual information; ten times
        `n_instances` if that is more. Only their draws are kept.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Rows of `X`, in the order picked.
    scores : ndarray of shape (n_instances,)
        The information that each adds to those before it, in nats, never rising.

    Raises
    ------
    ValueError
        If `n_candidates` is below 1, or `learner` is a VotePosterior of several folds.

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
    _check_comparable(query)
    return pick(query, VotePosterior.mutual_information, select_jointly, n_candidates)


@strategy
def joint_variance_sampling(query: Query, *, n_candidates: int = 1000) -> Picked:
    """Pick galaxies with uncertain vote fractions, and not all uncertain in the same way.

    The first galaxy has the highest information, as of `skgalaxy.acquisition.variance_information`.
    Where you ask all galaxies of as many volunteers, that is the largest posterior variance of ρ.
    Each next one is counted by what is new in it, as in `joint_sampling`.

    An error of ρ counts the same near 0 and 1 as in the middle, as it does in the RMSE.
    `joint_sampling` prefers galaxies near 0 and 1, where votes tell more about the network.

    The variance includes the scatter that each network expects. So you may be asked about a galaxy
    on which the networks agree, if they agree that it divides volunteers. Scatter is taken to be
    shared as disagreement is: where networks differ alike on two galaxies, what they do not know
    is alike, too. Galaxies on which all draws are equal share nothing. For walks down a whole tree
    `joint_sampling` was better in our study of labels saved.

    Use at least twice as many draws as galaxies to pick, for example 200 draws for a batch of 100.
    `ensure_draws` sets them, and `largest_batch` explains the factor.

    Parameters
    ----------
    n_candidates : int, default=1000
        Number of galaxies to pick among, those of the highest information; ten times `n_instances`
        if that is more. Only their draws are kept.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Rows of `X`, in the order picked.
    scores : ndarray of shape (n_instances,)
        The information that is new in each, in nats, never rising.

    Raises
    ------
    ValueError
        If `n_candidates` is below 1, or `learner` is a VotePosterior of several folds.

    Warns
    -----
    TooFewDrawsWarning
        If there are not more draws than galaxies to pick: they cannot tell those apart.

    References
    ----------
    Srinivas et al. 2010, ICML (arXiv:0912.3995), section 2.2 (greedy choice among measurements
    of equal noise).

    Examples
    --------
    The third galaxy is the most uncertain. The second is the first again, and less uncertain:

    >>> from skgalaxy import VotePosterior, query
    >>> draws = [[0.0, 0.1, 0.0, 0.1], [0.0, 0.09, 0.0, 0.09], [0.4, 0.4, 0.6, 0.6]]
    >>> indices, gains = query.joint_variance_sampling(VotePosterior(draws), None, n_instances=2)
    >>> print(indices, gains.round(2))
    [2 0] [0.48 0.17]
    """
    n_candidates = check_int(n_candidates, "n_candidates", 1)
    _check_comparable(query)
    return pick(query, acquisition.variance_information, select_jointly, n_candidates)


@strategy
def diverse_sampling(
    query: Query, *, features: Literal["draws", "embedding"] = "draws", n_candidates: int = 1000
) -> Picked:
    """Pick informative galaxies that are far from each other: k-means++ seeds, by information.

    The chance of a galaxy is its mutual information times its squared distance from those drawn
    already. The seeding of k-means++ does the same without the information.

    Parameters
    ----------
    features : {"draws", "embedding"}, default="draws"
        Space of the distances. "draws" compares the opinions of the networks, as in
        `skgalaxy.acquisition.standardised_draws`: two galaxies are near if the networks agree and
        differ on them together. "embedding" compares images as the network sees them. For this
        your estimator needs ``embed(X)``, and the candidates are read again.
    n_candidates : int, default=1000
        Number of galaxies to pick among, those of the highest mutual information; ten times
        `n_instances` if that is more. Take more, for example 5000, for a wider choice.
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
        If `features` or `n_candidates` is out of range, or `learner` is a VotePosterior of several
        folds.

    References
    ----------
    Arthur & Vassilvitskii 2007, SODA, 1027 (k-means++).

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> pool = VotePosterior([[0.1, 0.9, 0.1, 0.9], [0.1, 0.9, 0.1, 0.9], [0.4, 0.4, 0.6, 0.6]])
    >>> indices, scores = query.diverse_sampling(pool, None, n_instances=2, random_state=0)
    >>> print(indices, scores.round(2))
    [1 2] [0.69 0.45]
    """
    if check_choice(features, "features", ("draws", "embedding")) == "embedding":
        check_method(query.learner, "embed")  # now, not after the pool is scored
    else:
        _check_comparable(query)
    n_candidates = check_int(n_candidates, "n_candidates", 1)

    def select(
        candidates: Candidates, n_instances: int, random_state: np.random.RandomState
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        if features == "draws":
            values = acquisition.standardised_draws(candidates.posterior)
        else:
            values = embed(query.learner, take_rows(query.X, candidates.rows))
        return select_spread(candidates, n_instances, random_state, features=values)

    return pick(query, VotePosterior.mutual_information, select, n_candidates)


@strategy
def epig_sampling(
    query: Query, *, target: Any = None, n_targets: int = 100, target_votes: int = 10
) -> Picked:
    """Pick the galaxies that would tell most about the votes on galaxies you care about.

    The score is the expected predictive information gain (EPIG). Mutual information with the
    weights is also high for outliers that teach nothing about other galaxies, for example
    artefacts. EPIG is not. Use many draws. The time grows with the number of targets.

    Parameters
    ----------
    target : array-like of shape (n_targets, ...), default=None
        Galaxies you care about, like those of X: for example a random draw of the sky, or all
        galaxies of one kind. None takes random galaxies of the pool and predicts them beforehand;
        this reads all of your batches if X is batches. If `learner` is a VotePosterior, pass row
        numbers of it.
    n_targets : int, default=100
        Number of random targets if `target` is None.
    target_votes : int, default=10
        Number of votes on a target to predict. More take longer and rank galaxies nearly alike.
    random_state : int, RandomState or None, default=None
        Seed of the targets and of ties. With a checkpoint pass the same number again.

    Returns
    -------
    scores : ndarray of shape (n_instances,)
        Their expected predictive information gain, in nats.

    Raises
    ------
    ValueError
        If `n_targets` or `target_votes` is below 1, there is no target, or `learner` is a
        VotePosterior of several folds.

    References
    ----------
    Bickford Smith et al. 2023, AISTATS (arXiv:2304.08151).

    Examples
    --------
    The target is the third galaxy. The draws of the second go with it, those of the first do not:

    >>> from skgalaxy import VotePosterior, query
    >>> draws = [[0.1, 0.1, 0.9, 0.9], [0.3, 0.6, 0.3, 0.6], [0.2, 0.7, 0.2, 0.7]]
    >>> indices, scores = query.epig_sampling(VotePosterior(draws), [0, 1], 2, target=[2])
    >>> print(indices, scores.round(2))
    [1 0] [0.53 0.  ]
    """
    # before the targets are predicted, which may take long
    check_expected_votes(query.n_votes, n_rows(query.X))
    target_votes = check_int(target_votes, "target_votes", 1)
    n_targets = check_int(n_targets, "n_targets", 1)
    if target is None:
        target = _random_rows(query, n_targets)
    wanted = predict_posterior(query.learner, target)
    refuse_tree(wanted, "EPIG")
    _check_comparable(query._replace(eligible=None), wanted)  # all of the pool is scored
    # a checkpoint names the plain arguments of a partial: `target_votes`, but not the targets
    return pick(query, partial(_predictive_gain, target=wanted, target_votes=target_votes))


def _check_comparable(query: Query, *others: Posterior[Any]) -> None:
    """Refuse a posterior of several folds now, not after the pool is scored."""
    if isinstance(query.learner, Posterior) and query.learner.folds is not None:
        rows = query.X if query.eligible is None else query.X[query.eligible]
        check_one_fold(query.learner[rows], *others)


def _predictive_gain(
    posterior: VotePosterior,
    n_votes: NDArray[Any] | int,
    *,
    target: VotePosterior,
    target_votes: int,
) -> NDArray[Any]:
    return acquisition.expected_predictive_information_gain(
        posterior, n_votes, target, target_votes
    )


def _random_rows(query: Query, n_galaxies: int) -> Any:
    """Random galaxies of those that may be picked, or all if there are fewer."""
    rows = np.arange(count_rows(query.X))
    rows = rows if query.eligible is None else rows[query.eligible]
    places = query.rng.permutation(len(rows))[:n_galaxies]
    return take_rows(query.X, rows[np.sort(places)])  # `take_rows` wants rising numbers
