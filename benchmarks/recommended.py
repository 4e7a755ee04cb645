"""Accuracy and calibration of the recommended estimator, on four data sets.

`skgalaxy.recommended()` learns from votes and predicts galaxies it has not seen: galaxy_zoo_2
(64 px), kaggle_gz (an unselected draw of the sky, with votes drawn from its fractions, 32 px) and
fashion_mnist_h of DATA, and simulated galaxies (32 px). It starts from the network that has seen
simulated galaxies ("galaxies"), and beside that from random weights ("random"); for clothes only
the latter is recommended. "Default" is `BayesianCNNRegressor()`, which is not calibrated.
Settings were chosen with seeds 0 and 1 of all sets in view; the other seeds only report.

"Chosen" galaxies are those that `joint_sampling` asked for, in three rounds, from a pool; the test
is a random draw all the same. "Out of fold" predicts all 800 of galaxy_zoo_2, in four folds. Rows
of --results are not computed again.
"""

from _report import Target, finish, parser, print_table, timed  # first: quietens TensorFlow

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _data_sets import DATA_NAMES
from _results import Results, add_options, completed
from _skies import Sky, read_sky
from numpy.typing import NDArray
from scipy.stats import binom, spearmanr

import skgalaxy
from skgalaxy import BayesianCNNRegressor, VotePosterior
from skgalaxy.metrics import (
    coverage_error,
    interval_coverage,
    vote_fraction_rmse,
    vote_log_likelihood,
    vote_noise_floor,
)
from skgalaxy.model_selection import cross_val_posterior
from skgalaxy.query import joint_sampling

LABELS = {  # few, and all
    "galaxy_zoo_2": (64, 128, 256, 601),
    "simulated": (64, 500),
    "fashion_mnist_h": (64, 1000),
    "kaggle_gz": (64, 1000),
    "kaggle_gz, all": (5000,),
}
GOALS = {64: 0.175, 128: 0.142, 256: 0.130, 601: 0.120}  # RMSE on galaxy_zoo_2
SIZES = {
    "galaxy_zoo_2": 64,
    "simulated": 32,
    "fashion_mnist_h": 28,
    "kaggle_gz": 32,
    "kaggle_gz, all": 32,
}
N_START, N_ROUNDS = 200, 3  # of galaxies chosen: half as many as are learned at random
NETWORKS = ("galaxies", "random")  # calibrated, of any number of labels
SETTINGS = (*NETWORKS, "default", "chosen", "out of fold")
KEYS = ("data set", "setting", "labels", "seed")
N_FOLDS = 4
N_VOTES = 40
N_SAMPLES = 50  # of votes, to see how well spread can foretell an error


def main() -> None:
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with the data sets")
    options.add_argument("--sets", nargs="+", default=list(LABELS), choices=list(LABELS))
    options.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    options.add_argument("--labels", nargs="+", type=int, help="these numbers only")
    options.add_argument("--figures", type=Path, help="folder for figures of galaxy_zoo_2")
    add_options(options, "recommended")
    options = options.parse_args()
    if options.quick:
        options.results, options.seeds = Path(tempfile.mkdtemp()) / "quick.csv", [0]
    results = Results(options.results, KEYS)
    tasks = [
        (name, setting, labels, seed)
        for seed in options.seeds
        for setting in options.settings
        for name in options.sets
        for labels in labels_of(name, setting)
        if labels in (options.labels or LABELS[name])
    ]
    if options.figures:
        draw(options.figures, options.data, options.quick)
    found = completed(results, tasks, partial(learn, options.data, results, options.quick), options)
    finish(options, None, {"rows": len(found)}, report(found))


def labels_of(name: str, setting: str) -> tuple[int, ...]:
    """Numbers of labels that a setting is tried with; none if it is not."""
    if setting in NETWORKS:
        return LABELS[name]
    # galaxy_zoo_2 is too small for a pool, and needs all of itself as a test
    is_tried = setting == "default" or (name == "galaxy_zoo_2") == (setting == "out of fold")
    return LABELS[name][-1:] if is_tried else ()


def learn(data: Path, results: Results, quick: bool, *task: Any) -> tuple[Any, float]:
    """Train, judge, and add the row; return the task and its seconds."""
    name, setting, labels, seed = task
    sky = read_sky(name, data, SIZES[name], 60 if quick else labels, seed)
    model = model_of(name, setting, seed, quick)
    if setting == "out of fold":
        return out_of_fold(model, sky, results, task)
    if setting == "chosen":
        sky = sky.learned(choose(model.estimator, sky, seed, 20 if quick else N_START))
    seconds = timed(lambda: model.fit(sky.X, sky.y))
    judged = judge(model.predict_posterior(sky.X_test), sky.y_test)
    results.add(task, learned=len(sky.y), **judged, seconds=seconds)
    return task, seconds


