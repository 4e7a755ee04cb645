"""Meaning of the columns of a survey's vote table, read off their names.

A dialect takes the names of all columns and returns what it finds for each question. Whether the
cells agree, `skgalaxy.votes._arithmetic` finds out.
"""

import re
from collections.abc import Container, Iterable
from typing import NamedTuple

from skgalaxy.votes._published_trees import GZ2, GZ_DECALS
from skgalaxy.votes._question_names import (
    GZ2_STEMS,
    GZ2_TASKS,
    first_names,
    gz2_answer,
    gz2_contradicts,
    without_release,
)

# t03_bar_a06_bar_count; tables in the FITS format may have the same in capitals.
GZ2_COLUMN = re.compile(
    r"(?P<task>t\d\d)_(?P<words>\w+?)_(?P<number>a\d\d)_(?P<answer>\w+?)_(?P<kind>"
    r"((weighted|debiased|best|clean|adjusted|corrected|smoothed|raw)_)?"
    r"(count|fraction|weight|debiased|flag))",
    re.IGNORECASE,
)
GZ2_TOTAL = re.compile(r"(t\d\d)_(\w+_)?total(_count|_votes|_classifications)?", re.IGNORECASE)
GZ1_ANSWERS = {
    "p_el": "elliptical",
    "p_cw": "spiral-clockwise",
    "p_acw": "spiral-anticlockwise",
    "p_edge": "edge-on",
    "p_dk": "dont-know",
    "p_mg": "merger",
}
KAGGLE_COLUMN = re.compile(r"class\d+\.\d+", re.IGNORECASE)
REDUCTION_COLUMN = re.compile(r"data\.(.*)")
# Who skipped the question, and the aggregation's own note. "none", in small letters, is an answer.
NO_ANSWERS = {"None", "aggregation_version"}
TOTAL = re.compile(
    r"total([-_](votes|counts?|classifications))?|(n|num)[-_](votes|classifications)", re.IGNORECASE
)
PREDICTION = re.compile(r"prediction([-_].*)?")
# What is said of an answer in a column of its own, where the answer's name may hold "_".
KIND = re.compile(
    r"_(((weighted|debiased|best|clean|adjusted|corrected|smoothed|expected|mutual)_)?"
    r"[^_]*(fraction|debiased|weight|proportion|prediction|expected_votes|information)[^_]*"
    r"|[^_]*(percent|pct|permille)[^_]*|rank|selected|min|max|mean|std|flag|\d+pc[^_]*)$"
)
NO_COUNT = re.compile(r".*(debiased|weight|percent|pct|permille).*|rank|selected")
QUESTIONS = {*GZ2.questions, *GZ_DECALS.questions, "ring", "clumps", "problem"}


