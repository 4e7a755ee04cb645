"""`Likelihood`: distributions of the votes on every galaxy, one per drawn network.

A likelihood object holds, for G galaxies and D drawn networks, the parameters of a distribution
of votes: for the binomial one vote fraction ρ, for the beta-binomial a mean and a concentration.
A posterior is the equal mixture over its draws (Walmsley et al. 2020, section 3)::

    p̄(k) = (1/D) Σ_d p(k | parameters of draw d)

One file per likelihood holds its mathematics and its training loss. `LIKELIHOODS` in the
package's ``__init__`` names it. Everything above it, for example posterior, strategies and
calibration, uses the methods below and nothing else. If you write a likelihood, start from
`Binomial`. Arrays are float64. Shape suffixes: G galaxies, D draws, K outcomes, P outputs of a
network.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, gammaln, logit, logsumexp

from skgalaxy.likelihoods.entropy import entropy

__all__ = [
    "Likelihood",
    "concatenate",
    "log_coefficients",
    "row_blocks",
    "spread_draws",
    "vote_fraction",
]

BLOCK = 2**18  # elements of p(k | draw) computed at once: 2 MB, so that they stay in the cache
LOG_ZERO = -1e300  # stands for log 0: times 0 it is 0, where -inf would give NaN
EDGE = 1e-9  # a vote against a vote fraction nearer to 0 or 1 is as unlikely as at this distance
MOST_LOGIT = 30.0  # beyond it float64 rounds ρ to 1, and a vote against it would be impossible


class Likelihood(ABC):
    """Distributions of votes: one per galaxy and drawn network.

    It has a length, the number of galaxies, and can be sliced over galaxies like an array. Your own
    constructor checks its parameters and hands the arrays to ``Likelihood.__init__``. The contract
    in ``tests/test_likelihoods.py`` asks more of a registered likelihood than the abstract methods:
    `recalibrated`, `next_yes` and `sample_fractions`, and a loss with a gradient wherever a network
    is wrong.

    Attributes
    ----------
    outputs : tuple of str
        The numbers that a network gives for a galaxy, by name; the first reads "the ... of ..." in
        messages.
    starts : tuple of float
        Start values of the last of `outputs`. Your network may leave these out: then each is
        learned as one number for all galaxies.
    draws : ndarray of shape (n_galaxies, n_draws)
        Vote fractions in [0, 1], E[k] / N of every draw, read-only; with several answers
        (n_galaxies, n_draws, n_answers).
    """

    outputs: ClassVar[tuple[str, ...]]
    starts: ClassVar[tuple[float, ...]] = ()

    def __init__(self, *arrays: NDArray[Any]) -> None:
        views = tuple(values.view() for values in arrays)
        for view in views:
            view.flags.writeable = False
        self._arrays = views

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_galaxies={len(self)}, n_draws={self.n_draws})"

    def __len__(self) -> int:
        return len(self._arrays[0])

    def __getitem__(self, rows: Any) -> Self:
        """Distributions of some galaxies: a slice, mask, index array or one index."""

        def of_rows(values: NDArray[Any]) -> NDArray[Any]:
            found = values[rows]
            return found if found.ndim == values.ndim else found[None]

        return self._map(of_rows)

    def _map(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Self:
        """Apply a function to every array of parameters; they are not checked again."""
        return self._of([function(values) for values in self._arrays])

    def _of(self, arrays: Sequence[NDArray[Any]]) -> Self:
        """Make the same likelihood of other, trusted parameters."""
        other = object.__new__(type(self))  # past the checks of its own constructor
        Likelihood.__init__(other, *arrays)
        return other

    @property
    def draws(self) -> NDArray[Any]:
        """Vote fractions."""
        return self._arrays[0]

    @property
    def n_draws(self) -> int:
        """Number of drawn networks D."""
        return self._arrays[0].shape[1]

    def transpose(self) -> Self:
        """Draws as galaxies and galaxies as draws, to look at every draw by itself."""
        return self._map(lambda values: values.swapaxes(0, 1))

    def thinned(self, step: int) -> Self:
        """Every `step`-th draw."""
        return self._map(lambda values: values[:, ::step])

    def agree(self) -> NDArray[Any]:
        """Galaxies on which all draws are equal, bool of shape (G,)."""
        equal = [
            (values == values[:, :1]).reshape(len(values), -1).all(axis=1)
            for values in self._arrays
        ]
        return np.all(equal, axis=0)

    @classmethod
    @abstractmethod
    def from_outputs(cls, outputs_GDP: ArrayLike) -> Self:
        """Distributions from the outputs of networks, shape (G, D, len(outputs))."""

    @staticmethod
    @abstractmethod
    def nll(y_true: Any, y_pred: Any) -> Any:
        """Training loss of every galaxy, in ``keras.ops``.

        The negative log-likelihood of votes [k, N] given a network's `outputs`, without terms
        that do not depend on them. Keras is imported when this is called.
        """

    @abstractmethod
    def log_pmf(self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]) -> NDArray[Any]:
        """Log probability of the votes under every draw, shape (G, D)."""

    @abstractmethod
    def pmf_blocks(self, n_votes: int) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Probabilities of all outcomes of N votes under every draw, block by block.

        Yields (rows, pmf of shape (rows, D, K)), so that scratch memory does not grow with the
        number of galaxies. Each block is the caller's until the next.
        """

    @abstractmethod
    def variance(self) -> NDArray[Any]:
        """Variance of the vote fraction under the mixture, shape (G,)."""

    @abstractmethod
    def quantile(self, level: float) -> NDArray[Any]:
        """Quantile of the vote fraction under the mixture, shape (G,)."""

    @abstractmethod
    def sample(
        self, rng: np.random.RandomState, n_votes_G: NDArray[Any], draw: int
    ) -> NDArray[Any]:
        """Votes on every galaxy, if the network of that draw is right, shape (G,)."""

    def probability_above(self, threshold: float) -> NDArray[Any]:
        """Probability under the mixture that the vote fraction is above a threshold, shape (G,)."""
        raise TypeError(f"{type(self).__name__} does not say how vote fractions scatter.")

    def sample_fractions(self, rng: np.random.RandomState) -> NDArray[Any]:
        """Vote fractions of galaxies, one about each draw as its network expects, shape (G, D)."""
        raise TypeError(f"{type(self).__name__} does not say how vote fractions scatter.")

    def slope(
        self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Derivative of `log_pmf` in the logit of ρ, and the information on it, each (G, D).

        The information is (dE[k] / dlogit)² / Var[k]: what the mean and the variance of the votes
        tell of the logit (a quasi-likelihood, McCullagh 1983). Votes may be weighted, that is, not
        whole numbers. A likelihood without it has no posterior of the last layer.
        """
        raise TypeError(f"{type(self).__name__} has no last-layer posterior.")

    def next_yes(self, votes: ArrayLike, n_votes: ArrayLike) -> NDArray[Any]:
        """Probability of a yes after k of N votes under every draw, shape (G, D, K or 1).

        `votes` and `n_votes` broadcast to (G, K). The last axis is 1 where earlier votes do not
        matter.
        """
        raise TypeError(f"{type(self).__name__} does not say what the next single vote will be.")

    def recalibrated(
        self, overdispersion: float, scatter: float, spread: float = 1.0
    ) -> "Likelihood":
        """Distributions whose votes scatter more: ``1 / s' = overdispersion + scatter / s``.

        The draws of a galaxy are `spread` times as far from one another, in the logit. With 0, 1
        and 1 it is the same distribution, in a family that can be recalibrated.
        """
        raise TypeError(f"{type(self).__name__} cannot be recalibrated.")

    def scatter(self) -> NDArray[Any]:
        """Scatter of votes that networks see beyond that of coins, 1 / s, shape (G, D)."""
        raise TypeError(f"{type(self).__name__} cannot be recalibrated.")

    def interior(self) -> Self:
        """Vote fractions moved to at least 1e-9 from 0 and 1."""
        return self._of([np.clip(self.draws, EDGE, 1 - EDGE), *self._arrays[1:]])

    def n_outcomes(self, n_votes: int) -> int:
        """Count the outcomes of N votes."""
        return n_votes + 1

    def mixture_pmf(self, n_votes: int) -> NDArray[Any]:
        """Posterior probability p̄ of every outcome of N votes, shape (G, K)."""
        pmf_GK = np.empty((len(self), self.n_outcomes(n_votes)))
        for rows, pmf_GDK in self.pmf_blocks(n_votes):
            pmf_GDK.mean(axis=1, out=pmf_GK[rows])  # Walmsley+2020: an equal mixture over draws
        return pmf_GK

    def mixture_log_prob(self, votes_G: NDArray[Any], n_votes_G: NDArray[Any]) -> NDArray[Any]:
        """Log of the posterior probability of votes, however unlikely, shape (G,)."""
        return logsumexp(self.log_pmf(votes_G, n_votes_G), axis=1) - np.log(self.n_draws)

    def entropies(self, n_votes: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Entropy of the mixture, and the draws' mean entropy, for one N; two arrays (G,)."""
        mixed_G, expected_G = np.empty((2, len(self)))
        for rows, pmf_GDK in self.pmf_blocks(n_votes):
            mixed_G[rows] = entropy(pmf_GDK.mean(axis=1), 1)
            expected_G[rows] = entropy(pmf_GDK, 2).mean(axis=1)
        return mixed_G, expected_G

    def _blocks(self, n_votes: int) -> Iterator[slice]:
        """Rows whose probabilities of all outcomes fill one block."""
        per_galaxy = self.n_draws * self.n_outcomes(n_votes)
        return row_blocks(len(self), BLOCK // per_galaxy)


def row_blocks(n_rows: int, size: int) -> Iterator[slice]:
    """Consecutive rows, at least one and at most `size` at a time."""
    return (slice(start, start + max(1, size)) for start in range(0, n_rows, max(1, size)))


def concatenate(likelihoods: Sequence[Likelihood], axis: int) -> Likelihood:
    """Join likelihoods along galaxies (axis 0) or draws (axis 1).

    Raises
    ------
    ValueError
        If they are not all of one class.
    """
    classes = {type(likelihood) for likelihood in likelihoods}
    if len(classes) > 1:
        names = " and ".join(sorted(one.__name__ for one in classes))
        raise ValueError(f"`posteriors` must be of one likelihood. Got {names}.")
    arrays = zip(*(likelihood._arrays for likelihood in likelihoods), strict=True)
    return likelihoods[0]._of([np.concatenate(values, axis=axis) for values in arrays])


def spread_draws(draws_GD: NDArray[Any], factor: float) -> NDArray[Any]:
    """Vote fractions this many times as far from one another, in the logit.

    The mean logit of every galaxy stays. A draw at 0 or 1 counts as a vote in 10⁹ away from it.
    """
    if factor == 1:
        return draws_GD
    logits_GD = logit(np.clip(draws_GD, EDGE, 1 - EDGE))
    mean_G1 = logits_GD.mean(axis=1, keepdims=True)
    return expit(np.clip(mean_G1 + factor * (logits_GD - mean_G1), -MOST_LOGIT, MOST_LOGIT))


def log_coefficients(n_votes: int) -> NDArray[Any]:
    """Logarithm of C(N, k) for k = 0 ... N, shape (N + 1,)."""
    k = np.arange(n_votes + 1)
    return gammaln(n_votes + 1) - gammaln(k + 1) - gammaln(n_votes - k + 1)


def vote_fraction(logits: ArrayLike) -> NDArray[Any]:
    """Vote fractions ρ of logits, at least 1e-13 from 0 and 1."""
    return expit(np.clip(np.asarray(logits, dtype=np.float64), -MOST_LOGIT, MOST_LOGIT))
