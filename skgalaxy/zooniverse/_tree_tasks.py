"""The tasks of a workflow that leads volunteers down a tree: which question each task asks.

A classification is a walk: an answer to the first task, then to the tasks that it leads to. Tasks
and answers are those of the tree that you say, or those of the same name; no other is guessed.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skgalaxy.votes import DecisionTree, TreeVotes
from skgalaxy.votes._tree_steps import steps_of
from skgalaxy.zooniverse._annotations import NOTHING, answers_by_task, single_answer
from skgalaxy.zooniverse._answers import Answers, Label, read_label, shown
from skgalaxy.zooniverse._export_file import RowError
from skgalaxy.zooniverse._tally import tell_edited
from skgalaxy.zooniverse._tree_labels import Labels, Names, UnknownAnswerError

__all__ = ["TreeTasks"]


class _Task(NamedTuple):
    """Key of a task, such as "T0", and the text of its question, "" if the export lacks it."""

    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.key} {shown(self.text)}" if self.text else self.key


class _Walk(NamedTuple):
    """A classification's answers by question, each with its task; and tasks of no question."""

    said: tuple[tuple[str, Label, _Task], ...]
    passed_over: tuple[_Task, ...]


# (question, number of the label) of each answer, and the tasks passed over
_NumberedWalk: TypeAlias = tuple[tuple[tuple[str, int], ...], tuple[_Task, ...]]


