"""The main job, end to end: learn from few votes, predict posteriors, ask, learn again.

``python -m skgalaxy demo [--data DIR]``. Two learners start from the same labelled galaxies and
buy labels round by round, one where vote fractions are uncertain, one at random. What the first
has learned in the end is drawn and written as a catalogue.
"""

import time
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from modAL.models import ActiveLearner
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch, check_random_state

from skgalaxy import VotePosterior, active, plotting
from skgalaxy.acquisition import variance_information
from skgalaxy.calibration import recommended
from skgalaxy.catalogue import make_catalogue, write_catalogue
from skgalaxy.datasets import load_galaxy_zoo, make_galaxies
from skgalaxy.images import PoolReader
from skgalaxy.metrics import vote_fraction_rmse, vote_noise_floor
from skgalaxy.query import joint_variance_sampling, predict_posterior, random_sampling

__all__ = ["run"]

N_SIMULATED, IMAGE_SIZE = 800, 32
N_START, N_ASKED, N_ROUNDS = 100, 50, 3
N_VOTES = 40
N_SHOWN, ONE_DRAW_IN = 6, 4  # galaxies with their posteriors; draws that are drawn
N_ON_SHEET = 25  # galaxies asked first, and last
STRATEGIES: dict[str, Any] = {"joint variance": joint_variance_sampling, "random": random_sampling}


def run(
    data: str | PathLike[str] | None = None, output: str | PathLike[str] = "demo", *, seed: int = 0
) -> None:
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
    test, pool = _split(len(galaxies.votes), seed)
    floor = vote_noise_floor(galaxies.votes[test])
    print(
        f"{len(galaxies.votes)} {kind}: {N_START} labelled, {len(pool) - N_START} to ask about, "
        f"{len(test)} for testing.\nA perfect model's RMSE would be {floor:.3f}, the noise of "
        "the volunteers' votes.\n"
    )
    print(f"{'strategy':<20}{'labels':>8}{'RMSE':>8}{'(floor)':>9}{'log-lik.':>10}{'seconds':>9}")
    results = {
        name: _learn(strategy, galaxies, test, pool, seed, _printer(name, floor))
        for name, strategy in STRATEGIES.items()
    }
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    data_name = kind[0].upper() + kind[1:]  # of titles; `capitalize` would change a folder's name
    _write(output, next(iter(results.values())), galaxies, test, data_name)
    display = plotting.LearningCurveDisplay(
        N_START + N_ASKED * np.arange(N_ROUNDS + 1),
        {name: result.rounds["RMSE"].tolist() for name, result in results.items()},
        score_name="RMSE of the vote fraction",
        floor=floor,
    ).plot(data_name=data_name)
    display.figure_.savefig(output / "learning_curve.png", dpi=150)
    print(f"\nWritten to {output}/: posteriors.png, asked.png, learning_curve.png, catalogue.csv")


def _load(data: str | PathLike[str] | None, seed: int) -> tuple[Bunch, str]:
    """Galaxies and their names; `column` names the question that their votes answer."""
    if data is not None:
        return load_galaxy_zoo(data, image_size=IMAGE_SIZE), f"galaxies of {data}"
    print("No --data given: simulating galaxies and volunteers. Nothing below is an observation.")
    galaxies = make_galaxies(N_SIMULATED, IMAGE_SIZE, random_state=seed)
    return Bunch(**galaxies, column="smooth-or-featured_featured-or-disk"), "simulated galaxies"


