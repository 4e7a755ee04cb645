"""The data home, the folder of the data sets that the fetchers download."""

import os
import shutil
from pathlib import Path

from skgalaxy.datasets._registry import GALAXY_ZOO_2_FILES, GZ_DECALS_FILES

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
    """Delete the data sets that were fetched, and nothing else.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder, as for `get_data_home`. It is deleted too if you keep nothing else in it.

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
    # By name: the folder may hold other files of yours.
    for published in (GALAXY_ZOO_2_FILES, GZ_DECALS_FILES):
        folder = home / published.name
        if folder.is_dir():
            shutil.rmtree(folder)
    if not any(home.iterdir()):
        home.rmdir()
