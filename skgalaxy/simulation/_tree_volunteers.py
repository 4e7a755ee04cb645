"""Simulated volunteers who walk the whole tree of Galaxy Zoo 2.

`vote_fractions` says how many see something featured, an edge-on disc and a bar. The answers to the
other questions follow from the same physics, blurred by an eye that is unsure near a limit: an
ordered answer is cut from a quantity x by logistic thresholds c,

    P(answer > j) = expit((x - c_j) / softness).

Who sees no arms guesses how they are wound and how many there are. The simulation has no odd
features and no boxy bulges, so their shares are constants, near those of Galaxy Zoo 2.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from skgalaxy.simulation._volunteers import PLAIN, PLAINLY_SEEN, persuaded
from skgalaxy.votes import GZ2
from skgalaxy.votes._walks import walk

__all__ = ["cast_tree_votes", "tree_fractions"]

# Limits between an answer and the next, and how soft they are.
BULGE_CUTS, BULGE_SOFTNESS = (0.06, 0.22, 0.5), 0.07  # light of the bulge / all light
ROUND_CUTS, ROUND_SOFTNESS = (0.45, 0.85), 0.06  # minor / major axis of the picture
PITCH_CUTS, PITCH_SOFTNESS = (19.0, 26.0), 2.5  # degrees
NO_BULGE, NO_BULGE_SOFTNESS = 0.12, 0.05  # of an edge-on disc, light of the bulge / all light
BOXY = 0.12  # of the bulges that are seen
ODD, ODD_ARMS = 0.15, 0.3  # for every galaxy, and for arms of which one is much the strongest
ODD_FEATURES = (0.15, 0.06, 0.14, 0.18, 0.28, 0.17, 0.02)  # in the order of the tree's answers
GUESSED_WINDING = (0.4, 0.4, 0.2)
GUESSED_NUMBER = (0.06, 0.25, 0.05, 0.03, 0.03, 0.58)  # most who see no arms cannot tell
COUNTED_RIGHT, COUNTED_NEXT = 0.72, 0.07
AT_LEAST = 0.01  # volunteers never all agree: the smallest share of an answer


def tree_fractions(galaxy: Mapping[str, Any]) -> NDArray[np.float64]:
    """True fractions of all answers of `GZ2` among those asked, in the order of its columns."""
    seen = -np.expm1(-((galaxy["visible_arms"] / PLAINLY_SEEN["arms"]) ** 2))
    bulge = 1 - galaxy["disc_fraction"]
    featured, edge, bar = (galaxy[f"rho_{name}"] for name in ("featured", "edge-on", "bar"))
    artifact = min(galaxy["rho_artifact"], 1 - featured)
    arms = persuaded(PLAIN + (galaxy["visible_arms"] / PLAINLY_SEEN["arms"]) ** 2)
    with_bulge = expit((bulge - NO_BULGE) / NO_BULGE_SOFTNESS)
    odd = ODD + ODD_ARMS * galaxy["arm_asymmetry"] * seen
    round_first = _ordered(galaxy["visible_axis_ratio"], ROUND_CUTS, ROUND_SOFTNESS)[::-1]
    winding = _ordered(galaxy["pitch_angle"], PITCH_CUTS, PITCH_SOFTNESS)
    fractions = {
        "smooth-or-featured": [max(1 - featured - artifact, 0.0), featured, artifact],
        "disk-edge-on": [edge, 1 - edge],
        "bar": [bar, 1 - bar],
        "has-spiral-arms": [arms, 1 - arms],
        "bulge-size": _never_none(_ordered(bulge, BULGE_CUTS, BULGE_SOFTNESS)),
        "something-odd": [odd, 1 - odd],
        "how-rounded": _never_none(round_first),
        "odd-feature": ODD_FEATURES,
        "bulge-shape": _never_none([with_bulge * (1 - BOXY), with_bulge * BOXY, 1 - with_bulge]),
        "spiral-winding": _never_none(seen * winding + (1 - seen) * np.array(GUESSED_WINDING)),
        "spiral-arm-count": _never_none(
            seen * _counted(galaxy["n_arms"]) + (1 - seen) * np.array(GUESSED_NUMBER)
        ),
    }
    return np.concatenate([fractions[question] for question in GZ2.questions]).astype(np.float64)


def _ordered(x: float, cuts: Sequence[float], softness: float) -> NDArray[np.float64]:
    """Shares of answers in the order of what they say of x."""
    above = expit((x - np.array(cuts)) / softness)  # the module's P(answer > j)
    return -np.diff([1.0, *above, 0.0])


def _counted(n_arms: int) -> NDArray[np.float64]:
    """Shares of the numbers of arms 1, 2, 3, 4, more, and of "can't tell", where all are seen."""
    shares = np.array([COUNTED_RIGHT if n == n_arms else 0.0 for n in range(1, 6)])
    for n in (n_arms - 1, n_arms + 1):
        shares[n - 1] += COUNTED_NEXT
    return np.append(shares, 1 - shares.sum())


def _never_none(shares: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    return AT_LEAST + (1 - AT_LEAST * len(shares)) * np.asarray(shares)


def cast_tree_votes(
    rng: np.random.Generator,
    fractions: NDArray[np.float64],
    votes_cast: NDArray[np.int_],
    spread: float,
) -> dict[str, int]:
    """Draw the votes on every question of `GZ2`, by Zoobot's column names."""
    crowd = fractions
    if spread:  # Dirichlet about the fractions: votes on a question are Dirichlet-multinomial
        concentration = 1 / spread - 1
        crowd = np.concatenate(
            [
                rng.dirichlet(np.maximum(concentration * fractions[here], 1e-9))
                for here in GZ2.slices.values()
            ]
        )
    shown = rng.choice(votes_cast, size=1)
    counts = walk(GZ2, crowd[None], shown, rng)[0].astype(np.int64)
    votes, columns = {}, GZ2.columns
    for question, here in GZ2.slices.items():
        votes |= zip(columns[here], counts[here].tolist(), strict=True)
        votes[f"{question}_total-votes"] = int(counts[here].sum())
    return votes
