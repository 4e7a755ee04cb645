"""Learn from real votes, and see what the network would ask about.

Trains on the galaxies of a Galaxy Zoo folder whose id is no multiple of 4, tests on the rest, once
per seed; at a constant rate, in batches of 32 (recommended.py has the training that is default).
With --pool, ranks a folder of unlabelled galaxies (``images/{id}.jpeg`` and a table of known
kinds) by mutual information and counts the kinds among the first and the last.
"""

from _report import finish, parser  # first: quietens TensorFlow

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy import BayesianCNNRegressor
from skgalaxy.datasets import load_galaxy_zoo
from skgalaxy.images import read_images
from skgalaxy.metrics import d2_binomial_score, vote_fraction_rmse, vote_noise_floor

N_VOTES = 40
N_ENDS = 300
KINDS = {"elliptical": (0,), "spiral": (1, 2), "edge-on": (3,), "don't know": (4,), "merger": (5,)}


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder for load_galaxy_zoo")
    options.add_argument("--pool", type=Path, help="folder with images/ and gz1_class.csv")
    options.add_argument("--color", action="store_true", help="three channels instead of grey")
    options.add_argument("--epochs", type=int, default=60, help="default: %(default)s")
    options.add_argument("--precision", default="float32", help="default: %(default)s")
    options = options.parse_args()
    seeds = range(1 if options.quick else 5)
    training = {
        "epochs": 2 if options.quick else options.epochs,
        "batch_size": 32,
        "schedule": "constant",
        "precision": options.precision,
    }

    galaxies = load_galaxy_zoo(options.data, color=options.color)
    test = np.array([int(name) % 4 == 0 for name in galaxies.ids])
    X, y, X_test, y_test = (part for rows in (~test, test) for part in _rows(galaxies, rows))
    pool, kinds = _read_pool(options.pool, options.color) if options.pool else (None, None)
    table: list[tuple[Any, ...]] = [
        ("seed", "RMSE", "D²", "log-likelihood", "std over draws", "fit, s")
    ]
    runs, counts = [], []
    for seed in seeds:
        start = time.perf_counter()
        model = BayesianCNNRegressor(random_state=seed, **training).fit(X, y)
        fit = time.perf_counter() - start
        posterior = model.predict_posterior(X_test)
        run = {
            "seed": seed,
            "rmse": vote_fraction_rmse(y_test, posterior.mean),
            "d2": d2_binomial_score(y_test, posterior.mean),
            "log_likelihood": posterior.log_prob(*y_test.T).mean(),
            "std": posterior.std.mean(),
            "fit_s": fit,
        }
        runs.append(run)
        table.append((seed, *(f"{value:.4f}" for value in list(run.values())[1:-1]), f"{fit:.0f}"))
        if pool is not None:
            counts.append(_count_kinds(model.predict_posterior(pool), kinds))
    rmse = [run["rmse"] for run in runs]
    reference = {
        "predict_the_mean": vote_fraction_rmse(
            y_test, np.full(len(y_test), (y[:, 0] / y[:, 1]).mean())
        ),
        "noise_floor": vote_noise_floor(y_test),
        "median_rmse": float(np.median(rmse)),
    }
    print(
        f"{len(y)} galaxies to learn from, {len(y_test)} to test on, "
        f"{'colour' if options.color else 'grey'}, 64 px.\nRMSE: median {np.median(rmse):.3f}, "
        f"{min(rmse):.3f} to {max(rmse):.3f}; predicting the mean "
        f"{reference['predict_the_mean']:.3f}; noise floor {reference['noise_floor']:.3f}\n"
    )
    if pool is not None:
        _print_kinds(counts, kinds)
    finish(options, table, {"runs": runs, **reference, "kinds": counts})


def _rows(galaxies: Any, rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return galaxies.images[rows], galaxies.votes[rows]


def _read_pool(folder: Path, color: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the images of the pool, 64 px, and the kind of each."""
    table = pd.read_csv(folder / "gz1_class.csv", dtype={"OBJID": str})
    paths = [folder / "images" / f"{name}.jpeg" for name in table["OBJID"]]
    return read_images(paths, size=64, color=color), table["CLASS"].to_numpy()


def _count_kinds(posterior: Any, kinds: Any) -> dict[str, Any]:
    """Return the share of every kind among the highest and the lowest in mutual information."""
    scores = posterior.mutual_information(N_VOTES)
    order = np.argsort(-scores)
    ends = {"first": order[:N_ENDS], "last": order[-N_ENDS:]}
    shares = {
        end: {kind: float(np.isin(kinds[rows], codes).mean()) for kind, codes in KINDS.items()}
        for end, rows in ends.items()
    }
    means = {f"rho_{end}": float(posterior.mean[rows].mean()) for end, rows in ends.items()}
    return {**shares, **means, "rho_pool": float(posterior.mean.mean())}


def _print_kinds(counts: Sequence[dict[str, Any]], kinds: Any) -> None:
    """Print the median share over seeds, and its range."""
    print(f"Kinds of the {N_ENDS} of {len(kinds)} pool galaxies asked about first, and last:")
    for kind, codes in KINDS.items():
        cells = []
        for end in ("first", "last"):
            shares = [100 * count[end][kind] for count in counts]
            cells.append(f"{np.median(shares):5.1f} % ({min(shares):.0f} to {max(shares):.0f})")
        pool = 100 * np.isin(kinds, codes).mean()
        print(f"  {kind:<12} pool {pool:5.1f} %   first {cells[0]:<20} last {cells[1]}")
    rho = {
        key: np.median([count[f"rho_{key}"] for count in counts])
        for key in ("first", "last", "pool")
    }
    print(
        "  predicted vote fraction, mean: "
        + ", ".join(f"{k} {v:.2f}" for k, v in rho.items())
        + "\n"
    )


if __name__ == "__main__":
    main()
