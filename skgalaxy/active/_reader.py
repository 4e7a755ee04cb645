"""`PoolReader`: the first step of a pipeline that takes row numbers for galaxies."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from skgalaxy._validation import first_rows
from skgalaxy.pools import take

__all__ = ["PoolReader"]


class PoolReader(TransformerMixin, BaseEstimator):
    """Read rows of an array: a transformer from row numbers to images.

    modAL stacks the X of all that it teaches, and copies rows of the pool at every query. With
    this as the first step of its pipeline these are row numbers, eight bytes each: `fit` gathers
    the labelled images, and scoring a pool reads it block by block.

    Parameters
    ----------
    images : array of shape (n_images, ...)
        In memory, or read when it is sliced: ``np.memmap``, Zarr, HDF5. Copies of the reader, as
        scikit-learn makes many, share it.

    See Also
    --------
    skgalaxy.images.ImageLoader : The same from paths of image files.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.active import PoolReader
    >>> images = np.arange(12).reshape(3, 2, 2)
    >>> PoolReader(images).transform([2, 0]).tolist()
    [[[8, 9], [10, 11]], [[0, 1], [2, 3]]]
    """

    def __init__(self, images):
        self.images = images

    def fit(self, X=None, y=None):
        """Do nothing: there is nothing to learn.

        Parameters
        ----------
        X, y : object, default=None
            Ignored; no image is read.

        Returns
        -------
        self : PoolReader
        """
        return self

    def transform(self, X):
        """Read the images.

        Parameters
        ----------
        X : array-like of int of shape (n_galaxies,) or (n_galaxies, 1)
            Rows of `images`.

        Returns
        -------
        images : ndarray of shape (n_galaxies, ...)

        Raises
        ------
        TypeError
            If `images` is no array, or X holds something other than integers.
        ValueError
            If there are no such rows; if an image on disk is not finite.
        """
        if not (hasattr(self.images, "shape") and hasattr(self.images, "dtype")):
            raise TypeError(
                "`images` must be an array of shape (n_images, ...). "
                f"Got {type(self.images).__name__}."
            )
        rows = np.asarray(X)
        rows = rows[:, 0] if rows.ndim == 2 and rows.shape[1] == 1 else rows
        if rows.ndim != 1:
            raise ValueError(
                "`X` must be row numbers, shape (n_galaxies,) or (n_galaxies, 1). "
                f"Got shape {rows.shape}."
            )
        if rows.size and rows.dtype.kind not in "iu":
            raise TypeError(f"`X` must be row numbers, integers. Got {rows.dtype}.")
        outside = (rows < 0) | (rows >= self.images.shape[0])
        if outside.any():
            raise ValueError(
                f"`X` must be rows of the {self.images.shape[0]} images. "
                f"Got {rows[outside][0]} in row {first_rows(outside)}."
            )
        return take(self.images, rows.astype(np.int64))

    def __sklearn_clone__(self):
        return PoolReader(self.images)

    def __deepcopy__(self, memo):
        return PoolReader(self.images)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = False
        return tags
