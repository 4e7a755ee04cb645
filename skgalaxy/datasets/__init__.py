"""Galaxies with votes: a folder of your own, simulated ones, or published ones to download.

All functions return counts ``y = [k, N]`` that you can pass to the estimator. `load_galaxy_zoo` and
`make_galaxies` return images with them. The fetchers return paths of images, for `ImageLoader`.
"""

from skgalaxy.datasets._data_home import clear_data_home, get_data_home
from skgalaxy.datasets._fetch import fetch_galaxy_zoo2, fetch_gz_decals
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
