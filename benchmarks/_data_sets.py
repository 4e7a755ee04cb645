"""Data sets of the studies of active learning, and the networks that learn them.

- galaxy_zoo_2 of DATA: 600 real galaxies to ask about, "featured?", tested on those whose id is a
  multiple of 4; 32 px.
- fashion_mnist_h of DATA: 8,000 pictures of clothes, 2,000 to test on; "is it a shirt?", "a
  pullover?" and "a T-shirt?". People confuse a shirt with everything; of the other kinds it is on
  pullovers and T-shirts that they disagree about most pictures.
- edge-on: 5,000 galaxies of a simulated sky, of which 5 % are edge-on and 5 % barred, "is it
  edge-on?", 32 px; the true vote fractions ρ of 2,000 more are known.
- redundant clothes, redundant galaxies: 2,600 of the clothes ("is it a shirt?") and 1,650 of the
  simulated galaxies ("is it edge-on?"), three times each, with noise; every copy has votes of its
  own.

Clothes are learned by the network as published, galaxies by a slim one of the same kind, which is
faster.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from _report import timed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone

from skgalaxy import BayesianCNNRegressor, VotePosterior
from skgalaxy.calibration import CalibratedRegressorCV
from skgalaxy.datasets import load_galaxy_zoo, make_galaxies
from skgalaxy.likelihoods import Likelihood
from skgalaxy.networks import GalaxyZooNetwork

N_VOTES, N_DRAWS = 40, 100
SKY = {"smooth": 0.62, "featured": 0.27, "barred": 0.05, "edge-on": 0.05, "artifact": 0.01}
PUBLISHED, RECALIBRATED = "dropout", "recalibrated"


class Setting(NamedTuple):
    """How a data set is learned: galaxies, rounds, and the steps of training in each."""

    group: str
    n_pool: int
    n_test: int = 2000
    n_start: int = 64
    n_asked: int = 64
    n_rounds: int = 5
    n_steps: int = 800
    augment: bool = True
    filters: tuple = ((16,), (32,), (64,), (64,))
    learning_rate: float = 3e-3

    def of(self, quick: bool) -> "Setting":
        """The setting, or a small one."""
        small = {"n_pool": 120, "n_test": 60, "n_start": 16, "n_asked": 16}
        small |= {"n_rounds": 2, "n_steps": 8, "filters": ((8,), (8,))}
        return self._replace(**small) if quick else self


class Data(NamedTuple):
    """Images of the pool and then of the test set, and what volunteers say."""

    images: np.ndarray
    pool: np.ndarray  # counts [k, N] to replay, or vote fractions to draw from
    test: np.ndarray  # counts [k, N]
    test_fraction: np.ndarray | None  # ρ, where it is known


CLOTHES = {"shirt": 6, "pullover": 2, "T-shirt": 0}
CLOTHES_ARE_LEARNED = {
    "n_steps": 400,
    "augment": False,
    "filters": GalaxyZooNetwork().filters,
    "learning_rate": 1e-3,
}
SETS = {
    "galaxy_zoo_2": Setting("galaxy_zoo_2", 600, 200, n_asked=96, n_rounds=3, n_steps=1500),
    **{name: Setting("fashion_mnist_h", 8000, **CLOTHES_ARE_LEARNED) for name in CLOTHES},
    "edge-on": Setting("sky", 5000),
    "redundant clothes": Setting("redundant", 7800, **CLOTHES_ARE_LEARNED),
    "redundant galaxies": Setting("redundant", 4950),
}
# titles of figures, by the name of the set in any study
DATA_NAMES = {
    "galaxy_zoo_2": "Galaxy Zoo 2",
    "galaxies": "Galaxies of SDSS",
    "fashion_mnist_h": "Clothes (Fashion-MNIST-H)",
    "shirt": "Clothes (Fashion-MNIST-H), shirt?",
    "pullover": "Clothes (Fashion-MNIST-H), pullover?",
    "T-shirt": "Clothes (Fashion-MNIST-H), T-shirt?",
    "redundant clothes": "Clothes (Fashion-MNIST-H), three times each, shirt?",
    "simulated": "Simulated galaxies",
    "edge-on": "Simulated sky, edge-on?",
    "redundant galaxies": "Simulated sky, three times each, edge-on?",
    "sky, featured": "Simulated sky, featured?",
    "sky, bar": "Simulated sky, bar?",
}


def read(name: str, source: Path, setting: Setting) -> Data:
    """A data set of `SETS`, read from a folder or simulated."""
    return READERS[setting.group](name, source, setting)


def read_galaxy_zoo(name: str, source: Path, setting: Setting) -> Data:
    """Real galaxies and the votes they got."""
    galaxies = load_galaxy_zoo(source / name, image_size=32)
    is_test = np.array([int(galaxy) % 4 == 0 for galaxy in galaxies.ids])
    learn = np.flatnonzero(~is_test)[: setting.n_pool]
    test = np.flatnonzero(is_test)[: setting.n_test]
    images = galaxies.images[np.append(learn, test)]
    return Data(images, galaxies.votes[learn], galaxies.votes[test], None)


def read_clothes(name: str, source: Path, setting: Setting) -> Data:
    """Pictures of clothes and what people said."""
    clothes = np.load(source / "fashion_mnist_h" / "fashion_mnist_h.npz")
    counts, rows = clothes["counts"], np.r_[: setting.n_pool, 8000 : 8000 + setting.n_test]
    votes = np.stack([counts[:, CLOTHES[name]], counts.sum(axis=1)], axis=1)[rows].astype(int)
    return Data(clothes["images"][rows], votes[: setting.n_pool], votes[setting.n_pool :], None)


def read_redundant(name: str, source: Path, setting: Setting) -> Data:
    """Images three times each with noise of 10 grey levels, in random order."""
    n_distinct, rng = setting.n_pool // 3, np.random.default_rng(0)
    made_of = {"redundant clothes": ("shirt", read_clothes), "redundant galaxies": ("", simulate)}
    question, reader = made_of[name]
    once = reader(question, source, setting._replace(n_pool=n_distinct))
    rows = rng.permutation(np.repeat(np.arange(n_distinct), 3))
    noisy = once.images[rows] + rng.normal(0, 10, (len(rows), *once.images.shape[1:]))
    images = np.append(np.clip(noisy, 0, 255).astype(np.uint8), once.images[n_distinct:], axis=0)
    fraction = once.pool if once.pool.ndim == 1 else once.pool[:, 0] / once.pool[:, 1]
    return once._replace(images=images, pool=fraction[rows])


def simulate(name: str, source: Path, setting: Setting) -> Data:
    """Simulated galaxies, all of whose volunteers are asked whether they are edge-on."""
    n_galaxies = setting.n_pool + setting.n_test
    galaxies = make_galaxies(
        n_galaxies, 32, kinds=SKY, question="edge-on", n_jobs=-1, verbose=True, random_state=0
    )
    pool, test = np.split(galaxies.vote_fraction, [setting.n_pool])
    k = np.random.default_rng(0).binomial(N_VOTES, test)
    return Data(galaxies.images, pool, np.stack([k, np.full(len(k), N_VOTES)], axis=1), test)


READERS = {
    "galaxy_zoo_2": read_galaxy_zoo,
    "fashion_mnist_h": read_clothes,
    "sky": simulate,
    "redundant": read_redundant,
}


class SteadySteps(MetaEstimatorMixin, BaseEstimator):
    """An estimator that takes as many steps of training on few galaxies as on many.

    Attributes
    ----------
    estimator_ : estimator
        Trained for as many epochs as there are at least `n_steps` steps in.
    seconds_ : float
        How long that took.
    """

    def __init__(self, estimator: Any, n_steps: int, batch_size: int = 32) -> None:
        self.estimator = estimator
        self.n_steps = n_steps
        self.batch_size = batch_size

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Self:
        """Train afresh."""
        epochs = math.ceil(self.n_steps / math.ceil(len(y) / self.batch_size))
        own = [name for name in self.estimator.get_params() if name.endswith("epochs")]
        self.estimator_ = clone(self.estimator).set_params(**dict.fromkeys(own, epochs))
        self.seconds_ = timed(lambda: self.estimator_.fit(X, y))
        return self

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """Vote fractions that are expected."""
        return self.estimator_.predict(X)

    def predict_posterior(self, X: NDArray[Any]) -> Any:
        """Posterior over votes."""
        return self.estimator_.predict_posterior(X)

    def embed(self, X: NDArray[Any]) -> NDArray[Any]:
        """Features of the network."""
        return self.estimator_.embed(X)


def make_model(setting: Setting, posterior: str = PUBLISHED) -> SteadySteps:
    """The network that learns a data set, whose seeds are left to the run."""
    model = BayesianCNNRegressor(
        network=GalaxyZooNetwork(setting.filters),
        augment=setting.augment,
        batch_size=32,
        learning_rate=setting.learning_rate,
        n_draws=N_DRAWS,
        precision="auto",
        schedule="cosine",
    )
    if posterior == RECALIBRATED:
        model = CalibratedRegressorCV(model)
    return SteadySteps(model, setting.n_steps)


def first_draws(posterior: VotePosterior, n_draws: int) -> Likelihood:
    """Likelihood of the first so many draws."""
    return posterior.likelihood.transpose()[:n_draws].transpose()
