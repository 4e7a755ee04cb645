"""scikit-learn's model selection, on images and two-column targets."""

import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from oracles import votes_nll
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skgalaxy import BayesianCNNRegressor, query
from skgalaxy.likelihoods import Binomial
from skgalaxy.metrics import binomial_log_loss, d2_binomial_score
from skgalaxy.model_selection import (
    d2_binomial_scorer,
    neg_binomial_log_loss_scorer,
    neg_vote_fraction_rmse_scorer,
)


@pytest.fixture
def model(small):
    return BayesianCNNRegressor(**small)


class TestSearch:
    def test_cross_validate_with_every_scorer(self, model, toy):
        X, y, _ = toy
        scorers = {
            "d2": d2_binomial_scorer,
            "log loss": neg_binomial_log_loss_scorer,
            "rmse": neg_vote_fraction_rmse_scorer,
        }
        scores = cross_validate(model, X, y, cv=3, scoring=scorers, error_score="raise")
        np.testing.assert_allclose(scores["test_d2"], cross_val_score(model, X, y, cv=3))
        assert (scores["test_log loss"] < 0).all()
        assert (scores["test_rmse"] < 0).all()

    def test_draws_out_of_fold(self, model, toy):
        X, y, _ = toy
        # scikit-learn's own check knows four methods only; nothing behind it minds a fifth
        with sklearn.config_context(skip_parameter_validation=True):
            draws = cross_val_predict(model, X, y, cv=3, method="sample_posterior")
        assert draws.shape == (200, 10)
        mean = cross_val_predict(model, X, y, cv=3)
        np.testing.assert_allclose(draws.mean(axis=1), mean)

    def test_grid_search_in_two_processes(self, model, toy):
        X, y, _ = toy
        grid = [{"dropout": [0.2]}, {"network__dense_units": [8]}]
        search = GridSearchCV(model, grid, cv=2, n_jobs=2, error_score="raise").fit(X, y)
        serial = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
        np.testing.assert_allclose(
            search.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"], atol=1e-5
        )
        assert len(query.predict_posterior(search, X[:5])) == 5

    @pytest.mark.parametrize("search", [RandomizedSearchCV, HalvingGridSearchCV])
    def test_other_searches(self, model, toy, search):
        X, y, _ = toy
        options = {"n_iter": 2} if search is RandomizedSearchCV else {"min_resources": 50}
        found = search(model, {"learning_rate": [1e-4, 1e-2]}, cv=2, random_state=0, **options).fit(
            X, y
        )
        assert found.best_params_["learning_rate"] == 1e-2

    def test_curves(self, model, toy):
        X, y, _ = toy
        sizes, train, test = learning_curve(model, X, y, train_sizes=[0.5, 1.0], cv=2)
        assert sizes.tolist() == [50, 100]
        assert train.shape == test.shape == (2, 2)
        options = {"param_name": "epochs", "param_range": [1, 12], "cv": 2}
        train, test = validation_curve(model, X, y, **options)
        assert test[1].mean() > test[0].mean()

    def test_twenty_fits_neither_grow_nor_slow(self, small, toy):
        """A search over four candidates and five folds; refits trace nothing."""
        held = Path("/proc/self/statm")
        if not held.exists():
            pytest.skip("the memory held now is read from /proc")
        X, y, _ = toy
        log = []

        class Logged(BayesianCNNRegressor):
            def fit(self, X, y):
                start = time.perf_counter()
                super().fit(X, y)
                pages = int(held.read_text().split()[1])
                log.append((time.perf_counter() - start, pages * resource.getpagesize() / 1e6))
                return self

        grid = {"dropout": [0.31, 0.52], "learning_rate": [1e-3, 1e-4]}
        GridSearchCV(Logged(**small), grid, cv=5, refit=False).fit(X, y)
        seconds, memory = np.transpose(log)
        assert len(log) == 20
        assert memory[-1] - memory[4] < 300
        assert np.median(seconds[-4:]) < 2 * np.median(seconds[1:5]) + 0.2


