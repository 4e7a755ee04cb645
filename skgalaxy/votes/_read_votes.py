"""Vote tables from files: which question, which columns, which ids."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import overload

from skgalaxy._validation import check_choice, check_float
from skgalaxy.votes._arithmetic import is_doubtful, settle_answers
from skgalaxy.votes._counting import Question, count_votes
from skgalaxy.votes._decision_tree import DecisionTree
from skgalaxy.votes._dialects import DIALECTS, Columns, recognise
from skgalaxy.votes._question_names import check_names, without_release
from skgalaxy.votes._read_tree import count_tree, find_tree, match_tree
from skgalaxy.votes._reductions import find_tasks, rows_of_task
from skgalaxy.votes._table_file import Table, find_id_columns, open_table
from skgalaxy.votes._tree_votes import TreeVotes
from skgalaxy.votes._vote_table import VoteTable


@overload
def read_votes(
    path: str | Path,
    question: str,
    *,
    dialect: str = "auto",
    answers: Sequence[str] | None = None,
    id_column: str | None = None,
    tolerance: float = 0.1,
) -> VoteTable: ...
@overload
def read_votes(
    path: str | Path,
    question: None = None,
    *,
    tree: DecisionTree,
    release: str | None = None,
    dialect: str = "auto",
    id_column: str | None = None,
    tolerance: float = 0.1,
) -> TreeVotes: ...
@overload
def read_votes(
    path: str | Path,
    question: str | None = None,
    *,
    tree: DecisionTree | None = None,
    release: str | None = None,
    dialect: str = "auto",
    answers: Sequence[str] | None = None,
    id_column: str | None = None,
    tolerance: float = 0.1,
) -> VoteTable | TreeVotes: ...
def read_votes(
    path: str | Path,
    question: str | None = None,
    *,
    tree: DecisionTree | None = None,
    release: str | None = None,
    dialect: str = "auto",
    answers: Sequence[str] | None = None,
    id_column: str | None = None,
    tolerance: float = 0.1,
) -> VoteTable | TreeVotes:
    """Read the votes on one question, or on all, from a survey's table.

    The file is text (CSV, tab-separated or ECSV, in UTF-8, gzipped or not), Parquet (needs
    pyarrow) or a FITS table (needs astropy), which its content tells. Lines before the table that
    begin with "#" are comments. Only the columns of the question, or of the tree, are kept.

    Parameters
    ----------
    path : str or path-like
        The file.
    question : str, default=None
        Question, by its name in Zoobot in every dialect, for example "smooth-or-featured", "bar",
        "has-spiral-arms"; or a task of Panoptes such as "T0". A release ("bar-dr5") may be left
        out if the table has the question once. None is the table's only question, or all of
        them if it has several.
    tree : DecisionTree, default=None
        The questions to read, in place of one; also of a table that has only some of them. None
        finds, for a table with several questions, whether they are those of `GZ2` or `GZ_DECALS`.
    release : str, default=None
        Release of the tree's questions, for example "dr5", for a table that has several.
    dialect : {"auto", "gz2", "zoobot", "panoptes", "plain"}, default="auto"
        How the columns are named; "auto" finds out:

        - "gz2", of the Galaxy Zoo 2 catalogues: ``t03_bar_a06_bar_count``, ``..._fraction``;
        - "zoobot", also of Galaxy Zoo DECaLS, galaxy-datasets and Galaxy Zoo's reductions:
          ``bar_strong`` or ``bar-dr5_strong``, ``bar_total-votes``, ``bar_strong_fraction``;
        - "panoptes", panoptes_aggregation's reductions of question tasks: one row per subject and
          task, ``subject_id``, ``task``, ``data.yes``, ``data.no``;
        - "plain": ``smooth``, ``featured``, ``artifact``.
    answers : sequence of str, default=None
        The columns that count the answers to `question`, for a table in none of these dialects.
    id_column : str, default=None
        The column that names the galaxies; None is the first of id_str, dr7objid, objid,
        asset_id, subject_id, iauname.
    tolerance : float, default=0.1
        How far from a whole number a raw fraction times N may be, to be taken for a count. Three
        decimals of a fraction leave 0.0005 N.

    Returns
    -------
    table : VoteTable, or TreeVotes for all questions of a tree
        One row per galaxy, in the file's order. N is the question's own total: its column of total
        votes or else the sum over its answers, never the total over all questions. Missing votes
        are N = 0, also where only some counts are missing and no total tells that they are 0; in a
        `TreeVotes` they are NaN, its N is the sum over the answers, and its `missing` names the
        tree's questions that the table lacks. `residual` is how far recovered counts were from
        whole numbers at most.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the file's format needs a package that is not installed.
    ValueError
        If the file is broken, empty or in no known dialect; if `question` is not in the table; if
        there are only weighted, debiased or cumulative fractions, which are not counts of this
        galaxy's volunteers; if ids are missing, repeated, or mangled by a float; if counts are not
        whole numbers with 0 <= k <= N. The message names file and row; row 0 is the first galaxy.

    Warns
    -----
    UserWarning
        If a column is left out that is no answer; if galaxies have no votes because some of their
        counts are missing; if a question of the tree has no counts in the table; if fewer were
        asked a question of the tree than gave the answers before it, by a tenth: the table may be
        of another tree.

    See Also
    --------
    list_questions : Names of a table's questions and answers.
    reconstruct_counts : Counts of a table that has only fractions below the first question.

    Examples
    --------
    >>> import os, tempfile
    >>> from skgalaxy.votes import read_votes
    >>> lines = ["dr7objid,t03_bar_a06_bar_count,t03_bar_a07_no_bar_count"]
    >>> lines += ["587722981746540704,4,6", "587722982293766366,,"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "gz2.csv")
    ...     with open(path, "w") as file:
    ...         print(*lines, sep=chr(10), file=file)
    ...     table = read_votes(path, "bar")
    >>> print(table.ids, table.votes("yes"), sep=chr(10))
    ['587722981746540704' '587722982293766366']
    [[ 4 10]
     [ 0  0]]
    """
    tolerance = check_float(tolerance, "tolerance", 0, 0.5, closed="left")
    _check_tree(tree, release, question, answers)
    with open_table(path) as table:
        if answers is not None:
            asked = _question_of_answers(table, question, answers)
        else:
            questions = find_questions(table, dialect)
            if question is None and (tree is not None or len(list_answers(questions)) > 1):
                settled = settle_all(table, questions)
                found = {name: settled[name] for name in list_answers(settled)}
                if tree is None:
                    tree = find_tree(found, release, table.path)
                matched = match_tree(settled, tree, release, table.path)
                for each in matched.values():
                    settle(table, questions[each.name])  # names the columns that are left out
                return count_tree(
                    table, tree, matched, _find_id_column(table, id_column), tolerance
                )
            asked = settle(table, _find_question(questions, question, table.path))
        return count_votes(table, asked, _find_id_column(table, id_column), tolerance)


def list_questions(path: str | Path, *, dialect: str = "auto") -> dict[str, tuple[str, ...]]:
    """List the questions whose votes can be read from a table, and their answers.

    Parameters
    ----------
    path : str or path-like
        The file, as `read_votes` takes it.
    dialect : str, default="auto"
        As in `read_votes`.

    Returns
    -------
    questions : dict of str to tuple of str
        Answers by question, in the table's order.

    Raises
    ------
    ValueError
        As `read_votes`, if the file is broken or in no known dialect.

    Examples
    --------
    >>> import os, tempfile
    >>> from skgalaxy.votes import list_questions
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "decals.csv")
    ...     with open(path, "w") as file:
    ...         print("iauname,bar_strong,bar_weak,bar_no,bar_total-votes", file=file)
    ...     list_questions(path)
    {'bar': ('strong', 'weak', 'no')}
    """
    with open_table(path) as table:
        return list_answers(settle_all(table, find_questions(table, dialect)))


def list_answers(questions: Mapping[str, Question]) -> dict[str, tuple[str, ...]]:
    """Answers that can be counted, by question."""
    return {
        name: tuple(question.columns.countable)
        for name, question in questions.items()
        if question.columns.countable
    }


def find_questions(table: Table, dialect: str = "auto") -> dict[str, Question]:
    """Questions of a table by their names, also those that cannot be counted."""
    dialect = check_choice(dialect, "dialect", ("auto", *DIALECTS))
    dialect, questions = recognise(table.names, dialect, table.path)
    if dialect == "panoptes":
        return find_tasks(table, questions["votes"])
    return {name: Question(name, columns) for name, columns in questions.items()}


def settle_all(table: Table, questions: Mapping[str, Question]) -> dict[str, Question]:
    """Questions without the columns that are no answers by the table's own arithmetic."""
    doubtful = [each.columns for each in questions.values() if is_doubtful(*each[:2])]
    table.columns(name for columns in doubtful for name in columns.all_names)  # in one go
    return {name: _settle(table, question)[0] for name, question in questions.items()}


