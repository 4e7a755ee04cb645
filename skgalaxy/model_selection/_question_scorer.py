"""Scorers of one question of a tree, or of one answer to it."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_choice
from skgalaxy.metrics import d2_binomial_score, d2_tree_score
from skgalaxy.model_selection._scorers import (
    neg_coverage_error_scorer,
    neg_vote_crps_scorer,
    vote_log_likelihood_scorer,
)
from skgalaxy.posterior import VotePosterior
from skgalaxy.query import predict_posterior
from skgalaxy.tree_posterior import AnswersPosterior, TreePosterior, check_name
from skgalaxy.votes import DecisionTree

__all__ = ["make_question_scorer"]


def make_question_scorer(
    tree: DecisionTree,
    question: str,
    answer: str | None = None,
    *,
    score: Literal["log_likelihood", "d2", "neg_crps", "neg_coverage_error"] = "log_likelihood",
) -> Any:
    """Scorer of one question, for searches of an estimator with a `tree`.

    Without a scorer, searches use the estimator's own `score`, D² over all questions. Galaxies
    without votes on the question are left out.

    Parameters
    ----------
    tree : DecisionTree
        The tree that the estimator learns.
    question : str
        One of ``tree.questions``.
    answer : str, default=None
        An answer, to judge how many give it and how many another. None is all answers.
    score : {"log_likelihood", "d2", "neg_crps", "neg_coverage_error"}, default="log_likelihood"
        What is scored. "log_likelihood" is that of the votes under the posterior, in nats per
        vote; "d2" the fraction of the deviance that the predicted fractions explain. "neg_crps" is
        minus `skgalaxy.metrics.vote_crps`, and "neg_coverage_error" minus the size of
        `skgalaxy.metrics.coverage_error`. Both are of one answer against all others; without an
        `answer` they are means over the answers. Do not choose a model by its coverage alone: a
        vague posterior can have the right one.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)``, for ``scoring=``; higher is better. `y` are counts of the
        answers to all questions.

    Raises
    ------
    TypeError
        If `tree` is not a DecisionTree.
    ValueError
        If it has no such question, or the question no such answer.

    See Also
    --------
    skgalaxy.metrics.d2_tree_score : D² over all questions.

    Examples
    --------
    >>> from skgalaxy import TreePosterior
    >>> from skgalaxy.likelihoods import Multinomial, TreeLikelihood
    >>> from skgalaxy.model_selection import make_question_scorer
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree({"disc": ["yes", "no"], "arms": ["1", "2", "3"]})
    >>> fractions = {"disc": Multinomial([[[0.9, 0.1]]]), "arms": Multinomial([[[0.2, 0.5, 0.3]]])}
    >>> posterior = TreePosterior(TreeLikelihood(tree, fractions))
    >>> scorer = make_question_scorer(tree, "arms")
    >>> scorer
    make_question_scorer(Decision tree, 'arms', score='log_likelihood')
    >>> print(round(scorer(posterior, None, [[9, 1, 2, 5, 3]]), 3))
    -0.246
    """
    return _QuestionScorer(tree, question, answer, score)


class _QuestionScorer:
    """A scorer of one question, as `make_question_scorer` describes it."""

    def __init__(self, tree: DecisionTree, question: str, answer: str | None, score: str) -> None:
        if not isinstance(tree, DecisionTree):
            raise TypeError(f"`tree` must be a skgalaxy.votes.DecisionTree. Got {tree!r}.")
        check_name(question, "question", tree.questions)
        if answer is not None:
            check_name(answer, "answer", tree.answers(question))
        self.tree, self.question, self.answer = tree, question, answer
        self.score = check_choice(score, "score", tuple(_OF_ONE_ANSWER))

    def __repr__(self) -> str:
        named = [self.question] if self.answer is None else [self.question, self.answer]
        names = ", ".join(map(repr, named))
        return f"make_question_scorer({self.tree.name}, {names}, score={self.score!r})"

    def __call__(self, estimator: Any, X: Any, y: ArrayLike) -> float:
        counts = np.nan_to_num(np.rint(self.tree.check_counts(y)))
        counts = counts[:, self.tree.slices[self.question]]
        asked = counts.sum(axis=1) > 0
        if not asked.any():  # before the work of predicting
            raise ValueError(
                f"`y` must hold votes on {self.question!r}, to judge it by. Got none for all "
                f"{len(counts)} galaxies."
            )
        of_question = self._predicted(estimator, X, len(counts))[asked]
        if np.isnan(of_question.draws).any():
            raise ValueError(
                f"`estimator` must have learned {self.question!r}. Got one whose training set has "
                "no votes on it; give it such, or deal galaxies into fewer folds."
            )
        return self._score(of_question, counts[asked])

    def _predicted(self, estimator: Any, X: Any, n_galaxies: int) -> AnswersPosterior:
        """Posterior of the question, of as many galaxies."""
        posterior: Any = predict_posterior(estimator, X)
        tree = posterior.tree if isinstance(posterior, TreePosterior) else None
        if tree != self.tree:
            raise ValueError(
                f"`estimator` must have the tree of the scorer, {self.tree!r}. Got {tree!r}."
            )
        if len(posterior) != n_galaxies:
            raise ValueError(
                f"`X` and `y` must have the same number of rows. Got {len(posterior)} and "
                f"{n_galaxies}."
            )
        return posterior[self.question]

    def _score(self, posterior: AnswersPosterior, counts: NDArray[np.float64]) -> float:
        """Score of galaxies that all have votes."""
        if self.answer is None and self.score in _OF_ALL_ANSWERS:
            return _OF_ALL_ANSWERS[self.score](counts, posterior)
        n_votes = counts.sum(axis=1)
        answers = posterior.answers if self.answer is None else (self.answer,)
        scores = []
        for answer in answers:
            k = counts[:, posterior.answers.index(answer)]
            k_of_n = np.column_stack([k, n_votes]).astype(np.int64)
            scores.append(_OF_ONE_ANSWER[self.score](k_of_n, posterior[answer]))
        return float(np.mean(scores))


def _log_likelihood(counts: NDArray[np.float64], posterior: AnswersPosterior) -> float:
    """Log-likelihood of the votes on all answers, in nats per vote."""
    return float(posterior.log_prob(counts).sum() / counts.sum())


def _d2(counts: NDArray[np.float64], posterior: AnswersPosterior) -> float:
    """D² of the fractions of all answers."""
    return d2_tree_score(DecisionTree({"question": posterior.answers}), counts, posterior.mean)


def _d2_of_one(k_of_n: NDArray[np.int64], posterior: VotePosterior) -> float:
    """D² of the fraction of one answer."""
    return d2_binomial_score(k_of_n, posterior.mean)


_OF_ALL_ANSWERS = {"log_likelihood": _log_likelihood, "d2": _d2}
_OF_ONE_ANSWER = {
    "log_likelihood": vote_log_likelihood_scorer.score,
    "d2": _d2_of_one,
    "neg_crps": neg_vote_crps_scorer.score,
    "neg_coverage_error": neg_coverage_error_scorer.score,
}
