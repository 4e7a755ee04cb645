"""What several galaxies' votes tell together. Arrays in, arrays out; all in nats.

Column d of the draws is one and the same network for every galaxy, so the draws of two galaxies
say how much of what the one's votes k would tell about the networks the other's would tell, too.
Exactly (Kirsch et al. 2019, BatchBALD, arXiv:1906.08158)::

    I(k_1 ... k_m; w) = H[ mean_d Π_g p(k_g | d) ] - Σ_g mean_d H[ p(k_g | d) ]

with as many outcomes as there are combinations of votes: `joint_mutual_information` sums over
them, or samples them, for small sets. For batches of any size `greedy_information` takes votes
for a Gaussian channel: galaxy g with its own, exact information I_g has the signal-to-noise ratio
``r_g = exp(2 I_g) - 1``, two galaxies share what the correlation c_gh of their draws says, and ::

    I(k_1 ... k_m; w) ~ ½ log det(1 + R^½ c R^½)

Correlations are those of ``arcsin √ρ``, in which the votes' noise is the same at every ρ. For one
galaxy, and for independent ones, this is exact. For pairs of real galaxies it is within a few per
cent. It never saturates, while the exact value cannot exceed log D, because D draws are all the
networks there are: with many galaxies the Gaussian is the better guess for more networks.
"""

import numpy as np
from scipy.special import logsumexp
from sklearn.utils import check_random_state

from skgalaxy._validation import check_int, check_n_votes, check_parameters
from skgalaxy.likelihoods import likelihood_of
from skgalaxy.likelihoods.binomial import entropy, x_log_x

__all__ = [
    "expected_predictive_information_gain",
    "gaussian_joint_information",
    "greedy_information",
    "joint_mutual_information",
    "standardised_draws",
]

_MOST_OUTCOMES = 2**24  # combinations of votes times draws: 128 MB
_NOTHING = 1e-12  # nats: what rounding may leave of nothing
_BLOCK = 2**17  # joint probabilities computed at once: they stay in the cache


def joint_mutual_information(
    draws, n_votes, *, concentration=None, n_samples=None, random_state=None
):
    """Mutual information between all votes of a few galaxies and the network's weights.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1]; column d is the same network for every galaxy.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers who would be asked about each.
    concentration : array-like of shape (n_galaxies, n_draws), default=None
        As in `skgalaxy.acquisition.mutual_information`.
    n_samples : int, default=None
        None sums over all combinations of votes, Π (N + 1): for two or three galaxies. A number
        estimates the same from so many sampled combinations, for dozens of galaxies; the error
        falls with its square root.
    random_state : int, RandomState or None, default=None
        Seed of the samples.

    Returns
    -------
    information : float
        In [0, log n_draws]; at most the sum of the galaxies' own.

    Raises
    ------
    ValueError
        If draws or votes are out of range, or there are too many combinations to sum over.

    References
    ----------
    Kirsch et al. 2019, arXiv:1906.08158.

    Examples
    --------
    The same galaxy twice tells less than two of which the networks think differently:

    >>> from skgalaxy.joint import joint_mutual_information
    >>> twice, two = [[0.1, 0.9, 0.1, 0.9]] * 2, [[0.1, 0.9, 0.1, 0.9], [0.1, 0.1, 0.9, 0.9]]
    >>> round(joint_mutual_information(twice, 5), 3), round(joint_mutual_information(two, 5), 3)
    (0.691, 1.327)
    """
    parameters = check_parameters(draws, concentration)
    n_votes = check_n_votes(n_votes, len(parameters[0]))
    if n_samples is not None:
        n_samples = check_int(n_samples, "n_samples", 1)
        return _sampled(_outcomes(parameters, n_votes), n_samples, random_state)
    n_draws = parameters[0].shape[1]
    if n_draws * np.prod(n_votes + 1.0) > _MOST_OUTCOMES:
        raise ValueError(
            f"`n_votes` must give at most {_MOST_OUTCOMES // n_draws} combinations of votes to "
            f"sum over. Got {np.prod(n_votes + 1.0):.3g}; set `n_samples` to sample them."
        )
    return _summed(_outcomes(parameters, n_votes), n_draws)


