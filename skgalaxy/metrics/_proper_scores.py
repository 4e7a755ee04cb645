"""Scores of a whole posterior over votes, and how narrow it is.

The log-likelihood and the ranked probability score are proper: on average over votes none scores
better than the distribution that they follow, so neither being sure nor being vague pays.
"""

import numpy as np

from skgalaxy._validation import check_n_votes
from skgalaxy.metrics._checks import (
    check_asked,
    check_outcomes,
    check_pmf,
    describe_judged,
    judged_galaxies,
)


@describe_judged
def vote_log_likelihood(y_true, pmf):
    """Log-likelihood of the volunteers' answers, in nats per vote.

    Parameters
    ----------
    {y_true, pmf}

    Returns
    -------
    log_likelihood : float
        Σ log p(k) / Σ N, over galaxies; <= 0, higher is better, -inf if an impossible vote was
        cast.

    Raises
    ------
    ValueError
        If `y_true` is no counts, or `pmf` no distribution over their outcomes.

    See Also
    --------
    skgalaxy.VotePosterior.log_prob : The same of every galaxy, not limited by the smallest float.

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.metrics import vote_log_likelihood
    >>> votes = [[1, 1], [2, 2]]
    >>> print(round(vote_log_likelihood(votes, VotePosterior([[0.5], [0.5]]).pmf([1, 2])), 3))
    -0.693
    """
    votes, n_votes, pmf = judged_galaxies(y_true, pmf)
    with np.errstate(divide="ignore"):
        log_prob = np.log(pmf[np.arange(len(votes)), votes])
    return float(log_prob.sum() / n_votes.sum())


@describe_judged
def vote_crps(y_true, pmf):
    """Continuous ranked probability score of k / N, which for whole votes is a sum.

    Parameters
    ----------
    {y_true, pmf}

    Returns
    -------
    crps : float
        (1/N) Σ_j (F(j) - 1[j >= k])², a mean over galaxies, in [0, 1]; lower is better. It is in
        units of the vote fraction: for a posterior sure of one outcome it is the absolute error.

    Raises
    ------
    ValueError
        If `y_true` is no counts, or `pmf` no distribution over their outcomes.

    References
    ----------
    Epstein 1969, Journal of Applied Meteorology 8, 985; Gneiting & Raftery 2007, Journal of the
    American Statistical Association 102, 359.

    Examples
    --------
    >>> from skgalaxy.metrics import vote_crps
    >>> print(vote_crps([[1, 4]], [[0, 0, 0, 1, 0]]), vote_crps([[1, 4]], [[0, 0.5, 0, 0.5, 0]]))
    0.5 0.125
    """
    votes, n_votes, pmf = judged_galaxies(y_true, pmf)
    reached = np.arange(pmf.shape[1]) >= votes[:, None]
    return float(np.mean(np.sum((pmf.cumsum(axis=1) - reached) ** 2, axis=1) / n_votes))


def sharpness(pmf, n_votes):
    """Mean standard deviation of k / N under the posterior: how narrow, right or wrong.

    No votes are judged, so none are asked for. Of two posteriors that are both calibrated the
    narrower tells more.

    Parameters
    ----------
    pmf : array-like of shape (n_galaxies, max(N) + 1)
        Probability of every outcome, ``posterior.pmf(n_votes)``.
    n_votes : int or array-like of shape (n_galaxies,)
        Number of volunteers asked, N; galaxies with N = 0 are left out.

    Returns
    -------
    sharpness : float
        In [0, 0.5], lower is narrower. The scatter of the votes themselves is in it: for
        binomial votes no true ρ gives less than the mean of sqrt(ρ (1 - ρ) / N).

    Raises
    ------
    ValueError
        If `pmf` is no distribution over the outcomes of `n_votes`.

    References
    ----------
    Gneiting, Balabdaoui & Raftery 2007, Journal of the Royal Statistical Society B 69, 243.

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.metrics import sharpness
    >>> sure, unsure = VotePosterior([[0.5, 0.5]]), VotePosterior([[0.2, 0.8]])
    >>> print(round(sharpness(sure.pmf(25), 25), 3), round(sharpness(unsure.pmf(25), 25), 3))
    0.1 0.31
    """
    pmf = check_pmf(pmf)
    n_votes = check_n_votes(n_votes, len(pmf))
    check_outcomes(pmf, n_votes)
    asked = check_asked(n_votes, "n_votes")
    pmf, n_votes = pmf[asked], n_votes[asked]
    outcomes = np.arange(pmf.shape[1])
    distance = outcomes - (pmf @ outcomes)[:, None]
    return float(np.mean(np.sqrt(np.sum(pmf * distance**2, axis=1)) / n_votes))
