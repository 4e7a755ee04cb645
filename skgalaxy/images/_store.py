"""A packed store: images read once and kept as pixels, for pools that are read many times.

A store is a folder of three files that need no library of ours::

    images.npy      uint8 (n_images, size, size[, 3]), row i the image of path i
    checksums.npy   uint32 (n_images,), CRC-32 of a row's pixels, 0 where there are none
    store.json      the parameters, the paths, the sizes and times of the files, the errors of
                    broken ones, and its own CRC-32

The format is a plain array and not a compressed one. Any number of processes can read any row at
once, without a further dependency, and noisy sky would hardly shrink.

Until all images are read the pixels are in ``images.npy.partial``, so that `images.npy` is whole or
absent. Pixels are written before their checksums. If a process is killed, at whatever moment, the
rows that do not match their checksums are those still to read. For the same
reason, checksums of files that have changed are made 0 before their new times are kept. Pixels are
written to the file and not through a memory map: on a full disk a write raises an error, and a map
ends the process.
"""

import json
import os
import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Unpack, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm.auto import tqdm

from skgalaxy._files import complete_file, complete_folder, file_state, put_in_place
from skgalaxy._validation import check_bool, check_choice, check_n_jobs
from skgalaxy.images._picture import Picture, PictureOptions, read_picture
from skgalaxy.images._read import ON_ERROR, broken_files, check_path, check_paths, read_rows

__all__ = ["open_images", "pack_images"]

IMAGES, PARTIAL = "images.npy", "images.npy.partial"
CHECKSUMS, SETTINGS = "checksums.npy", "store.json"
KEYS, CHECKSUM = ("parameters", "paths", "files", "broken"), "crc32"
BLOCK = 512  # images read before they are written, the most that a kill loses


def pack_images(
    paths: Iterable[str | os.PathLike[str]],
    store: str | os.PathLike[str],
    *,
    on_error: Literal["report", "raise"] = "report",
    n_jobs: int | None = -1,
    verbose: bool = False,
    **picture: Unpack[PictureOptions],
) -> pd.DataFrame:
    """Read image files, in order, into a store on disk, or go on with an unfinished store.

    Use :func:`open_images` to get the images as one memory-mapped array. If the call is
    interrupted, for example by a kill or a full disk, repeat it: it goes on where it stopped. On a
    complete store it checks all checksums, reads damaged images again, and tries the broken files
    once more. It also compares the size and time of each file with those at packing, and reads
    files that differ again. A file that is gone keeps its pixels.

    Parameters
    ----------
    paths : sequence of str or path-like, length n_images
        The files. Row i of the store is the image of path i, so that you can keep paths and votes
        in one table.
    store : str or path-like
        The folder of the images: a new or empty one, or a store of the same paths and parameters.
        It takes `size` ² bytes for each image, three times that in colour.
    on_error : {"report", "raise"}, default="report"
        How to handle a file that cannot be read or shows nothing. "report" leaves its image
        black, goes on, and warns at the end. "raise" stops and leaves the store unfinished.
    n_jobs : int or None, default=-1
        Number of threads; see :func:`read_images`.
    verbose : bool, default=False
        Show a progress bar.
    **picture
        size, crop, color, flux_range, stretch, softening and bands, as for :func:`read_image`.

    Returns
    -------
    broken : pandas.DataFrame
        The columns row, path and reason of the files that are left out. The store keeps this
        table too: see `return_files` of :func:`open_images`.

    Raises
    ------
    FileNotFoundError, ImportError
        As for :func:`read_image`, the first only with ``on_error="raise"``.
    OSError
        If the store cannot be written, or the system cannot read a file, for example because too
        many are open. The message names it; mend the cause, and repeat the call.
    TypeError
        If `paths` is no sequence of paths, or a parameter is of the wrong kind.
    ValueError
        If `paths` is empty; if `store` holds other files, or a store of other paths or
        parameters; with ``on_error="raise"``, as for :func:`read_image`.

    Warns
    -----
    UserWarning
        If files are left out, with ``on_error="report"``; if files have changed since they were
        packed, or others have their paths now.

    Notes
    -----
    Only one process may pack into a store at a time. :func:`open_images` does not look at the
    files: if they may have changed, call this function first. Copies of files without their times,
    and stores that an older version packed, are read again.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from PIL import Image
    >>> from skgalaxy.images import open_images, pack_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [os.path.join(folder, f"{i}.png") for i in range(3)]
    ...     for i, path in enumerate(paths):
    ...         Image.linear_gradient("L").rotate(180 * i).save(path)
    ...     broken = pack_images(paths, os.path.join(folder, "pool"), size=32)
    ...     images = np.array(open_images(os.path.join(folder, "pool")))
    >>> images.shape, images[:, 0, 16], len(broken)
    ((3, 32, 32), array([  4, 251,   4], dtype=uint8), 0)
    """
    checked = Picture(**picture).checked()
    check_choice(on_error, "on_error", ON_ERROR)
    check_n_jobs(n_jobs)  # all checks come before the folder is made
    hidden = not check_bool(verbose, "verbose")
    paths = check_paths(paths)
    if not paths:
        raise ValueError("`paths` must hold at least one path. Got 0: is the folder empty?")

    store = Path(check_path(store, "store"))
    # Through JSON and back, so that a pair is a list on both sides of the comparison.
    settings = {"parameters": json.loads(json.dumps(checked._asdict())), "paths": paths}
    settings["files"] = [file_state(path) for path in paths]
    _create(store, settings, checked.shape)
    _check_same(store, settings)
    n_changed, settings["files"] = _forget_changed(store, settings["files"])
    if n_changed:
        warnings.warn(
            f"{n_changed} of {len(paths)} files have another size or time than those packed into "
            f"the store {str(store)!r}: they are read again.",
            stacklevel=2,
        )
    reasons = _fill(store, paths, checked, on_error, n_jobs, hidden)
    _finish(store, {**settings, "broken": {str(row): why for row, why in reasons.items()}})
    broken = broken_files(paths, reasons)
    if len(broken):
        _warn(broken, len(paths), store)
    return broken


