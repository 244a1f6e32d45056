"""Delimited text as columns of cells with the lines they are in.

Text goes through pandas' parser in C, a block of rows at a time. Only rows that it could not take
are looked at cell by cell: those that fit are written anew and parsed with the others.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .cells import Cells, Sheet, stacked
from .dialect import Dialect, read_dialect, split
from .words import MISSING, is_missing

_WITH_COMMA = re.compile(r"[+-]?(0?,\d+|\d+,(\d{1,2}|\d{4,}))([eE][+-]?\d+)?", re.ASCII)
"""A number that has a decimal comma and no other reading."""
_BLOCK = 1 << 22  # characters at once
_MARKS = ["", "NaN", "N/a", "#n/A", *{form(word) for word in MISSING for form in (
    str, str.upper, str.title, str.capitalize)}]  # fmt: skip
_PLAIN = re.compile(r"[+-]?((?!0\d)\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""A number that a parser may take; zeros before it are kept, as of 000100, a time of day."""


class _Block(NamedTuple):
    """Rows in a piece: their columns and lines, the lines of other lengths, and empty lines."""

    columns: list[Cells]
    lines: NDArray[np.int64]
    ragged: list[tuple[int, str]]
    blank: int


def read_text(
    path: Path, encoding: str | None, decimal: str | None, *, as_text: bool = False
) -> Sheet:
    """One delimited file; encoding and decimal sign are told from it where None is given."""
    dialect = read_dialect(path, encoding, decimal)
    decimal = decimal or _shown_decimal(dialect)
    text = set(range(dialect.width)) if as_text else _text_columns(dialect, decimal)
    guessed = not (dialect.encoding.startswith("utf") or encoding)
    return Sheet(
        path, dialect.header, *_read(path, dialect, decimal, text), dialect.describe(),
        dialect.separator, decimal, dialect.units, above=dialect.above, comments=dialect.comments,
        notes=(f"the text is taken for {dialect.encoding} (--encoding)",) if guessed else (),
    )  # fmt: skip


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


def _read(path: Path, dialect: Dialect, decimal: str, text: Collection[int]) -> _Block:
    """All rows; columns that hold other than numbers after all are read again as text."""
    blocks = [_block(start, rows, dialect, decimal, text) for start, rows in _texts(path, dialect)]
    surprises = {i for block in blocks for i, cells in enumerate(block.columns) if cells.is_text()}
    if not surprises <= set(text):
        del blocks
        return _read(path, dialect, decimal, {*text, *surprises})
    nothing = [Cells(np.empty(0))]
    columns = [stacked([block.columns.pop(0) for block in blocks] or nothing)
               for _ in range(dialect.width)]  # fmt: skip
    lines = np.concatenate([np.empty(0, np.int64), *(block.lines for block in blocks)])
    ragged = [row for block in blocks for row in block.ragged]
    return _Block(columns, lines, ragged, sum(block.blank for block in blocks))


def _texts(path: Path, dialect: Dialect) -> Iterator[tuple[int, str]]:
    """Pieces of whole rows, and the line that each begins in."""
    with path.open(encoding=dialect.encoding, errors="replace") as file:
        for _ in range(dialect.first - 1):
            file.readline()
        line = dialect.first
        while rows := file.read(_BLOCK):
            rows += file.readline()
            if rows.count('"') % 2:  # a cell goes on in the next lines
                rows += file.read()
            yield line, rows
            line += rows.count("\n")


def _block(start: int, rows: str, dialect: Dialect, decimal: str, text: Collection[int]) -> _Block:
    """By the parser, if each line is a row; else of the rows that fit."""
    sign, width = dialect.separator, dialect.width
    count = rows.count("\n") + (not rows.endswith("\n"))
    if sign != " " and rows.count(sign) == (width - 1) * count:
        columns = _cells(rows, sign, decimal, width, text)
        if len(columns[0]) == count and not columns[-1].has_empty():
            return _Block(columns, start + np.arange(count), [], 0)
    lines = rows.removesuffix("\n").split("\n")
    numbered = dict(enumerate(lines, start))
    plain = {n: f"{line}\n" for n, line in numbered.items()
             if line.count(sign) == width - 1 and line.strip(f"{sign} ")}  # fmt: skip
    fit = {} if sign == " " or '"' in rows else plain
    ragged, mark = [], "\t" if sign == " " else sign
    others = ["" if n in fit else line for n, line in numbered.items()]
    if rows.count('"') % 2:  # never closed: each line is a row
        read = [row for n, line in enumerate(others, start) for row in split([line], sign, n)]
    else:
        read = split(others, sign, start)
    for n, cells in read:
        if len(cells) < width or any(cells[width:]):
            ragged.append((n, f"{len(cells)} cells instead of {width}"))
        else:
            fit[n] = _written(cells[:width], mark)
    blank = sum(not line.strip(f'{sign}" ') for line in lines)
    kept = sorted(fit)
    columns = _cells("".join(fit[n] for n in kept), mark, decimal, width, text)
    return _Block(columns, np.array(kept, np.int64), ragged, blank)


def _written(cells: list[str], sign: str) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=sign, lineterminator="\n").writerow(cells)
    return file.getvalue()


def _cells(rows: str, sign: str, decimal: str, width: int, text: Collection[int]) -> list[Cells]:
    """The columns by pandas, empty where it cannot: numbers but in columns of `text`."""

    def parsed(columns: Collection[int], words: Collection[int]) -> pd.DataFrame:
        return pd.read_csv(
            io.StringIO(rows), sep=sign, header=None, names=range(width), usecols=sorted(columns),
            index_col=False, skip_blank_lines=False, skipinitialspace=True, decimal=decimal,
            dtype=dict.fromkeys(words, object), keep_default_na=False, low_memory=False,
            na_values={i: _MARKS for i in columns if i not in words},
        )  # fmt: skip

    try:
        found = parsed(range(width), text)
    except (pd.errors.ParserError, pd.errors.EmptyDataError):
        return [Cells(np.empty(0)) for _ in range(width)]
    columns = [Cells(_words(found[i]) if i in text else _numbers(found[i])) for i in range(width)]
    gaps = {i: cells.gaps() for i, cells in enumerate(columns) if cells.values.dtype.kind == "f"}
    gaps = {i: at for i, at in gaps.items() if len(at)}
    if gaps:  # what they hold there
        found = parsed(gaps, gaps)
    for i, at in gaps.items():
        columns[i].odd = pd.Series(_words(found[i].iloc[at]), index=at, dtype=object)
    return columns


def _words(column: pd.Series) -> NDArray[np.object_]:
    return np.array([c.strip() if isinstance(c, str) else "" for c in column], dtype=object)


def _numbers(column: pd.Series) -> NDArray:
    values = column.to_numpy()
    return values if values.dtype.kind in "iuf" else values.astype(object)
