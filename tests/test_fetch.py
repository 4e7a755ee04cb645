"""Published data sets, fetched from a server on this machine that fails as servers do."""

import contextlib
import dataclasses
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
from PIL import Image

pytest.importorskip("pooch", reason="fetching needs pooch")
urllib3 = pytest.importorskip("urllib3")

from skgalaxy.datasets import (  # noqa: E402
    _download,
    _fetch,
    clear_data_home,
    fetch_galaxy_zoo2,
    fetch_gz_decals,
    get_data_home,
)
from skgalaxy.datasets._download import download, unpack  # noqa: E402
from skgalaxy.datasets._registry import GALAXY_ZOO_2, GZ_DECALS, RemoteFile  # noqa: E402
from skgalaxy.images import ImageLoader  # noqa: E402

BODY = np.random.default_rng(0).bytes(300_000)
BIG_ID = 587722981746540704


# A server


class Server(ThreadingHTTPServer):
    """Serves `files`; each request first takes what it is to do wrong from `faults`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/data.bin": BODY}
        self.faults = []
        self.requests = []
        self.supports_ranges = True
        self.released = threading.Event()

    def url(self, path="/data.bin"):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def ranges(self):
        """Return the Range header of each request so far."""
        return [headers.get("Range") for headers in self.requests]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.requests.append(self.headers)
        self.close_connection = True
        fault = self.server.faults.pop(0) if self.server.faults else None
        if isinstance(fault, int):
            return self.send_error(fault)
        body = self.server.files.get(self.path)
        if body is None:
            return self.send_error(404)
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        start = 0
        asked = self.headers.get("Range")
        if asked and self.server.supports_ranges and self.headers.get("If-Range") in (None, tag):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start and start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if start and fault == "other range":
            start -= 10
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if fault != "no length":
            self.send_header("Content-Length", str(len(body) - start))
        if fault == "web page":
            self.send_header("Content-Type", "text/html; charset=utf-8")
        if fault == "weak tag":
            self.send_header("ETag", f"W/{tag}")
        else:
            self.send_header("ETag", tag)
        self.end_headers()
        self.send_body(body[start:], fault)

    def send_body(self, body, fault):
        half = body[: len(body) // 2]
        if fault in ("truncated", "no length", "weak tag"):
            self.wfile.write(half)
        elif fault == "stalled":
            self.wfile.write(half)
            self.wfile.flush()
            self.server.released.wait(20)
        elif fault == "slow":
            for piece in range(0, len(body), 50_000):
                self.wfile.write(body[piece : piece + 50_000])
                self.wfile.flush()
                time.sleep(0.02)
        else:
            self.wfile.write(body)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def remote(server, path="/data.bin", *, checksum="sha256", **changes):
    """Return an entry for a file of `server`, with its true checksum unless told otherwise."""
    if checksum in ("md5", "sha256"):
        checksum = f"{checksum}:{hashlib.new(checksum, server.files[path]).hexdigest()}"
    facts = {"size": "small", "found_in": "a test", "verified": True} | changes
    return RemoteFile(path.rpartition("/")[2], server.url(path), checksum=checksum, **facts)


def get(file, folder, n_retries=3, **options):
    return download(
        file, folder, **{"n_retries": n_retries, "delay": 0.0, "verbose": False} | options
    )


def files_in(folder):
    """Return what is there, but for locks."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


# Downloads


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_downloaded_once(server, tmp_path, algorithm):
    file = remote(server, checksum=algorithm)
    for _ in range(2):
        assert get(file, tmp_path / "new").read_bytes() == BODY
    assert len(server.requests) == 1
    assert files_in(tmp_path / "new") == ["data.bin"]


def test_goes_on_where_it_broke_off(server, tmp_path):
    server.faults = ["truncated", "truncated"]
    assert get(remote(server), tmp_path).read_bytes() == BODY
    assert [headers.get("If-Range") for headers in server.requests[1:]] == 2 * [
        f'"{hashlib.md5(BODY).hexdigest()}"'
    ]
    none, second, third = server.ranges()
    starts = [int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) for asked in (second, third)]
    assert none is None
    assert 0 < starts[0] <= len(BODY) // 2 < starts[1] < len(BODY)
    assert files_in(tmp_path) == ["data.bin"]


