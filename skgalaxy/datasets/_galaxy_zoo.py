"""A folder of images and a table of votes, as Galaxy Zoo and Zoobot keep them.

Volunteers are led from question to question, so each question has its own total. The votes k for an
answer belong to the N of its question, and to no other.
"""

import os
import warnings
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgalaxy._files import check_path
from skgalaxy._validation import MANGLED, check_bool, check_int
from skgalaxy.datasets._results import LoadedGalaxies
from skgalaxy.images import read_images
from skgalaxy.images._folder import find_images
from skgalaxy.votes._counting import count_votes
from skgalaxy.votes._read_votes import find_questions, list_answers, settle, settle_all
from skgalaxy.votes._table_file import ID_COLUMNS, Table, find_id_columns, open_table

__all__ = ["load_galaxy_zoo"]

DESCR = """\
Galaxy images with volunteers' votes
------------------------------------
Read from {folder}: {n_galaxies} galaxies, the votes of {votes_file}.
Rows of {votes_file} left out because they have no image: {n_without_image}.
Rows left out because their image is broken or shows nothing: {n_broken}.

images           uint8, one picture per galaxy
votes            int64 (n_galaxies, 2): k votes for {column}, of N on that question
ids              str (n_galaxies,): the column {id_column}
frame            the table of votes, in the same order
paths            the image files
n_without_image  {n_without_image}
broken           {n_broken} image files that are left out, with the reasons
question         "{question}"
answer           "{answer}"
column           "{column}"
"""


