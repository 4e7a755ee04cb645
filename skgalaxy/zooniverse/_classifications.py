"""`read_classifications`: from an export of classifications to votes.

An export has a row per classification: one volunteer's answers to the tasks of a workflow, about
one subject. It is read piece by piece, and four numbers are kept of each row.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import MANGLED, check_ids
from skgalaxy.votes import VoteTable
from skgalaxy.votes._table_file import check_is_file, open_unpacked
from skgalaxy.votes._text_table import ENCODING

__all__ = ["read_classifications"]

COLUMNS = (
    "classification_id",
    "user_name",
    "workflow_id",
    "workflow_version",
    "annotations",
    "subject_data",
)
CHUNK_ROWS = 10_000  # some 30 MB of text
OTHER_PACKINGS = {".bz2": "bz2", ".xz": "xz", ".zip": "zip"}  # which pandas unpacks
# Of a volunteer who answered, in place of the answer's number: the task was left unanswered; or
# the classification answers nothing at all.
UNANSWERED, EMPTY = -1, -2
OTHER_GALAXY = -1
IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")  # Markdown: ![text](address)


def read_classifications(
    path: str | Path,
    *,
    task: str,
    answers: Sequence[str] | Mapping[str, str] | None = None,
    question: str | None = None,
    ids: ArrayLike | None = None,
    workflow_id: int | str | None = None,
    workflow_version: int | str | None = None,
    id_name: str = "#id_str",
) -> VoteTable:
    """Read the votes on one question from a Zooniverse export of classifications.

    Parameters
    ----------
    path : str or path-like
        The export, CSV, as a project's page "Data exports" gives it; gzipped or not.
    task : str
        The task that asks the question, such as "T0": one that takes one answer. It may be part
        of a combined task.
    answers : sequence of str, or mapping of str to str, default=None
        The answers as volunteers read them, without images; a mapping gives them names, and puts
        together those it gives the same name. An answer that is not among them is an error. None
        takes all that were given, in alphabetical order.
    question : str, default=None
        Name for the question; None is `task`.
    ids : sequence of str or int, default=None
        The galaxies that were asked about: the votes of these are returned, in this order, N = 0
        where there are none yet. Subjects without an id, or with another, are passed over. None
        returns all galaxies in the order of the file, and refuses subjects without an id.
    workflow_id : int or str, default=None
        The workflow; may be None if the export holds one only.
    workflow_version : int or str, default=None
        Its version: 12 or "12" for all of 12.x, "12.10" for this one. None takes all.
    id_name : str, default="#id_str"
        The subjects' metadata that hold the galaxy's id, as `write_manifest` calls them.

    Returns
    -------
    votes : VoteTable
        ``votes.votes("yes")`` are the counts [k, N] to fit to.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If `workflow_version` is a float: 12.1 may have been 12.10.
    ValueError
        If the file is no export, or a row of it is damaged; `task` or the workflow is not in it;
        an answer is unknown; an id is missing, or a float or a spreadsheet has cut its digits.
        The message names the file and the row, 0 being the first below the header.

    Notes
    -----
    Of each volunteer's classifications of a galaxy the first counts, that of the lowest
    ``classification_id``, and what it does not answer stays unanswered: so nobody votes twice,
    and nobody is asked about a bar who first said "smooth". A classification without any answer
    is none. Anonymous volunteers are told apart by Zooniverse's ``not-logged-in-...``, a hash of
    their address. If a galaxy was uploaded twice, its subjects are one galaxy. Classifications
    of a retired subject count.

    Memory grows with the number of classifications, by some 100 bytes each at the peak.

    Examples
    --------
    >>> import json, os, tempfile
    >>> import pandas as pd
    >>> from skgalaxy.zooniverse import read_classifications
    >>> export = pd.DataFrame({"user_name": ["ann", "bob", "ann"], "workflow_id": 1})
    >>> export["classification_id"] = [101, 102, 103]
    >>> export["workflow_version"] = "12.10"
    >>> export["annotations"] = [
    ...     json.dumps([{"task": "T1", "value": answer}]) for answer in ["Bar", "No bar", "No bar"]
    ... ]
    >>> export["subject_data"] = json.dumps({"96588001": {"#id_str": "587722981742215240"}})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "classifications.csv")
    ...     export.to_csv(path, index=False)
    ...     votes = read_classifications(path, task="T1", question="bar")
    >>> votes
    VoteTable('bar': Bar, No bar; 1 galaxies, 2 votes)
    >>> print(votes.ids, votes.votes("Bar"))
    ['587722981742215240'] [[1 2]]
    """
    _check_text(task, "task")
    _check_text(id_name, "id_name")
    check_is_file(path)
    workflow = _Workflow.checked(workflow_id, workflow_version)
    tally = _Tally(os.fspath(path), task, _names_by_label(answers), ids, id_name)
    for chunk in _chunks(tally.path):
        tally.add(workflow.select(chunk))
    return tally.votes(task if question is None else _check_text(question, "question"))


class _Workflow(NamedTuple):
    """Which rows of an export to read."""

    id: str | None
    version: str | None

    @classmethod
    def checked(cls, workflow_id: int | str | None, version: int | str | None) -> "_Workflow":
        if isinstance(version, float):
            raise TypeError(
                "`workflow_version` must be text or an integer, because 12.1 and 12.10 are two "
                f"versions. Got {version!r}; put it in quotes."
            )
        return cls(*(None if value is None else str(value) for value in (workflow_id, version)))

    def select(self, chunk: pd.DataFrame) -> pd.DataFrame:
        """Pick the rows of the workflow."""
        if self.id is not None:
            chunk = chunk[chunk["workflow_id"] == self.id]
        if self.version is not None:
            version = chunk["workflow_version"]
            chunk = chunk[(version == self.version) | version.str.startswith(f"{self.version}.")]
        return chunk


class _Numbering(dict):
    """Numbers for keys, counted up from 0 as they come."""

    def __missing__(self, key: str) -> int:
        self[key] = len(self)
        return self[key]


class _Tally:
    """Answers read from an export so far."""

    def __init__(
        self,
        path: str,
        task: str,
        names_by_label: Mapping[str, str] | None,
        ids: ArrayLike | None,
        id_name: str,
    ) -> None:
        self.path, self.task, self.id_name = path, task, id_name
        self.names_by_label = names_by_label
        self.users, self.galaxies, self.answers = _Numbering(), _Numbering(), _Numbering()
        self.asked = None if ids is None else [str(id_) for id_ in check_ids(ids, "ids", None)]
        for known in self.asked or ():
            self.galaxies[known]  # numbered in this order
        for name in (names_by_label or {}).values():
            self.answers[name]
        self.tasks, self.workflows, self.has_ids, self.numbers = set(), set(), False, []

    def add(self, rows: pd.DataFrame) -> None:
        """Read the rows, a part of the export."""
        self.workflows.update(rows["workflow_id"])
        if len(self.workflows) > 1:
            raise ValueError(
                "`workflow_id` must be given if an export holds several workflows. Got None; "
                f"{self.path!r} holds {', '.join(sorted(self.workflows))}."
            )
        answer = self._read_column(rows, "annotations", self._read_answer)
        rows, answer = rows[answer != EMPTY], answer[answer != EMPTY]
        galaxy = self._read_column(rows, "subject_data", self._read_galaxy)
        number = self._read_column(rows, "classification_id", _read_number)
        user = self._read_column(rows, "user_name", self._read_user)
        numbers = np.stack([galaxy, user, number, answer])
        self.numbers.append(numbers[:, galaxy != OTHER_GALAXY])

    def votes(self, question: str) -> VoteTable:
        """Votes of all rows read."""
        self._refuse_nothing_found()
        galaxy, user, number, answer = np.concatenate(self.numbers, axis=1)
        order = np.lexsort((number, user, galaxy))
        galaxy, user, answer = galaxy[order], user[order], answer[order]
        first = (np.diff(galaxy, prepend=-1) != 0) | (np.diff(user, prepend=-1) != 0)
        kept = first & (answer != UNANSWERED)
        counts = np.zeros((len(self.galaxies), len(self.answers)), dtype=np.int64)
        np.add.at(counts, (galaxy[kept], answer[kept]), 1)
        names = list(self.answers)
        columns = range(len(names)) if self.names_by_label else np.argsort(names)
        return VoteTable(
            list(self.galaxies),
            question,
            [names[column] for column in columns],
            counts[:, columns],
            source=self.path,
        )

    def _refuse_nothing_found(self) -> None:
        """Refuse an export without the task, an answer or an id."""
        if not self.workflows:
            raise ValueError(
                f"The export must hold classifications of the workflow and version. {self.path!r} "
                "holds none; look at its columns workflow_id and workflow_version."
            )
        if self.task not in self.tasks:
            raise ValueError(
                f"`task` must be a task of the workflow. Got {self.task!r}; {self.path!r} holds "
                f"{', '.join(sorted(self.tasks)) or 'no answers'}."
            )
        if not self.answers:
            raise ValueError(f"Somebody must have answered {self.task}. {self.path!r} holds none.")
        if not self.has_ids:
            raise ValueError(
                f"`id_name` must be among the subjects' metadata. Got {self.id_name!r}, which no "
                f"subject in {self.path!r} has."
            )

    def _read_column(
        self, rows: pd.DataFrame, name: str, read: Callable[[str], int]
    ) -> NDArray[np.int64]:
        """Numbers that `read` makes of a column, called once for each text: most occur often."""
        codes, texts = pd.factorize(rows[name])
        values = np.empty(len(texts), dtype=np.int64)
        for code, text in enumerate(texts):
            try:
                values[code] = read(text)
            except ValueError as error:
                row = rows.index[np.argmax(codes == code)]
                number = rows.at[row, "classification_id"]
                reason = f"no JSON: {error}." if isinstance(error, json.JSONDecodeError) else error
                raise ValueError(
                    f"`path` must be a whole export. Got {self.path!r}, whose row {row} "
                    f"(classification_id {number}) has in its {name!r} {reason}"
                ) from error
        return values[codes]

    def _read_answer(self, annotations: str) -> int:
        """Find the number of the answer to the task."""
        by_task = _answers_by_task(json.loads(annotations))
        said = dict(reversed(list(by_task)))  # the first answer to a task, if there are two
        self.tasks.update(said)
        if all(value in (None, "", [], {}) for value in said.values()):
            return EMPTY
        answer = _without_images(said.get(self.task))
        if answer is None:
            return UNANSWERED
        if self.names_by_label is None:
            return self.answers[answer]
        if answer not in self.names_by_label:
            raise ValueError(
                f"an answer to {self.task} that `answers` lacks: {answer!r}, not one of "
                f"{', '.join(map(repr, self.names_by_label))}."
            )
        return self.answers[self.names_by_label[answer]]

    def _read_galaxy(self, subject_data: str) -> int:
        """Find the number of the galaxy."""
        subjects = json.loads(subject_data)
        if not isinstance(subjects, dict) or len(subjects) != 1:
            raise ValueError("not one subject with its metadata.")
        ((subject, metadata),) = subjects.items()
        value = metadata.get(self.id_name) if isinstance(metadata, dict) else None
        if value in (None, ""):
            if self.asked is None:
                raise ValueError(
                    f"no {self.id_name!r}, subject {subject}; pass over such subjects with `ids`."
                )
            return OTHER_GALAXY
        self.has_ids = True
        id_ = str(value).strip()
        if not isinstance(value, (str, int)) or MANGLED.fullmatch(id_):
            raise ValueError(
                f"an {self.id_name!r} that is a float, {value!r}: its last digits are lost. Upload "
                f"subject {subject} again, from a manifest no spreadsheet has saved."
            )
        return self.galaxies[id_] if self.asked is None else self.galaxies.get(id_, OTHER_GALAXY)

    def _read_user(self, name: str) -> int:
        if not name.strip():
            raise ValueError("no name; anonymous volunteers have one, 'not-logged-in-...'.")
        return self.users[name]


def _read_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"no whole number, {text!r}; did a spreadsheet save the file?")
    return int(text)


def _answers_by_task(annotations: Any) -> Iterator[tuple[str, Any]]:
    """Yield task and value of each answer, those inside combined tasks too."""
    if not isinstance(annotations, list):
        raise ValueError("not a list of tasks.")
    for annotation in annotations:
        if not isinstance(annotation, dict) or "task" not in annotation:
            raise ValueError("not a list of tasks.")
        value = annotation.get("value")
        if isinstance(value, list) and any(isinstance(v, dict) and "task" in v for v in value):
            yield from _answers_by_task(value)
        else:
            yield str(annotation["task"]), value


def _without_images(value: Any) -> str | None:
    """Text of an answer without its images, None if it is none."""
    if isinstance(value, (list, dict)):
        if value:
            raise ValueError(f"no single answer, {value!r}; `task` must take one answer.")
        return None
    if not isinstance(value, str):
        return None if value is None else str(value)
    words = IMAGE.sub(" ", value).split() or IMAGE.sub(r" \1 ", value).split()
    return " ".join(words) or None


def _check_text(value: str, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"`{name}` must be text. Got {value!r}.")
    return value


def _names_by_label(answers: Iterable[str] | Mapping[str, str] | None) -> dict[str, str] | None:
    """Names of the answers by the labels that volunteers read, or None."""
    if answers is None:
        return None
    if isinstance(answers, str) or not all(isinstance(label, str) for label in answers):
        raise TypeError(f"`answers` must be a sequence of text or a mapping. Got {answers!r}.")
    pairs = answers.items() if isinstance(answers, Mapping) else zip(answers, answers, strict=True)
    names = [(_without_images(label), name) for label, name in pairs]
    known = {label: name for label, name in names if label is not None}
    if not names or len(known) < len({label for label, _ in names}):
        raise ValueError(f"`answers` must not be empty. Got {answers!r}.")
    return known


def _check_columns(chunk: pd.DataFrame) -> None:
    missing = [name for name in COLUMNS if name not in chunk.columns]
    if missing:
        raise ValueError(f"it lacks the columns {', '.join(missing)}")
    if not isinstance(chunk.index, pd.RangeIndex):  # pandas took a cell for a name
        raise ValueError("its rows have more cells than its header")


def _chunks(path: str) -> Iterator[pd.DataFrame]:
    """Pieces of the export, all of it text."""
    options = {"dtype": str, "keep_default_na": False, "encoding": ENCODING}
    packing = OTHER_PACKINGS.get(os.path.splitext(path)[1].lower())
    with open_unpacked(path) as file:
        try:
            with pd.read_csv(file, compression=packing, chunksize=CHUNK_ROWS, **options) as chunks:
                for chunk in chunks:
                    _check_columns(chunk)
                    yield chunk[list(COLUMNS)]
        except (ValueError, EOFError, OSError) as error:  # pandas' and Unicode's are ValueErrors
            raise ValueError(
                "`path` must be an export of classifications, CSV in UTF-8. "
                f"Got {path!r}: {str(error).strip()}."
            ) from error
