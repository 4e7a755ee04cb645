"""The laws of information over a decision tree, and proof that they can fail."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from skgalaxy import TreePosterior
from skgalaxy.acquisition import (
    greedy_clicks,
    greedy_information,
    greedy_walks,
    joint_walk_information,
    mutual_information,
    plan_clicks,
    question_information,
    value_of_votes,
    walk_information,
)
from skgalaxy.information.sampled import sampled_information
from skgalaxy.information.tree_budget import _concave_steps
from skgalaxy.information.tree_joint import _scales, _signals
from skgalaxy.information.walks import as_walks, outcomes
from skgalaxy.likelihoods import BetaBinomial, DirichletMultinomial, Multinomial, TreeLikelihood
from skgalaxy.votes import GZ2, DecisionTree

# two answers lead to "odd", and "odd" stands between a question and its follower
SMALL = DecisionTree(
    {"disc": ["yes", "no", "star"], "odd": ["yes", "no"], "arms": ["1", "2"]},
    asked_after={"odd": ["disc_yes", "disc_no"], "arms": ["disc_yes"]},
)
ONE = DecisionTree({"bar": ["yes", "no"]})


def random_draws(tree, n_galaxies, n_draws, seed=0, spread=0.7):
    """Draws of the last layer of a network: each galaxy's features, times each draw's weights."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_galaxies, 4))
    weights = rng.normal(size=(4, tree.n_answers)) + spread * rng.normal(
        size=(n_draws, 4, tree.n_answers)
    )
    logits = 0.5 * np.einsum("gf,dfa->gda", features, weights)
    for here in tree.slices.values():
        odds = np.exp(logits[..., here])
        logits[..., here] = odds / odds.sum(axis=2, keepdims=True)
    return logits


def random_concentrations(tree, n_galaxies, n_draws, seed=0):
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(2, 1, (n_galaxies, n_draws, len(tree.questions))))
    values[..., 0] = np.inf  # one question is multinomial
    return values


def paths(tree):
    """All ways to walk down a tree, as lists of (number of question, column)."""
    found = []
    for said in product(*(tree.answers(question) for question in tree.questions)):
        said = dict(zip(tree.questions, said, strict=True))
        asked = tree.asked(said)
        path = tuple((tree.questions.index(q), tree.columns.index(f"{q}_{said[q]}")) for q in asked)
        if path not in found:
            found.append(path)
    return found


def by_definition(tree, draws, n, concentrations=None):
    """Information of sequences of walks, urns that grow answer by answer: no counts, no tables."""
    values = []
    for g, fractions_DA in enumerate(draws):
        probabilities = []
        for walks in product(paths(tree), repeat=n):
            likely_D = np.ones(len(fractions_DA))
            k_A, n_Q = np.zeros(tree.n_answers), np.zeros(len(tree.questions))
            for question, column in (step for path in walks for step in path):
                s_D = np.inf if concentrations is None else concentrations[g, :, question]
                phi_D = 1 / np.asarray(s_D)
                likely_D = likely_D * (fractions_DA[:, column] + phi_D * k_A[column])
                likely_D = likely_D / (1 + phi_D * n_Q[question])
                k_A[column] += 1
                n_Q[question] += 1
            probabilities.append(likely_D)
        p_SD = np.array(probabilities)
        values.append((p_SD * np.log(p_SD / p_SD.mean(1, keepdims=True))).sum(0).mean())
    return np.array(values)


def information(draws, n, tree=SMALL, **parameters):
    return walk_information(draws, n, tree=tree, **parameters)[0]


