"""A trained network as arrays: it trains, goes on training, and gives draws.

The arrays are its weights, its random layers' seeds and its optimiser's moments. It has no Keras
model of its own: it borrows a compiled one whenever it computes (`skgalaxy.networks._lending`).
"""

import math
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Self

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skgalaxy.networks._lending import (
    State,
    get_state,
    keep_trainer,
    lent_draws,
    lent_trainer,
    put_state,
    signature,
)
from skgalaxy.networks.architecture import Architecture
from skgalaxy.networks.dropout import DrawnNetworks
from skgalaxy.networks.training_set import VoteBatches

__all__ = [
    "SCHEDULES",
    "Seeds",
    "TrainedNetwork",
    "Training",
    "check_callbacks",
    "schedule_callbacks",
]

History = dict[str, list[float]]
Callbacks = list[keras.callbacks.Callback]


class Seeds(NamedTuple):
    """Seeds of a network's weights and views, of its dropout masks, and of the order of batches."""

    weights: int
    masks: int
    order: int

    @classmethod
    def draw(cls, random_state: Any, n_networks: int) -> list[Self]:
        """Seeds of each network of an ensemble."""
        size = n_networks, len(cls._fields)
        seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=size)
        return [cls(*row) for row in seeds.tolist()]


class Training(NamedTuple):
    """The end of a training: the network, figures per epoch, and Ctrl-C if it came."""

    network: "TrainedNetwork"
    history: History  # empty if no epoch was finished; then the network is as it was
    interrupt: KeyboardInterrupt | None


class TrainedNetwork:
    """A network as arrays.

    Parameters
    ----------
    architecture : Architecture
    seeds : Seeds
    state : list of ndarray, default=None
        Values of all variables and of the optimiser's. They are never changed in place. None is
        the network as it is built, before any training.
    """

    def __init__(
        self, architecture: Architecture, seeds: Seeds, state: State | None = None
    ) -> None:
        self.architecture, self.seeds = architecture, seeds
        self._key = None
        self.state = self._build_trainer() if state is None else state

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_key": None}  # the key is of this process

    def _build(self) -> keras.Model:
        return self.architecture.build(self.seeds.weights)

    def _build_trainer(self) -> State:
        """Build the model, note its key, and keep it to train in; its state is returned."""
        model = self._build()
        self._key = signature(model)
        state = get_state(model)
        keep_trainer(self._key, model)
        return state

    @property
    def _signature(self) -> Hashable:
        if self._key is None:
            self._build_trainer()
        return self._key

    def _with_state(self, state: State) -> "TrainedNetwork":
        """Give the network other values."""
        other = TrainedNetwork(self.architecture, self.seeds, state)
        other._key = self._signature
        return other

    def with_architecture(self, architecture: Architecture) -> "TrainedNetwork":
        """Put the present values in another architecture, to go on training with it.

        Raises
        ------
        ValueError
            If it has other variables.
        """
        other = TrainedNetwork(architecture, self.seeds)
        if [x.shape for x in other.state] != [x.shape for x in self.state]:
            raise ValueError(
                "`warm_start` and `partial_fit` must go on with the same network. Got parameters "
                "that build one of other weights; use `fit` with `warm_start=False`."
            )
        return other._with_state(self.state)

    def train(
        self,
        batches: VoteBatches,
        validation: VoteBatches | None,
        *,
        epochs: int,
        learning_rate: float,
        callbacks: Callbacks,
    ) -> Training:
        """Train for some passes over `batches`; this network stays as it is.

        An interrupt comes back instead of being raised, so that the caller can keep the epochs
        that were finished before it.

        Raises
        ------
        ValueError
            If the loss is not finite.
        """
        recorded, interrupt = keras.callbacks.History(), None
        with lent_trainer(self._signature, self._build) as model:
            put_state(self.state, model)
            model.optimizer.learning_rate = learning_rate
            try:
                model.fit(
                    _passes(batches, epochs),
                    epochs=epochs,
                    steps_per_epoch=len(batches),
                    callbacks=[*callbacks, recorded],
                    validation_data=validation,
                    shuffle=False,
                    verbose=0,
                )
            except KeyboardInterrupt as caught:
                interrupt = caught
            history = recorded.history
            network = self._with_state(get_state(model)) if history else self
        if history and not np.isfinite(history["loss"][-1]):
            raise ValueError(
                f"Training diverged: the loss is {history['loss'][-1]} after "
                f"{len(history['loss'])} epochs. Lower `learning_rate`."
            ) from interrupt
        return Training(network, history, interrupt)

    def drawn(self, n_draws: int) -> AbstractContextManager[DrawnNetworks]:
        """Networks drawn from this one by dropout, for use in a ``with`` statement."""
        return lent_draws(self._signature, self._build, n_draws, self.state, self.seeds.masks)

    def to_keras(self) -> keras.Model:
        """Compiled Keras model of its own, with the values of this network."""
        model = self._build()
        put_state(self.state, model)
        return model


def _passes(batches: VoteBatches, epochs: int) -> Iterator[tuple[NDArray, ...]]:
    """Batches of all passes: Keras begins each pass over a PyDataset at great cost."""
    for _ in range(epochs):
        batches.on_epoch_end()  # another order
        yield from (batches[index] for index in range(len(batches)))


SCHEDULES = {"cosine": lambda done: (1 + math.cos(math.pi * done)) / 2}


def schedule_callbacks(schedule: str, start: float, epochs: int) -> Callbacks:
    """Callbacks that change the learning rate from `start`; none for a constant one."""
    if schedule == "constant":
        return []
    course = SCHEDULES[schedule]
    return [keras.callbacks.LearningRateScheduler(lambda epoch, _: start * course(epoch / epochs))]


def check_callbacks(callbacks: Any) -> None:
    """Raise TypeError unless `callbacks` is None or a sequence of Keras callbacks."""
    is_sequence = isinstance(callbacks, list | tuple)
    if callbacks is not None and not (
        is_sequence and all(isinstance(item, keras.callbacks.Callback) for item in callbacks)
    ):
        raise TypeError(
            f"`callbacks` must be None or a list of keras.callbacks.Callback. Got {callbacks!r}."
        )
