"""Optional dependencies: import them where they are used, or say how to install them."""

import importlib


def require(module_name, extra, *, for_):
    """Import and return an optional dependency.

    Parameters
    ----------
    module_name : str
        What to import, such as "galsim" or "matplotlib.pyplot".
    extra : str
        The extra of skgalaxy that installs it.
    for_ : str
        Who needs it, as the caller knows it: the name of a public function or class.

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
