"""Displays of calibration draw the numbers of the metrics: artists' data, not pixels, compared."""

import sys

import numpy as np
import pytest
from scipy.stats import binom

from skgalaxy import VotePosterior
from skgalaxy.likelihoods import BetaBinomial
from skgalaxy.metrics import coverage_error, pit_histogram, reliability_curve, vote_coverage
from skgalaxy.plotting import CoverageDisplay, PITDisplay, ReliabilityDisplay

matplotlib = pytest.importorskip("matplotlib")

DISPLAYS = [CoverageDisplay, PITDisplay, ReliabilityDisplay]
Y = np.array([[2, 40], [20, 40], [0, 0], [9, 10], [5, 20]])
SURE = [[0.5], [0.5], [0.5], [0.8], [0.3]]
VAGUE = [[0.1, 0.9], [0.5, 0.5], [0.1, 0.2], [0.6, 1.0], [0.0, 0.6]]
BOTH = {"sure": SURE, "vague": VAGUE}
WIDTHS = [0.0, 0.1, 0.2, 0.3]

pytestmark = pytest.mark.usefixtures("pyplot")


class Model:
    """A fitted estimator as displays see one."""

    def __init__(self, draws):
        self.draws = draws
        self.calls = 0

    def predict_posterior(self, X):
        self.calls += 1
        return VotePosterior(self.draws)


def coverage_by_hand(draws, half_width, in_votes=False):
    """Return predicted and observed coverage, one galaxy and outcome at a time."""
    predicted, observed = [], []
    for (k, n), rho in zip(Y, draws, strict=True):
        if n > 0:
            reach = 1e-6 + (half_width if in_votes else half_width * n)
            expected = n * np.mean(rho)
            near = [m for m in range(n + 1) if abs(m - expected) <= reach]
            predicted.append(np.mean([binom.pmf(near, n, one).sum() for one in rho]))
            observed.append(abs(k - expected) <= reach)
    return np.mean(predicted), np.mean(observed)


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


# CoverageDisplay


def test_coverage_lines_are_the_coverage():
    display = CoverageDisplay.from_predictions(Y, BOTH, half_widths=WIDTHS)
    assert display.axes_.shape == (2,)
    assert display.figure_ is display.axes_[0].figure
    for panel, (name, draws) in zip(display.axes_, BOTH.items(), strict=True):
        predicted, observed = np.transpose([coverage_by_hand(draws, width) for width in WIDTHS])
        for lines, expected in (
            (display.predicted_lines_, predicted),
            (display.observed_lines_, observed),
        ):
            assert lines[name].axes is panel
            np.testing.assert_array_equal(lines[name].get_xdata(), WIDTHS)
            np.testing.assert_allclose(lines[name].get_ydata(), expected)
        assert panel.get_title() == name
        assert panel.get_xlabel() == "half-width of the interval (vote fraction)"


def test_coverage_error_is_marked_and_written_in():
    display = CoverageDisplay.from_predictions(Y, BOTH, half_widths=WIDTHS)
    for name, draws in BOTH.items():
        predicted, observed = coverage_by_hand(draws, 0.2)
        np.testing.assert_allclose(display.errors_[name], predicted - observed)
        mark = display.error_lines_[name]
        np.testing.assert_array_equal(mark.get_xdata(), [0.2, 0.2])
        np.testing.assert_allclose(mark.get_ydata(), [observed, predicted])
        pmf = VotePosterior(draws).pmf(Y[:, 1])
        np.testing.assert_allclose(display.errors_[name], coverage_error(Y, pmf, 0.2))
    legend = display.legends_["sure"]
    assert legend.get_title().get_text() == "within ±0.2"
    # mean of 0.9936, 0.9936, 0.9672, 0.9752 (binomials within 8, 8, 2, 4 votes); 3 of 4 are there;
    # Agresti & Coull: (3 + 2) / (4 + 4) = 0.625, sqrt(0.625 * 0.375 / 8) = 0.171
    said = 100 * coverage_by_hand(SURE, 0.2)[0]
    gap = said - 75
    assert texts(legend) == [
        f"predicted {said:.1f} %",
        "observed 75.0 %",
        f"off by {gap:.1f} ± 17.1 %",
    ]


