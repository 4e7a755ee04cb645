"""Galaxies that were held out as references of what is usual, by which others are novel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgalaxy._held_out import rows_of
from skgalaxy.calibration._splits import Split
from skgalaxy.novelty import FEWEST, Reference
from skgalaxy.query._learners import check_method, describe

__all__ = ["references_of"]

_MOST_COMPARED = 2000  # galaxies trained on, and held out, that tell what is usual


def references_of(splits: Sequence[Split], X: Any) -> list[Reference] | str:
    """References of the networks, one each, or the reason why they cannot be known."""
    fewest = min(len(split.held_out) for split in splits)
    if fewest < (2 * FEWEST if splits[0].trained_on is None else FEWEST):
        return f"only {fewest} galaxies were held out"
    try:
        check_method(splits[0].estimator, "embed")
        return [_reference(split, X) for split in splits]
    except (TypeError, ValueError) as error:  # for example of a network without a dense layer
        return f"its features are not known ({str(error).rstrip('.')})"


def _reference(split: Split, X: Any) -> Reference:
    """Reference of a network, by galaxies that it was trained on and others.

    A network that came fitted has its training set elsewhere: half of the others stands for it.
    """
    estimator, trained_on, held_out = split
    if trained_on is None:
        trained_on, held_out = held_out[::2], held_out[1::2]
    described = [describe(estimator, rows_of(X, _some(rows))) for rows in (trained_on, held_out)]
    return Reference.fit(*described)


def _some(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """At most `_MOST_COMPARED` rows, evenly chosen, in rising order."""
    return np.sort(rows[:: -(-len(rows) // _MOST_COMPARED)])
