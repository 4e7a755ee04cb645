"""Vote fractions under an equal mixture of Beta distributions: probabilities, quantiles, numbers.

A network that gives a galaxy the mean μ and the concentration s expects ρ ~ Beta(μ s, (1 - μ) s),
and D drawn networks a mixture of these. Where ρ is 0 or 1, or s infinite, a Beta is a point.

A quantile solves F(ρ) = p. With t = logit ρ, z = Φ⁻¹(F) is nearly a straight line in t, as of a
normal distribution. So few of Halley's steps solve z(t) = Φ⁻¹(p), and each costs one cdf and one
density of D Betas, where a bisection costs 30 cdfs. From F'(t) = g one has::

    z' = g / φ(z),    z'' = z' (g' / g + z z'),    g_d' / g_d = s_d (μ_d - ρ)

Shape suffixes: G galaxies, D draws.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, expit, gammaln, logit, ndtri

from skgalaxy.likelihoods.base import BLOCK, row_blocks

__all__ = ["beta_survival", "mixture_quantile", "mixture_variance", "sample_beta"]

Floats = NDArray[np.float64]

_TOLERANCE = 1e-9  # of a quantile
_BISECTIONS = 30  # of [0, 1]: to 1e-9
_MOST_STEPS = 8  # most galaxies take two or three; the rest is bisected
_MOST_T = float(logit(1 - _TOLERANCE / 2))  # a quantile nearer to 0 or 1 may be put here


def mixture_variance(mean_GD: Floats, concentration_GD: Floats) -> Floats:
    """Variance of ρ, shape (G,)."""
    within_GD = mean_GD * (1 - mean_GD) / (concentration_GD + 1)
    return mean_GD.var(axis=1) + within_GD.mean(axis=1)  # the law of total variance


def mixture_quantile(level: float, mean_GD: Floats, concentration_GD: Floats) -> Floats:
    """Quantile of the mixture of every galaxy, shape (G,), to 1e-9.

    Where F is the level over a range, but for rounding, it is any number in it.
    """
    quantile_G = np.empty(len(mean_GD))
    for rows in row_blocks(len(mean_GD), BLOCK // mean_GD.shape[1]):
        mean, concentration = mean_GD[rows], concentration_GD[rows]
        found_G, is_found = _solve(level, mean, concentration)
        # where a Beta is a point or a needle, F has steps
        found_G[~is_found] = _bisect(level, mean[~is_found], concentration[~is_found])
        quantile_G[rows] = found_G
    return quantile_G


def _solve(
    level: float, mean_GD: Floats, concentration_GD: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Quantiles by Halley's steps, and whether they are right to the tolerance, each (G,)."""
    is_point, mean_GD, s_GD = _beta_parameters(mean_GD, concentration_GD)
    # half the time of `betaln`, and a slope need not be exact
    log_beta_GD = gammaln(mean_GD * s_GD) + gammaln((1 - mean_GD) * s_GD) - gammaln(s_GD)
    t_G = _first_guess(level, mean_GD, s_GD)
    is_found = np.zeros(len(t_G), dtype=bool)
    left = np.flatnonzero(~is_point.any(axis=1))  # rows to go on with
    for _ in range(_MOST_STEPS):
        s = s_GD[left]
        t = _step(level, t_G[left], mean_GD[left], s, log_beta_GD[left])
        step, t_G[left] = t - t_G[left], t
        # on the way g changes by a factor of at most exp(s |step|): an error of the third order
        error = expit(t) * expit(-t) * np.abs(step) * (s.max(axis=1) * step) ** 2
        is_right = error < _TOLERANCE / 10  # NaN compares false
        is_found[left] = is_right
        left = left[~is_right & np.isfinite(t)]
        if not len(left):
            break
    return expit(t_G), is_found


def _first_guess(level: float, mean_GD: Floats, s_GD: Floats) -> Floats:
    """Logit of the quantile of the one Beta that has the mixture's mean and variance."""
    mean_G = mean_GD.mean(axis=1)
    s_G = mean_G * (1 - mean_G) / mixture_variance(mean_GD, s_GD) - 1
    with np.errstate(divide="ignore"):  # the logit of 0
        t_G = logit(betaincinv(mean_G * s_G, (1 - mean_G) * s_G, level))
    return np.clip(t_G, -_MOST_T, _MOST_T)


def _step(level: float, t_G: Floats, mean_GD: Floats, s_GD: Floats, log_beta_GD: Floats) -> Floats:
    """The next t of every galaxy; NaN where rounding leaves no slope."""
    rho_G1 = expit(t_G)[:, None]
    yes_GD, no_GD = mean_GD * s_GD, (1 - mean_GD) * s_GD
    z_G = ndtri(betainc(yes_GD, no_GD, rho_G1).mean(axis=1))
    g_GD = np.exp(yes_GD * np.log(rho_G1) + no_GD * np.log1p(-rho_G1) - log_beta_GD)
    g_G = g_GD.mean(axis=1)
    bend_G = np.mean(g_GD * (yes_GD - s_GD * rho_G1), axis=1)  # g'
    with np.errstate(all="ignore"):
        slope_G = g_G * math.sqrt(2 * math.pi) * np.exp(z_G**2 / 2)
        newton_G = (ndtri(level) - z_G) / slope_G
        halley_G = newton_G / np.clip(1 + newton_G / 2 * (bend_G / g_G + z_G * slope_G), 0.5, 2)
    return np.clip(t_G + halley_G, -_MOST_T, _MOST_T)


def _bisect(level: float, mean_GD: Floats, concentration_GD: Floats) -> Floats:
    low_G, high_G = np.zeros(len(mean_GD)), np.ones(len(mean_GD))
    for _ in range(_BISECTIONS):
        middle_G = (low_G + high_G) / 2
        below_G = _beta_cdf(middle_G[:, None], mean_GD, concentration_GD).mean(axis=1) < level
        low_G = np.where(below_G, middle_G, low_G)
        high_G = np.where(below_G, high_G, middle_G)
    return (low_G + high_G) / 2


def _beta_cdf(rho_G1: Floats, mean_GD: Floats, concentration_GD: Floats) -> Floats:
    """P(Beta(μ s, (1 - μ) s) <= ρ); a step at μ where the Beta is a point."""
    is_point, mean, s = _beta_parameters(mean_GD, concentration_GD)
    return np.where(is_point, rho_G1 >= mean_GD, betainc(mean * s, (1 - mean) * s, rho_G1))


def beta_survival(rho: float, mean_GD: Floats, concentration_GD: Floats) -> Floats:
    """P(Beta(μ s, (1 - μ) s) > ρ), also where it is tiny, shape (G, D)."""
    is_point, mean, s = _beta_parameters(mean_GD, concentration_GD)
    # by symmetry: SciPy's own complement takes ten times as long
    return np.where(is_point, mean_GD > rho, betainc((1 - mean) * s, mean * s, 1 - rho))


def sample_beta(rng: np.random.RandomState, mean: Floats, concentration: Floats) -> Floats:
    """One vote fraction of each Beta(μ s, (1 - μ) s)."""
    is_point, inner, s = _beta_parameters(mean, concentration)
    return np.where(is_point, mean, rng.beta(inner * s, (1 - inner) * s))


def _beta_parameters(
    mean: Floats, concentration: Floats
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Mask of Betas that are points; a mean and concentration that SciPy takes everywhere."""
    is_point = np.isinf(concentration) | (mean == 0) | (mean == 1)
    return is_point, np.where(is_point, 0.5, mean), np.where(is_point, 2, concentration)
