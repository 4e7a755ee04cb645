"""The loop: it asks what the hand-written one asks, copies no pixel, and stops when it should."""

import copy
import functools
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
from modAL.models import ActiveLearner
from PIL import Image
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from skgalaxy import BayesianCNNRegressor, VotePosterior, active, query
from skgalaxy.active._fingerprint import array_text, fingerprint, text_of
from skgalaxy.images import ImageLoader, PoolReader

N_POOL, N_TEST = 120, 40


class Smoother(RegressorMixin, BaseEstimator):
    """Vote fractions of images that look alike, with a noise of its own."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.X_, self.rho_ = self._brightness(X), y[:, 0] / np.maximum(y[:, 1], 1)
        self.noise_ = np.random.RandomState(self.random_state).normal(size=8) / 10
        return self

    def _brightness(self, X):
        return np.asarray(X, dtype=float).reshape(len(X), -1).mean(axis=1)

    def predict(self, X):
        weight = np.exp(-np.abs(self._brightness(X)[:, None] - self.X_) / 10)
        return weight @ self.rho_ / weight.sum(axis=1)

    def predict_posterior(self, X):
        return VotePosterior(np.clip(self.predict(X)[:, None] + self.noise_, 0, 1))

    def score(self, X, y):
        return -float(np.mean((self.predict(X) - y[:, 0] / y[:, 1]) ** 2))


@pytest.fixture(scope="module")
def sky():
    """Return images as bright as their vote fraction, and votes [k, N]."""
    rng = np.random.default_rng(0)
    rho = rng.uniform(0.05, 0.95, N_POOL + N_TEST)
    images = (200 * rho[:, None, None] + 10 * rng.normal(size=(len(rho), 8, 8))).clip(0, 255)
    votes = np.column_stack([rng.binomial(40, rho), np.full(len(rho), 40)])
    return images.astype(np.uint8), votes


@pytest.fixture
def job(sky):
    """Return learner, pool, volunteers and further arguments of a small run."""
    images, votes = sky
    model = make_pipeline(PoolReader(images), Smoother())
    learner = ActiveLearner(model, query_strategy=query.mutual_information_sampling)
    pool, test = np.arange(N_POOL), np.arange(N_POOL, N_POOL + N_TEST)
    volunteers = active.SimulatedVolunteers(pool, votes[:N_POOL])
    further = {"initial": 10, "n_instances": 8, "test": (test, votes[test]), "random_state": 0}
    return [learner, pool, volunteers], further


def by_hand(learner, X, votes, start, n_rounds, n_instances):
    """Return the rows that modAL's own loop asks about, per round."""
    learner.fit(X[start], votes[start])
    asked, left = [start], np.setdiff1d(np.arange(len(X)), start)
    for _ in range(n_rounds):
        picked, _ = learner.query(X[left], n_instances=n_instances)
        learner.teach(X[left[picked]], votes[left[picked]])
        asked.append(left[picked])
        left = np.delete(left, picked)
    return asked