class Columns(NamedTuple):
    """The columns of one question.

    `counts` and `fractions` are dicts of answer to column; `total` is the column of N or None, for
    the sum of the counts, and `most` a column that this sum cannot exceed; `refused` says what else
    there is that cannot be counts.
    """

    counts: dict[str, str]
    fractions: dict[str, str]
    total: str | None = None
    refused: tuple[str, ...] = ()
    most: str | None = None

    @property
    def countable(self) -> dict[str, str]:
        """By answer the columns that counts can be had from; empty if there are none."""
        return self.counts or (self.fractions if self.total else {})

    @property
    def all_names(self) -> list[str]:
        """All columns that tell of the question."""
        totals = filter(None, (self.total, self.most))
        return [*self.counts.values(), *self.fractions.values(), *totals]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Columns found, where nothing can be counted."""
        without_total = ("fractions without the N of the question",) if self.fractions else ()
        return (*without_total, *self.refused)


def gz2(names: list[str]) -> dict[str, Columns]:
    """GZ2: ``t03_bar_a06_bar_count``, ``..._fraction``, ``..._weighted_fraction`` and so on."""
    matches = {name: match for name in names if (match := GZ2_COLUMN.fullmatch(name.lower()))}
    words = {}
    for match in matches.values():
        words.setdefault((match["task"], match["number"]), []).append(match["answer"])
    found, odd = {}, {}
    for name, match in matches.items():
        task, number, kind = match["task"], match["number"], match["kind"]
        word = min(words[task, number], key=len)
        # "smooth_calibrated_fraction" where there is "smooth_fraction" is no raw fraction
        kind = (match["answer"].removeprefix(word) + "_" + kind.removeprefix("raw_")).strip("_")
        if GZ2_STEMS.get(task, " ") in match["words"]:
            if gz2_contradicts(task, number, word):
                odd.setdefault(task, name)
            answer = gz2_answer(task, number, word)
            found.setdefault(task, {}).setdefault(kind, {})[answer] = name
    totals = {}
    for total in filter(None, map(GZ2_TOTAL.fullmatch, names)):
        totals.setdefault(total[1].lower(), total[0])
    whole = {name.lower(): name for name in names}.get("total_classifications")
    if whole:
        totals.setdefault("t01", whole)  # the one question all are asked
    return {
        GZ2_TASKS[task][0]: _odd_numbers(odd[task])
        if task in odd
        else _gz2_columns(GZ2_TASKS[task][0], kinds, totals.get(task), whole)
        for task, kinds in found.items()
    }


def _odd_numbers(name: str) -> Columns:
    """No counts: nobody knows whether the number or the word of a column tells its answer."""
    reason = f"counts or fractions of answers whose numbers are others of Galaxy Zoo 2, as {name}"
    return Columns({}, {}, refused=(f"{reason} (name the columns in `answers`)",))


def _gz2_columns(
    question: str, kinds: dict[str, dict[str, str]], total: str | None, whole: str | None
) -> Columns:
    counts, fractions = kinds.pop("count", {}), kinds.pop("fraction", {})
    refused = sorted(kind.replace("_", " ") for kind in kinds if kind != "flag")
    most = None
    if set(counts) == set(GZ2.answers(question)):
        # N is their sum: a volunteer may have been counted without an answer
        total, most = None, None if total == whole else total
    elif total is None and counts:
        refused, counts = ["counts of some answers only", *refused], {}
    return Columns(counts, fractions, total, tuple(refused), most)


def gz1(names: list[str]) -> dict[str, Columns]:
    """Galaxy Zoo 1: fractions ``P_EL``, ``P_CW`` and so on of ``NVOTE`` volunteers."""
    lower = {name.lower(): name for name in names}
    fractions = {answer: lower[name] for name, answer in GZ1_ANSWERS.items() if name in lower}
    if not {"p_cw", "p_acw", "p_edge"} & set(lower) and "p_cs" in lower:
        fractions["spiral"] = lower["p_cs"]  # all three together
    if len(fractions) < 2 or "p_el" not in lower:
        return {}
    refused = tuple(sorted({"debiased" for name in lower if name.endswith("_debiased")}))
    return {"galaxy-type": Columns({}, fractions, lower.get("nvote"), refused)}


def zoobot(names: list[str]) -> dict[str, Columns]:
    """Zoobot and its kin: ``bar_strong``, ``bar-dr5_strong``, ``bar_total-votes``.

    A total tells its question's name in full, which may then hold "_", as those of answers may.
    """
    names = [n for n in names if not (GZ2_COLUMN.fullmatch(n) or GZ2_TOTAL.fullmatch(n))]
    totals, no_answers = _totals(names)
    known, found = set(names), {}
    for name in names:
        question = next((each for each in totals if name.startswith(f"{each}_")), None)
        if question is None:
            question, answer, *kind = name.split("_", 2) + [""]
        else:
            answer, *kind = _split_answer(name.removeprefix(f"{question}_"), question, known)
        if answer and not PREDICTION.fullmatch(answer):
            kinds = found.setdefault(question, {})
            if name not in no_answers:
                kinds.setdefault(kind[0], {})[answer] = name
    columns = {name: _zoobot_columns(kinds, totals.get(name)) for name, kinds in found.items()}
    return {name: each for name, each in columns.items() if _is_question(name, each)}


def _totals(names: Iterable[str]) -> tuple[dict[str, str], set[str]]:
    """Columns of totals by question, the longest name of one first; and all such columns.

    Of a question's totals its votes are N, and classifications, which may be of the whole galaxy,
    only where there is nothing else; "total-votes" is before "total".
    """
    found = {}
    for name in names:
        for match in re.finditer("_", name):
            question, kind = name[: match.start()], name[match.end() :]
            if question and TOTAL.fullmatch(kind):
                found.setdefault(question, []).append(name)
    chosen = {
        question: max(totals, key=lambda name: ("class" not in name.lower(), len(name)))
        for question, totals in found.items()
    }
    by_length = dict(sorted(chosen.items(), key=lambda pair: -len(pair[0])))
    return by_length, {name for totals in found.values() for name in totals}


def _split_answer(rest: str, question: str, names: Container[str]) -> tuple[str, str]:
    """An answer, and what its column says of it: "" is the count.

    A column that goes on where another ends is derived from that: "strong_min" where there is
    "strong".
    """
    parts = rest.split("_")
    for n in range(1, len(parts)):
        if f"{question}_{'_'.join(parts[:n])}" in names:
            return "_".join(parts[:n]), "_".join(parts[n:])
    kind = KIND.search(rest)
    return (rest[: kind.start()], kind[1]) if kind else (rest, "")


def _is_question(name: str, columns: Columns) -> bool:
    """Tell votes from other columns with one "_": a total, a release or a known name does."""
    bare = without_release(name)
    holds_votes = columns.counts or columns.fractions or columns.refused
    return bool(holds_votes and (columns.total or bare != name or bare in QUESTIONS))


def _zoobot_columns(kinds: dict[str, dict[str, str]], total: str | None) -> Columns:
    counts, fractions = kinds.pop("", {}), kinds.pop("fraction", {})
    refused = sorted(kind for kind in kinds if NO_COUNT.fullmatch(kind))
    if total is None and len(counts) == 1:
        refused, counts = ["counts of one answer only", *refused], {}
    return Columns(counts, fractions, total, tuple(refused))


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
    given = {match[1]: match[0] for match in matches if match and match[1] not in NO_ANSWERS}
    totals = [answer for answer in given if TOTAL.fullmatch(answer)]
    counts = {answer: name for answer, name in given.items() if answer not in totals}
    total = given[totals[0]] if totals else None
    return {"votes": Columns(counts, {}, total)} if counts and "subject_id" in names else {}


def wide(names: list[str]) -> dict[str, Columns]:
    """All questions of GZ2's and Zoobot's names, which one table may have side by side."""
    found = gz2(names)
    for question, columns in zoobot(names).items():
        if question not in found or not found[question].countable:
            found[question] = columns
    return found


DIALECTS = {"gz2": gz2, "gz1": gz1, "panoptes": reduction, "zoobot": zoobot, "plain": plain}
AUTO = {"panoptes": reduction, "wide": wide, "gz1": gz1, "plain": plain}


def recognise(names: list[str], dialect: str, source: str) -> tuple[str, dict[str, Columns]]:
    """Find a table's dialect and the columns of each question.

    Parameters
    ----------
    names : list of str
        All columns of the table.
    dialect : str
        A key of `DIALECTS`, or "auto": the first that finds votes which can be counted.
    source : str
        The file, for messages.

    Returns
    -------
    dialect : str
    questions : dict of str to Columns
    """
    _refuse_other_tables(names, source)
    tried = AUTO if dialect == "auto" else DIALECTS
    found = {name: questions for name, parse in tried.items() if (questions := parse(names))}
    countable = [
        name for name, questions in found.items() if any(q.countable for q in questions.values())
    ]
    matching = [*countable, *found]
    chosen = dialect if dialect != "auto" else next(iter(matching), None)
    if chosen not in matching:
        wanted = " or ".join(DIALECTS) if dialect == "auto" else dialect
        remedy = "Name the columns that count the answers in `answers`."
        raise ValueError(
            f"{source!r} must have columns of votes in the dialect {wanted}. Got columns "
            f"{first_names(names)}. {f'It looks like {matching[0]!r}.' if matching else remedy}"
        )
    return chosen, found[chosen]


def _refuse_other_tables(names: list[str], source: str) -> None:
    """Refuse tables that are known to hold no counts of a galaxy's volunteers."""
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
