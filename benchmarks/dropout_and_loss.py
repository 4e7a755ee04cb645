"""Places of dropout, and the likelihood against squared error: a study on three data sets.

Networks learn from votes and predict the votes of galaxies they have not seen: real galaxies
(galaxy_zoo_2 of DATA, those whose id is a multiple of 4), real judgements of clothes
(fashion_mnist_h of DATA: "is it a shirt?"), and simulated galaxies, whose vote fractions are
known. Where should dropout sit, for its spread to follow the error? And does the likelihood of
votes earn its keep against mean squared error on fractions, with few and unequal votes (4 to 40)?
All train at a constant rate, in batches of 32; recommended.py has the training that is default.

Every task (data set, seed, part) leaves a file in the folder --resume, and is not done again.
"""

from _report import Target, finish, parser, print_table  # first: quietens TensorFlow

import time
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from _tasks import add_options, do_all, file_of, keep, open_folder
from numpy.typing import NDArray
from scipy.stats import spearmanr

from skgalaxy import BayesianCNNRegressor, VotePosterior
from skgalaxy.datasets import load_galaxy_zoo, make_galaxies
from skgalaxy.exceptions import NoSpreadWarning
from skgalaxy.metrics import (
    vote_fraction_rmse,
    vote_log_likelihood,
    vote_noise_floor,
)
from skgalaxy.networks import GalaxyZooNetwork

N_SEEDS = 5
EPOCHS = {"galaxy_zoo_2": 60, "fashion_mnist_h": 30, "simulated": 60}
IMAGE_SIZE = {"galaxy_zoo_2": 48, "fashion_mnist_h": 28, "simulated": 32}
SQUARED = ("squared_error, sigmoid", "squared_error, linear")


def main() -> None:
    """Run the study."""
    options = parser(__doc__)
    options.add_argument("data", type=Path, help="folder with galaxy_zoo_2 and fashion_mnist_h")
    options.add_argument("--sets", nargs="+", default=list(EPOCHS), choices=list(EPOCHS))
    options.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    add_options(options)
    options = options.parse_args()
    folder = open_folder(options)
    tasks = [
        (name, seed, part)
        for part in options.parts
        for seed in range(1 if options.quick else PARTS[part][1])
        for name in options.sets
        if name in PARTS[part][2]
    ]
    run = partial(run_task, options.data, folder, options.quick)
    do_all(run, [task for task in tasks if not file_of(folder, *task).exists()], options.jobs)
    found = [joblib.load(file_of(folder, *task)) for task in tasks]
    figures, targets = {}, []
    for part in options.parts:
        results = {
            name: [r for (n, _, p), r in zip(tasks, found, strict=True) if (n, p) == (name, part)]
            for name in options.sets
            if name in PARTS[part][2]
        }
        figures[part] = results
        targets += REPORTS[part](results)
    finish(options, None, figures, targets)


def run_task(source: Path, folder: Path, quick: bool, *task: Any) -> tuple[Any, float]:
    """Do a task and write its file; return the task and its seconds."""
    name, seed, part = task
    warnings.simplefilter("ignore", NoSpreadWarning)
    start = time.perf_counter()
    size = PLACES_SIZE if part == "places" else IMAGE_SIZE[name]
    found = PARTS[part][0](read(name, source, size, quick), seed, quick, EPOCHS[name])
    keep(found, file_of(folder, *task))
    return task, time.perf_counter() - start


def read(name: str, data: Path, size: int, quick: bool) -> tuple[Any, ...]:
    """Return images and votes to learn from and to test on, and the test's ρ where it is known."""
    if name == "galaxy_zoo_2":
        galaxies = load_galaxy_zoo(data / name, image_size=size)
        test = np.array([int(galaxy) % 4 == 0 for galaxy in galaxies.ids])
        X, y, rho = galaxies.images, galaxies.votes, None
    elif name == "fashion_mnist_h":
        clothes = np.load(data / name / "fashion_mnist_h.npz")
        X, counts = clothes["images"][:2000], clothes["counts"][:2000]
        y = np.stack([counts[:, 6], counts.sum(axis=1)], axis=1)
        test, rho = np.arange(2000) >= 1000, None
    else:
        galaxies = make_galaxies(1500, image_size=size, random_state=0)
        X, y, rho = galaxies.images, galaxies.votes, galaxies.vote_fraction
        test = np.arange(1500) >= 500
    learn, test = np.flatnonzero(~test), np.flatnonzero(test)
    if quick:
        learn, test = learn[:80], test[:200]
    return X[learn], y[learn], X[test], y[test], None if rho is None else rho[test]


