"""Checks shared by the public edge. Messages name the parameter, the rule, the value, the remedy.

Every function returns its argument as a clean NumPy array or number. It raises ``ValueError`` of
a wrong value and ``TypeError`` of a wrong kind of thing. Nothing here knows about networks.
"""

import numbers
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.utils import column_or_1d

from skgalaxy._masks import missing_mask, without_mask

# What spreadsheets and float columns make of an integer: 68.0, 5.87722981746540704e+17, 5.9E+17.
MANGLED = re.compile(r"[+-]?(\d+\.\d*([eE][+-]?\d+)?|\d+[eE]\+\d+)")


def first_rows(bad: NDArray[Any]) -> str:
    """First few row numbers where `bad` is true, for an error message."""
    rows = np.flatnonzero(bad)
    shown = ", ".join(str(row) for row in rows[:5])
    return f"{shown}, ... ({len(rows)} rows)" if len(rows) > 5 else shown


def check_int(value: Any, name: str, minimum: int) -> int:
    """Integer >= `minimum`."""
    # a bool is an Integral in Python, and a mistake here
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"`{name}` must be an integer >= {minimum}. Got {value!r}.")
    if value < minimum:
        raise ValueError(f"`{name}` must be an integer >= {minimum}. Got {value!r}.")
    return int(value)


def check_float(value: Any, name: str, low: float, high: float, *, closed: str = "both") -> float:
    """Float in the interval from `low` to `high`.

    `closed` is "both", "left", "right" or "neither", as in scikit-learn's intervals.
    """
    left = "[" if closed in ("both", "left") else "("
    right = "]" if closed in ("both", "right") else ")"
    rule = f"`{name}` must be a number in {left}{low:g}, {high:g}{right}. Got {value!r}."
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(rule)
    number = float(value)
    above = number >= low if left == "[" else number > low
    below = number <= high if right == "]" else number < high
    if not (above and below):
        raise ValueError(rule)
    return number


def check_bool(value: Any, name: str) -> bool:
    """True or False, and nothing that is merely truthy."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"`{name}` must be True or False. Got {value!r}.")
    return bool(value)


def check_choice(value: Any, name: str, choices: Sequence[str]) -> str:
    """One of the strings `choices`."""
    if not isinstance(value, str) or value not in choices:
        allowed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"`{name}` must be one of {allowed}. Got {value!r}.")
    return value


def check_n_jobs(n_jobs: Any) -> None:
    """Refuse a number of processes that joblib does not know."""
    is_int = isinstance(n_jobs, numbers.Integral) and not isinstance(n_jobs, bool)
    if n_jobs is not None and not (is_int and n_jobs != 0):
        raise ValueError(f"`n_jobs` must be None or an integer other than 0. Got {n_jobs!r}.")


def refuse_masked(values: Any, name: str) -> None:
    """Raise ValueError if any of `values` is masked; NaN is not."""
    _refuse(missing_mask(values), name)


def _refuse(mask: NDArray[np.bool_] | None, name: str) -> None:
    if mask is not None:
        where = (
            f" in row {first_rows(mask.reshape(len(mask), -1).any(axis=1))}" if mask.ndim else ""
        )
        raise ValueError(
            f"`{name}` must have no masked value, which means a missing one. Got one{where}; "
            "leave it out or fill it in."
        )


_KINDS = {
    "U": "text",
    "T": "text",
    "S": "bytes",
    "c": "complex numbers",
    "M": "dates",
    "m": "spans of time",
    "V": "records, as of a table, whose columns must be stacked first",
}


def check_numbers(values: Any, name: str) -> NDArray[np.float64]:
    """Real numbers as a float64 array, of any shape. NaN and infinity are numbers here.

    Raises
    ------
    ValueError
        If a value is masked, or if the values are, for example, text, complex or of rows of
        unequal length.
    """
    values, mask = without_mask(values)
    _refuse(mask, name)
    return as_float64(values, name)


def as_float64(values: Any, name: str) -> NDArray[np.float64]:
    """`check_numbers` of values that are known to have no mask."""
    if sparse.issparse(values):
        raise ValueError(
            f"`{name}` must be an array of numbers. Got a sparse one; pass `toarray()`."
        )
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # for example a tensor on a GPU
        got = "rows of unequal length" if "inhomogeneous" in str(error) else error
        raise ValueError(f"`{name}` must be an array of numbers. Got {got}.") from error
    kind = array.dtype.kind
    if kind in "biuf" or "bfloat16" in array.dtype.name:  # which NumPy knows by name only
        return array.astype(np.float64, copy=False)
    if kind == "O":
        return _objects_as_float64(array, name)
    example = f", for example {shortened(array.flat[0].item())}" if array.size else ""
    raise ValueError(f"`{name}` must hold real numbers. Got {_KINDS[kind]}{example}.")


def _objects_as_float64(array: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Numbers of Python's own types, for example integers in a pandas column of objects."""
    for place, value in enumerate(array.flat):
        if not isinstance(value, (numbers.Real, np.bool_, Decimal)):
            row = f" in row {place * len(array) // array.size}" if array.ndim else ""
            raise ValueError(f"`{name}` must hold real numbers. Got {shortened(value)}{row}.")
    try:
        return array.astype(np.float64)
    except OverflowError as error:
        raise ValueError(f"`{name}` must hold numbers that fit a float. Got {error}.") from error


