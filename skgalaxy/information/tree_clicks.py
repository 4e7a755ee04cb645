"""Clicks spent one after the other, each where it makes the fractions of all galaxies surest.

`plan_clicks` values galaxies one by one, by the information of their votes about the networks. Here
a vote is worth the error that it takes from the *fractions* of all galaxies, given the votes that
are planned before it. Two galaxies alike do not count twice, and one unlike all others counts for
itself alone.

Votes on a question are a Gaussian channel, as in `greedy_walks`. Network d gives galaxy g the
signal ``x_da = 2 (√f_da - mean_d √f_da) / √D``, in which n votes have the noise 1 / n (Anscombe
1948). K is the covariance of the networks, given the votes so far. A walk down galaxy t is expected
to lose half the variance of its signal, in nats, for each question it comes to::

    loss = mean_t Σ_q asked_tq ½ tr(X_tqᵀ K_q X_tq)
    K ← K - K X (1 / n + Xᵀ K X)⁻¹ Xᵀ K    after n votes on the question about a galaxy

So it is an optimal design for predictions (Seo et al. 2000; Kirsch & Gal 2022). Every question has
a K of its own: votes on one are taken to tell nothing of another. This is exact for last layers,
which are drawn question by question.

Shape suffixes: G galaxies, D draws, A answers, Q questions, O options (walks, or one question).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_float, check_int
from skgalaxy.information.joint import check_one_fold
from skgalaxy.information.walks import Walks, as_walks
from skgalaxy.votes import DecisionTree

__all__ = ["greedy_clicks"]

_NOTHING = 1e-12  # nats per click


def greedy_clicks(
    draws: Any,
    n_clicks: float,
    *,
    step: int = 5,
    tree: DecisionTree | None = None,
    concentrations: ArrayLike | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spend a number of clicks on walks and questions, so that all fractions become surest.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws, n_answers), or posterior over a tree
        As in `walk_information`; draw d is the same network for every galaxy. These galaxies may
        be asked about, and it is their fractions that you want to know.
    n_clicks : float
        Number of answers that you can ask for in all.
    step : int, default=5
        Volunteers that a galaxy gets at a time, for walks or for one question.
    tree, concentrations
        As in `walk_information`.

    Returns
    -------
    n_walks : ndarray of shape (n_galaxies,)
        Volunteers who walk down the tree, a multiple of `step`.
    n_votes : ndarray of shape (n_galaxies, n_questions)
        Volunteers who are asked a question by itself, as in `question_information`. A galaxy may
        get walks and questions.

    Raises
    ------
    ValueError
        As in `walk_information`, or if the galaxies are of several folds.

    See Also
    --------
    plan_clicks : The same by the information of each galaxy's votes about the networks.

    Notes
    -----
    A walk costs the answers that the networks expect of it. Those who say that a question does not
    apply cost a click, and are taken to tell nothing. Use 200 draws or more: few of them seem to
    tell more of one galaxy by another than they do. Memory is three times that of the draws, and
    time grows as their size times `n_clicks` / `step`.

    References
    ----------
    Seo et al. 2000, IJCNN 3, 241 (Gaussian processes: active data selection); Kirsch & Gal 2022,
    arXiv:2208.00549 (information about predictions).

    Examples
    --------
    Networks agree that three galaxies are discs. On the arms of the first two they disagree alike,
    so that votes on one tell of both:

    >>> from skgalaxy.acquisition import greedy_clicks
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree(
    ...     {"disc": ["yes", "no"], "arms": ["yes", "no"]}, asked_after={"arms": ["disc_yes"]}
    ... )
    >>> twin = [[1, 0, rho, 1 - rho] for rho in (0.3, 0.3, 0.7, 0.7)]
    >>> other = [[1, 0, rho, 1 - rho] for rho in (0.3, 0.7, 0.3, 0.7)]
    >>> n_walks, n_votes = greedy_clicks([twin, twin, other], 10, tree=tree)
    >>> print(n_walks, n_votes.tolist())
    [0 0 0] [[0, 5], [0, 0], [0, 5]]
    """
    n_clicks = check_float(n_clicks, "n_clicks", 0, np.inf, closed="left")
    step = check_int(step, "step", 1)
    check_one_fold(draws)
    walks, tree = as_walks(draws, tree, concentrations)
    plan = _Plan(walks, step)
    left = n_clicks
    while len(walks) and (found := plan.best(left)) is not None:
        left -= plan.add(*found)
    return plan.n_GO[:, 0], plan.n_GO[:, 1:]


