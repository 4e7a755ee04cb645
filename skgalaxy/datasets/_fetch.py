"""Published votes of Galaxy Zoo and their images, downloaded once and kept.

As in scikit-learn, `fetch_galaxy_zoo2` and `fetch_gz_decals` look into the data home, download
missing files, and return a Bunch. You get the images as paths, for `ImageLoader`: hundreds of
thousands of galaxies would not fit into an array.
"""

import os
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy._optional import require
from skgalaxy._validation import check_bool, check_choice, check_int
from skgalaxy.datasets._data_home import get_data_home
from skgalaxy.datasets._download import DataFolder
from skgalaxy.datasets._registry import GALAXY_ZOO_2_FILES, GZ_DECALS_FILES, Published
from skgalaxy.datasets._results import FetchedFrames, FetchedGalaxies
from skgalaxy.votes import read_votes

__all__ = ["fetch_galaxy_zoo2", "fetch_gz_decals"]


Answers = str | list[str] | tuple[str, ...]
Arrays = tuple[NDArray[np.object_], NDArray[np.int64]]
Frames = tuple[pd.Series, pd.DataFrame]


class FetchOptions(TypedDict, total=False):
    """The parameters of a fetcher that do not change what it returns."""

    question: str
    answer: Answers
    images: bool
    data_home: str | os.PathLike[str] | None
    download_if_missing: bool
    n_retries: int
    verbose: bool


class DecalsOptions(FetchOptions, total=False):
    """The same of `fetch_gz_decals`."""

    campaign: Literal["5", "1_and_2"]


@overload
def fetch_galaxy_zoo2(
    *,
    return_X_y: Literal[False] = False,
    as_frame: Literal[False] = False,
    **options: Unpack[FetchOptions],
) -> FetchedGalaxies: ...
@overload
def fetch_galaxy_zoo2(
    *,
    return_X_y: Literal[False] = False,
    as_frame: Literal[True],
    **options: Unpack[FetchOptions],
) -> FetchedFrames: ...
@overload
def fetch_galaxy_zoo2(
    *,
    return_X_y: Literal[True],
    as_frame: Literal[False] = False,
    **options: Unpack[FetchOptions],
) -> Arrays: ...
@overload
def fetch_galaxy_zoo2(
    *,
    return_X_y: Literal[True],
    as_frame: Literal[True],
    **options: Unpack[FetchOptions],
) -> Frames: ...
def fetch_galaxy_zoo2(
    *,
    question: str = "smooth-or-featured",
    answer: Answers = "featured",
    images: bool = False,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    return_X_y: bool = False,
    as_frame: bool = False,
    n_retries: int = 3,
    verbose: bool = True,
) -> FetchedGalaxies | FetchedFrames | Arrays | Frames:
    """Fetch Galaxy Zoo 2: 240,000 SDSS galaxies, some 40 volunteers each.

    The votes are those of Hart et al. 2016 [1]_ on the sample of Willett et al. 2013 [2]_. The
    images are 3.4 GB of JPEG from Zenodo. Nobody has verified the addresses, and no checksum of
    the table is known. A warning says so at the download, and ``DESCR`` tells you the source of
    each address.

    Parameters
    ----------
    question : str, default="smooth-or-featured"
        The question, in the names of `read_votes`: one of `skgalaxy.votes.GZ2`.
    answer : str or list of str, default="featured"
        The answer to count. The beginning of an answer is enough if only one begins so. If you
        give several, their counts are added.
    images : bool, default=False
        Fetch and unpack the images too, and keep only the galaxies that have one.
    data_home : str, path-like or None, default=None
        Folder of the data sets, as for `get_data_home`.
    download_if_missing : bool, default=True
        If False, raise ``OSError`` instead of downloading.
    return_X_y : bool, default=False
        Return only ``(paths, votes)``. Needs `images`.
    as_frame : bool, default=False
        Return pandas objects, and the whole table as ``frame``.
    n_retries : int, default=3
        Number of further attempts after a failure, each from the beginning of the file.
    verbose : bool, default=True
        Show the progress of downloads.

    Returns
    -------
    galaxies : sklearn.utils.Bunch
        paths : object array of shape (n_galaxies,), or None without `images`
            The image files, str. With `as_frame`, a Series by id.
        votes : int64 array of shape (n_galaxies, 2)
            Columns [k, N]: k of the N volunteers who answered this question. N can be 0, for
            example if nobody got as far as this question. With `as_frame`, a DataFrame by id with
            the columns k and n_votes.
        ids : str array of shape (n_galaxies,)
            SDSS DR7 object ids (``dr7objid``). They are text, because they have 64 bits.
        frame : pandas.DataFrame of n_galaxies rows, or None without `as_frame`
            The table as published.
        table : skgalaxy.votes.VoteTable
            The votes on all answers to the question.
        n_without_image : int
            Number of rows of the table that are left out, because they have no image.
        DESCR : str
            Source, licence, papers to cite, and the addresses with their sources.

        With `return_X_y`, the tuple ``(paths, votes)``.

    Raises
    ------
    ImportError
        If pooch is not installed.
    OSError
        If a file is missing and cannot or may not be downloaded, or its checksum is wrong.
    ValueError
        If the table has no such question, or the question no such answer. You learn this before
        images are downloaded.

    Warns
    -----
    UserWarning
        At a download, if the address has not been verified.

    References
    ----------
    .. [1] R. E. Hart et al. (2016), MNRAS 461, 3663. https://doi.org/10.1093/mnras/stw1588
    .. [2] K. W. Willett et al. (2013), MNRAS 435, 2835. https://doi.org/10.1093/mnras/stt1458

    Examples
    --------
    >>> import tempfile
    >>> from skgalaxy.datasets import fetch_galaxy_zoo2
    >>> galaxies = fetch_galaxy_zoo2(images=True)  # doctest: +SKIP
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     try:
    ...         fetch_galaxy_zoo2(data_home=empty, download_if_missing=False)
    ...     except OSError as error:
    ...         print(str(error).partition(", and ")[2])
    `download_if_missing` is False.
    """
    options = {"download_if_missing": download_if_missing, "n_retries": n_retries}
    folder = _data_folder(GALAXY_ZOO_2_FILES, data_home, **options, verbose=verbose)
    returned = {"images": images, "as_frame": as_frame, "return_X_y": return_X_y}
    return _galaxies(folder, "gz2_hart16.csv.gz", question, answer, **returned)


