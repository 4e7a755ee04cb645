"""Models as files that run no code: `save` writes one, and `load` reads it.

A pickle is a program, and whoever loads it runs whatever its maker put in. A file of `save` is
numbers, text and names. `load` makes objects of a few classes that it knows, gives them their
parameters and arrays, and refuses all else. Code of your own, for example a network, is kept by
its name; `load` imports it if you say that you trust it. A file that means harm can still ask for
a network too large for your memory.

===========  ==========================================================================
`_model`     a model, its metadata, and the code that it may import
`_plain`     objects as trees of JSON and arrays, and back
`_archive`   JSON and arrays as one file, with checksums
===========  ==========================================================================

What an object has learned stands under "fitted". A later version may keep more there. It reads
files that have less, and a version that meets something it does not know refuses the file.
"""

from skgalaxy.persistence._model import load, save

__all__ = ["load", "save"]
