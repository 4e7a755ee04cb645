"""Which galaxies teach the most: scores in nats from draws of ρ. Arrays in, arrays out.

The mutual information between a galaxy's votes k and the network's weights w is high where the
drawn networks *confidently disagree* (BALD: Houlsby et al. 2011; Gal et al. 2017; for vote counts
Walmsley et al. 2020)::

    MI = H[ mean_d Bin(k; N, ρ_d) ]  -  mean_d H[ Bin(k; N, ρ_d) ]
         predictive entropy             expected entropy

Both entropies are exact, sums over all outcomes k; `skgalaxy.likelihoods` has them. With a
beta-binomial likelihood, in which a network says how much volunteers differ beside what
they say on average, only the disagreement *between* networks counts as information.

``0 <= MI <= min(H[p̄], log D)``; it is 0 if all draws agree and grows with N. The plug-in value
from D draws is biased low by about 1/D of itself, and few draws rank badly: use many, they are
nearly free. The leave-one-out jackknife removes most of the bias, for one pass over all D x K
probabilities.
"""

import numpy as np

from skgalaxy._validation import check_bool, check_n_votes, check_parameters
from skgalaxy.likelihoods import likelihood_of
from skgalaxy.likelihoods.binomial import entropy

__all__ = ["expected_entropy", "mutual_information", "predictive_entropy"]

_BLOCK = 2**14  # values of ρ at once: they stay in the cache, and scratch memory stays small


def _scores(of_block, draws, n_votes, concentration):
    """Return ``of_block(likelihood, N, rho_DG, ...)`` of every galaxy; a block is of one N."""
    parameters = check_parameters(draws, concentration)
    likelihood = likelihood_of(concentration)
    n_galaxies, n_draws = parameters[0].shape
    n_votes_G = check_n_votes(n_votes, n_galaxies)
    n_rows = max(1, _BLOCK // n_draws)
    scores_G = np.empty(n_galaxies)
    for n in np.unique(n_votes_G):
        of_this_n = np.flatnonzero(n_votes_G == n)
        for start in range(0, len(of_this_n), n_rows):
            rows = of_this_n[start : start + n_rows]
            block = [np.ascontiguousarray(values_GD[rows].T) for values_GD in parameters]
            scores_G[rows] = of_block(likelihood, int(n), *block)
    return scores_G


def _predictive(likelihood, n, rho_DG, *concentration):
    return likelihood.entropies(rho_DG, n, *concentration)[0]


def _expected(likelihood, n, rho_DG, *concentration):
    return likelihood.entropies(rho_DG, n, *concentration)[1]


def _plug_in(likelihood, n, *parameters_DG):
    predictive_G, expected_G = likelihood.entropies(parameters_DG[0], n, *parameters_DG[1:])
    return np.where(_agree(parameters_DG), 0, np.maximum(predictive_G - expected_G, 0))


def _jackknifed(likelihood, n, *parameters_DG):
    """Return D MI - (D - 1) mean_d MI[without draw d].

    All terms of MI but H[p̄] are means over draws, equal to the mean of their leave-one-out means:
    what is added to MI is (D - 1) (H[p̄] - mean_d H[p̄ without d]).
    """
    n_draws, n_galaxies = parameters_DG[0].shape
    draws_GD, *concentration_GD = [values_DG.T for values_DG in parameters_DG]
    gain_G = np.empty(n_galaxies)
    for rows, pmf_GDK in likelihood.pmf_blocks(draws_GD, n, *concentration_GD):
        pmf_GK = pmf_GDK.mean(axis=1)
        without_GDK = np.maximum(n_draws * pmf_GK[:, None] - pmf_GDK, 0) / (n_draws - 1)
        gain_G[rows] = entropy(pmf_GK, -1) - entropy(without_GDK, -1).mean(axis=1)
    jackknifed_G = _plug_in(likelihood, n, *parameters_DG) + (n_draws - 1) * gain_G
    return np.where(_agree(parameters_DG), 0, jackknifed_G)


def _agree(parameters_DG):
    """Return where all draws are equal."""
    return np.all([(x_DG == x_DG[0]).all(axis=0) for x_DG in parameters_DG], axis=0)


def predictive_entropy(draws, n_votes, *, concentration=None):
    """Entropy of the posterior over k: all uncertainty about the next votes, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1], one per galaxy and drawn network.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers who would be asked.
    concentration : array-like of shape (n_galaxies, n_draws), default=None
        Concentrations of the beta-binomials; one number or a column will do.
        None is the binomial likelihood.

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
    return _scores(_predictive, draws, n_votes, concentration)


def expected_entropy(draws, n_votes, *, concentration=None):
    """Mean entropy of the drawn networks' binomials: the votes' own scatter, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1], one per galaxy and drawn network.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers who would be asked.
    concentration : array-like of shape (n_galaxies, n_draws), default=None
        Concentrations of the beta-binomials; one number or a column will do.
        None is the binomial likelihood.

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
    return _scores(_expected, draws, n_votes, concentration)


def mutual_information(draws, n_votes, *, concentration=None, jackknife=False):
    """Mutual information between a galaxy's N votes and the network's weights, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1], one per galaxy and drawn network.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers who would be asked. Scores with different N are not
        comparable: use one N for a pool unless you mean the difference.
    concentration : array-like of shape (n_galaxies, n_draws), default=None
        As in `predictive_entropy`.
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
    if check_bool(jackknife, "jackknife") and check_parameters(draws, None)[0].shape[1] < 2:
        raise ValueError("`draws` must hold at least two draws to jackknife. Got one.")
    return _scores(_jackknifed if jackknife else _plug_in, draws, n_votes, concentration)
