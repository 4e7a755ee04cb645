"""A network as arrays, to train, to train further and to draw from.

The arrays hold weights, seeds of random layers and moments of the optimiser. A network has no
Keras model of its own: it borrows a compiled one to compute (`skgalaxy.networks._lending`).
"""

from collections.abc import Hashable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Self

import keras
import numpy as np

from skgalaxy._validation import check_seed
from skgalaxy.networks._identity import Identity
from skgalaxy.networks._lending import (
    State,
    get_state,
    keep_trainer,
    lent_draws,
    lent_features,
    lent_trainer,
    put_state,
    signature,
)
from skgalaxy.networks.architecture import Architecture
from skgalaxy.networks.dropout import DrawnNetworks
from skgalaxy.networks.features import LastFeatures
from skgalaxy.networks.last_layer import LastLayer
from skgalaxy.networks.training_set import VoteBatches

__all__ = [
    "Seeds",
    "TrainedNetwork",
    "Training",
    "check_callbacks",
    "refuse_to_watch",
]

History = dict[str, list[float]]
Callbacks = list[keras.callbacks.Callback]


class Seeds(NamedTuple):
    """Seeds of one network."""

    weights: int  # and random views
    masks: int  # of dropout at prediction
    order: int  # of batches; the first network's also splits off the images held out

    @classmethod
    def draw(cls, random_state: Any, n_networks: int) -> list[Self]:
        """Seeds of each network of an ensemble."""
        size = n_networks, len(cls._fields)
        seeds = check_seed(random_state).randint(np.iinfo(np.int32).max, size=size)
        return [cls(*row) for row in seeds.tolist()]


class Training(NamedTuple):
    """Result of a training."""

    network: "TrainedNetwork"
    history: History  # figures per epoch; empty if none was finished, then `network` is unchanged
    interrupt: KeyboardInterrupt | None  # Ctrl-C, if it came


