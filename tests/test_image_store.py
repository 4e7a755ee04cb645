"""A packed store: whole or not there, whatever happens on the way."""

import builtins
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skgalaxy import _files
from skgalaxy.images import _store, open_images, pack_images, read_images
from skgalaxy.query import mutual_information_sampling

N_IMAGES = 11
N_STEPS = 16  # that change a file, when they are packed four at a time


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(_store, "BLOCK", 4)


@pytest.fixture
def paths(tmp_path):
    """Return paths of images, each of another brightness."""
    folder = tmp_path / "galaxies"
    folder.mkdir()
    paths = [str(folder / f"{row}.png") for row in range(N_IMAGES)]
    for row, path in enumerate(paths):
        image = Image.new("RGB", (12, 9), (20 * row + 10, 5, 200))
        image.putpixel((6, 4), (255, 255, 255))  # a star
        image.save(path)
    return paths


@pytest.fixture
def store(tmp_path):
    return tmp_path / "pool"


@pytest.fixture
def read(monkeypatch):
    """Return the names of the files that are read from here on."""
    names, read_picture = [], _store.read_picture
    monkeypatch.setattr(
        _store,
        "read_picture",
        lambda path, picture: names.append(Path(path).name) or read_picture(path, picture),
    )
    return names


def spoil(path):
    Path(path).write_text("not a picture")


def flip_a_byte(path, position):
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))


class TestWhole:
    @pytest.mark.parametrize(
        "parameters", [{}, {"size": 5}, {"size": 8, "color": True}, {"size": 4, "crop": 6}]
    )
    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_is_read_images(self, paths, store, parameters, n_jobs):
        broken = pack_images(paths, store, n_jobs=n_jobs, **parameters)
        assert len(broken) == 0
        for verify in (False, True):
            images = open_images(store, verify=verify)
            assert images.dtype == np.uint8
            np.testing.assert_array_equal(images, read_images(paths, **parameters))

    def test_flux(self, tmp_path, store):
        fits = pytest.importorskip("astropy.io.fits")
        flux = np.random.default_rng(0).normal(size=(3, 9, 9))
        fits.writeto(tmp_path / "galaxy.fits", flux)
        how = {"color": True, "flux_range": (0, 2), "stretch": "lupton", "softening": 0.02}
        for _ in range(2):
            pack_images([tmp_path / "galaxy.fits"], store, **how)
        expected = read_images([tmp_path / "galaxy.fits"], **how)
        np.testing.assert_array_equal(open_images(store), expected)

    def test_is_a_memory_map_for_reading(self, paths, store):
        pack_images(paths, store, size=8)
        images = open_images(store)
        assert isinstance(images, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            images[0] = 0

    def test_needs_no_library_of_ours(self, paths, store):
        pack_images(paths, store, size=8)
        assert sorted(os.listdir(store)) == ["checksums.npy", "images.npy", "store.json"]
        np.testing.assert_array_equal(np.load(store / "images.npy"), open_images(store))
        assert json.loads((store / "store.json").read_text())["paths"] == paths

    def test_files_are_told(self, paths, store):
        pack_images(map(Path, paths), str(store), size=8)
        _, files = open_images(store, return_files=True)
        assert files["path"].to_list() == paths
        assert (files["reason"] == "").all()

    def test_can_be_moved(self, paths, store, tmp_path):
        pack_images(paths, store, size=8)
        store.rename(tmp_path / "elsewhere")
        assert open_images(tmp_path / "elsewhere", verify=True).shape == (N_IMAGES, 8, 8)

    def test_makes_folders(self, paths, tmp_path):
        (tmp_path / "empty").mkdir()
        for store in (tmp_path / "a" / "b", tmp_path / "empty"):
            pack_images(paths[:1], store, size=8)
            assert open_images(store).shape == (1, 8, 8)

    @pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="file names must be UTF-8")
    def test_names_that_are_not_utf_8(self, tmp_path):
        names = [os.fsdecode(b"caf\xe9.png"), os.fsdecode(b"gon\xe9\n,.png")]
        paths = [str(tmp_path / name) for name in names]
        Image.linear_gradient("L").save(paths[0])
        store = tmp_path / os.fsdecode(b"p\xf6\xf6l")
        for _ in range(2):
            with pytest.warns(UserWarning, match=r"row 1: No image file '.*gon\\udce9"):
                pack_images(paths, store, size=8)
        images, files = open_images(store, verify=True, return_files=True)
        assert images[0].any()
        assert files["path"].to_list() == paths

    def test_progress(self, paths, store, capsys):
        pack_images(paths, store, size=8, verbose=True)
        assert f"{N_IMAGES}/{N_IMAGES}" in capsys.readouterr().err
        pack_images(paths, store, size=8)
        assert not capsys.readouterr().err


