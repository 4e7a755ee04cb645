"""Vote tables: every dialect and format gives the same counts, and nothing else passes for them."""

import gzip
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from skgalaxy.votes import (
    GZ2,
    GZ_DECALS,
    DecisionTree,
    VoteTable,
    list_questions,
    read_votes,
)

OBJID = "587722981746540704"  # 64 bits: as a float it ends in ...688
GZ2_FIRST = "t01_smooth_or_features_a0{}_{}"
SMOOTH, FEATURED, STAR = (
    GZ2_FIRST.format(*answer)
    for answer in [(1, "smooth"), (2, "features_or_disk"), (3, "star_or_artifact")]
)


def write(path, *lines, encoding="utf-8"):
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


@pytest.fixture
def table(tmp_path):
    """Return a function that writes the lines of a CSV table and gives its path."""
    return lambda *lines, **named: write(tmp_path / "votes.csv", *lines, **named)


# Dialects

DIALECTS = {
    "gz2": [
        f"dr7objid,ra,total_votes,{SMOOTH}_count,{FEATURED}_count,{STAR}_count,{SMOOTH}_weight",
        f"{OBJID},1.5,99,20,10,2,20.5",
        "2,1.5,7,0,3,0,2.9",
    ],
    "gz2 in capitals": [
        f"DR7OBJID,{SMOOTH}_COUNT,{FEATURED}_COUNT,{STAR}_COUNT".upper(),
        f"{OBJID},20,10,2",
        "2,0,3,0",
    ],
    "gz2 raw fractions": [
        f"dr7objid,total_classifications,total_votes,{SMOOTH}_fraction,{FEATURED}_fraction,"
        f"{STAR}_fraction,{FEATURED}_weighted_fraction,{FEATURED}_debiased",
        f"{OBJID},32.0,99,0.625,0.313,0.063,0.8,0.9",
        "2,3,7,0.0,1.0,0.0,0.2,0.3",
    ],
    "decals": [
        "iauname,smooth-or-featured_total-votes,smooth-or-featured_smooth,"
        "smooth-or-featured_smooth_fraction,smooth-or-featured_featured-or-disk,"
        "smooth-or-featured_artifact,smooth-or-featured_artifact_debiased,wrong_size_statistic",
        f"{OBJID},32,20,0.625,10,2,0.0,3.5",
        "2,3,0,0.0,3,0,0.0,3.5",
    ],
    "ortho": [
        "id_str,file_loc,smooth-or-featured-dr5_smooth,smooth-or-featured-dr5_featured-or-disk,"
        "smooth-or-featured-dr5_artifact,gz2_class",
        f"{OBJID},a.jpg,20,10,2,Sb",
        "2,b.jpg,0.0,3.0,0.0,E",
    ],
    "reductions": [
        "subject_id,smooth-or-featured_smooth,smooth-or-featured_featured-or-disk,"
        "smooth-or-featured_artifact,smooth-or-featured_total-votes,smooth-or-featured_smooth_min,"
        "smooth-or-featured_prediction,smooth-or-featured_prediction-conf",
        f"{OBJID},20.0,10.0,2.0,32.0,0.4,smooth,0.9",
        "2,0.0,3.0,0.0,3.0,0.1,featured-or-disk,0.9",
    ],
    "plain": ["objid,smooth,featured,artifact", f"{OBJID},20,10,2", "2,0,3,0"],
}


@pytest.mark.parametrize("lines", DIALECTS.values(), ids=DIALECTS)
def test_dialects_give_the_same_votes(table, lines):
    votes = read_votes(table(*lines), "smooth-or-featured")
    assert votes.ids.tolist() == [OBJID, "2"]
    assert votes.answers == ("smooth", "featured-or-disk", "artifact")
    np.testing.assert_array_equal(votes.counts, [[20, 10, 2], [0, 3, 0]])
    np.testing.assert_array_equal(votes.n_votes, [32, 3])
    assert votes.counts.dtype == votes.n_votes.dtype == np.int64
    np.testing.assert_array_equal(votes.votes("featured"), [[10, 32], [3, 3]])
    assert len(list_questions(table(*lines))) == 1
    np.testing.assert_array_equal(read_votes(table(*lines)).counts, votes.counts)


def test_residual_is_the_distance_from_whole_numbers(table):
    votes = read_votes(table(*DIALECTS["gz2 raw fractions"]))
    assert votes.residual == pytest.approx(0.313 * 32 - 10)  # 0.016; 0.063 x 32 - 2 is the same
    assert read_votes(table(*DIALECTS["gz2"])).residual == 0


