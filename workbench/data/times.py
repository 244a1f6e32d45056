"""Times as machines write them: one form a column, decided on the whole column.

A column that two orders of day and month explain is only taken for the one that gives ascending
times, or an unbroken clock, where the other does not.
"""

from collections import Counter
from datetime import timedelta, timezone
from re import findall
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import DataError

from .date_cells import ORDERS, Form, as_dates, parse
from .recording import pauses
from .row_options import ambiguous
from .words import is_missing, seconds_of

UNITS = {"s": 1e9, "ms": 1e12, "us": 1e15, "ns": 1e18}
"""Units of a count since 1970, and its size in this century."""
CHOICES = (*ORDERS, *UNITS, "days", "number")
"""What `dates` may be: an order, the unit of a count since 1970, days of a spreadsheet, a plain
number; or a format as for strftime, with its percent signs."""

_DAYS = (32_874, 73_051)  # 1990 to 2100 in a spreadsheet, whose day 1 is 1900-01-01
_EPOCH = (0.63, 4.11)  # the same in 1e9 seconds since 1970


class Times(NamedTuple):
    """A time column: dates or numbers (seconds), where it has neither, and its form in words."""

    values: pd.Index
    form: str
    order: str = ""  # one of `CHOICES`, for the next file
    assumed: str = ""

    @property
    def bad(self) -> NDArray[np.bool_]:
        """Where the file has no usable time."""
        return np.asarray(self.values.isna())


def read_times(
    cells: NDArray, name: str, choice: str | None = None, unit: str = ""
) -> Times | None:
    """The cells of a time column as dates or numbers; None where they are neither.

    `cells` are text (object), numbers or dates, shape (N,), `unit` is what the header says of
    the column. `choice` is one of `CHOICES`, or a format as for strftime.

    Example:
        >>> read_times(np.array(["31.01.2024 07:00", "01.02.2024 08:00"], object), "t").order
        'dmy'
    """
    if choice is not None and choice not in CHOICES and "%" not in choice:
        raise ValueError(
            f"dates must be one of {', '.join(CHOICES)} or a format with %, got {choice!r}"
        )
    if cells.dtype.kind == "M":
        return Times(pd.DatetimeIndex(cells), "dates of the file")
    if cells.dtype.kind in "iuf":
        return _counted(cells, name, choice, seconds_of(name, unit))
    if choice and "%" in choice:
        dates = pd.to_datetime(pd.Index(cells, dtype=object), format=choice, errors="coerce")
        return Times(dates, f"dates as {choice}", choice)
    return _written(cells, name, choice)


def with_time_of_day(days: NDArray, clock: NDArray) -> NDArray[np.object_]:
    """A column of dates and one of times of day, as one of text; "" where one holds nothing.

    Example:
        >>> with_time_of_day(np.array([20240501, 20240502]), np.array([80000, 181500])).tolist()
        ['2024-05-01 08:00:00', '2024-05-02 18:15:00']
    """
    if days.dtype.kind == "M":
        days = pd.DatetimeIndex(days).strftime("%Y-%m-%d").fillna("").to_numpy(object)
    elif are_compact_days(days):
        days = np.array(
            [f"{d[:-4]}-{d[-4:-2]}-{d[-2:]}" if d else "" for d in _figures(days, 6)], object
        )
    if are_compact_clock(clock):
        pairs = (findall("..", text) for text in _figures(clock, clock_digits(clock)))
        clock = np.array(list(map(":".join, pairs)), object)
    both = zip(days, clock, strict=True)
    return np.array([f"{d} {t}" if d and t else "" for d, t in both], object)


