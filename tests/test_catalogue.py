"""Catalogues: what the columns hold, who reads them back, and files complete or absent."""

import errno
import hashlib
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import skgalaxy
from skgalaxy import TreePosterior, VotePosterior, acquisition
from skgalaxy._files import complete_file, complete_folder
from skgalaxy.catalogue import make_catalogue, write_catalogue
from skgalaxy.likelihoods import Multinomial, TreeLikelihood
from skgalaxy.votes import GZ2, GZ_DECALS, DecisionTree

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
    if path.suffix == ".csv":
        described = json.loads(Path(f"{path}-metadata.json").read_text())
        columns = described["tableSchema"]["columns"]
        text = {column["name"]: str for column in columns if column["datatype"] == "string"}
        # exact without asking since pandas 3
        exact = {} if pd.__version__ >= "3" else {"float_precision": "round_trip"}
        na = {column["name"]: ["nan"] for column in columns if column["datatype"] == "number"}
        table = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=na, **exact)
        return table, described["notes"][0]
    table = pytest.importorskip("astropy.table").Table
    if path.suffix == ".fits":
        read = table.read(path, memmap=False, character_as_bytes=False)
    else:
        read = table.read(path, format="ascii.ecsv")
        for name in read.colnames:  # empty text is masked text to Enhanced CSV
            if read[name].dtype.kind == "U":
                read[name] = np.ma.filled(read[name], "")
    header = {key.lower(): read.meta[key] for key in read.meta}
    return pd.DataFrame({name: np.array(read[name]) for name in read.colnames}), header


def files_of(path):
    """Names of the files of a catalogue: a plain CSV has its metadata in a second one."""
    return {path.name, *([f"{path.name}-metadata.json"] if path.suffix == ".csv" else [])}


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


TREE = DecisionTree(
    {"disc": ["yes", "no"], "arms": ["1", "2", "3"]}, asked_after={"arms": ["disc_yes"]}
)


@pytest.fixture
def tree_posterior():
    """Posterior of the toy tree; the first galaxy is hardly ever a disc."""
    rng = np.random.default_rng(1)
    disc = rng.dirichlet([5, 5], (5, 20))
    disc[0] = [0.01, 0.99]
    arms = rng.dirichlet([1, 2, 3], (5, 20))
    return TreePosterior(
        TreeLikelihood(TREE, {"disc": Multinomial(disc), "arms": Multinomial(arms)})
    )


def ways_to(tree, question):
    """Every list of answers that leads a volunteer to a question."""
    parents = [(q, f"{q}_{answer}") for q, answer in tree.parents(question)]
    ways = [[*way, answer] for q, answer in parents for way in ways_to(tree, q)]
    return ways or [[]]


