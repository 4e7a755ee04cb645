"""Information over a decision tree of several galaxies together, in nats.

Galaxies whose networks disagree alike tell the same twice. Volunteers who walk down the tree for
each galaxy of a batch are one larger tree, so `joint_walk_information` simulates them as one. It
cannot exceed log D, which a few galaxies reach.

To pick a batch, `greedy_walks` takes walks for a Gaussian channel, as `greedy_information` takes
votes. Network d gives a galaxy a signal, ``x_da = 2 √n_q (√f_da - mean_d √f_da)`` for each answer
a of a question q that n_q volunteers are asked, in which their noise is 1 (Anscombe 1948)::

    I(counts of the batch; w) ~ ½ log det(1 + Σ_g t_g X_g X_gᵀ / D)

The scale t_g gives every galaxy the information that it has by itself. The channel has no limit at
log D.
"""

from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_int, check_n_votes
from skgalaxy.information.joint import check_batch, check_one_fold
from skgalaxy.information.tree import Simulation, after_votes, information_of
from skgalaxy.information.walks import Walks, as_walks
from skgalaxy.likelihoods.base import row_blocks
from skgalaxy.votes import DecisionTree

__all__ = ["greedy_walks", "joint_walk_information"]

_PREPARED = 2**20  # values of draws at once
_NOTHING = 1e-12  # of a signal


def joint_walk_information(
    draws: Any,
    n_walks: int,
    *,
    tree: DecisionTree | None = None,
    concentrations: ArrayLike | None = None,
    votes: Any = None,
    tolerance: float = 0.02,
    random_state: Any = 0,
) -> tuple[float, float]:
    """Mutual information between the votes on all galaxies of a batch and the network.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws, n_answers), or posterior over a tree
        As in `walk_information`; draw d is the same network for every galaxy.
    n_walks : int
        Number of volunteers you would show each galaxy to.
    tree, concentrations, votes, tolerance, random_state
        As in `walk_information`.

    Returns
    -------
    information : float
        At most the sum of the galaxies' own, and at most log n_draws.
    standard_error : float
        Of the simulation, at most `tolerance`; 0 where `information` is exact.

    Raises
    ------
    ValueError
        As in `walk_information`, or if galaxies are of several folds.

    References
    ----------
    Kirsch et al. 2019, BatchBALD, arXiv:1906.08158.

    Examples
    --------
    A galaxy and its twin tell little more than one of them:

    >>> from skgalaxy.acquisition import joint_walk_information
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree({"bar": ["yes", "no"]})
    >>> draws = [[[0.2, 0.8], [0.8, 0.2]]] * 2
    >>> round(joint_walk_information(draws[:1], 10, tree=tree)[0], 3)
    0.648
    >>> round(joint_walk_information(draws, 10, tree=tree)[0], 3)
    0.689
    """
    check_one_fold(draws)
    walks, tree = as_walks(draws, tree, concentrations)
    n_walks = check_int(n_walks, "n_walks", 0)
    simulation = Simulation(tolerance, random_state, 1)
    walks = after_votes(walks, tree, votes)
    if not len(walks):
        return 0.0, 0.0
    together = walks.together()
    value_G, error_G = information_of(together, n_walks, "n_walks", simulation)
    return float(value_G[0]), float(error_G[0])