def test_gz2_questions_have_zoobots_names(table):
    names = [
        "t02_edgeon_a04_yes_count",
        "t02_edgeon_a05_no_count",
        "t03_bar_a06_bar_count",
        "t03_bar_a07_no_bar_count",
        "t05_bulge_prominence_a10_no_bulge_count",
        "t05_bulge_prominence_a11_just_noticeable_count",
        "t05_bulge_prominence_a12_obvious_count",
        "t05_bulge_prominence_a13_dominant_count",
        "t08_odd_feature_a19_ring_debiased",
    ]
    path = table("dr7objid," + ",".join(names), f"{OBJID},1,2,3,4,5,6,7,8,0.5")
    assert list_questions(path) == {
        "disk-edge-on": ("yes", "no"),
        "bar": ("yes", "no"),
        "bulge-size": ("no", "just-noticeable", "obvious", "dominant"),
    }
    assert read_votes(path, "bulge-size").counts.tolist() == [[5, 6, 7, 8]]
    assert read_votes(path, "bar").n_votes == [7]


def test_panoptes_reduction(table):
    """The layout of panoptes_aggregation: empty is none, and `data.None` who gave no answer."""
    path = table(
        "subject_id,workflow_id,task,reducer,data.None,data.blue,data.no,data.yes,"
        "data.aggregation_version",
        "1,4249,T0,question_reducer,1.0,,1.0,3.0,5.3",
        "1,4249,T1,question_reducer,,1.0,,,5.3",
        "2,4249,T0,question_reducer,,,2.0,,5.3",
        "3,4249,T0,question_reducer,4.0,,,,5.3",
    )
    assert list_questions(path) == {"T0": ("no", "yes")}
    votes = read_votes(path, "T0")
    assert votes.ids.tolist() == ["1", "2", "3"]
    np.testing.assert_array_equal(votes.votes("yes"), [[3, 4], [0, 2], [0, 0]])
    with pytest.raises(ValueError, match=r"`question` must name one .*votes.csv': T0. Got 'T7'"):
        read_votes(path, "T7")


@pytest.mark.parametrize("task", ["task", "reducer_key"])
def test_panoptes_reductions_of_two_workflows_are_not_joined(table, task):
    """The first task of each is "T0", whatever it asks."""
    lines = [f"subject_id,workflow_id,{task},data.yes,data.no", "1,100,T0,5,5", "2,200,T0,9,1"]
    path = table(*lines, "3,100,T1,2,1")
    several = r"counts of the workflows 100, 200, which .*keep the rows of one `workflow_id`"
    for named in ({}, {"answers": ["data.yes", "data.no"]}):
        with pytest.raises(ValueError, match=several):
            read_votes(path, "T0", **named)
    assert list(list_questions(path)) == ["T1"]
    with pytest.raises(ValueError, match=several):
        read_votes(path, tree=DecisionTree({"T0": ["yes", "no"], "T1": ["yes", "no"]}))
    votes = read_votes(table(*lines[:2], "2,100,T0,9,1"), "T0")
    np.testing.assert_array_equal(votes.votes("yes"), [[5, 10], [9, 10]])


def test_panoptes_reduction_repeats_a_subject(table):
    lines = ["subject_id,task,data.yes,data.no", "9,T1,2,", "1,T0,1,2", "1,T0,3,4"]
    with pytest.raises(
        ValueError, match=r"`subject_id` must not repeat. Got 1 in rows 1, 2 of '.*"
    ):
        read_votes(table(*lines), "T0")


def test_panoptes_reduction_without_tasks(table):
    votes = read_votes(table("subject_id,data.yes,data.no", "7,1,2"))
    np.testing.assert_array_equal(votes.votes("yes"), [[1, 3]])


def test_releases_are_kept_apart(table):
    names = "bar-dr5_strong,bar-dr5_no,bar-dr12_yes,bar-dr12_no,lens-euclid_yes,lens-euclid_no"
    path = table(f"id_str,petro_mag,petro_flux,{names}", "a,15,16,1,2,3,4,5,6")
    assert list(list_questions(path)) == ["bar-dr5", "bar-dr12", "lens-euclid"]
    assert read_votes(path, "bar-dr12").counts.tolist() == [[3, 4]]
    with pytest.raises(
        ValueError, match=r"bar-dr5, bar-dr12, .* Got 'bar', which stands for several"
    ):
        read_votes(path, "bar")


def test_columns_can_be_named(table):
    path = table("name,n_jelly,n_not,total", "a,1,2,99")
    votes = read_votes(path, "jelly", answers=["n_jelly", "n_not"], id_column="name")
    np.testing.assert_array_equal(votes.votes("n_jelly"), [[1, 3]])


