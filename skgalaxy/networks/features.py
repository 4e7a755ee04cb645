"""Features of images: the inputs of a network's last layer, with dropout switched off."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from skgalaxy.likelihoods.base import row_blocks
from skgalaxy.networks._runtime import predicting
from skgalaxy.networks.architecture import GlobalOutputs
from skgalaxy.networks.dropout import Replay

__all__ = ["LastFeatures"]


class _WithoutDropout(Replay):
    """Replay of a network without its dropout, which notes the inputs of dense layers."""

    def __init__(self) -> None:
        super().__init__(n_draws=1)
        # input and output of dense layers, by the id of the output; kept alive, so ids stay unique
        self.dense: dict[int, tuple[Any, Any]] = {}

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = super().call(operation, *args, **kwargs)
        # `type() is`: a subclass of Dense may compute something else
        if type(operation) is layers.Dense and len(args[0].shape) == 2:
            self.dense[id(outputs)] = args[0], outputs
        elif isinstance(operation, GlobalOutputs) and id(args[0]) in self.dense:
            # it only appends columns to what the dense layer gives
            self.dense[id(outputs)] = self.dense[id(args[0])][0], outputs
        return outputs

    def _drop(self, layer: layers.Layer, x: Any) -> Any:
        return x


class LastFeatures:
    """A network in two parts: the features that its last layer is given, and its outputs.

    Parameters
    ----------
    model : keras.Model
        Functional model from images to P outputs. Its weights are shared, not copied.

    Attributes
    ----------
    n_features : int or None
        Number of features; None if the last layer is not a `keras.layers.Dense`.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> from skgalaxy.networks.features import LastFeatures
    >>> inputs = keras.Input((4,))
    >>> hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(3, activation="relu")(inputs))
    >>> model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    >>> features, outputs = LastFeatures(model).of(np.ones((2, 4), np.float32))
    >>> features.shape, outputs.shape
    ((2, 3), (2, 1))
    """

    def __init__(self, model: keras.Model) -> None:
        replay = _WithoutDropout()
        inputs = keras.Input(batch_shape=model.inputs[0].shape, dtype=model.inputs[0].dtype)
        (outputs,) = replay.run(model, [inputs])
        features, _ = replay.dense.get(id(outputs), (None, None))
        self.n_features: int | None = None if features is None else features.shape[-1]
        ends = [ops.cast(x, "float32") for x in (features, outputs) if x is not None]
        self._model = predicting(keras.Model(inputs, ends))
        self.batch_size: int = replay.batch_size()

    def of(self, X: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Features (n_galaxies, n_features) and outputs (n_galaxies, P) of every image."""
        parts = [
            self._model.predict_on_batch(X[batch]) for batch in row_blocks(len(X), self.batch_size)
        ]
        features, outputs = (np.concatenate(part) for part in zip(*parts, strict=True))
        return features, outputs
