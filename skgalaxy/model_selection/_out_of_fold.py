"""Posteriors out of fold: every galaxy predicted by networks that were trained on others."""

import hashlib
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import indexable

from skgalaxy._held_out import check_groups, deal, fit, fit_to_votes_of, last_of, rows_of
from skgalaxy._pools import blocks, is_batched, is_stored, n_rows, row_parts, take_rows
from skgalaxy._validation import (
    check_seed,
    check_weight,
    check_y,
)
from skgalaxy.likelihoods import of_one_class
from skgalaxy.likelihoods.counts import first_fraction, has_votes, weighted_counts
from skgalaxy.posterior import Posterior, VotePosterior
from skgalaxy.query import predict_posterior
from skgalaxy.query._learners import pool_of, was_calibrated_on, was_trained_on
from skgalaxy.votes import DecisionTree

__all__ = ["cross_val_posterior"]


def cross_val_posterior(
    model: Any,
    X: Any,
    y: ArrayLike,
    *,
    cv: Any = 5,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> VotePosterior | Any:  # Any: a TreePosterior
    """Posterior of every galaxy, out of fold: by networks that were not trained on it.

    Galaxies are dealt into folds, and each fold is predicted by a clone of `model` that was trained
    on the others. Use it for error bars on all galaxies that you have, and to find the pictures to
    rate again: `plan_votes` and `value_of_votes` need networks that have not seen the votes of the
    galaxies they predict. A galaxy without votes is in a fold like any other, and teaches nothing.

    Folds have different networks. Functions that compare draws of galaxies, for example
    `joint_sampling`, therefore refuse galaxies of several folds (`VotePosterior.folds`).

    Parameters
    ----------
    model : estimator
        Any predictor of posteriors, fitted or not; it stays as it is. For example a
        `skgalaxy.BayesianCNNRegressor`, a `skgalaxy.calibration.CalibratedRegressorCV`, a Pipeline
        from paths, or a search.
    X : array-like of shape (n_galaxies, ...)
        Galaxies as `model` takes them, but no batches. An array on disk is not copied. Its galaxies
        are held out by taking their votes away, and transformers of a Pipeline see all of it.
    y : array-like of shape (n_galaxies, 2) or (n_galaxies,)
        Counts [k, N] or vote fractions. A galaxy with a masked value has no votes. If `model` has
        a `tree`, counts of all its answers.
    cv : int or cross-validation generator, default=5
        Number of folds, into which galaxies are dealt at random; one of scikit-learn's splitters;
        or pairs of rows to train on and to hold out. Each galaxy must be held out once. Rows of X
        that are equal go into one fold if `cv` is a number and there are no `groups`.
    sample_weight : array-like of shape (n_galaxies,), default=None
        For fractions, the number of votes N behind each. For counts, a factor on the
        log-likelihood of each galaxy.
    groups : array-like of shape (n_galaxies,), default=None
        Group of every row. Rows of a group are held out together, for example two pictures of one
        galaxy.
    random_state : int, RandomState or None, default=None
        Seed of the folds. Networks have the seed that `model` has.

    Returns
    -------
    posterior : VotePosterior, or TreePosterior
        In the order of X; ``folds`` are numbered in the order of `cv`.

    Raises
    ------
    TypeError
        If `model` predicts no posterior, or X is batches.
    ValueError
        If X, y, `sample_weight` or `groups` do not suit `model` or each other; if a galaxy is not
        held out exactly once, or no votes are left to train on; if a fold and its training set
        hold equal pictures; or if searches choose different numbers of draws.

    See Also
    --------
    skgalaxy.calibration.CalibratedRegressorCV : Learns from folds how wide a posterior must be.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy import BayesianCNNRegressor
    >>> from skgalaxy.acquisition import plan_votes
    >>> from skgalaxy.model_selection import cross_val_posterior
    >>> rng = np.random.default_rng(0)
    >>> brightness = rng.uniform(size=60)
    >>> X = brightness[:, None, None] + 0.1 * rng.normal(size=(60, 8, 8))
    >>> y = np.column_stack([rng.binomial(40, brightness), np.full(60, 40)])
    >>> model = BayesianCNNRegressor(epochs=3, random_state=0)
    >>> posterior = cross_val_posterior(model, X, y, cv=3, random_state=0)
    >>> posterior
    VotePosterior(n_galaxies=60, n_draws=50, n_folds=3)
    >>> int(plan_votes(posterior, n_clicks=100, votes=y).sum())  # which to rate again
    100
    """
    (X,) = indexable(X)
    X = pool_of(model, X)
    _check_can_be_held_out(model, X)
    tree = _tree_of(model)
    votes = weighted_counts(y, sample_weight, n_rows(X), tree)
    groups = check_groups(groups, len(votes))
    equal = _first_equal_rows(X)
    fraction = first_fraction(votes, tree)
    if groups is None and isinstance(cv, numbers.Integral):
        groups = equal
    splits = deal(cv, fraction, groups, check_seed(random_state))
    splits = _check_splits(splits, has_votes(votes), equal)
    values, given = (votes[:, :-1], 1) if tree is not None else check_y(y)
    weight = check_weight(sample_weight, len(values)) * (given if values.ndim == 1 else 1)
    weight = None if (weight == 1).all() else weight
    posteriors = []
    for train, held_out in splits:
        network = clone(model)
        if is_stored(X):
            fitted = fit_to_votes_of(network, X, votes, train)
        else:
            some = None if weight is None else weight[train]
            fitted = fit(network, take_rows(X, train), values[train], some)
        posteriors.append(_predict_unseen(fitted, X, held_out))
    return _in_order(posteriors, [held_out for _, held_out in splits])


def _check_can_be_held_out(model: Any, X: Any) -> None:
    last = last_of(model)
    if not hasattr(last, "predict_posterior") or isinstance(last, type):
        raise TypeError(
            "`model` must be, or end in, an estimator with `predict_posterior`, for example a "
            f"BayesianCNNRegressor. Got {last!r}."
        )
    if is_batched(X):
        raise TypeError(
            "`X` must hold galaxies in rows, to deal them into folds. Got batches; pass the array "
            "behind them, or paths to a Pipeline."
        )


def _first_equal_rows(X: Any) -> NDArray[np.intp]:
    """Number of the first row that is equal to each row of X, shape (n_galaxies,)."""
    names = []
    for block in blocks(X):
        rows = np.asarray(block)
        as_text = rows.dtype.kind in "OSU"  # text arrays have the length of their longest text
        names += [
            hashlib.blake2b(
                repr(row.tolist()).encode() if as_text else np.ascontiguousarray(row).tobytes(),
                digest_size=16,
            ).digest()
            for row in (rows[:, None] if as_text and rows.ndim == 1 else rows)
        ]
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(name, row) for row, name in enumerate(names)], dtype=np.intp)


