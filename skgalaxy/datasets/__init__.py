"""Galaxies with votes: a folder of your own, or simulated ones.

Both functions return images ``X`` and counts ``y = [k, N]`` as the estimator takes them.
"""

from skgalaxy.datasets._galaxy_zoo import load_galaxy_zoo
from skgalaxy.datasets._simulated import make_galaxies

__all__ = ["load_galaxy_zoo", "make_galaxies"]