class TestExact:
    @pytest.mark.parametrize("scattered", [False, True])
    def test_all_sequences_of_walks(self, scattered):
        draws = random_draws(SMALL, 3, 4)
        s = random_concentrations(SMALL, 3, 4) if scattered else None
        found, error = walk_information(draws, 3, tree=SMALL, concentrations=s)
        np.testing.assert_allclose(found, by_definition(SMALL, draws, 3, s), atol=1e-12)
        assert (error == 0).all()

    @pytest.mark.parametrize("n", [1, 7, 40])
    def test_a_tree_of_one_yes_no_question_is_todays_value(self, n):
        draws = random_draws(ONE, 20, 8)
        rho, s = draws[..., 0], np.full((20, 8, 1), 12.0)
        np.testing.assert_allclose(
            information(draws, n, ONE), mutual_information(rho, n), atol=1e-12
        )
        np.testing.assert_allclose(
            information(draws, n, ONE, concentrations=s),
            mutual_information(BetaBinomial(rho, s[..., 0]), n),
            atol=1e-12,
        )

    def test_the_chain_rule(self):
        # the whole is the first question and, after its votes, what those who are led on say
        tree = DecisionTree(
            {"disc": ["yes", "no"], "arms": ["1", "2", "3"]}, asked_after={"arms": ["disc_yes"]}
        )
        draws, s = random_draws(tree, 4, 5), random_concentrations(tree, 4, 5)[..., ::-1]
        n, whole = 6, information(draws, 6, tree, concentrations=s)
        first = DirichletMultinomial(draws[..., :2], s[..., 0])
        rest = np.zeros(4)
        for k, likely_G in enumerate(first.mixture_pmf(n).T):
            votes = np.tile([k, n - k, np.nan, np.nan, np.nan], (4, 1))
            rest += (
                likely_G
                * question_information(
                    draws, "arms", k, tree=tree, concentrations=s, votes=votes, only_asked=True
                )[0]
            )
        np.testing.assert_allclose(mutual_information(first, n) + rest, whole, atol=1e-12)
        assert (rest > 0.01).any()

    @pytest.mark.parametrize("scattered", [False, True])
    def test_next_votes_add_up(self, scattered):
        draws = random_draws(SMALL, 3, 4)
        s = random_concentrations(SMALL, 3, 4) if scattered else None
        walks, _ = as_walks(draws, SMALL, s)
        counts_AS, log_S = outcomes(walks.questions, 2, 1000)
        likely_GS = np.exp(walks.log_likelihood(counts_AS[None]) + log_S).mean(axis=1)
        np.testing.assert_allclose(likely_GS.sum(axis=1), 1)
        later = np.zeros(3)
        for counts_A, likely_G in zip(counts_AS.T, likely_GS.T, strict=True):
            votes = np.tile(counts_A, (3, 1))
            later += likely_G * information(draws, 2, votes=votes, concentrations=s)
        both = information(draws, 2, concentrations=s) + later
        np.testing.assert_allclose(both, information(draws, 4, concentrations=s), atol=1e-12)

    def test_a_question_alone(self):
        draws = random_draws(SMALL, 5, 6)
        alone = question_information(draws, "arms", 9, tree=SMALL, only_asked=True)[0]
        np.testing.assert_allclose(alone, mutual_information(draws[..., 5], 9), atol=1e-12)
        # those who are not led to it are an answer more
        asked = SMALL.asked_fractions(draws)[..., 1, None]
        fractions = np.concatenate([1 - asked, asked * draws[..., 3:5]], axis=2)
        found = question_information(draws, "odd", 9, tree=SMALL)[0]
        np.testing.assert_allclose(found, mutual_information(Multinomial(fractions), 9), atol=1e-12)
        assert (found <= information(draws, 9) + 1e-12).all()

    def test_after_a_million_votes_nothing_is_left_to_tell(self):
        draws, s = random_draws(SMALL, 3, 4), random_concentrations(SMALL, 3, 4)
        votes = np.rint(
            1e6 * draws[:, 2] * SMALL.asked_fractions(draws)[:, 2][:, [0] * 3 + [1] * 2 + [2] * 2]
        )
        for concentrations in (None, s):
            left = information(draws, 3, votes=votes, concentrations=concentrations)
            assert (left < 0.01).all()

    def test_votes_of_a_frame(self):
        draws = random_draws(SMALL, 2, 4)
        frame = pd.DataFrame({"disc_star": [1, 0], "disc_no": [2, 1], "disc_yes": [3, 9]})
        votes = [[3, 2, 1, 0, 0, 0, 0], [9, 1, 0, 0, 0, 0, 0]]
        np.testing.assert_array_equal(
            information(draws, 3, votes=frame), information(draws, 3, votes=votes)
        )


