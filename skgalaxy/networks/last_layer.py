"""A Bayesian last layer: the weights of a network's output that the votes allow.

The trunk of a trained network turns an image into features φ. Its last layer is a logistic
regression: it turns features into the logit of a vote fraction. Training finds one set of its
weights w. Here you get the distribution of all of them, given the votes (Laplace's method: MacKay
1992, "The evidence framework applied to classification networks"; for the last layer of a deep
network Kristiadi et al. 2020, arXiv:2002.10118)::

    w | votes ~ N(ŵ, H⁻¹),     H = Σ_i I_i φ_i φ_iᵀ + λ 1

Here ŵ is the most probable w, and I_i is the information of the votes on galaxy i about its logit.
The prior is N(0, 1 / λ) for every weight; its precision λ is the one under which the votes are
most probable (the evidence). Features are measured from their mean, so that a constant in them
changes nothing. All is float64, and takes milliseconds for a thousand galaxies.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize_scalar
from threadpoolctl import threadpool_limits

from skgalaxy.likelihoods.base import Likelihood, row_blocks

__all__ = ["LEAST_GALAXIES", "LastLayer"]

LEAST_GALAXIES = 10  # fewer cannot tell a prior from chance

_LOG_PRECISIONS = (-7.0, 16.0)  # natural logarithms, for features of length 1
_INTERCEPT_PRECISION = 0.01  # a logit of ±10 is nothing unusual, and all votes may be yes
_NEWTON_STEPS = 100
_HALVINGS = 30
_TOLERANCE = 1e-9  # nats that a step still gains, relative to all
_ROUNDING = 1e-6  # of a feature's mean: networks compute in float32
_BLOCK = 2**20  # features in float64 at once: 8 MB, so that they stay in the cache


class LastLayer(NamedTuple):
    """Distribution of the weights of a last layer, N(mean, factor factorᵀ).

    Attributes
    ----------
    mean : float64 array of shape (n_features + 1,)
        Most probable weights; the last is the intercept.
    factor : float64 array of shape (n_features + 1, n_features + 1)
        Factor of their covariance.
    prior_precision : float
        λ, the precision of the prior on every weight but the intercept.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.special import expit
    >>> from skgalaxy.likelihoods import Binomial
    >>> from skgalaxy.networks.last_layer import LastLayer
    >>> features = np.linspace(-1, 1, 50)[:, None]
    >>> votes = np.round(40 * expit(2 * features[:, 0]))
    >>> layer = LastLayer.of(
    ...     features, votes, np.full(50, 40), lambda logits: Binomial(expit(logits)[:, None])
    ... )
    >>> layer.mean.round(1)
    array([2., 0.])
    >>> layer.logits([[1.0]], n_draws=4, seed=0).shape
    (1, 4)
    """

    mean: NDArray[np.float64]
    factor: NDArray[np.float64]
    prior_precision: float

    @classmethod
    def of(
        cls,
        features: NDArray[np.floating],
        votes: NDArray[np.floating],
        n_votes: NDArray[np.floating],
        likelihood_of: Callable[[NDArray[np.float64]], Likelihood],
        weight: NDArray[np.floating] | None = None,
    ) -> "LastLayer":
        """Weights that the votes on some galaxies allow.

        Parameters
        ----------
        features : array of shape (n_galaxies, n_features)
            Inputs of the last layer.
        votes, n_votes : array of shape (n_galaxies,)
            k of N, with N > 0.
        likelihood_of : callable
            Likelihood of the votes, one draw per galaxy, given the logits, shape (n_galaxies,).
        weight : array > 0 of shape (n_galaxies,), default=None
            Factor on the log-likelihood of every galaxy.

        Returns
        -------
        layer : LastLayer

        Raises
        ------
        ValueError
            If there are fewer than `LEAST_GALAXIES` galaxies.
        """
        votes, n_votes = np.asarray(votes, np.float64), np.asarray(n_votes, np.float64)
        weight = np.ones(len(votes)) if weight is None else np.asarray(weight, np.float64)
        if len(votes) < LEAST_GALAXIES:
            raise ValueError(
                f"`posterior` 'last_layer' needs votes on at least {LEAST_GALAXIES} galaxies, to "
                f"find its prior. Got {len(votes)}; use posterior='dropout'."
            )
        centre = np.asarray(np.mean(features, axis=0, dtype=np.float64))
        design = with_intercept(_centred(features, centre))
        # one scale for all features: λ then means the same for any network, and the prior stays
        # wide where a feature was hardly ever active
        length = np.sqrt(np.mean(np.sum(design[:, :-1] ** 2, axis=1))) or 1.0
        design[:, :-1] /= length
        regression = _Regression(design, votes, n_votes, weight, likelihood_of)
        # many small products: threads would wait for one another longer than they work
        with threadpool_limits(limits=1, user_api="blas"):
            found = regression.most_evident()
        # H = R Rᵀ, so R⁻ᵀ z has covariance H⁻¹
        inverse = solve_triangular(found.cholesky, np.eye(len(found.weights)), lower=True).T
        mean, factor = (_of_raw_features(x, centre, length) for x in (found.weights, inverse))
        return cls(mean, factor, float(found.precision * length**2))

    def draw(self, n_draws: int, seed: int) -> NDArray[np.float64]:
        """Draw weights, shape (n_features + 1, n_draws); the same seed gives the same weights."""
        normal = np.random.default_rng(seed).standard_normal((n_draws, len(self.mean)))
        return self.mean[:, None] + self.factor @ normal.T

    def logits(
        self, features: NDArray[np.floating], n_draws: int, seed: int
    ) -> NDArray[np.float64]:
        """Logits of every galaxy under every draw, shape (n_galaxies, n_draws).

        The draws are shared by all galaxies, and more of them begin with the same ones.
        """
        weights = self.draw(n_draws, seed)
        features = np.asarray(features)
        logits = np.empty((len(features), n_draws))
        for rows in row_blocks(len(features), _BLOCK // len(self.mean)):
            np.matmul(with_intercept(features[rows]), weights, out=logits[rows])
        return logits


def with_intercept(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Features in float64, with a last column of ones."""
    return np.column_stack([np.asarray(features, np.float64), np.ones(len(features))])


