"""Comparison of the galaxies that a run asked about with random ones, to tell if asking pays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.base import clone

from skgalaxy._validation import check_counts, check_int, check_seed
from skgalaxy.active._loop import Result
from skgalaxy.active._plan import check_test, parameters_of, tree_of
from skgalaxy.query import predict_posterior
from skgalaxy.votes import DecisionTree

__all__ = ["Comparison", "compare_with_random"]

FEWEST = 16  # galaxies of each kind


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Log-likelihoods of models that learned from galaxies asked about, or from random ones.

    Attributes
    ----------
    n_each : int
        Galaxies of each kind that a model learned from.
    asked, random : ndarray of shape (n_repeats,)
        Log-likelihood per vote of the test galaxies, in nats, of a model that learned from
        galaxies asked about, or drawn at random.
    gain : float
        Mean of `asked` minus mean of `random`; above 0, asking has paid.
    interval : tuple of float
        Ends of its 95 % interval, for the chance of seeds, galaxies asked about and test galaxies.

    Examples
    --------
    `compare_with_random` makes one. By hand:

    >>> import numpy as np
    >>> from skgalaxy.active import Comparison
    >>> asked, random = np.array([-0.071, -0.073]), np.array([-0.080, -0.078])
    >>> Comparison(20, asked, random, interval=(0.003, 0.011))
    Comparison(20 asked, 20 random: +0.007 nats per vote (+0.003 to +0.011), asking pays)
    """

    n_each: int
    asked: NDArray[Any]
    random: NDArray[Any]
    interval: tuple[float, float]

    @property
    def gain(self) -> float:
        """Gain of log-likelihood by asking, in nats per vote."""
        return float(self.asked.mean() - self.random.mean())

    def __repr__(self) -> str:
        low, high = self.interval
        verdict = "asking pays" if low > 0 else "asking costs" if high < 0 else "not told apart"
        return (
            f"Comparison({self.n_each} asked, {self.n_each} random: {self.gain:+.3f} nats per vote "
            f"({low:+.3f} to {high:+.3f}), {verdict})"
        )


def compare_with_random(
    result: Result,
    test: tuple[ArrayLike, ArrayLike],
    *,
    n_repeats: int = 5,
    random_state: Any = None,
) -> Comparison:
    """Compare the galaxies that a strategy asked about with random ones, to tell if asking pays.

    Your strategy must ask about a share at random, as `skgalaxy.query.mix_random` does. The
    estimator learns twice from scratch, each time from the galaxies of round 0 and equally many
    others: of those that the strategy chose, or of the random ones. Both predict the test galaxies.

    Parameters
    ----------
    result : Result
        Of `run`. Galaxies without a score are the random ones. Rounds that wait for answers are
        left out.
    test : tuple (X, y)
        Galaxies drawn at random that nobody has learned from, as your learner takes them, and
        their votes.
    n_repeats : int, default=5
        Pairs of models, at least 2. Each pair has a seed of its own, and learns from other
        galaxies: a random half of the rarer kind, and as many of the other.
    random_state : int, RandomState or None, default=None
        Seed of all that.

    Returns
    -------
    comparison : Comparison

    Raises
    ------
    TypeError
        If the learner predicts no posterior.
    ValueError
        If the learner is not trained yet; if it learned from fewer than 16 galaxies of either kind;
        if the test galaxies have no votes, or were learned from. Later, if a model gives a test
        galaxy's votes no probability, for example on a question that it had no votes on.

    Notes
    -----
    The models learn from fewer galaxies than the run's own. Half of them tell how much chance there
    is in which galaxies were drawn. A share of a half tells most.

    Examples
    --------
    Points on a line, about which volunteers doubt only near 0. A learner of neighbours asks there:

    >>> import numpy as np
    >>> from modAL.models import ActiveLearner
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from skgalaxy import VotePosterior, active, query
    >>> class Neighbours(KNeighborsRegressor):
    ...     def predict_posterior(self, X):
    ...         votes = self._y[self.kneighbors(X, return_distance=False)]
    ...         return VotePosterior((votes[..., 0] + 1) / (votes[..., 1] + 2))
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-100, 100, 1000)[:, None]
    >>> rho = 1 / (1 + np.exp(-x[:, 0]))
    >>> votes = np.column_stack([rng.binomial(40, rho), np.full(1000, 40)])
    >>> result = active.run(
    ...     ActiveLearner(Neighbours(3), query.mix_random(query.mutual_information_sampling, 0.5)),
    ...     x[:500],
    ...     active.SimulatedVolunteers(np.arange(500), votes[:500]),
    ...     initial=20,
    ...     n_instances=20,
    ...     n_rounds=4,
    ...     random_state=0,
    ... )
    >>> active.compare_with_random(result, (x[500:], votes[500:]), random_state=0)
    Comparison(20 asked, 20 random: +0.008 nats per vote (+0.003 to +0.013), asking pays)
    """
    tree = tree_of(result.learner)
    n_repeats, rng = check_int(n_repeats, "n_repeats", 2), check_seed(random_state)
    start, *kinds = _labelled(result)
    X, y = _check_test(test, result.learner.X_training, tree)
    fewest = min(len(votes) for _, votes in kinds)
    if fewest < FEWEST:
        raise ValueError(
            f"`result` must hold {FEWEST} galaxies that a strategy asked about, and as many that "
            "were drawn at random, with votes. Got "
            f"{' and '.join(str(len(votes)) for _, votes in kinds)}; ask with "
            "skgalaxy.query.mix_random(strategy, 0.5)."
        )
    n_each = fewest // 2
    log_prob = np.empty((2, n_repeats, len(y)))
    for repeat in range(n_repeats):
        seed = rng.randint(np.iinfo(np.int32).max)
        for kind, labelled in enumerate(kinds):
            rows = np.random.default_rng(seed).permutation(len(labelled[1]))[:n_each]
            learned = [np.concatenate([a, b[rows]]) for a, b in zip(start, labelled, strict=True)]
            log_prob[kind, repeat] = _log_prob(_fitted(result.learner, seed, *learned), X, y, tree)
    if not np.isfinite(log_prob).all():
        raise ValueError(
            "`test` must have votes that all models give a probability. Got a log-likelihood of "
            f"{log_prob[~np.isfinite(log_prob)][0]}; leave out questions that few were asked, or "
            "use an estimator that rules no vote out."
        )
    n_votes = y[:, 1] if tree is None else y.sum(axis=1)
    asked, random = log_prob.sum(axis=-1) / n_votes.sum()
    half = _half_width(log_prob[0] - log_prob[1], n_votes)
    gain = float((asked - random).mean())
    return Comparison(n_each, asked, random, (gain - half, gain + half))