class TestSampled:
    @pytest.mark.parametrize("scattered", [False, True])
    def test_it_is_the_exact_value_within_its_error(self, scattered):
        draws = random_draws(SMALL, 30, 12)
        s = random_concentrations(SMALL, 30, 12) if scattered else None
        walks, _ = as_walks(draws, SMALL, s)
        votes = np.random.default_rng(0).multinomial(3, [1 / 3] * 3, size=30)
        walks = walks.given(np.concatenate([votes, np.zeros((30, 4))], axis=1))  # unequal weights
        listed = outcomes(walks.questions, 5, 10**6)
        exact = walk_value(walks, *listed)
        z = []
        for seed in range(8):
            found, error = sampled_information(walks, 5, 0.01, seed, 1)
            assert (error <= 0.01).all()
            z.append((found - exact) / error)
        assert abs(np.mean(z)) < 0.25
        assert 0.7 < np.mean(np.square(z)) < 1.5

    def test_galaxies_do_not_depend_on_those_beside_them(self):
        draws = np.tile(random_draws(GZ2, 25, 20), (6, 1, 1))
        found, error = walk_information(draws, 40, tree=GZ2, n_jobs=2)
        rows = [140, 3, 77]
        again, _ = walk_information(draws[rows], 40, tree=GZ2, n_jobs=1)
        np.testing.assert_array_equal(again, found[rows])
        np.testing.assert_array_equal(found[:25], found[-25:])
        assert (error > 0).all()
        assert (error <= 0.02).all()
        assert (walk_information(draws[:3], 40, tree=GZ2, random_state=1)[0] != found[:3]).all()

    def test_whole_walks_tell_no_less_than_a_question(self):
        draws = random_draws(GZ2, 10, 20)
        whole, error = walk_information(draws, 20, tree=GZ2)
        for question in ("bar", "something-odd", "odd-feature"):
            alone, of_alone = question_information(draws, question, 20, tree=GZ2)
            assert (alone <= whole + 4 * (error + of_alone)).all()


def walk_value(walks, counts_AS, log_S):
    """Information from all outcomes, from its definition."""
    p_GDS = np.exp(walks.log_likelihood(counts_AS[None]) + log_S)
    w_GD = np.exp(walks.log_weight)
    mixed_GS = np.einsum("gd,gds->gs", w_GD, p_GDS)
    return np.einsum("gd,gds->g", w_GD, p_GDS * np.log(p_GDS / mixed_GS[:, None]))


class TestJoint:
    @pytest.mark.parametrize("scattered", [False, True])
    def test_votes_on_a_batch_add_up(self, scattered):
        draws = random_draws(SMALL, 2, 4)
        s = random_concentrations(SMALL, 2, 4) if scattered else None
        walks = as_walks(draws, SMALL, s)[0].together()
        counts_AS, log_S = outcomes(walks.questions, 1, 10**4)
        likely_S = np.exp(walks.log_likelihood(counts_AS[None])[0] + log_S).mean(axis=0)
        once, _ = joint_walk_information(draws, 1, tree=SMALL, concentrations=s)
        later = sum(
            likely
            * joint_walk_information(
                draws, 1, tree=SMALL, concentrations=s, votes=counts_A.reshape(2, -1)
            )[0]
            for likely, counts_A in zip(likely_S, counts_AS.T, strict=True)
        )
        twice, error = joint_walk_information(draws, 2, tree=SMALL, concentrations=s)
        assert error == 0
        assert once + later == pytest.approx(twice, abs=1e-12)

    def test_a_twin_is_as_many_walks_more(self):
        draws = random_draws(SMALL, 1, 5)
        twins, _ = joint_walk_information(np.repeat(draws, 2, axis=0), 2, tree=SMALL)
        assert twins == pytest.approx(information(draws, 4)[0], abs=1e-12)

    def test_it_is_between_the_largest_and_the_sum(self):
        draws = random_draws(GZ2, 4, 30, spread=0.3)
        own, _ = walk_information(draws, 5, tree=GZ2)
        together, _ = joint_walk_information(draws, 5, tree=GZ2)
        assert own.max() + 0.1 < together < own.sum() - 0.1