def _outcomes(parameters, n_votes):
    """Return p(k | d) of every galaxy, each of shape (D, N + 1)."""
    likelihood = likelihood_of(*parameters[1:] or [None])
    pmfs = []
    for row, n in enumerate(n_votes):
        draws, *concentration = (values[row : row + 1] for values in parameters)
        ((_, pmf_1DK),) = likelihood.pmf_blocks(draws, int(n), *concentration)
        pmfs.append(pmf_1DK[0].copy())
    return pmfs


def _summed(pmfs, n_draws):
    together_DK, expected = np.ones((n_draws, 1)), 0.0
    for pmf_DK in pmfs:
        together_DK = (together_DK[:, :, None] * pmf_DK[:, None]).reshape(n_draws, -1)
        expected += entropy(pmf_DK, 1).mean()
    return max(0.0, float(entropy(together_DK.mean(axis=0)) - expected))


def _sampled(pmfs, n_samples, random_state):
    """Return the mean of log p(k | d) / p(k), every draw d taken equally often."""
    rng = check_random_state(random_state)
    n_draws = len(pmfs[0]) if pmfs else 1
    drawn_S = np.arange(n_samples) % n_draws
    log_SD = np.zeros((n_samples, n_draws))
    for pmf_DK in pmfs:
        below_SK = pmf_DK.cumsum(axis=1)[drawn_S, :-1] < rng.uniform(size=(n_samples, 1))
        with np.errstate(divide="ignore"):
            log_SD += np.log(pmf_DK[:, below_SK.sum(axis=1)].T)
    evidence_S = logsumexp(log_SD, axis=1) - np.log(n_draws)
    return max(0.0, float(np.mean(log_SD[np.arange(n_samples), drawn_S] - evidence_S)))


def standardised_draws(draws):
    """Return galaxies as directions in the space of networks: how draws differ, not how much.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1].

    Returns
    -------
    directions : ndarray of shape (n_galaxies, n_draws)
        ``arcsin √ρ``, centred, of length one; their products are the galaxies' correlations. 0
        where all draws agree.

    Raises
    ------
    ValueError
        If `draws` have a wrong shape or values out of range.

    Examples
    --------
    >>> from skgalaxy.joint import standardised_draws
    >>> directions = standardised_draws([[0.1, 0.9], [0.5, 0.6], [0.4, 0.2]])
    >>> (directions @ directions.T).round(3)
    array([[ 1.,  1., -1.],
           [ 1.,  1., -1.],
           [-1., -1.,  1.]])
    """
    (draws,) = check_parameters(draws, None)
    angles = np.arcsin(np.sqrt(draws))
    angles -= angles.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(angles, axis=1, keepdims=True)
    agree = draws.min(axis=1, keepdims=True) == draws.max(axis=1, keepdims=True)
    return np.divide(angles, lengths, out=np.zeros_like(angles), where=~agree & (lengths > 0))


def gaussian_joint_information(draws, information):
    """Joint information of galaxies whose own is known, as the module's Gaussian has it.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1]; column d is the same network for every galaxy.
    information : array-like of shape (n_galaxies,)
        Each galaxy's own mutual information, nats; below 0, as the jackknife may have it, is 0.

    Returns
    -------
    information : float
        Between the largest and the sum of the galaxies' own.

    Raises
    ------
    ValueError
        If `draws` or `information` have a wrong shape or values out of range.

    Examples
    --------
    >>> from skgalaxy.joint import gaussian_joint_information
    >>> twice, two = [[0.1, 0.9, 0.1, 0.9]] * 2, [[0.1, 0.9, 0.1, 0.9], [0.1, 0.1, 0.9, 0.9]]
    >>> [round(gaussian_joint_information(draws, [0.5, 0.5]), 3) for draws in (twice, two)]
    [0.745, 1.0]
    """
    directions, ratio = _channel(draws, information)
    covariance = (directions @ directions.T) * np.sqrt(ratio[:, None] * ratio)
    np.fill_diagonal(covariance, 1 + ratio)
    return float(0.5 * np.linalg.slogdet(covariance)[1])