def model_of(name: str, setting: str, seed: int, quick: bool) -> Any:
    """Estimator of a setting, not trained."""
    pictures = "upright" if name == "fashion_mnist_h" else "galaxies"
    short: dict[str, Any] = {"epochs": 1} if quick else {}
    if setting == "default":
        upright: dict[str, Any] = {"augment": False} if pictures == "upright" else {}
        return BayesianCNNRegressor(precision="auto", random_state=seed, **upright, **short)
    if setting in NETWORKS:
        short["network"] = "galaxies" if setting == "galaxies" else None
    return skgalaxy.recommended(pictures, random_state=seed, **short)


def is_recommended(name: str, setting: str) -> bool:
    """True for what `skgalaxy.recommended` gives for such pictures."""
    return setting == ("random" if name == "fashion_mnist_h" else "galaxies")


def out_of_fold(model: Any, sky: Sky, results: Results, task: Any) -> tuple[Any, float]:
    """Predict every galaxy by networks that learned from the other folds, and add the row."""
    X, y = np.concatenate([sky.X, sky.X_test]), np.concatenate([sky.y, sky.y_test])
    start = time.perf_counter()
    posterior = cross_val_posterior(model, X, y, cv=N_FOLDS, random_state=task[-1])
    seconds = time.perf_counter() - start
    learned = len(y) * (N_FOLDS - 1) // N_FOLDS
    results.add(task, learned=learned, **judge(posterior, y), seconds=seconds)
    return task, seconds


