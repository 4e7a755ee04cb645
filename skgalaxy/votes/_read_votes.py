"""Vote tables from files."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from skgalaxy._validation import check_choice, check_float, check_ids
from skgalaxy.votes._dialects import DIALECTS, Columns, recognise
from skgalaxy.votes._question_names import without_release
from skgalaxy.votes._table_file import column_names, read_columns
from skgalaxy.votes._vote_table import VoteTable

ID_COLUMNS = ("id_str", "dr7objid", "objid", "asset_id", "subject_id", "iauname")
MISSING = {"", "nan", "na", "n/a", "null", "none"}


def read_votes(path, question=None, *, dialect="auto", answers=None, id_column=None, tolerance=0.1):
    """Read the votes on one question from a survey's table.

    The file is CSV (UTF-8, gzipped or not), Parquet (needs pyarrow) or a FITS table (needs
    astropy), which its content tells. Only the columns of the question are kept.

    Parameters
    ----------
    path : str or path-like
        The file.
    question : str, default=None
        What was asked, as Zoobot calls it in every dialect: "smooth-or-featured", "bar",
        "has-spiral-arms"; or a task of Panoptes such as "T0". A release ("bar-dr5") may be left
        out if the table has the question once. None is the table's only question.
    dialect : {"auto", "gz2", "zoobot", "panoptes", "plain"}, default="auto"
        How the columns are named; "auto" finds out:

        - "gz2", of the Galaxy Zoo 2 catalogues: ``t03_bar_a06_bar_count``, ``..._fraction``;
        - "zoobot", also of Galaxy Zoo DECaLS, galaxy-datasets and Galaxy Zoo's reductions:
          ``bar_strong`` or ``bar-dr5_strong``, ``bar_total-votes``, ``bar_strong_fraction``;
        - "panoptes", what panoptes_aggregation makes of question tasks: one row per subject and
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
    table : VoteTable
        One row per galaxy, in the file's order. N is the question's own total: its column of total
        votes or else the sum over its answers, never the total over all questions. Missing votes
        are N = 0. `residual` is how far recovered counts were from whole numbers at most.

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

    See Also
    --------
    list_questions : What there is to ask for.

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
    path = Path(path)
    tolerance = check_float(tolerance, "tolerance", 0, 0.5, closed="left")
    names = column_names(path)
    if answers is None:
        questions = _find_questions(path, names, dialect)
        question = _find_question(questions, question, path)
        columns, rows = questions[question]
    else:
        columns, rows = _told(names, question, answers, path), None
    id_column = _find_id_column(names, id_column, path)
    given = _given(columns)
    if not given:
        raise ValueError(
            f"`question` {question!r} has no counts of volunteers in {str(path)!r}. Got only "
            f"{' and '.join(columns.refused)}, which are not k of N volunteers of a galaxy."
        )
    wanted = [id_column, *given.values(), *filter(None, [columns.total])]
    cells = read_columns(path, wanted)
    rows = np.arange(len(cells[id_column])) if rows is None else rows
    if len(rows) == 0:
        raise ValueError(f"`path` must hold at least one galaxy. Got none in {str(path)!r}.")
    cells = {name: values[rows] for name, values in cells.items()}
    ids = check_ids(cells[id_column], id_column, str(path), rows)
    table = _Rows(cells, str(path), id_column, ids, rows)
    counts, n_votes, residual = _count(table, columns, tolerance)
    named = {"residual": residual, "source": str(path)}
    return VoteTable(ids, question, list(given), counts, n_votes, **named)


def list_questions(path, *, dialect="auto"):
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
    path = Path(path)
    questions = _find_questions(path, column_names(path), dialect)
    return {
        question: tuple(_given(columns))
        for question, (columns, _) in questions.items()
        if _given(columns)
    }


def _given(columns):
    """Return by answer the columns that counts can be had from."""
    return columns.counts or columns.fractions


def _find_questions(path, names, dialect):
    """Return by question its columns and its rows, None for all."""
    dialect = check_choice(dialect, "dialect", ("auto", *DIALECTS))
    dialect, questions = recognise(names, dialect, str(path))
    if dialect == "panoptes" and "task" in names:
        return _find_tasks(path, questions["votes"].counts)
    return {question: (columns, None) for question, columns in questions.items()}


def _find_tasks(path, counts):
    """Return the tasks of a Panoptes reduction, each with the answers that occur in its rows."""
    cells = read_columns(path, ["task", *counts.values()])
    tasks = pd.Series(cells["task"], dtype=object).astype(str)
    given = {answer: ~_missing(cells[name]) for answer, name in counts.items()}
    found = {}
    for task in tasks.unique():
        rows = np.flatnonzero((tasks == task).to_numpy())
        occurring = {answer: name for answer, name in counts.items() if given[answer][rows].any()}
        if occurring:
            found[task] = Columns(occurring, {}), rows
    return found