def _written(cells: NDArray[np.object_], name: str, choice: str | None) -> Times | None:
    """Dates as text, in the one order that explains them."""
    parsed = parse(cells)
    held = Counter(parsed.form.tolist())
    del held[-1]
    if 2 * sum(held.values()) < len(cells) - sum(map(is_missing, cells)) or not held:
        return None
    kinds: Counter[tuple] = Counter()
    for number, n in held.items():
        kinds[_kind(parsed.forms[number])] += n
    kind, usual = kinds.most_common(1)[0]
    others = [i for i, form in enumerate(parsed.forms) if _kind(form) != kind]
    odd = np.flatnonzero(np.isin(parsed.form, others))
    if len(odd) > 0.1 * usual:
        first = int(np.flatnonzero(~np.isin(parsed.form, [-1, *others]))[0])
        raise DataError(
            f"the dates of column {name} must be of one form, with an offset from UTC or without; "
            f"it holds {cells[first]!r} and {cells[odd[0]]!r}; make two files of them"
        )
    parsed.form[odd] = -1
    example, orders = next(c for c, f in zip(cells, parsed.form, strict=True) if f >= 0), kind[0]
    if not orders:
        clock = np.where(parsed.form < 0, np.nan, parsed.clock / 1e9)  # starts again each day
        days = np.cumsum(np.nan_to_num(np.diff(clock, prepend=clock[:1])) < -43_200)
        since = pd.Index(clock + 86_400.0 * days)
        return Times(since, "times of day without a date", "number",
                      "times of day without a date are counted in seconds")  # fmt: skip
    found = {order: as_dates(parsed, order) for order in orders}
    if choice in found:
        order, assumed = str(choice), ""
    else:
        order, assumed = _chosen(found, ~np.isin(parsed.form, -1), name, example)
    dates = found[order]
    if dates.isna().sum() - (parsed.form < 0).sum() > len(cells) / 2:
        return None
    if not kind[1]:
        return Times(dates, f"dates, {ORDERS[order]}", order, assumed)
    offsets = parsed.offset[parsed.form >= 0]
    zone = timezone(timedelta(minutes=int(offsets[0])))
    if several := len(np.unique(offsets)) - 1:
        assumed = f"times are shown at {zone}, the first of {several + 1} offsets from UTC"
    dates = dates.tz_localize("UTC").tz_convert(zone)
    return Times(dates, f"dates with an offset from UTC, {ORDERS[order]}", order, assumed)


def _kind(form: Form) -> tuple:
    return form.orders, bool(form.offset)


def _chosen(
    found: dict[str, pd.DatetimeIndex], held: NDArray[np.bool_], name: str, example: str
) -> tuple[str, str]:
    """The order that the dates themselves show, and what was assumed."""
    failed = {order: np.asarray(dates.isna()) & held for order, dates in found.items()}
    least = min(bad.sum() for bad in failed.values())
    valid = {order: dates for order, dates in found.items() if failed[order].sum() == least}
    first = next(iter(valid))
    for order, bad in failed.items():
        if order not in valid and (failed[first] & ~bad).any():
            some = f"some are {ORDERS[order]} and some {ORDERS[first]}"
            said = f"the dates of column {name} must be in one order; {some}"
            raise ambiguous(said, "dates", list(dict.fromkeys([first, *found])))
    if all(dates.equals(valid[first]) for dates in valid.values()):
        return first, ""
    rising = [o for o, dates in valid.items() if dates.dropna().is_monotonic_increasing]
    if len(rising) == 1:
        return rising[0], f"{name}: {ORDERS[rising[0]]}, which alone gives ascending times"
    steady = [o for o in rising if not len(pauses(valid[o].dropna()))]
    if len(steady) == 1:
        return steady[0], f"{name}: {ORDERS[steady[0]]}, which alone gives an unbroken clock"
    said = f"the dates of column {name} may be read in more than one order ({example})"
    raise ambiguous(said, "dates", list(valid))


