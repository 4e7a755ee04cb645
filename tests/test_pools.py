"""Galaxies that need not fit in memory: the same answers, in bounded memory, from any source."""

import contextlib
import sqlite3
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import h5py
import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from conftest import small_parameters
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skgalaxy import BayesianCNNRegressor, VotePosterior, _pools, query
from skgalaxy._pools import ALIGNED, blocks, blocks_ahead, rows_within_budget, take


class Batches(keras.utils.PyDataset):
    """Batches of unequal size, with targets that prediction has no use of."""

    def __init__(self, X, size=70):
        super().__init__()
        self.X, self.size = X, size

    def __len__(self):
        return -(-len(self.X) // self.size)

    def __getitem__(self, number):
        images = self.X[number * self.size : (number + 1) * self.size]
        return images, np.zeros(len(images))


def memory_map(X, folder):
    np.save(folder / "x.npy", X)
    return np.load(folder / "x.npy", mmap_mode="r")


def hdf5(X, folder):
    with h5py.File(folder / "x.h5", "w") as file:
        sizes = {"chunks": (50, *X.shape[1:]), "maxshape": (None, *X.shape[1:])}
        file.create_dataset("x", data=X, compression="gzip", **sizes)
    return h5py.File(folder / "x.h5")["x"]


def zarr_array(X, folder):
    zarr = pytest.importorskip("zarr")
    stored = zarr.open(
        str(folder / "x.zarr"), mode="w", shape=X.shape, chunks=(50, *X.shape[1:]), dtype=X.dtype
    )
    stored[:] = X
    return stored


STORES = [memory_map, hdf5, zarr_array]


@pytest.fixture(params=STORES, ids=lambda store: store.__name__)
def store(request, tmp_path):
    return lambda X: request.param(X, tmp_path)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (2 * ALIGNED + 30, 12, 12, 1), dtype=np.uint8)


class TestReading:
    def test_blocks_are_all_rows_in_order(self, store, images):
        for X in (store(images), images, list(images), Batches(images)):
            np.testing.assert_array_equal(np.concatenate(list(blocks(X))), images)

    def test_blocks_keep_to_their_budget(self, monkeypatch):
        monkeypatch.setattr(_pools, "_BUDGET", 2 * ALIGNED * 100)
        X = np.zeros((1000, 100), np.uint8)
        for rows in (X, list(X), pd.DataFrame(X)):
            assert [len(block) for block in blocks(rows)] == [256, 256, 256, 232]
        # what counts is the size of what is made of the rows: here twice as many bytes
        sizes = [len(block) for block in blocks(X, lambda rows: rows.repeat(2, axis=1))]
        assert sizes == [16, *[ALIGNED] * 7, 1000 - 16 - 7 * ALIGNED]
        wide = np.zeros((40, 3000), np.uint8)
        assert [len(block) for block in blocks(wide)] == [8, 8, 8, 8, 8]
        assert len(next(blocks(np.zeros((2, 10**6), np.uint8)))) == 1

    def test_some_parts_first(self, store, images):
        """And then all that follows the last of them, in blocks that are as large."""
        parts = [slice(0, 16), slice(20, 50)]
        for X in (store(images), images, list(images)):
            found = list(blocks(X, lambda rows: np.asarray(rows), parts))
            assert [len(block) for block in found] == [16, 30, len(images) - 50]
            np.testing.assert_array_equal(np.concatenate(found[1:]), images[20:])
        found = list(blocks(Batches(images), parts=[0, 2]))
        np.testing.assert_array_equal(
            np.concatenate(found), np.concatenate([images[:70], images[140:]])
        )

    def test_an_empty_pool_is_one_empty_block(self):
        assert [len(block) for block in blocks([])] == [0]
        with pytest.raises(ValueError, match=r"`X` must hold at least one batch\. Got 0 batches"):
            next(blocks(Batches([])))

    def test_take_in_any_order(self, store, images):
        rows = np.array([270, 3, 200, 0])
        np.testing.assert_array_equal(take(store(images), rows), images[rows])

    def test_not_finite(self, store):
        X = np.zeros((300, 2, 2))
        X[140:142, 1] = np.nan
        stored = store(X)
        with pytest.raises(
            ValueError, match=r"`X` must be finite\. Got NaN or infinity in row 140"
        ):
            list(blocks(stored))
        with pytest.raises(ValueError, match=r"row 141\."):
            take(stored, np.array([5, 141]))

    def test_changes_of_a_copy_on_write_map_are_kept(self, tmp_path):
        """They are in its pages only, which may not be given back."""
        np.save(tmp_path / "x.npy", np.zeros((300, 4), np.uint8))
        X = np.load(tmp_path / "x.npy", mmap_mode="c")
        X[250] = 7
        for view in (X, X[100:]):
            assert np.concatenate(list(blocks(view))).sum() == 28
            assert (X[250] == 7).all()

    def test_changes_of_a_shared_map_are_kept(self, tmp_path):
        X = np.memmap(tmp_path / "x", np.uint8, "w+", shape=(300, 4))
        X[250] = 7
        assert np.concatenate(list(blocks(X))).sum() == X.sum() == 28

    @pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells")
    def test_the_pages_of_a_map_are_given_back(self, tmp_path):
        X = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (100_000, 1024))
        X.flush()
        X = np.load(tmp_path / "x.npy", mmap_mode="r")

        def held_mb():
            return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

        before = held_mb()
        assert max(held_mb() for _ in blocks(X)) - before < 40