def shortened(value: Any, most: int = 60) -> str:
    """The `repr` of a value for a message, cut if it is long."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."


def check_draws(draws: ArrayLike) -> NDArray[Any]:
    """Vote fractions as a float64 array of shape (n_galaxies, n_draws) in [0, 1]."""
    draws = np.asarray(draws, dtype=np.float64)
    if draws.ndim != 2 or draws.shape[1] == 0:
        raise ValueError(
            "`draws` must have shape (n_galaxies, n_draws) with at least one draw. "
            f"Got shape {draws.shape}."
        )
    if draws.size and not (draws.min() >= 0 and draws.max() <= 1):  # NaN is outside, too
        outside = ~((draws >= 0) & (draws <= 1)).all(axis=1)
        row = int(np.flatnonzero(outside)[0])
        raise ValueError(
            "`draws` must be vote fractions in [0, 1]. "
            f"Got {draws[row].min():g} to {draws[row].max():g} in row {row}."
        )
    return draws


_MOST_EXACT = 2.0**53


def check_whole(values: ArrayLike, name: str) -> NDArray[Any]:
    """Whole, finite numbers >= 0 as int64."""
    try:
        values = np.asarray(values)
        numbers_ = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{name}` must hold numbers. Got {error}.") from error
    bad = ~(np.isfinite(numbers_) & (numbers_ >= 0) & (numbers_ == np.floor(numbers_)))
    if bad.any():
        raise ValueError(
            f"`{name}` must be whole numbers >= 0. Got {numbers_[bad].flat[0]:g}"
            + (f" in row {first_rows(bad.reshape(len(bad), -1).any(axis=1))}." if bad.ndim else ".")
        )
    if numbers_.max(initial=0) > _MOST_EXACT:
        raise ValueError(
            f"`{name}` must be whole numbers of at most 2**53, which floats hold exactly. "
            f"Got {numbers_.max():g}."
        )
    return numbers_.astype(np.int64)


def check_n_votes(n_votes: ArrayLike, n_galaxies: int) -> NDArray[Any]:
    """Number of votes of every galaxy, int64, of one number for all or one for each."""
    n_votes = check_whole(n_votes, "n_votes")
    if n_votes.ndim == 0:
        return np.full(n_galaxies, n_votes)
    if n_votes.shape != (n_galaxies,):
        raise ValueError(
            "`n_votes` must be one integer or one per galaxy, "
            f"shape ({n_galaxies},). Got shape {n_votes.shape}."
        )
    return n_votes


def check_votes(
    votes: ArrayLike, n_votes: ArrayLike, n_galaxies: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Votes k and N as int64 arrays of shape (n_galaxies,), k <= N."""
    n_votes = check_n_votes(n_votes, n_galaxies)
    votes = check_whole(votes, "votes")
    if votes.ndim == 0:
        votes = np.full(n_galaxies, votes)
    if votes.shape != (n_galaxies,):
        raise ValueError(
            "`votes` must be one integer or one per galaxy, "
            f"shape ({n_galaxies},). Got shape {votes.shape}."
        )
    _check_k_le_n(votes, n_votes)
    return votes, n_votes


def _check_k_le_n(votes: NDArray[Any], n_votes: NDArray[Any]) -> None:
    over = votes > n_votes
    if over.any():
        row = int(np.flatnonzero(over)[0])
        raise ValueError(
            "Votes k must not exceed the votes cast N. "
            f"Got k={votes[row]:g} of N={n_votes[row]:g} in row {first_rows(over)}; "
            "the order is [k, N]."
        )


