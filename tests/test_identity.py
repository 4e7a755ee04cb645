"""A saved network knows its code again, and says what has changed in it."""

import importlib
import json
import pickle
import sys

import keras
import numpy as np
import pytest
from keras import layers

from skgalaxy import BayesianCNNRegressor
from skgalaxy.networks._identity import Identity
from skgalaxy.networks.architecture import Architecture
from skgalaxy.networks.rows import ImageSpec


class Scale(layers.Layer):
    """A layer of one's own, whose code its configuration does not tell."""

    factor = 2.0

    def call(self, x):
        return x * self.factor


def swish(x):
    return x * keras.ops.sigmoid(x)


def network(shape, *, dropout, activation="relu", filters=3, more=(), rate=0.0):
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(filters, 3, activation=activation),
            layers.Flatten(),
            *more,
            layers.Dropout(rate or dropout),
            layers.Dense(1),
        ]
    )


def built(seed=0, **others):
    image = ImageSpec((8, 8, 1), "uint8", (8, 8, 1), np.full(1, 100.0), np.full(1, 30.0))
    recipe = {"network": network, "dropout": 0.5, "augment": True, "precision": "float32"}
    model = Architecture(**{**recipe, "likelihood": "binomial", "image": image, **others}).build(
        seed
    )
    return model, image


def edited(**change):
    return lambda shape, dropout: network(shape, dropout=dropout, **change)


def test_builds_of_one_recipe_are_the_same():
    model, image = built(seed=0)
    identity = Identity.of(model, image)
    other, _ = built(seed=1)
    assert identity.changes(other) == []
    assert identity.computes_otherwise(other, image)  # the weights are others
    other.set_weights(model.get_weights())
    assert not identity.computes_otherwise(other, image)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"activation": "tanh"}, "`activation` of Conv2D was 'relu' and is 'tanh'"),
        ({"activation": swish}, "`activation` of Conv2D was 'relu' and is 'swish'"),
        ({"filters": 5}, "`filters` of Conv2D was 3 and is 5"),
        ({"rate": 0.25}, "`rate` of Dropout was 0.5 and is 0.25"),
        ({"more": [lambda: layers.Dense(4)]}, "was Dropout and is Dense"),
    ],
)
def test_names_the_change(change, words):
    change = {**change, "more": [make() for make in change.get("more", ())]}
    identity = Identity.of(*built())
    assert words in "; ".join(identity.changes(built(network=edited(**change))[0]))


def test_names_the_one_of_several_layers_of_a_kind():
    make = [edited(more=[layers.Dense(units), layers.Dense(4)]) for units in (5, 6)]
    (words,) = Identity.of(*built(network=make[0])).changes(built(network=make[1])[0])[:1]
    assert words == "`units` of Dense 1 was 5 and is 6"


def test_says_where_the_list_of_layers_ends():
    longer = edited(more=[layers.Flatten()])
    assert "Flatten" in Identity.of(*built()).changes(built(network=longer)[0])[0]


def test_notices_what_no_configuration_tells(monkeypatch):
    model, image = built(network=edited(more=[Scale()]))
    identity = Identity.of(model, image)
    monkeypatch.setattr(Scale, "factor", 2.5)
    other, _ = built(network=edited(more=[Scale()]))
    other.set_weights(model.get_weights())
    assert identity.changes(other) == []
    assert identity.computes_otherwise(other, image)


def test_another_keras_may_have_other_parameters_but_not_other_values():
    identity = Identity.of(*built())
    conv = next(config for name, config in identity.layers if name == "Conv2D")
    conv["parameter_of_another_keras"] = 1
    assert "parameter_of_another_keras" in identity.changes(built()[0])[0]
    assert identity._replace(keras_version="0.1").changes(built()[0]) == []
    conv["strides"] = [2, 2]
    assert "`strides`" in identity._replace(keras_version="0.1").changes(built()[0])[0]


def test_is_plain_json_without_addresses():
    identity = Identity.of(*built(network=edited(activation=swish, more=[Scale()])))
    text = json.dumps(identity)
    assert Identity(*json.loads(text)) == identity
    assert "0x" not in text
    assert "_1" not in text  # Keras' running numbers


NETWORK = """
import keras
from keras import layers

def build(shape, *, dropout):
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Flatten(),
            layers.Dense(4, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(1),
        ]
    )
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A function that writes code into a module and imports it afresh."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(code):
        (tmp_path / "net_of_mine.py").write_text(code)
        sys.modules.pop("net_of_mine", None)
        importlib.invalidate_caches()
        return importlib.import_module("net_of_mine")

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield write
    sys.modules.pop("net_of_mine", None)


def test_an_edited_network_is_refused_when_it_is_unpickled(module, toy):
    X, y, _ = toy
    model = BayesianCNNRegressor(network=module(NETWORK).build, epochs=2, random_state=0)
    saved = pickle.dumps(model.fit(X, y))
    module(NETWORK + "# a comment changes nothing\n")
    np.testing.assert_array_equal(pickle.loads(saved).predict(X), model.predict(X))
    module(NETWORK.replace("relu", "tanh"))
    words = r"other code of net_of_mine\.build: `activation` of Dense 1 was 'relu' and is 'tanh'"
    with pytest.raises(ValueError, match=words):
        pickle.loads(saved)
    module(NETWORK.replace("layers.Flatten(),", "layers.Flatten(), layers.Rescaling(3),"))
    with pytest.raises(ValueError, match="was Dense and is Rescaling"):
        pickle.loads(saved)
