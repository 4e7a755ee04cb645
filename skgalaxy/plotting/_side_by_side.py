"""One posterior or several by name, a panel for each: what all displays of calibration share.

`predict_posteriors` and `check_posteriors` take what a user passes; `named_panels` are the axes.
"""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgalaxy.likelihoods import Likelihood
from skgalaxy.metrics._checks import check_asked, check_counts
from skgalaxy.plotting._style import check_ax, check_rows
from skgalaxy.posterior import VotePosterior
from skgalaxy.query import predict_posterior

ONLY_NAME = "posterior"  # of one alone, which needs no title


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


def predict_posteriors(estimator: Any, X: Any, y: ArrayLike) -> dict[str, VotePosterior]:
    """Predict a posterior for X by each estimator; bad votes y are refused before."""
    check_asked(check_counts(y, "y")[1], "y")
    estimators = as_named(estimator, "estimator")
    return {name: predict_posterior(fitted, X) for name, fitted in estimators.items()}


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
