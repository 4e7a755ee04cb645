"""Trained networks as plain arrays, and the compiled models that are lent to compute with them.

Keras traces every new model again, which takes most of a second and memory that it never gives
back; grid searches and rounds of active learning would pay it for every refit. So a
`TrainedNetwork` owns arrays only (weights, seeds, the optimiser's moments) and knows how to build
its model. The models that compute are kept here, one for training and one for sampling per
architecture. Whoever uses one puts its arrays in, under a lock, and takes them out again.

The *signature* of a model is its configuration without Keras' running names: two builds of one
architecture share it, whatever their weights.
"""

import copy
import hashlib
import json
import math
import threading
import uuid
from collections import OrderedDict

import keras

from skgalaxy.sampling import DrawnNetworks

__all__ = ["SCHEDULES", "TrainedNetwork", "check_callbacks", "schedule_callbacks", "signature"]

_KEPT = 32  # compiled models: a committee of unlike networks, each trained and drawn from
_kept = OrderedDict()
_kept_lock = threading.Lock()


SCHEDULES = {"cosine": lambda done: (1 + math.cos(math.pi * done)) / 2}


def schedule_callbacks(schedule, start, epochs):
    """Return what changes the learning rate from `start`: nothing, for a constant one."""
    if schedule == "constant":
        return []
    course = SCHEDULES[schedule]
    return [keras.callbacks.LearningRateScheduler(lambda epoch, _: start * course(epoch / epochs))]


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
    """Return what models of the same architecture and loss share: a hashable key.

    The configuration with Keras' running names numbered in order of appearance, and the classes
    of the layers themselves, for a class may be defined again under its name. A model that cannot
    be told from another so (a layer without ``get_config``, a function of the user's, which has a
    name but no content) shares with none.
    """
    try:
        config = model.get_config()
        text = json.dumps(_numbered(config, {}), sort_keys=True)
    except (NotImplementedError, TypeError, ValueError):
        return uuid.uuid4().hex
    if _holds_function(config):
        return uuid.uuid4().hex
    digest = hashlib.sha256(text.encode()).hexdigest()
    loss = getattr(model, "loss", None)
    return digest, frozenset(_classes(model)), type(loss), getattr(loss, "likelihood", None)


def _numbered(config, numbers):
    """Return `config` with the names of layers numbered, where names stand and nowhere else."""

    def number(name):
        return numbers.setdefault(name, f"#{len(numbers)}")

    if isinstance(config, dict):
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


def _holds_function(config):
    """Return whether a function that is not Keras' own is somewhere in `config`."""
    if isinstance(config, dict):
        name = config.get("class_name")
        own = str(config.get("module") or "").startswith("keras")
        if name in ("function", "__lambda__") and not own:
            return True
        return any(_holds_function(value) for value in config.values())
    if isinstance(config, list | tuple):
        return any(_holds_function(item) for item in config)
    return False


def _classes(model):
    """Yield the classes of a model's layers and operations, of nested models too."""
    for operation in getattr(model, "operations", model.layers):
        yield type(operation)
        if isinstance(operation, keras.Model):
            yield from _classes(operation)


def _lend(name, make):
    """Return what is kept under `name`, made if need be; the least recently lent are let go."""
    with _kept_lock:
        if name in _kept:
            _kept.move_to_end(name)
            return _kept[name]
    made = make()  # outside the lock: a network may itself be built with one of ours
    with _kept_lock:
        made = _kept.setdefault(name, made)
        _kept.move_to_end(name)
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
        return made


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _state(model):
    return [keras.ops.convert_to_numpy(variable) for variable in _variables(model)]


def _put(state, variables):
    for variable, value in zip(variables, state, strict=True):
        variable.assign(value)


