"""Two likelihoods that the package does not have, as a newcomer would add them: a file each.

`ZeroInflated` is of k of N votes: some galaxies get no yes at all, for example because the image
is broken. `ThreeAnswers` is a multinomial: its outcome is how often each of three answers is given.
"""

import itertools

import numpy as np
from scipy.special import expit, gammaln, xlogy

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


class ThreeAnswers(Likelihood):
    """Multinomial votes on three answers, of probabilities (G, D, 3)."""

    outputs = ("the logit of the first answer", "of the second", "of the third")

    def __init__(self, probabilities):
        super().__init__(np.asarray(probabilities, dtype=float))

    @classmethod
    def from_outputs(cls, outputs_GDP):
        return cls(np.exp(outputs_GDP) / np.exp(outputs_GDP).sum(axis=-1, keepdims=True))

    @staticmethod
    def nll(y_true, y_pred):
        from keras import ops

        return -ops.sum(y_true * ops.log_softmax(y_pred), axis=-1)

    @staticmethod
    def outcomes(n_votes):
        """Counts of the answers, one row per outcome."""
        pairs = itertools.product(range(n_votes + 1), repeat=2)
        return np.array([(a, b, n_votes - a - b) for a, b in pairs if a + b <= n_votes])

    def n_outcomes(self, n_votes):
        return (n_votes + 1) * (n_votes + 2) // 2

    def log_pmf(self, votes_GA, n_votes_G):
        ways = gammaln(n_votes_G + 1) - gammaln(votes_GA + 1).sum(axis=-1)
        return ways[:, None] + xlogy(votes_GA[:, None], self.draws).sum(axis=-1)

    def pmf_blocks(self, n_votes):
        counts_KA = self.outcomes(n_votes)
        ways_K = gammaln(n_votes + 1) - gammaln(counts_KA + 1).sum(axis=1)
        for rows in self._blocks(n_votes):
            terms = xlogy(counts_KA, self.draws[rows][:, :, None]).sum(axis=-1)
            yield rows, np.exp(ways_K + terms)

    def variance(self):
        return self.draws.var(axis=1)

    def quantile(self, level):
        return np.quantile(self.draws, level, axis=1)

    def sample(self, rng, n_votes_G, draw):
        pairs = zip(np.broadcast_to(n_votes_G, len(self)), self.draws[:, draw], strict=True)
        return np.array([rng.multinomial(n, p) for n, p in pairs])
