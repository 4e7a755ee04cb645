"""Galaxies that need not fit in memory: read a block at a time, the next one ahead.

You can pass X in three forms:

- rows in memory, for example an array, a list or a data frame;
- *stored* rows, for example ``np.memmap``, Zarr or HDF5, which are read when they are sliced;
- *batches* by number, for example a ``keras.utils.PyDataset``.

`blocks` cuts all three into blocks of a bounded number of bytes. `blocks_ahead` reads the next
block in a thread while you compute with this one, so that reading, decoding and computing overlap.
"""

import contextlib
import math
import mmap
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
import numpy as np
import sklearn
from numpy.typing import NDArray

from skgalaxy._validation import refuse_masked

__all__ = [
    "ALIGNED",
    "ahead",
    "blocks",
    "blocks_ahead",
    "count_rows",
    "is_batched",
    "is_stored",
    "n_rows",
    "row_parts",
    "rows_within_budget",
    "take",
    "take_rows",
]

ALIGNED = 128  # blocks of images have a multiple of it, so that networks see the same batches
_BUDGET = 2**25  # bytes of a block
_MOST = 16 * ALIGNED  # galaxies: a few seconds' work, the most that an interrupt may lose
_PROBE = 16  # galaxies of the first block, while their size after `prepare` is not known
_END = object()  # an exhausted iterator, for a block can be anything


def is_stored(X: Any) -> bool:
    """True if X is an array on disk, which is read when it is sliced."""
    # Zarr and HDF5 are recognised by their chunks, so that neither must be installed.
    return isinstance(X, np.memmap) or (hasattr(X, "chunks") and hasattr(X, "dtype"))


def is_batched(X: Any) -> bool:
    """True if X gives batches by number, for example a keras.utils.PyDataset."""
    return hasattr(X, "num_batches") and hasattr(X, "__getitem__")


def _untensored(X: Any) -> Any:
    """NumPy's view of a tensor, for example of TensorFlow or torch; anything else as it is."""
    # tensors have number types of their own, and not all can be indexed by arrays of rows
    is_tensor = hasattr(X, "__array__") and hasattr(X, "dtype") and not hasattr(X, "iloc")
    return np.asarray(X) if is_tensor and not isinstance(X.dtype, np.dtype) else X


def n_rows(X: Any) -> int | None:
    """Number of galaxies in X, or None for batches: you know it only once all are read."""
    if is_batched(X):
        return None
    if hasattr(X, "shape"):
        return X.shape[0]
    return len(X if hasattr(X, "__len__") else np.asarray(X))


def take(X: Any, rows: NDArray[np.intp]) -> NDArray[Any]:
    """Rows of an array, in the order of `rows`, in memory. Those of a stored array must be finite.

    `rows` need not rise: you can pass, for example, a permutation.
    """
    X = _untensored(X)
    if not is_stored(X):
        return np.asarray(X[rows])
    order = np.argsort(rows)  # HDF5 takes rising row numbers only
    read = _in_memory(X[rows[order]])
    values = np.empty_like(read)
    values[order] = read
    return _finite(values, rows)


def take_rows(X: Any, rows: NDArray[np.intp]) -> Any:
    """Rows of X, for any form of X. Give `rows` in rising order; all batches are read."""
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


