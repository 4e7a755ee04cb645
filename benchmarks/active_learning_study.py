"""How many labels strategies save: learning curves of active learning on four kinds of data.

_data_sets.py says what the data sets are and how they are learned, _labels_saved.py what labels
saved are.

Each run is `skgalaxy.active.run` with 64 galaxies to start from, the same for all strategies, as
are the seeds of all rounds; the network learns afresh each round, for as many steps whether few or
many galaxies are labelled. Steps are many (training_steps.py): with too few, strategies are judged
by networks that have hardly begun to learn. All that with dropout as published, and with the same
recalibrated on a fifth of the labels (what the study of calibration recommends).

Curves are means over seeds, with 95 % of bootstraps over seeds; targets have a value of each seed.
The best strategy for a seed is the one that saves most on the others.

Every run leaves a ledger and a file in the folder --resume: what is finished is not done again,
and what was killed goes on. Runs of one seed come before those of the next. On two cores with
bfloat16 a run takes a minute, the full study four hours, dropout with three strategies and random
70 minutes; --hours measures how long it will take here, --quick takes some minutes.
"""

from _report import finish, parser, print_table, timed  # first: quietens TensorFlow

import functools
import time
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from _data_sets import N_VOTES, PUBLISHED, RECALIBRATED, SETS, Data, Setting, make_model, read
from _study_report import CORE, PER_VOTE, TOP_K, report
from _tasks import add_options, do_all, file_of, keep, kept, open_folder
from modAL.models import ActiveLearner
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline

from skgalaxy import active, query
from skgalaxy.exceptions import NoSpreadWarning
from skgalaxy.images import PoolReader
from skgalaxy.metrics import (
    coverage_error,
    interval_coverage,
    vote_fraction_rmse,
    vote_log_likelihood,
)

N_SEEDS = 5
POSTERIORS = (PUBLISHED, RECALIBRATED)
STRATEGIES = {
    "random": query.random_sampling,
    TOP_K: query.mutual_information_sampling,
    "power": query.power_sampling,
    "joint": query.joint_sampling,
    "diverse": query.diverse_sampling,
    "EPIG": partial(query.epig_sampling, n_targets=50, target_votes=5),
    "jackknife": partial(query.mutual_information_sampling, jackknife=True),
    "entropy": query.predictive_entropy_sampling,
    "variance": query.variance_sampling,
    "diverse embedding": partial(query.diverse_sampling, features="embedding"),
    "top-k, 25 % random": query.mix_random(query.mutual_information_sampling, 0.25),
    "joint, 25 % random": query.mix_random(query.joint_sampling, 0.25),
}


def strategies_of(name: str, posterior: str) -> tuple[str, ...]:
    """Return what is run unless --strategies says otherwise: all strategies on shirts only."""
    if name in ("pullover", "T-shirt"):
        return CORE[:4] if posterior == PUBLISHED else ()
    return tuple(STRATEGIES) if (name, posterior) == ("shirt", PUBLISHED) else CORE


def main() -> None:
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with galaxy_zoo_2 and fashion_mnist_h")
    options.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    options.add_argument(
        "--posteriors", nargs="+", default=list(POSTERIORS), choices=list(POSTERIORS)
    )
    options.add_argument("--strategies", nargs="+", choices=list(STRATEGIES), metavar="NAME")
    options.add_argument("--figures", type=Path, metavar="FOLDER", help="draw learning curves")
    options.add_argument("--hours", action="store_true", help="only measure how long it will take")
    add_options(options)
    options = options.parse_args()
    folder = open_folder(options)
    settings = {name: SETS[name].of(options.quick) for name in options.sets}
    data = {
        name: kept(file_of(folder, "data", name), partial(read, name, options.data, settings[name]))
        for name in options.sets
    }
    tasks = list_tasks(options)
    if options.hours:
        estimate(options, data, tasks)
        return
    left = [task for task in tasks if not is_done(folder, settings[task[0]], *task)]
    run = partial(run_task, folder, data, settings)
    do_all(run, left, options.jobs)
    results = {task: joblib.load(file_of(folder, *task)) for task in tasks}
    finish(options, None, *report(options, data, results))


def list_tasks(options: Namespace) -> list[tuple[Any, ...]]:
    """Return (data set, posterior, strategy, seed) of every run; random is always one."""
    named = options.strategies and ["random", *options.strategies]
    return [
        (name, posterior, strategy, seed)
        for seed in range(2 if options.quick else N_SEEDS)
        for name in options.sets
        for posterior in options.posteriors
        for strategy in dict.fromkeys(named or strategies_of(name, posterior))
    ]


def is_done(folder: Path, setting: Setting, *task: Any) -> bool:
    """Whether a run is finished; raises ValueError if it is of other settings."""
    file = file_of(folder, *task)
    if file.exists() and joblib.load(file)["setting"] != setting._asdict():
        raise ValueError(
            f"`--resume` must hold runs of this study. Got {str(file)!r}, of other settings; "
            "choose another folder."
        )
    return file.exists()


