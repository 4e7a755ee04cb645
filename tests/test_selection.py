"""Samples of a stated purity or completeness: the largest, the smallest, and as pure as stated."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skgalaxy import VotePosterior
from skgalaxy.catalogue import select_sample
from skgalaxy.exceptions import EmptySampleWarning
from skgalaxy.likelihoods import BetaBinomial

# few different values, so that many are equal
probabilities = st.lists(st.integers(0, 10), min_size=1, max_size=12).map(
    lambda tenths: np.array(tenths) / 10
)


def posterior_of(p):
    """Return a posterior of these probabilities of ρ > 0.5: so many of ten draws are 1."""
    return VotePosterior((np.arange(10) < 10 * p[:, None] - 0.5).astype(float))


def select(posterior, **goal):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptySampleWarning)
        return select_sample(posterior, **goal)


def cuts(p):
    """All samples above a cut, by brute force, as (rows, purity, completeness)."""
    for cut in np.unique(p):
        inside = p >= cut
        yield set(np.flatnonzero(inside)), p[inside].mean(), p[inside].sum() / (p.sum() or 1)


@pytest.fixture(scope="module")
def sky():
    """Return a posterior of 4000 galaxies, and vote fractions that were drawn from it."""
    rng = np.random.default_rng(0)
    mean = np.clip(rng.beta(0.8, 1.6, (4000, 1)) + 0.08 * rng.normal(size=(4000, 20)), 0, 1)
    concentration = np.exp(rng.normal(2, 1, (4000, 20)))
    posterior = VotePosterior(BetaBinomial(mean, concentration))
    mean, s = np.clip(mean, 1e-9, 1 - 1e-9), concentration
    every = rng.beta(mean * s, (1 - mean) * s)
    return posterior, every[np.arange(4000), rng.integers(20, size=4000)]


@settings(max_examples=200, deadline=None)
@given(p=probabilities, goal=st.integers(1, 20))
def test_largest_of_that_purity(p, goal):
    pure = [found for found in cuts(p) if found[1] >= goal / 20 - 1e-9]
    sample = select(posterior_of(p), purity=goal / 20)
    assert set(sample.rows) == max((rows for rows, _, _ in pure), key=len, default=set())
    assert len(sample.rows) == 0 or sample.purity >= goal / 20 - 1e-9


@settings(max_examples=200, deadline=None)
@given(p=probabilities, goal=st.integers(1, 20))
def test_smallest_of_that_completeness(p, goal):
    complete = [found for found in cuts(p) if found[2] >= goal / 20 - 1e-9]
    sample = select(posterior_of(p), completeness=goal / 20)
    assert set(sample.rows) == min((rows for rows, _, _ in complete), key=len, default=set())


@settings(max_examples=100, deadline=None)
@given(p=probabilities, seed=st.integers(0, 99), goal=st.floats(0.01, 1))
def test_rows_come_best_first_and_from_any_order(p, seed, goal):
    order = np.random.default_rng(seed).permutation(len(p))
    for name in ("purity", "completeness"):
        sample = select(posterior_of(p), **{name: goal})
        np.testing.assert_array_equal(sample.probability, p[sample.rows])
        assert (np.diff(sample.probability) <= 0).all()
        again = select(posterior_of(p[order]), **{name: goal})
        assert set(order[again.rows]) == set(sample.rows)
        np.testing.assert_allclose(again[2:], sample[2:])


@pytest.mark.parametrize("name", ["purity", "completeness"])
def test_samples_are_nested(sky, name):
    """One of higher purity is inside, one of higher completeness around the other."""
    goals = np.linspace(0.05, 1, 20)
    samples = [select(sky[0], **{name: goal}) for goal in goals]
    sizes = [len(sample.rows) for sample in samples]
    assert sizes == sorted(sizes, reverse=name == "purity")
    assert len(set(sizes)) > 10
    longest = max(samples, key=lambda sample: len(sample.rows)).rows
    for sample in samples:
        np.testing.assert_array_equal(sample.rows, longest[: len(sample.rows)])


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("goal", [{"purity": 0.8}, {"purity": 0.95}, {"completeness": 0.7}])
def test_truth_is_as_stated(sky, goal, threshold):
    """Of vote fractions that follow the posterior, within the scatter of so many coins."""
    posterior, rho = sky
    sample = select_sample(posterior, **goal, threshold=threshold)
    is_in_class = rho > threshold
    p = posterior.probability_above(threshold)
    scatter = np.sqrt((sample.probability * (1 - sample.probability)).sum())
    assert abs(is_in_class[sample.rows].sum() - sample.probability.sum()) < 3.5 * scatter
    purity = is_in_class[sample.rows].mean()
    assert abs(purity - sample.purity) < 3.5 * scatter / len(sample.rows)
    completeness = is_in_class[sample.rows].sum() / is_in_class.sum()
    assert abs(completeness - sample.completeness) < 3.5 * np.sqrt((p * (1 - p)).sum()) / p.sum()
    for name, wanted in goal.items():
        assert 0 <= getattr(sample, name) - wanted < 0.01


def test_scatter_of_the_likelihood_counts(sky):
    """Of the draws alone a sample would be called purer than it is."""
    posterior, rho = sky
    draws = select_sample(VotePosterior(posterior.draws), purity=0.95)
    sample = select_sample(posterior, purity=0.95)
    assert (rho > 0.5)[draws.rows].mean() < 0.9 < (rho > 0.5)[sample.rows].mean()


def test_class_by_a_count(sky):
    posterior = sky[0][:50]
    n_votes = np.arange(10, 60)
    sample = select_sample(posterior, purity=0.8, n_votes=n_votes, at_least=8)
    expected = [1 - posterior[row].cdf(n_votes[row])[0, 7] for row in sample.rows]
    np.testing.assert_allclose(sample.probability, expected, atol=1e-12)
    always = select_sample(posterior, purity=0.8, n_votes=40, at_least=1)
    assert len(always.rows) >= len(select_sample(posterior, purity=0.8, n_votes=40, at_least=20)[0])


def test_out_of_fold(sky):
    """Only single galaxies are asked about, so folds do not matter."""
    folds = VotePosterior(sky[0], folds=np.arange(4000) % 5)
    np.testing.assert_array_equal(
        select_sample(folds, purity=0.9).rows, select_sample(sky[0], purity=0.9).rows
    )


def test_empty_samples():
    unsure = VotePosterior([[0.2, 0.8], [0.2, 0.2]])
    with pytest.warns(EmptySampleWarning, match=r"purity=0.9: the most probable of 2 has 0.5\."):
        sample = select_sample(unsure, purity=0.9)
    assert len(sample.rows) == 0
    assert np.isnan(sample.purity)
    assert sample.completeness == 0
    nobody = VotePosterior([[0.2, 0.3]])
    for posterior in (nobody, nobody[:0]):
        for name in ("purity", "completeness"):
            with pytest.warns(EmptySampleWarning, match=f"{name}=0.1"):
                sample = select_sample(posterior, **{name: 0.1})
            assert len(sample.rows) == 0
            assert np.isnan(sample[2:]).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "Got neither"),
        ({"purity": 0.9, "completeness": 0.9}, ValueError, "Got both"),
        ({"purity": 0}, ValueError, r"`purity` must be a number in \(0, 1\]"),
        ({"purity": np.nan}, ValueError, "`purity` must be"),
        ({"completeness": 90}, ValueError, "`completeness` must be"),
        ({"completeness": "0.9"}, TypeError, "`completeness` must be"),
        ({"purity": 0.9, "threshold": 1}, ValueError, r"`threshold` must be a number in \[0, 1\)"),
        ({"purity": 0.9, "threshold": np.nan}, ValueError, "`threshold` must be"),
        ({"purity": 0.9, "n_votes": 40}, ValueError, "both `n_votes` and `at_least`. Got n_votes."),
        (
            {"purity": 0.9, "threshold": 0.5, "n_votes": 40, "at_least": 20},
            ValueError,
            "Got threshold and n_votes and at_least",
        ),
        ({"purity": 0.9, "n_votes": 40, "at_least": 0}, ValueError, "from 1 to `n_votes`. Got 0"),
        ({"purity": 0.9, "n_votes": [40, 9], "at_least": 10}, ValueError, "Got 10 of 9 in row 1"),
        ({"purity": 0.9, "n_votes": [9, 9, 9], "at_least": 1}, ValueError, "one per galaxy"),
        (
            {"purity": 0.9, "n_votes": np.ma.masked_equal([9, 0], 0), "at_least": 1},
            ValueError,
            "masked",
        ),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        select_sample(VotePosterior([[0.2, 0.8], [0.9, 0.9]]), **arguments)


def test_draws_are_no_posterior():
    with pytest.raises(TypeError, match=r"`posterior` must be a VotePosterior\. Got ndarray"):
        select_sample(np.array([[0.2, 0.8]]), purity=0.9)
    with pytest.raises(ValueError, match="`threshold` must be a number in"):
        VotePosterior([[0.2]]).probability_above(1.5)
