"""Scorers of a predicted posterior, for ``scoring=`` in scikit-learn's model selection.

They are called as ``scorer(estimator, X, y)`` with counts y, and higher is better. `estimator` is
whatever `skgalaxy.query.predict_posterior` takes: an estimator, a Pipeline, a fitted search, a
modAL learner.

Choose models by `vote_log_likelihood_scorer` or `neg_vote_crps_scorer`: they are proper.
`neg_coverage_error_scorer` is best for any posterior that covers what it says, a vague one too:
watch it, but choose nothing by it alone. Scorers of the predicted fraction, such as
``d2_binomial_scorer``, are in `skgalaxy.metrics`.
"""

import numpy as np

from skgalaxy.metrics import coverage_error, vote_crps
from skgalaxy.metrics._checks import check_asked, check_counts
from skgalaxy.query import predict_posterior

__all__ = [
    "neg_coverage_error_scorer",
    "neg_vote_crps_scorer",
    "vote_log_likelihood_scorer",
]


class _PosteriorScorer:
    """``score(counts, posterior)`` as a scorer; a pickle finds it again by its name."""

    def __init__(self, score):
        self._score = score
        self.__doc__ = score.__doc__

    def __call__(self, estimator, X, y):
        votes, n_votes = check_counts(y, "y")
        check_asked(n_votes, "y")
        return self._score(np.column_stack([votes, n_votes]), predict_posterior(estimator, X))

    def __repr__(self):
        return f"{__name__}.{self._score.__name__}"

    def __reduce__(self):
        return self._score.__name__


@_PosteriorScorer
def vote_log_likelihood_scorer(counts, posterior):
    """Scorer: `skgalaxy.metrics.vote_log_likelihood`, in nats per vote."""
    votes, n_votes = counts.T  # logarithms throughout: far-off votes cost much, but not infinitely
    return float(posterior.log_prob(votes, n_votes).sum() / n_votes.sum())


@_PosteriorScorer
def neg_vote_crps_scorer(counts, posterior):
    """Scorer: minus `skgalaxy.metrics.vote_crps`, in units of the vote fraction."""
    return -vote_crps(counts, posterior.pmf(counts[:, 1]))


@_PosteriorScorer
def neg_coverage_error_scorer(counts, posterior):
    """Scorer: minus the size of `skgalaxy.metrics.coverage_error` within 0.2 of the fraction."""
    return -abs(coverage_error(counts, posterior.pmf(counts[:, 1])))
