"""A decision tree drawn from left to right."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike

from skgalaxy._validation import check_int
from skgalaxy.plotting._style import BLACK, BLUE, GREEN, GREY, QUIET, STYLE, hide_frame, pyplot
from skgalaxy.tree_posterior import TreePosterior
from skgalaxy.votes import DecisionTree

if TYPE_CHECKING:  # matplotlib is an extra, imported only to draw
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import FancyBboxPatch, PathPatch
    from matplotlib.text import Text

Place: TypeAlias = tuple[float, float]  # x to the right, y upwards
# in heights of a line of text: a line, the room between boxes above and beside another, a letter
LINE, GAP, ASIDE, LETTER = 1.0, 1.2, 1.6, 0.15
SCALE, NUMBER = 2.4, 0.8  # of a posterior: the scale from 0 to 1, and the mean beside it


class DecisionTreeDisplay:
    """Questions as boxes, with a line from each answer to the questions that it leads to.

    If you pass predicted fractions, the thickness of a line is the share of volunteers who take it,
    and a number beside each question is the expected number of votes on it.

    Parameters
    ----------
    tree : skgalaxy.votes.DecisionTree
        The questions.
    fractions : mapping of str to array-like of shape (n_galaxies,) or float, default=None
        Predicted vote fractions by ``"{question}_{answer}"``, for example
        ``{"disk-edge-on_no": [0.5, 1.0]}``; the mean over galaxies is drawn.
    n_votes : int, default=40
        Volunteers who are shown a galaxy.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes
    expected_ : dict of str to float
        The expected votes on each question; empty without fractions.
    boxes_ : dict of str to FancyBboxPatch
        By question.
    texts_ : dict of str to list of Text
        By question, its title and then its answers.
    lines_ : dict of (str, str, str) to PathPatch
        By question, answer, and the question it leads to.
    intervals_, means_ : dict of (str, str) to Line2D
        By question and answer, on a scale from 0 to 1; empty without a posterior.

    See Also
    --------
    from_posterior : One galaxy's posterior down the tree.

    Raises
    ------
    TypeError
        If `tree` is not a DecisionTree.
    ValueError
        If `fractions` lack an answer that leads to a question, or are not in [0, 1].

    Examples
    --------
    >>> from skgalaxy.plotting import DecisionTreeDisplay
    >>> from skgalaxy.votes import DecisionTree
    >>> answers = {"disk-edge-on": ["yes", "no"], "bar": ["yes", "no"]}
    >>> tree = DecisionTree(answers, {"bar": ["disk-edge-on_no"]})
    >>> display = DecisionTreeDisplay(tree, {"disk-edge-on_no": [0.5, 1.0]}, n_votes=40).plot()
    >>> print(display.expected_, *display.lines_)
    {'disk-edge-on': 40.0, 'bar': 30.0} ('disk-edge-on', 'no', 'bar')
    """

    n_votes: int
    figure_: "Figure"  # the SubFigure, if you pass axes of one
    ax_: "Axes"
    boxes_: "dict[str, FancyBboxPatch]"
    texts_: "dict[str, list[Text]]"
    lines_: "dict[tuple[str, str, str], PathPatch]"
    intervals_: "dict[tuple[str, str], Line2D]"
    means_: "dict[tuple[str, str], Line2D]"

    def __init__(
        self,
        tree: DecisionTree,
        fractions: Mapping[str, ArrayLike] | None = None,
        *,
        n_votes: int = 40,
    ) -> None:
        if not isinstance(tree, DecisionTree):
            raise TypeError(f"`tree` must be a DecisionTree. Got {type(tree).__name__}.")
        self.tree = tree
        self.n_votes = check_int(n_votes, "n_votes", 1)
        self.fractions = fractions
        self.level: float | None = None
        self._estimates: dict[tuple[str, str], tuple[float, float, float]] = {}
        self.expected_: dict[str, float] = {}
        if fractions is not None:
            self.expected_ = {
                question: float(np.mean(tree.expected_votes(question, fractions, self.n_votes)))
                for question in tree.questions
            }

    @classmethod
    def from_posterior(
        cls, posterior: TreePosterior, *, n_votes: int = 40, level: float = 0.9
    ) -> Self:
        """One galaxy's posterior down the tree.

        Beside every answer is the mean of its fraction, among those who are asked, and its central
        credible interval, on a scale from 0 to 1.

        Parameters
        ----------
        posterior : TreePosterior of one galaxy
            For example ``posterior[:1]``.
        n_votes : int, default=40
            Volunteers who are shown the galaxy.
        level : float in (0, 1), default=0.9
            Posterior mass within the intervals.

        Returns
        -------
        display : DecisionTreeDisplay

        Raises
        ------
        TypeError
            If it is not the posterior of a tree.
        ValueError
            If it is not of one galaxy; if its model had no votes on a question; if `level` is
            out of range.

        Examples
        --------
        >>> from skgalaxy import TreePosterior
        >>> from skgalaxy.likelihoods import Multinomial, TreeLikelihood
        >>> from skgalaxy.plotting import DecisionTreeDisplay
        >>> from skgalaxy.votes import DecisionTree
        >>> tree = DecisionTree({"bar": ["yes", "no"]})
        >>> likelihood = TreeLikelihood(tree, {"bar": Multinomial([[[0.9, 0.1], [0.7, 0.3]]])})
        >>> display = DecisionTreeDisplay.from_posterior(TreePosterior(likelihood)).plot()
        >>> print(display.means_["bar", "yes"].get_label())
        0.80
        """
        if not isinstance(posterior, TreePosterior):
            raise TypeError(f"`posterior` must be a TreePosterior. Got {type(posterior).__name__}.")
        if len(posterior) != 1:
            raise ValueError(
                f"`posterior` must be of one galaxy. Got {len(posterior)}; choose one, "
                "posterior[:1]."
            )
        tree = posterior.tree
        unknown = posterior.likelihood.not_learned()
        if unknown:
            raise ValueError(
                "`posterior` must be of a model that has learned all questions of its tree. Got "
                f"one that had no votes on {', '.join(unknown)}; train with votes on them, or with "
                "a tree without them."
            )
        ends = posterior.interval(level)  # before the rest: it checks `level`
        # of every draw: networks that differ on a parent differ on who is asked
        draws = np.clip(posterior.draws[0], 0, 1)
        display = cls(tree, dict(zip(tree.columns, draws.T, strict=True)), n_votes=n_votes)
        display.level = level
        names = [(question, a) for question in tree.questions for a in tree.answers(question)]
        values = np.stack([posterior.mean[0], ends[0][0], ends[1][0]], axis=1).tolist()
        display._estimates = {name: (*each,) for name, each in zip(names, values, strict=True)}
        return display

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the tree, with its name as the title.

        Parameters
        ----------
        ax : Axes, default=None
            The axes to draw on. By default you get a new figure.

        Returns
        -------
        self : DecisionTreeDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(self)
        titles = {question: self._title(question) for question in self.tree.questions}
        # all boxes are as wide as the longest text: then columns are straight
        texts = [*titles.values(), *(a for q in titles for a in self.tree.answers(q))]
        self._width = LETTER * max(map(len, texts)) + 0.3
        self._width += SCALE + NUMBER if self._estimates else 0
        places = _layout(self.tree, self._width + ASIDE)
        right = max(x for x, _ in places.values()) + self._width
        top = max(y for _, y in places.values())
        bottom = min(y - _height(self.tree, question) for question, (_, y) in places.items())
        with plt.rc_context(STYLE):
            if ax is None:
                # inches: a unit of 0.48 by 0.2 holds a line of text of 7.5 points
                size = (0.48 * right + 0.2, 0.2 * (top - bottom) + 0.5)
                self.ax_ = plt.subplots(figsize=size, layout="constrained")[1]
            else:
                self.ax_ = ax
            self.figure_ = cast("Figure", self.ax_.figure)
            self.boxes_, self.texts_, self.lines_ = {}, {}, {}
            self.intervals_, self.means_ = {}, {}
            for question, place in places.items():
                self._plot_question(question, titles[question], *place)
            # after all boxes: a line needs both ends
            for question in self.tree.questions:
                for parent, answer in self.tree.parents(question):
                    self._plot_line(parent, answer, question, places)
            for question, answer in self._estimates:
                self._plot_estimate(question, answer, places)
            # patches do not move the limits of the axes, so these are set
            self.ax_.set(xlim=(-0.2, right + 0.2), ylim=(bottom - 0.3, top + 0.3))
            hide_frame(self.ax_)
            of = f": votes expected of {self.n_votes} volunteers" if self.expected_ else ""
            what = f"; mean and {100 * self.level:g} % interval" if self.level else ""
            self.ax_.set_title(self.tree.name + of + what)
        return self

    def _title(self, question: str) -> str:
        """Question and, if known, its expected votes."""
        return question + (f"  {self.expected_[question]:.1f}" if self.expected_ else "")

    def _plot_question(self, question: str, title: str, x: float, y: float) -> None:
        """Draw a box with its upper left corner at x, y."""
        from matplotlib.patches import FancyBboxPatch  # an extra: only to draw

        height = _height(self.tree, question)
        box = FancyBboxPatch(
            (x, y - height), self._width, height, boxstyle="round,pad=0,rounding_size=0.2"
        )
        # white over the lines (zorder 1), under its own text (3)
        box.set(facecolor="white", edgecolor=GREY, linewidth=0.8, zorder=2)
        self.boxes_[question] = box
        self.ax_.add_patch(box)
        lines = [
            (title, BLACK, "bold"),
            *((a, QUIET, "normal") for a in self.tree.answers(question)),
        ]
        self.texts_[question] = [
            self.ax_.text(
                *(x + 0.15, y - LINE * (n + 0.6)),
                text,
                color=colour,
                weight=weight,
                va="center",
                fontsize=7.5,
                zorder=3,
            )
            for n, (text, colour, weight) in enumerate(lines)
        ]

    def _plot_estimate(self, question: str, answer: str, places: Mapping[str, Place]) -> None:
        """Draw mean and interval beside an answer, and the scale they are on."""
        mean, low, high = self._estimates[question, answer]
        y = _answer_height(self.tree, question, answer, places)
        right = places[question][0] + self._width
        left = right - NUMBER - SCALE

        def line(start: float, end: float, **style: Any) -> "Line2D":
            x = [left + SCALE * start, left + SCALE * end]
            return self.ax_.plot(x, [y, y], solid_capstyle="butt", zorder=3, **style)[0]

        line(0, 1, color=GREY, linewidth=0.5)
        self.intervals_[question, answer] = line(low, high, color=BLUE, linewidth=3, alpha=0.6)
        dot = line(mean, mean, color=BLACK, marker="o", markersize=3, label=f"{mean:.2f}")
        self.means_[question, answer] = dot
        self.ax_.text(
            *(right - 0.15, y, f"{mean:.2f}"),
            **{"ha": "right", "va": "center", "fontsize": 7, "color": QUIET, "zorder": 3},
        )

    def _plot_line(
        self, parent: str, answer: str, question: str, places: Mapping[str, Place]
    ) -> None:
        """Draw a curve from an answer to a question after it."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        end_x, end_y = places[question]
        start = places[parent][0] + self._width, _answer_height(self.tree, parent, answer, places)
        end = end_x, end_y - LINE * 0.6
        # control points half way make both ends horizontal, so a line shows its answer
        middle = (start[0] + end[0]) / 2
        codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
        path = Path([start, (middle, start[1]), (middle, end[1]), end], codes)
        curve = PathPatch(path, facecolor="none", edgecolor=GREEN, capstyle="round", zorder=1)
        curve.set_linewidth(self._thickness(parent, answer))
        self.lines_[parent, answer, question] = curve
        self.ax_.add_patch(curve)

    def _thickness(self, parent: str, answer: str) -> float:
        """Thickness in points of the lines from an answer."""
        if self.fractions is None:
            return 1.2
        expected = self.tree.expected_votes(parent, self.fractions, self.n_votes)
        said = np.asarray(self.fractions[f"{parent}_{answer}"])
        # linear in the share of all volunteers; 0.4 keeps a line that nobody takes visible
        return 0.4 + 8 * float(np.mean(expected * said)) / self.n_votes


