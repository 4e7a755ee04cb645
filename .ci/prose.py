"""Count what makes the package's text hard to read, and hold it to limits. Run by `make lint`.

The limits come from packages that people like to read: words per 1,000 words of docstrings, with
doctests left out. ``python .ci/prose.py --worst`` lists the docstrings to look at first.
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1] / "skgalaxy"
WORDS = {  # pattern, least and most per 1,000 words
    "what": (r"\bwhat\b", 0, 1.5),
    "whose, of which, of whom": (r"\b(whose|of which|of whom)\b", 0, 1.0),
    "for example, such as": (r"\b(such as|for example|for instance|e\.g\.)", 0.9, 9),
    "you, your": (r"\byour?s?\b", 2.0, 20),
}
BAD_SUMMARY = re.compile(
    r"(Return|Say|Tell|Give|Yield|Note|Find|Check) (what|whether|which|how|where|that|those)\b"
    r"|(What|Whether|Which|How|Where)\b"
)
MOST_BAD_SUMMARIES = 2  # per cent
LEAST_COMMENTS = 5.0  # per 100 lines of code, over the package


def main():
    """Print the counts; exit with 1 if one is outside its limits."""
    texts = dict(docstrings())
    prose = {place: without_doctests(text) for place, text in texts.items()}
    n_words = sum(len(text.split()) for text in prose.values())
    failed = False
    for name, (pattern, least, most) in WORDS.items():
        found = {
            place: len(re.findall(pattern, text, re.IGNORECASE)) for place, text in prose.items()
        }
        rate = 1000 * sum(found.values()) / n_words
        failed |= not least <= rate <= most
        print(f"{name:28} {rate:5.2f} per 1,000 words ({least} to {most})")
        if "--worst" in sys.argv and rate > most:
            print_worst(found)
    bad = [place for place, text in texts.items() if BAD_SUMMARY.match(text.strip())]
    share = 100 * len(bad) / len(texts)
    failed |= share > MOST_BAD_SUMMARIES
    print(f"{'summaries without a noun':28} {share:5.2f} % (at most {MOST_BAD_SUMMARIES})")
    if "--worst" in sys.argv:
        print(*bad, sep="\n")
    comments = comment_rate()
    failed |= comments < LEAST_COMMENTS
    print(f"{'comments':28} {comments:5.2f} per 100 lines of code (at least {LEAST_COMMENTS})")
    sys.exit(int(failed))


def docstrings():
    """Yield every docstring of the package with its place."""
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text:
                    name = getattr(node, "name", "")
                    yield f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 1)} {name}", text


def without_doctests(text):
    """Drop the examples' code and output."""
    lines, inside = [], False
    for line in text.splitlines():
        inside = line.lstrip().startswith(">>>") or (inside and bool(line.strip()))
        if not inside:
            lines.append(line)
    return "\n".join(lines)


def print_worst(found):
    """Print the places that hold most of a word."""
    for place, count in Counter(found).most_common(25):
        if count:
            print(f"    {count} {place}")


def comment_rate():
    """Comments per 100 lines of code, without docstrings and blank lines."""
    n_comments, n_lines = 0, 0
    for file in ROOT.rglob("*.py"):
        text = file.read_text()
        documented = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Expr) and isinstance(
                getattr(node, "value", None), ast.Constant
            ):
                documented.update(range(node.lineno, node.end_lineno + 1))
        lines = set()
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                n_comments += 1
            elif token.string.strip():
                lines.update(range(token.start[0], token.end[0] + 1))
        n_lines += len(lines - documented)
    return 100 * n_comments / n_lines


if __name__ == "__main__":
    main()
