"""Votes as a budget: against sums over all outcomes and over all plans, and laws."""

import itertools
import math
import time

import numpy as np
import pytest

from skgalaxy.acquisition import mutual_information, plan_votes, value_of_votes
from skgalaxy.likelihoods import BetaBinomial, Binomial


def random_draws(n_galaxies, n_draws, seed=0):
    return np.random.default_rng(seed).uniform(size=(n_galaxies, n_draws))


def probability(answers, rho, s):
    """Probability of yes and no in this order: Pólya's urn; s = None is a coin."""
    p, yes = 1.0, 0
    for m, answer in enumerate(answers):
        next_yes = rho if s is None else (rho * s + yes) / (s + m)
        p *= next_yes if answer else 1 - next_yes
        yes += answer
    return p


def by_enumeration(rho, n_more, votes=(0, 0), s=None):
    """Information of the next answers, sequence by sequence, after k of N."""
    s = [None] * len(rho) if s is None else s
    earlier = [True] * votes[0] + [False] * (votes[1] - votes[0])
    prior = np.array([probability(earlier, *of) for of in zip(rho, s, strict=True)])
    total = 0.0
    for answers in itertools.product([False, True], repeat=n_more):
        joint = np.array(
            [probability([*earlier, *answers], *of) for of in zip(rho, s, strict=True)]
        )
        possible = joint > 0
        ratio = joint[possible] / prior[possible] * prior.sum() / joint.sum()
        total += (joint[possible] * np.log(ratio)).sum() / prior.sum()
    return total


RHO = [0.1, 0.5, 0.85]
SPREAD = [1.5, 30.0, 4.0]


