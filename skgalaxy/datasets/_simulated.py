"""Simulated galaxies with votes: physics in, pictures and counts out.

Each galaxy is a bulge, a disc, and what makes people say "featured": spiral arms, a bar, a disc
seen edge-on. GalSim (Rowe et al. 2015) draws them as a telescope would::

    counts = Poisson[ PSF * (bulge + disc + pattern) + sky ],    picture = asinh stretch of counts

and the true vote fraction follows from what can be *seen* after the blur and the noise::

    rho = low + (high - low) (1 - exp(-evidence)),    k ~ Binomial(N, rho)

Faint arms, arms hidden by inclination and arms smaller than the point-spread function (PSF) add
little evidence, so small and noisy galaxies look smooth, as they do to volunteers.
"""

import numbers

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.utils import Bunch
from tqdm import tqdm

from skgalaxy._optional import require
from skgalaxy._validation import check_bool, check_float, check_int
from skgalaxy.datasets._optics import (
    SKY_ELECTRONS,
    draw_light,
    electrons_per_light,
    expose,
    openness,
)

__all__ = ["make_galaxies"]

# Volunteers: rho runs from RHO_LOW (no evidence) to RHO_HIGH (overwhelming evidence).
RHO_LOW, RHO_HIGH = 0.02, 0.98

DESCR = """\
Simulated galaxies, not observations
------------------------------------
Pictures drawn with GalSim from random physical parameters, and votes drawn at random from a
made-up rule for how visible features persuade volunteers. Use them to try code, to teach and to
test; draw no astronomical conclusion from them.

images         uint8 (n_galaxies, image_size, image_size), grey, asinh stretch
votes          int64 (n_galaxies, 2): k volunteers of N said "featured"; k ~ Binomial(N, rho)
vote_fraction  float64 (n_galaxies,): the true rho in [0, 1]
ids            str (n_galaxies,): "sim-000000", ...
frame          one row of physical parameters per galaxy:

  feature_strength   the hidden cause, in [0, 1]
  disc_fraction      light in disc, bar and arms / all light
  disc_radius        exponential scale length of the disc, pixels
  bulge_radius       half-light radius of the bulge, pixels
  bulge_sersic       Sersic index of the bulge (4 is de Vaucouleurs')
  bulge_axis_ratio   minor / major axis of the bulge on the sky
  inclination        degrees, 0 is face-on and 90 edge-on
  position_angle     of the major axis, degrees in [0, 180), from the axis of columns
                     towards that of rows
  n_arms             2, 3 or 4
  pitch_angle        of the logarithmic arms, degrees; 0 is wound to a ring
  winding            +1 or -1, the sense of the arms
  arm_contrast       of arms to disc, in [0, 1], before inclination and blur
  bar_fraction       light in the bar / light in disc, bar and arms
  bar_radius         half the length of the bar, pixels
  bar_angle          of the bar in the plane of the disc, degrees from the major axis
  psf_fwhm           full width at half maximum of the Moffat PSF, pixels
  signal_to_noise    mean per pixel over the brightest pixels that hold half the light
  visible_structure  light in arms and bar that is left to see after blur, inclination and noise
                     / all light
  visible_edge       how plainly the disc is seen edge-on, in [0, 1]
"""


