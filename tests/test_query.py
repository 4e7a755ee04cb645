"""Query strategies: one contract for all, and modAL's own loop."""

import types
import warnings

import modAL.models.learners
import numpy as np
import pytest
from modAL.models import ActiveLearner
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skgalaxy import BayesianCNNRegressor, VotePosterior, _modal_compat, query
from skgalaxy.calibration import CalibratedRegressorCV
from skgalaxy.metrics import vote_fraction_rmse
from skgalaxy.query._learners import fitted_estimators

STRATEGIES = [query.mutual_information_sampling, query.random_sampling]


class Oracle(RegressorMixin, BaseEstimator):
    """A regressor whose draws are its input."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict_posterior(self, X):
        return VotePosterior(X)


@pytest.fixture
def pool():
    return np.random.default_rng(0).uniform(size=(50, 8))


@pytest.mark.parametrize("strategy", STRATEGIES)
class TestContract:
    def test_indices_and_scores(self, strategy, pool):
        result = strategy(Oracle(), pool, n_instances=7, random_state=0)
        assert isinstance(result, tuple)
        indices, scores = result
        assert indices.shape == scores.shape == (7,)
        assert indices.dtype.kind == "i"
        assert len(set(indices)) == 7
        assert (np.diff(scores) <= 0).all()  # best first

    def test_whole_pool(self, strategy, pool):
        indices, _ = strategy(Oracle(), pool, n_instances=50, random_state=0)
        assert sorted(indices) == list(range(50))

    def test_one_scoring_pass(self, strategy, pool):
        calls = []
        learner = types.SimpleNamespace(
            predict_posterior=lambda X: calls.append(len(X)) or VotePosterior(X)
        )
        strategy(learner, pool, n_instances=3)
        assert calls in ([50], [])

    def test_ties_follow_the_seed(self, strategy):
        same = np.tile([[0.2, 0.7]], (40, 1))
        picks = [strategy(Oracle(), same, 5, random_state=s)[0].tolist() for s in (0, 0, 1)]
        assert picks[0] == picks[1] != picks[2]

    def test_too_many(self, strategy, pool):
        with pytest.raises(ValueError, match="must not exceed the 50 galaxies"):
            strategy(Oracle(), pool, n_instances=51)

    def test_global_state_is_left_alone(self, strategy, pool):
        after = []
        for ask in (False, True):
            np.random.seed(0)
            if ask:
                strategy(Oracle(), pool, random_state=3)
            after.append(np.random.random())
        assert after[0] == after[1]


def test_mutual_information_picks_the_highest(pool):
    indices, scores = query.mutual_information_sampling(Oracle(), pool, 50, n_votes=10)
    expected = VotePosterior(pool).mutual_information(10)
    np.testing.assert_array_equal(scores, expected[indices])
    np.testing.assert_array_equal(scores, np.sort(expected)[::-1])


def test_votes_per_galaxy(pool):
    """A galaxy that nobody would look at teaches nothing."""
    n_votes = np.where(np.arange(50) % 2, 40, 0)
    indices, scores = query.mutual_information_sampling(Oracle(), pool, 50, n_votes=n_votes)
    assert (scores[25:] == 0).all()
    assert (indices[:25] % 2 == 1).all()


class TestLearners:
    """Whatever holds a fitted estimator gives its posterior."""

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda fitted: fitted,
            lambda fitted: make_pipeline(fitted),
            lambda fitted: ActiveLearner(fitted),
            lambda fitted: ActiveLearner(make_pipeline(fitted)),
            lambda fitted: types.SimpleNamespace(best_estimator_=fitted, estimator=None),
        ],
    )
    def test_posterior(self, wrap, pool):
        np.testing.assert_array_equal(query.predict_posterior(wrap(Oracle()), pool).draws, pool)

    def test_pipeline_transforms(self, pool):
        half = FunctionTransformer(lambda X: X / 2).fit(pool)
        draws = query.predict_posterior(make_pipeline(half, Oracle()), pool).draws
        np.testing.assert_array_equal(draws, pool / 2)

    def test_search(self, pool):
        search = GridSearchCV(Oracle(), {}, scoring=lambda *a: 0.0, cv=2).fit(pool, pool[:, 0])
        np.testing.assert_array_equal(query.predict_posterior(search, pool).draws, pool)

    def test_committee_puts_draws_together(self, pool):
        committee = types.SimpleNamespace(
            learner_list=[ActiveLearner(Oracle()), ActiveLearner(Oracle())]
        )
        draws = query.predict_posterior(committee, pool).draws
        np.testing.assert_array_equal(draws, np.hstack([pool, pool]))

    def test_search_without_refit(self, pool):
        search = GridSearchCV(Oracle(), {}, scoring=lambda *a: 0.0, cv=2, refit=False)
        with pytest.raises(TypeError, match="must be fitted with `refit=True`"):
            query.predict_posterior(search.fit(pool, pool[:, 0]), pool)

    def test_nested_pipelines(self, pool):
        half = FunctionTransformer(lambda X: X / 2).fit(pool)
        learner = make_pipeline(half, ActiveLearner(make_pipeline(half, Oracle())))
        np.testing.assert_array_equal(query.predict_posterior(learner, pool).draws, pool / 4)

    def test_a_posterior(self, pool):
        posterior = VotePosterior(pool)
        assert len(query.predict_posterior(posterior, None)) == len(pool)
        rows = [7, 7, 0]
        np.testing.assert_array_equal(query.predict_posterior(posterior, rows).draws, pool[rows])
        np.testing.assert_array_equal(
            query.score_pool(posterior, None), query.score_pool(Oracle(), pool)
        )
        assert len(query.predict_posterior(posterior, [])) == 0
        with pytest.raises(ValueError, match=r"`X` .* in 0 \.\.\. 49 .*Got 50\."):
            query.score_pool(posterior, [3, 50])
        with pytest.raises(ValueError, match=r"only of a VotePosterior\. Got None for Oracle"):
            query.predict_posterior(Oracle(), None)

    def test_neither(self, pool):
        with pytest.raises(TypeError, match=r"with `predict_posterior`\. Got Ridge"):
            query.predict_posterior(type("Ridge", (), {})(), pool)


class Drawing(Oracle):
    """An oracle that says how many networks it draws."""

    def __init__(self, n_draws=50, n_networks=1):
        self.n_draws = n_draws
        self.n_networks = n_networks


class TestDraws:
    """So many draws in all, whatever holds the estimators."""

    @pytest.mark.parametrize(
        ("wrap", "each"),
        [
            (lambda one, other: one, [600]),
            (lambda one, other: make_pipeline(FunctionTransformer(), other), [300]),
            (lambda one, other: ActiveLearner(make_pipeline(one)), [600]),
            (lambda one, other: types.SimpleNamespace(best_estimator_=other), [300]),
            (
                lambda one, other: types.SimpleNamespace(
                    learner_list=[ActiveLearner(one), make_pipeline(other)]
                ),
                [200, 200],
            ),
            (
                lambda one, other: types.SimpleNamespace(estimators_=[make_pipeline(one), other]),
                [200, 200],
            ),
        ],
        ids=["estimator", "pipeline", "learner", "search", "committee", "calibrated"],
    )
    def test_of_any_learner(self, wrap, each):
        learner = wrap(Drawing(), Drawing(n_networks=2))
        assert query.ensure_draws(learner, 600) is learner
        assert [one.n_draws for one in fitted_estimators(learner)] == each
        query.ensure_draws(learner, 5)  # never fewer
        assert [one.n_draws for one in fitted_estimators(learner)] == each

    @pytest.mark.parametrize(
        ("cv", "n_networks", "each"),
        [(None, 1, 600), (3, 1, 200), (3, 2, 100), (KFold(3), 2, 100), ("prefit", 2, 300)],
    )
    @pytest.mark.parametrize("wrap", [lambda one: one, make_pipeline, ActiveLearner])
    def test_before_a_fit(self, wrap, cv, n_networks, each):
        """The clones that `fit` will train draw so many together."""
        calibrated = CalibratedRegressorCV(Drawing(n_networks=n_networks), cv=cv)
        learner = wrap(calibrated)
        assert query.ensure_draws(learner, 600) is learner
        assert calibrated.estimator.n_draws == each

    @pytest.mark.parametrize("wrap", [lambda one: one, make_pipeline, ActiveLearner])
    @pytest.mark.parametrize("estimator", [Drawing(n_networks=2), make_pipeline(Drawing()), None])
    def test_the_next_fit_draws_as_many(self, wrap, estimator):
        calibrated = CalibratedRegressorCV(estimator and clone(estimator))
        calibrated.estimators_ = [Drawing(n_networks=2), Drawing(n_networks=1)]
        query.ensure_draws(wrap(calibrated), 600)
        assert [one.n_draws for one in calibrated.estimators_] == [200, 200]
        params = calibrated.get_params()
        assert [params[name] for name in params if name.endswith("n_draws")] == [200]

    def test_of_a_search_before_its_fit(self):
        search = GridSearchCV(CalibratedRegressorCV(Drawing(), cv=2), {}, cv=5)
        assert query.ensure_draws(search, 600).estimator.estimator.n_draws == 300

    def test_is_rounded_up(self):
        assert query.ensure_draws(Drawing(n_networks=3), 1000).n_draws == 334
        assert query.ensure_draws(Drawing(2000)).n_draws == 2000

    def test_what_draws_nothing(self):
        default = CalibratedRegressorCV()  # its estimator is made by `fit`
        for learner in (Oracle(), VotePosterior([[0.5]]), make_pipeline(Oracle()), default):
            with pytest.raises(TypeError, match=r"the parameter `n_draws`\. Got"):
                query.ensure_draws(learner)
        with pytest.raises(ValueError, match="`n_draws` must be an integer >= 1"):
            query.ensure_draws(Drawing(), 0)


class TestModAL:
    @pytest.mark.parametrize("in_pipeline", [False, True])
    def test_five_rounds(self, toy, small, in_pipeline):
        """modAL's own ActiveLearner fits, queries and teaches, and gets better."""
        X, y, _ = toy
        estimator = BayesianCNNRegressor(**{**small, "epochs": 12})
        if in_pipeline:
            estimator = make_pipeline(FunctionTransformer(lambda X: X), estimator)
        learner = ActiveLearner(
            estimator, query_strategy=query.mutual_information_sampling, on_transformed=False
        )
        learner.fit(X[:20], y[:20])
        before = vote_fraction_rmse(y, learner.predict(X))
        pool = np.arange(20, 200)
        for _ in range(5):
            asked, images = learner.query(X[pool], n_instances=20)
            np.testing.assert_array_equal(images, X[pool[asked]])
            learner.teach(X[pool[asked]], y[pool[asked]])
            pool = np.delete(pool, asked)
        assert learner.X_training.shape == (120, 12, 12, 1)
        assert learner.y_training.shape == (120, 2)
        assert vote_fraction_rmse(y, learner.predict(X)) < before
        assert learner.score(X, y) > 0

    def test_committee_of_networks(self, toy, small):
        from modAL.models import CommitteeRegressor

        X, y, _ = toy
        members = [
            ActiveLearner(
                BayesianCNNRegressor(**{**small, "random_state": seed}),
                X_training=X[:50],
                y_training=y[:50],
            )
            for seed in (0, 1)
        ]
        committee = CommitteeRegressor(members, query.mutual_information_sampling)
        asked, _ = committee.query(X[50:], n_instances=4)
        assert len(set(asked)) == 4
        assert query.predict_posterior(committee, X).draws.shape == (200, 20)