def row_parts(X: Any, rows: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Cut rows of a stored array to parts that fit in memory; rows of any other X are one part."""
    size = rows_within_budget(X) if is_stored(X) else max(1, len(rows))
    return (rows[start : start + size] for start in range(0, len(rows), size))


def count_rows(X: Any) -> int:
    """Count the galaxies in X. Batches are all read for it."""
    total = n_rows(X)
    return sum(len(block) for block in blocks(X)) if total is None else total


def blocks_ahead(
    X: Any, prepare: Callable[[Any], Any] | None = None, parts: Sequence[Any] = ()
) -> Iterator[Any]:
    """Yield `blocks`. The next one is read meanwhile, unless it is in memory already."""
    found = blocks(X, prepare, parts)
    return ahead(found) if prepare or is_stored(X) or is_batched(X) else found


def blocks(
    X: Any, prepare: Callable[[Any], Any] | None = None, parts: Sequence[Any] = ()
) -> Iterator[Any]:
    """Yield ``prepare(rows of X)``, in order, each of about the same number of bytes.

    Parameters
    ----------
    X : array-like or batches
        Galaxies in one of the three forms that this module names.
    prepare : callable, default=None
        A function of some rows, for example one that reads the images of your paths. None yields
        the rows themselves.
    parts : sequence of slice or int, default=()
        Parts of X to yield first: slices of rows, or numbers of batches. After them come the
        galaxies behind the last part.

    Yields
    ------
    block : array-like
        At least one block, even if X is empty.
    """
    X = _untensored(X)
    if is_batched(X):
        yield from _batches(X, prepare, parts)
        return
    total = n_rows(X) or 0  # None is of batches only
    first, start = deque(parts), 0
    size = _PROBE if prepare else rows_within_budget(X)
    while first or start == 0 or start < total:
        part = first.popleft() if first else slice(start, start + size)
        block = _prepared(prepare, _read(X, part))
        yield block
        # Images of paths are larger than paths: the next block is sized by this one.
        start, size = part.stop, rows_within_budget(block)


def _batches(X: Any, prepare: Callable[[Any], Any] | None, parts: Sequence[Any]) -> Iterator[Any]:
    """Yield the images of the batches `parts`, and of those behind the last."""
    if len(X) == 0:
        raise ValueError("`X` must hold at least one batch. Got 0 batches.")
    for number in (*parts, *range(parts[-1] + 1 if parts else 0, len(X))):
        batch = X[number]
        # PyDatasets give (images, votes) or (images, votes, weights)
        images = batch[0] if isinstance(batch, tuple | list) else batch
        if len(images):
            yield _prepared(prepare, images)


def _prepared(prepare: Callable[[Any], Any] | None, rows: Any) -> Any:
    """Some rows of X after `prepare`, which you may have written: as many."""
    if prepare is None:
        return rows
    block = prepare(rows)
    if n_rows(block) != n_rows(rows):  # else the galaxies behind would get the rows of others
        raise ValueError(
            f"The steps of `learner` must transform every galaxy into one row, {n_rows(rows)} "
            f"here. Got {n_rows(block)} rows."
        )
    return block


def ahead(items: Iterable[Any]) -> Generator[Any]:
    """Yield `items`. The next one is computed in a thread while the caller uses this one."""
    # scikit-learn and joblib keep their settings per thread: the thread gets the caller's.
    items, config, n_jobs = iter(items), sklearn.get_config(), joblib.effective_n_jobs(None)

    def following() -> Any:
        with sklearn.config_context(**config), joblib.parallel_config(n_jobs=n_jobs):
            return next(items, _END)

    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(following)
        while (item := coming.result()) is not _END:
            coming = thread.submit(following)
            yield item


def rows_within_budget(X: Any) -> int:
    """Number of rows of a block, by the size of the rows of X."""
    if isinstance(getattr(X, "dtype", None), np.dtype) and hasattr(X, "shape"):
        row_bytes = X.dtype.itemsize * math.prod(X.shape[1:])
    else:
        head = X.iloc[:1] if hasattr(X, "iloc") else X[:1]
        row_bytes = np.asarray(head).nbytes
    within = min(_MOST, _BUDGET // max(1, row_bytes))
    if within >= ALIGNED:
        return within // ALIGNED * ALIGNED
    return 2 ** int(math.log2(max(1, within)))  # divides ALIGNED


def _read(X: Any, part: slice) -> Any:
    """Rows of X: a view of rows in memory, a checked copy of stored ones."""
    if hasattr(X, "iloc"):
        return X.iloc[part]
    if not is_stored(X):
        return X[part]
    # A view of a map would read its file again at every use; Zarr and HDF5 copy anyway.
    values = np.array(X[part]) if isinstance(X, np.memmap) else _in_memory(X[part])
    _let_go(X)
    return _finite(values, np.arange(part.start, part.start + len(values)))


def _in_memory(rows: Any) -> NDArray[Any]:
    """Rows of a stored array, which Dask may read as a masked one."""
    read = rows.compute() if hasattr(rows, "compute") else rows
    refuse_masked(read, "X")
    return np.asarray(read)


def _finite(values: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
    """The `values` as they are, or an error that names the first of `rows` with NaN."""
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if bad.any():
            raise ValueError(f"`X` must be finite. Got NaN or infinity in row {rows[bad].min()}.")
    return values


def _let_go(X: Any) -> None:
    """Give back the memory of a map's pages. The file keeps their content."""
    while isinstance(X, np.ndarray):
        if getattr(X, "mode", None) == "c":  # copy-on-write: changes are nowhere but in memory
            return
        X = X.base
    if isinstance(X, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        with contextlib.suppress(OSError):  # pages may be locked
            X.madvise(mmap.MADV_DONTNEED)
