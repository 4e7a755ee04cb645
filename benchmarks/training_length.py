"""Accuracy by the length of training: a study of ``epochs="auto"``.

Networks learn from few and many labels for a quarter, half, all and twice the steps that "auto"
takes, with the other defaults of `BayesianCNNRegressor`, and predict galaxies they have not seen:
galaxy_zoo_2 of DATA, and all pictures of kaggle_gz with votes drawn from its fractions. A training
too short costs accuracy; one too long costs time, and in the end accuracy, too.

Rows of --results are not computed again. The study takes hours.
"""

from _report import Target, finish, parser, print_table, timed  # first: quietens TensorFlow

import math
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _results import Results, add_options, completed
from _skies import read_sky

from skgalaxy import BayesianCNNRegressor
from skgalaxy.metrics import vote_fraction_rmse
from skgalaxy.networks.schedule import auto_epochs

LABELS = {"galaxy_zoo_2": (64, 128, 256, 601), "kaggle_gz, all": (5000,)}
FACTORS = (0.25, 0.5, 1.0, 2.0)  # of the steps of "auto"
KEYS = ("data set", "size", "labels", "factor", "seed")


def main() -> None:
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with galaxy_zoo_2 and kaggle_gz")
    options.add_argument("--sets", nargs="+", default=list(LABELS), choices=list(LABELS))
    options.add_argument("--labels", nargs="+", type=int, help="these numbers only")
    options.add_argument("--size", type=int, default=64, help="pixels; default: %(default)s")
    add_options(options, "training_length")
    options = options.parse_args()
    if options.quick:
        options.results = Path(tempfile.mkdtemp()) / "quick.csv"
        options.labels, options.size, options.seeds = [64], 32, [0, 1]
    results = Results(options.results, KEYS)
    tasks = [
        (name, options.size, n_labels, factor, seed)
        for seed in options.seeds
        for name in options.sets
        for n_labels in LABELS[name]
        if n_labels in (options.labels or LABELS[name])
        for factor in (FACTORS[-2:] if options.quick else FACTORS)
    ]
    found = completed(results, tasks, partial(learn, options.data, results, options.quick), options)
    finish(options, None, {"rows": len(found)}, report(found))


def learn(data: Path, results: Results, quick: bool, *task: Any) -> tuple[Any, float]:
    """Train once and add the row; return the task and its seconds."""
    name, size, n_labels, factor, seed = task
    sky = read_sky(name, data, size, n_labels, seed)
    model = BayesianCNNRegressor(precision="auto", random_state=seed)
    epochs = max(1, round(factor * auto_epochs(len(sky.y), model.batch_size)))
    model.set_params(epochs=1 if quick else epochs)
    seconds = timed(lambda: model.fit(sky.X, sky.y))
    rmse = vote_fraction_rmse(sky.y_test, model.predict(sky.X_test))
    model.set_params(posterior="last_layer", n_views=8)
    of_layer = vote_fraction_rmse(sky.y_test, model.predict(sky.X_test))
    steps = model.n_iter_ * math.ceil(len(sky.y) / model.batch_size)
    results.add(task, steps=steps, RMSE=rmse, RMSE_last_layer_8_views=of_layer, seconds=seconds)
    return task, seconds


def report(found: pd.DataFrame) -> list[Target]:
    """Print RMSE by steps, and return what "auto" loses to the best length."""
    targets = []
    for (name, size, n_labels), rows in found.groupby(["data set", "size", "labels"]):
        print(f"{name}, {size} px, {n_labels} labels, RMSE by seed:")
        by_seed = rows.pivot_table(index="factor", columns="seed", values="RMSE")
        steps = rows.groupby("factor")["steps"].first()
        cells = [
            (steps[factor], f"{values.median():.4f}", _spread(values), len(values.dropna()))
            for factor, values in by_seed.iterrows()
        ]
        print_table([("steps", "median", "standard deviation", "seeds"), *cells])
        whole = by_seed.dropna(axis=1)
        if 1.0 in whole.index and whole.shape[1]:
            best = whole.median(axis=1).idxmin()
            ratio = (whole.loc[1.0] / whole.loc[best]).to_numpy(np.float64)
            what = f"{name}, {size} px, {n_labels} labels: RMSE of auto / of the best length"
            targets.append(Target(what, ratio, 1.03))
    return targets


def _spread(values: pd.Series) -> str:
    """Standard deviation, if there are several values."""
    return f"{values.std():.4f}" if values.count() > 1 else ""


if __name__ == "__main__":
    main()
