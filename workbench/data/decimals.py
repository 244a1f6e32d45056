"""Which signs a file writes its numbers with, decided over whole columns, never by the cell."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .row_options import ambiguous
from .words import is_unit

_GROUPING = (*" \u00a0\u202f\u2009", "'", "’")
_SIGNS = ".,'’ \u00a0\u202f\u2009"
_LIKE_A_NUMBER = re.compile(rf"[+\-−]?[\d{_SIGNS}]*\d[\d{_SIGNS}]*([eE][+\-−]?\d+)?")

_WITH_UNIT = re.compile(rf"({_LIKE_A_NUMBER.pattern})[ \u00a0]*([^\W\d_].*|[%°‰℃℉Ω].*)")


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
        return re.compile(rf"(?:[+\-−] *)?{number}", re.ASCII)

    def plain(self, cell: str) -> str:
        """The cell as every program writes a number."""
        cell = cell.replace(self.thousands, "") if self.thousands else cell
        return cell.replace(" ", "").replace("−", "-").replace(self.decimal, ".")


def like_a_number(cell: str) -> bool:
    """Whether a cell is a number in some country's signs.

    Example:
        >>> [like_a_number(c) for c in ("1.102,5", "1 000", "-2e-1", "1/min", "---")]
        [True, True, True, False, False]
    """
    return bool(_LIKE_A_NUMBER.fullmatch(cell))


def number_and_unit(cell: str) -> tuple[str, str]:
    """A cell apart, if it is a number with a known unit behind it; else the cell and "".

    Example:
        >>> number_and_unit("1.102,5 l/h"), number_and_unit("12%"), number_and_unit("5 pieces")
        (('1.102,5', 'l/h'), ('12', '%'), ('5 pieces', ''))
    """
    found = _WITH_UNIT.fullmatch(cell)
    return (found[1].strip(), found[3]) if found and is_unit(found[3]) else (cell, "")


def possible(cells: Iterable[str]) -> list[Signs]:
    """The signs under which the most cells are numbers; [] where fewer than half are some.

    Only what leads to different values is told apart.

    Example:
        >>> possible(["1,102", "941"])
        [Signs(decimal='.', thousands=','), Signs(decimal=',', thousands='')]
        >>> possible(["1,102", "0,5"]), possible(["1 102", "5"])
        ([Signs(decimal=',', thousands='')], [Signs(decimal='.', thousands=' ')])
    """
    counts = Counter(cells)
    numbers = [cell for cell in counts if like_a_number(cell)]
    held = set().union(*map(set, numbers))
    points = ".," if held & {".", ","} else "."
    fits = {
        signs: sum(counts[c] for c in filter(signs.pattern().fullmatch, numbers))
        for signs in (Signs(p, c) for p in points for c in _groups(held) if c != p)
    }
    most = max(fits.values(), default=0)
    return [signs for signs, n in fits.items() if n == most and n and 2 * n >= counts.total()]


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
    that is separated by commas has decimal points. `texts` are cells without the missing ones,
    `proven` decimal signs that other columns have shown, `decimal` is what a person has said.
    """
    choices = {name: found for name, cells in texts.items() if (found := possible(cells))}
    if decimal is not None:
        return {name: _by_decimal(texts[name], decimal) for name in choices}
    alone = {name: found[0] for name, found in choices.items() if len(found) == 1}
    shown = {s.decimal: name for name, s in alone.items() if _shows(s, texts[name])}
    signs = {*proven, *shown}
    if len(signs) > 1:
        name = next(iter(shown.values()))
        both = f"decimal points and decimal commas ({name}: {_example(texts[name])})"
        raise ambiguous(f"{path} has {both}", "decimal", ".,")
    for name, found in choices.items():
        if len(found) > 1:
            fitting = [s for s in found if s.decimal in signs]
            if not fitting and separator == ",":
                fitting = [s for s in found if s == Signs()]
            if len(fitting) != 1:
                cell = _example(texts[name])
                values = " or ".join(dict.fromkeys(s.plain(cell) for s in found))
                said = f"{path}: {name} holds {cell!r}, which may be {values}"
                raise ambiguous(said, "decimal", ".," if found[0].decimal == "." else ",.")
            alone[name] = fitting[0]
    return {name: alone[name] for name in choices}


def converted(cells: NDArray[np.object_], signs: Signs) -> NDArray[np.float64]:
    """Text as float64, NaN where it is no number in these signs."""
    fits = signs.pattern(strict=False).fullmatch
    numbers = (float(signs.plain(cell)) if fits(cell) else np.nan for cell in cells)
    return np.fromiter(numbers, np.float64, len(cells))


def _groups(held: set[str]) -> list[str]:
    return ["", *(sign for sign in (",", ".", *_GROUPING) if sign in held)]


def _by_decimal(cells: Sequence[str], decimal: str) -> Signs:
    """The grouping that explains the most cells."""
    ways = [Signs(decimal, c) for c in _groups(set().union(*map(set, cells))) if c != decimal]
    return max(ways, key=lambda s: sum(map(bool, map(s.pattern(strict=False).fullmatch, cells))))


def _shows(signs: Signs, cells: Sequence[str]) -> bool:
    """Whether a column proves the decimal sign: it has one, or groups by the other sign."""
    return signs.thousands in (".", ",") or any(signs.decimal in cell for cell in cells)


def _example(cells: Sequence[str]) -> str:
    return next(cell for cell in cells if like_a_number(cell) and set(cell) & set(",."))
