"""Active learning with volunteers: ask, wait, learn, ask again, and lose nothing.

`run` takes a modAL learner, a pool and volunteers through the rounds. The pool is a column of row
numbers or paths, so that no pixel is copied: a first step of a pipeline reads them, a `PoolReader`
of `skgalaxy.images` from an array or an `ImageLoader` from files. Volunteers are anything with
``request(ids)`` and ``collect()`` (`Volunteers`): simulated ones, folders that go to the
Zooniverse and exports that come back, or a live service. All that happens is kept in a ledger,
one SQLite file; a run that was killed, or that waits for answers, goes on from it when the same
call is made again.

Bare modAL does as well: learner and strategies are its own, and `run` is only the plumbing.
"""

from skgalaxy.active._control import Comparison, compare_with_random
from skgalaxy.active._file_volunteers import FileVolunteers
from skgalaxy.active._ledger import read_ledger
from skgalaxy.active._loop import Result, run
from skgalaxy.active._stopping import Plateau, Target
from skgalaxy.active._volunteers import SimulatedVolunteers, Volunteers

__all__ = [
    "Comparison",
    "FileVolunteers",
    "Plateau",
    "Result",
    "SimulatedVolunteers",
    "Target",
    "Volunteers",
    "compare_with_random",
    "read_ledger",
    "run",
]