def test_id_column(table):
    path = table("asset_id,dr7objid,bar_yes,bar_no", f"7,{OBJID},1,2")
    assert read_votes(path, "bar").ids.tolist() == [OBJID]
    assert read_votes(path, "bar", id_column="asset_id").ids.tolist() == ["7"]
    with pytest.raises(ValueError, match=r"`id_column` must be a column of .*Got 'iauname'"):
        read_votes(path, "bar", id_column="iauname")


# Missing votes


def test_missing_votes_are_none_cast(table):
    path = table(
        "id_str,bar_strong,bar_weak,bar_no,bar_total-votes",
        "a,,,,",
        "b,,,,40",  # asked or not, nothing of it is known
        "c,nan,NA,null,0",
        "d,2,,3,5",
    )
    votes = read_votes(path, "bar")
    np.testing.assert_array_equal(votes.n_votes, [0, 0, 0, 5])
    np.testing.assert_array_equal(votes.votes("strong", "weak"), [[0, 0], [0, 0], [0, 0], [2, 5]])


@pytest.mark.parametrize("writer", ["csv", "parquet"])
def test_a_galaxy_with_a_count_missing_has_no_votes(tmp_path, writer):
    """A galaxy with a count missing has no votes, unless a total tells that the count is 0."""
    frame = pd.DataFrame(
        {"id_str": ["a", "b", "c"], "bar_strong": [4, 1, None], "bar_weak": [None, 2, None]}
    ).assign(bar_no=[3, 0, None])
    path = tmp_path / "votes"
    to_csv(frame, path) if writer == "csv" else to_parquet(frame, path)
    gap = r"1 of 3 galaxies have .* \(N = 0\). The first lacks `bar_weak` in row 0 .* id_str a"
    gap = gap.replace("id_str a", r"\(id_str a\)")
    with pytest.warns(UserWarning, match=gap):
        votes = read_votes(path, "bar")
    np.testing.assert_array_equal(votes.counts, [[0, 0, 0], [1, 2, 0], [0, 0, 0]])
    np.testing.assert_array_equal(votes.n_votes, [0, 3, 0])
    with pytest.warns(UserWarning, match=gap):
        counts = read_votes(path, tree=GZ_DECALS).votes("bar").n_votes
    np.testing.assert_array_equal(counts, [0, 3, 0])
    with pytest.warns(UserWarning, match=gap):
        known = read_votes(path, tree=GZ_DECALS).counts[:, GZ_DECALS.slices["bar"]]
    np.testing.assert_array_equal(known, [[np.nan] * 3, [1, 2, 0], [np.nan] * 3])


def test_a_blank_of_a_reduction_is_none_who_said_so(table):
    path = table("subject_id,data.yes,data.no", "7,1,", "8,,2")
    for votes in (read_votes(path), read_votes(path, "bar", answers=["data.yes", "data.no"])):
        np.testing.assert_array_equal(votes.counts, [[1, 0], [0, 2]])


def test_fractions_without_their_total_are_not_known(table):
    head = "id_str,bar_yes_fraction,bar_no_fraction,bar_total-votes"
    votes = read_votes(table(head, "a,0.25,0.75,8", "b,0.25,0.75,", "c,,,0"), tree=GZ2)
    np.testing.assert_array_equal(
        votes.counts[:, GZ2.slices["bar"]], [[2, 6], [np.nan, np.nan], [0, 0]]
    )


def test_missing_fractions_are_none_cast(table):
    head = "id_str,bar_yes_fraction,bar_no_fraction,bar_total-votes"
    votes = read_votes(table(head, "a,,,0", "b,0.0,0.0,0", "c,,,", "d,0.25,0.75,8"), "bar")
    np.testing.assert_array_equal(votes.votes("yes"), [[0, 0], [0, 0], [0, 0], [2, 8]])


def test_a_gap_that_is_not_zero_is_refused(table):
    path = table("id_str,bar_yes,bar_no,bar_total-votes", "a,1,2,3", "b,,2,9")
    message = (
        r"`bar_yes` must be given where .* Got nothing for 7 votes in row 1 of '.*\(id_str b\)"
    )
    with pytest.raises(ValueError, match=message):
        read_votes(path, "bar")


def test_answers_may_fall_short_of_the_total(table):
    votes = read_votes(table("id_str,bar_yes,bar_total-votes", "a,1,9"), "bar")
    np.testing.assert_array_equal(votes.votes("yes"), [[1, 9]])


# Formats


def random_votes(n_galaxies=50):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 30, size=(n_galaxies, 3))
    ids = rng.integers(2**59, 2**60, size=n_galaxies)
    return VoteTable(ids, "bar", ["strong", "weak", "no"], counts, counts.sum(axis=1) + 1)


def to_csv(frame, path):
    frame.to_csv(path, index=False)


