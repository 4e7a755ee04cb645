"""Calibration of posteriors over votes: sums by hand, laws in exact expectation, bad input."""

import pickle
from fractions import Fraction
from itertools import pairwise
from math import log, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom, kstest, sem

from skgalaxy import VotePosterior
from skgalaxy.metrics import (
    coverage_error,
    interval_coverage,
    pit_histogram,
    pit_values,
    reliability_curve,
    sharpness,
    vote_coverage,
    vote_crps,
    vote_log_likelihood,
)

KINDS = ("central", "highest_density")
LEVELS = [Fraction(n, 997) for n in (1, 300, 500, 897, 996)]  # no end of an interval is a cdf's
FRACTIONS = [Fraction(n, 5) for n in range(6)]
WHOLE = [Fraction(n, 2) for n in range(9)]

# A galaxy is (weights of the outcomes 0 ... N, observed k), in whole numbers: all is exact.
weights = st.integers(1, 7).flatmap(
    lambda n: st.lists(st.integers(0, 6), min_size=n + 1, max_size=n + 1).filter(any)
)
galaxy = weights.flatmap(lambda w: st.tuples(st.just(w), st.integers(0, len(w) - 1)))
galaxies = st.lists(galaxy, min_size=1, max_size=5)
possible = galaxies.filter(lambda sky: all(w[k] for w, k in sky))


def arrays(sky):
    """Return counts and pmf as the metrics take them."""
    y = np.array([[k, len(w) - 1] for w, k in sky])
    pmf = np.zeros((len(sky), y[:, 1].max() + 1))
    for row, (w, _) in zip(pmf, sky, strict=True):
        row[: len(w)] = np.array(w) / sum(w)
    return y, pmf


def reflected(sky):
    """Return the same galaxies if every yes were a no."""
    return [(w[::-1], len(w) - 1 - k) for w, k in sky]


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def numbers(values):
    return [float(value) for value in values]


def expectation(metric, truth, forecast=None):
    """Return the exact mean of a metric of one galaxy over votes that follow `truth`."""
    forecast = truth if forecast is None else forecast
    n = len(truth) - 1
    votes = np.flatnonzero(truth)
    return sum(truth[k] * np.asarray(metric([[k, n]], [forecast])) for k in votes)


# The definitions once more, galaxy by galaxy in fractions, nothing shared with the library.


def exact_coverage(sky, width, unit):
    predicted, observed = [], []
    for w, k in sky:
        n, total = len(w) - 1, sum(w)
        centre = Fraction(sum(j * p for j, p in enumerate(w)), total)
        reach = width * (n if unit == "fraction" else 1)
        near = [abs(j - centre) <= reach for j in range(n + 1)]
        predicted.append(Fraction(sum(p for j, p in enumerate(w) if near[j]), total))
        observed.append(int(near[k]))
    return float(mean(predicted)), float(mean(observed))


def exact_overlap(low, high, left, right):
    """Return the share of the step [low, high] that lies between left and right."""
    if low == high:
        return int(left < low < right)
    return max(min(high, right) - max(low, left), 0) / (high - low)


def exact_step(w, k):
    return Fraction(sum(w[:k]), sum(w)), Fraction(sum(w[: k + 1]), sum(w))


def exact_interval(sky, level, kind):
    shares = []
    for w, k in sky:
        if kind == "central":
            low, high = exact_step(w, k)
            shares.append(exact_overlap(low, high, (1 - level) / 2, (1 + level) / 2))
        elif w[k]:
            more = Fraction(sum(p for p in w if p > w[k]), sum(w))
            tied = Fraction(sum(p for p in w if p == w[k]), sum(w))
            shares.append(max(min((level - more) / tied, 1), 0))
        else:
            shares.append(0)
    return float(mean(shares))


def exact_crps(sky):
    """E|X - k| - E|X - X'| / 2: the score's other definition (Gneiting & Raftery 2007, eq. 21)."""
    scores = []
    for w, k in sky:
        p = [Fraction(x, sum(w)) for x in w]
        far = sum(p[i] * abs(i - k) for i in range(len(w)))
        apart = sum(p[i] * p[j] * abs(i - j) for i in range(len(w)) for j in range(len(w)))
        scores.append((far - apart / 2) / (len(w) - 1))
    return float(mean(scores))


def exact_sharpness(sky):
    deviations = []
    for w, _ in sky:
        p = [Fraction(x, sum(w)) for x in w]
        centre = sum(i * x for i, x in enumerate(p))
        variance = sum(x * (i - centre) ** 2 for i, x in enumerate(p))
        deviations.append(sqrt(variance) / (len(w) - 1))
    return mean(deviations)


