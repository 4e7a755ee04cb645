"""Scores of a whole posterior over votes, and its width.

The log-likelihood and the ranked probability score are proper: on average over votes, no posterior
scores better than the distribution that the votes follow. A posterior that is too sure loses, and
so does one that is too vague.
"""

import numpy as np
from numpy.typing import ArrayLike

from skgalaxy._validation import check_n_votes
from skgalaxy.metrics._checks import (
    check_asked,
    check_outcomes,
    check_pmf,
    describe_judged,
    judged_galaxies,
)


@describe_judged
def vote_log_likelihood(y_true: ArrayLike, pmf: ArrayLike) -> float:
    """Log-likelihood of the volunteers' answers, in nats per vote.

    Parameters
    ----------
    {y_true, pmf}

    Returns
    -------
    log_likelihood : float
        Σ log p(k) / Σ N over galaxies, at most 0; higher is better. It is -inf if the posterior
        gave a galaxy's votes no probability, for example after rounding.

    Raises
    ------
    ValueError
        If `y_true` does not hold counts, or `pmf` is no distribution over their outcomes.

    See Also
    --------
    skgalaxy.VotePosterior.log_prob : The same for every galaxy; use it if you need the far tails,
        where `pmf` underflows.

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.metrics import vote_log_likelihood
    >>> votes = [[1, 1], [2, 2]]
    >>> print(round(vote_log_likelihood(votes, VotePosterior([[0.5], [0.5]]).pmf([1, 2])), 3))
    -0.693
    """
    votes, n_votes, pmf = judged_galaxies(y_true, pmf)
    with np.errstate(divide="ignore"):  # log 0 = -inf is the right score of an impossible vote
        log_prob = np.log(pmf[np.arange(len(votes)), votes])
    return float(log_prob.sum() / n_votes.sum())


@describe_judged
def vote_crps(y_true: ArrayLike, pmf: ArrayLike) -> float:
    """Continuous ranked probability score (CRPS) of the vote fraction k / N.

    The score is an integral over k / N. Votes are whole numbers, so here it is a sum.

    Parameters
    ----------
    {y_true, pmf}

    Returns
    -------
    crps : float
        (1/N) Σ_j (F(j) - 1[j >= k])², a mean over galaxies, in [0, 1]; lower is better. You can
        read it as an error of the vote fraction: if the posterior is sure of one outcome, for
        example, it is the absolute error.

    Raises
    ------
    ValueError
        If `y_true` does not hold counts, or `pmf` is no distribution over their outcomes.

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
    # Epstein 1969: Σ_j (F(j) - 1[j >= k])²; beyond N both are 1, so that wider rows add nothing
    return float(np.mean(np.sum((pmf.cumsum(axis=1) - reached) ** 2, axis=1) / n_votes))


def sharpness(pmf: ArrayLike, n_votes: int | ArrayLike) -> float:
    """Mean standard deviation of k / N under the posterior.

    It measures width alone, so you pass no observed votes, and a posterior can be sharp and wrong.
    Of two calibrated posteriors the sharper one tells you more.

    Parameters
    ----------
    pmf : array-like of shape (n_galaxies, max(N) + 1)
        Probability of every outcome, for example ``posterior.pmf(n_votes)``.
    n_votes : int or array-like of shape (n_galaxies,)
        Number of volunteers asked, N; galaxies with N = 0 are left out.

    Returns
    -------
    sharpness : float
        In [0, 0.5]; lower is narrower. It includes the scatter of the votes themselves: for
        binomial votes, even the true ρ gives the mean of sqrt(ρ (1 - ρ) / N).

    Raises
    ------
    ValueError
        If `pmf` is no distribution over the outcomes 0 ... `n_votes`.

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
    # about each galaxy's own mean first: E[k²] - E[k]² would cancel for narrow posteriors
    distance = outcomes - (pmf @ outcomes)[:, None]
    return float(np.mean(np.sqrt(np.sum(pmf * distance**2, axis=1)) / n_votes))
