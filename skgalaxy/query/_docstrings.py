"""The docstring of a strategy: its own text and the sections that all strategies share."""

import re
from inspect import cleandoc

__all__ = ["with_common_sections"]

_COMMON = """
Parameters
----------
learner : object
    Your fitted model, for example a Pipeline or a modAL learner, as in `predict_posterior`.
X : array-like of shape (n_galaxies, ...), keras.utils.PyDataset or None
    The pool, in memory or not, as in `score_pool`.
n_instances : int, default=1
    Number of galaxies to pick.
n_votes : int or array-like of shape (n_galaxies,), default=40
    Number of volunteers you would ask about a galaxy, N; 40 as in Galaxy Zoo 2.
eligible : array-like of bool of shape (n_galaxies,), default=None
    False for galaxies that must not be picked, for example because their image cannot be read.
    None allows all. It must be None if X is batches.
random_state : int, RandomState or None, default=None
    Seed that breaks ties.
checkpoint : str or path-like, default=None
    File in which scores are kept, as in `score_pool`.
verbose : bool, default=False
    Show a progress bar.

Returns
-------
indices : ndarray of shape (n_instances,)
    Rows of `X`, best first.
scores : ndarray of shape (n_instances,)
    Their scores.

Raises
------
ValueError
    If `n_instances` exceeds the pool, or its eligible galaxies; or `eligible` or `n_votes` is
    out of range.
"""
_OWN_BEFORE = "eligible"  # where parameters go that only one strategy has
# a line and the dashes under it; an entry begins at the margin, and its text is indented
_HEADING = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
_ENTRY = re.compile(r"^(?=\S)", re.MULTILINE)


def with_common_sections(doc: str) -> str:
    """Docstring of a strategy with the parameters, results and errors that all strategies have.

    An entry of your own replaces the common entry of that name, for example ``scores``. Errors
    are added.
    """
    summary, own = _sections(doc)
    _, common = _sections(_COMMON)
    given = {name: _entries(own.pop(name, "")) for name in common}
    shared = {name: _entries(text) for name, text in common.items()}
    sections = {
        "Parameters": _merged(shared["Parameters"], given["Parameters"], _OWN_BEFORE),
        "Returns": _merged(shared["Returns"], given["Returns"]),
        "Raises": [*shared["Raises"].values(), *given["Raises"].values()],
    }
    texts = {name: "\n".join(entries) for name, entries in sections.items()} | own
    return "\n\n".join([summary, *(_section(name, text) for name, text in texts.items())]) + "\n"


def _sections(doc: str) -> tuple[str, dict[str, str]]:
    """Text before the first heading, and the text under each heading."""
    summary, *parts = _HEADING.split(cleandoc(doc))
    texts = (text.rstrip() for text in parts[1::2])  # headings and texts alternate
    return summary.rstrip(), dict(zip(parts[::2], texts, strict=True))


def _section(name: str, text: str) -> str:
    return f"{name}\n{'-' * len(name)}\n{text}"


def _entries(text: str) -> dict[str, str]:
    """Entries of a section, by name."""
    # "name : type", or an error's name alone
    entries = (entry.rstrip() for entry in _ENTRY.split(text) if entry.strip())
    return {entry.partition("\n")[0].partition(" :")[0]: entry for entry in entries}


def _merged(common: dict[str, str], own: dict[str, str], before: str | None = None) -> list[str]:
    """Entries of both, own ones in place of common ones; new ones stand `before` one, or last."""
    new = [entry for name, entry in own.items() if name not in common]
    merged = []
    for name, entry in common.items():
        if name == before:
            merged += new
        merged.append(own.get(name, entry))
    return merged if before else merged + new