class TreeTasks:
    """Script of all questions of a tree; its votes are `TreeVotes`.

    Parameters
    ----------
    path : str
        The export, for messages.
    tree : DecisionTree
    tasks, answers : mapping or None
        As for `read_tree_classifications`.
    """

    def __init__(self, path: str, tree: DecisionTree, tasks: Any, answers: Any) -> None:
        if not isinstance(tree, DecisionTree):
            raise TypeError(f"`tree` must be a DecisionTree. Got {shown(tree)}.")
        self._path, self._tree = path, tree
        self._given = _check_tasks(tasks, tree)
        given = _check_answers(answers, tree)
        self._questions = {q: Labels(tree, q, given.get(q)) for q in tree.questions}
        self._names = Names({q: (q, tree.text(q)) for q in tree.questions})
        self._tasks: dict[_Task, None] = {}
        self._walks: dict[_NumberedWalk, int] = {}
        self._texts: dict[str, dict[str, None]] = {}  # by the key of the task
        self._notes: list[str] = []

    def read(self, annotations: str) -> _Walk | None:
        """Walk of a classification; None without an answer to any task."""
        by_task = answers_by_task(annotations)
        tasks = {_Task(key, text): value for key, (value, text) in by_task.items()}
        self._tasks.update(dict.fromkeys(tasks))
        if all(value in NOTHING for value in tasks.values()):
            return None
        said: dict[str, tuple[str, Label, _Task]] = {}
        passed_over = []
        for task, value in tasks.items():
            question = self._question_of(task)
            if question is None:
                passed_over += [] if value in NOTHING else [task]
                continue
            answer = single_answer(value)
            if answer is not None and question not in said:
                label = read_label(answer)
                Answers(None).check(label)
                said[question] = question, label, task
        return _Walk(tuple(said.values()), tuple(passed_over))

    def number(self, said: _Walk, version: str) -> int:
        """Number of the walk."""
        labels = []
        for question, label, task in said.said:
            labels.append((question, self._questions[question].number(label, version, self._path)))
            if self._given:  # a task that is found by name asks what its name says
                self._texts.setdefault(task.key, {})[task.text] = None
        return self._walks.setdefault((tuple(labels), said.passed_over), len(self._walks))

    def faults(self, n_rows: NDArray[np.int64], strict: bool) -> Mapping[int, RowError]:
        """Errors of walks with an answer that the tree lacks; if `strict`, all such are told."""
        faults = {question: each.settle() for question, each in self._questions.items()}
        found: dict[int, RowError] = {}
        n_unknown: dict[str, Counter[str]] = {}
        for (labels, _), walk in self._walks.items():
            for question, number in labels:
                fault = faults[question].get(number)
                if fault is None:
                    continue
                found.setdefault(walk, fault)
                if isinstance(fault, UnknownAnswerError):
                    of_question = n_unknown.setdefault(question, Counter())
                    of_question[fault.label] += int(n_rows[walk])
        if strict and n_unknown:
            self._refuse_unknown(n_unknown)
        return found

    def refuse_absent(self) -> None:
        """Refuse an export of which no task asks a question of the tree."""
        if any(self._question_of(task) for task in self._tasks):
            return
        holds = f"{self._path!r} holds {_listed(self._tasks) or 'no answers'}"
        if self._given:
            raise ValueError(
                f"`tasks` must name tasks of the workflow. Got {', '.join(self._given)}; {holds}."
            )
        raise ValueError(
            f"`tasks` must say which question each task asks, if it is not called as one of "
            f"{self._tree.name}: {', '.join(self._tree.questions)}. Got None, and {holds}."
        )

    def votes(self, ids: list[str], said: csr_array) -> TreeVotes:
        """Votes of walks, question by question; NaN where no task asks one."""
        slices, known = self._tree.slices, self._known()
        n_of_walk = np.asarray(said.sum(axis=0))
        answered = np.zeros((said.shape[1], self._tree.n_answers), dtype=np.bool_)
        n_passed_over: Counter[_Task] = Counter()
        for (labels, passed_over), walk in self._walks.items():
            if walk < len(n_of_walk) and n_of_walk[walk]:  # else all of its rows are left out
                columns = [self._questions[question].columns[k] for question, k in labels]
                answered[walk, columns] = True
                n_passed_over.update(dict.fromkeys(passed_over, int(n_of_walk[walk])))
        led = self._led_to(answered, known)
        self._refuse_never_asked(dict(zip(slices, n_of_walk @ led, strict=True)))
        to_answers = np.repeat(led, [here.stop - here.start for here in slices.values()], axis=1)
        counts = (said @ (answered & to_answers)).astype(np.float64)
        n_stray = n_of_walk @ (answered & ~to_answers)
        for question, here in slices.items():
            if question not in known:
                counts[:, here] = np.nan
        by_question = {question: int(n_stray[here].sum()) for question, here in slices.items()}
        self._notes = list(self._tell(known, by_question, n_passed_over))
        return TreeVotes(ids, self._tree, counts, source=self._path)

    def notes(self) -> list[str]:
        """Sentences on answers that are not counted, and on tasks that were edited."""
        return self._notes

    def _question_of(self, task: _Task) -> str | None:
        """Question that a task asks: as you say, or that of its name."""
        if self._given:
            return self._given.get(task.key)
        found = {self._names.find(task.key), self._names.find(task.text)} - {None}
        return found.pop() if len(found) == 1 else None

    def _known(self) -> set[str]:
        """Questions that tasks ask, whether or not somebody was led there."""
        asked = map(self._question_of, self._tasks)
        return {question for question in asked if question} | set(self._given.values())

    def _led_to(self, answered: NDArray[np.bool_], known: Container[str]) -> NDArray[np.bool_]:
        """True for questions that the answers of walks lead to, (n_walks, n_questions).

        Where no task asks a question, those who are led there may have given any answer to it.
        """
        steps = steps_of(self._tree)
        gave = answered.copy()
        led = np.ones((len(answered), len(steps)), dtype=np.bool_)
        for number, (question, step) in enumerate(zip(self._tree.questions, steps, strict=True)):
            if step.asked_after:
                led[:, number] = gave[:, step.asked_after].any(axis=1)
            here = led[:, [number]]
            gave[:, step.answers] = gave[:, step.answers] & here if question in known else here
        return led

    def _refuse_unknown(self, n_unknown: Mapping[str, Counter[str]]) -> None:
        """Refuse answers that the tree lacks, all of them at once."""
        listed = [
            f"{question} ({', '.join(self._tree.answers(question))}): "
            + ", ".join(f"{shown(label)} (in {n} rows)" for label, n in labels.most_common())
            for question, labels in n_unknown.items()
        ]
        raise ValueError(
            f"`answers` must say which answer each label is, if {self._tree.name} does not call it "
            f"so. Got none in {self._path!r} for {'; '.join(listed)}."
        )

    def _refuse_never_asked(self, n_led: Mapping[str, int]) -> None:
        """Refuse tasks that are said to ask a question, and that nobody met who was led to it."""
        seen = {self._question_of(task) for task in self._tasks}
        for task, question in self._given.items():
            if question not in seen and n_led[question]:
                raise ValueError(
                    f"`tasks` must name tasks of the workflow. Got {task!r} for {question!r}, to "
                    f"which {n_led[question]} volunteers were led; {self._path!r} holds "
                    f"{_listed(self._tasks)}."
                )

    def _tell(
        self, known: Container[str], n_stray: Mapping[str, int], n_passed_over: Counter[_Task]
    ) -> Iterator[str]:
        """Sentences on answers that are not counted, and on tasks that were edited."""
        tree, path = self._tree, self._path
        lacks = [question for question in tree.questions if question not in known]
        if lacks:
            yield f"No task of {path!r} asks {', '.join(lacks)}, of which the votes are not known."
        if n_passed_over:
            tasks = ", ".join(f"{task} ({n} answers)" for task, n in n_passed_over.most_common(20))
            yield f"Tasks of {path!r} that ask no question of {tree.name} are passed over: {tasks}."
        if any(n_stray.values()):
            questions = ", ".join(f"{question} ({n})" for question, n in n_stray.items() if n)
            yield (
                f"Answers of volunteers whom {tree.name} does not lead to the question are not "
                f"counted in {path!r}: {questions}."
            )
        for task, texts in self._texts.items():
            yield from tell_edited(task, texts, path)


