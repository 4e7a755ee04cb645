"""The arguments of `run`, checked before anything is done, and their consequences for a round."""

import inspect
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.metrics import check_scoring

from skgalaxy._validation import (
    check_bool,
    check_counts,
    check_ids,
    check_int,
    check_n_votes,
    check_targets,
    first_rows,
    refuse_masked,
    shortened,
)
from skgalaxy.active._fingerprint import array_text, fingerprint, text_of
from skgalaxy.active._records import ROUND_COLUMNS
from skgalaxy.active._tree_answers import n_shown
from skgalaxy.active._volunteers import Volunteers
from skgalaxy.votes import DecisionTree

__all__ = ["Plan"]


@dataclass(kw_only=True, eq=False, repr=False)
class Plan:
    """The arguments of `run`, checked; those of several forms are in one.

    `learner` is the one that was given: it is not trained, a copy of it is.
    """

    learner: Any
    pool: NDArray[Any]
    volunteers: Volunteers
    ids: NDArray[Any]
    initial: int | NDArray[Any]
    n_instances: int
    n_rounds: int | None
    max_labels: int | None
    max_votes: int | None
    stop: tuple[Callable[..., Any], ...]
    n_votes: NDArray[Any] | None
    n_scored: int | None
    test: tuple[ArrayLike, ArrayLike] | None
    scoring: Any
    callbacks: tuple[Callable[..., Any], ...]
    ledger: str | os.PathLike[str] | None
    random_state: int | None
    verbose: bool

    def __post_init__(self) -> None:
        _check_learner(self.learner)
        if not isinstance(self.volunteers, Volunteers) or isinstance(self.volunteers, type):
            raise TypeError(
                "`volunteers` must have the methods `request(ids)` and `collect()`. "
                f"Got {type(self.volunteers).__name__}."
            )
        self._check_tree()
        self.pool = check_pool(self.pool)
        self.n_instances = check_int(self.n_instances, "n_instances", 1)
        least = {"n_rounds": 0, "max_labels": 1, "max_votes": 1, "n_scored": self.n_instances}
        for name, minimum in {**least, "random_state": 0}.items():
            if getattr(self, name) is not None:
                setattr(self, name, check_int(getattr(self, name), name, minimum))
        check_bool(self.verbose, "verbose")
        self.stop = _check_callables(self.stop, "stop")
        self.callbacks = _check_callables(self.callbacks, "callbacks")
        self.ids = _check_ids(self.ids, self.pool)
        self.initial = _check_initial(self.initial, len(self.pool))
        if self.n_votes is not None:
            self.n_votes = check_n_votes(self.n_votes, len(self.pool))
        self.test = check_test(self.test, self.pool, self.tree)
        self._check_start()
        self._check_scores()

    @cached_property
    def tree(self) -> DecisionTree | None:
        """Tree whose questions the estimator learns; None if it learns one question."""
        return tree_of(self.learner)

    @property
    def n_initial(self) -> int:
        """Galaxies of round 0."""
        return self.initial if isinstance(self.initial, int) else len(self.initial)

    @property
    def taught(self) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """X and y that the learner had been taught before the run."""
        X = self.learner.X_training
        if X is None:
            return None
        y = self.learner.y_training
        if self.tree is not None:
            return X, self.tree.check_counts(y, len(X))
        return X, np.stack(check_counts(y, "learner.y_training", len(X)), axis=1)

    @property
    def unseeded(self) -> list[str]:
        """Parameters of the estimator that take the seed of a round."""
        states = parameters_of(self.learner, "random_state").items()
        return [name for name, state in states if state is None]

    @property
    def strategy_defaults(self) -> dict[str, Any]:
        """Arguments of the query strategy."""
        return _defaults(self.learner.query_strategy)

    @property
    def is_warm(self) -> bool:
        """True if a model goes on from the one of the round before."""
        states = parameters_of(self.learner, "warm_start")
        # what is inside a cold estimator is cold: that one trains clones
        cold = [name.removesuffix("warm_start") for name, value in states.items() if not value]
        return any(
            value is True and not any(name.startswith(outer) for outer in cold)
            for name, value in states.items()
        )

    @property
    def scorer(self) -> Callable[..., Any]:
        """``scorer(estimator, X, y)``, a number or a dict of them."""
        return check_scoring(self.learner.estimator, scoring=self.scoring)

    @property
    def score_names(self) -> list[str]:
        """Names of the scores on the test set; the first is that of a single number."""
        if self.test is None:
            return []
        if self.scoring is None or callable(self.scoring):
            return ["test_score"]
        return [self.scoring] if isinstance(self.scoring, str) else list(self.scoring)

    def identity(self) -> dict[str, str]:
        """Texts by the names of arguments; another run differs in one of them."""
        told = ("initial", "n_instances", "n_scored", "n_votes", "test", "scoring")
        texts = {name: text_of(getattr(self, name)) for name in told}
        texts["pool"] = array_text(self.ids, whole=True)
        if self.pool.dtype.kind != "U":  # files may move, as long as their ids stay
            texts["pool"] += f", {array_text(self.pool, whole=True)}"
        if self.tree is not None:
            texts["tree"] = json.dumps(self.tree.columns)
        X, y = self.taught or (None, None)
        texts |= {"learner.X_training": text_of(X), "learner.y_training": text_of(y)}
        return (
            texts
            | fingerprint("learner", self.learner.estimator)
            | fingerprint("query_strategy", self.learner.query_strategy)
        )

    def most_votes(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Votes that 1, 2, 3 ... of some galaxies take at most, by `n_votes`."""
        return np.cumsum(-np.sort(-np.asarray(self.n_votes)[rows]))

    def unknown_rows(self, asked: NDArray[Any]) -> NDArray[Any]:
        """Rows of the pool that were neither asked about nor taught before."""
        unknown = np.ones(len(self.pool), dtype=bool)
        unknown[asked] = False
        if self.taught is not None and np.ndim(self.taught[0]) == self.pool.ndim == 1:
            unknown &= ~np.isin(self.pool, self.taught[0])
        return np.flatnonzero(unknown)

    def _check_tree(self) -> None:
        """Refuse volunteers who answer other questions than the learner learns."""
        given = getattr(self.volunteers, "tree", self.tree)
        if given != self.tree:
            ours, theirs = (
                "one question" if tree is None else f"the tree {tree.name!r}"
                for tree in (self.tree, given)
            )
            raise ValueError(
                f"`volunteers` must answer what the learner learns, {ours}. Got volunteers of "
                f"{theirs}; give both the same `tree`."
            )

    def _check_start(self) -> None:
        """Refuse an initial set that cannot be had, and a learner that would begin with nothing."""
        X, y = self.taught or ([], [])
        if self.n_initial + len(X) == 0:
            raise ValueError(
                "`initial` must be at least 1, unless the learner has been taught. Got none."
            )
        if self.max_votes is not None and self.n_votes is not None:
            rows = np.arange(len(self.pool)) if isinstance(self.initial, int) else self.initial
            most = self.most_votes(rows)[: self.n_initial].max(initial=0)
            taught = n_votes_of(self.tree, np.nan_to_num(y)) if len(X) else 0
            if most + taught > self.max_votes:
                raise ValueError(
                    f"`max_votes` must be enough for round 0, which may take {most} votes. "
                    f"Got {self.max_votes}; choose a smaller `initial`, or raise it."
                )
        most = len(self.pool) if self.max_labels is None else self.max_labels - len(X)
        if self.n_initial > min(most, len(self.pool)):
            raise ValueError(
                f"`initial` must not exceed the {len(self.pool)} galaxies of the pool, nor "
                f"`max_labels`. Got {self.n_initial}."
            )

    def _check_scores(self) -> None:
        """Refuse scores that cannot be computed, or shown."""
        if self.test is not None:
            _check_scoring(self.scoring, self.learner.estimator)
        elif self.scoring is not None:
            raise ValueError("`scoring` needs a `test` set (X, y). Got none.")
        names = self.score_names
        for name in names:
            if name in ROUND_COLUMNS:
                raise ValueError(
                    f"`scoring` must have other names than {', '.join(ROUND_COLUMNS)}. "
                    f"Got {name!r}."
                )
        for rule in self.stop:
            name = getattr(rule, "test_score", names[0] if names else None)
            if isinstance(name, str) and name not in names:
                raise ValueError(
                    f"`stop` must be about scores of `test`, here {names}. Got {rule!r}."
                )


def n_votes_of(tree: DecisionTree | None, y: NDArray[Any]) -> int:
    """Volunteers who were shown the galaxies, given their counts."""
    return int((y[:, 1] if tree is None else n_shown(tree, y)).sum())


def _check_learner(learner: Any) -> None:
    """Refuse a learner that is not an ActiveLearner, and random states that cannot be repeated."""
    if not all(hasattr(learner, name) for name in ("estimator", "query_strategy", "X_training")):
        raise TypeError(
            "`learner` must be a modAL ActiveLearner of an estimator or a Pipeline. "
            f"Got {type(learner).__name__}."
        )
    states = parameters_of(learner, "random_state")
    states["query_strategy"] = _defaults(learner.query_strategy).get("random_state")
    for name, state in states.items():
        if not isinstance(state, int | np.integer | None):
            raise TypeError(
                "`random_state` of the learner's estimator and strategy must be None or an "
                f"integer, or a run could not be repeated. Got {state!r} in {name}; leave it out: "
                "the run seeds it."
            )


def tree_of(learner: Any) -> DecisionTree | None:
    """Tree whose questions the estimator learns; None if it learns one question."""
    given = parameters_of(learner, "tree").values()
    trees = list(dict.fromkeys(tree for tree in given if isinstance(tree, DecisionTree)))
    if len(trees) > 1:
        raise ValueError(f"`learner` must have one `tree` in all its parts. Got {trees}.")
    return trees[0] if trees else None


def parameters_of(learner: Any, kind: str) -> dict[str, Any]:
    """Parameters of that name of the estimator and of all that it is made of."""
    parameters = learner.estimator.get_params(deep=True).items()
    return {name: value for name, value in parameters if name.rpartition("__")[2] == kind}


def _defaults(strategy: Callable[..., Any]) -> dict[str, Any]:
    """Defaults of a strategy's arguments, by name."""
    parameters = inspect.signature(strategy).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def check_pool(pool: Any) -> NDArray[Any]:
    """Pool as an array of one or two dimensions, paths as text."""
    pool = _as_array(pool, "pool")
    if len(pool.shape) not in (1, 2) or pool.shape[0] == 0:
        raise ValueError(
            "`pool` must be what the learner takes for galaxies, row numbers or paths, shape "
            f"(n_galaxies,). Got shape {tuple(pool.shape)}; for images give their row numbers, and "
            "put skgalaxy.images.PoolReader(images) first in a Pipeline."
        )
    pool = np.asarray(pool)
    if pool.dtype == object and pool.ndim == 1:
        try:
            pool = np.array([os.fspath(path) for path in pool], dtype=str)
        except TypeError as error:
            raise TypeError(f"`pool` must be row numbers or paths. Got {error}.") from error
    return pool


def _check_ids(ids: ArrayLike | None, pool: NDArray[Any]) -> NDArray[Any]:
    """Ids of the galaxies, text."""
    name = "ids"
    if ids is None:
        ids, name = (pool, "pool") if pool.ndim == 1 else (np.arange(len(pool)), "ids")
    ids = check_ids(ids, name, None)
    if len(ids) != len(pool):
        raise ValueError(f"`ids` must be one per galaxy of the pool, {len(pool)}. Got {len(ids)}.")
    return ids


def _check_initial(initial: ArrayLike, n_galaxies: int) -> int | NDArray[Any]:
    """Size of the initial set, or distinct rows of the pool."""
    if np.isscalar(initial) or initial is None:
        return check_int(initial, "initial", 0)
    rows = np.asarray(_as_array(initial, "initial"))
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise TypeError(
            "`initial` must be an integer, or rows of the pool. "
            f"Got {rows.dtype} of shape {rows.shape}."
        )
    rows = rows.astype(np.int64)
    bad = (rows < 0) | (rows >= n_galaxies)
    if bad.any() or len(np.unique(rows)) < len(rows):
        problem = f"{rows[bad][0]} at {first_rows(bad)}" if bad.any() else "a row twice"
        raise ValueError(
            f"`initial` must be distinct rows of the {n_galaxies} of the pool. Got {problem}."
        )
    return rows


def check_test(
    test: Any, pool: NDArray[Any], tree: DecisionTree | None
) -> tuple[ArrayLike, ArrayLike] | None:
    """Test set (X, y), of which no galaxy is in the pool."""
    if test is None:
        return None
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise TypeError(f"`test` must be None or (X, y). Got {type(test).__name__}.")
    X = _as_array(test[0], "test")
    y = test[1] if hasattr(test[1], "shape") else _as_array(test[1], "test")
    n_galaxies = X.shape[0] if X.ndim else 0
    try:
        if tree is None:
            check_targets(y, None, n_galaxies)
        else:
            y = tree.check_counts(y, n_galaxies)
    except ValueError as error:
        raise ValueError(f"`test` must be (X, y), of the same galaxies. {error}") from error
    if X.shape[0] == 0:
        raise ValueError("`test` must have at least one galaxy. Got none.")
    if X.ndim == pool.ndim == 1:
        both = np.isin(np.asarray(X), pool)
        if both.any():
            raise ValueError(
                "`test` must hold no galaxy of the pool: what is taught cannot test. "
                f"Got {np.asarray(X)[both][0]!s} in row {first_rows(both)}."
            )
    return X, y


def _check_scoring(scoring: Any, estimator: Any) -> None:
    """Refuse anything but scikit-learn's ways to name scores."""
    try:
        if isinstance(scoring, Mapping) and not all(
            isinstance(one, str) or callable(one) for one in scoring.values()
        ):
            raise TypeError("the values must be names or callables")
        check_scoring(estimator, scoring=scoring)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"`scoring` must be as in sklearn.model_selection.cross_validate. Got "
            f"{shortened(scoring)}: {error}"
        ) from error


def _as_array(values: Any, name: str) -> Any:
    """Array of rows, as it was given if it is one; nothing masked, sparse or ragged."""
    refuse_masked(values, name)
    if sparse.issparse(values):
        raise TypeError(f"`{name}` must be an array. Got a sparse one; pass `toarray()`.")
    try:
        return values if hasattr(values, "shape") else np.asarray(values)
    except ValueError as error:
        raise ValueError(f"`{name}` must be an array. Got {shortened(values)}: {error}") from error


def _check_callables(given: Any, name: str) -> tuple[Callable[..., Any], ...]:
    """Callables, one or several, as a tuple."""
    several = (given,) if callable(given) else given
    if not isinstance(several, tuple | list) or not all(map(callable, several)):
        raise TypeError(f"`{name}` must be a callable or a sequence of them. Got {given!r}.")
    return tuple(several)
