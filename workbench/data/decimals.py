"""Which signs a file writes its numbers with, decided over whole columns, never by the cell."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.errors import DataError

MISSING = frozenset((
    "-", "--", "---", "----", "?", "*", "***", "na", "n/a", "#n/a", "#na", "nan", "null", "none",
    "nil", "bad", "bad input", "no data", "nodata", "no value", "invalid", "missing", "#value!",
    "#div/0!", "#ref!", "#name?", "#num!", "#null!", "i/o timeout", "comm fail", "not connect",
    "pt created", "shutdown", "under range", "over range", "err", "error", "fault", "overflow",
    "결측", "불명", "欠測", "fehlt", "k.a.",
))  # fmt: skip
"""Words for a reading that was not taken, in any case of letters; so is an empty cell."""
_LONGEST = max(map(len, MISSING))
SPACES = " \u00a0\u202f\u2009"
_GROUPING = (*SPACES, "'", "’")
_LIKE_A_NUMBER = re.compile(rf"[+\-−]?[\d.,'’{SPACES}]*\d[\d.,'’{SPACES}]*([eE][+\-−]?\d+)?")


class Signs(NamedTuple):
    """A decimal sign, and a sign between groups of thousands or ""."""

    decimal: str = "."
    thousands: str = ""

    def pattern(self, *, strict: bool = True) -> re.Pattern[str]:
        """What a number looks like; strictly, one of thousands is grouped throughout."""
        point, comma = re.escape(self.decimal), re.escape(self.thousands)
        loose = r"\d{1,3}" if strict else r"\d+"
        whole = rf"(?:[1-9]\d{{0,2}}(?:{comma}\d{{3}})+|{loose})" if comma else r"\d+"
        number = rf"(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+\-−]?\d+)?"
        return re.compile(rf"[+\-−]?{number}", re.ASCII)

    def plain(self, cell: str) -> str:
        """The cell as every program writes a number."""
        cell = cell.replace("−", "-")
        if self.thousands:
            cell = cell.replace(self.thousands, "")
        return cell if self.decimal == "." else cell.replace(self.decimal, ".")


def is_missing(cell: str) -> bool:
    """Whether a cell is empty or one of the words for no reading.

    Example:
        >>> is_missing("---"), is_missing("#N/A"), is_missing("0")
        (True, True, False)
    """
    return not cell or (len(cell) <= _LONGEST and cell.lower() in MISSING)


def marks() -> list[str]:
    """The words of `MISSING` as a parser knows them, which looks at the case of letters."""
    return ["", *{form for word in MISSING for form in (word, word.upper(), word.title(),
            word.capitalize())}, "NaN", "N/a", "#n/A"]  # fmt: skip


def like_a_number(cell: str) -> bool:
    """Whether a cell is a number in some country's signs.

    Example:
        >>> [like_a_number(c) for c in ("1.102,5", "1 000", "-2e-1", "1/min", "---")]
        [True, True, True, False, False]
    """
    return bool(_LIKE_A_NUMBER.fullmatch(cell))


def possible(cells: Iterable[str]) -> list[Signs]:
    """The signs under which the most numbers of a column are some; [] where fewer than half are.

    Only what leads to different values is told apart.

    Example:
        >>> possible(["1,102", "941"])
        [Signs(decimal='.', thousands=','), Signs(decimal=',', thousands='')]
        >>> possible(["1,102", "0,5"]), possible(["1 102", "5"])
        ([Signs(decimal=',', thousands='')], [Signs(decimal='.', thousands=' ')])
    """
    numbers = [cell for cell in set(cells) if like_a_number(cell)]
    held = set().union(*map(set, numbers))
    groups = ["", *(sign for sign in (",", ".", *_GROUPING) if sign in held)]
    fits = {}
    for signs in (Signs(point, comma) for point in ".," for comma in groups if comma != point):
        if "." in held or "," in held or signs.decimal == ".":
            fits[signs] = sum(map(bool, map(signs.pattern().fullmatch, numbers)))
    most = max(fits.values(), default=0)
    return [signs for signs, n in fits.items() if n == most and n and 2 * n >= len(numbers)]


def decide(
    path: object,
    texts: Mapping[str, Sequence[str]],
    *,
    separator: str,
    proven: Collection[str] = (),
    decimal: str | None = None,
) -> dict[str, Signs]:
    """The signs of each column of text that holds numbers.

    A column that leaves a choice follows the columns that leave none; without these a file
    that is separated by commas has decimal points.

    Args:
        path: Of the file, for messages.
        texts: Cells without the missing ones, by column.
        separator: Of the file.
        proven: Decimal signs that other columns have shown.
        decimal: The decimal sign if a person has said it.

    Raises:
        DataError: A choice is left, or the columns contradict each other.
    """
    choices = {name: found for name, cells in texts.items() if (found := possible(cells))}
    if decimal is not None:
        return {name: _by_decimal(texts[name], decimal) for name in choices}
    alone = {name: found[0] for name, found in choices.items() if len(found) == 1}
    shown = {s.decimal: name for name, s in alone.items() if _shows(s, texts[name])}
    signs = {*proven, *shown}
    if len(signs) > 1:
        name = next(iter(shown.values()))
        raise DataError(
            f"{path} has decimal points and decimal commas ({name}: {_example(texts[name])}); "
            "pass decimal='.' or decimal=',' (--decimal)"
        )
    for name, found in choices.items():
        if len(found) > 1:
            fitting = [s for s in found if s.decimal in signs]
            if not fitting and separator == ",":
                fitting = [s for s in found if s == Signs()]
            if len(fitting) != 1:
                cell = _example(texts[name])
                values = " or ".join(dict.fromkeys(s.plain(cell) for s in found))
                raise DataError(
                    f"{path}: {name} holds {cell!r}, which may be {values}; pass decimal='.' or "
                    "decimal=',' (--decimal)"
                )
            alone[name] = fitting[0]
    return {name: alone[name] for name in choices}


def converted(cells: NDArray[np.object_], signs: Signs) -> NDArray[np.float64]:
    """Text as float64, NaN where it is no number in these signs."""
    fits = signs.pattern(strict=False).fullmatch
    numbers = (float(signs.plain(cell)) if fits(cell) else np.nan for cell in cells)
    return np.fromiter(numbers, np.float64, len(cells))


def _by_decimal(cells: Sequence[str], decimal: str) -> Signs:
    """The grouping that explains the most cells."""
    held = set().union(*map(set, cells))
    groups = ["", *(sign for sign in (",", ".", *_GROUPING) if sign in held and sign != decimal)]
    ways = [Signs(decimal, comma) for comma in groups]
    return max(ways, key=lambda s: sum(map(bool, map(s.pattern(strict=False).fullmatch, cells))))


def _shows(signs: Signs, cells: Sequence[str]) -> bool:
    """Whether a column proves the decimal sign: it has one, or groups by the other sign."""
    return signs.thousands in (".", ",") or any(signs.decimal in cell for cell in cells)


def _example(cells: Sequence[str]) -> str:
    return next(cell for cell in cells if like_a_number(cell) and set(cell) & set(",."))
