"""Saved and loaded, in this process and in a fresh one."""

import copy
import pickle
import re
import subprocess
import sys
import warnings

import cloudpickle
import joblib
import numpy as np
import pytest
from sklearn.base import clone

import skgalaxy.estimator
from skgalaxy import BayesianCNNRegressor
from skgalaxy.exceptions import ModelVersionWarning

FRESH = """
import sys, joblib, numpy as np, skgalaxy
X, y = np.load(sys.argv[2]), np.load(sys.argv[4])
model = joblib.load(sys.argv[1])
np.save(sys.argv[3], model.sample_posterior(X))
plain = skgalaxy.load(sys.argv[6])
assert (plain.sample_posterior(X) == model.sample_posterior(X)).all()
assert (plain.partial_fit(X, y).predict(X) == model.partial_fit(X, y).predict(X)).all()
again = type(model)(**model.get_params(deep=False)).fit(X, y)
np.save(sys.argv[5], again.sample_posterior(X))
"""


@pytest.mark.parametrize(
    "carry",
    [lambda model: pickle.loads(pickle.dumps(model)), copy.deepcopy],
    ids=["pickle", "deepcopy"],
)
def test_same_posterior(fitted, toy, carry):
    X, y, _ = toy
    carried = carry(fitted)
    np.testing.assert_array_equal(carried.sample_posterior(X), fitted.sample_posterior(X))
    before = fitted.predict(X)
    carried.set_params(warm_start=True).fit(X, y)
    assert carried.n_iter_ == 2 * fitted.n_iter_
    np.testing.assert_array_equal(fitted.predict(X), before)


def test_goes_on_from_where_it_was(fitted, toy):
    """The optimiser's moments and the seeds travel too."""
    X, y, _ = toy
    carried = [pickle.loads(pickle.dumps(fitted)).partial_fit(X, y) for _ in range(2)]
    np.testing.assert_array_equal(carried[0].predict(X), carried[1].predict(X))


def test_bit_identical_in_a_fresh_process(fitted, toy, tmp_path):
    """Both what was loaded, and what is trained there from the same seed."""
    X, y, _ = toy
    paths = [str(tmp_path / name) for name in ("model", "X.npy", "out.npy", "y.npy", "again.npy")]
    joblib.dump(fitted, paths[0])
    paths.append(str(tmp_path / "model.skgalaxy"))
    fitted.save(paths[-1])
    np.save(paths[1], X)
    np.save(paths[3], y)
    subprocess.run([sys.executable, "-c", FRESH, *paths], check=True, capture_output=True)
    expected = fitted.sample_posterior(X)
    np.testing.assert_array_equal(np.load(paths[2]), expected)
    np.testing.assert_array_equal(np.load(paths[4]), expected)


def test_another_version_says_so(fitted, toy, monkeypatch):
    monkeypatch.setattr(skgalaxy.estimator, "__version__", "0.0.1")
    saved = pickle.dumps(fitted)
    monkeypatch.undo()
    with warnings.catch_warnings(record=True) as caught:  # Keras has warnings of its own
        warnings.simplefilter("always")
        loaded = pickle.loads(saved)
    (warning,) = [one for one in caught if one.category is ModelVersionWarning]
    assert re.search("saved by skgalaxy 0.0.1 .* Fit it again", str(warning.message))
    assert loaded.predict(toy[0]).shape == (200,)


def test_a_lambda_is_named_by_the_error(small, toy):
    """pickle cannot find a lambda again and says so; cloudpickle, as joblib's workers use, can."""
    X, y, _ = toy
    network = small["network"]
    model = BayesianCNNRegressor(
        **{**small, "network": lambda shape, dropout: network(shape, dropout=dropout)}
    )
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(model)
    carried = cloudpickle.loads(cloudpickle.dumps(model))
    np.testing.assert_array_equal(carried.fit(X, y).predict(X), model.fit(X, y).predict(X))


def test_later_changes_of_parameters_do_not_reach_a_fitted_network(small, toy):
    X, y, _ = toy
    model = BayesianCNNRegressor(**small).fit(X, y)
    expected = model.sample_posterior(X)
    model.set_params(network__dense_units=3, n_draws=20)
    assert model.sample_posterior(X).shape == (200, 20)
    model.set_params(n_draws=10)
    np.testing.assert_array_equal(model.sample_posterior(X), expected)
    assert clone(model).network.dense_units == 3
