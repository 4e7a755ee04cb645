"""What draws mean: the posterior over a galaxy's vote fraction and over its next votes.

`VotePosterior` holds, for every galaxy, the vote fractions ρ_d of D drawn networks. Over ρ the
posterior is these D points; over k of N votes it is their equal mixture of binomials,
``p(k) = (1/D) Σ_d Bin(k; N, ρ_d)`` (Walmsley et al. 2020, arXiv:1905.07424). Networks that also
say how sure they are give concentrations s_d: then these points are Betas of mean ρ_d, and the
binomials beta-binomials. Column d is one and the same network for every galaxy, so draws of
different galaxies are jointly meaningful.
"""

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from skgalaxy import acquisition
from skgalaxy._validation import check_float, check_n_votes, check_parameters, check_votes
from skgalaxy.likelihoods import likelihood_of

__all__ = ["VotePosterior"]


class VotePosterior:
    """Posterior over vote fractions and votes: an equal mixture over drawn networks.

    Array-like over galaxies: it has a length, slices like an array, and concatenates.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1]; column d belongs to the same network for every galaxy.
    concentration : array-like of shape (n_galaxies, n_draws), default=None
        How sure each network is of its vote fraction: ρ ~ Beta(ρ_d s_d, (1 - ρ_d) s_d), s_d > 0,
        as after s_d votes. One number or a column will do. None is the binomial likelihood: each
        network is certain, as with infinite s_d.

    Attributes
    ----------
    draws : ndarray of shape (n_galaxies, n_draws)
        As given, float64, read-only.
    concentration : ndarray of shape (n_galaxies, n_draws) or None
        As given, read-only.
    mean, std : ndarray of shape (n_galaxies,)
        Mean and standard deviation of ρ.

    Raises
    ------
    ValueError
        If `draws` is not two-dimensional or leaves [0, 1], or a concentration is not > 0.

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
    """

    def __init__(self, draws, concentration=None):
        self._parameters = tuple(x.view() for x in check_parameters(draws, concentration))
        for values in self._parameters:
            values.flags.writeable = False
        self.draws, self.concentration = (*self._parameters, None)[:2]

    def __repr__(self):
        n_galaxies, n_draws = self.draws.shape
        return f"{type(self).__name__}(n_galaxies={n_galaxies}, n_draws={n_draws})"

    def __len__(self):
        return len(self.draws)

    @property
    def _likelihood(self):
        return likelihood_of(self.concentration)

    def __getitem__(self, rows):
        """Return the posterior of some galaxies: a slice, mask, index array or one index."""
        return type(self)(*(np.atleast_2d(values[rows]) for values in self._parameters))

    @classmethod
    def concatenate(cls, posteriors):
        """Return the posterior of the galaxies of all `posteriors`, in order.

        Parameters
        ----------
        posteriors : sequence of VotePosterior
            With the same number of draws, from the same networks; all with concentrations or
            none.

        Returns
        -------
        posterior : VotePosterior

        Raises
        ------
        ValueError
            If there is none, or the numbers of draws or the likelihoods differ.

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> len(VotePosterior.concatenate([VotePosterior([[0.1]]), VotePosterior([[0.9]])]))
        2
        """
        return cls._joined(posteriors, axis=0)

    @classmethod
    def beside(cls, posteriors):
        """Return the posterior of the draws of all `posteriors`, of the same galaxies.

        Parameters
        ----------
        posteriors : sequence of VotePosterior
            Of other networks each. If some have concentrations, those of the others are infinite.

        Returns
        -------
        posterior : VotePosterior

        Raises
        ------
        ValueError
            If there is none, or the numbers of galaxies differ.

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> VotePosterior.beside([VotePosterior([[0.1]]), VotePosterior([[0.9]])]).draws
        array([[0.1, 0.9]])
        """
        posteriors = list(posteriors)
        if any(posterior.concentration is not None for posterior in posteriors):
            posteriors = [
                cls(p.draws, np.inf if p.concentration is None else p.concentration)
                for p in posteriors
            ]
        return cls._joined(posteriors, axis=1)

    @classmethod
    def _joined(cls, posteriors, axis):
        posteriors = list(posteriors)
        sizes = sorted({posterior.draws.shape[1 - axis] for posterior in posteriors})
        if len(sizes) != 1:
            raise ValueError(
                "`posteriors` must be at least one VotePosterior, all with the same number of "
                f"{('draws', 'galaxies')[axis]}. Got numbers {sizes}."
            )
        if len({posterior.concentration is None for posterior in posteriors}) != 1:
            raise ValueError(
                "`posteriors` must be of one likelihood. Got some with concentrations and some "
                "without."
            )
        parameters = zip(*(posterior._parameters for posterior in posteriors), strict=True)
        return cls(*(np.concatenate(values, axis=axis) for values in parameters))

    @property
    def mean(self):
        """Posterior mean of ρ, ndarray of shape (n_galaxies,)."""
        return self.draws.mean(axis=1)

    @property
    def std(self):
        """Standard deviation of ρ, ndarray of shape (n_galaxies,)."""
        return np.sqrt(self._likelihood.vote_fraction_variance(*self._parameters))

    def pmf(self, n_votes):
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
        n_votes = check_n_votes(n_votes, len(self))
        pmf = np.zeros((len(self), n_votes.max(initial=0) + 1))
        for n in np.unique(n_votes):
            rows = n_votes == n
            draws, *concentration = (values[rows] for values in self._parameters)
            pmf[rows, : n + 1] = self._likelihood.mixture_pmf(draws, n, *concentration)
        return pmf

    def cdf(self, n_votes):
        """Probability of at most k votes for k = 0 ... N, shape (n_galaxies, max(N) + 1)."""
        return np.minimum(self.pmf(n_votes).cumsum(axis=1), 1.0)

    def interval(self, level=0.9, n_votes=None):
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
            Vote fractions, or whole votes with both ends included.

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
        tails = (1 - level) / 2, (1 + level) / 2
        if n_votes is None:
            return tuple(
                self._likelihood.mixture_quantile(tail, *self._parameters) for tail in tails
            )
        cdf = self.cdf(n_votes)
        last = check_n_votes(n_votes, len(self))
        # the smallest k whose cdf reaches the tail; rounding may leave the last cdf at 1 - 1e-16
        return tuple(np.minimum((cdf < tail).sum(axis=1), last) for tail in tails)

    def log_prob(self, votes, n_votes):
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
        return self._likelihood.mixture_log_prob(votes, n_votes, *self._parameters)

    def sample(self, n_votes, random_state=None):
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

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> VotePosterior([[0.0], [1.0]]).sample(n_votes=40, random_state=0)
        array([ 0, 40])
        """
        rng = check_random_state(random_state)
        n_votes = check_n_votes(n_votes, len(self))
        draw = rng.randint(self.draws.shape[1])
        drawn = (values[:, draw] for values in self._parameters)
        return self._likelihood.sample(rng, n_votes, *drawn)

    def mutual_information(self, n_votes, *, jackknife=False):
        """Return `skgalaxy.acquisition.mutual_information` of the draws, in nats."""
        return acquisition.mutual_information(
            self.draws, n_votes, concentration=self.concentration, jackknife=jackknife
        )

    def to_frame(self, n_votes=40, *, level=0.9, index=None):
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
