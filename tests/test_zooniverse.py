"""Zooniverse: manifests its client can upload, exports read as its volunteers meant them."""

import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Barrier

import numpy as np
import pandas as pd
import panoptes_export
import pytest
from PIL import Image
from test_catalogue import full_disk

import skgalaxy
from skgalaxy import BayesianCNNRegressor
from skgalaxy.images import ImageLoader, read_image
from skgalaxy.query import mutual_information_sampling
from skgalaxy.zooniverse import _export_file, _manifest, read_classifications, write_manifest
from skgalaxy.zooniverse._uploads import MAX_BYTES, to_upload

ANSWERS = {
    "Smooth": "smooth",
    "Features or Disk": "featured-or-disk",
    "Star or Artifact": "artifact",
}
READING = {"task": "T0", "workflow_id": 21802, "workflow_version": 12, "answers": ANSWERS}


def noise(height, width, *channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, *channels), np.uint8)


@pytest.fixture
def galaxies(tmp_path):
    """Return ids and image files of three galaxies."""
    (tmp_path / "pool").mkdir()
    paths = [
        tmp_path / "pool" / f"{row}.{suffix}" for row, suffix in enumerate(["jpg"] * 2 + ["png"])
    ]
    for row, path in enumerate(paths):
        Image.fromarray(noise(40, 40, 3, seed=row)).save(path)
    return ["587722981742215240", "0042", "J1457-00"], paths


