"""`run`: rounds of asking volunteers and learning from their answers.

A round is four steps, each recorded in the ledger before the next begins: choose galaxies, ask
volunteers and take their answers, train on all answers, test. Each step follows from the
arguments and from the records before it; so a run that was stopped anywhere goes on as if it
had not been.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from skgalaxy import _modal_compat
from skgalaxy.active._ledger import Ledger
from skgalaxy.active._plan import Plan, n_votes_of
from skgalaxy.active._stopping import next_size
from skgalaxy.active._volunteers import Volunteers, check_answers

__all__ = ["Result", "run"]

_modal_compat.mend()


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """Record of a run so far.

    Attributes
    ----------
    rounds : pandas.DataFrame
        One row per round: ``round`` (0 is the initial set), ``seed``, ``n_asked``,
        ``n_labelled`` and ``n_votes_learned`` (galaxies and votes of the training set), ``model``
        (its version), and a column per score on the test set.
    asked : pandas.DataFrame
        One row per galaxy asked about, in order: ``round``, ``rank``, ``id``, ``row`` of the
        pool, ``score`` of the strategy (NaN in the initial set), votes ``k`` of ``n_votes`` (NA
        while nobody has answered). Where the learner has a `tree`, in place of ``k`` the count of
        every answer, by ``tree.columns``; ``n_votes`` is then the most votes on any question.
    learner : modAL.models.ActiveLearner
        A copy of the learner, trained on all answers. Where the run still waits for the answers
        that it was called to look for, it is not trained.
    status : str
        Why the run stopped.
    n_waiting : int
        Galaxies that volunteers have not answered yet; 0 if the run is done.

    Examples
    --------
    See `run`.
    """

    rounds: pd.DataFrame
    asked: pd.DataFrame
    learner: Any
    status: str
    n_waiting: int = 0

    def __repr__(self) -> str:
        n_votes = self.asked["n_votes"].sum()
        return (
            f"Result({len(self.rounds)} rounds, {len(self.asked)} galaxies asked about, "
            f"{n_votes} votes; {self.status})"
        )


def run(
    learner: Any,
    pool: ArrayLike,
    volunteers: Volunteers,
    *,
    ids: Sequence[Any] | NDArray[Any] | None = None,
    initial: int | ArrayLike = 256,
    n_instances: int = 128,
    n_rounds: int | None = None,
    max_labels: int | None = None,
    max_votes: int | None = None,
    stop: Callable[..., Any] | Sequence[Callable[..., Any]] = (),
    n_votes: int | ArrayLike | None = None,
    n_scored: int | None = None,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    scoring: str
    | Callable[..., Any]
    | Sequence[str]
    | Mapping[str, Callable[..., Any]]
    | None = None,
    callbacks: Callable[..., Any] | Sequence[Callable[..., Any]] = (),
    ledger: str | PathLike[str] | None = None,
    random_state: int | None = None,
    verbose: bool = False,
) -> Result:
    """Ask volunteers about galaxies, learn from their answers, and ask again.

    The strategy is the learner's own ``query_strategy``, and whether it starts afresh each round
    or goes on from the last is the estimator's ``warm_start``. A call that finds a `ledger` goes
    on where that stops: after a kill, or once volunteers have answered, make the same call again.

    Parameters
    ----------
    learner : modAL.models.ActiveLearner
        An estimator, or a Pipeline ending in one, and a query strategy. If it has been taught
        already, it keeps what it knows, and starts from there. The learner itself is left as it
        is; the result has the trained one. Row numbers and paths that it has been taught are not
        asked about again; leave out rows of features yourself. If the estimator has a `tree`,
        votes are the counts of all its answers, wherever they are [k, N] otherwise.
    pool : array-like of shape (n_galaxies,) or (n_galaxies, n_features)
        Galaxies, as your learner takes them: for example row numbers for a `PoolReader`, or paths
        for an `skgalaxy.images.ImageLoader`; not images, which would be copied every round.
    volunteers : Volunteers
        Whom to ask, such as `SimulatedVolunteers` or `FileVolunteers`.
    ids : sequence of str or int of shape (n_galaxies,), default=None
        Names of the galaxies among volunteers. None is the pool itself, as text; for a pool of
        features the row numbers.
    initial : int or array-like of int, default=256
        Round 0: how many galaxies to choose at random, or which rows of the pool; 0 if the
        learner has been taught.
    n_instances : int, default=128
        Galaxies to ask about in each further round.
    n_rounds : int, default=None
        Stop after so many further rounds.
    max_labels, max_votes : int, default=None
        Budgets: the galaxies, and the votes, of the training set at most. The last round is
        smaller if need be. With `n_votes`, no choice of galaxies exceeds `max_votes`; without it,
        a galaxy is taken to get as many votes as the mean of those before it.
    stop : callable or sequence of callables, default=()
        Stop when one of ``rule(rounds)`` is true, such as `Target` or `Plateau`; `rounds` as in
        `Result`. They are asked before each further round.
    n_votes : int or array-like of shape (n_galaxies,), default=None
        Votes that a galaxy will get, given to a strategy that takes `n_votes`. None leaves it
        its own.
    n_scored : int, default=None
        Score only so many galaxies of the pool each round, drawn at random. None scores all.
    test : tuple (X, y), default=None
        Galaxies that are not in the pool, as the learner takes them, and their votes.
    scoring : str, callable, list, tuple or dict, default=None
        Scores on the test set, as in ``sklearn.model_selection.cross_validate``; higher
        is better. None is the estimator's own ``score``, called ``test_score``.
    callbacks : callable or sequence of callables, default=()
        ``callback(result)`` after each round, with the `Result` so far. A call that goes on from
        a `ledger` may begin with the last round's again: the process may have died in it.
    ledger : str or path-like, default=None
        The file to keep everything in, SQLite. None keeps it in memory, for this call.
    random_state : int or None, default=None
        Seed of the run. Every round has a seed that follows from it: of the initial set, of the
        galaxies to score, and of strategy and estimator where their own `random_state` is None.
    verbose : bool, default=False
        Show a progress bar.

    Returns
    -------
    result : Result

    Raises
    ------
    ValueError, TypeError
        Before any work, if an argument is out of range or of the wrong kind; if the `ledger` is
        something else, damaged, or of another run. Later, if the strategy or the volunteers
        return something else than they should.
    OSError
        If the ledger cannot be written.
    RuntimeError
        If another process goes on with the same ledger.

    Notes
    -----
    You may change between two calls with one ledger: `volunteers`, `n_rounds`, `max_labels`,
    `max_votes`, `stop`, `callbacks`, `verbose`, and parameters of the estimator such as `n_jobs`.

    To go on, the model of the last round is trained again from the records, and with
    `warm_start` those of all rounds: on one machine, the same inputs and seeds give the same
    model.

    The strategy is called as ``learner.query`` calls it, but only once: that calls it a second
    time when it raises.

    Examples
    --------
    A learner whose X are row numbers, on images that are as bright as their vote fraction:

    >>> import numpy as np
    >>> from modAL.models import ActiveLearner
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from skgalaxy import active, query
    >>> from skgalaxy.images import PoolReader
    >>> rng = np.random.default_rng(0)
    >>> rho = rng.uniform(size=300)
    >>> images = rho[:, None] * np.ones((1, 16))
    >>> votes = np.column_stack([rng.binomial(40, rho), np.full(300, 40)])
    >>> model = make_pipeline(PoolReader(images), RandomForestRegressor(n_estimators=10))
    >>> result = active.run(
    ...     ActiveLearner(model, query.random_sampling),
    ...     np.arange(200),
    ...     active.SimulatedVolunteers(np.arange(200), votes[:200]),
    ...     initial=20,
    ...     n_instances=30,
    ...     max_labels=100,
    ...     test=(np.arange(200, 300), votes[200:]),
    ...     random_state=0,
    ... )
    >>> result
    Result(4 rounds, 100 galaxies asked about, 4000 votes; max_labels is reached)
    >>> print(result.rounds[["round", "n_asked", "n_labelled", "n_votes_learned"]])
       round  n_asked  n_labelled  n_votes_learned
    0      0       20          20              800
    1      1       30          50             2000
    2      2       30          80             3200
    3      3       20         100             4000
    >>> bool(result.rounds["test_score"].iloc[-1] > 0.9)
    True
    """
    plan = Plan(**locals())  # its fields are the arguments, to the last one
    total = None if n_rounds is None else n_rounds + 1
    with (
        Ledger(plan.ledger, plan.identity(), plan.random_state) as opened,
        tqdm(total=total, unit="round", desc="active learning", disable=not verbose) as bar,
    ):
        return _go_on(plan, opened, copy.deepcopy(learner), bar)


def _go_on(plan: Plan, ledger: Ledger, learner: Any, bar: tqdm) -> Result:
    """Do the steps that are not done yet."""
    # Models of earlier rounds are needed only where a model goes on from the one before.
    number = 0 if plan.is_warm else max(0, ledger.n_rounds_asked - 1)
    status = _ask(plan, ledger)  # before any training: there may be no answers yet
    while not status:
        if number == ledger.n_rounds_asked:
            status = _choose(plan, ledger, learner) or _ask(plan, ledger)
        if not status:
            size = _learn(plan, ledger, learner, number)
            _test(plan, ledger, learner, number, size)
            number += 1
            bar.update()
            if not bar.disable:
                bar.set_postfix(ledger.rounds.drop(columns=["round", "seed", "model"]).iloc[-1])
    return _result(ledger, learner, status)


def _result(ledger: Ledger, learner: Any, status: str) -> Result:
    return Result(ledger.rounds, ledger.asked, learner, status, len(ledger.pending()))


def _choose(plan: Plan, ledger: Ledger, learner: Any) -> str | None:
    """Choose the galaxies of the next round, or say why the run stops."""
    number, left = ledger.n_rounds_asked, plan.unknown_rows(ledger.asked_rows())
    size, reason = next_size(plan, ledger, left)
    if reason:
        return reason
    pick = _pick if number else _pick_initial
    rows, scores = pick(plan, learner, left, size, ledger.seed_of(number))
    ledger.record_requests(number, rows, plan.ids[rows], scores)
    return None


def _pick_initial(
    plan: Plan, _: Any, left: NDArray[Any], size: int, seed: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    if isinstance(plan.initial, int):
        rows = np.random.default_rng(seed).choice(left, size, replace=False)
    else:
        rows = plan.initial
    return rows, np.full(len(rows), np.nan)


def _pick(
    plan: Plan, learner: Any, left: NDArray[Any], size: int, seed: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows that the strategy picks among those that are left, and their scores."""
    if plan.n_scored is not None and plan.n_scored < len(left):
        left = np.sort(np.random.default_rng(seed).choice(left, plan.n_scored, replace=False))
    defaults, options = plan.strategy_defaults, {}
    if defaults.get("random_state", 0) is None:
        options["random_state"] = seed
    if plan.n_votes is not None and "n_votes" in defaults:
        options["n_votes"] = plan.n_votes[left]
    picked = learner.query_strategy(learner, plan.pool[left], n_instances=size, **options)
    indices, scores = _check_picked(picked, size, len(left))
    return left[indices], scores


