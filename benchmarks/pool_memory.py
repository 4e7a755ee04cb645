"""Scoring a pool that does not fit: time and memory against the number of galaxies.

Every number of galaxies is scored in a process of its own, from a memory-mapped file of uint8
images of 64 px, just written and so in the system's cache. Memory is the most that the process
held while scoring (Linux' VmHWM, pages of the file included), above what it held with the packages
imported and nothing done.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _report import (
    Target,
    finish,
    parser,
    reset_peak,
    status_mb,
    timed,
)  # first: quietens TensorFlow
from numpy.typing import NDArray

SIZES = (1000, 10_000, 100_000, 300_000)


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("--precision", default="float32", help="default: %(default)s")
    options.add_argument("--figure", type=Path, metavar="FILE", help="plot time and memory")
    options.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = options.parse_args()
    if options.worker:
        print(json.dumps(score(Path(options.worker[0]), int(options.worker[1]), options.precision)))
        return
    sizes = (200, 1000) if options.quick else SIZES
    with tempfile.TemporaryDirectory() as folder:
        pool = write_pool(Path(folder) / "pool.npy", max(sizes))
        runs = [in_own_process(pool, size, options.precision) for size in sizes]
    table: list[tuple[Any, ...]] = [
        ("galaxies", "seconds", "galaxies/s", "memory above idle, MB", "of it scores, %")
    ]
    for size, run in zip(sizes, runs, strict=True):
        table.append(
            (f"{size:,}", f"{run['seconds']:.1f}", f"{size / run['seconds']:.0f}")
            + (f"{run['memory_mb']:.0f}", f"{100 * run['score_seconds'] / run['seconds']:.2f}")
        )
    memory = np.array([run["memory_mb"] for run in runs])
    seconds = np.array([run["seconds"] for run in runs])
    exponent = np.log(seconds[-1] / seconds[-2]) / np.log(sizes[-1] / sizes[-2])
    share = np.array([run["score_seconds"] / run["seconds"] for run in runs[1:]])
    print(f"Memory-mapped images of 64 px, 50 draws, {options.precision}\n")
    targets = [
        Target("memory above idle at most, MB", memory.max(keepdims=True), 1000),
        Target("its growth over the last step, MB", (memory[-1:] - memory[-2:-1]), 50),
        Target("time grows with galaxies to the power", np.array([exponent]), 1.05),
        Target("share of mutual information", share, 0.03),
    ]
    if options.figure:
        plot(sizes, seconds, memory, options.figure)
    finish(options, table, {"sizes": sizes, "runs": runs}, targets)


def write_pool(path: Path, n_galaxies: int) -> Path:
    """Write a file of random images, a thousand at a time."""
    pool = np.lib.format.open_memmap(path, "w+", np.uint8, (n_galaxies, 64, 64))
    rng = np.random.default_rng(0)
    for start in range(0, n_galaxies, 1000):
        stop = min(start + 1000, n_galaxies)
        pool[start:stop] = rng.integers(0, 256, (stop - start, 64, 64), dtype=np.uint8)
    pool.flush()
    return path


def in_own_process(pool: Path, size: int, precision: str) -> dict[str, float]:
    """Return the figures of `score` from a process of its own."""
    command = [sys.executable, __file__, "--worker", str(pool), str(size), "--precision", precision]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def score(path: Path, size: int, precision: Any) -> dict[str, float]:
    """Score the first `size` galaxies of the pool."""
    from skgalaxy import BayesianCNNRegressor, VotePosterior, query

    idle = status_mb("VmRSS")
    pool = np.load(path, mmap_mode="r")
    model = BayesianCNNRegressor(epochs=1, precision=precision, random_state=0)
    model.fit(np.array(pool[:64]), np.linspace(0, 1, 64))
    spent = []

    def mutual_information(posterior: Any, n_votes: Any) -> NDArray[Any]:
        scores = []
        spent.append(
            timed(lambda: scores.append(VotePosterior.mutual_information(posterior, n_votes)))
        )
        return scores[0]

    reset_peak()
    seconds = timed(lambda: query.score_pool(model, pool[:size], mutual_information, verbose=True))
    return {
        "seconds": seconds,
        "score_seconds": sum(spent),
        "idle_mb": idle,
        "memory_mb": status_mb("VmHWM") - idle,
    }


def plot(sizes: Sequence[int], seconds: NDArray[Any], memory: NDArray[Any], path: Path) -> None:
    """Plot time and memory against the number of galaxies."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(sizes, seconds, "o-")
    left.plot(sizes, seconds[-1] * np.array(sizes) / sizes[-1], "--", color="grey", label="linear")
    left.set(xscale="log", yscale="log", xlabel="galaxies", ylabel="seconds")
    left.legend()
    right.plot(sizes, memory, "o-", label="held at most, above idle")
    right.plot(sizes, np.array(sizes) * 4096 / 1e6, "--", color="grey", label="size of the pool")
    right.set(xscale="log", ylim=(0, 1300), xlabel="galaxies", ylabel="MB")
    right.legend()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
