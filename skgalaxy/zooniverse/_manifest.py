"""`write_manifest`: the galaxies to ask about, ready to upload."""

import os
import re
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray

from skgalaxy._files import complete_folder
from skgalaxy._spreadsheets import refuse_formulas
from skgalaxy._validation import (
    check_ids,
    check_n_jobs,
    refuse_masked,
)
from skgalaxy.images._bands import Bands
from skgalaxy.images._picture import Picture, PictureOptions
from skgalaxy.votes._table_file import open_table
from skgalaxy.zooniverse._uploads import to_upload

__all__ = ["read_manifest_ids", "write_manifest"]

ID_NAME = "#id_str"
IMAGE_NAME = "image"
TABLE_NAME = "manifest.csv"


def write_manifest(
    folder: str | Path,
    ids: ArrayLike,
    images: ArrayLike | Sequence[str | os.PathLike[str]],
    *,
    metadata: Mapping[str, Any] | None = None,
    size: int = 424,
    flux_range: tuple[float, float] | None = None,
    bands: Bands = None,
    n_jobs: int | None = -1,
) -> Path:
    """Write a folder of images and their table, for Zooniverse to show to volunteers.

    Upload it with Zooniverse's own client:
    ``panoptes subject-set upload-subjects SUBJECT_SET folder/manifest.csv``.

    Parameters
    ----------
    folder : str or path-like
        The folder to make; it must not exist. It appears when all is in it, or not at all.
    ids : sequence of str or int, length n_galaxies
        The galaxies' ids, each once: the column ``#id_str``, by which `read_classifications`
        finds them again.
    images : sequence of str or path-like, length n_galaxies
        Their image files. JPEG and PNG of at most 1 MiB are copied. All others (FITS, CMYK, 16
        bits, transparent, larger) are rendered as `skgalaxy.images.read_image` does, in colour.
    metadata : mapping of str to scalar or sequence of length n_galaxies, default=None
        More columns, such as ``{"#acquisition": scores, "#model_version": "3", "#iteration": 1}``.
        Zooniverse hides a column from volunteers if its name begins with ``#``, and until they
        have answered if it begins with ``!``: hide whatever may sway them.
    size : int, default=424
        Width and height in pixels of images that are rendered.
    flux_range : (float, float) or None, default=None
        Black and white of FITS images; see `read_image`.
    bands : str, sequence or None, default=None
        Bands of the planes of FITS images; see `read_image`.
    n_jobs : int or None, default=-1
        Threads that read and render at the same time.

    Returns
    -------
    manifest : pathlib.Path
        ``folder/manifest.csv``; the images are in ``folder/images`` and called by their ids.

    Raises
    ------
    FileExistsError
        If `folder` exists.
    FileNotFoundError
        If an image is missing, before any is read.
    OSError
        If the disk is full, or the system cannot read an image now; then there is no folder.
    ValueError
        If ids are missing, repeated or floats, formulas that spreadsheets run, or alike but for
        signs that file names cannot have; if an image is damaged or shows nothing; if metadata are
        empty or name a file, which Zooniverse's client would upload.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from skgalaxy.zooniverse import write_manifest
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "galaxy.png")
    ...     Image.linear_gradient("L").save(path)
    ...     round_1 = os.path.join(folder, "round_1")
    ...     hidden = {"#acquisition": [0.31], "#iteration": 1}
    ...     manifest = write_manifest(round_1, [587], [path], metadata=hidden)
    ...     print(manifest.read_text(), end="")
    image,#id_str,#acquisition,#iteration
    images/587.png,587,0.31,1
    """
    ids = check_ids(ids, "ids", None)
    refuse_formulas(ids, "ids")
    names = _file_names(ids)
    paths = _check_image_paths(images, len(ids))
    columns = {ID_NAME: ids, **_metadata_columns(metadata or {}, len(ids))}
    _refuse_odd_cells(columns)
    check_n_jobs(n_jobs)
    how: PictureOptions = {"size": size, "color": True, "flux_range": flux_range, "bands": bands}
    Picture(**how).checked()
    with complete_folder(folder) as partial_folder:
        (partial_folder / "images").mkdir()
        write = partial(_write_image, partial_folder, names, paths, how)
        # joblib does not wait for the other threads after an error: they would write on into the
        # folder while it is removed.
        with ThreadPoolExecutor(effective_n_jobs(n_jobs)) as threads:
            written = list(threads.map(write, range(len(ids))))
        table = pd.DataFrame({IMAGE_NAME: written, **columns})
        table.to_csv(partial_folder / TABLE_NAME, index=False, lineterminator="\n")
        _refuse_odd_cells(columns, partial_folder)
    return Path(folder) / TABLE_NAME


