"""The README's blocks run, in order, in an empty folder; what it shows and links to is there."""

import re

import pytest
from pages import ROOT, blocks, run_page

README = (ROOT / "README.md").read_text()


def test_blocks_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("galsim")
    monkeypatch.chdir(tmp_path)
    namespace = run_page("README.md")
    assert len(namespace["posterior"]) == 300
    assert {path.name for path in tmp_path.iterdir()} >= {"catalogue.csv", "round_1", "sky"}
    shown = README.partition("```text\n")[2].partition("```")[0].splitlines()
    printed = capsys.readouterr().out.splitlines()
    assert shown[0] in printed  # numbers differ in their last digits between processors
    assert [row.split()[0] for row in shown[1:]] == [f"sim-{row:06d}" for row in range(100, 105)]


def test_nothing_else_is_left_out():
    assert {block.not_run for block in blocks("README.md")} == {
        "",
        "not run: it is installed",
        "not run: they take minutes",
    }


def test_links():
    linked = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README)
    assert len(linked) > 8
    for path in linked:
        assert (ROOT / path).exists(), path