def greedy_walks(
    draws: Any,
    information: ArrayLike,
    n_instances: int,
    *,
    n_walks: ArrayLike = 40,
    tree: DecisionTree | None = None,
    concentrations: ArrayLike | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pick galaxies one after the other, each the one whose walks add most to those before it.

    It is `greedy_information` for a decision tree. The picks together have at least 1 - 1/e of the
    information of the best set.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws, n_answers), or posterior over a tree
        As in `walk_information`; draw d is the same network for every galaxy.
    information : array-like of shape (n_galaxies,)
        Information of each galaxy's walks alone, in nats, for example of `walk_information`.
    n_instances : int
        Number of galaxies to pick.
    n_walks : int or array-like of shape (n_galaxies,), default=40
        Number of volunteers who walk down the tree for each galaxy.
    tree, concentrations
        As in `walk_information`.

    Returns
    -------
    picks, gains : ndarrays of shape (n_instances,)
        As of `greedy_information`.

    Raises
    ------
    ValueError
        As in `greedy_information`.

    References
    ----------
    Minoux 1978, Optimization Techniques 7, 234 (only gains that may be the largest are computed).

    Examples
    --------
    The second galaxy is the first again, and the third tells something new:

    >>> from skgalaxy.acquisition import greedy_walks
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree({"bar": ["yes", "no"]})
    >>> yes = [[0.1, 0.9, 0.1, 0.9], [0.1, 0.9, 0.1, 0.9], [0.2, 0.2, 0.7, 0.7]]
    >>> draws = [[[rho, 1 - rho] for rho in row] for row in yes]
    >>> picks, gains = greedy_walks(draws, [0.6, 0.59, 0.4], n_instances=3, tree=tree)
    >>> print(picks, gains.round(2))
    [0 2 1] [0.6  0.4  0.26]
    """
    check_one_fold(draws)
    walks, _ = as_walks(draws, tree, concentrations)
    own_G = check_batch(information, n_instances, len(walks))
    n_G = check_n_votes(n_walks, len(walks), name="n_walks")
    scale_G = _scales(walks, n_G, own_G)
    known_DD = np.eye(walks.n_draws)  # covariance of the networks' directions, given the picks
    picks, gains = np.empty(n_instances, dtype=np.intp), np.empty(n_instances)
    heap = [(-gain, row, 0) for row, gain in enumerate(own_G.tolist())]
    heapify(heap)
    for number in range(n_instances):
        while True:
            gain, row, when = heappop(heap)
            signal_DA = _signals(walks[[row]], n_G[[row]])[0] * np.sqrt(scale_G[row])
            seen_DA = known_DD @ signal_DA
            noise_AA = np.eye(signal_DA.shape[1]) + signal_DA.T @ seen_DA
            if when == number or not scale_G[row]:  # nothing that it could share
                break
            # gains only fall, so the first that is up to date and still ahead is the largest
            again = min(-gain, float(np.linalg.slogdet(noise_AA)[1]) / 2)
            heappush(heap, (-again, row, number))
        picks[number], gains[number] = row, -gain
        # Gaussian conditioning on the pick's votes
        known_DD -= seen_DA @ np.linalg.solve(noise_AA, seen_DA.T)
    return picks, gains


def _signals(walks: Walks, n_G: NDArray[Any]) -> NDArray[Any]:
    """Signals of the networks in votes whose noise is 1, shape (G, D, A)."""
    roots_GDA = np.sqrt(walks.fractions)
    roots_GDA -= roots_GDA.mean(axis=1, keepdims=True)
    n_GDQ = n_G[:, None, None] * walks.asked()
    if walks.scatter is not None:
        # n votes of an urn tell about as much as so many independent ones
        n_GDQ *= (1 + walks.scatter) / (1 + walks.scatter * n_GDQ)
    amplitude_GQ = 2 * np.sqrt(n_GDQ.mean(axis=1) / walks.n_draws)
    for number, question in enumerate(walks.questions):
        roots_GDA[..., question.answers] *= amplitude_GQ[:, None, number, None]
    return roots_GDA


def _scales(walks: Walks, n_G: NDArray[Any], own_G: NDArray[Any]) -> NDArray[Any]:
    """Scales t with ½ log det(1 + t XᵀX) = I, shape (G,); 0 where there is no signal."""
    power_GA = np.empty((len(walks), walks.fractions.shape[2]))
    for rows in row_blocks(len(walks), _PREPARED // walks.fractions[:1].size):
        signals_GDA = _signals(walks[rows], n_G[rows])
        power_GA[rows] = np.linalg.eigvalsh(signals_GDA.swapaxes(1, 2) @ signals_GDA)
    power_GA = np.maximum(power_GA, 0)
    top_G = power_GA.max(axis=1)
    power_GA /= np.where(top_G > _NOTHING, top_G, np.inf)[:, None]
    low_G, high_G = np.full(len(walks), -40.0), 2 * own_G + 1  # of log t: one answer is enough
    for _ in range(60):
        middle_G = (low_G + high_G) / 2
        too_low_G = np.log1p(np.exp(middle_G)[:, None] * power_GA).sum(axis=1) < 2 * own_G
        low_G = np.where(too_low_G, middle_G, low_G)
        high_G = np.where(too_low_G, high_G, middle_G)
    has_G = (top_G > _NOTHING) & (own_G > 0)
    return np.where(has_G, np.exp(low_G), 0) / np.where(has_G, top_G, 1)
