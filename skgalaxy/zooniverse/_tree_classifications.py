"""`read_tree_classifications`: from an export of classifications to votes on a whole tree."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, overload

import pandas as pd
from numpy.typing import ArrayLike

from skgalaxy.votes import DecisionTree, TreeVotes
from skgalaxy.zooniverse._galaxy_ids import GalaxyIds
from skgalaxy.zooniverse._read_export import Workflow, check_export, check_text, read_export
from skgalaxy.zooniverse._tree_tasks import TreeTasks

__all__ = ["read_tree_classifications"]


@overload
def read_tree_classifications(
    path: str | Path,
    tree: DecisionTree,
    *,
    tasks: Mapping[str, str] | None = None,
    answers: Mapping[str, Mapping[str, str]] | None = None,
    ids: ArrayLike | None = None,
    workflow_id: int | str | None = None,
    workflow_version: int | str | None = None,
    id_name: str = "#id_str",
    on_error: Literal["raise"] = "raise",
) -> TreeVotes: ...
@overload
def read_tree_classifications(
    path: str | Path,
    tree: DecisionTree,
    *,
    tasks: Mapping[str, str] | None = None,
    answers: Mapping[str, Mapping[str, str]] | None = None,
    ids: ArrayLike | None = None,
    workflow_id: int | str | None = None,
    workflow_version: int | str | None = None,
    id_name: str = "#id_str",
    on_error: Literal["report"],
) -> tuple[TreeVotes, pd.DataFrame]: ...
def read_tree_classifications(
    path: str | Path,
    tree: DecisionTree,
    *,
    tasks: Mapping[str, str] | None = None,
    answers: Mapping[str, Mapping[str, str]] | None = None,
    ids: ArrayLike | None = None,
    workflow_id: int | str | None = None,
    workflow_version: int | str | None = None,
    id_name: str = "#id_str",
    on_error: Literal["raise", "report"] = "raise",
) -> TreeVotes | tuple[TreeVotes, pd.DataFrame]:
    """Read the votes on all questions of a tree from a Zooniverse export of classifications.

    Each classification is a walk: an answer to the first task, then to those that it leads to.

    Parameters
    ----------
    path : str or path-like
        The export, as in `read_classifications`.
    tree : DecisionTree
        The questions.
    tasks : mapping of str to str, default=None
        The question that each task asks, such as ``{"T0": "disk-edge-on", "T1": "bar"}``; other
        tasks are passed over. None finds tasks whose text, or key, is a question's name or text in
        the tree, whatever their case, hyphens and last signs: "Disk edge on?" is "disk-edge-on".
    answers : mapping of str to mapping of str to str, default=None
        For each question the answers that labels are, such as ``{"bar": {"No bar": "no"}}``, as
        volunteers read them. Labels that it does not name are found by their name or text, as
        tasks are.
    ids : sequence of str or int, default=None
        The galaxies that you asked about, as in `read_classifications`.
    workflow_id, workflow_version : int or str, default=None
        As in `read_classifications`.
    id_name : str, default="#id_str"
        As in `read_classifications`.
    on_error : {"raise", "report"}, default="raise"
        As in `read_classifications`. An answer that the tree lacks is an error of its row.

    Returns
    -------
    votes : TreeVotes
        Of every galaxy the counts of all answers; NaN in a question that no task asks.
    unread : pandas.DataFrame
        Only with ``on_error="report"``: the columns row, classification_id and reason of the rows
        that cannot be read.

    Raises
    ------
    FileNotFoundError, TypeError
        As `read_classifications`.
    ValueError
        As `read_classifications`; if no task asks a question of the tree, or one that you name is
        not in the export, though volunteers were led to it; if labels are no answers of the tree:
        the message has all of them, and how often they were given.

    Warns
    -----
    UserWarning
        With their numbers, on answers to tasks that ask no question of the tree, and to questions
        that the tree does not lead the volunteer to; on questions that no task asks; as
        `read_classifications`, on galaxies that are not in the export, on anonymous volunteers who
        are not told apart and on edited tasks.

    See Also
    --------
    read_classifications : Votes on one question.
    skgalaxy.votes.read_tree : A tree with the texts that volunteers read.

    Notes
    -----
    Which classifications count is as in `read_classifications`. A task that a volunteer skips has
    no vote, and so leads nowhere. A question has therefore no more votes than were given to the
    answers before it, as `DecisionTree.check_counts` asks. Where no task asks the question before,
    all answers count. Two tasks may ask one question, on two ways to it; of two answers to it in
    one classification the first counts. An answer by its number is none that has a name.

    Memory grows as for `read_classifications`, and with the number of different walks.

    Examples
    --------
    >>> import json, os, tempfile
    >>> import pandas as pd
    >>> from skgalaxy.votes import DecisionTree
    >>> from skgalaxy.zooniverse import read_tree_classifications
    >>> tree = DecisionTree(
    ...     {"disk-edge-on": ["yes", "no"], "bar": ["yes", "no"]}, {"bar": ["disk-edge-on_no"]}
    ... )
    >>> walks = [[("T0", "Yes")], [("T0", "No"), ("T1", "A bar")], [("T0", "No"), ("T1", "No")]]
    >>> export = pd.DataFrame({"user_name": ["ann", "bob", "eve"], "workflow_id": 1})
    >>> export["classification_id"] = [101, 102, 103]
    >>> export["workflow_version"] = "12.10"
    >>> export["annotations"] = [
    ...     json.dumps([{"task": task, "value": answer} for task, answer in walk]) for walk in walks
    ... ]
    >>> export["subject_data"] = json.dumps({"96588001": {"#id_str": "587722981742215240"}})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "classifications.csv")
    ...     export.to_csv(path, index=False)
    ...     votes = read_tree_classifications(
    ...         path,
    ...         tree,
    ...         tasks={"T0": "disk-edge-on", "T1": "bar"},
    ...         answers={"bar": {"A bar": "yes"}},
    ...     )
    >>> votes
    TreeVotes(Decision tree: disk-edge-on, bar; 1 galaxies, 5 votes)
    >>> votes.counts
    array([[1., 2., 1., 1.]])
    """
    check_text(id_name, "id_name")
    path = check_export(path)
    workflow = Workflow.checked(workflow_id, workflow_version)
    script = TreeTasks(path, tree, tasks, answers)
    return read_export(path, script, GalaxyIds(id_name, ids), workflow, on_error)
