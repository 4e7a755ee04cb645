"""Answers to a question: which labels are one answer, and what it is called.

A label is what volunteers read. It may hold images, in Markdown, and they may be all it holds.
"""

import re
import reprlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

from skgalaxy.zooniverse._export_file import RowError, is_utf8

# Markdown: ![text](address), each of them with brackets of its own at most once. No character is
# looked at from more than a few beginnings, so that a text without an end takes no longer.
IMAGE = re.compile(r"!\[([^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]\([^()]*(?:\([^()]*\)[^()]*)*\)")
# The Zooniverse's own word where it no longer knows what was answered.
UNKNOWN = "unknown answer label"
MOST_ANSWERS = 1000

_shorten = reprlib.Repr()
_shorten.maxstring = _shorten.maxother = 100


def shown(value: Any) -> str:
    """Value for a message, never long and never deep."""
    return _shorten.repr(value)


class Label(NamedTuple):
    """Label of an answer.

    Attributes
    ----------
    raw : str
        All of it, with single spaces.
    words : str
        The label without its images; "" if it has no other text.
    short : str
        The words; of images alone their texts; of images without texts all of it.
    is_number : bool
        True if it is no text but a number: the answer's place among the answers.
    """

    raw: str
    words: str
    short: str
    is_number: bool


def read_label(value: str | float) -> Label:
    """Label of an answer's text or number."""
    raw = _spaced(str(value))
    words = _spaced(IMAGE.sub(" ", raw))
    short = words or _spaced(" ".join(IMAGE.findall(raw))) or raw
    return Label(raw, words, short, not isinstance(value, str))


def by_number(label: Label) -> RowError:
    """Error of an answer that is a number: nobody knows the text that it stands for."""
    return RowError(
        f"has in its 'annotations' an answer by its number, {label.raw}, where others are texts; "
        "if only another version of the workflow has it, give `workflow_version`."
    )


class Answers:
    """The answers that a question may have, and their names.

    Parameters
    ----------
    given : sequence of str, mapping of str to str, or None
        As for `read_classifications`.
    """

    def __init__(self, given: Sequence[str] | Mapping[str, str] | None) -> None:
        self.given = None if given is None else _checked(given)  # names by raw labels
        self._by_words: dict[str, set[str]] = {}
        for raw, name in (self.given or {}).items():
            self._by_words.setdefault(read_label(raw).words, set()).add(name)

    def check(self, label: Label) -> None:
        """Refuse a label that is no answer to the question."""
        if not is_utf8(label.raw):
            raise RowError(f"an answer that is no text, {shown(label.raw)}.")
        if self.given is not None:
            if self.given_name(label) is None:
                lacks = ", ".join(map(shown, list(self.given)[:20]))
                raise RowError(
                    f"an answer to the task that `answers` lacks: {shown(label.raw)}, not one of "
                    f"{lacks}."
                )
        elif label.raw == UNKNOWN:
            raise RowError(f"{UNKNOWN!r}: the Zooniverse no longer knows what was answered.")

    def odd(self, labels: Sequence[Label]) -> list[bool]:
        """True for numbers beside texts: nobody knows which text is the answer of that number.

        If `given` says so, it is only unknown where texts are numerals, such as "2" arms.
        """
        texts = [label for label in labels if not label.is_number]
        unclear = texts if self.given is None else [t for t in texts if t.raw.isdecimal()]
        return [label.is_number and bool(unclear) for label in labels]

    def names(self, labels: Sequence[Label], versions: Sequence[Collection[str]]) -> list[str]:
        """Names of the answers that labels are, by the versions of the workflow they came in.

        Labels that differ in images only are one answer, whose image was replaced, unless they
        are choices side by side in one version of the workflow.
        """
        together: dict[str, list[int]] = {}  # those with images
        for place, label in enumerate(labels):
            if label.raw != label.words:
                together.setdefault(label.short, []).append(place)
        shorts = Counter(label.short for label in labels)
        apart = set()
        for short, places in together.items():
            distinct = set().union(*(versions[place] for place in places))
            if sum(len(versions[place]) for place in places) > len(distinct):
                apart.update(places)
            elif self.given is None and shorts[short] > 1:
                apart.update(place for place in places if not labels[place].words)
        if self.given is None:
            return [
                label.raw if place in apart else label.short for place, label in enumerate(labels)
            ]
        unnamed = [
            labels[place].raw for place in sorted(apart) if labels[place].raw not in self.given
        ]
        if unnamed:
            raise ValueError(
                "`answers` must name answers that differ in their images only by the whole label, "
                f"images included. Got none for {shown(unnamed[0])}."
            )
        return [str(self.given_name(label)) for label in labels]

    def columns(self, names: Sequence[str]) -> list[str]:
        """Distinct names of the answers, in order: as given, or alphabetical."""
        return list(dict.fromkeys((self.given or {}).values())) or sorted(set(names))

    def given_name(self, label: Label) -> str | None:
        """Name that `given` has for a label: by all of it, or else by its text."""
        given = self.given or {}
        if label.raw in given:
            return given[label.raw]
        if not label.words:
            return given.get(label.short)
        names = self._by_words.get(label.words, set())
        return next(iter(names)) if len(names) == 1 else None


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _checked(given: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Names of the answers by their labels."""
    ordered = isinstance(given, Iterable) and not isinstance(given, (str, Set))
    labels: list[Any] = list(given) if ordered else [None]
    named: list[Any] = list(given.values()) if isinstance(given, Mapping) else labels
    if not all(isinstance(text, str) for text in [*labels, *named]):
        raise TypeError(f"`answers` must be a sequence of text or a mapping. Got {shown(given)}.")
    names = {_spaced(label): name.strip() for label, name in zip(labels, named, strict=True)}
    if not names or "" in names or "" in names.values():
        raise ValueError(f"`answers` must not be empty. Got {shown(given)}.")
    if len(names) < len(labels):
        raise ValueError(f"`answers` must have each label once. Got {shown(given)}.")
    return names
