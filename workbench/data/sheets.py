"""One file or several as a sheet of cells: delimited text, workbooks, Parquet."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import DataError

from .cells import Cells, Sheet, stacked
from .decimals import like_a_number
from .header import find_header, unique
from .text import read_text
from .words import is_missing

TEXT = (".csv", ".txt", ".tsv", ".dat", ".asc", ".prn", ".log")
BOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
TABLES = (".parquet", ".pq")
ENDINGS = (*TEXT, *BOOKS, *TABLES)
"""Files that are read as sensor rows where a folder is looked through."""


def find_files(path: Path | str | Sequence[Path | str]) -> tuple[list[Path], str, list[str]]:
    """The files, what to call them, and what else lies in the folder."""
    if not isinstance(path, str | Path):
        paths = [Path(p) for p in path]
        if not paths:
            raise DataError("rows must come from a file at least, got none")
        return paths, ", ".join(p.as_posix() for p in paths), []
    path = Path(path)
    if not path.is_dir():
        return [path], path.as_posix(), []
    inside = sorted(p for p in path.iterdir() if not p.name.startswith("."))
    paths = [p for p in inside if p.suffix.lower() in ENDINGS and p.is_file()]
    if not paths:
        raise DataError(f"{path} must hold files of sensor rows ({', '.join(ENDINGS)})")
    others = ", ".join(p.name for p in inside if p not in paths)
    return paths, path.as_posix(), [f"not read in the folder: {others}"] if others else []


def read_sheets(
    paths: Sequence[Path], encoding: str | None, decimal: str | None, sheet: str | None
) -> list[Sheet]:
    """The files; all as text where their numbers leave a doubt about the decimal sign."""

    def read(path: Path, *, as_text: bool = False) -> Sheet:
        ending = path.suffix.lower()
        if not path.is_file():
            raise DataError(f"{path} must be a CSV file; there is no such file")
        if ending in BOOKS:
            return read_book(path, sheet)
        if ending in TABLES:
            return read_parquet(path)
        return read_text(path, encoding, decimal, as_text=as_text)

    sheets = [read(path) for path in paths]
    with_floats = [s for s in sheets if any(c.values.dtype.kind == "f" for c in s.columns)]
    doubtful = decimal is None and bool(with_floats) and all(map(_is_doubtful, with_floats))
    mixed = len({s.decimal for s in sheets}) > 1 or not _are_alike(sheets)
    return [read(path, as_text=True) for path in paths] if doubtful or mixed else sheets


def joined(sheets: Sequence[Sheet]) -> Sheet:
    """Files with the same columns, one after the other."""
    first = sheets[0]
    if len(sheets) == 1:
        return first
    names = first.names or ()
    for other in sheets[1:]:
        if set(other.names or ()) != set(names) or len(other.columns) != len(first.columns):
            raise DataError(
                f"{other.path} must have the columns of {first.path.name} ({', '.join(names)}), "
                f"got {', '.join(other.names or ())}; read the files apart"
            )
    columns = []
    for i in range(len(first.columns)):
        at = [s.names.index(names[i]) if s.names else i for s in sheets]
        columns.append(stacked([s.columns[k] for s, k in zip(sheets, at, strict=True)]))
    return replace(
        first,
        columns=columns,
        lines=np.concatenate([sheet.lines for sheet in sheets]),
        ragged=[row for sheet in sheets for row in sheet.ragged],
        blank=sum(sheet.blank for sheet in sheets),
        notes=tuple(dict.fromkeys(note for sheet in sheets for note in sheet.notes)),
    )


def read_book(path: Path, sheet: str | None) -> Sheet:
    """A worksheet: the one that is named, else the first with a table."""
    try:
        with pd.ExcelFile(path, engine="calamine") as book:
            names = [str(name) for name in book.sheet_names]
            if sheet is not None and sheet not in names:
                raise DataError(f"{path} must have a worksheet {sheet}; it has {', '.join(names)}")
            for name in [sheet] if sheet else names:
                frame = pd.read_excel(
                    book, sheet_name=name, header=None, dtype=object, na_filter=False
                )
                if len(frame) > 1 and any(isinstance(c, int | float) for c in frame.iloc[-1]):
                    break
    except ImportError:
        raise DataError(
            f"{path} needs a reader of workbooks: pip install python-calamine, or save it as CSV"
        ) from None
    except DataError:
        raise
    except Exception as error:  # what a damaged workbook raises depends on its kind
        raise DataError(f"{path} must be a workbook that can be read: {error}") from error
    if not len(frame):
        raise DataError(f"{path} must hold rows of numbers; it is empty")
    table = frame.to_numpy(object)
    texts = enumerate((list(map(_shown, row)) for row in table), 1)
    rows = [(line, row) for line, row in texts if any(row)]
    header, first, width, units, above = find_header(rows[:400])
    lines = np.array([line for line, _ in rows if line >= first], np.int64)
    columns = [_typed(table[lines - 1, i]) for i in range(min(width, table.shape[1]))]
    others = [other for other in names if other != name]
    return Sheet(
        path, header, columns, lines, [], len(table) - first + 1 - len(lines),
        f"worksheet {name}, data from row {first}", units=units, above=above,
        notes=(f"worksheets not read: {', '.join(others)} (--sheet)",) if others else (),
    )  # fmt: skip


def read_parquet(path: Path) -> Sheet:
    """A Parquet file; its rows count from 1."""
    try:
        frame = pd.read_parquet(path)
    except ImportError:
        raise DataError(f"{path} needs a reader of Parquet: pip install pyarrow") from None
    except Exception as error:  # what a damaged file raises is pyarrow's own
        raise DataError(f"{path} must be a Parquet file that can be read: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(names=frame.index.name or "time")
    columns = [_of_series(frame.iloc[:, i]) for i in range(frame.shape[1])]
    return Sheet(path, unique([str(name) for name in frame.columns]), columns,
                 np.arange(1, len(frame) + 1), [], 0, "Parquet, rows counted from 1")  # fmt: skip


def _of_series(series: pd.Series) -> Cells:
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufM":
        return Cells(series.to_numpy(np.float64 if series.dtype.kind == "f" else None))
    return _typed(series.astype(object).where(series.notna(), None).to_numpy(object))


def _typed(cells: NDArray[np.object_]) -> Cells:
    """Cells that know what they are: numbers, dates, or all of them as text."""
    texts = np.array([_shown(cell) for cell in cells], dtype=object)
    known = cells[texts != ""]
    if len(known) and all(hasattr(c, "year") and not getattr(c, "tzinfo", None) for c in known):
        return Cells(pd.to_datetime(pd.Series(cells).where(texts != "", None)).to_numpy())
    number = np.array([_is_number(c) for c in cells], bool)
    others = texts[~number]
    if number.any() and not any(like_a_number(t) or not is_missing(t) for t in set(others)):
        values = np.full(len(cells), np.nan)
        values[number] = cells[number].astype(float)
        return Cells(values, pd.Series(others, index=np.flatnonzero(~number), dtype=object))
    return Cells(texts)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float | np.number) and not isinstance(cell, bool) and bool(
        np.isfinite(cell))  # fmt: skip


def _shown(cell: object) -> str:
    """A cell as a person would write it."""
    if cell is None or cell is pd.NaT or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()


def _is_doubtful(sheet: Sheet) -> bool:
    """Whether the points that a parser took for decimal ones may group thousands.

    That is so where all fractions of the file have three digits, and a comma does not separate.
    """
    if sheet.separator == "," or sheet.decimal != ".":
        return False
    floats = [c.values[np.isfinite(c.values)] for c in sheet.columns if c.values.dtype.kind == "f"]
    fractions = np.concatenate([x[x != np.round(x)] for x in floats])
    thousands = 1000 * fractions
    proof = (np.abs(fractions) < 1) | (np.abs(thousands - np.round(thousands)) > 1e-6)
    return len(fractions) > 0 and not bool(proof.any())


def _are_alike(sheets: Sequence[Sheet]) -> bool:
    """Whether each column is text in all files or in none."""
    if any(len(s.columns) != len(sheets[0].columns) for s in sheets):
        return True  # `joined` says what is wrong
    columns = zip(*(s.columns for s in sheets), strict=True)
    return all(len({cells.is_text() for cells in column}) == 1 for column in columns)
