"""Tables with all questions of a tree: read, written, and joined to galaxies."""

import numpy as np
import pandas as pd
import pytest

from skgalaxy import BayesianCNNRegressor
from skgalaxy.votes import GZ2, GZ_DECALS, DecisionTree, TreeVotes, VoteTable, read_votes

RING = DecisionTree({"ring": ["yes", "no"]})

TREE = DecisionTree(
    {"disc": ["yes", "no"], "arms": ["1", "2", "3"], "odd": ["yes", "no"]},
    asked_after={"arms": ["disc_yes"], "odd": ["disc_yes", "disc_no"]},
    name="Small",
)
COUNTS = np.array([[30, 10, 12, 10, 8, 1, 39], [0, 40, 0, 0, 0, 0, 40]], float)
HEAD = "id_str,smooth-or-featured_smooth,smooth-or-featured_featured-or-disk"
GZ2_HEAD = f"{HEAD},smooth-or-featured_artifact,disk-edge-on_yes,disk-edge-on_no,bar_yes,bar_no"


@pytest.fixture
def table(tmp_path):
    def write(*lines):
        (tmp_path / "votes.csv").write_text("\n".join(lines) + "\n")
        return tmp_path / "votes.csv"

    return write


def test_several_questions_are_those_of_a_published_tree(table):
    votes = read_votes(table(GZ2_HEAD, "a,10,28,2,8,20,5,15", "b,40,0,0,,,0,0"))
    assert isinstance(votes, TreeVotes)
    assert votes.tree is GZ2
    assert votes.questions == ("smooth-or-featured", "disk-edge-on", "bar")
    assert votes.missing == GZ2.questions[3:]
    np.testing.assert_array_equal(votes.counts[0, :7], [10, 28, 2, 8, 20, 5, 15])
    np.testing.assert_array_equal(votes.counts[1, :7], [40, 0, 0, np.nan, np.nan, 0, 0])
    assert np.isnan(votes.counts[:, 7:]).all()
    np.testing.assert_array_equal(votes.n_votes[:, :3], [[40, 28, 20], [40, np.nan, 0]])


def test_one_question_is_a_table_of_it_unless_a_tree_is_named(table):
    path = table(f"{HEAD},smooth-or-featured_artifact", "a,10,28,2")
    assert isinstance(read_votes(path), VoteTable)
    votes = read_votes(path, tree=GZ_DECALS)
    assert votes.questions == ("smooth-or-featured",)
    np.testing.assert_array_equal(votes.votes("smooth-or-featured").counts, [[10, 28, 2]])


def test_a_release_is_chosen(table):
    names = [f"bar-{release}_{a}" for release in ("dr5", "dr8") for a in ("strong", "weak", "no")]
    path = table(",".join(["id_str", *names, "bar-dr12_yes", "bar-dr12_no"]), "a,1,2,3,,,,4,5")
    counted = read_votes(path, tree=GZ_DECALS, release="dr5").votes("bar")
    np.testing.assert_array_equal(counted.counts, [[1, 2, 3]])
    with pytest.raises(ValueError, match=r"`release` must be given .* in the releases dr5, dr8"):
        read_votes(path, tree=GZ_DECALS)
    with pytest.raises(ValueError, match="of the release 'dr1'"):
        read_votes(path, tree=GZ_DECALS, release="dr1")


@pytest.mark.parametrize(
    ("columns", "tree", "message"),
    [
        (
            f"{GZ2_HEAD},smooth-or-featured_dont-know,smooth-or-featured_total-votes",
            GZ2,
            "'smooth-or-featured' must be, in Galaxy .* Got `smooth-or-featured_dont-know`; give",
        ),
        (
            f"{GZ2_HEAD},smooth-or-featured_dont-know",
            GZ2,
            "'smooth-or-featured' .*Got counts beside smooth-or-featured_dont-know, which may be",
        ),
        (
            "id_str,smooth-or-featured_smooth,smooth-or-featured_featured-or-disk,"
            "smooth-or-featured_artifact,bar-dr5_strong,bar-dr5_weak,bar-dr5_no,"
            "disk-edge-on-dr5_yes,disk-edge-on-dr5_no",
            GZ_DECALS,
            "Got smooth-or-featured beside bar-dr5, disk-edge-on-dr5; name the `release`",
        ),
        (
            "id_str,bar-dr12_yes,bar-dr12_no,disk-edge-on-dr12_yes,disk-edge-on-dr12_no",
            GZ_DECALS,
            "'bar' must be, in Galaxy Zoo DECaLS, among strong, weak, no. Got `bar-dr12_yes`",
        ),
    ],
)
def test_a_question_in_a_form_that_the_tree_has_not_is_refused(table, columns, tree, message):
    """And not passed over: the others would be read as if the table lacked it."""
    rows = np.arange(1, 2 * columns.count(",") + 1).reshape(2, -1)
    if "total-votes" in columns:
        rows[:, -1] = rows[:, [0, 1, 2, -2]].sum(axis=1)
    lines = [f"g{i}," + ",".join(map(str, row)) for i, row in enumerate(rows)]
    with pytest.raises(ValueError, match=message):
        read_votes(table(columns, *lines), tree=tree)