class TestBrokenFiles:
    def test_are_reported(self, paths, store):
        spoil(paths[2])
        os.remove(paths[7])
        with pytest.warns(
            UserWarning, match=r"2 of 11 files are left out.* row 2: .*2\.png' cannot"
        ):
            broken = pack_images(paths, store, size=8)
        assert broken["row"].to_list() == [2, 7]
        assert broken["path"].to_list() == [paths[2], paths[7]]
        images, files = open_images(store, verify=True, return_files=True)
        np.testing.assert_array_equal(np.flatnonzero(files["reason"] != ""), [2, 7])
        assert files["reason"].iloc[[2, 7]].to_list() == broken["reason"].to_list()
        expected, _ = read_images(paths, size=8, on_error="report")
        np.testing.assert_array_equal(images, expected)
        assert not images[[2, 7]].any()

    def test_are_fatal_if_asked(self, paths, store, read):
        """What was read before is kept."""
        whole = Path(paths[9]).read_bytes()
        spoil(paths[9])
        with pytest.raises(ValueError, match=r"9\.png' cannot be read.* row 9 of `paths`"):
            pack_images(paths, store, size=8, on_error="raise", n_jobs=1)
        with pytest.raises(ValueError, match=r"unfinished\. Got 8 of 11 images"):
            open_images(store)
        Path(paths[9]).write_bytes(whole)
        read.clear()
        pack_images(paths, store, size=8, on_error="raise")
        assert sorted(read) == ["10.png", "8.png", "9.png"]
        np.testing.assert_array_equal(open_images(store), read_images(paths, size=8))

    def test_are_tried_again(self, paths, store, read):
        whole = [Path(paths[row]).read_bytes() for row in (2, 7)]
        for row in (2, 7):
            spoil(paths[row])
        with pytest.warns(UserWarning, match="2 of 11"):
            pack_images(paths, store, size=8)
        Path(paths[2]).write_bytes(whole[0])
        read.clear()
        with pytest.warns(UserWarning, match="1 of 11"):
            assert pack_images(paths, store, size=8)["row"].to_list() == [7]
        assert sorted(read) == ["2.png", "7.png"]
        with pytest.raises(ValueError, match="row 7 of `paths`"):
            pack_images(paths, store, size=8, on_error="raise")
        Path(paths[7]).write_bytes(whole[1])
        assert len(pack_images(paths, store, size=8)) == 0
        images, files = open_images(store, verify=True, return_files=True)
        assert (files["reason"] == "").all()
        np.testing.assert_array_equal(images, read_images(paths, size=8))

    def test_all_of_them(self, paths, store):
        for path in paths:
            spoil(path)
        with pytest.warns(UserWarning, match="11 of 11"):
            pack_images(paths, store, size=8)
        assert not open_images(store, verify=True).any()


class Stopped(BaseException):
    """Not an error that anybody catches."""


