"""`save` and `load`: a model, its metadata, and the code that it may import."""

import json
import os
import warnings
from collections.abc import Collection
from importlib.metadata import version
from typing import Any, Literal, overload

from sklearn.utils.validation import check_is_fitted

from skgalaxy import __version__
from skgalaxy._files import check_path
from skgalaxy._validation import check_bool
from skgalaxy.exceptions import ModelVersionWarning
from skgalaxy.persistence._archive import DamagedFileError, read_archive, write_archive
from skgalaxy.persistence._plain import code_names, flatten, rebuild

__all__ = ["load", "read_model", "save", "warn_of_version"]

_FORMAT = "skgalaxy model 1"
_LIBRARIES = ("keras", "numpy", "scikit-learn", "tensorflow")
_VERSIONS = "versions"  # in metadata


def save(
    model: Any, path: str | os.PathLike[str], *, metadata: dict[str, Any] | None = None
) -> None:
    """Write a fitted model to a file that runs no code when it is read.

    The file holds all that a pickle would: you can predict with the loaded model, and go on
    training it.

    Parameters
    ----------
    model : estimator
        A fitted `BayesianCNNRegressor`, `CalibratedRegressorCV`, or a Pipeline that ends in one.
        Its other steps may be an `ImageLoader`, scalers and PCA of scikit-learn, or of your own.
    path : str or path-like
        The file to write, for example ``"bars.skgalaxy"``. An existing file is replaced.
    metadata : dict, default=None
        Your notes, for example ``{"survey": "DECaLS"}``: numbers, text, and lists and dicts of
        these. They are kept beside the versions of the libraries.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If it holds something that cannot be kept, for example a lambda as `network` or callbacks.
    OSError
        If the file cannot be written. The message names it.

    See Also
    --------
    load : Reads the file.

    Notes
    -----
    A function or class of your own, for example a `network`, must be in a module: the file holds
    only its name. `load` compares the network that the name gives with the one that was trained.
    Requests for metadata, such as ``set_fit_request``, are not kept: make them again.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import skgalaxy
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(40, 8, 8)), rng.binomial(1, 0.5, size=(40, 1)) * [1, 0] + [0, 1]
    >>> model = skgalaxy.BayesianCNNRegressor(epochs=1, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "bars.skgalaxy")
    ...     skgalaxy.save(model, path, metadata={"survey": "DECaLS"})
    ...     loaded, metadata = skgalaxy.load(path, return_metadata=True)
    >>> bool((loaded.predict(X) == model.predict(X)).all()), metadata["survey"]
    (True, 'DECaLS')
    """
    check_path(path, "path")
    check_is_fitted(model)
    versions = {"skgalaxy": __version__, **{name: version(name) for name in _LIBRARIES}}
    notes = {**_checked({} if metadata is None else metadata), _VERSIONS: versions}
    tree, arrays = flatten(model, "model")
    write_archive(path, {"format": _FORMAT, "metadata": notes, "model": tree}, arrays)