@pytest.mark.parametrize(
    ("said", "seen", "text"),
    [
        # 100 galaxies: (90 + 2) / 104 = 0.8846, sqrt(0.8846 * 0.1154 / 104) = 0.0313
        (0.99, 0.90, "too sure by 9.0 ± 3.1 %"),
        (0.75, 0.90, "too wide by 15.0 ± 3.1 %"),
        (0.95, 0.90, "off by 5.0 ± 3.1 %"),
        # a share of one is uncertain, too: 102 / 104, sqrt(0.9808 * 0.0192 / 104) = 0.0135
        (1.00, 1.00, "off by 0.0 ± 1.3 %"),
    ],
)
def test_what_is_beyond_chance_is_called_by_its_name(said, seen, text):
    display = CoverageDisplay(([0.1, 0.2], [0.5, said], [0.5, seen]), n_galaxies=100).plot()
    assert texts(display.legends_["posterior"])[2] == text


def test_gap_is_shaded_by_what_it_is():
    curve = ([0.0, 0.1, 0.2], [0.1, 0.6, 0.7], [0.1, 0.4, 0.9])
    too_sure, too_wide = CoverageDisplay(curve, n_galaxies=9).plot().gaps_["posterior"]
    # the curves cross at 0.15, in the middle of the last interval
    sure, wide = (gap.get_paths()[0].vertices for gap in (too_sure, too_wide))
    assert sure[:, 0].max() == pytest.approx(0.15)
    assert wide[:, 0].min() == pytest.approx(0.15)
    assert {0.6, 0.4} <= set(sure[:, 1])
    assert {0.7, 0.9} <= set(wide[:, 1])
    assert not np.array_equal(too_sure.get_facecolor(), too_wide.get_facecolor())


def test_coverage_in_votes():
    display = CoverageDisplay.from_predictions(Y, SURE, unit="votes")
    line = display.predicted_lines_["posterior"]
    np.testing.assert_array_equal(line.get_xdata(), np.arange(21))  # to half of the most votes
    expected = [coverage_by_hand(SURE, votes, in_votes=True)[0] for votes in range(21)]
    np.testing.assert_allclose(line.get_ydata(), expected)
    assert display.legends_["posterior"].get_title().get_text() == "within ±5 votes"
    assert display.axes_[0].get_xlabel() == "half-width of the interval (votes)"
    display.plot(half_width=3.2)
    assert display.legends_["posterior"].get_title().get_text() == "within ±3 votes"


def test_default_half_widths_hold_the_published_one():
    display = CoverageDisplay.from_predictions(Y, SURE)
    half_widths = display.coverage["posterior"][0]
    assert 0.2 in half_widths
    assert (half_widths[0], half_widths[-1]) == (0, 0.5)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"coverage": {}}, ValueError, "`coverage` must hold at least one by name"),
        ({"coverage": [0.1, 0.2]}, TypeError, "returns them. Got list of length 2 for 'po"),
        ({"coverage": {"a": 3}}, TypeError, "Got int for 'a'"),
        ({"coverage": ([0.2, 0.1], [1, 1], [1, 1])}, ValueError, "must increase from 0 or more"),
        ({"coverage": ([-0.1, 0.1], [1, 1], [1, 1])}, ValueError, "must increase from 0 or more"),
        ({"coverage": ([], [], [])}, ValueError, "must increase from 0 or more. Got .. for"),
        ({"coverage": ([0.1], [1, 1], [1])}, ValueError, "Got 1, 2 and 1 for 'posterior'"),
        ({"coverage": ([0.1], [1.2], [1])}, ValueError, r"`predicted` must lie in .* Got 1.2"),
        ({"coverage": ([0.1], [1], [-0.1])}, ValueError, r"`observed` must lie in .* Got -0.1"),
        ({"coverage": ([0.1], [np.nan], [1])}, ValueError, "`predicted` must be finite"),
        ({"n_galaxies": 0}, ValueError, "`n_galaxies` must be an integer >= 1"),
        ({"n_galaxies": 2.5}, TypeError, "`n_galaxies` must be an integer >= 1"),
        ({"unit": "percent"}, ValueError, "`unit` must be one of 'fraction', 'votes'"),
    ],
)
def test_coverage_refuses(changed, error, message):
    arguments = {"coverage": ([0.1, 0.2], [0.5, 0.9], [0.4, 0.8]), "n_galaxies": 10}
    with pytest.raises(error, match=message):
        CoverageDisplay(**arguments | changed)


