"""SQLite files that are our own, or refused.

An output that grows for hours, for example a ledger or a checkpoint, is an SQLite database. Each
change is one transaction, so a kill never leaves half a change. Two numbers in the header identify
the kind of database and the version of its format.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from skgalaxy._files import check_is_file, check_parent, check_path

__all__ = [
    "OtherProcessError",
    "SqliteFormat",
    "UnusableFileError",
    "own_sqlite",
    "sqlite_errors",
    "transaction",
]

_SQLITE_HEADER = b"SQLite format 3\0"
_LOCK_SECONDS = 30  # to wait for another process's transaction
# Errors of the disk and not of the content, which may be fine: OSErrors, and what you can do.
_DISK_ERRORS = {
    sqlite3.SQLITE_BUSY: "wait for the other process",
    sqlite3.SQLITE_LOCKED: "wait for the other process",
    sqlite3.SQLITE_CANTOPEN: "see that you may write to it and to its folder",
    sqlite3.SQLITE_FULL: "free some space on the disk",
    sqlite3.SQLITE_IOERR: "see that the disk works and is not full",
    sqlite3.SQLITE_PERM: "see that you may write to it and to its folder",
    sqlite3.SQLITE_READONLY: "see that you may write to it and to its folder",
}


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
    >>> from skgalaxy._sqlite import SqliteFormat, own_sqlite
    >>> notes = SqliteFormat(0x6E6F7465, 1, "CREATE TABLE notes (text TEXT)")
    >>> database = own_sqlite(None, notes, {"notes": [("a first one",)]})
    >>> database.execute("SELECT * FROM notes").fetchall()
    [('a first one',)]
    >>> database.close()
    """
    if path is not None:
        path = check_path(path, name)
        check_parent(path, name)
        if check_is_file(path, name) is not None:
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


class OtherProcessError(RuntimeError):
    """Another process writes the same file."""


@contextmanager
def sqlite_errors(path: str | os.PathLike[str] | None, rule: str) -> Iterator[None]:
    """Name the file in errors: an OSError about the disk, a ValueError about the content."""
    got = f"{rule}. Got {str(path)!r}"
    try:
        yield
    except UnusableFileError as error:
        raise ValueError(f"{got}, {error}; choose another file.") from None
    except sqlite3.IntegrityError as error:
        raise OtherProcessError(
            f"{got}, which another process writes, too ({error}); wait for it."
        ) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        # The low byte is the primary code; sqlite3's own errors have none at all.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in _DISK_ERRORS:
            raise OSError(
                f"{got}: {error}; nothing in it is lost: {_DISK_ERRORS[code]}, and make the same "
                "call again."
            ) from error
        raise ValueError(
            f"{got}, which is damaged or cut short ({error}); restore it from a copy, or choose "
            "another file."
        ) from error


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
    _check_tables(database, format_)
    found = _pragma(database, "integrity_check(1)")  # reads the whole file; one fault is enough
    if found != "ok":
        raise UnusableFileError(f"which is damaged ({found})")


def _check_tables(database: sqlite3.Connection, format_: SqliteFormat) -> None:
    """Refuse triggers, which write rows of their own, and a table that lacks a column of ours."""
    trigger = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchone()
    if trigger is not None:
        raise UnusableFileError(f"which has a trigger {trigger[0]!r} that could change our rows")
    with closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript(format_.tables)
        missing = sorted(_columns(ours) - _columns(database))
    if missing:
        table, column = missing[0]
        raise UnusableFileError(f"which lacks the column {column!r} of the table {table!r}")


def _columns(database: sqlite3.Connection) -> set[tuple[str, str]]:
    """Tables and columns that store something: views and computed columns do not."""
    query = """
        SELECT found.name, column.name
        FROM sqlite_master AS found, pragma_table_info(found.name) AS column
        WHERE found.type = 'table'
    """
    return set(database.execute(query))


def _pragma(database: sqlite3.Connection, name: str) -> Any:
    """Value of one of SQLite's pragmas."""
    (value,) = database.execute(f"PRAGMA {name}").fetchone()
    return value
