"""Labels that a newcomer saves, by a network that has seen galaxies and by asking.

`skgalaxy.active.run` goes through rounds with `skgalaxy.recommended(warm_start=True)`: 64 galaxies
drawn at random, and then 64 more in each of 5 rounds. DATA holds

- kaggle_gz: 3,000 galaxies of its natural draw to ask about, and about 500 to test on, 64 px.
  "Featured?" has a mean of .54, "odd?" one of .23; "edge-on?" is said of 8 % of the sky. Forty
  votes are *drawn* from each published fraction ρ, which is known, so the score is the RMSE of ρ.
- fashion_mnist_h: 3,000 pictures of clothes, and 500 to test on, "is it a shirt?", with the answers
  of people. They are learned from random weights, as recommended; the score is the RMSE of k/N.

A strategy is shown 1,000 of the galaxies in each round, drawn at random. "Joint, even noise" is
joint information as if votes on all galaxies were equally noisy: it ranks single galaxies by the
variance of ρ, with the scatter that the votes' likelihood expects, and keeps the picks apart as
"joint" does. "Draws" leaves that scatter out, as "variance" does, which keeps nothing apart.
"Random weights" learns from as many random galaxies as the last round has, afresh, with
``network=None``.

_labels_saved.py says what labels saved are. Those that the network saves lie between random weights
and random galaxies, those that asking saves between random galaxies and a strategy, and a newcomer
saves both. Rows of --results are not computed again.
"""

from _report import Target, finish, parser, print_table  # first: quietens TensorFlow

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _labels_saved import interval, labels_saved, labels_to_reach
from _results import Results, add_options, completed
from modAL.models import ActiveLearner
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression
from sklearn.pipeline import make_pipeline

import skgalaxy
from skgalaxy import active, query
from skgalaxy.images import PoolReader, read_images
from skgalaxy.metrics import coverage_error, interval_coverage

NOISE = 1 / 4  # variance of a vote, at most


def in_even_noise(posterior: Any, n_votes: Any) -> NDArray[Any]:
    """Information in votes, nats, if those on all galaxies had the noise of an even one."""
    return np.log1p(n_votes * posterior.std**2 / NOISE) / 2


def draws_in_even_noise(posterior: Any, n_votes: Any) -> NDArray[Any]:
    """The same of what networks disagree on alone, without the scatter that each expects."""
    return np.log1p(n_votes * posterior.draws.var(axis=1) / NOISE) / 2


STRATEGIES = {
    "random": query.random_sampling,
    "joint": query.joint_sampling,
    "variance": query.variance_sampling,
    "mutual information": query.mutual_information_sampling,
    "diverse": query.diverse_sampling,
    "joint, even noise": query.make_query(in_even_noise, query.select_jointly, n_candidates=1000),
    "joint, even noise, draws": query.make_query(
        draws_in_even_noise, query.select_jointly, n_candidates=1000
    ),
}
DEFAULT, WEIGHTS = "joint", "random weights"  # the strategy of the command line and the demo
SETS = ("edge-on", "featured", "odd", "clothes")
KEYS = ("data set", "strategy", "seed", "round")
N_VOTES, N_POOL, N_TEST, SIZE = 40, 3000, 500, 64
N_EACH, N_ROUNDS, N_SCORED = 64, 5, 1000


class Sky(NamedTuple):
    """Pictures of the pool and then of the test set, and their vote fractions."""

    images: NDArray[Any]
    pool: NDArray[Any]  # counts [k, N] that were given, or fractions to draw votes from
    test: NDArray[Any]


def main() -> None:
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with kaggle_gz and fashion_mnist_h")
    options.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    options.add_argument(
        "--strategies",
        nargs="+",
        default=[WEIGHTS, "random", DEFAULT],
        choices=[WEIGHTS, *STRATEGIES],
        metavar="NAME",
    )
    add_options(options, "labels_saved")
    options = options.parse_args()
    if options.quick:
        options.results, options.seeds = Path(tempfile.mkdtemp()) / "quick.csv", [0]
        options.sets = options.sets[:1]
    results = Results(options.results, KEYS)
    n_rounds = 1 if options.quick else N_ROUNDS
    tasks = [
        (name, strategy, seed, n_rounds)
        for seed in options.seeds
        for name in options.sets
        for strategy in options.strategies
        if (name, strategy) != ("clothes", WEIGHTS)
    ]
    found = completed(results, tasks, partial(learn, options.data, results, options.quick), options)
    finish(options, None, {"rows": len(found)}, report(found, n_rounds))


