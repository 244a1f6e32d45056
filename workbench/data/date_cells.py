"""Dates and times of day as text: cells of one shape are read at once.

The shape of a cell is the cell with every digit as 0. Cells of one shape have their numbers in the
same places, so that a shape is understood once, by what stands between and beside the numbers.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .words import WORDS, is_missing, listed

DATES = ("day", "date")
ORDERS = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}
_HALVES = {word: half for half in ("am", "pm") for word in listed("times", half)}
_MONTHS = {word: i for i, words in enumerate(WORDS["times"]["months"].split("|"), 1)
           for word in words.split()}  # fmt: skip
_WEEKDAYS, _ZONES = listed("times", "weekdays"), WORDS["times"]["zones"]
_WORD = re.compile(r"[ap]\.\s?m\.?|[^\W\d_]+\.?", re.IGNORECASE)
_SIGNS = "년월일시분초年月日時分秒时h"  # which stand behind a number
_BLANK = str.maketrans("()@", "   ")
_OFFSET = re.compile(r"([+-])(00):?(00)?$")
_BETWEEN = r"\s*([-./_,년年월月]?)\s*"
_DATE = re.compile(rf"\s*(0{{1,4}}|M+){_BETWEEN}(00?|M+){_BETWEEN}(0{{1,4}})\s?[.,일日]?")
_COMPACT_DATE = re.compile(r"\s*(0000)()(00)()(00)")
_CLOCK = re.compile(
    r"(0+)\s?(?:[:.]|[시時时h]\s?)(?:(00?)\s?(?:[:.]|[분分]\s?|$)(?:(00?)(?:[.,:](0{1,9}))?\s?[초秒]?)?)?"
)
_MINUTES = re.compile(r"(?<![0:.])0+:00?\.0")
"""Minutes and seconds without the hour, as Excel shows times of day, or hours and minutes."""
_NAMED = re.compile(r"\s*(M+)\s+(00?)\s+(0[0:.]+)\s+(0000)")
_COMPACT_CLOCK = re.compile(r"(00)(?:(00)(00)?)?")
_LONGEST, _BLOCK, _SHAPES = 48, 1 << 17, 400

Part = tuple[int, int] | int
"""From where to where a number stands in a cell, or what a word says in its place."""


class Form(NamedTuple):
    """What the cells of one shape hold: three parts of a date or (), a clock or ()."""

    date: tuple[Part, ...] = ()
    clock: tuple[Part, ...] = ()
    fraction: tuple[int, int] | None = None
    half: str = ""
    offset: tuple[int, Part, Part] | None = None  # sign, hours, minutes
    orders: tuple[str, ...] = ()


class Parsed(NamedTuple):
    """Numbers of N cells; a cell whose `form` is -1 holds none."""

    parts: NDArray[np.int64]  # (N, 3), as they stand
    clock: NDArray[np.int64]  # ns since midnight
    offset: NDArray[np.int64]  # minutes
    form: NDArray[np.int16]
    forms: list[Form]


def written_as(cells: Sequence[str]) -> str:
    """What a few cells of text are: "day", "date" with a time of day, "clock" without one, or "".

    Example:
        >>> written_as(["18:00:00", "오후 6:10"]), written_as(["2024-05-01 18:00"])
        ('clock', 'date')
    """
    known = [cell for cell in cells if not is_missing(cell)]
    forms = [_understood(re.sub(r"[0-9]", "0", cell[:_LONGEST])) for cell in known]
    held = [f for f, cell in zip(forms, known, strict=True) if f and _is_plausible(f, cell)]
    dated = {bool(form.date) for form in held}
    if len(held) < len(known) or len(dated) != 1:
        return ""
    if dated == {False}:
        return "clock"
    return "date" if any(form.clock for form in held) else "day"


def _is_plausible(form: Form, cell: str) -> bool:
    numbers = [p if isinstance(p, int) else int(cell[slice(*p)]) for p in form.date]
    return not numbers or any(
        1 <= numbers[o.index("m")] <= 12 and 1 <= numbers[o.index("d")] <= 31
        and (numbers[o.index("y")] < 100 or 1900 <= numbers[o.index("y")] <= 2100)
        for o in form.orders
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _understood(shape: str) -> Form | None:
    """What the numbers of a cell are, told from what stands between and beside them.

    Example:
        >>> _understood("00.00.0000 00:00").orders, _understood("오후 0:00").half
        (('dmy', 'mdy'), 'pm')
        >>> _understood("0.0") is _understood("00 pieces") is None
        True
    """
    text, half, month, named = shape, "", 0, None
    for found in _WORD.finditer(shape):
        said = re.sub(r"[\s.]", "", found[0].casefold())
        sign, behind = " ", shape[: found.start()].rstrip()[-1:]
        if said in _HALVES and not half:
            half = _HALVES[said]
        elif said[:3] in _MONTHS and len(said) > 2 and not month:
            sign, month = "M", _MONTHS[said[:3]]
        elif said in _ZONES and behind == "0":
            named = (1, 0, int(_ZONES[said]))
        elif said in _SIGNS and behind == "0":
            continue
        elif said != "t" and (said not in _WEEKDAYS or (len(said) == 1 and behind != "(")):
            return None
        text = text[: found.start()] + sign * len(found[0]) + text[found.end() :]
    text = text.translate(_BLANK).rstrip(" ,")
    if zone := _OFFSET.search(text):
        form = _numbers(text[: zone.start()].rstrip(), month)
        if form and form.clock:
            offset = (1 if zone[1] == "+" else -1, zone.span(2), zone.span(3) if zone[3] else 0)
            return form._replace(half=half, offset=offset)
    form = _numbers(text, month)
    if form is None or (named and not form.clock):
        return None
    return form._replace(half=half, offset=named)


def _numbers(text: str, month: int) -> Form | None:
    """Where date and time of day are in a text without words but for M, the month's."""
    if named := _NAMED.fullmatch(text):  # Fri Mar 1 08:00:00 2024
        clock = _CLOCK.fullmatch(named[3])
        return clock and Form((named.span(4), month, named.span(2)),
                              *_of_clock(clock, named.start(3)), orders=("ymd",))  # fmt: skip
    if _MINUTES.search(text):
        return None
    alone = _CLOCK.fullmatch(text.strip())
    if alone and alone[2] and re.search("0 ?[:시時时]", text):
        return Form((), *_of_clock(alone, len(text) - len(text.lstrip())))
    date = _COMPACT_DATE.match(text) or _DATE.match(text)
    if date is None or ("M" in text) != ("M" in date[0]):
        return None
    first, middle, last = date[1], date[3], date[5]
    sizes = [len(first), len(middle), len(last)]
    compact = date.re is _COMPACT_DATE
    if not (compact or month) and not (date[2] and date[4]):  # set apart by spaces
        spaced = text[date.end(1)] == text[date.end(3)] == " " if 4 in sizes else False
        if not spaced:
            return None
    if sizes.count(4) > 1 or 3 in sizes and not month or (month and last in ("0", "000")):
        return None
    orders: tuple[str, ...] = ("ymd",) if sizes[0] == 4 and "M" not in first else ("dmy", "mdy")
    if "M" in first or "M" in middle:
        orders = ("mdy",) if "M" in first else orders[:1]
    elif 4 not in sizes:
        orders = tuple(ORDERS)
    parts = tuple(month if "M" in date[i] else date.span(i) for i in (1, 3, 5))
    rest = text[date.end() :].lstrip(" ,_:-" if date.end() < len(text) else "")
    if not rest:
        return Form(parts, orders=orders)
    clock = _CLOCK.fullmatch(rest) or (_COMPACT_CLOCK.fullmatch(rest) if 4 in sizes else None)
    if clock is None or len(clock[1]) > 2:
        return None
    return Form(parts, *_of_clock(clock, len(text) - len(rest)), orders=orders)


