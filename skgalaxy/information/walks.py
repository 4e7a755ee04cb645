"""`Walks`: volunteers who walk down a decision tree, as drawn networks expect them to.

A volunteer answers the first question, and is led to further ones. Network d says how likely each
answer is, so it gives a probability to the counts of all answers by n volunteers::

    log p(counts | d) = Σ_q log DM(k_q; n_q, μ_dq, s_dq)

Here n_q, the volunteers who are asked question q, are those who gave the answers before it, and DM
is the Dirichlet-multinomial, with s = ∞ the multinomial. `log_likelihood` leaves its coefficients
out, which are the same for all networks.

Shape suffixes: G galaxies, D draws, A answers to all questions, Q questions, S simulated counts.
"""

from math import comb
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, logsumexp

from skgalaxy._validation import check_numbers, first_rows
from skgalaxy.likelihoods.rising import log_rising
from skgalaxy.likelihoods.simplex import check_fractions, compositions
from skgalaxy.votes import DecisionTree
from skgalaxy.votes._tree_steps import Step, asked_fractions, asked_of, steps_of

__all__ = ["Walks", "as_walks", "finite_log", "outcomes"]

_SUM_ERROR = 1e-6  # of fractions that need no closer look
_TINIEST = 1e-290  # stands for a fraction of 0; its inverse over a concentration is finite
_LEAST = 0.05  # of a concentration: below it, all gamma deviates may be rounded to 0


