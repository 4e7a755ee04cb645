"""Simulated volunteers: from the visible features of a picture to votes.

The galaxy is compared with the same galaxy without a feature. The observer is the ideal one with
noise of the eye added (Green & Swets 1966; Burgess et al. 1981)::

    d'^2 = sum over pixels of D^2 / (sigma^2 + EYE^2),

where D is the change of grey level by the feature, after blur and stretch, and sigma is the noise
of the picture. A smooth galaxy can have light in rings too, so such light is not part of D. Little
is left, for example, of a bar rounded by the seeing, and of arms wound tighter than the blur. Each
piece of evidence persuades its share of the volunteers still in doubt: rho = 1 - exp(-sum).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from skgalaxy.simulation._optics import (
    Camera,
    Light,
    foreshortening,
    noise_variance,
    stretch,
    turn,
)

QUESTIONS = {  # name: the question and the answer to count, in Zoobot's names
    "featured": ("smooth-or-featured", "featured-or-disk"),
    "edge-on": ("disk-edge-on", "yes"),
    "bar": ("bar", "yes"),
}

EYE = 8.0  # grey levels per cell of a picture of 64 x 64 cells: the observer's own noise
CELLS = 64  # see EYE
# d' at which a feature persuades 63 % of the volunteers, 1 - 1/e. With the constants below and
# the shares of kinds, fitted to the vote fractions of Galaxy Zoo 2.
PLAINLY_SEEN = {"arms": 10.8, "bar": 6.0}
FAINTEST = 5.0  # grey levels over the sky that still look like galaxy
PLAIN, INCLINED, EDGE = 0.048, 0.41, 1.9  # evidence for a disc without arms, by its shape
EDGE_AXIS_RATIO, EDGE_SOFTNESS = 0.4, 0.04
RHO_LOW, RHO_HIGH = 0.01, 0.99  # volunteers never all agree

# N on the first question in the published tables: quantiles 1/80, 3/80, ..., 79/80.
_QUANTILES = {
    # the 239,009 galaxies of Galaxy Zoo 2 (Hart et al. 2016)
    "gz2": """29 32 33 35 36 36 37 38 38 39 39 40 40 41 41 41 42 42 42 43
              43 43 43 44 44 44 45 45 45 46 46 46 47 48 48 49 50 52 53 57""",
    # its 19,761 co-added images of Stripe 82
    "stripe82": """12 14 15 16 17 17 17 18 18 18 19 19 19 19 20 20 20 20 20 20
                   21 21 21 21 21 21 21 22 22 22 22 22 23 23 23 24 24 25 26 28""",
    # 7,884 galaxies of Galaxy Zoo DECaLS (Walmsley et al. 2022)
    "decals": """37 37 38 38 39 39 39 40 40 40 40 40 40 40 40 40 40 40 40 40
                 40 40 40 40 40 40 40 40 40 40 40 40 40 41 41 41 41 41 41 43""",
}
VOTES_CAST = {name: np.array(text.split(), dtype=int) for name, text in _QUANTILES.items()}


def look(galaxy: Mapping[str, Any], light: Light, camera: Camera) -> dict[str, float]:
    """Visible features: d' of the arms and the bar, and the axis ratio of the picture."""
    if galaxy["kind"] == "artifact":
        return {"visible_arms": 0.0, "visible_bar": 0.0, "visible_axis_ratio": 1.0}
    seen = {"visible_arms": 0.0, "visible_bar": 0.0}
    if galaxy["disc_fraction"]:
        rings = _rings(galaxy, camera)
        for name in ("arms", "bar"):
            feature = getattr(light, name)
            if feature.any():
                seen[f"visible_{name}"] = _visibility(feature, light.total, rings, camera)
    seen["visible_axis_ratio"] = _axis_ratio(light.smooth, camera)
    return seen


def _visibility(
    feature: NDArray[np.float64],
    total: NDArray[np.float64],
    rings: list[NDArray[np.intp]],
    camera: Camera,
) -> float:
    """Detectability d' of a feature in the light of a galaxy."""
    plain = total - feature + _smooth_part(feature, rings)
    change = stretch(total, camera) - stretch(plain, camera)
    # The stretch makes the noise of bright pixels smaller: it is stretched too.
    noise = np.sqrt(noise_variance(total, camera))
    sigma = stretch(total + noise, camera) - stretch(total, camera)
    eye = EYE * camera.n_pixels / CELLS  # fewer pixels are seen larger
    return float(np.sqrt(np.sum(change**2 / (sigma**2 + eye**2))))  # the module's d'


def _smooth_part(
    feature: NDArray[np.float64], rings: list[NDArray[np.intp]]
) -> NDArray[np.float64]:
    """Part of a feature that is a sum of round and elliptical rings."""
    rest = feature
    for ring in rings * 2:  # each in turn, on the rest that the other left
        rest = rest - _ring_mean(rest, ring)
    return feature - rest


