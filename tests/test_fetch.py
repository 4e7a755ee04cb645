"""Published data sets, fetched from a server on this machine that fails as servers do."""

import dataclasses
import gzip
import hashlib
import io
import os
import re
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
from PIL import Image

pooch = pytest.importorskip("pooch", reason="fetching needs pooch")
urllib3 = pytest.importorskip("urllib3")

from skgalaxy.datasets import (  # noqa: E402
    _fetch,
    clear_data_home,
    fetch_galaxy_zoo2,
    fetch_gz_decals,
    get_data_home,
)
from skgalaxy.datasets._registry import GALAXY_ZOO_2_FILES, GZ_DECALS_FILES  # noqa: E402
from skgalaxy.images import ImageLoader  # noqa: E402

TABLE, NAMES, IMAGES = "gz2_hart16.csv.gz", "gz2_filename_mapping.csv", "images_gz2.zip"
BIG_ID = 587722981746540704

pytestmark = pytest.mark.filterwarnings("ignore:skgalaxy has not verified")


class Server(ThreadingHTTPServer):
    """Serves `files`; each request first takes what it is to do wrong from `faults`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests = {}, [], []

    def serve(self, published, files):
        """Return `published` as it is here: addresses of this server, and true checksums."""
        self.files |= files
        url = f"http://127.0.0.1:{self.server_address[1]}/"
        sums = {name: f"md5:{hashlib.md5(content).hexdigest()}" for name, content in files.items()}
        return dataclasses.replace(
            published, registry=sums, urls={name: url + name for name in published.registry}
        )


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.requests.append(self.path[1:])
        fault = self.server.faults.pop(0) if self.server.faults else None
        body = self.server.files.get(self.path[1:])
        if isinstance(fault, int) or body is None:
            return self.send_error(fault or 404)
        self.send_response(200)
        if fault != "no length":
            self.send_header("Content-Length", str(len(body)))
        if fault == "web page":
            self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault in ("half", "no length") else body)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch.core.time, "sleep", lambda seconds: None)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def picture(level):
    data = io.BytesIO()
    image = Image.new("RGB", (8, 8), (level,) * 3)
    image.putpixel((0, 0), (255 - level,) * 3)
    image.save(data, "JPEG", quality=100)
    return data.getvalue()


def zipped(members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def gz2_table():
    """Return four galaxies as gz2_hart16.csv has them, not all columns."""
    return pd.DataFrame(
        {
            "dr7objid": [f"{BIG_ID + 1 + i}" for i in range(4)],
            "total_votes": [295, 295, 295, 295],
            "t01_smooth_or_features_a01_smooth_count": [10, 3, 30, 1],
            "t01_smooth_or_features_a02_features_or_disk_count": [30, 36, 4, 2],
            "t01_smooth_or_features_a03_star_or_artifact_count": [0, 1, 6, 3],
            "t01_smooth_or_features_a02_features_or_disk_debiased": [0.8, 0.9, 0.2, 0.3],
            "t03_bar_a06_bar_count": [7, None, 1, 0],
            "t03_bar_a07_no_bar_count": [2, None, 1, 5],
        }
    )


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("SKGALAXY_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "galaxy_zoo_2"


@pytest.fixture
def gz2(server, monkeypatch, home):
    """Return a fetcher of four galaxies; the second has no image, images are out of order."""
    ids = [f"{BIG_ID + 1 + i}" for i in (3, 2, 1, 0, 7)]
    names = pd.DataFrame({"objid": ids, "sample": "original", "asset_id": [13, 12, 11, 10, 17]})
    images = {f"images/{i}.jpg": picture(10 * i) for i in (10, 12, 13, 17)}
    files = {
        TABLE: gzip.compress(gz2_table().to_csv(index=False).encode()),
        NAMES: names.to_csv(index=False).encode(),
        IMAGES: zipped(images | {"__MACOSX/images/._10.jpg": b"mac", "../../out.jpg": b"evil"}),
    }
    monkeypatch.setattr(_fetch, "GALAXY_ZOO_2_FILES", server.serve(GALAXY_ZOO_2_FILES, files))
    return lambda **options: fetch_galaxy_zoo2(**{"verbose": False} | options)


@pytest.fixture
def expect(monkeypatch):
    """Return what sets the checksum that the table is said to have."""

    def set_checksum(checksum):
        registry = _fetch.GALAXY_ZOO_2_FILES.registry | {TABLE: checksum}
        changed = dataclasses.replace(_fetch.GALAXY_ZOO_2_FILES, registry=registry)
        monkeypatch.setattr(_fetch, "GALAXY_ZOO_2_FILES", changed)

    return set_checksum


def files_in(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


class TestDownload:
    def test_failures_that_pass(self, gz2, server, home):
        server.faults = [503, "half", "no length"]
        with pytest.raises(OSError, match="must have the checksum"):  # what no length betrays
            gz2()
        server.faults = [503, 429, "half"]
        assert len(gz2().votes) == 4
        assert len(server.requests) == 3 + 4
        assert files_in(home) == [TABLE]

    @pytest.mark.parametrize(
        ("fault", "message"),
        [
            (503, "127.0.0.1 answered 503 Service Unavailable. Check"),
            (404, f"answered 404 Not Found. .* put the file at '.*{TABLE}' by hand"),
            ("half", "the connection to 127.0.0.1 failed"),
            ("web page", f"a web page came instead of the file, .*'.*{TABLE}' by hand"),
        ],
    )
    def test_nothing_half_written_is_a_file(self, gz2, server, home, expect, fault, message):
        expect(None)
        server.faults = [fault] * 9
        with pytest.raises(OSError, match=rf"^Could not download http.*{TABLE}: .*{message}"):
            gz2(n_retries=1)
        assert len(server.requests) == (1 if fault == "web page" else 2)
        assert files_in(home) == []

    def test_half_a_file_whatever_urllib3_thinks(self, gz2, server, home, expect, monkeypatch):
        """Version 1 of urllib3 takes a connection that closes early for the end of the file."""
        init, lenient = urllib3.HTTPResponse.__init__, {"enforce_content_length": False}
        monkeypatch.setattr(
            urllib3.HTTPResponse, "__init__", lambda self, *a, **k: init(self, *a, **(k | lenient))
        )
        expect(None)
        server.faults = ["half"]
        with pytest.raises(OSError, match="Could not download"):
            gz2(n_retries=0)
        assert files_in(home) == []

    def test_offline(self, gz2, monkeypatch):
        dead = dict.fromkeys(_fetch.GALAXY_ZOO_2_FILES.registry, "http://127.0.0.1:9/x")
        changed = dataclasses.replace(_fetch.GALAXY_ZOO_2_FILES, urls=dead)
        monkeypatch.setattr(_fetch, "GALAXY_ZOO_2_FILES", changed)
        with pytest.raises(OSError, match=r"connection to 127.0.0.1 failed. Check .* by hand\.$"):
            gz2()

    def test_full_disk(self, gz2, server, home):
        resource = pytest.importorskip("resource", reason="limits of file sizes are POSIX")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(OSError, match=rf"Could not write '.*{TABLE}': File too large"):
                gz2()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert files_in(home) == []

    def test_progress_is_shown_if_wanted(self, gz2, capfd):
        gz2()
        assert capfd.readouterr() == ("", "")
        clear_data_home()
        gz2(verbose=True)
        assert "100%" in capfd.readouterr().err

    def test_missing_and_not_to_be_downloaded(self, gz2, server):
        with pytest.raises(OSError, match=rf"{TABLE}' does not exist, and `download_if_missing`"):
            gz2(download_if_missing=False)
        gz2()
        gz2(download_if_missing=False)
        assert len(server.requests) == 1

    def test_two_at_once(self, gz2, server):
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(gz2(images=True))) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [len(galaxies.paths) for galaxies in found] == [3, 3, 3]


class TestChecksum:
    def test_wrong(self, gz2, server, home, expect):
        """Refused at once, unless what sha256sum prints is put beside it by hand."""
        wrong = f"md5:{hashlib.md5(b'something else').hexdigest()}"
        expect(wrong)
        with pytest.raises(OSError, match=rf"{TABLE} must have the checksum {wrong}.*reported and"):
            gz2()
        assert (files_in(home), len(server.requests)) == ([], 1)
        (home / TABLE).write_bytes(server.files[TABLE])
        digest = hashlib.sha256(server.files[TABLE]).hexdigest()
        (home / f"{TABLE}.sha256").write_text(f"{digest}  {TABLE}\n")
        assert len(gz2(download_if_missing=False).votes) == 4

    @pytest.mark.parametrize("known", [True, False])
    def test_damaged_file_is_downloaded_again(self, gz2, server, home, expect, known):
        if not known:
            expect(None)
        gz2()
        (home / TABLE).write_bytes(b"X" + server.files[TABLE][1:])
        with pytest.raises(OSError, match=r"is damaged: its checksum is not .*, and `download_if"):
            gz2(download_if_missing=False)
        with pytest.warns(UserWarning, match=r"damaged: its checksum.*Downloading it again"):
            assert len(gz2().votes) == 4

    def test_first_download_is_trusted_and_recorded(self, gz2, server, home, expect):
        expect(None)
        gz2()
        digest = hashlib.sha256(server.files[TABLE]).hexdigest()
        assert (home / f"{TABLE}.sha256").read_text() == f"{digest}  {TABLE}\n"
        (home / TABLE).unlink()
        server.files[TABLE] = gzip.compress(gz2_table()[:2].to_csv(index=False).encode())
        with pytest.raises(OSError, match=r"published anew, delete '.*\.sha256' to accept it"):
            gz2()
        (home / f"{TABLE}.sha256").unlink()
        assert len(gz2().votes) == 2

    @pytest.mark.parametrize("writable", [True, False])
    def test_file_put_there_by_hand_is_trusted(self, gz2, server, home, expect, writable):
        expect(None)
        home.mkdir(parents=True)
        (home / TABLE).write_bytes(server.files[TABLE])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "access", lambda path, mode: writable)
            gz2(download_if_missing=False)
        assert (home / f"{TABLE}.sha256").exists() == writable

    @pytest.mark.parametrize(
        ("known", "trust"),
        [(False, "No checksum is known: the first download is"), (True, "is compared with md5:")],
    )
    @pytest.mark.filterwarnings("error")
    def test_what_is_not_verified_is_said_at_the_download(self, gz2, expect, known, trust):
        if not known:
            expect(None)
        message = rf"has not verified http.*\(some 240,000 rows; found in.*{trust}"
        with pytest.warns(UserWarning, match=message) as caught:
            fetch_galaxy_zoo2(verbose=False)
        assert caught[0].filename == __file__
        gz2()  # silent


class TestArchive:
    def test_images_keep_their_galaxies(self, gz2, server, home, tmp_path):
        galaxies = gz2(images=True)
        np.testing.assert_array_equal(galaxies.votes, [[30, 40], [4, 40], [2, 6]])
        names = [os.path.basename(path) for path in galaxies.paths]
        assert names == ["10.jpg", "12.jpg", "13.jpg"]
        assert galaxies.n_without_image == 1
        assert list(galaxies.table.ids) == list(galaxies.ids)
        images = ImageLoader(size=8).fit_transform(galaxies.paths)
        np.testing.assert_allclose(np.median(images, axis=(1, 2)).ravel(), [100, 120, 130], atol=2)
        (home / IMAGES).unlink()  # may go once it is unpacked
        assert list(gz2(images=True, download_if_missing=False).paths) == list(galaxies.paths)
        assert server.requests == [TABLE, IMAGES, NAMES]
        assert files_in(tmp_path) == ["home"]  # members stay in the folder

    def test_damaged(self, gz2, server, home, expect, monkeypatch):
        files, whole = _fetch.GALAXY_ZOO_2_FILES, server.files[IMAGES]
        unknown = dataclasses.replace(files, registry=files.registry | {IMAGES: None})
        monkeypatch.setattr(_fetch, "GALAXY_ZOO_2_FILES", unknown)
        for content in (whole.replace(picture(120), bytes(len(picture(120)))), b"<html>Sign in"):
            server.files[IMAGES] = content
            with pytest.raises(OSError, match=rf"{IMAGES}' is damaged: .*Delete it to"):
                gz2(images=True)
            assert files_in(home) == [TABLE, IMAGES, f"{IMAGES}.sha256"]
            (home / IMAGES).unlink()
            (home / f"{IMAGES}.sha256").unlink()


class TestGalaxyZoo2:
    def test_votes(self, gz2, server):
        galaxies = gz2()
        np.testing.assert_array_equal(galaxies.votes, [[30, 40], [36, 40], [4, 40], [2, 6]])
        assert galaxies.votes.dtype == np.int64
        assert list(galaxies.ids) == [f"{BIG_ID + 1 + i}" for i in range(4)]
        assert galaxies.table.question == "smooth-or-featured"
        assert (galaxies.paths, galaxies.frame, galaxies.n_without_image) == (None, None, 0)
        assert "Hart et al. 2016" in galaxies.DESCR
        assert server.requests == [TABLE]

    def test_return_X_y_and_frames(self, gz2):
        X, y = gz2(images=True, return_X_y=True)
        assert (X.shape, X.dtype) == ((3,), object)
        galaxies = gz2(images=True, as_frame=True)
        assert list(galaxies.votes.columns) == ["k", "n_votes"]
        assert list(galaxies.votes.index) == list(galaxies.paths.index) == list(galaxies.ids)
        assert list(galaxies.paths) == list(X)
        np.testing.assert_array_equal(galaxies.votes, y)
        expected = gz2_table().iloc[[0, 2, 3]].reset_index(drop=True)
        pd.testing.assert_frame_equal(galaxies.frame, expected, check_dtype=False)
        assert gz2(as_frame=True).paths is None

    @pytest.mark.parametrize(
        ("question", "answer", "votes"),
        [
            ("smooth-or-featured", ("featured", "smooth"), [[40, 40], [39, 40], [34, 40], [3, 6]]),
            ("bar", "yes", [[7, 9], [0, 0], [1, 2], [0, 5]]),
            ("bar", ["no"], [[2, 9], [0, 0], [1, 2], [5, 5]]),
        ],
    )
    def test_question_and_answer_and_nobody_asked(self, gz2, question, answer, votes):
        np.testing.assert_array_equal(gz2(question=question, answer=answer).votes, votes)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"question": "featured"}, r"`question` must name one question .* Got 'featured'"),
            ({"answer": "spiral"}, r"`answers` .* smooth, featured-or-disk.*Got 'spiral'"),
            ({"answer": None}, r"`answers` .* Got None"),
        ],
    )
    def test_what_is_not_asked_is_found_before_images_come(self, gz2, server, parameters, message):
        with pytest.raises(ValueError, match=message):
            gz2(images=True, **parameters)
        assert server.requests == [TABLE]

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"images": 1}, "`images` must be True or False. Got 1"),
            ({"return_X_y": True}, "`return_X_y` needs images=True"),
            ({"as_frame": "no"}, "`as_frame` must be True or False. Got 'no'"),
            ({"download_if_missing": 0}, "`download_if_missing` must be True or False. Got 0"),
            ({"n_retries": -1}, "`n_retries` must be an integer >= 0. Got -1"),
            ({"verbose": 2}, "`verbose` must be True or False. Got 2"),
        ],
    )
    def test_bad_parameters_are_named_before_any_download(self, gz2, server, parameters, message):
        with pytest.raises((ValueError, TypeError), match=message):
            gz2(**parameters)
        assert not server.requests

    def test_real_galaxies(self, shared_data, server, monkeypatch, home):
        """From Hart's own rows: k and N of each are those of votes.csv."""
        folder = shared_data / "galaxy_zoo_2"
        votes = pd.read_csv(folder / "votes.csv", dtype={"dr7objid": str, "asset_id": str})
        table = pd.read_csv(folder / "hart16_rows.csv", dtype={"dr7objid": str})
        table = table.drop(columns="asset_id").sample(frac=1, random_state=0)
        images = [folder / "images" / f"{name}.jpg" for name in votes["asset_id"][:60]]
        files = {
            TABLE: gzip.compress(table.to_csv(index=False).encode()),
            NAMES: (folder / NAMES).read_bytes(),
            IMAGES: zipped({f"images/{path.name}": path.read_bytes() for path in images}),
        }
        monkeypatch.setattr(_fetch, "GALAXY_ZOO_2_FILES", server.serve(GALAXY_ZOO_2_FILES, files))
        counted = ["smooth-or-featured_featured-or-disk", "smooth-or-featured_total-votes"]
        known = votes.set_index("dr7objid")
        galaxies = fetch_galaxy_zoo2(verbose=False)
        assert len(galaxies.ids) == 800
        np.testing.assert_array_equal(galaxies.votes, known.loc[galaxies.ids, counted])
        galaxies = fetch_galaxy_zoo2(images=True, verbose=False)
        assert (len(galaxies.ids), galaxies.n_without_image) == (60, 740)
        np.testing.assert_array_equal(galaxies.votes, known.loc[galaxies.ids, counted])
        names = [os.path.splitext(os.path.basename(path))[0] for path in galaxies.paths]
        assert names == list(known.loc[galaxies.ids, "asset_id"])


