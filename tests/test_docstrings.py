"""Docstrings that share entries: filled, complete, and harmless where Python drops them."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import skgalaxy
from skgalaxy._docstrings import MARKER, fill_docstring

MODULES = [name for _, name, _ in pkgutil.walk_packages(skgalaxy.__path__, "skgalaxy.")]


def test_entries_are_indented_as_their_line():
    @fill_docstring(
        votes="votes : int\n    How many said yes.",
        n_votes="""
            n_votes : int
                How many were asked.
            """,
    )
    def share(votes, n_votes, unit):
        """Share of votes.

        Parameters
        ----------
        {votes, n_votes}
        unit : {"percent", "fraction"}
            {votes}
        """

    assert inspect.getdoc(share).splitlines()[4:] == [
        "votes : int",
        "    How many said yes.",
        "n_votes : int",
        "    How many were asked.",
        'unit : {"percent", "fraction"}',
        "    votes : int",
        "        How many said yes.",
    ]


def test_the_function_itself_comes_back():
    def plain(votes: int, *, n_votes: int = 3) -> int:
        return votes

    assert fill_docstring(votes="votes : int")(plain) is plain
    assert plain.__doc__ is None


def test_what_no_entry_is_given_for_is_refused():
    with pytest.raises(KeyError, match="n_votse"):

        @fill_docstring(n_votes="n_votes : int")
        def misspelt():
            """{n_votse}"""


def objects_of(module):
    for name, thing in vars(importlib.import_module(module)).items():
        if inspect.isclass(thing) and thing.__module__ == module:
            yield from ((f"{name}.{inner}", member) for inner, member in vars(thing).items())
        yield name, thing


@pytest.mark.parametrize("module", [m for m in MODULES if not m.endswith("__main__")])
def test_every_marker_is_filled(module):
    unfilled = [
        name for name, thing in objects_of(module) if MARKER.search(inspect.getdoc(thing) or "")
    ]
    assert unfilled == []


def callables_of(*modules):
    """Return public functions, classes and methods that take arguments, by name."""
    found = {}
    for module in map(importlib.import_module, modules):
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                found[f"{module.__name__}.{name}"] = thing
            for method in vars(thing) if inspect.isclass(thing) else ():
                if not method.startswith("_"):
                    found[f"{module.__name__}.{name}.{method}"] = getattr(thing, method)
    return {name: thing for name, thing in found.items() if callable(thing)}


FILLED = callables_of("skgalaxy.metrics", "skgalaxy.plotting")


@pytest.mark.parametrize("name", FILLED)
def test_every_parameter_has_its_entry(name):
    """Filled in or not, the Parameters section names all arguments, each once."""
    expected = [
        {"VAR_KEYWORD": "**", "VAR_POSITIONAL": "*"}.get(parameter.kind.name, "") + parameter.name
        for parameter in inspect.signature(FILLED[name]).parameters.values()
        if parameter.name != "self"
    ]
    _, _, section = inspect.getdoc(FILLED[name]).partition("Parameters\n----------\n")
    section, _, _ = section.partition("\n\n")
    lines = [line.partition(" : ")[0] for line in section.splitlines() if line[:1] != " "]
    entries = ", ".join(lines).split(", ")
    if "**params" in entries:  # all that is not named before them
        expected = expected[: len(entries) - 1] + ["**params"]
    assert sorted(entries) == sorted(expected)


@pytest.mark.parametrize("name", ["CoverageDisplay", "PITDisplay", "ReliabilityDisplay"])
def test_displays_of_calibration_share_one_text(name):
    """The text is inherited, the options are each display's own, and those it documents."""
    display = getattr(skgalaxy.plotting, name)
    estimator, predictions = (
        inspect.signature(method).parameters
        for method in (display.from_estimator, display.from_predictions)
    )
    assert "As in `from_predictions`" in inspect.getdoc(display.from_estimator)
    assert list(estimator) == ["estimator", "X", *(p for p in predictions if p != "posterior")]
    for option in set(estimator) & set(predictions):
        assert estimator[option] == predictions[option]


def test_without_docstrings():
    code = "import skgalaxy.metrics, skgalaxy.plotting as p; print(p.PITDisplay.plot.__doc__)"
    run = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "None", run.stderr
