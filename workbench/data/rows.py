"""Sensor readings from a CSV file: numbers, names, labels and blocks of time.

A row is used whole or not at all: one missing or non-numeric cell puts it into `.bad` with its
line number, because a filled-in reading would be scored as if it had been measured. Who wants
short gaps bridged all the same says so, and the summary counts the cells.
"""

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from workbench.errors import DataError

from .columns import Column, find_label, find_sensors, find_time, name_columns
from .recording import clock, duplicates, fill, pauses, refuse
from .splits import SPLITS, by_hash, by_time
from .table import read_cells

NOTE = "generated sample data, for demo and tests only"
"""The comment in the first line of a generated file."""


class BadRow(NamedTuple):
    """A row that was left out: its line in the file (1 is the first), and why."""

    line: int
    reason: str


@dataclass(frozen=True, eq=False)
class SensorTable:
    """What `load_rows` found; cut it like an array, or take one reading as a dict.

    `values` is float64 of shape (N, D) in the units of the file, `labels` is True for NG or
    None, `time` holds dates (or numbers, where the column has numbers) or None. `options` are
    the arguments of `load_rows` that were not left to their defaults.
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    labels: NDArray[np.bool_] | None = None
    time: pd.Index | None = None
    source: str = ""
    splits: NDArray[np.str_] | None = None
    bad: tuple[BadRow, ...] = ()
    note: str = ""
    filled: dict[str, int] = field(default_factory=dict)  # cells bridged, by column
    options: dict[str, Any] = field(default_factory=dict)

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
        return replace(
            self,
            values=self.values[chosen],
            labels=None if self.labels is None else self.labels[chosen],
            time=None if self.time is None else self.time[chosen],
            splits=None if self.splits is None else self.splits[chosen],
        )

    def __iter__(self) -> Iterator[dict[str, float]]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        ng = "" if self.labels is None else f", {int(self.labels.sum())} NG"
        note = f", {self.note}" if self.note else ""
        return f"SensorTable({len(self)} rows of {', '.join(self.columns)}{ng}{note})"

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
        }

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


def is_rows(path: Path | str) -> bool:
    """Whether a path is a file of sensor rows rather than a folder of photos."""
    return Path(path).is_file()


def load_rows(
    path: Path | str,
    *,
    columns: Sequence[str] | None = None,
    label: str | None = None,
    time: str | None = None,
    ignore: Sequence[str] = (),
    seed: int = 0,
    calibration: float = 0.15,
    test: float = 0.15,
    missing: str = "drop",
    most: int = 3,
) -> SensorTable:
    """The sensor readings of a CSV file, separated by commas, semicolons or tabs.

    A first line without any number is the header. Plain numbers without one are named
    `sensor_1`, `sensor_2`, ... Decimal commas are read beside semicolons and tabs.

    With a time column or labels the file is a recording, cut by time so that no training row
    has its near-copy in another split: the rows before the first fault are training, then
    calibration, and all later ones test; without faults to go by, the normal rows are one
    block each. Else the rows have no known order and are drawn by `seed`.
    Rows labelled NG are always test.

    Args:
        path: The file.
        columns: With a header, the sensors to keep, in this order; without one, the names of
            all columns of the file.
        label: Name of the label column (0/1, true/false, OK/NG, normal/anomaly); found by the
            names in `columns.LABELS` where it is not given.
        time: Name of the time column; found by the names in `columns.TIMES` or, without a
            header, as the first column of dates.
        ignore: Columns that are no sensors.
        seed: Another seed, another draw, where rows are drawn.
        calibration: Share of the normal rows held out for the threshold.
        test: Share of the normal rows held out for the final numbers.
        missing: What becomes of a row with a cell missing or not numeric: "drop" leaves it out,
            "refuse" raises, "interpolate" bridges short gaps of a sensor by a straight line.
        most: Cells in a row that are bridged; rows of a longer gap are left out.

    Returns:
        The table without the rows that have a cell missing or not numeric: those are counted
        in one warning, with the first ones by line, and listed in `.bad`.

    Raises:
        DataError: No such file, no text, a column named here that the file lacks, no row of
            numbers, or an unusable row where those are refused.
        ValueError: A share is out of range, or no such policy.
    """
    given = {**locals()}
    path = Path(path)
    cells = read_cells(path)
    by_name = dict(zip(name_columns(cells, columns, path), cells.columns, strict=True))
    when = find_time(by_name, time, path)
    truth = find_label(by_name, label, path)
    wanted = columns if cells.header else None
    sensors, text = find_sensors(by_name, {when.name, truth.name, *ignore}, wanted, path)
    sensors, filled = fill(sensors, missing, most)
    reasons = _reasons([*sensors, *(column for column in (when, truth) if column.name)])
    keep = np.array([reason == "" for reason in reasons], dtype=bool)
    bad = [BadRow(line, why) for line, why in zip(cells.lines, reasons, strict=True) if why]
    bad = tuple(sorted([*bad, *(BadRow(*row) for row in cells.ragged)]))
    refuse(path, bad, missing)
    if not keep.any():
        what = f"line {bad[0].line}: {bad[0].reason}" if bad else "it has a header only"
        raise DataError(f"{path} must hold at least one whole row of numbers; {what}")
    _warn(path, bad, text, len(cells.lines) + len(cells.ragged), filled)
    table = SensorTable(
        values=np.column_stack([sensor.values for sensor in sensors])[keep],
        columns=tuple(sensor.name for sensor in sensors),
        labels=None if truth.name is None else truth.values[keep].astype(bool),
        time=None if when.name is None else when.values[keep],
        source=path.as_posix(),
        bad=bad,
        note=NOTE if any(NOTE in line for line in cells.comments) else "",
        filled=filled,
        options=_chosen(given),
    )
    return replace(table, splits=_split(table, seed, calibration, test))


def _reasons(columns: list[Column]) -> list[str]:
    """Per row, the first column whose cell is unusable and what the cell holds, or ""."""
    reasons = np.full(len(columns[0].cells), "", dtype=object)
    for column in columns:
        for i in np.flatnonzero(column.bad & (reasons == "")):
            cell = column.cells[i]
            reasons[i] = f"{column.name} is {cell!r}" if cell else f"{column.name} is missing"
    return reasons.tolist()


def _chosen(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `load_rows` that are not its defaults, fit for JSON."""
    known = {name: p.default for name, p in signature(load_rows).parameters.items()}
    chosen = {k: given[k] for k in known if k != "path" and given[k] != known[k]}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in chosen.items()}


