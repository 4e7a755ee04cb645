"""A simulated sky: galaxies whose true vote fractions are known.

`skgalaxy.datasets.make_galaxies` is its one door. Physics goes in, pictures and counts come out::

    population   which galaxies there are: random magnitudes, sizes, discs, arms and bars
    optics       their light through a telescope on to a stretched picture
    volunteers   what can be seen in the picture, and the votes that it gets
    galaxies     one after the other, in parallel: `make_galaxies`
"""

from skgalaxy.simulation._galaxies import make_galaxies

__all__ = ["make_galaxies"]