def _check_test(
    test: Any, learned: NDArray[Any], tree: DecisionTree | None
) -> tuple[Any, NDArray[np.float64]]:
    """Test galaxies and their counts, 0 where a question is not known."""
    given = check_test(test, learned, tree)
    if given is None:
        raise TypeError("`test` must be (X, y), of galaxies drawn at random. Got None.")
    if tree is None:
        X, y = given[0], np.stack(check_counts(given[1], "test"), axis=1).astype(np.float64)
    else:
        X, y = given[0], np.nan_to_num(np.asarray(given[1], dtype=np.float64))
    if not (y[:, 1] if tree is None else y.sum(axis=1)).sum():
        raise ValueError("`test` must have votes. Got none.")
    return X, y


def _labelled(result: Result) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """X and y of what the run started with, was asked about, and was drawn at random."""
    X, y, rounds = result.learner.X_training, result.learner.y_training, result.rounds
    if X is None or rounds.empty or len(X) != rounds["n_labelled"].iloc[-1]:
        raise ValueError(
            f"`result` must be of a learner that is trained. Got {result.status!r}; make the call "
            "of `run` again when volunteers have answered."
        )
    learned = result.asked[result.asked["round"].isin(rounds["round"])]
    later, is_random = learned["round"].to_numpy() > 0, learned["score"].isna().to_numpy()
    n_taught = len(X) - len(learned)  # before the run; they come first
    kinds = [np.pad(~later, (n_taught, 0), constant_values=True)]
    kinds += [np.pad(kind, (n_taught, 0)) for kind in (later & ~is_random, later & is_random)]
    return [(X[kind], y[kind]) for kind in kinds]


def _fitted(learner: Any, seed: int, X: NDArray[Any], y: NDArray[Any]) -> Any:
    """The learner's estimator, trained from scratch."""
    names = parameters_of(learner, "random_state"), parameters_of(learner, "warm_start")
    seeded, cold = dict.fromkeys(names[0], seed), dict.fromkeys(names[1], False)
    return clone(learner.estimator).set_params(**seeded, **cold).fit(X, y)


def _log_prob(
    estimator: Any, X: Any, y: NDArray[np.float64], tree: DecisionTree | None
) -> NDArray[np.float64]:
    """Log probability of every galaxy's votes."""
    posterior = predict_posterior(estimator, X)
    votes = (y,) if tree is not None else (y[:, 0].astype(int), y[:, 1].astype(int))
    return posterior.log_prob(*votes)


def _half_width(gain: NDArray[np.float64], n_votes: NDArray[np.float64]) -> float:
    """Half the width of the 95 % interval of a gain per vote; `gain` is by repeat and galaxy.

    Halves of a sample scatter about it as it scatters about what it is a sample of (McCarthy 1969,
    the balanced half-sample). Galaxies to test on count as drawn at random.
    """
    n_repeats, n_galaxies = gain.shape
    by_repeat = gain.sum(axis=1) / n_votes.sum()
    of_repeats = stats.t.ppf(0.975, n_repeats - 1) * by_repeat.std(ddof=1)
    rest = gain.mean(axis=0) - by_repeat.mean() * n_votes
    of_galaxies = stats.norm.ppf(0.975) * rest.std() * np.sqrt(n_galaxies) / n_votes.sum()
    return float(np.hypot(of_repeats, of_galaxies))
