"""Vote tables as people keep them: delimiters, comments, masks; what is written is read again."""

from typing import Any

import numpy as np
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


@pytest.mark.parametrize("path", [None, 3, b"votes.csv", ["votes.csv"]])
def test_a_path_is_text(path):
    with pytest.raises(TypeError, match="`path` must be the path of a file, as text or path-like"):
        read_votes(path)
