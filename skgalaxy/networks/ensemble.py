"""Several networks, each trained on its own and each with dropout draws.

Dropout draws networks close to one set of weights. Networks that were trained apart, from
different weights and in different orders, end far from each other (deep ensembles:
Lakshminarayanan et al. 2017, arXiv:1612.01474; with dropout Walmsley et al. 2022,
arXiv:2102.08414). M networks with D draws each give M x D draws, side by side. A single network is
an ensemble of one.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skgalaxy.networks.architecture import Architecture
from skgalaxy.networks.posteriors import POSTERIORS, find_last_layer
from skgalaxy.networks.rows import ImageSpec
from skgalaxy.networks.trained import Callbacks, History, Seeds, TrainedNetwork
from skgalaxy.networks.training_set import TrainingSet, VoteBatches

__all__ = ["Ensemble"]


class Ensemble:
    """Networks of one architecture, and the history of their training.

    It never changes: `train` gives you another ensemble.

    Attributes
    ----------
    networks : list of TrainedNetwork
    history : dict of list
        Figures per epoch, for example "loss"; each is the mean over networks.
    n_iter : int
        Number of epochs trained; 0 before any training.
    """

    def __init__(
        self, networks: Sequence[TrainedNetwork], history: History | None = None, n_iter: int = 0
    ) -> None:
        self.networks: list[TrainedNetwork] = list(networks)
        self.history: History = history or {}
        self.n_iter: int = n_iter

    @classmethod
    def of(
        cls, architecture: Architecture, seeds: Sequence[Seeds], before: Self | None = None
    ) -> Self:
        """Networks to train: new ones, or those of `before` with its training to go on.

        Raises
        ------
        ValueError
            If the weights of `before` do not fit `architecture`.
        """
        if before is None:
            return cls([TrainedNetwork(architecture, seed) for seed in seeds])
        networks = [network.with_architecture(architecture) for network in before.networks]
        return cls(networks, before.history, before.n_iter)

    def saved(self) -> dict[str, Any]:
        """All of it as plain values and arrays, and the network's recipe."""
        image = self.architecture.image._asdict()
        return {
            "architecture": {**self.architecture._asdict(), "image": image},
            "networks": [network.saved() for network in self.networks],
            "history": self.history,
            "n_iter": self.n_iter,
        }

    @classmethod
    def restored(
        cls,
        *,
        architecture: dict[str, Any],
        networks: Sequence[dict[str, Any]],
        history: History,
        n_iter: int,
    ) -> Self:
        """Ensemble that `saved` described."""
        image = ImageSpec(**architecture["image"])
        recipe = Architecture(**{**architecture, "image": image})
        return cls([TrainedNetwork.restored(recipe, **one) for one in networks], history, n_iter)

    def check(self) -> None:
        """Raise ValueError if it was loaded, and the code of its network has changed."""
        self.networks[0].check()  # all have one architecture

    @property
    def architecture(self) -> Architecture:
        """Architecture of all networks."""
        return self.networks[0].architecture

    @property
    def seeds(self) -> list[Seeds]:
        """Seeds of every network."""
        return [network.seeds for network in self.networks]

    def train(
        self,
        training: TrainingSet,
        validation: VoteBatches | None,
        *,
        batch_size: int,
        callbacks: Callable[[], Callbacks],
        **parameters: Any,
    ) -> tuple[Self | None, KeyboardInterrupt | None]:
        """Train one network after the other.

        Parameters
        ----------
        training : TrainingSet
        validation : VoteBatches or None
            Images to compute "val_loss" on.
        batch_size : int
        callbacks : callable
            ``callbacks()`` returns new Keras callbacks; it is called for every network.
        **parameters
            Parameters of `TrainedNetwork.train`, for example ``epochs=10``.

        Returns
        -------
        ensemble : Ensemble or None
            All networks that are trained, by this call or an earlier one. Training stops at
            Ctrl-C, and networks that never finished an epoch are left out. None if this call
            finished no epoch.
        interrupt : KeyboardInterrupt or None
            Ctrl-C, for you to raise again.
        """
        trained, histories, interrupt = [], [], None
        try:
            for network in self.networks:
                # + n_iter: with warm_start a later fit has other orders than the first
                batches = training.batches(batch_size, network.seeds.order + self.n_iter)
                network, history, interrupt = network.train(
                    batches, validation, callbacks=callbacks(), **parameters
                )
                if history:
                    trained.append(network)
                    histories.append(history)
                if interrupt:
                    break
        except KeyboardInterrupt as caught:  # between two trainings, which catch it themselves
            interrupt = caught
        return self._with(trained, histories), interrupt

    def _with(self, trained: list[TrainedNetwork], histories: list[History]) -> Self | None:
        """Ensemble after training the first few networks, or all; None after training none."""
        if not trained:
            return None
        # the rest have learned something only if they were trained before
        others = self.networks[len(trained) :] if self.n_iter else []
        more = _mean(histories)
        n_more = len(more["loss"])
        history = _joined(self.history, self.n_iter, more, n_more)
        return type(self)(trained + others, history, self.n_iter + n_more)

    def draws_differ(self, n_draws: int, posterior: str) -> bool:
        """True if the posterior has spread."""
        # last layers always differ, and several networks do without dropout
        return posterior != "dropout" or len(self.networks) > 1 or self._has_dropout(n_draws)

    def _has_dropout(self, n_draws: int) -> bool:
        """True if dropout draws from a single network differ."""
        with self.networks[0].drawn(n_draws) as drawn:
            return drawn.has_spread

    def noisy_layers(self, n_draws: int) -> list[str]:
        """Names of layers that hide dropout, or other noise, from draws."""
        with self.networks[0].drawn(n_draws) as drawn:
            return drawn.noisy_layers

    def with_last_layers(self, training: TrainingSet) -> Self:
        """Same networks, with the posteriors of their last layers after `training`."""
        networks = [
            network.with_last_layer(find_last_layer(network, training)) for network in self.networks
        ]
        return type(self)(networks, self.history, self.n_iter)

    def outputs(
        self, images: Any, n_draws: int, posterior: str = "dropout", n_views: int = 1
    ) -> NDArray[np.floating]:
        """Network outputs of all draws, shape (n_galaxies, M * n_draws, n_outputs).

        In an ensemble without dropout each network gives one draw by dropout.
        """
        # without dropout all draws of one network are equal
        if posterior == "dropout" and len(self.networks) > 1 and not self._has_dropout(n_draws):
            n_draws = 1
        draw = POSTERIORS[posterior]
        outputs = [draw(network, images, n_draws, n_views) for network in self.networks]
        return np.concatenate(outputs, axis=1)

    def embed(self, images: Any, n_draws: int) -> NDArray[np.float32]:
        """Features of all networks side by side, shape (n_galaxies, n_features).

        They are the input of the first dropout layer or, without dropout, of the last layer.

        Raises
        ------
        ValueError
            If the networks have no dropout, and their last layer is not dense.
        """
        return np.concatenate([_embed(one, images, n_draws) for one in self.networks], axis=1)