def _centred(features: NDArray[np.floating], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features less their mean; 0 where they are constant but for rounding."""
    centred = np.asarray(features, np.float64) - centre
    deviation = np.sqrt(np.mean(centred**2, axis=0))
    centred[:, deviation <= _ROUNDING * np.abs(centre)] = 0
    return centred


def _of_raw_features(
    weights: NDArray[np.float64], centre: NDArray[np.float64], length: float
) -> NDArray[np.float64]:
    """Weights of features as they come, from those of features less their mean, in units of length.

    The last row is the intercept.
    """
    slopes = weights[:-1] / length
    return np.concatenate([slopes, weights[-1:] - centre @ slopes])


class _Fit(NamedTuple):
    """Most probable weights under one prior."""

    weights: NDArray[np.float64]
    cholesky: NDArray[np.float64]  # lower factor of H
    precision: float
    log_evidence: float


class _Regression:
    """Votes, features, and their likelihood: a regression to solve under any prior."""

    def __init__(
        self,
        design: NDArray[np.float64],
        votes: NDArray[np.float64],
        n_votes: NDArray[np.float64],
        weight: NDArray[np.float64],
        likelihood_of: Callable[[NDArray[np.float64]], Likelihood],
    ) -> None:
        self.design, self.weight = design, weight
        self.votes, self.n_votes = votes, n_votes
        self.likelihood_of = likelihood_of

    def most_evident(self) -> _Fit:
        """Fit under the prior that makes the votes most probable."""
        fits = {}
        start = np.zeros(self.design.shape[1])

        def lost(log_precision: float) -> float:
            nonlocal start
            fit = self.solve(float(np.exp(log_precision)), start)
            start = fit.weights  # of a prior near by: few steps from there
            fits[log_precision] = fit
            return -fit.log_evidence

        best = minimize_scalar(
            lost, bounds=_LOG_PRECISIONS, method="bounded", options={"xatol": 0.05}
        )
        return fits[best.x]

    def solve(self, precision: float, start: NDArray[np.float64]) -> _Fit:
        """Most probable weights under a prior of this precision, by Newton's method."""
        prior = np.full(self.design.shape[1], precision)
        prior[-1] = _INTERCEPT_PRECISION
        weights, log_posterior = start, self._log_posterior(start, prior)
        for _ in range(_NEWTON_STEPS):
            cholesky, step = self._newton_step(weights, prior)
            weights, gained = self._climb(weights, step, prior, log_posterior)
            log_posterior += gained
            if gained <= _TOLERANCE * max(1.0, abs(log_posterior)):
                break
        cholesky, _ = self._newton_step(weights, prior)
        # MacKay 1992, the evidence for λ: posterior at its peak times the peak's volume
        log_evidence = log_posterior + 0.5 * np.log(prior).sum() - np.log(np.diag(cholesky)).sum()
        return _Fit(weights, cholesky, precision, float(log_evidence))

    def _log_posterior(self, weights: NDArray[np.float64], prior: NDArray[np.float64]) -> float:
        log_pmf = self.likelihood_of(self.design @ weights).log_pmf(self.votes, self.n_votes)
        return float(self.weight @ log_pmf[:, 0] - 0.5 * prior @ weights**2)

    def _newton_step(
        self, weights: NDArray[np.float64], prior: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Cholesky factor of H, and the step to the peak of the parabola."""
        likelihood = self.likelihood_of(self.design @ weights)
        slope, information = likelihood.slope(self.votes, self.n_votes)
        gradient = self.design.T @ (self.weight * slope[:, 0]) - prior * weights
        curved = self.design * (self.weight * information[:, 0])[:, None]
        # MacKay 1992, the Hessian at the peak: H = Σ_i I_i φ_i φ_iᵀ + λ 1
        hessian = self.design.T @ curved
        hessian[np.diag_indices_from(hessian)] += prior
        factor = cho_factor(hessian, lower=True)
        return np.tril(factor[0]), cho_solve(factor, gradient)

    def _climb(
        self,
        weights: NDArray[np.float64],
        step: NDArray[np.float64],
        prior: NDArray[np.float64],
        log_posterior: float,
    ) -> tuple[NDArray[np.float64], float]:
        """Weights after a step, halved until the posterior does not fall; and the gain."""
        for _ in range(_HALVINGS):
            tried = self._log_posterior(weights + step, prior)
            if tried >= log_posterior:
                return weights + step, tried - log_posterior
            step = step / 2
        return weights, 0.0