@overload
def load(
    path: str | os.PathLike[str],
    *,
    trusted: Collection[str] = (),
    return_metadata: Literal[False] = False,
) -> Any: ...
@overload
def load(
    path: str | os.PathLike[str],
    *,
    trusted: Collection[str] = (),
    return_metadata: Literal[True],
) -> tuple[Any, dict[str, Any]]: ...
def load(
    path: str | os.PathLike[str],
    *,
    trusted: Collection[str] = (),
    return_metadata: bool = False,
) -> Any:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : collection of str, default=()
        Full names of the code of yours that may be imported, for example
        ``["my_networks.small"]``. Without them, a model that needs such code is refused, and the
        message names it.
    return_metadata : bool, default=False
        Return the metadata, too.

    Returns
    -------
    model : estimator
        It predicts the same to the last bit on the same machine.
    metadata : dict
        The notes given to `save`, and under "versions" the libraries that wrote the file; only
        with ``return_metadata=True``.

    Raises
    ------
    ValueError
        If it is no file of `save`, or damaged; if it needs code that you do not trust; or if the
        code of its network has changed since it was trained.
    ImportError
        If code that you trust cannot be imported.
    OSError
        If the file cannot be read.

    Warns
    -----
    ModelVersionWarning
        If another version of skgalaxy wrote the file.

    See Also
    --------
    save : Writes the file, with an example.

    Examples
    --------
    >>> import skgalaxy
    >>> skgalaxy.load("setup.cfg")
    Traceback (most recent call last):
        ...
    ValueError: `path` must be a model that `save` wrote. Got 'setup.cfg', which is no such file...
    """
    check_bool(return_metadata, "return_metadata")
    is_list = isinstance(trusted, list | tuple | set | frozenset)
    if not (is_list and all(isinstance(name, str) for name in trusted)):
        raise TypeError(f"`trusted` must be a list of names. Got {trusted!r:.60}.")
    model, metadata = read_model(path, trusted, "`path` must be a model that `save` wrote")
    return (model, metadata) if return_metadata else model


def read_model(
    path: str | os.PathLike[str], trusted: Collection[str], rule: str
) -> tuple[Any, dict[str, Any]]:
    """Model and metadata of a file; `rule` begins the message if it is no file of ours."""
    rule = f"{rule}. Got {os.fspath(check_path(path, 'path'))!r}"
    try:
        document, arrays = read_archive(path)
        tree, metadata = _opened(document)
        _check_trusted(tree, trusted)
        warn_of_version("model", metadata[_VERSIONS]["skgalaxy"], 4)  # the caller of `load`
        model = rebuild(tree, arrays, "model")
        if not hasattr(model, "predict"):
            raise DamagedFileError("which holds no estimator")
    except DamagedFileError as error:
        raise ValueError(f"{rule}, {error}.") from error
    except (ImportError, OSError, ValueError, Warning):
        raise  # a sentence of its own, for example on a network that has changed
    except Exception as error:  # TensorFlow has errors of its own
        # its checksums are right: it was made by hand, or by another version
        raise ValueError(
            f"{rule}, with parts that this skgalaxy does not know ({error!r})."
        ) from error
    return model, metadata


def _checked(notes: Any) -> dict[str, Any]:
    """Refuse notes that would come back as others, for example a tuple as a list."""
    try:
        come_back = json.loads(json.dumps(notes, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        come_back = None
    if not isinstance(notes, dict) or come_back != notes:
        raise ValueError(
            "`metadata` must be a dict of finite numbers, text, lists and dicts by text, as JSON "
            f"has. Got {notes!r:.100}."
        )
    if _VERSIONS in notes:
        raise ValueError(
            f"`metadata` must leave {_VERSIONS!r} to the library. Got it as a key; choose another."
        )
    return notes


def _opened(document: Any) -> tuple[Any, dict[str, Any]]:
    """Model and metadata of a document."""
    found = document.get("format") if isinstance(document, dict) else None
    if found != _FORMAT:
        raise DamagedFileError(f"whose format is {found!r}, and this skgalaxy reads {_FORMAT!r}")
    return document["model"], document["metadata"]


def _check_trusted(tree: Any, trusted: Collection[str]) -> None:
    """Refuse code that is not trusted, before any of it is imported."""
    if names := sorted(set(code_names(tree)) - set(trusted)):
        listed = ", ".join(map(repr, names))
        raise ValueError(
            f"`trusted` must name the code that the model needs. Got a model of {listed}; if you "
            f"trust that code, give trusted=[{listed}] to skgalaxy.load, which imports it."
        )


def warn_of_version(what: str, saved_by: str, stacklevel: int = 3) -> None:
    """Warn if another version of skgalaxy saved a model."""
    if saved_by != __version__:
        warnings.warn(
            f"This {what} was saved by skgalaxy {saved_by} and is loaded by {__version__}: its "
            "predictions may differ. Fit it again to be safe.",
            ModelVersionWarning,
            stacklevel=stacklevel,
        )
