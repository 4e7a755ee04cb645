"""The README's examples run, in order, as a reader would run them."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_readme_examples(capsys):
    pytest.importorskip("galsim")
    blocks = re.findall(r"(<!-- .*? -->\n)?```python\n(.*?)```", README.read_text(), re.DOTALL)
    run = [code for note, code in blocks if "not run" not in note]
    assert len(run) >= 4
    namespace = {}
    for code in run:
        exec(compile(code, str(README), "exec"), namespace)  # it is our own file
    printed = capsys.readouterr().out
    assert "mutual_information" in printed
    assert "sim-000100" in printed
    assert len(namespace["posterior"]) == 300
