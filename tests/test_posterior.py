"""What `VotePosterior` promises."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from skgalaxy import VotePosterior
from skgalaxy.acquisition import mutual_information
from skgalaxy.likelihoods import BetaBinomial, Binomial


@pytest.fixture(scope="module")
def posterior():
    return VotePosterior(np.random.default_rng(0).beta(2, 3, (30, 15)))


def test_moments_are_those_of_the_draws(posterior):
    np.testing.assert_allclose(posterior.mean, np.mean(posterior.draws, axis=1))
    np.testing.assert_allclose(posterior.std, np.std(posterior.draws, axis=1))


def test_pmf_is_the_mean_of_binomials(posterior):
    pmf = posterior.pmf(40)
    assert pmf.shape == (30, 41)
    expected = binom.pmf(np.arange(41), 40, posterior.draws[3][:, None]).mean(axis=0)
    np.testing.assert_allclose(pmf[3], expected, atol=1e-12)
    np.testing.assert_allclose(posterior.cdf(40), pmf.cumsum(axis=1), atol=1e-12)


def test_votes_per_galaxy_pad_with_zero(posterior):
    n_votes = np.arange(30)
    pmf = posterior.pmf(n_votes)
    assert pmf.shape == (30, 30)
    assert (pmf[np.arange(30) > n_votes[:, None]] == 0).all()
    np.testing.assert_allclose(pmf.sum(axis=1), 1)
    np.testing.assert_allclose(pmf[7, :8], posterior[7].pmf(7)[0])


def test_log_prob_is_the_log_of_pmf(posterior):
    votes = np.arange(30)
    expected = np.log(posterior.pmf(40)[np.arange(30), votes])
    np.testing.assert_allclose(posterior.log_prob(votes, 40), expected, rtol=1e-9)
    assert (posterior.log_prob(0, 0) == 0).all()


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_interval_holds_its_level(posterior, level):
    low, high = posterior.interval(level, n_votes=40)
    pmf, k = posterior.pmf(40), np.arange(41)
    inside = np.where((k >= low[:, None]) & (k <= high[:, None]), pmf, 0).sum(axis=1)
    assert (inside >= level - 1e-9).all()
    for end in (low, high):  # central: each tail holds no more than its half
        assert end.dtype.kind == "i"
    below = np.where(k < low[:, None], pmf, 0).sum(axis=1)
    above = np.where(k > high[:, None], pmf, 0).sum(axis=1)
    assert (np.maximum(below, above) <= (1 - level) / 2 + 1e-9).all()
    rho_low, rho_high = posterior.interval(level)
    np.testing.assert_allclose(rho_low, np.quantile(posterior.draws, (1 - level) / 2, axis=1))
    assert (rho_low < rho_high).all()


def test_interval_at_certainty():
    low, high = VotePosterior([[0.0], [1.0]]).interval(0.99, n_votes=[5, 7])
    assert low.tolist() == high.tolist() == [0, 7]


def test_sample_recovers_pmf():
    posterior = VotePosterior([[0.1, 0.9], [0.5, 0.5]])
    rng = np.random.RandomState(0)
    votes = np.stack([posterior.sample(4, rng) for _ in range(4000)])
    for galaxy in range(2):
        found = np.bincount(votes[:, galaxy], minlength=5) / 4000
        np.testing.assert_allclose(found, posterior.pmf(4)[galaxy], atol=0.03)


def test_sample_is_joint():
    """One network answers for all galaxies: two galaxies of the same draws agree."""
    posterior = VotePosterior([[0.0, 1.0], [0.0, 1.0]])
    rng = np.random.RandomState(1)
    votes = np.stack([posterior.sample(9, rng) for _ in range(50)])
    assert (votes[:, 0] == votes[:, 1]).all()
    assert set(votes[:, 0]) == {0, 9}


def test_array_like_over_galaxies(posterior):
    assert len(posterior) == 30
    assert len(posterior[3:7]) == 4
    np.testing.assert_array_equal(posterior[-1].draws, posterior.draws[-1:])
    np.testing.assert_array_equal(posterior[[4, 2]].mean, posterior.mean[[4, 2]])
    for masked in (np.ma.array([4, 2], mask=[True, False]), pd.array([True, None] * 5)):
        with pytest.raises(ValueError, match="`rows` must have no masked value"):
            posterior[masked]
    np.testing.assert_array_equal(posterior[posterior.mean > 0.4].draws.min() >= 0, True)
    whole = VotePosterior.concatenate([posterior[:10], posterior[10:]])
    np.testing.assert_array_equal(whole.draws, posterior.draws)
    assert len(list(posterior)) == 30


def test_draws_are_read_only(posterior):
    with pytest.raises(ValueError, match="read-only"):
        posterior.draws[0, 0] = 0.5


def test_a_callers_array_stays_writable():
    draws = np.array([[0.5]])
    VotePosterior(draws)
    draws[0, 0] = 0.25


def test_to_frame(posterior):
    names = [f"galaxy {i}" for i in range(30)]
    frame = posterior.to_frame(20, index=names)
    assert frame.columns.tolist() == ["mean", "std", "q05", "q95", "mutual_information"]
    assert frame.index.tolist() == names
    expected = mutual_information(posterior.draws, 20)
    np.testing.assert_array_equal(frame["mutual_information"], expected)
    assert "q02.5" in posterior.to_frame(20, level=0.95).columns


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: VotePosterior([[-0.1]]), r"`draws` must be vote fractions"),
        (lambda p: VotePosterior.concatenate([]), "at least one VotePosterior. Got an empty"),
        (
            lambda p: VotePosterior.concatenate([p, VotePosterior(BetaBinomial(p.draws, 5))]),
            "`posteriors` must be of one likelihood. Got BetaBinomial and Binomial",
        ),
        (
            lambda p: VotePosterior.combine([p, VotePosterior([[0.1]])]),
            r"same number of galaxies. Got numbers \[1, 30\]",
        ),
        (lambda p: VotePosterior.concatenate([p, VotePosterior([[0.1]])]), r"Got.*\[1, 15\]"),
        (lambda p: p.interval(1.0), r"`level` must be a number in \(0, 1\). Got 1.0"),
        (lambda p: p.log_prob(5, 4), r"k must not exceed the votes cast N. Got k=5 of N=4"),
        (lambda p: p.log_prob(-1, 4), "`votes` must be whole numbers >= 0. Got -1"),
        (lambda p: p.log_prob([1, 2], 4), r"`votes` must be one integer or one per galaxy"),
        (lambda p: p.pmf(1e40), r"`n_votes` must be whole numbers of at most 2\*\*53.* Got 1e\+40"),
        (lambda p: p.pmf(np.inf), "`n_votes` must be whole numbers >= 0. Got inf"),
    ],
)
def test_bad_input(posterior, call, message):
    with pytest.raises(ValueError, match=message):
        call(posterior)


@pytest.mark.parametrize("draws", [[[0.2, 0.7]], BetaBinomial([[0.2, 0.7]], [[5.0, 7.0]])])
def test_pickles(draws):
    posterior = VotePosterior(draws)
    loaded = pickle.loads(pickle.dumps(posterior))
    np.testing.assert_array_equal(loaded.pmf(7), posterior.pmf(7))


def test_draws_as_galaxies():
    likelihood = BetaBinomial([[0.2, 0.7], [0.4, 0.5], [0.1, 0.3]], [[5.0, 7.0]] * 3)
    assert len(VotePosterior(likelihood.transpose())) == 2
    alone = VotePosterior(likelihood[0].transpose())
    expected = VotePosterior(BetaBinomial([[0.7]], 7)).pmf(9)
    np.testing.assert_allclose(alone[1].pmf(9), expected)


def test_draws_of_other_networks_side_by_side():
    plain, wide = Binomial([[0.2], [0.4]]), BetaBinomial([[0.7], [0.5]], 3)
    both = VotePosterior.combine([VotePosterior(plain), VotePosterior(wide)])
    np.testing.assert_array_equal(both.draws, [[0.2, 0.7], [0.4, 0.5]])
    mean = (plain.mixture_pmf(12) + wide.mixture_pmf(12)) / 2
    np.testing.assert_allclose(both.pmf(12), mean, atol=1e-12)
