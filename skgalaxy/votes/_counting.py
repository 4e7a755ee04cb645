"""From the cells of a question's columns to whole numbers of votes."""

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy._validation import check_ids
from skgalaxy.votes._arithmetic import is_complete
from skgalaxy.votes._cells import as_numbers
from skgalaxy.votes._dialects import Columns
from skgalaxy.votes._question_names import first_names
from skgalaxy.votes._table_file import Table
from skgalaxy.votes._text_table import EMPTY_CELLS
from skgalaxy.votes._vote_table import ORIGIN_COLUMN, ORIGINS, VoteTable

MOST_VOTES = 2**53  # whole numbers beyond this are not exact as floats


class Question(NamedTuple):
    """A question of a table: its columns and its rows, None for all."""

    name: str
    columns: Columns
    rows: NDArray[np.int64] | None = None


def count_votes(
    table: Table, question: Question, id_column: str, tolerance: float = 0.1
) -> VoteTable:
    """Votes on one question of a table; parameters and errors as in `read_votes`."""
    columns = question.columns
    if not columns.countable:
        raise ValueError(
            f"`question` {question.name!r} has no counts of volunteers in {table.path!r}. Got only "
            f"{' and '.join(columns.reasons)}, which are not k of N volunteers of a galaxy."
        )
    totals = filter(None, (columns.total, columns.most))
    cells = table.columns([id_column, *columns.countable.values(), *totals])
    rows = question.rows
    if rows is None:
        rows = np.arange(len(cells[id_column]))
    else:
        cells = {name: values[rows] for name, values in cells.items()}
    if len(rows) == 0:
        raise ValueError(f"`path` must hold at least one galaxy. Got none in {table.path!r}.")
    given = cells[id_column]
    if given.dtype == object:  # what spreadsheets and pandas write where there is no id
        given = np.where(pd.Series(given, dtype=object).isin(EMPTY_CELLS), "", given)
    ids = check_ids(given, id_column, table.path, rows)
    galaxies = _Galaxies(cells, table.path, id_column, ids, rows)
    counts, n_votes, residual = _count(galaxies, columns, tolerance, question.rows is not None)
    if columns.most:
        _refuse_several_answers(galaxies, columns.most, counts.sum(axis=1))
    if n_votes is not None and columns.countable is columns.fractions:
        _refuse_short_fractions(galaxies, question, counts.sum(axis=1), n_votes)
    votes = (question.name, list(columns.countable), counts, n_votes)
    return VoteTable.of_checked_ids(ids, residual, table.path, origin_of(table), *votes)


def origin_of(table: Table) -> Any:
    """Origin of a table's counts, as ``to_frame`` wrote it, or else "counted"."""
    if ORIGIN_COLUMN not in table.names:
        return "counted"
    found = set(map(str, pd.unique(table.columns([ORIGIN_COLUMN])[ORIGIN_COLUMN])))
    if len(found) != 1 or not found <= set(ORIGINS):
        raise ValueError(
            f"`{ORIGIN_COLUMN}` must be one of {', '.join(ORIGINS)} in all rows of {table.path!r}. "
            f"Got {first_names(sorted(found))}."
        )
    return found.pop()


class _Galaxies(NamedTuple):
    """A table's galaxies: cells by column, and for messages the galaxies' names."""

    cells: Mapping[str, NDArray[Any]]
    path: str
    id_column: str
    ids: NDArray[np.str_]
    rows: NDArray[np.int64]  # their numbers in the file

    def place(self, galaxy: int) -> str:
        name = f"{self.id_column} {self.ids[galaxy]}"
        return f"in row {self.rows[galaxy]} of {self.path!r} ({name})"


def _count(
    galaxies: _Galaxies, columns: Columns, tolerance: float, is_reduction: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None, float]:
    """Numbers of votes (n_galaxies, n_answers); N, or None for their sum; the residual.

    A reduction writes nothing for an answer that nobody gave. Elsewhere a galaxy with a count that
    is not known has no votes, unless its total tells that the count is 0.
    """
    total = None
    if columns.total:
        total = np.nan_to_num(_whole_numbers(galaxies, columns.total)).astype(np.int64)
    if columns.counts:
        counts = [_whole_numbers(galaxies, name) for name in columns.counts.values()]
        residual = 0.0
    else:
        names = columns.fractions.values()
        if columns.total is None or total is None:
            raise ValueError(f"Fractions need a column of totals. Got none in {galaxies.path!r}.")
        recovered = [_recover(galaxies, name, columns.total, total, tolerance) for name in names]
        counts = [count for count, _ in recovered]
        residual = max(residual for _, residual in recovered)
    counts = np.column_stack(counts)
    missing = np.isnan(counts)
    counts = np.nan_to_num(counts).astype(np.int64)
    if total is not None:
        total = np.where(missing.all(axis=1), 0, total)
        _refuse_gaps(galaxies, columns, missing, total - counts.sum(axis=1))
    elif not is_reduction:
        counts[missing.any(axis=1)] = 0
        _warn_of_gaps(galaxies, columns, missing)
    return counts, total, residual