class TestRouting:
    """sample_weight travels through Pipelines and searches when it is asked to."""

    @pytest.fixture(autouse=True)
    def _routing(self):
        with sklearn.config_context(enable_metadata_routing=True):
            yield

    def test_pipeline_and_grid_search(self, small, toy):
        X, y, _ = toy
        k, n = y.T
        n = np.where(np.arange(200) % 2, n, 0)  # half of them count for nothing
        model = BayesianCNNRegressor(**small)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipe = make_pipeline(FunctionTransformer(), model)
        scorer = make_scorer(d2_binomial_score).set_score_request(sample_weight=True)
        grid = {"bayesiancnnregressor__epochs": [3]}
        search = GridSearchCV(pipe, grid, scoring=scorer, cv=2)
        search.fit(X, k / 40, sample_weight=n)
        expected = BayesianCNNRegressor(**small).fit(X[1::2], k[1::2] / 40, n[1::2]).predict(X)
        np.testing.assert_allclose(search.predict(X), expected, atol=1e-6)

    def test_cross_validate(self, small, toy):
        X, y, _ = toy
        k, n = y.T
        model = BayesianCNNRegressor(**small)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        weighted = cross_validate(model, X, k / n, cv=2, params={"sample_weight": n})
        counts = cross_validate(BayesianCNNRegressor(**small), X, y, cv=2)
        np.testing.assert_allclose(weighted["test_score"], counts["test_score"], atol=1e-3)


class TestPipelines:
    def test_standard_scaler_on_flat_images(self, small, toy):
        X, y, rho = toy
        small = {**small, "epochs": 20}
        pipe = make_pipeline(StandardScaler(), BayesianCNNRegressor(**small, image_shape=(12, 12)))
        flat = X.reshape(200, -1).astype(float)
        mean = pipe.fit(flat, y).predict(flat)
        assert pipe[-1].image_shape_ == (12, 12, 1)
        assert np.corrcoef(mean, rho)[0, 1] > 0.8
        # not to the last bit: kernels may split rows anew
        np.testing.assert_allclose(query.predict_posterior(pipe, flat).mean, mean, rtol=1e-6)

    def test_memory_and_data_frames(self, small, toy, tmp_path):
        pandas = pytest.importorskip("pandas")
        X, y, _ = toy
        frame = pandas.DataFrame(X.reshape(200, -1) / 1.0).add_prefix("pixel_")
        target = pandas.DataFrame(y, columns=["k", "N"])
        scaler = StandardScaler().set_output(transform="pandas")
        pipe = make_pipeline(scaler, BayesianCNNRegressor(**small), memory=str(tmp_path))
        pipe.fit(frame, target)
        assert pipe[-1].feature_names_in_[0] == "pixel_0"
        plain = make_pipeline(StandardScaler(), BayesianCNNRegressor(**small))
        expected = plain.fit(frame.to_numpy(), y).predict(frame.to_numpy())
        np.testing.assert_array_equal(pipe.predict(frame), expected)

    def test_percentages_as_targets(self, model, toy):
        X, y, _ = toy
        percent = 100 * y[:, 0] / y[:, 1]
        target = TransformedTargetRegressor(
            model, func=lambda p: p / 100, inverse_func=lambda p: 100 * p, check_inverse=False
        )
        with sklearn.config_context(assume_finite=True):
            predicted = target.fit(X, percent).predict(X)
        expected = 100 * clone(model).fit(X, percent / 100).predict(X)
        np.testing.assert_allclose(predicted, expected, rtol=1e-6)


