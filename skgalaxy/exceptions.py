"""Exceptions and warnings that callers may want to catch by name."""

__all__ = ["InconsistentVersionWarning", "NoSpreadWarning"]


class InconsistentVersionWarning(UserWarning):
    """An estimator was saved by another version of skgalaxy."""


class NoSpreadWarning(UserWarning):
    """The network has no dropout, so every draw is the same network.

    Its posterior is one binomial and its mutual information is exactly zero for
    every galaxy: ranking by it is meaningless.
    """
