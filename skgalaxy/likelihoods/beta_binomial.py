"""The beta-binomial likelihood: volunteers disagree more than coins of one probability would.

A network gives a galaxy not one vote fraction but a distribution of it, Beta(μ s, (1 - μ) s) of
mean μ and concentration s. Its votes scatter on top (Skellam 1948; for Galaxy Zoo, with more
answers than two, Walmsley et al. 2022, arXiv:2102.08414)::

    log BB(k; N, μ, s) = log C(N, k) + Σ_{i<k} log(μ + i φ) + Σ_{j<N-k} log(1 - μ + j φ)
                         - Σ_{i<N} log(1 + i φ),        φ = 1 / s

In φ it is a sum of logarithms without cancellation, and with φ = 0 the binomial itself. Networks
give two numbers per galaxy: the logit of μ, and log s. The loss computes the same in float32, where
each sum is a difference of log Γ, arranged so that large arguments do not cancel.
"""

import math
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from skgalaxy._validation import check_draws, check_numbers
from skgalaxy.likelihoods.base import (
    BLOCK,
    LOG_ZERO,
    Likelihood,
    log_coefficients,
    row_blocks,
    spread_draws,
    vote_fraction,
)
from skgalaxy.likelihoods.beta_mixture import (
    beta_survival,
    mixture_quantile,
    mixture_variance,
    sample_beta,
)
from skgalaxy.likelihoods.entropy import entropy
from skgalaxy.likelihoods.rising import keras_log_rising, log_rising, rising_slope

__all__ = ["BetaBinomial", "log_pmf"]

MOST_LOG_S = 14.0  # s of a million is a binomial, for any number of volunteers


