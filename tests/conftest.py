"""Fixtures that several test files use.

Keras is imported where a network is made: files that need none are collected without it.
"""

import csv
import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def shared_data():
    """Return the folder of real galaxies and votes, or skip: it is no part of the repository."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKGALAXY_DATA", default))
    if not (folder / "galaxy_zoo_2" / "votes.csv").is_file():
        pytest.skip(f"real data are not at {folder}; set SKGALAXY_DATA to their folder")
    return folder


def toy_galaxies(n_galaxies, seed, n_votes=40):
    """Return images whose brightness is their vote fraction, counts [k, N], and the fractions."""
    rng = np.random.default_rng(seed)
    rho = rng.uniform(0.05, 0.95, n_galaxies)
    images = 100 + 100 * rho[:, None, None, None] + 10 * rng.normal(size=(n_galaxies, 12, 12, 1))
    counts = np.column_stack([rng.binomial(n_votes, rho), np.full(n_galaxies, n_votes)])
    return images.round().astype(np.uint8), counts, rho


@pytest.fixture(scope="session")
def toy():
    return toy_galaxies(200, seed=0)


def small_parameters():
    from skgalaxy.networks import GalaxyZooNetwork

    return {
        "network": GalaxyZooNetwork(filters=((4,), (8,)), dense_units=16),
        "epochs": 3,
        "batch_size": 32,
        "n_draws": 10,
        "random_state": 0,
    }


@pytest.fixture
def small():
    """Return keyword arguments of an estimator that trains in a second or two."""
    return small_parameters()


@pytest.fixture(scope="session")
def fitted(toy):
    """Return a fitted estimator that tests must not change."""
    from skgalaxy import BayesianCNNRegressor

    X, y, _ = toy
    return BayesianCNNRegressor(**small_parameters()).fit(X, y)


@pytest.fixture
def interrupt_at():
    """Return what makes a callback that is Ctrl-C as the n-th epoch begins, of all networks."""
    import keras

    def make(n):
        begun = []

        def begin(epoch, logs):
            begun.append(epoch)
            if len(begun) == n:
                raise KeyboardInterrupt

        return keras.callbacks.LambdaCallback(on_epoch_begin=begin)

    return make


@pytest.fixture
def pyplot():
    """`matplotlib.pyplot` without a screen; closes the figures of the test."""
    pytest.importorskip("matplotlib")
    from matplotlib import pyplot

    backend = pyplot.get_backend()
    pyplot.switch_backend("agg")
    yield pyplot
    pyplot.close("all")
    pyplot.switch_backend(backend)


@pytest.fixture
def write_export(tmp_path):
    """Return a function that writes rows as an export and returns its path."""

    def write(rows, encoding="utf-8", name="export.csv"):
        with open(tmp_path / name, "w", newline="", encoding=encoding) as file:
            table = csv.DictWriter(file, rows[0])
            table.writeheader()
            table.writerows(rows)
        return tmp_path / name

    return write
