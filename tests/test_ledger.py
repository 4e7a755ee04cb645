"""The ledger: whatever kills a run, it goes on to the same result; what is not its own is refused.

Run as a script, this file is the run that gets killed: pytest starts it, it forks a child for
every kill, and says what came of them.
"""

import faulthandler
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from modAL.models import ActiveLearner
from sklearn.base import BaseEstimator, RegressorMixin

from skgalaxy import VotePosterior, active, query
from skgalaxy.images import PoolReader

MEMORY = "/dev/shm"  # a killed process does not need the disk
N_GALAXIES = 60
N_TIMES = 5  # of random kills
RHO = np.random.default_rng(3).uniform(0.05, 0.95, N_GALAXIES)


class Ticks:
    """Counts the moments at which a run may die, and dies at one of them."""

    def __init__(self, last=None):
        self.count, self.last = 0, last

    def __call__(self):
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


tick = Ticks()


class TickingConnection(sqlite3.Connection):
    """A database that may die before and after every statement."""

    def execute(self, *args):
        tick()
        cursor = super().execute(*args)
        tick()
        return cursor

    def executemany(self, statement, rows):
        for row in rows:
            self.execute(statement, row)


class Smoother(RegressorMixin, BaseEstimator):
    """Vote fractions of neighbours, with a noise of its own; warm, it remembers its past."""

    def __init__(self, warm_start=False, random_state=None):
        self.warm_start = warm_start
        self.random_state = random_state

    def fit(self, X, y):
        tick()
        distance = np.abs(np.arange(N_GALAXIES)[:, None] - np.asarray(X)[None, :])
        weight = np.exp(-distance / 3) * y[:, 1]
        new = (weight @ (y[:, 0] / np.maximum(y[:, 1], 1)) + 0.5) / (weight.sum(axis=1) + 1)
        past = getattr(self, "mean_", new) if self.warm_start else new
        self.mean_ = (new + past) / 2
        self.noise_ = np.random.RandomState(self.random_state).normal(size=(N_GALAXIES, 8)) / 10
        tick()
        return self

    def predict(self, X):
        return self.mean_[X]

    def predict_posterior(self, X):
        return VotePosterior(np.clip(self.mean_[X, None] + self.noise_[X], 0, 1))


class SlowVolunteers(active.SimulatedVolunteers):
    """They keep a list of what they were asked, and answer a half of it at a time."""

    def __init__(self, folder, ledger):
        super().__init__(np.arange(N_GALAXIES), RHO, n_votes=20)
        self.list = Path(folder) / "asked.txt"
        self.list.touch()
        self.known = set()  # to the ledger, when this process began
        if os.path.exists(ledger) and os.path.getsize(ledger):
            try:
                found = active.read_ledger(ledger).asked
            except ValueError as error:  # it was killed in the midst of its first transaction
                if "is empty" not in str(error):
                    raise
            else:
                self.known = set(found["id"][found["k"].notna()])

    def request(self, ids):
        tick()
        if self.known & set(ids):
            raise AssertionError("asked about a galaxy that was answered")
        listed = self.list.read_text().split()
        with self.list.open("a") as file:
            file.write("".join(f"{id_}\n" for id_ in ids if id_ not in listed))
        super().request(ids)
        tick()

    def collect(self):
        tick()
        ids, votes = super().collect()
        half = (len(ids) + 1) // 2
        tick()
        return ids[:half], votes[:half]


def strategy(learner, X, n_instances=1, *, random_state=None):
    tick()
    picked = query.mutual_information_sampling(learner, X, n_instances, random_state=random_state)
    tick()
    return picked


def rmse(learner, X, y):
    tick()
    return -float(np.sqrt(np.mean((learner.predict(X) - y[:, 0] / y[:, 1]) ** 2)))


TEST = np.arange(50, 60), np.column_stack([np.round(30 * RHO[50:]), np.full(10, 30)]).astype(int)
ARGUMENTS = {
    "initial": 5,
    "n_instances": 4,
    "n_rounds": 3,
    "n_scored": 25,
    "test": TEST,
    "scoring": {"rmse": rmse},
    "random_state": 7,
}


