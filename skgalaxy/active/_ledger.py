"""The ledger of a run: all that was asked, answered and found, in one SQLite file.

Each change is one transaction, so that a run killed at any moment finds the ledger as it was
before the change or after it, and can go on from there. The tables, for ``sqlite3`` or pandas::

    run       name, value: what the run is of (galaxies, learner, strategy, sizes, random_state);
              with these, nothing else than the answers decides what happens
    rounds    round, seed, asked_at; round 0 is the initial set
    requests  id (text), round, rank (0 is the best), row (of the pool), score
    answers   id, k, n_votes, answered_at: k of n_votes volunteers said yes
    models    round, version, n_labelled, n_votes (of the training set), fitted_at, told (whether
              the callbacks have been called); a version is a hash of all that is recorded up to
              this round, so that two models of the same version are the same, and a ledger that
              was damaged or changed by hand is found out
    metrics   round, name, value: the scores on the test set

Times are UTC. `read_ledger` returns this as data frames, while the run goes on, too.
"""

import hashlib
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from skgalaxy.active._database import (
    ASKED,
    RefusalError,
    asked_frame,
    check_kind,
    connect,
    create_tables,
    refusing,
    rounds_frame,
)

__all__ = ["Ledger", "read_ledger"]

_SHOWN = 60  # characters of what differs