class TestSameAsByHand:
    """With the same answers, `run` and a hand-written loop of modAL ask the same galaxies."""

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("strategy", [query.mutual_information_sampling, query.random_sampling])
    def test_random_answers(self, sky, strategy, seed):
        images, _ = sky
        rng = np.random.default_rng(seed)
        n_votes = rng.integers(1, 60, N_POOL)
        votes = np.column_stack([rng.integers(0, n_votes + 1), n_votes])
        start = rng.permutation(N_POOL)[:10]
        model = make_pipeline(PoolReader(images), Smoother(random_state=seed))
        learner = ActiveLearner(model, query_strategy=partial(strategy, random_state=5))
        pool = np.arange(N_POOL)
        result = active.run(
            learner,
            pool,
            active.SimulatedVolunteers(pool, votes),
            initial=start,
            n_instances=7,
            n_rounds=4,
            random_state=99,
        )
        expected = by_hand(copy.deepcopy(learner), pool, votes, start, 4, 7)
        rows = [group.tolist() for _, group in result.asked.groupby("round")["row"]]
        assert rows == [asked.tolist() for asked in expected]
        np.testing.assert_array_equal(result.learner.y_training, votes[np.concatenate(expected)])

    @pytest.mark.parametrize("warm_start", [False, True])
    def test_network(self, sky, small, warm_start):
        """With a real network, too, and in a warm one's own way."""
        images, votes = sky
        model = BayesianCNNRegressor(**small, warm_start=warm_start)
        learner = ActiveLearner(
            make_pipeline(PoolReader(images), model),
            query_strategy=partial(query.mutual_information_sampling, random_state=5),
        )
        pool, start = np.arange(N_POOL), np.arange(0, N_POOL, 6)
        result = active.run(
            learner,
            pool,
            active.SimulatedVolunteers(pool, votes[:N_POOL]),
            initial=start,
            n_instances=10,
            n_rounds=2,
        )
        other = copy.deepcopy(learner)
        expected = by_hand(other, pool, votes, start, 2, 10)
        assert result.asked["row"].tolist() == np.concatenate(expected).tolist()
        np.testing.assert_array_equal(result.learner.predict(pool), other.predict(pool))

    def test_images_by_paths(self, sky, tmp_path):
        """Paths through an ImageLoader are asked about as row numbers are."""
        images, votes = sky
        paths = [tmp_path / f"{row}.png" for row in range(N_POOL)]
        for image, path in zip(images, paths, strict=False):
            Image.fromarray(image).save(path)
        asked = []
        for pool, reader in [
            (np.arange(N_POOL), PoolReader(images)),
            (paths, ImageLoader(size=8)),
            (pd.Series(map(str, paths)), ImageLoader(size=8)),
        ]:
            learner = ActiveLearner(
                make_pipeline(reader, Smoother()), query.mutual_information_sampling
            )
            result = active.run(
                learner,
                pool,
                active.SimulatedVolunteers(range(N_POOL), votes[:N_POOL]),
                ids=range(N_POOL),
                initial=10,
                n_instances=5,
                n_rounds=2,
                random_state=1,
            )
            asked.append(result.asked)
        assert asked[0].equals(asked[1])
        assert asked[0].equals(asked[2])