class TrainedNetwork:
    """A network as arrays, which never change: training gives you another network.

    Parameters
    ----------
    architecture : Architecture
    seeds : Seeds
    state : list of ndarray, default=None
        Values of the variables of the model and of its optimiser. None builds a network before
        any training.

    Attributes
    ----------
    last_layer : list of LastLayer or None
        Posterior of the last layer's weights, one for each question; None if it is not known.
    """

    def __init__(
        self, architecture: Architecture, seeds: Seeds, state: State | None = None
    ) -> None:
        self.last_layer: list[LastLayer] | None = None
        self.architecture: Architecture = architecture
        self.seeds: Seeds = seeds
        self._key: Hashable | None = None
        self._identity: Identity | None = None  # once it is saved or loaded
        self.state: State = self._build_trainer() if state is None else state

    def __getstate__(self) -> dict[str, Any]:
        # a key is good for one process: it may hold a class of a notebook, or a random number
        return {**vars(self), "_key": None, "_identity": self.identity}

    def saved(self) -> dict[str, Any]:
        """Seeds, values and identity, as plain values and arrays."""
        return {
            "seeds": self.seeds._asdict(),
            "variables": self.state,
            "identity": self.identity._asdict(),
            "last_layer": self.last_layer and [one._asdict() for one in self.last_layer],
        }

    @classmethod
    def restored(
        cls,
        architecture: Architecture,
        *,
        seeds: dict[str, int],
        variables: State,
        identity: dict[str, Any],
        last_layer: list[dict[str, Any]] | None,
    ) -> Self:
        """Network that `saved` described."""
        network = cls(architecture, Seeds(**seeds), variables)
        network.last_layer = [LastLayer(**one) for one in last_layer] if last_layer else None
        network._identity = Identity(**identity)
        if [list(x.shape) for x in variables] != [shape for _, shape in identity["variables"]]:
            raise ValueError(
                "The arrays of a saved network must have the shapes of its variables. Got others: "
                "the file was changed by hand."
            )
        return network

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # it never changes

    @property
    def identity(self) -> Identity:
        """Identity of this network, to be kept with its arrays."""
        if self._identity is None:
            with lent_trainer(self._signature, self._build) as trainer:
                put_state(self.state, trainer.model)
                self._identity = Identity.of(trainer.model, self.architecture.image)
        return self._identity

    def check(self) -> None:
        """Raise ValueError if this network was loaded, and its code now builds another one."""
        # with a key it was built in this process; an old pickle has no identity
        if self._key is not None or self._identity is None:
            return
        image = self.architecture.image
        with lent_trainer(self._signature, self._build) as trainer:
            found = self._identity.changes(trainer.model)
            if not found:
                put_state(self.state, trainer.model)
                if self._identity.computes_otherwise(trainer.model, image):
                    found = ["its layers are the same, but compute something else"]
        if found:
            was, now = self._identity.keras_version, keras.__version__
            versions = f" (Keras {was} trained it, and this is {now})" if was != now else ""
            raise ValueError(
                "The network of a saved model must be built as it was when it was trained. Got "
                f"other code of {_name_of(self.architecture.network)}: {', '.join(found)}"
                f"{versions}; restore that code, or fit again."
            )

    def _build(self) -> keras.Model:
        return self.architecture.build(self.seeds.weights)

    def _build_trainer(self) -> State:
        """Build the model, note its key, keep the model to train in, and return its state."""
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
        """Same network with other values."""
        other = TrainedNetwork(self.architecture, self.seeds, state)
        other._key = self._signature
        return other

    def with_architecture(self, architecture: Architecture) -> "TrainedNetwork":
        """Same values in another architecture, to go on training with it.

        Raises
        ------
        ValueError
            If the variables of the two have different shapes.
        """
        other = TrainedNetwork(architecture, self.seeds)
        if [x.shape for x in other.state] != [x.shape for x in self.state]:
            raise ValueError(
                "`warm_start` and `partial_fit` must go on with the same network. Got parameters "
                "that change the shapes of its weights; use `fit` with `warm_start=False`."
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
        """Train for some epochs on `batches`.

        Ctrl-C is returned, not raised, so that you can keep the epochs finished before it.

        Raises
        ------
        ValueError
            If the loss is not finite.
        """
        recorded, interrupt = keras.callbacks.History(), None
        with lent_trainer(self._signature, self._build) as trainer:
            model = trainer.model
            put_state(self.state, model)
            model.optimizer.learning_rate = learning_rate  # the last borrower's may differ
            try:
                trainer.fit(batches, validation, epochs, callbacks=[*callbacks, recorded])
            except KeyboardInterrupt as caught:
                interrupt = caught
            history = recorded.history
            # before the first epoch ends there is nothing to keep
            network = self._with_state(get_state(model)) if history else self
        if history and not np.isfinite(history["loss"][-1]):
            raise ValueError(
                f"Training diverged: the loss is {history['loss'][-1]} after "
                f"{len(history['loss'])} epochs. Lower `learning_rate`."
            ) from interrupt
        return Training(network, history, interrupt)

    def drawn(self, n_draws: int) -> AbstractContextManager[DrawnNetworks]:
        """Networks drawn from this one by dropout, to use in a ``with`` statement."""
        return lent_draws(self._signature, self._build, n_draws, self.state, self.seeds.masks)

    def last_features(self) -> AbstractContextManager[LastFeatures]:
        """Features that the last layer is given, to use in a ``with`` statement."""
        return lent_features(self._signature, self._build, self.state)

    def with_last_layer(self, last_layer: list[LastLayer] | None) -> "TrainedNetwork":
        """Same network with another posterior of its last layer."""
        # not `copy.copy`, which goes by way of __getstate__ and so forgets the key
        other = TrainedNetwork(self.architecture, self.seeds, self.state)
        other._key, other._identity, other.last_layer = self._key, self._identity, last_layer
        return other

    def to_keras(self) -> keras.Model:
        """New compiled Keras model with the values of this network."""
        model = self._build()
        put_state(self.state, model)
        return model


def _name_of(network: Any) -> str:
    """Name of a function, a class or an object, as you would look for its code."""
    named = network if hasattr(network, "__qualname__") else type(network)
    return f"{named.__module__}.{named.__qualname__}"


def check_callbacks(callbacks: Any) -> None:
    """Raise TypeError unless `callbacks` is None or a sequence of Keras callbacks."""
    is_sequence = isinstance(callbacks, list | tuple)
    if callbacks is not None and not (
        is_sequence and all(isinstance(item, keras.callbacks.Callback) for item in callbacks)
    ):
        raise TypeError(
            f"`callbacks` must be None or a list of keras.callbacks.Callback. Got {callbacks!r}."
        )


def refuse_to_watch(callbacks: Any) -> None:
    """Raise ValueError if a callback waits for "val_loss", which nothing computes."""
    for callback in callbacks or []:
        watched = getattr(callback, "monitor", None)
        # this one has a default that it does not use
        idle = isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_best_only
        if isinstance(watched, str) and watched.startswith("val_") and not idle:
            raise ValueError(
                f"`callbacks` must watch what `fit` computes. Got {type(callback).__name__}"
                f"(monitor={watched!r}); set `validation_fraction`, for example to 0.1, give "
                "`validation_data` to `fit`, or use monitor='loss'."
            )