class TestAgainstFractions:
    @given(galaxies)
    @settings(deadline=None)
    def test_vote_coverage(self, sky):
        for unit, widths in (("fraction", FRACTIONS), ("votes", WHOLE)):
            coverage = vote_coverage(*arrays(sky), numbers(widths), unit=unit)
            expected = np.transpose([exact_coverage(sky, width, unit) for width in widths])
            np.testing.assert_allclose(coverage[1:], expected, atol=1e-12)
            np.testing.assert_array_equal(coverage.half_widths, numbers(widths))

    @given(galaxies)
    @settings(deadline=None)
    def test_interval_coverage(self, sky):
        for kind in KINDS:
            coverage = interval_coverage(*arrays(sky), numbers(LEVELS), kind=kind)
            expected = [exact_interval(sky, level, kind) for level in LEVELS]
            np.testing.assert_allclose(coverage, expected, atol=1e-12)
            assert interval_coverage(*arrays(sky), 500 / 997, kind=kind) == coverage[2]

    @given(possible, st.integers(1, 12))
    @settings(deadline=None)
    def test_pit_histogram(self, sky, n_bins):
        edges = [Fraction(b, n_bins) for b in range(n_bins + 1)]
        heights = [
            n_bins * mean(exact_overlap(*exact_step(w, k), left, right) for w, k in sky)
            for left, right in pairwise(edges)
        ]
        np.testing.assert_allclose(
            pit_histogram(*arrays(sky), n_bins), numbers(heights), atol=1e-12
        )

    @given(galaxies)
    @settings(deadline=None)
    def test_scores_and_sharpness(self, sky):
        y, pmf = arrays(sky)
        assert vote_crps(y, pmf) == pytest.approx(exact_crps(sky), abs=1e-12)
        assert sharpness(pmf, y[:, 1]) == pytest.approx(exact_sharpness(sky), abs=1e-12)
        if all(w[k] for w, k in sky):
            total = sum(log(Fraction(w[k], sum(w))) for w, k in sky)
            expected = total / sum(len(w) - 1 for w, _ in sky)
            assert vote_log_likelihood(y, pmf) == pytest.approx(expected, abs=1e-12)
        else:
            assert vote_log_likelihood(y, pmf) == -np.inf

    @given(galaxies)
    @settings(deadline=None)
    def test_pit_values(self, sky):
        values = pit_values(*arrays(sky), random_state=0)
        steps = np.array([numbers(exact_step(w, k)) for w, k in sky])
        assert (values >= steps[:, 0] - 1e-12).all()
        assert (values <= steps[:, 1] + 1e-12).all()
        uniform = np.random.RandomState(0).uniform(size=len(sky))
        np.testing.assert_allclose(values, steps[:, 0] + uniform * np.ptp(steps, axis=1))