class TestRun:
    def test_tables(self, job):
        arguments, further = job
        result = active.run(*arguments, **further, n_rounds=3)
        assert result.rounds["round"].tolist() == [0, 1, 2, 3]
        assert result.rounds["n_asked"].tolist() == [10, 8, 8, 8]
        assert result.rounds["n_labelled"].tolist() == [10, 18, 26, 34]
        assert result.rounds["n_votes_learned"].tolist() == [400, 720, 1040, 1360]
        assert list(result.rounds) == [
            "round",
            "seed",
            "n_asked",
            "n_labelled",
            "n_votes_learned",
        ] + [
            "model",
            "test_score",
        ]
        assert result.rounds["test_score"].between(-1, 0).all()
        assert result.rounds["model"].is_unique
        asked = result.asked
        assert asked["row"].is_unique
        assert (asked["id"] == asked["row"].astype(str)).all()
        assert asked["score"].isna().tolist() == [True] * 10 + [False] * 24
        for _, group in asked[asked["round"] > 0].groupby("round"):
            assert group["score"].is_monotonic_decreasing
            assert group["rank"].tolist() == list(range(8))
        votes = arguments[2]
        votes.request(asked["id"])
        np.testing.assert_array_equal(asked[["k", "n_votes"]].to_numpy(int), votes.collect()[1])
        assert result.status == "n_rounds is reached"
        assert repr(result) == (
            "Result(4 rounds, 34 galaxies asked about, 1360 votes; n_rounds is reached)"
        )

    def test_same_seed_same_run(self, job):
        arguments, further = job
        further["n_scored"] = 30
        runs = [
            active.run(*arguments, **{**further, "random_state": seed}, n_rounds=2).asked
            for seed in (0, 0, 1)
        ]
        assert runs[0].equals(runs[1])
        assert not runs[0].equals(runs[2])

    def test_nothing_given_is_changed(self, job):
        arguments, further = job
        learner, pool, _ = arguments
        before, state = pool.copy(), np.random.get_state()[1].copy()
        result = active.run(*arguments, **further, n_rounds=1)
        assert learner.X_training is None
        assert not hasattr(learner.estimator[-1], "X_")
        assert learner.estimator[-1].random_state is None
        assert result.learner is not learner
        assert result.learner.estimator[0].images is learner.estimator[0].images
        np.testing.assert_array_equal(pool, before)
        np.testing.assert_array_equal(np.random.get_state()[1], state)

    def test_candidates(self, job):
        """So many of the pool are scored, others each round, none that has been asked."""
        arguments, further = job
        learner, seen = arguments[0], []

        def strategy(learner, X, n_instances=1, *, random_state=None):
            seen.append(X)
            return query.random_sampling(learner, X, n_instances, random_state=random_state)

        learner.query_strategy = strategy
        result = active.run(*arguments, **further, n_rounds=3, n_scored=20)
        assert [len(X) for X in seen] == [20, 20, 20]
        for number, X in enumerate(seen):
            asked = result.asked.loc[result.asked["round"] <= number, "row"]
            assert not np.isin(X, asked).any()
        assert len(np.unique(seen)) > 30

    def test_expected_votes(self, job):
        """N per galaxy goes to the strategy, of the candidates."""
        arguments, further = job
        n_votes, seen = np.arange(N_POOL) + 5, []

        def strategy(learner, X, n_instances=1, *, n_votes=40):
            seen.append((X, n_votes))
            return query.mutual_information_sampling(learner, X, n_instances, n_votes=n_votes)

        arguments[0].query_strategy = strategy
        active.run(*arguments, **further, n_rounds=1, n_votes=n_votes)
        active.run(*arguments, **further, n_rounds=1)
        np.testing.assert_array_equal(seen[0][1], seen[0][0] + 5)
        assert np.ndim(seen[1][1]) == 0

    def test_expected_votes_go_through_a_strategy_made_of_another(self, job):
        arguments, further = job
        n_votes = np.where(np.arange(N_POOL) < 60, 5, 80)
        scores = []
        for strategy in (
            query.mutual_information_sampling,
            query.mix_random(query.mutual_information_sampling, 0.0),
        ):
            arguments[0].query_strategy = strategy
            result = active.run(*arguments, **further, n_rounds=1, n_votes=n_votes)
            scores.append(result.asked["score"].to_numpy())
        np.testing.assert_array_equal(*scores)

    def test_a_strategy_of_yours_need_not_take_expected_votes(self, job):
        arguments, further = job

        def first(learner, X, n_instances=1, *, random_state=3):
            return np.arange(n_instances), np.zeros(n_instances)

        arguments[0].query_strategy = query.mix_random(first, 0.5)
        runs = [active.run(*arguments, **further, n_rounds=1, n_votes=5) for _ in range(2)]
        assert runs[0].asked.equals(runs[1].asked)  # the random share is seeded by the run

    def test_taught_learner(self, job, sky):
        """What a learner knows already is kept, tested at once, and not asked about."""
        (learner, pool, volunteers), further = job
        _, votes = sky
        learner.teach(pool[:30], votes[:30])
        result = active.run(learner, pool, volunteers, **{**further, "initial": 0}, n_rounds=2)
        assert result.rounds["n_labelled"].tolist() == [30, 38, 46]
        assert result.rounds["n_votes_learned"].tolist() == [1200, 1520, 1840]
        assert result.asked["row"].min() >= 30
        np.testing.assert_array_equal(result.learner.X_training[:30], pool[:30])

    def test_callbacks(self, job):
        arguments, further = job
        seen = []
        callbacks = [seen.append, lambda result: None]
        result = active.run(*arguments, **further, n_rounds=2, callbacks=callbacks)
        assert [len(each.rounds) for each in seen] == [1, 2, 3]
        assert [each.status for each in seen] == ["going on"] * 3
        assert seen[-1].asked.equals(result.asked)

    def test_progress(self, job, capfd, monkeypatch):
        monkeypatch.setenv("COLUMNS", "300")  # a bar is cut at the width of the terminal
        monkeypatch.setenv("LINES", "50")
        arguments, further = job
        active.run(*arguments, **further, n_rounds=1, verbose=True)
        shown = capfd.readouterr().err
        assert "active learning: 100%" in shown
        assert "score=" in shown

    def test_scores(self, job):
        arguments, further = job

        def bias(learner, X, y):
            return learner.predict(X).mean() - (y[:, 0] / y[:, 1]).mean()

        for scoring, names in [
            ({"bias": bias, "again": bias}, ["bias", "again"]),
            (bias, ["test_score"]),
        ]:
            rounds = active.run(*arguments, **further, n_rounds=1, scoring=scoring).rounds
            assert list(rounds)[6:] == names
            assert (rounds[names[0]] == rounds[names[-1]]).all()

    def test_score_that_is_no_number(self, job):
        arguments, further = job
        scoring = {"odd": lambda *args: np.nan}
        rounds = active.run(*arguments, **further, n_rounds=1, scoring=scoring).rounds
        assert rounds["odd"].isna().tolist() == [True, True]

    def test_galaxy_without_votes(self, job, sky):
        (learner, pool, _), further = job
        votes = sky[1][:N_POOL].copy()
        votes[::2] = 0
        volunteers = active.SimulatedVolunteers(pool, votes)
        result = active.run(learner, pool, volunteers, **further, n_rounds=2)
        assert result.n_waiting == 0
        assert (result.asked["n_votes"] == 0).any()


