"""Small files that unpack to large ones are refused before they fill the memory."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest

from skgalaxy import _unpacking
from skgalaxy.images import read_cutouts
from skgalaxy.votes import read_votes
from skgalaxy.zooniverse import read_classifications


def zipped(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", content)
    return packed.getvalue()


@pytest.fixture
def most(monkeypatch):
    """Return a smaller number of bytes that any file may unpack to."""
    monkeypatch.setattr(_unpacking, "ALLOWED", 10**6)
    return 10**6


TABLE = b"id_str,bar_yes,bar_no\n"
EXPORT = b"classification_id,user_name,workflow_id,workflow_version,annotations,subject_data\n"
REFUSED = r"many times its size. Got '.*': it unpacks to more than 1000000 bytes"


@pytest.mark.parametrize("filling", [b"a", b"\n", b'"'], ids=["a cell", "lines", "a quoted cell"])
def test_tables(tmp_path, most, filling):
    path = tmp_path / "votes.csv.gz"
    path.write_bytes(gzip.compress(TABLE + filling + b" " * most + filling * most))
    with pytest.raises(ValueError, match=REFUSED):
        read_votes(path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zipped])
@pytest.mark.parametrize("on_error", ["raise", "report"])
def test_exports(tmp_path, most, pack, on_error):
    path = tmp_path / "export.csv"
    path.write_bytes(pack(EXPORT + b"\n" * 2 * most))
    with pytest.raises(ValueError, match=REFUSED):
        read_classifications(path, task="T0", on_error=on_error)


def test_mosaics(tmp_path, most):
    fits = pytest.importorskip("astropy.io.fits")
    content = io.BytesIO()
    fits.PrimaryHDU(np.zeros((1000, 1000))).writeto(content)
    (tmp_path / "field.fits").write_bytes(gzip.compress(content.getvalue()))
    with pytest.raises(ValueError, match=r"cannot be read as an image: it unpacks to more than"):
        read_cutouts(tmp_path / "field.fits", [(50, 50)], 9)


def test_a_hundred_times_its_size_is_no_bomb(tmp_path, most):
    """A large file may unpack to a larger one."""
    text = "".join(f"g{number},{number % 7},{number % 5}\n" for number in range(200_000))
    packed = gzip.compress(TABLE + text.encode())
    assert len(text) > most > len(packed)
    (tmp_path / "votes.csv.gz").write_bytes(packed)
    assert len(read_votes(tmp_path / "votes.csv.gz")) == 200_000
