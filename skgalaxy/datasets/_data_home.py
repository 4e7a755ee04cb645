"""The data home, the folder of the data sets that the fetchers download."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from skgalaxy._files import remove_partials
from skgalaxy.datasets._download import IMAGES, record_path
from skgalaxy.datasets._registry import GALAXY_ZOO_2_FILES, GZ_DECALS_FILES, Published

__all__ = ["clear_data_home", "get_data_home"]


def get_data_home(data_home: str | os.PathLike[str] | None = None) -> str:
    """Folder of the fetched data sets.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder, if you want another one. None takes the environment variable
        SKGALAXY_DATA_HOME, or else ``~/skgalaxy_data``.

    Returns
    -------
    data_home : str
        The folder, with ``~`` expanded. It is made if it does not exist.

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


def clear_data_home(data_home: str | os.PathLike[str] | None = None) -> None:
    """Delete the files that were fetched, and nothing else.

    They are the published files and parts of them, the records of their checksums, and the images
    that were unpacked from the archives beside them. Files of yours stay, also in the same folders.
    If you have deleted an archive, the images from it cannot be told from yours, and stay.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder, as for `get_data_home`. Folders that are left empty are deleted too.

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
    home = Path(get_data_home(data_home))
    for published in (GALAXY_ZOO_2_FILES, GZ_DECALS_FILES):
        folder = home / published.name
        # a list: names of images come from the archives, which are among the files
        for path in list(_fetched(published, folder)):
            path.unlink(missing_ok=True)
        if folder.is_dir():  # killed downloads leave parts of files
            for name in (*published.registry, IMAGES):
                remove_partials(folder / name)
        _remove_empty(folder)
    if not any(home.iterdir()):
        home.rmdir()


def _fetched(published: Published, folder: Path) -> Iterator[Path]:
    """Paths of the files of a data set that the fetchers write into `folder`."""
    for name in published.registry:
        yield folder / name
        yield record_path(folder / name)
    for name in published.images:
        if zipfile.is_zipfile(folder / name):
            with zipfile.ZipFile(folder / name) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
            for member in members:
                # as zipfile unpacks it: a name cannot lead out of the folder
                parts = [part for part in member.filename.split("/") if part not in ("", ".", "..")]
                path = folder.joinpath(IMAGES, *parts)
                # nor may a link in the folder, which is not of the archive
                if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                    yield path


def _remove_empty(folder: Path) -> None:
    """Delete the empty folders in `folder`, and then itself; a link to a folder stays."""
    if not folder.is_dir():
        return
    inside = [Path(root) for root, _, _ in os.walk(folder, topdown=False)]
    for path in [*inside, folder]:
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