def _of_clock(
    found: re.Match[str], start: int
) -> tuple[tuple[tuple[int, int], ...], tuple[int, int] | None]:
    spans = [found.span(i + 1) for i, part in enumerate(found.groups()) if part]
    moved = [(a + start, b + start) for a, b in spans]
    return tuple(moved[:3]), moved[3] if len(moved) > 3 else None


def parse(cells: NDArray[np.object_]) -> Parsed:
    """The numbers of all cells, shape by shape."""
    n = len(cells)
    parsed = Parsed(np.zeros((n, 3), np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64),
                     np.full(n, -1, np.int16), [])  # fmt: skip
    at: dict[Form, int] = {}
    for start in range(0, n, _BLOCK):
        text = cells[start : start + _BLOCK].astype(f"U{_LONGEST}")
        text = np.char.strip(text) if text.size and (text[0] != text[0].strip()) else text
        width = max(1, int(np.char.str_len(text).max(initial=1)))
        codes = np.ascontiguousarray(text.astype(f"U{width}")).view(np.uint32).reshape(-1, width)
        shapes = np.where((codes >= 48) & (codes <= 57), 48, codes)
        left = np.arange(len(codes))
        for _ in range(_SHAPES):
            if not len(left):
                break
            same = (shapes[left] == shapes[left[0]]).all(axis=1)
            rows, left = left[same], left[~same]
            form = _understood("".join(map(chr, shapes[rows[0]])).rstrip("\0"))
            if form is not None:
                number = at.setdefault(form, len(at))
                _fill(parsed, form, number, rows + start, codes[rows].astype(np.int64) - 48)
    parsed.forms.extend(at)
    return parsed


