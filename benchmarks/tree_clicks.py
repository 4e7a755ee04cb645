"""Clicks that volunteers need over Galaxy Zoo 2's tree: whole walks, or single questions.

On a simulated sky, whose true vote fractions are known, a network starts from 64 galaxies with ten
walks each. Then it is asked in rounds about a pool of 1,000, until so many clicks are given:

- random: random galaxies, 20 whole walks each. "random, 5 walks": 5 each, of four times as many.
- informative: the galaxies whose 20 walks tell most together (`walk_information`, `greedy_walks`).
- questions: galaxies x questions (`greedy_clicks`). A vote on a question by itself costs a click;
  those who would not be led to it say that it does not apply, and teach nothing.
- "questions, new galaxies": the same of galaxies that no earlier round has asked about, as the
  others do; it was added when the rows of the others were seen.

All learn alike: features of the network that ships ("galaxies"), which has seen other galaxies of
the same simulator, and a Bayesian last layer on them. So only the requests differ, and the features
are better than those of a real sky would be.

"Lost" is the log-likelihood that the predicted fractions lose to the true ones, in nats per walk:
it is expected over the volunteers, and a mean over 500 other galaxies. Rows of --results are not
computed again.
"""

from _report import Target, finish, parser, print_table  # first: quietens TensorFlow

import tempfile
import time
from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from _data_sets import SKY
from _labels_saved import interval, labels_saved
from _results import Results, add_options, completed
from _skies import unseen
from numpy.typing import NDArray
from scipy.special import rel_entr

from skgalaxy import BayesianCNNRegressor, TreePosterior
from skgalaxy.acquisition import greedy_clicks, greedy_walks, walk_information
from skgalaxy.datasets import make_galaxies
from skgalaxy.votes import GZ2, walk_votes

WALKS = {"random": 20, "random, 5 walks": 5, "informative": 20}
SETTINGS = (*WALKS, "questions", "questions, new galaxies")
KEYS = ("setting", "seed", "round")
CLICKS = (3_500, 6_000, 10_000)  # in all, after each round
WHOLE = -1  # in place of a question's number


class Sizes(NamedTuple):
    """Numbers of galaxies, and of walks to start with."""

    pool: int = 1000
    test: int = 500
    start: int = 64
    walks: int = 10


class Request(NamedTuple):
    """Volunteers to ask about a galaxy: whole walks, or a question."""

    galaxy: int
    question: int
    n: int


class Sky(NamedTuple):
    """Features of galaxies, the pool first, and the true fractions of all answers."""

    features: np.ndarray
    fractions: np.ndarray


def main() -> None:
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    add_options(options, "tree_clicks")
    options.set_defaults(jobs=1)
    options = options.parse_args()
    sizes, clicks = Sizes(), CLICKS
    if options.quick:
        options.results, options.seeds = Path(tempfile.mkdtemp()) / "quick.csv", [0]
        sizes, clicks = Sizes(pool=120, test=40, start=24), (1_200, 1_500)
    results = Results(options.results, KEYS)
    tasks = [(setting, seed, len(clicks)) for seed in options.seeds for setting in options.settings]
    found = completed(results, tasks, partial(learn, results, sizes, clicks), options)
    finish(options, None, {"rows": len(found)}, report(found))


def learn(
    results: Results, sizes: Sizes, clicks: tuple[int, ...], *task: Any
) -> tuple[tuple, float]:
    """Ask and train round after round, and add rows; return the task and its seconds."""
    setting, seed, _ = task
    sky, (requests, votes, model) = read_sky(sizes, seed), first_round(sizes, seed)
    requests, rng, begin = list(requests), np.random.default_rng([seed, 1]), time.process_time()
    pool, test = np.split(sky.features, [sizes.pool])
    for number, until in enumerate((0, *clicks)):
        if number:
            left = until - spent(requests, votes)
            for request in ask(setting, model, pool, requests, left, seed):
                if spent(requests, votes) >= until:
                    break
                requests.append(request)
                votes = np.append(votes, answers([request], sky.fractions, rng), axis=0)
            model = trained(sky, requests, votes, seed)
        results.add(
            (setting, seed, number),
            clicks=int(spent(requests, votes)),
            galaxies=len({request.galaxy for request in requests}),
            lost=lost(model.predict_posterior(test), sky.fractions[sizes.pool :]),
        )
    return task, time.process_time() - begin


@lru_cache(maxsize=1)  # of a seed, for one setting after the other
def read_sky(sizes: Sizes, seed: int) -> Sky:
    """Simulated galaxies, as the network that ships sees them."""
    n_galaxies = sizes.pool + sizes.test
    galaxies = make_galaxies(n_galaxies, 32, kinds=SKY, tree=GZ2, random_state=unseen(seed))
    shipped = BayesianCNNRegressor(
        tree=GZ2, network="galaxies", precision="auto", epochs=1, learning_rate=1e-9, random_state=0
    )
    shipped.fit(galaxies.images[:16], galaxies.votes[:16])  # at this rate it stays what it was
    return Sky(shipped.embed(galaxies.images), galaxies.fractions)


