"""The ledger of a run: all that was asked, answered and found, in one SQLite file.

Each change is one transaction, so that a run killed at any moment finds the ledger as it was
before the change or after it, and can go on from there. The tables, for ``sqlite3`` or pandas::

    run       name, value: the fingerprint of the run (galaxies, learner, strategy, sizes, seed);
              with these, nothing but the answers decides how it goes on
    rounds    round, seed, asked_at; round 0 is the initial set
    requests  id (text), round, rank (0 is the best), row (of the pool), score
    answers   id, k, n_votes, answered_at: k of n_votes volunteers said yes
    models    round, version, n_labelled, n_votes_learned (galaxies and votes of the training
              set), fitted_at; a version is a hash of all that is recorded up to this round, so
              that two models of the same version are the same, and a ledger that was damaged or
              changed by hand is found out
    metrics   round, name, value: the scores on the test set

Times are UTC. `read_ledger` returns this as data frames, while the run goes on, too.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skgalaxy._sqlite import (
    SqliteFormat,
    UnusableFileError,
    own_sqlite,
    sqlite_errors,
    transaction,
)

__all__ = ["ROUND_COLUMNS", "Ledger", "read_ledger"]

_NOW = "TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"
_FORMAT = SqliteFormat(
    application_id=0x736B676C,  # "skgl"
    version=2,
    tables=f"""