class TestValue:
    @pytest.mark.parametrize("s", [None, SPREAD])
    @pytest.mark.parametrize("votes", [(0, 0), (1, 1), (2, 5), (0, 4)])
    def test_by_enumeration(self, votes, s):
        draws = Binomial([RHO]) if s is None else BetaBinomial([RHO], [s])
        for n in range(6):
            got = value_of_votes(draws, n, [votes])
            assert got[0] == pytest.approx(by_enumeration(RHO, n, votes, s), abs=1e-12)

    def test_of_first_votes_is_mutual_information(self):
        draws = random_draws(50, 20)
        concentration = np.random.default_rng(1).lognormal(2, 1, draws.shape)
        concentration[:, :3] = np.inf
        n_votes = np.arange(50)
        for likelihood in (Binomial(draws), BetaBinomial(draws, concentration)):
            got = value_of_votes(likelihood, n_votes)
            expected = mutual_information(likelihood, n_votes)
            np.testing.assert_allclose(got, expected, atol=1e-12)

    def test_infinite_concentration_is_the_binomial(self):
        draws, votes = random_draws(5, 8), [[2, 3]] * 5
        got = value_of_votes(BetaBinomial(draws, np.inf), 9, votes)
        np.testing.assert_allclose(got, value_of_votes(draws, 9, votes), atol=1e-13)

    def test_votes_after_votes(self):
        """On average over the first votes: I(all) = I(first) + E[I(next | first)]."""
        for likelihood in (Binomial([RHO]), BetaBinomial([RHO], [SPREAD])):
            n, more = 4, 7
            found = np.array([[k, n] for k in range(n + 1)])
            following = value_of_votes(likelihood[[0] * (n + 1)], more, found)
            s = [None] * 3 if isinstance(likelihood, Binomial) else SPREAD
            chance = [
                math.comb(n, k)
                * np.mean(
                    [probability([1] * k + [0] * (n - k), *of) for of in zip(RHO, s, strict=True)]
                )
                for k in range(n + 1)
            ]
            whole = value_of_votes(likelihood, n + more)[0]
            first = value_of_votes(likelihood, n)[0]
            assert first + chance @ following == pytest.approx(whole, abs=1e-12)

    def test_concave_in_votes(self):
        """With the binomial each vote is worth less than the one before."""
        draws = random_draws(200, 30)
        votes = np.column_stack([np.arange(200) % 7, np.full(200, 9)])
        for found in (None, votes):
            worth = np.array([value_of_votes(draws, n, found) for n in range(20)])
            assert (np.diff(worth, axis=0) >= 0).all()
            assert (np.diff(worth, n=2, axis=0) <= 1e-13).all()

    def test_not_concave_where_networks_differ_in_concentration(self):
        """They agree on the first vote, and that the second is like it only one of them says."""
        draws = BetaBinomial([[0.5, 0.5]] * 3, [[0.1, 100.0]] * 3)
        worth = value_of_votes(draws, [0, 1, 2])
        assert worth[1] == 0
        assert worth[2] > 0.05

    def test_after_many_votes_little_is_left(self):
        few, many = value_of_votes([[0.2, 0.8]] * 2, 10, [[1, 2], [40, 200]])
        assert few > 0.6
        assert many == 0

    def test_nothing_to_tell(self):
        assert (value_of_votes([[0.3] * 4], 40) == 0).all()
        assert (value_of_votes([RHO], 0) == 0).all()
        assert value_of_votes(np.empty((0, 3)), 5).shape == (0,)

    def test_sure_networks(self):
        assert value_of_votes([[0.0, 1.0]], 3)[0] == pytest.approx(math.log(2))
        assert value_of_votes([[0.0, 1.0]], 3, [[2, 2]])[0] == 0
        with pytest.raises(ValueError, match=r"`votes` must be possible.*Got 1 of 2 in row 1,"):
            value_of_votes([[0.0, 1.0]] * 2, 3, [[2, 2], [1, 2]])

    def test_rows_are_by_themselves(self, monkeypatch):
        draws, votes = random_draws(30, 6), np.tile([[1, 2], [0, 5]], (15, 1))
        expected = value_of_votes(draws, 8, votes)
        monkeypatch.setattr("skgalaxy.information.budget._BLOCK", 6 * 9 * 4)
        np.testing.assert_array_equal(value_of_votes(draws, 8, votes), expected)

    @pytest.mark.parametrize(
        ("votes", "message"),
        [
            ([[3, 2]], r"k must not exceed.*Got k=3 of N=2 in row 0"),
            ([[1.5, 2]], r"`votes` must be whole numbers"),
            ([[-1, 2]], r"whole numbers >= 0"),
            ([1, 2], r"`votes` must be counts \[k, N\] of shape \(1, 2\)\. Got shape \(2,\)"),
            ([[1, 2], [1, 2]], r"Got shape \(2, 2\)"),
        ],
    )
    def test_bad_votes(self, votes, message):
        with pytest.raises(ValueError, match=message):
            value_of_votes([RHO], 3, votes)

    def test_bad_numbers(self):
        with pytest.raises(ValueError, match="`n_votes_more` must be whole numbers >= 0"):
            value_of_votes([RHO], -1)
        with pytest.raises(ValueError, match="`n_votes_more` must be one integer or one per"):
            value_of_votes([RHO], [1, 2])
        with pytest.raises(ValueError, match="`draws` must be vote fractions"):
            value_of_votes([[2.0]], 1)


def best_by_trying(draws, n_clicks, most, **options):
    """Sum of the best of all plans that spend so many clicks."""
    worth = np.array([value_of_votes(draws, n, **options) for n in range(most + 1)])
    plans = itertools.product(range(most + 1), repeat=len(draws))
    return max(
        sum(worth[n, row] for row, n in enumerate(plan)) for plan in plans if sum(plan) <= n_clicks
    )


