"""Slow, independent answers that tests hold the library to."""

import numpy as np
from scipy.special import logsumexp

from skgalaxy.acquisition import standardised_draws
from skgalaxy.likelihoods import as_likelihood
from skgalaxy.likelihoods.base import log_coefficients
from skgalaxy.likelihoods.entropy import entropy


def joint_mutual_information(draws, n_votes, *, n_samples=None, random_state=None):
    """Mutual information of all votes of a few galaxies and the networks, by its definition.

    A sum over all combinations of votes; with `n_samples` their mean over so many sampled ones.
    """
    likelihood = as_likelihood(draws)
    n_votes = np.broadcast_to(n_votes, len(likelihood))
    pmfs = []  # p(k | d) of every galaxy, each of shape (D, N + 1)
    for row, n in enumerate(n_votes):
        ((_, pmf_1DK),) = likelihood[row].pmf_blocks(int(n))
        pmfs.append(pmf_1DK[0].copy())
    if n_samples is not None:
        return _sampled(pmfs, n_samples, random_state)
    together_DK, expected = np.ones((likelihood.n_draws, 1)), 0.0
    for pmf_DK in pmfs:
        together_DK = (together_DK[:, :, None] * pmf_DK[:, None]).reshape(len(pmf_DK), -1)
        expected += entropy(pmf_DK, 1).mean()
    return max(0.0, float(entropy(together_DK.mean(axis=0)) - expected))


def _sampled(pmfs, n_samples, random_state):
    """Mean of log p(k | d) / p(k), every draw d taken equally often."""
    rng = np.random.RandomState(random_state)
    n_draws = len(pmfs[0]) if pmfs else 1
    drawn_S = np.arange(n_samples) % n_draws
    log_SD = np.zeros((n_samples, n_draws))
    for pmf_DK in pmfs:
        below_SK = pmf_DK.cumsum(axis=1)[drawn_S, :-1] < rng.uniform(size=(n_samples, 1))
        with np.errstate(divide="ignore"):
            log_SD += np.log(pmf_DK[:, below_SK.sum(axis=1)].T)
    evidence_S = logsumexp(log_SD, axis=1) - np.log(n_draws)
    return max(0.0, float(np.mean(log_SD[np.arange(n_samples), drawn_S] - evidence_S)))


def gaussian_joint_information(draws, information):
    """Joint information ½ log det(1 + R^½ c R^½) of the Gaussian channel, by its determinant."""
    directions = standardised_draws(draws)
    ratio = np.expm1(2 * np.maximum(information, 0))
    covariance = (directions @ directions.T) * np.sqrt(ratio[:, None] * ratio)
    np.fill_diagonal(covariance, 1 + ratio)
    return float(0.5 * np.linalg.slogdet(covariance)[1])


def votes_nll(likelihood, votes, n_votes, outputs):
    """Negative log-likelihood without its constant log C(N, k), in float64: the loss's oracle."""
    found = likelihood.from_outputs(np.asarray(outputs)[:, None])
    constant = [log_coefficients(n)[k] for k, n in zip(votes, n_votes, strict=True)]
    return constant - found.log_pmf(np.asarray(votes), np.asarray(n_votes))[:, 0]
