"""Information in the votes of volunteers who walk down a decision tree, in nats.

Volunteers who walk down a tree answer several questions about one galaxy. The information in their
counts about the drawn networks adds up question by question (the chain rule)::

    I(counts; w) = Σ_q E[ I(k_q; w | counts of the questions above) ]

It is exact where the outcomes are few enough to list them all, as for a question with two or three
answers; a tree of one yes/no question gives `mutual_information`. Otherwise it is simulated
(`skgalaxy.information.sampled`), and comes with a standard error.

All draws of a galaxy are of the same networks: draw d expects the fractions of all answers
together. What one question tells of the networks, another need not tell again.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_bool, check_float, check_n_jobs, check_n_votes, check_seed
from skgalaxy.information.sampled import sampled_information
from skgalaxy.information.walks import Walks, as_walks, outcomes
from skgalaxy.likelihoods import TreeLikelihood
from skgalaxy.likelihoods.base import row_blocks
from skgalaxy.votes import DecisionTree
from skgalaxy.votes._tree_counts import check_tree_counts

__all__ = ["question_information", "walk_information"]

_MOST_LISTED = 2000  # outcomes; more cost more than simulating some
_MOST = 1000  # volunteers who are simulated one by one
_FINEST = 1e-4  # tolerance: some seconds for each galaxy
_BLOCK = 2**18  # probabilities computed at once: they stay in the cache
_TINY = np.finfo(np.float64).tiny
_NOTHING, _NOTHING_SAMPLED = 1e-12, 1e-5  # nats: what rounding may leave of nothing


def walk_information(
    draws: Any,
    n_walks: ArrayLike,
    *,
    tree: DecisionTree | None = None,
    concentrations: ArrayLike | None = None,
    votes: Any = None,
    tolerance: float = 0.02,
    random_state: Any = 0,
    n_jobs: int | None = -1,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mutual information between the votes of volunteers who walk down the tree and the network.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws, n_answers), or posterior over a tree
        Fraction of every answer among those who are asked its question, in the order of
        ``tree.columns``. The answers to a question sum to 1. A question of which a posterior's
        networks have learned nothing is left out: all are taken to expect even fractions.
    n_walks : int or array-like of shape (n_galaxies,)
        Number of volunteers you would show the galaxy to; each answers all questions that the
        tree leads to.
    tree : DecisionTree
        The tree that an array of draws is about.
    concentrations : array-like of shape (n_galaxies, n_draws, n_questions), default=None
        Concentrations of Dirichlet-multinomials, infinite where votes are multinomial, as all are
        with None.
    votes : array-like of shape (n_galaxies, n_answers) or DataFrame, default=None
        Votes that galaxies have already, as ``tree.check_counts`` takes them; with None they have
        none. The information is that of `n_walks` more. The networks must not have been trained on
        these votes, which would then count twice.
    tolerance : float, default=0.02
        Standard error in nats at which simulation stops, at least 0.0001. Time grows as its
        inverse square.
    random_state : int, RandomState instance or None, default=0
        Seed of simulations. Galaxies with equal draws get equal values under one seed.
    n_jobs : int or None, default=-1
        Threads that simulate at the same time; values do not depend on their number.

    Returns
    -------
    information : ndarray of shape (n_galaxies,)
        In [0, log n_draws]; 0 where all draws are equal.
    standard_error : ndarray of shape (n_galaxies,)
        Of the simulation, at most `tolerance`; 0 where `information` is exact.

    Raises
    ------
    ValueError
        If draws, concentrations or votes have a wrong shape or values out of range, or no network
        thinks the votes possible.

    References
    ----------
    Houlsby et al. 2011, arXiv:1112.5745 (mutual information); Owen 2013, Monte Carlo theory,
    methods and examples, chapter 8 (strata, control variates).

    Examples
    --------
    Two networks agree that it is a disc, and not whether it has arms:

    >>> from skgalaxy.acquisition import walk_information
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree(
    ...     {"disc": ["yes", "no"], "arms": ["yes", "no"]}, asked_after={"arms": ["disc_yes"]}
    ... )
    >>> draws = [[[0.5, 0.5, 0.2, 0.8], [0.5, 0.5, 0.8, 0.2]]]
    >>> information, error = walk_information(draws, 10, tree=tree)
    >>> print(information.round(3), error)
    [0.513] [0.]
    """
    walks, tree = as_walks(draws, tree, concentrations)
    simulation = Simulation(tolerance, random_state, n_jobs)
    return information_of(after_votes(walks, tree, votes), n_walks, "n_walks", simulation)


