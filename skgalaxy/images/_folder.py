"""Folders of images: files that images are called by, and their galaxies' ids."""

import os
from pathlib import Path

from skgalaxy.images._opening import SUFFIXES

__all__ = ["find_images"]


def find_images(folder: Path, name: str) -> tuple[dict[str, Path], list[str]]:
    """Image files of a folder, and of those in it, by the galaxies' ids.

    An id is a file's name without its suffix. Hidden files and folders are not looked at.

    Parameters
    ----------
    folder : path
    name : str
        The public parameter that gives the folder, for messages.

    Returns
    -------
    files : dict of str to path
    others : list of str
        Files of other suffixes, from the folder.
    """
    files: dict[str, Path] = {}
    others: list[str] = []
    for path in _files_in(folder):
        id_ = _image_id(path)
        if id_ is None:
            others.append(str(path.relative_to(folder)))
            continue
        other = files.setdefault(id_, path)
        if other != path:
            raise ValueError(
                f"`{name}` must hold one file of each galaxy. Got "
                f"{str(other.relative_to(folder))!r} and {str(path.relative_to(folder))!r} in "
                f"{str(folder)!r}; remove or rename one."
            )
    return files, others


def _files_in(folder: Path) -> list[Path]:
    """Files of a folder and of all below it, sorted, hidden ones left out."""

    def fail(error: OSError) -> None:
        raise error  # `walk` would pass over folders that it may not read

    found: list[Path] = []
    # Links to folders are not followed, for they may lead in a circle: they count as files.
    for where, folders, files in os.walk(folder, onerror=fail):
        links = [name for name in folders if os.path.islink(os.path.join(where, name))]
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(where, name) for name in files + links if not name.startswith(".")]
    return sorted(found)


def _image_id(path: Path) -> str | None:
    """Galaxy's id in the name of an image file, or None for another file."""
    # the longest suffix: that of a.fits.gz is .fits.gz
    suffix = max((end for end in SUFFIXES if path.name.lower().endswith(end)), key=len, default="")
    return path.name.removesuffix(path.name[-len(suffix) :]) if suffix else None
