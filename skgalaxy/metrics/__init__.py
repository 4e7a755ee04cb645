"""Scores of predictions, judged by the votes of volunteers. Arrays in, numbers out.

For predicted vote fractions: `binomial_log_loss`, `d2_binomial_score`, `vote_fraction_rmse` and
`reliability_curve`; for all questions of a tree `d2_tree_score`. Votes scatter, so you should
compare an RMSE with `vote_noise_floor`, the RMSE of a perfect model.

For predicted posteriors you pass `pmf`, an array of shape (n_galaxies, max(N) + 1). It holds the
probability of every outcome k = 0 ... N of each galaxy, for example ``posterior.pmf(y[:, 1])``, and
zeros beyond a galaxy's own N. `vote_coverage`, `coverage_error`, `interval_coverage`, `pit_values`
and `pit_histogram` test whether the posterior is right about its own errors. `sharpness` measures
how narrow it is. `vote_log_likelihood` and `vote_crps` reward both and are proper scores.

All functions treat votes as whole numbers, never as a continuous quantity, and leave out galaxies
with N = 0.
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
    d2_tree_score,
    reliability_curve,
    vote_fraction_rmse,
    vote_noise_floor,
)

__all__ = [
    "binomial_log_loss",
    "coverage_error",
    "d2_binomial_score",
    "d2_tree_score",
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
