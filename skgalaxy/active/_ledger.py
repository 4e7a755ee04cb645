"""The ledger of a run: all that was asked, answered and found, in one SQLite file.

Each change is one transaction, so that a run killed at any moment finds the ledger as it was
before the change or after it, and can go on from there. `skgalaxy.active._records` has its tables,
and the digests by which damage is found out. `read_ledger` returns the ledger as data frames, while
the run goes on, too.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skgalaxy._files import check_path
from skgalaxy._sqlite import UnusableFileError, own_sqlite, sqlite_errors, transaction
from skgalaxy.active._records import FORMAT, Records, first_rows_of, model_version, sign
from skgalaxy.active._volunteers import Answer

__all__ = ["Ledger", "read_ledger"]

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
            and the votes k of n_votes, or of a tree n_votes and the count of every answer; these
            are NA where no answer has come.

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
    path = check_path(path, "path")
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be an existing ledger. Got {str(path)!r}.")
    with (
        sqlite_errors(path, "`path` must be a ledger"),
        closing(own_sqlite(path, FORMAT)) as database,
    ):
        records = Records.read(database)
    return Bunch(
        run=pd.Series(records.run, dtype=object),
        rounds=records.rounds_frame(),
        asked=records.asked_frame(),
    )


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
    ) -> None:
        self._path = path
        seed = random_state
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0]) % 2**31
        first = first_rows_of({**identity, "random_state": str(seed)})
        with sqlite_errors(path, "`ledger` must be a new file, or the ledger of this run"):
            self._database = own_sqlite(path, FORMAT, first, name="ledger")
            try:
                self._records: Records = Records.read(self._database)
                self._check_identity(identity, random_state)
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
        return len(self._records.n_asked)

    @property
    def n_rounds_learned(self) -> int:
        """Rounds whose model was trained and tested."""
        return self._records.n_learned

    @property
    def size(self) -> tuple[int, int]:
        """Galaxies and votes of the last training set."""
        return self._records.size

    @property
    def rounds(self) -> pd.DataFrame:
        """The rounds done, as in a `Result`."""
        return self._records.rounds_frame()

    @property
    def asked(self) -> pd.DataFrame:
        """The galaxies asked about, as in a `Result`."""
        return self._records.asked_frame()

    def seed_of(self, number: int) -> int:
        """Seed of a round."""
        seed = int(self._records.run["random_state"])
        sequence = np.random.SeedSequence(seed, spawn_key=(number,))
        return int(sequence.generate_state(1)[0] >> 1)

    def pending(self) -> NDArray[np.str_]:
        """Ids that were asked about and not answered, as text."""
        return np.array(self._records.pending, dtype=str)

    def asked_rows(self) -> NDArray[np.int64]:
        """Rows of the pool that were asked about, in order."""
        return self._records.asked["row"]

    def labels(self, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows of the pool and their votes, of the rounds up to one, in order."""
        return self._records.labels(number)

    def record_requests(
        self, number: int, rows: NDArray[Any], ids: NDArray[Any], scores: NDArray[Any]
    ) -> None:
        """Note the galaxies of a round, before anybody is asked."""
        requests = [
            (str(id_), rank, int(row), float(score))
            for rank, (id_, row, score) in enumerate(zip(ids, rows, scores, strict=True))
        ]
        with self._transaction(number) as execute:
            seed = self.seed_of(number)
            execute("INSERT INTO rounds (round, seed) VALUES (?, ?)", [(number, seed)])
            execute(
                'INSERT INTO requests (id, rank, "row", score, round) VALUES (?, ?, ?, ?, ?)',
                [(*request, number) for request in requests],
            )
        self._records.add_requests(number, requests)

    def record_answers(self, answers: Sequence[Answer]) -> None:
        """Note id, k, N and counts of galaxies that are `pending`."""
        if answers:
            with self._transaction(self.n_rounds_asked - 1) as execute:
                columns = "(id, k, n_votes, counts)"
                execute(f"INSERT INTO answers {columns} VALUES (?, ?, ?, ?)", answers)
            self._records.add_answers(answers)

    def record_model(self, number: int, size: tuple[int, int], scores: Mapping[str, float]) -> None:
        """Note that a round's model was trained, and how it did on the test set."""
        scores = {name: float(value) for name, value in scores.items()}
        with self._transaction(number) as execute:
            metrics = [(number, *score) for score in scores.items()]
            execute("INSERT INTO metrics (round, name, value) VALUES (?, ?, ?)", metrics)
            before = self._records.version if number else self._records.run
            version = model_version(self._database, number, before)
            execute(
                "INSERT INTO models (round, version, n_labelled, n_votes_learned) "
                "VALUES (?, ?, ?, ?)",
                [(number, version, *size)],
            )
        self._records.add_model(self.seed_of(number), version, size, scores)

    @contextmanager
    def _transaction(self, number: int) -> Iterator[Callable[..., Any]]:
        """Change a round: all statements of the block, or none."""
        rule = "`ledger` must stay whole while a run goes on"
        with sqlite_errors(self._path, rule), transaction(self._database):
            yield self._database.executemany
            sign(self._database, number)

    def _check_identity(self, identity: Mapping[str, str], random_state: int | None) -> None:
        """Refuse the ledger of another run."""
        kept = self._records.run
        seed = kept["random_state"] if random_state is None else str(random_state)
        given = {**identity, "random_state": seed}
        for name in sorted(given.keys() | kept.keys()):
            old, new = kept.get(name, "not given"), given.get(name, "not given")
            if old != new:
                raise UnusableFileError(f"whose `{name}` is {_short(old)} and not {_short(new)}")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