def _refuse_gaps(
    galaxies: _Galaxies,
    columns: Columns,
    missing: NDArray[np.bool_],
    n_unsaid: NDArray[np.int64],
) -> None:
    """Refuse a missing count that is not 0: the other answers do not add up to N."""
    bad = np.flatnonzero(missing.any(axis=1) & (n_unsaid > 0))
    if bad.size:
        name = list(columns.countable.values())[int(np.argmax(missing[bad[0]]))]
        raise ValueError(
            f"`{name}` must be given where the other answers do not add up to `{columns.total}`. "
            f"Got nothing for {n_unsaid[bad[0]]} votes {galaxies.place(bad[0])}."
        )


def _warn_of_gaps(galaxies: _Galaxies, columns: Columns, missing: NDArray[np.bool_]) -> None:
    """Warn of galaxies that have no votes because some of their counts are missing."""
    in_part = np.flatnonzero(missing.any(axis=1) & ~missing.all(axis=1))
    if in_part.size:
        name = list(columns.countable.values())[int(np.argmax(missing[in_part[0]]))]
        warnings.warn(
            f"{in_part.size} of {len(missing)} galaxies have counts of some answers only, and so "
            f"no votes (N = 0). The first lacks `{name}` {galaxies.place(in_part[0])}; write 0 "
            "where nobody gave the answer.",
            stacklevel=5,
        )


def _refuse_several_answers(galaxies: _Galaxies, most: str, n_answers: NDArray[np.int64]) -> None:
    """Refuse a task whose answers are more than its volunteers, who may thus give several."""
    over = np.flatnonzero(n_answers > _whole_numbers(galaxies, most))
    if over.size:
        raise ValueError(
            f"The answers must not be more than `{most}`, or volunteers gave several and N is not "
            f"their sum. Got {n_answers[over[0]]} {galaxies.place(over[0])}."
        )


def _refuse_short_fractions(
    galaxies: _Galaxies,
    question: Question,
    n_answers: NDArray[np.int64],
    n_votes: NDArray[np.int64],
) -> None:
    """Refuse fractions of all answers that mostly add up to less than 1: another N is theirs."""
    asked = n_votes > 0
    short = np.flatnonzero(asked & (n_answers < n_votes))
    if is_complete(question.name, question.columns.fractions) and 2 * short.size > asked.sum():
        row = short[0]
        raise ValueError(
            f"The fractions of the answers to {question.name!r} must add up to 1. Got "
            f"{n_answers[row] / n_votes[row]:.3f} {galaxies.place(row)}, and less than 1 in "
            f"{short.size} of {asked.sum()} rows with votes."
        )


def _whole_numbers(galaxies: _Galaxies, name: str) -> NDArray[np.float64]:
    """Whole numbers >= 0 of a column, NaN where there is nothing."""
    values = _numbers(galaxies, name)
    too_many = np.flatnonzero(values > MOST_VOTES)
    if too_many.size:
        raise ValueError(
            f"`{name}` must be at most {MOST_VOTES:g}, votes of volunteers. "
            f"Got {values[too_many[0]]:g} {galaxies.place(too_many[0])}."
        )
    bad = np.flatnonzero((values < 0) | (values != np.floor(values)) & ~np.isnan(values))
    if bad.size:
        raise ValueError(
            f"`{name}` must be whole numbers >= 0, votes of volunteers. "
            f"Got {values[bad[0]]:g} {galaxies.place(bad[0])}."
        )
    return values


def _recover(
    galaxies: _Galaxies,
    name: str,
    total_name: str,
    total: NDArray[np.int64],
    tolerance: float,
) -> tuple[NDArray[np.float64], float]:
    """Whole numbers that raw fractions of N stand for, and how far off they were at most."""
    fractions = _numbers(galaxies, name)
    bad = np.flatnonzero((fractions < 0) | (fractions > 1))
    if bad.size:
        raise ValueError(
            f"`{name}` must be fractions in [0, 1]. "
            f"Got {fractions[bad[0]]:g} {galaxies.place(bad[0])}."
        )
    product = np.where(total > 0, fractions * total, np.nan)
    counts = np.round(product).astype(np.float64)
    distance = np.nan_to_num(np.abs(product - counts))
    worst = int(distance.argmax())
    if distance[worst] > tolerance:
        raise ValueError(
            f"`{name}` x `{total_name}` must be whole numbers within `tolerance` {tolerance:g}. "
            f"Got {product[worst]:.3f} {galaxies.place(worst)}; are the fractions weighted?"
        )
    return counts, float(distance[worst])


def _numbers(galaxies: _Galaxies, name: str) -> NDArray[np.float64]:
    """Finite numbers of a column, NaN where there is nothing."""
    values = galaxies.cells[name]
    numbers, bad = as_numbers(values)
    bad = np.flatnonzero(bad)
    if bad.size:
        raise ValueError(
            f"`{name}` must be numbers. Got {str(values[bad[0]])[:40]!r} {galaxies.place(bad[0])}."
        )
    return numbers
