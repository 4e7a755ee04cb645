"""A project's own decision tree in a file that people write: TOML.

The file has the tree's name and its questions, in the order in which they are asked::

    name = "Savannah"

    [[questions]]
    name = "animal"
    text = "Which animal do you see?"
    answers = ["lion", "none"]

    [[questions]]
    name = "young"
    asked_after = ["animal_lion"]

    [[questions.answers]]
    name = "yes"
    text = "Yes, there are cubs"
    translations.de.text = "Ja, auch Junge"
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skgalaxy._files import check_path, complete_file
from skgalaxy.votes._decision_tree import DecisionTree

__all__ = ["read_tree", "write_tree"]

OF_ANSWER = ("name", "text", "help", "translations")
OF_QUESTION = ("name", "asked_after", "text", "help", "translations", "answers")
MOST_BYTES = 10_000_000


def read_tree(path: str | Path) -> DecisionTree:
    """Read a decision tree from a TOML file.

    Parameters
    ----------
    path : str or path-like
        The file. It has a ``name`` and tables ``[[questions]]``, in any order, each with

        - ``name``, for example "bar";
        - ``answers``: a list of names, or tables ``[[questions.answers]]`` with the keys ``name``,
          ``text``, ``help`` and ``translations``;
        - ``asked_after``, unless everyone is asked: a list of ``"{question}_{answer}"``;
        - ``text`` and ``help``, which volunteers read, and ``translations``: by language a table
          of ``text`` and ``help``.

    Returns
    -------
    tree : DecisionTree

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no TOML (the message names the line); if a key is unknown, missing or of the
        wrong kind; if a question or answer is there twice; if a question is asked after an answer
        that is not there, or questions lead to one another in a circle. The message names the key.

    See Also
    --------
    write_tree : Write one.

    Examples
    --------
    >>> import os, tempfile
    >>> from skgalaxy.votes import read_tree
    >>> text = '''
    ... name = "Savannah"
    ... [[questions]]
    ... name = "animal"
    ... answers = ["lion", "none"]
    ... [[questions]]
    ... name = "young"
    ... asked_after = ["animal_lion"]
    ... text = "Are there cubs?"
    ... answers = ["yes", "no"]
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "savannah.toml")
    ...     with open(path, "w") as file:
    ...         n_characters = file.write(text)
    ...     tree = read_tree(path)
    >>> print(tree)
    Savannah
    animal: lion, none
    └─ lion
       └─ young: yes, no
    >>> tree.text("young")
    'Are there cubs?'
    """
    path = check_path(path, "path")
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be an existing file. Got {str(path)!r}.")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"`path` must have at most {MOST_BYTES} bytes. Got {str(path)!r}.")
    try:
        content = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        return _tree_of(content)
    except UnicodeDecodeError as error:
        raise ValueError(f"`path` must be text in UTF-8. Got {str(path)!r}: {error}.") from error
    except RecursionError as error:
        raise ValueError(f"`path` must be a tree. Got {str(path)!r}, nested too deep.") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"`path` must be a TOML file. Got {str(path)!r}: {error}.") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"`path` must hold a decision tree. Got {str(path)!r}: {error}") from error


def _tree_of(content: dict[str, Any]) -> DecisionTree:
    _check_keys(content, ("name", "questions"), "the file")
    questions: dict[str, dict[str, Any]] = {}
    for place, given in enumerate(_tables(content, "questions", "the file"), start=1):
        where = f"questions {place}"
        name = _name_of(given, where)
        where = f"question {name!r}"
        _check_keys(given, OF_QUESTION, where)
        if name in questions:
            raise ValueError(f"{where} must be there once. Got it twice.")
        questions[name] = given | {"answers": _answers_of(given, where)}
        if "asked_after" in given:
            _check_names(given["asked_after"], f"`asked_after` of {where}")
    order = _in_order(questions)
    texts = {
        name: {key: value for key, value in questions[name].items() if key in OF_ANSWER[1:]}
        | {"answers": {answer: each for answer, each in questions[name]["answers"].items() if each}}
        for name in order
    }
    return DecisionTree(
        {name: list(questions[name]["answers"]) for name in order},
        {name: questions[name].get("asked_after", ()) for name in order},
        name=_name_of(content, "the file"),
        texts={name: _without_empty(each) for name, each in texts.items() if _without_empty(each)},
    )


def _without_empty(texts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in texts.items() if value != {}}


def _answers_of(question: dict[str, Any], where: str) -> dict[str, dict[str, Any]]:
    """Texts of each answer to a question, by its name."""
    given = question.get("answers")
    if not isinstance(given, list) or not given:
        raise ValueError(f"`answers` of {where} must be a list of them. Got {given!r}.")
    found = {}
    for place, answer in enumerate(given, start=1):
        each = {"name": answer} if isinstance(answer, str) else answer
        if not isinstance(each, dict):
            raise ValueError(
                f"Answer {place} of {where} must be a name or a table. Got {answer!r}."
            )
        name = _name_of(each, f"answer {place} of {where}")
        _check_keys(each, OF_ANSWER, f"answer {name!r} of {where}")
        if name in found:
            raise ValueError(f"{where} must have each answer once. Got {name!r} twice.")
        found[name] = {key: value for key, value in each.items() if key != "name"}
    return found


def _in_order(questions: Mapping[str, dict[str, Any]]) -> list[str]:
    """Questions, each after those that lead to it, else in the file's order."""
    owner = {f"{q}_{answer}": q for q, each in questions.items() for answer in each["answers"]}
    parents = {}
    for name, each in questions.items():
        after = each.get("asked_after", [])
        unknown = [answer for answer in after if answer not in owner]
        if unknown:
            raise ValueError(
                f"`asked_after` of question {name!r} must name answers in the file, as "
                f"'{{question}}_{{answer}}'. Got {unknown[0]!r}."
            )
        parents[name] = {owner[answer] for answer in after}
    order: list[str] = []
    while len(order) < len(questions):
        ready = [q for q in questions if q not in order and parents[q] <= set(order)]
        if not ready:
            circle = [name for name in questions if name not in order]
            raise ValueError(
                "`asked_after` must not lead in a circle. Got one among, or before, the questions "
                f"{', '.join(circle)}."
            )
        order.append(ready[0])
    return order


def _name_of(table: dict[str, Any], where: str) -> str:
    name = table.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"`name` of {where} must be text. Got {name!r}.")
    if name != name.strip():
        raise ValueError(f"`name` of {where} must not begin or end with a blank. Got {name!r}.")
    return name


def _check_keys(table: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    unknown = [key for key in table if key not in keys]
    if unknown:
        raise ValueError(
            f"The keys of {where} must be among {', '.join(keys)}. Got {unknown[0]!r}."
        )


def _check_names(value: Any, name: str) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(e, str) for e in value):
        raise ValueError(
            f"{name} must be a list of answers, or left out if everyone is asked. Got {value!r}."
        )


def _tables(content: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    given = content.get(key)
    if not isinstance(given, list) or not given or not all(isinstance(e, dict) for e in given):
        raise ValueError(f"`{key}` of {where} must be tables, [[{key}]]. Got {given!r}.")
    return given


def write_tree(tree: DecisionTree, path: str | Path) -> None:
    """Write a decision tree to a TOML file, with its texts.

    Parameters
    ----------
    tree : DecisionTree
        The tree, for example `GZ2`, to begin your own from.
    path : str or path-like
        The file, in UTF-8. One that is there is replaced.

    See Also
    --------
    read_tree : Read it.

    Examples
    --------
    >>> import os, tempfile
    >>> from skgalaxy.votes import GZ2, read_tree, write_tree
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "gz2.toml")
    ...     write_tree(GZ2, path)
    ...     read_tree(path) == GZ2
    True
    """
    if not isinstance(tree, DecisionTree):
        raise TypeError(f"`tree` must be a DecisionTree. Got {tree!r}.")
    about = tree.to_dict()
    lines = [f"name = {_quoted(about['name'])}"]
    for question, answers in about["answers"].items():
        texts = about.get("texts", {}).get(question, {})
        lines += ["", "[[questions]]", f"name = {_quoted(question)}"]
        after = about["asked_after"].get(question)
        if after:
            lines.append(f"asked_after = {_list_of(after)}")
        lines += _text_lines(texts)
        if not texts.get("answers"):
            lines.append(f"answers = {_list_of(answers)}")
            continue
        for answer in answers:
            lines += ["", "[[questions.answers]]", f"name = {_quoted(answer)}"]
            lines += _text_lines(texts["answers"].get(answer, {}))
    with complete_file(path) as file:
        file.write("\n".join([*lines, ""]).encode())


def _text_lines(texts: dict[str, Any]) -> list[str]:
    lines = [f"{key} = {_quoted(texts[key])}" for key in ("text", "help") if key in texts]
    for language, each in texts.get("translations", {}).items():
        lines += [
            f"translations.{_quoted(language)}.{key} = {_quoted(text)}"
            for key, text in each.items()
        ]
    return lines


def _list_of(names: list[str]) -> str:
    return f"[{', '.join(map(_quoted, names))}]"


def _quoted(text: str) -> str:
    """Text as a basic string of TOML, which JSON's is, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
