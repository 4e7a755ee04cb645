"""Learn from labels that people vote on: Bayesian networks and active learning for k-of-N votes.

Public names load on first use, so that ``import skgalaxy`` does not import Keras.
"""

from importlib import import_module as _import_module

__version__ = "0.1.0.dev0"
__all__ = ["BayesianCNNRegressor", "VotePosterior", "__version__"]

_HOMES = {"BayesianCNNRegressor": "estimator", "VotePosterior": "posterior"}
_MODULES = frozenset(
    ("acquisition", "active", "calibration", "catalogue", "datasets", "estimator", "exceptions")
    + ("images", "likelihoods", "losses", "metrics", "networks", "plotting")
    + ("posterior", "query", "sampling", "scorers", "votes", "zooniverse")
)


def __getattr__(name):
    if name in _HOMES:
        return getattr(_import_module(f"skgalaxy.{_HOMES[name]}"), name)
    if name in _MODULES:
        return _import_module(f"skgalaxy.{name}")
    raise AttributeError(f"module 'skgalaxy' has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_MODULES])
