"""Read galaxy cut-outs from image files into arrays.

Survey cut-outs are JPEG, PNG or FITS pictures with the galaxy in the middle. They often show more
sky than a network needs: 424 pixels in Galaxy Zoo 2. Reading one takes three steps: decode it, cut
out the central square, and shrink it with an antialiasing filter (Lanczos). The filter averages
faint arms, where plain sampling would skip them. Pillow releases Python's global lock, so threads
read many images at a time.

- `read_image` and `read_images` read files into memory.
- `ImageLoader` does the same as the first step of a pipeline, so that you can pass paths as X.
- `PoolReader` is such a step for the rows of an array.
- `pack_images` reads once and keeps the pixels on disk, for pools larger than memory.
- `read_cutouts` cuts galaxies out of a mosaic.
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