class TestAhead:
    @staticmethod
    def test_keeps_the_callers_settings():
        """scikit-learn and joblib keep theirs per thread."""

        def settings(rows):
            seen.append((sklearn.get_config()["transform_output"], joblib.effective_n_jobs(None)))
            return rows

        seen = []
        with sklearn.config_context(transform_output="pandas"), joblib.parallel_config(n_jobs=3):
            list(blocks_ahead(np.zeros((20, 2)), settings))
        assert set(seen) == {("pandas", 3)}

    def test_reads_while_the_caller_computes(self):
        """Each step waits for the other side's: without overlap nobody would get on."""
        turns = [threading.Event() for _ in range(3)]

        def reading():
            for number, turn in enumerate(turns):
                turn.set()  # the caller of item number - 1 waits for this
                yield number

        for number in _pools.ahead(reading()):
            if number < 2:
                assert turns[number + 1].wait(5)

    def test_no_more_than_one_ahead(self):
        read = []
        for number in _pools.ahead(read.append(i) or i for i in range(10)):
            time.sleep(0.01)
            assert len(read) <= number + 2

    def test_errors_reach_the_caller(self):
        def failing():
            yield 1
            raise ValueError("no more")

        items = _pools.ahead(failing())
        assert next(items) == 1
        with pytest.raises(ValueError, match="no more"):
            next(items)


class TestEstimator:
    def test_predicts_the_same_from_any_store(self, store, images, fitted):
        expected = fitted.sample_posterior(images)
        for X in (store(images), list(images)):
            np.testing.assert_array_equal(fitted.sample_posterior(X), expected)
        from_batches = fitted.sample_posterior(Batches(images))
        np.testing.assert_allclose(from_batches, expected, atol=1e-6)

    def test_learns_the_same_from_any_store(self, store, toy):
        X, y, _ = toy
        in_memory = BayesianCNNRegressor(**small_parameters()).fit(X, y)
        stored = BayesianCNNRegressor(**small_parameters()).fit(store(X), y)
        np.testing.assert_array_equal(stored.predict(X), in_memory.predict(X))

    def test_flat_rows(self, store, toy):
        X, y, _ = toy
        flat = X.reshape(len(X), -1)
        model = BayesianCNNRegressor(image_shape=(12, 12), **small_parameters())
        stored = store(flat)
        model.fit(stored, y)
        assert model.n_features_in_ == 144
        np.testing.assert_array_equal(model.predict(stored), model.predict(flat))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda X: X[:, :6], r"`X` must hold images like those of `fit`"),
            (lambda X: X.astype(float), r"`X` must be uint8"),
            (lambda X: X[:0], r"minimum of 1 is required"),
        ],
    )
    def test_refuses_other_images_before_any_work(self, change, message, images, fitted, tmp_path):
        with pytest.raises(ValueError, match=message):
            fitted._image_blocks(hdf5(change(images), tmp_path))

    def test_rows_that_are_not_finite(self, toy, tmp_path):
        X, y, _ = toy
        X = X.astype(np.float32)
        X[7] = np.inf
        with pytest.raises(ValueError, match=r"NaN or infinity in row 7"):
            BayesianCNNRegressor(**small_parameters()).fit(hdf5(X, tmp_path), y)

    @pytest.mark.skipif(np.dtype(np.longdouble).itemsize <= 8, reason="no wider floats here")
    def test_numbers_too_wide(self, toy):
        X, y, _ = toy
        with pytest.raises(ValueError, match=r"`X` must hold numbers of at most 64 bits"):
            BayesianCNNRegressor(**small_parameters()).fit(X.astype(np.longdouble), y)

    def test_batches_are_not_trained_on(self, toy):
        X, y, _ = toy
        with pytest.raises(ValueError, match=r"`X` must be an array to train on.* Got Batches"):
            BayesianCNNRegressor(**small_parameters()).fit(Batches(X), y)


