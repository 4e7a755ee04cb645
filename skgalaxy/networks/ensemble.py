"""Networks that were trained apart: other weights, orders and views; each with dropout draws.

Where dropout draws networks about one set of weights, networks that were trained apart end in
different ones (deep ensembles: Lakshminarayanan et al. 2017, arXiv:1612.01474; with dropout, as
in Walmsley et al. 2022, arXiv:2102.08414). Their draws stand side by side, M x D columns, and are
just draws. A single network is an ensemble of one.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skgalaxy.networks.architecture import Architecture
from skgalaxy.networks.trained import Callbacks, History, Seeds, TrainedNetwork
from skgalaxy.networks.training_set import TrainingSet, VoteBatches

__all__ = ["Ensemble"]


class Ensemble:
    """Networks of one architecture, and the history of their training; it is never changed.

    Attributes
    ----------
    networks : list of TrainedNetwork
    history : dict of list
        Figures per epoch, the mean over networks.
    n_iter : int
        Epochs trained; 0 before any training.
    """

    def __init__(
        self, networks: Sequence[TrainedNetwork], history: History | None = None, n_iter: int = 0
    ) -> None:
        self.networks, self.history, self.n_iter = list(networks), history or {}, n_iter

    @classmethod
    def of(
        cls, architecture: Architecture, seeds: Sequence[Seeds], before: Self | None = None
    ) -> Self:
        """Networks to train: new ones, or those of `before` in a possibly other architecture.

        Raises
        ------
        ValueError
            If the architecture is not what those of `before` can go on with.
        """
        if before is None:
            return cls([TrainedNetwork(architecture, seed) for seed in seeds])
        networks = [network.with_architecture(architecture) for network in before.networks]
        return cls(networks, before.history, before.n_iter)

    @property
    def architecture(self) -> Architecture:
        """The architecture that all networks share."""
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
        """Train one network after the other, up to an interrupt.

        Parameters
        ----------
        training : TrainingSet
        validation : VoteBatches or None
        batch_size : int
        callbacks : callable
            Makes callbacks, for every network anew.
        **parameters
            As in `TrainedNetwork.train`.

        Returns
        -------
        ensemble : Ensemble or None
            With the networks that learned something. Networks after an interrupt are in it if
            they had learned something before. None if nothing was learned.
        interrupt : KeyboardInterrupt or None
        """
        trained, histories, interrupt = [], [], None
        try:
            for network in self.networks:
                batches = training.batches(batch_size, network.seeds.order + self.n_iter)
                network, history, interrupt = network.train(
                    batches, validation, callbacks=callbacks(), **parameters
                )
                if history:
                    trained.append(network)
                    histories.append(history)
                if interrupt:
                    break
        except KeyboardInterrupt as caught:  # between two trainings
            interrupt = caught
        return self._with(trained, histories), interrupt

    def _with(self, trained: list[TrainedNetwork], histories: list[History]) -> Self | None:
        """Ensemble after a training of the first few networks, or of all."""
        if not trained:
            return None
        others = self.networks[len(trained) :] if self.n_iter else []
        more = _mean(histories)
        n_more = len(more["loss"])
        history = _joined(self.history, self.n_iter, more, n_more)
        return type(self)(trained + others, history, self.n_iter + n_more)

    def has_dropout(self, n_draws: int) -> bool:
        """Whether draws from a single network differ."""
        with self.networks[0].drawn(n_draws) as drawn:
            return drawn.has_spread

    def outputs(self, images: Any, n_draws: int) -> NDArray:
        """Network outputs of all draws, float32 of shape (n_galaxies, M * n_draws, n_outputs).

        Networks of an ensemble without dropout give one draw each: more would be equal.
        """
        if len(self.networks) > 1 and not self.has_dropout(n_draws):
            n_draws = 1
        outputs = []
        for network in self.networks:
            with network.drawn(n_draws) as drawn:
                outputs.append(drawn.outputs(images))
        return np.concatenate(outputs, axis=1)

    def embed(self, images: Any, n_draws: int) -> NDArray:
        """Features of all trunks side by side, float32 of shape (n_galaxies, n_features)."""
        features = []
        for network in self.networks:
            with network.drawn(n_draws) as drawn:
                features.append(drawn.embed(images))
        return np.concatenate(features, axis=1)


def _mean(histories: Sequence[History]) -> History:
    """Mean over networks; of an epoch, over those that trained so long."""
    longest = max(len(history["loss"]) for history in histories)
    keys = dict.fromkeys(key for history in histories for key in history)
    padded = {
        key: [_padded(history[key], longest) for history in histories if key in history]
        for key in keys
    }
    return {key: np.nanmean(values, axis=0).tolist() for key, values in padded.items()}


def _padded(values: list[float], length: int) -> list[float]:
    return values + [np.nan] * (length - len(values))


def _joined(history: History, n_epochs: int, more: History, n_more: int) -> History:
    """One history after the other; NaN where a figure is missing."""
    return {
        key: history.get(key, [np.nan] * n_epochs) + more.get(key, [np.nan] * n_more)
        for key in {**history, **more}
    }
