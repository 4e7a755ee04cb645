"""What draws mean: the posterior over a galaxy's vote fraction and over its next votes.

`VotePosterior` holds, for every galaxy, the vote fractions ρ_d of D drawn networks. Over ρ the
posterior is these D points; over k of N votes it is their equal mixture of binomials,
``p(k) = (1/D) Σ_d Bin(k; N, ρ_d)`` (Walmsley et al. 2020, arXiv:1905.07424). Column d is one and
the same network for every galaxy, so draws of different galaxies are jointly meaningful.
"""

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from skgalaxy import acquisition
from skgalaxy._validation import check_draws, check_float, check_n_votes, check_votes
from skgalaxy.likelihoods import binomial

__all__ = ["VotePosterior"]


class VotePosterior:
    """Posterior over vote fractions and votes: an equal mixture over drawn networks.

    Array-like over galaxies: it has a length, slices like an array, and concatenates.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws)
        Vote fractions ρ in [0, 1]; column d belongs to the same network for every galaxy.

    Attributes
    ----------
    draws : ndarray of shape (n_galaxies, n_draws)
        As given, float64, read-only.
    mean, std : ndarray of shape (n_galaxies,)
        Mean and standard deviation of ρ over draws.

    Raises
    ------
    ValueError
        If `draws` is not two-dimensional or leaves [0, 1].

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

    def __init__(self, draws):
        self.draws = check_draws(draws).view()
        self.draws.flags.writeable = False

    def __repr__(self):
        n_galaxies, n_draws = self.draws.shape
        return f"{type(self).__name__}(n_galaxies={n_galaxies}, n_draws={n_draws})"

    def __len__(self):
        return len(self.draws)

    def __getitem__(self, rows):
        """Return the posterior of some galaxies: a slice, mask, index array or one index."""
        draws = self.draws[rows]
        return type(self)(draws[None] if draws.ndim == 1 else draws)

    @classmethod
    def concatenate(cls, posteriors):
        """Return the posterior of the galaxies of all `posteriors`, in order.

        Parameters
        ----------
        posteriors : sequence of VotePosterior
            With the same number of draws, from the same networks.

        Returns
        -------
        posterior : VotePosterior

        Raises
        ------
        ValueError
            If there is none, or the numbers of draws differ.

        Examples
        --------
        >>> from skgalaxy import VotePosterior
        >>> len(VotePosterior.concatenate([VotePosterior([[0.1]]), VotePosterior([[0.9]])]))
        2
        """
        posteriors = list(posteriors)
        n_draws = sorted({posterior.draws.shape[1] for posterior in posteriors})
        if len(n_draws) != 1:
            raise ValueError(
                "`posteriors` must be at least one VotePosterior, all with the same number of "
                f"draws. Got numbers of draws {n_draws}."
            )
        return cls(np.concatenate([posterior.draws for posterior in posteriors]))

    @property
    def mean(self):
        """Posterior mean of ρ, ndarray of shape (n_galaxies,)."""
        return self.draws.mean(axis=1)

    @property
    def std(self):
        """Standard deviation of ρ over draws, ndarray of shape (n_galaxies,)."""
        return self.draws.std(axis=1)

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
            pmf[rows, : n + 1] = binomial.mixture_pmf(self.draws[rows], n)
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
            None gives the interval of ρ over draws; a number gives the interval of k of N.

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
            return tuple(np.quantile(self.draws, tails, axis=1))
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
        return binomial.mixture_log_prob(votes, n_votes, self.draws)

    def sample(self, n_votes, random_state=None):
        """Votes as volunteers might give them: one network for all galaxies, then binomials.

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
        return rng.binomial(n_votes, self.draws[:, draw])

    def mutual_information(self, n_votes, *, jackknife=False):
        """Return `skgalaxy.acquisition.mutual_information` of the draws, in nats."""
        return acquisition.mutual_information(self.draws, n_votes, jackknife=jackknife)

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
