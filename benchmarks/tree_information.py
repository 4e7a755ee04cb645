"""Information over Galaxy Zoo 2's tree: galaxies a second, and errors, of walks and of a question.

The draws are those of a last layer: every galaxy has features, every network weights of its own.
They differ by as much as networks do in practice: "spread" is the median standard deviation over
networks of a vote fraction of the first question. Seconds are of processor time, all threads
together, so that they hold on a busy machine; rates are those of two cores.
"""

from _report import Target, finish, parser  # first: quietens TensorFlow

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgalaxy.acquisition import question_information, walk_information
from skgalaxy.votes import GZ2

N_DRAWS, N_WALKS, CORES = 100, 40, 2
SPREADS = (0.05, 0.1, 0.15)


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__).parse_args()
    n_galaxies, n_exact, repeats = (24, 4, 1) if options.quick else (500, 50, 5)
    table: list[tuple[Any, ...]] = [
        ("of", "spread", "galaxies/s", "of repeats", "nats", "error", "true error / error")
    ]
    rates, errors = {}, {}
    for spread in SPREADS:
        draws = networks(n_galaxies, spread)
        concentrations = np.full((n_galaxies, N_DRAWS, len(GZ2.questions)), 30.0)
        for name, work in ways(concentrations).items():
            taken, found, error = repeated(work, draws, repeats)
            rates[name, spread], errors[name, spread] = CORES * n_galaxies / taken, error
            ratio = true_error(work, draws[:n_exact], options.quick) if error.any() else np.nan
            table.append(
                (name, f"{spread:g}", f"{np.median(rates[name, spread]):,.0f}")
                + (f"{rates[name, spread].min():,.0f} to {rates[name, spread].max():,.0f}",)
                + (f"{found.mean():.2f}", f"{error.max():.3f}", f"{ratio:.2f}")
            )
    whole = f"{N_WALKS} walks"
    grown = memory(networks(4 * n_galaxies, 0.1)) - memory(networks(n_galaxies, 0.1))
    print(f"{n_galaxies} galaxies, {N_DRAWS} draws; medians of {repeats}.\n")
    targets = [
        *(
            Target(f"{whole}, spread {s:g}, galaxies/s", rates[whole, s], 2000, True)
            for s in SPREADS
        ),
        Target("largest standard error, nats", errors[whole, SPREADS[-1]].max()[None], 0.02),
        Target("scratch memory for four times the galaxies, MB more", np.array([grown]), 16),
    ]
    figures = {"rates": {f"{name}, {spread:g}": rate for (name, spread), rate in rates.items()}}
    finish(options, table, {"n_galaxies": n_galaxies, **figures}, targets)


def networks(n_galaxies: int, spread: float) -> NDArray[Any]:
    """Return draws of all answers, whose first fractions differ by `spread` from draw to draw."""
    rng = np.random.default_rng(0)
    features = np.maximum(rng.normal(size=(n_galaxies, 16)), 0)
    shared = features @ rng.normal(size=(16, GZ2.n_answers)) / 2
    own = np.einsum("gf,dfa->gda", features, rng.normal(size=(N_DRAWS, 16, GZ2.n_answers)))
    first, scale = GZ2.slices[GZ2.questions[0]], 0.1
    for _ in range(8):  # a secant step at a time
        fractions = softmax(shared[:, None, first] + scale * own[..., first])
        scale *= spread / np.median(fractions.std(axis=1))
    draws = np.empty(own.shape)
    for here in GZ2.slices.values():
        draws[..., here] = softmax(shared[:, None, here] + scale * own[..., here])
    return draws


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Return fractions that sum to 1 over the last axis."""
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def ways(concentrations: Any) -> dict[str, Callable[..., Any]]:
    """Functions to time, of draws and a seed."""
    return {
        f"{N_WALKS} walks": lambda draws, **how: walk_information(draws, N_WALKS, tree=GZ2, **how),
        f"{N_WALKS} walks, concentration 30": lambda draws, **how: walk_information(
            draws, N_WALKS, tree=GZ2, concentrations=concentrations[: len(draws)], **how
        ),
        f"bar, of {N_WALKS}": lambda draws, **how: question_information(
            draws, "bar", N_WALKS, tree=GZ2, **how
        ),
        f"arms, of {N_WALKS}": lambda draws, **how: question_information(
            draws, "spiral-arm-count", N_WALKS, tree=GZ2, **how
        ),
    }


def repeated(work: Callable[..., Any], draws: NDArray[Any], repeats: int) -> tuple[Any, ...]:
    """Return processor seconds of every repeat, information, and its standard errors."""
    work(draws[:20])
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        found, error = work(draws)
        taken.append(time.process_time() - start)
    return np.array(taken), found, error


def true_error(work: Callable[..., Any], draws: NDArray[Any], quick: bool) -> float:
    """Return the root mean square error over the standard error that was told."""
    right, _ = work(draws, tolerance=0.02 if quick else 0.003, random_state=10**6)
    scores = []
    for seed in range(2 if quick else 10):
        found, error = work(draws, random_state=seed)
        scores.append((found - right) / error)
    return np.sqrt(np.mean(np.square(scores)))


def memory(draws: NDArray[Any]) -> float:
    """Return the MB that a call holds at most, beyond its result and its checked copy of draws."""
    tracemalloc.start()
    walk_information(draws, N_WALKS, tree=GZ2, n_jobs=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak - 2 * draws.nbytes) / 1e6


if __name__ == "__main__":
    main()
