"""First steps of a pipeline: `ImageLoader` reads paths, `PoolReader` the rows of an array.

With such a first step each row of your X is small: a path or a number for a galaxy. Then
cross-validation, grid search and active learning can copy rows over and over. Pixels are read where
they are used.
"""

import math
import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from skgalaxy._lru import LRU
from skgalaxy._pools import take
from skgalaxy._validation import (
    check_float,
    check_n_jobs,
    first_rows,
    refuse_masked,
)
from skgalaxy.images._bands import Bands
from skgalaxy.images._fits import Stretch
from skgalaxy.images._opening import name_errors
from skgalaxy.images._picture import Picture, read_picture
from skgalaxy.images._read import check_paths, read_rows

__all__ = ["ImageLoader", "PoolReader"]

MEGABYTE = 1e6
OVERHEAD = 500  # bytes that an image in memory takes besides its pixels

# Decoded images, for all loaders of the process. Cross-validation clones a loader for every fold,
# and a learner refits one in every round: a cache of each loader's own would be lost each time.
_cache = LRU(size_of=lambda image: image.nbytes + OVERHEAD)


class _ImageReader(TransformerMixin, BaseEstimator):
    """A transformer of one column, the names of images. It has nothing to learn."""

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Check the parameters.

        Parameters
        ----------
        X, y : object, default=None
            Ignored. No image is read.

        Returns
        -------
        self : object
            The reader itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter is out of range or of the wrong kind.
        """
        self._check_parameters()
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False  # one column, but no table of numbers
        tags.transformer_tags.preserves_dtype = []  # paths go in, pixels come out
        tags.requires_fit = False
        return tags


class ImageLoader(_ImageReader):
    """Read image files: a transformer from a column of paths to images.

    With this as the first step of a pipeline you can pass paths as X. Cross-validation, grid
    search and active learning copy rows of X over and over: they then copy paths, not pixels. The
    loader learns nothing: `fit` only checks the parameters.

    Parameters
    ----------
    size : int, default=64
        Width and height of the images in pixels.
    crop : int or None, default=None
        Width in pixels of the central square to keep, before resizing. None keeps the largest
        central square.
    color : bool, default=False
        True keeps red, green and blue. False gives one channel, their mean.
    flux_range : (float, float) or None, default=None
        For FITS: the flux of black and the flux of white. None takes the percentiles 1 and 99.8
        of each image. See `read_image`.
    stretch : {"asinh", "lupton"}, default="asinh"
        For FITS: the curve from flux to grey. See `read_image`.
    softening : float > 0, default=0.1
        For FITS: the place where the curve turns from linear to logarithmic, as a fraction of the
        way from black to white.
    bands : str, sequence or None, default=None
        For FITS of several planes: their bands in the order of the file, for example "grz". None
        takes the bands that the header names. See `read_image`.
    root : str, path-like or None, default=None
        Folder that relative paths start from. None is the working folder.
    n_jobs : int or None, default=None
        Number of threads; -1 is one per processor. None is one, or the number in
        ``joblib.parallel_config``: keep it if the search around the loader has its own `n_jobs`.
    cache_size : float >= 0, default=0
        Megabytes of images to keep in memory after they are read. 0 keeps none. See the Notes.

    See Also
    --------
    PoolReader : Does the same with row numbers of an array.
    read_images : Does the same as a function.
    pack_images : Reads once and keeps the pixels on disk, for pools that are read many times.

    Notes
    -----
    With `cache_size` an image is read once per process, and again only if its file has changed.
    All loaders with the same `size`, `crop`, `color` and FITS parameters share it. So refits,
    folds and rounds of active learning cost no decoding. Give the cache room for all your images:
    each takes `size` ² bytes (three times that in colour) and 500 more. For example, 46 MB hold
    10,000 images of 64 pixels. When the cache is full, the images not used for longest go. The
    images belong to the process: copies and pickles of a loader have none, and every worker
    process of a search has its own.

    ``Pipeline(memory=...)`` instead keeps whole results on disk, from one run of Python to the
    next. It keeps only the results of `fit`, and it does not notice a changed file.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.images import ImageLoader
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, angle in [("up.png", 0), ("down.png", 180)]:
    ...         Image.linear_gradient("L").rotate(angle).save(os.path.join(folder, name))
    ...     images = ImageLoader(size=32, root=folder).fit_transform(["up.png", "down.png"])
    >>> images.shape, images[:, 0, 16]
    ((2, 32, 32), array([  4, 251], dtype=uint8))

    In a pipeline it turns an estimator of images into an estimator of paths. If the next step
    takes tables, as PCA does, put a step between them that makes a row of each image:

    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> flatten = FunctionTransformer(lambda images: images.reshape(len(images), -1))
    >>> make_pipeline(ImageLoader(size=16), flatten, Ridge())[0]
    ImageLoader(size=16)
    """

    def __init__(
        self,
        size: int = 64,
        *,
        crop: int | None = None,
        color: bool = False,
        flux_range: tuple[float, float] | None = None,
        stretch: Stretch = "asinh",
        softening: float = 0.1,
        bands: Bands = None,
        root: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        cache_size: float = 0,
    ) -> None:
        self.size = size
        self.crop = crop
        self.color = color
        self.flux_range = flux_range
        self.stretch = stretch
        self.softening = softening
        self.bands = bands
        self.root = root
        self.n_jobs = n_jobs
        self.cache_size = cache_size

    def transform(self, X: ArrayLike) -> NDArray[np.uint8]:
        """Read the images.

        Parameters
        ----------
        X : array-like of shape (n_galaxies,) or (n_galaxies, 1)
            Paths, str or path-like. You can pass a list, an array, a Series, or a table of one
            column.

        Returns
        -------
        images : uint8 array of shape (n_galaxies, size, size) or (n_galaxies, size, size, 3)
            The images, with a last axis of 3 if `color`.

        Raises
        ------
        FileNotFoundError
            If a file is missing, before any is read.
        ImportError
            If a file is FITS and astropy is not installed.
        TypeError
            If X holds something other than paths.
        ValueError
            If X is empty or has several columns; if `read_image` refuses a file, for example one
            that is damaged or shows nothing (leave it out); if a parameter is out of range.
        """
        picture = self._check_parameters()
        paths = _existing_paths(X, self.root)
        max_bytes = self.cache_size * MEGABYTE
        images, _ = read_rows(
            lambda row: _read_cached(paths[row], picture, max_bytes),
            range(len(paths)),
            picture,
            self.n_jobs,
            name="X",
        )
        return images

    @staticmethod
    def clear_cache() -> None:
        """Free the memory of the images that the loaders of this process keep."""
        _cache.clear()

    def _check_parameters(self) -> Picture:
        """Check all parameters, and collect those of one picture."""
        check_n_jobs(self.n_jobs)
        check_float(self.cache_size, "cache_size", 0, math.inf, closed="left")
        if not isinstance(self.root, (str, os.PathLike, type(None))):
            raise TypeError(f"`root` must be None or the path of a folder. Got {self.root!r}.")
        return Picture(*(getattr(self, name) for name in Picture._fields)).checked()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags


def _existing_paths(X: ArrayLike, root: str | os.PathLike[str] | None) -> list[str]:
    """Paths in the column `X`, from `root`. All the files exist."""
    # dtype=object keeps every value as it is, so that an error can show a wrong one.
    refuse_masked(X, "X")
    column = np.asarray(X, dtype=object)
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if column.ndim != 1:
        raise ValueError(
            "`X` must be a list or a column of paths, shape (n_galaxies,) or (n_galaxies, 1). "
            f"Got {_description(X, column)}."
        )
    if len(column) == 0:
        raise ValueError("`X` must hold at least one path. Got 0 rows.")
    paths = [os.path.join(root or "", path) for path in check_paths(column, "X")]
    _check_exist(paths)
    return paths


def _description(X: ArrayLike, column: NDArray[Any]) -> str:
    """Words for an `X` that is no column."""
    return f"{type(X).__name__} of shape {column.shape}" if column.ndim else f"{X!r}; use a list"


def _check_exist(paths: Sequence[str]) -> None:
    """Refuse missing files now, and not after an hour of reading others."""
    missing = [row for row, path in enumerate(paths) if not _exists(path)]
    if missing:
        row = missing[0]
        raise FileNotFoundError(
            f"`X` must name files that exist. Got {paths[row]!r} in row {row} "
            f"({len(missing)} of {len(paths)} are missing); check the paths, or `root`."
        )


def _exists(path: str) -> bool:
    # `os.path.exists` is False, too, where you may not look.
    try:
        with name_errors(path):
            os.stat(path)
    except FileNotFoundError:
        return False
    return True


def _read_cached(path: str, picture: Picture, max_bytes: float) -> NDArray[np.uint8]:
    """Picture at `path`, from memory if it is there and the file has not changed since."""
    if not max_bytes:
        return read_picture(path, picture)
    # The old picture of a changed file is not found any more, and in time goes unused.
    key = (_file_state(path), picture)
    image = _cache.get(key)
    return _cache.put(key, read_picture(path, picture), max_bytes) if image is None else image


def _file_state(path: str) -> tuple[str, int, int, int]:
    """Place and numbers of the file at `path`. They change when the file does."""
    # A file replaced within one tick of the clock still has another inode, or another size.
    status = os.stat(path)
    return os.path.abspath(path), status.st_ino, status.st_mtime_ns, status.st_size


class PoolReader(_ImageReader):
    """Read rows of an array: a transformer from row numbers to images.

    modAL stacks the X of every galaxy that it learns from, and copies rows of the pool at every
    query. With this as the first step of your pipeline it copies row numbers, eight bytes each.
    `fit` then gathers the labelled images, and scoring reads the pool block by block.

    Parameters
    ----------
    images : array of shape (n_images, ...)
        An array in memory, or one on disk, for example ``np.memmap``, Zarr or HDF5. scikit-learn
        makes many copies of your reader: they all share this array.

    See Also
    --------
    ImageLoader : Does the same with paths of image files.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.images import PoolReader
    >>> images = np.arange(12).reshape(3, 2, 2)
    >>> PoolReader(images).transform([2, 0]).tolist()
    [[[8, 9], [10, 11]], [[0, 1], [2, 3]]]
    """

    def __init__(self, images: Any) -> None:
        self.images = images

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Read the images.

        Parameters
        ----------
        X : array-like of int of shape (n_galaxies,) or (n_galaxies, 1)
            Rows of `images`.

        Returns
        -------
        images : ndarray of shape (n_galaxies, ...)
            The images of those rows, in memory.

        Raises
        ------
        TypeError
            If `images` is no array, or X holds something other than integers.
        ValueError
            If there are no such rows, or an image on disk is not finite.
        """
        self._check_parameters()
        refuse_masked(X, "X")
        rows = np.asarray(X)
        rows = rows[:, 0] if rows.ndim == 2 and rows.shape[1] == 1 else rows
        if rows.ndim != 1:
            raise ValueError(
                "`X` must be row numbers, shape (n_galaxies,) or (n_galaxies, 1). "
                f"Got shape {rows.shape}."
            )
        if rows.size and rows.dtype.kind not in "iu":
            raise TypeError(f"`X` must be row numbers, integers. Got {rows.dtype}.")
        # NumPy would count negative rows from the end.
        outside = (rows < 0) | (rows >= self.images.shape[0])
        if outside.any():
            raise ValueError(
                f"`X` must be rows of the {self.images.shape[0]} images. "
                f"Got {rows[outside][0]} in row {first_rows(outside)}."
            )
        return take(self.images, rows.astype(np.int64))

    def _check_parameters(self) -> None:
        """Refuse images that have no shape or dtype."""
        if not (hasattr(self.images, "shape") and hasattr(self.images, "dtype")):
            raise TypeError(
                "`images` must be an array of shape (n_images, ...). "
                f"Got {type(self.images).__name__}."
            )

    # scikit-learn's own clone, and copy.deepcopy, would copy the images.
    def __sklearn_clone__(self) -> "PoolReader":
        return PoolReader(self.images)

    def __deepcopy__(self, memo: dict[int, Any]) -> "PoolReader":
        return PoolReader(self.images)
