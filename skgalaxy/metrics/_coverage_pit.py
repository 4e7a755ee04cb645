"""Coverage and probability integral transform (PIT): tests of a posterior's own errors.

Coverage compares the share of galaxies with votes inside an interval to the share that the
posterior predicts. The PIT is the place of the votes within the posterior. Over many galaxies it is
uniform if the posterior is right.

Votes are whole numbers. So hardly any interval holds exactly 90 %, and F(k) is never uniform. One
remedy serves for both: the observed k stands for the whole step of the distribution function,
from F(k - 1) to F(k), and counts with the part of the step that lies inside. All results are then
exact in expectation for votes that follow the posterior.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_choice, check_int, check_numbers, check_seed
from skgalaxy.metrics._checks import describe_judged, judged_galaxies

# Rounding, of float32 too, must not decide whether an outcome exactly at a half-width is within it,
# nor the order of two outcomes that are equally probable.
TOLERANCE = 1e-6


class VoteCoverage(NamedTuple):
    """Predicted and observed coverage at several half-widths."""

    half_widths: NDArray[np.float64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]


@describe_judged
def vote_coverage(
    y_true: ArrayLike,
    pmf: ArrayLike,
    half_widths: float | ArrayLike,
    *,
    unit: Literal["fraction", "votes"] = "fraction",
) -> VoteCoverage:
    """Share of galaxies with votes within a distance of the expected votes.

    Parameters
    ----------
    {y_true, pmf}
    half_widths : float or array-like of shape (n_widths,)
        Distances w >= 0, for example 0.2; votes exactly at w are within.
    unit : {"fraction", "votes"}, default="fraction"
        "fraction" if you give w as a fraction of the galaxy's N, "votes" if as a number of votes.

    Returns
    -------
    coverage : namedtuple of ndarrays of shape (n_widths,)
        half_widths; predicted, the posterior mass with ``|k - E[k]| <= w``, a mean over
        galaxies; observed, the share of galaxies with their k in that interval. The posterior is
        over-confident where predicted is above observed.

    Raises
    ------
    ValueError
        If `y_true` does not hold counts, `pmf` is no distribution over their outcomes, or a
        half-width is negative.

    Notes
    -----
    Walmsley et al. 2020 round E[k] down, which shifts every interval by half a vote on average.
    Here it is not rounded.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424).

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.metrics import vote_coverage
    >>> pmf = VotePosterior([[0.5], [0.5]]).pmf(2)
    >>> print(vote_coverage([[0, 2], [1, 2]], pmf, [0, 1], unit="votes").predicted)
    [0.5 1. ]
    """
    check_choice(unit, "unit", ("fraction", "votes"))
    half_widths = _check_half_widths(half_widths)
    votes, n_votes, pmf = judged_galaxies(y_true, pmf)
    outcomes = np.arange(pmf.shape[1])
    expected = pmf @ outcomes
    scale = n_votes if unit == "fraction" else 1
    distance = np.abs(outcomes - expected[:, None])
    missed_by = np.abs(votes - expected)
    reach = half_widths[:, None] * scale + TOLERANCE * n_votes  # votes, (n_widths, n_galaxies)
    # Walmsley+2020, coverage within ±w of E[k], but with E[k] not rounded; width by width, since
    # all at once would need n_widths times the memory of `pmf`
    predicted = [np.sum(pmf, where=distance <= r[:, None]) / len(votes) for r in reach]
    return VoteCoverage(half_widths, np.array(predicted), (missed_by <= reach).mean(axis=1))


def coverage_error(
    y_true: ArrayLike,
    pmf: ArrayLike,
    half_width: float = 0.2,
    *,
    unit: Literal["fraction", "votes"] = "fraction",
) -> float:
    """Predicted coverage minus observed coverage: the over-confidence of a posterior.

    Parameters
    ----------
    y_true, pmf, unit
        As in `vote_coverage`.
    half_width : float, default=0.2
        Distance from the expected votes. The default is the published one: of 40 votes, for
        example, 8 to either side.

    Returns
    -------
    error : float
        In [-1, 1]: positive if the posterior is over-confident, negative if it is too wide, 0 if
        it is right at this half-width. See `vote_coverage` if you want several half-widths.

    Raises
    ------
    ValueError
        As in `vote_coverage`.

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.metrics import coverage_error
    >>> sure = VotePosterior([[0.5], [0.5]])
    >>> print(round(coverage_error([[2, 40], [20, 40]], sure.pmf(40)), 3))
    0.494
    """
    width = check_numbers(half_width, "half_width")
    if width.ndim:
        raise ValueError(
            f"`half_width` must be a number. Got shape {width.shape}; `vote_coverage` takes "
            "several."
        )
    _, predicted, observed = vote_coverage(y_true, pmf, half_width, unit=unit)
    return float(predicted[0] - observed[0])


@overload
def interval_coverage(
    y_true: ArrayLike,
    pmf: ArrayLike,
    levels: float = 0.9,
    *,
    kind: Literal["central", "highest_density"] = "central",
) -> float: ...
@overload
def interval_coverage(
    y_true: ArrayLike,
    pmf: ArrayLike,
    levels: Sequence[float] | NDArray[Any],
    *,
    kind: Literal["central", "highest_density"] = "central",
) -> NDArray[np.float64]: ...
@describe_judged
def interval_coverage(
    y_true: ArrayLike,
    pmf: ArrayLike,
    levels: float | ArrayLike = 0.9,
    *,
    kind: Literal["central", "highest_density"] = "central",
) -> float | NDArray[np.float64]:
    """Share of galaxies with votes within the posterior's credible interval.

    Parameters
    ----------
    {y_true, pmf}
    levels : float or array-like of shape (n_levels,), default=0.9
        Posterior mass of the interval, in (0, 1), for example ``[0.5, 0.9]``.
    kind : {"central", "highest_density"}, default="central"
        "central" leaves out the same mass at both ends, "highest_density" the least probable
        outcomes.

    Returns
    -------
    coverage : float or ndarray of shape (n_levels,)
        A float if you give one level. In expectation it is the level itself if the posterior is
        right, and less if it is over-confident.

    Raises
    ------
    ValueError
        If `y_true` does not hold counts, `pmf` is no distribution over their outcomes, or a level
        is not in (0, 1).

    Notes
    -----
    Few intervals of whole votes hold exactly `levels` of the mass. So the outcome at each end
    counts fractionally: the mass inside then equals the level, and a galaxy with its k there
    counts with the same fraction. The result is the expectation over randomised ends, without a
    seed. Equally probable outcomes count with equal fractions.

    An interval of whole votes, such as that of `VotePosterior.interval`, holds at least the level,
    so it covers more.

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.metrics import interval_coverage
    >>> sure = VotePosterior([[0.5], [0.5]])
    >>> print(interval_coverage([[2, 40], [20, 40]], sure.pmf(40), [0.1, 0.9]).round(2))
    [0.4 0.5]
    """
    check_choice(kind, "kind", ("central", "highest_density"))
    levels = _check_levels(levels)
    votes, _, pmf = judged_galaxies(y_true, pmf)
    if kind == "central":
        # the part of the step at k that lies between the quantiles (1 - level) / 2, (1 + level) / 2
        step = _step_in_cdf(votes, pmf)
        inside = _share_below((1 + levels) / 2, *step) - _share_below((1 - levels) / 2, *step)
    else:
        inside = _share_below(levels, *_step_in_density(votes, pmf))
    coverage = inside.mean(axis=0)
    return coverage if levels.ndim else float(coverage)


@describe_judged
def pit_values(
    y_true: ArrayLike,
    pmf: ArrayLike,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    """Randomised probability integral transform: the places of votes in their posteriors.

    Use it for tests of uniformity, for example that of Kolmogorov and Smirnov. For a figure,
    `pit_histogram` does without randomness.

    Parameters
    ----------
    {y_true, pmf}
    random_state : int, RandomState or None, default=None
        Seed of the uniform u. Pass an int if you want the same values again.

    Returns
    -------
    values : ndarray of shape (n_galaxies_asked,)
        F(k - 1) + u p(k) of every galaxy with N > 0: uniform on [0, 1] if the posterior is right.

    Raises
    ------
    ValueError
        If `y_true` does not hold counts, or `pmf` is no distribution over their outcomes.

    References
    ----------
    Smith 1985, Journal of Forecasting 4, 283; Czado, Gneiting & Held 2009, Biometrics 65, 1254.

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.metrics import pit_values
    >>> sure = VotePosterior([[0.5], [0.5]])
    >>> print(pit_values([[2, 40], [20, 40]], sure.pmf(40), random_state=0).round(2))
    [0.   0.53]
    """
    votes, _, pmf = judged_galaxies(y_true, pmf)
    below, mass = _step_in_cdf(votes, pmf)
    uniform = check_seed(random_state).uniform(size=len(votes))
    # Smith 1985: F(k - 1) + u p(k); clipped, since a sum of float32 may end beyond 1
    return np.clip(below + uniform * mass, 0, 1)


@describe_judged
def pit_histogram(y_true: ArrayLike, pmf: ArrayLike, n_bins: int = 10) -> NDArray[np.float64]:
    """Histogram of the probability integral transform, without randomness.

    Parameters
    ----------
    {y_true, pmf}
    n_bins : int, default=10
        Number of equal bins of [0, 1].

    Returns
    -------
    heights : ndarray of shape (n_bins,)
        Densities of mean 1: each galaxy adds a uniform density on [F(k - 1), F(k)]. You see a flat
        histogram if the posterior is right, high ends if it is over-confident, a high middle if
        it is too wide, and a slope if it is biased.

    Raises
    ------
    ValueError
        If `y_true` does not hold counts, `pmf` is no distribution over their outcomes, or
        `n_bins` < 1.

    References
    ----------
    Czado, Gneiting & Held 2009, Biometrics 65, 1254.

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.metrics import pit_histogram
    >>> sure = VotePosterior([[0.5], [0.5]])
    >>> print(pit_histogram([[2, 40], [38, 40]], sure.pmf(40), n_bins=4).round(1))
    [2. 0. 0. 2.]
    """
    n_bins = check_int(n_bins, "n_bins", 1)
    votes, _, pmf = judged_galaxies(y_true, pmf)
    inner = np.linspace(0, 1, n_bins + 1)[1:-1]
    # Czado+2009, the non-randomised PIT: the share of every step F(k - 1) ... F(k) below an edge
    below = _share_below(inner, *_step_in_cdf(votes, pmf))
    # 0 and 1 bound every value, which rounding of F might forget
    return n_bins * np.diff(below.mean(axis=0), prepend=0.0, append=1.0)


def _step_in_cdf(
    votes: NDArray[np.int64], pmf: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F(k - 1) and p(k), the step of the distribution function at the observed votes."""
    rows = np.arange(len(votes))
    cdf = pmf.cumsum(axis=1)
    # k = 0 would index the last column, and is replaced by F(-1) = 0
    return np.where(votes > 0, cdf[rows, votes - 1], 0.0), pmf[rows, votes]


