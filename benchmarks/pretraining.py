"""Accuracy from few labels, with and without pretraining on pictures that have no votes.

`skgalaxy.networks.pretrain` learns from the pictures of sdss_pool and from the natural draw of
kaggle_gz, without any galaxy of galaxy_zoo_2. It goes on from the weights that ship ("galaxies"),
or starts at random. Then the estimator learns from 64 galaxies of galaxy_zoo_2 and is tested on the
standing 199, with the settings of `skgalaxy.recommended`, but not calibrated. Seeds choose the
galaxies; all of them share one pretraining of each start.

--checkpoints keeps the pretrained networks. Rows of --results are not computed again.
"""

from _report import Target, finish, parser, print_table, timed  # first: quietens TensorFlow

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _results import Results, add_options, completed
from _skies import read_sky

import skgalaxy
from skgalaxy.images import read_images
from skgalaxy.metrics import vote_fraction_rmse
from skgalaxy.networks import pretrain

STARTS = {"galaxies": "galaxies", "random": None}
STEPS = (0, 600)
SEED = 0  # of the pretraining
GOAL = 0.95  # of the RMSE without pretraining
KEYS = ("start", "steps", "labels", "seed")


def main() -> None:
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with the data sets")
    options.add_argument("--starts", nargs="+", default=["galaxies"], choices=list(STARTS))
    options.add_argument("--steps", nargs="+", type=int, default=list(STEPS))
    options.add_argument("--labels", nargs="+", type=int, default=[64])
    options.add_argument("--checkpoints", type=Path, metavar="FOLDER", help="default: a new one")
    add_options(options, "pretraining")
    options = options.parse_args()
    if options.quick:
        options.results = Path(tempfile.mkdtemp()) / "quick.csv"
        options.steps, options.seeds = [0, 2], [0]
    folder = options.checkpoints or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    results = Results(options.results, KEYS)
    tasks = [
        (start, steps, n_labels, seed)
        for start in options.starts
        for n_labels in options.labels
        for seed in options.seeds
        for steps in options.steps
    ]
    if not options.report:
        # once, before processes read its checkpoint
        for start, steps in {task[:2] for task in results.missing(tasks) if task[1]}:
            pretrained(options.data, folder, start, steps, options.quick)
    run = partial(learn, options.data, folder, results, options.quick)
    found = completed(results, tasks, run, options)
    finish(options, None, {"rows": len(found)}, report(found))


def learn(data: Path, folder: Path, results: Results, quick: bool, *task: Any) -> tuple[Any, float]:
    """Train once and add the row; return the task and its seconds."""
    start, steps, n_labels, seed = task
    network = pretrained(data, folder, start, steps, quick) if steps else STARTS[start]
    sky = read_sky("galaxy_zoo_2", data, 64, n_labels, seed)
    model = skgalaxy.recommended(random_state=seed).estimator
    model.set_params(network=network)
    if quick:
        model.set_params(epochs=1)
    seconds = timed(lambda: model.fit(sky.X, sky.y))
    rmse = vote_fraction_rmse(sky.y_test, model.predict(sky.X_test))
    results.add(task, RMSE=rmse, seconds=seconds)
    return task, seconds


def pretrained(data: Path, folder: Path, start: str, steps: int, quick: bool) -> Any:
    """Network that has learned from the pool; at once if its checkpoint is complete."""
    return pretrain(
        read_pool(data, quick),
        network=STARTS[start],
        n_steps=steps,
        batch_size=8 if quick else 64,
        random_state=SEED,
        checkpoint=folder / f"{start}-{steps}",
    )


def read_pool(data: Path, quick: bool) -> np.ndarray:
    """Pictures of real galaxies, of which none is in galaxy_zoo_2."""
    paths = sorted((data / "sdss_pool" / "images").iterdir())
    if quick:
        return read_images(paths[:40], size=64)
    table = pd.read_csv(data / "kaggle_gz" / "votes.csv", dtype={"id": str})
    table = table[table["same_as_galaxy_zoo_2"].isna() & (table["natural_draw"] == 1)]
    names = pd.read_csv(data / "galaxy_zoo_2" / "gz2_filename_mapping.csv", dtype=str)
    pool = [data / "kaggle_gz" / "images" / f"{name}.jpg" for name in table["id"]]
    pool += [path for path in paths if path.stem not in set(names["objid"])]
    return read_images(pool, size=64)


def report(found: pd.DataFrame) -> list[Target]:
    """Print RMSE with and without pretraining, and return their ratios, seed by seed."""
    targets = []
    rows: list[tuple[Any, ...]] = [
        ("start", "labels", "steps of pretraining", "median", "seeds from, to", "seeds")
    ]
    for (start, labels, steps), of in found.groupby(["start", "labels", "steps"])["RMSE"]:
        spread = f"{of.min():.4f} to {of.max():.4f}"
        rows.append((start, labels, steps, f"{of.median():.4f}", spread, len(of)))
    print_table(rows)
    for (start, labels), of in found.groupby(["start", "labels"]):
        by_seed = of.pivot_table(index="seed", columns="steps", values="RMSE")
        for steps in by_seed.columns.drop(0, errors="ignore"):
            ratio = (by_seed[steps] / by_seed[0]).dropna() if 0 in by_seed else pd.Series()
            if len(ratio):
                what = f"{start}, {labels} labels: RMSE after {steps} steps of pretraining / before"
                targets.append(Target(what, ratio.to_numpy(), GOAL))
    return targets


if __name__ == "__main__":
    main()