def _ask(plan: Plan, ledger: Ledger) -> str | None:
    """Ask about galaxies without an answer and note new answers; say if some are missing."""
    pending = ledger.pending()
    if not len(pending):
        return None
    plan.volunteers.request(pending)
    ids, answers = check_answers(plan.volunteers.collect(), pending, plan.tree)
    ledger.record_answers(answers)
    n_waiting = len(pending) - len(answers)
    if not n_waiting:
        return None
    # Nothing is wrong if volunteers serve others, too; but an id may be written in another way.
    others = set(map(str, ids)).difference(plan.ids.tolist())
    waiting = f"waiting for {n_waiting} galaxies"
    if not others:
        return waiting
    return f"{waiting}; {len(others)} answers are about none of the pool, such as {min(others)!r}"


def _learn(plan: Plan, ledger: Ledger, learner: Any, number: int) -> tuple[int, int]:
    """Train on the answers up to a round; return the number of galaxies and of votes."""
    rows, y = ledger.labels(number)
    X = plan.pool[rows]
    if plan.taught is not None:
        X, y = (np.concatenate(parts) for parts in zip(plan.taught, (X, y), strict=True))
    learner.estimator.set_params(**dict.fromkeys(plan.unseeded, ledger.seed_of(number)))
    if plan.tree is not None:
        y = np.nan_to_num(y)  # modAL takes no NaN; of a question not known there are no votes
    learner.fit(X, y)
    return len(y), n_votes_of(plan.tree, y)


