"""Volunteers: whoever can be asked about galaxies and answers later."""

import hashlib
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skgalaxy._arrays import any_of_row, without_mask
from skgalaxy._validation import (
    as_float64,
    check_ids,
    check_int,
    check_n_votes,
    check_votes,
    check_y,
    shortened,
)
from skgalaxy.active._tree_answers import as_text, n_shown
from skgalaxy.votes import DecisionTree
from skgalaxy.votes._walks import check_tree_fractions, walk

__all__ = ["Answer", "SimulatedVolunteers", "Volunteers", "check_answers"]

# id, k, N, None of one question; id, None, N, and the text of all counts of a tree
Answer: TypeAlias = tuple[str, int | None, int, str | None]


@runtime_checkable
class Volunteers(Protocol):
    """Source of answers for `run`: anything with these two methods.

    A request may take seconds or weeks. The loop requests votes and collects those that have
    come. If some are missing, it stops, and goes on when you call it again.

    Examples
    --------
    >>> from skgalaxy.active import SimulatedVolunteers, Volunteers
    >>> isinstance(SimulatedVolunteers(["a"], [0.3]), Volunteers)
    True
    """

    def request(self, ids: NDArray[np.str_]) -> None:
        """Ask about galaxies.

        Parameters
        ----------
        ids : ndarray of str of shape (n_galaxies,)
            The galaxies. Those that were requested before, by this process or by one that was
            killed, must not be shown to people again. A run that goes on requests all galaxies
            without answers once more, because it cannot know how far the killed one came.
        """

    def collect(self) -> tuple[ArrayLike, ArrayLike]:
        """Collect the answers that have come so far.

        Returns
        -------
        ids : sequence of str of shape (n_answered,)
            Each once. A galaxy is here when its votes are final; the first answer counts.
        votes : array-like of shape (n_answered, 2) or (n_answered, n_answers)
            Columns [k, N]; for a learner with a `tree` the counts of all its answers, in the order
            of ``tree.columns`` or in a table with these columns, NaN in a question that is not
            known. N = 0 gives a galaxy up: the run goes on without its votes.
        """
        ...


