"""Clicks as a budget over galaxies and the questions of a decision tree.

A volunteer who walks down the tree gives as many answers as the walk is long; one who is asked a
question by itself gives one. So the information of a number of volunteers has a price in clicks,
and a galaxy has a menu: walks, or one of its questions, each of several numbers of volunteers.
`plan_clicks` takes one item of each menu, at most. Each menu is made concave, so that every further
click tells less than the one before it, and clicks are spent where they tell most. Nothing tells
more for as many clicks, but for the last items (Sinha & Zoltners 1979, the multiple-choice
knapsack).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_float, check_whole
from skgalaxy.information.tree import Simulation, after_votes, information_of
from skgalaxy.information.walks import as_walks
from skgalaxy.votes import DecisionTree

__all__ = ["plan_clicks"]

_NOTHING = 1e-6  # nats, and clicks, that rounding may leave


def plan_clicks(
    draws: Any,
    n_clicks: float,
    *,
    sizes: Sequence[int] = (5, 10, 20, 40),
    tree: DecisionTree | None = None,
    concentrations: ArrayLike | None = None,
    votes: Any = None,
    tolerance: float = 0.02,
    random_state: Any = 0,
    n_jobs: int | None = -1,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Spend a number of clicks on the galaxies and questions where they tell most.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws, n_answers), or posterior over a tree
        As in `walk_information`.
    n_clicks : float
        Number of answers that you can ask for in all.
    sizes : sequence of int, default=(5, 10, 20, 40)
        Numbers of volunteers that a galaxy may get.
    tree, concentrations, votes, tolerance, random_state, n_jobs
        As in `walk_information`.

    Returns
    -------
    n_walks : ndarray of shape (n_galaxies,)
        Volunteers who walk down the tree, one of `sizes` or 0.
    n_votes : ndarray of shape (n_galaxies, n_questions)
        Volunteers who are asked a question by itself, as in `question_information`. A galaxy gets
        either walks or one question, or nothing.

    Raises
    ------
    ValueError
        As in `walk_information`, or if `sizes` has a number below 1.

    Notes
    -----
    A walk costs the number of answers that the networks expect of it, so the clicks that volunteers
    give in the end scatter about `n_clicks`, of which a last item may leave a part. Galaxies are
    valued one by one, so near-duplicates count in full; see `greedy_walks`. It takes about ten
    times as long as `walk_information`: it needs that of each of `sizes`, and of all questions.

    References
    ----------
    Sinha & Zoltners 1979, Operations Research 27, 503.

    Examples
    --------
    Networks disagree about the arms of both galaxies, and agree how much of a disc they are:

    >>> from skgalaxy.acquisition import plan_clicks
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree(
    ...     {"disc": ["yes", "no"], "arms": ["yes", "no"]}, asked_after={"arms": ["disc_yes"]}
    ... )
    >>> draws = [
    ...     [[0.9, 0.1, 0.2, 0.8], [0.9, 0.1, 0.8, 0.2]],
    ...     [[0.5, 0.5, 0.4, 0.6], [0.5, 0.5, 0.6, 0.4]],
    ... ]
    >>> n_walks, n_votes = plan_clicks(draws, 30, tree=tree)
    >>> print(n_walks, n_votes.tolist())
    [0 0] [[0, 10], [0, 20]]
    """
    n_clicks = check_float(n_clicks, "n_clicks", 0, np.inf, closed="left")
    n_M = check_whole(sizes, "sizes")
    if n_M.ndim != 1 or not n_M.size or n_M.min() < 1:
        raise ValueError(f"`sizes` must be integers >= 1, at least one. Got {sizes!r}.")
    walks, tree = as_walks(draws, tree, concentrations)
    walks = after_votes(walks, tree, votes)
    simulation = Simulation(tolerance, random_state, n_jobs)
    one = np.ones(len(walks))
    menu = [(walks, walks.clicks())]
    menu += [(walks.alone(q, only_asked=False), one) for q in range(len(tree.questions))]
    value_GOM = np.empty((len(walks), len(menu), len(n_M)))
    cost_GOM = np.empty_like(value_GOM)
    for option, (asked, clicks_G) in enumerate(menu):
        for size, n in enumerate(n_M.tolist()):
            value_GOM[:, option, size] = information_of(asked, n, "sizes", simulation)[0]
            cost_GOM[:, option, size] = n * clicks_G
    n_GO = np.zeros((len(walks), len(menu)), dtype=np.int64)
    for galaxy, item in enumerate(_bought(value_GOM, cost_GOM, n_clicks)):
        if item >= 0:
            option, size = divmod(int(item), len(n_M))
            n_GO[galaxy, option] = n_M[size]
    return n_GO[:, 0], n_GO[:, 1:]


def _bought(value_GOM: NDArray[Any], cost_GOM: NDArray[Any], n_clicks: float) -> NDArray[np.int64]:
    """Item of each galaxy's menu that is bought, or -1, shape (G,)."""
    menus = zip(value_GOM, cost_GOM, strict=True)
    steps = [
        (-slope, cost, galaxy, item)
        for galaxy, (values, costs) in enumerate(menus)
        for slope, cost, item in _concave_steps(values.ravel(), costs.ravel())
    ]
    bought = np.full(len(value_GOM), -1, dtype=np.int64)
    left, closed = n_clicks, set()
    for _, cost, galaxy, item in sorted(steps):
        if galaxy in closed:
            continue
        if cost > left + _NOTHING:
            closed.add(galaxy)  # what comes after it costs more
            continue
        bought[galaxy] = item
        left -= cost
    return bought


def _concave_steps(values: NDArray[Any], costs: NDArray[Any]) -> list[tuple[float, float, int]]:
    """Steps along the least concave majorant of a menu: value per click, clicks, item."""
    steps, value, cost = [], 0.0, 0.0
    while True:
        ahead = np.flatnonzero((costs > cost + _NOTHING) & (values > value + _NOTHING))
        if not ahead.size:
            return steps
        slopes = (values[ahead] - value) / (costs[ahead] - cost)
        best = ahead[np.argmax(slopes)]
        steps.append((float(slopes.max()), float(costs[best] - cost), int(best)))
        value, cost = values[best], costs[best]
