"""What a file holds, before anybody says what its columns are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .decimals import number_and_unit
from .words import amount, is_missing, unit_of


def _no_texts() -> pd.Series:
    return pd.Series(dtype=object)


@dataclass
class Cells:
    """A column: numbers or dates where every cell is one or missing, else text.

    `odd` has, for a column of numbers, what the file holds in the rows without one.
    """

    values: NDArray
    odd: pd.Series = field(default_factory=_no_texts)

    def __len__(self) -> int:
        return len(self.values)

    def is_text(self) -> bool:
        """Whether nothing has been converted."""
        return self.values.dtype == object

    def are_dates(self) -> bool:
        """Whether the file itself has dates."""
        return self.values.dtype.kind == "M"

    def text(self, row: int) -> str:
        """What the file holds in a row that has no value."""
        return str(self.values[row] if self.is_text() else self.odd.get(row, ""))

    def gaps(self) -> NDArray[np.int64]:
        """The rows in which a column of numbers has none."""
        return np.flatnonzero(~np.isfinite(self.values))

    def has_empty(self) -> bool:
        """Whether a cell holds nothing at all."""
        return "" in (self.values if self.is_text() else self.odd.to_numpy())

    def take(self, rows: NDArray[np.int64]) -> "Cells":
        """Other rows, or the same in another order."""
        if self.odd.empty:
            return Cells(self.values[rows])
        odd = self.odd.reindex(rows)
        return Cells(self.values[rows], odd.set_axis(range(len(rows))).dropna())

    def without_unit(self) -> tuple["Cells", str]:
        """The numbers of cells that all have one unit behind them, as "5 %", and the unit."""
        first = next((c for c in self.values if not is_missing(c)), "") if self.is_text() else ""
        if not number_and_unit(first)[1]:
            return self, ""
        held = [c for c in self.values if not is_missing(c)]
        if 2 * len(held) < len(self):
            return self, ""
        units = {number_and_unit(cell)[1] for cell in set(held)}
        if len(units) > 1 or not all(units):
            return self, ""
        bare = [cell if is_missing(cell) else number_and_unit(cell)[0] for cell in self.values]
        return Cells(np.array(bare, dtype=object)), units.pop()


@dataclass
class Sheet:
    """What a file holds: `names` is None without a header; lines count from 1."""

    path: Path
    names: tuple[str, ...] | None
    columns: list[Cells]
    lines: NDArray[np.int64]
    ragged: list[tuple[int, str]]  # lines of another length, and how long they are
    blank: int  # lines without a cell
    form: str  # for people
    separator: str = ""
    decimal: str = ""
    units: tuple[str, ...] = ()
    above: tuple[tuple[int, str], ...] = ()
    comments: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def units_of(self, names: Sequence[str]) -> dict[str, str]:
        """By column, from the line of units or from brackets behind the name."""
        line = dict(zip(names, (unit.strip("[]()") for unit in self.units), strict=False))
        units = {name: line.get(name) or unit_of(name) for name in names}
        return {name: unit for name, unit in units.items() if unit}

    def skipped(self) -> list[str]:
        """The lines that are no part of the table, for people."""
        said = [f"line {n} is no part of the table: {text[:60]}" for n, text in self.above[:20]]
        return said + ([f"{amount(self.blank, 'line')} without a cell"] if self.blank else [])


def stacked(parts: Sequence[Cells]) -> Cells:
    """The cells of several files, one after the other."""
    starts = np.cumsum([0, *map(len, parts[:-1])])
    odd = [p.odd.set_axis(p.odd.index + s) for p, s in zip(parts, starts, strict=True)
           if not p.odd.empty]  # fmt: skip
    return Cells(
        np.concatenate([part.values for part in parts]), pd.concat(odd) if odd else _no_texts()
    )
