"""D networks drawn by dropout, for little more than the price of one.

A trained network with dropout becomes D networks when D sets of masks are drawn. `DrawnNetworks`
replays the graph of the network with these masks in place of its dropout layers. Every tensor of
the replay is one of two kinds. A *plain* tensor, shape (n, ...), is the same for all draws and is
computed once. A *drawn* tensor, shape (n * D, ...), has D rows for every galaxy, one per draw. The
first dropout on a path turns a plain tensor into a drawn one. Where a plain and a drawn tensor
meet, the plain one is repeated. So any network splits into a trunk, computed once, and a tail,
computed once per draw. Random views and batch normalisation stay in inference mode.

A dense layer right behind the dropout of plain features takes the masks into its kernel, and needs
one matrix product for all draws: ``(x * m_d) W = x (m_d * W)``. In the paper's network this is the
whole tail: fifty networks cost 50 x 128 more multiplications per galaxy.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from skgalaxy._pools import ALIGNED
from skgalaxy.likelihoods.base import row_blocks
from skgalaxy.networks._runtime import predicting

__all__ = ["DrawnNetworks", "Replay"]

_SCRATCH = 2**25  # elements of the largest tensor: 128 MB in float32


def _is_active_dropout(layer: Any) -> bool:
    """True for a dropout layer with a rate above 0."""
    return isinstance(layer, layers.Dropout | layers.GaussianDropout) and layer.rate > 0


def _has_own_noise(layer: Any) -> bool:
    """True for a layer of the network that draws random numbers within, in training at least."""
    own = type(layer).__module__.startswith("skgalaxy.")  # views of images are no such noise
    names = [variable.name for variable in getattr(layer, "variables", [])]
    return "seed_generator_state" in names and not own


def _noise_shape(layer: layers.Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of one mask: the shape of the features, with 1 on axes that share a mask."""
    # spatial dropout drops whole channels: all pixels of a channel share its mask
    if isinstance(
        layer, layers.SpatialDropout1D | layers.SpatialDropout2D | layers.SpatialDropout3D
    ):
        channels_first = getattr(layer, "data_format", "channels_last") == "channels_first"
        ones = (1,) * (len(shape) - 1)
        return (shape[0], *ones) if channels_first else (*ones, shape[-1])
    if getattr(layer, "noise_shape", None) is None:
        return shape
    given = zip(layer.noise_shape[1:], shape, strict=True)
    return tuple(n if size is None else size for size, n in given)


class _Noise:
    """Factors of mean 1 that one dropout layer multiplies its input by, for every draw."""

    def __init__(self, layer: layers.Layer, shape: tuple[int, ...], n_draws: int) -> None:
        self.layer = layer
        shape = (n_draws, *_noise_shape(layer, shape))
        # a variable: other masks can be put in without tracing the model again
        self.values = keras.Variable(np.ones(shape, "float32"), trainable=False, autocast=False)

    def draw(self, rng: np.random.Generator) -> None:
        """Draw new factors."""
        shape, rate = self.values.shape, self.layer.rate
        if isinstance(self.layer, layers.GaussianDropout):
            # Srivastava+2014: Gaussian noise with the variance of dropout of this rate
            self.values.assign(rng.normal(1.0, math.sqrt(rate / (1 - rate)), shape))
        else:
            # Gal & Ghahramani 2016: a Bernoulli mask, scaled to mean 1 as Keras does in training
            self.values.assign((rng.random(shape) >= rate) / (1 - rate))


