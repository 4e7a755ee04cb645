"""Scores of predicted vote fractions, judged by votes.

Every score takes targets as the estimator does: counts [k, N], or fractions with `sample_weight` as
N. Votes scatter, so even the true ρ misses k / N. `vote_noise_floor` estimates this scatter; quote
it beside every RMSE.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlog1py, xlogy

from skgalaxy._docstrings import fill_docstring
from skgalaxy._validation import (
    check_choice,
    check_counts,
    check_int,
    check_numbers,
    check_targets,
    check_weight,
    first_rows,
)
from skgalaxy.metrics._checks import check_asked
from skgalaxy.votes import DecisionTree

ROUNDING = 1e-12  # a weighted mean of fractions may end this far from where it should


class ReliabilityCurve(NamedTuple):
    """Observed and predicted vote fractions in bins of the prediction."""

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    n_galaxies: NDArray[Any]
    standard_error: NDArray[np.float64]


# the entries of the parameters that `_check_scored` takes
describe_scored = fill_docstring(
    y_true="""
        y_true : array-like of shape (n_galaxies, 2) or (n_galaxies,)
            Counts [k, N], for example ``[[12, 40]]``, or vote fractions. Galaxies without votes,
            with N = 0 or a masked value, are left out.
    """,
    y_pred="""
        y_pred : array-like of shape (n_galaxies,)
            Predicted vote fractions ρ, in [0, 1].
    """,
    sample_weight="""
        sample_weight : array-like of shape (n_galaxies,), default=None
            A factor on the log-likelihood of each galaxy, if you pass counts; N, if you pass vote
            fractions.
    """,
)


def _binomial_deviance(
    votes: NDArray[np.float64], n_votes: NDArray[np.float64], rho: NDArray[np.float64]
) -> float:
    """Binomial deviance: twice the log-likelihood lost against the galaxies' own k / N, summed."""
    missed = n_votes - votes
    # McCullagh & Nelder 1989, 2 Σ k log(k / N ρ) + (N - k) log((N - k) / (N - N ρ)): the votes at
    # their own k / N, less those at ρ; xlogy takes 0 log 0 as its limit, 0
    saturated = xlogy(votes, votes) + xlogy(missed, missed) - xlogy(n_votes, n_votes)
    with np.errstate(divide="ignore"):  # an impossible vote makes the deviance infinite
        return 2 * np.sum(saturated - xlogy(votes, rho) - xlogy(missed, 1 - rho))


