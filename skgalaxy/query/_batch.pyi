# The strategies as editors and type checkers see them; `_strategy.py` says why. Docstrings are in
# _batch.py. A test compares these signatures with those that the decorators make.
from __future__ import annotations

from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from skgalaxy.query._strategy import Picked

def diverse_sampling(
    learner: Any,
    X: Any,
    n_instances: int = 1,
    *,
    n_votes: int | ArrayLike = 40,
    features: Literal["draws", "embedding"] = "draws",
    n_candidates: int = 1000,
    eligible: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    checkpoint: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> Picked: ...
def epig_sampling(
    learner: Any,
    X: Any,
    n_instances: int = 1,
    *,
    n_votes: int | ArrayLike = 40,
    target: Any = None,
    n_targets: int = 100,
    target_votes: int = 10,
    eligible: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    checkpoint: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> Picked: ...
def joint_sampling(
    learner: Any,
    X: Any,
    n_instances: int = 1,
    *,
    n_votes: int | ArrayLike = 40,
    n_candidates: int = 1000,
    eligible: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    checkpoint: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> Picked: ...
def joint_variance_sampling(
    learner: Any,
    X: Any,
    n_instances: int = 1,
    *,
    n_votes: int | ArrayLike = 40,
    n_candidates: int = 1000,
    eligible: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    checkpoint: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> Picked: ...
def power_sampling(
    learner: Any,
    X: Any,
    n_instances: int = 1,
    *,
    n_votes: int | ArrayLike = 40,
    beta: float = 1.0,
    eligible: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    checkpoint: str | PathLike[str] | None = None,
    verbose: bool = False,
) -> Picked: ...