class TestCompatibility:
    """The mending of modAL, on both sides of scikit-learn 1.8."""

    def test_mended_or_not_needed(self):
        X, y = np.ones((3, 2)), np.ones(3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            modal_check = modAL.models.learners.check_X_y
            modal_check(X, y, force_all_finite=True)
            with pytest.raises(ValueError, match="NaN"):
                modal_check(np.full((3, 2), np.nan), y, force_all_finite=True)
            modal_check(np.full((3, 2), np.nan), y, force_all_finite=False)

    def test_translates_for_a_new_scikit_learn(self):
        seen = {}

        def check(X, y, *, ensure_all_finite=True):
            seen["finite"] = ensure_all_finite

        learners = types.SimpleNamespace(check_X_y=check)
        assert _modal_compat.mend(learners, check)
        learners.check_X_y(1, 2, force_all_finite=False)
        assert seen == {"finite": False}
        assert not _modal_compat.mend(learners, check)  # once is enough

    def test_leaves_an_old_scikit_learn_alone(self):
        def check(X, y, *, force_all_finite=True):
            pass

        learners = types.SimpleNamespace(check_X_y=check)
        assert not _modal_compat.mend(learners, check)
        assert learners.check_X_y is check

    def test_leaves_a_mended_modal_alone(self):
        def check(X, y, *, ensure_all_finite=True):
            pass

        learners = types.SimpleNamespace()  # no longer imports check_X_y
        assert not _modal_compat.mend(learners, check)
