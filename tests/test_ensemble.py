"""Several networks, and the beta-binomial likelihood, behind the same estimator."""

import keras
import numpy as np
import pytest
from sklearn.base import clone

from skgalaxy import BayesianCNNRegressor
from skgalaxy.exceptions import NoSpreadWarning
from skgalaxy.likelihoods import LIKELIHOODS
from skgalaxy.networks import GalaxyZooNetwork

RUNGS = {
    "network": {"n_networks": 1, "dropout": 0},
    "dropout": {"n_networks": 1},
    "ensemble": {"n_networks": 3, "dropout": 0},
    "ensemble and dropout": {"n_networks": 3},
}


@pytest.fixture(scope="module")
def rungs(toy):
    """Return fitted estimators by name, of either likelihood."""
    X, y, _ = toy
    parameters = {"epochs": 3, "batch_size": 32, "n_draws": 10, "random_state": 0}
    return {
        (name, likelihood): BayesianCNNRegressor(
            network=GalaxyZooNetwork(((4,), (8,)), 16, n_outputs),
            likelihood=likelihood,
            **parameters,
            **rung,
        ).fit(X, y)
        for name, rung in RUNGS.items()
        for likelihood, n_outputs in (("binomial", 1), ("beta_binomial", 2))
    }


@pytest.mark.parametrize("likelihood", ["binomial", "beta_binomial"])
@pytest.mark.filterwarnings("ignore::skgalaxy.exceptions.NoSpreadWarning")
def test_draws_stand_side_by_side(rungs, toy, likelihood):
    X = toy[0][:20]
    for name, rung in RUNGS.items():
        posterior = rungs[name, likelihood].predict_posterior(X)
        n_draws = 10 if "dropout" in name or rung["n_networks"] == 1 else 1
        assert posterior.draws.shape == (20, n_draws * rung["n_networks"])
        assert type(posterior.likelihood) is LIKELIHOODS[likelihood]
        parts = np.split(posterior.draws, rung["n_networks"], axis=1)
        within = [np.ptp(part, axis=1).max() for part in parts]
        assert all(width > 0 for width in within) == ("dropout" in name)
        if rung["n_networks"] > 1:
            assert np.abs(parts[0].mean(axis=1) - parts[1].mean(axis=1)).max() > 1e-3
        np.testing.assert_allclose(
            posterior[5:9].draws, rungs[name, likelihood].predict_posterior(X[5:9]).draws, atol=1e-6
        )


@pytest.mark.parametrize("likelihood", ["binomial", "beta_binomial"])
def test_only_one_network_without_dropout_has_no_spread(rungs, toy, likelihood):
    X = toy[0][:10]
    with pytest.warns(NoSpreadWarning, match="`dropout` > 0, `n_networks` > 1 or"):
        information = rungs["network", likelihood].predict_posterior(X).mutual_information(40)
    np.testing.assert_array_equal(information, 0)
    for name in ("dropout", "ensemble", "ensemble and dropout"):
        posterior = rungs[name, likelihood].predict_posterior(X)
        assert (posterior.mutual_information(40) > 0).all()


def test_the_first_network_of_an_ensemble_is_the_single_one(rungs, toy):
    X = toy[0][:20]
    single = rungs["dropout", "binomial"].sample_posterior(X)
    several = rungs["ensemble and dropout", "binomial"].sample_posterior(X)
    np.testing.assert_array_equal(several[:, :10], single)


def test_members_learn_the_same(rungs, toy):
    _X, _y, _rho = toy
    for model in rungs.values():
        assert model.n_iter_ == 3
        assert len(model.history_["loss"]) == 3
        assert model.history_["loss"][-1] < model.history_["loss"][0]


def test_networks_are_given_as_keras_models(rungs, toy):
    X = toy[0][:5]
    model = rungs["dropout", "beta_binomial"]
    outputs = model.network_.model_.predict(X, verbose=0)
    assert outputs.shape == (5, 2)  # logit and log concentration


def test_going_on_trains_all_networks_of_the_same_number(rungs, toy):
    X, y, _ = toy
    model = clone(rungs["ensemble and dropout", "binomial"]).fit(X, y)
    before = model.sample_posterior(X)
    model.partial_fit(X, y)
    changed = np.abs(model.sample_posterior(X) - before).reshape(len(X), 3, 10).max(axis=(0, 2))
    assert (changed > 1e-4).all()
    with pytest.raises(ValueError, match=r"`n_networks` must stay as it was, 3, .* Got 2"):
        model.set_params(n_networks=2).partial_fit(X, y)


