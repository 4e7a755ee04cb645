"""The guide's blocks run, in order, in an empty folder, and print what they say they print."""

import ast
import importlib

import pytest
from pages import ROOT, blocks, run_page


def test_blocks_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("galsim")
    pytest.importorskip("astropy")
    pytest.importorskip("matplotlib").use("agg")
    monkeypatch.chdir(tmp_path)
    run_page("docs/guide.md")
    printed = capsys.readouterr().out
    claimed = [
        "waiting for 64 galaxies",
        "[20. 18.]",
        "seeing 1.0 arcsec: rho of a bar 0.66",
        "seeing 2.0 arcsec: rho of a bar 0.43",
        "seeing 4.0 arcsec: rho of a bar 0.21",
        "True",
    ]
    guide = (ROOT / "docs/guide.md").read_text()
    for line in claimed:
        assert f"# {line}" in guide
        assert line in printed


def test_nothing_else_is_left_out():
    left_out = {block.not_run for block in blocks("docs/guide.md")}
    assert left_out == {"", "not run: it downloads gigabytes"}


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "examples").glob("*.py")))
def test_examples_import_names_that_are_there(name):
    """Examples take minutes, so that only their imports are tried."""
    assert f"../examples/{name}" in (ROOT / "docs/examples.md").read_text()
    imports = [
        node
        for node in ast.walk(ast.parse((ROOT / "examples" / name).read_text()))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("skgalaxy")
    ]
    assert imports
    for node in imports:
        module = importlib.import_module(node.module)
        for alias in node.names:
            assert hasattr(module, alias.name), f"{node.module}.{alias.name}"
