"""Simulated galaxies with votes: physics in, pictures and counts out.

Each galaxy is a bulge, a disc, and what makes people say "featured": spiral arms, a bar, a disc
seen edge-on. It is drawn as a telescope would, with stars and galaxies beside it::

    light   = PSF * (bulge + disc + arms + bar + neighbours)
    picture = asinh stretch of Gaussian[ light, light + sky ]

and the true vote fraction of every question follows from what can be *seen* in the picture::

    rho = 1 - exp(-evidence),    k ~ Binomial(N, rho), or beta-binomial

`_population` says which galaxies there are, `_optics` draws them, `_volunteers` looks and votes.
"""

import numbers
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.utils import Bunch
from tqdm import tqdm

from skgalaxy._optional import require
from skgalaxy._validation import check_bool, check_choice, check_float, check_int, check_n_jobs
from skgalaxy.simulation._optics import Camera, draw_light, take_picture
from skgalaxy.simulation._population import (
    KINDS,
    KINDS_OF_GALAXY_ZOO_2,
    draw_galaxy,
    draw_neighbours,
)
from skgalaxy.simulation._volunteers import QUESTIONS, VOTES_CAST, cast_votes, look, vote_fractions

__all__ = ["make_galaxies"]

BLOCK = 64  # galaxies that one task draws
# Galaxy Zoo 2 shows 424 pixels of 0.02 petroR90_r, of which the library keeps the middle 256.
FRAME_IN_R90 = 256 * 0.02


class Sky(NamedTuple):
    """What galaxies are drawn from: the checked arguments of `make_galaxies`."""

    size: int
    kinds: dict[str, float]
    magnitude: tuple[float, float]
    radius: tuple[float, float] | None
    seeing: tuple[float, float]
    pixel_scale: float | None
    votes_cast: np.ndarray
    spread: float


DESCR = """\
Simulated galaxies, not observations
------------------------------------
Pictures drawn with GalSim from random physical parameters, and votes drawn at random from a
made-up rule for how visible features persuade volunteers. Use them to try code, to teach and to
test; draw no astronomical conclusion from them.

images         uint8 (n_galaxies, image_size, image_size), grey, asinh stretch
votes          int64 (n_galaxies, 2): of N volunteers asked the question, k said yes
vote_fraction  float64 (n_galaxies,): the true rho of the question, in [0, 1]
question       what was asked
ids            str (n_galaxies,): "sim-000000", ...
table          counts of all questions, one row per galaxy, in Zoobot's column names
frame          one row of physical parameters per galaxy:

  kind               smooth, featured, barred, edge-on or artifact
  magnitude          r band, of the whole galaxy, mag
  half_light_radius  arcsec
  radius_90          radius of 90 % of the Petrosian light, about, arcsec
  feature_strength   the hidden cause of arms, in [0, 1]
  disc_fraction      light in disc and bar / all light
  disc_radius        exponential scale length of the disc, arcsec
  bulge_radius       half-light radius of the bulge, arcsec
  bulge_sersic       Sersic index of the bulge (4 is de Vaucouleurs')
  bulge_axis_ratio   minor / major axis of the bulge on the sky
  inclination        degrees, 0 is face-on and 90 edge-on
  position_angle     of the major axis, degrees in [0, 180), from the axis of columns
                     towards that of rows
  n_arms             2, 3 or 4
  pitch_angle        of the logarithmic arms, degrees; 0 is wound to a ring
  winding            +1 or -1, the sense of the arms
  arm_contrast       of arms to disc, in [0, 1], before inclination and blur
  arm_asymmetry      how much the strongest arm exceeds their mean, in [0, 1]
  knot_fraction      light in star-forming regions / light of the disc
  bar_fraction       light in the bar / light of the disc
  bar_radius         half the length of the bar, arcsec
  bar_angle          of the bar in the plane of the disc, degrees from the major axis
  seeing             full width at half maximum of the Moffat PSF, arcsec
  pixel_scale        arcsec per pixel of the picture
  visible_arms       detectability d' of the arms in the picture, after blur and noise
  visible_bar        the same of the bar
  visible_axis_ratio minor / major axis of the galaxy in the picture
  rho_featured, rho_edge-on, rho_bar, rho_artifact
                     the true vote fractions; of those asked: see `make_galaxies`
"""


