"""D networks drawn by dropout, for little more than the price of one.

A trained network with dropout *is* D networks once D sets of masks are drawn. `DrawnNetworks`
replays the network's graph with those masks in place of its dropout layers. Every tensor of the
replay is either *plain*, shape (n, ...), the same for all draws and so computed once, or *drawn*,
shape (n * D, ...), galaxy by galaxy. The first dropout on a path makes a plain tensor drawn;
where the two meet, the plain one is repeated. Hence the split into a trunk computed once and a
tail computed per draw falls out of the graph, whatever the network, and BatchNorm and
augmentation stay in inference mode.

A dense layer right behind a dropout of plain features takes the masks into its kernel, one
matrix product for all draws: ``(x * m_d) W = x (m_d * W)``. In the paper's network that is all
of the tail: fifty networks cost 50 x 128 more multiplications per galaxy.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from skgalaxy._pools import ALIGNED

__all__ = ["DrawnNetworks"]

_SCRATCH = 2**25  # elements of the largest tensor: 128 MB in float32


def _is_active_dropout(layer: Any) -> bool:
    """Whether a layer is dropout that does something."""
    return isinstance(layer, layers.Dropout | layers.GaussianDropout) and layer.rate > 0


def _noise_shape(layer: layers.Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of one mask: the features', or with 1 where the layer shares its mask."""
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
    """Factors of mean 1 by which one dropout layer multiplies its input, in every draw."""

    def __init__(self, layer: layers.Layer, shape: tuple[int, ...], n_draws: int) -> None:
        self.layer = layer
        shape = (n_draws, *_noise_shape(layer, shape))
        self.values = keras.Variable(np.ones(shape, "float32"), trainable=False, autocast=False)

    def draw(self, rng: np.random.Generator) -> None:
        shape, rate = self.values.shape, self.layer.rate
        if isinstance(self.layer, layers.GaussianDropout):
            self.values.assign(rng.normal(1.0, math.sqrt(rate / (1 - rate)), shape))
        else:
            self.values.assign((rng.random(shape) >= rate) / (1 - rate))


