"""Times as machines write them: one form a column, decided on the whole column.

A column that two orders of day and month explain is only taken for the one that gives
ascending times, or an unbroken clock, where the other does not.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import DataError

from .decimals import is_missing
from .recording import pauses

ORDERS = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}
UNITS = {"s": 1e9, "ms": 1e12, "us": 1e15, "ns": 1e18}
"""Units of a count since 1970, and its size in this century."""
CHOICES = (*ORDERS, *UNITS, "days", "number")
"""What `dates` may be: an order, the unit of a count since 1970, days of a spreadsheet, a plain
number; or a format as for strftime, with its percent signs."""

_DAYS = (32_874, 73_051)  # 1990 to 2100 in a spreadsheet, whose day 1 is 1900-01-01
_EPOCH = (0.63, 4.11)  # the same in 1e9 seconds since 1970
_ORIGIN = pd.Timestamp("1899-12-30")
_HALVES = {"오전": "AM", "오후": "PM", "午前": "AM", "午後": "PM", "上午": "AM", "下午": "PM",
           "a.m.": "AM", "p.m.": "PM", "am": "AM", "pm": "PM"}  # fmt: skip
_MONTHS = ("jan", "feb", "mar mär mrz", "apr avr", "may mai", "jun jui", "jul", "aug aoû",
           "sep", "oct okt", "nov", "dec dez déc")  # fmt: skip
_MONTH = {word: f"{i:02d}" for i, words in enumerate(_MONTHS, 1) for word in words.split()}
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:?\d\d(:?\d\d(\.\d+)?)?)?\s?(Z|[+-]\d\d:?\d\d)?)?")
_OF_DAY = re.compile(r"(\d+):(\d\d)(?::(\d\d(?:[.,]\d+)?))?\s*(AM|PM)?")
_WORD = re.compile(r"[^\W\d_]+\.?")
_ZONE = re.compile(r"\s*([+-]\d\d:?\d\d)$")
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)(?:([ T_-]?)(\d\d)(\d\d)(\d\d)?)?")
_BETWEEN = frozenset("-./ :,T_APM\0년월일시분초年月日時分秒时")
_RUN = re.compile(r"\d+")


class Times(NamedTuple):
    """A time column: dates or numbers (seconds), where it has neither, and its form in words."""

    values: pd.Index
    bad: NDArray[np.bool_]
    form: str
    order: str = ""  # one of `CHOICES`, for the next file
    assumed: str = ""


def read_times(cells: NDArray, name: str, choice: str | None = None) -> Times | None:
    """The cells of a time column as dates or numbers; None where they are neither.

    Args:
        cells: Text (object), numbers or dates, shape (N,).
        name: Of the column, for messages and for what it may hold.
        choice: One of `CHOICES`, or a format as for strftime.

    Raises:
        DataError: The order of day and month, or the unit of a count, is left open.
        ValueError: No such choice.

    Example:
        >>> read_times(np.array(["31.01.2024 07:00", "01.02.2024 08:00"], object), "t").order
        'dmy'
    """
    if choice is not None and choice not in CHOICES and "%" not in choice:
        raise ValueError(
            f"dates must be one of {', '.join(CHOICES)} or a format with %, got {choice!r}"
        )
    if cells.dtype.kind == "M":
        return _times(pd.DatetimeIndex(cells), "dates of the file")
    if cells.dtype.kind in "iuf":
        return _counted(cells, name, choice)
    return _written(cells, name, choice)


def are_dates(cells: Sequence[str]) -> bool:
    """Whether a few cells of text are dates, with or without a time of day."""
    known = [cell for cell in cells if not is_missing(cell)]
    return bool(known) and all(_form(cell) is not None for cell in known)


def are_days(cells: Sequence[str]) -> bool:
    """Whether a few cells are dates without a time of day."""
    forms = [_form(cell) for cell in cells if not is_missing(cell)]
    return bool(forms) and all(f is not None and "%H" not in f and "%I" not in f for f in forms)


def are_times_of_day(cells: Sequence[str]) -> bool:
    """Whether a few cells are times of day without a date.

    Example:
        >>> are_times_of_day(["18:00:00", "오후 6:10"]), are_times_of_day(["2024-05-01 18:00"])
        (True, False)
    """
    known = [cell for cell in cells if not is_missing(cell)]
    return bool(known) and all(_OF_DAY.fullmatch(_halves_last(cell)) for cell in known)


def _written(cells: NDArray[np.object_], name: str, choice: str | None) -> Times | None:
    if choice and "%" in choice:
        dates = pd.to_datetime(pd.Index(cells, dtype=object), format=choice, errors="coerce")
        return _times(dates, f"dates as {choice}", choice)
    first = next((cell for cell in cells if not is_missing(cell)), "")
    if _OF_DAY.fullmatch(_halves_last(first)):
        return _of_day(cells)
    if _ISO.fullmatch(first):
        return _iso(cells, name, first)
    form, orders = _longest_form(cells)
    if form is None:
        return None
    cells = _plain(cells)
    found = {order: _parsed(cells, _in_order(form, order)) for order in orders}
    failed = {o: dates.isna() & ~_missing(cells) for o, dates in found.items()}
    if min(bad.sum() for bad in failed.values()) > len(cells) / 2:
        return None
    if choice in found:
        order, assumed = choice, ""
    else:
        order, assumed = _chosen(found, failed, name, first)
    return _times(
        found[order], f"dates, {ORDERS[order]}", order, assumed or _shown_in(found[order])
    )


def _missing(cells: NDArray[np.object_]) -> NDArray[np.bool_]:
    return np.fromiter(map(is_missing, cells), bool, len(cells))


def _shown_in(dates: pd.DatetimeIndex) -> str:
    return "" if dates.tz is None else "times are shown in UTC"


def _longest_form(
    cells: NDArray[np.object_], head: int = 1000
) -> tuple[str | None, tuple[str, ...]]:
    """The form of the longest of the first dates, as midnight may be left out of others."""
    dated = [(cell, form) for cell in cells[:head] if (form := _form(cell))]
    if not dated:
        return None, ()
    longest, form = max(dated, key=lambda found: len(found[0]))
    word = next((w for w in _WORD.finditer(longest) if w[0].lower()[:3] in _MONTH), None)
    if word and "<1Y>" not in form:  # the month is where the word is
        return form, (("dmy",) if _RUN.search(longest[: word.start()]) else ("mdy",))
    return form, _orders(form)


def _iso(cells: NDArray[np.object_], name: str, first: str) -> Times:
    text, zone = pd.Index(cells, dtype=object), _zone(first)
    if zone is None:
        try:
            dates = pd.to_datetime(text, format="ISO8601", errors="coerce")
        except ValueError:
            raise DataError(
                f"the dates of column {name} must all have an offset from UTC, or none; make two "
                "files of them"
            ) from None
        return _times(dates, "dates, year first", "ymd")
    zones = [_zone(cell) for cell in cells]
    dates = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    dates = dates.where([z is not None for z in zones]).tz_convert(pd.Timestamp(first).tz)
    found = len({*zones} - {None})
    said = f"times are shown at {zone}, the first of {found} offsets from UTC" if found > 1 else ""
    return _times(dates, "dates with an offset from UTC, year first", "ymd", said)


def _zone(cell: str) -> str | None:
    if cell.endswith("Z"):
        return "+00:00"
    found = _ZONE.search(cell[10:])
    return found[1] if found else None


def _plain(cells: NDArray[np.object_]) -> NDArray[np.object_]:
    """Halves of the day as AM and PM, months as numbers, weekdays gone; else as it is."""
    if not any(_WORD.search(cell) for cell in cells[:50]):
        return cells

    def number(word: re.Match[str]) -> str:
        text = word[0].lower()
        if half := _HALVES.get(text):
            return half
        if month := _MONTH.get(text[:3]):
            return month
        return word[0] if text in ("t", "z") or not text.isascii() else ""

    return np.array([_WORD.sub(number, cell).strip(" ,") for cell in cells], dtype=object)


def _halves_last(cell: str) -> str:
    """A time of day as `_OF_DAY` knows it: "오후 6:10" is "6:10 PM"."""
    plain = _plain(np.array([cell], dtype=object))[0]
    for half in ("AM", "PM"):
        if half in plain:
            return f"{plain.replace(half, '').strip()} {half}"
    return plain


def _form(cell: str) -> str | None:
    """The cell with the parts of its date as <1>, <2>, <3> (Y: year) and the others as directives.

    Example:
        >>> _form("31.01.2024 07:00:01,5"), _form("12/31/99"), _form("3.5")
        ('<1>.<2>.<3Y> %H:%M:%S,%f', '<1>/<2>/<3>', None)
    """
    cell = _plain(np.array([cell.strip()], dtype=object))[0]
    if compact := _COMPACT.fullmatch(cell):
        cell = "\0".join(part for part in compact.groups() if part)
    zone = _ZONE.search(cell)
    if zone:
        cell = cell[: zone.start(1)]
    if not _BETWEEN.issuperset(_RUN.sub("", cell)):
        return None
    runs = _RUN.findall(cell)
    if not 3 <= len(runs) <= 7 or len(runs) == 4:
        return None
    sizes = [len(run) for run in runs]
    if sorted(sizes[:3])[-1] > 4 or max(sizes[:3], default=0) == 3 or sizes[1] > 2:
        return None
    if len(runs) > 3 and (max(sizes[3:6]) > 2 or len(runs) == 7 and sizes[6] > 9):
        return None
    hour = "%I" if "AM" in cell or "PM" in cell else "%H"
    directives = iter(("<1>", "<2>", "<3>", hour, "%M", "%S", "%f"))
    form = _RUN.sub(lambda _: next(directives), cell)
    form = form.replace("AM", "%p").replace("PM", "%p").replace("\0", "")
    years = [i for i in (0, 2) if sizes[i] == 4]
    if len(years) > 1 or (not years and max(sizes[:3]) > 2):
        return None
    year = {0: "<1Y>", 2: "<3Y>"}.get(years[0]) if years else None
    if year:
        form = form.replace(f"<{year[1]}>", year)
    if (
        not re.search(r"[.\-/ 年년\0]|<1>?Y?<2>", form[: form.find("<3")])
        and "<1Y><2>" not in form
    ):
        return None
    return form + ("%z" if zone else "")


def _orders(form: str) -> tuple[str, ...]:
    if "<1Y>" in form:
        return ("ymd",)
    return ("dmy", "mdy") if "<3Y>" in form else ("dmy", "mdy", "ymd")


def _in_order(form: str, order: str) -> str:
    for place, part in enumerate(order, 1):
        directive = {"d": "%d", "m": "%m", "y": "%y"}[part]
        form = form.replace(f"<{place}>", directive).replace(f"<{place}Y>", "%Y")
    return form


def _parsed(cells: NDArray[np.object_], form: str) -> pd.DatetimeIndex:
    """Dates of one form; a fraction, the seconds or the time of day may be left out where 0."""
    text = pd.Index(cells, dtype=object)
    zoned = "%z" in form
    dates = pd.to_datetime(text, format=form, errors="coerce", utc=zoned)
    for end in (r"[.,]%f", r":%S([.,]%f)?", r"[T ,]*(%p )?%[HI].*"):
        shorter = re.sub(end, "", form)
        left = dates.isna()
        if shorter == form or not left.any():
            continue
        more = pd.to_datetime(text[left], format=shorter, errors="coerce", utc=zoned)
        dates = dates.putmask(left, more) if not more.isna().all() else dates
    return dates


def _chosen(
    found: dict[str, pd.DatetimeIndex],
    failed: dict[str, NDArray[np.bool_]],
    name: str,
    example: str,
) -> tuple[str, str]:
    """The order that the dates themselves show.

    Raises:
        DataError: More than one is left, or some dates have one order and some another.
    """
    least = min(bad.sum() for bad in failed.values())
    valid = {o: dates for o, dates in found.items() if failed[o].sum() == least}
    for order, bad in failed.items():
        if order not in valid and (failed[next(iter(valid))] & ~bad).any():
            raise DataError(
                f"the dates of column {name} must be in one order; some are {ORDERS[order]} and "
                f"some {ORDERS[next(iter(valid))]}; pass dates=... (--dates) to leave some out"
            )
    first = next(iter(valid))
    if len(valid) == 1 or all(dates.equals(valid[first]) for dates in valid.values()):
        return first, ""
    rising = [o for o, dates in valid.items() if dates.dropna().is_monotonic_increasing]
    if len(rising) == 1:
        return rising[0], f"{name}: {ORDERS[rising[0]]}, which alone gives ascending times"
    steady = [o for o in rising if not len(pauses(valid[o].dropna()))]
    if len(steady) == 1:
        return steady[0], f"{name}: {ORDERS[steady[0]]}, which alone gives an unbroken clock"
    choices = " or ".join(f"{o} ({ORDERS[o]})" for o in valid)
    raise DataError(
        f"the dates of column {name} may be read in more than one order ({example}); pass dates="
        f"{choices} (--dates)"
    )


def _of_day(cells: NDArray[np.object_]) -> Times:
    """Seconds since the first midnight; a clock that falls by half a day or more is a new day."""
    found = [_OF_DAY.fullmatch(_halves_last(cell)) for cell in cells]
    seconds = np.array([_seconds(match) if match else np.nan for match in found])
    steps = np.diff(seconds, prepend=seconds[:1])
    days = np.cumsum(np.nan_to_num(steps) < -43_200)
    return _times(pd.Index(seconds + 86_400.0 * days), "times of day without a date", "number",
                  "times of day without a date are counted in seconds")  # fmt: skip


def _seconds(match: re.Match[str]) -> float:
    hours, minutes, rest, half = match.groups()
    hours = int(hours) % 12 + 12 * (half == "PM") if half else int(hours)
    return 3600 * hours + 60 * int(minutes) + float((rest or "0").replace(",", "."))


def _counted(cells: NDArray, name: str, choice: str | None) -> Times | None:
    """Counts since 1970, days of a spreadsheet, days as YYYYMMDD, or plain seconds."""
    known = cells[np.isfinite(cells)] if cells.dtype.kind == "f" else cells
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    unit = choice if choice in UNITS else _unit(low, high)
    if choice == "number":
        unit = None
    elif choice == "days" or (choice is None and unit is None and _are_spreadsheet(known, name)):
        ns = np.round(86_400_000.0 * cells.astype(float))  # a spreadsheet keeps milliseconds
        dates = _ORIGIN + pd.to_timedelta(pd.Index(ns), unit="ms")
        return _times(pd.DatetimeIndex(dates), "day numbers of a spreadsheet", "days")
    elif unit is None and choice in (None, "ymd") and _are_compact(known):
        text = np.array([str(int(x)) if np.isfinite(x) else "" for x in cells.tolist()], object)
        return _written(text, name, choice)
    if unit is None:
        return _times(pd.Index(cells.astype(np.float64)), "numbers, taken for seconds", "number")
    if cells.dtype.kind == "f" and not np.array_equal(known, np.round(known)):
        ns = np.round(cells * (1e6 / (UNITS[unit] / 1e9)))
        dates = pd.to_datetime(pd.Index(ns), unit="us", errors="coerce")
    else:
        dates = pd.to_datetime(pd.Index(cells), unit=unit, errors="coerce")
    return _times(pd.DatetimeIndex(dates), f"{unit} since 1970, shown in UTC", unit)


def _unit(low: float, high: float) -> str | None:
    return next((u for u, size in UNITS.items()
                 if _EPOCH[0] * size <= low and high <= _EPOCH[1] * size), None)  # fmt: skip


def _are_compact(known: NDArray) -> bool:
    whole = np.array_equal(known, np.round(known))
    days = known // (1 if known.max() < 1e8 else 10_000 if known.max() < 1e12 else 1_000_000)
    return bool(whole and days.min() >= 19_900_101 and days.max() <= 21_001_231)


def _are_spreadsheet(known: NDArray, name: str) -> bool:
    """Whether numbers are days of a spreadsheet rather than seconds.

    Raises:
        DataError: They may be either.
    """
    if not (_DAYS[0] <= known.min() and known.max() <= _DAYS[1]):
        return False
    finer = 1000 * known.astype(float)
    if not np.allclose(finer, np.round(finer), rtol=0, atol=1e-6):
        return True  # a second is 0.0000116 days
    raise DataError(
        f"column {name} may hold days of a spreadsheet or seconds ({known[0]:g}); pass "
        "dates=days or dates=number (--dates)"
    )


def _times(values: pd.Index, form: str, order: str = "", assumed: str = "") -> Times:
    return Times(values, np.asarray(values.isna()), form, order, assumed)
