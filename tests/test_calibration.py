"""Recalibration: what it learns, and that it never learns from what networks have seen."""

import pickle

import numpy as np
import pytest
from modAL.models import ActiveLearner
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skgalaxy import BayesianCNNRegressor, VotePosterior
from skgalaxy.calibration import CalibratedRegressorCV, Recalibration
from skgalaxy.likelihoods import BetaBinomial
from skgalaxy.metrics import coverage_error, interval_coverage
from skgalaxy.networks import GalaxyZooNetwork
from skgalaxy.query import mutual_information_sampling


def scattered(n_galaxies, s, seed=0, n_draws=5):
    """Return draws of networks that are too sure, and votes that scatter with concentration s."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(0.1, 0.9, (n_galaxies, 1))
    draws = np.clip(mean + rng.normal(0, 0.01, (n_galaxies, n_draws)), 0, 1)
    n_votes = rng.integers(2, 60, n_galaxies)
    votes = rng.binomial(n_votes, rng.beta(mean * s, (1 - mean) * s)[:, 0])
    return draws, votes, n_votes


@pytest.mark.parametrize("s", [2.0, 15.0, 80.0])
def test_learns_the_scatter_of_votes(s):
    draws, votes, n_votes = scattered(4000, s)
    found = Recalibration.fit(VotePosterior(draws), votes, n_votes)
    assert 1 / found.overdispersion == pytest.approx(s, rel=0.15)
    y = np.column_stack([votes, n_votes])
    before, after = VotePosterior(draws), found.apply(VotePosterior(draws))
    np.testing.assert_allclose(logit(after.draws).mean(axis=1), logit(draws).mean(axis=1))
    assert abs(coverage_error(y, after.pmf(n_votes))) < 0.02
    assert interval_coverage(y, after.pmf(n_votes), 0.9) == pytest.approx(0.9, abs=0.02)
    assert coverage_error(y, before.pmf(n_votes)) > abs(coverage_error(y, after.pmf(n_votes)))
    assert after.log_prob(votes, n_votes).mean() > before.log_prob(votes, n_votes).mean()


@pytest.mark.parametrize("spread", [0.3, 1.0, 4.0])
def test_learns_how_far_networks_should_disagree(spread):
    """The logit of every vote fraction is one of the draws, had they been so far apart."""
    rng = np.random.default_rng(2)
    centre, told = rng.normal(size=(1000, 1)), 0.5 / spread
    votes = rng.binomial(50, expit(centre[:, 0] + 0.5 * rng.normal(size=1000)))
    normal = norm.ppf((np.arange(20) + 0.5) / 20)
    draws = expit(centre + told * normal / normal.std())
    found = Recalibration.fit(VotePosterior(BetaBinomial(draws, 1e4)), votes, np.full(1000, 50))
    assert found.spread == pytest.approx(spread, rel=0.1)
    widened = logit(found.apply(VotePosterior(BetaBinomial(draws, 1e4))).draws)
    np.testing.assert_allclose(widened.mean(axis=1), logit(draws).mean(axis=1))
    np.testing.assert_allclose(widened.std(axis=1), found.spread * logit(draws).std(axis=1))


def test_galaxies_without_weight_do_not_calibrate():
    draws, votes, n_votes = scattered(20, 15.0)
    n_votes[:5], votes[:5] = 1, 1  # these alone have weight, and one vote does not scatter
    with pytest.raises(ValueError, match="at least two for some galaxy"):
        Recalibration.fit(VotePosterior(draws), votes, n_votes, np.arange(20) < 5)


def test_a_few_votes_change_little():
    """Where votes say nothing of a factor, its prior keeps it near 1."""
    draws, votes, n_votes = scattered(3, 15.0)
    found = Recalibration.fit(VotePosterior(BetaBinomial(draws, 15.0)), votes, n_votes)
    assert 1 / 3 < found.scatter < 3
    assert 1 / 3 < found.spread < 3


def test_spread_keeps_vote_fractions_within_0_and_1():
    posterior = VotePosterior(np.array([[0.0, 0.5, 1.0]]))
    wide = Recalibration(spread=1e4).apply(posterior).draws
    assert ((wide > 0) & (wide < 1)).all()


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_learns_the_factor_on_the_scatter_that_networks_see(factor):
    rng = np.random.default_rng(1)
    told = np.exp(rng.uniform(1, 4, (6000, 1)))  # concentrations, wrong by a factor
    mean = rng.uniform(0.1, 0.9, (6000, 1))
    s = told / factor
    votes = rng.binomial(50, rng.beta(mean * s, (1 - mean) * s)[:, 0])
    found = Recalibration.fit(VotePosterior(BetaBinomial(mean, told)), votes, np.full(6000, 50))
    assert found.scatter == pytest.approx(factor, rel=0.25)
    assert found.overdispersion < 0.02
    recalibrated = found.apply(VotePosterior(BetaBinomial(mean, told)))
    assert np.median(recalibrated.likelihood.concentration / s) == pytest.approx(1, abs=0.15)


def test_changes_nothing_by_default():
    draws, _votes, n_votes = scattered(50, 5.0)
    for posterior in (VotePosterior(draws), VotePosterior(BetaBinomial(draws, 7.0))):
        same = Recalibration().apply(posterior)
        np.testing.assert_allclose(same.pmf(n_votes), posterior.pmf(n_votes), atol=1e-12)


def test_weights_are_factors_and_repetitions():
    draws, votes, n_votes = scattered(800, 10.0, n_draws=1)  # so that nothing has a prior
    posterior = VotePosterior(draws)
    plain = Recalibration.fit(posterior, votes, n_votes).overdispersion
    for weight in (0.1, 10):
        same = Recalibration.fit(posterior, votes, n_votes, np.full(800, weight))
        assert same.overdispersion == pytest.approx(plain, rel=1e-3)
    weights = np.arange(800) % 3
    repeated = VotePosterior(draws.repeat(weights, axis=0))
    expected = Recalibration.fit(repeated, votes.repeat(weights), n_votes.repeat(weights))
    found = Recalibration.fit(posterior, votes, n_votes, weights)
    assert found.overdispersion == pytest.approx(expected.overdispersion, rel=1e-3)


def test_a_vote_held_impossible_does_not_hide_the_others():
    draws, votes, n_votes = scattered(1000, 10.0)
    draws[0], votes[0] = 1, 0
    found = Recalibration.fit(VotePosterior(draws), votes, n_votes)
    assert 1 / found.overdispersion == pytest.approx(10, rel=0.4)


def test_bad_votes_are_refused():
    posterior = VotePosterior([[0.5]])
    with pytest.raises(ValueError, match="must not exceed the votes cast"):
        Recalibration.fit(posterior, [5], [4])
    with pytest.raises(ValueError, match=r"Got shape \(2,\)"):
        Recalibration.fit(posterior, [1, 2], [4, 4])


def test_one_concentration_for_all_is_one_number():
    draws, votes, n_votes = scattered(1000, 10.0)
    found = Recalibration.fit(VotePosterior(BetaBinomial(draws, 30.0)), votes, n_votes)
    assert found.overdispersion == 0
    assert found.scatter == pytest.approx(3, rel=0.2)


def test_single_votes_do_not_scatter():
    with pytest.raises(ValueError, match=r"at least two for some galaxy.* Got at most 1"):
        Recalibration.fit(VotePosterior([[0.5]]), [1], [1])


def small_network(likelihood="binomial", **parameters):
    return BayesianCNNRegressor(
        network=GalaxyZooNetwork(((4,),), 8),
        likelihood=likelihood,
        **{"epochs": 8, "batch_size": 32, "n_draws": 5, "random_state": 0, **parameters},
    )


@pytest.fixture(scope="module", params=["binomial", "beta_binomial"])
def calibrated(request, toy):
    X, y, _ = toy
    return CalibratedRegressorCV(small_network(request.param), cv=3, random_state=0).fit(X, y)


class TestFolds:
    def test_every_network_misses_its_fold(self, calibrated, toy):
        X, _, _ = toy
        seen = np.array([model.was_trained_on(X) for model in calibrated.estimators_])
        np.testing.assert_array_equal(seen.sum(axis=0), 2)  # of three, each misses one
        assert calibrated.was_trained_on(X).all()

    def test_draws_of_all_networks_and_a_concentration(self, calibrated, toy):
        posterior = calibrated.predict_posterior(toy[0][:7])
        assert posterior.draws.shape == (7, 15)
        assert (posterior.likelihood.concentration > 0).all()
        mean, std = calibrated.predict(toy[0][:7], return_std=True)
        np.testing.assert_allclose(mean, posterior.mean)
        np.testing.assert_allclose(std, posterior.std)
        assert calibrated.score(*toy[:2]) <= 1

    def test_samples_are_as_wide_as_the_posterior(self, calibrated, toy):
        X = np.repeat(toy[0][:5], 200, axis=0)
        posterior = calibrated.predict_posterior(X)
        draws = calibrated.sample_posterior(X, random_state=0)
        assert draws.shape == (1000, 15)
        of_galaxy = draws.reshape(5, -1)  # each galaxy 200 times
        np.testing.assert_allclose(of_galaxy.std(axis=1), posterior.std[::200], rtol=0.06)
        assert (of_galaxy.std(axis=1) > 1.2 * posterior.draws[::200].std(axis=1)).all()
        for level in (0.5, 0.9):
            low, high = (end[::200, None] for end in posterior.interval(level))
            inside = ((of_galaxy >= low) & (of_galaxy <= high)).mean(axis=1)
            np.testing.assert_allclose(inside, level, atol=0.04)
        # a column is one network: on average over a galaxy's copies it is what that predicts
        column = draws.reshape(5, 200, 15).mean(axis=1)
        np.testing.assert_allclose(column, posterior.draws[::200], atol=0.05)
        again = calibrated.sample_posterior(X, random_state=0)
        np.testing.assert_array_equal(again, draws)
        assert (calibrated.sample_posterior(X) != draws).mean() > 0.99

    def test_networks_differ_and_runs_repeat(self, calibrated, toy):
        X, y, _ = toy
        seeds = {model.random_state for model in calibrated.estimators_}
        assert len(seeds) == 3
        again = clone(calibrated).fit(X, y)
        np.testing.assert_array_equal(again.predict(X), calibrated.predict(X))
        assert again.recalibration_ == calibrated.recalibration_

    def test_pickles(self, calibrated, toy):
        loaded = pickle.loads(pickle.dumps(calibrated))
        np.testing.assert_array_equal(loaded.predict(toy[0]), calibrated.predict(toy[0]))

    def test_queries_as_any_learner(self, calibrated, toy):
        X, _y, _ = toy
        indices, scores = mutual_information_sampling(calibrated, X, n_instances=4)
        assert len(set(indices)) == 4
        assert (np.diff(scores) <= 0).all()

    def test_fractions_with_weights_are_counts(self, toy):
        X, y, _ = toy
        model = CalibratedRegressorCV(small_network(epochs=2), cv=2, random_state=0)
        counts = clone(model).fit(X, y)
        fractions = clone(model).fit(X, y[:, 0] / y[:, 1], sample_weight=y[:, 1])
        np.testing.assert_allclose(fractions.predict(X), counts.predict(X), atol=1e-5)
        assert fractions.recalibration_.overdispersion == pytest.approx(
            counts.recalibration_.overdispersion, rel=0.05
        )

    def test_splitters_pipelines_and_searches(self, toy):
        X, y, _ = toy
        pipeline = make_pipeline(FunctionTransformer(np.asarray), small_network(epochs=1))
        cv = ShuffleSplit(2, test_size=0.2, random_state=0)
        model = CalibratedRegressorCV(pipeline, cv=cv).fit(X, y)
        assert len(model.estimators_) == 2
        search = GridSearchCV(
            CalibratedRegressorCV(small_network(epochs=1), cv=2),
            {"estimator__dropout": [0.1, 0.5]},
            cv=2,
        )
        assert search.fit(X, y).predict(X).shape == (200,)

    def test_a_search_does_not_see_fractions_that_are_held_out(self, toy):
        """Votes that are not whole have no counts of 0 to stand for "no votes"."""
        X, y, _ = toy
        fraction, weight = y[:, 0] / y[:, 1], np.full(len(X), 2.5)
        fraction[150:] = 0.123  # held out
        scored = []

        def scorer(estimator, X, y, sample_weight=None):
            scored.extend(y)
            return 0.0

        search = GridSearchCV(small_network(epochs=1), {"dropout": [0.5]}, scoring=scorer, cv=2)
        pairs = [(np.arange(150), np.arange(150, 200))]
        model = CalibratedRegressorCV(make_pipeline(FunctionTransformer(), search), cv=pairs)
        model.fit(X, fraction, sample_weight=weight)
        np.testing.assert_array_equal(np.sort(scored), np.sort(fraction[:150]))

    def test_pairs_are_rows_of_X_where_some_have_no_votes(self, toy):
        X, y, _ = toy
        y = y.copy()
        y[:10] = 0
        pairs = [(np.arange(5, 150), np.arange(150, 200)[::-1])]
        model = CalibratedRegressorCV(small_network(epochs=1), cv=pairs, random_state=0).fit(X, y)
        seen = np.flatnonzero(model.was_trained_on(X))
        np.testing.assert_array_equal(seen, np.arange(10, 150))
        assert model.n_calibrated_on_ == 50

    def test_active_learner_teaches_it(self, toy):
        X, y, _ = toy
        model = CalibratedRegressorCV(small_network(epochs=1), cv=2, random_state=0)
        learner = ActiveLearner(model, mutual_information_sampling, X[:50], y[:50])
        asked, images = learner.query(X[50:], n_instances=5)
        learner.teach(images, y[50:][asked])
        assert learner.estimator.estimators_[0].n_iter_ == 1


class TestHoldingOut:
    def test_a_fifth_is_held_out(self, toy):
        X, y, _ = toy
        model = CalibratedRegressorCV(small_network(), random_state=0).fit(X, y)
        (network,) = model.estimators_
        assert network.was_trained_on(X).sum() == 160
        assert model.predict_posterior(X[:3]).draws.shape == (3, 5)
        assert model.embed(X[:3]).shape == (3, 8)

    def test_images_that_are_there_twice_do_not_calibrate(self, toy):
        X, y, _ = toy
        model = CalibratedRegressorCV(small_network(epochs=1), cv=2, random_state=0)
        twice = np.concatenate([X[:40], X[:60]]), np.concatenate([y[:40], y[:60]])
        seen = []

        def spy(posteriors, votes):
            seen.extend(votes)
            return Recalibration()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("skgalaxy.calibration._regressor.recalibration_of", spy)
            model.fit(*twice)
        for network, votes in zip(model.estimators_, seen, strict=True):
            unseen = y[:60][~network.was_trained_on(X[:60])]
            assert {tuple(row) for row in votes[:, :2]} <= {tuple(row) for row in unseen}
        pairs = [(np.arange(40), np.arange(40, 80))]
        with pytest.raises(ValueError, match=r"training sets with all that was held out"):
            CalibratedRegressorCV(small_network(epochs=1), cv=pairs).fit(
                np.concatenate([X[:40], X[:40]]), np.concatenate([y[:40], y[:40]])
            )

    def test_a_frozen_estimator_is_not_calibrated_on_what_it_knows(self, toy):
        X, y, _ = toy
        frozen = FrozenEstimator(small_network(epochs=1).fit(X[:50], y[:50]))
        with pytest.raises(
            ValueError, match=r"cv='prefit' with new galaxies if the estimator is frozen"
        ):
            CalibratedRegressorCV(frozen).fit(X[:50], y[:50])
        CalibratedRegressorCV(frozen, cv="prefit").fit(X[50:], y[50:])

    def test_splitters_say_what_is_trained_on_and_keep_groups_together(self, toy):
        X, y, _ = toy
        groups = np.arange(200) // 50
        for cv in (GroupKFold(4), 4):
            model = CalibratedRegressorCV(small_network(epochs=1), cv=cv)
            model.fit(X, y, groups=groups)
            seen = np.array([network.was_trained_on(X) for network in model.estimators_])
            assert (seen.reshape(4, 4, 50).all(axis=2).sum(axis=1) == 3).all()
        model = CalibratedRegressorCV(small_network(epochs=1), random_state=0)
        (network,) = model.fit(X, y, groups=groups).estimators_
        whole = network.was_trained_on(X).reshape(4, 50)
        assert (whole.all(axis=1) == whole.any(axis=1)).all()
        pairs = [(np.arange(20), np.arange(100, 120))]
        model = CalibratedRegressorCV(small_network(epochs=1), cv=pairs).fit(X, y)
        np.testing.assert_array_equal(model.was_trained_on(X), np.arange(200) < 20)

    def test_galaxies_without_votes_are_not_dealt(self, toy):
        X, y, _ = toy
        y = np.where((np.arange(200) < 12)[:, None], y, 0)
        model = CalibratedRegressorCV(small_network(epochs=1), cv=3, random_state=0).fit(X, y)
        assert [network.was_trained_on(X).sum() for network in model.estimators_] == [8, 8, 8]

    def test_pipelines_take_fractions_and_weights(self, toy):
        X, y, _ = toy
        pipeline = make_pipeline(FunctionTransformer(np.asarray), small_network(epochs=1))
        model = CalibratedRegressorCV(pipeline, random_state=0)
        counts = clone(model).fit(X, y).predict(X)
        fractions = clone(model).fit(X, y[:, 0] / y[:, 1], sample_weight=y[:, 1])
        np.testing.assert_allclose(fractions.predict(X), counts, atol=1e-6)
        weights = np.linspace(0.5, 2, 200)
        weighted = clone(model).fit(X, y, sample_weight=weights)
        assert np.abs(weighted.predict(X) - counts).max() > 1e-6
        halves = clone(model).fit(X, y[:, 0] / y[:, 1], sample_weight=y[:, 1] + 0.5)
        np.testing.assert_allclose(halves.predict(X), counts, atol=0.05)

    def test_folds_may_choose_differently(self, toy):
        X, y, _ = toy
        folds = iter((3, 7))

        class Chooser(BayesianCNNRegressor):
            def fit(self, X, y):
                return self.set_params(n_draws=next(folds)).super_fit(X, y)

            def super_fit(self, X, y):
                return BayesianCNNRegressor.fit(self, X, y)

        network = GalaxyZooNetwork(((4,),), 8)
        model = CalibratedRegressorCV(Chooser(network=network, epochs=1), cv=2).fit(X, y)
        assert model.predict_posterior(X[:2]).draws.shape == (2, 10)

    def test_fractions_without_votes_are_refused_before_training(self, toy):
        X, y, _ = toy
        with pytest.raises(ValueError, match="fractions need `sample_weight` as N"):
            CalibratedRegressorCV("never asked").fit(X, y[:, 0] / y[:, 1])


class TestPrefit:
    def test_groups_are_refused(self, toy, fitted):
        X, y, _ = toy
        with pytest.raises(ValueError, match="`groups` must be None with cv='prefit'"):
            CalibratedRegressorCV(fitted, cv="prefit").fit(X, y, groups=np.arange(len(X)))

    def test_learns_from_other_galaxies_only(self, toy):
        X, y, _ = toy
        fitted = small_network().fit(X[:100], y[:100])
        model = CalibratedRegressorCV(fitted, cv="prefit").fit(X[100:], y[100:])
        assert model.estimators_ == [fitted]
        calibrated, before = model.predict_posterior(X).draws, fitted.predict_posterior(X).draws
        np.testing.assert_allclose(logit(calibrated).mean(axis=1), logit(before).mean(axis=1))
        with pytest.raises(ValueError, match=r"not trained on.* Got 90 .* first in row 10; "):
            CalibratedRegressorCV(fitted, cv="prefit").fit(X[10:110][::-1], y[10:110][::-1])

    def test_looks_into_pipelines_searches_and_learners(self, toy):
        X, y, _ = toy
        search = GridSearchCV(small_network(epochs=1), {"dropout": [0.5]}, cv=2).fit(X[:60], y[:60])
        pipeline = make_pipeline(FunctionTransformer(np.asarray), small_network(epochs=1))
        for fitted in (
            search,
            pipeline.fit(X[:60], y[:60]),
            ActiveLearner(small_network(epochs=1), X_training=X[:60], y_training=y[:60]),
        ):
            with pytest.raises(ValueError, match="Got 1 of its training set"):
                CalibratedRegressorCV(fitted, cv="prefit").fit(X[59:], y[59:])
            CalibratedRegressorCV(fitted, cv="prefit").fit(X[60:], y[60:])

    def test_what_cannot_tell_is_refused(self, toy):
        class Stub:
            def predict_posterior(self, X):
                return VotePosterior(np.full((len(X), 2), 0.5))

        with pytest.raises(TypeError, match="a fitted estimator with `was_trained_on`"):
            CalibratedRegressorCV(Stub(), cv="prefit").fit(*toy[:2])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cv": 1}, "`cv` must be .* Got 1"),
        ({"cv": "folds"}, "`cv` must be .*prefit.* Got 'folds'"),
    ],
)
def test_bad_parameters(toy, parameters, message):
    with pytest.raises(ValueError, match=message):
        CalibratedRegressorCV(small_network(), **parameters).fit(*toy[:2])