def _fill(
    store: Path,
    paths: Sequence[str],
    picture: Picture,
    on_error: str,
    n_jobs: int | None,
    hidden: bool,
) -> dict[int, str]:
    """Read the images that a store lacks into it, and collect the errors by row."""
    todo, reasons = _unread(*_arrays(store, _read_settings(store))), {}

    def read(row: int) -> NDArray[np.uint8]:
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


@overload
def open_images(
    store: str | os.PathLike[str],
    *,
    verify: bool = False,
    return_files: Literal[False] = False,
) -> NDArray[np.uint8]: ...
@overload
def open_images(
    store: str | os.PathLike[str], *, verify: bool = False, return_files: Literal[True]
) -> tuple[NDArray[np.uint8], pd.DataFrame]: ...
def open_images(
    store: str | os.PathLike[str], *, verify: bool = False, return_files: bool = False
) -> NDArray[np.uint8] | tuple[NDArray[np.uint8], pd.DataFrame]:
    """Open a store of `pack_images` as one memory-mapped array, for reading only.

    Parameters
    ----------
    store : str or path-like
        The folder that you packed the images into.
    verify : bool, default=False
        Read the whole store and compare the checksums, for example after copying it.
    return_files : bool, default=False
        Return the table of files too.

    Returns
    -------
    images : uint8 numpy.memmap of shape (n_images, size, size) or (n_images, size, size, 3)
        The images, with a last axis of 3 if packed with `color`. You can pass this array as X to
        an estimator or a query strategy, which read it batch by batch. Images of broken files are
        black.
    files : pandas.DataFrame of n_images rows
        Only with `return_files`. The column path holds the paths as they were packed. The column
        reason says why a file was left out, and is empty for the others.

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
    ...     Image.linear_gradient("L").save(path)
    ...     broken = pack_images([path], pool, size=32, color=True)
    ...     images, files = open_images(pool, return_files=True)
    ...     print(images[0, 0, 16], files["path"].str.endswith("galaxy.png").to_list())
    ...     del images  # Windows deletes no file that is open
    [4 4 4] [True]
    """
    verify, return_files = check_bool(verify, "verify"), check_bool(return_files, "return_files")
    store = Path(check_path(store, "store"))
    settings = _read_settings(store)
    images, checksums = _arrays(store, settings)
    if not (store / IMAGES).exists():
        raise ValueError(
            f"The store {str(store)!r} is unfinished. Got {np.count_nonzero(checksums)} of "
            f"{len(images)} images; call `pack_images` again with the same arguments, and it goes "
            "on where it stopped."
        )
    # dtype=object, for pandas' own text must be UTF-8, and names of files need not be.
    files = pd.DataFrame({"path": settings["paths"], "reason": ""}, dtype=object)
    files.loc[[int(row) for row in settings["broken"]], "reason"] = [*settings["broken"].values()]
    # Without `verify` no pixel is read: rows without a checksum must be those of broken files.
    unread = _unread(images, checksums) if verify else np.flatnonzero(checksums == 0)
    _check_broken(unread, files, store)
    if verify:
        _check_black(images, unread, files, store)
    return (images, files) if return_files else images