@describe_scored
def binomial_log_loss(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Mean negative log-likelihood of a vote, in nats.

    You get the value of scikit-learn's ``log_loss`` on the single votes, without writing them out.

    Parameters
    ----------
    {y_true, y_pred, sample_weight}

    Returns
    -------
    loss : float
        At least 0; lower is better. It is infinite if a vote was cast that ρ rules out.

    Raises
    ------
    ValueError
        If the targets are not votes, if there is no vote, or if `y_pred` leaves [0, 1].

    Examples
    --------
    >>> from skgalaxy.metrics import binomial_log_loss
    >>> print(round(binomial_log_loss([[5, 10], [9, 10]], [0.5, 0.9]), 3))
    0.509
    """
    votes, n_votes, y_pred = _check_scored(y_true, y_pred, sample_weight)
    # without the binomial coefficient: single votes have an order, counts do not
    log_likelihood = xlogy(votes, y_pred) + xlog1py(n_votes - votes, -y_pred)
    return float(-log_likelihood.sum() / n_votes.sum())


@describe_scored
def d2_binomial_score(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """D²: the fraction of binomial deviance explained.

    You can read it as R², for votes instead of continuous targets.

    Parameters
    ----------
    {y_true, y_pred, sample_weight}

    Returns
    -------
    score : float
        1 for ρ = k / N everywhere, 0 for the mean vote fraction everywhere, negative for worse.
        It is -inf if a vote was cast that ρ rules out. If all k / N are equal, for example if no
        volunteer said yes, there is nothing to explain: as scikit-learn's R² it is then 1 for a
        perfect ρ and 0 for any other.

    Raises
    ------
    ValueError
        If the targets are not votes, if there is no vote, or if `y_pred` leaves [0, 1].

    Examples
    --------
    >>> from skgalaxy.metrics import d2_binomial_score
    >>> votes = [[1, 10], [9, 10]]
    >>> print(round(d2_binomial_score(votes, [0.2, 0.8]), 3), d2_binomial_score(votes, [0.5, 0.5]))
    0.9 0.0
    """
    votes, n_votes, y_pred = _check_scored(y_true, y_pred, sample_weight)
    lost = _binomial_deviance(votes, n_votes, y_pred)
    if np.ptp(votes / n_votes) <= ROUNDING:
        is_perfect = np.abs(votes / n_votes - y_pred).max() <= ROUNDING
        return float(is_perfect) if np.isfinite(lost) else -np.inf
    # the deviance of one ρ for all galaxies, the mean over votes
    null = _binomial_deviance(votes, n_votes, np.full_like(y_pred, votes.sum() / n_votes.sum()))
    return float(1 - lost / null)


def d2_tree_score(
    tree: DecisionTree, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """D² over all questions of a tree: the fraction of multinomial deviance explained.

    Parameters
    ----------
    tree : DecisionTree
    y_true : array-like of shape (n_galaxies, n_answers)
        Counts of all answers, as for `skgalaxy.BayesianCNNRegressor.fit`.
    y_pred : array-like of shape (n_galaxies, n_answers)
        Predicted fraction of every answer among those who are asked its question. NaN in a whole
        question is no prediction, and counts as the mean fractions: it explains nothing.
    sample_weight : array-like of shape (n_galaxies,), default=None
        Factor on the log-likelihood of each galaxy.

    Returns
    -------
    score : float
        1 for the galaxies' own fractions, 0 for the mean fractions of every question, negative for
        worse. If there is nothing to explain it is 1 for perfect predictions and else 0.

    Raises
    ------
    ValueError
        If counts are none of this tree, if there is no vote, or if `y_pred` leaves [0, 1].

    Examples
    --------
    >>> from skgalaxy.metrics import d2_tree_score
    >>> from skgalaxy.votes import DecisionTree
    >>> tree = DecisionTree({"bar": ["strong", "weak", "no"]})
    >>> votes = [[8, 1, 1], [0, 1, 9]]
    >>> print(round(d2_tree_score(tree, votes, [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]), 3))
    0.844
    """
    counts = np.nan_to_num(tree.check_counts(y_true, None), nan=0.0)
    predicted = check_numbers(y_pred, "y_pred")
    none = np.isnan(predicted)
    if predicted.shape != counts.shape or not ((predicted >= 0) & (predicted <= 1) | none).all():
        raise ValueError(
            f"`y_pred` must be fractions in [0, 1] of shape {counts.shape}. "
            f"Got shape {predicted.shape}, from {np.nanmin(predicted):g} to "
            f"{np.nanmax(predicted):g}."
        )
    for question, here in tree.slices.items():
        if (none[:, here].any(axis=1) & ~none[:, here].all(axis=1)).any():
            raise ValueError(
                "`y_pred` must be fractions, or NaN in all answers to a question. Got NaN in some "
                f"to {question!r}."
            )
    weighted = counts * check_weight(sample_weight, len(counts))[:, None]
    if not weighted.any():
        raise ValueError("`y_true` must hold a vote of weight > 0. Got none.")
    lost, null = 0.0, 0.0
    for question in tree.questions:
        here = tree.slices[question]
        k = weighted[:, here]
        mean = np.broadcast_to(k.sum(axis=0) / max(k.sum(), 1), k.shape)
        lost += _multinomial_deviance(k, np.where(none[:, here], mean, predicted[:, here]))
        null += _multinomial_deviance(k, mean)
    if null <= ROUNDING * weighted.sum():
        return float(lost <= ROUNDING * weighted.sum()) if np.isfinite(lost) else -np.inf
    return float(1 - lost / null)


def _multinomial_deviance(counts: NDArray[np.float64], fractions: NDArray[np.float64]) -> float:
    """Multinomial deviance: twice the log-likelihood lost against the galaxies' own fractions."""
    # McCullagh & Nelder 1989, 2 Σ_a k_a log(k_a / N p_a)
    saturated = xlogy(counts, counts).sum() - xlogy(counts.sum(axis=1), counts.sum(axis=1)).sum()
    with np.errstate(divide="ignore"):  # an impossible vote makes the deviance infinite
        return float(2 * (saturated - xlogy(counts, fractions).sum()))


@describe_scored
def vote_fraction_rmse(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Root-mean-square difference between predicted ρ and observed k / N.

    Galaxies without votes are left out. All others weigh the same, as in Walmsley et al. 2020.

    Parameters
    ----------
    {y_true, y_pred}

    Returns
    -------
    rmse : float
        In [0, 1]; lower is better. You cannot expect less than `vote_noise_floor`.

    Raises
    ------
    ValueError
        If the targets are not votes, if there is no vote, or if `y_pred` leaves [0, 1].

    Examples
    --------
    >>> from skgalaxy.metrics import vote_fraction_rmse
    >>> print(round(vote_fraction_rmse([[1, 10], [9, 10]], [0.2, 0.8]), 3))
    0.1
    """
    votes, n_votes, y_pred = _check_scored(y_true, y_pred)
    return float(np.sqrt(np.mean((votes / n_votes - y_pred) ** 2)))


def vote_noise_floor(y_true: ArrayLike) -> float:
    """RMSE of a perfect model: the scatter of k / N about the true ρ.

    The variance of k / N is ρ (1 - ρ) / N. With f = k / N, ``f (1 - f) / (N - 1)`` is an unbiased
    estimate of it. One vote shows no scatter, so galaxies with N < 2 are left out.

    Parameters
    ----------
    y_true : array-like of shape (n_galaxies, 2)
        Counts [k, N].

    Returns
    -------
    floor : float
        For example 0.08 for 40 votes on each galaxy, half of them "yes".

    Raises
    ------
    ValueError
        If no galaxy has two votes, for example if you pass fractions instead of counts.

    Examples
    --------
    >>> from skgalaxy.metrics import vote_noise_floor
    >>> print(round(vote_noise_floor([[20, 40], [4, 40]]), 3))
    0.066
    """
    votes, n_votes = check_targets(y_true, name="y_true")
    several = n_votes > 1
    if not several.any():
        raise ValueError(
            "`y_true` must hold a galaxy of at least two votes, to tell how votes scatter. "
            f"Got N of at most {n_votes.max(initial=0):g}; pass counts [k, N]."
        )
    fraction = votes[several] / n_votes[several]
    # over N - 1, not N: f scatters about ρ, so on average f (1 - f) is ρ (1 - ρ) (N - 1) / N
    return float(np.sqrt(np.mean(fraction * (1 - fraction) / (n_votes[several] - 1))))


def reliability_curve(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    n_bins: int = 10,
    strategy: Literal["quantile", "uniform"] = "quantile",
) -> ReliabilityCurve:
    """Observed against predicted vote fractions, in bins of the prediction.

    The counterpart of ``sklearn.calibration.calibration_curve``, for votes instead of classes.

    Parameters
    ----------
    y_true : array-like of shape (n_galaxies, 2)
        Counts [k, N]; rows with N = 0 or a masked value are left out.
    y_pred : array-like of shape (n_galaxies,)
        Predicted vote fractions ρ.
    n_bins : int, default=10
        Number of bins; a bin without a galaxy is left out.
    strategy : {"quantile", "uniform"}, default="quantile"
        "quantile" puts the same number of galaxies into each bin, "uniform" makes all bins equally
        wide. Choose "uniform" if you want to compare curves of several models bin by bin.

    Returns
    -------
    curve : namedtuple of ndarrays of shape (n_filled_bins,)
        predicted, the mean ρ over votes, Σ N ρ / Σ N; observed, Σ k / Σ N; n_galaxies; and
        standard_error, the error of observed, NaN for a bin of one galaxy.

    Raises
    ------
    ValueError
        If `y_true` does not hold counts, or `y_pred` leaves [0, 1].

    Notes
    -----
    The standard error is that of a ratio of sums. It comes from the scatter of k - N ρ between the
    galaxies of a bin, so it includes the scatter of the volunteers' votes and the errors of the
    single predictions. A binomial error would leave out the latter.

    Examples
    --------
    >>> from skgalaxy.metrics import reliability_curve
    >>> votes = [[1, 10], [3, 10], [6, 10], [8, 10]]
    >>> curve = reliability_curve(votes, [0.2, 0.3, 0.8, 0.9], n_bins=2)
    >>> print(curve.predicted, curve.observed, curve.standard_error.round(2))
    [0.25 0.85] [0.2 0.7] [0.05 0.05]
    """
    check_choice(strategy, "strategy", ("quantile", "uniform"))
    n_bins = check_int(n_bins, "n_bins", 1)
    votes, n_votes = check_counts(y_true, "y_true")
    rho = _check_rho(y_pred, len(votes))
    asked = check_asked(n_votes)
    votes, n_votes, rho = votes[asked], n_votes[asked], rho[asked]
    inner = np.linspace(0, 1, n_bins + 1)[1:-1]
    # only inner edges: then no prediction falls outside, whatever rounding does to 0 and 1
    edges = inner if strategy == "uniform" else np.quantile(rho, inner)
    _, bins, n_galaxies = np.unique(
        np.searchsorted(edges, rho), return_inverse=True, return_counts=True
    )
    total = np.bincount(bins, n_votes)
    predicted = np.bincount(bins, n_votes * rho) / total
    observed = np.bincount(bins, votes) / total
    # Cochran 1977, linearised variance of a ratio of sums: Σ (k - N r)² n / (n - 1) / (Σ N)²
    residual = votes - n_votes * (rho + (observed - predicted)[bins])
    scatter = np.bincount(bins, residual**2) * n_galaxies / np.maximum(n_galaxies - 1, 1)
    standard_error = np.where(n_galaxies > 1, np.sqrt(scatter) / total, np.nan)
    return ReliabilityCurve(predicted, observed, n_galaxies, standard_error)


def _check_scored(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Votes k and N, and the predicted ρ, of the galaxies with votes."""
    votes, n_votes = check_targets(y_true, sample_weight, name="y_true")
    rho = _check_rho(y_pred, len(votes))
    asked = check_asked(n_votes, "y_true" if sample_weight is None else "sample_weight")
    return votes[asked], n_votes[asked], rho[asked]


def _check_rho(y_pred: ArrayLike, n_galaxies: int) -> NDArray[np.float64]:
    """Predicted vote fractions as a float64 array of shape (n_galaxies,) in [0, 1]."""
    rho = check_numbers(y_pred, "y_pred")
    if rho.shape == (n_galaxies, 1):  # as some regressors predict
        rho = rho[:, 0]
    if rho.shape != (n_galaxies,):
        raise ValueError(
            f"`y_pred` must have shape ({n_galaxies},), the galaxies of `y_true`. "
            f"Got shape {rho.shape}."
        )
    # NaN compares false, so it counts as outside
    outside = ~((rho >= -ROUNDING) & (rho <= 1 + ROUNDING))
    if outside.any():
        raise ValueError(
            "`y_pred` must be vote fractions in [0, 1]. "
            f"Got {rho[outside][0]:g} in row {first_rows(outside)}; np.clip a regressor that "
            "leaves it."
        )
    return np.clip(rho, 0, 1)