class TestStopping:
    @pytest.mark.parametrize(
        ("rule", "status", "n_asked"),
        [
            ({"max_labels": 30}, "max_labels is reached", [10, 8, 8, 4]),
            ({"max_labels": 26}, "max_labels is reached", [10, 8, 8]),
            ({"max_votes": 1000}, "max_votes is reached", [10, 8, 7]),
            ({"max_votes": 1000, "n_votes": 50}, "max_votes is reached", [10, 8, 5, 1]),
            ({"n_rounds": 0}, "n_rounds is reached", [10]),
            ({"n_rounds": 1, "max_labels": 90}, "n_rounds is reached", [10, 8]),
            ({"n_instances": 60}, "the pool is exhausted", [10, 60, 50]),
            (
                {"stop": active.Target("test_score", -1.0)},
                "Target(test_score='test_score', value=-1.0)",
                [10],
            ),
            (
                {"stop": [active.Plateau("test_score", n_rounds=2, min_gain=9.0)]},
                "Plateau(test_score='test_score', n_rounds=2, min_gain=9.0)",
                [10, 8, 8],
            ),
        ],
    )
    def test_reason(self, job, rule, status, n_asked):
        arguments, further = job
        result = active.run(*arguments, **{**further, **rule})
        assert result.status == status
        assert result.rounds["n_asked"].tolist() == n_asked
        assert result.n_waiting == 0

    def test_votes_are_never_more_than_max_votes(self, job, sky):
        (learner, pool, _), further = job
        n_votes = np.where(np.arange(N_POOL) % 10, 2, 80)
        k = (n_votes * sky[1][:N_POOL, 0] / 40).astype(int)
        volunteers = active.SimulatedVolunteers(pool, np.stack([k, n_votes], axis=1))
        budget = {**further, "n_votes": n_votes, "max_votes": 500, "initial": np.arange(1, 10)}
        result = active.run(learner, pool, volunteers, **budget)
        assert result.status == "max_votes is reached"
        assert 420 < result.rounds["n_votes_learned"].iloc[-1] <= 500  # less than 80 are left
        for initial in (np.array([0, 10]), 2):
            budget |= {"max_votes": 159, "initial": initial}
            with pytest.raises(ValueError, match=r"`max_votes` must .* may take 160 votes. Got 15"):
                active.run(learner, pool, volunteers, **budget)

    def test_own_rule(self, job):
        arguments, further = job

        def enough(rounds):
            return len(rounds) == 2

        assert active.run(*arguments, **further, stop=enough).status == "enough"

    def test_rules(self):
        rounds = pd.DataFrame({"d2": [0.1, 0.5, 0.4, np.nan]})
        assert not active.Target("d2", 0.4)(rounds)
        assert active.Target("d2", 0.4)(rounds[:3])
        assert not active.Plateau("d2", n_rounds=3)(rounds)
        assert active.Plateau("d2", n_rounds=2)(rounds)
        assert not active.Plateau("d2", n_rounds=9)(rounds)
        with pytest.raises(ValueError, match=r"`test_score` must be a score of the run. Got 'x'"):
            active.Target("x", 1)(rounds)
        with pytest.raises(ValueError, match="`value`"):
            active.Target("d2", np.inf)
        with pytest.raises(ValueError, match="`n_rounds`"):
            active.Plateau("d2", n_rounds=0)
        with pytest.raises(ValueError, match="`min_gain`"):
            active.Plateau("d2", min_gain=-1)


