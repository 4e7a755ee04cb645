"""One network for all questions of Galaxy Zoo 2's tree, against a network for each question.

`skgalaxy.recommended(tree=GZ2)` learns from votes on all questions, and `recommended()` of a tree
of one question from those on it alone. The former takes twice the steps, and drops 0.2 of the
features in place of 0.5; "shorter" is as the latter in this. The choice was made on seed 0 of
galaxy_zoo_2. All are judged on galaxies they have not seen, question by question. "RMSE / own" is
the median over the seeds that both have, and beside it the 95 % interval of the mean. DATA holds

- galaxy_zoo_2: 601 galaxies to learn from and 199 to test on, 64 px. Their counts are
  *reconstructed* from the published fractions. "Out of fold" predicts all 800, in four folds.
- kaggle_gz: 1,000 to learn from and 1,000 to test on, 64 px, among those with all questions. Their
  votes are *drawn* from its fractions, by 40 volunteers who walk down the tree.

RMSE is of the fractions of all answers, of galaxies with ten votes or more on the question.
Coverage counts every answer but the first of two. Questions have 150 such galaxies or more among
all of a data set. Seconds are of the processor, of `fit` alone. Rows of --results are not computed
again.
"""

from _report import Target, finish, parser, print_table  # first: quietens TensorFlow

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _results import Results, add_options, completed
from _skies import KAGGLE_NAMES
from numpy.typing import NDArray
from scipy import stats

import skgalaxy
from skgalaxy.datasets import load_galaxy_zoo
from skgalaxy.images import read_images
from skgalaxy.metrics import coverage_error, interval_coverage
from skgalaxy.model_selection import cross_val_posterior
from skgalaxy.networks.schedule import auto_epochs
from skgalaxy.votes import GZ2, DecisionTree, draw_counts, reconstruct_counts

SETS = ("galaxy_zoo_2", "kaggle_gz")
SHORTER, OUT_OF_FOLD = "one network, shorter", "one network, out of fold"
SETTINGS = ("one network", "own network", SHORTER, OUT_OF_FOLD)
COMPARED = list(SETTINGS[:2])
N_FOLDS = 4
KEYS = ("data set", "setting", "question", "seed")
SIZE = 64
N_KAGGLE = 1000  # to learn from, and to test on
N_WALKS = 40
ENOUGH = 10  # votes on a question, to compare fractions with
LEAST = 150  # galaxies with so many, for a question to be judged


class Sky(NamedTuple):
    """Pictures, and counts of all answers."""

    X: np.ndarray
    counts: np.ndarray
    X_test: np.ndarray
    counts_test: np.ndarray
    questions: tuple[str, ...]  # that are judged

    def all_tested(self) -> "Sky":
        """The same, with all galaxies to test on, and none to learn from."""
        return self._replace(
            X=self.X[:0],
            counts=self.counts[:0],
            X_test=np.concatenate([self.X, self.X_test]),
            counts_test=np.concatenate([self.counts, self.counts_test]),
        )


def main() -> None:
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with the data sets")
    options.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    options.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    options.add_argument("--questions", nargs="+", help="these only; default: all")
    add_options(options, "tree_study")
    options = options.parse_args()
    if options.quick:
        options.results, options.seeds = Path(tempfile.mkdtemp()) / "quick.csv", [0]
        options.sets = options.sets[:1]
    results = Results(options.results, KEYS)
    skies = {name: partial(read_sky, name, options.data, options.quick) for name in options.sets}
    tasks = []
    for name, sky in skies.items():
        questions = sky(0).questions[: 2 if options.quick else None]
        questions = [q for q in questions if q in (options.questions or questions)]
        for seed in options.seeds:
            for setting in options.settings:
                if setting == OUT_OF_FOLD and name != "galaxy_zoo_2":
                    continue  # which has galaxies enough to test on
                rows = [(name, setting, question, seed) for question in questions]
                # one network answers all questions at once: two processes must not train it twice
                tasks += rows if setting == "own network" else results.missing(rows)[:1]
    run = partial(learn, skies, results, options.quick)
    found = completed(results, tasks, run, options)
    finish(options, None, {"rows": len(found)}, report(found))


