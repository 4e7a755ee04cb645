"""The Dirichlet-multinomial likelihood: volunteers disagree more than dice of one shape would.

A network gives the K answers of a question not fixed vote fractions but a distribution of them,
Dirichlet(μ s) of mean μ and concentration s. Votes scatter on top (Mosimann 1962; for Galaxy Zoo,
Walmsley et al. 2022, arXiv:2102.08414)::

    log DM(k; N, μ, s) = log N! + Σ_a [Σ_{i<k_a} log(μ_a + i φ) - log k_a!]
                         - Σ_{i<N} log(1 + i φ),        φ = 1 / s

In φ it is a sum of logarithms without cancellation, and with φ = 0 the multinomial itself. With two
answers it is the beta-binomial, and so are the votes on any one answer. Networks give K numbers
per galaxy: K - 1 for μ, as the multinomial's, and log s.
"""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from skgalaxy.likelihoods.base import LOG_ZERO
from skgalaxy.likelihoods.beta_binomial import (
    MOST_LOG_S,
    BetaBinomial,
    check_concentration,
)
from skgalaxy.likelihoods.beta_mixture import sample_beta
from skgalaxy.likelihoods.rising import keras_log_rising, log_rising, rising_slope
from skgalaxy.likelihoods.simplex import (
    AnswerLikelihood,
    check_fractions,
    contrasts,
    fractions_of,
    keras_log_fractions,
    sample_counts,
    scatter_of_one,
    shares_of_rest,
    spread_fractions,
)

__all__ = ["DirichletMultinomial"]


