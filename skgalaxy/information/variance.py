"""Information in one galaxy's votes about its vote fraction, as if all votes were equally noisy.

Mutual information counts a wrong fraction near 0 or 1 for more than one in the middle, since votes
scatter less there. If you want fractions with small errors, as the RMSE measures them, an error of
0.1 is the same everywhere. Let a vote on any galaxy have the noise of one on which volunteers are
evenly divided, of variance ¼ if there are two answers. Then N votes on a fraction of posterior
variance σ² are a Gaussian channel, which tells::

    I = ½ log(1 + 4 N σ²)

Of K answers the noise of an even vote is 1 - 1/K, summed over answers, and σ² the sum of their
variances::

    I = ½ log(1 + N Σ_a σ_a² / (1 - 1/K))

The variance is the whole one. So the scatter that the votes' likelihood leaves to each network
counts beside the disagreement between networks, and a galaxy on which they agree may score more
than 0.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_n_votes
from skgalaxy.likelihoods import TreeLikelihood, as_likelihood

__all__ = ["variance_information"]

_NOTHING = 1e-12  # nats: what rounding may leave of nothing


def variance_information(draws: Any, n_votes: ArrayLike) -> NDArray[np.float64]:
    """Information in N votes about a galaxy's vote fraction, if all votes were equally noisy.

    It grows with the posterior variance of ρ, ``½ log(1 + 4 N Var ρ)``. Being in nats, it can be
    shared among galaxies by `greedy_information`.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws), VotePosterior or Likelihood
        Vote fractions ρ in [0, 1], one per galaxy and drawn network; or a posterior, of any
        likelihood. Of several answers the variances are added, in units of the noise of an even
        vote. Of a `TreePosterior` the questions are added up, each with the votes that are expected
        on it if N volunteers walk down the tree.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers you would ask.

    Returns
    -------
    information : ndarray of shape (n_galaxies,)
        In nats, in [0, ½ log(1 + N)] for one question. A question of which some network of a tree
        has learned nothing adds 0, and is taken to lead evenly to those below it.

    Raises
    ------
    ValueError
        If `draws` or `n_votes` have a wrong shape or values out of range.

    See Also
    --------
    mutual_information : Information about the networks, by the noise that votes have.

    References
    ----------
    Srinivas et al. 2010, ICML (arXiv:0912.3995), section 2.2 (information in measurements of equal
    noise, and its greedy choice); Shannon 1948, Bell System Technical Journal 27, 623, theorem 17.

    Examples
    --------
    The networks differ by as much on both galaxies. Mutual information prefers the first, where
    votes scatter less:

    >>> from skgalaxy.acquisition import mutual_information, variance_information
    >>> draws = [[0.0, 0.2], [0.4, 0.6]]
    >>> variance_information(draws, n_votes=10).round(3)
    array([0.168, 0.168])
    >>> mutual_information(draws, n_votes=10).round(3)
    array([0.517, 0.171])
    """
    likelihood = as_likelihood(draws)
    n_votes_G = check_n_votes(n_votes, len(likelihood))
    if not isinstance(likelihood, TreeLikelihood):
        return _of_channel(n_votes_G * _in_even_votes(likelihood.variance()))
    known, tree = likelihood.silenced(), likelihood.tree
    asked_GQ, variance_GA = tree.asked_fractions(known.draws).mean(axis=1), known.variance()
    ratios = [_in_even_votes(variance_GA[:, here]) for here in tree.slices.values()]
    return _of_channel(n_votes_G[:, None] * asked_GQ * np.stack(ratios, axis=1)).sum(axis=1)


def _in_even_votes(variance: NDArray[Any]) -> NDArray[Any]:
    """Variance of the fractions of answers, or of one of two, over that of an even vote."""
    if variance.ndim == 1:
        return 4 * variance
    return variance.sum(axis=1) / (1 - 1 / variance.shape[1])


def _of_channel(ratio: NDArray[Any]) -> NDArray[np.float64]:
    """Information through a Gaussian channel, nats, from its signal-to-noise ratio."""
    information = np.log1p(ratio) / 2
    return np.where(information <= _NOTHING, 0, information)
