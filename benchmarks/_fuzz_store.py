"""Damaged stores of packed images: refused, or mended to the same pixels."""

import shutil
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _damage import Tally, damaged, outcome
from PIL import Image

from skgalaxy.images import open_images, pack_images

N_IMAGES, N_BROKEN, SIZE = 12, 2, 16


def write_pictures(folder: Path) -> list[Path]:
    """Write pictures of noise, and some broken files, and return all paths."""
    rng, paths = np.random.default_rng(0), []
    for number in range(N_IMAGES):
        paths.append(str(folder / f"{number}.png"))
        Image.fromarray(rng.integers(0, 256, (SIZE, SIZE), dtype=np.uint8)).save(paths[-1])
    for path in paths[:N_BROKEN]:
        with open(path, "wb") as file:
            file.write(b"no picture")
    return paths


def read(store: Path) -> tuple[bytes, str]:
    """Read with all checksums, and return the pixels and the table of files."""
    images, files = open_images(store, verify=True, return_files=True)
    return images.tobytes(), files.to_json()


def pack(paths: Sequence[Path], store: Path) -> tuple[bytes, str]:
    """Pack again, which mends or goes on, and read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the broken files
        pack_images(paths, store, size=SIZE, n_jobs=1)
    return read(store)


def half_done(whole: Any) -> dict[str, bytes]:
    """Files of a store as a kill leaves them, without half of the images."""
    kept = N_IMAGES // 2
    images, checksums = whole["images.npy"], whole["checksums.npy"]
    return {
        "images.npy.partial": images[: -(SIZE**2) * kept] + bytes(SIZE**2 * kept),
        "checksums.npy": checksums[: -4 * kept] + bytes(4 * kept),
        "store.json": whole["store.json"],
    }


def fuzz(n: int, rng: np.random.Generator, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Damage a file of a store `n` times, each time whole before; read it, or pack it again."""
    tally, paths, store = Tally(), write_pictures(folder), folder / "pool"
    expected = pack(paths, store)
    whole = {path.name: path.read_bytes() for path in store.iterdir()}
    ways = {
        "read": (whole, partial(read, store)),
        "packed again": (whole, partial(pack, paths, store)),
        "gone on with": (half_done(whole), partial(pack, paths, store)),
    }
    for number in range(n):
        way = list(ways)[number % len(ways)]
        files, call = ways[way]
        name = str(rng.choice(list(files)))
        kind, content = damaged(files[name], rng)
        shutil.rmtree(store)
        store.mkdir()
        for file, intact in files.items():
            (store / file).write_bytes(content if file == name else intact)
        tally.add(f"{name}, {kind}, {way}", outcome(call, expected, store))
    return tally.counts, tally.escapes