class _Plan:
    """Volunteers for every galaxy and option: walks, and then each question."""

    def __init__(self, walks: Walks, step: int) -> None:
        self.step = step
        self.asked_GQ = walks.asked().mean(axis=1)
        self.scatter_GQ = None if walks.scatter is None else walks.scatter.mean(axis=1)
        self.channels = [
            _Channel(walks.fractions[..., one.answers], self.asked_GQ[:, number])
            for number, one in enumerate(walks.questions)
        ]
        n_galaxies, n_questions = self.asked_GQ.shape
        self.n_GO = np.zeros((n_galaxies, 1 + n_questions), dtype=np.int64)
        self.cost_GO = np.full(self.n_GO.shape, float(step))
        self.cost_GO[:, 0] *= self.asked_GQ.sum(axis=1)
        self.gain_GQ = np.empty(self.asked_GQ.shape)
        for question in range(n_questions):
            self._value(question)

    def _answers(self, question: int) -> NDArray[np.float64]:
        """Independent answers to a question that one more step adds, shape (G,)."""
        asked_G = self.asked_GQ[:, question]
        if self.scatter_GQ is None:
            return self.step * asked_G
        phi_G = self.scatter_GQ[:, question]
        before_G = (self.n_GO[:, 0] + self.n_GO[:, 1 + question]) * asked_G
        after_G = before_G + self.step * asked_G
        # n votes of an urn tell about as much as so many independent ones
        return (1 + phi_G) * (after_G / (1 + phi_G * after_G) - before_G / (1 + phi_G * before_G))

    def _value(self, question: int) -> None:
        self.gain_GQ[:, question] = self.channels[question].gain(self._answers(question))

    def best(self, left: float) -> tuple[int, int] | None:
        """Galaxy and option that tell most per click, of those that cost no more than is left."""
        gain_GO = np.column_stack([self.gain_GQ.sum(axis=1), self.gain_GQ])
        per_click_GO = np.where(self.cost_GO <= left, gain_GO / self.cost_GO, 0)
        galaxy, option = np.unravel_index(per_click_GO.argmax(), per_click_GO.shape)
        if per_click_GO[galaxy, option] <= _NOTHING:
            return None
        return int(galaxy), int(option)

    def add(self, galaxy: int, option: int) -> float:
        """Give a galaxy one more step of an option; its clicks."""
        questions = range(len(self.channels)) if option == 0 else [option - 1]
        answers_Q = [self._answers(question)[galaxy] for question in questions]
        self.n_GO[galaxy, option] += self.step
        for question, n in zip(questions, answers_Q, strict=True):
            if n > 0:
                self.channels[question].learn(galaxy, n)
                self._value(question)
        return float(self.cost_GO[galaxy, option])


class _Channel:
    """Votes on one question, and the fractions of all galaxies that they tell of.

    Parameters
    ----------
    fractions_GDA : ndarray
        Fractions of the question's answers.
    asked_G : ndarray
        Share of the walks that come to the question.
    """

    def __init__(self, fractions_GDA: NDArray[Any], asked_G: NDArray[Any]) -> None:
        roots_DGA = np.sqrt(fractions_GDA).swapaxes(0, 1)
        n_draws, n_galaxies, n_answers = roots_DGA.shape
        roots_DGA = 2 * (roots_DGA - roots_DGA.mean(axis=0)) / np.sqrt(n_draws)
        self.signal_DGA = roots_DGA
        self.seen_DGA = roots_DGA.copy()  # K X
        weighted_DGA = roots_DGA * (asked_G / max(n_galaxies, 1) / 2)[:, None]
        flat = n_draws, n_galaxies * n_answers
        self.wanted_DD = weighted_DGA.reshape(flat) @ roots_DGA.reshape(flat).T
        wanted_DGA = (self.wanted_DD @ roots_DGA.reshape(flat)).reshape(roots_DGA.shape)
        self.unknown_GAA = np.einsum("dga,dgb->gab", roots_DGA, roots_DGA)  # Xᵀ K X
        self.worth_GAA = np.einsum("dga,dgb->gab", roots_DGA, wanted_DGA)  # of K X in the loss

    def gain(self, n_G: NDArray[Any]) -> NDArray[np.float64]:
        """Loss that n votes on each galaxy save, shape (G,)."""
        n_G11 = n_G[:, None, None]
        told_GAA = np.linalg.inv(np.eye(self.unknown_GAA.shape[1]) + n_G11 * self.unknown_GAA)
        return n_G * np.einsum("gab,gba->g", self.worth_GAA, told_GAA)

    def learn(self, galaxy: int, n: float) -> None:
        """Gaussian conditioning on n votes on a galaxy."""
        n_draws, n_galaxies, n_answers = self.signal_DGA.shape
        flat = n_draws, n_galaxies * n_answers
        seen_DB = self.seen_DGA[:, galaxy].copy()
        wanted_DB = self.wanted_DD @ seen_DB
        step_BB = np.linalg.inv(np.eye(n_answers) / n + self.unknown_GAA[galaxy])
        told_BGA = (seen_DB.T @ self.signal_DGA.reshape(flat)).reshape(-1, n_galaxies, n_answers)
        worth_BGA = (wanted_DB.T @ self.seen_DGA.reshape(flat)).reshape(told_BGA.shape)
        known_BGA = np.einsum("bc,cga->bga", step_BB, told_BGA)
        self.seen_DGA -= (seen_DB @ known_BGA.reshape(n_answers, -1)).reshape(self.seen_DGA.shape)
        self.unknown_GAA -= np.einsum("bga,bge->gae", told_BGA, known_BGA)
        both_GAA = np.einsum("bga,bge->gae", worth_BGA, known_BGA)
        inner_BGA = np.einsum("bc,cga->bga", seen_DB.T @ wanted_DB, known_BGA)
        self.worth_GAA += np.einsum("bga,bge->gae", known_BGA, inner_BGA)
        self.worth_GAA -= both_GAA + both_GAA.swapaxes(1, 2)
