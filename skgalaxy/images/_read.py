"""Image files as arrays: `read_image` reads one, `read_images` many by several threads."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Literal, Unpack, overload

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from skgalaxy._validation import check_choice, check_n_jobs, refuse_masked
from skgalaxy.images._bands import Bands
from skgalaxy.images._fits import Stretch
from skgalaxy.images._picture import Picture, PictureOptions, read_picture

__all__ = [
    "ON_ERROR",
    "broken_files",
    "check_path",
    "check_paths",
    "read_image",
    "read_images",
    "read_rows",
]

# Shares of the work: enough to keep all threads busy to the end, few enough to cost nothing.
N_CHUNKS = 128
# After a file that cannot be read: stop, or leave its image black and list it.
ON_ERROR = ("raise", "report")


def read_image(
    path: str | os.PathLike[str],
    *,
    size: int = 64,
    crop: int | None = None,
    color: bool = False,
    flux_range: tuple[float, float] | None = None,
    stretch: Stretch = "asinh",
    softening: float = 0.1,
    bands: Bands = None,
) -> NDArray[np.uint8]:
    """Read one image file as a square array.

    Parameters
    ----------
    path : str or path-like
        An image file, recognised by its content and not by its name: JPEG, PNG, TIFF, WebP, GIF,
        BMP, JPEG 2000, PGM, PPM; or FITS (needs astropy), compressed in tiles (``.fz``), too. It
        may be packed by gzip or bzip2.
    size : int, default=64
        Width and height of the result in pixels.
    crop : int or None, default=None
        Width in pixels of the central square to keep, before resizing. None keeps the largest
        central square, which is the whole of a square image.
    color : bool, default=False
        True keeps red, green and blue. False gives one channel, their mean.
    flux_range : (float, float) or None, default=None
        For FITS: the flux of black and the flux of white, in the unit of your file. None takes
        the percentiles 1 and 99.8 of each image, after `crop`. You then see every galaxy well,
        but no longer how bright one is beside another.
    stretch : {"asinh", "lupton"}, default="asinh"
        For FITS: the curve from flux to grey, see the Notes. With three planes, "asinh" stretches
        each by itself, so that bright cores turn white. "lupton" stretches their mean and keeps
        their ratios, so that cores keep their colour. With one plane both are the same.
    softening : float > 0, default=0.1
        For FITS: the place where the curve turns from linear to logarithmic, as a fraction of the
        way from black to white. A smaller value shows fainter light.
    bands : str, sequence or None, default=None
        For FITS of several planes: their bands in the order of the file, for example "grz",
        ``("F435W", "F606W", "F814W")``, or wavelengths in any unit, ``(480, 625, 905)``. None
        takes the bands that the header names. Of more than three planes say which to show: three
        names of the header, or None in the place of a plane to leave out. See the Notes.

    Returns
    -------
    image : uint8 array of shape (size, size, 3), or (size, size) if not `color`
        Transparent pixels are put on black, the colour of the sky. 16-bit images are scaled
        from 0-65535 to 0-255. A camera's rotation (EXIF) is undone, as in viewers. Of an
        animation or a file of several pages you get the first picture. FITS is scaled as in the
        Notes, and so is TIFF of 32-bit integers or floats.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the file is FITS and astropy is not installed.
    TypeError
        If a parameter is of the wrong kind.
    ValueError
        If the file is not an image, is damaged, is smaller than `crop`, or shows nothing: only
        NaN, or pixels that all have one value, as outside of a survey's footprint.
    OSError
        If the system cannot read the file, for example because too many files are open or you
        may not read it. Nothing is said about the image then.

    Notes
    -----
    A FITS file can hold several images. You get the one called SCI, or else the first that can be
    shown. Those of errors, weights or flags are passed over. Bands in entries of their own are
    refused if `color` is True. It has one plane, or several, of shape
    (3, h, w) or (h, w, 3). If their bands are known, by `bands` or by the header's BANDS, FILTER1
    to 3 and such cards, the plane of the longest wavelength is red, and that of the shortest blue.
    Otherwise the planes are red, green and blue, in the order of the file. The rows are turned
    over: FITS begins at the bottom, pictures at the top. Pixels without a finite value get the
    median of their plane, which is about the level of the sky.

    A picture has at most 8192 x 8192 pixels, and its file 512 MiB, unpacked. For larger ones in
    FITS use `read_cutouts`.

    Flux goes to 0-255 as ``asinh(x / a) / asinh(1 / a)``. Here x is 0 at black and 1 at white, and
    a is the `softening`. So you see both the faint arms and the bright core. This is the
    `AsinhStretch` of astropy. "lupton" is its `make_lupton_rgb` (Lupton et al. 2004, PASP 116,
    133) of the same curve, with ``minimum = black``, ``Q = 10 sinh(asinh(1 / a) / 10)`` and
    ``stretch = Q a (white - black)``.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.images import read_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "galaxy.png")
    ...     Image.linear_gradient("L").save(path)  # 256 x 256, from black to white
    ...     image = read_image(path, size=64, crop=128, color=True)
    >>> image.shape, image[[0, -1], 32]
    ((64, 64, 3), array([[ 64,  64,  64],
           [190, 190, 190]], dtype=uint8))
    """
    picture = Picture(size, crop, color, flux_range, stretch, softening, bands)
    return read_picture(check_path(path, "path"), picture.checked())


@overload
def read_images(
    paths: Iterable[str | os.PathLike[str]],
    *,
    on_error: Literal["raise"] = "raise",
    n_jobs: int | None = -1,
    **picture: Unpack[PictureOptions],
) -> NDArray[np.uint8]: ...
@overload
def read_images(
    paths: Iterable[str | os.PathLike[str]],
    *,
    on_error: Literal["report"],
    n_jobs: int | None = -1,
    **picture: Unpack[PictureOptions],
) -> tuple[NDArray[np.uint8], pd.DataFrame]: ...
def read_images(
    paths: Iterable[str | os.PathLike[str]],
    *,
    on_error: Literal["raise", "report"] = "raise",
    n_jobs: int | None = -1,
    **picture: Unpack[PictureOptions],
) -> NDArray[np.uint8] | tuple[NDArray[np.uint8], pd.DataFrame]:
    """Read image files, in order, into one array.

    Parameters
    ----------
    paths : sequence of str or path-like, length n_images
        The files, for example ``sorted(Path("images").glob("*.jpg"))``.
    on_error : {"raise", "report"}, default="raise"
        How to handle a file that cannot be read or shows nothing. "raise" stops. "report" leaves
        its image black, goes on, and also gives you the table `broken`.
    n_jobs : int or None, default=-1
        Number of threads; -1 is one per processor, -2 one fewer. None is one, or the number in
        ``joblib.parallel_config``.
    **picture
        size, crop, color, flux_range, stretch, softening and bands, as for :func:`read_image`.

    Returns
    -------
    images : uint8 array of shape (n_images, size, size, 3), or without the 3 if not `color`
        The images, one for each path.
    broken : pandas.DataFrame
        Only with ``on_error="report"``: the columns row, path and reason of the files that
        cannot be read or show nothing.

    Raises
    ------
    TypeError
        If `paths` is a single path, or holds a value that is no path.
    FileNotFoundError, ImportError, OSError, ValueError
        As for :func:`read_image`, naming the file and its row.

    See Also
    --------
    pack_images : Read once and keep on disk, for pools larger than memory.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.images import read_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [os.path.join(folder, name) for name in ("galaxy.png", "gone.png")]
    ...     Image.linear_gradient("L").save(paths[0])
    ...     images, broken = read_images(paths, size=32, on_error="report")
    >>> images.shape, images[:, -1, 16], broken["row"].to_list()
    ((2, 32, 32), array([251,   0], dtype=uint8), [1])
    """
    checked = Picture(**picture).checked()
    check_choice(on_error, "on_error", ON_ERROR)
    paths = check_paths(paths)
    images, reasons = read_rows(
        lambda row: read_picture(paths[row], checked),
        range(len(paths)),
        checked,
        n_jobs,
        name="paths",
        on_error=on_error,
    )
    return images if on_error == "raise" else (images, broken_files(paths, reasons))


def read_rows(
    read: Callable[[int], NDArray[np.uint8]],
    rows: Sequence[int],
    picture: Picture,
    n_jobs: int | None,
    *,
    name: str,
    on_error: str = "raise",
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Images of many galaxies, read by several threads.

    Parameters
    ----------
    read : callable
        ``read(row)`` gives the pixels of a row.
    rows : sequence of int
        The rows to read.
    picture : Picture
        Size and colours of an image.
    n_jobs : int or None
        Number of threads.
    name : str
        The public parameter that the rows belong to, for example "paths". Errors say which of
        its rows is at fault.
    on_error : {"raise", "report"}, default="raise"
        "raise" stops at a row that cannot be read or shows nothing. "report" leaves its image
        black and goes on. An error of the system is raised either way.

    Returns
    -------
    images : uint8 array of shape (len(rows), *picture.shape)
    reasons : dict of int to str
        The error message of every row that is black because its file is left out.
    """
    check_n_jobs(n_jobs)
    images = np.zeros((len(rows), *picture.shape), np.uint8)

    def read_some(places: NDArray[np.intp]) -> dict[int, str]:
        reasons = {}
        for i in places:
            try:
                images[i] = read(rows[i])
            except (FileNotFoundError, ValueError) as error:
                if on_error == "raise":
                    # the same class: a missing file stays a FileNotFoundError
                    raise type(error)(f"{error} It is row {rows[i]} of `{name}`.") from error
                reasons[int(rows[i])] = str(error)
        return reasons

    chunks = np.array_split(np.arange(len(rows)), min(len(rows), N_CHUNKS) or 1)
    # Threads: all write into one array, and Pillow lets them run side by side.
    found = Parallel(n_jobs, require="sharedmem")(delayed(read_some)(chunk) for chunk in chunks)
    return images, {row: reason for reasons in found for row, reason in reasons.items()}


