"""Sphinx configuration: `make docs` builds with warnings as errors."""

import skgalaxy

project = "skgalaxy"
author = copyright = "The skgalaxy developers"
release = version = skgalaxy.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autosummary_generate = True
numpydoc_show_class_members = False
templates_path = ["_templates"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "skgalaxy"