def _create(store: Path, settings: Mapping[str, Any], shape: tuple[int, ...]) -> None:
    """Make a store without images, all of it at once, unless there is one."""
    if (store / SETTINGS).exists():
        return
    _check_is_new(store)
    if store.exists():
        store.rmdir()  # `complete_folder` renames a whole folder to this name
    store.parent.mkdir(parents=True, exist_ok=True)
    n_images = len(settings["paths"])
    with complete_folder(store) as new:
        (new / SETTINGS).write_bytes(_as_json({**settings, "broken": {}}))
        np.save(new / CHECKSUMS, np.zeros(n_images, np.uint32))
        # a file of holes: disk space is taken as images are written
        np.lib.format.open_memmap(new / PARTIAL, "w+", np.uint8, (n_images, *shape))


def _check_is_new(store: Path) -> None:
    """Refuse a file, and a folder that holds other files."""
    rule = "`store` must be a new or empty folder, or one that `pack_images` made."
    if store.exists() and not store.is_dir():
        raise ValueError(f"{rule} Got {str(store)!r}, which is a file; choose another folder.")
    other = min((path.name for path in store.iterdir()), default="") if store.exists() else ""
    if other:
        raise ValueError(
            f"{rule} Got {str(store)!r}, a folder with other files, for example {other!r}; "
            "choose another folder."
        )


def _check_same(store: Path, settings: Mapping[str, Any]) -> None:
    """Refuse to put other images into a store."""
    stored = _read_settings(store)
    # One by one, so that the message names the first difference.
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


def _forget_changed(store: Path, files: Sequence[Any]) -> tuple[int, list[Any]]:
    """Forget the pixels of files that have changed: their number, and the state of all files."""
    stored = _read_settings(store)
    # a file that is not there now has no other pixels
    files = [
        old if new is None else [*new] for old, new in zip(stored["files"], files, strict=True)
    ]
    changed = [row for row, old in enumerate(stored["files"]) if files[row] != old]
    if not changed:
        return 0, files
    _, checksums = _arrays(store, stored)
    packed = [row for row in changed if checksums[row]]
    # The order matters here, too: a kill between the two leaves rows that are read again.
    _write_values(store / CHECKSUMS, packed, np.zeros(len(packed), np.uint32))
    _write_settings(store, {**stored, "files": files})
    return len(packed), files


def _read_settings(store: Path) -> dict[str, Any]:
    """Parameters, paths and broken files of a store, from its `store.json`."""
    try:
        settings = json.loads((store / SETTINGS).read_bytes())
        _check_settings(settings)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"`store` must be a folder that `pack_images` made. Got {str(store)!r}, which has no "
            f"{SETTINGS}."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(store, f"{SETTINGS}: {type(error).__name__} {error}") from error
    # Stores of the first versions do not know the states of their files.
    return {
        "files": [None] * len(settings["paths"]),
        **{k: settings[k] for k in KEYS if k in settings},
    }


def _check_settings(settings: Any) -> None:
    """Refuse settings that no store of ours has."""
    # Stores of the first versions have no checksum here.
    checksum = settings.get(CHECKSUM)
    if checksum is not None and checksum != _settings_checksum(settings):
        raise ValueError("does not have its checksum")
    Picture(**settings["parameters"]).checked()
    paths, broken = settings["paths"], settings["broken"]
    if not (isinstance(paths, list) and all(isinstance(path, str) for path in paths)):
        raise ValueError("`paths` is no list of text")
    files = settings.get("files", [None] * len(paths))
    if len(files) != len(paths) or not all(file is None or _is_state(file) for file in files):
        raise ValueError("`files` is no size and time for each path")
    rows = {str(row) for row in range(len(paths))}
    if not (broken.keys() <= rows and all(isinstance(why, str) for why in broken.values())):
        raise ValueError("`broken` is no reason for each row")


def _is_state(file: Any) -> bool:
    return isinstance(file, list) and [type(number) for number in file] == [int, int]


def _settings_checksum(settings: Mapping[str, Any]) -> int:
    """CRC-32 of all of `store.json` besides the checksum itself."""
    content = [settings[key] for key in KEYS if key in settings]
    return zlib.crc32(json.dumps(content, sort_keys=True).encode("ascii"))


def _images_path(store: Path) -> Path:
    """File of the pixels, finished or not."""
    return store / IMAGES if (store / IMAGES).exists() else store / PARTIAL


