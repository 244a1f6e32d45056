"""What a reader has to say of a file: what it took it for, and what it left alone."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from .cells import Sheet
from .column_words import unit_of
from .columns import Column
from .decimals import is_missing

QUIET = ("an annotation", "it has no name", "as asked", "another column of time")
"""Reasons to leave a column out that no warning is needed for."""


class BadRow(NamedTuple):
    """A row that was left out: its line in the file (1 is the first), and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class Reading:
    """How a file was read: what it was taken for, with proof or without, and what is not used.

    `found` are options of `load_rows` that read the next file of that machine the same way;
    `missing` counts the words for no reading by column; `left_out` has the reason by column.
    """

    form: str = ""
    time: str = ""
    label: str = ""
    units: dict[str, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    missing: dict[str, dict[str, int]] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return asdict(self)

    def warn(
        self,
        path: str,
        bad: Sequence[BadRow],
        total: int,
        filled: Mapping[str, int],
        most: int = 5,
    ) -> None:
        """Say what is not used, and which rows, in a warning each."""
        if filled:
            cells = ", ".join(f"{n} of {name}" for name, n in filled.items())
            warnings.warn(f"{path}: filled in cells: {cells}", stacklevel=4)
        told = {name: why for name, why in self.left_out.items() if why not in QUIET}
        if told:
            names = ", ".join(f"{name} ({why})" for name, why in told.items())
            warnings.warn(f"{path}: not used as sensors: {names}", stacklevel=4)
        if bad:
            shown = "; ".join(f"line {line}: {reason}" for line, reason in bad[:most])
            more = f"; and {len(bad) - most} more, see .bad" if len(bad) > most else ""
            left = f"left out {len(bad)} of {total} rows"
            warnings.warn(f"{path}: {left}: {shown}{more}", stacklevel=4)


def units_of(sheet: Sheet, names: Sequence[str]) -> dict[str, str]:
    """By column, from the line of units or from brackets behind the name."""
    line = dict(zip(names, sheet.units, strict=False))
    units = {name: line.get(name) or unit_of(name) for name in names}
    return {name: unit for name, unit in units.items() if unit}


def skipped_in(sheet: Sheet) -> tuple[str, ...]:
    """The lines that are no part of the table."""
    said = [f"line {line} is no part of the table: {text[:60]}" for line, text in sheet.above[:20]]
    if sheet.blank:
        said.append(f"{sheet.blank:,} lines without a cell")
    return tuple(said)


def missing_in(sensors: Sequence[Column]) -> dict[str, dict[str, int]]:
    """How often each word for no reading occurs, by column."""
    marks = {}
    for sensor in sensors:
        cells = sensor.cells
        texts = cells.values[sensor.bad] if cells.is_text() else cells.odd[1]
        counts = pd.Series(texts, dtype=object).value_counts()
        if found := {str(word): int(n) for word, n in counts.items() if is_missing(word)}:
            marks[sensor.name] = found
    return marks