class TestGreedy:
    def test_one_yes_no_question_is_nearly_as_today(self):
        draws = random_draws(ONE, 30, 20, spread=0.3)
        own = mutual_information(draws[..., 0], 20)
        picks, gains = greedy_walks(draws, own, 8, tree=ONE)
        today, gains_today = greedy_information(draws[..., 0], own, 8)
        np.testing.assert_array_equal(picks[:3], today[:3])
        np.testing.assert_allclose(gains, gains_today, rtol=0.05)

    @pytest.mark.parametrize("scattered", [False, True])
    def test_each_pick_adds_most(self, scattered):
        draws = random_draws(SMALL, 15, 12)
        s = random_concentrations(SMALL, 15, 12) if scattered else None
        own = np.random.default_rng(0).random(15)
        picks, gains = greedy_walks(draws, own, 15, tree=SMALL, concentrations=s, n_walks=7)
        walks, n_G = as_walks(draws, SMALL, s)[0], np.full(15, 7)
        signals = _signals(walks, n_G) * np.sqrt(_scales(walks, n_G, own))[:, None, None]
        alone = [joint_of(signals[[row]]) for row in range(15)]
        np.testing.assert_allclose(alone, own, rtol=1e-6)
        for number in range(15):
            before = joint_of(signals[picks[:number]])
            each = [joint_of(signals[[*picks[:number], row]]) - before for row in range(15)]
            free = np.setdiff1d(np.arange(15), picks[:number])
            assert gains[number] == pytest.approx(each[picks[number]], abs=1e-9)
            assert gains[number] >= max(np.array(each)[free]) - 1e-9
        assert sorted(picks) == list(range(15))

    def test_of_twins_the_second_comes_last(self):
        draws = random_draws(GZ2, 8, 30)
        draws[5] = draws[2]
        picks, gains = greedy_walks(draws, np.ones(8), 8, tree=GZ2)
        assert picks[-1] == 5
        assert (np.diff(gains) <= 0).all()

    def test_bad_input(self):
        draws = random_draws(SMALL, 3, 4)
        with pytest.raises(ValueError, match="`n_instances` must not exceed the 3 galaxies"):
            greedy_walks(draws, np.ones(3), 4, tree=SMALL)
        with pytest.raises(ValueError, match="`information` must be one finite number"):
            greedy_walks(draws, np.ones(2), 2, tree=SMALL)
        held = SimpleNamespace(tree=SMALL, draws=draws, concentration=None)
        folds = SimpleNamespace(likelihood=held, folds=np.array([0, 1, 1]))
        for work in (
            lambda: greedy_walks(folds, np.ones(3), 2),
            lambda: joint_walk_information(folds, 2),
        ):
            with pytest.raises(ValueError, match="all are of the same networks"):
                work()


def joint_of(signals_GDA):
    """Information of all galaxies together in the Gaussian channel."""
    n_draws = signals_GDA.shape[1]
    total_DD = np.eye(n_draws) + np.einsum("gda,gea->de", signals_GDA, signals_GDA)
    return np.linalg.slogdet(total_DD)[1] / 2


class TestPlan:
    sizes = (2, 3)

    def items(self, draws):
        """Value and clicks of all that a galaxy can get; the first is nothing."""
        clicks = SMALL.asked_fractions(draws).sum(axis=2).mean(axis=1)
        values, costs = [np.zeros(len(draws))], [np.zeros(len(draws))]
        for n in self.sizes:
            values.append(information(draws, n))
            costs.append(n * clicks)
            for question in SMALL.questions:
                values.append(question_information(draws, question, n, tree=SMALL)[0])
                costs.append(np.full(len(draws), float(n)))
        return np.array(values).T, np.array(costs).T

    @pytest.mark.parametrize("n_clicks", [0, 3, 7.5, 12, 100])
    def test_nothing_tells_much_more_for_the_clicks(self, n_clicks):
        draws = random_draws(SMALL, 3, 5, seed=1)
        values, costs = self.items(draws)
        n_walks, n_votes = plan_clicks(draws, n_clicks, sizes=self.sizes, tree=SMALL)
        bought = [
            (information(draws[[g]], n_walks[g])[0], n_walks[g] * costs[g, 1] / 2)
            if n_walks[g]
            else (
                sum(
                    question_information(draws[[g]], q, n, tree=SMALL)[0][0]
                    for q, n in zip(SMALL.questions, n_votes[g].tolist(), strict=True)
                ),
                n_votes[g].sum(),
            )
            for g in range(3)
        ]
        told, spent = np.sum(bought, axis=0)
        assert spent <= n_clicks + 1e-9
        plans = [
            (sum(values[range(3), plan]), sum(costs[range(3), plan]))
            for plan in product(range(values.shape[1]), repeat=3)
        ]
        best = max(value for value, cost in plans if cost <= n_clicks)
        assert told >= best - values.max()  # the last item of the knapsack
        if n_clicks == 100:
            assert told == pytest.approx(best)

    def test_steps_by_hand(self):
        # the second item is below the line from the first to the third, the last tells less
        steps = _concave_steps(np.array([1, 1.2, 2, 2.5, 1.9]), np.array([1.0, 2, 3, 8, 4]))
        assert steps == [(1, 1, 0), (0.5, 2, 2), (pytest.approx(0.1), 5, 3)]

    def test_galaxies_on_which_networks_agree_get_nothing(self):
        draws = random_draws(SMALL, 4, 5)
        draws[1] = draws[1, :1]
        n_walks, n_votes = plan_clicks(draws, 1000, sizes=[2], tree=SMALL)
        assert n_walks[1] == 0
        assert n_votes[1].sum() == 0
        assert ((n_walks > 0).astype(int) + (n_votes > 0).sum(axis=1))[[0, 2, 3]].tolist() == [
            1
        ] * 3

    def test_bad_input(self):
        draws = random_draws(SMALL, 2, 4)
        with pytest.raises(ValueError, match="`n_clicks` must be a number in"):
            plan_clicks(draws, -1, tree=SMALL)
        for sizes in ([], [0, 5], 5):
            with pytest.raises(ValueError, match="`sizes` must be integers >= 1"):
                plan_clicks(draws, 10, sizes=sizes, tree=SMALL)


