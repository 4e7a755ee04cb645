"""A population of galaxies: random physical parameters, in magnitudes and arcseconds.

A galaxy is of one of five kinds. The kind sets how large its disc is, how the disc is inclined and
which features it has. Brightness and size follow Galaxy Zoo 2 (Willett et al. 2013): r < 17 mag,
and counts as of galaxies spread evenly in space. The mean surface brightness depends on the kind,
with a spread of 0.7 mag/arcsec^2 (cf. Strauss et al. 2002, the SDSS main sample). It is set so that
the frames and grey levels of the pictures match real ones.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri


class Kind(NamedTuple):
    """Galaxies of one kind: ranges of uniform distributions, and a mean surface brightness."""

    disc_fraction: tuple[float, float]  # of the light; below 0 counts as 0, none
    cosine: tuple[float, float]  # of the inclination
    strength: tuple[float, float]  # of the arms; below 0 counts as 0, none
    bar_fraction: tuple[float, float]  # of the disc's light
    surface_brightness: float  # mag/arcsec^2


KINDS = {
    "smooth": Kind((-0.5, 0.6), (0.35, 1.0), (0.0, 0.0), (0.0, 0.0), 19.25),
    "featured": Kind((0.6, 0.97), (0.3, 1.0), (0.0, 1.0), (0.0, 0.0), 20.05),
    "barred": Kind((0.65, 0.95), (0.35, 1.0), (-0.3, 1.0), (0.1, 0.4), 19.95),
    "edge-on": Kind((0.6, 0.95), (0.0, 0.22), (0.0, 1.0), (0.0, 0.0), 19.95),
    # a galaxy behind a star or a trail, not seen
    "artifact": Kind((0.0, 0.0), (0.35, 1.0), (0.0, 0.0), (0.0, 0.0), 19.95),
}
# Shares that give the vote fractions of Galaxy Zoo 2 (benchmarks/simulated_sky.py).
KINDS_OF_GALAXY_ZOO_2 = {
    "smooth": 0.45,
    "featured": 0.36,
    "barred": 0.1,
    "edge-on": 0.08,
    "artifact": 0.01,
}
SURFACE_BRIGHTNESS_SPREAD = 0.7  # mag/arcsec^2, standard deviation within a kind
SMALLEST_R90 = 3.0  # arcsec: Galaxy Zoo 2 asks for petroR90_r > 3
EVEN_COUNTS = 0.6  # d log10(number) / d mag of galaxies spread evenly in space


def draw_galaxy(
    rng: np.random.Generator,
    kinds: Mapping[str, float],
    magnitude: tuple[float, float],
    radius: tuple[float, float] | None,
    seeing: tuple[float, float],
) -> dict[str, Any]:
    """Draw the parameters of one galaxy, in the units of `_results.DESCR`.

    `kinds` maps names to shares, for example ``{"smooth": 1.0}``. The other arguments are ranges
    (low, high).
    """
    # The same number of random numbers for every galaxy, in a fixed order: if you change one
    # argument, only the parameters that depend on it change.
    u = iter(rng.random(24))

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * next(u)

    kind = _pick(next(u), kinds)
    ends = KINDS[kind]
    disc_fraction = max(uniform(*ends.disc_fraction), 0.0)
    cosine = uniform(*ends.cosine)
    strength = max(uniform(*ends.strength), 0.0)
    bar_fraction = uniform(*ends.bar_fraction)
    mag = _magnitude(next(u), *magnitude)
    concentration = 2.3 + 0.9 * (
        1 - disc_fraction
    )  # R90 / R50: 2.3 of a disc, 3.2 of an elliptical
    size, drawn = _radius(next(u), mag, ends.surface_brightness, concentration), next(u)
    if radius is not None:
        size = radius[0] * (radius[1] / radius[0]) ** drawn
    # Half the light of a disc in a *round* aperture: 1.68 h face-on, 1.05 h edge-on.
    disc_radius = size / (1.05 + 0.63 * cosine)
    flattening = uniform(0.45, 1.0) * (1 - disc_fraction) + 0.7 * disc_fraction
    return {
        "kind": kind,
        "magnitude": mag,
        "half_light_radius": size,
        "radius_90": concentration * size,
        "feature_strength": strength,
        "disc_fraction": disc_fraction,
        "disc_radius": disc_radius,
        "bulge_radius": size * (1 - 0.75 * disc_fraction),
        "bulge_sersic": round(2 * (1.2 + (1 - disc_fraction) * uniform(0.4, 2.4))) / 2,
        "bulge_axis_ratio": np.sqrt(flattening**2 + (1 - flattening**2) * cosine**2),
        "inclination": np.degrees(np.arccos(cosine)),
        "position_angle": uniform(0, 180),
        "n_arms": 2 + int(next(u) > 0.65) + int(next(u) > 0.75),
        "pitch_angle": uniform(12, 32),
        "winding": 1 if next(u) < 0.5 else -1,
        "arm_contrast": strength * uniform(0.7, 1.0),
        "arm_asymmetry": uniform(0.1, 0.7),
        "knot_fraction": 0.12 * strength * next(u),
        "bar_fraction": bar_fraction,
        "bar_radius": disc_radius * uniform(0.8, 2.2),
        "bar_angle": uniform(0, 180),
        "seeing": uniform(*seeing),
    }


def _pick(u: float, shares: Mapping[str, float]) -> str:
    """Name of the share that the uniform number `u` falls in."""
    edges = np.cumsum(list(shares.values()))
    return list(shares)[np.searchsorted(edges[:-1], u, side="right")]


def _magnitude(u: float, bright: float, faint: float) -> float:
    """Magnitude between the two. The number of galaxies grows as 10^(0.6 m)."""
    # The distribution function, solved for m. It needs the bright end only as a ratio.
    span = 10 ** (EVEN_COUNTS * (bright - faint))
    return faint + np.log10(span + (1 - span) * u) / EVEN_COUNTS


def _radius(u: float, magnitude: float, surface_brightness: float, concentration: float) -> float:
    """Half-light radius in arcsec, large enough for the sample of Galaxy Zoo 2.

    The mean surface brightness within it is m + 2.5 log10(2 pi R^2), a Gaussian cut off at the
    limit.
    """
    smallest = magnitude + 2.5 * np.log10(2 * np.pi * (SMALLEST_R90 / concentration) ** 2)
    # The share of the kind that is large enough. ndtr(-x) keeps the digits of 1 - ndtr(x).
    share = ndtr((surface_brightness - smallest) / SURFACE_BRIGHTNESS_SPREAD)
    brightness = surface_brightness - SURFACE_BRIGHTNESS_SPREAD * ndtri(share * (1 - u))
    return np.sqrt(10 ** (0.4 * (brightness - magnitude)) / (2 * np.pi))


# Counts on the sky to the limit of SDSS at high galactic latitude, stars and galaxies together;
# their slope lies between that of stars and that of galaxies (Yasuda et al. 2001).
NEIGHBOURS_PER_ARCMIN2, NEIGHBOUR_MAGNITUDES, NEIGHBOUR_SLOPE = 7.0, (15.0, 22.0), 0.3
STAR_SHARE = 0.4


def draw_neighbours(rng: np.random.Generator, frame: float) -> dict[str, NDArray[np.float64]]:
    """Draw stars and small galaxies in a frame of width `frame` arcsec.

    x and y are arcsec from the middle. radius holds half the light; it is 0 for a star.
    """
    number = rng.poisson(NEIGHBOURS_PER_ARCMIN2 * (frame / 60) ** 2)
    u = rng.random((number, 7))
    bright, faint = NEIGHBOUR_MAGNITUDES
    span = 10 ** (NEIGHBOUR_SLOPE * (bright - faint))
    magnitude = faint + np.log10(span + (1 - span) * u[:, 2]) / NEIGHBOUR_SLOPE  # as _magnitude
    # brighter galaxies are larger
    radius = np.where(u[:, 3] < STAR_SHARE, 0, 0.35 + 0.5 * u[:, 4] + 0.1 * (faint - magnitude))
    return {
        "x": (u[:, 0] - 0.5) * frame,
        "y": (u[:, 1] - 0.5) * frame,
        "magnitude": magnitude,
        "radius": radius,
        "axis_ratio": 0.3 + 0.7 * u[:, 5],
        "angle": np.pi * u[:, 6],
    }
