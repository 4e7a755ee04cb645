"""What Keras builds: the paper's network, the views it is trained on, and the model around it.

A *network* maps standardised images to one logit of the vote fraction, and for the beta-binomial
likelihood, if it likes, to the logarithm of a concentration beside it. The model that is trained
is ``images -> standardise -> random views (in training only) -> network``. Whatever builds the
network is called as ``builder(image_shape, dropout=...)``; `GalaxyZooNetwork` is the default.
"""

import math
import random
import threading
from contextlib import contextmanager

import keras
import numpy as np
from keras import layers, ops
from sklearn.base import BaseEstimator

from skgalaxy._validation import check_choice
from skgalaxy.likelihoods import LIKELIHOODS, Binomial
from skgalaxy.losses import LikelihoodLoss

__all__ = ["GalaxyZooNetwork", "RandomView"]


class GalaxyZooNetwork(BaseEstimator):
    """Build the network of Walmsley et al. (2020): a shallow VGG with dropout before its output.

    Blocks of 3x3 convolutions, each followed by 2x2 pooling; one dense layer; dropout; one
    logit. Images too small to be halved by every block are halved as often as they can be, and
    flat rows (no image) go straight to the dense layer. An sklearn-style object, so that a grid
    search can set ``network__dense_units``.

    Parameters
    ----------
    filters : sequence of sequences of int, default=((32, 32), (64, 64), (128,), (128,))
        Filters of every convolution, block by block.
    dense_units : int, default=128
        Width of the dense layer.
    n_outputs : {1, 2}, default=1
        1 is the logit of the vote fraction. 2 adds the logarithm of the galaxy's concentration,
        for ``likelihood="beta_binomial"``.
    dropout_before : {"output", "dense"}, default="output"
        The layer before which dropout acts: as published, or on the convolutions' features, where
        its spread follows the error better (see the study of calibration).

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424).

    Examples
    --------
    >>> from skgalaxy.networks import GalaxyZooNetwork
    >>> network = GalaxyZooNetwork()((64, 64, 1), dropout=0.5)
    >>> print(network.output_shape, f"{network.count_params():,} weights")
    (None, 1) 548,833 weights
    """

    def __init__(
        self,
        filters=((32, 32), (64, 64), (128,), (128,)),
        dense_units=128,
        n_outputs=1,
        *,
        dropout_before="output",
    ):
        self.filters = filters
        self.dense_units = dense_units
        self.n_outputs = n_outputs
        self.dropout_before = dropout_before

    def __call__(self, image_shape, *, dropout):
        check_choice(self.dropout_before, "dropout_before", ("output", "dense"))
        inputs = x = keras.Input(image_shape)
        if len(image_shape) == 3:
            x = self._convolve(x)
        if self.dropout_before == "dense":
            x = layers.Dropout(dropout)(x)
        x = layers.Dense(self.dense_units, activation="relu")(x)
        if self.dropout_before == "output":
            x = layers.Dropout(dropout)(x)
        return keras.Model(inputs, layers.Dense(self.n_outputs)(x))

    def _convolve(self, x):
        for block in self.filters:
            for n_filters in block:
                x = layers.Conv2D(n_filters, 3, padding="same", activation="relu")(x)
            if min(x.shape[1:3]) >= 2:
                x = layers.MaxPooling2D(2)(x)
        return layers.Flatten()(x)


