"""Model files as the commands use them.

A file is one of `skgalaxy.save`, which runs no code when it is read: you can hand such files on.
The model is a pipeline from paths to posteriors. In its metadata ``question`` and ``answer`` name
the columns of a catalogue, or ``tree`` the decision tree that it learned; ``n_galaxies`` is the
number of galaxies it was trained on, and ``votes_origin`` says whether their votes were counted, or
reconstructed, or drawn.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skgalaxy.cli._common import hushed, note

if TYPE_CHECKING:  # as in _common.py
    from skgalaxy.images import ImageLoader
    from skgalaxy.votes import DecisionTree

METADATA = {"question": str, "answer": str, "n_galaxies": int}
METADATA_OF_TREE = {"tree": str, "n_galaxies": int}


def load_model(path: Path) -> tuple["ImageLoader", Any, dict[str, Any]]:
    """Loader, estimator and metadata of a file that `train` wrote."""
    from skgalaxy.images import ImageLoader
    from skgalaxy.persistence._model import read_model

    rule = "`MODEL` must be a file that `skgalaxy train` wrote"
    with hushed():  # it imports TensorFlow
        pipeline, metadata = read_model(path, (), rule)
    steps = [step for _, step in getattr(pipeline, "steps", [])]
    whole = (
        len(steps) == 2
        and isinstance(steps[0], ImageLoader)
        and hasattr(steps[1], "predict_posterior")
    )
    needed = METADATA_OF_TREE if whole and tree_of(steps[1]) is not None else METADATA
    missing = [name for name, kind in needed.items() if not _is(kind, metadata.get(name))]
    if not whole or missing:
        lacks = f"{', '.join(missing)} in its metadata" if missing else "an ImageLoader before it"
        raise ValueError(
            f"{rule}. Got {str(path)!r}, a model without {lacks}; train a model first."
        )
    return steps[0], steps[1], metadata


def tree_of(estimator: Any) -> "DecisionTree | None":
    """Decision tree that a fitted estimator has learned; None if it has learned one question."""
    from skgalaxy.query._learners import fitted_estimators

    return getattr(fitted_estimators(estimator)[0], "tree", None)


def n_learned_from(estimator: Any, pixels: Any) -> int:
    """Number of images that a fitted estimator was trained or calibrated on."""
    from skgalaxy.query._learners import was_trained_on

    known = was_trained_on(estimator, pixels)
    if len(getattr(estimator, "held_out_", [])):  # files of earlier versions do not know
        known |= estimator.was_calibrated_on(pixels)
    return int(known.sum())


def _is(kind: type, value: Any) -> bool:
    """True for a number, or for a line of text, which can name columns."""
    return isinstance(value, kind) and str(value).isprintable() and str(value).strip() != ""


def show_progress(estimator: Any, verbose: bool) -> Any:
    """Let an estimator show progress or not, with all that are in it, fitted or not."""
    from skgalaxy.query._learners import fitted_estimators

    for one in (estimator, *fitted_estimators(estimator)):
        names = [name for name in one.get_params() if name.rpartition("__")[2] == "verbose"]
        one.set_params(**dict.fromkeys(names, verbose))
    return estimator


def calibration_of(estimator: Any) -> dict[str, Any]:
    """Entries of a catalogue's header about the calibration of a model's intervals."""
    if not hasattr(estimator, "recalibration_"):
        return {"interval": "not calibrated: expect intervals that are too narrow"}
    n_galaxies = getattr(estimator, "n_calibrated_on_", None)
    if n_galaxies is None:  # saved before estimators knew
        return {"interval": "calibrated on the votes of galaxies held out, not known how many"}
    n_splits = len(estimator.estimators_)
    in_turn = f" in turn, {n_splits} splits" if n_splits > 1 else ""
    said = f"calibrated on the votes of {n_galaxies} galaxies held out{in_turn}"
    return {"interval": said, "n_calibrated_on": n_galaxies}


def say_calibration(estimator: Any, quiet: bool) -> None:
    """Print a note on the calibration of intervals; without one a warning, even if `quiet`."""
    said = calibration_of(estimator)["interval"]
    if said.startswith("not"):
        note(f"skgalaxy: warning: intervals {said}.")
    else:
        note(f"Intervals {said}.", quiet)


def provenance(
    path: Path, estimator: Any, metadata: Mapping[str, Any], n_votes: int
) -> dict[str, Any]:
    """Metadata of a catalogue about its model."""
    with path.open("rb") as file:
        # 16 digits of it: a FITS card does not hold 64
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    origin = metadata.get("votes_origin")  # files of earlier versions do not know
    return {
        "n_votes": n_votes,
        "n_trained_on": metadata["n_galaxies"],
        **({"votes_origin": origin} if _is(str, origin) else {}),
        "model_sha256": digest,
        **calibration_of(estimator),
    }
