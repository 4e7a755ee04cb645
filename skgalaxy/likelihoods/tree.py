"""Votes on all questions of a decision tree: one likelihood per question, of those who were asked.

A volunteer walks down the tree, and the answers to one question decide who is asked the next. Given
how many were asked, the answers to a question are multinomial, or Dirichlet-multinomial. So the
log-likelihood of a galaxy's votes is a sum over questions::

    log p(votes | network) = Σ_q log p(k_q | N_q, network),    N_q = Σ_a k_qa

Shape suffixes: G galaxies, D draws, A answers of all questions, Q questions, P outputs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy.likelihoods.base import Likelihood
from skgalaxy.likelihoods.dirichlet_multinomial import DirichletMultinomial
from skgalaxy.likelihoods.multinomial import Multinomial
from skgalaxy.likelihoods.simplex import AnswerLikelihood
from skgalaxy.votes import DecisionTree
from skgalaxy.votes._tree_steps import asked_of, steps_of

__all__ = ["TreeLikelihood"]


class TreeLikelihood(Likelihood):
    """Distributions of the votes on all questions of a tree: one per galaxy and drawn network.

    Parameters
    ----------
    tree : DecisionTree
    questions : dict of str to Multinomial or DirichletMultinomial
        The likelihood of every question's answers, of the same galaxies and draws. Draw d is one
        network for all questions.

    Attributes
    ----------
    draws : ndarray of shape (n_galaxies, n_draws, n_answers)
        Fraction of every answer among those who are asked its question; columns are
        ``tree.columns``.
        Where a network has learned nothing of a question they are NaN; see `without`.
    concentration : ndarray of shape (n_galaxies, n_draws, n_questions)
        Concentrations; infinite for multinomial votes.

    Raises
    ------
    ValueError
        If a question is missing or unknown, or if galaxies, draws or answers differ in number.

    Examples
    --------
    >>> from skgalaxy.likelihoods import Multinomial, TreeLikelihood
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree(
    ...     {"disc": ["yes", "no"], "arms": ["1", "2", "3"]}, asked_after={"arms": ["disc_yes"]}
    ... )
    >>> questions = {"disc": Multinomial([[[0.9, 0.1]]]), "arms": Multinomial([[[0.2, 0.5, 0.3]]])}
    >>> TreeLikelihood(tree, questions).draws
    array([[[0.9, 0.1, 0.2, 0.5, 0.3]]])
    """

    tree: DecisionTree

    def __init__(self, tree: DecisionTree, questions: Mapping[str, Likelihood]) -> None:
        self.tree = tree
        parts = [_part_of(questions, question, tree) for question in tree.questions]
        unknown = [question for question in questions if question not in tree.questions]
        if unknown:
            raise ValueError(
                f"`questions` must be those of the tree, {', '.join(tree.questions)}. "
                f"Got {unknown[0]!r}."
            )
        shapes = {part.draws.shape[:2] for part in parts}
        if len(shapes) > 1:
            raise ValueError(
                "`questions` must have the same galaxies and draws. "
                f"Got {' and '.join(map(str, sorted(shapes)))} of them."
            )
        super().__init__(
            np.concatenate([part.draws for part in parts], axis=-1),
            np.stack([_concentration_of(part) for part in parts], axis=-1),
        )

    def _of(self, arrays: Sequence[NDArray[Any]]) -> Self:
        other = super()._of(arrays)
        other.tree = self.tree
        return other

    @property
    def concentration(self) -> NDArray[Any]:
        """Concentrations, shape (G, D, Q)."""
        return self._arrays[1]

    def without(self, names: Iterable[str]) -> Self:
        """Likelihood of networks that have learned nothing of some questions: NaN in all draws."""
        unknown_A = np.zeros(self.tree.n_answers, dtype=bool)
        for name in names:
            unknown_A[self.tree.slices[name]] = True
        return self._with_nan(unknown_A)

    def _with_nan(self, unknown: NDArray[np.bool_]) -> Self:
        if not unknown.any():
            return self
        return self._of([np.where(unknown, np.nan, self.draws), self.concentration])

    def not_learned(self) -> tuple[str, ...]:
        """Questions of which some network has learned nothing."""
        unknown = np.isnan(self.draws)
        return tuple(name for name, here in self.tree.slices.items() if unknown[..., here].any())

    def filled(self) -> Self:
        """Likelihood with even fractions in place of NaN; votes on them are multinomial."""
        return self._filled(np.isnan)

    def silenced(self) -> Self:
        """Likelihood whose draws agree on questions of which some network has learned nothing.

        All of them have even fractions there, so the question tells nothing. Even fractions of some
        draws alone would be taken for a disagreement with the others.
        """
        return self._filled(lambda x: np.isnan(x) | np.isnan(x).any(axis=1, keepdims=True))

    def _filled(self, unknown_of: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> Self:
        if not self.not_learned():
            return self
        draws, concentration = self.draws.copy(), self.concentration.copy()
        for number, here in enumerate(self.tree.slices.values()):
            unknown_GD = unknown_of(draws[..., here.start])
            draws[unknown_GD, here] = 1 / (here.stop - here.start)
            concentration[unknown_GD, number] = np.inf
        return self._of([draws, concentration])

    def question(self, name: str) -> AnswerLikelihood:
        """Likelihood of the answers to one question, of those who are asked it."""
        place = self.tree.questions.index(name)
        draws = self.draws[..., self.tree.slices[name]]
        concentration = self.concentration[..., place]
        if np.isinf(concentration).all():
            return object.__new__(Multinomial)._of([draws])  # checked when this was made
        return object.__new__(DirichletMultinomial)._of([draws, concentration])

    def questions(self) -> Iterator[tuple[str, AnswerLikelihood]]:
        """Yield every question and its likelihood, in the order of the tree."""
        for name in self.tree.questions:
            yield name, self.question(name)

    def clicks(self) -> NDArray[Any]:
        """Clicks on every answer that each draw expects of one walk, shape (G, D, A)."""
        draws = self.silenced().draws
        n_answers = [len(self.tree.answers(name)) for name in self.tree.questions]
        return draws * np.repeat(self.tree.asked_fractions(draws), n_answers, axis=-1)

    def recalibrated_by(self, numbers: Mapping[str, Iterable[float]]) -> "TreeLikelihood":
        """Likelihood with every question's `recalibrated` by numbers of its own."""
        changed = {
            name: one.recalibrated(*numbers[name]) for name, one in self.filled().questions()
        }
        return TreeLikelihood(self.tree, changed)._with_nan(np.isnan(self.draws))

    @classmethod
    def from_outputs(cls, outputs_GDP: ArrayLike) -> Self:
        raise TypeError("TreeLikelihood needs its tree: use `vote_model(...).from_outputs`.")

    @staticmethod
    def nll(y_true: Any, y_pred: Any) -> Any:
        raise TypeError("TreeLikelihood needs its tree: use `vote_model(...).nll`.")

    def log_pmf(self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]) -> NDArray[Any]:
        """Log probability of votes (G, A) under every draw; every question's N is its own."""
        # the sum in the module's docstring
        found_GD = np.zeros(self.draws.shape[:2])
        for here, one in self._with_columns():
            n_votes_G1 = votes_G[:, here].sum(axis=1, keepdims=True)
            log_GD = one.log_pmf(votes_G[:, here], n_votes_G1[:, 0])
            found_GD += np.where(n_votes_G1 > 0, log_GD, 0)  # which is NaN if nothing was learned
        return found_GD

    def pmf_blocks(self, n_votes: int) -> Iterator[tuple[slice, NDArray[Any]]]:
        raise TypeError(
            "The votes on a whole tree have too many outcomes to list; take one question's."
        )

    def variance(self) -> NDArray[Any]:
        return np.concatenate([one.variance() for _, one in self.questions()], axis=-1)

    def quantile(self, level: float) -> NDArray[Any]:
        columns = [
            one.answer(number).quantile(level)
            for _, one in self.questions()
            for number in range(one.draws.shape[-1])
        ]
        return np.stack(columns, axis=-1)

    def sample(
        self, rng: np.random.RandomState, n_votes_G: NDArray[Any], draw: int
    ) -> NDArray[Any]:
        """Votes of walks down the tree, shape (G, A), if the network of that draw is right.

        Raises
        ------
        ValueError
            If it has learned nothing of a question.
        """
        unknown = self.not_learned()
        if unknown:
            raise ValueError(
                "Networks must have learned all questions, to walk down the tree. Got none with "
                f"votes on {', '.join(unknown)}; take the posterior of another question."
            )
        votes_GA = np.zeros((len(self), self.tree.n_answers), dtype=np.int64)
        for step, (_, one) in zip(steps_of(self.tree), self.questions(), strict=True):
            asked_G = asked_of(step, votes_GA, n_votes_G)
            votes_GA[:, step.answers] = one.sample(rng, asked_G, draw)
        return votes_GA

    def sample_fractions(self, rng: np.random.RandomState) -> NDArray[Any]:
        parts = [one.sample_fractions(rng) for _, one in self.filled().questions()]
        return np.where(np.isnan(self.draws), np.nan, np.concatenate(parts, axis=-1))

    def scatter(self) -> NDArray[Any]:
        return 1 / self.concentration

    def _with_columns(self) -> Iterator[tuple[slice, AnswerLikelihood]]:
        for name, one in self.questions():
            yield self.tree.slices[name], one


def _part_of(questions: Mapping[str, Likelihood], name: str, tree: DecisionTree) -> Likelihood:
    """Likelihood of one question, checked."""
    if name not in questions:
        raise ValueError(f"`questions` must have every question of the tree. Got none of {name!r}.")
    n_answers = len(tree.answers(name))
    if questions[name].draws.shape[-1] != n_answers:
        raise ValueError(
            f"`questions[{name!r}]` must be of {n_answers} answers. "
            f"Got {questions[name].draws.shape[-1]}."
        )
    return questions[name]


def _concentration_of(part: Likelihood) -> NDArray[Any]:
    if isinstance(part, DirichletMultinomial):
        return part.concentration
    return np.full(part.draws.shape[:2], np.inf)
