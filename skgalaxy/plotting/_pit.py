"""Histograms of the probability integral transform (PIT): flat for a calibrated posterior."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
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
from skgalaxy.plotting._style import (
    BLACK,
    BLUE,
    GREY,
    QUIET,
    STYLE,
    check_rows,
    name_data,
    pyplot,
)

if TYPE_CHECKING:  # matplotlib is an extra, imported only to draw
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.lines import Line2D
    from matplotlib.patches import StepPatch
    from matplotlib.text import Annotation


class PITDisplay(CalibrationDisplay):
    """Histogram of the places of votes in their posteriors: flat if the posterior is right.

    Each posterior has a panel. The probability integral transform (PIT) of a galaxy is the
    predicted probability of fewer votes than were cast. The dashed line is the histogram that you
    would see for a calibrated posterior and infinitely many galaxies. The band shows the scatter
    about it for your number of galaxies, for example ±50 % in ten bins of ten galaxies each.

    Parameters
    ----------
    heights : array-like of shape (n_bins,), or dict of str to such
        Densities in equal bins of [0, 1], of mean 1. `pit_histogram` returns them. Pass a dict if
        you compare several.
    n_galaxies : int
        Number of galaxies observed, for the band.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (n_posteriors,)
    histograms_ : dict of str to StepPatch
    bands_ : dict of str to PolyCollection
    flat_lines_ : dict of str to Line2D
    key_ : Annotation
        The key, under the first panel.

    See Also
    --------
    skgalaxy.metrics.pit_histogram : The numbers.
    CoverageDisplay : The size of the error, at each half-width.

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

    heights: dict[str, NDArray[np.float64]]
    n_galaxies: int
    histograms_: "dict[str, StepPatch]"
    bands_: "dict[str, PolyCollection]"
    flat_lines_: "dict[str, Line2D]"
    key_: "Annotation"

    def __init__(self, heights: Any, n_galaxies: int) -> None:
        self.heights = {
            name: _check_heights(name, one) for name, one in as_named(heights, "heights").items()
        }
        self.n_galaxies = check_int(n_galaxies, "n_galaxies", 1)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike, *, n_bins: int = 10, **plot_params: Any
    ) -> Self:
        return super().from_estimator(estimator, X, y, n_bins=n_bins, **plot_params)

    @classmethod
    @describe_display
    def from_predictions(
        cls, y: ArrayLike, posterior: Any, *, n_bins: int = 10, **plot_params: Any
    ) -> Self:
        """Plot the places of votes in posteriors predicted before.

        Parameters
        ----------
        {y, posteriors}
        n_bins : int, default=10
            Number of bins.
        **plot_params
            As in `plot`, for example `level`.

        Returns
        -------
        display : PITDisplay

        Raises
        ------
        ValueError
            If `y` does not hold counts, a posterior is of other galaxies, or you pass
            probabilities of outcomes (`VotePosterior.pmf`) instead of draws.

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
        return cls(heights, int(np.count_nonzero(n_votes))).plot(**plot_params)

    @describe_display
    def plot(self, ax: Any = None, *, level: float = 0.9, data_name: str | None = None) -> Self:
        """Draw a panel per posterior.

        Parameters
        ----------
        ax : Axes or array-like of Axes of shape (n_posteriors,), default=None
            The axes to draw on. By default you get a new figure.
        level : float in (0, 1), default=0.9
            Share of a calibrated posterior's bins within the band.
        {data_name}

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
        # from 0 to at least 2, the same in all panels: a flat histogram then looks flat
        top = max(2, *(1.08 * heights.max() for heights in self.heights.values()))
        with plt.rc_context(STYLE):
            self._keep_axes(named_panels(plt, ax, self.heights, data_name))
            for panel, (name, heights) in zip(self.axes_, self.heights.items(), strict=True):
                self._plot_histogram(panel, name, heights, level)
                panel.set(xlim=(0, 1), ylim=(0, top))
                panel.set_xlabel("predicted probability of fewer votes (PIT)")
            self.axes_[0].set_ylabel("density of galaxies")
            self._plot_key(level)
            name_data(self.figure_, data_name)
        return self

    def _plot_histogram(
        self, ax: "Axes", name: str, heights: NDArray[np.float64], level: float
    ) -> None:
        """Draw a histogram over the band of a calibrated one."""
        n_bins = len(heights)
        edges = np.linspace(0, 1, n_bins + 1)
        self.histograms_[name] = ax.stairs(
            heights, edges, fill=True, facecolor=(BLUE, 0.4), edgecolor=BLUE, linewidth=1.4
        )
        # galaxies in a bin are binomial if the posterior is right, and p is one bin's share
        by_chance = np.array(binom.interval(level, self.n_galaxies, 1 / n_bins))
        low, high = by_chance * n_bins / self.n_galaxies
        self.bands_[name] = ax.fill_between(
            *([0, 1], low, high),
            color=GREY,
            alpha=0.4,
            linewidth=0,
            zorder=0.5,  # behind the histogram, which is translucent
        )
        self.flat_lines_[name] = ax.axhline(1, color=BLACK, linestyle=(0, (4, 2)), linewidth=1.2)

    def _plot_key(self, level: float) -> None:
        """Write the key under the label of the first panel."""
        key = (
            "flat: right · U: too sure · hump: too wide",
            "high at 0: predicted too high · at 1: too low",
            f"grey holds {100 * level:g} % of bins if right ({self.n_galaxies} galaxies)",
        )
        self.key_ = self.axes_[0].annotate(
            "\n".join(key),
            (0.5, 0),
            # relative to the label, wherever the layout puts it
            xycoords=self.axes_[0].xaxis.label,
            xytext=(0, -4),
            textcoords="offset points",
            ha="center",
            va="top",
            color=QUIET,
            fontsize=7.5,
            linespacing=1.4,
        )


def _check_heights(name: str, given: ArrayLike) -> NDArray[np.float64]:
    """Densities in bins as a float64 array."""
    heights = check_rows(given, "heights", None)
    if len(heights) == 0:
        raise ValueError(f"`heights` must have at least one bin. Got an empty array for {name!r}.")
    # counts, for example, have another mean: densities over equal bins of [0, 1] have mean 1
    if (heights < 0).any() or not np.isclose(heights.mean(), 1):
        raise ValueError(
            f"`heights` must be densities >= 0 of mean 1. Got {heights.min():g} to "
            f"{heights.max():g} of mean {heights.mean():g} for {name!r}."
        )
    return heights
