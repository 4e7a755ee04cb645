"""Rows of an export, counted: who gave which answer about which galaxy."""

from array import array
from collections.abc import Callable
from functools import lru_cache
from numbers import Integral
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy.votes import VoteTable
from skgalaxy.zooniverse._annotations import NOTHING, answers_by_task, single_answer, subjects
from skgalaxy.zooniverse._answers import MOST_ANSWERS, Answers, Label, read_label, shown
from skgalaxy.zooniverse._export_file import Cells, RowError, is_utf8
from skgalaxy.zooniverse._galaxy_ids import GalaxyIds, some

MOST_DIGITS = 18  # which an int64 holds
CELLS_KEPT, LONGEST_KEPT = 2**14, 2000  # longer ones, in characters, seldom repeat
UNANSWERED = -1  # in place of an answer's number

T = TypeVar("T")


class Workflow(NamedTuple):
    """Which rows of an export to read."""

    id: str | None
    version: str | None

    @classmethod
    def checked(cls, workflow_id: int | str | None, version: int | str | None) -> "Workflow":
        """Workflow of arguments that a user gave."""
        if isinstance(version, float):
            raise TypeError(
                "`workflow_version` must be text or an integer, because 12.1 and 12.10 are two "
                f"versions. Got {version!r}; put it in quotes."
            )
        for name, value in (("workflow_id", workflow_id), ("workflow_version", version)):
            if isinstance(value, bool) or not isinstance(value, (str, Integral, type(None))):
                raise TypeError(f"`{name}` must be text or an integer. Got {shown(value)}.")
        return cls(*(None if value is None else str(value) for value in (workflow_id, version)))

    def has(self, cells: Cells) -> bool:
        """True if the row is of the workflow, and of its version."""
        version = cells.workflow_version
        return (self.id is None or cells.workflow_id == self.id) and (
            self.version is None
            or version == self.version
            or version.startswith(f"{self.version}.")
        )


class _Said(NamedTuple):
    """A classification's answer to the task, None without one, and the question."""

    label: Label | None
    question: str


NOTHING_SAID = _Said(None, "")  # a classification that answers nothing at all


class _Numbering(dict[str, int]):
    """Numbers for keys, counted up from 0 as they come."""

    def __missing__(self, key: str) -> int:
        self[key] = len(self)
        return self[key]