class TestManifest:
    def test_table_and_images(self, galaxies, tmp_path):
        ids, paths = galaxies
        hidden = {"#acquisition": np.array([0.5, 0.25, 1e-9]), "#iteration": 3, "!note": "a, b"}
        manifest = write_manifest(tmp_path / "round", ids, paths, metadata=hidden)
        assert manifest == tmp_path / "round" / "manifest.csv"
        table = pd.read_csv(manifest, dtype=str)
        assert list(table) == ["image", "#id_str", "#acquisition", "#iteration", "!note"]
        assert list(table["#id_str"]) == ids
        assert list(table["#acquisition"].astype(float)) == [0.5, 0.25, 1e-9]
        assert set(table["#iteration"]) == {"3"}
        assert set(table["!note"]) == {"a, b"}
        for name, path in zip(table["image"], paths, strict=True):
            assert (manifest.parent / name).read_bytes() == path.read_bytes()
        assert sorted(os.listdir(tmp_path)) == ["pool", "round"]

    def test_as_the_client_reads_it(self, galaxies, tmp_path):
        ids, paths = galaxies
        manifest = write_manifest(tmp_path / "round", ids, paths, metadata={"#model_version": "1"})
        subjects = panoptes_export.read_manifest(str(manifest))
        assert [metadata["#id_str"] for _, metadata in subjects] == ids

    @pytest.mark.parametrize(
        "cell",
        ["", "  ", None, np.nan, "images", ".", "manifest.csv", os.path.abspath(__file__), "a\nb"],
    )
    def test_cells_that_the_client_would_upload(self, galaxies, tmp_path, cell):
        """It takes for a file whatever exists beside the manifest; "" is the folder itself."""
        ids, paths = galaxies
        metadata = {"#from": ["x", cell, "y"]}
        with pytest.raises(ValueError, match=r"`metadata` must be text of one.* row 1 of '#from'"):
            write_manifest(tmp_path / "round", ids, paths, metadata=metadata)
        assert os.listdir(tmp_path) == ["pool"]

    @pytest.mark.parametrize(
        ("ids", "message"),
        [
            (["1", "2", "1"], "`ids` must not repeat. Got 1 in rows 0, 2"),
            ([1.0, 2.0, 3.0], "`ids` must .*float"),
            (["a/b", "c", "a_b"], "Got 'a/b' in row 0 and 'a_b' in row 2"),
            (["x", "Ab", "aB"], "Got 'Ab' in row 1 and 'aB' in row 2"),
            (["1", "2"], "`images` must be one path per id.* Got 3 paths and 2 ids"),
        ],
    )
    def test_bad_ids(self, galaxies, tmp_path, ids, message):
        with pytest.raises(ValueError, match=message):
            write_manifest(tmp_path / "round", ids, galaxies[1])
        assert os.listdir(tmp_path) == ["pool"]

    def test_ids_that_are_no_file_names(self, galaxies, tmp_path):
        ids = ["../up", "NGC 1300", "N:1*?"]
        manifest = write_manifest(tmp_path / "round", ids, galaxies[1])
        names = sorted(os.listdir(tmp_path / "round" / "images"))
        assert names == [".._up.jpg", "NGC_1300.jpg", "N_1__.png"]
        assert list(pd.read_csv(manifest)["#id_str"]) == ids
        assert _manifest.read_manifest_ids(tmp_path / "round") == ids

    def test_manifest_that_is_none(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"Got '.*manifest.csv'"):
            _manifest.read_manifest_ids(tmp_path)
        (tmp_path / "manifest.csv").write_text("image,#id\na.jpg,7\n")
        with pytest.raises(ValueError, match=r"must have a column '#id_str'. Got image, #id in"):
            _manifest.read_manifest_ids(tmp_path)

    def test_bad_images(self, galaxies, tmp_path):
        ids, paths = galaxies
        with pytest.raises(FileNotFoundError, match=r"Got '.*none.jpg' in row 1"):
            write_manifest(tmp_path / "round", ids, [paths[0], tmp_path / "none.jpg", paths[2]])
        with pytest.raises(TypeError, match="in row 2"):
            write_manifest(tmp_path / "round", ids, [*paths[:2], None])
        with pytest.raises(TypeError, match="single path"):
            write_manifest(tmp_path / "round", ids, str(paths[0]))
        paths[1].write_bytes(paths[1].read_bytes()[:-500])
        with pytest.raises(ValueError, match=r"1.jpg' cannot be read .* It is row 1 of `images`"):
            write_manifest(tmp_path / "round", ids, paths)
        assert os.listdir(tmp_path) == ["pool"]

    @pytest.mark.parametrize(
        ("metadata", "message"),
        [
            ({"#x": [1, 2]}, r"one per id, 3. Got shape \(2,\) for '#x'"),
            ({"#id_str": 1}, "names of their own"),
            ({"image": 1}, "names of their own"),
            ({"#": 1}, "names of their own"),
            ({3: 1}, "names of their own"),
            ({"#x\ny": 1}, "names of their own, as text of one line"),
            ({"#x": [1, None, 2]}, "not empty.* in row 1 of '#x'"),
            ({"#x": [1, {"a": 1}, 2]}, "text of one line or numbers.* in row 1 of '#x'"),
        ],
    )
    def test_bad_metadata(self, galaxies, tmp_path, metadata, message, monkeypatch):
        monkeypatch.setattr(_manifest, "to_upload", None)  # no image is read
        with pytest.raises(ValueError, match=message):
            write_manifest(tmp_path / "round", *galaxies, metadata=metadata)

    @pytest.mark.parametrize("values", [{1, 2, 3}, {"a": 1}])
    def test_metadata_without_an_order(self, galaxies, tmp_path, values):
        with pytest.raises(
            TypeError, match=r"one value, or a sequence .* Got a (set|dict) for '#x'"
        ):
            write_manifest(tmp_path / "round", *galaxies, metadata={"#x": values})

    def test_ids_are_no_formulas(self, galaxies, tmp_path):
        ids = ["=1+1", *map(str, galaxies[0][1:])]
        with pytest.raises(ValueError, match="`ids` must not be formulas"):
            write_manifest(tmp_path / "round", ids, galaxies[1])

    def test_the_folder_is_new(self, galaxies, tmp_path):
        with pytest.raises(FileExistsError, match="`folder` must not exist yet"):
            write_manifest(tmp_path / "pool", *galaxies)
        assert len(os.listdir(tmp_path / "pool")) == 3
        with pytest.raises(FileNotFoundError, match="`folder` must be in a folder that exists"):
            write_manifest(tmp_path / "none" / "round", *galaxies)

    def test_full_disk(self, galaxies, tmp_path):
        with full_disk(1000), pytest.raises(OSError, match=r"nothing was written.*round"):
            write_manifest(tmp_path / "round", *galaxies)
        assert os.listdir(tmp_path) == ["pool"]

    def test_the_folder_goes_after_all_threads_ended(self, galaxies, tmp_path, monkeypatch):
        both_began, folder_was_there = Barrier(2), []

        def write(folder, names, paths, how, row):
            both_began.wait()
            if row == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            time.sleep(0.2)  # while the other thread's error goes up
            folder_was_there.append(folder.exists())

        monkeypatch.setattr(_manifest, "_write_image", write)
        with pytest.raises(OSError, match=r"nothing was written.*round"):
            write_manifest(tmp_path / "round", galaxies[0][:2], galaxies[1][:2], n_jobs=2)
        assert folder_was_there == [True]
        assert os.listdir(tmp_path) == ["pool"]

    @pytest.mark.parametrize("n_jobs", [0, 1.5, "2"])
    def test_bad_n_jobs(self, galaxies, tmp_path, n_jobs):
        with pytest.raises(ValueError, match=r"`n_jobs` must be None or an integer other than 0"):
            write_manifest(tmp_path / "round", *galaxies, n_jobs=n_jobs)

    def test_killed(self, galaxies, tmp_path):
        code = (
            "import os, signal, sys\n"
            "from skgalaxy.zooniverse import write_manifest\n"
            "os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            "write_manifest('round', ['1'], sys.argv[1:])\n"
        )
        environment = {**os.environ, "PYTHONPATH": os.path.dirname(skgalaxy.__path__[0])}
        command = [sys.executable, "-c", code, str(galaxies[1][0])]
        run = subprocess.run(command, cwd=tmp_path, env=environment)
        assert run.returncode == -signal.SIGKILL
        assert not (tmp_path / "round").exists()


