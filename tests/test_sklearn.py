"""scikit-learn's own law: estimator checks."""

import numpy as np
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgalaxy import BayesianCNNRegressor
from skgalaxy.calibration import CalibratedRegressorCV
from skgalaxy.metrics import d2_tree_score
from skgalaxy.networks import GalaxyZooNetwork
from skgalaxy.votes import DecisionTree

# Small, and quick to learn the few points of the checks.
QUICK = {
    "network": GalaxyZooNetwork(dense_units=32),
    "epochs": 20,
    "batch_size": 32,
    "learning_rate": 0.01,
    "n_draws": 10,
    "random_state": 0,
}


def unit_interval(y):
    """Map numbers into [0, 1]; leave alone counts [k, N], and what is not of finite numbers."""
    try:
        numbers = np.asarray(y)
        numbers = numbers if np.iscomplexobj(numbers) else numbers.astype(float)
    except (TypeError, ValueError):
        return y
    if numbers.size == 0 or numbers.ndim == 0 or numbers.shape[1:] not in ((), (1,), (5,)):
        return y
    if np.iscomplexobj(numbers) or not np.isfinite(numbers).all():
        return y
    return (numbers - numbers.min()) / (np.ptp(numbers) or 1)


class UnitTargets(BayesianCNNRegressor):
    """Takes any target, so that every check can run: the checks know nothing of votes."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, unit_interval(y), sample_weight)

    def partial_fit(self, X, y, sample_weight=None):
        return super().partial_fit(X, unit_interval(y), sample_weight)

    def score(self, X, y, sample_weight=None):
        return super().score(X, unit_interval(y), sample_weight)


TREE = DecisionTree({"bar": ["yes", "no"], "arms": ["1", "2", "more"]})


class TreeTargets(BayesianCNNRegressor):
    """Takes 1 or 5 columns of any numbers as votes on the answers of `TREE`; predicts as many."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, tree_votes(y), sample_weight)
        self.n_targets_ = np.asarray(y).shape[1]
        return self

    def partial_fit(self, X, y, sample_weight=None):
        super().partial_fit(X, tree_votes(y), sample_weight)
        self.n_targets_ = np.asarray(y).shape[1]
        return self

    def predict(self, X):
        return super().predict(X)[:, : self.n_targets_]

    def score(self, X, y, sample_weight=None):
        mean = self.predict_posterior(X).mean
        return d2_tree_score(TREE, tree_votes(y), mean, sample_weight)


def tree_votes(y):
    """Of ten volunteers those who give each answer; leaves alone what is no table of numbers."""
    fraction = unit_interval(y)
    if fraction is y:
        return y
    votes = np.round(10 * np.broadcast_to(fraction, (len(fraction), 5)))
    return np.where([True, False] * 2 + [True], votes, 10 - votes)


ENSEMBLE = {"n_networks": 2, "dropout": 0.2, "epochs": 6}


@parametrize_with_checks(
    [
        UnitTargets(**QUICK, likelihood="beta_binomial"),
        TreeTargets(**{**QUICK, **ENSEMBLE, "tree": TREE}),
    ]
)
def test_as_a_native_estimator(estimator, check):
    """No exception to scikit-learn's rules, with one question or with several."""
    check(estimator)


class UnitVotes(CalibratedRegressorCV):
    """Takes any target as fractions of ten votes: one vote cannot tell how votes scatter."""

    def fit(self, X, y, sample_weight=None):
        fraction = unit_interval(y)
        weight = 10 if sample_weight is None else 10 * np.asarray(sample_weight)
        return super().fit(X, fraction, weight)

    def score(self, X, y, sample_weight=None):
        return super().score(X, unit_interval(y), sample_weight)


TWINS = "its images are there twice: nothing is held out of training"
RECALIBRATED = {
    "check_sample_weight_equivalence_on_dense_data": TWINS,
    "check_sample_weights_not_overwritten": TWINS,
    "check_sample_weights_shape": TWINS,
}


@parametrize_with_checks(
    [UnitVotes(UnitTargets(**{**QUICK, "epochs": 8}), cv=2, random_state=0)],
    expected_failed_checks=lambda estimator: RECALIBRATED,
)
def test_recalibrated(estimator, check):
    check(estimator)


CLASSES = "its targets are the class labels 0, 1 and 2, not votes"
NUMBERS = "its targets are numbers of any size, not vote fractions"
REFUSED = {
    "check_dict_unchanged": CLASSES,
    "check_dont_overwrite_parameters": CLASSES,
    "check_dtype_object": CLASSES,
    "check_estimators_dtypes": CLASSES,
    "check_estimators_fit_returns_self": CLASSES,
    "check_estimators_overwrite_params": CLASSES,
    "check_estimators_partial_fit_n_features": CLASSES,
    "check_f_contiguous_array_estimator": CLASSES,
    "check_fit2d_1feature": CLASSES,
    "check_fit2d_predict1d": CLASSES,
    "check_fit_check_is_fitted": NUMBERS,
    "check_fit_idempotent": NUMBERS,
    "check_fit_score_takes_y": CLASSES,
    "check_methods_sample_order_invariance": CLASSES,
    "check_methods_subset_invariance": CLASSES,
    "check_n_features_in": NUMBERS,
    "check_n_features_in_after_fitting": NUMBERS,
    "check_positive_only_tag_during_fit": CLASSES,
    "check_readonly_memmap_input": CLASSES,
    "check_regressor_data_not_an_array": NUMBERS,
    "check_regressors_int": CLASSES,
    "check_regressors_no_decision_function": NUMBERS,
    "check_regressors_train": NUMBERS,
    "check_sample_weight_equivalence_on_dense_data": CLASSES,
    "check_sample_weights_list": CLASSES,
    "check_sample_weights_not_an_array": CLASSES,
    "check_sample_weights_not_overwritten": CLASSES,
    "check_sample_weights_pandas_series": CLASSES,
    "check_sample_weights_shape": CLASSES,
    "check_supervised_y_2d": CLASSES,
}


TABLE = "its targets are one number a galaxy, and a tree has two answers at least"
OF_A_TREE = dict.fromkeys(
    [
        *REFUSED,
        "check_all_zero_sample_weights_error",
        "check_estimators_nan_inf",
        "check_estimators_pickle",
        "check_fit2d_1sample",
        "check_pipeline_consistency",
    ],
    TABLE,
) | {"check_regressor_multioutput": NUMBERS}


@parametrize_with_checks(
    [BayesianCNNRegressor(**QUICK), BayesianCNNRegressor(**QUICK, tree=TREE)],
    expected_failed_checks=lambda estimator: OF_A_TREE if estimator.tree else REFUSED,
)
def test_itself(estimator, check):
    """It refuses the targets that no vote can take, and keeps every other rule."""
    check(estimator)