def test_a_named_release_is_read_alone(table):
    names = "bar-dr5_strong,bar-dr5_weak,bar-dr5_no,disk-edge-on-dr8_yes,disk-edge-on-dr8_no"
    votes = read_votes(table(f"id_str,{names}", "a,1,2,3,1,1"), tree=GZ_DECALS, release="dr5")
    assert votes.questions == ("bar",)


def test_a_question_of_fractions_only_is_named(table):
    names = "smooth-or-featured_artifact,bar_yes_fraction,bar_no_fraction"
    path = table(f"{HEAD},{names}", "a,1,2,3,0.5,0.5")
    with pytest.warns(UserWarning, match=r"Left out .*: bar, with only fractions without the N"):
        assert "bar" in read_votes(path, tree=GZ2).missing


def test_an_answer_left_out_is_the_rest_of_n(table):
    path = table(f"{HEAD},smooth-or-featured_total-votes", "a,10,28,40", "b,1,2,3")
    np.testing.assert_array_equal(
        read_votes(path, tree=GZ2).votes("smooth-or-featured").counts, [[10, 28, 2], [1, 2, 0]]
    )
    path = table(f"{HEAD},smooth-or-featured_total-votes", "a,10,30,40")
    assert read_votes(path, tree=GZ2).counts[0, 2] == 0
    with pytest.raises(ValueError, match=r"must have all answers .* Got nothing of artifact"):
        read_votes(table(HEAD, "a,10,28"), tree=GZ2)


def test_tasks_of_a_reduction(table):
    tree = DecisionTree({"T0": ["yes", "no"], "T1": ["tight", "loose"]}, {"T1": ["T0_yes"]})
    head = "subject_id,task,data.yes,data.no,data.tight,data.loose"
    path = table(head, "7,T0,3,1,,", "8,T0,,4,,", "7,T1,,,2,1")
    votes = read_votes(path, tree=tree)
    np.testing.assert_array_equal(votes.ids, ["7", "8"])
    np.testing.assert_array_equal(votes.counts, [[3, 1, 2, 1], [0, 4, 0, 0]])


