"""Published votes of Galaxy Zoo and their images, downloaded once and kept.

In scikit-learn's manner: `fetch_galaxy_zoo2` and `fetch_gz_decals` look into the data home, bring
what is missing, and return a Bunch. Images are given as paths, as `ImageLoader` takes them:
hundreds of thousands of galaxies are no array.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from skgalaxy._optional import require
from skgalaxy._validation import check_bool, check_choice, check_int
from skgalaxy.datasets._download import DataFolder
from skgalaxy.datasets._registry import GALAXY_ZOO_2_FILES, GZ_DECALS_FILES
from skgalaxy.votes import read_votes

__all__ = ["clear_data_home", "fetch_galaxy_zoo2", "fetch_gz_decals", "get_data_home"]


def get_data_home(data_home=None):
    """Return the folder where fetched data sets are kept.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder. None takes the environment variable SKGALAXY_DATA_HOME, or else
        ``~/skgalaxy_data``.

    Returns
    -------
    data_home : str
        The folder, made if it did not exist, with ``~`` expanded.

    Examples
    --------
    >>> import tempfile
    >>> from skgalaxy.datasets import get_data_home
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     get_data_home(folder) == folder
    True
    """
    if data_home is None:
        data_home = os.environ.get("SKGALAXY_DATA_HOME") or os.path.join("~", "skgalaxy_data")
    data_home = os.path.expanduser(os.fspath(data_home))
    os.makedirs(data_home, exist_ok=True)
    return data_home


def clear_data_home(data_home=None):
    """Delete the data sets that were fetched, and nothing else.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder, as for `get_data_home`. It goes too if nothing else is in it.

    Examples
    --------
    >>> import os, tempfile
    >>> from skgalaxy.datasets import clear_data_home
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     os.makedirs(os.path.join(folder, "home", "galaxy_zoo_2"))
    ...     clear_data_home(os.path.join(folder, "home"))
    ...     os.listdir(folder)
    []
    """
    data_home = Path(get_data_home(data_home))
    for published in (GALAXY_ZOO_2_FILES, GZ_DECALS_FILES):
        folder = data_home / published.name
        if folder.is_dir():
            shutil.rmtree(folder)
    if not any(data_home.iterdir()):
        data_home.rmdir()


def fetch_galaxy_zoo2(
    *,
    question="smooth-or-featured",
    answer="featured",
    images=False,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    verbose=True,
):
    """Fetch Galaxy Zoo 2: 240,000 SDSS galaxies, some 40 volunteers each.

    The votes are those of Hart et al. 2016 [1]_ on the sample of Willett et al. 2013 [2]_, the
    images 3.4 GB of JPEG from Zenodo. Nobody has verified the addresses, and for the table no
    checksum is known: a warning says so at the download, and ``DESCR`` where each was found.

    Parameters
    ----------
    question : str, default="smooth-or-featured"
        What was asked, as `read_votes` calls it: the questions of `skgalaxy.votes.GZ2`.
    answer : str or list of str, default="featured"
        The answer to count, or the beginning of one if only one begins so. Of several the counts
        are added.
    images : bool, default=False
        Fetch and unpack the images too, and keep the galaxies that have one.
    data_home : str, path-like or None, default=None
        Where data sets are kept, as for `get_data_home`.
    download_if_missing : bool, default=True
        If False, raise ``OSError`` instead of downloading.
    return_X_y : bool, default=False
        Return ``(paths, votes)`` instead of everything; needs `images`.
    as_frame : bool, default=False
        Return pandas objects, and the whole table as ``frame``.
    n_retries : int, default=3
        How often to try again after a failure, from the beginning of the file.
    verbose : bool, default=True
        Show the progress of downloads.

    Returns
    -------
    galaxies : sklearn.utils.Bunch
        paths : object array of shape (n_galaxies,), or None without `images`
            The image files, str. A Series by id with `as_frame`.
        votes : int64 array of shape (n_galaxies, 2)
            Columns [k, N]: k of the N who answered this question. N is 0 where nobody was asked.
            A DataFrame by id with `as_frame`, columns k and n_votes.
        ids : str array of shape (n_galaxies,)
            ``dr7objid``: SDSS DR7 object ids, 64 bits, as text.
        frame : pandas.DataFrame of n_galaxies rows, or None without `as_frame`
            The table as published.
        table : skgalaxy.votes.VoteTable
            The votes on all answers to the question.
        n_without_image : int
            How many rows of the table were left out because they have no image.
        DESCR : str
            Source, licence, whom to cite, addresses and what is known of them.

        With `return_X_y`, the tuple ``(paths, votes)``.

    Raises
    ------
    ImportError
        If pooch is not installed.
    OSError
        If a file is missing and cannot or may not be downloaded, or its checksum is wrong.
    ValueError
        If the table has no such question or the question no such answer; this is found before
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


