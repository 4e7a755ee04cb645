"""Information in volunteers' walks where there are too many outcomes to list: by simulation.

The information of counts about the networks is the entropy that the counts take from them::

    I = H[w] - E_counts H[w | counts]

The networks themselves say how likely counts are. So each network simulates some, and the entropy
of the weights that all networks have after them is the one number that is averaged. Four things
make few simulated counts enough:

- The average is over entropies, not over log p(counts | own network) / p̄(counts), whose
  conditional mean they are (Rao-Blackwell).
- Every network simulates equally often (strata), and twice at a time: pairs tell the error.
- The entropy varies with the counts, to first order, as a linear function of them whose mean is
  known: what remains is averaged (a control variate).
- Galaxies with a larger error get more rounds, until all are below a tolerance.

The random numbers are the same for every galaxy (common random numbers), and do not depend on the
galaxies beside it: equal draws have equal information, in any order and any part of a pool.

Shape suffixes: G galaxies, D draws, A answers to all questions, Q questions, S simulated counts,
V volunteers.
"""

from math import ceil
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from skgalaxy.information.walks import Walks, finite_log
from skgalaxy.likelihoods.base import row_blocks
from skgalaxy.votes._tree_steps import Step

__all__ = ["sampled_information"]

_FEWEST = 200  # simulated counts in a round, at least: error and slope come from their pairs
_LEVELS = 2**16 - 1  # of uniform numbers, which are compared three times as fast as float32
_TEMPER = 0.6  # counts scatter about the expected ones, which flattens the entropy there
_AT_ONCE = 128  # volunteers in memory together; so many fit a byte
_PREPARED = 2**18  # values of draws, prepared for all rounds
_BLOCK = 2**19  # values computed at once: they stay in the cache