class TestReferenceValues:
    """One galaxy, 30 of 40, under Bin(40, 0.6), by scipy.stats."""

    pmf = binom.pmf(np.arange(41), 40, 0.6)[None]
    y = ((30, 40),)

    def test_coverage(self):
        predicted = binom.cdf(32, 40, 0.6) - binom.cdf(15, 40, 0.6)  # 24 - 8 ... 24 + 8
        assert vote_coverage(self.y, self.pmf, 0.2).predicted == pytest.approx([predicted])
        assert coverage_error(self.y, self.pmf) == pytest.approx(predicted - 1)
        # 30 is 6 from the 24 expected, 0.15 of 40: at the half-width is within
        assert vote_coverage(self.y, self.pmf, [5, 6], unit="votes").observed.tolist() == [0, 1]
        assert coverage_error(self.y, self.pmf, 0.15) < 0 < coverage_error(self.y, self.pmf, 0.149)
        narrow = binom.cdf(29, 40, 0.6) - binom.cdf(18, 40, 0.6)
        assert coverage_error(self.y, self.pmf, 5, unit="votes") == pytest.approx(narrow)

    def test_intervals(self):
        below, mass = binom.cdf(29, 40, 0.6), binom.pmf(30, 40, 0.6)
        share = (0.975 - below) / mass  # the upper end of a central 95 % is within k = 30
        assert 0 < share < 1
        assert interval_coverage(self.y, self.pmf, 0.95) == pytest.approx(share)
        assert interval_coverage(self.y, self.pmf, [0.9, 0.99]).tolist() == [0, 1]

    def test_highest_density(self):
        more = self.pmf[self.pmf > self.pmf[0, 30]].sum()
        share = (0.95 - more) / self.pmf[0, 30]
        assert 0 < share < 1
        found = interval_coverage(self.y, self.pmf, 0.95, kind="highest_density")
        assert found == pytest.approx(share)

    def test_equally_probable_outcomes_share(self):
        for k in range(5):
            args = [[k, 4]], np.full((1, 5), 0.2), [0.1, 0.5, 0.95]
            np.testing.assert_allclose(interval_coverage(*args, kind="highest_density"), args[2])
        nearly = [[0.3, 0.4, 0.3 + 1e-8]]  # but for rounding
        for k in (0, 2):
            share = interval_coverage([[k, 2]], nearly, 0.7, kind="highest_density")
            assert share == pytest.approx(0.5, abs=1e-6)

    def test_scores(self):
        assert vote_log_likelihood(self.y, self.pmf) == pytest.approx(
            binom.logpmf(30, 40, 0.6) / 40
        )
        assert sharpness(self.pmf, 40) == pytest.approx(sqrt(0.6 * 0.4 / 40))
        outcomes = np.arange(41)
        steps = np.abs(outcomes - 30) @ self.pmf[0]
        pairs = self.pmf[0] @ np.abs(outcomes[:, None] - outcomes) @ self.pmf[0]
        assert vote_crps(self.y, self.pmf) == pytest.approx((steps - pairs / 2) / 40)

    def test_sure_of_one_outcome(self):
        """The ranked probability score is then the error; nothing else has a width."""
        sure = np.eye(41)[[24, 10]]
        y = [[30, 40], [10, 40]]
        assert vote_crps(y, sure) == pytest.approx(0.15 / 2)
        assert sharpness(sure, 40) == 0
        assert vote_log_likelihood(y, sure) == -np.inf
        assert vote_log_likelihood(y[1:], sure[1:]) == 0
        assert coverage_error(y, sure, 0) == 0.5
        assert interval_coverage(y, sure) == pytest.approx(0.45)  # 0 and 0.9
        assert pit_histogram(y, sure, 4).tolist() == [0.5, 0.5, 0.5, 2.5]
        assert pit_histogram(y[:1], np.eye(41)[[36]], 4).tolist() == [4, 0, 0, 0]

    def test_intervals_of_unlikely_votes(self):
        """Steps too small for a float's division are in or out as a whole."""
        pmf = np.zeros((1, 5))
        pmf[0, [0, 2, 4]] = 0.5, 5e-324, 0.5
        assert interval_coverage([[2, 4]], pmf, 0.5) == 1  # the middle of the distribution
        assert interval_coverage([[2, 4]], pmf, 0.99, kind="highest_density") == 0
        assert pit_histogram([[2, 4]], pmf, 3).tolist() == [0, 3, 0]


# Laws. Each takes what it judges, so that mistakes can be put in its place.


def covers_its_level(metric, truth):
    np.testing.assert_allclose(
        expectation(lambda y, pmf: metric(y, pmf, [0.1, 0.5, 0.9]), truth), [0.1, 0.5, 0.9]
    )


def no_error_if_right(metric, truth):
    for width in (0, 0.1, 0.2, 0.7):
        assert expectation(lambda y, pmf, w=width: metric(y, pmf, w), truth) == pytest.approx(
            0, abs=1e-12
        )


def flat_if_right(metric, truth):
    np.testing.assert_allclose(expectation(metric, truth), 1)


def proper(metric, truth, other):
    best = expectation(metric, truth)
    assert expectation(metric, truth, other) <= best + 1e-12


distribution = st.integers(1, 12).flatmap(
    lambda n: st.lists(st.floats(0, 1), min_size=n + 1, max_size=n + 1).filter(any)
)


def normal(values):
    return np.array(values) / sum(values)