def one_call(folder, warm=False, **changed):
    """Go on with the run in a folder; return the result."""
    ledger = os.path.join(folder, "run.sqlite")
    arguments = {**ARGUMENTS, "ledger": ledger, "callbacks": lambda result: tick(), **changed}
    learner = ActiveLearner(Smoother(warm_start=warm), query_strategy=strategy)
    return active.run(learner, np.arange(50), SlowVolunteers(folder, ledger), **arguments)


def whole_run(folder, warm=False):
    """Call until volunteers have answered all; return what there is to compare."""
    while (result := one_call(folder, warm)).n_waiting:
        pass
    listed = (Path(folder) / "asked.txt").read_text().split()
    return json.dumps([*summary(result), listed, tables(folder)])


def summary(result):
    """Return all that is in a result, to the last bit."""
    mean = result.learner.estimator.mean_
    frames = [frame.to_json(double_precision=15) for frame in (result.rounds, result.asked)]
    exact = result.rounds["rmse"].map(float.hex).tolist(), [value.hex() for value in mean.tolist()]
    return frames, exact


def run_at_once(folder, warm):
    """Run in one call, with volunteers who answer at once and without a ledger."""
    learner = ActiveLearner(Smoother(warm_start=warm), query_strategy=strategy)
    volunteers = active.SimulatedVolunteers(np.arange(N_GALAXIES), RHO, n_votes=20)
    return json.dumps(summary(active.run(learner, np.arange(50), volunteers, **ARGUMENTS)))


def tables(folder):
    """Return all that is in the ledger, but for the times."""
    with sqlite3.connect(os.path.join(folder, "run.sqlite")) as database:
        return {
            name: [
                row[:-1] if name in ("rounds", "answers") else row[:4] if name == "models" else row
                for row in database.execute(f"SELECT * FROM {name} ORDER BY 1, 2")
            ]
            for name in ("run", "rounds", "requests", "answers", "models", "metrics")
        }


def in_a_child(folder, run, last=None, after=None):
    """Run in a forked child, that dies at a tick or after a time; return whether it lived.

    The parent itself never runs: locks of its progress bars would be shared with all children,
    and stay locked when one is killed that holds them.
    """
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            faulthandler.dump_traceback_later(60, exit=True)  # rather than wait for ever
            tick.count, tick.last = 0, last
            sqlite3.connect = partial(CONNECT, factory=TickingConnection)
            text = run(folder)
            Path(folder, "result.json").write_text(text)
            Path(folder, "ticks.txt").write_text(str(tick.count))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status):
        raise RuntimeError(f"a run failed in {folder}")
    return True


CONNECT = sqlite3.connect


def kill_everywhere(warm, stride):
    """Kill a run at every few ticks, again and again, and at random times."""
    home = Path(tempfile.mkdtemp(dir=MEMORY if os.path.isdir(MEMORY) else None))
    counts = {"killed": 0, "lived": 0}
    whole = partial(whole_run, warm=warm)

    def uninterrupted(run):
        folder = home / run.func.__name__
        folder.mkdir()
        in_a_child(folder, run)
        return (folder / "result.json").read_text(), int((folder / "ticks.txt").read_text())

    def check(name, kills):
        folder = home / name
        folder.mkdir()
        for kill in kills:
            if in_a_child(folder, whole, **kill):
                counts["lived"] += 1
                break
            counts["killed"] += 1
        else:
            in_a_child(folder, whole)
        text = (folder / "result.json").read_text()
        if text != expected:
            raise RuntimeError(f"{name}: {text} instead of {expected}")
        shutil.rmtree(folder)

    try:
        began = time.perf_counter()
        expected, n_ticks = uninterrupted(whole)
        seconds = time.perf_counter() - began
        at_once, _ = uninterrupted(partial(run_at_once, warm=warm))
        if json.loads(expected)[:2] != json.loads(at_once):
            raise RuntimeError(f"{expected} instead of {at_once}")
        for last in range(1, n_ticks, stride):
            check(f"at_{last}", [{"last": last}])
        for every in (150, 400):
            check(f"every_{every}", [{"last": every + turn} for turn in range(50)])
        rng = random.Random(0)
        for turn in range(N_TIMES):
            check(f"random_{turn}", [{"after": rng.uniform(0, seconds)} for _ in range(3)])
    finally:
        shutil.rmtree(home)
    return {"ticks": n_ticks, **counts}


