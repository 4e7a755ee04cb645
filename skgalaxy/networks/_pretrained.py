"""A network that starts from weights that `skgalaxy.networks.pretrain` learned."""

from collections.abc import Callable
from typing import Any

import keras
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

__all__ = ["PretrainedNetwork", "trunk_weights"]


class PretrainedNetwork(BaseEstimator):
    """A network that starts from what it has learned of pictures without votes.

    `skgalaxy.networks.pretrain` makes it, and you give it to an estimator as `network`. Its last
    layer starts at random, and all its layers go on learning from votes. It holds plain arrays, so
    you can clone and pickle it, and `skgalaxy.save` keeps it with the estimator.

    Parameters
    ----------
    network : callable
        Builds the network, as in `skgalaxy.BayesianCNNRegressor`. Parameters of a
        `GalaxyZooNetwork` can be set by ``network__``, for example ``network__dropout_before``.
    weights : list of ndarray
        Weights of all its layers but the last, in the order of the layers.
    image_shape : tuple of int
        Shape of the pictures that it has learned from, (height, width, channels).

    Attributes
    ----------
    history_ : dict of str to list of float
        Mean "loss" over every 100 steps of the pretraining. The loss is that of finding the other
        view of a picture. Without any learning it is log(2 `batch_size` - 1), 4.84 for 64.

    See Also
    --------
    pretrain : Makes one, with an example.

    Examples
    --------
    >>> from skgalaxy.networks import GalaxyZooNetwork, PretrainedNetwork
    >>> small = GalaxyZooNetwork(filters=((2,),), dense_units=3)
    >>> weights = small((8, 8, 1), dropout=0.5).get_weights()[:-2]
    >>> network = PretrainedNetwork(small, weights, (8, 8, 1))
    >>> started = network((8, 8, 1), dropout=0.5)
    >>> bool((started.get_weights()[0] == weights[0]).all())
    True
    """

    def __init__(
        self,
        network: Callable[..., keras.Model],
        weights: list[NDArray[Any]],
        image_shape: tuple[int, ...],
    ) -> None:
        self.network = network
        self.weights = weights
        self.image_shape = image_shape

    def __call__(self, image_shape: tuple[int, ...], *, dropout: float) -> keras.Model:
        if image_shape[2:] != self.image_shape[2:]:
            raise ValueError(
                f"Pictures must have {self.image_shape[-1]} channels, as those that `network` was "
                f"pretrained on. Got shape {image_shape}; pretrain it on pictures like them."
            )
        network = self.network(image_shape, dropout=dropout)
        trunk = trunk_weights(network)
        if [tuple(x.shape) for x in trunk] != [x.shape for x in self.weights]:
            raise ValueError(
                "`network` must build the layers that were pretrained. Got weights of other shapes "
                f"for pictures of shape {image_shape}; it has learned from {self.image_shape}."
            )
        for variable, values in zip(trunk, self.weights, strict=True):
            variable.assign(values)
        return network


def trunk_weights(network: keras.Model) -> list[keras.Variable]:
    """Weights of all layers but the last."""
    return [variable for layer in network.layers[:-1] for variable in layer.weights]
