"""The binomial likelihood: k of N volunteers say yes, each with probability ρ.

A galaxy's votes are N independent coins of probability ρ, its vote fraction (Walmsley et al.
2020)::

    log Bin(k; N, ρ) = log C(N, k) + k log ρ + (N - k) log(1 - ρ)

Networks speak in logits, z = log(ρ / (1 - ρ)). In them the votes' part of the negative
log-likelihood is ``k softplus(-z) + (N - k) softplus(z)``, which never takes the logarithm of a
rounded zero.

D drawn networks give D values of ρ, and their posterior for k is the equal mixture
``p̄_k = mean_d Bin(k; N, ρ_d)``: the one quantity that posteriors and acquisition are computed
from. `Binomial.mixture_pmf` is exact to rounding, for unlikely k, too. `mixture_pmf_by_moments`
is three times as fast. Its error is 1e-15 of the whole, which is small enough for an entropy: as
Bin(k; N, ρ) is a polynomial of degree N in ρ, p̄ is a linear map of the draws' first N Chebyshev
moments.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import dct
from scipy.special import gammaln, xlog1py, xlogy

from skgalaxy._validation import check_draws
from skgalaxy.likelihoods.base import LOG_ZERO, Likelihood, log_coefficients, vote_fraction
from skgalaxy.likelihoods.beta_binomial import BetaBinomial
from skgalaxy.likelihoods.entropy import bernoulli_entropy, entropy

__all__ = ["Binomial", "log_pmf", "mixture_pmf_by_moments"]

_MOST_BY_MOMENTS = 256  # votes: the matrix of moments, K x K, is only for the usual N


class Binomial(Likelihood):
    """Binomial votes: k of N, each yes with probability ρ.

    Parameters
    ----------
    rho : array-like of shape (n_galaxies, n_draws)
        Vote fractions in [0, 1]; column d belongs to the same network for every galaxy.

    Raises
    ------
    ValueError
        If `rho` is not two-dimensional or leaves [0, 1].

    Examples
    --------
    >>> from skgalaxy.likelihoods import Binomial
    >>> Binomial([[0.2, 0.8], [0.5, 0.5]]).mixture_pmf(2).round(2)
    array([[0.34, 0.32, 0.34],
           [0.25, 0.5 , 0.25]])
    """

    outputs: ClassVar[tuple[str, ...]] = ("the logit of the vote fraction",)

    def __init__(self, rho: ArrayLike) -> None:
        super().__init__(check_draws(rho))

    @classmethod
    def from_outputs(cls, outputs_GDP: ArrayLike) -> Self:
        return cls(vote_fraction(np.asarray(outputs_GDP)[..., 0]))

    @staticmethod
    def nll(y_true: Any, y_pred: Any) -> Any:
        from keras import ops

        votes, n_votes, logit = y_true[:, 0], y_true[:, 1], y_pred[:, 0]
        # Walmsley+2020, the binomial loss -log Bin(k; N, ρ), here of logits. No epsilon: no floor
        # under the loss, no dead gradient where a network is wrong
        return votes * ops.softplus(-logit) + (n_votes - votes) * ops.softplus(logit)

    def log_pmf(self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]) -> NDArray[Any]:
        return log_pmf(votes_G[:, None], n_votes_G[:, None], self.draws)

    def pmf_blocks(self, n_votes: int) -> Iterator[tuple[slice, NDArray[Any]]]:
        k = np.arange(n_votes + 1.0)
        exponents_3K = np.stack([k, n_votes - k, log_coefficients(n_votes)])
        for rows in self._blocks(n_votes):
            rho = self.draws[rows].reshape(-1)
            with np.errstate(divide="ignore"):
                logs = np.stack([np.log(rho), np.log1p(-rho), np.ones_like(rho)], axis=1)
            terms = np.maximum(logs, LOG_ZERO) @ exponents_3K  # k log ρ + (N-k) log(1-ρ) + log C
            np.exp(terms, out=terms)
            yield rows, terms.reshape(-1, self.n_draws, n_votes + 1)

    def entropies(self, n_votes: int) -> tuple[NDArray[Any], NDArray[Any]]:
        # A binomial's entropy is N h(ρ) - E[log C(N, k)]. The mean over draws of its second term
        # is an expectation under the mixture, so no entropy of a single draw is needed.
        rho_DG = np.ascontiguousarray(self.draws.T)
        if n_votes <= _MOST_BY_MOMENTS:
            pmf_KG = mixture_pmf_by_moments(rho_DG, n_votes)
        else:
            pmf_KG = self.mixture_pmf(n_votes).T
        one_vote_G = bernoulli_entropy(rho_DG).mean(axis=0)
        expected_G = n_votes * one_vote_G - log_coefficients(n_votes) @ pmf_KG
        return entropy(pmf_KG), np.maximum(expected_G, 0)

    def variance(self) -> NDArray[Any]:
        return self.draws.var(axis=1)

    def quantile(self, level: float) -> NDArray[Any]:
        return np.quantile(self.draws, level, axis=1)

    def sample(
        self, rng: np.random.RandomState, n_votes_G: NDArray[Any], draw: int
    ) -> NDArray[Any]:
        return rng.binomial(n_votes_G, self.draws[:, draw])

    def probability_above(self, threshold: float) -> NDArray[Any]:
        above_GD = np.where(np.isnan(self.draws), np.nan, self.draws > threshold)
        return above_GD.mean(axis=1)

    def sample_fractions(self, rng: np.random.RandomState) -> NDArray[Any]:
        return self.draws.copy()

    def slope(
        self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        votes_G1, n_votes_G1 = votes_G[:, None], n_votes_G[:, None]
        # d log Bin / dz = k - N ρ, and Fisher's information on z is Var[k] = N ρ (1 - ρ)
        variance_GD = n_votes_G1 * self.draws * (1 - self.draws)
        return votes_G1 - n_votes_G1 * self.draws, variance_GD

    def next_yes(self, votes: ArrayLike, n_votes: ArrayLike) -> NDArray[Any]:
        return self.draws[..., None]

    def recalibrated(
        self, overdispersion: float, scatter: float, spread: float = 1.0
    ) -> BetaBinomial:
        return BetaBinomial(self.draws, np.inf).recalibrated(overdispersion, scatter, spread)

    def scatter(self) -> NDArray[Any]:
        return np.zeros_like(self.draws)


def log_pmf(votes: ArrayLike, n_votes: ArrayLike, rho: ArrayLike) -> NDArray[Any]:
    """Log of Bin(k; N, ρ), broadcast over its arguments; exact at ρ = 0 and ρ = 1."""
    votes, n_votes, rho = np.asarray(votes), np.asarray(n_votes), np.asarray(rho)
    coefficient = gammaln(n_votes + 1) - gammaln(votes + 1) - gammaln(n_votes - votes + 1)
    # log C(N, k) + k log ρ + (N - k) log(1 - ρ), with 0 log 0 = 0
    return coefficient + xlogy(votes, rho) + xlog1py(n_votes - votes, -rho)


def mixture_pmf_by_moments(rho_DG: NDArray[Any], n_votes: int) -> NDArray[Any]:
    """Mixture p̄_k for one N, shape (K, G), to 1e-15 of the whole instead of each p̄_k.

    The recurrence T_{m+1} = 2x T_m - T_{m-1} takes the place of an exponential per outcome. Draws
    come first, so that sums over them run along memory; a few thousand values at once stay in
    the cache.
    """
    two_x_DG = 2 - 4 * rho_DG  # x = 1 - 2ρ in [-1, 1]
    # buffers are swapped, not allocated: this loop is where scoring a pool spends its time
    before_DG, present_DG, product_DG = np.ones_like(two_x_DG), two_x_DG / 2, two_x_DG.copy()
    moments_MG = np.full((n_votes + 1, rho_DG.shape[1]), float(len(rho_DG)))
    for moment_G in moments_MG[1:]:
        np.add.reduce(present_DG, axis=0, out=moment_G)
        np.multiply(two_x_DG, present_DG, out=product_DG)
        np.subtract(product_DG, before_DG, out=before_DG)
        before_DG, present_DG = present_DG, before_DG
    pmf_KG = _chebyshev_coefficients(n_votes) @ (moments_MG / len(rho_DG))
    return np.maximum(pmf_KG, 0)


@lru_cache(maxsize=128)
def _chebyshev_coefficients(n_votes: int) -> NDArray[Any]:
    """Coefficients c_km of Bin(k; N, ρ) = Σ_m c_km T_m(1 - 2ρ), shape (K, M)."""
    # Chebyshev-Gauss nodes: N + 1 of them determine a polynomial of degree N
    angles = np.pi * (np.arange(n_votes + 1) + 0.5) / (n_votes + 1)
    rho_at_nodes = (1 - np.cos(angles)) / 2
    pmf_at_nodes = np.exp(log_pmf(np.arange(n_votes + 1), n_votes, rho_at_nodes[:, None]))
    coefficients_MK = dct(pmf_at_nodes, axis=0) / (n_votes + 1)
    coefficients_MK[0] /= 2
    return coefficients_MK.T
