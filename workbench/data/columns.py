"""What each column of a file is: time, label, tag, counter or sensor, and its values."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import DataError

from .cells import Cells
from .column_words import COUNTERS, GOOD, LABELS, NG_WORDS, NOTES, OK_WORDS, TIMES, folded
from .decimals import converted, decide, is_missing
from .times import Times, are_dates, are_days, are_times_of_day, read_times

_HEAD = 50  # cells that tell what a column of text is
_BARE = {"0", "1", "0.0", "1.0", "true", "false", "t", "f", "yes", "no", "y", "n", "p", "-1"}
STEADY = 20  # rows from which equal steps are no coincidence


class Column(NamedTuple):
    """A column that is used; `bad` is True where the file has no usable value."""

    name: str
    cells: Cells
    values: NDArray | pd.Index
    bad: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> "Column":
        """Other rows, or the same in another order."""
        return Column(self.name, self.cells.take(rows), self.values[rows], self.bad[rows])

    def reason(self, row: int) -> str:
        """What is wrong with a bad cell."""
        text = self.cells.text(row)
        if not text:
            return f"{self.name} is missing"
        return f"{self.name} is {text!r}"


class FileSigns(NamedTuple):
    """How a file writes numbers.

    `parsed` is the decimal sign of the numbers that a parser has converted, `decimal` the one
    that a person has said.
    """

    separator: str
    parsed: str = "."
    decimal: str | None = None


class Label(NamedTuple):
    """Which rows are NG, how that was told, and how to tell it again."""

    column: Column
    rule: str
    again: str
    assumed: str = ""


def name_columns(
    names: Sequence[str] | None,
    cells: Sequence[Cells],
    columns: Sequence[str] | None,
    path: object,
) -> tuple[str, ...]:
    """The header; without one `columns`, or "sensor_1", ... beside the first dates, "time".

    Raises:
        DataError: As many names as columns are needed.
    """
    if names is not None:
        return tuple(names)
    if columns is None:
        dated = next((i for i, column in enumerate(cells) if _dated(column)), None)
        named = [f"sensor_{i + 1}" for i in range(len(cells))]
        return tuple(named if dated is None else [*named[:dated], "time", *named[dated:-1]])
    if len(columns) != len(cells):
        raise DataError(
            f"{path} has no header and {len(cells)} columns, got {len(columns)} names; "
            "pass columns=... with one name for each, time and label included"
        )
    return tuple(columns)


def find_time(
    cells: Mapping[str, Cells],
    name: str | None,
    choice: str | None,
    path: object,
    signs: FileSigns,
) -> tuple[Column | None, Times | None, tuple[str, ...]]:
    """The column of times, its form, and the names of all columns that it was made of.

    Raises:
        DataError: The column asked for is missing or holds no times, or its dates are ambiguous.
    """
    require(cells, [name], path)
    known = [name] if name else [n for n in cells if is_time_name(n)]
    dated = [n for n in known if _dated(cells[n]) and not _days(cells[n])]
    days = [n for n in (known if not name else cells) if _days(cells[n])]
    of_day = [n for n in (known if not name else cells) if _of_day(cells[n])]
    if name and (name in days or name in of_day) and days and of_day:
        return _joined(cells, days[0], of_day[0], choice, path)
    if not name and not dated and days and of_day:
        return _joined(cells, days[0], of_day[0], choice, path)
    others = [] if name else [n for n in cells if n not in known and _dated(cells[n])]
    for candidate in dict.fromkeys([*dated, *days, *known, *others[:1]]):
        times = _read(cells[candidate], candidate, choice, path)
        if times is None and cells[candidate].is_text():  # numbers that nobody has converted yet
            numbers = to_numbers({candidate: cells[candidate]}, path, signs)
            column = numbers.get(candidate)
            times = column and read_times(column.values, candidate, choice)
        if times is not None and not times.bad.all() and (name or _runs(times)):
            if candidate in others:
                times = times._replace(
                    assumed=times.assumed or f"{candidate} is taken for the time"
                )
            used = tuple(dict.fromkeys([candidate, *known])) if not name else (candidate,)
            return _column(candidate, cells[candidate], times), times, used
    if name is not None:
        raise DataError(f"{path}: the time column {name} must hold dates or numbers")
    return None, None, ()


def find_label(cells: Mapping[str, Cells], name: str | None, path: object) -> Label | None:
    """The labels by name, by a known word, or by what the only column of verdicts holds.

    Args:
        cells: By column.
        name: Of the column; `NAME=VALUE` says which value is NG, `NAME!=VALUE` which is not.
        path: For messages.

    Raises:
        DataError: The column asked for is missing, or which of its values is NG is not known.
    """
    if name is not None:
        name, sign, value = _rule(name, cells)
        require(cells, [name], path)
        label = _label(cells[name], name, sign, value, path, asked=True)
        if label is None:
            held = ", ".join(filter(None, _words(cells[name])[0][:6]))
            raise DataError(
                f"{path}: the label column {name} must hold 0 and 1, or OK and NG, got {held}; "
                f"pass label='{name}=VALUE' with the value that is NG (--label)"
            )
        return label
    for known in [n for n in cells if folded(n) in LABELS] + [
        n for n in cells if folded(n) in GOOD
    ]:
        if label := _label(cells[known], known, "", "", path):
            return label
    verdicts = [n for n in cells if cells[n].is_text() and _is_verdict(cells[n], n)]
    if len(verdicts) == 1 and (label := _label(cells[verdicts[0]], verdicts[0], "", "", path)):
        return label._replace(assumed=f"{verdicts[0]} is taken for the label (--label)")
    return None


def to_numbers(cells: Mapping[str, Cells], path: object, signs: FileSigns) -> dict[str, Column]:
    """The columns that hold numbers, in the signs of the file; others are left out.

    Raises:
        DataError: The decimal sign is ambiguous.
    """
    texts = {n: c.values for n, c in cells.items() if c.is_text()}
    known = {n: [cell for cell in t if not is_missing(cell)] for n, t in texts.items()}
    proven = {signs.parsed} if any(_has_fractions(c) for c in cells.values()) else set()
    found = decide(path, known, separator=signs.separator, proven=proven, decimal=signs.decimal)
    columns = {}
    for name, column in cells.items():
        if name in found:
            values = converted(column.values, found[name])
        elif column.is_text() or column.values.dtype.kind == "M":
            continue
        else:
            values = column.values.astype(np.float64, copy=False)
        bad = ~np.isfinite(values)
        if not bad.all():
            columns[name] = Column(name, column, values, bad)
    return columns


def is_counter(values: NDArray[np.float64], name: str) -> bool:
    """Whether a column counts rows: whole numbers that rise by one step nearly throughout.

    Example:
        >>> is_counter(np.arange(100.0), "a"), is_counter(np.array([1.0, 2.0, 3.0]), "No.")
        (True, True)
    """
    known = values[np.isfinite(values)]
    if (
        len(known) < (3 if folded(name) in COUNTERS else STEADY)
        or (known != np.round(known)).any()
    ):
        return False
    steps = np.diff(known)
    usual = np.median(steps)
    return bool(usual > 0 and (steps > 0).all() and 2 * (steps == usual).sum() >= len(steps) and (
        folded(name) in COUNTERS or (steps == usual).mean() > 0.95))  # fmt: skip


def is_note(name: str) -> bool:
    """Whether a column has no name, or a name that a person gave to an annotation."""
    return folded(name) in NOTES or not folded(name)


def require(cells: Mapping[str, Cells], names: Collection[str | None], path: object) -> None:
    """Refuse names that are no columns.

    Raises:
        DataError: The first that is none.
    """
    for name in names:
        if name is not None and name not in cells:
            raise DataError(f"{path} must have a column {name}; it has {', '.join(cells)}")


def _has_fractions(cells: Cells) -> bool:
    if cells.values.dtype.kind != "f":
        return False
    known = cells.values[np.isfinite(cells.values)]
    return bool((known != np.round(known)).any())


def is_time_name(name: str) -> bool:
    """Whether a column's name says that it holds times."""
    word = folded(name)
    return word in TIMES or word.endswith(("timestamp", "datetime", "epochms", "unixtime"))


