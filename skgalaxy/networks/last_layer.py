"""A Bayesian last layer: the weights of a network's output that the votes allow.

The trunk of a trained network turns an image into features φ. Its last layer is a logistic
regression: it turns features into the logit of a vote fraction. Training finds one set of its
weights w. Here you get the distribution of all of them, given the votes (Laplace's method: MacKay
1992, "The evidence framework applied to classification networks"; for the last layer of a deep
network Kristiadi et al. 2020, arXiv:2002.10118)::

    w | votes ~ N(ŵ, H⁻¹),     H = Σ_i I_i φ_i φ_iᵀ + λ 1

Here ŵ is the most probable w, and I_i is the information of the votes on galaxy i about its logit.
A question with K answers has K - 1 numbers in place of the logit: w is then a matrix, and I_i, too.
The prior is N(0, 1 / λ) for every weight; its precision λ is the one under which the votes are
most probable (the evidence). Features are measured from their mean, so that a constant in them
changes nothing. All is float64, and takes milliseconds for a thousand galaxies.

Shape suffixes: G galaxies, F features and the intercept, L outputs of the layer.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

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
    mean : float64 array of shape (n_outputs, n_features + 1)
        Most probable weights; the last of every output is its intercept.
    factor : float64 array of shape (n_weights, n_weights)
        Factor of the covariance of all weights, output by output.
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
    ...     features, votes, np.full(50, 40), lambda logits: Binomial(expit(logits))
    ... )
    >>> layer.mean.round(1)
    array([[2., 0.]])
    >>> layer.logits([[1.0]], n_draws=4, seed=0).shape
    (1, 4, 1)
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
        prior_precision: float | None = None,
    ) -> "LastLayer":
        """Weights that the votes on some galaxies allow.

        Parameters
        ----------
        features : array of shape (n_galaxies, n_features)
            Inputs of the last layer.
        votes : array of shape (n_galaxies,) or (n_galaxies, n_answers)
            k of N, or the votes for every answer.
        n_votes : array of shape (n_galaxies,)
            N. Where it is 0 a galaxy tells nothing.
        likelihood_of : callable
            Likelihood of the votes, one draw per galaxy, given the outputs of the last layer,
            shape (n_galaxies, n_outputs). There is one output for k of N, and one less than there
            are answers.
        weight : array > 0 of shape (n_galaxies,), default=None
            Factor on the log-likelihood of every galaxy.
        prior_precision : float > 0, default=None
            λ, for features as they come. None is the one that votes make most probable.

        Returns
        -------
        layer : LastLayer

        Raises
        ------
        ValueError
            If λ is to be found, and fewer than `LEAST_GALAXIES` galaxies have votes.
        """
        votes, n_votes = np.asarray(votes, np.float64), np.asarray(n_votes, np.float64)
        weight = np.ones(len(votes)) if weight is None else np.asarray(weight, np.float64)
        asked = n_votes > 0
        if prior_precision is None and asked.sum() < LEAST_GALAXIES:
            raise ValueError(
                f"`posterior` 'last_layer' needs votes on at least {LEAST_GALAXIES} galaxies, to "
                f"find its prior. Got {asked.sum()}; use posterior='dropout'."
            )
        centre = np.asarray(np.mean(features, axis=0, dtype=np.float64))
        design = with_intercept(_centred(features, centre))
        # one scale for all features: λ then means the same for any network, and the prior stays
        # wide where a feature was hardly ever active
        length = np.sqrt(np.mean(np.sum(design[:, :-1] ** 2, axis=1))) or 1.0
        design[:, :-1] /= length
        n_outputs = 1 if votes.ndim == 1 else votes.shape[1] - 1
        regression = _Regression(
            design[asked], votes[asked], n_votes[asked], weight[asked], likelihood_of, n_outputs
        )
        # many small products: threads would wait for one another longer than they work
        with threadpool_limits(limits=1, user_api="blas"):
            if prior_precision is None:
                found = regression.most_evident()
            else:
                found = regression.solve(prior_precision / length**2, regression.start())
        # H = R Rᵀ, so R⁻ᵀ z has covariance H⁻¹
        n_weights = found.weights.size
        inverse = solve_triangular(found.cholesky, np.eye(n_weights), lower=True).T
        mean = _of_raw_features(found.weights, centre, length)
        factor = _of_raw_features(inverse.reshape(*found.weights.shape, n_weights), centre, length)
        return cls(mean, factor.reshape(n_weights, n_weights), float(found.precision * length**2))

    def draw(self, n_draws: int, seed: Any) -> NDArray[np.float64]:
        """Draw weights, shape (n_outputs, n_features + 1, n_draws).

        The same seed gives the same weights.
        """
        normal = np.random.default_rng(seed).standard_normal((n_draws, self.mean.size))
        return self.mean[..., None] + (self.factor @ normal.T).reshape(*self.mean.shape, n_draws)

    def logits(
        self, features: NDArray[np.floating], n_draws: int, seed: Any
    ) -> NDArray[np.float64]:
        """Outputs for every galaxy under every draw, shape (n_galaxies, n_draws, n_outputs).

        The draws are shared by all galaxies, and more of them begin with the same ones.
        """
        weights = self.draw(n_draws, seed)
        features = np.asarray(features)
        logits = np.empty((len(weights), len(features), n_draws))
        for rows in row_blocks(len(features), _BLOCK // self.mean.shape[1]):
            np.matmul(with_intercept(features[rows]), weights, out=logits[:, rows])
        return np.moveaxis(logits, 0, -1)


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

    Their axes are outputs and features, and more; the last feature is the intercept.
    """
    slopes = weights[:, :-1] / length
    shift = np.tensordot(slopes, centre, axes=(1, 0))[:, None]
    return np.concatenate([slopes, weights[:, -1:] - shift], axis=1)


