"""Stopping rules: ``rule(rounds)`` is true when enough has been learned.

`rounds` is the table of a run's result so far, one row per round. Scores are scikit-learn's:
higher is better.
"""

import math
from dataclasses import dataclass

import numpy as np

from skgalaxy._validation import check_float, check_int

__all__ = ["Plateau", "Target"]


@dataclass(frozen=True)
class Target:
    """Stop when a score is reached.

    Parameters
    ----------
    score : str
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

    score: str
    value: float

    def __post_init__(self):
        check_float(self.value, "value", -math.inf, math.inf, closed="neither")

    def __call__(self, rounds):
        """Return whether the last round reached it; `rounds` is a data frame."""
        return bool(_column(rounds, self.score)[-1] >= self.value)


@dataclass(frozen=True)
class Plateau:
    """Stop when a score has not become better for some rounds.

    Parameters
    ----------
    score : str
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

    score: str
    n_rounds: int = 3
    min_gain: float = 0.0

    def __post_init__(self):
        check_int(self.n_rounds, "n_rounds", 1)
        check_float(self.min_gain, "min_gain", 0, math.inf, closed="left")

    def __call__(self, rounds):
        """Return whether there is no gain any more; `rounds` is a data frame."""
        scores = _column(rounds, self.score)
        before, last = scores[: -self.n_rounds], scores[-self.n_rounds :]
        return bool(len(before) and last.max() <= before.max() + self.min_gain)


def _column(rounds, name):
    if name not in rounds:
        raise ValueError(
            f"`score` must be a score of the run. Got {name!r}; there are "
            f"{', '.join(map(str, rounds.columns))}."
        )
    scores = rounds[name].to_numpy(dtype=float)
    return np.where(np.isnan(scores), -np.inf, scores)  # no score is worse than any
