"""The laws of mutual information, and proof that they can fail."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import betabinom, binom

from skgalaxy import VotePosterior, acquisition, query
from skgalaxy.acquisition import expected_entropy, mutual_information, predictive_entropy
from skgalaxy.likelihoods import BetaBinomial, Binomial
from skgalaxy.likelihoods.base import log_coefficients
from skgalaxy.likelihoods.entropy import bernoulli_entropy, x_log_x

# 40-digit arithmetic, from the definition
REFERENCE = [
    ([0.2, 0.8], 1, 0.192744757021757),
    ([0.2, 0.8], 10, 0.648007727839207),
    ([0.2, 0.8], 40, 0.693112925130145),
    ([0.1, 0.5, 0.9], 5, 0.659579735218306),
    ([0.0, 1.0], 1, np.log(2)),
    ([0.0, 1.0], 40, np.log(2)),
]
# exact mutual information of ρ ~ Beta(a, b) at N = 40: the predictive is beta-binomial
BETA_40 = [(1, 1, 1.463), (5, 5, 0.803), (20, 20, 0.347), (100, 100, 0.091)]

fractions = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.5, 1e-300, 1 - 1e-16])
pools = st.tuples(st.integers(1, 4), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=fractions)
)


def by_definition(draws, n_votes):
    """H[mean_d Bin] - mean_d H[Bin], one galaxy and one draw at a time."""
    scores = []
    for row in np.asarray(draws, dtype=float):
        pmf = np.array(
            [
                [comb(n_votes, k) * p**k * (1 - p) ** (n_votes - k) for p in row.tolist()]
                for k in range(n_votes + 1)
            ]
        )
        entropy = [-sum(p * np.log(p) for p in column if p > 0) for column in pmf.T]
        mixture = pmf.mean(axis=1)
        scores.append(-sum(p * np.log(p) for p in mixture if p > 0) - np.mean(entropy))
    return np.array(scores)


# Each law takes the function, a pool of draws and N, and asserts.


def within_its_bounds(mi, draws, n):
    scores = mi(draws, n)
    assert (scores >= 0).all()
    bound = np.minimum(predictive_entropy(draws, n), np.log(draws.shape[1]))
    assert (scores <= bound + 1e-9).all()


def zero_if_draws_agree(mi, draws, n):
    assert (mi(np.repeat(draws[:, :1], 7, axis=1), n) == 0).all()


def same_for_any_order_of_draws(mi, draws, n):
    np.testing.assert_allclose(mi(draws[:, ::-1], n), mi(draws, n), atol=1e-9)


def same_for_no_as_for_yes(mi, draws, n):
    draws = np.round(draws * 1024) / 1024  # so that 1 - draws is exact
    np.testing.assert_allclose(mi(1 - draws, n), mi(draws, n), atol=1e-9)


def more_votes_tell_no_less(mi, draws, n):
    assert (mi(draws, n + 1) >= mi(draws, n) - 1e-9).all()


def one_by_one_as_together(mi, draws, n):
    one_by_one = [mi(draws[[row]], n)[0] for row in range(len(draws))]
    np.testing.assert_allclose(mi(draws, n), one_by_one, atol=1e-12)


def repeated_draws_weigh_the_same(mi, draws, n):
    np.testing.assert_allclose(mi(np.tile(draws, 3), n), mi(draws, n), atol=1e-9)


def as_the_definition(mi, draws, n):
    np.testing.assert_allclose(mi(draws, n), by_definition(draws, n), atol=1e-9)


LAWS = [
    within_its_bounds,
    zero_if_draws_agree,
    same_for_any_order_of_draws,
    same_for_no_as_for_yes,
    more_votes_tell_no_less,
    one_by_one_as_together,
    repeated_draws_weigh_the_same,
    as_the_definition,
]


@pytest.mark.parametrize("law", LAWS)
@given(draws=pools, n=st.integers(0, 45))
@settings(max_examples=60, deadline=None)
def test_law(law, draws, n):
    law(mutual_information, draws, n)


WRONG = {
    "in bits": lambda d, n: mutual_information(d, n) / np.log(2),
    "ρ rounded to two digits": lambda d, n: mutual_information(np.round(d, 2), n),
    "one vote whatever N": lambda d, n: mutual_information(d, 1),
    "predictive entropy": predictive_entropy,
    "variance of ρ": lambda d, n: n * d.var(axis=1),
    "its small-spread limit": lambda d, n: (
        n * d.var(axis=1) / np.maximum(2 * d.mean(axis=1) * (1 - d.mean(axis=1)), 1e-9)
    ),
    "without log C(N, k)": lambda d, n: predictive_entropy(d, n) - n * expected_entropy(d, 1),
    "entropy of the mean network": lambda d, n: (
        predictive_entropy(d, n) - predictive_entropy(d.mean(axis=1, keepdims=True), n)
    ),
    "first draws only": lambda d, n: mutual_information(d[:, :2], n),
    "share of the pool's": lambda d, n: mutual_information(d, n) / max(len(d), 1),
    "log base by draws": lambda d, n: mutual_information(d, n) * np.log(1 + d.shape[1]),
    "yes votes only": lambda d, n: mutual_information(d, n) * (0.5 + d.mean(axis=1)),
    "not clipped": lambda d, n: predictive_entropy(d, n) - expected_entropy(d, n) - 1e-12,
}


def rejects(law, wrong):
    rng = np.random.default_rng(0)
    pool = np.vstack([rng.beta(2, 3, (6, 5)), np.eye(5), np.full((1, 5), 0.3)])
    try:
        for n in (1, 7, 40):
            law(wrong, pool, n)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("name", WRONG)
def test_every_mistake_breaks_some_law(name):
    assert any(rejects(law, WRONG[name]) for law in LAWS)


@pytest.mark.parametrize("law", LAWS)
def test_every_law_is_broken_by_some_mistake(law):
    assert any(rejects(law, wrong) for wrong in WRONG.values())


@pytest.mark.parametrize(("draws", "n_votes", "expected"), REFERENCE)
def test_reference_value(draws, n_votes, expected):
    assert mutual_information([draws], n_votes)[0] == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(("a", "b", "expected"), BETA_40)
def test_beta_distributed_draws(a, b, expected):
    """10,000 quantiles of Beta(a, b) stand for the whole distribution."""
    from scipy.stats import beta

    draws = beta.ppf((np.arange(10_000) + 0.5) / 10_000, a, b)[None]
    assert mutual_information(draws, 40)[0] == pytest.approx(expected, abs=6e-4)
    exact = betabinom(40, a, b).entropy()
    assert predictive_entropy(draws, 40)[0] == pytest.approx(float(exact), abs=1e-3)


@given(draws=pools, data=st.data())
@settings(max_examples=50, deadline=None)
def test_votes_per_galaxy_as_one_at_a_time(draws, data):
    n_votes = data.draw(arrays(np.int64, len(draws), elements=st.integers(0, 60)))
    together = mutual_information(draws, n_votes)
    alone = [mutual_information(draws[[i]], n)[0] for i, n in enumerate(n_votes)]
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_entropies_differ_by_mutual_information():
    draws = np.random.default_rng(1).beta(1, 2, (50, 20))
    difference = predictive_entropy(draws, 30) - expected_entropy(draws, 30)
    np.testing.assert_allclose(mutual_information(draws, 30), difference, atol=1e-12)
    single = [binom(30, rho).entropy() for rho in draws[0]]
    assert expected_entropy(draws[:1], 30)[0] == pytest.approx(np.mean(single), abs=1e-9)


def test_many_votes_and_many_galaxies():
    """No overflow at N = 5000, and blocks do not show."""
    draws = np.random.default_rng(2).uniform(size=(3000, 11))
    scores = mutual_information(draws, 40)
    np.testing.assert_allclose(scores[1234:1240], mutual_information(draws[1234:1240], 40))
    for n in (256, 257):  # by moments, and without
        by_pmf = -x_log_x(Binomial(draws[:9]).mixture_pmf(n)).sum(axis=1)
        np.testing.assert_allclose(predictive_entropy(draws[:9], n), by_pmf, atol=1e-11)
    many = mutual_information(draws[:3], 5000)
    assert np.isfinite(many).all()
    assert (many > 2).all()


def test_as_exact_whatever_the_number_of_votes_and_draws():
    """Within 1e-11 nats of sums over the mixture that keeps unlikely outcomes to rounding."""
    rng = np.random.default_rng(3)
    draws = np.vstack([rng.beta(a, b, (40, 50)) for a, b in [(1, 1), (0.1, 3), (400, 2), (30, 30)]])
    for n in (1, 3, 40, 300):
        pmf = Binomial(draws).mixture_pmf(n)
        expected = n * bernoulli_entropy(draws).mean(axis=1)
        expected -= pmf @ log_coefficients(n)
        exact = -x_log_x(pmf).sum(axis=1) - expected
        np.testing.assert_allclose(mutual_information(draws, n), exact, rtol=0, atol=1e-11)


def test_jackknife_by_its_definition():
    draws = np.random.default_rng(4).beta(2, 3, (6, 9))
    plug_in = mutual_information(draws, 40)
    without = [mutual_information(np.delete(draws, d, axis=1), 40) for d in range(9)]
    jackknifed = 9 * plug_in - 8 * np.mean(without, axis=0)
    result = mutual_information(draws, 40, jackknife=True)
    np.testing.assert_allclose(result, jackknifed, atol=1e-11)
    equal = np.full((2, 4), 0.3)
    assert (mutual_information(equal, 40, jackknife=True) == 0).all()


@pytest.mark.parametrize(("a", "b", "exact"), BETA_40)
def test_jackknife_removes_most_of_the_bias(a, b, exact):
    draws = np.random.default_rng(5).beta(a, b, (20_000, 15))
    plug_in = mutual_information(draws, 40)
    jackknifed = mutual_information(draws, 40, jackknife=True)
    noise = 3 * jackknifed.std() / np.sqrt(len(draws)) + 5e-4  # exact is given to 3 digits
    bias = exact - plug_in.mean()
    assert bias > 0.05 * exact
    assert abs(exact - jackknifed.mean()) < 0.15 * bias + noise


@pytest.mark.parametrize(
    ("draws", "n_votes", "message"),
    [
        ([[0.1, 1.2]], 5, r"`draws` must be vote fractions in \[0, 1\]. Got 0.1 to 1.2 in row 0"),
        ([[0.1, np.nan]], 5, r"`draws` must be vote fractions"),
        ([0.1, 0.2], 5, r"`draws` must have shape \(n_galaxies, n_draws\).* Got shape \(2,\)"),
        (np.empty((3, 0)), 5, r"at least one draw"),
        ([[0.1]], -1, r"`n_votes` must be whole numbers >= 0. Got -1"),
        ([[0.1]], 2.5, r"`n_votes` must be whole numbers >= 0. Got 2.5"),
        ([[0.1]], [1, 2], r"`n_votes` must be one integer or one per galaxy, shape \(1,\)"),
    ],
)
def test_bad_input(draws, n_votes, message):
    with pytest.raises(ValueError, match=message):
        mutual_information(draws, n_votes)


def test_nothing_to_jackknife():
    with pytest.raises(ValueError, match=r"`draws` must hold at least two draws to jackknife. Got"):
        mutual_information([[0.5]], 3, jackknife=True)


class TestOfAPosterior:
    """Functions of draws, given a posterior: its concentrations count, not its means alone."""

    RHO = np.random.default_rng(3).uniform(0.05, 0.95, (5, 6))
    S = np.random.default_rng(4).lognormal(1.5, 1, (5, 6))
    VOTES = np.array([[0, 0], [1, 3], [4, 4], [0, 2], [3, 6]])

    def tables(self, n, votes=None):
        """Probabilities of k of the next n votes, and weights of the draws, from SciPy."""
        a, b = self.RHO * self.S, (1 - self.RHO) * self.S
        weight = np.full(self.RHO.shape, 1 / 6)
        if votes is not None:
            k, given = votes.T[:, :, None]
            weight = betabinom.pmf(k, given, a, b)
            weight /= weight.sum(axis=1, keepdims=True)
            a, b = a + k, b + given - k
        return betabinom.pmf(np.arange(n + 1), n, a[..., None], b[..., None]), weight

    def information(self, n, votes=None):
        pmf, weight = self.tables(n, votes)
        mixed = (weight[..., None] * pmf).sum(axis=1)
        return self.entropy(mixed) - (weight * self.entropy(pmf)).sum(axis=1)

    @staticmethod
    def entropy(p):
        return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)

    def gain(self, n, n_target):
        """Information of every galaxy's votes about those of all, one pair at a time."""
        one, other = self.tables(n)[0], self.tables(n_target)[0]
        joint = np.einsum("gdk,tdl->gtkl", one, other) / 6
        apart = self.entropy(one.mean(axis=1))[:, None] + self.entropy(other.mean(axis=1))
        return (apart - self.entropy(joint.reshape(5, 5, -1))).mean(axis=1)

    def expected(self, name):
        pmf = self.tables(9)[0]
        return {
            "predictive": lambda: self.entropy(pmf.mean(axis=1)),
            "expected": lambda: self.entropy(pmf).mean(axis=1),
            "information": lambda: self.information(9),
            "value": lambda: self.information(9),
            "value after votes": lambda: self.information(9, self.VOTES),
            "gain": lambda: self.gain(9, 4),
            "scores": lambda: np.sort(self.information(9))[::-1],
            "entropy scores": lambda: np.sort(self.entropy(pmf.mean(axis=1)))[::-1],
            "first jointly": lambda: self.information(9).max(),
            "epig scores": lambda: np.sort(self.gain(9, 4))[::-1],
        }[name]()

    ASKED = (
        ("predictive", lambda p, _: predictive_entropy(p, 9)),
        ("expected", lambda p, _: expected_entropy(p, 9)),
        ("information", lambda p, _: mutual_information(p, 9)),
        ("value", lambda p, _: acquisition.value_of_votes(p, 9)),
        ("value after votes", lambda p, votes: acquisition.value_of_votes(p, 9, votes)),
        (
            "gain",
            lambda p, _: acquisition.expected_predictive_information_gain(p, 9, p, 4),
        ),
        ("scores", lambda p, _: query.mutual_information_sampling(p, None, 5, n_votes=9)[1]),
        (
            "entropy scores",
            lambda p, _: query.predictive_entropy_sampling(p, None, 5, n_votes=9)[1],
        ),
        ("first jointly", lambda p, _: query.joint_sampling(p, None, 1, n_votes=9)[1][0]),
        (
            "epig scores",
            lambda p, _: query.epig_sampling(
                p, None, 5, n_votes=9, target=np.arange(5), target_votes=4
            )[1],
        ),
    )

    @pytest.mark.parametrize(("name", "ask"), ASKED, ids=[name for name, _ in ASKED])
    def test_equals_the_likelihoods_own_sums(self, name, ask):
        posterior = VotePosterior(BetaBinomial(self.RHO, self.S))
        found = ask(posterior, self.VOTES)
        np.testing.assert_allclose(found, self.expected(name), atol=1e-10)
        of_means = ask(VotePosterior(self.RHO), self.VOTES)
        assert np.abs(found - of_means).max() > 0.02

    @pytest.mark.parametrize("votes", [None, VOTES])
    def test_plans_spend_clicks_by_it(self, votes):
        posterior = VotePosterior(BetaBinomial(self.RHO, self.S))
        plan = acquisition.plan_votes(posterior, 20, most=12, votes=votes)
        worth = np.stack([self.information(n, votes) for n in range(13)], axis=1)
        every = np.stack(np.meshgrid(*[np.arange(13)] * 5, indexing="ij"), axis=-1).reshape(-1, 5)
        every = every[every.sum(axis=1) == 20]
        best = worth[np.arange(5), every].sum(axis=1).max()
        assert worth[np.arange(5), plan].sum() > 0.995 * best
        of_means = acquisition.plan_votes(self.RHO, 20, most=12, votes=votes)
        assert worth[np.arange(5), of_means].sum() < 0.99 * best
