"""A decision tree drawn from left to right."""

import numpy as np

from skgalaxy._validation import check_int
from skgalaxy.plotting._style import BLACK, GREEN, GREY, QUIET, STYLE, pyplot
from skgalaxy.votes import DecisionTree

# in heights of a line of text: a line, the room between boxes above and beside another, a letter
LINE, GAP, ASIDE, LETTER = 1.0, 1.2, 1.6, 0.15


class DecisionTreeDisplay:
    """Who is asked what: questions as boxes, and from each answer the questions it leads to.

    With predicted fractions, a line is as thick as the share of volunteers who take it, and each
    question says how many are expected to be asked.

    Parameters
    ----------
    tree : skgalaxy.votes.DecisionTree
        The questions.
    fractions : mapping of str to array-like of shape (n_galaxies,) or float, default=None
        Predicted vote fractions by ``"{question}_{answer}"``, as for `DecisionTree.expected_votes`;
        the mean over galaxies is drawn.
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

    Raises
    ------
    TypeError
        If `tree` is no DecisionTree.
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

    def __init__(self, tree, fractions=None, *, n_votes=40):
        if not isinstance(tree, DecisionTree):
            raise TypeError(f"`tree` must be a DecisionTree. Got {type(tree).__name__}.")
        self.tree = tree
        self.n_votes = check_int(n_votes, "n_votes", 1)
        self.fractions = fractions
        self.expected_ = {}
        if fractions is not None:
            self.expected_ = {
                question: float(np.mean(tree.expected_votes(question, fractions, self.n_votes)))
                for question in tree.questions
            }

    def plot(self, ax=None):
        """Draw the tree.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a figure.

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
        texts = [*titles.values(), *(a for q in titles for a in self.tree.answers(q))]
        self._width = LETTER * max(map(len, texts)) + 0.3
        places = _layout(self.tree, self._width + ASIDE)
        right = max(x for x, _ in places.values()) + self._width
        top = max(y for _, y in places.values())
        bottom = min(y - _height(self.tree, question) for question, (_, y) in places.items())
        with plt.rc_context(STYLE):
            if ax is None:
                size = (0.48 * right + 0.2, 0.2 * (top - bottom) + 0.5)
                _, ax = plt.subplots(figsize=size, layout="constrained")
            self.ax_, self.figure_ = ax, ax.figure
            self.boxes_, self.texts_, self.lines_ = {}, {}, {}
            for question, place in places.items():
                self._plot_question(question, titles[question], *place)
            for question in self.tree.questions:
                for parent, answer in self.tree.parents(question):
                    self._plot_line(parent, answer, question, places)
            ax.set(xlim=(-0.2, right + 0.2), ylim=(bottom - 0.3, top + 0.3), xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            of = f": votes expected of {self.n_votes} volunteers" if self.expected_ else ""
            ax.set_title(self.tree.name + of)
        return self

    def _title(self, question):
        return question + (f"  {self.expected_[question]:.1f}" if self.expected_ else "")

    def _plot_question(self, question, title, x, y):
        """Draw a box with its upper left corner at x, y."""
        from matplotlib.patches import FancyBboxPatch

        height = _height(self.tree, question)
        box = FancyBboxPatch(
            (x, y - height), self._width, height, boxstyle="round,pad=0,rounding_size=0.2"
        )
        box.set(facecolor="white", edgecolor=GREY, linewidth=0.8, zorder=2)
        self.boxes_[question] = self.ax_.add_patch(box)
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

    def _plot_line(self, parent, answer, question, places):
        """Draw a curve from an answer to the question it leads to."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        (x, y), (end_x, end_y) = places[parent], places[question]
        start = x + self._width, y - LINE * (self.tree.answers(parent).index(answer) + 1.6)
        end = end_x, end_y - LINE * 0.6
        middle = (start[0] + end[0]) / 2
        codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
        path = Path([start, (middle, start[1]), (middle, end[1]), end], codes)
        curve = PathPatch(path, facecolor="none", edgecolor=GREEN, capstyle="round", zorder=1)
        curve.set_linewidth(self._share(parent, answer))
        self.lines_[parent, answer, question] = self.ax_.add_patch(curve)

    def _share(self, parent, answer):
        """Return the thickness in points of the lines from an answer."""
        if not self.expected_:
            return 1.2
        expected = self.tree.expected_votes(parent, self.fractions, self.n_votes)
        said = np.asarray(self.fractions[f"{parent}_{answer}"])
        return 0.4 + 8 * float(np.mean(expected * said)) / self.n_votes


def _height(tree, question):
    return LINE * (len(tree.answers(question)) + 1.2)


def _layout(tree, step):
    """Return the upper left corner of each question's box: x by its depth, y by its parents'."""
    depths, places = {}, {}
    for question in tree.questions:
        depths[question] = 1 + max(
            (depths[parent] for parent, _ in tree.parents(question)), default=-1
        )
    for depth in range(max(depths.values()) + 1):
        column = [question for question in tree.questions if depths[question] == depth]
        # the answers they follow, from the top: then lines of one column do not cross
        middle = {question: _middle(tree, question, places) for question in column}
        column.sort(key=lambda question: -middle[question])
        heights = [_height(tree, question) for question in column]
        y = np.mean(list(middle.values())) + (sum(heights) + GAP * (len(column) - 1)) / 2
        for question, height in zip(column, heights, strict=True):
            places[question] = depth * step, y
            y -= height + GAP
    return places


def _middle(tree, question, places):
    """Return the mean height of the answers a question follows."""
    heights = [
        places[parent][1] - LINE * (tree.answers(parent).index(answer) + 1.6)
        for parent, answer in tree.parents(question)
    ]
    return float(np.mean(heights)) if heights else 0.0
