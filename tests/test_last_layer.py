"""The Bayesian last layer against integrals, and its laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_softmax
from scipy.stats import betabinom

from skgalaxy.likelihoods import BetaBinomial, Binomial, Multinomial
from skgalaxy.likelihoods.base import vote_fraction
from skgalaxy.likelihoods.simplex import contrasts
from skgalaxy.networks.last_layer import LEAST_GALAXIES, LastLayer


def binomial(logits):
    return Binomial(vote_fraction(logits).reshape(-1, 1))


def beta_binomial(logits, concentration=8.0):
    return BetaBinomial(vote_fraction(logits).reshape(-1, 1), concentration)


LIKELIHOODS_OF = [binomial, beta_binomial]


def make_votes(n_galaxies=60, n_features=4, n_votes=40, seed=0):
    """Features, and votes whose logits are linear in them."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_galaxies, n_features))
    logits = features @ rng.normal(size=n_features) + 0.3
    n_votes = np.full(n_galaxies, n_votes)
    return features, rng.binomial(n_votes, expit(logits)), n_votes


def spread(layer, features):
    """Standard deviation of the logit of every galaxy, without drawing."""
    design = np.column_stack([features, np.ones(len(features))])
    return np.linalg.norm(design @ layer.factor, axis=1)


@pytest.mark.parametrize("likelihood_of", LIKELIHOODS_OF)
def test_mean_and_covariance_are_those_of_the_posterior(likelihood_of):
    """One feature and an intercept: the posterior integrated on a fine grid."""
    features, votes, n_votes = make_votes(80, 1, n_votes=12)
    layer = LastLayer.of(features, votes, n_votes, likelihood_of)
    around = 6 * np.sqrt(np.diag(layer.factor @ layer.factor.T))
    axes = [np.linspace(m - s, m + s, 121) for m, s in zip(layer.mean[0], around, strict=True)]
    slope, intercept = (x.ravel() for x in np.meshgrid(*axes, indexing="ij"))
    log_posterior = np.array(
        [
            likelihood_of(w * features[:, 0] + b).log_pmf(votes, n_votes).sum()
            - (layer.prior_precision * w**2 + 0.01 * (b + w * features.mean()) ** 2) / 2
            for w, b in zip(slope, intercept, strict=True)
        ]
    )
    share = np.exp(log_posterior - log_posterior.max())
    share /= share.sum()
    weights = np.stack([slope, intercept])
    mean = weights @ share
    covariance = (weights - mean[:, None]) * share @ (weights - mean[:, None]).T
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(layer.mean[0], mean, atol=0.1 * deviation.max())
    tolerance = 0.1 * np.outer(deviation, deviation)
    if likelihood_of is beta_binomial:  # its information is a lower bound
        tolerance = 0.25 * np.outer(deviation, deviation)
    assert (np.abs(layer.factor @ layer.factor.T - covariance) < tolerance).all()