def test_rounding_beyond_one_is_no_fault():
    display = CoverageDisplay(([0.1], [1 + 1e-12], [1.0]), n_galaxies=3)
    assert display.coverage["posterior"][1] == 1


def test_coverage_plot_refuses():
    display = CoverageDisplay(([0.1, 0.2], [0.5, 0.9], [0.4, 0.8]), n_galaxies=10)
    with pytest.raises(ValueError, match="`half_width` must be a number in"):
        display.plot(half_width=-0.1)
    with pytest.raises(ValueError, match="`unit` must be one of"):
        CoverageDisplay.from_predictions(Y, SURE, unit="percent")
    with pytest.raises(ValueError, match="`half_widths` must increase"):
        CoverageDisplay.from_predictions(Y, SURE, half_widths=[0.2, 0.1])


# PITDisplay


def test_histograms_are_those_of_the_metric():
    display = PITDisplay.from_predictions(Y, BOTH, n_bins=4)
    for panel, (name, draws) in zip(display.axes_, BOTH.items(), strict=True):
        values, edges, baseline = display.histograms_[name].get_data()
        expected = pit_histogram(Y, VotePosterior(draws).pmf(Y[:, 1]), 4)
        np.testing.assert_allclose(values, expected)
        np.testing.assert_allclose(edges, [0, 0.25, 0.5, 0.75, 1])
        assert baseline == 0
        assert display.histograms_[name].axes is panel
        assert panel.get_title() == name
        np.testing.assert_array_equal(display.flat_lines_[name].get_ydata(), [1, 1])
        assert panel.get_ylim() == (0, max(2, 1.08 * max(display.heights[n].max() for n in BOTH)))
    assert display.n_galaxies == 4  # one was not asked about


def test_pit_of_one_vote_by_hand():
    # one volunteer, predicted 0.4, says yes: evenly on [0.6, 1], so 2.5 there, 0 below
    display = PITDisplay.from_predictions([[1, 1]], [[0.4]], n_bins=5)
    values = display.histograms_["posterior"].get_data().values
    np.testing.assert_allclose(values, [0, 0, 0, 2.5, 2.5], atol=1e-12)
    assert display.axes_[0].get_title() == ""


@pytest.mark.parametrize(
    ("n_galaxies", "n_bins", "level", "low", "high"),
    # quantiles of binomials from tables: B(100, 0.1) is 5 to 15, B(20, 0.5) 6 to 14
    [(100, 10, 0.9, 0.5, 1.5), (20, 2, 0.9, 0.6, 1.4), (7, 1, 0.9, 1, 1)],
)
def test_band_is_binomial(n_galaxies, n_bins, level, low, high):
    display = PITDisplay(np.ones(n_bins), n_galaxies).plot(level=level)
    heights = display.bands_["posterior"].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((low, high))
    assert f"grey holds 90 % of bins if right ({n_galaxies} galaxies)" in display.key_.get_text()


