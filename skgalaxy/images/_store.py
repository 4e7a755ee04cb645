"""A packed store: images read once and kept as pixels, for pools that are read many times.

A store is a folder of three files that need no library of ours::

    images.npy      uint8 (n_images, size, size[, 3]), row i the image of path i
    checksums.npy   uint32 (n_images,), CRC-32 of a row's pixels, 0 where there are none
    store.json      what was asked for, the paths, and why broken files are broken

A plain array and not a compressed format: any row is read at once, by any number of processes,
without a further dependency, and noisy sky would hardly shrink.

Until all is read the pixels are in ``images.npy.partial``, so that `images.npy` is whole or absent.
Pixels are written before their checksums; whatever moment a process is killed at, the rows that
do not match theirs are those to read. They are written as a file, and not through a memory map:
on a full disk a write says so, where a map ends the process.
"""

import json
import os
import warnings
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from skgalaxy._files import complete_file, complete_folder, put_in_place
from skgalaxy._validation import check_bool, check_choice, check_n_jobs
from skgalaxy.images._picture import Picture, read_picture
from skgalaxy.images._read import ON_ERROR, broken_files, check_paths, read_rows

__all__ = ["open_images", "pack_images"]

IMAGES, PARTIAL = "images.npy", "images.npy.partial"
CHECKSUMS, SETTINGS = "checksums.npy", "store.json"
BLOCK = 512  # images read before they are written


def pack_images(paths, store, *, on_error="report", n_jobs=-1, verbose=False, **picture):
    """Read image files, in order, into a store on disk; go on with one that is unfinished.

    :func:`open_images` gives its images as one memory-mapped array. Interrupted at any moment,
    by a kill or a full disk, the same call goes on where it stopped. On a complete store it
    checks all checksums, reads again what is damaged, and tries the broken files once more.

    Parameters
    ----------
    paths : sequence of str or path-like, length n_images
        The files. A row of the store is a row of `paths`, as in a table of votes.
    store : str or path-like
        The folder to keep the images in: a new or empty one, or a store of the same paths and
        parameters. It takes `size` ² bytes for each image, three times that in colour.
    on_error : {"report", "raise"}, default="report"
        About a file that cannot be read: leave its image black and go on, with a warning at the
        end; or stop, which leaves the store unfinished.
    n_jobs : int or None, default=-1
        Threads that read at the same time; see :func:`read_images`.
    verbose : bool, default=False
        Show a progress bar.
    **picture
        size, crop, color, flux_range, stretch and softening, as for :func:`read_image`.

    Returns
    -------
    broken : pandas.DataFrame
        The columns row, path and reason of the files that cannot be read. It is kept in the
        store: see `return_files` of :func:`open_images`.

    Raises
    ------
    FileNotFoundError, ImportError
        As for :func:`read_image`, the first only with ``on_error="raise"``.
    OSError
        If the store cannot be written, naming the file.
    TypeError
        If `paths` is no sequence of paths, or a parameter is of the wrong kind.
    ValueError
        If `paths` is empty; if `store` is a folder of something else, or has other paths or
        parameters; with ``on_error="raise"``, as for :func:`read_image`.

    Notes
    -----
    Only one process may pack into a store at a time. Source files are not watched: if one that
    was packed changes, pack into a new folder.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from PIL import Image
    >>> from skgalaxy.images import open_images, pack_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [os.path.join(folder, f"{i}.png") for i in range(3)]
    ...     for i, path in enumerate(paths):
    ...         Image.new("L", (424, 424), 60 * i).save(path)
    ...     broken = pack_images(paths, os.path.join(folder, "pool"), size=32)
    ...     images = np.array(open_images(os.path.join(folder, "pool")))
    >>> images.shape, images[:, 16, 16], len(broken)
    ((3, 32, 32), array([  0,  60, 120], dtype=uint8), 0)
    """
    picture = Picture(**picture).checked()
    check_choice(on_error, "on_error", ON_ERROR)
    check_n_jobs(n_jobs)
    hidden = not check_bool(verbose, "verbose")
    paths = check_paths(paths)
    if not paths:
        raise ValueError("`paths` must hold at least one path. Got 0: is the folder empty?")

    store = Path(store)
    settings = {"parameters": json.loads(json.dumps(picture._asdict())), "paths": paths}
    _create(store, settings, picture.shape)
    _check_same(store, settings)
    reasons = _fill(store, paths, picture, on_error, n_jobs, hidden)
    _finish(store, {**settings, "broken": {str(row): why for row, why in reasons.items()}})
    broken = broken_files(paths, reasons)
    if len(broken):
        _warn(broken, len(paths), store)
    return broken


