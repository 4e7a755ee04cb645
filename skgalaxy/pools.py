"""Galaxies that need not fit in memory: read a block at a time, the next one ahead.

X may be rows in memory (array, list, data frame); *stored* rows, read when they are sliced
(``np.memmap``, Zarr, HDF5, Dask); or *batches* by number (``keras.utils.PyDataset``). `blocks`
gives all three as blocks of a bounded number of bytes, and `ahead` reads the next block in a
thread while the caller computes with this one, so that reading, decoding and computing overlap.
"""

import mmap
from concurrent.futures import ThreadPoolExecutor

import numpy as np

__all__ = ["ALIGNED", "ahead", "blocks", "is_batched", "is_stored", "n_rows", "take"]

ALIGNED = 128  # blocks start at multiples of it: networks see the same batches, whatever the block
_BUDGET = 2**25  # bytes of a block
_MOST = 16 * ALIGNED  # galaxies: a few seconds' work, the most that an interrupt may lose
_END = object()


def is_stored(X):
    """Return whether X is an array whose rows are read when they are asked for."""
    return isinstance(X, np.memmap) or (hasattr(X, "chunks") and hasattr(X, "dtype"))


def is_batched(X):
    """Return whether X gives batches by number, as a keras.utils.PyDataset does."""
    return hasattr(X, "num_batches") and hasattr(X, "__getitem__")


def n_rows(X):
    """Return the number of galaxies in X; None if that is known only when all batches are read."""
    if is_batched(X):
        return None
    return X.shape[0] if hasattr(X, "shape") else len(X)


def take(X, rows):
    """Return some rows of an array as an array in memory; those of a stored one must be finite."""
    if not is_stored(X):
        return np.asarray(X[rows])
    order = np.argsort(rows)  # HDF5 reads in its own order only
    values = np.asarray(X[rows[order]])[np.argsort(order)]
    return _finite(values, rows)


def blocks(X, prepare=None, done=()):
    """Yield ``prepare(rows of X)``, in order, each of about the same number of bytes.

    Parameters
    ----------
    X : array-like or batches
        As the module says.
    prepare : callable, default=None
        What makes of rows what is wanted, such as images of paths; None leaves them as they are.
    done : sequence of int, default=()
        Lengths of blocks that were dealt with earlier. Only the first of them is given again.

    Yields
    ------
    block : array-like
        At least one, though X be empty.
    """
    prepare = prepare or (lambda block: block)
    if is_batched(X):
        if len(X) == 0:
            raise ValueError("`X` must hold at least one batch. Got none.")
        for number in (0, *range(max(1, len(done)), len(X))):
            batch = X[number]
            yield prepare(batch[0] if isinstance(batch, tuple | list) else batch)
        return
    start, size = 0, ALIGNED
    while start == 0 or start < n_rows(X):
        block = prepare(_read(X, start, start + size))
        yield block
        start = max(start + size, sum(done))
        size = _rows_within_budget(block)


def ahead(items):
    """Yield `items`, the next one computed in a thread while the caller uses this one."""
    items = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = thread.submit(next, items, _END)
            yield item


def _rows_within_budget(block):
    """Return how many rows like those of `block` make a block."""
    row_bytes = getattr(block, "nbytes", 0) / max(1, n_rows(block))
    within = _BUDGET / row_bytes if row_bytes else _MOST
    return int(np.clip(within, ALIGNED, _MOST)) // ALIGNED * ALIGNED


def _read(X, start, stop):
    """Return rows of X: a view of those in memory, a checked copy of stored ones."""
    if hasattr(X, "iloc"):
        return X.iloc[start:stop]
    if not is_stored(X):
        return X[start:stop]
    values = np.array(X[start:stop])
    _let_go(X)
    return _finite(values, np.arange(start, start + len(values)))


def _finite(values, rows):
    """Return `values`, or say which of `rows` is not finite."""
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if bad.any():
            raise ValueError(f"`X` must be finite. Got NaN or infinity in row {rows[bad].min()}.")
    return values


def _let_go(X):
    """Give back the memory of a map's pages that were read; the file keeps what they hold."""
    while isinstance(X, np.ndarray):
        if getattr(X, "mode", None) == "c":  # its changes are nowhere but in memory
            return
        X = X.base
    if isinstance(X, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        X.madvise(mmap.MADV_DONTNEED)
