"""From scores of single galaxies to a batch: ``select(candidates, n_instances, random_state)``.

A selector returns ``(positions, scores)``: places among the candidates, best first, each once, and
the scores to report. You can pass one to `make_query`, for example `select_power`.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import kmeans_plusplus

from skgalaxy._validation import check_float, check_int
from skgalaxy.acquisition import greedy_information, greedy_walks
from skgalaxy.exceptions import TooFewDrawsWarning
from skgalaxy.likelihoods import TreeLikelihood
from skgalaxy.posterior import Posterior
from skgalaxy.query._learners import MANY_DRAWS

__all__ = [
    "Candidates",
    "Select",
    "best_first",
    "largest_batch",
    "select_best",
    "select_jointly",
    "select_power",
    "select_spread",
]


class Candidates(NamedTuple):
    """The galaxies that a selector chooses among: the whole pool, or a shortlist.

    Attributes
    ----------
    rows : ndarray of shape (n_candidates,)
        Their rows in the pool.
    scores : ndarray of shape (n_candidates,)
        Their scores, for example mutual information in nats.
    n_votes : ndarray of shape (n_candidates,)
        Number of volunteers you would ask about each, N.
    posterior : VotePosterior, TreePosterior or None
        Posterior of a shortlist; None if the candidates are the whole pool.
    """

    rows: NDArray[np.intp]
    scores: NDArray[np.float64]
    n_votes: NDArray[Any]
    posterior: Posterior[Any] | None


# a selector, which you may have written: lists will do as results
Select = Callable[[Candidates, int, np.random.RandomState], tuple[ArrayLike, ArrayLike]]


def select_best(
    candidates: Candidates, n_instances: int, random_state: np.random.RandomState
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Select the highest scores: top-k.

    Near-duplicates have nearly the same score, so you may select them together. `select_power` and
    `select_jointly` avoid that, for example where galaxies come as several cutouts.

    Parameters
    ----------
    candidates : Candidates
        The galaxies to choose among.
    n_instances : int
        Number of galaxies to select.
    random_state : RandomState
        Breaks ties.

    Returns
    -------
    positions : ndarray of shape (n_instances,)
        Places among the candidates, best first.
    scores : ndarray of shape (n_instances,)
        Their scores.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.query import Candidates, select_best
    >>> candidates = Candidates(np.arange(3), np.array([0.1, 0.5, 0.2]), np.full(3, 40), None)
    >>> positions, scores = select_best(candidates, 2, np.random.RandomState(0))
    >>> print(positions, scores)
    [1 2] [0.5 0.2]
    """
    positions = best_first(candidates.scores, random_state)[:n_instances]
    return positions, candidates.scores[positions]


def best_first(keys: NDArray[np.float64], random_state: np.random.RandomState) -> NDArray[np.intp]:
    """Places by falling key, ties in random order."""
    # lexsort takes its last key first
    return np.lexsort((random_state.permutation(len(keys)), -keys))


