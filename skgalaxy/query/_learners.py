"""Posteriors and features from a learner: an estimator, or a wrapper that holds one."""

import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline

from skgalaxy._pools import blocks_ahead, is_batched, n_rows
from skgalaxy._validation import (
    check_int,
    refuse_masked,
)
from skgalaxy.novelty import Looks, Novelty
from skgalaxy.posterior import Posterior, VotePosterior

__all__ = [
    "MANY_DRAWS",
    "check_method",
    "describe",
    "embed",
    "ensure_draws",
    "fitted_estimators",
    "held_by",
    "image_digests",
    "pool_of",
    "posterior_method",
    "predict_novelty",
    "predict_posterior",
    "was_calibrated_on",
    "was_trained_on",
]

MANY_DRAWS = 1000  # nearly free, and enough to tell batches of hundreds of galaxies apart


def predict_posterior(learner: Any, X: Any) -> VotePosterior | Any:  # Any: a TreePosterior
    """Posterior of every galaxy in `X`, from any fitted learner.

    It is a `VotePosterior`, or of a tree a `TreePosterior`.

    Parameters
    ----------
    learner : object
        A fitted estimator with ``predict_posterior``, for example a
        `skgalaxy.BayesianCNNRegressor`; a Pipeline ending in one; a search object (its
        ``best_estimator_``); a modAL learner (its ``estimator``); or a modAL committee, which puts
        the draws of its members side by side. If you have predicted already, a VotePosterior.
    X : array-like or None
        Galaxies as your learner takes them. A Pipeline's steps see them block by block, so the
        images of a column of paths are never in memory all at once. With a VotePosterior, None is
        all its galaxies, and row numbers are some of them.

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
    if isinstance(learner, Posterior):
        return learner[X]
    return _call(learner, "predict_posterior", X)


def predict_novelty(learner: Any, X: Any) -> Novelty:
    """How unlike the galaxies it learned from a fitted learner finds those in `X`.

    Parameters
    ----------
    learner : object
        As in `predict_posterior`, with a `skgalaxy.calibration.CalibratedRegressorCV` in it, which
        has held galaxies out to compare with. `skgalaxy.recommended` makes one.
    X : array-like
        Galaxies as your learner takes them.

    Returns
    -------
    novelty : skgalaxy.novelty.Novelty

    Raises
    ------
    TypeError
        If nothing in `learner` has held galaxies out.
    ValueError
        If the calibrated estimator holds nothing to compare with, and says why.

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> query.predict_novelty(VotePosterior([[0.2, 0.8]]), None)
    Traceback (most recent call last):
        ...
    TypeError: `learner` must be, or hold, a fitted estimator with `novelty`. Got VotePosterior...
    """
    check_method(learner, "novelty")
    return _call(learner, "novelty", pool_of(learner, X))


def describe(learner: Any, X: Any) -> tuple[NDArray[Any], Looks]:
    """Features of every galaxy, and the looks of its picture."""
    prepare, call = _find(learner, "embed")
    shape = getattr(fitted_estimators(learner)[0], "image_shape_", None)
    found = [(call(block), Looks.of(block, shape)) for block in blocks_ahead(X, prepare)]
    features, looks = zip(*found, strict=True)
    values = np.concatenate([look.values for look in looks])
    return np.concatenate(features), Looks(values, looks[0].names)


def posterior_method(
    learner: Any,
) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any]]:
    """Transform of the rows of a pool, or None, and the posterior of a block of its result."""
    return _find(learner, "predict_posterior")


def embed(learner: Any, X: Any) -> NDArray[Any]:
    """Features of every galaxy, shape (n_galaxies, n_features)."""
    return _call(learner, "embed", X)


def was_trained_on(learner: Any, X: Any) -> NDArray[np.bool_]:
    """Mask of the galaxies that the networks were trained on, shape (n_galaxies,)."""
    return _call(learner, "was_trained_on", X)


def was_calibrated_on(learner: Any, X: Any) -> NDArray[np.bool_]:
    """Mask of the galaxies that were held out to calibrate, shape (n_galaxies,)."""
    return _call(learner, "was_calibrated_on", X)


def image_digests(learner: Any, X: Any) -> NDArray[np.bytes_]:
    """One text per galaxy, shape (n_galaxies,); texts are equal if and only if the images are."""
    return _call(learner, "_digests", X)


def check_method(learner: Any, method: str) -> None:
    """Raise TypeError unless the learner is, or holds, an estimator with `method`."""
    _find(learner, method)


def _concatenate(posteriors: list[Any]) -> Any:
    return type(posteriors[0]).concatenate(posteriors)


def _combine(posteriors: list[Any]) -> Any:
    return type(posteriors[0]).combine(posteriors)


# For each method: the function that joins blocks of galaxies, and that for members of a committee.
_JOINED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "_digests": (np.concatenate, lambda members: members[0]),
    "embed": (np.concatenate, np.hstack),
    "novelty": (Novelty.concatenate, Novelty.combine),
    "predict_posterior": (_concatenate, _combine),
    "was_calibrated_on": (np.concatenate, partial(np.any, axis=0)),
    "was_trained_on": (np.concatenate, partial(np.any, axis=0)),
}


def _call(learner: Any, method: str, X: Any) -> Any:
    join_blocks, _ = _JOINED[method]
    prepare, call = _find(learner, method)
    return join_blocks([call(block) for block in blocks_ahead(X, prepare)])


def _call_checked(learner: Any, method: str, X: Any) -> Any:
    """Result of a method of an estimator, which you may have written: one row per galaxy."""
    found = getattr(learner, method)(X)
    if method == "predict_posterior":
        _check_is_posterior(found)
    if len(found) != n_rows(X):  # else the galaxies behind it would get the rows of others
        raise ValueError(
            f"`{method}` of `learner` must return one row per galaxy, {n_rows(X)} here. "
            f"Got {len(found)}."
        )
    return found


def _check_is_posterior(found: Any) -> None:
    if not isinstance(found, Posterior):
        raise TypeError(
            "`predict_posterior` of `learner` must return a VotePosterior. "
            f"Got {type(found).__name__}; make one of draws with `VotePosterior(draws)`."
        )


def _call_members(members: list[Any], method: str, X: Any) -> Any:
    _, join_members = _JOINED[method]
    return join_members([_call(member, method, X) for member in members])


def _find(learner: Any, method: str) -> tuple[Callable[..., Any] | None, Callable[..., Any]]:
    """Transform of the Pipelines on the way to an estimator, and the bound `method` of that."""
    if isinstance(learner, Posterior) and method == "predict_posterior":
        return None, learner.__getitem__  # its galaxies are row numbers
    # first of all its own: a Pipeline or a recalibrated estimator may know better than its parts
    if hasattr(learner, method) and not _is_class(learner):
        return None, partial(_call_checked, learner, method)
    held = held_by(learner)
    if not held:
        raise TypeError(
            f"`learner` must be, or hold, a fitted estimator with `{method}`. "
            f"Got {_kind_of(learner)}; a search must be fitted with `refit=True`."
        )
    found = [_find(one, method) for one in held]
    if hasattr(learner, "learner_list"):
        # each member has its own transform, so X goes to all of them as it is
        return None, partial(_call_members, held, method)
    prepare, call = found[0]
    if isinstance(learner, Pipeline) and len(learner) > 1:
        prepare = _transform_first(learner, prepare)
    return prepare, call


def _kind_of(learner: Any) -> str:
    return f"the class {learner.__name__}" if _is_class(learner) else type(learner).__name__


def _is_class(learner: Any) -> bool:
    return isinstance(learner, type)


def _transform_first(pipeline: Any, prepare: Callable[..., Any] | None) -> Callable[..., Any]:
    """Transform of all steps but the last, and then `prepare`."""
    transform = pipeline[:-1].transform
    return transform if prepare is None else lambda rows: prepare(transform(rows))


def held_by(learner: Any) -> list[Any]:
    """Members of a committee, or the one learner inside a wrapper; empty for anything else."""
    if isinstance(learner, Pipeline):
        return [learner[-1]]
    if hasattr(learner, "learner_list"):
        return list(learner.learner_list)
    if hasattr(learner, "best_estimator_"):
        return [learner.best_estimator_]
    # a modAL learner; searches have an `estimator`, too, which is not fitted
    if hasattr(learner, "query_strategy") and hasattr(learner, "estimator"):
        return [learner.estimator]
    return []


def pool_of(learner: Any, X: Any) -> Any:
    """Check X; with a VotePosterior X is row numbers of it, and None becomes all of them."""
    if not isinstance(learner, Posterior):
        if X is None:
            raise ValueError(
                "`X` must be galaxies as `learner` takes them; it may be None only of a "
                f"VotePosterior. Got None for {type(learner).__name__}; pass the pool."
            )
        _check_has_rows(X)
        return X
    total = len(learner)
    refuse_masked(X, "X")
    rows = np.arange(total) if X is None else np.asarray(X)
    # an empty list is an array of floats
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


def _check_has_rows(X: Any) -> None:
    """Refuse anything without rows that can be cut into blocks."""
    is_list = isinstance(X, Sequence) and not isinstance(X, str | bytes)
    has_shape = len(getattr(X, "shape", ())) > 0 and not issparse(X)
    if is_list or has_shape or is_batched(X):
        return
    got = f"{type(X).__name__} without rows" if hasattr(X, "shape") else type(X).__name__
    raise TypeError(
        "`X` must hold galaxies in rows: an array, a list or column of paths, an array on disk, or "
        f"batches. Got {'a sparse array; pass `toarray()`' if issparse(X) else got}."
    )


def fitted_estimators(learner: Any) -> list[Any]:
    """Estimators inside a learner, for example one per member of a committee."""
    held = held_by(learner) or getattr(learner, "estimators_", [])  # recalibrated: one per fold
    if not held:
        return [learner]
    return [estimator for one in held for estimator in fitted_estimators(one)]


def ensure_draws(learner: Any, n_draws: int = MANY_DRAWS) -> Any:
    """Let a learner draw at least `n_draws` networks in all; fitted or not, in place.

    More draws tell more galaxies apart, so `joint_sampling` and `epig_sampling` want many. They
    take hardly longer if dropout comes late in your network.

    Parameters
    ----------
    learner : object
        As in `predict_posterior`, or a `skgalaxy.calibration.CalibratedRegressorCV`. The
        parameter ``n_draws`` of the estimators in it is raised, never lowered, also of the one that
        its next `fit` clones.
    n_draws : int, default=1000
        Draws of all networks of all estimators together, shared evenly: for example 250 for each
        of four networks.

    Returns
    -------
    learner : object
        The same.

    Raises
    ------
    TypeError
        If no estimator in `learner` has the parameter ``n_draws``; one that it would make itself,
        of ``estimator=None``, is not there before `fit`.
    ValueError
        If `n_draws` is below 1.

    Examples
    --------
    >>> from skgalaxy import BayesianCNNRegressor, query
    >>> query.ensure_draws(BayesianCNNRegressor(n_networks=4)).n_draws
    250
    """
    check_int(n_draws, "n_draws", 1)
    found = list(_with_draws(learner))
    if not found:
        raise TypeError(
            "`learner` must be, or hold, an estimator with the parameter `n_draws`. "
            f"Got {type(learner).__name__}."
        )
    fitted = [one for one in fitted_estimators(learner) if _has_parameter(one, "n_draws")]
    n_networks = sum(getattr(one, "n_networks", 1) for one in fitted) or sum(
        _n_networks(owner.get_params(), name) for owner, name in found
    )
    each = math.ceil(n_draws / n_networks)  # rounded up: at least `n_draws` in all
    for owner, name in found:
        owner.set_params(**{name: max(each, owner.get_params()[name])})
    return learner


def _with_draws(learner: Any) -> Iterator[tuple[Any, str]]:
    """Every parameter called ``n_draws``, and whose: of estimators, and those that `fit` clones."""
    held = held_by(learner) or getattr(learner, "estimators_", [])
    # modAL's learners have no parameters that can be read, and a Pipeline's are those of its steps
    is_wrapper = hasattr(learner, "query_strategy") or isinstance(learner, Pipeline)
    if hasattr(learner, "get_params") and not is_wrapper:
        if held and learner.get_params(deep=False).get("estimator", learner) is None:
            learner.set_params(estimator=type(held[0])())  # else the next fit has 50 draws again
        names = learner.get_params()
        yield from ((learner, name) for name in names if name.split("__")[-1] == "n_draws")
    for one in held:
        yield from _with_draws(one)


def _n_networks(params: Mapping[str, Any], name: str) -> int:
    """Networks, once they are fitted, of the estimator whose ``n_draws`` has this name."""
    *path, _ = name.split("__")
    found = params.get("__".join([*path, "n_networks"]), 1)
    for depth in range(len(path)):
        cv, refit = ("__".join([*path[:depth], each]) for each in ("cv", "refit"))
        if refit not in params:  # a search ends with one estimator
            found *= _n_clones(params.get(cv))
    return found


def _n_clones(cv: Any) -> int:
    """Folds, or 1 where their number is not known: there are more draws then, never fewer."""
    if isinstance(cv, numbers.Integral):
        return int(cv)
    return len(cv) if isinstance(cv, list | tuple) else getattr(cv, "n_splits", 1)


def _has_parameter(estimator: Any, name: str) -> bool:
    return hasattr(estimator, "get_params") and name in estimator.get_params(deep=False)
