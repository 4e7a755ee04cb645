"""Estimator that holds galaxies out, to calibrate its error bars on them."""

import os
import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin
from sklearn.utils import Tags, indexable
from sklearn.utils.validation import check_is_fitted

from skgalaxy._held_out import last_of, rows_of
from skgalaxy._pools import n_rows
from skgalaxy._validation import check_bool, check_seed
from skgalaxy.calibration._going_on import check_can_go_on, deal_on, going_on
from skgalaxy.calibration._recalibration import Recalibration, check_scatter
from skgalaxy.calibration._splits import Split, clones, deal_voted, digests_of, prefit, train
from skgalaxy.calibration._tree_recalibration import TreeRecalibration, recalibration_of
from skgalaxy.calibration._usual import references_of
from skgalaxy.exceptions import NoSpreadWarning
from skgalaxy.likelihoods.counts import n_votes_of, weighted_counts
from skgalaxy.metrics import d2_binomial_score, d2_tree_score
from skgalaxy.novelty import Novelty, Reference
from skgalaxy.persistence import save
from skgalaxy.posterior import VotePosterior
from skgalaxy.query import predict_posterior
from skgalaxy.query._learners import describe, embed, image_digests, was_trained_on
from skgalaxy.tree_posterior import TreePosterior
from skgalaxy.votes import DecisionTree

__all__ = ["CalibratedRegressorCV"]


