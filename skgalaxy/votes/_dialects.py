"""Meaning of the columns of a survey's vote table, read off their names.

A dialect takes the names of all columns and returns what it finds for each question.
"""

import re
from typing import NamedTuple

from skgalaxy.votes._published_trees import GZ2, GZ_DECALS
from skgalaxy.votes._question_names import GZ2_TASKS, first_names, without_release

# t03_bar_a06_bar_count; tables in the FITS format may have the same in capitals.
GZ2_COLUMN = re.compile(
    r"(t\d\d)_\w+?_(a\d\d)_\w+?_(count|fraction|weight|weighted_fraction|debiased|flag)", re.I
)
KAGGLE_COLUMN = re.compile(r"class\d+\.\d+", re.IGNORECASE)
REDUCTION_COLUMN = re.compile(r"data\.(.+)")
# Volunteers who skipped the question, and the aggregation's own note.
NO_ANSWERS = {"none", "nan", "aggregation_version"}
TOTALS = {"total-votes", "total"}
PREDICTIONS = {"prediction", "prediction-conf"}
QUESTIONS = {*GZ2.questions, *GZ_DECALS.questions, "ring", "clumps", "problem"}


class Columns(NamedTuple):
    """The columns of one question.

    `counts` and `fractions` are dicts of answer to column; `total` is the column of N or None, for
    the sum of the counts; `refused` says what else there is that cannot be counts.
    """

    counts: dict[str, str]
    fractions: dict[str, str]
    total: str | None = None
    refused: tuple[str, ...] = ()

    @property
    def countable(self) -> dict[str, str]:
        """By answer the columns that counts can be had from; empty if there are none."""
        return self.counts or self.fractions


def gz2(names: list[str]) -> dict[str, Columns]:
    """GZ2: ``t03_bar_a06_bar_count``, ``..._fraction``, ``..._weighted_fraction`` and so on."""
    found = {}
    for name in names:
        match = GZ2_COLUMN.fullmatch(name)
        task, answer, kind = match.groups() if match else ("", "", "")
        question, answers = GZ2_TASKS.get(task.lower(), ("", {}))
        if answer.lower() in answers:
            kinds = found.setdefault(question, {})
            kinds.setdefault(kind.lower(), {})[answers[answer.lower()]] = name
    return {question: _gz2_columns(question, kinds, names) for question, kinds in found.items()}


def _gz2_columns(question, kinds, names):
    counts, fractions = kinds.pop("count", {}), kinds.pop("fraction", {})
    whole = {name.lower(): name for name in names}.get("total_classifications")
    total = whole if question == GZ2.questions[0] else None  # the one question all are asked
    refused = sorted(kind.replace("_", " ") for kind in kinds if kind != "flag")
    if set(counts) == set(GZ2.answers(question)):
        total = None  # N is their sum
    elif total is None and counts:
        refused, counts = ["counts of some answers only", *refused], {}
    return Columns(
        counts, fractions if total else {}, total, (*_fractions_without_total(fractions), *refused)
    )


def zoobot(names: list[str]) -> dict[str, Columns]:
    """Zoobot and its kin: ``bar_strong``, ``bar-dr5_strong``, ``bar_total-votes``."""
    found = {}
    for name in names:
        question, answer, *kind = name.split("_", 2) + [""]
        if answer and answer not in PREDICTIONS:
            kinds = found.setdefault(question, {})
            kinds.setdefault(kind[0], {})[answer] = name
    columns = {question: _zoobot_columns(kinds) for question, kinds in found.items()}
    return {name: each for name, each in columns.items() if _is_question(name, each)}


def _is_question(name, columns):
    """Tell votes from other columns with one "_": a total, a release or a known name does."""
    bare = without_release(name)
    holds_votes = columns.counts or columns.fractions or columns.refused
    return holds_votes and (columns.total or bare != name or bare in QUESTIONS)


def _zoobot_columns(kinds):
    counts, fractions = kinds.pop("", {}), kinds.pop("fraction", {})
    totals = [counts.pop(name) for name in sorted(TOTALS, reverse=True) if name in counts]
    total = totals[0] if totals else None
    refused = sorted(kind for kind in kinds if "debiased" in kind or "weight" in kind)
    if total is None and len(counts) == 1:
        refused, counts = ["counts of one answer only", *refused], {}
    return Columns(
        counts, fractions if total else {}, total, (*_fractions_without_total(fractions), *refused)
    )


def plain(names: list[str]) -> dict[str, Columns]:
    """One question, its answers in columns of their own: ``smooth``, ``featured``, ``artifact``."""
    lower = {name.lower(): name for name in names}
    counts = {
        answer: lower[called]
        for answer in GZ2.answers("smooth-or-featured")
        for called in (answer, answer.partition("-")[0])
        if called in lower
    }
    return {"smooth-or-featured": Columns(counts, {})} if len(counts) > 1 else {}


def reduction(names: list[str]) -> dict[str, Columns]:
    """Panoptes: one row per subject and task, ``data.yes``, ``data.no``; the tasks are in rows."""
    matches = [REDUCTION_COLUMN.fullmatch(name) for name in names]
    counts = {
        match[1]: match[0] for match in matches if match and match[1].lower() not in NO_ANSWERS
    }
    return {"votes": Columns(counts, {})} if counts and "subject_id" in names else {}


def _fractions_without_total(fractions: dict[str, str]) -> list[str]:
    """Reason to refuse fractions, if there are any."""
    return ["fractions without the N of the question"] if fractions else []


DIALECTS = {"gz2": gz2, "panoptes": reduction, "zoobot": zoobot, "plain": plain}


def recognise(names: list[str], dialect: str, source: str) -> tuple[str, dict[str, Columns]]:
    """Find a table's dialect and the columns of each question.

    Parameters
    ----------
    names : list of str
        All columns of the table.
    dialect : str
        A key of `DIALECTS`, or "auto": the first that finds votes.
    source : str
        The file, for messages.

    Returns
    -------
    dialect : str
    questions : dict of str to Columns
    """
    if any(KAGGLE_COLUMN.fullmatch(name) for name in names):
        raise ValueError(
            f"{source!r} is the table of Kaggle's Galaxy Challenge: its columns are debiased "
            "fractions, multiplied down the tree, without N. Counts cannot be had from them; use "
            "the Galaxy Zoo 2 catalogue."
        )
    if {"classification_id", "annotations"} <= set(names):
        raise ValueError(
            f"{source!r} is a classification export, one row per click and not per galaxy. Read "
            "it with `skgalaxy.zooniverse.read_classifications`."
        )
    found = {name: parse(names) for name, parse in DIALECTS.items()}
    matching = [name for name, questions in found.items() if questions]
    chosen = dialect if dialect != "auto" else next(iter(matching), None)
    if chosen not in matching:
        wanted = " or ".join(DIALECTS) if dialect == "auto" else dialect
        remedy = "Name the columns that count the answers in `answers`."
        raise ValueError(
            f"{source!r} must have columns of votes in the dialect {wanted}. Got columns "
            f"{first_names(names)}. {f'It looks like {matching[0]!r}.' if matching else remedy}"
        )
    return chosen, found[chosen]
