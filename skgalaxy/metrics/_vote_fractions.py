"""How good predicted vote fractions are, judged by votes.

Every score takes targets as the estimator does: counts [k, N], or fractions with
`sample_weight` as N. Votes scatter, so even the true ρ misses k / N: `vote_noise_floor` says by
how much, and belongs beside every RMSE.
"""

from collections import namedtuple

import numpy as np
from scipy.special import xlog1py, xlogy

from skgalaxy._docstrings import fill_docstring
from skgalaxy._validation import check_choice, check_int, check_targets, first_rows
from skgalaxy.metrics._checks import as_numbers, check_asked, check_counts

ReliabilityCurve = namedtuple(
    "ReliabilityCurve", ["predicted", "observed", "n_galaxies", "standard_error"]
)

# the entries of what `_check_scored` takes
describe_scored = fill_docstring(
    y_true="""
        y_true : array-like of shape (n_galaxies, 2) or (n_galaxies,)
            Counts [k, N], or vote fractions.
    """,
    y_pred="""
        y_pred : array-like of shape (n_galaxies,)
            Predicted vote fractions ρ.
    """,
    sample_weight="""
        sample_weight : array-like of shape (n_galaxies,), default=None
            Multiplies the log-likelihood of counts; is N for fractions.
    """,
)


def _binomial_deviance(votes, n_votes, rho):
    """Return twice the log-likelihood lost against the galaxies' own k / N, summed."""
    missed = n_votes - votes
    saturated = xlogy(votes, votes) + xlogy(missed, missed) - xlogy(n_votes, n_votes)
    with np.errstate(divide="ignore"):
        return 2 * np.sum(saturated - xlogy(votes, rho) - xlogy(missed, 1 - rho))


@describe_scored
def binomial_log_loss(y_true, y_pred, sample_weight=None):
    """Mean negative log-likelihood of a vote, in nats.

    That of scikit-learn's ``log_loss`` on the single votes, without writing them out.

    Parameters
    ----------
    {y_true, y_pred, sample_weight}

    Returns
    -------
    loss : float
        >= 0; infinite if an impossible vote was cast, NaN if no vote was.

    Raises
    ------
    ValueError
        If the targets are no votes.

    Examples
    --------
    >>> from skgalaxy.metrics import binomial_log_loss
    >>> print(round(binomial_log_loss([[5, 10], [9, 10]], [0.5, 0.9]), 3))
    0.509
    """
    votes, n_votes, y_pred = _check_scored(y_true, y_pred, sample_weight)
    log_likelihood = xlogy(votes, y_pred) + xlog1py(n_votes - votes, -y_pred)
    total = n_votes.sum()
    return float(-log_likelihood.sum() / total) if total > 0 else np.nan


@describe_scored
def d2_binomial_score(y_true, y_pred, sample_weight=None):
    """D²: the fraction of binomial deviance explained.

    Parameters
    ----------
    {y_true, y_pred, sample_weight}

    Returns
    -------
    score : float
        1 for ρ = k / N everywhere, 0 for one common ρ (the mean), negative for worse, -inf if
        an impossible vote was cast. NaN where the targets do not vary.

    Raises
    ------
    ValueError
        If the targets are no votes.

    Examples
    --------
    >>> from skgalaxy.metrics import d2_binomial_score
    >>> votes = [[1, 10], [9, 10]]
    >>> print(round(d2_binomial_score(votes, [0.2, 0.8]), 3), d2_binomial_score(votes, [0.5, 0.5]))
    0.9 0.0
    """
    votes, n_votes, y_pred = _check_scored(y_true, y_pred, sample_weight)
    mean = votes.sum() / n_votes.sum() if n_votes.sum() > 0 else np.nan
    null = _binomial_deviance(votes, n_votes, np.full_like(y_pred, mean))
    return float(1 - _binomial_deviance(votes, n_votes, y_pred) / null) if null > 0 else np.nan


@describe_scored
def vote_fraction_rmse(y_true, y_pred):
    """Root-mean-square difference between predicted ρ and observed k / N.

    Galaxies without votes are left out; all others weigh the same, as in Walmsley et al. 2020.

    Parameters
    ----------
    {y_true, y_pred}

    Returns
    -------
    rmse : float
        In [0, 1]. It cannot be expected below `vote_noise_floor`.

    Raises
    ------
    ValueError
        If the targets are no votes.

    Examples
    --------
    >>> from skgalaxy.metrics import vote_fraction_rmse
    >>> print(round(vote_fraction_rmse([[1, 10], [9, 10]], [0.2, 0.8]), 3))
    0.1
    """
    votes, n_votes, y_pred = _check_scored(y_true, y_pred)
    asked = n_votes > 0
    if not asked.any():
        raise ValueError("`y_true` must hold at least one vote. Got N = 0 for every galaxy.")
    residual = votes[asked] / n_votes[asked] - y_pred[asked]
    return float(np.sqrt(np.mean(residual**2)))


