"""Zooniverse: galaxies to ask its volunteers about, and the way home of their answers.

`write_manifest` makes a folder that ``panoptes subject-set upload-subjects SET manifest.csv``
uploads: images and a table of them, whose columns beginning with ``#`` volunteers never see. One
of these, ``#id_str``, is the galaxy's id. The export of classifications that a project's owner
requests and downloads holds it again, so `read_classifications` gives each galaxy its votes on one
question, and `read_tree_classifications` those on all questions of a tree.
"""

from skgalaxy.zooniverse._classifications import read_classifications
from skgalaxy.zooniverse._manifest import write_manifest
from skgalaxy.zooniverse._tree_classifications import read_tree_classifications

__all__ = ["read_classifications", "read_tree_classifications", "write_manifest"]
