"""Catalogues: what the columns hold, who reads them back, and files complete or absent."""

import errno
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import skgalaxy
from skgalaxy import VotePosterior, acquisition
from skgalaxy._files import complete_file, complete_folder
from skgalaxy.catalogue import make_catalogue, write_catalogue

IDS = ["587722981742215240", "587722981742215241", "0042", "J1457-00", 'N #1, "b"']
PREFIX = "smooth-or-featured_featured-or-disk"
SUFFIXES = [".csv", ".ecsv", ".parquet", ".fits"]


@pytest.fixture
def posterior():
    return VotePosterior(np.random.default_rng(0).beta(2, 3, (5, 20)))


@pytest.fixture
def catalogue(posterior):
    return make_catalogue(
        posterior, IDS, question="smooth-or-featured", answer="featured-or-disk", n_votes=40
    )


def require(suffix):
    if suffix in (".parquet", ".fits"):
        pytest.importorskip({".parquet": "pyarrow", ".fits": "astropy"}[suffix])


def read(path):
    """Return the table and its header as a reader gets them who does not know skgalaxy."""
    if path.suffix == ".parquet":
        header = pytest.importorskip("pyarrow.parquet").read_schema(path).metadata
        return pd.read_parquet(path), {key.decode(): header[key].decode() for key in header}
    table = pytest.importorskip("astropy.table").Table
    if path.suffix == ".fits":
        read = table.read(path, memmap=False, character_as_bytes=False)
    else:
        read = table.read(path, format="ascii.ecsv")
    header = {key.lower(): read.meta[key] for key in read.meta}
    return pd.DataFrame({name: np.array(read[name]) for name in read.colnames}), header


class TestMake:
    def test_columns_in_the_style_of_the_field(self, catalogue):
        names = ["fraction", "5pc", "95pc", "expected_votes", "mutual_information"]
        assert list(catalogue) == ["id_str", *(f"{PREFIX}_{name}" for name in names)]
        assert list(catalogue["id_str"]) == IDS

    def test_values(self, posterior):
        n_votes = np.array([40, 1, 0, 7, 3])
        made = make_catalogue(posterior, IDS, question="bar", answer="yes", n_votes=n_votes)
        draws = np.sort(posterior.draws, axis=1)
        mean = draws.sum(axis=1) / 20
        # percentile 5 of 20 numbers lies at 0.95 of the way from the first to the second
        np.testing.assert_allclose(made["bar_yes_5pc"], draws[:, 0] * 0.05 + draws[:, 1] * 0.95)
        np.testing.assert_allclose(made["bar_yes_95pc"], draws[:, 19] * 0.05 + draws[:, 18] * 0.95)
        np.testing.assert_allclose(made["bar_yes_fraction"], mean)
        np.testing.assert_allclose(made["bar_yes_expected_votes"], mean * n_votes)
        information = acquisition.mutual_information(posterior.draws, n_votes)
        np.testing.assert_array_equal(made["bar_yes_mutual_information"], information)

    def test_integer_ids_keep_all_digits(self, posterior):
        ids = np.arange(5) + (2**63 - 10)
        made = make_catalogue(posterior, ids, question="bar", answer="yes")
        assert list(made["id_str"]) == [str(2**63 - 10 + row) for row in range(5)]

    def test_questions_side_by_side(self, posterior, tmp_path):
        bars = make_catalogue(posterior, IDS, question="bar", answer="yes")
        rings = make_catalogue(posterior[::-1], IDS[::-1], question="ring", answer="yes")
        both = bars.merge(rings, on="id_str")
        write_catalogue(tmp_path / "both.csv", both, model="test")
        columns = pd.read_csv(tmp_path / "both.csv", comment="#")
        np.testing.assert_array_equal(columns["bar_yes_fraction"], columns["ring_yes_fraction"])

    @pytest.mark.parametrize(
        ("ids", "message"),
        [
            (np.arange(5) + 5.877e17, "`ids` must .*float.* row 0"),
            (["1", "2", "5.87723E+17", "4", "5"], "`ids` must .*5.87723E.17 in row 2"),
            (["1", "2", "3", "2", "5"], "`ids` must not repeat. Got 2 in rows 1, 3"),
            (["1", None, "3", "4", "5"], "`ids` must .* row 1"),
            (["1", "2"], "`posterior` and `ids` must .* Got 5 and 2"),
        ],
    )
    def test_bad_ids(self, posterior, ids, message):
        with pytest.raises(ValueError, match=message):
            make_catalogue(posterior, ids, question="bar", answer="yes")

    def test_wrong_kinds(self, posterior):
        with pytest.raises(TypeError, match=r"`posterior` must be a VotePosterior. Got ndarray"):
            make_catalogue(posterior.draws, IDS, question="bar", answer="yes")
        with pytest.raises(TypeError, match="`answer` must be text"):
            make_catalogue(posterior, IDS, question="bar", answer=None)