def loss_after(draws, n_GQ):
    """Loss of walks down SMALL after n votes on each galaxy and question, by information."""
    asked = SMALL.asked_fractions(draws).mean(axis=1)
    n_draws, loss = draws.shape[1], 0.0
    for number, here in enumerate(SMALL.slices.values()):
        roots = np.sqrt(draws[..., here])
        signals = 2 * (roots - roots.mean(axis=1, keepdims=True)) / np.sqrt(n_draws)
        known = np.einsum("g,gda,gea->de", n_GQ[:, number], signals, signals)
        unknown = np.linalg.inv(np.eye(n_draws) + known)
        each = np.einsum("gda,de,gea->g", signals, unknown, signals)
        loss += np.mean(asked[:, number] * each / 2)
    return loss


class TestGreedyClicks:
    @pytest.mark.parametrize("concentration", [np.inf, 4.0])
    def test_every_step_saves_most_per_click(self, concentration):
        draws, step = random_draws(SMALL, 4, 30, seed=3), 3
        asked = SMALL.asked_fractions(draws).mean(axis=1)
        wanted, left = np.zeros((4, 4), dtype=int), 60.0

        def after(n_GO):
            n_GQ = (n_GO[:, :1] + n_GO[:, 1:]) * asked
            return loss_after(draws, n_GQ * (1 + 1 / concentration) / (1 + n_GQ / concentration))

        while True:
            saved = {}
            for galaxy, option in np.ndindex(4, 4):
                cost = step * (1 if option else asked[galaxy].sum())
                more = wanted.copy()
                more[galaxy, option] += step
                if cost <= left:
                    fall = after(wanted) - after(more)
                    saved[galaxy, option] = fall / cost, cost
            if not saved:
                break
            best = max(saved, key=saved.get)
            wanted[best] += step
            left -= saved[best][1]
        n_walks, n_votes = greedy_clicks(
            draws,
            60,
            step=step,
            tree=SMALL,
            concentrations=np.full((4, 30, 3), concentration),
        )
        assert (wanted[:, 0] > 0).any()
        assert (wanted[:, 1:] > 0).any()
        np.testing.assert_array_equal(np.column_stack([n_walks, n_votes]), wanted)

    def test_nothing_is_asked_where_networks_agree(self):
        draws = random_draws(SMALL, 3, 8)
        draws[1] = draws[1, :1]
        n_walks, n_votes = greedy_clicks(draws, 40, tree=SMALL)
        assert n_walks[1] == n_votes[1].sum() == 0
        assert n_walks.sum() + n_votes.sum() > 0
        assert greedy_clicks(draws[:, :1], 40, tree=SMALL)[1].sum() == 0
        assert greedy_clicks(draws[:0], 40, tree=SMALL)[1].shape == (0, 3)

    def test_bad_input(self):
        draws = random_draws(SMALL, 2, 4)
        with pytest.raises(ValueError, match="`n_clicks` must be a number in"):
            greedy_clicks(draws, -1, tree=SMALL)
        with pytest.raises(ValueError, match="`step` must be"):
            greedy_clicks(draws, 10, step=0, tree=SMALL)


