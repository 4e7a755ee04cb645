"""Information in the votes of several galaxies together, in nats.

Column d of the draws is one and the same network for every galaxy. Comparing the draws of two
galaxies therefore shows how much of the information in their votes is shared. Exactly (Kirsch et
al. 2019, BatchBALD, arXiv:1906.08158)::

    I(k_1 ... k_m; w) = H[ mean_d Π_g p(k_g | d) ] - Σ_g mean_d H[ p(k_g | d) ]

The first entropy is a sum over all combinations of votes, too many for a batch. So
`greedy_information` treats votes as a Gaussian channel, ``I = ½ log(1 + r)``. Galaxy g has a
signal-to-noise ratio r_g that gives it its own, exact information: ``r_g = exp(2 I_g) - 1``. How
much two galaxies share follows from the correlation c_gh of their draws. With R the diagonal matrix
of all r_g::

    I(k_1 ... k_m; w) ~ ½ log det(1 + R^½ c R^½)

Correlations are those of ``arcsin √ρ``, in which the votes' noise is the same at every ρ. For one
galaxy, and for independent ones, this is exact. For pairs of real galaxies it is within a few per
cent. The exact value cannot exceed log D, because D draws are all the networks there are. The
Gaussian has no such limit, and for many galaxies it is the better guess for more networks.

Galaxies of different folds (`cross_val_posterior`) have different networks, whose draws cannot be
compared: `check_one_fold` refuses such a posterior.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import MOST_OUTCOMES, check_int, check_n_votes, check_numbers
from skgalaxy.likelihoods import Likelihood, TreeLikelihood, as_likelihood
from skgalaxy.likelihoods.base import row_blocks
from skgalaxy.likelihoods.entropy import entropy, x_log_x

__all__ = ["expected_predictive_information_gain", "greedy_information", "standardised_draws"]

_NOTHING = 1e-12  # nats: what rounding may leave of nothing
_MOST_JOINT = 4096**2  # pairs of outcomes: 128 MB, and some seconds for each target
_BLOCK = 2**17  # joint probabilities computed at once: they stay in the cache


def check_one_fold(*draws: Any) -> None:
    """Raise ValueError if the `folds` of a VotePosterior tell that galaxies have other networks."""
    folds = [np.unique(held) for one in draws if (held := getattr(one, "folds", None)) is not None]
    n_networks = len(np.unique(np.concatenate([*folds, np.empty(0, int)])))
    if n_networks > 1 or 0 < len(folds) < len(draws):
        got = f"{n_networks} folds" if n_networks > 1 else "galaxies out of a fold, and others"
        raise ValueError(
            "Draws of galaxies can be compared only where all are of the same networks. Got "
            f"{got}; take one fold, for example `posterior[posterior.folds == 0]`."
        )


def standardised_draws(draws: Any) -> NDArray[Any]:
    """Galaxies as directions in the space of networks: how draws differ, not how much.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws), VotePosterior or Likelihood
        Vote fractions ρ in [0, 1]; of a posterior, the means that its networks expect.

    Returns
    -------
    directions : ndarray of shape (n_galaxies, n_draws)
        ``arcsin √ρ``, centred and of length one, so that products of rows are correlations of
        galaxies. Rows are 0 where all draws agree. For several answers the shape is (n_galaxies,
        n_draws * n_answers).

    Raises
    ------
    ValueError
        If `draws` have a wrong shape or values out of range, or are of several folds.

    Examples
    --------
    >>> from skgalaxy.acquisition import standardised_draws
    >>> directions = standardised_draws([[0.1, 0.9], [0.5, 0.6], [0.4, 0.2]])
    >>> (directions @ directions.T).round(3)
    array([[ 1.,  1., -1.],
           [ 1.,  1., -1.],
           [-1., -1.,  1.]])
    """
    check_one_fold(draws)
    likelihood = as_likelihood(draws)
    rho = likelihood.draws
    if isinstance(likelihood, TreeLikelihood):  # answers count as often as they are given
        rho = likelihood.clicks()
    # Anscombe 1948: the variance-stabilising transform of binomial counts
    angles = np.arcsin(np.sqrt(rho))
    angles -= angles.mean(axis=1, keepdims=True)
    angles = angles.reshape(len(rho), -1)
    lengths = np.linalg.norm(angles, axis=1, keepdims=True)
    differ = (rho.min(axis=1) != rho.max(axis=1)).reshape(len(rho), -1).any(axis=1)[:, None]
    return np.divide(angles, lengths, out=np.zeros_like(angles), where=differ & (lengths > 0))


def greedy_information(
    draws: Any, information: ArrayLike, n_instances: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pick galaxies one after the other, each the one that adds most to those before it.

    You can pick a batch for volunteers this way, for example. Joint information is submodular, so
    the picks together have at least 1 - 1/e of the information of the best set, and in practice
    nearly all of it. Time grows as n_galaxies x n_draws x n_instances.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws), VotePosterior or Likelihood
        Vote fractions ρ in [0, 1]; column d is the same network for every galaxy.
    information : array-like of shape (n_galaxies,)
        Mutual information of each galaxy alone, in nats. Values below 0 count as 0.
    n_instances : int
        Number of galaxies to pick.

    Returns
    -------
    picks : ndarray of shape (n_instances,)
        Distinct rows, in the order they were picked; of equals the first.
    gains : ndarray of shape (n_instances,)
        Information that each pick adds, in nats; it never rises. Their sum is the joint information
        of the picks in the Gaussian channel.

    Raises
    ------
    ValueError
        If `n_instances` exceeds the galaxies, an array has a wrong shape or values, or the
        galaxies are of several folds.

    References
    ----------
    Nemhauser et al. 1978, Mathematical Programming 14, 265 (greedy on submodular functions);
    Kirsch et al. 2019, arXiv:1906.08158 (joint information).

    Examples
    --------
    The second galaxy is the first again, and the third tells something new:

    >>> from skgalaxy.acquisition import greedy_information
    >>> draws = [[0.1, 0.9, 0.1, 0.9], [0.1, 0.9, 0.1, 0.9], [0.2, 0.2, 0.7, 0.7]]
    >>> picks, gains = greedy_information(draws, [0.6, 0.59, 0.4], n_instances=3)
    >>> print(picks, gains.round(2))
    [0 2 1] [0.6  0.4  0.26]
    """
    directions = standardised_draws(draws)
    # Shannon 1948: a Gaussian channel has the capacity I = ½ log(1 + r)
    ratio = np.expm1(2 * check_batch(information, n_instances, len(directions)))
    signals_GD = directions * np.sqrt(ratio)[:, None]
    variance_G = 1 + ratio  # of a galaxy's votes, given those that were picked
    covariance_DD = np.eye(signals_GD.shape[1])  # of the networks' directions, given the same
    free_G = np.ones(len(signals_GD), dtype=bool)
    picks, variances = np.empty(n_instances, dtype=np.intp), np.empty(n_instances)
    for number in range(n_instances):
        pick = np.argmax(np.where(free_G, variance_G, -1))
        picks[number], variances[number], free_G[pick] = pick, variance_G[pick], False
        # Gaussian conditioning: the pick's votes are known now, and explain a part of the others'
        known_D = covariance_DD @ signals_GD[pick] / np.sqrt(variance_G[pick])
        covariance_DD -= np.outer(known_D, known_D)
        variance_G = np.maximum(variance_G - (signals_GD @ known_D) ** 2, 1)
    # chain rule: log det is the sum of the logarithms of the conditional variances
    return picks, 0.5 * np.log(variances)


