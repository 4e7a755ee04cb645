"""One contract for every query strategy, and what each promises beside it."""

import inspect
import pickle
import re
import runpy
import sys
import types
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from modAL.models import ActiveLearner, CommitteeRegressor
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skgalaxy import VotePosterior, _pools, acquisition, query
from skgalaxy.exceptions import TooFewDrawsWarning
from skgalaxy.likelihoods import BetaBinomial
from skgalaxy.query import _pool as query_pool_module
from skgalaxy.query._strategy import score_strategy

N_POOL, N_DRAWS, N_TARGETS = 60, 64, 15  # draws tell fewer galaxies apart than there are


def interval_width(posterior, n_votes):
    low, high = posterior.interval(0.9)
    return high - low


STRATEGIES = {
    "mutual_information": query.mutual_information_sampling,
    "jackknife": partial(query.mutual_information_sampling, jackknife=True),
    "predictive_entropy": query.predictive_entropy_sampling,
    "variance": query.variance_sampling,
    "random": query.random_sampling,
    "power": query.power_sampling,
    "joint": query.joint_sampling,
    "joint_variance": query.joint_variance_sampling,
    "diverse": query.diverse_sampling,
    "epig": partial(query.epig_sampling, n_targets=N_TARGETS),
    "composed": query.make_query(interval_width),
    "composed_power": query.make_query(interval_width, query.select_power),
    "composed_joint": query.make_query(
        VotePosterior.mutual_information, query.select_jointly, n_candidates=20
    ),
    "mixed": query.mix_random(query.mutual_information_sampling, share=0.3),
    "mixed_joint": query.mix_random(query.joint_sampling, share=0.3),
}
IN_ANY_ORDER = {"power", "composed_power"}  # their scores are of galaxies in the order drawn
BY_VOTES = {
    "mutual_information",
    "jackknife",
    "predictive_entropy",
    "variance",
    "power",
    "joint",
    "joint_variance",
}

every_strategy = pytest.mark.parametrize("name", list(STRATEGIES))


def test_every_strategy_is_held_to_the_contract():
    functions = [getattr(strategy, "func", strategy) for strategy in STRATEGIES.values()]
    named = {name for name in query.__all__ if name.endswith("_sampling")}
    assert named <= {getattr(function, "__name__", "") for function in functions}


class Oracle(RegressorMixin, BaseEstimator):
    """A regressor whose draws are its input, which counts what it predicts."""

    def __init__(self, concentration=None):
        self.concentration = concentration

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict_posterior(self, X):
        self.seen_ = [*getattr(self, "seen_", []), len(X)]
        draws = np.asarray(X)
        if self.concentration is None:
            return VotePosterior(draws)
        return VotePosterior(BetaBinomial(draws, self.concentration))


