"""Networks are built apart: neither the user's global state nor other threads have a part in it."""

import multiprocessing
import os
import pickle
import random
import threading

import keras
import numpy as np
import pytest
from keras import layers

from skgalaxy import BayesianCNNRegressor
from skgalaxy.networks import _lending
from skgalaxy.networks._building import build_apart


class Noisy(layers.Layer):
    """A layer of one's own, with weights and noise that nobody seeded."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator()

    def build(self, shape):
        self.scale = self.add_weight((shape[-1],), "random_normal")

    def call(self, x, training=None):
        noise = keras.random.normal(keras.ops.shape(x), seed=self.seeds) if training else 0.0
        return x * self.scale + noise


def network(image_shape, *, dropout):
    """Return a network with every kind of layer that draws: initialisers, noise, dropout."""
    inputs = keras.Input(image_shape)
    x = layers.Dense(3, kernel_initializer="he_normal")(layers.Flatten()(inputs))
    x = layers.Dropout(dropout)(Noisy()(layers.GaussianNoise(0.1)(x)))
    return keras.Model(inputs, layers.Dense(1)(x))


def states():
    _, key, position, *_ = np.random.get_state()
    return random.getstate(), (key.tolist(), position)


@pytest.fixture
def settings():
    """Put Keras' global settings back after the test."""
    before = keras.config.dtype_policy(), keras.config.floatx(), keras.config.image_data_format()
    yield
    keras.config.set_dtype_policy(before[0])
    keras.config.set_floatx(before[1])
    keras.config.set_image_data_format(before[2])


@pytest.mark.parametrize("given", [None, network], ids=["default", "own"])
def test_other_threads_neither_change_a_fit_nor_are_changed(toy, small, given):
    X, y, _ = toy
    model = BayesianCNNRegressor(**{**small, "network": given or small["network"]})
    before = states()
    alone = model.fit(X, y).predict(X)
    assert states() == before
    drawn, stop = [], threading.Event()

    def other():
        while not stop.wait(1e-3):
            drawn.append((random.random(), np.random.random()))

    thread = threading.Thread(target=other)
    thread.start()
    try:
        beside = [model.fit(X, y).predict(X) for _ in range(3)]
    finally:
        stop.set()
        thread.join()
    for predicted in beside:
        np.testing.assert_array_equal(predicted, alone)
    assert len(set(drawn)) == len(drawn) > 10


def test_seeds_differ_between_builds_and_are_python_s_outside():
    def draw():
        return keras.initializers.RandomNormal().seed

    seeds = [build_apart(draw, seed) for seed in (0, 1, 0)]
    assert seeds[0] == seeds[2] != seeds[1]
    state = random.getstate()
    random.seed(5)
    outside = draw()
    random.setstate(state)
    assert outside == random.Random(5).randint(1, int(1e9))


@pytest.mark.parametrize("policy", ["mixed_float16", "float64"])
def test_the_user_s_policy_and_float_type_stay_outside(toy, small, settings, policy):
    X, y, _ = toy
    parameters = {**small, "warm_start": True}
    first = BayesianCNNRegressor(**parameters).fit(X, y)
    saved, expected = pickle.dumps(first), first.sample_posterior(X)
    more = first.partial_fit(X, y).predict(X)
    keras.config.set_dtype_policy(policy)
    keras.config.set_floatx("float64")
    # other draws than any other test's: nothing is lent that was built before
    parameters["n_draws"] = 11
    fitted = BayesianCNNRegressor(**parameters).fit(X, y)
    assert fitted.sample_posterior(X).shape == (200, 11)
    loaded = pickle.loads(saved)
    np.testing.assert_array_equal(loaded.sample_posterior(X), expected)
    np.testing.assert_array_equal(loaded.partial_fit(X, y).predict(X), more)
    assert loaded.network_.model_.output.dtype == "float32"
    assert keras.config.dtype_policy().name == policy


@pytest.mark.parametrize("floatx", ["float16", "bfloat16", "float64"])
def test_fits_are_the_same_whatever_keras_global_float_type_is(toy, small, settings, floatx):
    """Rate, augmentation, sums of losses: all in float32, also for votes beyond 65,504."""
    X, y, _ = toy
    many = y.astype(np.int64) * 100_000  # whose losses 16 bits do not hold
    parameters = {**small, "epochs": 2, "augment": True, "learning_rate": 1.1e-3}

    def fit():
        _lending._kept.clear()  # no model is lent that was built with another type
        model = BayesianCNNRegressor(**parameters).fit(X, many)
        return model.predict(X), model.history_

    predicted, history = fit()
    keras.config.set_floatx(floatx)
    again, same_history = fit()
    _lending._kept.clear()
    np.testing.assert_array_equal(again, predicted)
    assert same_history == history


def test_channels_stay_last(toy, small, settings):
    X, y, _ = toy
    expected = BayesianCNNRegressor(**small).fit(X, y).predict(X)
    keras.config.set_image_data_format("channels_first")
    model = BayesianCNNRegressor(**{**small, "n_draws": 12}).fit(X, y)
    assert model.predict(X).shape == expected.shape
    again = BayesianCNNRegressor(**small).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:.*fork:RuntimeWarning")
def test_a_forked_process_is_told_so(fitted, toy):
    """TensorFlow would wait for ever for threads that the parent has and the child has not."""
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe()
    child = context.Process(target=predict_to, args=(fitted, toy[0], writer))
    child.start()
    try:
        assert reader.poll(60)
        error = reader.recv()
    finally:
        child.kill()
        child.join()
    assert isinstance(error, RuntimeError)
    assert 'get_context("spawn")' in str(error)


def predict_to(model, X, writer):
    try:
        model.predict(X)
    except Exception as error:
        writer.send(error)
