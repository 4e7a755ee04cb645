"""Exports of workflows that lead volunteers down a tree: walks become counts of all answers."""

import json

import numpy as np
import pandas as pd
import panoptes_export
import pytest
from test_zooniverse import export_rows

from skgalaxy.votes import GZ2, DecisionTree
from skgalaxy.zooniverse import read_tree_classifications

TREE = DecisionTree(
    {
        "smooth": ["smooth", "featured", "artifact"],
        "disk-edge-on": ["yes", "no"],
        "bar": ["yes", "no"],
        "odd": ["yes", "no"],
    },
    {
        "disk-edge-on": ["smooth_featured"],
        "bar": ["disk-edge-on_no"],
        "odd": ["smooth_smooth", "smooth_featured"],
    },
    name="Toy",
    texts={"bar": {"text": "Is there a bar?"}, "odd": {"text": "Anything odd?"}},
)
TASKS = {"T0": "smooth", "T1": "disk-edge-on", "T2": "bar", "T3": "odd"}
LABELS = {"smooth": {"Features or Disk": "featured", "Star or Artifact": "artifact"}}
LABELS["bar"] = {"A bar": "yes"}


def walk_rows(*walks, **changes):
    """Rows of one galaxy, each a volunteer's answers: (task, question, value)."""
    rows = export_rows([(f"v{n}", "") for n in range(len(walks))], **changes)
    for row, walk in zip(rows, walks, strict=True):
        said = [dict(zip(("task", "task_label", "value"), each, strict=True)) for each in walk]
        row["annotations"] = json.dumps(said)
    return rows


def by_name(*said):
    """A walk whose tasks are called as the tree's questions."""
    return [(f"T{n}", question, value) for n, (question, value) in enumerate(said)]


def counts_of(votes):
    """Counts of one galaxy that are not 0, by answer; None where they are not known."""
    assert len(votes) == 1
    counts = dict(zip(votes.tree.columns, votes.counts[0].tolist(), strict=True))
    return {name: None if n != n else n for name, n in counts.items() if n != 0}


def write_manifest_of(tmp_path, ids):
    """A manifest as the player takes it, with one image for all."""
    (tmp_path / "a.png").write_bytes(b"png")
    pd.DataFrame({"image": "a.png", "#id_str": ids}).to_csv(tmp_path / "m.csv", index=False)
    return tmp_path / "m.csv"


@pytest.mark.parametrize("seed", [0, 1])
def test_against_the_independent_writer(tmp_path, seed):
    ids = ["587722981742215240", "b", "c"]
    counts = panoptes_export.write_export(
        write_manifest_of(tmp_path, ids),
        tmp_path / "export.csv",
        dict.fromkeys(ids, 0),
        n_volunteers=60,
        seed=seed,
        classify=panoptes_export.classify_tree,
    )
    reading = {"tasks": TASKS, "answers": LABELS, "ids": ids}
    reading |= {"workflow_id": 21802, "workflow_version": 12}
    known = "(whom Toy does not lead to the question .*: bar)|(passed over: T9 'Mark it')"
    with pytest.warns(UserWarning, match=known) as told:
        votes = read_tree_classifications(tmp_path / "export.csv", TREE, **reading)
    assert len(told) == 2
    np.testing.assert_array_equal(votes.counts, [list(counts[id_].values()) for id_ in ids])
    np.testing.assert_array_equal(TREE.check_counts(votes.counts), votes.counts)
    for question in TREE.questions:
        parents = [TREE.columns.index(f"{q}_{a}") for q, a in TREE.parents(question)]
        asked = votes.counts[:, TREE.slices[question]].sum(axis=1)
        assert not parents or (asked <= votes.counts[:, parents].sum(axis=1)).all()
    # a galaxy alone has the same votes
    with pytest.warns(UserWarning, match=known):
        alone = read_tree_classifications(
            tmp_path / "export.csv", TREE, **(reading | {"ids": ["c"]})
        )
    np.testing.assert_array_equal(alone.counts, votes.counts[2:])