class TestInExactExpectation:
    """Averaged over votes that follow the posterior, without a random number."""

    @pytest.mark.parametrize("kind", KINDS)
    @given(weights=distribution)
    @settings(deadline=None)
    def test_an_interval_covers_its_level(self, kind, weights):
        covers_its_level(
            lambda y, pmf, levels: interval_coverage(y, pmf, levels, kind=kind), normal(weights)
        )

    @given(weights=distribution)
    @settings(deadline=None)
    def test_coverage_error_is_nothing(self, weights):
        no_error_if_right(coverage_error, normal(weights))

    @given(weights=distribution, n_bins=st.integers(1, 12))
    @settings(deadline=None)
    def test_pit_is_flat(self, weights, n_bins):
        flat_if_right(lambda y, pmf: pit_histogram(y, pmf, n_bins), normal(weights))

    @given(truth=distribution, data=st.data())
    @settings(deadline=None)
    def test_scores_are_proper(self, truth, data):
        other = st.lists(st.floats(1e-3, 1), min_size=len(truth), max_size=len(truth))
        truth, other = normal(truth), normal(data.draw(other))
        proper(lambda y, pmf: -vote_crps(y, pmf), truth, other)
        proper(vote_log_likelihood, truth, other)

    @pytest.mark.parametrize("n", [10, 40, 41])
    @pytest.mark.parametrize("rho", [0.2, 0.5, 0.73])
    def test_too_narrow_and_too_wide(self, rho, n):
        outcomes = np.arange(n + 1)
        narrow, wide = binom.pmf(outcomes, n, rho), betabinom.pmf(outcomes, n, 4 * rho, 4 - 4 * rho)
        assert expectation(coverage_error, wide, narrow) > 0.05
        assert expectation(coverage_error, narrow, wide) < -0.05
        for kind in KINDS:
            cover = lambda y, pmf, kind=kind: interval_coverage(y, pmf, kind=kind)  # noqa: E731
            assert expectation(cover, wide, narrow) < 0.82
            assert expectation(cover, narrow, wide) > 0.93
        u_shaped, humped = (
            expectation(pit_histogram, *pair) for pair in ((wide, narrow), (narrow, wide))
        )
        assert min(u_shaped[[0, -1]]) > 1.3 > 0.9 > u_shaped[4:6].max()
        assert max(humped[[0, -1]]) < 0.7 < 1.1 < humped[3:7].max()
        assert sharpness([narrow], n) < sharpness([wide], n)


def whole_vote_interval(y, pmf, levels):
    """Count k as covered if the smallest central interval of at least the level holds it."""
    cdf = np.cumsum(pmf, axis=1)[0]
    ends = [[(cdf < (1 + sign * level) / 2).argmin() for sign in (-1, 1)] for level in levels]
    return np.array([low <= y[0][0] <= high for low, high in ends], dtype=float)


