"""Results of long studies: a table with a row per task, which is only ever added to."""

import csv
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from _tasks import add_jobs, do_all, share_cores

FOLDER = Path(__file__).parent / "results"
N_SEEDS = 5


class Results:
    """A CSV file with a row per task; a study that is run again skips what is there.

    Parameters
    ----------
    file : Path
        Made with its first row.
    keys : sequence of str
        Columns that name a task, for example data set, setting and seed.
    """

    def __init__(self, file: Path, keys: Iterable[str]) -> None:
        self.file = file
        self.keys = list(keys)

    def table(self) -> pd.DataFrame:
        """All rows."""
        return pd.read_csv(self.file) if self.file.exists() else pd.DataFrame(columns=self.keys)

    def missing(self, tasks: Iterable[tuple]) -> list[tuple]:
        """Tasks without a row."""
        done = set(self.table()[self.keys].astype(str).itertuples(index=False, name=None))
        return [task for task in tasks if tuple(map(str, task)) not in done]

    def add(self, task: tuple, **found: float) -> None:
        """Add the row of a task."""
        row = {**dict(zip(self.keys, task, strict=True)), **found}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.file.exists()
        with self.file.open("a", newline="") as opened:
            writer = csv.DictWriter(opened, list(row), lineterminator="\n")
            if is_new:
                writer.writeheader()
            # one write of a short line: rows of two processes do not mix
            writer.writerow({name: _short(value) for name, value in row.items()})


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def add_options(options: ArgumentParser, name: str) -> None:
    """Add the options of a study that keeps its rows: results, seeds, processes, report."""
    options.add_argument(
        "--results",
        type=Path,
        default=FOLDER / f"{name}.csv",
        help="table of results, whose rows are not computed again; default: %(default)s",
    )
    options.add_argument("--seeds", nargs="+", type=int, default=list(range(N_SEEDS)))
    options.add_argument("--report", action="store_true", help="of the rows that are there only")
    add_jobs(options)


def completed(
    results: Results, tasks: list[tuple], run: Callable, options: Namespace
) -> pd.DataFrame:
    """All rows, after the tasks without one are done; with --report, those that are there."""
    if not options.report:
        share_cores(options)
        do_all(run, results.missing(tasks), options.jobs)
    return results.table()
