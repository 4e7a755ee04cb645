"""Optional dependencies: import them where they are used, or say how to install them."""

import importlib
from typing import Any


def require(module_name: str, extra: str, *, for_: str) -> Any:
    """Import an optional dependency.

    Parameters
    ----------
    module_name : str
        The module to import, for example "galsim" or "matplotlib.pyplot".
    extra : str
        The extra of skgalaxy that installs it.
    for_ : str
        The public function or class that needs it. Your user reads this name in the error.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        If the package is not installed.

    Examples
    --------
    >>> from skgalaxy._optional import require
    >>> require("json", "simulate", for_="make_galaxies").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        package = module_name.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # installed, but broken: its own message says more than ours would
        raise ImportError(
            f"`{for_}` needs {package}, which is not installed: pip install {package} "
            f"(skgalaxy's extra [{extra}] brings it)."
        ) from error
