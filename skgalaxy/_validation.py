"""Checks shared by the public edge. Messages name the parameter, the rule, the value, the remedy.

Every function returns its argument as a clean NumPy array or number. It raises ``ValueError`` of
a wrong value and ``TypeError`` of a wrong kind of thing. Nothing here knows about networks.
"""

import numbers
import os
import re
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state, column_or_1d

from skgalaxy._arrays import any_of_row, as_float64, check_numbers, first_rows, without_mask
from skgalaxy._arrays import missing_mask as missing_mask
from skgalaxy._arrays import refuse_masked as refuse_masked
from skgalaxy._arrays import shortened as shortened

# What spreadsheets and float columns make of an integer: 68.0, 5.87722981746540704e+17, 5.9E+17;
# a German spreadsheet 5,9E+17. 12e5 may be a name: programs write a point or a plus.
MANGLED = re.compile(r"[+-]?(\d+[.,]\d*([eE][+-]?\d+)?|\d+[eE]\+\d+)")
KEPT_DIGITS = 15  # by spreadsheets, which put zeros for all digits after them


def check_int(value: Any, name: str, minimum: int) -> int:
    """Integer >= `minimum`."""
    # a bool is an Integral in Python, and a mistake here
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"`{name}` must be an integer >= {minimum}. Got {shortened(value)}.")
    if value < minimum:
        raise ValueError(f"`{name}` must be an integer >= {minimum}. Got {shortened(value)}.")
    return int(value)


def check_float(value: Any, name: str, low: float, high: float, *, closed: str = "both") -> float:
    """Float in the interval from `low` to `high`.

    `closed` is "both", "left", "right" or "neither", as in scikit-learn's intervals.
    """
    left = "[" if closed in ("both", "left") else "("
    right = "]" if closed in ("both", "right") else ")"
    rule = f"`{name}` must be a number in {left}{low:g}, {high:g}{right}. Got {shortened(value)}."
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(rule)
    try:
        number = float(value)
    except OverflowError as error:  # of an integer of some hundred digits
        raise ValueError(rule) from error
    above = number >= low if left == "[" else number > low
    below = number <= high if right == "]" else number < high
    if not (above and below):
        raise ValueError(rule)
    return number


