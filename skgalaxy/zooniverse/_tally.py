"""Rows of an export, counted: who made which statement about which galaxy.

A statement is a classification's answer to one task, or its answers to all tasks of a tree. Which
of them, and the votes that come of it, is a `Script`'s matter.
"""

from array import array
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skgalaxy.zooniverse._annotations import subjects
from skgalaxy.zooniverse._answers import shown
from skgalaxy.zooniverse._export_file import Cells, RowError, is_utf8
from skgalaxy.zooniverse._galaxy_ids import GalaxyIds, some

MOST_DIGITS = 18  # which an int64 holds
CELLS_KEPT, LONGEST_KEPT = 2**14, 2000  # longer ones, in characters, seldom repeat
UNANSWERED = -1  # in place of the number of a statement
ANONYMOUS = "not-logged-in"  # and a hash behind it, unless somebody has removed that

T = TypeVar("T")
Said = TypeVar("Said")
Votes = TypeVar("Votes", covariant=True)


class Script(Protocol[Said, Votes]):
    """Reader of statements, which makes votes of them: of one task, or of all of a tree."""

    def read(self, annotations: str) -> Said | None:
        """Statement of a classification; None if it answers nothing at all."""
        ...

    def number(self, said: Said, version: str) -> int:
        """Number of a statement, made in a version of the workflow; `UNANSWERED` is no vote."""
        ...

    def faults(self, n_rows: NDArray[np.int64], strict: bool) -> Mapping[int, RowError]:
        """Errors of statements, by their numbers, that are found once all rows are read.

        `n_rows` tells how many rows make each. If `strict`, the errors may be raised at once.
        """
        ...

    def refuse_absent(self) -> None:
        """Refuse an export without the tasks of the script."""

    def votes(self, ids: list[str], said: csr_array) -> Votes:
        """Votes of how often each statement was made, (n_galaxies, n_statements)."""
        ...

    def notes(self) -> list[str]:
        """Sentences that users should read, after `votes`."""
        ...


class _Numbering(dict[str, int]):
    """Numbers for keys, counted up from 0 as they come."""

    def __missing__(self, key: str) -> int:
        self[key] = len(self)
        return self[key]


class Tally(Generic[Said, Votes]):
    """Classifications read from an export so far.

    Parameters
    ----------
    path : str
        The export, for messages.
    script : Script
    ids : GalaxyIds

    Attributes
    ----------
    path : str
    notes : list of str
        After `votes`: sentences that users should read, for example on ids that were not found.
    """

    def __init__(self, path: str, script: Script[Said, Votes], ids: GalaxyIds) -> None:
        self.path, self.notes = path, []
        self._script, self._ids = script, ids
        self._users, self._galaxies = _Numbering(), _Numbering()
        self._numbers = array("q")  # of galaxy, user, classification, statement and row
        self._kept = np.empty((0, 5), dtype=np.int64)
        self._workflows: dict[str, None] = {}
        self._found: set[str] = set()
        self._nameless: set[int] = set()  # classifications
        self._read_said = _reader("annotations", script.read)
        self._read_user = _reader("user_name", _user)
        self._read_galaxy = _reader("subject_data", lambda text: self._ids.read(subjects(text)))

    def add(self, cells: Cells, row: int) -> None:
        """Count a row, of this number; a `RowError` leaves all counts as they are."""
        self._check_workflow(cells)
        said, problem = None, None
        try:
            said = self._read_said(cells)
        except RowError as error:
            problem = error
        try:
            galaxy = self._read_galaxy(cells)
        except RowError:
            if said is None and problem is None:
                return
            raise
        if galaxy is not None:
            self._found.add(galaxy)
        if galaxy is None or (said is None and problem is None):
            return
        if said is None:
            raise problem or RowError("cannot be read.")
        classification = _whole_number(cells, "classification_id")
        user = self._read_user(cells)
        if user == ANONYMOUS:
            user = f"{ANONYMOUS}\0{classification}"  # a name that nobody has
            self._nameless.add(classification)
        number = self._script.number(said, cells.workflow_version)
        self._numbers.extend(
            (self._galaxies[galaxy], self._users[user], classification, number, row)
        )

    def take_odd(self, strict: bool) -> list[tuple[int, str, RowError]]:
        """Take out the rows whose answers do not go with the others, once all are added.

        Returns
        -------
        rows : list of tuple
            Number, classification_id and error of each.
        """
        numbers = np.frombuffer(self._numbers, dtype=np.int64).reshape(-1, 5)
        n_rows = np.bincount(numbers[:, 3] - UNANSWERED)[-UNANSWERED:]
        faults = self._script.faults(n_rows, strict)
        odd = np.isin(numbers[:, 3], list(faults))
        self._kept = numbers[~odd]
        return [
            (int(row), str(classification), faults[int(number)])
            for _, _, classification, number, row in numbers[odd]
        ]

    def votes(self) -> Votes:
        """Votes of all rows kept."""
        if not self._workflows:
            raise ValueError(
                f"The export must hold classifications of the workflow and version. {self.path!r} "
                "holds none; look at its columns workflow_id and workflow_version."
            )
        self._script.refuse_absent()
        self._ids.refuse_none(self.path)
        self._ids.refuse_rounded(self._galaxies, self.path)
        missing = self._ids.tell_missing(self._found, self.path)
        known = list(self._galaxies)
        ids = self._ids.asked
        if ids is None:
            ids = [known[n] for n in pd.unique(self._kept[:, 0])]  # in order of appearance
        row_of = {id_: row for row, id_ in enumerate(ids)}
        rows = np.array([row_of.get(id_, -1) for id_ in known], dtype=np.int64)
        galaxy, number = self._first()
        shape = (len(ids), int(number.max(initial=-1)) + 1)
        ones = np.ones(len(number), dtype=np.int64)
        votes = self._script.votes(ids, csr_array((ones, (rows[galaxy], number)), shape=shape))
        self.notes = [note for note in (missing, self._tell_nameless()) if note]
        self.notes += self._script.notes()
        return votes

    def _tell_nameless(self) -> str:
        """Sentence on volunteers whom nothing tells apart; "" if there are none."""
        if not self._nameless:
            return ""
        return (
            f"{len(self._nameless)} classifications in {self.path!r} are by {ANONYMOUS!r}, without "
            "the hash that tells volunteers apart: each counts as another volunteer's."
        )

    def _first(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Galaxies, and the votes among each volunteer's first statements about them."""
        galaxy, user, classification, number, _ = self._kept.T
        order = np.lexsort((classification, user, galaxy))
        galaxy, user, number = galaxy[order], user[order], number[order]
        first = (np.diff(galaxy, prepend=-1) != 0) | (np.diff(user, prepend=-1) != 0)
        kept = first & (number != UNANSWERED)
        return galaxy[kept], number[kept]

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


def tell_edited(task: str, questions: Iterable[str], path: str) -> list[str]:
    """Sentence on a task that has asked several questions; none if it has asked one."""
    asked = [question for question in questions if question]
    if len(asked) < 2:
        return []
    return [
        f"{task} asks {len(asked)} questions in {path!r}: {some(asked)}. Their votes are added up; "
        "give `workflow_version` if they are not the same."
    ]


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
