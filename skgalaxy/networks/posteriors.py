"""Draws of networks: by dropout, or by the weights of a last layer.

Both give you D networks that are the same for all galaxies, as their outputs of shape (n_galaxies,
D, P). Outputs are means over views of every image (`skgalaxy.networks.views`), draw by draw, so
that a draw is still one network.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgalaxy._pools import take
from skgalaxy.likelihoods import LIKELIHOODS, Likelihood
from skgalaxy.likelihoods.base import row_blocks
from skgalaxy.networks.last_layer import LEAST_GALAXIES, LastLayer
from skgalaxy.networks.rows import ImageSpec
from skgalaxy.networks.trained import TrainedNetwork
from skgalaxy.networks.training_set import TrainingSet
from skgalaxy.networks.views import views

__all__ = ["POSTERIORS", "check_last_layer", "find_last_layer"]

_CHUNK = 512  # training images read at once


def _views_of_rows(X: Any, image: ImageSpec, n_views: int) -> Iterator[Any]:
    """Views of all rows of X, which may be flat, in the shape of the rows."""
    if n_views == 1:
        yield X
        return
    for view in views(np.reshape(X, (-1, *image.image_shape)), n_views):
        yield view.reshape(-1, *image.shape)


def dropout_outputs(
    network: TrainedNetwork, X: Any, n_draws: int, n_views: int
) -> NDArray[np.floating]:
    """Outputs of networks drawn by dropout, shape (n_galaxies, n_draws, P)."""
    image = network.architecture.image
    with network.drawn(n_draws) as drawn:
        outputs = [drawn.outputs(view) for view in _views_of_rows(X, image, n_views)]
    return outputs[0] if n_views == 1 else np.asarray(np.mean(outputs, axis=0))


def last_layer_outputs(
    network: TrainedNetwork, X: Any, n_draws: int, n_views: int
) -> NDArray[np.floating]:
    """Outputs of one network with last layers drawn from their posterior.

    Raises
    ------
    ValueError
        If the network has none.
    """
    if network.last_layer is None:
        raise ValueError(
            "`posterior` 'last_layer' needs a network that `fit` trained last, on at least "
            f"{LEAST_GALAXIES} galaxies with votes, and whose last layer is a "
            "keras.layers.Dense. Got one that was trained otherwise, for example by "
            "`partial_fit`; use `fit`, or posterior='dropout'."
        )
    # logits are linear in features: those of the mean features are the mean logits over views
    with network.last_features() as last:
        parts = [last.of(view) for view in _views_of_rows(X, network.architecture.image, n_views)]
    features, fixed = (np.mean(part, axis=0) for part in zip(*parts, strict=True))
    logits = network.last_layer.logits(features, n_draws, network.seeds.masks)
    # the other outputs, for example the logarithm of a concentration, stay as they are
    others = np.broadcast_to(fixed[:, None, 1:], (*logits.shape, fixed.shape[1] - 1))
    return np.concatenate([logits[..., None], others], axis=-1)


# how networks are drawn from a trained one, by the estimator's `posterior`
POSTERIORS = {"dropout": dropout_outputs, "last_layer": last_layer_outputs}


def _has_slope(likelihood: type[Likelihood]) -> bool:
    """True if a likelihood has the derivatives that a last layer needs."""
    return likelihood.slope is not Likelihood.slope


def check_last_layer(network: TrainedNetwork, n_galaxies: int) -> None:
    """Raise ValueError unless this network, trained on so many galaxies, has such a posterior."""
    if not _has_slope(LIKELIHOODS[network.architecture.likelihood]):
        raise ValueError(
            "`posterior` 'last_layer' needs a likelihood with a `slope`. Got "
            f"likelihood={network.architecture.likelihood!r}, which has none; use "
            "posterior='dropout'."
        )
    with network.last_features() as last:
        is_dense = last.n_features is not None
    if not is_dense:
        raise ValueError(
            "`posterior` 'last_layer' needs a network that ends in a keras.layers.Dense. Got one "
            "that ends in another layer; let it end in Dense(1), or use posterior='dropout'."
        )
    if n_galaxies < LEAST_GALAXIES:
        raise ValueError(
            f"`posterior` 'last_layer' needs votes on at least {LEAST_GALAXIES} galaxies, to find "
            f"its prior. Got {n_galaxies}; use posterior='dropout'."
        )


def find_last_layer(network: TrainedNetwork, training: TrainingSet) -> LastLayer | None:
    """Posterior of the last layer after `training`; None where there can be none."""
    likelihood = LIKELIHOODS[network.architecture.likelihood]
    if len(training) < LEAST_GALAXIES or not _has_slope(likelihood):
        return None
    with network.last_features() as last:
        if last.n_features is None:
            return None
        chunks = [
            last.of(take(training.X, training.rows[chunk]))
            for chunk in row_blocks(len(training), _CHUNK)
        ]
    features, fixed = (np.concatenate(parts) for parts in zip(*chunks, strict=True))

    def likelihood_of(logits: NDArray[np.float64]) -> Likelihood:
        return likelihood.from_outputs(np.column_stack([logits, fixed[:, 1:]])[:, None])

    votes, n_votes, weight = training.votes.T.astype(np.float64)
    return LastLayer.of(features, votes, n_votes, likelihood_of, weight)