class TestScorePool:
    def test_as_the_posterior_says(self, store, images, fitted):
        expected = fitted.predict_posterior(images).mutual_information(40)
        scores = query.score_pool(fitted, store(images))
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12)
        variances = query.score_pool(fitted, images, lambda posterior, n_votes: posterior.std)
        np.testing.assert_allclose(variances, fitted.predict_posterior(images).std)
        n_votes = np.arange(len(images)) % 50
        varied = query.score_pool(fitted, images, n_votes=n_votes)
        np.testing.assert_allclose(
            varied, fitted.predict_posterior(images).mutual_information(n_votes), atol=1e-12
        )

    def test_strategies_take_what_is_not_in_memory(self, images, fitted, tmp_path):
        expected = query.mutual_information_sampling(fitted, images, 5, random_state=0)
        for X in (hdf5(images, tmp_path), Batches(images, ALIGNED)):
            result = query.mutual_information_sampling(fitted, X, 5, random_state=0)
            np.testing.assert_array_equal(result[0], expected[0])
            np.testing.assert_allclose(result[1], expected[1], rtol=0, atol=1e-12)
            assert len(set(query.random_sampling(fitted, X, len(images))[0])) == len(images)
        with pytest.raises(ValueError, match="must not exceed the 286 galaxies"):
            query.mutual_information_sampling(fitted, Batches(images), 287)

    def test_a_pipeline_sees_blocks(self, images, fitted):
        seen = []
        reader = FunctionTransformer(lambda rows: seen.append(len(rows)) or images[rows])
        reader.set_output(transform="default")
        pipeline = make_pipeline(reader, fitted)
        rows = np.tile(np.arange(len(images)), 12)
        scores = query.score_pool(pipeline, rows)
        assert sum(seen) == len(rows)
        assert seen[0] == 16
        assert max(seen) == 16 * ALIGNED
        np.testing.assert_allclose(scores, np.tile(query.score_pool(fitted, images), 12), atol=1e-5)

    @pytest.mark.parametrize(
        ("score", "got"),
        [
            (lambda posterior, n_votes: posterior.draws, r"\(286, 10\)"),
            (lambda posterior, n_votes: posterior.std[:3], r"\(3,\)"),
            (lambda posterior, n_votes: 1.0, r"\(\)"),
            (lambda posterior, n_votes: posterior.std * np.nan, "nan for the galaxy in row 0"),
        ],
    )
    def test_scores_that_are_none(self, score, got, images, fitted, tmp_path):
        path = tmp_path / "scores"
        with pytest.raises(ValueError, match=rf"`score` must return one finite number.*Got {got}"):
            query.score_pool(fitted, images, score, checkpoint=path)
        as_list = query.score_pool(
            fitted, images, lambda posterior, n_votes: posterior.std.tolist()
        )
        np.testing.assert_allclose(as_list, fitted.predict_posterior(images).std)

    def test_votes_of_batches(self, images, fitted):
        with pytest.raises(ValueError, match=r"one integer where X is batches.*shape \(286,\)"):
            query.score_pool(fitted, Batches(images), n_votes=np.full(286, 40))


