"""Vote fractions of several answers, and what likelihoods of their votes share.

The vote fractions of K answers sum to 1: they are a point of a simplex. A network gives K - 1
numbers z for it, from which the fractions follow::

    p = softmax(C z)

The rows of C, of shape (K, K - 1), are the corners of a regular simplex of edge 1 about the origin.
So no answer is special: if z is a standard normal, all answers are alike, and the log-odds of any
two have variance 1. For two answers C is (1/2, -1/2), and the first answer's fraction the logistic
function of z.
"""

import math
from abc import abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from skgalaxy._validation import MOST_OUTCOMES, any_of_row, check_int, check_numbers, first_rows
from skgalaxy.likelihoods.base import EDGE, MOST_LOGIT, Likelihood
from skgalaxy.likelihoods.entropy import entropy

__all__ = [
    "AnswerLikelihood",
    "check_fractions",
    "compositions",
    "contrasts",
    "fractions_of",
    "keras_log_fractions",
    "sample_counts",
    "scatter_of_one",
    "shares_of_rest",
    "spread_fractions",
]

_SUM_ERROR = 1e-5  # that float32 may leave in a sum of fractions


class AnswerLikelihood(Likelihood):
    """Distributions of votes on a question with K answers: `Multinomial`, `DirichletMultinomial`.

    It is a `Likelihood` whose votes are counts of every answer, shape (n_galaxies, n_answers). The
    axis of answers is the last one of everything about fractions: `draws` and `sample_fractions`
    are of shape (n_galaxies, n_draws, n_answers); `variance`, `quantile`, `probability_above` and
    `sample` of (n_galaxies, n_answers). An outcome is one row of `outcomes`.

    A network's outputs grow with the answers, and `n_outputs` counts them: the first name in
    `outputs` is that of K - 1 numbers, and each name after it, as of each of `starts`, of one.

    Examples
    --------
    >>> from skgalaxy.likelihoods import DirichletMultinomial, Multinomial
    >>> Multinomial.n_outputs(7), DirichletMultinomial.n_outputs(7)
    (6, 7)
    """

    @classmethod
    def n_outputs(cls, n_answers: int) -> int:
        """Outputs of a network for so many answers: K - 1, and one for each of `starts`."""
        return n_answers - 1 + len(cls.starts)

    @property
    def n_answers(self) -> int:
        """Number of answers K."""
        return self.draws.shape[2]

    @abstractmethod
    def answer(self, answer: int) -> Likelihood:
        """Likelihood of the votes for one answer against all others."""

    @abstractmethod
    def next_answer(self, votes_GK: ArrayLike, n_votes_G: ArrayLike) -> NDArray[Any]:
        """Probability of each answer of the next volunteer, after these votes, shape (G, D, K)."""

    @abstractmethod
    def _log_pmf_of(self, rows: slice, counts_MK: NDArray[Any], n_votes: int) -> NDArray[Any]:
        """Log probability of outcomes, shape (rows, D, M), with a finite number for log 0."""

    def n_outcomes(self, n_votes: int) -> int:
        """Count the outcomes of N votes.

        Raises
        ------
        ValueError
            If there are too many to compute them all.
        """
        n_outcomes = math.comb(n_votes + self.n_answers - 1, self.n_answers - 1)
        if n_outcomes > MOST_OUTCOMES:
            raise ValueError(
                f"`n_votes` must have at most {MOST_OUTCOMES:,} outcomes, because every one is "
                f"computed. Got {n_votes:,} votes on {self.n_answers} answers, which have "
                f"{n_outcomes:,}; take fewer votes."
            )
        return n_outcomes

    def outcomes(self, n_votes: int) -> NDArray[np.int64]:
        """Counts of the answers in every outcome of N votes, in the order of `pmf_blocks`."""
        self.n_outcomes(n_votes)  # refuses too many
        return compositions(n_votes, self.n_answers)

    def pmf_blocks(self, n_votes: int) -> Iterator[tuple[slice, NDArray[Any]]]:
        for rows, log_GDM in self._log_pmf_blocks(n_votes):
            yield rows, np.exp(log_GDM, out=log_GDM)

    def entropies(self, n_votes: int) -> tuple[NDArray[Any], NDArray[Any]]:
        mixed_G, expected_G = np.empty((2, len(self)))
        for rows, log_GDM in self._log_pmf_blocks(n_votes):
            pmf_GDM = np.exp(log_GDM)
            expected_G[rows] = -np.einsum("gdm,gdm->g", pmf_GDM, log_GDM) / self.n_draws
            mixed_G[rows] = entropy(pmf_GDM.mean(axis=1), 1)
        return mixed_G, np.maximum(expected_G, 0)

    def _log_pmf_blocks(self, n_votes: int) -> Iterator[tuple[slice, NDArray[Any]]]:
        counts_MK = self.outcomes(n_votes)
        for rows in self._blocks(n_votes):
            yield rows, self._log_pmf_of(rows, counts_MK, n_votes)

    def quantile(self, level: float) -> NDArray[Any]:
        return np.stack([one.quantile(level) for one in self._each_answer()], axis=1)

    def probability_above(self, threshold: float) -> NDArray[Any]:
        return np.stack([one.probability_above(threshold) for one in self._each_answer()], axis=1)

    def _each_answer(self) -> Iterator[Likelihood]:
        return (self.answer(answer) for answer in range(self.n_answers))

    def _check_answer(self, answer: int) -> int:
        """Index of an answer."""
        found = check_int(answer, "answer", 0)
        if found >= self.n_answers:
            raise ValueError(
                f"`answer` must be an integer from 0 to {self.n_answers - 1}. Got {found}."
            )
        return found

    def interior(self) -> Self:
        draws = np.maximum(self.draws, EDGE)
        return self._of([draws / draws.sum(axis=2, keepdims=True), *self._arrays[1:]])


