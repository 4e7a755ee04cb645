"""One contract for every likelihood: pmf, mixture, entropies, loss and samples agree.

`ZeroInflated` is a toy of this folder: what a newcomer adds is one file and a row in `LIKELIHOODS`,
and all that stands on likelihoods works with it. Those of several answers have a contract of their
own, in ``tests/test_answer_likelihoods.py``.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import votes_nll
from scipy import special, stats
from scipy.special import xlogy
from toy_likelihoods import ZeroInflated

from skgalaxy import BayesianCNNRegressor, VotePosterior, acquisition, query
from skgalaxy.acquisition import expected_entropy, mutual_information, predictive_entropy
from skgalaxy.calibration import CalibratedRegressorCV, Recalibration
from skgalaxy.likelihoods import (
    LIKELIHOODS,
    BetaBinomial,
    Binomial,
    Likelihood,
    as_likelihood,
    beta_binomial,
    beta_mixture,
    binomial,
    combine,
)

ALL = {**LIKELIHOODS, "zero_inflated": ZeroInflated}
every = pytest.mark.parametrize("name", sorted(ALL))


def example(name, n_galaxies=30, n_draws=7, seed=0):
    """Return a likelihood with the ends of its parameters' ranges."""
    rng = np.random.default_rng(seed)
    draws = rng.beta(0.7, 1.5, (n_galaxies, n_draws))
    draws[0], draws[1], draws[2] = 0, 1, 0.5
    concentration = np.exp(rng.normal(2, 2, draws.shape))
    concentration[3] = np.inf
    return {
        "binomial": lambda: Binomial(draws),
        "beta_binomial": lambda: BetaBinomial(draws, concentration),
        "zero_inflated": lambda: ZeroInflated(draws, rng.uniform(0, 0.5, draws.shape)),
    }[name]()


def whole_pmf(likelihood, n):
    return np.concatenate([pmf.copy() for _, pmf in likelihood.pmf_blocks(n)])


def outputs(name, n, spread=2.0, seed=0):
    """Return what networks may give."""
    rng = np.random.default_rng(seed)
    wide = rng.normal(0, spread, (n, len(ALL[name].outputs)))
    return wide.astype("float32").astype(float)


@every
@pytest.mark.parametrize("n", [0, 1, 5, 40, 300])
def test_pmf_sums_to_one_and_its_forms_agree(name, n):
    likelihood = example(name)
    galaxies = np.arange(len(likelihood))
    pmf = whole_pmf(likelihood, n)
    assert pmf.shape == (30, 7, n + 1)
    np.testing.assert_allclose(pmf.sum(axis=2), 1, rtol=1e-9)
    for k in range(0, n + 1, 7):
        log_pmf = likelihood.log_pmf(np.full(30, k), np.full(30, n))
        np.testing.assert_allclose(np.exp(log_pmf), pmf[..., k], rtol=1e-8, atol=1e-300)
    mixture = likelihood.mixture_pmf(n)
    np.testing.assert_allclose(mixture, pmf.mean(axis=1), rtol=1e-8, atol=1e-300)
    votes = np.minimum(galaxies % 7, n)
    with np.errstate(divide="ignore"):
        expected = np.log(mixture[galaxies, votes])
    log_prob = likelihood.mixture_log_prob(votes, np.full(30, n))
    seen = expected > -700  # smaller ones round to zero before the logarithm
    np.testing.assert_allclose(log_prob[seen], expected[seen], rtol=1e-8, atol=1e-10)
    assert (log_prob[~seen] < -690).all()


