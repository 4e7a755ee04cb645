"""Observed against predicted vote fractions: on the diagonal if the prediction is right."""

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_numbers
from skgalaxy.metrics import reliability_curve
from skgalaxy.metrics._vote_fractions import ReliabilityCurve
from skgalaxy.plotting._calibration_display import (
    CalibrationDisplay,
    as_named,
    check_posteriors,
    check_shares,
    kind_and_length,
    panels_width,
    set_titles,
)
from skgalaxy.plotting._entries import describe_display
from skgalaxy.plotting._style import (
    BLACK,
    BLUE,
    QUIET,
    STYLE,
    check_ax,
    check_rows,
    name_data,
    pyplot,
    title_height,
)

if TYPE_CHECKING:  # matplotlib is an extra, imported only to draw
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D
    from matplotlib.patches import StepPatch
    from matplotlib.text import Text

LIMITS = (-0.02, 1.02)  # points at 0 and 1 are seen whole


class ReliabilityDisplay(CalibrationDisplay):
    """Predicted against observed vote fractions, over a histogram of the predictions.

    Galaxies are binned by their predicted vote fraction. Each point shows the observed fraction of
    a bin, with its standard error, over the mean predicted one. Above the diagonal the prediction
    is too low, below it too high. Each posterior has a column of panels.

    Parameters
    ----------
    curve : namedtuple of arrays of shape (n_bins,), or dict of str to such
        predicted, observed, n_galaxies and standard_error, which may be NaN. `reliability_curve`
        returns them. Pass a dict if you compare several.
    y_pred : array-like of shape (n_galaxies,), or dict of str to such
        The predicted vote fractions, under the same names.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (2, n_posteriors)
        The curves, and the histograms under them.
    errorbars_ : dict of str to ErrorbarContainer
    histograms_ : dict of str to StepPatch
    diagonals_ : dict of str to Line2D
    sides_ : dict of str to tuple of two Text
        The words above and below the diagonal, for example "predicted too low".

    See Also
    --------
    skgalaxy.metrics.reliability_curve : The numbers.
    sklearn.calibration.CalibrationDisplay : The same for classes.

    Examples
    --------
    >>> from skgalaxy.metrics import reliability_curve
    >>> from skgalaxy.plotting import ReliabilityDisplay
    >>> votes, y_pred = [[1, 10], [3, 10], [6, 10], [8, 10]], [0.2, 0.3, 0.8, 0.9]
    >>> curve = reliability_curve(votes, y_pred, n_bins=2)
    >>> display = ReliabilityDisplay(curve, y_pred).plot()
    >>> print(*display.errorbars_["posterior"].lines[0].get_data())
    [0.25 0.85] [0.2 0.7]
    """

    curves: dict[str, ReliabilityCurve]
    y_pred: dict[str, NDArray[np.float64]]
    errorbars_: "dict[str, ErrorbarContainer]"
    histograms_: "dict[str, StepPatch]"
    diagonals_: "dict[str, Line2D]"
    sides_: "dict[str, tuple[Text, Text]]"

    def __init__(self, curve: Any, y_pred: Any) -> None:
        curves, y_pred = as_named(curve, "curve"), as_named(y_pred, "y_pred")
        # the order counts, too: it is that of the panels
        if list(curves) != list(y_pred):
            raise ValueError(
                "`curve` and `y_pred` must have the same names, in the same order. "
                f"Got {list(curves)} and {list(y_pred)}."
            )
        self.curves = {name: _check_curve(name, one) for name, one in curves.items()}
        self.y_pred = {name: check_shares(one, "y_pred", name) for name, one in y_pred.items()}

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        n_bins: int = 10,
        strategy: Literal["quantile", "uniform"] = "quantile",
        **plot_params: Any,
    ) -> Self:
        return super().from_estimator(
            estimator, X, y, n_bins=n_bins, strategy=strategy, **plot_params
        )

    @classmethod
    @describe_display
    def from_predictions(
        cls,
        y: ArrayLike,
        posterior: Any,
        *,
        n_bins: int = 10,
        strategy: Literal["quantile", "uniform"] = "quantile",
        **plot_params: Any,
    ) -> Self:
        """Plot vote fractions predicted before against the votes.

        Parameters
        ----------
        {y, posteriors}
        n_bins, strategy
            As in `skgalaxy.metrics.reliability_curve`.
        **plot_params
            As in `plot`, for example ``question="barred"``.

        Returns
        -------
        display : ReliabilityDisplay

        Raises
        ------
        ValueError
            If `y` does not hold counts, a posterior is of other galaxies, or you pass
            probabilities of outcomes (`VotePosterior.pmf`) instead of draws.

        Examples
        --------
        >>> from skgalaxy.plotting import ReliabilityDisplay
        >>> y = [[1, 10], [3, 10], [6, 10], [8, 10]]
        >>> draws = {"dropout": [[0.1, 0.3], [0.2, 0.4], [0.7, 0.9], [0.8, 1.0]]}
        >>> display = ReliabilityDisplay.from_predictions(y, draws, n_bins=2)
        >>> print(display.curves["dropout"].predicted, display.curves["dropout"].observed)
        [0.25 0.85] [0.2 0.7]
        """
        n_votes, posteriors = check_posteriors(y, posterior)
        curves = {
            name: reliability_curve(y, one.mean, n_bins=n_bins, strategy=strategy)
            for name, one in posteriors.items()
        }
        # the histograms show the galaxies of the curves, so none without votes
        y_pred = {name: one.mean[n_votes > 0] for name, one in posteriors.items()}
        return cls(curves, y_pred).plot(**plot_params)

    @describe_display
    def plot(
        self, ax: Any = None, *, question: str = "featured", data_name: str | None = None
    ) -> Self:
        """Draw the curves over the histograms.

        Parameters
        ----------
        ax : array-like of Axes of shape (2, n_posteriors) or, for one, (2,), default=None
            The axes of the curves, and of the histograms. By default you get a new figure.
        question : str, default="featured"
            The answer of the volunteers, for the labels.
        {data_name}

        Returns
        -------
        self : ReliabilityDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `ax` has another shape.
        """
        plt = pyplot(self)
        self.diagonals_, self.errorbars_, self.histograms_, self.sides_ = {}, {}, {}, {}
        with plt.rc_context(STYLE):
            self._keep_axes(self._axes(plt, ax, data_name))
            set_titles(self.axes_[0], self.curves)
            for name, curve, histogram in zip(self.curves, *self.axes_, strict=True):
                self._plot_curve(curve, name)
                self._plot_histogram(histogram, name)
                histogram.set_xlabel(f"predicted share who say {question}")
            self.axes_[0, 0].set_ylabel(f"share who said {question} (± standard error)")
            self.axes_[1, 0].set_ylabel("galaxies")
            name_data(self.figure_, data_name)
        return self

    def _axes(self, plt: Any, ax: Any, data_name: str | None) -> NDArray[np.object_]:
        """Axes of the caller, or new ones, of shape (2, n_posteriors)."""
        n_posteriors = len(self.curves)
        if ax is None:
            _, ax = plt.subplots(
                2,
                n_posteriors,
                figsize=(panels_width(n_posteriors), 4.1 + title_height(data_name)),
                height_ratios=(4, 1),
                sharex=True,
                sharey="row",  # counts of galaxies must not share the fractions' scale
                squeeze=False,
                layout="constrained",
            )
        # `plt.subplots(2, 1)` squeezes its array, so one posterior comes with (2,)
        elif np.shape(ax) == (2,) and n_posteriors == 1:
            ax = np.reshape(ax, (2, 1))
        return check_ax(ax, (2, n_posteriors))

    def _plot_curve(self, ax: "Axes", name: str) -> None:
        """Draw the points with their errors, the diagonal, and the words beside it."""
        curve = self.curves[name]
        (self.diagonals_[name],) = ax.plot(
            [0, 1], [0, 1], color=BLACK, linestyle=(0, (4, 2)), linewidth=1.2
        )
        self.errorbars_[name] = ax.errorbar(
            curve.predicted,
            curve.observed,
            yerr=curve.standard_error,
            color=BLUE,
            marker="o",
            markersize=4.5,
            linewidth=1.0,
            elinewidth=1.4,
        )
        # in shares of the axes: the corners that a useful prediction leaves free
        style: dict[str, Any] = {"color": QUIET, "fontsize": 8, "transform": ax.transAxes}
        self.sides_[name] = (
            ax.text(0.03, 0.97, "predicted too low", ha="left", va="top", **style),
            ax.text(0.97, 0.03, "predicted too high", ha="right", va="bottom", **style),
        )
        ax.set(xlim=LIMITS, ylim=LIMITS)

    def _plot_histogram(self, ax: "Axes", name: str) -> None:
        """Draw the histogram of the predictions."""
        # `stairs` and not `hist`: one artist, and its data can be read back
        self.histograms_[name] = ax.stairs(
            *np.histogram(self.y_pred[name], bins=20, range=(0, 1)),
            fill=True,
            facecolor=(BLUE, 0.4),
            edgecolor=BLUE,
            linewidth=1.0,
        )
        ax.set_xlim(LIMITS)
        ax.locator_params(axis="y", nbins=3, integer=True)


def _check_curve(name: str, curve: Any) -> ReliabilityCurve:
    """Reliability curve of float64 arrays of one length."""
    try:
        predicted, observed, n_galaxies, standard_error = curve
    except (TypeError, ValueError) as error:
        raise TypeError(
            "`curve` must be predicted, observed, n_galaxies and standard_error, as "
            f"`reliability_curve` returns them. Got {kind_and_length(curve)} for {name!r}."
        ) from error
    standard_error = check_numbers(standard_error, "standard_error")
    # NaN is allowed, for a bin of one galaxy, and compares false
    if (standard_error < 0).any():
        raise ValueError(
            f"`standard_error` must be >= 0 or NaN. Got {np.nanmin(standard_error):g} for {name!r}."
        )
    curve = ReliabilityCurve(
        check_shares(predicted, "predicted", name),
        check_shares(observed, "observed", name),
        check_rows(n_galaxies, "n_galaxies", None),
        standard_error,
    )
    shapes = [field.shape for field in curve]
    if len(set(shapes)) > 1:
        raise ValueError(f"`curve` must hold arrays of one length. Got {shapes} for {name!r}.")
    return curve
