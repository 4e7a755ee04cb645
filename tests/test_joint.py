"""What galaxies tell together: against sums over all outcomes, and laws."""

import itertools
import math

import numpy as np
import pytest
from oracles import gaussian_joint_information, joint_mutual_information
from scipy.stats import spearmanr

from skgalaxy.acquisition import (
    expected_predictive_information_gain,
    greedy_information,
    mutual_information,
    standardised_draws,
)
from skgalaxy.likelihoods import BetaBinomial, Binomial


def random_draws(n_galaxies, n_draws, seed=0):
    return np.random.default_rng(seed).uniform(size=(n_galaxies, n_draws))


def pmf(k, n, rho, s=None):
    """Probability of k of n: Bernoulli's, or Pólya's urn."""
    if s is None:
        return math.comb(n, k) * rho**k * (1 - rho) ** (n - k)
    yes = math.prod(rho * s + i for i in range(k))
    no = math.prod((1 - rho) * s + i for i in range(n - k))
    return math.comb(n, k) * yes * no / math.prod(s + i for i in range(n))


def by_enumeration(draws, n_votes, concentration=None):
    """Mutual information with the draw, a term at a time."""
    n_galaxies, n_draws = np.shape(draws)
    total = 0.0
    for votes in itertools.product(*(range(n + 1) for n in n_votes)):
        likelihoods = [
            math.prod(
                pmf(
                    votes[g],
                    n_votes[g],
                    draws[g][d],
                    None if concentration is None else concentration[g][d],
                )
                for g in range(n_galaxies)
            )
            for d in range(n_draws)
        ]
        mean = sum(likelihoods) / n_draws
        total += sum(p * math.log(p / mean) for p in likelihoods if p > 0) / n_draws
    return total


THREE = [[0.1, 0.5, 0.9], [0.3, 0.2, 0.6], [0.0, 1.0, 0.5]]
SPREAD = [[2.0, 8.0, 30.0], [1.0, 5.0, 0.5], [4.0, 4.0, 4.0]]


def of(draws, concentration):
    return Binomial(draws) if concentration is None else BetaBinomial(draws, concentration)


class TestExact:
    @pytest.mark.parametrize("concentration", [None, SPREAD])
    @pytest.mark.parametrize("n_votes", [(2, 2, 2), (1, 3, 2), (0, 2, 4)])
    def test_by_enumeration(self, n_votes, concentration):
        expected = by_enumeration(THREE, n_votes, concentration)
        got = joint_mutual_information(of(THREE, concentration), n_votes)
        assert got == pytest.approx(expected, abs=1e-13)

    def test_a_number_by_hand(self):
        """Two networks, two galaxies of one vote, of which each network is sure."""
        sure = [[0, 1], [0, 1]]
        assert joint_mutual_information(sure, 1) == pytest.approx(math.log(2))
        # p(yes, yes) = (1 + 1/4) / 2 and three outcomes of 1/8; H[k | d] = 0 or log 4
        half = [[1, 0.5], [1, 0.5]]
        mixed = -(5 / 8 * math.log(5 / 8) + 3 / 8 * math.log(1 / 8))
        assert joint_mutual_information(half, 1) == pytest.approx(mixed - math.log(4) / 2)

    def test_of_one_galaxy(self):
        draws = random_draws(5, 7)
        for row in range(5):
            alone = joint_mutual_information(draws[row : row + 1], 9)
            assert alone == pytest.approx(mutual_information(draws, 9)[row], abs=1e-12)

    def test_of_independent_galaxies_is_the_sum(self):
        """Draws on a grid: whatever the one is, the other's distribution is the same."""
        a, b = [0.1, 0.4, 0.8], [0.2, 0.3, 0.9]
        draws = np.array(list(itertools.product(a, b))).T
        expected = mutual_information(draws, 6).sum()
        assert joint_mutual_information(draws, 6) == pytest.approx(expected, abs=1e-12)

    def test_between_the_largest_and_the_sum(self):
        for seed in range(20):
            draws = random_draws(3, 6, seed)
            alone = mutual_information(draws, 5)
            together = joint_mutual_information(draws, 5)
            assert alone.max() - 1e-12 <= together <= min(alone.sum(), math.log(6)) + 1e-12

    def test_of_nothing(self):
        assert joint_mutual_information(np.empty((0, 4)), 5) == 0
        assert joint_mutual_information(np.empty((0, 4)), 5, n_samples=10) == 0
        assert joint_mutual_information([[0.3, 0.3], [0.7, 0.7]], 5) == 0
        assert joint_mutual_information(THREE, 0) == 0

    @pytest.mark.parametrize("concentration", [None, SPREAD])
    def test_sampled(self, concentration):
        draws = of(THREE, concentration)
        exact = joint_mutual_information(draws, 4)
        sampled = joint_mutual_information(draws, 4, random_state=0, n_samples=40_000)
        assert sampled == pytest.approx(exact, abs=0.012)