def _arrays(
    store: Path, settings: Mapping[str, Any]
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Images and checksums, memory-mapped for reading."""
    n_images = len(settings["paths"])
    shape = Picture(**settings["parameters"]).shape
    images = _mapped(store, _images_path(store), np.uint8, (n_images, *shape))
    return images, _mapped(store, store / CHECKSUMS, np.uint32, (n_images,))


def _mapped(store: Path, path: Path, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Array in a file of the store, memory-mapped for reading."""
    try:
        array = np.load(path, mmap_mode="r")
    except FileNotFoundError as error:
        raise _damaged(store, error) from error
    except (OSError, MemoryError):  # of the system: nothing is wrong with the store
        raise
    except Exception as error:  # NumPy reads the header of a damaged file with Python's parser
        raise _damaged(store, f"{path.name}: {type(error).__name__} {error}") from error
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        got = f"{array.dtype} of shape {array.shape}"
        raise _damaged(store, f"{path.name} is {got}, not {np.dtype(dtype)} of {shape}")
    return array


def _damaged(store: Path, why: object) -> ValueError:
    """Error about a store that cannot be mended."""
    return ValueError(
        f"The store {str(store)!r} is damaged: {why}. Delete the folder and pack it again."
    )


def _unread(images: NDArray[np.uint8], checksums: NDArray[np.uint32]) -> NDArray[np.intp]:
    """Rows with pixels that do not match their checksum."""
    rows = range(len(images))
    return np.array([row for row in rows if not _is_read(images[row], checksums[row])], dtype=int)


def _is_read(image: NDArray[np.uint8], checksum: np.uint32) -> bool:
    # 0 says "not yet read": no pixels need be looked at.
    return checksum != 0 and checksum == _checksum(image)


def _checksum(image: NDArray[np.uint8]) -> np.uint32:
    """CRC-32 of the pixels, never 0."""
    return np.uint32(zlib.crc32(image.data) or 1)


def _check_broken(unread: NDArray[np.intp], files: pd.DataFrame, store: Path) -> None:
    """Refuse a store if rows are `unread` that do not belong to broken files."""
    bad = unread[files["reason"].to_numpy()[unread] == ""]
    if len(bad):
        raise ValueError(
            f"The store {str(store)!r} is damaged: {len(bad)} images do not have their checksum, "
            f"the first {files['path'][bad[0]]!r} in row {bad[0]}; call `pack_images` again with "
            "the same arguments, and it reads them again."
        )


def _check_black(
    images: NDArray[np.uint8], unread: NDArray[np.intp], files: pd.DataFrame, store: Path
) -> None:
    """Refuse a store with pixels in the rows of broken files."""
    bad = [row for row in unread if images[row].any()]
    if bad:
        raise ValueError(
            f"The store {str(store)!r} is damaged: {files['path'][bad[0]]!r} in row {bad[0]} was "
            "left out and is not black; call `pack_images` again with the same arguments."
        )


def _write_rows(
    store: Path, rows: Sequence[int], images: NDArray[np.uint8], broken: Mapping[int, str]
) -> None:
    """Write the images of `rows`, and after them their checksums."""
    checksums = [
        np.uint32(0) if row in broken else _checksum(image)
        for row, image in zip(rows, images, strict=True)
    ]
    # The order matters: a kill between the two leaves rows that are read again.
    _write_values(_images_path(store), rows, images)
    _write_values(store / CHECKSUMS, rows, checksums)


def _write_values(path: Path, rows: Sequence[int], values: Sequence[Any] | NDArray[Any]) -> None:
    """Write values into some rows of a .npy file."""
    start = np.load(path, mmap_mode="r").offset  # bytes of the file's header
    with _writing(path), open(path, "r+b") as file:
        for row, value in zip(rows, values, strict=True):
            file.seek(start + row * value.nbytes)
            file.write(value.tobytes())


def _finish(store: Path, settings: Mapping[str, Any]) -> None:
    """Record the broken files, and give the images their name."""
    # A complete store that has not changed is not written: it may be on a read-only disk.
    if _read_settings(store) != settings:
        _write_settings(store, settings)
    if not (store / IMAGES).exists():  # the last step: from now on the store is complete
        with _writing(store / PARTIAL):
            put_in_place(store / PARTIAL, store / IMAGES)


def _write_settings(store: Path, settings: Mapping[str, Any]) -> None:
    with _writing(store / SETTINGS), complete_file(store / SETTINGS) as file:
        file.write(_as_json(settings))


def _as_json(settings: Mapping[str, Any]) -> bytes:
    """Settings as the bytes of a JSON file."""
    # ASCII with escapes, because names of files need not be UTF-8.
    whole = {**settings, CHECKSUM: _settings_checksum(settings)}
    return json.dumps(whole, indent=1).encode("ascii")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Name the file that cannot be written, and the remedy."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"The store is unfinished, {os.fspath(path)!r} cannot be written: {error.strerror}. "
            "Mend that and call `pack_images` again: it goes on where it stopped",
        ) from error


def _warn(broken: pd.DataFrame, n_images: int, store: Path) -> None:
    """Warn the caller of `pack_images` about broken files."""
    first = broken.iloc[0]
    warnings.warn(
        f"{len(broken)} of {n_images} files are left out and black in the store "
        f"{str(store)!r}; `pack_images` returns the table of them. The first is in row "
        f"{first['row']}: {first['reason']}",
        stacklevel=3,
    )
