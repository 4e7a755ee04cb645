"""Decision trees drawn as text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skgalaxy.votes._decision_tree import DecisionTree

__all__ = ["drawn"]


def drawn(tree: "DecisionTree") -> list[str]:
    """Lines of the drawing, of one question after the other that everyone is asked."""
    roots = [question for question in tree.questions if not tree.parents(question)]
    return [line for root in roots for line in _lines_below(tree, root)]


def _lines_below(tree: "DecisionTree", question: str) -> list[str]:
    """Text of a question and of all that is drawn below it."""
    lines = [f"{question}: {', '.join(tree.answers(question))}"]
    branches = {}
    for child in tree.questions:
        parents = tree.parents(child)
        if parents and parents[0][0] == question:
            branches.setdefault(parents, []).append(child)
    for place, (parents, children) in enumerate(branches.items(), start=1):
        said = [a if q == question else f"{q} {a}" for q, a in parents]
        below = [_lines_below(tree, child) for child in children]
        rest = [
            line for n, each in enumerate(below, 1) for line in _hang_below(each, n == len(below))
        ]
        lines += _hang_below([" or ".join(said), *rest], place == len(branches))
    return lines


def _hang_below(lines: list[str], last: bool) -> list[str]:
    """Indent lines below a branch of the drawing, the last one or another."""
    first, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
    return [(rest if n else first) + line for n, line in enumerate(lines)]
