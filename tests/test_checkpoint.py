"""Checkpoints: of one pool and one learner, undamaged; and pools that are none."""

import contextlib
import os
import sqlite3
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from test_pools import Batches, hdf5, memory_map, zarr_array

from skgalaxy import VotePosterior, _pools, query
from skgalaxy._pools import ALIGNED
from skgalaxy.images import PoolReader
from skgalaxy.likelihoods import BetaBinomial


class ByName(BaseEstimator):
    """A transformer that reads the draws of galaxies by their names, as ImageLoader does images."""

    def __init__(self, draws, root=None):
        self.draws, self.root = draws, root

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y=None):
        return self

    def transform(self, names):
        return np.array([self.draws[str(name)] for name in np.asarray(names, object).ravel()])


class Predictor(BaseEstimator):
    """An estimator of posteriors with the draws that it is given."""

    def predict_posterior(self, X):
        return VotePosterior(np.asarray(X))


class TestCheckpointOfAPool:
    """A checkpoint is of one pool: galaxies exchanged in its middle are another pool."""

    @pytest.fixture(autouse=True)
    def small_blocks(self, monkeypatch):
        monkeypatch.setattr(_pools, "_MOST", ALIGNED)

    @pytest.fixture
    def draws(self):
        return np.random.default_rng(0).uniform(size=(10 * ALIGNED, 6))

    def check(self, learner, pool, other, path, rows="384 to 511", other_learner=None):
        scores = query.score_pool(learner, pool, checkpoint=path)
        np.testing.assert_array_equal(query.score_pool(learner, pool, checkpoint=path), scores)
        with pytest.raises(ValueError, match=f"other galaxies than `X` in the rows {rows}"):
            query.score_pool(other_learner or learner, other, checkpoint=path)

    @staticmethod
    def exchanged(rows):
        """Another order of the middle: as many galaxies, and the same first and last."""
        rows = np.array(rows)
        rows[[400, 700]] = rows[[700, 400]]
        return rows

    @pytest.mark.parametrize("kind", [list, np.array, pd.Series, pd.DataFrame])
    @pytest.mark.parametrize("cell", [str, Path])
    def test_names(self, kind, cell, draws, tmp_path):
        """One galaxy gone and one back, with the same number of names."""
        names = [f"images/{row}.png" for row in range(1001)]
        reader = ByName(dict(zip(names, draws, strict=False)))
        pools = [[cell(name) for name in names if name != names[gone]] for gone in (800, 300)]
        self.check(
            make_pipeline(reader, Predictor()),
            *map(kind, pools),
            tmp_path / "scores",
            rows="272 to 399",  # the first 16 are a block of their own
        )

    def test_files_written_anew(self, draws, tmp_path):
        names = [f"{row}.fits" for row in range(600)]
        for name in names:
            (tmp_path / name).write_bytes(b"pixels")
        learner = make_pipeline(
            ByName(dict(zip(names, draws, strict=False)), root=tmp_path), Predictor()
        )
        path = tmp_path / "scores"
        scores = query.score_pool(learner, names, checkpoint=path)
        np.testing.assert_array_equal(query.score_pool(learner, names, checkpoint=path), scores)
        (tmp_path / names[450]).write_bytes(b"others")
        os.utime(tmp_path / names[450], ns=(1, 1))
        with pytest.raises(ValueError, match=r"rows 400 to 527, or their files have been written"):
            query.score_pool(learner, names, checkpoint=path)

    @pytest.mark.parametrize("stored", [lambda X, _: X, memory_map, hdf5, zarr_array])
    def test_pixels(self, stored, draws, tmp_path):
        (tmp_path / "other").mkdir()
        other = stored(self.exchanged(draws), tmp_path / "other")
        self.check(Predictor(), stored(draws, tmp_path), other, tmp_path / "scores")

    def test_batches(self, draws, tmp_path):
        other = Batches(self.exchanged(draws), 100)
        self.check(Predictor(), Batches(draws, 100), other, tmp_path / "scores", "400 to 499")

    def test_batches_some_of_them_empty(self, draws, tmp_path):
        class Gaps(Batches):
            def __getitem__(self, number):
                return super().__getitem__(number // 2 if number % 2 else 10**6)

            def __len__(self):
                return 2 * super().__len__()

        calls = []

        def predict_posterior(X):
            if len(calls) == 4:
                raise KeyboardInterrupt
            calls.append(len(X))
            return VotePosterior(X)

        path, pool = tmp_path / "scores", Gaps(draws, 100)
        with pytest.raises(KeyboardInterrupt):
            query.score_pool(
                types.SimpleNamespace(predict_posterior=predict_posterior), pool, checkpoint=path
            )
        scores = query.score_pool(Predictor(), pool, checkpoint=path)
        np.testing.assert_allclose(scores, query.score_pool(Predictor(), draws), atol=1e-12)

    @pytest.mark.parametrize("wrap", ["pipeline", "committee", "recalibrated", "function"])
    def test_row_numbers_stand_for_their_images(self, wrap, draws, tmp_path):
        def learner(images):
            if wrap == "function":
                reader = FunctionTransformer(lambda rows: images[rows])
                return make_pipeline(reader, Predictor())
            one = make_pipeline(PoolReader(images), Predictor())
            if wrap == "committee":
                return types.SimpleNamespace(learner_list=[one, one])
            if wrap == "recalibrated":
                return types.SimpleNamespace(
                    estimators_=[one],
                    predict_posterior=lambda X: query.predict_posterior(one, X),
                )
            return one

        rows = np.arange(len(draws))
        another = learner(self.exchanged(draws))
        # a transform's first block is of 16 galaxies, to see how large their images are
        in_block = "384 to 511" if wrap in ("committee", "recalibrated") else "400 to 527"
        self.check(learner(draws), rows, rows, tmp_path / "scores", in_block, other_learner=another)

    def test_posteriors(self, draws, tmp_path):
        """Predicted already: the draws tell them apart, and so does their likelihood."""
        posterior = VotePosterior(draws)
        path = tmp_path / "scores"
        another = VotePosterior(self.exchanged(draws))
        self.check(posterior, None, None, path, other_learner=another)
        concentration = np.full(draws.shape, 50.0)
        concentration[400] = 4
        beta = [BetaBinomial(draws, concentration=c) for c in (50.0, concentration)]
        path = tmp_path / "beta"
        self.check(VotePosterior(beta[0]), None, None, path, other_learner=VotePosterior(beta[1]))


class TestDamagedCheckpoint:
    """Damage is an error that names the file, or does not matter."""

    @pytest.fixture
    def scoring(self, monkeypatch, tmp_path):
        monkeypatch.setattr(_pools, "_MOST", ALIGNED)
        pool = np.random.default_rng(0).uniform(size=(6 * ALIGNED, 4))
        path = tmp_path / "scores.sqlite"

        def score():
            return query.score_pool(Predictor(), pool, checkpoint=path)

        return score, path

    def after(self, content, scoring, expected):
        """True if the damaged file is refused, with its name; else the scores are right."""
        score, path = scoring
        path.write_bytes(content)
        problem = ""
        try:
            np.testing.assert_array_equal(score(), expected)
        except (ValueError, OSError) as error:
            problem = str(error)
        assert not problem or ("scores.sqlite" in problem and "`checkpoint` must be" in problem)
        return bool(problem)

    def test_flipped_bits(self, scoring):
        score, path = scoring
        expected, content = score(), path.read_bytes()
        rng = np.random.default_rng(1)
        refused = 0
        for _ in range(150):
            damaged = bytearray(content)
            damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
            refused += self.after(bytes(damaged), scoring, expected)
        assert refused > 30

    def test_cut(self, scoring):
        score, path = scoring
        expected, content = score(), path.read_bytes()
        lengths = np.random.default_rng(2).integers(20, len(content), 30)
        refused = [self.after(content[:length], scoring, expected) for length in lengths]
        assert all(refused)

    @pytest.mark.parametrize(
        "edit",
        [
            "UPDATE blocks SET scores = means, means = scores WHERE number = 2",
            "UPDATE blocks SET number = -number",
            "DELETE FROM blocks WHERE number = 2",
            "UPDATE blocks SET scores = 'text' WHERE number = 1",
            "UPDATE blocks SET galaxies = NULL",
            "UPDATE scoring SET description = 'galaxies'",
            "DELETE FROM scoring",
            "ALTER TABLE blocks DROP COLUMN means",
        ],
    )
    def test_edited(self, edit, scoring):
        score, path = scoring
        score()
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute(edit)
        which = "which lacks the column 'means'" if "DROP" in edit else "which is da"
        with pytest.raises(ValueError, match=rf"`checkpoint` must be .*scores.sqlite', {which}"):
            score()

    def test_two_processes(self, scoring):
        """The second to write a block is stopped, and told why."""
        _, path = scoring
        pool = np.random.default_rng(0).uniform(size=(3 * ALIGNED, 4))

        def meddle(X):
            if path.exists():
                with contextlib.closing(sqlite3.connect(path)) as database, database:
                    database.execute("INSERT INTO blocks VALUES (0, '', '', '', '')")
            return VotePosterior(X)

        learner = types.SimpleNamespace(predict_posterior=meddle)
        with pytest.raises(RuntimeError, match=r"scores.sqlite', which another process writes, to"):
            query.score_pool(learner, pool, checkpoint=path)

    def test_full_disk(self, scoring, monkeypatch):
        score, path = scoring
        connect = sqlite3.connect

        def small(*args, **kwargs):
            database = connect(*args, **kwargs)
            database.execute("PRAGMA max_page_count = 5")
            return database

        monkeypatch.setattr(sqlite3, "connect", small)
        with pytest.raises(
            OSError, match=r"scores.sqlite'.* nothing in it is lost: free some spac"
        ):
            score()
        monkeypatch.setattr(sqlite3, "connect", connect)
        scores = score()
        path.unlink()
        np.testing.assert_array_equal(score(), scores)


class TestBadPools:
    @pytest.mark.parametrize(
        ("X", "got"),
        [
            (5, "Got int"),
            ("abc", "Got str"),
            ({"a": [0.5]}, "Got dict"),
            ({0.5}, "Got set"),
            ((row for row in [[0.5]]), "Got generator"),
            (np.float64(0.5), "Got float64 without rows"),
            (scipy.sparse.eye(3).tocsr(), "a sparse array; pass `toarray"),
        ],
    )
    def test_no_rows(self, X, got):
        with pytest.raises(TypeError, match=f"`X` must hold galaxies in rows.*{got}"):
            query.score_pool(Predictor(), X)

    @pytest.mark.parametrize("score", [None, "mutual_information"])
    def test_no_function(self, score):
        with pytest.raises(TypeError, match="`score` must be a function"):
            query.score_pool(Predictor(), [[0.5]], score)

    @pytest.mark.parametrize("result", [["a"], [1j], [np.ma.masked]])
    def test_no_numbers(self, result):
        with pytest.raises(ValueError, match="score"):
            query.score_pool(Predictor(), [[0.5]], lambda posterior, n_votes: result)

    def test_a_class(self):
        with pytest.raises(TypeError, match=r"fitted estimator .*Got the class Predictor"):
            query.score_pool(Predictor, [[0.5]])

    @pytest.mark.parametrize(
        ("path", "error", "message"),
        [
            (5, TypeError, "`checkpoint` must be a path"),
            (b"scores", TypeError, "`checkpoint` must be a path"),
            ("a\0b", ValueError, "`checkpoint` must be a path"),
            ("/dev/null", OSError, "`checkpoint` must be a file, not a folder, a pipe or a device"),
        ],
    )
    def test_no_file(self, path, error, message):
        with pytest.raises(error, match=message):
            query.score_pool(Predictor(), [[0.5]], checkpoint=path)

    def test_fewer_rows_than_galaxies(self):
        """Else every galaxy behind the missing one would get the score of another."""

        class Drops(Predictor):
            def predict_posterior(self, X):
                return super().predict_posterior(X[1:])

            def embed(self, X):
                return X[:-1]

        class Leaves(FunctionTransformer):
            def transform(self, X):
                return X[:2]

        X = np.full((3, 2), 0.5)
        with pytest.raises(ValueError, match=r"one row per galaxy, 3 here. Got 2"):
            query.score_pool(Drops(), X)
        with pytest.raises(ValueError, match=r"one row per galaxy, 3 here. Got 2"):
            query.predict_posterior(make_pipeline(FunctionTransformer(), Drops()), X)
        with pytest.raises(ValueError, match=r"every galaxy into one row, 3 here. Got 2"):
            query.score_pool(make_pipeline(Leaves(), Predictor()), X)

    def test_no_posterior(self):
        learner = types.SimpleNamespace(predict_posterior=lambda X: np.asarray(X))
        with pytest.raises(TypeError, match=r"must return a VotePosterior. Got ndarray"):
            query.score_pool(learner, [[0.5]])
