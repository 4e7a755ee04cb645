"""Checks of what a decision tree is made of."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd


def check_mapping(values: Any, name: str, what: str) -> None:
    """Refuse what is no mapping; a DataFrame is one."""
    if not isinstance(values, Mapping | pd.DataFrame):
        raise TypeError(f"`{name}` must be a mapping, {what}. Got {values!r}.")


def check_parents(
    answers: Mapping[str, tuple[str, ...]], asked_after: Mapping[str, str | Iterable[str]]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Answers that each question follows, as (question, answer); refuse answers of one name."""
    check_mapping(asked_after, "asked_after", "answers by question")
    unknown = [question for question in asked_after if question not in answers]
    if unknown:
        raise ValueError(
            f"`asked_after` must be about the questions {', '.join(answers)}. Got {unknown[0]!r}."
        )
    parents, known = {}, {}
    for question, given in answers.items():
        parents[question] = _parents_of(question, asked_after.get(question, ()), known)
        of_question = {f"{question}_{answer}": (question, answer) for answer in given}
        twice = [column for column in of_question if column in known]
        if twice:
            raise ValueError(
                "`answers` must have one '{question}_{answer}' each. Got "
                f"{twice[0]!r} for {question!r} and for {known[twice[0]][0]!r}."
            )
        known |= of_question
    _refuse_two_ways(answers, parents)
    return parents


def _refuse_two_ways(
    answers: Mapping[str, tuple[str, ...]], parents: Mapping[str, tuple[tuple[str, str], ...]]
) -> None:
    """Refuse a question after two answers that one volunteer may give: N would count both."""
    place = {(q, answer): n for n, (q, answer) in enumerate(_pairs(answers))}
    together = np.eye(len(place), dtype=np.bool_)  # answers that one volunteer may give
    for question, given in answers.items():
        begin = place[question, given[0]]
        ways = [place[parent] for parent in parents[question]]
        for n, way in enumerate(ways):
            twice = [other for other in ways[n + 1 :] if together[way, other]]
            if twice:
                one, two = (f"{q}_{a}" for q, a in (parents[question][n], list(place)[twice[0]]))
                raise ValueError(
                    "`asked_after` must name answers of which each volunteer gives one at most. "
                    f"Got {one!r} and {two!r} for {question!r}, which one volunteer may give both."
                )
        here = slice(begin, begin + len(given))
        among = together[ways, :begin].any(axis=0) if ways else np.ones(begin, dtype=np.bool_)
        together[here, :begin] = among
        together[:begin, here] = np.reshape(among, (-1, 1))


def _pairs(answers: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    return ((question, answer) for question, given in answers.items() for answer in given)


def _parents_of(
    question: str, given: str | Iterable[str], known: Mapping[str, tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Answers that a question follows, each as (question, answer)."""
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, Iterable) or not all(isinstance(name, str) for name in listed):
        raise TypeError(f"`asked_after[{question!r}]` must be names of answers. Got {given!r}.")
    given = tuple(listed)
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(
            "`asked_after` must name answers to questions before, as '{question}_{answer}'. "
            f"Got {unknown[0]!r} for {question!r}."
        )
    if len(set(given)) < len(given):
        raise ValueError(f"`asked_after` must name each answer once. Got {given} for {question!r}.")
    return tuple(known[name] for name in given)
