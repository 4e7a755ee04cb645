"""Counts of a whole tree made from a table of fractions: reconstructed, or drawn.

Published tables often have N of the first question only, and below it the fractions of the answers.
N of a question is then that of the answers which lead to it::

    N_q = sum over parents of k_parent,    k_answer = N_q f_answer

Such counts are *reconstructed*: nobody counted them, and weights are in them. Where no N is known,
votes can only be *drawn*, by simulated volunteers who walk the tree.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_n_votes
from skgalaxy.votes._cells import as_numbers
from skgalaxy.votes._decision_tree import DecisionTree
from skgalaxy.votes._dialects import GZ2_COLUMN
from skgalaxy.votes._published_trees import GZ2
from skgalaxy.votes._question_names import GZ2_STEMS, GZ2_TASKS, first_names, gz2_contradicts
from skgalaxy.votes._table_file import find_id_columns, open_table
from skgalaxy.votes._tree_steps import asked_of, steps_of
from skgalaxy.votes._tree_votes import TreeVotes
from skgalaxy.votes._walks import check_tree_fractions, walk_votes

__all__ = ["draw_counts", "reconstruct_counts"]

# Other names of the answers to Galaxy Zoo 2, of which tables of Kaggle's challenge use some.
OTHER_NAMES = {
    "bulge-size_no": ("bulge-size_none",),
    "how-rounded_round": ("how-rounded_completely", "how-rounded_completely-round"),
    "how-rounded_cigar": ("how-rounded_cigar-shaped",),
    "bulge-shape_round": ("bulge-shape_rounded",),
    "bulge-shape_no-bulge": ("bulge-shape_none",),
}
MOST_OFF = 0.05  # of the answers of the median galaxy to all questions, from `total_votes`


def reconstruct_counts(
    table: str | Path | pd.DataFrame,
    tree: DecisionTree = GZ2,
    *,
    n_votes: str | ArrayLike | None = None,
    id_column: str | None = None,
) -> TreeVotes:
    """Counts of all questions of a tree, from fractions and N of the first question.

    N of a question is the number of those who gave the answers that lead to it, and N times the
    fractions are rounded to whole numbers that add up to N. Use `read_votes` for what was counted.

    Parameters
    ----------
    table : path-like, or DataFrame
        A file that `read_votes` can open, or a table in memory. The fractions of answers are
        columns ``{question}_{answer}_fraction`` or ``{question}_{answer}``; or those of the Galaxy
        Zoo 2 catalogues, where ``..._fraction`` goes before ``..._weighted_fraction``. Debiased
        fractions are never taken. One answer to a question may be left out.
    tree : DecisionTree, default=GZ2
        The questions.
    n_votes : str, int or array-like of shape (n_galaxies,), default=None
        N of the first question, or its column. None is ``total_classifications`` or
        ``{question}_total-votes``.
    id_column : str, default=None
        The column that names the galaxies; None is the first that `read_votes` would take.

    Returns
    -------
    votes : TreeVotes
        Its `origin` is "reconstructed". A question whose fractions are missing, or all 0 where
        somebody was asked, is NaN.

    Raises
    ------
    ValueError
        If no question has fractions; if there is no N; if fractions do not add up to 1; or if there
        is a column ``total_votes``, of the answers to all questions, and the counts of the median
        galaxy add up to one that is off by more than 5 %.

    See Also
    --------
    draw_counts : For a table without N.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgalaxy.votes import DecisionTree, reconstruct_counts
    >>> tree = DecisionTree(
    ...     {"disc": ["yes", "no"], "arms": ["1", "2"]}, asked_after={"arms": ["disc_yes"]}
    ... )
    >>> table = pd.DataFrame({"id_str": ["a"], "disc_total-votes": [40]})
    >>> table = table.assign(disc_yes_fraction=0.75, disc_no_fraction=0.25, arms_1_fraction=0.332)
    >>> votes = reconstruct_counts(table, tree)
    >>> votes
    TreeVotes(Decision tree: disc, arms; 1 galaxies, 70 reconstructed votes)
    >>> votes.counts
    array([[30., 10., 10., 20.]])
    """
    frame, source = _frame(table)
    ids = _ids(frame, id_column, source)
    fractions = _fractions(frame, tree, source)
    shown = _shown(frame, tree, n_votes, source)
    counts, residual = np.full(fractions.shape, np.nan), 0.0
    for step in steps_of(tree):
        here, asked = step.answers, asked_of(step, counts, shown)
        expected = asked[:, None] * fractions[:, here]
        counts[:, here] = _whole_numbers(expected, asked)
        counts[asked == 0, here] = 0
        residual = max(residual, np.nanmax(np.abs(expected - counts[:, here]), initial=0))
    _check_total(frame, counts, source)
    residual = min(residual, 0.5)
    return TreeVotes(ids, tree, counts, residual=residual, source=source, origin="reconstructed")


def draw_counts(
    table: str | Path | pd.DataFrame,
    tree: DecisionTree = GZ2,
    *,
    n_votes: ArrayLike = 40,
    id_column: str | None = None,
    random_state: Any = None,
) -> TreeVotes:
    """Counts of all questions of a tree, drawn by volunteers who walk it with given fractions.

    For a table of fractions among those asked, whose N nobody knows, such as one of Kaggle's
    challenge. These are simulated votes: say so where you show what was learned from them.

    Parameters
    ----------
    table : path-like, or DataFrame
        As in `reconstruct_counts`, without N.
    tree : DecisionTree, default=GZ2
        The questions.
    n_votes : int or array-like of shape (n_galaxies,), default=40
        Volunteers who are shown the galaxy.
    id_column : str, default=None
        As in `reconstruct_counts`.
    random_state : int, RandomState or None, default=None
        Source of the randomness; an int gives the same votes each time.

    Returns
    -------
    votes : TreeVotes
        Its `origin` is "drawn". A question whose fractions are missing is NaN, if anyone is asked.

    Raises
    ------
    ValueError
        If no question has fractions, or they do not add up to 1.

    See Also
    --------
    walk_votes : The same of arrays.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgalaxy.votes import DecisionTree, draw_counts
    >>> tree = DecisionTree({"ring": ["yes", "no"]})
    >>> table = pd.DataFrame({"id_str": ["a"], "ring_yes_fraction": [0.25]})
    >>> draw_counts(table, tree, random_state=0)
    TreeVotes(Decision tree: ring; 1 galaxies, 40 drawn votes)
    """
    frame, source = _frame(table)
    ids = _ids(frame, id_column, source)
    counts = walk_votes(tree, _fractions(frame, tree, source), n_votes, random_state)
    return TreeVotes(ids, tree, counts, source=source, origin="drawn")


def _frame(table: Any) -> tuple[pd.DataFrame, str | None]:
    if isinstance(table, pd.DataFrame):
        return table, None
    with open_table(table) as opened:
        return opened.frame(), opened.path


def _ids(frame: pd.DataFrame, id_column: str | None, source: str | None) -> pd.Series:
    found = find_id_columns(map(str, frame.columns))
    name = found[0] if id_column is None and found else id_column
    if name is None or name not in frame:
        raise ValueError(
            f"`id_column` must be a column of {source or 'the table'!r}: "
            f"{first_names(map(str, frame.columns))}. Got {id_column!r}."
        )
    return frame[name]


def _fractions(frame: pd.DataFrame, tree: DecisionTree, source: str | None) -> NDArray[np.float64]:
    """Fractions of all answers, checked; NaN in questions that are not known or all 0."""
    if not isinstance(tree, DecisionTree):
        raise TypeError(f"`tree` must be a DecisionTree. Got {tree!r}.")
    values = np.full((len(frame), tree.n_answers), np.nan)
    for question, here in tree.slices.items():
        found = _columns_of(frame, tree, question)
        if found is not None:
            values[:, here] = np.column_stack(
                [_numbers(frame, column, source) if column else np.full(len(frame), np.nan)
                 for column in found]
            )  # fmt: skip
            if None in found:  # the one answer that is left out
                rest = 1 - np.nansum(values[:, here], axis=1)
                rest[np.isnan(values[:, here]).sum(axis=1) > 1] = np.nan
                # fractions of three decimals may add up to slightly more than 1
                rest[np.abs(rest) < 0.002] = 0
                values[:, here.start + found.index(None)] = rest
        nobody = (np.nan_to_num(values[:, here]) == 0).all(axis=1)
        values[nobody, here] = np.nan
    if np.isnan(values).all():
        raise ValueError(
            f"{source or 'The table'!r} must have fractions of the answers of {tree.name}, such as "
            f"{tree.columns[0] + '_fraction'!r}. Got {first_names(map(str, frame.columns))}."
        )
    return check_tree_fractions(tree, values)


def _columns_of(frame: pd.DataFrame, tree: DecisionTree, question: str) -> list[str | None] | None:
    """Columns of the fractions of a question's answers; None for one at most, or for all."""
    places = range(tree.n_answers)[tree.slices[question]]
    answers = [tree.columns[place] for place in places]
    catalogue = _of_catalogue(frame)
    for kind in ("fraction", "weighted_fraction"):
        found = [catalogue.get((name, kind)) for name in answers]
        if kind == "fraction":
            found = [
                column or _of_zoobot(frame, name)
                for column, name in zip(found, answers, strict=True)
            ]
        lacks = found.count(None)
        if lacks == 0 or (lacks == 1 and len(answers) > 1):
            return found
    return None


