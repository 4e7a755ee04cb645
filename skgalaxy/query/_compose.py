"""Strategies that you put together: a score, a selector, and a share that is picked otherwise."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec

import numpy as np
from numpy.typing import ArrayLike

from skgalaxy._pools import count_rows
from skgalaxy._validation import check_float, check_int, check_seed
from skgalaxy.novelty import FALSE_ALARMS
from skgalaxy.query._learners import pool_of, predict_novelty
from skgalaxy.query._pool import Score, check_eligible, check_n_instances
from skgalaxy.query._selectors import Select, select_best
from skgalaxy.query._strategy import Picked, Query, Strategy, pick, strategy

__all__ = ["limit_unlike", "make_query", "mix_random"]

P = ParamSpec("P")


def make_query(
    score: Score, select: Select = select_best, *, n_candidates: int | None = None
) -> Strategy:
    """Make a query strategy from a score and a selector.

    Parameters
    ----------
    score : callable
        ``score(posterior, n_votes)`` returns a number per galaxy; the highest are asked first. You
        can pass a method of `VotePosterior`, for example ``VotePosterior.mutual_information``.
    select : callable, default=select_best
        ``select(candidates, n_instances, random_state)`` returns places among `Candidates`, best
        first, and the scores to report: `select_best`, `select_power`, `select_jointly`, or your
        own.
    n_candidates : int, default=None
        Size of the shortlist, for selectors that compare galaxies. `select` then gets this many
        galaxies of the highest scores with their posterior, or ten times `n_instances` if that is
        more. None gives it the scores of the whole pool, without a posterior.

    Returns
    -------
    strategy : callable
        ``strategy(learner, X, n_instances=1, *, n_votes=40, eligible=None, random_state=None,
        checkpoint=None, verbose=False)``, as `mutual_information_sampling`. It can be pickled if
        its parts can.

    Raises
    ------
    TypeError, ValueError
        If a part is not callable, or `n_candidates` is not an integer >= 1.

    Examples
    --------
    Galaxies drawn at random, with a chance that grows with the width of the posterior of ρ:

    >>> from skgalaxy import VotePosterior, query
    >>> def width(posterior, n_votes):
    ...     low, high = posterior.interval(0.9)
    ...     return high - low
    >>> strategy = query.make_query(width, query.select_power)
    >>> pool = VotePosterior([[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]])
    >>> indices, scores = strategy(pool, None, n_instances=2, random_state=0)
    >>> print(indices, scores.round(2))
    [1 2] [0.54 0.18]
    """
    for name, part in (("score", score), ("select", select)):
        if not callable(part):
            raise TypeError(f"`{name}` must be callable. Got {part!r}.")
    if n_candidates is not None:
        check_int(n_candidates, "n_candidates", 1)
    # a partial of a module's function can be pickled; a function made in here could not
    return partial(_composed, score=score, select=select, n_candidates=n_candidates)


@strategy
def _composed(query: Query, *, score: Score, select: Select, n_candidates: int | None) -> Picked:
    """Pick galaxies by a score and a selector."""
    return pick(query, score, select, n_candidates)


def mix_random(strategy: Callable[P, Picked], share: float = 0.1) -> Callable[P, Picked]:
    """Make a strategy that asks about a share of galaxies at random.

    A strategy's picks are no random draw of the sky. So their votes cannot show you whether the
    posterior is calibrated there. The votes on galaxies picked at random can.

    Parameters
    ----------
    strategy : callable
        Any strategy in modAL's signature that takes `random_state`, for example
        `joint_variance_sampling`.
    share : float, default=0.1
        Share of every batch in [0, 1]; rounded up or down at random so that it is right on
        average.

    Returns
    -------
    strategy : callable
        In the same signature. The random galaxies come last, drawn evenly from those that
        `strategy` did not pick. You can tell them by their scores, which are NaN.

    Raises
    ------
    TypeError, ValueError
        If `strategy` is not callable, or `share` is outside [0, 1].

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> strategy = query.mix_random(query.mutual_information_sampling, share=0.5)
    >>> pool = VotePosterior([[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]])
    >>> indices, scores = strategy(pool, None, n_instances=2, random_state=0)
    >>> print(indices, scores.round(2))
    [1 0] [0.69  nan]
    """
    if not callable(strategy):
        raise TypeError(f"`strategy` must be callable. Got {strategy!r}.")
    return _around(strategy, _mixed, check_float(share, "share", 0, 1))


def _around(strategy: Callable[P, Picked], ask: Callable[..., Picked], *own: Any) -> Any:
    """A strategy made of another one, in the same signature: `active.run` gives it as much."""
    made = partial(ask, strategy, *own)
    seed = inspect.Parameter("random_state", inspect.Parameter.KEYWORD_ONLY, default=None)
    given = inspect.signature(strategy).parameters.values()
    parameters = [one for one in given if one.name != seed.name]
    is_last = bool(parameters) and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD
    parameters.insert(len(parameters) - is_last, seed)
    made.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return made


def _mixed(
    strategy: Callable[..., Picked],
    share: float,
    learner: Any,
    X: Any,
    n_instances: int = 1,
    *,
    eligible: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    **options: Any,
) -> Picked:
    X = pool_of(learner, X)
    total = count_rows(X)
    rows = np.arange(total)
    mask = check_eligible(eligible, total)
    if mask is not None:  # passed on only if given: a strategy of yours need not know it
        options["eligible"] = mask
        rows = rows[mask]
    check_n_instances(n_instances, total, mask)
    rng = check_seed(random_state)
    # rounded up or down at random, so that the share is right on average
    n_random = int(share * n_instances + rng.uniform())
    picked, scores = np.empty(0, dtype=np.intp), np.empty(0)
    if n_random < n_instances:  # else nothing need be predicted
        n_picked = n_instances - n_random
        picked, scores = strategy(learner, X, n_picked, random_state=rng, **options)
    at_random = rng.choice(np.setdiff1d(rows, picked), n_random, replace=False)
    return np.append(picked, at_random), np.append(scores, np.full(n_random, np.nan))


def limit_unlike(
    strategy: Callable[P, Picked], share: float = 0.0, *, false_alarms: float = FALSE_ALARMS
) -> Callable[P, Picked]:
    """Make a strategy that asks about few galaxies unlike those learned from, or about none.

    Networks may disagree most about pictures that show no galaxy, or come from another survey.
    Votes on these are lost, unless you want to learn about that survey.

    Parameters
    ----------
    strategy : callable
        Any strategy in modAL's signature that takes `eligible` and `random_state`, for example
        `joint_variance_sampling`.
    share : float, default=0
        Share of every batch in [0, 1] that may be unlike; rounded up or down at random so that it
        is right on average. 0 leaves all of them out.
    false_alarms : float, default=0.01
        Share of galaxies like those learned from that are called unlike, too.

    Returns
    -------
    strategy : callable
        In the same signature, for learners that `predict_novelty` takes. Those unlike come last.
        They are fewer than their share where the pool has fewer.

    Raises
    ------
    TypeError, ValueError
        If `strategy` is not callable, or `share` or `false_alarms` is out of range.

    Examples
    --------
    >>> from skgalaxy import query
    >>> strategy = query.limit_unlike(query.joint_variance_sampling, share=0.1)
    >>> query.limit_unlike(query.joint_variance_sampling, share=10)
    Traceback (most recent call last):
        ...
    ValueError: `share` must be a number in [0, 1]. Got 10.
    """
    if not callable(strategy):
        raise TypeError(f"`strategy` must be callable. Got {strategy!r}.")
    check_float(false_alarms, "false_alarms", 0, 1, closed="neither")
    return _around(strategy, _limited, check_float(share, "share", 0, 1), false_alarms)


def _limited(
    strategy: Callable[..., Picked],
    share: float,
    false_alarms: float,
    learner: Any,
    X: Any,
    n_instances: int = 1,
    *,
    eligible: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    **options: Any,
) -> Picked:
    X = pool_of(learner, X)
    unlike = predict_novelty(learner, X).is_unlike(false_alarms)
    mask = check_eligible(eligible, len(unlike))
    check_n_instances(n_instances, len(unlike), mask)
    allowed = np.ones(len(unlike), dtype=bool) if mask is None else mask
    unlike, like = unlike & allowed, ~unlike & allowed
    rng = check_seed(random_state)
    n_unlike = min(int(share * n_instances + rng.uniform()), int(unlike.sum()))
    n_like = n_instances - n_unlike
    if n_like > like.sum():
        raise ValueError(
            f"`n_instances` must be at most {like.sum() + n_unlike}, as many as are like the "
            f"galaxies learned from, or within `share`. Got {n_instances}; ask about fewer, or "
            "raise `share`."
        )
    picked: list[Picked] = []
    for count, rows in ((n_like, like), (n_unlike, unlike)):
        if count:
            picked.append(strategy(learner, X, count, eligible=rows, random_state=rng, **options))
            # a checkpoint is of one choice
            options.pop("checkpoint", None)
    indices, scores = zip(*picked, strict=True)
    return np.concatenate(indices), np.concatenate(scores)