def test_going_on_with_another_likelihood_is_refused_where_the_network_differs(rungs, toy):
    X, y, _ = toy
    model = clone(rungs["dropout", "binomial"]).fit(X, y)
    with pytest.raises(ValueError, match="must go on with the same network"):
        model.set_params(likelihood="beta_binomial").partial_fit(X, y)


def test_interrupted_keeps_the_networks_that_learned(toy, interrupt_at):
    X, y, _ = toy
    model = BayesianCNNRegressor(
        network=GalaxyZooNetwork(((4,),), 8),
        epochs=3,
        n_networks=3,
        callbacks=[interrupt_at(5)],  # in the second network, after an epoch
        random_state=0,
    )
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.sample_posterior(X[:3]).shape == (3, 2 * 50)


def test_interrupted_in_going_on_keeps_all_networks(rungs, toy, interrupt_at):
    X, y, _ = toy
    model = clone(rungs["ensemble and dropout", "binomial"]).fit(X, y)
    model.set_params(epochs=2, warm_start=True, callbacks=[interrupt_at(3)])  # in the second one
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.sample_posterior(X[:2]).shape == (2, 30)
    model.partial_fit(X, y)


def test_weights_multiply_the_log_likelihood(toy):
    """All weights alike change the rate of learning at most, and not what is learned."""
    X, y, _ = toy
    network = GalaxyZooNetwork(((4,),), 8)
    learned = []
    for weight in (0.2, 1, 5):
        model = BayesianCNNRegressor(
            network=network,
            likelihood="beta_binomial",
            epochs=25,
            batch_size=32,
            random_state=0,
        )
        model.fit(X, y, sample_weight=np.full(len(X), weight))
        learned.append(np.median(model.predict_posterior(X).likelihood.concentration))
    np.testing.assert_allclose(learned, learned[1], rtol=0.1)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_concentration_is_learned(n_outputs):
    """Volunteers of a scatter that images do not show: one number, or one that images do show."""
    rng = np.random.default_rng(0)
    level = rng.uniform(size=(600, 2))  # of two halves of the image
    X = np.repeat(np.repeat(level[:, None], 6, axis=1), 3, axis=2)
    s = 4.0 if n_outputs == 1 else np.where(level[:, 1] > 0.5, 1.5, 40)
    mean = 0.2 + 0.6 * level[:, 0]
    y = np.column_stack([rng.binomial(40, rng.beta(mean * s, (1 - mean) * s)), np.full(600, 40)])
    model = BayesianCNNRegressor(
        likelihood="beta_binomial",
        network=GalaxyZooNetwork(((8,),), 32, n_outputs),
        augment=False,
        dropout=0.1,
        epochs=40,
        batch_size=32,
        learning_rate=3e-3,
        random_state=0,
    ).fit(X, y)
    posterior = model.predict_posterior(X)
    assert np.abs(posterior.mean - mean).mean() < 0.06
    concentration = np.median(posterior.likelihood.concentration, axis=1)
    if n_outputs == 1:
        assert np.ptp(posterior.likelihood.concentration) < 1e-9 * concentration[0]
        assert 3 < concentration[0] < 6
    else:
        wide = level[:, 1] > 0.5
        assert 1 < np.median(concentration[wide]) < 2.5
        assert 15 < np.median(concentration[~wide]) < 90


def test_weights_and_repetition_are_the_same_for_the_beta_binomial(toy):
    X, y, _ = toy
    X, y = X[:40], y[:40]
    parameters = {"likelihood": "beta_binomial", "epochs": 2, "random_state": 0, "n_draws": 2}
    model = BayesianCNNRegressor(network=GalaxyZooNetwork(((4,),), 8), **parameters)
    weights = np.arange(40) % 3
    weighted = clone(model).fit(X, y, sample_weight=weights).predict(X)
    repeated = clone(model).fit(X.repeat(weights, 0), y.repeat(weights, 0)).predict(X)
    np.testing.assert_array_equal(weighted, repeated)
    fraction = y[:, 0] / y[:, 1]
    weighted = clone(model).fit(X, fraction, sample_weight=weights).predict(X)
    repeated = clone(model).fit(X.repeat(weights, 0), fraction.repeat(weights)).predict(X)
    np.testing.assert_allclose(weighted, repeated, atol=1e-6)
    counts = clone(model).fit(X, y).predict(X)
    fractions = clone(model).fit(X, y[:, 0] / y[:, 1], sample_weight=y[:, 1]).predict(X)
    np.testing.assert_allclose(fractions, counts, atol=1e-5)


