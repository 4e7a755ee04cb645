"""Reductions of Panoptes: one row per subject and task, the answers of all tasks in columns.

A reduction counts answers, and no volunteers. N is their sum where a volunteer may give one answer
only, which the table itself must show.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy.votes._arithmetic import known_answers
from skgalaxy.votes._cells import are_votes, as_numbers, is_missing
from skgalaxy.votes._counting import Question
from skgalaxy.votes._dialects import Columns
from skgalaxy.votes._published_trees import GZ2, GZ_DECALS
from skgalaxy.votes._question_names import first_names
from skgalaxy.votes._table_file import Table

TASKS = ("task", "reducer_key")
WORKFLOW = "workflow_id"
QUESTION_REDUCER = "question_reducer"


def find_tasks(table: Table, columns: Columns) -> dict[str, Question]:
    """Tasks of a reduction, each with the answers that occur in its rows."""
    table.read_all()  # which answers a task has is known only then
    tasks = _texts(table, next((name for name in TASKS if name in table.names), None))
    reducers = _texts(table, "reducer" if "reducer" in table.names else None)
    workflows = _workflows(table)
    cells = table.columns([*columns.counts.values(), *filter(None, [columns.total])])
    found = {}
    for task in pd.unique(tasks):
        rows = np.flatnonzero(tasks == task)
        own = {name: values[rows] for name, values in cells.items()}
        of_task = _columns_of_task(columns, own, reducers[rows])
        several = pd.unique(workflows[rows])
        if len(several) > 1 and of_task.countable:  # the same task of another asks something else
            of_task = Columns({}, {}, refused=(_several_workflows(several),))
        found[task] = Question(task, of_task, rows)
    return {task: question for task, question in found.items() if any(question.columns)}


def rows_of_task(table: Table, task: str, answer: str) -> NDArray[np.int64]:
    """Rows of a task in a reduction with that column; all of a table without tasks."""
    name = next((name for name in TASKS if name in table.names), None)
    if name is None:
        rows = np.arange(len(table.columns([answer])[answer]))
    else:
        tasks = _texts(table, name)
        rows = np.flatnonzero(tasks == task)
        if not len(rows):
            raise ValueError(
                f"`question` must be a task of {table.path!r}: {first_names(pd.unique(tasks))}. "
                f"Got {task!r}."
            )
    several = pd.unique(_workflows(table)[rows]) if WORKFLOW in table.names else []
    if len(several) > 1:
        raise ValueError(
            f"{table.path!r} must hold a task of one workflow. Got {_several_workflows(several)}."
        )
    return rows


def _workflows(table: Table) -> NDArray[np.object_]:
    return _texts(table, WORKFLOW if WORKFLOW in table.names else None)


def _several_workflows(workflows: Iterable[str]) -> str:
    return (
        f"counts of the workflows {first_names(workflows)}, which ask questions of their own (keep "
        "the rows of one `workflow_id`)"
    )


def _texts(table: Table, name: str | None) -> NDArray[np.object_]:
    """Column as text; of a table without it "votes", the only question."""
    if name is None:
        return np.full(len(table.columns(["subject_id"])["subject_id"]), "votes", dtype=object)
    return pd.Series(table.columns([name])[name], dtype=object).astype(str).to_numpy(dtype=object)


def _columns_of_task(
    columns: Columns, cells: Mapping[str, NDArray], reducers: NDArray[np.object_]
) -> Columns:
    """Columns that count a task's answers; none, with the reason, if it is no question."""
    counts = {
        answer: name for answer, name in columns.counts.items() if not is_missing(cells[name]).all()
    }
    others = [name for name in pd.unique(reducers) if name not in (QUESTION_REDUCER, "votes", "")]
    if others:
        return Columns({}, {}, refused=(f"what {others[0]!r} made of them",))
    odd = [name for name in counts.values() if not are_votes(cells[name])]
    if odd:
        return Columns({}, {}, refused=(f"{first_names(odd)}, which holds no whole numbers",))
    total = columns.total
    if total and not is_missing(cells[total]).all():
        return Columns(counts, {}, total)
    if len(counts) == 1:
        return Columns({}, {}, refused=("counts of one answer only",))
    numbers = [np.nan_to_num(as_numbers(cells[name])[0]) for name in counts.values()]
    sums = np.sum(numbers, axis=0)
    if counts and not _one_answer_each(set(counts), sums):
        return Columns({}, {}, refused=(_several_answers(sums),))
    return Columns(counts, {})


def _one_answer_each(answers: set[str], sums: NDArray[np.float64]) -> bool:
    """True if a table shows that each volunteer gave one answer to a task at most.

    The answers are yes and no, or those to a published question of one answer; or most subjects
    have as many, which is the number of volunteers at which they were retired.
    """
    published = [
        known_answers(question)
        for tree in (GZ2, GZ_DECALS)
        for question in tree.questions
        if question != "odd-feature"  # of which later projects let you choose several
    ]
    _, n_subjects = np.unique(sums[sums > 0], return_counts=True)
    most = n_subjects.max(initial=0)
    as_many = most >= 2 and 2 * most > n_subjects.sum()
    return as_many or any(answers <= known for known in published)


def _several_answers(sums: NDArray[np.float64]) -> str:
    shown = ", ".join(f"{n:g}" for n in pd.unique(sums)[:5])
    return (
        f"counts of answers of which a volunteer may have given several (they add up to {shown}; "
        "if each gave one, name the columns in `answers`)"
    )
