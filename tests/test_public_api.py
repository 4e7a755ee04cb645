"""Every public name is listed, documented with an example, and cheap to import.

The rule: a module of the package is public if its name has no leading underscore, and its public
names are those of its ``__all__``. All lists here follow from it.
"""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import skgalaxy

API = Path(__file__).parents[1] / "docs" / "api.md"
ROOMS = sorted(set(dir(skgalaxy)) - set(skgalaxy.__all__))
MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(skgalaxy.__path__, "skgalaxy.")
    if not any(part.startswith("_") for part in name.split("."))
)
# The only rooms that import Keras as soon as they are imported.
OF_KERAS = {"demo", "estimator", "networks"}
PUBLIC = {
    f"{room}.{name}": getattr(importlib.import_module(f"skgalaxy.{room}"), name)
    for room in ROOMS
    for name in importlib.import_module(f"skgalaxy.{room}").__all__
}
WITHOUT_EXAMPLE = {
    "demo.run": "takes a minute, and is run by tests/test_demo.py",
    "exceptions.EmptySampleWarning": "the library warns with it",
    "exceptions.ModelVersionWarning": "the library warns with it",
    "exceptions.NoSpreadWarning": "the library warns with it",
    "exceptions.NoVotesWarning": "the library warns with it",
    "exceptions.NotCalibratedWarning": "the library warns with it",
    "exceptions.PretrainingDivergedWarning": "the library warns with it",
    "exceptions.TooFewDrawsWarning": "the library warns with it",
    "exceptions.UnlikeTrainingWarning": "the library warns with it",
    "active.Result": "returned by `run`, whose example prints one",
    "likelihoods.Likelihood": "what others implement; its subclasses have one",
    "query.Candidates": "given to selectors, whose examples make one",
}


def has_text(thing):
    """Say whether a thing has a docstring of its own: scorers, trees and registries have none."""
    return inspect.isclass(thing) or inspect.isroutine(thing)


DOCUMENTED = [
    pytest.param(name, thing, id=name) for name, thing in PUBLIC.items() if has_text(thing)
]


@pytest.mark.parametrize("module", ["skgalaxy", *MODULES])
def test_all_is_sorted_and_exists(module):
    module = importlib.import_module(module)
    names = [name for name in module.__all__ if not name.startswith("__")]
    assert names == sorted(names)
    for name in module.__all__:
        assert hasattr(module, name)


@pytest.mark.parametrize(("name", "thing"), DOCUMENTED)
def test_documented(name, thing):
    """Every public name has a text; a function with arguments says what they are."""
    doc = inspect.getdoc(thing)
    assert doc
    if inspect.isfunction(thing) and inspect.signature(thing).parameters:
        assert "Parameters\n----" in doc


@pytest.mark.parametrize(("name", "thing"), DOCUMENTED)
def test_has_an_example(name, thing):
    assert (">>>" in inspect.getdoc(thing)) == (name not in WITHOUT_EXAMPLE)


def test_what_needs_no_example_exists():
    assert set(WITHOUT_EXAMPLE) <= set(PUBLIC)


def test_every_public_name_stands_in_the_reference_once():
    entries = re.findall(rf"\b(?:{'|'.join(ROOMS)})\.[A-Za-z_]\w*", API.read_text())
    assert set(entries) <= set(PUBLIC)
    # by what they name: a room may pass on another's, as `acquisition` does
    entries = Counter(id(PUBLIC[name]) for name in entries)
    times = {name: entries[id(thing)] for name, thing in PUBLIC.items()}
    assert times == dict.fromkeys(times, 1)


def test_quick_to_import():
    """No Keras until a network is asked for, no figure or FITS library until one is needed."""
    slow = "keras", "tensorflow", "torch", "matplotlib", "astropy", "galsim", "pooch"
    code = f"""
import importlib, sys
import skgalaxy
print("numpy" in sys.modules)
for room in {[room for room in ROOMS if room not in OF_KERAS]}:
    importlib.import_module("skgalaxy." + room)
    print(room, *(name for name in {slow} if name in sys.modules))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    numpy, *rooms = run.stdout.splitlines()
    assert numpy == "False"
    assert rooms == sorted(set(ROOMS) - OF_KERAS)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = skgalaxy.nonsense
    assert "VotePosterior" in dir(skgalaxy)
    assert skgalaxy.acquisition.mutual_information(np.array([[0.5]]), 1) == 0
