"""What a fitted thing says of galaxies, whatever holds the estimator."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline

from skgalaxy._pools import blocks_ahead
from skgalaxy._validation import check_int
from skgalaxy.posterior import VotePosterior

__all__ = [
    "MANY_DRAWS",
    "check_method",
    "embed",
    "ensure_draws",
    "fitted_estimators",
    "pool_of",
    "predict_blocks",
    "predict_posterior",
    "was_trained_on",
]

MANY_DRAWS = 1000  # nearly free, and enough to tell batches of hundreds of galaxies apart


def predict_posterior(learner: object, X: ArrayLike | None) -> VotePosterior:
    """Posterior that any fitted thing predicts for `X`.

    Parameters
    ----------
    learner : object
        A fitted estimator with ``predict_posterior``; a Pipeline ending in one; a search object
        (its ``best_estimator_``); a modAL learner (its ``estimator``); or a modAL committee,
        whose members' draws are put side by side. Or a VotePosterior, predicted beforehand.
    X : array-like or None
        Galaxies as the learner takes them. A Pipeline's steps see them block by block: a column
        of paths need not be images in memory all at once. Of a VotePosterior None is all its
        galaxies, and row numbers are some of them.

    Returns
    -------
    posterior : VotePosterior

    Raises
    ------
    TypeError
        If `learner` predicts no posterior.
    ValueError
        If `learner` is a VotePosterior and X is neither None nor row numbers of it.

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> query.predict_posterior(VotePosterior([[0.2, 0.8], [0.5, 0.5]]), [1])
    VotePosterior(n_galaxies=1, n_draws=2)
    """
    X = pool_of(learner, X)
    if isinstance(learner, VotePosterior):
        return learner[X]
    return _call(learner, "predict_posterior", X)


def predict_blocks(
    learner: object, X: ArrayLike, parts: Sequence[slice | int] = ()
) -> Iterator[VotePosterior]:
    """Yield the posterior of `skgalaxy._pools.blocks` of X; the next is prepared meanwhile."""
    return _call_blocks(learner, "predict_posterior", X, parts)


def embed(learner: object, X: ArrayLike) -> NDArray:
    """Features of every galaxy, shape (n_galaxies, n_features)."""
    return _call(learner, "embed", X)


def was_trained_on(learner: object, X: ArrayLike) -> NDArray[np.bool_]:
    """Mask of the galaxies that the networks were trained on, shape (n_galaxies,)."""
    return _call(learner, "was_trained_on", X)


def check_method(learner: object, method: str) -> None:
    """Raise TypeError unless the learner is, or holds, an estimator with `method`."""
    _find(learner, method)


_JOINED = {  # of each method: how blocks of galaxies are joined, and how members of a committee
    "embed": (np.concatenate, np.hstack),
    "predict_posterior": (VotePosterior.concatenate, VotePosterior.combine),
    "was_trained_on": (np.concatenate, partial(np.any, axis=0)),
}


def _call(learner, method, X):
    join_blocks, _ = _JOINED[method]
    return join_blocks(list(_call_blocks(learner, method, X)))


def _call_blocks(learner, method, X, parts=()):
    prepare, call = _find(learner, method)
    return map(call, blocks_ahead(X, prepare, parts))


def _call_members(members, method, X):
    _, join_members = _JOINED[method]
    return join_members([_call(member, method, X) for member in members])


def _find(learner: object, method: str) -> tuple[Callable | None, Callable]:
    """Transform of the Pipelines on the way to an estimator, and the `method` of that, bound."""
    if isinstance(learner, VotePosterior) and method == "predict_posterior":
        return None, learner.__getitem__
    if hasattr(learner, method):
        return None, getattr(learner, method)
    held = _held_by(learner)
    if not held:
        raise TypeError(
            f"`learner` must be, or hold, a fitted estimator with `{method}`. "
            f"Got {type(learner).__name__}; a search must be fitted with `refit=True`."
        )
    found = [_find(one, method) for one in held]
    if hasattr(learner, "learner_list"):
        return None, partial(_call_members, held, method)
    prepare, call = found[0]
    if isinstance(learner, Pipeline) and len(learner) > 1:
        prepare = _then(learner[:-1].transform, prepare)
    return prepare, call


def _then(first: Callable, second: Callable | None) -> Callable:
    return first if second is None else lambda rows: second(first(rows))


def _held_by(learner: object) -> list[object]:
    """List the members of a committee, or the one learner that a learner wraps."""
    if isinstance(learner, Pipeline):
        return [learner[-1]]
    if hasattr(learner, "learner_list"):
        return list(learner.learner_list)
    if hasattr(learner, "best_estimator_"):
        return [learner.best_estimator_]
    if hasattr(learner, "query_strategy") and hasattr(learner, "estimator"):  # a modAL learner
        return [learner.estimator]
    return []


def pool_of(learner: object, X: ArrayLike | None) -> ArrayLike:
    """Check X; of a VotePosterior it is row numbers, and None is all of them."""
    if not isinstance(learner, VotePosterior):
        if X is None:
            raise ValueError(
                "`X` must be galaxies as `learner` takes them; it may be None only of a "
                f"VotePosterior. Got None for {type(learner).__name__}."
            )
        return X
    total = len(learner)
    rows = np.arange(total) if X is None else np.asarray(X)
    whole = rows.ndim == 1 and (rows.dtype.kind in "iu" or rows.size == 0)
    if not whole or ((rows < 0) | (rows >= total)).any():
        got = f"{rows.dtype} of shape {rows.shape}"
        if whole:
            got = f"{rows[(rows < 0) | (rows >= total)][0]}"
        raise ValueError(
            "`X` must be None or row numbers where `learner` is a VotePosterior, integers in "
            f"0 ... {total - 1} of shape (n_galaxies,). Got {got}."
        )
    return rows.astype(np.intp)


def fitted_estimators(learner: object) -> list[object]:
    """List the estimators inside a learner, for example one per member of a committee."""
    held = _held_by(learner) or getattr(learner, "estimators_", [])  # calibrated: one per fold
    if not held:
        return [learner]
    return [estimator for one in held for estimator in fitted_estimators(one)]


def ensure_draws(learner: object, n_draws: int = MANY_DRAWS) -> object:
    """Let a learner draw at least so many networks in all; fitted or not, in place.

    More draws take hardly longer where dropout is late in the network, and tell more galaxies
    apart: `joint_sampling` and `epig_sampling` want many.

    Parameters
    ----------
    learner : object
        As in `predict_posterior`, or a `skgalaxy.calibration.CalibratedRegressorCV`. The
        parameter ``n_draws`` of the estimators in it is raised, never lowered.
    n_draws : int, default=1000
        Draws of all networks of all estimators together, shared out evenly.

    Returns
    -------
    learner : object
        The same.

    Raises
    ------
    TypeError
        If no estimator in `learner` has the parameter ``n_draws``.
    ValueError
        If `n_draws` is below 1.

    Examples
    --------
    >>> from skgalaxy import BayesianCNNRegressor, query
    >>> query.ensure_draws(BayesianCNNRegressor(n_networks=4)).n_draws
    250
    """
    estimators = [one for one in fitted_estimators(learner) if _has_parameter(one, "n_draws")]
    if not estimators:
        raise TypeError(
            "`learner` must be, or hold, an estimator with the parameter `n_draws`. "
            f"Got {type(learner).__name__}."
        )
    n_networks = sum(getattr(one, "n_networks", 1) for one in estimators)
    each = math.ceil(check_int(n_draws, "n_draws", 1) / n_networks)
    for one in estimators:
        one.set_params(n_draws=max(each, one.n_draws))
    return learner


def _has_parameter(estimator, name):
    return hasattr(estimator, "get_params") and name in estimator.get_params(deep=False)
