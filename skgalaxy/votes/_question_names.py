"""The names of Galaxy Zoo's questions, as Zoobot and galaxy-datasets write them."""

import numbers
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

RELEASE = re.compile(
    r"-(gz2|dr12|dr5|dr8|desi|rings|cd|hubble|candels|ukidss|euclid|jwst)$", re.IGNORECASE
)
# What Galaxy Zoo 2 calls t01, a01 ... (Willett et al. 2013, table 2); t08 has no other name.
GZ2_TASKS = {
    "t01": ("smooth-or-featured", {"a01": "smooth", "a02": "featured-or-disk", "a03": "artifact"}),
    "t02": ("disk-edge-on", {"a04": "yes", "a05": "no"}),
    "t03": ("bar", {"a06": "yes", "a07": "no"}),
    "t04": ("has-spiral-arms", {"a08": "yes", "a09": "no"}),
    "t05": (
        "bulge-size",
        {"a10": "no", "a11": "just-noticeable", "a12": "obvious", "a13": "dominant"},
    ),
    "t06": ("something-odd", {"a14": "yes", "a15": "no"}),
    "t07": ("how-rounded", {"a16": "round", "a17": "in-between", "a18": "cigar"}),
    "t08": (
        "odd-feature",
        {
            "a19": "ring",
            "a20": "lens-or-arc",
            "a21": "disturbed",
            "a22": "irregular",
            "a23": "other",
            "a24": "merger",
            "a38": "dust-lane",
        },
    ),
    "t09": ("bulge-shape", {"a25": "round", "a26": "boxy", "a27": "no-bulge"}),
    "t10": ("spiral-winding", {"a28": "tight", "a29": "medium", "a30": "loose"}),
    "t11": (
        "spiral-arm-count",
        {
            "a31": "1",
            "a32": "2",
            "a33": "3",
            "a34": "4",
            "a36": "more-than-4",
            "a37": "cant-tell",
        },
    ),
}
# A part of what Galaxy Zoo 2 calls each task in its columns; other trees number other questions.
GZ2_STEMS = {
    "t01": "smooth",
    "t02": "edge",
    "t03": "bar",
    "t04": "spiral",
    "t05": "bulge",
    "t06": "odd",
    "t07": "round",
    "t08": "odd",
    "t09": "bulge",
    "t10": "wind",
    "t11": "arm",
}


def without_release(question: str) -> str:
    """Name of a question without the release it was asked in: "bar-dr5" is "bar"."""
    return RELEASE.sub("", question)


def gz2_answer(task: str, number: str, word: str) -> str:
    """Name of an answer, by its number in Galaxy Zoo 2, or where that is another's, by its word.

    Galaxy Zoo Hubble, for one, counts the answers of each task from 1: ``t03_bar_a01_bar``.
    """
    answers = GZ2_TASKS[task][1]
    if number in answers:
        return answers[number]
    word = word.replace("_", "-")
    alike = [name for name in answers.values() if word.startswith(name) or word.endswith(name)]
    if word in answers.values() or not alike:
        # "bar" and "spiral" are the yes of their tasks
        return "yes" if word == GZ2_STEMS[task] and "yes" in answers.values() else word
    return max(alike, key=len)


def gz2_contradicts(task: str, number: str, word: str) -> bool:
    """True if an answer's number in Galaxy Zoo 2 is one of the task's answers, its word another."""
    answers = GZ2_TASKS[task][1]
    if number not in answers:
        return False
    word, own = word.replace("_", "-"), answers[number]
    if word == GZ2_STEMS[task] and "yes" in answers.values():
        word = "yes"
    if word in answers.values():
        return word != own
    return not _is_like(word, own) and any(_is_like(word, each) for each in answers.values())


def _is_like(word: str, answer: str) -> bool:
    """True if a word is a form of an answer's name, as "features" is of "featured-or-disk"."""
    begins = word.startswith(answer[:5]) if len(answer) > 4 else word.startswith(f"{answer}-")
    return begins or word.endswith(f"-{answer}") or answer.startswith(f"{word}-")


def check_names(names: Any, name: str, least: int = 1) -> tuple[str, ...]:
    """Distinct names, in an order that was chosen: text, or integers such as numbers of arms."""
    if isinstance(names, (str, bytes)) or not isinstance(names, (Sequence, np.ndarray, pd.Index)):
        raise TypeError(f"`{name}` must be a sequence of names. Got {_shown(names)}.")
    given = list(names)
    kinds = (str, numbers.Integral)
    if not all(isinstance(each, kinds) and str(each) for each in given):
        raise ValueError(f"`{name}` must be names, as text. Got {names!r}.")
    distinct = tuple(str(each) for each in given)
    if len(distinct) < least or len(set(distinct)) < len(distinct):
        raise ValueError(f"`{name}` must be distinct names, at least {least}. Got {names!r}.")
    return distinct


def _shown(value: Any) -> str:
    return f"the text {value!r}" if isinstance(value, str) else repr(value)


def first_names(names: Iterable[str]) -> str:
    """Join the first of many names, for a message."""
    names = list(names)
    return ", ".join(names[:8]) + (f", ... ({len(names)})" if len(names) > 8 else "")