@overload
def fetch_gz_decals(
    *,
    return_X_y: Literal[False] = False,
    as_frame: Literal[False] = False,
    **options: Unpack[DecalsOptions],
) -> FetchedGalaxies: ...
@overload
def fetch_gz_decals(
    *,
    return_X_y: Literal[False] = False,
    as_frame: Literal[True],
    **options: Unpack[DecalsOptions],
) -> FetchedFrames: ...
@overload
def fetch_gz_decals(
    *,
    return_X_y: Literal[True],
    as_frame: Literal[False] = False,
    **options: Unpack[DecalsOptions],
) -> Arrays: ...
@overload
def fetch_gz_decals(
    *,
    return_X_y: Literal[True],
    as_frame: Literal[True],
    **options: Unpack[DecalsOptions],
) -> Frames: ...
def fetch_gz_decals(
    *,
    campaign: Literal["5", "1_and_2"] = "5",
    question: str = "smooth-or-featured",
    answer: Answers = "featured",
    images: bool = False,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    return_X_y: bool = False,
    as_frame: bool = False,
    n_retries: int = 3,
    verbose: bool = True,
) -> FetchedGalaxies | FetchedFrames | Arrays | Frames:
    """Fetch Galaxy Zoo DECaLS: votes on deeper images, with strong and weak bars and mergers.

    The votes are those of Walmsley et al. 2022 [1]_. The images are 104 GB, and as much again
    unpacked: for most work you had better cut out your own. Nobody has verified the addresses, and
    no checksums are known. A warning says so at the download, and ``DESCR`` tells you the source
    of each address.

    Parameters
    ----------
    campaign : {"5", "1_and_2"}, default="5"
        GZD-5, or GZD-1 and GZD-2. The latter have the answers of Galaxy Zoo 2.
    question : str, default="smooth-or-featured"
        The question, in the names of `read_votes`: for "5" one of `skgalaxy.votes.GZ_DECALS`.
    answer : str or list of str, default="featured"
        The answer to count, for example ``("strong", "weak")`` for a bar of either kind.
    images : bool, default=False
        Fetch and unpack the images too, and keep only the galaxies that have one.
    data_home, download_if_missing, return_X_y, as_frame, n_retries, verbose
        As for `fetch_galaxy_zoo2`.

    Returns
    -------
    galaxies : sklearn.utils.Bunch
        As of `fetch_galaxy_zoo2`; ids are IAU names, ``iauname``.

        With `return_X_y`, the tuple ``(paths, votes)``.

    Raises
    ------
    ImportError, OSError, ValueError
        As for `fetch_galaxy_zoo2`.

    References
    ----------
    .. [1] M. Walmsley et al. (2022), MNRAS 509, 3966. https://doi.org/10.1093/mnras/stab2093

    Examples
    --------
    >>> import tempfile
    >>> from skgalaxy.datasets import fetch_gz_decals
    >>> galaxies = fetch_gz_decals(question="bar", answer="strong")  # doctest: +SKIP
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     try:
    ...         fetch_gz_decals(data_home=empty, download_if_missing=False)
    ...     except OSError as error:
    ...         print(str(error).partition(", and ")[2])
    `download_if_missing` is False.
    """
    check_choice(campaign, "campaign", ("5", "1_and_2"))
    options = {"download_if_missing": download_if_missing, "n_retries": n_retries}
    folder = _data_folder(GZ_DECALS_FILES, data_home, **options, verbose=verbose)
    returned = {"images": images, "as_frame": as_frame, "return_X_y": return_X_y}
    table = f"gz_decals_volunteers_{campaign}.csv"
    return _galaxies(folder, table, question, answer, **returned)


