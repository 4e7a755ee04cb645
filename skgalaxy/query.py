"""Query strategies in modAL's signature: pick the galaxies to ask volunteers about next.

``strategy(learner, X, n_instances=1, ...)`` returns ``(indices, scores)``: rows of X, best first,
each once, and their scores. `learner` is whatever can be asked for a posterior: a fitted
estimator, a Pipeline ending in one, a search object, a modAL learner, or a modAL committee of
them (its members' draws taken together). The pool is scored in one pass; ties are broken by
`random_state`.

Importing this module also mends modAL for scikit-learn >= 1.8 (`skgalaxy._modal_compat`).
"""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from skgalaxy import _modal_compat
from skgalaxy._validation import check_int
from skgalaxy.posterior import VotePosterior

__all__ = ["mutual_information_sampling", "predict_posterior", "random_sampling"]

_modal_compat.mend()


def predict_posterior(learner, X):
    """Return the posterior that any fitted thing predicts for `X`.

    Parameters
    ----------
    learner : object
        A fitted estimator with ``predict_posterior``; a Pipeline ending in one; a search object
        (its ``best_estimator_``); a modAL learner (its ``estimator``); or a modAL committee,
        whose members' draws are put side by side.
    X : array-like
        What the learner predicts from.

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
    if hasattr(learner, "predict_posterior"):
        return learner.predict_posterior(X)
    if isinstance(learner, Pipeline):
        Xt = learner[:-1].transform(X) if len(learner) > 1 else X
        return predict_posterior(learner[-1], Xt)
    if hasattr(learner, "learner_list"):
        members = [predict_posterior(member, X).draws for member in learner.learner_list]
        return VotePosterior(np.concatenate(members, axis=1))
    if hasattr(learner, "best_estimator_"):
        return predict_posterior(learner.best_estimator_, X)
    if hasattr(learner, "query_strategy") and hasattr(learner, "estimator"):  # a modAL learner
        return predict_posterior(learner.estimator, X)
    raise TypeError(
        "`learner` must be, or hold, a fitted estimator with `predict_posterior`. "
        f"Got {type(learner).__name__}; a search must be fitted with `refit=True`."
    )


def mutual_information_sampling(learner, X, n_instances=1, *, n_votes=40, random_state=None):
    """Pick the galaxies whose votes would tell most about the network's weights.

    Parameters
    ----------
    learner : object
        As in `predict_posterior`.
    X : array-like of shape (n_galaxies, ...)
        The pool.
    n_instances : int, default=1
        Number of galaxies to pick.
    n_votes : int or array-like of shape (n_galaxies,), default=40
        Volunteers who would be asked about a galaxy, N; 40 as in Galaxy Zoo 2.
    random_state : int, RandomState or None, default=None
        Seed that breaks ties.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Rows of `X`, highest mutual information first.
    scores : ndarray of shape (n_instances,)
        Their mutual information, in nats.

    Raises
    ------
    ValueError
        If `n_instances` exceeds the pool, or `n_votes` is out of range.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424).

    Examples
    --------
    >>> from skgalaxy import VotePosterior, query
    >>> class Fitted:
    ...     def predict_posterior(self, X):
    ...         return VotePosterior(X)
    >>> pool = [[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]]
    >>> indices, scores = query.mutual_information_sampling(Fitted(), pool, n_instances=2)
    >>> print(indices, scores.round(2))
    [1 2] [0.69 0.45]
    """
    _check_n_instances(n_instances, _n_rows(X))
    scores = predict_posterior(learner, X).mutual_information(n_votes)
    return _best(scores, n_instances, random_state)


def random_sampling(learner, X, n_instances=1, *, random_state=None):
    """Pick galaxies at random: the baseline that every strategy must beat.

    Parameters
    ----------
    learner : object
        Ignored.
    X : array-like of shape (n_galaxies, ...)
        The pool.
    n_instances : int, default=1
        Number of galaxies to pick.
    random_state : int, RandomState or None, default=None
        Seed. With an int the same pool gives the same pick; in a loop of rounds pass a
        RandomState.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Distinct rows of `X`, in random order.
    scores : ndarray of shape (n_instances,)
        Random numbers in [0, 1), highest first.

    Raises
    ------
    ValueError
        If `n_instances` exceeds the pool.

    Examples
    --------
    >>> from skgalaxy.query import random_sampling
    >>> indices, scores = random_sampling(None, range(100), n_instances=3, random_state=0)
    >>> len(set(indices))
    3
    """
    n_rows = _n_rows(X)
    _check_n_instances(n_instances, n_rows)
    rng = check_random_state(random_state)
    return _best(rng.uniform(size=n_rows), n_instances, rng)


def _n_rows(X):
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _check_n_instances(n_instances, n_rows):
    if check_int(n_instances, "n_instances", 1) > n_rows:
        raise ValueError(
            f"`n_instances` must not exceed the {n_rows} galaxies of the pool. Got {n_instances}."
        )


def _best(scores, n_instances, random_state):
    """Return the rows of the highest scores, best first, and those scores; ties in random order."""
    tie_break = check_random_state(random_state).permutation(len(scores))
    order = np.lexsort((tie_break, -scores))[:n_instances]
    return order, scores[order]
