"""Splits of the galaxies: what is trained on some, and calibrated on others."""

import contextlib
import numbers
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from skgalaxy._held_out import HELD_OUT, check_groups, deal, fit_to_votes_of, rows_of
from skgalaxy._validation import check_choice
from skgalaxy.likelihoods.counts import first_fraction, has_votes
from skgalaxy.query._learners import check_method, image_digests, was_trained_on
from skgalaxy.votes import DecisionTree

__all__ = ["Split", "clones", "deal_voted", "digests_of", "prefit", "train"]


class Split(NamedTuple):
    """A fitted estimator with the rows that it was trained on, and others."""

    estimator: Any
    trained_on: NDArray[np.intp] | None  # None of one that came fitted: they are elsewhere
    held_out: NDArray[np.intp]


def deal_voted(
    cv: Any,
    votes: NDArray[Any],
    groups: Any,
    tree: DecisionTree | None,
    rng: np.random.RandomState,
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs of rows to train on and to hold out, of galaxies that have votes."""
    teaches = has_votes(votes)
    groups = check_groups(groups, len(votes))
    rows = np.arange(len(votes))
    if cv is None or isinstance(cv, numbers.Integral):
        rows = np.flatnonzero(teaches)  # dealt alone, so that shares and folds are of them
    if cv is None:
        splitter = ShuffleSplit if groups is None else GroupShuffleSplit
        cv = splitter(1, test_size=HELD_OUT, random_state=rng)
    fraction = first_fraction(votes, tree)[rows]
    splits = deal(cv, fraction, None if groups is None else groups[rows], rng)
    pairs = [(rows[train], np.sort(rows[test])) for train, test in splits]
    return [(train[teaches[train]], test[teaches[test]]) for train, test in pairs]


def clones(estimator: Any, n_clones: int, rng: np.random.RandomState) -> Iterator[Any]:
    """Yield clones of an estimator, None for the default one, with seeds of their own."""
    from skgalaxy.estimator import BayesianCNNRegressor  # imports Keras

    estimator = BayesianCNNRegressor() if estimator is None else estimator
    names = [name for name in estimator.get_params() if name.endswith("random_state")]
    for _ in range(n_clones):
        one = clone(estimator)
        one.set_params(**{name: rng.randint(np.iinfo(np.int32).max) for name in names})
        yield one


def train(
    estimator: Any,
    X: Any,
    votes: NDArray[Any],
    trained_on: NDArray[np.intp],
    held_out: NDArray[np.intp],
) -> Split:
    """Fit an estimator to some rows; of the others, equal pictures of these are left out."""
    fitted = fit_to_votes_of(estimator, X, votes, trained_on)
    unseen = held_out[~was_trained_on(fitted, rows_of(X, held_out))]
    if len(unseen) == 0:
        raise ValueError(
            "`X` must hold galaxies that `estimator` is not trained on, to calibrate it. Got "
            "training sets with all that was held out; remove images that are there twice, or use "
            "cv='prefit' with new galaxies if the estimator is frozen."
        )
    return Split(fitted, trained_on, unseen)


def prefit(estimator: Any, cv: str, X: Any, n_galaxies: int, groups: Any) -> Split:
    """A fitted estimator; groups, and galaxies that it was trained on, are refused."""
    check_choice(cv, "cv", ("prefit",))
    if groups is not None:
        raise ValueError(
            "`groups` must be None with cv='prefit', which holds nothing out. Got groups; "
            "leave them out."
        )
    seen = np.flatnonzero(was_trained_on(estimator, X))
    if len(seen):
        raise ValueError(
            "`X` must hold galaxies that `estimator` was not trained on, to calibrate it. "
            f"Got {len(seen)} of its training set, first in row {seen[0]}; give others, or "
            "let it be trained here with cv=None."
        )
    return Split(estimator, None, np.arange(n_galaxies))


def digests_of(splits: Sequence[Split], X: Any) -> NDArray[np.bytes_]:
    """Digests of the images held out of each estimator; none of estimators that cannot tell."""
    digests = [np.array([], "S32")]
    for split in splits:
        with contextlib.suppress(TypeError):
            check_method(split.estimator, "_digests")
            digests.append(image_digests(split.estimator, rows_of(X, split.held_out)))
    return np.unique(np.concatenate(digests))