def sampled_information(
    walks: Walks, n: int, tolerance: float, seed: int, n_jobs: int | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Information of n volunteers' walks and its standard error, in nats, two arrays (G,)."""
    if not len(walks):
        return np.empty(0), np.empty(0)
    blocks = row_blocks(len(walks), _PREPARED // walks.fractions[0].size)
    found = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(_until)(tolerance, walks[rows], n, seed) for rows in blocks
    )
    mean_G, error_G = np.concatenate(list(found), axis=1)
    return mean_G, error_G


def _until(tolerance: float, walks: Walks, n: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Round after round, until the errors of all galaxies are small enough."""
    block, n_galaxies = _Prepared(walks, n), len(walks)
    n_simulated = 2 * walks.n_draws * ceil(_FEWEST / 2 / walks.n_draws)
    size = _BLOCK // (n_simulated * max(walks.n_draws, min(n, _AT_ONCE)))
    total, n_G = np.zeros((5, n_galaxies)), np.zeros(n_galaxies)
    active, number = np.arange(n_galaxies), 0
    while active.size:
        shared = _Shared([seed, number], len(walks.questions), n, n_simulated)
        for part in row_blocks(len(active), size):
            rows = active[part]
            total[:, rows] += _sums(*block.simulate(rows, shared))
        n_G[active] += n_simulated
        number += 1
        active = np.flatnonzero(_mean_and_error(total, n_G)[1] > tolerance)
    return _mean_and_error(total, n_G)


class _Shared:
    """Random numbers of one round, the same for all galaxies."""

    def __init__(self, key: list[int], n_questions: int, n: int, n_simulated: int) -> None:
        rng = np.random.default_rng(key)
        self.key = key
        # even quantiles of the networks' weights: with equal weights each network is there
        # equally often, and pairs are of one network
        self.levels_S = (np.arange(n_simulated) + rng.random()) / n_simulated
        shape = (n_questions, n, n_simulated)
        self.uniforms_QVS = rng.integers(_LEVELS, size=shape, dtype=np.uint16)


class _Prepared:
    """Galaxies with all that their rounds share; float32, far finer than sampling errors."""

    def __init__(self, walks: Walks, n: int) -> None:
        self.walks, self.n = walks, n
        self.logs_GDA = finite_log(walks.fractions, np.float32)
        self.log_weight_GD = walks.log_weight.astype(np.float32)
        weight_GD = np.exp(walks.log_weight)
        self.prior_G = -(weight_GD * walks.log_weight).sum(axis=1)
        self.cumulated_GD = weight_GD.cumsum(axis=1)
        self.levels_GDA = _levels_below(walks.questions, walks.fractions)
        self.slopes_GDA, self.centres_GD = self._slopes()

    def below(self, rows: NDArray[Any], draw_GS: NDArray[Any], key: list[int]) -> NDArray[Any]:
        """Levels that the uniform numbers of volunteers are compared with, shape (G, A, S)."""
        scatter = self.walks.scatter
        if scatter is None:
            levels_GSA = self.levels_GDA[rows[:, None], draw_GS]
        else:
            fractions_GSA = _scattered(self.walks[rows], scatter[rows], draw_GS, key)
            levels_GSA = _levels_below(self.walks.questions, fractions_GSA)
        return levels_GSA.swapaxes(1, 2).copy()

    def _slopes(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Derivative of the information in the counts, at those that every network expects.

        Its product with the counts, less that with the expected ones, has the mean 0.
        """
        walks = self.walks
        n_GDQ = self.n * walks.asked()
        logs_GDA = self.logs_GDA if walks.scatter is None else self.logs_GDA.copy()
        expected_GDA = np.empty_like(logs_GDA)
        for number, question in enumerate(walks.questions):
            here = question.answers
            n_GD1 = n_GDQ[..., number, None]
            expected_GDA[..., here] = n_GD1 * walks.fractions[..., here]
            if walks.scatter is not None:
                # n votes of an urn tell about as much as so many independent ones
                phi_GD1 = walks.scatter[..., number, None]
                factor_GD1 = (1 + phi_GD1) / (1 + phi_GD1 * n_GD1)
                logs_GDA[..., here] *= factor_GD1.mean(axis=1, keepdims=True)
        log_GDD = _TEMPER * (expected_GDA @ logs_GDA.swapaxes(1, 2))
        log_GDD += self.log_weight_GD[:, None]
        log_GDD -= log_GDD.max(axis=2, keepdims=True)
        weight_GDD = np.exp(log_GDD)
        total_GD1 = weight_GDD.sum(axis=2, keepdims=True)
        weight_GDD /= total_GD1
        log_GDD -= np.log(total_GD1)
        # of -H = Σ w log w with w = softmax(l): -dH / dl = w (log w + H)
        log_GDD -= np.einsum("gde,gde->gd", weight_GDD, log_GDD)[..., None]
        slopes_GDA = (weight_GDD * log_GDD) @ logs_GDA
        return slopes_GDA, np.einsum("gda,gda->gd", slopes_GDA, expected_GDA)

    def simulate(self, rows: NDArray[Any], shared: _Shared) -> tuple[NDArray[Any], NDArray[Any]]:
        """Information and its linear part, for each simulated count, two arrays (G, S)."""
        walks = self.walks[rows]
        levels_S, ends_GD = shared.levels_S, self.cumulated_GD[rows, :-1]
        draw_GS = np.stack([np.searchsorted(ends_D, levels_S) for ends_D in ends_GD])
        counts_GAS = _answers(self, rows, draw_GS, shared)
        log_GDS = walks.log_likelihood(counts_GAS, self.logs_GDA[rows])
        log_GDS += self.log_weight_GD[rows, :, None]
        entropy_GS = _entropy_of_weights(log_GDS)
        slopes_GSA = self.slopes_GDA[rows[:, None], draw_GS]
        linear_GS = np.einsum("gsa,gas->gs", slopes_GSA, counts_GAS)
        linear_GS -= self.centres_GD[rows[:, None], draw_GS]
        return self.prior_G[rows, None] - entropy_GS, linear_GS


def _entropy_of_weights(log_GDS: NDArray[Any]) -> NDArray[Any]:
    """Entropy of weights, given their logarithms up to a constant, which are written over."""
    log_GDS -= log_GDS.max(axis=1, keepdims=True)
    weight_GDS = np.exp(log_GDS)
    total_GS = weight_GDS.sum(axis=1)
    return np.log(total_GS) - np.einsum("gds,gds->gs", weight_GDS, log_GDS) / total_GS


def _answers(block: _Prepared, rows: NDArray[Any], draw_GS: NDArray[Any], shared: _Shared):
    """Counts of the answers of volunteers, each of whom walks down the tree, shape (G, A, S)."""
    below_GAS = block.below(rows, draw_GS, shared.key)
    questions = block.walks.questions
    counts_GAS = np.zeros(below_GAS.shape, np.float32)
    leading = {column for question in questions for column in question.asked_after}
    for start in range(0, block.n, _AT_ONCE):
        uniforms_QVGS = shared.uniforms_QVS[:, start : start + _AT_ONCE, None]
        said: dict[int, NDArray[Any]] = {}
        for question, uniforms_VGS in zip(questions, uniforms_QVGS, strict=True):
            asked_VGS = _who_are_asked(question, said, (len(uniforms_VGS), *draw_GS.shape))
            earlier_VGS, n_earlier_GS = np.False_, np.uint8(0)  # who said an answer before
            for column in range(question.answers.start, question.answers.stop):
                if column == question.answers.stop - 1:
                    now_VGS = asked_VGS
                else:
                    now_VGS = uniforms_VGS < below_GAS[:, column]
                    now_VGS &= asked_VGS
                n_now_GS = now_VGS.view(np.uint8).sum(axis=0, dtype=np.uint8)
                counts_GAS[:, column] += n_now_GS - n_earlier_GS
                if column in leading:
                    said[column] = now_VGS ^ earlier_VGS
                earlier_VGS, n_earlier_GS = now_VGS, n_now_GS
    return counts_GAS


def _who_are_asked(
    question: Step, said: dict[int, NDArray[Any]], shape: tuple[int, ...]
) -> NDArray[Any]:
    """Volunteers who are asked a question, given who gave the answers before it."""
    if not question.asked_after:
        return np.ones(shape, dtype=bool)
    return np.logical_or.reduce([said[column] for column in question.asked_after])


def _levels_below(questions: tuple[Step, ...], fractions: NDArray[Any]) -> NDArray[Any]:
    """Fractions of an answer and those before it, as levels that uniform integers stay below."""
    levels = np.empty(fractions.shape, np.uint16)
    for question in questions:
        cumulated = fractions[..., question.answers].cumsum(axis=-1)
        levels[..., question.answers] = np.rint(np.minimum(cumulated, 1) * _LEVELS)
    return levels


def _scattered(
    walks: Walks, scatter_GDQ: NDArray[Any], draw_GS: NDArray[Any], key: list[int]
) -> NDArray[Any]:
    """Fractions that scatter about those of a network, as Dirichlet's, shape (G, S, A)."""
    galaxies_G1 = np.arange(len(walks))[:, None]
    fractions_GSA = walks.fractions[galaxies_G1, draw_GS]
    widths = [one.answers.stop - one.answers.start for one in walks.questions]
    phi_GSA = np.repeat(scatter_GDQ[galaxies_G1, draw_GS], widths, axis=2)
    shape_GSA = np.divide(fractions_GSA, phi_GSA, out=np.ones_like(phi_GSA), where=phi_GSA > 0)
    for row, shape_SA in enumerate(shape_GSA):
        # every galaxy begins the same random numbers again
        gamma_SA = np.random.default_rng([*key, 1]).standard_gamma(shape_SA)
        fractions_GSA[row] = np.where(phi_GSA[row] > 0, gamma_SA, fractions_GSA[row])
    for question in walks.questions:
        here = question.answers
        fractions_GSA[..., here] /= fractions_GSA[..., here].sum(axis=2, keepdims=True)
    return fractions_GSA


def _sums(information_GS: NDArray[Any], linear_GS: NDArray[Any]) -> NDArray[Any]:
    """Sums over simulated counts, and over the differences of pairs, shape (5, G)."""
    values_2GS = np.stack([information_GS, linear_GS]).astype(np.float64)
    y_GP, x_GP = values_2GS[..., ::2] - values_2GS[..., 1::2]
    pairs = [(y_GP * y_GP), (y_GP * x_GP), (x_GP * x_GP)]
    return np.array([*values_2GS.sum(axis=2), *(one.sum(axis=1) for one in pairs)])


def _mean_and_error(total: NDArray[Any], n_G: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean information, less the linear part as far as pairs tell it, and its standard error."""
    y_G, x_G, yy_G, yx_G, xx_G = total
    slope_G = np.divide(yx_G, xx_G, out=np.zeros_like(xx_G), where=xx_G > 0)
    n_pairs_G = n_G / 2
    rest_G = np.maximum(yy_G - slope_G * yx_G, 0) * n_pairs_G / (n_pairs_G - 1)
    # what happens less than once in n simulated counts is not seen; it may be worth a bit
    return (y_G - slope_G * x_G) / n_G, np.sqrt(rest_G + np.log(2) ** 2) / n_G
