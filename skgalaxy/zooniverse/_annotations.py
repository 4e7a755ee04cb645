"""Cells of JSON in an export: a volunteer's answer, and the subject."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from skgalaxy.zooniverse._answers import shown
from skgalaxy.zooniverse._export_file import RowError

NOTHING = (None, "", [], {})
EXCEL_CELL = 32_767  # characters; what is longer Excel cuts off


def answers_by_task(annotations: str) -> dict[str, tuple[Any, str]]:
    """Value and question of the answers by their tasks, those inside combined tasks too.

    Of several answers to a task the first that is not empty counts.
    """
    try:
        flat = list(_flat(_from_json(annotations)))
    except RecursionError as error:
        raise RowError("tasks that are nested too deeply.") from error
    answers: dict[str, tuple[Any, str]] = {}
    for task, value, question in flat:
        if task not in answers or answers[task][0] in NOTHING:
            answers[task] = value, question
    return answers


def single_answer(value: Any) -> str | float | None:
    """Text or number of the one answer that a value is, None if it is none."""
    menus = value if isinstance(value, list) else [value]
    if len(menus) == 1 and isinstance(menus[0], dict) and "select_label" in menus[0]:
        menu = menus[0]  # a dropdown, of one menu
        value = menu.get("label", menu.get("value"))
    if value in NOTHING or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, (list, dict)):
        raise RowError(
            f"no single answer, {shown(value)}; the task must take one answer. If only another "
            "version of the workflow took several, give `workflow_version`."
        )
    return value


def subjects(subject_data: str) -> dict[str, dict[str, Any]]:
    """Metadata of the subjects that a classification is about, by their numbers."""
    found = _from_json(subject_data)
    if not isinstance(found, dict) or not all(isinstance(m, dict) for m in found.values()):
        raise RowError("not subjects with their metadata.")
    return found


def _flat(annotations: Any) -> Iterator[tuple[str, Any, str]]:
    """Task, value and question of each answer."""
    if not isinstance(annotations, list):
        raise RowError("not a list of tasks.")
    for annotation in annotations:
        if isinstance(annotation, dict) and "error" in annotation and "task" not in annotation:
            continue  # the Zooniverse's word for a task that it cannot export
        if not isinstance(annotation, dict) or "task" not in annotation:
            raise RowError("not a list of tasks.")
        value = annotation.get("value")
        if isinstance(value, list) and any(isinstance(v, dict) and "task" in v for v in value):
            yield from _flat(value)
        elif "markIndex" not in annotation:  # or it is about a mark, not about the galaxy
            question = " ".join(str(annotation.get("task_label") or "").split())
            yield str(annotation["task"]), value, question


def _from_json(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise RowError("JSON that is nested too deeply.") from error
    except RowError:
        raise
    except ValueError as error:  # no JSON; or a number of more than 4,300 digits
        cut = f", cut off at {EXCEL_CELL:,} characters by Excel" if len(text) == EXCEL_CELL else ""
        raise RowError(f"no JSON{cut}: {str(error).rstrip('.')}.") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Object without twins; "retired" may be the Zooniverse's and the owner's."""
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs if name != "retired")
        twice = [name for name in times if times[name] > 1]
        if twice:
            raise RowError(f"JSON with {shown(twice[0])} twice.")
    return found


def _refuse_constant(name: str) -> None:
    raise RowError(f"no JSON: {name}.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)