def test_band_holds_its_share_of_a_calibrated_posteriors_bins():
    rng = np.random.RandomState(0)
    held = []
    for _ in range(20):
        draws = rng.beta(2, 3, size=(300, 40))
        n_votes = rng.randint(20, 50, size=300)
        rho = draws[np.arange(300), rng.randint(40, size=300)]
        y = np.column_stack([rng.binomial(n_votes, rho), n_votes])
        display = PITDisplay.from_predictions(y, draws)
        edges = display.bands_["posterior"].get_paths()[0].vertices[:, 1]
        heights = display.heights["posterior"]
        held.append((heights >= edges.min()) & (heights <= edges.max()))
        matplotlib.pyplot.close("all")
    assert 0.87 < np.mean(held) < 0.97


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"heights": {}}, ValueError, "`heights` must hold at least one by name"),
        ({"heights": []}, ValueError, "at least one bin. Got an empty array for 'posterior'"),
        ({"heights": [1, 2]}, ValueError, "of mean 1. Got 1 to 2 of mean 1.5 for 'posterior'"),
        (
            {"heights": {"a": [-1, 3]}},
            ValueError,
            "densities >= 0 .* Got -1 to 3 of mean 1 for 'a'",
        ),
        ({"heights": [1, np.inf]}, ValueError, "`heights` must be finite"),
        ({"heights": [[1, 1]]}, ValueError, "`heights` must have shape"),
        ({"n_galaxies": 0}, ValueError, "`n_galaxies` must be an integer >= 1"),
    ],
)
def test_pit_refuses(changed, error, message):
    with pytest.raises(error, match=message):
        PITDisplay(**{"heights": [0.5, 1.5], "n_galaxies": 10} | changed)


@pytest.mark.parametrize("level", [0, 1, 90])
def test_pit_plot_refuses(level):
    with pytest.raises(ValueError, match="`level` must be a number in"):
        PITDisplay([1, 1], 10).plot(level=level)
    with pytest.raises(ValueError, match="`n_bins` must be an integer >= 1"):
        PITDisplay.from_predictions(Y, SURE, n_bins=0)


# ReliabilityDisplay


def test_points_are_the_reliability_curve():
    display = ReliabilityDisplay.from_predictions(Y, BOTH, n_bins=2, question="barred")
    assert display.axes_.shape == (2, 2)
    asked = Y[:, 1] > 0
    for (curve_ax, histogram_ax), (name, draws) in zip(display.axes_.T, BOTH.items(), strict=True):
        expected = reliability_curve(Y, np.mean(draws, axis=1), n_bins=2)
        points, _, (bars,) = display.errorbars_[name].lines
        np.testing.assert_allclose(points.get_data(), [expected.predicted, expected.observed])
        ends = [
            [at - error, at + error]
            for at, error in zip(expected.observed, expected.standard_error, strict=True)
            if error == error
        ]
        drawn = [segment[:, 1] for segment in bars.get_segments() if len(segment)]
        np.testing.assert_allclose(drawn, ends)
        assert ends
        counts, edges, _ = display.histograms_[name].get_data()
        np.testing.assert_array_equal(
            counts, np.histogram(np.mean(draws, axis=1)[asked], bins=edges)[0]
        )
        assert counts.sum() == 4
        assert (points.axes, display.histograms_[name].axes) == (curve_ax, histogram_ax)
        np.testing.assert_array_equal(display.diagonals_[name].get_data(), [[0, 1], [0, 1]])
        assert curve_ax.get_title() == name
        assert histogram_ax.get_xlabel() == "predicted share who say barred"


def test_reliability_by_hand():
    y = [[1, 10], [3, 10], [6, 10], [8, 10]]
    display = ReliabilityDisplay.from_predictions(y, [0.21, 0.29, 0.81, 0.89], n_bins=2)
    points = display.errorbars_["posterior"].lines[0]
    np.testing.assert_allclose(points.get_data(), [[0.25, 0.85], [0.2, 0.7]])
    counts = display.histograms_["posterior"].get_data().values
    np.testing.assert_array_equal(np.flatnonzero(counts), [4, 5, 16, 17])


