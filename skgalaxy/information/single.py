"""Information in one galaxy's votes about the networks, in nats.

The mutual information between a galaxy's votes k and the network's weights w is high where the
drawn networks *confidently disagree* (BALD: Houlsby et al. 2011; Gal et al. 2017; for vote counts
Walmsley et al. 2020)::

    MI = H[ mean_d Bin(k; N, ρ_d) ]  -  mean_d H[ Bin(k; N, ρ_d) ]
         predictive entropy             expected entropy

Both entropies are exact: they are sums over all outcomes k. Only disagreement *between* networks
is information. For example, networks that all expect volunteers to differ widely agree, and votes
that do so tell nothing about them.

MI is 0 if all draws agree, grows with N, and exceeds neither the predictive entropy nor log D.
From D draws it comes out too low, by about 1/D of itself, and few draws rank badly: use many, since
they are nearly free. The leave-one-out jackknife removes most of that bias, for one pass over the
probabilities of all draws and outcomes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import MOST_OUTCOMES, check_bool, check_n_votes
from skgalaxy.information.tree import walk_information
from skgalaxy.likelihoods import Likelihood, TreeLikelihood, as_likelihood
from skgalaxy.likelihoods.base import row_blocks
from skgalaxy.likelihoods.entropy import entropy

__all__ = ["expected_entropy", "mutual_information", "predictive_entropy"]

_BLOCK = 2**14  # values of ρ at once: they stay in the cache, and scratch memory stays small
_MOST_PROBABILITIES = 2**22  # outcomes of all galaxies at once, if thousands of votes are asked


def predictive_entropy(draws: Any, n_votes: ArrayLike) -> NDArray[Any]:
    """Entropy of the posterior over k: all uncertainty about the next votes, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws), VotePosterior or Likelihood
        Vote fractions ρ in [0, 1], one per galaxy and drawn network; or a posterior, of any
        likelihood.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers you would ask.

    Returns
    -------
    entropy : ndarray of shape (n_galaxies,)
        H[p̄], in [0, log(N + 1)].

    Raises
    ------
    ValueError
        If `draws` or `n_votes` have a wrong shape or values out of range.

    Examples
    --------
    >>> from skgalaxy.acquisition import predictive_entropy
    >>> predictive_entropy([[0.5, 0.5], [0.0, 0.0]], n_votes=1).round(3)
    array([0.693, 0.   ])
    """
    refuse_tree(draws, "Predictive entropy")
    return _scores(lambda block, n: block.entropies(n)[0], as_likelihood(draws), n_votes)


def expected_entropy(draws: Any, n_votes: ArrayLike) -> NDArray[Any]:
    """Mean entropy of the drawn networks' votes: the votes' own scatter, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws), VotePosterior or Likelihood
        Vote fractions ρ in [0, 1], one per galaxy and drawn network; or a posterior, of any
        likelihood.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers you would ask.

    Returns
    -------
    entropy : ndarray of shape (n_galaxies,)
        mean_d H[Bin(N, ρ_d)], at most the predictive entropy.

    Raises
    ------
    ValueError
        If `draws` or `n_votes` have a wrong shape or values out of range.

    Examples
    --------
    >>> from skgalaxy.acquisition import expected_entropy
    >>> expected_entropy([[0.5, 0.5], [0.0, 1.0]], n_votes=1).round(3)
    array([0.693, 0.   ])
    """
    refuse_tree(draws, "Expected entropy")
    return _scores(lambda block, n: block.entropies(n)[1], as_likelihood(draws), n_votes)


def mutual_information(draws: Any, n_votes: ArrayLike, *, jackknife: bool = False) -> NDArray[Any]:
    """Mutual information between a galaxy's N votes and the network's weights, in nats.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws), VotePosterior or Likelihood
        Vote fractions ρ in [0, 1], one per galaxy and drawn network; or a posterior, of any
        likelihood. A `TreePosterior` is of volunteers who walk down its tree: `walk_information`,
        to a standard error of 0.02 nats.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers you would ask, for example 40. Scores with different N are not
        comparable: use one N for a pool unless you mean the difference.
    jackknife : bool, default=False
        Correct the bias of few draws. Values are then nearly right on average, but each scatters
        more and may be below 0.

    Returns
    -------
    scores : ndarray of shape (n_galaxies,)
        In [0, log n_draws], with `jackknife` unbounded; 0 where all draws are equal.

    Raises
    ------
    ValueError
        If `draws` or `n_votes` have a wrong shape or values out of range, or if there is one
        draw only to jackknife.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424); Houlsby et al. 2011,
    arXiv:1112.5745; Efron & Stein 1981, Annals of Statistics 9, 586 (jackknife).

    Examples
    --------
    Two networks that are sure of opposite answers, two that agree on doubt:

    >>> from skgalaxy.acquisition import mutual_information
    >>> mutual_information([[0.2, 0.8], [0.5, 0.5]], n_votes=10).round(3)
    array([0.648, 0.   ])
    """
    likelihood = as_likelihood(draws)
    if isinstance(likelihood, TreeLikelihood):
        return _of_walks(likelihood, n_votes, jackknife)
    if check_bool(jackknife, "jackknife") and likelihood.n_draws < 2:
        raise ValueError("`draws` must hold at least two draws to jackknife. Got one.")
    return _scores(_jackknifed if jackknife else _plug_in, likelihood, n_votes)


def _of_walks(likelihood: TreeLikelihood, n_votes: ArrayLike, jackknife: bool) -> NDArray[Any]:
    """Information of N volunteers who walk down a whole tree."""
    if check_bool(jackknife, "jackknife"):
        raise ValueError(
            "`jackknife` must be False for a whole tree, whose information is simulated. Got True; "
            "take the posterior of one question."
        )
    return walk_information(likelihood, n_votes)[0]


def refuse_tree(draws: Any, what: str) -> None:
    """Raise TypeError if the draws are of a whole tree, of which `what` is not computed."""
    if isinstance(as_likelihood(draws), TreeLikelihood):
        raise TypeError(
            f"{what} must be of one question, because it is a sum over all outcomes, and votes on "
            "a tree have too many. Got the posterior of a whole tree; take that of an answer, for "
            "example posterior['bar', 'yes'], or rank by mutual information, which is simulated."
        )


def _plug_in(block: Likelihood, n: int) -> NDArray[Any]:
    """Mutual information if the networks drawn were all there are."""
    predictive_G, expected_G = block.entropies(n)
    # Houlsby+2011: H[k] - E_w H[k | w], the mutual information of votes and weights
    return np.where(block.agree(), 0, np.maximum(predictive_G - expected_G, 0))


def _jackknifed(block: Likelihood, n: int) -> NDArray[Any]:
    """Leave-one-out jackknife, D MI - (D - 1) mean_d MI[without draw d].

    The expected entropy is a mean over draws, which leaving out does not change on average. Only
    the predictive entropy H[p̄] does, so MI gains (D - 1) (H[p̄] - mean_d H[p̄ without d]).
    """
    n_draws, gain_G = block.n_draws, np.empty(len(block))
    # Efron & Stein 1981: every draw is left out once
    for rows, pmf_GDK in block.pmf_blocks(n):
        pmf_GK = pmf_GDK.mean(axis=1)
        without_GDK = np.maximum(n_draws * pmf_GK[:, None] - pmf_GDK, 0) / (n_draws - 1)
        gain_G[rows] = entropy(pmf_GK, -1) - entropy(without_GDK, -1).mean(axis=1)
    return np.where(block.agree(), 0, _plug_in(block, n) + (n_draws - 1) * gain_G)


def _scores(
    of_block: Callable[[Likelihood, int], NDArray[Any]], likelihood: Likelihood, n_votes: ArrayLike
) -> NDArray[Any]:
    """Scores of every galaxy, computed in blocks of one N."""
    n_votes_G = check_n_votes(n_votes, len(likelihood), most=MOST_OUTCOMES)
    scores_G = np.empty(len(likelihood))
    for n in np.unique(n_votes_G):  # a block has one N, hence one table of outcomes
        of_this_n = np.flatnonzero(n_votes_G == n)
        size = min(_BLOCK // likelihood.n_draws, _MOST_PROBABILITIES // (int(n) + 1))
        for block in row_blocks(len(of_this_n), size):
            rows = of_this_n[block]
            scores_G[rows] = of_block(likelihood[rows], int(n))
    return scores_G
