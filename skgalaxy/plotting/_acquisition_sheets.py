"""Image sheets of the galaxies that would be asked about first, and last."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_int, check_n_votes
from skgalaxy.plotting._entries import describe_display
from skgalaxy.plotting._style import (
    QUIET,
    STYLE,
    as_posterior,
    check_ax,
    check_images,
    check_rows,
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
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.text import Text

# a sheet is measured in widths of an image
COLUMN_GAP = 0.06  # between images side by side
CAPTION = 0.04  # height of a caption and its gap, for each column of the sheet


class AcquisitionDisplay:
    """Galaxies that you would ask about first, beside those that you would ask about last.

    The figure has two sheets of images, best score first. The score stands under each galaxy, and
    so does the predicted vote fraction if you pass it.

    Parameters
    ----------
    images : array-like of shape (n_galaxies, height, width) or (n_galaxies, height, width, 1 or 3)
        The pool: uint8, or float in [0, 1]. The array may be larger than memory, for example
        memory-mapped: only the galaxies on the sheets are read.
    scores : array-like of shape (n_galaxies,)
        Acquisition values, in nats; you would ask about the highest first.
    vote_fraction : array-like of shape (n_galaxies,), default=None
        Predicted vote fractions in [0, 1].
    score_name : str, default="mutual information"
        Name of the scores, for the titles.

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

    scores: NDArray[np.float64]
    images: NDArray[Any]
    vote_fraction: NDArray[np.float64] | None
    figure_: "Figure"  # the SubFigure, if you pass axes of one
    axes_: NDArray[np.object_]
    indices_: tuple[NDArray[np.intp], NDArray[np.intp]]
    images_: "tuple[list[AxesImage], list[AxesImage]]"
    captions_: "tuple[list[Text], list[Text]]"

    def __init__(
        self,
        images: ArrayLike,
        scores: ArrayLike,
        vote_fraction: ArrayLike | None = None,
        *,
        score_name: str = "mutual information",
    ) -> None:
        self.scores = check_rows(scores, "scores", None)
        self.images = check_images(images, len(self.scores), "scores")
        self.vote_fraction = None
        if vote_fraction is not None:
            self.vote_fraction = check_rows(vote_fraction, "vote_fraction", len(self.scores))
            # percentages would be multiplied by 100 once more in the captions
            outside = (self.vote_fraction < 0) | (self.vote_fraction > 1)
            if outside.any():
                got = self.vote_fraction[outside][0]
                raise ValueError(f"`vote_fraction` must lie in [0, 1]. Got {got:g}.")
        self.score_name = score_name

    @classmethod
    @describe_display
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        images: ArrayLike | None = None,
        n_votes: int | ArrayLike = 40,
        **plot_params: Any,
    ) -> Self:
        """Score a pool by mutual information and plot its two ends.

        Parameters
        ----------
        {estimator, X, images, n_votes_asked}
        **plot_params
            As in `plot`, for example ``question="barred"``.

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
        shown = X if images is None else images
        return cls.from_predictions(shown, posterior, n_votes=n_votes, **plot_params)

    @classmethod
    @describe_display
    def from_predictions(
        cls,
        images: ArrayLike,
        posterior: VotePosterior | ArrayLike,
        *,
        n_votes: int | ArrayLike = 40,
        **plot_params: Any,
    ) -> Self:
        """Score posteriors predicted before by mutual information and plot the two ends.

        Parameters
        ----------
        images : array-like
            As in `AcquisitionDisplay`.
        {posterior, n_votes_asked}
        **plot_params
            As in `plot`, for example ``question="barred"``.

        Returns
        -------
        display : AcquisitionDisplay

        Raises
        ------
        ValueError
            If you pass probabilities of outcomes (`VotePosterior.pmf`) instead of draws.

        Examples
        --------
        >>> import numpy as np
        >>> from skgalaxy.plotting import AcquisitionDisplay
        >>> draws = [[0.5, 0.5], [0.1, 0.9]]
        >>> display = AcquisitionDisplay.from_predictions(np.zeros((2, 8, 8)), draws, n_votes=1)
        >>> display.scores.round(3)
        array([0.   , 0.368])
        """
        posterior = as_posterior(posterior)
        refuse_pmf(posterior, check_n_votes(n_votes, len(posterior)))
        scores = posterior.mutual_information(n_votes)
        return cls(images, scores, posterior.mean).plot(**plot_params)

    @describe_display
    def plot(
        self,
        ax: Any = None,
        *,
        n_images: int = 25,
        question: str = "featured",
        data_name: str | None = None,
    ) -> Self:
        """Draw the two sheets.

        Parameters
        ----------
        ax : array-like of Axes of shape (2,), default=None
            The axes to draw on. By default you get a new figure.
        n_images : int, default=25
            Galaxies per sheet; a pool of fewer than twice as many is split in half.
        question : str, default="featured"
            The answer of the volunteers, for the key to the captions, for example "barred".
        {data_name}

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
        # stable: galaxies of equal score keep the order of the pool
        order = np.argsort(-self.scores, kind="stable")
        self.indices_ = order[:n_images], order[-n_images:]
        # as square as it can be, so that both sheets fit side by side
        n_columns = int(np.ceil(np.sqrt(n_images)))
        with plt.rc_context(STYLE):
            if ax is None:
                width, height = self._sheet_size(n_columns, -(-n_images // n_columns))
                # 4.3 inches for each sheet; the rest for titles and key
                size = (9, 0.65 + 4.3 * height / width + title_height(data_name))
                figure, ax = plt.subplots(1, 2, figsize=size, layout="constrained")
                figure.get_layout_engine().set(
                    w_pad=0.1
                )  # captions of the two sheets must not meet
            self.axes_ = check_ax(ax, (2,))
            self.figure_ = self.axes_[0].figure
            first, last = (
                self._plot_sheet(sheet, indices, n_columns)
                for sheet, indices in zip(self.axes_, self.indices_, strict=True)
            )
            self.images_, self.captions_ = (first[0], last[0]), (first[1], last[1])
            self.axes_[0].set_title(f"Asked first: highest {self.score_name}")
            self.axes_[1].set_title(f"Asked last: lowest {self.score_name}")
            key = f"{self.score_name} (nats)"
            if self.vote_fraction is not None:
                key += f", predicted % who say {question}"
            for sheet in self.axes_:
                sheet.set_xlabel(key, fontsize=8, color=QUIET)
            name_data(self.figure_, data_name)
        return self

    def _cell_size(self, n_columns: int) -> tuple[float, float]:
        """Width and height of a cell with gap and caption; an image is 1 wide."""
        # captions have a size in points: the wider the sheet, the more image widths they take
        image_height = self.images.shape[1] / self.images.shape[2]
        return 1 + COLUMN_GAP, image_height + CAPTION * n_columns

    def _sheet_size(self, n_columns: int, n_rows: int) -> tuple[float, float]:
        """Width and height of a sheet, without the gap right of its last column."""
        width, height = self._cell_size(n_columns)
        return n_columns * width - COLUMN_GAP, n_rows * height

    def _plot_sheet(
        self, ax: "Axes", indices: NDArray[np.intp], n_columns: int
    ) -> "tuple[list[AxesImage], list[Text]]":
        """Images and captions of one sheet, in rows of n_columns."""
        width, height = self._cell_size(n_columns)
        images, captions = [], []
        for place, index in enumerate(indices):
            row, column = divmod(place, n_columns)
            left, top = column * width, -row * height
            bottom = top - self.images.shape[1] / self.images.shape[2]
            image = np.asarray(self.images[index])  # reads this one from a memory map
            images.append(show_image(ax, image, (left, left + 1, bottom, top)))
            captions.append(
                ax.text(
                    *(left + 0.5, bottom - 0.15 * CAPTION * n_columns),
                    self._caption(index),
                    ha="center",
                    va="top",
                    fontsize=7,
                )
            )
        sheet_width, sheet_height = self._sheet_size(n_columns, -(-len(indices) // n_columns))
        # imshow has set limits to its last image: the sheet's are set after all of them
        ax.set(xlim=(0, sheet_width), ylim=(-sheet_height, 0))
        hide_frame(ax)
        return images, captions

    def _caption(self, index: np.intp) -> str:
        """Score of a galaxy, and its vote fraction in per cent."""
        score = f"{self.scores[index]:.3f}"
        if self.vote_fraction is None:
            return score
        return f"{score}, {100 * self.vote_fraction[index]:.0f}%"
