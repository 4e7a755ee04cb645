"""`select_sample`: the galaxies of a sample with a stated purity or completeness.

Galaxy i belongs to a class, for example of featured galaxies, with probability p_i. A sample S of
the most probable galaxies has the expected purity and completeness::

    purity(S) = Σ_S p_i / |S|        completeness(S) = Σ_S p_i / Σ p_i

Both are averages over the posterior. Down the ranking purity falls and completeness rises, so one
cut fixes both.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import (
    MOST_OUTCOMES,
    check_float,
    check_n_votes,
    first_rows,
)
from skgalaxy.catalogue._table import check_posterior
from skgalaxy.exceptions import EmptySampleWarning
from skgalaxy.posterior import VotePosterior

__all__ = ["Sample", "select_sample"]

_ROUNDING = 1e-9  # of a sum of a million probabilities, relative


class Sample(NamedTuple):
    """Galaxies that `select_sample` chose, and the sample's expected purity and completeness."""

    rows: NDArray[np.intp]
    probability: NDArray[np.float64]
    purity: float
    completeness: float


def select_sample(
    posterior: VotePosterior,
    *,
    purity: float | None = None,
    completeness: float | None = None,
    threshold: float | None = None,
    n_votes: ArrayLike | None = None,
    at_least: ArrayLike | None = None,
) -> Sample:
    """Select the galaxies of a class, with a stated purity or completeness.

    Galaxies are ranked by the probability that they belong to the class: that most volunteers
    would say yes, or that at least so many of N would. With `purity` you get the largest sample
    that is expected to be as pure, with `completeness` the smallest one that is expected to hold
    such a share of the class. Galaxies of equal probability are all in or all out, so the sample
    does not depend on the order of the rows.

    Both are expectations, and only as good as the calibration of `posterior`. Take a calibrated
    one, for example of `skgalaxy.recommended`.

    Parameters
    ----------
    posterior : VotePosterior of n_galaxies
        For example from `skgalaxy.model_selection.cross_val_posterior`.
    purity : float in (0, 1], default=None
        Share of the sample that is in the class, at least. Give this or `completeness`.
    completeness : float in (0, 1], default=None
        Share of the class that is in the sample, at least.
    threshold : float in [0, 1), default=None
        The class is all galaxies with a vote fraction ρ above it. None is 0.5, unless you give
        `n_votes` and `at_least`.
    n_votes, at_least : int or array-like of shape (n_galaxies,), default=None
        With both, the class is all galaxies to which at least `at_least` of `n_votes` volunteers
        would say yes. Such a class depends on the chance of votes, too.

    Returns
    -------
    sample : namedtuple
        - rows, of the galaxies selected, the most probable first;
        - probability, of each of them to be in the class;
        - purity and completeness that are expected of the sample.

    Raises
    ------
    TypeError
        If `posterior` is not a VotePosterior, for example an array of draws, which leaves out how
        votes scatter.
    ValueError
        If not exactly one of `purity` and `completeness` is given, or a number is out of range.

    Warns
    -----
    EmptySampleWarning
        If no galaxy is sure enough. The sample then has no rows, its purity is NaN, and its
        completeness 0 (NaN if no galaxy can be in the class).

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.catalogue import select_sample
    >>> from skgalaxy.likelihoods import BetaBinomial
    >>> posterior = VotePosterior(BetaBinomial([[0.3], [0.9], [0.6], [0.7]], concentration=10))
    >>> posterior.probability_above(0.5).round(2)
    array([0.09, 1.  , 0.75, 0.91])
    >>> sample = select_sample(posterior, purity=0.9)
    >>> print(sample.rows, f"purity {sample.purity:.2f}, complete to {sample.completeness:.2f}")
    [1 3] purity 0.95, complete to 0.70
    """
    check_posterior(posterior)
    goals = {"purity": purity, "completeness": completeness}
    wanted = {name: goal for name, goal in goals.items() if goal is not None}
    if len(wanted) != 1:
        raise ValueError(
            "One of `purity` and `completeness` must be given, because one cut fixes both. "
            f"Got {'both' if wanted else 'neither'}."
        )
    ((name, goal),) = wanted.items()
    goal = check_float(goal, name, 0, 1, closed="right")
    p = _probability(posterior, threshold, n_votes, at_least)
    order = np.argsort(-p, kind="stable")
    rows = order[: _largest_pure(p[order], goal) if name == "purity" else _complete(p[order], goal)]
    if not len(rows):
        warnings.warn(
            f"No galaxy is sure enough for {name}={goal:g}: the most probable of {len(p)} has "
            f"{p.max(initial=0):.3g}. The sample is empty.",
            EmptySampleWarning,
            stacklevel=2,
        )
    inside = p[rows]
    return Sample(
        rows,
        inside,
        float(inside.mean()) if len(rows) else np.nan,
        float(min(inside.sum() / p.sum(), 1)) if p.any() else np.nan,
    )


def _largest_pure(p: NDArray[np.float64], purity: float) -> int:
    """Size of the largest sample of that purity; `p` falls, and so does purity."""
    ends = _ends(p)
    pure = np.cumsum(p)[ends - 1] >= (purity - _ROUNDING) * ends
    return int(ends[pure].max(initial=0))


def _complete(p: NDArray[np.float64], completeness: float) -> int:
    """Size of the smallest sample of that completeness, 0 if no galaxy can be in the class."""
    if not p.any():
        return 0
    ends = _ends(p)
    complete = np.cumsum(p)[ends - 1] >= (completeness - _ROUNDING) * p.sum()
    return int(ends[complete][0])


def _ends(p: NDArray[np.float64]) -> NDArray[np.intp]:
    """Sizes of samples that do not divide galaxies of equal probability."""
    return np.flatnonzero(np.diff(p, append=-1.0) < 0) + 1


def _probability(
    posterior: VotePosterior,
    threshold: float | None,
    n_votes: ArrayLike | None,
    at_least: ArrayLike | None,
) -> NDArray[np.float64]:
    """Probability of every galaxy to be in the class."""
    if n_votes is None and at_least is None:
        threshold = 0.5 if threshold is None else threshold
        return posterior.probability_above(check_float(threshold, "threshold", 0, 1, closed="left"))
    if threshold is not None or n_votes is None or at_least is None:
        got = {"threshold": threshold, "n_votes": n_votes, "at_least": at_least}
        raise ValueError(
            "The class must be given by `threshold`, or by both `n_votes` and `at_least`. "
            f"Got {' and '.join(name for name, value in got.items() if value is not None)}."
        )
    n_votes = check_n_votes(n_votes, len(posterior), most=MOST_OUTCOMES)
    at_least = check_n_votes(at_least, len(posterior), name="at_least")
    outside = (at_least < 1) | (at_least > n_votes)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise ValueError(
            "`at_least` must be from 1 to `n_votes`. "
            f"Got {at_least[row]} of {n_votes[row]} in row {first_rows(outside)}."
        )
    pmf = posterior.pmf(n_votes)
    return np.sum(pmf, axis=1, where=np.arange(pmf.shape[1]) >= at_least[:, None])
