"""Content of a ledger: its tables, the digests that tell damage, and all its rows as arrays.

The tables, for ``sqlite3`` or pandas::

    run       name, value: the fingerprint of the run (galaxies, learner, strategy, sizes, seed);
              with these, nothing but the answers decides how it goes on
    rounds    round, seed, asked_at; round 0 is the initial set
    requests  id (text), round, rank (0 is the best), row (of the pool), score
    answers   id, k, n_votes, counts, answered_at: k of n_votes volunteers said yes; of a run that
              learns a tree, k is NULL and counts are those of all answers, JSON, null where a
              question is not known
    models    round, version, n_labelled, n_votes_learned (galaxies and votes of the training
              set), fitted_at; a version is a hash of all that is recorded up to this round but
              the times, so that two models of the same version are the same
    metrics   round, name, value: the scores on the test set
    digests   round, digest: a hash of all rows of a round, and of the digest of the round before;
              that of round -1 is of the table `run`

Times are UTC. A file that was damaged, or changed by hand, has other rows than its digests say.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy._sqlite import SqliteFormat, UnusableFileError
from skgalaxy.active._tree_answers import as_counts

__all__ = ["FORMAT", "ROUND_COLUMNS", "Records", "first_rows_of", "model_version", "sign"]

_NOW = "TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"
FORMAT = SqliteFormat(
    application_id=0x736B676C,  # "skgl"
    version=4,
    tables=f"""