def test_goes_on_in_a_later_call(server, tmp_path):
    server.faults = ["truncated"]
    with pytest.raises(OSError, match=r"Could not download http.*broke off|What has come is kept"):
        get(remote(server), tmp_path, n_retries=0)
    assert files_in(tmp_path) == ["data.bin.part", "data.bin.part.tag"]
    assert get(remote(server), tmp_path, n_retries=0).read_bytes() == BODY
    assert server.ranges()[1].startswith("bytes=")


def test_goes_on_after_the_process_was_killed(server, tmp_path):
    server.faults = ["stalled"]
    code = (
        "from pathlib import Path\nfrom skgalaxy.datasets._download import download\n"
        f"from skgalaxy.datasets._registry import RemoteFile\nfile = {remote(server)!r}\n"
        f"download(file, Path({str(tmp_path)!r}), verbose=False)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        part = tmp_path / "data.bin.part"
        deadline = time.monotonic() + 30
        while not (part.is_file() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    assert not (tmp_path / "data.bin").exists()
    assert get(remote(server), tmp_path).read_bytes() == BODY
    assert server.ranges()[1].startswith("bytes=")


def test_several_failures_that_pass(server, tmp_path):
    server.faults = [503, 429, "truncated"]
    assert get(remote(server), tmp_path, n_retries=3).read_bytes() == BODY
    assert len(server.requests) == 4


def test_n_retries_is_how_often_to_try_again(server, tmp_path):
    server.faults = [503, 503, 503]
    with pytest.raises(OSError, match=r"127.0.0.1 answered 503 Service Unavailable\. Check"):
        get(remote(server), tmp_path, n_retries=1)
    assert len(server.requests) == 2
    assert files_in(tmp_path) == []


def test_delay_between_attempts(server, tmp_path):
    server.faults = [503, 503]
    begin = time.monotonic()
    get(remote(server), tmp_path, delay=0.15)
    assert time.monotonic() - begin > 0.3


@pytest.mark.parametrize("status", [404, 403, 410])
def test_what_will_not_pass_is_not_tried_again(server, tmp_path, status):
    server.faults = [status] * 4
    with pytest.raises(OSError, match=rf"answered {status} .* put the file at .*data.bin' by hand"):
        get(remote(server), tmp_path)
    assert len(server.requests) == 1
    assert files_in(tmp_path) == []


def test_slow_is_no_failure(server, tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "TIMEOUT", 2)
    server.faults = ["slow"]
    assert get(remote(server), tmp_path, n_retries=0).read_bytes() == BODY


def test_stalled_goes_on(server, tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "TIMEOUT", 0.3)
    server.faults = ["stalled"]
    begin = time.monotonic()
    assert get(remote(server), tmp_path, n_retries=1).read_bytes() == BODY
    assert time.monotonic() - begin < 10
    assert server.ranges()[1].startswith("bytes=")


def test_another_version_is_not_joined_to_the_first(server, tmp_path):
    server.faults = ["truncated"]
    with pytest.raises(OSError, match="kept"):
        get(remote(server, checksum=None), tmp_path, n_retries=0)
    server.files["/data.bin"] = BODY[::-1]
    assert get(remote(server), tmp_path).read_bytes() == BODY[::-1]


@pytest.mark.parametrize("fault", ["truncated", "weak tag"])
def test_server_that_cannot_go_on_begins_again(server, tmp_path, fault):
    server.supports_ranges = fault == "weak tag"
    server.faults = [fault]
    assert get(remote(server), tmp_path).read_bytes() == BODY
    assert len(server.requests) == 2
    assert (server.ranges()[1] is None) == (fault == "weak tag")


def test_what_is_too_short_is_no_file_whatever_urllib3_thinks(server, tmp_path, monkeypatch):
    """Version 1 of urllib3 takes a connection that closes early for the end of the file."""
    init = urllib3.HTTPResponse.__init__
    lenient = {"enforce_content_length": False}
    monkeypatch.setattr(
        urllib3.HTTPResponse, "__init__", lambda self, *a, **k: init(self, *a, **(k | lenient))
    )
    server.faults = ["truncated"]
    with pytest.raises(OSError, match="it broke off after 150,000 of 300,000 bytes"):
        get(remote(server, checksum=None), tmp_path, n_retries=0)
    assert get(remote(server, checksum=None), tmp_path).read_bytes() == BODY


def test_part_that_was_not_asked_for_is_refused(server, tmp_path):
    server.faults = ["truncated", "other range"]
    assert get(remote(server), tmp_path).read_bytes() == BODY
    assert server.ranges()[2] is None


def test_complete_part_needs_no_byte(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(BODY)
    (tmp_path / "data.bin.part.tag").write_text(f'"{hashlib.md5(BODY).hexdigest()}"')
    assert get(remote(server), tmp_path).read_bytes() == BODY
    assert server.ranges() == [f"bytes={len(BODY)}-"]


def test_web_page_is_no_file(server, tmp_path):
    server.faults = ["web page"]
    with pytest.raises(OSError, match="a web page came instead of the file"):
        get(remote(server, checksum=None), tmp_path, n_retries=0)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_wrong_checksum(server, tmp_path, algorithm):
    wrong = f"{algorithm}:{hashlib.new(algorithm, b'something else').hexdigest()}"
    with pytest.raises(OSError, match=rf"data.bin must have the checksum {wrong}, and has not"):
        get(remote(server, checksum=wrong), tmp_path)
    assert files_in(tmp_path) == []


def test_truncation_that_no_length_betrays_is_found_by_the_checksum(server, tmp_path):
    server.faults = ["no length"]
    with pytest.raises(OSError, match="must have the checksum"):
        get(remote(server), tmp_path)
    assert files_in(tmp_path) == []


def test_offline(tmp_path, server):
    file = remote(server)
    dead = dataclasses.replace(file, url="http://127.0.0.1:9/data.bin")
    with pytest.raises(OSError, match=r"connection to 127.0.0.1 failed. Check .* by hand\.$"):
        get(dead, tmp_path, n_retries=1)
    unknown = dataclasses.replace(file, url="http://no-such-host.invalid/data.bin")
    with pytest.raises(OSError, match=r"connection to no-such-host\.invalid failed"):
        get(unknown, tmp_path, n_retries=0)
    assert files_in(tmp_path) == []


def test_missing_and_not_to_be_downloaded(server, tmp_path):
    with pytest.raises(OSError, match=r"data.bin' does not exist, and `download_if_missing` is F"):
        get(remote(server), tmp_path / "nowhere", download_if_missing=False)
    assert not (tmp_path / "nowhere").exists()
    get(remote(server), tmp_path)
    get(remote(server), tmp_path, download_if_missing=False)
    assert len(server.requests) == 1


def test_two_at_once_download_one_file(server, tmp_path):
    server.faults = ["slow"]
    file = remote(server)
    threads = [threading.Thread(target=get, args=(file, tmp_path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "data.bin").read_bytes() == BODY
    if sys.platform != "win32":
        assert len(server.requests) == 1


@contextlib.contextmanager
def files_no_larger_than(n_bytes):
    """Let writing fail beyond so many bytes of a file, as it does when a disk is full."""
    resource = pytest.importorskip("resource", reason="limits of file sizes are POSIX")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk(server, tmp_path):
    with (
        files_no_larger_than(100_000),
        pytest.raises(OSError, match=r"Could not write '.*data.bin': File too large. What"),
    ):
        get(remote(server), tmp_path)
    assert not (tmp_path / "data.bin").exists()
    assert len(server.requests) == 1
    assert get(remote(server), tmp_path).read_bytes() == BODY
    assert server.ranges()[1].startswith("bytes=")


def test_disk_too_small_is_said_at_once(server, tmp_path, monkeypatch):
    usage = _download.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(_download.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(OSError, match=r"300,000 bytes are to come and 1,000 are free on the disk"):
        get(remote(server), tmp_path)


def test_progress_is_shown_if_wanted(server, tmp_path, capfd):
    get(remote(server), tmp_path / "quiet", verbose=False)
    assert capfd.readouterr() == ("", "")
    get(remote(server), tmp_path / "loud", verbose=True)
    shown = capfd.readouterr()
    assert "data.bin" in shown.err
    assert "300k/300k" in shown.err


# Checksums that nobody knows


def test_first_download_is_trusted_and_recorded(server, tmp_path):
    get(remote(server, checksum=None), tmp_path)
    digest = hashlib.sha256(BODY).hexdigest()
    assert (tmp_path / "data.bin.sha256").read_text() == f"{digest}  data.bin\n"
    if shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum here")
    check = ["sha256sum", "--check", "data.bin.sha256"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 0


def test_file_put_there_by_hand_is_trusted(server, tmp_path):
    (tmp_path / "data.bin").write_bytes(b"by hand")
    get(remote(server, checksum=None), tmp_path)
    assert not server.requests
    assert (tmp_path / "data.bin.sha256").is_file()


def test_folder_that_cannot_be_written_is_read(server, tmp_path, monkeypatch):
    (tmp_path / "data.bin").write_bytes(b"of all users")
    monkeypatch.setattr(_download.os, "access", lambda path, mode: mode != os.W_OK)
    get(remote(server, checksum=None), tmp_path, download_if_missing=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.bin"]


@pytest.mark.parametrize("checksum", [None, "sha256"])
def test_damaged_file_is_downloaded_again(server, tmp_path, checksum):
    file = remote(server, checksum=checksum)
    path = get(file, tmp_path)
    path.write_bytes(b"X" + BODY[1:])
    with pytest.raises(OSError, match=r"is damaged: its checksum is not sha256:.*, and `downl"):
        get(file, tmp_path, download_if_missing=False)
    with pytest.warns(UserWarning, match=r"damaged: its checksum.*Downloading it again"):
        get(file, tmp_path)
    assert path.read_bytes() == BODY


def test_file_published_anew_is_accepted_by_hand(server, tmp_path):
    file = remote(server, checksum=None)
    path = get(file, tmp_path)
    path.unlink()
    server.files["/data.bin"] = b"anew"
    with pytest.raises(OSError, match=r"published anew, delete '.*data.bin.sha256' to accept it"):
        get(file, tmp_path)
    assert not path.exists()
    (tmp_path / "data.bin.sha256").unlink()
    assert get(file, tmp_path).read_bytes() == b"anew"


def test_checksum_that_was_only_reported_can_be_overruled_by_hand(server, tmp_path):
    wrong = f"md5:{hashlib.md5(b'something else').hexdigest()}"
    file = remote(server, checksum=wrong, verified=False)
    with (
        pytest.warns(UserWarning, match="has not verified"),
        pytest.raises(
            OSError, match=r"reported and not verified.*what sha256sum prints .*\.sha256"
        ),
    ):
        get(file, tmp_path)
    (tmp_path / "data.bin").write_bytes(BODY)
    digest = hashlib.sha256(BODY).hexdigest()
    (tmp_path / "data.bin.sha256").write_text(f"{digest}  data.bin\n")
    assert get(file, tmp_path).read_bytes() == BODY
    with pytest.raises(OSError, match="is damaged"):  # but not what was verified
        get(dataclasses.replace(file, verified=True), tmp_path, download_if_missing=False)


@pytest.mark.parametrize(
    ("checksum", "trust"),
    [
        (None, "No checksum is known: the first download is trusted"),
        ("sha256", "compared with the one reported, sha256:"),
    ],
)
def test_what_is_not_verified_is_said_at_the_download(server, tmp_path, checksum, trust):
    file = remote(server, checksum=checksum, verified=False)
    with pytest.warns(UserWarning, match=rf"has not verified http.*\(found in a test\).*{trust}"):
        get(file, tmp_path)
    get(file, tmp_path)  # silent: warnings are errors here


# Archives


def picture(level):
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (level,) * 3).save(data, "JPEG")
    return data.getvalue()


def zipped(members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "images.zip"
    members = {f"images/{i}.jpg": picture(i) for i in range(5)}
    other = {"images/": b"", "__MACOSX/images/._1.jpg": b"mac", "README.txt": b"read me"}
    path.write_bytes(zipped(members | other))
    return path


def test_unpacked_once(archive, tmp_path):
    folder = unpack([archive], tmp_path / "images", verbose=False)
    assert files_in(folder) == [f"{i}.jpg" for i in range(5)]
    assert (folder / "3.jpg").read_bytes() == picture(3)
    archive.unlink()
    unpack([archive], folder, verbose=False)


def test_several_archives_are_one_folder(archive, tmp_path):
    (tmp_path / "more.zip").write_bytes(zipped({"J012/J012.3+4.jpg": picture(9)}))
    folder = unpack([archive, tmp_path / "more.zip"], tmp_path / "images", verbose=False)
    assert len(files_in(folder)) == 6


def test_members_stay_in_the_folder(tmp_path):
    (tmp_path / "evil.zip").write_bytes(zipped({"../../out.jpg": b"1", "/tmp/abs.jpg": b"2"}))
    folder = unpack([tmp_path / "evil.zip"], tmp_path / "a" / "images", verbose=False)
    assert files_in(folder) == ["abs.jpg", "out.jpg"]
    assert files_in(tmp_path) == ["a", "evil.zip"]


def test_damaged_archive_leaves_no_folder_and_a_sound_one_goes_on(archive, tmp_path):
    sound = archive.read_bytes()
    at = sound.index(picture(3))
    archive.write_bytes(sound[:at] + bytes(len(picture(3))) + sound[at + len(picture(3)) :])
    with pytest.raises(OSError, match=r"images.zip' is damaged: Bad CRC.*3.jpg.*Delete it to"):
        unpack([archive], tmp_path / "images", verbose=False)
    assert not (tmp_path / "images").exists()
    before = (tmp_path / "images.part" / "1.jpg").stat().st_mtime_ns
    (tmp_path / "images.part" / "2.jpg").write_bytes(b"short")
    archive.write_bytes(sound)
    folder = unpack([archive], tmp_path / "images", verbose=False)
    assert files_in(folder) == [f"{i}.jpg" for i in range(5)]
    assert [(folder / f"{i}.jpg").read_bytes() for i in (2, 3)] == [picture(2), picture(3)]
    assert (folder / "1.jpg").stat().st_mtime_ns == before


def test_full_disk_while_unpacking(archive, tmp_path):
    with (
        files_no_larger_than(100),
        pytest.raises(OSError, match=r"Could not unpack '.*images.zip' into '.*part': File too"),
    ):
        unpack([archive], tmp_path / "images", verbose=False)
    assert not (tmp_path / "images").exists()
    assert len(files_in(unpack([archive], tmp_path / "images", verbose=False))) == 5


def test_archive_that_is_none(tmp_path):
    (tmp_path / "images.zip").write_bytes(b"<html>Sign in</html>")
    with pytest.raises(OSError, match=r"images\.zip' is damaged: File is not a zip file"):
        unpack([tmp_path / "images.zip"], tmp_path / "images", verbose=False)


# Data sets


def gz2_table():
    """Return four galaxies as gz2_hart16.csv has them, not all columns."""
    return pd.DataFrame(
        {
            "dr7objid": [f"{BIG_ID + 1 + i}" for i in range(4)],
            "ra": [1.0, 2.0, 3.0, 4.0],
            "total_classifications": [45, 45, 45, 45],
            "total_votes": [295, 295, 295, 295],
            "t01_smooth_or_features_a01_smooth_count": [10, 3, 30, 1],
            "t01_smooth_or_features_a01_smooth_weighted_fraction": [0.25, 0.1, 0.7, 0.1],
            "t01_smooth_or_features_a02_features_or_disk_count": [30, 36, 4, 2],
            "t01_smooth_or_features_a03_star_or_artifact_count": [0, 1, 6, 3],
            "t01_smooth_or_features_a02_features_or_disk_debiased": [0.8, 0.9, 0.2, 0.3],
            "t03_bar_a06_bar_count": [7, None, 1, 0],
            "t03_bar_a07_no_bar_count": [2, None, 1, 5],
        }
    )


def gz2_files():
    """Return what the server has: the second galaxy has no image, the images are out of order."""
    mapping = pd.DataFrame(
        {
            "objid": [f"{BIG_ID + 1 + i}" for i in (3, 2, 1, 0, 7)],
            "sample": "original",
            "asset_id": [13, 12, 11, 10, 17],
        }
    )
    images = {f"images/{i}.jpg": picture(10 * i) for i in (10, 12, 13, 17)}
    return {
        "/gz2_hart16.csv.gz": gz2_table().to_csv(index=False).encode(),
        "/gz2_filename_mapping.csv": mapping.to_csv(index=False).encode(),
        "/images_gz2.zip": zipped(images | {"__MACOSX/images/._10.jpg": b"mac"}),
    }


def serve(server, published, files):
    """Return `published` with its files on `server`."""
    server.files |= files

    def here(file):
        known = f"/{file.name}" in server.files
        return remote(server, f"/{file.name}", checksum="md5") if known else file

    return dataclasses.replace(
        published,
        tables={name: here(file) for name, file in published.tables.items()},
        images=tuple(here(file) for file in published.images),
    )


@pytest.fixture
def gz2(server, monkeypatch, tmp_path):
    """Return a fetcher of four galaxies, and the server that has them."""
    files = gz2_files()
    files["/gz2_hart16.csv.gz"] = gzip.compress(files["/gz2_hart16.csv.gz"])
    monkeypatch.setattr(_fetch, "GALAXY_ZOO_2", serve(server, GALAXY_ZOO_2, files))
    monkeypatch.setenv("SKGALAXY_DATA_HOME", str(tmp_path / "home"))
    return lambda **options: fetch_galaxy_zoo2(**{"verbose": False, "delay": 0.0} | options)


def test_galaxy_zoo_2_votes(gz2, server):
    galaxies = gz2()
    np.testing.assert_array_equal(galaxies.votes, [[30, 40], [36, 40], [4, 40], [2, 6]])
    assert galaxies.votes.dtype == np.int64
    assert list(galaxies.ids) == [f"{BIG_ID + 1 + i}" for i in range(4)]
    assert galaxies.table.question == "smooth-or-featured"
    np.testing.assert_array_equal(galaxies.table.votes("smooth")[:, 0], [10, 3, 30, 1])
    assert (galaxies.paths, galaxies.frame, galaxies.n_without_image) == (None, None, 0)
    assert len(server.requests) == 1


def test_galaxies_with_images_keep_their_own(gz2, server):
    galaxies = gz2(images=True)
    np.testing.assert_array_equal(galaxies.votes, [[30, 40], [4, 40], [2, 6]])
    assert [os.path.basename(path) for path in galaxies.paths] == ["10.jpg", "12.jpg", "13.jpg"]
    assert galaxies.n_without_image == 1
    assert list(galaxies.table.ids) == list(galaxies.ids)
    images = ImageLoader(size=8).fit_transform(galaxies.paths)
    np.testing.assert_allclose(np.median(images, axis=(1, 2)).ravel(), [100, 120, 130], atol=2)
    requests = len(server.requests)
    again = gz2(images=True, download_if_missing=False)
    assert list(again.paths) == list(galaxies.paths)
    assert len(server.requests) == requests == 3


def test_archive_may_go_once_it_is_unpacked(gz2, tmp_path):
    gz2(images=True)
    (tmp_path / "home" / "galaxy_zoo_2" / "images_gz2.zip").unlink()
    assert len(gz2(images=True, download_if_missing=False).paths) == 3


def test_return_X_y_and_frames(gz2):
    X, y = gz2(images=True, return_X_y=True)
    assert X.shape == (3,)
    assert X.dtype == object
    np.testing.assert_array_equal(y, [[30, 40], [4, 40], [2, 6]])
    galaxies = gz2(images=True, as_frame=True)
    assert list(galaxies.votes.columns) == ["k", "n_votes"]
    assert list(galaxies.votes.index) == list(galaxies.paths.index) == list(galaxies.ids)
    assert list(galaxies.paths) == list(X)
    np.testing.assert_array_equal(galaxies.votes, y)
    pd.testing.assert_frame_equal(
        galaxies.frame, gz2_table().iloc[[0, 2, 3]].reset_index(drop=True), check_dtype=False
    )
    X, y = gz2(images=True, as_frame=True, return_X_y=True)
    assert isinstance(X, pd.Series)
    assert isinstance(y, pd.DataFrame)


@pytest.mark.parametrize(
    ("question", "answer", "votes"),
    [
        ("smooth-or-featured", "smooth", [[10, 40], [3, 40], [30, 40], [1, 6]]),
        ("smooth-or-featured", ("featured", "smooth"), [[40, 40], [39, 40], [34, 40], [3, 6]]),
        ("bar", "yes", [[7, 9], [0, 0], [1, 2], [0, 5]]),
        ("bar", ["no"], [[2, 9], [0, 0], [1, 2], [5, 5]]),
    ],
)
def test_question_and_answer_and_nobody_asked(gz2, question, answer, votes):
    np.testing.assert_array_equal(gz2(question=question, answer=answer).votes, votes)


def test_question_and_answer_that_there_are_not_are_found_before_images_come(gz2, server):
    with pytest.raises(ValueError, match=r"`question` must name one question .* Got 'featured'"):
        gz2(question="featured", images=True)
    with pytest.raises(ValueError, match=r"`answers` .* smooth, featured-or-disk.*Got 'spiral'"):
        gz2(answer="spiral", images=True)
    with pytest.raises(ValueError, match=r"`answers` .* Got None"):
        gz2(answer=None, images=True)
    assert len(server.requests) == 1


def decals_table(total="total-votes"):
    return pd.DataFrame(
        {
            "iauname": ["J1+2", "J2-3"],
            "petro_th50": [1.0, 2.0],
            "petro_th90": [2.0, 4.0],
            "upload_group": ["a", "b"],
            f"smooth-or-featured_{total}": [5, 40],
            "smooth-or-featured_smooth": [1, 20],
            "smooth-or-featured_featured-or-disk": [4, 15],
            "smooth-or-featured_featured-or-disk_fraction": [0.8, 0.375],
            "smooth-or-featured_artifact": [0, 5],
            f"bar_{total}": [3, None],
            "bar_strong": [1, None],
            "bar_weak": [2, None],
            "bar_strong_debiased": [0.4, None],
            "bar_no": [0, None],
        }
    )


@pytest.mark.parametrize("total", ["total-votes", "total"])
def test_galaxy_zoo_decals(server, monkeypatch, tmp_path, total):
    files = {
        "/gz_decals_volunteers_5.csv": decals_table(total).to_csv(index=False).encode(),
        "/gz_decals_volunteers_1_and_2.csv": decals_table()[:1].to_csv(index=False).encode(),
    }
    for part in (1, 2, 3, 4):
        image = {f"J{part}/J{part}+2.jpg": picture(part)}
        files[f"/gz_decals_dr5_png_part{part}.zip"] = zipped(image)
    monkeypatch.setattr(_fetch, "GZ_DECALS", serve(server, GZ_DECALS, files))
    options = {"data_home": tmp_path, "verbose": False}
    galaxies = fetch_gz_decals(**options)
    np.testing.assert_array_equal(galaxies.votes, [[4, 5], [15, 40]])
    assert list(galaxies.ids) == ["J1+2", "J2-3"]
    bars = fetch_gz_decals(question="bar", answer=("strong", "weak"), **options)
    np.testing.assert_array_equal(bars.votes, [[3, 3], [0, 0]])
    assert len(fetch_gz_decals(campaign="1_and_2", **options).ids) == 1
    paths, votes = fetch_gz_decals(images=True, return_X_y=True, **options)
    assert [os.path.basename(path) for path in paths] == ["J1+2.jpg"]
    np.testing.assert_array_equal(votes, [[4, 5]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "`path` must hold a table. Got an empty file, '.*volunteers_5.csv'"),
        (b"iauname,ra\nJ1,2\n", r"volunteers_5.csv' must have columns of votes"),
        (b"iauname,bar_yes,bar_no,bar_total-votes\nJ1,5,0,3\n", r"Got 5 of 3 in row 0 of '.*_5"),
        (b"iauname,bar_yes,bar_no\nJ1,1,3\nJ1,2,3\n", r"`iauname` must not repeat. Got J1"),
        (b"iauname,bar_yes,bar_no\nJ1,many,3\n", r"`bar_yes` must be numbers. Got 'many' in row 0"),
    ],
)
def test_table_that_is_none(server, monkeypatch, tmp_path, content, message):
    files = {"/gz_decals_volunteers_5.csv": content}
    monkeypatch.setattr(_fetch, "GZ_DECALS", serve(server, GZ_DECALS, files))
    with pytest.raises(ValueError, match=message):
        fetch_gz_decals(data_home=tmp_path, question="bar", answer="yes", verbose=False)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"images": 1}, "`images` must be True or False. Got 1"),
        ({"return_X_y": True}, "`return_X_y` needs images=True"),
        ({"as_frame": "no"}, "`as_frame` must be True or False. Got 'no'"),
        ({"download_if_missing": 0}, "`download_if_missing` must be True or False. Got 0"),
        ({"n_retries": -1}, "`n_retries` must be an integer >= 0. Got -1"),
        ({"delay": -1.0}, r"`delay` must be a number in \[0, inf\). Got -1.0"),
        ({"verbose": 2}, "`verbose` must be True or False. Got 2"),
    ],
)
def test_bad_parameters_are_named_before_any_download(gz2, server, parameters, message):
    with pytest.raises((ValueError, TypeError), match=message):
        gz2(**parameters)
    assert not server.requests


def test_campaign_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"`campaign` must be one of '5', '1_and_2'\. Got '6'"):
        fetch_gz_decals(campaign="6", data_home=tmp_path)


@pytest.mark.parametrize("fetch", [fetch_galaxy_zoo2, fetch_gz_decals])
def test_without_pooch_the_remedy_is_said(monkeypatch, tmp_path, fetch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=rf"`{fetch.__name__}` needs pooch.*skgalaxy\[fetch\]"):
        fetch(data_home=tmp_path)


# The data home


def test_data_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SKGALAXY_DATA_HOME", raising=False)
    assert get_data_home() == str(tmp_path / "skgalaxy_data")
    monkeypatch.setenv("SKGALAXY_DATA_HOME", "~/elsewhere")
    assert get_data_home() == str(tmp_path / "elsewhere")
    assert get_data_home(tmp_path / "given") == str(tmp_path / "given")
    assert all((tmp_path / name).is_dir() for name in ("skgalaxy_data", "elsewhere", "given"))


def test_clear_data_home_leaves_what_is_not_ours(gz2, tmp_path):
    gz2(images=True)
    (tmp_path / "home" / "thesis.tex").write_text("two years")
    clear_data_home()
    assert files_in(tmp_path / "home") == ["thesis.tex"]
    (tmp_path / "home" / "thesis.tex").unlink()
    clear_data_home()
    assert not (tmp_path / "home").exists()


# The registry


@pytest.mark.parametrize("published", [GALAXY_ZOO_2, GZ_DECALS], ids=lambda each: each.name)
def test_registry_says_what_is_known(published):
    text = published.describe()
    assert all(len(fact) > 10 for fact in (published.homepage, published.licence, published.title))
    assert "doi:10.1093/mnras/" in published.citation
    for file in (*published.tables.values(), *published.images):
        assert file.url.startswith("https://")
        assert file.name in file.url
        assert file.size
        assert file.found_in
        assert not file.verified  # until someone has downloaded it and compared
        assert file.checksum is None or re.fullmatch(r"md5:[0-9a-f]{32}", file.checksum)
        assert file.url in text
        assert file.found_in in text
        assert f"{file.name}, {file.size}, not verified; {file.checksum or 'no checks'}" in text


def test_descr_is_the_registrys(gz2):
    text = gz2().DESCR
    assert "Licence" in text
    assert "Hart et al. 2016" in text
    assert "gz2_hart16.csv.gz, small, verified; md5:" in text


# Real galaxies


@pytest.mark.parametrize("columns", ["counts", "fractions"])
def test_real_galaxies(shared_data, server, monkeypatch, tmp_path, columns):
    """As published, from counts or from Hart's own rows: k and N of each are those of votes.csv."""
    folder = shared_data / "galaxy_zoo_2"
    votes = pd.read_csv(folder / "votes.csv", dtype={"dr7objid": str, "asset_id": str})
    answers = {
        "smooth-or-featured_smooth": "t01_smooth_or_features_a01_smooth_count",
        "smooth-or-featured_featured-or-disk": "t01_smooth_or_features_a02_features_or_disk_count",
        "smooth-or-featured_artifact": "t01_smooth_or_features_a03_star_or_artifact_count",
    }
    table = pd.read_csv(folder / "hart16_rows.csv", dtype={"dr7objid": str}).drop(
        columns="asset_id"
    )
    if columns == "counts":
        table = votes[["dr7objid", *answers]].rename(columns=answers)
    table = table.sample(frac=1, random_state=0)
    with_image = votes["asset_id"][:60]
    files = {
        "/gz2_hart16.csv.gz": gzip.compress(table.to_csv(index=False).encode()),
        "/gz2_filename_mapping.csv": (folder / "gz2_filename_mapping.csv").read_bytes(),
        "/images_gz2.zip": zipped(
            {f"images/{i}.jpg": (folder / "images" / f"{i}.jpg").read_bytes() for i in with_image}
        ),
    }
    monkeypatch.setattr(_fetch, "GALAXY_ZOO_2", serve(server, GALAXY_ZOO_2, files))
    galaxies = fetch_galaxy_zoo2(data_home=tmp_path, verbose=False)
    known = votes.set_index("dr7objid").loc[galaxies.ids]
    counted = ["smooth-or-featured_featured-or-disk", "smooth-or-featured_total-votes"]
    assert len(galaxies.ids) == 800
    np.testing.assert_array_equal(galaxies.votes, known[counted])

    galaxies = fetch_galaxy_zoo2(data_home=tmp_path, images=True, verbose=False)
    known = votes.set_index("dr7objid").loc[galaxies.ids]
    assert len(galaxies.ids) == 60
    assert galaxies.n_without_image == 740
    names = [os.path.splitext(os.path.basename(path))[0] for path in galaxies.paths]
    assert names == list(known["asset_id"])
    np.testing.assert_array_equal(galaxies.votes, known[counted])
