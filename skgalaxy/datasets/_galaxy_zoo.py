"""A folder of images and a table of votes, as Galaxy Zoo and Zoobot keep them.

Volunteers are led from question to question, so each has a total of its own: k of the one goes
with N of the same one, and with no other.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path

from numpy.typing import NDArray
from sklearn.utils import Bunch

from skgalaxy._validation import MANGLED, check_bool, check_int
from skgalaxy.images import read_images
from skgalaxy.votes._counting import count_votes
from skgalaxy.votes._read_votes import find_questions, list_answers
from skgalaxy.votes._table_file import ID_COLUMNS, Table, find_id_columns, open_table

__all__ = ["load_galaxy_zoo"]

SUFFIXES = (".jpg", ".jpeg", ".png")

DESCR = """\
Galaxy images with volunteers' votes
------------------------------------
Read from {folder}: {n_galaxies} galaxies, the votes of {votes_file}.

images    uint8, one picture per galaxy
votes     int64 (n_galaxies, 2): k votes for {column}, of N on that question
ids       str (n_galaxies,): the column {id_column}
frame     the table of votes, in the same order
paths     the image files
question  "{question}"
answer    "{answer}"
column    "{column}"
"""


def load_galaxy_zoo(
    folder: str | Path,
    *,
    answer: str = "featured",
    image_size: int = 64,
    crop: int | None = 256,
    color: bool = False,
    votes_file: str | Path = "votes.csv",
    image_folder: str | Path = "images",
    return_X_y: bool = False,
) -> Bunch | tuple[NDArray, NDArray]:
    """Load galaxy images and the votes for one answer.

    The folder holds ``images/{id}.jpg`` (or ``.jpeg``, ``.png``) and a table ``votes.csv`` with
    one row per galaxy, an id and votes in any dialect that `skgalaxy.votes.read_votes` reads.
    Every row needs an image; images without a row are ignored.

    Parameters
    ----------
    folder : str or path-like
        Where the images and the table are.
    answer : str, default="featured"
        The answer to count: with its question, ``"smooth-or-featured_featured-or-disk"``; alone,
        ``"featured-or-disk"``; or its beginning if only one begins so, ``"featured"``.
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
            What names the image files: of the columns id_str, dr7objid, objid, asset_id,
            subject_id and iauname the first to have files. Always text: 64-bit ids do not
            survive as floats.
        frame : pandas.DataFrame of n_galaxies rows
            The table, those columns as text.
        paths : list of pathlib.Path
            The image files.
        question, answer : str
            What was asked, and the answer that was counted, in full.
        column : str
            The two in one: ``"{question}_{answer}"``.
        DESCR : str
            What all this is.

        With `return_X_y`, the tuple ``(images, votes)``.

    Raises
    ------
    FileNotFoundError
        If the folder, the table, or the image of a row is missing.
    ValueError
        If `answer` names no answer or several; if the table is broken, its ids are missing or
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
    ...     galaxies = load_galaxy_zoo(folder, answer="yes")
    >>> galaxies.images.shape, galaxies.votes, galaxies.column
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
    with open_table(path) as table:
        questions = find_questions(table)
        question, answer = _find_answer(list_answers(questions), answer)
        files = _image_files(folder / image_folder)
        frame = table.frame()
        id_column = _find_id_column(table, files, folder / image_folder)
        counted = count_votes(table, questions[question], id_column)
    votes = counted.votes(answer)
    paths = _match(counted.ids, files, id_column, folder / image_folder)

    images = read_images(paths, size=image_size, crop=crop, color=color)
    if return_X_y:
        return images, votes
    named = {"question": question, "answer": answer, "column": f"{question}_{answer}"}
    return Bunch(
        images=images,
        votes=votes,
        ids=counted.ids,
        frame=frame,
        paths=paths,
        **named,
        DESCR=DESCR.format(
            folder=folder,
            n_galaxies=len(frame),
            votes_file=votes_file,
            id_column=id_column,
            **named,
        ),
    )


def _image_files(folder: Path) -> dict[str, Path]:
    """Image files in a folder by their names without suffix."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"No folder of images {str(folder)!r}. Check `folder`, or name it in `image_folder`."
        )
    paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
    # If an id has files of several kinds, the one of the first suffix is written last and stays.
    paths.sort(key=lambda path: (SUFFIXES.index(path.suffix.lower()), path.name), reverse=True)
    return {path.stem: path for path in paths}


def _find_answer(questions: Mapping[str, Iterable[str]], named: str) -> tuple[str, str]:
    """Question and answer that are named: in full, by the answer, or by its beginning."""
    if not isinstance(named, str) or not named:
        raise ValueError(f"`answer` must name one answer as text. Got {named!r}.")
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
        f"`answer` must name one answer. Got {named!r}, which {problem}: "
        f"{', '.join(map(repr, choices))}."
    )


def _find_id_column(table: Table, files: Container[str], folder: Path) -> str:
    """First id column whose values name image files."""
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
        return found[0]
    for name, ids in columns.items():
        # No file is called by an id that a float has cut; `count_votes` says what is wrong.
        if any(id_ in files for id_ in ids) or MANGLED.fullmatch(ids[0]):
            return name
    first = ", ".join(f"{name} {ids[0]}" for name, ids in columns.items())
    raise FileNotFoundError(
        f"Every row needs an image. Row 0 ({first}) has none, nor has any other row: no image in "
        f"{str(folder)!r} is called by an id."
    )


def _match(ids: Sequence[str], files: Mapping[str, Path], id_column: str, folder: Path) -> list:
    """Image file of each id."""
    for row, name in enumerate(ids):
        if name not in files:
            expected = folder / f"{name}{SUFFIXES[0]}"
            raise FileNotFoundError(
                f"Every row needs an image. Row {row} ({id_column} {name}) has none: "
                f"{str(expected)!r} (nor .jpeg, .png) does not exist."
            )
    return [files[name] for name in ids]
