"""Labels that a newcomer saves, by a network that has seen galaxies and by asking.

`skgalaxy.active.run` goes through rounds with `skgalaxy.recommended(warm_start=True)`: 64 galaxies
drawn at random, and then 64 more in each of 5 rounds. DATA holds

- kaggle_gz: 3,000 galaxies of its natural draw to ask about, and about 500 to test on, 64 px.
  "Featured?" has a mean of .54, "odd?" one of .23; "edge-on?" is said of 8 % of the sky. Forty
  votes are *drawn* from each published fraction ρ, which is known, so the score is the RMSE of ρ.
  "Four questions" are these three and "how rounded?", as a tree that 40 volunteers walk down; its
  score is the RMSE of the share of all volunteers who give an answer, of all ten answers, as in
  Kaggle's challenge. Coverage is that of "featured?".
- fashion_mnist_h: 3,000 pictures of clothes, and 500 to test on, "is it a shirt?", with the answers
  of people. They are learned from random weights, as recommended; the score is the RMSE of k/N.

"Simulated" are as many galaxies of `make_galaxies`, "featured?", whose ρ is known. The network has
learned from others of that simulator.

A strategy is shown 1,000 of the galaxies in each round, drawn at random. "Joint variance, draws"
leaves out the scatter that the votes' likelihood expects, which "joint variance" counts; so does
"variance", which keeps nothing apart. "Own scatter" counts it, and shares only what networks
disagree on among galaxies. "EPIG" wants to know of 100 random galaxies. "Random weights"
learns from as many random galaxies as the last round has, afresh, with ``network=None``.

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
from _skies import KAGGLE_NAMES, simulate
from modAL.models import ActiveLearner
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression
from sklearn.pipeline import make_pipeline

import skgalaxy
from skgalaxy import TreePosterior, active, query
from skgalaxy.acquisition import variance_information
from skgalaxy.images import PoolReader, read_images
from skgalaxy.metrics import coverage_error, interval_coverage
from skgalaxy.votes import GZ2, DecisionTree, draw_counts


def information_of_draws(posterior: Any, n_votes: Any) -> NDArray[Any]:
    """Variance information of what networks disagree on alone, without the scatter of votes."""
    return variance_information(posterior.draws, n_votes)


def select_by_covariance(candidates: query.Candidates, n_instances: int, random_state: Any) -> Any:
    """Select as `select_jointly`, but share only what networks disagree on, and no scatter."""
    posterior: Any = candidates.posterior  # there is one of a shortlist
    draws = posterior.draws - posterior.draws.mean(axis=1, keepdims=True)
    signals = draws * np.sqrt(4 * candidates.n_votes / draws.shape[1])[:, None]
    total = np.exp(2 * candidates.scores)  # variance of votes, in units of their noise
    own = total - (signals**2).sum(axis=1)
    covariance, left = np.eye(draws.shape[1]), np.ones(len(draws), dtype=bool)
    picks, gains = [], []
    for _ in range(n_instances):
        seen = signals @ covariance
        variance = own + (seen * signals).sum(axis=1)
        pick = int(np.argmax(np.where(left, variance, 0)))
        picks.append(pick)
        gains.append(np.log(variance[pick]) / 2)
        left[pick] = False
        covariance -= np.outer(seen[pick], seen[pick]) / variance[pick]
    return np.array(picks), np.array(gains)


STRATEGIES = {
    "random": query.random_sampling,
    "joint": query.joint_sampling,
    "variance": query.variance_sampling,
    "mutual information": query.mutual_information_sampling,
    "diverse": query.diverse_sampling,
    "epig": query.epig_sampling,
    "joint variance": query.joint_variance_sampling,
    "joint variance, own scatter": query.make_query(
        variance_information, select_by_covariance, n_candidates=1000
    ),
    "joint variance, draws": query.make_query(
        information_of_draws, query.select_jointly, n_candidates=1000
    ),
}
# defaults of the command line
DEFAULT, TREE_DEFAULT, WEIGHTS = "joint variance", "joint", "random weights"
TREE, SIMULATED = "four questions", "simulated"
SETS = ("edge-on", "featured", "odd", "clothes", TREE, SIMULATED)
KEYS = ("data set", "strategy", "seed", "round")
N_VOTES, N_POOL, N_TEST, SIZE = 40, 3000, 500, 64
N_EACH, N_ROUNDS, N_SCORED = 64, 5, 1000
N_CHOSEN = 5  # seeds by which the default was chosen


FOUR = ("smooth-or-featured", "disk-edge-on", "something-odd", "how-rounded")
FOUR_QUESTIONS = DecisionTree(
    {question: GZ2.answers(question) for question in FOUR},
    {
        question: ["_".join(parent) for parent in parents]
        for question in FOUR
        if (parents := GZ2.parents(question))
    },
)


class Sky(NamedTuple):
    """Pictures of the pool and then of the test set, their votes and what is to be predicted."""

    images: NDArray[Any]
    pool: NDArray[Any]  # counts, or fractions to draw votes from
    test: NDArray[Any]  # counts
    truth: NDArray[Any]  # fractions of the test set
    tree: DecisionTree | None = None


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
    pictures = "upright" if name == "clothes" else "galaxies"
    few = {"epochs": 1} if quick else {}
    model = skgalaxy.recommended(pictures, tree=sky.tree, **few)
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
        active.SimulatedVolunteers(
            pool, sky.pool, n_votes=N_VOTES, random_state=seed, tree=sky.tree
        ),
        initial=np.random.default_rng(seed).permutation(pool)[:n_initial],
        n_instances=n_each,
        n_rounds=n_rounds,
        n_scored=min(N_SCORED, len(pool) // 2),
        test=(np.arange(len(pool), len(sky.images)), sky.test),
        scoring=partial(judge, truth=sky.truth),
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


def judge(learner: Any, X: Any, y: NDArray[Any], *, truth: NDArray[Any]) -> dict[str, float]:
    """Scores of a round: RMSE of the fractions of those asked, and coverage of the votes."""
    posterior = query.predict_posterior(learner, X)
    if isinstance(posterior, TreePosterior):
        expected = posterior.likelihood.clicks().mean(axis=1)
        featured = FOUR_QUESTIONS.columns.index("smooth-or-featured_featured-or-disk")
        first = FOUR_QUESTIONS.slices[FOUR[0]]
        y = np.stack([y[:, featured], y[:, first].sum(axis=1)], axis=1)
        posterior = posterior[FOUR[0], "featured-or-disk"]
    else:
        expected = posterior.mean
    pmf = posterior.pmf(y[:, 1])
    return {
        "RMSE": float(np.sqrt(np.mean((expected - truth) ** 2))),
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
        votes = np.stack([counts[:, 6], counts.sum(axis=1)], axis=1).astype(int)
        test = votes[n_pool:]
        return Sky(clothes["images"][rows], votes[:n_pool], test, test[:, 0] / test[:, 1])
    if name == SIMULATED:
        galaxies = simulate(n_pool + n_test, SIZE, seed)
        return with_drawn_votes(galaxies.images, galaxies.vote_fraction, n_pool, seed)
    table = pd.read_csv(data / "kaggle_gz" / "votes.csv", dtype={"id": str})
    table = table[(table["natural_draw"] == 1) & table["same_as_galaxy_zoo_2"].isna()]
    table = table.iloc[rng.permutation(len(table))[: n_pool + n_test]]
    files = [data / "kaggle_gz" / "images" / f"{galaxy}.jpg" for galaxy in table["id"]]
    images = read_images(files, size=SIZE)
    if name == TREE:
        table = table.rename(
            columns={f"{old}_fraction": f"{new}_fraction" for old, new in KAGGLE_NAMES.items()}
        )
        counts = draw_counts(
            table, FOUR_QUESTIONS, n_votes=N_VOTES, id_column="id", random_state=seed
        )
        test = table.iloc[n_pool:]
        shares = [share_of(test, answer) for answer in FOUR_QUESTIONS.columns]
        counts = counts.counts
        return Sky(images, counts[:n_pool], counts[n_pool:], np.stack(shares, 1), FOUR_QUESTIONS)
    return with_drawn_votes(images, np.clip(fraction_of(table, name), 0, 1), n_pool, seed)


def with_drawn_votes(images: NDArray[Any], rho: Any, n_pool: int, seed: int) -> Sky:
    """Galaxies of known fractions; votes on those of the pool are drawn when they are asked for."""
    rho, votes = np.asarray(rho), np.random.default_rng([seed, 1])
    k = votes.binomial(N_VOTES, rho[n_pool:])
    return Sky(images, rho[:n_pool], np.stack([k, np.full(len(k), N_VOTES)], 1), rho[n_pool:])


def fraction_of(table: pd.DataFrame, name: str) -> pd.Series:
    """Fraction of all volunteers who say yes."""
    if name == "featured":
        return table["smooth-or-featured_featured-or-disk_fraction"]
    if name == "odd":
        return table["something-odd_yes_fraction"]
    return share_of(table, "disk-edge-on_yes")


def share_of(table: pd.DataFrame, answer: str) -> pd.Series:
    """Share of all volunteers who give an answer: where nobody is asked, nobody does."""
    fraction = table[f"{answer}_fraction"]
    reached = f"{answer.partition('_')[0]}_reached"  # not of questions that nearly all are asked
    return (fraction * table[reached]).fillna(0) if reached in table else fraction


def report(found: pd.DataFrame, last: int) -> list[Target]:
    """Print curves and labels saved, and return the targets."""
    targets, ratios = [], {}
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
        for strategy in set(curves) & set(STRATEGIES) - {"random"} if name in SETS else ():
            ends = np.log(curves[strategy].iloc[:, -1] / curves["random"].iloc[:, -1]).dropna()
            ratios.setdefault(strategy, []).append(ends)
    print_ratios(ratios)
    return targets


def print_ratios(ratios: dict[str, list[pd.Series]]) -> None:
    """Print the RMSE against random galaxies after the last round, of all sets together.

    Bootstraps are over seeds, since sets of one seed may be of the same galaxies.
    """
    table: list[tuple[Any, ...]] = [("strategy", "sets", "runs", "RMSE / random", "95 % of seeds")]
    rng = np.random.default_rng(0)
    for strategy in STRATEGIES:
        if strategy in ratios:
            runs = pd.concat(ratios[strategy])
            by_seed = [of.to_numpy() for _, of in runs.groupby(level="seed")]
            again = rng.integers(len(by_seed), size=(1000, len(by_seed)))
            means = [np.concatenate([by_seed[seed] for seed in row]).mean() for row in again]
            low, high = np.exp(np.quantile(means, (0.025, 0.975)))
            ends = f"{low:.3f} to {high:.3f}" if len(by_seed) > 1 else ""
            mean = f"{np.exp(runs.mean()):.3f}"
            table.append((strategy, len(ratios[strategy]), len(runs), mean, ends))
    print_table(table)


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
    default = TREE_DEFAULT if name == TREE else DEFAULT
    for strategy, curve in curves.items():
        if strategy in ("random", WEIGHTS):
            continue
        by_seed = add(f"asking, {strategy}", saved, random, curve)
        later = curve[curve.index >= N_CHOSEN]
        if strategy == default and len(later) > 1:
            add(f"asking, {strategy}, seeds {N_CHOSEN} on", saved, random, later)
        if strategy == default:
            limit = 0.45 if name == "edge-on" else 0.0
            what = f"{name}: labels saved by asking ({strategy})"
            targets.append(Target(what, by_seed, limit, at_least=True))
        elif default in curves:  # of the seeds that both have
            add(f"{strategy}, against {default}", saved, curves[default], curve)
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
