"""What `BayesianCNNRegressor` promises."""

import copy
import pickle
import random

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError

from skgalaxy import BayesianCNNRegressor, VotePosterior, estimator
from skgalaxy.exceptions import NoSpreadWarning
from skgalaxy.metrics import d2_binomial_score, vote_fraction_rmse
from skgalaxy.networks import GalaxyZooNetwork


class TestLearning:
    def test_recovers_the_vote_fractions_of_simulated_galaxies(self):
        """Better than the mean, against the true ρ, on galaxies not seen in training."""
        pytest.importorskip("galsim")
        from skgalaxy.datasets import make_galaxies

        galaxies = make_galaxies(500, 32, random_state=0)
        model = BayesianCNNRegressor(
            network=GalaxyZooNetwork(((8,), (16,), (32,)), 32),
            epochs=40,
            batch_size=16,
            learning_rate=3e-3,
            random_state=0,
        ).fit(galaxies.images[:300], galaxies.votes[:300])
        rho = galaxies.vote_fraction[300:]
        posterior = model.predict_posterior(galaxies.images[300:])
        error = np.sqrt(np.mean((posterior.mean - rho) ** 2))
        assert error < 0.8 * rho.std()
        assert model.score(galaxies.images[300:], galaxies.votes[300:]) > 0.3

    def test_learns_colour_and_flat_rows(self, toy, small):
        X, y, rho = toy
        small = {**small, "epochs": 30}
        for images in (np.repeat(X, 3, axis=3), X.reshape(len(X), -1).astype(float)):
            model = BayesianCNNRegressor(**small).fit(images, y)
            assert np.corrcoef(model.predict(images), rho)[0, 1] > 0.9

    def test_loss_falls(self, toy, small):
        X, y, _ = toy
        model = BayesianCNNRegressor(**{**small, "epochs": 10}).fit(X, y)
        assert model.history_["loss"][-1] < model.history_["loss"][0]
        assert len(model.history_["loss"]) == model.n_iter_ == 10

    @pytest.mark.filterwarnings("ignore::skgalaxy.exceptions.NoSpreadWarning")
    def test_scale_of_pixels_does_not_matter(self, toy, small):
        """Images are standardised: flux in any unit trains the same network."""
        X, y, _ = toy
        # whole batches, no dropout, no views: nothing depends on the order of images
        plain = {**small, "dropout": 0, "augment": False, "batch_size": 200, "epochs": 20}
        expected = BayesianCNNRegressor(**plain).fit(X / 1, y).predict(X / 1)
        scaled = BayesianCNNRegressor(**plain).fit(X * 1e-3 - 7, y).predict(X * 1e-3 - 7)
        np.testing.assert_allclose(scaled, expected, atol=1e-3)


class TestPosterior:
    def test_draws_are_shared_networks(self, fitted, toy):
        X, _, _ = toy
        draws = fitted.sample_posterior(X)
        assert draws.shape == (200, 10)
        assert ((draws > 0) & (draws < 1)).all()
        np.testing.assert_array_equal(fitted.sample_posterior(X), draws)
        np.testing.assert_allclose(
            fitted.sample_posterior(X[[5, 5, 9]]), draws[[5, 5, 9]], rtol=1e-5
        )
        np.testing.assert_allclose(fitted.sample_posterior(X[::-1])[::-1], draws, rtol=1e-5)

    def test_dropout_is_on(self, fitted, toy):
        posterior = fitted.predict_posterior(toy[0])
        assert isinstance(posterior, VotePosterior)
        assert (posterior.std > 0).all()
        assert (posterior.mutual_information(40) > 0).all()

    def test_no_dropout_no_information(self, toy, small):
        X, y, _ = toy
        model = BayesianCNNRegressor(**small, dropout=0).fit(X, y)
        with pytest.warns(NoSpreadWarning, match="no active dropout"):
            posterior = model.predict_posterior(X)
        assert (posterior.mutual_information(40) == 0).all()
        assert (posterior.std < 1e-15).all()

    def test_predict_is_the_mean_of_draws(self, fitted, toy):
        X, _, _ = toy
        draws = fitted.sample_posterior(X)
        mean, std = fitted.predict(X, return_std=True)
        np.testing.assert_allclose(mean, draws.mean(axis=1))
        np.testing.assert_allclose(std, draws.std(axis=1))
        np.testing.assert_array_equal(fitted.predict(X), mean)

    def test_more_draws_after_fit(self, fitted, toy):
        more = copy.copy(fitted).set_params(n_draws=30)
        assert more.sample_posterior(toy[0]).shape == (200, 30)
        assert fitted.sample_posterior(toy[0]).shape == (200, 10)

    def test_score_is_deviance_explained(self, fitted, toy):
        X, y, _ = toy
        assert fitted.score(X, y) == d2_binomial_score(y, fitted.predict(X))


