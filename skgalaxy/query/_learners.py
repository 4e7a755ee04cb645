"""What a fitted thing says of galaxies, whatever holds the estimator."""

from functools import partial

import numpy as np
from sklearn.pipeline import Pipeline

from skgalaxy.pools import blocks_ahead
from skgalaxy.posterior import VotePosterior

__all__ = ["embed", "posteriors", "predict_posterior", "stages", "was_trained_on"]


def predict_posterior(learner, X):
    """Return the posterior that any fitted thing predicts for `X`.

    Parameters
    ----------
    learner : object
        A fitted estimator with ``predict_posterior``; a Pipeline ending in one; a search object
        (its ``best_estimator_``); a modAL learner (its ``estimator``); or a modAL committee,
        whose members' draws are put side by side.
    X : array-like
        What the learner predicts from. A Pipeline's steps see it block by block: a column of
        paths need not be images in memory all at once.

    Returns
    -------
    posterior : VotePosterior

    Raises
    ------
    TypeError
        If `learner` predicts no posterior.

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> query.predict_posterior(Fitted(), [[0.2, 0.8]])
    VotePosterior(n_galaxies=1, n_draws=2)
    """
    return VotePosterior.concatenate(posteriors(learner, X))


def posteriors(learner, X, done=()):
    """Yield the posterior of X block by block; the next block is prepared meanwhile."""
    prepare, predict = stages(learner, "predict_posterior")
    return map(predict, blocks_ahead(X, prepare, done))


def embed(learner, X):
    """Return features of every galaxy, shape (n_galaxies, n_features)."""
    prepare, features = stages(learner, "embed")
    return np.concatenate([np.asarray(features(block)) for block in blocks_ahead(X, prepare)])


def was_trained_on(learner, X):
    """Return whether the networks were trained on a galaxy, bool of shape (n_galaxies,)."""
    prepare, seen = stages(learner, "was_trained_on")
    return np.concatenate([seen(block) for block in blocks_ahead(X, prepare)])


def stages(learner, method):
    """Return what prepares rows of X for an estimator, and what calls its `method` on that.

    `method` is one of `_METHODS`; raises TypeError if the estimator has none such.
    """
    if hasattr(learner, method):
        return None, getattr(learner, method)
    if isinstance(learner, Pipeline):
        prepare = learner[:-1].transform if len(learner) > 1 else None
        return prepare, _ask(learner[-1], method)
    if hasattr(learner, "learner_list"):
        members = [_ask(member, method) for member in learner.learner_list]
        return None, partial(_side_by_side, members, method)
    if hasattr(learner, "best_estimator_"):
        return stages(learner.best_estimator_, method)
    if hasattr(learner, "query_strategy") and hasattr(learner, "estimator"):  # a modAL learner
        return stages(learner.estimator, method)
    raise TypeError(
        f"`learner` must be, or hold, a fitted estimator with `{method}`. "
        f"Got {type(learner).__name__}; a search must be fitted with `refit=True`."
    )


def _ask(learner, method):
    """Return what calls `method` of whatever `learner` holds, which is known to have it."""
    stages(learner, method)
    return partial(_METHODS[method][0], learner)


def _side_by_side(members, method, X):
    """Return what all members of a committee say, together."""
    return _METHODS[method][1]([member(X) for member in members])


_METHODS = {  # how to ask a learner, and how to put together what members of a committee say
    "embed": (embed, np.hstack),
    "predict_posterior": (predict_posterior, VotePosterior.combine),
    "was_trained_on": (was_trained_on, partial(np.any, axis=0)),
}
