"""Outputs that are complete or absent.

A file or folder is written under another name, in the folder where it will stand. It is flushed to
the disk and then renamed. Renaming is atomic: a reader sees the whole file or none. A full disk or
an exception leaves nothing behind.

A killed process leaves ``.{name}.{random}.partial``, and no reader takes that for the file. The
next run that writes `name` there removes it. To tell it from the partial file of a process that is
alive, each is locked while it is written, and the system gives the lock back when a process ends,
however it ends. Where there are no such locks, as on Windows, partial files of killed runs stay.
"""

import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = [
    "check_is_file",
    "check_parent",
    "check_path",
    "complete_file",
    "complete_folder",
    "file_state",
    "partial_folder",
    "put_in_place",
    "remove_partials",
    "scratch_folder",
]


def check_path(path: Any, name: str) -> Path:
    """Path of a file or folder; raises TypeError or ValueError of anything else.

    Examples
    --------
    >>> from skgalaxy._files import check_path
    >>> check_path(None, "ledger")
    Traceback (most recent call last):
    TypeError: `ledger` must be a path, str or path-like. Got None.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"`{name}` must be a path, str or path-like. Got {path!r:.60}.")
    if not os.fspath(path) or "\0" in os.fspath(path):
        raise ValueError(f"`{name}` must be a path that can exist. Got {os.fspath(path)!r}.")
    return Path(path)


def file_state(path: str | bytes | os.PathLike[str]) -> tuple[int, int] | None:
    """Size and time of a file, which change when it is written; None if there is no such file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # no file, or a name that no file can have
        return None
    return status.st_size, status.st_mtime_ns


def check_parent(path: Path, name: str) -> None:
    """Refuse an output in a folder that does not exist."""
    parent = path.absolute().parent
    if not parent.is_dir():
        raise FileNotFoundError(
            f"`{name}` must be in a folder that exists. Got {str(path)!r}; make {str(parent)!r}."
        )


def check_is_file(path: Path, name: str) -> int | None:
    """Permissions of the file at `path`, or None if there is none; anything else is refused."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    rule = f"`{name}` must be a file, not a folder, a pipe or a device. Got {str(path)!r}"
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{rule}; choose another.")
    if not stat.S_ISREG(mode):  # a pipe is read for ever; a rename would replace /dev/null
        raise FileExistsError(f"{rule}; choose another.")
    return stat.S_IMODE(mode)


@contextmanager
def complete_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file for writing. It appears at `path` when the block ends without an error.

    Parameters
    ----------
    path : str or path-like
        The file to write. A file that is there is replaced, and the new one gets its permissions.
        If `path` is a symbolic link, the file behind it is replaced, and the link stays. Other
        hard links to it keep the old file: to write into that would not be complete or absent.

    Yields
    ------
    file : binary file
        The file that you write to.

    Raises
    ------
    OSError
        If the folder does not exist, the disk is full, or `path` is a folder, a pipe or a device.
        The message names `path`.

    Examples
    --------
    >>> import os, tempfile
    >>> from skgalaxy._files import complete_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with complete_file(os.path.join(folder, "votes.csv")) as file:
    ...         n_bytes = file.write(b"k,N")
    ...         before = [name for name in os.listdir(folder) if not name.endswith(".partial")]
    ...     print(before, os.listdir(folder))
    [] ['votes.csv']
    """
    path = Path(os.path.realpath(check_path(path, "path")))
    permissions = check_is_file(path, "path")
    with _naming(path), _partial(path, "path", _make_file) as partial:
        with open(partial, "r+b") as file:
            if permissions is not None:  # before the first byte: it may be for your eyes only
                os.chmod(partial, permissions)
            yield file
            file.flush()
            # Without fsync a power failure can leave the new name and none of the bytes.
            os.fsync(file.fileno())
        # After `with`: the file must be closed to be renamed on Windows.
        os.replace(partial, path)


@contextmanager
def complete_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Make a folder. It appears at `folder`, with all its files, when the block ends well.

    Parameters
    ----------
    folder : str or path-like
        The folder to make. It must not exist.

    Yields
    ------
    folder : pathlib.Path
        A temporary folder, for example ``.pool.1b2c3d4e.partial``. You put the files there.

    Raises
    ------
    OSError
        If `folder` exists, the one above it does not, or the disk is full.
    """
    folder = check_path(folder, "folder")
    if os.path.lexists(folder):
        raise FileExistsError(
            f"`folder` must not exist yet. Got {str(folder)!r}; choose another, or remove it."
        )
    with partial_folder(folder) as partial:
        yield partial
        os.rename(partial, folder)


@contextmanager
def partial_folder(path: Path, mode: int = 0o777) -> Iterator[Path]:
    """Make a hidden folder beside `path`, for parts of it. It goes when the block ends."""
    with _naming(path), _partial(path, "folder", lambda partial: partial.mkdir(mode)) as partial:
        yield partial


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for temporary files. It goes when the block ends.

    Those of killed processes are removed first, so that no more than one stays behind.
    """
    with partial_folder(Path(tempfile.gettempdir()) / "skgalaxy", mode=0o700) as folder:
        yield folder


def put_in_place(partial: Path, path: Path) -> None:
    """Give a finished file its name, once its bytes are on the disk."""
    with open(partial, "r+b") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)


def remove_partials(path: Path) -> None:
    """Remove the parts of an output that killed processes left, but none of a live one."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.partial")
    with os.scandir(path.absolute().parent) as entries:
        left = [Path(entry.path) for entry in entries if pattern.fullmatch(entry.name)]
    for partial in left:
        with suppress(OSError):  # it is locked, or not ours to open, or another run was faster
            _remove_abandoned(partial)


@contextmanager
def _partial(path: Path, name: str, make: Callable[[Path], None]) -> Iterator[Path]:
    """Make a partial file or folder of `path`, locked. It goes when the block ends."""
    check_parent(path, name)
    remove_partials(path)
    partial, lock = _locked_partial(path, make)
    try:
        yield partial
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def _locked_partial(path: Path, make: Callable[[Path], None]) -> tuple[Path, int | None]:
    """Make a partial file or folder of `path` and lock it."""
    while True:
        # In the same folder, for a rename is atomic only within one file system; at random, so
        # that two processes do not write into one file.
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
        make(partial)
        if fcntl is None:
            return partial, None
        try:
            lock = os.open(partial, os.O_RDONLY)
        except FileNotFoundError:
            continue  # another process took it for abandoned before it was locked
        with suppress(OSError):  # some network disks have no locks: nobody removes it then
            fcntl.flock(lock, fcntl.LOCK_EX)
        if partial.exists():
            return partial, lock
        os.close(lock)


def _make_file(path: Path) -> None:
    path.touch(exist_ok=False)


def _remove_abandoned(partial: Path) -> None:
    """Remove a partial file or folder. Raise OSError if a process has locked it."""
    if fcntl is None:
        return
    lock = os.open(partial, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink()
    finally:
        os.close(lock)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the output in errors of the system that name no file or the temporary one."""
    try:
        yield
    except OSError as error:
        # An error without a number is our own; one about another file is the caller's.
        if not error.errno or not str(error.filename or ".partial").endswith(".partial"):
            raise
        text = f"{error.strerror}; nothing was written"
        raise type(error)(error.errno, text, str(path)) from error
