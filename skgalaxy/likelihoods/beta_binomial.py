"""The beta-binomial likelihood: volunteers disagree more than coins of one probability would.

A network says of a galaxy not one vote fraction but a distribution of it, Beta(μ s, (1 - μ) s)
of mean μ and concentration s; its votes scatter on top (Skellam 1948; for Galaxy Zoo, with more
answers than two, Walmsley et al. 2022, arXiv:2102.08414)::

    log BB(k; N, μ, s) = log C(N, k) + Σ_{i<k} log(μ + i φ) + Σ_{j<N-k} log(1 - μ + j φ)
                         - Σ_{i<N} log(1 + i φ),        φ = 1 / s

In φ it is a sum of logarithms without cancellation, and with φ = 0 the binomial itself. Networks
give two numbers per galaxy: the logit of μ, and log s.

Functions are those of `skgalaxy.likelihoods.binomial`, with the concentrations behind the draws.
"""

import numpy as np
from scipy.special import betainc, gammaln, logsumexp, xlogy

from skgalaxy.likelihoods.binomial import entropy, log_coefficients, vote_fraction

__all__ = [
    "entropies",
    "log_pmf",
    "mixture_log_prob",
    "mixture_pmf",
    "mixture_quantile",
    "parameters",
    "pmf_blocks",
    "sample",
    "vote_fraction_variance",
    "votes_nll",
]

MAX_OUTPUTS = 2
MOST_LOG_S = 14.0  # s of a million is a binomial, for any number of volunteers
_BLOCK = 2**18  # elements of p(k | μ_d, s_d) computed at once
_LOG_ZERO = -1e300  # stands for log 0: times 0 it is 0, where -inf would give NaN
_SMALL = 1e-6
_BISECTIONS = 30  # of [0, 1]: to 1e-9


def parameters(outputs):
    """Return μ and s, shape (...), of what networks give, shape (..., 2)."""
    log_s = np.asarray(outputs, dtype=np.float64)[..., 1]
    return vote_fraction(outputs), np.exp(np.clip(log_s, -MOST_LOG_S, MOST_LOG_S))


def log_pmf(votes, n_votes, rho, concentration):
    """Return log BB(k; N, μ, s), broadcast over its arguments; s may be infinite."""
    votes, n_votes = np.asarray(votes), np.asarray(n_votes)
    coefficient = gammaln(n_votes + 1) - gammaln(votes + 1) - gammaln(n_votes - votes + 1)
    return coefficient - _nll(votes, n_votes, rho, concentration)


def votes_nll(votes, n_votes, outputs):
    """Return -log BB without its constant log C(N, k), of networks' outputs (..., 2)."""
    return _nll(votes, n_votes, *parameters(outputs))


def _nll(votes, n_votes, rho, concentration):
    """Return -log BB without its constant log C(N, k), broadcast."""
    phi = 1 / np.asarray(concentration, dtype=np.float64)
    rho = np.asarray(rho, dtype=np.float64)
    yes = _log_rising(rho, phi, votes)
    no = _log_rising(1 - rho, phi, n_votes - votes)
    return _log_rising(1.0, phi, n_votes) - yes - no


