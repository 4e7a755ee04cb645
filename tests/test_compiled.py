"""Compiled models are shared between networks of one architecture, and only those."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers

from skgalaxy import BayesianCNNRegressor, compiled
from skgalaxy.batches import ImageSpec
from skgalaxy.compiled import signature
from skgalaxy.networks import GalaxyZooNetwork, build_model


def network(shape=(8, 8, 1), *, units=3, activation="relu", rate=0.5, deep=False):
    inputs = keras.Input(shape)
    x = layers.Dense(units, activation=activation)(layers.Flatten()(inputs))
    if deep:
        inner = keras.Input(x.shape[1:])
        x = keras.Model(inner, layers.Dense(2)(inner))(x)
    return keras.Model(inputs, layers.Dense(1)(layers.Dropout(rate)(x)))


def test_builds_of_one_architecture_share_a_signature():
    assert signature(network()) == signature(network())
    assert signature(network(deep=True)) == signature(network(deep=True))


@pytest.mark.parametrize(
    "other",
    [{"units": 4}, {"activation": "tanh"}, {"rate": 0.4}, {"deep": True}, {"shape": (8, 9, 1)}],
)
def test_other_architectures_do_not(other):
    assert signature(network(**other)) != signature(network())


def test_how_layers_are_joined_matters():
    def joined(swap):
        inputs = keras.Input((4,))
        a, b = layers.Dense(4)(inputs), layers.Dense(4)(inputs)
        c = layers.Dense(4)(b if swap else a)
        return keras.Model(inputs, layers.Dense(1)(layers.Subtract()([a, c])))

    assert signature(joined(False)) != signature(joined(True))
    assert signature(joined(True)) == signature(joined(True))


def test_precision_and_views_matter():
    spec = ImageSpec((8, 8, 1), "uint8", (8, 8, 1), np.zeros(1), np.ones(1))
    build = partial(build_model, builder=GalaxyZooNetwork(), spec=spec, dropout=0.5, seed=0)
    keys = {
        signature(build(augment=augment, precision=precision))
        for augment in (True, False)
        for precision in ("float32", "bfloat16")
    }
    assert len(keys) == 4


def test_weights_and_image_statistics_do_not():
    keys = set()
    for seed in (0, 1):
        spec = ImageSpec((8, 8, 1), "uint8", (8, 8, 1), np.full(1, seed), np.ones(1))
        model = build_model(
            builder=GalaxyZooNetwork(),
            spec=spec,
            dropout=0.5,
            augment=True,
            precision="float32",
            seed=seed,
        )
        keys.add(signature(model))
    assert len(keys) == 1


def test_what_cannot_be_described_is_not_shared():
    class Mystery(layers.Layer):
        def __init__(self, f):
            super().__init__()
            self.f = f

        def call(self, x):
            return self.f(x)

    def build():
        inputs = keras.Input((3,))
        return keras.Model(inputs, layers.Dense(1)(Mystery(keras.ops.tanh)(inputs)))

    assert signature(build()) != signature(build())


def test_few_models_are_kept(toy, small):
    X, y, _ = toy
    for units in range(10, 16):
        parameters = {**small, "network": GalaxyZooNetwork(((4,),), units), "epochs": 1}
        BayesianCNNRegressor(**parameters).fit(X[:20], y[:20]).predict(X[:5])
    assert len(compiled._kept) == 8


def test_refits_do_not_trace_again(toy, small):
    """A training step is traced for the first fit and for no other of its architecture."""
    X, y, _ = toy
    traced = []

    class Counting(layers.Dense):
        def call(self, x):
            traced.append(x.shape)
            return super().call(x)

    def counted(image_shape, *, dropout):
        inputs = keras.Input(image_shape)
        x = layers.Dropout(dropout)(Counting(4)(layers.Flatten()(inputs)))
        return keras.Model(inputs, layers.Dense(1)(x))

    model = BayesianCNNRegressor(**{**small, "network": counted})
    calls = []
    for rows in (100, 150, 200):
        traced.clear()
        model.fit(X[:rows], y[:rows]).predict(X[:rows])
        calls.append(len(traced))
    assert calls[1] <= calls[2] + 1
    assert calls[2] < calls[0]
    assert calls[2] <= 2  # building it, no more


def test_goes_on_with_other_parameters_or_says_why_not(toy, small):
    X, y, _ = toy
    model = BayesianCNNRegressor(**small, warm_start=True).fit(X, y)
    model.set_params(dropout=0.2, learning_rate=1e-4).fit(X, y)
    assert model.n_iter_ == 6
    model.set_params(network__dense_units=9)
    with pytest.raises(ValueError, match="must go on with the same network"):
        model.fit(X, y)
    assert model.n_iter_ == 6