def make_galaxies(
    n_galaxies=1000,
    image_size=64,
    *,
    kinds=None,
    question="featured",
    magnitude=(14.0, 17.0),
    radius=None,
    seeing=(1.2, 1.8),
    pixel_scale=None,
    n_votes="gz2",
    vote_spread=0.0,
    return_X_y=False,
    n_jobs=None,
    verbose=False,
    random_state=None,
):
    """Draw simulated galaxies and volunteers' votes on them.

    The defaults imitate Galaxy Zoo 2. Galaxy `i` depends on `random_state` and `i`, not on
    `n_galaxies` or `n_jobs`: a longer run begins with the shorter one. Needs GalSim:
    ``pip install galsim``.

    Parameters
    ----------
    n_galaxies : int, default=1000
        How many galaxies.
    image_size : int, default=64
        Width and height of a picture in pixels, at least 16. Galaxies fill the same part of it
        at every size.
    kinds : dict of str to float, default=None
        Probability of every kind, "smooth", "featured" (a spiral without a bar), "barred",
        "edge-on" and "artifact" (a bright star or a trail, no galaxy); those left out get 0, all
        add up to 1. None takes shares that give the vote fractions of Galaxy Zoo 2. The kind is
        what the galaxy *is*; how many say so depends on how well it is seen.
    question : {"featured", "edge-on", "bar"}, default="featured"
        What `votes` and `vote_fraction` are about. As in Galaxy Zoo, "edge-on" is asked of those
        who said "featured", and "bar" of those who then said "not edge-on": N is the number of
        those, and may be 0.
    magnitude : float or (float, float), default=(14.0, 17.0)
        Apparent magnitude in r, mag in [8, 22], or the ends of a range; fainter galaxies are the
        more numerous, 10^(0.6 m).
    radius : float or (float, float), default=None
        Half-light radius, arcsec in [0.1, 200], or the ends of a range (even in the logarithm).
        None draws a surface brightness by the kind of galaxy, with a 90 % radius of at least 3
        arcsec.
    seeing : float or (float, float), default=(1.2, 1.8)
        Full width at half maximum of the point-spread function, arcsec in [0.3, 20], or the ends
        of a range. SDSS has a median of 1.3 in r and 1.4 in g, before resampling.
    pixel_scale : float, default=None
        Arcsec per pixel of the picture, in [0.02, 10]. None fits each picture to its galaxy as
        Galaxy Zoo 2 does: 5.12 times the 90 % radius are `image_size` pixels.
    n_votes : int, (int, int) or {"gz2", "decals", "stripe82"}, default="gz2"
        Volunteers on the first question: so many; the least and the most of them (both
        included, all equally likely); or as many as in a published table. 0 is allowed.
    vote_spread : float in [0, 1), default=0.0
        How much the volunteers whom chance sends to a galaxy differ from the average crowd: the
        correlation between two votes on it. Votes are beta-binomial of concentration
        ``1 / vote_spread - 1``, with a variance ``1 + (N - 1) vote_spread`` times the binomial's.
    return_X_y : bool, default=False
        Return ``(images, votes)`` instead of everything.
    n_jobs : int or None, default=None
        Processes that draw at the same time; -1 is one per processor, None is one or what
        ``joblib.parallel_config`` says.
    verbose : bool, default=False
        Show a progress bar.
    random_state : int, Generator, RandomState or None, default=None
        Source of the randomness. An int gives the same galaxies, bit for bit, each time.

    Returns
    -------
    galaxies : sklearn.utils.Bunch
        images : uint8 array of shape (n_galaxies, image_size, image_size)
            Grey pictures, as `load_galaxy_zoo` returns those of SDSS.
        votes : int64 array of shape (n_galaxies, 2)
            Columns [k, N].
        vote_fraction : float64 array of shape (n_galaxies,)
            The true probability that a volunteer who is asked says yes.
        question : str
            As given.
        ids : str array of shape (n_galaxies,)
            Names.
        table : pandas.DataFrame of n_galaxies rows
            Ids (``id_str``) and counts of all questions, in Zoobot's column names: with the
            images, what `load_galaxy_zoo` reads.
        frame : pandas.DataFrame of n_galaxies rows
            Physical parameters, what can be seen, and the true vote fractions of all questions;
            units in ``DESCR``.
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
    Computing 10, 121. Willett et al. 2013, "Galaxy Zoo 2", MNRAS 435, 2835. Strauss et al. 2002,
    "Spectroscopic target selection in SDSS", AJ 124, 1810.

    Examples
    --------
    >>> from skgalaxy.datasets import make_galaxies
    >>> galaxies = make_galaxies(3, kinds={"barred": 0.5, "smooth": 0.5}, random_state=0)
    >>> galaxies.images.shape, galaxies.images.dtype
    ((3, 64, 64), dtype('uint8'))
    >>> make_galaxies(3, n_votes=40, random_state=0).votes[:, 1]
    array([40, 40, 40])
    """
    n_galaxies = check_int(n_galaxies, "n_galaxies", 1)
    sky = Sky(
        size=check_int(image_size, "image_size", 16),
        kinds=_check_kinds(kinds),
        magnitude=_check_range(magnitude, "magnitude", 8, 22),
        radius=None if radius is None else _check_range(radius, "radius", 0.1, 200),
        seeing=_check_range(seeing, "seeing", 0.3, 20),
        pixel_scale=_check_scale(pixel_scale),
        votes_cast=_check_votes(n_votes),
        spread=check_float(vote_spread, "vote_spread", 0, 1, closed="left"),
    )
    question = check_choice(question, "question", QUESTIONS)
    return_X_y = check_bool(return_X_y, "return_X_y")
    verbose = check_bool(verbose, "verbose")
    check_n_jobs(n_jobs)
    seed = _root_seed(random_state)
    require("galsim", "simulate", for_="make_galaxies")
    galaxies = _bunch(*_draw_all(n_galaxies, seed, sky, n_jobs, verbose), question)
    return (galaxies.images, galaxies.votes) if return_X_y else galaxies


