"""Recalibration of every question of a tree."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from skgalaxy.calibration._recalibration import HeldOut, Recalibration, most_likely
from skgalaxy.exceptions import NotCalibratedWarning
from skgalaxy.tree_posterior import TreePosterior

__all__ = ["TreeRecalibration", "recalibration_of"]


class TreeRecalibration(NamedTuple):
    """Recalibration of every question of a tree.

    Parameters
    ----------
    questions : dict of str to Recalibration
        By the name of the question.

    Examples
    --------
    >>> from skgalaxy import TreePosterior
    >>> from skgalaxy.calibration import Recalibration, TreeRecalibration
    >>> from skgalaxy.likelihoods import Multinomial, TreeLikelihood
    >>> from skgalaxy.votes import DecisionTree
    >>> likelihood = TreeLikelihood(DecisionTree({"bar": ["yes", "no"]}), {
    ...     "bar": Multinomial([[[0.9, 0.1]]])
    ... })
    >>> wider = TreeRecalibration({"bar": Recalibration(overdispersion=0.1)})
    >>> wider.apply(TreePosterior(likelihood)).std.round(2)
    array([[0.09, 0.09]])
    """

    questions: dict[str, Recalibration]

    def apply(self, posterior: TreePosterior) -> TreePosterior:
        """Recalibrate a posterior, question by question."""
        likelihood = posterior.likelihood.recalibrated_by(self.questions)
        return TreePosterior(likelihood, folds=posterior.folds)


def recalibration_of(
    posteriors: Sequence[Any], votes: Sequence[NDArray[Any]]
) -> Recalibration | TreeRecalibration:
    """Recalibration of posteriors that makes votes most likely; `weighted_counts` for each."""
    if not isinstance(posteriors[0], TreePosterior):
        pairs = zip(posteriors, votes, strict=True)
        return most_likely([HeldOut(one.likelihood, *rows.T) for one, rows in pairs])
    found = {}
    for question, here in posteriors[0].tree.slices.items():
        parts = [
            HeldOut(
                posterior[question].likelihood,
                rows[:, here],
                rows[:, here].sum(axis=1),
                rows[:, -1],
            )
            for posterior, rows in zip(posteriors, votes, strict=True)
        ]
        if any(len(part.telling().weight) for part in parts):
            found[question] = most_likely(parts)
    left = [question for question in posteriors[0].tree.questions if question not in found]
    not_learned = {q for posterior in posteriors for q in posterior.likelihood.not_learned()}
    if unsaid := [q for q in left if q not in not_learned]:  # of the others `fit` has warned
        warnings.warn(
            f"Intervals of {', '.join(unsaid)} are not calibrated: no galaxy that was held out has "
            "two votes on it.",
            NotCalibratedWarning,
            stacklevel=3,
        )
    return TreeRecalibration(found | dict.fromkeys(left, Recalibration()))
