"""One round of active learning, against its straightforward version.

Both refit the same network on 500 labelled galaxies for 50 epochs, score a pool of 20,000 images
of 64 px with 50 draws, and pick 50 by mutual information. The straightforward version: scikeras
trains, a loop makes one pass per draw with dropout on (compiled, batches of 128), SciPy computes
the mutual information from its definition. The two take turns. Of the straightforward version's 50
passes over the pool two are made and timed in every turn; each stands for 25.
"""

from _report import Target, finish, parser, timed  # first: quietens TensorFlow

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from acquisition import vectorised
from numpy.typing import NDArray
from scikeras.wrappers import KerasRegressor
from training import keras_views, plain_model

from skgalaxy import BayesianCNNRegressor
from skgalaxy.query import mutual_information_sampling

N_DRAWS, N_PASSES, N_PICKED = 50, 2, 50


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("--precision", default="float32", help="default: %(default)s")
    options = options.parse_args()
    n_labelled, n_pool, epochs, repeats = (64, 256, 1, 1) if options.quick else (500, 20_000, 50, 5)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n_labelled, 64, 64, 1), dtype=np.uint8)
    y = np.column_stack([rng.integers(0, 41, n_labelled), np.full(n_labelled, 40)])
    pool = rng.integers(0, 256, (n_pool, 64, 64, 1), dtype=np.uint8)

    ours = BayesianCNNRegressor(
        epochs=epochs, batch_size=32, precision=options.precision, random_state=0
    )
    ours.fit(X[:64], y[:64])  # as in any round but the first: traced before
    turns = {"skgalaxy": [], "straightforward": []}
    for _ in range(repeats):
        turns["skgalaxy"].append(our_round(ours, X, y, pool))
        turns["straightforward"].append(
            straightforward_round(X, y.astype(np.float32), pool, epochs)
        )
    table: list[tuple[Any, ...]] = [("way", "refit, s", "scores, s", "round, s", "of repeats")]
    for name, rounds in turns.items():
        fit, query = np.median(rounds, axis=0)
        totals = np.sum(rounds, axis=1)
        table.append(
            (name, f"{fit:.1f}", f"{query:.1f}", f"{np.median(totals):.1f}")
            + (f"{totals.min():.1f} to {totals.max():.1f}",)
        )
    print(
        f"Refit on {n_labelled} for {epochs} epochs, score {n_pool} with {N_DRAWS} draws, "
        f"pick {N_PICKED}; skgalaxy in {options.precision}; medians of {repeats}\n"
    )
    ratios = np.sum(turns["straightforward"], axis=1) / np.sum(turns["skgalaxy"], axis=1)
    targets = [Target("straightforward over skgalaxy", ratios, 8, at_least=True)]
    finish(options, table, turns, targets)


def our_round(
    model: Any, X: NDArray[Any], y: NDArray[Any], pool: NDArray[Any]
) -> tuple[float, float]:
    """Return the seconds of refit and of query."""
    fit = timed(lambda: model.fit(X, y))
    return fit, timed(lambda: mutual_information_sampling(model, pool, N_PICKED))


def straightforward_round(
    X: NDArray[Any], y: NDArray[Any], pool: NDArray[Any], epochs: int
) -> tuple[float, Any]:
    """Return the seconds of the refit, and of all passes over the pool and the scores."""
    model = KerasRegressor(plain_model, views=keras_views, epochs=epochs, batch_size=32, verbose=0)
    fit = timed(lambda: model.fit(X, y))
    scaling, *_, network = model.model_.layers[1:]

    @tf.function(reduce_retracing=True)
    def draw(images: NDArray[Any]) -> Any:
        return keras.ops.sigmoid(network(scaling(images), training=True))

    def one_pass() -> None:
        for start in range(0, len(pool), 128):
            draws[-1].append(draw(pool[start : start + 128]).numpy())

    draws, passes = [[]], []
    one_pass()  # traces
    for _ in range(N_PASSES):
        draws.append([])
        passes.append(timed(one_pass))
    draws = np.concatenate([np.concatenate(d) for d in draws[1:]], axis=1).astype(float)
    draws = np.tile(draws, N_DRAWS // N_PASSES)
    score = timed(lambda: np.argsort(-vectorised(draws))[:N_PICKED])
    return fit, N_DRAWS * np.mean(passes) + score


if __name__ == "__main__":
    main()