def check_bool(value: Any, name: str) -> bool:
    """True or False, and nothing that is merely truthy."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"`{name}` must be True or False. Got {shortened(value)}.")
    return bool(value)


def check_choice(value: Any, name: str, choices: Sequence[str]) -> str:
    """One of the strings `choices`."""
    if not isinstance(value, str) or value not in choices:
        allowed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"`{name}` must be one of {allowed}. Got {shortened(value)}.")
    return value


def check_n_jobs(n_jobs: Any) -> None:
    """Refuse a number of processes that joblib does not know."""
    is_int = isinstance(n_jobs, numbers.Integral) and not isinstance(n_jobs, bool)
    if n_jobs is not None and not (is_int and n_jobs != 0):
        raise ValueError(f"`n_jobs` must be None or an integer other than 0. Got {n_jobs!r}.")


def check_seed(random_state: Any) -> np.random.RandomState:
    """Random state of the parameter `random_state`, as scikit-learn makes it."""
    try:
        return check_random_state(random_state)
    except ValueError as error:
        raise ValueError(
            "`random_state` must be None, an integer from 0 to 2**32 - 1 or a RandomState. "
            f"Got {shortened(random_state)}."
        ) from error


def check_draws(draws: Any) -> NDArray[np.float64]:
    """Vote fractions as a float64 array of shape (n_galaxies, n_draws) in [0, 1]."""
    draws = check_numbers(draws, "draws")
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


def check_whole(values: Any, name: str) -> NDArray[np.int64]:
    """Whole, finite numbers >= 0 as int64."""
    found = check_numbers(values, name)
    bad = ~(np.isfinite(found) & (found >= 0) & (found == np.floor(found)))
    if bad.any():
        raise ValueError(
            f"`{name}` must be whole numbers >= 0. Got {found[bad].flat[0]:g}"
            + (f" in row {first_rows(any_of_row(bad))}." if bad.ndim else ".")
        )
    if found.max(initial=0) > _MOST_EXACT:
        raise ValueError(
            f"`{name}` must be whole numbers of at most 2**53, which floats hold exactly. "
            f"Got {found.max():g}."
        )
    return found.astype(np.int64)


MOST_OUTCOMES = 100_000
LONGEST_ID = 1000  # characters; each id of an array takes the space of the longest


def check_n_votes(
    n_votes: Any, n_galaxies: int, *, most: int | None = None, name: str = "n_votes"
) -> NDArray[np.int64]:
    """Number of votes of every galaxy, of one number for all or one for each.

    Give `most` where the time and memory grow with N, for example where all outcomes are listed.
    """
    counts = check_whole(n_votes, name)
    if counts.shape not in ((), (n_galaxies,)):
        raise ValueError(
            f"`{name}` must be one integer or one per galaxy, "
            f"shape ({n_galaxies},). Got shape {counts.shape}."
        )
    if most is not None and counts.max(initial=0) > most:
        raise ValueError(
            f"`{name}` must be at most {most:,}, because every outcome of so many votes is "
            f"computed. Got {counts.max():,}."
        )
    return np.full(n_galaxies, counts) if counts.ndim == 0 else counts


def check_votes(
    votes: Any, n_votes: Any, n_galaxies: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Votes k and N, each one integer or one per galaxy; both are 0 where either is masked."""
    columns, given = [], np.ones(n_galaxies, dtype=bool)
    for values, name in ((votes, "votes"), (n_votes, "n_votes")):
        plain, mask = without_mask(values)
        columns.append(check_n_votes(plain, n_galaxies, name=name))
        given = given if mask is None else given & ~mask
    k, n = (np.where(given, column, 0) for column in columns)
    _check_k_le_n(k, n)
    return k, n


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
    y: Any, sample_weight: Any = None, n_galaxies: int | None = None, name: str = "y"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Targets as weighted counts, k and N of shape (n_galaxies,); masked votes are N = 0.

    Counts ``(n, 2)`` multiply by `sample_weight`; fractions ``(n,)`` take it as N (1 by
    default). Both enter the log-likelihood of the binomial as ``k log ρ + (N - k) log(1 - ρ)``,
    so the pair (w k, w N) is enough.
    """
    votes, n_votes, weight = _votes_and_weights(y, sample_weight, n_galaxies, name)
    return votes * weight, n_votes * weight


def check_weighted_votes(
    y: Any, sample_weight: Any = None, n_galaxies: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
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
    y: Any, sample_weight: Any, n_galaxies: int | None, name: str = "y"
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Votes k, N and weights."""
    if y is None and name == "y":  # in words that scikit-learn's own checks look for
        raise ValueError(
            "A fit to votes requires y to be passed, but the target y is None. "
            "Pass counts [k, N] or vote fractions as `y`. Got None."
        )
    values, given = check_y(y, name)
    if n_galaxies is not None and len(values) != n_galaxies:
        raise ValueError(
            f"`X` and `{name}` must have the same number of rows. "
            f"Got {n_galaxies} and {len(values)}."
        )
    weight = check_weight(sample_weight, len(values))
    if values.ndim == 2:
        return *values.T, weight
    return values * weight, given * weight, np.ones(len(values))