class DirichletMultinomial(AnswerLikelihood):
    """Votes on K answers, of vote fractions that are themselves Dirichlet distributed.

    A network has K outputs for it, or K - 1: then the concentration is learned as one number for
    all galaxies.

    Parameters
    ----------
    mean : array-like of shape (n_galaxies, n_draws, n_answers)
        Mean vote fractions μ in [0, 1], which sum to 1 over the answers to 1e-5; column d belongs
        to the same network for every galaxy.
    concentration : array-like of shape (n_galaxies, n_draws)
        Sureness s > 0 of each network: p ~ Dirichlet(μ s), as after s votes. You can give one
        number or a column, for example 10; infinity is the multinomial.

    Raises
    ------
    ValueError
        If `mean` is not three-dimensional, leaves [0, 1] or does not sum to 1, or a concentration
        is not > 0.

    Examples
    --------
    A concentration of 3 about one third each makes every outcome as likely as any other:

    >>> from skgalaxy.likelihoods import DirichletMultinomial
    >>> likelihood = DirichletMultinomial([[[1 / 3, 1 / 3, 1 / 3]]], concentration=3)
    >>> likelihood.mixture_pmf(2).round(3)
    array([[0.167, 0.167, 0.167, 0.167, 0.167, 0.167]])
    >>> likelihood.answer(0)
    BetaBinomial(n_galaxies=1, n_draws=1)
    """

    outputs: ClassVar[tuple[str, ...]] = (
        "the log-odds of the answers",
        "the logarithm of a concentration",
    )
    starts: ClassVar[tuple[float, ...]] = BetaBinomial.starts

    def __init__(self, mean: ArrayLike, concentration: ArrayLike) -> None:
        mean = check_fractions(mean, "mean")
        super().__init__(mean, check_concentration(concentration, mean.shape[:2]))

    @property
    def concentration(self) -> NDArray[Any]:
        """Concentrations s, shape (G, D)."""
        return self._arrays[1]

    @classmethod
    def from_outputs(cls, outputs_GDP: ArrayLike) -> Self:
        outputs = np.asarray(outputs_GDP, dtype=np.float64)
        log_s = np.clip(outputs[..., -1], -MOST_LOG_S, MOST_LOG_S)
        return cls(fractions_of(outputs[..., :-1]), np.exp(log_s))

    @staticmethod
    def nll(y_true: Any, y_pred: Any) -> Any:
        from keras import ops

        log_s = ops.clip(y_pred[:, -1:], -MOST_LOG_S, MOST_LOG_S)
        log_alpha = log_s + keras_log_fractions(y_pred[:, :-1])  # of μ s
        rising = keras_log_rising(log_alpha, y_true)
        loss = keras_log_rising(log_s[:, 0], ops.sum(y_true, axis=-1))
        for answer in range(y_true.shape[-1]):  # in this order two answers round as `BetaBinomial`
            loss = loss - rising[:, answer]
        return loss

    def log_pmf(self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]) -> NDArray[Any]:
        phi_GD = 1 / self.concentration
        coefficient_G = gammaln(n_votes_G + 1) - gammaln(votes_G + 1).sum(axis=1)
        answers_GDK = log_rising(self.draws, phi_GD[..., None], votes_G[:, None])
        # Mosimann 1962: the equation in the module's docstring
        all_GD = log_rising(1.0, phi_GD, n_votes_G[:, None])
        return coefficient_G[:, None] - (all_GD - answers_GDK.sum(axis=2))

    def _log_pmf_of(self, rows: slice, counts_MK: NDArray[Any], n_votes: int) -> NDArray[Any]:
        mean_GDK, phi_GD1 = self.draws[rows], 1 / self.concentration[rows][..., None]
        i_N = np.arange(n_votes)
        coefficient_M = gammaln(n_votes + 1) - gammaln(counts_MK + 1).sum(axis=1)
        log_GDM = coefficient_M - np.log1p(i_N * phi_GD1).sum(axis=2, keepdims=True)
        # the rising factorials of an answer's counts 0 ... N are one cumulative sum
        rising = np.zeros((*mean_GDK.shape[:2], n_votes + 1))
        for answer, counts_M in enumerate(counts_MK.T):
            with np.errstate(divide="ignore"):
                terms = np.log(mean_GDK[..., answer, None] + i_N * phi_GD1)
            np.cumsum(np.maximum(terms, LOG_ZERO), axis=2, out=rising[..., 1:])
            log_GDM += rising[..., counts_M]
        return log_GDM

    def answer(self, answer: int) -> BetaBinomial:
        mean = self.draws[..., self._check_answer(answer)]
        return object.__new__(BetaBinomial)._of([mean, self.concentration])  # as in `Multinomial`

    def variance(self) -> NDArray[Any]:
        within_GDK = self.draws * (1 - self.draws) / (self.concentration[..., None] + 1)
        return self.draws.var(axis=1) + within_GDK.mean(axis=1)  # the law of total variance

    def sample(
        self, rng: np.random.RandomState, n_votes_G: NDArray[Any], draw: int
    ) -> NDArray[Any]:
        fractions = _sample_dirichlet(rng, self.draws[:, draw], self.concentration[:, draw])
        return sample_counts(rng, n_votes_G, fractions)

    def sample_fractions(self, rng: np.random.RandomState) -> NDArray[Any]:
        return _sample_dirichlet(rng, self.draws, self.concentration)

    def slope(
        self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Gradient of `log_pmf` in z, (G, D, K - 1), and the information on z, (G, D, K-1, K-1).

        The information is what the means and the covariance of the votes tell of z (a
        quasi-likelihood, McCullagh 1983).
        """
        phi_GD1, n_votes_G11 = 1 / self.concentration[..., None], n_votes_G[:, None, None]
        # d / d log μ_a; the log-odds of an answer raise its own μ, and lower all in their shares
        slope_GDK = rising_slope(self.draws, phi_GD1, votes_G[:, None])
        gradient_GDK = slope_GDK - self.draws * slope_GDK.sum(axis=2, keepdims=True)
        # Cov[k] = N (diag μ - μ μᵀ) (1 + N φ) / (1 + φ)
        votes_GD1 = n_votes_G11 * (1 + phi_GD1) / (1 + n_votes_G11 * phi_GD1)
        information = votes_GD1[..., None] * scatter_of_one(self.draws)
        return gradient_GDK @ contrasts(self.n_answers), information

    def next_answer(self, votes_GK: ArrayLike, n_votes_G: ArrayLike) -> NDArray[Any]:
        # Pólya's urn: (μ_a s + k_a) / (s + N), here in φ = 1 / s
        phi_GD1 = 1 / self.concentration[..., None]
        votes_G1K, n_votes_G11 = np.asarray(votes_GK)[:, None], np.asarray(n_votes_G)[:, None, None]
        return (self.draws + votes_G1K * phi_GD1) / (1 + n_votes_G11 * phi_GD1)

    def recalibrated(
        self, overdispersion: float, scatter: float, spread: float = 1.0
    ) -> "DirichletMultinomial":
        # the recalibration 1 / s' = overdispersion + scatter / s of `skgalaxy.calibration`
        with np.errstate(divide="ignore"):
            concentration = 1 / (overdispersion + scatter * self.scatter())
        return DirichletMultinomial(spread_fractions(self.draws, spread), concentration)

    def scatter(self) -> NDArray[Any]:
        return 1 / self.concentration


def _sample_dirichlet(
    rng: np.random.RandomState, mean: NDArray[Any], concentration: NDArray[Any]
) -> NDArray[Any]:
    """Vote fractions of each Dirichlet(μ s), also of s at which gamma variates would all be 0.

    One answer after the other takes a share of the rest that is Beta distributed.
    """
    fractions, left = np.empty(mean.shape), np.ones(mean.shape[:-1])
    for answer, (share, rest) in enumerate(zip(*shares_of_rest(mean), strict=True)):
        taken = sample_beta(rng, share, concentration * rest)
        fractions[..., answer] = left * taken
        left = left * (1 - taken)
    fractions[..., -1] = left
    return fractions
