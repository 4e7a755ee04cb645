"""What volunteers say of a simulated galaxy: from what can be seen in its picture to votes.

A feature is compared as shown with the same galaxy without it. The observer is the ideal one with
a noise of his own (Green & Swets 1966; Burgess et al. 1981)::

    d'^2 = sum over pixels of D^2 / (sigma^2 + EYE^2),

where D is the change of grey level that the feature makes once all is blurred and stretched, and
sigma the picture's noise. What a smooth galaxy could have as well, light in rings, is not in D: a
bar rounded by the seeing, arms lost in noise or wound tighter than the blur leave little. Each
piece of evidence persuades its share of those still in doubt, rho = 1 - exp(-sum).
"""

import numpy as np
from scipy.special import expit

from skgalaxy.simulation._optics import foreshortening, noise_variance, stretch, turn

QUESTIONS = {  # name: the question and the answer counted, as Zoobot names them
    "featured": ("smooth-or-featured", "featured-or-disk"),
    "edge-on": ("disk-edge-on", "yes"),
    "bar": ("bar", "yes"),
}

EYE = 8.0  # grey levels per cell of a picture of 64 x 64 cells: the observer's own noise
CELLS = 64
# d' at which a feature persuades 63 % of the volunteers, 1 - 1/e. With the constants below and
# the shares of kinds, fitted to the vote fractions of Galaxy Zoo 2.
PLAINLY_SEEN = {"arms": 10.8, "bar": 6.0}
FAINTEST = 5.0  # grey levels over the sky that still look like galaxy
PLAIN, INCLINED, EDGE = 0.048, 0.41, 1.9  # evidence for a disc without arms, by its shape
EDGE_AXIS_RATIO, EDGE_SOFTNESS = 0.4, 0.04
RHO_LOW, RHO_HIGH = 0.01, 0.99  # no question finds all volunteers of one mind

# N on the first question in the published tables: quantiles 1/80, 3/80, ..., 79/80.
VOTES_CAST = {
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
VOTES_CAST = {name: np.array(text.split(), dtype=int) for name, text in VOTES_CAST.items()}


def look(galaxy, light, camera):
    """Return what can be seen: d' of arms and of bar, and the axis ratio of the picture."""
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


def _visibility(feature, total, rings, camera):
    """Return d' of a feature in the light of a galaxy."""
    plain = total - feature + _smooth_part(feature, rings)
    change = stretch(total, camera) - stretch(plain, camera)
    noise = np.sqrt(noise_variance(total, camera))
    sigma = stretch(total + noise, camera) - stretch(total, camera)
    eye = EYE * camera.n_pixels / CELLS  # fewer pixels are seen larger
    return float(np.sqrt(np.sum(change**2 / (sigma**2 + eye**2))))  # d' of the docstring above


def _smooth_part(feature, rings):
    """Return the part of a feature that round and elliptical rings can have: a sum of both."""
    rest = feature
    for ring in rings * 2:  # each in turn, on what the other left
        rest = rest - _ring_mean(rest, ring)
    return feature - rest


def _rings(galaxy, camera):
    """Return two kinds of rings, the number of every pixel's: round, and of the disc's shape."""
    margin = (camera.n_grid - camera.n_pixels) // 2
    x, y = camera.x[:, margin:-margin], camera.y[margin:-margin]
    along, across = turn(x, y, np.radians(galaxy["position_angle"]))
    major = 3 * galaxy["disc_radius"] ** 2  # second moment of an exponential disc
    blur = (galaxy["seeing"] / 2.355) ** 2
    ratio = np.sqrt((major * foreshortening(galaxy) ** 2 + blur) / (major + blur))
    radii = np.hypot(along, across), np.hypot(along, across / ratio)
    return [np.rint(radius / camera.step).astype(int) for radius in radii]


def _ring_mean(light, ring):
    """Return, in every pixel, the mean of its ring."""
    total = np.bincount(ring.ravel(), light.ravel())
    return (total / np.maximum(np.bincount(ring.ravel()), 1))[ring]


def _axis_ratio(light, camera):
    """Return minor over major axis of the picture of a galaxy, from its second moments."""
    weight = np.maximum(stretch(light, camera) - FAINTEST, 0)
    margin = (camera.n_grid - camera.n_pixels) // 2
    x, y = camera.x[0, margin:-margin], camera.y[margin:-margin, 0]
    xx, yy, xy = x**2 @ weight.sum(0), y**2 @ weight.sum(1), y @ weight @ x
    mean, split = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    return float(np.sqrt((mean - split) / (mean + split))) if mean > 0 else 1.0


def vote_fractions(galaxy):
    """Return rho of every question, and of the answer "artifact"."""
    if galaxy["kind"] == "artifact":
        return {"featured": 0.1, "edge-on": 0.2, "bar": 0.05, "artifact": 0.75}
    arms, bar = ((galaxy[f"visible_{name}"] / PLAINLY_SEEN[name]) ** 2 for name in ("arms", "bar"))
    axis_ratio = galaxy["visible_axis_ratio"]
    edge = expit((EDGE_AXIS_RATIO - axis_ratio) / EDGE_SOFTNESS)
    shape = PLAIN + INCLINED * (1 - axis_ratio) + EDGE * edge
    return {
        "featured": _persuaded(shape + arms + bar),
        "edge-on": RHO_LOW + (RHO_HIGH - RHO_LOW) * edge,
        "bar": _persuaded(PLAIN + bar),
        "artifact": 0.01,
    }


def _persuaded(evidence):
    return RHO_LOW + (RHO_HIGH - RHO_LOW) * -np.expm1(-evidence)


def cast_votes(rng, rho, votes_cast, spread):
    """Return the votes on every question: a dict of Zoobot's column names.

    A volunteer is asked about the edge after "featured", and about a bar after "not edge-on".
    """
    crowd = {name: _crowd(rng, rho[name], spread) for name in QUESTIONS}
    n = int(rng.choice(votes_cast))
    featured = rng.binomial(n, crowd["featured"])
    # Of those who did not say "featured". RHO_HIGH leaves room for both answers.
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


def _crowd(rng, rho, spread):
    """Return the vote fraction of the volunteers whom chance sent: Beta about rho."""
    if spread == 0:
        return rho
    concentration = 1 / spread - 1
    return rng.beta(rho * concentration, (1 - rho) * concentration)
