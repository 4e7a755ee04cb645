"""The questions of a decision tree in a table: which of them it has, and their counts."""

import warnings
from collections.abc import Container, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy.votes._cells import is_missing
from skgalaxy.votes._counting import Question, count_votes, origin_of
from skgalaxy.votes._decision_tree import DecisionTree
from skgalaxy.votes._published_trees import GZ2, GZ_DECALS
from skgalaxy.votes._question_names import first_names, without_release
from skgalaxy.votes._table_file import Table
from skgalaxy.votes._tree_steps import asked_of, steps_of
from skgalaxy.votes._tree_votes import TreeVotes
from skgalaxy.votes._vote_table import ORIGIN_COLUMN, VoteTable

__all__ = ["count_tree", "find_tree", "match_tree"]

FEWEST_ASKED = 0.9  # of those who are led to a question, in a table of that tree


def find_tree(questions: Mapping[str, Question], release: str | None, path: str) -> DecisionTree:
    """The published tree that has most of a table's questions; refused if two have as many."""
    fits = [_fit(questions, tree, release) for tree in (GZ2, GZ_DECALS)]
    sizes = [max(map(len, fit.values()), default=0) for fit in fits]
    if sizes[0] == sizes[1]:
        problem = "are in both published trees" if sizes[0] else "are in neither published tree"
        raise ValueError(
            f"`question` must name one question of {path!r}: {', '.join(questions)}; or `tree` "
            f"must be given for all of them. Got None, and the questions {problem}."
        )
    return (GZ2, GZ_DECALS)[int(np.argmax(sizes))]


def match_tree(
    questions: Mapping[str, Question], tree: DecisionTree, release: str | None, path: str
) -> dict[str, Question]:
    """A table's questions by their names in a tree, all of one release.

    `questions` has those that cannot be counted, too: what the tree asks is read or refused.
    """
    fits = _fit(questions, tree, release)
    if not fits:
        _refuse_answers(questions, tree, release)
        questions = {name: each for name, each in questions.items() if each.columns.countable}
        named = "" if release is None else f" of the release {release!r}"
        raise ValueError(
            f"{path!r} must have votes on questions of {tree.name}{named}: "
            f"{', '.join(tree.questions)}. Got {first_names(questions) or 'none'}."
        )
    most = max(map(len, fits.values()))
    best = [name for name, fit in fits.items() if len(fit) == most]
    if len(best) > 1:
        raise ValueError(
            f"`release` must be given for {path!r}, which has {tree.name} in the releases "
            f"{', '.join(name or '(none)' for name in best)}. Got None."
        )
    chosen = best[0]
    _refuse_answers(questions, tree, chosen)
    if release is None:
        _refuse_other_release(questions, tree, fits[chosen], path)
    _tell_uncounted(questions, tree, chosen, path)
    return fits[chosen]


def _fit(
    questions: Mapping[str, Question], tree: DecisionTree, release: str | None
) -> dict[str, dict[str, Question]]:
    """By release, the questions that a tree has with their answers; "" for no release."""
    found: dict[str, dict[str, Question]] = {}
    for name, question in questions.items():
        bare, of = _bare(name, tree)
        countable = set(question.columns.countable)
        if bare is None or not countable or not countable <= set(tree.answers(bare)):
            continue
        if release is None or of == _bare_release(release):
            found.setdefault(of, {})[bare] = question
    return found


def _bare(name: str, tree: DecisionTree) -> tuple[str | None, str]:
    """A question's name in a tree, None if it has it not, and the release."""
    if name in tree.questions:
        return name, ""
    bare = without_release(name)
    return (bare if bare in tree.questions else None), name[len(bare) + 1 :].lower()


def _bare_release(release: str) -> str:
    return str(release).lower().lstrip("-")


def _refuse_answers(
    questions: Mapping[str, Question], tree: DecisionTree, release: str | None
) -> None:
    """Name the first answer that a tree has not, of a question that it has."""
    for name, question in questions.items():
        bare, of = _bare(name, tree)
        if bare is None or (release is not None and of != _bare_release(release)):
            continue
        answers = tree.answers(bare)
        strange = [
            column for answer, column in question.columns.countable.items() if answer not in answers
        ]
        if strange:
            raise ValueError(
                f"The answers to {bare!r} must be, in {tree.name}, among {', '.join(answers)}. "
                f"Got `{first_names(strange)}`; give a `tree` that has them, or leave them out of "
                "the table."
            )


def _refuse_other_release(
    questions: Mapping[str, Question], tree: DecisionTree, found: Container[str], path: str
) -> None:
    """Refuse a question that a table has in another release only than most questions."""
    names = {
        name: _bare(name, tree)[0] for name, each in questions.items() if each.columns.countable
    }
    others = [name for name, bare in names.items() if bare is not None and bare not in found]
    if others:
        kept = [name for name, bare in names.items() if bare is not None and bare in found]
        raise ValueError(
            f"The questions of {tree.name} in {path!r} must be of one release. Got "
            f"{first_names(others)} beside {first_names(kept)}; name the `release` to read."
        )


