"""Simulated galaxies with votes: physics in, pictures and counts out.

Each galaxy is a bulge, a disc, and the features that people vote for, for example spiral arms or a
bar. It is drawn as a telescope would see it, with stars and galaxies beside it::

    light   = PSF * (bulge + disc + arms + bar + neighbours)
    picture = asinh stretch of Gaussian[ light, light + sky ]

The true vote fraction of every question follows from the features that are *visible* in it::

    rho = 1 - exp(-evidence),    k ~ Binomial(N, rho), or beta-binomial

`_population` draws the parameters, `_optics` the pictures, and `_volunteers` looks and votes.
"""

import numbers
import secrets
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
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
from skgalaxy.simulation._results import SimulatedGalaxies, as_bunch
from skgalaxy.simulation._tree_volunteers import cast_tree_votes, tree_fractions
from skgalaxy.simulation._volunteers import QUESTIONS, VOTES_CAST, cast_votes, look, vote_fractions
from skgalaxy.votes import GZ2, DecisionTree

__all__ = ["make_galaxies"]

BLOCK = 64  # galaxies that one task draws: a few seconds' work
# Galaxy Zoo 2 shows 424 pixels of 0.02 petroR90_r, of which the library keeps the middle 256.
FRAME_IN_R90 = 256 * 0.02


Question = Literal["featured", "edge-on", "bar"]
Survey = Literal["gz2", "decals", "stripe82"]
Seed = int | np.random.Generator | np.random.RandomState | None


class Sky(NamedTuple):
    """The checked arguments of `make_galaxies` that a galaxy depends on."""

    size: int
    kinds: dict[str, float]
    magnitude: tuple[float, float]
    radius: tuple[float, float] | None
    seeing: tuple[float, float]
    pixel_scale: float | None
    votes_cast: NDArray[np.int_]
    spread: float
    walks: bool  # down the tree of Galaxy Zoo 2