def choose(network: Any, sky: Sky, seed: int, n_start: int) -> NDArray[Any]:
    """Rows of random galaxies, and of those that they make the network ask about."""
    rows = np.random.default_rng(seed).permutation(len(sky.y))[:n_start]
    n_asked = (len(sky.y) // 2 - n_start) // N_ROUNDS
    for _ in range(N_ROUNDS if n_asked > 0 else 0):
        network.set_params(random_state=seed).fit(sky.X[rows], sky.y[rows])
        rest = np.setdiff1d(np.arange(len(sky.y)), rows)
        asked, _ = joint_sampling(network, sky.X[rest], n_asked, n_votes=N_VOTES, random_state=seed)
        rows = np.append(rows, rest[asked])
    return rows


def judge(posterior: VotePosterior, y: NDArray[Any]) -> dict[str, float]:
    """Scores of a posterior of galaxies with votes y."""
    pmf = posterior.pmf(y[:, 1])
    error = np.abs(y[:, 0] / y[:, 1] - posterior.mean)
    return {
        "RMSE": vote_fraction_rmse(y, posterior.mean),
        "floor": vote_noise_floor(y),
        "MAE": float(error.mean()),
        "log-likelihood per vote": vote_log_likelihood(y, pmf),
        "coverage error": coverage_error(y, pmf),
        "90 % covers": interval_coverage(y, pmf, 0.9),
        "test": len(y),
        "rank std": rank_correlation(posterior.std, error),
        "rank binomial": rank_correlation(posterior.mean * (1 - posterior.mean), error),
        "rank information": rank_correlation(posterior.mutual_information(N_VOTES), error),
        "rank std, if true": rank_if_true(posterior, y[:, 1]),
    }


def rank_if_true(posterior: VotePosterior, n_votes: NDArray[Any]) -> float:
    """Spearman's correlation of spread and error, where the posterior itself draws the votes."""
    cdf, rng = posterior.cdf(n_votes), np.random.default_rng(0)
    ranks = []
    for _ in range(N_SAMPLES):
        votes = (cdf < rng.uniform(size=(len(cdf), 1))).sum(axis=1)
        ranks.append(rank_correlation(posterior.std, np.abs(votes / n_votes - posterior.mean)))
    return float(np.mean(ranks))


def draw(folder: Path, data: Path, quick: bool) -> None:
    """Draw how well posteriors of galaxy_zoo_2 are calibrated, before and after calibration."""
    import matplotlib

    matplotlib.use("Agg")
    from skgalaxy.plotting import CoverageDisplay, PITDisplay

    folder.mkdir(parents=True, exist_ok=True)
    name = "galaxy_zoo_2"
    sky = read_sky(name, data, SIZES[name], 60 if quick else LABELS[name][-1], seed=0)
    model = model_of(name, "galaxies", 0, quick).fit(sky.X, sky.y)
    posteriors = {
        "not calibrated": model.estimators_[0].predict_posterior(sky.X_test),
        "recommended": model.predict_posterior(sky.X_test),
    }
    for display, file in {CoverageDisplay: "coverage.png", PITDisplay: "pit.png"}.items():
        drawn = display.from_predictions(sky.y_test, posteriors, data_name=DATA_NAMES[name])
        drawn.figure_.savefig(folder / file, dpi=110)


def rank_correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Spearman's; NaN where one does not vary."""
    return float(spearmanr(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan


SHOWN = (
    *("RMSE", "MAE", "coverage error", "90 % covers"),
    *("rank std", "rank std, if true", "rank information", "seconds"),
)


def report(found: pd.DataFrame) -> list[Target]:
    """Print medians over seeds, and return the targets."""
    table: list[tuple[Any, ...]] = [("data set", "setting", "labels", "seeds", *SHOWN)]
    groups = found.groupby(["data set", "setting", "labels"], sort=False)
    for (name, setting, labels), rows in groups:
        table.append((name, setting, labels, len(rows), *(_median(rows[key]) for key in SHOWN)))
    print("Medians over seeds (standard deviations):")
    print_table(table)
    targets = []
    for (name, setting, labels), rows in groups:
        is_all = labels == LABELS[name][-1]
        if is_all and (is_recommended(name, setting) or setting in ("chosen", "out of fold")):
            targets += calibration_targets(f"{name}, {setting}", rows)
    real = found[(found["data set"] == "galaxy_zoo_2") & (found["setting"] == "galaxies")]
    all_labels = real[real["labels"] == LABELS["galaxy_zoo_2"][-1]]
    targets += accuracy_targets(all_labels) if len(all_labels) else []
    return [*targets, *few_label_targets(real), *trunk_targets(found)]


def few_label_targets(rows: pd.DataFrame) -> list[Target]:
    """RMSE on galaxy_zoo_2 that is to be reached, by labels."""
    return [
        Target(f"galaxy_zoo_2, {labels} labels: RMSE", of["RMSE"].to_numpy(), GOALS[labels])
        for labels, of in rows.groupby("labels")
    ]


def trunk_targets(found: pd.DataFrame) -> list[Target]:
    """Targets of a network that has seen galaxies: labels saved, and no harm done."""
    targets = []
    both = found[found["setting"].isin(NETWORKS)]
    keys = ["data set", "labels", "seed"]
    pairs = both.pivot_table(index=keys, columns="setting", values="RMSE").reindex(columns=NETWORKS)
    pairs = pairs.dropna()
    ratios = (pairs["galaxies"] / pairs["random"]).groupby(["data set", "labels"], sort=False)
    for (name, labels), ratio in ratios:
        what = f"{name}, {labels} labels: RMSE from galaxies / from random weights"
        targets.append(Target(what, ratio.to_numpy(), 1.0))
    saved = [
        labels_saved(rows) for _, rows in both[both["data set"] == "galaxy_zoo_2"].groupby("seed")
    ]
    saved = [share for share in saved if share is not None]
    if saved:
        what = "galaxy_zoo_2: labels saved at the RMSE of 601 from random weights"
        targets.append(Target(what, np.array(saved), 0.6, at_least=True))
    return targets


def labels_saved(rows: pd.DataFrame) -> float | None:
    """Share of the labels saved at the RMSE that most labels reach from random weights.

    Between numbers of labels RMSE is interpolated, linear in their logarithm. None if rows are
    missing.
    """
    curves = rows.pivot_table(index="labels", columns="setting", values="RMSE")
    most = max(LABELS["galaxy_zoo_2"])
    if set(curves.index) != set(LABELS["galaxy_zoo_2"]) or not set(NETWORKS) <= set(curves):
        return None
    reached = np.minimum.accumulate(curves["galaxies"].to_numpy())
    wanted = curves["random"][most]
    if reached[-1] > wanted:
        return 0.0
    # np.interp wants rising x: RMSE falls with labels
    needed = np.exp(np.interp(-wanted, -reached, np.log(curves.index)))
    return float(1 - needed / most)


def _median(values: pd.Series) -> str:
    """Median over seeds, and their standard deviation if they are several."""
    values = values.dropna()  # rows of before lack what was added later
    if values.empty:
        return ""
    digits = 0 if values.median() > 10 else 3  # of seconds, none
    spread = f" ({values.std():.{digits}f})" if len(values) > 1 else ""
    return f"{values.median():.{digits}f}{spread}"


def calibration_targets(what: str, rows: pd.DataFrame) -> list[Target]:
    """Targets of the coverage: within 3 %, and within 2 % or what the test set's size allows."""
    n_test = int(rows["test"].iloc[0])
    chance = 0.9 - binom.ppf(0.025, n_test, 0.9) / n_test
    return [
        Target(f"{what}: |coverage error|", rows["coverage error"].abs().to_numpy(), 0.03),
        Target(
            f"{what}: |90 % - covered|",
            (rows["90 % covers"] - 0.9).abs().to_numpy(),
            max(0.02, float(chance)),
        ),
    ]


def accuracy_targets(rows: pd.DataFrame) -> list[Target]:
    """Accuracy, its spread over seeds, and whether the posterior knows where it errs."""
    values = {key: rows[key].to_numpy() for key in rows.columns}
    what = "galaxy_zoo_2, 601 labels"
    above = values["rank std"] - values["rank binomial"]
    return [
        Target(f"{what}: RMSE", values["RMSE"], 0.132),
        Target(f"{what}: MAE", values["MAE"], 0.092),
        Target(f"{what}: RMSE, std over seeds", rows[["RMSE"]].std(ddof=1).fillna(0), 0.005),
        Target(f"{what}: Spearman of std, error", values["rank std"], 0.5, at_least=True),
        Target(f"{what}: ... above that of ρ(1-ρ), error", above, 0.1, at_least=True),
        Target(f"{what}: Spearman of MI, error", values["rank information"], 0.4, at_least=True),
        Target(f"{what}: fit, s", values["seconds"], 360),
    ]


if __name__ == "__main__":
    main()
