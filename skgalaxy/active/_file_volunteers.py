"""`FileVolunteers`: the Zooniverse, by folders that go there and exports that come back."""

import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy._files import check_path
from skgalaxy._validation import KEPT_DIGITS, check_ids, check_int, shortened, zeros_for_digits
from skgalaxy.active._tree_answers import n_shown
from skgalaxy.votes import DecisionTree, TreeVotes, VoteTable
from skgalaxy.zooniverse import (
    read_classifications,
    read_tree_classifications,
    write_manifest,
)
from skgalaxy.zooniverse._galaxy_ids import NotInExportError
from skgalaxy.zooniverse._manifest import read_manifest_ids
from skgalaxy.zooniverse._tree_tasks import TreeTasks

__all__ = ["FileVolunteers"]

_NUMBER = re.compile(r"request_(\d+)")


class FileVolunteers:
    """Volunteers of the Zooniverse, reached by files.

    A request becomes a folder, ``request_0001`` and so on, to upload as
    `skgalaxy.zooniverse.write_manifest` says. The answers are in the project's export of
    classifications, once somebody has put it at `export`.

    The folders say which galaxies were requested, so that none is requested twice. You may move
    or delete a folder when all its galaxies are answered; before, they would be requested again.

    Parameters
    ----------
    folder : str or path-like
        Where the folders of requests are; made if it is missing.
    images : mapping of str to path
        The image file of every galaxy, by its id; a dict or a Series.
    export : str or path-like
        The export of classifications; it need not be there yet. Each export holds all earlier
        classifications: put the newest in place of the last.
    task : str, default=None
        The task that asks the question, as in `skgalaxy.zooniverse.read_classifications`.
        You must name it, and `yes`, unless there is a `tree`.
    yes : str or sequence of str, default=None
        The answer that k counts, or several that are added up: by the names that `reading` gives
        them, or else in full, as volunteers read them.
    min_votes : int, default=40
        A galaxy is answered when so many volunteers, N, answered the task, or some
        question of the tree. Lower it to go on without those who never came; 0 takes whatever votes
        there are.
    reading : mapping, default=None
        More arguments of `skgalaxy.zooniverse.read_classifications`, for example ``answers``,
        ``workflow_id`` and ``workflow_version``; with a `tree`, of
        `skgalaxy.zooniverse.read_tree_classifications`, for example ``tasks``.
    writing : mapping, default=None
        More arguments of `skgalaxy.zooniverse.write_manifest`, for example ``size``,
        ``flux_range``, ``n_jobs``, and ``metadata`` of one value for all.
    tree : DecisionTree, default=None
        The questions, for a learner with this `tree`. Tasks and answers that are not called as
        the tree's are named in `reading`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind; when an id without an image is requested; when the
        export or a manifest cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.active import FileVolunteers
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "galaxy.png")
    ...     Image.linear_gradient("L").save(path)
    ...     volunteers = FileVolunteers(
    ...         folder, {"587": path}, os.path.join(folder, "export.csv"), task="T0", yes="Featured"
    ...     )
    ...     volunteers.request(["587"])
    ...     print(sorted(os.listdir(folder)), len(volunteers.collect()[0]))
    ['galaxy.png', 'request_0001'] 0
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        images: Mapping[Any, Any],
        export: str | PathLike[str],
        *,
        task: str | None = None,
        yes: str | Sequence[str] | None = None,
        min_votes: int = 40,
        reading: Mapping[str, Any] | None = None,
        writing: Mapping[str, Any] | None = None,
        tree: DecisionTree | None = None,
    ) -> None:
        self.folder: Path = check_path(folder, "folder")
        self.images: dict[str, Any] = _check_images(images)
        self.export: Path = check_path(export, "export")
        self.tree: DecisionTree | None = tree
        if tree is not None:
            _check_tree(tree, task, yes)
        self.task: str = "" if tree else _check_text(task, "task")
        self.yes: tuple[str, ...] = () if tree else _check_yes(yes)
        self.min_votes: int = check_int(min_votes, "min_votes", 0)
        reader = read_tree_classifications if tree else read_classifications
        ours = ("path", "task", "tree", "ids", "folder", "images")
        self.reading: dict[str, Any] = _check_options(reading, "reading", reader, ours)
        self.writing: dict[str, Any] = _check_options(writing, "writing", write_manifest, ours)
        answers = self.reading.get("answers")
        if tree is not None:
            TreeTasks("", tree, self.reading.get("tasks"), answers)  # refuses what does not fit
        elif answers is not None:
            self._check_answers(list(answers.values() if isinstance(answers, Mapping) else answers))

    def request(self, ids: NDArray[np.str_]) -> None:
        """Write a folder of the galaxies that are in none yet; arguments as in `Volunteers`."""
        ids = check_ids(ids, "ids", None)
        unknown = [id_ for id_ in ids.tolist() if id_ not in self.images]
        if unknown:
            raise ValueError(
                f"`images` must have the image of every id. Got none of {unknown[0]!r} "
                f"({len(unknown)} of {len(ids)} have none)."
            )
        new = ids[~np.isin(ids, self._requested())]
        if len(new):
            self.folder.mkdir(parents=True, exist_ok=True)
            # Not their count, which is lower than the last number if one was tidied away.
            number = max(self._numbered().values(), default=0) + 1
            folder = self.folder / f"request_{number:04d}"
            write_manifest(folder, new, [self.images[id_] for id_ in new], **self.writing)

    def collect(self) -> tuple[NDArray[np.str_], NDArray[Any]]:
        """Ids and votes of the galaxies that have `min_votes`; as in `Volunteers`."""
        asked = self._requested()
        nothing = np.empty((0, self.tree.n_answers if self.tree else 2), dtype=np.int64)
        if not (asked and self.export.exists()):
            return np.array([], dtype=str), nothing
        try:
            table = self._read(asked)
        except NotInExportError:  # the export is from before the request
            return np.array([], dtype=str), nothing
        if isinstance(table, TreeVotes):
            votes, n_votes = table.counts, n_shown(table.tree, table.counts)
        else:
            self._check_answers(table.answers)
            votes = table.votes(*self.yes)
            n_votes = votes[:, 1]
        done = n_votes >= self.min_votes
        return table.ids[done], votes[done]

    def _read(self, asked: list[str]) -> VoteTable | TreeVotes:
        """Votes of the export; rows that cannot be read are named in a warning."""
        with warnings.catch_warnings():
            # of the last request there may be none yet
            warnings.filterwarnings("ignore", r"\d+ of \d+ `ids` are not in")
            if self.tree is not None:
                read = read_tree_classifications(self.export, self.tree, ids=asked, **self.reading)
            else:
                read = read_classifications(self.export, task=self.task, ids=asked, **self.reading)
        if not isinstance(read, tuple):
            return read
        table, unread = read
        if len(unread):
            warnings.warn(
                f"{len(unread)} rows of {str(self.export)!r} cannot be read. The first, row "
                f"{unread['row'][0]}, {unread['reason'][0]}",
                UserWarning,
                stacklevel=3,
            )
        return table

    def _check_answers(self, answers: Sequence[str]) -> None:
        """Refuse a `yes` that is no whole answer: it might begin another one tomorrow."""
        unknown = [name for name in self.yes if name not in answers]
        if unknown:
            raise ValueError(
                f"`yes` must be among the answers to {self.task}, {', '.join(map(str, answers))}. "
                f"Got {unknown[0]!r}; if nobody has given it yet, name all answers: "
                "reading={'answers': [...]}."
            )

    def _numbered(self) -> dict[Path, int]:
        """Request folders in `folder`, in order, and their numbers."""
        found = {path: _NUMBER.match(path.name) for path in sorted(self.folder.glob("request_*"))}
        return {path: int(match[1]) for path, match in found.items() if match}

    def _requested(self) -> list[str]:
        """The ids in all manifests."""
        folders = [path for path in self._numbered() if path.is_dir()]
        by_folder = {folder: _manifest_ids(folder) for folder in folders}
        self._refuse_cut(by_folder)
        # once: a folder may have been copied
        return list(dict.fromkeys(id_ for ids in by_folder.values() for id_ in ids))

    def _refuse_cut(self, by_folder: Mapping[Path, Sequence[str]]) -> None:
        """Refuse ids without image that are those of images but for the last digits, zeros here."""
        whole = {id_[:KEPT_DIGITS] for id_ in self.images if zeros_for_digits(id_) < 0}
        for folder, ids in by_folder.items():
            for id_ in ids:
                cut = zeros_for_digits(id_) > 0 and id_[:KEPT_DIGITS] in whole
                if cut and id_ not in self.images:
                    raise ValueError(
                        "`folder` must hold requests as they were written. Got "
                        f"{str(folder)!r} with {id_}, whose last digits a spreadsheet has cut; "
                        "put its manifest back, or remove it if all its galaxies are answered."
                    )


def _check_images(images: Any) -> dict[str, Any]:
    """Paths by ids."""
    if not isinstance(images, Mapping | pd.Series):
        raise TypeError(
            "`images` must be a mapping of ids to paths, a dict or a Series. "
            f"Got {type(images).__name__}."
        )
    images = dict(images)
    for id_, path in images.items():
        if not isinstance(path, str | PathLike):
            raise TypeError(
                f"`images` must have paths, str or path-like. Got {shortened(path)} of {id_!r}."
            )
    ids = check_ids(list(images), "images", None).tolist()
    return dict(zip(ids, images.values(), strict=True))


def _check_text(text: Any, name: str) -> str:
    if not isinstance(text, str) or not text:
        raise TypeError(f"`{name}` must be text. Got {shortened(text)}.")
    return text


def _check_tree(tree: Any, task: Any, yes: Any) -> None:
    """Refuse what is no tree, and one question beside it."""
    if not isinstance(tree, DecisionTree):
        raise TypeError(f"`tree` must be a DecisionTree. Got {shortened(tree)}.")
    if task is not None or yes is not None:
        raise ValueError(
            "`tree` must stand without `task` and `yes`, which are of one question. "
            f"Got {task!r} and {yes!r}."
        )


def _check_yes(yes: Any) -> tuple[str, ...]:
    """Answers, one or several, as a tuple."""
    several = (yes,) if isinstance(yes, str) else yes
    several = tuple(several) if isinstance(several, Iterable) else ()
    is_text = all(isinstance(name, str) and name for name in several)
    if not (several and is_text) or len(set(several)) < len(several):
        raise TypeError(
            "`yes` must be an answer, as text, or a sequence of them, each once. "
            f"Got {shortened(yes)}."
        )
    return several


def _check_options(
    options: Any, name: str, function: Callable[..., Any], ours: Sequence[str]
) -> dict[str, Any]:
    """More arguments of a function, but for `ours`, which the class gives it itself."""
    options = {} if options is None else options
    if not isinstance(options, Mapping):
        raise TypeError(f"`{name}` must be a mapping or None. Got {shortened(options)}.")
    known = [key for key in inspect.signature(function).parameters if key not in ours]
    unknown = [key for key in options if key not in known]
    if unknown:
        raise ValueError(
            f"`{name}` must be arguments of {function.__name__}, among {', '.join(known)}. "
            f"Got {unknown[0]!r}."
        )
    return dict(options)


def _manifest_ids(folder: Path) -> list[str]:
    """The ids that a request's folder asks about."""
    try:
        return read_manifest_ids(folder)
    except (OSError, ValueError) as error:
        raise ValueError(
            "`folder` must hold whole requests, to know what has been asked. "
            f"Got {str(folder)!r}, which is none; put it back, or remove it if all its galaxies "
            f"are answered. {error}"
        ) from error