@keras.saving.register_keras_serializable("skgalaxy")
class RandomView(layers.Layer):
    """Show each image flipped, turned by any angle and zoomed, in training only.

    A galaxy has no up, no left and no preferred size. The three are one affine map per image,
    hence one interpolation; what lies outside the image is its reflection.

    Parameters
    ----------
    zoom : float >= 1, default=1.2
        Scales are log-uniform in [1 / zoom, zoom].
    seed : int or None, default=None
        Seed of the views.
    """

    def __init__(self, zoom=1.2, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.zoom = zoom
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def get_config(self):
        return {**super().get_config(), "zoom": self.zoom, "seed": self.seed}

    def call(self, images, training=None):
        if not training:
            return images
        height, width = images.shape[1:3]
        uniform = keras.random.uniform((ops.shape(images)[0], 3), seed=self.seed_generator)
        angle = 2 * math.pi * uniform[:, 0]
        scale = self.zoom ** (2 * uniform[:, 1] - 1)
        flip = ops.where(uniform[:, 2] < 0.5, -1.0, 1.0)
        cos, sin = scale * ops.cos(angle), scale * ops.sin(angle)
        # output pixel (x, y) shows input pixel (a x + b y + c, d x + e y + f), centre on centre
        a, b, d, e = flip * cos, -sin, flip * sin, cos
        x0, y0 = (width - 1) / 2, (height - 1) / 2
        c, f = x0 - a * x0 - b * y0, y0 - d * x0 - e * y0
        zero = ops.zeros_like(a)
        maps = ops.stack([a, b, c, d, e, f, zero, zero], axis=1)
        return ops.image.affine_transform(images, maps, fill_mode="reflect")


@keras.saving.register_keras_serializable("skgalaxy")
class Standardise(layers.Layer):
    """Centre and scale by weights, so that networks of other images share its architecture."""

    def build(self, shape):
        self.mean = self.add_weight(shape[-1:], "zeros", trainable=False)
        self.std = self.add_weight(shape[-1:], "ones", trainable=False)

    def call(self, images):
        return (ops.cast(images, self.compute_dtype) - self.mean) / self.std


@keras.saving.register_keras_serializable("skgalaxy")
class GlobalOutputs(layers.Layer):
    """Put learned numbers, the same for all galaxies, behind a network's outputs."""

    def __init__(self, starts, **kwargs):
        super().__init__(**kwargs)
        self.starts = tuple(starts)

    def get_config(self):
        return {**super().get_config(), "starts": self.starts}

    def build(self, shape):
        start = keras.initializers.Constant([value / _SPEED for value in self.starts])
        self.numbers = self.add_weight((len(self.starts),), start)

    def call(self, outputs):
        numbers = _SPEED * self.numbers
        return ops.concatenate([outputs, ops.zeros_like(outputs[:, :1]) + numbers], axis=-1)


_SPEED = 10  # Adam moves every weight by about its learning rate: too slow for one that is alone

_seeding = threading.RLock()  # threads share Python's generator: one builds at a time


@contextmanager
def seeded_layers(seed):
    """Make layers built inside take their seeds from `seed`; global state is as before after.

    Keras seeds layers and initialisers that were given no seed from Python's global generator.
    """
    with _seeding:
        state = random.getstate(), np.random.get_state()
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state[0])
            np.random.set_state(state[1])


def build_model(*, builder, likelihood, spec, dropout, augment, precision, seed):
    """Return the compiled model that is trained: standardise, random views, network.

    Parameters
    ----------
    builder : callable
        ``builder(image_shape, dropout=...)`` returns a functional or Sequential Keras model
        with one output, the logit; with two for some likelihoods.
    likelihood : {"binomial", "beta_binomial"}
    spec : ImageSpec
    dropout, augment, precision
        As in `BayesianCNNRegressor`.
    seed : int
        Seed of every layer.
    """
    with seeded_layers(seed):
        network = builder(spec.image_shape, dropout=dropout)
        kind = LIKELIHOODS[likelihood]
        check_network(network, spec.image_shape, kind)
        set_precision(network, precision)
        inputs = x = keras.Input(spec.shape, dtype=spec.dtype)
        if spec.shape != spec.image_shape:
            x = layers.Reshape(spec.image_shape)(x)
        standardise = Standardise()
        x = standardise(x)
        standardise.set_weights([spec.mean, spec.std])
        if augment and len(spec.image_shape) == 3:
            x = RandomView()(x)
        outputs = network(x)
        missing = len(kind.outputs) - outputs.shape[-1]
        if missing:
            outputs = GlobalOutputs(kind.starts[-missing:])(outputs)
        model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(), LikelihoodLoss(likelihood))
    model.optimizer.build(model.trainable_variables)
    return model


def check_network(network, image_shape, likelihood=Binomial):
    """Raise ValueError unless `network` is a Keras graph from `image_shape` to one logit."""
    if not isinstance(network, keras.Model) or not getattr(network, "inputs", None):
        raise ValueError(
            "`network` must build a functional or built Sequential keras.Model, whose graph can "
            f"be split at its dropout. Got {type(network).__name__}."
        )
    if any(getattr(variable, "_skgalaxy_taken", False) for variable in network.variables):
        raise ValueError(
            "`network` must build new layers at every call. Got some that it had built before, or "
            "that were made outside it; copy them inside it: keras.models.clone_model, set_weights."
        )
    for variable in network.variables:
        variable._skgalaxy_taken = True
    shapes = network.input_shape, network.output_shape
    names, least = likelihood.outputs, len(likelihood.outputs) - len(likelihood.starts)
    allowed = [(None, n_outputs) for n_outputs in range(least, len(names) + 1)]
    if shapes[0] != (None, *image_shape) or shapes[1] not in allowed:
        more = f", or to it and {' and '.join(names[1:])}" if len(names) > 1 else ""
        raise ValueError(
            f"`network` must map images {image_shape} to one logit, shape (None, 1), of the vote "
            f"fraction (no sigmoid){more}. Got a model from {shapes[0]} to {shapes[1]}."
        )
    activation = getattr(network.layers[-1], "activation", keras.activations.linear)
    if activation is not keras.activations.linear:
        raise ValueError(
            "`network` must end in a logit, a layer without activation. "
            f"Got {getattr(activation, '__name__', activation)!r}."
        )


def set_precision(network, precision):
    """Set the compute precision layer by layer; the output layer stays float32."""
    if precision == "float32":
        return
    for layer in list(_leaves(network))[:-1]:
        layer.dtype_policy = f"mixed_{precision}"


def _leaves(network):
    """Yield the layers of a network, those of nested models in their place."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer
