"""Which galaxies a network asks about: when it prefers featured ones, and why.

A network learns from a start, predicts a pool, and scores it; what are the galaxies of the highest
scores, a tenth of the pool, compared with all? Over seeds, for

- skies: 4,000 simulated galaxies, mostly smooth, 32 px; a random start of 256 (mostly smooth), and
  one of 64 each of smooth, featured, barred and edge-on; "featured?" and "is there a bar?";
- galaxies: sdss_pool of DATA, of which kinds are known but no votes; starts of 256 out of
  galaxy_zoo_2 of DATA, with a majority of "featured" for 5 %, 22 % (as it is) and 50 % of them,
  and all 800;
- for bars also whether those asked about are sharper: half-light radius over seeing;
- plain dropout as published, dropout before the dense layer, and that with the beta-binomial; a
  Bayesian last layer with eight views, as recommended;
- mutual information of 15, 50 and 500 draws, and, for comparison, the variance of ρ (which does
  not prefer extreme ρ as mutual information does, by about N / 2ρ(1-ρ)) and the entropy.

For every kind the tables also give the mean of ρ, its variance over draws, the weight that mutual
information gives to that, and on skies the true error of ρ: what there is to be learned.

Every task leaves a file in the folder --resume, and is not done again. The full study takes about
half an hour on two cores with bfloat16, --quick two minutes.
"""

from _report import Target, finish, parser, print_table  # first: quietens TensorFlow

import functools
import math
import time
import warnings
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
from _data_sets import DATA_NAMES, PUBLISHED, SKY, first_draws
from _tasks import add_options, do_all, file_of, keep, kept, open_folder
from numpy.typing import NDArray

from skgalaxy import BayesianCNNRegressor
from skgalaxy.acquisition import mutual_information, predictive_entropy
from skgalaxy.datasets import load_galaxy_zoo, make_galaxies
from skgalaxy.exceptions import NoSpreadWarning
from skgalaxy.images import read_images
from skgalaxy.networks import GalaxyZooNetwork

N_SEEDS, N_VOTES, N_START = 5, 40, 256
N_STEPS = {"sky, featured": 800, "sky, bar": 800, "galaxies": 1500}  # as the study of labels saved
BEFORE_DENSE, LAST_LAYER = "dropout before dense", "last layer"
FIRST = 0.1  # share of the pool that is asked about
DRAWS = (15, 50, 500)
MOST = f"mutual information, {DRAWS[-1]} draws"
QUESTIONS = ("featured", "bar")
FILTERS = ((16,), (32,), (64,), (64,))
NETWORKS = {
    PUBLISHED: {"network": GalaxyZooNetwork(FILTERS)},
    BEFORE_DENSE: {"network": GalaxyZooNetwork(FILTERS, dropout_before="dense")},
    "beta-binomial": {
        "network": GalaxyZooNetwork(FILTERS, dropout_before="dense"),
        "likelihood": "beta_binomial",
    },
    LAST_LAYER: {  # as recommended
        "network": GalaxyZooNetwork(FILTERS),
        "likelihood": "beta_binomial",
        "posterior": "last_layer",
        "n_views": 8,
    },
}
BALANCED = ("smooth", "featured", "barred", "edge-on")
SKY_STARTS = ("random", "balanced")
REAL_STARTS = {"5 % featured": 0.05, "22 % featured": 0.22, "50 % featured": 0.5, "all 800": None}
GZ1 = ("elliptical", "spiral", "spiral", "edge-on", "unknown", "merger")
FEATURED = {  # kinds that are counted as featured where no votes are known
    "sky": ("featured", "barred", "edge-on"),
    "galaxies": ("spiral", "edge-on", "merger"),
}


class Data(NamedTuple):
    """What is learned from and what is asked about; galaxies of a sky are both."""

    images: np.ndarray
    votes: np.ndarray  # counts [k, N] to learn from
    kinds: np.ndarray  # of the images, or of the pool
    fraction: np.ndarray | None = None  # the true ρ, of a sky
    sharpness: np.ndarray | None = None  # half-light radius over seeing, of a sky
    pool: np.ndarray | None = None  # images of the pool, where it is another