def _head(cells: Cells) -> list[str]:
    return [c for c in cells.values[:1000] if not is_missing(c)][:_HEAD] if cells.is_text() else []


def _dated(cells: Cells) -> bool:
    return cells.values.dtype.kind == "M" or are_dates(_head(cells))


def _days(cells: Cells) -> bool:
    if cells.values.dtype.kind == "M":
        days = pd.DatetimeIndex(cells.values)
        return bool((days.normalize() == days)[~days.isna()].all())
    return are_days(_head(cells))


def _of_day(cells: Cells) -> bool:
    return are_times_of_day(_head(cells))


def _read(cells: Cells, name: str, choice: str | None, path: object) -> Times | None:
    try:
        return read_times(cells.values, name, choice)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _runs(times: Times) -> bool:
    """Whether numbers under a name of time go on as a clock does; a sensor falls as it rises."""
    if times.order != "number":
        return True
    steps = np.diff(times.values[~times.bad].to_numpy(np.float64))
    return bool((steps >= 0).mean() > 0.9) if len(steps) else True


def _joined(
    cells: Mapping[str, Cells], days: str, of_day: str, choice: str | None, path: object
) -> tuple[Column, Times, tuple[str, ...]]:
    """A date and a time of day in two columns."""
    dates = cells[days]
    texts = (
        dates.values if dates.is_text() else pd.DatetimeIndex(dates.values).strftime("%Y-%m-%d")
    )
    both = [
        f"{d} {t}" if d and t else "" for d, t in zip(texts, cells[of_day].values, strict=True)
    ]
    joined = Cells(np.array(both, dtype=object))
    name = f"{days} + {of_day}"
    times = _read(joined, name, choice, path)
    if times is None:
        raise DataError(f"{path}: {name} must hold dates and times of day")
    return _column(name, joined, times), times, (days, of_day)


