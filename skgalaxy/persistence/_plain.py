"""Models as plain trees, of JSON and arrays, and back.

A key with a dollar says what a value of the tree stands for::

    {"$object": "ImageLoader", "parameters": {"size": 64, ...}, "fitted": {}}
    {"$array": "model/fitted/networks/0/variables/3"}
    {"$code": "my_networks.small"}

An object is its parameters and what `fit` has learned. Classes are those in `KINDS`; all other
code is kept by its name, never by its content. An object of ours that keeps what it has learned in
private names these attributes in ``_PRIVATE``; ``_saved()`` returns it as values, and
``_restore(**saved)`` takes it back.
"""

import functools
import importlib
import math
import os
import re
import sys
import types
from collections.abc import Iterator, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgalaxy.persistence._archive import DamagedFileError

__all__ = ["code_names", "flatten", "rebuild"]

# Classes that a file may name. Nothing they do when they are made is dangerous.
KINDS = {
    "BayesianCNNRegressor": "skgalaxy.estimator",
    "CalibratedRegressorCV": "skgalaxy.calibration",
    "DecisionTree": "skgalaxy.votes",
    "GalaxyZooNetwork": "skgalaxy.networks",
    "GroupKFold": "sklearn.model_selection",
    "GroupShuffleSplit": "sklearn.model_selection",
    "ImageLoader": "skgalaxy.images",
    "KFold": "sklearn.model_selection",
    "MaxAbsScaler": "sklearn.preprocessing",
    "MinMaxScaler": "sklearn.preprocessing",
    "Normalizer": "sklearn.preprocessing",
    "PCA": "sklearn.decomposition",
    "Pipeline": "sklearn.pipeline",
    "PretrainedNetwork": "skgalaxy.networks",
    "Recalibration": "skgalaxy.calibration",
    "Reference": "skgalaxy.novelty",
    "RobustScaler": "sklearn.preprocessing",
    "ShuffleSplit": "sklearn.model_selection",
    "StandardScaler": "sklearn.preprocessing",
    "TreeRecalibration": "skgalaxy.calibration",
}
_FITTED = re.compile(r"[a-z]\w*[a-z0-9]_")  # scikit-learn's names of what `fit` learns
# How PCA was fitted, and which metadata scikit-learn may pass on: it asks again.
_NO_MATTER = {"_fit_svd_solver", "_metadata_request"}
_FUNCTIONS = types.FunctionType | types.BuiltinFunctionType | type | np.ufunc


