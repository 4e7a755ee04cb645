"""An export read row by row: its votes, and a table of the rows that cannot be read."""

import os
import warnings
from collections.abc import Iterator
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from skgalaxy._files import check_path
from skgalaxy._validation import check_choice
from skgalaxy.votes._table_file import check_is_file
from skgalaxy.zooniverse._answers import shown
from skgalaxy.zooniverse._export_file import Cells, RowError, export_rows
from skgalaxy.zooniverse._galaxy_ids import GalaxyIds
from skgalaxy.zooniverse._tally import Script, Tally

__all__ = ["Workflow", "check_export", "check_text", "read_export"]

Votes = TypeVar("Votes")


class Workflow(NamedTuple):
    """Which rows of an export to read."""

    id: str | None
    version: str | None

    @classmethod
    def checked(cls, workflow_id: int | str | None, version: int | str | None) -> "Workflow":
        """Workflow of arguments that a user gave."""
        if isinstance(version, float):
            raise TypeError(
                "`workflow_version` must be text or an integer, because 12.1 and 12.10 are two "
                f"versions. Got {version!r}; put it in quotes."
            )
        for name, value in (("workflow_id", workflow_id), ("workflow_version", version)):
            if isinstance(value, bool) or not isinstance(value, (str, Integral, type(None))):
                raise TypeError(f"`{name}` must be text or an integer. Got {shown(value)}.")
        return cls(*(None if value is None else str(value) for value in (workflow_id, version)))

    def has(self, cells: Cells) -> bool:
        """True if the row is of the workflow, and of its version."""
        version = cells.workflow_version
        return (self.id is None or cells.workflow_id == self.id) and (
            self.version is None
            or version == self.version
            or version.startswith(f"{self.version}.")
        )


def check_export(path: str | Path) -> str:
    """Path of a file that is there."""
    checked = check_path(path, "path")
    check_is_file(checked)
    return os.fspath(checked)


def read_export(
    path: str, script: Script[Any, Votes], ids: GalaxyIds, workflow: Workflow, on_error: str
) -> Any:
    """Votes of an export; with ``on_error="report"`` also the table of the rows left out.

    Users are warned of all that they should know.
    """
    check_choice(on_error, "on_error", ("raise", "report"))
    tally = Tally(path, script, ids)
    unread = _read_rows(tally, workflow, on_error)
    votes = _votes(tally, unread)
    for note in tally.notes:
        warnings.warn(note, UserWarning, stacklevel=3)
    return votes if on_error == "raise" else (votes, unread)


def _read_rows(tally: Tally[Any, Any], workflow: Workflow, on_error: str) -> pd.DataFrame:
    """Add the rows of the workflow to the tally, and tabulate those that cannot be read."""
    unread = []
    for row, number, error in _faults(tally, workflow, on_error == "raise"):
        if on_error == "raise":
            named = f" (classification_id {number[:20]})" if number else ""
            raise ValueError(
                f"`path` must be a whole export. Got {tally.path!r}, whose row {row}{named} {error}"
            ) from error
        unread.append((row, number, str(error)))
    return pd.DataFrame(sorted(unread), columns=["row", "classification_id", "reason"])


def _faults(
    tally: Tally[Any, Any], workflow: Workflow, strict: bool
) -> Iterator[tuple[int, str, RowError]]:
    """Add the rows to the tally; number, classification_id and error of those that are faulty."""
    for row, cells in enumerate(export_rows(tally.path)):
        try:
            if isinstance(cells, RowError):
                raise cells
            if workflow.has(cells):
                tally.add(cells, row)
        except RowError as error:
            number = cells.classification_id if isinstance(cells, Cells) else ""
            yield row, number.encode(errors="backslashreplace").decode(), error
    yield from tally.take_odd(strict)


def _votes(tally: Tally[Any, Votes], unread: pd.DataFrame) -> Votes:
    """Votes of a tally; an error tells of the rows that could not be read, which may explain it."""
    try:
        return tally.votes()
    except ValueError as error:
        if unread.empty:
            raise
        raise ValueError(
            f"{error} Rows that cannot be read: {len(unread)}. The first, row {unread['row'][0]}, "
            f"{unread['reason'][0]}"
        ) from error


def check_text(value: str, name: str) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"`{name}` must be text. Got {value!r}.")
    return value
