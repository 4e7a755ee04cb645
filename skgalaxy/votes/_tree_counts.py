"""Counts of all answers of a decision tree, one column per answer, checked."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy._arrays import as_float64, without_mask
from skgalaxy._validation import first_rows
from skgalaxy.votes._tree_steps import Step, asked_of, steps_of

if TYPE_CHECKING:
    from skgalaxy.votes._decision_tree import DecisionTree

__all__ = ["check_tree_counts"]

_MOST = 2.0**53  # which floats hold exactly
_ROUNDING = 1e-6  # that averages of counts may leave
_FEW, _SHARE = 2, 0.1  # more votes than its parents allow, that a question of a real table may have


def check_tree_counts(
    tree: "DecisionTree",
    y: Any,
    n_galaxies: int | None,
    *,
    name: str = "y",
    whole_walks: bool = True,
) -> NDArray[np.float64]:
    """Counts of shape (n_galaxies, n_answers), NaN where a question is not known.

    With `whole_walks`, no question may have many more votes than the answers that lead to it.
    """
    if isinstance(y, pd.DataFrame):
        counts, mask = _of_frame(tree, y, name), None
    else:
        plain, mask = without_mask(y)
        counts = as_float64(plain, name).copy()
    if counts.ndim != 2 or counts.shape[1] != tree.n_answers:
        raise ValueError(
            f"`{name}` must be counts of the {tree.n_answers} answers of {tree.name}, shape "
            f"(n_galaxies, {tree.n_answers}) in the order of `tree.columns`, or a table with these "
            f"columns. Got shape {counts.shape}."
        )
    if n_galaxies is not None and len(counts) != n_galaxies:
        other = "X" if name == "y" else "ids"
        raise ValueError(
            f"`{other}` and `{name}` must have the same number of rows. Got {n_galaxies} and "
            f"{len(counts)}."
        )
    if mask is not None:
        counts[mask] = np.nan
    _check_values(tree, counts, name)
    for question, step in zip(tree.questions, steps_of(tree), strict=True):
        _check_known(counts[:, step.answers], question, name)
        if whole_walks:
            _check_asked(step, counts, question, name)
    return counts


def _of_frame(tree: "DecisionTree", table: pd.DataFrame, called: str) -> NDArray[np.float64]:
    """Columns of the tree's answers; those of a question that is not there are NaN."""
    names = list(table.columns)
    twice = [name for name in tree.columns if names.count(name) > 1]
    if twice:
        raise ValueError(
            f"`{called}` must have each answer once. Got the column {twice[0]!r} twice."
        )
    there = [name in names for name in tree.columns]
    for question in tree.questions:
        here = tree.slices[question]
        found = there[here]
        if any(found) and not all(found):
            missing = tree.columns[here][found.index(False)]
            raise ValueError(
                f"`{called}` must have all answers to {question!r}, or none. Got no column "
                f"{missing!r}."
            )
    if not any(there):
        raise ValueError(
            f"`{called}` must have columns of {tree.name}, for example {tree.columns[0]!r}. Got "
            f"{', '.join(map(repr, names[:5])) or 'none'}."
        )
    _refuse_strange_answers(tree, names, called)
    counts = np.full((len(table), tree.n_answers), np.nan)
    for place, name in enumerate(tree.columns):
        if there[place]:
            counts[:, place] = as_float64(table[name], f"{called}[{name!r}]")
    return counts


def _refuse_strange_answers(tree: "DecisionTree", names: list[Any], called: str) -> None:
    """Refuse a column that looks like an answer which the tree lacks: N would be too small."""
    # imported here: this module knows the published trees, which are checked by this one
    from skgalaxy.votes._dialects import PREDICTION, TOTAL

    for name in map(str, names):
        asked = [question for question in tree.questions if name.startswith(f"{question}_")]
        if not asked or name in tree.columns:
            continue
        question = max(asked, key=len)
        rest = name.removeprefix(f"{question}_")
        answers = tree.answers(question)
        is_known = TOTAL.fullmatch(rest) or PREDICTION.fullmatch(rest)
        if not is_known and not rest.startswith(tuple(f"{answer}_" for answer in answers)):
            raise ValueError(
                f"`{called}` must have no answers to {question!r} other than "
                f"{', '.join(answers)}. Got the column {name!r}; add it to another answer, or drop "
                "it if it is none."
            )


def _check_values(tree: "DecisionTree", counts: NDArray[np.float64], name: str) -> None:
    """Refuse what is no count."""
    bad = ~np.isnan(counts) & ~((counts >= 0) & (counts <= _MOST))
    broken = np.abs(counts - np.rint(counts)) > _ROUNDING
    if not (bad.any() or broken.any()):
        return
    row, column = np.argwhere(bad if bad.any() else broken)[0]
    remedy = ""
    if not bad.any() and np.nanmax(counts) <= 1:
        remedy = "; fractions do not tell how many were asked: multiply them by that, and round"
    raise ValueError(
        f"`{name}` must be counts, whole numbers from 0 to 2**53, or NaN in a question that is not "
        f"known. Got {counts[row, column]:g} of {tree.columns[column]!r} in row {row}{remedy}."
    )


def _check_known(here: NDArray[np.float64], question: str, name: str) -> None:
    """Refuse a question that is known in part."""
    in_part = np.asarray(np.isnan(here).any(axis=1) & ~np.isnan(here).all(axis=1))
    if in_part.any():
        raise ValueError(
            f"`{name}` must be known of all answers to {question!r}, or NaN in all. Got NaN in "
            f"some of row {first_rows(in_part)}."
        )


def _check_asked(step: Step, counts: NDArray[np.float64], question: str, name: str) -> None:
    """Refuse a question with many more votes than its parents allow."""
    asked = counts[:, step.answers].sum(axis=1)
    allowed = asked_of(step, counts, asked)  # NaN if a parent is not known: all are allowed
    over = np.asarray(asked - allowed > np.maximum(_FEW, _SHARE * asked))
    if over.any():
        row = int(np.flatnonzero(over)[0])
        raise ValueError(
            f"`{name}` must not have more votes on {question!r} than were given to the answers "
            f"before it. Got {asked[row]:g} of {allowed[row]:g} in row {first_rows(over)}; leave "
            "such galaxies out, or look whether columns are mixed up (`DecisionTree.validate`)."
        )