class TestWrite:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_others_read_it_back(self, catalogue, tmp_path, suffix):
        require(suffix)
        path = tmp_path / f"catalogue{suffix}"
        catalogue["ra"] = np.linspace(0, 360, 5)
        catalogue["rank"] = np.arange(5)[::-1] + 2**60
        catalogue["is_new"] = [True, False, True, True, False]
        write_catalogue(path, catalogue, model="CNN 3", metadata={"iteration": 7, "rate": 0.25})
        table, header = read(path)
        assert [str(id_) for id_ in table["id_str"]] == IDS
        for name in catalogue.columns[1:]:
            np.testing.assert_array_equal(table[name], catalogue[name])
            assert table[name].dtype.kind == catalogue[name].dtype.kind
        assert header["model"] == "CNN 3"
        assert header["skgalaxy_version"] == skgalaxy.__version__
        assert (float(header["iteration"]), float(header["rate"])) == (7, 0.25)
        assert os.listdir(tmp_path) == [path.name]

    def test_pandas_reads_the_text(self, catalogue, tmp_path):
        """Also what a comment or a separator may be taken for."""
        catalogue["note # 1"] = ["a # b", "c,d", "", "é", "x"]
        write_catalogue(tmp_path / "c.csv", catalogue, model='"a" # b: é')
        types = {"id_str": str, "note # 1": str}
        table = pd.read_csv(tmp_path / "c.csv", comment="#", dtype=types, keep_default_na=False)
        pd.testing.assert_frame_equal(table, catalogue.astype(table.dtypes.to_dict()))
        _, header = read(tmp_path / "c.csv")
        assert header["model"] == '"a" # b: é'

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_the_same_twice_and_in_place_of_the_old(self, catalogue, tmp_path, suffix):
        require(suffix)
        path = tmp_path / f"catalogue{suffix}"
        write_catalogue(path, catalogue, model="one")
        first = path.read_bytes()
        write_catalogue(str(path), catalogue[::-1], model="two")
        assert path.read_bytes() != first
        write_catalogue(path, catalogue, model="one")
        assert path.read_bytes() == first

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_no_galaxies(self, catalogue, tmp_path, suffix):
        require(suffix)
        path = tmp_path / f"catalogue{suffix}"
        write_catalogue(path, catalogue[:0], model="test")
        assert len(read(path)[0]) == 0

    def test_fits_is_ascii(self, catalogue, tmp_path):
        require(".fits")
        catalogue["name"] = ["a", "b", "é", "c", "d"]
        with pytest.raises(ValueError, match=r"ASCII text. Got 'é' \(name\) in row 2; write CSV"):
            write_catalogue(tmp_path / "c.fits", catalogue, model="test")
        assert not os.listdir(tmp_path)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c.rename(columns={"id_str": "objid"}), "column 'id_str'"),
            (lambda c: c.set_axis(["id_str"] + ["x"] * 5, axis=1), "each column once"),
            (lambda c: c.assign(id_str=c["id_str"].where(c.index != 1, "0042")), "rows 1, 2"),
            (lambda c: c.assign(id_str=np.arange(5.0)), "`id_str` must .*float"),
            (lambda c: c.assign(x=["a", 1, "b", "c", "d"]), "Got 1 in row 1 of the column 'x'"),
            (lambda c: c.to_numpy(), "must be a DataFrame"),
        ],
    )
    def test_bad_catalogues(self, catalogue, tmp_path, change, message):
        with pytest.raises((TypeError, ValueError), match=message):
            write_catalogue(tmp_path / "c.csv", change(catalogue), model="test")
        assert not os.listdir(tmp_path)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"model": ""}, "`model` must name"),
            ({"model": "a\nb"}, "of one line"),
            ({"metadata": {"seeds": [1, 2]}}, r"Got \[1, 2\] of 'seeds'"),
            ({"metadata": {"rate": np.nan}}, "Got nan of 'rate'"),
        ],
    )
    def test_bad_headers(self, catalogue, tmp_path, arguments, message):
        with pytest.raises(TypeError, match=message):
            write_catalogue(tmp_path / "c.csv", catalogue, **{"model": "test", **arguments})

    def test_bad_paths(self, catalogue, tmp_path):
        with pytest.raises(ValueError, match=r"`path` must end in .csv, .*txt"):
            write_catalogue(tmp_path / "c.txt", catalogue, model="test")
        with pytest.raises(FileNotFoundError, match="`path` must be in a folder that exists"):
            write_catalogue(tmp_path / "none" / "c.csv", catalogue, model="test")
        (tmp_path / "c.csv").mkdir()
        with pytest.raises(IsADirectoryError, match="`path` must be a file"):
            write_catalogue(tmp_path / "c.csv", catalogue, model="test")