class _Fit(NamedTuple):
    """Most probable weights under one prior."""

    weights: NDArray[np.float64]  # (L, F)
    cholesky: NDArray[np.float64]  # lower factor of H, for weights output by output
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
        n_outputs: int,
    ) -> None:
        self.design, self.weight = design, weight
        self.votes, self.n_votes = votes, n_votes
        self.likelihood_of = likelihood_of
        self.n_outputs = n_outputs

    def start(self) -> NDArray[np.float64]:
        """Weights to start from: none of the features tells anything."""
        return np.zeros((self.n_outputs, self.design.shape[1]))

    def most_evident(self) -> _Fit:
        """Fit under the prior that makes the votes most probable."""
        fits = {}
        start = self.start()

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
        prior = np.full(start.shape, precision)
        prior[:, -1] = _INTERCEPT_PRECISION
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
        log_pmf = self.likelihood_of(self.design @ weights.T).log_pmf(self.votes, self.n_votes)
        return float(self.weight @ log_pmf[:, 0] - 0.5 * np.sum(prior * weights**2))

    def _newton_step(
        self, weights: NDArray[np.float64], prior: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Cholesky factor of H, and the step to the peak of the parabola."""
        likelihood = self.likelihood_of(self.design @ weights.T)
        slope, information = likelihood.slope(self.votes, self.n_votes)
        n, outputs = len(self.design), self.n_outputs
        slope_GL = self.weight[:, None] * slope.reshape(n, outputs)
        information_GLL = self.weight[:, None, None] * information.reshape(n, outputs, outputs)
        gradient = slope_GL.T @ self.design - prior * weights
        # MacKay 1992, the Hessian at the peak: H = Σ_i I_i φ_i φ_iᵀ + λ 1
        hessian = np.zeros((outputs, weights.shape[1], *weights.shape))
        for i, j in zip(*np.tril_indices(outputs), strict=True):  # the lower triangle will do
            hessian[i, :, j] = self.design.T @ (self.design * information_GLL[:, i, j, None])
        hessian = hessian.reshape(weights.size, weights.size)
        hessian[np.diag_indices_from(hessian)] += prior.ravel()
        factor = cho_factor(hessian, lower=True)
        step = cho_solve(factor, gradient.ravel())
        return np.tril(factor[0]), step.reshape(weights.shape)

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
