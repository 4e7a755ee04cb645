"""Galaxies beside their posteriors over votes, of one draw and of all of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_counts, check_int, check_n_votes, first_rows
from skgalaxy.plotting._entries import describe_display
from skgalaxy.plotting._style import (
    BLACK,
    GREEN,
    GREY,
    STYLE,
    VERMILLION,
    as_posterior,
    check_ax,
    check_images,
    hide_frame,
    name_data,
    pyplot,
    refuse_pmf,
    show_image,
    title_height,
)
from skgalaxy.posterior import VotePosterior
from skgalaxy.query import predict_posterior

if TYPE_CHECKING:  # matplotlib is an extra, imported only to draw
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D
    from matplotlib.text import Text


class PosteriorDisplay:
    """Galaxies beside the posteriors over k of N votes: of one draw, and of all of them.

    Each galaxy has a row. A draw is one network of those that dropout makes of yours. Beside the
    image you see the binomial of one draw (black), and then the binomials of all draws (grey) with
    their average (green), which is the posterior. A dashed line marks the volunteers' answer. One
    draw alone is too sure of itself; the average is wider. The highest tenth of the grey peaks may
    leave the frame, because they would flatten the other curves.

    Parameters
    ----------
    images : array-like of shape (n_galaxies, height, width) or (n_galaxies, height, width, 1 or 3)
        uint8, or float in [0, 1].
    posterior : VotePosterior or array-like of shape (n_galaxies, n_draws)
        The posterior, or the vote fractions drawn.
    n_votes : int or array-like of shape (n_galaxies,), default=40
        The number N of volunteers to predict for, if you pass no votes.
    votes : array-like of shape (n_galaxies, 2), default=None
        The volunteers' answers, columns [k, N], for example ``[[11, 38]]``. A galaxy with votes is
        predicted for its own N; one with N = 0 has no answer to mark and keeps `n_votes`.
    names : sequence of str of length n_galaxies, default=None
        Titles of the images.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (n_galaxies, 3)
    images_, single_lines_, draw_lines_, posterior_lines_ : list of length n_galaxies
        Per galaxy its AxesImage, a black Line2D, a list of n_draws grey ones, and a green one.
    vote_lines_ : list of length n_galaxies
        Pairs of Line2D in the second and third column, or None where nobody was asked.
    vote_labels_ : list of length n_galaxies
        A Text, or None where nobody was asked.

    See Also
    --------
    AcquisitionDisplay : The galaxies with the highest and lowest scores.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424).

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.plotting import PosteriorDisplay
    >>> images = np.random.RandomState(0).uniform(size=(2, 8, 8))
    >>> draws = [[0.2, 0.3, 0.6], [0.9, 0.8, 0.9]]
    >>> display = PosteriorDisplay(images, draws, n_votes=40, votes=[[11, 38], [30, 35]]).plot()
    >>> display.axes_.shape
    (2, 3)
    >>> print(display.vote_labels_[0].get_text())
    volunteers: 11 of 38
    """

    images: NDArray[Any]
    n_votes: NDArray[np.int64]
    votes: NDArray[np.int64] | None
    figure_: "Figure"  # the SubFigure, if you pass axes of one
    axes_: NDArray[np.object_]
    images_: "list[AxesImage]"
    single_lines_: "list[Line2D]"
    draw_lines_: "list[list[Line2D]]"
    posterior_lines_: "list[Line2D]"
    vote_lines_: "list[tuple[Line2D, Line2D] | None]"
    vote_labels_: "list[Text | None]"

    def __init__(
        self,
        images: ArrayLike,
        posterior: VotePosterior | ArrayLike,
        n_votes: int | ArrayLike = 40,
        votes: ArrayLike | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        posterior = as_posterior(posterior)
        n_galaxies = len(posterior)
        self.images = check_images(images, n_galaxies, "posterior")
        self.posterior = posterior
        self.n_votes = check_n_votes(n_votes, n_galaxies)
        if (self.n_votes == 0).any():
            row = first_rows(self.n_votes == 0)
            raise ValueError(f"`n_votes` must be at least 1 for every galaxy. Got 0 in row {row}.")
        self.votes = (
            None if votes is None else np.stack(check_counts(votes, "votes", n_galaxies), axis=1)
        )
        if self.votes is not None:
            # a prediction can be compared with an answer only for the same N
            own = self.votes[:, 1]
            self.n_votes = np.where(own > 0, own, self.n_votes)
        refuse_pmf(posterior, self.n_votes)
        if names is not None and len(names) != n_galaxies:
            raise ValueError(f"`names` must have length {n_galaxies}. Got {len(names)}.")
        self.names = names

    @classmethod
    @describe_display
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        images: ArrayLike | None = None,
        n_votes: int | ArrayLike = 40,
        names: Sequence[str] | None = None,
        **plot_params: Any,
    ) -> Self:
        """Predict the posteriors of galaxies and plot them.

        Parameters
        ----------
        {estimator, X}
        y : array-like of shape (n_galaxies, 2), default=None
            The volunteers' answers, columns [k, N], if you have them.
        {images}
        n_votes, names, **plot_params
            As in `PosteriorDisplay` and its `plot`.

        Returns
        -------
        display : PosteriorDisplay

        Raises
        ------
        TypeError
            If `estimator` predicts no posterior.

        Examples
        --------
        >>> import numpy as np
        >>> from skgalaxy import VotePosterior
        >>> from skgalaxy.plotting import PosteriorDisplay
        >>> undecided = VotePosterior([[0.5, 0.5]])  # predicted beforehand
        >>> images = np.zeros((1, 8, 8))
        >>> PosteriorDisplay.from_estimator(undecided, None, images=images).axes_.shape
        (1, 3)
        """
        posterior = predict_posterior(estimator, X)
        shown = X if images is None else images
        return cls(shown, posterior, n_votes, y, names).plot(**plot_params)

    @classmethod
    @describe_display
    def from_predictions(
        cls,
        images: ArrayLike,
        posterior: VotePosterior | ArrayLike,
        y: ArrayLike | None = None,
        *,
        n_votes: int | ArrayLike = 40,
        names: Sequence[str] | None = None,
        **plot_params: Any,
    ) -> Self:
        """Plot posteriors predicted before.

        Parameters
        ----------
        images, posterior
            As in `PosteriorDisplay`.
        y : array-like of shape (n_galaxies, 2), default=None
            The volunteers' answers, columns [k, N], if you have them.
        n_votes, names, **plot_params
            As in `PosteriorDisplay` and its `plot`.

        Returns
        -------
        display : PosteriorDisplay

        Raises
        ------
        ValueError
            If you pass probabilities of outcomes (`VotePosterior.pmf`) instead of draws.

        Examples
        --------
        >>> import numpy as np
        >>> from skgalaxy.plotting import PosteriorDisplay
        >>> display = PosteriorDisplay.from_predictions(np.zeros((1, 8, 8)), [[0.2, 0.4]])
        >>> print(display.posterior_lines_[0].get_ydata().sum().round(6))
        1.0
        """
        return cls(images, posterior, n_votes, y, names).plot(**plot_params)

    @describe_display
    def plot(
        self,
        ax: Any = None,
        *,
        question: str = "featured",
        draw: int = 0,
        data_name: str | None = None,
    ) -> Self:
        """Draw the figure.

        Parameters
        ----------
        ax : array-like of Axes of shape (n_galaxies, 3), default=None
            The axes to draw on. By default you get a new figure.
        question : str, default="featured"
            The answer of the volunteers, for the label of the x axis, for example "barred".
        draw : int, default=0
            The draw to show alone, a column of `posterior.draws`.
        {data_name}

        Returns
        -------
        self : PosteriorDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `draw` is not one of the draws, or `ax` has another shape.
        """
        plt = pyplot(self)
        n_galaxies, n_draws = self.posterior.draws.shape
        draw = check_int(draw, "draw", 0)
        if draw >= n_draws:
            raise ValueError(f"`draw` must be less than the {n_draws} draws. Got {draw}.")
        self.images_, self.single_lines_, self.draw_lines_ = [], [], []
        self.posterior_lines_, self.vote_lines_, self.vote_labels_ = [], [], []
        with plt.rc_context(STYLE):
            if ax is None:
                _, ax = plt.subplots(
                    n_galaxies,
                    3,
                    figsize=(8.4, 1.75 * n_galaxies + 0.65 + title_height(data_name)),
                    width_ratios=(1, 1.85, 1.85),
                    squeeze=False,
                    layout="constrained",
                )
            self.axes_ = check_ax(ax, (n_galaxies, 3))
            self.figure_ = self.axes_[0, 0].figure
            # row by row, so that the lists of artists are in the order of the galaxies
            for row in range(n_galaxies):
                self._plot_image(row)
                self._plot_pmfs(row, draw)
                self._plot_votes(row)
            self._label(question)
            name_data(self.figure_, data_name)
        return self

    def _plot_image(self, row: int) -> None:
        """Show a galaxy."""
        ax = self.axes_[row, 0]
        self.images_.append(show_image(ax, self.images[row]))
        hide_frame(ax)
        if self.names is not None:
            ax.set_title(self.names[row], fontsize=9)

    def _plot_pmfs(self, row: int, draw: int) -> None:
        """Draw the probabilities of a galaxy's votes: of one draw, of all, and their mean."""
        n_votes = int(self.n_votes[row])
        k = np.arange(n_votes + 1)
        posterior = self.posterior[row]
        # draws as galaxies of one draw each: then `pmf` does not average over them
        pmf_DK = VotePosterior(posterior.likelihood.transpose()).pmf(n_votes)
        pmf_K = posterior.pmf(n_votes)[0]
        one, every = self.axes_[row, 1:]
        # few outcomes are marked, because votes are whole numbers; many would merge
        dots: dict[str, Any] = {"marker": "o", "markersize": 2.5} if n_votes <= 20 else {}
        self.single_lines_ += one.plot(k, pmf_DK[draw], color=BLACK, linewidth=1.2, **dots)
        # about as much ink for 10 draws as for 150
        alpha = np.clip(15 / len(pmf_DK), 0.1, 0.6)
        self.draw_lines_.append(every.plot(k, pmf_DK.T, color=GREY, linewidth=0.7, alpha=alpha))
        self.posterior_lines_ += every.plot(k, pmf_K, color=GREEN, linewidth=1.8, **dots)
        # draws sure of k = 0 or N reach 1 and would flatten all others, so a tenth may leave
        top = max(pmf_DK[draw].max(), pmf_K.max(), np.quantile(pmf_DK.max(axis=1), 0.9))
        for ax in (one, every):  # on the same scale, so that their widths can be compared
            ax.set(xlim=(-0.02 * n_votes, 1.02 * n_votes), ylim=(0, 1.08 * top))
            ax.locator_params(axis="x", nbins=6, integer=True)
            ax.locator_params(axis="y", nbins=4)
        every.tick_params(labelleft=False)

    def _plot_votes(self, row: int) -> None:
        """Mark the volunteers' answer, if there is one."""
        k, n_votes = (0, 0) if self.votes is None else self.votes[row]
        if n_votes == 0:
            self.vote_lines_.append(None)
            self.vote_labels_.append(None)
            return
        one, every = self.axes_[row, 1:]
        style = {"color": VERMILLION, "linestyle": (0, (4, 2)), "linewidth": 1.3}
        self.vote_lines_.append((one.axvline(k, **style), every.axvline(k, **style)))
        # over the frame, where no curve is; at the ends towards the middle
        label = every.text(
            k,
            1.02,
            f"volunteers: {k} of {n_votes}",
            ha="left" if k < 0.2 * n_votes else "right" if k > 0.8 * n_votes else "center",
            va="bottom",
            color=VERMILLION,
            fontsize=8,
            transform=every.get_xaxis_transform(),  # x in votes, y in heights of the axes
        )
        self.vote_labels_.append(label)

    def _label(self, question: str) -> None:
        """Write titles over the first row, and labels under the last."""
        n_draws = self.posterior.draws.shape[1]
        # the volunteers' answer is written between frame and title
        pad = 6 if self.votes is None else 18
        self.axes_[0, 1].set_title("One draw", pad=pad)
        self.axes_[0, 2].set_title(f"All {n_draws} draws (grey), mean (green)", pad=pad)
        # labels stand under the last row only, and must be true of all
        n_votes = np.unique(self.n_votes)
        n_label = n_votes[0] if len(n_votes) == 1 else "N"
        for ax in self.axes_[-1, 1:]:
            ax.set_xlabel(f"k of {n_label} volunteers say {question}")
        for ax in self.axes_[:, 1]:
            ax.set_ylabel("probability")