class TestCheckpoint:
    """Killed at any moment, scoring goes on where it stopped, with the same result."""

    @pytest.fixture
    def pool(self, monkeypatch):
        monkeypatch.setattr(_pools, "_MOST", ALIGNED)
        return np.random.default_rng(1).uniform(size=(5 * ALIGNED + 17, 6))

    @staticmethod
    def learner(fail_after=np.inf):
        """Return a learner whose draws are its input, which dies after some blocks."""
        calls = []

        def predict_posterior(X):
            calls.append(len(X))
            if len(calls) > fail_after:
                raise KeyboardInterrupt
            return VotePosterior(X)

        return types.SimpleNamespace(predict_posterior=predict_posterior, calls=calls)

    @pytest.mark.parametrize("after", range(6))
    def test_resumes(self, after, pool, tmp_path):
        expected = query.score_pool(self.learner(), pool)
        path = tmp_path / "scores"
        with pytest.raises(KeyboardInterrupt):
            query.score_pool(self.learner(fail_after=after), pool, checkpoint=path)
        resumed = self.learner()
        np.testing.assert_array_equal(query.score_pool(resumed, pool, checkpoint=path), expected)
        scored_again = min(after, 2)  # the first and the last of what was kept
        assert len(resumed.calls) == 6 - after + scored_again
        finished = self.learner()
        np.testing.assert_array_equal(query.score_pool(finished, pool, checkpoint=path), expected)
        assert len(finished.calls) == 2

    def test_resumes_after_a_kill(self, pool, tmp_path):
        """SIGKILL at moments spread over a scoring in another process."""
        code = """
import sys, time, types, numpy as np
from skgalaxy import VotePosterior, _pools, query
_pools._MOST = _pools.ALIGNED
def predict_posterior(X):
    time.sleep(0.05)
    return VotePosterior(X)
learner = types.SimpleNamespace(predict_posterior=predict_posterior)
print("ready", flush=True)
query.score_pool(learner, np.load(sys.argv[1]), checkpoint=sys.argv[2])
"""
        np.save(tmp_path / "pool.npy", pool)
        expected = query.score_pool(self.learner(), pool)
        for delay in (0.0, 0.01, 0.1, 0.2):
            path = tmp_path / f"scores-{delay}"
            command = [sys.executable, "-c", code, str(tmp_path / "pool.npy"), str(path)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            process.stdout.readline()
            time.sleep(delay)
            process.kill()
            process.wait()
            process.stdout.close()
            scores = query.score_pool(self.learner(), pool, checkpoint=path)
            np.testing.assert_array_equal(scores, expected)

    def test_batches_resume(self, tmp_path):
        pool = np.random.default_rng(1).uniform(size=(300, 6))
        expected = query.score_pool(self.learner(), pool)
        path = tmp_path / "scores"
        with pytest.raises(KeyboardInterrupt):
            query.score_pool(self.learner(fail_after=3), Batches(pool), checkpoint=path)
        scores = query.score_pool(self.learner(), Batches(pool), checkpoint=path)
        np.testing.assert_allclose(scores, expected, atol=1e-12)

    def test_votes_per_galaxy_resume(self, pool, tmp_path):
        n_votes = np.random.default_rng(2).integers(1, 60, len(pool))
        path = tmp_path / "scores"
        with pytest.raises(KeyboardInterrupt):
            query.score_pool(self.learner(3), pool, n_votes=n_votes, checkpoint=path)
        scores = query.score_pool(self.learner(), pool, n_votes=n_votes, checkpoint=path)
        np.testing.assert_array_equal(
            scores, query.score_pool(self.learner(), pool, n_votes=n_votes)
        )

    @pytest.mark.parametrize(
        ("other", "problem"),
        [
            ({"X": lambda pool: pool[::-1]}, "other galaxies than `X` in the rows 0 to 127"),
            (
                {"X": lambda pool: np.vstack([pool[:300], pool[:299:-1]])},
                "other galaxies than `X` in the rows 256 to 383",
            ),
            ({"X": lambda pool: pool[:200]}, "has galaxies 657 and not 200"),
            ({"X": Batches}, "has galaxies 657 and not None"),
            ({"n_votes": np.r_[np.full(200, 40), np.full(457, 3)]}, "n_votes"),
            ({"score": lambda posterior, n_votes: posterior.std}, "score"),
        ],
    )
    def test_refuses_the_checkpoint_of_another(self, other, problem, pool, tmp_path):
        path = tmp_path / "scores"
        query.score_pool(self.learner(), pool, checkpoint=path)
        kept = path.read_bytes()
        X = other.pop("X", lambda pool: pool)(pool)
        with pytest.raises(ValueError, match=rf"`checkpoint` must be .*{problem}"):
            query.score_pool(self.learner(), X, checkpoint=path, **other)
        assert path.read_bytes() == kept

    def test_refuses_another_learner_though_all_scores_are_zero(self, tmp_path):
        """Networks that agree score 0 whatever they predict."""
        path, pool = tmp_path / "scores", np.full((300, 4), 0.2)
        query.score_pool(self.learner(), pool, checkpoint=path)
        other = types.SimpleNamespace(predict_posterior=lambda X: VotePosterior(1 - X))
        with pytest.raises(ValueError, match="block 0 of the scores differs"):
            query.score_pool(other, pool, checkpoint=path)

    @pytest.mark.parametrize("kind", ["text", "object array", "cut array", "database"])
    def test_refuses_a_file_of_something_else(self, kind, pool, tmp_path):
        path = tmp_path / "mine"
        if kind == "text":
            path.write_text("precious notes")
        elif kind == "database":
            with contextlib.closing(sqlite3.connect(path)) as database, database:
                database.execute("CREATE TABLE notes (note TEXT)")
        else:
            with path.open("wb") as file:
                np.save(file, np.array([1, "x"], object) if kind == "object array" else pool)
                file.truncate(file.tell() - 8 * (kind == "cut array"))
        content = path.read_bytes()
        with pytest.raises(
            ValueError,
            match=r"`checkpoint` must be a new file, .*(not an SQLite file|of another kind)",
        ):
            query.score_pool(self.learner(), pool, checkpoint=path)
        assert path.read_bytes() == content


def test_a_column_of_text_has_no_size_of_an_item():
    """As pandas 3 makes of paths, for example ``"images/" + votes["id_str"]``."""
    paths = pd.Series([f"{number}.png" for number in range(5)], dtype="string")
    assert rows_within_budget(paths) >= 1
    assert [len(block) for block in blocks(paths)] == [5]
