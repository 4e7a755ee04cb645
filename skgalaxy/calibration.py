"""Error bars that hold: posteriors widened by votes that their networks have not seen.

Networks are surer of galaxies they were trained on than of others, and their draws do not show it.
A *recalibration* lets votes scatter more, or less, than the networks say, and lets draws differ
more, or less. Held-out votes choose its numbers (as in Platt 1999). A network's concentration s,
and the logit z_d of the vote fraction in draw d, become::

    1 / s' = overdispersion + scatter / s
    z_d' = z̄ + spread (z_d - z̄),     z̄ the mean over the draws of one galaxy

The binomial likelihood, 1 / s = 0, becomes a beta-binomial of one concentration for all galaxies.
Every z̄ stays as it is. `CalibratedRegressorCV` holds galaxies out, trains on the others, and
learns the numbers from those held out.
"""

import contextlib
import numbers
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit
from sklearn.utils import Tags, indexable
from sklearn.utils.validation import check_is_fitted

from skgalaxy._held_out import (
    HELD_OUT,
    check_groups,
    deal,
    deal_on,
    fit_to_votes_of,
    knowing,
    last_of,
    learning_step,
    rows_of,
    searches,
)
from skgalaxy._pools import n_rows
from skgalaxy._validation import (
    check_bool,
    check_choice,
    check_seed,
    check_votes,
    check_weighted_votes,
)
from skgalaxy.exceptions import NoSpreadWarning, NotCalibratedWarning
from skgalaxy.likelihoods import Likelihood
from skgalaxy.likelihoods.counts import first_fraction, has_votes, n_votes_of, weighted_counts
from skgalaxy.metrics import d2_binomial_score, d2_tree_score
from skgalaxy.novelty import FEWEST, Novelty, Reference
from skgalaxy.persistence import save
from skgalaxy.posterior import VotePosterior
from skgalaxy.query import predict_posterior
from skgalaxy.query._learners import (
    check_method,
    describe,
    embed,
    image_digests,
    was_trained_on,
)
from skgalaxy.tree_posterior import TreePosterior
from skgalaxy.votes import DecisionTree

__all__ = ["CalibratedRegressorCV", "Recalibration", "TreeRecalibration", "recommended"]

_DRAWS = 20, 100  # of a network, enough to learn three numbers from
_MOST_VALUES = 10**6  # draws of all galaxies together, so that many galaxies take seconds
_PRIORS = {"scatter": 0.25, "spread": 1.0}  # standard deviations of their logarithms
_RANGE = np.log([1e-4, 1e4])  # of either number
_MOST_COMPARED = 2000  # galaxies trained on, and held out, that tell what is usual


