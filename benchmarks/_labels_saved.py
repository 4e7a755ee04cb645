"""How many labels a strategy saves, from learning curves.

Labels saved are 1 - labels(strategy) / labels(random) at the final score of random, between rounds
by the logarithm of labels along curves made monotone by isotonic regression. This assumes no shape,
saves nothing between two noisy curves that are the same, and with noise errs towards nothing saved
(tests/test_benchmarks.py). Where a strategy never reaches that score it is asked how soon random
reaches the strategy's, and what is saved is negative.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression


def labels_to_reach(n_labels: NDArray, curve: NDArray, level: float) -> float:
    """Labels at which a falling curve reaches a level; it does by its last round."""
    after = int(np.argmax(curve <= level))
    if after == 0:
        return float(n_labels[0])
    above, below = curve[after - 1], curve[after]
    share = (above - level) / (above - below)
    return float(n_labels[after - 1] * (n_labels[after] / n_labels[after - 1]) ** share)


def labels_saved(n_labels: NDArray, random: NDArray, other: NDArray) -> float:
    """Share of labels that a strategy saves; the less of a score, the better."""
    random, other = (isotonic_regression(curve, increasing=False) for curve in (random, other))
    if other[-1] <= random[-1]:
        return 1 - labels_to_reach(n_labels, other, random[-1]) / n_labels[-1]
    return 1 - n_labels[-1] / labels_to_reach(n_labels, random, other[-1])


def interval(statistic: Callable, *curves: NDArray) -> list[float]:
    """Ends of 95 % of the bootstraps over seeds, the rows of curves that belong together."""
    rng, n_seeds = np.random.default_rng(0), len(curves[0])
    again = rng.integers(n_seeds, size=(1000, n_seeds))
    values = [statistic(*(curve[seeds].mean(axis=0) for curve in curves)) for seeds in again]
    return np.quantile(values, (0.025, 0.975)).tolist()


def saved_of_best(n_labels: NDArray, curves: dict[str, NDArray]) -> NDArray:
    """Share that the best strategy saves, for every seed; the other seeds say which that is."""
    random, values = curves["random"], []
    for seed in range(len(random)):
        rest = [other for other in range(len(random)) if other != seed] or [seed]

        def saved(strategy: str, seeds: Any) -> Any:
            pair = random[seeds].mean(axis=0), curves[strategy][seeds].mean(axis=0)
            return labels_saved(n_labels, *pair)

        best = max(set(curves) - {"random"}, key=lambda s: (saved(s, rest), s))
        values.append(saved(best, [seed]))
    return np.array(values)