def check_y(y: Any, name: str = "y") -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Counts [k, N] of shape (n_galaxies, 2) or vote fractions (n_galaxies,), and who has them.

    A galaxy with a masked value has no votes: its row is 0, and the mask returned is False there.
    """
    _refuse_yes_and_no(y, name)
    plain, mask = without_mask(y)
    values = as_float64(plain, name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = column_or_1d(values, warn=True)
    if values.ndim == 0 or values.shape[1:] not in ((), (2,)):
        raise ValueError(
            f"`{name}` must be counts [k, N] of shape (n_galaxies, 2) or vote fractions of shape "
            f"(n_galaxies,). Got shape {values.shape}."
        )
    if values.ndim == 2:
        return _as_counts(values, mask, name)
    given = np.ones(len(values), dtype=bool) if mask is None else ~any_of_row(mask)
    _refuse_nan(values, name)
    _check_fractions(values, name)
    return values, given


def check_counts(
    y: Any, name: str, n_galaxies: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts [k, N] as two arrays of shape (n_galaxies,); both are 0 where either is masked."""
    _refuse_yes_and_no(y, name)
    plain, mask = without_mask(y)
    values = as_float64(plain, name)
    if values.ndim != 2 or values.shape[1] != 2 or n_galaxies not in (None, len(values)):
        why = ", because fractions do not tell N" if n_galaxies is None else ""
        raise ValueError(
            f"`{name}` must be counts [k, N] of shape ({n_galaxies or 'n_galaxies'}, 2){why}. "
            f"Got shape {values.shape}."
        )
    votes, n_votes = _as_counts(values, mask, name)[0].astype(np.int64).T
    return votes, n_votes


def _refuse_yes_and_no(y: Any, name: str) -> None:
    """Refuse a table of how many said yes and how many said no, which would be taken for N."""
    names = [str(column) for column in getattr(y, "columns", ())]
    words = [re.findall(r"[^\W_]+", column.lower()) for column in names]
    if len(names) == 2 and [word for word in words[0] if word not in words[1]] == ["yes"]:
        others = [word for word in words[1] if word not in words[0]]
        if others == ["no"]:
            raise ValueError(
                f"`{name}` must be counts [k, N], of which N are all who answered. Got the columns "
                f"{names[0]!r} and {names[1]!r}; add them up, or read them with "
                "skgalaxy.votes.read_votes."
            )


