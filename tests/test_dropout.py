"""Drawn networks against networks taken apart by hand, draw for draw."""

import keras
import numpy as np
import pytest
from keras import layers

from skgalaxy.networks.dropout import DrawnNetworks

RATE, N_DRAWS, SEED = 0.4, 6, 3


def head(x):
    """Dropout before the output, as published: the masks go into the last kernel."""
    x = layers.Dense(7, activation="relu")(layers.Flatten()(x))
    return layers.Dense(1)(layers.Dropout(RATE)(x))


def two_dense(x):
    x = layers.Dropout(RATE)(layers.Flatten()(x))
    x = layers.Dense(5, activation="tanh")(x)
    return layers.Dense(1, use_bias=False)(layers.Dropout(RATE)(x))


def in_convolutions(x):
    x = layers.Conv2D(3, 3, activation="relu")(x)
    x = layers.SpatialDropout2D(RATE)(x)
    x = layers.Conv2D(4, 3)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(RATE)(x)
    return layers.Dense(1)(layers.GlobalAveragePooling2D()(x))


def branches(x):
    """A skip connection joins a plain tensor to a drawn one, through operators."""
    x = layers.Flatten()(x)
    deep = layers.Dense(4)(layers.Dropout(RATE)(layers.Dense(6)(x)))
    skip = layers.Dense(4)(x)
    x = layers.Concatenate()([keras.ops.tanh(skip + deep), 2 * skip])
    return layers.Dense(1)(x)


def drop_path(x):
    x = layers.Conv2D(2, 3)(x)
    y = layers.Dropout(RATE, noise_shape=(None, 1, 1, 1))(layers.Conv2D(2, 1)(x))
    return layers.Dense(1)(layers.Flatten()(x + y))


def gaussian(x):
    return layers.Dense(1)(layers.GaussianDropout(RATE)(layers.Flatten()(x)))


def nested(x):
    inner_inputs = keras.Input(x.shape[1:])
    inner = keras.Model(inner_inputs, layers.Dropout(RATE)(layers.Conv2D(2, 3)(inner_inputs)))
    return layers.Dense(1)(layers.Flatten()(inner(x)))


def nested_outputs(x):
    """A nested model of two inputs and two outputs, one of them drawn."""
    a, b = keras.Input(x.shape[1:]), keras.Input(x.shape[1:])
    inner = keras.Model([a, b], [layers.Dropout(RATE)(layers.Flatten()(a)), layers.Flatten()(b)])
    return layers.Dense(1)(layers.Concatenate()(inner([x, 2 * x])))


def used_twice(x):
    """Dropout's output goes to a dense layer, and elsewhere as well."""
    dropped = layers.Dropout(RATE)(layers.Flatten()(x))
    return layers.Dense(1)(layers.Concatenate()([layers.Dense(3)(dropped), dropped]))


def nested_in_nested(x):
    """Keras copies the graph of a model that begins in the middle of another."""
    inputs = keras.Input(x.shape[1:])
    inner = keras.Sequential([inputs, layers.Conv2D(2, 3), layers.Dropout(RATE)])
    middle_inputs = keras.Input(x.shape[1:])
    middle = keras.Model(middle_inputs, layers.Flatten()(inner(keras.ops.tanh(middle_inputs))))
    return layers.Dense(1)(middle(3 * x))


def shared(x):
    """A layer and a nested model are called twice, on plain and on drawn features."""
    inputs = keras.Input((72,))
    inner = keras.Model(inputs, layers.Dense(5, activation="tanh")(inputs))
    outer = layers.Dense(3)
    plain = layers.Flatten()(x)
    drawn = layers.Dropout(RATE)(plain)
    return layers.Dense(1)(layers.Concatenate()([outer(inner(plain)), outer(inner(drawn))]))


def always_on(x):
    """The classic recipe, silently ignored by Keras' own predict."""
    x = layers.Dropout(RATE)(layers.Flatten()(x), training=True)
    return layers.Dense(1)(x)


NETWORKS = [
    head,
    two_dense,
    in_convolutions,
    branches,
    drop_path,
    gaussian,
    nested,
    nested_outputs,
    nested_in_nested,
    shared,
    used_twice,
    always_on,
]


def build(network):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6, 6, 2))
    model = keras.Model(inputs, network(inputs))
    for variable in model.variables:  # no weight or BatchNorm statistic at its start value
        variable.assign(variable + 0.1 * keras.random.uniform(variable.shape))
    return model


class Masked(layers.Layer):
    """Dropout by hand: one mask for all galaxies."""

    def __init__(self, noise):
        super().__init__()
        self.noise = noise

    def call(self, x):
        return x * self.noise


def one_network(model, masks, draw):
    """Clone the model with the masks of one draw; nothing shared with the engine but these."""
    masks = iter(masks)

    def clone(layer):
        if isinstance(layer, keras.Model):
            return keras.models.clone_model(layer, clone_function=clone)
        if isinstance(layer, layers.Dropout | layers.GaussianDropout):
            return Masked(next(masks)[draw])
        has_weights = bool(getattr(layer, "variables", None))
        return type(layer).from_config(layer.get_config()) if has_weights else layer

    copy = keras.models.clone_model(
        model,
        clone_function=clone,
        call_function=lambda layer, *args, training=None, **kwargs: layer(*args, **kwargs),
    )
    copy.set_weights(model.get_weights())
    return copy


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(10, 6, 6, 2)).astype("float32")


