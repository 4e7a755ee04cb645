"""How many labels strategies save: learning curves of active learning on four kinds of data.

- galaxy_zoo_2 of DATA: 600 real galaxies to ask about, "featured?", tested on those whose id is a
  multiple of 4; 32 px.
- fashion_mnist_h of DATA: 8,000 pictures of clothes, 2,000 to test on; "is it a shirt?", "a
  pullover?" and "a T-shirt?". People confuse a shirt with everything; of the other kinds it is on
  pullovers and T-shirts that they disagree about most pictures.
- edge-on: 5,000 galaxies of a simulated sky, of which 5 % are edge-on and 5 % barred, "is it
  edge-on?", 32 px; the true vote fractions ρ of 2,000 more are known.
- redundant clothes, redundant galaxies: 2,600 of the clothes ("is it a shirt?") and 1,650 of the
  simulated galaxies ("is it edge-on?"), three times each, with noise; every copy has votes of its
  own.

Each run is `skgalaxy.active.run` with 64 galaxies to start from, the same for all strategies, as
are the seeds of all rounds; the network learns afresh each round, for as many steps whether few or
many galaxies are labelled. Clothes are learned by the network as published, galaxies by a slim one
of the same kind, which is faster. Steps are many (training_steps.py): with too few, strategies are
judged by networks that have hardly begun to learn. All that with dropout as published, and with
the same recalibrated on a fifth of the labels (what the study of calibration recommends).

Labels saved are 1 - labels(strategy) / labels(random) at the final score of random, between rounds
by the logarithm of labels along curves made monotone by isotonic regression. This assumes no shape,
saves nothing between two noisy curves that are the same, and with noise errs towards nothing saved
(tests/test_benchmarks.py). Where a strategy never reaches that score it is asked how soon random
reaches the strategy's, and what is saved is negative. Curves are means over seeds, with 95 % of
bootstraps over seeds; targets have a value of each seed. The best strategy for a seed is the one
that saves most on the others.

Every run leaves a ledger and a file in the folder --resume: what is finished is not done again,
and what was killed goes on. Runs of one seed come before those of the next. On two cores with
bfloat16 a run takes a minute, the full study four hours, dropout with three strategies and random
70 minutes; --hours measures how long it will take here, --quick takes some minutes.
"""

from _report import Target, finish, parser, print_table, timed  # first: quietens TensorFlow

import functools
import math
import os
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from modAL.models import ActiveLearner
from sklearn.isotonic import isotonic_regression
from sklearn.pipeline import make_pipeline
from tqdm import tqdm

from skgalaxy import BayesianCNNRegressor, active, query
from skgalaxy.calibration import CalibratedRegressorCV
from skgalaxy.datasets import load_galaxy_zoo, make_galaxies
from skgalaxy.exceptions import NoSpreadWarning
from skgalaxy.images import PoolReader
from skgalaxy.metrics import (
    coverage_error,
    interval_coverage,
    vote_fraction_rmse,
    vote_log_likelihood,
    vote_noise_floor,
)
from skgalaxy.networks import GalaxyZooNetwork

N_SEEDS, N_VOTES, N_DRAWS = 5, 40, 100
TOP_K, PER_VOTE = "mutual information", "log-lik. per vote"
DEFAULT = "joint"  # the strategy whose targets are those of the default
PUBLISHED, RECALIBRATED = "dropout", "recalibrated"
SKY = {"smooth": 0.62, "featured": 0.27, "barred": 0.05, "edge-on": 0.05, "artifact": 0.01}


class Setting(NamedTuple):
    """How a data set is learned: galaxies, rounds, and the steps of training in each."""

    group: str
    n_pool: int
    n_test: int = 2000
    n_start: int = 64
    n_asked: int = 64
    n_rounds: int = 5
    n_steps: int = 800
    augment: bool = True
    filters: tuple = ((16,), (32,), (64,), (64,))
    learning_rate: float = 3e-3

    def of(self, quick):
        """Return the setting, or a small one."""
        small = {"n_pool": 120, "n_test": 60, "n_start": 16, "n_asked": 16}
        small |= {"n_rounds": 2, "n_steps": 8, "filters": ((8,), (8,))}
        return self._replace(**small) if quick else self


