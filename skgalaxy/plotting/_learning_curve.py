"""Learning curves of strategies, with the noise floor of the votes."""

from typing import TYPE_CHECKING, Any, Literal, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.isotonic import isotonic_regression

from skgalaxy._validation import (
    check_choice,
    check_float,
    check_numbers,
)
from skgalaxy.plotting._entries import describe_display
from skgalaxy.plotting._strategy_style import StrategyStyle, strategy_styles
from skgalaxy.plotting._style import QUIET, STYLE, check_rows, pyplot

if TYPE_CHECKING:  # matplotlib is an extra, imported only to draw
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.text import Annotation

LABEL_HEIGHT = 11.0  # points that a label takes, with a gap


class LearningCurveDisplay:
    """Scores of strategies as labels are added, with the noise floor that bounds them.

    Each strategy has its own colour and marker, the same in every figure, so that you can compare
    figures. The known ones go by their short names, for example "joint" or "random".

    Parameters
    ----------
    n_labels : array-like of shape (n_rounds,)
        Numbers of labelled galaxies, one for each round, increasing.
    scores : dict of str to array-like of shape (n_rounds,) or (n_repeats, n_rounds)
        For each strategy its scores, of one run or of several. Use at least five if you want to
        compare strategies.
    score_name : str
        Label of the y axis, for example "RMSE".
    floor : float, default=None
        The score of a perfect model: the votes scatter, so it is not zero.
    baseline : float, default=None
        The score of a model that predicts the mean for every galaxy.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes
    lines_ : dict of str to Line2D
        The mean over repeats, per strategy.
    bands_ : dict of str to PolyCollection
        For the strategies with repeats.
    floor_line_, baseline_line_ : Line2D or None
    labels_ : dict of str to Annotation
        The labels at the right end of every line.

    See Also
    --------
    skgalaxy.metrics.vote_noise_floor : The floor of an RMSE.

    Examples
    --------
    >>> from skgalaxy.plotting import LearningCurveDisplay
    >>> scores = {
    ...     "mutual information": [[0.20, 0.14, 0.11], [0.22, 0.14, 0.13]],
    ...     "random": [[0.20, 0.17, 0.14], [0.22, 0.18, 0.16]],
    ... }
    >>> display = LearningCurveDisplay([100, 200, 300], scores, score_name="RMSE", floor=0.06)
    >>> display.plot().lines_["random"].get_ydata()
    array([0.21 , 0.175, 0.15 ])
    """

    n_labels: NDArray[np.float64]
    scores: dict[str, NDArray[np.float64]]
    floor: float | None
    baseline: float | None
    figure_: "Figure"  # the SubFigure, if you pass axes of one
    ax_: "Axes"
    lines_: "dict[str, Line2D]"
    bands_: "dict[str, PolyCollection]"
    floor_line_: "Line2D | None"
    baseline_line_: "Line2D | None"
    labels_: "dict[str, Annotation]"

    def __init__(
        self,
        n_labels: ArrayLike,
        scores: dict[str, Any],
        *,
        score_name: str,
        floor: float | None = None,
        baseline: float | None = None,
    ) -> None:
        self.n_labels = check_rows(n_labels, "n_labels", None)
        if len(self.n_labels) == 0 or (np.diff(self.n_labels) <= 0).any():
            raise ValueError(
                "`n_labels` must increase from round to round, with at least one. "
                f"Got {self.n_labels.tolist()}."
            )
        if not isinstance(scores, dict) or not scores:
            raise TypeError(
                "`scores` must be a dict of strategy name to scores, at least one. "
                f"Got {'an empty dict' if scores == {} else type(scores).__name__}."
            )
        self.scores = {name: self._check_scores(name, rounds) for name, rounds in scores.items()}
        self.score_name = score_name
        self.floor = None if floor is None else check_float(floor, "floor", -np.inf, np.inf)
        self.baseline = baseline
        if baseline is not None:
            self.baseline = check_float(baseline, "baseline", -np.inf, np.inf)

    def _check_scores(self, name: str, given: ArrayLike) -> NDArray[np.float64]:
        """Scores of a strategy as float64 of shape (n_repeats, n_rounds)."""
        rounds = check_numbers(given, "scores")
        n_rounds = len(self.n_labels)
        if rounds.ndim not in (1, 2) or rounds.size == 0 or rounds.shape[-1] != n_rounds:
            raise ValueError(
                f"`scores` must have shape ({n_rounds},) or (n_repeats, {n_rounds}) as `n_labels`. "
                f"Got shape {rounds.shape} for {name!r}."
            )
        bad = ~np.isfinite(rounds)
        if bad.any():
            raise ValueError(f"`scores` must be finite. Got {rounds[bad][0]:g} for {name!r}.")
        return np.atleast_2d(rounds)

    @describe_display
    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        band: Literal["standard error", "range"] = "standard error",
        data_name: str | None = None,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, default=None
            The axes to draw on. By default you get a new figure.
        band : {"standard error", "range"}, default="standard error"
            Band over repeats: "standard error" draws the mean ± its standard error, "range" the
            least and the greatest score. Choose "range" if you want to see single runs that fail.
        {data_name}

        Returns
        -------
        self : LearningCurveDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `band` is neither.
        """
        check_choice(band, "band", ("standard error", "range"))
        plt = pyplot(self)
        self.lines_, self.bands_ = {}, {}
        with plt.rc_context(STYLE):
            if ax is None:
                self.ax_ = plt.subplots(figsize=(6.4, 3.8), layout="constrained")[1]
            else:
                self.ax_ = ax
            self.figure_ = cast("Figure", self.ax_.figure)
            styles = strategy_styles(self.scores)
            for name, scores in self.scores.items():
                self._plot_strategy(name, scores, styles[name], band)
            self.floor_line_ = self._plot_reference(self.floor, (0, (4, 2)))
            self.baseline_line_ = self._plot_reference(self.baseline, (0, (1, 1.5)))
            # room beside the first and last marker, and between the lines and the reference lines
            self.ax_.margins(x=0.03, y=0.08)
            self.ax_.set(xlabel="labelled galaxies", ylabel=self.score_name)
            # after the limits are set, as labels are placed by them
            self._plot_labels()
            self._plot_note(band, data_name)
        return self

    def _plot_strategy(
        self, name: str, scores: NDArray[np.float64], style: StrategyStyle, band: str
    ) -> None:
        """Draw the mean over runs, and the band about it."""
        colour, marker = style
        mean = scores.mean(axis=0)
        (self.lines_[name],) = self.ax_.plot(
            self.n_labels, mean, color=colour, marker=marker, markersize=4, linewidth=1.6
        )
        if len(scores) == 1:  # one run has no spread
            return
        low, high = scores.min(axis=0), scores.max(axis=0)
        if band == "standard error":
            # ddof=1: runs are a sample, and their own mean is subtracted
            error = scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
            low, high = mean - error, mean + error
        self.bands_[name] = self.ax_.fill_between(
            self.n_labels, low, high, color=colour, alpha=0.18, linewidth=0
        )

    def _plot_reference(
        self, height: float | None, dashes: tuple[int, tuple[float, float]]
    ) -> "Line2D | None":
        """Dashed line across the axes, or None."""
        if height is None:
            return None
        return self.ax_.axhline(height, color=QUIET, linestyle=dashes, linewidth=1.1, zorder=1)

    def _plot_labels(self) -> None:
        """Label every line at its right end, and move labels only as far as they would touch."""
        references = {"noise floor": self.floor_line_, "predict the mean": self.baseline_line_}
        lines = self.lines_ | {name: line for name, line in references.items() if line is not None}
        self.figure_.figure.draw_without_rendering()  # settles the layout, so the axes' scale
        ends = [(self.n_labels[-1], np.asarray(line.get_ydata())[-1]) for line in lines.values()]
        # in points, since a label's height is; the transform gives pixels
        points = self.ax_.transData.transform(ends)[:, 1] * 72 / self.figure_.dpi
        upward = np.argsort(points, kind="stable")
        # least squares under "each at least a line above the one below" is isotonic regression
        room = LABEL_HEIGHT * np.arange(len(lines))
        shifts = np.empty(len(lines))
        shifts[upward] = isotonic_regression(points[upward] - room) + room - points[upward]
        self.labels_ = {
            name: self.ax_.annotate(
                name,
                (1, height),  # beyond the last marker, at the edge of the axes
                xycoords=("axes fraction", "data"),
                xytext=(4, shift),
                textcoords="offset points",
                va="center",
                color=line.get_color(),
            )
            for (name, line), (_, height), shift in zip(lines.items(), ends, shifts, strict=True)
        }

    def _plot_note(self, band: str, data_name: str | None) -> None:
        """Name the data, the line and the band, for readers who see the figure alone."""
        repeats = sorted({len(scores) for scores in self.scores.values()})
        n_repeats = repeats[0] if len(repeats) == 1 else f"{repeats[0]} to {repeats[-1]}"
        width = {"standard error": "± its standard error", "range": "least to greatest"}[band]
        runs = "one run" if repeats == [1] else f"mean of {n_repeats} runs; band: {width}"
        note = runs if data_name is None else f"{data_name}: {runs}"
        # one run of unnamed data goes without: a line with markers explains itself
        if repeats != [1] or data_name is not None:
            self.ax_.set_title(note, loc="left", fontsize=8, color=QUIET)
