"""`read_classifications`: from an export of classifications to votes.

An export has a row per classification: one volunteer's answers to the tasks of a workflow, about
one subject. It is read row by row, and five numbers are kept of each.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, overload

import pandas as pd
from numpy.typing import ArrayLike

from skgalaxy.votes import VoteTable
from skgalaxy.zooniverse._answers import Answers
from skgalaxy.zooniverse._galaxy_ids import GalaxyIds
from skgalaxy.zooniverse._one_task import OneTask
from skgalaxy.zooniverse._read_export import Workflow, check_export, check_text, read_export

__all__ = ["read_classifications"]


@overload
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
    on_error: Literal["raise"] = "raise",
) -> VoteTable: ...
@overload
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
    on_error: Literal["report"],
) -> tuple[VoteTable, pd.DataFrame]: ...
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
    on_error: Literal["raise", "report"] = "raise",
) -> VoteTable | tuple[VoteTable, pd.DataFrame]:
    """Read the votes on one question from a Zooniverse export of classifications.

    Parameters
    ----------
    path : str or path-like
        The export, CSV, as a project's page "Data exports" gives it; also packed (gzip, zip, bz2
        or xz), or with the separators ``;`` or tab of a spreadsheet.
    task : str
        The task that asks the question, such as "T0": one that takes one answer, a question or a
        dropdown of one menu. It may be part of a combined task.
    answers : sequence of str, or mapping of str to str, default=None
        The answers as volunteers read them; a mapping gives them names, and puts together those
        it gives the same name. Images may be left out, as in "Smooth" for ``![icon](address)
        Smooth``, unless they are all that tells two answers apart. An answer that is not given is
        an error. None takes all that volunteers gave, in alphabetical order.
    question : str, default=None
        Name for the question; None is `task`.
    ids : sequence of str or int, default=None
        The galaxies that you asked about. Their votes are returned in this order, N = 0 where
        there are none yet. Rows of other galaxies are passed over. None returns all galaxies in
        the order of the file, and refuses subjects without an id.
    workflow_id : int or str, default=None
        The workflow; may be None if the export holds one only.
    workflow_version : int or str, default=None
        Its version: 12 or "12" for all of 12.x, "12.10" for this one. None takes all.
    id_name : str, default="#id_str"
        The subjects' metadata that hold the galaxy's id, as `write_manifest` calls them.
        "subject_ids" is the Zooniverse's own number of a subject.
    on_error : {"raise", "report"}, default="raise"
        How to handle a row that cannot be read, for example one that was cut off. "raise" stops.
        "report" passes over it, goes on, and also gives you the table `unread`.

    Returns
    -------
    votes : VoteTable
        ``votes.votes("yes")`` are the counts [k, N] to fit to.
    unread : pandas.DataFrame
        Only with ``on_error="report"``: the columns row, classification_id and reason of the rows
        that cannot be read.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If `workflow_version` is a float: 12.1 may have been 12.10.
    ValueError
        If the file is no export, or a row of it is damaged; `task`, the workflow or every one of
        `ids` is not in it; an answer is unknown; an id is missing, or a float, a spreadsheet or
        JavaScript has cut its digits. The message names the file and the row, 0 being the first
        below the header.

    Warns
    -----
    UserWarning
        If some of `ids` are not in the export; if anonymous volunteers are not told apart; or if
        the task asks several questions in it, because the workflow was edited.

    Notes
    -----
    Of each volunteer's classifications of a galaxy the first counts, that of the lowest
    ``classification_id``, and what it does not answer stays unanswered: so nobody votes twice,
    and nobody is asked about a bar who first said "smooth". A classification without any answer
    is none. Of two answers to the task within one classification the first counts.

    Anonymous volunteers are told apart by Zooniverse's ``not-logged-in-...``, a hash of their
    address. Without the hash each classification counts as another volunteer's, and a warning
    tells how many there are. If a galaxy was uploaded twice, its subjects are one galaxy.
    Classifications of a retired subject count, as do those of experts and in gold standard mode:
    leave out rows by their ``expert`` and ``gold_standard`` if you want volunteers only.

    Labels that differ in images only are one answer, whose image was replaced, unless one version
    of the workflow has both, or they have no words at all: then they are several answers.

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
    check_text(task, "task")
    check_text(id_name, "id_name")
    question = task if question is None else check_text(question, "question")
    path = check_export(path)
    workflow = Workflow.checked(workflow_id, workflow_version)
    script = OneTask(path, task, Answers(answers), question)
    return read_export(path, script, GalaxyIds(id_name, ids), workflow, on_error)
