"""How good predictions are, judged by votes. Arrays in, numbers out.

Of a predicted vote fraction: `binomial_log_loss`, `d2_binomial_score`, `vote_fraction_rmse`,
beside the `vote_noise_floor` that even the true ρ does not beat, and `reliability_curve`.

Of a predicted posterior over votes, given as `pmf` of shape (n_galaxies, max(N) + 1), the
probability of every outcome k = 0 ... N of each galaxy (``posterior.pmf(y[:, 1])``; zero beyond
a galaxy's own N). Is it right about its own errors: `vote_coverage`, `coverage_error`,
`interval_coverage`, `pit_values`, `pit_histogram`. How narrow is it: `sharpness`. Both at once,
and not to be cheated: `vote_log_likelihood`, `vote_crps`. Votes are whole numbers; none of these
takes k for a continuous quantity. Galaxies that nobody was asked about (N = 0) are left out.
"""

from skgalaxy.metrics._coverage_pit import (
    coverage_error,
    interval_coverage,
    pit_histogram,
    pit_values,
    vote_coverage,
)
from skgalaxy.metrics._proper_scores import sharpness, vote_crps, vote_log_likelihood
from skgalaxy.metrics._vote_fractions import (
    binomial_log_loss,
    d2_binomial_score,
    reliability_curve,
    vote_fraction_rmse,
    vote_noise_floor,
)

__all__ = [
    "binomial_log_loss",
    "coverage_error",
    "d2_binomial_score",
    "interval_coverage",
    "pit_histogram",
    "pit_values",
    "reliability_curve",
    "sharpness",
    "vote_coverage",
    "vote_crps",
    "vote_fraction_rmse",
    "vote_log_likelihood",
    "vote_noise_floor",
]
