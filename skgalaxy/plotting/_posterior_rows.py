"""The blog's figure: galaxies beside what one network and all of them expect of volunteers."""

import numpy as np

from skgalaxy._validation import check_int, check_n_votes, check_votes
from skgalaxy.plotting._entries import describe_display
from skgalaxy.plotting._style import (
    BLACK,
    GREEN,
    GREY,
    STYLE,
    VERMILLION,
    check_ax,
    check_images,
    hide_frame,
    pyplot,
    show_image,
)
from skgalaxy.posterior import VotePosterior
from skgalaxy.query import predict_posterior


class PosteriorDisplay:
    """Galaxies beside the posteriors over k of N votes: of one network, and of all of them.

    One row per galaxy: the image; the binomial of one network (black); the binomials of all
    drawn networks (grey) and their average (green), the posterior. A dashed line marks what
    the volunteers answered. One network alone is too sure of itself; the average is wider.
    The highest tenth of the grey peaks may run out of the frame, lest they flatten the rest.

    Parameters
    ----------
    images : array-like of shape (n_galaxies, height, width) or (n_galaxies, height, width, 1 or 3)
        uint8, or float in [0, 1].
    posterior : VotePosterior or array-like of shape (n_galaxies, n_draws)
        The posterior, or the vote fractions drawn.
    n_votes : int or array-like of shape (n_galaxies,), default=40
        The number N of volunteers to predict for.
    votes : array-like of shape (n_galaxies, 2), default=None
        The volunteers' answers, columns [k, N]. A galaxy with votes is predicted for its own N;
        one with N = 0 has no answer to mark and keeps `n_votes`.
    names : sequence of str of length n_galaxies, default=None
        Written over the images.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (n_galaxies, 3)
    images_, network_lines_, draw_lines_, posterior_lines_ : list of length n_galaxies
        Per galaxy its AxesImage, a black Line2D, a list of n_draws grey ones, and a green one.
    vote_lines_ : list of length n_galaxies
        Pairs of Line2D in the second and third column, or None where nobody was asked.
    vote_labels_ : list of length n_galaxies
        A Text, or None where nobody was asked.

    See Also
    --------
    AcquisitionDisplay : Which galaxies the posteriors put first.

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

    def __init__(self, images, posterior, n_votes=40, votes=None, names=None):
        posterior = VotePosterior(posterior)
        n_galaxies = len(posterior)
        self.images = check_images(images, n_galaxies, "posterior")
        self.posterior = posterior
        self.n_votes = check_n_votes(n_votes, n_galaxies)
        if (self.n_votes == 0).any():
            raise ValueError("`n_votes` must be at least 1 for every galaxy. Got 0.")
        self.votes = None
        if votes is not None:
            self.votes = np.asarray(votes)
            if self.votes.shape != (n_galaxies, 2):
                raise ValueError(
                    f"`votes` must be counts [k, N] of shape ({n_galaxies}, 2). "
                    f"Got shape {self.votes.shape}."
                )
            self.votes = np.stack(check_votes(*self.votes.T, n_galaxies), axis=1)
            own = self.votes[:, 1]
            self.n_votes = np.where(own > 0, own, self.n_votes)
        if names is not None and len(names) != n_galaxies:
            raise ValueError(f"`names` must have length {n_galaxies}. Got {len(names)}.")
        self.names = names

    @classmethod
    @describe_display
    def from_estimator(
        cls, estimator, X, y=None, *, images=None, n_votes=40, names=None, **plot_params
    ):
        """Predict the posteriors of galaxies and plot them.

        Parameters
        ----------
        {estimator, X}
        y : array-like of shape (n_galaxies, 2), default=None
            The volunteers' answers, columns [k, N].
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
        images = X if images is None else images
        return cls(images, posterior, n_votes, y, names).plot(**plot_params)

    @classmethod
    @describe_display
    def from_predictions(cls, images, posterior, y=None, *, n_votes=40, names=None, **plot_params):
        """Plot posteriors predicted before.

        Parameters
        ----------
        images, posterior
            As in `PosteriorDisplay`.
        y : array-like of shape (n_galaxies, 2), default=None
            The volunteers' answers, columns [k, N].
        n_votes, names, **plot_params
            As in `PosteriorDisplay` and its `plot`.

        Returns
        -------
        display : PosteriorDisplay

        Examples
        --------
        >>> import numpy as np
        >>> from skgalaxy.plotting import PosteriorDisplay
        >>> display = PosteriorDisplay.from_predictions(np.zeros((1, 8, 8)), [[0.2, 0.4]])
        >>> print(display.posterior_lines_[0].get_ydata().sum().round(6))
        1.0
        """
        return cls(images, posterior, n_votes, y, names).plot(**plot_params)

    def plot(self, ax=None, *, question="featured", draw=0):
        """Draw the figure.

        Parameters
        ----------
        ax : array-like of Axes of shape (n_galaxies, 3), default=None
            Where to draw; None makes a figure.
        question : str, default="featured"
            What the volunteers may say, for the label of the x axis.
        draw : int, default=0
            The network shown alone, a column of `posterior.draws`.

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
        self.images_, self.network_lines_, self.draw_lines_ = [], [], []
        self.posterior_lines_, self.vote_lines_, self.vote_labels_ = [], [], []
        with plt.rc_context(STYLE):
            if ax is None:
                _, ax = plt.subplots(
                    n_galaxies,
                    3,
                    figsize=(8.4, 1.75 * n_galaxies + 0.65),
                    width_ratios=(1, 1.85, 1.85),
                    squeeze=False,
                    layout="constrained",
                )
            self.axes_ = check_ax(ax, (n_galaxies, 3))
            self.figure_ = self.axes_[0, 0].figure
            for row in range(n_galaxies):
                self._plot_image(row)
                self._plot_pmfs(row, draw)
                self._plot_votes(row)
            self._label(question)
        return self

    def _plot_image(self, row):
        ax = self.axes_[row, 0]
        self.images_.append(show_image(ax, self.images[row]))
        hide_frame(ax)
        if self.names is not None:
            ax.set_title(self.names[row], fontsize=9)

    def _plot_pmfs(self, row, draw):
        n_votes = self.n_votes[row]
        k = np.arange(n_votes + 1)
        posterior = self.posterior[row]
        pmf_DK = VotePosterior(posterior.likelihood.transpose()).pmf(n_votes)  # of every draw alone
        pmf_K = posterior.pmf(n_votes)[0]
        one, every = self.axes_[row, 1:]
        dots = {"marker": "o", "markersize": 2.5} if n_votes <= 20 else {}
        self.network_lines_ += one.plot(k, pmf_DK[draw], color=BLACK, linewidth=1.2, **dots)
        alpha = np.clip(15 / len(pmf_DK), 0.1, 0.6)
        self.draw_lines_.append(every.plot(k, pmf_DK.T, color=GREY, linewidth=0.7, alpha=alpha))
        self.posterior_lines_ += every.plot(k, pmf_K, color=GREEN, linewidth=1.8, **dots)
        # networks sure of k = 0 or N reach 1 and would flatten all others: let a tenth run out
        top = max(pmf_DK[draw].max(), pmf_K.max(), np.quantile(pmf_DK.max(axis=1), 0.9))
        for ax in (one, every):
            ax.set(xlim=(-0.02 * n_votes, 1.02 * n_votes), ylim=(0, 1.08 * top))
            ax.locator_params(axis="x", nbins=6, integer=True)
            ax.locator_params(axis="y", nbins=4)
        every.tick_params(labelleft=False)

    def _plot_votes(self, row):
        k, n_votes = (0, 0) if self.votes is None else self.votes[row]
        if n_votes == 0:
            self.vote_lines_.append(None)
            self.vote_labels_.append(None)
            return
        style = {"color": VERMILLION, "linestyle": (0, (4, 2)), "linewidth": 1.3}
        self.vote_lines_.append(tuple(ax.axvline(k, **style) for ax in self.axes_[row, 1:]))
        # over the frame, where no curve is; at the ends towards the middle
        ax = self.axes_[row, 2]
        side = "left" if k < 0.2 * n_votes else "right" if k > 0.8 * n_votes else "center"
        text = {"ha": side, "va": "bottom", "color": VERMILLION, "fontsize": 8}
        text["transform"] = ax.get_xaxis_transform()
        self.vote_labels_.append(ax.text(k, 1.02, f"volunteers: {k} of {n_votes}", **text))

    def _label(self, question):
        n_draws = self.posterior.draws.shape[1]
        pad = 6 if self.votes is None else 18
        self.axes_[0, 1].set_title("One network", pad=pad)
        self.axes_[0, 2].set_title(f"All {n_draws} networks (grey), mean (green)", pad=pad)
        n_votes = np.unique(self.n_votes)
        n_label = n_votes[0] if len(n_votes) == 1 else "N"
        for ax in self.axes_[-1, 1:]:
            ax.set_xlabel(f"k of {n_label} volunteers say {question}")
        for ax in self.axes_[:, 1]:
            ax.set_ylabel("probability")