class TestTargets:
    def test_counts_are_weighted_fractions(self, toy, small):
        X, y, _ = toy
        y = y.copy()
        y[::3] //= 4  # unequal N, k <= N still
        counts = BayesianCNNRegressor(**small).fit(X, y)
        k, n = y.T
        fractions = BayesianCNNRegressor(**small).fit(X, k / n, sample_weight=n)
        np.testing.assert_allclose(fractions.predict(X), counts.predict(X), atol=1e-4)

    def test_weight_of_counts_multiplies_them(self, toy, small):
        X, y, _ = toy
        doubled = BayesianCNNRegressor(**small).fit(X, 2 * y)
        weighted = BayesianCNNRegressor(**small).fit(X, y, sample_weight=np.full(200, 2.0))
        np.testing.assert_array_equal(doubled.predict(X), weighted.predict(X))

    def test_galaxies_without_votes_teach_nothing(self, toy, small):
        X, y, _ = toy
        silent = y.copy()
        silent[150:] = 0
        expected = BayesianCNNRegressor(**small).fit(X[:150], y[:150]).predict(X)
        for votes, weight in ((silent, None), (y, [1] * 150 + [0] * 50)):
            model = BayesianCNNRegressor(**small).fit(X, votes, weight)
            np.testing.assert_array_equal(model.predict(X), expected)

    def test_weight_is_repetition_and_order_is_nothing(self, toy, small):
        X, y, _ = toy
        X, y = X[:60], y[:60]
        weight = np.random.default_rng(0).integers(0, 4, 60)
        repeated = np.random.default_rng(1).permutation(np.repeat(np.arange(60), weight))
        by_weight = BayesianCNNRegressor(**small).fit(X, y, weight)
        by_rows = BayesianCNNRegressor(**small).fit(X[repeated], y[repeated])
        np.testing.assert_array_equal(by_weight.predict(X), by_rows.predict(X))