def check_batch(information: ArrayLike, n_instances: int, n_galaxies: int) -> NDArray[Any]:
    """Information of each galaxy alone, >= 0, for a batch of `n_instances` of them."""
    information = check_numbers(information, "information")
    if information.shape != (n_galaxies,) or not np.isfinite(information).all():
        raise ValueError(
            "`information` must be one finite number per galaxy, "
            f"shape ({n_galaxies},). Got shape {information.shape}, or NaN or infinity."
        )
    if check_int(n_instances, "n_instances", 1) > n_galaxies:
        raise ValueError(
            f"`n_instances` must not exceed the {n_galaxies} galaxies. Got {n_instances}."
        )
    return np.maximum(information, 0)


def expected_predictive_information_gain(
    draws: Any, n_votes: ArrayLike, target_draws: Any, target_votes: int
) -> NDArray[Any]:
    """Information that votes would give about the votes of the galaxies you care about (EPIG).

    ``mean_t I(k; k_t)``, exactly, from the joint ``p(k, k_t) = mean_d p(k | d) p(k_t | d)``. It
    never exceeds the mutual information with the weights. For example, votes on a galaxy unlike all
    others may tell much about the network, and nothing about your targets. Few draws bias it high,
    because few networks are easily told apart: use many.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws), VotePosterior or Likelihood
        Vote fractions ρ in [0, 1] of the galaxies that could be asked about; or their posterior,
        of any likelihood.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers you would ask about each.
    target_draws : array-like of shape (n_targets, n_draws), VotePosterior or Likelihood
        The same for the targets; column d is the same network in both.
    target_votes : int
        Number of votes on each target to predict.

    Returns
    -------
    gain : ndarray of shape (n_galaxies,)
        In nats, >= 0.

    Raises
    ------
    ValueError
        If the draws are not of the same networks, there is no target, or values are out of
        range.

    References
    ----------
    Bickford Smith et al. 2023, AISTATS (arXiv:2304.08151).

    Examples
    --------
    The networks' opinions of the second galaxy have nothing to do with those of the target:

    >>> from skgalaxy.acquisition import expected_predictive_information_gain
    >>> draws = [[0.1, 0.9, 0.1, 0.9], [0.1, 0.1, 0.9, 0.9]]
    >>> expected_predictive_information_gain(draws, 10, [[0.2, 0.7, 0.2, 0.7]], 10).round(3)
    array([0.582, 0.   ])
    """
    check_one_fold(draws, target_draws)
    galaxies, targets = as_likelihood(draws), as_likelihood(target_draws)
    if targets.n_draws != galaxies.n_draws or not len(targets):
        raise ValueError(
            "`target_draws` must have at least one row and the same networks as `draws`, "
            f"{galaxies.n_draws} columns. Got shape {targets.draws.shape}."
        )
    n_votes_G = check_n_votes(n_votes, len(galaxies), most=MOST_OUTCOMES)
    target_votes = check_int(target_votes, "target_votes", 0)
    n_joint = (int(n_votes_G.max(initial=0)) + 1) * (target_votes + 1)
    if n_joint > _MOST_JOINT:
        raise ValueError(
            f"`n_votes` and `target_votes` must have at most {_MOST_JOINT:,} outcomes together, "
            f"because all are computed. Got {n_joint:,}; ask fewer volunteers."
        )
    total_G = np.empty(len(galaxies))
    for n in np.unique(n_votes_G):
        rows = np.flatnonzero(n_votes_G == n)
        total_G[rows] = _summed_over_targets(galaxies[rows], targets, int(n), target_votes)
    return total_G / len(targets)


