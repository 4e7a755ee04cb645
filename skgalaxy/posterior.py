"""Posterior over a galaxy's vote fraction and over its next votes.

`VotePosterior` holds, for every galaxy, the vote fractions ρ_d of D drawn networks. Over ρ the
posterior is these D points; over k of N votes it is their equal mixture of binomials,
``p(k) = (1/D) Σ_d Bin(k; N, ρ_d)`` (Walmsley et al. 2020, arXiv:1905.07424). With another
likelihood (`skgalaxy.likelihoods`) each draw is a wider distribution, for example a beta-binomial,
and the posterior their mixture. Column d is one and the same network for every galaxy, so draws
of different galaxies are jointly meaningful. Out of fold (`folds`) it is so within each fold only.
"""

from collections.abc import Iterable
from typing import Any, Generic, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._validation import (
    MOST_OUTCOMES,
    check_float,
    check_n_votes,
    check_seed,
    check_votes,
    refuse_masked,
)
from skgalaxy.information import mutual_information
from skgalaxy.information.joint import check_one_fold
from skgalaxy.likelihoods import Likelihood, as_likelihood, combine
from skgalaxy.likelihoods.base import concatenate

__all__ = ["VotePosterior"]


_Votes = TypeVar("_Votes", bound=Likelihood)


class Posterior(Generic[_Votes]):
    """Equal mixture over drawn networks, of the votes on every galaxy.

    Array-like over galaxies: it has a length, slices like an array, and concatenates. Subclasses
    say what can be asked of it.

    Parameters
    ----------
    likelihood : Likelihood
        The votes of every galaxy under every drawn network.
    folds : array-like of int of shape (n_galaxies,), default=None
        The fold that each galaxy is in, as in `VotePosterior`.
    """

    def __init__(self, likelihood: _Votes, *, folds: ArrayLike | None = None) -> None:
        self.likelihood: _Votes = likelihood
        self.folds: NDArray[np.intp] | None = _check_folds(folds, len(self.likelihood))

    @property
    def draws(self) -> NDArray[Any]:
        """Vote fractions of every draw, ndarray of shape (n_galaxies, n_draws, ...)."""
        return self.likelihood.draws

    def __repr__(self) -> str:
        n_galaxies, n_draws = self.draws.shape[:2]
        folds = "" if self.folds is None else f", n_folds={len(np.unique(self.folds))}"
        return f"{type(self).__name__}(n_galaxies={n_galaxies}, n_draws={n_draws}{folds})"

    def __len__(self) -> int:
        return len(self.likelihood)

    def __getitem__(self, rows: Any) -> Self:
        """Posterior of some galaxies: a slice, mask, index array or one index."""
        refuse_masked(rows, "rows")
        folds = None if self.folds is None else np.atleast_1d(self.folds[rows])
        return self._with(self.likelihood[rows], folds)

    def _with(self, likelihood: Any, folds: ArrayLike | None) -> Self:
        """Posterior of the same questions with another likelihood."""
        return type(self)(likelihood, folds=folds)

    @property
    def mean(self) -> NDArray[Any]:
        """Posterior mean of the vote fractions, ndarray of shape (n_galaxies, ...)."""
        return self.draws.mean(axis=1)

    @property
    def std(self) -> NDArray[Any]:
        """Standard deviation of the vote fractions, ndarray of shape (n_galaxies, ...)."""
        return np.sqrt(self.likelihood.variance())

    def mutual_information(self, n_votes: ArrayLike, *, jackknife: bool = False) -> NDArray[Any]:
        """Mutual information of N votes and the networks, nats: see `skgalaxy.acquisition`."""
        return mutual_information(self, n_votes, jackknife=jackknife)

    @classmethod
    def concatenate(cls, posteriors: Iterable[Self]) -> Self:
        """Posterior of the galaxies of all `posteriors`, in order.

        Parameters
        ----------
        posteriors : iterable of posteriors
            Of this class, with the same number of draws, from the same networks, and of one
            likelihood. With `folds` in all of them or in none; folds of the same number have the
            same networks.

        Returns
        -------
        posterior : of this class

        Raises
        ------
        ValueError
            If there is none, the numbers of draws or the likelihoods differ, or some have `folds`
            and others do not.

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> len(VotePosterior.concatenate([VotePosterior([[0.1]]), VotePosterior([[0.9]])]))
        2
        """
        given = _check_alike(cls, posteriors, "draws")
        folds = [one.folds for one in given if one.folds is not None]
        if len(folds) not in (0, len(given)):
            raise ValueError(
                "`posteriors` must all be of the same networks. Got some with `folds`, predicted "
                "out of fold, and others without."
            )
        likelihood = concatenate([one.likelihood for one in given], axis=0)
        return given[0]._with(likelihood, np.concatenate(folds) if folds else None)

    @classmethod
    def combine(cls, posteriors: Iterable[Self]) -> Self:
        """Posterior of several models on the same galaxies: all their draws, side by side.

        Parameters
        ----------
        posteriors : iterable of posteriors
            Of this class and of other networks each. Unlike likelihoods are widened to one: a
            binomial becomes a beta-binomial of infinite concentration. Of unlike `folds`, galaxies
            are in one fold together if they are in each.

        Returns
        -------
        posterior : of this class

        Raises
        ------
        ValueError
            If there is none, or the numbers of galaxies differ.

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> VotePosterior.combine([VotePosterior([[0.1]]), VotePosterior([[0.9]])]).draws
        array([[0.1, 0.9]])
        """
        given = _check_alike(cls, posteriors, "galaxies")
        folds = [one.folds for one in given if one.folds is not None]
        return given[0]._with(
            combine([one.likelihood for one in given]),
            np.unique(folds, axis=1, return_inverse=True)[1].ravel() if folds else None,
        )


