"""One posterior or several by name, a panel for each: what all displays of calibration share."""

import numpy as np

from skgalaxy.metrics._checks import check_asked, check_counts
from skgalaxy.plotting._style import check_ax, check_rows
from skgalaxy.posterior import VotePosterior
from skgalaxy.query import predict_posterior

ALONE = "posterior"  # the name of the only one, which needs no title


def by_name(things, parameter):
    """Return a dict of name to thing; one alone is called "posterior"."""
    if not isinstance(things, dict):
        return {ALONE: things}
    if not things:
        raise ValueError(f"`{parameter}` must hold at least one by name. Got an empty dict.")
    return things


def check_shares(values, field, name):
    """Return `values` as finite float64 in [0, 1], which rounding may have left."""
    values = check_rows(values, field, None)
    outside = (values < -1e-9) | (values > 1 + 1e-9)
    if outside.any():
        raise ValueError(f"`{field}` must lie in [0, 1]. Got {values[outside][0]:g} for {name!r}.")
    return np.clip(values, 0, 1)


def predict_by_name(estimator, X, y):
    """Return the posteriors that one estimator or several predict for X; y is checked first."""
    check_asked(check_counts(y, "y")[1], "y")
    estimators = by_name(estimator, "estimator")
    return {name: predict_posterior(fitted, X) for name, fitted in estimators.items()}


def check_posteriors(y, posterior):
    """Return N of the galaxies, and a VotePosterior of them by name."""
    _, n_votes = check_counts(y, "y")
    check_asked(n_votes, "y")
    posteriors = {}
    for name, one in by_name(posterior, "posterior").items():
        if not isinstance(one, VotePosterior):
            draws = np.asarray(one)
            one = VotePosterior(draws[:, None] if draws.ndim == 1 else draws)
        if len(one) != len(n_votes):
            raise ValueError(
                "`posterior` and `y` must hold the same galaxies. "
                f"Got {len(one)} and {len(n_votes)} for {name!r}."
            )
        posteriors[name] = one
    return n_votes, posteriors


def panels(plt, ax, names):
    """Return axes side by side, new or the caller's, with the names as titles."""
    if ax is None:
        size = (max(2.9 * len(names), 3.6), 3.1)
        _, ax = plt.subplots(1, len(names), figsize=size, sharey=True, layout="constrained")
    axes = check_ax(np.atleast_1d(np.asarray(ax, dtype=object)), (len(names),))
    for panel, name in zip(axes, names, strict=True):
        if name != ALONE:
            panel.set_title(name)
    return axes
