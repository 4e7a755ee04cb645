"""When a run stops: rules about its scores, and budgets.

A rule is a callable, ``rule(rounds)``, true when enough has been learned; `rounds` is the table of
a run's result so far, one row per round. Scores are scikit-learn's: higher is better.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy._validation import check_float, check_int
from skgalaxy.active._ledger import Ledger
from skgalaxy.active._plan import Plan

__all__ = ["Plateau", "Target", "next_size"]


@dataclass(frozen=True)
class Target:
    """Stop when a score on the test set is reached.

    Parameters
    ----------
    test_score : str
        The score's name, a column of the rounds.
    value : float
        Stop at this or higher.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgalaxy.active import Target
    >>> rounds = pd.DataFrame({"d2": [0.1, 0.35, 0.52]})
    >>> Target("d2", 0.6)(rounds), Target("d2", 0.5)(rounds)
    (False, True)
    """

    test_score: str
    value: float

    def __post_init__(self) -> None:
        check_float(self.value, "value", -math.inf, math.inf, closed="neither")

    def __call__(self, rounds: pd.DataFrame) -> bool:
        """Compare the last of the rounds; true is enough."""
        return bool(_scores(rounds, self.test_score)[-1] >= self.value)


@dataclass(frozen=True)
class Plateau:
    """Stop when a score on the test set has not become better for some rounds.

    Parameters
    ----------
    test_score : str
        The score's name, a column of the rounds.
    n_rounds : int, default=3
        Stop if the best of so many last rounds is not better than the best before.
    min_gain : float >= 0, default=0
        By how much it must be better.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgalaxy.active import Plateau
    >>> rounds = pd.DataFrame({"d2": [0.1, 0.35, 0.34, 0.36]})
    >>> Plateau("d2", n_rounds=2)(rounds), Plateau("d2", n_rounds=2, min_gain=0.02)(rounds)
    (False, True)
    """

    test_score: str
    n_rounds: int = 3
    min_gain: float = 0.0

    def __post_init__(self) -> None:
        check_int(self.n_rounds, "n_rounds", 1)
        check_float(self.min_gain, "min_gain", 0, math.inf, closed="left")

    def __call__(self, rounds: pd.DataFrame) -> bool:
        """Compare the last rounds with those before; true is enough."""
        scores = _scores(rounds, self.test_score)
        before, last = scores[: -self.n_rounds], scores[-self.n_rounds :]
        return bool(len(before) and last.max() <= before.max() + self.min_gain)


def next_size(plan: Plan, ledger: Ledger, left: NDArray[Any]) -> tuple[int, str | None]:
    """Size of the next round, or 0 and the reason why the run stops.

    `left` are the rows of the pool that the learner knows nothing of.
    """
    if ledger.n_rounds_learned == 0:
        return plan.n_initial, None
    if len(left) == 0:
        return 0, "the pool is exhausted"
    n_labelled, n_votes = ledger.size
    limits: list[tuple[float, str]] = [(len(left), "the pool is exhausted")]
    if plan.n_rounds is not None and ledger.n_rounds_learned > plan.n_rounds:
        limits.append((0, "n_rounds is reached"))
    if plan.max_labels is not None:
        limits.append((plan.max_labels - n_labelled, "max_labels is reached"))
    if plan.max_votes is not None:
        affordable = _affordable(plan, left, plan.max_votes - n_votes, n_votes / n_labelled)
        limits.append((affordable, "max_votes is reached"))
    size, reason = min(limits, key=lambda limit: limit[0])
    if size >= 1:
        reason = next((_rule_name(rule) for rule in plan.stop if rule(ledger.rounds)), None)
    return (0, reason) if reason else (int(min(plan.n_instances, size)), None)


def _affordable(plan: Plan, left: NDArray[Any], remaining: int, each: float) -> float:
    """Galaxies whose votes are not more than `remaining`, whichever are picked."""
    if plan.n_votes is not None:
        return int((plan.most_votes(left) <= remaining).sum())
    return remaining / each if each else math.inf


def _rule_name(rule: object) -> str:
    return getattr(rule, "__name__", repr(rule))


def _scores(rounds: pd.DataFrame, name: str) -> NDArray[Any]:
    if name not in rounds:
        raise ValueError(
            f"`test_score` must be a score of the run. Got {name!r}; there are "
            f"{', '.join(map(str, rounds.columns))}."
        )
    scores = rounds[name].to_numpy(dtype=float)
    return np.where(np.isnan(scores), -np.inf, scores)  # no score is worse than any