def main() -> None:
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with galaxy_zoo_2 and sdss_pool")
    options.add_argument("--sets", nargs="+", default=list(READERS), choices=list(READERS))
    options.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    options.add_argument("--figures", type=Path, metavar="FOLDER", help="draw sheets of images")
    add_options(options)
    options = options.parse_args()
    folder = open_folder(options)
    data = {
        name: kept(
            file_of(folder, "asked", "data", name),
            functools.partial(READERS[name], options.data, options.quick),
        )
        for name in options.sets
    }
    tasks = [
        (name, start, network, seed)
        for seed in range(2 if options.quick else N_SEEDS)
        for name in options.sets
        for start in (REAL_STARTS if name == "galaxies" else SKY_STARTS)
        for network in options.networks
    ]
    left = [task for task in tasks if not file_of(folder, "asked", *task).exists()]
    do_all(functools.partial(run_task, folder, data, options.quick), left, options.jobs)
    results = {}
    for task in tasks:
        found = joblib.load(file_of(folder, "asked", *task))
        results.setdefault(task[:3], []).append(found)
    finish(options, None, *report(options, data, results))


def draw_sky(source: Path, quick: bool, *, question: Any) -> Data:
    """Return simulated galaxies, all of whose volunteers are asked the question."""
    sky = make_galaxies(
        400 if quick else 4000, 32, kinds=SKY, question=question, n_jobs=-1, random_state=1
    )
    k = np.random.default_rng(1).binomial(N_VOTES, sky.vote_fraction)
    return Data(
        sky.images,
        np.stack([k, np.full(len(k), N_VOTES)], axis=1),
        sky.frame["kind"].to_numpy(dtype=str),
        sky.vote_fraction,
        (sky.frame["half_light_radius"] / sky.frame["seeing"]).to_numpy(),
    )


def read_galaxies(source: Path, quick: bool) -> Data:
    """Return real galaxies with votes, and the pool whose kinds are known."""
    galaxies = load_galaxy_zoo(source / "galaxy_zoo_2", image_size=48)
    folder = source / "sdss_pool"
    table = pd.read_csv(folder / "gz1_class.csv", dtype={"OBJID": str})
    table = table[: 300 if quick else None]
    # the middle 256 of 423 pixels, as load_galaxy_zoo reads of 424
    pool = read_images([folder / "images" / f"{name}.jpeg" for name in table["OBJID"]], size=48)
    return Data(galaxies.images, galaxies.votes, np.array(GZ1)[table["CLASS"]], pool=pool)


READERS = {
    "sky, featured": functools.partial(draw_sky, question="featured"),
    "sky, bar": functools.partial(draw_sky, question="bar"),
    "galaxies": read_galaxies,
}


def first_rows(data: Data, start: str, seed: int, quick: bool) -> NDArray[Any]:
    """Return the rows to learn from."""
    rng = np.random.default_rng(seed)
    order, size = rng.permutation(len(data.images)), N_START // (4 if quick else 1)
    if start in SKY_STARTS:
        if start == "random":
            return order[:size]
        each = math.ceil(size / len(BALANCED))
        return np.concatenate([order[data.kinds[order] == kind][:each] for kind in BALANCED])
    if REAL_STARTS[start] is None:
        return order
    n_featured = round(size * REAL_STARTS[start])
    featured = (2 * data.votes[:, 0] >= data.votes[:, 1])[order]
    return np.append(order[featured][:n_featured], order[~featured][: size - n_featured])