@pytest.mark.parametrize("network", NETWORKS)
def test_as_one_network_per_draw(network, images):
    model = build(network)
    drawn = DrawnNetworks(model, N_DRAWS).draw(SEED)
    masks = [keras.ops.convert_to_numpy(noise.values) for noise in drawn._noises]
    assert drawn.has_spread
    logits = drawn.outputs(images)[..., 0]
    assert logits.std(axis=1).min() > 1e-3
    for draw in range(N_DRAWS):
        alone = one_network(model, masks, draw)(images, training=False)
        np.testing.assert_allclose(logits[:, draw], alone[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_masks_have_mean_one_and_the_rate(network):
    drawn = DrawnNetworks(build(network), 2000).draw(SEED)
    for noise in drawn._noises:
        mask = keras.ops.convert_to_numpy(noise.values)
        assert mask.mean() == pytest.approx(1, abs=0.06)
        assert mask.var() == pytest.approx(RATE / (1 - RATE), rel=0.15)


def test_without_dropout_all_draws_are_equal(images):
    inputs = keras.Input((6, 6, 2))
    x = layers.Dropout(0.0)(layers.Flatten()(inputs))
    model = keras.Model(inputs, layers.Dense(1)(x))
    drawn = DrawnNetworks(model, 4).draw(SEED)
    assert not drawn.has_spread
    logits = drawn.outputs(images)[..., 0]
    np.testing.assert_array_equal(logits, np.repeat(logits[:, :1], 4, axis=1))
    np.testing.assert_allclose(logits[:, 0], model(images)[:, 0], rtol=1e-5)


def test_sequential(images):
    model = keras.Sequential(
        [keras.Input((6, 6, 2)), layers.Flatten(), layers.Dropout(RATE), layers.Dense(1)]
    )
    assert DrawnNetworks(model, 4).draw(SEED).outputs(images)[..., 0].std(axis=1).min() > 0


@pytest.mark.parametrize("network", [head, in_convolutions])
def test_batches_do_not_matter(network, images):
    model = build(network)
    drawn = DrawnNetworks(model, N_DRAWS).draw(SEED)
    expected = drawn.outputs(images)[..., 0]
    drawn.batch_size = 3
    np.testing.assert_allclose(drawn.outputs(images)[..., 0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        drawn.outputs(images[::-1])[..., 0][::-1], expected, rtol=1e-5, atol=1e-6
    )


def test_the_trunk_is_computed_once(monkeypatch, images):
    """The convolution sees each galaxy once; behind dropout it sees every draw."""
    seen = {}

    class Counting(layers.Conv2D):
        def call(self, x):
            seen.setdefault(self.name, []).append(x.shape[0])
            return super().call(x)

    inputs = keras.Input((6, 6, 2))
    x = Counting(2, 3, name="trunk")(inputs)
    x = Counting(2, 3, name="tail")(layers.Dropout(RATE)(x))
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    networks = DrawnNetworks(model, N_DRAWS).draw(SEED).model
    seen.clear()
    networks(images)
    assert seen == {"trunk": [10], "tail": [10 * N_DRAWS]}


def test_wide_layers_are_not_all_multiplied_at_once(images, monkeypatch):
    """The kernels of all draws together may be too large: features are drawn instead."""
    from skgalaxy.networks import dropout

    model = build(head)
    expected = DrawnNetworks(model, N_DRAWS).draw(SEED).outputs(images)[..., 0]
    monkeypatch.setattr(dropout, "_SCRATCH", 7 * N_DRAWS - 1)
    narrow = DrawnNetworks(model, N_DRAWS).draw(SEED)
    assert not any(isinstance(layer, dropout._DrawnDense) for layer in narrow.model.layers)
    np.testing.assert_allclose(narrow.outputs(images)[..., 0], expected, rtol=1e-5, atol=1e-6)


def test_large_tails_take_fewer_galaxies_at_once():
    inputs = keras.Input((64, 64, 2))
    x = layers.Conv2D(64, 3)(layers.Dropout(RATE)(inputs))
    model = keras.Model(inputs, layers.Dense(1)(layers.GlobalMaxPooling2D()(x)))
    drawn = DrawnNetworks(model, 50).draw(SEED)
    largest = 62 * 62 * 64 * 50
    assert drawn.batch_size * largest <= 2**25


def test_large_images_are_taken_fewer_at_once():
    """What is computed once per galaxy is bounded, too."""
    inputs = keras.Input((424, 424, 3))
    x = layers.GlobalMaxPooling2D()(layers.Conv2D(32, 3)(inputs))
    drawn = DrawnNetworks(keras.Model(inputs, layers.Dense(1)(layers.Dropout(RATE)(x))), 50)
    assert drawn.batch_size == 4
    assert 4 * 422 * 422 * 32 <= 2**25 < 8 * 422 * 422 * 32


def test_last_batches_of_any_size_trace_nothing(images):
    traced = []

    class Traced(layers.Dense):
        def call(self, x):
            traced.append(x.shape)
            return super().call(x)

    inputs = keras.Input((6, 6, 2))
    x = layers.Dropout(RATE)(Traced(3)(layers.Flatten()(inputs)))
    drawn = DrawnNetworks(keras.Model(inputs, layers.Dense(1)(x)), N_DRAWS).draw(SEED)
    for n in (10, 7):  # TensorFlow learns that the number of galaxies varies
        drawn.outputs(images[:n])[..., 0]
    traced.clear()
    for n in (9, 8, 5, 3, 2, 1):
        drawn.outputs(images[:n])[..., 0]
    assert traced == []