class Batches(keras.utils.PyDataset):
    """Batches of unequal size."""

    def __init__(self, X, size=23):
        super().__init__()
        self.X, self.size = X, size

    def __len__(self):
        return -(-len(self.X) // self.size)

    def __getitem__(self, number):
        return self.X[number * self.size : (number + 1) * self.size]


@pytest.fixture
def pool():
    return np.random.default_rng(0).uniform(size=(N_POOL, N_DRAWS))


def check_result(result, n_instances, n_pool, name):
    assert isinstance(result, tuple)
    indices, scores = result
    assert isinstance(indices, np.ndarray)
    assert isinstance(scores, np.ndarray)
    assert indices.dtype.kind == "i"
    assert scores.dtype == np.float64
    assert indices.shape == scores.shape == (n_instances,)
    assert len(set(indices.tolist())) == n_instances
    assert ((indices >= 0) & (indices < n_pool)).all()
    picked = np.isfinite(scores)
    assert picked.all() or name.startswith("mixed")
    assert (np.diff(picked.astype(int)) <= 0).all()  # those at random come last
    if name not in IN_ANY_ORDER:
        assert (np.diff(scores[picked]) <= 1e-12).all()  # best first


@every_strategy
class TestContract:
    @pytest.mark.parametrize("n_instances", [1, 2, 7, N_POOL])
    def test_indices_and_scores(self, name, n_instances, pool):
        result = STRATEGIES[name](Oracle(), pool, n_instances, random_state=0)
        check_result(result, n_instances, N_POOL, name)

    def test_one_by_default(self, name, pool):
        check_result(STRATEGIES[name](Oracle(), pool), 1, N_POOL, name)

    def test_one_signature(self, name, pool, tmp_path, capsys):
        options = {"n_votes": 10, "random_state": np.random.RandomState(0), "verbose": True}
        result = STRATEGIES[name](
            Oracle(), X=pool, n_instances=3, checkpoint=tmp_path / "s", **options
        )
        check_result(result, 3, N_POOL, name)
        assert ("scores: 100%" in capsys.readouterr().err) == (name != "random")
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            STRATEGIES[name](Oracle(), pool, 5, nonsense=1)

    def test_each_galaxy_is_predicted_once(self, name, pool, monkeypatch):
        monkeypatch.setattr(_pools, "rows_within_budget", lambda X: 16)
        learner = Oracle()
        STRATEGIES[name](learner, pool, n_instances=6, random_state=0)
        beforehand = N_TARGETS if name == "epig" else 0
        expected = 0 if name == "random" else N_POOL + beforehand
        assert sum(getattr(learner, "seen_", [])) == expected

    def test_of_a_posterior(self, name, pool):
        """What was predicted beforehand is a learner; X is all of it, or rows of it."""
        posterior = VotePosterior(pool)
        expected = STRATEGIES[name](Oracle(), pool, 5, random_state=0)
        got = STRATEGIES[name](posterior, None, 5, random_state=0)
        np.testing.assert_array_equal(got[0], expected[0])
        np.testing.assert_array_equal(got[1], expected[1])
        rows = np.r_[3:40, 50:55]
        expected = STRATEGIES[name](Oracle(), pool[rows], 5, random_state=0)
        got = STRATEGIES[name](posterior, rows, 5, random_state=0)
        np.testing.assert_array_equal(got[0], expected[0])
        for wrong in ([60], [-1], [0.0], [[1]], pool, "1", np.ones(60, bool)):
            with pytest.raises(ValueError, match="`X` must be None or row numbers"):
                STRATEGIES[name](posterior, wrong)

    def test_as_if_the_eligible_were_all(self, name, pool, monkeypatch):
        monkeypatch.setattr(_pools, "rows_within_budget", lambda X: 16)
        eligible = np.random.default_rng(1).uniform(size=N_POOL) < 0.6
        n_eligible = int(eligible.sum())
        indices, scores = STRATEGIES[name](Oracle(), pool, 9, eligible=eligible, random_state=0)
        among, expected = STRATEGIES[name](Oracle(), pool[eligible], 9, random_state=0)
        np.testing.assert_array_equal(indices, np.flatnonzero(eligible)[among])
        np.testing.assert_allclose(scores, expected, rtol=1e-12)
        every = STRATEGIES[name](Oracle(), pool, n_eligible, eligible=eligible.tolist())[0]
        assert set(every) == set(np.flatnonzero(eligible))
        learner = Oracle()
        for X, mask, n, problem in (
            (pool, eligible, n_eligible + 1, rf"the {n_eligible} eligible of the 60 galaxies"),
            (pool, eligible[1:], 1, r"`eligible` must be True or False .*\(60,\)\. Got bool"),
            (pool, eligible.astype(int), 1, r"`eligible` must be True or False .*Got int"),
            (pool, np.zeros(60, bool), 1, "must not exceed the 0 eligible"),
            (Batches(pool), eligible, 1, "`eligible` must be None where X is batches"),
        ):
            if name.startswith("mixed") and X is not pool:
                continue  # it counts the galaxies anyhow
            with pytest.raises(ValueError, match=problem):
                STRATEGIES[name](learner, X, n, eligible=mask)
        assert not hasattr(learner, "seen_")

    def test_documented(self, name):
        strategy = STRATEGIES[name]
        while isinstance(strategy, partial):
            strategy = strategy.func
        if strategy.__name__.startswith("_"):
            pytest.skip("made of parts")
        parameters = inspect.signature(strategy).parameters
        first, second, third, *rest = parameters.values()
        assert (first.name, second.name, third.name) == ("learner", "X", "n_instances")
        assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in rest)
        headings = re.findall(r"^(\w+)\n---+$", strategy.__doc__, re.MULTILINE)
        common = ["Parameters", "Returns", "Raises"]
        assert [heading for heading in headings if heading in common] == common
        assert headings[-1] == "Examples"
        text = strategy.__doc__.partition("Parameters\n")[2].partition("Returns\n")[0]
        assert re.findall(r"^(\w+) :", text, re.MULTILINE) == [*parameters]

    def test_ties_follow_the_seed(self, name):
        same = np.tile(np.linspace(0.2, 0.7, N_DRAWS), (40, 1))
        picks = [STRATEGIES[name](Oracle(), same, 5, random_state=s)[0].tolist() for s in (0, 0, 1)]
        assert picks[0] == picks[1] != picks[2]

    def test_no_spread(self, name):
        """All draws agree: nothing is to be told, and galaxies are asked about all the same."""
        sure = np.tile(np.linspace(0, 1, 40)[:, None], (1, N_DRAWS))
        check_result(STRATEGIES[name](Oracle(), sure, 12, random_state=0), 12, 40, name)
        if name not in ("predictive_entropy", "random"):
            scores = STRATEGIES[name](Oracle(), sure, 12, random_state=0)[1]
            np.testing.assert_allclose(scores[np.isfinite(scores)], 0, atol=1e-12)
            picks = [STRATEGIES[name](Oracle(), sure, 12, random_state=s)[0] for s in range(2)]
            assert set(picks[0]) != set(picks[1])

    def test_more_than_the_pool(self, name, pool):
        for X in (pool, Batches(pool)):
            with pytest.raises(ValueError, match=r"`n_instances` must not exceed the 60 galaxies"):
                STRATEGIES[name](Oracle(), X, N_POOL + 1)
        for bad, error in ((0, ValueError), (2.0, TypeError), (True, TypeError)):
            learner = Oracle()
            with pytest.raises(error, match="`n_instances` must be an integer >= 1"):
                STRATEGIES[name](learner, pool, bad)
            assert not hasattr(learner, "seen_")  # before any work

    def test_votes_of_each_galaxy(self, name, pool):
        """A galaxy that nobody would look at tells nothing."""
        n_votes = np.where(np.arange(N_POOL) % 2, np.arange(N_POOL), 0)
        result = STRATEGIES[name](Oracle(), pool, 10, n_votes=n_votes, random_state=0)
        check_result(result, 10, N_POOL, name)
        if name in BY_VOTES:
            assert (result[0] % 2 == 1).all()
        if name != "random":
            with pytest.raises(ValueError, match="`n_votes` must be one integer or one per galaxy"):
                STRATEGIES[name](Oracle(), pool, n_votes=n_votes[1:], random_state=0)

    def test_beta_binomial(self, name, pool):
        """Networks say how much volunteers differ, too."""
        result = STRATEGIES[name](Oracle(concentration=5.0), pool, 10, random_state=0)
        check_result(result, 10, N_POOL, name)
        wide = STRATEGIES[name](Oracle(concentration=0.5), pool, 10, random_state=0)[1]
        if name in {"mutual_information", "joint", "epig", "diverse"}:
            assert wide[0] < result[1][0]  # votes scatter more and tell less

    def test_any_pool(self, name, pool, tmp_path):
        np.save(tmp_path / "pool.npy", pool)
        expected = STRATEGIES[name](Oracle(), pool, 9, random_state=3)
        stored = np.load(tmp_path / "pool.npy", mmap_mode="r")
        for X in (stored, pool.tolist(), pd.DataFrame(pool), Batches(pool)):
            indices, scores = STRATEGIES[name](Oracle(), X, 9, random_state=3)
            np.testing.assert_array_equal(indices, expected[0])
            np.testing.assert_allclose(scores, expected[1], rtol=1e-12)

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda oracle, pool: types.SimpleNamespace(predict_posterior=VotePosterior),
            lambda oracle, pool: make_pipeline(FunctionTransformer(), oracle),
            lambda oracle, pool: ActiveLearner(make_pipeline(oracle)),
            lambda oracle, pool: make_pipeline(GridSearchCV(oracle, {}, scoring=zero, cv=2)).fit(
                pool, pool[:, 0]
            ),
        ],
        ids=["stub", "pipeline", "learner", "search"],
    )
    def test_any_learner(self, name, wrap, pool):
        expected = STRATEGIES[name](Oracle(), pool, 5, random_state=0)
        got = STRATEGIES[name](wrap(Oracle(), pool), pool, 5, random_state=0)
        np.testing.assert_array_equal(got[0], expected[0])
        np.testing.assert_array_equal(got[1], expected[1])

    @pytest.mark.parametrize("n_instances", [1, 2, 5])
    def test_modal_asks_it(self, name, n_instances, pool):
        learner = ActiveLearner(Oracle(), query_strategy=STRATEGIES[name])
        expected = STRATEGIES[name](Oracle(), pool, n_instances, random_state=0)[0]
        indices, galaxies = learner.query(pool, n_instances=n_instances, random_state=0)
        np.testing.assert_array_equal(indices, expected)
        np.testing.assert_array_equal(galaxies, pool[expected])
        committee = CommitteeRegressor([ActiveLearner(Oracle())] * 2, STRATEGIES[name])
        indices, _ = committee.query(pool, n_instances=n_instances, random_state=0)
        assert len(set(indices)) == n_instances

    def test_global_state_is_left_alone(self, name, pool):
        after = []
        for ask in (False, True):
            np.random.seed(0)
            if ask:
                STRATEGIES[name](Oracle(), pool, 4, random_state=3)
            after.append(np.random.random())
        assert after[0] == after[1]

    def test_can_be_pickled(self, name, pool):
        strategy = pickle.loads(pickle.dumps(STRATEGIES[name]))
        expected = STRATEGIES[name](Oracle(), pool, 4, random_state=0)[0]
        np.testing.assert_array_equal(strategy(Oracle(), pool, 4, random_state=0)[0], expected)

    @pytest.mark.parametrize("after", [1, 3])
    def test_goes_on_after_an_interrupt(self, name, after, pool, tmp_path, monkeypatch):
        if name == "random":
            pytest.skip("it scores nothing")
        monkeypatch.setattr(_pools, "rows_within_budget", lambda X: 16)
        strategy = partial(STRATEGIES[name], n_instances=8, random_state=0)
        expected = strategy(Oracle(), pool)
        learner = Oracle()
        after += 1 if name == "epig" else 0

        def dies(X):
            if len(getattr(learner, "seen_", [])) == after:
                raise KeyboardInterrupt
            return learner.predict_posterior(X)

        dying = types.SimpleNamespace(predict_posterior=dies)
        with pytest.raises(KeyboardInterrupt):
            strategy(dying, pool, checkpoint=tmp_path / "scores")
        indices, scores = strategy(Oracle(), pool, checkpoint=tmp_path / "scores")
        np.testing.assert_array_equal(indices, expected[0])
        np.testing.assert_allclose(scores, expected[1], atol=1e-12)


