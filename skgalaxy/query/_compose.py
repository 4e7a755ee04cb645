"""Strategies of parts: a score, a selector, and a random share."""

from functools import partial

import numpy as np
from sklearn.utils import check_random_state

from skgalaxy._validation import check_float, check_int
from skgalaxy.pools import n_rows
from skgalaxy.query._pool import Shortlist, check_n_instances, count_galaxies, scored
from skgalaxy.query._selectors import Candidates, select_best

__all__ = ["make_query", "mix_random", "query_pool"]

_CANDIDATES_PER_PICK = 10


def make_query(score, select=select_best, *, n_candidates=None):
    """Make a query strategy of a score and a selector.

    Parameters
    ----------
    score : callable
        ``score(posterior, n_votes)`` returns a number per galaxy, the higher the better. Methods
        of `VotePosterior` will do.
    select : callable, default=select_best
        ``select(candidates, n_instances, random_state)`` returns places among `Candidates`, best
        first, and the scores to report: `select_best`, `select_power`, `select_jointly`, or your
        own.
    n_candidates : int, default=None
        None gives `select` the scores of the whole pool. A number gives it a shortlist of the
        highest scores with its posterior, which is kept while the pool goes by: so many
        galaxies, or ten times `n_instances` if that is more.

    Returns
    -------
    strategy : callable
        ``strategy(learner, X, n_instances=1, *, n_votes=40, random_state=None, checkpoint=None,
        verbose=False)``, as `mutual_information_sampling`. It can be pickled if its parts can.

    Raises
    ------
    TypeError, ValueError
        If a part is no callable or `n_candidates` no number >= 1.

    Examples
    --------
    Galaxies for which the posterior of ρ is widest, drawn at random by that width:

    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> def width(posterior, n_votes):
    ...     low, high = posterior.interval(0.9)
    ...     return high - low
    >>> strategy = query.make_query(width, query.select_power)
    >>> pool = [[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]]
    >>> indices, scores = strategy(Fitted(), pool, n_instances=2, random_state=0)
    >>> print(indices, scores.round(2))
    [1 2] [0.54 0.18]
    """
    for name, part in (("score", score), ("select", select)):
        if not callable(part):
            raise TypeError(f"`{name}` must be callable. Got {part!r}.")
    if n_candidates is not None:
        check_int(n_candidates, "n_candidates", 1)
    return partial(query_pool, score=score, select=select, n_candidates=n_candidates)


def query_pool(
    learner,
    X,
    n_instances=1,
    *,
    score,
    select=select_best,
    n_candidates=None,
    n_votes=40,
    random_state=None,
    checkpoint=None,
    verbose=False,
):
    """Score a pool in one pass and select of it; what all strategies do."""
    check_n_instances(n_instances, n_rows(X))
    rng, shortlist = check_random_state(random_state), None
    if n_candidates is not None:
        size = max(check_int(n_candidates, "n_candidates", 1), _CANDIDATES_PER_PICK * n_instances)
        shortlist = Shortlist(size, np.random.RandomState(rng.randint(2**31 - 1)))
    scores = scored(learner, X, score, n_votes, checkpoint, verbose, shortlist)
    check_n_instances(n_instances, len(scores))
    rows = np.arange(len(scores)) if shortlist is None else shortlist.rows
    posterior = None if shortlist is None else shortlist.posterior(learner, X)
    n_votes = np.broadcast_to(n_votes, len(scores))[rows]
    selected = select(Candidates(rows, scores[rows], n_votes, posterior), n_instances, rng)
    positions, scores = _check_selected(selected, n_instances, len(rows))
    return rows[positions], scores


def _check_selected(selected, n_instances, n_candidates):
    """Return places and scores of a selector that may be anybody's."""
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


def mix_random(strategy, share=0.1):
    """Make a strategy that asks about a share of galaxies at random.

    Galaxies that a strategy picks are no random draw of the sky: what is learned of their votes
    cannot tell whether the posterior is calibrated there. Those picked at random can.

    Parameters
    ----------
    strategy : callable
        Any strategy in modAL's signature that takes `random_state`.
    share : float, default=0.1
        Share of every batch in [0, 1]; rounded up or down at random so that it is right on
        average.

    Returns
    -------
    strategy : callable
        In the same signature. The random galaxies come last, drawn evenly from those that the
        strategy did not pick; their scores are NaN, by which they can be told.

    Raises
    ------
    TypeError, ValueError
        If `strategy` is no callable, or `share` is outside [0, 1].

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> strategy = query.mix_random(query.mutual_information_sampling, share=0.5)
    >>> pool = [[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]]
    >>> indices, scores = strategy(Fitted(), pool, n_instances=2, random_state=0)
    >>> print(indices, scores.round(2))
    [1 0] [0.69  nan]
    """
    if not callable(strategy):
        raise TypeError(f"`strategy` must be callable. Got {strategy!r}.")
    return partial(_mixed, strategy, check_float(share, "share", 0, 1))


def _mixed(strategy, share, learner, X, n_instances=1, *, random_state=None, **options):
    total = count_galaxies(X)
    check_n_instances(n_instances, total)
    rng = check_random_state(random_state)
    n_random = int(share * n_instances + rng.uniform())
    picked, scores = np.empty(0, dtype=np.intp), np.empty(0)
    if n_random < n_instances:
        n_picked = n_instances - n_random
        picked, scores = strategy(learner, X, n_picked, random_state=rng, **options)
    rest = np.setdiff1d(np.arange(total), picked)
    at_random = rng.choice(rest, n_random, replace=False)
    return np.append(picked, at_random), np.append(scores, np.full(n_random, np.nan))
