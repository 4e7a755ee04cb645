"""Outputs that are complete or absent, and SQLite files that are our own or refused.

A file, or a folder of them, is written under another name in the same folder, flushed to the disk,
and then renamed, which is one step that happens or does not. A full disk or an exception leaves
nothing behind; a killed process leaves ``.{name}.{random}.partial``, which no reader takes for the
file.

What grows for hours, a ledger or a checkpoint, is an SQLite database: each change is one
transaction, which a kill cannot halve. Two numbers in its header say whose it is.
"""

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

__all__ = [
    "SqliteFormat",
    "UnusableFileError",
    "complete_file",
    "complete_folder",
    "own_sqlite",
    "put_in_place",
    "sqlite_errors",
    "transaction",
]

_SQLITE_HEADER = b"SQLite format 3\0"
_LOCK_SECONDS = 30  # to wait for another process's transaction
_DISK_ERRORS = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)


@contextmanager
def complete_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
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
    >>> from skgalaxy._files import complete_file
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
        with _naming(path):
            with open(partial, "xb") as file:
                yield file
            put_in_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def complete_folder(folder: str | os.PathLike) -> Iterator[Path]:
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


def put_in_place(partial: Path, path: Path) -> None:
    """Give a finished file its name, once its bytes are on the disk."""
    with open(partial, "r+b") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)


def _partial(path: Path, name: str) -> Path:
    """Name under which `path` is written."""
    _check_parent(path, name)
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")


def _check_parent(path: Path, name: str) -> None:
    parent = path.absolute().parent
    if not parent.is_dir():
        raise FileNotFoundError(
            f"`{name}` must be in a folder that exists. Got {str(path)!r}; make {str(parent)!r}."
        )


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the output in errors of the system that name no file, or the partial one."""
    try:
        yield
    except OSError as error:
        if not error.errno or not str(error.filename or ".partial").endswith(".partial"):
            raise
        text = f"{error.strerror}; nothing was written"
        raise type(error)(error.errno, text, str(path)) from error


class SqliteFormat(NamedTuple):
    """A kind of database: the numbers in its header, and the statements that make its tables."""

    application_id: int
    version: int
    tables: str


class UnusableFileError(Exception):
    """What is wrong with a file, to follow its name in the message of `sqlite_errors`."""


def own_sqlite(
    path: str | os.PathLike | None,
    format_: SqliteFormat,
    rows: Mapping[str, Iterable[tuple]] | None = None,
    *,
    name: str = "path",
) -> sqlite3.Connection:
    """Open a database of ours, or make it; use it inside `sqlite_errors`.

    Parameters
    ----------
    path : str, path-like or None
        The file; None is a database in memory.
    format_ : SqliteFormat
        The kind that it must be.
    rows : mapping of str to iterable of tuple, default=None
        The first rows of its tables, by table: with them a file that is new or empty becomes a
        database, all at once. None refuses such a file.
    name : str, default="path"
        What the caller's user calls `path`.

    Returns
    -------
    database : sqlite3.Connection
        Each statement is a transaction of its own; `transaction` makes one of several.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    UnusableFileError, sqlite3.Error
        If the file is something else, empty, damaged, or cannot be read or written.

    Examples
    --------
    >>> from skgalaxy._files import SqliteFormat, own_sqlite
    >>> notes = SqliteFormat(0x6E6F7465, 1, "CREATE TABLE notes (text TEXT)")
    >>> database = own_sqlite(None, notes, {"notes": [("a first one",)]})
    >>> database.execute("SELECT * FROM notes").fetchall()
    [('a first one',)]
    >>> database.close()
    """
    if path is not None:
        path = Path(path)
        _check_parent(path, name)
        if path.exists():
            with path.open("rb") as file:
                if not _SQLITE_HEADER.startswith(file.read(len(_SQLITE_HEADER))):
                    raise UnusableFileError("which is not an SQLite file")
    database = sqlite3.connect(path or ":memory:", timeout=_LOCK_SECONDS, isolation_level=None)
    try:
        if rows is not None and _is_empty(database):
            _make_tables(database, format_, rows)
        _check_format(database, format_)
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Do all statements of the block, or none."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


@contextmanager
def sqlite_errors(path: str | os.PathLike | None, rule: str) -> Iterator[None]:
    """Name the file in errors, and tell those of the disk from those of the file's content."""
    got = f"{rule}. Got {str(path)!r}"
    try:
        yield
    except UnusableFileError as error:
        raise ValueError(f"{got}, {error}; choose another file.") from None
    except sqlite3.IntegrityError as error:
        raise RuntimeError(
            f"{got}, which another process writes, too ({error}); wait for it."
        ) from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in _DISK_ERRORS:
            raise OSError(f"{got}: {error}; nothing in it is lost.") from error
        raise ValueError(f"{got}, which is damaged ({error}); choose another file.") from error


def _is_empty(database: sqlite3.Connection) -> bool:
    return database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def _make_tables(
    database: sqlite3.Connection, format_: SqliteFormat, rows: Mapping[str, Iterable[tuple]]
) -> None:
    with transaction(database):
        if not _is_empty(database):  # another process was faster
            return
        database.execute(f"PRAGMA application_id = {format_.application_id}")
        database.execute(f"PRAGMA user_version = {format_.version}")
        for statement in format_.tables.split(";"):
            database.execute(statement)
        for table, values in rows.items():
            for row in values:
                marks = ", ".join("?" * len(row))
                database.execute(f"INSERT INTO {table} VALUES ({marks})", row)


def _check_format(database: sqlite3.Connection, format_: SqliteFormat) -> None:
    """Refuse a database that is of another kind or version, or damaged."""
    if _is_empty(database):
        raise UnusableFileError("which is empty")
    if database.execute("PRAGMA application_id").fetchone() != (format_.application_id,):
        raise UnusableFileError("which is an SQLite file of something else")
    if database.execute("PRAGMA user_version").fetchone() != (format_.version,):
        raise UnusableFileError("which another version of skgalaxy wrote")
    (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise UnusableFileError(f"which is damaged ({found})")