def learn(skies: Any, results: Results, quick: bool, *task: Any) -> tuple[Any, float]:
    """Train, judge, and add rows; return the task and its seconds."""
    name, setting, question, seed = task
    sky = skies[name](seed)
    if setting != "own network":
        model, columns, asked = GZ2, slice(None), sky.questions
    else:
        model, columns = DecisionTree({question: GZ2.answers(question)}), GZ2.slices[question]
        asked = (question,)
    chosen = parameters_of(setting, len(sky.X), quick)
    network = skgalaxy.recommended(tree=model, random_state=seed, **chosen)
    start = time.process_time()
    if setting == OUT_OF_FOLD:
        sky = sky.all_tested()
        posterior = cross_val_posterior(
            network, sky.X_test, sky.counts_test, cv=N_FOLDS, random_state=seed
        )
        seconds = time.process_time() - start
    else:
        network.fit(sky.X, sky.counts[:, columns])
        seconds = time.process_time() - start
        posterior = network.predict_posterior(sky.X_test)
    rows = [(name, setting, one, seed) for one in asked]
    for row in results.missing(rows):
        counts = sky.counts_test[:, GZ2.slices[row[2]]]
        judged = judge(posterior[row[2]], np.nan_to_num(counts))
        results.add(row, **judged, seconds=seconds)
    return task, seconds


def parameters_of(setting: str, n_galaxies: int, quick: bool) -> dict[str, Any]:
    """Parameters of `recommended` in a setting."""
    if quick:
        return {"epochs": 1}
    if setting != SHORTER:
        return {}
    n_learned = n_galaxies * 4 // 5  # the rest calibrates
    return {"dropout": 0.5, "epochs": auto_epochs(n_learned, 16, from_trunk=True)}


def judge(posterior: Any, counts: NDArray[Any]) -> dict[str, float]:
    """Scores of a posterior of one question, of galaxies with votes on it."""
    n_votes = counts.sum(axis=1)
    known, enough = n_votes > 0, n_votes >= ENOUGH
    error = counts[enough] / n_votes[enough, None] - posterior.mean[enough]
    log_prob = posterior[known].log_prob(counts[known]).sum() / n_votes[known].sum()
    several = [] if len(posterior.answers) == 2 else posterior.answers[1:]
    coverage = np.mean(
        [
            of_answer(posterior[enough][answer], counts[enough, column], n_votes[enough])
            for column, answer in enumerate([posterior.answers[0], *several])
        ],
        axis=0,
    )
    return {
        "mean N": float(n_votes.mean()),
        "judged": int(enough.sum()),
        "RMSE": float(np.sqrt(np.mean(error**2))),
        "log-likelihood per vote": float(log_prob),
        "coverage error": float(coverage[0]),
        "90 % covers": float(coverage[1]),
    }


def of_answer(posterior: Any, votes: NDArray[Any], n_votes: NDArray[Any]) -> tuple[float, float]:
    """Coverage error, and share of the votes in 90 % intervals, of one answer."""
    y = np.stack([votes, n_votes], axis=1).astype(int)
    pmf = posterior.pmf(y[:, 1])
    return coverage_error(y, pmf), interval_coverage(y, pmf, 0.9)


def read_sky(name: str, data: Path, quick: bool, seed: int) -> Sky:
    """Pictures and counts of a data set; `seed` chooses those of kaggle_gz, and their votes."""
    if name == "galaxy_zoo_2":
        galaxies = load_galaxy_zoo(data / name, image_size=SIZE)
        table = pd.read_csv(data / name / "hart16_rows.csv", dtype={"asset_id": str})
        votes = reconstruct_counts(table, GZ2, id_column="asset_id").reindex(galaxies.ids)
        test = np.array([int(galaxy) % 4 == 0 for galaxy in galaxies.ids])
        images, counts = galaxies.images, votes.counts
    else:
        table = pd.read_csv(data / name / "votes.csv", dtype={"id": str})
        new = {f"{old}_fraction": f"{now}_fraction" for old, now in KAGGLE_NAMES.items()}
        table = table[(table["full_tree"] == 1) & table["same_as_galaxy_zoo_2"].isna()]
        table = table.rename(columns=new).sample(2 * N_KAGGLE, random_state=seed)
        votes = draw_counts(table, GZ2, n_votes=N_WALKS, id_column="id", random_state=seed)
        files = [data / name / "images" / f"{galaxy}.jpg" for galaxy in votes.ids]
        images, counts = read_images(files, size=SIZE), votes.counts
        test = np.arange(len(images)) >= N_KAGGLE
    n_votes = [np.nansum(counts[:, here], axis=1) for here in GZ2.slices.values()]
    questions = [
        question
        for question, n in zip(GZ2.questions, n_votes, strict=True)
        if (n >= ENOUGH).sum() >= (1 if quick else LEAST)
    ]
    learn = np.flatnonzero(~test)[: 60 if quick else None]
    return Sky(images[learn], counts[learn], images[test], counts[test], tuple(questions))