def check_paths(paths: Any, name: str = "paths") -> list[str]:
    """Check a sequence of paths, and make it a list of str."""
    # A str is a sequence too, of one letter each.
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError(
            f"`{name}` must be a sequence of paths. Got the single path {paths!r}; "
            "wrap it in a list, or list the files of a folder."
        )
    # The rows of a set are in no order, and those of a table or a dict are its names.
    if isinstance(paths, (Mapping, Set)) or hasattr(paths, "columns") or not _is_iterable(paths):
        raise TypeError(
            f"`{name}` must be a sequence of paths, for example a list or a column of a table. "
            f"Got {type(paths).__name__}."
        )
    refuse_masked(paths, name)
    return [check_path(path, name, row) for row, path in enumerate(paths)]


def _is_iterable(value: Any) -> bool:
    try:
        iter(value)
    except TypeError:  # a tensor of no dimension has `__iter__`, too
        return False
    return True


def check_path(path: Any, name: str, row: int | None = None) -> str:
    """Check a path, of a `row` of `name` if it is one of many."""
    if row is None:
        rule, where = f"`{name}` must be a path, str or path-like", ""
    else:
        rule, where = f"`{name}` must hold paths of image files, str or path-like", f" in row {row}"
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{rule}. Got {path!r} ({type(path).__name__}){where}.")
    text = os.fsdecode(path)
    if "\0" in text:
        raise ValueError(f"{rule}, without the character NUL. Got {path!r}{where}.")
    return text


def broken_files(paths: Sequence[str], reasons: Mapping[int, str]) -> pd.DataFrame:
    """Table of the files that are left out, from the reasons by row."""
    rows = sorted(reasons)
    texts = {"path": [paths[row] for row in rows], "reason": [reasons[row] for row in rows]}
    # dtype=object, for pandas' own text must be UTF-8, and names of files need not be.
    table = pd.DataFrame(texts, dtype=object)
    table.insert(0, "row", np.array(rows, dtype=np.int64))
    return table
