"""`run`: rounds of asking volunteers and learning from what they say.

A round is four steps, each recorded in the ledger before the next begins: choose galaxies, ask
volunteers and take their answers, train on all answers, test. What a step does follows from the
arguments and from what is recorded before it; so a run that was stopped anywhere goes on as if it
had not been.
"""

import copy
from dataclasses import dataclass
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from skgalaxy import _modal_compat
from skgalaxy._validation import check_bool, check_int
from skgalaxy.active._ledger import Ledger
from skgalaxy.active._plan import Plan
from skgalaxy.active._volunteers import check_answers

__all__ = ["Result", "run"]

_modal_compat.mend()


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What a run has done so far.

    Attributes
    ----------
    rounds : pandas.DataFrame
        One row per round: ``round`` (0 is the initial set), ``seed``, ``n_asked``,
        ``n_labelled`` and ``n_votes`` (galaxies and votes of the training set), ``model`` (its
        version), and a column per score on the test set.
    asked : pandas.DataFrame
        One row per galaxy asked about, in order: ``round``, ``rank``, ``id``, ``row`` of the
        pool, ``score`` of the strategy (NaN in the initial set), votes ``k`` of ``n_votes`` (NA
        while nobody has answered).
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

    def __repr__(self):
        n_votes = self.asked["n_votes"].sum()
        return (
            f"Result({len(self.rounds)} rounds, {len(self.asked)} galaxies asked about, "
            f"{n_votes} votes; {self.status})"
        )


def run(
    learner,
    pool,
    volunteers,
    *,
    ids=None,
    initial=256,
    n_instances=128,
    n_rounds=None,
    max_labels=None,
    max_votes=None,
    stop=(),
    n_votes=None,
    n_candidates=None,
    test=None,
    scoring=None,
    callbacks=(),
    ledger=None,
    random_state=None,
    verbose=False,
):
    """Ask volunteers about galaxies, learn from their answers, and ask again.

    The strategy is the learner's own ``query_strategy``, and whether it starts afresh each round
    or goes on from the last is the estimator's ``warm_start``. A call that finds a `ledger` goes
    on where that stops: after a kill, or once volunteers have answered, make the same call again.

    Parameters
    ----------
    learner : modAL.models.ActiveLearner
        An estimator, or a Pipeline ending in one, and a query strategy. If it has been taught
        already, it keeps what it knows, and starts from there. The learner itself is left as it
        is; the result has the trained one.
    pool : array-like of shape (n_galaxies,) or (n_galaxies, n_features)
        What the learner takes for galaxies: row numbers for a `PoolReader`, or paths for an
        `skgalaxy.images.ImageLoader`; not images, which would be copied every round.
    volunteers : Volunteers
        Whom to ask, such as `SimulatedVolunteers` or `FileVolunteers`.
    ids : sequence of str or int of shape (n_galaxies,), default=None
        What volunteers call the galaxies. None is the pool itself, as text; for a pool of
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
        smaller if need be. How many votes a galaxy will get is taken from `n_votes`, or else
        from the answers so far.
    stop : callable or sequence of callables, default=()
        Stop when one of ``rule(rounds)`` is true, such as `Target` or `Plateau`; `rounds` as in
        `Result`. They are asked before each further round.
    n_votes : int or array-like of shape (n_galaxies,), default=None
        Votes that a galaxy will get, given to a strategy that takes `n_votes`. None leaves it
        its own.
    n_candidates : int, default=None
        Score only so many galaxies of the pool each round, drawn at random. None scores all.
    test : tuple (X, y), default=None
        Galaxies that are not in the pool, as the learner takes them, and their votes.
    scoring : str, callable, list, tuple or dict, default=None
        What to score on the test set, as in ``sklearn.model_selection.cross_validate``; higher
        is better. None is the estimator's own ``score``.
    callbacks : callable or sequence of callables, default=()
        ``callback(result)`` after each round, with the `Result` so far. If the process is killed
        meanwhile, the next one calls it again for this round.
    ledger : str or path-like, default=None
        The file to keep everything in, SQLite. None keeps it in memory, for this call.
    random_state : int or None, default=None
        Seed of the run. Every round has a seed that follows from it: of the initial set, of the
        candidates, and of the strategy and the estimator where their own `random_state` is None.
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
    What may be changed between two calls with one ledger: `volunteers`, `n_rounds`, `max_labels`,
    `max_votes`, `stop`, `callbacks`, `verbose`, and parameters of the estimator such as `n_jobs`.

    To go on, the model of the last round is trained again from what is recorded, and with
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
    >>> print(result.rounds[["round", "n_asked", "n_labelled", "n_votes"]])
       round  n_asked  n_labelled  n_votes
    0      0       20          20      800
    1      1       30          50     2000
    2      2       30          80     3200
    3      3       20         100     4000
    >>> bool(result.rounds["score"].iloc[-1] > 0.9)
    True
    """
    plan = Plan.checked(
        learner,
        pool,
        volunteers,
        ids=ids,
        initial=initial,
        n_instances=n_instances,
        n_rounds=n_rounds,
        max_labels=max_labels,
        max_votes=max_votes,
        stop=stop,
        n_votes=n_votes,
        n_candidates=n_candidates,
        test=test,
        scoring=scoring,
        callbacks=callbacks,
    )
    check_bool(verbose, "verbose")
    if random_state is not None:
        random_state = check_int(random_state, "random_state", 0)
    total = None if n_rounds is None else n_rounds + 1
    with (
        Ledger(ledger, plan.identity(), random_state, plan.ids) as book,
        tqdm(total=total, unit="round", desc="active learning", disable=not verbose) as bar,
    ):
        return _go_on(plan, book, copy.deepcopy(learner), bar)


def _go_on(plan, book, learner, bar):
    """Do what is not done yet; return the result."""
    # Models of earlier rounds are needed only where a model goes on from the one before.
    number = 0 if plan.is_warm else max(0, book.n_asked - 1)
    status = _take_answers(plan, book)  # before any training: there may be none yet
    while not status:
        status = _ask(plan, book, learner) if number == book.n_asked else None
        if not status:
            _learn(plan, book, learner, number)
            number += 1
            bar.update()
            if not bar.disable:
                bar.set_postfix(book.rounds.drop(columns=["round", "seed", "model"]).iloc[-1])
    return _result(book, learner, status)


def _result(book, learner, status):
    return Result(book.rounds, book.asked, learner, status, len(book.pending()))


def _ask(plan, book, learner):
    """Choose the galaxies of the next round and ask about them; return why the run stops."""
    number, asked = book.n_asked, book.asked_rows()
    size, reason = plan.next_size(book.rounds, asked)
    if reason:
        return reason
    book.ask(number, *plan.choose(number, learner, asked, size, book.seed_of(number)))
    return _take_answers(plan, book)


def _take_answers(plan, book):
    """Ask about what is not answered, note what is; return what the run waits for."""
    pending = book.pending()
    if len(pending):
        plan.volunteers.request(pending)
        book.answer(*check_answers(plan.volunteers.collect(), pending))
        pending = book.pending()
    return f"waiting for {len(pending)} galaxies" if len(pending) else None


def _learn(plan, book, learner, number):
    """Train on the answers up to a round; test and tell unless that was done."""
    size = plan.fit(learner, *book.labels(number), book.seed_of(number))
    if number == book.n_fitted:
        book.fitted(number, *size, plan.score(learner))
    if number == book.n_told:
        for callback in plan.callbacks:
            callback(_result(book, learner, "going on"))
        book.told(number)
