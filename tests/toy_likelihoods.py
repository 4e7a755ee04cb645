"""A likelihood that the package does not have, as a newcomer would add it: one file.

`ZeroInflated` is of k of N votes: some galaxies get no yes at all, for example because the image
is broken.
"""

import numpy as np
from scipy.special import expit

from skgalaxy.likelihoods.base import Likelihood, spread_draws, vote_fraction
from skgalaxy.likelihoods.beta_binomial import BetaBinomial


class ZeroInflated(Likelihood):
    """With probability π nobody says yes; else votes are beta-binomial, of scatter 1 / s >= 0."""

    outputs = ("the logit of the vote fraction", "the logit of no yes at all")
    starts = (-3.0,)

    def __init__(self, rho, zero, phi=0.0):
        rho = np.asarray(rho, dtype=float)
        super().__init__(rho, *(np.broadcast_to(x, rho.shape) for x in (zero, phi)))

    @classmethod
    def from_outputs(cls, outputs_GDP):
        return cls(vote_fraction(outputs_GDP[..., 0]), expit(outputs_GDP[..., 1].astype(float)))

    @staticmethod
    def nll(y_true, y_pred):
        from keras import ops

        k, n, z, zero = y_true[:, 0], y_true[:, 1], y_pred[:, 0], y_pred[:, 1]
        coins = -k * ops.softplus(-z) - (n - k) * ops.softplus(z)
        some = coins - ops.softplus(zero)  # log of (1 - π) times the coins
        return -ops.where(k > 0, some, ops.logaddexp(some, -ops.softplus(-zero)))

    @property
    def _parts(self):
        rho, zero, phi = self._arrays
        with np.errstate(divide="ignore"):
            return BetaBinomial(rho, 1 / phi), zero

    def log_pmf(self, votes_G, n_votes_G):
        votes, zero = self._parts
        with np.errstate(divide="ignore"):
            none = np.where(votes_G[:, None] == 0, np.log(zero), -np.inf)
            return np.logaddexp(np.log1p(-zero) + votes.log_pmf(votes_G, n_votes_G), none)

    def pmf_blocks(self, n_votes):
        votes, zero = self._parts
        for rows, pmf_GDK in votes.pmf_blocks(n_votes):
            pmf_GDK = pmf_GDK * (1 - zero[rows])[..., None]
            pmf_GDK[..., 0] += zero[rows]
            yield rows, pmf_GDK

    def variance(self):
        rho, zero, phi = self._arrays
        square = rho**2 + rho * (1 - rho) * phi / (1 + phi)
        mean = ((1 - zero) * rho).mean(axis=1)
        return ((1 - zero) * square).mean(axis=1) - mean**2

    def quantile(self, level):
        draws = np.sort(self.draws, axis=1)
        return np.quantile(draws, level, axis=1)

    def sample(self, rng, n_votes_G, draw):
        votes, zero = self._parts
        return np.where(rng.uniform(size=len(self)) < zero[:, draw], 0, 1) * votes.sample(
            rng, n_votes_G, draw
        )

    def recalibrated(self, overdispersion, scatter, spread=1.0):
        rho, zero, phi = self._arrays
        return ZeroInflated(spread_draws(rho, spread), zero, overdispersion + scatter * phi)

    def scatter(self):
        return self._arrays[2]