def _height(tree: DecisionTree, question: str) -> float:
    """Height of a box: a line for the question and one for each answer, with margins."""
    return LINE * (len(tree.answers(question)) + 1.2)


def _answer_height(
    tree: DecisionTree, question: str, answer: str, places: Mapping[str, Place]
) -> float:
    """Height of the middle of an answer's line of text."""
    return places[question][1] - LINE * (tree.answers(question).index(answer) + 1.6)


def _layout(tree: DecisionTree, step: float) -> dict[str, Place]:
    """Upper left corner of each question's box: x by its depth, y by its parents'."""
    depths: dict[str, int] = {}
    places: dict[str, Place] = {}
    # parents come first in `questions`, so their depths are known
    for question in tree.questions:
        depths[question] = 1 + max(
            (depths[parent] for parent, _ in tree.parents(question)), default=-1
        )
    for depth in range(max(depths.values()) + 1):
        column = [question for question in tree.questions if depths[question] == depth]
        # in the order of the answers before them: then lines into one column do not cross
        middle = {question: _middle(tree, question, places) for question in column}
        column.sort(key=lambda question: -middle[question])
        heights = [_height(tree, question) for question in column]
        # the column is centred on the answers before it, which keeps lines short
        y = float(np.mean(list(middle.values()))) + (sum(heights) + GAP * (len(column) - 1)) / 2
        for question, height in zip(column, heights, strict=True):
            places[question] = depth * step, y
            y -= height + GAP
    return places


def _middle(tree: DecisionTree, question: str, places: Mapping[str, Place]) -> float:
    """Mean height of the answers that lead to a question."""
    heights = [
        _answer_height(tree, parent, answer, places) for parent, answer in tree.parents(question)
    ]
    return float(np.mean(heights)) if heights else 0.0