@pytest.mark.parametrize("total", ["total-votes", "total"])
def test_galaxy_zoo_decals(server, monkeypatch, home, total):
    table = pd.DataFrame(
        {
            "iauname": ["J1.5+2.5", "J2.5-3.5"],
            f"smooth-or-featured_{total}": [5, 40],
            "smooth-or-featured_smooth": [1, 20],
            "smooth-or-featured_featured-or-disk": [4, 15],
            "smooth-or-featured_featured-or-disk_fraction": [0.8, 0.375],
            "smooth-or-featured_artifact": [0, 5],
            f"bar_{total}": [3, None],
            "bar_strong": [1, None],
            "bar_weak": [2, None],
            "bar_no": [0, None],
        }
    )
    files = {
        "gz_decals_volunteers_5.csv": table.to_csv(index=False).encode(),
        "gz_decals_volunteers_1_and_2.csv": table[:1].to_csv(index=False).encode(),
    }
    for part in (1, 2, 3, 4):
        image = {f"J{part}/J{part}.5+2.5.jpg": picture(part)}
        files[f"gz_decals_dr5_png_part{part}.zip"] = zipped(image)
    monkeypatch.setattr(_fetch, "GZ_DECALS_FILES", server.serve(GZ_DECALS_FILES, files))
    galaxies = fetch_gz_decals(verbose=False)
    np.testing.assert_array_equal(galaxies.votes, [[4, 5], [15, 40]])
    assert list(galaxies.ids) == ["J1.5+2.5", "J2.5-3.5"]
    bars = fetch_gz_decals(question="bar", answer=("strong", "weak"), verbose=False)
    np.testing.assert_array_equal(bars.votes, [[3, 3], [0, 0]])
    assert len(fetch_gz_decals(campaign="1_and_2", verbose=False).ids) == 1
    paths, votes = fetch_gz_decals(images=True, return_X_y=True, verbose=False)
    assert [os.path.basename(path) for path in paths] == ["J1.5+2.5.jpg"]
    np.testing.assert_array_equal(votes, [[4, 5]])
    with pytest.raises(ValueError, match=r"`campaign` must be one of '5', '1_and_2'\. Got '6'"):
        fetch_gz_decals(campaign="6")