def _of_zoobot(frame: pd.DataFrame, answer: str) -> str | None:
    """Column of an answer's fraction in Zoobot's style."""
    for name in (answer, *OTHER_NAMES.get(answer, ())):
        for column in (f"{name}_fraction", name):
            if column in frame:
                return column
    return None


def _of_catalogue(frame: pd.DataFrame) -> Mapping[tuple[str, str], str]:
    """Columns of Galaxy Zoo 2's catalogues by answer and kind."""
    found = {}
    for name in map(str, frame.columns):
        match = GZ2_COLUMN.fullmatch(name.lower())
        if match and GZ2_STEMS.get(match["task"], " ") in match["words"]:
            question, answers = GZ2_TASKS[match["task"]]
            if gz2_contradicts(match["task"], match["number"], match["answer"]):
                raise ValueError(
                    "The number and the word of a column must be of one answer of Galaxy Zoo 2. "
                    f"Got `{name}`, where {match['number']} is {answers[match['number']]!r}; "
                    "rename it."
                )
            if match["number"] in answers:
                answer = f"{question}_{answers[match['number']]}"
                found[answer, match["kind"].removeprefix("raw_")] = name
    return found


def _numbers(frame: pd.DataFrame, name: str, source: str | None) -> NDArray[np.float64]:
    numbers, bad = as_numbers(frame[name].to_numpy(dtype=object))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"`{name}` must be numbers. Got {frame[name].iloc[row]!r} in row {row} of "
            f"{source or 'the table'!r}."
        )
    return numbers


