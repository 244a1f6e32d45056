"""Sensor readings as one table, and all that its reader has to say of them.

A row is used whole or not at all: one missing or non-numeric cell puts it into `.bad` with its
line number, because a filled-in reading would be scored as if it had been measured.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from .reading import BadRow, Reading
from .recording import clock, duplicates, endless, pauses, two_valued
from .splits import SPLITS

NOTE = "generated sample data, for demo and tests only"
"""The comment in the first line of a generated file."""


@dataclass(frozen=True, eq=False)
class SensorTable:
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
        chosen = np.arange(len(self))[index if isinstance(index, slice) else np.asarray(index)]
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
    def ok(self) -> "SensorTable":
        """The rows labelled normal; none of an unlabelled table."""
        return self[np.zeros(len(self), bool) if self.labels is None else ~self.labels]

    @property
    def ng(self) -> "SensorTable":
        """The rows labelled faulty; none of an unlabelled table."""
        return self[np.zeros(len(self), bool) if self.labels is None else self.labels]

    @property
    def train(self) -> "SensorTable":
        """The normal rows to learn from; of an unlabelled table all rows count as normal."""
        return self[self._in("train")]

    @property
    def calibration(self) -> "SensorTable":
        """The normal rows held out for the threshold."""
        return self[self._in("calibration")]

    @property
    def test(self) -> "SensorTable":
        """The rows for the final numbers: the remaining normal and all faulty ones."""
        return self[self._in("test")]

    @property
    def breaks(self) -> NDArray[np.int64]:
        """Numbers of the rows before which the recording pauses or its clock runs back."""
        return pauses(self.time)

    def frame(self) -> pd.DataFrame:
        """The table with pandas; columns "time" and "label" where they are known."""
        frame = pd.DataFrame(self.values, columns=list(self.columns))
        if self.time is not None:
            frame.insert(0, "time", self.time)
        if self.labels is not None:
            frame["label"] = np.where(self.labels, "NG", "OK")
        return frame

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
        return {
            "source": self.source,
            "rows": len(self),
            "columns": list(self.columns),
            "labels": self._counts(),
            "splits": {name: int(self._in(name).sum()) for name in SPLITS},
            "time": [] if self.time is None or not len(self) else _ends(self.time),
            "clock": clock(self.time),
            "ranges": self._ranges(),
            "constant": self._constant(),
            "duplicated": duplicates(self.values, self.columns),
            "filled": dict(self.filled),
            "bad": [{"line": line, "reason": reason} for line, reason in self.bad],
            "note": self.note,
            "drifting": endless(self.values, self.columns),
            "two_valued": two_valued(self.values, self.columns),
            "reading": self.reading.as_dict(),
        }

    def remarks(self) -> list[str]:
        """What a person should know before the numbers are believed, a line each."""
        reading, lines = self.reading, list(self.reading.assumed)
        lines += [f"{name} is not used: {why}" for name, why in reading.left_out.items()]
        lines += list(reading.skipped)
        lines += [
            f"{name} has no reading in {sum(marks.values()):,} rows ({_counted(marks)})"
            for name, marks in reading.missing.items()
        ]
        return lines + self.doubts()

    def doubts(self) -> list[str]:
        """What looks wrong with the columns that are used, and what to pass about it."""
        constant = self._constant()
        doubts = [f"{name} is constant (--ignore {name})" for name in constant]
        doubts += [
            f"{name} repeats {first} (--ignore {name})"
            for name, first in duplicates(self.values, self.columns).items()
        ]
        doubts += [
            f"{name} drifts from the first row to the last: later rows will be called NG "
            f"(--ignore {name})"
            for name in endless(self.values, self.columns)
        ]
        doubts += [
            f"{name} holds two values ({_counted(values)}): if it is a verdict pass --label "
            f"{name}, if it is no sensor --ignore {name}"
            for name, values in two_valued(self.values, self.columns).items()
        ]
        return doubts

    def _constant(self) -> list[str]:
        pairs = zip(self.columns, self.values.T, strict=True)
        return [name for name, x in pairs if len(x) and np.ptp(x) == 0]

    def _in(self, split: str) -> NDArray[np.bool_]:
        return np.zeros(len(self), bool) if self.splits is None else self.splits == split

    def _counts(self) -> dict[str, int]:
        if self.labels is None:
            return {"unlabelled": len(self)}
        ng = int(self.labels.sum())
        return {"OK": len(self) - ng, "NG": ng}

    def _ranges(self) -> dict[str, dict[str, float]]:
        if not len(self):
            return {}
        rows = {"min": self.values.min(0), "mean": self.values.mean(0), "max": self.values.max(0)}
        return {
            column: {name: float(row[i]) for name, row in rows.items()}
            for i, column in enumerate(self.columns)
        }


def _ends(time: pd.Index) -> list[str]:
    return [str(time.min()), str(time.max())]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{word or 'empty'}: {n:,}" for word, n in counts.items())