def _warn(
    path: Path,
    bad: Sequence[BadRow],
    text: Sequence[str],
    total: int,
    filled: dict[str, int],
    most: int = 5,
) -> None:
    if filled:
        cells = ", ".join(f"{n} of {name}" for name, n in filled.items())
        warnings.warn(f"{path}: filled in cells by interpolation: {cells}", stacklevel=3)
    if text:
        names = ", ".join(text)
        warnings.warn(f"{path}: no numbers in {names}, not used as sensors", stacklevel=3)
    if bad:
        shown = "; ".join(f"line {line}: {reason}" for line, reason in bad[:most])
        more = f"; and {len(bad) - most} more, see .bad" if len(bad) > most else ""
        warnings.warn(f"{path}: left out {len(bad)} of {total} rows: {shown}{more}", stacklevel=3)


def _split(table: SensorTable, seed: int, calibration: float, test: float) -> NDArray[np.str_]:
    shares = {"calibration": calibration, "test": test}
    if table.time is None and table.labels is None:
        names = [str(i) for i in range(len(table))]
        return np.array(by_hash(names, seed=seed, **shares))
    normal = np.ones(len(table), bool) if table.labels is None else ~table.labels
    order = np.arange(len(table)) if table.time is None else np.argsort(table.time, kind="stable")
    return by_time(order, normal, **shares)


def _ends(time: pd.Index) -> list[str]:
    return [str(time.min()), str(time.max())]
