"""One text for each parameter that several functions share.

A docstring lists the shared parameters on a line of their own, for example ``{y_true, pmf}``. The
decorator `fill_docstring` replaces this line by their entries and keeps its indentation. Braces
within a line stay as they are, so you can write ``unit : {"fraction", "votes"}``.
"""

import re
from collections.abc import Callable
from textwrap import dedent, indent
from typing import Any, TypeVar

Documented = TypeVar("Documented", bound=Callable[..., Any])

# names alone on their line: numpydoc's choices in braces always follow a parameter's name
MARKER = re.compile(r"^( *)\{([a-z_]\w*(?:, [a-z_]\w*)*)\}$", re.IGNORECASE | re.MULTILINE)


def fill_docstring(**entries: str) -> Callable[[Documented], Documented]:
    """Decorator that fills the lines ``{name}`` or ``{name, other}`` of a docstring.

    Parameters
    ----------
    **entries : str
        The text of each name, over any number of lines. You may indent all lines alike.

    Returns
    -------
    fill : callable
        The decorator. It returns the function or class that you decorate, not a wrapper.

    Raises
    ------
    KeyError
        When you decorate, if the docstring names an entry that is missing.
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