class Walks:
    """What drawn networks expect of the volunteers of every galaxy.

    Parameters
    ----------
    questions : tuple of Step
        Each after those that lead to it.
    fractions : ndarray of shape (n_galaxies, n_draws, n_answers)
        Fraction of every answer among those who are asked its question.
    scatter : ndarray of shape (n_galaxies, n_draws, n_questions), default=None
        Inverse concentrations 1 / s; None is 0 everywhere, the multinomial.
    log_weight : ndarray of shape (n_galaxies, n_draws), default=None
        Logarithms of the networks' weights, which sum to 1; None is equal weights.
    """

    def __init__(
        self,
        questions: tuple[Step, ...],
        fractions: NDArray[Any],
        scatter: NDArray[Any] | None = None,
        log_weight: NDArray[Any] | None = None,
    ) -> None:
        if log_weight is None:
            log_weight = np.full(fractions.shape[:2], -np.log(fractions.shape[1]))
        self.questions = questions
        self.fractions = fractions
        self.scatter = scatter
        self.log_weight = log_weight

    def __len__(self) -> int:
        return len(self.fractions)

    def __getitem__(self, rows: Any) -> Self:
        scatter = None if self.scatter is None else self.scatter[rows]
        return type(self)(self.questions, self.fractions[rows], scatter, self.log_weight[rows])

    @property
    def n_draws(self) -> int:
        """Number of drawn networks D."""
        return self.fractions.shape[1]

    def asked(self) -> NDArray[Any]:
        """Probability that a volunteer is asked each question, shape (G, D, Q)."""
        return asked_fractions(self.questions, self.fractions)

    def clicks(self) -> NDArray[Any]:
        """Expected number of answers that one volunteer gives, shape (G,)."""
        return (np.exp(self.log_weight) * self.asked().sum(axis=2)).sum(axis=1)

    def agree(self) -> NDArray[Any]:
        """Galaxies on which all draws expect the same, bool of shape (G,)."""
        arrays = [self.fractions] if self.scatter is None else [self.fractions, self.scatter]
        equal = [(values == values[:, :1]).all(axis=(1, 2)) for values in arrays]
        return np.all(equal, axis=0)

    def alone(self, number: int, *, only_asked: bool) -> Self:
        """A question that is put to volunteers by itself.

        Those who would not be led to it say so, which is an answer to a question before it. With
        `only_asked` there are none of them.
        """
        here = self.questions[number].answers
        fractions = self.fractions[..., here]
        n_answers = fractions.shape[-1]
        scatter = None if self.scatter is None else self.scatter[..., [number]]
        if only_asked or not self.questions[number].asked_after:
            questions = (Step(slice(0, n_answers)),)
            return type(self)(questions, fractions, scatter, self.log_weight)
        asked_GD1 = self.asked()[..., [number]]
        fractions = np.concatenate([asked_GD1, 1 - asked_GD1, fractions], axis=-1)
        if scatter is not None:
            scatter = np.concatenate([np.zeros_like(scatter), scatter], axis=-1)
        questions = (Step(slice(0, 2)), Step(slice(2, 2 + n_answers), (0,)))
        return type(self)(questions, fractions, scatter, self.log_weight)

    def together(self) -> Self:
        """All galaxies as one, each with a tree of its own; networks weigh the same for all."""
        n_galaxies, n_draws, n_answers = self.fractions.shape
        questions = tuple(
            Step(
                slice(
                    number * n_answers + one.answers.start, number * n_answers + one.answers.stop
                ),
                tuple(number * n_answers + column for column in one.asked_after),
            )
            for number in range(n_galaxies)
            for one in self.questions
        )
        arrays = [self.fractions] if self.scatter is None else [self.fractions, self.scatter]
        side_by_side = [values.swapaxes(0, 1).reshape(1, n_draws, -1) for values in arrays]
        # every galaxy's votes weigh the networks, which are the same ones
        log_D = (self.log_weight + np.log(n_draws)).sum(axis=0)
        log_weight = (log_D - logsumexp(log_D))[None]
        scatter = None if self.scatter is None else side_by_side[1]
        return type(self)(questions, side_by_side[0], scatter, log_weight)

    def given(self, counts_GA: NDArray[Any]) -> Self:
        """The same networks after votes: weighted by them, and with Pólya's urns that hold them.

        Raises
        ------
        ValueError
            If no network thinks the votes possible.
        """
        unseen_GD = ((self.fractions == 0) & (counts_GA[:, None] > 0)).any(axis=2)
        if unseen_GD.all(axis=1).any():
            raise ValueError(
                "`votes` must be possible under one of the draws at least. Got votes for answers "
                f"that no draw expects in row {first_rows(unseen_GD.all(axis=1))}."
            )
        log_GD = self.log_weight + self._log_likelihood_of(counts_GA)
        log_GD -= logsumexp(log_GD, axis=1, keepdims=True)
        if self.scatter is None:
            return type(self)(self.questions, self.fractions, None, log_GD)
        fractions, scatter = np.empty_like(self.fractions), np.empty_like(self.scatter)
        for number, question in enumerate(self.questions):
            k_G1A = counts_GA[:, None, question.answers]
            phi_GD1 = self.scatter[..., [number]]
            urn_GDA = self.fractions[..., question.answers] + phi_GD1 * k_G1A
            size_GD1 = 1 + phi_GD1 * k_G1A.sum(axis=2, keepdims=True)
            # Eggenberger & Pólya 1923: after k of n votes (μ s + k) / (s + n), with 1 / s = φ
            fractions[..., question.answers] = urn_GDA / size_GD1
            scatter[..., [number]] = phi_GD1 / size_GD1
        return type(self)(self.questions, fractions, scatter, log_GD)

    def _log_likelihood_of(self, counts_GA: NDArray[Any]) -> NDArray[Any]:
        """Log probability of each galaxy's counts in one order, however many, shape (G, D)."""
        counts_G1A = counts_GA[:, None]
        fractions_GDA = np.maximum(self.fractions, _TINIEST)
        if self.scatter is None:
            return (counts_G1A * np.log(fractions_GDA)).sum(axis=2)
        found_GD = np.zeros(self.fractions.shape[:2])
        for number, question in enumerate(self.questions):
            phi_GD1, k_G1A = self.scatter[..., [number]], counts_G1A[..., question.answers]
            rising_GDA = log_rising(fractions_GDA[..., question.answers], phi_GD1, k_G1A)
            found_GD += rising_GDA.sum(axis=2)
            found_GD -= log_rising(1.0, phi_GD1, k_G1A.sum(axis=2, keepdims=True))[..., 0]
        return found_GD

    def log_likelihood(
        self, counts: NDArray[Any], logs_GDA: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Log probability of counts, (G, A, S) to (G, D, S), in their float type.

        The counts may be the same for all galaxies, shape (1, A, S). Logarithms of the fractions
        may be given.
        """
        if self.scatter is None:
            logs_GDA = finite_log(self.fractions, counts.dtype) if logs_GDA is None else logs_GDA
            return logs_GDA @ counts
        found_GSD = np.zeros((len(self), counts.shape[2], self.n_draws), counts.dtype)
        for number, question in enumerate(self.questions):
            phi_GD = self.scatter[..., number].astype(counts.dtype)
            n_GS = counts[:, question.answers].sum(axis=1)
            found_GSD -= _log_rising(np.ones_like(phi_GD), phi_GD, n_GS)
            for column in range(question.answers.start, question.answers.stop):
                x_GD = self.fractions[..., column].astype(counts.dtype)
                found_GSD += _log_rising(x_GD, phi_GD, counts[:, column])
        return found_GSD.swapaxes(1, 2)


def _log_rising(x_GD: NDArray[Any], phi_GD: NDArray[Any], k_GS: NDArray[Any]) -> NDArray[Any]:
    """Σ_{i<k} log(x + i φ) of whole k, shape (G, S, D): rows of a table of sums."""
    table_KGD = np.zeros((int(k_GS.max(initial=0)) + 1, *x_GD.shape), x_GD.dtype)
    i_K11 = np.arange(len(table_KGD) - 1, dtype=x_GD.dtype)[:, None, None]
    table_KGD[1:] = finite_log(x_GD + i_K11 * phi_GD, x_GD.dtype)
    for i in range(2, len(table_KGD)):  # several times as fast as np.cumsum
        table_KGD[i] += table_KGD[i - 1]
    n_galaxies, n_draws = x_GD.shape
    places_GS = k_GS.astype(np.intp) * n_galaxies + np.arange(n_galaxies)[:, None]
    return table_KGD.reshape(-1, n_draws).take(places_GS, axis=0)


def finite_log(x: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Logarithm, of 0 that of the smallest float: times no votes it is 0, and not NaN."""
    return np.log(np.maximum(x, np.finfo(dtype).tiny), dtype=dtype)


def outcomes(
    questions: tuple[Step, ...], n: int, most: int
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Counts that n volunteers can give, shape (A, S), and the logarithms of their coefficients.

    None if there are more than `most` of them.
    """
    counts_SA, log_S = np.zeros((1, questions[-1].answers.stop)), np.zeros(1)
    for question in questions:
        n_answers = question.answers.stop - question.answers.start
        first_S = np.full(len(counts_SA), float(n))
        asked_S = asked_of(question, counts_SA, first_S).astype(int)
        sizes_S = [comb(asked + n_answers - 1, n_answers - 1) for asked in asked_S.tolist()]
        if sum(sizes_S) > most:
            return None
        ways = {asked: compositions(asked, n_answers) for asked in set(asked_S.tolist())}
        counts_SA, log_S = np.repeat(counts_SA, sizes_S, axis=0), np.repeat(log_S, sizes_S)
        here_SA = np.concatenate([ways[asked] for asked in asked_S.tolist()])
        counts_SA[:, question.answers] = here_SA
        log_S += gammaln(np.repeat(asked_S, sizes_S) + 1) - gammaln(here_SA + 1).sum(axis=1)
    return counts_SA.T.copy(), log_S


def as_walks(
    draws: Any, tree: DecisionTree | None, concentrations: ArrayLike | None
) -> tuple[Walks, DecisionTree]:
    """Walks of draws, checked, and their tree.

    Of a posterior over a tree, or its likelihood, both come from there.
    """
    held = getattr(draws, "likelihood", draws)
    if isinstance(getattr(held, "tree", None), DecisionTree):
        if tree is not None or concentrations is not None:
            raise ValueError(
                "`tree` and `concentrations` must be left out where `draws` is a posterior, which "
                "has its own."
            )
        held = held.silenced()  # of what one has not learned, networks say nothing
        draws, tree = held.draws, held.tree
        concentrations = np.maximum(held.concentration, _LEAST)
    if not isinstance(tree, DecisionTree):
        raise TypeError(
            "`tree` must be the DecisionTree whose answers the draws are of, for example "
            f"skgalaxy.votes.GZ2. Got {tree!r}."
        )
    fractions = _check_draws(draws, tree)
    scatter = _check_concentrations(concentrations, (*fractions.shape[:2], len(tree.questions)))
    return Walks(steps_of(tree), fractions, scatter), tree


def _check_draws(draws: Any, tree: DecisionTree) -> NDArray[Any]:
    draws = check_numbers(draws, "draws")
    if draws.ndim != 3 or draws.shape[1] == 0 or draws.shape[2] != tree.n_answers:
        raise ValueError(
            f"`draws` must have shape (n_galaxies, n_draws, {tree.n_answers}), the answers of "
            f"{tree.name}, with at least one draw. Got shape {draws.shape}."
        )
    starts = [here.start for here in tree.slices.values()]
    sums = np.add.reduceat(draws, starts, axis=2)
    if draws.min(initial=0) >= 0 and np.abs(sums - 1).max(initial=0) < _SUM_ERROR:
        widths = [here.stop - here.start for here in tree.slices.values()]
        return draws / np.repeat(sums, widths, axis=2)
    parts = [  # slower, and says what is wrong
        check_fractions(draws[..., here], f"draws` of `{question}")
        for question, here in tree.slices.items()
    ]
    return np.concatenate(parts, axis=2)


def _check_concentrations(
    concentrations: ArrayLike | None, shape: tuple[int, ...]
) -> NDArray[Any] | None:
    """Inverse concentrations, or None if all of them are 0."""
    if concentrations is None:
        return None
    values = check_numbers(concentrations, "concentrations")
    if values.shape != shape:
        raise ValueError(
            "`concentrations` must have shape (n_galaxies, n_draws, n_questions), here "
            f"{shape}. Got shape {values.shape}."
        )
    if not (values >= _LEAST).all():
        raise ValueError(
            f"`concentrations` must be at least {_LEAST:g}; infinity is the multinomial. "
            f"Got {values[~(values >= _LEAST)][0]:g}."
        )
    return 1 / values if np.isfinite(values).any() else None
