"""Estimator with the settings that our studies recommend."""

from typing import Any, Literal

from skgalaxy._validation import check_choice
from skgalaxy.calibration._regressor import CalibratedRegressorCV


def recommended(
    pictures: Literal["galaxies", "upright"] = "galaxies", **parameters: Any
) -> CalibratedRegressorCV:
    """Estimator with the settings that our studies recommend, and with calibrated error bars.

    A `skgalaxy.BayesianCNNRegressor` with the beta-binomial likelihood and a Bayesian last layer,
    in a `CalibratedRegressorCV`. For galaxies its network has seen simulated ones. README, command
    line and demo use it.

    Parameters
    ----------
    pictures : {"galaxies", "upright"}, default="galaxies"
        What your pictures show. "galaxies" have no up: they are turned and mirrored in training,
        and a prediction is the mean over eight views. The network starts from what it has learned
        of simulated galaxies (``network="galaxies"``), for which pictures must be square. "upright"
        pictures, for example of clothes, are shown as they are, to a network with random weights.
    **parameters
        Parameters of `skgalaxy.BayesianCNNRegressor`, for example ``random_state=0``. Yours take
        the place of the recommended ones; ``network=None`` starts from random weights. With a
        `tree` of several questions, which share their features, fewer of these are dropped.

    Returns
    -------
    estimator : CalibratedRegressorCV
        Not fitted. You reach the parameters of the network as ``estimator__epochs``, for example.

    Raises
    ------
    ValueError
        If `pictures` is neither of the two.
    TypeError
        If `BayesianCNNRegressor` has no such parameter.

    Examples
    --------
    >>> import skgalaxy
    >>> model = skgalaxy.recommended(epochs=10, random_state=0)
    >>> model.estimator.n_views, model.estimator.epochs, model.random_state
    (8, 10, 0)
    """
    from skgalaxy.estimator import BayesianCNNRegressor  # imports Keras

    check_choice(pictures, "pictures", ("galaxies", "upright"))
    asks_several = len(getattr(parameters.get("tree"), "questions", ())) > 1
    turns = parameters.get("augment", pictures == "galaxies")
    settings = {
        "network": "galaxies" if pictures == "galaxies" else None,
        "likelihood": "beta_binomial",
        "posterior": "last_layer",
        "n_draws": 200,
        "precision": "auto",
        "augment": turns,
        "n_views": 8 if turns else 1,
        **({"dropout": 0.2} if asks_several else {}),
        **parameters,
    }
    return CalibratedRegressorCV(
        BayesianCNNRegressor(**settings),
        warm_start=parameters.get("warm_start", False),
        random_state=parameters.get("random_state"),
    )
