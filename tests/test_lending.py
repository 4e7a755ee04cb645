"""Compiled models are shared between networks of one architecture, and only those."""

import gc
import weakref

import keras
import numpy as np
import pytest
from keras import layers

from skgalaxy import BayesianCNNRegressor
from skgalaxy.networks import GalaxyZooNetwork, LikelihoodLoss, _lending
from skgalaxy.networks._lending import signature
from skgalaxy.networks.architecture import Architecture
from skgalaxy.networks.rows import ImageSpec


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


def architecture(**others):
    image = ImageSpec((8, 8, 1), "uint8", (8, 8, 1), np.zeros(1), np.ones(1))
    plain = Architecture(
        GalaxyZooNetwork(), "binomial", image, dropout=0.5, augment=True, precision="float32"
    )
    return plain._replace(**others)


def test_precision_and_views_matter():
    keys = {
        signature(architecture(augment=augment, precision=precision).build(seed=0))
        for augment in (True, False)
        for precision in ("float32", "bfloat16")
    }
    assert len(keys) == 4


def test_the_loss_matters():
    model = architecture().build(seed=0)
    key = signature(model)
    model.compile(loss=LikelihoodLoss("beta_binomial"))
    assert signature(model) != key


def test_weights_and_image_statistics_do_not():
    keys = set()
    for seed in (0, 1):
        image = ImageSpec((8, 8, 1), "uint8", (8, 8, 1), np.full(1, seed), np.ones(1))
        keys.add(signature(architecture(image=image).build(seed)))
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


def test_few_models_are_kept(toy, small, monkeypatch):
    monkeypatch.setattr(_lending, "_MOST_MODELS", 8)
    X, y, _ = toy
    for units in range(10, 16):
        parameters = {**small, "network": GalaxyZooNetwork(((4,),), units), "epochs": 1}
        BayesianCNNRegressor(**parameters).fit(X[:20], y[:20]).predict(X[:5])
    assert len(_lending._kept) == 8


def with_layer(layer):
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(1)(layer(inputs)))


def test_a_name_is_not_what_it_names():
    """Layers named after what they do, as many write them."""
    keys = {signature(with_layer(layers.Activation(f, name=f))) for f in ("relu", "tanh")}
    assert len(keys) == 2


def test_functions_of_the_users_are_not_shared():
    """A function has a name and no content: what it closes over may have changed."""

    def scaled_by(factor):
        def scale(x):
            return factor * x

        return scale

    for layer in (layers.Lambda, lambda f: layers.Dense(4, activation=f)):
        keys = {signature(with_layer(layer(scaled_by(factor)))) for factor in (1.0, -9.0)}
        assert len(keys) == 2


def test_a_class_defined_again_is_another():
    def scaled_by(factor):
        class Scale(layers.Layer):
            def call(self, x):
                return factor * x

        return Scale

    keys = {signature(with_layer(scaled_by(factor)())) for factor in (1.0, -9.0)}
    assert len(keys) == 2


def functional(image_shape, *, dropout):
    inputs = keras.Input(image_shape)
    x = layers.Dropout(dropout)(layers.Flatten()(inputs))
    return keras.Model(inputs, layers.Dense(1)(x))


def sequential(image_shape, *, dropout):
    return keras.Sequential(
        [keras.Input(image_shape), layers.Flatten(), layers.Dropout(dropout), layers.Dense(1)]
    )


def nested(image_shape, *, dropout):
    inputs = keras.Input(image_shape)
    features = keras.Sequential([keras.Input(image_shape), layers.Conv2D(2, 3), layers.Flatten()])
    x = layers.Dropout(dropout)(features(inputs))
    return keras.Model(inputs, layers.Dense(1)(x))


@pytest.mark.parametrize("network", [None, functional, sequential, nested])
def test_refits_share_one_model(toy, small, network):
    """Whatever the number of rows, the seed, and the learning rate."""
    X, y, _ = toy
    small["network"] = small["network"] if network is None else network
    _lending._kept.clear()
    for seed, rows in enumerate((100, 150, 200)):
        parameters = {**small, "random_state": seed, "learning_rate": 1e-3 / (1 + seed)}
        BayesianCNNRegressor(**parameters).fit(X[:rows], y[:rows]).predict(X)
    # one to train in, one to draw from, and one for the features of the last layer
    assert len(_lending._kept) == 3


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
    assert calls[2] < calls[0]
    assert calls[2] <= 2  # building it, no more