def _counted(cells: NDArray, name: str, choice: str | None, size: float) -> Times | None:
    """Counts since 1970, days of a spreadsheet, days as YYYYMMDD, or plain numbers.

    The latter are given in seconds, `size` of which are one of them.
    """
    known = cells[np.isfinite(cells)] if cells.dtype.kind == "f" else cells
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    unit = choice if choice in UNITS else _unit_since_1970(low, high)
    if choice == "number":
        unit = None
    elif choice == "days" or (choice is None and unit is None and _are_spreadsheet(known, name)):
        ms = pd.to_timedelta(pd.Index(np.round(86_400_000.0 * cells.astype(float))), unit="ms")
        dates = pd.DatetimeIndex(pd.Timestamp("1899-12-30") + ms)  # kept to the millisecond
        return Times(dates, "day numbers of a spreadsheet", "days")
    elif unit is None and choice in (None, "ymd") and _are_compact(known):
        text = np.array([str(int(x)) if np.isfinite(x) else "" for x in cells.tolist()], object)
        return _written(text, name, choice)
    if unit is None:
        said = "numbers, taken for seconds" if size == 1 else f"numbers of {size:g} seconds each"
        return Times(pd.Index(cells.astype(np.float64) * size), said, "number")
    if cells.dtype.kind == "f" and not np.array_equal(known, np.round(known)):
        cells, scale = np.round(cells * (1e6 / (UNITS[unit] / 1e9))), "us"
    else:
        scale = unit
    dates = pd.to_datetime(pd.Index(cells), unit=scale, errors="coerce")
    return Times(pd.DatetimeIndex(dates), f"{unit} since 1970, shown in UTC", unit)


def are_since_1970(cells: NDArray) -> bool:
    """Whether numbers of this century, counted since 1970, rise from row to row."""
    if cells.dtype.kind not in "iuf" or len(cells) < 3:
        return False
    if not _unit_since_1970(float(cells[0]), float(cells[-1])):
        return False  # told at once; NaN is in no range
    steps = np.diff(cells.astype(float))
    return bool((steps >= 0).all() and steps.any()
                and _unit_since_1970(float(cells.min()), float(cells.max())))  # fmt: skip


def are_compact_days(cells: NDArray) -> bool:
    """Whether numbers are dates as YYYYMMDD, or six digits in some order."""
    if not len(known := _whole(cells)):
        return False
    six_digits = known.min() >= 10_101 and known.max() <= 991_231
    return bool(six_digits or (known.max() < 1e8 and _are_compact(known)))


def are_compact_clock(cells: NDArray) -> bool:
    """Whether numbers are times of day as HHMMSS or HHMM."""
    if not len(known := _whole(cells)) or known.min() < 0 or known.max() >= 240_000:
        return False
    return bool(max((known % 100).max(), (known // 100 % 100).max()) < 60)


def clock_digits(clock: NDArray) -> int:
    """4 for times of day as HHMM, 6 for HHMMSS; by the zeros before them, where text has them."""
    if clock.dtype == object:
        return 6 if max(map(len, clock)) > 4 else 4
    return 6 if np.nanmax(clock) > 2359 else 4


def _whole(cells: NDArray) -> NDArray:
    """The numbers of a column, if all are whole; of text, if all are figures."""
    if cells.dtype == object:
        figures = all(cell.isdecimal() or is_missing(cell) for cell in cells)
        held = [cell for cell in cells if cell.isdecimal()] if figures else []
        return np.array(held, float)
    known = cells[np.isfinite(cells)] if cells.dtype.kind in "iuf" else np.empty(0)
    return known if np.array_equal(known, np.round(known)) else known[:0]


def _figures(cells: NDArray, size: int) -> list[str]:
    """Whole numbers with the zeros before them, "" where there is none."""
    numbers = pd.to_numeric(pd.Series(cells), errors="coerce")
    return ["" if n != n else f"{n:0{size}.0f}" for n in numbers]


def _unit_since_1970(low: float, high: float) -> str | None:
    return next((unit for unit, size in UNITS.items()
                 if _EPOCH[0] * size <= low and high <= _EPOCH[1] * size), None)  # fmt: skip


def _are_compact(known: NDArray) -> bool:
    whole = np.array_equal(known, np.round(known))
    days = known // (1 if known.max() < 1e8 else 10_000 if known.max() < 1e12 else 1_000_000)
    return bool(whole and days.min() >= 19_900_101 and days.max() <= 21_001_231)


def _are_spreadsheet(known: NDArray, name: str) -> bool:
    """Whether numbers are days of a spreadsheet rather than seconds."""
    if not (_DAYS[0] <= known.min() and known.max() <= _DAYS[1]):
        return False
    finer = 1000 * known.astype(float)
    if not np.allclose(finer, np.round(finer), rtol=0, atol=1e-6):
        return True  # a second is 0.0000116 days
    said = f"column {name} may hold days of a spreadsheet or seconds ({known[0]:g})"
    raise ambiguous(said, "dates", ["days", "number"])
