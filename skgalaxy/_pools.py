"""Galaxies that need not fit in memory: read a block at a time, the next one ahead.

X may be rows in memory (array, list, data frame); *stored* rows, read when they are sliced
(``np.memmap``, Zarr, HDF5); or *batches* by number (``keras.utils.PyDataset``). `blocks` gives all
three as blocks of a bounded number of bytes. `blocks_ahead` reads the next block in a thread while
the caller computes with this one, so that reading, decoding and computing overlap.
"""

import contextlib
import math
import mmap
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import sklearn
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ALIGNED",
    "blocks",
    "blocks_ahead",
    "count_rows",
    "is_batched",
    "is_stored",
    "n_rows",
    "take",
    "take_rows",
]

ALIGNED = 128  # blocks of images have a multiple of it, so that networks see the same batches
_BUDGET = 2**25  # bytes of a block
_MOST = 16 * ALIGNED  # galaxies: a few seconds' work, the most that an interrupt may lose
_PROBE = 16  # galaxies of the first block, where it is not known what they will take
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
    if hasattr(X, "shape"):
        return X.shape[0]
    return len(X if hasattr(X, "__len__") else np.asarray(X))


def take(X, rows):
    """Return some rows of an array as an array in memory; those of a stored one must be finite."""
    if not is_stored(X):
        return np.asarray(X[rows])
    order = np.argsort(rows)  # HDF5 reads in its own order only
    read = np.asarray(X[rows[order]])
    values = np.empty_like(read)
    values[order] = read
    return _finite(values, rows)


def take_rows(X: ArrayLike, rows: NDArray[np.intp]) -> ArrayLike:
    """Rows of X, by rising numbers, whatever holds them; of batches all are read."""
    if is_batched(X):
        found, start = [], 0
        for block in blocks(X):
            within = rows[(rows >= start) & (rows < start + len(block))] - start
            found.append(np.asarray(block)[within])
            start += len(block)
        return np.concatenate(found)
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return take(X, rows) if hasattr(X, "shape") else [X[row] for row in rows]


def count_rows(X: ArrayLike) -> int:
    """Count the galaxies in X; of batches all are read."""
    total = n_rows(X)
    return sum(len(block) for block in blocks(X)) if total is None else total


def blocks_ahead(
    X: ArrayLike, prepare: Callable | None = None, parts: Sequence[slice | int] = ()
) -> Iterator[ArrayLike]:
    """Yield `blocks`, the next one read meanwhile if it is not in memory already."""
    found = blocks(X, prepare, parts)
    return _ahead(found) if prepare or is_stored(X) or is_batched(X) else found


def blocks(
    X: ArrayLike, prepare: Callable | None = None, parts: Sequence[slice | int] = ()
) -> Iterator[ArrayLike]:
    """Yield ``prepare(rows of X)``, in order, each of about the same number of bytes.

    Parameters
    ----------
    X : array-like or batches
        As the module says.
    prepare : callable, default=None
        Makes of rows what is wanted, for example images of paths; None leaves them as they are.
    parts : sequence of slice or int, default=()
        Parts of X to give first: rows, or of batches their numbers. The others are then those
        after the last of them.

    Yields
    ------
    block : array-like
        At least one, though X be empty.
    """
    if is_batched(X):
        yield from _batches(X, prepare, parts)
        return
    first, start = deque(parts), 0
    size = _PROBE if prepare else _rows_within_budget(X)
    while first or start == 0 or start < n_rows(X):
        part = first.popleft() if first else slice(start, start + size)
        block = prepare(_read(X, part)) if prepare else _read(X, part)
        yield block
        start, size = part.stop, _rows_within_budget(block)


def _batches(X, prepare, parts):
    if len(X) == 0:
        raise ValueError("`X` must hold at least one batch. Got none.")
    for number in (*parts, *range(parts[-1] + 1 if parts else 0, len(X))):
        batch = X[number]
        images = batch[0] if isinstance(batch, tuple | list) else batch
        if len(images):
            yield prepare(images) if prepare else images


def _ahead(items):
    """Yield `items`, the next one computed in a thread while the caller uses this one.

    The thread has the caller's settings of scikit-learn and joblib, which are kept per thread.
    """
    items, config, n_jobs = iter(items), sklearn.get_config(), joblib.effective_n_jobs(None)

    def following():
        with sklearn.config_context(**config), joblib.parallel_config(n_jobs=n_jobs):
            return next(items, _END)

    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(following)
        while (item := coming.result()) is not _END:
            coming = thread.submit(following)
            yield item


def _rows_within_budget(X):
    """Return how many rows like those of X make a block, a multiple of `ALIGNED` if that many."""
    if hasattr(X, "dtype") and hasattr(X, "shape"):
        row_bytes = X.dtype.itemsize * math.prod(X.shape[1:])
    else:
        head = X.iloc[:1] if hasattr(X, "iloc") else X[:1]
        row_bytes = np.asarray(head).nbytes
    within = min(_MOST, _BUDGET // max(1, row_bytes))
    if within >= ALIGNED:
        return within // ALIGNED * ALIGNED
    return 2 ** int(math.log2(max(1, within)))


def _read(X, part):
    """Return rows of X: a view of those in memory, a checked copy of stored ones."""
    if hasattr(X, "iloc"):
        return X.iloc[part]
    if not is_stored(X):
        return X[part]
    values = np.array(X[part]) if isinstance(X, np.memmap) else np.asarray(X[part])
    _let_go(X)
    return _finite(values, np.arange(part.start, part.start + len(values)))


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
        with contextlib.suppress(OSError):  # pages may be locked
            X.madvise(mmap.MADV_DONTNEED)
