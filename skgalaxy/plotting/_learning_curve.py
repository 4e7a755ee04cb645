"""How strategies improve with labels, against the noise floor of the votes."""

import numpy as np
from sklearn.isotonic import isotonic_regression

from skgalaxy._validation import check_choice, check_float
from skgalaxy.plotting._style import (
    QUIET,
    STRATEGY_COLOURS,
    STRATEGY_MARKERS,
    STYLE,
    check_rows,
    pyplot,
)


class LearningCurveDisplay:
    """Scores of strategies as labels are bought, with the noise floor no strategy can pass.

    Parameters
    ----------
    n_labels : array-like of shape (n_rounds,)
        Labelled galaxies at each round, increasing.
    scores : dict of str to array-like of shape (n_rounds,) or (n_repeats, n_rounds)
        For each strategy its scores, of one run or of several (at least five, to compare).
    score_name : str
        Label of the y axis.
    floor : float, default=None
        The score of a perfect model, which the votes' own binomial scatter keeps off zero.
    baseline : float, default=None
        The score of predicting the mean for every galaxy.

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

    def __init__(self, n_labels, scores, *, score_name, floor=None, baseline=None):
        self.n_labels = check_rows(n_labels, "n_labels", None)
        if len(self.n_labels) == 0 or (np.diff(self.n_labels) <= 0).any():
            raise ValueError(
                "`n_labels` must increase from round to round, with at least one. "
                f"Got {self.n_labels.tolist()}."
            )
        if not isinstance(scores, dict) or not scores:
            raise TypeError(
                "`scores` must be a dict of strategy name to scores, at least one. "
                f"Got {type(scores).__name__}."
            )
        self.scores = {name: self._check_scores(name, rounds) for name, rounds in scores.items()}
        self.score_name = score_name
        self.floor = None if floor is None else check_float(floor, "floor", -np.inf, np.inf)
        self.baseline = baseline
        if baseline is not None:
            self.baseline = check_float(baseline, "baseline", -np.inf, np.inf)

    def _check_scores(self, name, rounds):
        rounds = np.asarray(rounds, dtype=np.float64)
        n_rounds = len(self.n_labels)
        if rounds.ndim not in (1, 2) or rounds.size == 0 or rounds.shape[-1] != n_rounds:
            raise ValueError(
                f"`scores` must have shape ({n_rounds},) or (n_repeats, {n_rounds}) as `n_labels`. "
                f"Got shape {rounds.shape} for {name!r}."
            )
        if not np.isfinite(rounds).all():
            raise ValueError(f"`scores` must be finite. Got NaN or infinity for {name!r}.")
        return np.atleast_2d(rounds)

    def plot(self, ax=None, *, band="standard error"):
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a figure.
        band : {"standard error", "range"}, default="standard error"
            Width of the band over repeats: the mean ± its standard error, or all of them from
            the least to the greatest.

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
        band = check_choice(band, "band", ("standard error", "range"))
        plt = pyplot(self)
        self.lines_, self.bands_ = {}, {}
        with plt.rc_context(STYLE):
            if ax is None:
                _, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
            self.ax_, self.figure_ = ax, ax.figure
            for place, (name, scores) in enumerate(self.scores.items()):
                self._plot_strategy(place, name, scores, band)
            self.floor_line_ = self._plot_reference(self.floor, (0, (4, 2)))
            self.baseline_line_ = self._plot_reference(self.baseline, (0, (1, 1.5)))
            ax.margins(x=0.03, y=0.08)
            ax.set(xlabel="labelled galaxies", ylabel=self.score_name)
            self._plot_labels()
            self._plot_note(band)
        return self

    def _plot_strategy(self, place, name, scores, band):
        colour = STRATEGY_COLOURS[place % len(STRATEGY_COLOURS)]
        marker = STRATEGY_MARKERS[place % len(STRATEGY_MARKERS)]
        mean = scores.mean(axis=0)
        (self.lines_[name],) = self.ax_.plot(
            self.n_labels, mean, color=colour, marker=marker, markersize=4, linewidth=1.6
        )
        if len(scores) == 1:
            return
        low, high = scores.min(axis=0), scores.max(axis=0)
        if band == "standard error":
            error = scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
            low, high = mean - error, mean + error
        self.bands_[name] = self.ax_.fill_between(
            self.n_labels, low, high, color=colour, alpha=0.18, linewidth=0
        )

    def _plot_reference(self, height, dashes):
        if height is None:
            return None
        return self.ax_.axhline(height, color=QUIET, linestyle=dashes, linewidth=1.1, zorder=1)

    def _plot_labels(self):
        """Label every line at its right end, moved up or down only as far as they would touch."""
        references = {"noise floor": self.floor_line_, "predict the mean": self.baseline_line_}
        lines = self.lines_ | {name: line for name, line in references.items() if line is not None}
        self.figure_.figure.draw_without_rendering()  # settles the layout, so the axes' scale
        ends = [(self.n_labels[-1], line.get_ydata()[-1]) for line in lines.values()]
        points = self.ax_.transData.transform(ends)[:, 1] * 72 / self.figure_.dpi
        upward = np.argsort(points, kind="stable")
        # least squares under "each at least a line above the one below" is isotonic regression
        room = 11.0 * np.arange(len(lines))
        shifts = np.empty(len(lines))
        shifts[upward] = isotonic_regression(points[upward] - room) + room - points[upward]
        self.labels_ = {
            name: self.ax_.annotate(
                name,
                (1, height),
                xycoords=("axes fraction", "data"),
                xytext=(4, shift),
                textcoords="offset points",
                va="center",
                color=line.get_color(),
            )
            for (name, line), (_, height), shift in zip(lines.items(), ends, shifts, strict=True)
        }

    def _plot_note(self, band):
        """Say what line and band are, as a reader of the figure alone must know."""
        repeats = sorted({len(scores) for scores in self.scores.values()})
        if repeats == [1]:
            return
        n_repeats = repeats[0] if len(repeats) == 1 else f"{repeats[0]} to {repeats[-1]}"
        width = {"standard error": "± its standard error", "range": "least to greatest"}[band]
        note = f"mean of {n_repeats} runs; band: {width}"
        self.ax_.set_title(note, loc="left", fontsize=8, color=QUIET)
