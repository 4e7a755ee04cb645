"""Volunteers who walk a decision tree, with given vote fractions."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._arrays import check_numbers
from skgalaxy._validation import check_n_votes, check_seed, first_rows
from skgalaxy.votes._decision_tree import DecisionTree
from skgalaxy.votes._tree_steps import asked_of, steps_of

__all__ = ["check_tree_fractions", "walk", "walk_votes"]

ROUNDED = 0.02  # that the fractions of up to seven answers, of three decimals, may be off from 1


def walk_votes(
    tree: DecisionTree,
    fractions: ArrayLike | pd.DataFrame,
    n_votes: ArrayLike,
    random_state: Any = None,
) -> NDArray[np.float64]:
    """Draw the votes of volunteers who are led down a tree.

    Each of N volunteers answers the first question, and then whatever the answers given lead to, so
    that a question is asked of as many as gave the answers before it.

    Parameters
    ----------
    tree : DecisionTree
        The questions.
    fractions : array-like of shape (n_galaxies, n_answers), or DataFrame
        Fraction of every answer among those who are asked its question, in the order of
        ``tree.columns``, or a table with these columns. They add up to 1 for each question, or are
        NaN in all answers to it.
    n_votes : int or array-like of shape (n_galaxies,)
        Volunteers who are shown the galaxy, whole numbers >= 0.
    random_state : int, RandomState or None, default=None
        Source of the randomness; an int gives the same votes each time.

    Returns
    -------
    counts : float64 array of shape (n_galaxies, n_answers)
        Whole numbers, in the order of ``tree.columns``. A question with fractions NaN is NaN, if
        anyone is asked it, and so are those that it leads to.

    Raises
    ------
    ValueError
        If fractions are outside [0, 1], or do not add up to 1 for each question.

    See Also
    --------
    DecisionTree.expected_votes : The mean of the N of a question.

    Examples
    --------
    >>> from skgalaxy.votes import DecisionTree, walk_votes
    >>> tree = DecisionTree(
    ...     {"disc": ["yes", "no"], "arms": ["1", "2"]}, asked_after={"arms": ["disc_yes"]}
    ... )
    >>> walk_votes(tree, [[0.75, 0.25, 0.0, 1.0]], 40, random_state=0)
    array([[35.,  5.,  0., 35.]])
    """
    values = check_tree_fractions(tree, fractions)
    shown = check_n_votes(n_votes, len(values))
    rng = np.random.default_rng(check_seed(random_state).randint(2**32, size=4, dtype=np.uint64))
    return walk(tree, values, shown, rng)


def walk(
    tree: DecisionTree,
    fractions: NDArray[np.float64],
    shown: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Counts (n_galaxies, n_answers) of `walk_votes`, of what is checked."""
    counts = np.full(fractions.shape, np.nan)
    for step in steps_of(tree):
        here, asked = step.answers, asked_of(step, counts, shown)
        known = ~np.isnan(asked) & ~np.isnan(fractions[:, here.start])
        counts[known, here] = rng.multinomial(asked[known].astype(np.int64), fractions[known, here])
        counts[asked == 0, here] = 0
    return counts


def check_tree_fractions(
    tree: DecisionTree, fractions: Any, name: str = "fractions"
) -> NDArray[np.float64]:
    """Fractions of all answers, each question's adding up to 1 or all of them NaN."""
    if not isinstance(tree, DecisionTree):
        raise TypeError(f"`tree` must be a DecisionTree. Got {tree!r}.")
    if isinstance(fractions, pd.DataFrame):
        lacks = [column for column in tree.columns if column not in fractions]
        if lacks:
            raise ValueError(
                f"`{name}` must have a column of every answer of {tree.name}. "
                f"Got no {lacks[0]!r}; NaN says that a question is not known."
            )
        fractions = fractions[list(tree.columns)]
    values = check_numbers(fractions, name)
    if values.ndim != 2 or values.shape[1] != tree.n_answers:
        raise ValueError(
            f"`{name}` must have shape (n_galaxies, {tree.n_answers}), the answers of {tree.name}. "
            f"Got shape {values.shape}."
        )
    outside = ~((values >= 0) & (values <= 1) | np.isnan(values))
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise ValueError(
            f"`{name}` must lie in [0, 1]. Got {values[row, column]:g} of "
            f"{tree.columns[column]!r} in row {row}."
        )
    values = values.copy()
    for question, here in tree.slices.items():
        sums = values[:, here].sum(axis=1)
        in_part = np.isnan(sums) & ~np.isnan(values[:, here]).all(axis=1)
        wrong = np.asarray(in_part | (np.abs(sums - 1) > ROUNDED))
        if wrong.any():
            shown = "NaN in some of" if in_part.any() else f"{sums[wrong][0]:g} in"
            raise ValueError(
                f"`{name}` of the answers to {question!r} must add up to 1, or be NaN in all. Got "
                f"{shown} row {first_rows(in_part if in_part.any() else wrong)}."
            )
        values[:, here] /= sums[:, None]
    return values
