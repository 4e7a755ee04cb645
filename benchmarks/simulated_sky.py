"""Simulated galaxies beside real ones: how fast, how alike, and what a network learns from them.

With --tables, the distance (Kolmogorov and Smirnov's: the largest between two cumulative
distributions) of simulated vote fractions and numbers of votes from those of the published tables
in a folder: gz2_full_pfeatured_N.npz, gz2_stripe82_coadd_votes.csv, gz_decals_votes.csv. With
--figure, sheets of simulated galaxies and of those in --real and --pool. With --train, learns from
simulated galaxies only and tests on those galaxies in --real whose id is a multiple of 4.
"""

from _report import finish, parser  # first: quietens TensorFlow

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from skgalaxy import BayesianCNNRegressor
from skgalaxy.datasets import load_galaxy_zoo, make_galaxies
from skgalaxy.images import read_images
from skgalaxy.metrics import vote_fraction_rmse, vote_noise_floor

SHEET = 8  # galaxies in a row and in a column


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("--tables", type=Path, help="folder of published tables of votes")
    options.add_argument("--real", type=Path, help="folder for load_galaxy_zoo")
    options.add_argument("--pool", type=Path, help="folder with images/ of a natural pool")
    options.add_argument("--figure", type=Path, metavar="FILE", help="draw sheets of galaxies")
    options.add_argument("--train", action="store_true", help="learn simulated, test real")
    options.add_argument("-n", type=int, help="simulated galaxies; default: 8000, quick 500")
    options.add_argument("--n-train", type=int, help="of these, to learn from; default: 2000")
    options.add_argument("--epochs", type=int, help="instead of the estimator's default")
    options.add_argument("--n-jobs", type=int, help="processes that draw")
    parsed = options.parse_args()
    if parsed.train and not parsed.real:
        options.error("--train needs --real")
    figures = {}
    table: list[tuple[Any, ...]] = [("what", "simulated", "beside")]
    galaxies = _simulate(parsed, table, figures)
    if parsed.tables:
        _compare(parsed, galaxies, table, figures)
    if parsed.figure:
        _draw(parsed, galaxies)
    if parsed.train:
        _train(parsed, galaxies, table, figures)
    finish(parsed, table, figures)


def _simulate(options: Namespace, table: list[tuple[Any, ...]], figures: dict[str, Any]) -> Any:
    """Return the galaxies, and report how many are drawn in a second."""
    n_galaxies = options.n or (500 if options.quick else 8000)
    make_galaxies(8, random_state=1)  # imports and GalSim's tables
    start = time.perf_counter()
    galaxies = make_galaxies(n_galaxies, n_jobs=options.n_jobs, random_state=0)
    figures["galaxies_per_s"] = n_galaxies / (time.perf_counter() - start)
    figures["n_jobs"] = options.n_jobs
    jobs = f"n_jobs={options.n_jobs}"
    table.append(("galaxies/s, 64 px", f"{figures['galaxies_per_s']:.0f}", jobs))
    return galaxies


