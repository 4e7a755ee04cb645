"""Decorators that make query strategies: modAL's signature and one documentation for all.

`score_strategy` takes a score of single galaxies, ``score(posterior, n_votes, *, ...)``; the
strategy picks the highest. `strategy` takes a function of a `Query` that returns indices and
scores, mostly those that `pick` returns. Keyword-only arguments of either become the strategy's.
"""

import inspect
from collections.abc import Callable
from functools import partial, wraps
from os import PathLike
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skgalaxy._pools import n_rows
from skgalaxy._validation import check_int
from skgalaxy.query._docstrings import with_common_sections
from skgalaxy.query._learners import pool_of
from skgalaxy.query._pool import Shortlist, check_eligible, check_n_instances, score_blocks
from skgalaxy.query._selectors import Candidates, select_best

__all__ = ["Query", "Strategy", "pick", "score_strategy", "strategy"]

Picked = tuple[NDArray[np.intp], NDArray[np.float64]]

_CANDIDATES_PER_PICK = 10


class Query(NamedTuple):
    """What a strategy is asked; the parameters that all strategies have, checked."""

    learner: object
    X: ArrayLike
    n_instances: int
    n_votes: int | ArrayLike
    eligible: NDArray[np.bool_] | None
    rng: np.random.RandomState
    checkpoint: str | PathLike | None
    verbose: bool


class Strategy(Protocol):
    """The signature of all strategies."""

    def __call__(
        self,
        learner: object,
        X: ArrayLike | None,
        n_instances: int = 1,
        *,
        n_votes: int | ArrayLike = 40,
        eligible: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        checkpoint: str | PathLike | None = None,
        verbose: bool = False,
        **own: object,
    ) -> Picked: ...


def strategy(function: Callable[..., Picked]) -> Strategy:
    """Decorate a function of a `Query`: it becomes a strategy in modAL's signature."""
    return _as_strategy(function, function)


def score_strategy(score: Callable[..., ArrayLike]) -> Strategy:
    """Decorate a score of single galaxies: it becomes a strategy that picks the highest."""
    return _as_strategy(score, partial(_pick_highest, score))


def _pick_highest(score, query, **own):
    return pick(query, partial(score, **own) if own else score)


def _as_strategy(described, answer):
    """Make a strategy with the name and text of one function, and the results of another."""
    own = _keyword_only(described)

    @wraps(described)
    def ask(
        learner,
        X,
        n_instances=1,
        *,
        n_votes=40,
        eligible=None,
        random_state=None,
        checkpoint=None,
        verbose=False,
        **options,
    ):
        if unknown := options.keys() - own.keys():
            raise TypeError(f"{ask.__name__}() got an unexpected keyword argument {min(unknown)!r}")
        X = pool_of(learner, X)
        eligible = check_eligible(eligible, n_rows(X))
        check_n_instances(n_instances, n_rows(X), eligible)
        rng = check_random_state(random_state)
        query = Query(learner, X, n_instances, n_votes, eligible, rng, checkpoint, verbose)
        return answer(query, **{name: own[name].default for name in own} | options)

    common = inspect.signature(ask, follow_wrapped=False).parameters.values()
    *common, _ = common  # all but **options
    at = [parameter.name for parameter in common].index("eligible")
    ask.__signature__ = inspect.Signature([*common[:at], *own.values(), *common[at:]])
    if ask.__doc__:  # python -OO leaves none
        ask.__doc__ = with_common_sections(ask.__doc__)
    return ask


def _keyword_only(function):
    parameters = inspect.signature(function).parameters
    return {name: p for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}


def pick(
    query: Query,
    score: Callable[..., ArrayLike],
    select: Callable[..., Picked] = select_best,
    n_candidates: int | None = None,
) -> Picked:
    """Score a pool in one pass and select of it.

    Parameters
    ----------
    query : Query
        The pool, how many galaxies, and the rest that all strategies are told.
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


def _candidates(query, score, n_candidates):
    """Score the pool: all that is eligible, or a shortlist of the highest with its posterior."""
    learner, X, n_instances, n_votes, eligible, rng, *files = query
    shortlist = None
    if n_candidates is not None:
        size = max(check_int(n_candidates, "n_candidates", 1), _CANDIDATES_PER_PICK * n_instances)
        tie_breaker = np.random.RandomState(rng.randint(2**31 - 1))
        shortlist = Shortlist(size, tie_breaker, eligible)
    blocks = []
    for scores, posterior in score_blocks(learner, X, score, n_votes, *files):
        blocks.append(scores)
        if shortlist is not None:
            shortlist.add(scores, posterior)
    scores = np.concatenate(blocks)
    check_n_instances(n_instances, len(scores))  # of batches it is known only now
    n_votes = np.broadcast_to(n_votes, len(scores))
    if shortlist is None:
        rows = np.arange(len(scores)) if eligible is None else np.flatnonzero(eligible)
        return Candidates(rows, scores[rows], n_votes[rows], None)
    rows = shortlist.rows
    return Candidates(rows, scores[rows], n_votes[rows], shortlist.posterior(learner, X))


def _check_selected(selected, n_instances, n_candidates):
    """Places and scores of a selector, which may be anybody's."""
    positions, scores = map(np.asarray, selected)
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
