"""What a file holds, before anybody says what its columns are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass
class Cells:
    """A column: numbers or dates where every cell is one or missing, else text.

    `odd` has, for a column of numbers, the rows without one and what the file holds there.
    """

    values: NDArray
    odd: tuple[NDArray[np.int64], NDArray[np.object_]] = field(
        default_factory=lambda: (np.empty(0, np.int64), np.empty(0, object))
    )

    def __len__(self) -> int:
        return len(self.values)

    def is_text(self) -> bool:
        """Whether nothing has been converted."""
        return self.values.dtype == object

    def text(self, row: int) -> str:
        """What the file holds in a row that has no value."""
        if self.is_text():
            return self.values[row]
        at = int(np.searchsorted(self.odd[0], row))
        return self.odd[1][at] if at < len(self.odd[0]) and self.odd[0][at] == row else ""

    def take(self, rows: NDArray[np.int64]) -> "Cells":
        """Other rows, or the same in another order."""
        if not len(self.odd[0]):
            return Cells(self.values[rows])
        texts = pd.Series(self.odd[1], index=self.odd[0]).reindex(rows)
        at = np.flatnonzero(texts.notna())
        return Cells(self.values[rows], (at, texts.to_numpy(object)[at]))


@dataclass
class Sheet:
    """What a file holds: `names` is None without a header; lines count from 1."""

    path: Path
    names: tuple[str, ...] | None
    columns: list[Cells]
    lines: NDArray[np.int64]
    form: str  # for people
    separator: str = ","
    decimal: str = "."
    units: tuple[str, ...] = ()
    ragged: list[tuple[int, str]] = field(default_factory=list)
    blank: int = 0  # rows without a cell
    above: tuple[tuple[int, str], ...] = ()
    comments: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def without_cells(columns: Sequence[Cells], rows: int) -> NDArray[np.bool_]:
    """True for the rows in which every cell is empty."""
    empty = np.ones(rows, bool)
    for cells in columns:
        if not empty.any():
            break
        if cells.is_text():
            empty &= cells.values == ""
        else:
            here = np.zeros(rows, bool)
            here[cells.odd[0][cells.odd[1] == ""]] = True
            empty &= here
    return empty