def _channel(draws, information):
    """Return directions, and signal-to-noise ratios r = exp(2 I) - 1."""
    directions = standardised_draws(draws)
    information = np.asarray(information, dtype=np.float64)
    if information.shape != (len(directions),) or not np.isfinite(information).all():
        raise ValueError(
            "`information` must be one finite number per galaxy, "
            f"shape ({len(directions)},). Got shape {information.shape}, or NaN or infinity."
        )
    return directions, np.expm1(2 * np.maximum(information, 0))


def greedy_information(draws, information, n_instances):
    """Pick galaxies one after the other, each the one that adds most to those before it.

    Joint information is submodular: the greedy set has at least 1 - 1/e of the best set's, and
    in practice nearly all. Time grows as n_galaxies x n_draws x n_instances.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1]; column d is the same network for every galaxy.
    information : array-like of shape (n_galaxies,)
        Each galaxy's own mutual information, nats; below 0 is 0.
    n_instances : int
        Number of galaxies to pick.

    Returns
    -------
    picks : ndarray of shape (n_instances,)
        Distinct rows, in the order they were picked; of equals the first.
    gains : ndarray of shape (n_instances,)
        What each adds, nats, never rising; their sum is `gaussian_joint_information` of the
        picks.

    Raises
    ------
    ValueError
        If `n_instances` exceeds the galaxies, or an array has a wrong shape or values.

    References
    ----------
    Nemhauser et al. 1978, Mathematical Programming 14, 265 (greedy on submodular functions);
    Kirsch et al. 2019, arXiv:1906.08158 (joint information).

    Examples
    --------
    The second galaxy is the first again, and the third tells something new:

    >>> from skgalaxy.joint import greedy_information
    >>> draws = [[0.1, 0.9, 0.1, 0.9], [0.1, 0.9, 0.1, 0.9], [0.2, 0.2, 0.7, 0.7]]
    >>> picks, gains = greedy_information(draws, [0.6, 0.59, 0.4], n_instances=3)
    >>> print(picks, gains.round(2))
    [0 2 1] [0.6  0.4  0.26]
    """
    directions, ratio = _channel(draws, information)
    if check_int(n_instances, "n_instances", 1) > len(directions):
        raise ValueError(
            f"`n_instances` must not exceed the {len(directions)} galaxies. Got {n_instances}."
        )
    signals_GD = directions * np.sqrt(ratio)[:, None]
    variance_G = 1 + ratio  # of a galaxy's votes, given those that were picked
    covariance_DD = np.eye(signals_GD.shape[1])  # of the networks' directions, given the same
    free_G = np.ones(len(signals_GD), dtype=bool)
    picks, variances = np.empty(n_instances, dtype=np.intp), np.empty(n_instances)
    for number in range(n_instances):
        pick = np.argmax(np.where(free_G, variance_G, -1))
        picks[number], variances[number], free_G[pick] = pick, variance_G[pick], False
        # a rank-one update: the pick's votes, of that variance, are now known
        known_D = covariance_DD @ signals_GD[pick] / np.sqrt(variance_G[pick])
        covariance_DD -= np.outer(known_D, known_D)
        variance_G = np.maximum(variance_G - (signals_GD @ known_D) ** 2, 1)
    return picks, 0.5 * np.log(variances)


