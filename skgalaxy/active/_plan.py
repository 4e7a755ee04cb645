"""What a run was told to do, checked, and what that means for a round."""

import inspect
import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from skgalaxy._validation import check_ids, check_int, check_n_votes, check_targets, first_rows
from skgalaxy.active._identity import describe, describe_estimator, describe_strategy, digest
from skgalaxy.active._volunteers import Volunteers

__all__ = ["Plan"]

_COLUMNS = ("round", "seed", "n_asked", "n_labelled", "n_votes", "model")  # of rounds


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The arguments of `run`, checked."""

    learner: Any
    pool: np.ndarray
    volunteers: Any
    ids: np.ndarray
    initial: Any  # an int, or rows
    n_instances: int
    n_rounds: int | None
    max_labels: int | None
    max_votes: int | None
    stop: tuple
    n_votes: np.ndarray | None
    n_candidates: int | None
    test: tuple | None
    scoring: Any
    callbacks: tuple

    @classmethod
    def checked(cls, learner, pool, volunteers, *, ids, initial, n_votes, **given):
        """Return a plan, or say what is wrong with the arguments before anything is done."""
        _check_learner(learner)
        if not isinstance(volunteers, Volunteers):
            raise TypeError(
                "`volunteers` must have the methods `request(ids)` and `collect()`. "
                f"Got {type(volunteers).__name__}."
            )
        pool = _check_pool(pool)
        sizes = {"n_instances": 1, "n_rounds": 0, "max_labels": 1, "max_votes": 1}
        sizes["n_candidates"] = given["n_instances"]
        for name, least in sizes.items():
            if given[name] is not None or name == "n_instances":
                given[name] = check_int(given[name], name, least)
        for name in ("stop", "callbacks"):
            given[name] = _check_callables(given[name], name)
        plan = cls(
            learner=learner,
            pool=pool,
            volunteers=volunteers,
            ids=_check_ids(ids, pool),
            initial=_check_initial(initial, len(pool)),
            n_votes=None if n_votes is None else check_n_votes(n_votes, len(pool)),
            **{**given, "test": _check_test(given["test"], pool)},
        )
        plan._check_start()
        plan._check_scores()
        return plan

    def identity(self):
        """Return what makes this run another than others, as text by the names of arguments."""
        learner, test = self.learner, self.test
        texts = {
            "pool": digest(self.ids, whole=True),
            "initial": describe(self.initial),
            "n_instances": describe(self.n_instances),
            "n_candidates": describe(self.n_candidates),
            "n_votes": describe(self.n_votes),
            "test": describe(test),
            "scoring": describe(self.scoring),
            "learner.X_training": describe(learner.X_training),
            "learner.y_training": describe(learner.y_training),
        }
        if self.pool.dtype.kind != "U":  # files may move, as long as their ids stay
            texts["pool"] += f", {digest(self.pool, whole=True)}"
        return {
            **texts,
            **describe_estimator(learner.estimator),
            **describe_strategy(learner.query_strategy),
        }

    @property
    def is_warm(self):
        """Whether a model goes on from the one of the round before."""
        return any(value is True for value in _parameters(self.learner, "warm_start").values())

    def next_size(self, rounds, asked):
        """Return how many galaxies to ask about next, and why the run stops; else None."""
        if len(rounds) == 0:
            return self._n_initial, None
        n_labelled, spent = map(int, rounds[["n_labelled", "n_votes"]].iloc[-1])
        left = self._not_asked(asked)
        limits = [(len(left), "the pool is exhausted")]
        if self.n_rounds is not None and len(rounds) > self.n_rounds:
            limits.append((0, "n_rounds is reached"))
        if self.max_labels is not None:
            limits.append((self.max_labels - n_labelled, "max_labels is reached"))
        if self.max_votes is not None:
            each = spent / n_labelled if self.n_votes is None else self.n_votes[left].mean()
            affordable = (self.max_votes - spent) / each if each else math.inf
            limits.append((affordable, "max_votes is reached"))
        size, reason = min(limits, key=lambda limit: limit[0])
        if size < 1:
            return 0, reason
        return min(self.n_instances, size), self._stopping(rounds)

    def choose(self, number, learner, asked, size, seed):
        """Return rows of the pool to ask about, their ids, and their scores."""
        left, rng = self._not_asked(asked), np.random.default_rng(seed)
        if number == 0:
            rows = rng.choice(left, size, False) if np.ndim(self.initial) == 0 else self.initial
            return rows, self.ids[rows], np.full(len(rows), np.nan)
        if self.n_candidates is not None and self.n_candidates < len(left):
            left = np.sort(rng.choice(left, self.n_candidates, replace=False))
        arguments = {"n_instances": int(size)}
        wanted = _arguments(learner.query_strategy)
        if wanted.get("random_state", 0) is None:
            arguments["random_state"] = seed
        if self.n_votes is not None and "n_votes" in wanted:
            arguments["n_votes"] = self.n_votes[left]
        picked = learner.query_strategy(learner, self.pool[left], **arguments)
        indices, scores = _check_picked(picked, int(size), len(left))
        return left[indices], self.ids[left[indices]], scores

    def fit(self, learner, rows, y, seed):
        """Train on rows of the pool and their votes; return the number of galaxies and votes."""
        X = self.pool[rows]
        if self.learner.X_training is not None:
            X = np.concatenate([self.learner.X_training, X])
            y = np.concatenate([self.learner.y_training, y])
        learner.estimator.set_params(
            **{
                name: seed
                for name, value in _parameters(self.learner, "random_state").items()
                if value is None
            }
        )
        learner.fit(X, y)
        return len(y), int(y[:, 1].sum())

    def score(self, learner):
        """Return the scores on the test set, by name."""
        if self.test is None:
            return {}
        scores = self._scorer()(learner.estimator, *self.test)
        return scores if isinstance(scores, dict) else {self._score_names()[0]: scores}

    @property
    def _n_initial(self):
        return self.initial if np.ndim(self.initial) == 0 else len(self.initial)

    def _not_asked(self, asked):
        """Return the rows of the pool that the learner knows nothing of."""
        unknown = np.ones(len(self.pool), dtype=bool)
        unknown[asked] = False
        taught = self.learner.X_training
        if taught is not None and np.ndim(taught) == self.pool.ndim == 1:
            unknown &= ~np.isin(self.pool, taught)
        return np.flatnonzero(unknown)

    def _stopping(self, rounds):
        """Return the name of a rule that says to stop; None if none does."""
        for rule in self.stop:
            if rule(rounds):
                return getattr(rule, "__name__", repr(rule))
        return None

    def _scorer(self):
        return check_scoring(self.learner.estimator, scoring=self.scoring)

    def _score_names(self):
        if self.test is None:
            return []
        if self.scoring is None or callable(self.scoring):
            return ["score"]
        return [self.scoring] if isinstance(self.scoring, str) else list(self.scoring)

    def _check_start(self):
        """Refuse an initial set that cannot be had, and a learner that would begin with nothing."""
        taught, n_initial = self.learner.X_training, self._n_initial
        n_taught = 0 if taught is None else len(taught)
        if n_taught and np.shape(self.learner.y_training) != (n_taught, 2):
            raise ValueError(
                "`learner` must have been taught counts [k, N], shape (n_galaxies, 2). "
                f"Got y of shape {np.shape(self.learner.y_training)}."
            )
        if n_initial + n_taught == 0:
            raise ValueError(
                "`initial` must be at least 1, unless the learner has been taught. Got none."
            )
        most = len(self.pool) if self.max_labels is None else self.max_labels - n_taught
        if n_initial > min(most, len(self.pool)):
            raise ValueError(
                f"`initial` must not exceed the {len(self.pool)} galaxies of the pool, nor "
                f"`max_labels`. Got {n_initial}."
            )

    def _check_scores(self):
        """Refuse scores that cannot be computed, or shown."""
        if self.test is None:
            if self.scoring is not None:
                raise ValueError("`scoring` needs a `test` set (X, y). Got none.")
        else:
            self._scorer()
        names = self._score_names()
        for name in names:
            if name in _COLUMNS:
                raise ValueError(
                    f"`scoring` must have other names than {', '.join(_COLUMNS)}. Got {name!r}."
                )
        for rule in self.stop:
            name = getattr(rule, "score", names[0] if names else None)
            if isinstance(name, str) and name not in names:
                raise ValueError(
                    f"`stop` must be about scores of `test`, here {names}. Got {rule!r}."
                )


def _check_learner(learner):
    """Refuse what is no ActiveLearner, and random states that cannot be had again."""
    if not all(hasattr(learner, name) for name in ("estimator", "query_strategy", "X_training")):
        raise TypeError(
            "`learner` must be a modAL ActiveLearner of an estimator or a Pipeline. "
            f"Got {type(learner).__name__}."
        )
    states = _parameters(learner, "random_state")
    states["query_strategy"] = _arguments(learner.query_strategy).get("random_state")
    for name, state in states.items():
        if not isinstance(state, int | np.integer | None):
            raise TypeError(
                "`random_state` of the learner's estimator and strategy must be None or an "
                f"integer, or a run could not be repeated. Got {state!r} in {name}; leave it out: "
                "the run seeds it."
            )


def _parameters(learner, kind):
    """Return the parameters of that name of an estimator and all that it is made of."""
    parameters = learner.estimator.get_params(deep=True).items()
    return {name: value for name, value in parameters if name.rpartition("__")[2] == kind}


def _arguments(strategy):
    """Return the defaults of a strategy's arguments, by name."""
    parameters = inspect.signature(strategy).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def _check_pool(pool):
    """Return the pool as an array of one or two dimensions, paths as text."""
    pool = pool if hasattr(pool, "shape") else np.asarray(pool)
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


