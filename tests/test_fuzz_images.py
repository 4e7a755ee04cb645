"""Damaged pictures of every format: read or reported, and never raised.

`benchmarks/fuzz.py` tries more of them.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("astropy")
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import _fuzz_images

from skgalaxy.images import read_image


def test_whole_pictures_are_read(tmp_path):
    """Else the fuzz below would prove nothing."""
    for kind, content in _fuzz_images.pictures().items():
        (tmp_path / "picture").write_bytes(content)
        assert read_image(tmp_path / "picture", size=8).any(), kind


def test_damaged_pictures_never_raise(tmp_path):
    counts, escapes = _fuzz_images.fuzz(300, np.random.default_rng(0), tmp_path)
    assert not escapes
    outcomes = sum(counts.values(), Counter())
    assert min(outcomes["read"], outcomes["reported"]) > 50


def test_an_escape_is_seen(tmp_path, monkeypatch):
    def fail(*args, **how):
        raise KeyError("NAXIS2")

    monkeypatch.setattr(_fuzz_images, "read_images", fail)
    _, escapes = _fuzz_images.fuzz(1, np.random.default_rng(0), tmp_path)
    assert escapes == ["bmp: escape: KeyError: 'NAXIS2'"]
