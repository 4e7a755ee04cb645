"""Read galaxy cut-outs from image files into arrays.

Survey cut-outs are JPEG, PNG or FITS pictures with the galaxy in the middle, often with more sky
around it than a network needs: 424 pixels in Galaxy Zoo 2. Reading one is three steps: decode, cut
out the central square, shrink it with an antialiasing filter (Lanczos), so that faint arms are
averaged and not skipped. Pillow releases Python's global lock, so threads read many at a time.

`ImageLoader` is the same as a first step of a pipeline, so that models take paths for galaxies;
`PoolReader` is that step for the rows of an array.
`pack_images` reads once and keeps the pixels on disk, for pools larger than memory. `read_cutouts`
cuts galaxies out of a mosaic.
"""

from skgalaxy.images._cutouts import read_cutouts
from skgalaxy.images._read import read_image, read_images
from skgalaxy.images._readers import ImageLoader, PoolReader
from skgalaxy.images._store import open_images, pack_images

__all__ = [
    "ImageLoader",
    "PoolReader",
    "open_images",
    "pack_images",
    "read_cutouts",
    "read_image",
    "read_images",
]