def vote_noise_floor(y_true):
    """RMSE of a perfect model: the scatter of k / N about the true ρ.

    The variance of k / N is ρ (1 - ρ) / N; with f = k / N, ``f (1 - f) / (N - 1)`` estimates it
    without bias. Galaxies with fewer than two votes cannot tell and are left out.

    Parameters
    ----------
    y_true : array-like of shape (n_galaxies, 2)
        Counts [k, N].

    Returns
    -------
    floor : float

    Raises
    ------
    ValueError
        If the targets are no counts.

    Examples
    --------
    >>> from skgalaxy.metrics import vote_noise_floor
    >>> print(round(vote_noise_floor([[20, 40], [4, 40]]), 3))
    0.066
    """
    votes, n_votes = check_targets(y_true)
    several = n_votes > 1
    if not several.any():
        raise ValueError(
            "`y_true` must hold a galaxy of at least two votes, to tell how votes scatter. "
            f"Got N of at most {n_votes.max(initial=0):g}; pass counts [k, N]."
        )
    fraction = votes[several] / n_votes[several]
    return float(np.sqrt(np.mean(fraction * (1 - fraction) / (n_votes[several] - 1))))


def reliability_curve(y_true, y_pred, *, n_bins=10, strategy="quantile"):
    """Observed against predicted vote fractions, in bins of the prediction.

    What ``sklearn.calibration.calibration_curve`` is for classes.

    Parameters
    ----------
    y_true : array-like of shape (n_galaxies, 2)
        Counts [k, N]; rows with N = 0 are left out.
    y_pred : array-like of shape (n_galaxies,)
        Predicted vote fractions ρ.
    n_bins : int, default=10
        Number of bins; those without a galaxy are left out.
    strategy : {"quantile", "uniform"}, default="quantile"
        Bins of as many galaxies each, or bins as wide each.

    Returns
    -------
    curve : namedtuple of ndarrays of shape (n_filled_bins,)
        predicted, the mean ρ, Σ N ρ / Σ N; observed, Σ k / Σ N; n_galaxies; and standard_error,
        of observed, NaN for a bin of one galaxy.

    Raises
    ------
    ValueError
        If `y_true` is no counts, or `y_pred` leaves [0, 1].

    Notes
    -----
    The standard error is that of the ratio of sums, from the scatter between galaxies of
    k - N ρ about its mean: what the volunteers scatter is in it, and so is what the predictions
    miss galaxy by galaxy, which a binomial error leaves out.

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
    votes, n_votes = check_counts(y_true)
    rho = _check_rho(y_pred, len(votes))
    asked = check_asked(n_votes)
    votes, n_votes, rho = votes[asked], n_votes[asked], rho[asked]
    inner = np.linspace(0, 1, n_bins + 1)[1:-1]
    edges = inner if strategy == "uniform" else np.quantile(rho, inner)
    _, bins, n_galaxies = np.unique(
        np.searchsorted(edges, rho), return_inverse=True, return_counts=True
    )
    total = np.bincount(bins, n_votes)
    predicted = np.bincount(bins, n_votes * rho) / total
    observed = np.bincount(bins, votes) / total
    residual = votes - n_votes * (rho + (observed - predicted)[bins])
    scatter = np.bincount(bins, residual**2) * n_galaxies / np.maximum(n_galaxies - 1, 1)
    standard_error = np.where(n_galaxies > 1, np.sqrt(scatter) / total, np.nan)
    return ReliabilityCurve(predicted, observed, n_galaxies, standard_error)


def _check_scored(y_true, y_pred, sample_weight=None):
    """Votes k and N, and the predicted ρ, as arrays of shape (n_galaxies,)."""
    y_pred = np.asarray(y_pred, dtype=np.float64).reshape(-1)
    return *check_targets(y_true, sample_weight, len(y_pred)), y_pred


def _check_rho(y_pred, n_galaxies):
    rho = as_numbers(y_pred, "y_pred")
    if rho.shape != (n_galaxies,):
        raise ValueError(f"`y_pred` must have shape ({n_galaxies},). Got shape {rho.shape}.")
    outside = ~((rho >= 0) & (rho <= 1))
    if outside.any():
        raise ValueError(
            "`y_pred` must be vote fractions in [0, 1]. "
            f"Got {rho[outside][0]:g} in row {first_rows(outside)}."
        )
    return rho