def expected_predictive_information_gain(
    draws,
    n_votes,
    target_draws,
    target_votes,
    *,
    concentration=None,
    target_concentration=None,
):
    """Information that votes would give about the votes of the galaxies one cares about (EPIG).

    ``mean_t I(k; k_t)``, exactly, from the joint ``p(k, k_t) = mean_d p(k | d) p(k_t | d)``. It
    is what the mutual information with the weights would be if only these targets mattered, and
    never more than that: a galaxy unlike all others may tell much of the network and nothing of
    use. Few draws bias it high, as D networks can always be told apart: use many.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1] of the galaxies that could be asked about.
    n_votes : int or array-like of shape (n_galaxies,)
        The number N of volunteers who would be asked about each.
    target_draws : array-like of shape (n_targets, n_draws)
        The same for the targets; column d is the same network in both.
    target_votes : int
        The number of volunteers whose answers about a target are to be foretold.
    concentration, target_concentration : array-like, default=None
        Of the shapes of the draws, both or neither; None is the binomial likelihood.

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

    >>> from skgalaxy.joint import expected_predictive_information_gain
    >>> draws = [[0.1, 0.9, 0.1, 0.9], [0.1, 0.1, 0.9, 0.9]]
    >>> expected_predictive_information_gain(draws, 10, [[0.2, 0.7, 0.2, 0.7]], 10).round(3)
    array([0.582, 0.   ])
    """
    galaxies = check_parameters(draws, concentration)
    targets = check_parameters(target_draws, target_concentration)
    _check_targets(galaxies, targets)
    n_votes_G = check_n_votes(n_votes, len(galaxies[0]))
    target_votes = check_int(target_votes, "target_votes", 0)
    total_G = np.empty(len(n_votes_G))
    for n in np.unique(n_votes_G):
        rows = np.flatnonzero(n_votes_G == n)
        of_this_n = [values[rows] for values in galaxies]
        total_G[rows] = _summed_over_targets(of_this_n, targets, int(n), target_votes)
    return total_G / len(targets[0])


def _check_targets(galaxies, targets):
    if len(galaxies) != len(targets):
        raise ValueError(
            "`concentration` and `target_concentration` must both be given, or neither. Got one."
        )
    if targets[0].shape[1] != galaxies[0].shape[1] or not len(targets[0]):
        raise ValueError(
            "`target_draws` must have at least one row and the same networks as `draws`, "
            f"{galaxies[0].shape[1]} columns. Got shape {targets[0].shape}."
        )


def _summed_over_targets(galaxies, targets, n, n_t):
    """Return Σ_t I(k; k_t) for one N and one N_t, shape (G,), block by block of both."""
    likelihood = likelihood_of(*galaxies[1:] or [None])
    n_targets = max(1, _BLOCK // ((n + 1) * (n_t + 1)))
    total_G = np.zeros(len(galaxies[0]))
    for start in range(0, len(targets[0]), n_targets):
        block = [values[start : start + n_targets] for values in targets]
        parts = likelihood.pmf_blocks(block[0], n_t, *block[1:])
        pmf_TDL = np.concatenate([pmf_TDL.copy() for _, pmf_TDL in parts])
        own_T = entropy(pmf_TDL.mean(axis=1), 1)
        for rows, pmf_GDK in likelihood.pmf_blocks(galaxies[0], n, *galaxies[1:]):
            own_G = entropy(pmf_GDK.mean(axis=1), 1)
            shared = own_G[:, None] + own_T - _joint_entropies(pmf_GDK, pmf_TDL)
            total_G[rows] += np.where(shared > _NOTHING, shared, 0).sum(axis=1)
    return total_G


def _joint_entropies(pmf_GDK, pmf_TDL):
    """Return H[k_g, k_t] of every pair, shape (G, T)."""
    n_targets, n_draws, _ = pmf_TDL.shape
    pmf_DM = pmf_TDL.transpose(1, 0, 2).reshape(n_draws, -1) / n_draws
    entropies_GT = np.empty((len(pmf_GDK), n_targets))
    for row, pmf_DK in enumerate(pmf_GDK):
        terms_M = -x_log_x(pmf_DK.T @ pmf_DM).sum(axis=0)  # M: targets times their outcomes
        entropies_GT[row] = terms_M.reshape(n_targets, -1).sum(axis=1)
    return entropies_GT