def zero(estimator, X, y):
    return 0.0


@pytest.mark.parametrize(
    "name", ["mutual_information", "joint", "joint_variance", "epig", "mixed_joint"]
)
def test_of_networks(name, fitted, toy):
    X, _, _ = toy
    result = STRATEGIES[name](fitted, X, 5, random_state=0)
    check_result(result, 5, len(X), name)


class TestSingle:
    def test_what_they_rank_by(self, pool):
        posterior = VotePosterior(pool)
        pmf = posterior.pmf(10)
        for strategy, expected in (
            (query.mutual_information_sampling, posterior.mutual_information(10)),
            (STRATEGIES["jackknife"], posterior.mutual_information(10, jackknife=True)),
            (query.predictive_entropy_sampling, -(pmf * np.log(pmf)).sum(axis=1)),
            (query.variance_sampling, posterior.std**2),
            (STRATEGIES["composed"], interval_width(posterior, 10)),
        ):
            indices, scores = strategy(Oracle(), pool, N_POOL, n_votes=10)
            np.testing.assert_allclose(scores, expected[indices], atol=1e-12)
            np.testing.assert_allclose(scores, np.sort(expected)[::-1], atol=1e-12)

    def test_variance_of_means_only(self, pool):
        """What single networks say of volunteers' differences is not their disagreement."""
        scores = query.variance_sampling(Oracle(concentration=1.0), pool, 5)[1]
        np.testing.assert_array_equal(scores, query.variance_sampling(Oracle(), pool, 5)[1])

    def test_bad_jackknife(self, pool):
        with pytest.raises(TypeError, match="`jackknife` must be True or False"):
            query.mutual_information_sampling(Oracle(), pool, jackknife=1)


