"""Which galaxies teach the most: scores in nats from draws of ρ. Arrays in, arrays out.

The mutual information between a galaxy's votes k and the network's weights w is high where the
drawn networks *confidently disagree* (BALD: Houlsby et al. 2011; Gal et al. 2017; for vote counts
Walmsley et al. 2020)::

    MI = H[ mean_d Bin(k; N, ρ_d) ]  -  mean_d H[ Bin(k; N, ρ_d) ]
         predictive entropy             expected entropy

A binomial's entropy is ``N h(ρ) - E[log C(N, k)]`` with h the entropy of one vote, and the mean
over draws of that expectation is one over the mixture p̄. Hence, with no entropy per draw::

    MI = H[p̄] + Σ_k p̄_k log C(N, k) - N mean_d h(ρ_d)

``0 <= MI <= min(H[p̄], log D)``; it is 0 if all draws agree and grows with N. The plug-in value
from D draws is biased low by about 1/D of itself, and few draws rank badly: use many, they are
nearly free. The leave-one-out jackknife removes most of the bias, for one pass over all D x K
probabilities.
"""

import numpy as np

from skgalaxy._validation import check_bool, check_draws, check_n_votes
from skgalaxy.likelihoods import binomial

__all__ = ["expected_entropy", "mutual_information", "predictive_entropy"]

_MOST_BY_MOMENTS = 256
_BLOCK = 2**14  # values of ρ at once: they stay in the cache, and scratch memory stays small


def _scores(of_block, draws, n_votes):
    """Return ``of_block(rho_DG, N)`` of every galaxy; a block is of one N."""
    draws_GD = check_draws(draws)
    n_votes_G = check_n_votes(n_votes, len(draws_GD))
    n_rows = max(1, _BLOCK // draws_GD.shape[1])
    scores_G = np.empty(len(draws_GD))
    for n in np.unique(n_votes_G):
        of_this_n = np.flatnonzero(n_votes_G == n)
        for start in range(0, len(of_this_n), n_rows):
            rows = of_this_n[start : start + n_rows]
            scores_G[rows] = of_block(np.ascontiguousarray(draws_GD[rows].T), int(n))
    return scores_G


def _mixture(rho_DG, n):
    """Return p̄_k, shape (K, G): by moments, whose matrix of K x K is only for the usual N."""
    if n <= _MOST_BY_MOMENTS:
        return binomial.mixture_pmf_by_moments(rho_DG, n)
    return binomial.mixture_pmf(rho_DG.T, n).T


def _entropy(pmf, axis=0):
    return np.maximum(-binomial.x_log_x(pmf).sum(axis=axis), 0)


def _predictive(rho_DG, n):
    return _entropy(_mixture(rho_DG, n))


def _expected(rho_DG, n):
    return _mean_entropy(rho_DG, n, _mixture(rho_DG, n))


def _mean_entropy(rho_DG, n, pmf_KG):
    one_vote_G = binomial.bernoulli_entropy(rho_DG).mean(axis=0)
    return np.maximum(n * one_vote_G - binomial.log_coefficients(n) @ pmf_KG, 0)


def _plug_in(rho_DG, n):
    pmf_KG = _mixture(rho_DG, n)
    mi_G = _entropy(pmf_KG) - _mean_entropy(rho_DG, n, pmf_KG)
    return np.where(_agree(rho_DG), 0, np.maximum(mi_G, 0))


def _jackknifed(rho_DG, n):
    """Return D MI - (D - 1) mean_d MI[without draw d].

    All terms of MI but H[p̄] are means over draws, equal to the mean of their leave-one-out means:
    what is added to MI is (D - 1) (H[p̄] - mean_d H[p̄ without d]).
    """
    n_draws = len(rho_DG)
    gain_G = np.empty(rho_DG.shape[1])
    for rows, pmf_GDK in binomial.pmf_blocks(rho_DG.T, n):
        pmf_GK = pmf_GDK.mean(axis=1)
        without_GDK = np.maximum(n_draws * pmf_GK[:, None] - pmf_GDK, 0) / (n_draws - 1)
        gain_G[rows] = _entropy(pmf_GK, -1) - _entropy(without_GDK, -1).mean(axis=1)
    return np.where(_agree(rho_DG), 0, _plug_in(rho_DG, n) + (n_draws - 1) * gain_G)


def _agree(rho_DG):
    return rho_DG.min(axis=0) == rho_DG.max(axis=0)


def predictive_entropy(draws, n_votes):
    """Entropy of the posterior over k: all uncertainty about the next votes, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1], one per galaxy and drawn network.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers who would be asked.

    Returns
    -------
    entropy : ndarray of shape (n_galaxies,)
        H[p̄], in [0, log(N + 1)].

    Raises
    ------
    ValueError
        If `draws` or `n_votes` have a wrong shape or values out of range.

    Examples
    --------
    >>> from skgalaxy.acquisition import predictive_entropy
    >>> predictive_entropy([[0.5, 0.5], [0.0, 0.0]], n_votes=1).round(3)
    array([0.693, 0.   ])
    """
    return _scores(_predictive, draws, n_votes)


def expected_entropy(draws, n_votes):
    """Mean entropy of the drawn networks' binomials: the votes' own scatter, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1], one per galaxy and drawn network.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers who would be asked.

    Returns
    -------
    entropy : ndarray of shape (n_galaxies,)
        mean_d H[Bin(N, ρ_d)], at most the predictive entropy.

    Raises
    ------
    ValueError
        If `draws` or `n_votes` have a wrong shape or values out of range.

    Examples
    --------
    >>> from skgalaxy.acquisition import expected_entropy
    >>> expected_entropy([[0.5, 0.5], [0.0, 1.0]], n_votes=1).round(3)
    array([0.693, 0.   ])
    """
    return _scores(_expected, draws, n_votes)


def mutual_information(draws, n_votes, *, jackknife=False):
    """Mutual information between a galaxy's N votes and the network's weights, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1], one per galaxy and drawn network.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers who would be asked. Scores with different N are not
        comparable: use one N for a pool unless you mean the difference.
    jackknife : bool, default=False
        Correct the bias of few draws: the mean over many sets of draws is then close to what
        infinitely many would give, but a single value scatters more and may be below 0.

    Returns
    -------
    scores : ndarray of shape (n_galaxies,)
        In [0, log n_draws], with `jackknife` unbounded; 0 where all draws are equal.

    Raises
    ------
    ValueError
        If `draws` or `n_votes` have a wrong shape or values out of range, or if there is one
        draw only to jackknife.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424); Houlsby et al. 2011,
    arXiv:1112.5745; Efron & Stein 1981, Annals of Statistics 9, 586 (jackknife).

    Examples
    --------
    Two networks that are sure of opposite answers, two that agree on doubt:

    >>> from skgalaxy.acquisition import mutual_information
    >>> mutual_information([[0.2, 0.8], [0.5, 0.5]], n_votes=10).round(3)
    array([0.648, 0.   ])
    """
    draws = check_draws(draws)
    if check_bool(jackknife, "jackknife") and draws.shape[1] < 2:
        raise ValueError("`draws` must hold at least two draws to jackknife. Got one.")
    return _scores(_jackknifed if jackknife else _plug_in, draws, n_votes)