def settle(table: Table, question: Question) -> Question:
    """Question without the columns that are no answers; you are warned of these."""
    settled, out = _settle(table, question)
    if out:
        names = ", ".join(f"`{name}`" for name in out)
        warnings.warn(
            f"{names} of {table.path!r} is left out of the answers to {question.name!r}: the "
            f"others, {', '.join(settled.columns.counts)}, fit the table without it.",
            stacklevel=3,
        )
    return settled


def _settle(table: Table, question: Question) -> tuple[Question, list[str]]:
    if question.rows is not None:  # a task of a reduction, which is settled
        return question, []
    columns, out = settle_answers(table, question.name, question.columns)
    return question._replace(columns=columns), out


def _find_question(questions: Mapping[str, Question], called: str | None, path: str) -> Question:
    """Question of that name, with or without its release."""
    countable = list(list_answers(questions))
    if called is None and len(countable) == 1:
        return questions[countable[0]]
    if called in countable:
        return questions[called]
    found = [name for name in questions if called in (name, without_release(name))]
    found = [name for name in found if name in countable] or found
    if len(found) == 1:
        return questions[found[0]]
    problem = ", which stands for several" if found else ""
    if not countable:
        problem += f"; the table has only {_all_reasons(questions)}"
    raise ValueError(
        f"`question` must name one question of {path!r}: "
        f"{', '.join(countable) or 'it has none'}. Got {called!r}{problem}."
    )


def _all_reasons(questions: Mapping[str, Question]) -> str:
    """Why no question of a table can be counted."""
    reasons = [reason for each in questions.values() for reason in each.columns.reasons]
    return " and ".join(dict.fromkeys(reasons)) or "no counts"


def _check_tree(
    tree: DecisionTree | None, release: str | None, question: str | None, answers: object
) -> None:
    """Refuse a tree, or a release of one, beside a question."""
    if tree is not None and not isinstance(tree, DecisionTree):
        raise TypeError(f"`tree` must be a DecisionTree, or None. Got {tree!r}.")
    for name, value in (("tree", tree), ("release", release)):
        if value is not None and (question is not None or answers is not None):
            raise ValueError(
                f"`{name}` must be left out where you name a `question` or its `answers`. "
                f"Got {value!r}."
            )


def _question_of_answers(table: Table, question: str | None, answers: Sequence[str]) -> Question:
    """Question with columns that count the answers, as you name them."""
    if not isinstance(question, str) or not question:
        raise ValueError(f"`question` must be given with `answers`. Got {question!r}.")
    answers = check_names(answers, "answers", least=2)
    unknown = [name for name in answers if name not in table.names]
    if unknown:
        raise ValueError(
            f"`answers` must be columns of {table.path!r}: {', '.join(table.names)}. "
            f"Got {unknown[0]!r}."
        )
    rows = None
    if all(name.startswith("data.") for name in answers):
        rows = rows_of_task(table, question, answers[0])
    return Question(question, Columns({name: name for name in answers}, {}), rows)


def _find_id_column(table: Table, id_column: str | None) -> str:
    """Column of the ids: the one that the caller names, or the likeliest."""
    found = find_id_columns(table.names)
    if id_column is None and found:
        return found[0]
    if id_column is not None and id_column in table.names:
        return id_column
    raise ValueError(
        f"`id_column` must be a column of {table.path!r}: {', '.join(table.names)}. "
        f"Got {id_column!r}."
    )