def flatten(model: Any, name: str) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Tree and arrays of a model. `name` begins the names of the arrays.

    Raises
    ------
    ValueError
        If something in the model cannot be kept; the message names it.
    """
    flattener = _Flattener()
    try:
        return flattener.plain(model, (name,)), flattener.arrays
    except RecursionError as error:
        raise ValueError("`model` must not hold a list or dict in itself, to be saved.") from error


class _Flattener:
    """Makes trees, and collects arrays and objects on the way."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self.places: dict[int, str] = {}  # of objects, by their id: one may be there twice

    def plain(self, value: Any, place: tuple[str, ...]) -> Any:
        """Tree of any value. `place` is the path to it."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"$float": repr(value)}
        if type(value) is list:
            return self._items(value, place)
        if type(value) is tuple:
            return {"$tuple": self._items(value, place)}
        if type(value) is dict:
            return self._entries(value, place)
        return self._tagged(value, place)

    def _tagged(self, value: Any, place: tuple[str, ...]) -> Any:
        """Tree of a value that JSON has no form for."""
        if isinstance(value, np.ndarray):
            return self._array(value, place)
        if isinstance(value, os.PathLike):
            return {"$path": os.fspath(value)}
        if type(value) is np.random.RandomState:
            return {"$random_state": self.plain(value.get_state(legacy=False), place)}
        if isinstance(value, _FUNCTIONS):
            return {"$code": _name_of_code(value, place)}
        if type(value) is functools.partial:
            parts = {"args": list(value.args), "keywords": value.keywords}
            return {"$partial": self.plain(value.func, place), **self._entries(parts, place)}
        return self._object(value, place)

    def _items(self, values: Any, place: tuple[str, ...]) -> list[Any]:
        return [self.plain(item, (*place, str(i))) for i, item in enumerate(values)]

    def _entries(self, values: Mapping[Any, Any], place: tuple[str, ...]) -> dict[str, Any]:
        for key in values:
            if not isinstance(key, str) or key.startswith("$"):
                raise ValueError(
                    f"`model` must have text without a $ as keys, to be saved. Got {key!r} in "
                    f"{_words(place)}."
                )
        return {key: self.plain(value, (*place, key)) for key, value in values.items()}

    def _array(self, value: NDArray[Any], place: tuple[str, ...]) -> Any:
        if value.dtype == object and value.ndim == 1 and all(type(x) is str for x in value):
            return {"$strings": value.tolist()}  # names of a table's columns
        if type(value) not in (np.ndarray, np.memmap) or value.dtype.kind not in "biufcSU":
            raise _refusal(f"{type(value).__name__} of {value.dtype}", place, "set it to None")
        name = "/".join(place)
        self.arrays[name] = value
        return {"$array": name}

    def _object(self, value: Any, place: tuple[str, ...]) -> Any:
        if id(value) in self.places:
            return {"$same": self.places[id(value)]}
        self.places[id(value)] = "/".join(place)
        kind = type(value).__name__
        if KINDS.get(kind) is None or _found(KINDS[kind], kind) is not type(value):
            kind = _name_of_code(type(value), place)
        parameters, fitted = _parts(value, place)
        return {
            "$object": kind,
            "parameters": self._entries(parameters, (*place, "parameters")),
            "fitted": self._entries(fitted, (*place, "fitted")),
        }


def _parts(value: Any, place: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of an object, and its learned state."""
    if hasattr(value, "_asdict"):  # a named tuple
        return value._asdict(), {}
    if hasattr(value, "to_dict") and type(value).__name__ in KINDS:  # a value of ours
        return value.to_dict(), {}
    if hasattr(value, "get_n_splits") and type(value).__name__ in KINDS:
        # scikit-learn's splitters have no get_params, and keep parameters under their names
        return {name: getattr(value, name) for name in signature(type(value)).parameters}, {}
    if hasattr(value, "best_estimator_"):  # its table of results holds objects
        raise _refusal(f"a {type(value).__name__}", place, "save its `best_estimator_`")
    if not hasattr(value, "get_params"):
        raise _refusal(f"a {type(value).__name__}", place, "set it to None, or leave it out")
    parameters = value.get_params(deep=False)
    if parameters.get("memory") is not None:  # a cache is pickles
        raise _refusal("a `memory`", place, "set it to None")
    others = {key: x for key, x in vars(value).items() if key not in parameters}
    fitted = {key: x for key, x in others.items() if _FITTED.fullmatch(key)}
    private = getattr(value, "_PRIVATE", frozenset())
    if left := others.keys() - fitted.keys() - _NO_MATTER - private:
        names = ", ".join(f"`{key}`" for key in sorted(left))
        raise _refusal(f"{type(value).__name__} with {names}", place, "delete it")
    return parameters, value._saved() if hasattr(value, "_saved") else fitted


def _refusal(got: str, place: tuple[str, ...], remedy: str) -> ValueError:
    return ValueError(
        "`model` must consist of numbers, text, arrays and estimators of skgalaxy, to be saved. "
        f"Got {got} in {_words(place)}; {remedy}, or pickle the model."
    )


def _words(place: tuple[str, ...]) -> str:
    """Path to a value, as you would write it in Python."""
    names = [name for name in place if name not in ("parameters", "fitted")]
    return f"`{'.'.join(names)}`"


def _name_of_code(code: Any, place: tuple[str, ...]) -> str:
    """Full name of a function or class, by which another process can import it."""
    module, name = getattr(code, "__module__", None), getattr(code, "__qualname__", "")
    if isinstance(code, np.ufunc):
        module, name = "numpy", code.__name__
    reason = None
    if "<lambda>" in name:
        reason = "a lambda, which has no name"
    elif "<locals>" in name:
        reason = f"{name!r}, which is defined inside a function"
    elif module in (None, "__main__"):
        reason = f"{name!r}, which is defined in the script or notebook that runs"
    elif getattr(sys.modules.get(module), name.split(".")[0], None) is None:
        reason = f"{name!r}, which is not found in {module!r}"
    elif _found(module, name) is not code:
        reason = f"{name!r}, which is another object in {module!r} now"
    if reason:
        raise ValueError(
            "`model` must have code that another process can import, to be saved. Got "
            f"{reason}, in {_words(place)}; write it in a module, or pickle the model."
        )
    return f"{module}.{name}"


