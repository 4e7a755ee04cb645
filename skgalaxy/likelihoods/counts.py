"""Votes to learn from, as counts and weights: of one yes/no question, or of a tree's answers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgalaxy._validation import check_weight, check_weighted_votes
from skgalaxy.votes import DecisionTree

__all__ = ["check_tree", "first_fraction", "has_votes", "n_votes_of", "weighted_counts"]


def check_tree(tree: Any) -> None:
    """Raise TypeError unless `tree` is a decision tree or None."""
    if tree is not None and not isinstance(tree, DecisionTree):
        raise TypeError(
            f"`tree` must be a skgalaxy.votes.DecisionTree, for example GZ2, or None. Got {tree!r}."
        )


def weighted_counts(
    y: Any, sample_weight: Any, n_galaxies: int | None, tree: DecisionTree | None
) -> NDArray[np.float64]:
    """Counts of every galaxy, and last its weight, shape (n_galaxies, n_counts + 1).

    Without a tree counts are [k, N]. With one they are those of ``tree.columns``, 0 where a
    question is not known.

    Raises
    ------
    ValueError
        If counts or weights are out of range or of a wrong shape, or if there is no vote at all.
    """
    if tree is None:
        return np.stack(check_weighted_votes(y, sample_weight, n_galaxies), axis=1)
    if y is None:  # in words that scikit-learn's own checks look for
        raise ValueError(
            "A fit to votes requires y to be passed, but the target y is None. "
            "Pass counts of the tree's answers as `y`. Got None."
        )
    counts = np.nan_to_num(tree.check_counts(y, n_galaxies), nan=0.0)
    votes = np.column_stack([counts, check_weight(sample_weight, len(counts))])
    if not has_votes(votes).any():
        raise ValueError(
            "`y` and `sample_weight` must give at least one vote of weight > 0. "
            "Got no votes or zero weight for every galaxy."
        )
    return votes


def has_votes(votes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """True for galaxies with a vote that counts; of `weighted_counts`."""
    return (votes[:, :-1] > 0).any(axis=1) & (votes[:, -1] > 0)


def n_votes_of(votes: NDArray[np.float64], tree: DecisionTree | None) -> NDArray[np.float64]:
    """Number of votes on every question, shape (n_galaxies, n_questions); of `weighted_counts`."""
    if tree is None:
        return votes[:, 1:2]
    return np.stack([votes[:, tree.slices[q]].sum(axis=1) for q in tree.questions], axis=1)


def first_fraction(votes: NDArray[np.float64], tree: DecisionTree | None) -> NDArray[np.float64]:
    """Fraction of the first answer, 0 without votes, shape (n_galaxies,); of `weighted_counts`."""
    n_votes = n_votes_of(votes, tree)[:, 0]
    return votes[:, 0] / np.where(n_votes > 0, n_votes, 1)