def _column(name: str, cells: Cells, times: Times) -> Column:
    return Column(name, cells, times.values, times.bad)


def _rule(name: str, cells: Mapping[str, Cells]) -> tuple[str, str, str]:
    """Column, sign and value of "NAME=VALUE", where the whole is no column's name."""
    if name in cells:
        return name, "", ""
    for sign in ("!=", "="):
        column, found, value = name.rpartition(sign)
        if found and column in cells:
            return column, sign, value.strip()
    return name.partition("=")[0].rstrip("!"), "", ""


def _words(cells: Cells) -> tuple[list[str], NDArray[np.int64]]:
    """The different words of a column, in lower case, and the number of the word of each row."""
    if cells.is_text():
        codes, words = pd.factorize(pd.Series(cells.values, dtype=object))
        return [str(word).strip().lower() for word in words], codes
    codes, words = pd.factorize(cells.values, use_na_sentinel=True)
    return [f"{word:g}" for word in words] + [""], np.where(codes < 0, len(words), codes)


def _label(
    cells: Cells, name: str, sign: str, value: str, path: object, *, asked: bool = False
) -> Label | None:
    if cells.values.dtype.kind == "M":
        return None
    words, codes = _words(cells)
    if len(words) > 1000:
        return None
    counts = np.bincount(codes, minlength=len(words)) if len(codes) else np.zeros(len(words))
    held = {word: int(n) for word, n in zip(words, counts, strict=True) if n}
    again = f"{name}{sign}{value}" if sign else name
    if sign:
        named = value.lower()
        verdicts = {
            word: (word == named) == (sign == "=")
            for word in held
            if word == named or not is_missing(word)
        }
        rule = f"NG where it {'is' if sign == '=' else 'is not'} {value}"
    elif held and set(held) - {""} <= {"-1", "1"} and "-1" in held:
        if held.get("1", 0) >= held["-1"]:
            if not asked and folded(name) not in LABELS:
                return None
            raise DataError(
                f"{path}: column {name} holds 1 and -1, of which -1 is not more frequent; pass "
                f"label='{name}=1' or label='{name}=-1' with the value that is NG (--label)"
            )
        verdicts, rule, again = {"-1": False, "1": True}, "1 = NG, -1 = OK", f"{name}=1"
    elif folded(name) in GOOD and set(held) - {""} <= _BARE - {"-1"}:
        verdicts = {w: w in OK_WORDS for w in held if w in OK_WORDS | NG_WORDS}
        rule = "its name says OK: 0 = NG"
    else:
        verdicts = {w: w in NG_WORDS for w in held if w in OK_WORDS | NG_WORDS}
        rule = ", ".join(f"{w} = {'NG' if ng else 'OK'}" for w, ng in sorted(verdicts.items()))
    if 2 * sum(held.get(w, 0) for w in verdicts) < sum(held.values()) or not verdicts:
        return None
    ng = np.array([verdicts.get(word, False) for word in words], bool)
    known = np.array([word in verdicts for word in words], bool)
    return Label(Column(name, cells, ng[codes], ~known[codes]), rule, again)


def _is_verdict(cells: Cells, name: str) -> bool:
    """Whether a column of text holds two words of a verdict, one for each side."""
    words = set(_words(cells)[0]) - {""} if len(set(cells.values[:1000])) <= 3 else set()
    clear = words <= (OK_WORDS | NG_WORDS) - _BARE
    return clear and len(words) == 2 and len(words & OK_WORDS) == 1 and "qual" not in name.lower()