class SimulatedVolunteers:
    """Volunteers who answer at once: drawn from known vote fractions, or out of a catalogue.

    Parameters
    ----------
    ids : sequence of str or int of shape (n_galaxies,)
        The galaxies they know.
    y : array-like of shape (n_galaxies,) or (n_galaxies, 2), or of a tree (n_galaxies, n_answers)
        Vote fractions ρ, of which k ~ Bin(N, ρ) are drawn; or counts [k, N], which are replayed.
        Where they are masked nobody votes, N = 0. With a `tree`, counts of all answers, as for
        `DecisionTree.check_counts`, or fractions, as for `skgalaxy.votes.walk_votes`, by which N
        volunteers walk down the tree.
    n_votes : int or array-like of shape (n_galaxies,), default=40
        Volunteers per galaxy, N, where ρ is given.
    random_state : int, default=0
        Seed. The answer about a galaxy depends on it and on the galaxy's id only, not on when,
        with which others or how often it is asked about.
    tree : DecisionTree, default=None
        The questions, if they are several.

    Raises
    ------
    ValueError
        If ids are missing or repeated; if `y` or `n_votes` are out of range; when an id is
        requested that is not among them.

    Examples
    --------
    >>> from skgalaxy.active import SimulatedVolunteers
    >>> volunteers = SimulatedVolunteers(["a", "b", "c"], [0.1, 0.5, 0.9], n_votes=20)
    >>> volunteers.request(["c", "a"])
    >>> ids, votes = volunteers.collect()
    >>> print(ids, votes.tolist())
    ['c' 'a'] [[18, 20], [1, 20]]
    """

    def __init__(
        self,
        ids: ArrayLike,
        y: ArrayLike | pd.DataFrame,
        *,
        n_votes: ArrayLike = 40,
        random_state: int = 0,
        tree: DecisionTree | None = None,
    ) -> None:
        self.ids: NDArray[np.str_] = check_ids(ids, "ids", None)
        self.random_state: int = check_int(random_state, "random_state", 0)
        self.tree: DecisionTree | None = tree
        self.vote_fraction: NDArray[np.float64] | None = None
        self.n_votes: NDArray[np.int64]
        if tree is None:
            self._know_one_question(y, n_votes)
        else:
            self._know_tree(tree, y, n_votes)
        self._rows = pd.Index(self.ids)
        self._names: NDArray[Any] = self.ids.astype(object)  # quicker to look up than NumPy's text
        self._is_requested: NDArray[np.bool_] = np.zeros(len(self.ids), dtype=bool)
        self._answered: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # rows, in order
        self._answers: NDArray[Any] = (
            np.empty((0, 2), dtype=np.int64) if tree is None else np.empty((0, tree.n_answers))
        )

    def _know_one_question(self, y: Any, n_votes: ArrayLike) -> None:
        y, given = check_y(y)
        if y.shape not in ((len(self.ids),), (len(self.ids), 2)):
            raise ValueError(
                "`y` must be vote fractions, one per id, or counts [k, N], shape "
                f"({len(self.ids)},) or ({len(self.ids)}, 2). Got shape {y.shape}."
            )
        if y.ndim == 1:
            self.vote_fraction = y
            self.n_votes = np.where(given, check_n_votes(n_votes, len(self.ids)), 0)
        else:
            self._votes, self.n_votes = y.astype(np.int64).T

    def _know_tree(self, tree: DecisionTree, y: Any, n_votes: ArrayLike) -> None:
        if not isinstance(tree, DecisionTree):
            raise TypeError(f"`tree` must be a DecisionTree. Got {shortened(tree)}.")
        y, are_fractions = _counts_or_fractions(tree, y)
        if len(y) != len(self.ids):
            raise ValueError(
                f"`y` must have a row for each of the {len(self.ids)} ids. Got {len(y)}."
            )
        if are_fractions:
            self.vote_fraction, self.n_votes = y, check_n_votes(n_votes, len(self.ids))
        else:
            self._votes, self.n_votes = y, n_shown(tree, y)

    def request(self, ids: NDArray[np.str_]) -> None:
        """Answer about galaxies, for `collect`; arguments as in `Volunteers`."""
        ids = check_ids(ids, "ids", None)
        rows = self._rows.get_indexer(pd.Index(ids))
        if (rows < 0).any():
            unknown = ids[rows < 0]
            raise ValueError(
                "`ids` must be galaxies that the volunteers know. "
                f"Got {str(unknown[0])!r} ({len(unknown)} of {len(ids)} are unknown)."
            )
        new = rows[~self._is_requested[rows]]
        votes = np.array([self._votes_on(row) for row in new], dtype=self._answers.dtype)
        self._is_requested[new] = True
        self._answered = np.concatenate([self._answered, new])
        self._answers = np.concatenate([self._answers, votes.reshape(-1, self._answers.shape[1])])

    def collect(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Ids and votes of all galaxies requested, in that order; as in `Volunteers`."""
        return self._names[self._answered], self._answers.copy()

    def _votes_on(self, row: int) -> Any:
        """Votes [k, N] on a galaxy, or the counts of all answers."""
        if self.tree is not None:
            return self._walks(self.tree, row)
        return self._yes(row), self.n_votes[row]

    def _walks(self, tree: DecisionTree, row: int) -> NDArray[np.float64]:
        """Counts of all answers."""
        if self.vote_fraction is None:
            return self._votes[row]
        one = slice(row, row + 1)
        return walk(tree, self.vote_fraction[one], self.n_votes[one], self._rng(row))[0]

    def _yes(self, row: int) -> int:
        """Number of volunteers who say yes."""
        if self.n_votes[row] == 0:
            return 0
        if self.vote_fraction is None:
            return self._votes[row]
        return self._rng(row).binomial(self.n_votes[row], self.vote_fraction[row])

    def _rng(self, row: int) -> np.random.Generator:
        digest = hashlib.sha256(f"{self.random_state} {self.ids[row]}".encode()).digest()
        return np.random.default_rng(np.frombuffer(digest, np.uint32))


def _counts_or_fractions(tree: DecisionTree, y: Any) -> tuple[NDArray[np.float64], bool]:
    """Votes on a tree, checked, and whether they are fractions: not all of them whole."""
    there = y
    if isinstance(y, pd.DataFrame):
        there = y[[name for name in tree.columns if name in y]]
    values = as_float64(without_mask(there)[0], "y")
    known = values[~np.isnan(values)]
    if (known != np.rint(known)).any():
        return check_tree_fractions(tree, y, "y"), True
    if known.max(initial=0) == 1:
        raise ValueError(
            "`y` must tell counts from fractions. Got nothing but 0 and 1, which may be either; "
            "draw the counts with skgalaxy.votes.walk_votes."
        )
    return tree.check_counts(y), False


def check_answers(
    answers: Any, pending: NDArray[np.str_], tree: DecisionTree | None = None
) -> tuple[list[str], list[Answer]]:
    """All ids that volunteers return, and the answers about those that are `pending`, checked.

    Masked votes are none: their galaxies go on waiting.
    """
    rule = "`volunteers.collect()` must return"
    if not isinstance(answers, tuple | list) or len(answers) != 2:
        raise ValueError(f"{rule} (ids, votes). Got {shortened(answers)}.")
    ids, is_new = _find(answers[0], set(pending.tolist()))
    form = "[k, N]" if tree is None else f"on all answers of the tree {tree.name!r},"
    try:
        votes, mask = answers[1], None
        if not (tree is not None and isinstance(votes, pd.DataFrame)):
            votes, mask = without_mask(votes)
            votes = as_float64(votes, "votes")
        shape = (len(ids), 2 if tree is None else tree.n_answers)
        if votes.shape != shape and (tree is None or votes.shape[:1] != shape[:1]):
            raise ValueError(f"they must have shape {shape}. Got shape {votes.shape}.")
        rows = np.flatnonzero(is_new if mask is None else is_new & ~any_of_row(mask))
        new = check_ids([ids[row] for row in rows], "ids", None, rows).tolist()
        if tree is None:
            return ids, _of_question(new, votes[rows])
        return ids, _of_tree(tree, new, votes.take(rows, axis=0))
    except ValueError as error:
        raise ValueError(f"{rule} votes {form} of every id: {error}") from error


def _of_question(ids: list[str], votes: NDArray[np.float64]) -> list[Answer]:
    k, n_votes = check_votes(votes[:, 0], votes[:, 1], len(ids))
    return [(*each, None) for each in zip(ids, k.tolist(), n_votes.tolist(), strict=True)]


def _of_tree(tree: DecisionTree, ids: list[str], votes: Any) -> list[Answer]:
    counts = tree.check_counts(votes, len(ids))
    rows = zip(ids, n_shown(tree, counts).tolist(), as_text(counts), strict=True)
    return [(id_, None, n_votes, text) for id_, n_votes, text in rows]


def _find(ids: Any, wanted: set[str]) -> tuple[list[str], NDArray[np.bool_]]:
    """Ids that volunteers return, as text, and which of them are `wanted`."""
    # There may be a million, of all rounds so far: where all are found, the others may be anything.
    if isinstance(ids, list) or (type(ids) is np.ndarray and ids.ndim == 1):
        listed = list(ids) if isinstance(ids, list) else ids.tolist()
        try:
            found = _are_in(wanted, listed)
        except TypeError:  # for example lists
            found = np.zeros(len(listed), dtype=bool)
        if found.sum() >= len(wanted):
            return listed, found
    checked = check_ids(ids, "ids", "volunteers.collect()").tolist()
    return checked, _are_in(wanted, checked)


def _are_in(wanted: set[str], ids: list[str]) -> NDArray[np.bool_]:
    return np.fromiter(map(wanted.__contains__, ids), bool, len(ids))