class TestUploads:
    @pytest.fixture
    def save(self, tmp_path):
        def save(pixels, name, mode=None, **how):
            image = Image.fromarray(pixels)
            (image.convert(mode) if mode else image).save(tmp_path / name, **how)
            return tmp_path / name

        return save

    @pytest.mark.parametrize("name", ["a.jpg", "a.png"])
    @pytest.mark.parametrize("mode", ["L", "RGB"])
    def test_fit_files_are_left_alone(self, save, name, mode):
        path = save(noise(50, 30, 3), name, mode)
        suffix, data = to_upload(path, {"size": 64, "color": True})
        assert (suffix, data) == (path.suffix, path.read_bytes())

    def test_the_suffix_is_of_the_content(self, save):
        assert to_upload(save(noise(9, 9), "a.jpeg"), {"size": 64, "color": True})[0] == ".jpg"
        assert (
            to_upload(save(noise(9, 9), "a.jpg", format="PNG"), {"size": 64, "color": True})[0]
            == ".png"
        )

    @pytest.mark.parametrize(
        ("name", "mode"),
        [("a.png", "RGBA"), ("a.png", "I;16"), ("a.jpg", "CMYK"), ("a.tif", "RGB"), ("a.bmp", "L")],
    )
    def test_others_are_rendered(self, save, tmp_path, name, mode):
        if mode == "I;16":
            Image.fromarray(noise(40, 40).astype(np.uint16) * 257).save(tmp_path / name)
        else:
            save(noise(40, 40, 3), name, mode)
        suffix, data = to_upload(tmp_path / name, {"size": 20, "color": True})
        (tmp_path / "rendered.png").write_bytes(data)
        rendered = Image.open(tmp_path / "rendered.png")
        assert (suffix, rendered.format, rendered.mode) == (".png", "PNG", "RGB")
        expected = read_image(tmp_path / name, size=20, color=True)
        np.testing.assert_array_equal(np.asarray(rendered), expected)

    def test_large_files_are_reduced(self, save):
        path = save(noise(1000, 1200, 3), "a.png")
        assert path.stat().st_size > MAX_BYTES
        suffix, data = to_upload(path, {"size": 424, "color": True})
        assert suffix == ".png"
        assert len(data) <= MAX_BYTES
        suffix, data = to_upload(path, {"size": 700, "color": True})  # too large for a PNG
        assert suffix == ".jpg"
        assert len(data) <= MAX_BYTES
        with pytest.raises(ValueError, match=r"`size` must .*a.png' of 3000 pixels"):
            to_upload(path, {"size": 3000, "color": True})

    def test_fits(self, tmp_path):
        fits = pytest.importorskip("astropy.io.fits")
        flux = np.random.default_rng(0).normal(size=(60, 60)).astype(np.float32)
        fits.writeto(tmp_path / "g.fits", flux)
        manifest = write_manifest(
            tmp_path / "round", ["7"], [tmp_path / "g.fits"], size=60, flux_range=(-1, 3)
        )
        shown = read_image(manifest.parent / "images" / "7.png", size=60)
        expected = read_image(tmp_path / "g.fits", size=60, flux_range=(-1, 3))
        np.testing.assert_array_equal(shown, expected)