class TestWaiting:
    def test_goes_on_when_they_answer(self, job, sky, tmp_path):
        """Without answers nothing is trained; partial ones are kept; all, and the run goes on."""
        (learner, pool, quick), further = job
        calls = []

        class Late(active.SimulatedVolunteers):
            n_answered = 0

            def request(self, ids):
                calls.append(list(ids))
                super().request(ids)

            def collect(self):
                ids, votes = super().collect()
                return ids[: self.n_answered], votes[: self.n_answered]

        late = Late(pool, sky[1][:N_POOL])
        further |= {"ledger": tmp_path / "run.sqlite", "n_rounds": 1}
        result = active.run(learner, pool, late, **further)
        assert (result.status, result.n_waiting) == ("waiting for 10 galaxies", 10)
        assert len(result.rounds) == 0
        assert result.asked["k"].isna().all()
        late.n_answered = 7
        assert active.run(learner, pool, late, **further).n_waiting == 3
        assert not hasattr(active.run(learner, pool, late, **further).learner.estimator[-1], "X_")
        late.n_answered = 99
        result = active.run(learner, pool, late, **further)
        assert result.n_waiting == 0
        del further["ledger"]
        assert result.asked.equals(active.run(learner, pool, quick, **further).asked)
        assert [len(ids) for ids in calls] == [10, 10, 3, 3, 8]

    def test_first_answer_counts(self, job, tmp_path):
        """Votes that come in later do not change what was learned from."""
        (learner, pool, _), further = job

        class Growing:
            n_votes = 0

            def request(self, ids):
                self.ids = ids

            def collect(self):
                self.n_votes += 1
                return self.ids[:-1], np.tile([[1, self.n_votes]], (len(self.ids) - 1, 1))

        growing = Growing()
        further |= {"ledger": tmp_path / "run.sqlite", "n_rounds": 0}
        for _ in range(3):
            result = active.run(learner, pool, growing, **further)
        assert result.asked["n_votes"][:9].tolist() == [1] * 9