def _fill(store, paths, picture, on_error, n_jobs, hidden):
    """Read the images that are not in a store yet into it; the reasons of broken ones, by row."""
    todo, reasons = _unread(*_arrays(store, len(paths))), {}

    def read(row):
        return read_picture(paths[row], picture)

    n_done = len(paths) - len(todo)
    with tqdm(total=len(paths), initial=n_done, unit="image", disable=hidden) as bar:
        for start in range(0, len(todo), BLOCK):
            rows = todo[start : start + BLOCK].tolist()
            images, found = read_rows(read, rows, picture, n_jobs, name="paths", on_error=on_error)
            _write_rows(store, rows, images, found)
            reasons |= found
            bar.update(len(rows))
    return reasons


def open_images(store, *, verify=False, return_files=False):
    """Open a store of `pack_images` as one memory-mapped array, for reading only.

    Parameters
    ----------
    store : str or path-like
        The folder.
    verify : bool, default=False
        Read all of it and compare the checksums.
    return_files : bool, default=False
        Return the table of files too.

    Returns
    -------
    images : uint8 numpy.memmap of shape (n_images, size, size) or (n_images, size, size, 3)
        The last if packed with `color`. An estimator and the query strategies take it as X, and
        read it batch by batch. Images of broken files are black.
    files : pandas.DataFrame of n_images rows
        Only with `return_files`: path, as it was given, and reason, why the file could not be
        read, empty if it could.

    Raises
    ------
    FileNotFoundError
        If there is no such store.
    ValueError
        If the store is unfinished or damaged.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.images import open_images, pack_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path, pool = os.path.join(folder, "galaxy.png"), os.path.join(folder, "pool")
    ...     Image.new("RGB", (424, 424), (90, 60, 30)).save(path)
    ...     broken = pack_images([path], pool, size=32, color=True)
    ...     images, files = open_images(pool, return_files=True)
    ...     print(images[0, 16, 16], files["path"].str.endswith("galaxy.png").to_list())
    ...     del images  # Windows deletes no file that is open
    [90 60 30] [True]
    """
    verify, return_files = check_bool(verify, "verify"), check_bool(return_files, "return_files")
    store = Path(store)
    settings = _read_settings(store)
    images, checksums = _arrays(store, len(settings["paths"]))
    if not (store / IMAGES).exists():
        raise ValueError(
            f"The store {str(store)!r} is unfinished. Got {np.count_nonzero(checksums)} of "
            f"{len(images)} images; call `pack_images` again with the same arguments, and it goes "
            "on where it stopped."
        )
    files = pd.DataFrame({"path": settings["paths"], "reason": ""}, dtype=object)
    files.loc[[int(row) for row in settings["broken"]], "reason"] = [*settings["broken"].values()]
    unread = _unread(images, checksums) if verify else np.flatnonzero(checksums == 0)
    _check_broken(unread, files, store)
    return (images, files) if return_files else images


def _create(store, settings, shape):
    """Make a store without images, all of it at once, unless there is one."""
    if (store / SETTINGS).exists():
        return
    if store.exists() and not (store.is_dir() and not any(store.iterdir())):
        raise ValueError(
            "`store` must be a new or empty folder, or one that `pack_images` made. "
            f"Got {str(store)!r}, which holds something else."
        )
    if store.exists():
        store.rmdir()
    store.parent.mkdir(parents=True, exist_ok=True)
    n_images = len(settings["paths"])
    with complete_folder(store) as new:
        (new / SETTINGS).write_bytes(_as_json({**settings, "broken": {}}))
        np.save(new / CHECKSUMS, np.zeros(n_images, np.uint32))
        np.lib.format.open_memmap(new / PARTIAL, "w+", np.uint8, (n_images, *shape))