def floored_centre(y, pmf, width):
    pmf = np.asarray(pmf)
    outcomes = np.arange(pmf.shape[1])
    near = np.abs(outcomes - pmf @ outcomes // 1) <= width * y[0][1] - 1e-3  # ends left out
    return float((pmf * near).sum() - (abs(y[0][0] - pmf @ outcomes) <= width * y[0][1])[0])


def pit_of_the_upper_end(y, pmf):
    upper = np.cumsum(pmf, axis=1)[0, y[0][0]]
    return 10 * np.histogram(upper, bins=10, range=(0, 1 + 1e-9))[0].astype(float)


MISTAKES = {
    "no shares at the ends": (covers_its_level, whole_vote_interval),
    "central for all of the step": (covers_its_level, lambda y, p, levels: np.ones(3)),
    "two centres": (no_error_if_right, floored_centre),
    "PIT without u": (flat_if_right, pit_of_the_upper_end),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_laws_can_fail(name):
    law, mistake = MISTAKES[name]
    with pytest.raises(AssertionError):
        law(mistake, binom.pmf(np.arange(13), 12, 0.37))


def test_impropriety_is_found():
    narrow, wide = binom.pmf(np.arange(13), 12, 0.4), betabinom.pmf(np.arange(13), 12, 2, 3)
    improper = (
        lambda y, pmf: -abs(coverage_error(y, pmf)),  # which is why it is no score
        lambda y, pmf: -sharpness(pmf, 12),
        lambda y, pmf: np.sum(np.asarray(pmf)[0, y[0][0]]),  # the probability itself
        lambda y, pmf: -np.abs(np.cumsum(pmf) - (np.arange(13) >= y[0][0])).sum(),  # no square
    )
    for metric in improper:
        with pytest.raises(AssertionError):
            proper(metric, wide, narrow)


# What must change nothing.

METRICS = {
    "coverage, fraction": lambda y, pmf: vote_coverage(y, pmf, numbers(FRACTIONS))[1:],
    "coverage, votes": lambda y, pmf: vote_coverage(y, pmf, numbers(WHOLE), unit="votes")[1:],
    "coverage error": coverage_error,
    "central": lambda y, pmf: interval_coverage(y, pmf, numbers(LEVELS)),
    "highest density": lambda y, pmf: interval_coverage(y, pmf, numbers(LEVELS), kind=KINDS[1]),
    "PIT histogram": pit_histogram,
    "CRPS": vote_crps,
    "log-likelihood": vote_log_likelihood,
    "sharpness": lambda y, pmf: sharpness(pmf, np.asarray(y)[:, 1]),
}


@pytest.mark.parametrize("name", METRICS)
class TestWhatChangesNothing:
    @given(sky=possible)
    @settings(max_examples=50, deadline=None)
    def test_yes_for_no(self, name, sky):
        found, other = (METRICS[name](*arrays(s)) for s in (sky, reflected(sky)))
        if name == "PIT histogram":
            other = other[::-1]
        np.testing.assert_allclose(found, other, atol=1e-9)

    @given(sky=galaxies, data=st.data())
    @settings(max_examples=50, deadline=None)
    def test_order_padding_and_galaxies_without_votes(self, name, sky, data):
        y, pmf = arrays(sky)
        order = data.draw(st.permutations(range(len(sky))))
        nobody = np.eye(pmf.shape[1])[:1]
        padded = np.pad(np.vstack([pmf[order], nobody]), ((0, 0), (0, 3)))
        again = METRICS[name](np.vstack([y[order], [[0, 0]]]), padded)
        np.testing.assert_allclose(again, METRICS[name](y, pmf), atol=1e-12)

    @given(sky=galaxies)
    @settings(max_examples=50, deadline=None)
    def test_a_mean_over_galaxies(self, name, sky):
        alone = [METRICS[name](*arrays([one])) for one in sky]
        weight = [len(w) - 1 for w, _ in sky] if name == "log-likelihood" else None
        together = METRICS[name](*arrays(sky))
        if np.isfinite(together).all():
            np.testing.assert_allclose(
                together, np.average(alone, axis=0, weights=weight), atol=1e-12
            )

    def test_containers_and_precision(self, name):
        y = np.array([[3, 10], [0, 0], [12, 12]])
        pmf = VotePosterior([[0.2, 0.4], [0.3, 0.3], [0.9, 0.6]]).pmf(y[:, 1])
        found = METRICS[name](y, pmf)
        np.testing.assert_array_equal(METRICS[name](y.tolist(), pmf.tolist()), found)
        np.testing.assert_array_equal(METRICS[name](pd.DataFrame(y), pd.DataFrame(pmf)), found)
        single = METRICS[name](y, pmf.astype(np.float32))
        np.testing.assert_allclose(single, found, atol=1e-5)
        assert isinstance(found, (float, np.ndarray, tuple))


@given(sky=galaxies)
@settings(deadline=None)
def test_coverage_grows_with_the_width_up_to_everything(sky):
    coverage = vote_coverage(*arrays(sky), np.linspace(0, 1, 21))
    for values in coverage[1:]:
        assert (np.diff(values) >= -1e-12).all()
        assert values[-1] == pytest.approx(1)
    for kind in KINDS:
        levels = interval_coverage(*arrays(sky), np.linspace(0.01, 0.99, 21), kind=kind)
        assert (np.diff(levels) >= -1e-12).all()


def test_curves_unpack_and_pickle():
    y, pmf = [[1, 2]], [[0.25, 0.5, 0.25]]
    half_widths, predicted, observed = vote_coverage(y, pmf, 0.2)
    assert (half_widths, predicted, observed) == ([0.2], [0.5], [1])
    assert pickle.loads(pickle.dumps(vote_coverage(y, pmf, 0.2))).predicted == [0.5]
    assert pickle.loads(pickle.dumps(reliability_curve(y, [0.5]))).observed == [0.5]


@pytest.fixture(scope="module")
def sky():
    """Return votes of galaxies of unequal N, their beta-binomials, binomials and mean ρ."""
    rng = np.random.default_rng(0)
    rho, n = rng.beta(1, 2, 4000), rng.integers(0, 50, 4000)
    outcomes = np.arange(50)
    pmf = betabinom.pmf(outcomes, n[:, None], 8 * rho[:, None], 8 - 8 * rho[:, None])
    y = np.column_stack([rng.binomial(n, rng.beta(8 * rho, 8 - 8 * rho)), n])
    return y, pmf, binom.pmf(outcomes, n[:, None], rho[:, None]), rho


class TestManyGalaxies:
    def test_the_right_posterior_is_calibrated(self, sky):
        y, pmf, *_ = sky
        values = pit_values(y, pmf, random_state=1)
        assert len(values) == (y[:, 1] > 0).sum() < 4000
        assert kstest(values, "uniform").pvalue > 0.01
        np.testing.assert_allclose(pit_histogram(y, pmf), 1, atol=0.15)
        np.testing.assert_allclose(np.histogram(values, 10, (0, 1), density=True)[0], 1, atol=0.2)
        assert abs(coverage_error(y, pmf)) < 0.02
        for kind in KINDS:
            assert interval_coverage(y, pmf, kind=kind) == pytest.approx(0.9, abs=0.015)

    def test_the_binomial_is_over_confident_and_scores_less(self, sky):
        y, pmf, narrow, _ = sky
        assert coverage_error(y, narrow) > 0.1
        assert interval_coverage(y, narrow) < 0.75
        assert pit_histogram(y, narrow)[[0, -1]].min() > 1.5
        assert vote_crps(y, pmf) < vote_crps(y, narrow)
        assert vote_log_likelihood(y, pmf) > vote_log_likelihood(y, narrow)
        assert sharpness(narrow, y[:, 1]) < sharpness(pmf, y[:, 1])

    def test_seeds(self, sky):
        y, pmf, *_ = sky
        first, again = (pit_values(y, pmf, random_state=3) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert (first != pit_values(y, pmf, random_state=np.random.RandomState(4))).any()

    def test_reliable_predictions(self, sky):
        y, _, _, rho = sky
        curve = reliability_curve(y, rho)
        pull = (curve.observed - curve.predicted) / curve.standard_error
        assert np.abs(pull).max() < 3
        assert 0.4 < np.sqrt(np.mean(pull**2)) < 1.6
        shrunk = reliability_curve(y, 0.25 + 0.5 * rho)
        pull = (shrunk.observed - shrunk.predicted) / shrunk.standard_error
        assert pull[0] < -5 < 5 < pull[-1]

    def test_agrees_with_the_posterior(self, sky):
        """The metrics of `VotePosterior.pmf` and its own methods tell the same."""
        y, *_ = sky
        posterior = VotePosterior(np.random.default_rng(2).beta(1, 2, (len(y), 7)))
        pmf = posterior.pmf(y[:, 1])
        log_prob = posterior.log_prob(y[:, 0], y[:, 1])
        assert vote_log_likelihood(y, pmf) == pytest.approx(log_prob.sum() / y[:, 1].sum())
        asked = y[:, 1] > 0
        low, high = posterior[asked].interval(0.8, y[asked, 1])
        whole = np.mean((low <= y[asked, 0]) & (y[asked, 0] <= high))
        ends = np.mean((low < y[asked, 0]) & (y[asked, 0] < high))
        assert ends < interval_coverage(y, pmf, 0.8) < whole


class TestReliability:
    y = np.array([[1, 10], [3, 20], [6, 10], [8, 40], [0, 0], [5, 5]])
    rho = np.array([0.2, 0.3, 0.8, 0.9, 0.5, 0.95])

    def test_by_hand(self):
        curve = reliability_curve(self.y, self.rho, n_bins=2)  # the median of the asked is 0.8
        np.testing.assert_array_equal(curve.n_galaxies, [3, 2])
        np.testing.assert_allclose(curve.predicted, [16 / 40, 40.75 / 45])
        np.testing.assert_allclose(curve.observed, [10 / 40, 13 / 45])
        # k - N ρ is -1, -3, -2, so -6 of 40 votes; less N times that -0.15: 0.5, 0, -0.5
        assert curve.standard_error[0] == pytest.approx(sqrt(0.5 * 3 / 2) / 40)

    def test_equal_numbers_of_votes(self):
        """Then the standard error is that of a mean, and predicted a plain mean."""
        rng = np.random.default_rng(0)
        rho = rng.uniform(size=50)
        y = np.column_stack([rng.binomial(20, rng.beta(4 * rho, 4 - 4 * rho)), np.full(50, 20)])
        curve = reliability_curve(y, rho, n_bins=1)
        assert curve.standard_error == pytest.approx([sem(y[:, 0] / 20 - rho)])
        assert curve.predicted == pytest.approx([rho.mean()])
        only_binomial = sqrt(np.sum(20 * rho * (1 - rho))) / 1000
        assert curve.standard_error > 1.5 * only_binomial

    def test_strategies(self):
        y, rho = np.tile([1, 2], (100, 1)), np.linspace(0, 1, 100) ** 3
        assert (reliability_curve(y, rho).n_galaxies == 10).all()
        uniform = reliability_curve(y, rho, strategy="uniform", n_bins=4)
        assert uniform.n_galaxies.tolist() == np.histogram(rho, 4, (0, 1))[0].tolist()
        assert (np.diff(uniform.predicted) > 0).all()

    def test_bins_without_galaxies_are_left_out(self):
        same = reliability_curve([[1, 2]] * 5, [0.3] * 5, n_bins=4)
        assert same.n_galaxies.tolist() == [5]
        uniform = reliability_curve([[1, 2], [2, 2]], [0, 1], strategy="uniform")
        assert uniform.predicted.tolist() == [0, 1]
        assert np.isnan(uniform.standard_error).all()

    @given(st.permutations(range(6)))
    @settings(max_examples=20)
    def test_order_changes_nothing(self, order):
        found, again = (
            reliability_curve(self.y[rows], self.rho[rows], n_bins=2)
            for rows in (slice(None), np.array(order))
        )
        np.testing.assert_allclose(found, again)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"y_pred": [0.1]}, r"`y_pred` must have shape \(6,\).* Got shape \(1,\)"),
            ({"y_pred": [[0.1, 0.2]] * 6}, r"Got shape \(6, 2\)"),
            ({"y_pred": [0.1] * 5 + [1.1]}, r"in \[0, 1\]. Got 1.1 in row 5"),
            ({"y_pred": [np.nan] + [0.1] * 5}, "Got nan in row 0"),
            ({"y_pred": ["a"] * 6}, "`y_pred` must hold real numbers"),
            ({"y_true": [0.1] * 6}, r"`y_true` must be counts \[k, N\]"),
            ({"y_true": [[0, 0]] * 6}, "at least one vote. Got N = 0 for all 6 galaxies"),
            ({"n_bins": 0}, "`n_bins` must be an integer >= 1"),
            ({"strategy": "kmeans"}, "`strategy` must be one of 'quantile', 'uniform'"),
        ],
    )
    def test_bad_input(self, change, message):
        given = {"y_true": self.y, "y_pred": self.rho, **change}
        with pytest.raises(ValueError, match=message):
            reliability_curve(**given)


