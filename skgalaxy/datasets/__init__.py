"""Galaxies with votes: a folder of your own, simulated ones, or published ones to download.

All functions return counts ``y = [k, N]`` as the estimator takes them; `load_galaxy_zoo` and
`make_galaxies` with images, the fetchers with their paths, as `ImageLoader` takes them.
"""

from skgalaxy.datasets._fetch import (
    clear_data_home,
    fetch_galaxy_zoo2,
    fetch_gz_decals,
    get_data_home,
)
from skgalaxy.datasets._galaxy_zoo import load_galaxy_zoo
from skgalaxy.simulation import make_galaxies

__all__ = [
    "clear_data_home",
    "fetch_galaxy_zoo2",
    "fetch_gz_decals",
    "get_data_home",
    "load_galaxy_zoo",
    "make_galaxies",
]
