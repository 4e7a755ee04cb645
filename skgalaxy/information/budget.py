"""Votes as a budget: the worth of a galaxy's next votes, and where to spend clicks.

Votes come one at a time. Network d gives a probability p_d(k) to k yes among the first m votes on a
galaxy, and q_d(k) to another yes after them. The next vote then tells about the networks w::

    I(vote m + 1; w | m votes) = Σ_k [ p̄(k) h(q̄(k)) - mean_d p_d(k) h(q_d(k)) ]

Here p̄ and q̄ belong to all networks together, and h is the entropy of one vote. For the binomial
q_d = ρ_d for every k. For the beta-binomial q_d(k) = (μ_d s_d + k) / (s_d + m), as in Pólya's urn:
the more yes so far, the likelier another. The terms of N votes add up to `mutual_information` (its
chain rule).

With the binomial each vote is worth less than the one before, so it is optimal to spend click after
click where the next one tells most. With the beta-binomial a later vote can be worth more: two
networks that differ in s alone agree on the first vote, but not on the second. `plan_votes` then
buys votes in packets, at their mean value (the least concave majorant of the information).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression
from scipy.special import logsumexp

from skgalaxy._validation import any_of_row, check_counts, check_int, check_n_votes, first_rows
from skgalaxy.likelihoods import Likelihood, as_likelihood
from skgalaxy.likelihoods.base import row_blocks
from skgalaxy.likelihoods.entropy import bernoulli_entropy

__all__ = ["plan_votes", "value_of_votes"]

_BLOCK = 2**16  # probabilities p_d(k) at once: they stay in the cache
_MOST = 10_000  # votes: their values are computed one by one, each from all outcomes before it
_NOTHING = 1e-12  # nats: what rounding may leave of nothing


def value_of_votes(
    draws: Any, n_votes_more: ArrayLike, votes: ArrayLike | None = None
) -> NDArray[Any]:
    """Mutual information between a galaxy's next votes and the network's weights, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws), VotePosterior or Likelihood
        Vote fractions ρ in [0, 1], one per galaxy and drawn network; or a posterior, of any
        likelihood.
    n_votes_more : int or array-like of shape (n_galaxies,)
        Number of volunteers you would ask next.
    votes : array-like of shape (n_galaxies, 2), default=None
        Votes [k, N] that galaxies have already; with None they have none. Each network is weighted
        by the probability that it gives them. The networks must not have been trained on these
        votes, which would then count twice.

    Returns
    -------
    information : ndarray of shape (n_galaxies,)
        In [0, log n_draws]. For first votes it equals `mutual_information`.

    Raises
    ------
    ValueError
        If draws or votes have a wrong shape or values out of range, or no network thinks the
        votes possible.

    Examples
    --------
    Two networks disagree, and ten votes nearly tell which of them is right:

    >>> from skgalaxy.acquisition import value_of_votes
    >>> value_of_votes([[0.2, 0.8], [0.2, 0.8]], 10, [[0, 0], [8, 10]]).round(3)
    array([0.648, 0.002])
    """
    likelihood = as_likelihood(draws)
    n_galaxies = len(likelihood)
    n_more = check_n_votes(n_votes_more, n_galaxies, most=_MOST, name="n_votes_more")
    values = _marginal_values(likelihood, n_more.max(initial=0), votes)
    worth = np.concatenate([np.zeros((n_galaxies, 1)), values.cumsum(axis=1)], axis=1)
    return worth[np.arange(n_galaxies), n_more]


def plan_votes(
    draws: Any, n_clicks: int, *, most: ArrayLike = 40, votes: ArrayLike | None = None
) -> NDArray[Any]:
    """Spend a number of clicks on the galaxies where they tell most about the network.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws), VotePosterior or Likelihood
        Vote fractions ρ in [0, 1], one per galaxy and drawn network; or a posterior, of any
        likelihood.
    n_clicks : int
        Number of votes that you can ask for in all.
    most : int or array-like of shape (n_galaxies,), default=40
        Largest number of votes to ask for on one galaxy, besides those it has.
    votes : array-like of shape (n_galaxies, 2), default=None
        Votes [k, N] that galaxies have already, as in `value_of_votes`.

    Returns
    -------
    n_votes : ndarray of shape (n_galaxies,)
        Votes to ask for on each galaxy. They add up to `n_clicks`, or to less if no further vote
        would tell anything. Of equally good plans you get one that spreads votes over galaxies,
        and prefers the first rows.

    Raises
    ------
    ValueError
        As in `value_of_votes`.

    Notes
    -----
    With the binomial likelihood, no plan has a larger sum of the galaxies' information. With the
    beta-binomial the last packet is an exception, since only a part of it may be bought. Galaxies
    are valued one by one, so near-duplicates count in full; see `greedy_information`.

    Examples
    --------
    Two networks disagree a little on the first galaxy, clearly on the second, not on the third:

    >>> from skgalaxy.acquisition import plan_votes
    >>> plan_votes([[0.4, 0.6], [0.2, 0.8], [0.3, 0.3]], n_clicks=20)
    array([11,  9,  0])
    """
    n_clicks = check_int(n_clicks, "n_clicks", 0)
    likelihood = as_likelihood(draws)
    most = check_n_votes(most, len(likelihood), most=_MOST, name="most")
    values = _marginal_values(likelihood, most.max(initial=0), votes)
    unknown = any_of_row(np.isnan(values))
    if unknown.any():
        raise ValueError(
            "`draws` must be of what all networks have learned. Got NaN in row "
            f"{first_rows(unknown)}; take another question, or leave these galaxies out."
        )
    values[np.arange(values.shape[1]) >= most[:, None]] = 0
    values = _concave(values)
    # of equal values the lower vote first, so that a galaxy's votes are bought in their order
    order = np.argsort(-values.T.ravel(), kind="stable")[:n_clicks]
    bought = order[values.T.ravel()[order] > _NOTHING]
    return np.bincount(bought % max(1, len(likelihood)), minlength=len(likelihood))


def _concave(values_GM: NDArray[Any]) -> NDArray[Any]:
    """Slopes of the least concave majorant of the information: mean values of packets of votes."""
    # Barlow et al. 1972: isotonic regression of the slopes gives the majorant's
    for row in np.flatnonzero((np.diff(values_GM, axis=1) > _NOTHING).any(axis=1)):
        values_GM[row] = isotonic_regression(values_GM[row], increasing=False).x
    return values_GM


def _marginal_values(likelihood: Likelihood, n_more: int, votes: ArrayLike | None) -> NDArray[Any]:
    """Information of each of the next votes, shape (G, n_more)."""
    votes_G, n_votes_G = _check_votes(votes, len(likelihood))
    if votes is None:
        weight_GD = np.full((len(likelihood), likelihood.n_draws), 1 / likelihood.n_draws)
    else:
        weight_GD = _weights(likelihood, votes_G, n_votes_G)
    values_GM = np.empty((len(likelihood), n_more))
    n_rows = _BLOCK // (likelihood.n_draws * (n_more + 1))
    for rows in row_blocks(len(likelihood), n_rows):
        values_GM[rows] = _one_by_one(
            likelihood[rows], votes_G[rows], n_votes_G[rows], weight_GD[rows], n_more
        )
    return np.where(values_GM <= _NOTHING, 0, values_GM)  # NaN stays


def _check_votes(votes: ArrayLike | None, n_galaxies: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Votes k and N that galaxies have, two int arrays."""
    if votes is None:
        return np.zeros(n_galaxies, dtype=int), np.zeros(n_galaxies, dtype=int)
    return check_counts(votes, "votes", n_galaxies)