def to_gzip(frame, path):
    path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))


def to_csv_with_mark(frame, path):
    frame.to_csv(path, index=False, encoding="utf-8-sig")


def to_windows_csv(frame, path):
    frame.to_csv(path, index=False, lineterminator="\r\n", quoting=1)


def to_parquet(frame, path):
    pytest.importorskip("pyarrow")
    frame.to_parquet(path, index=False)


def to_parquet_of_integers(frame, path):
    to_parquet(frame.astype({"id_str": np.int64}), path)


def to_fits(frame, path):
    table = pytest.importorskip("astropy.table")
    columns = {name: frame[name].to_numpy(dtype=None) for name in frame}
    for name in frame.select_dtypes(exclude="number"):
        columns[name] = columns[name].astype(str)
    table.Table(columns).write(path, format="fits")


def to_packed_fits_of_integers(frame, path):
    plain = path.with_name("plain")
    to_fits(frame, plain)
    table = pytest.importorskip("astropy.table").Table.read(plain)
    table["id_str"] = table["id_str"].astype(np.int64)
    table.write(plain, format="fits", overwrite=True)
    path.write_bytes(gzip.compress(plain.read_bytes()))


FORMATS = [
    to_csv,
    to_gzip,
    to_csv_with_mark,
    to_windows_csv,
    to_parquet,
    to_parquet_of_integers,
    to_fits,
    to_packed_fits_of_integers,
]


@pytest.mark.parametrize("writer", FORMATS)
def test_round_trip(tmp_path, writer):
    """What a table writes, it reads again, whatever the file is called."""
    votes, path = random_votes(), tmp_path / "votes"
    votes.origin = "drawn"
    writer(votes.to_frame(), path)
    again = read_votes(path, "bar")
    assert again.origin == "drawn"
    for name in ("ids", "counts", "n_votes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(votes, name))
    assert again.answers == votes.answers
    assert again.source == str(path)


def test_parquet_integers_with_gaps_stay_whole(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"id_str": [2**60 + 1, 5], "bar_yes": [1, None], "bar_no": [2, None]})
    frame.astype({"id_str": "Int64", "bar_yes": "Int64"}).to_parquet(tmp_path / "votes")
    votes = read_votes(tmp_path / "votes", "bar")
    assert votes.ids.tolist() == [str(2**60 + 1), "5"]
    np.testing.assert_array_equal(votes.votes("yes"), [[1, 3], [0, 0]])


def test_fits_nulls_are_missing(tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    columns = [
        fits.Column("ID_STR", "K", array=np.array([2**60 + 1, 5])),
        fits.Column("bar_yes", "J", null=-99, array=np.array([1, -99])),
        fits.Column("bar_no", "D", array=np.array([2, np.nan])),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "votes")
    votes = read_votes(tmp_path / "votes", "bar")
    assert votes.ids.tolist() == [str(2**60 + 1), "5"]
    np.testing.assert_array_equal(votes.votes("yes"), [[1, 3], [0, 0]])


@pytest.mark.parametrize("kind", ["parquet", "fits"])
def test_float_ids_are_refused_in_any_format(tmp_path, kind):
    frame = pd.DataFrame({"objid": [5.0, 6.0], "bar_yes": [1, 2], "bar_no": [1, 2]})
    path = tmp_path / "votes"
    if kind == "parquet":
        to_parquet(frame, path)
    else:
        pytest.importorskip("astropy.table").Table.from_pandas(frame).write(path, format="fits")
    with pytest.raises(
        ValueError, match=r"`objid` must be text or integers: .* Got 5.0 in row 0 of"
    ):
        read_votes(path, "bar")


ONCE = """
import csv, os, sys
from skgalaxy.datasets import load_galaxy_zoo
from skgalaxy.votes import _text_table, list_questions, read_votes

opened, parsed = [], []

def note(event, arguments):
    if event == "open":
        opened.append(str(arguments[0]))

class Csv:
    Error = csv.Error

    class reader:
        def __init__(self, *arguments, **named):
            self.rows = csv.reader(*arguments, **named)

        def __iter__(self):
            return self

        def __next__(self):
            parsed.append(next(self.rows))
            return parsed[-1]

sys.addaudithook(note)
_text_table.csv = Csv
folder, *names = sys.argv[1:]
for name in names:
    path = os.path.join(folder, name)
    first = list(list_questions(path))[0]
    for call in (
        lambda: list_questions(path),
        lambda: read_votes(path, first),
        lambda: load_galaxy_zoo(folder, votes_file=name, answer="yes", crop=None),
    ):
        opened.clear(), parsed.clear()
        call()
        print(name, opened.count(path), len(parsed))
"""


def test_a_table_is_opened_and_parsed_once(tmp_path):
    """In a process of its own, because an audit hook stays."""
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "images").mkdir()
    for name in ("1", "2"):
        image.linear_gradient("L").save(tmp_path / "images" / f"{name}.png")
    frame = VoteTable(["a", "b"], "bar", ["yes", "no"], [[1, 2], [3, 4]]).to_frame()
    frame["asset_id"] = ["1", "2"]
    writers = [to_csv, to_gzip, to_parquet, to_fits]
    for writer in writers:
        writer(frame.astype({"asset_id": int}), tmp_path / writer.__name__)
    reduction = ["subject_id,task,data.yes,data.no", "1,T0,1,2", "2,T0,5,6"]
    write(tmp_path / "reduction", *reduction)
    names = [*(writer.__name__ for writer in writers), "reduction"]
    command = [sys.executable, "-c", ONCE, str(tmp_path), *names]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert printed[1::3] == ["1"] * 15
    n_rows = dict(zip(names, np.reshape(printed[2::3], (-1, 3)).astype(int).tolist(), strict=True))
    # the header, to find the columns of the question; then all rows once
    for name in ("to_csv", "to_gzip"):
        assert n_rows[name] == [1, 1 + 3, 1 + 3]
    assert n_rows["reduction"] == [1 + 3] * 3  # what its tasks are is in the rows


