"""What the benchmark scripts share: options, timing side by side, targets, a table, JSON."""

import argparse
import json
import os
import platform
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import ArrayLike, NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import skgalaxy


def parser(doc: str | None) -> ArgumentParser:
    """Return a parser with the options of every script; the rest of `doc` is its help."""
    options = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    options.add_argument(
        "--check", action="store_true", help="exit with 1 if a target is missed beyond noise"
    )
    return options


def timed(work: Callable[..., Any]) -> float:
    """Return the seconds that one call of `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def side_by_side(works: Mapping[Any, Callable[[], Any]], repeats: int) -> dict[Any, NDArray[Any]]:
    """Return the seconds of `repeats` calls of each of `works`, by name.

    They take turns, each time in another order, after one call each to warm up: what slows the
    machine for a while slows all of them.
    """
    for work in works.values():
        work()
    taken = {name: [] for name in works}
    rng = np.random.default_rng(0)
    for _ in range(repeats):
        for name in rng.permutation(list(works)):
            taken[name].append(timed(works[name]))
    return {name: np.array(seconds) for name, seconds in taken.items()}


class Target(NamedTuple):
    """A ratio (or size) per repeat, and what its median should at most, or at least, be."""

    what: str
    values: ArrayLike
    limit: float
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """Return "met", "missed", or "missed within noise" if a quarter of the repeats meet it."""
        sign = -1 if self.at_least else 1
        values, limit = sign * np.asarray(self.values), sign * self.limit
        if np.median(values) <= limit:
            return "met"
        return "missed within noise" if np.quantile(values, 0.25) <= limit else "missed"

    def row(self) -> tuple[str, ...]:
        """Return the cells of a table."""
        values = np.asarray(self.values, dtype=float)
        spread = f"{_short(values.min())} to {_short(values.max())}" if values.size > 1 else ""
        bound = f"{'>=' if self.at_least else '<='} {self.limit:g}"
        return self.what, _short(np.median(values)), spread, bound, self.verdict


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def reset_peak() -> None:
    """Forget the peak of memory that the process has held (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def status_mb(key: str) -> float:
    """Return an entry of Linux' /proc/self/status in MB: VmRSS is held now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024 / 1e6


def print_table(table: Sequence[Sequence[Any]]) -> None:
    """Print rows of cells, the first its head, as Markdown."""
    widths = [max(len(str(row[i])) for row in table) for i in range(len(table[0]))]
    for number, row in enumerate(table):
        cells = [f"{cell!s:<{width}}" for cell, width in zip(row, widths, strict=True)]
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print()


def machine(quick: bool = False) -> dict[str, Any]:
    """Return what the figures depend on."""
    packages = ("keras", "numpy", "scikit-learn", "tensorflow")
    n = 200 if quick else 2000
    a = np.random.default_rng(0).normal(size=(n, n)).astype("float32")
    rate = 2 * n**3 / min(timed(lambda: a @ a) for _ in range(6)) / 1e9
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "float32 matrix product, Gflop/s": round(rate),
        "python": platform.python_version(),
        "skgalaxy": skgalaxy.__version__,
        **{name: version(name) for name in packages},
    }


def _processor() -> str:
    """Return the processor's name as Linux knows it, and whether it has bfloat16."""
    file = Path("/proc/cpuinfo")
    text = file.read_text() if file.exists() else ""
    names = [line.split(": ")[1] for line in text.splitlines() if line.startswith("model name")]
    native = "with" if "avx512_bf16" in text or "amx_bf16" in text else "without"
    return f"{names[0] if names else platform.processor()} ({native} bfloat16)"


def finish(
    options: Namespace,
    table: Sequence[Sequence[Any]] | None,
    figures: Any,
    targets: Sequence[Target] = (),
) -> None:
    """Print table and targets, write the JSON if asked for, and exit with 1 if `--check` says so.

    Sizes of ``--quick`` prove nothing: targets are shown for them, but not checked.
    """
    if table:
        print_table(table)
    if targets:
        head = ("target", "median", "of repeats", "wanted", "")
        print_table([head, *(target.row() for target in targets)])
    host = machine(options.quick)
    print(", ".join(f"{key} {value}" for key, value in host.items()))
    print(f"command: python {' '.join(sys.argv)}")
    if options.json:
        figures = {
            "machine": host,
            **figures,
            "targets": [{**target._asdict(), "verdict": target.verdict} for target in targets],
        }
        options.json.write_text(json.dumps(figures, indent=1, default=np.ndarray.tolist) + "\n")
    if options.check and not options.quick and any(t.verdict == "missed" for t in targets):
        sys.exit(1)
