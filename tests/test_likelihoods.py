"""One contract for every likelihood: pmf, mixture, entropies, loss and samples agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import xlogy

from skgalaxy import VotePosterior
from skgalaxy.acquisition import expected_entropy, mutual_information, predictive_entropy
from skgalaxy.likelihoods import LIKELIHOODS, beta_binomial, binomial, likelihood_of
from skgalaxy.losses import LOSSES

every = pytest.mark.parametrize("name", sorted(LIKELIHOODS))


def parameters(name, n_galaxies=30, n_draws=7, seed=0):
    """Return draws, and concentrations if there are any, with the ends of their ranges."""
    rng = np.random.default_rng(seed)
    draws = rng.beta(0.7, 1.5, (n_galaxies, n_draws))
    draws[0], draws[1], draws[2] = 0, 1, 0.5
    concentration = np.exp(rng.normal(2, 2, draws.shape))
    concentration[3] = np.inf
    return (draws, concentration)[: LIKELIHOODS[name].MAX_OUTPUTS]


def outputs(name, n, spread=2.0, seed=0):
    """Return what networks may give."""
    rng = np.random.default_rng(seed)
    wide = rng.normal(0, spread, (n, LIKELIHOODS[name].MAX_OUTPUTS))
    return wide.astype("float32").astype(float)


@every
@pytest.mark.parametrize("n", [0, 1, 5, 40, 300])
def test_pmf_sums_to_one_and_its_forms_agree(name, n):
    likelihood, given_ = LIKELIHOODS[name], parameters(name)
    draws, *rest = given_
    k = np.arange(n + 1)
    pmf = np.exp(likelihood.log_pmf(k[:, None, None], n, *given_))
    np.testing.assert_allclose(pmf.sum(axis=0), 1, rtol=1e-9)
    by_blocks = np.empty((len(draws), draws.shape[1], n + 1))
    for rows, block in likelihood.pmf_blocks(draws, n, *rest):
        by_blocks[rows] = block
    np.testing.assert_allclose(by_blocks, pmf.transpose(1, 2, 0), rtol=1e-8, atol=1e-300)
    mixture = likelihood.mixture_pmf(draws, n, *rest)
    np.testing.assert_allclose(mixture, pmf.mean(axis=2).T, rtol=1e-8, atol=1e-300)
    votes = np.minimum(np.arange(len(draws)) % 7, n)
    with np.errstate(divide="ignore"):
        expected = np.log(mixture[np.arange(len(draws)), votes])
    log_prob = likelihood.mixture_log_prob(votes, np.full(len(draws), n), *given_)
    seen = expected > -700  # smaller ones round to zero before the logarithm
    np.testing.assert_allclose(log_prob[seen], expected[seen], rtol=1e-8, atol=1e-10)
    assert (log_prob[~seen] < -690).all()


@every
@pytest.mark.parametrize("n", [0, 1, 40, 300])
def test_entropies_are_those_of_the_pmf(name, n):
    likelihood, (draws, *rest) = LIKELIHOODS[name], parameters(name)
    pmf_GDK = np.concatenate([pmf for _, pmf in likelihood.pmf_blocks(draws, n, *rest)])
    mixed, expected = likelihood.entropies(draws.T, n, *(x.T for x in rest))
    pmf_GK = pmf_GDK.mean(axis=1)
    np.testing.assert_allclose(mixed, -xlogy(pmf_GK, pmf_GK).sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(expected, -xlogy(pmf_GDK, pmf_GDK).sum(axis=(1, 2)) / 7, atol=1e-9)


@every
def test_keras_twin(name):
    """The loss that training minimises is the likelihood, to float32."""
    rng = np.random.default_rng(0)
    n_votes = rng.integers(0, 90, 3000)
    votes = rng.binomial(n_votes, 0.4)
    given_ = outputs(name, 3000, spread=3)
    loss = LOSSES[name](reduction=None)(
        np.column_stack([votes, n_votes]).astype("float32"), given_.astype("float32")
    )
    loss, expected = np.asarray(loss), LIKELIHOODS[name].votes_nll(votes, n_votes, given_)
    np.testing.assert_allclose(loss, expected, rtol=2e-5, atol=1e-4)
    assert loss[n_votes == 0] == pytest.approx(0, abs=1e-6)


@every
@pytest.mark.parametrize("k", [0, 17, 40])
@pytest.mark.parametrize("logit", [-80.0, 0.3, 80.0])
def test_gradient_of_the_twin_is_finite_and_points_to_the_votes(name, k, logit):
    import keras

    z = np.zeros((1, LIKELIHOODS[name].MAX_OUTPUTS), "float32")
    z[0, 0] = logit
    values = []
    for step in (-1.0, 1.0):
        z[0, 0] = logit + step
        y = keras.ops.convert_to_tensor(np.array([[k, 40.0]], "float32"))
        values.append(float(LOSSES[name]()(y, keras.ops.convert_to_tensor(z))))
    slope = (values[1] - values[0]) / 2
    assert np.isfinite(slope)
    if abs(logit) > 1 and 0 < k < 40:
        assert np.sign(slope) == np.sign(logit)  # confidently wrong: no dead gradient
        assert abs(slope) > 0.9


@every
def test_samples_recover_the_pmf(name):
    draws, *rest = parameters(name, n_galaxies=6)
    rng = np.random.default_rng(0)
    n, repeats = 12, 20_000
    columns = [x[:, 0].repeat(repeats) for x in (draws, *rest)]
    votes = LIKELIHOODS[name].sample(rng, n, *columns).reshape(6, repeats)
    pmf = LIKELIHOODS[name].mixture_pmf(draws[:, :1], n, *(x[:, :1] for x in rest))
    seen = np.stack([np.bincount(row, minlength=n + 1) for row in votes]) / repeats
    np.testing.assert_allclose(seen, pmf, atol=5 * np.sqrt(0.25 / repeats))


@every
def test_posterior_mean_std_and_quantiles_are_those_of_its_votes_fractions(name):
    """The mean and variance of k follow from those of ρ: E[k] = N E[ρ], by total variance."""
    posterior = VotePosterior(*parameters(name))
    n = 50
    k = np.arange(n + 1)
    pmf = posterior.pmf(n)
    mean = pmf @ k / n
    np.testing.assert_allclose(mean, posterior.mean, atol=1e-9)
    variance = pmf @ (k / n) ** 2 - mean**2
    mean_square = posterior.mean**2 + posterior.std**2
    np.testing.assert_allclose(
        variance, posterior.std**2 + (posterior.mean - mean_square) / n, atol=1e-9
    )
    low, high = posterior.interval(0.8)
    assert (low <= high).all()
    assert (low >= 0).all()
    assert (high <= 1).all()
    more = posterior.interval(0.95)
    assert (more[0] <= low).all()
    assert (more[1] >= high).all()


@every
def test_information_obeys_its_bounds(name):
    draws, *rest = parameters(name)
    concentration = rest[0] if rest else None
    given_ = {"concentration": concentration}
    information = mutual_information(draws, 40, **given_)
    entropy = predictive_entropy(draws, 40, **given_)
    assert (information >= 0).all()
    assert (information <= np.log(7) + 1e-9).all()
    difference = entropy - expected_entropy(draws, 40, **given_)
    np.testing.assert_allclose(information, difference, atol=1e-9)
    assert (mutual_information(draws, 60, **given_) >= information - 1e-9).all()
    np.testing.assert_allclose(mutual_information(1 - draws, 40, **given_), information, atol=1e-9)
    order = np.random.default_rng(0).permutation(7)
    permuted = None if concentration is None else concentration[:, order]
    again = mutual_information(draws[:, order], 40, concentration=permuted)
    np.testing.assert_allclose(again, information, atol=1e-9)
    if concentration is not None:  # networks that differ in their concentration alone differ
        np.testing.assert_array_equal(information[[0, 1]], 0)
        assert information[2] > 0


@given(
    n=st.integers(0, 60),
    mean=st.floats(0.01, 0.99),
    s=st.floats(0.05, 1e3),
    data=st.data(),
)
@settings(max_examples=80, deadline=None)
def test_beta_binomial_is_scipys(n, mean, s, data):
    k = data.draw(st.integers(0, n))
    expected = stats.betabinom.logpmf(k, n, mean * s, (1 - mean) * s)
    assert beta_binomial.log_pmf(k, n, mean, s) == pytest.approx(expected, abs=1e-8)


@given(n=st.integers(0, 60), rho=st.floats(0, 1), data=st.data())
@settings(max_examples=80, deadline=None)
def test_beta_binomial_becomes_the_binomial(n, rho, data):
    k = data.draw(st.integers(0, n))
    expected = binomial.log_pmf(k, n, rho)
    assert beta_binomial.log_pmf(k, n, rho, np.inf) == pytest.approx(expected, abs=1e-9)
    if 1e-6 < rho < 1 - 1e-6:
        gaps = [abs(beta_binomial.log_pmf(k, n, rho, s) - expected) for s in (1e9, 1e12)]
        assert gaps[1] <= gaps[0] + 1e-9
        assert gaps[1] < 1e-3


def test_information_becomes_the_binomials():
    draws = np.random.default_rng(0).beta(2, 3, (20, 9))
    gaps = [
        np.abs(mutual_information(draws, 40, concentration=s) - mutual_information(draws, 40)).max()
        for s in (10, 1e3, 1e6)
    ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-4
    same = mutual_information(draws, 40, concentration=np.inf)
    np.testing.assert_allclose(same, mutual_information(draws, 40), atol=1e-9)


def test_information_reference_value():
    """Two Betas, N = 1: entropies of coins, whatever the concentration."""
    for s in (0.1, 3.0, np.inf):
        value = mutual_information([[0.2, 0.8]], 1, concentration=s)[0]
        assert value == pytest.approx(0.192744757021757, abs=1e-12)

    # N = 2, s = 2, means 1/4 and 3/4: pmfs (15, 6, 3)/24 and (3, 6, 15)/24, mixture (9, 6, 9)/24
    def entropy(*counts):
        p = np.array(counts) / 24
        return -(p * np.log(p)).sum()

    value = mutual_information([[0.25, 0.75]], 2, concentration=2)[0]
    assert value == pytest.approx(entropy(9, 6, 9) - entropy(15, 6, 3), abs=1e-12)


def test_quantiles_of_one_beta_are_scipys():
    draws, s = np.array([[0.3], [0.9]]), np.array([[8.0], [2.5]])
    for level in (0.05, 0.5, 0.99):
        expected = stats.beta.ppf(level, draws * s, (1 - draws) * s)[:, 0]
        np.testing.assert_allclose(
            beta_binomial.mixture_quantile(level, draws, s), expected, atol=1e-8
        )


def test_quantiles_of_a_mixture_hold_their_mass():
    posterior = VotePosterior([[0.2, 0.7]], [[5.0, 30.0]])
    (low,), (high,) = posterior.interval(0.9)
    mass = 0
    for mean, s in zip(posterior.draws[0], posterior.concentration[0], strict=True):
        density = stats.beta(mean * s, (1 - mean) * s).pdf
        mass += integrate.quad(density, low, high)[0] / 2
    assert mass == pytest.approx(0.9, abs=1e-6)


def test_a_few_votes_say_nothing_of_one_draw():
    assert mutual_information([[0.3]], 40, concentration=5)[0] == 0


def test_likelihood_of():
    assert likelihood_of(None) is binomial
    assert likelihood_of(np.ones((1, 1))) is beta_binomial


def test_jackknife_removes_the_bias_of_few_draws():
    rng = np.random.default_rng(0)
    draws = rng.beta(5, 5, (4000, 8))
    many = mutual_information(rng.beta(5, 5, (1, 20_000)), 20, concentration=15)[0]
    plain = mutual_information(draws, 20, concentration=15).mean()
    jackknifed = mutual_information(draws, 20, concentration=15, jackknife=True).mean()
    assert abs(jackknifed - many) < 0.2 * abs(plain - many)