# Bad files

HEAD = "id_str,bar_yes,bar_no,bar_total-votes"


def test_no_file(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"`path` must be an existing file. Got '.*nowhere'"
    ):
        read_votes(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [HEAD, "a,1,2,3", "b,1,2"],
            r"as the header, 4. Got 3 in row 1 \(line 3\) of '.*votes.csv'",
        ),
        ([HEAD, "", "b,1,2,3,4"], r"as the header, 4. Got 5 in row 0 \(line 3\)"),
        ([HEAD, 'a,"1,2,3'], r"must be a CSV table. Got '.*votes.csv': unexpected end of data in"),
        ([HEAD + ",bar_no", "a,1,2,3,4"], "distinct names. Got 'bar_no' 2 times in '.*votes.csv'"),
        ([HEAD], "`path` must hold at least one galaxy. Got none in '.*votes.csv'"),
        ([""], "`path` must hold a table. Got an empty file, '.*votes.csv'"),
        (
            [HEAD.replace(",", " "), "a 1 2 3"],
            "must have columns of votes .* Got columns id_str bar",
        ),
    ],
)
def test_malformed_csv(table, lines, message):
    with pytest.raises(ValueError, match=message):
        read_votes(table(*lines), "bar")


def test_empty_file(tmp_path):
    (tmp_path / "votes.csv").write_bytes(b"")
    with pytest.raises(ValueError, match="Got an empty file"):
        list_questions(tmp_path / "votes.csv")


@pytest.mark.parametrize(
    ("encoding", "message"),
    [("latin-1", r"byte 0xe9 in line 3; save it as UTF-8"), ("utf-16", "byte 0xf[ef] in line 1")],
)
def test_not_utf_8(table, encoding, message):
    with pytest.raises(ValueError, match=rf"CSV in UTF-8. Got '.*votes.csv': {message}"):
        read_votes(table(HEAD, "a,1,2,3", "é,1,2,3", encoding=encoding), "bar")


def test_truncated_gzip(tmp_path):
    path = tmp_path / "votes.csv.gz"
    path.write_bytes(gzip.compress(b"\n".join([HEAD.encode()] + [b"a,1,2,3"] * 99))[:-20])
    with pytest.raises(ValueError, match=r"must be a whole gzip file. Got '.*votes.csv.gz'"):
        read_votes(path, "bar")


