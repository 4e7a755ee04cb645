"""The binomial likelihood: k of N volunteers say yes, each with probability ρ.

A galaxy's votes are N independent coins of probability ρ, its vote fraction (Walmsley et al.
2020)::

    log Bin(k; N, ρ) = log C(N, k) + k log ρ + (N - k) log(1 - ρ)

Networks speak in logits, z = log(ρ / (1 - ρ)). In them the votes' part of the negative
log-likelihood is ``k softplus(-z) + (N - k) softplus(z)``, which never takes the logarithm of a
rounded zero; `skgalaxy.losses` states the same line in Keras, and a test holds the two together.

D drawn networks give D values of ρ, and their posterior for k is the equal mixture
``p̄_k = mean_d Bin(k; N, ρ_d)`` (`mixture_pmf`): the one quantity that posteriors and acquisition
are computed from. Arrays are float64; shape suffixes: G galaxies, D draws, K = N + 1 outcomes.
"""

import numpy as np
from scipy.special import entr, gammaln, logsumexp, xlog1py, xlogy

__all__ = [
    "bernoulli_entropy",
    "log_coefficients",
    "log_pmf",
    "mixture_log_prob",
    "mixture_pmf",
    "votes_nll",
]

_BLOCK = 2**18  # scratch elements: 2 MB, so that a block stays in the cache
_LOG_ZERO = -1e300  # stands for log 0: times 0 it is 0, where -inf would give NaN


def log_coefficients(n_votes):
    """Return log C(N, k) for k = 0 ... N, shape (N + 1,)."""
    k = np.arange(n_votes + 1)
    return gammaln(n_votes + 1) - gammaln(k + 1) - gammaln(n_votes - k + 1)


def log_pmf(votes, n_votes, rho):
    """Return log Bin(k; N, ρ), broadcast over its arguments; exact at ρ = 0 and ρ = 1."""
    votes, n_votes = np.asarray(votes), np.asarray(n_votes)
    coefficient = gammaln(n_votes + 1) - gammaln(votes + 1) - gammaln(n_votes - votes + 1)
    return coefficient + xlogy(votes, rho) + xlog1py(n_votes - votes, -rho)


def votes_nll(votes, n_votes, logits):
    """Return -log Bin(k; N, σ(z)) without its constant log C(N, k), broadcast."""
    return votes * np.logaddexp(0, -logits) + (n_votes - votes) * np.logaddexp(0, logits)


def bernoulli_entropy(rho):
    """Return h(ρ) = -ρ log ρ - (1 - ρ) log(1 - ρ), in nats."""
    return entr(rho) + entr(1 - rho)


def mixture_log_prob(votes_G, n_votes_G, draws_GD):
    """Return log mean_d Bin(k_g; N_g, ρ_gd), shape (G,)."""
    terms_GD = log_pmf(votes_G[:, None], n_votes_G[:, None], draws_GD)
    return logsumexp(terms_GD, axis=1) - np.log(draws_GD.shape[1])


def mixture_pmf(draws_GD, n_votes):
    """Return p̄_k = mean_d Bin(k; N, ρ_d) for one N, shape (G, N + 1).

    Galaxies are taken in blocks, so scratch memory does not grow with their number.
    """
    n_galaxies, n_draws = draws_GD.shape
    k = np.arange(n_votes + 1.0)
    exponents_3K = np.stack([k, n_votes - k, log_coefficients(n_votes)])
    pmf_GK = np.empty((n_galaxies, n_votes + 1))
    rows = max(1, _BLOCK // (n_draws * (n_votes + 1)))
    for start in range(0, n_galaxies, rows):
        rho = draws_GD[start : start + rows].reshape(-1)
        with np.errstate(divide="ignore"):
            logs = np.stack([np.log(rho), np.log1p(-rho), np.ones_like(rho)], axis=1)
        terms = np.maximum(logs, _LOG_ZERO) @ exponents_3K  # k log ρ + (N-k) log(1-ρ) + log C
        np.exp(terms, out=terms)
        terms.reshape(-1, n_draws, n_votes + 1).mean(axis=1, out=pmf_GK[start : start + rows])
    return pmf_GK
