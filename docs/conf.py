"""Sphinx configuration: `make docs` builds with warnings as errors, without a network."""

import sys
from pathlib import Path

import click

import skgalaxy
from skgalaxy.cli import commands

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "skgalaxy"
author = copyright = "The skgalaxy developers"
release = version = skgalaxy.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_copybutton",
    # of docs/_extensions
    "code_links",
    "mathml",
]
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3
smartquotes_action = "qe"  # no dashes: --option stays what is typed
highlight_language = "text"
default_role = "code"  # `name` in docstrings, too: code, which code_links links
autosummary_generate = True
numpydoc_show_class_members = False
copybutton_prompt_text = ">>> |\\.\\.\\. "
copybutton_prompt_is_regexp = True
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["skgalaxy.css"]
html_theme = "furo"
html_title = "skgalaxy"
templates_path = ["_templates"]
exclude_patterns = ["_build"]


def _as_code(app, ctx, lines):
    """Show the examples at the end of a command's help as they are typed."""
    if "Examples:" in (ctx.command.epilog or ""):
        typed = ctx.command.epilog.partition("Examples:\n")[2].splitlines()
        lines[:] = ["Examples:", "", ".. code-block:: shell", "", *typed, ""]


def setup(app):
    app.connect("sphinx-click-process-epilog", _as_code)
    for command in commands.commands.values():
        for option in command.params:
            # sphinx_click does not see that the group shows defaults; click has a mark for none
            if isinstance(option, click.Option) and isinstance(option.default, str | int | float):
                option.show_default = not option.is_flag