class BetaBinomial(Likelihood):
    """Beta-binomial votes: k of N, of a vote fraction that is itself Beta distributed.

    Parameters
    ----------
    mean : array-like of shape (n_galaxies, n_draws)
        Mean vote fractions μ in [0, 1]; column d belongs to the same network for every galaxy.
    concentration : array-like of shape (n_galaxies, n_draws)
        Sureness s > 0 of each network: ρ ~ Beta(μ s, (1 - μ) s), as after s votes. You can give
        one number or a column, for example 10; infinity is the binomial.

    Raises
    ------
    ValueError
        If `mean` is not two-dimensional or leaves [0, 1], or a concentration is not > 0.

    Examples
    --------
    A concentration of 2 about one half makes every number of votes as likely as any other:

    >>> from skgalaxy.likelihoods import BetaBinomial
    >>> BetaBinomial([[0.5]], concentration=2).mixture_pmf(3)
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    outputs: ClassVar[tuple[str, ...]] = (
        "the logit of the vote fraction",
        "the logarithm of a concentration",
    )
    starts: ClassVar[tuple[float, ...]] = (math.log(10),)

    def __init__(self, mean: ArrayLike, concentration: ArrayLike) -> None:
        mean = check_draws(mean)
        super().__init__(mean, check_concentration(concentration, mean.shape))

    @property
    def concentration(self) -> NDArray[Any]:
        """Concentrations s, shape (G, D)."""
        return self._arrays[1]

    @classmethod
    def from_outputs(cls, outputs_GDP: ArrayLike) -> Self:
        outputs = np.asarray(outputs_GDP, dtype=np.float64)
        log_s = np.clip(outputs[..., 1], -MOST_LOG_S, MOST_LOG_S)
        return cls(vote_fraction(outputs[..., 0]), np.exp(log_s))

    @staticmethod
    def nll(y_true: Any, y_pred: Any) -> Any:
        from keras import ops

        votes, n_votes = y_true[:, 0], y_true[:, 1]
        log_s = ops.clip(y_pred[:, 1], -MOST_LOG_S, MOST_LOG_S)
        yes = keras_log_rising(log_s - ops.softplus(-y_pred[:, 0]), votes)  # of log μ s
        no = keras_log_rising(log_s - ops.softplus(y_pred[:, 0]), n_votes - votes)
        return keras_log_rising(log_s, n_votes) - yes - no

    def log_pmf(self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]) -> NDArray[Any]:
        return log_pmf(votes_G[:, None], n_votes_G[:, None], self.draws, self.concentration)

    def pmf_blocks(self, n_votes: int) -> Iterator[tuple[slice, NDArray[Any]]]:
        for rows in self._blocks(n_votes):
            log_KDG = _log_pmf_KDG(self.draws[rows].T, n_votes, self.concentration[rows].T)
            yield rows, np.exp(log_KDG, out=log_KDG).transpose(2, 1, 0)

    def entropies(self, n_votes: int) -> tuple[NDArray[Any], NDArray[Any]]:
        rho_DG, s_DG = (np.ascontiguousarray(values.T) for values in self._arrays)
        mixed_G, expected_G = np.empty((2, len(self)))
        for galaxies in self._blocks(n_votes):
            log_KDG = _log_pmf_KDG(rho_DG[:, galaxies], n_votes, s_DG[:, galaxies])
            pmf_KDG = np.exp(log_KDG)
            expected_G[galaxies] = -np.einsum("kdg,kdg->g", pmf_KDG, log_KDG) / self.n_draws
            mixed_G[galaxies] = entropy(pmf_KDG.mean(axis=1))
        return mixed_G, np.maximum(expected_G, 0)

    def variance(self) -> NDArray[Any]:
        return mixture_variance(self.draws, self.concentration)

    def quantile(self, level: float) -> NDArray[Any]:
        known_G = ~np.isnan(self.draws).any(axis=1)
        if known_G.all():
            return mixture_quantile(level, self.draws, self.concentration)
        quantile_G = np.full(len(self), np.nan)  # where nothing was learned
        quantile_G[known_G] = self[known_G].quantile(level)
        return quantile_G

    def sample(
        self, rng: np.random.RandomState, n_votes_G: NDArray[Any], draw: int
    ) -> NDArray[Any]:
        return rng.binomial(
            n_votes_G, sample_beta(rng, self.draws[:, draw], self.concentration[:, draw])
        )

    def sample_fractions(self, rng: np.random.RandomState) -> NDArray[Any]:
        return sample_beta(rng, self.draws, self.concentration)

    def probability_above(self, threshold: float) -> NDArray[Any]:
        above_G = np.empty(len(self))
        for rows in row_blocks(len(self), BLOCK // self.n_draws):
            above_GD = beta_survival(threshold, self.draws[rows], self.concentration[rows])
            above_GD.mean(axis=1, out=above_G[rows])
        return above_G

    def slope(
        self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        votes_G1, n_votes_G1 = votes_G[:, None], n_votes_G[:, None]
        rho, phi = self.draws, 1 / self.concentration
        yes = rising_slope(rho, phi, votes_G1)
        no = rising_slope(1 - rho, phi, n_votes_G1 - votes_G1)
        coin_GD = rho * (1 - rho)  # dρ / dlogit
        # Var[k] = N ρ (1 - ρ) (1 + N φ) / (1 + φ)
        return (1 - rho) * yes - rho * no, n_votes_G1 * coin_GD * (1 + phi) / (1 + n_votes_G1 * phi)

    def next_yes(self, votes: ArrayLike, n_votes: ArrayLike) -> NDArray[Any]:
        # Pólya's urn: (μ s + k) / (s + N), here in φ = 1 / s
        phi_GDK = 1 / self.concentration[..., None]
        votes_GDK, n_votes_GDK = (np.asarray(x)[..., None, :] for x in (votes, n_votes))
        return (self.draws[..., None] + votes_GDK * phi_GDK) / (1 + n_votes_GDK * phi_GDK)

    def recalibrated(
        self, overdispersion: float, scatter: float, spread: float = 1.0
    ) -> "BetaBinomial":
        # the recalibration 1 / s' = overdispersion + scatter / s of `skgalaxy.calibration`
        with np.errstate(divide="ignore"):
            concentration = 1 / (overdispersion + scatter * self.scatter())
        return BetaBinomial(spread_draws(self.draws, spread), concentration)

    def scatter(self) -> NDArray[Any]:
        return 1 / self.concentration


def check_concentration(concentration: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """Concentrations as float64 of the shape of the draws."""
    concentration = check_numbers(concentration, "concentration")
    try:
        concentration = np.broadcast_to(concentration, shape)
    except ValueError as error:
        raise ValueError(
            f"`concentration` must be a number or of shape {shape}, one for each draw. "
            f"Got shape {concentration.shape}."
        ) from error
    if not (concentration > 0).all():
        raise ValueError(
            "`concentration` must be > 0; infinity is no scatter beyond chance. "
            f"Got {np.min(concentration):g}."
        )
    return concentration


def log_pmf(votes: ArrayLike, n_votes: ArrayLike, rho: ArrayLike, s: ArrayLike) -> NDArray[Any]:
    """Log of BB(k; N, μ, s), broadcast over its arguments; s may be infinite."""
    votes, n_votes = np.asarray(votes), np.asarray(n_votes)
    rho, phi = np.asarray(rho, dtype=np.float64), 1 / np.asarray(s, dtype=np.float64)
    coefficient = gammaln(n_votes + 1) - gammaln(votes + 1) - gammaln(n_votes - votes + 1)
    yes = log_rising(rho, phi, votes)
    no = log_rising(1 - rho, phi, n_votes - votes)
    # Skellam 1948: C(N, k) B(μs + k, (1-μ)s + N - k) / B(μs, (1-μ)s), in rising factorials
    return coefficient - (log_rising(1.0, phi, n_votes) - yes - no)


def _log_pmf_KDG(
    rho_DG: NDArray[Any], n_votes: int, concentration_DG: NDArray[Any]
) -> NDArray[Any]:
    """Log of BB of all outcomes, shape (K, D, G), with a finite number for log 0."""
    i_K = np.arange(n_votes + 1.0)[:, None, None]
    phi_DG = 1 / concentration_DG
    # Skellam 1948, as sums of logarithms in φ: the equation in the module's docstring
    with np.errstate(divide="ignore"):
        yes_KDG = np.maximum(np.log(rho_DG + i_K * phi_DG), LOG_ZERO)
        no_KDG = np.maximum(np.log((1 - rho_DG) + i_K * phi_DG), LOG_ZERO)
    all_DG = np.log1p(i_K[:n_votes] * phi_DG).sum(axis=0)
    log_KDG = np.zeros((n_votes + 1, *rho_DG.shape))
    # the rising factorials of k and N - k for all outcomes are two cumulative sums
    log_KDG[1:] = np.cumsum(yes_KDG[:n_votes], axis=0)
    log_KDG[:n_votes] += np.cumsum(no_KDG[:n_votes], axis=0)[::-1]
    return log_KDG + (log_coefficients(n_votes)[:, None, None] - all_DG)
