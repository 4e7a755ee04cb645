"""What bfloat16 changes: vote fractions, the ranking by mutual information, what is learned.

On a Galaxy Zoo folder (test: ids that are multiples of 4), seed by seed: one network trained in
float32, whose same weights and masks then predict in bfloat16; and one trained in bfloat16. For
scale, the ranking by the same network with other masks. With --pool, ranks that folder's images.
"""

from _report import Target, finish, parser, print_table, timed  # first: quietens TensorFlow

import copy
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from skgalaxy import BayesianCNNRegressor
from skgalaxy.datasets import load_galaxy_zoo
from skgalaxy.images import read_images
from skgalaxy.metrics import vote_fraction_rmse
from skgalaxy.networks.ensemble import Ensemble
from skgalaxy.networks.trained import TrainedNetwork

N_VOTES, N_ASKED = 40, 300


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder for load_galaxy_zoo")
    options.add_argument("--pool", type=Path, help="folder of images to rank")
    options = options.parse_args()
    epochs, seeds = (2, range(1)) if options.quick else (60, range(5))
    galaxies = load_galaxy_zoo(options.data)
    test = np.array([int(name) % 4 == 0 for name in galaxies.ids])
    X, y = galaxies.images[~test], galaxies.votes[~test]
    X_test, y_test = galaxies.images[test], galaxies.votes[test]
    paths = sorted((options.pool or options.data).glob("images/*"))
    pool = read_images(paths[:100] if options.quick else paths)
    runs = []
    for seed in seeds:
        run: dict[str, Any] = {"seed": seed}
        models = {}
        for precision in ("float32", "bfloat16"):
            model = BayesianCNNRegressor(
                epochs=epochs,
                batch_size=32,
                schedule="constant",
                precision=precision,
                random_state=seed,
            )
            run[f"fit_s_{precision}"] = timed(lambda: model.fit(X, y))  # noqa: B023
            run[f"rmse_{precision}"] = vote_fraction_rmse(y_test, model.predict(X_test))
            models[precision] = model
        runs.append(run | rankings(models["float32"], pool))
        print(f"seed {seed} done", flush=True)
    report(options, runs, len(pool))


def rankings(model: Any, pool: NDArray[Any]) -> dict[str, float]:
    """Return how the same weights predict in bfloat16, and with other masks."""
    reference = model.predict_posterior(pool)
    rounded = with_precision(model, "bfloat16").predict_posterior(pool)
    redrawn = with_other_masks(model)
    mi, mi_rounded, mi_redrawn = (
        posterior.mutual_information(N_VOTES)
        for posterior in (reference, rounded, redrawn.predict_posterior(pool))
    )
    return {
        "delta_rho_median": float(np.median(np.abs(rounded.mean - reference.mean))),
        "delta_rho_max": float(np.abs(rounded.mean - reference.mean).max()),
        "spearman": spearmanr(mi, mi_rounded).statistic,
        "overlap": overlap(mi, mi_rounded),
        "spearman_other_masks": spearmanr(mi, mi_redrawn).statistic,
        "overlap_other_masks": overlap(mi, mi_redrawn),
    }


def with_precision(model: Any, precision: str) -> Any:
    """Return a copy of a fitted estimator that computes with the same weights in `precision`."""
    ensemble = model._ensemble
    architecture = ensemble.architecture._replace(precision=precision)
    return with_ensemble(model, Ensemble.of(architecture, ensemble.seeds, ensemble))


def with_other_masks(model: Any) -> Any:
    """Return a copy of a fitted estimator that draws with other masks."""
    networks = [
        TrainedNetwork(
            network.architecture,
            network.seeds._replace(masks=network.seeds.masks + 1),
            network.state,
        )
        for network in model._ensemble.networks
    ]
    return with_ensemble(model, Ensemble(networks))


def with_ensemble(model: Any, ensemble: Ensemble) -> Any:
    """Return a copy of a fitted estimator with other networks."""
    other = copy.copy(model)
    other._ensemble = ensemble
    return other


def overlap(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the share of the galaxies asked about first that two rankings have in common."""
    n_asked = min(N_ASKED, len(a) // 4)
    return len(np.intersect1d(np.argsort(-a)[:n_asked], np.argsort(-b)[:n_asked])) / n_asked


def report(options: Namespace, runs: Sequence[dict[str, float]], n_pool: int) -> None:
    """Print tables of medians and ranges over seeds."""
    table: list[tuple[Any, ...]] = [("over seeds", "median", "range")]
    for name in list(runs[0])[1:]:
        values = np.array([run[name] for run in runs])
        table.append(
            (name, f"{np.median(values):.4f}", f"{values.min():.4f} to {values.max():.4f}")
        )
    print_table(table)
    if len(runs) == 1:
        finish(options, None, {"runs": runs})
        return
    difference = np.array([run["rmse_bfloat16"] - run["rmse_float32"] for run in runs])
    spread = np.std([run["rmse_float32"] for run in runs], ddof=1)
    print(f"Overlap: of the first {N_ASKED} of {n_pool}.")
    print(f"RMSE, bfloat16 - float32, by seed: {np.round(difference, 4).tolist()}\n")
    mean = np.array([np.abs(difference.mean())])
    targets = [Target("mean move of the RMSE, in standard deviations over seeds", mean / spread, 1)]
    finish(options, None, {"runs": runs}, targets)


if __name__ == "__main__":
    main()