@score_strategy
def lowest_mean(posterior, n_votes, *, power=1.0):
    """Pick the galaxies of the lowest vote fraction.

    Parameters
    ----------
    power : float, default=1.0
        Of the mean.
    """
    return -(posterior.mean**power)


@pytest.mark.parametrize("module", ["_single", "_batch"])
def test_editors_see_the_signatures(module):
    """Those in the stub are the ones that the decorators make, annotations included."""
    made = sys.modules[f"skgalaxy.query.{module}"]
    seen = runpy.run_path(str(Path(made.__file__).with_suffix(".pyi")))
    assert {name for name, thing in seen.items() if inspect.isfunction(thing)} == {*made.__all__}
    for name in made.__all__:
        assert inspect.signature(seen[name]) == inspect.signature(getattr(made, name))


class TestDecorator:
    """A strategy is a score and a decorator."""

    def test_is_a_strategy(self, pool):
        indices, scores = lowest_mean(Oracle(), pool, 60, power=2)
        np.testing.assert_array_equal(indices, np.argsort(pool.mean(axis=1)))
        np.testing.assert_array_equal(scores, -(pool.mean(axis=1)[indices] ** 2))
        assert pickle.loads(pickle.dumps(lowest_mean)) is lowest_mean
        parameters = inspect.signature(lowest_mean).parameters.values()
        assert {(p.name, p.default) for p in parameters if p.default is not p.empty} == {
            ("n_instances", 1),
            ("n_votes", 40),
            ("power", 1.0),
            ("eligible", None),
            ("random_state", None),
            ("checkpoint", None),
            ("verbose", False),
        }
        with pytest.raises(TypeError, match=r"lowest_mean\(\) got .* 'pwoer'"):
            lowest_mean(Oracle(), pool, pwoer=2)

    def test_its_text(self):
        assert lowest_mean.__doc__.startswith("Pick the galaxies of the lowest vote fraction.\n\n")
        assert lowest_mean.__doc__.count("Parameters\n----------\n") == 1
        assert "power : float, default=1.0\n    Of the mean.\neligible :" in lowest_mean.__doc__
        assert "Raises\n------\nValueError\n" in lowest_mean.__doc__

    def test_a_checkpoint_is_of_its_options(self, pool, tmp_path):
        lowest_mean(Oracle(), pool, checkpoint=tmp_path / "1")
        lowest_mean(Oracle(), pool, power=1.0, checkpoint=tmp_path / "1")
        with pytest.raises(ValueError, match=r"lowest_mean\(power=1.0\).*lowest_mean\(power=2\)"):
            lowest_mean(Oracle(), pool, power=2, checkpoint=tmp_path / "1")
        query.score_pool(Oracle(), pool, checkpoint=tmp_path / "2")
        query.mutual_information_sampling(Oracle(), pool, checkpoint=tmp_path / "2")
        query.joint_sampling(Oracle(), pool, checkpoint=tmp_path / "2")
        with pytest.raises(ValueError, match="jackknife=True"):
            STRATEGIES["jackknife"](Oracle(), pool, checkpoint=tmp_path / "2")


