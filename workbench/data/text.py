"""Delimited text as columns of cells with the lines they are in.

Text goes through pandas' parser in C. Only rows that it could not take are looked at cell by cell,
and a file whose cells span lines is read by Python as a whole.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .cells import Cells, Sheet
from .dialect import Dialect, read_dialect, split
from .words import MISSING, is_missing

_WITH_COMMA = re.compile(r"[+-]?(0?,\d+|\d+,(\d{1,2}|\d{4,}))([eE][+-]?\d+)?", re.ASCII)
"""A number that has a decimal comma and no other reading."""
_CHUNK = 1 << 17  # rows at once
_MARKS = ["", "NaN", "N/a", "#n/A", *{form(word) for word in MISSING for form in (
    str, str.upper, str.title, str.capitalize)}]  # fmt: skip
_PLAIN = re.compile(r"[+-]?((?!0\d)\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""A number that a parser may take; zeros before it are kept, as of 000100, a time of day."""


def read_text(
    path: Path, encoding: str | None, decimal: str | None, *, as_text: bool = False
) -> Sheet:
    """One delimited file; encoding and decimal sign are told from it where None is given."""
    dialect = read_dialect(path, encoding, decimal)
    decimal = decimal or _shown_decimal(dialect)
    text = set(range(dialect.width)) if as_text else _text_columns(dialect, decimal)
    found = None if dialect.separator == " " else _parsed(path, dialect, decimal, text)
    columns, lines, ragged = found or _by_hand(path, dialect)
    guessed = not (dialect.encoding.startswith("utf") or encoding)
    return Sheet(
        path, dialect.header, columns, lines, dialect.describe(), dialect.separator, decimal,
        dialect.units, ragged, above=dialect.above, comments=dialect.comments,
        notes=(f"the text is taken for {dialect.encoding} (--encoding)",) if guessed else (),
    ).without_blank()  # fmt: skip


def _shown_decimal(dialect: Dialect) -> str:
    """The sign that the head proves, for the parser; what it cannot take is text."""
    cells = [cell for line, row in dialect.head if line >= dialect.first for cell in row]
    plain = any("." in cell and _PLAIN.fullmatch(cell) for cell in cells)
    comma = dialect.separator != "," and any(map(_WITH_COMMA.fullmatch, cells))
    return "," if comma and not plain else "."


def _text_columns(dialect: Dialect, decimal: str) -> set[int]:
    """Columns of which the head holds a cell that is neither a plain number nor missing."""

    def is_plain(cell: str) -> bool:
        cell = cell.replace(".", "\0").replace(",", ".") if decimal == "," else cell
        return bool(_PLAIN.fullmatch(cell))

    rows = [row for line, row in dialect.head if line >= dialect.first]
    return {
        i for i in range(dialect.width)
        if any(len(row) > i and not is_missing(row[i]) and not is_plain(row[i]) for row in rows)
    }  # fmt: skip


class _Counting:
    """A text file that counts lines and separators while it is read."""

    def __init__(self, file: TextIO, separator: str) -> None:
        self.file, self.separator = file, separator
        self.lines = self.separators = 0
        self.last = "\n"

    def read(self, size: int = -1) -> str:
        text = self.file.read(size)
        if text:
            self.lines += text.count("\n")
            self.separators += text.count(self.separator)
            self.last = text[-1]
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self.file)


def _opened(path: Path, dialect: Dialect) -> TextIO:
    """At the line that data begins in."""
    file = path.open(encoding=dialect.encoding, newline="", errors="replace")
    for _ in range(dialect.first - 1):
        file.readline()
    return file


