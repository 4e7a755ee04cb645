"""Answers about a galaxy to all questions of a tree, as a ledger keeps them."""

import json
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from skgalaxy.votes import DecisionTree

__all__ = ["as_counts", "as_text", "n_shown"]


def n_shown(tree: DecisionTree, counts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Volunteers who were shown each galaxy: the most votes on any of its questions."""
    votes = [np.nan_to_num(counts[:, here]).sum(axis=1) for here in tree.slices.values()]
    return np.max(votes, axis=0).astype(np.int64)


def as_text(counts: NDArray[np.float64]) -> list[str]:
    """JSON of each galaxy's counts, null where a question is not known."""
    return [
        json.dumps([None if value != value else int(value) for value in row])
        for row in counts.tolist()
    ]


def as_counts(texts: Iterable[str | None], n_answers: int) -> NDArray[np.float64]:
    """Counts (n_galaxies, n_answers) of such texts, NaN where there is none."""
    nothing = [None] * n_answers
    rows = [nothing if text is None else json.loads(text) for text in texts]
    return np.array(rows, dtype=np.float64).reshape(-1, n_answers)
