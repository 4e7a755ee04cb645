"""What a refit costs besides its training steps, and whether searches grow or slow down.

A grid search of 20 fits in one process (4 candidates, 5 folds): memory and seconds per fit. Then
one configuration refitted on data of the same shape, against its bare Keras training steps.
"""

from _report import finish, parser  # first: quietens TensorFlow

import time
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV

from skgalaxy import BayesianCNNRegressor
from skgalaxy.batches import VoteBatches

log = []


def resident():
    """Return the memory the process holds now, in MB (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


class Logged(BayesianCNNRegressor):
    """Notes the seconds of every fit, and the memory after it."""

    def fit(self, X, y, sample_weight=None, validation_data=None):
        """Fit as ever."""
        start = time.perf_counter()
        super().fit(X, y, sample_weight, validation_data)
        log.append((time.perf_counter() - start, resident()))
        return self


def main():
    """Run the benchmark."""
    options = parser(__doc__).parse_args()
    epochs, repeats = (1, 3) if options.quick else (3, 7)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (300, 32, 32), dtype=np.uint8)
    y = np.column_stack([rng.integers(0, 41, 300), np.full(300, 40)])
    grid = {"dropout": [0.3, 0.5], "learning_rate": [1e-3, 1e-4]}
    GridSearchCV(Logged(epochs=epochs, random_state=0), grid, cv=5).fit(X, y)
    table = [("fit", "seconds", "MB")]
    table += [(i, f"{s:.2f}", f"{mb:.0f}") for i, (s, mb) in enumerate(log, 1) if i in (1, 5, 20)]

    model = BayesianCNNRegressor(epochs=epochs, random_state=0).fit(X, y)
    bare = model.network_.model_
    batches = VoteBatches(X, np.arange(300), y.astype("float32"), 32, seed=0)
    overheads = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        steps_of_all = (batches[i % len(batches)] for i in range(epochs * len(batches)))
        bare.fit(steps_of_all, epochs=epochs, steps_per_epoch=len(batches), verbose=0)
        steps = time.perf_counter() - start
        start = time.perf_counter()
        model.fit(X, y)
        overheads.append(time.perf_counter() - start - steps)
    overheads = np.sort(overheads[1:])  # the first traces
    growth = log[19][1] - log[4][1]
    print(f"Growth from the 5th to the 20th fit: {growth:.0f} MB.")
    print(
        f"A refit over its training steps: {np.median(overheads):.2f} s "
        f"({overheads[0]:.2f} to {overheads[-1]:.2f}, {repeats} repeats).\n"
    )
    figures = {"fits": log, "growth_mb": growth, "refit_overhead_s": overheads.tolist()}
    finish(options, table, figures)


if __name__ == "__main__":
    main()