def run_task(folder: Path, all_data: dict[str, Data], quick: bool, *task: Any) -> tuple[Any, float]:
    """Learn, score the pool, and write what is asked about; return the task and its seconds."""
    name, start, network, seed = task
    data = all_data[name]
    warnings.simplefilter("ignore", NoSpreadWarning)
    began = time.perf_counter()
    rows = first_rows(data, start, seed, quick)
    n_steps = 8 if quick else N_STEPS[name]
    model = BayesianCNNRegressor(
        **NETWORKS[network],
        epochs=math.ceil(n_steps / math.ceil(len(rows) / 32)),
        batch_size=32,
        learning_rate=3e-3,
        schedule="cosine",
        precision="auto",
        n_draws=max(DRAWS),
        random_state=seed,
    ).fit(data.images[rows], data.votes[rows])
    left = np.arange(len(data.kinds))
    if data.pool is None:
        left = np.setdiff1d(left, rows)
    posterior = model.predict_posterior((data.images if data.pool is None else data.pool)[left])
    scores = {name: score(posterior) for name, score in SCORES.items()}
    found = {
        "asked": {name: asked(values, data, left) for name, values in scores.items()},
        "kinds": kinds_of(posterior, scores[MOST], data, left),
        "rows": left,
        "scores": scores[MOST] if seed == 0 else None,
        "mean": posterior.mean if seed == 0 else None,
    }
    keep(found, file_of(folder, "asked", *task))
    return task, time.perf_counter() - began


def information(posterior: Any, n_draws: int) -> NDArray[Any]:
    """Return the mutual information that the first so many draws give."""
    return mutual_information(first_draws(posterior, n_draws), N_VOTES)


def entropy(posterior: Any) -> NDArray[Any]:
    """Return the entropy of the votes to come."""
    return predictive_entropy(first_draws(posterior, 50), N_VOTES)


SCORES = {
    **{f"mutual information, {n} draws": functools.partial(information, n_draws=n) for n in DRAWS},
    f"variance, {DRAWS[-1]} draws": lambda posterior: posterior.draws.var(axis=1),
    "entropy, 50 draws": entropy,
}


def asked(scores: NDArray[Any], data: Any, rows: NDArray[Any]) -> dict[str, Any]:
    """Return what is among the first tenth by a score, relative to its share in the pool."""
    first = np.argsort(-scores, kind="stable")[: math.ceil(FIRST * len(scores))]
    kinds = data.kinds[rows]
    found = {kind: ratio(kinds == kind, first) for kind in np.unique(data.kinds).tolist()}
    names = FEATURED["galaxies" if data.pool is not None else "sky"]
    found["all featured kinds"] = ratio(np.isin(kinds, names), first)
    if data.fraction is not None:
        found["ρ > 0.5"] = ratio(data.fraction[rows] > 0.5, first)
        found["sharpness"] = ratio(data.sharpness[rows], first)
        barred = np.flatnonzero(kinds == "barred")
        barred_first = np.flatnonzero(np.isin(barred, first))
        found["sharpness of barred"] = ratio(data.sharpness[rows[barred]], barred_first)
    return found


def ratio(values: NDArray[Any], first: NDArray[Any]) -> dict[str, float]:
    """Return the mean of the first, of all, and the one over the other."""
    among = float(np.mean(values[first])) if len(first) else np.nan
    of_all = float(np.mean(values)) if len(values) else np.nan
    return {"first": among, "pool": of_all, "ratio": among / of_all if of_all else np.nan}


def kinds_of(
    posterior: Any, scores: NDArray[Any], data: Data, rows: NDArray[Any]
) -> dict[str, dict[str, float]]:
    """Return, of every kind, what makes its mutual information, and the true error."""
    mean, variance = posterior.draws.mean(axis=1), posterior.draws.var(axis=1)
    columns = {
        "mean ρ": mean,
        "variance": variance,
        "weight": 0.5 * N_VOTES / np.maximum(mean * (1 - mean), 1e-3),
        "mutual information": scores,
    }
    if data.fraction is not None:
        columns["true ρ"] = data.fraction[rows]
        columns["squared error"] = (mean - data.fraction[rows]) ** 2
    kinds = data.kinds[rows]
    return {
        kind: {name: float(np.mean(values[kinds == kind])) for name, values in columns.items()}
        for kind in np.unique(kinds).tolist()
    }