def check_fractions(fractions: ArrayLike, name: str) -> NDArray[np.float64]:
    """Fractions of answers as float64, shape (n_galaxies, n_draws, n_answers), that sum to 1."""
    found = check_numbers(fractions, name)
    if found.ndim != 3 or found.shape[1] == 0 or found.shape[2] < 2:
        raise ValueError(
            f"`{name}` must have shape (n_galaxies, n_draws, n_answers) with at least one draw "
            f"and two answers. Got shape {found.shape}."
        )
    outside = any_of_row(~((found >= 0) & (found <= 1 + _SUM_ERROR)))  # NaN is outside, too
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise ValueError(
            f"`{name}` must be vote fractions in [0, 1]. "
            f"Got {found[row].min():g} to {found[row].max():g} in row {row}."
        )
    sums = found.sum(axis=2, keepdims=True)
    wrong = np.abs(sums - 1) > _SUM_ERROR
    if wrong.any():
        raise ValueError(
            f"`{name}` must sum to 1 over the answers. Got a sum of {sums[wrong][0]:g} in row "
            f"{first_rows(any_of_row(wrong))}; divide counts by their sum."
        )
    return found / sums


@lru_cache(maxsize=64)
def contrasts(n_answers: int) -> NDArray[np.float64]:
    """Matrix C of shape (K, K - 1): the corners of a regular simplex of edge 1 about the origin.

    Its columns are Helmert's contrasts: each answer against those after it. They are orthogonal,
    of length sqrt(1/2).
    """
    matrix = np.zeros((n_answers, n_answers - 1))
    for column in range(n_answers - 1):
        after = n_answers - 1 - column
        matrix[column, column] = math.sqrt(after / (2 * (after + 1)))
        matrix[column + 1 :, column] = -1 / math.sqrt(2 * after * (after + 1))
    matrix.flags.writeable = False
    return matrix


def fractions_of(z: ArrayLike) -> NDArray[np.float64]:
    """Vote fractions of answers from a network's numbers z, shape (..., K - 1) to (..., K).

    None is less than 1e-13 of the largest.
    """
    z = np.asarray(z, dtype=np.float64)
    return _softmax(z @ contrasts(z.shape[-1] + 1).T)