def _check_same(store, settings):
    """Refuse to put other images into a store."""
    stored = _read_settings(store)
    for name, value in settings["parameters"].items():
        if stored["parameters"].get(name) != value:
            raise ValueError(
                f"`{name}` must be {stored['parameters'].get(name)!r}, as in the store "
                f"{str(store)!r}. Got {value!r}; pack into another folder."
            )
    if len(stored["paths"]) != len(settings["paths"]):
        raise ValueError(
            f"`paths` must be the {len(stored['paths'])} paths of the store {str(store)!r}. "
            f"Got {len(settings['paths'])}; pack into another folder."
        )
    for row, (old, new) in enumerate(zip(stored["paths"], settings["paths"], strict=True)):
        if old != new:
            raise ValueError(
                f"`paths` must be those of the store {str(store)!r}, {old!r} in row {row}. "
                f"Got {new!r}; pack into another folder."
            )


def _read_settings(store):
    """Return what `store.json` says."""
    try:
        settings = json.loads((store / SETTINGS).read_text(encoding="ascii"))
        return {key: settings[key] for key in ("parameters", "paths", "broken")}
    except FileNotFoundError:
        raise FileNotFoundError(
            f"`store` must be a folder that `pack_images` made. Got {str(store)!r}, which has no "
            f"{SETTINGS}."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(store, f"{SETTINGS}: {error}") from error


def _images_path(store):
    """Return the file of the pixels, finished or not."""
    return store / IMAGES if (store / IMAGES).exists() else store / PARTIAL


def _arrays(store, n_images):
    """Return the images and the checksums, memory-mapped for reading."""
    try:
        images = np.load(_images_path(store), mmap_mode="r")
        checksums = np.load(store / CHECKSUMS, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(store, error) from error
    if not len(images) == len(checksums) == n_images:
        raise _damaged(store, f"{len(images)} images and {n_images} paths")
    return images, checksums


def _damaged(store, why):
    """Return the error about a store that cannot be mended."""
    return ValueError(
        f"The store {str(store)!r} is damaged: {why}. Delete the folder and pack it again."
    )


def _unread(images, checksums):
    """Return the rows whose pixels do not have their checksum."""
    rows = range(len(images))
    return np.array([row for row in rows if not _is_read(images[row], checksums[row])], dtype=int)


def _is_read(image, checksum):
    return checksum != 0 and checksum == _checksum(image)


def _checksum(image):
    """Return CRC-32 of the pixels, never 0."""
    return np.uint32(zlib.crc32(image) or 1)


def _check_broken(unread, files, store):
    """Refuse a store in which other rows are `unread` than those of broken files."""
    bad = unread[files["reason"].to_numpy()[unread] == ""]
    if len(bad):
        raise ValueError(
            f"The store {str(store)!r} is damaged: {len(bad)} images do not have their checksum, "
            f"the first {files['path'][bad[0]]!r} in row {bad[0]}; call `pack_images` again with "
            "the same arguments, and it reads them again."
        )


def _write_rows(store, rows, images, broken):
    """Write the images of `rows`, and after them their checksums."""
    checksums = [
        np.uint32(0) if row in broken else _checksum(image)
        for row, image in zip(rows, images, strict=True)
    ]
    for path, values in ((_images_path(store), images), (store / CHECKSUMS, checksums)):
        start = np.load(path, mmap_mode="r").offset
        with _writing(path), open(path, "r+b") as file:
            for row, value in zip(rows, values, strict=True):
                file.seek(start + row * value.nbytes)
                file.write(value.tobytes())


def _finish(store, settings):
    """Write the last word about broken files, and give the images their name."""
    if _read_settings(store) != settings:
        with _writing(store / SETTINGS), complete_file(store / SETTINGS) as file:
            file.write(_as_json(settings))
    if not (store / IMAGES).exists():
        with _writing(store / PARTIAL):
            put_in_place(store / PARTIAL, store / IMAGES)


def _as_json(settings):
    """Return settings as bytes; ASCII, as names of files need not be UTF-8."""
    return json.dumps(settings, indent=1).encode("ascii")


@contextmanager
def _writing(path):
    """Name the file that cannot be written, and say what to do."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"The store is unfinished, {os.fspath(path)!r} cannot be written: {error.strerror}. "
            "Mend that and call `pack_images` again: it goes on where it stopped",
        ) from error


def _warn(broken, n_images, store):
    """Warn the caller of `pack_images` about broken files."""
    first = broken.iloc[0]
    warnings.warn(
        f"{len(broken)} of {n_images} files cannot be read and are black in the store "
        f"{str(store)!r}; `pack_images` returns the table of them. The first is in row "
        f"{first['row']}: {first['reason']}",
        stacklevel=3,
    )
