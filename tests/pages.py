"""The blocks of a documentation page, and a run of them as a reader would run them."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skgalaxy.cli import main

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"(?:<!-- (not run: .*?) -->\n)?```(\w+)\n(.*?)```", re.DOTALL)


class Block(NamedTuple):
    language: str  # "python" or "shell"
    code: str
    line: int
    not_run: str  # why, or ""


def blocks(page):
    """The Python and shell blocks of a page, such as "docs/guide.md", in order."""
    text = (ROOT / page).read_text()
    return [
        Block(found[2], found[3], text[: found.start(3)].count("\n"), found[1] or "")
        for found in FENCE.finditer(text)
        if found[2] in ("python", "shell")
    ]


def run_page(page):
    """Run all blocks of a page in the present folder, in one namespace; return that.

    Blocks without a seed do the same in every run, so that no test fails by chance.
    """
    np.random.seed(0)
    namespace = {"__name__": "__main__"}
    for block in blocks(page):
        if block.not_run:
            continue
        if block.language == "shell":
            _run_commands(block)
        else:
            code = "\n" * block.line + block.code  # so that tracebacks show the page's lines
            exec(compile(code, str(ROOT / page), "exec"), namespace)  # it is our own page
    return namespace


def _run_commands(block):
    for line in block.code.replace("\\\n", " ").splitlines():
        command, *arguments = shlex.split(line, comments=True)
        if command != "skgalaxy":
            raise AssertionError(f"only `skgalaxy` is run, or the block says why not: {line}")
        if main(arguments):
            raise AssertionError(f"line {block.line} and on: `{line}` fails")