def model(seed: int, quick: bool, epochs: int, **parameters: Any) -> BayesianCNNRegressor:
    """Return an untrained estimator."""
    parameters = {"epochs": 2 if quick else epochs, "random_state": seed, **parameters}
    return BayesianCNNRegressor(batch_size=32, schedule="constant", precision="auto", **parameters)


def judge(posterior: VotePosterior, y: np.ndarray) -> dict[str, float]:
    """Scores of a posterior, and rank correlations of its spread with the error."""
    error = np.abs(y[:, 0] / y[:, 1] - posterior.mean)
    rmse, floor = vote_fraction_rmse(y, posterior.mean), vote_noise_floor(y)
    found = {
        "RMSE": rmse,
        "log-lik. per vote": vote_log_likelihood(y, posterior.pmf(y[:, 1])),
        "std of draws": posterior.draws.std(axis=1).mean(),
        "error beyond noise": np.sqrt(max(rmse**2 - floor**2, 0)),
        "rank corr.": rank_correlation(posterior.std, error),
        "of information": rank_correlation(posterior.mutual_information(40), error),
    }
    return {key: float(value) for key, value in found.items()}


def rank_correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return Spearman's, NaN where one does not vary."""
    return spearmanr(a, b).statistic if np.ptp(a) > 0 else np.nan


def between_convolutions(image_shape: tuple[int, ...], *, dropout: float) -> Any:
    """Return the default network with dropout of whole feature maps after every block."""
    import keras
    from keras import layers

    inputs = x = keras.Input(image_shape)
    for filters in GalaxyZooNetwork().filters:
        for n_filters in filters:
            x = layers.Conv2D(n_filters, 3, padding="same", activation="relu")(x)
        x = layers.SpatialDropout2D(dropout)(layers.MaxPooling2D(2)(x))
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(1)(x))


PLACES_SIZE = 32  # pixels: seven networks a seed
DENSE, PER_GALAXY = GalaxyZooNetwork(dropout_before="dense"), GalaxyZooNetwork(n_outputs=2)
PLACES = {
    "before the output, 0.5": ("binomial", None, 0.5),
    "before the output, 0.8": ("binomial", None, 0.8),
    "before the dense layer, 0.5": ("binomial", DENSE, 0.5),
    "between convolutions, 0.1": ("binomial", between_convolutions, 0.1),
    "beta-binomial, before the output, 0.5": ("beta_binomial", None, 0.5),
    "beta-binomial, before the dense layer, 0.5": ("beta_binomial", DENSE, 0.5),
    "beta-binomial per galaxy, before the output, 0.5": ("beta_binomial", PER_GALAXY, 0.5),
}


def places(data: Any, seed: int, quick: bool, epochs: int) -> dict[str, Any]:
    """Train with dropout here and there, and judge what it predicts."""
    X, y, X_test, y_test, _rho = data
    found = {}
    for place, (likelihood, network, rate) in PLACES.items():
        parameters = {"network": network, "dropout": rate, "likelihood": likelihood}
        posterior = model(seed, quick, epochs, **parameters).fit(X, y).predict_posterior(X_test)
        found[place] = judge(posterior, y_test)
    return {"judged": found}