def fetch_gz_decals(
    *,
    campaign="5",
    question="smooth-or-featured",
    answer="featured",
    images=False,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=False,
    n_retries=3,
    verbose=True,
):
    """Fetch Galaxy Zoo DECaLS: votes on deeper images, with strong and weak bars and mergers.

    The votes are those of Walmsley et al. 2022 [1]_. The images are 104 GB, and as much again
    unpacked: for most work rather cut your own. Nobody has verified the addresses, and no
    checksums are known: a warning says so at the download, and ``DESCR`` where each was found.

    Parameters
    ----------
    campaign : {"5", "1_and_2"}, default="5"
        GZD-5, or GZD-1 and GZD-2, whose answers are those of Galaxy Zoo 2.
    question : str, default="smooth-or-featured"
        What was asked, as `read_votes` calls it: for "5" the questions of
        `skgalaxy.votes.GZ_DECALS`.
    answer : str or list of str, default="featured"
        The answer to count, such as ``("strong", "weak")`` for a bar.
    images : bool, default=False
        Fetch and unpack the images too, and keep the galaxies that have one.
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
    campaign = check_choice(campaign, "campaign", ("5", "1_and_2"))
    options = {"download_if_missing": download_if_missing, "n_retries": n_retries}
    folder = _data_folder(GZ_DECALS_FILES, data_home, **options, verbose=verbose)
    returned = {"images": images, "as_frame": as_frame, "return_X_y": return_X_y}
    table = f"gz_decals_volunteers_{campaign}.csv"
    return _galaxies(folder, table, question, answer, **returned)


def _data_folder(published, data_home, *, download_if_missing, n_retries, verbose):
    """Folder of a data set in the data home, from the arguments of a fetcher."""
    require("pooch", "fetch", for_=published.fetcher)
    return DataFolder(
        published,
        Path(get_data_home(data_home)) / published.name,
        check_bool(download_if_missing, "download_if_missing"),
        check_int(n_retries, "n_retries", 0),
        check_bool(verbose, "verbose"),
    )


def _galaxies(folder, table, question, answer, *, images, as_frame, return_X_y):
    """Galaxies of one table, as the fetchers return them."""
    images, as_frame = check_bool(images, "images"), check_bool(as_frame, "as_frame")
    if check_bool(return_X_y, "return_X_y") and not images:
        raise ValueError("`return_X_y` needs images=True, for X is the paths of the images.")
    published, path = folder.published, folder.fetch(table)
    id_column = published.id_column
    table = read_votes(path, question, dialect=published.dialect, id_column=id_column)
    votes = table.votes(*(answer if isinstance(answer, (list, tuple)) else [answer]))
    paths, kept = None, np.ones(len(votes), dtype=bool)
    if images:
        files = _image_of_id(folder)
        kept = np.array([galaxy in files for galaxy in table.ids], dtype=bool)
        paths = np.array([files[galaxy] for galaxy in table.ids[kept]], dtype=object)
    ids, votes = table.ids[kept], votes[kept]
    frame = None
    if as_frame:
        frame = pd.read_csv(path, dtype={id_column: str}, low_memory=False)
        frame = frame[kept].reset_index(drop=True)
        votes = pd.DataFrame(votes, columns=["k", "n_votes"], index=ids)
        paths = None if paths is None else pd.Series(paths, index=ids, dtype=object)
    if return_X_y:
        return paths, votes
    return Bunch(
        paths=paths,
        votes=votes,
        ids=ids,
        frame=frame,
        table=table.reindex(ids),
        n_without_image=int((~kept).sum()),
        DESCR=published.describe(),
    )


def _image_of_id(folder):
    """Image files by the ids of a table, which may have other names."""
    files = folder.image_files()
    if folder.published.image_names is None:
        return files
    names = pd.read_csv(folder.fetch(folder.published.image_names), dtype=str)
    paths = names["asset_id"].map(files)
    return dict(zip(names["objid"][paths.notna()], paths.dropna(), strict=True))
