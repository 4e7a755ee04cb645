"""Volunteers: whoever can be asked about galaxies and answers later."""

import hashlib
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_fractions, check_ids, check_int, check_n_votes, check_votes
from skgalaxy.zooniverse import read_classifications, write_manifest
from skgalaxy.zooniverse._manifest import read_manifest_ids

__all__ = ["FileVolunteers", "SimulatedVolunteers", "Volunteers", "check_answers"]


@runtime_checkable
class Volunteers(Protocol):
    """Source of answers for `run`: anything with these two methods.

    A request may take seconds or weeks. The loop requests votes and collects those that have
    come. If some are missing, it stops, and goes on when you call it again.

    Examples
    --------
    >>> from skgalaxy.active import SimulatedVolunteers, Volunteers
    >>> isinstance(SimulatedVolunteers(["a"], [0.3]), Volunteers)
    True
    """

    def request(self, ids: NDArray[np.str_]) -> None:
        """Ask about galaxies.

        Parameters
        ----------
        ids : ndarray of str of shape (n_galaxies,)
            The galaxies. Those that were requested before, by this process or by one that was
            killed, must not be shown to people again. A run that goes on requests all galaxies
            without answers once more, because it cannot know how far the killed one came.
        """

    def collect(self) -> tuple[ArrayLike, ArrayLike]:
        """Collect the answers that have come so far.

        Returns
        -------
        ids : sequence of str of shape (n_answered,)
            Each once. A galaxy is here when its votes are final; the first answer counts.
        votes : array-like of shape (n_answered, 2)
            Columns [k, N]. N = 0 gives a galaxy up: the run goes on without its votes.
        """
        ...


class SimulatedVolunteers:
    """Volunteers who answer at once: drawn from known vote fractions, or out of a catalogue.

    Parameters
    ----------
    ids : sequence of str or int of shape (n_galaxies,)
        The galaxies they know.
    y : array-like of shape (n_galaxies,) or (n_galaxies, 2)
        Vote fractions ρ, of which k ~ Bin(N, ρ) are drawn; or counts [k, N], which are replayed.
    n_votes : int or array-like of shape (n_galaxies,), default=40
        Volunteers per galaxy, N, where ρ is given.
    random_state : int, default=0
        Seed. The answer about a galaxy depends on it and on the galaxy's id only, not on when,
        with which others or how often it is asked about.

    Raises
    ------
    ValueError
        If ids are missing or repeated; if `y` or `n_votes` are out of range; when an id is
        requested that is not among them.

    Examples
    --------
    >>> from skgalaxy.active import SimulatedVolunteers
    >>> volunteers = SimulatedVolunteers(["a", "b", "c"], [0.1, 0.5, 0.9], n_votes=20)
    >>> volunteers.request(["c", "a"])
    >>> ids, votes = volunteers.collect()
    >>> print(ids, votes.tolist())
    ['c' 'a'] [[18, 20], [1, 20]]
    """

    def __init__(
        self, ids: ArrayLike, y: ArrayLike, *, n_votes: ArrayLike = 40, random_state: int = 0
    ) -> None:
        self.ids: NDArray[np.str_] = check_ids(ids, "ids", None)
        y = np.asarray(y)
        if y.shape not in ((len(self.ids),), (len(self.ids), 2)):
            raise ValueError(
                "`y` must be vote fractions, one per id, or counts [k, N], shape "
                f"({len(self.ids)},) or ({len(self.ids)}, 2). Got shape {y.shape}."
            )
        self.random_state: int = check_int(random_state, "random_state", 0)
        self.vote_fraction: NDArray[np.float64] | None
        self.n_votes: NDArray[np.int64]
        if y.ndim == 1:
            self.vote_fraction = check_fractions(y)
            self.n_votes = check_n_votes(n_votes, len(self.ids))
        else:
            self.vote_fraction = None
            self._votes, self.n_votes = check_votes(y[:, 0], y[:, 1], len(self.ids))
        self._rows = pd.Index(self.ids)
        self._requested: dict[str, int] = {}

    def request(self, ids: NDArray[np.str_]) -> None:
        """Note which galaxies to answer about; arguments as in `Volunteers`."""
        ids = check_ids(ids, "ids", None)
        rows = self._rows.get_indexer(ids)
        if (rows < 0).any():
            unknown = ids[rows < 0]
            raise ValueError(
                "`ids` must be galaxies that the volunteers know. "
                f"Got {str(unknown[0])!r} ({len(unknown)} of {len(ids)} are unknown)."
            )
        self._requested.update(zip(ids, rows, strict=True))

    def collect(self) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
        """Return ids and votes of all galaxies requested, in that order; as in `Volunteers`."""
        rows = np.fromiter(self._requested.values(), dtype=np.int64)
        votes = [(self._yes(row), self.n_votes[row]) for row in rows]
        return self.ids[rows], np.array(votes, dtype=np.int64).reshape(-1, 2)

    def _yes(self, row: int) -> int:
        """Number of volunteers who say yes."""
        if self.vote_fraction is None:
            return self._votes[row]
        digest = hashlib.sha256(f"{self.random_state} {self.ids[row]}".encode()).digest()
        rng = np.random.default_rng(np.frombuffer(digest, np.uint32))
        return rng.binomial(self.n_votes[row], self.vote_fraction[row])