def _shown(
    frame: pd.DataFrame, tree: DecisionTree, n_votes: Any, source: str | None
) -> NDArray[np.int64]:
    """N of the first question."""
    if n_votes is not None and not isinstance(n_votes, str):
        return check_n_votes(n_votes, len(frame))
    lower = {str(name).lower(): str(name) for name in frame.columns}
    usual = ("total_classifications", f"{tree.questions[0]}_total-votes")
    names = usual if n_votes is None else (n_votes.lower(),)
    column = next((lower[name] for name in names if name in lower), None)
    if column is None:
        raise ValueError(
            f"`n_votes` must be N of {tree.questions[0]!r}, or its column in "
            f"{source or 'the table'!r}. Got {n_votes!r} and no column {' or '.join(names)}; "
            "without N, votes can only be drawn (`draw_counts`)."
        )
    return check_n_votes(_numbers(frame, column, source), len(frame), name=column)


def _whole_numbers(
    expected: NDArray[np.float64], asked: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Whole numbers that add up to `asked`, each near the expected one; NaN where that is NaN."""
    known = ~np.isnan(expected).any(axis=1)
    counts = np.floor(expected + 1e-9)
    rest = expected - counts
    n_left = np.where(known, np.nan_to_num(asked - counts.sum(axis=1)), 0)
    # the answers with the largest remainders get one more, the first of equals first
    place = np.argsort(np.argsort(-rest, axis=1, kind="stable"), axis=1)
    counts += place < n_left[:, None]
    counts[~known] = np.nan
    return counts


def _check_total(frame: pd.DataFrame, counts: NDArray[np.float64], source: str | None) -> None:
    """Refuse counts that are far from the published number of answers to all questions."""
    name = next((str(name) for name in frame.columns if str(name).lower() == "total_votes"), None)
    if name is None:
        return
    total = _numbers(frame, name, source)
    given = np.isfinite(total) & (total > 0) & ~np.isnan(counts).any(axis=1)
    if not given.any():
        return
    off = float(np.median(np.abs(counts[given].sum(axis=1) / total[given] - 1)))
    if off > MOST_OFF:
        raise ValueError(
            f"The counts must add up to `{name}` of {source or 'the table'!r}, within 5 % in the "
            f"median galaxy. Got {100 * off:.1f} %; is `n_votes` the N of the first question, and "
            "are the fractions not debiased?"
        )