class TestNames:
    def test_tasks_and_answers_of_the_same_name(self, write_export):
        smooth, edge = ("Smooth?", "FEATURED"), ("Disk edge_on", "![i](j.png) No.")
        rows = walk_rows(
            by_name(smooth, edge, ("is there a bar", "Yes"), ("Anything odd?", "No")),
            by_name(smooth, edge, ("bar", "no"), ("odd", "yes!")),
        )
        votes = read_tree_classifications(write_export(rows), TREE)
        expected = {"smooth_featured": 2, "disk-edge-on_no": 2, "bar_yes": 1, "bar_no": 1}
        assert counts_of(votes) == expected | {"odd_yes": 1, "odd_no": 1}

    def test_signs_are_not_dropped(self, write_export):
        """An answer ">4" is not "4", nor is the fifth answer, the number 4."""
        tree = DecisionTree({"arms": ["4", "cant-tell"]})
        rows = walk_rows(*([("T0", "arms", value)] for value in ("4", "Can't tell", ">4", 4)))
        votes, unread = read_tree_classifications(write_export(rows), tree, on_error="report")
        assert counts_of(votes) == {"arms_4": 1, "arms_cant-tell": 1}
        assert unread["row"].tolist() == [2, 3]
        assert "'arms' that is none of the tree's, '>4'" in unread["reason"][0]
        assert "an answer by its number, 4" in unread["reason"][1]
        path = write_export(walk_rows([("T0", "arms", 4)]))  # not even where there are no texts
        with pytest.raises(ValueError, match=r"`answers` must say .*'4' \(in 1 rows\)"):
            read_tree_classifications(path, tree)
        fifth = {"arms": {"4": "cant-tell"}}
        votes = read_tree_classifications(path, tree, answers=fifth)
        assert counts_of(votes) == {"arms_cant-tell": 1}

    def test_all_labels_without_an_answer_are_told(self, write_export):
        rows = walk_rows(
            by_name(("smooth", "Round")),
            by_name(("smooth", "Round")),
            by_name(("smooth", "featured"), ("disk-edge-on", "Perhaps")),
        )
        with pytest.raises(
            ValueError, match=r"`answers` must .*'Round' \(in 2 .*'Perhaps'"
        ) as told:
            read_tree_classifications(write_export(rows), TREE)
        assert "disk-edge-on (yes, no)" in str(told.value)
        rounded = {"smooth": {"Round": "smooth"}, "disk-edge-on": {"Perhaps": "yes"}}
        with pytest.warns(UserWarning, match="No task .* asks bar, odd, of which"):
            votes = read_tree_classifications(write_export(rows), TREE, answers=rounded)
        assert votes.counts[0, :5].tolist() == [2, 1, 0, 1, 0]

    def test_two_questions_of_one_name_are_not_told_apart(self, write_export):
        texts = {"bar": {"text": "What?"}, "ring": {"text": "what"}}
        tree = DecisionTree({"bar": ["yes"], "ring": ["yes"]}, texts=texts)
        path = write_export(walk_rows([("T0", "What", "yes")]))
        with pytest.raises(ValueError, match=r"`tasks` must say which .* holds T0 'What'"):
            read_tree_classifications(path, tree)

    @pytest.mark.parametrize(("version", "is_told"), [("12.10", True), ("13.1", False)])
    def test_images_side_by_side_are_two_answers(self, write_export, version, is_told):
        tree = DecisionTree({"ring": ["ring", "none"]})
        rows = walk_rows([("T0", "ring", "![i](1.png) Ring")])
        rows += walk_rows([("T0", "ring", "![i](2.png) Ring")], workflow_version=version)
        rows[1]["user_name"] = "other"
        if is_told:
            with pytest.raises(ValueError, match="differ in their images only"):
                read_tree_classifications(write_export(rows), tree)
        else:
            assert counts_of(read_tree_classifications(write_export(rows), tree)) == {
                "ring_ring": 2
            }

    def test_old_wordings_of_other_galaxies_refuse_nothing(self, write_export):
        other = {"subject_data": '{"8": {"#id_str": "old"}}', "user_name": "eve"}
        rows = walk_rows([("T0", "ring", "Yes")]) + walk_rows([("T0", "ring", "Aye")], **other)
        tree = DecisionTree({"ring": ["yes", "no"]})
        votes = read_tree_classifications(write_export(rows), tree, ids=["587"])
        assert counts_of(votes) == {"ring_yes": 1}


