"""Votes as a budget: what the next votes on a galaxy are worth, and where to spend clicks.

Votes come one at a time. A galaxy's next vote tells about the networks w what its answer does not
share with the noise: with p_d(k) the probability of k of the m votes before it under network d,
and q_d(k) that of a yes then ::

    I(vote m + 1; w | m votes) = Σ_k [ p̄(k) h(q̄(k)) - mean_d p_d(k) h(q_d(k)) ]

where p̄ and q̄ are the networks' together and h is the entropy of one vote. For the binomial
q_d = ρ_d whatever k; for the beta-binomial q_d(k) = (μ_d s_d + k) / (s_d + m), as a galaxy that
had more yes is more of a yes. Added up, these are the mutual information of N votes
(`skgalaxy.acquisition`). For the binomial each vote is worth less than the one before: the
information is concave in N, and spending click after click where it tells most is optimal.
For the beta-binomial it need not be (two networks that differ in s alone agree on the first vote
and not on the second), and votes are then bought in the packets of the least concave majorant.
"""

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import logsumexp

from skgalaxy._validation import check_int, check_parameters, check_votes, check_whole
from skgalaxy.likelihoods import likelihood_of
from skgalaxy.likelihoods.binomial import bernoulli_entropy

__all__ = ["plan_votes", "value_of_votes"]

_BLOCK = 2**16  # probabilities p_d(k) at once: they stay in the cache
_NOTHING = 1e-12  # nats: what rounding may leave of nothing


def value_of_votes(draws, n_votes_more, votes=None, *, concentration=None):
    """Mutual information between a galaxy's next votes and the network's weights, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1], one per galaxy and drawn network.
    n_votes_more : int or array-like of shape (n_galaxies,)
        Volunteers who would be asked next.
    votes : array-like of shape (n_galaxies, 2), default=None
        Votes [k, N] that galaxies have already; None is none. Each network is weighted by how
        likely it found them. The network must not have learned from these votes: it would count
        them twice, and think itself surer of the galaxy than it is.
    concentration : array-like of shape (n_galaxies, n_draws), default=None
        As in `skgalaxy.acquisition.mutual_information`.

    Returns
    -------
    information : ndarray of shape (n_galaxies,)
        In [0, log n_draws]. Of votes that are the first, `acquisition.mutual_information`.

    Raises
    ------
    ValueError
        If draws or votes have a wrong shape or values out of range, or no network thinks the
        votes possible.

    Examples
    --------
    Two networks disagree; after ten votes it is nearly known which is right:

    >>> from skgalaxy.planning import value_of_votes
    >>> value_of_votes([[0.2, 0.8], [0.2, 0.8]], 10, [[0, 0], [8, 10]]).round(3)
    array([0.648, 0.002])
    """
    n_galaxies = len(check_parameters(draws, concentration)[0])
    n_more = _check_counts(n_votes_more, "n_votes_more", n_galaxies)
    values = _marginal_values(draws, n_more.max(initial=0), votes, concentration)
    worth = np.concatenate([np.zeros((n_galaxies, 1)), values.cumsum(axis=1)], axis=1)
    return worth[np.arange(n_galaxies), n_more]


def plan_votes(draws, n_clicks, *, most=40, votes=None, concentration=None):
    """Spend a number of clicks on the galaxies where they tell most about the network.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1], one per galaxy and drawn network.
    n_clicks : int
        Votes to ask of volunteers in all.
    most : int or array-like of shape (n_galaxies,), default=40
        Most votes to ask of a galaxy, beside those it has.
    votes : array-like of shape (n_galaxies, 2), default=None
        Votes [k, N] that galaxies have already, as in `value_of_votes`.
    concentration : array-like of shape (n_galaxies, n_draws), default=None
        As in `value_of_votes`.

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
    likelihood; with the beta-binomial but for the last packet, which may be bought in part.
    What near-duplicates tell twice is not deducted; see `skgalaxy.joint`.

    Examples
    --------
    Two networks disagree a little on the first galaxy, clearly on the second, not on the third:

    >>> from skgalaxy.planning import plan_votes
    >>> plan_votes([[0.4, 0.6], [0.2, 0.8], [0.3, 0.3]], n_clicks=20)
    array([11,  9,  0])
    """
    n_clicks = check_int(n_clicks, "n_clicks", 0)
    n_galaxies = len(check_parameters(draws, concentration)[0])
    most = _check_counts(most, "most", n_galaxies)
    values = _marginal_values(draws, most.max(initial=0), votes, concentration)
    values[np.arange(values.shape[1]) >= most[:, None]] = 0
    values = _concave(values)
    # of equal values the lower vote first, so that a galaxy's votes are bought in their order
    order = np.argsort(-values.T.ravel(), kind="stable")[:n_clicks]
    bought = order[values.T.ravel()[order] > _NOTHING]
    return np.bincount(bought % max(1, n_galaxies), minlength=n_galaxies)


