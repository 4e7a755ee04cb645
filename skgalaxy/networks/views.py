"""Views of a picture: the turns and mirror images that show the same pixels elsewhere.

A galaxy has no up and no left, but a network of convolutions sees another picture when it is
turned. So you predict every view and average the outputs: that is one network again, of pictures
in any orientation (test-time augmentation; for galaxies Dieleman et al. 2015, arXiv:1503.07077).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_n_views", "views"]

# 4: the turns of a square, or the mirror images and half turn of a rectangle. 8: turns, mirrored.
N_VIEWS = (1, 4, 8)


def check_n_views(n_views: Any, image_shape: tuple[int, ...]) -> int:
    """Number of views of pictures of this shape.

    Raises
    ------
    ValueError
        If `n_views` is not 1, 4 or 8, or is more than such a picture has.
    """
    if isinstance(n_views, bool) or n_views not in N_VIEWS:
        raise ValueError(f"`n_views` must be 1, 4 or 8. Got {n_views!r}.")
    if n_views > 1 and len(image_shape) != 3:
        raise ValueError(
            f"`n_views` must be 1 for rows that are no pictures. Got {n_views}; give "
            "`image_shape` if they are flat pictures."
        )
    if n_views == 8 and image_shape[0] != image_shape[1]:
        raise ValueError(
            "`n_views` must be at most 4 for pictures that are not square, which cannot be turned "
            f"by 90 degrees. Got 8 for {image_shape[0]} x {image_shape[1]} pixels."
        )
    return int(n_views)


def views(images: NDArray[Any], n_views: int) -> Iterator[NDArray[Any]]:
    """Views of all images, shape (n, h, w, c), one after the other; the first is as they are.

    More views begin with the same ones, so that a mean over 8 can go on from the mean over 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skgalaxy.networks.views import views
    >>> image = np.array([[1, 2], [3, 4]])[None, :, :, None]
    >>> for view in views(image, 4):
    ...     print(view[0, :, :, 0].tolist())
    [[1, 2], [3, 4]]
    [[2, 4], [1, 3]]
    [[4, 3], [2, 1]]
    [[3, 1], [4, 2]]
    """
    if images.shape[1] == images.shape[2]:
        turned = [np.rot90(images, turn, axes=(1, 2)) for turn in range(4)]
        every = [*turned, *(view[:, :, ::-1] for view in turned)]
    else:
        every = [images, images[:, :, ::-1], images[:, ::-1], images[:, ::-1, ::-1]]
    yield from every[:n_views]
