"""Where in their posterior the votes fall: everywhere alike, if it is right."""

import numpy as np
from scipy.stats import binom

from skgalaxy._validation import check_float, check_int
from skgalaxy.metrics import pit_histogram
from skgalaxy.plotting._calibration_display import (
    CalibrationDisplay,
    as_named,
    check_posteriors,
    named_panels,
)
from skgalaxy.plotting._entries import describe_display
from skgalaxy.plotting._style import BLACK, BLUE, GREY, QUIET, STYLE, check_rows, pyplot


class PITDisplay(CalibrationDisplay):
    """Histogram of where in their posterior the votes fall: flat if the posterior is right.

    One panel per posterior. The probability integral transform (PIT) of a galaxy is the
    probability, as predicted, of fewer votes than were cast. The line is the histogram of a
    calibrated posterior, the band what as many galaxies scatter about it by chance.

    Parameters
    ----------
    heights : array-like of shape (n_bins,), or dict of str to such
        Densities in equal bins of [0, 1], of mean 1, as `pit_histogram` returns them. Several by
        name.
    n_galaxies : int
        How many galaxies were observed.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (n_posteriors,)
    histograms_ : dict of str to StepPatch
    bands_ : dict of str to PolyCollection
    flat_lines_ : dict of str to Line2D
    key_ : Annotation
        How to read the figure.

    See Also
    --------
    skgalaxy.metrics.pit_histogram : The numbers.
    CoverageDisplay : By how much the posterior is too sure.

    References
    ----------
    Czado, Gneiting & Held 2009, Biometrics 65, 1254.

    Examples
    --------
    >>> from skgalaxy.plotting import PITDisplay
    >>> display = PITDisplay([1.8, 0.2, 0.3, 1.7], n_galaxies=100).plot()
    >>> print(display.histograms_["posterior"].get_data().values)
    [1.8 0.2 0.3 1.7]
    """

    def __init__(self, heights, n_galaxies):
        self.heights = {
            name: _check_heights(name, one) for name, one in as_named(heights, "heights").items()
        }
        self.n_galaxies = check_int(n_galaxies, "n_galaxies", 1)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, n_bins=10, **plot_params):
        return super().from_estimator(estimator, X, y, n_bins=n_bins, **plot_params)

    @classmethod
    @describe_display
    def from_predictions(cls, y, posterior, *, n_bins=10, **plot_params):
        """Plot where votes fall in posteriors predicted before.

        Parameters
        ----------
        {y, posteriors}
        n_bins : int, default=10
            Number of bins.
        **plot_params
            As in `plot`.

        Returns
        -------
        display : PITDisplay

        Raises
        ------
        ValueError
            If `y` is no counts, or a posterior is of other galaxies.

        Examples
        --------
        >>> from skgalaxy.plotting import PITDisplay
        >>> y, draws = [[2, 40], [38, 40]], [[0.5], [0.5]]
        >>> display = PITDisplay.from_predictions(y, {"sure": draws}, n_bins=4)
        >>> print(display.heights["sure"].round(1))
        [2. 0. 0. 2.]
        """
        n_votes, posteriors = check_posteriors(y, posterior)
        heights = {
            name: pit_histogram(y, one.pmf(n_votes), n_bins) for name, one in posteriors.items()
        }
        return cls(heights, np.count_nonzero(n_votes)).plot(**plot_params)

    def plot(self, ax=None, *, level=0.9):
        """Draw a panel per posterior.

        Parameters
        ----------
        ax : Axes or array-like of Axes of shape (n_posteriors,), default=None
            Where to draw; None makes a figure.
        level : float in (0, 1), default=0.9
            How many of a calibrated posterior's bins the band holds.

        Returns
        -------
        self : PITDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `ax` has another shape, or `level` is not in (0, 1).
        """
        level = check_float(level, "level", 0, 1, closed="neither")
        plt = pyplot(self)
        self.histograms_, self.bands_, self.flat_lines_ = {}, {}, {}
        top = max(2, *(1.08 * heights.max() for heights in self.heights.values()))
        with plt.rc_context(STYLE):
            self.axes_ = named_panels(plt, ax, self.heights)
            self.figure_ = self.axes_[0].figure
            for panel, (name, heights) in zip(self.axes_, self.heights.items(), strict=True):
                self._plot_histogram(panel, name, heights, level)
                panel.set(xlim=(0, 1), ylim=(0, top))
                panel.set_xlabel("predicted probability of fewer votes (PIT)")
            self.axes_[0].set_ylabel("density of galaxies")
            self._plot_key(level)
        return self

    def _plot_histogram(self, ax, name, heights, level):
        n_bins = len(heights)
        edges = np.linspace(0, 1, n_bins + 1)
        self.histograms_[name] = ax.stairs(
            heights, edges, fill=True, facecolor=(BLUE, 0.4), edgecolor=BLUE, linewidth=1.4
        )
        by_chance = np.array(binom.interval(level, self.n_galaxies, 1 / n_bins))
        low, high = by_chance * n_bins / self.n_galaxies
        self.bands_[name] = ax.fill_between(
            [0, 1], low, high, color=GREY, alpha=0.4, linewidth=0, zorder=0.5
        )
        self.flat_lines_[name] = ax.axhline(1, color=BLACK, linestyle=(0, (4, 2)), linewidth=1.2)

    def _plot_key(self, level):
        """Say how to read the figure, under the label of the first panel."""
        key = (
            "flat: right · U: too sure · hump: too wide",
            "high at 0: predicted too high · at 1: too low",
            f"grey holds {100 * level:g} % of bins if right ({self.n_galaxies} galaxies)",
        )
        self.key_ = self.axes_[0].annotate(
            "\n".join(key),
            (0.5, 0),
            xycoords=self.axes_[0].xaxis.label,
            xytext=(0, -4),
            textcoords="offset points",
            ha="center",
            va="top",
            color=QUIET,
            fontsize=7.5,
            linespacing=1.4,
        )


def _check_heights(name, heights):
    """Return densities in bins as a float64 array."""
    heights = check_rows(heights, "heights", None)
    if len(heights) == 0:
        raise ValueError(f"`heights` must have at least one bin. Got none for {name!r}.")
    if (heights < 0).any() or not np.isclose(heights.mean(), 1):
        raise ValueError(
            f"`heights` must be densities >= 0 of mean 1. Got {heights.min():g} to "
            f"{heights.max():g} of mean {heights.mean():g} for {name!r}."
        )
    return heights