@lru_cache(maxsize=1)
def first_round(sizes: Sizes, seed: int) -> tuple[list[Request], NDArray[Any], Any]:
    """Requests that all settings start from, their votes, and the network that learned them."""
    sky, rng = read_sky(sizes, seed), np.random.default_rng(seed)
    start = rng.permutation(sizes.pool)[: sizes.start]
    requests = [Request(galaxy, WHOLE, sizes.walks) for galaxy in start.tolist()]
    votes = answers(requests, sky.fractions, rng)
    return requests, votes, trained(sky, requests, votes, seed)


def answers(requests: list[Request], fractions, rng) -> np.ndarray:
    """Counts that the volunteers of each request give; NaN in what they are not asked."""
    counts = np.full((len(requests), GZ2.n_answers), np.nan)
    asked = GZ2.asked_fractions(fractions)
    for row, (galaxy, question, n) in zip(counts, requests, strict=True):
        true = fractions[galaxy]
        if question == WHOLE:
            row[:] = walk_votes(GZ2, true[None], n, random_state=int(rng.integers(2**31)))
        else:
            here = GZ2.slices[GZ2.questions[question]]
            row[here] = rng.multinomial(rng.binomial(n, asked[galaxy, question]), true[here])
    return counts


def spent(requests: list[Request], votes) -> float:
    """Clicks: the answers of walks, and all who are asked a question."""
    whole = np.array([request.question == WHOLE for request in requests])
    alone = sum(request.n for request in requests if request.question != WHOLE)
    return float(np.nansum(votes[whole]) + alone)


def linear(shape, *, dropout):
    """Network of features: a last layer alone."""
    n_outputs = GZ2.n_answers - len(GZ2.questions)
    return keras.Sequential([keras.Input(shape), keras.layers.Dense(n_outputs)])


def trained(sky: Sky, requests: list[Request], votes, seed: int) -> BayesianCNNRegressor:
    """Network that has learned the votes. Rows of the same galaxy are joined by `fit`."""
    model = BayesianCNNRegressor(
        tree=GZ2,
        network=linear,
        posterior="last_layer",
        n_draws=200,
        epochs=1,  # a last layer is found exactly, after any training
        augment=False,
        random_state=seed,
    )
    rows = [request.galaxy for request in requests]
    return model.fit(sky.features[rows], votes)


def ask(
    setting: str, model: BayesianCNNRegressor, pool, requests: list[Request], n_clicks, seed
) -> Iterable[Request]:
    """Requests of a round, as many as the clicks are enough for, or more."""
    asked = [] if setting == "questions" else [request.galaxy for request in requests]
    rest = np.setdiff1d(np.arange(len(pool)), asked)
    if setting not in WALKS:
        plan = np.column_stack(greedy_clicks(model.predict_posterior(pool[rest]), n_clicks))
        return [
            Request(int(rest[row]), int(option) - 1, int(plan[row, option]))
            for row, option in np.argwhere(plan)
        ]
    n = WALKS[setting]
    if setting == "informative":
        posterior = model.predict_posterior(pool[rest])
        information, _ = walk_information(posterior, n, n_jobs=1)
        most = min(len(rest), int(n_clicks) // (3 * n) + 1)  # a walk is three answers, or more
        picks, _ = greedy_walks(posterior, information, most, n_walks=n)
        rest = rest[picks]
    else:
        rest = np.random.default_rng([seed, len(requests)]).permutation(rest)
    return [Request(galaxy, WHOLE, n) for galaxy in rest.tolist()]


def lost(posterior: TreePosterior, true) -> float:
    """Log-likelihood of a walk that the posterior mean loses, in nats, mean over galaxies."""
    relative = rel_entr(true, posterior.mean)
    by_question = np.add.reduceat(relative, [here.start for here in GZ2.slices.values()], axis=1)
    return float((GZ2.asked_fractions(true) * by_question).sum(axis=1).mean())


def report(found) -> list[Target]:
    """Print the curves and the clicks saved, and return the targets."""
    keys = ["setting", "round"]
    cells = [
        (*key, len(rows), *(f"{rows[name].median():,.0f}" for name in ("clicks", "galaxies")))
        + (f"{rows['lost'].median():.4f}",)
        for key, rows in found.groupby(keys, sort=False)
    ]
    print("Medians over seeds:")
    print_table(
        [("setting", "round", "seeds", "clicks", "galaxies", "lost, nats per walk"), *cells]
    )
    curves = found.pivot_table(index="seed", columns=keys, values="lost")
    clicks = found.groupby("round")["clicks"].mean().to_numpy()
    table, targets = [("setting", "over", "clicks saved", "95 %")], []
    for setting in SETTINGS[2:]:
        for other in SETTINGS[:2]:
            if not {setting, other} <= set(found["setting"]):
                continue
            both = curves[[setting, other]].dropna()
            pair = both[other].to_numpy(), both[setting].to_numpy()
            saved = partial(labels_saved, clicks)
            of_mean = saved(*(curve.mean(axis=0) for curve in pair))
            low, high = interval(saved, *pair)
            table.append((setting, other, f"{of_mean:.0%}", f"{low:.0%} to {high:.0%}"))
            if setting.startswith("questions"):
                each = np.array([saved(*curves) for curves in zip(*pair, strict=True)])
                what = f"clicks saved by {setting}, over {other}"
                targets.append(Target(what, each, 0.4, at_least=True))
    print("Clicks saved at the last round of the other, of mean curves:")
    print_table(table)
    return targets


if __name__ == "__main__":
    main()
