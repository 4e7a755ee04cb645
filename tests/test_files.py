"""Outputs complete or absent: their permissions and links, and what killed runs leave."""

import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

import skgalaxy
from skgalaxy._files import (
    check_path,
    complete_file,
    complete_folder,
    remove_partials,
    scratch_folder,
)

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.path.dirname(skgalaxy.__path__[0])}
WRITE = {
    "file": "from skgalaxy._files import complete_file as write\n",
    "folder": "from skgalaxy._files import complete_folder as write\n",
}
HALF = """
import pathlib, sys, time
with write("out") as made:
    if isinstance(made, pathlib.Path):
        (made / "images").mkdir()
        (made / "images" / "1.png").write_bytes(b"half")
    else:
        made.write(b"half")
    print("half", flush=True)
    time.sleep(100)
"""


def writer(kind, folder):
    """Start a process that has written half of an output."""
    command = [sys.executable, "-c", WRITE[kind] + HALF]
    process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"half\n"
    return process


def end(process, number):
    process.send_signal(number)
    process.wait()
    process.stdout.close()


def write(kind, folder):
    """Write the output here, whole."""
    with (complete_file if kind == "file" else complete_folder)(folder / "out") as made:
        if kind == "file":
            made.write(b"whole")


@pytest.mark.skipif(sys.platform == "win32", reason="no locks that end with a process")
class TestLitter:
    @pytest.mark.parametrize("kind", WRITE)
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_the_next_run_removes_it(self, kind, number, tmp_path):
        (tmp_path / ".another.12345678.partial").write_bytes(b"of another output")
        (tmp_path / ".out.partial").write_bytes(b"of somebody else")
        end(writer(kind, tmp_path), number)
        assert len(os.listdir(tmp_path)) == 3
        write(kind, tmp_path)
        names = [".another.12345678.partial", ".out.partial", "out"]
        assert sorted(os.listdir(tmp_path)) == names

    @pytest.mark.parametrize("kind", WRITE)
    def test_never_that_of_a_live_process(self, kind, tmp_path):
        alive = writer(kind, tmp_path)
        try:
            (partial,) = os.listdir(tmp_path)
            write(kind, tmp_path)
            assert sorted(os.listdir(tmp_path)) == [partial, "out"]
        finally:
            end(alive, signal.SIGKILL)
        remove_partials(tmp_path / "out")
        assert os.listdir(tmp_path) == ["out"]

    def test_never_that_of_another_thread(self, tmp_path):
        """Many threads write one file: each finds the partial files of the others."""
        failed = []

        def many(text):
            try:
                for _ in range(50):
                    with complete_file(tmp_path / "out") as file:
                        file.write(text * 10)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=many, args=(text,)) for text in (b"a", b"b", b"c")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert os.listdir(tmp_path) == ["out"]
        assert len(set((tmp_path / "out").read_bytes())) == 1

    def test_temporary_folders(self, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        code = (
            "import os, tempfile\n"
            "from skgalaxy._files import scratch_folder\n"
            f"tempfile.tempdir = {str(tmp_path)!r}\n"
            "with scratch_folder() as folder:\n"
            "    (folder / 'pool').write_bytes(b'x' * 1000)\n"
            "    os.abort()\n"
        )
        subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, stderr=subprocess.DEVNULL)
        assert len(os.listdir(tmp_path)) == 1
        with scratch_folder() as mine:
            assert os.listdir(tmp_path) == [mine.name]
            assert stat.S_IMODE(mine.stat().st_mode) == 0o700
            with scratch_folder() as other:
                assert sorted(os.listdir(tmp_path)) == sorted([mine.name, other.name])
        assert not os.listdir(tmp_path)


class TestReplaced:
    @pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o444, 0o755])
    def test_permissions_stay(self, mode, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"old")
        path.chmod(mode)
        with complete_file(path) as file:
            # nobody else may read it meanwhile, either
            assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == mode
            file.write(b"new")
        assert path.read_bytes() == b"new"
        assert stat.S_IMODE(path.stat().st_mode) == mode

    def test_links_stay(self, tmp_path):
        (tmp_path / "disk").mkdir()
        (tmp_path / "disk" / "votes.csv").write_bytes(b"old")
        (tmp_path / "one.csv").symlink_to("disk/votes.csv")
        (tmp_path / "two.csv").symlink_to(tmp_path / "one.csv")
        with complete_file(tmp_path / "two.csv") as file:
            file.write(b"new")
        assert (tmp_path / "disk" / "votes.csv").read_bytes() == b"new"
        assert os.readlink(tmp_path / "one.csv") == "disk/votes.csv"
        assert (tmp_path / "two.csv").is_symlink()
        assert os.listdir(tmp_path / "disk") == ["votes.csv"]

    def test_a_link_to_a_file_that_is_not_there_yet(self, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "file")
        with complete_file(tmp_path / "link") as file:
            file.write(b"new")
        assert (tmp_path / "file").read_bytes() == b"new"
        assert (tmp_path / "link").is_symlink()

    def test_pipes_and_devices_stay(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path / "pipe", "/dev/null"):
            with pytest.raises(OSError, match="must be a file, not a folder, a pipe or a device"):
                complete_file(path).__enter__()
        assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (None, TypeError, "`folder` must be a path, str or path-like. Got None"),
        (3, TypeError, "Got 3"),
        (b"round", TypeError, "Got b'round'"),
        ("", ValueError, "that can exist. Got ''"),
        ("a\0b", ValueError, "that can exist"),
    ],
)
def test_no_paths(path, error, message):
    with pytest.raises(error, match=message):
        check_path(path, "folder")
    with pytest.raises(error):
        complete_folder(path).__enter__()
    with pytest.raises(error):
        complete_file(path).__enter__()
