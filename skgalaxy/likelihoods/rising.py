"""Rising factorials, from which the beta-binomial and the Dirichlet-multinomial are made.

With φ = 1 / s their probabilities are made of products x (x + φ) (x + 2 φ) ... of k factors. Here
are the logarithm of such a product, its derivative, and the logarithm in float32 for training. It
is a difference of log Γ(x / φ), in which large x / φ cancel: there Stirling's series is differenced
term by term.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaln, xlogy

__all__ = ["keras_log_rising", "log_rising", "rising_slope"]

_SMALL = 1e-2  # of φ / x: below it Stirling's series is right to 1e-14
_NONE = 1e-200  # a smaller φ / x is that of the binomial
_TINIEST = 1e-290  # stands for x = 0 where only a limit is wanted


def log_rising(x: ArrayLike, phi: ArrayLike, k: ArrayLike) -> NDArray[Any]:
    """Σ_{i<k} log(x + i φ), -inf where a factor is 0; k need not be whole."""
    x, phi, k = np.asarray(x), np.asarray(phi), np.asarray(k)
    with np.errstate(all="ignore"):  # the branch not taken may overflow
        ratio = phi / x
        is_small = (ratio < _SMALL) | (x == 0)
        inverse = np.where(is_small, 1.0, 1 / ratio)
        by_gamma = k * np.log(phi) + gammaln(inverse + k) - gammaln(inverse)
        ratio = np.where(is_small & (x > 0), ratio, 0)
        return np.where(is_small, xlogy(k, x) + _log_rising_of_one(ratio, k), by_gamma)


def _log_rising_of_one(phi: NDArray[Any], k: NDArray[Any]) -> NDArray[Any]:
    """Σ_{i<k} log(1 + i φ) for φ < 0.01."""
    is_none = phi < _NONE
    phi = np.where(is_none, 1, phi)
    beyond = np.log1p(k * phi)
    sums = (1 / phi + k - 0.5) * beyond - k
    after = phi / (1 + k * phi)
    return np.where(is_none, 0, sums + _stirling_of_inverse(after) - _stirling_of_inverse(phi))


def _stirling_of_inverse(phi: NDArray[Any]) -> NDArray[Any]:
    """Log Γ(x) - (x - 1/2) log x + x - log(2 π) / 2 for x = 1 / φ."""
    square = phi * phi
    return phi * (1 / 12 - square * (1 / 360 - square / 1260))


def rising_slope(x: ArrayLike, phi: ArrayLike, k: ArrayLike) -> NDArray[Any]:
    """Derivative of `log_rising` in log x: Σ_{i<k} x / (x + i φ)."""
    ratio = np.asarray(phi) / np.maximum(x, _TINIEST)
    k = np.asarray(k)
    is_small = ratio < _SMALL
    inverse = np.where(is_small, 1.0, 1 / np.where(is_small, 1.0, ratio))
    by_digamma = (digamma(inverse + k) - digamma(inverse)) * inverse
    small = np.where(is_small, np.maximum(ratio, _NONE), 1)
    share = 1 / (1 + k * small)
    series = np.log1p(k * small) / small + (1 - share) / 2
    # of digamma's series Σ B_2n / (2 n x^2n), as differences
    for factor, power in ((1 / 12, 1), (-1 / 120, 3), (1 / 252, 5)):
        series = series + factor * small**power * (1 - share ** (power + 1))
    return np.where(is_small, series, by_digamma)


_SHIFT = 6
_TINY = 1e-30


def keras_log_rising(log_x: Any, k: Any) -> Any:
    """Log Γ(x + k) - log Γ(x) to float32, for k >= 0.

    Stirling's series at x + 6, in differences so that large x do not cancel, and the six factors
    below it by Γ(x + 1) = x Γ(x); the first of them in log x, which may be of an x that is
    rounded to zero.
    """
    from keras import ops

    x = ops.exp(log_x)
    shifted = x + _SHIFT
    rising = (shifted + k - 0.5) * ops.log1p(k / shifted) + k * ops.log(shifted) - k
    rising = rising + _stirling(shifted + k) - _stirling(shifted)
    for i in range(1, _SHIFT):
        rising = rising - ops.log1p(k / (x + i))
    first = ops.log(ops.maximum(x + k, _TINY)) - log_x
    return rising - ops.where(k > 0, first, 0.0)


def _stirling(x: Any) -> Any:
    """Log Γ(x) - (x - 1/2) log x + x - log(2 π) / 2, to 1e-8 for x >= 6."""
    square = x * x
    return (1 / 12 - (1 / 360 - 1 / (1260 * square)) / square) / x
