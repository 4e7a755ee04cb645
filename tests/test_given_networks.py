"""Networks, callbacks and images that come from other tools: taken, or refused in one sentence."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

from skgalaxy import BayesianCNNRegressor
from skgalaxy.exceptions import NoSpreadWarning
from skgalaxy.networks import GalaxyZooNetwork
from skgalaxy.networks.rows import image_shape_of
from skgalaxy.query import joint_sampling, mutual_information_sampling


def around(*middle, dtype="float32"):
    """Return a network function with these layers, made by functions, before the logit."""

    def network(image_shape, *, dropout):
        inputs = keras.Input(image_shape, dtype=dtype)
        x = layers.Dense(3)(layers.Flatten(data_format="channels_last")(inputs))
        for layer in middle:
            x = layer()(x)
        return keras.Model(inputs, layers.Dense(1)(x))

    return network


class HiddenDropout(layers.Layer):
    """Dropout that the graph does not show, in training or always."""

    def __init__(self, always=False, **kwargs):
        super().__init__(**kwargs)
        self.always = always
        self.seeds = keras.random.SeedGenerator()

    def call(self, x, training=None):
        if not (training or self.always):
            return x
        return keras.random.dropout(x, 0.5, seed=self.seeds)


def unseeded(x):
    return x + keras.random.normal(keras.ops.shape(x))


def short(image_shape):
    return around()(image_shape, dropout=0.5)


BAD_NETWORKS = [
    (lambda: around()((12, 12, 1), dropout=0.5), "Got a keras.Model; write a function that builds"),
    (lambda: GalaxyZooNetwork, r"Got the class GalaxyZooNetwork; give GalaxyZooNetwork\(...\)"),
    (lambda: short, r"network\(image_shape, dropout=...\). Got short\(image_shape\): .*'dropout'"),
    (lambda: 3, "that returns a keras.Model. Got 3"),
    (lambda: around(dtype="uint8"), "must take float32.* Got keras.Input of uint8; write"),
    (lambda: around(lambda: HiddenDropout(always=True)), "must predict the same at every call"),
    (lambda: around(lambda: layers.Lambda(unseeded)), "must predict the same at every call"),
]


@pytest.mark.parametrize(("make", "message"), BAD_NETWORKS)
def test_networks_that_are_refused(toy, small, make, message):
    model = BayesianCNNRegressor(**{**small, "network": make()})
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(toy[0], toy[1])


def test_a_network_for_images_says_so_of_flat_rows(toy, small):
    def convolutions(image_shape, *, dropout):
        inputs = keras.Input(image_shape)
        return keras.Model(inputs, layers.Dense(1)(layers.Flatten()(layers.Conv2D(2, 3)(inputs))))

    model = BayesianCNNRegressor(**{**small, "network": convolutions})
    with pytest.raises(ValueError, match=r"plain features of shape \(144,\).* give `image_shape`"):
        model.fit(toy[0].reshape(200, -1), toy[1])


def test_a_network_that_took_channels_first_is_refused(toy, small):
    def pooled(image_shape, *, dropout):
        inputs = keras.Input(image_shape)
        return keras.Model(inputs, layers.Dense(1)(layers.GlobalMaxPooling2D()(inputs)))

    model = BayesianCNNRegressor(**{**small, "network": pooled})
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match=r"data_format='channels_last'.* Got the layer"):
            model.fit(toy[0], toy[1])
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("make", [HiddenDropout, lambda: layers.AlphaDropout(0.5)])
def test_dropout_that_draws_do_not_see_is_named(toy, small, make):
    """More of `dropout` would not help: the network does not use it."""
    model = BayesianCNNRegressor(**{**small, "network": around(make)}).fit(toy[0], toy[1])
    with pytest.warns(NoSpreadWarning, match=r"put a keras.layers.Dropout in `network` .*dropout"):
        model.predict(toy[0][:3])
    with warnings.catch_warnings():
        warnings.simplefilter("error", NoSpreadWarning)
        keeps = around(make, lambda: layers.Dropout(0.5))
        BayesianCNNRegressor(**{**small, "network": keeps}).fit(toy[0], toy[1]).predict(toy[0][:3])


class Reporting(keras.callbacks.Callback):
    """A callback that must reach objects it was given: a trial, a list, an open file."""

    def __init__(self, seen, file):
        super().__init__()
        self.seen, self.file, self.n_epochs = seen, file, 0

    def on_epoch_end(self, epoch, logs=None):
        self.n_epochs += 1
        self.seen.append(logs["val_loss"])
        self.file.write(f"{epoch}\n")


def test_callbacks_reach_what_they_were_given(toy, small, tmp_path):
    seen = []
    with (tmp_path / "log").open("w") as file:
        callback = Reporting(seen, file)
        parameters = {**small, "validation_fraction": 0.2, "callbacks": [callback]}
        model = BayesianCNNRegressor(**parameters).fit(toy[0], toy[1])
    assert seen == model.history_["val_loss"]
    assert (tmp_path / "log").read_text() == "0\n1\n2\n"
    assert callback.n_epochs == 0  # what is counted is counted by a copy


def test_stopping_without_validation_names_the_parameter(toy, small):
    X, y, _ = toy
    for callback in (keras.callbacks.EarlyStopping(), keras.callbacks.ReduceLROnPlateau()):
        model = BayesianCNNRegressor(**{**small, "callbacks": [callback]}, schedule="constant")
        with pytest.raises(ValueError, match=r"monitor='val_loss'\); set `validation_fraction`"):
            model.fit(X, y)
        assert model.fit(X, y, validation_data=(X[:9], y[:9])).n_iter_ == 3
    loss = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=1e9)
    assert BayesianCNNRegressor(**{**small, "callbacks": [loss]}).fit(X, y).n_iter_ < 3


def test_nothing_is_held_out_beside_validation_data(toy, small):
    X, y, _ = toy
    given = {"validation_data": (X[:20], y[:20])}
    plain = BayesianCNNRegressor(**small).fit(X, y, **given)
    both = BayesianCNNRegressor(**small, validation_fraction=0.5).fit(X, y, **given)
    np.testing.assert_array_equal(both.predict(X), plain.predict(X))


def test_tensors_are_arrays_and_data_sets_are_not(fitted, toy):
    tensor = keras.ops.convert_to_tensor(toy[0])
    np.testing.assert_array_equal(fitted.predict(tensor), fitted.predict(toy[0]))
    for strategy in (joint_sampling, mutual_information_sampling):
        given, expected = (strategy(fitted, X, 3, n_votes=40)[0] for X in (tensor, toy[0]))
        np.testing.assert_array_equal(given, expected)
    with pytest.raises(
        ValueError, match=r"must be an array of images, or batches .* Got generator"
    ):
        fitted.predict(image for image in toy[0])


def test_what_float32_cannot_hold_is_refused(small):
    X = np.random.default_rng(0).normal(size=(50, 8, 8))
    model = BayesianCNNRegressor(**small).fit(X, np.full(50, 0.5))
    X[7, 0, 0] = -1e200
    for use in (model.predict, lambda X: model.fit(X, np.full(50, 0.5))):
        with pytest.raises(ValueError, match=r"float32 can hold.* Got 1e\+200 in row 7; mend"):
            use(X)


@pytest.mark.parametrize("shape", [(3, 64, 64), (3, 48, 64), (5, 32, 32), (1, 28, 28)])
def test_channels_first_is_refused(shape):
    with pytest.raises(ValueError, match=r"look like channels first; use np.moveaxis\(X, 1, -1\)"):
        image_shape_of(shape, None)
    assert image_shape_of(shape, shape) == shape


@pytest.mark.parametrize("shape", [(64, 64, 3), (8, 8, 56), (3, 9, 2), (1, 1, 1), (2, 2), (1, 9)])
def test_channels_last_is_not(shape):
    assert image_shape_of(shape, None) == (*shape, 1)[:3]


def test_many_networks_do_not_make_tensorflow_warn(toy, small, caplog):
    """It takes the models of a search for one that is traced again and again."""
    X, y, _ = toy
    for units in range(30, 37):
        network = GalaxyZooNetwork(((2,),), units)
        BayesianCNNRegressor(**{**small, "network": network, "epochs": 1}).fit(X, y).predict(X[:9])
    assert "retracing" not in caplog.text
