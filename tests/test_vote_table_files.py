"""Vote tables as people keep them: delimiters, comments, masks; what is written is read again."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from skgalaxy.votes import list_questions, read_votes

HEAD = ["id_str", "bar_yes", "bar_no", "bar_total-votes"]
ROWS = [["a", "4", "6", "10"], ["587722981746540704", "", "", ""]]


def lines(delimiter):
    return [delimiter.join(row) for row in [HEAD, *ROWS]]


LAYOUTS = {
    "commas": lines(","),
    "tabs": lines("\t"),
    "semicolons": lines(";"),
    "bars": lines("|"),
    "SkyServer": ["#Table1", *lines(",")],
    "a comment with commas": ["# of Jan 1, 2024", "# by me", *lines(",")],
    "NumPy's header": ["# " + lines(",")[0], *lines(",")[1:]],
    "a comment, tabs": ["# votes", *lines("\t")],
    "Excel's first line": ["sep=;", *lines(";")],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "marked"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_layouts_of_text(tmp_path, layout, mark, newline):
    path = tmp_path / "votes"
    path.write_text(mark + "\n".join(LAYOUTS[layout]) + "\n", "utf-8", newline=newline)
    table = read_votes(path)
    assert table.ids.tolist() == ["a", "587722981746540704"]
    np.testing.assert_array_equal(table.votes("yes"), [[4, 10], [0, 0]])
    assert list_questions(path) == {"bar": ("yes", "no")}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_unicode_is_named(tmp_path, encoding):
    path = tmp_path / "votes.csv"
    path.write_text("\n".join(lines(",")), encoding)
    with pytest.raises(ValueError, match=r"CSV in UTF-8.* Got .*; save it as UTF-8"):
        read_votes(path)


@pytest.mark.parametrize("missing", ["nan", "NaN", "#N/A", "NULL", "NA", "None", ""])
def test_missing_ids_are_no_names(tmp_path, missing):
    path = tmp_path / "votes.csv"
    path.write_text("\n".join([*lines(","), f"{missing},1,2,3"]))
    with pytest.raises(ValueError, match=r"`id_str` must be given in every row. Got none in row 2"):
        read_votes(path)


@pytest.mark.parametrize("kind", ["fits", "parquet", "astropy's int8"])
def test_booleans_are_no_counts(tmp_path, kind):
    """Astropy writes int8 to FITS as true and false: 6 votes of 10 became 1 of 2."""
    columns = {"id_str": ["a", "b"], "bar_yes": [True, False], "bar_no": [False, True]}
    path = tmp_path / "votes"
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        pd.DataFrame(columns).to_parquet(path)
    else:
        if kind != "fits":
            columns |= {name: np.array([6, 4], "i1") for name in ("bar_yes", "bar_no")}
        pytest.importorskip("astropy.table").Table(columns).write(path, format="fits")
    with pytest.raises(ValueError, match="bar_yes"):
        read_votes(path)
    with pytest.raises(ValueError, match=r"`bar_yes` must be numbers. Got 'True' in row 0"):
        read_votes(path, "bar", answers=["bar_yes", "bar_no"])


def test_lines_are_counted_with_comments(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text("#Table1\n" + "\n".join(lines(",")) + "\nc,1\n")
    with pytest.raises(ValueError, match=r"Got 2 in row 2 \(line 5\) of '.*votes.csv'"):
        read_votes(path)


ASTROPY = [("fits", {}), ("ascii.ecsv", {}), ("ascii.ecsv", {"delimiter": ","}), ("parquet", {})]


@pytest.mark.filterwarnings("ignore:.*pyarrow")
@pytest.mark.parametrize(("kind", "options"), ASTROPY)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "i8", "f4"])
def test_masked_votes_are_none(tmp_path, kind, options, dtype):
    """Of whatever format: the value behind a mask is never a vote."""
    table = pytest.importorskip("astropy.table")
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    columns: dict[str, Any] = {"id_str": ["a", "b"]}
    for name, values in zip(HEAD[1:], [[4, 3], [6, 2], [10, 5]], strict=True):
        columns[name] = np.ma.masked_array(np.array(values, dtype), mask=[False, True])
    table.Table(columns).write(tmp_path / "votes", format=kind, **options)
    assert list_questions(tmp_path / "votes") == {"bar": ("yes", "no")}
    np.testing.assert_array_equal(read_votes(tmp_path / "votes").votes("yes"), [[4, 10], [0, 0]])


@pytest.mark.parametrize(("kind", "form"), [("u2", "I"), ("u4", "J")])
@pytest.mark.parametrize("scale", [1, 0.5])
def test_null_is_the_stored_number(tmp_path, kind, form, scale):
    """Of unsigned columns: 65535 votes were read where there are none."""
    fits = pytest.importorskip("astropy.io.fits")
    top = np.iinfo(kind).max
    zero = top // 2 + 1
    values = np.array([4, 6, top], kind)
    columns = [fits.Column("id_str", "1A", array=np.array(["a", "b", "c"]))]
    columns += [
        fits.Column(name, form, array=values, bzero=zero, null=top - zero) for name in HEAD[1:3]
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "votes")
    with fits.open(tmp_path / "votes", mode="update") as file:
        file[1].header.update(TSCAL2=scale, TZERO2=zero * scale, TSCAL3=scale, TZERO3=zero * scale)
    votes = read_votes(tmp_path / "votes").votes("yes")
    np.testing.assert_array_equal(votes, np.array([[4, 8], [6, 12], [0, 0]]) * scale)


def test_null_of_a_fits_table_of_text(tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    columns = [fits.Column("id_str", "A1", array=np.array(["a", "b"]), ascii=True)]
    columns += [
        fits.Column(name, "I5", array=np.array([4, 77]), null="**", ascii=True)
        for name in HEAD[1:3]
    ]
    fits.TableHDU.from_columns(columns).writeto(tmp_path / "votes")
    content = (tmp_path / "votes").read_bytes()
    (tmp_path / "votes").write_bytes(content.replace(b"77", b"**"))
    np.testing.assert_array_equal(read_votes(tmp_path / "votes").votes("yes"), [[4, 8], [0, 0]])


def test_a_fits_file_of_several_tables(tmp_path):
    """The first was read, and the others were not mentioned."""
    fits = pytest.importorskip("astropy.io.fits")
    columns = [fits.Column("id_str", "1A", array=np.array(["a", "b"]))]
    columns += [fits.Column(name, "J", array=np.array([4, 6])) for name in HEAD[1:3]]
    tables = [fits.BinTableHDU.from_columns(columns, name=name) for name in ("BAR", "", "BAR")]
    picture = fits.CompImageHDU(np.eye(9))  # an image, and no table
    fits.HDUList([fits.PrimaryHDU(), picture, tables[0]]).writeto(tmp_path / "one")
    assert len(read_votes(tmp_path / "one")) == 2
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(tmp_path / "three")
    with pytest.raises(
        ValueError, match=r"three': it holds 3 tables, BAR, 2 and BAR; write the one"
    ):
        read_votes(tmp_path / "three")


@pytest.mark.parametrize("kind", ["lists", "vectors", "parquet"])
@pytest.mark.parametrize("how", [{}, {"answers": ["bar_yes", "bar_no"]}])
def test_cells_of_several_values(tmp_path, kind, how):
    counts = [np.array([4, 6]), np.array([1, 2])] if kind == "vectors" else [[1, 2], [3]]
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        columns = {"id_str": ["a", "b"], "bar_yes": counts, "bar_no": [1, 2]}
        pd.DataFrame(columns).to_parquet(tmp_path / "votes")
    else:
        fits = pytest.importorskip("astropy.io.fits")
        form, dtype = ("2J", int) if kind == "vectors" else ("PJ()", object)
        columns = [
            fits.Column("id_str", "1A", array=np.array(["a", "b"])),
            fits.Column("bar_yes", form, array=np.array(counts, dtype=dtype)),
            fits.Column("bar_no", "J", array=np.array([1, 2])),
        ]
        fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "votes")
    with pytest.raises(ValueError, match=r"Got several in column 'bar_yes' of '.*votes'; write a"):
        read_votes(tmp_path / "votes", "bar", **how)


@pytest.mark.parametrize("path", [None, 3, b"votes.csv", ["votes.csv"]])
def test_a_path_is_text(path):
    with pytest.raises(TypeError, match="`path` must be the path of a file, as text or path-like"):
        read_votes(path)


@pytest.mark.parametrize("module", ["bz2", "lzma", "zipfile"])
def test_other_packed_files_are_named(tmp_path, module):
    """And not taken for text in another encoding."""
    path, text = tmp_path / "votes.csv", b"id_str,bar_yes,bar_no\na,1,2\n"
    library = pytest.importorskip(module)
    if module == "zipfile":
        with library.ZipFile(path, "w") as archive:
            archive.writestr("votes.csv", text)
    else:
        path.write_bytes(library.compress(text))
    with pytest.raises(ValueError, match=r"gzipped or not. Got '.*', (a ZIP|packed by .*) ?.*unpa"):
        read_votes(path)


@pytest.mark.parametrize("column", ["bar_yes", "bar_total-votes"])
def test_more_votes_than_floats_can_tell_are_refused(tmp_path, column):
    values = {"bar_yes": "1", "bar_no": "2", "bar_total-votes": "3"} | {column: "1e300"}
    path = tmp_path / "votes.csv"
    path.write_text(f"id_str,{','.join(values)}\na,{','.join(values.values())}\n")
    with pytest.raises(ValueError, match=rf"`{column}` must be at most 9.*Got 1e\+300 in row 0"):
        read_votes(path)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("a.vot", {"format": "votable"}, "VOTable, write it as CSV"),
        ("a.hdf5", {"path": "votes"}, "an HDF5 file; write its table as CSV"),
    ],
)
def test_tables_of_other_formats_are_named(tmp_path, name, options, said):
    pytest.importorskip("h5py")
    Table = pytest.importorskip("astropy.table").Table
    table = Table({"id_str": ["a1", "a2"], "bar_yes": [3, 4], "bar_no": [5, 6]})
    table.write(tmp_path / name, **options)
    with pytest.raises(ValueError, match=f"a CSV, Parquet or FITS table.* Got .*{said}"):
        read_votes(tmp_path / name, "bar", answers=["bar_yes", "bar_no"])
