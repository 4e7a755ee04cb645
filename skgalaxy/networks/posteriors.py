"""Draws of networks: by dropout, or by the weights of a last layer.

Both give you D networks that are the same for all galaxies, as their outputs of shape (n_galaxies,
D, P). Outputs are means over views of every image (`skgalaxy.networks.views`), draw by draw, so
that a draw is still one network.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skgalaxy._pools import take
from skgalaxy.likelihoods import Likelihood
from skgalaxy.likelihoods.base import row_blocks
from skgalaxy.likelihoods.named import TreeModel, VoteModel
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
    # outputs are linear in features: those of the mean features are the mean outputs over views
    with network.last_features() as last:
        parts = [last.of(view) for view in _views_of_rows(X, network.architecture.image, n_views)]
    features, fixed = (np.mean(part, axis=0) for part in zip(*parts, strict=True))
    masks = network.seeds.masks
    drawn = [  # each question's weights are drawn apart
        layer.logits(features, n_draws, [masks, number] if number else masks)
        for number, layer in enumerate(network.last_layer)
    ]
    logits = np.concatenate(drawn, axis=-1)
    # the other outputs, for example the logarithm of a concentration, stay as they are
    n_logits = logits.shape[-1]
    others = np.broadcast_to(
        fixed[:, None, n_logits:], (*logits.shape[:2], fixed.shape[1] - n_logits)
    )
    return np.concatenate([logits, others], axis=-1)


# how networks are drawn from a trained one, by the estimator's `posterior`
POSTERIORS = {"dropout": dropout_outputs, "last_layer": last_layer_outputs}


def _has_slope(votes: VoteModel) -> bool:
    """True if a likelihood has the derivatives that a last layer needs."""
    return isinstance(votes, TreeModel) or votes.slope is not Likelihood.slope


def check_last_layer(network: TrainedNetwork, training: TrainingSet) -> None:
    """Raise ValueError unless this network, trained on these galaxies, has such a posterior."""
    if not _has_slope(network.architecture.votes):
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
    n_galaxies = max(int((votes > 0).sum()) for votes in _votes_by_question(network, training))
    if n_galaxies < LEAST_GALAXIES:
        one = "one question of " if isinstance(network.architecture.votes, TreeModel) else ""
        raise ValueError(
            f"`posterior` 'last_layer' needs votes on {one}at least {LEAST_GALAXIES} galaxies, to "
            f"find its prior. Got {n_galaxies}; use posterior='dropout'."
        )


def _votes_by_question(network: TrainedNetwork, training: TrainingSet) -> list[NDArray[Any]]:
    """N of every question."""
    votes = network.architecture.votes
    if not isinstance(votes, TreeModel):
        return [training.votes[:, 1]]
    return [training.votes[:, here].sum(axis=1) for _, here, _ in votes.columns()]


def find_last_layer(network: TrainedNetwork, training: TrainingSet) -> list[LastLayer] | None:
    """Posterior of the last layer after `training`, one per question; None where there is none."""
    votes = network.architecture.votes
    if len(training) < LEAST_GALAXIES or not _has_slope(votes):
        return None
    with network.last_features() as last:
        if last.n_features is None:
            return None
        chunks = [
            last.of(take(training.X, training.rows[chunk]))
            for chunk in row_blocks(len(training), _CHUNK)
        ]
    features, fixed = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    questions = list(_questions(votes, training.votes.astype(np.float64), fixed))
    weight = training.votes[:, -1].astype(np.float64)
    layers = [
        LastLayer.of(features, *question, weight) if question.tells_its_prior else None
        for question in questions
    ]
    known = [layer.prior_precision for layer in layers if layer]
    if not known:
        return None
    # a question that hardly anyone was asked has the prior that the others have in the median
    prior = float(np.median(known))
    return [
        layer or _by_prior(features, question, weight, prior)
        for layer, question in zip(layers, questions, strict=True)
    ]


def _by_prior(
    features: NDArray[Any], question: "_Question", weight: NDArray[Any], prior: float
) -> LastLayer:
    """Last layer of a question of few votes, given its prior; NaN if there is none."""
    found = LastLayer.of(features, *question, weight, prior_precision=prior)
    return (
        found if question.n_votes.any() else found._replace(mean=np.full_like(found.mean, np.nan))
    )


class _Question(NamedTuple):
    """Votes on one question, and their likelihood given the outputs of the last layer."""

    votes: NDArray[np.float64]  # k, or counts of all answers
    n_votes: NDArray[np.float64]
    likelihood_of: Callable[[NDArray[np.float64]], Likelihood]

    @property
    def tells_its_prior(self) -> bool:
        """True if enough galaxies have votes to find the prior of the weights."""
        return int((self.n_votes > 0).sum()) >= LEAST_GALAXIES


def _questions(
    votes: VoteModel, counts: NDArray[np.float64], fixed: NDArray[np.floating]
) -> Iterator[_Question]:
    """Yield the questions of a model. `fixed` are the outputs of the network as it was trained."""
    if not isinstance(votes, TreeModel):
        yield _Question(counts[:, 0], counts[:, 1], partial(_likelihood_of, votes, fixed[:, 1:]))
        return
    for _, here, outputs in votes.columns():
        n_own = here.stop - here.start - 1
        asked = counts[:, here].sum(axis=1)
        others = fixed[asked > 0][:, outputs[n_own:]]  # of the galaxies that a regression is given
        yield _Question(counts[:, here], asked, partial(_likelihood_of, votes.of_answers, others))


def _likelihood_of(
    of: type[Likelihood], others: NDArray[np.floating], logits: NDArray[np.float64]
) -> Likelihood:
    """Likelihood of outputs of a last layer, one draw per galaxy, beside other outputs."""
    return of.from_outputs(np.column_stack([logits, others])[:, None])
