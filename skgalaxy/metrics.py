"""How good predicted vote fractions are, judged by votes. Arrays in, numbers out.

Every score takes targets as the estimator does: counts [k, N], or fractions with
`sample_weight` as N. Votes scatter, so even the true ρ misses k / N: `vote_noise_floor` says by
how much, and belongs beside every RMSE.
"""

import numpy as np
from scipy.special import xlog1py, xlogy
from sklearn.metrics import make_scorer

from skgalaxy._validation import check_targets

__all__ = [
    "binomial_log_loss",
    "d2_binomial_score",
    "d2_binomial_scorer",
    "neg_binomial_log_loss_scorer",
    "neg_vote_fraction_rmse_scorer",
    "vote_fraction_rmse",
    "vote_noise_floor",
]


def _binomial_deviance(votes, n_votes, rho):
    """Return twice the log-likelihood lost against the galaxies' own k / N, summed."""
    missed = n_votes - votes
    saturated = xlogy(votes, votes) + xlogy(missed, missed) - xlogy(n_votes, n_votes)
    with np.errstate(divide="ignore"):
        return 2 * np.sum(saturated - xlogy(votes, rho) - xlogy(missed, 1 - rho))


def binomial_log_loss(y_true, y_pred, sample_weight=None):
    """Mean negative log-likelihood of a vote, in nats.

    That of scikit-learn's ``log_loss`` on the single votes, without writing them out.

    Parameters
    ----------
    y_true : array-like of shape (n_galaxies, 2) or (n_galaxies,)
        Counts [k, N], or vote fractions.
    y_pred : array-like of shape (n_galaxies,)
        Predicted vote fractions ρ.
    sample_weight : array-like of shape (n_galaxies,), default=None
        Multiplies the log-likelihood of counts; is N for fractions.

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
    y_pred = np.asarray(y_pred, dtype=np.float64).reshape(-1)
    votes, n_votes = check_targets(y_true, sample_weight, len(y_pred))
    log_likelihood = xlogy(votes, y_pred) + xlog1py(n_votes - votes, -y_pred)
    total = n_votes.sum()
    return float(-log_likelihood.sum() / total) if total > 0 else np.nan


def d2_binomial_score(y_true, y_pred, sample_weight=None):
    """D²: the fraction of binomial deviance explained.

    Parameters
    ----------
    y_true : array-like of shape (n_galaxies, 2) or (n_galaxies,)
        Counts [k, N], or vote fractions.
    y_pred : array-like of shape (n_galaxies,)
        Predicted vote fractions ρ.
    sample_weight : array-like of shape (n_galaxies,), default=None
        Multiplies the log-likelihood of counts; is N for fractions.

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
    y_pred = np.asarray(y_pred, dtype=np.float64).reshape(-1)
    votes, n_votes = check_targets(y_true, sample_weight, len(y_pred))
    mean = votes.sum() / n_votes.sum() if n_votes.sum() > 0 else np.nan
    null = _binomial_deviance(votes, n_votes, np.full_like(y_pred, mean))
    return float(1 - _binomial_deviance(votes, n_votes, y_pred) / null) if null > 0 else np.nan


def vote_fraction_rmse(y_true, y_pred):
    """Root-mean-square difference between predicted ρ and observed k / N.

    Galaxies without votes are left out; all others weigh the same, as in Walmsley et al. 2020.

    Parameters
    ----------
    y_true : array-like of shape (n_galaxies, 2) or (n_galaxies,)
        Counts [k, N], or vote fractions.
    y_pred : array-like of shape (n_galaxies,)
        Predicted vote fractions ρ.

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
    y_pred = np.asarray(y_pred, dtype=np.float64).reshape(-1)
    votes, n_votes = check_targets(y_true, None, len(y_pred))
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


# For cross_validate(..., scoring=...) and the like; they take targets (n_galaxies, 2).
d2_binomial_scorer = make_scorer(d2_binomial_score)
neg_binomial_log_loss_scorer = make_scorer(binomial_log_loss, greater_is_better=False)
neg_vote_fraction_rmse_scorer = make_scorer(vote_fraction_rmse, greater_is_better=False)