@pytest.mark.filterwarnings("ignore:.*truncated")
@pytest.mark.parametrize("writer", [to_parquet, to_fits])
def test_truncated_binary_table(tmp_path, writer):
    path = tmp_path / "votes"
    writer(random_votes(3000).to_frame(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    kind = writer.__name__.removeprefix("to_")
    with pytest.raises(ValueError, match=rf"(?i)must be a {kind} table. Got '.*votes'"):
        read_votes(path, "bar")


def test_fits_image_is_no_table(tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "image.fits")
    with pytest.raises(ValueError, match=r"FITS table. Got '.*image.fits': it holds no table"):
        read_votes(tmp_path / "image.fits")


# Bad rows


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("b,1,2.5,3", r"`bar_no` must be whole .* Got 2.5 in row 1 of '.*votes.csv' \(id_str b\)"),
        ("b,-1,4,3", r"`bar_yes` must be whole numbers >= 0, .* Got -1 in row 1 of"),
        ("b,1,2,-99", r"`bar_total-votes` must be whole numbers >= 0, .* Got -99 in row 1 of"),
        ("b,1,two,3", r"`bar_no` must be numbers. Got 'two' in row 1 of"),
        ("b,1,inf,3", r"`bar_no` must be numbers. Got 'inf' in row 1 of"),
        ("b,1,3,3", r"'bar' must not be more .* Got 4 of 3 in row 1 of '.*votes.csv' \(id b\)"),
        ("b,1,2,", r"Got 3 of 0 in row 1 of"),
        (",1,2,3", r"`id_str` must be given in every row. Got none in row 1 of '.*votes.csv'"),
        ("a,1,2,3", r"`id_str` must not repeat. Got a in rows 0, 1 of '.*votes.csv'"),
        ("68.0,1,2,3", r"`id_str` must be text or integers: .* Got 68.0 in row 1 of '.*votes.csv'"),
        (
            "5.87722981746540704e+17,1,2,3",
            r"their last digits are lost. Got 5.87722981746540704e\+17",
        ),
        ("6E+17,1,2,3", r"Got 6E\+17 in row 1 of"),
        ('"5,87722981746541E+17",1,2,3', r"Got 5,87722981746541E\+17 in row 1 of"),
        ('"68,0",1,2,3', r"Got 68,0 in row 1 of"),
    ],
)
def test_bad_rows(table, row, message):
    with pytest.raises(ValueError, match=message):
        read_votes(table(HEAD, "a,1,2,3", row), "bar")


CUT = ["587722981742215000", "587722981742216000", "587722981742217000"]


@pytest.mark.parametrize("others", [[], ["J1457", "12"]])
def test_ids_that_a_spreadsheet_has_cut(table, others):
    path = table(HEAD, *(f"{id_},1,2,3" for id_ in [*others, *CUT]))
    where = f"Got 587722981742215000 in row {len(others)} of '.*votes.csv', .* spreadsheet"
    with pytest.raises(ValueError, match=f"`id_str` must have all their digits. {where}"):
        read_votes(path, "bar")


@pytest.mark.parametrize(
    "ids",
    [
        [*CUT, "587722981742217001"],
        CUT[:2],  # one in a million by chance
        ["1234567890123450", "1234567890123460", "1234567890123470"],  # one in a thousand
        ["123456789012000", "123456789013000", "123456789014000"],  # all digits are kept
    ],
)
def test_ids_that_end_in_zeros(table, ids):
    assert read_votes(table(HEAD, *(f"{id_},1,2,3" for id_ in ids)), "bar").ids.tolist() == ids


def test_ids_that_only_look_mangled(table):
    ids = ["J145719.64-005037.2", "1237.301.5", "12e5", "0042", "é"]
    votes = read_votes(table(HEAD, *(f" {name} ,1,2,3" for name in ids)), "bar")
    assert votes.ids.tolist() == ids


# What is no count


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            "t03_bar_a06_bar_weighted_fraction,t03_bar_a06_bar_debiased,t03_bar_a07_no_bar_weight",
            "'bar' has no counts of .* Got only debiased and weight and weighted fraction",
        ),
        ("t03_bar_a06_bar_fraction", "Got only fractions without the N of the question"),
        ("t03_bar_a06_bar_count", "Got only counts of some answers only"),
        ("bar_strong", "Got only counts of one answer only"),
        ("bar_strong_fraction,bar_strong_debiased", "Got only fractions without .* and debiased"),
    ],
)
def test_refused_columns(table, names, message):
    path = table(f"id_str,total_classifications,total_votes,{names}", "a,40,200,1,1,1")
    assert "bar" not in list_questions(path)
    with pytest.raises(ValueError, match=message):
        read_votes(path, "bar")


def test_total_of_all_questions_is_never_n(table):
    lines = [
        f"objid,total_votes,total_classifications,{SMOOTH}_count,{FEATURED}_count,{STAR}_count"
    ]
    votes = read_votes(table(*lines, "1,295,45,20,20,2"))
    assert votes.n_votes == [42]
    some = table(lines[0].replace(f",{STAR}_count", ""), "1,295,45,20,20")
    assert read_votes(some).n_votes == [45]  # everyone is asked the first question


def test_kaggle(table):
    with pytest.raises(ValueError, match=r"votes.csv' is the table of Kaggle's .* multiplied down"):
        read_votes(table("GalaxyID,Class1.1,Class1.2", "1,0.5,0.5"))


def test_classification_export(table):
    with pytest.raises(ValueError, match="is a classification export, one row per click"):
        read_votes(table("classification_id,user_name,annotations,subject_ids", "1,a,[],7"))


