"""Damaged checkpoints of a pool's scores: refused, or gone on with to the same answer."""

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _damage import Tally, damaged, outcome
from numpy.typing import NDArray

from skgalaxy import VotePosterior, query

N_BATCHES, SIZE, N_DRAWS = 8, 60, 24


class Pool:
    """Batches of galaxies: draws, for the learner below gives them back."""

    num_batches = N_BATCHES

    def __init__(self) -> None:
        self._draws = np.random.default_rng(0).uniform(size=(N_BATCHES, SIZE, N_DRAWS))

    def __len__(self) -> int:
        return N_BATCHES

    def __getitem__(self, number: int) -> NDArray[Any]:
        return self._draws[number]


class Learner:
    """A posterior of the draws that it is given, for so many batches, and then Ctrl-C."""

    def __init__(self, n_batches: float = np.inf) -> None:
        self._left = n_batches

    def predict_posterior(self, X: Any) -> VotePosterior:
        """Posterior of a batch."""
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return VotePosterior(X)


def score(checkpoint: Path | None, learner: Learner) -> list[float]:
    """Scores of all galaxies."""
    return query.score_pool(learner, Pool(), n_votes=4, checkpoint=checkpoint).tolist()


def ask(
    strategy: Callable[..., Any], checkpoint: Path | None, learner: Learner
) -> tuple[list[int], list[float]]:
    """Ten galaxies to ask about, and their scores."""
    indices, scores = strategy(
        learner, Pool(), 10, n_votes=4, checkpoint=checkpoint, random_state=0
    )
    return indices.tolist(), scores.tolist()


WAYS = {
    "score_pool": score,
    "mutual_information_sampling": partial(ask, query.mutual_information_sampling),
    "joint_sampling": partial(ask, query.joint_sampling),
}


def checkpoints(folder: Path) -> dict[str, tuple[bytes, Callable[..., Any]]]:
    """Bytes of checkpoints by way and state, each with the way that made it."""
    found = {}
    for name, way in WAYS.items():
        for state, n_batches in (("finished", N_BATCHES), ("half done", N_BATCHES // 2)):
            path = folder / f"{name}, {state}"
            with contextlib.suppress(KeyboardInterrupt):
                way(path, Learner(n_batches))
            found[path.name] = path.read_bytes(), way
    return found


def fuzz(n: int, rng: np.random.Generator, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Damage a checkpoint `n` times, each time whole before, and go on from it."""
    tally, path, whole = Tally(), folder / "scores.sqlite", checkpoints(folder)
    expected = {way: way(None, Learner()) for way in WAYS.values()}
    for number in range(n):
        name = list(whole)[number % len(whole)]
        content, way = whole[name]
        kind, content = damaged(content, rng)
        path.write_bytes(content)
        tally.add(f"{name}, {kind}", outcome(partial(way, path, Learner()), expected[way], path))
    return tally.counts, tally.escapes