class TestGaussian:
    def test_of_one_galaxy_and_of_independent_ones(self):
        draws = np.array(list(itertools.product([0.1, 0.4, 0.8], [0.2, 0.3, 0.9]))).T
        assert gaussian_joint_information(draws[:1], [0.7]) == pytest.approx(0.7)
        # independent in ρ is independent in any function of ρ
        assert gaussian_joint_information(draws, [0.7, 0.4]) == pytest.approx(1.1)

    def test_of_the_same_galaxy_twice(self):
        """A channel of twice the signal: ½ log(1 + 2 r)."""
        draws = random_draws(1, 9)
        for own in (0.01, 0.5, 3.0):
            twice = gaussian_joint_information(np.repeat(draws, 2, axis=0), [own, own])
            assert twice == pytest.approx(0.5 * math.log(2 * math.exp(2 * own) - 1))

    def test_galaxies_that_agree_share_nothing(self):
        """Networks may differ in concentration alone: informative, without a direction."""
        draws = [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0.1, 0.5, 0.9]]
        assert gaussian_joint_information(draws, [0.2, 0.2, 0.3]) == pytest.approx(0.7)
        picks, gains = greedy_information(draws, [0.2, 0.2, 0.3], 3)
        assert picks.tolist() == [2, 0, 1]
        np.testing.assert_allclose(gains, [0.3, 0.2, 0.2])

    def test_negative_information_is_none(self):
        draws = random_draws(2, 5)
        expected = gaussian_joint_information(draws, [0.5, 0])
        assert gaussian_joint_information(draws, [0.5, -0.1]) == expected == pytest.approx(0.5)

    @pytest.mark.parametrize(("width", "worth"), [(0.3, 0.09), (1.0, 0.4)])
    def test_near_the_exact_value_for_pairs(self, width, worth):
        """Networks' logits as Gaussians of all correlations; many draws, as D shows in both."""
        rng = np.random.default_rng(0)
        errors, shared = [], []
        for correlation in (-0.9, -0.4, 0.0, 0.5, 0.95):
            z = rng.normal(size=(2, 2000))
            z[1] = correlation * z[0] + math.sqrt(1 - correlation**2) * z[1]
            draws = 1 / (1 + np.exp(-(width * z + rng.uniform(-2, 2, size=(2, 1)))))
            own = mutual_information(draws, 40)
            exact = joint_mutual_information(draws, 40)
            errors.append(gaussian_joint_information(draws, own) - exact)
            shared.append(own.sum() - exact)
        assert np.abs(errors).max() < 0.04
        assert max(shared) > worth  # what the correlation is worth

    def test_directions(self):
        draws = random_draws(6, 20)
        directions = standardised_draws(draws)
        expected = np.corrcoef(np.arcsin(np.sqrt(draws)))
        np.testing.assert_allclose(directions @ directions.T, expected, atol=1e-12)
        np.testing.assert_array_equal(standardised_draws([[0.3, 0.3], [1, 1]]), np.zeros((2, 2)))

    @pytest.mark.parametrize("information", [[0.1], [0.1, np.nan], [[0.1, 0.2]], [0.1, np.inf]])
    def test_bad_information(self, information):
        with pytest.raises(ValueError, match="`information` must be one finite number per"):
            greedy_information(random_draws(2, 4), information, 1)


def greedy_by_definition(draws, information, n_instances):
    """Try every galaxy at every step."""
    picks = []
    for _ in range(n_instances):
        worth = [
            -1 if row in picks else gaussian_joint_information(draws[s], information[s])
            for row in range(len(draws))
            for s in [[*picks, row]]
        ]
        picks.append(int(np.argmax(worth)))
    return picks


