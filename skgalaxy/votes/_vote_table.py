"""Counts of the answers to one question, one row per galaxy."""

import contextlib
import io
import os
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._arrays import any_of_row, without_mask
from skgalaxy._validation import (
    check_choice,
    check_float,
    check_ids,
    check_n_votes,
    check_whole,
    of_source,
)
from skgalaxy.votes._question_names import check_names

Origin = Literal["counted", "reconstructed", "drawn"]
ORIGINS: tuple[str, ...] = get_args(Origin)
ORIGIN_COLUMN = "votes_origin"


class VoteTable:
    """The votes on one question: how many volunteers gave each answer, for each galaxy.

    Parameters
    ----------
    ids : array-like of shape (n_galaxies,)
        Names of the galaxies, text or integers, each once; kept as text, because 64-bit ids do
        not survive as floats.
    question : str
        The question that was asked.
    answers : sequence of str of length n_answers
        The possible answers.
    counts : array-like of shape (n_galaxies, n_answers)
        Volunteers who gave each answer, whole numbers >= 0. A galaxy with a masked number, here
        or in `n_votes`, has no votes. Columns of a DataFrame that have names of answers, with or
        without the question's, are taken by these.
    n_votes : array-like of shape (n_galaxies,), default=None
        N, the volunteers who were asked this question; None is the sum over the answers. It may
        exceed that sum where answers are left out, and is 0 for a galaxy without votes.
    residual : float, default=0.0
        How far from whole numbers the counts were that came as fractions times N, at most; 0 if
        they came as counts.
    source : str, default=None
        Where the votes are from, such as a file's name, for messages.
    origin : {"counted", "reconstructed", "drawn"}, default="counted"
        Whether volunteers' clicks were counted, or the counts are made from published fractions
        (`reconstruct_counts`) or drawn by them (`draw_counts`).

    Attributes
    ----------
    ids : str array of shape (n_galaxies,)
    question : str
    answers : tuple of str
    counts : int64 array of shape (n_galaxies, n_answers)
    n_votes : int64 array of shape (n_galaxies,)
    residual : float
    source : str or None
    origin : str

    Raises
    ------
    ValueError
        If ids are missing, repeated or mangled by a float; if counts are not whole numbers >= 0;
        if the answers add up to more than `n_votes`; if `origin` is none of these.

    See Also
    --------
    read_votes : Make one from a file.

    Examples
    --------
    >>> from skgalaxy.votes import VoteTable
    >>> table = VoteTable(["a", "b"], "bar", ["strong", "weak", "no"], [[2, 3, 5], [0, 0, 0]])
    >>> table
    VoteTable('bar': strong, weak, no; 2 galaxies, 10 votes)
    >>> print(table.votes("strong", "weak"))
    [[ 5 10]
     [ 0  0]]
    """

    ids: NDArray[np.str_]
    question: str
    answers: tuple[str, ...]
    counts: NDArray[np.int64]
    n_votes: NDArray[np.int64]
    residual: float
    source: str | os.PathLike[str] | None
    origin: str

    _numbers_are = "; pass `votes(answer)` of it"  # ends a message

    def __init__(
        self,
        ids: ArrayLike,
        question: str,
        answers: Sequence[str],
        counts: ArrayLike,
        n_votes: ArrayLike | None = None,
        *,
        residual: float = 0.0,
        source: str | os.PathLike[str] | None = None,
        origin: Origin = "counted",
    ) -> None:
        self.ids = check_ids(ids, "ids", source)
        self.residual = check_float(residual, "residual", 0, 0.5)
        self.source, self.origin = source, check_choice(origin, "origin", ORIGINS)
        self._set_votes(question, answers, counts, n_votes)

    @classmethod
    def of_checked_ids(
        cls, ids: NDArray[np.str_], residual: float, source: Any, origin: str, *votes: Any
    ) -> "VoteTable":
        """Table of ids from `check_ids`: a second check of millions takes a gigabyte."""
        table = cls.__new__(cls)
        table.ids, table.residual, table.source, table.origin = ids, residual, source, origin
        table._set_votes(*votes)
        return table

    def _set_votes(
        self, question: str, answers: Sequence[str], counts: ArrayLike, n_votes: ArrayLike | None
    ) -> None:
        if not isinstance(question, str) or not question:
            raise ValueError(f"`question` must be a name, as text. Got {question!r}.")
        self.question = question
        self.answers = check_names(answers, "answers")
        plain, masked = without_mask(self._in_order(counts))
        self.counts = check_whole(plain, "counts")
        if self.counts.shape != (len(self.ids), len(self.answers)):
            raise ValueError(
                "`counts` must have one row per id and one column per answer, shape "
                f"({len(self.ids)}, {len(self.answers)}). Got shape {self.counts.shape}."
            )
        plain_n, masked_n = (None, None) if n_votes is None else without_mask(n_votes)
        for mask in (masked, masked_n):
            if mask is not None:  # a galaxy with a masked number has no votes
                self.counts[np.broadcast_to(any_of_row(mask), len(self.ids))] = 0
        given = self.counts.sum(axis=1)
        self.n_votes = given if plain_n is None else check_n_votes(plain_n, len(self.ids))
        if masked is not None:
            self.n_votes = np.where(any_of_row(masked), 0, self.n_votes)
        over = np.flatnonzero(given > self.n_votes)
        if over.size:
            row = over[0]
            raise ValueError(
                f"The answers to {self.question!r} must not be more than the votes N on it. Got "
                f"{given[row]} of {self.n_votes[row]} in row {row}{of_source(self.source)} "
                f"(id {self.ids[row]}); if volunteers may give several answers, read each as a "
                "question of its own."
            )

    def _in_order(self, counts: Any) -> Any:
        """Counts of a DataFrame by the names of its columns, if these are names of answers."""
        if not isinstance(counts, pd.DataFrame) or isinstance(counts.columns, pd.RangeIndex):
            return counts
        named = {
            str(name).removeprefix(f"{self.question}_"): place
            for place, name in enumerate(counts.columns)
        }
        if not set(named) & set(self.answers):
            return counts
        if set(named) != set(self.answers) or len(named) != counts.shape[1]:
            raise ValueError(
                f"`counts` must have the columns {', '.join(self.answers)}, each once. Got "
                f"{', '.join(map(str, counts.columns))}."
            )
        return counts.iloc[:, [named[answer] for answer in self.answers]]

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        made = "" if self.origin == "counted" else f" {self.origin}"
        return (
            f"VoteTable({self.question!r}: {', '.join(self.answers)}; "
            f"{len(self)} galaxies, {self.n_votes.sum()}{made} votes)"
        )

    def votes(self, *answers: str) -> NDArray[np.int64]:
        """Votes [k, N] on an answer, or on several taken as one.

        Parameters
        ----------
        *answers : str
            An answer, or the beginning of one if only one begins so. Of several the counts are
            added: GZ DECaLS has strong and weak bars, GZ2 has bars.

        Returns
        -------
        y : int64 array of shape (n_galaxies, 2)
            Columns [k, N], as an estimator's `fit` takes them.

        Raises
        ------
        ValueError
            If an answer is unknown or given twice, or none is given.

        Examples
        --------
        >>> from skgalaxy.votes import VoteTable
        >>> table = VoteTable([7], "bar", ["strong", "weak", "no"], [[2, 3, 5]])
        >>> table.votes("strong"), table.votes("strong", "weak")
        (array([[ 2, 10]]), array([[ 5, 10]]))
        """
        columns = [self._column_of(answer) for answer in answers]
        if not columns or len(set(columns)) < len(columns):
            raise ValueError(
                f"`answers` must name one or more of {', '.join(self.answers)}, each once. "
                f"Got {answers!r}."
            )
        return np.column_stack([self.counts[:, columns].sum(axis=1), self.n_votes])

    def _column_of(self, answer: str) -> int:
        """Column of the answer of that name, or that only begins so."""
        if answer in self.answers:
            return self.answers.index(answer)
        begun = [name for name in self.answers if name.startswith(str(answer))]
        if len(begun) != 1:
            problem = "several begin so" if begun else "none is called so"
            raise ValueError(
                f"`answers` to {self.question!r} must be among {', '.join(self.answers)}. "
                f"Got {answer!r}: {problem}."
            )
        return self.answers.index(begun[0])

    def reindex(self, ids: ArrayLike) -> "VoteTable":
        """Votes of these galaxies in this order, N = 0 for those without a row.

        Parameters
        ----------
        ids : array-like of shape (n_galaxies,)
            As in `VoteTable`.

        Returns
        -------
        table : VoteTable

        Raises
        ------
        ValueError
            If the table has none of them.

        Examples
        --------
        >>> from skgalaxy.votes import VoteTable
        >>> table = VoteTable(["a", "b"], "ring", ["yes", "no"], [[1, 3], [6, 2]])
        >>> table.reindex(["b", "c"]).votes("yes")
        array([[6, 8],
               [0, 0]])
        """
        ids = check_ids(ids, "ids", None)
        rows = rows_of_ids(self.ids, ids)
        known = rows >= 0
        counts = np.zeros((len(ids), len(self.answers)), dtype=np.int64)
        n_votes = np.zeros(len(ids), dtype=np.int64)
        counts[known], n_votes[known] = self.counts[rows[known]], self.n_votes[rows[known]]
        votes = (self.question, self.answers, counts, n_votes)
        return VoteTable.of_checked_ids(ids, self.residual, self.source, self.origin, *votes)

    def to_frame(self) -> pd.DataFrame:
        """Votes as a table in Zoobot's column style, which `read_votes` reads again.

        Returns
        -------
        frame : pandas.DataFrame of n_galaxies rows
            ``id_str``, ``{question}_{answer}`` for each answer, ``{question}_total-votes``; and
            ``votes_origin`` if the votes were not counted but reconstructed or drawn.

        Raises
        ------
        ValueError
            If `read_votes` would take a name for something else, for example the answer "yes_min",
            which in Zoobot's style is said of the answer "yes".

        Examples
        --------
        >>> from skgalaxy.votes import VoteTable
        >>> print(VoteTable(["a"], "ring", ["yes", "no"], [[1, 3]]).to_frame())
          id_str  ring_yes  ring_no  ring_total-votes
        0      a         1        3                 4
        """
        columns = [f"{self.question}_{answer}" for answer in self.answers]
        names = ["id_str", *columns, f"{self.question}_total-votes"]
        self._check_names(names)
        if any("\r" in id_ for id_ in self.ids):
            raise ValueError("`ids` must not hold carriage returns, at which rows of CSV end.")
        values = [self.ids, *self.counts.T, self.n_votes]
        made = {} if self.origin == "counted" else {ORIGIN_COLUMN: self.origin}
        return pd.DataFrame(dict(zip(names, values, strict=True)) | made)

    def _check_names(self, names: list[str]) -> None:
        """Refuse names of columns that would be read as other questions or answers."""
        # imported here: these modules know the published trees, which know this class
        from skgalaxy.votes._dialects import Columns, recognise
        from skgalaxy.votes._table_file import find_id_columns, visible_names
        from skgalaxy.votes._text_table import TextCells

        written = pd.DataFrame(columns=names).to_csv(index=False).encode()
        expected = Columns(dict(zip(self.answers, names[1:-1], strict=True)), {}, names[-1])
        found = {}
        with contextlib.suppress(ValueError):
            as_read = visible_names(TextCells(io.BytesIO(written), "").header)
            if as_read == names and find_id_columns(names) == ["id_str"]:
                found = recognise(names, "auto", "")[1]
        if found != {self.question: expected}:
            raise ValueError(
                "`question` and `answers` must have names that `read_votes` finds again in "
                f"'{{question}}_{{answer}}'. Got question {self.question!r} with answers "
                f"{', '.join(map(repr, self.answers))}; choose names without '_'."
            )


def rows_of_ids(known: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.intp]:
    """Rows of ids among those that a table has, -1 where it has none.

    Raises
    ------
    ValueError
        If it has none of them: they are of another catalogue.
    """
    rows = pd.Index(known).get_indexer(ids)
    if len(rows) and len(known) and (rows < 0).all():
        raise ValueError(
            f"`ids` must be of the table's galaxies, for example {str(known[0])!r}. Got none of "
            f"them, for example {str(ids[0])!r}; read the table by the column of these ids, with "
            "`id_column`."
        )
    return rows
