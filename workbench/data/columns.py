"""What each column of a file is: time, counter or sensor, and its values."""

from collections.abc import Collection, Mapping, Sequence
from textwrap import shorten
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import DataError

from .cells import Cells
from .date_cells import DATES, written_as
from .decimals import converted, decide, number_and_unit
from .recording import two_valued
from .words import COUNTERS, NOTES, amount, bare, is_missing, is_time_name

_NAMES = ((is_time_name, "time", "time"), (lambda n: bare(n) in COUNTERS, "counter", "ignore"))
_STEADY = 20  # rows from which equal steps are no coincidence

NO_VALUE = "it holds no value"


class Column(NamedTuple):
    """A column that is used; `bad` is True where the file has no usable value."""

    name: str
    cells: Cells
    values: NDArray | pd.Index
    bad: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> "Column":
        """Other rows, or the same in another order."""
        return Column(self.name, self.cells.take(rows), self.values[rows], self.bad[rows])

    def reason(self, row: int) -> str:
        """What is wrong with a bad cell."""
        text = self.cells.text(row)
        return f"{self.name} is {text!r}" if text else f"{self.name} is missing"

    def marks(self) -> dict[str, int]:
        """How often each word for no reading occurs."""
        cells = self.cells
        texts = pd.Series(cells.values[self.bad], dtype=object) if cells.is_text() else cells.odd
        return {str(w): int(n) for w, n in texts.value_counts().items() if is_missing(str(w))}


class FileSigns(NamedTuple):
    """How a file writes numbers: the `parsed` sign of those that a parser has converted.

    `parsed` is "" where the file has no signs; `decimal` is the one that a person has said.
    """

    path: object
    separator: str
    parsed: str = "."
    decimal: str | None = None
    units: Mapping[str, str] = {}


def name_columns(
    names: Sequence[str] | None,
    cells: Sequence[Cells],
    columns: Sequence[str] | None,
    path: object,
) -> tuple[str, ...]:
    """The header; without one `columns`, or "sensor_1", ... beside the first dates, "time"."""
    if names is not None:
        return tuple(names)
    if columns is None:
        dated = next((i for i, column in enumerate(cells) if are_dated(column)), None)
        named = [f"sensor_{i + 1}" for i in range(len(cells))]
        return tuple(named if dated is None else [*named[:dated], "time", *named[dated:-1]])
    if len(columns) != len(cells):
        raise DataError(
            f"{path} has no header and {len(cells)} columns, got {len(columns)} names; "
            "pass columns=... with one name for each, time and label included"
        )
    return tuple(columns)


def require(cells: Mapping[str, Cells], names: Collection[str | None], path: object) -> None:
    """Refuse names that are no columns."""
    for name in names:
        if name is not None and name not in cells:
            raise DataError(f"{path} must have a column {name}; it has {', '.join(cells)}")


def to_numbers(cells: Mapping[str, Cells], signs: FileSigns) -> dict[str, Column]:
    """The columns that hold numbers, in the signs of the file; others are left out."""
    texts = {n: c.values for n, c in cells.items() if c.is_text()}
    known = {n: [cell for cell in t if not is_missing(cell)] for n, t in texts.items()}
    proven = {signs.parsed} if any(map(_has_fractions, cells.values())) else set()
    proven -= {""}
    found = decide(
        signs.path, known, separator=signs.separator, proven=proven, decimal=signs.decimal
    )
    columns = {}
    for name, column in cells.items():
        if name in found:
            values = converted(column.values, found[name])
        elif column.is_text() or column.are_dates():
            continue
        else:
            values = column.values.astype(np.float64, copy=False)
        bad = ~np.isfinite(values)
        if not bad.all():
            columns[name] = Column(name, column, values, bad)
    return columns