class Recalibration(NamedTuple):
    """Scatter of votes beyond that which networks see: ``1 / s' = overdispersion + scatter / s``.

    Parameters
    ----------
    overdispersion : float >= 0, default=0
        1 / s' where networks see no more scatter than that of coins.
    scatter : float > 0, default=1
        Factor on the scatter that networks see.
    spread : float > 0, default=1
        Factor on the distance of the draws of a galaxy from their mean, in the logit.

    References
    ----------
    Platt 1999 (maximum likelihood on held-out data); McCullagh & Nelder 1989, section 4.5
    (overdispersion).

    Examples
    --------
    Networks that are sure of 0.5, of votes that scatter widely:

    >>> import numpy as np
    >>> from skgalaxy import VotePosterior
    >>> from skgalaxy.calibration import Recalibration
    >>> posterior = VotePosterior(np.full((41, 1), 0.5))
    >>> recalibration = Recalibration.fit(posterior, votes=np.arange(41), n_votes=np.full(41, 40))
    >>> print(f"concentration {1 / recalibration.overdispersion:.1f}")
    concentration 2.0
    """

    overdispersion: float = 0.0
    scatter: float = 1.0
    spread: float = 1.0

    @classmethod
    def fit(
        cls,
        posterior: VotePosterior,
        votes: ArrayLike,
        n_votes: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Recalibration that held-out votes make most probable.

        Only the numbers that votes can tell are learned: `overdispersion` alone if networks see no
        scatter beyond that of coins, `scatter` alone if they see the same in every galaxy, both if
        it differs; and `spread` if draws differ. A few hundred galaxies hardly tell the two factors
        apart, so both have a prior: their logarithms are normal about 0 with standard deviations of
        0.25 (`scatter`: the networks have learned it from more galaxies) and 1 (`spread`).

        Parameters
        ----------
        posterior : VotePosterior
            Predicted by networks that were not trained on these galaxies.
        votes, n_votes : array-like of shape (n_galaxies,)
            k of N.
        sample_weight : array-like of shape (n_galaxies,), default=None
            Factor on each galaxy's log-likelihood.

        Returns
        -------
        recalibration : Recalibration

        Raises
        ------
        ValueError
            If votes are not counts, or if no galaxy has two: one vote does not scatter.
        """
        y = np.stack(check_votes(votes, n_votes, len(posterior)), axis=1)
        k, n, weight = check_weighted_votes(y, sample_weight)
        _check_scatter(n[weight > 0])
        return cls(*_most_likely([_HeldOut(posterior.likelihood, k, n, weight)]))

    def apply(self, posterior: VotePosterior) -> VotePosterior:
        """Recalibrate a posterior."""
        return VotePosterior(posterior.likelihood.recalibrated(*self), folds=posterior.folds)


class TreeRecalibration(NamedTuple):
    """Recalibration of every question of a tree.

    Parameters
    ----------
    questions : dict of str to Recalibration
        By the name of the question.

    Examples
    --------
    >>> from skgalaxy import TreePosterior
    >>> from skgalaxy.calibration import Recalibration, TreeRecalibration
    >>> from skgalaxy.likelihoods import Multinomial, TreeLikelihood
    >>> from skgalaxy.votes import DecisionTree
    >>> likelihood = TreeLikelihood(DecisionTree({"bar": ["yes", "no"]}), {
    ...     "bar": Multinomial([[[0.9, 0.1]]])
    ... })
    >>> wider = TreeRecalibration({"bar": Recalibration(overdispersion=0.1)})
    >>> wider.apply(TreePosterior(likelihood)).std.round(2)
    array([[0.09, 0.09]])
    """

    questions: dict[str, Recalibration]

    def apply(self, posterior: TreePosterior) -> TreePosterior:
        """Recalibrate a posterior, question by question."""
        likelihood = posterior.likelihood.recalibrated_by(self.questions)
        return TreePosterior(likelihood, folds=posterior.folds)


class _HeldOut(NamedTuple):
    """Votes on galaxies that were held out, and what networks expected of them."""

    likelihood: Likelihood
    votes: NDArray[Any]  # k, or counts of all answers
    n_votes: NDArray[Any]
    weight: NDArray[Any]

    def telling(self) -> "_HeldOut":
        """Part that tells how votes scatter: galaxies with two votes or more."""
        rows = (self.n_votes > 1) & (self.weight > 0)
        return _HeldOut(
            self.likelihood[rows], self.votes[rows], self.n_votes[rows], self.weight[rows]
        )


def _recalibration(
    posteriors: Sequence[Any], votes: Sequence[NDArray[Any]]
) -> Recalibration | TreeRecalibration:
    """Recalibration of posteriors that makes votes most likely; `weighted_counts` for each."""
    if not isinstance(posteriors[0], TreePosterior):
        pairs = zip(posteriors, votes, strict=True)
        return _most_likely([_HeldOut(one.likelihood, *rows.T) for one, rows in pairs])
    found = {}
    for question, here in posteriors[0].tree.slices.items():
        parts = [
            _HeldOut(
                posterior[question].likelihood,
                rows[:, here],
                rows[:, here].sum(axis=1),
                rows[:, -1],
            )
            for posterior, rows in zip(posteriors, votes, strict=True)
        ]
        if any(len(part.telling().weight) for part in parts):
            found[question] = _most_likely(parts)
    left = [question for question in posteriors[0].tree.questions if question not in found]
    if left:
        warnings.warn(
            f"Intervals of {', '.join(left)} are not calibrated: no galaxy that was held out has "
            "two votes on it.",
            NotCalibratedWarning,
            stacklevel=3,
        )
    return TreeRecalibration(found | dict.fromkeys(left, Recalibration()))


def _most_likely(held_out: Sequence[_HeldOut]) -> Recalibration:
    """Recalibration that makes votes most likely, one for the posteriors of all parts."""
    held_out = [part.telling() for part in held_out]
    weight = np.concatenate([part.weight for part in held_out])
    n_draws = int(np.clip(_MOST_VALUES / max(len(weight), 1), *_DRAWS))
    likelihoods = [
        part.likelihood.thinned(-(-part.likelihood.n_draws // n_draws)).interior()
        for part in held_out
    ]
    parameters = _learnable([likelihood.scatter() for likelihood in likelihoods])
    if not all(likelihood.agree().all() for likelihood in likelihoods):
        parameters["spread"] = 1.0
    prior = np.array([_PRIORS.get(name, np.inf) for name in parameters])

    def recalibration(logarithms: NDArray[Any]) -> Recalibration:
        values = map(float, np.exp(logarithms))
        return Recalibration(**dict(zip(parameters, values, strict=True)))

    def loss(logarithms: NDArray[Any]) -> float:
        log_prob = [
            likelihood.recalibrated(*recalibration(logarithms)).mixture_log_prob(
                part.votes, part.n_votes
            )
            for likelihood, part in zip(likelihoods, held_out, strict=True)
        ]
        # Platt 1999: the log-likelihood of held-out votes, here with normal priors
        gained = weight @ np.concatenate(log_prob) - 0.5 * np.sum((logarithms / prior) ** 2)
        return -float(gained)

    start = np.log(list(parameters.values()))
    corners = np.vstack([start, start + 0.5 * np.eye(len(start))])
    found = minimize(
        loss,
        start,
        method="Nelder-Mead",
        bounds=[_RANGE] * len(start),
        options={"initial_simplex": corners, "xatol": 1e-3, "fatol": 1e-3},
    )
    if not (found.success and np.isfinite(found.fun)):
        raise ValueError(
            "The votes held out do not tell how far votes scatter. "
            f"Got {found.message!r}; hold out more galaxies."
        )
    return recalibration(found.x)


def _check_scatter(n_votes: NDArray[Any]) -> None:
    """Raise ValueError if no galaxy has two votes, of the numbers of votes that galaxies have."""
    most = n_votes.max(initial=0)
    if most <= 1:
        raise ValueError(
            "`n_votes` must be at least two for some galaxy that is held out, to tell how votes "
            f"scatter. Got at most {most:g}; fractions need `sample_weight` as N."
        )


def _learnable(scatters: Sequence[NDArray[Any]]) -> dict[str, float]:
    """Start values of the parameters of 1 / s' that held-out votes constrain, given 1 / s.

    Where networks see one scatter everywhere, overdispersion and a factor cannot be told apart.
    """
    seen = [scatter for scatter in scatters if scatter.any()]
    if not seen:
        return {"overdispersion": 0.1}
    if any((scatter.std(axis=0) > 1e-3 * scatter.mean(axis=0)).any() for scatter in seen):
        return {"overdispersion": 0.01, "scatter": 1.0}
    return {"scatter": 1.0}


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
            self._check_can_go_on(groups)
        (X,) = indexable(X)
        tree = getattr(last_of(self.estimator), "tree", None)
        votes = weighted_counts(y, sample_weight, n_rows(X), tree)
        _check_scatter(n_votes_of(votes, tree).max(axis=1)[votes[:, -1] > 0])
        if isinstance(self.cv, str):
            estimators, held_out = self._prefit(X, groups), [np.arange(len(votes))]
            trained: list[NDArray[Any] | None] = [None]
        else:
            goes_on = self.warm_start and hasattr(self, "estimators_")
            splits = [self._split_on(X, votes)] if goes_on else self._splits(votes, groups, tree)
            clones = [self._going_on()] if goes_on else self._clones(len(splits))
            estimators = [
                fit_to_votes_of(one, X, votes, train)
                for one, (train, _) in zip(clones, splits, strict=True)
            ]
            trained = [rows for rows, _ in splits]
            held_out = [
                _unseen(one, X, rows) for one, (_, rows) in zip(estimators, splits, strict=True)
            ]
        posteriors = [
            predict_posterior(one, rows_of(X, rows))
            for one, rows in zip(estimators, held_out, strict=True)
        ]
        judged = np.concatenate(held_out)
        _check_scatter(n_votes_of(votes, tree).max(axis=1)[judged][votes[judged, -1] > 0])
        digests = _digests_of(estimators, X, held_out)
        if self.warm_start:  # galaxies that are not given this time stay held out, too
            digests = np.union1d(digests, getattr(self, "held_out_", []))
        self.recalibration_ = _recalibration(posteriors, [votes[rows] for rows in held_out])
        # one vote does not scatter
        tells = (n_votes_of(votes, tree) > 1).any(axis=1) & (votes[:, -1] > 0)
        self.n_calibrated_on_ = int(sum(tells[np.unique(judged)]))
        self.held_out_ = digests.astype("S32")
        self.estimators_ = estimators
        self.references_ = _usual(estimators, X, trained, held_out)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                delattr(self, name)
            if hasattr(estimators[0], name):
                setattr(self, name, getattr(estimators[0], name))
        return self

    def _splits(
        self, votes: NDArray[Any], groups: Any, tree: DecisionTree | None
    ) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Pairs of rows to train on and to hold out, of galaxies that have votes."""
        rng = check_seed(self.random_state)
        teaches = has_votes(votes)
        groups = check_groups(groups, len(votes))
        cv, rows = self.cv, np.arange(len(votes))
        if cv is None:
            splitter = ShuffleSplit if groups is None else GroupShuffleSplit
            cv = splitter(1, test_size=HELD_OUT, random_state=rng)
        if self.cv is None or isinstance(self.cv, numbers.Integral):
            rows = np.flatnonzero(teaches)  # dealt alone, so that shares and folds are of them
        fraction = first_fraction(votes, tree)[rows]
        splits = deal(cv, fraction, None if groups is None else groups[rows], rng)
        pairs = [(rows[train], np.sort(rows[test])) for train, test in splits]
        return [(train[teaches[train]], test[teaches[test]]) for train, test in pairs]

    def _split_on(self, X: Any, votes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows to train on and to hold out; galaxies of earlier fits stay where they were."""
        rows = np.flatnonzero(has_votes(votes))
        fitted = self.estimators_[0]
        digests = image_digests(fitted, rows_of(X, rows))
        trained_on = last_of(fitted)._trained_on
        if not (np.isin(digests, self.held_out_).any() and np.isin(digests, trained_on).any()):
            raise ValueError(
                "`X` must hold the galaxies of the last `fit` and new ones, to go on from it. Got "
                "none that it trained on, or none that it held out; give them again, leave out "
                "steps that change their pixels, or set `warm_start` to False."
            )
        is_out = deal_on(digests, self.held_out_, trained_on, check_seed(self.random_state))
        return rows[~is_out], rows[is_out]

    def _going_on(self) -> Any:
        """A clone of the estimator that knows what the last `fit` has learned."""
        (one,) = self._clones(1)
        knowing(one, self.estimators_[0])
        last_of(one).set_params(warm_start=True)
        return one

    def _check_can_go_on(self, groups: Any) -> None:
        """Refuse `warm_start` where galaxies could not stay held out, or networks not go on."""
        from skgalaxy.estimator import BayesianCNNRegressor  # imports Keras

        if self.cv is not None or groups is not None:
            raise ValueError(
                "`warm_start` needs cv=None and no groups: other splits would not stay as they "
                f"were. Got {'groups' if self.cv is None else f'cv={self.cv!r}'}; leave that out, "
                "or set `warm_start` to False."
            )
        if hasattr(self, "estimators_") and len(self.estimators_) > 1:
            raise ValueError(
                "`warm_start` must go on from one network. Got the last `fit` with "
                f"{len(self.estimators_)} splits; set `warm_start` to False once."
            )
        estimator = self.estimator
        last = BayesianCNNRegressor() if estimator is None else last_of(estimator)
        if searches(estimator) or not isinstance(last, BayesianCNNRegressor):
            raise TypeError(
                "`warm_start` needs an `estimator` that is a BayesianCNNRegressor, or a Pipeline "
                f"that ends in one. Got {type(estimator).__name__}; set `warm_start` to False."
            )
        if (step := learning_step(estimator)) is not None:
            raise TypeError(
                "`warm_start` needs a Pipeline whose steps before the network learn nothing, so "
                f"that a galaxy's image stays the same. Got {type(step).__name__}; transform X "
                "before, or set `warm_start` to False."
            )

    def _clones(self, n_clones: int) -> Iterator[Any]:
        """Yield clones of the estimator, with seeds of their own."""
        from skgalaxy.estimator import BayesianCNNRegressor  # imports Keras

        rng = check_seed(self.random_state)
        estimator = BayesianCNNRegressor() if self.estimator is None else self.estimator
        names = [name for name in estimator.get_params() if name.endswith("random_state")]
        for _ in range(n_clones):
            one = clone(estimator)
            one.set_params(**{name: rng.randint(np.iinfo(np.int32).max) for name in names})
            yield one

    def _prefit(self, X: Any, groups: Any) -> list[Any]:
        """The fitted estimator; groups, and galaxies that it was trained on, are refused."""
        check_choice(self.cv, "cv", ("prefit",))
        if groups is not None:
            raise ValueError(
                "`groups` must be None with cv='prefit', which holds nothing out. Got groups; "
                "leave them out."
            )
        seen = np.flatnonzero(was_trained_on(self.estimator, X))
        if len(seen):
            raise ValueError(
                "`X` must hold galaxies that `estimator` was not trained on, to calibrate it. "
                f"Got {len(seen)} of its training set, first in row {seen[0]}; give others, or "
                "let it be trained here with cv=None."
            )
        return [self.estimator]

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
        tags.target_tags.multi_output = getattr(last_of(self.estimator), "tree", None) is not None
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
        the place of the recommended ones; ``network=None`` starts from random weights.

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
    turns = parameters.get("augment", pictures == "galaxies")
    settings = {
        "network": "galaxies" if pictures == "galaxies" else None,
        "likelihood": "beta_binomial",
        "posterior": "last_layer",
        "n_draws": 200,
        "precision": "auto",
        "augment": turns,
        "n_views": 8 if turns else 1,
        **parameters,
    }
    return CalibratedRegressorCV(
        BayesianCNNRegressor(**settings),
        warm_start=parameters.get("warm_start", False),
        random_state=parameters.get("random_state"),
    )


def _digests_of(
    estimators: Sequence[Any], X: Any, held_out: Sequence[NDArray[Any]]
) -> NDArray[np.bytes_]:
    """Digests of the images held out of each estimator; none of estimators that cannot tell."""
    digests = [np.array([], "S32")]
    for one, rows in zip(estimators, held_out, strict=True):
        with contextlib.suppress(TypeError):
            check_method(one, "_digests")
            digests.append(image_digests(one, rows_of(X, rows)))
    return np.unique(np.concatenate(digests))


def _unseen(estimator: Any, X: Any, rows: NDArray[Any]) -> NDArray[Any]:
    """Rows that the estimator was not trained on, not even by an equal picture."""
    unseen = rows[~was_trained_on(estimator, rows_of(X, rows))]
    if len(unseen) == 0:
        raise ValueError(
            "`X` must hold galaxies that `estimator` is not trained on, to calibrate it. Got "
            "training sets with all that was held out; remove images that are there twice, or use "
            "cv='prefit' with new galaxies if the estimator is frozen."
        )
    return unseen


def _usual(
    estimators: Sequence[Any],
    X: Any,
    trained: Sequence[NDArray[Any] | None],
    held_out: Sequence[NDArray[Any]],
) -> list[Reference] | str:
    """References of the networks, one each, or the reason why they cannot be known."""
    fewest = min(map(len, held_out))
    if fewest < (2 * FEWEST if trained[0] is None else FEWEST):
        return f"only {fewest} galaxies were held out"
    try:
        check_method(estimators[0], "embed")
        splits = zip(estimators, trained, held_out, strict=True)
        return [_reference(one, X, train, held) for one, train, held in splits]
    except (TypeError, ValueError) as error:  # for example of a network without a dense layer
        return f"its features are not known ({str(error).rstrip('.')})"


def _reference(
    estimator: Any, X: Any, trained: NDArray[Any] | None, held_out: NDArray[Any]
) -> Reference:
    """Reference of a network, by galaxies that it was trained on and others.

    A network that came fitted has its training set elsewhere: half of the others stands for it.
    """
    if trained is None:
        trained, held_out = held_out[::2], held_out[1::2]
    described = [
        describe(estimator, rows_of(X, np.sort(rows[:: -(-len(rows) // _MOST_COMPARED)])))
        for rows in (trained, held_out)
    ]
    return Reference.fit(*described)
