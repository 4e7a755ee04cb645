"""Image files as arrays: `read_image` of one, `read_images` of many by several threads."""

import os

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from skgalaxy._validation import check_choice, check_n_jobs
from skgalaxy.images._picture import Picture, read_picture

__all__ = ["ON_ERROR", "broken_files", "check_paths", "read_image", "read_images", "read_rows"]

# Shares of the work: enough to keep all threads busy to the end, few enough to cost nothing.
N_CHUNKS = 128
# What to do about files that cannot be read.
ON_ERROR = ("raise", "report")


def read_image(
    path, *, size=64, crop=None, color=False, flux_range=None, stretch="asinh", softening=0.1
):
    """Read one image file as a square array.

    Parameters
    ----------
    path : str or path-like
        An image file of any kind that Pillow reads; or FITS, by its name: ``.fits``, ``.fit``,
        ``.fts``, ``.fz`` or ``.gz`` (needs astropy).
    size : int, default=64
        Width and height of the result in pixels.
    crop : int or None, default=None
        Width in pixels of the central square to keep, before resizing. None keeps the largest
        central square: the whole of a square image.
    color : bool, default=False
        Red, green and blue, or else one channel, their mean.
    flux_range : (float, float) or None, default=None
        For FITS: the flux that is black and the flux that is white, in the file's unit. None
        takes the percentiles 1 and 99.8 of each image, after `crop`: every galaxy is then seen
        well, and how bright it is beside others is lost.
    stretch : {"asinh", "lupton"}, default="asinh"
        For FITS: how flux goes to grey, see the Notes. Of three planes, "asinh" stretches each
        by itself, so that bright cores turn white; "lupton" stretches their mean and keeps
        their ratios, so that cores keep their colour. Of one plane both are the same.
    softening : float > 0, default=0.1
        For FITS: where the stretch goes over from linear to logarithmic, as a share of the way
        from black to white. Smaller shows fainter light.

    Returns
    -------
    image : uint8 array of shape (size, size, 3), or (size, size) if not `color`
        Transparent pixels are put on black, the colour of the sky. 16-bit images are scaled
        from 0-65535 to 0-255. A camera's rotation (EXIF) is undone, as viewers do. Of an
        animation or a file of several pages, the first picture. FITS is scaled as in the Notes.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the file is FITS and astropy is not installed.
    TypeError
        If a parameter is of the wrong kind.
    ValueError
        If the file is not an image, is damaged, holds 32-bit pixels (other than FITS) or only
        NaN, or is smaller than `crop`.

    Notes
    -----
    Of a FITS file the first image of one plane is read, or of three, taken as red, green and
    blue in the file's order. Its rows are turned over: FITS begins at the bottom, pictures at the
    top. Pixels without a finite value get the median of their plane, about the level of the sky.
    Flux goes to 0-255 as ``asinh(x / a) / asinh(1 / a)``, x from 0 at black to 1 at white and a
    the `softening`, so that faint arms and the bright core are both seen: the `AsinhStretch` of
    astropy. "lupton" is its `make_lupton_rgb` (Lupton et al. 2004, PASP 116, 133) of the same
    curve, with ``minimum = black``, ``Q = 10 sinh(asinh(1 / a) / 10)`` and
    ``stretch = Q a (white - black)``.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.images import read_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "galaxy.png")
    ...     Image.new("RGB", (424, 424), (90, 60, 30)).save(path)
    ...     image = read_image(path, size=64, crop=256, color=True)
    >>> image.shape, image[32, 32]
    ((64, 64, 3), array([90, 60, 30], dtype=uint8))
    """
    picture = Picture(size, crop, color, flux_range, stretch, softening)
    return read_picture(path, picture.checked())


