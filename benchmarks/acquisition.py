"""Mutual information of k of N votes: skgalaxy, vectorised SciPy, and one draw at a time.

"One draw at a time" is the definition as the method's paper states it: for every galaxy, the
binomial of every draw by `scipy.stats.binom`, the entropy of each, the entropy of their mean.
"""

from _report import Target, finish, parser, side_by_side  # first: quietens TensorFlow

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr
from scipy.stats import binom

from skgalaxy.acquisition import mutual_information
from skgalaxy.likelihoods import BetaBinomial

N_DRAWS, N_VOTES = 50, 40


def main() -> None:
    """Run the benchmark."""
    options = parser(__doc__).parse_args()
    n_galaxies, n_few, repeats = (2000, 20, 3) if options.quick else (100_000, 300, 5)
    rng = np.random.default_rng(0)
    draws = rng.beta(2, 3, (n_galaxies, 1)) + 0.1 * rng.normal(size=(n_galaxies, N_DRAWS))
    draws = np.clip(draws, 0, 1)
    wide = BetaBinomial(draws, np.exp(rng.normal(2.5, 0.5, draws.shape)))
    per_galaxy = rng.integers(1, 2 * N_VOTES, n_galaxies)
    seconds = side_by_side(
        {
            "skgalaxy": lambda: mutual_information(draws, N_VOTES),
            "skgalaxy, N differs by galaxy": lambda: mutual_information(draws, per_galaxy),
            "skgalaxy, jackknife": lambda: mutual_information(draws, N_VOTES, jackknife=True),
            "skgalaxy, beta-binomial": lambda: mutual_information(wide, N_VOTES),
            "SciPy, vectorised": lambda: vectorised(draws),
            "one draw at a time": lambda: one_by_one(draws[:n_few]),
        },
        repeats,
    )
    seconds["one draw at a time"] *= n_galaxies / n_few
    ours = seconds["skgalaxy"]
    table: list[tuple[Any, ...]] = [("way", "seconds", "galaxies/s", "over skgalaxy", "of repeats")]
    for name, taken in seconds.items():
        ratios = taken / ours
        table.append(
            (name, f"{np.median(taken):.3g}", f"{n_galaxies / np.median(taken):,.0f}")
            + (f"{np.median(ratios):.1f}", f"{ratios.min():.1f} to {ratios.max():.1f}")
        )
    error = np.abs(mutual_information(draws, N_VOTES) - vectorised(draws)).max()
    print(f"{n_galaxies} galaxies, {N_DRAWS} draws, N = {N_VOTES}, medians of {repeats}.")
    print(f"Largest difference from the definition (SciPy): {error:.1e} nats.")
    print(f"One draw at a time: {n_few} galaxies were timed.\n")
    targets = [
        Target(
            "one draw at a time over skgalaxy", seconds["one draw at a time"] / ours, 1000, True
        ),
        Target("vectorised SciPy over skgalaxy", seconds["SciPy, vectorised"] / ours, 10, True),
        Target("error, nats", np.array([error]), 1e-6),
    ]
    finish(options, table, {"n_galaxies": n_galaxies, "seconds": seconds}, targets)


def vectorised(draws: NDArray[Any], rows: int = 1000) -> NDArray[Any]:
    """Return the mutual information from its definition, array by array."""
    k = np.arange(N_VOTES + 1)
    scores = []
    for start in range(0, len(draws), rows):
        pmf = binom.pmf(k, N_VOTES, draws[start : start + rows, :, None])
        predictive = entr(pmf.mean(axis=1)).sum(axis=1)
        scores.append(predictive - entr(pmf).sum(axis=2).mean(axis=1))
    return np.concatenate(scores)


def one_by_one(draws: NDArray[Any]) -> NDArray[Any]:
    """Return it from loops over galaxies and draws."""
    k = np.arange(N_VOTES + 1)
    scores = []
    for galaxy in draws:
        pmfs, entropies = [], []
        for rho in galaxy:
            pmf = binom.pmf(k, N_VOTES, rho)
            pmfs.append(pmf)
            entropies.append(entr(pmf).sum())
        scores.append(entr(np.mean(pmfs, axis=0)).sum() - np.mean(entropies))
    return np.array(scores)


if __name__ == "__main__":
    main()