def _found(module: str, name: str) -> Any:
    """Thing of this name in a module."""
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))


def code_names(tree: Any) -> Iterator[str]:
    """Names of all code in a tree that is not in `KINDS`."""
    if isinstance(tree, list):
        for item in tree:
            yield from code_names(item)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key == "$code" or (key == "$object" and value not in KINDS):
                yield str(value)
            yield from code_names(value)


def rebuild(tree: Any, arrays: Mapping[str, NDArray[Any]], name: str) -> Any:
    """Model of a tree, whose code is trusted.

    Raises
    ------
    DamagedFileError
        If the tree holds anything that `flatten` does not write.
    ImportError, ValueError
        If code cannot be imported, or does not take the parameters.
    """
    return _Rebuilder(arrays).value(tree, name)


class _Rebuilder:
    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = arrays
        self.objects: dict[str, Any] = {}  # by their places

    def value(self, tree: Any, place: str) -> Any:
        if isinstance(tree, list):
            return [self.value(item, f"{place}/{i}") for i, item in enumerate(tree)]
        if not isinstance(tree, dict):
            return tree
        tags = [key for key in tree if key.startswith("$")]
        if not tags:
            return self.entries(tree, place)
        if tags == ["$object"]:
            return self.object(tree, place)
        if tags == ["$partial"]:
            func = self.value(tree["$partial"], place)
            return functools.partial(
                func,
                *self.value(tree["args"], f"{place}/args"),
                **self.value(tree["keywords"], f"{place}/keywords"),
            )
        (tag,) = tree
        return self.leaf(tag, tree[tag], place)

    def leaf(self, tag: str, content: Any, place: str) -> Any:
        """Value that has no parts of its own, or only items."""
        match tag:
            case "$array":
                return self.arrays[content]
            case "$code":
                return _imported(content)
            case "$float":
                return float(content)
            case "$path":
                return Path(content)
            case "$random_state":
                random_state = np.random.RandomState()
                random_state.set_state(self.value(content, place))
                return random_state
            case "$same":
                return self.objects[content]
            case "$strings":
                return np.array([str(text) for text in content], dtype=object)
            case "$tuple":
                return tuple(self.value(content, place))
        raise DamagedFileError(f"which holds {tag!r}, and this skgalaxy does not know it")

    def entries(self, tree: Mapping[str, Any], place: str) -> dict[str, Any]:
        return {key: self.value(item, f"{place}/{key}") for key, item in tree.items()}

    def object(self, tree: Mapping[str, Any], place: str) -> Any:
        kind = tree["$object"]
        made_by = _found(KINDS[kind], kind) if kind in KINDS else _imported(kind)
        parameters = self.entries(tree["parameters"], f"{place}/parameters")
        if parameters.get("memory") is not None:  # a cache is pickles
            raise DamagedFileError("which asks for a cache")
        made = made_by(**parameters)
        self.objects[place] = made
        fitted = self.entries(tree["fitted"], f"{place}/fitted")
        _teach(made, fitted)
        return made


def _teach(made: Any, fitted: dict[str, Any]) -> None:
    """Give an object its learned state."""
    if fitted and hasattr(made, "_restore"):
        made._restore(**fitted)
    elif fitted:
        if unknown := [key for key in fitted if not _FITTED.fullmatch(key)]:
            raise DamagedFileError(f"which holds {unknown[0]!r} of a {type(made).__name__}")
        vars(made).update(fitted)


def _imported(name: str) -> Any:
    """Function or class of a full name, such as ``my_networks.small``."""
    module = name
    while module := module.rpartition(".")[0]:  # a class may stand inside another
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            # of a module that the module imports, the error is its own
            if error.name and not f"{module}.".startswith(f"{error.name}."):
                raise
            continue
        return _found(module, name.removeprefix(f"{module}."))
    raise ModuleNotFoundError(f"No module of {name!r} is found; put its folder on Python's path.")