def _listed(tasks: Iterable[_Task]) -> str:
    return ", ".join(sorted(map(str, tasks))[:20])


def _check_tasks(tasks: Any, tree: DecisionTree) -> dict[str, str]:
    """Questions by task; empty if they are to be found by name."""
    if tasks is None:
        return {}
    if not isinstance(tasks, Mapping) or not all(isinstance(text, str) for text in tasks):
        raise TypeError(f"`tasks` must be a mapping of tasks to questions. Got {shown(tasks)}.")
    if not tasks:
        raise ValueError("`tasks` must not be empty. Got none; None finds them by name.")
    for task, question in tasks.items():
        if question not in tree.questions:
            raise ValueError(
                f"`tasks` must lead to questions of {tree.name}: {', '.join(tree.questions)}. Got "
                f"{shown(question)} for {task!r}."
            )
    return dict(tasks)


def _check_answers(answers: Any, tree: DecisionTree) -> dict[str, Mapping[str, str]]:
    """Answers by label, by question."""
    answers = {} if answers is None else answers
    if not isinstance(answers, Mapping) or not all(
        isinstance(labels, Mapping) for labels in answers.values()
    ):
        raise TypeError(
            "`answers` must be a mapping of questions to mappings of labels to answers. Got "
            f"{shown(answers)}."
        )
    for question, labels in answers.items():
        if question not in tree.questions:
            raise ValueError(
                f"`answers` must be to questions of {tree.name}: {', '.join(tree.questions)}. Got "
                f"{shown(question)}."
            )
        for label, answer in labels.items():
            if answer not in tree.answers(question):
                raise ValueError(
                    f"`answers` to {question!r} must be among {', '.join(tree.answers(question))}. "
                    f"Got {shown(answer)} for {shown(label)}."
                )
    return dict(answers)
