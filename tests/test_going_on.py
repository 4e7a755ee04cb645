"""Calibrated estimators that go on from their last fit: what trains never calibrates."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from modAL.models import ActiveLearner
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skgalaxy
from skgalaxy import BayesianCNNRegressor, active, query
from skgalaxy.active._plan import Plan
from skgalaxy.calibration import CalibratedRegressorCV
from skgalaxy.images import PoolReader
from skgalaxy.networks import schedule
from skgalaxy.networks.schedule import auto_epochs
from skgalaxy.query._learners import was_calibrated_on


def network(**parameters):
    from skgalaxy.networks import GalaxyZooNetwork

    return BayesianCNNRegressor(
        network=GalaxyZooNetwork(((4,),), 8),
        **{"epochs": 1, "batch_size": 32, "n_draws": 5, **parameters},
    )


def going_on(estimator=None, **parameters):
    estimator = network() if estimator is None else estimator
    return CalibratedRegressorCV(estimator, warm_start=True, **{"random_state": 0, **parameters})


@pytest.fixture(scope="module")
def rounds(toy):
    """The same estimator after each of four fits, to more galaxies each time."""
    X, y, _ = toy
    model, after = going_on(), []
    for n_galaxies in (40, 41, 100, 200):
        after.append(copy.deepcopy(model.fit(X[:n_galaxies], y[:n_galaxies])))
    return after


class TestGalaxiesHeldOut:
    def test_none_is_ever_trained_on_and_a_fifth_is_held_out(self, rounds, toy):
        X = toy[0]
        held_out = np.zeros(len(X), dtype=bool)
        for model, n_galaxies in zip(rounds, (40, 41, 100, 200), strict=True):
            calibrates = model.was_calibrated_on(X)
            assert calibrates[held_out].all()
            assert calibrates.sum() == model.n_calibrated_on_ == -(-n_galaxies // 5)
            trained_on = model.was_trained_on(X)
            np.testing.assert_array_equal(trained_on ^ calibrates, np.arange(200) < n_galaxies)
            assert not (trained_on & calibrates).any()
            held_out = calibrates

    def test_all_of_them_calibrate_anew(self, rounds, toy):
        X, y, _ = toy
        last = rounds[-1]
        held_out = last.was_calibrated_on(X)
        again = CalibratedRegressorCV(last.estimators_[0], cv="prefit")
        again.fit(X[held_out], y[held_out])
        assert again.recalibration_ == last.recalibration_ != rounds[0].recalibration_

    def test_neither_order_nor_copies_change_who_is_held_out(self, rounds, toy):
        X, y, _ = toy
        model = copy.deepcopy(rounds[2])  # 100 galaxies, 20 of them held out
        before = model.was_calibrated_on(X)
        twins = np.concatenate([X[:110], X[:100]])[::-1]
        model.fit(twins, np.concatenate([y[:110], y[:100]])[::-1])
        after = model.was_calibrated_on(X)
        assert after[before].all()
        assert (after.sum(), model.was_trained_on(X).sum()) == (22, 88)
        # weights of 0 and galaxies without votes are dealt later
        model.fit(X[:150], np.where((np.arange(150) < 110)[:, None], y[:150], 0))
        np.testing.assert_array_equal(model.was_calibrated_on(X), after)

    def test_those_that_are_not_given_stay_held_out(self, rounds, toy):
        X, y, _ = toy
        model = copy.deepcopy(rounds[2])
        before = model.was_calibrated_on(X)
        model.fit(X[30:120], y[30:120]).fit(X, y)
        assert model.was_calibrated_on(X)[before].all()
        assert not (model.was_calibrated_on(X) & model.was_trained_on(X)).any()


class TestNetworks:
    def test_go_on_and_do_not_begin_again(self, rounds, toy):
        networks = [model.estimators_[0] for model in rounds]
        assert [one.n_iter_ for one in networks] == [1, 2, 3, 4]
        X, y, _ = toy
        cold = clone(rounds[0]).set_params(warm_start=False)
        assert cold.fit(X[:40], y[:40]).fit(X, y).estimators_[0].n_iter_ == 1

    def test_parameters_may_change_and_the_users_stay(self, rounds, toy):
        X, y, _ = toy
        model = copy.deepcopy(rounds[2]).set_params(estimator__epochs=3, estimator__n_draws=7)
        assert model.fit(X, y).estimators_[0].n_iter_ == 6
        assert model.predict_posterior(X[:2]).draws.shape == (2, 7)
        assert model.estimator.warm_start is False
        with pytest.raises(ValueError, match="`n_networks` must stay as it was"):
            model.set_params(estimator__n_networks=2).fit(X, y)

    def test_a_fit_that_fails_leaves_all_as_it_was(self, rounds, toy, interrupt_at):
        X, y, _ = toy
        model = copy.deepcopy(rounds[2])
        before, known = model.predict(X), model.was_trained_on(X)
        model.set_params(estimator__callbacks=[interrupt_at(2)], estimator__epochs=5)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
        np.testing.assert_array_equal(model.predict(X), before)
        np.testing.assert_array_equal(model.was_trained_on(X), known)

    def test_files_and_pickles_go_on_alike(self, rounds, toy, tmp_path):
        X, y, _ = toy
        rounds[2].save(tmp_path / "model.skgalaxy")
        loaded = skgalaxy.load(tmp_path / "model.skgalaxy"), pickle.loads(pickle.dumps(rounds[2]))
        for model in loaded:
            model.fit(X, y)
            np.testing.assert_array_equal(model.predict(X), rounds[3].predict(X))
            np.testing.assert_array_equal(model.held_out_, rounds[3].held_out_)


class TestLoops:
    def test_teach(self, toy):
        X, y, _ = toy
        learner = ActiveLearner(going_on(), query.random_sampling, X[:50], y[:50])
        learner.teach(X[50:80], y[50:80])
        assert learner.estimator.estimators_[0].n_iter_ == 2
        assert learner.estimator.was_calibrated_on(X).sum() == 16

    @pytest.mark.parametrize("inside", [True, False])
    def test_a_run_goes_on_from_its_ledger_with_the_same_numbers(self, toy, tmp_path, inside):
        X, y, _ = toy
        if inside:  # the reader in the estimator that is calibrated, or before it
            model = going_on(make_pipeline(PoolReader(X), network()), random_state=None)
        else:
            model = make_pipeline(PoolReader(X), going_on(random_state=None))
        pool = np.arange(len(X))
        run = partial(
            active.run,
            ActiveLearner(model, query.random_sampling),
            pool,
            active.SimulatedVolunteers(pool, y),
            initial=30,
            n_instances=10,
            random_state=0,
        )
        straight = run(n_rounds=2).learner
        ledger = tmp_path / "run.sqlite"
        run(n_rounds=1, ledger=ledger)
        resumed = run(n_rounds=2, ledger=ledger).learner
        np.testing.assert_array_equal(resumed.predict(pool), straight.predict(pool))
        fitted = straight.estimator if inside else straight.estimator[-1]
        assert fitted.n_calibrated_on_ == 10
        (one,) = fitted.estimators_
        assert (one[-1] if inside else one).n_iter_ == 3

    @pytest.mark.parametrize("outer", [True, False])
    @pytest.mark.parametrize("inner", [True, False])
    def test_what_is_inside_a_cold_estimator_is_cold(self, outer, inner):
        model = CalibratedRegressorCV(network(warm_start=inner), warm_start=outer)
        plan = Plan.__new__(Plan)
        for estimator in (model, make_pipeline(FunctionTransformer(), model)):
            plan.learner = ActiveLearner(estimator, query.random_sampling)
            assert plan.is_warm == outer

    def test_recommended_goes_on(self):
        assert skgalaxy.recommended(warm_start=True).warm_start
        assert not skgalaxy.recommended().warm_start


class TestRefused:
    @pytest.mark.parametrize(
        ("parameters", "error", "message"),
        [
            ({"cv": 3}, ValueError, "`warm_start` needs cv=None and no groups.* Got cv=3"),
            ({"cv": "prefit"}, ValueError, "`warm_start` needs cv=None .* Got cv='prefit'"),
            ({"warm_start": 1}, TypeError, "`warm_start` must be True or False"),
            (
                {"estimator": GridSearchCV(network(), {"dropout": [0.5]})},
                TypeError,
                "that ends in one. Got GridSearchCV",
            ),
            (
                {"estimator": make_pipeline(StandardScaler(), network())},
                TypeError,
                "learn nothing.* Got StandardScaler",
            ),
        ],
    )
    def test_what_cannot_hold(self, toy, parameters, error, message):
        with pytest.raises(error, match=message):
            going_on().set_params(**parameters).fit(*toy[:2])

    def test_groups_and_folds_of_before(self, toy):
        X, y, _ = toy
        with pytest.raises(ValueError, match="Got groups"):
            going_on().fit(X, y, groups=np.arange(len(X)))
        folds = CalibratedRegressorCV(network(), cv=2).fit(X, y)
        with pytest.raises(ValueError, match="Got the last `fit` with 2 splits"):
            folds.set_params(cv=None, warm_start=True).fit(X, y)

    def test_galaxies_that_are_all_new(self, rounds, toy):
        """Also a scaler before it, which learns other numbers from more galaxies."""
        X, y, _ = toy
        with pytest.raises(ValueError, match="must hold the galaxies of the last `fit`"):
            copy.deepcopy(rounds[0]).fit(X[41:], y[41:])
        flat = X.reshape(len(X), -1).astype(float)
        scaled = make_pipeline(StandardScaler(), going_on(network(image_shape=(12, 12))))
        scaled.fit(flat[:50], y[:50])
        with pytest.raises(ValueError, match="leave out steps that change their pixels"):
            scaled.fit(flat, y)


class TestWasCalibratedOn:
    def test_folds_and_prefit(self, toy):
        X, y, _ = toy
        assert CalibratedRegressorCV(network(), cv=2).fit(X, y).was_calibrated_on(X).all()
        fitted = network().fit(X[:100], y[:100])
        model = CalibratedRegressorCV(fitted, cv="prefit").fit(X[120:], y[120:])
        np.testing.assert_array_equal(model.was_calibrated_on(X), np.arange(200) >= 120)
        pipeline = make_pipeline(FunctionTransformer(), model)
        np.testing.assert_array_equal(was_calibrated_on(pipeline, X), np.arange(200) >= 120)


class TestLength:
    @pytest.mark.parametrize("from_trunk", [True, False])
    def test_rounds_together_take_little_more_than_one_training(self, from_trunk):
        def steps(n_images, n_known=0):
            epochs = auto_epochs(n_images, 16, from_trunk=from_trunk, n_known=n_known)
            return epochs * -(-n_images // 16)

        sizes = range(50, 1001, 50)
        together = steps(50) + sum(steps(n, n - 50) for n in sizes[1:])
        least = 200 * len(sizes)
        assert steps(1000) <= together <= steps(1000) + least
        assert steps(1000, 64) > 0.7 * steps(1000)  # mostly new
        assert 200 <= steps(1000, 1000) < 200 + 63  # none is new

    def test_a_fit_that_goes_on_is_short_and_slow(self, toy, monkeypatch):
        monkeypatch.setattr(schedule, "_STEPS_AT_ONE", 20)
        monkeypatch.setattr(schedule, "_LEAST_STEPS_ON", 12)
        X, y, _ = toy
        model = network(epochs="auto", schedule="constant", warm_start=True)
        model.fit(X[:64], y[:64])
        first = model.n_iter_
        model.fit(X[:66], y[:66])
        assert (first, model.n_iter_ - first) == (80, 4)  # 160 steps of 2, then 12 of 3
        assert model._ensemble.networks[0].identity
        rate = model._ensemble.networks[0].state
        assert any(np.ndim(x) == 0 and np.isclose(x, 1e-3 / 3) for x in rate)