class TestGreedy:
    @pytest.mark.parametrize("n_draws", [3, 40])
    def test_by_definition(self, n_draws):
        draws = random_draws(12, n_draws)
        own = mutual_information(draws, 10)
        picks, gains = greedy_information(draws, own, 12)
        assert picks.tolist() == greedy_by_definition(draws, own, 12)
        for n in range(1, 13):
            value = gaussian_joint_information(draws[picks[:n]], own[picks[:n]])
            assert gains[:n].sum() == pytest.approx(value, abs=1e-10)

    def test_the_first_is_the_most_informative_and_gains_never_rise(self):
        draws = random_draws(300, 30)
        own = mutual_information(draws, 40)
        picks, gains = greedy_information(draws, own, 100)
        assert picks[0] == own.argmax()
        assert gains[0] == pytest.approx(own.max())
        assert (np.diff(gains) <= 1e-12).all()
        assert (gains >= 0).all()
        assert len(set(picks)) == 100

    def test_at_least_top_k(self):
        for seed in range(10):
            draws = random_draws(60, 25, seed)
            own = mutual_information(draws, 40)
            _, gains = greedy_information(draws, own, 10)
            best = np.argsort(-own)[:10]
            assert gains.sum() >= gaussian_joint_information(draws[best], own[best]) - 1e-10

    def test_exactly_better_than_top_k_on_a_redundant_pool(self):
        """By the true joint information of few networks' votes."""
        distinct = random_draws(10, 200)
        draws = np.repeat(distinct, 3, axis=0)
        own = mutual_information(draws, 20)
        picks, _ = greedy_information(draws, own, 3)
        values = [
            joint_mutual_information(draws[rows], 20, n_samples=5000, random_state=0)
            for rows in (picks, np.argsort(-own, kind="stable")[:3])
        ]
        assert len(set(picks // 3)) == 3
        assert values[0] > 1.5 * values[1]

    def test_a_duplicate_only_when_nothing_tells_more(self):
        """Asked again, a galaxy tells ½ log(1 + r / (1 + r)) more; r is its signal to noise."""
        grid = np.array(list(itertools.product([0.1, 0.9], [0.3, 0.6])))
        draws = np.array([grid[:, 0], grid[:, 0], grid[:, 1]])
        again = 0.5 * math.log(2 - math.exp(-2 * 0.6))
        for other, second in ((again + 1e-6, 2), (again - 1e-6, 1)):
            picks, gains = greedy_information(draws, [0.6, 0.6, other], 2)
            assert picks.tolist() == [0, second]
            assert gains[1] == pytest.approx(max(other, again))

    def test_any_order(self):
        draws = random_draws(80, 20)
        own = mutual_information(draws, 40)
        picks, gains = greedy_information(draws, own, 20)
        order = np.random.default_rng(1).permutation(80)
        picked, gained = greedy_information(draws[order], own[order], 20)
        np.testing.assert_array_equal(order[picked], picks)
        np.testing.assert_allclose(gained, gains, atol=1e-10)
        columns = np.random.default_rng(2).permutation(20)
        np.testing.assert_array_equal(greedy_information(draws[:, columns], own, 20)[0], picks)
        np.testing.assert_array_equal(greedy_information(1 - draws, own, 20)[0], picks)

    def test_nothing_to_tell(self):
        picks, gains = greedy_information([[0.5, 0.5]] * 4, np.zeros(4), 4)
        assert picks.tolist() == [0, 1, 2, 3]
        assert (gains == 0).all()

    def test_stable_where_a_galaxy_tells_all(self):
        draws = np.repeat(random_draws(3, 500), 50, axis=0)
        _, gains = greedy_information(draws, np.full(150, math.log(500)), 150)
        assert np.isfinite(gains).all()
        assert (np.diff(gains) <= 1e-9).all()

    def test_too_many(self):
        with pytest.raises(ValueError, match=r"`n_instances` must not exceed the 2 galaxies\. Go"):
            greedy_information(random_draws(2, 3), [0.1, 0.2], 3)
        with pytest.raises(TypeError, match="`n_instances` must be an integer"):
            greedy_information(random_draws(2, 3), [0.1, 0.2], 1.0)


class TestEPIG:
    @pytest.mark.parametrize("spread", [False, True])
    def test_by_enumeration(self, spread):
        """I(k; k*) = I(k; w) + I(k*; w) - I(k, k*; w), as votes are independent given w."""
        n_votes, target_votes = (2, 4, 0), 3
        targets = [[0.4, 0.6, 0.9], [0.9, 0.1, 0.2]]
        s, s_t = (SPREAD, [[3.0, 9.0, 1.0], [2.0, 2.0, 50.0]]) if spread else (None, None)
        expected = np.zeros(3)
        for g, t in itertools.product(range(3), range(2)):
            pair, n = [THREE[g], targets[t]], (n_votes[g], target_votes)
            s_pair = [s[g], s_t[t]] if spread else None
            own = [
                by_enumeration(pair[i : i + 1], n[i : i + 1], s_pair and s_pair[i : i + 1])
                for i in (0, 1)
            ]
            expected[g] += (sum(own) - by_enumeration(pair, n, s_pair)) / 2
        got = expected_predictive_information_gain(
            of(THREE, s), n_votes, of(targets, s_t), target_votes
        )
        np.testing.assert_allclose(got, expected, atol=1e-13)

    def test_never_more_than_the_mutual_information(self):
        draws, targets = random_draws(40, 15), random_draws(30, 15, 1)
        gain = expected_predictive_information_gain(draws, 12, targets, 9)
        assert (gain <= mutual_information(draws, 12)).all()
        assert (gain <= mutual_information(targets, 9).mean()).all()
        assert (gain > 0).all()

    def test_symmetric(self):
        a, b = random_draws(1, 8), random_draws(1, 8, 1)
        there = expected_predictive_information_gain(a, 5, b, 7)
        back = expected_predictive_information_gain(b, 7, a, 5)
        np.testing.assert_allclose(there, back)

    def test_blocks(self, monkeypatch):
        draws, targets = random_draws(23, 6), random_draws(17, 6, 1)
        expected = expected_predictive_information_gain(draws, 8, targets, 5)
        monkeypatch.setattr("skgalaxy.information.joint._BLOCK", 9 * 6 * 4)
        monkeypatch.setattr("skgalaxy.likelihoods.base.BLOCK", 6 * 9 * 5)
        got = expected_predictive_information_gain(draws, 8, targets, 5)
        np.testing.assert_allclose(got, expected, atol=1e-13)
        one_by_one = [expected_predictive_information_gain(draws, 8, t[None], 5) for t in targets]
        np.testing.assert_allclose(np.mean(one_by_one, axis=0), expected, atol=1e-13)

    def test_odd_galaxies_tell_nothing(self):
        """Independent of all targets, however much it would tell of the network."""
        draws = np.array(list(itertools.product([0.01, 0.99], [0.4, 0.6]))).T
        gain = expected_predictive_information_gain(draws, 40, draws[1:], 40)
        assert mutual_information(draws, 40).argmax() == 0
        assert gain.argmax() == 1
        assert gain[0] == pytest.approx(0, abs=1e-12)

    def test_bad_input(self):
        draws = random_draws(3, 4)
        with pytest.raises(ValueError, match=r"same networks as `draws`, 4 columns.*\(2, 5\)"):
            expected_predictive_information_gain(draws, 3, random_draws(2, 5), 3)
        with pytest.raises(ValueError, match=r"at least one row .*Got shape \(0, 4\)"):
            expected_predictive_information_gain(draws, 3, draws[:0], 3)
        with pytest.raises(TypeError, match="`target_votes` must be an integer >= 0"):
            expected_predictive_information_gain(draws, 3, draws, [3, 3, 3])


def test_real_draws(shared_data):
    """Networks that are real regressions of real votes: the Gaussian ranks pairs as they are."""
    data = np.load(shared_data / "fashion_mnist_h" / "fashion_mnist_h.npz")
    pixels = data["images"][:900].reshape(900, -1)[:, ::7] / 255
    fraction = data["counts"][:900, 6] / data["counts"][:900].sum(axis=1)
    logits = np.log((fraction + 0.01) / (1.01 - fraction))
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(200):  # ridge regressions of bootstrapped galaxies
        rows = rng.integers(0, 500, 500)
        A, b = pixels[rows], logits[rows]
        weights = np.linalg.solve(A.T @ A + 30 * np.eye(A.shape[1]), A.T @ b)
        draws.append(1 / (1 + np.exp(-pixels[500:] @ weights)))
    draws = np.array(draws).T
    own = mutual_information(draws, 40)
    pairs = rng.permutation(400)[:200].reshape(100, 2)
    exact = [joint_mutual_information(draws[pair], 40) for pair in pairs]
    gaussian = [gaussian_joint_information(draws[pair], own[pair]) for pair in pairs]
    assert spearmanr(exact, gaussian).statistic > 0.99
    assert np.abs(np.subtract(exact, gaussian)).max() < 0.05
    shared = own[pairs].sum(axis=1) - exact
    assert spearmanr(shared, own[pairs].sum(axis=1) - gaussian).statistic > 0.9