class TestMakeOfTree:
    def test_each_answer_has_its_own_columns(self, tree_posterior):
        made = make_catalogue(tree_posterior, IDS)
        parts = ["fraction", "5pc", "95pc", "expected_votes"]
        expected = ["id_str"]
        for question in TREE.questions:
            expected += [f"{question}_asked_fraction", f"{question}_hardly_asked"]
            expected += [f"{question}_{a}_{part}" for a in TREE.answers(question) for part in parts]
        assert list(made) == expected
        one = make_catalogue(tree_posterior["arms", "2"], IDS, question="arms", answer="2")
        for part in parts[:3]:
            np.testing.assert_allclose(made[f"arms_2_{part}"], one[f"arms_2_{part}"])

    @pytest.mark.parametrize("tree", [GZ2, GZ_DECALS, TREE], ids=repr)
    def test_expected_votes_are_products_along_the_ways_to_an_answer(self, tree):
        """A volunteer's way is a product of fractions; ways add up, and networks are averaged."""
        rng = np.random.default_rng(2)
        draws = {q: rng.dirichlet(np.ones(len(tree.answers(q))), (3, 4)) for q in tree.questions}
        of_answer = {
            f"{q}_{answer}": draws[q][..., place]
            for q in tree.questions
            for place, answer in enumerate(tree.answers(q))
        }
        likelihood = TreeLikelihood(tree, {q: Multinomial(f) for q, f in draws.items()})
        posterior = TreePosterior(likelihood)
        n_votes = np.array([40, 0, 7])
        made = make_catalogue(posterior, ["a", "b", "c"], n_votes=n_votes)
        for number, question in enumerate(tree.questions):
            ways = [math.prod(map(of_answer.get, way), start=1) for way in ways_to(tree, question)]
            asked = np.broadcast_to(sum(ways), (3, 4))
            np.testing.assert_allclose(made[f"{question}_asked_fraction"], asked.mean(axis=1))
            np.testing.assert_allclose(
                posterior.expected_votes(n_votes)[:, number], n_votes * asked.mean(axis=1)
            )
            for answer in tree.answers(question):
                name = f"{question}_{answer}"
                expected = n_votes * (asked * of_answer[name]).mean(axis=1)
                np.testing.assert_allclose(made[f"{name}_expected_votes"], expected)

    def test_the_flag_is_of_fewer_than_one(self, tree_posterior):
        few = make_catalogue(tree_posterior, IDS, n_votes=99)
        assert few["arms_hardly_asked"].tolist() == [True] + 4 * [False]
        assert not few["disc_hardly_asked"].any()
        assert not make_catalogue(tree_posterior, IDS, n_votes=101)["arms_hardly_asked"].any()

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_others_read_it_back(self, tree_posterior, tmp_path, suffix):
        require(suffix)
        made = make_catalogue(tree_posterior, IDS)
        path = tmp_path / f"tree{suffix}"
        write_catalogue(path, made, model="test", metadata={"tree": TREE.name})
        table, header = read(path)
        assert header["tree"] == TREE.name
        pd.testing.assert_frame_equal(table, made, check_dtype=False)
        assert [each.kind for each in table.dtypes] == [each.kind for each in made.dtypes]

    def test_all_of_galaxy_zoo_2_is_a_fits_table(self, tmp_path):
        fits = pytest.importorskip("astropy.io.fits")
        even = {
            q: np.full((2, 1, len(GZ2.answers(q))), 1 / len(GZ2.answers(q))) for q in GZ2.questions
        }
        likelihood = TreeLikelihood(GZ2, {q: Multinomial(draws) for q, draws in even.items()})
        made = make_catalogue(TreePosterior(likelihood), ["a", "b"])
        write_catalogue(tmp_path / "gz2.fits", made, model="test")
        with fits.open(tmp_path / "gz2.fits") as hdus:
            assert hdus[1].columns.names == list(made)
            assert len(made.columns) == 1 + 2 * len(GZ2.questions) + 4 * GZ2.n_answers
        assert max(map(len, made.columns)) <= 68  # what a card of FITS holds

    def test_names_that_the_tree_has(self, tree_posterior):
        with pytest.raises(ValueError, match=r"`question` must be left out .* Got 'arms'"):
            make_catalogue(tree_posterior, IDS, question="arms")
        with pytest.raises(ValueError, match=r"`answer` must be left out"):
            make_catalogue(tree_posterior, IDS, answer="2")

    def test_an_answer_called_as_a_column(self):
        tree = DecisionTree({"disc": ["yes", "asked"]})
        likelihood = TreeLikelihood(tree, {"disc": Multinomial([[[0.5, 0.5]]])})
        with pytest.raises(ValueError, match="Got 'disc_asked_fraction' twice"):
            make_catalogue(TreePosterior(likelihood), ["a"])


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
        assert set(os.listdir(tmp_path)) == files_of(path)

    def test_csv_is_plain(self, catalogue, tmp_path):
        """No line but the names and the rows; the rest is beside it, as CSV on the Web has it."""
        catalogue["note # 1"] = ["a # b", "c,d", "", "é", "x"]
        path = tmp_path / "c.csv"
        write_catalogue(path, catalogue, model='"a" # b: é', metadata={"iteration": 7})
        assert len(path.read_text().splitlines()) == 1 + len(catalogue)
        assert path.read_text().startswith('"id_str","smooth-or-featured_featured-or-disk_fraction')
        options = {"dtype": {"id_str": str, "note # 1": str}, "keep_default_na": False}
        for comment in (None, "#"):  # also what a comment or a separator may be taken for
            table = pd.read_csv(path, comment=comment, **options)
            pd.testing.assert_frame_equal(table, catalogue.astype(table.dtypes.to_dict()))
        described = json.loads((tmp_path / "c.csv-metadata.json").read_text())
        assert described["@context"] == "http://www.w3.org/ns/csvw"
        assert described["url"] == "c.csv"
        assert described["notes"] == [
            {
                "model": '"a" # b: é',
                "skgalaxy_version": skgalaxy.__version__,
                "iteration": 7,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        ]

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
        with pytest.raises(ValueError, match=r"ASCII text. Got 'é' \(name, in row 2\); write ECSV"):
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
            ({"metadata": {"rate": 1j}}, "Got 1j of 'rate'"),
            ({"metadata": {3: "x"}}, "Got 'x' of 3"),
            ({"metadata": {"": "x"}}, "Got 'x' of ''"),
            ({"metadata": {"a\nb": "x"}}, "text to text of one line"),
            ({"metadata": {"a": "x\udcff"}}, "text to text of one line"),
            ({"metadata": ["a"]}, "`metadata` must be a dict. Got list"),
            ({"metadata": {"model": "mine"}}, "`metadata` must have keys of their own. Got 'model"),
        ],
    )
    def test_bad_headers(self, catalogue, tmp_path, arguments, message):
        for suffix in SUFFIXES:
            with pytest.raises((TypeError, ValueError), match=message):
                write_catalogue(
                    tmp_path / f"c{suffix}", catalogue, **{"model": "test", **arguments}
                )
        assert not os.listdir(tmp_path)

    @pytest.mark.parametrize(
        "metadata",
        [
            {"NAXIS": 9},
            {"naxis2": 0},
            {"TTYPE1": "another"},
            {"TSCAL2": 2.0},  # would double the numbers of a column
            {"TZERO2": 1.0},
            {"TNULL2": 0},
            {"TDIM1": "(2,2)"},
            {"TUNIT2": "Jy"},
            {"SIMPLE": 0},
            {"XTENSION": "IMAGE"},
            {"BITPIX": 16},
            {"END": 1},
            {"COMMENT": "x"},
            {"HISTORY": "x"},
            {"a=b": 1},
            {"a" * 80: 1},
            {"Seed": 1, "SEED": 2},
            {"note": "é"},
            {"note": "x "},
            {"Model": "x"},
        ],
        ids=str,
    )
    def test_keys_that_fits_cannot_hold(self, metadata, catalogue, tmp_path):
        require(".fits")
        catalogue["n"] = np.arange(5)
        with pytest.raises(ValueError, match="FITS"):
            write_catalogue(tmp_path / "c.fits", catalogue, model="test", metadata=metadata)
        assert not os.listdir(tmp_path)
        write_catalogue(tmp_path / "c.ecsv", catalogue, model="test", metadata=metadata)
        assert metadata.items() <= read_meta(tmp_path / "c.ecsv").items()

    def test_keys_of_parquet(self, catalogue, tmp_path):
        require(".parquet")
        for key in ("pandas", "ARROW:schema"):
            with pytest.raises(ValueError, match=r"Parquet can hold. Got the key"):
                write_catalogue(
                    tmp_path / "c.parquet", catalogue, model="test", metadata={key: "x"}
                )

    def test_columns_that_fits_cannot_hold(self, catalogue, tmp_path):
        require(".fits")
        for columns, message in (
            ({"bar": 1, "Bar": 2}, "letters of either case"),
            ({"é": 1}, "only ASCII"),
            ({"bar ": 1}, "blanks at the ends"),
            ({"x" * 100: 1}, "cannot hold these columns"),
            ({"name": ["a ", "b", "c", "d", "e"]}, "blanks at the ends .*name"),
        ):
            with pytest.raises(ValueError, match=message):
                write_catalogue(tmp_path / "c.fits", catalogue.assign(**columns), model="test")
        assert not os.listdir(tmp_path)

    @pytest.mark.parametrize(
        "id_", ["=HYPERLINK(A1)", "=1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-A1()"]
    )
    def test_formulas(self, id_, posterior, catalogue, tmp_path):
        with pytest.raises(ValueError, match=r"`ids` must not be formulas.* in row 2; give this"):
            make_catalogue(posterior, ["a", "b", id_, "c", "d"], question="bar", answer="yes")
        catalogue.loc[1, "id_str"] = id_
        with pytest.raises(ValueError, match="`id_str` must not be formulas"):
            write_catalogue(tmp_path / "c.csv", catalogue, model="test")

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_signs_that_are_no_formulas(self, suffix, posterior, tmp_path):
        require(suffix)
        ids = ["-05.123+12", "+name", "- a", "a=b", "'x"]
        made = make_catalogue(posterior, ids, question="bar", answer="yes")
        write_catalogue(tmp_path / f"c{suffix}", made, model="test")
        assert list(map(str, read(tmp_path / f"c{suffix}")[0]["id_str"])) == ids

    def test_types_of_pandas(self, tmp_path):
        """Its own numbers and text are plain where nothing is missing."""
        table = pd.DataFrame(
            {
                "id_str": pd.array(["a", "b"], dtype="string"),
                "n": pd.array([1, 2], dtype="Int64"),
                "x": pd.array([0.5, 1.5], dtype="Float32"),
                "new": pd.array([True, False], dtype="boolean"),
                "kind": pd.Categorical(["s", "e"]),
                "flux": np.array([1.5, 2.5], ">f4"),
            }
        )
        for suffix in SUFFIXES:
            require(suffix)
            write_catalogue(tmp_path / f"c{suffix}", table, model="test")
            found = read(tmp_path / f"c{suffix}")[0]
            assert [column.dtype.kind for _, column in found.items()][1:4] == ["i", "f", "b"]
            assert found["flux"].tolist() == [1.5, 2.5]
        missing = table.assign(n=pd.array([1, None], dtype="Int64"))
        with pytest.raises(ValueError, match=r"the column 'n'.*row 1"):
            write_catalogue(tmp_path / "c.csv", missing, model="test")

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (np.array([1, 2], np.longdouble), "at most 64 bits. Got float128"),
            (["a\nb", "c"], "text of one line. Got 'a\\\\nb' in row 0 of the column 'x'"),
            (["a", "b\udcff"], "text of one line"),
            ([None, "b"], "Got None in row 0"),
            ([1j, 2j], "must hold numbers or text"),
            (np.array(["2020-01-01", "2021-01-01"], "M8[s]"), "must hold numbers or text"),
        ],
    )
    def test_bad_columns(self, values, message, tmp_path):
        values = pd.Series(values, dtype=object if isinstance(values, list) else values.dtype)
        table = pd.DataFrame({"id_str": ["1", "2"], "x": values})
        for suffix in SUFFIXES:
            with pytest.raises((TypeError, ValueError), match=message):
                write_catalogue(tmp_path / f"c{suffix}", table, model="test")
        assert not os.listdir(tmp_path)

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


