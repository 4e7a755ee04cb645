"""Checks of what a decision tree is made of, and of the fractions it is asked about."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._arrays import check_numbers
from skgalaxy._validation import first_rows
from skgalaxy.votes._question_names import first_names


def check_mapping(values: Any, name: str, what: str) -> None:
    """Refuse what is no mapping; a DataFrame is one."""
    if not isinstance(values, Mapping | pd.DataFrame):
        raise TypeError(f"`{name}` must be a mapping, {what}. Got {values!r}.")


def check_parents(
    given: str | Iterable[str], question: str, known: Mapping[str, tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Check the answers that a question follows; each is returned as (question, answer)."""
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


def fraction_who_say(
    name: str, fractions: Mapping[str, ArrayLike], question: str
) -> NDArray[np.float64]:
    """Fractions who give an answer, which leads to a question."""
    if name not in fractions:
        raise ValueError(
            f"`fractions` must hold {name!r}, which leads to {question!r}. "
            f"Got {first_names(fractions) or 'nothing'}."
        )
    values = check_numbers(fractions[name], f"fractions[{name!r}]")
    outside = ~((values >= 0) & (values <= 1))  # as NaN is
    if outside.any():
        where = f"{name!r} in row {first_rows(outside)}" if outside.ndim else f"{name!r}"
        raise ValueError(
            f"`fractions` must lie in [0, 1]. Got {values[outside].flat[0]:g} of {where}."
        )
    return values