def _rings(galaxy: Mapping[str, Any], camera: Camera) -> list[NDArray[np.intp]]:
    """Number of every pixel's ring, for round rings and for rings of the disc's shape."""
    margin = (camera.n_grid - camera.n_pixels) // 2
    x, y = camera.x[:, margin:-margin], camera.y[margin:-margin]
    along, across = turn(x, y, np.radians(galaxy["position_angle"]))
    major = 3 * galaxy["disc_radius"] ** 2  # second moment of an exponential disc
    blur = (galaxy["seeing"] / 2.355) ** 2  # a Gaussian's full width at half maximum to sigma
    # Second moments of the disc and of the PSF add up, so that blur makes the picture rounder.
    ratio = np.sqrt((major * foreshortening(galaxy) ** 2 + blur) / (major + blur))
    radii = np.hypot(along, across), np.hypot(along, across / ratio)
    return [np.rint(radius / camera.step).astype(int) for radius in radii]


def _ring_mean(light: NDArray[np.float64], ring: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean of the ring of every pixel."""
    total = np.bincount(ring.ravel(), light.ravel())
    return (total / np.maximum(np.bincount(ring.ravel()), 1))[ring]


def _axis_ratio(light: NDArray[np.float64], camera: Camera) -> float:
    """Minor over major axis of the picture of a galaxy, from its second moments."""
    weight = np.maximum(stretch(light, camera) - FAINTEST, 0)
    margin = (camera.n_grid - camera.n_pixels) // 2
    x, y = camera.x[0, margin:-margin], camera.y[margin:-margin, 0]
    xx, yy, xy = x**2 @ weight.sum(0), y**2 @ weight.sum(1), y @ weight @ x
    # The eigenvalues of the matrix of second moments are mean + split and mean - split.
    mean, split = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    return float(np.sqrt((mean - split) / (mean + split))) if mean > 0 else 1.0


def vote_fractions(galaxy: Mapping[str, Any]) -> dict[str, float]:
    """True vote fraction rho of every question, and of the answer "artifact"."""
    if galaxy["kind"] == "artifact":
        return {"featured": 0.1, "edge-on": 0.2, "bar": 0.05, "artifact": 0.75}
    arms, bar = ((galaxy[f"visible_{name}"] / PLAINLY_SEEN[name]) ** 2 for name in ("arms", "bar"))
    axis_ratio = galaxy["visible_axis_ratio"]
    edge = expit((EDGE_AXIS_RATIO - axis_ratio) / EDGE_SOFTNESS)
    shape = PLAIN + INCLINED * (1 - axis_ratio) + EDGE * edge
    return {
        "featured": persuaded(shape + arms + bar),
        "edge-on": RHO_LOW + (RHO_HIGH - RHO_LOW) * edge,
        "bar": persuaded(PLAIN + bar),
        "artifact": 0.01,
    }


def persuaded(evidence: float) -> float:
    # the module's rho = 1 - exp(-evidence), within the two limits
    return RHO_LOW + (RHO_HIGH - RHO_LOW) * -np.expm1(-evidence)


def cast_votes(
    rng: np.random.Generator, rho: Mapping[str, float], votes_cast: NDArray[np.int_], spread: float
) -> dict[str, int]:
    """Draw the votes on every question, by Zoobot's column names.

    A volunteer is asked about the edge after "featured", and about a bar after "not edge-on".
    """
    crowd = {name: _crowd(rng, rho[name], spread) for name in QUESTIONS}
    n = int(rng.choice(votes_cast))
    featured = rng.binomial(n, crowd["featured"])
    # A share of the volunteers who did not say "featured". RHO_HIGH leaves room for both answers.
    artifact = rng.binomial(n - featured, min(rho["artifact"] / (1 - rho["featured"]), 1))
    edge_on = rng.binomial(featured, crowd["edge-on"])
    bar = rng.binomial(featured - edge_on, crowd["bar"])
    return {
        "smooth-or-featured_smooth": n - featured - artifact,
        "smooth-or-featured_featured-or-disk": featured,
        "smooth-or-featured_artifact": artifact,
        "smooth-or-featured_total-votes": n,
        "disk-edge-on_yes": edge_on,
        "disk-edge-on_no": featured - edge_on,
        "disk-edge-on_total-votes": featured,
        "bar_yes": bar,
        "bar_no": featured - edge_on - bar,
        "bar_total-votes": featured - edge_on,
    }


def _crowd(rng: np.random.Generator, rho: float, spread: float) -> float:
    """Vote fraction among the volunteers who happen to see a galaxy: Beta about rho."""
    if spread == 0:
        return rho
    # Beta-binomial: the correlation of two votes is 1 / (1 + concentration).
    concentration = 1 / spread - 1
    return rng.beta(rho * concentration, (1 - rho) * concentration)
