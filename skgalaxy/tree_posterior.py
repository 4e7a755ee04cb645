"""Posterior over the answers to all questions of a decision tree.

`TreePosterior` holds, for every galaxy, what each of D drawn networks expects of all questions.
Draw d is one and the same network for all galaxies and all questions. So what you learn of one
question tells of the others, and draws of different galaxies are jointly meaningful.
"""

from difflib import get_close_matches
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_float, check_n_votes, check_seed, refuse_masked
from skgalaxy.information.joint import check_one_fold
from skgalaxy.likelihoods import TreeLikelihood
from skgalaxy.likelihoods.simplex import AnswerLikelihood
from skgalaxy.posterior import Posterior, VotePosterior
from skgalaxy.votes import DecisionTree

__all__ = ["AnswersPosterior", "TreePosterior"]


class AnswersPosterior(Posterior[AnswerLikelihood]):
    """Posterior over the answers to one question, of those who are asked it.

    You get it from a `TreePosterior`, by the name of a question. The name of an answer gives you
    the `VotePosterior` of "this answer, or another".

    Parameters
    ----------
    likelihood : Multinomial or DirichletMultinomial
        Votes on all answers, of every galaxy and draw.
    answers : sequence of str
        Names of the answers, in order.
    folds : array-like of int of shape (n_galaxies,), default=None
        As in `VotePosterior`.

    Attributes
    ----------
    answers : tuple of str
    draws : ndarray of shape (n_galaxies, n_draws, n_answers)
        Fraction of every answer, read-only; they sum to 1.
    mean, std : ndarray of shape (n_galaxies, n_answers)

    Examples
    --------
    >>> from skgalaxy.likelihoods import Multinomial
    >>> from skgalaxy.tree_posterior import AnswersPosterior
    >>> arms = AnswersPosterior(Multinomial([[[0.2, 0.5, 0.3]]]), ["1", "2", "3"])
    >>> arms.mean
    array([[0.2, 0.5, 0.3]])
    >>> arms["2"]
    VotePosterior(n_galaxies=1, n_draws=1)
    """

    def __init__(
        self, likelihood: AnswerLikelihood, answers: Any, *, folds: ArrayLike | None = None
    ) -> None:
        super().__init__(likelihood, folds=folds)
        self.answers: tuple[str, ...] = tuple(answers)
        if len(self.answers) != likelihood.n_answers:
            raise ValueError(
                f"`answers` must name the {likelihood.n_answers} answers. Got {self.answers}."
            )

    def _with(self, likelihood: Any, folds: ArrayLike | None) -> Self:
        return type(self)(likelihood, self.answers, folds=folds)

    def __getitem__(self, rows: Any) -> Any:
        """Posterior of one answer, by its name; or of some galaxies, as of an array."""
        if not isinstance(rows, str):
            return super().__getitem__(rows)
        check_name(rows, "answer", self.answers)
        return VotePosterior(self.likelihood.answer(self.answers.index(rows)), folds=self.folds)

    def pmf(self, n_votes: int) -> NDArray[Any]:
        """Probability of every way in which N volunteers may answer.

        Parameters
        ----------
        n_votes : int
            N, the same for all galaxies.

        Returns
        -------
        pmf : ndarray of shape (n_galaxies, n_outcomes)
            Of the rows of ``likelihood.outcomes(n_votes)``.

        Raises
        ------
        ValueError
            If there are too many outcomes to list.
        """
        return self.likelihood.mixture_pmf(int(check_n_votes(n_votes, 1)[0]))

    def log_prob(self, votes: ArrayLike) -> NDArray[Any]:
        """Log probability of votes, in nats.

        Parameters
        ----------
        votes : array-like of shape (n_galaxies, n_answers)
            Counts of every answer.

        Returns
        -------
        log_prob : ndarray of shape (n_galaxies,)
            0 where nobody answered.
        """
        counts = _check_table(votes, len(self), self.answers)
        return self.likelihood.mixture_log_prob(counts, counts.sum(axis=1))

    def sample(self, n_votes: ArrayLike, random_state: Any = None) -> NDArray[Any]:
        """Votes as N volunteers might give them, shape (n_galaxies, n_answers).

        One network answers for all galaxies.
        """
        check_one_fold(self)
        rng = check_seed(random_state)
        n_votes = check_n_votes(n_votes, len(self))
        return self.likelihood.sample(rng, n_votes, rng.randint(self.likelihood.n_draws))


