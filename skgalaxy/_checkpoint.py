"""Scores kept in a file while a pool is scored, so that an interrupt costs one block of them.

The file is an SQLite database: whatever kills the process, or the machine, a block is in it whole
or not at all. What it belongs to is told by what the caller says of the scoring, and by the first
and the last block, which are scored again when scoring goes on.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

__all__ = ["ScoreCheckpoint"]

_SQLITE = b"SQLite format 3"
_OURS = 0x736B6778  # application_id of the database: "skgx"
_TABLES = """
CREATE TABLE scoring (is_of TEXT);
CREATE TABLE blocks (number INTEGER PRIMARY KEY, scores BLOB, means BLOB);
"""


class ScoreCheckpoint:
    """Blocks of scores, in memory and, if it has a path, in a file.

    Parameters
    ----------
    path : str, path-like or None
        Created if it is not there.
    **is_of : str, int or None
        What the scoring is of, in JSON's types: it must be the same when it goes on.

    Attributes
    ----------
    scores : list of ndarray
        The blocks that were kept, in order.

    Raises
    ------
    ValueError
        If the file is something else, or of another scoring.
    """

    def __init__(self, path, **is_of):
        self.path = None if path is None else Path(path)
        self.scores, self._means = [], []
        if self.path is not None:
            self._open(json.dumps(is_of, sort_keys=True))

    def append(self, scores, means):
        """Keep a block of scores and posterior means; it is on the disk when this returns."""
        if self.path is not None:
            row = len(self.scores), scores.tobytes(), means.tobytes()
            with closing(sqlite3.connect(self.path, isolation_level=None)) as database:
                database.execute("INSERT INTO blocks VALUES (?, ?, ?)", row)
        self.scores.append(scores)
        self._means.append(means)

    def check(self, number, scores, means):
        """Raise ValueError unless a block that was computed again is the one that was kept."""
        kept = self.scores[number], self._means[number]
        for old, new in zip(kept, (scores, means), strict=True):
            # another machine may round otherwise
            if old.shape != new.shape or not np.allclose(old, new, rtol=1e-3, atol=1e-6):
                self._refuse(f"whose block {number} of scores is another")

    def _open(self, is_of):
        """Read what is kept, or begin; all of what makes a file ours comes in one transaction."""
        with self.path.open("ab+") as file:
            file.seek(0)
            if not _SQLITE.startswith(file.read(len(_SQLITE))):
                self._refuse("which is something else")
        with closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                database.executescript(f"BEGIN; PRAGMA application_id = {_OURS}; {_TABLES}")
                database.execute("INSERT INTO scoring VALUES (?)", [is_of])
                database.execute("COMMIT")
            if database.execute("PRAGMA application_id").fetchone() != (_OURS,):
                self._refuse("which is something else")
            (found,) = database.execute("SELECT is_of FROM scoring").fetchone()
            if found != is_of:
                self._refuse(f"which is of {found} and not of {is_of}")
            query = "SELECT scores, means FROM blocks ORDER BY number"
            for scores, means in database.execute(query):
                self.scores.append(np.frombuffer(scores))
                self._means.append(np.frombuffer(means))

    def _refuse(self, problem):
        raise ValueError(
            "`checkpoint` must be a new file, or of the same learner, pool, score and `n_votes`. "
            f"Got {self.path}, {problem}; choose another file."
        )