def export_rows(said, **changes):
    """Return rows of an export: (volunteer, value of T0) of one galaxy, in order."""
    rows = []
    for number, (name, value) in enumerate(said):
        row = {
            "classification_id": str(100 + number),
            "user_name": name,
            "workflow_id": "1",
            "workflow_version": "12.10",
            "annotations": json.dumps([{"task": "T0", "task_label": "?", "value": value}]),
            "subject_data": json.dumps({"9": {"retired": None, "#id_str": "587"}}),
        }
        rows.append(row | changes)
    return rows


class TestClassifications:
    def test_the_first_answer_of_each_volunteer(self, write_export):
        rows = export_rows([("ann", "Yes"), ("bob", "No"), ("ann", "No"), ("cid", "Yes")])
        for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1, 2, 0]):
            votes = read_classifications(write_export([rows[row] for row in order]), task="T0")
            np.testing.assert_array_equal(votes.votes("Yes"), [[2, 3]])

    def test_a_volunteer_of_two_galaxies(self, write_export):
        rows = export_rows([("ann", "Yes")])
        rows += export_rows([("ann", "Yes")], subject_data='{"8": {"#id_str": "588"}}')
        assert read_classifications(write_export(rows), task="T0").n_votes.tolist() == [1, 1]

    def test_anonymous_volunteers_have_names(self, write_export):
        rows = export_rows([("not-logged-in-1a", "Yes"), ("not-logged-in-2b", "Yes")] * 2)
        votes = read_classifications(write_export(rows), task="T0")
        np.testing.assert_array_equal(votes.votes("Yes"), [[2, 2]])

    def test_anonymous_volunteers_without_names(self, write_export):
        """They are not one person, but a row that is there twice is one."""
        rows = export_rows([("not-logged-in", "Yes"), ("not-logged-in", "No"), ("ann", "Yes")])
        with pytest.warns(UserWarning, match=r"^2 classifications in .* each counts as another"):
            votes = read_classifications(write_export([*rows, rows[0]]), task="T0")
        np.testing.assert_array_equal(votes.votes("Yes"), [[2, 3]])

    def test_null_is_no_answer(self, write_export):
        rows = export_rows([("ann", None), ("bob", "Yes"), ("ann", "Yes"), ("cid", "")])
        np.testing.assert_array_equal(
            read_classifications(write_export(rows), task="T0").votes("Yes"), [[2, 2]]
        )

    def test_nobody_answers_down_another_branch_later(self, write_export):
        """Whoever first said smooth was not asked about a bar: N stays below k of featured."""
        bar = {"task": "T2", "value": "Bar"}
        featured = {"task": "T0", "value": "Featured"}
        rows = export_rows([("ann", "Smooth"), ("ann", "x"), ("bob", "x")])
        for row in rows[1:]:
            row["annotations"] = json.dumps([featured, bar])
        path = write_export(rows)
        assert read_classifications(path, task="T0").votes("Featured").tolist() == [[1, 2]]
        assert read_classifications(path, task="T2").votes("Bar").tolist() == [[1, 1]]

    @pytest.mark.parametrize(
        ("value", "answer"),
        [
            ("![icon](https://z.org/a_(1).png) Smooth", "Smooth"),
            ("![icon[1].png](https://z.org/a.png) Smooth", "Smooth"),
            ("![icon =60x](https://z.org/a.png)\n\n Features  or Disk ", "Features or Disk"),
            ("Yes ![a](b) ![c](d)", "Yes"),
            ("![Ring](https://z.org/a.png)", "Ring"),
            (0, "0"),
            (True, "True"),
        ],
    )
    def test_labels(self, write_export, value, answer):
        assert read_classifications(
            write_export(export_rows([("ann", value)])), task="T0"
        ).answers == (answer,)

    def test_answers_named_and_put_together(self, write_export):
        rows = export_rows([("a", "Strong bar"), ("b", "![x](y) Weak bar"), ("c", "No bar")])
        names = {"No bar": "no", "Strong bar": "yes", "![x](z) Weak bar": "yes"}
        votes = read_classifications(write_export(rows), task="T0", question="bar", answers=names)
        assert (votes.question, votes.answers) == ("bar", ("no", "yes"))
        np.testing.assert_array_equal(votes.counts, [[1, 2]])
        votes = read_classifications(
            write_export(rows), task="T0", answers=["Weak bar", "Strong bar", "No bar", "?"]
        )
        np.testing.assert_array_equal(votes.counts, [[1, 1, 1, 0]])

    def test_combined_tasks(self, write_export):
        inner = [{"task": "T0", "value": "Yes"}, {"task": "T1", "value": "No"}]
        rows = export_rows([("ann", "")], annotations=json.dumps([{"task": "T5", "value": inner}]))
        assert read_classifications(write_export(rows), task="T0").votes("Yes").tolist() == [[1, 1]]

    def test_ids(self, write_export):
        first = export_rows([("ann", "Yes"), ("bob", "No")])
        exact = {"9": {"#id_str": 5877229817422152407}}
        rows = first + export_rows([("ann", "Yes")], subject_data=json.dumps(exact))
        again = {"10": {"#id_str": " 587 ", "retired": {"id": 1}}}  # uploaded twice
        rows += export_rows([("ann", "No"), ("cid", "Yes")], subject_data=json.dumps(again))
        for number, row in enumerate(rows):
            row["classification_id"] = number
        votes = read_classifications(write_export(rows), task="T0")
        assert list(votes.ids) == ["587", "5877229817422152407"]
        assert votes.votes("Yes").tolist() == [[2, 3], [1, 1]]

    def test_the_galaxies_asked_about(self, write_export):
        rows = export_rows([("ann", "Yes")])
        rows += export_rows([("ann", "No")], subject_data=json.dumps({"8": {"#id_str": "other"}}))
        rows += export_rows([("ann", "No")], subject_data=json.dumps({"7": {"name": "x"}}))
        path = write_export(rows)
        with pytest.warns(UserWarning, match=r"1 of 2 `ids` are not in .*, and have N = 0: '12'\."):
            votes = read_classifications(path, task="T0", ids=[12, 587], answers=["Yes", "No"])
        assert list(votes.ids) == ["12", "587"]
        assert votes.votes("Yes").tolist() == [[0, 0], [1, 1]]

    def test_workflows_and_versions(self, write_export):
        rows = export_rows([("ann", "Yes")])
        rows += export_rows([("bob", "No")], workflow_version="12.1")
        rows += export_rows([("cid", "No")], workflow_version="1.210")
        rows += export_rows([("dan", "No")], workflow_id="2", subject_data="{}")
        path = write_export(rows)

        def n_votes(version):
            return read_classifications(
                path, task="T0", workflow_id=1, workflow_version=version
            ).n_votes

        assert n_votes(None) == 3
        assert n_votes(12) == n_votes("12") == 2
        assert n_votes("12.10") == n_votes("12.1") == 1
        with pytest.raises(TypeError, match=r"12.1 and 12.10 are two versions. Got 12.1"):
            n_votes(12.10)
        with pytest.raises(
            ValueError, match=r"`workflow_id` must be given.*export.csv' holds 1, 2"
        ):
            read_classifications(path, task="T0")
        with pytest.raises(ValueError, match=r"export.csv' holds none; look at .*workflow_id"):
            read_classifications(path, task="T0", workflow_id=3)

    def test_pieces_and_gzip_and_byte_order_mark(self, write_export, monkeypatch, tmp_path):
        rows = export_rows([(f"v{n % 7}", ["Yes", "No"][n % 2]) for n in range(30)])
        whole = read_classifications(write_export(rows), task="T0").counts
        monkeypatch.setattr(_export_file, "PIECE", 4)
        path = write_export(rows, encoding="utf-8-sig")
        np.testing.assert_array_equal(read_classifications(path, task="T0").counts, whole)
        (tmp_path / "export.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        packed = read_classifications(tmp_path / "export.csv.gz", task="T0").counts
        np.testing.assert_array_equal(packed, whole)

    @pytest.mark.parametrize("packing", ["bz2", "gzip", "xz", "zip"])
    def test_packings(self, write_export, tmp_path, packing):
        path = write_export(export_rows([("ann", "Yes"), ("bob", "No")]))
        name = "export" if packing == "gzip" else f"export.csv.{packing}"
        frame = pd.read_csv(path, dtype=str)
        frame.to_csv(tmp_path / name, index=False, compression=packing)
        counts = read_classifications(tmp_path / name, task="T0").counts
        np.testing.assert_array_equal(counts, read_classifications(path, task="T0").counts)


class TestBadExports:
    @pytest.fixture(autouse=True)
    def small_pieces(self, monkeypatch):
        """Rows are numbered through all pieces."""
        monkeypatch.setattr(_export_file, "PIECE", 2)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"annotations": '[{"task": "T0"'}, "'annotations' no JSON: Expecting"),
            ({"annotations": ""}, "'annotations' no JSON"),
            ({"annotations": '{"T0": "Yes"}'}, "'annotations' not a list of tasks"),
            ({"annotations": '["T0"]'}, "'annotations' not a list of tasks"),
            ({"annotations": '[{"task": "T0", "value": ["a", "b"]}]'}, r"no single answer, \['a'"),
            ({"annotations": '[{"task": "T0", "value": "Maybe"}]'}, "lacks: 'Maybe', not one of"),
            ({"subject_data": "{"}, "'subject_data' no JSON"),
            ({"subject_data": "[]"}, "'subject_data' not subjects with"),
            ({"subject_data": "{}"}, "'subject_data' not one subject.*but 0"),
            (
                {"subject_data": '{"77": {"name": "x"}}'},
                "subject 77 with no '#id_str', but 'name'; .*`ids`",
            ),
            (
                {"subject_data": '{"77": {"#id_str": ""}}'},
                "subject 77 with no '#id_str', but '#id_str'; say",
            ),
            ({"subject_data": '{"77": {"#id_str": 5.877229817422152e+17}}'}, "is a float, 5.877"),
            ({"subject_data": '{"77": {"#id_str": "5.87723E+17"}}'}, "is a float, '5.87723E"),
            ({"subject_data": '{"77": {"#id_str": "587722.0"}}'}, "is a float, '587722.0'"),
            ({"subject_data": '{"77": {"#id_str": "5,87723E+17"}}'}, "is a float, '5,87723E"),
            ({"subject_data": '{"77": {"#id_str": [1]}}'}, "neither text nor a whole number"),
            ({"user_name": " "}, "'user_name' no name"),
            ({"classification_id": "5.43E+08"}, "no whole number, '5.43E"),
        ],
    )
    def test_a_bad_row(self, write_export, changes, message):
        rows = export_rows([(name, "Yes") for name in "abcde"])
        rows[3] |= changes
        number = rows[3]["classification_id"].replace("+", ".")
        where = f"export.csv', whose row 3 .classification_id {number}. has in its .*{message}"
        with pytest.raises(ValueError, match=where):
            read_classifications(write_export(rows), task="T0", answers=["Yes", "No"])

    def test_a_mangled_id_is_not_passed_over(self, write_export):
        rows = export_rows([("a", "Yes")], subject_data='{"77": {"#id_str": "5.87723E+17"}}')
        with pytest.raises(ValueError, match="is a float"):
            read_classifications(write_export(rows), task="T0", ids=["587722981742215240"])

    def test_not_in_the_export(self, write_export):
        path = write_export(export_rows([("a", "Yes"), ("b", "Yes")]))
        with pytest.raises(ValueError, match=r"`task` must .* Got 'T3'; .*export.csv' holds T0"):
            read_classifications(path, task="T3")
        with pytest.raises(ValueError, match=r"`id_name` must .* Got '#objid', which no subject"):
            read_classifications(path, task="T0", ids=["587"], id_name="#objid")
        rows = export_rows([("a", None)])
        rows[0]["annotations"] = '[{"task": "T0", "value": null}, {"task": "T1", "value": "x"}]'
        with pytest.raises(ValueError, match="Somebody must have answered T0"):
            read_classifications(write_export(rows), task="T0")

    def test_other_files(self, write_export, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"Got '.*none.csv'"):
            read_classifications(tmp_path / "none.csv", task="T0")
        rows = export_rows([(name, "Yes") for name in "abcde"])
        path = write_export(
            [{key: row[key] for key in row if key != "subject_data"} for row in rows]
        )
        with pytest.raises(ValueError, match=r"export.csv': it lacks the columns subject_data"):
            read_classifications(path, task="T0")
        whole = write_export(rows).read_text().splitlines(keepends=True)
        for lines, message in [
            ([], "export.csv': it is empty"),
            (whole[:1], "export.csv' holds none"),
            ([*whole[:4], whole[4].replace(",", ",x,", 1)], "row 3 has 7 cells in line 5, .* 6"),
            ([whole[0], *(f"x,{line}" for line in whole[1:])], "row 0 has 7 cells in line 2, .* 6"),
            ([*whole[:3], "103,ann,1\n"], "row 2 has 3 cells in line 4, .* whole"),
            ([*whole[:-1], whole[-1][:-20]], "row 4 is no CSV in line 6: unexpected end of data"),
        ]:
            path.write_text("".join(lines))
            with pytest.raises(ValueError, match=message):
                read_classifications(path, task="T0")
        path.write_bytes("".join(whole).replace("c,1,", "\xe9,1,").encode("latin-1"))
        with pytest.raises(ValueError, match=r"row 2 .*'user_name' bytes that are no UTF-8"):
            read_classifications(path, task="T0")
        (tmp_path / "export.csv.gz").write_bytes(gzip.compress(path.read_bytes())[:60])
        with pytest.raises(ValueError, match=r"Got '.*export.csv.gz'"):
            read_classifications(tmp_path / "export.csv.gz", task="T0")

    @pytest.mark.parametrize(
        "arguments",
        [{"task": 0}, {"id_name": ""}, {"answers": "Yes"}, {"answers": [1]}, {"question": 1}],
    )
    def test_wrong_kinds(self, write_export, arguments):
        path = write_export(export_rows([("a", "Yes")]))
        with pytest.raises(TypeError, match=f"`{next(iter(arguments))}` must be"):
            read_classifications(path, **{"task": "T0", **arguments})


