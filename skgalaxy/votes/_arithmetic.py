"""Columns that are answers to a question, found by the table's own arithmetic.

Names alone do not tell: ``bar_flag`` looks as ``bar_strong`` does. But answers are whole numbers
that add up to their total, or stand in the ratio of their fractions. A column that does not fit is
left out and named, if the others fit without it. If nothing in the table decides, it is refused.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from skgalaxy.votes._cells import are_votes, as_numbers
from skgalaxy.votes._dialects import GZ1_ANSWERS, Columns
from skgalaxy.votes._published_trees import GZ2, GZ_DECALS
from skgalaxy.votes._question_names import first_names, without_release
from skgalaxy.votes._table_file import Table

MOST_LEFT_OUT = 4
ROUNDED = 0.006  # fractions are published with two decimals or more


def known_answers(question: str) -> set[str]:
    """Answers that the published trees have to a question, with or without its release."""
    bare = without_release(question)
    trees = [tree for tree in (GZ2, GZ_DECALS) if bare in tree.questions]
    return {answer for tree in trees for answer in tree.answers(bare)}


def is_complete(question: str, answers: Iterable[str]) -> bool:
    """True if these are all answers that a published question has, or more."""
    bare, given = without_release(question), set(answers)
    published = [set(tree.answers(bare)) for tree in (GZ2, GZ_DECALS) if bare in tree.questions]
    return any(known <= given for known in [*published, set(GZ1_ANSWERS.values())])


def is_doubtful(question: str, columns: Columns) -> bool:
    """True if the names of a question's answers do not tell that all of them are."""
    unknown = set(columns.counts) - known_answers(question)
    return bool(unknown and (len(columns.counts) > 1 or _derived(question, unknown)))


def _derived(question: str, answers: Iterable[str]) -> list[str]:
    """Names that go on where a known answer's ends, as "yes_rank" does."""
    known = tuple(f"{answer}_" for answer in known_answers(question))
    return [name for name in answers if name.startswith(known)]


def settle_answers(table: Table, question: str, columns: Columns) -> tuple[Columns, list[str]]:
    """Columns of a question without those that are no answers, and the names of these.

    Only where an answer is unknown to the published trees are the cells read.
    """
    unknown = [name for name in columns.counts if name not in known_answers(question)]
    if not is_doubtful(question, columns):
        return columns, []
    cells = table.columns(columns.counts.values())
    votes = {name: are_votes(cells[column]) for name, column in columns.counts.items()}
    numbers = {
        name: np.nan_to_num(as_numbers(cells[column])[0]) for name, column in columns.counts.items()
    }
    if columns.total:
        total, _ = as_numbers(table.columns([columns.total])[columns.total])
        out = _not_in_total(numbers, votes, total, unknown)
        kept = [name for name in numbers if name not in out]
        derived, given = _derived(question, kept), np.isfinite(total)
        if derived and (_sum(numbers[name] for name in kept)[given] != total[given]).any():
            return _refused(columns, derived), []
    else:
        out = _not_in_fractions(table, columns, numbers)
        if out is None:
            return _without_arithmetic(question, columns, numbers, unknown), []
    return _leave_out(columns, out), [columns.counts[name] for name in out]


def _sum(columns: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.sum(list(columns), axis=0)


def _leave_out(columns: Columns, out: Iterable[str]) -> Columns:
    kept = {name: column for name, column in columns.counts.items() if name not in out}
    return columns._replace(counts=kept)


def _not_in_total(
    numbers: Mapping[str, NDArray[np.float64]],
    votes: Mapping[str, bool],
    total: NDArray[np.float64],
    unknown: list[str],
) -> tuple[str, ...]:
    """Fewest unknown answers without which the others add up to the total in every row."""
    given = np.isfinite(total)
    odd = [name for name in numbers if not votes[name]]
    if not odd and not (_sum(numbers.values())[given] > total[given]).any():
        return ()  # answers may be left out of a table
    for out in _subsets(unknown, odd):
        kept = [values for name, values in numbers.items() if name not in out]
        if kept and np.array_equal(_sum(kept)[given], total[given]) and total[given].any():
            return out
    return ()  # what is wrong is said of the row


def _subsets(names: list[str], always: list[str]) -> Iterator[tuple[str, ...]]:
    """Subsets of names, the small ones first, which hold some of them always."""
    rest = [name for name in names if name not in always]
    if set(always) <= set(names):
        for n in range(MOST_LEFT_OUT + 1):
            for some in combinations(rest, n):
                yield (*always, *some)


def _not_in_fractions(
    table: Table, columns: Columns, numbers: Mapping[str, NDArray[np.float64]]
) -> tuple[str, ...] | None:
    """Answers without a fraction if the others stand in the ratio of theirs; None if none do."""
    named = [name for name in columns.counts if name in columns.fractions]
    if len(named) < 2:
        return None
    cells = table.columns(columns.fractions[name] for name in named)
    fractions = {name: as_numbers(cells[columns.fractions[name]])[0] for name in named}
    for answers in (named, list(numbers)):
        n_votes = _sum(numbers[name] for name in answers)
        asked = n_votes > 0
        away = [numbers[name][asked] / n_votes[asked] - fractions[name][asked] for name in named]
        if np.isfinite(away).any() and not (np.abs(away) > ROUNDED).any():
            return tuple(name for name in columns.counts if name not in answers)
    return None


def _without_arithmetic(
    question: str,
    columns: Columns,
    numbers: Mapping[str, NDArray[np.float64]],
    unknown: list[str],
) -> Columns:
    """Columns as they are, or refused: there is neither a total nor fractions to go by."""
    strange = unknown if is_complete(question, columns.counts) else []
    strange = strange or _sum_of_others(numbers)
    if not strange:
        return columns
    return _refused(columns, strange)


def _refused(columns: Columns, strange: Iterable[str]) -> Columns:
    """No counts, because some of the columns may hold something else."""
    named = first_names(columns.counts[name] for name in strange)
    reason = f"counts beside {named}, which may be no answer (name those that are in `answers`)"
    return Columns({}, {}, refused=(reason, *columns.refused))


def _sum_of_others(numbers: Mapping[str, NDArray[np.float64]]) -> list[str]:
    """A column that is the sum of the others in each of several rows, as a total is."""
    whole = _sum(numbers.values())
    asked = whole > 0
    if len(numbers) < 3 or np.count_nonzero(asked) < 3:
        return []
    return [name for name, n in numbers.items() if np.array_equal(2 * n[asked], whole[asked])]