def run_task(
    folder: Path, all_data: dict[str, Data], settings: dict[str, Setting], *task: Any
) -> tuple[Any, float]:
    """Do one run, or go on with it, and write its file; return the task and its seconds."""
    name, posterior, strategy, seed = task
    data, setting = all_data[name], settings[name]
    warnings.simplefilter("ignore", NoSpreadWarning)
    file, n_pool, spent = file_of(folder, *task), len(data.pool), []

    def score(estimator: Any, X: NDArray[Any], y: NDArray[Any]) -> dict[str, float]:
        spent.append(estimator[-1].seconds_)
        return judge(estimator, X, y, data.test_fraction)

    start = time.perf_counter()
    result = active.run(
        make_learner(data, setting, posterior, noting(spent, STRATEGIES[strategy])),
        np.arange(n_pool),
        active.SimulatedVolunteers(
            np.arange(n_pool), data.pool, n_votes=N_VOTES, random_state=seed
        ),
        initial=np.random.default_rng(seed).permutation(n_pool)[: setting.n_start],
        n_instances=setting.n_asked,
        n_rounds=setting.n_rounds,
        test=(np.arange(n_pool, len(data.images)), data.test),
        scoring=noting(spent, score),
        ledger=file.with_suffix(".sqlite"),
        random_state=seed,
    )
    seconds = time.perf_counter() - start
    found = {
        "setting": setting._asdict(),
        "rounds": result.rounds.drop(columns=["seed", "model"]).to_dict("list"),
        "asked": result.asked.loc[result.asked["round"] > 0, "row"].tolist(),
        "overhead": 1 - sum(spent) / seconds,
        "seconds": seconds,
    }
    keep(found, file)
    return task, seconds


def make_learner(data: Data, setting: Setting, posterior: str, strategy: Callable) -> ActiveLearner:
    """A modAL learner of row numbers, whose seeds are left to the run."""
    model = make_model(setting, posterior)
    return ActiveLearner(make_pipeline(PoolReader(data.images), model), strategy)


def noting(spent: list[float], function: Callable) -> Callable:
    """The function, each call of which notes its seconds in `spent`."""

    @functools.wraps(function)
    def timed_function(*args: Any, **options: Any) -> Any:
        start = time.perf_counter()
        result = function(*args, **options)
        spent.append(time.perf_counter() - start)
        return result

    return timed_function


def judge(
    learner: Any, X: NDArray[Any], y: NDArray[Any], fraction: NDArray[Any] | None
) -> dict[str, float]:
    """Scores of a round on the test set; `fraction` is ρ, where it is known."""
    posterior = query.predict_posterior(learner, X)
    pmf = posterior.pmf(y[:, 1])
    found = {
        "RMSE": vote_fraction_rmse(y, posterior.mean),
        PER_VOTE: vote_log_likelihood(y, pmf),
        "coverage error": coverage_error(y, pmf),
        "90 % covers": interval_coverage(y, pmf, 0.9),
        "std of draws": posterior.draws.std(axis=1).mean(),
    }
    if fraction is not None:
        found["RMSE of ρ"] = np.sqrt(np.mean((posterior.mean - fraction) ** 2))
    return {key: float(value) for key, value in found.items()}


def estimate(options: Namespace, data: dict[str, Data], tasks: Sequence[Any]) -> None:
    """Measure a round of every data set and posterior, as many at a time as there are jobs."""
    pairs = list(dict.fromkeys(task[:2] for task in tasks))
    measured = joblib.Parallel(n_jobs=options.jobs)(
        joblib.delayed(round_seconds)(data[name], SETS[name].of(options.quick), posterior)
        for name, posterior in pairs
    )
    table: list[tuple[Any, ...]] = [
        ("data set", "posterior", "runs", "s a round", "EPIG, s", "hours")
    ]
    total = 0
    for (name, posterior), (usual, epig) in zip(pairs, measured, strict=True):
        asked = [task[2] for task in tasks if task[:2] == (name, posterior)]
        rounds = SETS[name].of(options.quick).n_rounds + 1
        seconds = sum(rounds * (epig if strategy == "EPIG" else usual) for strategy in asked)
        hours = seconds / 3600 / options.jobs
        table.append((name, posterior, len(asked), f"{usual:.1f}", f"{epig:.1f}", f"{hours:.2f}"))
        total += hours
    print_table([*table, ("all", "", len(tasks), "", "", f"{total:.2f}")])


def round_seconds(data: Data, setting: Setting, posterior: str) -> tuple[float, float]:
    """Return the seconds of a round with a usual strategy, and with EPIG."""
    part = 10  # of the steps
    few = setting._replace(n_steps=max(1, setting.n_steps // part))
    learner = make_learner(data, few, posterior, query.joint_sampling)
    n_labelled = setting.n_start + setting.n_asked * setting.n_rounds // 2
    volunteers = active.SimulatedVolunteers(np.arange(len(data.pool)), data.pool)
    volunteers.request(np.arange(n_labelled))
    labels = np.arange(n_labelled), volunteers.collect()[1]
    learner.fit(*labels)  # traces
    fit = timed(lambda: learner.fit(*labels))
    pool, test = np.split(np.arange(len(data.images)), [len(data.pool)])
    tested = timed(lambda: judge(learner, test, data.test, data.test_fraction))
    usual, epig = (
        timed(lambda s=name: STRATEGIES[s](learner, pool, setting.n_asked, random_state=0))
        for name in ("joint", "EPIG")
    )
    rest = fit * part + tested
    return rest + usual, rest + epig


if __name__ == "__main__":
    main()