class _DrawnDropout(layers.Layer):
    """Features times the noise of every draw: (n, ...) or (n * D, ...) to (n * D, ...)."""

    def __init__(self, noise: _Noise, drawn: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.noise = noise.values
        self.drawn = drawn

    def call(self, x):
        shape = x.shape[1:]
        noise = ops.cast(self.noise, x.dtype)
        x = ops.reshape(x, (-1, noise.shape[0] if self.drawn else 1, *shape))
        return ops.reshape(x * noise, (-1, *shape))


class _DrawnDense(layers.Layer):
    """Dropout of plain features and the dense layer behind it, all draws in one product."""

    def __init__(self, noise: _Noise, dense: layers.Dense, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.noise = noise.values
        self.dense = dense

    def call(self, x):
        x = ops.cast(x, self.dense.compute_dtype)
        kernel = ops.cast(ops.convert_to_tensor(self.dense.kernel), x.dtype)
        noise = ops.cast(self.noise, x.dtype)
        drawn_kernel = ops.transpose(noise)[:, :, None] * kernel[:, None, :]  # (features, D, units)
        x = ops.matmul(x, ops.reshape(drawn_kernel, (x.shape[1], -1)))
        x = ops.reshape(x, (-1, self.dense.units))
        if self.dense.use_bias:
            x = x + ops.cast(self.dense.bias, x.dtype)
        return self.dense.activation(x)


class _Replay:
    """A network's layers, called again on plain and drawn tensors."""

    def __init__(self, n_draws: int) -> None:
        self.n_draws = n_draws
        self.noises = []  # in the order of the graph
        self.features = None  # what the first dropout acts on
        self.drawn = {}  # id of a drawn tensor -> the tensor (kept alive, so that ids stay unique)
        self.plain = 1  # elements per galaxy of the largest plain tensor
        self.dropped = {}  # id of dropout's output -> (plain features, noise)
        self.expanded = set()  # those of them that are computed after all

    def run(self, network: keras.Model, inputs: Sequence[Any]) -> list[Any]:
        """Tensors that the network's graph gives on `inputs`."""
        end = layers.Identity(autocast=False)
        graph = keras.Model(network.inputs, end(network.outputs))  # a Sequential's graph, too
        reached = []

        def call(operation, *args, **kwargs):
            if operation is not end:
                return self.call(operation, *args, **kwargs)
            reached.extend(keras.tree.flatten(args))
            return [end(inputs[0]) for _ in reached]

        # Only the calls are wanted, not the clone. It ends where it begins, because Keras copies
        # the graph of a clone that begins in the middle of another, as in a nested network.
        keras.models.clone_model(
            graph, list(inputs), clone_function=lambda layer: layer, call_function=call
        )
        return reached

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        """Call one operation: plain on plain tensors, else on all draws of them."""
        if isinstance(operation, keras.Model) and getattr(operation, "inputs", None):
            outputs = self.run(operation, keras.tree.flatten(args[0]))
            return keras.tree.pack_sequence_as(operation.output, outputs)
        if _is_active_dropout(operation):
            return self._drop(operation, args[0])
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

    def _drop(self, layer, x):
        noise = _Noise(layer, x.shape[1:], self.n_draws)
        self.noises.append(noise)
        self.features = x if self.features is None else self.features
        drawn = id(x) in self.drawn
        output = self._mark(_DrawnDropout(noise, drawn)(x))
        if not drawn and noise.values.shape[1:] == x.shape[1:] == x.shape[1:2]:
            self.dropped[id(output)] = x, noise
        return output

    def _mark(self, outputs):
        for x in keras.tree.flatten(outputs):
            self.drawn[id(x)] = x
        return outputs

    def widest(self) -> int:
        """Elements per galaxy, all draws of it, of the largest tensor."""
        skipped = self.dropped.keys() - self.expanded
        computed = [x for key, x in self.drawn.items() if key not in skipped]
        return max(self.plain, self.n_draws * max(_sizes(computed), default=1))

    def _repeat(self, x):
        if not keras.utils.is_keras_tensor(x) or id(x) in self.drawn:
            return x
        return ops.repeat(x, self.n_draws, axis=0)


def _sizes(tensors: Iterable[Any]) -> list[int]:
    """Elements per row of each tensor."""
    return [math.prod(x.shape[1:]) for x in tensors]


class DrawnNetworks:
    """D fixed networks drawn from a trained one by dropout.

    Parameters
    ----------
    model : keras.Model
        Functional, from images to outputs (n, P). Its weights are shared, not copied.
    n_draws : int
        Number of networks D.

    Attributes
    ----------
    model : keras.Model
        From images (n, ...) to outputs (n, D, P); (n, 1, P) if the network has no dropout.
    trunk : keras.Model
        From images to the features that the first dropout acts on, flat; only with dropout.
    has_spread : bool
        Whether the network has dropout, so that its draws differ.
    batch_size : int
        Galaxies computed at once: a power of two, fewer where tensors are large.

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

    def __init__(self, model: keras.Model, n_draws: int) -> None:
        self.n_draws = n_draws
        replay = _Replay(n_draws)
        inputs = keras.Input(batch_shape=model.inputs[0].shape, dtype=model.inputs[0].dtype)
        (outputs,) = replay.run(model, [inputs])
        self.has_spread = id(outputs) in replay.drawn
        self._noises = replay.noises
        self.n_outputs = outputs.shape[-1]
        shape = (-1, n_draws if self.has_spread else 1, self.n_outputs)
        self.model = keras.Model(inputs, ops.reshape(ops.cast(outputs, "float32"), shape))
        if self.has_spread:
            features = ops.cast(replay.features, "float32")
            self.trunk = keras.Model(
                inputs, ops.reshape(features, (-1, math.prod(features.shape[1:])))
            )
        most = max(1, min(ALIGNED, _SCRATCH // replay.widest()))  # more is not faster on a CPU
        self.batch_size = 2 ** int(math.log2(most))

    def draw(self, seed: int) -> Self:
        """Draw the masks: the same seed gives the same masks on any machine."""
        rng = np.random.default_rng(seed)
        for noise in self._noises:
            noise.draw(rng)
        return self

    def outputs(self, X: Any) -> NDArray:
        """Network outputs for every galaxy and draw, float32 of shape (n_galaxies, D, P)."""
        outputs = np.empty((len(X), self.n_draws, self.n_outputs), np.float32)
        return self._predict(self.model, X, outputs)

    def embed(self, X: Any) -> NDArray:
        """Features of the trunk, float32 of shape (n_galaxies, n_features)."""
        return self._predict(self.trunk, X, np.empty((len(X), self.trunk.output_shape[1]), "f4"))

    def _predict(self, model: keras.Model, X: Any, outputs: NDArray) -> NDArray:
        """Fill `outputs` batch by batch, and return it."""
        for batch in gen_batches(len(X), self.batch_size):
            outputs[batch] = model.predict_on_batch(X[batch])
        return outputs
