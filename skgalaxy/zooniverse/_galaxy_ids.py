"""Ids of galaxies in an export: which were asked about, and which have lost digits on their way."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from numpy.typing import ArrayLike

from skgalaxy._validation import (
    KEPT_DIGITS,
    LONGEST_ID,
    MANGLED,
    check_ids,
    first_cut,
    zeros_for_digits,
)
from skgalaxy.zooniverse._answers import shown
from skgalaxy.zooniverse._export_file import RowError, is_utf8

SUBJECT_IDS = "subject_ids"  # the export's own column: the Zooniverse's numbers of subjects
EXACT_IN_JAVASCRIPT = 2**53


class NotInExportError(ValueError):
    """None of the galaxies asked for is in the export, for example because it is older."""


class GalaxyIds:
    """Where the ids of galaxies stand in an export, and those found so far.

    Parameters
    ----------
    id_name : str
        As for `read_classifications`.
    asked : array-like of str or int, or None
        The galaxies that were asked about; None is all.

    Attributes
    ----------
    asked : list of str or None
    """

    def __init__(self, id_name: str, asked: ArrayLike | None) -> None:
        self.asked: list[str] | None = None
        if asked is not None:
            self.asked = check_ids(asked, "ids", None).tolist()
            if not self.asked:
                raise ValueError("`ids` must not be empty. Got none; leave it out to read all.")
        self._id_name = id_name
        self._known = set(self.asked or ())
        self._numbers = sorted(float(id_) for id_ in self._known if id_.isdecimal())
        self._others: dict[str, None] = {}  # ids that were not asked about
        self._metadata: dict[str, None] = {}  # names in subjects without an id
        self._integers: set[int] = set()  # ids that JavaScript may have rounded
        self._any = False

    def read(self, subjects: dict[str, dict[str, Any]]) -> str | None:
        """Id of the galaxy that a row's subject shows, None if it was not asked about."""
        ids = [self._id(subject, metadata) for subject, metadata in subjects.items()]
        if self.asked is not None and not any(ids):
            return None
        if len(subjects) != 1:
            raise RowError(f"not one subject with its metadata, but {len(subjects)}.")
        return ids[0]

    def refuse_none(self, path: str) -> None:
        """Refuse an export of subjects without ids."""
        if not self._any:
            raise ValueError(
                f"`id_name` must be among the subjects' metadata, or {SUBJECT_IDS!r}. Got "
                f"{self._id_name!r}, which no subject in {path!r} has; there are "
                f"{some(self._metadata)}."
            )

    def refuse_rounded(self, found: Iterable[str], path: str) -> None:
        """Refuse ids that a spreadsheet has cut, and numbers that JavaScript has rounded.

        Each of them must be such a number, by chance one in 100.
        """
        if self.asked is not None:
            return
        ids = list(found)
        cut = first_cut(ids)
        if cut is not None:
            raise ValueError(
                f"The galaxies' ids must have all their digits. Got {self._id_name!r} in {path!r} "
                f"as numbers that end in zeros, such as {ids[cut]}, as a spreadsheet leaves them; "
                f"take another `id_name`, for example {SUBJECT_IDS!r}."
            )
        if self._integers and all(map(_is_rounded, self._integers)):
            raise ValueError(
                f"The galaxies' ids must be exact. Got {self._id_name!r} in {path!r} as numbers "
                f"that JavaScript has rounded, such as {min(self._integers)}; take another "
                f"`id_name`, for example {SUBJECT_IDS!r}."
            )

    def tell_missing(self, found: Collection[str], path: str) -> str:
        """Sentence on the ids asked for that were not found, "" if all were; none is an error."""
        missing = [id_ for id_ in self.asked or () if id_ not in found]
        if not missing:
            return ""
        of_all = f"{len(missing)} of {len(self._known)}"
        for id_ in filter(str.isdecimal, missing):
            rounded = _rounded(float(id_))
            if rounded in self._integers:
                raise ValueError(
                    f"`ids` must be ids of galaxies in the export. Got {id_}, which JavaScript has "
                    f"rounded to {rounded} in {path!r} ({of_all} ids are not in it); take another "
                    f"`id_name`, for example {SUBJECT_IDS!r}."
                )
        cut = self._first_cut(missing)
        if cut:
            raise ValueError(
                f"`ids` must be ids of galaxies in the export. Got {cut[0]}, whose last digits a "
                f"spreadsheet has cut to {cut[1]} in {path!r} ({of_all} ids are not in it); take "
                f"another `id_name`, for example {SUBJECT_IDS!r}."
            )
        if len(missing) == len(self._known):
            raise NotInExportError(
                f"`ids` must be ids of galaxies in the export. Got none of them in {path!r}: "
                f"{some(missing)}; it holds {some(self._others)}."
            )
        return f"{of_all} `ids` are not in {path!r}, and have N = 0: {some(missing)}."

    def _first_cut(self, missing: Iterable[str]) -> tuple[str, str] | None:
        """The first id that the export has with zeros, as a spreadsheet leaves all of them."""
        if any(zeros_for_digits(id_) < 0 for id_ in self._others):
            return None
        for id_ in missing:
            if zeros_for_digits(id_) < 0:
                cut = id_[:KEPT_DIGITS] + "0" * (len(id_) - KEPT_DIGITS)
                if cut in self._others:
                    return id_, cut
        return None

    def _id(self, subject: str, metadata: dict[str, Any]) -> str | None:
        value = subject if self._id_name == SUBJECT_IDS else metadata.get(self._id_name)
        id_ = str(value).strip() if isinstance(value, (str, int, float)) else ""
        if value is None or (isinstance(value, str) and not id_):
            self._metadata.update(dict.fromkeys(list(metadata)[:20]))
            fault: str | None = (
                f"with no {self._id_name!r}, but {some(metadata)}; say in `id_name` what holds "
                "the id, or pass over such subjects with `ids`"
            )
        else:
            self._any = True
            fault = _fault(value, id_)
        if isinstance(value, int) and value > EXACT_IN_JAVASCRIPT:
            self._integers.add(value)
        if self.asked is not None and not (id_ in self._known or self._may_have_been(id_)):
            if id_:
                self._others[id_] = None
            return None
        if fault:
            raise RowError(f"subject {shown(subject)[1:-1]} {fault}.")
        return id_

    def _may_have_been(self, mangled: str) -> bool:
        """True if one of the ids asked for is such a number: 5.877E+17 may have been many."""
        if not MANGLED.fullmatch(mangled):
            return False
        mangled = mangled.replace(",", ".")
        value = float(mangled)
        if not 0 < abs(value) < math.inf:
            return value == 0 and "0" in self._known
        exponent = int(Decimal(mangled).as_tuple().exponent)
        about = float(Decimal((0, (5,), exponent - 1))) + math.ulp(value)  # half the last digit
        numbers = self._numbers
        return bisect_left(numbers, value - about) < bisect_right(numbers, value + about)


def _fault(value: Any, id_: str) -> str | None:
    """Fault of an id, in words; empty if there is none."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return f"with an id that is neither text nor a whole number, {shown(value)}"
    if isinstance(value, float) or MANGLED.fullmatch(id_):
        return (
            f"with an id that is a float, {shown(value)}: its last digits are lost; upload it "
            "again, from a manifest no spreadsheet has saved"
        )
    if len(id_) > LONGEST_ID:
        return f"with an id of {len(id_):,} characters, more than {LONGEST_ID:,}: {shown(id_)}"
    if "\0" in id_ or not is_utf8(id_):
        return f"with an id that is no text, {shown(id_)}"
    return None


def _rounded(id_: float) -> int | None:
    """Whole number as JavaScript writes it, which knows floats only; None for 1e21 and more."""
    return int(Decimal(repr(float(id_)))) if id_ < 1e21 else None


def _is_rounded(id_: int) -> bool:
    return _rounded(id_) == id_


def some(names: Iterable[str]) -> str:
    """The first few names for a message, and how many there are."""
    names = list(names)
    first = ", ".join(map(shown, names[:3]))
    return f"{first}, ... ({len(names)} in all)" if len(names) > 3 else first or "none"
