"""Damage to a whole file, and what becomes of a call that reads it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DAMAGES = {
    "a bit flipped": lambda data, at, rng: (
        data[:at] + bytes([data[at] ^ 1 << rng.integers(8)]) + data[at + 1 :]
    ),
    "a stretch of zeros": lambda data, at, _: data[:at] + bytes(100) + data[at + 100 :],
    "a stretch of noise": lambda data, at, rng: data[:at] + rng.bytes(100) + data[at + 100 :],
    "cut": lambda data, at, _: data[:at],
}
SHARES = (0.7, 0.1, 0.1, 0.1)  # how often each of them is tried


def damaged(content: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """A kind of damage, and the content with it at a random place."""
    kind = str(rng.choice(list(DAMAGES), p=SHARES))
    return kind, DAMAGES[kind](content, int(rng.integers(len(content))), rng)


def outcome(call: Callable[[], Any], expected: Any, path: Path) -> str:
    """Outcome of a call: the same result, a refusal that names `path`, or something else."""
    try:
        return "same" if call() == expected else "another result"
    except (ValueError, OSError) as error:
        return "refused" if str(path) in str(error) else f"{type(error).__name__}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


class Tally:
    """Counts of outcomes by kind, and the escapes: what is neither "same" nor "refused"."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.escapes: list[str] = []

    def add(self, kind: str, found: str) -> None:
        """Count one outcome."""
        is_escape = found not in ("same", "refused")
        self.counts.setdefault(kind, Counter())["escape" if is_escape else found] += 1
        if is_escape:
            self.escapes.append(f"{kind}: {found}")
