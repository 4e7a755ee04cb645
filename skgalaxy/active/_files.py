"""Volunteers on the far side of two files: a folder that is uploaded, an export that comes back."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from skgalaxy._validation import check_ids, check_int
from skgalaxy.zooniverse import read_classifications, write_manifest

__all__ = ["FileVolunteers"]


class FileVolunteers:
    """Volunteers of the Zooniverse, reached by files.

    A request becomes a folder, ``request_0001`` and so on, to upload as
    `skgalaxy.zooniverse.write_manifest` says. Their answers are in the project's export of
    classifications, once somebody has put it at `export`. What was requested is read from the
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
        self, folder, images, export, *, task, yes, min_votes=40, reading=None, writing=None
    ):
        if not isinstance(images, Mapping | pd.Series):
            raise TypeError(
                "`images` must be a mapping of ids to paths, a dict or a Series. "
                f"Got {type(images).__name__}."
            )
        images = dict(images)
        ids = check_ids(list(images), "images", None).tolist()
        self.images = dict(zip(ids, images.values(), strict=True))
        self.folder, self.export = Path(folder), Path(export)
        self.task, self.yes = task, (yes,) if isinstance(yes, str) else tuple(yes)
        self.min_votes = check_int(min_votes, "min_votes", 0)
        self.reading, self.writing = dict(reading or {}), dict(writing or {})

    def request(self, ids):
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

    def collect(self):
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


def _manifest_ids(folder):
    """Return the ids that a request's folder asks about."""
    path = folder / "manifest.csv"
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return table["#id_str"].tolist()
    except (OSError, ValueError, KeyError) as error:  # pandas' errors are ValueErrors
        raise ValueError(
            "`folder` must hold whole requests, to know what has been asked. "
            f"Got {os.fspath(path)!r}, which is none ({error}); put it back."
        ) from error
