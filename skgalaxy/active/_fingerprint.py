"""Fingerprints of a run's arguments: a ledger goes on only with the run that it was begun for.

Arguments that change the result of a run get different fingerprints. Arguments that only change
speed or display are ignored. Short values stand as they are, so that you can read a refusal.
A hash of the pickle would do for neither: there is none of a local function, it would read a
memory-mapped pool to its end, and it changes with the version of a library.
"""

import functools
import hashlib
import inspect
import numbers
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from skgalaxy._validation import without_mask
from skgalaxy.votes import DecisionTree

__all__ = ["array_text", "fingerprint", "text_of"]

_CHANGES_NO_RESULT = ("cache_size", "callbacks", "checkpoint", "n_jobs", "verbose")
_READ_WHOLE = 2**22  # bytes: of a larger array some rows are read
_ROWS_READ = 64
_DEEPEST = 8  # things inside things


def fingerprint(name: str, thing: Any) -> dict[str, str]:
    """Texts of an estimator or a strategy, and of each parameter that it was given, by name.

    Examples
    --------
    >>> from functools import partial
    >>> from skgalaxy.active._fingerprint import fingerprint
    >>> fingerprint("query_strategy", partial(max, key=abs))
    {'query_strategy': 'max', 'query_strategy.key': 'abs'}
    """
    if isinstance(thing, functools.partial):
        return fingerprint(name, thing.func) | {
            f"{name}.{key}": text_of(value) for key, value in sorted(_parts(thing).items())
        }
    if not hasattr(thing, "get_params"):
        return {name: text_of(thing)}
    return {name: _name(thing)} | {
        f"{name}.{key}": text_of(value, shallow=True)
        for key, value in sorted(thing.get_params(deep=True).items())
        if key.rpartition("__")[2] not in _CHANGES_NO_RESULT
    }


def text_of(thing: Any, *, shallow: bool = False, depth: int = 0) -> str:
    """Describe a thing, in the same text as others that do the same and in no other's.

    An estimator is told with its parameters, or, `shallow`, by its kind alone; `depth` is how
    deep inside something else a thing is.

    Examples
    --------
    >>> from functools import partial
    >>> from skgalaxy.active._fingerprint import text_of
    >>> text_of(partial(max, key=abs)), text_of({"a": (1, 2.5)})
    ('max(key=abs)', "{'a': (1, 2.5)}")
    """
    if isinstance(thing, np.generic):
        thing = thing.item()
    if thing is None or isinstance(thing, str | bytes | numbers.Number):
        return repr(thing)
    if isinstance(thing, os.PathLike):
        return repr(os.fspath(thing))
    if hasattr(thing, "dtype") and hasattr(thing, "shape"):
        return array_text(thing)
    if depth == _DEEPEST:
        return _name(thing)
    inner = functools.partial(text_of, shallow=shallow, depth=depth + 1)
    if isinstance(thing, list | tuple):
        return f"({', '.join(map(inner, thing))})"
    if isinstance(thing, dict):
        return f"{{{', '.join(f'{key!r}: {inner(value)}' for key, value in thing.items())}}}"
    parts = {} if shallow and hasattr(thing, "get_params") else _parts(thing)
    texts = [f"{key}={inner(value)}" for key, value in parts.items()]
    return f"{_name(thing)}({', '.join(texts)})" if texts else _name(thing)


def array_text(array: Any, *, whole: bool = False) -> str:
    """Kind and shape of an array, in memory or not, and a hash of its values.

    Of more than 4 MB the hash is of 64 rows, from the first to the last, unless `whole`.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.active._fingerprint import array_text
    >>> array_text(np.arange(3, dtype=np.int64))
    'int64(3,) ab25350e'
    """
    plain, mask = without_mask(array)
    if mask is not None:  # what stands behind it does not matter
        return f"{array_text(plain, whole=whole)} masked {array_text(mask, whole=whole)}"
    if getattr(array, "nbytes", _READ_WHOLE + 1) > _READ_WHOLE and not whole:
        rows = np.unique(np.linspace(0, len(array) - 1, _ROWS_READ).astype(int)).tolist()
        values = np.stack([np.asarray(array[row]) for row in rows])
    else:
        values = np.asarray(array)
    kind = str(array.dtype)
    if array.dtype.kind not in "biufc":  # text, as wide as its widest, or objects
        kind, values = "text", np.frombuffer(repr(values.tolist()).encode(), np.uint8)
    digest = hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()[:8]
    return f"{kind}{tuple(array.shape)} {digest}"


def _name(thing: Any) -> str:
    thing = thing.func if isinstance(thing, functools.partial) else thing
    return getattr(thing, "__qualname__", type(thing).__qualname__)


def _is_importable(function: Callable[..., Any]) -> bool:
    """Look a function up by its name; one that is found, if decorated, too, needs no parts.

    A function that another one returned is not found, though `functools.wraps` may name it alike.
    """
    found = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def _parts(thing: Any) -> dict[str, Any]:
    """Parts of a thing that may change a result, by name."""
    if isinstance(thing, functools.partial):
        parts = {f"args{number}": value for number, value in enumerate(thing.args)}
        parts |= thing.keywords
    elif inspect.isfunction(thing):
        parts = {} if _is_importable(thing) else inspect.getclosurevars(thing).nonlocals
    elif inspect.ismethod(thing):
        parts = {"self": thing.__self__}
    elif inspect.isclass(thing) or inspect.isbuiltin(thing):
        parts = {}
    elif isinstance(thing, DecisionTree):  # but for what volunteers read
        parts = {name: thing.to_dict()[name] for name in ("answers", "asked_after")}
    elif hasattr(thing, "get_params"):
        parts = thing.get_params(deep=False)
    else:
        parts = dict(sorted(getattr(thing, "__dict__", {}).items()))
    return {name: value for name, value in parts.items() if name not in _CHANGES_NO_RESULT}