def make_galaxies(
    n_galaxies=1000,
    image_size=64,
    *,
    featured_fraction=0.25,
    n_votes=40,
    psf_fwhm=(1.2, 2.0),
    signal_to_noise=(40.0, 200.0),
    return_X_y=False,
    verbose=False,
    random_state=None,
):
    """Draw simulated galaxies and volunteers' votes on them.

    Galaxy `i` depends on `random_state` and `i`, not on `n_galaxies`: a longer run begins with
    the shorter one. Needs GalSim: ``pip install skgalaxy[simulate]``.

    Parameters
    ----------
    n_galaxies : int, default=1000
        How many galaxies.
    image_size : int, default=64
        Width and height of a picture in pixels, at least 16. Galaxies fill the same part of it
        at every size.
    featured_fraction : float in [0, 1], default=0.25
        Share of galaxies with strong features (``feature_strength`` above 1/2). Strength is
        continuous: 0.25 gives many smooth galaxies and a long tail, as on the sky. How many of
        the strong win most votes depends on how well they are seen.
    n_votes : int or (int, int), default=40
        Volunteers per galaxy, or the least and the most of them (both included, all equally
        likely). 0 is allowed.
    psf_fwhm : float or (float, float), default=(1.2, 2.0)
        Full width at half maximum of the point-spread function in pixels of the picture, in
        [0.5, image_size / 8], or the ends of a range to draw it from.
    signal_to_noise : float or (float, float), default=(40.0, 200.0)
        Mean signal-to-noise ratio per pixel over the brightest pixels that hold half of a
        galaxy's light, in [0.1, 1000], or the ends of a range to draw it from (evenly in its
        logarithm). The sky noise is the same in every picture, so a low ratio is a dim galaxy.
    return_X_y : bool, default=False
        Return ``(images, votes)`` instead of everything.
    verbose : bool, default=False
        Show a progress bar.
    random_state : int, Generator, RandomState or None, default=None
        Source of the randomness. An int gives the same galaxies, bit for bit, each time.

    Returns
    -------
    galaxies : sklearn.utils.Bunch
        images : uint8 array of shape (n_galaxies, image_size, image_size)
            Grey pictures.
        votes : int64 array of shape (n_galaxies, 2)
            Columns [k, N].
        vote_fraction : float64 array of shape (n_galaxies,)
            The true probability that a volunteer says "featured".
        ids : str array of shape (n_galaxies,)
            Names.
        frame : pandas.DataFrame of n_galaxies rows
            Physical parameters; units in ``DESCR``.
        DESCR : str
            What all this is.

        With `return_X_y`, the tuple ``(images, votes)``.

    Raises
    ------
    ImportError
        If GalSim is not installed.
    TypeError, ValueError
        If a parameter is of the wrong kind or out of its range.

    References
    ----------
    Rowe et al. 2015, "GalSim: The modular galaxy image simulation toolkit", Astronomy and
    Computing 10, 121.

    Examples
    --------
    >>> from skgalaxy.datasets import make_galaxies
    >>> galaxies = make_galaxies(3, random_state=0)
    >>> galaxies.images.shape, galaxies.images.dtype
    ((3, 64, 64), dtype('uint8'))
    >>> galaxies.votes[:, 1]
    array([40, 40, 40])
    """
    n_galaxies = check_int(n_galaxies, "n_galaxies", 1)
    size = check_int(image_size, "image_size", 16)
    exponent = _strength_exponent(check_float(featured_fraction, "featured_fraction", 0, 1))
    n_votes = _check_vote_range(n_votes)
    psf_fwhm = _check_range(psf_fwhm, "psf_fwhm", 0.5, size / 8)
    signal_to_noise = _check_range(signal_to_noise, "signal_to_noise", 0.1, 1000)
    return_X_y = check_bool(return_X_y, "return_X_y")
    verbose = check_bool(verbose, "verbose")
    entropy = _entropy(random_state)
    galsim = require("galsim", "simulate", for_="make_galaxies")

    images = np.empty((n_galaxies, size, size), dtype=np.uint8)
    votes = np.empty((n_galaxies, 2), dtype=np.int64)
    vote_fraction = np.empty(n_galaxies)
    rows = []
    for i in tqdm(range(n_galaxies), desc="galaxies", disable=not verbose):
        # The i-th child of the root seed, whatever the number of its siblings.
        rng = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(i,)))
        galaxy = _draw_parameters(rng, exponent, size, psf_fwhm, signal_to_noise)
        smooth, pattern = draw_light(galsim, galaxy, size)
        galaxy |= _appearance(galaxy, smooth, pattern)
        images[i] = expose(galsim, smooth + pattern, galaxy, rng)
        vote_fraction[i] = _vote_fraction(galaxy)
        votes[i] = _cast_votes(rng, vote_fraction[i], n_votes)
        rows.append(galaxy)
    if return_X_y:
        return images, votes
    ids = np.array([f"sim-{i:06d}" for i in range(n_galaxies)])
    return Bunch(
        images=images,
        votes=votes,
        vote_fraction=vote_fraction,
        ids=ids,
        frame=pd.DataFrame(rows),
        DESCR=DESCR,
    )


def _check_range(value, name, low, high):
    """Return `value`, a number or a pair of them, as two floats in [low, high]."""
    if isinstance(value, numbers.Real):
        value = (value, value)
    try:
        first, last = value
    except (TypeError, ValueError):
        raise TypeError(
            f"`{name}` must be a number or a pair (low, high). Got {value!r}."
        ) from None
    first, last = (check_float(end, name, low, high) for end in (first, last))
    if first > last:
        raise ValueError(f"`{name}` must be a pair (low, high) with low <= high. Got {value!r}.")
    return first, last


def _check_vote_range(n_votes):
    """Return `n_votes`, an int or a pair of them, as two ints >= 0."""
    if isinstance(n_votes, numbers.Number):
        n_votes = (n_votes, n_votes)
    try:
        fewest, most = n_votes
    except (TypeError, ValueError):
        raise TypeError(
            f"`n_votes` must be an integer or a pair (low, high). Got {n_votes!r}."
        ) from None
    fewest, most = (check_int(end, "n_votes", 0) for end in (fewest, most))
    if fewest > most:
        raise ValueError(f"`n_votes` must be a pair (low, high) with low <= high. Got {n_votes!r}.")
    return fewest, most


def _entropy(random_state):
    """Return the root seed, an int, that `random_state` stands for."""
    if random_state is None:
        return np.random.SeedSequence().entropy
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, numbers.Integral) and random_state >= 0:
        return int(random_state)
    raise ValueError(
        "`random_state` must be None, an integer >= 0, a Generator or a RandomState. "
        f"Got {random_state!r}."
    )


