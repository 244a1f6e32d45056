"""Rows made of other rows: a long table as a wide one, steps of equal length, files in order."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import DataError

from .cells import Cells
from .columns import Column, head
from .decimals import possible
from .recording import seconds
from .table import BadRow
from .words import COUNTERS, GOOD_QUALITY, QUALITIES, TAGS, VALUES, amount, bare

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


def find_long(cells: Mapping[str, Cells], time: Column) -> Long | None:
    """The columns of a long table, by their names or their structure; None where it is wide.

    A tag tells readings of one time apart. Without a word for it, one column of text does that
    where there is one column of values.
    """
    tags = [name for name in cells if bare(name) in TAGS and _are_tags(cells[name])]
    values = [name for name in cells if bare(name) in VALUES]
    free = {n: c for n, c in cells.items() if bare(n) not in COUNTERS | QUALITIES}
    numbers = [n for n, c in free.items() if not c.are_dates()
               and (not c.is_text() or possible(head(c)))]  # fmt: skip
    words = [n for n, c in free.items() if n not in numbers and c.is_text() and _are_tags(c)]
    if not tags and not words:
        return None
    clock = pd.Series(time.values)[~time.bad]
    recurs = clock.nunique() <= len(clock) / 2

    def tells_apart(name: str) -> bool:
        pairs = pd.DataFrame({"time": clock, "tag": cells[name].values[~time.bad]})
        return recurs and not pairs.duplicated().any()

    if len(tags) != 1 or (recurs and not tells_apart(tags[0])):
        tags = list(filter(tells_apart, words)) or tags
    if not values and tags and tells_apart(tags[0]):
        values = numbers
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
        if not of_tag.any():
            continue
        here = np.flatnonzero(of_tag & usable)
        column = np.full(len(times), np.nan)
        column[row_of[here]] = value.values[here]
        columns[str(tag)] = Cells(column)
        twice += int(of_tag.sum()) - len(np.unique(row_of[of_tag]))
    said = [f"a long table: a row a time, a column for each {value.name} of a tag (--layout)"]
    if n := int((~good).sum()):
        said.append(f"{amount(n, 'reading')} of a quality other than good taken for missing")
    if twice:
        said.append(f"{amount(twice, 'reading')} of a time that has one already: the last counts")
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


def usable(
    sensors: Sequence[Column], rows: Rows, ragged: Sequence[tuple[int, str]], gaps: int
) -> tuple[NDArray[np.bool_], list[BadRow]]:
    """Which rows lack at most `gaps` readings, and the others with the first bad column."""
    others = [column for column in (rows.time, rows.label) if column]
    columns, lack = [*sensors, *others], np.zeros(len(rows.lines), np.int32)
    for column in sensors:
        lack += column.bad
    broken = lack > gaps
    for column in others:
        broken |= column.bad
    bad = []
    for row in np.flatnonzero(broken).tolist():
        why = next(column for column in columns if column.bad[row]).reason(row)
        where = "" if rows.files is None else f" ({rows.files[row]})"
        bad.append(BadRow(int(rows.lines[row]), why + where))
    return ~broken, sorted([*bad, *(BadRow(*row) for row in ragged)])