def select_power(
    candidates: Candidates,
    n_instances: int,
    random_state: np.random.RandomState,
    *,
    beta: float = 1.0,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Draw galaxies without replacement, each with a chance that grows as score ** β (PowerBALD).

    No galaxy is certain to be drawn, so you seldom draw near-duplicates together.

    Parameters
    ----------
    candidates : Candidates
        The galaxies to choose among.
    n_instances : int
        Number of galaxies to select.
    random_state : RandomState
        Seed of the draw.
    beta : float, default=1.0
        Power of the score, for example 0 for a random draw and infinity for top-k. Scores of 0 or
        less come last, in random order.

    Returns
    -------
    positions : ndarray of shape (n_instances,)
        Places among the candidates, in the order drawn: the first m are a draw of m.
    scores : ndarray of shape (n_instances,)
        Their scores, not in order.

    Raises
    ------
    ValueError
        If `beta` is below 0.

    References
    ----------
    Kirsch et al. 2023, TMLR (arXiv:2106.12059).

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.query import Candidates, select_power
    >>> candidates = Candidates(np.arange(3), np.array([0.0, 0.5, 0.2]), np.full(3, 40), None)
    >>> rng = np.random.RandomState(0)
    >>> first = [select_power(candidates, 1, rng)[0][0] for _ in range(1000)]
    >>> print(np.bincount(first) / 1000)
    [0.    0.705 0.295]
    """
    check_float(beta, "beta", 0, np.inf)
    scores = candidates.scores
    log_scores = np.log(np.where(scores > 0, scores, 1))
    noise = random_state.gumbel(size=len(scores))
    # Gumbel top-k: the highest of β log score + noise are a draw by score ** β
    keys = log_scores if np.isinf(beta) else beta * log_scores + noise
    keys = np.where(scores > 0, keys, -np.inf)
    positions = best_first(keys, random_state)[:n_instances]
    return positions, scores[positions]


def largest_batch(n_draws: int = MANY_DRAWS) -> int:
    """Number of galaxies that `n_draws` draws tell apart well: half as many.

    D draws of a galaxy, less their mean, are a point in D - 1 dimensions. By chance alone, m other
    galaxies explain m / (D - 1) of it, as m regressors explain a share of D random numbers. If
    your batch is half the number of draws, half of the information that a galaxy seems to share
    with it is chance. If it is D - 1 galaxies, all is chance: a next galaxy cannot be told from
    those before, and `select_jointly` warns you.

    Parameters
    ----------
    n_draws : int, default=1000
        Draws of all networks of all estimators together, for example 250 of each of four networks.

    Returns
    -------
    n_instances : int
        At least 1.

    Raises
    ------
    ValueError
        If `n_draws` is below 1.

    Examples
    --------
    >>> from skgalaxy.query import largest_batch
    >>> largest_batch(n_draws=50)
    25
    """
    return max(1, check_int(n_draws, "n_draws", 1) // 2)


def select_jointly(
    candidates: Candidates, n_instances: int, random_state: np.random.RandomState
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Select galaxies one by one, each time the one that adds most to those before it.

    Your scores must be information in nats, for example mutual information. The draws show how
    much of it galaxies share (`skgalaxy.acquisition.greedy_information`).

    Parameters
    ----------
    candidates : Candidates
        A shortlist, with its posterior.
    n_instances : int
        Number of galaxies to select.
    random_state : RandomState
        Breaks ties.

    Returns
    -------
    positions : ndarray of shape (n_instances,)
        Places among the candidates, in the order picked.
    scores : ndarray of shape (n_instances,)
        The information that each adds to those before it, in nats: first the score itself, then
        never rising.

    Raises
    ------
    ValueError
        If the candidates have no posterior.

    Warns
    -----
    TooFewDrawsWarning
        If there are not more draws than galaxies to select; `largest_batch` says why.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.query import Candidates, select_jointly
    >>> draws = [[0.1, 0.9, 0.1, 0.9], [0.1, 0.9, 0.1, 0.9], [0.2, 0.2, 0.7, 0.7]]
    >>> scores, n_votes = np.array([0.6, 0.59, 0.4]), np.full(3, 40)
    >>> candidates = Candidates(np.arange(3), scores, n_votes, VotePosterior(draws))
    >>> positions, gains = select_jointly(candidates, 2, np.random.RandomState(0))
    >>> print(positions, gains.round(2))
    [0 2] [0.6 0.4]
    """
    if candidates.posterior is None:
        raise ValueError(
            "`candidates` must have a posterior to be selected jointly. Got the scores of a whole "
            "pool, which come without; set `n_candidates` of `make_query`."
        )
    _warn_of_too_few_draws(candidates.posterior.likelihood.n_draws, n_instances)
    shuffled = random_state.permutation(len(candidates.scores))  # of equal gains the first is taken
    posterior, scores = candidates.posterior[shuffled], candidates.scores[shuffled]
    if isinstance(posterior.likelihood, TreeLikelihood):
        n_walks = candidates.n_votes[shuffled]
        picks, gains = greedy_walks(posterior, scores, n_instances, n_walks=n_walks)
    else:
        picks, gains = greedy_information(posterior, scores, n_instances)
    return shuffled[picks], gains


def _warn_of_too_few_draws(n_draws: int, n_instances: int) -> None:
    if n_instances > max(1, n_draws - 1):  # the dimensions that they span
        warnings.warn(
            f"{n_draws} draws cannot tell more than {max(1, n_draws - 1)} galaxies apart: "
            f"`n_instances` must be less than the draws, better half of them. Got {n_instances}; "
            "let skgalaxy.query.ensure_draws draw more networks, or pick fewer.",
            TooFewDrawsWarning,
            stacklevel=3,  # the caller of `select_jointly`
        )


def select_spread(
    candidates: Candidates,
    n_instances: int,
    random_state: np.random.RandomState,
    *,
    features: NDArray[Any],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Select galaxies far from each other in `features`: k-means++ seeds, weighted by score.

    The chance of a galaxy is its score times its squared distance from those drawn already. If
    all distances are 0, the best of the rest make up the number. The results are best first.
    """
    # k-means++ wants weights >= 0 with a positive sum; rounding may leave a score of -1e-17
    weights = np.maximum(candidates.scores, 0)
    _, seeds = kmeans_plusplus(
        features,
        n_instances,
        sample_weight=weights if weights.any() else None,
        random_state=random_state,
    )
    order = best_first(candidates.scores, random_state)
    seeds = np.unique(seeds)  # among equal rows of `features` one may be drawn twice
    rest = order[~np.isin(order, seeds)]
    picked = np.append(seeds, rest[: n_instances - len(seeds)])
    positions = order[np.isin(order, picked)]
    return positions, candidates.scores[positions]
