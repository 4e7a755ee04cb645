"""Volunteers: what they say of a galaxy depends on nothing else, and nobody is asked twice."""

import shutil

import numpy as np
import pandas as pd
import panoptes_export
import pytest
from modAL.models import ActiveLearner
from PIL import Image
from sklearn.linear_model import LinearRegression

from skgalaxy import active, query

IDS = [f"588{number:015d}" for number in range(400)]
RHO = np.random.default_rng(1).uniform(size=400)


class TestSimulated:
    def test_replays_equal_the_catalogue(self):
        n_votes = np.arange(400) % 60
        votes = np.column_stack([np.random.default_rng(0).binomial(n_votes, RHO), n_votes])
        volunteers = active.SimulatedVolunteers(IDS, votes)
        order = np.random.default_rng(2).permutation(400)
        volunteers.request([IDS[row] for row in order])
        ids, answers = volunteers.collect()
        assert ids.tolist() == [IDS[row] for row in order]
        np.testing.assert_array_equal(answers, votes[order])

    @pytest.mark.parametrize("seed", range(3))
    def test_order_grouping_and_company_do_not_matter(self, seed):
        rng = np.random.default_rng(seed)

        def told(ids, known):
            """Return what is said when galaxies are asked about in some groups."""
            rows = [IDS.index(id_) for id_ in known]
            volunteers = active.SimulatedVolunteers(known, RHO[rows], random_state=4)
            while len(ids):
                size = rng.integers(1, len(ids) + 1)
                volunteers.request(ids[:size])
                ids = ids[size:]
                if rng.random() < 0.5:
                    volunteers.collect()
                    volunteers.request(ids[:size])  # and some twice
            return dict(zip(*(part.tolist() for part in volunteers.collect()), strict=True))

        some = rng.permutation(IDS)[:50]
        expected = told(some, IDS)
        assert told(rng.permutation(some), rng.permutation(IDS)) == expected
        assert told(rng.permutation(some), rng.permutation(some)) == expected
        fewer = told(some[:20], IDS)
        assert fewer == {id_: expected[id_] for id_ in some[:20]}

    def test_binomial(self):
        """The votes scatter as k ~ Bin(N, rho)."""
        n_votes = np.arange(20, 420)
        volunteers = active.SimulatedVolunteers(IDS, RHO, n_votes=n_votes)
        volunteers.request(IDS)
        k, n = volunteers.collect()[1].T
        np.testing.assert_array_equal(n, n_votes)
        pull = (k - n * RHO) / np.sqrt(n * RHO * (1 - RHO))
        assert abs(pull.mean()) < 3 / 20
        assert abs(pull.std() - 1) < 3 / np.sqrt(800)

    def test_seeds_differ(self):
        said = []
        for seed in (0, 0, 1):
            volunteers = active.SimulatedVolunteers(IDS, RHO, random_state=seed)
            volunteers.request(IDS)
            said.append(volunteers.collect()[1])
        np.testing.assert_array_equal(said[0], said[1])
        assert (said[0] != said[2]).any()

    def test_asked_twice_answered_once(self):
        volunteers = active.SimulatedVolunteers(IDS, RHO)
        assert volunteers.collect()[1].shape == (0, 2)
        volunteers.request(IDS[:3])
        volunteers.request(IDS[2:4])
        assert volunteers.collect()[0].tolist() == IDS[:4]

    def test_ids_are_text(self):
        volunteers = active.SimulatedVolunteers([587722981742215240], [0.5])
        volunteers.request(np.array(["587722981742215240"]))
        assert volunteers.collect()[0].tolist() == ["587722981742215240"]

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ((["a", "a"], [0.1, 0.2]), ValueError, "`ids` must not repeat"),
            (([1.5], [0.1]), ValueError, "`ids` must be text or integers"),
            ((["a"], [0.1, 0.2]), ValueError, r"shape \(1,\) or \(1, 2\). Got shape \(2,\)"),
            ((["a"], [1.2]), ValueError, r"must be vote fractions in \[0, 1\]"),
            ((["a"], [np.nan]), ValueError, "NaN in row 0; mask it"),
            ((["a"], [[5, 3]]), ValueError, "k must not exceed"),
            ((["a"], [[0.5, 3]]), ValueError, "whole numbers"),
            ((["a", "b"], [[1, 2], [3]]), ValueError, "`y` must be an array of numbers.*unequal"),
            ((["a"], ["0.3"]), ValueError, "`y` must hold real numbers. Got text"),
            ((["a"], [0.3j]), ValueError, "`y` must hold real numbers. Got complex"),
            ((["a"], np.array(["2020"], "M8[Y]")), ValueError, "`y` must hold real.*dates"),
            ((["a"], [[1, 2**62]]), ValueError, "at most 2"),
            ((["a"], 0.3), ValueError, r"Got shape \(\)"),
        ],
    )
    def test_bad_input(self, arguments, error, message):
        with pytest.raises(error, match=message):
            active.SimulatedVolunteers(*arguments)

    @pytest.mark.parametrize(
        ("given", "error"),
        [
            ({"n_votes": -1}, ValueError),
            ({"n_votes": [1, 2]}, ValueError),
            ({"random_state": None}, TypeError),
            ({"random_state": -1}, ValueError),
        ],
    )
    def test_bad_settings(self, given, error):
        with pytest.raises(error, match=f"`{next(iter(given))}`"):
            active.SimulatedVolunteers(["a"], [0.5], **given)

    @pytest.mark.parametrize("n_columns", [1, 2])
    def test_masked_votes_are_none(self, n_columns):
        """Whatever stands behind a mask: nobody votes on these galaxies, the others are as ever."""
        y = RHO if n_columns == 1 else np.column_stack([np.round(30 * RHO), np.full(400, 30)])
        mask = np.random.default_rng(3).random(y.shape) < 0.3
        masked = mask if n_columns == 1 else mask.any(axis=1)
        said = []
        for given in (y, np.ma.array(np.where(mask, 1e9, y), mask=mask)):
            volunteers = active.SimulatedVolunteers(IDS, given)
            volunteers.request(IDS)
            said.append(volunteers.collect()[1])
        assert not said[1][masked].any()
        assert (said[0][masked, 1] > 0).all()
        np.testing.assert_array_equal(said[1][~masked], said[0][~masked])

    def test_unknown_galaxy(self):
        volunteers = active.SimulatedVolunteers(["a"], [0.5])
        with pytest.raises(ValueError, match=r"Got 'b' \(1 of 2 are unknown\)"):
            volunteers.request(["a", "b"])


