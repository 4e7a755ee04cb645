"""A file of a document and arrays: as it was written, or refused, and never large in memory."""

import hashlib
import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skgalaxy.persistence._archive import DamagedFileError, read_archive, write_archive

DOCUMENT = {"format": "test", "values": [1, 0.1, None, "ρ"]}
ARRAYS = {
    "a/0": np.arange(6.0).reshape(2, 3),
    "a/1": np.asfortranarray(np.arange(6, dtype="i2").reshape(3, 2)),
    "number": np.array(3, "i8"),
    "none": np.zeros((0, 4), "f4"),
    "text": np.array(["a", "bc"]),
    "digests": np.array(["0a", "1b"], "S32"),
}


@pytest.fixture
def path(tmp_path):
    write_archive(tmp_path / "whole", DOCUMENT, ARRAYS)
    return tmp_path / "whole"


def read(data, tmp_path):
    (tmp_path / "other").write_bytes(data)
    return read_archive(tmp_path / "other")


def same(found):
    document, arrays = found
    return (
        document == DOCUMENT
        and arrays.keys() == ARRAYS.keys()
        and all(
            arrays[name].dtype == array.dtype
            and arrays[name].shape == array.shape
            and (arrays[name] == array).all()
            for name, array in ARRAYS.items()
        )
    )


def test_comes_back(path):
    assert same(read_archive(path))


def test_other_programs_can_read_it(path):
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("model.json")) == DOCUMENT
        np.testing.assert_array_equal(np.load(archive.open("a/0.npy")), ARRAYS["a/0"])
    np.testing.assert_array_equal(np.load(path)["a/1"], ARRAYS["a/1"])


def test_the_same_content_is_the_same_bytes(path, tmp_path):
    write_archive(tmp_path / "again", DOCUMENT, ARRAYS)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(
        st.one_of(hnp.integer_dtypes(), hnp.floating_dtypes(), hnp.boolean_dtypes()),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0),
    )
)
def test_any_array_comes_back(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("any") / "file"
    write_archive(path, None, {"x": array})
    found = read_archive(path)[1]["x"]
    assert found.dtype == array.dtype
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


def test_every_flipped_bit_is_refused_or_harmless(path, tmp_path):
    data = path.read_bytes()
    harmless = 0
    for place in range(0, len(data), 3):  # with 3, each of the 8 bits comes in its turn
        bit = 1 << place % 8
        flipped = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
        try:
            assert same(read(flipped, tmp_path)), place
            harmless += 1
        except DamagedFileError:
            pass
    assert harmless < len(data) / 6  # dates and other unused fields


def test_every_cut_is_refused(path, tmp_path):
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        with pytest.raises(DamagedFileError):
            read(data[:length], tmp_path)


def rewritten(path, change=None, compression=zipfile.ZIP_STORED):
    """The file as another program would write it again, with right checksums if `change` is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, (change or {}).get(name, old.read(name)))
    return buffer.getvalue()


def with_member(name, data, tmp_path):
    """A file of right checksums with one array whose bytes are `data`."""
    members = {"model.json": b"null", name: data}
    sums = "".join(f"{hashlib.sha256(x).hexdigest()}  {key}\n" for key, x in members.items())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key, x in {**members, "SHA256SUMS": sums.encode()}.items():
            archive.writestr(key, x)
    return read(buffer.getvalue(), tmp_path)


def test_zipped_again_by_another_program(path, tmp_path):
    assert same(read(rewritten(path), tmp_path))


@pytest.mark.parametrize(
    "name", ["model.json", "a/0.npy", "SHA256SUMS"], ids=["document", "array", "sums"]
)
def test_other_content_is_refused(path, tmp_path, name):
    with pytest.raises(DamagedFileError, match="damaged"):
        read(rewritten(path, {name: b"{}"}), tmp_path)


def test_compressed_is_refused_before_it_is_unpacked(path, tmp_path):
    bomb = rewritten(path, {"a/0.npy": bytes(10**8)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 10**6
    with pytest.raises(DamagedFileError, match="zip file of another kind"):
        read(bomb, tmp_path)


def test_members_that_overlap_are_refused(tmp_path):
    """One part of a megabyte that a thousand names share would be a gigabyte."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.json", bytes(10**6))
        one = archive.filelist[0]
        for i in range(1000):
            other = zipfile.ZipInfo(f"{i}.npy")
            for field in ("header_offset", "CRC", "compress_size", "file_size"):
                setattr(other, field, getattr(one, field))
            archive.filelist.append(other)
    with pytest.raises(DamagedFileError, match="zip file of another kind"):
        read(buffer.getvalue(), tmp_path)


def npy(dtype, shape, data=b""):
    buffer = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + data


@pytest.mark.parametrize(
    "data",
    [
        npy("<f8", (10**12,)),  # a header that claims terabytes
        npy("<f8", (-1,), bytes(8)),
        npy("<f8", (0, 10**30)),
        npy("|O", (1,), pickle.dumps([1])),
        npy("<f8", (1,), bytes(9)),
        npy([("a", "<f8")], (1,), bytes(8)),
        b"",
        b"\x93NUMPY\x09\x09" + bytes(100),
        np.lib.format.magic(2, 0) + b"\xff\xff\xff\xff" + b"(" * 100_000,
    ],
    ids=["huge", "negative", "none of many", "pickled", "long", "structured", "empty", "version"]
    + ["nested"],
)
def test_arrays_that_are_not_as_they_say(tmp_path, data):
    with pytest.raises(DamagedFileError, match="damaged"):
        with_member("x.npy", data, tmp_path)


@pytest.mark.parametrize("text", [b"[" * 100_000, b"{", b"\xff", b"9" * 10_000])
def test_documents_that_are_no_json(tmp_path, text):
    with pytest.raises(DamagedFileError, match="damaged"):
        with_member("model.json", text, tmp_path)


def test_a_pickle_is_told_from_a_damaged_file(tmp_path):
    with pytest.raises(DamagedFileError, match=r"which is no such file .* run code"):
        read(pickle.dumps([1]), tmp_path)
    with pytest.raises(DamagedFileError, match="which is empty"):
        read(b"", tmp_path)


def test_a_pipe_or_a_folder_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(DamagedFileError, match="which is no file"):
            read_archive(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        read_archive(tmp_path / "absent")