class TestState:
    def test_same_seed_same_network(self, fitted, toy, small):
        X, y, _ = toy
        again = BayesianCNNRegressor(**small).fit(X, y)
        np.testing.assert_array_equal(again.sample_posterior(X), fitted.sample_posterior(X))
        other = BayesianCNNRegressor(**{**small, "random_state": 1}).fit(X, y)
        assert not np.allclose(other.predict(X), fitted.predict(X))

    def test_global_random_state_is_left_alone(self, toy, small):
        from keras.src.random.seed_generator import global_seed_generator

        def states():
            of_keras = keras.ops.convert_to_numpy(global_seed_generator().state).tolist()
            _, key, position, *_ = np.random.get_state()
            return random.getstate(), (key.tolist(), position), of_keras

        X, y, _ = toy
        keras.random.uniform((1,))  # makes Keras' global generator, if need be
        before = states()
        BayesianCNNRegressor(**small).fit(X, y).predict(X[:3])
        assert states() == before
        random.random(), np.random.random(), keras.random.uniform((3,))
        assert all(now != then for now, then in zip(states(), before, strict=True))

    def test_fit_changes_no_parameter(self, fitted, small):
        for name, value in small.items():
            assert repr(getattr(fitted, name)) == repr(value)
        assert is_regressor(fitted)

    def test_fit_starts_afresh_and_warm_start_goes_on(self, fitted, toy, small):
        X, y, _ = toy
        model = BayesianCNNRegressor(**small).fit(X, y)
        model.fit(X, y)
        np.testing.assert_array_equal(model.predict(X), fitted.predict(X))
        model.set_params(warm_start=True).fit(X, y)
        assert model.n_iter_ == len(model.history_["loss"]) == 6
        assert not np.allclose(model.predict(X), fitted.predict(X))
        model.partial_fit(X, y)
        assert model.n_iter_ == 7

    def test_interrupted_training_keeps_what_was_learned(self, toy, small, interrupt_at):
        X, y, _ = toy
        for stop in (1, 4):  # in the first epoch, and later
            model = BayesianCNNRegressor(
                **{**small, "epochs": 9, "callbacks": [interrupt_at(stop)]}
            )
            with pytest.raises(KeyboardInterrupt):
                model.fit(X, y)
            if stop == 1:
                with pytest.raises(NotFittedError):
                    model.predict(X)
        assert model.n_iter_ == len(model.history_["loss"]) == 3
        assert model.partial_fit(X, y).predict(X).shape == (200,)

    def test_diverged_training_is_an_error(self, toy, small):
        X, y, _ = toy
        model = BayesianCNNRegressor(**{**small, "learning_rate": 1e30})
        with pytest.raises(ValueError, match=r"Training diverged: .* Lower `learning_rate`"):
            model.fit(X, y)

    def test_a_dropped_estimators_network_is_not_changed_by_later_fits(self, toy, small):
        """Compiled models are shared, what they learned is not."""
        X, y, _ = toy
        first = BayesianCNNRegressor(**small).fit(X, y)
        keras_model, before = first.network_.model_, first.sample_posterior(X)
        second = BayesianCNNRegressor(**{**small, "random_state": 9}).fit(X[::-1], y)
        assert not np.allclose(second.predict(X), before.mean(axis=1))
        np.testing.assert_array_equal(first.sample_posterior(X), before)
        again = BayesianCNNRegressor(**small).fit(X, y)
        np.testing.assert_array_equal(again.sample_posterior(X), before)
        np.testing.assert_array_equal(
            keras_model.get_weights()[2], first.network_.model_.get_weights()[2]
        )

    def test_threads_predict_and_fit_at_once(self, fitted, toy, small):
        from concurrent.futures import ThreadPoolExecutor

        X, y, _ = toy
        others = [BayesianCNNRegressor(**{**small, "random_state": seed}) for seed in (0, 5, 0, 5)]
        expected = fitted.predict(X)
        with ThreadPoolExecutor(4) as threads:
            fits = [threads.submit(other.fit, X, y) for other in others]
            predictions = [threads.submit(fitted.predict, X) for _ in range(8)]
        for prediction in predictions:
            np.testing.assert_array_equal(prediction.result(), expected)
        found = [fit.result().predict(X) for fit in fits]
        np.testing.assert_array_equal(found[0], expected)
        np.testing.assert_array_equal(found[1], found[3])

    def test_pickle(self, fitted, toy):
        X, _, _ = toy
        loaded = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(loaded.sample_posterior(X), fitted.sample_posterior(X))

    def test_bfloat16_is_close(self, fitted, toy, small):
        X, y, _ = toy
        half = BayesianCNNRegressor(**small, precision="bfloat16").fit(X, y)
        keras_model = half.network_.model_
        assert {v.dtype for v in keras_model.trainable_variables} == {"float32"}
        computes = [layer.compute_dtype for layer in keras_model.layers[-1].layers]
        assert set(computes[:-1]) == {"bfloat16"}
        assert computes[-1] == "float32"
        np.testing.assert_allclose(half.predict(X), fitted.predict(X), atol=0.05)

    def test_memory_map(self, fitted, toy, small, tmp_path):
        X, y, _ = toy
        np.save(tmp_path / "images.npy", X)
        stored = np.load(tmp_path / "images.npy", mmap_mode="r")
        model = BayesianCNNRegressor(**small).fit(stored, y)
        np.testing.assert_array_equal(model.predict(stored), fitted.predict(X))

    def test_progress_bar(self, toy, small, capsys, monkeypatch):
        monkeypatch.setattr(estimator, "_BAR_AFTER", 0)
        X, y, _ = toy
        BayesianCNNRegressor(**small, verbose=True).fit(X, y).predict(X)
        bars = capsys.readouterr().err
        assert "epoch" in bars
        assert "galaxy" in bars


def linear(image_shape, *, dropout):
    inputs = keras.Input(image_shape)
    x = keras.layers.Dropout(dropout)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def sigmoid(image_shape, *, dropout):
    inputs = keras.Input(image_shape)
    x = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))


def two_outputs(image_shape, *, dropout):
    inputs = keras.Input(image_shape)
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)))


