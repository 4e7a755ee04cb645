"""Displays draw the numbers they are given: the artists' data are compared, not the pixels."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from skgalaxy import VotePosterior
from skgalaxy.acquisition import mutual_information
from skgalaxy.likelihoods import BetaBinomial
from skgalaxy.plotting import AcquisitionDisplay, LearningCurveDisplay, PosteriorDisplay
from skgalaxy.plotting._strategy_style import KNOWN, strategy_styles

matplotlib = pytest.importorskip("matplotlib")

N_LABELS = [100, 200, 300]


@pytest.fixture
def images():
    return np.random.RandomState(0).randint(256, size=(3, 6, 8, 3)).astype(np.uint8)


@pytest.fixture
def posterior():
    return VotePosterior(np.random.RandomState(1).beta(2, 3, size=(3, 4)))


class Model:
    """A fitted estimator as displays see one."""

    def __init__(self, posterior):
        self.posterior = posterior

    def predict_posterior(self, X):
        self.X = X
        return self.posterior


# PosteriorDisplay


def test_posterior_of_wider_likelihoods(pyplot, images):
    draws = np.random.RandomState(1).beta(2, 3, size=(3, 4))
    posterior = VotePosterior(BetaBinomial(draws, concentration=6.0))
    display = PosteriorDisplay(images, posterior, n_votes=12).plot(draw=2)
    for row, rho in enumerate(draws):
        np.testing.assert_allclose(
            display.single_lines_[row].get_ydata(),
            betabinom.pmf(np.arange(13), 12, 6 * rho[2], 6 * (1 - rho[2])),
        )
        np.testing.assert_allclose(
            display.posterior_lines_[row].get_ydata(), posterior.pmf(12)[row]
        )


def test_posterior_curves_are_the_posterior(pyplot, images, posterior):
    display = PosteriorDisplay(images, posterior, n_votes=12).plot(draw=2)
    assert display.axes_.shape == (3, 3)
    assert display.figure_ is display.axes_[0, 0].figure
    k = np.arange(13)
    for row, rho in enumerate(posterior.draws):
        pmfs = binom.pmf(k, 12, rho[:, None])
        green, black = display.posterior_lines_[row], display.single_lines_[row]
        np.testing.assert_array_equal(green.get_xdata(), k)
        np.testing.assert_allclose(green.get_ydata(), posterior.pmf(12)[row])
        np.testing.assert_allclose(black.get_ydata(), pmfs[2])
        grey = [line.get_ydata() for line in display.draw_lines_[row]]
        np.testing.assert_allclose(grey, pmfs)
        np.testing.assert_allclose(np.mean(grey, axis=0), green.get_ydata())
        assert black.axes is display.axes_[row, 1]
        assert green.axes is display.axes_[row, 2]
        top = display.axes_[row, 1].get_ylim()[1]
        assert top == display.axes_[row, 2].get_ylim()[1]
        assert top > max(green.get_ydata().max(), black.get_ydata().max())
    assert display.vote_lines_ == display.vote_labels_ == [None] * 3
    assert display.axes_[-1, 1].get_xlabel() == "k of 12 volunteers say featured"


def test_posterior_marks_votes_out_of_the_galaxys_own_n(pyplot, images, posterior):
    votes = [[3, 10], [0, 0], [25, 25]]
    display = PosteriorDisplay(images, posterior, 40, votes).plot(question="barred")
    np.testing.assert_array_equal(display.n_votes, [10, 40, 25])
    for row, n in enumerate(display.n_votes):
        green = display.posterior_lines_[row].get_ydata()
        np.testing.assert_allclose(green, posterior[row].pmf(n)[0])
    for row in (0, 2):
        for line, ax in zip(display.vote_lines_[row], display.axes_[row, 1:], strict=True):
            assert line.axes is ax
            np.testing.assert_array_equal(line.get_xdata(), [votes[row][0]] * 2)
    assert display.vote_lines_[1] is None  # nobody was asked
    assert [label and label.get_text() for label in display.vote_labels_] == [
        "volunteers: 3 of 10",
        None,
        "volunteers: 25 of 25",
    ]
    assert display.axes_[-1, 2].get_xlabel() == "k of N volunteers say barred"


def test_posterior_images_and_names(pyplot, images, posterior):
    display = PosteriorDisplay(images, posterior, names=["a", "b", "c"]).plot()
    for row, artist in enumerate(display.images_):
        np.testing.assert_array_equal(artist.get_array(), images[row])
        assert display.axes_[row, 0].get_title() == "abc"[row]


@pytest.mark.parametrize("shape", [(3, 6, 8), (3, 6, 8, 1)])
@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.float32, 1)])
def test_grey_images_are_not_stretched(pyplot, posterior, shape, dtype, white):
    images = np.full(shape, white // 2 if white > 1 else 0.5).astype(dtype)
    artist = PosteriorDisplay(images, posterior).plot().images_[1]
    np.testing.assert_array_equal(artist.get_array(), images[1].reshape(6, 8))
    assert artist.get_clim() == (0, white)


def test_posterior_draws_on_given_axes(pyplot, images, posterior):
    figure, axes = pyplot.subplots(3, 3)
    display = PosteriorDisplay.from_predictions(images, posterior.draws, n_votes=5, ax=axes)
    assert display.figure_ is figure
    assert pyplot.get_fignums() == [figure.number]
    with pytest.raises(ValueError, match=r"`ax` must be an array of axes of shape \(3, 3\)"):
        display.plot(axes[:2])


def test_posterior_from_estimator(pyplot, images, posterior):
    model = Model(posterior)
    y = [[1, 4], [2, 4], [3, 4]]
    display = PosteriorDisplay.from_estimator(model, images, y, names="abc", draw=1)
    assert np.array_equal(model.X, images)
    np.testing.assert_allclose(display.posterior_lines_[2].get_ydata(), posterior.pmf(4)[2])
    np.testing.assert_array_equal(display.vote_lines_[2][0].get_xdata(), [3, 3])
    flat = images.reshape(3, -1)
    display = PosteriorDisplay.from_estimator(model, flat, images=images, n_votes=7)
    assert np.array_equal(model.X, flat)
    assert len(display.posterior_lines_[0].get_ydata()) == 8
    with pytest.raises(ValueError, match=r"`images` must have shape .* Got shape \(3, 144\)"):
        PosteriorDisplay.from_estimator(model, flat)
    with pytest.raises(TypeError, match=r"with `predict_posterior`\. Got object"):
        PosteriorDisplay.from_estimator(object(), images)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"images": np.zeros((2, 6, 8))}, "the same galaxies, at least one. Got 2 and 3"),
        ({"images": np.zeros((3, 6, 8, 2))}, r"Got shape \(3, 6, 8, 2\)"),
        ({"images": np.zeros((3, 6, 8), dtype=int)}, "uint8 or float in .* Got dtype int64"),
        ({"posterior": [0.5, 0.5, 0.5]}, "`draws` must have shape"),
        ({"n_votes": 0}, "`n_votes` must be at least 1 .* Got 0 in row 0, 1, 2"),
        ({"n_votes": [4, 5]}, "`n_votes` must be one integer or one per galaxy"),
        ({"votes": [0.1, 0.2, 0.3]}, r"`votes` must be counts .* shape \(3, 2\). Got shape \(3,\)"),
        ({"votes": [[5, 4]] * 3}, "k=5 of N=4"),
        ({"names": ["a"]}, "`names` must have length 3. Got 1"),
    ],
)
def test_posterior_refuses(images, posterior, changed, message):
    with pytest.raises(ValueError, match=message):
        PosteriorDisplay(**{"images": images, "posterior": posterior} | changed)


def test_posterior_plot_refuses(pyplot, images, posterior):
    with pytest.raises(ValueError, match=r"`draw` must be less than the 4 draws. Got 4"):
        PosteriorDisplay(images, posterior).plot(draw=4)
    with pytest.raises(ValueError, match=r"must lie in .* Got 0 to 255; rescale them"):
        PosteriorDisplay(np.linspace(0, 255, 48) * np.ones((3, 1, 48)), posterior).plot()


# AcquisitionDisplay


def test_sheets_are_sorted_by_score_best_first(pyplot):
    images = np.arange(7, dtype=np.uint8)[:, None, None] * np.ones((4, 4), np.uint8)
    scores = np.array([0.3, 0.9, 0.1, 0.5, 0.7, 0.0, 0.2])
    display = AcquisitionDisplay(images, scores, scores / 2).plot(n_images=3)
    np.testing.assert_array_equal(display.indices_, [[1, 4, 3], [6, 2, 5]])
    for sheet in range(2):
        shown = [artist.get_array()[0, 0] for artist in display.images_[sheet]]
        np.testing.assert_array_equal(shown, display.indices_[sheet])
        assert {artist.axes for artist in display.images_[sheet]} == {display.axes_[sheet]}
    texts = [caption.get_text() for caption in display.captions_[0]]
    assert texts == ["0.900, 45%", "0.700, 35%", "0.500, 25%"]
    assert display.axes_[0].get_title() == "Asked first: highest mutual information"
    assert display.axes_[0].get_xlabel().endswith("(nats), predicted % who say featured")


def test_sheet_cells_do_not_overlap_and_lie_inside(pyplot):
    display = AcquisitionDisplay(np.zeros((20, 6, 8)), np.arange(20.0)).plot(n_images=5)
    extents = np.array([artist.get_extent() for artist in display.images_[0]])
    np.testing.assert_allclose(np.diff(extents[:, :2]), 1)
    np.testing.assert_allclose(np.diff(extents[:, 2:]), 6 / 8)
    np.testing.assert_allclose(extents[:, 3].round(3), extents[[0, 0, 0, 3, 3], 3].round(3))
    assert (extents[1:3, 0] > extents[:2, 1]).all()
    assert extents[3, 3] < extents[0, 2]
    (left, right), (bottom, top) = display.axes_[0].get_xlim(), display.axes_[0].get_ylim()
    assert left <= extents[:, 0].min()
    assert extents[:, 1].max() <= right + 1e-9
    assert bottom < extents[:, 2].min()
    assert extents[:, 3].max() <= top


@pytest.mark.parametrize("build", ["estimator", "predictions"])
def test_acquisition_scores_are_mutual_information(pyplot, images, posterior, build):
    if build == "estimator":
        model, rows = Model(posterior), np.arange(len(posterior))
        display = AcquisitionDisplay.from_estimator(model, rows, images=images, n_votes=9)
        np.testing.assert_array_equal(model.X, rows)
    else:
        display = AcquisitionDisplay.from_predictions(images, posterior.draws, n_votes=9)
    scores = mutual_information(posterior.draws, 9)
    np.testing.assert_allclose(display.scores, scores)
    np.testing.assert_allclose(display.vote_fraction, posterior.mean)
    # 25 a sheet are asked for, three galaxies give one each
    np.testing.assert_array_equal(display.indices_, [[scores.argmax()], [scores.argmin()]])


def test_acquisition_of_another_score_on_given_axes(pyplot, images):
    figure, axes = pyplot.subplots(1, 2)
    display = AcquisitionDisplay(images, [1, 2, 3], score_name="entropy").plot(axes)
    assert display.figure_ is figure
    assert display.axes_[1].get_title() == "Asked last: lowest entropy"
    assert display.captions_[0][0].get_text() == "3.000"
    assert display.axes_[0].get_xlabel() == "entropy (nats)"
    with pytest.raises(ValueError, match=r"`ax` must be an array of axes of shape \(2,\)"):
        display.plot(axes[0])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scores": [0.1, 0.2]}, "`images` and `scores` must hold the same galaxies"),
        ({"scores": [[0.1, 0.2, 0.3]]}, r"`scores` must have shape \(n_galaxies,\). Got shape"),
        ({"scores": [0.1, np.nan, 0.3]}, "`scores` must be finite. Got nan in row 1"),
        ({"vote_fraction": [0.5]}, r"`vote_fraction` must have shape \(3,\)"),
        ({"vote_fraction": [0.5, 0.5, 37]}, r"`vote_fraction` must lie in \[0, 1\]. Got 37"),
    ],
)
def test_acquisition_refuses(images, changed, message):
    with pytest.raises(ValueError, match=message):
        AcquisitionDisplay(**{"images": images, "scores": [0.1, 0.2, 0.3]} | changed)


def test_acquisition_plot_refuses(pyplot, images):
    with pytest.raises(ValueError, match=r"at least two galaxies to compare. Got 1"):
        AcquisitionDisplay(images[:1], [0.1]).plot()
    with pytest.raises(ValueError, match="`n_images` must be an integer >= 1"):
        AcquisitionDisplay(images, [0.1, 0.2, 0.3]).plot(n_images=0)


# LearningCurveDisplay


@pytest.fixture
def runs():
    return {
        "mutual information": np.array(
            [[0.20, 0.14, 0.11], [0.22, 0.14, 0.13], [0.24, 0.17, 0.09]]
        ),
        "random": [0.21, 0.18, 0.15],
    }


def band_edges(band):
    """Return the lower and upper edge of a band at the rounds."""
    x, y = band.get_paths()[0].vertices.T
    edges = np.array([[y[x == n].min(), y[x == n].max()] for n in N_LABELS])
    return edges.T


def test_curves_are_means_and_bands_standard_errors(pyplot, runs):
    display = LearningCurveDisplay(N_LABELS, runs, score_name="RMSE").plot()
    for name, scores in runs.items():
        np.testing.assert_array_equal(display.lines_[name].get_xdata(), N_LABELS)
        expected = np.atleast_2d(scores).mean(axis=0)
        np.testing.assert_allclose(display.lines_[name].get_ydata(), expected)
    scores = runs["mutual information"]
    error = scores.std(axis=0, ddof=1) / np.sqrt(3)
    low, high = band_edges(display.bands_["mutual information"])
    np.testing.assert_allclose(low, scores.mean(axis=0) - error)
    np.testing.assert_allclose(high, scores.mean(axis=0) + error)
    assert list(display.bands_) == ["mutual information"]  # one run has no spread
    assert display.floor_line_ is None
    assert display.baseline_line_ is None
    assert display.ax_.get_ylabel() == "RMSE"
    assert display.ax_.get_title(loc="left") == "mean of 1 to 3 runs; band: ± its standard error"


def test_bands_of_the_range(pyplot, runs):
    _, ax = pyplot.subplots()
    display = LearningCurveDisplay(N_LABELS, runs, score_name="RMSE").plot(ax, band="range")
    assert display.ax_ is ax
    scores = runs["mutual information"]
    edges = band_edges(display.bands_["mutual information"])
    np.testing.assert_allclose(edges, [scores.min(axis=0), scores.max(axis=0)])


def test_reference_lines(pyplot, runs):
    display = LearningCurveDisplay(N_LABELS, runs, score_name="RMSE", floor=0.06, baseline=0.25)
    display.plot()
    np.testing.assert_array_equal(display.floor_line_.get_ydata(), [0.06, 0.06])
    np.testing.assert_array_equal(display.baseline_line_.get_ydata(), [0.25, 0.25])
    low, high = display.ax_.get_ylim()
    assert low < 0.06
    assert high > 0.25
    texts = {label.get_text() for label in display.labels_.values()}
    assert texts == {*runs, "noise floor", "predict the mean"}


def test_labels_do_not_touch_and_stay_at_their_lines_where_they_can(pyplot):
    ends = {"a": 0.100, "b": 0.101, "c": 0.1005, "d": 0.3}
    scores = {name: [0.5, 0.4, end] for name, end in ends.items()}
    display = LearningCurveDisplay(N_LABELS, scores, score_name="RMSE").plot()
    display.figure_.draw_without_rendering()
    boxes = {name: label.get_window_extent() for name, label in display.labels_.items()}
    for below, above in [("a", "c"), ("c", "b"), ("b", "d")]:
        assert boxes[below].y1 <= boxes[above].y0
    assert display.labels_["d"].xyann == (4, 0)
    assert all(label.xy == (1, ends[name]) for name, label in display.labels_.items())


STRATEGIES = ["random", "mutual information", "joint", "variance", "power", "diverse", "EPIG"]


def test_a_strategy_looks_the_same_in_all_figures(pyplot):
    """Whatever else is drawn, and in whatever order; and no two of a figure look alike."""
    styles = {}
    for names in (STRATEGIES, STRATEGIES[::-1], ["random", "joint"], ["mine", "random"], ["mine"]):
        scores = dict.fromkeys(names, (0.3, 0.2, 0.1))
        lines = LearningCurveDisplay(N_LABELS, scores, score_name="RMSE").plot().lines_
        drawn = {name: (line.get_color(), line.get_marker()) for name, line in lines.items()}
        assert len({colour for colour, _ in drawn.values()}) == len(names)
        for name, style in drawn.items():
            assert styles.setdefault(name, style) == style


def test_a_strategy_has_one_style_under_all_its_names():
    assert len(set(strategy_styles(["joint", "joint_sampling", "joint information"]).values())) == 1
    names = ["joint variance", "joint_variance_sampling", "joint-variance"]
    assert len(set(strategy_styles(names).values())) == 1
    bald = strategy_styles(["mutual information", "mutual-information", "BALD"])
    assert len(set(bald.values())) == 1


def test_known_styles_differ_and_unknown_ones_while_they_can():
    assert len(set(KNOWN.values())) == len(KNOWN)
    names = [f"strategy {n}" for n in range(60)]
    styles = strategy_styles(names)
    assert len(set(styles.values())) == 60
    assert styles == strategy_styles(names[::-1])
    assert len({style.colour for style in strategy_styles(names[:7]).values()}) == 7
    assert len(strategy_styles(map(str, range(200)))) == 200  # more than there are pairs


def test_curve_in_a_subfigure(pyplot, runs):
    subfigure = pyplot.figure().subfigures(1, 2)[0]
    display = LearningCurveDisplay(N_LABELS, runs, score_name="RMSE").plot(subfigure.subplots())
    assert display.figure_ is subfigure


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"n_labels": [100, 100, 200]}, ValueError, "`n_labels` must increase .* Got .100.0, 100"),
        ({"n_labels": [100, 200]}, ValueError, r"`scores` must have shape \(2,\) .* for 'random'"),
        ({"scores": [0.1, 0.2, 0.3]}, TypeError, "`scores` must be a dict .* Got list"),
        ({"scores": {}}, TypeError, "at least one. Got an empty dict"),
        ({"scores": {"a": [0.1, np.nan, 0.2]}}, ValueError, "finite. Got nan for 'a'"),
        ({"floor": "low"}, TypeError, "`floor` must be a number"),
        ({"baseline": np.nan}, ValueError, "`baseline` must be a number"),
    ],
)
def test_curve_refuses(changed, error, message):
    arguments = {"n_labels": N_LABELS, "scores": {"random": [0.3, 0.2, 0.1]}, "score_name": "RMSE"}
    with pytest.raises(error, match=message):
        LearningCurveDisplay(**arguments | changed)


def test_curve_plot_refuses_an_unknown_band(runs):
    with pytest.raises(ValueError, match="`band` must be one of 'standard error', 'range'"):
        LearningCurveDisplay(N_LABELS, runs, score_name="RMSE").plot(band="sd")


# All displays


def test_data_are_named(pyplot, images, posterior, runs):
    for display in (PosteriorDisplay(images, posterior), AcquisitionDisplay(images, [1, 2, 3])):
        assert display.plot().figure_.get_suptitle() == ""
        assert display.plot(data_name="Simulated").figure_.get_suptitle() == "Simulated"
    display = LearningCurveDisplay(N_LABELS, runs, score_name="RMSE").plot(data_name="Simulated")
    title = "Simulated: mean of 1 to 3 runs; band: ± its standard error"
    assert display.ax_.get_title(loc="left") == title
    one = {"random": runs["random"]}
    display = LearningCurveDisplay(N_LABELS, one, score_name="RMSE")
    assert display.plot().ax_.get_title(loc="left") == ""
    assert display.plot(data_name="Simulated").ax_.get_title(loc="left") == "Simulated: one run"


def test_probabilities_of_outcomes_are_no_draws(images, posterior):
    message = "over the outcomes 0 ... 12, as `posterior.pmf` returns them; pass the posterior"
    with pytest.raises(ValueError, match=message):
        PosteriorDisplay(images, posterior.pmf(12), n_votes=12)
    with pytest.raises(ValueError, match=message):
        AcquisitionDisplay.from_predictions(images, posterior.pmf(12), n_votes=12)
    votes = [[1, 9], [2, 12], [3, 10]]
    with pytest.raises(ValueError, match=message):
        PosteriorDisplay(images, posterior.pmf([9, 12, 10]), votes=votes)
    # of another N than the display's, and of one galaxy
    with pytest.raises(ValueError, match=message):
        PosteriorDisplay(images, posterior.pmf(12), n_votes=40)
    with pytest.raises(ValueError, match=message):
        PosteriorDisplay(images[:1], posterior[:1].pmf(12))


@pytest.mark.parametrize(
    "draws",
    [
        [[0.2, 0.3, 0.5]] * 3,  # the same by hand, three times
        [[0.2, 0.3, 0.5], [0.1, 0.3, 0.6], [0.4, 0.3, 0.5]],  # one row does not sum to 1
        [[0.2, 0.8], [0.1, 0.9], [0.5, 0.5]],  # networks that contradict each other
        np.full((3, 3), 1 / 3),
        [[0.2, 0.3, 0.4, 0.1], [0.1, 0.3, 0.5, 0.1], [0.4, 0.3, 0.2, 0.1]],  # not of 2 votes
    ],
)
def test_draws_are_draws_even_if_they_sum_to_one(images, draws):
    np.testing.assert_array_equal(PosteriorDisplay(images, draws, n_votes=2).posterior.draws, draws)


def test_users_settings_are_left_alone(pyplot, images, posterior, runs):
    before = dict(matplotlib.rcParams)
    PosteriorDisplay(images, posterior).plot()
    AcquisitionDisplay(images, [0.1, 0.2, 0.3]).plot()
    LearningCurveDisplay(N_LABELS, runs, score_name="RMSE").plot()
    assert dict(matplotlib.rcParams) == before


def test_plotting_imports_matplotlib_only_to_plot():
    code = "import sys, skgalaxy.plotting; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_plot_says_what_to_install(monkeypatch, images, posterior):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"PosteriorDisplay.plot.*skgalaxy's extra \[plot\]"):
        PosteriorDisplay(images, posterior).plot()