def _concave(values_GM):
    """Return the slopes of the least concave majorant: mean values of packets of votes."""
    for row in np.flatnonzero((np.diff(values_GM, axis=1) > _NOTHING).any(axis=1)):
        values_GM[row] = isotonic_regression(values_GM[row], increasing=False).x
    return values_GM


def _marginal_values(draws, n_more, votes, concentration):
    """Return the information of each of the next votes, shape (G, n_more)."""
    draws, *concentration = check_parameters(draws, concentration)
    votes_G, n_votes_G = _check_votes(votes, len(draws))
    values_GM = np.empty((len(draws), n_more))
    n_rows = max(1, _BLOCK // (draws.shape[1] * (n_more + 1)))
    for start in range(0, len(draws), n_rows):
        rows = slice(start, start + n_rows)
        parameters = draws[rows], *(values[rows] for values in concentration)
        weight_GD = _weights(parameters, votes_G[rows], n_votes_G[rows], start)
        values_GM[rows] = _one_by_one(
            _updated(parameters, votes_G[rows], n_votes_G[rows]), weight_GD, n_more
        )
    return np.where(values_GM > _NOTHING, values_GM, 0)


def _check_counts(counts, name, n_galaxies):
    """Return an integer >= 0, or one per galaxy, as one per galaxy."""
    counts = check_whole(counts, name)
    if counts.shape not in ((), (n_galaxies,)):
        raise ValueError(
            f"`{name}` must be one integer or one per galaxy, shape ({n_galaxies},). "
            f"Got shape {counts.shape}."
        )
    return np.broadcast_to(counts, n_galaxies)


def _check_votes(votes, n_galaxies):
    """Return the votes that galaxies have, two int arrays."""
    if votes is None:
        return np.zeros((2, n_galaxies), dtype=int)
    votes = np.asarray(votes)
    if votes.shape != (n_galaxies, 2):
        raise ValueError(
            f"`votes` must be counts [k, N] of shape ({n_galaxies}, 2). Got shape {votes.shape}."
        )
    return check_votes(*votes.T, n_galaxies)


def _weights(parameters, votes_G, n_votes_G, first_row):
    """Return the networks' weights given the votes there are, shape (G, D); rows sum to one."""
    likelihood = likelihood_of(*parameters[1:] or [None])
    log_GD = likelihood.log_pmf(votes_G[:, None], n_votes_G[:, None], *parameters)
    evidence_G = logsumexp(log_GD, axis=1)
    if np.isneginf(evidence_G).any():
        row = int(np.flatnonzero(np.isneginf(evidence_G))[0])
        raise ValueError(
            "`votes` must be possible under one of the draws at least. "
            f"Got {votes_G[row]} of {n_votes_G[row]} in row {first_row + row}, where all draws "
            "are 0 or 1."
        )
    return np.exp(log_GD - evidence_G[:, None])


def _updated(parameters, votes_G, n_votes_G):
    """Return the mean and 1 / s of every network's vote fraction, given the votes there are."""
    rho_GD, *concentration = parameters
    if not concentration:
        return rho_GD, None
    phi_GD = 1 / concentration[0]
    grown_GD = 1 + n_votes_G[:, None] * phi_GD
    return (rho_GD + votes_G[:, None] * phi_GD) / grown_GD, phi_GD / grown_GD


def _one_by_one(parameters, weight_GD, n_more):
    """Return what each vote adds, shape (G, n_more); p_d(k) w_d is carried from vote to vote."""
    rho_GD, phi_GD = (None if values is None else values[..., None] for values in parameters)
    yes_GDK, pmf_GDK = rho_GD, weight_GD[..., None]
    own_G = (weight_GD * bernoulli_entropy(rho_GD[..., 0])).sum(axis=1)
    values_GM = np.empty((len(rho_GD), n_more))
    for m in range(n_more):
        if phi_GD is not None:
            yes_GDK = (rho_GD + np.arange(m + 1) * phi_GD) / (1 + m * phi_GD)
            own_G = (pmf_GDK * bernoulli_entropy(yes_GDK)).sum(axis=(1, 2))
        said_yes_GDK = pmf_GDK * yes_GDK
        values_GM[:, m] = _entropy_of_answer(pmf_GDK.sum(1), said_yes_GDK.sum(1)) - own_G
        following_GDK = np.zeros((*weight_GD.shape, m + 2))
        following_GDK[..., 1:] = said_yes_GDK
        following_GDK[..., :-1] += pmf_GDK - said_yes_GDK
        pmf_GDK = following_GDK
    return values_GM


def _entropy_of_answer(pmf_GK, said_yes_GK):
    """Return Σ_k p̄(k) h(q̄(k)), shape (G,)."""
    yes_GK = np.divide(said_yes_GK, pmf_GK, out=np.zeros_like(pmf_GK), where=pmf_GK > 0)
    return (pmf_GK * bernoulli_entropy(np.minimum(yes_GK, 1))).sum(axis=1)
