"""The binomial likelihood: k of N volunteers say yes, each with probability ρ.

A galaxy's votes are N independent coins of probability ρ, its vote fraction (Walmsley et al.
2020)::

    log Bin(k; N, ρ) = log C(N, k) + k log ρ + (N - k) log(1 - ρ)

Networks speak in logits, z = log(ρ / (1 - ρ)). In them the votes' part of the negative
log-likelihood is ``k softplus(-z) + (N - k) softplus(z)``, which never takes the logarithm of a
rounded zero; `skgalaxy.losses` states the same line in Keras, and a test holds the two together.

D drawn networks give D values of ρ, and their posterior for k is the equal mixture
``p̄_k = mean_d Bin(k; N, ρ_d)``: the one quantity that posteriors and acquisition are computed
from. `mixture_pmf` is exact to rounding however unlikely k is. `mixture_pmf_by_moments` is three
times as fast and exact to 1e-15 of the whole, all that an entropy needs: Bin(k; N, ρ) is a
polynomial of degree N in ρ, so p̄ is a linear map of the draws' first N Chebyshev moments.
Arrays are float64; shape suffixes: G galaxies, D draws, K = N + 1 outcomes, M = N + 1 moments.
"""

from functools import lru_cache

import numpy as np
from scipy.fft import dct
from scipy.special import expit, gammaln, logsumexp, xlog1py, xlogy

__all__ = [
    "bernoulli_entropy",
    "entropies",
    "entropy",
    "log_coefficients",
    "log_pmf",
    "mixture_log_prob",
    "mixture_pmf",
    "mixture_pmf_by_moments",
    "mixture_quantile",
    "parameters",
    "pmf_blocks",
    "sample",
    "vote_fraction",
    "vote_fraction_variance",
    "votes_nll",
    "x_log_x",
]

MAX_OUTPUTS = 1
MOST_LOGIT = 30.0  # beyond it float64 rounds ρ to 1, and a vote against it would be impossible
_MOST_BY_MOMENTS = 256  # votes: the matrix of moments, K x K, is only for the usual N
_BLOCK = 2**18  # elements of p(k | ρ_d) computed at once: 2 MB, so that they stay in the cache
_LOG_ZERO = -1e300  # stands for log 0: times 0 it is 0, where -inf would give NaN


def parameters(outputs):
    """Return ρ, shape (...), of what networks give, shape (..., 1); never 0 or 1."""
    return (vote_fraction(outputs),)


def vote_fraction(outputs):
    """Return ρ of logits, which stand first in outputs, to within 1e-13 of 0 and 1."""
    logits = np.asarray(outputs, dtype=np.float64)[..., 0]
    return expit(np.clip(logits, -MOST_LOGIT, MOST_LOGIT))


def log_coefficients(n_votes):
    """Return log C(N, k) for k = 0 ... N, shape (N + 1,)."""
    k = np.arange(n_votes + 1)
    return gammaln(n_votes + 1) - gammaln(k + 1) - gammaln(n_votes - k + 1)


def log_pmf(votes, n_votes, rho):
    """Return log Bin(k; N, ρ), broadcast over its arguments; exact at ρ = 0 and ρ = 1."""
    votes, n_votes = np.asarray(votes), np.asarray(n_votes)
    coefficient = gammaln(n_votes + 1) - gammaln(votes + 1) - gammaln(n_votes - votes + 1)
    return coefficient + xlogy(votes, rho) + xlog1py(n_votes - votes, -rho)


def votes_nll(votes, n_votes, outputs):
    """Return -log Bin(k; N, σ(z)) without its constant log C(N, k), of outputs (..., 1)."""
    logits = np.asarray(outputs)[..., 0]
    return votes * np.logaddexp(0, -logits) + (n_votes - votes) * np.logaddexp(0, logits)


def x_log_x(p):
    """Return p log p, 0 at p = 0."""
    return p * np.log(np.maximum(p, np.finfo(np.float64).tiny))


def bernoulli_entropy(rho):
    """Return h(ρ) = -ρ log ρ - (1 - ρ) log(1 - ρ), in nats."""
    return -x_log_x(rho) - x_log_x(1 - rho)


def mixture_log_prob(votes_G, n_votes_G, draws_GD):
    """Return log mean_d Bin(k_g; N_g, ρ_gd), shape (G,)."""
    terms_GD = log_pmf(votes_G[:, None], n_votes_G[:, None], draws_GD)
    return logsumexp(terms_GD, axis=1) - np.log(draws_GD.shape[1])


