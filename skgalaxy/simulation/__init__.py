"""A simulated sky: galaxies with known true vote fractions.

`skgalaxy.datasets.make_galaxies` is its one door. Physics goes in, pictures and counts come out::

    population   random galaxies: magnitudes, sizes, discs, arms and bars
    optics       their light through a telescope on to a stretched picture
    volunteers   visible features of the picture, and the votes that they get
    galaxies     all of it, in parallel: `make_galaxies`
"""

from skgalaxy.simulation._galaxies import make_galaxies

__all__ = ["make_galaxies"]