def know_squared_error() -> None:
    """Make known what a "traditional" network minimises, as likelihoods to choose.

    Its output is a vote fraction, by a sigmoid or as it comes (cut to [0, 1] where it predicts).
    """
    from keras import ops

    from skgalaxy.likelihoods import LIKELIHOODS, Binomial

    class ThroughSigmoid(Binomial):
        @staticmethod
        def nll(y_true: Any, y_pred: Any) -> Any:
            return ops.square(ops.sigmoid(y_pred[:, 0]) - y_true[:, 0] / y_true[:, 1])

    class Linear(Binomial):
        @classmethod
        def from_outputs(cls, outputs_GDP: Any) -> Any:
            return cls(np.clip(outputs_GDP[..., 0], 0.0, 1.0))

        @staticmethod
        def nll(y_true: Any, y_pred: Any) -> Any:
            return ops.square(y_pred[:, 0] - y_true[:, 0] / y_true[:, 1])

    LIKELIHOODS["squared_error, sigmoid"] = ThroughSigmoid
    LIKELIHOODS["squared_error, linear"] = Linear


def losses(
    data: Any, seed: int, quick: bool, epochs: int, names: Sequence[str] = ("binomial", *SQUARED)
) -> dict[str, Any]:
    """Thin the votes to 4 to 40 of each galaxy; learn by likelihood, and by squared error."""
    X, y, X_test, y_test, rho = data
    know_squared_error()
    rng = np.random.default_rng(seed)
    n_votes = np.minimum(rng.integers(4, 41, len(y)), y[:, 1])
    thinned = np.stack([rng.hypergeometric(y[:, 0], y[:, 1] - y[:, 0], n_votes), n_votes], axis=1)
    found = {}
    for name in names:
        estimator = model(seed, quick, epochs, likelihood=name)
        mean = estimator.fit(X, thinned).predict(X_test)
        found[name] = {"RMSE": vote_fraction_rmse(y_test, mean)}
        if rho is not None:
            found[name]["RMSE of ρ"] = float(np.sqrt(np.mean((mean - rho) ** 2)))
    return {"judged": found}


def table_of(results: Any, columns: Sequence[str]) -> None:
    """Print the median over seeds, and its range, of every row and column, per data set."""
    for name, found in results.items():
        rows = list(found[0]["judged"])
        columns_here = [c for c in columns if any(c in found[0]["judged"][row] for row in rows)]
        print(f"{name}, {len(found)} seeds:")
        table: list[tuple[Any, ...]] = [("", *columns_here)]
        for row in rows:
            cells = [
                [f["judged"][row].get(column, np.nan) for f in found] for column in columns_here
            ]
            table.append((row, *map(cell, cells)))
        print_table(table)


def cell(values: Sequence[float]) -> str:
    """Return "median (least to most)"."""
    if len(values) == 1 or np.isnan(values).any():
        return f"{np.median(values):.3f}"
    return f"{np.median(values):.3f} ({np.min(values):.3f} to {np.max(values):.3f})"


def values_of(found: Any, rung: str, key: str) -> NDArray[Any]:
    """Return a figure of all seeds."""
    return np.array([f["judged"][rung][key] for f in found])


def report_places(results: Any) -> list[Target]:
    """Print where dropout sits; there is no target."""
    table_of(results, ("RMSE", "log-lik. per vote", "std of draws", "error beyond noise"))
    table_of(results, ("rank corr.", "of information"))
    return []


def report_losses(results: Any) -> list[Target]:
    """Print what the likelihood gains over squared error, with an interval, and return targets."""
    table_of(results, ("RMSE", "RMSE of ρ"))
    targets = []
    for name, found in results.items():
        for rival in SQUARED:
            gain = values_of(found, rival, "RMSE") - values_of(found, "binomial", "RMSE")
            rng = np.random.default_rng(0)
            means = rng.choice(gain, (10_000, len(gain))).mean(axis=1)
            low, high = np.quantile(means, (0.025, 0.975))
            print(
                f"{name}: RMSE of {rival} less the binomial's, mean {gain.mean():+.4f}, "
                f"95 % of bootstraps over {len(gain)} seeds {low:+.4f} to {high:+.4f}"
            )
            what = f"{name}: RMSE, {rival} - binomial"
            targets.append(Target(what, gain, 0, at_least=True))
    print()
    return targets


SETS = tuple(EPOCHS)
PARTS = {  # what is done, for how many seeds, on which data
    "losses": (losses, N_SEEDS, SETS),
    "places": (places, 3, ("galaxy_zoo_2",)),
}
REPORTS = {"losses": report_losses, "places": report_places}


if __name__ == "__main__":
    main()
