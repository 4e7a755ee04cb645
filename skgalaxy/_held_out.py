"""Galaxies held out: networks train on some rows of X, and predict others.

There are two ways to train on some rows. `fit_to_votes_of` hands over all of X and takes the votes
of the other rows away, so that X is not copied. `fit` of `rows_of` hands over these rows alone.
"""

import numbers
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.model_selection import BaseCrossValidator, KFold, check_cv
from sklearn.pipeline import Pipeline

from skgalaxy._pools import n_rows, take_rows
from skgalaxy._validation import check_int, first_rows, refuse_masked

__all__ = [
    "HELD_OUT",
    "check_groups",
    "deal",
    "fit",
    "fit_to_votes_of",
    "last_of",
    "rows_of",
    "searches",
]

HELD_OUT = 0.2  # of the galaxies, unless `cv` says otherwise


def deal(
    cv: Any,
    fraction: NDArray[Any],
    groups: NDArray[Any] | None,
    rng: np.random.RandomState,
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs of rows to train on and to hold out.

    If `cv` is a number of folds, galaxies are dealt into them at random, those of one group
    together. It may also be one of scikit-learn's splitters, or pairs of rows.
    """
    n_galaxies = len(fraction)
    if not isinstance(cv, numbers.Integral):
        splitter: BaseCrossValidator = check_cv(cv)
        return list(splitter.split(np.arange(n_galaxies), fraction, groups))
    names = np.arange(n_galaxies) if groups is None else groups
    names, group = np.unique(names, return_inverse=True)
    folds = KFold(check_int(cv, "cv", 2), shuffle=True, random_state=rng)
    held_out = [np.isin(group, held) for _, held in folds.split(names)]
    return [(np.flatnonzero(~rows), np.flatnonzero(rows)) for rows in held_out]


def check_groups(groups: Any, n_galaxies: int) -> NDArray[Any] | None:
    """Groups as an array, one per galaxy."""
    if groups is None:
        return None
    refuse_masked(groups, "groups")
    names = np.asarray(groups)
    if names.shape != (n_galaxies,):
        raise ValueError(
            f"`groups` must be one per galaxy, shape ({n_galaxies},). Got shape {names.shape}."
        )
    if (missing := pd.isna(np.asarray(groups, dtype=object))).any():
        raise ValueError(
            f"`groups` must be given for every galaxy. Got none in row {first_rows(missing)}; give "
            "a galaxy that is in no group a name of its own."
        )
    # names of several types have no order, which splitters sort them by
    return pd.factorize(names)[0] if names.dtype == object else names


def fit(estimator: Any, X: Any, y: NDArray[Any], weight: NDArray[Any] | None) -> Any:
    """Fit, with weights under the name that a Pipeline has for them."""
    if weight is None:
        return estimator.fit(X, y)
    return estimator.fit(X, y, **{_name_of_weight(estimator): weight})


def _name_of_weight(estimator: Any) -> str:
    if _is_search(estimator):
        return _name_of_weight(estimator.estimator)
    if isinstance(estimator, Pipeline) and not get_config()["enable_metadata_routing"]:
        name, last = estimator.steps[-1]
        return f"{name}__{_name_of_weight(last)}"
    return "sample_weight"


def _is_search(estimator: Any) -> bool:
    """True for scikit-learn's searches and those of other packages, fitted or not."""
    return hasattr(estimator, "refit") and hasattr(estimator, "estimator")


def searches(estimator: Any) -> bool:
    """True if a search is in it, for example as the last step of a Pipeline."""
    if isinstance(estimator, Pipeline):
        return searches(estimator[-1])
    return _is_search(estimator)


def last_of(estimator: Any) -> Any:
    """The last step of a Pipeline, fitted or not, also inside a search; or the estimator itself."""
    if _is_search(estimator):
        return last_of(estimator.estimator)
    return last_of(estimator[-1]) if isinstance(estimator, Pipeline) else estimator


def fit_to_votes_of(estimator: Any, X: Any, votes: NDArray[Any], train: NDArray[np.intp]) -> Any:
    """Fit to the counts and weights of some galaxies; all others are given no votes.

    Counts are [k, N], or of all answers of a tree; the weight comes last.
    """
    weight = votes[:, -1]
    trains = np.isin(np.arange(len(votes)), train)
    counts = np.rint(votes[:, :-1])
    # counts if possible: a search gives its scorer no weights, and would score galaxies without
    # votes by their fractions
    if np.allclose(counts, votes[:, :-1], rtol=0, atol=1e-6):
        y = np.where(trains[:, None], counts, 0)
        return fit(estimator, X, y, None if (weight == 1).all() else weight)
    k, n_votes, _ = votes.T
    # for example 2.5 yes among 7.5 votes, which counts cannot express
    y = k / np.where(n_votes > 0, n_votes, 1)
    if searches(estimator):  # its scores may know no weights, so it gets these rows alone
        return fit(estimator, rows_of(X, train), y[train], n_votes[train])
    return fit(estimator, X, y, np.where(trains, n_votes, 0))


def rows_of(X: Any, rows: NDArray[np.intp]) -> Any:
    """Rows of X, in rising order; X itself, not a copy, if these are all."""
    return X if np.array_equal(rows, np.arange(n_rows(X) or 0)) else take_rows(X, rows)
