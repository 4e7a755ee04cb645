"""Scorers of posteriors, in scikit-learn's model selection and outside."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
import sklearn
from modAL.models import ActiveLearner
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skgalaxy
from skgalaxy import VotePosterior, model_selection, query
from skgalaxy.metrics import coverage_error, vote_crps, vote_log_likelihood
from skgalaxy.model_selection import (
    neg_coverage_error_scorer,
    neg_vote_crps_scorer,
    vote_log_likelihood_scorer,
)

NAMES = ["neg_coverage_error_scorer", "neg_vote_crps_scorer", "vote_log_likelihood_scorer"]
SCORERS = {name: getattr(model_selection, name) for name in NAMES}
SPREADS = [0.0, 0.05, 0.1, 0.2, 0.4]


class Spread(RegressorMixin, BaseEstimator):
    """A posterior around the ρ that X holds, as wide as it is told."""

    def __init__(self, spread=0.1):
        self.spread = spread

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return X[:, 0]

    def predict_posterior(self, X):
        normal = np.array([-1.6, -1, -0.7, -0.4, -0.1, 0.1, 0.4, 0.7, 1, 1.6])
        return VotePosterior(np.clip(X + self.spread * normal, 1e-6, 1 - 1e-6))


@pytest.fixture(scope="module")
def sky():
    """Return estimates of ρ that are off by 0.1, and the counts."""
    rng = np.random.default_rng(0)
    rho = rng.uniform(0.2, 0.8, 600)
    estimate = np.clip(rho + 0.1 * rng.normal(size=600), 0, 1)
    n_votes = rng.integers(20, 60, 600)
    return estimate[:, None], np.column_stack([rng.binomial(n_votes, rho), n_votes])


@pytest.mark.parametrize("name", NAMES)
class TestEveryScorer:
    def test_judges_the_posterior(self, name, fitted, toy):
        X, y, _ = toy
        pmf = fitted.predict_posterior(X[:50]).pmf(y[:50, 1])
        expected = {
            "vote_log_likelihood_scorer": vote_log_likelihood(y[:50], pmf),
            "neg_vote_crps_scorer": -vote_crps(y[:50], pmf),
            "neg_coverage_error_scorer": -abs(coverage_error(y[:50], pmf, 0.2)),
        }
        score = SCORERS[name](fitted, X[:50], y[:50])
        assert isinstance(score, float)
        assert score == pytest.approx(expected[name])

    def test_whatever_holds_an_estimator(self, name, fitted, toy):
        X, y, _ = toy
        expected = SCORERS[name](fitted, X, y)
        steps = FunctionTransformer(lambda x: x * 1)
        learner = ActiveLearner(fitted, query_strategy=query.mutual_information_sampling)
        search = GridSearchCV(fitted, {})
        search.best_estimator_ = fitted
        for holder in (make_pipeline(steps, fitted), learner, search):
            assert SCORERS[name](holder, X, y) == pytest.approx(expected)

    def test_pickle_copy_and_repr(self, name):
        scorer = SCORERS[name]
        assert pickle.loads(pickle.dumps(scorer)) is scorer
        assert deepcopy(scorer) is scorer
        assert repr(scorer) == f"skgalaxy.model_selection.{name}"
        search = clone(GridSearchCV(Spread(), {}, scoring=scorer))
        assert search.scoring is scorer
        assert f"scoring=skgalaxy.model_selection.{name}" in repr(search).replace("\n", "")
        assert scorer.__doc__.startswith("Scorer: ")

    def test_galaxies_without_votes_change_nothing(self, name, sky):
        X, y = sky
        model = Spread().fit(X, y)
        again = SCORERS[name](model, np.vstack([X, X[:1]]), np.vstack([y, [[0, 0]]]))
        assert again == pytest.approx(SCORERS[name](model, X, y))

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (np.full(600, 0.5), r"`y` must be counts \[k, N\] .* because fractions do not tell N"),
            (np.full((600, 1), 0.5), r"Got shape \(600, 1\)"),
            (np.full((600, 2), [3, 2]), "k must not exceed"),
            (np.full((600, 2), 0.5), "whole numbers"),
            (np.zeros((600, 2)), "`y` must hold at least one vote"),
            (np.full((599, 2), 1), r"one per galaxy|same number"),
            (None, "`y` must hold real numbers. Got None"),
        ],
    )
    def test_bad_targets(self, name, sky, y, message):
        with pytest.raises(ValueError, match=message):
            SCORERS[name](Spread(), sky[0], y)

    def test_no_posterior(self, name, sky):
        from sklearn.linear_model import LinearRegression

        with pytest.raises(TypeError, match="estimator with `predict_posterior`"):
            SCORERS[name](LinearRegression().fit(*sky), *sky)

    def test_search_in_two_processes(self, name, sky):
        """The best spread is about the error of ρ, 0.1, by every scorer."""
        options = {"scoring": SCORERS[name], "cv": 3, "error_score": "raise"}
        serial = GridSearchCV(Spread(), {"spread": SPREADS}, **options).fit(*sky)
        assert serial.best_params_["spread"] == 0.1
        parallel = GridSearchCV(Spread(), {"spread": SPREADS}, n_jobs=2, **options).fit(*sky)
        np.testing.assert_allclose(
            parallel.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"]
        )
        assert serial.score(*sky) == SCORERS[name](serial.best_estimator_, *sky)

    def test_with_metadata_routing(self, name, sky):
        options = {"scoring": SCORERS[name], "cv": 2, "error_score": "raise"}
        plain = GridSearchCV(Spread(), {"spread": [0.1]}, **options).fit(*sky)
        with sklearn.config_context(enable_metadata_routing=True):
            routed = GridSearchCV(Spread(), {"spread": [0.1]}, **options).fit(*sky)
        assert routed.best_score_ == plain.best_score_


def test_cross_validation_of_a_network(small, toy):
    X, y, _ = toy
    model = skgalaxy.BayesianCNNRegressor(**small)  # not imported by name: workers need no Keras
    scores = cross_validate(model, X, y, cv=2, scoring=SCORERS, error_score="raise")
    for name in NAMES:
        assert (scores[f"test_{name}"] < 0).all()
    model = make_pipeline(FunctionTransformer(np.asarray), model)
    piped = cross_val_score(model, X, y, cv=2, scoring=neg_vote_crps_scorer)
    np.testing.assert_allclose(piped, scores["test_neg_vote_crps_scorer"], atol=1e-5)


def test_far_off_votes_cost_much_but_not_infinitely():
    """Where probabilities are below the smallest float their logarithms still tell."""
    model = Spread(spread=0.0)
    X, y = np.array([[1e-6]]), np.array([[100, 100]])
    assert vote_log_likelihood(y, model.predict_posterior(X).pmf(100)) == -np.inf
    assert vote_log_likelihood_scorer(model, X, y) == pytest.approx(np.log(1e-6))


def test_coverage_is_best_in_the_middle(sky):
    """Too narrow and too wide cost alike."""
    scores = [neg_coverage_error_scorer(Spread(spread), *sky) for spread in (0.0, 0.1, 0.4)]
    assert max(scores) <= 0
    assert scores[1] > scores[0]
    assert scores[1] > scores[2]
