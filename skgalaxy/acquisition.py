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
from D draws is biased low by about 1/D of itself: use many draws, they are nearly free.
"""

import numpy as np
from scipy.special import entr

from skgalaxy._validation import check_draws, check_n_votes
from skgalaxy.likelihoods import binomial

__all__ = ["expected_entropy", "mutual_information", "predictive_entropy"]


def _entropies(draws, n_votes):
    """Return predictive and expected entropy, two arrays of shape (n_galaxies,)."""
    draws_GD = check_draws(draws)
    n_votes_G = check_n_votes(n_votes, len(draws_GD))
    predictive, expected = np.empty((2, len(draws_GD)))
    for n in np.unique(n_votes_G):
        rows = n_votes_G == n
        pmf_GK = binomial.mixture_pmf(draws_GD[rows], n)
        predictive[rows] = entr(pmf_GK).sum(axis=1)
        one_vote = binomial.bernoulli_entropy(draws_GD[rows]).mean(axis=1)
        expected[rows] = n * one_vote - pmf_GK @ binomial.log_coefficients(n)
    return predictive, expected


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
    return _entropies(draws, n_votes)[0]


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
    return np.maximum(_entropies(draws, n_votes)[1], 0.0)


def mutual_information(draws, n_votes):
    """Mutual information between a galaxy's N votes and the network's weights, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1], one per galaxy and drawn network.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers who would be asked. Scores with different N are not
        comparable: use one N for a pool unless you mean the difference.

    Returns
    -------
    scores : ndarray of shape (n_galaxies,)
        In [0, log n_draws]; exactly 0 where all draws are equal.

    Raises
    ------
    ValueError
        If `draws` or `n_votes` have a wrong shape or values out of range.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424); Houlsby et al. 2011,
    arXiv:1112.5745.

    Examples
    --------
    Two networks that are sure of opposite answers, two that agree on doubt:

    >>> from skgalaxy.acquisition import mutual_information
    >>> mutual_information([[0.2, 0.8], [0.5, 0.5]], n_votes=10).round(3)
    array([0.648, 0.   ])
    """
    draws = check_draws(draws)
    predictive, expected = _entropies(draws, n_votes)
    agree = draws.min(axis=1) == draws.max(axis=1)
    return np.where(agree, 0.0, np.maximum(predictive - expected, 0.0))
