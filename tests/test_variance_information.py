"""The laws of information by the variance of vote fractions, and proof that they can fail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad
from scipy.stats import beta

from skgalaxy import TreePosterior, VotePosterior, query
from skgalaxy.acquisition import greedy_information, mutual_information, variance_information
from skgalaxy.likelihoods import (
    BetaBinomial,
    Binomial,
    DirichletMultinomial,
    Multinomial,
    TreeLikelihood,
)
from skgalaxy.votes import DecisionTree

ONE = DecisionTree({"bar": ["yes", "no"]})
THREE = DecisionTree(
    {"disc": ["yes", "no", "star"], "bar": ["yes", "no"]}, asked_after={"bar": ["disc_yes"]}
)
pools = st.tuples(st.integers(1, 4), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(0, 1))
)


def mean_square(density):
    """Variance of a fraction, by quadrature of its density."""
    mean = quad(lambda rho: rho * density(rho), 0, 1, limit=200)[0]
    return quad(lambda rho: (rho - mean) ** 2 * density(rho), 0, 1, limit=200)[0]


# Each law takes the function, a pool of draws and N, and asserts.


def within_its_bounds(information, draws, n):
    scores = information(draws, n)
    assert (scores >= 0).all()
    assert (scores <= np.log1p(n) / 2 + 1e-12).all()


def rises_with_votes(information, draws, n):
    assert (information(draws, n + 1) >= information(draws, n)).all()


def is_nothing_where_networks_agree(information, draws, n):
    same = np.repeat(draws[:, :1], 3, axis=1)
    np.testing.assert_array_equal(information(same, n), 0)


def is_the_same_everywhere(information, draws, n):
    """Networks that differ by as much tell as much, near 0 and in the middle."""
    moved = draws / 2  # in [0, ½], and the same half a unit up
    np.testing.assert_allclose(
        information(moved, n), information(moved + 0.5, n), rtol=1e-6, atol=1e-12
    )


LAWS = [
    within_its_bounds,
    rises_with_votes,
    is_nothing_where_networks_agree,
    is_the_same_everywhere,
]
WRONG = {
    within_its_bounds: lambda draws, n: np.log1p(16 * n * np.var(draws, axis=1)),
    rises_with_votes: lambda draws, n: np.log1p(4 * np.var(draws, axis=1) / (n + 1)),
    is_nothing_where_networks_agree: lambda draws, n: np.log1p(n * np.mean(draws, axis=1)),
    is_the_same_everywhere: mutual_information,
}
SEVERAL = np.array([[0.1, 0.9, 0.4], [0.0, 0.3, 0.2], [0.5, 0.6, 0.9]])


@pytest.mark.parametrize("law", LAWS)
@given(draws=pools, n=st.integers(0, 100))
def test_laws(law, draws, n):
    law(variance_information, draws, n)


@pytest.mark.parametrize("law", LAWS)
def test_a_law_can_fail(law):
    with pytest.raises(AssertionError):
        law(WRONG[law], SEVERAL, 10)


@pytest.mark.parametrize("s", [12.0, 40.0, 200.0])
def test_the_variance_is_that_of_the_posterior(s):
    """The scatter that networks expect counts: of a mixture of beta densities, by quadrature."""
    rho = np.array([[0.3, 0.5, 0.9]])
    density = [beta(mean * s, (1 - mean) * s).pdf for mean in rho[0]]
    variance = mean_square(lambda x: np.mean([of(x) for of in density]))
    found = variance_information(BetaBinomial(rho, np.full((1, 3), s)), 40)
    np.testing.assert_allclose(found, np.log(1 + 4 * 40 * variance) / 2, rtol=1e-5)
    assert found > variance_information(rho, 40)


def test_each_galaxy_has_its_own_number_of_votes():
    scores = variance_information(SEVERAL, [0, 5, 40])
    expected = [variance_information(SEVERAL, n)[row] for row, n in enumerate([0, 5, 40])]
    np.testing.assert_array_equal(scores, expected)
    assert scores[0] == 0
    for bad in (-1, 2.5, [1, 2]):
        with pytest.raises((ValueError, TypeError), match="`n_votes` must be"):
            variance_information(SEVERAL, bad)


@pytest.mark.parametrize("scatters", [False, True])
def test_two_answers_are_yes_and_no(scatters):
    """By themselves, or in a tree that has no other question."""
    yes = np.random.default_rng(0).uniform(size=(5, 7))
    both, s = np.stack([yes, 1 - yes], axis=-1), np.full((5, 7), 6.0)
    bar = DirichletMultinomial(both, s) if scatters else Multinomial(both)
    expected = variance_information(BetaBinomial(yes, s) if scatters else Binomial(yes), 20)
    for likelihood in (bar, TreeLikelihood(ONE, {"bar": bar})):
        np.testing.assert_allclose(variance_information(likelihood, 20), expected, rtol=1e-12)


@pytest.mark.parametrize("n_answers", [2, 3, 6])
def test_sure_of_another_answer_each_is_the_most(n_answers):
    """The bound is reached where each network is sure of another answer, however many there are."""
    posterior = Multinomial(np.eye(n_answers)[None])
    np.testing.assert_allclose(variance_information(posterior, 40), np.log(41) / 2, rtol=1e-12)


def test_little_is_not_nothing():
    tiny = np.array([[0.5 - 1e-5, 0.5 + 1e-5]])
    np.testing.assert_allclose(variance_information(tiny, 1), 2e-10, rtol=1e-3)


def tree_posterior(n_galaxies=4, n_draws=40, seed=0):
    rng = np.random.default_rng(seed)
    questions = {
        question: Multinomial(
            rng.dirichlet(np.ones(len(THREE.answers(question))), (n_galaxies, n_draws))
        )
        for question in THREE.questions
    }
    return TreePosterior(TreeLikelihood(THREE, questions))


def test_questions_of_a_tree_are_added_by_their_votes():
    posterior = tree_posterior()
    draws = posterior.draws
    disc = draws[..., :3].var(axis=1).sum(axis=1) / (2 / 3)  # the noise of an even vote
    bar = draws[..., 3:].var(axis=1).sum(axis=1) / (1 / 2)
    asked = draws[..., 0].mean(axis=1)  # who sees a disc is asked about a bar
    expected = (np.log(1 + 30 * disc) + np.log(1 + 30 * asked * bar)) / 2
    np.testing.assert_allclose(variance_information(posterior, 30), expected, rtol=1e-12)


def test_a_question_that_was_not_learned_adds_nothing():
    posterior = tree_posterior()
    unknown = np.zeros(posterior.draws.shape, dtype=bool)
    unknown[..., 3:] = True
    nothing = TreePosterior(posterior.likelihood._with_nan(unknown))
    expected = variance_information(posterior["disc"], 30)
    np.testing.assert_allclose(variance_information(nothing, 30), expected, rtol=1e-12)
    one = nothing["bar", "yes"]
    assert np.isnan(variance_information(one, 30)).all()  # not 0, as if it were known
    with pytest.raises(ValueError, match=r"one finite number per galaxy.*Got nan"):
        query.joint_variance_sampling(one, None)


def test_below_a_question_that_was_not_learned():
    """Who is asked is not known, so that a third is taken to be, of three answers."""
    posterior = tree_posterior()
    unknown = np.zeros(posterior.draws.shape, dtype=bool)
    unknown[..., :3] = True
    nothing = TreePosterior(posterior.likelihood._with_nan(unknown))
    ratio = posterior.draws[..., 3:].var(axis=1).sum(axis=1) / (1 / 2)
    expected = np.log(1 + 30 / 3 * ratio) / 2
    np.testing.assert_allclose(variance_information(nothing, 30), expected, rtol=1e-12)


def test_strategy_takes_several_answers():
    disc = tree_posterior()["disc"]
    rows, gains = query.joint_variance_sampling(disc, None, 2, n_votes=30)
    own = variance_information(disc, 30)
    assert rows[0] == np.argmax(own)
    np.testing.assert_allclose(gains[0], own.max())
    rows, variance = query.variance_sampling(disc, None, 4)
    np.testing.assert_allclose(variance, (disc.std**2).sum(axis=1)[rows])


def test_strategy_shares_nothing_where_draws_are_equal():
    """Of one question, and of a tree: what networks agree on scatters for each galaxy alone."""
    yes, s = np.full((3, 9), 0.5), np.full((3, 9), 5.0)
    both = DirichletMultinomial(np.stack([yes, 1 - yes], axis=-1), s)
    for whole in (
        VotePosterior(BetaBinomial(yes, s)),
        TreePosterior(TreeLikelihood(ONE, {"bar": both})),
    ):
        _, gains = query.joint_variance_sampling(whole, None, 3)
        np.testing.assert_allclose(gains, variance_information(whole, 40))


def test_strategy_picks_among_candidates():
    draws = np.random.default_rng(3).uniform(size=(40, 60))
    posterior = VotePosterior(draws)
    first = np.argsort(-posterior.std, kind="stable")[:10]
    rows, _ = query.joint_variance_sampling(posterior, None, 1, n_candidates=1)
    assert rows == first[:1]
    rows, _ = query.joint_variance_sampling(posterior[[0] * 15 + [1]], None, 2, random_state=0)
    assert 15 in rows  # among sixteen
    order = [0, 1] if posterior.std[0] > posterior.std[1] else [1, 0]
    twins = posterior[[order[0]] * 20 + [order[1]]]
    rows, _ = query.joint_variance_sampling(twins, None, 2, n_candidates=20, random_state=0)
    assert 20 not in rows  # its variance is the lowest of twenty-one


def test_strategy_is_greedy_by_it():
    draws = np.random.default_rng(1).uniform(0.2, 0.8, size=(30, 50))
    posterior = VotePosterior(BetaBinomial(draws, np.full(draws.shape, 9.0)))
    own = variance_information(posterior, 25)
    expected, gains = greedy_information(posterior, own, 6)
    rows, scores = query.joint_variance_sampling(posterior, None, 6, n_votes=25)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_allclose(scores, gains, rtol=1e-12)
    assert rows[0] == np.argmax(posterior.std)


def test_strategy_asks_where_errors_are_large():
    """Of networks that differ by as much, mutual information prefers the rare answer."""
    posterior = VotePosterior([[0.02, 0.12], [0.44, 0.56]])
    assert query.joint_sampling(posterior, None)[0] == [0]
    assert query.joint_variance_sampling(posterior, None)[0] == [1]


def test_strategy_passes_over_twins():
    draws = np.random.default_rng(2).uniform(size=(3, 50))
    for whole in (VotePosterior(draws[[0, 0, 1, 2]]), tree_posterior(3)[[0, 0, 1, 2]]):
        rows, _ = query.joint_variance_sampling(whole, None, 3, random_state=0)
        assert not {0, 1} <= set(rows.tolist())