def test_covariance_of_several_answers_is_that_of_the_curvature():
    """Also between weights of two outputs, which votes on three answers tie together."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 2))
    features -= features.mean(axis=0)  # the prior of the intercept is that of centred features
    votes = rng.multinomial(40, [0.7, 0.2, 0.1], size=60)
    layer = LastLayer.of(
        features,
        votes,
        votes.sum(axis=1),
        lambda outputs: Multinomial.from_outputs(outputs[:, None]),
        prior_precision=3.0,
    )
    design = np.column_stack([features, np.ones(60)])

    def log_posterior(weights):
        log_fractions = log_softmax(design @ weights.T @ contrasts(3).T, axis=1)
        return np.sum(votes * log_fractions) - 0.5 * np.sum(weights**2 * [3.0, 3.0, 0.01])

    steps = 1e-3 * np.eye(6).reshape(6, 2, 3)
    hessian = [
        [
            sum(
                a * b * log_posterior(layer.mean + a * one + b * other)
                for a in (-1, 1)
                for b in (-1, 1)
            )
            / (-4 * 1e-6)
            for other in steps
        ]
        for one in steps
    ]
    covariance = layer.factor @ layer.factor.T
    assert np.abs(covariance[:3, 3:]).max() > 0.1 * np.abs(covariance).max()
    np.testing.assert_allclose(covariance, np.linalg.inv(hessian), rtol=1e-3, atol=1e-7)


def test_prior_has_the_highest_evidence():
    """One feature: the probability of the votes, integrated over the weights on a grid."""
    features, votes, n_votes = make_votes(30, 1, n_votes=5)
    layer = LastLayer.of(features, votes, n_votes, binomial)
    w, b = np.meshgrid(np.linspace(-8, 8, 161), np.linspace(-6, 6, 121), indexing="ij")
    logits = w[..., None] * features[:, 0] + b[..., None]
    log_likelihood = -(
        votes * np.logaddexp(0, -logits) + (n_votes - votes) * np.logaddexp(0, logits)
    ).sum(axis=-1)

    at_mean = b + w * features.mean()  # the prior is wide for the logit of mean features

    def evidence(precision):
        log_prior = 0.5 * np.log(precision) - (precision * w**2 + 0.01 * at_mean**2) / 2
        return np.exp(log_likelihood + log_prior - log_likelihood.max()).sum()

    # flat at the peak: 20 % more precision or less is told apart, the prior itself to some %
    best = evidence(layer.prior_precision)
    assert best > 0.999 * max(evidence(x) for x in np.geomspace(0.01, 100, 200))
    assert best > evidence(8 * layer.prior_precision)
    assert best > evidence(layer.prior_precision / 8)


@pytest.mark.parametrize("likelihood_of", LIKELIHOODS_OF)
def test_more_votes_less_spread_and_far_from_them_more(likelihood_of):
    features, votes, n_votes = make_votes()
    layer = LastLayer.of(features, votes, n_votes, likelihood_of)
    three = [np.tile(x, (3, *[1] * (x.ndim - 1))) for x in (features, votes, n_votes)]
    assert (spread(LastLayer.of(*three, likelihood_of), features) < spread(layer, features)).all()
    near, far = spread(layer, features).mean(), spread(layer, 5 * features).mean()
    assert far > 3 * near


def test_direction_without_votes_keeps_its_prior():
    """A feature that was never active: only the prior knows its weight."""
    features, votes, n_votes = make_votes()
    unseen = np.column_stack([features, np.zeros(len(features))])
    layer = LastLayer.of(unseen, votes, n_votes, binomial)
    active = np.zeros((1, unseen.shape[1]))
    active[0, -1] = 2.0
    of_intercept = spread(layer, 0 * active)
    expected = np.hypot(of_intercept, 2.0 / np.sqrt(layer.prior_precision))
    np.testing.assert_allclose(spread(layer, active), expected)


@pytest.mark.parametrize("likelihood_of", LIKELIHOODS_OF)
def test_weight_of_three_is_three_galaxies(likelihood_of):
    features, votes, n_votes = make_votes()
    layer = LastLayer.of(features, votes, n_votes, likelihood_of, np.full(60, 3.0))
    three = [np.tile(x, (3, *[1] * (x.ndim - 1))) for x in (features, votes, n_votes)]
    other = LastLayer.of(*three, likelihood_of)
    np.testing.assert_allclose(other.mean, layer.mean, atol=1e-6)
    np.testing.assert_allclose(other.factor, layer.factor, atol=1e-6)


@pytest.mark.parametrize("likelihood_of", LIKELIHOODS_OF)
@pytest.mark.parametrize("yes", [0, 40])
def test_votes_that_all_agree_give_a_finite_posterior(likelihood_of, yes):
    features, _, n_votes = make_votes()
    layer = LastLayer.of(features, np.full(60, yes), n_votes, likelihood_of)
    assert np.isfinite(layer.mean).all()
    assert np.isfinite(layer.factor).all()
    logits = layer.logits(features, 50, seed=0)[..., 0]
    assert ((logits > 0) == (yes > 0)).mean() > 0.9


@pytest.mark.parametrize("likelihood_of", LIKELIHOODS_OF)
@pytest.mark.parametrize("n_features", [1, 4, 128])
def test_votes_that_a_feature_separates_give_a_finite_posterior(likelihood_of, n_features):
    """The most likely weights are infinite. The prior is not."""
    features, _, n_votes = make_votes(n_features=n_features)
    yes = features[:, 0] > 0
    layer = LastLayer.of(features, np.where(yes, 40, 0), n_votes, likelihood_of)
    assert np.isfinite(layer.mean).all()
    assert np.isfinite(layer.factor).all()
    logits = layer.logits(features, 200, seed=0)[..., 0]
    assert np.abs(logits).max() < 1000
    assert ((logits.mean(axis=1) > 0) == yes).all()
    assert (logits.std(axis=1) > 0.5).all()


@pytest.mark.parametrize("likelihood_of", LIKELIHOODS_OF)
def test_fewer_galaxies_than_features(likelihood_of):
    features, votes, n_votes = make_votes(LEAST_GALAXIES, 128)
    layer = LastLayer.of(features, votes, n_votes, likelihood_of)
    near, far = spread(layer, features), spread(layer, 30 * features[::-1] ** 2)
    assert np.isfinite(near).all()
    assert far.mean() > near.mean()


@pytest.mark.parametrize("likelihood_of", LIKELIHOODS_OF)
@pytest.mark.parametrize("constant", [0.1, 7.0, -1e6])
def test_a_constant_feature_changes_nothing(likelihood_of, constant):
    features, votes, n_votes = make_votes()
    expected = LastLayer.of(features, votes, n_votes, likelihood_of)
    rounded = constant * (1 + 1e-7 * np.random.default_rng(0).normal(size=60))  # float32's
    more = np.column_stack([features, rounded])
    layer = LastLayer.of(more, votes, n_votes, likelihood_of)
    at_mean = np.column_stack([features, np.full(60, rounded.mean())])
    np.testing.assert_allclose(layer.mean[0, :4], expected.mean[0, :4], rtol=1e-6)
    np.testing.assert_allclose(spread(layer, at_mean), spread(expected, features), rtol=1e-5)


@given(st.floats(-1e5, 1e5), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_origin_of_the_features_does_not_matter(origin, seed):
    features, votes, n_votes = make_votes(seed=seed)
    layer = LastLayer.of(features, votes, n_votes, binomial)
    other = LastLayer.of(features + origin, votes, n_votes, binomial)
    np.testing.assert_allclose(other.mean[0, :-1], layer.mean[0, :-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(spread(other, features + origin), spread(layer, features), rtol=1e-3)


@pytest.mark.parametrize("features", [np.zeros((30, 3)), np.full((30, 3), 0.1)])
def test_constant_features_leave_the_intercept_to_learn(features):
    n_votes = np.full(30, 40)
    layer = LastLayer.of(features, np.full(30, 10), n_votes, binomial)
    np.testing.assert_allclose(expit(layer.logits(features, 200, 0)).mean(), 0.25, atol=0.01)


def test_too_few_galaxies_are_refused_with_their_number():
    few = make_votes(LEAST_GALAXIES - 1)
    with pytest.raises(ValueError, match=r"at least 10 galaxies, to find its prior\. Got 9; use"):
        LastLayer.of(*few, binomial)


def test_draws_have_the_posteriors_moments_and_more_begin_with_the_same():
    features, votes, n_votes = make_votes()
    layer = LastLayer.of(features, votes, n_votes, binomial)
    drawn = layer.draw(20_000, seed=1)[0]
    deviation = np.linalg.norm(layer.factor, axis=1)
    np.testing.assert_allclose(drawn.mean(axis=1), layer.mean[0], atol=0.03 * deviation.max())
    np.testing.assert_allclose(drawn.std(axis=1), deviation, rtol=0.03)
    np.testing.assert_array_equal(layer.draw(30, seed=1)[0], drawn[:, :30])
    np.testing.assert_allclose(
        layer.logits(features, 30, seed=1)[..., 0], features @ drawn[:-1, :30] + drawn[-1, :30]
    )


@given(st.floats(0.05, 50), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_unit_of_the_features_does_not_matter(unit, seed):
    features, votes, n_votes = make_votes(seed=seed)
    layer = LastLayer.of(features, votes, n_votes, binomial)
    other = LastLayer.of(unit * features, votes, n_votes, binomial)
    np.testing.assert_allclose(unit * other.mean[0, :-1], layer.mean[0, :-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(spread(other, unit * features), spread(layer, features), rtol=1e-4)


@given(st.floats(-6, 6), st.integers(0, 40), st.floats(0, 1), st.sampled_from([0.5, 8.0, 1e4]))
@settings(max_examples=100, deadline=None)
def test_slope_is_the_derivative_of_the_log_probability(logit, n_votes, share, concentration):
    votes, n_votes = np.array([np.floor(share * n_votes)]), np.array([n_votes])
    for likelihood_of in (binomial, lambda z: beta_binomial(z, concentration)):
        slope, information = likelihood_of(np.array([logit])).slope(votes, n_votes)
        step = 1e-4
        high, low = (
            likelihood_of(np.array([logit + by])).log_pmf(votes, n_votes) for by in (step, -step)
        )
        np.testing.assert_allclose(slope, (high - low) / (2 * step), rtol=1e-4, atol=1e-4)
        assert (information >= 0).all()


@pytest.mark.parametrize("concentration", [0.5, 5, 1e9, np.inf])
@pytest.mark.parametrize("rho", [0.02, 0.5, 0.9])
def test_information_is_that_of_mean_and_variance(concentration, rho):
    """(dE[k] / dlogit)² / Var[k], with the variance from SciPy."""
    n_votes, s = np.array([40]), min(concentration, 1e9)
    variance = betabinom.var(40, rho * s, (1 - rho) * s)
    likelihood = BetaBinomial([[rho]], concentration)
    _, information = likelihood.slope(np.array([7]), n_votes)
    np.testing.assert_allclose(information, (40 * rho * (1 - rho)) ** 2 / variance, rtol=1e-6)