def report(
    options: Namespace, data: dict[str, Data], results: Any
) -> tuple[dict[str, Any], list[Target]]:
    """Print the tables, draw the sheets, and return figures and targets."""
    figures, targets = {}, []
    for name in options.sets:
        here = {task[1:]: found for task, found in results.items() if task[0] == name}
        n_seeds = len(next(iter(here.values())))
        print(f"{name}: share of the first {FIRST:.0%} over the pool's share, {n_seeds} seeds")
        print_table(table_of_ratios(here))
        print(f"{name}: means of every kind over seeds")
        print_table(table_of_kinds(here))
        for (start, network), found in here.items():
            key = f"{name}; {start}; {network}"
            figures[key] = [{k: f[k] for k in ("asked", "kinds")} for f in found]
            if options.figures and network in (PUBLISHED, BEFORE_DENSE, LAST_LAYER):
                draw(options.figures, key, data[name], found[0], name)
            published = (name, start) == ("sky, featured", "random") and network in (
                PUBLISHED,
                BEFORE_DENSE,
            )
            if published:
                ratios = [f["asked"][MOST]["ρ > 0.5"]["ratio"] for f in found]
                what = f"{network}: featured among the first 10 %, times the pool's"
                targets.append(Target(what, ratios, 2, at_least=True))
    return figures, targets


def table_of_ratios(here: Any) -> list[tuple[Any, ...]]:
    """Return the preferences of every start, network and score."""
    first = next(iter(here.values()))[0]["asked"]
    # what hardly any galaxy of the pool is says nothing
    kinds = [kind for kind, r in next(iter(first.values())).items() if r["pool"] > 0.01]
    table: list[tuple[Any, ...]] = [("start", "network", "score", *kinds)]
    for (start, network), found in here.items():
        for score in first:
            ratios = [[f["asked"][score][kind]["ratio"] for f in found] for kind in kinds]
            table.append((start, network, score, *map(cell, ratios)))
    pool = [f"{100 * next(iter(first.values()))[kind]['pool']:.0f}" for kind in kinds]
    return [*table, ("in the pool: %", "(sharpness: x 100)", "", *pool)]


def table_of_kinds(here: Any) -> list[tuple[Any, ...]]:
    """Return what makes the mutual information of every kind."""
    columns = list(next(iter(next(iter(here.values()))[0]["kinds"].values())))
    table: list[tuple[Any, ...]] = [("start", "network", "kind", *columns)]
    for (start, network), found in here.items():
        for kind in sorted(set.intersection(*(set(f["kinds"]) for f in found))):
            values = [np.mean([f["kinds"][kind][column] for f in found]) for column in columns]
            table.append((start, network, kind, *(f"{value:.3g}" for value in values)))
    return table


def cell(values: Sequence[float]) -> str:
    """Return "median (least to most)"."""
    return f"{np.median(values):.2f} ({np.min(values):.2f} to {np.max(values):.2f})"


def draw(folder: Path, title: str, data: Data, found: Any, name: str) -> None:
    """Draw the galaxies asked about first and last, of the first seed."""
    import matplotlib.pyplot as plt

    from skgalaxy.plotting import AcquisitionDisplay

    folder.mkdir(parents=True, exist_ok=True)
    images = (data.images if data.pool is None else data.pool)[found["rows"]]
    display = AcquisitionDisplay(images, found["scores"], found["mean"])
    question = "bar" if name.endswith("bar") else "featured"
    file = "asked " + title.replace("; ", "-").replace(", ", "-").replace(" %", "")
    data_name = title.replace(name, DATA_NAMES[name], 1)
    display.plot(n_images=36, question=question, data_name=data_name)
    display.figure_.savefig(folder / f"{file.replace(' ', '_')}.png", dpi=150)
    plt.close(display.figure_)


if __name__ == "__main__":
    main()
