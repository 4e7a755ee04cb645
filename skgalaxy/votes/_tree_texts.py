"""What volunteers read: texts and help of a tree's questions and answers, in several languages."""

from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["check_texts", "find_text"]

OF_ANSWER = ("text", "help", "translations")
OF_QUESTION = (*OF_ANSWER, "answers")


def check_texts(
    texts: Mapping[str, Any] | None, answers: Mapping[str, Collection[str]]
) -> dict[str, dict[str, Any]]:
    """Texts by question, checked and copied."""
    found = {}
    for question, given in _mapping({} if texts is None else texts, "texts").items():
        _known(question, answers, "texts")
        name = f"texts[{question!r}]"
        found[question] = _texts_of(given, name, OF_QUESTION)
        if "answers" in found[question]:
            by_answer = _mapping(found[question]["answers"], f"{name}['answers']")
            found[question]["answers"] = {
                _known(answer, answers[question], f"{name}['answers']"): _texts_of(
                    each, f"{name}['answers'][{answer!r}]", OF_ANSWER
                )
                for answer, each in by_answer.items()
            }
    return found


def _texts_of(given: Any, name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Text, help and translations of a question or an answer."""
    found = {_known(key, keys, name): value for key, value in _mapping(given, name).items()}
    for key in ("text", "help"):
        if key in found:
            _check_text(found[key], f"{name}[{key!r}]")
    if "translations" in found:
        name = f"{name}['translations']"
        found["translations"] = {
            language: _texts_of(each, f"{name}[{language!r}]", ("text", "help"))
            for language, each in _mapping(found["translations"], name).items()
        }
    return found


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"`{name}` must be a dict with names as keys. Got {value!r}.")
    return value


def _known(key: str, keys: Collection[str], name: str) -> str:
    if key not in keys:
        raise ValueError(f"`{name}` may have the keys {', '.join(keys)}. Got {key!r}.")
    return key


def _check_text(value: Any, name: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"`{name}` must be text that can be read. Got {value!r}.")


def find_text(
    texts: Mapping[str, Any], question: str, answer: str | None, language: str | None, kind: str
) -> str | None:
    """Text of a kind in a language, or where there is none, in the tree's own; None if neither."""
    found = texts.get(question, {})
    if answer is not None:
        found = found.get("answers", {}).get(answer, {})
    translated = found.get("translations", {}).get(language, {})
    return translated.get(kind, found.get(kind))