def _data_folder(
    published: Published,
    data_home: str | os.PathLike[str] | None,
    *,
    download_if_missing: Any,
    n_retries: Any,
    verbose: Any,
) -> DataFolder:
    """Folder of a data set in the data home, from the arguments of a fetcher."""
    require("pooch", "fetch", for_=published.fetcher)
    return DataFolder(
        published,
        Path(get_data_home(data_home)) / published.name,
        check_bool(download_if_missing, "download_if_missing"),
        check_int(n_retries, "n_retries", 0),
        check_bool(verbose, "verbose"),
    )


def _galaxies(
    folder: DataFolder,
    table: str,
    question: str,
    answer: Answers,
    *,
    images: Any,
    as_frame: Any,
    return_X_y: Any,
) -> Any:
    """Galaxies of one table, as the fetchers return them."""
    with_images, as_frame = check_bool(images, "images"), check_bool(as_frame, "as_frame")
    if check_bool(return_X_y, "return_X_y") and not with_images:
        raise ValueError("`return_X_y` needs images=True, because X is the paths of the images.")
    published, path = folder.published, folder.fetch(table)
    id_column = published.id_column
    counted = read_votes(path, question, dialect=published.dialect, id_column=id_column)
    # A wrong answer is found here, before hours of downloading images.
    votes = counted.votes(*(answer if isinstance(answer, (list, tuple)) else [answer]))
    # Without images all rows are kept: you may have pictures of your own.
    paths, kept = None, np.ones(len(votes), dtype=bool)
    if with_images:
        files = _image_of_id(folder)
        kept = np.array([galaxy in files for galaxy in counted.ids], dtype=bool)
        paths = np.array([files[galaxy] for galaxy in counted.ids[kept]], dtype=object)
    ids, votes, frame = counted.ids[kept], votes[kept], None
    if as_frame:
        # Ids as text, because floats lose their last digits. With low_memory pandas guesses the
        # type of a column in each part of the table anew.
        frame = pd.read_csv(path, dtype={id_column: str}, low_memory=False)
        frame = frame[kept].reset_index(drop=True)
        votes = pd.DataFrame(votes, columns=["k", "n_votes"], index=ids)
        paths = None if paths is None else pd.Series(paths, index=ids, dtype=object)
    if return_X_y:
        return paths, votes
    return (FetchedFrames if as_frame else FetchedGalaxies)(
        paths=paths,
        votes=votes,
        ids=ids,
        frame=frame,
        table=counted.reindex(ids),
        n_without_image=int((~kept).sum()),
        DESCR=published.describe(),
    )


def _image_of_id(folder: DataFolder) -> dict[str, str]:
    """Image files by the ids of the table of votes. The files can have other names."""
    files = folder.image_files()
    if folder.published.image_names is None:
        return files
    names = pd.read_csv(folder.fetch(folder.published.image_names), dtype=str)
    paths = names["asset_id"].map(files)  # NaN for objects without a file
    return dict(zip(names["objid"][paths.notna()], paths.dropna(), strict=True))