GOOD = [[1, 2], [0, 1]], [[0.25, 0.5, 0.25], [0.5, 0.5, 0]]


def with_row(row):
    return [GOOD[1][0], row]


class TestBadInput:
    @pytest.mark.parametrize("name", METRICS)
    @pytest.mark.parametrize(
        ("y", "pmf", "message"),
        [
            ([[1, 2], [0, 3]], GOOD[1], r"outcome 0 ... N of every galaxy, shape \(2, 4\)"),
            (GOOD[0], GOOD[1][0], r"Got shape \(3,\)"),
            (GOOD[0], 0.5, r"Got shape \(\)"),
            (GOOD[0], None, "`pmf` must"),
            (GOOD[0], with_row([0.5, 0.5]), "unequal length"),
            (GOOD[0], [["a", "b", "c"]] * 2, "`pmf` must hold real numbers"),
            (GOOD[0], with_row([1.5, -0.5, 0]), "finite and >= 0. Got -0.5 in row 1"),
            (GOOD[0], with_row([np.nan, 1, 0]), "finite and >= 0. Got nan in row 1"),
            (GOOD[0], with_row([np.inf, 1, 0]), "finite and >= 0. Got inf in row 1"),
            (GOOD[0], with_row([0.5, 0.4, 0]), "sum to 1 .* Got 0.9 in row 1"),
            (GOOD[0], with_row([0, 0, 0]), "sum to 1 .* Got 0 in row 1"),
            (GOOD[0], with_row([0.5, 0.49999, 0]), "Got 0.99999 in row 1"),
            (GOOD[0], GOOD[1][:1] * 2, "Got 0.25 beyond N=1 in row 1; pass"),
            ([[0, 0], [0, 0]], [[1, 0, 0]] * 2, "at least one vote. Got N = 0 for all 2 galaxies"),
        ],
    )
    def test_pmf(self, name, y, pmf, message):
        with pytest.raises(ValueError, match=message):
            METRICS[name](y, pmf)

    @pytest.mark.parametrize("name", sorted(set(METRICS) - {"sharpness"}))
    @pytest.mark.parametrize(
        ("y", "message"),
        [
            ([[3, 2], [0, 1]], r"k must not exceed .* in row 0; the order is \[k, N\]"),
            ([[-1, 2], [0, 1]], "whole numbers >= 0. Got -1 in row 0"),
            ([[0.5, 2], [0, 1]], "whole numbers >= 0. Got 0.5 in row 0"),
            ([[np.nan, 2], [0, 1]], "Got NaN in row 0; mask it"),
            ([["a", "b"]] * 2, "must hold real numbers"),
            ([0.5, 0.5], r"counts \[k, N\] .* because fractions do not tell N. Got shape \(2,\)"),
            ([[1, 2, 3]] * 2, r"Got shape \(2, 3\)"),
            (None, r"`y_true` must hold real numbers. Got None"),
            ([[1, 2]], r"shape \(1, 3\). Got shape \(2, 3\); pass `posterior.pmf"),
            (np.zeros((0, 2)), r"shape \(0, 1\)"),
        ],
    )
    def test_counts(self, name, y, message):
        with pytest.raises(ValueError, match=message):
            METRICS[name](y, GOOD[1])

    def test_n_votes_of_sharpness(self):
        with pytest.raises(ValueError, match=r"`n_votes` must be whole numbers >= 0. Got 1.5"):
            sharpness(GOOD[1], 1.5)
        with pytest.raises(ValueError, match=r"`n_votes` must be one integer or one per galaxy"):
            sharpness(GOOD[1], [2, 1, 1])
        with pytest.raises(ValueError, match=r"`n_votes` must hold at least one vote"):
            sharpness([[1.0]], 0)

    def test_tolerance(self):
        """What float32 does to a distribution is forgiven; so is dust beyond N."""
        assert vote_crps(GOOD[0], with_row([0.5, 0.5 - 9e-7, 0])) > 0
        assert vote_crps(GOOD[0], with_row([0.5, 0.5, 1e-9])) > 0

    @pytest.mark.parametrize(
        ("metric", "options", "message"),
        [
            (interval_coverage, {"levels": 0}, r"`levels` must be .* \(0, 1\) .* Got 0"),
            (interval_coverage, {"levels": 1}, "Got 1"),
            (interval_coverage, {"levels": [0.5, 90]}, "Got 90"),
            (interval_coverage, {"levels": np.nan}, "Got nan"),
            (interval_coverage, {"levels": [[0.5]]}, r"Got shape \(1, 1\)"),
            (interval_coverage, {"levels": "wide"}, "`levels` must hold real numbers"),
            (interval_coverage, {"kind": "equal"}, "'central', 'highest_density'. Got 'equal'"),
            (vote_coverage, {"half_widths": -0.1}, "`half_widths` must be .* Got -0.1"),
            (vote_coverage, {"half_widths": [0.1, np.inf]}, "Got inf"),
            (vote_coverage, {"half_widths": [[0.1]]}, r"Got shape \(1, 1\)"),
            (vote_coverage, {"half_widths": 0.1, "unit": "vote"}, "'fraction', 'votes'"),
            (coverage_error, {"half_width": -1}, "must be a number >= 0"),
            (coverage_error, {"half_width": [0.1, 0.2]}, "`vote_coverage` takes several"),
            (coverage_error, {"unit": None}, "'fraction', 'votes'. Got None"),
            (pit_histogram, {"n_bins": 0}, "`n_bins` must be an integer >= 1"),
        ],
    )
    def test_options(self, metric, options, message):
        with pytest.raises(ValueError, match=message):
            metric(*GOOD, **options)

    def test_wrong_kinds(self):
        with pytest.raises(TypeError, match="`n_bins` must be an integer"):
            pit_histogram(*GOOD, n_bins=2.5)
        with pytest.raises(ValueError, match="`random_state` must be"):
            pit_values(*GOOD, random_state="seed")