def _as_counts(
    values: NDArray[np.float64], mask: NDArray[np.bool_] | None, name: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Checked counts, and the galaxies that have any: where either is masked, both are 0."""
    given = np.ones(len(values), dtype=bool) if mask is None else ~any_of_row(mask)
    values = np.where(given[:, None], values, 0)
    _refuse_nan(values, name)
    check_whole(values, name)
    _check_k_le_n(*values.T)
    return values, given


def _refuse_nan(values: NDArray[np.float64], name: str) -> None:
    # a masked value says "missing"; NaN may come of a mistake, for example a division by 0
    unknown = any_of_row(np.isnan(values))
    if unknown.any():
        raise ValueError(
            f"`{name}` must not hold NaN. Got NaN in row {first_rows(unknown)}; mask it if these "
            f"galaxies have no votes, for example with np.ma.masked_invalid({name})."
        )


def _check_fractions(values: NDArray[np.float64], name: str) -> None:
    outside = ~((values >= 0) & (values <= 1))
    if outside.any():
        raise ValueError(
            f"`{name}` of shape (n_galaxies,) must be vote fractions in [0, 1]. "
            f"Got {values[outside][0]:g} in row {first_rows(outside)}; "
            "pass counts as two columns [k, N]."
        )


def check_weight(sample_weight: Any, n_galaxies: int) -> NDArray[np.float64]:
    """Weights as float64 of shape (n_galaxies,), finite and >= 0; None is ones."""
    if sample_weight is None:
        return np.ones(n_galaxies)
    weight = check_numbers(sample_weight, "sample_weight")
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
    ids: Any, name: str, source: Any, rows: NDArray[Any] | None = None
) -> NDArray[np.str_]:
    """Ids as a text array: none missing, mangled by a float, or twice.

    Messages number the rows by `rows`, where these are not all rows of the source.
    """
    given = _as_list(ids, name)
    rows = np.arange(len(given)) if rows is None else rows
    text = [_text(value) for value in given]
    mangled = [
        isinstance(value, float) or MANGLED.fullmatch(id_)
        for value, id_ in zip(given, text, strict=True)
    ]
    for rule, bad in (
        ("be given in every row", [not id_ for id_ in text]),
        ("be text or integers: as floats their last digits are lost", mangled),
        ("be text or integers", _no_ids(given)),
        ("be text that UTF-8 can write, without NUL", _unwritable(text)),
        (f"have at most {LONGEST_ID} characters", [len(id_) > LONGEST_ID for id_ in text]),
    ):
        bad = np.flatnonzero(np.asarray(bad, dtype=bool))
        if bad.size:
            value = given[bad[0]]
            is_plain = isinstance(value, str) and value.isprintable() and len(value) < 60
            got = "none" if not text[bad[0]] else value if is_plain else shortened(value)
            raise ValueError(
                f"`{name}` must {rule}. Got {got} in row {rows[bad[0]]}{of_source(source)}."
            )
    cut = first_cut(text)
    if cut is not None:
        raise ValueError(
            f"`{name}` must have all their digits. Got {text[cut]} in row {rows[cut]}"
            f"{of_source(source)}, where these and all others of 16 and more digits end in zeros, "
            "as a spreadsheet leaves them; take the ids from before it saved them."
        )
    repeated = pd.Index(text, dtype=object).duplicated(keep=False)  # hashed: little memory
    if repeated.any():
        again = text[int(np.argmax(repeated))]
        shown = ", ".join(str(row) for row, id_ in zip(rows, text, strict=True) if id_ == again)
        raise ValueError(
            f"`{name}` must not repeat. Got {again} in rows {shown}{of_source(source)}."
        )
    return np.array(text, dtype=str)


def first_cut(ids: Iterable[str]) -> int | None:
    """Place of the first id whose last digits a spreadsheet has cut; None if it has cut none.

    It cuts those of all ids. Three ids that end so by chance are one in 10^9 or more, because nine
    zeros are asked for, of all ids together.
    """
    first, n_cut, n_zeros = None, 0, 0
    for place, id_ in enumerate(ids):
        zeros = zeros_for_digits(id_)
        if zeros < 0:
            return None
        if zeros:
            first = place if first is None else first
            n_cut, n_zeros = n_cut + 1, n_zeros + zeros
    return first if n_cut >= 3 and n_zeros >= 9 else None


def zeros_for_digits(id_: str) -> int:
    """Number of zeros after the 15 digits that spreadsheets keep; -1 if it has others there."""
    digits = id_.lstrip("+-0")
    if len(digits) <= KEPT_DIGITS or not digits.isdecimal():
        return 0
    return -1 if digits[KEPT_DIGITS:].strip("0") else len(digits) - KEPT_DIGITS


def _as_list(ids: Any, name: str) -> list[Any]:
    """Ids as they were given: in an array, one NaN would make all of them text or floats."""
    refuse_masked(ids, name)
    array = np.array(ids, dtype=object) if isinstance(ids, list | tuple) else np.asarray(ids)
    if array.ndim != 1:
        raise ValueError(f"`{name}` must have shape (n_galaxies,). Got shape {array.shape}.")
    return array.tolist()


_ID_KINDS = (str, bytes, numbers.Integral, os.PathLike, uuid.UUID)


def _no_ids(given: list[Any]) -> list[bool]:
    kinds = {type(value): value for value in given}
    is_id = {kind: isinstance(one, _ID_KINDS) and kind is not bool for kind, one in kinds.items()}
    return [] if all(is_id.values()) else [not is_id[type(value)] for value in given]


def _unwritable(text: list[str]) -> list[bool]:
    """True for text with half a character, or with a NUL, at which other programs stop."""
    if _is_writable("".join(text)):
        return []
    return [not _is_writable(id_) for id_ in text]


def _is_writable(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode(errors="surrogateescape")  # refused if it is no UTF-8
    is_missing = value is None or value is pd.NA or (isinstance(value, float) and value != value)
    return "" if is_missing or value is pd.NaT else str(value).strip()


def of_source(source: Any) -> str:
    """Words " of {source}" for a message; nothing for None."""
    return "" if source is None else f" of {source!r}"