class TreePosterior(Posterior[TreeLikelihood]):
    """Posterior over the answers to all questions of a tree: an equal mixture over drawn networks.

    Array-like over galaxies: it has a length, slices like an array, and concatenates. You get the
    posterior of one question by its name, and of one answer by both names.

    Parameters
    ----------
    likelihood : TreeLikelihood
        The votes on every question, of every galaxy under every drawn network.
    folds : array-like of int of shape (n_galaxies,), default=None
        As in `VotePosterior`.

    Attributes
    ----------
    tree : DecisionTree
    draws : ndarray of shape (n_galaxies, n_draws, n_answers)
        Fraction of every answer among those who are asked its question, read-only. Columns are
        ``tree.columns``. They are NaN in a question of which the networks have learned nothing,
        for lack of votes, and so is all that follows from them. The information in walks leaves
        such a question out.
    mean, std : ndarray of shape (n_galaxies, n_answers)
        Mean and standard deviation of these fractions.

    Raises
    ------
    TypeError
        If `likelihood` is not a TreeLikelihood.

    See Also
    --------
    VotePosterior : The same of one yes/no question.

    Examples
    --------
    >>> from skgalaxy import TreePosterior
    >>> from skgalaxy.likelihoods import Multinomial, TreeLikelihood
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree(
    ...     {"disc": ["yes", "no"], "arms": ["1", "2", "3"]}, asked_after={"arms": ["disc_yes"]}
    ... )
    >>> questions = {"disc": Multinomial([[[0.9, 0.1]]]), "arms": Multinomial([[[0.2, 0.5, 0.3]]])}
    >>> posterior = TreePosterior(TreeLikelihood(tree, questions))
    >>> posterior["arms", "2"].mean
    array([0.5])
    >>> posterior.expected_votes(40)  # of 40 volunteers 36 say that it is a disc
    array([[40., 36.]])
    """

    def __init__(
        self, likelihood: "TreeLikelihood | TreePosterior", *, folds: ArrayLike | None = None
    ) -> None:
        if isinstance(likelihood, TreePosterior):
            folds = likelihood.folds if folds is None else folds
            likelihood = likelihood.likelihood
        if not isinstance(likelihood, TreeLikelihood):
            raise TypeError(
                "`likelihood` must be a skgalaxy.likelihoods.TreeLikelihood. "
                f"Got {type(likelihood).__name__}."
            )
        super().__init__(likelihood, folds=folds)

    @property
    def tree(self) -> DecisionTree:
        """Tree of questions."""
        return self.likelihood.tree

    def __getitem__(self, rows: Any) -> Any:
        """Posterior of a question, of (question, answer), or of some galaxies, as of an array."""
        if isinstance(rows, str):
            check_name(rows, "question", self.tree.questions)
            return AnswersPosterior(
                self.likelihood.question(rows), self.tree.answers(rows), folds=self.folds
            )
        if isinstance(rows, tuple) and len(rows) == 2 and all(isinstance(x, str) for x in rows):
            return self[rows[0]][rows[1]]
        return super().__getitem__(rows)

    def asked(self) -> NDArray[np.float64]:
        """Probability that a volunteer is asked each question, shape (n_galaxies, n_questions).

        The mean over draws: networks that differ on a parent differ on who is asked.
        """
        return self.tree.asked_fractions(self.draws).mean(axis=1)

    def expected_votes(self, n_votes: ArrayLike) -> NDArray[np.float64]:
        """Expected number of votes on every question, if N volunteers walk down the tree.

        Parameters
        ----------
        n_votes : int or array-like of shape (n_galaxies,)
            Volunteers who are shown the galaxy, N.

        Returns
        -------
        expected : ndarray of shape (n_galaxies, n_questions)
            In the order of ``tree.questions``.
        """
        return self.asked() * check_n_votes(n_votes, len(self))[:, None]

    def interval(self, level: float = 0.9) -> tuple[NDArray[Any], NDArray[Any]]:
        """Central credible interval of every fraction.

        Parameters
        ----------
        level : float in (0, 1), default=0.9
            Posterior mass between the ends.

        Returns
        -------
        low, high : ndarray of shape (n_galaxies, n_answers)
        """
        level = check_float(level, "level", 0, 1, closed="neither")
        low, high = (1 - level) / 2, (1 + level) / 2
        return self.likelihood.quantile(low), self.likelihood.quantile(high)

    def log_prob(self, votes: ArrayLike) -> NDArray[Any]:
        """Log probability of the votes on all questions, in nats.

        Parameters
        ----------
        votes : array-like of shape (n_galaxies, n_answers), or table with these columns
            Counts, as for `skgalaxy.BayesianCNNRegressor.fit`; NaN in a question that is not known.

        Returns
        -------
        log_prob : ndarray of shape (n_galaxies,)
            Of the answers, given how many were asked each question.
        """
        counts = np.nan_to_num(self.tree.check_counts(votes, len(self)), nan=0.0)
        return self.likelihood.mixture_log_prob(counts, counts[:, 0])

    def sample(self, n_votes: ArrayLike, random_state: Any = None) -> NDArray[Any]:
        """Votes as N volunteers might give them who walk down the tree.

        Parameters
        ----------
        n_votes : int or array-like of shape (n_galaxies,)
            Volunteers who are shown the galaxy.
        random_state : int, RandomState or None, default=None
            Seed of the network, one for all galaxies, and of the votes.

        Returns
        -------
        votes : ndarray of int of shape (n_galaxies, n_answers)

        Raises
        ------
        ValueError
            If the galaxies are of several `folds`, so that no network is one for all.
        """
        check_one_fold(self)
        rng = check_seed(random_state)
        n_votes = check_n_votes(n_votes, len(self))
        return self.likelihood.sample(rng, n_votes, rng.randint(self.likelihood.n_draws))

    def to_frame(self, *, level: float = 0.9, index: ArrayLike | None = None) -> pd.DataFrame:
        """Summary per galaxy: every fraction with its error, and who is asked.

        Parameters
        ----------
        level : float in (0, 1), default=0.9
            Level of the central intervals.
        index : array-like of shape (n_galaxies,), default=None
            Names of the galaxies.

        Returns
        -------
        frame : DataFrame
            For every question ``{question}_asked``, the probability that a volunteer is asked it;
            for every answer ``{question}_{answer}_mean``, ``_std``, and the ends of the interval,
            ``_q05`` and ``_q95`` for level 0.9.

        Examples
        --------
        >>> from skgalaxy import TreePosterior
        >>> from skgalaxy.likelihoods import Multinomial, TreeLikelihood
        >>> from skgalaxy.votes import DecisionTree
        >>> tree = DecisionTree({"bar": ["yes", "no"]})
        >>> likelihood = TreeLikelihood(tree, {"bar": Multinomial([[[0.9, 0.1]]])})
        >>> list(TreePosterior(likelihood).to_frame())[:3]
        ['bar_asked', 'bar_yes_mean', 'bar_yes_std']
        """
        if index is not None:
            refuse_masked(index, "index")
            if len(pd.Index(index)) != len(self):
                raise ValueError(
                    f"`index` must name each of the {len(self)} galaxies. "
                    f"Got {len(pd.Index(index))} names."
                )
        low, high = self.interval(level)
        percent = 50 * (1 - level)
        ends = [f"q{value:04.1f}".removesuffix(".0") for value in (percent, 100 - percent)]
        parts = {"mean": self.mean, "std": self.std, ends[0]: low, ends[1]: high}
        asked, columns = self.asked(), {}
        for number, question in enumerate(self.tree.questions):
            columns[f"{question}_asked"] = asked[:, number]
            here = self.tree.slices[question]
            for place in range(here.start, here.stop):
                name = self.tree.columns[place]
                columns |= {f"{name}_{part}": values[:, place] for part, values in parts.items()}
        return pd.DataFrame(columns, index=index)


def check_name(name: str, kind: str, known: tuple[str, ...]) -> None:
    """Raise ValueError unless a question or an answer is known; the message has the nearest."""
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        remedy = f"; the nearest is {' or '.join(map(repr, near))}" if near else ""
        raise ValueError(f"The {kind} must be one of {', '.join(known)}. Got {name!r}{remedy}.")


def _check_table(votes: ArrayLike, n_galaxies: int, answers: tuple[str, ...]) -> NDArray[Any]:
    """Counts of all answers of one question."""
    refuse_masked(votes, "votes")
    counts = np.asarray(votes, dtype=np.float64)
    if counts.shape != (n_galaxies, len(answers)):
        raise ValueError(
            f"`votes` must be counts of the {len(answers)} answers, shape "
            f"({n_galaxies}, {len(answers)}). Got shape {counts.shape}."
        )
    if not ((counts >= 0) & (counts == np.rint(counts)) & np.isfinite(counts)).all():
        raise ValueError("`votes` must be counts, whole numbers >= 0. Got others; pass counts.")
    return counts