def _bunch(images, rows, counts, question):
    """Pictures, parameters and counts as `make_galaxies` returns them, asked `question`."""
    ids = np.array([f"sim-{i:06d}" for i in range(len(images))])
    frame, table = pd.DataFrame(rows), pd.DataFrame(counts)
    answer = "_".join(QUESTIONS[question])
    total = f"{QUESTIONS[question][0]}_total-votes"
    votes = table[[answer, total]].to_numpy(dtype=np.int64)
    table.insert(0, "id_str", ids)
    return Bunch(
        images=images,
        votes=votes,
        vote_fraction=frame[f"rho_{question}"].to_numpy(),
        question=question,
        ids=ids,
        table=table,
        frame=frame,
        DESCR=DESCR,
    )


def _draw_all(n_galaxies, seed, sky, n_jobs, verbose):
    """Return the pictures, and two lists of dicts: parameters and counts."""
    blocks = [range(i, min(i + BLOCK, n_galaxies)) for i in range(0, n_galaxies, BLOCK)]
    images = np.empty((n_galaxies, sky.size, sky.size), dtype=np.uint8)
    rows, counts = [], []
    drawn = Parallel(n_jobs, return_as="generator")(
        delayed(_draw_block)(block, seed, sky) for block in blocks
    )
    with tqdm(total=n_galaxies, desc="galaxies", disable=not verbose) as bar:
        for block, galaxies in zip(blocks, drawn, strict=True):
            for i, (image, row, count) in zip(block, galaxies, strict=True):
                images[i] = image
                rows.append(row)
                counts.append(count)
            bar.update(len(block))
    return images, rows, counts


