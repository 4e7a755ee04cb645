"""What the benchmark scripts say of their targets."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import _report


@pytest.mark.parametrize(
    ("values", "at_least", "verdict"),
    [
        ([0.9, 0.95, 2.0], False, "met"),
        ([1.2, 1.3, 1.4, 1.5, 0.5], False, "missed"),
        ([0.8, 0.9, 1.1, 1.2, 1.3], False, "missed within noise"),
        ([0.9, 0.92, 0.93, 0.95, 2.0], True, "missed"),
        ([0.9, 1.1, 2.0], True, "met"),
    ],
)
def test_verdict_is_of_the_median_and_noise_of_a_quarter(values, at_least, verdict):
    assert _report.Target("ratio", np.array(values), 1.0, at_least).verdict == verdict


@pytest.mark.parametrize(
    ("flags", "limit", "status"),
    [
        (["--check"], 1.0, 1),
        (["--check"], 3.0, None),
        ([], 1.0, None),
        (["--check", "--quick"], 1, None),
    ],
)
def test_check(flags, limit, status, tmp_path, capsys):
    path = tmp_path / "figures.json"
    options = _report.parser("A script.").parse_args([*flags, "--json", str(path)])
    targets = [_report.Target("ratio", np.array([2.0, 2.1]), limit)]
    if status:
        with pytest.raises(SystemExit, match="1"):
            _report.finish(options, [("way", "seconds"), ("ours", 2)], {"seconds": 2}, targets)
    else:
        _report.finish(options, [("way", "seconds"), ("ours", 2)], {"seconds": 2}, targets)
    assert "| ours | 2       |" in capsys.readouterr().out
    assert json.loads(path.read_text())["targets"][0]["values"] == [2.0, 2.1]


def test_side_by_side_takes_turns():
    calls = []
    works = {name: lambda name=name: calls.append(name) for name in "abc"}
    seconds = _report.side_by_side(works, repeats=4)
    assert {name: len(taken) for name, taken in seconds.items()} == dict.fromkeys("abc", 4)
    turns = [calls[i : i + 3] for i in range(0, 15, 3)]
    assert all(sorted(turn) == list("abc") for turn in turns)
    assert len({tuple(turn) for turn in turns}) > 1