SHOWN = ("RMSE", "log-likelihood per vote", "coverage error", "90 % covers")

HEAD = ("data set", "question", "mean N", "setting", "seeds")
HEAD = (*HEAD, "RMSE / own", "95 % of mean", *SHOWN, "fit, s")


def report(found: pd.DataFrame) -> list[Target]:
    """Print medians over seeds, and return the targets."""
    table: list[tuple[Any, ...]] = [HEAD]
    targets = []
    for (name, question), rows in found.groupby(["data set", "question"], sort=False):
        pairs = rows.pivot_table(index="seed", columns="setting", values="RMSE")
        pairs = pairs.reindex(columns=list(SETTINGS))
        of_own = pairs.div(pairs["own network"], axis=0)
        for setting, some in rows.groupby("setting", sort=False):
            ratio, interval = ratio_and_interval(of_own[setting].dropna().to_numpy())
            medians = [f"{some[key].median():.3f}" for key in SHOWN]
            seconds = f"{some['seconds'].median():.0f}".replace("nan", "")
            if setting == OUT_OF_FOLD:  # other galaxies, and several fits
                ratio, interval, seconds = "", "", ""
            medians = [ratio, interval, *medians, seconds]
            mean = f"{some['mean N'].mean():.1f}"
            table.append((name, question, mean, setting, len(some), *medians))
        ratio = of_own["one network"].dropna().to_numpy()
        if len(ratio):
            targets.append(Target(f"{name}, {question}: RMSE of one network / own", ratio, 1.0))
        for setting in ("one network", OUT_OF_FOLD):
            targets += calibration_targets(name, question, rows[rows["setting"] == setting])
    print("Medians over seeds:")
    print_table(table)
    first = found[found["question"] == GZ2.questions[0]]
    keys = ["data set", "seed"]
    seconds = first.pivot_table(index=keys, columns="setting", values="seconds")
    seconds = seconds.reindex(columns=COMPARED).dropna()
    if len(seconds):
        ratio = (seconds["one network"] / seconds["own network"]).to_numpy()
        targets.append(Target("fit of all questions / fit of the first, CPU time", ratio, 1.3))
    return targets


def ratio_and_interval(ratios: NDArray[Any]) -> tuple[str, str]:
    """Median of some ratios, and the interval of their mean where it can be told."""
    median = f"{np.median(ratios):.2f}" if len(ratios) else ""
    if len(ratios) < 3:
        return median, ""
    half = stats.t.ppf(0.975, len(ratios) - 1) * stats.sem(ratios)
    return median, f"{ratios.mean() - half:.2f} to {ratios.mean() + half:.2f}"


def calibration_targets(name: str, question: str, rows: pd.DataFrame) -> list[Target]:
    """Targets of a question's error bars, in one setting."""
    if rows.empty:
        return []
    what = f"{name}, {question}, {rows['setting'].iloc[0]}"
    error = rows["coverage error"].abs().to_numpy()
    covered = (rows["90 % covers"] - 0.9).abs().to_numpy()
    chance = 1.96 * np.sqrt(0.09 / rows["judged"].median())
    return [
        Target(f"{what}: size of the coverage error", error, 0.05),
        Target(f"{what}: 90 % less covered, in size", covered, max(0.04, chance)),
    ]


if __name__ == "__main__":
    main()
