"""How the cells of a text file lie: separator, header, units, and what stands above them.

All of it is told from the head of the file, by whole rows against the rows below them.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice, pairwise, zip_longest
from pathlib import Path
from typing import NamedTuple

from workbench.errors import AmbiguousError, DataError

from .csv import encoding_of
from .date_cells import are_dates, are_times_of_day
from .decimals import like_a_number, number_and_unit
from .words import are_units, is_missing, known

_SEPARATORS = ("\t", ";", "|", ",")  # as they are believed; else spaces set columns apart
_HEAD = 400  # lines that are looked at
_SEP_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_NAMES = {"\t": "tab", ";": "semicolon", "|": "bar", ",": "comma", " ": "spaces"}

Row = tuple[int, list[str]]
"""The line that a row began on (1 is the first), and its cells."""


class Dialect(NamedTuple):
    """What the head of a file shows.

    `header` is None without one, `first` is the line that data begins in, `width` the number of
    columns, `units` one a column or (), `above` the lines that are no table, `comments` what
    follows "#" in leading lines.
    """

    encoding: str
    separator: str
    header: tuple[str, ...] | None
    first: int
    width: int
    units: tuple[str, ...] = ()
    above: tuple[tuple[int, str], ...] = ()
    comments: tuple[str, ...] = ()
    head: tuple[Row, ...] = ()

    def describe(self) -> str:
        """For people."""
        name, sign = self.encoding.upper().removesuffix("-SIG"), self.separator
        return (
            f"text in {name}, separated by {_NAMES.get(sign, sign)}, data from line {self.first}"
        )


def read_dialect(path: Path, encoding: str | None = None, decimal: str | None = None) -> Dialect:
    """The dialect of a delimited text file."""
    encoding = encoding_of(path) if encoding is None else _checked(encoding)
    try:
        with path.open(encoding=encoding, errors="strict" if encoding else None) as file:
            lines = [line.rstrip("\n") for line in islice(file, _HEAD)]
    except FileNotFoundError:
        raise DataError(f"{path} must be a CSV file; there is no such file") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} must be text in {encoding}; {error.reason} at byte {error.start}; pass "
            "another encoding (--encoding)"
        ) from None
    told = _SEP_LINE.fullmatch(lines[0].strip()) if lines else None
    start = comments = int(told is not None)
    while comments < len(lines) and lines[comments].startswith("#"):
        comments += 1
    remarks, lines = lines[start:comments], lines[comments:]
    separator = told[1] if told else find_separator(lines)
    rows = split(lines, separator, first=comments + 1)
    if not rows:
        raise DataError(f"{path} must hold rows of numbers; it is empty")
    if separator == "," and not told and _is_one_column(rows):
        if decimal is None:
            raise AmbiguousError(
                f"{path}: the commas below {rows[0][1][0]!r} may separate columns or be decimal "
                "signs; pass decimal='.' or decimal=',' (--decimal)", {"decimal": ","}
            )  # fmt: skip
        separator = ";" if decimal == "," else ","
        rows = split(lines, separator, first=comments + 1)
    found = find_header(rows, remarks, separator)
    return Dialect(encoding, separator, *found, comments=tuple(_remark(line) for line in remarks),
                   head=tuple(rows))  # fmt: skip


def find_separator(lines: Sequence[str]) -> str:
    """The separator that cuts the most lines into equally many cells that are values.

    Example:
        >>> find_separator(["a, mm;b", "1,5;2,5", "3,5;4,5"]), find_separator(["1 2", "3 4"])
        (';', ' ')
    """
    lines = [line for line in lines if line.strip()]

    def evidence(separator: str) -> tuple[float, float]:
        rows = [row for _, row in split(lines, separator)]
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            return 0, 0
        width, n = widths.most_common(1)[0]
        cells = [cell for row in rows[-100:] if len(row) == width for cell in row if cell]
        values = sum(like_a_number(cell) or is_missing(cell) for cell in cells)
        dates = sum(_is_value(cell) for cell in cells[:200]) / max(1, min(200, len(cells)))
        return round(n / len(rows), 1), round(max(values / max(1, len(cells)), dates), 1)

    marks = {separator: evidence(separator) for separator in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda s: (marks[s][0] >= 0.5, marks[s][1], marks[s][0]))
    if marks[best][0]:
        return best
    spaced = Counter(len(line.split()) for line in lines).most_common(1)
    numbers = any(like_a_number(line.split()[-1]) for line in lines)
    return " " if spaced and spaced[0][0] > 1 and numbers else ","


def split(lines: Sequence[str], separator: str, first: int = 1) -> list[Row]:
    """Rows of cells with the line each began on; empty lines are left out.

    Example:
        >>> split(["a,b", "", '"1,5",2'], ",")
        [(1, ['a', 'b']), (3, ['1,5', '2'])]
    """
    if separator == " ":
        return [(i, line.split()) for i, line in enumerate(lines, first) if line.strip()]
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator,
                        skipinitialspace=True)  # fmt: skip
    rows, line = [], first
    for row in reader:
        if any(map(str.strip, row)):
            rows.append((line, [cell.strip() for cell in row]))
        line = first + reader.line_num
    return rows


def find_header(
    rows: Sequence[Row], remarks: Sequence[str] = (), separator: str = ","
) -> tuple[tuple[str, ...] | None, int, int, tuple[str, ...], tuple[tuple[int, str], ...]]:
    """Header, line of the first data, width, units and the lines above, of the rows of a head.

    Data begins with the first row that holds values in the columns where the rows below it do,
    and with the rows right above it that hold more values than words there; the header is the
    row above that names the most columns.
    """
    width = _width(rows)
    body = [row for _, row in rows[len(rows) // 2 :] if len(row) >= width]
    body = body or [next(row for _, row in reversed(rows) if len(row) >= width)]
    valued = [i for i in range(width) if _mostly_values([row[i] for row in body])]
    data = [_is_data(row, valued, body) for _, row in rows]
    start = next((k for k, d in enumerate(data) if d == 2), next(
        (k for k, d in enumerate(data) if d), len(rows)))  # fmt: skip
    while start and data[start - 1 : start] == [1]:
        start -= 1
    above = list(rows[:start])
    at = _header_row([row for _, row in above], width, valued)
    if at is None and len(above) > 1:  # groups above, names below, each with gaps
        (_, upper), (line, lower) = above[-2:]
        names = [low or up for up, low in zip_longest(upper, lower, fillvalue="")]
        if _header_row([names], width, valued) is not None:
            above, at = [*above[:-1], (line, names)], len(above) - 1
    if at is None and not above and remarks:
        last = split([_remark(remarks[-1])], separator)
        if last and len(last[0][1]) == width > 1:
            return unique(last[0][1]), _line(rows, start), width, (), ()
    if at is None:
        return None, _line(rows, start), width, (), tuple((n, _joined(r)) for n, r in above)
    names = _without_tail(above[at][1], width)
    below = above[at + 1 :]
    units = tuple(_without_tail(below[0][1], len(names))) if below else ()
    others = [*above[:at], *below[1:]]
    return (
        unique(names), _line(rows, start), max(len(names), 1), units if any(units) else (),
        tuple((n, _joined(row)) for n, row in others),
    )  # fmt: skip


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """A second "temp" becomes "temp (2)": rows are also given as dicts."""
    seen: Counter[str] = Counter()
    told = []
    for name in names:
        seen[name] += 1
        told.append(f"{name} ({seen[name]})" if name and seen[name] > 1 else name)
    return tuple(told)


def _is_one_column(rows: Sequence[Row]) -> bool:
    """Whether lines with one comma each lie below lines with none, as decimals below a name."""
    cells = [row for _, row in rows]
    above = next((k for k, row in enumerate(cells) if len(row) > 1), 0)
    pairs = all(len(r) == 2 and r[1].isdigit() and like_a_number(r[0]) for r in cells[above:])
    return above > 0 and pairs


def _checked(encoding: str) -> str:
    try:
        "".encode(encoding)
    except LookupError:
        raise ValueError(f"encoding must be one that Python knows, got {encoding!r}") from None
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding


def _width(rows: Sequence[Row]) -> int:
    """The most common number of cells, without the empty ones at the end of all rows."""
    width = Counter(len(row) for _, row in rows).most_common(1)[0][0]
    alike = [row for _, row in rows if len(row) >= width]
    while width > 1 and not any(row[width - 1] for row in alike if len(row) == len(alike[-1])):
        width -= 1
    return width


def _is_value(cell: str) -> bool:
    return like_a_number(number_and_unit(cell)[0]) or are_dates([cell]) or are_times_of_day([cell])


def _mostly_values(cells: Sequence[str]) -> bool:
    known = [cell for cell in cells if not is_missing(cell)]
    return 2 * sum(map(_is_value, known[:50])) > len(known[:50]) if known else False


def _is_data(row: Sequence[str], valued: Sequence[int], body: Sequence[Sequence[str]]) -> int:
    """2 for a row of values, 1 for one with words among them, 0 for none.

    A number among names of columns is a name.
    """
    if not valued or len(row) <= max(valued):
        return 2 * (not valued and row in body)
    cells = [row[i] for i in valued]
    values = [_is_value(cell) for cell in cells]
    words = [c for c, v in zip(cells, values, strict=True) if not v and not is_missing(c)]
    if not words:
        return 2 * (
            any(values) and not _counts_columns(cells, [[r[i] for i in valued] for r in body])
        )
    if any(map(known, row)) or not any(values):
        return 0
    whole = all(cell.isdigit() for cell, v in zip(cells, values, strict=True) if v)
    return int(not whole or len(words) < len(cells) / 2)


def _counts_columns(cells: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether whole numbers count columns or years, as 0, 1, 2, above values that are none."""
    counted = len(cells) > 2 and all(map(str.isdigit, cells)) and int(cells[0]) < 2200
    fractions = sum(not cell.isdigit() for below in body for cell in below)
    steps = {int(b) - int(a) for a, b in pairwise(cells)} if counted else set()
    return steps == {1} and fractions > len(body)


def _header_row(rows: Sequence[Sequence[str]], width: int, valued: Sequence[int]) -> int | None:
    """The full row of names with the words that are known best.

    Of equals it is the last that is no line of units, for remarks stand above a header.
    """

    def worth(k: int) -> tuple[int, bool, int]:
        below_units = any(map(are_units, rows[:k]))
        return sum(map(known, rows[k])), not are_units(rows[k]), -k if below_units else k

    least = min(width, max(valued, default=0) + 1)
    full = [k for k, row in enumerate(rows)
            if len(row) >= least and sum(map(bool, row[:width])) > 0.7 * len(valued)]  # fmt: skip
    return max(full, key=worth, default=None)


def _without_tail(row: Sequence[str], width: int) -> list[str]:
    row = list(row)
    while len(row) > width and not row[-1]:
        row.pop()
    return row


def _line(rows: Sequence[Row], start: int) -> int:
    return rows[start][0] if start < len(rows) else rows[-1][0] + 1


def _remark(line: str) -> str:
    return line.lstrip("# ").rstrip()


def _joined(row: Sequence[str]) -> str:
    return " ".join(cell for cell in row if cell)
