"""The tables of a catalogue, and the checks of those that you give."""

from typing import Any

import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._spreadsheets import refuse_formulas
from skgalaxy._validation import check_ids, check_n_votes, refuse_masked
from skgalaxy.posterior import VotePosterior

__all__ = ["ID_COLUMN", "check_catalogue", "check_name", "check_posterior", "make_catalogue"]

ID_COLUMN = "id_str"
LEVEL = 0.9  # between the columns _5pc and _95pc


def make_catalogue(
    posterior: VotePosterior,
    ids: ArrayLike,
    *,
    question: str,
    answer: str,
    n_votes: ArrayLike = 40,
) -> pd.DataFrame:
    """Summarise the posterior of one answer, one row per galaxy.

    Parameters
    ----------
    posterior : VotePosterior of n_galaxies
        Of the fraction of volunteers who would give `answer`.
    ids : sequence of str or int, length n_galaxies
        The galaxies' ids, each once.
    question, answer : str
        Names for the columns, for example "smooth-or-featured" and "featured-or-disk".
    n_votes : int or array-like of shape (n_galaxies,), default=40
        Number of volunteers you would ask, the N of the expected votes and of the mutual
        information.

    Returns
    -------
    catalogue : DataFrame of n_galaxies rows
        ``id_str``, text, and then these columns, with ``{question}_{answer}`` before each name:

        - ``_fraction``: posterior mean of the vote fraction ρ;
        - ``_5pc``, ``_95pc``: the percentiles of ρ, a central interval of 90 %;
        - ``_expected_votes``: the mean of k, N times the fraction;
        - ``_mutual_information``: between k and the network's weights, in nats.

        You can join tables of several questions by ``DataFrame.merge(..., on="id_str")``.

    Raises
    ------
    TypeError
        If `ids`, `question` or `answer` is of the wrong kind.
    ValueError
        If ids are missing, repeated, floats, or formulas for a spreadsheet; or the lengths differ.

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.catalogue import make_catalogue
    >>> posterior = VotePosterior([[0.2, 0.8], [0.5, 0.5]])
    >>> catalogue = make_catalogue(posterior, ["588", "587"], question="bar", answer="yes")
    >>> catalogue[["id_str", "bar_yes_fraction", "bar_yes_expected_votes"]]
      id_str  bar_yes_fraction  bar_yes_expected_votes
    0    588               0.5                    20.0
    1    587               0.5                    20.0
    """
    ids = check_ids(ids, "ids", None)
    refuse_formulas(ids, "ids")
    check_posterior(posterior)
    if len(posterior) != len(ids):
        raise ValueError(
            f"`posterior` and `ids` must be of as many galaxies. Got {len(posterior)} and "
            f"{len(ids)}."
        )
    prefix = f"{check_name(question, 'question')}_{check_name(answer, 'answer')}"
    n_votes = check_n_votes(n_votes, len(ids))
    low, high = posterior.interval(LEVEL)
    columns = {
        "fraction": posterior.mean,
        "5pc": low,
        "95pc": high,
        "expected_votes": n_votes * posterior.mean,
        "mutual_information": posterior.mutual_information(n_votes),
    }
    named = {f"{prefix}_{name}": column for name, column in columns.items()}
    return pd.DataFrame({ID_COLUMN: pd.Series(ids, dtype=object), **named})


def check_posterior(posterior: Any) -> None:
    """Raise TypeError unless it is a VotePosterior."""
    if not isinstance(posterior, VotePosterior):
        raise TypeError(
            f"`posterior` must be a VotePosterior. Got {type(posterior).__name__}; "
            "make one of draws with `VotePosterior(draws)`."
        )


def check_name(value: Any, name: str) -> str:
    """A name that every kind of file can hold: text of one line."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise TypeError(f"`{name}` must be text, the name of a {name}. Got {value!r}.")
    return value


def check_catalogue(catalogue: pd.DataFrame) -> pd.DataFrame:
    """Copy a table with plain columns: text as objects, ids checked."""
    if not isinstance(catalogue, pd.DataFrame):
        raise TypeError(f"`catalogue` must be a DataFrame. Got {type(catalogue).__name__}.")
    names = [check_name(name, "column") for name in catalogue.columns]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated or ID_COLUMN not in names:
        raise ValueError(
            f"`catalogue` must have a column {ID_COLUMN!r}, and each column once. "
            f"Got {', '.join(names)}."
        )
    ids = check_ids(catalogue[ID_COLUMN], ID_COLUMN, None)
    refuse_formulas(ids, ID_COLUMN)
    table = {
        name: ids.astype(object) if name == ID_COLUMN else _check_column(name, catalogue[name])
        for name in names
    }
    _refuse_lines(ID_COLUMN, table[ID_COLUMN])
    # by its dtype: pandas 3 would make strings of objects
    return pd.DataFrame({name: pd.Series(col, dtype=col.dtype) for name, col in table.items()})


def _check_column(name: str, column: pd.Series) -> NDArray[Any]:
    """Column as an array of bool, integers, floats, or str objects."""
    refuse_masked(column, f"the column {name!r}")
    # pandas' own types of numbers, for example Int64, are NumPy's where nothing is missing
    values = column.to_numpy(getattr(column.dtype, "numpy_dtype", None))
    if values.dtype.kind in "biuf" and values.dtype.itemsize <= 8:
        return values.astype(values.dtype.newbyteorder("="))  # FITS has the other byte order
    if values.dtype.kind in "biuf":
        raise TypeError(
            f"`catalogue` must hold numbers of at most 64 bits. Got {values.dtype} in the column "
            f"{name!r}; make it float64 with `astype`."
        )
    bad = [row for row, value in enumerate(values) if not isinstance(value, str)]
    if bad:
        raise TypeError(
            f"`catalogue` must hold numbers or text. Got {values[bad[0]]!r} in row {bad[0]} of "
            f"the column {name!r}; make it one of them with `astype`, or drop it."
        )
    _refuse_lines(name, values)
    return values.astype(object)


def _refuse_lines(name: str, values: NDArray[Any]) -> None:
    """Refuse text that not every kind of file holds as it is."""
    for row, value in enumerate(values):
        if not value.isprintable():
            raise ValueError(
                f"`catalogue` must hold text of one line. Got {value!r} in row {row} of the "
                f"column {name!r}; replace what cannot be printed."
            )
