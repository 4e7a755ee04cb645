"""Coverage of posteriors: predicted and observed shares of galaxies near the prediction."""

from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_choice, check_float, check_int
from skgalaxy.metrics import vote_coverage
from skgalaxy.plotting._calibration_display import (
    CalibrationDisplay,
    as_named,
    check_posteriors,
    check_shares,
    kind_and_length,
    named_panels,
)
from skgalaxy.plotting._entries import describe_display
from skgalaxy.plotting._style import (
    BLACK,
    BLUE,
    STYLE,
    VERMILLION,
    check_rows,
    name_data,
    pyplot,
)

if TYPE_CHECKING:  # matplotlib is an extra, imported only to draw
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D

PUBLISHED = {"fraction": 0.2, "votes": 5}  # half-widths of the paper and of its preprint
Unit: TypeAlias = Literal["fraction", "votes"]
Row: TypeAlias = NDArray[np.float64]  # a number for each half-width


class CoverageDisplay(CalibrationDisplay):
    """Predicted and observed coverage against the half-width, and the gap between them.

    Each posterior has a panel. The dashed line is the posterior mass within the half-width of the
    expected votes. The full line is the share of galaxies with their votes there. The posterior is
    too sure where the dashed line is above; the gap is shaded. At one half-width, for example 0.2,
    you can read its size.

    Parameters
    ----------
    coverage : namedtuple of arrays of shape (n_widths,), or dict of str to such
        half_widths, increasing; predicted and observed, in [0, 1]. `vote_coverage` returns them.
        Pass a dict if you compare several.
    n_galaxies : int
        Number of galaxies observed, for the standard error.
    unit : {"fraction", "votes"}, default="fraction"
        Unit of the half-widths.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (n_posteriors,)
    errors_ : dict of str to float
        Coverage error at the half-width marked, predicted less observed, per posterior.
    predicted_lines_, observed_lines_, error_lines_ : dict of str to Line2D
        The curves, and the mark of the error.
    gaps_ : dict of str to tuple of two PolyCollection
        The shaded areas: one where the posterior is too sure, one where it is too wide.
    legends_ : dict of str to Legend
        The figures at the half-width marked, beside the line they belong to.

    See Also
    --------
    skgalaxy.metrics.vote_coverage : The numbers.
    PITDisplay : The same question, and bias, for the whole distribution.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424).

    Examples
    --------
    >>> from skgalaxy.metrics import vote_coverage
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.plotting import CoverageDisplay
    >>> pmf = VotePosterior([[0.5], [0.5]]).pmf(40)
    >>> coverage = vote_coverage([[2, 40], [20, 40]], pmf, [0.0, 0.1, 0.2, 0.3])
    >>> display = CoverageDisplay(coverage, n_galaxies=2).plot()
    >>> print(round(display.errors_["posterior"], 3))
    0.494
    """

    coverage: dict[str, tuple[Row, Row, Row]]
    n_galaxies: int
    unit: str
    errors_: dict[str, float]
    predicted_lines_: "dict[str, Line2D]"
    observed_lines_: "dict[str, Line2D]"
    error_lines_: "dict[str, Line2D]"
    gaps_: "dict[str, tuple[PolyCollection, PolyCollection]]"
    legends_: "dict[str, Legend]"

    def __init__(self, coverage: Any, n_galaxies: int, *, unit: Unit = "fraction") -> None:
        self.coverage = {
            name: _check_coverage(name, curve)
            for name, curve in as_named(coverage, "coverage").items()
        }
        self.n_galaxies = check_int(n_galaxies, "n_galaxies", 1)
        self.unit = check_choice(unit, "unit", tuple(PUBLISHED))

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        half_widths: ArrayLike | None = None,
        unit: Unit = "fraction",
        **plot_params: Any,
    ) -> Self:
        return super().from_estimator(
            estimator, X, y, half_widths=half_widths, unit=unit, **plot_params
        )

    @classmethod
    @describe_display
    def from_predictions(
        cls,
        y: ArrayLike,
        posterior: Any,
        *,
        half_widths: ArrayLike | None = None,
        unit: Unit = "fraction",
        **plot_params: Any,
    ) -> Self:
        """Plot the coverage of posteriors predicted before.

        Parameters
        ----------
        {y, posteriors}
        half_widths : array-like of shape (n_widths,), default=None
            Half-widths to compare at, increasing. By default they go from 0 to half the votes.
        unit : {"fraction", "votes"}, default="fraction"
            "fraction" if you give half-widths as fractions of the galaxy's N, "votes" if as
            numbers of votes.
        **plot_params
            As in `plot`, for example `half_width`.

        Returns
        -------
        display : CoverageDisplay

        Raises
        ------
        ValueError
            If `y` does not hold counts, a posterior is of other galaxies, or you pass
            probabilities of outcomes (`VotePosterior.pmf`) instead of draws.

        Examples
        --------
        >>> from skgalaxy.plotting import CoverageDisplay
        >>> y = [[2, 40], [20, 40]]
        >>> draws = {"one network": [[0.5], [0.5]], "dropout": [[0.1, 0.9], [0.5, 0.5]]}
        >>> display = CoverageDisplay.from_predictions(y, draws, unit="votes")
        >>> print({name: round(error, 2) for name, error in display.errors_.items()})
        {'one network': 0.42, 'dropout': -0.04}
        """
        check_choice(unit, "unit", tuple(PUBLISHED))
        n_votes, posteriors = check_posteriors(y, posterior)
        if half_widths is None:
            # both grids hold the published half-width, which `plot` marks
            in_votes = np.arange(n_votes.max() // 2 + 1)
            half_widths = in_votes if unit == "votes" else np.linspace(0, 0.5, 51)
        coverage = {
            name: vote_coverage(y, one.pmf(n_votes), half_widths, unit=unit)
            for name, one in posteriors.items()
        }
        n_galaxies = int(np.count_nonzero(n_votes))  # those that the metric has not left out
        return cls(coverage, n_galaxies, unit=unit).plot(**plot_params)

    @describe_display
    def plot(
        self,
        ax: Any = None,
        *,
        half_width: float | None = None,
        data_name: str | None = None,
    ) -> Self:
        """Draw a panel per posterior.

        Parameters
        ----------
        ax : Axes or array-like of Axes of shape (n_posteriors,), default=None
            The axes to draw on. By default you get a new figure.
        half_width : float, default=None
            The half-width to mark, where you can read the coverage error; the nearest one in the
            curve is taken. The default is the published 0.2 of the vote fraction, or 5 votes.
        {data_name}

        Returns
        -------
        self : CoverageDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `ax` has another shape, or `half_width` is negative.
        """
        half_width = PUBLISHED[self.unit] if half_width is None else half_width
        half_width = check_float(half_width, "half_width", 0, np.inf)
        plt = pyplot(self)
        self.predicted_lines_, self.observed_lines_, self.gaps_ = {}, {}, {}
        self.errors_, self.error_lines_, self.legends_ = {}, {}, {}
        with plt.rc_context(STYLE):
            self._keep_axes(named_panels(plt, ax, self.coverage, data_name))
            for panel, (name, curve) in zip(self.axes_, self.coverage.items(), strict=True):
                self._plot_curves(panel, name, *curve)
                self._plot_error(panel, name, half_width, *curve)
                # a single half-width of 0 leaves the right limit to matplotlib
                panel.set(xlim=(0, curve[0][-1] or None), ylim=(0, 1.02))
                of = {"fraction": "vote fraction", "votes": "votes"}[self.unit]
                panel.set_xlabel(f"half-width of the interval ({of})")
            self.axes_[0].set_ylabel("coverage (share of galaxies)")
            name_data(self.figure_, data_name)
        return self

    def _plot_curves(
        self, ax: "Axes", name: str, half_widths: Row, predicted: Row, observed: Row
    ) -> None:
        """Draw both curves, and shade the gap by its sign."""
        (self.predicted_lines_[name],) = ax.plot(
            half_widths, predicted, color=BLACK, linestyle=(0, (4, 2)), linewidth=1.3
        )
        (self.observed_lines_[name],) = ax.plot(half_widths, observed, color=BLACK, linewidth=1.8)
        # interpolate: the shades meet where the curves cross, also between two half-widths
        shade: dict[str, Any] = {"interpolate": True, "linewidth": 0, "alpha": 0.35}
        too_sure = predicted >= observed
        self.gaps_[name] = (
            ax.fill_between(
                half_widths, predicted, observed, where=too_sure, color=VERMILLION, **shade
            ),
            ax.fill_between(half_widths, predicted, observed, where=~too_sure, color=BLUE, **shade),
        )

    def _plot_error(
        self,
        ax: "Axes",
        name: str,
        half_width: float,
        half_widths: Row,
        predicted: Row,
        observed: Row,
    ) -> None:
        """Mark the coverage error at the half-width nearest to the one asked for."""
        place = np.abs(half_widths - half_width).argmin()
        # the posterior said, the votes have shown
        said, seen = predicted[place], observed[place]
        self.errors_[name] = float(said - seen)
        (self.error_lines_[name],) = ax.plot(
            [half_widths[place]] * 2,
            [seen, said],
            color=VERMILLION if said >= seen else BLUE,
            marker="_",
            markersize=7,
            linewidth=1.6,
            zorder=3,  # over both curves
        )
        self._plot_legend(ax, name, half_widths[place], said, seen)

    def _plot_legend(
        self, ax: "Axes", name: str, half_width: float, said: float, seen: float
    ) -> None:
        """Write the figures at the half-width marked beside the line they belong to."""
        scatter = _standard_error(seen, self.n_galaxies)
        # a gap of two standard errors may be chance, and gets no name
        verdict = "too sure" if said > seen else "too wide"
        verdict = "off" if abs(said - seen) <= 2 * scatter else verdict
        texts = {
            f"predicted {100 * said:.1f} %": self.predicted_lines_[name],
            f"observed {100 * seen:.1f} %": self.observed_lines_[name],
            f"{verdict} by {100 * abs(said - seen):.1f} ± {100 * scatter:.1f} %": (
                self.error_lines_[name]
            ),
        }
        self.legends_[name] = ax.legend(
            list(texts.values()),
            list(texts),
            title=f"within ±{half_width:g}" + (" votes" if self.unit == "votes" else ""),
            alignment="left",
            loc="lower right",
            frameon=False,
            fontsize=8,
            title_fontsize=8,
        )


def _check_coverage(name: str, curve: Any) -> tuple[Row, Row, Row]:
    """Half-widths, predicted and observed coverage as float64 arrays of one length."""
    try:
        half_widths, predicted, observed = curve
    except (TypeError, ValueError) as error:
        raise TypeError(
            "`coverage` must be half_widths, predicted and observed, as `vote_coverage` returns "
            f"them. Got {kind_and_length(curve)} for {name!r}."
        ) from error
    half_widths = check_rows(half_widths, "half_widths", None)
    if len(half_widths) == 0 or (np.diff(half_widths) <= 0).any() or half_widths[0] < 0:
        raise ValueError(
            f"`half_widths` must increase from 0 or more. Got {half_widths.tolist()} for {name!r}."
        )
    shares = (check_shares(predicted, "predicted", name), check_shares(observed, "observed", name))
    if {len(share) for share in shares} != {len(half_widths)}:
        raise ValueError(
            "`half_widths`, `predicted` and `observed` must be as long as each other. "
            f"Got {len(half_widths)}, {len(shares[0])} and {len(shares[1])} for {name!r}."
        )
    return half_widths, *shares


def _standard_error(rate: float, n_galaxies: int) -> float:
    """Standard error of an observed share; it is not 0 for a share of 0 or 1."""
    # Agresti & Coull 1998: as if two more galaxies lay inside the interval, and two outside
    rate = (rate * n_galaxies + 2) / (n_galaxies + 4)
    return np.sqrt(rate * (1 - rate) / (n_galaxies + 4))