def test_a_bin_of_one_galaxy_has_no_error_bar():
    display = ReliabilityDisplay.from_predictions([[1, 4]], [[0.5]])
    assert np.isnan(display.curves["posterior"].standard_error).all()
    display.figure_.draw_without_rendering()
    np.testing.assert_allclose(display.errorbars_["posterior"].lines[0].get_data(), [[0.5], [0.25]])


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"curve": {}}, ValueError, "`curve` must hold at least one by name"),
        ({"curve": [0.1, 0.2]}, TypeError, "returns them. Got list of length 2 for 'po"),
        ({"curve": ([0.1], [1.1], [3], [0.1])}, ValueError, "`observed` must lie in"),
        ({"curve": ([-0.1], [0.1], [3], [0.1])}, ValueError, "`predicted` must lie in"),
        ({"curve": ([0.1], [0.1], [3], [-0.1])}, ValueError, "`standard_error` must be >= 0 or N"),
        ({"curve": ([0.1], [0.1], [3, 4], [0.1])}, ValueError, "arrays of one length"),
        ({"curve": ([0.1], [0.1], [3], 0.1)}, ValueError, "arrays of one length"),
        ({"y_pred": [0.1, 37]}, ValueError, r"`y_pred` must lie in \[0, 1\]. Got 37"),
        ({"y_pred": [[0.1]]}, ValueError, "`y_pred` must have shape"),
        ({"y_pred": {"a": [0.1]}}, ValueError, r"the same names, .* Got \['posterior'\] and \['a'"),
    ],
)
def test_reliability_refuses(changed, error, message):
    arguments = {"curve": ([0.1], [0.2], [3], [0.05]), "y_pred": [0.1, 0.1]}
    with pytest.raises(error, match=message):
        ReliabilityDisplay(**arguments | changed)


def test_reliability_plot_refuses():
    with pytest.raises(ValueError, match="`strategy` must be one of"):
        ReliabilityDisplay.from_predictions(Y, SURE, strategy="equal")


# All displays


@pytest.mark.parametrize("display", DISPLAYS)
def test_estimators_are_asked_once_each(display):
    models = {"sure": Model(SURE), "vague": Model(VAGUE)}
    drawn = display.from_estimator(models, np.zeros((5, 3)), Y)
    expected = display.from_predictions(Y, BOTH)
    for panel, alike in zip(drawn.axes_.flat, expected.axes_.flat, strict=True):
        assert panel.get_title() == alike.get_title()
        for line, same in zip(panel.lines, alike.lines, strict=True):
            np.testing.assert_array_equal(line.get_data(), same.get_data())
    assert [model.calls for model in models.values()] == [1, 1]
    with pytest.raises(TypeError, match=r"with `predict_posterior`\. Got object"):
        display.from_estimator(object(), np.zeros((5, 3)), Y)


@pytest.mark.parametrize("display", DISPLAYS)
def test_a_fitted_network(display, fitted, toy):
    X, y, _ = toy
    drawn = display.from_estimator(fitted, X, y)
    assert [panel.get_title() for panel in drawn.axes_.flat] == [""] * drawn.axes_.size
    drawn.figure_.draw_without_rendering()


@pytest.mark.parametrize("display", DISPLAYS)
def test_posteriors_of_either_likelihood(display):
    """A beta-binomial's pmf and mean are asked of the posterior itself."""
    posterior = VotePosterior(BetaBinomial(VAGUE, 5.0))
    drawn = display.from_predictions(Y, posterior)
    if display is CoverageDisplay:
        pmf = posterior.pmf(Y[:, 1])
        expected = vote_coverage(Y, pmf, np.linspace(0, 0.5, 51)).predicted
        np.testing.assert_allclose(drawn.predicted_lines_["posterior"].get_ydata(), expected)


