"""Posteriors out of fold, and scorers for ``scoring=`` in scikit-learn's model selection.

`cross_val_posterior` predicts every galaxy by networks that were trained on others.

A scorer is called as ``scorer(estimator, X, y)``, and higher is better. You can pass one to
``GridSearchCV`` or ``cross_val_score``, for example.

Three scorers judge the whole posterior, by counts y of shape (n_galaxies, 2). Use
`vote_log_likelihood_scorer` or `neg_vote_crps_scorer` to choose a model: both are proper.
`neg_coverage_error_scorer` is highest for any posterior with the right coverage, even a vague one,
so do not choose a model by it alone. They take every `estimator` that
`skgalaxy.query.predict_posterior` takes, for example a Pipeline or a modAL learner.

Three judge the predicted vote fraction alone, by counts or fractions y: `d2_binomial_scorer`,
`neg_binomial_log_loss_scorer` and `neg_vote_fraction_rmse_scorer`. They take any regressor.

`make_question_scorer` makes a scorer of one question of a tree.
"""

from skgalaxy.model_selection._out_of_fold import cross_val_posterior
from skgalaxy.model_selection._question_scorer import make_question_scorer
from skgalaxy.model_selection._scorers import (
    d2_binomial_scorer,
    neg_binomial_log_loss_scorer,
    neg_coverage_error_scorer,
    neg_vote_crps_scorer,
    neg_vote_fraction_rmse_scorer,
    vote_log_likelihood_scorer,
)

__all__ = [
    "cross_val_posterior",
    "d2_binomial_scorer",
    "make_question_scorer",
    "neg_binomial_log_loss_scorer",
    "neg_coverage_error_scorer",
    "neg_vote_crps_scorer",
    "neg_vote_fraction_rmse_scorer",
    "vote_log_likelihood_scorer",
]