def _summed_over_targets(
    galaxies: Likelihood, targets: Likelihood, n: int, n_t: int
) -> NDArray[Any]:
    """Σ_t I(k; k_t) for one N and one N_t, shape (G,), block by block of both."""
    n_targets = _BLOCK // (galaxies.n_outcomes(n) * targets.n_outcomes(n_t))
    total_G = np.zeros(len(galaxies))
    for block in row_blocks(len(targets), n_targets):
        parts = targets[block].pmf_blocks(n_t)
        pmf_TDL = np.concatenate([pmf_TDL.copy() for _, pmf_TDL in parts])
        own_T = entropy(pmf_TDL.mean(axis=1), 1)
        for rows, pmf_GDK in galaxies.pmf_blocks(n):
            own_G = entropy(pmf_GDK.mean(axis=1), 1)
            # Bickford Smith+2023: EPIG = H[k] + H[k_t] - H[k, k_t]
            shared = own_G[:, None] + own_T - _joint_entropies(pmf_GDK, pmf_TDL)
            total_G[rows] += np.where(shared <= _NOTHING, 0, shared).sum(axis=1)  # NaN stays
    return total_G


def _joint_entropies(pmf_GDK: NDArray[Any], pmf_TDL: NDArray[Any]) -> NDArray[Any]:
    """Joint entropy H[k_g, k_t] of every pair, shape (G, T)."""
    n_targets, n_draws, _ = pmf_TDL.shape
    # one matrix product per galaxy gives its joint outcomes with all targets
    pmf_DM = pmf_TDL.transpose(1, 0, 2).reshape(n_draws, -1) / n_draws
    entropies_GT = np.empty((len(pmf_GDK), n_targets))
    for row, pmf_DK in enumerate(pmf_GDK):
        terms_M = -x_log_x(pmf_DK.T @ pmf_DM).sum(axis=0)  # M: targets times their outcomes
        entropies_GT[row] = terms_M.reshape(n_targets, -1).sum(axis=1)
    return entropies_GT
