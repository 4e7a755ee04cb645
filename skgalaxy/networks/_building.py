"""Keras models built apart: no global setting reaches them, and nothing of them stays.

Keras reads much from global state while a model is built: the dtype policy, counters for names, and
seeds. All but the seeds belong to a thread. A model of ours is therefore built in a thread of its
own, which starts with Keras' defaults. When the thread ends, it takes along what Keras and
TensorFlow keep of every new model, about 2 MB.

Layers and initialisers without a seed get theirs from Python's global generator, of which there is
one for all threads. To seed it and put it back would change the numbers of other threads. So Keras
gets another source of seeds here: it is Python's generator, except in a thread that builds.

Two settings belong to the process, the image data format and the float type. Layers of ours name
theirs, and `check_network` refuses layers of yours that took another.
"""

import os
import random
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import keras
from keras.src.backend.common import global_state
from keras.src.random import seed_generator

__all__ = ["build_apart", "refuse_in_fork"]

_Built = TypeVar("_Built")
_NAMES = "object_name_uids"  # Keras' name for its counters


class _SeedSource(threading.local):
    """Python's ``random``, as Keras uses it: another one in a thread that builds."""

    generator: random.Random | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.generator or random, name)


# Keras has no public way to do this. Its `make_default_seed` looks up the name `python_random`, and
# nothing else in the module uses it; tests fail if a later Keras does otherwise.
_source = _SeedSource()
seed_generator.python_random = _source


def build_apart(build: Callable[[], _Built], seed: int | None = None) -> _Built:
    """Result of ``build()``, in a thread with Keras' default settings.

    All layers and initialisers that it makes without a seed get theirs from `seed`, if you give
    one.
    """
    refuse_in_fork()
    if _source.generator:  # such a thread already: names must differ within one model
        return _seeded(build, seed)
    # names go on from those of the caller, whose layers may become part of the model
    names = dict(global_state.get_global_attribute(_NAMES, {}))

    def building() -> _Built:
        global_state.set_global_attribute(_NAMES, defaultdict(int, names))
        keras.config.set_dtype_policy("float32")  # of this thread
        return _seeded(build, seed)

    with ThreadPoolExecutor(1, "skgalaxy-build") as thread:
        return thread.submit(building).result()


def _seeded(build: Callable[[], _Built], seed: int | None) -> _Built:
    before, _source.generator = _source.generator, random.Random(seed)
    try:
        return build()
    finally:
        _source.generator = before


_ran_in: int | None = None  # process that built a model first


def refuse_in_fork() -> None:
    """Raise RuntimeError in a process that was forked from one that had built a model.

    TensorFlow's threads do not exist in a forked process, which would wait for them for ever.
    """
    global _ran_in
    if _ran_in is None:
        _ran_in = os.getpid()
    if _ran_in != os.getpid():
        raise RuntimeError(
            "A process that was forked after TensorFlow ran cannot compute with it. Start workers "
            'with multiprocessing.get_context("spawn") or with joblib\'s default, "loky".'
        )