def _strength_exponent(featured_fraction):
    """Return the exponent a for which u**a exceeds 1/2 in that share of uniform draws u.

    At 0.25 the quartiles of u**a are 0.04, 0.19, 0.5: close to the vote fractions of the
    239,000 galaxies of Galaxy Zoo 2 (0.10, 0.20, 0.53).
    """
    if featured_fraction == 0:
        return np.inf
    if featured_fraction == 1:
        return 0.0
    return np.log(0.5) / np.log1p(-featured_fraction)


def _draw_parameters(rng, exponent, size, psf_fwhm, signal_to_noise):
    """Return one galaxy's physical parameters (a dict, in the units of `DESCR`).

    Takes the same number of random numbers for every galaxy, so a change of one argument
    changes what depends on it and nothing else.
    """
    u = iter(rng.random(20))

    def uniform(low, high):
        return low + (high - low) * next(u)

    strength = next(u) ** exponent
    radius = size * 0.08 * 2 ** next(u)  # half-light radius: 0.08 to 0.16 of the picture
    inclination = np.arccos(next(u))  # discs point anywhere
    # Ellipticals at the smooth end, late-type spirals at the other, lenticulars between.
    disc_fraction = np.clip((strength - 0.03) / 0.35, 0, 1) ** 0.7 * uniform(0.7, 0.97)
    flattening = uniform(0.4, 1.0) * (1 - disc_fraction) + 0.7 * disc_fraction
    disc_radius = radius / 1.678  # half the light of an exponential disc lies within 1.678 h
    has_disc = disc_fraction > 0
    has_bar = has_disc & (next(u) < 0.4)
    return {
        "feature_strength": strength,
        "disc_fraction": disc_fraction,
        "disc_radius": disc_radius,
        "bulge_radius": radius * (1 - 0.75 * disc_fraction),
        "bulge_sersic": round(2 * (1.5 + (1 - disc_fraction) * uniform(0.5, 3.0))) / 2,
        "bulge_axis_ratio": np.sqrt(flattening**2 + (1 - flattening**2) * np.cos(inclination) ** 2),
        "inclination": np.degrees(inclination),
        "position_angle": uniform(0, 180),
        "n_arms": 2 + int(next(u) > 0.65) + int(next(u) > 0.75),
        "pitch_angle": uniform(12, 32),
        "winding": 1 if next(u) < 0.5 else -1,
        "arm_contrast": has_disc * strength**0.7 * uniform(0.6, 1.0),
        "bar_fraction": has_bar * strength**0.5 * uniform(0.08, 0.2),
        "bar_radius": disc_radius * uniform(0.9, 1.6),
        "bar_angle": uniform(0, 180),
        "psf_fwhm": uniform(*psf_fwhm),
        "signal_to_noise": np.exp(uniform(*np.log(signal_to_noise))),
    }


def _appearance(galaxy, smooth, pattern):
    """Return what can be seen of the features: light share of the structure, how edge-on it is."""
    light = smooth + pattern
    noise = np.sqrt(SKY_ELECTRONS) / electrons_per_light(light, galaxy)
    cosine = np.cos(np.radians(galaxy["inclination"]))
    structure = np.abs(pattern).sum() / light.sum() * openness(cosine)
    edge = galaxy["disc_fraction"] * expit((0.33 - _disc_axis_ratio(galaxy)) / 0.05)
    return {
        "visible_structure": structure * _detected(pattern, noise, 10.0),
        "visible_edge": edge * _detected(light, noise, 20.0),
    }


def _detected(light, noise, threshold):
    """Return the share, 0 to 1, that noise leaves to see: 1/2 at a total S/N of `threshold`."""
    squared = np.square(light).sum() / noise**2
    return squared / (squared + threshold**2)


def _disc_axis_ratio(galaxy):
    """Return the axis ratio of the disc as seen, from the second moments of disc and PSF."""
    major = 3 * galaxy["disc_radius"] ** 2
    minor = major * (np.cos(np.radians(galaxy["inclination"])) ** 2 + 0.12**2)
    blur = (galaxy["psf_fwhm"] / 2.355) ** 2
    return np.sqrt((minor + blur) / (major + blur))


def _vote_fraction(galaxy):
    """Return rho: each piece of evidence persuades its share of the volunteers still in doubt."""
    evidence = (
        0.02
        # An elongated elliptical is taken for a disc now and then.
        + 0.25 * (1 - galaxy["disc_fraction"]) * (1 - galaxy["bulge_axis_ratio"])
        + 0.15 * galaxy["disc_fraction"]
        + 25.0 * galaxy["visible_structure"] ** 1.5
        + 1.1 * galaxy["visible_edge"]
    )
    return RHO_LOW + (RHO_HIGH - RHO_LOW) * -np.expm1(-evidence)


def _cast_votes(rng, vote_fraction, n_votes):
    """Return k and N."""
    fewest, most = n_votes
    n = int(rng.integers(fewest, most, endpoint=True))
    return int(rng.binomial(n, vote_fraction)), n