CREATE TABLE run (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE rounds (round INTEGER PRIMARY KEY, seed INTEGER NOT NULL, asked_at {_NOW});
CREATE TABLE requests (id TEXT NOT NULL PRIMARY KEY, round INTEGER NOT NULL REFERENCES rounds,
    rank INTEGER NOT NULL, "row" INTEGER NOT NULL UNIQUE, score REAL, UNIQUE (round, rank));
CREATE TABLE answers (id TEXT NOT NULL PRIMARY KEY REFERENCES requests, k INTEGER NOT NULL,
    n_votes INTEGER NOT NULL CHECK (k BETWEEN 0 AND n_votes), answered_at {_NOW});
CREATE TABLE models (round INTEGER PRIMARY KEY REFERENCES rounds, version TEXT NOT NULL,
    n_labelled INTEGER NOT NULL, n_votes_learned INTEGER NOT NULL, fitted_at {_NOW});
CREATE TABLE metrics (round INTEGER NOT NULL REFERENCES rounds, name TEXT NOT NULL, value REAL,
    PRIMARY KEY (round, name))
""",
)
_ASKED = """
SELECT round, rank, requests.id, "row", score, k, n_votes
FROM requests LEFT JOIN answers USING (id)
"""
_ROUNDS = """
SELECT round, seed, (SELECT count(*) FROM requests WHERE requests.round = rounds.round) AS n_asked,
    n_labelled, n_votes_learned, version AS model
FROM rounds JOIN models USING (round) ORDER BY round
"""
_ASKED_TYPES = {
    "round": "int64",
    "rank": "int64",
    "id": object,
    "row": "int64",
    "score": "float64",
    "k": "Int64",
    "n_votes": "Int64",
}
_ROUND_TYPES = {
    "round": "int64",
    "seed": "int64",
    "n_asked": "int64",
    "n_labelled": "int64",
    "n_votes_learned": "int64",
    "model": object,
}
ROUND_COLUMNS = tuple(_ROUND_TYPES)  # the scores on the test set follow
_SHOWN = 60  # characters of what differs


def read_ledger(path: str | os.PathLike[str]) -> Bunch:
    """Read a ledger as data frames.

    Parameters
    ----------
    path : str or path-like
        A ledger that `run` wrote, or is writing.

    Returns
    -------
    ledger : sklearn.utils.Bunch
        run : pandas.Series
            Fingerprint of the run, text by name.
        rounds : pandas.DataFrame
            As in a `Result`: of every round done the seed, how many galaxies were asked about,
            the size of the training set and its votes, the model's version, the scores.
        asked : pandas.DataFrame
            Of every galaxy asked about: round, rank, id, row of the pool, score of the strategy,
            and the votes k of n_votes; these are NA where no answer has come.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no ledger, or damaged.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from modAL.models import ActiveLearner
    >>> from sklearn.linear_model import LinearRegression
    >>> from skgalaxy import active, query
    >>> volunteers = active.SimulatedVolunteers(range(100), np.linspace(0, 1, 100))
    >>> learner = ActiveLearner(LinearRegression(), query.random_sampling)
    >>> pool = np.arange(100)[:, None]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.sqlite")
    ...     _ = active.run(
    ...         learner, pool, volunteers, initial=[3, 80], n_instances=5, n_rounds=1, ledger=path
    ...     )
    ...     ledger = active.read_ledger(path)
    >>> print(ledger.rounds[["round", "n_asked", "n_labelled", "n_votes_learned"]])
       round  n_asked  n_labelled  n_votes_learned
    0      0        2           2               80
    1      1        5           7              280
    >>> ledger.run["n_instances"], len(ledger.asked)
    ('5', 7)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be an existing ledger. Got {str(path)!r}.")
    with (
        sqlite_errors(path, "`path` must be a ledger"),
        closing(own_sqlite(path, _FORMAT)) as database,
    ):
        run = dict(database.execute("SELECT name, value FROM run ORDER BY name"))
        frames = {"rounds": _rounds_frame(database), "asked": _asked_frame(database)}
    return Bunch(run=pd.Series(run, dtype=object), **frames)


class Ledger:
    """Record of a run, kept in a file or, without one, in memory.

    Parameters
    ----------
    path : str, path-like or None
        The file; begun if it is not there.
    identity : dict of str to str
        Fingerprint of the run.
    random_state : int or None
        The run's seed; None takes that of the ledger, or a new one.
    ids : ndarray of str of shape (n_galaxies,)
        The pool's.

    Raises
    ------
    ValueError
        If the file is something else, damaged, or of another run; it names the file and what
        differs.
    OSError
        If it cannot be read or written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        identity: Mapping[str, str],
        random_state: int | None,
        ids: NDArray[Any],
    ):
        self._path = path
        seed = random_state
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0]) % 2**31
        first = {"run": [*sorted(identity.items()), ("random_state", str(seed))]}
        with sqlite_errors(path, "`ledger` must be a new file, or the ledger of this run"):
            self._database = own_sqlite(path, _FORMAT, first, name="ledger")
            try:
                self._check_identity(identity, random_state)
                self._check_rows(ids)
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._database.close()

    @property
    def n_rounds_asked(self) -> int:
        """Rounds whose galaxies are chosen."""
        return self._one("SELECT count(*) FROM rounds")

    @property
    def n_rounds_learned(self) -> int:
        """Rounds whose model was trained and tested."""
        return self._one("SELECT count(*) FROM models")

    @property
    def rounds(self) -> pd.DataFrame:
        """The rounds done, as in a `Result`."""
        return _rounds_frame(self._database)

    @property
    def asked(self) -> pd.DataFrame:
        """The galaxies asked about, as in a `Result`."""
        return _asked_frame(self._database)

    def seed_of(self, number: int) -> int:
        """Seed of a round."""
        seed = int(self._one("SELECT value FROM run WHERE name = 'random_state'"))
        sequence = np.random.SeedSequence(seed, spawn_key=(number,))
        return int(sequence.generate_state(1)[0] >> 1)

    def pending(self) -> NDArray[Any]:
        """Ids that were asked about and not answered, as text."""
        return np.array(
            [id_ for id_, k in self._requests("requests.id, k") if k is None], dtype=str
        )

    def asked_rows(self) -> NDArray[Any]:
        """Rows of the pool that were asked about, in order."""
        return np.array([row for (row,) in self._requests('"row"')], dtype=np.int64)

    def labels(self, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows of the pool and their votes [k, N], of the rounds up to one, in order."""
        found = [row for *row, when in self._requests('"row", k, n_votes, round') if when <= number]
        row, k, n_votes = np.array(found, dtype=np.int64).reshape(-1, 3).T
        return row, np.stack([k, n_votes], axis=1)

    def record_requests(
        self, number: int, rows: NDArray[Any], ids: NDArray[Any], scores: NDArray[Any]
    ) -> None:
        """Note the galaxies of a round, before anybody is asked."""
        requests = [
            (str(id_), number, rank, int(row), float(score))
            for rank, (id_, row, score) in enumerate(zip(ids, rows, scores, strict=True))
        ]
        with self._transaction():
            row = number, self.seed_of(number)
            self._database.execute("INSERT INTO rounds (round, seed) VALUES (?, ?)", row)
            self._database.executemany("INSERT INTO requests VALUES (?, ?, ?, ?, ?)", requests)

    def record_answers(self, ids: NDArray[Any], votes: NDArray[Any]) -> None:
        """Note votes [k, N]; of a galaxy that has been answered already they are passed over."""
        with self._transaction():
            pending = set(self.pending().tolist())
            self._database.executemany(
                "INSERT INTO answers (id, k, n_votes) VALUES (?, ?, ?)",
                [
                    (str(id_), int(k), int(n))
                    for id_, (k, n) in zip(ids, votes, strict=True)
                    if id_ in pending
                ],
            )

    def record_model(
        self, number: int, n_labelled: int, n_votes_learned: int, scores: Mapping[str, float]
    ) -> None:
        """Note that a round's model was trained, and how it did on the test set."""
        with self._transaction():
            rows = [(number, name, float(value)) for name, value in scores.items()]
            self._database.executemany("INSERT INTO metrics VALUES (?, ?, ?)", rows)
            self._database.execute(
                "INSERT INTO models (round, version, n_labelled, n_votes_learned) "
                "VALUES (?, ?, ?, ?)",
                (number, self._version(number), n_labelled, n_votes_learned),
            )

    def _requests(self, columns: str) -> list[tuple[Any, ...]]:
        """Columns of all galaxies asked about, answered or not, in order."""
        query = f"SELECT {columns} FROM requests LEFT JOIN answers USING (id) ORDER BY round, rank"
        return self._database.execute(query).fetchall()

    def _one(self, query: str) -> Any:
        """Value of a query for one; None if there is none."""
        row = self._database.execute(query).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        rule = "`ledger` must stay whole while a run goes on"
        with sqlite_errors(self._path, rule), transaction(self._database):
            yield

    def _check_identity(self, identity: Mapping[str, str], random_state: int | None) -> None:
        """Refuse the ledger of another run."""
        kept = dict(self._database.execute("SELECT name, value FROM run"))
        seed = kept.get("random_state") if random_state is None else str(random_state)
        if not str(seed).isdecimal():
            raise UnusableFileError("which is damaged: its seed is no number")
        given = {**identity, "random_state": seed}
        for name in sorted(given.keys() | kept.keys()):
            old, new = kept.get(name, "not given"), given.get(name, "not given")
            if old != new:
                raise UnusableFileError(f"whose `{name}` is {_short(old)} and not {_short(new)}")

    def _check_rows(self, ids: NDArray[Any]) -> None:
        """Refuse a ledger with rows that `run` has not written."""
        n_asked, n_learned = self.n_rounds_asked, self.n_rounds_learned
        last = self._one("SELECT max(round) FROM rounds")
        seeds = self._database.execute("SELECT seed FROM rounds ORDER BY round").fetchall()
        versions = self._database.execute("SELECT version FROM models ORDER BY round").fetchall()
        if (
            last != (n_asked - 1 if n_asked else None)
            or n_learned not in (n_asked, n_asked - 1)
            or seeds != [(self.seed_of(number),) for number in range(n_asked)]
            or versions != [(self._version(number),) for number in range(n_learned)]
        ):
            raise UnusableFileError("which is damaged: it holds what no run has written")
        asked = self.asked
        rows = asked["row"].to_numpy()
        if len(rows) and not (
            rows.min() >= 0
            and rows.max() < len(ids)
            and (ids[rows] == asked["id"].to_numpy(dtype=str)).all()
        ):
            raise UnusableFileError("which is damaged: an id is not that of its row of the pool")

    def _version(self, number: int) -> str:
        """Hash of all that is recorded of a round, and of the version before it."""
        parts = [
            ("SELECT name, value FROM run ORDER BY name", ())
            if number == 0
            else ("SELECT version FROM models WHERE round = ?", (number - 1,)),
            ("SELECT seed FROM rounds WHERE round = ?", (number,)),
            (f"{_ASKED} WHERE round = ? ORDER BY rank", (number,)),
            ("SELECT name, value FROM metrics WHERE round = ? ORDER BY name", (number,)),
        ]
        rows = [self._database.execute(*part).fetchall() for part in parts]
        return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


def _asked_frame(database: sqlite3.Connection) -> pd.DataFrame:
    """Frame of the galaxies asked about, in order."""
    return _frame(database.execute(f"{_ASKED} ORDER BY round, rank"), _ASKED_TYPES)


def _rounds_frame(database: sqlite3.Connection) -> pd.DataFrame:
    """Frame of the rounds done, and their scores."""
    frame = _frame(database.execute(_ROUNDS), _ROUND_TYPES)
    scores: dict[str, dict[int, float]] = {}
    query = "SELECT name, round, value FROM metrics ORDER BY round, rowid"
    for name, number, value in database.execute(query):
        scores.setdefault(name, {})[number] = value
    for name, values in scores.items():
        frame[name] = frame["round"].map(values).astype("float64")
    return frame


def _frame(rows: sqlite3.Cursor, types: Mapping[str, Any]) -> pd.DataFrame:
    try:
        return pd.DataFrame(rows.fetchall(), columns=list(types), dtype=object).astype(types)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnusableFileError(f"which is damaged ({error})") from error


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
