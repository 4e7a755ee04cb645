"""Rounds of active learning that go on from the last round, and rounds from scratch.

`skgalaxy.recommended` learns from 64 galaxies of a data set, and then from 50 more in each of 10
rounds, drawn at random. "warm" goes on from round to round, with ``warm_start=True``. It is
compared with fits to the same galaxies from scratch: "galaxies" starts from the trunk that ships,
and "default" from random weights. These take long, so only some rounds have them. All predict
galaxies that nobody has learned from. The length and the rate of a training that goes on are rules
made beforehand; rows with other rules, which were tried later, are kept.

Seconds are of the processor, of `fit` alone: training, the last layer, and calibration. Rows of
--results are not computed again.
"""

from _report import Target, finish, parser, print_table  # first: quietens TensorFlow

import math
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from _results import Results, add_options, completed
from _skies import read_sky
from numpy.typing import NDArray

import skgalaxy
from skgalaxy.metrics import coverage_error, interval_coverage, vote_fraction_rmse
from skgalaxy.networks.schedule import auto_epochs

SETS = ("galaxy_zoo_2", "kaggle_gz")
SETTINGS = ("warm", "galaxies", "default")
KEYS = ("data set", "setting", "seed", "round")
N_START, N_EACH, N_ROUNDS = 64, 50, 10
N_TEST = 500  # at most
TRUNK = {"warm": "galaxies", "galaxies": "galaxies", "default": None}


def main() -> None:
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with the data sets")
    options.add_argument("--sets", nargs="+", default=["galaxy_zoo_2"], choices=SETS)
    options.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    options.add_argument(
        "--rounds", nargs="+", type=int, default=[4, 10], help="from scratch; default: 4 10"
    )
    add_options(options, "warm_rounds")
    options.set_defaults(seeds=[0])
    options = options.parse_args()
    if options.quick:
        options.results = Path(tempfile.mkdtemp()) / "quick.csv"
        options.sets, options.seeds, options.rounds = ["galaxy_zoo_2"], [0], [1]
    results = Results(options.results, KEYS)
    last = 1 if options.quick else N_ROUNDS
    tasks = [
        # rounds that go on are one task, whose last row is that of its last round
        (name, setting, seed, number)
        for seed in options.seeds
        for name in options.sets
        for setting in options.settings
        for number in ([last] if setting == "warm" else options.rounds)
    ]
    found = completed(results, tasks, partial(learn, options.data, results, options.quick), options)
    finish(options, None, {"rows": len(found)}, report(found))


def learn(data: Path, results: Results, quick: bool, *task: Any) -> tuple[Any, float]:
    """Train, from scratch or round after round, and add rows; return the task and its seconds."""
    name, setting, seed, last = task
    sky = read_sky(name, data, 64, N_START + N_EACH * N_ROUNDS, seed)
    is_warm = setting == "warm"
    model = skgalaxy.recommended(network=TRUNK[setting], warm_start=is_warm, random_state=seed)
    if quick:
        model.set_params(estimator__epochs=1)
    total = 0.0
    for number in range(last + 1) if is_warm else [last]:
        of_round = sky.learned(slice(N_START + N_EACH * number))
        epochs = network_of(model).n_iter_ if number and is_warm else 0
        start = time.process_time()
        model.fit(of_round.X, of_round.y)
        seconds = time.process_time() - start
        total += seconds
        epochs = network_of(model).n_iter_ - epochs
        n_steps = epochs * math.ceil(
            model.was_trained_on(of_round.X).sum() / network_of(model).batch_size
        )
        judged = judge(model, sky.X_test[:N_TEST], sky.y_test[:N_TEST])
        row = (name, setting, seed, number)
        results.add(row, labels=len(of_round.y), steps=n_steps, seconds=seconds, **judged)
    return task, total


def network_of(model: Any) -> Any:
    """The network that is calibrated."""
    return model.estimators_[0]


def judge(model: Any, X: NDArray[Any], y: NDArray[Any]) -> dict[str, float]:
    """Scores of a model on galaxies with votes y."""
    posterior = model.predict_posterior(X)
    pmf = posterior.pmf(y[:, 1])
    return {
        "RMSE": vote_fraction_rmse(y, posterior.mean),
        "coverage error": coverage_error(y, pmf),
        "90 % covers": interval_coverage(y, pmf, 0.9),
        "test": len(y),
    }


SHOWN = ("steps", "seconds", "RMSE", "coverage error", "90 % covers")


def report(found: pd.DataFrame) -> list[Target]:
    """Print medians over the seeds, and return the targets."""
    targets = []
    for name, rows in found.groupby("data set", sort=False):
        print(f"{name}, {rows['test'].iloc[0]} galaxies to test on, medians over the seeds:")
        cells = [
            (*key, len(some), *_short(some[list(SHOWN)].median()))
            for key, some in rows.groupby(["round", "labels", "setting"])
        ]
        print_table([("round", "labels", "setting", "seeds", *SHOWN), *cells])
        targets += targets_of(name, rows)
    return targets


def _short(row: Any) -> list[str]:
    return [f"{row[key]:.0f}" if row[key] > 2 else f"{row[key]:.4f}" for key in SHOWN]


def targets_of(name: str, rows: Any) -> list[Target]:
    """Targets of rounds that go on, beside fits of the same galaxies from scratch."""
    tables = {
        key: rows.pivot_table(index=["round", "seed"], columns="setting", values=key)
        for key in ("steps", "seconds", "RMSE", "coverage error")
    }
    targets = []
    for other, limit in (("default", 10), ("galaxies", 5)):
        if not {"warm", other} <= set(tables["RMSE"]):
            continue
        both = {key: table[["warm", other]].dropna() for key, table in tables.items()}
        if both["RMSE"].empty:
            continue
        faster = (both["seconds"][other] / both["seconds"]["warm"]).to_numpy()
        ratio = (both["RMSE"]["warm"] / both["RMSE"][other]).to_numpy()
        targets += [
            Target(f"{name}: seconds of {other} / of warm", faster, limit, at_least=True),
            Target(f"{name}: RMSE of warm / of {other}", ratio, 1.0),
        ]
    if "warm" in tables["steps"]:
        warm = tables["steps"]["warm"].dropna()
        warm = warm[warm.index.get_level_values("round") > 0].groupby("seed").mean()
        error = tables["coverage error"]["warm"].dropna()
        error = error[error.index.get_level_values("round") > 0]
        targets += [
            Target(
                f"{name}: mean steps of {N_ROUNDS} rounds, default / warm",
                (mean_steps_of_default() / warm).to_numpy(),
                10,
                at_least=True,
            ),
            Target(f"{name}: size of the coverage error of warm", error.abs().to_numpy(), 0.03),
        ]
    return targets


def mean_steps_of_default(batch_size: int = 16) -> float:
    """Steps from scratch with the default network, mean over the rounds; a fifth is held out."""
    sizes = [N_START + N_EACH * number for number in range(1, N_ROUNDS + 1)]
    trained = [n - math.ceil(n / 5) for n in sizes]
    steps = [auto_epochs(n, batch_size) * math.ceil(n / batch_size) for n in trained]
    return sum(steps) / len(steps)


if __name__ == "__main__":
    main()
