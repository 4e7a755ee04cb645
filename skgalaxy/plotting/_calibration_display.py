"""The base of the displays of calibration: one posterior or several by name, a panel for each."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sized
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import check_counts
from skgalaxy.likelihoods import Likelihood
from skgalaxy.metrics._checks import check_asked
from skgalaxy.plotting._style import as_posterior, check_ax, check_rows, refuse_pmf, title_height
from skgalaxy.posterior import VotePosterior
from skgalaxy.query import predict_posterior

if TYPE_CHECKING:  # matplotlib is an extra, imported only to draw
    from matplotlib.figure import Figure

ONLY_NAME = "posterior"  # of one alone, which needs no title
ROUNDING = 1e-9  # a share may leave [0, 1] by the rounding of a sum, but not by more


class CalibrationDisplay(ABC):
    """Posteriors judged by votes: the base of three displays.

    A subclass computes its numbers in `from_predictions` and draws them in `plot`. It also names
    its own options in `from_estimator` and passes them on, so that you see them in the signature.
    """

    figure_: "Figure"  # the SubFigure, if you pass axes of one
    axes_: NDArray[np.object_]

    def _keep_axes(self, axes: NDArray[np.object_]) -> None:
        first: Any = axes.flat[0]
        self.axes_, self.figure_ = axes, first.figure

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, **params: Any) -> Self:
        """Predict the posteriors of galaxies, and plot them judged by the votes.

        Parameters
        ----------
        estimator : BayesianCNNRegressor, or dict of str to such
            An estimator that you fitted on other galaxies, or anything else that
            `skgalaxy.query.predict_posterior` takes. To compare several, pass a dict, for example
            ``{"dropout": ..., "ensemble": ...}``.
        X : array-like of shape (n_galaxies, ...)
            The galaxies, as `estimator` takes them.
        y : array-like of shape (n_galaxies, 2)
            The volunteers' answers, columns [k, N]; rows with N = 0 are left out.
        **params
            As in `from_predictions`.

        Returns
        -------
        display : PITDisplay, CoverageDisplay or ReliabilityDisplay

        Raises
        ------
        TypeError
            If `estimator` predicts no posterior.
        ValueError
            If `y` does not hold counts of the galaxies in X.

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> from skgalaxy.plotting import PITDisplay
        >>> models = {"undecided": VotePosterior([[0.5], [0.5]])}  # predicted beforehand
        >>> display = PITDisplay.from_estimator(models, None, [[2, 40], [38, 40]], n_bins=4)
        >>> print(display.heights["undecided"].round(1))
        [2. 0. 0. 2.]
        """
        check_asked(check_counts(y, "y")[1], "y")  # before the work of predicting
        estimators = as_named(estimator, "estimator")
        posteriors = {name: predict_posterior(fitted, X) for name, fitted in estimators.items()}
        return cls.from_predictions(y, posteriors, **params)

    @classmethod
    @abstractmethod
    def from_predictions(cls, y: ArrayLike, posterior: Any, **params: Any) -> Self:
        """Plot posteriors predicted before, judged by the votes."""


def as_named(things: Any, parameter: str) -> dict[str, Any]:
    """One thing or several by name; one alone is called "posterior"."""
    if not isinstance(things, dict):
        return {ONLY_NAME: things}
    if not things:
        raise ValueError(f"`{parameter}` must hold at least one by name. Got an empty dict.")
    return things


def check_shares(values: ArrayLike, field: str, name: str) -> NDArray[np.float64]:
    """Finite float64 in [0, 1], rounding aside."""
    shares = check_rows(values, field, None)
    outside = (shares < -ROUNDING) | (shares > 1 + ROUNDING)
    if outside.any():
        raise ValueError(f"`{field}` must lie in [0, 1]. Got {shares[outside][0]:g} for {name!r}.")
    return np.clip(shares, 0, 1)


def kind_and_length(given: object) -> str:
    """Kind of thing that was passed instead of a tuple, for a message."""
    length = f" of length {len(given)}" if isinstance(given, Sized) else ""
    return type(given).__name__ + length


def check_posteriors(
    y: ArrayLike, posterior: Any
) -> tuple[NDArray[np.int64], dict[str, VotePosterior]]:
    """Votes N of the galaxies, and the posteriors of the same galaxies by name."""
    _, n_votes = check_counts(y, "y")
    check_asked(n_votes, "y")
    posteriors = {}
    for name, one in as_named(posterior, "posterior").items():
        one = _as_posterior(one)
        if len(one) != len(n_votes):
            raise ValueError(
                "`posterior` and `y` must hold the same galaxies. "
                f"Got {len(one)} and {len(n_votes)} for {name!r}."
            )
        # the metrics take `pmf`, so people pass it here, too
        refuse_pmf(one, n_votes, "" if name == ONLY_NAME else f" for {name!r}")
        posteriors[name] = one
    return n_votes, posteriors


def _as_posterior(draws: Any) -> VotePosterior:
    """Posterior of draws; an array of one dimension holds the one draw of each galaxy."""
    if isinstance(draws, VotePosterior | Likelihood):
        return as_posterior(draws)
    # here and not in VotePosterior: there, (n_draws,) of one galaxy would be as likely a meaning
    array = np.asarray(draws)
    return VotePosterior(array[:, None] if array.ndim == 1 else array)


def panels_width(n_panels: int) -> float:
    """Width in inches of a figure of panels side by side."""
    return max(2.9 * n_panels, 3.6)  # one panel alone needs the room for the key under it


def named_panels(
    plt: Any, ax: Any, names: Collection[str], data_name: str | None
) -> NDArray[np.object_]:
    """Axes side by side, new or the caller's, with the names as titles."""
    if ax is None:
        size = (panels_width(len(names)), 3.1 + title_height(data_name))
        _, ax = plt.subplots(1, len(names), figsize=size, sharey=True, layout="constrained")
    axes = check_ax(np.atleast_1d(np.asarray(ax, dtype=object)), (len(names),))
    set_titles(axes, names)
    return axes


def set_titles(axes: NDArray[np.object_], names: Collection[str]) -> None:
    """Write the names over the panels, if you gave names."""
    for panel, name in zip(axes, names, strict=True):
        if name != ONLY_NAME:
            panel.set_title(name)
