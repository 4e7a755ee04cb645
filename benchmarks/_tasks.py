"""What the studies share: tasks that leave a file each, and are not done again."""

import os
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import joblib
from tqdm import tqdm

from skgalaxy._files import complete_file

Task = tuple  # the words and numbers that a file is named by


def add_options(options: ArgumentParser) -> None:
    """Add the options of a study that is done task by task."""
    options.add_argument(
        "--resume", type=Path, metavar="FOLDER", help="of finished tasks; default: a new one"
    )
    add_jobs(options)


def add_jobs(options: ArgumentParser) -> None:
    """Add the option of the number of processes."""
    options.add_argument("--jobs", type=int, default=2, help="processes; default: %(default)s")


def share_cores(options: Namespace) -> None:
    """Share out the cores among the processes."""
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(max(1, os.cpu_count() // options.jobs))


def open_folder(options: Namespace) -> Path:
    """Folder of finished tasks, one for small sizes and one for full; shares out the cores."""
    folder = (options.resume or Path(tempfile.mkdtemp())) / ("quick" if options.quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    share_cores(options)
    return folder


def file_of(folder: Path, *task: Any) -> Path:
    """The file of what a task found."""
    return folder / f"{'-'.join(map(str, task)).replace(' ', '_')}.joblib"


def keep(found: Any, file: Path) -> None:
    """Write what a task found; the file is there as a whole or not at all."""
    with complete_file(file) as opened:
        joblib.dump(found, opened)


def kept(file: Path, make: Callable[[], Any]) -> Any:
    """What a file holds; what `make` returns goes there first if it is missing."""
    if not file.exists():
        keep(make(), file)
    return joblib.load(file)


def do_all(run: Callable, tasks: Iterable[Task], n_jobs: int) -> None:
    """Do tasks in several processes, and tell how long each took.

    Each call ``run(*task)`` returns its task and its seconds, and keeps what it found.
    """
    tasks = list(tasks)
    runs = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(
        joblib.delayed(run)(*task) for task in tasks
    )
    for task, seconds in tqdm(runs, total=len(tasks), unit="task"):
        tqdm.write(f"{', '.join(map(str, task))}: {seconds:.0f} s")