class TestTraining:
    """What training looks like, and what steers it."""

    def test_validation_data_and_fraction(self, small, toy):
        X, y, _ = toy
        model = BayesianCNNRegressor(**small).fit(
            X[:150], y[:150], validation_data=(X[150:], y[150:])
        )
        plain = BayesianCNNRegressor(**small).fit(X[:150], y[:150])
        assert len(model.history_["val_loss"]) == 3
        np.testing.assert_array_equal(model.predict(X), plain.predict(X))  # looked at, not learned
        held = BayesianCNNRegressor(**small, validation_fraction=0.25).fit(X, y)
        assert len(held.history_["val_loss"]) == 3
        assert "val_loss" not in plain.history_

    def test_validation_loss_is_that_of_the_held_out(self, small, toy):
        X, y, _ = toy
        model = BayesianCNNRegressor(**small)
        model.fit(X[:150], y[:150], validation_data=(X[150:], y[150:]))
        logits = model.network_.model_.predict(X[150:], verbose=0)
        expected = votes_nll(Binomial, *y[150:].T, logits).mean()
        assert model.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-4)

    def test_callbacks(self, small, toy, tmp_path):
        import keras

        X, y, _ = toy
        stop = keras.callbacks.EarlyStopping(patience=0, min_delta=1e9)
        save = keras.callbacks.ModelCheckpoint(tmp_path / "network.keras", monitor="loss")
        parameters = {**small, "epochs": 9, "validation_fraction": 0.2}
        model = BayesianCNNRegressor(**parameters, callbacks=[stop, save]).fit(X, y)
        assert model.n_iter_ < 9
        assert stop.stopped_epoch == 0  # a copy was called
        saved = keras.models.load_model(tmp_path / "network.keras")
        np.testing.assert_allclose(
            saved.predict(X, verbose=0), model.network_.model_.predict(X, verbose=0), rtol=1e-5
        )
        model.set_params(callbacks=None).fit(X, y)
        assert model.n_iter_ == 9  # stopped once is not stopped for ever

    def test_reduce_on_plateau(self, small, toy):
        import keras

        X, y, _ = toy
        patient = keras.callbacks.ReduceLROnPlateau(
            monitor="loss", factor=0.1, patience=1, min_delta=1e9
        )
        model = BayesianCNNRegressor(**small, schedule="constant", callbacks=[patient])
        model.fit(X, y)
        assert model.history_["learning_rate"][-1] < 1e-3

    def test_history_when_training_goes_on(self, small, toy):
        X, y, _ = toy
        model = BayesianCNNRegressor(**small, validation_fraction=0.2).fit(X, y)
        model.partial_fit(X[:1], y[:1])  # one pass over all of it, with nothing held out
        assert len(model.history_["loss"]) == len(model.history_["val_loss"]) == 4
        assert np.isnan(model.history_["val_loss"]).tolist() == [False] * 3 + [True]

    def test_validation_fractions_with_weights(self, small, toy):
        X, y, _ = toy
        k, n = y.T
        counts = BayesianCNNRegressor(**small).fit(X, y, validation_data=(X, y))
        weighted = BayesianCNNRegressor(**small).fit(X, y, validation_data=(X, k / n, n))
        assert weighted.history_["val_loss"] == pytest.approx(counts.history_["val_loss"])

    def test_html(self, model, fitted):
        assert "BayesianCNNRegressor" in model._repr_html_()
        assert "BayesianCNNRegressor" in fitted._repr_html_()

    @pytest.mark.parametrize(
        ("parameters", "error", "message"),
        [
            ({"schedule": "linear"}, ValueError, "`schedule` must be one of 'constant', 'cosine'"),
            ({"callbacks": "stop"}, TypeError, "`callbacks` must be None or a list of keras"),
            ({"validation_fraction": 1}, ValueError, r"`validation_fraction` must be a number in"),
            ({"validation_fraction": 0.999}, ValueError, "must leave an image to train on"),
        ],
    )
    def test_bad_parameters(self, small, toy, parameters, error, message):
        with pytest.raises(error, match=message):
            BayesianCNNRegressor(**small, **parameters).fit(toy[0], toy[1])

    def test_bad_validation_data(self, model, toy):
        X, y, _ = toy
        with pytest.raises(ValueError, match="images like those of `fit`"):
            model.fit(X, y, validation_data=(X[:, :6], y))
        with pytest.raises(ValueError, match="k must not exceed"):
            model.fit(X, y, validation_data=(X, y[:, ::-1] + [1, 0]))
        with pytest.raises(ValueError, match=r"`validation_data` must be \(X, y\)"):
            model.fit(X, y, validation_data=X)
        with pytest.raises(ValueError, match=r"Got tuple of length 1\."):
            model.fit(X, y, validation_data=(X,))
        assert not hasattr(model, "n_iter_")


def test_log_loss_is_scikit_learns_on_single_votes():
    y, rho = [[3, 7], [0, 2], [5, 5], [0, 0]], [0.3, 0.1, 0.9, 0.5]
    single = np.repeat([1, 0, 0, 1], [3, 4, 2, 5])
    predicted = np.repeat([0.3, 0.3, 0.1, 0.9], [3, 4, 2, 5])
    assert binomial_log_loss(y, rho) == pytest.approx(log_loss(single, predicted))
    with pytest.raises(ValueError, match="at least one vote"):
        binomial_log_loss([[0, 0]], [0.5])
    assert binomial_log_loss([[1, 2]], [0.0]) == np.inf


def test_validation_data_of_a_refit_are_like_its_own_galaxies(small):
    """A second fit may be to other features than the first."""
    rng = np.random.default_rng(0)
    y = np.column_stack([rng.integers(0, 11, 40), np.full(40, 10)])
    model = BayesianCNNRegressor(**small)
    for names in ("abc", "abcdef"):
        X = pd.DataFrame(rng.normal(size=(40, len(names))), columns=list(names))
        model.fit(X, y, validation_data=(X, y))
        assert list(model.feature_names_in_) == list(names)
        with pytest.raises(ValueError, match="feature names should match"):
            model.fit(X, y, validation_data=(X[X.columns[::-1]], y))
