"""Damaged ledgers and killed runs: refused, or gone on with to the same result."""

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _damage import Tally, damaged, outcome
from modAL.models import ActiveLearner
from sklearn.linear_model import LinearRegression

from skgalaxy import active, query

N_GALAXIES, N_ROUNDS = 400, 30


def run(ledger: str | Path) -> str:
    """Run, or go on, and return all that is in the result, as text."""
    pool = np.arange(N_GALAXIES)[:, None]
    volunteers = active.SimulatedVolunteers(range(N_GALAXIES), np.linspace(0, 1, N_GALAXIES))
    result = active.run(
        ActiveLearner(LinearRegression(), query.random_sampling),
        pool,
        volunteers,
        initial=10,
        n_instances=5,
        n_rounds=N_ROUNDS,
        test=(pool + N_GALAXIES, np.linspace(0, 1, N_GALAXIES)),
        scoring={"bias": lambda model, X, y: float(np.mean(model.predict(X)))},
        ledger=ledger,
        random_state=0,
    )
    return _text(result)


def read(ledger: Path) -> str:
    """Read, and return all that is in the ledger, as text."""
    found = active.read_ledger(ledger)
    return _text(found) + found.run.to_json()


def _text(found: Any) -> str:
    return found.rounds.to_json(double_precision=15) + found.asked.to_json(double_precision=15)


def fuzz(n: int, rng: np.random.Generator, folder: Path) -> tuple[Any, list[Any]]:
    """Damage a ledger `n` times, nine of ten times to read it and once to go on; kill some runs."""
    path = folder / "run.sqlite"
    run(path)
    whole = path.read_bytes()
    expected = {way: way(path) for way in (read, run)}
    tally = Tally()
    for number in range(n):
        way = run if number % 10 == 0 else read
        kind, content = damaged(whole, rng)
        path.write_bytes(content)
        tally.add(f"{kind}, {way.__name__}", outcome(partial(way, path), expected[way], path))
    for number in range(max(2, n // 500)):
        sent = (signal.SIGKILL, signal.SIGTERM)[number % 2]
        found = outcome(partial(_killed, sent, rng, folder), expected[run], folder)
        # a run that was killed must go on: a refusal is an escape
        tally.add(
            f"runs killed by {sent.name}", "refused to go on" if found == "refused" else found
        )
    return tally.counts, tally.escapes


def _killed(sent: Any, rng: np.random.Generator, folder: Path) -> str:
    """Kill a run, at any time of its rounds, and go on."""
    path = Path(folder) / "killed.sqlite"
    path.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, __file__, str(path)])
    while not path.exists() and process.poll() is None:
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.3))
    process.send_signal(sent)
    process.wait()
    if path.stat().st_size:
        try:
            active.read_ledger(path)  # whole at any moment
        except ValueError as error:  # killed before its first transaction was done
            if "is empty" not in str(error):
                raise
    return run(path)


if __name__ == "__main__":
    run(sys.argv[1])