def choose_sensors(
    cells: Mapping[str, Cells],
    wanted: Sequence[str] | None,
    label: Column | None,
    signs: FileSigns,
    gaps: int = 0,
) -> tuple[list[Column], dict[str, str], list[str]]:
    """The sensors, the reason by column for those that are none, and what was assumed.

    Left out are columns without numbers or a name, those that count rows, and those of two
    values of which the rarer is in NG rows alone. Where nothing else is there they stay. If a
    person or a model names the sensors `wanted`, no other rule holds; with `gaps`, as many of
    these as a row may lack, one of them may hold no value at all.
    """
    left_out = {name: "as asked" for name in cells if wanted and name not in wanted}
    if not wanted:
        left_out |= {n: "an annotation" if n else "it has no name"
                     for n in cells if bare(n) in NOTES or not bare(n)}  # fmt: skip
    free = {name: cells[name] for name in wanted or cells if name not in left_out}
    numbers = to_numbers(free, signs)
    left_out |= {name: _no_numbers(c, name) for name, c in free.items() if name not in numbers}
    if wanted and gaps:
        for name in [name for name, why in left_out.items() if why == NO_VALUE]:
            bad = np.ones(len(free[name]), bool)
            numbers[name] = Column(name, free[name], np.full(len(bad), np.nan), bad)
        numbers = {name: numbers[name] for name in wanted if name in numbers}
        left_out = {name: why for name, why in left_out.items() if name not in numbers}
    if wanted and len(numbers) < len(wanted):
        name = next(name for name in wanted if name not in numbers)
        raise DataError(f"{signs.path}: column {name} must hold numbers; {left_out[name]}")
    if not numbers:
        names = shorten(", ".join(cells), 200)
        raise DataError(f"{signs.path} must have a column of numbers; it has {names}")
    none: dict[str, str] = {}
    if not wanted:
        none = {n: "it counts rows" for n, c in numbers.items() if is_counter(c.values, n)}
        why = "its rarer value is in NG rows alone, as in a verdict"
        none |= {n: why for n, c in numbers.items() if label and _gives_away(c, label)}
    if len(none) == len(numbers):
        assumed = [f"{name} is taken for a sensor although {why}" for name, why in none.items()]
        return list(numbers.values()), left_out, assumed
    marked = [_without_mark(c) for n, c in numbers.items() if n not in none]
    named = [f"{c.name} is taken for a sensor although its name says {what} (--{option} {c.name})"
             for is_so, what, option in _NAMES for c, _ in marked if is_so(c.name)]  # fmt: skip
    return [c for c, _ in marked], left_out | none, [*filter(None, (m for _, m in marked)), *named]


def is_counter(values: NDArray[np.float64], name: str) -> bool:
    """Whether a column counts rows: whole numbers that rise by one step nearly throughout.

    Example:
        >>> is_counter(np.arange(100.0), "a"), is_counter(np.array([1.0, 2.0, 3.0]), "No.")
        (True, True)
    """
    known, named = values[np.isfinite(values)], bare(name) in COUNTERS
    if len(known) < (3 if named else _STEADY) or (known != np.round(known)).any():
        return False
    steps = np.diff(known)
    usual = np.median(steps)
    steady = (steps == usual).mean()
    return bool(usual > 0 and (steps > 0).all() and (steady >= 0.5 if named else steady > 0.95))


def _gives_away(column: Column, label: Column) -> bool:
    known = ~column.bad & ~label.bad
    values, ng = column.values[known], label.values[known].astype(bool)
    if not ng.any() or ng.all() or not two_valued(values[:, None], (column.name,)):
        return False
    low, high = values == values.min(), values == values.max()
    return bool(ng[low if low.sum() < high.sum() else high].all())


def _without_mark(column: Column) -> tuple[Column, str]:
    """A value of nines, as -9999, that recurs far from all others is no reading; it is said."""
    values = column.values
    if column.bad.all():
        return column, ""
    for end in (np.nanmin(values), np.nanmax(values)):
        if set(f"{abs(end):g}") - {"."} != {"9"} or abs(end) < 100:
            continue
        marked, rest = values == end, values[np.isfinite(values) & (values != end)]
        if marked.sum() > 1 < len(rest):
            apart = min(abs(rest.min() - end), abs(rest.max() - end))
            if apart > 2 * max(np.ptp(rest), abs(rest).max()):
                where = f"{amount(marked.sum(), 'row')} of {column.name}"
                said = f"{end:g} is taken for no reading in {where}"
                return column._replace(bad=column.bad | marked), said
    return column, ""


def _no_numbers(cells: Cells, name: str) -> str:
    if cells.are_dates():
        return "it holds dates"
    if not cells.is_text() or all(map(is_missing, cells.values)):
        return NO_VALUE
    words = {str(cell) for cell in cells.values if cell}
    units = {number_and_unit(word)[1] for word in words} if len(words) < 10_000 else {""}
    if any(units):
        held = ", ".join(sorted(unit or "none" for unit in units))
        return f"its cells have several units: {held}"
    ask = f", {' and '.join(sorted(words))}: if it is a verdict pass --label '{name}=NG VALUE'"
    return "it holds no numbers" + (ask if len(words) == 2 else "")


def _has_fractions(cells: Cells) -> bool:
    if cells.values.dtype.kind != "f":
        return False
    known = cells.values[np.isfinite(cells.values)]
    return bool((known != np.round(known)).any())


def head(cells: Cells) -> list[str]:
    """The first cells of text that hold anything."""
    return [c for c in cells.values[:1000] if not is_missing(c)][:50] if cells.is_text() else []


def are_dated(cells: Cells) -> bool:
    """Whether cells are dates, of the file itself or as text."""
    return cells.are_dates() or written_as(head(cells)) in DATES