@overload
def load_galaxy_zoo(
    folder: str | os.PathLike[str],
    *,
    answer: str = "featured",
    image_size: int = 64,
    crop: int | None = 256,
    color: bool = False,
    votes_file: str | os.PathLike[str] = "votes.csv",
    image_folder: str | os.PathLike[str] = "images",
    return_X_y: Literal[False] = False,
) -> LoadedGalaxies: ...
@overload
def load_galaxy_zoo(
    folder: str | os.PathLike[str],
    *,
    answer: str = "featured",
    image_size: int = 64,
    crop: int | None = 256,
    color: bool = False,
    votes_file: str | os.PathLike[str] = "votes.csv",
    image_folder: str | os.PathLike[str] = "images",
    return_X_y: Literal[True],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
def load_galaxy_zoo(
    folder: str | os.PathLike[str],
    *,
    answer: str = "featured",
    image_size: int = 64,
    crop: int | None = 256,
    color: bool = False,
    votes_file: str | os.PathLike[str] = "votes.csv",
    image_folder: str | os.PathLike[str] = "images",
    return_X_y: bool = False,
) -> LoadedGalaxies | tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Load galaxy images and the votes for one answer.

    The folder holds ``images/{id}.jpg`` and a table ``votes.csv`` with one row per galaxy. Images
    can have any suffix of the formats that `skgalaxy.images.read_image` reads, and lie in folders
    below ``images``. Each row has an id, and votes in any dialect that
    `skgalaxy.votes.read_votes` reads. Rows without an image are left out, so that you can keep a
    whole published table beside a sample of its images. So are rows whose image is broken or shows
    nothing. Images without a row are ignored.

    Parameters
    ----------
    folder : str or path-like
        The folder of the images and the table.
    answer : str, default="featured"
        The answer to count. You can name it with its question, for example
        ``"smooth-or-featured_featured-or-disk"``, or alone, ``"featured-or-disk"``. Its beginning
        is enough if only one answer begins so: ``"featured"``.
    image_size : int, default=64
        Width and height of the images returned, in pixels.
    crop : int or None, default=256
        Width of the central square to keep, in pixels of the file, before resizing. None keeps
        the largest central square.
    color : bool, default=False
        True keeps red, green and blue. False gives one channel, their mean, as in Walmsley et al.
        2020.
    votes_file : str or path-like, default="votes.csv"
        The table, relative to `folder`.
    image_folder : str or path-like, default="images"
        The folder of the images, relative to `folder`.
    return_X_y : bool, default=False
        Return only ``(images, votes)``.

    Returns
    -------
    galaxies : sklearn.utils.Bunch
        images : uint8 array of shape (n_galaxies, image_size, image_size)
            With a last axis of 3 if `color`.
        votes : int64 array of shape (n_galaxies, 2)
            Columns [k, N]. N is the total of this question: its column of total votes, or the
            sum over its answers if there is no such column.
        ids : str array of shape (n_galaxies,)
            Names of the image files, without suffix. They come from one of the columns id_str,
            dr7objid, objid, asset_id, subject_id and iauname: the one that names the most files.
            They are always text, because 64-bit ids do not survive as floats.
        frame : pandas.DataFrame of n_galaxies rows
            The table, with those columns as text.
        paths : list of pathlib.Path
            The image files.
        n_without_image : int
            Number of rows of the table that are left out, because they have no image.
        broken : pandas.DataFrame
            Images that are left out, because they cannot be read or show nothing: the columns
            id, path and reason.
        question, answer : str
            The question, and the answer that is counted, in full.
        column : str
            The two in one: ``"{question}_{answer}"``.
        DESCR : str
            Description of all these.

        With `return_X_y`, the tuple ``(images, votes)``.

    Raises
    ------
    FileNotFoundError
        If the folder or the table is missing, or no row has an image.
    ValueError
        If `answer` names no answer or several; if the table is broken, its ids are missing or
        repeated, or its counts are not whole numbers with 0 <= k <= N; if two images have one id;
        if no image can be read.
    OSError
        If the system cannot read an image, see `skgalaxy.images.read_image`.

    Warns
    -----
    UserWarning
        If rows have no image, or images are broken or show nothing. It says how many, and names
        the first.

    See Also
    --------
    skgalaxy.votes.read_votes : Reads the table.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.datasets import load_galaxy_zoo
    >>> table = ["asset_id,bar_yes,bar_no,bar_total-votes", "7,4,6,10"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     os.mkdir(os.path.join(folder, "images"))
    ...     Image.linear_gradient("L").save(os.path.join(folder, "images", "7.jpg"))
    ...     with open(os.path.join(folder, "votes.csv"), "w") as file:
    ...         print(*table, sep=chr(10), file=file)
    ...     galaxies = load_galaxy_zoo(folder, answer="yes", crop=None)
    >>> galaxies.images.shape, galaxies.votes, galaxies.column
    ((1, 64, 64), array([[ 4, 10]]), 'bar_yes')
    """
    image_size = check_int(image_size, "image_size", 1)
    crop = None if crop is None else check_int(crop, "crop", 1)
    color = check_bool(color, "color")
    return_X_y = check_bool(return_X_y, "return_X_y")
    folder = check_path(folder, "folder")
    if not folder.is_dir():
        raise FileNotFoundError(f"`folder` must be an existing folder. Got {str(folder)!r}.")

    path = folder / votes_file
    if not path.is_file():
        raise FileNotFoundError(
            f"No table of votes {str(path)!r}. Check `folder`, or name the table in `votes_file`."
        )
    with open_table(path) as table:
        questions = find_questions(table)
        settled = settle_all(table, questions)
        question, answer = _find_answer(list_answers(settled), answer)
        asked = settle(table, questions[question])  # warns of columns that are no answers
        # The folder is listed once: a look for each of 240,000 rows would take minutes.
        files = _image_files(folder / image_folder)
        frame = table.frame()
        id_column = _find_id_column(table, files, folder / image_folder)
        # The whole table is checked, and only then are rows without an image left out.
        counted = count_votes(table, asked, id_column)
    kept = np.array([name in files for name in counted.ids], dtype=bool)
    if not kept.all():
        _warn(counted.ids, kept, id_column, path, folder / image_folder)
    n_without_image = int((~kept).sum())

    paths = [files[name] for name in counted.ids[kept]]
    images, broken = read_images(paths, size=image_size, crop=crop, color=color, on_error="report")
    readable = np.ones(len(paths), dtype=bool)
    readable[broken["row"]] = False
    if not readable.all():
        _warn_of_broken(broken, len(paths), folder / image_folder)
    broken["row"] = counted.ids[kept][broken["row"]]
    kept[kept] = readable
    images, ids, votes = images[readable], counted.ids[kept], counted.votes(answer)[kept]
    if return_X_y:
        return images, votes
    named = {
        "n_without_image": n_without_image,
        "question": question,
        "answer": answer,
        "column": f"{question}_{answer}",
    }
    described = {"folder": folder, "votes_file": votes_file, "id_column": id_column, **named}
    return LoadedGalaxies(
        images=images,
        votes=votes,
        ids=ids,
        frame=frame[kept].reset_index(drop=True),
        paths=[files[name] for name in ids],
        broken=broken.rename(columns={"row": "id"}),
        **named,
        DESCR=DESCR.format(n_galaxies=len(ids), n_broken=len(broken), **described),
    )


def _warn(
    ids: NDArray[np.str_], kept: NDArray[np.bool_], id_column: str, table: Path, folder: Path
) -> None:
    """Warn the caller of `load_galaxy_zoo` of rows that are left out."""
    row = int(np.argmin(kept))  # the first that is not kept
    warnings.warn(
        f"{np.count_nonzero(~kept)} of the {len(ids)} rows of {str(table)!r} have no image and are "
        f"left out. The first is row {row} ({id_column} {ids[row]}): no file {ids[row]}.jpg, .png, "
        f".tif, .webp, .fits or of another suffix of images in {str(folder)!r}.",
        stacklevel=3,
    )


def _warn_of_broken(broken: pd.DataFrame, n_images: int, folder: Path) -> None:
    """Warn the caller of `load_galaxy_zoo` of images that are left out, or refuse if all are."""
    first = broken["reason"].iloc[0]
    if len(broken) == n_images:
        raise ValueError(
            f"The images must show something. Got {n_images} in {str(folder)!r}, all broken or "
            f"empty; the first: {first}"
        )
    warnings.warn(
        f"{len(broken)} of the {n_images} images in {str(folder)!r} are broken or show nothing and "
        f"are left out. The first: {first}",
        stacklevel=3,
    )


def _image_files(folder: Path) -> dict[str, Path]:
    """Image files in a folder and below it by their names without suffix."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"No folder of images {str(folder)!r}. Check `folder`, or name it in `image_folder`."
        )
    return find_images(folder, "image_folder")[0]


def _find_answer(questions: Mapping[str, Iterable[str]], named: str) -> tuple[str, str]:
    """Question and answer by their name in full, by the answer, or by its beginning."""
    if not isinstance(named, str) or not named:
        raise ValueError(f"`answer` must name one answer as text. Got {named!r}.")
    answers = {f"{q}_{answer}": (q, answer) for q, given in questions.items() for answer in given}
    if named in answers:  # in full: never ambiguous
        return answers[named]
    exact = [name for name, (_, answer) in answers.items() if answer == named]
    begun = [name for name, (_, answer) in answers.items() if answer.startswith(named)]
    found = exact or begun  # "no" is an answer, though "no-idea" begins so too
    if len(found) == 1:
        return answers[found[0]]
    whole = [name for name, (question, _) in answers.items() if question == named]
    if found:
        problem, choices = "names several answers", found
    elif whole:
        problem, choices = "is a whole question: choose one of its answers", whole
    else:
        problem, choices = "names none of the table's answers", list(answers)
    raise ValueError(
        f"`answer` must name one answer. Got {named!r}, which {problem}: "
        f"{', '.join(map(repr, choices))}."
    )


def _find_id_column(table: Table, files: Container[str], folder: Path) -> str:
    """Id column that names the most image files."""
    found = find_id_columns(table.names)
    if not found:
        raise ValueError(
            f"The table of votes must have an id column: {', '.join(ID_COLUMNS)}. "
            f"Got {', '.join(table.names)}."
        )
    columns = {
        name: [str(id_).strip() for id_ in ids] for name, ids in table.columns(found).items()
    }
    if not columns[found[0]]:
        return found[0]  # no rows, which `count_votes` refuses
    # The most and not the first: numbers from 1 name a few files by chance.
    n_files = {name: sum(id_ in files for id_ in ids) for name, ids in columns.items()}
    for name, ids in columns.items():
        if n_files[name]:
            return max(columns, key=lambda column: n_files[column])
        # No file is named by an id that a float has cut: `count_votes` explains that.
        if MANGLED.fullmatch(ids[0]):
            return name
    first = ", ".join(f"{name} {ids[0]}" for name, ids in columns.items())
    raise FileNotFoundError(
        f"No row of the table of votes has an image. Row 0 ({first}) has none, nor has any other "
        f"row: no image in {str(folder)!r} is named by an id. Check `image_folder`."
    )
