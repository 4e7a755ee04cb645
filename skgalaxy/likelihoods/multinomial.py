"""The multinomial likelihood: N volunteers choose among K answers, each with its probability.

A galaxy's votes k_a on the answers a of a question are N independent choices of probabilities p_a,
its vote fractions, for example "no bulge", "just noticeable", "obvious", "dominant"::

    log Mult(k; N, p) = log N! + Σ_a (k_a log p_a - log k_a!)

With two answers it is the binomial. Networks give K - 1 numbers z with p = softmax(C z), as
`skgalaxy.likelihoods.simplex` has it. In them the votes' part of the negative log-likelihood is
Σ_a k_a softplus(log-odds of the other answers against a), which never takes the logarithm of a
rounded zero.
"""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy

from skgalaxy.likelihoods.base import LOG_ZERO
from skgalaxy.likelihoods.binomial import Binomial
from skgalaxy.likelihoods.dirichlet_multinomial import DirichletMultinomial
from skgalaxy.likelihoods.simplex import (
    AnswerLikelihood,
    check_fractions,
    contrasts,
    fractions_of,
    keras_log_fractions,
    sample_counts,
    scatter_of_one,
)

__all__ = ["Multinomial"]


class Multinomial(AnswerLikelihood):
    """Multinomial votes: counts of K answers, each volunteer's with probabilities p.

    A network has K - 1 outputs for it.

    Parameters
    ----------
    fractions : array-like of shape (n_galaxies, n_draws, n_answers)
        Vote fractions in [0, 1], which sum to 1 over the answers to 1e-5; column d belongs to the
        same network for every galaxy.

    Raises
    ------
    ValueError
        If `fractions` is not three-dimensional, leaves [0, 1], or does not sum to 1.

    Examples
    --------
    >>> from skgalaxy.likelihoods import Multinomial
    >>> likelihood = Multinomial([[[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]])
    >>> likelihood.outcomes(1)
    array([[0, 0, 1],
           [0, 1, 0],
           [1, 0, 0]])
    >>> likelihood.mixture_pmf(1).round(2)
    array([[0.5, 0.2, 0.3]])
    >>> likelihood.answer(2)
    Binomial(n_galaxies=1, n_draws=2)
    """

    outputs: ClassVar[tuple[str, ...]] = ("the log-odds of the answers",)

    def __init__(self, fractions: ArrayLike) -> None:
        super().__init__(check_fractions(fractions, "fractions"))

    @classmethod
    def from_outputs(cls, outputs_GDP: ArrayLike) -> Self:
        return cls(fractions_of(outputs_GDP))

    @staticmethod
    def nll(y_true: Any, y_pred: Any) -> Any:
        from keras import ops

        return -ops.sum(y_true * keras_log_fractions(y_pred), axis=-1)

    def log_pmf(self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]) -> NDArray[Any]:
        coefficient_G = gammaln(n_votes_G + 1) - gammaln(votes_G + 1).sum(axis=1)
        # log N! + Σ_a (k_a log p_a - log k_a!), with 0 log 0 = 0
        return coefficient_G[:, None] + xlogy(votes_G[:, None], self.draws).sum(axis=2)

    def _log_pmf_of(self, rows: slice, counts_MK: NDArray[Any], n_votes: int) -> NDArray[Any]:
        with np.errstate(divide="ignore"):
            log_GDK = np.maximum(np.log(self.draws[rows]), LOG_ZERO)
        coefficient_M = gammaln(n_votes + 1) - gammaln(counts_MK + 1).sum(axis=1)
        return log_GDK @ counts_MK.T + coefficient_M

    def answer(self, answer: int) -> Binomial:
        # checked when this was made, and NaN where nothing was learned
        return object.__new__(Binomial)._of([self.draws[..., self._check_answer(answer)]])

    def variance(self) -> NDArray[Any]:
        return self.draws.var(axis=1)

    def sample(
        self, rng: np.random.RandomState, n_votes_G: NDArray[Any], draw: int
    ) -> NDArray[Any]:
        return sample_counts(rng, n_votes_G, self.draws[:, draw])

    def sample_fractions(self, rng: np.random.RandomState) -> NDArray[Any]:
        return self.draws.copy()

    def slope(
        self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Gradient of `log_pmf` in z, (G, D, K - 1), and Fisher's information, (G, D, K-1, K-1)."""
        # d log Mult / d log-odds = k - N p, and Fisher's information on them is Cov[k]
        gradient_GDK = votes_G[:, None] - n_votes_G[:, None, None] * self.draws
        information = n_votes_G[:, None, None, None] * scatter_of_one(self.draws)
        return gradient_GDK @ contrasts(self.n_answers), information

    def next_answer(self, votes_GK: ArrayLike, n_votes_G: ArrayLike) -> NDArray[Any]:
        return self.draws

    def recalibrated(
        self, overdispersion: float, scatter: float, spread: float = 1.0
    ) -> DirichletMultinomial:
        widened = DirichletMultinomial(self.draws, np.inf)
        return widened.recalibrated(overdispersion, scatter, spread)

    def scatter(self) -> NDArray[Any]:
        return np.zeros(self.draws.shape[:2])
