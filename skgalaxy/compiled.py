"""Trained networks as plain arrays, and the compiled models that are lent to compute with them.

Keras traces every new model again, which takes most of a second and memory that it never gives
back; grid searches and rounds of active learning would pay it for every refit. So a
`TrainedNetwork` owns arrays only (weights, seeds, the optimiser's moments) and knows how to build
its model. The models that compute are kept here, one for training and one for sampling per
architecture. Whoever uses one puts its arrays in, under a lock, and takes them out again.

The *signature* of a model is its configuration without Keras' running names: two builds of one
architecture share it, whatever their weights.
"""

import hashlib
import json
import math
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import keras

from skgalaxy.sampling import DrawnNetworks

__all__ = ["SCHEDULES", "TrainedNetwork", "check_callbacks", "learning_rates", "signature"]

_KEPT = 8  # compiled models: a search over two networks and four numbers of draws
_kept = OrderedDict()
_kept_lock = threading.Lock()


SCHEDULES = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
}


def learning_rates(schedule, start, epochs):
    """Return the learning rate as a function of the epoch, as Keras' scheduler calls it."""
    return lambda epoch, rate: start * SCHEDULES[schedule](epoch / epochs)


def check_callbacks(callbacks):
    """Raise TypeError unless `callbacks` is None or a sequence of Keras callbacks."""
    is_sequence = isinstance(callbacks, list | tuple)
    if callbacks is not None and not (
        is_sequence and all(isinstance(item, keras.callbacks.Callback) for item in callbacks)
    ):
        raise TypeError(
            f"`callbacks` must be None or a list of keras.callbacks.Callback. Got {callbacks!r}."
        )


def signature(model):
    """Return a text that models of the same architecture share.

    A model that cannot be put into words (a layer without ``get_config``) shares with none.
    """
    try:
        text = json.dumps(model.get_config(), sort_keys=True, default=repr)
    except (NotImplementedError, TypeError, ValueError):
        return uuid.uuid4().hex
    names = list(dict.fromkeys([model.name, *_names(model)]))
    for number, name in enumerate(names):
        text = text.replace(json.dumps(name), f"#{number}#")
    return hashlib.sha256(text.encode()).hexdigest()


def _names(model):
    """Yield the names of a model's layers and operations, of nested models too."""
    for operation in getattr(model, "operations", model.layers):
        yield operation.name
        if isinstance(operation, keras.Model):
            yield from _names(operation)


def _lend(name, make):
    """Return what is kept under `name`, made if need be; the least recently lent are let go."""
    with _kept_lock:
        if name not in _kept:
            _kept[name] = make()
        _kept.move_to_end(name)
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
        return _kept[name]


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _put(state, variables):
    for variable, value in zip(variables, state, strict=True):
        variable.assign(value)


class _Trainer:
    """A compiled model to train in, for one network at a time."""

    def __init__(self, model):
        self.model = model
        self.lock = threading.Lock()


class _Sampler:
    """D networks to draw from, for one network at a time."""

    def __init__(self, model, n_draws):
        self.variables = model.variables
        self.drawn = DrawnNetworks(model, n_draws)
        self.lock = threading.Lock()
        self.holds = None, None

    def hold(self, state, seed):
        """Put in `state` and the masks of `seed`, unless they are in already."""
        if self.holds[0] is not state or self.holds[1] != seed:
            _put(state[: len(self.variables)], self.variables)  # no need of the optimiser's
            self.drawn.draw(seed)
            self.holds = state, seed


@dataclass(frozen=True)
class TrainedNetwork:
    """A network as arrays.

    Attributes
    ----------
    build : callable
        ``build()`` returns the compiled model, untrained.
    key : str
        The model's `signature`.
    state : list of ndarray
        The values of all its variables and of its optimiser's. Never changed in place.
    """

    build: Callable
    key: str
    state: list

    @classmethod
    def untrained(cls, build):
        """Return the network as it is built."""
        model = build()
        key = signature(model)
        _lend(("train", key), lambda: _Trainer(model))
        return cls(
            build, key, [keras.ops.convert_to_numpy(variable) for variable in _variables(model)]
        )

    def rebuilt(self, build):
        """Return the network with another `build`, going on from the present state.

        Raises
        ------
        ValueError
            If that model has other variables.
        """
        other = type(self).untrained(build)
        if [x.shape for x in other.state] != [x.shape for x in self.state]:
            raise ValueError(
                "`warm_start` and `partial_fit` must go on with the same network. Got parameters "
                "that build one of other weights; use `fit` with `warm_start=False`."
            )
        return replace(other, state=self.state)

    def train(self, batches, validation, *, epochs, learning_rates, callbacks, keep):
        """Train for `epochs` passes over `batches` and call ``keep(network, history)``.

        `learning_rates` is a function of the epoch. Interrupted after at least one pass, what was
        learned is kept before the interrupt goes on.
        """
        trainer = _lend(("train", self.key), lambda: _Trainer(self.build()))
        with trainer.lock:
            model, history = trainer.model, keras.callbacks.History()
            rates = keras.callbacks.LearningRateScheduler(learning_rates)
            _put(self.state, _variables(model))
            try:
                model.fit(
                    batches,
                    epochs=epochs,
                    callbacks=[rates, history, *callbacks],
                    validation_data=validation,
                    shuffle=False,
                    verbose=0,
                )
            finally:
                if history.history:
                    state = [keras.ops.convert_to_numpy(variable) for variable in _variables(model)]
                    keep(replace(self, state=state), history.history)

    def sampler(self, n_draws):
        """Return the lent model of `n_draws` networks."""
        make = lambda: _Sampler(self.build(), n_draws)  # noqa: E731
        return _lend(("sample", self.key, n_draws), make)

    def logits(self, X, n_draws, seed, *, verbose=False):
        """Return the logits of every galaxy and draw, shape (n_galaxies, n_draws).

        The masks follow from `seed`, and the second value says whether there are any.
        """
        sampler = self.sampler(n_draws)
        with sampler.lock:
            sampler.hold(self.state, seed)
            return sampler.drawn.logits(X, verbose=verbose), sampler.drawn.has_spread

    def to_keras(self):
        """Return a compiled model of its own that holds the state."""
        model = self.build()
        _put(self.state, _variables(model))
        return model
