"""What a refit costs besides its training steps, and whether searches grow or slow down.

A grid search of 20 fits in one process (4 candidates, 5 folds): memory and seconds per fit. Then
one configuration refitted on data of the same shape, in turns with its bare Keras training steps,
which are fed the same images in batches of the same size.
"""

from _report import Target, finish, parser, side_by_side, status_mb, timed  # first: quietens TF

from collections.abc import Iterator
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV

from skgalaxy import BayesianCNNRegressor

BATCH_SIZE = 32
log = []


class Logged(BayesianCNNRegressor):
    """Notes the seconds of every fit, and the memory after it."""

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation_data: Any = None,
    ) -> Self:
        """Fit as ever."""
        seconds = timed(lambda: super(Logged, self).fit(X, y, sample_weight, validation_data))
        log.append((seconds, status_mb("VmRSS")))
        return self


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__).parse_args()
    n_galaxies, epochs, n_folds, repeats = (64, 1, 2, 2) if options.quick else (300, 3, 5, 7)
    early, late = n_folds, 4 * n_folds  # fits of the search between which it should not grow
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n_galaxies, 32, 32), dtype=np.uint8)
    y = np.column_stack([rng.integers(0, 41, n_galaxies), np.full(n_galaxies, 40)])
    grid = {"dropout": [0.3, 0.5], "learning_rate": [1e-3, 1e-4]}
    GridSearchCV(Logged(epochs=epochs, random_state=0), grid, cv=n_folds).fit(X, y)
    table: list[tuple[Any, ...]] = [("fit", "seconds", "MB")]
    table += [
        (number, f"{log[number - 1][0]:.2f}", f"{log[number - 1][1]:.0f}")
        for number in (1, early, late)
    ]

    model = BayesianCNNRegressor(epochs=epochs, batch_size=BATCH_SIZE, random_state=0).fit(X, y)
    bare = partial(train_bare, model.network_.model_, X, y.astype(np.float32), epochs)
    seconds = side_by_side({"refit": lambda: model.fit(X, y), "steps": bare}, repeats)
    over = np.sort(seconds["refit"] - seconds["steps"])
    growth = log[late - 1][1] - log[early - 1][1]
    print(f"Growth from fit {early} to fit {late}: {growth:.0f} MB.")
    print(
        f"A refit took {np.median(seconds['refit']):.2f} s, {np.median(over):.2f} s "
        f"({over[0]:.2f} to {over[-1]:.2f}, {repeats} repeats) over its training steps.\n"
    )
    targets = [
        Target("growth of a search, MB", np.array([growth]), 150),
        Target("a refit over its training steps, s", over, 0.3),
    ]
    figures = {"fits": log, "growth_mb": growth, "seconds": seconds}
    finish(options, table, figures, targets)


def train_bare(network: Any, X: NDArray[Any], y: NDArray[Any], epochs: int) -> None:
    """Train a compiled Keras model on shuffled batches, as the estimator does."""
    rng, weights = np.random.default_rng(0), np.ones(len(y), np.float32)
    starts = range(0, len(X), BATCH_SIZE)

    def batches() -> Iterator[Any]:
        for _ in range(epochs):
            order = rng.permutation(len(X))
            for rows in (order[start : start + BATCH_SIZE] for start in starts):
                yield X[rows], y[rows], weights[rows]

    network.fit(batches(), epochs=epochs, steps_per_epoch=len(starts), shuffle=False, verbose=0)


if __name__ == "__main__":
    main()