class Data(NamedTuple):
    """Images of the pool and then of the test set, and what volunteers say."""

    images: np.ndarray
    pool: np.ndarray  # counts [k, N] to replay, or vote fractions to draw from
    test: np.ndarray  # counts [k, N]
    test_fraction: np.ndarray | None  # ρ, where it is known


CLOTHES = {"shirt": 6, "pullover": 2, "T-shirt": 0}
CLOTHES_ARE_LEARNED = {
    "n_steps": 400,
    "augment": False,
    "filters": GalaxyZooNetwork().filters,
    "learning_rate": 1e-3,
}
SETS = {
    "galaxy_zoo_2": Setting("galaxy_zoo_2", 600, 200, n_asked=96, n_rounds=3, n_steps=1500),
    **{name: Setting("fashion_mnist_h", 8000, **CLOTHES_ARE_LEARNED) for name in CLOTHES},
    "edge-on": Setting("sky", 5000),
    "redundant clothes": Setting("redundant", 7800, **CLOTHES_ARE_LEARNED),
    "redundant galaxies": Setting("redundant", 4950),
}
POSTERIORS = (PUBLISHED, RECALIBRATED)
STRATEGIES = {
    "random": query.random_sampling,
    TOP_K: query.mutual_information_sampling,
    "power": query.power_sampling,
    "joint": query.joint_sampling,
    "diverse": query.diverse_sampling,
    "EPIG": functools.partial(query.epig_sampling, n_targets=50, target_votes=5),
    "jackknife": functools.partial(query.mutual_information_sampling, jackknife=True),
    "entropy": query.predictive_entropy_sampling,
    "variance": query.variance_sampling,
    "diverse embedding": functools.partial(query.diverse_sampling, features="embedding"),
    "top-k, 25 % random": query.mix_random(query.mutual_information_sampling, 0.25),
    "joint, 25 % random": query.mix_random(query.joint_sampling, 0.25),
}
CORE = ("random", TOP_K, "joint", "variance", "power", "diverse", "EPIG")


def strategies_of(name, posterior):
    """Return what is run unless --strategies says otherwise: all strategies on shirts only."""
    if name in ("pullover", "T-shirt"):
        return CORE[:4] if posterior == PUBLISHED else ()
    return tuple(STRATEGIES) if (name, posterior) == ("shirt", PUBLISHED) else CORE