class FileVolunteers:
    """Volunteers of the Zooniverse, reached by files.

    A request becomes a folder, ``request_0001`` and so on, to upload as
    `skgalaxy.zooniverse.write_manifest` says. Their answers are in the project's export of
    classifications, once somebody has put it at `export`. Earlier requests are read from the
    folders, so that no galaxy is requested twice.

    Parameters
    ----------
    folder : str or path-like
        Where the folders of requests are; made if it is missing.
    images : mapping of str to path
        The image file of every galaxy, by its id; a dict or a Series.
    export : str or path-like
        The export of classifications; it need not be there yet. Each export holds all earlier
        classifications: put the newest in place of the last.
    task : str
        The task that asks the question, as in `skgalaxy.zooniverse.read_classifications`.
    yes : str or sequence of str
        The answer that k counts, or several that are added up.
    min_votes : int, default=40
        A galaxy is answered when so many volunteers, N, answered the task. Lower it to go on
        without those who never came; 0 takes whatever votes there are.
    reading : mapping, default=None
        More arguments of `skgalaxy.zooniverse.read_classifications`: ``answers``,
        ``workflow_id``, ``workflow_version``.
    writing : mapping, default=None
        More arguments of `skgalaxy.zooniverse.write_manifest`: ``size``, ``flux_range``,
        ``metadata`` of one value for all, ``n_jobs``.

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
    ...     Image.new("L", (128, 128)).save(path)
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
        task: str,
        yes: str | Sequence[str],
        min_votes: int = 40,
        reading: Mapping[str, Any] | None = None,
        writing: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(images, Mapping | pd.Series):
            raise TypeError(
                "`images` must be a mapping of ids to paths, a dict or a Series. "
                f"Got {type(images).__name__}."
            )
        images = dict(images)
        ids = check_ids(list(images), "images", None).tolist()
        self.images: dict[str, Any] = dict(zip(ids, images.values(), strict=True))
        self.folder: Path = Path(folder)
        self.export: Path = Path(export)
        self.task: str = task
        self.yes: tuple[str, ...] = (yes,) if isinstance(yes, str) else tuple(yes)
        self.min_votes: int = check_int(min_votes, "min_votes", 0)
        self.reading: dict[str, Any] = dict(reading or {})
        self.writing: dict[str, Any] = dict(writing or {})

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
            folder = self.folder / f"request_{len(self._folders()) + 1:04d}"
            write_manifest(folder, new, [self.images[id_] for id_ in new], **self.writing)

    def collect(self) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
        """Return ids and votes of the galaxies that have `min_votes`; as in `Volunteers`."""
        asked = self._requested()
        if not (asked and self.export.exists()):
            return np.array([], dtype=str), np.empty((0, 2), dtype=np.int64)
        table = read_classifications(self.export, task=self.task, ids=asked, **self.reading)
        votes = table.votes(*self.yes)
        done = votes[:, 1] >= self.min_votes
        return table.ids[done], votes[done]

    def _folders(self):
        return sorted(self.folder.glob("request_[0-9]*"))

    def _requested(self):
        """Return the ids in all manifests."""
        return [id_ for folder in self._folders() for id_ in _manifest_ids(folder)]


def check_answers(answers, asked):
    """Return ids and votes [k, N] of those among the `asked` who were answered, checked."""
    try:
        ids, votes = answers
        votes = np.asarray(votes)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`volunteers.collect()` must return (ids, votes). Got {type(answers).__name__}."
        ) from error
    ids = check_ids(ids, "ids", "volunteers.collect()")
    if votes.shape != (len(ids), 2):
        raise ValueError(
            "`volunteers.collect()` must return votes [k, N] of every id, shape "
            f"({len(ids)}, 2). Got shape {votes.shape}."
        )
    wanted = np.isin(ids, asked)
    try:
        asked_for = votes[wanted]
        k, n_votes = check_votes(asked_for[:, 0], asked_for[:, 1], len(asked_for))
    except ValueError as error:
        raise ValueError(f"`volunteers.collect()` must return votes [k, N]: {error}") from error
    return ids[wanted], np.stack([k, n_votes], axis=1)


def _manifest_ids(folder):
    """Return the ids that a request's folder asks about."""
    try:
        return read_manifest_ids(folder)
    except (OSError, ValueError) as error:
        raise ValueError(
            "`folder` must hold whole requests, to know what has been asked. "
            f"Got {str(folder)!r}, which is none; put it back. {error}"
        ) from error