class TestBadInput:
    @pytest.mark.parametrize(
        ("changed", "error", "message"),
        [
            ({"initial": -1}, ValueError, "`initial` must be an integer >= 0. Got -1"),
            ({"initial": 0}, ValueError, "`initial` must be at least 1, unless"),
            ({"initial": 500}, ValueError, "`initial` must not exceed the 120"),
            ({"initial": 50, "max_labels": 40}, ValueError, "nor `max_labels`. Got 50"),
            ({"initial": [3, 3]}, ValueError, "Got a row twice"),
            ({"initial": [3, 500]}, ValueError, "Got 500 at 1"),
            ({"initial": [0.5]}, TypeError, "`initial` must be an integer, or rows"),
            ({"initial": "ten"}, TypeError, "`initial` must be an integer"),
            ({"n_instances": 0}, ValueError, "`n_instances`"),
            ({"n_instances": None}, TypeError, "`n_instances`"),
            ({"n_instances": 2.0}, TypeError, "`n_instances`"),
            ({"n_rounds": -1}, ValueError, "`n_rounds`"),
            ({"max_labels": 0}, ValueError, "`max_labels`"),
            ({"max_votes": True}, TypeError, "`max_votes`"),
            ({"n_scored": 7}, ValueError, "`n_scored` must be an integer >= 8"),
            ({"n_votes": -3}, ValueError, "`n_votes`"),
            ({"n_votes": [1, 2]}, ValueError, r"shape \(120,\). Got shape \(2,\)"),
            ({"ids": ["a"]}, ValueError, "`ids` must be one per galaxy of the pool, 120. Got 1"),
            ({"ids": ["a"] * 120}, ValueError, "`ids` must not repeat"),
            ({"ids": np.arange(120.0)}, ValueError, "`ids` must be text or integers"),
            ({"test": np.arange(3)}, TypeError, r"`test` must be None or \(X, y\)"),
            ({"test": ([1, 2], [[1, 2], [3, 4]])}, ValueError, "no galaxy of the pool.*Got 1"),
            ({"test": ([121, 122], [[1, 2]])}, ValueError, "same number of rows"),
            ({"test": ([121], [[5, 2]])}, ValueError, "must not exceed"),
            ({"test": None, "scoring": "r2"}, ValueError, "`scoring` needs a `test` set"),
            ({"scoring": "nonsense"}, ValueError, "nonsense"),
            ({"scoring": {"seed": "r2"}}, ValueError, "other names than round, seed.*'seed'"),
            ({"stop": "never"}, TypeError, "`stop` must be a callable"),
            ({"stop": active.Target("d2", 1)}, ValueError, "`stop` must be about scores of `test`"),
            ({"callbacks": [3]}, TypeError, "`callbacks` must be a callable"),
            ({"random_state": -1}, ValueError, "`random_state`"),
            ({"random_state": "x"}, TypeError, "`random_state`"),
            ({"verbose": 1}, TypeError, "`verbose` must be True or False"),
            ({"initial": np.ma.array([1, 2], mask=[0, 1])}, ValueError, "`initial` must have no m"),
            ({"initial": [[1], [2, 3]]}, ValueError, "`initial` must be an array"),
            ({"n_votes": np.ma.array([1] * 120, mask=True)}, ValueError, "`n_votes` must have no"),
            ({"ids": np.ma.array(range(120), mask=[True] + [False] * 119)}, ValueError, "`ids`"),
            ({"test": (None, None)}, ValueError, r"`test` must be \(X, y\)"),
            ({"test": ([], [])}, ValueError, "`test` must have at least one galaxy"),
            ({"test": ([121], ["a"])}, ValueError, "`test` must be.*Got text"),
            ({"test": (np.ma.array([121], mask=True), [0.5])}, ValueError, "`test` must have no m"),
            ({"scoring": {}}, ValueError, "`scoring` must be as in"),
            ({"scoring": {"a": 3}}, TypeError, "`scoring` must be as in"),
            ({"scoring": 3}, ValueError, "`scoring` must be as in"),
            ({"ledger": 3}, TypeError, "`ledger` must be a path"),
            ({"ledger": "a\0b"}, ValueError, "`ledger` must be a path"),
        ],
    )
    def test_argument(self, job, changed, error, message):
        arguments, further = job
        with pytest.raises(error, match=message):
            active.run(*arguments, **{"n_rounds": 1, **further, **changed})
        assert len(arguments[2].collect()[0]) == 0

    @pytest.mark.parametrize(
        ("pool", "error", "message"),
        [
            (np.zeros((120, 8, 8)), ValueError, "put skgalaxy.images.PoolReader"),
            ([], ValueError, "`pool` must be"),
            (5, ValueError, "`pool` must be"),
            ([1, 1, 2], ValueError, "`pool` must not repeat"),
            ([1.0, 2.0], ValueError, "`pool` must be text or integers"),
            ([object(), 3], TypeError, "`pool` must be row numbers or paths"),
            (sparse.csr_matrix(np.eye(120)), TypeError, "`pool` must be an array. Got a sparse"),
            ([[1], [2, 3]], ValueError, "`pool` must be an array"),
            (np.ma.array(range(120), mask=[True] + [False] * 119), ValueError, "`pool` must have"),
        ],
    )
    def test_pool(self, job, pool, error, message):
        (learner, _, volunteers), further = job
        with pytest.raises(error, match=message):
            active.run(learner, pool, volunteers, **further)

    def test_learner(self, job):
        (_, pool, volunteers), further = job
        with pytest.raises(TypeError, match=r"modAL ActiveLearner.*Got Smoother"):
            active.run(Smoother(), pool, volunteers, **further)
        rng = np.random.RandomState(0)
        for learner in (
            ActiveLearner(Smoother(random_state=rng), query_strategy=query.random_sampling),
            ActiveLearner(Smoother(), partial(query.random_sampling, random_state=rng)),
        ):
            with pytest.raises(TypeError, match="could not be repeated"):
                active.run(learner, pool, volunteers, **further)
        learner = ActiveLearner(LinearRegression(), query.random_sampling)
        learner.teach(pool[:9, None], np.linspace(0, 1, 9))
        with pytest.raises(ValueError, match=r"`learner.y_training` must be counts \[k, N\]"):
            active.run(learner, pool[:, None], volunteers, **{**further, "test": None})

    def test_volunteers(self, job):
        (learner, pool, _), further = job
        with pytest.raises(TypeError, match="`volunteers` must have the methods"):
            active.run(learner, pool, lambda ids: ids, **further)
        with pytest.raises(TypeError, match="`volunteers` must have the methods"):
            active.run(learner, pool, active.SimulatedVolunteers, **further)

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda ids: None, r"must return \(ids, votes\)"),
            (lambda ids: (ids, np.zeros(len(ids))), r"shape \(10, 2\). Got shape \(10,\)"),
            (lambda ids: (ids[:-1], np.ones((10, 2))), r"shape \(9, 2\). Got shape \(10, 2\)"),
            (lambda ids: (ids, np.full((10, 2), 0.5)), "whole numbers"),
            (lambda ids: (ids, np.full((10, 2), np.nan)), "whole numbers|NaN"),
            (lambda ids: (ids, np.full((10, 2), "1")), "real numbers. Got text"),
            (lambda ids: (ids, [[1, 2]] * 9 + [[1]]), "unequal length"),
            (lambda ids: (ids, np.full((10, 2), 2**60)), "at most 2"),
            (lambda ids: (ids, None), r"`volunteers.collect\(\)` must return"),
            (lambda ids: (None, np.ones((10, 2))), "`ids` must have shape"),
            (lambda ids: (np.ma.array(ids, mask=True), np.ones((10, 2))), "masked"),
            (lambda ids: (ids.astype(float), np.ones((10, 2))), "last digits"),
            (lambda ids: (ids, np.tile([[3, 2]], (10, 1))), "k must not exceed"),
            (lambda ids: (ids, np.tile([[-1, 2]], (10, 1))), "whole numbers >= 0"),
            (lambda ids: (np.tile(ids, 2), np.ones((20, 2))), "must not repeat"),
        ],
    )
    def test_answers(self, job, answer, message, tmp_path):
        (learner, pool, good), further = job

        class Odd:
            def request(self, ids):
                self.ids = ids

            def collect(self):
                return answer(self.ids)

        further |= {"ledger": tmp_path / "run.sqlite", "n_rounds": 1}
        with pytest.raises(ValueError, match=message):
            active.run(learner, pool, Odd(), **further)
        assert active.run(learner, pool, good, **further).n_waiting == 0

    def test_masked_answers_are_none(self, job):
        """The galaxies go on waiting: an answer without votes would be the last."""
        (learner, pool, good), further = job

        class Gaps:
            def request(self, ids):
                good.request(ids)
                self.mask = np.arange(2 * len(ids)).reshape(-1, 2) % 5 == 0

            def collect(self):
                ids, votes = good.collect()
                return ids, np.ma.array(np.where(self.mask, -7, votes), mask=self.mask)

        result = active.run(learner, pool, Gaps(), **further)
        assert result.status == "waiting for 4 galaxies"
        assert result.asked["k"].isna().tolist() == [True, False, True, False, False] * 2
        good.request(result.asked["id"])
        votes = good.collect()[1][result.asked["k"].notna()]
        answered = result.asked.dropna(subset="k")
        np.testing.assert_array_equal(answered[["k", "n_votes"]].to_numpy(int), votes)

    def test_answers_about_others_are_passed_over(self, job):
        """If all have answered nobody is told; else an id may have been written otherwise."""
        (learner, pool, good), further = job

        class Busy:
            fewer = 0

            def request(self, ids):
                good.request(ids)

            def collect(self):
                ids, votes = good.collect()
                ids = np.concatenate([ids[self.fewer :], [f"g{id_}" for id_ in ids[: self.fewer]]])
                return [*ids, "x"], [*votes, (9, 2)]

        busy = Busy()
        assert active.run(learner, pool, busy, **further, n_rounds=1).n_waiting == 0
        busy.fewer = 3
        result = active.run(learner, pool, busy, **further, n_rounds=1)
        assert result.n_waiting == 3
        assert "waiting for 3 galaxies; 4 answers are about none of the pool, such as '" in (
            result.status
        )

    @pytest.mark.parametrize(
        "picked",
        [
            lambda n: np.arange(n),
            lambda n: (np.arange(n + 1), np.zeros(n + 1)),
            lambda n: (np.zeros(n, int), np.zeros(n)),
            lambda n: (np.arange(n) - 1, np.zeros(n)),
            lambda n: (np.arange(n) + 500, np.zeros(n)),
            lambda n: (np.arange(n) / 2, np.zeros(n)),
            lambda n: (np.arange(n), np.zeros(1)),
        ],
    )
    def test_strategy(self, job, picked):
        (learner, pool, volunteers), further = job
        learner.query_strategy = lambda learner, X, n_instances: picked(n_instances)
        with pytest.raises(ValueError, match=r"must return \(indices, scores\) of 8 distinct"):
            active.run(learner, pool, volunteers, **further)

    def test_strategy_that_raises_is_called_once(self, job):
        (learner, pool, volunteers), further = job
        calls = []

        def broken(learner, X, n_instances):
            calls.append(n_instances)
            raise KeyError("broken")

        learner.query_strategy = broken
        with pytest.raises(KeyError, match="broken"):
            active.run(learner, pool, volunteers, **further)
        assert calls == [8]