# Each law takes the function, draws of SMALL or GZ2 with n walks, what it may err by, and asserts.


def within_its_bounds(info, draws, n, tree, error):
    found = info(draws, n, tree)
    assert (found >= 0).all()
    assert (found <= np.log(draws.shape[1])).all()


def zero_if_draws_agree(info, draws, n, tree, error):
    assert (info(np.repeat(draws[:, :1], 5, axis=1), n, tree) == 0).all()


def more_walks_tell_more(info, draws, n, tree, error):
    assert (info(draws, 2 * n, tree) > info(draws, n, tree) - error).all()


def unreached_questions_tell_nothing(info, draws, n, tree, error):
    alike = np.repeat(draws[:, :1], draws.shape[1], axis=1)
    first = tree.questions[0]
    alike[..., tree.slices[first]] = 0
    alike[..., tree.slices[first].stop - 1] = 1  # a star, or an artifact: the walk ends
    later = slice(tree.slices[first].stop, None)
    alike[..., later] = draws[..., later]
    assert (info(alike, n, tree) <= 1e-5).all()


def same_for_any_order_of_draws(info, draws, n, tree, error):
    found = info(draws[:, ::-1], n, tree)
    np.testing.assert_allclose(found, info(draws, n, tree), atol=max(error, 1e-9))


def same_for_any_order_of_answers(info, draws, n, tree, error):
    given = tree.to_dict()
    turned = DecisionTree(
        {q: answers[::-1] for q, answers in given["answers"].items()}, given["asked_after"]
    )
    places = [tree.columns.index(name) for name in turned.columns]
    found = info(draws[..., places], n, turned)
    np.testing.assert_allclose(found, info(draws, n, tree), atol=max(error, 1e-9))


def more_questions_tell_more(info, draws, n, tree, error):
    first = tree.questions[0]
    stem = DecisionTree({first: tree.answers(first)})
    alone = info(draws[..., tree.slices[first]], n, stem)
    whole = info(draws, n, tree)
    assert (whole > alone - error).all()
    assert (whole > alone + 0.01).any()


LAWS = [
    within_its_bounds,
    zero_if_draws_agree,
    more_walks_tell_more,
    unreached_questions_tell_nothing,
    same_for_any_order_of_draws,
    same_for_any_order_of_answers,
    more_questions_tell_more,
]
CASES = [(SMALL, 2, 1e-9), (GZ2, 15, 0.12)]


@pytest.mark.parametrize(("tree", "n", "error"), CASES, ids=["exact", "sampled"])
@pytest.mark.parametrize("law", LAWS)
def test_law(law, tree, n, error):
    law(information, random_draws(tree, 12, 10), n, tree, error)


def noise(draws):
    return np.random.default_rng(int(draws[0, 0, 0] * 2**40)).random(len(draws))