def test_a_network_built_of_old_layers_is_refused(toy, small):
    """Two estimators would train the same variables."""
    X, y, _ = toy
    inputs = keras.Input((12, 12, 1))
    backbone = keras.Model(inputs, layers.Flatten()(layers.Conv2D(2, 3)(inputs)))

    def shared(image_shape, *, dropout):
        inputs = keras.Input(image_shape)
        return keras.Model(inputs, layers.Dense(1)(layers.Dropout(dropout)(backbone(inputs))))

    with pytest.raises(ValueError, match="must build new layers at every call"):
        BayesianCNNRegressor(**{**small, "network": shared}).fit(X, y).predict(X)

    def copied(image_shape, *, dropout):
        own = keras.models.clone_model(backbone)
        own.set_weights(backbone.get_weights())
        inputs = keras.Input(image_shape)
        return keras.Model(inputs, layers.Dense(1)(layers.Dropout(dropout)(own(inputs))))

    first = BayesianCNNRegressor(**{**small, "network": copied}).fit(X, y)
    expected = first.predict(X)
    BayesianCNNRegressor(**{**small, "network": copied, "random_state": 5}).fit(X, y).predict(X)
    np.testing.assert_array_equal(first.predict(X), expected)


def test_an_interrupted_prediction_leaves_others_right(fitted, toy, small, monkeypatch):
    X, y, _ = toy
    expected = fitted.predict(X)
    other = BayesianCNNRegressor(**{**small, "random_state": 3}).fit(X, y)

    def interrupt(self, seed):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("skgalaxy.networks.dropout.DrawnNetworks.draw", interrupt)
        with pytest.raises(KeyboardInterrupt):
            other.predict(X)
    np.testing.assert_array_equal(fitted.predict(X), expected)


def test_a_callback_may_fit_another(toy, small):
    X, y, _ = toy
    inner = []

    class FitsToo(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if not inner:
                inner.append(BayesianCNNRegressor(**{**small, "epochs": 1}).fit(X, y))

    expected = BayesianCNNRegressor(**small).fit(X, y).predict(X)
    model = BayesianCNNRegressor(**small, callbacks=[FitsToo()]).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), expected)
    assert len(inner) == 1


def test_goes_on_with_other_parameters_or_says_why_not(toy, small):
    X, y, _ = toy
    model = BayesianCNNRegressor(**small, warm_start=True).fit(X, y)
    model.set_params(dropout=0.2, learning_rate=1e-4).fit(X, y)
    assert model.n_iter_ == 6
    model.set_params(network__dense_units=9)
    with pytest.raises(ValueError, match="must go on with the same network"):
        model.fit(X, y)
    assert model.n_iter_ == 6


def test_training_keeps_no_images(toy, small):
    """TensorFlow keeps what it reads from; that must not be anybody's images."""
    X, y, _ = toy

    class Counted(np.ndarray):
        """An array that can be referred to weakly."""

    alive, stopping = [], keras.callbacks.EarlyStopping("loss", patience=0, min_delta=1e9)
    for callbacks in (None, [stopping]):  # to the end, and left in the middle
        images = X.copy().view(Counted)
        alive.append(weakref.ref(images))
        parameters = {**small, "validation_fraction": 0.2, "callbacks": callbacks}
        model = BayesianCNNRegressor(**parameters).fit(images, y)
        model.partial_fit(images, y)
        del images
    gc.collect()
    assert [reference() for reference in alive] == [None, None]


def test_refits_keep_no_models(toy, small):
    X, y, _ = toy
    model = BayesianCNNRegressor(**{**small, "epochs": 1}).fit(X, y)
    counts = []
    for _ in range(3):
        model.partial_fit(X, y).fit(X, y).predict(X)
        gc.collect()
        counts.append(len(gc.get_objects()))
    assert counts[2] - counts[1] < 500  # a model consists of some 20,000
