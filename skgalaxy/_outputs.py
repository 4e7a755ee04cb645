"""Outputs that are complete or absent: a file, or a folder of them.

A file is written under another name in the same folder, flushed to the disk, and then renamed,
which is one step that happens or does not. A full disk or an exception leaves nothing behind; a
killed process leaves ``.{name}.{random}.partial``, which no reader takes for the file.
"""

import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path

__all__ = ["complete_file", "complete_folder"]


@contextmanager
def complete_file(path):
    """Open a binary file that appears at `path`, whole, when the block ends without an error.

    Parameters
    ----------
    path : str or path-like
        Where the file shall be; one that is there is replaced.

    Yields
    ------
    file : binary file
        To write to.

    Raises
    ------
    OSError
        If the folder does not exist, or the disk is full: it names `path`.

    Examples
    --------
    >>> import os, tempfile
    >>> from skgalaxy._outputs import complete_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with complete_file(os.path.join(folder, "votes.csv")) as file:
    ...         n_bytes = file.write(b"k,N")
    ...         before = [name for name in os.listdir(folder) if not name.endswith(".partial")]
    ...     print(before, os.listdir(folder))
    [] ['votes.csv']
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"`path` must be a file, not a folder. Got {str(path)!r}.")
    partial = _partial(path, "path")
    try:
        with _naming(path), open(partial, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def complete_folder(folder):
    """Make a folder that appears at `folder`, with all its files, when the block ends well.

    Parameters
    ----------
    folder : str or path-like
        Where the folder shall be; it must not exist.

    Yields
    ------
    folder : pathlib.Path
        A folder of another name, to fill.

    Raises
    ------
    OSError
        If `folder` exists, the one above it does not, or the disk is full.
    """
    folder = Path(folder)
    if os.path.lexists(folder):
        raise FileExistsError(
            f"`folder` must not exist yet. Got {str(folder)!r}; choose another, or remove it."
        )
    partial = _partial(folder, "folder")
    try:
        with _naming(folder):
            partial.mkdir()
            yield partial
        os.rename(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _partial(path, name):
    """Return the name under which `path` is written."""
    parent = path.absolute().parent
    if not parent.is_dir():
        raise FileNotFoundError(
            f"`{name}` must be in a folder that exists. Got {str(path)!r}; make {str(parent)!r}."
        )
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")


@contextmanager
def _naming(path):
    """Name the output in errors of the system that name no file, or the partial one."""
    try:
        yield
    except OSError as error:
        if not error.errno or not str(error.filename or ".partial").endswith(".partial"):
            raise
        text = f"{error.strerror}; nothing was written"
        raise type(error)(error.errno, text, str(path)) from error