def _check_ids(ids, pool):
    """Return the galaxies' ids, text."""
    name = "ids"
    if ids is None:
        ids, name = (pool, "pool") if pool.ndim == 1 else (np.arange(len(pool)), "ids")
    ids = check_ids(ids, name, None)
    if len(ids) != len(pool):
        raise ValueError(f"`ids` must be one per galaxy of the pool, {len(pool)}. Got {len(ids)}.")
    return ids


def _check_initial(initial, n_galaxies):
    """Return the initial set: how many, or distinct rows of the pool."""
    if np.ndim(initial) == 0:
        return check_int(initial, "initial", 0)
    rows = np.asarray(initial)
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


def _check_test(test, pool):
    """Return the test set (X, y), of which no galaxy is in the pool."""
    if test is None:
        return None
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise TypeError(f"`test` must be None or (X, y). Got {type(test).__name__}.")
    X, y = (part if hasattr(part, "shape") else np.asarray(part) for part in test)
    check_targets(y, None, len(X))
    if X.ndim == pool.ndim == 1:
        both = np.isin(np.asarray(X), pool)
        if both.any():
            raise ValueError(
                "`test` must hold no galaxy of the pool: what is taught cannot test. "
                f"Got {np.asarray(X)[both][0]!s} in row {first_rows(both)}."
            )
    return X, y


def _check_callables(given, name):
    """Return callables, one or several, as a tuple."""
    several = (given,) if callable(given) else given
    if not isinstance(several, tuple | list) or not all(map(callable, several)):
        raise TypeError(f"`{name}` must be a callable or a sequence of them. Got {given!r}.")
    return tuple(several)


def _check_picked(picked, size, n_candidates):
    """Return what a strategy has picked: distinct rows, and their scores."""
    rule = f"`query_strategy` must return (indices, scores) of {size} distinct rows"
    if not isinstance(picked, tuple) or len(picked) != 2:
        raise ValueError(f"{rule}. Got {type(picked).__name__}.")
    indices, scores = np.asarray(picked[0]), np.asarray(picked[1], dtype=np.float64)
    if indices.shape != (size,) or scores.shape != (size,) or indices.dtype.kind not in "iu":
        raise ValueError(
            f"{rule}. Got indices of {indices.dtype}, shape {indices.shape}, and scores of shape "
            f"{scores.shape}."
        )
    if indices.min() < 0 or indices.max() >= n_candidates or len(np.unique(indices)) < size:
        raise ValueError(f"{rule} of {n_candidates}. Got {indices}.")
    return indices, scores