def script(*arguments):
    """Run this file; return what it says."""
    done = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(active.__file__).parents[2])},
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
class TestKilled:
    @pytest.mark.parametrize(("warm", "stride"), [(False, 101), (True, 211)])
    def test_goes_on_to_the_same_result(self, warm, stride):
        """At statements of the database and steps of the run; again and again; at any time."""
        counts = script("everywhere", int(warm), stride)
        assert counts["killed"] > counts["ticks"] // stride
        assert counts["ticks"] > 300


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a run of three rounds that wants a fourth."""
    whole_run(tmp_path)
    return tmp_path


def edit(folder, *statements):
    with sqlite3.connect(folder / "run.sqlite") as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def half_way(folder):
    """Run up to half of the answers of the last round."""
    result = one_call(folder)
    while (len(result.rounds), result.n_waiting) != (3, 2):
        result = one_call(folder)


def read_only(folder):
    """Return all that `read_ledger` returns, as text."""
    ledger = active.read_ledger(folder / "run.sqlite")
    frames = [frame.to_json(double_precision=15) for frame in (ledger.rounds, ledger.asked)]
    return [*frames, ledger.run.to_json()]


class TestOtherRun:
    """A ledger of another run is refused before anything is done, and says what differs."""

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"n_instances": 5}, "`n_instances` is 4 and not 5"),
            ({"n_scored": None}, "`n_scored` is 25 and not None"),
            ({"initial": 6}, "`initial` is 5 and not 6"),
            ({"initial": [1, 2, 3, 4, 5]}, "`initial` is 5 and not int64"),
            ({"random_state": 8}, "`random_state` is 7 and not 8"),
            ({"n_votes": 40}, r"`n_votes` is None and not int64\(50,\)"),
            ({"scoring": None}, "`scoring` is {'rmse': rmse} and not None"),
            ({"test": (TEST[0], TEST[1][::-1])}, "`test` is"),
            ({"ids": np.arange(50)[::-1]}, "`pool` is text"),
            ({"warm": True}, "`learner.warm_start` is False and not True"),
        ],
    )
    def test_arguments(self, folder, changed, message):
        before = (folder / "run.sqlite").read_bytes()
        asked = (folder / "asked.txt").read_bytes()
        with pytest.raises(ValueError, match=message) as error:
            one_call(folder, **{"n_rounds": 4, **changed})
        assert str(folder / "run.sqlite") in str(error.value)
        assert "choose another file" in str(error.value)
        assert (folder / "run.sqlite").read_bytes() == before
        assert (folder / "asked.txt").read_bytes() == asked

    @pytest.mark.parametrize(
        ("strategy_", "message"),
        [
            (query.random_sampling, "`query_strategy` is strategy and not random_sampling"),
            (partial(strategy, random_state=3), "`query_strategy.random_state` is not given and"),
        ],
    )
    def test_strategy(self, folder, strategy_, message):
        learner = ActiveLearner(Smoother(), query_strategy=strategy_)
        volunteers = SlowVolunteers(folder, folder / "run.sqlite")
        arguments = {**ARGUMENTS, "ledger": folder / "run.sqlite"}
        with pytest.raises(ValueError, match=message):
            active.run(learner, np.arange(50), volunteers, **arguments)

    def test_what_may_change(self, folder, tmp_path_factory):
        """More rounds, and the result is that of a run that was to have them from the start."""
        while (more := one_call(folder, n_rounds=5, callbacks=())).n_waiting:
            pass
        other = tmp_path_factory.mktemp("other")
        while (whole := one_call(other, n_rounds=5)).n_waiting:
            pass
        assert more.rounds.equals(whole.rounds)
        assert more.asked.equals(whole.asked)
        assert len(more.rounds) == 6

    def test_seed_is_kept(self, tmp_path):
        """Without a seed a new one is drawn, once."""
        while (first := one_call(tmp_path, random_state=None, n_rounds=1)).n_waiting:
            pass
        again = one_call(tmp_path, random_state=None, n_rounds=1)
        assert again.rounds.equals(first.rounds)
        seed = active.read_ledger(tmp_path / "run.sqlite").run["random_state"]
        assert one_call(tmp_path, random_state=int(seed), n_rounds=1).asked.equals(first.asked)


class TestNoLedger:
    """What is no ledger, or a damaged one, is refused by its name."""

    @pytest.mark.parametrize("content", [b"id,k,N\n1,2,3\n", b"SQLite format 3 I am not", b"x"])
    def test_something_else(self, tmp_path, content):
        (tmp_path / "run.sqlite").write_bytes(content)
        with pytest.raises(ValueError, match=r"run.sqlite', which is not an SQLite file; choose"):
            active.read_ledger(tmp_path / "run.sqlite")
        learner = ActiveLearner(Smoother(), query_strategy=strategy)
        with pytest.raises(
            ValueError, match=r"`ledger` must be a new.*run.sqlite', which is not an"
        ):
            active.run(
                learner,
                np.arange(50),
                active.SimulatedVolunteers(np.arange(50), RHO[:50]),
                ledger=tmp_path / "run.sqlite",
                initial=5,
            )
        assert (tmp_path / "run.sqlite").read_bytes() == content

    def test_another_database(self, tmp_path):
        database = sqlite3.connect(tmp_path / "run.sqlite")
        database.execute("CREATE TABLE answers (id TEXT)")
        database.close()
        with pytest.raises(ValueError, match="of another kind, with a table 'answers'; choose"):
            active.read_ledger(tmp_path / "run.sqlite")

    def test_killed_at_its_birth(self, tmp_path):
        """A database without tables says so when it is read, and a run begins in it."""
        database = sqlite3.connect(tmp_path / "run.sqlite")
        database.execute("CREATE TABLE unfinished (id TEXT)")
        database.execute("DROP TABLE unfinished")
        database.close()
        assert (tmp_path / "run.sqlite").stat().st_size > 0
        with pytest.raises(ValueError, match=r"run.sqlite', which is empty"):
            active.read_ledger(tmp_path / "run.sqlite")
        assert one_call(tmp_path).n_waiting

    @pytest.mark.parametrize("version", [3, 5])
    def test_other_version(self, folder, version):
        edit(folder, f"PRAGMA user_version = {version}")
        for read in (one_call, lambda folder: active.read_ledger(folder / "run.sqlite")):
            with pytest.raises(
                ValueError,
                match=f"which has version {version} of its format, and this .* reads version 4",
            ):
                read(folder)

    def test_places(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="existing ledger"):
            active.read_ledger(tmp_path / "none.sqlite")
        with pytest.raises(FileNotFoundError, match="`ledger` must be in a folder that exists"):
            one_call(tmp_path, ledger=tmp_path / "no" / "run.sqlite")
        with pytest.raises(OSError, match=str(tmp_path)):
            one_call(tmp_path, ledger=tmp_path)

    def test_an_empty_file_is_a_new_one(self, tmp_path):
        (tmp_path / "run.sqlite").touch()
        with pytest.raises(ValueError, match=r"`path` must be a ledger. Got .*', which is empty"):
            active.read_ledger(tmp_path / "run.sqlite")
        assert one_call(tmp_path).n_waiting

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE answers SET k = k + CASE WHEN k < n_votes THEN 1 ELSE -1 END WHERE rowid = 3",
            "UPDATE answers SET n_votes = n_votes + 1 WHERE rowid = 12",
            "UPDATE answers SET answered_at = 'today' WHERE rowid = 2",
            "DELETE FROM answers WHERE rowid = 2",
            "INSERT INTO answers (id, k, n_votes) VALUES ('x', 1, 2)",
            "UPDATE requests SET score = score * 2 WHERE round = 1",
            "UPDATE requests SET rank = 9 WHERE round = 1 AND rank = 0",
            "INSERT INTO requests VALUES ('x', 7, 0, 9, 0.5)",
            "UPDATE metrics SET value = 0.5 WHERE round = 2",
            "UPDATE metrics SET name = 'rms' WHERE round = 2",
            "DELETE FROM metrics WHERE round = 2",
            "UPDATE rounds SET seed = seed + 1 WHERE round = 0",
            "UPDATE rounds SET asked_at = 'today' WHERE round = 1",
            "DELETE FROM models WHERE round = 1",
            "DELETE FROM rounds WHERE round = 0",
            "DELETE FROM rounds WHERE round = 3",
            "INSERT INTO rounds (round, seed) VALUES (4, 5)",
            "INSERT INTO rounds (round, seed) VALUES (-1, 5)",
            "UPDATE models SET version = 'x' WHERE round = 2",
            "UPDATE models SET n_labelled = 6 WHERE round = 0",
            "UPDATE models SET n_votes_learned = 7 WHERE round = 2",
            "UPDATE run SET value = '8' WHERE name = 'random_state'",
            "UPDATE run SET value = x'37' WHERE name = 'random_state'",
            "DELETE FROM run WHERE name = 'n_scored'",
            "DROP TABLE models",
            "DELETE FROM digests WHERE round = 1",
            "UPDATE digests SET digest = 'x' WHERE round = 0",
            "ALTER TABLE answers RENAME COLUMN k TO yes",
            "ALTER TABLE rounds DROP COLUMN asked_at",
            "UPDATE requests SET id = '49 ' WHERE id = (SELECT id FROM requests LIMIT 1)",
            "UPDATE requests SET id = CAST(x'ff' AS TEXT) WHERE rank = 0 AND round = 1",
            """CREATE TRIGGER more AFTER INSERT ON answers
               BEGIN UPDATE answers SET k = 0 WHERE id = new.id; END""",
        ],
    )
    @pytest.mark.parametrize("waits", [False, True])
    def test_changed_by_hand(self, tmp_path, statement, waits):
        """By `run` and by `read_ledger`, also where half of a round's answers have come."""
        half_way(tmp_path) if waits else whole_run(tmp_path)
        edit(tmp_path, statement)
        for read in (read_only, partial(one_call, n_rounds=4)):
            with pytest.raises(ValueError, match=r"run.sqlite', (which|whose).*another file\.$"):
                read(tmp_path)

    def test_things_of_others_beside(self, folder):
        """Tables, columns and indices of your own stay, and so does the result."""
        before = read_only(folder)
        edit(
            folder,
            "CREATE TABLE notes (text TEXT)",
            "ALTER TABLE requests ADD COLUMN note TEXT",
            "ALTER TABLE answers ADD COLUMN note TEXT DEFAULT 'none'",
            "CREATE INDEX by_k ON answers (k)",
            "CREATE VIEW yes AS SELECT * FROM answers WHERE k > 0",
            "VACUUM",
        )
        assert read_only(folder) == before
        while (more := one_call(folder, n_rounds=4)).n_waiting:
            pass
        assert len(more.rounds) == 5

    def test_cut(self, folder):
        whole = (folder / "run.sqlite").read_bytes()
        for part in range(1, 10):
            (folder / "run.sqlite").write_bytes(whole[: len(whole) * part // 10])
            with pytest.raises(ValueError, match=r"run.sqlite', which is damaged"):
                one_call(folder)

    @pytest.mark.parametrize("waits", [False, True])
    @pytest.mark.parametrize("read", ["run", "read_ledger"])
    def test_flipped(self, tmp_path, read, waits):
        """Whichever bit is flipped, the ledger is refused or gives the same result."""
        half_way(tmp_path) if waits else whole_run(tmp_path)
        whole, asked = (tmp_path / "run.sqlite").read_bytes(), tmp_path / "asked.txt"
        listed = asked.read_text()

        def go_on():
            asked.write_text(listed)
            result = one_call(tmp_path, n_rounds=4)
            return result.rounds.to_json(), result.asked.to_json()

        look, n_flips = (go_on, 40) if read == "run" else (partial(read_only, tmp_path), 250)
        expected, messages = look(), []
        rng = random.Random(1)
        for _ in range(n_flips):
            at = rng.randrange(len(whole))
            flipped = bytes([whole[at] ^ (1 << rng.randrange(8))])
            (tmp_path / "run.sqlite").write_bytes(whole[:at] + flipped + whole[at + 1 :])
            try:
                assert look() == expected
            except (ValueError, OSError) as error:
                messages.append(str(error))
        assert len(messages) >= n_flips / 25
        assert all("run.sqlite" in message for message in messages)

    @pytest.mark.parametrize("path", [None, 3, b"run.sqlite", "run\0.sqlite", ""])
    def test_no_path(self, tmp_path, path):
        with pytest.raises((TypeError, ValueError), match=r"`path` must be a path.*Got"):
            active.read_ledger(path)
        if path is not None:
            with pytest.raises((TypeError, ValueError), match=r"`ledger` must be a path.*Got"):
                one_call(tmp_path, ledger=path)


class TestCallbacks:
    """Each round is told at least once: the last one again by a call that goes on from it."""

    def test_after_a_stop(self, tmp_path):
        seen = []

        def fragile(result):
            seen.append(len(result.rounds))
            if seen == [1, 2]:
                raise KeyboardInterrupt

        def call(warm):
            while one_call(tmp_path, warm, callbacks=fragile).n_waiting:
                pass

        with pytest.raises(KeyboardInterrupt):
            call(warm=True)
        call(warm=True)
        assert seen == [1, 2, 2, 3, 4]
        call(warm=True)
        assert seen == [1, 2, 2, 3, 4, 4]


class TestOtherProcess:
    def test_two_at_once(self, tmp_path):
        """The second to write a round is stopped before it asks anybody."""

        def meddle(learner, X, n_instances=1):
            edit(tmp_path, "INSERT INTO rounds (round, seed) VALUES (1, 5)")
            return query.random_sampling(learner, X, n_instances, random_state=0)

        learner = ActiveLearner(Smoother(), query_strategy=meddle)
        volunteers = active.SimulatedVolunteers(np.arange(50), RHO[:50])
        with pytest.raises(RuntimeError, match="another process writes, too"):
            active.run(
                learner, np.arange(50), volunteers, initial=5, ledger=tmp_path / "run.sqlite"
            )
        assert len(volunteers.collect()[0]) == 5

    def test_locked(self, folder, monkeypatch):
        monkeypatch.setattr("skgalaxy._sqlite._LOCK_SECONDS", 0.05)
        database = sqlite3.connect(folder / "run.sqlite", isolation_level=None)
        database.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OSError, match=r"run.sqlite': database is locked; nothing in it is los"):
            one_call(folder)
        database.close()
        one_call(folder)

    def test_full_disk(self, tmp_path, monkeypatch):
        def small(*args, **kwargs):
            database = CONNECT(*args, **kwargs)
            database.execute("PRAGMA max_page_count = 5")
            return database

        monkeypatch.setattr(sqlite3, "connect", small)
        with pytest.raises(OSError, match="full; nothing in it is lost"):
            one_call(tmp_path)
        monkeypatch.setattr(sqlite3, "connect", CONNECT)
        assert one_call(tmp_path).n_waiting

    def test_read_meanwhile(self, tmp_path):
        seen = []

        def look(result):
            ledger = active.read_ledger(tmp_path / "run.sqlite")
            seen.append(ledger.rounds.equals(result.rounds) & ledger.asked.equals(result.asked))

        while one_call(tmp_path, callbacks=look).n_waiting:
            pass
        assert seen == [True] * 4


def test_tables_are_readable(folder):
    """As the module says, and ids are text."""
    database = sqlite3.connect(folder / "run.sqlite")
    kinds = database.execute("SELECT DISTINCT typeof(id) FROM requests").fetchall()
    assert kinds == [("text",)]
    kinds = 'SELECT DISTINCT typeof("row"), typeof(rank), typeof(k), typeof(n_votes)'
    kinds = database.execute(f"{kinds} FROM requests JOIN answers USING (id)").fetchall()
    assert kinds == [("integer",) * 4]
    count = "SELECT count(*) FROM requests JOIN answers USING (id) WHERE asked_at > answered_at"
    assert database.execute(f"{count.replace('WHERE', 'JOIN rounds USING (round) WHERE')}")
    database.close()
    ledger = active.read_ledger(folder / "run.sqlite")
    assert ledger.run["learner"] == "Smoother"
    assert ledger.rounds["n_labelled"].tolist() == [5, 9, 13, 17]
    assert ledger.asked["k"].notna().all()


@pytest.mark.parametrize("id_", ["587722981742215240", "007", "1_000", "J0830+0120", "ρ 1"])
def test_ids_come_back_as_they_were(tmp_path, id_):
    ids = [id_, *map(str, range(1, 50))]
    learner = ActiveLearner(Smoother(), query_strategy=strategy)
    volunteers = active.SimulatedVolunteers(ids, RHO[:50])
    path = tmp_path / "run.sqlite"
    for _ in range(2):
        result = active.run(
            learner, np.arange(50), volunteers, ids=ids, initial=[0], n_rounds=0, ledger=path
        )
        assert result.asked["id"].tolist() == [id_]


def network_run(ledger, kill=False):
    """Run with a real network, killed in the midst of training the second model."""
    from keras.callbacks import Callback
    from sklearn.pipeline import make_pipeline

    from skgalaxy import BayesianCNNRegressor
    from skgalaxy.networks import GalaxyZooNetwork

    class Kill(Callback):
        fits = 0

        def __deepcopy__(self, memo):
            return self

        def on_epoch_end(self, epoch, logs=None):
            Kill.fits += epoch == 0
            if kill and (Kill.fits, epoch) == (2, 1):
                os.kill(os.getpid(), signal.SIGKILL)

    rng = np.random.default_rng(0)
    images = (RHO[:, None, None] + 0.1 * rng.normal(size=(N_GALAXIES, 8, 8))).astype(np.float32)
    model = BayesianCNNRegressor(
        network=GalaxyZooNetwork(filters=((4,),), dense_units=8),
        epochs=3,
        n_draws=10,
        callbacks=[Kill()],
    )
    return active.run(
        ActiveLearner(make_pipeline(PoolReader(images), model), query.mutual_information_sampling),
        np.arange(50),
        active.SimulatedVolunteers(np.arange(50), RHO[:50]),
        initial=10,
        n_instances=10,
        n_rounds=2,
        test=TEST,
        ledger=ledger,
        random_state=1,
    )


def test_network_that_was_killed(tmp_path):
    """Another process trains the same network from what is recorded, bit for bit."""
    path = tmp_path / "killed.sqlite"
    killed = subprocess.run(
        [sys.executable, __file__, "network", str(path)],
        env={**os.environ, "PYTHONPATH": str(Path(active.__file__).parents[2])},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    left = active.read_ledger(path)
    assert (len(left.rounds), len(left.asked)) == (1, 20)
    gone_on, whole = network_run(path), network_run(tmp_path / "whole.sqlite")
    assert gone_on.rounds.equals(whole.rounds)
    assert gone_on.asked.equals(whole.asked)
    np.testing.assert_array_equal(
        gone_on.learner.estimator.predict(TEST[0]), whole.learner.estimator.predict(TEST[0])
    )


if __name__ == "__main__":
    if sys.argv[1] == "everywhere":
        sys.stdout.write(json.dumps(kill_everywhere(bool(int(sys.argv[2])), int(sys.argv[3]))))
    else:
        network_run(sys.argv[2], kill=True)
