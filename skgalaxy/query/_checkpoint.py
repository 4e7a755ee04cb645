"""Scores kept in a file while a pool is scored, so that an interrupt costs one block of them.

The file is an SQLite database. If the process or the machine dies, a block is in it whole or not
at all. It belongs to one scoring, which the caller describes, for example by the number of
galaxies. When scoring goes on, the first and the last block are scored again: they must be the
same.
"""

import json
import os
import sqlite3
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from skgalaxy._sqlite import SqliteFormat, UnusableFileError, own_sqlite, sqlite_errors

__all__ = ["ScoreCheckpoint"]

_RULE = "`checkpoint` must be a new file, or of the same learner, pool, score and `n_votes`"
_FORMAT = SqliteFormat(
    application_id=0x736B6778,  # "skgx"
    version=1,
    tables="""
CREATE TABLE scoring (description TEXT);
CREATE TABLE blocks (number INTEGER PRIMARY KEY, scores BLOB, means BLOB)
""",
)


class ScoreCheckpoint:
    """Blocks of scores, in memory and, if you give a path, in a file.

    Parameters
    ----------
    path : str, path-like or None
        Created if it is not there.
    **description : str, int or None
        The scoring, in JSON's types: it must be the same when it goes on.

    Attributes
    ----------
    scores : list of ndarray
        The blocks that were kept, in order.

    Raises
    ------
    ValueError
        If the file is something else, damaged, or of another scoring.
    OSError
        If it cannot be read or written.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None, **description: str | int | None
    ) -> None:
        self.path = path
        self.scores: list[NDArray[np.float64]] = []
        self._means: list[NDArray[np.float64]] = []
        if path is not None:
            with sqlite_errors(path, _RULE):
                self._read(json.dumps(description, sort_keys=True))

    def append(self, scores: NDArray[np.float64], means: NDArray[np.float64]) -> None:
        """Keep a block of scores and posterior means; it is on the disk when this returns."""
        if self.path is not None:
            row = len(self.scores), scores.tobytes(), means.tobytes()
            # opened for each block: nothing stays open if the caller asks for no more blocks
            with (
                sqlite_errors(self.path, _RULE),
                closing(sqlite3.connect(self.path, isolation_level=None)) as database,
            ):
                database.execute("INSERT INTO blocks VALUES (?, ?, ?)", row)
        self.scores.append(scores)
        self._means.append(means)

    def check(self, number: int, scores: NDArray[np.float64], means: NDArray[np.float64]) -> None:
        """Raise ValueError unless a block that was computed again is the one that was kept."""
        # means, too: another model may have the same scores, for example all 0
        kept = self.scores[number], self._means[number]
        for old, new in zip(kept, (scores, means), strict=True):
            # another machine may round otherwise
            if old.shape != new.shape or not np.allclose(old, new, rtol=1e-3, atol=1e-6):
                with sqlite_errors(self.path, _RULE):
                    raise UnusableFileError(
                        f"where block {number} of the scores differs from that of this learner "
                        "and pool"
                    )

    def _read(self, description: str) -> None:
        """Take the blocks that are kept, or begin a file without any."""
        first = {"scoring": [(description,)]}
        with closing(own_sqlite(self.path, _FORMAT, first, name="checkpoint")) as database:
            (found,) = database.execute("SELECT description FROM scoring").fetchone()
            if found != description:
                raise UnusableFileError(f"which is of {found} and not of {description}")
            query = "SELECT scores, means FROM blocks ORDER BY number"
            for scores, means in database.execute(query):
                self.scores.append(np.frombuffer(scores))
                self._means.append(np.frombuffer(means))
