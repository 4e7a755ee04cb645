"""From scores of single galaxies to a batch: ``select(candidates, n_instances, random_state)``.

A selector returns ``(positions, scores)``: places among the candidates, best first, each once, and
the scores to report.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import kmeans_plusplus

from skgalaxy._validation import check_float, check_int
from skgalaxy.acquisition import greedy_information
from skgalaxy.exceptions import TooFewDrawsWarning
from skgalaxy.posterior import VotePosterior
from skgalaxy.query._learners import MANY_DRAWS

__all__ = [
    "Candidates",
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
        Where they are in the pool.
    scores : ndarray of shape (n_candidates,)
        What the score says of each.
    n_votes : ndarray of shape (n_candidates,)
        Volunteers who would be asked about each, N.
    posterior : VotePosterior or None
        Of a shortlist; None of a whole pool.
    """

    rows: np.ndarray
    scores: np.ndarray
    n_votes: np.ndarray
    posterior: VotePosterior | None


def select_best(candidates, n_instances, random_state):
    """Select the highest scores: top-k.

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
    positions = _order(candidates.scores, random_state)[:n_instances]
    return positions, candidates.scores[positions]


def _order(keys, random_state):
    """Return places by falling key, ties in random order."""
    return np.lexsort((random_state.permutation(len(keys)), -keys))


def select_power(candidates, n_instances, random_state, *, beta=1.0):
    """Draw without replacement, a score's chance growing as its power β (PowerBALD).

    Adds Gumbel noise to β log score and takes the highest, which is such a draw. Near-duplicates
    are seldom drawn together, as nothing is drawn for certain.

    Parameters
    ----------
    candidates : Candidates
        The galaxies to choose among.
    n_instances : int
        Number of galaxies to select.
    random_state : RandomState
        The noise.
    beta : float, default=1.0
        0 is random, infinity top-k. Scores of 0 or less come last, in random order.

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
    keys = log_scores if np.isinf(beta) else beta * log_scores + noise
    keys = np.where(scores > 0, keys, -np.inf)
    positions = _order(keys, random_state)[:n_instances]
    return positions, scores[positions]


def largest_batch(n_draws: int = MANY_DRAWS) -> int:
    """Compute how many galaxies so many draws tell apart well: half as many.

    D draws of a galaxy, their mean aside, are a point in D - 1 dimensions. By chance alone m other
    galaxies account for m / (D - 1) of it, as m regressors do for D random numbers. With half as
    many galaxies as draws, half of what they seem to have in common is chance. With D - 1 galaxies
    all is: nothing tells a next one from those before, and `select_jointly` warns of that.

    Parameters
    ----------
    n_draws : int, default=1000
        Networks drawn, of all estimators together.

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
) -> tuple[NDArray, NDArray]:
    """Select one after the other the galaxy that adds most to those before it.

    The scores must be information in nats; what galaxies share is told by their draws
    (`skgalaxy.acquisition.greedy_information`).

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
        What each adds to those before it, nats: the first its own score, then never rising.

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
            "`candidates` must have a posterior to be selected jointly. Got None; set "
            "`n_candidates` of `make_query`."
        )
    _warn_of_too_few_draws(candidates.posterior.likelihood.n_draws, n_instances)
    shuffled = random_state.permutation(len(candidates.scores))
    picks, gains = greedy_information(
        candidates.posterior[shuffled], candidates.scores[shuffled], n_instances
    )
    return shuffled[picks], gains


def _warn_of_too_few_draws(n_draws, n_instances):
    if n_instances > max(1, n_draws - 1):  # the dimensions that they span
        warnings.warn(
            f"{n_draws} draws cannot tell more than {max(1, n_draws - 1)} galaxies apart: "
            f"`n_instances` must be less than the draws, better half of them. Got {n_instances}; "
            "let skgalaxy.query.ensure_draws draw more networks, or pick fewer.",
            TooFewDrawsWarning,
            stacklevel=3,
        )


def select_spread(candidates, n_instances, random_state, *, features):
    """Select galaxies far from each other in `features`: k-means++ seeds, weighted by score.

    Returned best first. A galaxy is drawn by its score times its squared distance from those
    that are drawn already; where all distances are 0, the best of the rest make up the number.
    """
    weights = np.maximum(candidates.scores, 0)
    _, seeds = kmeans_plusplus(
        features,
        n_instances,
        sample_weight=weights if weights.any() else None,
        random_state=random_state,
    )
    order = _order(candidates.scores, random_state)
    seeds = np.unique(seeds)
    rest = order[~np.isin(order, seeds)]
    picked = np.append(seeds, rest[: n_instances - len(seeds)])
    positions = order[np.isin(order, picked)]
    return positions, candidates.scores[positions]