def test_fractions_that_do_not_make_counts(table):
    head = "id_str,bar_yes_fraction,bar_no_fraction,bar_total-votes"
    path = table(head, "a,0.5,0.5,10", "b,0.33,0.67,10")
    message = r"`bar_yes_fraction` x `bar_total-votes` .* Got 3.300 in row 1 of '.*' \(id_str b\)"
    with pytest.raises(ValueError, match=message):
        read_votes(path, "bar")
    votes = read_votes(path, "bar", tolerance=0.31)
    np.testing.assert_array_equal(votes.votes("yes"), [[5, 10], [3, 10]])
    assert votes.residual == pytest.approx(0.3)
    with pytest.raises(
        ValueError, match=r"`bar_yes_fraction` must be fractions .* Got 50 in row 0"
    ):
        read_votes(table(head, "a,50,50,10"), "bar")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            {"dialect": "gz2"},
            r"votes in the dialect gz2. Got columns id_str, .* looks like 'zoobot'",
        ),
        (
            {"dialect": "gz3"},
            "`dialect` must be one of 'auto', 'gz2', 'gz1', 'panoptes', 'zoobot', 'plain'",
        ),
        ({"question": "merging"}, r"must name one question of '.*votes.csv': bar. Got 'merging'"),
        ({"question": None, "answers": ["bar_yes", "bar_no"]}, "`question` must be given with"),
        ({"answers": ["bar_yes", "bar"]}, r"`answers` must be columns of .* Got 'bar'"),
        ({"answers": ["bar_yes"]}, "`answers` must be distinct names, at least 2. Got"),
        ({"answers": ["bar_yes"] * 2}, "`answers` must be distinct names, at least 2"),
        ({"tolerance": 0.5}, r"`tolerance` must be a number in \[0, 0.5\). Got 0.5"),
    ],
)
def test_bad_arguments(table, named, message):
    with pytest.raises(ValueError, match=message):
        read_votes(table(HEAD, "a,1,2,3"), **{"question": "bar"} | named)


def test_unknown_columns(table):
    message = r"dialect gz2 or .* Got columns objid, class. Name the columns .* in `answers`"
    with pytest.raises(ValueError, match=message):
        read_votes(table("objid,class", "1,2"))
    with pytest.raises(ValueError, match=r"Got columns c0, .*, c7, ... \(30\)"):
        read_votes(table(",".join(f"c{n}" for n in range(30))))


# VoteTable


def test_table_of_integers_and_sums():
    votes = VoteTable(np.array([2**60 + 1]), "bar", ["strong", "weak", "no"], [[1, 2, 4]])
    assert votes.ids.tolist() == ["1152921504606846977"]
    np.testing.assert_array_equal(votes.votes("no", "strong"), [[5, 7]])
    assert repr(votes) == "VoteTable('bar': strong, weak, no; 1 galaxies, 7 votes)"


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ((), "`answers` must name one or more of round, rounded, no, each once. Got ()"),
        (("no", "no"), "each once"),
        (("n", "no"), "each once"),
        (("r",), "to 'bulge' must be among round, rounded, no. Got 'r': several begin so"),
        (("yes",), "Got 'yes': none is called so"),
    ],
)
def test_votes_refuses(answers, message):
    votes = VoteTable([1], "bulge", ["round", "rounded", "no"], [[1, 2, 4]])
    assert votes.votes("round")[0, 0] == 1  # in full, though another begins so
    with pytest.raises(ValueError, match=message):
        votes.votes(*answers)


def test_reindex_keeps_order_and_adds_galaxies_without_votes():
    votes = random_votes()
    assert len(votes) == 50
    ids = [*votes.ids[[7, 3]], "new"]
    again = votes.reindex(ids)
    np.testing.assert_array_equal(again.counts[:2], votes.counts[[7, 3]])
    np.testing.assert_array_equal(again.n_votes, [*votes.n_votes[[7, 3]], 0])
    assert again.ids.tolist() == ids
    nobody = VoteTable([], "bar", votes.answers, np.empty((0, 3)))
    assert nobody.reindex(ids).n_votes.tolist() == [0, 0, 0]
    assert len(nobody.reindex([])) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ids": [1.0, 2.0]}, "`ids` must be text or integers: .* Got 1.0 in row 0"),
        ({"ids": ["a", None]}, "`ids` must be given in every row. Got none in row 1"),
        ({"ids": ["a", "a"]}, "`ids` must not repeat. Got a in rows 0, 1"),
        ({"ids": [["a"], ["b"]]}, r"`ids` must have shape \(n_galaxies,\). Got shape \(2, 1\)"),
        ({"answers": ["yes", "yes"]}, "`answers` must be distinct"),
        ({"counts": [[1, 2]]}, r"`counts` must .* shape \(2, 2\). Got shape \(1, 2\)"),
        (
            {"counts": [[1, 2], [3, np.nan]]},
            "`counts` must be whole numbers >= 0. Got nan in row 1",
        ),
        ({"n_votes": [3, 3]}, r"more than the votes N on it. Got 7 of 3 in row 1 \(id b\)"),
        ({"n_votes": [3]}, "`n_votes` must be one integer or one per galaxy"),
        ({"residual": 0.7}, "`residual` must be a number in"),
    ],
)
def test_table_refuses(changed, message):
    given = {"ids": ["a", "b"], "question": "bar", "answers": ["yes", "no"]}
    with pytest.raises(ValueError, match=message):
        VoteTable(**given | {"counts": [[1, 2], [3, 4]]} | changed)
    with pytest.raises(
        TypeError, match=r"`answers` must be a sequence of names. Got the text 'yes'"
    ):
        VoteTable(["a"], "bar", "yes", [[1]])


