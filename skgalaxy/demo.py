"""The main job, end to end: learn from few votes, predict posteriors, ask, learn again.

``python -m skgalaxy demo [--data DIR]``. Two modAL learners start from the same labelled
galaxies and buy labels round by round, one by mutual information, one at random. What the first
has learned in the end is drawn and written as a catalogue.
"""

import time
from functools import partial
from pathlib import Path

import numpy as np
from modAL.models import ActiveLearner
from sklearn.base import clone
from sklearn.utils import check_random_state

from skgalaxy import plotting
from skgalaxy.datasets import load_galaxy_zoo, make_galaxies
from skgalaxy.estimator import BayesianCNNRegressor
from skgalaxy.metrics import vote_fraction_rmse, vote_noise_floor
from skgalaxy.query import mutual_information_sampling, random_sampling

__all__ = ["run"]

N_SIMULATED = 1200
N_START, N_ASKED, N_ROUNDS = 100, 50, 4
N_VOTES = 40
N_SHOWN = 6
TRAINING = {"epochs": 40, "batch_size": 16}


def run(data=None, output="demo", *, seed=0):
    """Run the demo and write its figures and catalogue.

    Parameters
    ----------
    data : path, default=None
        A folder of images and votes as `skgalaxy.datasets.load_galaxy_zoo` reads it. None
        simulates galaxies.
    output : path, default="demo"
        Folder for ``posteriors.png``, ``asked.png``, ``learning_curve.png`` and
        ``catalogue.csv``; made if it is missing.
    seed : int, default=0
        Of everything random.

    Raises
    ------
    ValueError, FileNotFoundError
        If `data` cannot be used, before any training.
    ImportError
        If matplotlib (or GalSim, for simulated galaxies) is missing.
    """
    galaxies, kind = _load(data, seed)
    rng = check_random_state(seed)
    test, start, pool = _split(len(galaxies.votes), rng)
    test_votes = galaxies.votes[test]
    floor = vote_noise_floor(test_votes)
    print(
        f"{len(galaxies.votes)} {kind}: {len(start)} labelled, {len(pool)} to ask about, "
        f"{len(test)} for testing.\nA perfect model's RMSE would be {floor:.3f}, the noise of "
        "the volunteers' votes.\n"
    )
    estimator = BayesianCNNRegressor(**TRAINING, random_state=seed)
    strategies = {
        "mutual information": partial(mutual_information_sampling, n_votes=N_VOTES),
        "random": partial(random_sampling, random_state=rng),
    }
    print(f"{'strategy':<20}{'labels':>8}{'RMSE':>8}{'(floor)':>9}{'log-lik.':>10}{'seconds':>9}")
    runs = {
        name: _learn(name, estimator, strategy, galaxies, test, start, pool)
        for name, strategy in strategies.items()
    }
    learner, labelled, _ = runs["mutual information"]
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    _write(output, learner.estimator, galaxies, test, labelled)
    display = plotting.LearningCurveDisplay(
        N_START + N_ASKED * np.arange(N_ROUNDS + 1),
        {name: rmse for name, (_, _, rmse) in runs.items()},
        score_name="RMSE of the vote fraction",
        floor=floor,
    ).plot()
    display.ax_.set_title(f"One run on {kind}", loc="left", fontsize=9)
    display.figure_.savefig(output / "learning_curve.png", dpi=150)
    print(f"\nWritten to {output}/: posteriors.png, asked.png, learning_curve.png, catalogue.csv")


def _load(data, seed):
    """Return the galaxies and what to call them."""
    if data is not None:
        return load_galaxy_zoo(data), f"galaxies of {data}"
    print("No --data given: simulating galaxies and volunteers. Nothing below is an observation.")
    return make_galaxies(N_SIMULATED, random_state=seed), "simulated galaxies"


def _split(n_galaxies, rng):
    """Return the rows for testing, for the start, and the pool."""
    n_test = n_galaxies // 4
    needed = n_test + N_START + N_ROUNDS * N_ASKED
    if n_galaxies < needed + 2:
        raise ValueError(
            f"The demo needs at least {4 * (N_START + N_ROUNDS * N_ASKED + 2) // 3 + 1} galaxies. "
            f"Got {n_galaxies}."
        )
    order = rng.permutation(n_galaxies)
    return order[:n_test], order[n_test : n_test + N_START], order[n_test + N_START :]


def _learn(name, estimator, strategy, galaxies, test, start, pool):
    """Run the rounds; return the learner, the rows it has labels of, and the RMSE per round."""
    learner = ActiveLearner(clone(estimator), query_strategy=strategy)
    labelled, rmse = start, []
    for n_round in range(N_ROUNDS + 1):
        began = time.perf_counter()
        if n_round == 0:
            learner.fit(galaxies.images[start], galaxies.votes[start])
        else:
            asked, _ = learner.query(galaxies.images[pool], n_instances=N_ASKED)
            learner.teach(galaxies.images[pool[asked]], galaxies.votes[pool[asked]])
            labelled = np.append(labelled, pool[asked])
            pool = np.delete(pool, asked)
        posterior = learner.estimator.predict_posterior(galaxies.images[test])
        rmse.append(vote_fraction_rmse(galaxies.votes[test], posterior.mean))
        floor = vote_noise_floor(galaxies.votes[test])
        log_prob = posterior.log_prob(*galaxies.votes[test].T).mean()
        seconds = time.perf_counter() - began
        print(
            f"{name:<20}{len(labelled):>8}{rmse[-1]:>8.3f}{f'({floor:.3f})':>9}{log_prob:>10.2f}"
            f"{seconds:>9.1f}",
            flush=True,
        )
    return learner, labelled, rmse


def _write(output, estimator, galaxies, test, labelled):
    """Draw posteriors and the galaxies asked about; write the catalogue."""
    posterior = estimator.predict_posterior(galaxies.images)
    frame = posterior.to_frame(N_VOTES, index=galaxies.ids).rename_axis("id")
    frame["labelled"] = np.isin(np.arange(len(frame)), labelled)
    frame.to_csv(output / "catalogue.csv", float_format="%.4f")

    k, n = galaxies.votes[test].T
    by_fraction = test[np.argsort(k / np.maximum(n, 1), kind="stable")]
    shown = by_fraction[np.linspace(0, len(test) - 1, N_SHOWN).round().astype(int)]
    display = plotting.PosteriorDisplay(
        galaxies.images[shown], posterior[shown], N_VOTES, galaxies.votes[shown]
    ).plot()
    display.figure_.savefig(output / "posteriors.png", dpi=150)

    unlabelled = np.setdiff1d(np.arange(len(frame)), labelled)
    display = plotting.AcquisitionDisplay.from_predictions(
        galaxies.images[unlabelled], posterior[unlabelled], n_votes=N_VOTES
    )
    display.figure_.savefig(output / "asked.png", dpi=150)
