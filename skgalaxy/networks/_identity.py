"""Identity of a trained network, to know it again when its code builds it elsewhere.

A saved network is arrays, and the recipe of the Keras model that they belong in. The recipe may be
a function of yours. If somebody edits it, the arrays may still fit, and every prediction is wrong.
Therefore each network keeps its *identity*: the configuration of its layers, its variables, and
its outputs for two pictures of waves. Layers and variables tell what has changed. Outputs notice
what they do not tell, for example other code in a layer of yours, or another version of Keras.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import keras
import numpy as np
from numpy.typing import NDArray

from skgalaxy.networks.rows import ImageSpec

__all__ = ["Identity", "describe_layers", "outputs_for_waves"]

# They decide how weights begin, and what layers are called. Neither matters once weights are there.
_NO_MATTER = re.compile(r"name|.*seed|.*initializer")
# Another processor rounds otherwise, in bfloat16 by 2**-8 at each layer.
_ROUNDING = 0.05
_MOST_NAMED = 3  # changes that an error names


class Identity(NamedTuple):
    """Signs that tell one trained network from another. All of it fits into JSON.

    Attributes
    ----------
    keras_version : str
        The Keras that described the layers.
    layers : list of [str, dict]
        Class and configuration of each layer, in the order of the graph.
    variables : list of [str, list of int]
        Name and shape of each variable of the model and of its optimiser.
    outputs : list of list of float
        Outputs for two pictures of waves.
    """

    keras_version: str
    layers: list[Any]
    variables: list[Any]
    outputs: list[Any]

    @classmethod
    def of(cls, model: keras.Model, image: ImageSpec) -> Self:
        """Identity of a compiled model with the values it has now."""
        return cls(
            keras.__version__,
            describe_layers(model),
            _variables(model),
            outputs_for_waves(model, image),
        )

    def changes(self, model: keras.Model) -> list[str]:
        """Clauses on layers or variables that are others in `model`; the values do not matter."""
        same_keras = self.keras_version == keras.__version__
        return _layer_changes(self.layers, describe_layers(model), same_keras) or _variable_changes(
            self.variables, _variables(model), same_keras
        )

    def computes_otherwise(self, model: keras.Model, image: ImageSpec) -> bool:
        """True if `model`, with the values of this network, has other outputs."""
        old, new = np.asarray(self.outputs), np.asarray(outputs_for_waves(model, image))
        return old.shape != new.shape or not np.allclose(
            new, old, rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True
        )


def outputs_for_waves(model: keras.Model, image: ImageSpec) -> list[Any]:
    """Outputs of a model for two pictures of waves."""
    return keras.ops.convert_to_numpy(model(_waves(image), training=False)).tolist()


def _waves(image: ImageSpec) -> NDArray[Any]:
    """Two pictures about as bright as those of training, the same on every machine."""
    # no random generator: NumPy may change what a seed gives
    wave = np.sin(np.arange(2.0 * math.prod(image.image_shape))).reshape(2, *image.image_shape)
    pictures = (image.mean + 2 * image.std * wave).reshape(2, *image.shape)
    if image.dtype == "uint8":
        pictures = pictures.round().clip(0, 255)
    return pictures.astype(image.dtype)


def describe_layers(model: keras.Model) -> list[Any]:
    """Class and configuration of each layer, as plain JSON, in the order of the graph."""
    return [[_name(layer), _config(layer)] for layer in _operations(model)]


def _operations(model: keras.Model) -> Iterator[Any]:
    """Layers and operations of a model and of its nested models, in the order of the graph."""
    for operation in getattr(model, "operations", model.layers):
        if isinstance(operation, keras.Model):
            yield from _operations(operation)
        else:
            yield operation


def _name(operation: Any) -> str:
    # without the module: a layer of yours is the same in another file
    return type(operation).__name__


def _config(operation: Any) -> dict[str, Any]:
    """Configuration of a layer as plain JSON; empty if the layer does not tell it."""
    try:
        config = operation.get_config()
    except Exception:  # of a layer of yours, which may raise anything
        return {}
    plain = _plain(config)
    if policy := getattr(operation, "dtype_policy", None):
        plain["dtype"] = policy.name
    # Of an object that JSON does not know, its class: its `repr` may hold an address.
    return json.loads(json.dumps(plain, default=lambda value: type(value).__name__))


def _plain(config: Any) -> Any:
    """Configuration without what does not matter, and with names for functions."""
    if isinstance(config, dict):
        if config.get("class_name") == "function":
            return config["config"]
        if config.get("class_name") == "__lambda__":  # holds bytecode, which Python may change
            return "lambda"
        if "class_name" in config:
            return [config["class_name"], _plain(config.get("config"))]
        return {
            str(key): _plain(value)
            for key, value in config.items()
            if not _NO_MATTER.fullmatch(str(key))
        }
    if isinstance(config, list | tuple):
        return [_plain(item) for item in config]
    return config


def _variables(model: keras.Model) -> list[Any]:
    """Name, without Keras' running numbers, and shape of each variable, in order."""
    variables = [*model.variables, *model.optimizer.variables]
    return [[re.sub(r"_\d+", "", x.path), [int(size) for size in x.shape]] for x in variables]


def _layer_changes(saved: list[Any], now: list[Any], same_keras: bool) -> list[str]:
    before, after = [name for name, _ in saved], [name for name, _ in now]
    if before != after:
        pairs = zip([*before, "the end"], [*after, "the end"], strict=False)
        place, (old, new) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
        return [f"layer {place + 1} of {len(before)} was {old} and is {new}"]
    found = []
    for place, ((name, old), (_, new)) in enumerate(zip(saved, now, strict=True)):
        number = f" {before[: place + 1].count(name)}" if before.count(name) > 1 else ""
        # another Keras may have more parameters, or fewer
        keys = old.keys() | new.keys() if same_keras else old.keys() & new.keys()
        found += [
            f"`{key}` of {name}{number} was {old.get(key)!r} and is {new.get(key)!r}"
            for key in sorted(keys)
            if old.get(key) != new.get(key)
        ]
    return found[:_MOST_NAMED] + ["and more"] * (len(found) > _MOST_NAMED)


def _variable_changes(saved: list[Any], now: list[Any], same_keras: bool) -> list[str]:
    if len(saved) != len(now):
        return [f"it had {len(saved)} variables and has {len(now)}"]
    for (old, old_shape), (new, new_shape) in zip(saved, now, strict=True):
        # another Keras may call them otherwise
        if old_shape != new_shape or (same_keras and old != new):
            return [f"variable {old} had shape {old_shape}, and is {new} of shape {new_shape}"]
    return []