WRONG = {
    "in bits": lambda d, n, t: information(d, n, t) / np.log(2),
    "noise": lambda d, n, t: noise(d),
    "one walk whatever n": lambda d, n, t: information(d, 10 // n, t),
    "all questions of everyone": lambda d, n, t: sum(
        question_information(d, q, n, tree=t, only_asked=True)[0] for q in t.questions
    ),
    "first question": lambda d, n, t: mutual_information(
        Multinomial(d[..., t.slices[t.questions[0]]]), n
    ),
    "spread of the first answer": lambda d, n, t: n * d[..., 0].var(axis=1),
    "first draws": lambda d, n, t: information(d[:, :3], n, t),
}


def rejects(law, wrong):
    try:
        law(wrong, random_draws(SMALL, 12, 10), 2, SMALL, 1e-9)
        law(wrong, random_draws(SMALL, 12, 3, spread=20), 4, SMALL, 1e-9)  # nearly log 3
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("name", WRONG)
def test_every_mistake_breaks_some_law(name):
    assert any(rejects(law, WRONG[name]) for law in LAWS)


@pytest.mark.parametrize("law", LAWS)
def test_every_law_is_broken_by_some_mistake(law):
    assert any(rejects(law, wrong) for wrong in WRONG.values())


def test_a_posterior_brings_its_tree():
    draws, s = random_draws(SMALL, 2, 4), random_concentrations(SMALL, 2, 4)
    questions = {
        question: DirichletMultinomial(draws[..., here], s[..., number])
        for number, (question, here) in enumerate(SMALL.slices.items())
    }
    posterior = TreePosterior(TreeLikelihood(SMALL, questions))
    expected = information(draws, 3, concentrations=s)
    np.testing.assert_allclose(walk_information(posterior, 3)[0], expected, atol=1e-12)
    with pytest.raises(ValueError, match="must be left out"):
        walk_information(posterior, 3, tree=SMALL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tree": None}, "`tree` must be the DecisionTree"),
        ({"draws": np.full((2, 3, 4), 0.5)}, r"`draws` must have shape \(n_galaxies, n_draws, 7\)"),
        ({"draws": np.full((2, 3, 7), 0.9)}, "`draws` of `disc` must sum to 1"),
        ({"concentrations": np.ones((2, 4))}, "`concentrations` must have shape"),
        ({"concentrations": np.zeros((2, 4, 3))}, "`concentrations` must be at least 0.05"),
        ({"n_walks": -1}, "`n_walks` must be whole"),
        ({"n_walks": 5000}, "`n_walks` must be at most 1,000"),
        ({"n_walks": [1, 2, 3]}, "`n_walks` must be one integer or one per galaxy"),
        ({"tolerance": 0}, "`tolerance` must be a number in"),
        ({"random_state": "a"}, "`random_state` must be"),
        ({"n_jobs": 0}, "`n_jobs` must be"),
        ({"votes": [[1, 0, 0, 1, 0, 0, 0]]}, "`votes` must have one row for each of the 2"),
    ],
)
def test_bad_input(change, message):
    given = {"draws": random_draws(SMALL, 2, 4), "n_walks": 3, "tree": SMALL} | change
    with pytest.raises((ValueError, TypeError), match=message):
        walk_information(**given)


def test_bad_questions_and_impossible_votes():
    draws = random_draws(SMALL, 1, 2)
    with pytest.raises(ValueError, match="`question` must be one of disc, odd, arms"):
        question_information(draws, "bar", 3, tree=SMALL)
    draws[..., :3] = [0.5, 0.5, 0]
    with pytest.raises(ValueError, match="possible under one of the draws"):
        information(draws, 3, votes=[[0, 0, 1, 0, 0, 0, 0]])


def test_nobody_and_no_galaxies():
    draws = random_draws(GZ2, 3, 4)
    assert (information(draws, 0, GZ2) == 0).all()
    assert information(draws[:0], 40, GZ2).shape == (0,)
    assert joint_walk_information(draws[:0], 40, tree=GZ2) == (0, 0)
    assert plan_clicks(draws[:0], 40, tree=GZ2)[1].shape == (0, 11)
    many = information(draws, 300, GZ2)  # more than are in memory together
    assert (many > information(draws, 30, GZ2) - 0.1).all()
    one_each = information(draws, [0, 1, 1], GZ2)
    np.testing.assert_allclose(one_each[1:], information(draws, 1, GZ2)[1:])


def test_a_fraction_of_0_after_votes_for_the_other_answer():
    draws, s, votes = np.array([[[0, 1], [0.5, 0.5]]]), np.full((1, 2, 1), 0.2), [[0, 3]]
    found, _ = walk_information(draws, 5, tree=ONE, concentrations=s, votes=votes)
    of_one = BetaBinomial(draws[..., 0], s[..., 0])
    np.testing.assert_allclose(found, value_of_votes(of_one, 5, votes=votes), rtol=1e-6)


def test_small_exact_values_stay_beside_simulated_ones():
    draws = random_draws(SMALL, 2, 20)
    draws[0] = draws[0, :1] + 1e-4 * (draws[0] - draws[0, :1])
    alone, _ = walk_information(draws[:1], 1, tree=SMALL)
    beside, error = walk_information(draws, [1, 40], tree=SMALL)
    assert error[1] > 0
    assert 0 < beside[0] == alone[0] < 1e-5


def test_tiny_concentrations_of_a_posterior():
    """They may be smaller than those that votes can be simulated with."""
    draws = random_draws(ONE, 3, 20)
    of_one = DirichletMultinomial(draws, np.full((3, 20), 0.001))
    posterior = TreePosterior(TreeLikelihood(ONE, {"bar": of_one}))
    told = walk_information(posterior, 10)[0]
    assert (np.isfinite(told) & (told > 0)).all()