def _passes(batches, epochs):
    """Yield the batches of all passes: Keras begins each pass over a PyDataset at great cost."""
    for _ in range(epochs):
        batches.on_epoch_end()  # another order
        yield from (batches[index] for index in range(len(batches)))


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
            self.holds = None, None  # should this be interrupted
            _put(state[: len(self.variables)], self.variables)  # no need of the optimiser's
            self.drawn.draw(seed)
            self.holds = state, seed


class TrainedNetwork:
    """A network as arrays.

    Parameters
    ----------
    build : callable
        ``build()`` returns the compiled model, untrained.
    state : list of ndarray, default=None
        The values of all its variables and of its optimiser's; never changed in place. None is
        the network as it is built.
    """

    def __init__(self, build, state=None):
        self.build = build
        self.state = self._add_model() if state is None else state

    def __getstate__(self):
        return {"build": self.build, "state": self.state}  # the key is of this process

    def _add_model(self):
        """Build the model, keep it to train in, note its key, and return its state."""
        model = self.build()
        self._key = signature(model)
        state = _state(model)
        _lend(("train", self._key), lambda: _Trainer(model))
        return state

    @property
    def key(self):
        """The `signature` of the model."""
        if not hasattr(self, "_key"):
            self._add_model()
        return self._key

    def continued(self, state):
        """Return the same architecture with another `state`."""
        other = copy.copy(self)
        other._key, other.state = self.key, state
        return other

    def rebuilt(self, build):
        """Return the network with another `build`, going on from the present state.

        Raises
        ------
        ValueError
            If that model has other variables.
        """
        other = type(self)(build)
        if [x.shape for x in other.state] != [x.shape for x in self.state]:
            raise ValueError(
                "`warm_start` and `partial_fit` must go on with the same network. Got parameters "
                "that build one of other weights; use `fit` with `warm_start=False`."
            )
        return other.continued(self.state)

    def train(self, batches, validation, *, epochs, learning_rate, callbacks, keep):
        """Train for `epochs` passes over `batches` and call ``keep(network, history)``.

        ``callbacks()`` makes the Keras callbacks.
        Interrupted after at least one pass, what was learned is kept before the interrupt goes on.
        """
        trainer = _lend(("train", self.key), lambda: _Trainer(self.build()))
        if not trainer.lock.acquire(blocking=False):
            # busy in another thread, or in this one, under a callback: train in one of our own
            trainer = _Trainer(self.build())
            trainer.lock.acquire()
        try:
            model, history = trainer.model, keras.callbacks.History()
            _put(self.state, _variables(model))
            model.optimizer.learning_rate = learning_rate
            try:
                model.fit(
                    _passes(batches, epochs),
                    epochs=epochs,
                    steps_per_epoch=len(batches),
                    callbacks=[*callbacks(), history],
                    validation_data=validation,
                    shuffle=False,
                    verbose=0,
                )
            except KeyboardInterrupt:
                if history.history:
                    keep(self.continued(_state(model)), history.history)
                raise
            keep(self.continued(_state(model)), history.history)
        finally:
            trainer.lock.release()

    def outputs(self, images, n_draws, seed):
        """Return the outputs of every draw, shape (n_galaxies, n_draws, n_outputs).

        The masks follow from `seed`.
        """
        sampler = self._sampler(n_draws)
        with sampler.lock:
            sampler.hold(self.state, seed)
            return sampler.drawn.outputs(images)

    def embed(self, images, n_draws, seed):
        """Return what the first dropout acts on, shape (n_galaxies, n_features)."""
        sampler = self._sampler(n_draws)
        with sampler.lock:
            sampler.hold(self.state, seed)
            return sampler.drawn.embed(images)

    def has_spread(self, n_draws):
        """Return whether the network has dropout, so that its draws differ."""
        return self._sampler(n_draws).drawn.has_spread

    def _sampler(self, n_draws):
        return _lend(("sample", self.key, n_draws), lambda: _Sampler(self.build(), n_draws))

    def to_keras(self):
        """Return a compiled model of its own that holds the state."""
        model = self.build()
        _put(self.state, _variables(model))
        return model