@pytest.mark.parametrize("display", DISPLAYS)
@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], r"`y` must be counts \[k, N\] .* Got shape \(5,\)"),
        ([[5, 4]] * 5, "k=5 of N=4"),
        ([[1, 4]] * 4 + [[-1, 4]], "whole numbers >= 0"),
        ([[1.5, 4]] * 5, "whole numbers >= 0"),
        ([[0, 0]] * 5, "`y` must hold at least one vote"),
        (np.empty((0, 2), dtype=int), "`y` must hold at least one vote"),
    ],
)
def test_bad_votes_are_refused_before_any_prediction(display, y, message):
    model = Model(SURE)
    with pytest.raises(ValueError, match=message):
        display.from_estimator(model, np.zeros((5, 3)), y)
    assert model.calls == 0
    with pytest.raises(ValueError, match=message):
        display.from_predictions(y, SURE)


@pytest.mark.parametrize("display", DISPLAYS)
@pytest.mark.parametrize(
    ("posterior", "message"),
    [
        ({}, "`posterior` must hold at least one by name"),
        ({"sure": SURE, "short": SURE[:3]}, "the same galaxies. Got 3 and 5 for 'short'"),
        ([0.5, 0.5, 0.5], "the same galaxies. Got 3 and 5 for 'posterior'"),
        ([[0.5], [0.5], [1.5], [0.5], [0.5]], "must be vote fractions in .* in row 2"),
        ([0.5, 0.5, np.nan, 0.5, 0.5], "must be vote fractions in .* in row 2"),
        (np.full((5, 1, 1), 0.5), "`draws` must have shape"),
        (0.5, "`draws` must have shape"),
    ],
)
def test_bad_posteriors_are_refused(display, posterior, message):
    with pytest.raises(ValueError, match=message):
        display.from_predictions(Y, posterior)


@pytest.mark.parametrize("display", DISPLAYS)
def test_probabilities_of_outcomes_are_refused(display):
    pmf = VotePosterior(VAGUE).pmf(Y[:, 1])
    with pytest.raises(ValueError, match=r"that sum to 1 over the outcomes 0 \.\.\. 40, as"):
        display.from_predictions(Y, pmf)
    with pytest.raises(
        ValueError, match=r"Got rows for 'wrong' that sum to 1 .* pass the posterior"
    ):
        display.from_predictions(Y, {"sure": SURE, "wrong": pmf})


@pytest.mark.parametrize("display", DISPLAYS)
def test_data_are_named(display):
    assert display.from_predictions(Y, BOTH).figure_.get_suptitle() == ""
    named = display.from_predictions(Y, BOTH, data_name="Simulated")
    assert named.figure_.get_suptitle() == "Simulated"


@pytest.mark.parametrize("display", DISPLAYS)
def test_on_given_axes(display, pyplot):
    rows = 2 if display is ReliabilityDisplay else 1
    figure, axes = pyplot.subplots(rows, 2)
    drawn = display.from_predictions(Y, BOTH, ax=axes)
    assert drawn.figure_ is figure
    assert drawn.axes_.tolist() == axes.tolist()
    assert pyplot.get_fignums() == [figure.number]
    with pytest.raises(ValueError, match=r"`ax` must be an array of axes of shape \((2, )?2,?\)"):
        drawn.plot(axes.flat[0])


@pytest.mark.parametrize("display", DISPLAYS)
def test_one_posterior_on_given_axes(display, pyplot):
    subfigure = pyplot.figure().subfigures(1, 2)[0]
    ax = subfigure.subplots(2 if display is ReliabilityDisplay else 1, 1)
    drawn = display.from_predictions(Y, SURE, ax=ax)
    assert drawn.figure_ is subfigure
    assert drawn.axes_.size == np.size(ax)


@pytest.mark.parametrize("display", DISPLAYS)
def test_users_settings_are_left_alone(display):
    before = dict(matplotlib.rcParams)
    display.from_predictions(Y, BOTH)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("display", DISPLAYS)
def test_without_matplotlib_plot_says_what_to_install(monkeypatch, display):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=rf"{display.__name__}.plot.*skgalaxy's extra \[plot\]"):
        display.from_predictions(Y, SURE)