def _embed(network: TrainedNetwork, images: Any, n_draws: int) -> NDArray[np.float32]:
    with network.drawn(n_draws) as drawn:
        if drawn.has_spread:
            return drawn.embed(images)
    with network.last_features() as last:
        if last.n_features is None:
            raise ValueError(
                "`network` must use `dropout`, or end in a keras.layers.Dense, for its features. "
                "Got neither; put a keras.layers.Dropout in it, and set `dropout` > 0."
            )
        return last.of(images)[0]


def _mean(histories: Sequence[History]) -> History:
    """Mean over networks of every figure."""
    # a callback may stop one network early: a late epoch is the mean over those that reached it
    longest = max(len(history["loss"]) for history in histories)
    keys = dict.fromkeys(key for history in histories for key in history)
    padded = {
        key: [_padded(history[key], longest) for history in histories if key in history]
        for key in keys
    }
    return {key: np.nanmean(values, axis=0).tolist() for key, values in padded.items()}


def _padded(values: list[float], length: int) -> list[float]:
    """Append NaN up to a length."""
    return values + [np.nan] * (length - len(values))


def _joined(history: History, n_epochs: int, more: History, n_more: int) -> History:
    """Join two histories; NaN stands for figures that only one of them has, such as "val_loss"."""
    return {
        key: history.get(key, [np.nan] * n_epochs) + more.get(key, [np.nan] * n_more)
        for key in {**history, **more}
    }