class _DrawnDropout(layers.Layer):
    """Layer that multiplies features by the noise of every draw, to shape (n * D, ...)."""

    def __init__(self, noise: _Noise, drawn: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.noise = noise.values
        self.drawn = drawn

    def call(self, x: Any) -> Any:
        shape = x.shape[1:]
        noise = ops.cast(self.noise, x.dtype)
        # an axis of draws; a plain tensor has one row there, which broadcasts over the noise
        x = ops.reshape(x, (-1, noise.shape[0] if self.drawn else 1, *shape))
        return ops.reshape(x * noise, (-1, *shape))


class _DrawnDense(layers.Layer):
    """Layer of a dropout and the dense layer behind it, for all draws in one matrix product."""

    def __init__(self, noise: _Noise, dense: layers.Dense, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.noise = noise.values
        self.dense = dense

    def call(self, x: Any) -> Any:
        x = ops.cast(x, self.dense.compute_dtype)
        kernel = ops.cast(ops.convert_to_tensor(self.dense.kernel), x.dtype)
        noise = ops.cast(self.noise, x.dtype)
        # (x * m_d) W = x (m_d * W); shape (features, D, units)
        drawn_kernel = ops.transpose(noise)[:, :, None] * kernel[:, None, :]
        x = ops.matmul(x, ops.reshape(drawn_kernel, (x.shape[1], -1)))
        x = ops.reshape(x, (-1, self.dense.units))
        if self.dense.use_bias:
            x = x + ops.cast(self.dense.bias, x.dtype)
        return self.dense.activation(x)


class Replay:
    """A network's layers, called again on plain and drawn tensors."""

    def __init__(self, n_draws: int) -> None:
        self.n_draws = n_draws
        self.noises: list[_Noise] = []  # in the order of the graph
        self.features: Any = None  # input of the first dropout
        # tensors by id, because they cannot be hashed; kept alive, so that ids stay unique
        self.drawn: dict[int, Any] = {}
        self.plain: int = 1  # elements per galaxy of the largest plain tensor
        # input and noise of a dropout, by the id of its output: a dense layer may replace it
        self.dropped: dict[int, tuple[Any, _Noise]] = {}
        self.expanded: set[int] = set()  # ids of those outputs that are computed after all
        self.noisy: list[str] = []  # layers with noise of their own, which nobody can draw

    def run(self, network: keras.Model, inputs: Sequence[Any]) -> list[Any]:
        """Outputs of the network's graph for `inputs`."""
        end = layers.Identity(autocast=False)
        graph = keras.Model(network.inputs, end(network.outputs))  # a Sequential's graph, too
        reached = []

        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            if operation is not end:
                return self.call(operation, *args, **kwargs)
            reached.extend(keras.tree.flatten(args))
            return [end(inputs[0]) for _ in reached]

        # Only the calls are wanted, not the clone. The clone ends at its own inputs, because Keras
        # copies the whole graph of a clone with inputs from the middle of another graph, as a
        # nested network has.
        keras.models.clone_model(
            graph, list(inputs), clone_function=lambda layer: layer, call_function=call
        )
        return reached

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        """Call one operation: on plain tensors as they are, else on tensors of all draws."""
        if isinstance(operation, keras.Model) and getattr(operation, "inputs", None):
            outputs = self.run(operation, keras.tree.flatten(args[0]))
            return keras.tree.pack_sequence_as(operation.output, outputs)
        if _is_active_dropout(operation):
            return self._drop(operation, args[0])
        if _has_own_noise(operation):
            self.noisy.append(operation.name)
        # `type() is`: a subclass of Dense may compute something else
        if type(operation) is layers.Dense and id(args[0]) in self.dropped:
            features, noise = self.dropped[id(args[0])]
            if math.prod(noise.values.shape) * operation.units <= _SCRATCH:
                return self._mark(_DrawnDense(noise, operation)(features))
            self.expanded.add(id(args[0]))
        tensors = [x for x in keras.tree.flatten((args, kwargs)) if keras.utils.is_keras_tensor(x)]
        if not any(id(x) in self.drawn for x in tensors):
            outputs = operation(*args, **kwargs)
            self.plain = max(self.plain, *_sizes(keras.tree.flatten(outputs)))
            return outputs
        self.expanded.update(id(x) for x in tensors if id(x) in self.dropped)
        args, kwargs = keras.tree.map_structure(self._repeat, (args, kwargs))
        return self._mark(operation(*args, **kwargs))

    def _drop(self, layer: layers.Layer, x: Any) -> Any:
        """Replace one dropout layer by the noise of every draw."""
        noise = _Noise(layer, x.shape[1:], self.n_draws)
        self.noises.append(noise)
        self.features = x if self.features is None else self.features
        drawn = id(x) in self.drawn
        output = self._mark(_DrawnDropout(noise, drawn)(x))
        # a kernel takes in masks of flat features only, one factor per feature
        if not drawn and noise.values.shape[1:] == x.shape[1:] == x.shape[1:2]:
            self.dropped[id(output)] = x, noise
        return output

    def _mark(self, outputs: Any) -> Any:
        """Record outputs as drawn, and return them."""
        for x in keras.tree.flatten(outputs):
            self.drawn[id(x)] = x
        return outputs

    def widest(self) -> int:
        """Number of elements per galaxy, over all its draws, of the largest tensor."""
        # a dropout's output is never computed if a dense layer took in its masks
        skipped = self.dropped.keys() - self.expanded
        computed = [x for key, x in self.drawn.items() if key not in skipped]
        return max(self.plain, self.n_draws * max(_sizes(computed), default=1))

    def batch_size(self) -> int:
        """Galaxies to compute at once: a power of two, small if tensors are large."""
        most = max(1, min(ALIGNED, _SCRATCH // self.widest()))  # more is not faster on a CPU
        return 2 ** int(math.log2(most))

    def _repeat(self, x: Any) -> Any:
        """Drawn form of a plain tensor; anything else as it is."""
        if not keras.utils.is_keras_tensor(x) or id(x) in self.drawn:
            return x
        return ops.repeat(x, self.n_draws, axis=0)


def _sizes(tensors: Iterable[Any]) -> list[int]:
    """Number of elements per row of each tensor."""
    return [math.prod(x.shape[1:]) for x in tensors]


class DrawnNetworks:
    """D fixed networks drawn from a trained one by dropout.

    `BayesianCNNRegressor` uses it for every prediction. You can use it with any Keras model, for
    example ``DrawnNetworks(model, 50).draw(0).outputs(X)``.

    Parameters
    ----------
    model : keras.Model
        Functional model from images to P outputs. Its weights are shared, not copied.
    n_draws : int
        Number of networks D.

    Attributes
    ----------
    model : keras.Model
        Model from images (n, ...) to outputs (n, D, P); (n, 1, P) if there is no dropout.
    trunk : keras.Model
        Model from images to the input of the first dropout, flat; only if there is dropout.
    has_spread : bool
        True if the network has dropout, so that its draws differ.
    noisy_layers : list of str
        Names of layers that hide dropout or other noise, for example in a cell or an attention.
        They are quiet in every draw.
    batch_size : int
        Galaxies computed at once, a power of two. It is small if tensors are large.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> from skgalaxy.networks import DrawnNetworks
    >>> inputs = keras.Input((4,))
    >>> features = keras.layers.Dropout(0.5, name="drop")(inputs)
    >>> outputs = keras.layers.Dense(1, kernel_initializer="ones")(features)
    >>> networks = DrawnNetworks(keras.Model(inputs, outputs), n_draws=3).draw(seed=0)
    >>> networks.outputs(np.ones((2, 4), np.float32)).shape
    (2, 3, 1)
    """

    n_draws: int
    model: keras.Model
    trunk: keras.Model
    has_spread: bool
    noisy_layers: list[str]
    n_outputs: int
    batch_size: int

    def __init__(self, model: keras.Model, n_draws: int) -> None:
        self.n_draws = n_draws
        replay = Replay(n_draws)
        inputs = keras.Input(batch_shape=model.inputs[0].shape, dtype=model.inputs[0].dtype)
        (outputs,) = replay.run(model, [inputs])  # one output: `check_network` allows no other
        self.has_spread = id(outputs) in replay.drawn
        self.noisy_layers = replay.noisy
        self._noises = replay.noises
        self.n_outputs = outputs.shape[-1]
        shape = (-1, n_draws if self.has_spread else 1, self.n_outputs)
        self.model = predicting(
            keras.Model(inputs, ops.reshape(ops.cast(outputs, "float32"), shape))
        )
        if self.has_spread:
            features = ops.cast(replay.features, "float32")
            flat = ops.reshape(features, (-1, math.prod(features.shape[1:])))
            self.trunk = predicting(keras.Model(inputs, flat))
        self.batch_size = replay.batch_size()

    def draw(self, seed: int) -> Self:
        """Draw the masks; the same seed gives you the same masks on every machine."""
        # NumPy's generator, not Keras': its numbers do not depend on backend and processor
        rng = np.random.default_rng(seed)
        for noise in self._noises:
            noise.draw(rng)
        return self

    def outputs(self, X: Any) -> NDArray[np.float32]:
        """Network outputs of every galaxy and draw, shape (n_galaxies, D, P)."""
        outputs = np.empty((len(X), self.n_draws, self.n_outputs), np.float32)
        return self._predict(self.model, X, outputs)

    def embed(self, X: Any) -> NDArray[np.float32]:
        """Features of every galaxy, the outputs of the trunk, shape (n_galaxies, n_features)."""
        return self._predict(self.trunk, X, np.empty((len(X), self.trunk.output_shape[1]), "f4"))

    def _predict(
        self, model: keras.Model, X: Any, outputs: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Fill `outputs` batch by batch, and return it."""
        # not Keras' `predict`, which sets up a data pipeline at every call
        for batch in row_blocks(len(X), self.batch_size):
            outputs[batch] = model.predict_on_batch(X[batch])
        return outputs
