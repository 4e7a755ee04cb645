"""One posterior or several by name, a panel for each: what all displays of calibration share."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy.likelihoods import Likelihood
from skgalaxy.metrics._checks import check_asked, check_counts
from skgalaxy.plotting._style import check_ax, check_rows
from skgalaxy.posterior import VotePosterior
from skgalaxy.query import predict_posterior

ONLY_NAME = "posterior"  # of one alone, which needs no title


class CalibrationDisplay(ABC):
    """Posteriors judged by votes; a subclass judges, in `from_predictions`, and draws.

    A subclass names its own options in `from_estimator` and passes them on: users see them in its
    signature, and read this text.
    """

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, **params: Any) -> Self:
        """Predict the posteriors of galaxies, and plot them judged by the votes.

        Parameters
        ----------
        estimator : BayesianCNNRegressor, or dict of str to such
            Fitted on other galaxies; or what else `skgalaxy.query.predict_posterior` takes.
            Several by name.
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
            If `y` is no counts of the galaxies in X.

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
    """Things by name; one alone is called "posterior"."""
    if not isinstance(things, dict):
        return {ONLY_NAME: things}
    if not things:
        raise ValueError(f"`{parameter}` must hold at least one by name. Got an empty dict.")
    return things


def check_shares(values: ArrayLike, field: str, name: str) -> NDArray[np.float64]:
    """Finite float64 in [0, 1], which rounding may have left."""
    values = check_rows(values, field, None)
    outside = (values < -1e-9) | (values > 1 + 1e-9)
    if outside.any():
        raise ValueError(f"`{field}` must lie in [0, 1]. Got {values[outside][0]:g} for {name!r}.")
    return np.clip(values, 0, 1)


def check_posteriors(y: ArrayLike, posterior: Any) -> tuple[NDArray, dict[str, VotePosterior]]:
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
        posteriors[name] = one
    return n_votes, posteriors


def _as_posterior(draws: Any) -> VotePosterior:
    """Posterior of draws; a row of vote fractions is the one draw of each galaxy."""
    if not isinstance(draws, VotePosterior | Likelihood):
        draws = np.asarray(draws)
        draws = draws[:, None] if draws.ndim == 1 else draws
    return VotePosterior(draws)


def panels_width(n_panels: int) -> float:
    """Width in inches of a figure of panels side by side."""
    return max(2.9 * n_panels, 3.6)


def named_panels(plt: Any, ax: Any, names: Collection[str]) -> NDArray[np.object_]:
    """Axes side by side, new or the caller's, with the names as titles."""
    if ax is None:
        size = (panels_width(len(names)), 3.1)
        _, ax = plt.subplots(1, len(names), figsize=size, sharey=True, layout="constrained")
    axes = check_ax(np.atleast_1d(np.asarray(ax, dtype=object)), (len(names),))
    set_titles(axes, names)
    return axes


def set_titles(axes: NDArray[np.object_], names: Collection[str]) -> None:
    """Write the names over the panels, but not that of one that was given none."""
    for panel, name in zip(axes, names, strict=True):
        if name != ONLY_NAME:
            panel.set_title(name)
