"""Damaged inputs of every kind, each read or refused, and never more.

Every part damages whole inputs at random and counts what becomes of them. An *escape* is an error
that is not the documented one, or something that takes longer than 90 seconds. A part is a
function of the number of inputs, a generator and a folder; it returns counts by kind, and the
escapes. The part `inputs` damages no file: it gives bad values to functions and commands.
"""

from _report import Target, finish, parser, print_table  # first: quietens TensorFlow

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _fuzz_checkpoint
import _fuzz_images
import _fuzz_inputs
import _fuzz_ledger
import _fuzz_store
import numpy as np

PARTS = {
    "images": (_fuzz_images.fuzz, 10_000),
    "ledger": (_fuzz_ledger.fuzz, 5_000),
    "checkpoint": (_fuzz_checkpoint.fuzz, 3_000),
    "store": (_fuzz_store.fuzz, 3_000),
    "inputs": (_fuzz_inputs.fuzz, 5_000),
}  # and how many inputs


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument("parts", nargs="*", default=[*PARTS], help="of " + ", ".join(PARTS))
    options.add_argument("--seed", type=int, default=0, help="of the damage")
    options = options.parse_args()
    figures, targets = {}, []
    for name in options.parts:
        fuzz, n = PARTS[name]
        n = n // 100 if options.quick else n
        with tempfile.TemporaryDirectory() as folder:
            rng = np.random.default_rng(options.seed)
            counts, escapes = fuzz(n, rng, Path(folder))
        print_table(_table(name, counts))
        for escape in escapes:
            print(escape)
        figures[name] = {"n": n, "counts": counts, "escapes": escapes}
        targets += _targets(name, counts, escapes)
    finish(options, None, figures, targets)


def _targets(name: str, counts: dict[str, Any], escapes: Sequence[Any]) -> list[Target]:
    """Targets of a part: no escape, and of bad inputs at most 3 % are unclear."""
    every = sum(counts.values(), Counter())
    n = every.total()
    if name != "inputs":
        return [Target(f"escapes of {n} {name}", np.array([len(escapes)]), 0)]
    return [
        Target(
            f"accepted or hanging of {n} inputs", np.array([every["accepted"] + every["hang"]]), 0
        ),
        Target(f"% clear of {n} inputs", np.array([100 * every["clear"] / n]), 97, at_least=True),
    ]


def _table(name: str, counts: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return rows of a table: what became of each kind, and of all."""
    outcomes = sorted(set().union(*counts.values()))
    rows = {**counts, "all": sum(counts.values(), Counter())}
    head = (name, "tried", *outcomes)
    return [head, *((kind, sum(c.values()), *(c[o] for o in outcomes)) for kind, c in rows.items())]


if __name__ == "__main__":
    main()
