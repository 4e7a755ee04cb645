"""Vote tables of a decision tree: galaxies with more votes than the answers before allow."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from skgalaxy.votes._question_names import without_release
from skgalaxy.votes._vote_table import VoteTable

if TYPE_CHECKING:
    from skgalaxy.votes._decision_tree import DecisionTree

__all__ = ["too_many_votes"]

_EMPTY = pd.DataFrame({"id": [], "question": [], "n_votes": [], "n_allowed": []}).astype(
    {"id": object, "question": object, "n_votes": np.int64, "n_allowed": np.int64}
)


def too_many_votes(tree: "DecisionTree", tables: Sequence[VoteTable]) -> pd.DataFrame:
    """Report of `DecisionTree.validate`, release by release."""
    of = [_release(tree, table) for table in tables]
    releases = sorted({release for release in of if release})
    found = [
        part.assign(question=part["question"] + release) if len(releases) > 1 else part
        for release in releases or [""]
        for part in _reports(
            tree, [table for table, name in zip(tables, of, strict=True) if name in (release, "")]
        )
    ]
    return pd.concat([_EMPTY, *found], ignore_index=True) if found else _EMPTY.copy()


def _release(tree: "DecisionTree", table: VoteTable) -> str:
    """Release in the name of a table's question, "-dr5"; "" for none."""
    bare = without_release(table.question)
    return "" if table.question in tree.questions else table.question.removeprefix(bare)


def _reports(tree: "DecisionTree", tables: Iterable[VoteTable]) -> Iterator[pd.DataFrame]:
    """For each question of a release, its galaxies with too many votes."""
    by_question = _by_question(tree, tables)
    for question in by_question:
        parents = tree.parents(question)
        if parents and all(parent in by_question for parent, _ in parents):
            yield _rows_with_too_many(question, parents, by_question)


def _by_question(tree: "DecisionTree", tables: Iterable[VoteTable]) -> dict[str, VoteTable]:
    """Vote tables by the question's name in the tree, checked."""
    found = {}
    for table in tables:
        release = _release(tree, table)
        question = table.question.removesuffix(release)
        answers = tree.answers(question)
        unknown = [name for name in table.answers if name not in answers]
        if unknown and not release:
            raise ValueError(
                f"The answers to {question!r} must be, in {tree.name}, among "
                f"{', '.join(answers)}. Got {unknown[0]!r}."
            )
        if question in found:
            raise ValueError(f"`tables` must hold each question once. Got {question!r} twice.")
        found[question] = table
    return found


def _rows_with_too_many(
    question: str, parents: Iterable[tuple[str, str]], tables: Mapping[str, VoteTable]
) -> pd.DataFrame:
    """Rows of a question's table with more votes than its parents allow."""
    table, allowed = tables[question], 0
    for parent, answer in parents:
        allowed += tables[parent].reindex(table.ids).votes(answer)[:, 0]
    over = table.n_votes > allowed
    columns = {"id": table.ids, "question": question, "n_votes": table.n_votes}
    return pd.DataFrame(columns | {"n_allowed": allowed})[over]
