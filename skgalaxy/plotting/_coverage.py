"""How often votes fall near the prediction, against how often the posterior says they do."""

import numpy as np

from skgalaxy._validation import check_choice, check_float, check_int
from skgalaxy.metrics import vote_coverage
from skgalaxy.plotting._calibration_display import (
    CalibrationDisplay,
    as_named,
    check_posteriors,
    check_shares,
    named_panels,
)
from skgalaxy.plotting._entries import describe_display
from skgalaxy.plotting._style import BLACK, BLUE, STYLE, VERMILLION, check_rows, pyplot

PUBLISHED = {"fraction": 0.2, "votes": 5}  # half-widths of the paper and of its preprint


class CoverageDisplay(CalibrationDisplay):
    """Predicted and observed coverage against the half-width, and the gap between them.

    One panel per posterior. The dashed line is the posterior mass within the half-width of the
    expected votes, the full line the share of galaxies whose votes are there. Where the dashed
    line is above, the posterior is too sure; the gap is shaded, and written in at one half-width.

    Parameters
    ----------
    coverage : namedtuple of arrays of shape (n_widths,), or dict of str to such
        half_widths, increasing; predicted and observed, in [0, 1]: as `vote_coverage` returns
        them. Several by name.
    n_galaxies : int
        How many galaxies were observed.
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
        What is shaded: where the posterior is too sure, and where it is too wide.
    legends_ : dict of str to Legend
        The figures at the half-width marked, beside the line they belong to.

    See Also
    --------
    skgalaxy.metrics.vote_coverage : The numbers.
    PITDisplay : Whether it is too sure or biased.

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

    def __init__(self, coverage, n_galaxies, *, unit="fraction"):
        self.coverage = {
            name: _check_coverage(name, curve)
            for name, curve in as_named(coverage, "coverage").items()
        }
        self.n_galaxies = check_int(n_galaxies, "n_galaxies", 1)
        self.unit = check_choice(unit, "unit", tuple(PUBLISHED))

    @classmethod
    def from_estimator(cls, estimator, X, y, *, half_widths=None, unit="fraction", **plot_params):
        return super().from_estimator(
            estimator, X, y, half_widths=half_widths, unit=unit, **plot_params
        )

    @classmethod
    @describe_display
    def from_predictions(cls, y, posterior, *, half_widths=None, unit="fraction", **plot_params):
        """Plot the coverage of posteriors predicted before.

        Parameters
        ----------
        {y, posteriors}
        half_widths : array-like of shape (n_widths,), default=None
            Where to compare, increasing; None is 0 to half the votes.
        unit : {"fraction", "votes"}, default="fraction"
            Whether half-widths are fractions of the galaxy's N, or numbers of votes.
        **plot_params
            As in `plot`.

        Returns
        -------
        display : CoverageDisplay

        Raises
        ------
        ValueError
            If `y` is no counts, or a posterior is of other galaxies.

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
            in_votes = np.arange(n_votes.max() // 2 + 1)
            half_widths = in_votes if unit == "votes" else np.linspace(0, 0.5, 51)
        coverage = {
            name: vote_coverage(y, one.pmf(n_votes), half_widths, unit=unit)
            for name, one in posteriors.items()
        }
        n_galaxies = np.count_nonzero(n_votes)
        return cls(coverage, n_galaxies, unit=unit).plot(**plot_params)

    def plot(self, ax=None, *, half_width=None):
        """Draw a panel per posterior.

        Parameters
        ----------
        ax : Axes or array-like of Axes of shape (n_posteriors,), default=None
            Where to draw; None makes a figure.
        half_width : float, default=None
            Where to write the coverage error in, at the nearest of the half-widths. None is 0.2
            of the vote fraction, or 5 votes, as published.

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
            self.axes_ = named_panels(plt, ax, self.coverage)
            self.figure_ = self.axes_[0].figure
            for panel, (name, curve) in zip(self.axes_, self.coverage.items(), strict=True):
                self._plot_curves(panel, name, *curve)
                self._plot_error(panel, name, half_width, *curve)
                panel.set(xlim=(0, curve[0][-1] or None), ylim=(0, 1.02))
                of = {"fraction": "vote fraction", "votes": "votes"}[self.unit]
                panel.set_xlabel(f"half-width of the interval ({of})")
            self.axes_[0].set_ylabel("coverage (share of galaxies)")
        return self

    def _plot_curves(self, ax, name, half_widths, predicted, observed):
        (self.predicted_lines_[name],) = ax.plot(
            half_widths, predicted, color=BLACK, linestyle=(0, (4, 2)), linewidth=1.3
        )
        (self.observed_lines_[name],) = ax.plot(half_widths, observed, color=BLACK, linewidth=1.8)
        shade = {"interpolate": True, "linewidth": 0, "alpha": 0.35}
        self.gaps_[name] = tuple(
            ax.fill_between(half_widths, predicted, observed, where=where, color=colour, **shade)
            for where, colour in ((predicted >= observed, VERMILLION), (predicted < observed, BLUE))
        )

    def _plot_error(self, ax, name, half_width, half_widths, predicted, observed):
        place = np.abs(half_widths - half_width).argmin()
        said, seen = predicted[place], observed[place]
        self.errors_[name] = float(said - seen)
        (self.error_lines_[name],) = ax.plot(
            [half_widths[place]] * 2,
            [seen, said],
            color=VERMILLION if said >= seen else BLUE,
            marker="_",
            markersize=7,
            linewidth=1.6,
            zorder=3,
        )
        self._plot_legend(ax, name, half_widths[place], said, seen)

    def _plot_legend(self, ax, name, half_width, said, seen):
        """Write the figures at the half-width marked beside the line they belong to."""
        scatter = _standard_error(seen, self.n_galaxies)
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
            texts.values(),
            texts,
            title=f"within ±{half_width:g}" + (" votes" if self.unit == "votes" else ""),
            alignment="left",
            loc="lower right",
            frameon=False,
            fontsize=8,
            title_fontsize=8,
        )


def _check_coverage(name, curve):
    """Return half-widths, predicted and observed coverage as float64 arrays of one length."""
    try:
        half_widths, predicted, observed = curve
    except (TypeError, ValueError) as error:
        raise TypeError(
            "`coverage` must be half_widths, predicted and observed, as `vote_coverage` returns "
            f"them. Got {type(curve).__name__} for {name!r}."
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


def _standard_error(rate, n_galaxies):
    """Return the standard error of a share observed, which is not 0 for a share of 0 or 1."""
    rate = (rate * n_galaxies + 2) / (n_galaxies + 4)  # Agresti & Coull 1998
    return np.sqrt(rate * (1 - rate) / (n_galaxies + 4))
