"""Scores kept in a file while a pool is scored, so that an interrupt costs one block of them.

The file is an SQLite database. If the process or the machine dies, a block is in it whole or not
at all. It belongs to one scoring: the caller describes it, for example by the number of galaxies,
and gives with each block of scores a digest of its galaxies. Each block has a checksum, so that a
damaged file is refused. When scoring goes on, the digests are compared with those of the pool, and
the first and the last block are scored again: the learner must be the same.
"""

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skgalaxy._sqlite import SqliteFormat, UnusableFileError, own_sqlite, sqlite_errors

__all__ = ["Block", "ScoreCheckpoint"]

_RULE = "`checkpoint` must be a new file, or of the same learner, pool, score and `n_votes`"
_FORMAT = SqliteFormat(
    application_id=0x736B6778,  # "skgx"
    version=2,
    tables="""
CREATE TABLE scoring (description TEXT);
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY, galaxies BLOB, scores BLOB, means BLOB, checksum BLOB
)
""",
)


class Block(NamedTuple):
    """A block of a pool: a digest of its galaxies, their scores, and their posterior means."""

    galaxies: bytes
    scores: NDArray[np.float64]
    means: NDArray[np.float64]


class ScoreCheckpoint:
    """Blocks of scores, in memory and, if you give a path, in a file.

    Parameters
    ----------
    path : str, path-like or None
        Created if it is not there.
    **description : str, int or None
        The scoring, in JSON's types: it must be the same when it goes on.

    Attributes
    ----------
    blocks : list of Block
        The blocks that were kept, in order.

    Raises
    ------
    ValueError
        If the file is something else, damaged, or of another scoring.
    OSError
        If it cannot be read or written.
    RuntimeError
        If another process writes it, too.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None, **description: str | int | None
    ) -> None:
        self.path = path
        self.blocks: list[Block] = []
        self._starts = [0]
        self._description = json.dumps(description, sort_keys=True)
        if path is not None:
            with sqlite_errors(path, _RULE):
                self._read(description)

    def append(self, block: Block) -> None:
        """Keep a block; it is on the disk when this returns."""
        if self.path is not None:
            number = len(self.blocks)
            contents = block.galaxies, block.scores.tobytes(), block.means.tobytes()
            row = number, *contents, self._checksum(number, *contents)
            # opened for each block: nothing stays open if the caller asks for no more blocks
            with (
                sqlite_errors(self.path, _RULE),
                closing(sqlite3.connect(self.path, isolation_level=None)) as database,
            ):
                database.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)", row)
        self._add(block)

    def _add(self, block: Block) -> None:
        self.blocks.append(block)
        self._starts.append(self._starts[-1] + len(block.scores))

    def rows(self, number: int) -> tuple[int, int]:
        """First row of a block in the pool, and the row behind its last."""
        return self._starts[number], self._starts[number + 1]

    def check_galaxies(self, number: int, galaxies: bytes) -> None:
        """Raise ValueError unless a block is of the galaxies that the pool has there."""
        if self.blocks[number].galaxies != galaxies:
            start, stop = self.rows(number)
            self._refuse(
                f"which is of other galaxies than `X` in the rows {start} to {stop - 1}, or their "
                "files have been written since"
            )

    def check_scores(self, number: int, block: Block) -> None:
        """Raise ValueError unless a block that was computed again is the one that was kept."""
        self.check_galaxies(number, block.galaxies)
        # means, too: another model may have the same scores, for example all 0
        for old, new in zip(self.blocks[number][1:], block[1:], strict=True):
            # another machine may round otherwise
            is_same = old.shape == new.shape and np.allclose(
                old, new, rtol=1e-3, atol=1e-6, equal_nan=True
            )
            if not is_same:
                self._refuse(
                    f"where block {number} of the scores differs from that of this learner and pool"
                )

    def _refuse(self, why: str) -> None:
        with sqlite_errors(self.path, _RULE):
            raise UnusableFileError(why)

    def _read(self, description: dict[str, str | int | None]) -> None:
        """Take the blocks that are kept, or begin a file without any."""
        first = {"scoring": [(self._description,)]}
        with closing(own_sqlite(self.path, _FORMAT, first, name="checkpoint")) as database:
            (found,) = database.execute("SELECT description FROM scoring").fetchone() or ("",)
            _check_same(found, description)
            rows = database.execute("SELECT * FROM blocks ORDER BY number")
            for number, (kept_as, *contents, checksum) in enumerate(rows):
                whole = all(isinstance(content, bytes) for content in contents)
                if not whole or (kept_as, checksum) != (number, self._checksum(number, *contents)):
                    raise UnusableFileError(
                        f"which is damaged: block {number} is another than was written"
                    )
                galaxies, scores, means = contents
                self._add(Block(galaxies, np.frombuffer(scores), np.frombuffer(means)))

    def _checksum(self, number: int, *contents: bytes) -> bytes:
        """Checksum of a block's content, of its place, and of the scoring it belongs to."""
        digest = hashlib.blake2b(self._description.encode(), digest_size=16)
        for content in (b"%d" % number, *contents):
            digest.update(b"%d:" % len(content))
            digest.update(content)
        return digest.digest()


def _check_same(found: Any, description: dict[str, str | int | None]) -> None:
    """Refuse the checkpoint of another scoring. The message names the first difference."""
    try:
        kept = dict(json.loads(found))
    except (TypeError, ValueError) as error:
        raise UnusableFileError(f"which is damaged: it describes no scoring ({error})") from None
    for name, value in description.items():
        if kept.get(name) != value:
            raise UnusableFileError(f"which has {name} {kept.get(name)!r} and not {value!r}")