class TestNetwork:
    def test_custom(self, toy, small):
        X, y, _ = toy
        model = BayesianCNNRegressor(**{**small, "network": linear}).fit(X, y)
        assert model.predict_posterior(X).std.min() > 0

    def test_nested_parameters(self, small):
        model = BayesianCNNRegressor(**small)
        model = clone(model).set_params(network__dense_units=3)
        assert model.get_params()["network__dense_units"] == 3

    @pytest.mark.parametrize(
        ("network", "error", "message"),
        [
            ("vgg", TypeError, r"`network` must be None, 'galaxies' or a callable.*Got 'vgg'"),
            (two_outputs, ValueError, r"one logit, shape \(None, 1\).*to \(None, 2\)"),
            (sigmoid, ValueError, r"must end in a logit, .* Got 'sigmoid'"),
            (lambda shape, dropout: "model", ValueError, "`network` must build a functional"),
        ],
    )
    def test_wrong(self, toy, small, network, error, message):
        X, y, _ = toy
        with pytest.raises(error, match=message):
            BayesianCNNRegressor(**{**small, "network": network}).fit(X, y)


BAD_FITS = [
    (lambda X, y: (X, y[:, ::-1] + [1, 0]), r"k must not exceed the votes cast N. Got k=41 of N="),
    (lambda X, y: (X, -y), r"`y` must be whole numbers >= 0. Got -"),
    (lambda X, y: (X, y + 0.5), r"`y` must be whole numbers >= 0. Got"),
    (
        lambda X, y: (X, np.where(y == y[3, 0], np.nan, y)),
        r"`y` must not hold NaN. Got NaN in row .*; mask it if these galaxies have no votes",
    ),
    (lambda X, y: (X, y[:, 0]), r"must be vote fractions in \[0, 1\].*pass counts as two columns"),
    (lambda X, y: (X, np.full(200, np.nan)), r"`y` must not hold NaN. Got NaN in row 0, 1, 2"),
    (lambda X, y: (X, y[:-1]), r"`X` and `y` must have the same number of rows. Got 200 and 199"),
    (lambda X, y: (X, np.zeros((200, 3))), r"`y` must be counts .* Got shape \(200, 3\)"),
    (lambda X, y: (X, 0 * y), r"must give at least one vote of weight > 0"),
    (lambda X, y: (np.where(X > 150, np.nan, X), y), r"Input X contains NaN"),
    (lambda X, y: (np.where(X > 150, np.inf, X), y), r"Input X contains infinity"),
    (lambda X, y: (X[..., None], y), r"`X` must hold images .* Got 5 dimensions"),
    (lambda X, y: (X[:, 0, 0, 0], y), "Expected 2D array, got 1D array"),
    (lambda X, y: (X[:0], y[:0]), r"minimum of 1 is required"),
    (lambda X, y: (X, y, np.full(200, -1.0)), r"`sample_weight` must be finite and >= 0. Got -1"),
    (
        lambda X, y: (X, y, np.ones(7)),
        r"`sample_weight` must have shape \(200,\). Got shape \(7,\)",
    ),
]
BAD_PARAMETERS = [
    ({"dropout": 1.0}, ValueError, r"`dropout` must be a number in \[0, 1\). Got 1.0"),
    ({"dropout": "0.5"}, TypeError, r"`dropout` must be a number.*Got '0.5'"),
    ({"n_draws": 0}, ValueError, r"`n_draws` must be an integer >= 1. Got 0"),
    ({"epochs": 2.0}, TypeError, r"`epochs` must be an integer >= 1. Got 2.0"),
    ({"batch_size": -1}, ValueError, r"`batch_size` must be an integer >= 1. Got -1"),
    ({"learning_rate": 0}, ValueError, r"`learning_rate` must be a number in \(0, inf\). Got 0"),
    ({"augment": "yes"}, TypeError, r"`augment` must be True or False. Got 'yes'"),
    ({"precision": "float8"}, ValueError, r"`precision` must be one of.*Got 'float8'"),
    ({"image_shape": 12}, TypeError, r"`image_shape` must be None, \(h, w\) or"),
    (
        {"image_shape": (10, 10)},
        ValueError,
        r"images of `image_shape` \(10, 10, 1\). Got rows of shape",
    ),
]


