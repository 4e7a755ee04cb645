"""Checks of the arguments that metrics share: counts of votes, and probabilities of outcomes."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._docstrings import fill_docstring
from skgalaxy._validation import any_of_row, check_counts, check_numbers, first_rows

MASS_TOLERANCE = 1e-6  # float32 probabilities of 40 votes sum to 1 within a few 1e-7

# the entries of the parameters that `judged_galaxies` takes
describe_judged = fill_docstring(
    y_true="""
        y_true : array-like of shape (n_galaxies, 2)
            Counts [k, N]; rows with N = 0 or a masked value are left out.
    """,
    pmf="""
        pmf : array-like of shape (n_galaxies, max(N) + 1)
            Probability of every outcome, for example ``posterior.pmf(y_true[:, 1])``.
    """,
)


def check_pmf(pmf: ArrayLike) -> NDArray[np.float64]:
    """Probabilities as a float64 array (n_galaxies, n_outcomes) of rows that sum to 1."""
    pmf = check_numbers(pmf, "pmf")
    if pmf.ndim != 2:
        raise ValueError(
            "`pmf` must hold a row of probabilities for every galaxy, shape "
            f"(n_galaxies, max(N) + 1). Got shape {pmf.shape}."
        )
    # written so that NaN is wrong, too: every comparison with it is false
    wrong = ~(np.isfinite(pmf) & (pmf >= 0))
    if wrong.any():
        raise ValueError(
            "`pmf` must be probabilities, finite and >= 0. "
            f"Got {pmf[wrong][0]:g} in row {first_rows(any_of_row(wrong))}."
        )
    mass = pmf.sum(axis=1)
    off = np.abs(mass - 1) > MASS_TOLERANCE
    if off.any():
        raise ValueError(
            "`pmf` must sum to 1 over the outcomes of a galaxy. "
            f"Got {mass[off][0]:.9g} in row {first_rows(off)}."
        )
    return pmf


def check_outcomes(pmf: NDArray[np.float64], n_votes: NDArray[np.int64]) -> None:
    """Refuse a checked `pmf` that is not over the outcomes 0 ... N of every galaxy."""
    width = n_votes.max(initial=0) + 1
    if len(pmf) != len(n_votes) or pmf.shape[1] < width:
        raise ValueError(
            "`pmf` must hold the probability of every outcome 0 ... N of every galaxy, shape "
            f"({len(n_votes)}, {width}). Got shape {pmf.shape}; pass `posterior.pmf(y[:, 1])`."
        )
    # mass on impossible outcomes is the sign of a pmf for another N, or in another order of rows
    beyond = np.sum(pmf, axis=1, where=np.arange(pmf.shape[1]) > n_votes[:, None])
    stray = beyond > MASS_TOLERANCE
    if stray.any():
        raise ValueError(
            "`pmf` must be 0 beyond a galaxy's own N. "
            f"Got {beyond[stray][0]:g} beyond N={n_votes[stray][0]} in row {first_rows(stray)}; "
            "pass `posterior.pmf(y[:, 1])`."
        )


def check_asked(n_votes: NDArray[Any], name: str = "y_true") -> NDArray[np.bool_]:
    """Mask of the galaxies with votes; raise ValueError if there is none."""
    asked = n_votes > 0
    if not asked.any():
        raise ValueError(
            f"`{name}` must hold at least one vote. Got N = 0 for all {len(n_votes)} galaxies."
        )
    return asked


def judged_galaxies(
    y_true: ArrayLike, pmf: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Checked k, N and `pmf` of the galaxies with votes."""
    votes, n_votes = check_counts(y_true, "y_true")
    pmf = check_pmf(pmf)
    # rows are compared before any is left out, so that messages number them as the caller does
    check_outcomes(pmf, n_votes)
    asked = check_asked(n_votes)
    return votes[asked], n_votes[asked], pmf[asked]
