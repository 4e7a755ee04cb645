"""Exports as they come from the field: what is in their rows, and what was done to the files."""

import bz2
import csv
import gzip
import json
import lzma
import threading
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_zooniverse import export_rows

from skgalaxy.active import FileVolunteers
from skgalaxy.zooniverse import read_classifications
from skgalaxy.zooniverse._answers import read_label

DISK = "![icon.png](https://img.example/disk.png)"
ROUND = "![icon.png](https://img.example/round.png)"


def counts_of(votes):
    """Return the counts of a table of one galaxy, by answer."""
    assert len(votes) == 1
    return dict(zip(votes.answers, votes.counts[0].tolist(), strict=True))


def subject(id_, **metadata):
    return json.dumps({"77": {"retired": None, "#id_str": id_} | metadata})


class TestPictures:
    """Answers that are pictures, or that have some."""

    rows = tuple(export_rows([("a", DISK), ("b", ROUND), ("c", ROUND), ("d", f"{DISK} Disk")]))

    def test_pictures_of_the_same_text(self, write_export):
        path = write_export(self.rows)
        assert counts_of(read_classifications(path, task="T0")) == {DISK: 1, ROUND: 2, "Disk": 1}
        names = {DISK: "disk", ROUND: "round", "Disk": "disk"}
        votes = read_classifications(path, task="T0", answers=names)
        assert counts_of(votes) == {"disk": 2, "round": 2}

    def test_pictures_that_their_text_cannot_name(self, write_export):
        path = write_export(self.rows)
        with pytest.raises(ValueError, match=r"by the whole label, images included. Got none for"):
            read_classifications(path, task="T0", answers=["icon.png", "Disk"])
        # a picture is not another one, even if it is the only one that is named
        with pytest.raises(ValueError, match=r"row 1 .*`answers` lacks: '.*round.png"):
            read_classifications(path, task="T0", answers=[DISK, "Disk"])

    def test_a_picture_without_a_text(self, write_export):
        rows = export_rows([("a", "![](x.png)"), ("b", "![](y.png)"), ("c", "![](x.png)")])
        assert counts_of(read_classifications(write_export(rows), task="T0")) == {
            "![](x.png)": 2,
            "![](y.png)": 1,
        }

    @pytest.mark.parametrize(("version", "n_answers"), [("12.10", 2), ("13.1", 1)])
    def test_words_with_another_picture(self, write_export, version, n_answers):
        """Side by side they are two answers; of two versions the picture was replaced."""
        rows = export_rows([("a", "![i](1.png) Ring")])
        rows += export_rows([("b", "![i](2.png) Ring")], workflow_version=version)
        path = write_export(rows)
        votes = read_classifications(path, task="T0")
        assert len(votes.answers) == n_answers
        assert votes.n_votes.tolist() == [2]
        if n_answers == 1:
            assert votes.answers == ("Ring",)
            assert read_classifications(path, task="T0", answers=["Ring"]).counts.tolist() == [[2]]
        else:
            with pytest.raises(ValueError, match="differ in their images only"):
                read_classifications(path, task="T0", answers=["Ring"])

    @pytest.mark.parametrize(
        "text", ["![", "![a](", "![a](b", "![[a]", "![](x)(", "](", "![a](b)", "[]()", "![a](()"]
    )
    def test_long_texts_take_no_longer(self, text):
        """A thousandfold text once took a million times as long: the test would not end."""
        assert read_label(text * 200_000).raw == text * 200_000