def read_meta(path):
    return dict(pytest.importorskip("astropy.table").Table.read(path, format="ascii.ecsv").meta)


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
LINES = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=8)
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DTYPES = ["bool", *INTEGERS, "float16", "float32", "float64"]


def columns(text):
    """Tables of up to five rows: a column of every type that NumPy has, and one of text."""

    def of_size(size):
        types = {name: arrays(name, size) for name in DTYPES}
        return st.fixed_dictionaries(
            {
                "id_str": st.lists(text, min_size=size, max_size=size).map(
                    lambda names: np.array(
                        [f"{row}{name}x" for row, name in enumerate(names)], dtype=object
                    )
                ),
                "text": st.lists(text, min_size=size, max_size=size).map(
                    lambda values: np.array(values, dtype=object)
                ),
                **types,
            }
        )

    return st.integers(0, 5).flatmap(of_size).map(pd.DataFrame)


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)


class TestRoundTrip:
    """Law: a reader who does not know skgalaxy gets the table and the metadata as they were."""

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @given(data=st.data())
    @settings(max_examples=10, deadline=None)
    def test_all_types(self, suffix, data):
        require(suffix)
        text = ASCII if suffix == ".fits" else LINES
        text = text.map(str.strip) if suffix in (".fits", ".ecsv") else text
        table = data.draw(columns(text))
        header = data.draw(st.dictionaries(st.sampled_from(["a", "b c", "rate"]), text | NUMBERS))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"c{suffix}"
            write_catalogue(path, table, model="test", metadata=header)
            found, meta = read(path)
        assert list(found) == list(table)
        for name in table:
            self.check_column(found[name], table[name], suffix)
        for key, value in header.items():
            self.check_value(meta[key], value, suffix)

    @staticmethod
    def check_column(found, column, suffix):
        if column.dtype.kind in "OT" or pd.api.types.is_string_dtype(column.dtype):
            assert list(map(str, found)) == list(column)
            return
        np.testing.assert_array_equal(
            found.to_numpy().astype(column.dtype), column.to_numpy(), strict=True
        )
        if suffix in (".ecsv", ".parquet"):
            assert found.dtype.newbyteorder("=") == column.dtype
        elif len(column) and suffix == ".fits":
            assert found.dtype.kind == column.dtype.kind

    @staticmethod
    def check_value(found, value, suffix):
        if suffix == ".parquet":
            assert found == str(value)
        elif suffix == ".fits" and isinstance(value, float):
            assert found == pytest.approx(value, rel=1e-11)
        else:
            assert found == value
            assert type(found) is type(value)


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
        assert set(os.listdir(tmp_path)) == files_of(path)
        assert read(path)[1]["sha256"] == hashlib.sha256(old).hexdigest()

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
        for left in os.listdir(tmp_path):
            assert left.startswith(".catalogue.csv")
            assert left.endswith(".partial")
        table = pd.DataFrame({"id_str": ["1", "2"], "x": [0.5, 1.0]})
        write_catalogue(tmp_path / "catalogue.csv", table, model="test")
        assert set(os.listdir(tmp_path)) == files_of(tmp_path / "catalogue.csv")

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