@pytest.mark.parametrize("origin", ["counted", "reconstructed", "drawn"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_is_written_is_read(tmp_path, origin, kind):
    counts = np.vstack([COUNTS, [[5, 5, *[np.nan] * 5]]])
    votes = TreeVotes(["a", "b", "c"], TREE, counts, origin=origin)
    frame, path = votes.to_frame(), tmp_path / f"votes.{kind}"
    assert ("votes_origin" in frame) == (origin != "counted")
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    again = read_votes(path, tree=TREE)
    np.testing.assert_array_equal(again.counts, counts)
    np.testing.assert_array_equal(again.ids, votes.ids)
    of_one = read_votes(path, "disc").reindex(["c", "a"])
    for table in (again, of_one, again.votes("disc")):
        assert table.origin == origin
        assert (origin in repr(table)) == (origin != "counted")
    pd.testing.assert_frame_equal(
        of_one.to_frame(), votes.votes("disc").reindex(["c", "a"]).to_frame()
    )


def test_galaxies_without_a_row_are_not_known():
    votes = TreeVotes(["a", "b"], TREE, COUNTS, origin="drawn").reindex(["b", "z"])
    np.testing.assert_array_equal(votes.counts, [COUNTS[1], np.full(7, np.nan)])
    assert votes.origin == "drawn"
    assert votes.votes("disc").n_votes.tolist() == [40, 0]


def test_whole_table_of_ferengi(shared_data, tmp_path):
    path = tmp_path / "ferengi.csv"
    with open(shared_data / "vote_tables" / "gz_ferengi_full_tree.csv") as file:
        path.write_text("".join(line for line, _ in zip(file, range(500), strict=False)))
    # its volunteers were asked about clumps before they were asked about edges
    with pytest.warns(UserWarning, match=r"before 'disk-edge-on' in Galaxy Zoo 2 were asked it"):
        votes = read_votes(path)
    assert isinstance(votes, TreeVotes)
    assert votes.tree is GZ2
    assert not votes.missing
    assert not np.isnan(GZ2.check_counts(votes.counts)).any()
    raw = pd.read_csv(path)
    np.testing.assert_array_equal(votes.n_votes[:, 2], raw["t03_total_votes"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: read_votes(path, "bar", tree=GZ2), "`tree` must be left out where you name"),
        (lambda path: read_votes(path, tree=TREE), "must have votes on questions of Small: disc"),
        (lambda path: read_votes(path, tree=GZ_DECALS, release="x"), "of the release 'x'"),
        (
            lambda path: read_votes(path, tree=DecisionTree({"bar": ["strong", "no"]})),
            "The answers to 'bar' must be, in Decision tree, among strong, no. Got `bar_yes`",
        ),
        (lambda path: read_votes(path, tree=GZ2).votes("odd-feature"), "one that has votes: smo"),
        (lambda path: read_votes(path, tree=GZ2).votes("bars"), "`question` must be one of"),
    ],
)
def test_bad_questions_are_refused(table, call, message):
    path = table(GZ2_HEAD, "a,10,28,2,8,20,5,15")
    with pytest.raises(ValueError, match=message):
        call(path)


def test_tables_of_both_trees_or_of_none_need_one(table):
    names = "smooth-or-featured_artifact,disk-edge-on_yes,disk-edge-on_no"
    with pytest.raises(ValueError, match=r"`tree` must be given .* are in both published trees"):
        read_votes(table(f"{HEAD},{names}", "a,1,2,3,1,1"))
    names = "id_str,jelly_yes,jelly_no,jelly_total-votes,hat_yes,hat_no,hat_total-votes"
    with pytest.raises(ValueError, match="are in neither published tree"):
        read_votes(table(names, "a,1,2,3,1,1,2"))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tree": "gz2"}, "`tree` must be a DecisionTree"),
        ({"counts": COUNTS[:1]}, "`ids` and `counts` must have the same number of rows"),
        ({"counts": COUNTS / 40}, "`counts` must be counts, .*fractions do not tell"),
        ({"origin": "guessed"}, "`origin` must be"),
        ({"ids": ["a", "a"]}, "`ids`"),
    ],
)
def test_bad_values_are_refused(parameters, message):
    good = {"ids": ["a", "b"], "tree": TREE, "counts": COUNTS}
    with pytest.raises((TypeError, ValueError), match=message):
        TreeVotes(**good | parameters)


def test_votes_of_several_origins_are_refused(tmp_path):
    frame = TreeVotes(["a", "b"], TREE, COUNTS).to_frame()
    frame["votes_origin"] = ["counted", "drawn"]
    frame.to_csv(tmp_path / "mixed.csv", index=False)
    for question in (None, "disc"):
        with pytest.raises(ValueError, match=r"in all rows of .* Got counted, drawn"):
            read_votes(tmp_path / "mixed.csv", question, tree=None if question else TREE)


@pytest.mark.parametrize(
    "table",
    [
        VoteTable(["a", "b"], "ring", ["yes", "no"], [[1, 3], [6, 2]]),
        TreeVotes(["a", "b"], RING, [[1, 3], [6, 2]]),
    ],
)
def test_ids_of_another_catalogue_are_refused(table):
    with pytest.raises(ValueError, match=r"`ids` must be of .* 'a'. Got none .* '7'.*`id_column`"):
        table.reindex(["7", "8"])
    assert len(table.reindex([])) == 0
    assert len(table.reindex(["b", "8"])) == 2


@pytest.mark.parametrize(
    ("table", "tree", "remedy"),
    [
        (VoteTable(["a"], "ring", ["yes", "no"], [[1, 3]]), None, r"pass `votes\(answer\)` of it"),
        (TreeVotes(["a"], RING, [[1, 3]]), RING, "pass its `counts`"),
        (TreeVotes(["a"], RING, [[1, 3]]), None, "pass its `counts`"),
    ],
)
def test_fit_says_how_to_pass_a_table(table, tree, remedy):
    with pytest.raises(ValueError, match=remedy):
        BayesianCNNRegressor(tree=tree).fit(np.zeros((1, 8, 8)), table)
