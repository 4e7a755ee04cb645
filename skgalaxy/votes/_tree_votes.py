"""Counts of the answers to all questions of a decision tree, one row per galaxy."""

import os
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_choice, check_float, check_ids
from skgalaxy.votes._decision_tree import DecisionTree
from skgalaxy.votes._tree_counts import check_tree_counts
from skgalaxy.votes._vote_table import ORIGIN_COLUMN, ORIGINS, Origin, VoteTable, rows_of_ids

__all__ = ["TreeVotes"]


class TreeVotes:
    """The votes on all questions of a decision tree.

    Parameters
    ----------
    ids : array-like of shape (n_galaxies,)
        Names of the galaxies, text or integers, each once.
    tree : DecisionTree
        The questions.
    counts : array-like of shape (n_galaxies, n_answers), or DataFrame
        Volunteers who gave each answer, in the order of ``tree.columns``, or a table with these
        columns. A question that is not known is NaN in all its answers; 0 says that nobody was
        asked.
    residual : float, default=0.0
        How far from whole numbers the counts were that came as fractions times N, at most; 0 if
        they came as counts.
    source : str, default=None
        Where the votes are from, such as a file's name.
    origin : {"counted", "reconstructed", "drawn"}, default="counted"
        Whether volunteers' clicks were counted, or the counts are made from published fractions
        (`reconstruct_counts`) or drawn by them (`draw_counts`).

    Attributes
    ----------
    ids : str array of shape (n_galaxies,)
    tree : DecisionTree
    counts : float64 array of shape (n_galaxies, n_answers)
        As an estimator with this tree takes them for `y`.
    n_votes : float64 array of shape (n_galaxies, n_questions)
        N of every question, the sum over its answers; NaN where it is not known.
    questions : tuple of str
        Questions that are known of at least one galaxy.
    missing : tuple of str
        The tree's other questions.
    residual : float
    source : str or None
    origin : str

    Raises
    ------
    ValueError
        If ids are missing or repeated; if counts are no whole numbers >= 0, or a question is known
        in part.

    See Also
    --------
    read_votes : Make one from a file.
    DecisionTree.check_counts : Refuses galaxies with more votes on a question than are possible.

    Examples
    --------
    >>> from skgalaxy.votes import DecisionTree, TreeVotes
    >>> tree = DecisionTree(
    ...     {"disc": ["yes", "no"], "arms": ["1", "2"]}, {"arms": ["disc_yes"]}, name="Small"
    ... )
    >>> votes = TreeVotes(["a", "b"], tree, [[30, 10, 12, 18], [0, 40, 0, 0]])
    >>> votes
    TreeVotes(Small: disc, arms; 2 galaxies, 110 votes)
    >>> print(votes.votes("arms").votes("2"))
    [[18 30]
     [ 0  0]]
    """

    _numbers_are = "; pass its `counts`"  # ends a message

    def __init__(
        self,
        ids: ArrayLike,
        tree: DecisionTree,
        counts: ArrayLike | pd.DataFrame,
        *,
        residual: float = 0.0,
        source: str | os.PathLike[str] | None = None,
        origin: Origin = "counted",
    ) -> None:
        if not isinstance(tree, DecisionTree):
            raise TypeError(f"`tree` must be a DecisionTree. Got {tree!r}.")
        self.ids: NDArray[np.str_] = check_ids(ids, "ids", source)
        self.tree: DecisionTree = tree
        self.counts: NDArray[np.float64] = check_tree_counts(
            tree, counts, len(self.ids), name="counts", whole_walks=False
        )
        self.residual: float = check_float(residual, "residual", 0, 0.5)
        self.source: Any = source
        self.origin: str = check_choice(origin, "origin", ORIGINS)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        made = "" if self.origin == "counted" else f" {self.origin}"
        lacks = f"; without {', '.join(self.missing)}" if self.missing else ""
        return (
            f"TreeVotes({self.tree.name}: {', '.join(self.questions)}{lacks}; "
            f"{len(self)} galaxies, {np.nansum(self.counts):.0f}{made} votes)"
        )

    @property
    def n_votes(self) -> NDArray[np.float64]:
        """N of every question, shape (n_galaxies, n_questions); NaN where it is not known."""
        slices = self.tree.slices.values()
        return np.column_stack([self.counts[:, here].sum(axis=1) for here in slices])

    @property
    def questions(self) -> tuple[str, ...]:
        """Questions that are known of at least one galaxy."""
        slices = self.tree.slices.items()
        return tuple(q for q, here in slices if not np.isnan(self.counts[:, here]).all())

    @property
    def missing(self) -> tuple[str, ...]:
        """Questions of the tree that are not known of any galaxy."""
        known = self.questions
        return tuple(question for question in self.tree.questions if question not in known)

    def votes(self, question: str) -> VoteTable:
        """Votes on one question, N = 0 where it is not known.

        Parameters
        ----------
        question : str
            One of the tree's.

        Returns
        -------
        table : VoteTable

        Raises
        ------
        ValueError
            If `question` is not known of any galaxy, or not one of the tree's.

        Examples
        --------
        >>> from skgalaxy.votes import DecisionTree, TreeVotes
        >>> tree = DecisionTree({"ring": ["yes", "no"]})
        >>> TreeVotes(["a"], tree, [[1, 3]]).votes("ring")
        VoteTable('ring': yes, no; 1 galaxies, 4 votes)
        """
        answers = self.tree.answers(question)
        if question in self.missing:
            raise ValueError(
                f"`question` must be one that has votes: {', '.join(self.questions)}. "
                f"Got {question!r}."
            )
        counts = np.nan_to_num(self.counts[:, self.tree.slices[question]])
        votes = (question, answers, counts, None)
        return VoteTable.of_checked_ids(self.ids, self.residual, self.source, self.origin, *votes)

    def reindex(self, ids: ArrayLike) -> "TreeVotes":
        """Votes of these galaxies in this order, NaN for those without a row.

        Parameters
        ----------
        ids : array-like of shape (n_galaxies,)
            As in `TreeVotes`.

        Returns
        -------
        votes : TreeVotes

        Raises
        ------
        ValueError
            If the table has none of them.

        Examples
        --------
        >>> from skgalaxy.votes import DecisionTree, TreeVotes
        >>> tree = DecisionTree({"ring": ["yes", "no"]})
        >>> TreeVotes(["a", "b"], tree, [[1, 3], [6, 2]]).reindex(["b", "c"]).counts
        array([[ 6.,  2.],
               [nan, nan]])
        """
        ids = check_ids(ids, "ids", None)
        rows = rows_of_ids(self.ids, ids)
        counts = np.full((len(ids), self.tree.n_answers), np.nan)
        counts[rows >= 0] = self.counts[rows[rows >= 0]]
        about: dict[str, Any] = {"residual": self.residual, "source": self.source}
        return TreeVotes(ids, self.tree, counts, origin=self.origin, **about)  # pyright: ignore

    def to_frame(self) -> pd.DataFrame:
        """Votes as a table in Zoobot's column style, which `read_votes` reads again.

        Returns
        -------
        frame : pandas.DataFrame of n_galaxies rows
            ``id_str``; for each question that is known ``{question}_{answer}`` and
            ``{question}_total-votes``, integers, missing where they are not known; and
            ``votes_origin`` if the votes were not counted but reconstructed or drawn.

        Examples
        --------
        >>> from skgalaxy.votes import DecisionTree, TreeVotes
        >>> tree = DecisionTree({"ring": ["yes", "no"]})
        >>> print(TreeVotes(["a"], tree, [[1, 3]], origin="drawn").to_frame())
          id_str  ring_yes  ring_no  ring_total-votes votes_origin
        0      a         1        3                 4        drawn
        """
        frame: dict[str, Any] = {"id_str": self.ids}
        for question in self.questions:
            self.votes(question).to_frame()  # refuses names that would not be found again
            here = self.tree.slices[question]
            counts = self.counts[:, here]
            columns = [*self.tree.columns[here], f"{question}_total-votes"]
            values = np.column_stack([counts, counts.sum(axis=1)])
            frame |= {name: _integers(each) for name, each in zip(columns, values.T, strict=True)}
        if self.origin != "counted":
            frame[ORIGIN_COLUMN] = self.origin
        return pd.DataFrame(frame)


def _integers(values: NDArray[np.float64]) -> Any:
    """Whole numbers as integers, missing where they are NaN."""
    if np.isnan(values).any():
        return pd.array(np.rint(values), dtype="Int64")
    return np.rint(values).astype(np.int64)