@contextmanager
def full_disk(n_bytes):
    """Let no file grow beyond `n_bytes`: the system's own refusal, in the middle of a write."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class TestCompleteOrAbsent:
    @pytest.fixture
    def large(self):
        posterior = VotePosterior(np.random.default_rng(0).uniform(size=(3000, 2)))
        ids = np.arange(3000) + 587722981742215240
        return make_catalogue(posterior, ids, question="bar", answer="yes")

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_full_disk(self, large, tmp_path, suffix):
        require(suffix)
        path = tmp_path / f"catalogue{suffix}"
        with full_disk(20_000), pytest.raises(OSError, match="nothing was written") as error:
            write_catalogue(path, large, model="test")
        assert error.value.errno == errno.EFBIG
        assert str(path) in str(error.value)
        assert not os.listdir(tmp_path)

    def test_full_disk_leaves_the_old_file(self, large, tmp_path):
        path = tmp_path / "catalogue.csv"
        write_catalogue(path, large[:5], model="old")
        old = path.read_bytes()
        with full_disk(20_000), pytest.raises(OSError, match="nothing was written"):
            write_catalogue(path, large, model="new")
        assert path.read_bytes() == old
        assert os.listdir(tmp_path) == ["catalogue.csv"]

    @pytest.mark.parametrize("when", ["os.fsync", "os.replace"])
    def test_killed(self, tmp_path, when):
        """Killed with all bytes in the file, but before it has its name."""
        code = (
            "import os, signal, pandas\n"
            "from skgalaxy.catalogue import write_catalogue\n"
            f"{when} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            "table = pandas.DataFrame({'id_str': ['1', '2'], 'x': [0.5, 1.0]})\n"
            "write_catalogue('catalogue.csv', table, model='test')\n"
        )
        environment = {**os.environ, "PYTHONPATH": os.path.dirname(skgalaxy.__path__[0])}
        run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment)
        assert run.returncode == -signal.SIGKILL
        (left,) = os.listdir(tmp_path)
        assert left.startswith(".catalogue.csv.")
        assert left.endswith(".partial")

    def test_any_other_error(self, tmp_path):
        def fail(path):
            path.write_bytes(b"half")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), complete_file(tmp_path / "file") as file:
            fail(Path(file.name))
        with pytest.raises(KeyboardInterrupt), complete_folder(tmp_path / "folder") as folder:
            fail(folder / "file")
        assert not os.listdir(tmp_path)

    def test_the_permissions_of_any_other_file(self, tmp_path):
        with complete_file(tmp_path / "file") as file:
            file.write(b"x")
        (tmp_path / "other").write_bytes(b"x")
        assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode

    def test_an_error_about_another_file_is_left_alone(self, tmp_path):
        with (
            pytest.raises(FileNotFoundError, match="elsewhere"),
            complete_folder(tmp_path / "folder"),
        ):
            os.stat(tmp_path / "elsewhere")


def test_real_ids(shared_data, tmp_path):
    table = pd.read_csv(shared_data / "galaxy_zoo_2" / "votes.csv", dtype={"dr7objid": str})
    posterior = VotePosterior(np.random.default_rng(0).uniform(size=(len(table), 10)))
    made = make_catalogue(posterior, table["dr7objid"], question="bar", answer="yes")
    for suffix in SUFFIXES:
        require(suffix)
        write_catalogue(tmp_path / f"c{suffix}", made, model="test")
        assert list(map(str, read(tmp_path / f"c{suffix}")[0]["id_str"])) == list(table["dr7objid"])