def _fill(
    parsed: Parsed, form: Form, number: int, rows: NDArray[np.int64], digits: NDArray[np.int64]
) -> None:
    def value(part: Part) -> NDArray[np.int64] | int:
        if isinstance(part, int):
            return part
        return digits[:, slice(*part)] @ 10 ** np.arange(part[1] - part[0])[::-1]

    parsed.form[rows] = number
    for i, part in enumerate(form.date):
        parsed.parts[rows, i] = value(part)
    if form.clock:
        hour, minute, second = (*map(value, form.clock), 0, 0)[:3]
        wrong = (np.maximum(minute, second) > 59) | (bool(form.date) & (hour > 24))
        if form.half:
            wrong |= hour > 12
            hour = hour % 12 + 12 * (form.half == "pm")
        parsed.clock[rows] = 1_000_000_000 * (3600 * hour + 60 * minute + second)
        if form.fraction is not None:
            size = form.fraction[1] - form.fraction[0]
            parsed.clock[rows] += value(form.fraction) * 10 ** (9 - size)
        parsed.form[rows[wrong]] = -1
    if form.offset:
        sign, hours, minutes = form.offset
        parsed.offset[rows] = sign * (60 * value(hours) + value(minutes))


def as_dates(parsed: Parsed, order: str) -> pd.DatetimeIndex:
    """In UTC where there are offsets; NaT where the numbers are no date in this order."""
    year, month, day = (parsed.parts[:, order.index(part)] for part in "ymd")
    year = np.where(year < 69, year + 2000, np.where(year < 100, year + 1900, year))
    months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    days = months.astype("M8[D]") + (day - 1)
    good = (parsed.form >= 0) & (month >= 1) & (month <= 12) & (days.astype("M8[M]") == months)
    good &= (day >= 1) & (year >= 1900) & (year <= 2200)
    ns = np.where(good, parsed.clock - 60_000_000_000 * parsed.offset, 0)
    unit, size = ("ns", 1) if (ns % 1000).any() else ("us", 1000)
    dates = days.astype(f"M8[{unit}]") + (ns // size).astype(f"m8[{unit}]")
    dates[~good] = np.datetime64("NaT")
    return pd.DatetimeIndex(dates)
