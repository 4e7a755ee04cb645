"""Real and simulated pictures with votes, to learn from and to test on.

- galaxy_zoo_2 of DATA: 601 galaxies to learn from, and 199 whose id is a multiple of 4.
- kaggle_gz of DATA: an unselected draw of the sky. Its table holds fractions; 40 votes are drawn
  from each ("drawn votes"). Galaxies that are in galaxy_zoo_2, too, are left out.
- kaggle_gz, all: the same of all its pictures, of which half were chosen as clear cases.
- fashion_mnist_h of DATA: clothes, "is it a shirt?", with the answers of people.
- simulated: galaxies of `make_galaxies`, whose vote fractions are known.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy.datasets import load_galaxy_zoo, make_galaxies
from skgalaxy.images import read_images

N_VOTES = 40
NAMES = ("galaxy_zoo_2", "fashion_mnist_h", "simulated", "kaggle_gz")
N_TEST = 2000
TRUNK_SEED = 1  # of the galaxies in pretrain_trunk.py
# answers that Kaggle's table calls by other names
KAGGLE_NAMES = {
    "bulge-size_none": "bulge-size_no",
    "how-rounded_completely": "how-rounded_round",
    "bulge-shape_rounded": "bulge-shape_round",
    "bulge-shape_none": "bulge-shape_no-bulge",
}


class Sky(NamedTuple):
    """Pictures and votes."""

    X: np.ndarray
    y: np.ndarray  # counts [k, N] to learn from
    X_test: np.ndarray
    y_test: np.ndarray

    def learned(self, rows: Any) -> "Sky":
        """Some of the pictures to learn from, and all to test on."""
        return self._replace(X=self.X[rows], y=self.y[rows])


def read_sky(name: str, data: Path, size: int, n_learn: int, seed: int) -> Sky:
    """A data set with `n_learn` pictures to learn from, chosen by `seed`; all of them if fewer."""
    rng = np.random.default_rng(seed)
    if name == "galaxy_zoo_2":
        galaxies = load_galaxy_zoo(data / name, image_size=size)
        test = np.array([int(galaxy) % 4 == 0 for galaxy in galaxies.ids])
        pool = rng.permutation(np.flatnonzero(~test))[:n_learn]
        return _split(galaxies.images, galaxies.votes, pool, np.flatnonzero(test))
    if name == "fashion_mnist_h":
        clothes = np.load(data / name / "fashion_mnist_h.npz")
        counts = clothes["counts"]
        votes = np.stack([counts[:, 6], counts.sum(axis=1)], axis=1).astype(int)
        pool = rng.permutation(len(votes) - N_TEST)[:n_learn]
        return _split(clothes["images"], votes, pool, np.arange(len(votes) - N_TEST, len(votes)))
    if name == "simulated":
        galaxies = simulate(n_learn + N_TEST, size, seed)
        rows = np.arange(n_learn + N_TEST)
        return _split(galaxies.images, galaxies.votes, rows[:n_learn], rows[n_learn:])
    return _read_kaggle(data / "kaggle_gz", size, n_learn, rng, every=name.endswith("all"))


def simulate(n_galaxies: int, size: int, seed: int) -> Any:
    """Galaxies of `make_galaxies` from which the network that ships has not learned."""
    return make_galaxies(n_galaxies, image_size=size, random_state=unseen(seed))


def unseen(seed: int) -> int:
    """Seed for `make_galaxies`, another one in place of that of the network that ships."""
    return seed + 100 * (seed == TRUNK_SEED)


def _read_kaggle(
    folder: Path, size: int, n_learn: int, rng: np.random.Generator, every: bool
) -> Sky:
    """Galaxies of Kaggle's challenge, with votes drawn from its fractions."""
    table = pd.read_csv(folder / "votes.csv", dtype={"id": str})
    # the pictures are of two draws of one sky; some are of galaxies of the other data set
    table = table[table["same_as_galaxy_zoo_2"].isna()]
    table = table if every else table[table["natural_draw"] == 1]
    table = table.iloc[rng.permutation(len(table))[: n_learn + N_TEST]]
    rho = np.clip(table["smooth-or-featured_featured-or-disk_fraction"].to_numpy(), 0, 1)
    votes = np.stack([rng.binomial(N_VOTES, rho), np.full(len(rho), N_VOTES)], axis=1)
    images = read_images([folder / "images" / f"{name}.jpg" for name in table["id"]], size=size)
    if len(votes) < n_learn + N_TEST:
        n_learn = min(n_learn, len(votes) // 2)
    return _split(images, votes, np.arange(n_learn), np.arange(n_learn, len(votes)))


def _split(
    images: NDArray[Any], votes: NDArray[Any], learn: NDArray[Any], test: NDArray[Any]
) -> Sky:
    return Sky(images[learn], votes[learn], images[test], votes[test])
