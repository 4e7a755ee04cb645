"""One text for each parameter that several functions share.

A docstring lists the shared parameters on a line of their own, ``{y_true, pmf}``, and the
decorator `fill_docstring` puts their entries there, indented as the line is. Braces within a
line, for example ``unit : {"fraction", "votes"}``, stay as they are.
"""

import re
from collections.abc import Callable
from textwrap import dedent, indent
from typing import TypeVar

Documented = TypeVar("Documented", bound=Callable)

MARKER = re.compile(r"^( *)\{([a-z_]\w*(?:, [a-z_]\w*)*)\}$", re.IGNORECASE | re.MULTILINE)


def fill_docstring(**entries: str) -> Callable[[Documented], Documented]:
    """Decorate by entries, which replace a line ``{name}`` or ``{name, other}`` of the docstring.

    Parameters
    ----------
    **entries : str
        The text of each name, over as many lines as it takes. They may all be indented alike.

    Returns
    -------
    fill : callable
        The decorator, which returns the function or class it is given.

    Raises
    ------
    KeyError
        By the decorator, if a docstring names an entry that is not given.
    """
    texts = {name: dedent(entry).strip() for name, entry in entries.items()}

    def text_of_marker(marker: re.Match[str]) -> str:
        margin, names = marker.groups()
        return indent("\n".join(texts[name] for name in names.split(", ")), margin)

    def fill(documented: Documented) -> Documented:
        if documented.__doc__ is not None:  # python -OO drops docstrings
            documented.__doc__ = MARKER.sub(text_of_marker, documented.__doc__)
        return documented

    return fill