@pytest.fixture
def decals(shared_data):
    """Return k of the 40 who were asked *featured*, of real galaxies in no order."""
    table = pd.read_csv(shared_data / "vote_tables" / "gz_decals_votes.csv")
    votes = table["featured"][table["total_votes"] == 40].to_numpy()
    return np.random.default_rng(0).permutation(votes)


class TestOnGalaxyZoo:
    def test_the_population_is_calibrated_and_one_fraction_is_not(self, decals):
        """How other galaxies were judged, and nothing else, is known: as wide as votes differ."""
        train, test = np.array_split(decals, 2)
        y = np.column_stack([test, np.full(len(test), 40)])
        counts = np.bincount(train, minlength=41) + 0.5
        population = np.tile(counts / counts.sum(), (len(y), 1))
        for kind in KINDS:
            covered = interval_coverage(y, population, [0.5, 0.9], kind=kind)
            np.testing.assert_allclose(covered, [0.5, 0.9], atol=0.03)
        assert abs(coverage_error(y, population)) < 0.03
        np.testing.assert_allclose(pit_histogram(y, population), 1, atol=0.2)
        assert sharpness(population, 40) == pytest.approx(np.std(test / 40), rel=0.03)
        one = VotePosterior(np.full((len(y), 1), train.mean() / 40)).pmf(40)
        assert coverage_error(y, one) > 0.5
        assert interval_coverage(y, one) < 0.3
        assert pit_histogram(y, one)[[0, -1]].min() > 3
        assert vote_log_likelihood(y, one) < vote_log_likelihood(y, population)
        assert vote_crps(y, one) > vote_crps(y, population)

    def test_votes_that_know_themselves(self, decals):
        """The posterior after the votes themselves, judged by those votes: too wide."""
        y = np.column_stack([decals, np.full(len(decals), 40)])
        own = betabinom.pmf(np.arange(41), 40, decals[:, None] + 1, 41 - decals[:, None])
        assert coverage_error(y, own) < 0
        assert interval_coverage(y, own) > 0.97
