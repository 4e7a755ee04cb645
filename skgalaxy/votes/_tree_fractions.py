"""Fractions of the volunteers who are asked a question: those who give the answers before it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._arrays import check_numbers
from skgalaxy._validation import first_rows
from skgalaxy.votes._question_names import first_names

if TYPE_CHECKING:
    from skgalaxy.votes._decision_tree import DecisionTree

__all__ = ["asked_fraction", "asked_fractions"]


def asked_fractions(tree: "DecisionTree", fractions: NDArray[Any]) -> NDArray[np.float64]:
    """Probability to be asked each question, shape (..., n_questions), of (..., n_answers)."""
    column = {name: place for place, name in enumerate(tree.columns)}
    asked: dict[str, NDArray[np.float64]] = {}
    for question in tree.questions:  # each after those that lead to it
        parents = tree.parents(question)
        if not parents:
            asked[question] = np.ones(fractions.shape[:-1])
            continue
        ways = [asked[q] * fractions[..., column[f"{q}_{answer}"]] for q, answer in parents]
        asked[question] = np.minimum(np.sum(ways, axis=0), 1.0)
    return np.stack([asked[question] for question in tree.questions], axis=-1)


def asked_fraction(
    tree: "DecisionTree", question: str, fractions: Mapping[str, ArrayLike]
) -> NDArray[np.float64] | float:
    """Probability to be asked one question, of fractions by answer; only its parents' are read."""
    parents = tree.parents(question)
    if not parents:
        return 1.0
    ways = [
        asked_fraction(tree, parent, fractions)
        * _fraction_who_say(f"{parent}_{answer}", fractions, question)
        for parent, answer in parents
    ]
    return np.minimum(sum(ways), 1.0)


def _fraction_who_say(
    name: str, fractions: Mapping[str, ArrayLike], question: str
) -> NDArray[np.float64]:
    """Fractions who give an answer, which leads to a question."""
    if name not in fractions:
        raise ValueError(
            f"`fractions` must hold {name!r}, which leads to {question!r}. "
            f"Got {first_names(fractions) or 'nothing'}."
        )
    values = check_numbers(fractions[name], f"fractions[{name!r}]")
    outside = ~((values >= 0) & (values <= 1))  # as NaN is
    if outside.any():
        where = f"{name!r} in row {first_rows(outside)}" if outside.ndim else f"{name!r}"
        raise ValueError(
            f"`fractions` must lie in [0, 1]. Got {values[outside].flat[0]:g} of {where}."
        )
    return values
