"""One task of a workflow: a question, and the answers that volunteers choose from."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skgalaxy.votes import VoteTable
from skgalaxy.zooniverse._annotations import NOTHING, answers_by_task, single_answer
from skgalaxy.zooniverse._answers import MOST_ANSWERS, Answers, Label, by_number, read_label
from skgalaxy.zooniverse._export_file import RowError
from skgalaxy.zooniverse._tally import UNANSWERED, tell_edited

__all__ = ["OneTask"]


class _Said(NamedTuple):
    """A classification's answer to the task, None without one, and the question."""

    label: Label | None
    question: str


class OneTask:
    """Script of one task; its votes are a `VoteTable`.

    Parameters
    ----------
    path : str
        The export, for messages.
    task : str
        As for `read_classifications`.
    answers : Answers
    question : str
        Name for the question.
    """

    def __init__(self, path: str, task: str, answers: Answers, question: str) -> None:
        self._path, self._task, self._answers, self._question = path, task, answers, question
        self._labels: dict[Label, int] = {}
        self._versions: list[set[str]] = []  # of the workflow, by the label's number
        self._is_odd = np.empty(0, dtype=np.bool_)  # by the label's number
        self._tasks: dict[str, None] = {}
        self._questions: dict[str, None] = {}  # of the task

    def read(self, annotations: str) -> _Said | None:
        """Answer to the task; None without one to any task."""
        by_task = answers_by_task(annotations)
        self._tasks.update(dict.fromkeys(by_task))
        if all(value in NOTHING for value, _ in by_task.values()):
            return None
        value, question = by_task.get(self._task, (None, ""))
        answer = single_answer(value)
        if answer is None:
            return _Said(None, question)
        label = read_label(answer)
        self._answers.check(label)
        return _Said(label, question)

    def number(self, said: _Said, version: str) -> int:
        """Number of the label."""
        if said.label is None:
            return UNANSWERED
        self._questions[said.question] = None
        number = self._labels.setdefault(said.label, len(self._labels))
        if number == len(self._versions):
            self._versions.append(set())
            if number == MOST_ANSWERS and self._answers.given is None:
                raise ValueError(
                    f"`task` must have answers to choose from, at most {MOST_ANSWERS:,}. Got "
                    f"{self._task!r}, to which {self._path!r} has more; is it a text or a slider?"
                )
        self._versions[number].add(version)
        return number

    def faults(self, n_rows: NDArray[np.int64], strict: bool) -> Mapping[int, RowError]:
        """Errors of numbers among texts."""
        labels = list(self._labels)
        self._is_odd = np.array(self._answers.odd(labels), dtype=np.bool_)
        return {int(n): by_number(labels[n]) for n in np.flatnonzero(self._is_odd)}

    def refuse_absent(self) -> None:
        """Refuse an export without the task."""
        if self._task not in self._tasks:
            raise ValueError(
                f"`task` must be a task of the workflow. Got {self._task!r}; {self._path!r} holds "
                f"{', '.join(sorted(self._tasks)[:50]) or 'no answers'}."
            )

    def votes(self, ids: list[str], said: csr_array) -> VoteTable:
        """Votes of labels, by the names of the answers."""
        if not self._labels and self._answers.given is None:
            raise ValueError(
                f"Somebody must have answered {self._task}. {self._path!r} holds none."
            )
        kept = np.flatnonzero(~self._is_odd)
        labels = list(self._labels)
        names = self._answers.names([labels[n] for n in kept], [self._versions[n] for n in kept])
        columns = self._answers.columns(names)
        is_of = np.zeros((len(labels), len(columns)), dtype=np.int64)
        is_of[kept, [columns.index(name) for name in names]] = 1
        counts = said @ is_of[: said.shape[1]]
        return VoteTable(ids, self._question, columns, counts, source=self._path)

    def notes(self) -> list[str]:
        """Sentence on a task that was edited."""
        return tell_edited(self._task, self._questions, self._path)