def candidates_of(scores, draws=None):
    scores = np.asarray(scores, dtype=float)
    posterior = None if draws is None else VotePosterior(draws)
    return query.Candidates(np.arange(len(scores)), scores, np.full(len(scores), 40), posterior)


class TestPower:
    def test_chances(self):
        """Each next pick is drawn by score ** beta of those that are left."""
        rng = np.random.RandomState(0)
        scores, beta, n = np.array([0.1, 0.4, 0.2]), 2.0, 20_000
        power = partial(query.select_power, candidates_of(scores), 3, rng, beta=beta)
        picks = np.array([power()[0] for _ in range(n)])
        weight = scores**beta
        expected = weight / weight.sum()
        np.testing.assert_allclose(np.bincount(picks[:, 0]) / n, expected, atol=0.012)
        second = picks[picks[:, 0] == 1, 1]
        assert np.mean(second == 2) == pytest.approx(weight[2] / (weight[0] + weight[2]), abs=0.015)

    def test_ends_of_beta(self, pool):
        best = query.mutual_information_sampling(Oracle(), pool, 20, random_state=0)
        for beta in (np.inf, 1e9):
            drawn = query.power_sampling(Oracle(), pool, 20, beta=beta, random_state=0)
            np.testing.assert_array_equal(drawn[0], best[0])
        rng = np.random.RandomState(0)
        firsts = [
            query.select_power(candidates_of([0.01, 1, 5]), 1, rng, beta=0)[0][0]
            for _ in range(3000)
        ]
        np.testing.assert_allclose(np.bincount(firsts) / 3000, 1 / 3, atol=0.04)

    @pytest.mark.parametrize("beta", [0, 1, np.inf])
    def test_zero_comes_last(self, beta):
        rng = np.random.RandomState(0)
        scores = [0, 0.3, 0, -0.1, 1e-300, 0.2]
        orders = [
            query.select_power(candidates_of(scores), 6, rng, beta=beta)[0] for _ in range(50)
        ]
        assert all(set(order[:3]) == {1, 4, 5} for order in orders)
        assert len({tuple(order[3:]) for order in orders}) == 6  # in every random order

    def test_a_shorter_draw_is_the_beginning_of_a_longer(self, pool):
        long = query.power_sampling(Oracle(), pool, 20, random_state=5)[0]
        np.testing.assert_array_equal(
            query.power_sampling(Oracle(), pool, 7, random_state=5)[0], long[:7]
        )

    def test_scores_are_the_galaxies_own(self, pool):
        indices, scores = query.power_sampling(Oracle(), pool, 20, random_state=5)
        np.testing.assert_array_equal(scores, query.score_pool(Oracle(), pool)[indices])

    @pytest.mark.parametrize(
        ("beta", "error"), [(-1, ValueError), ("1", TypeError), (np.nan, ValueError)]
    )
    def test_bad_beta(self, beta, error, pool):
        learner = Oracle()
        with pytest.raises(error, match="`beta` must be a number"):
            query.power_sampling(learner, pool, beta=beta)
        assert not hasattr(learner, "seen_")


@pytest.fixture
def redundant():
    """Each of 40 galaxies three times."""
    return np.repeat(np.random.default_rng(1).uniform(size=(40, 100)), 3, axis=0)