@pytest.fixture
def galaxies(tmp_path):
    """Return image files by id."""
    paths = {}
    for id_ in IDS[:12]:
        paths[id_] = tmp_path / f"{id_}.png"
        image = Image.new("L", (64, 64), int(id_) % 200)
        image.putpixel((32, 32), 255)
        image.save(paths[id_])
    return paths


ANSWERS = {"Smooth": "smooth", "Features or Disk": "featured", "Star or Artifact": "artifact"}


def by_files(galaxies, home, **given):
    reading = {"answers": ANSWERS, "workflow_id": 21802, "workflow_version": 12}
    given = {
        "folder": home / "asked",
        "export": home / "export.csv",
        "task": "T0",
        "yes": "featured",
        "min_votes": 10,
        "reading": reading,
        "writing": {"size": 32},
        **given,
    }
    return active.FileVolunteers(images=galaxies, **given)


def export_of(folder, requests, **given):
    """Let the players classify what requests hold; return the counts they know of."""
    manifests = [folder / "asked" / name / "manifest.csv" for name in requests]
    tables = [pd.read_csv(path, dtype=str) for path in manifests]
    merged = folder / "asked" / requests[0] / "all.csv"
    for table, name in zip(tables, requests, strict=True):
        table["image"] = f"../{name}/" + table["image"]
    pd.concat(tables).to_csv(merged, index=False)
    fractions = dict(zip(IDS, RHO, strict=True))
    counts = panoptes_export.write_export(merged, folder / "export.csv", fractions, **given)
    merged.unlink()
    return counts