def learn(data: Path, results: Results, quick: bool, *task: Any) -> tuple[tuple, float]:
    """Go through the rounds, and add their rows; return the task and its seconds."""
    name, strategy, seed, n_rounds = task
    sky = read_sky(name, data, 80 if quick else N_POOL, 40 if quick else N_TEST, seed)
    model = skgalaxy.recommended(
        "upright" if name == "clothes" else "galaxies", **({"epochs": 1} if quick else {})
    )
    n_each, n_initial = (16, 16) if quick else (N_EACH, N_EACH)
    if strategy == WEIGHTS:
        model.set_params(estimator__network=None)
        n_initial, n_rounds = n_each * (n_rounds + 1), 0
    else:
        model.set_params(warm_start=True)
    pool = np.arange(len(sky.pool))
    start = time.process_time()
    run = active.run(
        ActiveLearner(make_pipeline(PoolReader(sky.images), model), strategy_of(strategy)),
        pool,
        active.SimulatedVolunteers(pool, sky.pool, n_votes=N_VOTES, random_state=seed),
        initial=np.random.default_rng(seed).permutation(pool)[:n_initial],
        n_instances=n_each,
        n_rounds=n_rounds,
        n_scored=min(N_SCORED, len(pool) // 2),
        test=(np.arange(len(pool), len(sky.images)), votes_of(sky.test, seed)),
        scoring=partial(judge, truth=sky.test),
        random_state=seed,
    )
    seconds = time.process_time() - start
    rounds = run.rounds.rename(columns={"n_labelled": "labels"})
    for row in rounds[["labels", "RMSE", "coverage error", "90 % covers"]].to_dict("records"):
        number = int(row["labels"]) // n_each - 1
        results.add((name, strategy, seed, number), **row, seconds=seconds)
    return task, seconds


def strategy_of(name: str) -> Callable[..., Any]:
    """The strategy of a name; of random weights, which ask nothing, any."""
    return STRATEGIES.get(name, query.random_sampling)


def votes_of(truth: NDArray[Any], seed: int) -> NDArray[Any]:
    """Votes that were given, or that are drawn from fractions."""
    if truth.ndim == 2:
        return truth
    votes = np.random.default_rng([seed, 1]).binomial(N_VOTES, truth)
    return np.stack([votes, np.full(len(truth), N_VOTES)], axis=1)


def judge(learner: Any, X: Any, y: NDArray[Any], truth: NDArray[Any]) -> dict[str, float]:
    """Scores of a round: RMSE of the fraction of those asked, and coverage of the votes."""
    posterior = query.predict_posterior(learner, X)
    pmf = posterior.pmf(y[:, 1])
    rho = truth if truth.ndim == 1 else truth[:, 0] / truth[:, 1]
    return {
        "RMSE": float(np.sqrt(np.mean((posterior.mean - rho) ** 2))),
        "coverage error": coverage_error(y, pmf),
        "90 % covers": interval_coverage(y, pmf, 0.9),
    }


def read_sky(name: str, data: Path, n_pool: int, n_test: int, seed: int) -> Sky:
    """A data set, of which `seed` chooses the galaxies to ask about."""
    rng = np.random.default_rng(seed)
    if name == "clothes":
        clothes = np.load(data / "fashion_mnist_h" / "fashion_mnist_h.npz")
        rows = rng.permutation(len(clothes["images"]))[: n_pool + n_test]
        counts = clothes["counts"][rows]
        truth = np.stack([counts[:, 6], counts.sum(axis=1)], axis=1).astype(int)
        return Sky(clothes["images"][rows], truth[:n_pool], truth[n_pool:])
    table = pd.read_csv(data / "kaggle_gz" / "votes.csv", dtype={"id": str})
    table = table[(table["natural_draw"] == 1) & table["same_as_galaxy_zoo_2"].isna()]
    table = table.iloc[rng.permutation(len(table))[: n_pool + n_test]]
    files = [data / "kaggle_gz" / "images" / f"{galaxy}.jpg" for galaxy in table["id"]]
    rho = np.clip(fraction_of(table, name).to_numpy(), 0, 1)
    return Sky(read_images(files, size=SIZE), rho[:n_pool], rho[n_pool:])


def fraction_of(table: pd.DataFrame, name: str) -> pd.Series:
    """Fraction of all volunteers who say yes."""
    if name == "featured":
        return table["smooth-or-featured_featured-or-disk_fraction"]
    if name == "odd":
        return table["something-odd_yes_fraction"]
    # of those who are asked, times the share who are: where nobody is, nobody says it
    return (table["disk-edge-on_yes_fraction"] * table["disk-edge-on_reached"]).fillna(0)


def report(found: pd.DataFrame, last: int) -> list[Target]:
    """Print curves and labels saved, and return the targets."""
    targets = []
    for name, rows in found.groupby("data set", sort=False):
        curves = {
            strategy: of.pivot_table(index="seed", columns="round", values="RMSE").dropna()
            for strategy, of in rows[rows["round"] <= last].groupby("strategy", sort=False)
        }
        if "random" not in curves:  # nothing to compare with yet
            continue
        n_labels = np.sort(rows.loc[rows["strategy"] != WEIGHTS, "labels"].unique())
        print(f"{name}, RMSE by labels, mean of the seeds:")
        head = ("strategy", "seeds", *n_labels, "coverage error", "90 % covers")
        cells = []
        for strategy, curve in curves.items():
            end = rows[(rows["strategy"] == strategy) & (rows["round"] == last)]
            scores = [f"{value:.4f}" for value in curve.mean()]
            empty = [""] * (len(n_labels) - len(scores))
            covers = [f"{end[key].mean():.3f}" for key in head[-2:]]
            cells.append((strategy, len(curve), *empty, *scores, *covers))
        print_table([head, *cells])
        targets += targets_of(name, n_labels, curves)
    return targets


def targets_of(name: str, n_labels: NDArray[Any], curves: dict[str, pd.DataFrame]) -> list[Target]:
    """Print what a data set saves, and return the targets of it."""
    table: list[tuple[Any, ...]] = [
        ("saved by", "seeds", "labels saved", "95 % of bootstraps", "by seed")
    ]
    targets = []

    def add(what: str, saved: Callable[..., float], *some: pd.DataFrame) -> NDArray[Any]:
        seeds = sorted(set.intersection(*(set(curve.index) for curve in some)))
        values = [curve.loc[seeds].to_numpy() for curve in some]
        by_seed = np.array([saved(*pair) for pair in zip(*values, strict=True)])
        whole = saved(*(value.mean(axis=0) for value in values))
        ends = " to ".join(f"{end:.0%}" for end in interval(saved, *values))
        ends = ends if len(seeds) > 1 else ""
        spread = f"{np.median(by_seed):.0%} ({by_seed.min():.0%} to {by_seed.max():.0%})"
        table.append((what, len(seeds), f"{whole:.0%}", ends, spread))
        return by_seed

    random, saved = curves["random"], partial(labels_saved, n_labels)
    for strategy, curve in curves.items():
        if strategy in ("random", WEIGHTS):
            continue
        by_seed = add(f"asking, {strategy}", saved, random, curve)
        if strategy == DEFAULT:
            limit = 0.45 if name == "edge-on" else 0.0
            what = f"{name}: labels saved by asking ({strategy})"
            targets.append(Target(what, by_seed, limit, at_least=True))
        elif DEFAULT in curves:  # of the seeds that both have
            add(f"{strategy}, against {DEFAULT}", saved, curves[DEFAULT], curve)
        if WEIGHTS in curves:
            both = partial(saved_of_weights, n_labels)
            add(f"both, {strategy}", both, curves[WEIGHTS], curve)
    if WEIGHTS in curves:
        add("the network", partial(saved_of_weights, n_labels), curves[WEIGHTS], random)
    print_table(table)
    return targets


def saved_of_weights(n_labels: NDArray[Any], weights: NDArray[Any], curve: NDArray[Any]) -> float:
    """Share saved at the score of random weights after the last round; none if never reached."""
    curve = isotonic_regression(curve, increasing=False)
    reached = curve[-1] <= weights[-1]
    return 1 - labels_to_reach(n_labels, curve, weights[-1]) / n_labels[-1] if reached else 0.0


if __name__ == "__main__":
    main()