class TestRoundTrip:
    def test_against_the_independent_writer(self, galaxies, tmp_path):
        ids, paths = galaxies
        manifest = write_manifest(tmp_path / "round", ids, paths)
        for seed in range(5):
            fractions = dict(zip(ids, [0.0, 0.4, 1.0], strict=True))
            path = tmp_path / f"{seed}.csv"
            counts = panoptes_export.write_export(
                manifest, path, fractions, n_volunteers=60, seed=seed
            )
            votes = read_classifications(path, ids=ids, **READING)
            expected = [counts[id_] for id_ in ids]
            np.testing.assert_array_equal(votes.votes("featured-or-disk"), expected)
            # most must come through, and something must have been left out
            assert (votes.n_votes > 40).all()
            assert len(pd.read_csv(path)) > 1.2 * votes.n_votes.sum()

    def test_from_a_pool_to_a_better_network(self, toy, small, tmp_path):
        """Rank, write a manifest, let volunteers answer, read the votes, go on training."""
        images, _, rho = toy
        paths = np.array([str(tmp_path / f"{row}.png") for row in range(60)])
        for path, image in zip(paths, images, strict=False):
            Image.fromarray(image[:, :, 0]).save(path)
        ids = np.arange(60) + 587722981742215240
        loader = ImageLoader(size=12)
        model = BayesianCNNRegressor(**small).fit(images[60:, :, :, 0], toy[1][60:])

        pool = loader.fit_transform(paths)
        rows, scores = mutual_information_sampling(model, pool, n_instances=10)
        manifest = write_manifest(
            tmp_path / "round", ids[rows], paths[rows], metadata={"#acquisition": scores}
        )
        fractions = {str(id_): fraction for id_, fraction in zip(ids, rho[:60], strict=True)}
        counts = panoptes_export.write_export(manifest, tmp_path / "export.csv", fractions)
        votes = read_classifications(tmp_path / "export.csv", ids=ids[rows], **READING)

        y = votes.votes("featured-or-disk")
        assert y.tolist() == [list(counts[str(id_)]) for id_ in ids[rows]]
        before = model.predict(pool)
        model.partial_fit(loader.transform(paths[rows]), y)
        assert not np.array_equal(model.predict(pool), before)


def test_the_writer_is_independent():
    text = Path(panoptes_export.__file__).read_text()
    assert "import skgalaxy" not in text
    assert "from skgalaxy" not in text
    assert _manifest.ID_NAME in text