class TestAnswers:
    def test_numbers_are_answers_if_nothing_else_is(self, write_export):
        rows = export_rows([("a", 0), ("b", 1), ("c", 1)])
        assert counts_of(read_classifications(write_export(rows), task="T0")) == {"0": 1, "1": 2}

    @pytest.mark.parametrize("names", [None, {"0": "x", "1": "one", "2": "two"}])
    def test_numbers_beside_texts(self, write_export, names):
        """The number 1 is the second answer, which is "2" arms."""
        rows = export_rows([("a", "1"), ("b", 1), ("c", "2")])
        path = write_export(rows)
        with pytest.raises(ValueError, match=r"row 1 .classification_id 101. .*its number, 1,"):
            read_classifications(path, task="T0", answers=names)
        votes, unread = read_classifications(path, task="T0", answers=names, on_error="report")
        assert votes.n_votes.tolist() == [2]
        assert unread["row"].tolist() == [1]

    def test_numbers_that_are_named(self, write_export):
        rows = export_rows([("a", "Yes"), ("b", 0), ("c", 1)])
        names = {"Yes": "yes", "0": "yes", "1": "no"}
        votes = read_classifications(write_export(rows), task="T0", answers=names)
        assert counts_of(votes) == {"yes": 2, "no": 1}

    def test_what_the_zooniverse_no_longer_knows(self, write_export):
        path = write_export(export_rows([("a", "Yes"), ("b", "unknown answer label")]))
        with pytest.raises(ValueError, match=r"row 1 .*no longer knows what was answered"):
            read_classifications(path, task="T0")

    @pytest.mark.parametrize("is_list", [True, False])
    def test_dropdown(self, write_export, is_list):
        """Of one menu; the old classifier wrote a list, the new one the menu."""
        menu = {"select_label": "Kind"}
        chosen = [menu | {"option": True, "value": "a1", "label": "Ring"}] * 2
        said = [*chosen, menu | {"option": False, "value": "Halo"}, menu]
        rows = export_rows(
            [(f"v{n}", [value] if is_list else value) for n, value in enumerate(said)]
        )
        assert counts_of(read_classifications(write_export(rows), task="T0")) == {
            "Halo": 1,
            "Ring": 2,
        }

    @pytest.mark.parametrize(
        "value",
        [
            ["Ring", "Dust lane"],
            [{"choice": "ELEPHANT", "answers": {"HWMN": "1"}, "filters": {}}],
            {"choice": "ELEPHANT", "answers": {}, "filters": {}},
            [{"x": 1.5, "y": 2, "tool": 0, "frame": 0, "details": [], "tool_label": "Point"}],
            [{"select_label": "Kind", "value": 1}, {"select_label": "Size", "value": 2}],
        ],
    )
    def test_tasks_of_other_kinds(self, write_export, value):
        path = write_export(export_rows([("a", value)]))
        with pytest.raises(ValueError, match=r"no single answer, .*the task must take one answer"):
            read_classifications(path, task="T0")

    def test_texts_are_no_answers(self, write_export):
        path = write_export(export_rows([(f"v{n}", f"I saw {n} stars") for n in range(1001)]))
        with pytest.raises(ValueError, match="answers to choose from, at most 1,000"):
            read_classifications(path, task="T0")

    def test_a_task_that_once_asked_something_else(self, write_export):
        """The workflow was edited in place."""
        rows = export_rows([("a", "Yes"), ("b", "No")])
        said = [{"task": "T0", "task_label": "A ring?", "value": "Yes"}]
        rows += export_rows([("c", "")], annotations=json.dumps(said), workflow_version="1.1")
        path = write_export(rows)
        with pytest.warns(UserWarning, match=r"T0 asks 2 questions .*: '\?', 'A ring\?'\. Their"):
            votes = read_classifications(path, task="T0")
        assert counts_of(votes) == {"No": 1, "Yes": 2}
        votes = read_classifications(path, task="T0", workflow_version=1)
        assert counts_of(votes) == {"Yes": 1}

    def test_tasks_that_could_not_be_exported(self, write_export):
        inner = [{"error": "combo tasks cannot be nested"}, {"task": "T0", "value": "Yes"}]
        said = [{"error": "task cannot be exported"}, {"task": "T5", "value": inner}]
        rows = export_rows([("a", "")], annotations=json.dumps(said))
        assert counts_of(read_classifications(write_export(rows), task="T0")) == {"Yes": 1}

    def test_an_answer_after_none(self, write_export):
        said = [{"task": "T0", "value": value} for value in (None, "Yes", "No")]
        rows = export_rows([("a", "")], annotations=json.dumps(said))
        assert counts_of(read_classifications(write_export(rows), task="T0")) == {"Yes": 1}

    def test_questions_about_a_mark(self, write_export):
        said = [{"task": "T0.0.0", "value": "Yes", "markIndex": n} for n in range(2)]
        said.append({"task": "T0", "value": [{"toolIndex": 0, "x_center": 1}]})
        path = write_export(export_rows([("a", "")], annotations=json.dumps(said)))
        with pytest.raises(ValueError, match=r"Got 'T0.0.0'; .* holds T0\."):
            read_classifications(path, task="T0.0.0")

    @pytest.mark.parametrize(
        ("answers", "error", "message"),
        [
            ({"Yes": 5}, TypeError, "sequence of text or a mapping"),
            ({"Yes": None}, TypeError, "sequence of text or a mapping"),
            ({"Yes", "No"}, TypeError, "sequence of text or a mapping"),
            (5, TypeError, "sequence of text or a mapping"),
            ({"Yes": " "}, ValueError, "not be empty"),
            ([], ValueError, "not be empty"),
            (["Yes", " Yes "], ValueError, "each label once"),
            ({"Yes": "a", "Yes ": "b"}, ValueError, "each label once"),
        ],
    )
    def test_bad_names(self, write_export, answers, error, message):
        path = write_export(export_rows([("a", "Yes")]))
        with pytest.raises(error, match=f"`answers` must .*{message}"):
            read_classifications(path, task="T0", answers=answers)


