"""Sensor readings as one table, and all that its reader has to say of them.

A row is used whole or not at all: one missing or non-numeric cell puts it into `.bad` with its
line number, because a filled-in reading would be scored as if it had been measured.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from .recording import clock, duplicates, endless, pauses, two_valued
from .splits import SPLITS, Parts
from .words import amount

NOTE = "generated sample data, for demo and tests only"
"""The comment in the first line of a generated file."""
_QUIET = ("an annotation", "it has no name", "as asked")
_SHOWN = 5  # rows that a warning names


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

    def left_alone(self) -> list[str]:
        """Columns, lines and cells that are not used, a line each."""
        return [
            *(f"{name} is not used: {why}" for name, why in self.left_out.items()),
            *self.skipped,
            *(f"{name} has no reading in {amount(sum(marks.values()), 'row')} ({counted(marks)})"
              for name, marks in self.missing.items()),
        ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class SensorTable(Parts):
    """What `load_rows` found; cut it like an array, or take one reading as a dict.

    `values` is float64 of shape (N, D) in the units of the file, `labels` is True for NG or
    None, `time` holds dates (or numbers, where the column has numbers) or None, `lines` the line
    of the file that each row began on (of a file of several, `files` has its name). `options`
    are the arguments of `load_rows` that were not left to their defaults.
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    labels: NDArray[np.bool_] | None = None
    time: pd.Index | None = None
    source: str = ""
    drawn: NDArray[np.str_] | Callable[[], NDArray[np.str_]] | None = None
    bad: tuple[BadRow, ...] = ()
    note: str = ""
    filled: dict[str, int] = field(default_factory=dict)  # cells bridged, by column
    options: dict[str, Any] = field(default_factory=dict)
    lines: NDArray[np.int64] | None = None
    files: NDArray[np.str_] | None = None
    reading: Reading = Reading()

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> dict[str, float]: ...
    @overload
    def __getitem__(self, index: slice | ArrayLike) -> "SensorTable": ...
    def __getitem__(self, index):
        """One reading as a dict, or the table of a slice, positions or a bool mask."""
        if isinstance(index, int | np.integer):
            return dict(zip(self.columns, self.values[index].tolist(), strict=True))
        chosen = self._chosen(index)
        of_rows = {n: getattr(self, n) for n in ("labels", "time", "lines", "files")}
        of_rows["drawn"] = self.splits
        cut = {name: None if x is None else x[chosen] for name, x in of_rows.items()}
        return replace(self, values=self.values[chosen], **cut)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        ng = "" if self.labels is None else f", {int(self.labels.sum())} NG"
        note = f", {self.note}" if self.note else ""
        return f"SensorTable({len(self)} rows of {', '.join(self.columns)}{ng}{note})"

    @cached_property
    def splits(self) -> NDArray[np.str_] | None:
        """The split of each row, drawn when first asked for; None of a table in memory."""
        return self.drawn() if callable(self.drawn) else self.drawn

    def where(self, row: int) -> str:
        """Where a row is in its file, for people: "line 59", or "row 3" of a table in memory."""
        line = f"row {row}" if self.lines is None else f"line {self.lines[row]}"
        return line if self.files is None else f"{self.files[row]} {line}"

    @property
    def breaks(self) -> NDArray[np.int64]:
        """Numbers of the rows before which the recording pauses or its clock runs back."""
        return pauses(self.time)

    def fingerprint(self) -> str:
        """SHA-256 over column names, values and labels, the same on every system."""
        total = hashlib.sha256("\0".join(self.columns).encode())
        total.update(np.ascontiguousarray(self.values, dtype="<f8").tobytes())
        total.update(b"" if self.labels is None else self.labels.tobytes())
        return total.hexdigest()

    def summary(self) -> dict:
        """Counts, time range, range of each sensor and whatever is odd; fit for JSON.

        Bad rows are left out, filled cells were bridged. A column that is constant is judged by
        its value alone, one that repeats another counts twice. Rows stay in the order of the
        file, with repeated times too; no window of rows spans a pause or a clock that runs back.
        """
        ng = 0 if self.labels is None else int(self.labels.sum())
        labels = {"OK": len(self) - ng, "NG": ng}
        ends = [] if self.time is None or not len(self) else [self.time.min(), self.time.max()]
        ranges = zip(self.columns, self.values.T, strict=True) if len(self) else ()
        return {
            "source": self.source,
            "rows": len(self),
            "columns": list(self.columns),
            "labels": {"unlabelled": len(self)} if self.labels is None else labels,
            "splits": {name: int(self._in(name).sum()) for name in SPLITS},
            "time": list(map(str, ends)),
            "clock": clock(self.time),
            "ranges": {name: {of: float(getattr(x, of)()) for of in ("min", "mean", "max")}
                       for name, x in ranges},
            "constant": self._constant(),
            "duplicated": duplicates(self.values, self.columns),
            "filled": dict(self.filled),
            "bad": [row._asdict() for row in self.bad],
            "note": self.note,
            "drifting": endless(self.values, self.columns),
            "two_valued": two_valued(self.values, self.columns),
            "reading": asdict(self.reading),
        }  # fmt: skip

    def remarks(self) -> list[str]:
        """What a person should know before the numbers are believed, a line each."""
        return [*self.reading.assumed, *self.reading.left_alone(), *self.doubts()]

    def doubts(self) -> list[str]:
        """What looks wrong with the columns that are used, and what to pass about it."""
        values, columns = self.values, self.columns
        drifts = "drifts from the first row to the last: later rows will be called NG"
        repeated, odd = duplicates(values, columns).items(), clock(self.time)
        said = (("duplicates", "the time of the row before recurs in"),
                ("backwards", "the clock runs back before"))  # fmt: skip
        return [
            *(f"{text} {amount(int(odd[what]), 'row')}" for what, text in said if odd.get(what)),
            *(f"{name} is constant (--ignore {name})" for name in self._constant()),
            *(f"{name} repeats {first} (--ignore {name})" for name, first in repeated),
            *(f"{name} {drifts} (--ignore {name})" for name in endless(values, columns)),
            *(f"{name} holds two values ({counted(both)}): if it is a verdict pass --label "
              f"{name}, if it is no sensor --ignore {name}"
              for name, both in two_valued(values, columns).items()),
        ]  # fmt: skip

    def warn(self) -> None:
        """Say what is not used, which rows are left out, and which cells were filled in."""
        said = []
        if self.filled:
            said += [f"filled in cells: {_listed(f'{n} of {c}' for c, n in self.filled.items())}"]
        told = {c: why for c, why in self.reading.left_out.items() if why not in _QUIET}
        if told:
            said += [f"not used as sensors: {_listed(f'{c} ({why})' for c, why in told.items())}"]
        if bad := len(self.bad):
            rows = "; ".join(f"line {line}: {reason}" for line, reason in self.bad[:_SHOWN])
            more = f"; and {bad - _SHOWN} more, see .bad" if bad > _SHOWN else ""
            said += [f"left out {bad} of {len(self) + bad} rows: {rows}{more}"]
        for line in said:
            warnings.warn(f"{self.source}: {line}", stacklevel=4)

    def _constant(self) -> list[str]:
        pairs = zip(self.columns, self.values.T, strict=True)
        return [name for name, x in pairs if len(x) and np.ptp(x) == 0]

    def _in(self, split: str) -> NDArray[np.bool_]:
        return np.zeros(len(self), bool) if self.splits is None else self.splits == split


def counted(counts: Mapping[str, int]) -> str:
    """Words and how often each occurs, for people."""
    return ", ".join(f"{word or 'empty'}: {n:,}" for word, n in counts.items())


def _listed(words: Iterator[str]) -> str:
    return ", ".join(words)