def read_ledger(path):
    """Read a ledger as data frames.

    Parameters
    ----------
    path : str or path-like
        A ledger that `run` wrote, or is writing.

    Returns
    -------
    ledger : sklearn.utils.Bunch
        run : pandas.Series
            What the run is of, text by name.
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
    >>> print(ledger.rounds[["round", "n_asked", "n_labelled", "n_votes"]])
       round  n_asked  n_labelled  n_votes
    0      0        2           2       80
    1      1        5           7      280
    >>> ledger.run["n_instances"], len(ledger.asked)
    ('5', 7)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be an existing ledger. Got {str(path)!r}.")
    with refusing(path, "`path` must be a ledger"), closing(connect(path)) as database:
        check_kind(database)
        run = dict(database.execute("SELECT name, value FROM run ORDER BY name"))
        frames = {"rounds": rounds_frame(database), "asked": asked_frame(database)}
    return Bunch(run=pd.Series(run, dtype=object), **frames)


class Ledger:
    """What a run has done, kept in a file or, without one, in memory.

    Parameters
    ----------
    path : str, path-like or None
        The file; begun if it is not there.
    identity : dict of str to str
        What the run is of.
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

    def __init__(self, path, identity, random_state, ids):
        self._path = path
        with refusing(path, "`ledger` must be a new file, or the ledger of this run"):
            self._database = connect(path)
            try:
                if not self._one("SELECT count(*) FROM sqlite_master"):
                    self._begin(identity, random_state)
                check_kind(self._database)
                self._check_identity(identity, random_state)
                self._check_rows(ids)
            except BaseException:
                self._database.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._database.close()

    @property
    def n_asked(self):
        """Rounds whose galaxies are chosen."""
        return self._one("SELECT count(*) FROM rounds")

    @property
    def n_fitted(self):
        """Rounds whose model was trained and tested."""
        return self._one("SELECT count(*) FROM models")

    @property
    def n_told(self):
        """Rounds of which the callbacks know."""
        return self._one("SELECT count(*) FROM models WHERE told")

    @property
    def rounds(self):
        """The rounds done, as in a `Result`."""
        return rounds_frame(self._database)

    @property
    def asked(self):
        """The galaxies asked about, as in a `Result`."""
        return asked_frame(self._database)

    def seed_of(self, number):
        """Return the seed of a round, an int."""
        seed = int(self._one("SELECT value FROM run WHERE name = 'random_state'"))
        sequence = np.random.SeedSequence(seed, spawn_key=(number,))
        return int(sequence.generate_state(1)[0] >> 1)

    def pending(self):
        """Return the ids that were asked about and not answered, as text."""
        return np.array(
            [id_ for id_, k in self._requests("requests.id, k") if k is None], dtype=str
        )

    def asked_rows(self):
        """Return the rows of the pool that were asked about, in order."""
        return np.array([row for (row,) in self._requests('"row"')], dtype=np.int64)

    def labels(self, number):
        """Return rows of the pool and their votes [k, N], of the rounds up to one, in order."""
        found = [row for *row, when in self._requests('"row", k, n_votes, round') if when <= number]
        row, k, n_votes = np.array(found, dtype=np.int64).reshape(-1, 3).T
        return row, np.stack([k, n_votes], axis=1)

    def ask(self, number, rows, ids, scores):
        """Note what a round asks about, before anybody is asked."""
        requests = [
            (str(id_), number, rank, int(row), float(score))
            for rank, (id_, row, score) in enumerate(zip(ids, rows, scores, strict=True))
        ]
        with self._transaction():
            row = number, self.seed_of(number)
            self._database.execute("INSERT INTO rounds (round, seed) VALUES (?, ?)", row)
            self._database.executemany("INSERT INTO requests VALUES (?, ?, ?, ?, ?)", requests)

    def answer(self, ids, votes):
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

    def fitted(self, number, n_labelled, n_votes, metrics):
        """Note that a round's model was trained, and how it did on the test set."""
        with self._transaction():
            rows = [(number, name, float(value)) for name, value in metrics.items()]
            self._database.executemany("INSERT INTO metrics VALUES (?, ?, ?)", rows)
            row = number, self._version(number), int(n_labelled), int(n_votes)
            self._database.execute(
                "INSERT INTO models (round, version, n_labelled, n_votes) VALUES (?, ?, ?, ?)", row
            )

    def told(self, number):
        """Note that the callbacks know of a round."""
        with self._transaction():
            self._database.execute("UPDATE models SET told = 1 WHERE round = ?", [number])

    def _requests(self, columns):
        """Return columns of all galaxies asked about, answered or not, in order."""
        query = f"SELECT {columns} FROM requests LEFT JOIN answers USING (id) ORDER BY round, rank"
        return self._database.execute(query).fetchall()

    def _one(self, query, *values):
        """Return a single value; None if there is none."""
        row = self._database.execute(query, values).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _transaction(self):
        """Do all that is inside, or nothing of it."""
        with refusing(self._path, "`ledger` must stay whole while a run goes on"):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def _begin(self, identity, random_state):
        """Make the tables and say what the run is of."""
        if random_state is None:
            random_state = np.random.SeedSequence().entropy % 2**31
        with self._transaction():
            if self._one("SELECT count(*) FROM sqlite_master"):  # another process was faster
                return
            create_tables(self._database)
            rows = [*sorted(identity.items()), ("random_state", str(random_state))]
            self._database.executemany("INSERT INTO run VALUES (?, ?)", rows)

    def _check_identity(self, identity, random_state):
        """Refuse the ledger of another run."""
        kept = dict(self._database.execute("SELECT name, value FROM run"))
        given = dict(identity)
        seed = kept.get("random_state") if random_state is None else str(random_state)
        if not str(seed).isdecimal():
            raise RefusalError("which is damaged: its seed is no number")
        given["random_state"] = seed
        for name in sorted(given.keys() | kept.keys()):
            old, new = kept.get(name, "not given"), given.get(name, "not given")
            if old != new:
                raise RefusalError(f"whose `{name}` is {_short(old)} and not {_short(new)}")

    def _check_rows(self, ids):
        """Refuse a ledger whose rows are not what was written."""
        n_asked, n_fitted = self.n_asked, self.n_fitted
        last = self._one("SELECT max(round) FROM rounds")
        seeds = self._database.execute("SELECT seed FROM rounds ORDER BY round").fetchall()
        versions = self._database.execute("SELECT version FROM models ORDER BY round").fetchall()
        if (
            last != (n_asked - 1 if n_asked else None)
            or n_fitted not in (n_asked, n_asked - 1)
            or seeds != [(self.seed_of(number),) for number in range(n_asked)]
            or versions != [(self._version(number),) for number in range(n_fitted)]
        ):
            raise RefusalError("which is damaged: it holds what no run has written")
        asked = self.asked
        rows = asked["row"].to_numpy()
        if len(rows) and not (
            rows.min() >= 0
            and rows.max() < len(ids)
            and (ids[rows] == asked["id"].to_numpy(dtype=str)).all()
        ):
            raise RefusalError("which is damaged: an id is not that of its row of the pool")

    def _version(self, number):
        """Return the hash of all that is recorded of a round, and of the version before it."""
        of_round = " WHERE round = ? ORDER BY "
        parts = [
            ("SELECT name, value FROM run ORDER BY name", ())
            if number == 0
            else ("SELECT version FROM models WHERE round = ?", (number - 1,)),
            ("SELECT seed FROM rounds WHERE round = ?", (number,)),
            (ASKED.replace(" ORDER BY ", of_round), (number,)),
            ("SELECT name, value FROM metrics" + of_round + "name", (number,)),
        ]
        rows = [self._database.execute(*part).fetchall() for part in parts]
        return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


def _short(text):
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