class TestFingerprint:
    """Texts that differ for what differs, and for nothing else."""

    def test_functions(self):
        def made(width):
            return lambda learner, X: width

        assert text_of(made(1)) == text_of(made(1)) != text_of(made(2))
        assert text_of(query.random_sampling) == "random_sampling"

        def limited(strategy, least):
            @functools.wraps(strategy)
            def ask(*args, **options):
                return strategy(*args, **options) if least else None

            return ask

        wrapped = [text_of(limited(query.random_sampling, least)) for least in (1, 1, 2)]
        assert wrapped[0] == wrapped[1] != wrapped[2]
        texts = [
            fingerprint("query_strategy", partial(query.mutual_information_sampling, **given))
            for given in ({"n_votes": 5}, {"n_votes": np.int64(5), "verbose": True}, {"n_votes": 6})
        ]
        assert texts[0] == texts[1] != texts[2]

    def test_estimators(self, sky):
        images, _ = sky
        texts = [
            fingerprint(
                "learner",
                make_pipeline(PoolReader(pixels), BayesianCNNRegressor(**given)),
            )
            for pixels, given in [
                (images, {}),
                (images.copy(), {"verbose": True}),
                (images, {"epochs": 3}),
                (images[::-1], {}),
            ]
        ]
        assert texts[0] == texts[1]
        differing = [{key for key in texts[0] if texts[0][key] != text[key]} for text in texts[2:]]
        assert differing == [
            {"learner.bayesiancnnregressor__epochs"},
            {"learner.poolreader__images"},
        ]

    def test_arrays(self):
        large = np.zeros((3000, 200))
        changed = large.copy()
        changed[-1, 5] = 1
        assert array_text(large) != array_text(changed)
        assert array_text(np.array(["a", "b"])) == array_text(np.array(["a", "b"], dtype="U9"))
        assert array_text(np.arange(3)) != array_text(np.arange(3.0))

    def test_odd_things(self):
        circle = {}
        circle["self"] = circle
        assert isinstance(text_of(circle), str)
        assert text_of({1: (None, True, "x", 2.5)}) == "{1: (None, True, 'x', 2.5)}"
        assert "object" in text_of(object())


def test_overhead_per_round(job):
    """What the loop adds to a round does not matter beside a second of training."""
    (learner, pool, volunteers), further = job
    began = time.process_time()
    result = active.run(learner, pool, volunteers, **further)
    assert (time.process_time() - began) / len(result.rounds) < 0.1