def pmf_blocks(draws_GD, n_votes):
    """Yield (rows, Bin(k; N, ρ_gd) of shape (rows, D, K)) for one N.

    Galaxies are taken in blocks, so scratch memory does not grow with their number; each block
    is the caller's until the next.
    """
    n_galaxies, n_draws = draws_GD.shape
    k = np.arange(n_votes + 1.0)
    exponents_3K = np.stack([k, n_votes - k, log_coefficients(n_votes)])
    rows = max(1, _BLOCK // (n_draws * (n_votes + 1)))
    for start in range(0, n_galaxies, rows):
        rho = draws_GD[start : start + rows].reshape(-1)
        with np.errstate(divide="ignore"):
            logs = np.stack([np.log(rho), np.log1p(-rho), np.ones_like(rho)], axis=1)
        terms = np.maximum(logs, _LOG_ZERO) @ exponents_3K  # k log ρ + (N-k) log(1-ρ) + log C
        np.exp(terms, out=terms)
        yield slice(start, start + rows), terms.reshape(-1, n_draws, n_votes + 1)


def mixture_pmf(draws_GD, n_votes):
    """Return p̄_k = mean_d Bin(k; N, ρ_d) for one N, shape (G, K)."""
    pmf_GK = np.empty((len(draws_GD), n_votes + 1))
    for rows, pmf_GDK in pmf_blocks(draws_GD, n_votes):
        pmf_GDK.mean(axis=1, out=pmf_GK[rows])
    return pmf_GK


def mixture_pmf_by_moments(rho_DG, n_votes):
    """Return p̄_k for one N, shape (K, G), to 1e-15 of the whole instead of each p̄_k.

    The recurrence T_{m+1} = 2x T_m - T_{m-1} takes the place of an exponential per outcome. Draws
    come first, so that sums over them run along memory; a few thousand values at once stay in
    the cache.
    """
    two_x_DG = 2 - 4 * rho_DG  # x = 1 - 2ρ in [-1, 1]
    before_DG, present_DG, product_DG = np.ones_like(two_x_DG), two_x_DG / 2, two_x_DG.copy()
    moments_MG = np.full((n_votes + 1, rho_DG.shape[1]), float(len(rho_DG)))
    for moment_G in moments_MG[1:]:
        np.add.reduce(present_DG, axis=0, out=moment_G)
        np.multiply(two_x_DG, present_DG, out=product_DG)
        np.subtract(product_DG, before_DG, out=before_DG)
        before_DG, present_DG = present_DG, before_DG
    pmf_KG = _chebyshev_coefficients(n_votes) @ (moments_MG / len(rho_DG))
    return np.maximum(pmf_KG, 0)


def entropies(rho_DG, n_votes):
    """Return the entropy of the mixture, and the draws' mean entropy, shape (G,), for one N.

    A binomial's entropy is N h(ρ) - E[log C(N, k)], and the mean over draws of that expectation
    is one over the mixture: no entropy per draw is needed.
    """
    if n_votes <= _MOST_BY_MOMENTS:
        pmf_KG = mixture_pmf_by_moments(rho_DG, n_votes)
    else:
        pmf_KG = mixture_pmf(rho_DG.T, n_votes).T
    one_vote_G = bernoulli_entropy(rho_DG).mean(axis=0)
    expected_G = n_votes * one_vote_G - log_coefficients(n_votes) @ pmf_KG
    return entropy(pmf_KG), np.maximum(expected_G, 0)


def entropy(pmf, axis=0):
    """Return -Σ p log p, in nats."""
    return np.maximum(-x_log_x(pmf).sum(axis=axis), 0)


def vote_fraction_variance(draws_GD):
    """Return the variance of ρ over draws, shape (G,)."""
    return draws_GD.var(axis=1)


def mixture_quantile(level, draws_GD):
    """Return the quantile of ρ over draws, shape (G,)."""
    return np.quantile(draws_GD, level, axis=1)


def sample(rng, n_votes, rho):
    """Return votes k of N, one per galaxy."""
    return rng.binomial(n_votes, rho)


@lru_cache(maxsize=128)
def _chebyshev_coefficients(n_votes):
    """Return c_km with Bin(k; N, ρ) = Σ_m c_km T_m(1 - 2ρ), shape (K, M)."""
    angles = np.pi * (np.arange(n_votes + 1) + 0.5) / (n_votes + 1)
    rho_at_nodes = (1 - np.cos(angles)) / 2
    pmf_at_nodes = np.exp(log_pmf(np.arange(n_votes + 1), n_votes, rho_at_nodes[:, None]))
    coefficients_MK = dct(pmf_at_nodes, axis=0) / (n_votes + 1)
    coefficients_MK[0] /= 2
    return coefficients_MK.T
