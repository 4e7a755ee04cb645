"""Learn from labels that people vote on: Bayesian networks and active learning for k-of-N votes.

Public names load on first use, so that ``import skgalaxy`` does not import Keras. A module of this
folder is public if its name has no leading underscore; its public names are those in its
``__all__``.
"""

from importlib import import_module as _import_module
from pkgutil import iter_modules as _iter_modules
from typing import TYPE_CHECKING
from typing import Any as _Any

if TYPE_CHECKING:  # what an editor completes and explains
    from skgalaxy.calibration import recommended
    from skgalaxy.estimator import BayesianCNNRegressor
    from skgalaxy.persistence import load, save
    from skgalaxy.posterior import VotePosterior
    from skgalaxy.tree_posterior import TreePosterior

__version__ = "0.1.0.dev0"
__all__ = [
    "BayesianCNNRegressor",
    "TreePosterior",
    "VotePosterior",
    "load",
    "recommended",
    "save",
    "__version__",
]

_HOMES = {
    "BayesianCNNRegressor": "estimator",
    "TreePosterior": "tree_posterior",
    "VotePosterior": "posterior",
    "load": "persistence",
    "recommended": "calibration",
    "save": "persistence",
}


def _public_modules() -> list[str]:
    """Names of the public modules, found in the folder."""
    return [module.name for module in _iter_modules(__path__) if not module.name.startswith("_")]


def __getattr__(name: str) -> _Any:
    if name in _HOMES:
        return getattr(_import_module(f"skgalaxy.{_HOMES[name]}"), name)
    if name in _public_modules():
        return _import_module(f"skgalaxy.{name}")
    raise AttributeError(f"module 'skgalaxy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_public_modules()])
