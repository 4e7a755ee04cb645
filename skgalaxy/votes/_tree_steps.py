"""Steps down a decision tree: who is asked a question, after which answers."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._arrays import check_numbers
from skgalaxy._validation import first_rows
from skgalaxy.votes._question_names import first_names

if TYPE_CHECKING:
    from skgalaxy.votes._decision_tree import DecisionTree

__all__ = ["Step", "asked_fraction", "asked_fractions", "asked_of", "steps_of"]


class Step(NamedTuple):
    """A question: the columns of its answers, and those of the answers that lead to it."""

    answers: slice
    asked_after: tuple[int, ...] = ()


@lru_cache(maxsize=64)
def steps_of(tree: "DecisionTree") -> tuple[Step, ...]:
    """Steps of a tree, question by question."""
    column = {name: place for place, name in enumerate(tree.columns)}
    return tuple(
        Step(here, tuple(column[f"{q}_{answer}"] for q, answer in tree.parents(question)))
        for question, here in tree.slices.items()
    )


def asked_of(step: Step, counts: NDArray[Any], shown: NDArray[Any]) -> NDArray[Any]:
    """Number of volunteers who are asked a question: all, or who gave the answers before it."""
    return counts[:, step.asked_after].sum(axis=1) if step.asked_after else shown


def asked_fractions(steps: Sequence[Step], fractions: NDArray[Any]) -> NDArray[np.float64]:
    """Probability to be asked each question, shape (..., n_questions), of (..., n_answers)."""
    widths = [step.answers.stop - step.answers.start for step in steps]
    question_of = np.repeat(np.arange(len(steps)), widths)
    asked = np.ones((*fractions.shape[:-1], len(steps)))
    for number, step in enumerate(steps):  # each after those that lead to it
        if step.asked_after:
            ways = [asked[..., question_of[a]] * fractions[..., a] for a in step.asked_after]
            asked[..., number] = np.minimum(np.sum(ways, axis=0), 1.0)
    return asked


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