def _split(n_galaxies: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows for testing, and those of the pool."""
    n_test = n_galaxies // 4
    needed = n_test + N_START + N_ROUNDS * N_ASKED
    if n_galaxies < needed + 2:
        raise ValueError(
            f"The demo needs at least {4 * (N_START + N_ROUNDS * N_ASKED + 2) // 3 + 1} galaxies. "
            f"Got {n_galaxies}."
        )
    order = check_random_state(seed).permutation(n_galaxies)
    return order[:n_test], order[n_test:]


def _learn(
    strategy: Callable[..., Any],
    galaxies: Bunch,
    test: NDArray[Any],
    pool: NDArray[Any],
    seed: int,
    callback: Callable[[active.Result], None],
) -> active.Result:
    """Run the rounds; the volunteers' votes are known already."""
    # warm: a round goes on from the last one, and takes seconds
    model = make_pipeline(PoolReader(galaxies.images), recommended(warm_start=True))
    return active.run(
        ActiveLearner(model, query_strategy=strategy),
        pool,
        active.SimulatedVolunteers(galaxies.ids[pool], galaxies.votes[pool]),
        ids=galaxies.ids[pool],
        initial=N_START,
        n_instances=N_ASKED,
        n_rounds=N_ROUNDS,
        n_votes=N_VOTES,
        test=(test, galaxies.votes[test]),
        scoring=_scores,
        callbacks=callback,
        random_state=seed,
    )


def _scores(estimator: Any, X: NDArray[Any], votes: NDArray[Any]) -> dict[str, float]:
    posterior = predict_posterior(estimator, X)
    return {
        "RMSE": vote_fraction_rmse(votes, posterior.mean),
        "log-lik.": posterior.log_prob(*votes.T).mean(),
    }


def _printer(name: str, floor: float) -> Callable[[active.Result], None]:
    """Make a callback that prints the last round and its seconds."""
    began = time.perf_counter()

    def show(result: active.Result) -> None:
        nonlocal began
        last, now = result.rounds.iloc[-1], time.perf_counter()
        print(
            f"{name:<20}{last['n_labelled']:>8}{last['RMSE']:>8.3f}{f'({floor:.3f})':>9}"
            f"{last['log-lik.']:>10.2f}{now - began:>9.1f}",
            flush=True,
        )
        began = now

    return show


def _write(
    output: Path, result: active.Result, galaxies: Bunch, test: NDArray[Any], data_name: str
) -> None:
    """Write the catalogue; draw posteriors and the galaxies to ask about next."""
    posterior = predict_posterior(result.learner, np.arange(len(galaxies.votes)))
    labelled = np.isin(galaxies.ids, result.asked["id"])
    calibrated = result.learner.estimator[-1]
    question, _, answer = galaxies.column.partition("_")
    table = make_catalogue(
        posterior, galaxies.ids, question=question, answer=answer, n_votes=N_VOTES
    )
    write_catalogue(
        output / "catalogue.csv",
        table.assign(labelled=labelled),
        model="skgalaxy demo",
        metadata={
            "n_votes": N_VOTES,
            "n_trained_on": int(labelled.sum()),
            "n_calibrated_on": calibrated.n_calibrated_on_,
        },
    )
    k, n = galaxies.votes[test].T
    by_fraction = test[np.argsort(k / np.maximum(n, 1), kind="stable")]
    shown = by_fraction[np.linspace(0, len(test) - 1, N_SHOWN).round().astype(int)]
    some = VotePosterior(posterior[shown].likelihood.thinned(ONE_DRAW_IN))
    votes = galaxies.votes[shown]
    display = plotting.PosteriorDisplay(galaxies.images[shown], some, N_VOTES, votes)
    display.plot(data_name=data_name)
    display.figure_.savefig(output / "posteriors.png", dpi=150)
    display = _draw_asked(galaxies.images[~labelled], posterior[~labelled], data_name)
    display.figure_.savefig(output / "asked.png", dpi=150)


def _draw_asked(
    images: NDArray[Any], posterior: VotePosterior, data_name: str
) -> plotting.AcquisitionDisplay:
    """Draw the galaxies to ask about next, and those that would tell least."""
    n_shown = min(N_ON_SHEET, len(images) // 2)
    ask = partial(joint_variance_sampling, n_votes=N_VOTES, random_state=0)
    first, gains = ask(posterior, None, n_shown)
    information = variance_information(posterior, N_VOTES)
    information[first] = np.inf  # they are on the other sheet
    last = np.argsort(-information, kind="stable")[-n_shown:]
    # Beside those picked a galaxy adds at most its information, and no more than the last pick.
    least = np.minimum(information[last], gains[-1])
    rows = np.concatenate([first, last])
    return plotting.AcquisitionDisplay(
        images[rows],
        np.concatenate([gains, least]),
        posterior.mean[rows],
        score_name="joint variance information",
    ).plot(n_images=n_shown, data_name=data_name)