class TestIds:
    def test_rows_of_other_galaxies_refuse_nothing(self, write_export):
        """Whatever is in them, if they can be told from those that were asked for."""
        rows = export_rows([("a", "Yes"), ("b", "No")])
        for id_ in [
            "x",
            1.5,
            True,
            [587],
            "5.87e+17",
            "1e+99999999999999999999",
            "",
            None,
            "\ud800",
            "y" * 2000,
            2**60,
        ]:
            rows += export_rows([("a", ["Yes", "No"])], subject_data=subject(id_))
        rows += export_rows([("a", {"deep": []})], subject_data='{"1": {}, "2": {}}')
        rows += export_rows([("a", "")], annotations="[", subject_data=subject("z"))
        votes = read_classifications(write_export(rows), task="T0", ids=["587"])
        assert counts_of(votes) == {"No": 1, "Yes": 1}

    @pytest.mark.parametrize(
        ("asked", "value"),
        [
            ("587722981742215240", 5.877229817422152e17),
            ("587722981742215240", "5.87723E+17"),
            ("587722981742215240", "5,87723E+17"),
            ("587", 587.0),
            ("587", "587.0"),
        ],
    )
    def test_floats_that_may_have_been_asked_for(self, write_export, asked, value):
        path = write_export(export_rows([("a", "Yes")], subject_data=subject(value)))
        with pytest.raises(ValueError, match=r"row 0 .*subject 77 .*is a float"):
            read_classifications(path, task="T0", ids=["1", asked, "g1"])

    def test_ids_that_a_spreadsheet_has_cut(self, write_export):
        rows = []
        for number in range(215, 218):
            id_ = f"587722981742{number}000"
            rows += export_rows([("a", "Yes")], subject_data=subject(id_))
        path = write_export(rows)
        with pytest.raises(ValueError, match=r"all their digits.* such as 587722981742215000, as"):
            read_classifications(path, task="T0")
        with pytest.raises(ValueError, match=r"Got 587722981742216240, .* cut to 587722981742216"):
            read_classifications(path, task="T0", ids=["1", "587722981742216240"])
        rows += export_rows([("a", "Yes")], subject_data=subject("587722981742215241"))
        assert len(read_classifications(write_export(rows), task="T0").ids) == 4
        with pytest.raises(ValueError, match="Got none of them"):
            read_classifications(path, task="T0", ids=["587722981742216240"])

    def test_none_found(self, write_export):
        path = write_export(export_rows([("a", "Yes")], subject_data=subject("J1")))
        with pytest.raises(ValueError, match=r"`ids` must .* none of them in .*'587'; .*'J1'\."):
            read_classifications(path, task="T0", ids=["587"])
        with pytest.raises(ValueError, match="`ids` must not be empty"):
            read_classifications(path, task="T0", ids=[])

    def test_some_found(self, write_export):
        path = write_export(export_rows([("a", "Yes")]))
        with pytest.warns(UserWarning, match=r"4 of 5 `ids` are not .*'a', 'b', 'c', .*4 in all"):
            votes = read_classifications(path, task="T0", ids=["a", "b", "587", "c", "d"])
        assert votes.n_votes.tolist() == [0, 0, 1, 0, 0]

    def test_a_galaxy_nobody_has_answered_yet_is_there(self, write_export):
        rows = export_rows([("a", "Yes")]) + export_rows([("b", None)], subject_data=subject("g"))
        votes = read_classifications(write_export(rows), task="T0", ids=["g", "587"])
        assert votes.n_votes.tolist() == [0, 1]

    def test_rounded_by_javascript(self, write_export):
        exact, rounded = "587722981742215231", 587722981742215200
        rows = export_rows([("a", "Yes")], subject_data=subject(rounded))
        with pytest.raises(ValueError, match=r"must be exact.*that JavaScript has rounded"):
            read_classifications(write_export(rows), task="T0")
        rows += export_rows([("a", "Yes")], subject_data=subject("g"))
        path = write_export(rows)
        for ids in ([exact], [exact, "g"]):
            with pytest.raises(ValueError, match=f"Got {exact}, which JavaScript .* to {rounded}"):
                read_classifications(path, task="T0", ids=ids)
        votes = read_classifications(path, task="T0", id_name="subject_ids")
        assert list(votes.ids) == ["77"]

    def test_exact_integers(self, write_export):
        """Of a hundred ids one is as JavaScript would write it; others tell that it did not."""
        ids = [587722981742215200, 587722981742215231, 9007199254740992, 1]
        rows = [
            row for id_ in ids for row in export_rows([("a", "Yes")], subject_data=subject(id_))
        ]
        votes = read_classifications(write_export(rows), task="T0")
        assert list(votes.ids) == list(map(str, ids))

    def test_subject_ids(self, write_export):
        rows = export_rows([("a", "Yes"), ("b", "Yes")], subject_data='{"501": {"objectId": "Z"}}')
        path = write_export(rows)
        assert list(read_classifications(path, task="T0", id_name="subject_ids").ids) == ["501"]
        votes = read_classifications(path, task="T0", id_name="subject_ids", ids=[501])
        assert votes.n_votes.tolist() == [2]
        assert list(read_classifications(path, task="T0", id_name="objectId").ids) == ["Z"]
        with pytest.raises(ValueError, match="no '#id_str', but 'objectId'; say in `id_name`"):
            read_classifications(path, task="T0")

    def test_hidden_names_are_names(self, write_export):
        """As "#id_str", "!id_str" and "//id_str" are three."""
        rows = export_rows([("a", "Yes")], subject_data='{"5": {"!id": "g", "//id": "h"}}')
        for name, id_ in (("!id", "g"), ("//id", "h")):
            assert list(read_classifications(write_export(rows), task="T0", id_name=name).ids) == [
                id_
            ]

    def test_retired_twice(self, write_export):
        """The Zooniverse's own "retired" stands beside one that the owner uploaded."""
        data = '{"5": {"retired": {"id": 1}, "#id_str": "g", "retired": "no"}}'
        rows = export_rows([("a", "Yes")], subject_data=data)
        assert list(read_classifications(write_export(rows), task="T0").ids) == ["g"]
        rows[0]["subject_data"] = '{"5": {"#id_str": "g", "#id_str": "h"}}'
        with pytest.raises(ValueError, match="JSON with '#id_str' twice"):
            read_classifications(write_export(rows), task="T0")


