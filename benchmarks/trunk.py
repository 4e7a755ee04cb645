"""Accuracy from few labels, from the trunk that ships and from random weights.

`BayesianCNNRegressor` learns from some of the galaxies of DATA with ``network="galaxies"`` and with
the default network, everything else alike: beta-binomial likelihood, Bayesian last layer and eight
views, as `skgalaxy.recommended`, but not calibrated. Settings were chosen with galaxy_zoo_2; the
other data sets only report. fashion_mnist_h shows clothes, which are not turned.

Rows of --results are not computed again.
"""

from _report import Target, finish, parser, print_table, timed  # first: quietens TensorFlow

import tempfile
from functools import partial
from pathlib import Path

from _results import Results, add_options, completed
from _skies import read_sky

import skgalaxy
from skgalaxy.metrics import vote_fraction_rmse

LABELS = {
    "galaxy_zoo_2": (64, 128, 256, 601),
    "kaggle_gz": (64, 256, 1000),
    "simulated": (64, 500),
    "fashion_mnist_h": (64, 1000),
}
SIZES = {"galaxy_zoo_2": 64, "kaggle_gz": 64, "simulated": 64, "fashion_mnist_h": 28}
GOALS = {64: 0.175, 128: 0.142, 256: 0.130, 601: 0.120}  # RMSE on galaxy_zoo_2
NETWORKS = ("galaxies", "default")
KEYS = ("data set", "network", "labels", "seed")


def main() -> None:
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with the data sets")
    options.add_argument("--sets", nargs="+", default=list(LABELS), choices=list(LABELS))
    options.add_argument("--labels", nargs="+", type=int, help="these numbers only")
    options.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    add_options(options, "trunk")
    options = options.parse_args()
    if options.quick:
        options.results = Path(tempfile.mkdtemp()) / "quick.csv"
        options.sets, options.labels, options.seeds = ["galaxy_zoo_2"], [64], [0]
    results = Results(options.results, KEYS)
    tasks = [
        (name, network, n_labels, seed)
        for seed in options.seeds
        for name in options.sets
        for n_labels in LABELS[name]
        if n_labels in (options.labels or LABELS[name])
        for network in options.networks
    ]
    found = completed(results, tasks, partial(learn, options.data, results, options.quick), options)
    finish(options, None, {"rows": len(found)}, report(found))


def learn(data, results, quick, *task):
    """Train once and add the row; return the task and its seconds."""
    name, network, n_labels, seed = task
    sky = read_sky(name, data, SIZES[name], n_labels, seed)
    pictures = "upright" if name == "fashion_mnist_h" else "galaxies"
    model = skgalaxy.recommended(pictures, random_state=seed).estimator
    model.set_params(network="galaxies" if network == "galaxies" else None)
    if quick:
        model.set_params(epochs=1)
    seconds = timed(lambda: model.fit(sky.X, sky.y))
    rmse = vote_fraction_rmse(sky.y_test, model.predict(sky.X_test))
    results.add(task, RMSE=rmse, seconds=seconds)
    return task, seconds


def report(found) -> list[Target]:
    """Print RMSE by labels, and return what is to be reached on galaxy_zoo_2."""
    targets = []
    for name, rows in found.groupby("data set", sort=False):
        print(f"{name}, RMSE, median over seeds:")
        medians = rows.groupby(["labels", "network"])["RMSE"].agg(["median", "min", "max", "count"])
        cells = [
            (labels, network, f"{x['median']:.4f}", f"{x['min']:.4f} to {x['max']:.4f}", x["count"])
            for (labels, network), x in medians.astype({"count": int}).to_dict("index").items()
        ]
        print_table([("labels", "network", "median", "seeds from, to", "seeds"), *cells])
        targets += _goals(name, rows[rows["network"] == "galaxies"])
        pairs = rows.pivot_table(index=["labels", "seed"], columns="network", values="RMSE")
        if set(NETWORKS) <= set(pairs):
            ratios = (pairs["galaxies"] / pairs["default"]).dropna().groupby("labels")
            targets += [
                Target(f"{name}, {n} labels: RMSE of galaxies / of random", ratio.to_numpy(), 1.0)
                for n, ratio in ratios
            ]
    return targets


def _goals(name, rows) -> list[Target]:
    """RMSE that the trunk is to reach, where that is stated."""
    if name != "galaxy_zoo_2":
        return []
    return [
        Target(
            f"{name}, {labels} labels: RMSE from the trunk", of["RMSE"].to_numpy(), GOALS[labels]
        )
        for labels, of in rows.groupby("labels")
    ]


if __name__ == "__main__":
    main()