class TestPlan:
    @pytest.mark.parametrize("votes", [None, [[1, 2], [0, 0], [3, 9], [5, 5]]])
    @pytest.mark.parametrize("n_clicks", [0, 1, 3, 7, 10, 19, 20, 30])
    def test_none_is_better(self, n_clicks, votes):
        draws = random_draws(4, 5, seed=n_clicks)
        plan = plan_votes(draws, n_clicks, most=5, votes=votes)
        assert plan.sum() == min(n_clicks, 20)
        got = value_of_votes(draws, plan, votes).sum()
        expected = best_by_trying(draws, n_clicks, 5, votes=votes)
        assert got == pytest.approx(expected, abs=1e-10)

    def test_whole_packets_with_the_beta_binomial(self):
        """The first vote on row 0 tells nothing: two are bought, or none."""
        draws = BetaBinomial([[0.5, 0.5], [0.45, 0.55]], [[0.1, 100.0], [50.0, 50.0]])
        worth = [value_of_votes(draws, n) for n in (1, 2, 3)]
        assert worth[0][0] == 0
        assert worth[1][0] / 2 > worth[0][1]
        np.testing.assert_array_equal(plan_votes(draws, 2, most=3), [2, 0])
        for n_clicks in (2, 3, 5, 6):
            plan = plan_votes(draws, n_clicks, most=3)
            got = value_of_votes(draws, plan).sum()
            best = best_by_trying(draws, n_clicks, 3)
            assert got == pytest.approx(best, abs=1e-9)

    def test_random_beta_binomials_are_nearly_as_good_as_the_best(self):
        for seed in range(10):
            s = np.random.default_rng(seed).lognormal(0, 2, (3, 4))
            draws = BetaBinomial(random_draws(3, 4, seed), s)
            plan = plan_votes(draws, 8, most=6)
            got = value_of_votes(draws, plan).sum()
            assert got >= 0.99 * best_by_trying(draws, 8, 6)

    def test_most_of_each(self):
        most = np.array([0, 3, 40, 1])
        plan = plan_votes(random_draws(4, 9), 1000, most=most)
        np.testing.assert_array_equal(plan, most)

    def test_what_tells_nothing_is_not_bought(self):
        draws = [[0.5, 0.5], [0.1, 0.6], [0.1, 0.1]]
        np.testing.assert_array_equal(plan_votes(draws, 200), [0, 40, 0])
        assert plan_votes([[0.0, 1.0]], 5).tolist() == [1]  # one vote says which

    def test_ties(self):
        """Equal galaxies have equal votes, but for what is left over: that is the first rows'."""
        np.testing.assert_array_equal(plan_votes([[0.2, 0.7]] * 4, 10), [3, 3, 2, 2])

    def test_more_clicks_never_take_a_vote_away(self):
        draws = random_draws(30, 12)
        plans = [plan_votes(draws, n) for n in range(0, 300, 13)]
        assert (np.diff(plans, axis=0) >= 0).all()

    def test_better_than_the_same_for_all(self):
        draws = 0.5 + random_draws(100, 20) * np.linspace(0, 0.5, 100)[:, None]
        plan = plan_votes(draws, 1000)
        assert plan.sum() == 1000
        gain = value_of_votes(draws, plan).sum() / value_of_votes(draws, 10).sum()
        assert gain > 1.1

    def test_nothing_to_plan(self):
        assert plan_votes(np.empty((0, 3)), 10).shape == (0,)
        assert plan_votes([RHO], 10, most=0).tolist() == [0]
        assert plan_votes([RHO], 0).tolist() == [0]

    def test_bad_numbers(self):
        for bad, error in ((-1, ValueError), (1.5, TypeError)):
            with pytest.raises(error, match="`n_clicks` must be an integer >= 0"):
                plan_votes([RHO], bad)
        with pytest.raises(ValueError, match="`most` must be one integer or one per galaxy"):
            plan_votes([RHO], 3, most=[1, 2])

    def test_a_survey_in_seconds(self):
        draws = random_draws(4096, 50)
        start = time.process_time()
        plan = plan_votes(draws, 80_000)
        assert time.process_time() - start < 10  # a quarter of a usual round; takes about 0.7
        assert plan.sum() == 80_000
