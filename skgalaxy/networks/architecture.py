"""The paper's network, the random views it is trained on, and the model around them.

A *network* maps standardised images to the outputs of a likelihood, for example to one logit of
the vote fraction. ``network(image_shape, dropout=...)`` builds one; `GalaxyZooNetwork` is the
default. The model that is trained is::

    images -> standardise -> random views (in training only) -> network -> global outputs

An `Architecture` holds everything that determines this model but its seed.
"""

import math
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops
from sklearn.base import BaseEstimator

from skgalaxy._validation import check_choice
from skgalaxy.likelihoods import LIKELIHOODS, Likelihood
from skgalaxy.networks.losses import LikelihoodLoss
from skgalaxy.networks.rows import ImageSpec

__all__ = ["Architecture", "GalaxyZooNetwork", "RandomView"]


class GalaxyZooNetwork(BaseEstimator):
    """The network of Walmsley et al. (2020): a shallow VGG with dropout before its output.

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
    n_outputs : int, default=1
        Outputs of the likelihood that the network gives galaxy by galaxy. 1 is the logit of the
        vote fraction; 2 adds the logarithm of the galaxy's concentration, for
        ``likelihood="beta_binomial"``.
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
        filters: Sequence[Sequence[int]] = ((32, 32), (64, 64), (128,), (128,)),
        dense_units: int = 128,
        n_outputs: int = 1,
        *,
        dropout_before: str = "output",
    ) -> None:
        self.filters = filters
        self.dense_units = dense_units
        self.n_outputs = n_outputs
        self.dropout_before = dropout_before

    def __call__(self, image_shape: tuple[int, ...], *, dropout: float) -> keras.Model:
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
    """Each image flipped, turned by any angle and zoomed, in training only.

    A galaxy has no up, no left and no preferred size. The three are one affine map per image,
    hence one interpolation; outside the image lies its reflection.

    Parameters
    ----------
    zoom : float >= 1, default=1.2
        Scales are log-uniform in [1 / zoom, zoom].
    seed : int or None, default=None
        Seed of the views.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.networks import RandomView
    >>> images = np.zeros((1, 8, 8, 1), np.float32)
    >>> images[0, 1, 2] = 1
    >>> view = RandomView(seed=0)
    >>> bool((np.array(view(images, training=True)) == images).all())
    False
    >>> bool((np.array(view(images)) == images).all())
    True
    """

    def __init__(self, zoom: float = 1.2, seed: int | None = None, **kwargs: Any) -> None:
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
    """Images centred and scaled, by weights: networks of other images share the architecture."""

    def build(self, shape):
        self.mean = self.add_weight(shape[-1:], "zeros", trainable=False)
        self.std = self.add_weight(shape[-1:], "ones", trainable=False)

    def call(self, images):
        return (ops.cast(images, self.compute_dtype) - self.mean) / self.std


@keras.saving.register_keras_serializable("skgalaxy")
class GlobalOutputs(layers.Layer):
    """Learned numbers, the same for all galaxies, behind the outputs of a network.

    Parameters
    ----------
    starts : sequence of float
        Their start values.
    """

    def __init__(self, starts: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.starts = tuple(starts)

    def get_config(self):
        return {**super().get_config(), "starts": self.starts}

    def build(self, shape):
        starts = keras.initializers.Constant([start / _SPEED for start in self.starts])
        self.numbers = self.add_weight((len(self.starts),), starts)

    def call(self, outputs):
        numbers = ops.zeros_like(outputs[:, :1]) + _SPEED * self.numbers
        return ops.concatenate([outputs, numbers], axis=-1)


_SPEED = 10  # Adam moves every weight by about its learning rate: too slow for one that is alone

_seeding = threading.RLock()  # threads share Python's generator: one builds at a time


@contextmanager
def seeded_layers(seed: int) -> Iterator[None]:
    """Seed the layers that are made inside; global random state is as before after.

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


class Architecture(NamedTuple):
    """Everything that determines the model that is trained, but its seed.

    Two networks of one architecture differ in their weights, and in nothing else. Parameters not
    described here are those of `skgalaxy.BayesianCNNRegressor`.

    Attributes
    ----------
    network : callable
        ``network(image_shape, dropout=...)`` returns a functional or Sequential Keras model.
    likelihood : str
        A name in `skgalaxy.likelihoods.LIKELIHOODS`.
    image : ImageSpec
        Rows of X, and how they are standardised.
    dropout : float
    augment : bool
    precision : {"float32", "bfloat16"}
    """

    network: Callable[..., keras.Model]
    likelihood: str
    image: ImageSpec
    dropout: float
    augment: bool
    precision: str

    def build(self, seed: int) -> keras.Model:
        """Compiled model: standardise, random views, network, global outputs.

        Parameters
        ----------
        seed : int
            Seed of every layer.

        Raises
        ------
        ValueError
            If `network` does not build a graph from images to the outputs of the likelihood.
        """
        image, likelihood = self.image, LIKELIHOODS[self.likelihood]
        with seeded_layers(seed):
            network = self.network(image.image_shape, dropout=self.dropout)
            check_network(network, image.image_shape, likelihood)
            set_precision(network, self.precision)
            inputs = x = keras.Input(image.shape, dtype=image.dtype)
            if image.shape != image.image_shape:
                x = layers.Reshape(image.image_shape)(x)
            standardise = Standardise()
            x = standardise(x)
            standardise.set_weights([image.mean, image.std])
            if self.augment and len(image.image_shape) == 3:
                x = RandomView()(x)
            outputs = network(x)
            n_missing = len(likelihood.outputs) - outputs.shape[-1]
            if n_missing:
                outputs = GlobalOutputs(likelihood.starts[-n_missing:])(outputs)
            model = keras.Model(inputs, outputs)
        model.compile(keras.optimizers.Adam(), LikelihoodLoss(self.likelihood))
        model.optimizer.build(model.trainable_variables)
        return model


def check_network(network: Any, image_shape: tuple[int, ...], likelihood: type[Likelihood]) -> None:
    """Raise ValueError unless `network` is a Keras graph from images to a likelihood's outputs."""
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


def _outputs_in_words(likelihood: type[Likelihood]) -> str:
    """Words for the outputs that a network must give, and for those that it may give."""
    n_needed = len(likelihood.outputs) - len(likelihood.starts)
    needed, others = likelihood.outputs[:n_needed], likelihood.outputs[n_needed:]
    if n_needed == 1:
        kind, _, subject = needed[0].removeprefix("the ").partition(" of ")
        words = f"one {kind}, shape (None, 1), of {subject} (no sigmoid)"
    else:
        words = f"{', '.join(needed)} (no sigmoid), shape (None, {n_needed})"
    also = "".join(f" and {name}" for name in others)
    return f"{words}, or to {'it' if n_needed == 1 else 'them'}{also}" if also else words


def set_precision(network: keras.Model, precision: str) -> None:
    """Set the compute precision layer by layer; the output layer stays float32."""
    if precision == "float32":
        return
    for layer in list(_leaves(network))[:-1]:
        layer.dtype_policy = f"mixed_{precision}"


def _leaves(network: keras.Model) -> Iterator[layers.Layer]:
    """All layers of a network, those of nested models in their place."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer
