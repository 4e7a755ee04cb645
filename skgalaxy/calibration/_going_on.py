"""Going on from the last `fit`: galaxies that were held out stay held out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from skgalaxy._held_out import HELD_OUT, last_of, rows_of, searches
from skgalaxy.likelihoods.counts import has_votes
from skgalaxy.query._learners import image_digests

__all__ = ["check_can_go_on", "deal_on", "going_on"]


def check_can_go_on(estimator: Any, cv: Any, groups: Any, fitted: Sequence[Any]) -> None:
    """Refuse `warm_start` where galaxies could not stay held out, or networks not go on.

    `fitted` are the networks of the last `fit`, if there was one.
    """
    from skgalaxy.estimator import BayesianCNNRegressor  # imports Keras

    if cv is not None or groups is not None:
        raise ValueError(
            "`warm_start` needs cv=None and no groups: other splits would not stay as they "
            f"were. Got {'groups' if cv is None else f'cv={cv!r}'}; leave that out, "
            "or set `warm_start` to False."
        )
    if len(fitted) > 1:
        raise ValueError(
            "`warm_start` must go on from one network. Got the last `fit` with "
            f"{len(fitted)} splits; set `warm_start` to False once."
        )
    last = BayesianCNNRegressor() if estimator is None else last_of(estimator)
    if searches(estimator) or not isinstance(last, BayesianCNNRegressor):
        raise TypeError(
            "`warm_start` needs an `estimator` that is a BayesianCNNRegressor, or a Pipeline "
            f"that ends in one. Got {type(estimator).__name__}; set `warm_start` to False."
        )
    if (step := _learning_step(estimator)) is not None:
        raise TypeError(
            "`warm_start` needs a Pipeline whose steps before the network learn nothing, so "
            f"that a galaxy's image stays the same. Got {type(step).__name__}; transform X "
            "before, or set `warm_start` to False."
        )


def _learning_step(estimator: Any) -> Any:
    """First step before the last of a Pipeline that learns from X, such as a scaler; or None."""
    if not isinstance(estimator, Pipeline):
        return None
    *before, (_, last) = estimator.steps
    for _, step in before:
        if step not in (None, "passthrough") and get_tags(step).requires_fit:
            return step
    return _learning_step(last)


def deal_on(
    fitted: Any,
    held_out: NDArray[np.bytes_],
    X: Any,
    votes: NDArray[Any],
    rng: np.random.RandomState,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to train on and to hold out; galaxies of earlier fits stay where they were.

    New ones are dealt so that a fifth of all is held out. Galaxies are told by their digests, so
    that equal images stay together; `held_out` has those of earlier fits.
    """
    rows = np.flatnonzero(has_votes(votes))
    digests = image_digests(fitted, rows_of(X, rows))
    is_out = np.isin(digests, held_out)
    trained_on = np.isin(digests, last_of(fitted)._trained_on)
    if not (is_out.any() and trained_on.any()):
        raise ValueError(
            "`X` must hold the galaxies of the last `fit` and new ones, to go on from it. Got "
            "none that it trained on, or none that it held out; give them again, leave out "
            "steps that change their pixels, or set `warm_start` to False."
        )
    new = np.unique(digests[~is_out & ~trained_on])  # in no order that means any
    n_missing = math.ceil(HELD_OUT * len(np.unique(digests))) - len(np.unique(digests[is_out]))
    is_out |= np.isin(digests, rng.permutation(new)[: max(0, n_missing)])
    return rows[~is_out], rows[is_out]


def going_on(estimator: Any, fitted: Any) -> Any:
    """An estimator, not fitted, that will go on from `fitted`: its last step knows the same.

    `fitted` stays as it is, whatever `fit` does next.
    """
    last, before = last_of(estimator), last_of(fitted)
    learned = vars(before).keys() - before.get_params(deep=False).keys()
    vars(last).update({name: vars(before)[name] for name in learned})
    last.set_params(warm_start=True)
    return estimator