def _log_rising(x, phi, k):
    """Return Σ_{i<k} log(x + i φ), -inf where a factor is 0.

    It is k log φ + log Γ(x / φ + k) - log Γ(x / φ), in which large x / φ cancel: there by the
    series of log(1 + i φ / x).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = phi / x
        is_small = (ratio < _SMALL) | (x == 0)
        inverse = np.where(is_small, 1.0, 1 / ratio)
        by_gamma = k * np.log(phi) + gammaln(inverse + k) - gammaln(inverse)
        ratio = np.where(is_small & (x > 0), ratio, 0)
        series = ratio * k * (k - 1) / 2 * (1 - ratio * (2 * k - 1) / 6)
        return np.where(is_small, xlogy(k, x) + series, by_gamma)


def mixture_log_prob(votes_G, n_votes_G, draws_GD, concentration_GD):
    """Return log mean_d BB(k_g; N_g, μ_gd, s_gd), shape (G,)."""
    terms_GD = log_pmf(votes_G[:, None], n_votes_G[:, None], draws_GD, concentration_GD)
    return logsumexp(terms_GD, axis=1) - np.log(draws_GD.shape[1])


def _log_pmf_KDG(rho_DG, n_votes, concentration_DG):
    """Return log BB of all outcomes, shape (K, D, G), with a finite number for log 0."""
    i_K = np.arange(n_votes + 1.0)[:, None, None]
    phi_DG = 1 / concentration_DG
    with np.errstate(divide="ignore"):
        yes_KDG = np.maximum(np.log(rho_DG + i_K * phi_DG), _LOG_ZERO)
        no_KDG = np.maximum(np.log((1 - rho_DG) + i_K * phi_DG), _LOG_ZERO)
    all_DG = np.log1p(i_K[:n_votes] * phi_DG).sum(axis=0)
    log_KDG = np.zeros((n_votes + 1, *rho_DG.shape))
    log_KDG[1:] = np.cumsum(yes_KDG[:n_votes], axis=0)
    log_KDG[:n_votes] += np.cumsum(no_KDG[:n_votes], axis=0)[::-1]
    return log_KDG + (log_coefficients(n_votes)[:, None, None] - all_DG)


def pmf_blocks(draws_GD, n_votes, concentration_GD):
    """Yield (rows, BB(k; N, μ_gd, s_gd) of shape (rows, D, K)) for one N."""
    n_galaxies, n_draws = draws_GD.shape
    n_rows = max(1, _BLOCK // (n_draws * (n_votes + 1)))
    for start in range(0, n_galaxies, n_rows):
        rows = slice(start, start + n_rows)
        log_KDG = _log_pmf_KDG(draws_GD[rows].T, n_votes, concentration_GD[rows].T)
        yield rows, np.exp(log_KDG, out=log_KDG).transpose(2, 1, 0)


def mixture_pmf(draws_GD, n_votes, concentration_GD):
    """Return p̄_k = mean_d BB(k; N, μ_d, s_d) for one N, shape (G, K)."""
    pmf_GK = np.empty((len(draws_GD), n_votes + 1))
    for rows, pmf_GDK in pmf_blocks(draws_GD, n_votes, concentration_GD):
        pmf_GDK.mean(axis=1, out=pmf_GK[rows])
    return pmf_GK


def entropies(rho_DG, n_votes, concentration_DG):
    """Return the entropy of the mixture, and the draws' mean entropy, shape (G,), for one N."""
    mixed_G, expected_G = np.empty((2, rho_DG.shape[1]))
    n_columns = max(1, _BLOCK // (len(rho_DG) * (n_votes + 1)))
    for start in range(0, rho_DG.shape[1], n_columns):
        columns = slice(start, start + n_columns)
        log_KDG = _log_pmf_KDG(rho_DG[:, columns], n_votes, concentration_DG[:, columns])
        pmf_KDG = np.exp(log_KDG)
        expected_G[columns] = -np.einsum("kdg,kdg->g", pmf_KDG, log_KDG) / len(rho_DG)
        mixed_G[columns] = entropy(pmf_KDG.mean(axis=1))
    return mixed_G, np.maximum(expected_G, 0)


def vote_fraction_variance(draws_GD, concentration_GD):
    """Return the variance of ρ: that of the Betas' means, and the Betas' own, shape (G,)."""
    within_GD = draws_GD * (1 - draws_GD) / (concentration_GD + 1)
    return draws_GD.var(axis=1) + within_GD.mean(axis=1)


def mixture_quantile(level, draws_GD, concentration_GD):
    """Return the quantile of ρ under the mixture of Betas, shape (G,), to 1e-9."""
    quantile_G = np.empty(len(draws_GD))
    n_rows = max(1, _BLOCK // draws_GD.shape[1])
    for start in range(0, len(draws_GD), n_rows):
        rows = slice(start, start + n_rows)
        quantile_G[rows] = _bisect(level, draws_GD[rows], concentration_GD[rows])
    return quantile_G


def _bisect(level, rho_GD, concentration_GD):
    low_G, high_G = np.zeros(len(rho_GD)), np.ones(len(rho_GD))
    for _ in range(_BISECTIONS):
        middle_G = (low_G + high_G) / 2
        below_G = _beta_cdf(middle_G[:, None], rho_GD, concentration_GD).mean(axis=1) < level
        low_G = np.where(below_G, middle_G, low_G)
        high_G = np.where(below_G, high_G, middle_G)
    return (low_G + high_G) / 2


def _beta_cdf(x, rho, concentration):
    """Return P(Beta(μ s, (1 - μ) s) <= x); a step at μ where the Beta is a point."""
    is_point = np.isinf(concentration) | (rho == 0) | (rho == 1)
    s = np.where(is_point, 2, concentration)
    mean = np.where(is_point, 0.5, rho)
    return np.where(is_point, x >= rho, betainc(mean * s, (1 - mean) * s, x))


def sample(rng, n_votes, rho, concentration):
    """Return votes k of N, one per galaxy: ρ from its Beta, then k from its binomial."""
    is_point = np.isinf(concentration) | (rho == 0) | (rho == 1)
    s = np.where(is_point, 2, concentration)
    mean = np.where(is_point, 0.5, rho)
    drawn = rng.beta(mean * s, (1 - mean) * s)
    return rng.binomial(n_votes, np.where(is_point, rho, drawn))