def _parsed(
    path: Path, dialect: Dialect, decimal: str, text: Collection[int]
) -> tuple[list[Cells], NDArray[np.int64], list[tuple[int, str]]] | None:
    """By pandas; None where its rows are not the lines of the file."""
    width, numbers = dialect.width, [i for i in range(dialect.width) if i not in text]
    parts: list[list[NDArray]] = [[] for _ in range(width)]
    with _opened(path, dialect) as file:
        counting = _Counting(file, dialect.separator)
        try:
            for chunk in _chunks(counting, dialect, decimal, numbers, text):
                for i in range(width):
                    parts[i].append(_as_array(chunk[i], i in text))
        except (pd.errors.ParserError, pd.errors.EmptyDataError):
            return None
    lines = counting.lines + (counting.last != "\n")
    if lines != sum(map(len, parts[0])):
        return None
    surprises = {i for i in numbers if any(part.dtype == object for part in parts[i])}
    if surprises:
        del parts
        return _parsed(path, dialect, decimal, {*text, *surprises})
    columns = []
    for part in parts:
        columns.append(Cells(np.concatenate(part) if part else np.empty(0)))
        part.clear()
    _name_odd(path, dialect, columns)
    numbered = dialect.first + np.arange(lines)
    if counting.separators == (width - 1) * lines and not _has_gap(columns[-1]):
        return columns, numbered, []
    ragged = _ragged(path, dialect)
    kept = np.flatnonzero(~np.isin(numbered, [line for line, _ in ragged]))
    return [cells.take(kept) for cells in columns] if ragged else columns, numbered[kept], ragged


def _chunks(
    file: Any,  # noqa: ANN401 - what pandas takes for a file
    dialect: Dialect,
    decimal: str,
    numbers: Sequence[int],
    text: Collection[int],
) -> Iterator[pd.DataFrame]:
    columns = sorted([*numbers, *text])
    with pd.read_csv(
        file, sep=dialect.separator, header=None, names=range(dialect.width), usecols=columns,
        index_col=False, skip_blank_lines=False, skipinitialspace=True, decimal=decimal,
        dtype=dict.fromkeys(text, object), na_values=dict.fromkeys(numbers, _MARKS),
        keep_default_na=False, chunksize=_CHUNK,
    ) as reader:  # fmt: skip
        yield from reader


def _as_array(column: pd.Series, text: bool) -> NDArray:
    if text:
        return np.array([c.strip() if isinstance(c, str) else "" for c in column], dtype=object)
    values = column.to_numpy()
    return values if values.dtype.kind in "iuf" else values.astype(object)


def _name_odd(path: Path, dialect: Dialect, columns: Sequence[Cells]) -> None:
    """Read again what columns of numbers hold where there is none."""
    gaps = {i: np.flatnonzero(~np.isfinite(cells.values)) for i, cells in enumerate(columns)
            if cells.values.dtype.kind == "f" and _has_gap(cells)}  # fmt: skip
    if not gaps:
        return
    texts: dict[int, list[NDArray]] = {i: [] for i in gaps}
    start = 0
    with _opened(path, dialect) as file:
        for chunk in _chunks(_Counting(file, ""), dialect, ".", [], list(gaps)):
            for i, rows in gaps.items():
                here = rows[(rows >= start) & (rows < start + len(chunk))] - start
                texts[i].append(_as_array(chunk[i].iloc[here], text=True))
            start += len(chunk)
    for i, rows in gaps.items():
        columns[i].odd = pd.Series(np.concatenate(texts[i]), index=rows, dtype=object)


def _has_gap(cells: Cells) -> bool:
    if cells.is_text():
        return "" in cells.values
    return cells.values.dtype.kind == "f" and not np.isfinite(cells.values).all()


def _ragged(path: Path, dialect: Dialect) -> list[tuple[int, str]]:
    """Lines with another number of cells, but for empty ones at the end, and that number."""
    found, width = [], dialect.width
    with _opened(path, dialect) as file:
        for line, row in enumerate(file, dialect.first):
            if row.count(dialect.separator) != width - 1:
                cells = (split([row.rstrip("\r\n")], dialect.separator) or [(0, [])])[0][1]
                surplus = any(cells[width:])
                if cells and (len(cells) < width or surplus):
                    found.append((line, f"{len(cells)} cells instead of {width}"))
    return found


def _by_hand(
    path: Path, dialect: Dialect
) -> tuple[list[Cells], NDArray[np.int64], list[tuple[int, str]]]:
    """By Python, all as text: cells that span lines, or columns set apart by spaces."""
    with _opened(path, dialect) as file:
        rows = split([line.rstrip("\r\n") for line in file], dialect.separator, dialect.first)
    width = dialect.width
    fit, ragged = [], []
    for line, row in rows:
        if len(row) < width or any(row[width:]):
            ragged.append((line, f"{len(row)} cells instead of {width}"))
        else:
            fit.append((line, row[:width]))
    columns = [np.array([row[i] for _, row in fit], dtype=object) for i in range(width)]
    return [Cells(c) for c in columns], np.array([line for line, _ in fit], np.int64), ragged
