"""Recalibration of a posterior, by the votes on galaxies that were held out."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from skgalaxy._validation import check_votes, check_weighted_votes
from skgalaxy.likelihoods import Likelihood
from skgalaxy.posterior import VotePosterior

__all__ = ["HeldOut", "Recalibration", "check_scatter", "most_likely"]


_DRAWS = 20, 100  # of a network, enough to learn three numbers from
_MOST_VALUES = 10**6  # draws of all galaxies together, so that many galaxies take seconds
_PRIORS = {"scatter": 0.25, "spread": 1.0}  # standard deviations of their logarithms
_RANGE = np.log([1e-4, 1e4])  # of either number


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
        check_scatter(n[weight > 0])
        return cls(*most_likely([HeldOut(posterior.likelihood, k, n, weight)]))

    def apply(self, posterior: VotePosterior) -> VotePosterior:
        """Recalibrate a posterior."""
        return VotePosterior(posterior.likelihood.recalibrated(*self), folds=posterior.folds)


class HeldOut(NamedTuple):
    """Votes on galaxies that were held out, and what networks expected of them."""

    likelihood: Likelihood
    votes: NDArray[Any]  # k, or counts of all answers
    n_votes: NDArray[Any]
    weight: NDArray[Any]

    def telling(self) -> "HeldOut":
        """Part that tells how votes scatter: galaxies with a prediction and two votes or more."""
        draws = self.likelihood.draws
        unknown = np.isnan(draws).any(axis=tuple(range(1, draws.ndim)))
        rows = (self.n_votes > 1) & (self.weight > 0) & ~unknown
        return HeldOut(
            self.likelihood[rows], self.votes[rows], self.n_votes[rows], self.weight[rows]
        )


def most_likely(held_out: Sequence[HeldOut]) -> Recalibration:
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


def check_scatter(n_votes: NDArray[Any]) -> None:
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
