"""Compiled models, lent to the networks of one architecture in turn.

Keras traces every new model again. That takes most of a second, and memory that it never gives
back; a grid search or a run of active learning would pay for it at every refit. Therefore networks
own only arrays, and the models that compute are kept here. There are up to three per architecture:
to train in, to draw from, and for the features of the last layer. A borrower puts its arrays in,
under a lock, and takes them out again.

The *signature* of a model is its configuration without Keras' running numbers in names, such as
the 3 of "dense_3". Two builds of one architecture have the same signature, whatever their weights.
"""

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import keras
from numpy.typing import NDArray

from skgalaxy._lru import LRU
from skgalaxy.networks._building import build_apart, refuse_in_fork
from skgalaxy.networks._stream import BatchStream
from skgalaxy.networks.dropout import DrawnNetworks
from skgalaxy.networks.features import LastFeatures
from skgalaxy.networks.training_set import VoteBatches

__all__ = [
    "get_state",
    "keep_trainer",
    "lent_draws",
    "lent_features",
    "lent_trainer",
    "put_state",
    "signature",
]

State = list[NDArray[Any]]  # values of the variables of a model, then of its optimiser
_MOST_MODELS = 48  # compiled: a committee of unlike networks, each trained and drawn from
_kept = LRU()


def get_state(model: keras.Model) -> State:
    """Values of all variables of a compiled model."""
    return [keras.ops.convert_to_numpy(variable) for variable in _variables(model)]


def put_state(state: State, model: keras.Model) -> None:
    """Give the variables of a compiled model the values of `state`."""
    _assign(state, _variables(model))


def _variables(model: keras.Model) -> list[keras.Variable]:
    # with the optimiser's: a network that goes on training keeps Adam's moments
    return [*model.variables, *model.optimizer.variables]


def _assign(state: State, variables: list[keras.Variable]) -> None:
    for variable, value in zip(variables, state, strict=True):
        variable.assign(value)


def keep_trainer(key: Hashable, model: keras.Model) -> None:
    """Keep a compiled model to train networks of `key` in, unless there is one already."""
    _lend(("train", key), lambda: Trainer(model))


@contextmanager
def lent_trainer(key: Hashable, build: Callable[[], keras.Model]) -> Iterator["Trainer"]:
    """Compiled model to train networks of `key` in; `build` makes one if none is free."""
    trainer = _lend(("train", key), lambda: Trainer(build()))
    # to wait for the lock could be to wait for ever: its holder may be this very thread
    if trainer.lock.acquire(blocking=False):
        try:
            yield trainer
        finally:
            trainer.lock.release()
    else:  # busy in another thread; or in this one, if a callback fits another estimator
        yield Trainer(build())


@contextmanager
def lent_draws(
    key: Hashable, build: Callable[[], keras.Model], n_draws: int, state: State, seed: int
) -> Iterator[DrawnNetworks]:
    """Networks drawn from the network of `key` with weights `state`, by the masks of `seed`."""
    holder = _lend(
        ("draw", key, n_draws),
        lambda: build_apart(lambda: _Holder(build(), partial(DrawnNetworks, n_draws=n_draws))),
    )
    with holder.lock:
        if not holder.holds(state, seed):
            holder.put(state)
            holder.part.draw(seed)
            holder.held = state, seed
        yield holder.part


@contextmanager
def lent_features(
    key: Hashable, build: Callable[[], keras.Model], state: State
) -> Iterator[LastFeatures]:
    """Last features of the network of `key` with weights `state`."""
    holder = _lend(("features", key), lambda: build_apart(lambda: _Holder(build(), LastFeatures)))
    with holder.lock:
        if not holder.holds(state, None):
            holder.put(state)
            holder.held = state, None
        yield holder.part


def _lend(name: Hashable, make: Callable[[], Any]) -> Any:
    """Thing kept under a name; `make` makes it if there is none."""
    refuse_in_fork()
    found = _kept.get(name)
    # made outside the cache's lock, because building a network may use a fitted one of ours
    return _kept.put(name, make(), _MOST_MODELS) if found is None else found


