"""What votes say about a vote fraction: one module per likelihood, NumPy and SciPy only."""

from skgalaxy.likelihoods import binomial

__all__ = ["binomial"]
