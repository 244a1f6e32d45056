"""How the cells of a text file lie: encoding, separator, and what is no part of the table.

All of it is told from the head of the file, by whole rows against the rows below them.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from workbench.errors import DataError

from .csv import encoding_of
from .decimals import like_a_number
from .header import Row, find_header, is_value
from .row_options import ambiguous
from .words import is_missing

_SEPARATORS = ("\t", ";", "|", ",")  # as they are believed; else spaces set columns apart
_HEAD = 400  # lines that are looked at
_SEP_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_SPACED = re.compile(r'"[^"]*"|\S+')
_NAMES = {"\t": "tab", ";": "semicolon", "|": "bar", ",": "comma", " ": "spaces"}


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
            below = f"the commas below {rows[0][1][0]!r}"
            raise ambiguous(
                f"{path}: {below} may separate columns or be decimal signs", "decimal", ",."
            )
        separator = ";" if decimal == "," else ","
        rows = split(lines, separator, first=comments + 1)
    last = split([_remark(remarks[-1])], separator) if remarks else []
    found = find_header(rows, last[0][1] if last else ())
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
        dates = sum(is_value(cell) for cell in cells[:200]) / max(1, min(200, len(cells)))
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
        cells = [[cell.strip('"') for cell in _SPACED.findall(line)] for line in lines]
        return [(i, row) for i, row in enumerate(cells, first) if row]
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator,
                        skipinitialspace=True)  # fmt: skip
    rows, line = [], first
    for row in reader:
        if any(map(str.strip, row)):
            rows.append((line, [cell.strip() for cell in row]))
        line = first + reader.line_num
    return rows


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


def _remark(line: str) -> str:
    return line.lstrip("# ").rstrip()