@every
@pytest.mark.parametrize("n", [0, 1, 40, 300])
def test_entropies_are_those_of_the_pmf(name, n):
    likelihood = example(name)
    pmf_GDK = whole_pmf(likelihood, n)
    mixed, expected = likelihood.entropies(n)
    pmf_GK = pmf_GDK.mean(axis=1)
    np.testing.assert_allclose(mixed, -xlogy(pmf_GK, pmf_GK).sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(expected, -xlogy(pmf_GDK, pmf_GDK).sum(axis=(1, 2)) / 7, atol=1e-9)


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_blocks_do_not_show_in_probabilities_above(name, monkeypatch):
    likelihood = example(name)
    whole = likelihood.probability_above(0.4)
    monkeypatch.setattr("skgalaxy.likelihoods.beta_binomial.BLOCK", 7 * 4)
    np.testing.assert_array_equal(likelihood.probability_above(0.4), whole)


@every
def test_blocks_do_not_show(name, monkeypatch):
    likelihood = example(name)
    whole = whole_pmf(likelihood, 9), *likelihood.entropies(9), likelihood.mixture_pmf(9)
    for module in ("base", "beta_binomial"):
        monkeypatch.setattr(f"skgalaxy.likelihoods.{module}.BLOCK", 7 * 10 * 4)
    blocks = whole_pmf(likelihood, 9), *likelihood.entropies(9), likelihood.mixture_pmf(9)
    for one, other in zip(whole, blocks, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


@every
def test_loss(name):
    """The loss that training minimises is the likelihood, to float32."""
    rng = np.random.default_rng(0)
    n_votes = rng.integers(0, 90, 3000)
    votes = rng.binomial(n_votes, 0.4)
    given_ = outputs(name, 3000, spread=3)
    y = np.column_stack([votes, n_votes]).astype("float32")
    loss = np.asarray(ALL[name].nll(y, given_.astype("float32")))
    expected = votes_nll(ALL[name], votes, n_votes, given_)
    if name == "zero_inflated":  # its k = 0 is a sum, which has no such constant
        votes, loss, expected = votes[votes > 0], loss[votes > 0], expected[votes > 0]
    np.testing.assert_allclose(loss, expected, rtol=2e-5, atol=1e-4)
    if name != "zero_inflated":
        assert loss[n_votes == 0] == pytest.approx(0, abs=1e-6)


@every
@pytest.mark.parametrize("k", [0, 17, 40])
@pytest.mark.parametrize("logit", [-80.0, 0.3, 80.0])
def test_gradient_of_the_loss_is_finite_and_points_to_the_votes(name, k, logit):
    import keras

    z = np.zeros((1, len(ALL[name].outputs)), "float32")
    values = []
    for step in (-1.0, 1.0):
        z[0, 0] = logit + step
        y = keras.ops.convert_to_tensor(np.array([[k, 40.0]], "float32"))
        values.append(float(ALL[name].nll(y, keras.ops.convert_to_tensor(z))[0]))
    slope = (values[1] - values[0]) / 2
    assert np.isfinite(slope)
    if abs(logit) > 1 and 0 < k < 40:
        assert np.sign(slope) == np.sign(logit)  # confidently wrong: no dead gradient
        assert abs(slope) > 0.9


@every
def test_samples_recover_the_pmf(name):
    likelihood = example(name, n_galaxies=6)
    rng = np.random.RandomState(0)
    n, repeats = 12, 20_000
    votes = likelihood[np.repeat(np.arange(6), repeats)].sample(rng, n, 2).reshape(6, repeats)
    pmf = whole_pmf(likelihood, n)[:, 2]
    seen = np.stack([np.bincount(row, minlength=n + 1) for row in votes]) / repeats
    np.testing.assert_allclose(seen, pmf, atol=5 * np.sqrt(0.25 / repeats))


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_sampled_fractions_scatter_as_the_mixture_about_their_own_draws(name):
    likelihood = example(name, 6)
    repeats = 3000
    many = likelihood[np.repeat(np.arange(6), repeats)]
    rho = many.sample_fractions(np.random.RandomState(0)).reshape(6, repeats, -1)
    np.testing.assert_allclose(rho.mean(axis=1), likelihood.draws, atol=0.03)
    of_galaxy = rho.reshape(6, -1)
    np.testing.assert_allclose(of_galaxy.var(axis=1), likelihood.variance(), rtol=0.05, atol=1e-12)
    for level in (0.1, 0.5, 0.9):
        below = of_galaxy < likelihood.quantile(level)[:, None] - 1e-8
        above = of_galaxy > likelihood.quantile(level)[:, None] + 1e-8
        slack = 0.02 + (1 / 7 if name == "binomial" else 0)  # seven points
        assert (below.mean(axis=1) < level + slack).all()
        assert (above.mean(axis=1) < 1 - level + slack).all()


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_posterior_mean_std_and_quantiles_are_those_of_its_votes_fractions(name):
    """The mean and variance of k follow from those of ρ: E[k] = N E[ρ], by total variance."""
    posterior = VotePosterior(example(name))
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


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_the_probability_above_is_that_of_the_votes_of_endless_volunteers(name):
    """By 1e6 votes k / N is ρ itself; and about a quantile lies the mass of its level."""
    likelihood = example(name)[4:]
    posterior = VotePosterior(likelihood)
    few, n, rng = likelihood[:3], 10**6, np.random.RandomState(0)
    for threshold in (0.1, 0.3, 0.5):
        votes = [few.sample(rng, np.full(3, n), d % 7) for d in range(2100)]
        seen = (np.array(votes) / n > threshold).mean(axis=0)
        np.testing.assert_allclose(few.probability_above(threshold), seen, atol=0.05)
    slack = 1 / 7 if name == "binomial" else 1e-6  # of draws that are points, a step
    for level in (0.1, 0.5, 0.9):
        for row, quantile in enumerate(likelihood.quantile(level)):  # to 1e-9
            one = likelihood[row]
            assert one.probability_above(max(quantile - 1e-8, 0))[0] >= 1 - level - slack
            assert one.probability_above(min(quantile + 1e-8, 1))[0] <= 1 - level + slack
    np.testing.assert_array_equal(posterior.probability_above(1), 0)
    thresholds = np.linspace(0, 1, 30)
    above = np.array([posterior.probability_above(t) for t in thresholds])
    assert (np.diff(above, axis=0) <= 0).all()
    assert ((above >= 0) & (above <= 1)).all()


@every
def test_information_obeys_its_bounds(name):
    likelihood = example(name)
    information = mutual_information(likelihood, 40)
    entropy = predictive_entropy(likelihood, 40)
    assert (information >= 0).all()
    assert (information <= np.log(7) + 1e-9).all()
    difference = entropy - expected_entropy(likelihood, 40)
    np.testing.assert_allclose(information, difference, atol=1e-9)
    assert (mutual_information(likelihood, 60) >= information - 1e-9).all()
    order = np.random.default_rng(0).permutation(7)
    permuted = likelihood.transpose()[order].transpose()
    np.testing.assert_allclose(mutual_information(permuted, 40), information, atol=1e-9)
    np.testing.assert_array_equal(
        mutual_information(likelihood.transpose()[[0] * 7].transpose(), 9), 0
    )


def test_yes_and_no_are_alike():
    concentration = example("beta_binomial").concentration
    draws = example("binomial").draws
    for there, back in (
        (Binomial(draws), Binomial(1 - draws)),
        (BetaBinomial(draws, concentration), BetaBinomial(1 - draws, concentration)),
    ):
        np.testing.assert_allclose(
            mutual_information(there, 40), mutual_information(back, 40), atol=1e-9
        )
    information = mutual_information(BetaBinomial(draws, concentration), 40)
    np.testing.assert_array_equal(information[[0, 1]], 0)
    assert information[2] > 0  # networks that differ in their concentration alone differ


@every
def test_array_like_over_galaxies_and_draws(name):
    likelihood = example(name)
    pmf = whole_pmf(likelihood, 6)
    for rows in (slice(3, 9), [4, 2], np.arange(30) % 2 == 0):
        np.testing.assert_allclose(whole_pmf(likelihood[rows], 6), pmf[rows], atol=1e-15)
    np.testing.assert_allclose(whole_pmf(likelihood[5], 6), pmf[[5]], atol=1e-15)
    np.testing.assert_allclose(whole_pmf(likelihood.transpose(), 6), pmf.swapaxes(0, 1), atol=1e-15)
    np.testing.assert_allclose(whole_pmf(likelihood.thinned(3), 6), pmf[:, ::3], atol=1e-15)
    both = combine([likelihood, likelihood.thinned(2)])
    np.testing.assert_allclose(whole_pmf(both, 6), np.hstack([pmf, pmf[:, ::2]]), atol=1e-15)
    assert repr(likelihood).endswith("(n_galaxies=30, n_draws=7)")
    with pytest.raises(ValueError, match="read-only"):
        likelihood.draws[0, 0] = 0.5


@every
def test_recalibration_by_nothing_changes_nothing(name):
    likelihood = example(name)
    same = likelihood.recalibrated(0.0, 1.0)
    np.testing.assert_allclose(same.mixture_pmf(20), likelihood.mixture_pmf(20), atol=1e-12)
    wider = likelihood.recalibrated(0.5, 1.0)
    assert (wider.variance() >= likelihood.variance() - 1e-12).all()


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_the_next_vote_is_by_the_pmf(name):
    """Votes are exchangeable: P(yes | k of m) = (k + 1) P(k + 1 of m + 1) / ((m + 1) P(k of m))."""
    likelihood = example(name)[4:]
    m, k = 6, np.arange(7)
    before, after = whole_pmf(likelihood, m), whole_pmf(likelihood, m + 1)
    expected = (k + 1) / (m + 1) * after[..., 1:] / before
    got = likelihood.next_yes(np.tile(k, (26, 1)), np.full((26, 1), m))
    np.testing.assert_allclose(np.broadcast_to(got, expected.shape), expected, rtol=1e-8)


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


@pytest.mark.parametrize("n", [40, 10**4, 10**5])
@pytest.mark.parametrize("s", [1e-3, 0.7, 60, 90, 110, 9e5, 2e6, 1e12])
def test_beta_binomial_is_the_sum_of_its_logarithms(n, s):
    """By exact sums, for many votes and on both sides of where the series begins."""
    i = np.arange(n)
    for k in (0, n // 3, n):
        terms = np.log(0.6 + i[:k] / s), np.log(0.4 + i[: n - k] / s), -np.log1p(i / s)
        rising = math.fsum(np.concatenate(terms))
        coefficient = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        got = beta_binomial.log_pmf(k, n, 0.6, s)
        assert got == pytest.approx(coefficient + rising, rel=1e-12, abs=1e-14 * n)
        slope = BetaBinomial([[0.6]], s).slope(np.array([k]), np.array([n]))[0][0, 0]
        terms = 0.24 / (0.6 + i[:k] / s), -0.24 / (0.4 + i[: n - k] / s)
        assert slope == pytest.approx(math.fsum(np.concatenate(terms)), rel=1e-11, abs=1e-13 * n)


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
    plain = mutual_information(draws, 40)
    gaps = [
        np.abs(mutual_information(BetaBinomial(draws, s), 40) - plain).max() for s in (10, 1e3, 1e6)
    ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-4
    same = mutual_information(BetaBinomial(draws, np.inf), 40)
    np.testing.assert_allclose(same, plain, atol=1e-9)


def test_information_reference_value():
    """Two Betas, N = 1: entropies of coins, whatever the concentration."""
    for s in (0.1, 3.0, np.inf):
        value = mutual_information(BetaBinomial([[0.2, 0.8]], s), 1)[0]
        assert value == pytest.approx(0.192744757021757, abs=1e-12)

    # N = 2, s = 2, means 1/4 and 3/4: pmfs (15, 6, 3)/24 and (3, 6, 15)/24, mixture (9, 6, 9)/24
    def entropy(*counts):
        p = np.array(counts) / 24
        return -(p * np.log(p)).sum()

    value = mutual_information(BetaBinomial([[0.25, 0.75]], 2), 2)[0]
    assert value == pytest.approx(entropy(9, 6, 9) - entropy(15, 6, 3), abs=1e-12)


def test_quantiles_of_one_beta_are_scipys():
    draws, s = np.array([[0.3], [0.9]]), np.array([[8.0], [2.5]])
    for level in (0.05, 0.5, 0.99):
        expected = stats.beta.ppf(level, draws * s, (1 - draws) * s)[:, 0]
        np.testing.assert_allclose(BetaBinomial(draws, s).quantile(level), expected, atol=1e-8)


@pytest.mark.parametrize("concentration", [0.1, 3, 30, 1000])
@pytest.mark.parametrize("level", [0.001, 0.05, 0.5, 0.95])
def test_at_a_quantile_the_probability_is_the_level(concentration, level, monkeypatch):
    """Right to 1e-9, of few cdfs: means near 0 and 1, draws that agree and that do not."""
    rng, computed = np.random.RandomState(0), []

    def count(a, b, x):
        computed.append(np.broadcast(a, x).size)
        return special.betainc(a, b, x)

    monkeypatch.setattr(beta_mixture, "betainc", count)
    spread = np.repeat([0.2, 2.0], 50)[:, None]
    logits = 3 * rng.standard_normal((100, 1)) + spread * rng.standard_normal((100, 20))
    mean = special.expit(logits)
    s = concentration * np.exp(rng.standard_normal(mean.shape))
    quantile = BetaBinomial(mean, s).quantile(level)

    def probability(rho):
        return special.betainc(mean * s, (1 - mean) * s, rho[:, None]).mean(axis=1)

    # between needles the probability may be the level, but for rounding, over a wide range
    assert (probability(np.maximum(quantile - 1e-9, 0)) <= level + 1e-12).all()
    assert (probability(np.minimum(quantile + 1e-9, 1)) >= level - 1e-12).all()
    assert sum(computed) < 8 * mean.size  # a bisection takes 30


def test_quantiles_of_a_mixture_with_points_are_bisected():
    likelihood = BetaBinomial([[0.5, 0.25], [0.5, 1.0]], [[np.inf, 4.0], [4.0, 4.0]])
    np.testing.assert_allclose(likelihood.quantile(0.6), [0.5, 1.0], atol=1e-9)


def test_a_few_votes_say_nothing_of_one_draw():
    assert mutual_information(BetaBinomial([[0.3]], 5), 40)[0] == 0


def test_as_likelihood():
    likelihood = BetaBinomial([[0.2]], 3)
    assert as_likelihood(likelihood) is likelihood
    assert as_likelihood(VotePosterior(likelihood)) is likelihood
    assert type(as_likelihood([[0.2]])) is Binomial


@pytest.mark.parametrize(
    ("concentration", "message"),
    [
        (0, "`concentration` must be > 0; infinity is no scatter beyond chance. Got 0"),
        ([[-1.0, 2.0]], "`concentration` must be > 0.* Got -1"),
        ([[np.nan, 2.0]], "`concentration` must be > 0"),
        (
            [[1.0, 2.0, 3.0]],
            r"a number or of shape \(1, 2\), one for each draw. Got shape \(1, 3\)",
        ),
    ],
)
def test_bad_concentrations(concentration, message):
    with pytest.raises(ValueError, match=message):
        BetaBinomial([[0.2, 0.3]], concentration)


def test_jackknife_removes_the_bias_of_few_draws():
    rng = np.random.default_rng(0)
    draws = BetaBinomial(rng.beta(5, 5, (4000, 8)), 15)
    many = mutual_information(BetaBinomial(rng.beta(5, 5, (1, 20_000)), 15), 20)[0]
    plain = mutual_information(draws, 20).mean()
    jackknifed = mutual_information(draws, 20, jackknife=True).mean()
    assert abs(jackknifed - many) < 0.2 * abs(plain - many)


class TestAThirdLikelihood:
    """A row in the registry, and no other line of the package changed."""

    def test_from_a_fit_to_a_query_and_a_calibration(self, toy, small, monkeypatch):
        monkeypatch.setitem(LIKELIHOODS, "zero_inflated", ZeroInflated)
        X, y, _ = toy
        y = np.where(np.arange(200)[:, None] % 5 == 0, y * [0, 1], y)  # a fifth: no yes at all
        model = BayesianCNNRegressor(likelihood="zero_inflated", **{**small, "epochs": 40})
        posterior = model.fit(X, y).predict_posterior(X)
        assert type(posterior.likelihood) is ZeroInflated
        zero = posterior.likelihood._arrays[1]
        assert np.ptp(zero) < 1e-9  # the network has one output: it is learned for all galaxies
        assert 0.08 < zero[0, 0] < 0.4
        plain = BayesianCNNRegressor(**{**small, "epochs": 40}).fit(X, y).predict_posterior(X)
        assert posterior.log_prob(*y.T).mean() > plain.log_prob(*y.T).mean()
        assert (posterior.mutual_information(40) >= 0).all()
        assert len(posterior.to_frame()) == 200
        indices, gains = query.joint_sampling(model, X, n_instances=4)
        assert len(set(indices)) == 4
        assert (np.diff(gains) <= 1e-9).all()
        for strategy in (query.epig_sampling, query.diverse_sampling, query.variance_sampling):
            assert len(strategy(model, X, n_instances=3, random_state=0)[0]) == 3
        calibrated = CalibratedRegressorCV(model, random_state=0).fit(X, y)
        assert calibrated.recalibration_.scatter == 1
        assert type(calibrated.predict_posterior(X[:3]).likelihood) is ZeroInflated

    def test_recalibration_learns_its_scatter(self):
        rng = np.random.default_rng(0)
        mean = rng.uniform(0.2, 0.8, (3000, 1))
        rho = rng.beta(mean * 9, (1 - mean) * 9)
        votes = np.where(rng.uniform(size=(3000, 1)) < 0.3, 0, rng.binomial(40, rho))[:, 0]
        posterior = VotePosterior(ZeroInflated(mean, 0.3))
        found = Recalibration.fit(posterior, votes, np.full(3000, 40))
        assert 1 / found.overdispersion == pytest.approx(9, rel=0.15)


def test_refuses_what_it_cannot_say():
    class Plain(Binomial):
        next_yes, recalibrated = Likelihood.next_yes, Likelihood.recalibrated

    draws = Plain(example("binomial").draws)
    with pytest.raises(TypeError, match="Plain cannot be recalibrated"):
        Recalibration().apply(VotePosterior(draws))
    with pytest.raises(TypeError, match="does not say what the next single vote will be"):
        acquisition.value_of_votes(draws, 3)