class Tally:
    """Answers read from an export so far.

    Parameters
    ----------
    path : str
        The export, for messages.
    task : str
        As for `read_classifications`.
    answers : Answers
    ids : GalaxyIds

    Attributes
    ----------
    path : str
    notes : list of str
        After `votes`: sentences that users should read, for example on ids that were not found.
    """

    def __init__(self, path: str, task: str, answers: Answers, ids: GalaxyIds) -> None:
        self.path, self.notes = path, []
        self._task, self._answers, self._ids = task, answers, ids
        self._users, self._galaxies = _Numbering(), _Numbering()
        self._labels: dict[Label, int] = {}
        self._versions: list[set[str]] = []  # of the workflow, by the label's number
        self._numbers = array("q")  # of galaxy, user, classification, label and row
        self._kept = np.empty((0, 5), dtype=np.int64)
        self._is_odd = np.empty(0, dtype=np.bool_)  # by the label's number
        self._tasks: dict[str, None] = {}
        self._questions: dict[str, None] = {}  # of the task
        self._workflows: dict[str, None] = {}
        self._found: set[str] = set()
        self._read_answer = _reader("annotations", self._answer)
        self._read_user = _reader("user_name", _user)
        self._read_galaxy = _reader("subject_data", lambda text: self._ids.read(subjects(text)))

    def add(self, cells: Cells, row: int) -> None:
        """Count a row, of this number; a `RowError` leaves all counts as they are."""
        self._check_workflow(cells)
        said, problem = None, None
        try:
            said = self._read_answer(cells)
        except RowError as error:
            problem = error
        try:
            galaxy = self._read_galaxy(cells)
        except RowError:
            if said is NOTHING_SAID:
                return
            raise
        if galaxy is not None:
            self._found.add(galaxy)
        if galaxy is None or said is NOTHING_SAID:
            return
        if said is None:
            raise problem or RowError("cannot be read.")
        number = _whole_number(cells, "classification_id")
        user = self._read_user(cells)
        label = UNANSWERED
        if said.label is not None:
            label = self._number_of(said.label, cells.workflow_version)
            self._questions[said.question] = None
        self._numbers.extend((self._galaxies[galaxy], self._users[user], number, label, row))

    def take_odd(self) -> list[tuple[int, str, RowError]]:
        """Take out the rows whose answer does not go with the others, once all are added.

        Returns
        -------
        rows : list of tuple
            Number, classification_id and error of each.
        """
        labels = list(self._labels)
        # the last is for -1: unanswered
        is_odd = np.array([*self._answers.odd(labels), False])
        numbers = np.frombuffer(self._numbers, dtype=np.int64).reshape(-1, 5)
        odd = is_odd[numbers[:, 3]]
        self._kept, self._is_odd = numbers[~odd], is_odd[:-1]
        reason = (
            "has in its 'annotations' an answer by its number, {}, where others are texts; if only "
            "another version of the workflow has it, give `workflow_version`."
        )
        return [
            (int(row), str(number), RowError(reason.format(labels[label].raw)))
            for _, _, number, label, row in numbers[odd]
        ]

    def votes(self, question: str) -> VoteTable:
        """Votes of all rows kept."""
        self._refuse_nothing_found()
        self.notes = self._take_notes()
        if not self._labels and self._answers.given is None:
            raise ValueError(f"Somebody must have answered {self._task}. {self.path!r} holds none.")
        known = list(self._galaxies)
        ids = self._ids.asked
        if ids is None:
            ids = [known[n] for n in pd.unique(self._kept[:, 0])]  # in order of appearance
        kept = np.flatnonzero(~self._is_odd)
        labels, versions = list(self._labels), self._versions
        names = self._answers.names([labels[n] for n in kept], [versions[n] for n in kept])
        columns = self._answers.columns(names)
        column_of = np.full(len(labels), -1)
        column_of[kept] = [columns.index(name) for name in names]
        row_of = {id_: row for row, id_ in enumerate(ids)}
        rows = np.array([row_of.get(id_, -1) for id_ in known], dtype=np.int64)
        galaxy, label = self._first_answers()
        counts = np.zeros((len(ids), len(columns)), dtype=np.int64)
        np.add.at(counts, (rows[galaxy], column_of[label]), 1)
        return VoteTable(ids, question, columns, counts, source=self.path)

    def _first_answers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Galaxy and label of each volunteer's first classification of it, if it has an answer."""
        galaxy, user, number, label, _ = self._kept.T
        order = np.lexsort((number, user, galaxy))
        galaxy, user, label = galaxy[order], user[order], label[order]
        first = (np.diff(galaxy, prepend=-1) != 0) | (np.diff(user, prepend=-1) != 0)
        kept = first & (label != UNANSWERED)
        return galaxy[kept], label[kept]

    def _check_workflow(self, cells: Cells) -> None:
        """Refuse a second workflow: its tasks have the same names, and ask something else."""
        if cells.workflow_id in self._workflows:
            return
        _whole_number(cells, "workflow_id")
        self._workflows[cells.workflow_id] = None
        if len(self._workflows) > 1:
            raise ValueError(
                "`workflow_id` must be given if an export holds several workflows. Got None; "
                f"{self.path!r} holds {', '.join(sorted(self._workflows))}."
            )

    def _number_of(self, label: Label, version: str) -> int:
        number = self._labels.setdefault(label, len(self._labels))
        if number == len(self._versions):
            self._versions.append(set())
            if number == MOST_ANSWERS and self._answers.given is None:
                raise ValueError(
                    f"`task` must have answers to choose from, at most {MOST_ANSWERS:,}. Got "
                    f"{self._task!r}, to which {self.path!r} has more; is it a text or a slider?"
                )
        self._versions[number].add(version)
        return number

    def _answer(self, annotations: str) -> _Said:
        """Answer to the task; `NOTHING_SAID` without one to any task."""
        by_task = answers_by_task(annotations)
        self._tasks.update(dict.fromkeys(by_task))
        if all(value in NOTHING for value, _ in by_task.values()):
            return NOTHING_SAID
        value, question = by_task.get(self._task, (None, ""))
        answer = single_answer(value)
        if answer is None:
            return _Said(None, question)
        label = read_label(answer)
        self._answers.check(label)
        return _Said(label, question)

    def _refuse_nothing_found(self) -> None:
        """Refuse an export without the task, an answer or an id."""
        if not self._workflows:
            raise ValueError(
                f"The export must hold classifications of the workflow and version. {self.path!r} "
                "holds none; look at its columns workflow_id and workflow_version."
            )
        if self._task not in self._tasks:
            raise ValueError(
                f"`task` must be a task of the workflow. Got {self._task!r}; {self.path!r} holds "
                f"{', '.join(sorted(self._tasks)[:50]) or 'no answers'}."
            )
        self._ids.refuse_none(self.path)
        self._ids.refuse_rounded(self.path)

    def _take_notes(self) -> list[str]:
        """Sentences on ids that were not found, and on a task that was edited."""
        missing = self._ids.tell_missing(self._found, self.path)
        notes = [missing] if missing else []
        questions = [question for question in self._questions if question]
        if len(questions) > 1:
            notes.append(
                f"{self._task} asks {len(questions)} questions in {self.path!r}: "
                f"{some(questions)}. Their votes are added up; give `workflow_version` if they are "
                "not the same."
            )
        return notes


def _user(name: str) -> str:
    name = name.strip()
    if not name or "\0" in name:
        raise RowError("no name; anonymous volunteers have one, 'not-logged-in-...'.")
    return name


def _reader(column: str, read: Callable[[str], T]) -> Callable[[Cells], T]:
    """Reader of a cell that remembers its results for short ones: most occur often."""
    remembered = lru_cache(maxsize=CELLS_KEPT)(read)

    def read_cell(cells: Cells) -> T:
        text = getattr(cells, column)
        try:
            if not is_utf8(text):
                raise RowError("bytes that are no UTF-8; save the file as 'CSV UTF-8'.")
            return (remembered if len(text) <= LONGEST_KEPT else read)(text)
        except RowError as error:
            raise RowError(f"has in its {column!r} {error}") from error

    return read_cell


def _whole_number(cells: Cells, column: str) -> int:
    text = getattr(cells, column)
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        raise RowError(
            f"has in its {column!r} no whole number, {shown(text)}; did a spreadsheet save the "
            "file?"
        )
    return int(text)
