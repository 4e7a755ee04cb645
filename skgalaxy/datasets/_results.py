"""The Bunches that loader and fetchers return, with names for your editor to complete."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skgalaxy.votes import VoteTable

__all__ = ["FetchedFrames", "FetchedGalaxies", "LoadedGalaxies"]


class LoadedGalaxies(Bunch):
    """Galaxies of a folder, as `load_galaxy_zoo` returns them.

    Attributes
    ----------
    images : uint8 array of shape (n_galaxies, image_size, image_size[, 3])
        Pictures.
    votes : int64 array of shape (n_galaxies, 2)
        Columns [k, N].
    ids : str array of shape (n_galaxies,)
        Names of the image files, without suffix.
    frame : pandas.DataFrame of n_galaxies rows
        The table of votes.
    paths : list of pathlib.Path
        The image files.
    n_without_image : int
        Number of rows of the table that are left out, because they have no image.
    broken : pandas.DataFrame
        Images that are left out, because they cannot be read or show nothing: the columns id,
        path and reason.
    question, answer : str
        The question, and the answer that is counted.
    column : str
        The two in one, for example "bar_yes".
    DESCR : str
        Description of all these.
    """

    images: NDArray[np.uint8]
    votes: NDArray[np.int64]
    ids: NDArray[np.str_]
    frame: pd.DataFrame
    paths: list[Path]
    n_without_image: int
    broken: pd.DataFrame
    question: str
    answer: str
    column: str
    DESCR: str


class FetchedGalaxies(Bunch):
    """Published galaxies, as the fetchers return them.

    Attributes
    ----------
    paths : object array of shape (n_galaxies,), or None without `images`
        The image files.
    votes : int64 array of shape (n_galaxies, 2)
        Columns [k, N].
    ids : str array of shape (n_galaxies,)
        Names of the galaxies.
    frame : None
        The whole table, only with `as_frame`.
    table : skgalaxy.votes.VoteTable
        The votes on all answers to the question.
    n_without_image : int
        Number of rows of the table that are left out, because they have no image.
    DESCR : str
        Source, licence, citation and addresses.
    """

    paths: NDArray[np.object_] | Any  # not "| None": you know whether you asked for images
    votes: NDArray[np.int64]
    ids: NDArray[np.str_]
    frame: None
    table: VoteTable
    n_without_image: int
    DESCR: str


class FetchedFrames(Bunch):
    """Published galaxies as pandas objects, as the fetchers return them with `as_frame`.

    Attributes
    ----------
    paths : pandas.Series of n_galaxies, or None without `images`
        The image files, by id.
    votes : pandas.DataFrame of n_galaxies rows
        Columns k and n_votes, by id.
    ids : str array of shape (n_galaxies,)
        Names of the galaxies.
    frame : pandas.DataFrame of n_galaxies rows
        The table as published.
    table : skgalaxy.votes.VoteTable
        The votes on all answers to the question.
    n_without_image : int
        Number of rows of the table that are left out, because they have no image.
    DESCR : str
        Source, licence, citation and addresses.
    """

    paths: pd.Series | Any
    votes: pd.DataFrame
    ids: NDArray[np.str_]
    frame: pd.DataFrame
    table: VoteTable
    n_without_image: int
    DESCR: str
