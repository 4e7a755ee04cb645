"""Outputs that are complete or absent, and SQLite files that are our own or refused.

A file or folder is written under another name, in the folder where it will stand. It is flushed to
the disk and then renamed. Renaming is atomic: a reader sees the whole file or none. A full disk or
an exception leaves nothing behind. A killed process leaves ``.{name}.{random}.partial``, and no
reader takes that for the file.

An output that grows for hours, for example a ledger or a checkpoint, is an SQLite database. Each
change is one transaction, so a kill never leaves half a change. Two numbers in the header identify
the kind of database and the version of its format.
"""

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

__all__ = [
    "SqliteFormat",
    "UnusableFileError",
    "check_path",
    "complete_file",
    "complete_folder",
    "own_sqlite",
    "put_in_place",
    "sqlite_errors",
    "transaction",
]

_SQLITE_HEADER = b"SQLite format 3\0"
_LOCK_SECONDS = 30  # to wait for another process's transaction
# The file's content may be fine: an OSError, as of any other file on a full or read-only disk.
_DISK_ERRORS = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)


def check_path(path: Any, name: str) -> Path:
    """Path of a file or folder; raises TypeError or ValueError of what cannot be one.

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


@contextmanager
def complete_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file for writing. It appears at `path` when the block ends without an error.

    Parameters
    ----------
    path : str or path-like
        The file to write. An existing file is replaced.

    Yields
    ------
    file : binary file
        The file that you write to.

    Raises
    ------
    OSError
        If the folder does not exist, or the disk is full. The message names `path`.

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
            # After `with`: the file must be closed to be renamed on Windows.
            put_in_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


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
    # Without fsync a power failure can leave the new name and none of the bytes.
    with open(partial, "r+b") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)


def _partial(path: Path, name: str) -> Path:
    """Temporary name of `path` while it is written."""
    _check_parent(path, name)
    # In the same folder, for a rename is atomic only within one file system; at random, so that
    # two processes do not write into one file.
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")


def _check_parent(path: Path, name: str) -> None:
    parent = path.absolute().parent
    if not parent.is_dir():
        raise FileNotFoundError(
            f"`{name}` must be in a folder that exists. Got {str(path)!r}; make {str(parent)!r}."
        )


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


class SqliteFormat(NamedTuple):
    """A kind of database.

    Attributes
    ----------
    application_id, version : int
        The two numbers in the header of the file.
    tables : str
        The SQL statements that make the tables, separated by semicolons.
    """

    application_id: int
    version: int
    tables: str


class UnusableFileError(Exception):
    """A file that is no database of ours.

    The text is a relative clause, for example "which is empty". `sqlite_errors` puts it after the
    name of the file.
    """


def own_sqlite(
    path: str | os.PathLike[str] | None,
    format_: SqliteFormat,
    rows: Mapping[str, Iterable[tuple[Any, ...]]] | None = None,
    *,
    name: str = "path",
) -> sqlite3.Connection:
    """Open a database of ours, or make it. Call this function inside `sqlite_errors`.

    Parameters
    ----------
    path : str, path-like or None
        The file. None is a database in memory.
    format_ : SqliteFormat
        The kind of database that you expect.
    rows : mapping of str to iterable of tuple, default=None
        The first rows of every table, for example ``{"notes": [("text",)]}``. A file that is new
        or empty then becomes a database with these rows, in one transaction. With None such a
        file is refused.
    name : str, default="path"
        The public parameter that `path` comes from, for messages.

    Returns
    -------
    database : sqlite3.Connection
        Each statement is a transaction of its own. Use `transaction` to join several.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    UnusableFileError, sqlite3.Error
        If the file is of another kind, empty or damaged, or cannot be read or written.

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
            # SQLite itself would say so only at the first statement. An empty file passes.
            with path.open("rb") as file:
                if not _SQLITE_HEADER.startswith(file.read(len(_SQLITE_HEADER))):
                    raise UnusableFileError("which is not an SQLite file")
    # isolation_level=None: Python's sqlite3 opens no transactions behind our back.
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
    """Run all statements of the block, or none."""
    # IMMEDIATE waits for the lock now. A later wait could fail after half of the statements.
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite itself rolls back on a full disk
            database.execute("ROLLBACK")
        raise


@contextmanager
def sqlite_errors(path: str | os.PathLike[str] | None, rule: str) -> Iterator[None]:
    """Name the file in errors: an OSError about the disk, a ValueError about the content."""
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
        # The low byte is the primary code; sqlite3's own errors have none at all.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in _DISK_ERRORS:
            raise OSError(f"{got}: {error}; nothing in it is lost.") from error
        raise ValueError(f"{got}, which is damaged ({error}); choose another file.") from error


def _is_empty(database: sqlite3.Connection) -> bool:
    return database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def _make_tables(
    database: sqlite3.Connection,
    format_: SqliteFormat,
    rows: Mapping[str, Iterable[tuple[Any, ...]]],
) -> None:
    with transaction(database):
        if not _is_empty(database):  # another process was faster
            return
        database.execute(f"PRAGMA application_id = {format_.application_id}")
        database.execute(f"PRAGMA user_version = {format_.version}")
        # One by one: `executescript` would commit the transaction first.
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
    if _pragma(database, "application_id") != format_.application_id:
        (table,) = database.execute("SELECT name FROM sqlite_master").fetchone()
        raise UnusableFileError(f"which is an SQLite file of another kind, with a table {table!r}")
    version = _pragma(database, "user_version")
    if version != format_.version:
        raise UnusableFileError(
            f"which has version {version} of its format, and this skgalaxy reads version "
            f"{format_.version}"
        )
    found = _pragma(database, "integrity_check(1)")  # reads the whole file; one fault is enough
    if found != "ok":
        raise UnusableFileError(f"which is damaged ({found})")


def _pragma(database: sqlite3.Connection, name: str) -> Any:
    """Value of one of SQLite's pragmas."""
    (value,) = database.execute(f"PRAGMA {name}").fetchone()
    return value