class CalibratedRegressorCV(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Estimator whose posterior is as wide as its errors on galaxies it was not trained on.

    By default a fifth of the galaxies is held out at random. A clone of `estimator` learns from
    the others, and a `Recalibration` from the votes held out. With `cv` folds every galaxy is
    held out once, and the clones of all folds predict together, as an ensemble. All votes then
    train, and all calibrate. But each clone is calibrated alone: where clones disagree, their
    posterior together is wider than its errors.

    Parameters
    ----------
    estimator : estimator, default=None
        Any predictor of posteriors: a `BayesianCNNRegressor`, or for example a Pipeline or a
        search that holds one. None is ``BayesianCNNRegressor()``. Its own `warm_start` has no
        effect, because every `fit` trains clones.
    cv : int, cross-validation generator or "prefit", default=None
        None holds out a fifth. You can give a number of folds, into which galaxies are dealt at
        random; one of scikit-learn's splitters; or pairs of rows to train on and to hold out.
        With "prefit" your `estimator` is fitted already, and `fit` only calibrates it on other
        galaxies.
    warm_start : bool, default=False
        Let the next `fit` go on from the last one, in a short training (see `warm_start` of
        `BayesianCNNRegressor`). Use it for rounds of active learning. Give the earlier galaxies
        again, and new ones. Galaxies that were held out stay held out, so that none calibrates a
        network that was trained on it; of the new ones a fifth is held out. All that are held out
        then calibrate anew. This needs a `BayesianCNNRegressor`, or a Pipeline that ends in one
        and whose other steps learn nothing, with ``cv=None`` and without groups.
    random_state : int, RandomState or None, default=None
        Seed of the split and of the clones. It replaces the clones' own `random_state`.

    Attributes
    ----------
    estimators_ : list of estimators
        One per split.
    recalibration_ : Recalibration or TreeRecalibration
        The numbers that were learned; of a tree, for every question.
    n_calibrated_on_ : int
        Number of galaxies that they were learned from: those held out that have two votes or more.
    references_ : list of skgalaxy.novelty.Reference, or str
        What is usual to each network, for `novelty`; or the reason why that is not known.
    held_out_ : ndarray of bytes
        Digests of the images held out, by which `was_calibrated_on` knows them again.
    n_features_in_, feature_names_in_
        As the estimator has them.

    See Also
    --------
    skgalaxy.metrics.coverage_error : Error of a posterior's coverage.

    References
    ----------
    The scheme is that of ``sklearn.calibration.CalibratedClassifierCV``.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy import BayesianCNNRegressor
    >>> from skgalaxy.calibration import CalibratedRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> brightness = rng.uniform(size=200)
    >>> X = brightness[:, None, None] + 0.1 * rng.normal(size=(200, 8, 8))
    >>> rho = rng.beta(9 * brightness, 9 * (1 - brightness))  # votes scatter about it
    >>> y = np.column_stack([rng.binomial(40, rho), np.full(200, 40)])
    >>> model = CalibratedRegressorCV(BayesianCNNRegressor(epochs=30), random_state=0).fit(X, y)
    >>> model.predict_posterior(X)
    VotePosterior(n_galaxies=200, n_draws=50)
    >>> bool(4 < 1 / model.recalibration_.overdispersion < 18)  # it was 9
    True
    """

    recalibration_: Recalibration | TreeRecalibration
    n_calibrated_on_: int
    references_: list[Reference] | str
    held_out_: NDArray[np.bytes_]

    def __init__(
        self,
        estimator: Any = None,
        *,
        cv: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.cv = cv
        self.warm_start = warm_start
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train a clone per split, and calibrate.

        Galaxies are held out by taking their votes away. So X is not copied, and transformers of
        a Pipeline see all of it.

        Parameters
        ----------
        X, y, sample_weight
            As the estimator takes them.
        groups : array-like of shape (n_galaxies,), default=None
            Group of every row. Rows of a group are held out together, for example two pictures of
            one galaxy.

        Returns
        -------
        self : CalibratedRegressorCV

        Raises
        ------
        ValueError
            If X, y or `sample_weight` do not suit the estimator; if no galaxy to hold out has two
            votes; if a network was trained on all galaxies that should have been held out; or if
            `warm_start` cannot hold the same galaxies out again.
        TypeError
            If `warm_start` is no bool, or `estimator` cannot go on.
        """
        if check_bool(self.warm_start, "warm_start"):
            check_can_go_on(self.estimator, self.cv, groups, getattr(self, "estimators_", ()))
        (X,) = indexable(X)
        tree = getattr(last_of(self.estimator), "tree", None)
        votes = weighted_counts(y, sample_weight, n_rows(X), tree)
        n_votes = n_votes_of(votes, tree).max(axis=1) * (votes[:, -1] > 0)
        check_scatter(n_votes)
        splits = self._trained(X, votes, groups, tree)
        posteriors = [predict_posterior(one, rows_of(X, rows)) for one, _, rows in splits]
        judged = np.unique(np.concatenate([split.held_out for split in splits]))
        check_scatter(n_votes[judged])
        digests = digests_of(splits, X)
        if self.warm_start:  # galaxies that are not given this time stay held out, too
            digests = np.union1d(digests, getattr(self, "held_out_", []))
        self.recalibration_ = recalibration_of(posteriors, [votes[one.held_out] for one in splits])
        self.n_calibrated_on_ = int((n_votes[judged] > 1).sum())  # one vote does not scatter
        self.held_out_ = digests.astype("S32")
        self.estimators_ = [split.estimator for split in splits]
        self.references_ = references_of(splits, X)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                delattr(self, name)
            if hasattr(self.estimators_[0], name):
                setattr(self, name, getattr(self.estimators_[0], name))
        return self

    def _trained(
        self, X: Any, votes: NDArray[Any], groups: Any, tree: DecisionTree | None
    ) -> list[Split]:
        """Estimators, each trained on some of the galaxies, with those held out of it."""
        if isinstance(self.cv, str):
            return [prefit(self.estimator, self.cv, X, len(votes), groups)]
        goes_on = self.warm_start and hasattr(self, "estimators_")
        before = self.estimators_[0] if goes_on else None
        rng = check_seed(self.random_state)
        if before is None:
            pairs = deal_voted(self.cv, votes, groups, tree, rng)
        else:
            pairs = [deal_on(before, self.held_out_, X, votes, rng)]
        unfitted = clones(self.estimator, len(pairs), check_seed(self.random_state))
        if before is not None:
            unfitted = (going_on(one, before) for one in unfitted)
        return [train(one, X, votes, *rows) for one, rows in zip(unfitted, pairs, strict=True)]

    def predict_posterior(self, X: Any) -> VotePosterior | Any:  # Any: a TreePosterior
        """Recalibrated posterior over vote fractions and votes, of all networks together.

        Parameters
        ----------
        X : array-like
            Galaxies, as the estimator takes them.

        Returns
        -------
        posterior : VotePosterior, or TreePosterior
            The draws of all networks side by side.

        Raises
        ------
        NotFittedError, ValueError
            If not fitted, or as the estimator does.
        """
        check_is_fitted(self)
        (X,) = indexable(X)
        with warnings.catch_warnings():
            if len(self.estimators_) > 1:
                warnings.simplefilter("ignore", NoSpreadWarning)
            posteriors: list[Any] = [predict_posterior(one, X) for one in self.estimators_]
        # one by one: `spread` is of the draws of one clone, not of how far clones disagree
        apply: Callable[[Any], Any] = self.recalibration_.apply
        recalibrated: list[Any] = [apply(one) for one in posteriors]
        return type(recalibrated[0]).combine(recalibrated)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Posterior mean of the vote fraction; with `return_std` also its standard deviation."""
        posterior = self.predict_posterior(X)
        return (posterior.mean, posterior.std) if return_std else posterior.mean

    def sample_posterior(
        self, X: Any, random_state: int | np.random.RandomState | None = None
    ) -> NDArray[Any]:
        """Vote fractions drawn from the recalibrated posterior.

        Each column belongs to one network. For every galaxy it holds a vote fraction that scatters
        about this network's prediction, so draws spread as widely as intervals say. For mutual
        information and strategies pass `predict_posterior`: from an array they could not tell the
        scatter of votes from disagreement of networks.

        Parameters
        ----------
        X : array-like
            Galaxies, as the estimator takes them.
        random_state : int, RandomState or None, default=None
            Seed of the scatter. With the same number you get the same draws of the same X, but do
            not pass one for the parts of a larger X: they would scatter alike.

        Returns
        -------
        draws : ndarray of shape (n_galaxies, n_draws of all networks)
            In [0, 1].

        Raises
        ------
        NotFittedError, ValueError
            As in `predict_posterior`.
        """
        rng = check_seed(random_state)
        return self.predict_posterior(X).likelihood.sample_fractions(rng)

    def novelty(self, X: Any) -> Novelty:
        """Unlikeness of galaxies to those held out, for example of galaxies of another survey.

        Parameters
        ----------
        X : array-like
            Galaxies, as the estimator takes them. As a pool they are compared with the galaxies
            held out, so a part of the sky that you chose is unlike a random one, too.

        Returns
        -------
        novelty : skgalaxy.novelty.Novelty
            A p-value for each galaxy, and one for all of them as a pool.

        Raises
        ------
        NotFittedError
            If not fitted.
        ValueError
            As the estimator does; or if there is nothing to compare with, because the estimator has
            no features, fewer than 20 galaxies were held out, or the model was saved before models
            kept it.

        Examples
        --------
        See `skgalaxy.novelty.Novelty`.
        """
        references = self._references()
        if isinstance(references, str):
            raise ValueError(
                "The model must know what is usual among galaxies that it held out. Got one that "
                f"does not: {references}."
            )
        (X,) = indexable(X)
        described = (describe(estimator, X) for estimator in self.estimators_)
        pairs = zip(references, described, strict=True)
        return Novelty([(reference, reference.place(*found)) for reference, found in pairs])

    def novelty_unknown(self) -> str:
        """Reason why `novelty` cannot tell; empty if it can."""
        references = self._references()
        return references if isinstance(references, str) else ""

    def _references(self) -> list[Reference] | str:
        check_is_fitted(self)
        return getattr(self, "references_", "it was fitted by an older skgalaxy")

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """D² of `predict`; with a tree that of all its questions."""
        posterior = self.predict_posterior(X)
        if isinstance(posterior, TreePosterior):
            return d2_tree_score(posterior.tree, y, posterior.mean, sample_weight)
        return d2_binomial_score(y, posterior.mean, sample_weight)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        has_tree = getattr(last_of(self.estimator), "tree", None) is not None
        tags.target_tags.multi_output, tags.target_tags.single_output = has_tree, not has_tree
        return tags

    def save(self, path: str | os.PathLike[str], *, metadata: dict[str, Any] | None = None) -> None:
        """Write this fitted estimator to a file that runs no code; see `skgalaxy.save`."""
        save(self, path, metadata=metadata)

    def embed(self, X: Any) -> NDArray[Any]:
        """Features of all networks side by side, shape (n_galaxies, n_features)."""
        check_is_fitted(self)
        return np.hstack([embed(estimator, X) for estimator in self.estimators_])

    def was_trained_on(self, X: Any) -> NDArray[Any]:
        """Galaxies that some network was trained on, bool of shape (n_galaxies,)."""
        check_is_fitted(self)
        return np.any([was_trained_on(estimator, X) for estimator in self.estimators_], axis=0)

    def was_calibrated_on(self, X: Any) -> NDArray[Any]:
        """Galaxies that were held out to calibrate, bool of shape (n_galaxies,).

        No network was trained on them, unless `cv` gave folds. But error bars were fitted to their
        votes, so do not judge error bars by them.
        """
        check_is_fitted(self)
        digests = [image_digests(estimator, X) for estimator in self.estimators_]
        return np.any([np.isin(one, self.held_out_) for one in digests], axis=0)
