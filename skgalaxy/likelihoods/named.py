"""Likelihoods by the names that an estimator knows them by, of one question or of a whole tree."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from skgalaxy.likelihoods.base import Likelihood
from skgalaxy.likelihoods.beta_binomial import BetaBinomial
from skgalaxy.likelihoods.binomial import Binomial
from skgalaxy.likelihoods.dirichlet_multinomial import DirichletMultinomial
from skgalaxy.likelihoods.multinomial import Multinomial
from skgalaxy.likelihoods.simplex import AnswerLikelihood
from skgalaxy.likelihoods.tree import TreeLikelihood
from skgalaxy.votes import DecisionTree

__all__ = ["ANSWER_LIKELIHOODS", "LIKELIHOODS", "TreeModel", "VoteModel", "vote_model"]

LIKELIHOODS: dict[str, type[Likelihood]] = {"beta_binomial": BetaBinomial, "binomial": Binomial}

# by the same names, for a question with any number of answers
ANSWER_LIKELIHOODS: dict[str, type[AnswerLikelihood]] = {
    "beta_binomial": DirichletMultinomial,
    "binomial": Multinomial,
}


class TreeModel(NamedTuple):
    """What a network gives for a tree, and how likely this makes votes.

    A question with K answers has K - 1 outputs of its own, in the order of the tree. With
    "beta_binomial" a logarithm of a concentration per question follows; a network may leave these
    out, and each is then learned as one number for all galaxies.

    Attributes
    ----------
    tree : DecisionTree
    likelihood : {"binomial", "beta_binomial"}
        Scatter of the votes, as in `skgalaxy.BayesianCNNRegressor`.
    """

    tree: DecisionTree
    likelihood: str

    @property
    def of_answers(self) -> type[AnswerLikelihood]:
        """Class of the likelihood of one question's answers."""
        return ANSWER_LIKELIHOODS[self.likelihood]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all outputs."""
        logits = [
            f"output {number} of {len(self.tree.answers(name)) - 1} of {name}"
            for name in self.tree.questions
            for number in range(1, len(self.tree.answers(name)))
        ]
        extra = [f"the logarithm of a concentration of {name}" for name in self.tree.questions]
        return (*logits, *(extra if self.starts else []))

    @property
    def starts(self) -> tuple[float, ...]:
        """Start values of the outputs that a network may leave out."""
        return tuple(self.of_answers.starts) * len(self.tree.questions)

    @property
    def n_logits(self) -> int:
        """Number of outputs that a network must give."""
        return self.tree.n_answers - len(self.tree.questions)

    def columns(self) -> Iterator[tuple[str, slice, list[int]]]:
        """Yield every question with its columns of votes, and with its outputs."""
        first, after = 0, self.n_logits
        for number, name in enumerate(self.tree.questions):
            here = self.tree.slices[name]
            n_own = here.stop - here.start - 1
            outputs = [*range(first, first + n_own), *([after + number] if self.starts else [])]
            yield name, here, outputs
            first += n_own

    def from_outputs(self, outputs_GDP: ArrayLike) -> TreeLikelihood:
        """Distributions from the outputs of networks, shape (G, D, P).

        Of a question with NaN in its outputs nothing was learned.
        """
        outputs = np.asarray(outputs_GDP)
        own = {name: outputs[..., columns] for name, _, columns in self.columns()}
        unknown = [name for name, some in own.items() if np.isnan(some).any()]
        own |= {name: np.zeros_like(own[name]) for name in unknown}
        questions = {name: self.of_answers.from_outputs(some) for name, some in own.items()}
        return TreeLikelihood(self.tree, questions).without(unknown)

    def nll(self, y_true: Any, y_pred: Any) -> Any:
        """Training loss of every galaxy, in ``keras.ops``: the sum over questions."""
        from keras import ops

        return sum(
            self.of_answers.nll(y_true[:, here], ops.take(y_pred, own, axis=1))
            for _, here, own in self.columns()
        )


VoteModel = type[Likelihood] | TreeModel  # what a network gives, and how likely this makes votes


def vote_model(likelihood: str, tree: DecisionTree | None = None) -> VoteModel:
    """Model of the votes on one yes/no question, or on all questions of a tree.

    Parameters
    ----------
    likelihood : {"binomial", "beta_binomial"}
    tree : DecisionTree, default=None
        None is one yes/no question.

    Returns
    -------
    model : class of Likelihood, or TreeModel
        Either has `outputs`, `starts`, `nll` and `from_outputs`.

    Examples
    --------
    >>> from skgalaxy.likelihoods.named import vote_model
    >>> from skgalaxy.votes import GZ2
    >>> len(vote_model("binomial").outputs), len(vote_model("binomial", GZ2).outputs)
    (1, 26)
    """
    return LIKELIHOODS[likelihood] if tree is None else TreeModel(tree, likelihood)
