"""What the benchmark scripts share: options, a table, the figures as JSON."""

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


def parser(doc):
    """Return a parser with the options of every script; the rest of `doc` is its help."""
    options = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    return options


def seconds(work, repeats):
    """Return the seconds of each of `repeats` calls of `work`, after one to warm up."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return np.array(taken)


def machine():
    """Return what the figures depend on."""
    packages = ("keras", "numpy", "scikit-learn", "skgalaxy", "tensorflow")
    n = 2000
    a = np.random.default_rng(0).normal(size=(n, n)).astype("float32")
    rate = 2 * n**3 / seconds(lambda: a @ a, 5).min() / 1e9
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "float32 matrix product, Gflop/s": round(rate),
        **{name: version(name) for name in packages},
    }


def finish(options, table, figures):
    """Print the table (rows of cells, the first its head); write the JSON if it was asked for."""
    widths = [max(len(str(row[i])) for row in table) for i in range(len(table[0]))]
    for number, row in enumerate(table):
        cells = [f"{cell!s:<{width}}" for cell, width in zip(row, widths, strict=True)]
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    host = machine()
    print("\n" + ", ".join(f"{key} {value}" for key, value in host.items()))
    print(f"command: python {' '.join(sys.argv)}")
    if options.json:
        options.json.write_text(json.dumps({"machine": host, **figures}, indent=1) + "\n")
