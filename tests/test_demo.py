"""The demo from the command line, shortened."""

import shutil
from functools import partial

import pandas as pd
import pytest

from skgalaxy import cli, demo

pytest.importorskip("galsim")
pytest.importorskip("matplotlib")


@pytest.fixture
def short(monkeypatch):
    for name, value in {"N_SIMULATED": 60, "N_START": 16, "N_ASKED": 8, "N_ROUNDS": 2}.items():
        monkeypatch.setattr(demo, name, value)
    monkeypatch.setattr(demo, "recommended", partial(demo.recommended, epochs=1))


def test_simulated(short, tmp_path, capsys):
    assert cli.main(["demo", "--output", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "simulating galaxies" in printed
    rows = [line.split() for line in printed.splitlines() if line.startswith(("joint", "random"))]
    assert [int(row[-5]) for row in rows] == [16, 24, 32] * 2
    for figure in ("posteriors.png", "asked.png", "learning_curve.png"):
        assert (tmp_path / "out" / figure).stat().st_size > 10_000
    path = tmp_path / "out" / "catalogue.csv"
    catalogue = pd.read_csv(path, comment="#", dtype={"id_str": str})
    names = ["fraction", "5pc", "95pc", "expected_votes", "mutual_information"]
    columns = [f"smooth-or-featured_featured-or-disk_{name}" for name in names]
    assert catalogue.columns.tolist() == ["id_str", *columns, "labelled"]
    assert len(catalogue) == 60
    assert catalogue["labelled"].sum() == 32
    assert (catalogue[columns[1]] <= catalogue[columns[0]]).all()
    assert (catalogue[columns[4]] > 0).all()


def test_real(short, shared_data, tmp_path, capsys):
    real, few = shared_data / "galaxy_zoo_2", tmp_path / "few"
    votes = pd.read_csv(real / "votes.csv", nrows=60)
    (few / "images").mkdir(parents=True)
    votes.to_csv(few / "votes.csv", index=False)
    for name in votes["asset_id"]:
        shutil.copy(real / "images" / f"{name}.jpg", few / "images")
    assert cli.main(["demo", "--data", str(few), "--output", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "60 galaxies of" in printed
    assert "simulat" not in printed


def test_errors_are_one_line(short, tmp_path, capsys):
    assert cli.main(["demo", "--data", str(tmp_path / "nowhere")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("skgalaxy: ")
    assert "nowhere" in error
    assert error.count("\n") == 1


def test_too_few_galaxies(short, monkeypatch, capsys):
    monkeypatch.setattr(demo, "N_SIMULATED", 20)
    assert cli.main(["demo"]) == 1
    assert "The demo needs at least" in capsys.readouterr().err
