"""One contract for the likelihoods of questions with several answers.

With two answers they are the binomial and the beta-binomial; what holds for those is in
``tests/test_likelihoods.py``.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from oracles import joint_mutual_information
from scipy import stats
from scipy.special import log_softmax, xlogy

from skgalaxy import VotePosterior, acquisition
from skgalaxy.acquisition import mutual_information
from skgalaxy.likelihoods import (
    ANSWER_LIKELIHOODS,
    LIKELIHOODS,
    BetaBinomial,
    Binomial,
    DirichletMultinomial,
    Multinomial,
    combine,
)
from skgalaxy.likelihoods.simplex import compositions, contrasts, fractions_of

every = pytest.mark.parametrize("name", sorted(ANSWER_LIKELIHOODS))
G, D = 8, 5


def parameters(n_answers=4, seed=0):
    """Return fractions with some at the ends of their range, and concentrations."""
    rng = np.random.default_rng(seed)
    fractions = rng.dirichlet(np.arange(1, n_answers + 1) / 2, (G, D))
    fractions[0] = np.eye(n_answers)[1]
    fractions[1, :, 0] = 0
    fractions[1] /= fractions[1].sum(axis=1, keepdims=True)
    fractions[2] = 1 / n_answers
    concentration = np.exp(rng.normal(1, 2, (G, D)))
    concentration[3] = np.inf
    return fractions, concentration


def example(name, n_answers=4, seed=0):
    fractions, concentration = parameters(n_answers, seed)
    if name == "binomial":
        return Multinomial(fractions)
    return DirichletMultinomial(fractions, concentration)


def whole_pmf(likelihood, n):
    return np.concatenate([pmf.copy() for _, pmf in likelihood.pmf_blocks(n)])


def some_votes(n, n_answers=4, seed=1):
    counts = np.random.default_rng(seed).multinomial(n, np.full(n_answers, 1 / n_answers), G)
    return counts, np.full(G, n)


def loss_and_gradient(likelihood, y, outputs):
    import keras
    import tensorflow as tf

    given = tf.Variable(np.asarray(outputs, "float32"))
    with tf.GradientTape() as tape:
        loss = likelihood.nll(keras.ops.convert_to_tensor(np.asarray(y, "float32")), given)
        total = tf.reduce_sum(loss)
    return np.asarray(loss, float), np.asarray(tape.gradient(total, given), float)


def test_they_go_by_the_names_of_the_estimator():
    assert set(ANSWER_LIKELIHOODS) == set(LIKELIHOODS)
    for name, likelihood in ANSWER_LIKELIHOODS.items():
        assert likelihood.n_outputs(2) == len(LIKELIHOODS[name].outputs)
        assert likelihood.n_outputs(7) == 5 + len(likelihood.outputs)
        assert likelihood.starts == LIKELIHOODS[name].starts


class TestTwoAnswers:
    """They are the binomial and the beta-binomial, the first answer being yes."""

    def pair(self, name):
        fractions, concentration = parameters(2)
        yes = fractions[..., 0]
        fractions = np.stack([yes, 1 - yes], axis=-1)
        if name == "binomial":
            return Multinomial(fractions), Binomial(yes)
        return DirichletMultinomial(fractions, concentration), BetaBinomial(yes, concentration)

    @every
    @pytest.mark.parametrize("n", [0, 1, 40, 150])
    def test_in_numbers(self, name, n):
        two, one = self.pair(name)
        (votes, n_votes), same = some_votes(n, 2), {"rtol": 1e-12, "atol": 1e-12}
        k = votes[:, 0]
        np.testing.assert_allclose(two.log_pmf(votes, n_votes), one.log_pmf(k, n_votes), **same)
        np.testing.assert_allclose(two.mixture_pmf(n), one.mixture_pmf(n), **same)
        # the binomial's is a difference of numbers of order N
        np.testing.assert_allclose(two.entropies(n), one.entropies(n), atol=1e-12 + 1e-13 * n)
        gradient, information = two.slope(votes, n_votes)
        expected = one.slope(k, n_votes)
        np.testing.assert_allclose(gradient[..., 0], expected[0], **same)
        np.testing.assert_allclose(information[..., 0, 0], expected[1], **same)
        following = two.next_answer(votes, n_votes)[..., 0]
        expected = one.next_yes(k[:, None], n_votes[:, None])[..., 0]
        np.testing.assert_allclose(following, expected, **same)
        drawn = two.sample(np.random.RandomState(0), n_votes, 3)
        assert (drawn.sum(axis=1) == n).all()
        np.testing.assert_array_equal(drawn[:, 0], one.sample(np.random.RandomState(0), n_votes, 3))

    @every
    def test_in_fractions(self, name):
        two, one = self.pair(name)
        for method, argument in (("quantile", 0.3), ("probability_above", 0.4)):
            got = getattr(two, method)(argument)[:, 0]
            np.testing.assert_allclose(got, getattr(one, method)(argument), atol=1e-12)
        np.testing.assert_allclose(two.variance()[:, 0], one.variance(), atol=1e-15)
        drawn = two.sample_fractions(np.random.RandomState(0))[..., 0]
        np.testing.assert_array_equal(drawn, one.sample_fractions(np.random.RandomState(0)))

    @every
    @pytest.mark.parametrize("factors", [(0, 1, 1), (0.2, 0.7, 1.8), (0, 1, 40)])
    def test_recalibrated(self, name, factors):
        two, one = (likelihood.recalibrated(*factors) for likelihood in self.pair(name))
        np.testing.assert_allclose(two.draws[..., 0], one.draws, rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(two.concentration, one.concentration)

    @every
    def test_from_outputs(self, name):
        rng = np.random.default_rng(0)
        outputs = rng.normal(0, 6, (G, D, len(LIKELIHOODS[name].outputs)))
        outputs[0], outputs[1] = 900, -900
        two = ANSWER_LIKELIHOODS[name].from_outputs(outputs)
        one = LIKELIHOODS[name].from_outputs(outputs)
        np.testing.assert_allclose(two.draws[..., 0], one.draws, rtol=1e-12)
        for got, expected in zip(two._arrays[1:], one._arrays[1:], strict=True):
            np.testing.assert_array_equal(got, expected)

    @every
    def test_loss_and_gradient(self, name):
        rng = np.random.default_rng(0)
        outputs = rng.normal(1, 4, (2000, len(LIKELIHOODS[name].outputs)))
        n = rng.integers(0, 90, 2000)
        k = rng.binomial(n, 0.4)
        two = loss_and_gradient(ANSWER_LIKELIHOODS[name], np.column_stack([k, n - k]), outputs)
        one = loss_and_gradient(LIKELIHOODS[name], np.column_stack([k, n]), outputs)
        np.testing.assert_allclose(two[0], one[0], rtol=1e-6, atol=1e-5)
        if name == "binomial":  # to the last bit, so that training is the same
            np.testing.assert_array_equal(two[0], one[0])
            np.testing.assert_array_equal(two[1], one[1])
        per_vote = np.maximum(n, 1)[:, None]  # k - N ρ cancels
        np.testing.assert_allclose(two[1] / per_vote, one[1] / per_vote, rtol=1e-6, atol=1e-6)


class TestSimplex:
    @pytest.mark.parametrize("n_answers", [2, 3, 7])
    def test_contrasts_are_a_regular_simplex(self, n_answers):
        corners = contrasts(n_answers)
        assert corners.shape == (n_answers, n_answers - 1)
        np.testing.assert_allclose(corners.sum(axis=0), 0, atol=1e-15)
        apart = np.linalg.norm(corners[:, None] - corners, axis=-1)
        np.testing.assert_allclose(apart, 1 - np.eye(n_answers), atol=1e-15)
        np.testing.assert_array_equal(contrasts(2), [[0.5], [-0.5]])

    def test_a_standard_normal_prior_treats_all_answers_alike(self):
        covariance = contrasts(5) @ contrasts(5).T  # of the log-odds of z ~ N(0, 1)
        for order in itertools.permutations(range(5)):
            np.testing.assert_allclose(covariance[np.ix_(order, order)], covariance, atol=1e-15)
        difference = np.array([1, 0, 0, -1, 0])
        assert difference @ covariance @ difference == pytest.approx(1)

    def test_compositions(self):
        for n, n_answers in itertools.product((0, 1, 4), (2, 3, 5)):
            every_row = itertools.product(range(n + 1), repeat=n_answers)
            expected = [row for row in every_row if sum(row) == n]  # in lexicographic order
            np.testing.assert_array_equal(compositions(n, n_answers), expected)

    def test_fractions_are_never_0(self):
        fractions = fractions_of([[1e5, -3e5], [-1e30, 2.0], [0, 0]])
        assert (fractions > 4e-14).all()
        np.testing.assert_allclose(fractions.sum(axis=1), 1)
        np.testing.assert_allclose(fractions[2], 1 / 3)


@every
@pytest.mark.parametrize(("n", "n_answers"), [(0, 3), (1, 4), (7, 4), (60, 3), (4, 7)])
def test_pmf_is_scipys(name, n, n_answers):
    likelihood = example(name, n_answers)
    counts, pmf = likelihood.outcomes(n), whole_pmf(likelihood, n)
    assert pmf.shape == (G, D, len(counts))
    np.testing.assert_allclose(pmf.sum(axis=2), 1, rtol=1e-10)
    for column in range(0, len(counts), 5):
        votes = np.tile(counts[column], (G, 1))
        log_pmf = likelihood.log_pmf(votes, np.full(G, n))
        np.testing.assert_allclose(np.exp(log_pmf), pmf[..., column], rtol=1e-9, atol=1e-300)
    if n == 0:  # of which SciPy before 1.15 knows no Dirichlet-multinomial
        np.testing.assert_array_equal(pmf, 1)
        return
    for g, d in itertools.product((2, 4, 7), (0, 3)):  # SciPy takes no fraction of 0
        p = likelihood.draws[g, d]
        expected = (
            stats.multinomial(n, p).pmf(counts)
            if name == "binomial"
            else stats.dirichlet_multinomial(likelihood.concentration[g, d] * p, n).pmf(counts)
        )
        np.testing.assert_allclose(pmf[g, d], expected, rtol=1e-8, atol=1e-300)


@every
def test_entropies_are_those_of_the_pmf(name):
    likelihood, n = example(name), 9
    pmf_GDM = whole_pmf(likelihood, n)
    pmf_GM = pmf_GDM.mean(axis=1)
    mixed, expected = likelihood.entropies(n)
    np.testing.assert_allclose(mixed, -xlogy(pmf_GM, pmf_GM).sum(axis=1), atol=1e-12)
    each = -xlogy(pmf_GDM, pmf_GDM).sum(axis=2)
    np.testing.assert_allclose(expected, each.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(likelihood.mixture_pmf(n), pmf_GM, rtol=1e-12, atol=1e-300)


@every
def test_blocks_do_not_show(name, monkeypatch):
    likelihood = example(name)
    whole = whole_pmf(likelihood, 5), likelihood.entropies(5)
    monkeypatch.setattr("skgalaxy.likelihoods.base.BLOCK", 3 * D * likelihood.n_outcomes(5))
    for one, other in zip(whole, (whole_pmf(likelihood, 5), likelihood.entropies(5)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


@every
def test_an_answer_alone_is_its_marginal(name):
    likelihood, n = example(name), 6
    counts, pmf = likelihood.outcomes(n), whole_pmf(likelihood, n)
    for a in range(4):
        one = likelihood.answer(a)
        assert type(one) is LIKELIHOODS[name]
        expected = np.stack([pmf[..., counts[:, a] == k].sum(axis=-1) for k in range(n + 1)], -1)
        np.testing.assert_allclose(whole_pmf(one, n), expected, rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(likelihood.variance()[:, a], one.variance())
        np.testing.assert_allclose(likelihood.quantile(0.8)[:, a], one.quantile(0.8))
        above = likelihood.probability_above(0.3)[:, a]
        np.testing.assert_allclose(above, one.probability_above(0.3))


@every
def test_slope_is_the_derivative_and_information_that_of_mean_and_covariance(name):
    rng, n, step = np.random.default_rng(3), 6, 1e-5
    likelihood = ANSWER_LIKELIHOODS[name]
    outputs = rng.normal(0, 1.5, (G, D, likelihood.n_outputs(3)))
    center = likelihood.from_outputs(outputs)
    votes, n_votes = some_votes(n, 3)
    counts = center.outcomes(n)
    gradient, information = center.slope(votes, n_votes)
    for i in range(2):
        up, down = (
            likelihood.from_outputs(outputs + sign * step * np.eye(outputs.shape[-1])[i])
            for sign in (1, -1)
        )
        difference = (up.log_pmf(votes, n_votes) - down.log_pmf(votes, n_votes)) / (2 * step)
        np.testing.assert_allclose(gradient[..., i], difference, rtol=1e-6, atol=1e-8)
    pmf = whole_pmf(center, n)
    weighted = np.stack([center.slope(np.tile(c, (G, 1)), n_votes)[0] for c in counts], axis=2)
    np.testing.assert_allclose(np.einsum("gdm,gdmi->gdi", pmf, weighted), 0, atol=1e-10)
    if name == "binomial":  # the whole of Fisher's information
        expected = np.einsum("gdm,gdmi,gdmj->gdij", pmf, weighted, weighted)
    else:  # what the mean and the covariance of the votes tell
        mean = pmf @ counts
        away = counts - mean[:, :, None]
        covariance = np.einsum("gdm,gdma,gdmb->gdab", pmf, away, away)
        # E[k score] is the derivative of the mean
        steeper = np.einsum("gdm,gdma,gdmi->gdai", pmf, counts + 0 * away, weighted)
        inverse = np.linalg.pinv(covariance, rcond=1e-9)
        expected = steeper.swapaxes(-1, -2) @ inverse @ steeper
    np.testing.assert_allclose(information, expected, rtol=1e-8, atol=1e-10)


@every
def test_slope_where_a_fraction_is_0_is_its_limit(name):
    zero, near = (
        np.array([[[eps, 0.3 * (1 - eps), 0.7 * (1 - eps)]]]).repeat(3, 0) for eps in (0, 1e-12)
    )
    votes, n_votes = np.array([[0, 2, 2], [1, 1, 1], [3, 0, 2]]), np.array([4, 3, 5])
    slopes = [
        (Multinomial(p) if name == "binomial" else DirichletMultinomial(p, 0.9)).slope(
            votes, n_votes
        )
        for p in (zero, near)
    ]
    for at_zero, beside in zip(*slopes, strict=True):
        np.testing.assert_allclose(at_zero, beside, atol=1e-9)


@every
def test_answers_in_another_order(name):
    likelihood, n, order = example(name), 6, [2, 0, 3, 1]
    fractions = likelihood.draws[..., order]
    other = likelihood._of([fractions, *likelihood._arrays[1:]])
    votes, n_votes = some_votes(n)
    np.testing.assert_allclose(
        other.log_pmf(votes[:, order], n_votes), likelihood.log_pmf(votes, n_votes), rtol=1e-12
    )
    np.testing.assert_allclose(other.entropies(n), likelihood.entropies(n), atol=1e-12)
    np.testing.assert_allclose(other.variance(), likelihood.variance()[:, order])
    np.testing.assert_allclose(
        other.recalibrated(0.1, 1, 1.7).draws,
        likelihood.recalibrated(0.1, 1, 1.7).draws[..., order],
    )
    # z is turned with the answers: its length, and so its prior, stays
    z = np.random.default_rng(0).normal(size=(20, 3))
    turned = z @ contrasts(4).T[:, order] @ contrasts(4) * 2
    np.testing.assert_allclose((turned**2).sum(axis=1), (z**2).sum(axis=1))
    np.testing.assert_allclose(fractions_of(turned), fractions_of(z)[:, order])


def test_an_infinite_concentration_is_the_multinomial():
    fractions, _ = parameters()
    sure, plain = DirichletMultinomial(fractions, np.inf), Multinomial(fractions)
    votes, n_votes = some_votes(6)
    for method, arguments in (
        ("log_pmf", (votes, n_votes)),
        ("entropies", (6,)),
        ("slope", (votes, n_votes)),
        ("mixture_pmf", (6,)),
        ("variance", ()),
        ("next_answer", (votes, n_votes)),
        ("probability_above", (0.4,)),
    ):
        got, expected = (getattr(one, method)(*arguments) for one in (sure, plain))
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def exact_log_pmf(counts, mean, s):
    """Logarithm of the Dirichlet-multinomial, by rational arithmetic."""
    mean = [Fraction(p) for p in mean]
    mean = [p / sum(mean) for p in mean]
    ways = Fraction(math.factorial(sum(counts)))
    for k, p in zip(counts, mean, strict=True):
        ways *= math.prod((p * s + i for i in range(k)), start=Fraction(1))
        ways /= math.factorial(k)
    ways /= math.prod((s + i for i in range(sum(counts))), start=Fraction(1))
    return math.log(ways.numerator) - math.log(ways.denominator) if ways else -math.inf


@pytest.mark.parametrize("s", [Fraction(1, 1000), Fraction(5, 2), Fraction(97), Fraction(10**6)])
@pytest.mark.parametrize("mean", [(0.5, 0.25, 0.25), (0.75, 0.25, 0), (1 - 2**-30, 2**-30, 0)])
def test_extreme_values_by_rational_arithmetic(s, mean):
    counts = [(0, 0, 0), (1, 0, 0), (0, 3, 0), (2, 0, 3), (40, 0, 0), (9, 31, 0), (11, 17, 12)]
    likelihood = DirichletMultinomial(np.tile(mean, (len(counts), 1, 1)), float(s))
    got = likelihood.log_pmf(np.array(counts), np.sum(counts, axis=1))[:, 0]
    expected = [exact_log_pmf(k, mean, s) for k in counts]
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("s", [1e-3, 3.0, 1e6, np.inf])
def test_many_votes(s):
    counts, mean = np.array([70_000, 29_999, 1]), np.array([0.6, 0.4 - 1e-6, 1e-6])
    got = DirichletMultinomial([[mean]], s).log_pmf(counts[None], np.array([10**5]))[0, 0]
    factors = [np.log(p + np.arange(k) / s) for p, k in zip(mean, counts, strict=True)]
    expected = math.fsum(np.concatenate([*factors, -np.log1p(np.arange(10**5) / s)]))
    expected += math.lgamma(10**5 + 1) - sum(math.lgamma(k + 1) for k in counts)
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-9)


@every
def test_samples_recover_the_pmf(name):
    likelihood, n, repeats = example(name, 3)[[0, 1, 3, 4]], 5, 4000
    rng = np.random.RandomState(0)
    many = likelihood[np.repeat(np.arange(4), repeats)]
    votes = many.sample(rng, np.full(4 * repeats, n), 2)
    assert (votes.sum(axis=1) == n).all()
    pmf, counts = whole_pmf(likelihood, n)[:, 2], likelihood.outcomes(n)
    seen = np.array(
        [[(rows == c).all(axis=1).mean() for c in counts] for rows in votes.reshape(4, repeats, 3)]
    )
    np.testing.assert_allclose(seen, pmf, atol=5 * np.sqrt(0.25 / repeats))


@every
def test_sampled_fractions_scatter_as_the_mixture_about_their_own_draws(name):
    likelihood, repeats = example(name), 2000
    many = likelihood[np.repeat(np.arange(G), repeats)]
    fractions = many.sample_fractions(np.random.RandomState(0)).reshape(G, repeats, D, 4)
    np.testing.assert_allclose(fractions.sum(axis=-1), 1)
    np.testing.assert_allclose(fractions.mean(axis=1), likelihood.draws, atol=0.04)
    scatter = fractions.reshape(G, -1, 4).var(axis=1)
    np.testing.assert_allclose(scatter, likelihood.variance(), rtol=0.1, atol=1e-3)


def test_samples_of_a_tiny_concentration_are_one_answer_each():
    likelihood = DirichletMultinomial(np.tile([0.2, 0.5, 0.3], (4000, 1, 1)), 1e-5)
    votes = likelihood.sample(np.random.RandomState(0), np.full(4000, 7), 0)
    np.testing.assert_array_equal(votes.max(axis=1), 7)
    np.testing.assert_allclose((votes / 7).mean(axis=0), [0.2, 0.5, 0.3], atol=0.04)


@every
def test_the_next_vote_is_by_the_pmf(name):
    """Votes are exchangeable: P(a | k of N) = (k_a + 1) P(k + e_a) / ((N + 1) P(k))."""
    likelihood, (votes, n_votes) = example(name)[2:], some_votes(6)
    votes, n_votes = votes[2:], n_votes[2:]
    got = likelihood.next_answer(votes, n_votes)
    np.testing.assert_allclose(got.sum(axis=2), 1)
    before = likelihood.log_pmf(votes, n_votes)
    for a in range(4):
        after = likelihood.log_pmf(votes + np.eye(4, dtype=int)[a], n_votes + 1)
        expected = (votes[:, [a]] + 1) / 7 * np.exp(after - before)
        np.testing.assert_allclose(got[..., a], expected, rtol=1e-9)


@every
def test_recalibration(name):
    likelihood = example(name)
    same = likelihood.recalibrated(0, 1)
    assert type(same) is DirichletMultinomial
    np.testing.assert_allclose(same.mixture_pmf(8), likelihood.mixture_pmf(8), atol=1e-12)
    wider = likelihood.recalibrated(0.5, 2)
    np.testing.assert_allclose(wider.scatter(), 0.5 + 2 * likelihood.scatter())
    assert (wider.variance() >= likelihood.variance() - 1e-12).all()
    inner = likelihood[4:]
    logs, spread = (np.log(one.draws) for one in (inner, inner.recalibrated(0, 1, 1.5)))
    apart, further = (log - log[..., :1] for log in (logs, spread))  # log-odds
    np.testing.assert_allclose(further.mean(axis=1), apart.mean(axis=1), atol=1e-9)
    np.testing.assert_allclose(further.std(axis=1), 1.5 * apart.std(axis=1), rtol=1e-9)


@every
def test_array_like_over_galaxies_and_draws(name):
    likelihood = example(name)
    pmf = whole_pmf(likelihood, 3)
    for rows in (slice(1, 5), [4, 2], np.arange(G) % 2 == 0):
        np.testing.assert_allclose(whole_pmf(likelihood[rows], 3), pmf[rows])
    np.testing.assert_allclose(whole_pmf(likelihood[5], 3), pmf[[5]])
    np.testing.assert_allclose(whole_pmf(likelihood.transpose(), 3), pmf.swapaxes(0, 1))
    np.testing.assert_allclose(whole_pmf(likelihood.thinned(2), 3), pmf[:, ::2])
    both = combine([likelihood, likelihood.thinned(2)])
    np.testing.assert_allclose(whole_pmf(both, 3), np.hstack([pmf, pmf[:, ::2]]))
    widened = combine([Multinomial(likelihood.draws), example("beta_binomial")])
    assert type(widened) is DirichletMultinomial
    assert widened.n_draws == 2 * D
    agree = [2] if name == "binomial" else []
    np.testing.assert_array_equal(np.flatnonzero(likelihood[1:].agree()) + 1, agree)
    assert likelihood.transpose()[[0, 0]].transpose().agree().all()
    inner = likelihood.interior().draws
    assert (inner > 9e-10).all()
    np.testing.assert_allclose(inner.sum(axis=2), 1, rtol=1e-14)
    np.testing.assert_allclose(inner, likelihood.draws, atol=1e-8)
    with pytest.raises(ValueError, match="read-only"):
        likelihood.draws[0, 0, 0] = 0.5


@every
def test_loss_is_the_likelihood(name):
    rng, likelihood = np.random.default_rng(0), ANSWER_LIKELIHOODS[name]
    outputs = rng.normal(0, 3, (2000, likelihood.n_outputs(5))).astype("float32")
    n = rng.integers(0, 90, 2000)
    n[:50] = 0
    votes = rng.multinomial(n, [0.1, 0.2, 0.3, 0.4, 0])
    loss, gradient = loss_and_gradient(likelihood, votes, outputs)
    found = likelihood.from_outputs(outputs[:, None])
    log_pmf = found.log_pmf(votes, n)[:, 0]
    constant = np.array([math.lgamma(m + 1) for m in n])
    constant -= np.array([sum(math.lgamma(k + 1) for k in row) for row in votes])
    np.testing.assert_allclose(loss, constant - log_pmf, rtol=2e-5, atol=1e-4)
    np.testing.assert_allclose(loss[n == 0], 0, atol=1e-6)
    np.testing.assert_allclose(gradient[n == 0], 0, atol=1e-6)
    slope = found.slope(votes, n)[0][:, 0]
    np.testing.assert_allclose(gradient[:, :4], -slope, rtol=1e-4, atol=1e-3)


@every
@pytest.mark.parametrize("length", [0.3, 30.0, 80.0])
def test_gradient_is_finite_and_points_to_the_votes(name, length):
    """However sure a network is of a wrong answer, its loss pulls it to the right one."""
    likelihood = ANSWER_LIKELIHOODS[name]
    right, wrong = 0, 2
    z = length * 2 * contrasts(4)[wrong]  # the log-odds of this answer are the highest
    outputs = np.append(z, [2.0] * (likelihood.n_outputs(4) - 3))[None]
    loss, gradient = loss_and_gradient(likelihood, [[40, 0, 0, 0]], outputs)
    assert np.isfinite(loss).all()
    assert np.isfinite(gradient).all()
    towards = contrasts(4)[right] - contrasts(4)[wrong]
    assert gradient[0, :3] @ towards < -0.3


def test_outputs_of_networks():
    outputs = np.array([[[0.3, -1.2, 2.0]]])
    np.testing.assert_allclose(
        np.log(Multinomial.from_outputs(outputs).draws[0, 0]),
        log_softmax(contrasts(4) @ outputs[0, 0]),
    )
    with_s = DirichletMultinomial.from_outputs(np.append(outputs, [[[3.0]]], axis=2))
    np.testing.assert_allclose(with_s.draws, Multinomial.from_outputs(outputs).draws)
    np.testing.assert_allclose(with_s.concentration, np.exp(3))


@every
class TestInformation:
    def test_is_that_of_all_outcomes(self, name):
        likelihood = example(name, 3)
        pmf_GDM = whole_pmf(likelihood, 7)
        mixed = -xlogy(pmf_GDM.mean(1), pmf_GDM.mean(1)).sum(axis=1)
        expected = mixed + xlogy(pmf_GDM, pmf_GDM).sum(axis=2).mean(axis=1)
        alone = mutual_information(likelihood, 7)
        np.testing.assert_allclose(alone, expected, atol=1e-12)
        assert (alone <= np.log(D) + 1e-12).all()
        assert (mutual_information(likelihood, 9) >= alone - 1e-12).all()
        jackknifed = mutual_information(likelihood, 7, jackknife=True)
        assert (jackknifed[4:] > alone[4:]).all()
        picks, _ = acquisition.greedy_information(likelihood, expected, 5)
        assert len(set(picks)) == 5

    def test_about_targets(self, name):
        likelihood = example(name, 3)[4:]
        gain = acquisition.expected_predictive_information_gain(likelihood, 3, likelihood[:2], 3)
        pairs = [
            [joint_mutual_information(likelihood[[g, t]], 3) for t in range(2)] for g in (2, 3)
        ]
        alone = mutual_information(likelihood, 3)
        shared = alone[2:, None] + alone[:2] - pairs
        np.testing.assert_allclose(gain[2:], shared.mean(axis=1), atol=1e-12)

    def test_an_answer_that_never_comes_tells_nothing(self, name):
        two = example(name, 2)
        never = np.append(two.draws, np.zeros((G, D, 1)), axis=2)
        three = two._of([never, *two._arrays[1:]])
        for n in (1, 9):
            expected = mutual_information(two, n)
            np.testing.assert_allclose(mutual_information(three, n), expected, atol=1e-12)
        with_it, without = (acquisition.standardised_draws(one) for one in (three, two))
        np.testing.assert_allclose(with_it @ with_it.T, without @ without.T, atol=1e-12)

    def test_pmf_and_samples_of_a_posterior(self, name):
        posterior = VotePosterior(example(name))
        padded = posterior.pmf([4, 2, 4, 0, 4, 4, 4, 4])
        np.testing.assert_allclose(padded.sum(axis=1), 1)
        assert (padded[3, 1:] == 0).all()
        likelihood, counts = posterior.likelihood, posterior.likelihood.outcomes(4)
        column = np.argmax(padded, axis=1) % len(counts)
        log_prob = likelihood.mixture_log_prob(counts[column], np.full(G, 4))[4:]
        np.testing.assert_allclose(np.exp(log_prob), padded[np.arange(4, G), column[4:]])
        votes = posterior.sample(9, random_state=0)
        assert votes.shape == (G, 4)
        assert (votes.sum(axis=1) == 9).all()

    def test_what_a_single_yes_would_tell_is_refused(self, name):
        with pytest.raises(TypeError, match="does not say what the next single vote will be"):
            acquisition.value_of_votes(example(name), 3)


class TestBadInput:
    @pytest.mark.parametrize(
        ("fractions", "message"),
        [
            ([[0.2, 0.8]], r"`fractions` must have shape \(n_galaxies, n_draws, n_answers\)"),
            ([[[1.0]]], r"at least one draw and two answers. Got shape \(1, 1, 1\)"),
            (np.ones((2, 0, 3)), "at least one draw"),
            ([[[0.5, 0.6, -0.1]]], r"vote fractions in \[0, 1\]. Got -0.1 to 0.6 in row 0"),
            ([[[0.5, np.nan, 0.5]]], r"`fractions` must be vote fractions in \[0, 1\]"),
            ([[[4, 6, 0]]], r"vote fractions in \[0, 1\]. Got 0 to 6 in row 0"),
            (
                [[[0.5, 0.5, 0]], [[0.5, 0.4, 0]]],
                "must sum to 1 over the answers. Got a sum of 0.9 in row 1; divide counts",
            ),
        ],
    )
    def test_fractions(self, fractions, message):
        with pytest.raises(ValueError, match=message):
            Multinomial(fractions)
        with pytest.raises(ValueError, match=message.replace("fractions` must", "mean` must")):
            DirichletMultinomial(fractions, 3)

    @pytest.mark.parametrize(
        ("concentration", "message"),
        [
            (0, "`concentration` must be > 0; infinity is no scatter beyond chance. Got 0"),
            ([[1.0, 2.0]], r"a number or of shape \(1, 1\), one for each draw. Got shape \(1, 2\)"),
        ],
    )
    def test_concentrations(self, concentration, message):
        with pytest.raises(ValueError, match=message):
            DirichletMultinomial([[[0.5, 0.5]]], concentration)

    def test_float32_sums_are_taken_and_mended(self):
        fractions = parameters(11)[0].astype("float32")
        assert (np.abs(fractions.sum(axis=2) - 1) > 1e-9).any()
        np.testing.assert_allclose(Multinomial(fractions).draws.sum(axis=2), 1, rtol=1e-15)

    @every
    def test_too_many_outcomes(self, name):
        likelihood = example(name, 7)
        message = r"at most 100,000 outcomes.* Got 40 votes on 7 answers, which have 9,366,819"
        for method in (likelihood.mixture_pmf, likelihood.entropies, likelihood.outcomes):
            with pytest.raises(ValueError, match=message):
                method(40)

    @every
    def test_answers(self, name):
        for answer, error in ((4, ValueError), (-1, ValueError), (1.0, TypeError)):
            with pytest.raises(error, match="`answer` must be an integer"):
                example(name).answer(answer)