def main():
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with galaxy_zoo_2 and fashion_mnist_h")
    options.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    options.add_argument(
        "--posteriors", nargs="+", default=list(POSTERIORS), choices=list(POSTERIORS)
    )
    options.add_argument("--strategies", nargs="+", choices=list(STRATEGIES), metavar="NAME")
    options.add_argument("--resume", type=Path, help="folder of ledgers; default: a new one")
    options.add_argument("--figures", type=Path, metavar="FOLDER", help="draw learning curves")
    options.add_argument("--jobs", type=int, default=2, help="processes; default: %(default)s")
    options.add_argument("--hours", action="store_true", help="only measure how long it will take")
    options = options.parse_args()
    folder = (options.resume or Path(tempfile.mkdtemp())) / ("quick" if options.quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(max(1, os.cpu_count() // options.jobs))
    data = {
        name: prepared(folder, name, options.data, SETS[name].of(options.quick))
        for name in options.sets
    }
    tasks = list_tasks(options)
    if options.hours:
        estimate(options, data, tasks)
        return
    do_all(options, folder, data, tasks)
    results = {task: joblib.load(file_of(folder, *task)) for task in tasks}
    finish(options, None, *report(options, data, results))


def list_tasks(options):
    """Return (data set, posterior, strategy, seed) of every run; random is always one."""
    named = options.strategies and ["random", *options.strategies]
    return [
        (name, posterior, strategy, seed)
        for seed in range(2 if options.quick else N_SEEDS)
        for name in options.sets
        for posterior in options.posteriors
        for strategy in dict.fromkeys(named or strategies_of(name, posterior))
    ]


def file_of(folder, *task):
    """Return where what a task found is kept."""
    return folder / f"{'-'.join(map(str, task)).replace(' ', '_')}.joblib"


def keep(found, file):
    """Write a file that is there as a whole or not at all."""
    joblib.dump(found, file.with_suffix(".part"))
    file.with_suffix(".part").replace(file)


def do_all(options, folder, data, tasks):
    """Do the runs that are not done."""
    settings = {name: SETS[name].of(options.quick) for name in options.sets}
    for task in tasks:
        file = file_of(folder, *task)
        if file.exists() and joblib.load(file)["setting"] != settings[task[0]]._asdict():
            raise ValueError(
                f"`--resume` must hold runs of this study. Got {str(file)!r}, of other settings; "
                "choose another folder."
            )
    left = [task for task in tasks if not file_of(folder, *task).exists()]
    runs = joblib.Parallel(n_jobs=options.jobs, return_as="generator_unordered")(
        joblib.delayed(run_task)(folder, data[task[0]], settings[task[0]], *task) for task in left
    )
    for task, seconds in tqdm(runs, total=len(left), unit="run"):
        tqdm.write(f"{', '.join(map(str, task))}: {seconds:.0f} s")


def prepared(folder, name, source, setting):
    """Return a data set, kept in a file as it takes time to read or draw."""
    file = file_of(folder, "data", name)
    if not file.exists():
        keep(READERS[setting.group](name, source, setting)._asdict(), file)
    return Data(**joblib.load(file))


def read_galaxy_zoo(name, source, setting):
    """Return real galaxies and the votes they got."""
    galaxies = load_galaxy_zoo(source / name, image_size=32)
    is_test = np.array([int(galaxy) % 4 == 0 for galaxy in galaxies.ids])
    learn = np.flatnonzero(~is_test)[: setting.n_pool]
    test = np.flatnonzero(is_test)[: setting.n_test]
    images = galaxies.images[np.append(learn, test)]
    return Data(images, galaxies.votes[learn], galaxies.votes[test], None)


def read_clothes(name, source, setting):
    """Return pictures of clothes and what people said."""
    clothes = np.load(source / "fashion_mnist_h" / "fashion_mnist_h.npz")
    counts, rows = clothes["counts"], np.r_[: setting.n_pool, 8000 : 8000 + setting.n_test]
    votes = np.stack([counts[:, CLOTHES[name]], counts.sum(axis=1)], axis=1)[rows].astype(int)
    return Data(clothes["images"][rows], votes[: setting.n_pool], votes[setting.n_pool :], None)


def read_redundant(name, source, setting):
    """Return images three times each with noise of 10 grey levels, in random order."""
    n_distinct, rng = setting.n_pool // 3, np.random.default_rng(0)
    read = {"redundant clothes": ("shirt", read_clothes), "redundant galaxies": ("", simulate)}
    question, reader = read[name]
    once = reader(question, source, setting._replace(n_pool=n_distinct))
    rows = rng.permutation(np.repeat(np.arange(n_distinct), 3))
    noisy = once.images[rows] + rng.normal(0, 10, (len(rows), *once.images.shape[1:]))
    images = np.append(np.clip(noisy, 0, 255).astype(np.uint8), once.images[n_distinct:], axis=0)
    fraction = once.pool if once.pool.ndim == 1 else once.pool[:, 0] / once.pool[:, 1]
    return once._replace(images=images, pool=fraction[rows])


def simulate(name, source, setting):
    """Return simulated galaxies, all of whose volunteers are asked whether they are edge-on."""
    n_galaxies = setting.n_pool + setting.n_test
    galaxies = make_galaxies(
        n_galaxies, 32, kinds=SKY, question="edge-on", n_jobs=-1, verbose=True, random_state=0
    )
    pool, test = np.split(galaxies.vote_fraction, [setting.n_pool])
    k = np.random.default_rng(0).binomial(N_VOTES, test)
    return Data(galaxies.images, pool, np.stack([k, np.full(len(k), N_VOTES)], axis=1), test)


READERS = {
    "galaxy_zoo_2": read_galaxy_zoo,
    "fashion_mnist_h": read_clothes,
    "sky": simulate,
    "redundant": read_redundant,
}


class Steady(BayesianCNNRegressor):
    """Takes `epochs` for steps, and counts the seconds of training and scoring."""

    seconds = 0.0

    def fit(self, X, y, sample_weight=None, validation_data=None):
        """Fit for so many epochs that there are at least `epochs` steps."""
        n_steps = self.epochs
        self.epochs = math.ceil(n_steps / math.ceil(len(y) / self.batch_size))
        try:
            with counted():
                return super().fit(X, y, sample_weight, validation_data)
        finally:
            self.epochs = n_steps


class Recalibrated(CalibratedRegressorCV):
    """Counts the seconds of recalibration, too."""

    def fit(self, X, y, sample_weight=None):
        """Fit on most labels and recalibrate on the rest."""
        with counted():
            return super().fit(X, y, sample_weight)


@contextmanager
def counted():
    """Add the seconds that this takes to those of training and scoring, once."""
    start, before = time.perf_counter(), Steady.seconds
    try:
        yield
    finally:
        Steady.seconds = before + time.perf_counter() - start


def clocked(strategy):
    """Return the strategy, its seconds counted."""

    @functools.wraps(strategy)
    def ask(*args, **options):
        with counted():
            return strategy(*args, **options)

    return ask


def judge(estimator, X, y, *, fraction):
    """Return the scores of a round on the test set."""
    with counted():
        posterior = query.predict_posterior(estimator, X)
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


def make_model(setting):
    """Return the network that learns a data set."""
    return Steady(
        network=GalaxyZooNetwork(setting.filters),
        augment=setting.augment,
        batch_size=32,
        epochs=setting.n_steps,
        learning_rate=setting.learning_rate,
        n_draws=N_DRAWS,
        precision="auto",
        schedule="cosine",
    )


def make_learner(data, setting, posterior, strategy):
    """Return a modAL learner of row numbers, whose seeds are left to the run."""
    model = make_model(setting)
    if posterior == RECALIBRATED:
        model = Recalibrated(model)
    pipeline = make_pipeline(PoolReader(data.images), model)
    return ActiveLearner(pipeline, clocked(STRATEGIES[strategy]))


def run_task(folder, data, setting, *task):
    """Do one run, or go on with it, and write its file; return the task and its seconds."""
    _, posterior, strategy, seed = task
    warnings.simplefilter("ignore", NoSpreadWarning)
    file, n_pool = file_of(folder, *task), len(data.pool)
    start, Steady.seconds = time.perf_counter(), 0.0
    result = active.run(
        make_learner(data, setting, posterior, strategy),
        np.arange(n_pool),
        active.SimulatedVolunteers(
            np.arange(n_pool), data.pool, n_votes=N_VOTES, random_state=seed
        ),
        initial=np.random.default_rng(seed).permutation(n_pool)[: setting.n_start],
        n_instances=setting.n_asked,
        n_rounds=setting.n_rounds,
        test=(np.arange(n_pool, len(data.images)), data.test),
        scoring=functools.partial(judge, fraction=data.test_fraction),
        ledger=file.with_suffix(".sqlite"),
        random_state=seed,
    )
    seconds = time.perf_counter() - start
    found = {
        "setting": setting._asdict(),
        "rounds": result.rounds.drop(columns=["seed", "model"]).to_dict("list"),
        "asked": result.asked.loc[result.asked["round"] > 0, "row"].tolist(),
        "overhead": 1 - Steady.seconds / seconds,
        "seconds": seconds,
    }
    keep(found, file)
    return task, seconds


def estimate(options, data, tasks):
    """Measure a round of every data set and posterior, as many at a time as there are jobs."""
    pairs = list(dict.fromkeys(task[:2] for task in tasks))
    measured = joblib.Parallel(n_jobs=options.jobs)(
        joblib.delayed(round_seconds)(data[name], SETS[name].of(options.quick), posterior)
        for name, posterior in pairs
    )
    table, total = [("data set", "posterior", "runs", "s a round", "EPIG, s", "hours")], 0
    for (name, posterior), (usual, epig) in zip(pairs, measured, strict=True):
        asked = [task[2] for task in tasks if task[:2] == (name, posterior)]
        rounds = SETS[name].of(options.quick).n_rounds + 1
        seconds = sum(rounds * (epig if strategy == "EPIG" else usual) for strategy in asked)
        hours = seconds / 3600 / options.jobs
        table.append((name, posterior, len(asked), f"{usual:.1f}", f"{epig:.1f}", f"{hours:.2f}"))
        total += hours
    print_table([*table, ("all", "", len(tasks), "", "", f"{total:.2f}")])


def round_seconds(data, setting, posterior):
    """Return the seconds of a round with a usual strategy, and with EPIG."""
    part = 10  # of the steps
    few = setting._replace(n_steps=max(1, setting.n_steps // part))
    learner = make_learner(data, few, posterior, "joint")
    n_labelled = setting.n_start + setting.n_asked * setting.n_rounds // 2
    volunteers = active.SimulatedVolunteers(np.arange(len(data.pool)), data.pool)
    volunteers.request(np.arange(n_labelled))
    labels = np.arange(n_labelled), volunteers.collect()[1]
    learner.fit(*labels)  # traces
    fit = timed(lambda: learner.fit(*labels))
    pool, test = np.split(np.arange(len(data.images)), [len(data.pool)])
    tested = timed(lambda: judge(learner, test, data.test, fraction=data.test_fraction))
    usual, epig = (
        timed(lambda s=name: STRATEGIES[s](learner, pool, setting.n_asked, random_state=0))
        for name in ("joint", "EPIG")
    )
    rest = fit * part + tested
    return rest + usual, rest + epig


def labels_to_reach(n_labels, curve, level):
    """Return the labels at which a falling curve reaches a level; it does by its last round."""
    after = int(np.argmax(curve <= level))
    if after == 0:
        return float(n_labels[0])
    above, below = curve[after - 1], curve[after]
    share = (above - level) / (above - below)
    return float(n_labels[after - 1] * (n_labels[after] / n_labels[after - 1]) ** share)


def labels_saved(n_labels, random, other):
    """Return the share of labels that a strategy saves; the less of a score, the better."""
    random, other = (isotonic_regression(curve, increasing=False) for curve in (random, other))
    if other[-1] <= random[-1]:
        return 1 - labels_to_reach(n_labels, other, random[-1]) / n_labels[-1]
    return 1 - n_labels[-1] / labels_to_reach(n_labels, random, other[-1])


def interval(statistic, *curves):
    """Return 95 % of the bootstraps over seeds, the rows of curves that belong together."""
    rng, n_seeds = np.random.default_rng(0), len(curves[0])
    again = rng.integers(n_seeds, size=(1000, n_seeds))
    values = [statistic(*(curve[seeds].mean(axis=0) for curve in curves)) for seeds in again]
    return np.quantile(values, (0.025, 0.975)).tolist()


def saved_of_best(n_labels, curves):
    """Return what the best strategy saves for every seed; the other seeds say which that is."""
    random, values = curves["random"], []
    for seed in range(len(random)):
        rest = [other for other in range(len(random)) if other != seed] or [seed]

        def saved(strategy, seeds):
            pair = random[seeds].mean(axis=0), curves[strategy][seeds].mean(axis=0)
            return labels_saved(n_labels, *pair)

        best = max(set(curves) - {"random"}, key=lambda s: (saved(s, rest), s))
        values.append(saved(best, [seed]))
    return np.array(values)


def curves_of(found, key):
    """Return a score of every strategy, seed and round, the less the better."""
    sign = -1 if key.startswith("log-lik.") else 1
    return {
        strategy: sign * np.array([run["rounds"][key] for run in runs])
        for strategy, runs in found.items()
    }


def report(options, data, results):
    """Print the tables, draw the figures, and return figures and targets."""
    figures, found_by_set = {}, {}
    for name, posterior, strategy, _ in results:
        found_by_set.setdefault((name, posterior), {}).setdefault(strategy, [])
    for (name, posterior, strategy, _), run in results.items():
        found_by_set[name, posterior][strategy].append(run)
    for (name, posterior), found in found_by_set.items():
        floor = vote_noise_floor(data[name].test)
        n_seeds = len(found["random"])
        print(f"{name}, {posterior}, {n_seeds} seeds; noise floor of the RMSE {floor:.4f}:")
        print_table(table_of_savings(found))
        print_table(table_of_posteriors(found, data[name]))
        saved = summary(found)
        figures[f"{name}, {posterior}"] = {
            "noise floor": floor,
            "strategies": {
                strategy: {**saved.get(strategy, {}), "runs": list(map(without_rows, runs))}
                for strategy, runs in found.items()
            },
        }
        if options.figures:
            draw(options.figures, f"{name}, {posterior}", found, floor)
    return figures, targets_of(found_by_set)


def without_rows(run):
    """Return what a run found but the galaxies it asked about, which its ledger has."""
    return {key: run[key] for key in ("rounds", "overhead", "seconds")}


def score_of(found):
    """Return what to compare strategies by: the RMSE of ρ where it is known, or of votes."""
    return next(k for k in ("RMSE of ρ", "RMSE") if k in found["random"][0]["rounds"])


def summary(found):
    """Return what every strategy but random saves: with all seeds, by seed, by log-likelihood."""
    n_labels = np.array(found["random"][0]["rounds"]["n_labelled"])
    saved = functools.partial(labels_saved, n_labels)
    by_score, by_likelihood = curves_of(found, score_of(found)), curves_of(found, PER_VOTE)
    random, rows = by_score["random"], {}
    for strategy in [strategy for strategy in found if strategy != "random"]:
        curves = by_score[strategy]
        likelihoods = by_likelihood["random"], by_likelihood[strategy]
        rows[strategy] = {
            "saved": saved(random.mean(axis=0), curves.mean(axis=0)),
            "saved, 95 %": interval(saved, random, curves),
            "saved by seed": [saved(*pair) for pair in zip(random, curves, strict=True)],
            "saved by log-lik.": saved(*(curve.mean(axis=0) for curve in likelihoods)),
            "saved by log-lik., 95 %": interval(saved, *likelihoods),
            "below random": (random - curves)[:, 1:].mean(),
            "below random, 95 %": interval(np.mean, (random - curves)[:, 1:]),
        }
    return rows


def table_of_savings(found):
    """Return a table of learning curves and of labels saved."""
    n_labels, score = found["random"][0]["rounds"]["n_labelled"], score_of(found)
    half, rows = len(n_labels) // 2, summary(found)
    table = [
        ("", f"{score} at {n_labels[half]}", f"at {n_labels[-1]}", "saved", "saved, by seed")
        + ("saved by log-lik.", "below random, mean of rounds")
    ]
    for strategy, curves in curves_of(found, score).items():
        scores = tuple(f"{curves[:, place].mean():.4f}" for place in (half, -1))
        row = rows.get(strategy)
        if row is None:
            table.append((strategy, *scores, "", "", "", ""))
            continue
        by_seed = row["saved by seed"]
        seeds = f"{np.median(by_seed):.0%} ({min(by_seed):.0%} to {max(by_seed):.0%})"
        likelihood = with_interval(row, "saved by log-lik.", ".0%")
        saved, below = with_interval(row, "saved", ".0%"), with_interval(row, "below random", ".4f")
        table.append((strategy, *scores, saved, seeds, likelihood, below))
    return table


def with_interval(row, key, style):
    """Return "value (low to high)"."""
    low, high = row[f"{key}, 95 %"]
    return f"{row[key]:{style}} ({low:{style}} to {high:{style}})"


def table_of_posteriors(found, data):
    """Return a table of how good the posterior is at the end, and of what was asked about."""
    keys = ["RMSE", PER_VOTE, "coverage error", "90 % covers", "std of draws"]
    table = [("at the end", *keys, "yes asked, times pool's", "overhead")]
    fraction = data.pool if data.pool.ndim == 1 else data.pool[:, 0] / data.pool[:, 1]
    for strategy, runs in found.items():
        ends = [np.array([run["rounds"][key][-1] for run in runs]) for key in keys]
        asked = np.mean([np.mean(fraction[run["asked"]] > 0.5) for run in runs])
        table.append(
            (strategy, *(f"{end.mean():.4f} ± {end.std():.4f}" for end in ends))
            + (f"{asked / max(np.mean(fraction > 0.5), 1e-9):.1f}",)
            + (f"{np.median([run['overhead'] for run in runs]):.1%}",)
        )
    return table


def targets_of(found_by_set):
    """Return the targets of every posterior, and that of the overhead."""
    targets = []
    for posterior in dict.fromkeys(posterior for _, posterior in found_by_set):
        found_here = {name: found for (name, p), found in found_by_set.items() if p == posterior}
        targets += [
            target._replace(what=f"{posterior}: {target.what}")
            for target in (*targets_of_savings(found_here), *targets_of_redundant(found_here))
        ]
    overheads = [r["overhead"] for f in found_by_set.values() for runs in f.values() for r in runs]
    return [*targets, Target("overhead of a run", overheads, 0.05)]


def targets_of_savings(found_here):
    """Return the targets of labels saved by the best strategy, from the best data set on."""
    saved = {}
    for name, found in found_here.items():
        if len(found) > 1:
            n_labels = np.array(found["random"][0]["rounds"]["n_labelled"])
            values = saved_of_best(n_labels, curves_of(found, score_of(found)))
            saved.setdefault(SETS[name].group, []).append(values)
    # of several questions the geometric mean of labels(strategy) / labels(random)
    saved = {g: 1 - np.exp(np.mean(np.log1p(-np.array(v)), axis=0)) for g, v in saved.items()}
    ranked = sorted(saved, key=lambda group: -np.median(saved[group]))
    return [
        Target(f"{group}: labels saved by the best", saved[group], limit, at_least=True)
        for group, limit in zip(ranked, (0.5, 0.5, 0.35, 0), strict=False)
    ]


def targets_of_redundant(found_here):
    """Return the targets of the default strategy where images come three times."""
    curves = {
        name: curves_of(found, score_of(found))
        for name, found in found_here.items()
        if SETS[name].group == "redundant" and DEFAULT in found
    }
    return [
        Target(
            f"{name}: {rival} - {DEFAULT}",
            (of_name[rival] - of_name[DEFAULT])[:, 1:].mean(axis=1),
            0,
            at_least=True,
        )
        for name, of_name in curves.items()
        for rival in ("random", TOP_K)
        if rival in of_name
    ]


def draw(folder, title, found, floor):
    """Draw learning curves, of a few strategies at a time."""
    import matplotlib.pyplot as plt

    from skgalaxy.plotting import LearningCurveDisplay

    folder.mkdir(parents=True, exist_ok=True)
    score, n_labels = score_of(found), found["random"][0]["rounds"]["n_labelled"]
    curves = curves_of(found, score)
    others = [strategy for strategy in curves if strategy not in CORE]
    for part, names in {"": CORE, ", others": ("random", *others)}.items():
        shown = {name: curves[name] for name in names if name in curves}
        if len(shown) > 1:
            floor_here = floor if score == "RMSE" else None
            display = LearningCurveDisplay(n_labels, shown, score_name=score, floor=floor_here)
            name = f"curves {title}{part}".replace(", ", "-").replace(" ", "_")
            display.plot().figure_.savefig(folder / f"{name}.png", dpi=150)
            plt.close(display.figure_)


if __name__ == "__main__":
    main()