class VotePosterior(Posterior[Likelihood]):
    """Posterior over vote fractions and votes: an equal mixture over drawn networks.

    Array-like over galaxies: it has a length, slices like an array, and concatenates. You can
    pass it to every query strategy in place of a model.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws) or Likelihood
        Vote fractions ρ in [0, 1]; column d belongs to the same network for every galaxy. A
        `skgalaxy.likelihoods.BetaBinomial` says beside each draw how sure its network is.
    folds : array-like of int of shape (n_galaxies,), default=None
        The fold that each galaxy is in, if each fold was predicted by networks of its own, as
        `skgalaxy.model_selection.cross_val_posterior` does. None says that all galaxies have the
        same networks.

    Attributes
    ----------
    likelihood : Likelihood
        How votes scatter about the draws; `skgalaxy.likelihoods.Binomial` of an array.
    draws : ndarray of shape (n_galaxies, n_draws)
        Vote fractions, float64, read-only.
    folds : ndarray of int of shape (n_galaxies,) or None
        As given, read-only. Slicing and `concatenate` keep it. With several folds you can ask all
        about single galaxies. What takes the draws of galaxies together is refused, for example
        `sample`, `joint_sampling` and EPIG; take one fold for it.
    mean, std : ndarray of shape (n_galaxies,)
        Mean and standard deviation of ρ.

    Raises
    ------
    ValueError
        If `draws` is not two-dimensional or leaves [0, 1], or if `folds` are not integers, one per
        galaxy.

    References
    ----------
    Walmsley et al. 2020, MNRAS 491, 1554 (arXiv:1905.07424).

    Examples
    --------
    >>> from skgalaxy import VotePosterior
    >>> posterior = VotePosterior([[0.2, 0.8], [0.5, 0.5]])
    >>> posterior
    VotePosterior(n_galaxies=2, n_draws=2)
    >>> posterior.pmf(n_votes=2).round(2)
    array([[0.34, 0.32, 0.34],
           [0.25, 0.5 , 0.25]])

    Networks that are less sure of the same vote fractions:

    >>> from skgalaxy.likelihoods import BetaBinomial
    >>> unsure = VotePosterior(BetaBinomial([[0.2, 0.8], [0.5, 0.5]], concentration=4))
    >>> unsure.pmf(n_votes=2).round(2)
    array([[0.37, 0.26, 0.37],
           [0.3 , 0.4 , 0.3 ]])
    """

    def __init__(
        self, draws: "ArrayLike | Likelihood | VotePosterior", *, folds: ArrayLike | None = None
    ) -> None:
        if folds is None and isinstance(draws, VotePosterior):
            folds = draws.folds
        super().__init__(as_likelihood(draws), folds=folds)

    def pmf(self, n_votes: ArrayLike) -> NDArray[Any]:
        """Probability of every outcome k = 0 ... N.

        Parameters
        ----------
        n_votes : int or array-like of shape (n_galaxies,)
            Number of volunteers asked, N.

        Returns
        -------
        pmf : ndarray of shape (n_galaxies, max(N) + 1)
            Rows sum to one; beyond a galaxy's own N they are zero.

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> VotePosterior([[0.5], [0.5]]).pmf([1, 2])
        array([[0.5 , 0.5 , 0.  ],
               [0.25, 0.5 , 0.25]])
        """
        n_votes = check_n_votes(n_votes, len(self), most=MOST_OUTCOMES)
        pmf = np.zeros((len(self), self.likelihood.n_outcomes(n_votes.max(initial=0))))
        for n in np.unique(n_votes):
            rows = n_votes == n
            # Walmsley+2020: the posterior over votes is the mean over dropout draws
            pmf[rows, : self.likelihood.n_outcomes(n)] = self.likelihood[rows].mixture_pmf(n)
        return pmf

    def cdf(self, n_votes: ArrayLike) -> NDArray[Any]:
        """Probability of at most k votes for k = 0 ... N, shape (n_galaxies, max(N) + 1)."""
        return np.minimum(self.pmf(n_votes).cumsum(axis=1), 1.0)

    def interval(
        self, level: float = 0.9, n_votes: ArrayLike | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Central credible interval, of the vote fraction or of the votes.

        Parameters
        ----------
        level : float in (0, 1), default=0.9
            Posterior mass between the ends (at least, for whole votes).
        n_votes : int or array-like of shape (n_galaxies,), default=None
            None gives the interval of ρ; a number gives the interval of k of N.

        Returns
        -------
        low, high : ndarray of shape (n_galaxies,)
            Vote fractions, or whole votes with both ends included. NaN where nothing was learned.

        Raises
        ------
        ValueError
            If `level` is not strictly between 0 and 1.

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> low, high = VotePosterior([[0.5]]).interval(0.9, n_votes=40)
        >>> print(low, high)
        [15] [25]
        """
        level = check_float(level, "level", 0, 1, closed="neither")
        low, high = (1 - level) / 2, (1 + level) / 2
        if n_votes is None:
            return self.likelihood.quantile(low), self.likelihood.quantile(high)
        cdf = self.cdf(n_votes)
        last = check_n_votes(n_votes, len(self))
        # the smallest k whose cdf reaches the tail; rounding may leave the last cdf at 1 - 1e-16
        first_k, last_k = (np.minimum((cdf < tail).sum(axis=1), last) for tail in (low, high))
        unknown = np.isnan(cdf[:, 0])
        if unknown.any():
            return np.where(unknown, np.nan, first_k), np.where(unknown, np.nan, last_k)
        return first_k, last_k

    def probability_above(self, threshold: float = 0.5) -> NDArray[Any]:
        """Probability that the vote fraction ρ is above a threshold.

        Draws count with the scatter that their likelihood sees, not as single numbers. So the
        probability of a recalibrated posterior is recalibrated, too.

        Parameters
        ----------
        threshold : float in [0, 1], default=0.5
            For example 0.5: most volunteers would say yes.

        Returns
        -------
        probability : ndarray of shape (n_galaxies,)
            P(ρ > threshold).

        Raises
        ------
        ValueError
            If `threshold` is not in [0, 1].

        See Also
        --------
        skgalaxy.catalogue.select_sample : A sample of stated purity by these probabilities.

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> VotePosterior([[0.2, 0.8], [0.6, 0.9]]).probability_above(0.5)
        array([0.5, 1. ])
        """
        return self.likelihood.probability_above(check_float(threshold, "threshold", 0, 1))

    def log_prob(self, votes: ArrayLike, n_votes: ArrayLike) -> NDArray[Any]:
        """Log probability of the volunteers' answers, in nats.

        Parameters
        ----------
        votes, n_votes : int or array-like of shape (n_galaxies,)
            k of N.

        Returns
        -------
        log_prob : ndarray of shape (n_galaxies,)
            log p(k); 0 for N = 0.

        Raises
        ------
        ValueError
            If k > N, or a count is negative or fractional.

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> VotePosterior([[0.2, 0.8]]).log_prob(votes=1, n_votes=1).round(3)
        array([-0.693])
        """
        votes, n_votes = check_votes(votes, n_votes, len(self))
        return self.likelihood.mixture_log_prob(votes, n_votes)

    def sample(self, n_votes: ArrayLike, random_state: Any = None) -> NDArray[Any]:
        """Votes as volunteers might give them: one network for all galaxies, then its votes.

        Parameters
        ----------
        n_votes : int or array-like of shape (n_galaxies,)
            Number of volunteers asked, N.
        random_state : int, RandomState or None, default=None
            Seed of the network picked and of the votes.

        Returns
        -------
        votes : ndarray of shape (n_galaxies,)
            One joint sample of k; over many calls each galaxy's k follows its `pmf`.

        Raises
        ------
        ValueError
            If the galaxies are of several `folds`, so that no network is one for all.

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> VotePosterior([[0.0], [1.0]]).sample(n_votes=40, random_state=0)
        array([ 0, 40])
        """
        check_one_fold(self)
        rng = check_seed(random_state)
        n_votes = check_n_votes(n_votes, len(self))
        return self.likelihood.sample(rng, n_votes, rng.randint(self.likelihood.n_draws))

    def to_frame(
        self, n_votes: ArrayLike = 40, *, level: float = 0.9, index: ArrayLike | None = None
    ) -> pd.DataFrame:
        """Summary per galaxy, as a catalogue would hold it.

        Parameters
        ----------
        n_votes : int or array-like of shape (n_galaxies,), default=40
            N of the mutual information.
        level : float in (0, 1), default=0.9
            Level of the central interval of ρ.
        index : array-like of shape (n_galaxies,), default=None
            Names of the galaxies.

        Returns
        -------
        frame : DataFrame
            Columns mean, std, the interval's ends (q05 and q95 for level 0.9) and
            mutual_information (nats).

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> frame = VotePosterior([[0.2, 0.8]]).to_frame(index=["NGC 1300"])
        >>> print(", ".join(frame.columns))
        mean, std, q05, q95, mutual_information
        """
        if index is not None:
            refuse_masked(index, "index")
            n_names = len(pd.Index(index))
            if n_names != len(self):
                raise ValueError(
                    f"`index` must name each of the {len(self)} galaxies. Got {n_names} names."
                )
        low, high = self.interval(level)
        percent = 50 * (1 - level)
        columns = {
            "mean": self.mean,
            "std": self.std,
            f"q{percent:04.1f}".removesuffix(".0"): low,
            f"q{100 - percent:04.1f}".removesuffix(".0"): high,
            "mutual_information": self.mutual_information(n_votes),
        }
        return pd.DataFrame(columns, index=index)


def _check_folds(folds: ArrayLike | None, n_galaxies: int) -> NDArray[np.intp] | None:
    """Folds as a read-only array, one integer per galaxy."""
    if folds is None:
        return None
    refuse_masked(folds, "folds")
    given = np.asarray(folds)
    if given.shape != (n_galaxies,) or (given.size and given.dtype.kind not in "iu"):
        raise ValueError(
            f"`folds` must be one integer per galaxy, shape ({n_galaxies},). "
            f"Got {given.dtype} of shape {given.shape}."
        )
    own = given.astype(np.intp)  # a copy
    own.flags.writeable = False
    return own


_SomePosterior = TypeVar("_SomePosterior", bound=Posterior[Any])


def _check_alike(
    cls: type[_SomePosterior], posteriors: Iterable[_SomePosterior], alike: str
) -> list[_SomePosterior]:
    """Posteriors of a class that have as many galaxies, or as many draws."""
    rule = f"`posteriors` must be a list of {cls.__name__}."
    if isinstance(posteriors, Posterior):
        raise TypeError(f"{rule} Got one alone.")
    try:
        given = list(posteriors)
    except TypeError as error:
        raise TypeError(f"{rule} Got {type(posteriors).__name__}.") from error
    others = [type(one).__name__ for one in given if not isinstance(one, cls)]
    if others:
        raise TypeError(f"{rule} Got {others[0]} in it.")
    if not given:
        raise ValueError(f"`posteriors` must be at least one {cls.__name__}. Got an empty list.")
    asked = [getattr(one, "tree", getattr(one, "answers", None)) for one in given]
    if any(other != asked[0] for other in asked):
        names = sorted({", ".join(getattr(one, "columns", one or ())) for one in asked})
        raise ValueError(
            "`posteriors` must be of the same questions and answers, in one order. "
            f"Got {' and '.join(names)}."
        )
    axis = {"galaxies": 0, "draws": 1}[alike]
    sizes = sorted({posterior.draws.shape[axis] for posterior in given})
    if len(sizes) > 1:
        raise ValueError(
            f"`posteriors` must all have the same number of {alike}. Got numbers {sizes}."
        )
    return given