class TestFiles:
    def test_there_and_back(self, galaxies, tmp_path):
        volunteers = by_files(galaxies, tmp_path)
        assert isinstance(volunteers, active.Volunteers)
        assert len(volunteers.collect()[0]) == 0
        volunteers.request(IDS[:5])
        assert len(volunteers.collect()[0]) == 0  # there is no export yet
        counts = export_of(tmp_path, ["request_0001"])
        ids, votes = volunteers.collect()
        assert ids.tolist() == IDS[:5]
        assert dict(zip(ids, map(tuple, votes.tolist()), strict=True)) == counts

    def test_nobody_is_asked_twice(self, galaxies, tmp_path):
        """Not in another process either: the folders say what was asked."""
        by_files(galaxies, tmp_path).request(IDS[:3])
        by_files(galaxies, tmp_path).request(IDS[:3])
        by_files(galaxies, tmp_path).request(IDS[1:5])
        folders = sorted((tmp_path / "asked").iterdir())
        assert [folder.name for folder in folders] == ["request_0001", "request_0002"]
        asked = [pd.read_csv(folder / "manifest.csv", dtype=str)["#id_str"] for folder in folders]
        assert [ids.tolist() for ids in asked] == [IDS[:3], IDS[3:5]]

    def test_half_a_request_is_none(self, galaxies, tmp_path):
        """What a kill leaves behind is not taken for a request."""
        (tmp_path / "asked" / ".request_0001.12ab34cd.partial").mkdir(parents=True)
        by_files(galaxies, tmp_path).request(IDS[:3])
        assert (tmp_path / "asked" / "request_0001" / "manifest.csv").is_file()

    @pytest.mark.parametrize("gone", [["0001"], ["0002"], ["0001", "0002"], ["0001", "0003"]])
    def test_folders_that_are_tidied_away(self, galaxies, tmp_path, gone):
        """Later requests get higher numbers than all that are left, and nobody is asked twice."""
        for start in (0, 2, 4):
            by_files(galaxies, tmp_path).request(IDS[start : start + 2])
        for number in gone:
            shutil.rmtree(tmp_path / "asked" / f"request_{number}")
        by_files(galaxies, tmp_path).request(IDS[6:8])
        left = [path.name for path in (tmp_path / "asked").iterdir()]
        new = "request_0003" if "0003" in gone else "request_0004"
        assert len(left) == 4 - len(gone)
        asked = pd.read_csv(tmp_path / "asked" / new / "manifest.csv", dtype=str)["#id_str"]
        assert asked.tolist() == IDS[6:8]
        counts = export_of(tmp_path, sorted(left))
        by_files(galaxies, tmp_path).request(list(counts))
        assert len(list((tmp_path / "asked").iterdir())) == len(left)
        ids, votes = by_files(galaxies, tmp_path).collect()
        assert dict(zip(ids, map(tuple, votes.tolist()), strict=True)) == counts

    def test_folders_of_other_names(self, galaxies, tmp_path):
        """A copy counts once, a renamed one still counts, and files do not."""
        by_files(galaxies, tmp_path).request(IDS[:2])
        by_files(galaxies, tmp_path).request(IDS[2:4])
        asked = tmp_path / "asked"
        shutil.copytree(asked / "request_0001", asked / "request_0001 (copy)")
        (asked / "request_0002").rename(asked / "request_0002_uploaded")
        (asked / "request_0001.zip").touch()
        (asked / "request_notes.txt").touch()
        by_files(galaxies, tmp_path).request(IDS[:5])
        manifest = pd.read_csv(asked / "request_0003" / "manifest.csv", dtype=str)
        assert manifest["#id_str"].tolist() == IDS[4:5]
        counts = export_of(tmp_path, ["request_0001", "request_0002_uploaded"])
        ids, votes = by_files(galaxies, tmp_path).collect()
        assert dict(zip(ids, map(tuple, votes.tolist()), strict=True)) == counts

    def test_export_from_before_the_request(self, galaxies, tmp_path):
        by_files(galaxies, tmp_path).request(IDS[:2])
        export_of(tmp_path, ["request_0001"])
        shutil.rmtree(tmp_path / "asked" / "request_0001")
        by_files(galaxies, tmp_path).request(IDS[2:4])
        assert len(by_files(galaxies, tmp_path).collect()[0]) == 0

    def test_answer_that_begins_another(self, galaxies, tmp_path):
        """ "Features" of today may be one of two tomorrow: it is refused."""
        reading = {"workflow_id": 21802, "workflow_version": 12}
        volunteers = by_files(galaxies, tmp_path, yes="Features", reading=reading)
        volunteers.request(IDS[:2])
        assert len(volunteers.collect()[0]) == 0
        export_of(tmp_path, ["request_0001"])
        with pytest.raises(ValueError, match=r"`yes` must be among.*Features or Disk.*'Features'"):
            volunteers.collect()
        whole = by_files(galaxies, tmp_path, yes="Features or Disk", reading=reading)
        assert len(whole.collect()[0]) == 2

    def test_too_few_votes_are_no_answer(self, galaxies, tmp_path):
        volunteers = by_files(galaxies, tmp_path)
        volunteers.request(IDS[:6])
        counts = export_of(tmp_path, ["request_0001"], n_volunteers=10)
        enough = [id_ for id_ in IDS[:6] if counts[id_][1] >= 10]
        assert 0 < len(enough) < 6
        assert volunteers.collect()[0].tolist() == enough
        patient = by_files(galaxies, tmp_path, min_votes=0)
        assert patient.collect()[0].tolist() == IDS[:6]

    def test_several_answers(self, galaxies, tmp_path):
        volunteers = by_files(galaxies, tmp_path, yes=["featured", "smooth"])
        volunteers.request(IDS[:3])
        counts = export_of(tmp_path, ["request_0001"])
        _, votes = volunteers.collect()
        assert (votes[:, 0] >= [counts[id_][0] for id_ in IDS[:3]]).all()

    def test_a_run_by_files(self, galaxies, tmp_path):
        """It waits for uploads and exports, and goes on, to what the votes at once would give."""
        ids, pool = list(galaxies), np.arange(12)[:, None]
        given = {"ids": ids, "initial": 4, "n_instances": 3, "n_rounds": 1, "random_state": 0}
        learner = ActiveLearner(LinearRegression(), query.random_sampling)

        def call():
            ledger = tmp_path / "run.sqlite"
            return active.run(
                learner, pool, by_files(pd.Series(galaxies), tmp_path), **given, ledger=ledger
            )

        assert call().status == call().status == "waiting for 4 galaxies"
        counts = export_of(tmp_path, ["request_0001"])
        assert call().n_waiting == 3
        counts |= export_of(tmp_path, ["request_0001", "request_0002"])
        result = call()
        assert result.n_waiting == 0
        votes = [counts.get(id_, (0, 0)) for id_ in ids]
        at_once = active.run(learner, pool, active.SimulatedVolunteers(ids, votes), **given)
        assert result.asked["id"].tolist() == at_once.asked["id"].tolist()
        assert result.asked[["k", "n_votes"]][4:].equals(at_once.asked[["k", "n_votes"]][4:])

    @pytest.mark.parametrize(
        ("given", "error", "message"),
        [
            ({"images": ["a.png"]}, TypeError, "`images` must be a mapping.*Got list"),
            ({"images": {1.5: "a.png"}}, ValueError, "`images` must be text or integers"),
            ({"min_votes": -1}, ValueError, "`min_votes`"),
            ({"min_votes": 2.5}, TypeError, "`min_votes`"),
            ({"images": {"1": None}}, TypeError, "`images` must have paths.*Got None of '1'"),
            ({"images": {None: "a.png"}}, ValueError, "`images` must be given"),
            ({"task": None}, TypeError, "`task` must be text. Got None"),
            ({"task": ""}, TypeError, "`task` must be text"),
            ({"yes": 1}, TypeError, "`yes` must be an answer.*Got 1"),
            ({"yes": []}, TypeError, "`yes` must be an answer"),
            ({"yes": ["smooth", "smooth"]}, TypeError, "`yes` must be an answer.*each once"),
            ({"yes": "round"}, ValueError, "`yes` must be among.*smooth, featured.*'round'"),
            ({"reading": ["T0"]}, TypeError, "`reading` must be a mapping"),
            ({"reading": {"workflow": 3}}, ValueError, "`reading`.*workflow_id.*Got 'workflow'"),
            ({"reading": {"ids": ["1"]}}, ValueError, "`reading` must be arguments of read_cl"),
            ({"writing": {"ids": ["1"]}}, ValueError, "`writing` must be arguments of write_man"),
            ({"folder": None}, TypeError, "`folder` must be a path"),
            ({"export": 3}, TypeError, "`export` must be a path"),
        ],
    )
    def test_bad_input(self, galaxies, tmp_path, given, error, message):
        images = given.pop("images", galaxies)
        with pytest.raises(error, match=message):
            by_files(images, tmp_path, **given)

    def test_galaxy_without_an_image(self, galaxies, tmp_path):
        with pytest.raises(ValueError, match=r"`images` must have.*'7' \(1 of 2 have none\)"):
            by_files(galaxies, tmp_path).request([IDS[0], "7"])
        assert not (tmp_path / "asked").exists()

    @pytest.mark.parametrize(
        ("saved", "message"),
        [
            ("5.87723E+17", r"`#id_str` must .*their last digits are lost. Got 5.87723E\+17"),
            ("587722981742215000", "with 587722981742215000, whose last digits a spreadsheet has"),
        ],
    )
    def test_manifest_that_a_spreadsheet_has_saved(self, galaxies, tmp_path, saved, message):
        """Its galaxy would be asked about again."""
        whole = "587722981742215240"
        images = {whole: next(iter(galaxies.values()))}
        volunteers = by_files(images, tmp_path)
        volunteers.request([whole])
        manifest = tmp_path / "asked" / "request_0001" / "manifest.csv"
        manifest.write_text(manifest.read_text().replace(whole, saved))
        with pytest.raises(ValueError, match=message):
            volunteers.request([whole])
        with pytest.raises(ValueError, match=message):
            volunteers.collect()

    def test_lost_manifest(self, galaxies, tmp_path):
        volunteers = by_files(galaxies, tmp_path)
        volunteers.request(IDS[:2])
        manifest = tmp_path / "asked" / "request_0001" / "manifest.csv"
        for spoil in (lambda: manifest.write_text("a,b\n1,2\n"), manifest.unlink):
            spoil()
            with pytest.raises(ValueError, match=r"whole requests.*request_0001/manifest.csv"):
                volunteers.request(IDS[:3])

    def test_damaged_export(self, galaxies, tmp_path):
        volunteers = by_files(galaxies, tmp_path)
        volunteers.request(IDS[:2])
        (tmp_path / "export.csv").write_text("a,b\n1,2\n")
        with pytest.raises(ValueError, match=r"export.csv.*lacks the columns"):
            volunteers.collect()