# Real tables


def test_hart16_gives_the_exact_votes(shared_data):
    """Raw fractions x total of the catalogue are the counts that are known of the same galaxies."""
    folder = shared_data / "galaxy_zoo_2"
    mapping = pd.read_csv(folder / "gz2_filename_mapping.csv", dtype=str).set_index("objid")
    exact = read_votes(folder / "votes.csv", "smooth-or-featured", id_column="asset_id")
    hart16 = read_votes(folder / "hart16_rows.csv", "smooth-or-featured", id_column="dr7objid")
    asset_ids = mapping.loc[hart16.ids, "asset_id"].to_numpy(dtype=str)
    exact = exact.reindex(asset_ids)
    assert len(hart16) == 800
    for answer in ("featured", "smooth"):
        np.testing.assert_array_equal(hart16.votes(answer), exact.votes(answer))
    assert (exact.n_votes > 0).all()
    # three decimals of a fraction of at most 73 votes
    assert 0 < hart16.residual <= 0.0005 * hart16.n_votes.max() + 1e-5
    with pytest.raises(ValueError, match=r"'bar' has no counts .* debiased and weighted"):
        read_votes(folder / "hart16_rows.csv", "bar")


@pytest.mark.parametrize(
    ("name", "total", "n_galaxies"),
    [
        ("gz_decals_votes.csv", "total_votes", 7884),
        ("gz2_stripe82_coadd_votes.csv", "total_classifications", 19761),
    ],
)
def test_published_tables_load_whole(shared_data, name, total, n_galaxies):
    path = shared_data / "vote_tables" / name
    votes = read_votes(path, "smooth-or-featured")
    assert len(votes) == n_galaxies
    assert votes.answers == ("smooth", "featured-or-disk", "artifact")
    frame = pd.read_csv(path)
    np.testing.assert_array_equal(votes.n_votes, frame[total])
    np.testing.assert_array_equal(votes.ids, frame.iloc[:, 0].astype(str))
    np.testing.assert_array_equal(votes.counts.sum(axis=1), votes.n_votes)


# The house


def test_votes_need_no_network():
    code = (
        "import sys, skgalaxy.votes; names = ['keras', 'tensorflow', 'matplotlib', 'astropy'];"
        "assert not set(names) & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("head", "package"), [(b"PAR1", "pyarrow"), (b"SIMPLE  =", "astropy")])
def test_missing_packages_are_named(tmp_path, monkeypatch, head, package):
    for name in (package, "astropy.io.fits"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "votes").write_bytes(head)
    with pytest.raises(ImportError, match=rf"`read_votes` needs {package}, .*skgalaxy's extra \["):
        read_votes(tmp_path / "votes")


def test_columns_of_a_frame_are_taken_by_their_names():
    """Whatever their order; names of no answers tell nothing."""
    for names in (["no", "yes"], ["bar_no", "bar_yes"]):
        table = VoteTable(["a"], "bar", ["yes", "no"], pd.DataFrame([[9, 1]], columns=names))
        np.testing.assert_array_equal(table.votes("yes"), [[1, 10]])
    table = VoteTable(["a"], "bar", ["yes", "no"], pd.DataFrame([[9, 1]]))
    np.testing.assert_array_equal(table.votes("yes"), [[9, 10]])
    arms = VoteTable(["a"], "arms", ["1", "2"], pd.DataFrame([[9, 1]]))
    np.testing.assert_array_equal(arms.counts, [[9, 1]])
    for names in (["yes", "nein"], ["yes", "yes"], ["yes", "no", "bar_no"]):
        frame = pd.DataFrame([[9] * len(names)], columns=names)
        with pytest.raises(ValueError, match="`counts` must have the columns yes, no, each once"):
            VoteTable(["a"], "bar", ["yes", "no"], frame)
