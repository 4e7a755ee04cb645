"""Damaged checkpoints and stores: refused with their name, or without effect.

`benchmarks/fuzz.py` tries more of them.
"""

import importlib
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from skgalaxy.images import _store
from skgalaxy.query import _checkpoint

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import _damage

PARTS = ["_fuzz_checkpoint", "_fuzz_store"]


def fuzz(part, n, folder):
    return importlib.import_module(part).fuzz(n, np.random.default_rng(0), folder)


@pytest.mark.parametrize("part", PARTS)
def test_damage_is_refused_or_without_effect(part, tmp_path):
    counts, escapes = fuzz(part, 300, tmp_path)
    assert not escapes
    outcomes = sum(counts.values(), Counter())
    assert min(outcomes["same"], outcomes["refused"]) > 50


@pytest.mark.parametrize("part", PARTS)
def test_without_checksums_an_escape_is_seen(part, tmp_path, monkeypatch):
    monkeypatch.setattr(_checkpoint.ScoreCheckpoint, "_checksum", lambda *contents: b"")
    monkeypatch.setattr(_store, "_checksum", lambda image: np.uint32(1))
    _, escapes = fuzz(part, 100, tmp_path)
    assert any(escape.endswith("another result") for escape in escapes)


@pytest.mark.parametrize("error", [KeyError("paths"), ValueError("which file?")])
def test_an_error_that_names_no_file_is_an_escape(error):
    def fail():
        raise error

    found = _damage.outcome(fail, expected=None, path="pool")
    tally = _damage.Tally()
    tally.add("cut", found)
    assert tally.escapes == [f"cut: {type(error).__name__}: {error}"]
    assert tally.counts == {"cut": {"escape": 1}}
