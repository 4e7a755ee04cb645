"""Checks of a network that you give: of its function, and of the Keras model that this builds."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers

from skgalaxy.likelihoods.named import TreeModel, VoteModel
from skgalaxy.networks._identity import outputs_for_waves
from skgalaxy.networks.rows import ImageSpec

__all__ = [
    "build_network",
    "check_builder",
    "check_network",
    "check_trunk",
    "leaves",
    "refuse_noise",
]


def check_builder(network: Any) -> None:
    """Raise TypeError unless `network` is a name or ``network(image_shape, dropout=...)``."""
    if network is None or (isinstance(network, str) and network == "galaxies"):
        return
    rule = "`network` must be None, 'galaxies' or a callable network(image_shape, dropout=...)"
    if isinstance(network, keras.Model):
        raise TypeError(
            f"{rule}, which builds new layers at every call. Got a keras.Model; write a function "
            "that builds it, or that copies it with keras.models.clone_model and set_weights."
        )
    # a class of models may be called this way, too: then the object is the model
    if isinstance(network, type) and not issubclass(network, keras.Model):
        raise TypeError(f"{rule}. Got the class {network.__name__}; give {network.__name__}(...).")
    if not callable(network):
        raise TypeError(f"{rule} that returns a keras.Model. Got {network!r}.")
    try:
        signature = inspect.signature(network)
    except ValueError:  # a builtin tells nothing
        return
    try:
        signature.bind((8, 8, 1), dropout=0.5)
    except TypeError as error:
        name = getattr(network, "__name__", type(network).__name__)
        raise TypeError(f"{rule}. Got {name}{signature}: {error}.") from error


def build_network(
    network: Callable[..., keras.Model], image_shape: tuple[int, ...], dropout: float
) -> keras.Model:
    """Call `network`; an error in it is explained where the shape or a setting is the cause."""
    try:
        return network(image_shape, dropout=dropout)
    except ValueError as error:
        if len(image_shape) == 1:
            raise ValueError(
                f"`network` must build a network for plain features of shape {image_shape}. Got "
                f"an error of Keras in it; give `image_shape` if the rows of X are images. {error}"
            ) from error
        if keras.config.image_data_format() == "channels_first":
            raise ValueError(f"{_CHANNELS_RULE} Got an error of Keras in it: {error}") from error
        raise


_CHANNELS_RULE = (
    "`network` must build layers with data_format='channels_last', which Keras' global setting "
    "'channels_first' does not give: name it in each layer, or call "
    "keras.config.set_image_data_format('channels_last')."
)


def _refuse_global_settings(network: keras.Model) -> None:
    """Raise ValueError if layers took a setting of the process that changes what they compute."""
    if keras.config.image_data_format() == "channels_first":
        for layer in leaves(network):
            if getattr(layer, "data_format", None) == "channels_first":
                raise ValueError(f"{_CHANNELS_RULE} Got the layer {layer.name!r}.")
    dtype = network.inputs[0].dtype
    if dtype not in ("float32", "float64"):
        raise ValueError(
            "`network` must take float32, because the images that it is given are standardised. "
            f"Got keras.Input of {dtype}; write keras.Input(image_shape, dtype='float32')."
        )


def check_network(network: Any, image_shape: tuple[int, ...], likelihood: VoteModel) -> None:
    """Raise ValueError unless `network` is a Keras graph from images to a likelihood's outputs."""
    _check_graph(network)
    shapes = network.input_shape, network.output_shape
    n_most = len(likelihood.outputs)
    allowed = [(None, n) for n in range(n_most - len(likelihood.starts), n_most + 1)]
    if shapes[0] != (None, *image_shape) or shapes[1] not in allowed:
        raise ValueError(
            f"`network` must map images {image_shape} to {_outputs_in_words(likelihood)}. "
            f"Got a model from {shapes[0]} to {shapes[1]}."
        )
    activation = getattr(network.layers[-1], "activation", keras.activations.linear)
    if activation is not keras.activations.linear:
        raise ValueError(
            "`network` must end in a logit, a layer without activation. "
            f"Got {getattr(activation, '__name__', activation)!r}."
        )


