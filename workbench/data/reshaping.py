"""Rows made of other rows: a long table as a wide one, steps of equal length, files in order."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import DataError

from .cells import Cells
from .columns import Column
from .recording import seconds
from .words import GOOD_QUALITY, QUALITIES, TAGS, VALUES, bare

_MOST_TAGS = 1000


class Rows(NamedTuple):
    """What rows have beside sensors: time, label, line and file."""

    time: Column | None
    label: Column | None
    lines: NDArray[np.int64]
    files: NDArray[np.str_] | None

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        """Other rows, or the same in another order."""
        files = None if self.files is None else self.files[rows]
        time, label = (column and column.take(rows) for column in (self.time, self.label))
        return Rows(time, label, self.lines[rows], files)

    def grouped(self, group_of: NDArray[np.int64], n: int) -> "Rows":
        """One row a group (-1 is none), that of its first row; NG if any row of the group is."""
        first = np.zeros(n, np.int64)
        first[group_of[::-1]] = np.arange(len(group_of))[::-1]
        rows = self.take(first)
        if self.label is None or rows.label is None:  # of which neither is without the other
            return rows
        known = ~self.label.bad & (group_of >= 0)
        n_ng = np.bincount(group_of[known], self.label.values[known], minlength=n)
        unknown = np.bincount(group_of[known], minlength=n) == 0
        return rows._replace(label=rows.label._replace(values=n_ng > 0, bad=unknown))


class Long(NamedTuple):
    """Which columns of a long table are what."""

    tag: str
    value: str
    quality: str | None


def find_long(cells: Mapping[str, Cells]) -> Long | None:
    """The columns of a long table, by their names; None where the table is wide."""
    tags = [name for name in cells if bare(name) in TAGS and _are_tags(cells[name])]
    values = [name for name in cells if bare(name) in VALUES]
    if len(tags) != 1 or len(values) != 1:
        return None
    return Long(tags[0], values[0], next((n for n in cells if bare(n) in QUALITIES), None))


def _are_tags(cells: Cells) -> bool:
    """Words, or a few whole numbers that recur."""
    words = pd.unique(pd.Series(cells.values))
    if cells.is_text() or len(words) > _MOST_TAGS:
        return len(words) <= _MOST_TAGS
    return cells.values.dtype.kind in "iu" and 1 < len(words) <= len(cells) / 2


def widened(
    tags: NDArray, value: Column, quality: Cells | None, rows: Rows
) -> tuple[dict[str, Cells], Rows, list[str]]:
    """One row for each time, in the order of the file, and a column for each tag.

    A cell has no value where the tag has no reading of good quality; of two readings of a tag
    at one time the last counts.
    """
    assert rows.time is not None  # else the table would not be taken for a long one
    row_of, times = pd.factorize(rows.time.values)
    good = np.ones(len(row_of), bool)
    if quality is not None and quality.is_text():
        good = np.array([cell.lower() in GOOD_QUALITY for cell in quality.values], bool)
    elif quality is not None:  # OPC: good is 192 to 255, of the newer codes 0
        good = (quality.values >= 192) & (quality.values < 256)
        good = good if good.any() else quality.values == 0
    usable = good & ~value.bad & (row_of >= 0)
    columns, twice = {}, 0
    for tag in pd.unique(pd.Series(tags, dtype=object)):
        of_tag = (tags == tag) & (row_of >= 0)
        here = np.flatnonzero(of_tag & usable)
        column = np.full(len(times), np.nan)
        column[row_of[here]] = value.values[here]
        columns[str(tag)] = Cells(column)
        twice += int(of_tag.sum()) - len(np.unique(row_of[of_tag]))
    said = [f"a long table: a row a time, a column for each {value.name} of a tag (--layout)"]
    if n := int((~good).sum()):
        said.append(f"{n:,} readings of a quality other than good count as missing")
    if twice:
        said.append(f"{twice:,} readings came twice for a time, of which the last counts")
    return columns, rows.grouped(row_of, len(times)), said


def resampled(sensors: Sequence[Column], rows: Rows, every: float) -> tuple[list[Column], Rows]:
    """Means of the readings in each step of so many seconds, in order of time."""
    if rows.time is None:
        raise DataError("every needs a column of time, got none; name it: time=...")
    known = np.flatnonzero(~rows.time.bad)
    clock = seconds(rows.time.values[known])
    rows, sensors = rows.take(known), [sensor.take(known) for sensor in sensors]
    steps, step_of = np.unique(np.floor((clock - clock.min()) / every), return_inverse=True)
    means = []
    for sensor in sensors:
        usable = ~sensor.bad
        counts = np.bincount(step_of[usable], minlength=len(steps))
        sums = np.bincount(step_of[usable], sensor.values[usable], minlength=len(steps))
        values = np.divide(sums, counts, out=np.full(len(steps), np.nan), where=counts > 0)
        means.append(Column(sensor.name, Cells(values), values, counts == 0))
    return means, rows.grouped(step_of, len(steps))


def by_time(sensors: Sequence[Column], rows: Rows) -> tuple[list[Column], Rows]:
    """Whole files in order of their first time; as they were given where there is none."""
    if rows.time is None or rows.files is None:
        return list(sensors), rows
    starts = pd.Series(rows.time.values).groupby(rows.files, sort=False).min()
    place = {name: i for i, name in enumerate(starts.sort_values(kind="stable").index)}
    order = np.argsort([place[name] for name in rows.files], kind="stable")
    return [sensor.take(order) for sensor in sensors], rows.take(order)
