"""A folder of images and a table of votes, as Galaxy Zoo and Zoobot keep them.

Volunteers are led from question to question, so each has a total of its own: k of the one goes
with N of the same one, and with no other.
"""

from pathlib import Path

import pandas as pd
from sklearn.utils import Bunch

from skgalaxy._validation import check_bool, check_int
from skgalaxy.images import read_images
from skgalaxy.votes import list_questions, read_votes

__all__ = ["load_galaxy_zoo"]

ID_COLUMNS = ("asset_id", "id_str", "dr7objid")
SUFFIXES = (".jpg", ".jpeg", ".png")

DESCR = """\
Galaxy images with volunteers' votes
------------------------------------
Read from {folder}: {n_galaxies} galaxies, the votes of {votes_file}.

images    uint8, one picture per galaxy
votes     int64 (n_galaxies, 2): k votes for {question}, of N on that question
ids       str (n_galaxies,): the column {id_column}
frame     the table of votes, in the same order
paths     the image files
question  "{question}"
"""


def load_galaxy_zoo(
    folder,
    *,
    question="featured",
    image_size=64,
    crop=256,
    color=False,
    votes_file="votes.csv",
    image_folder="images",
    return_X_y=False,
):
    """Load galaxy images and the votes on one question.

    The folder holds ``images/{id}.jpg`` (or ``.jpeg``, ``.png``) and a table ``votes.csv`` with
    one row per galaxy, an id and votes in any dialect that `skgalaxy.votes.read_votes` reads.
    Every row needs an image; images without a row are ignored.

    Parameters
    ----------
    folder : str or path-like
        Where the images and the table are.
    question : str, default="featured"
        The answer to count, so a question to say yes or no to: a column such as
        ``"smooth-or-featured_featured-or-disk"``, its answer ``"featured-or-disk"``, or the
        beginning of an answer if only one begins so, ``"featured"``.
    image_size : int, default=64
        Width and height of the images returned, in pixels.
    crop : int or None, default=256
        Width of the central square to keep, in pixels of the file, before resizing; None keeps
        all.
    color : bool, default=False
        Red, green and blue, or else one channel, their mean, as in Walmsley et al. 2020.
    votes_file : str or path-like, default="votes.csv"
        The table, relative to `folder`.
    image_folder : str or path-like, default="images"
        Where the images are, relative to `folder`.
    return_X_y : bool, default=False
        Return ``(images, votes)`` instead of everything.

    Returns
    -------
    galaxies : sklearn.utils.Bunch
        images : uint8 array of shape (n_galaxies, image_size, image_size)
            With a last axis of 3 if `color`.
        votes : int64 array of shape (n_galaxies, 2)
            Columns [k, N]. N is the total of this question: its column of total votes, or the
            sum over its answers if there is no such column.
        ids : str array of shape (n_galaxies,)
            What names the image files: the column asset_id, id_str or dr7objid, whichever is
            the first to have files. Always text: 64-bit ids do not survive as floats.
        frame : pandas.DataFrame of n_galaxies rows
            The table.
        paths : list of pathlib.Path
            The image files.
        question : str
            The full name of the column that was counted.
        DESCR : str
            What all this is.

        With `return_X_y`, the tuple ``(images, votes)``.

    Raises
    ------
    FileNotFoundError
        If the folder, the table, or the image of a row is missing.
    ValueError
        If `question` names no answer or several; if the table is broken, its ids are missing or
        repeated, or its counts are not whole numbers with 0 <= k <= N; if an image cannot be read.

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
    ...     Image.new("RGB", (424, 424)).save(os.path.join(folder, "images", "7.jpg"))
    ...     with open(os.path.join(folder, "votes.csv"), "w") as file:
    ...         print(*table, sep=chr(10), file=file)
    ...     galaxies = load_galaxy_zoo(folder, question="yes")
    >>> galaxies.images.shape, galaxies.votes, galaxies.question
    ((1, 64, 64), array([[ 4, 10]]), 'bar_yes')
    """
    image_size = check_int(image_size, "image_size", 1)
    crop = None if crop is None else check_int(crop, "crop", 1)
    color = check_bool(color, "color")
    return_X_y = check_bool(return_X_y, "return_X_y")
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"`folder` must be an existing folder. Got {str(folder)!r}.")

    path = folder / votes_file
    if not path.is_file():
        raise FileNotFoundError(
            f"No table of votes {str(path)!r}. Check `folder`, or name the table in `votes_file`."
        )
    asked, answer = _find_answer(list_questions(path), question)
    frame = pd.read_csv(path, dtype=dict.fromkeys(ID_COLUMNS, str), encoding="utf-8-sig")
    files = _image_files(folder / image_folder)
    id_column = _find_id_column(frame, files)
    table = read_votes(path, asked, id_column=id_column)
    votes = table.votes(answer)
    paths = _match(table.ids, files, id_column, folder / image_folder)

    images = read_images(paths, size=image_size, crop=crop, color=color)
    if return_X_y:
        return images, votes
    return Bunch(
        images=images,
        votes=votes,
        ids=table.ids,
        frame=frame,
        paths=paths,
        question=f"{asked}_{answer}",
        DESCR=DESCR.format(
            folder=folder,
            n_galaxies=len(frame),
            votes_file=votes_file,
            question=f"{asked}_{answer}",
            id_column=id_column,
        ),
    )


def _image_files(folder):
    """Return the image files in `folder` by their names without suffix."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"No folder of images {str(folder)!r}. Check `folder`, or name it in `image_folder`."
        )
    paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
    # If an id has files of several kinds, the one of the first suffix is written last and stays.
    paths.sort(key=lambda path: (SUFFIXES.index(path.suffix.lower()), path.name), reverse=True)
    return {path.stem: path for path in paths}


def _find_answer(questions, named):
    """Return the (question, answer) that is named: in full, by its answer, or by a beginning."""
    if not isinstance(named, str) or not named:
        raise ValueError(f"`question` must name one answer as text. Got {named!r}.")
    answers = {f"{q}_{answer}": (q, answer) for q, given in questions.items() for answer in given}
    if named in answers:
        return answers[named]
    exact = [name for name, (_, answer) in answers.items() if answer == named]
    begun = [name for name, (_, answer) in answers.items() if answer.startswith(named)]
    found = exact or begun
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
        f"`question` must name one answer. Got {named!r}, which {problem}: "
        f"{', '.join(map(repr, choices))}."
    )


def _find_id_column(frame, files):
    """Return the first id column whose values name image files, or else the first there is."""
    present = [name for name in ID_COLUMNS if name in frame.columns]
    if not present:
        raise ValueError(
            f"The table of votes must have an id column: {', '.join(ID_COLUMNS)}. "
            f"Got {', '.join(map(str, frame.columns))}."
        )
    for name in present:
        if frame[name].isin(files.keys()).any():
            return name
    return present[0]


def _match(ids, files, id_column, folder):
    """Return the image file of each id."""
    for row, name in enumerate(ids):
        if name not in files:
            expected = folder / f"{name}{SUFFIXES[0]}"
            raise FileNotFoundError(
                f"Every row needs an image. Row {row} ({id_column} {name}) has none: "
                f"{str(expected)!r} (nor .jpeg, .png) does not exist."
            )
    return [files[name] for name in ids]