def _draw_block(block, root_seed, sky):
    """Return picture, parameters and counts of the galaxies of those numbers."""
    galsim = require("galsim", "simulate", for_="make_galaxies")
    # The i-th child of the root seed, whatever the number of its siblings.
    seeds = (np.random.SeedSequence(root_seed, spawn_key=(i,)) for i in block)
    return [_draw_one(galsim, seed, sky) for seed in seeds]


def _draw_one(galsim, seed, sky):
    """Return picture, parameters and counts of one galaxy.

    What it is, what surrounds it, the noise and the votes have each a stream of their own.
    """
    what, around, noise, voting = map(np.random.default_rng, seed.spawn(4))
    galaxy = draw_galaxy(what, sky.kinds, sky.magnitude, sky.radius, sky.seeing)
    scale = sky.pixel_scale or FRAME_IN_R90 * galaxy["radius_90"] / sky.size
    galaxy["pixel_scale"] = scale
    camera = Camera(galsim, sky.size * scale, scale, galaxy["seeing"])
    neighbours = draw_neighbours(around, sky.size * scale)
    light = draw_light(galsim, galaxy, neighbours, camera, around)
    galaxy |= look(galaxy, light, camera)
    rho = vote_fractions(galaxy)
    galaxy |= {f"rho_{question}": value for question, value in rho.items()}
    image = take_picture(light.total, camera, sky.size, noise)
    return image, galaxy, cast_votes(voting, rho, sky.votes_cast, sky.spread)


def _check_kinds(kinds):
    """Return the share of every kind, in the order of `KINDS`."""
    if kinds is None:
        kinds = KINDS_OF_GALAXY_ZOO_2
    if not isinstance(kinds, dict):
        raise TypeError(f"`kinds` must be a dict of kind to probability. Got {kinds!r}.")
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ValueError(f"`kinds` may name {', '.join(map(repr, KINDS))}. Got {unknown[0]!r}.")
    shares = {kind: check_float(kinds.get(kind, 0), "kinds", 0, 1) for kind in KINDS}
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(f"`kinds` must add up to 1. Got {sum(shares.values()):g}.")
    return shares


def _check_scale(pixel_scale):
    if pixel_scale is None:
        return None
    return check_float(pixel_scale, "pixel_scale", 0.02, 10)


def _check_pair(value, name):
    """Return `value`, a number or a pair of them, as a pair."""
    if isinstance(value, numbers.Number):
        return value, value
    try:
        first, last = value
    except (TypeError, ValueError):
        raise TypeError(
            f"`{name}` must be a number or a pair (low, high). Got {value!r}."
        ) from None
    return first, last


def _check_order(first, last, name):
    if first > last:
        raise ValueError(
            f"`{name}` must be a pair (low, high) with low <= high. Got {(first, last)!r}."
        )


def _check_range(value, name, low, high):
    """Return `value`, a number or a pair of them, as two floats in [low, high]."""
    first, last = (check_float(end, name, low, high) for end in _check_pair(value, name))
    _check_order(first, last, name)
    return first, last


def _check_votes(n_votes):
    """Return an array of numbers of votes, all equally likely."""
    if isinstance(n_votes, str):
        return VOTES_CAST[check_choice(n_votes, "n_votes", VOTES_CAST)]
    fewest, most = (check_int(end, "n_votes", 0) for end in _check_pair(n_votes, "n_votes"))
    _check_order(fewest, most, "n_votes")
    return np.arange(fewest, most + 1)


def _root_seed(random_state):
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