def _tell_uncounted(
    questions: Mapping[str, Question], tree: DecisionTree, release: str, path: str
) -> None:
    """Refuse a question whose counts are not understood; warn of those without any counts."""
    left_out, reasons = [], {}
    for name, question in questions.items():
        bare, of = _bare(name, tree)
        columns = question.columns
        if bare is None or of != release or columns.countable or not columns.reasons:
            continue
        one_only = "counts of one answer only"  # or a flag, or a size
        unclear = [r for r in columns.refused if r.startswith("counts") and r != one_only]
        if unclear:
            raise ValueError(
                f"The columns of {bare!r} in {path!r} must tell the counts of its answers. Got "
                f"{unclear[0]}."
            )
        left_out.append(name)
        reasons |= dict.fromkeys(columns.reasons)
    if left_out:
        warnings.warn(
            f"Left out of the questions in {path!r}: {', '.join(left_out)}, with only "
            f"{' and '.join(reasons)}. `reconstruct_counts` makes counts of raw fractions.",
            stacklevel=4,
        )


def count_tree(
    table: Table,
    tree: DecisionTree,
    questions: Mapping[str, Question],
    id_column: str,
    tolerance: float,
) -> TreeVotes:
    """Votes on all of a table's questions; other parameters and errors as in `read_votes`."""
    has_origin = ORIGIN_COLUMN in table.names
    names = [name for each in questions.values() for name in each.columns.all_names]
    table.columns([id_column, *names, *([ORIGIN_COLUMN] if has_origin else [])])  # in one go
    parts, residual = {}, 0.0
    for name, question in questions.items():
        counted = count_votes(table, question, id_column, tolerance)
        counts = np.full((len(counted), tree.n_answers), np.nan)
        for answer, values in _all_answers(tree, name, question, counted).items():
            counts[:, tree.columns.index(f"{name}_{answer}")] = values
        counts[_unknown(table, question)] = np.nan
        parts[name] = pd.DataFrame(counts[:, tree.slices[name]], index=counted.ids)
        residual = max(residual, counted.residual)
    ids = pd.Index(np.concatenate([part.index for part in parts.values()])).unique()
    whole = np.full((len(ids), tree.n_answers), np.nan)
    for name, part in parts.items():
        # a task without a row of its own in a reduction was put to nobody
        whole[:, tree.slices[name]] = part.reindex(ids, fill_value=0).to_numpy()
    _warn_of_other_tree(tree, whole, table.path)
    return TreeVotes(
        ids.to_numpy(), tree, whole, residual=residual, source=table.path, origin=origin_of(table)
    )


def _warn_of_other_tree(tree: DecisionTree, counts: NDArray[np.float64], path: str) -> None:
    """Warn of a question that many were not asked who gave the answers before it."""
    for question, step in zip(tree.questions, steps_of(tree), strict=True):
        asked = counts[:, step.answers].sum(axis=1)
        allowed = asked_of(step, counts, asked)
        known = ~np.isnan(asked + allowed)
        if step.asked_after and asked[known].sum() < FEWEST_ASKED * allowed[known].sum():
            share = asked[known].sum() / allowed[known].sum()
            warnings.warn(
                f"Only {100 * share:.0f} % of those who gave the answers before {question!r} in "
                f"{tree.name} were asked it in {path!r}: the table may be of another tree, which "
                "you can give as `tree`.",
                stacklevel=4,
            )
            return  # what follows is asked of fewer, too


def _all_answers(
    tree: DecisionTree, name: str, question: Question, counted: VoteTable
) -> dict[str, Any]:
    """Counts of all answers that a tree has; a single one that is left out is the rest of N.

    A reduction, which has its tasks in rows, has no column of an answer that nobody gave.
    """
    found: dict[str, Any] = dict(zip(counted.answers, counted.counts.T, strict=True))
    lacks = [answer for answer in tree.answers(name) if answer not in found]
    rest = counted.n_votes - counted.counts.sum(axis=1)
    nobody_else = question.rows is not None and not rest.any()
    if not nobody_else and (len(lacks) > 1 or (lacks and question.columns.total is None)):
        raise ValueError(
            f"{counted.source!r} must have all answers to {name!r} of {tree.name}, or all but "
            f"one and N. Got nothing of {', '.join(lacks)}."
        )
    return found | dict.fromkeys(lacks, rest)


def _unknown(table: Table, question: Question) -> NDArray[np.bool_]:
    """True for galaxies of whose votes on a question nobody knows; a total of 0 is known."""
    columns = question.columns
    if question.rows is not None:  # a reduction writes nothing where nobody gave the answer
        return np.zeros(len(question.rows), bool)
    cells = table.columns(columns.countable.values()).values()
    gone = [is_missing(values) for values in cells]
    if columns.total is None:
        return np.any(gone, axis=0)
    totals = table.columns([columns.total])[columns.total]
    total = pd.to_numeric(pd.Series(totals, dtype=object), errors="coerce")
    nothing = np.all(gone, axis=0) & ~np.asarray(total == 0)
    return nothing if columns.counts else nothing | is_missing(totals)