class TestJoint:
    def test_is_greedy_over_the_pool(self, pool):
        own = query.score_pool(Oracle(), pool)
        picks, gains = acquisition.greedy_information(pool, own, 15)
        indices, scores = query.joint_sampling(Oracle(), pool, 15)
        np.testing.assert_array_equal(indices, picks)
        np.testing.assert_allclose(scores, gains, atol=1e-12)
        assert scores[0] == pytest.approx(own.max())

    def test_no_duplicates_where_there_is_else(self, redundant):
        picked = query.joint_sampling(Oracle(), redundant, 20, random_state=0)[0]
        assert len(set(picked // 3)) == 20
        top_k = query.mutual_information_sampling(Oracle(), redundant, 20, random_state=0)[0]
        assert len(set(top_k // 3)) <= 8

    def test_among_candidates_only(self, pool):
        """The shortlist is of the highest scores, at least ten for one pick."""
        best = query.mutual_information_sampling(Oracle(), pool, N_POOL)[0]
        picked = query.joint_sampling(Oracle(), pool, 4, n_candidates=1)[0]
        assert set(picked) <= set(best[:40])
        own = query.score_pool(Oracle(), pool)[best[:25]]
        picks, _ = acquisition.greedy_information(pool[best[:25]], own, 2)
        picked = query.joint_sampling(Oracle(), pool, 2, n_candidates=25)[0]
        np.testing.assert_array_equal(picked, best[picks])

    @pytest.mark.parametrize("n_draws", [1, 2, 5, 50])
    def test_of_more_than_draws_can_tell_apart(self, n_draws):
        """Draws span one dimension fewer than they are; as many picks explain all others."""
        posterior = VotePosterior(np.random.default_rng(0).uniform(size=(200, n_draws)))
        most = max(1, n_draws - 1)
        query.joint_sampling(posterior, None, most)
        with pytest.warns(
            TooFewDrawsWarning,
            match=f"^{n_draws} draws cannot tell more than {most} .*ensure_draws",
        ):
            indices, _ = query.joint_sampling(posterior, None, most + 1)
        assert len(indices) == most + 1
        directions = acquisition.standardised_draws(posterior)
        if n_draws > 2:
            shared = np.linalg.lstsq(directions[:most].T, directions.T, rcond=None)
            np.testing.assert_allclose(directions[:most].T @ shared[0], directions.T, atol=1e-9)

    def test_a_large_batch_leaves_half_to_chance(self):
        """Galaxies that have nothing in common seem to have half of it."""
        n_draws = 100
        directions = acquisition.standardised_draws(
            np.random.default_rng(0).uniform(size=(1000, n_draws))
        )
        batch, others = np.split(directions, [query.largest_batch(n_draws)])
        weights = np.linalg.lstsq(batch.T, others.T, rcond=None)[0]
        chance = ((batch.T @ weights) ** 2).sum(axis=0).mean()
        assert chance == pytest.approx(0.5, abs=0.02)
        assert [query.largest_batch(n) for n in (1, 2, 3, 1000)] == [1, 1, 1, 500]
        assert query.largest_batch() == 500

    def test_bad_candidates(self, pool):
        learner = Oracle()
        for bad, error in ((0, ValueError), (2.5, TypeError), (None, TypeError)):
            for strategy in (query.joint_sampling, query.diverse_sampling):
                with pytest.raises(error, match="`n_candidates` must be an integer >= 1"):
                    strategy(learner, pool, n_candidates=bad)
        assert not hasattr(learner, "seen_")
        with pytest.raises(ValueError, match="set `n_candidates` of `make_query`"):
            query.make_query(interval_width, query.select_jointly)(learner, pool)


class Seeing(Oracle):
    """An oracle with features: the first two columns."""

    def embed(self, X):
        self.embedded_ = [*getattr(self, "embedded_", []), len(X)]
        return np.asarray(X)[:, :2]


class TestDiverse:
    @pytest.mark.parametrize("features", ["draws", "embedding"])
    def test_no_duplicates_where_there_is_else(self, features, redundant):
        for seed in range(5):
            options = {"features": features, "random_state": seed}
            picked, scores = query.diverse_sampling(Seeing(), redundant, 30, **options)
            assert len(set(picked // 3)) == 30
            np.testing.assert_array_equal(scores, query.score_pool(Oracle(), redundant)[picked])

    def test_duplicates_make_up_the_number(self, redundant):
        picked, _ = query.diverse_sampling(Oracle(), redundant, 60, random_state=0)
        assert len(set(picked // 3)) == 40
        assert len(set(picked)) == 60

    def test_informative_ones_are_preferred(self):
        """All are equally far from each other: what is left is the score."""
        draws = 0.5 + 0.4 * np.eye(100) * np.linspace(0.2, 1, 100)[:, None]
        picked = [
            query.diverse_sampling(Oracle(), draws, 10, random_state=seed)[0] for seed in range(20)
        ]
        assert np.mean(picked) > 60

    def test_features_of_the_candidates_only(self, pool):
        learner = Seeing()
        query.diverse_sampling(learner, pool, 2, features="embedding", n_candidates=20)
        assert sum(learner.embedded_) == 20
        assert sum(learner.seen_) == N_POOL

    def test_features_of_any_learner(self, pool):
        options = {"features": "embedding", "random_state": 0, "n_candidates": 30}
        expected = query.diverse_sampling(Seeing(), pool, 3, **options)[0]
        members = types.SimpleNamespace(learner_list=[ActiveLearner(Seeing()), Seeing()])
        for learner, X in (
            (make_pipeline(FunctionTransformer(), Seeing()), pool),
            (ActiveLearner(make_pipeline(Seeing())), pool),
            (types.SimpleNamespace(best_estimator_=Seeing()), pool),
            (Seeing(), Batches(pool)),
        ):
            np.testing.assert_array_equal(
                query.diverse_sampling(learner, X, 3, **options)[0], expected
            )
        assert len(set(query.diverse_sampling(members, pool, 3, **options)[0])) == 3

    def test_no_features_are_no_reason_to_take_others(self, pool):
        for learner in (Oracle(), make_pipeline(Oracle())):
            with pytest.raises(TypeError, match="a fitted estimator with `embed`"):
                query.diverse_sampling(learner, pool, 3, features="embedding")
        with pytest.raises(ValueError, match="`features` must be one of 'draws', 'embedding'"):
            query.diverse_sampling(Oracle(), pool, 3, features="pixels")


class TestEPIG:
    def test_by_its_definition(self, pool):
        target = np.random.default_rng(1).uniform(size=(7, N_DRAWS))
        learner = Oracle()
        indices, scores = query.epig_sampling(
            learner, pool, N_POOL, target=target, target_votes=6, n_votes=12
        )
        expected = acquisition.expected_predictive_information_gain(pool, 12, target, 6)
        np.testing.assert_allclose(scores, expected[indices])
        assert learner.seen_ == [7, N_POOL]

    def test_what_has_nothing_to_do_with_the_target(self):
        """Two questions of the networks: targets ask one, the more informative galaxies both."""
        rng = np.random.default_rng(0)
        one, other = rng.uniform(0.3, 0.7, 300), rng.uniform(0, 1, 300)
        pool = np.clip(np.r_[[one] * 20, [other] * 20] + 0.02 * rng.normal(size=(40, 300)), 0, 1)
        picked = query.epig_sampling(Oracle(), pool, 20, target=pool[:5])[0]
        assert set(picked) == set(range(20))
        assert query.mutual_information_sampling(Oracle(), pool, 20)[0].min() >= 20

    def test_targets_of_the_pool(self, pool, monkeypatch):
        taken = []
        take = query_pool_module.take_rows
        monkeypatch.setattr(
            "skgalaxy.query._batch.take_rows", lambda X, rows: taken.append(rows) or take(X, rows)
        )
        for seed in (0, 0, 1):
            query.epig_sampling(Oracle(), pool, 3, n_targets=9, random_state=seed)
        assert [len(set(rows)) for rows in taken] == [9, 9, 9]
        assert taken[0].tolist() == taken[1].tolist() != taken[2].tolist()
        query.epig_sampling(Oracle(), pool, 3, n_targets=1000)
        assert taken[3].tolist() == list(range(N_POOL))

    def test_bad_input_before_any_work(self, pool):
        learner = Oracle()
        for options in ({"n_targets": 0}, {"target_votes": 0}, {"n_votes": [3]}):
            with pytest.raises(ValueError, match=r"`(n_targets|target_votes|n_votes)`"):
                query.epig_sampling(learner, pool, **options)
        assert not hasattr(learner, "seen_")
        with pytest.raises(ValueError, match="same networks"):
            query.epig_sampling(learner, pool, target=pool[:, :3])


class TestMixRandom:
    def test_share(self, pool):
        strategy = query.mix_random(query.mutual_information_sampling, share=0.25)
        for n in (1, 2, 8, 10):
            at_random = [
                np.isnan(strategy(Oracle(), pool, n, random_state=seed)[1]).sum()
                for seed in range(300)
            ]
            assert set(at_random) <= {int(0.25 * n), int(0.25 * n) + 1}
            assert np.mean(at_random) == pytest.approx(0.25 * n, abs=0.1)

    def test_nothing_else_changes(self, pool):
        strategy = query.mix_random(query.mutual_information_sampling, share=0.5)
        indices, scores = strategy(Oracle(), pool, 10, random_state=0)
        best = query.mutual_information_sampling(Oracle(), pool, 5)
        np.testing.assert_array_equal(indices[:5], best[0])
        np.testing.assert_array_equal(scores[:5], best[1])

    def test_evenly_of_the_rest(self, pool):
        strategy = query.mix_random(query.mutual_information_sampling, share=0.5)
        best = query.mutual_information_sampling(Oracle(), pool, 5)[0]
        rng = np.random.RandomState(0)
        drawn = np.concatenate(
            [strategy(Oracle(), pool, 10, random_state=rng)[0][5:] for _ in range(600)]
        )
        counts = np.bincount(drawn, minlength=N_POOL)
        assert (counts[best] == 0).all()
        rest = np.delete(counts, best)
        assert rest.min() > 25  # 54.5 on average
        assert rest.max() < 90

    def test_all_and_none(self, pool):
        learner = Oracle()
        indices, scores = query.mix_random(query.joint_sampling, 1.0)(learner, pool, 10)
        assert not hasattr(learner, "seen_")
        assert np.isnan(scores).all()
        assert len(set(indices)) == 10
        none = query.mix_random(query.joint_sampling, 0)
        for mine, its in zip(
            none(learner, pool, 10), query.joint_sampling(learner, pool, 10), strict=True
        ):
            np.testing.assert_array_equal(mine, its)

    def test_bad_parts(self):
        with pytest.raises(TypeError, match="`strategy` must be callable"):
            query.mix_random("random")
        for share, error in ((1.1, ValueError), (-0.1, ValueError), (True, TypeError)):
            with pytest.raises(error, match=r"`share` must be a number in \[0, 1\]"):
                query.mix_random(query.random_sampling, share)


class TestMakeQuery:
    def test_what_a_selector_sees(self, pool):
        seen = []

        def select(candidates, n_instances, random_state):
            seen.append((candidates, n_instances, random_state))
            return query.select_best(candidates, n_instances, random_state)

        n_votes = np.arange(N_POOL)
        score = VotePosterior.mutual_information
        options = {"n_votes": n_votes, "random_state": np.random.RandomState(0)}
        query.make_query(score, select)(Oracle(), pool, 2, **options)
        query.make_query(score, select, n_candidates=25)(Oracle(), pool, 2, **options)
        whole, n_instances, rng = seen[0]
        assert n_instances == 2
        assert rng is options["random_state"]
        assert whole.posterior is None
        np.testing.assert_array_equal(whole.rows, n_votes)
        np.testing.assert_array_equal(whole.n_votes, n_votes)
        few = seen[1][0]
        best = np.sort(np.argsort(-whole.scores)[:25])
        np.testing.assert_array_equal(few.rows, best)
        np.testing.assert_array_equal(few.n_votes, best)
        np.testing.assert_array_equal(few.scores, whole.scores[best])
        np.testing.assert_array_equal(few.posterior.draws, pool[best])

    @pytest.mark.parametrize(
        "selected",
        [
            ([0, 0], [1, 1]),
            ([0, 60], [1, 1]),
            ([-1, 0], [1, 1]),
            ([0], [1]),
            ([0.0, 1.0], [1, 1]),
            ([0, 1], [1]),
        ],
    )
    def test_a_selector_that_selects_wrongly(self, selected, pool):
        strategy = query.make_query(interval_width, lambda *a: selected)
        with pytest.raises(ValueError, match="`select` must return 2 distinct places among the 60"):
            strategy(Oracle(), pool, 2)

    def test_bad_parts(self):
        with pytest.raises(TypeError, match="`score` must be callable"):
            query.make_query("mutual_information")
        with pytest.raises(TypeError, match="`select` must be callable"):
            query.make_query(interval_width, "power")
        with pytest.raises(ValueError, match="`n_candidates` must be an integer >= 1"):
            query.make_query(interval_width, n_candidates=0)


class TestShortlist:
    """The best of a stream, whatever its blocks."""

    @pytest.mark.parametrize("sizes", [[100], [1] * 100, [30, 50, 20], [0, 99, 1]])
    def test_the_highest_of_all_blocks(self, sizes):
        rng = np.random.default_rng(0)
        scores, draws = rng.integers(0, 20, 100) / 20, rng.uniform(size=(100, 3))
        found = query_pool_module.Shortlist(37, np.random.RandomState(0))
        for stop, size in zip(np.cumsum(sizes), sizes, strict=True):
            rows = slice(stop - size, stop)
            found.add(scores[rows], VotePosterior(draws[rows]))
        tie_break = np.random.RandomState(0).uniform(size=100)
        expected = np.sort(np.lexsort((-tie_break, -scores))[:37])
        np.testing.assert_array_equal(found.rows, expected)
        np.testing.assert_array_equal(found.posterior(None, None).draws, draws[expected])

    def test_only_what_was_not_seen_is_predicted_again(self):
        draws = np.random.default_rng(0).uniform(size=(100, 3))
        found = query_pool_module.Shortlist(10, np.random.RandomState(0))
        found.add(draws[:60, 0])  # scores that a checkpoint kept
        found.add(draws[60:, 0], VotePosterior(draws[60:]))
        learner = Oracle()
        np.testing.assert_array_equal(found.posterior(learner, draws).draws, draws[found.rows])
        assert learner.seen_ == [(found.rows < 60).sum()]

    def test_keeps_no_more_than_it_needs(self):
        found = query_pool_module.Shortlist(10, np.random.RandomState(0))
        for start in range(0, 1000, 100):
            scores = np.arange(start, start + 100)
            found.add(scores, VotePosterior(np.full((100, 2), 0.5)))
            assert len(found.rows) == len(found._posterior) == 10