def _check_splits(
    splits: Sequence[tuple[ArrayLike, ArrayLike]],
    teaches: NDArray[np.bool_],
    equal: NDArray[np.intp],
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rising rows to train on and to hold out; each row is held out once, and not trained on."""
    checked = [(_check_rows(a, len(teaches)), _check_rows(b, len(teaches))) for a, b in splits]
    times = np.zeros(len(teaches), dtype=int)
    for _, held_out in checked:
        times += np.bincount(held_out, minlength=len(teaches))
    if (times != 1).any():
        row = int(np.flatnonzero(times != 1)[0])
        raise ValueError(
            "`cv` must hold every galaxy out exactly once. "
            f"Got row {row} held out {times[row]} times."
        )
    for number, (train, held_out) in enumerate(checked):
        train = train[teaches[train]]
        if not len(train):
            raise ValueError(
                f"`cv` must leave galaxies with votes to train on. Got none for fold {number}."
            )
        twins = held_out[np.isin(equal[held_out], equal[train])]
        if len(twins):
            row = train[equal[train] == equal[twins[0]]][0]
            raise ValueError(
                "`X` must hold no galaxy both in a fold and in its training set. Got equal rows "
                f"{row} and {twins[0]}; give `groups`, with one name for both, to keep them "
                "together."
            )
    return [(train, held_out) for train, held_out in checked if len(held_out)]


def _check_rows(rows: ArrayLike, n_galaxies: int) -> NDArray[np.intp]:
    given = np.asarray(rows)
    outside = (given < 0) | (given >= n_galaxies)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu") or outside.any():
        got = f"{given[outside][0]}" if outside.any() else f"{given.dtype} of shape {given.shape}"
        raise ValueError(f"`cv` must give rows in 0 ... {n_galaxies - 1}. Got {got}.")
    return np.sort(given.astype(np.intp))


def _tree_of(model: Any) -> DecisionTree | None:
    """Tree that a model learns, if it does."""
    last = last_of(model)
    return getattr(last_of(getattr(last, "estimator", last)), "tree", None)


def _predict_unseen(fitted: Any, X: Any, rows: NDArray[np.intp]) -> Posterior:
    """Posterior of rows, none of which the networks were trained on."""
    parts = []
    for part in row_parts(X, rows):
        galaxies = rows_of(X, part)
        # an estimator of yours may not remember; equal rows of X were refused before
        if hasattr(last_of(fitted), "was_trained_on"):
            _refuse_seen(part[was_trained_on(fitted, galaxies)])
        if hasattr(last_of(fitted), "was_calibrated_on"):
            _refuse_seen(part[was_calibrated_on(fitted, galaxies)])
        parts.append(predict_posterior(fitted, galaxies))
    return type(parts[0]).concatenate(parts)


def _refuse_seen(rows: NDArray[np.intp]) -> None:
    if len(rows):
        raise ValueError(
            "`X` must hold no picture both in a fold and in its training set. Got one that the "
            f"network was trained or calibrated on in row {rows[0]}; if it is there twice, give "
            "`groups`, with one name for both, to keep them together."
        )


def _in_order(posteriors: list[Posterior], held_out: list[NDArray[np.intp]]) -> Any:
    """Posteriors of all folds as one, in the order of the rows."""
    likelihoods = of_one_class([one.likelihood for one in posteriors])  # searches choose them, too
    folds = [np.full(len(one), number) for number, one in enumerate(posteriors)]
    kind = type(posteriors[0])
    together = kind.concatenate(
        kind(likelihood, folds=fold) for likelihood, fold in zip(likelihoods, folds, strict=True)
    )
    return together[np.argsort(np.concatenate(held_out))]