CREATE TABLE run (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE rounds (round INTEGER PRIMARY KEY, seed INTEGER NOT NULL, asked_at {_NOW});
CREATE TABLE requests (id TEXT NOT NULL PRIMARY KEY, round INTEGER NOT NULL REFERENCES rounds,
    rank INTEGER NOT NULL, "row" INTEGER NOT NULL UNIQUE, score REAL, UNIQUE (round, rank));
CREATE TABLE answers (id TEXT NOT NULL PRIMARY KEY REFERENCES requests, k INTEGER,
    n_votes INTEGER NOT NULL CHECK (k BETWEEN 0 AND n_votes),
    counts TEXT CHECK ((counts IS NULL) <> (k IS NULL)), answered_at {_NOW});
CREATE TABLE models (round INTEGER PRIMARY KEY REFERENCES rounds, version TEXT NOT NULL,
    n_labelled INTEGER NOT NULL, n_votes_learned INTEGER NOT NULL, fitted_at {_NOW});
CREATE TABLE metrics (round INTEGER NOT NULL REFERENCES rounds, name TEXT NOT NULL, value REAL,
    PRIMARY KEY (round, name));
CREATE TABLE digests (round INTEGER PRIMARY KEY, digest TEXT NOT NULL)
""",
)
# The rows of a round, by table: all columns, so that the digest is of all.
_TABLES = {
    "rounds": "SELECT seed, asked_at FROM rounds WHERE round = ?",
    "requests": 'SELECT id, rank, "row", score FROM requests WHERE round = ? ORDER BY rank',
    "answers": """
        SELECT id, k, n_votes, counts, answered_at FROM requests JOIN answers USING (id)
        WHERE round = ? ORDER BY rank
    """,
    "models": """
        SELECT version, n_labelled, n_votes_learned, fitted_at FROM models WHERE round = ?
    """,
    "metrics": "SELECT name, value FROM metrics WHERE round = ? ORDER BY rowid",
}
_RUN = -1  # the round whose digest is that of the table `run`

_ASKED_TYPE = np.dtype(
    [
        ("round", np.int64),
        ("rank", np.int64),
        ("id", object),
        ("row", np.int64),
        ("score", np.float64),
        ("k", np.int64),
        ("n_votes", np.int64),
        ("counts", object),  # text, of a tree
        ("is_answered", np.bool_),
    ]
)
_ROUND_TYPE = np.dtype(
    [
        ("round", np.int64),
        ("seed", np.int64),
        ("n_asked", np.int64),
        ("n_labelled", np.int64),
        ("n_votes_learned", np.int64),
        ("model", object),
    ]
)
ROUND_COLUMNS: tuple[str, ...] = _ROUND_TYPE.names or ()  # the scores on the test set follow


class _Table:
    """Structured array that grows at its end, with room for more: a row costs the same always."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._rows: NDArray[Any] = np.empty(0, dtype)
        self._size: int = 0

    @property
    def rows(self) -> NDArray[Any]:
        return self._rows[: self._size]

    def extend(self, rows: Iterable[tuple[Any, ...]]) -> None:
        new = np.array(list(rows), dtype=self._rows.dtype)
        size = self._size + len(new)
        if size > len(self._rows):
            self._rows = np.concatenate([self.rows, np.empty(size, self._rows.dtype)])
        self._rows[self._size : size] = new
        self._size = size

    def frame(self) -> pd.DataFrame:
        """Data frame of its columns, copied."""
        columns = {name: self.rows[name] for name in self._rows.dtype.names or ()}
        return pd.DataFrame(
            {name: pd.Series(column, dtype=column.dtype) for name, column in columns.items()}
        )


class Records:
    """All rows of a ledger, read and checked once. Whoever writes more of them adds them here, too.

    Parameters
    ----------
    run : mapping of str to str
        The fingerprint of the run.

    Attributes
    ----------
    run : dict of str to str
    n_asked : list of int
        Galaxies of each round. The last round may still wait for answers, or for its model.
    """

    def __init__(self, run: Mapping[str, str]) -> None:
        self.run: dict[str, str] = dict(run)
        self.n_asked: list[int] = []
        self._asked: _Table = _Table(_ASKED_TYPE)
        self._rounds: _Table = _Table(_ROUND_TYPE)  # those whose model was trained
        self._scores: dict[str, dict[int, float]] = {}

    @classmethod
    def read(cls, database: sqlite3.Connection) -> "Records":
        """Read a ledger, and refuse it if its rows are not those that a run has written."""
        database.execute("BEGIN")  # all of it as it is at one moment
        try:
            return cls._read(database)
        finally:
            if database.in_transaction:
                database.execute("ROLLBACK")

    @classmethod
    def _read(cls, database: sqlite3.Connection) -> "Records":
        records = cls(dict(database.execute("SELECT name, value FROM run ORDER BY name")))
        digests = dict(database.execute("SELECT round, digest FROM digests ORDER BY round"))
        n_rounds = _count(database, "rounds")
        if list(digests) != list(range(_RUN, n_rounds)) or digests[_RUN] != _hash(records.run):
            raise UnusableFileError("which is damaged: it holds what no run has written")
        n_rows = dict.fromkeys(_TABLES, 0)
        for number in range(n_rounds):
            tables = _rows_of(database, number)
            if digests[number] != _hash([digests[number - 1], tables]):
                raise UnusableFileError(
                    f"which is damaged: its round {number} was written otherwise"
                )
            records._add_tables(number, tables)
            n_rows = {name: n_rows[name] + len(rows) for name, rows in tables.items()}
        for name, count in n_rows.items():
            if _count(database, name) != count:
                raise UnusableFileError(f"which is damaged: {name!r} has rows of no round")
        return records

    def _add_tables(self, number: int, tables: "_Rows") -> None:
        self.add_requests(number, tables["requests"])
        self.add_answers(row[:-1] for row in tables["answers"])
        ((seed, _),) = tables["rounds"]
        for version, n_labelled, n_votes_learned, _ in tables["models"]:
            self.add_model(seed, version, (n_labelled, n_votes_learned), dict(tables["metrics"]))

    @property
    def tree_columns(self) -> list[str]:
        """Names of all answers of the tree that a run learns; empty for one question."""
        return json.loads(self.run.get("tree", "[]"))

    @property
    def n_learned(self) -> int:
        """Rounds whose model was trained and tested."""
        return len(self._rounds.rows)

    @property
    def size(self) -> tuple[int, int]:
        """Galaxies and votes of the last training set."""
        last = self._rounds.rows[-1]
        return int(last["n_labelled"]), int(last["n_votes_learned"])

    @property
    def version(self) -> str | None:
        """Version of the last model; None before the first."""
        return self._rounds.rows[-1]["model"] if self.n_learned else None

    @property
    def asked(self) -> NDArray[Any]:
        """The galaxies asked about, in order, as a structured array."""
        return self._asked.rows

    @property
    def pending(self) -> list[str]:
        """Ids that were asked about and not answered. They are all of the last round."""
        last = self._last_round()
        return last["id"][~last["is_answered"]].tolist()

    def add_requests(self, number: int, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add the galaxies of a round: id, rank, row and score of each."""
        rows = [
            (number, rank, id_, row, np.nan if score is None else score, 0, 0, None, False)
            for id_, rank, row, score in rows
        ]
        self._asked.extend(rows)
        self.n_asked.append(len(rows))

    def add_answers(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add answers about galaxies of the last round: id, k, N and counts of each."""
        last = self._last_round()
        places = {id_: place for place, id_ in enumerate(last["id"].tolist())}
        names = ["k", "n_votes", "counts", "is_answered"]
        for id_, k, n_votes, counts in rows:
            last[names][places[id_]] = k or 0, n_votes, counts, True

    def add_model(
        self, seed: int, version: str, size: tuple[int, int], scores: Mapping[str, float | None]
    ) -> None:
        """Add the model of the last round, and its scores."""
        number = self.n_learned
        self._rounds.extend([(number, seed, self.n_asked[number], *size, version)])
        for name, score in scores.items():
            self._scores.setdefault(name, {})[number] = np.nan if score is None else score

    def labels(self, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows of the pool and their votes, of the rounds up to one, in order.

        Votes are [k, N], or of a tree the counts of all answers.
        """
        asked = self.asked[: sum(self.n_asked[: number + 1])]
        if self.tree_columns:
            return asked["row"].copy(), as_counts(asked["counts"], len(self.tree_columns))
        return asked["row"].copy(), np.stack([asked["k"], asked["n_votes"]], axis=1)

    def rounds_frame(self) -> pd.DataFrame:
        """The rounds whose model was trained, as in a `Result`."""
        frame = self._rounds.frame()
        for name, scores in self._scores.items():
            frame[name] = [scores.get(number, np.nan) for number in range(self.n_learned)]
        return frame

    def asked_frame(self) -> pd.DataFrame:
        """The galaxies asked about, as in a `Result`."""
        frame = self._asked.frame()
        is_pending = ~frame.pop("is_answered").to_numpy()
        texts, columns = frame.pop("counts"), self.tree_columns
        if columns:
            counts = pd.DataFrame(as_counts(texts, len(columns)), columns=columns, dtype="Int64")
            frame = pd.concat([frame.drop(columns="k"), counts], axis=1)
        for name in ("n_votes",) if columns else ("k", "n_votes"):
            frame[name] = pd.array(frame[name], dtype="Int64")
            frame.loc[is_pending, name] = pd.NA
        return frame

    def _last_round(self) -> NDArray[Any]:
        return self.asked[len(self.asked) - sum(self.n_asked[-1:]) :]


_Rows = dict[str, list[tuple[Any, ...]]]


def first_rows_of(run: Mapping[str, str]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of a new ledger, by table."""
    run = dict(sorted(run.items()))
    return {"run": list(run.items()), "digests": [(_RUN, _hash(run))]}


def sign(database: sqlite3.Connection, number: int) -> None:
    """Write the digest of a round; each transaction does so that changes the round."""
    query = "SELECT digest FROM digests WHERE round = ?"
    (before,) = database.execute(query, (number - 1,)).fetchone()
    digest = _hash([before, _rows_of(database, number)])
    database.execute("INSERT OR REPLACE INTO digests VALUES (?, ?)", (number, digest))


def model_version(database: sqlite3.Connection, number: int, before: Any) -> str:
    """Hash of all that is recorded of a round but the times, and of the rounds `before` it."""
    tables = _rows_of(database, number)
    without_times = [[row[:-1] for row in tables[name]] for name in ("rounds", "answers")]
    return _hash([before, number, *without_times, tables["requests"], sorted(tables["metrics"])])


def _rows_of(database: sqlite3.Connection, number: int) -> _Rows:
    """Rows of a round, by table."""
    return {name: database.execute(query, (number,)).fetchall() for name, query in _TABLES.items()}


def _count(database: sqlite3.Connection, table: str) -> int:
    return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def _hash(thing: Any) -> str:
    return hashlib.sha256(repr(thing).encode()).hexdigest()[:16]
