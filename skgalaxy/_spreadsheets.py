"""The one policy about ids that spreadsheets would run.

Excel, LibreOffice and Google Sheets run a cell of a CSV file as a formula if it begins with ``=``,
``+``, ``-`` or ``@``. An id may come from a stranger, for example as the name of an image file, and
a formula can send the table away. Ids are written as they are, for a changed one is found nowhere.
So one that could do harm is refused: it begins with ``=`` or ``@``, or it begins with ``+`` or
``-`` and calls something, by ``(``, ``|`` or ``!``. Names such as -05.123+12 are written.

The policy is for the ids of every table that skgalaxy writes to a file: catalogues, manifests,
rankings and votes.
"""

import re
from collections.abc import Iterable

__all__ = ["refuse_formulas"]

_FORMULA = re.compile(r"\s*(?:[=@\uff1d\uff20]|[+\-\uff0b\uff0d].*[(|!])", re.DOTALL)


def refuse_formulas(ids: Iterable[str], name: str) -> None:
    """Raise ValueError if a spreadsheet would run one of the ids.

    Examples
    --------
    >>> from skgalaxy._spreadsheets import refuse_formulas
    >>> refuse_formulas(["587", "-05.123+12", "=HYPERLINK(A1)"], "ids")
    Traceback (most recent call last):
    ValueError: `ids` must not be formulas, which spreadsheets run. Got '=HYPERLINK(A1)' in row 2; \
give this galaxy another id, for example by renaming its image.
    """
    for row, id_ in enumerate(ids):
        if _FORMULA.match(id_):
            raise ValueError(
                f"`{name}` must not be formulas, which spreadsheets run. Got {str(id_)!r} in row "
                f"{row}; give this galaxy another id, for example by renaming its image."
            )
