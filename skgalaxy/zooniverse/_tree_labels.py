"""Names in a tree, and the labels that its answers have in an export."""

import re
from collections.abc import Iterable, Mapping

from skgalaxy.votes import DecisionTree
from skgalaxy.zooniverse._answers import MOST_ANSWERS, Answers, Label, by_number, shown
from skgalaxy.zooniverse._export_file import RowError

__all__ = ["Labels", "Names", "UnknownAnswerError"]


class UnknownAnswerError(RowError):
    """A row with an answer that the tree lacks."""

    def __init__(self, label: str, question: str) -> None:
        super().__init__(
            f"has in its 'annotations' an answer to {question!r} that is none of the tree's, "
            f"{shown(label)}; say in `answers` which it is."
        )
        self.label = label


class Labels:
    """A question of the tree, and the labels that answers to it have in an export."""

    def __init__(self, tree: DecisionTree, name: str, given: Mapping[str, str] | None) -> None:
        self._name, self._given = name, Answers(given)
        self._names = Names({a: (a, tree.text(name, a)) for a in tree.answers(name)})
        first = tree.slices[name].start
        self._column_of = {a: first + place for place, a in enumerate(tree.answers(name))}
        self._labels: dict[Label, int] = {}
        self._versions: list[set[str]] = []  # of the workflow, by the label's number
        self.columns: dict[int, int] = {}  # in the tree, by the label's number; after `settle`

    def number(self, label: Label, version: str, path: str) -> int:
        """Number of a label."""
        number = self._labels.setdefault(label, len(self._labels))
        if number == len(self._versions):
            self._versions.append(set())
            if number == MOST_ANSWERS:
                raise ValueError(
                    f"`tasks` must have answers to choose from, at most {MOST_ANSWERS:,}. Got one "
                    f"for {self._name!r}, to which {path!r} has more; is it a text or a slider?"
                )
        self._versions[number].add(version)
        return number

    def settle(self) -> dict[int, RowError]:
        """Find the answers that labels are; errors of the others, by their numbers."""
        labels = list(self._labels)
        odd = self._given.odd(labels)
        found = [None if o else self._find(label) for o, label in zip(odd, labels, strict=True)]
        kept = [n for n, answer in enumerate(found) if answer is not None]
        if kept:
            by_name = {labels[n].short: str(found[n]) for n in kept}
            answers = Answers(by_name | (self._given.given or {}))
            names = answers.names([labels[n] for n in kept], [self._versions[n] for n in kept])
            self.columns = {n: self._column_of[name] for n, name in zip(kept, names, strict=True)}
        return {
            n: by_number(label) if odd[n] else UnknownAnswerError(label.raw, self._name)
            for label, n in self._labels.items()
            if n not in self.columns
        }

    def _find(self, label: Label) -> str | None:
        """Answer that a label is: as you say, or that of its name."""
        given = self._given.given_name(label) if self._given.given else None
        return given if given or label.is_number else self._names.find(label.short)


class Names:
    """Names of things, each of which may have several."""

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self._things: dict[str, set[str]] = {}
        for thing, called in names.items():
            for name in called:
                self._things.setdefault(_plain(name), set()).add(thing)

    def find(self, name: str) -> str | None:
        """The one thing of that name; None if there is none, or several."""
        things = self._things.get(_plain(name), set()) if _plain(name) else set()
        return next(iter(things)) if len(things) == 1 else None


def _plain(text: str) -> str:
    """Text as names are compared: "Can't tell?" is "cant-tell". Signs such as ">" stay."""
    words = re.sub("['’]", "", text).strip(" .?!:").casefold()
    return re.sub(r"[\s_-]+", "-", words)
