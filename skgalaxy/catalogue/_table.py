"""The tables of a catalogue, and the checks of those that you give."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._spreadsheets import refuse_formulas
from skgalaxy._validation import check_ids, check_n_votes, refuse_masked
from skgalaxy.posterior import Posterior, VotePosterior
from skgalaxy.tree_posterior import TreePosterior

__all__ = ["ID_COLUMN", "check_catalogue", "check_name", "check_posterior", "make_catalogue"]

ID_COLUMN = "id_str"
LEVEL = 0.9  # between the columns _5pc and _95pc
FEWEST_ASKED = 1  # of N volunteers; where fewer are expected, a question is hardly asked


def make_catalogue(
    posterior: VotePosterior | TreePosterior,
    ids: ArrayLike,
    *,
    question: str | None = None,
    answer: str | None = None,
    n_votes: ArrayLike = 40,
) -> pd.DataFrame:
    """Summarise the posterior of one answer, or of a whole tree, one row per galaxy.

    Parameters
    ----------
    posterior : VotePosterior or TreePosterior of n_galaxies
        Of the fraction of volunteers who would give `answer`; or of all answers of a tree.
    ids : sequence of str or int, length n_galaxies
        The galaxies' ids, each once.
    question, answer : str, default=None
        Names for the columns, for example "smooth-or-featured" and "featured-or-disk". With a
        TreePosterior leave them out: its tree has the names.
    n_votes : int or array-like of shape (n_galaxies,), default=40
        Number of volunteers you would ask, the N of the expected votes and of the mutual
        information. With a TreePosterior they walk down the tree.

    Returns
    -------
    catalogue : DataFrame of n_galaxies rows
        ``id_str``, text, and then these columns, with ``{question}_{answer}`` before each name:

        - ``_fraction``: posterior mean of the vote fraction ρ;
        - ``_5pc``, ``_95pc``: the percentiles of ρ, a central interval of 90 %;
        - ``_expected_votes``: the mean of k, N times the fraction;
        - ``_mutual_information``: between k and the network's weights, in nats.

        With a TreePosterior there are the columns of every answer but the last of these. Fractions
        are among those who are asked the question, and the votes to expect are fewer where not all
        N are. Two columns of ``{question}`` say so, and stand before those of its answers:

        - ``_asked_fraction``: the probability that a volunteer is asked it;
        - ``_hardly_asked``: True where fewer than one of N is expected to be asked. There the
          fractions are of a question that hardly applies, for example of a bar in a smooth galaxy.

        You can join tables of several questions by ``DataFrame.merge(..., on="id_str")``.

    Raises
    ------
    TypeError
        If `ids`, `question` or `answer` is of the wrong kind.
    ValueError
        If ids are missing, repeated, floats, or formulas for a spreadsheet; if the lengths differ;
        if `question` or `answer` is given with a TreePosterior, or two of its columns have one
        name.

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

    All questions of a tree:

    >>> from skgalaxy import TreePosterior
    >>> from skgalaxy.likelihoods import Multinomial, TreeLikelihood
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree({"disc": ["yes", "no"], "bar": ["yes", "no"]}, {"bar": ["disc_yes"]})
    >>> fractions = {"disc": Multinomial([[[0.5, 0.5]]]), "bar": Multinomial([[[0.9, 0.1]]])}
    >>> catalogue = make_catalogue(TreePosterior(TreeLikelihood(tree, fractions)), ["588"])
    >>> catalogue[["bar_asked_fraction", "bar_hardly_asked", "bar_yes_expected_votes"]]
       bar_asked_fraction  bar_hardly_asked  bar_yes_expected_votes
    0                 0.5             False                    18.0
    """
    ids = check_ids(ids, "ids", None)
    refuse_formulas(ids, "ids")
    if isinstance(posterior, TreePosterior):
        _refuse_names(posterior, question, answer)
    else:
        check_posterior(posterior)
    if len(posterior) != len(ids):
        raise ValueError(
            f"`posterior` and `ids` must be of as many galaxies. Got {len(posterior)} and "
            f"{len(ids)}."
        )
    if isinstance(posterior, TreePosterior):
        named = _columns_of_tree(posterior, check_n_votes(n_votes, len(ids)))
    else:
        prefix = f"{check_name(question, 'question')}_{check_name(answer, 'answer')}"
        named = _columns_of_answer(posterior, prefix, check_n_votes(n_votes, len(ids)))
    return pd.DataFrame({ID_COLUMN: pd.Series(ids, dtype=object), **named})


def _columns_of_answer(
    posterior: VotePosterior, prefix: str, n_votes: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    low, high = posterior.interval(LEVEL)
    columns = {
        "fraction": posterior.mean,
        "5pc": low,
        "95pc": high,
        "expected_votes": n_votes * posterior.mean,
        "mutual_information": posterior.mutual_information(n_votes),
    }
    return {f"{prefix}_{name}": column for name, column in columns.items()}


def _columns_of_tree(posterior: TreePosterior, n_votes: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Columns of every question, and of its answers."""
    tree, draws = posterior.tree, posterior.draws
    asked_GDQ = tree.asked_fractions(draws)
    mean, (low, high) = posterior.mean, posterior.interval(LEVEL)
    found: list[tuple[str, NDArray[Any]]] = []
    for number, (question, here) in enumerate(tree.slices.items()):
        asked = asked_GDQ[..., number].mean(axis=1)
        found += [
            (f"{question}_asked_fraction", asked),
            (f"{question}_hardly_asked", n_votes * asked < FEWEST_ASKED),
        ]
        # draw by draw: networks that see more discs may see more bars, too
        expected = n_votes[:, None] * np.einsum(
            "gd,gda->ga", asked_GDQ[..., number], draws[..., here]
        )
        expected /= draws.shape[1]
        parts = {
            "fraction": mean[:, here],
            "5pc": low[:, here],
            "95pc": high[:, here],
            "expected_votes": expected,
        }
        for place, answer in enumerate(tree.columns[here]):
            found += [(f"{answer}_{name}", values[:, place]) for name, values in parts.items()]
    names = [name for name, _ in found]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(
            f"The tree's names must give each column a name of its own. Got {twice[0]!r} twice; "
            "rename that answer or question."
        )
    return dict(found)


def _refuse_names(posterior: TreePosterior, question: str | None, answer: str | None) -> None:
    for name, value in (("question", question), ("answer", answer)):
        if value is not None:
            raise ValueError(
                f"`{name}` must be left out with a TreePosterior, which has all questions. "
                f"Got {value!r}; for a catalogue of one answer take `posterior[question, answer]`."
            )


def check_posterior(posterior: Any) -> None:
    """Raise TypeError unless it is a VotePosterior."""
    if not isinstance(posterior, VotePosterior):
        has_answers = isinstance(posterior, Posterior) and posterior.draws.ndim == 3
        remedy = "take one answer's, for example `posterior['bar', 'yes']`"
        if not has_answers:
            remedy = "make one of draws with `VotePosterior(draws)`"
        raise TypeError(
            f"`posterior` must be a VotePosterior. Got {type(posterior).__name__}; {remedy}."
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