def _step_in_density(
    votes: NDArray[np.int64], pmf: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mass of the outcomes more probable than the observed one, and mass of its equals."""
    observed = pmf[np.arange(len(votes)), votes][:, None]
    more = pmf > observed * (1 + TOLERANCE)
    # relative tolerance: symmetric outcomes differ in the last digits, at any probability
    tied = ~more & (pmf >= observed * (1 - TOLERANCE))
    return np.sum(pmf, axis=1, where=more), np.sum(pmf, axis=1, where=tied)


def _share_below(
    quantiles: NDArray[np.float64], start: NDArray[np.float64], mass: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of every step below each quantile, (n_galaxies,) or (n_galaxies, n)."""
    start, mass = (np.reshape(part, (-1,) + (1,) * quantiles.ndim) for part in (start, mass))
    with np.errstate(over="ignore"):  # an impossible vote is a step of no width
        return np.clip((quantiles - start) / np.maximum(mass, np.finfo(float).tiny), 0, 1)


def _check_levels(levels: ArrayLike) -> NDArray[np.float64]:
    """Levels in (0, 1), of shape () or (n_levels,)."""
    levels = check_numbers(levels, "levels")
    outside = ~((levels > 0) & (levels < 1))
    if levels.ndim > 1 or outside.any():
        got = f"{levels[outside].flat[0]:g}" if outside.any() else f"shape {levels.shape}"
        raise ValueError(f"`levels` must be a number in (0, 1) or a row of them. Got {got}.")
    return levels


def _check_half_widths(half_widths: ArrayLike) -> NDArray[np.float64]:
    """Finite half-widths >= 0 of shape (n_widths,)."""
    half_widths = np.atleast_1d(check_numbers(half_widths, "half_widths"))
    wrong = ~(np.isfinite(half_widths) & (half_widths >= 0))
    if half_widths.ndim > 1 or wrong.any():
        got = f"{half_widths[wrong][0]:g}" if wrong.any() else f"shape {half_widths.shape}"
        raise ValueError(f"`half_widths` must be a number >= 0 or a row of them. Got {got}.")
    return half_widths
