# The strategies as editors and type checkers see them; `_strategy.py` says why. Docstrings are in
# _single.py. A test compares these signatures with those that the decorators make.
from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skgalaxy.query._strategy import Picked

def mutual_information_sampling(
    learner: Any,
    X: Any,
    n_instances: int = 1,
    *,
    n_votes: int | ArrayLike = 40,
    jackknife: bool = False,
    eligible: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    checkpoint: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> Picked: ...
def predictive_entropy_sampling(
    learner: Any,
    X: Any,
    n_instances: int = 1,
    *,
    n_votes: int | ArrayLike = 40,
    eligible: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    checkpoint: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> Picked: ...
def random_sampling(
    learner: Any,
    X: Any,
    n_instances: int = 1,
    *,
    n_votes: int | ArrayLike = 40,
    eligible: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    checkpoint: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> Picked: ...
def variance_sampling(
    learner: Any,
    X: Any,
    n_instances: int = 1,
    *,
    n_votes: int | ArrayLike = 40,
    eligible: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    checkpoint: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> Picked: ...
