"""Votes as a budget: the worth of a galaxy's next votes, and where to spend clicks.

Votes come one at a time. Of a galaxy's next vote only a part tells about the networks w; the rest
is noise. With p_d(k) the probability of k of the m votes before it under network d, and q_d(k)
that of a yes then ::

    I(vote m + 1; w | m votes) = Σ_k [ p̄(k) h(q̄(k)) - mean_d p_d(k) h(q_d(k)) ]

where p̄ and q̄ are those of all networks together and h is the entropy of one vote. For the
binomial q_d = ρ_d for every k. For the beta-binomial q_d(k) = (μ_d s_d + k) / (s_d + m): the more
yes so far, the likelier another. Added up, these are the mutual information of N votes
(`mutual_information`). For the binomial each vote is worth less than the one before: the
information is concave in N, and spending click after click where it tells most is optimal.
For the beta-binomial it need not be (two networks that differ in s alone agree on the first vote
and not on the second), and votes are then bought in the packets of the least concave majorant.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression
from scipy.special import logsumexp

from skgalaxy._validation import check_counts, check_int, check_n_votes
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
        Volunteers you would ask next.
    votes : array-like of shape (n_galaxies, 2), default=None
        Votes [k, N] that galaxies have already; None is none. Each network is weighted by the
        probability that it gives them. The network must not have learned from these votes, for
        example in training: it would count them twice.

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
    Two networks disagree; after ten votes it is nearly known which is right:

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
        Votes that you can ask for in all.
    most : int or array-like of shape (n_galaxies,), default=40
        Most votes to ask of a galaxy, beside those it has.
    votes : array-like of shape (n_galaxies, 2), default=None
        Votes [k, N] that galaxies have already, as in `value_of_votes`.

    Returns
    -------
    n_votes : ndarray of shape (n_galaxies,)
        Votes to ask of each. Together at most `n_clicks`; fewer where no further vote would tell
        anything. Of equally good plans one that spreads votes, then that of the first rows.

    Raises
    ------
    ValueError
        As in `value_of_votes`.

    Notes
    -----
    The plan has the largest sum of the galaxies' information, exactly with the binomial
    likelihood. With the beta-binomial it does but for the last packet, of which a part may be
    bought. Near-duplicates count in full, each by itself; see `greedy_information`.

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
    values[np.arange(values.shape[1]) >= most[:, None]] = 0
    values = _concave(values)
    # of equal values the lower vote first, so that a galaxy's votes are bought in their order
    order = np.argsort(-values.T.ravel(), kind="stable")[:n_clicks]
    bought = order[values.T.ravel()[order] > _NOTHING]
    return np.bincount(bought % max(1, len(likelihood)), minlength=len(likelihood))


def _concave(values_GM: NDArray[Any]) -> NDArray[Any]:
    """Slopes of the least concave majorant: mean values of packets of votes."""
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
    return np.where(values_GM > _NOTHING, values_GM, 0)


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
        # I(vote; w) = H[answer] - E_w H[answer | w], given the answers so far
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