@pytest.mark.parametrize("fetch", [fetch_galaxy_zoo2, fetch_gz_decals])
def test_without_pooch_the_remedy_is_said(monkeypatch, tmp_path, fetch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(
        ImportError, match=rf"`{fetch.__name__}` needs pooch.*skgalaxy's extra \[fetch\]"
    ):
        fetch(data_home=tmp_path)


def test_data_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SKGALAXY_DATA_HOME", raising=False)
    assert get_data_home() == str(tmp_path / "skgalaxy_data")
    monkeypatch.setenv("SKGALAXY_DATA_HOME", "~/elsewhere")
    assert get_data_home() == str(tmp_path / "elsewhere")
    assert get_data_home(tmp_path / "given") == str(tmp_path / "given")
    assert all((tmp_path / name).is_dir() for name in ("skgalaxy_data", "elsewhere", "given"))


def test_clear_data_home_leaves_what_is_not_ours(gz2, home):
    gz2(images=True)
    (home.parent / "thesis.tex").write_text("two years")
    clear_data_home()
    assert files_in(home.parent) == ["thesis.tex"]
    (home.parent / "thesis.tex").unlink()
    clear_data_home()
    assert not home.parent.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no locks tell who is alive")
@pytest.mark.parametrize("by", ["the next download", "clear_data_home"])
def test_what_a_killed_download_left_is_removed(gz2, home, by):
    def left(name):
        part = home / f".{name}.1b2c3d4e.partial"
        part.mkdir(parents=True)
        (part / "tmpa1b2c3").write_bytes(bytes(1000))

    if by == "clear_data_home":
        gz2(images=True)
    left(TABLE)
    if by == "the next download":
        gz2()
        assert files_in(home) == [TABLE]
    else:
        left("images")
        clear_data_home()
        assert not home.exists()


def test_a_download_is_hidden_until_it_is_whole(gz2, home, monkeypatch):
    """Nothing else is in the folder meanwhile: what a kill leaves is known by its name."""
    seen = []
    retrieve = pooch.HTTPDownloader.__call__

    def look(self, url, part, pup, **options):
        seen.extend(files_in(home))
        return retrieve(self, url, part, pup, **options)

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", look)
    gz2()
    assert re.fullmatch(rf"\.{re.escape(TABLE)}\.[0-9a-f]{{8}}\.partial", *seen)


def test_clear_data_home_leaves_files_of_yours_in_the_same_folders(gz2, home):
    gz2(images=True)
    assert "images_gz2.zip" in files_in(home)
    mine = [home / "my_labels.csv", home / "images" / "my_picture.jpg"]
    for path in mine:
        path.write_text("x")
    linked = home / "images" / "linked"
    linked.symlink_to(home.parent, target_is_directory=True)
    clear_data_home()
    left = {path for path in home.rglob("*") if path.is_file()}
    assert left == set(mine)
    assert linked.is_symlink()


def test_clear_data_home_of_a_folder_that_nobody_fetched(tmp_path):
    """`galaxy_zoo_2` is the docs' own name for a folder of yours."""
    labels = tmp_path / "galaxy_zoo_2" / "images" / "1.jpg"
    labels.parent.mkdir(parents=True)
    labels.write_text("x")
    clear_data_home(tmp_path)
    assert labels.read_text() == "x"


def test_clear_data_home_keeps_a_link_to_a_folder(gz2, home, tmp_path):
    gz2()
    elsewhere = tmp_path / "elsewhere"
    home.rename(elsewhere)
    home.symlink_to(elsewhere, target_is_directory=True)
    clear_data_home()
    assert home.is_symlink()
    assert files_in(elsewhere) == []


@pytest.mark.parametrize("published", [GALAXY_ZOO_2_FILES, GZ_DECALS_FILES], ids=lambda x: x.name)
def test_registry_says_what_is_known(published):
    text = published.describe()
    assert "Licence" in text
    assert all(len(fact) > 10 for fact in (published.homepage, published.licence, published.title))
    assert "doi:10.1093/mnras/" in published.citation
    assert set(published.registry) == set(published.urls) == set(published.remarks)
    assert set(published.images) < set(published.registry)
    for name, checksum in published.registry.items():
        assert published.urls[name].startswith("https://")
        assert name in published.urls[name]
        assert "found in" in published.remarks[name]
        assert checksum is None or re.fullmatch(r"md5:[0-9a-f]{32}", checksum)
        assert f"{name}, not verified; {checksum or 'no checksum known'}\n" in text
        assert published.urls[name] in text
        assert published.remarks[name] in text
