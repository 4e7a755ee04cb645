"""The paper's network, random views of images, and the Keras model around both.

A *network* maps standardised images to the outputs of a likelihood, for example to the logit of
the vote fraction. You can build it with any function ``network(image_shape, dropout=...)``;
`GalaxyZooNetwork` is the default. The model to train is::

    images -> standardise -> random views (in training only) -> network -> global outputs

An `Architecture` and a seed determine this model.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import keras
from keras import layers, ops
from sklearn.base import BaseEstimator, clone

from skgalaxy._validation import check_choice
from skgalaxy.likelihoods.named import VoteModel, vote_model
from skgalaxy.networks._building import build_apart
from skgalaxy.networks._given import build_network, check_network, leaves, refuse_noise
from skgalaxy.networks._pretrained import PretrainedNetwork
from skgalaxy.networks._shipped import resized, start_from_trunk
from skgalaxy.networks.losses import LikelihoodLoss
from skgalaxy.networks.rows import ImageSpec
from skgalaxy.votes import DecisionTree

__all__ = ["Architecture", "GalaxyZooNetwork", "RandomView"]

_CHANNELS = "channels_last"  # named wherever it matters: Keras' default is a global setting


class GalaxyZooNetwork(BaseEstimator):
    """The network of Walmsley et al. (2020): a shallow VGG with dropout before its output.

    It consists of blocks of 3x3 convolutions, each block with 2x2 pooling behind it; then a dense
    layer, dropout, and one logit. Small images are pooled as often as their size allows. Rows that
    are no images go straight to the dense layer. Because it has scikit-learn's ``get_params``, you
    can search its parameters with the estimator's, for example ``network__dense_units``.

    Parameters
    ----------
    filters : sequence of sequences of int, default=((32, 32), (64, 64), (128,), (128,))
        Number of filters of every convolution, block by block. Give fewer or smaller blocks for a
        faster network.
    dense_units : int, default=128
        Number of units of the dense layer.
    n_outputs : int, default=None
        Number of outputs per galaxy. None is as many as the estimator needs: one, the logit of the
        vote fraction, or with a `tree` those of all its questions. With 2, for
        ``likelihood="beta_binomial"``, the network also gives every galaxy a concentration of its
        own, as a logarithm.
    dropout_before : {"output", "dense"}, default="output"
        Layer that dropout acts in front of. "output" is the published network. With "dense"
        dropout acts on the features of the convolutions: choose it if draws should disagree more
        where the network errs more.
    weights : {None, "galaxies"}, default=None
        Weights to start from. None draws them at random. "galaxies" are those of a network that
        has learned what 11,000 simulated galaxies of `skgalaxy.datasets.make_galaxies` are; only
        the last layer is random. They need `filters` and `dense_units` as published, and square
        pictures of at least 16 pixels, which the network resizes to 64. Bands share the kernel
        that was learned on grey pictures: they start as their mean.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424).

    Examples
    --------
    >>> from skgalaxy.networks import GalaxyZooNetwork
    >>> network = GalaxyZooNetwork()((64, 64, 1), dropout=0.5)
    >>> print(network.output_shape, f"{network.count_params():,} weights")
    (None, 1) 548,833 weights

    The same network, for colour pictures of any size, starting from what galaxies look like:

    >>> network = GalaxyZooNetwork(weights="galaxies")((128, 128, 3), dropout=0.5)
    >>> print(network.output_shape, f"{network.count_params():,} weights")
    (None, 1) 549,409 weights
    """

    def __init__(
        self,
        filters: Sequence[Sequence[int]] = ((32, 32), (64, 64), (128,), (128,)),
        dense_units: int = 128,
        n_outputs: int | None = None,
        *,
        dropout_before: Literal["output", "dense"] = "output",
        weights: Literal["galaxies"] | None = None,
    ) -> None:
        self.filters = filters
        self.dense_units = dense_units
        self.n_outputs = n_outputs
        self.dropout_before = dropout_before
        self.weights: Literal["galaxies"] | None = weights

    def __call__(self, image_shape: tuple[int, ...], *, dropout: float) -> keras.Model:
        check_choice(self.dropout_before, "dropout_before", ("output", "dense"))
        inputs = x = keras.Input(image_shape, dtype="float32")
        if self.weights is not None:
            check_choice(self.weights, "weights", ("galaxies",))
            x = resized(x)
        if len(image_shape) == 3:  # else plain features, which have no neighbours
            x = self._convolve(x)
        if self.dropout_before == "dense":
            x = layers.Dropout(dropout)(x)
        x = layers.Dense(self.dense_units, activation="relu")(x)
        if self.dropout_before == "output":
            x = layers.Dropout(dropout)(x)
        # logits, without a sigmoid: the loss is exact where a float32 sigmoid would be 0 or 1
        network = keras.Model(inputs, layers.Dense(self.n_outputs or 1)(x))
        if self.weights is not None:
            start_from_trunk(network)
        return network

    def _convolve(self, x: Any) -> Any:
        """Features of images, one row per image."""
        for block in self.filters:
            for n_filters in block:
                x = layers.Conv2D(
                    n_filters, 3, padding="same", activation="relu", data_format=_CHANNELS
                )(x)
            if min(x.shape[1:3]) >= 2:  # one pixel cannot be halved
                x = layers.MaxPooling2D(2, data_format=_CHANNELS)(x)
        return layers.Flatten(data_format=_CHANNELS)(x)


@keras.saving.register_keras_serializable("skgalaxy")
class RandomView(layers.Layer):
    """Keras layer that flips, turns and zooms each image at random, in training only.

    A galaxy has no up, no left and no preferred size. You can put the layer in any Keras model,
    for example before a network that you compare with. Pixels outside the image are filled with
    its reflection.

    Parameters
    ----------
    zoom : float >= 1, default=1.2
        Largest zoom, in or out; 1 is none. Scales are log-uniform in [1 / zoom, zoom].
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

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "zoom": self.zoom, "seed": self.seed}

    def call(self, images: Any, training: bool | None = None) -> Any:
        if not training:
            return images
        # one affine map for flip, turn and zoom: images are interpolated, and blurred, only once
        height, width = images.shape[1:3]
        # dtype: without it, Keras' global float type, which is the user's
        shape = (ops.shape(images)[0], 3)
        uniform = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        angle = 2 * math.pi * uniform[:, 0]
        scale = self.zoom ** (2 * uniform[:, 1] - 1)  # log-uniform: in as often as out
        flip = 1 - 2 * ops.cast(uniform[:, 2] < 0.5, uniform.dtype)
        cos, sin = scale * ops.cos(angle), scale * ops.sin(angle)
        # output pixel (x, y) shows input pixel (a x + b y + c, d x + e y + f); c and f are such
        # that the centre stays where it is
        a, b, d, e = flip * cos, -sin, flip * sin, cos
        x0, y0 = (width - 1) / 2, (height - 1) / 2
        c, f = x0 - a * x0 - b * y0, y0 - d * x0 - e * y0
        zero = ops.zeros_like(a)
        maps = ops.stack([a, b, c, d, e, f, zero, zero], axis=1)
        return ops.image.affine_transform(images, maps, fill_mode="reflect", data_format=_CHANNELS)