def _find_question(questions, question, path):
    """Return the name in the table of the question so called."""
    countable = [name for name, (columns, _) in questions.items() if _given(columns)]
    if question is None and len(countable) == 1:
        return countable[0]
    if question in questions:
        return question
    found = [name for name in questions if without_release(name) == question]
    if len(found) == 1:
        return found[0]
    problem = ", which stands for several" if found else ""
    raise ValueError(
        f"`question` must name one question of {str(path)!r}: "
        f"{', '.join(countable) or 'it has none'}. Got {question!r}{problem}."
    )


def _told(names, question, answers, path):
    """Return the columns that the caller named."""
    if not isinstance(question, str) or not question:
        raise ValueError(f"`question` must be given with `answers`. Got {question!r}.")
    if isinstance(answers, str) or len(answers) < 2:
        raise ValueError(f"`answers` must name at least two columns. Got {answers!r}.")
    unknown = [name for name in answers if name not in names]
    if unknown:
        raise ValueError(
            f"`answers` must be columns of {str(path)!r}: {', '.join(names)}. Got {unknown[0]!r}."
        )
    return Columns({name: name for name in answers}, {})


def _find_id_column(names, id_column, path):
    lower = {name.lower(): name for name in names}
    found = [lower[name] for name in ID_COLUMNS if name in lower]
    if id_column is None and found:
        return found[0]
    if id_column in names:
        return id_column
    raise ValueError(
        f"`id_column` must be a column of {str(path)!r}: {', '.join(names)}. Got {id_column!r}."
    )


class _Rows(NamedTuple):
    """Rows of a table as they were read, a dict of columns; and whose they are, for messages."""

    cells: dict
    path: str
    id_column: str
    ids: np.ndarray
    numbers: np.ndarray

    def place(self, row):
        name = f"{self.id_column} {self.ids[row]}"
        return f"in row {self.numbers[row]} of {self.path!r} ({name})"


def _count(table, columns, tolerance):
    """Return counts (n_galaxies, n_answers), N (n_galaxies,) or None for their sum, residual."""
    total = None
    if columns.total:
        total = np.nan_to_num(_whole(table, columns.total)).astype(np.int64)
    if columns.counts:
        counts = np.column_stack([_whole(table, name) for name in columns.counts.values()])
        residual = 0.0
    else:
        names = columns.fractions.values()
        recovered = [_recover(table, name, columns.total, total, tolerance) for name in names]
        counts = np.column_stack([count for count, _ in recovered])
        residual = max(residual for _, residual in recovered)
    missing = np.isnan(counts)
    counts = np.nan_to_num(counts).astype(np.int64)
    if total is not None:
        total = np.where(missing.all(axis=1), 0, total)
        _check_gaps(table, columns, missing, total - counts.sum(axis=1))
    return counts, total, residual


def _check_gaps(table, columns, missing, unsaid):
    """Refuse a missing count that is not 0: the other answers do not add up to N."""
    rows = np.flatnonzero(missing.any(axis=1) & (unsaid > 0))
    if rows.size:
        name = list(_given(columns).values())[int(np.argmax(missing[rows[0]]))]
        raise ValueError(
            f"`{name}` must be given where the other answers do not add up to `{columns.total}`. "
            f"Got nothing for {unsaid[rows[0]]} votes {table.place(rows[0])}."
        )


def _whole(table, name):
    """Return a column of whole numbers >= 0 as float64, NaN where there is nothing."""
    values = _numbers(table, name)
    bad = np.flatnonzero((values < 0) | (values != np.floor(values)) & ~np.isnan(values))
    if bad.size:
        raise ValueError(
            f"`{name}` must be whole numbers >= 0, votes of volunteers. "
            f"Got {values[bad[0]]:g} {table.place(bad[0])}."
        )
    return values


def _recover(table, name, total_name, total, tolerance):
    """Return the counts that raw fractions of N are, and how far from whole they were at most."""
    fractions = _numbers(table, name)
    bad = np.flatnonzero((fractions < 0) | (fractions > 1))
    if bad.size:
        raise ValueError(
            f"`{name}` must be fractions in [0, 1]. "
            f"Got {fractions[bad[0]]:g} {table.place(bad[0])}."
        )
    product = np.where(total > 0, fractions * total, np.nan)
    counts = np.round(product)
    distance = np.nan_to_num(np.abs(product - counts))
    worst = int(distance.argmax())
    if distance[worst] > tolerance:
        raise ValueError(
            f"`{name}` x `{total_name}` must be whole numbers within `tolerance` {tolerance:g}. "
            f"Got {product[worst]:.3f} {table.place(worst)}; are the fractions weighted?"
        )
    return counts, float(distance[worst])


def _missing(values):
    text = pd.Series(values, dtype=object)
    return (text.isna() | text.astype(str).str.strip().str.lower().isin(MISSING)).to_numpy()


def _numbers(table, name):
    """Return a column as finite float64, NaN where there is nothing."""
    values = table.cells[name]
    missing = _missing(values)
    numbers = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
    numbers = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(numbers) & ~missing)
    if bad.size:
        raise ValueError(
            f"`{name}` must be numbers. Got {str(values[bad[0]])[:40]!r} {table.place(bad[0])}."
        )
    return numbers
