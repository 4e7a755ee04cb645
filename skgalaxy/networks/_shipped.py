"""The trunk that ships: weights of a network that has learned from simulated galaxies.

``benchmarks/pretrain_trunk.py`` made it. Its arrays are in ``weights/galaxies.npz``, and how they
were made is in ``weights/galaxies.json``, with the digest of the arrays' file.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skgalaxy import __version__

__all__ = ["SHIPPED", "TRUNK_SIZE", "load_trunk", "resized", "save_trunk", "start_from_trunk"]

TRUNK_SIZE = 64  # pixels of the pictures that it has learned from, in each direction
_SMALLEST = 16  # pixels of a picture that shows what a galaxy is
SHIPPED = Path(__file__).parent / "weights" / "galaxies.npz"
_FORMAT = 1

Weights = list[list[NDArray[np.float32]]]  # of every layer that has some: kernel and bias


def save_trunk(path: Path, trunk: Sequence[keras.layers.Layer], provenance: dict[str, Any]) -> None:
    """Write the weights of layers, float16, and their provenance beside them, as JSON."""
    weights = [layer.get_weights() for layer in trunk if layer.weights]
    arrays = {
        f"{number:02}/{name}": array.astype(np.float16)
        for number, layer in enumerate(weights)
        for name, array in zip(("kernel", "bias"), layer, strict=True)
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    notes = {
        "format": _FORMAT,
        "sha256": _digest(buffer.getvalue()),
        "skgalaxy": __version__,
        **provenance,
    }
    path.with_suffix(".json").write_text(json.dumps(notes, indent=1) + "\n")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@cache
def load_trunk(path: Path) -> Weights:
    """Weights of every layer of a trunk, in the order of the network.

    Raises
    ------
    RuntimeError
        If the files are missing, damaged, or of another version.
    """
    try:
        notes = json.loads(path.with_suffix(".json").read_text())
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise RuntimeError(f"{_RULE} Got {type(error).__name__}: {error}; {_REMEDY}") from error
    if not isinstance(notes, dict) or notes.get("format") != _FORMAT:
        got = notes.get("format") if isinstance(notes, dict) else type(notes).__name__
        raise RuntimeError(
            f"The shipped weights must be of format {_FORMAT}. Got {got!r} in "
            f"{path.with_suffix('.json')}; {_REMEDY}"
        )
    if _digest(content) != notes.get("sha256"):
        raise RuntimeError(f"{_RULE} Got another content of {path}; {_REMEDY}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names = sorted({name.partition("/")[0] for name in arrays})
        return [
            [arrays[f"{name}/{part}"].astype(np.float32) for part in ("kernel", "bias")]
            for name in names
        ]


_RULE = "The shipped weights must be whole, as they were installed."
_REMEDY = "install skgalaxy again."


def resized(images: Any) -> Any:
    """Images of the size that the trunk has learned from.

    Raises
    ------
    ValueError
        If they are no pictures, not square, or too small.
    """
    shape = tuple(images.shape[1:])
    if len(shape) != 3 or shape[0] != shape[1] or shape[0] < _SMALLEST:
        raise ValueError(
            "Images must be square pictures of at least "
            f"{_SMALLEST} x {_SMALLEST} pixels to start from the weights of galaxies. "
            f"Got shape {shape}; crop or pad them, or set network=None for random weights."
        )
    if shape[0] == TRUNK_SIZE:
        return images
    # antialias: a large picture would else lose every pixel between those that are looked at
    to_size = keras.layers.Resizing(
        TRUNK_SIZE, TRUNK_SIZE, antialias=True, data_format="channels_last"
    )
    return to_size(images)


def start_from_trunk(network: keras.Model) -> None:
    """Give all layers of `network` but the last the weights of the shipped trunk.

    The first kernel is of grey pictures: bands share it, and so start as their mean.

    Raises
    ------
    ValueError
        If the layers are not those of the trunk.
    """
    trunk = load_trunk(SHIPPED)
    mine = [layer for layer in network.layers if layer.weights][:-1]
    shapes = [[tuple(x.shape) for x in layer.weights] for layer in mine]
    n_bands = shapes[0][0][-2] if shapes and len(shapes[0][0]) == 4 else 1
    weights = [[np.repeat(trunk[0][0], n_bands, axis=2) / n_bands, trunk[0][1]], *trunk[1:]]
    if shapes != [[x.shape for x in layer] for layer in weights]:
        raise ValueError(
            "`filters` and `dense_units` must stay as published to start from `weights`. "
            "Got layers of other shapes; leave them as they are, or set `weights` to None."
        )
    for layer, values in zip(mine, weights, strict=True):
        layer.set_weights(values)
