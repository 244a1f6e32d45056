"""Workbooks and Parquet files, whose cells know what they are."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import DataError

from .cells import Cells, Sheet
from .decimals import like_a_number
from .header import find_header, unique
from .words import is_missing


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