def check_targets(
    y: Any, sample_weight: ArrayLike | None = None, n_galaxies: int | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Targets as weighted counts: two float64 arrays, k and N, of shape (n_galaxies,).

    Counts ``(n, 2)`` multiply by `sample_weight`; fractions ``(n,)`` take it as N (1 by
    default). Both enter the log-likelihood of the binomial as ``k log ρ + (N - k) log(1 - ρ)``,
    so the pair (w k, w N) is enough.
    """
    votes, n_votes, weight = _votes_and_weights(y, sample_weight, n_galaxies)
    return votes * weight, n_votes * weight


def check_weighted_votes(
    y: Any, sample_weight: ArrayLike | None = None, n_galaxies: int | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Votes k, N and the weight of each galaxy's log-likelihood; there is at least one vote.

    `sample_weight` is that weight for counts. For fractions it is N, and their weight is 1.
    """
    votes, n_votes, weight = _votes_and_weights(y, sample_weight, n_galaxies)
    if not (n_votes * weight).any():
        raise ValueError(
            "`y` and `sample_weight` must give at least one vote of weight > 0. "
            "Got N = 0 or zero weight for every galaxy."
        )
    return votes, n_votes, weight


def _votes_and_weights(
    y: Any, sample_weight: ArrayLike | None, n_galaxies: int | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Votes k, N and weights, three float64 arrays."""
    if y is None:
        raise ValueError(
            "A fit to votes requires y to be passed, but the target y is None. "
            "Pass counts [k, N] or vote fractions."
        )
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 2:
        counts = check_whole(y, "y").astype(np.float64)
        _check_k_le_n(counts[:, 0], counts[:, 1])
        votes, n_votes = counts.T
    elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
        votes = check_fractions(column_or_1d(y, warn=True))
        n_votes = np.ones(len(votes))
    else:
        raise ValueError(
            "`y` must be counts [k, N] of shape (n_galaxies, 2) or vote fractions of shape "
            f"(n_galaxies,). Got shape {y.shape}."
        )
    if n_galaxies is not None and len(y) != n_galaxies:
        raise ValueError(
            f"`X` and `y` must have the same number of rows. Got {n_galaxies} and {len(y)}."
        )
    weight = check_weight(sample_weight, len(y))
    if y.ndim == 2 and y.shape[1] == 2:
        return votes, n_votes, weight
    return votes * weight, n_votes * weight, np.ones(len(y))


def check_fractions(y: NDArray[Any]) -> NDArray[Any]:
    """Vote fractions in [0, 1] as float64."""
    try:
        fraction = y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`y` must hold numbers. Got {error}.") from error
    outside = ~((fraction >= 0) & (fraction <= 1))
    if outside.any():
        raise ValueError(
            "`y` of shape (n_galaxies,) must be vote fractions in [0, 1]. "
            f"Got {fraction[outside][0]:g} in row {first_rows(outside)}; "
            "pass counts as two columns [k, N]."
        )
    return fraction


def check_weight(sample_weight: ArrayLike | None, n_galaxies: int) -> NDArray[Any]:
    """Weights as float64 of shape (n_galaxies,), finite and >= 0; None is ones."""
    if sample_weight is None:
        return np.ones(n_galaxies)
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.ndim == 0:
        weight = np.full(n_galaxies, weight)
    if weight.shape != (n_galaxies,):
        raise ValueError(
            f"`sample_weight` must have shape ({n_galaxies},). Got shape {weight.shape}."
        )
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        raise ValueError(
            "`sample_weight` must be finite and >= 0. "
            f"Got {weight[bad][0]:g} in row {first_rows(bad)}."
        )
    return weight


def check_ids(
    ids: ArrayLike, name: str, source: Any, rows: NDArray[Any] | None = None
) -> NDArray[np.str_]:
    """Ids as a text array: none missing, mangled by a float, or twice.

    Messages number the rows by `rows`, where these are not all rows of the source.
    """
    array = np.asarray(ids)
    if array.ndim != 1:
        raise ValueError(f"`{name}` must have shape (n_galaxies,). Got shape {array.shape}.")
    given = array.tolist()
    rows = np.arange(len(given)) if rows is None else rows
    text = np.array([_text(value) for value in given], dtype=str)
    mangled = [isinstance(value, float) or MANGLED.fullmatch(_text(value)) for value in given]
    for rule, bad in (
        ("be given in every row", text == ""),
        ("be text or integers: as floats their last digits are lost", mangled),
    ):
        bad = np.flatnonzero(np.asarray(bad, dtype=bool))
        if bad.size:
            got = text[bad[0]] or "none"
            raise ValueError(
                f"`{name}` must {rule}. Got {got} in row {rows[bad[0]]}{of_source(source)}."
            )
    distinct, first, count = np.unique(text, return_index=True, return_counts=True)
    if len(distinct) < len(text):
        again = text[first[count > 1].min()]
        shown = ", ".join(str(row) for row in rows[text == again][:5])
        raise ValueError(
            f"`{name}` must not repeat. Got {again} in rows {shown}{of_source(source)}."
        )
    return text


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode()
    return "" if value is None or value is pd.NA or value != value else str(value).strip()


def of_source(source: Any) -> str:
    """Words " of {source}" for a message; nothing for None."""
    return "" if source is None else f" of {source!r}"