@overload
def make_galaxies(
    n_galaxies: int = 1000,
    image_size: int = 64,
    *,
    kinds: dict[str, float] | None = None,
    question: Question = "featured",
    tree: DecisionTree | None = None,
    magnitude: float | tuple[float, float] = (14.0, 17.0),
    radius: float | tuple[float, float] | None = None,
    seeing: float | tuple[float, float] = (1.2, 1.8),
    pixel_scale: float | None = None,
    n_votes: int | tuple[int, int] | Survey = "gz2",
    vote_spread: float = 0.0,
    return_X_y: Literal[False] = False,
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: Seed = None,
) -> SimulatedGalaxies: ...
@overload
def make_galaxies(
    n_galaxies: int = 1000,
    image_size: int = 64,
    *,
    kinds: dict[str, float] | None = None,
    question: Question = "featured",
    tree: DecisionTree | None = None,
    magnitude: float | tuple[float, float] = (14.0, 17.0),
    radius: float | tuple[float, float] | None = None,
    seeing: float | tuple[float, float] = (1.2, 1.8),
    pixel_scale: float | None = None,
    n_votes: int | tuple[int, int] | Survey = "gz2",
    vote_spread: float = 0.0,
    return_X_y: Literal[True],
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: Seed = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
def make_galaxies(
    n_galaxies: int = 1000,
    image_size: int = 64,
    *,
    kinds: dict[str, float] | None = None,
    question: Question = "featured",
    tree: DecisionTree | None = None,
    magnitude: float | tuple[float, float] = (14.0, 17.0),
    radius: float | tuple[float, float] | None = None,
    seeing: float | tuple[float, float] = (1.2, 1.8),
    pixel_scale: float | None = None,
    n_votes: int | tuple[int, int] | Survey = "gz2",
    vote_spread: float = 0.0,
    return_X_y: bool = False,
    n_jobs: int | None = None,
    verbose: bool = False,
    random_state: Seed = None,
) -> SimulatedGalaxies | tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw simulated galaxies and volunteers' votes on them.

    The defaults imitate Galaxy Zoo 2. Galaxy `i` depends on `random_state` and `i`, not on
    `n_galaxies` or `n_jobs`: if you ask for more galaxies, the first ones stay the same. Needs
    GalSim: ``pip install galsim``.

    Parameters
    ----------
    n_galaxies : int, default=1000
        Number of galaxies.
    image_size : int, default=64
        Width and height of a picture in pixels, at least 16. Galaxies fill the same part of it
        at every size.
    kinds : dict of str to float, default=None
        Probability of every kind: "smooth", "featured" (a spiral without a bar), "barred",
        "edge-on" and "artifact" (a bright star or a trail, no galaxy). They must add up to 1; a
        kind that you leave out gets 0. For example, ``{"smooth": 0.5, "barred": 0.5}``. None
        takes shares that give the vote fractions of Galaxy Zoo 2. The kind is the truth about a
        galaxy. The votes also depend on how well it is seen.
    question : {"featured", "edge-on", "bar"}, default="featured"
        The question of `votes` and `vote_fraction`. As in Galaxy Zoo, "edge-on" is asked only
        after the answer "featured", and "bar" only after "not edge-on". N counts the volunteers
        who are asked, and may be 0.
    tree : DecisionTree, default=None
        `skgalaxy.votes.GZ2`: volunteers walk the whole tree of Galaxy Zoo 2, and `votes` are the
        counts of all its answers. None is the three questions above. The fractions of bars, edge-on
        discs, arms and their winding and number, bulges and roundness follow from what the galaxy
        is and how well it is seen. The simulation has no rings, mergers or other odd features and
        no boxy bulges: the fractions of the answers to "odd-feature", and of "boxy", are constants
        near those of Galaxy Zoo 2, and "something-odd" depends on how uneven the arms are.
    magnitude : float or (float, float), default=(14.0, 17.0)
        Apparent magnitude in r, or the ends of a range, mag in [8, 22]. The number of galaxies
        grows with magnitude, as 10^(0.6 m).
    radius : float or (float, float), default=None
        Half-light radius, or the ends of a range (uniform in the logarithm), arcsec in
        [0.1, 200]. None draws a surface brightness by the kind of galaxy, with a 90 % radius of
        at least 3 arcsec.
    seeing : float or (float, float), default=(1.2, 1.8)
        Full width at half maximum of the point-spread function, or the ends of a range, arcsec
        in [0.3, 20]. SDSS has a median of 1.3 in r and 1.4 in g, before resampling.
    pixel_scale : float, default=None
        Arcsec per pixel of the picture, in [0.02, 10]. None fits each picture to its galaxy as
        Galaxy Zoo 2 does: 5.12 times the 90 % radius are `image_size` pixels.
    n_votes : int, (int, int) or {"gz2", "decals", "stripe82"}, default="gz2"
        Number of volunteers on the first question. You can give one number for all galaxies, a
        range (both ends included, all numbers equally likely), or the name of a published table
        to draw the numbers from. 0 is allowed.
    vote_spread : float in [0, 1), default=0.0
        Correlation between two votes on a galaxy, for volunteers who differ from the average
        crowd by chance. Votes are beta-binomial with a concentration of ``1 / vote_spread - 1``,
        and with a `tree` Dirichlet-multinomial.
        Their variance is ``1 + (N - 1) vote_spread`` times that of the binomial.
    return_X_y : bool, default=False
        Return only ``(images, votes)``.
    n_jobs : int or None, default=None
        Number of processes; -1 is one per processor. None is one, or the number in
        ``joblib.parallel_config``.
    verbose : bool, default=False
        Show a progress bar while you wait.
    random_state : int, Generator, RandomState or None, default=None
        Source of the randomness. An int gives you the same galaxies, bit for bit, each time.

    Returns
    -------
    galaxies : sklearn.utils.Bunch
        images : uint8 array of shape (n_galaxies, image_size, image_size)
            Grey pictures, as `load_galaxy_zoo` reads those of SDSS.
        votes : int64 array of shape (n_galaxies, 2), or (n_galaxies, n_answers) with a `tree`
            Columns [k, N]; with a `tree`, counts in the order of its `columns`.
        vote_fraction : float64 array of shape (n_galaxies,)
            The true probability that a volunteer who is asked says yes to `question`.
        tree : DecisionTree
            As given; only with a `tree`.
        fractions : float64 array of shape (n_galaxies, n_answers)
            The true fraction of every answer among those who are asked, in the order of the tree's
            `columns`; only with a `tree`.
        question : str
            As given.
        ids : str array of shape (n_galaxies,)
            Names of the galaxies.
        table : pandas.DataFrame of n_galaxies rows
            Ids (``id_str``) and counts of all questions, in Zoobot's column names. Save it beside
            the images, and `load_galaxy_zoo` reads both.
        frame : pandas.DataFrame of n_galaxies rows
            Physical parameters, visible features, and the true vote fractions of all questions.
            You find the units in ``DESCR``.
        DESCR : str
            Description of all these.

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

    Votes on all questions of Galaxy Zoo 2:

    >>> from skgalaxy.votes import GZ2
    >>> galaxies = make_galaxies(3, n_votes=40, tree=GZ2, random_state=0)
    >>> galaxies.votes[:, GZ2.slices["smooth-or-featured"]].sum(axis=1)
    array([40, 40, 40])
    >>> galaxies.fractions.shape
    (3, 37)
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
        walks=_check_tree(tree),
    )
    check_choice(question, "question", tuple(QUESTIONS))
    return_X_y = check_bool(return_X_y, "return_X_y")
    verbose = check_bool(verbose, "verbose")
    check_n_jobs(n_jobs)
    seed = _root_seed(random_state)
    require("galsim", "simulate", for_="make_galaxies")  # before processes are started
    galaxies = as_bunch(*_draw_all(n_galaxies, seed, sky, n_jobs, verbose), question, tree)
    return (galaxies.images, galaxies.votes) if return_X_y else galaxies