def _test(plan: Plan, ledger: Ledger, learner: Any, number: int, size: tuple[int, int]) -> None:
    """Test a model that is new and note it; tell the callbacks of that of the last round."""
    if number == ledger.n_rounds_learned:
        scores = {} if plan.test is None else plan.scorer(learner.estimator, *plan.test)
        if not isinstance(scores, dict):
            scores = {plan.score_names[0]: scores}
        ledger.record_model(number, size, scores)
    # Not only if it was new: a process may have died in a callback. The next round is chosen after.
    if number == ledger.n_rounds_asked - 1:
        for callback in plan.callbacks:
            callback(_result(ledger, learner, "going on"))


def _check_picked(picked: Any, size: int, n_candidates: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows that a strategy has picked, each once, and their scores."""
    rule = f"`query_strategy` must return (indices, scores) of {size} distinct rows"
    if not isinstance(picked, tuple) or len(picked) != 2:
        raise ValueError(f"{rule}. Got {type(picked).__name__}.")
    indices, scores = np.asarray(picked[0]), np.asarray(picked[1], dtype=np.float64)
    if indices.shape != (size,) or scores.shape != (size,) or indices.dtype.kind not in "iu":
        raise ValueError(
            f"{rule}. Got indices of {indices.dtype}, shape {indices.shape}, and scores of shape "
            f"{scores.shape}."
        )
    if indices.min() < 0 or indices.max() >= n_candidates or len(np.unique(indices)) < size:
        raise ValueError(f"{rule} of {n_candidates}. Got {indices}.")
    return indices, scores
