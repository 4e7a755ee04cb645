"""Image sheets of the galaxies that would be asked about first, and last."""

import numpy as np

from skgalaxy._validation import check_int
from skgalaxy.plotting._entries import describe_display
from skgalaxy.plotting._style import (
    QUIET,
    STYLE,
    check_ax,
    check_images,
    check_rows,
    hide_frame,
    pyplot,
    show_image,
)
from skgalaxy.posterior import VotePosterior
from skgalaxy.query import predict_posterior


class AcquisitionDisplay:
    """The galaxies volunteers would be asked about first, beside those asked about last.

    Two sheets of images, best score first, with the score and, if given, the predicted vote
    fraction under each galaxy.

    Parameters
    ----------
    images : array-like of shape (n_galaxies, height, width) or (n_galaxies, height, width, 1 or 3)
        The pool: uint8, or float in [0, 1]. May be memory-mapped: only what is shown is read.
    scores : array-like of shape (n_galaxies,)
        Acquisition values, in nats; the highest is asked about first.
    vote_fraction : array-like of shape (n_galaxies,), default=None
        Predicted vote fractions in [0, 1].
    score_name : str, default="mutual information"
        What the scores are, for the titles.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (2,)
        The sheets: asked first, asked last.
    indices_ : tuple of two ndarrays of shape (n_shown,)
        Rows of the pool on the two sheets, best first.
    images_, captions_ : tuple of two lists of length n_shown
        The AxesImage and Text artists of the two sheets.

    See Also
    --------
    skgalaxy.acquisition.mutual_information : The score.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.plotting import AcquisitionDisplay
    >>> images = np.zeros((4, 8, 8), dtype=np.uint8)
    >>> display = AcquisitionDisplay(images, [0.1, 0.6, 0.0, 0.3]).plot(n_images=2)
    >>> print(*display.indices_)
    [1 3] [0 2]
    """

    def __init__(self, images, scores, vote_fraction=None, *, score_name="mutual information"):
        self.scores = check_rows(scores, "scores", None)
        self.images = check_images(images, len(self.scores), "scores")
        self.vote_fraction = vote_fraction
        if vote_fraction is not None:
            self.vote_fraction = check_rows(vote_fraction, "vote_fraction", len(self.scores))
            outside = (self.vote_fraction < 0) | (self.vote_fraction > 1)
            if outside.any():
                got = self.vote_fraction[outside][0]
                raise ValueError(f"`vote_fraction` must lie in [0, 1]. Got {got:g}.")
        self.score_name = score_name

    @classmethod
    @describe_display
    def from_estimator(cls, estimator, X, *, images=None, n_votes=40, **plot_params):
        """Score a pool by mutual information and plot its two ends.

        Parameters
        ----------
        {estimator, X, images, n_votes_asked}
        **plot_params
            As in `plot`.

        Returns
        -------
        display : AcquisitionDisplay

        Raises
        ------
        TypeError
            If `estimator` predicts no posterior.

        Examples
        --------
        >>> import numpy as np
        >>> from skgalaxy import VotePosterior
        >>> from skgalaxy.plotting import AcquisitionDisplay
        >>> doubtful = VotePosterior([[0.5, 0.5], [0.1, 0.9]])  # predicted beforehand
        >>> images = np.zeros((2, 8, 8))
        >>> display = AcquisitionDisplay.from_estimator(doubtful, None, images=images)
        >>> print(*display.indices_)
        [1] [0]
        """
        posterior = predict_posterior(estimator, X)
        images = X if images is None else images
        return cls.from_predictions(images, posterior, n_votes=n_votes, **plot_params)

    @classmethod
    @describe_display
    def from_predictions(cls, images, posterior, *, n_votes=40, **plot_params):
        """Score posteriors predicted before by mutual information and plot the two ends.

        Parameters
        ----------
        images : array-like
            As in `AcquisitionDisplay`.
        {posterior, n_votes_asked}
        **plot_params
            As in `plot`.

        Returns
        -------
        display : AcquisitionDisplay

        Examples
        --------
        >>> import numpy as np
        >>> from skgalaxy.plotting import AcquisitionDisplay
        >>> draws = [[0.5, 0.5], [0.1, 0.9]]
        >>> display = AcquisitionDisplay.from_predictions(np.zeros((2, 8, 8)), draws, n_votes=1)
        >>> display.scores.round(3)
        array([0.   , 0.368])
        """
        posterior = VotePosterior(posterior)
        scores = posterior.mutual_information(n_votes)
        return cls(images, scores, posterior.mean).plot(**plot_params)

    def plot(self, ax=None, *, n_images=25, question="featured"):
        """Draw the two sheets.

        Parameters
        ----------
        ax : array-like of Axes of shape (2,), default=None
            Where to draw; None makes a figure.
        n_images : int, default=25
            Galaxies per sheet; a pool of fewer than twice as many is split in half.
        question : str, default="featured"
            What the volunteers may say, for the key to the captions.

        Returns
        -------
        self : AcquisitionDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the pool holds fewer than two galaxies, or `ax` has another shape.
        """
        plt = pyplot(self)
        n_images = min(check_int(n_images, "n_images", 1), len(self.scores) // 2)
        if n_images == 0:
            raise ValueError("`scores` must hold at least two galaxies to compare. Got 1.")
        order = np.argsort(-self.scores, kind="stable")
        self.indices_ = order[:n_images], order[-n_images:]
        n_columns = int(np.ceil(np.sqrt(n_images)))
        with plt.rc_context(STYLE):
            if ax is None:
                width, height = self._sheet_size(n_columns, -(-n_images // n_columns))
                size = (9, 0.65 + 4.3 * height / width)
                figure, ax = plt.subplots(1, 2, figsize=size, layout="constrained")
                figure.get_layout_engine().set(w_pad=0.1)
            self.axes_ = check_ax(ax, (2,))
            self.figure_ = self.axes_[0].figure
            first, last = (
                self._plot_sheet(sheet, indices, n_columns)
                for sheet, indices in zip(self.axes_, self.indices_, strict=True)
            )
            self.images_, self.captions_ = zip(first, last, strict=True)
            self.axes_[0].set_title(f"Asked first: highest {self.score_name}")
            self.axes_[1].set_title(f"Asked last: lowest {self.score_name}")
            key = f"{self.score_name} (nats)"
            if self.vote_fraction is not None:
                key += f", predicted % who say {question}"
            for sheet in self.axes_:
                sheet.set_xlabel(key, fontsize=8, color=QUIET)
        return self

    def _cell_size(self, n_columns):
        """Return a cell's width and height with gap and caption; an image is 1 wide."""
        # captions have a size in points: the wider the sheet, the more image widths they take
        return 1.06, self.images.shape[1] / self.images.shape[2] + 0.04 * n_columns

    def _sheet_size(self, n_columns, n_rows):
        width, height = self._cell_size(n_columns)
        return n_columns * width - 0.06, n_rows * height

    def _plot_sheet(self, ax, indices, n_columns):
        """Lay images out on one axes, n_columns abreast; return images and captions."""
        width, height = self._cell_size(n_columns)
        images, captions = [], []
        for place, index in enumerate(indices):
            row, column = divmod(place, n_columns)
            left, top = column * width, -row * height
            bottom = top - self.images.shape[1] / self.images.shape[2]
            image = np.asarray(self.images[index])
            images.append(show_image(ax, image, (left, left + 1, bottom, top)))
            place = left + 0.5, bottom - 0.006 * n_columns
            style = {"ha": "center", "va": "top", "fontsize": 7}
            captions.append(ax.text(*place, self._caption(index), **style))
        sheet_width, sheet_height = self._sheet_size(n_columns, row + 1)
        ax.set(xlim=(0, sheet_width), ylim=(-sheet_height, 0))
        hide_frame(ax)
        return images, captions

    def _caption(self, index):
        score = f"{self.scores[index]:.3f}"
        if self.vote_fraction is None:
            return score
        return f"{score}, {100 * self.vote_fraction[index]:.0f}%"