def question_information(
    draws: Any,
    question: str,
    n_votes: ArrayLike,
    *,
    tree: DecisionTree | None = None,
    concentrations: ArrayLike | None = None,
    votes: Any = None,
    only_asked: bool = False,
    tolerance: float = 0.02,
    random_state: Any = 0,
    n_jobs: int | None = -1,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mutual information between the votes on one question alone and the network.

    Volunteers are asked, for example, "is it barred?", and nothing before it. Those who would not
    be led to the question by the tree say that it does not apply, independently of one another. So
    a question that nobody reaches tells nothing, and the votes never tell more than as many walks
    with multinomial votes.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws, n_answers), or posterior over a tree
        As in `walk_information`.
    question : str
        One of ``tree.questions``.
    n_votes : int or array-like of shape (n_galaxies,)
        Number of volunteers you would ask.
    tree, concentrations, votes, tolerance, random_state, n_jobs
        As in `walk_information`.
    only_asked : bool, default=False
        Count volunteers who would be led to the question only: all `n_votes` of them answer it.

    Returns
    -------
    information, standard_error : ndarrays of shape (n_galaxies,)
        As of `walk_information`.

    Raises
    ------
    ValueError
        As in `walk_information`; or if the tree has no such question, or the networks have learned
        nothing of it.

    Examples
    --------
    Half of ten volunteers would see a disc. If you ask ten of those, they tell more:

    >>> from skgalaxy.acquisition import question_information
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree(
    ...     {"disc": ["yes", "no"], "arms": ["yes", "no"]}, asked_after={"arms": ["disc_yes"]}
    ... )
    >>> draws = [[[0.5, 0.5, 0.2, 0.8], [0.5, 0.5, 0.8, 0.2]]]
    >>> question_information(draws, "arms", 10, tree=tree)[0].round(3)
    array([0.513])
    >>> question_information(draws, "arms", 10, tree=tree, only_asked=True)[0].round(3)
    array([0.648])
    """
    walks, tree = as_walks(draws, tree, concentrations)
    number = tree.questions.index(tree._check_question(question))
    likelihood = getattr(draws, "likelihood", draws)
    if isinstance(likelihood, TreeLikelihood) and question in likelihood.not_learned():
        raise ValueError(
            "`question` must be one that the networks have learned. Got "
            f"{question!r}, on which they had no votes."
        )
    only_asked = check_bool(only_asked, "only_asked")
    alone = after_votes(walks, tree, votes).alone(number, only_asked=only_asked)
    simulation = Simulation(tolerance, random_state, n_jobs)
    return information_of(alone, n_votes, "n_votes", simulation)


def after_votes(walks: Walks, tree: DecisionTree, votes: Any) -> Walks:
    """Networks after the votes that galaxies have; a question that is not known has none."""
    if votes is None:
        return walks
    counts = check_tree_counts(tree, votes, None, name="votes")
    if len(counts) != len(walks):
        raise ValueError(
            f"`votes` must have one row for each of the {len(walks)} galaxies. Got {len(counts)}."
        )
    return walks.given(np.nan_to_num(counts))


class Simulation:
    """Settings of a simulation, checked: for outcomes that cannot be listed."""

    def __init__(self, tolerance: float, random_state: Any, n_jobs: int | None) -> None:
        self.tolerance = check_float(tolerance, "tolerance", _FINEST, np.inf, closed="left")
        self.seed = int(check_seed(random_state).randint(2**31 - 1))
        check_n_jobs(n_jobs)
        self.n_jobs = n_jobs

    def information(self, walks: Walks, n: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Information of n volunteers, and its standard error."""
        return sampled_information(walks, n, self.tolerance, self.seed, self.n_jobs)


def information_of(
    walks: Walks, n_votes: ArrayLike, name: str, simulation: Simulation
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Information and its standard error, for each number of volunteers exact or simulated."""
    n_G = check_n_votes(n_votes, len(walks), name=name)
    listed = {n: outcomes(walks.questions, n, _MOST_LISTED) for n in np.unique(n_G).tolist()}
    too_many = [n for n, found in listed.items() if found is None and n > _MOST]
    if too_many:
        raise ValueError(
            f"`{name}` must be at most {_MOST:,}, because volunteers are simulated one by one. "
            f"Got {too_many[-1]:,}."
        )
    value_G, error_G = np.zeros((2, len(walks)))
    for n, found in listed.items():
        rows = np.flatnonzero((n_G == n) & ~walks.agree())
        if found is None:
            value, error_G[rows] = simulation.information(walks[rows], n)
            value_G[rows] = np.where(value < _NOTHING_SAMPLED, 0, value)
        else:
            value_G[rows] = _listed_information(walks[rows], *found)
    value_G[value_G < _NOTHING] = 0
    return np.minimum(value_G, np.log(walks.n_draws)), error_G


def _listed_information(
    walks: Walks, counts_AS: NDArray[Any], log_coefficients_S: NDArray[Any]
) -> NDArray[Any]:
    """Information from all outcomes, shape (G,)."""
    value_G = np.empty(len(walks))
    for rows in row_blocks(len(walks), _BLOCK // (walks.n_draws * len(log_coefficients_S))):
        block = walks[rows]
        log_GDS = block.log_likelihood(counts_AS[None]) + log_coefficients_S
        pmf_GDS = np.exp(log_GDS)
        joint_GDS = np.exp(block.log_weight)[..., None] * pmf_GDS
        mixture_GS = joint_GDS.sum(axis=1)
        # Houlsby+2011: the mean over networks of the divergence of their counts from the mixture's
        log_GDS -= np.log(np.maximum(mixture_GS, _TINY))[:, None]
        value_G[rows] = np.einsum("gds,gds->g", joint_GDS, log_GDS)
    return value_G
