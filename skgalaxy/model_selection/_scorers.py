"""Scorers of one yes/no question."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import make_scorer

from skgalaxy._validation import check_counts
from skgalaxy.metrics import (
    binomial_log_loss,
    coverage_error,
    d2_binomial_score,
    vote_crps,
    vote_fraction_rmse,
)
from skgalaxy.metrics._checks import check_asked
from skgalaxy.posterior import VotePosterior
from skgalaxy.query import predict_posterior

__all__ = [
    "d2_binomial_scorer",
    "neg_binomial_log_loss_scorer",
    "neg_coverage_error_scorer",
    "neg_vote_crps_scorer",
    "neg_vote_fraction_rmse_scorer",
    "vote_log_likelihood_scorer",
]

# `greater_is_better=False` makes scikit-learn change the sign, hence the names with "neg"
d2_binomial_scorer: Any = make_scorer(d2_binomial_score)
neg_binomial_log_loss_scorer: Any = make_scorer(binomial_log_loss, greater_is_better=False)
neg_vote_fraction_rmse_scorer: Any = make_scorer(vote_fraction_rmse, greater_is_better=False)


class _PosteriorScorer:
    """A function ``score(counts, posterior)`` as a scorer."""

    __module__ = "skgalaxy.model_selection"  # where users, and pickles, find scorers

    def __init__(self, score: Callable[[NDArray[np.int64], VotePosterior], float]) -> None:
        self.score = score
        # a scorer is an instance: `help` finds the function's text only if it is copied
        self.__doc__ = score.__doc__

    def __call__(self, estimator: Any, X: Any, y: ArrayLike) -> float:
        votes, n_votes = check_counts(y, "y")
        check_asked(n_votes, "y")  # before the work of predicting
        return self.score(np.column_stack([votes, n_votes]), predict_posterior(estimator, X))

    def __repr__(self) -> str:
        return f"{self.__module__}.{self.score.__name__}"

    def __reduce__(self) -> str:
        # the name of a global: a grid search sends its scorer to other processes by it
        return self.score.__name__


@_PosteriorScorer
def vote_log_likelihood_scorer(counts: NDArray[np.int64], posterior: VotePosterior) -> float:
    """Scorer: `skgalaxy.metrics.vote_log_likelihood`, in nats per vote."""
    votes, n_votes = counts.T
    # logarithms throughout: votes in the far tails cost much, where log(pmf) would be -inf
    return float(posterior.log_prob(votes, n_votes).sum() / n_votes.sum())


@_PosteriorScorer
def neg_vote_crps_scorer(counts: NDArray[np.int64], posterior: VotePosterior) -> float:
    """Scorer: minus `skgalaxy.metrics.vote_crps`, in units of the vote fraction."""
    return -vote_crps(counts, posterior.pmf(counts[:, 1]))


@_PosteriorScorer
def neg_coverage_error_scorer(counts: NDArray[np.int64], posterior: VotePosterior) -> float:
    """Scorer: minus the size of `skgalaxy.metrics.coverage_error` within 0.2 of the fraction."""
    return -abs(coverage_error(counts, posterior.pmf(counts[:, 1])))