class TestStopped:
    @pytest.mark.parametrize("step", range(N_STEPS + 1))
    def test_at_any_step(self, paths, store, monkeypatch, step):
        """Before a file is opened for writing, flushed to the disk or renamed."""
        spoil(paths[3])
        expected, _ = read_images(paths, size=8, on_error="report")
        left = iter(range(step))

        def counted(function, is_step=lambda *args: True):
            def call(*args, **kwargs):
                if is_step(*args) and next(left, None) is None:
                    raise Stopped
                return function(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            writes = ("wb", "xb", "w+b", "r+b")
            patch.setattr(
                builtins, "open", counted(open, lambda _, mode="r", *args: mode in writes)
            )
            patch.setattr(os, "rename", counted(os.rename))
            patch.setattr(os, "replace", counted(os.replace))
            patch.setattr(os, "fsync", counted(os.fsync))
            with (
                pytest.raises(Stopped)
                if step < N_STEPS
                else pytest.warns(UserWarning, match="1 of 11")
            ):
                pack_images(paths, store, size=8, n_jobs=1)
        if (store / "images.npy").exists():
            np.testing.assert_array_equal(open_images(store, verify=True), expected)
        else:
            with pytest.raises((FileNotFoundError, ValueError), match=r"unfinished|Got .*pool"):
                open_images(store)
        with pytest.warns(UserWarning, match="1 of 11"):
            pack_images(paths, store, size=8)
        images, files = open_images(store, verify=True, return_files=True)
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(np.flatnonzero(files["reason"] != ""), [3])
        assert sorted(os.listdir(store.parent)) == ["galaxies", "pool"]

    @pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
    def test_by_a_kill(self, paths, store, read):
        code = (
            "import sys, time\n"
            "from skgalaxy.images import _store\n"
            "read, _store.BLOCK = _store.read_picture, 2\n"
            "_store.read_picture = lambda *args: time.sleep(0.05) or read(*args)\n"
            "_store.pack_images(sys.argv[2:], sys.argv[1], size=8, n_jobs=1)\n"
        )
        for least in (3, 7):
            packing = subprocess.Popen([sys.executable, "-c", code, store, *paths])
            while n_read(store) < least and packing.poll() is None:
                time.sleep(0.005)
            packing.kill()
            assert packing.wait() == -signal.SIGKILL
            with pytest.raises(ValueError, match="unfinished"):
                open_images(store)
            assert not (store / "images.npy").exists()
        n_left = N_IMAGES - n_read(store)
        pack_images(paths, store, size=8)
        assert len(read) == n_left <= N_IMAGES - 7
        np.testing.assert_array_equal(open_images(store), read_images(paths, size=8))

    def test_a_complete_store_is_left_alone(self, paths, store, read):
        pack_images(paths, store, size=8)
        before = [(path, path.stat().st_mtime_ns) for path in store.iterdir()]
        read.clear()
        pack_images(paths, store, size=8)
        assert not read
        assert [(path, path.stat().st_mtime_ns) for path in store.iterdir()] == before


def n_read(store):
    """Return how many images an unfinished store has."""
    path = store / "checksums.npy"
    return np.count_nonzero(np.load(path)) if path.exists() else 0


class Limited:
    """An open file, until so many bytes are written in all."""

    def __init__(self, file, disk):
        self._file, self._disk = file, disk

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def write(self, content):
        fits = content[: max(self._disk["free"], 0)]
        self._disk["free"] -= len(content)
        self._file.write(fits)
        if len(fits) < len(content):
            raise OSError(errno.ENOSPC, "No space left on device")


def limited(disk):
    """Return `open` for a disk with so many bytes left."""
    return lambda *args, **kwargs: Limited(builtins.open(*args, **kwargs), disk)


class TestChanged:
    """Files that have been written since they were packed."""

    @pytest.fixture
    def changed(self, paths, store, read):
        """Return `paths`: all are packed, and then two files are exchanged."""
        pack_images(paths, store, size=8)
        first, second = (Path(paths[row]).read_bytes() for row in (2, 7))
        for row, content in ((2, second), (7, first)):
            Path(paths[row]).write_bytes(content)
            os.utime(paths[row], (row, row))
        read.clear()
        return paths

    def test_are_read_again(self, changed, store, read):
        with pytest.warns(
            UserWarning, match=r"2 of 11 files have another size or time than .*pool"
        ):
            assert len(pack_images(changed, store, size=8)) == 0
        assert sorted(read) == ["2.png", "7.png"]
        np.testing.assert_array_equal(open_images(store, verify=True), read_images(changed, size=8))
        pack_images(changed, store, size=8)  # without a warning
        assert len(read) == 2

    def test_may_be_broken_now(self, changed, store):
        spoil(changed[7])
        with (
            pytest.warns(UserWarning, match="2 of 11 files have another size"),
            pytest.warns(UserWarning, match="1 of 11 files are left out"),
        ):
            assert pack_images(changed, store, size=8)["row"].to_list() == [7]
        expected, _ = read_images(changed, size=8, on_error="report")
        np.testing.assert_array_equal(open_images(store, verify=True), expected)

    def test_keep_their_pixels_once_gone(self, changed, store, read):
        expected = np.array(open_images(store))
        for row in (2, 7):
            os.remove(changed[row])
        assert len(pack_images(changed, store, size=8)) == 0
        assert not read
        np.testing.assert_array_equal(open_images(store, verify=True), expected)

    @pytest.mark.filterwarnings("ignore:2 of 11 files have another size")
    @pytest.mark.parametrize("last", ["_write_settings", "read_picture"])
    def test_stopped(self, changed, store, read, monkeypatch, last):
        """Between two of the steps: nothing of the old files is left."""

        def stop(*args):
            raise Stopped

        with monkeypatch.context() as patch:
            patch.setattr(_store, last, stop)
            with pytest.raises(Stopped):
                pack_images(changed, store, size=8, n_jobs=1)
        pack_images(changed, store, size=8)
        np.testing.assert_array_equal(open_images(store, verify=True), read_images(changed, size=8))

    def test_while_packing_was_stopped(self, paths, store, read):
        spoil(paths[9])
        with pytest.raises(ValueError, match=r"9\.png' cannot be read"):
            pack_images(paths, store, size=8, on_error="raise", n_jobs=1)
        for row in (1, 9):
            Path(paths[row]).write_bytes(Path(paths[0]).read_bytes())
            os.utime(paths[row], (row, row))
        read.clear()
        with pytest.warns(UserWarning, match="1 of 11 files have another size or time"):
            pack_images(paths, store, size=8)
        assert sorted(read) == ["1.png", "10.png", "8.png", "9.png"]
        np.testing.assert_array_equal(open_images(store, verify=True), read_images(paths, size=8))

    def test_store_of_an_older_version(self, paths, store, read):
        """It does not know the times: its pixels may be of other files."""
        pack_images(paths, store, size=8)
        settings = json.loads((store / "store.json").read_text())
        del settings["files"]
        settings["crc32"] = _store._settings_checksum(settings)
        (store / "store.json").write_text(json.dumps(settings))
        assert len(open_images(store, verify=True)) == N_IMAGES
        read.clear()
        with pytest.warns(UserWarning, match="11 of 11 files have another size or time"):
            pack_images(paths, store, size=8)
        assert len(read) == N_IMAGES
        pack_images(paths, store, size=8)
        assert len(read) == N_IMAGES


class TestFullDisk:
    @pytest.mark.parametrize(
        ("free", "name", "n_done"),
        [
            (5, "images.npy.partial", 0),
            (4 * 64 + 10, "checksums.npy", 2),
            (4 * 68 + 70, "images.npy.partial", 4),
            (11 * 68 + 20, "store.json", 10),  # one file is broken
        ],
    )
    def test_is_said_and_mended(self, paths, store, read, monkeypatch, free, name, n_done):
        spoil(paths[10])
        disk = {"free": 10**6}
        with monkeypatch.context() as patch:
            for module in (_store, _files):
                patch.setattr(module, "open", limited(disk), raising=False)
            create = _store._create
            patch.setattr(_store, "_create", lambda *args: create(*args) or disk.update(free=free))
            with pytest.raises(OSError, match=rf"{name}' cannot be written: No space") as caught:
                pack_images(paths, store, size=8, n_jobs=1)
        assert caught.value.errno == errno.ENOSPC
        assert not (store / "images.npy").exists()
        with pytest.raises(ValueError, match="is unfinished"):
            open_images(store)
        read.clear()
        with pytest.warns(UserWarning, match="1 of 11"):
            pack_images(paths, store, size=8)
        assert len(read) == N_IMAGES - n_done
        expected, _ = read_images(paths, size=8, on_error="report")
        np.testing.assert_array_equal(open_images(store, verify=True), expected)
        assert sorted(os.listdir(store.parent)) == ["galaxies", "pool"]

    @pytest.mark.skipif(sys.platform == "win32", reason="no limits of a process")
    def test_of_the_system(self, paths, store):
        """A limit that the operating system keeps, on the size of a file."""
        code = (
            "import resource, sys\n"
            "from skgalaxy.images import pack_images\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "pack_images(sys.argv[2:], sys.argv[1], size=64)\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", code, store, *paths], capture_output=True, text=True
        )
        assert run.returncode == 1
        assert re.search(r"OSError: \[Errno 27\] .*nothing was written: '.*pool'", run.stderr)
        assert os.listdir(store.parent) == ["galaxies"]

    def test_no_folder(self, paths, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OSError, match=r"file'$"):
            pack_images(paths, tmp_path / "file" / "pool")


class TestDamaged:
    @pytest.fixture
    def packed(self, paths, store):
        pack_images(paths, store, size=8)
        return store

    @pytest.mark.parametrize("name", ["images.npy", "checksums.npy"])
    def test_a_byte_is_noticed_and_mended(self, paths, packed, read, name):
        flip_a_byte(packed / name, -1 + (packed / name).stat().st_size)
        open_images(packed)  # not asked to look
        with pytest.raises(ValueError, match=r"1 images do not have.*'.*10\.png' in row 10; call"):
            open_images(packed, verify=True)
        read.clear()
        pack_images(paths, packed, size=8)
        assert read == ["10.png"]
        np.testing.assert_array_equal(open_images(packed, verify=True), read_images(paths, size=8))

    def test_a_row_without_pixels_is_always_noticed(self, packed):
        np.save(packed / "checksums.npy", np.zeros(N_IMAGES, np.uint32))
        with pytest.raises(ValueError, match="11 images do not have their checksum"):
            open_images(packed)

    @pytest.mark.parametrize("name", ["images.npy", "checksums.npy", "store.json"])
    @pytest.mark.parametrize("content", ["half", "none", "nonsense"])
    def test_a_file(self, paths, packed, name, content):
        whole = (packed / name).read_bytes()
        short = {"half": whole[: len(whole) // 2], "none": b"", "nonsense": b"[1]"}[content]
        (packed / name).write_bytes(short)
        for use in (open_images, lambda store: pack_images(paths, store, size=8)):
            with pytest.raises(ValueError, match=r"pool' is damaged: .*Delete the folder"):
                use(packed)

    @pytest.mark.parametrize("name", ["images.npy", "checksums.npy"])
    def test_a_file_is_gone(self, packed, name):
        (packed / name).unlink()
        with pytest.raises(ValueError, match=r"pool' is damaged: .*No such file"):
            open_images(packed)

    def test_arrays_of_other_stores(self, packed):
        np.save(packed / "images.npy", np.zeros((3, 8, 8), np.uint8))
        with pytest.raises(ValueError, match=r"damaged: images\.npy is uint8 of shape \(3, 8, 8\)"):
            open_images(packed)


class TestRefused:
    @pytest.mark.parametrize("finished", [True, False])
    @pytest.mark.parametrize(
        ("other", "message"),
        [
            ({"size": 9}, r"`size` must be 8, as in the store '.*pool'\. Got 9; pack into another"),
            ({"color": True}, "`color` must be False, as in .*Got True"),
            ({"crop": 5}, "`crop` must be None, as in .*Got 5"),
            ({"flux_range": (0, 1)}, r"`flux_range` must be None.*Got \[0\.0, 1\.0\]"),
            ({"stretch": "lupton"}, "`stretch` must be 'asinh'.*Got 'lupton'"),
            ({"softening": 0.2}, r"`softening` must be 0\.1.*Got 0\.2"),
        ],
    )
    def test_other_parameters(self, paths, store, finished, other, message):
        pack_images(paths, store, size=8)
        if not finished:
            (store / "images.npy").rename(store / "images.npy.partial")
        with pytest.raises(ValueError, match=message):
            pack_images(paths, store, **{"size": 8, **other})

    def test_other_paths(self, paths, store):
        pack_images(paths, store, size=8)
        with pytest.raises(ValueError, match=r"the 11 paths of the store '.*pool'\. Got 10;"):
            pack_images(paths[1:], store, size=8)
        swapped = [*paths[:4], paths[5], paths[4], *paths[6:]]
        with pytest.raises(ValueError, match=r"4\.png' in row 4\. Got '.*5\.png'; pack into"):
            pack_images(swapped, store, size=8)

    def test_something_else(self, paths, tmp_path):
        for store, problem in (
            (tmp_path / "galaxies", r"a folder with other files, for example '.+'; choose"),
            (Path(paths[0]), r"which is a file; choose"),
        ):
            with pytest.raises(ValueError, match=problem):
                pack_images(paths, store)
            with pytest.raises((FileNotFoundError, ValueError), match="galaxies"):
                open_images(store)
        assert len(os.listdir(tmp_path / "galaxies")) == N_IMAGES

    def test_no_store(self, store):
        with pytest.raises(FileNotFoundError, match=r"Got '.*pool', which has no store\.json"):
            open_images(store)

    @pytest.mark.parametrize(
        ("paths", "parameters", "message"),
        [
            ([], {}, r"`paths` must hold at least one path\. Got 0: is the folder empty\?"),
            ("galaxies", {}, "`paths` must be a sequence of paths. Got the single path 'galaxies'"),
            (["a.png", None], {}, r"Got None \(NoneType\) in row 1"),
            (["a.png"], {"size": 0}, "`size` must be an integer >= 1. Got 0"),
            (["a.png"], {"on_error": "skip"}, "`on_error` must be one of 'raise', 'report'"),
            (["a.png"], {"n_jobs": 0}, "`n_jobs` must be None or an integer other than 0"),
            (["a.png"], {"verbose": 2}, "`verbose` must be True or False. Got 2"),
        ],
    )
    def test_arguments(self, store, paths, parameters, message):
        with pytest.raises((TypeError, ValueError), match=message):
            pack_images(paths, store, **parameters)
        assert not store.exists()  # said before any work

    @pytest.mark.parametrize("name", ["verify", "return_files"])
    def test_flags(self, store, name):
        with pytest.raises(TypeError, match=f"`{name}` must be True or False. Got 'yes'"):
            open_images(store, **{name: "yes"})


def test_real_galaxies(shared_data, tmp_path, monkeypatch):
    """The natural pool: packed, reopened, in the order of its paths."""
    monkeypatch.undo()
    paths = sorted((shared_data / "sdss_pool" / "images").iterdir())
    assert len(pack_images(paths, tmp_path / "pool")) == 0
    images, files = open_images(tmp_path / "pool", verify=True, return_files=True)
    assert images.shape == (3000, 64, 64)
    assert files["path"].to_list() == list(map(str, paths))
    np.testing.assert_array_equal(images[::100], read_images(paths[::100]))


def test_an_estimator_takes_it(fitted, toy, tmp_path):
    images = toy[0][:20]
    for row, image in enumerate(images):
        Image.fromarray(image[:, :, 0]).save(tmp_path / f"{row:02}.png")
    pack_images(sorted(tmp_path.glob("*.png")), tmp_path / "pool", size=12)
    stored = open_images(tmp_path / "pool")[..., None]
    np.testing.assert_array_equal(fitted.predict(stored), fitted.predict(images))
    for a, b in zip(
        mutual_information_sampling(fitted, stored, 5, n_votes=40, random_state=0),
        mutual_information_sampling(fitted, images, 5, n_votes=40, random_state=0),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