def _weights(
    likelihood: Likelihood, votes_G: NDArray[Any], n_votes_G: NDArray[Any]
) -> NDArray[Any]:
    """Networks' weights given the votes there are, shape (G, D); rows sum to one."""
    log_GD = likelihood.log_pmf(votes_G, n_votes_G)
    evidence_G = logsumexp(log_GD, axis=1)
    if np.isneginf(evidence_G).any():
        row = int(np.flatnonzero(np.isneginf(evidence_G))[0])
        raise ValueError(
            "`votes` must be possible under one of the draws at least. "
            f"Got {votes_G[row]} of {n_votes_G[row]} in row {row}, where all draws are 0 or 1."
        )
    return np.exp(log_GD - evidence_G[:, None])


def _one_by_one(
    likelihood: Likelihood,
    votes_G: NDArray[Any],
    n_votes_G: NDArray[Any],
    weight_GD: NDArray[Any],
    n_more: int,
) -> NDArray[Any]:
    """Information of each vote, shape (G, n_more); p_d(k) w_d is carried from vote to vote."""
    pmf_GDK = weight_GD[..., None]
    values_GM = np.empty((len(likelihood), n_more))
    for m in range(n_more):
        k = np.arange(m + 1)
        yes_GDK = likelihood.next_yes(votes_G[:, None] + k, n_votes_G[:, None] + m)
        # where earlier votes do not matter, they sum out of p_d(k)
        weight_GDK = weight_GD[..., None] if yes_GDK.shape[-1] == 1 else pmf_GDK
        own_G = (weight_GDK * bernoulli_entropy(yes_GDK)).sum(axis=(1, 2))
        said_yes_GDK = pmf_GDK * yes_GDK
        # Houlsby+2011: H[vote] - E_w H[vote | w], here given the votes so far
        values_GM[:, m] = _entropy_of_answer(pmf_GDK.sum(1), said_yes_GDK.sum(1)) - own_G
        following_GDK = np.zeros((*weight_GD.shape, m + 2))
        following_GDK[..., 1:] = said_yes_GDK  # a yes makes k of m into k + 1 of m + 1
        following_GDK[..., :-1] += pmf_GDK - said_yes_GDK
        pmf_GDK = following_GDK
    return values_GM


def _entropy_of_answer(pmf_GK: NDArray[Any], said_yes_GK: NDArray[Any]) -> NDArray[Any]:
    """Expected entropy of the answer, Σ_k p̄(k) h(q̄(k)), shape (G,)."""
    yes_GK = np.divide(said_yes_GK, pmf_GK, out=np.zeros_like(pmf_GK), where=pmf_GK > 0)
    return (pmf_GK * bernoulli_entropy(np.minimum(yes_GK, 1))).sum(axis=1)
