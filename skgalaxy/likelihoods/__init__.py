"""Scatter of votes about a vote fraction: one file per likelihood, NumPy and SciPy only.

`Binomial` and `BetaBinomial` are likelihood objects. Each holds the draws of many galaxies, and
has the methods that for example posteriors and training need (`Likelihood` lists them). To add
one, write one file with one class, and one row in `LIKELIHOODS`; ``tests/test_likelihoods.py`` then
tests it by the contract that holds for all.

`Multinomial` and `DirichletMultinomial` are the same two of a question with several answers, as a
decision tree has them.
"""

from typing import Any

from skgalaxy.likelihoods.base import Likelihood, concatenate
from skgalaxy.likelihoods.beta_binomial import BetaBinomial
from skgalaxy.likelihoods.binomial import Binomial
from skgalaxy.likelihoods.dirichlet_multinomial import DirichletMultinomial
from skgalaxy.likelihoods.multinomial import Multinomial
from skgalaxy.likelihoods.named import ANSWER_LIKELIHOODS, LIKELIHOODS
from skgalaxy.likelihoods.simplex import AnswerLikelihood
from skgalaxy.likelihoods.tree import TreeLikelihood

__all__ = [
    "ANSWER_LIKELIHOODS",
    "AnswerLikelihood",
    "BetaBinomial",
    "Binomial",
    "DirichletMultinomial",
    "LIKELIHOODS",
    "Likelihood",
    "Multinomial",
    "TreeLikelihood",
    "as_likelihood",
    "combine",
]


def as_likelihood(draws: Any) -> Likelihood:
    """Likelihood of vote fractions, of a posterior, or of itself.

    Parameters
    ----------
    draws : array-like of shape (n_galaxies, n_draws), Likelihood or VotePosterior
        An array is checked, and taken for binomial vote fractions.

    Returns
    -------
    likelihood : Likelihood

    Raises
    ------
    ValueError
        If an array has a wrong shape or leaves [0, 1].

    Examples
    --------
    >>> from skgalaxy.likelihoods import as_likelihood
    >>> as_likelihood([[0.2, 0.8]])
    Binomial(n_galaxies=1, n_draws=2)
    """
    held = getattr(draws, "likelihood", draws)  # a VotePosterior holds one
    return held if isinstance(held, Likelihood) else Binomial(draws)


def combine(likelihoods: list[Likelihood]) -> Likelihood:
    """Draws of several networks on the same galaxies, side by side.

    Likelihoods of unlike classes are widened first: a binomial is a beta-binomial of infinite
    concentration.

    Parameters
    ----------
    likelihoods : list of Likelihood
        Of equally many galaxies.

    Returns
    -------
    likelihood : Likelihood
        With the draws of all.

    Raises
    ------
    ValueError
        If they cannot be widened to one class.

    Examples
    --------
    >>> from skgalaxy.likelihoods import BetaBinomial, Binomial, combine
    >>> combine([Binomial([[0.1]]), BetaBinomial([[0.9]], 5)]).concentration
    array([[inf,  5.]])
    """
    return concatenate(of_one_class(likelihoods), axis=1)


def of_one_class(likelihoods: list[Likelihood]) -> list[Likelihood]:
    """Widen likelihoods to one class, if they are of several."""
    if len({type(likelihood) for likelihood in likelihoods}) > 1:
        return [likelihood.recalibrated(0, 1) for likelihood in likelihoods]
    return likelihoods