def _published(folder: Path) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Return, of every table, the vote fractions of "featured" and the numbers of votes."""
    gz2 = np.load(folder / "gz2_full_pfeatured_N.npz")
    stripe82 = pd.read_csv(folder / "gz2_stripe82_coadd_votes.csv")
    n_stripe82 = stripe82.filter(like="t01_smooth_or_features").sum(axis=1)
    decals = pd.read_csv(folder / "gz_decals_votes.csv")
    return {
        "gz2": (gz2["p_featured"], gz2["votes"]),
        "stripe82": (
            stripe82["t01_smooth_or_features_a02_features_or_disk_count"] / n_stripe82,
            n_stripe82,
        ),
        "decals": (decals["featured"] / decals["total_votes"], decals["total_votes"]),
    }


def _compare(
    options: Namespace, galaxies: Any, table: list[tuple[Any, ...]], figures: dict[str, Any]
) -> None:
    """Report the distances from the published tables; N of the volunteers is of each table."""
    name: Any
    for name, (fraction, n_votes) in _published(options.tables).items():
        made = galaxies
        if name != "gz2":
            made = make_galaxies(
                len(galaxies.ids), n_votes=name, n_jobs=options.n_jobs, random_state=0
            )
        k, n = made.votes.T
        figures[f"ks_{name}"] = {
            "vote_fraction": ks_2samp(k / n, fraction).statistic,
            "n_votes": ks_2samp(n, n_votes).statistic,
            "chance_95": 1.36 * np.sqrt(1 / len(n) + 1 / len(n_votes)),
        }
        distance = figures[f"ks_{name}"]
        beside = f"{name}, {len(n_votes)} galaxies; by chance < {distance['chance_95']:.3f}"
        table.append(("KS distance, k/N", f"{distance['vote_fraction']:.3f}", beside))
        table.append(("KS distance, N", f"{distance['n_votes']:.3f}", beside))


def _draw(options: Namespace, galaxies: Any) -> None:
    """Write the sheets side by side."""
    import matplotlib.pyplot as plt

    from skgalaxy.plotting._style import STYLE, hide_frame, show_image

    sheets = {"Simulated": galaxies.images}
    if options.pool:
        paths = sorted((options.pool / "images").iterdir())[: SHEET**2]
        sheets["SDSS, a natural pool"] = read_images(paths, size=64)
    if options.real:
        real = load_galaxy_zoo(options.real).images
        sheets["SDSS, Galaxy Zoo 2, four kinds balanced"] = real
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(sheets), figsize=(4 * len(sheets), 4.3), layout="constrained", squeeze=False
        )
        for ax, (title, images) in zip(axes[0], sheets.items(), strict=True):
            show_image(ax, _sheet(images))
            hide_frame(ax)
            ax.set_title(title, loc="left")
        figure.savefig(options.figure, dpi=150)
        plt.close(figure)
    print(f"Drawn: {options.figure}\n")


def _sheet(images: NDArray[Any]) -> NDArray[Any]:
    """Return the first images as one, in rows and columns."""
    images = images[: SHEET**2]
    size = images.shape[1]
    tiles = np.zeros((SHEET**2, size, size), np.uint8)
    tiles[: len(images)] = images
    grid = tiles.reshape(SHEET, SHEET, size, size).transpose(0, 2, 1, 3)
    return grid.reshape(SHEET * size, SHEET * size)


def _train(
    options: Namespace, galaxies: Any, table: list[tuple[Any, ...]], figures: dict[str, Any]
) -> None:
    """Report the RMSE on real galaxies of networks that saw simulated ones only, per seed."""
    n_train = min(options.n_train or 2000, len(galaxies.ids))
    epochs = options.epochs or (2 if options.quick else 60)
    training = {"epochs": epochs, "batch_size": 32, "schedule": "constant"}
    real = load_galaxy_zoo(options.real)
    test = np.array([int(name) % 4 == 0 for name in real.ids])
    votes, learn = real.votes[test], real.votes[~test]
    means = {
        "real": np.mean(learn[:, 0] / learn[:, 1]),
        "simulated": galaxies.vote_fraction[:n_train].mean(),
    }
    figures["n_train"] = n_train
    figures["noise_floor"] = vote_noise_floor(votes)
    figures["predict_the_mean"] = {
        name: vote_fraction_rmse(votes, np.full(len(votes), mean)) for name, mean in means.items()
    }
    figures["runs"] = []
    for seed in range(1 if options.quick else 5):
        model = BayesianCNNRegressor(random_state=seed, **training)
        model.fit(galaxies.images[:n_train], galaxies.votes[:n_train])
        mean = model.predict_posterior(real.images[test]).mean
        rmse = vote_fraction_rmse(votes, mean)
        correlation = np.corrcoef(mean, votes[:, 0] / votes[:, 1])[0, 1]
        figures["runs"].append({"seed": seed, "rmse": rmse, "correlation": correlation})
        beside = f"seed {seed}, {n_train} simulated; correlation {correlation:.2f}"
        table.append(("RMSE on real galaxies", f"{rmse:.3f}", beside))
    for name, rmse in figures["predict_the_mean"].items():
        table.append(("RMSE of the mean", f"{rmse:.3f}", f"of {name} votes"))
    table.append(("noise floor", f"{figures['noise_floor']:.3f}", f"{len(votes)} real galaxies"))


if __name__ == "__main__":
    main()