def check_trunk(network: Any, image_shape: tuple[int, ...]) -> None:
    """Raise ValueError unless a network has layers in front of its last one, which can learn."""
    _check_graph(network)
    if network.input_shape != (None, *image_shape):
        raise ValueError(
            f"`network` must take images {image_shape}. Got a model of {network.input_shape}."
        )
    *trunk, last = network.layers
    if type(last) is not layers.Dense:
        raise ValueError(
            "`network` must end in a keras.layers.Dense: what is in front of it is pretrained. "
            f"Got {type(last).__name__}."
        )
    if not any(layer.trainable_weights for layer in trunk):
        raise ValueError(
            "`network` must have weights to pretrain in front of its last layer. Got none; set "
            "`trainable` of its layers to True."
        )


def _check_graph(network: Any) -> None:
    """Raise ValueError unless `network` is a Keras graph of new layers."""
    if not isinstance(network, keras.Model) or not getattr(network, "inputs", None):
        raise ValueError(
            "`network` must build a functional or built Sequential keras.Model, whose graph can "
            f"be split at its dropout. Got {type(network).__name__}."
        )
    if any(getattr(variable, "_skgalaxy_taken", False) for variable in network.variables):
        raise ValueError(
            "`network` must build new layers at every call. Got layers of an earlier call, or made "
            "outside `network`; copy them in it with keras.models.clone_model and set_weights."
        )
    # a mark on the variable itself is gone when the variable is; a list of ids would go stale
    for variable in network.variables:
        variable._skgalaxy_taken = True
    _refuse_global_settings(network)


def _outputs_in_words(likelihood: VoteModel) -> str:
    """Words for the outputs that a network must have, and for those that it may have."""
    n_needed = len(likelihood.outputs) - len(likelihood.starts)
    needed, others = likelihood.outputs[:n_needed], likelihood.outputs[n_needed:]
    if n_needed == 1:
        kind, _, subject = needed[0].removeprefix("the ").partition(" of ")
        words = f"one {kind}, shape (None, 1), of {subject} (no sigmoid)"
    elif isinstance(likelihood, TreeModel):
        words = f"{n_needed} outputs (no softmax), one less for each question than it has answers"
        others = [f"the logarithms of {len(others)} concentrations"] if others else []
    else:
        words = f"{', '.join(needed)} (no sigmoid), shape (None, {n_needed})"
    also = "".join(f" and {name}" for name in others)
    return f"{words}, or to {'it' if n_needed == 1 else 'them'}{also}" if also else words


def leaves(network: keras.Model) -> Iterator[layers.Layer]:
    """Layers of a network in their order, with the layers of nested models."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def refuse_noise(model: keras.Model, image: ImageSpec) -> None:
    """Raise ValueError if a layer of yours makes predictions that differ from call to call."""
    suspects = [layer for layer in leaves(model) if not _is_known(layer)]
    if not suspects:  # layers of Keras switch their noise off outside of training
        return
    once, again = (outputs_for_waves(model, image) for _ in range(2))
    if not np.array_equal(once, again, equal_nan=True):
        names = ", ".join(repr(layer.name) for layer in suspects)
        raise ValueError(
            "`network` must predict the same at every call: the draws of a posterior are fixed "
            f"networks. Got random numbers outside of training in the layers {names}; use "
            "keras.layers.Dropout, which is drawn once for all galaxies."
        )


def _is_known(layer: Any) -> bool:
    """True for a layer of Keras or of this library, whose code is not yours."""
    own_code = isinstance(layer, layers.Lambda)
    return not own_code and type(layer).__module__.startswith(("keras.", "skgalaxy."))