def read_images(paths, *, on_error="raise", n_jobs=-1, **picture):
    """Read image files, in order, into one array.

    Parameters
    ----------
    paths : sequence of str or path-like, length n_images
        The files.
    on_error : {"raise", "report"}, default="raise"
        About a file that cannot be read: stop, or leave its image black and go on.
    n_jobs : int or None, default=-1
        Threads that read at the same time; -1 is one per processor, -2 one fewer, None is one
        or what ``joblib.parallel_config`` says.
    **picture
        size, crop, color, flux_range, stretch and softening, as for :func:`read_image`.

    Returns
    -------
    images : uint8 array of shape (n_images, size, size, 3), or without the 3 if not `color`
        The images, one for each path.
    broken : pandas.DataFrame
        Only with ``on_error="report"``: the columns row, path and reason of the files that
        cannot be read.

    Raises
    ------
    TypeError
        If `paths` is one path and not a sequence of them, or holds something else than paths.
    FileNotFoundError, ImportError, ValueError
        As for :func:`read_image`, naming the file and its row.

    See Also
    --------
    pack_images : Read once, for what does not fit in memory or is read many times.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.images import read_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [os.path.join(folder, name) for name in ("galaxy.png", "gone.png")]
    ...     Image.new("L", (424, 424), 50).save(paths[0])
    ...     images, broken = read_images(paths, size=32, on_error="report")
    >>> images.shape, images[:, 16, 16], broken["row"].to_list()
    ((2, 32, 32), array([50,  0], dtype=uint8), [1])
    """
    picture = Picture(**picture).checked()
    check_choice(on_error, "on_error", ON_ERROR)
    paths = check_paths(paths)
    images, reasons = read_rows(
        lambda row: read_picture(paths[row], picture),
        range(len(paths)),
        picture,
        n_jobs,
        name="paths",
        on_error=on_error,
    )
    return images if on_error == "raise" else (images, broken_files(paths, reasons))


def read_rows(read, rows, picture, n_jobs, *, name, on_error="raise"):
    """Images of many galaxies, read by several threads.

    Parameters
    ----------
    read : callable
        ``read(row)`` gives the pixels of a row.
    rows : sequence of int
        The rows to read.
    picture : Picture
        What the pixels look like.
    n_jobs : int or None
        Threads that read at the same time.
    name : str
        What the rows are rows of, for errors: they say which one is at fault.
    on_error : {"raise", "report"}, default="raise"
        About a row that cannot be read: stop, or leave its image black and go on.

    Returns
    -------
    images : uint8 array of shape (len(rows), *picture.shape)
    reasons : dict of int to str
        Why a row cannot be read, of those that are black for it.
    """
    check_n_jobs(n_jobs)
    images = np.zeros((len(rows), *picture.shape), np.uint8)

    def read_some(places):
        reasons = {}
        for i in places:
            try:
                images[i] = read(rows[i])
            except (FileNotFoundError, ValueError) as error:
                if on_error == "raise":
                    raise type(error)(f"{error} It is row {rows[i]} of `{name}`.") from error
                reasons[int(rows[i])] = str(error)
        return reasons

    chunks = np.array_split(np.arange(len(rows)), min(len(rows), N_CHUNKS) or 1)
    found = Parallel(n_jobs, require="sharedmem")(delayed(read_some)(chunk) for chunk in chunks)
    return images, {row: reason for reasons in found for row, reason in reasons.items()}


def check_paths(paths, name="paths"):
    """Return a sequence of paths as a list of str."""
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError(
            f"`{name}` must be a sequence of paths. Got the single path {paths!r}; "
            "wrap it in a list, or list the files of a folder."
        )
    paths = list(paths)
    for row, path in enumerate(paths):
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(
                f"`{name}` must hold paths of image files, str or path-like. "
                f"Got {path!r} ({type(path).__name__}) in row {row}."
            )
    return [os.fsdecode(path) for path in paths]


def broken_files(paths, reasons):
    """Table of the files that cannot be read, from the reasons by row."""
    rows = sorted(reasons)
    texts = {"path": [paths[row] for row in rows], "reason": [reasons[row] for row in rows]}
    # not pandas' own text, which must be UTF-8: names of files need not
    table = pd.DataFrame(texts, dtype=object)
    table.insert(0, "row", np.array(rows, dtype=np.int64))
    return table
