"""Decorators that make query strategies: modAL's signature and one documentation for all.

`score_strategy` takes a score of single galaxies, ``score(posterior, n_votes, *, ...)``; the
strategy picks the highest. `strategy` takes a function of a `Query` that returns indices and
scores, for example by calling `pick`. Keyword-only arguments of either become the strategy's.

No type can say "this signature and those keywords", so the signatures that your editor shows stand
in ``_single.pyi`` and ``_batch.pyi``. A test holds them to the ones that are made here.
"""

from __future__ import annotations  # help() then shows `int | ArrayLike`, not what it stands for

import inspect
from collections.abc import Callable
from functools import partial, wraps
from os import PathLike
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._pools import n_rows
from skgalaxy._validation import check_int, check_seed
from skgalaxy.query._docstrings import with_common_sections
from skgalaxy.query._learners import pool_of
from skgalaxy.query._pool import (
    Score,
    Shortlist,
    check_eligible,
    check_expected_votes,
    check_n_instances,
    score_blocks,
)
from skgalaxy.query._selectors import Candidates, Select, select_best

__all__ = ["Picked", "Query", "Strategy", "pick", "score_strategy", "strategy"]

Picked = tuple[NDArray[np.intp], NDArray[np.float64]]

_CANDIDATES_PER_PICK = 10


class Query(NamedTuple):
    """The parameters that all strategies have, checked."""

    learner: Any
    X: Any
    n_instances: int
    n_votes: int | ArrayLike
    eligible: NDArray[np.bool_] | None
    rng: np.random.RandomState
    checkpoint: str | PathLike[str] | None
    verbose: bool


class Strategy(Protocol):
    """The signature that all strategies share."""

    def __call__(
        self,
        learner: Any,
        X: Any,
        n_instances: int = 1,
        *,
        n_votes: int | ArrayLike = 40,
        eligible: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        checkpoint: str | PathLike[str] | None = None,
        verbose: bool = False,
    ) -> Picked: ...


def strategy(function: Callable[..., Picked]) -> Callable[..., Picked]:
    """Decorate a function of a `Query`: it becomes a strategy in modAL's signature."""
    return _as_strategy(function, function)


def score_strategy(score: Callable[..., ArrayLike]) -> Callable[..., Picked]:
    """Decorate a score of single galaxies: it becomes a strategy that picks the highest."""
    return _as_strategy(score, partial(_pick_highest, score))


def _pick_highest(score: Callable[..., ArrayLike], query: Query, **own: Any) -> Picked:
    # a checkpoint knows a score by its name, and a partial one by its arguments, too
    return pick(query, partial(score, **own) if own else score)


def _as_strategy(
    described: Callable[..., Any], answer: Callable[..., Picked]
) -> Callable[..., Picked]:
    """Make a strategy with the name and text of one function, and the results of another."""
    own = _keyword_only(described)

    # the name and the module of `described`, so that a strategy can be pickled; not its annotations
    @wraps(described, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    def ask(
        learner: Any,
        X: Any,
        n_instances: int = 1,
        *,
        n_votes: int | ArrayLike = 40,
        eligible: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        checkpoint: str | PathLike[str] | None = None,
        verbose: bool = False,
        **options: Any,
    ) -> Picked:
        # the words that Python has for it
        if unknown := options.keys() - own.keys():
            raise TypeError(f"{ask.__name__}() got an unexpected keyword argument {min(unknown)!r}")
        X = pool_of(learner, X)
        n_votes = check_expected_votes(n_votes, n_rows(X))  # of those that rank without it, too
        mask = check_eligible(eligible, n_rows(X))
        check_n_instances(n_instances, n_rows(X), mask)
        rng = check_seed(random_state)
        query = Query(learner, X, n_instances, n_votes, mask, rng, checkpoint, verbose)
        return answer(query, **{name: own[name].default for name in own} | options)

    _describe(ask, own)
    return ask


def _describe(ask: Any, own: dict[str, inspect.Parameter]) -> None:
    """Give a strategy its signature and its docstring, with its own parameters among the common."""
    common = inspect.signature(ask, follow_wrapped=False)
    *parameters, _ = common.parameters.values()  # all but **options
    at = [parameter.name for parameter in parameters].index("eligible")
    parameters[at:at] = own.values()
    ask.__signature__ = common.replace(parameters=parameters)
    if ask.__doc__:  # python -OO leaves none
        ask.__doc__ = with_common_sections(ask.__doc__)


def _keyword_only(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(function).parameters
    return {name: p for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}


def pick(
    query: Query,
    score: Score,
    select: Select = select_best,
    n_candidates: int | None = None,
) -> Picked:
    """Score a pool in one pass and select a batch from it.

    Parameters
    ----------
    query : Query
        The pool, the number of galaxies, and the other parameters that all strategies have.
    score, select, n_candidates
        As in `make_query`.

    Returns
    -------
    indices, scores : ndarray of shape (n_instances,)
    """
    candidates = _candidates(query, score, n_candidates)
    selected = select(candidates, query.n_instances, query.rng)
    positions, scores = _check_selected(selected, query.n_instances, len(candidates.rows))
    return candidates.rows[positions], scores


def _candidates(query: Query, score: Score, n_candidates: int | None) -> Candidates:
    """Score the pool: all eligible galaxies, or a shortlist of the highest with its posterior."""
    learner, X, n_instances, n_votes, eligible, rng, checkpoint, verbose = query
    shortlist = None
    if n_candidates is not None:
        size = max(check_int(n_candidates, "n_candidates", 1), _CANDIDATES_PER_PICK * n_instances)
        # a stream of its own: the selector's draws do not depend on the size of the pool
        tie_breaker = np.random.RandomState(rng.randint(2**31 - 1))
        shortlist = Shortlist(size, tie_breaker, eligible)
    blocks = []
    for scores, posterior in score_blocks(learner, X, score, n_votes, checkpoint, verbose):
        blocks.append(scores)
        if shortlist is not None:
            shortlist.add(scores, posterior)
    scores = np.concatenate(blocks)
    check_n_instances(n_instances, len(scores))  # the size of batches is known only now
    n_votes = np.broadcast_to(n_votes, len(scores))  # checked by `score_blocks`
    if shortlist is None:
        rows = np.arange(len(scores)) if eligible is None else np.flatnonzero(eligible)
        return Candidates(rows, scores[rows], n_votes[rows], None)
    rows = shortlist.rows
    return Candidates(rows, scores[rows], n_votes[rows], shortlist.posterior(learner, X))


def _check_selected(
    selected: tuple[ArrayLike, ArrayLike], n_instances: int, n_candidates: int
) -> Picked:
    """Places and scores of a selector, which you may have written."""
    positions, scores = map(np.asarray, selected)
    # a negative or repeated place would pass as an index, and pick a wrong galaxy
    if not (
        positions.shape == scores.shape == (n_instances,)
        and positions.dtype.kind in "iu"
        and np.isin(positions, np.arange(n_candidates)).all()
        and len(np.unique(positions)) == n_instances
    ):
        raise ValueError(
            f"`select` must return {n_instances} distinct places among the {n_candidates} "
            f"candidates, and as many scores. Got {positions} and {scores}."
        )
    return positions, scores
