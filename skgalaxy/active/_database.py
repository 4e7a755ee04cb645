"""The ledger's database: its tables, opening it, refusing what is none, reading frames from it."""

import sqlite3
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = [
    "ASKED",
    "RefusalError",
    "asked_frame",
    "check_kind",
    "connect",
    "create_tables",
    "refusing",
    "rounds_frame",
]

_SQLITE = b"SQLite format 3"
_OURS = 0x736B676C  # application_id of the database: "skgl"
_FORMAT = 1  # user_version
_PATIENCE = 30  # seconds to wait for another process's transaction
_NOW = "TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"
_TABLES = f"""
CREATE TABLE run (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE rounds (round INTEGER PRIMARY KEY, seed INTEGER NOT NULL, asked_at {_NOW});
CREATE TABLE requests (id TEXT NOT NULL PRIMARY KEY, round INTEGER NOT NULL REFERENCES rounds,
    rank INTEGER NOT NULL, "row" INTEGER NOT NULL UNIQUE, score REAL, UNIQUE (round, rank));
CREATE TABLE answers (id TEXT NOT NULL PRIMARY KEY REFERENCES requests, k INTEGER NOT NULL,
    n_votes INTEGER NOT NULL CHECK (k BETWEEN 0 AND n_votes), answered_at {_NOW});
CREATE TABLE models (round INTEGER PRIMARY KEY REFERENCES rounds, version TEXT NOT NULL,
    n_labelled INTEGER NOT NULL, n_votes INTEGER NOT NULL, fitted_at {_NOW},
    told INTEGER NOT NULL DEFAULT 0);
CREATE TABLE metrics (round INTEGER NOT NULL REFERENCES rounds, name TEXT NOT NULL, value REAL,
    PRIMARY KEY (round, name));
"""
ASKED = """
SELECT round, rank, requests.id, "row", score, k, n_votes
FROM requests LEFT JOIN answers USING (id) ORDER BY round, rank
"""
_ROUNDS = """
SELECT round, seed, (SELECT count(*) FROM requests WHERE requests.round = rounds.round) AS n_asked,
    n_labelled, n_votes, version AS model
FROM rounds JOIN models USING (round) ORDER BY round
"""
_METRICS = """
SELECT round, name, value FROM metrics JOIN rounds USING (round) JOIN models USING (round)
ORDER BY round, metrics.rowid
"""

_OF_THE_DISK = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)


class RefusalError(Exception):
    """What is wrong with a ledger, to follow its name."""


@contextmanager
def refusing(path, rule):
    """Name the file in errors, and tell those of the disk from those of the file's content."""
    try:
        yield
    except RefusalError as error:
        raise ValueError(f"{rule}. Got {str(path)!r}, {error}; choose another file.") from None
    except sqlite3.IntegrityError as error:
        raise RuntimeError(
            f"{rule}. Got {str(path)!r}, which another process writes, too ({error}); wait for it."
        ) from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in _OF_THE_DISK:
            raise OSError(f"{rule}. Got {str(path)!r}: {error}; nothing in it is lost.") from error
        raise ValueError(
            f"{rule}. Got {str(path)!r}, which is damaged ({error}); choose another file."
        ) from error


def connect(path):
    """Open a database; each statement is a transaction of its own unless one was begun."""
    if path is not None:
        path = Path(path)
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(
                f"`ledger` must be in a folder that exists. Got {str(path)!r}; make the folder."
            )
        if path.exists():
            with path.open("rb") as file:
                if not _SQLITE.startswith(file.read(len(_SQLITE))):
                    raise RefusalError("which is something else")
    return sqlite3.connect(path or ":memory:", timeout=_PATIENCE, isolation_level=None)


def create_tables(database):
    """Make of an empty database a ledger's, as part of a transaction."""
    database.execute(f"PRAGMA application_id = {_OURS}")
    database.execute(f"PRAGMA user_version = {_FORMAT}")
    for statement in _TABLES.split(";"):
        database.execute(statement)


def check_kind(database):
    """Refuse a database that is no ledger, or damaged."""
    if database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        raise RefusalError("in which nothing is written yet")
    if database.execute("PRAGMA application_id").fetchone() != (_OURS,):
        raise RefusalError("which is something else")
    if database.execute("PRAGMA user_version").fetchone() != (_FORMAT,):
        raise RefusalError("which another version of skgalaxy wrote")
    (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise RefusalError(f"which is damaged ({found})")


def asked_frame(database):
    """Return the galaxies asked about, in order."""
    types = {"round": "int64", "rank": "int64", "id": object, "row": "int64", "score": "float64"}
    types |= {"k": "Int64", "n_votes": "Int64"}
    columns = zip(*database.execute(ASKED), strict=True)
    try:
        return pd.DataFrame(
            {
                name: pd.array(list(next(columns, ())), dtype=type_)
                if type_ == "Int64"
                else np.array(next(columns, ()), dtype=type_)
                for name, type_ in types.items()
            }
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise RefusalError(f"which is damaged ({error})") from error


def rounds_frame(database):
    """Return the rounds done, and their scores."""
    names = ["round", "seed", "n_asked", "n_labelled", "n_votes", "model"]
    columns = dict(zip(names, zip(*database.execute(_ROUNDS), strict=True), strict=False))
    frame = {
        name: np.array(columns.get(name, ()), dtype=object if name == "model" else np.int64)
        for name in names
    }
    position = {number: index for index, number in enumerate(columns.get("round", ()))}
    for number, name, value in database.execute(_METRICS):
        scores = frame.setdefault(name, np.full(len(position), np.nan))
        scores[position[number]] = np.nan if value is None else value
    return pd.DataFrame(frame)