def test_bad_parameters(toy):
    X, y, _ = toy
    with pytest.raises(ValueError, match=r"`likelihood` must be .*'beta_binomial'.* Got 'poisson'"):
        BayesianCNNRegressor(likelihood="poisson").fit(X, y)
    with pytest.raises(ValueError, match=r"`n_networks` must be .* Got 0"):
        BayesianCNNRegressor(n_networks=0).fit(X, y)
    with pytest.raises(ValueError, match="to it and the logarithm of a concentration"):
        BayesianCNNRegressor(likelihood="beta_binomial", network=GalaxyZooNetwork(n_outputs=3)).fit(
            X, y
        )


def test_was_trained_on(fitted, toy):
    X, _, _ = toy
    others = 255 - X[:4]
    seen = fitted.was_trained_on(np.concatenate([X[:3], others]))
    np.testing.assert_array_equal(seen, [True] * 3 + [False] * 4)


def test_embed_gives_what_dropout_acts_on(rungs, toy):
    X = toy[0][:9]
    model = rungs["dropout", "binomial"]
    dense = model.network_.model_.layers[-1]
    head = dense.layers[-1] if hasattr(dense, "layers") else dense
    features = model.embed(X)
    assert features.shape == (9, 16)
    assert features.min() >= 0  # behind a ReLU
    logits = features @ np.asarray(head.kernel) + np.asarray(head.bias)
    outputs = model.network_.model_.predict(X, verbose=0)
    np.testing.assert_allclose(logits, outputs, rtol=1e-4, atol=1e-5)
    assert rungs["ensemble and dropout", "binomial"].embed(X).shape == (9, 48)
    assert rungs["ensemble", "binomial"].embed(X).shape == (9, 48)  # of last layers


def without_dropout(image_shape, *, dropout):
    return GalaxyZooNetwork(((4,),), 4)(image_shape, dropout=0)


def test_embed_with_a_network_that_ignores_dropout(toy):
    model = BayesianCNNRegressor(network=without_dropout, epochs=1).fit(toy[0], toy[1])
    features = model.embed(toy[0][:9])
    kernel, bias = model.network_.model_.get_weights()[-2:]
    outputs = model.network_.model_.predict(toy[0][:9], verbose=0)
    np.testing.assert_allclose(features @ kernel + bias, outputs, rtol=1e-4, atol=1e-5)


def frozen(image_shape, *, dropout):
    inputs = keras.Input(image_shape)
    x = keras.layers.Conv2D(4, 3, activation="relu", trainable=False)(inputs)
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(x)))


def test_a_frozen_trunk_stays_and_has_a_last_layer(toy):
    X, y, _ = toy
    model = BayesianCNNRegressor(
        network=frozen, posterior="last_layer", epochs=1, warm_start=True, random_state=0
    )
    first = model.fit(X, y).embed(X[:9])
    before = model.predict_posterior(X[:9])
    assert (before.draws.std(axis=1) > 0).all()
    np.testing.assert_array_equal(model.fit(X, y).embed(X[:9]), first)
    # the last layer that votes make most probable depends on features alone
    np.testing.assert_array_equal(model.predict(X[:9]), before.mean)


def without_a_last_layer(image_shape, *, dropout):
    inputs = keras.Input(image_shape)
    x = keras.layers.Conv2D(1, 3)(inputs)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def test_embed_without_dropout_needs_a_dense_layer(toy):
    model = BayesianCNNRegressor(network=without_a_last_layer, epochs=1).fit(toy[0], toy[1])
    with pytest.raises(ValueError, match=r"must use `dropout`, or end in a keras.layers.Dense"):
        model.embed(toy[0])


def test_dropout_may_act_before_the_dense_layer(toy):
    X, y, _ = toy
    network = GalaxyZooNetwork(((4,), (8,)), 16, dropout_before="dense")
    model = BayesianCNNRegressor(network=network, epochs=1, n_draws=5, random_state=0).fit(X, y)
    assert model.embed(X[:2]).shape == (2, 3 * 3 * 8)
    assert (model.predict_posterior(X[:5]).std > 0).all()
    with pytest.raises(ValueError, match=r"`dropout_before` must be .* Got 'conv'"):
        network.set_params(dropout_before="conv")((8, 8, 1), dropout=0.5)