class TestBadInput:
    """Refused before any training, and the estimator is as it was."""

    @pytest.mark.parametrize(("spoil", "message"), BAD_FITS)
    def test_fit(self, toy, small, spoil, message):
        model = BayesianCNNRegressor(**small)
        with pytest.raises(ValueError, match=message):
            model.fit(*spoil(toy[0], toy[1]))
        assert not hasattr(model, "network_")

    @pytest.mark.parametrize(("parameters", "error", "message"), BAD_PARAMETERS)
    def test_parameter(self, toy, small, parameters, error, message):
        with pytest.raises(error, match=message):
            BayesianCNNRegressor(**{**small, **parameters}).fit(toy[0], toy[1])

    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (
                lambda X: X[:, :10],
                r"images like those of `fit`, shape \(12, 12, 1\). Got shape \(10,",
            ),
            (lambda X: X.astype(float), r"`X` must be uint8, as in `fit`.* Got float64"),
            (lambda X: X.reshape(200, -1), r"images like those of `fit`"),
        ],
    )
    def test_predict(self, fitted, toy, spoil, message):
        with pytest.raises(ValueError, match=message):
            fitted.predict(spoil(toy[0]))

    @pytest.mark.parametrize(
        ("X", "error", "message"),
        [
            (sparse.csr_array(np.eye(4)), TypeError, "Sparse data was passed for X"),
            (np.ones((4, 3), complex), ValueError, "Complex data not supported"),
            (np.ones((4, 2, 2), complex), ValueError, "Complex data not supported"),
            (np.full((4, 3), "a"), ValueError, "`X` must hold images, not text. Got .*ImageLoader"),
            (["a.png"] * 4, ValueError, "`X` must hold images, not text. Got a.png; .*ImageLoader"),
            (
                pd.DataFrame({"file": ["a.png"] * 4}),
                ValueError,
                "not text. Got a.png; .*ImageLoader",
            ),
            ([np.ones((2, 2)), np.ones((3, 3))] * 2, ValueError, "images of one size.*ImageLoader"),
            (
                np.array([np.ones((2, 2)), np.ones((3, 3)), 1, 1], dtype=object),
                ValueError,
                "images of one size.* Got an array of ndarray",
            ),
            (np.array([[{}, {}]] * 4), TypeError, "must be a string or a"),
        ],
    )
    def test_no_images(self, small, X, error, message):
        with pytest.raises(error, match=message):
            BayesianCNNRegressor(**small).fit(X, np.linspace(0, 1, 4))

    @pytest.mark.parametrize("shape", [(1, 12, 12), (5, 1, 1), (1, 1)])
    def test_one_row_or_one_pixel_is_enough(self, small, shape):
        X = np.random.default_rng(0).normal(size=shape)
        model = BayesianCNNRegressor(**small).fit(X, np.linspace(0, 1, len(X)))
        assert np.isfinite(model.predict(X)).all()

    def test_objects_that_are_numbers(self, fitted, toy, small):
        X, y, _ = toy
        model = BayesianCNNRegressor(**small).fit(X.astype(object), y.astype(object))
        assert np.isfinite(model.predict(X.astype(float))).all()

    def test_a_failed_refit_leaves_the_estimator_as_it_was(self, toy, small):
        X, y, _ = toy
        flat = X.reshape(200, -1)[:, :30].astype(float)
        model = BayesianCNNRegressor(**small).fit(flat, y)
        before = {key: value for key, value in vars(model).items() if key.endswith("_")}
        expected = model.predict(flat)
        with pytest.raises(ValueError, match="k must not exceed"):
            model.fit(flat[:, :10], y[:, ::-1] + [1, 0])
        assert {key: value for key, value in vars(model).items() if key.endswith("_")} == before
        np.testing.assert_array_equal(model.predict(flat), expected)

    def test_unfitted(self, toy):
        with pytest.raises(NotFittedError):
            BayesianCNNRegressor().predict_posterior(toy[0])


def test_metrics_against_arithmetic():
    y = [[1, 10], [9, 10], [0, 0]]
    assert vote_fraction_rmse(y, [0.2, 0.7, 0.5]) == pytest.approx(np.sqrt((0.01 + 0.04) / 2))
    assert d2_binomial_score(y, [0.1, 0.9, 0.3]) == pytest.approx(1)
    assert d2_binomial_score(y, [0.5] * 3) == pytest.approx(0)
    assert d2_binomial_score([[1, 2]], [0.0]) != d2_binomial_score([[1, 2]], [0.5])
    fractions = d2_binomial_score([0.1, 0.9], [0.2, 0.7], sample_weight=[10, 10])
    assert d2_binomial_score(y, [0.2, 0.7, 0.5]) == pytest.approx(fractions)


def test_noise_floor_is_the_rmse_of_a_perfect_model():
    from skgalaxy.metrics import vote_noise_floor

    rng = np.random.default_rng(0)
    rho, n = rng.beta(1, 2, 20_000), rng.integers(5, 50, 20_000)
    y = np.column_stack([rng.binomial(n, rho), n])
    assert vote_noise_floor(y) == pytest.approx(vote_fraction_rmse(y, rho), rel=0.03)