def _softmax(log_odds: NDArray[Any]) -> NDArray[np.float64]:
    below = log_odds - log_odds.max(axis=-1, keepdims=True)
    return softmax(np.maximum(below, -MOST_LOGIT), axis=-1)


def spread_fractions(draws_GDK: NDArray[Any], factor: float) -> NDArray[Any]:
    """Vote fractions this many times as far from one another, in their log-odds.

    The mean log-odds of every galaxy stay. A fraction of 0 counts as 10⁻⁹.
    """
    if factor == 1:
        return draws_GDK
    logs_GDK = np.log(np.clip(draws_GDK, EDGE, 1 - EDGE))
    mean_G1K = logs_GDK.mean(axis=1, keepdims=True)
    return _softmax(mean_G1K + factor * (logs_GDK - mean_G1K))


def scatter_of_one(fractions: NDArray[Any]) -> NDArray[Any]:
    """Cᵀ (diag p - p pᵀ) C, Fisher's information of one vote on z, (..., K) to (..., K-1, K-1)."""
    matrix = contrasts(fractions.shape[-1])
    mean = fractions @ matrix
    centred = matrix - mean[..., None, :]
    return np.einsum("...a,...ai,...aj->...ij", fractions, centred, centred)


def keras_log_fractions(z: Any) -> Any:
    """Logarithms of the vote fractions of z, shape (batch, K - 1) to (batch, K), in ``keras.ops``.

    Each is minus the softplus of the other answers' log-odds against it: nothing is rounded to a
    logarithm of 0, and two answers are the logistic function to the last bit.
    """
    from keras import ops

    n_answers = z.shape[-1] + 1
    matrix = contrasts(n_answers).astype("float32")
    # a sum of products: a matrix product may be rounded to few digits on a GPU
    log_odds = ops.sum(ops.expand_dims(z, 1) * matrix, axis=-1)
    if n_answers == 2:  # the logarithm of a sum of one has a gradient that is rounded
        return -ops.softplus(ops.flip(log_odds, axis=-1) - log_odds)
    others = [[b for b in range(n_answers) if b != a] for a in range(n_answers)]
    against = ops.logsumexp(ops.take(log_odds, others, axis=1), axis=-1)
    return -ops.softplus(against - log_odds)


def compositions(n_votes: int, n_answers: int) -> NDArray[np.int64]:
    """Ways to divide N votes among answers, one a row, in lexicographic order."""
    rows, left = np.empty((1, 0), dtype=np.int64), np.array([n_votes])
    for _ in range(n_answers - 1):
        ends = np.cumsum(left + 1)
        parent = np.repeat(np.arange(len(left)), left + 1)
        votes = np.arange(ends[-1]) - (ends - left - 1)[parent]
        rows, left = np.column_stack([rows[parent], votes]), left[parent] - votes
    return np.column_stack([rows, left])


def sample_counts(
    rng: np.random.RandomState, n_votes_G: ArrayLike, fractions_GK: NDArray[Any]
) -> NDArray[np.int64]:
    """Votes on every answer, shape (G, K): binomials, one answer after the other."""
    counts_GK = np.empty(fractions_GK.shape, dtype=np.int64)
    left_G = np.broadcast_to(n_votes_G, len(fractions_GK))
    for answer, share_G in enumerate(shares_of_rest(fractions_GK)[0]):
        counts_GK[:, answer] = rng.binomial(left_G, share_G)
        left_G = left_G - counts_GK[:, answer]
    counts_GK[:, -1] = left_G
    return counts_GK


def shares_of_rest(fractions: NDArray[Any]) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Share of each answer but the last in itself and those after it, and these sums."""
    rests = np.cumsum(fractions[..., ::-1], axis=-1)[..., ::-1]
    each = [(fractions[..., a], rests[..., a]) for a in range(fractions.shape[-1] - 1)]
    shares = [np.divide(one, rest, out=np.zeros_like(one), where=rest > 0) for one, rest in each]
    return shares, [rest for _, rest in each]
