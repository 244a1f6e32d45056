"""The time of each row: a column of times, a date and a time of day, or year, month, day ..."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import AmbiguousError, DataError

from .cells import Cells
from .columns import Column, FileSigns, are_dated, head, require, to_numbers
from .date_cells import written_as
from .times import (
    Times,
    are_compact_clock,
    are_compact_days,
    are_since_1970,
    clock_digits,
    read_times,
    with_time_of_day,
)
from .words import CALENDAR, COUNTERS, SECONDS, bare, is_time_name

_DATE = {"year", "month", "day"}


def find_time(
    cells: Mapping[str, Cells], name: str | None, choice: str | None, signs: FileSigns
) -> tuple[Column | None, Times | None, tuple[str, ...]]:
    """The column of times, its form, and the names of all columns that it was made of."""
    require(cells, [name], signs.path)
    found = _found(cells, name, choice, signs)
    if found is None:
        return None, None, ()
    names, times, used = found
    if isinstance(times.values, pd.DatetimeIndex):
        part = _of_second(cells, max(map(list(cells).index, used)) + 1)
        if part is not None:
            times, used = times._replace(values=times.values + part[1]), (*used, part[0])
    column = Column(" + ".join(names), cells[names[0]], times.values, times.bad)
    return column, times, used


def _of_second(cells: Mapping[str, Cells], at: int) -> tuple[str, pd.TimedeltaIndex] | None:
    """The column right behind a time that holds its part of a second, by its unit alone."""
    name = next(iter(list(cells)[at:]), "")
    unit, column = SECONDS.get(bare(name), 60.0), cells.get(name)
    if column is None or unit > 1 or column.is_text() or column.are_dates():
        return None
    parts = column.values.astype(np.float64) * unit
    if not (np.isfinite(parts) & (parts >= 0) & (parts < 1)).all():
        return None
    return name, pd.to_timedelta(np.round(parts * 1e9), unit="ns")


def _found(
    cells: Mapping[str, Cells], name: str | None, choice: str | None, signs: FileSigns
) -> tuple[tuple[str, ...], Times, tuple[str, ...]] | None:
    """The columns that hold the times, the times, and all columns that are no sensors then."""
    known = [name] if name else [n for n in cells if is_time_name(n)]
    dated = [n for n in known if are_dated(cells[n]) and not _are_days(cells[n], n)]
    days = [n for n in (cells if name else known) if _are_days(cells[n], n)]
    of_day = [
        n for n in (cells if name else known) if n not in days[:1] and _are_of_day(cells[n], n)
    ]
    calendar = {CALENDAR[bare(n)]: n for n in cells if bare(n) in CALENDAR}
    calendar = calendar if set(calendar) >= _DATE else {}
    if calendar and (name in calendar.values() if name else not (dated or days)):
        parts = tuple(calendar.values())
        return parts, _of_calendar(cells, calendar), parts
    if days and of_day and (name in days or name in of_day if name else not dated):
        names = (days[0], of_day[0])
        return names, _joined(cells, *names, choice, signs.path), names
    free = [n for n in cells if n not in known and bare(n) not in COUNTERS and not name]
    others = [n for n in free if are_dated(cells[n]) or are_since_1970(cells[n].values)]
    if not (dated or choice):
        _refuse_unread(cells, [n for n in known if n not in (*days, *of_day)], signs)
    running = [
        n for n in others if are_dated(cells[n]) and len(pd.unique(cells[n].values[:1000])) > 1
    ]
    for candidate in dict.fromkeys([*dated, *days, *running[:1], *known, *others[:1]]):
        column, unit = cells[candidate], signs.units.get(candidate, "")
        times = _read(column.values, candidate, choice, signs.path, unit)
        if times is None and column.is_text():  # numbers that nobody has converted yet
            for number in to_numbers({candidate: column}, signs).values():
                times = _read(number.values, candidate, choice, signs.path, unit)
        if times is not None and not times.bad.all() and (name or _runs(times)):
            if candidate in others:
                said = times.assumed or f"{candidate} is taken for the time"
                times = times._replace(assumed=said)
            used = (candidate,) if name else (candidate, *known, *calendar.values())
            return (candidate,), times, tuple(dict.fromkeys(used))
    if name is not None:
        raise DataError(f"{signs.path}: the time column {name} must hold dates or numbers")
    return None


def _are_days(cells: Cells, name: str) -> bool:
    if cells.are_dates():
        days = pd.DatetimeIndex(cells.values)
        return bool((days.normalize() == days)[~days.isna()].all())
    return written_as(head(cells)) == "day" or (
        is_time_name(name) and are_compact_days(cells.values)
    )


def _are_of_day(cells: Cells, name: str) -> bool:
    named = is_time_name(name) and are_compact_clock(cells.values)
    return named or written_as(head(cells)) == "clock"


def _refuse_unread(cells: Mapping[str, Cells], names: Sequence[str], signs: FileSigns) -> None:
    """Refuse text in figures under a name of time, of which no form is known."""
    for name in names:
        texts = head(cells[name])
        figures = [text for text in texts if sum(map(str.isdecimal, text)) > 2]
        if 2 * len(figures) <= len(texts) or to_numbers({name: cells[name]}, signs):
            continue
        if _read(cells[name].values, name, None, signs.path) is None:
            raise AmbiguousError(
                f"{signs.path}: column {name} must hold times in a form that is known, got "
                f"{figures[0]!r}; pass dates= with its form, as '%d.%m.%Y %H:%M' (--dates), or "
                "leave it out (--ignore)", {"ignore": [name]}
            )  # fmt: skip


def _read(
    cells: NDArray,
    name: str,
    choice: str | None,
    path: object,
    unit: str = "",
) -> Times | None:
    try:
        return read_times(cells, name, choice, unit)
    except DataError as error:
        error.args = (f"{path}: {error}",)
        raise


def _runs(times: Times) -> bool:
    """Whether numbers under a name of time go on as a clock does; a sensor falls as it rises."""
    if times.order != "number":
        return True
    steps = np.diff(times.values[~times.bad].to_numpy(np.float64))
    return bool((steps >= 0).mean() > 0.9) if len(steps) else True


def _joined(
    cells: Mapping[str, Cells], days: str, of_day: str, choice: str | None, path: object
) -> Times:
    """A date and a time of day in two columns."""
    name, clock = f"{days} + {of_day}", cells[of_day].values
    choice = None if choice and "%" in choice else choice
    times = _read(with_time_of_day(cells[days].values, clock), name, choice, path)
    if times is None:
        raise DataError(f"{path}: {name} must hold dates and times of day")
    if are_compact_clock(clock) and clock_digits(clock) == 4:
        if clock.dtype != object and np.nanmin(clock) < 1000:
            said = f"{of_day} may hold HHMM or HHMMSS ({clock[0]}); write it with all zeros, or"
            raise AmbiguousError(f"{path}: {said} pass ignore (--ignore)", {"ignore": [of_day]})
        times = times._replace(assumed=f"{of_day} is taken for hours and minutes, HHMM")
    return times


def _of_calendar(cells: Mapping[str, Cells], parts: Mapping[str, str]) -> Times:
    """Year, month and day in columns of their own, and what there is of the time of day."""
    numbers = {part: pd.to_numeric(pd.Series(cells[name].values), errors="coerce")
               for part, name in parts.items()}  # fmt: skip
    dates = pd.to_datetime(pd.DataFrame(numbers), errors="coerce")
    return Times(pd.DatetimeIndex(dates), "dates in columns of their parts")