DEEP = "[" * 100_000
BAD = {
    "deep": {"annotations": f'[{{"task": "T0", "value": {DEEP}'},
    "deep tasks": {"annotations": '[{"task": "T0", "value": ' * 5000},
    "deep in another task": {"annotations": f'[{{"task": "T9", "value": {DEEP}'},
    "deep subject": {"subject_data": '{"a": ' * 5000},
    "cut by Excel": {"annotations": '[{"task": "T0", "value": "' + "x" * 32_741},
    "no list": {"annotations": "7"},
    "null": {"annotations": "null"},
    "NaN": {"annotations": '[{"task": "T0", "value": NaN}]'},
    "digits": {"annotations": '[{"task": "T0", "value": ' + "9" * 5000 + "}]"},
    "object": {"annotations": '[{"task": "T0", "value": {"a": 1}}]'},
    "list": {"annotations": '[{"task": "T0", "value": [[[]]]}]'},
    "surrogate": {"annotations": '[{"task": "T0", "value": "\\ud83d"}]'},
    "id surrogate": {"subject_data": '{"1": {"#id_str": "\\ud800"}}'},
    "id NUL": {"subject_data": '{"1": {"#id_str": "a\\u0000b"}}'},
    "id true": {"subject_data": '{"1": {"#id_str": true}}'},
    "id infinite": {"subject_data": '{"1": {"#id_str": 1e999}}'},
    "id long": {"subject_data": json.dumps({"1": {"#id_str": "x" * 100_000}})},
    "no metadata": {"subject_data": '{"1": null}'},
    "two subjects": {"subject_data": '{"1": {"#id_str": "a"}, "2": {"#id_str": "b"}}'},
    "number": {"classification_id": "1" + "0" * 20},
    "id of digits": {"subject_data": json.dumps({"1": {"#id_str": "1." + "0" * 5000}})},
    "subject surrogate": {"subject_data": '{"\\ud800": {"#id_str": true}}'},
    "number of digits": {"classification_id": "9" * 5000},
    "user": {"user_name": "a\0b"},
    "workflow": {"workflow_id": ""},
    "header": {name: name for name in export_rows([("a", "b")])[0]},
}