def _draw_all(
    n_galaxies: int, seed: int, sky: Sky, n_jobs: int | None, verbose: bool
) -> tuple[NDArray[np.uint8], list[dict[str, Any]], list[dict[str, int]]]:
    """Draw all galaxies: the pictures, and a dict of parameters and one of counts for each."""
    blocks = [range(i, min(i + BLOCK, n_galaxies)) for i in range(0, n_galaxies, BLOCK)]
    images = np.empty((n_galaxies, sky.size, sky.size), dtype=np.uint8)
    rows, counts = [], []
    # A generator: the results come in order, while others are drawn, for the progress bar.
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


def _draw_block(
    block: Sequence[int], root_seed: int, sky: Sky
) -> list[tuple[NDArray[np.uint8], dict[str, Any], dict[str, int]]]:
    """Draw the galaxies of those numbers."""
    galsim = require("galsim", "simulate", for_="make_galaxies")
    # The i-th child of the root seed does not depend on the number of its siblings.
    seeds = (np.random.SeedSequence(root_seed, spawn_key=(i,)) for i in block)
    return [_draw_one(galsim, seed, sky) for seed in seeds]


def _draw_one(
    galsim: Any, seed: np.random.SeedSequence, sky: Sky
) -> tuple[NDArray[np.uint8], dict[str, Any], dict[str, int]]:
    """Draw one galaxy: its picture, parameters and counts."""
    # Streams of random numbers of their own, so that, for example, more votes change no picture.
    physics, around, noise, voting = map(np.random.default_rng, seed.spawn(4))
    galaxy = draw_galaxy(physics, sky.kinds, sky.magnitude, sky.radius, sky.seeing)
    scale = sky.pixel_scale or FRAME_IN_R90 * galaxy["radius_90"] / sky.size
    galaxy["pixel_scale"] = scale
    camera = Camera(galsim, sky.size * scale, scale, galaxy["seeing"])
    neighbours = draw_neighbours(around, sky.size * scale)
    light = draw_light(galsim, galaxy, neighbours, camera, around)
    galaxy |= look(galaxy, light, camera)
    rho = vote_fractions(galaxy)
    galaxy |= {f"rho_{question}": value for question, value in rho.items()}
    image = take_picture(light.total, camera, sky.size, noise)
    if sky.walks:
        fractions = tree_fractions(galaxy)
        return image, galaxy, cast_tree_votes(voting, fractions, sky.votes_cast, sky.spread)
    return image, galaxy, cast_votes(voting, rho, sky.votes_cast, sky.spread)


def _check_kinds(kinds: Any) -> dict[str, float]:
    """Share of every kind, in the order of `KINDS`."""
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


def _check_tree(tree: Any) -> bool:
    """True for the tree that volunteers can walk, False for None."""
    if tree is not None and not isinstance(tree, DecisionTree):
        raise TypeError(f"`tree` must be a DecisionTree, or None. Got {tree!r}.")
    if tree is not None and tree != GZ2:
        raise ValueError(
            "`tree` must be skgalaxy.votes.GZ2: no other follows from the simulation. Got "
            f"{tree!r}; `skgalaxy.votes.walk_votes` draws votes of any tree."
        )
    return tree is not None


def _check_scale(pixel_scale: Any) -> float | None:
    if pixel_scale is None:
        return None
    return check_float(pixel_scale, "pixel_scale", 0.02, 10)


def _check_pair(value: Any, name: str) -> tuple[Any, Any]:
    """A number or a pair of numbers as a pair."""
    if isinstance(value, numbers.Number):
        return value, value
    try:
        first, last = value
    except (TypeError, ValueError):
        raise TypeError(
            f"`{name}` must be a number or a pair (low, high). Got {value!r}."
        ) from None
    return first, last


def _check_order(first: float, last: float, name: str) -> None:
    if first > last:
        raise ValueError(
            f"`{name}` must be a pair (low, high) with low <= high. Got {(first, last)!r}."
        )


def _check_range(value: Any, name: str, low: float, high: float) -> tuple[float, float]:
    """A number or a pair of numbers as two floats in [low, high]."""
    first, last = (check_float(end, name, low, high) for end in _check_pair(value, name))
    _check_order(first, last, name)
    return first, last


def _check_votes(n_votes: Any) -> NDArray[np.int_]:
    """Numbers of votes, all equally likely."""
    if isinstance(n_votes, str):
        return VOTES_CAST[check_choice(n_votes, "n_votes", tuple(VOTES_CAST))]
    fewest, most = (check_int(end, "n_votes", 0) for end in _check_pair(n_votes, "n_votes"))
    _check_order(fewest, most, "n_votes")
    return np.arange(fewest, most + 1)


def _root_seed(random_state: Any) -> int:
    """Root seed of the galaxies, drawn from `random_state` if it is a generator."""
    if random_state is None:
        return secrets.randbits(128)  # as many as a SeedSequence takes from the system
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, numbers.Integral) and int(random_state) >= 0:
        return int(random_state)
    raise ValueError(
        "`random_state` must be None, an integer >= 0, a Generator or a RandomState. "
        f"Got {random_state!r}."
    )