@keras.saving.register_keras_serializable("skgalaxy")
class Standardise(layers.Layer):
    """Layer that subtracts the mean of the training images and divides by their deviation.

    Pixels beyond 100 standard deviations become 100 of them: one broken pixel of a detector must
    not decide what a network learns.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        # weights, not configuration: networks of other images then share a compiled model
        self.mean = self.add_weight(shape[-1:], "zeros", trainable=False)
        self.std = self.add_weight(shape[-1:], "ones", trainable=False)

    def call(self, images: Any) -> Any:
        standard = (ops.cast(images, self.compute_dtype) - self.mean) / self.std
        # bytes are at most 255, broken or not
        return standard if images.dtype == "uint8" else ops.clip(standard, -_FAR, _FAR)


_FAR = 100.0  # standard deviations


@keras.saving.register_keras_serializable("skgalaxy")
class GlobalOutputs(layers.Layer):
    """Layer that appends learned numbers, the same for all galaxies, to a network's outputs.

    Parameters
    ----------
    starts : sequence of float
        Start value of each number, for example of a log concentration.
    """

    def __init__(self, starts: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.starts = tuple(starts)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "starts": self.starts}

    def build(self, shape: tuple[int | None, ...]) -> None:
        starts = keras.initializers.Constant([start / _SPEED for start in self.starts])
        self.numbers = self.add_weight((len(self.starts),), starts)

    def call(self, outputs: Any) -> Any:
        # zeros of the shape of the batch: each number becomes a column
        numbers = ops.zeros_like(outputs[:, :1]) + _SPEED * self.numbers
        return ops.concatenate([outputs, numbers], axis=-1)


# Adam moves every weight by at most about its learning rate per step. That is too slow for a
# number that stands alone, so the weight is a tenth of it.
_SPEED = 10


class Architecture(NamedTuple):
    """Recipe of a model to train; only the seed is left open.

    Two networks of one architecture differ in their weights and in nothing else. `dropout`,
    `augment` and `precision` are as in `skgalaxy.BayesianCNNRegressor`.

    Attributes
    ----------
    network : callable
        ``network(image_shape, dropout=...)`` returns a functional or Sequential Keras model.
    likelihood : str
        A name in `skgalaxy.likelihoods.LIKELIHOODS`, for example "binomial".
    image : ImageSpec
        Shape and type of a row of X, and the mean and standard deviation of the images.
    dropout : float
    augment : bool
    precision : {"float32", "bfloat16"}
    tree : DecisionTree, default=None
        Questions that the votes answer; None is one yes/no question.
    """

    network: Callable[..., keras.Model]
    likelihood: str
    image: ImageSpec
    dropout: float
    augment: bool
    precision: Literal["float32", "bfloat16"]
    tree: DecisionTree | None = None

    @property
    def from_trunk(self) -> bool:
        """True if networks start from weights that ship with the library, or went on from them."""
        network = self.network
        while isinstance(network, PretrainedNetwork):
            network = network.network
        return isinstance(network, GalaxyZooNetwork) and network.weights is not None

    @property
    def votes(self) -> VoteModel:
        """What a network gives, and how likely this makes votes."""
        return vote_model(self.likelihood, self.tree)

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
        return build_apart(self._build, seed)

    @property
    def _network(self) -> Callable[..., keras.Model]:
        """Builder of the network, with as many outputs as the votes need if it leaves that open."""
        network: Any = self.network
        n_needed = len(self.votes.outputs) - len(self.votes.starts)
        parameters = network.get_params() if isinstance(network, BaseEstimator) else {}
        left_open = [  # also of a network inside another, such as a pretrained one
            name
            for name, value in parameters.items()
            if name.split("__")[-1] == "n_outputs" and value is None
        ]
        if not left_open:
            return network
        return clone(network).set_params(**dict.fromkeys(left_open, n_needed))

    def _build(self) -> keras.Model:
        image, likelihood = self.image, self.votes
        network = build_network(self._network, image.image_shape, self.dropout)
        check_network(network, image.image_shape, likelihood)
        set_precision(network, self.precision)
        inputs, x = standardised_input(image)
        if self.augment and len(image.image_shape) == 3:  # plain features have no views
            x = RandomView()(x)
        outputs = network(x)
        n_missing = len(likelihood.outputs) - outputs.shape[-1]
        if n_missing:
            outputs = GlobalOutputs(likelihood.starts[-n_missing:])(outputs)
        model = keras.Model(inputs, outputs)
        refuse_noise(model, image)
        # dtype: the default of losses is Keras' global float type
        compile_in_float32(model, LikelihoodLoss(self.likelihood, self.tree, dtype="float32"))
        # now, not at the first step: its variables are part of the state that is put in
        model.optimizer.build(model.trainable_variables)
        return model


def standardised_input(image: ImageSpec) -> tuple[Any, Any]:
    """Input of a model, and the standardised images that its network sees."""
    inputs = x = keras.Input(image.shape, dtype=image.dtype)
    if image.shape != image.image_shape:
        x = layers.Reshape(image.image_shape)(x)
    standardise = Standardise()
    x = standardise(x)
    standardise.set_weights([image.mean, image.std])
    return inputs, x


def compile_in_float32(model: keras.Model, loss: keras.losses.Loss) -> None:
    """Compile a model for training with Adam, in float32 whatever Keras' global float type is.

    Keras has no public way to say the type of a learning rate, of the recorded losses and of their
    sum. In 16 bits a rate is rounded, and the losses of galaxies with many votes are infinite.
    """
    optimizer = keras.optimizers.Adam()
    model.compile(optimizer, loss)
    if keras.config.floatx() == "float32":
        return
    # The new rate takes the place of the old one among the variables, before those of the moments:
    # networks keep their values in this order.
    optimizer._untrack_variable(optimizer.learning_rate)
    rate = keras.Variable(0.001, trainable=False, dtype="float32", name="learning_rate")
    optimizer._learning_rate = rate
    model._loss_tracker = keras.metrics.Mean(name="loss", dtype="float32")
    model._compile_loss._dtype = "float32"


def set_precision(network: keras.Model, precision: str) -> None:
    """Set the compute precision of all layers but the last."""
    # layer by layer: a policy for the whole process would change the user's other models
    if precision == "float32":
        return
    for layer in list(leaves(network))[:-1]:
        layer.dtype_policy = f"mixed_{precision}"