class TestBadRows:
    @pytest.mark.parametrize("kind", BAD)
    def test_one_is_passed_over(self, write_export, kind):
        rows = export_rows([(name, "Yes") for name in "abcde"])
        rows[3] |= BAD[kind]
        path = write_export(rows)
        with pytest.raises(ValueError, match=r"export.csv', whose row 3 ") as caught:
            read_classifications(path, task="T0")
        assert len(str(caught.value)) < 700
        votes, unread = read_classifications(path, task="T0", on_error="report")
        assert counts_of(votes) == {"Yes": 4}
        assert unread["row"].tolist() == [3]
        assert unread["classification_id"].tolist() == [rows[3]["classification_id"]]
        assert unread["reason"][0] in str(caught.value)

    @pytest.mark.parametrize(
        ("line", "n_lost"),
        [
            ("103,dan,1\n", 1),
            ("103,dan,1,12.10,[],{},,,,,\n", 1),
            ('103,dan,1,12.10,"[{""task""\n', 2),  # an open quote takes the next row with it
            (b"103,d\xe9,1,12.10,[7],\xff\n", 1),
            (b"\0\0\0\0\0\n", 1),
        ],
    )
    def test_damaged_lines(self, write_export, line, n_lost):
        rows = export_rows([(name, "Yes") for name in "abcdefg"])
        path = write_export(rows)
        lines = path.read_bytes().splitlines(keepends=True)
        lines[4] = line if isinstance(line, bytes) else line.encode()
        path.write_bytes(b"".join(lines))
        with pytest.raises(ValueError, match="row 3"):
            read_classifications(path, task="T0")
        votes, unread = read_classifications(path, task="T0", on_error="report")
        assert counts_of(votes) == {"Yes": 7 - n_lost}
        assert unread["row"].tolist() == [3]

    def test_nothing_but_bad_rows(self, write_export):
        path = write_export(export_rows([("a", ["x"])]))
        with pytest.raises(ValueError, match=r"cannot be read: 1. The first, row 0, has in its"):
            read_classifications(path, task="T0", on_error="report")

    def test_a_bad_row_leaves_no_galaxy(self, write_export):
        rows = export_rows([("a", "Yes")])
        rows += export_rows([("b", "Yes")], subject_data=subject("g"), classification_id="x")
        votes, _ = read_classifications(write_export(rows), task="T0", on_error="report")
        assert list(votes.ids) == ["587"]

    @given(
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.sampled_from(["Yes", "No", None, "", ["x"], {"y": 1}, 1.5, "\ud800", [[]]]),
                st.sampled_from(["587", "g", 7, 1.5, None, "1e+20", [1], "\ud800"]),
            ),
            min_size=1,
        )
    )
    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_the_others_count_as_if_it_were_not_there(self, write_export, said):
        rows = [export_rows([("a", "Yes")])[0], export_rows([("a", "No")])[0]]
        rows[1]["subject_data"] = subject("g")
        for name, value, id_ in said:
            rows += export_rows([(name, value)], subject_data=subject(id_))
        for number, row in enumerate(rows):
            row["classification_id"] = str(number)
        votes, unread = read_classifications(write_export(rows), task="T0", on_error="report")
        whole = [row for number, row in enumerate(rows) if number not in set(unread["row"])]
        again = read_classifications(write_export(whole), task="T0")
        assert votes.answers == again.answers
        pd.testing.assert_frame_equal(votes.to_frame(), again.to_frame())

    def test_by_files(self, write_export, tmp_path):
        path = write_export(export_rows([("a", "Yes"), ("b", ["x"]), ("c", "Yes")]))
        (tmp_path / "request_0001").mkdir()
        (tmp_path / "request_0001" / "manifest.csv").write_text("image,#id_str\na.png,587\n")
        reading = {"on_error": "report"}
        volunteers = FileVolunteers(
            tmp_path, {"587": "a.png"}, path, task="T0", yes="Yes", min_votes=1, reading=reading
        )
        with pytest.warns(UserWarning, match=r"1 rows of .* cannot be read. The first, row 1"):
            ids, votes = volunteers.collect()
        assert (ids.tolist(), votes.tolist()) == (["587"], [[2, 2]])