class TestWalks:
    tree = DecisionTree(
        {"disk": ["yes", "no"], "bar": ["yes", "no"], "size": ["big", "small"]},
        {"bar": ["disk_yes"], "size": ["bar_yes"]},
    )

    def read(self, write_export, *walks, **given):
        return read_tree_classifications(write_export(walk_rows(*walks)), self.tree, **given)

    def test_what_a_volunteer_was_not_led_to_is_counted_apart(self, write_export):
        """Nor what that leads to; a task that is skipped leads nowhere."""
        more = [("bar", "yes"), ("size", "big")]
        walks = [by_name(("disk", value), *more) for value in ("yes", "no", None)]
        with pytest.warns(UserWarning, match=r"not counted in .*: bar \(2\), size \(2\)"):
            votes = self.read(write_export, *walks)
        assert counts_of(votes) == {"disk_yes": 1, "disk_no": 1, "bar_yes": 1, "size_big": 1}

    def test_tasks_of_no_question_are_counted(self, write_export):
        walks = [[*by_name(("disk", "no")), ("T8", "Stars", [3])], [("T8", "Stars", "7")]]
        known = r"(passed over: T8 'Stars' \(2 answers\))|(asks bar, size)"
        with pytest.warns(UserWarning, match=known) as told:
            votes = self.read(write_export, *walks)
        assert np.isnan(votes.counts[0, 2:]).all()
        assert len(told) == 2

    def test_below_a_question_that_no_task_asks(self, write_export):
        """Nobody knows who was led to the size; but not those who saw no disk."""
        said = [by_name(("disk", value), ("size", "big")) for value in ("yes", "no")]
        known = r"(asks bar, of which)|(are not counted .*: size \(1\))"
        with pytest.warns(UserWarning, match=known) as told:
            votes = self.read(write_export, *said)
        assert counts_of(votes) == {
            **{"disk_yes": 1, "disk_no": 1, "bar_yes": None, "bar_no": None},
            "size_big": 1,
        }
        assert len(told) == 2

    def test_a_task_that_nobody_has_met_yet(self, write_export):
        """It is known that nobody was asked, unless somebody was led there: then it is no task."""
        tasks = {"T0": "disk", "T1": "bar", "T7": "size"}
        votes = self.read(write_export, by_name(("disk", "no")), tasks=tasks)
        assert counts_of(votes) == {"disk_no": 1}
        with pytest.raises(ValueError, match=r"Got 'T7' for 'size', to which 1 .* holds T0 'disk'"):
            self.read(write_export, by_name(("disk", "yes"), ("bar", "yes")), tasks=tasks)
        with pytest.raises(ValueError, match=r"`tasks` must name tasks .* Got T9; .* holds T0"):
            self.read(write_export, by_name(("disk", "yes")), tasks={"T9": "disk"})

    def test_one_question_by_two_ways(self, write_export):
        walks = [[("T0", "disk", "yes")], [("T5", "disk?", "no")], by_name(("disk", "yes"))]
        walks[2] += [("T5", "disk", "no")]  # the first answer counts
        with pytest.warns(UserWarning, match="asks bar, size"):
            votes = self.read(write_export, *walks, tasks={"T0": "disk", "T5": "disk"})
        assert votes.counts[0, :2].tolist() == [2, 1]

    def test_a_task_that_once_asked_something_else(self, write_export):
        walks = [[("T0", "A disk?", "yes")], [("T0", "A disk at all?", "no")]]
        with pytest.warns(UserWarning, match="(T0 asks 2 questions in)|(asks bar, size)"):
            self.read(write_export, *walks, tasks={"T0": "disk"})

    def test_tasks_of_several_answers(self, write_export):
        with pytest.raises(ValueError, match=r"row 0 .*no single answer, \['a', 'b'\]"):
            self.read(write_export, by_name(("disk", ["a", "b"])))

    def test_texts_are_no_answers(self, write_export):
        walks = ([("T0", "disk", f"I saw {n}")] for n in range(1001))
        with pytest.raises(ValueError, match="`tasks` must have answers to choose from, at most"):
            self.read(write_export, *walks)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"tree": "gz2"}, TypeError, "`tree` must be a DecisionTree. Got 'gz2'"),
        ({"tasks": ["T0"]}, TypeError, "`tasks` must be a mapping"),
        ({"tasks": {}}, ValueError, "`tasks` must not be empty"),
        ({"tasks": {"T0": "bra"}}, ValueError, "questions of Toy: smooth.* Got 'bra' for 'T0'"),
        ({"answers": {"bar": "yes"}}, TypeError, "`answers` must be a mapping of questions"),
        ({"answers": {"bra": {}}}, ValueError, "`answers` must be to questions of Toy"),
        ({"answers": {"bar": {"A": "ja"}}}, ValueError, "to 'bar' must be among yes, no. Got 'ja'"),
        ({"answers": {"bar": {}}}, ValueError, "`answers` must not be empty"),
        ({"on_error": "skip"}, ValueError, "`on_error`"),
        ({"workflow_version": 1.1}, TypeError, "`workflow_version` must be text"),
        ({"tree": GZ2}, ValueError, "not called as one of Galaxy Zoo 2.* holds T0 'Toys'"),
    ],
)
def test_bad_arguments(write_export, given, error, message):
    path = write_export(walk_rows([("T0", "Toys", "Yes")]))
    with pytest.raises(error, match=message):
        read_tree_classifications(path, **({"tree": TREE} | given))
