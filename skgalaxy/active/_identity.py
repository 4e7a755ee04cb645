"""What a run is of, as text: a ledger goes on only with the run that it was begun for.

Two things that make a run go otherwise have different texts; what changes only how fast it goes,
or what is shown, is left out. Large arrays are told apart by their shape and some of their rows.
"""

import functools
import hashlib
import inspect
import numbers
import os

import numpy as np

__all__ = ["describe", "describe_estimator", "describe_strategy", "digest"]

_NO_MATTER = ("cache_size", "callbacks", "checkpoint", "n_jobs", "verbose")
_WHOLE = 2**22  # bytes of an array that are read to the last
_ROWS = 64  # rows that are read of a larger one
_DEEPEST = 8  # things inside things


def describe_estimator(estimator):
    """Return a text for every parameter of an estimator and of what it is made of, by name."""
    texts = {"learner": type(estimator).__qualname__}
    for name, value in sorted(estimator.get_params(deep=True).items()):
        if name.rpartition("__")[2] not in _NO_MATTER:
            texts[f"learner.{name}"] = describe(value, shallow=True)
    return texts


def describe_strategy(strategy):
    """Return a text for a query strategy, and for every argument that it was given beforehand."""
    if not isinstance(strategy, functools.partial):
        return {"query_strategy": describe(strategy)}
    given = {f"query_strategy.{name}": value for name, value in _parts(strategy).items()}
    return describe_strategy(strategy.func) | {key: describe(given[key]) for key in sorted(given)}


def describe(thing, *, shallow=False, depth=0):
    """Return a text that is the same for things that do the same, and not for others.

    Parameters
    ----------
    thing : object
        A number, text, array, function, or something made of such.
    shallow : bool, default=False
        Of an estimator say only what it is, not its parameters.
    depth : int, default=0
        How deep inside something else it is.

    Returns
    -------
    text : str

    Examples
    --------
    >>> from functools import partial
    >>> from skgalaxy.active._identity import describe
    >>> describe(partial(max, key=abs)), describe({"a": (1, 2.5)})
    ('max(key=abs)', "{'a': (1, 2.5)}")
    """
    if isinstance(thing, np.generic):
        thing = thing.item()
    if thing is None or isinstance(thing, str | bytes | numbers.Number):
        return repr(thing)
    if isinstance(thing, os.PathLike):
        return repr(os.fspath(thing))
    if hasattr(thing, "dtype") and hasattr(thing, "shape"):
        return digest(thing)
    inner = functools.partial(describe, shallow=shallow, depth=depth + 1)
    if depth == _DEEPEST:
        return _name(thing)
    if isinstance(thing, list | tuple):
        return f"({', '.join(map(inner, thing))})"
    if isinstance(thing, dict):
        return f"{{{', '.join(f'{key!r}: {inner(value)}' for key, value in thing.items())}}}"
    parts = {} if shallow and hasattr(thing, "get_params") else _parts(thing)
    texts = [f"{key}={inner(value)}" for key, value in parts.items()]
    return f"{_name(thing)}({', '.join(texts)})" if texts else _name(thing)


def _name(thing):
    thing = thing.func if isinstance(thing, functools.partial) else thing
    return getattr(thing, "__qualname__", type(thing).__qualname__)


def _parts(thing):
    """Return what a thing is made of and what matters, by name."""
    if isinstance(thing, functools.partial):
        parts = {f"args{number}": value for number, value in enumerate(thing.args)}
        parts |= thing.keywords
    elif inspect.isfunction(thing):
        # a decorated function, as strategies are, is what it decorates
        parts = inspect.getclosurevars(inspect.unwrap(thing)).nonlocals
    elif inspect.ismethod(thing):
        parts = {"self": thing.__self__}
    elif inspect.isclass(thing) or inspect.isbuiltin(thing):
        parts = {}
    elif hasattr(thing, "get_params"):
        parts = thing.get_params(deep=False)
    else:
        parts = dict(sorted(getattr(thing, "__dict__", {}).items()))
    return {name: value for name, value in parts.items() if name not in _NO_MATTER}


def digest(array, *, whole=False):
    """Return the kind and shape of an array, and a hash of what is in it.

    Of more than 4 MB the hash is of 64 rows, from the first to the last, unless all are wanted.

    Parameters
    ----------
    array : array of shape (n, ...)
        In memory or not.
    whole : bool, default=False
        Read all of it.

    Returns
    -------
    text : str

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.active._identity import digest
    >>> digest(np.arange(3, dtype=np.int64))
    'int64(3,) ab25350e'
    """
    if getattr(array, "nbytes", _WHOLE + 1) > _WHOLE and not whole:
        rows = np.unique(np.linspace(0, len(array) - 1, _ROWS).astype(int)).tolist()
        values = np.stack([np.asarray(array[row]) for row in rows])
    else:
        values = np.asarray(array)
    if values.dtype.kind not in "biufc":  # text: as wide as its widest, or objects
        values = np.frombuffer(repr(values.tolist()).encode(), np.uint8)
    found = hashlib.sha256(np.ascontiguousarray(values)).hexdigest()[:8]
    kind = "text" if array.dtype.kind not in "biufc" else array.dtype
    return f"{kind}{tuple(array.shape)} {found}"
