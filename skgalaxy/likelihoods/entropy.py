"""Entropies in nats, of probabilities that may be 0."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bernoulli_entropy", "entropy", "x_log_x"]


def x_log_x(p: NDArray[Any]) -> NDArray[Any]:
    """Elementwise p log p, 0 at p = 0."""
    return p * np.log(np.maximum(p, np.finfo(np.float64).tiny))


def entropy(pmf: NDArray[Any], axis: int = 0) -> NDArray[Any]:
    """Shannon entropy -Σ p log p along an axis."""
    return np.maximum(-x_log_x(pmf).sum(axis=axis), 0)


def bernoulli_entropy(rho: NDArray[Any]) -> NDArray[Any]:
    """Entropy of one vote, h(ρ) = -ρ log ρ - (1 - ρ) log(1 - ρ)."""
    return -x_log_x(rho) - x_log_x(1 - rho)