def read_manifest_ids(folder: str | Path) -> list[str]:
    """Read the ids in a folder that `write_manifest` made.

    Parameters
    ----------
    folder : str or path-like

    Returns
    -------
    ids : list of str
        In the manifest's order.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no manifest, or it is damaged, for example by a spreadsheet that cut the ids.
    """
    with open_table(Path(folder) / TABLE_NAME) as table:
        if ID_NAME not in table.names:
            raise ValueError(
                f"A manifest must have a column {ID_NAME!r}. Got {', '.join(table.names)} in "
                f"{table.path!r}."
            )
        return check_ids(table.columns([ID_NAME])[ID_NAME], ID_NAME, table.path).tolist()


def _file_names(ids: NDArray[np.str_]) -> list[str]:
    """File name, without its suffix, for each id; no two alike on any system."""
    names, rows = [re.sub(r"[^A-Za-z0-9._+-]", "_", id_) for id_ in ids], {}
    for row, name in enumerate(names):
        other = rows.setdefault(name.lower(), row)
        if other != row:
            raise ValueError(
                "`ids` must differ as names of files, in letters of either case, digits or any of "
                f". _ + -. Got {str(ids[other])!r} in row {other} and {str(ids[row])!r} in row "
                f"{row}; write them in two manifests."
            )
    return names


def _check_image_paths(images: Any, n_galaxies: int) -> list[Any]:
    """Check that there is an image file for each galaxy."""
    if isinstance(images, (str, bytes, os.PathLike)):
        raise TypeError(f"`images` must be a sequence of paths. Got the single path {images!r}.")
    paths = list(images)
    if len(paths) != n_galaxies or not paths:
        raise ValueError(
            "`images` must be one path per id, and at least one. "
            f"Got {len(paths)} paths and {n_galaxies} ids."
        )
    for row, path in enumerate(paths):
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"`images` must be paths, str or path-like. Got {path!r} in row {row}.")
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f"`images` must be files that exist. Got {os.fspath(path)!r} in row {row}."
            )
    return paths


def _metadata_columns(metadata: Mapping[str, Any], n_galaxies: int) -> dict[str, NDArray[Any]]:
    """Arrays of one value per galaxy, by the names of their columns."""
    columns = {}
    for name, values in metadata.items():
        is_text = isinstance(name, str) and name.isprintable()
        if not is_text or not name.strip("#!% ") or name in (ID_NAME, IMAGE_NAME):
            raise ValueError(
                "`metadata` must have names of their own, as text of one line. "
                f"Got {name!r}; {ID_NAME!r} and {IMAGE_NAME!r} are taken."
            )
        refuse_masked(values, f"metadata[{name!r}]")
        if isinstance(values, Set | Mapping):
            raise TypeError(
                "`metadata` must be one value, or a sequence of one per id. "
                f"Got a {type(values).__name__} for {name!r}."
            )
        column = np.asarray(values, dtype=object)
        if column.shape not in ((), (n_galaxies,)):
            raise ValueError(
                f"`metadata` must be one value, or one per id, {n_galaxies}. "
                f"Got shape {column.shape} for {name!r}."
            )
        columns[name] = np.broadcast_to(column, n_galaxies)
    return columns


def _write_image(
    folder: Path,
    names: Sequence[str],
    paths: Sequence[str | os.PathLike[str]],
    how: PictureOptions,
    row: int,
) -> str:
    """Write one image to the folder and return its name there."""
    try:
        suffix, data = to_upload(paths[row], how)
    except ValueError as error:
        raise ValueError(f"{error} It is row {row} of `images`.") from error
    name = f"images/{names[row]}{suffix}"
    (folder / name).write_bytes(data)
    return name


def _cell_text(cell: Any) -> str:
    """Text of a cell; empty for a missing value, and for anything but text, numbers and dates."""
    is_scalar = np.ndim(cell) == 0 and not isinstance(cell, Set | Mapping | bytes)
    return str(cell) if is_scalar and not pd.isna(cell) else ""


def _refuse_odd_cells(columns: Mapping[str, NDArray[Any]], folder: Path | None = None) -> None:
    """Refuse cells that are no text of one line or number, and names of files in `folder`.

    Zooniverse's client uploads any cell that is a file. It joins the manifest's folder to each
    cell, so that an empty cell is that folder.
    """
    for name, column in columns.items():
        cells = pd.Series(column).map(_cell_text)
        for row, cell in cells.drop_duplicates().items():
            is_odd = not cell.strip() or not cell.isprintable()
            if is_odd or (folder and os.path.exists(folder / cell)):
                raise ValueError(
                    "`metadata` must be text of one line or numbers, not empty, and not the name "
                    f"of a file. Got {cell!r} in row {row} of {name!r}."
                )