class Trainer:
    """A compiled model to train in, for one network at a time, and the streams that feed it."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.lock = threading.Lock()
        self._training, self._validation = BatchStream(model), BatchStream(model)

    def fit(
        self, training: VoteBatches, validation: VoteBatches | None, epochs: int, **options: Any
    ) -> None:
        """Train the model with ``keras.Model.fit`` and its other `options`."""
        # one stream for all epochs, because Keras begins each pass over data at great cost
        with (
            self._training.of(training, epochs) as batches,
            self._validation.of(validation, epochs) if validation else nullcontext() as held_out,
        ):
            self.model.fit(
                batches,
                epochs=epochs,
                steps_per_epoch=len(training),
                validation_data=held_out,
                validation_steps=len(validation) if validation else None,
                shuffle=False,  # the batches shuffle themselves, from our seed
                verbose=0,
                **options,
            )


class _Holder:
    """A model, and the part of it that computes, for one network at a time."""

    def __init__(self, model: keras.Model, part_of: Callable[[keras.Model], Any]) -> None:
        self.variables = model.variables
        self.part = part_of(model)
        self.lock = threading.Lock()
        self.held: tuple[State | None, int | None] = None, None

    def holds(self, state: State, seed: int | None) -> bool:
        """True if `state` and the masks of `seed` are in already."""
        # `is` is enough, and quick: a state is never changed in place
        return self.held[0] is state and self.held[1] == seed

    def put(self, state: State) -> None:
        """Put in the weights of `state`."""
        self.held = None, None  # Ctrl-C may come in the middle of the next line
        _assign(state[: len(self.variables)], self.variables)  # without the optimiser's


def signature(model: keras.Model) -> Hashable:
    """Key that models of the same architecture and loss share.

    It consists of the configuration and of the classes of the layers and of the likelihood. Some
    models cannot be compared this way, for example if you wrote a layer without ``get_config`` or
    a function as activation. Each of these gets a key of its own.
    """
    try:
        config = model.get_config()
        text = json.dumps(_numbered(config, {}), sort_keys=True)
    except (NotImplementedError, TypeError, ValueError):  # no get_config, or not JSON
        return uuid.uuid4().hex
    # Keras stores a function by its name, and two functions may have the same
    if _holds_function(config):
        return uuid.uuid4().hex
    digest = hashlib.sha256(text.encode()).hexdigest()
    loss = getattr(model, "loss", None)
    # classes themselves, not their names: in a notebook a class may be defined again
    return digest, frozenset(_classes(model)), type(loss), getattr(loss, "model", None)


def _numbered(config: Any, numbers: dict[str, str]) -> Any:
    """Replace names of layers by numbers in order of appearance; other texts stay."""

    def number(name: str) -> str:
        return numbers.setdefault(name, f"#{len(numbers)}")

    if isinstance(config, dict):
        # a "name" may also be a layer's own parameter: replaced only where Keras puts its names
        is_layer = "layers" in config or "batch_shape" in config or "trainable" in config
        is_entry = "inbound_nodes" in config or "class_name" in config
        return {
            key: number(value)
            if key == "name" and isinstance(value, str) and (is_layer or is_entry)
            else _numbered(value, numbers)
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        if [type(item) for item in config] == [str, int, int]:  # a tensor: layer, call, output
            return [number(config[0]), *config[1:]]
        return [_numbered(item, numbers) for item in config]
    return config


def _holds_function(config: Any) -> bool:
    """True if the configuration holds a function that is not Keras' own."""
    if isinstance(config, dict):
        name = config.get("class_name")
        own = str(config.get("module") or "").startswith("keras")
        if name in ("function", "__lambda__") and not own:
            return True
        return any(_holds_function(value) for value in config.values())
    if isinstance(config, list | tuple):
        return any(_holds_function(item) for item in config)
    return False


def _classes(model: keras.Model) -> Iterator[type]:
    """Classes of the layers and operations of a model and of its nested models."""
    # a functional model has operations that are no layers, for example `x + y`
    for operation in getattr(model, "operations", model.layers):
        yield type(operation)
        if isinstance(operation, keras.Model):
            yield from _classes(operation)
