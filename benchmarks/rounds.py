"""Cost that `active.run` and its ledger add to a round, and its growth with the rounds.

Learner and strategy do nothing, and volunteers are simulated: what is timed is the loop. Seconds
are of the processor: a ledger also waits for the disk, as often in the last round as in the first.

    python benchmarks/rounds.py --check
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from _report import Target, finish, parser
from modAL.models import ActiveLearner
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from skgalaxy import active

EACH = 10  # galaxies of a round


class Idle(RegressorMixin, BaseEstimator):
    """A learner that learns nothing."""

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Self:
        return self

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        return np.zeros(len(X))


def first(learner: Any, X: Any, n_instances: int = 1) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pick the first galaxies of the pool."""
    return np.arange(n_instances), np.zeros(n_instances)


def run(n_rounds: int, n_galaxies: int, ledger: Path, **further: Any) -> float:
    """Run, and return the seconds of the processor."""
    pool = np.arange(n_galaxies)
    volunteers = active.SimulatedVolunteers(pool, np.full(n_galaxies, 0.3))
    began = time.process_time()
    active.run(
        ActiveLearner(Idle(), first),
        pool,
        volunteers,
        initial=EACH,
        n_instances=EACH,
        n_rounds=n_rounds - 1,
        ledger=ledger,
        random_state=0,
        **further,
    )
    return time.process_time() - began


def seconds_of(
    sizes: Sequence[int], repeats: int, n_galaxies: int, home: Path, **further: Any
) -> tuple[Any, ...]:
    """Return the seconds of runs of every size, and those of reading and resuming the longest."""
    taken = np.array(
        [
            [run(size, n_galaxies, home / f"{size}_{turn}.sqlite", **further) for size in sizes]
            for turn in range(repeats)
        ]
    )
    longest = home / f"{sizes[-1]}_0.sqlite"
    began = time.process_time()
    active.read_ledger(longest)
    read = time.process_time() - began
    return taken, read, run(sizes[-1], n_galaxies, longest, **further)


def main() -> None:
    """Time runs of more and more rounds."""
    options = parser(__doc__).parse_args()
    sizes, repeats = ([5, 20], 1) if options.quick else ([200, 800, 3200], 3)
    n_galaxies = EACH * sizes[-1] + EACH
    ways = {
        "answers only": {},
        "with a rule and a callback": {"stop": lambda rounds: False, "callbacks": lambda _: None},
    }
    table: list[tuple[Any, ...]] = [
        ("way", "rounds", "seconds", "ms a round", "read the ledger, s", "go on, s")
    ]
    figures: dict[str, Any] = {"sizes": sizes}
    targets: list[Target] = []
    for way, further in ways.items():
        with tempfile.TemporaryDirectory() as home:
            taken, read, resumed = seconds_of(sizes, repeats, n_galaxies, Path(home), **further)
        for size, seconds in zip(sizes, np.median(taken, axis=0), strict=True):
            last = (f"{read:.2f}", f"{resumed:.2f}") if size == sizes[-1] else ("", "")
            table.append((way, size, f"{seconds:.2f}", f"{1000 * seconds / size:.2f}", *last))
        powers = np.log(taken[:, -1] / taken[:, 0]) / np.log(sizes[-1] / sizes[0])
        limit = 1.3 if further else 1.1  # tables of all rounds are made for every rule and callback
        targets.append(Target(f"seconds grow with rounds to the power, {way}", powers, limit))
        figures[way] = {"seconds": taken, "read": read, "resumed": resumed}
    finish(options, table, figures, targets)


if __name__ == "__main__":
    main()
