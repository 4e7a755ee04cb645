"""Posteriors of the last layer and means over views, through the estimator."""

import pickle
import warnings

import keras
import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.base import clone

from skgalaxy import BayesianCNNRegressor, load, save
from skgalaxy.exceptions import NoSpreadWarning
from skgalaxy.networks import GalaxyZooNetwork
from skgalaxy.networks.last_layer import LEAST_GALAXIES

SMALL = {
    "network": GalaxyZooNetwork(((4,), (8,)), 16),
    "epochs": 3,
    "batch_size": 32,
    "n_draws": 20,
}


def make_galaxies(n_galaxies=80, shape=(8, 8, 1), seed=0):
    """Images brighter on one side; the brighter, the more volunteers say yes."""
    rng = np.random.default_rng(seed)
    brightness = rng.uniform(size=n_galaxies)
    X = rng.normal(brightness[:, None, None, None], 0.3, (n_galaxies, *shape))
    X[:, : shape[0] // 2] *= 1.5
    return X, np.column_stack([rng.binomial(40, brightness), np.full(n_galaxies, 40)])


def fit(X, y, **parameters):
    return BayesianCNNRegressor(**{**SMALL, "random_state": 0, **parameters}).fit(X, y)


@pytest.fixture(scope="module")
def galaxies():
    return make_galaxies()


@pytest.fixture(scope="module", params=["binomial", "beta_binomial", "own concentrations"])
def model(request, galaxies):
    likelihood = "binomial" if request.param == "binomial" else "beta_binomial"
    n_outputs = 2 if request.param == "own concentrations" else 1
    network = GalaxyZooNetwork(((4,), (8,)), 16, n_outputs)
    return fit(*galaxies, likelihood=likelihood, network=network)


def with_(model, **parameters):
    """Copy of a fitted model with other parameters, without training."""
    return pickle.loads(pickle.dumps(model)).set_params(**parameters)


def test_draws_are_weights_of_the_last_layer_on_the_features(model, galaxies):
    """Features and outputs by Keras itself, without our replay of the graph."""
    X = galaxies[0][:15]
    network = model._ensemble.networks[0]
    keras_model = network.to_keras()
    trunk = next(layer for layer in keras_model.layers if isinstance(layer, keras.Model))
    inside = keras.Model(trunk.inputs, trunk.layers[-2].output)
    standardise = next(x for x in keras_model.layers if type(x).__name__ == "Standardise")
    features = np.array(inside(standardise(X.astype(np.float32))))
    weights = network.last_layer[0].draw(20, network.seeds.masks)[0]
    expected = features @ weights[:-1] + weights[-1]
    posterior = with_(model, posterior="last_layer").predict_posterior(X)
    np.testing.assert_allclose(posterior.draws, expit(expected), atol=1e-5)
    if model.likelihood == "beta_binomial":
        concentration = np.exp(np.array(keras_model(X.astype(np.float32)))[:, 1:])
        given = posterior.likelihood.concentration
        np.testing.assert_allclose(given, np.broadcast_to(concentration, given.shape), rtol=1e-4)


def test_last_layer_fits_the_votes_at_least_as_well(model, galaxies):
    X, y = galaxies
    assert with_(model, posterior="last_layer").score(X, y) > model.score(X, y) - 0.02


@pytest.mark.parametrize("posterior", ["dropout", "last_layer"])
@pytest.mark.parametrize("n_views", [4, 8])
def test_turned_images_have_the_same_posterior(model, galaxies, posterior, n_views):
    X = galaxies[0][:10]
    one = with_(model, posterior=posterior)
    many = with_(model, posterior=posterior, n_views=n_views)
    turned = np.rot90(X, axes=(1, 2))
    assert np.abs(one.predict(turned) - one.predict(X)).max() > 1e-3
    np.testing.assert_allclose(many.sample_posterior(turned), many.sample_posterior(X), atol=1e-6)
    mirrored = np.abs(many.predict(X[:, :, ::-1]) - many.predict(X)).max()
    assert (mirrored < 1e-6) == (n_views == 8)


@pytest.mark.parametrize("posterior", ["dropout", "last_layer"])
def test_views_are_averaged_within_each_draw(model, galaxies, posterior):
    X = galaxies[0][:10]
    one = with_(model, posterior=posterior)
    turns = [logit(one.sample_posterior(np.rot90(X, n, axes=(1, 2)))) for n in range(4)]
    many = with_(model, posterior=posterior, n_views=4)
    np.testing.assert_allclose(logit(many.sample_posterior(X)), np.mean(turns, axis=0), atol=1e-4)


@pytest.mark.parametrize("parameters", [{"posterior": "last_layer"}, {"n_views": 8}])
def test_setting_it_after_fit_is_fitting_with_it(galaxies, model, parameters):
    X = galaxies[0][:10]
    changed = clone(model).set_params(**parameters).fit(*galaxies)
    drawn = with_(model, **parameters).sample_posterior(X)
    np.testing.assert_array_equal(changed.sample_posterior(X), drawn)
    assert (drawn != model.sample_posterior(X)).any()


def test_saved_models_keep_their_last_layer(model, galaxies, tmp_path):
    X = galaxies[0][:10]
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model").set_params(posterior="last_layer", n_views=4)
    expected = with_(model, posterior="last_layer", n_views=4).sample_posterior(X)
    np.testing.assert_array_equal(loaded.sample_posterior(X), expected)


def test_draws_do_not_depend_on_batch_and_begin_alike(model, galaxies):
    X = galaxies[0]
    last = with_(model, posterior="last_layer", n_views=4)
    drawn = last.sample_posterior(X)
    apart = np.concatenate([last.sample_posterior(X[:7]), last.sample_posterior(X[7:])])
    np.testing.assert_allclose(apart, drawn, atol=1e-6)
    last.set_params(n_draws=50)
    np.testing.assert_allclose(last.sample_posterior(X)[:, :20], drawn, atol=1e-6)


def test_several_networks_have_their_own_last_layers(galaxies):
    X, y = galaxies
    two = fit(X, y, n_networks=2, posterior="last_layer")
    parts = np.split(two.sample_posterior(X[:10]), 2, axis=1)
    assert parts[0].shape == parts[1].shape == (10, 20)
    assert np.abs(parts[0].mean(axis=1) - parts[1].mean(axis=1)).max() > 1e-4


def test_network_without_dropout_gets_a_spread(galaxies):
    X, y = galaxies
    plain = fit(X, y, dropout=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain.predict(X)  # Keras warns of its own when it builds
    with pytest.warns(NoSpreadWarning, match="`posterior='last_layer'`"):
        assert plain.predict(X, return_std=True)[1].max() < 1e-12
    plain.set_params(posterior="last_layer")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert plain.predict(X, return_std=True)[1].min() > 0


def test_flat_rows_are_turned_as_images(galaxies):
    X, y = galaxies
    flat = fit(X.reshape(80, -1), y, image_shape=(8, 8), n_views=8, posterior="last_layer")
    images = fit(X, y, n_views=8, posterior="last_layer")
    np.testing.assert_allclose(flat.predict(X[:9].reshape(9, -1)), images.predict(X[:9]), atol=1e-5)


def test_warm_start_learns_the_last_layer_again_and_partial_fit_forgets_it(galaxies):
    X, y = galaxies
    model = fit(X, y, posterior="last_layer", warm_start=True)
    before = model.predict(X)
    assert (model.fit(X, y).predict(X) != before).any()
    model.partial_fit(X, y)
    with pytest.raises(ValueError, match="`partial_fit`; use `fit`, or posterior='dropout'"):
        model.predict(X)
    assert np.isfinite(model.set_params(posterior="dropout").predict(X)).all()


def nested(image_shape, *, dropout):
    """Network whose last layer lies in a model within the model."""
    inner_inputs = keras.Input((3,))
    inner = keras.Model(inner_inputs, keras.layers.Dense(1)(inner_inputs))
    inputs = keras.Input(image_shape)
    x = keras.layers.Dense(3, activation="relu")(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, inner(keras.layers.Dropout(dropout)(x)))


def scaled(image_shape, *, dropout):
    """Network that ends in another layer than Dense."""
    inputs = keras.Input(image_shape)
    x = keras.layers.Dropout(dropout)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Rescaling(0.1)(keras.layers.Dense(1)(x)))


def test_last_layer_of_a_nested_network(galaxies):
    X, y = galaxies
    model = fit(X, y, network=nested, posterior="last_layer")
    assert model._ensemble.networks[0].last_layer[0].mean.shape == (1, 4)
    assert model.predict(X, return_std=True)[1].min() > 0


def test_refusals_before_any_training(galaxies):
    X, y = galaxies
    few = LEAST_GALAXIES - 1
    wide = X[:, :6]
    for rows, parameters, match in [
        (X, {"posterior": "laplace"}, "`posterior` must be one of 'dropout', 'last_layer'"),
        (X, {"network": scaled, "posterior": "last_layer"}, "ends in a keras.layers.Dense. Got"),
        (X[:few], {"posterior": "last_layer"}, "at least 10 galaxies, to find its prior. Got 9"),
        (X, {"n_views": 2}, r"`n_views` must be 1, 4 or 8\. Got 2"),
        (X, {"n_views": True}, r"`n_views` must be 1, 4 or 8\. Got True"),
        (X, {"n_views": 4.0}, r"`n_views` must be 1, 4 or 8\. Got 4\.0"),
        (X, {"n_views": 8, "augment": False}, "`n_views` must be 1 if `augment` is False"),
        (wide, {"n_views": 8}, "at most 4 for pictures that are not square.*Got 8 for 6 x 8"),
        (X.reshape(80, -1), {"n_views": 4}, "rows that are no pictures. Got 4; give `image_shape`"),
    ]:
        model = BayesianCNNRegressor(**{**SMALL, **parameters})
        with pytest.raises(ValueError, match=match):
            model.fit(rows, y[: len(rows)])
        assert not hasattr(model, "history_")


def test_images_that_are_not_square_have_four_views():
    X, y = make_galaxies(40, (6, 8, 1))
    model = fit(X, y, n_views=4, posterior="last_layer")
    for other in (X[:, ::-1], X[:, :, ::-1]):
        np.testing.assert_allclose(model.predict(other), model.predict(X), atol=1e-6)


@pytest.mark.parametrize("posterior", ["dropout", "last_layer"])
def test_eight_views_of_images_that_are_not_square_are_refused_after_fit_too(posterior):
    X, y = make_galaxies(20, (6, 8, 1))
    model = fit(X, y, posterior=posterior).set_params(n_views=8)
    with pytest.raises(ValueError, match=r"at most 4 for pictures that .* Got 8 for 6"):
        model.predict(X)


def test_galaxies_without_votes_do_not_count_as_labels(galaxies):
    X, y = galaxies
    few = np.where(np.arange(80)[:, None] < LEAST_GALAXIES - 1, y, 0)
    with pytest.raises(ValueError, match=r"at least 10 galaxies, to find its prior\. Got 9"):
        BayesianCNNRegressor(**SMALL, posterior="last_layer").fit(X, few)
    model = fit(X, few)
    with pytest.raises(ValueError, match="trained last, on at least 10 galaxies with votes"):
        model.set_params(posterior="last_layer").predict(X)


@pytest.mark.parametrize("yes", [0, 40])
@pytest.mark.parametrize("likelihood", ["binomial", "beta_binomial"])
def test_votes_that_all_agree(galaxies, likelihood, yes):
    X, y = galaxies
    model = fit(X, np.column_stack([np.full(80, yes), y[:, 1]]), likelihood=likelihood)
    mean, std = model.set_params(posterior="last_layer").predict(X, return_std=True)
    assert np.isfinite(std).all()
    assert (np.abs(mean - yes / 40) < 0.2).all()


def test_blank_images_teach_the_mean(galaxies):
    """All features are constant."""
    y = galaxies[1]
    blank = np.zeros((80, 8, 8, 1)) + np.arange(80)[:, None, None, None] * 1e-12  # not one image
    model = fit(blank, y, posterior="last_layer", n_views=8)
    mean = y[:, 0].sum() / y[:, 1].sum()
    np.testing.assert_allclose(model.predict(blank), mean, atol=0.03)


def test_other_network_than_dense_keeps_dropout(galaxies):
    X, y = galaxies
    model = fit(X, y, network=scaled)
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(ValueError, match="whose last layer is a keras"):
        model.set_params(posterior="last_layer").predict(X)
