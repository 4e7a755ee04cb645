"""`ImageLoader`: the first step of a pipeline that takes paths for galaxies."""

import math
import os

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.metaestimators import available_if

from skgalaxy._validation import check_bool, check_float, check_n_jobs
from skgalaxy.images._cache import ImageCache, file_state
from skgalaxy.images._files import (
    Picture,
    by_row,
    check_paths,
    read_all,
    read_picture,
)

__all__ = ["ImageLoader"]

MEGABYTE = 1e6
_cache = ImageCache()


class ImageLoader(TransformerMixin, BaseEstimator):
    """Read image files: a transformer from a column of paths to images.

    As the first step of a pipeline it lets paths stand for galaxies in cross-validation, grid
    search and active learning, which copy rows of X over and over: paths, then, and not pixels.
    It learns nothing: `fit` only checks the parameters.

    Parameters
    ----------
    size : int, default=64
        Width and height of the images in pixels.
    crop : int or None, default=None
        Width in pixels of the central square to keep, before resizing. None keeps the largest
        central square.
    color : bool, default=False
        Red, green and blue, or else one channel, their mean.
    flatten : bool, default=False
        Return each image as one row of numbers, for steps such as StandardScaler or PCA that
        take tables. `BayesianCNNRegressor` takes them too, with its `image_shape`.
    flux_range : (float, float) or None, default=None
        For FITS: the flux that is black and the flux that is white; None is the percentiles 1
        and 99.8 of each image. See `read_image`.
    stretch : {"asinh", "lupton"}, default="asinh"
        For FITS: how flux goes to grey. See `read_image`.
    softening : float > 0, default=0.1
        For FITS: where the stretch goes over from linear to logarithmic, as a share of the way
        from black to white.
    root : str, path-like or None, default=None
        Folder that relative paths start from. None is the working folder.
    n_jobs : int or None, default=None
        Threads that read at the same time; -1 is one per processor. None is one, or what
        ``joblib.parallel_config`` says: right inside a search that has its own `n_jobs`.
    cache_size : float >= 0, default=0
        Megabytes of images to keep in memory once they are read; 0 keeps none. See the Notes.

    See Also
    --------
    read_images : The same as a function.
    pack_images : Read once and keep on disk, for pools that are read many times.

    Notes
    -----
    With `cache_size`, an image that any loader of this process has read with the same `size`,
    `crop`, `color` and treatment of FITS is not read again, unless its file has changed: refits,
    folds and rounds of active learning cost no decoding. Give it room for all the images, `size` ²
    bytes (three times that in colour) and 500 more for each: 46 MB hold 10,000 of 64 pixels. When
    it is full, those not used for longest go. The images belong to the process: copies and
    pickles of a loader have none, and every worker process of a search has its own.

    ``Pipeline(memory=...)`` keeps whole results on disk, from one run of Python to the next, but
    only of `fit`, and it does not notice a changed file.

    With `flatten`, ``set_output(transform="pandas")`` gives a table whose columns are pixels.
    Without it the method does not exist: a table cannot hold images.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.images import ImageLoader
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, grey in [("faint.png", 40), ("bright.png", 200)]:
    ...         Image.new("L", (424, 424), grey).save(os.path.join(folder, name))
    ...     images = ImageLoader(size=32, root=folder).fit_transform(["faint.png", "bright.png"])
    >>> images.shape, images[:, 16, 16]
    ((2, 32, 32), array([ 40, 200], dtype=uint8))

    It makes an estimator of images one of paths:

    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> model = make_pipeline(ImageLoader(size=16, flatten=True), StandardScaler(), Ridge())
    >>> model[0]
    ImageLoader(flatten=True, size=16)
    """

    def __init__(
        self,
        size=64,
        *,
        crop=None,
        color=False,
        flatten=False,
        flux_range=None,
        stretch="asinh",
        softening=0.1,
        root=None,
        n_jobs=None,
        cache_size=0,
    ):
        self.size = size
        self.crop = crop
        self.color = color
        self.flatten = flatten
        self.flux_range = flux_range
        self.stretch = stretch
        self.softening = softening
        self.root = root
        self.n_jobs = n_jobs
        self.cache_size = cache_size

    def fit(self, X=None, y=None):
        """Check the parameters.

        Parameters
        ----------
        X, y : object, default=None
            Ignored; no file is read.

        Returns
        -------
        self : ImageLoader

        Raises
        ------
        ValueError, TypeError
            If a parameter is out of range or of the wrong kind.
        """
        self._check_parameters()
        return self

    def transform(self, X):
        """Read the images.

        Parameters
        ----------
        X : array-like of shape (n_galaxies,) or (n_galaxies, 1)
            Paths, str or path-like: a list, an array, a Series, or a table of one column.

        Returns
        -------
        images : uint8 array of shape (n_galaxies, size, size) or (n_galaxies, size, size, 3)
            The last if `color`. With `flatten`, of shape (n_galaxies, n_pixels), rows of the
            image one after the other, colours of a pixel together; a data frame after
            ``set_output(transform="pandas")``.

        Raises
        ------
        FileNotFoundError
            If a file is missing, before any is read.
        ImportError
            If a file is FITS and astropy is not installed.
        TypeError
            If X holds something other than paths.
        ValueError
            If X is empty or has several columns, a file is not an image or cannot be read as
            `read_image` reads it, or a parameter is out of range.
        """
        picture = self._check_parameters()
        paths = _check_paths(X, self.root)
        max_bytes = self.cache_size * MEGABYTE
        read = by_row(lambda row: _read(paths[row], picture, max_bytes), "X")
        images = read_all(read, range(len(paths)), picture, self.n_jobs)
        return images.reshape(len(images), -1) if self.flatten else images

    @available_if(lambda self: self.flatten)
    def get_feature_names_out(self, input_features=None):
        """Names of the columns, only with `flatten`.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        names : object array of shape (n_pixels,)
            ``pixel_{row}_{column}``, and ``_red``, ``_green`` or ``_blue`` after it in colour.
        """
        size = self._check_parameters().size
        colors = ("_red", "_green", "_blue") if self.color else ("",)
        names = [
            f"pixel_{row}_{column}{color}"
            for row in range(size)
            for column in range(size)
            for color in colors
        ]
        return np.array(names, dtype=object)

    @staticmethod
    def clear_cache():
        """Forget the images that the loaders of this process keep, and free their memory."""
        _cache.clear()

    def _check_parameters(self):
        """Return the checked parameters of one image."""
        check_bool(self.flatten, "flatten")
        check_n_jobs(self.n_jobs)
        check_float(self.cache_size, "cache_size", 0, math.inf, closed="left")
        if not isinstance(self.root, (str, os.PathLike, type(None))):
            raise TypeError(f"`root` must be None or the path of a folder. Got {self.root!r}.")
        return Picture.checked(**{name: getattr(self, name) for name in Picture._fields})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False  # a column of paths, but no table of numbers
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = False
        return tags


def _check_paths(X, root):
    """Return the paths in `X`, which exist, as a list."""
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


def _description(X, column):
    """Return what `X` is that is no column."""
    return f"{type(X).__name__} of shape {column.shape}" if column.ndim else f"{X!r}; use a list"


def _check_exist(paths):
    """Refuse missing files now, and not after an hour of reading others."""
    missing = [row for row, path in enumerate(paths) if not os.path.exists(path)]
    if missing:
        row = missing[0]
        raise FileNotFoundError(
            f"`X` must name files that exist. Got {paths[row]!r} in row {row} "
            f"({len(missing)} of {len(paths)} are missing); check the paths, or `root`."
        )


def _read(path, picture, max_bytes):
    """Return the image at `path`, from the cache if that has it and the file is the same."""
    if not max_bytes:
        return read_picture(path, picture)
    key = (file_state(path), picture)
    image = _cache.get(key)
    if image is None:
        image = read_picture(path, picture)
        _cache.put(key, image, max_bytes)
    return image
