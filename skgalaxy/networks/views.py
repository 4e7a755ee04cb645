"""Views of a picture: the turns and mirror images that show the same pixels elsewhere.

A galaxy has no up and no left, but a network of convolutions sees another picture when it is
turned. So every view is predicted, and the outputs are averaged. The average is one network again,
for pictures in any orientation (test-time augmentation; for galaxies Dieleman et al. 2015,
arXiv:1503.07077).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgalaxy._arrays import shortened

__all__ = ["check_n_views", "views"]

# 4: the turns of a square, or mirror images and the half turn of a rectangle; 8: the turns of a
# square, and these mirrored
N_VIEWS = (1, 4, 8)


def check_n_views(n_views: Any, image_shape: tuple[int, ...], *, augment: bool) -> None:
    """Raise ValueError unless a network can predict so many views of pictures of this shape.

    `augment` tells if it was shown turned pictures in training.
    """
    is_integer = isinstance(n_views, int | np.integer) and not isinstance(n_views, bool)
    if not is_integer or n_views not in N_VIEWS:
        raise ValueError(f"`n_views` must be 1, 4 or 8. Got {shortened(n_views)}.")
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
    if n_views > 1 and not augment:
        raise ValueError(
            "`n_views` must be 1 if `augment` is False: a network that was never shown turned "
            f"images does not know them. Got {n_views}; train with `augment=True`, or "
            "predict one view."
        )


def views(images: NDArray[Any], n_views: int) -> Iterator[NDArray[Any]]:
    """Views of all images, shape (n, h, w, c), one after the other.

    The first view is the images themselves, and the first 4 of 8 views are the same as those of 4.

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