class TestFilesOfOthers:
    said = (("ann", "Yes; I do"), ('bo"b', "No"), ("cid", "![a](b)\nNo"), ("zoë", "No"))

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @pytest.mark.parametrize("newline", ["\n", "\r\n"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_as_spreadsheets_save_it(self, write_export, separator, newline, encoding):
        path = write_export(export_rows(self.said))
        frame = pd.read_csv(path, dtype=str)
        with open(path, "w", newline="", encoding=encoding) as file:
            frame.to_csv(file, sep=separator, index=False, lineterminator=newline)
        assert counts_of(read_classifications(path, task="T0")) == {"No": 3, "Yes; I do": 1}

    @pytest.mark.parametrize(
        "pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bz2", "xz"]
    )
    def test_packed_under_any_name(self, write_export, pack):
        path = write_export(export_rows(self.said))
        path.write_bytes(pack(path.read_bytes()))
        assert read_classifications(path, task="T0").n_votes.tolist() == [4]
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(ValueError, match=r"`path` must be .*export.csv'"):
            read_classifications(path, task="T0", on_error="report")

    def test_zipped(self, write_export, tmp_path):
        path = write_export(export_rows(self.said))
        packed = tmp_path / "packed"

        def read(*names):
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in names:
                    archive.write(path, name)
            return read_classifications(packed, task="T0").n_votes.tolist()

        assert read("classifications.csv") == read("a/b.csv", "__MACOSX/a/._b.csv") == [4]
        with pytest.raises(ValueError, match=r"packed': it holds 2 files, a.csv, b.csv"):
            read("a.csv", "b.csv")
        with pytest.raises(ValueError, match="it holds 0 files, none"):
            read()
        read("a.csv")
        whole = packed.read_bytes()
        packed.write_bytes(
            whole[:6]
            + b"\1"
            + whole[7:].replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0")
        )
        with pytest.raises(ValueError, match="it has a password"):
            read_classifications(packed, task="T0")
        packed.write_bytes(whole[:-30])
        with pytest.raises(ValueError, match=r"CSV in UTF-8. Got '.*packed': File is not a zip"):
            read_classifications(packed, task="T0")

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ("\ufeffa,b".encode("utf-16"), "its first line is no UTF-8"),
            (b"\0" * 1000, "its first line is no UTF-8"),
            (b"\x89PNG\r\n\x1a\n", "its first line is no UTF-8"),
            (b"id;project_id;user_id;workflow_id\n1;2;3;4\n", "lacks the columns .*, subject_data"),
            (b"annotations," * 2, "it has the column annotations twice"),
        ],
    )
    def test_other_files(self, tmp_path, data, message):
        (tmp_path / "export.csv").write_bytes(data)
        with pytest.raises(ValueError, match=f"must be an export.* Got .*export.csv': .*{message}"):
            read_classifications(tmp_path / "export.csv", task="T0")

    @pytest.mark.parametrize("path", [None, 7, b"export.csv"])
    def test_no_path(self, path):
        with pytest.raises(TypeError, match="`path` must be"):
            read_classifications(path, task="T0")

    def test_cells_of_any_length(self, write_export):
        """Drawings take more than Python's CSV reader allows; its limit is for all threads."""
        limit = csv.field_size_limit()
        marks = {"task": "T9", "value": [{"x": 1.5, "y": 2.5, "tool": 0}] * 10_000}
        rows = export_rows([("a", "Yes"), ("b", "No")])
        for row in rows:
            row["annotations"] = json.dumps([*json.loads(row["annotations"]), marks])
        path, read = write_export(rows), []
        threads = [
            threading.Thread(target=lambda: read.append(read_classifications(path, task="T0")))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [votes.n_votes.tolist() for votes in read] == [[2]] * 4
        assert csv.field_size_limit() == limit

    def test_experts_and_gold_standards_are_volunteers(self, write_export):
        rows = export_rows([("a", "Yes")], gold_standard="", expert="")
        rows += export_rows([("b", "No")], gold_standard="true", expert="owner")
        assert read_classifications(write_export(rows), task="T0").n_votes.tolist() == [2]

    def test_a_version_may_be_mended_by_choosing_it(self, write_export):
        """The task once took several answers."""
        rows = export_rows([("a", ["Yes"])], workflow_version="1.1") + export_rows([("a", "Yes")])
        path = write_export(rows)
        with pytest.raises(ValueError, match=r"another version .*, give `workflow_version`"):
            read_classifications(path, task="T0")
        assert read_classifications(path, task="T0", workflow_version=12).n_votes.tolist() == [1]


def test_time_is_linear_in_rows_and_texts(write_export):
    """Each row once, whatever its length: 20,000 rows, and one of 5 MB."""
    rows = export_rows([(f"v{n}", "Yes") for n in range(20_000)])
    rows[7]["annotations"] = json.dumps([{"task": "T0", "value": "![" * 2_500_000}])
    votes, unread = read_classifications(
        write_export(rows), task="T0", answers=["Yes"], on_error="report"
    )
    assert counts_of(votes) == {"Yes": 19_999}
    assert len(unread["reason"][0]) < 500
    assert np.array_equal(unread["row"], [7])
