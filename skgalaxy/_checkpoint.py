"""Scores kept in a file while a pool is scored, so that an interrupt costs one block of them.

The file is a row of ``.npy`` records, one per block, each written whole and flushed to the disk
before the next is computed. What a crash left of the last one is written over.
"""

import os
from pathlib import Path

import numpy as np

__all__ = ["ScoreCheckpoint"]

_MAGIC = np.lib.format.magic(1, 0)[:-2]


class ScoreCheckpoint:
    """Blocks of scores, in memory and, if it has a path, in a file.

    Parameters
    ----------
    path : str, path-like or None
        Created if it is not there.
    total : int or None
        Number of galaxies to score, if it is known.

    Attributes
    ----------
    blocks : list of ndarray
        Scores that were kept, in order.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or one of more galaxies.
    """

    def __init__(self, path, total):
        self.path = None if path is None else Path(path)
        self.blocks = []
        self._end = 0  # of the whole records in the file
        if self.path is not None and self.path.exists():
            self._read()
        n_kept = sum(map(len, self.blocks))
        if total is not None and n_kept > total:
            raise ValueError(
                "`checkpoint` must be of the same pool. Got "
                f"{self.path} with {n_kept} scores for {total} galaxies; delete it to start over."
            )

    def append(self, scores):
        """Keep a block of scores; it is on the disk when this returns."""
        self.blocks.append(scores)
        if self.path is None:
            return
        with self.path.open("r+b" if self.path.exists() else "xb") as file:
            file.truncate(self._end)  # what a crash left of the block that came next
            file.seek(self._end)
            np.save(file, scores, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
            self._end = file.tell()

    def check_first(self, scores):
        """Raise ValueError unless the first block, computed again, is the one that was kept."""
        kept = self.blocks[0]
        if kept.shape != scores.shape or not _alike(kept, scores):
            raise ValueError(
                "`checkpoint` must be of the same learner, pool, score and number of votes. Got "
                f"{self.path}, whose first {len(kept)} scores are others; delete it to start over."
            )

    def _read(self):
        """Read the whole records, and note where they end."""
        with self.path.open("rb") as file:
            if not _MAGIC.startswith(file.read(len(_MAGIC))):
                raise ValueError(
                    f"`checkpoint` must be a file that skgalaxy began, or none. Got {self.path}, "
                    "which is something else."
                )
            file.seek(0)
            while (scores := _next_record(file)) is not None:
                self.blocks.append(scores)
                self._end = file.tell()


def _alike(a, b):
    """Return whether scores are the same but for what another machine may round otherwise."""
    return np.allclose(a, b, rtol=1e-3, atol=1e-6, equal_nan=True)


def _next_record(file):
    """Return the next array in the file, or None at its end or where it was cut."""
    try:
        return np.load(file, allow_pickle=False)
    except (EOFError, ValueError):
        return None
