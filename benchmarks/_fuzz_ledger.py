"""Damaged ledgers and killed runs: refused, or gone on with to the same result."""

import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from modAL.models import ActiveLearner
from sklearn.linear_model import LinearRegression

from skgalaxy import active, query

N_GALAXIES, N_ROUNDS = 400, 30
DAMAGES = {
    "a bit flipped": lambda data, at, rng: (
        data[:at] + bytes([data[at] ^ 1 << rng.integers(8)]) + data[at + 1 :]
    ),
    "a stretch of zeros": lambda data, at, _: data[:at] + bytes(100) + data[at + 100 :],
    "cut": lambda data, at, _: data[:at],
}


def run(ledger):
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


def read(ledger):
    """Read, and return all that is in the ledger, as text."""
    found = active.read_ledger(ledger)
    return _text(found) + found.run.to_json()


def _text(found):
    return found.rounds.to_json(double_precision=15) + found.asked.to_json(double_precision=15)


def fuzz(n, rng, folder):
    """Damage a ledger `n` times, nine of ten times to read it and once to go on; kill some runs."""
    path = folder / "run.sqlite"
    run(path)
    whole = path.read_bytes()
    expected = {way: way(path) for way in (read, run)}
    counts, escapes = {}, []
    for number in range(n):
        way = run if number % 10 == 0 else read
        damage = rng.choice(list(DAMAGES), p=[0.8, 0.1, 0.1])
        path.write_bytes(DAMAGES[damage](whole, int(rng.integers(len(whole))), rng))
        outcome = _outcome(partial(way, path), expected[way], path)
        counts.setdefault(f"{damage}, {way.__name__}", Counter())[outcome] += 1
        if outcome not in ("refused", "same"):
            escapes.append(f"{damage}, {way.__name__}: {outcome}")
    for number in range(max(2, n // 500)):
        sent = (signal.SIGKILL, signal.SIGTERM)[number % 2]
        outcome = _outcome(partial(_killed, sent, rng, folder), expected[run], folder)
        counts.setdefault(f"runs killed by {sent.name}", Counter())[outcome] += 1
        if outcome != "same":
            escapes.append(f"killed by {sent.name}: {outcome}")
    return counts, escapes


def _outcome(call, expected, path):
    """Outcome of a call: the same result, a refusal, or something else."""
    try:
        return "same" if call() == expected else "another result"
    except (ValueError, OSError) as error:
        return "refused" if str(path) in str(error) else f"{type(error).__name__}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _killed(sent, rng, folder):
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
