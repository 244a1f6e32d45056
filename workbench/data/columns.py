"""Which column of a CSV file is time, label or sensor, and its cells as values."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import DataError

from .table import Cells, number

LABELS = ("anomaly", "label", "ng", "is_anomaly", "target")
"""Column names taken for the label, in any case of letters."""
TIMES = ("datetime", "time", "timestamp", "date")
"""Column names taken for the time."""

_NOT_SENSORS = {"changepoint", "", "unnamed: 0", "index"}  # annotations and row counters
_NG = {"1", "1.0", "true", "ng", "anomaly", "yes"}
_OK = {"0", "0.0", "false", "ok", "normal", "no"}


class Column(NamedTuple):
    """A column as text and as values; `bad` is True where the text has no usable value."""

    name: str | None
    cells: Sequence[str] = ()
    values: NDArray | pd.Index | None = None
    bad: NDArray[np.bool_] | None = None


def name_columns(cells: Cells, columns: Sequence[str] | None, path: Path) -> tuple[str, ...]:
    """The header; without one `columns`, or "sensor_1", ... beside the first dates, "time".

    Raises:
        DataError: As many names as columns are needed.
    """
    if cells.header is not None:
        return cells.header
    if columns is None:
        dated = next((i for i, column in enumerate(cells.columns) if _are_dates(column)), None)
        names = [f"sensor_{i + 1}" for i in range(len(cells.columns))]
        return tuple(names if dated is None else [*names[:dated], "time", *names[dated:-1]])
    if len(columns) != len(cells.columns):
        raise DataError(
            f"{path} has no header and {len(cells.columns)} columns, got {len(columns)} names; "
            "pass columns=... with one name for each, time and label included"
        )
    return tuple(columns)


def find_time(cells: dict[str, list[str]], name: str | None, path: Path) -> Column:
    """The time column as dates, or as numbers where it holds numbers; `Column(None)` if none.

    Raises:
        DataError: The column asked for is missing or holds neither.
    """
    found = _find(cells, name, TIMES, path)
    if found is None:
        return Column(None)
    values = pd.Index(_numbers(cells[found]))
    if values.isna().all():
        values = _dates(cells[found])
    if not values.isna().all():
        return Column(found, cells[found], values, np.asarray(values.isna()))
    if name is None:
        return Column(None)
    raise DataError(f"{path}: the time column {name} must hold dates or numbers")


def find_label(cells: dict[str, list[str]], name: str | None, path: Path) -> Column:
    """The label column, True for NG; `Column(None)` if there is none.

    Raises:
        DataError: The column asked for is missing or holds no labels.
    """
    found = _find(cells, name, LABELS, path)
    if found is None:
        return Column(None)
    words = np.array([cell.lower() for cell in cells[found]], dtype=object)
    ng, ok = np.isin(words, list(_NG)), np.isin(words, list(_OK))
    bad = ~(ng | ok)
    if 2 * bad.sum() <= len(bad):
        return Column(found, cells[found], ng, bad)
    if name is None:
        return Column(None)  # a sensor that happens to be called "target"
    raise DataError(f"{path}: the label column {name} must hold 0 and 1, or OK and NG")


def find_sensors(
    cells: dict[str, list[str]], taken: Collection, wanted: Sequence[str] | None, path: Path
) -> tuple[list[Column], list[str]]:
    """The columns of numbers, and the names of columns without a single one.

    Raises:
        DataError: A column asked for is missing, or none holds a number.
    """
    missing = [name for name in (*(wanted or ()), *taken) if name and name not in cells]
    if missing:
        raise DataError(f"{path} must have a column {missing[0]}; it has {', '.join(cells)}")
    names = wanted or [n for n in cells if n not in taken and n.lower() not in _NOT_SENSORS]
    columns = [Column(name, cells[name], _numbers(cells[name])) for name in names]
    columns = [column._replace(bad=~np.isfinite(column.values)) for column in columns]
    sensors = [column for column in columns if not column.bad.all()]
    if not sensors:
        raise DataError(f"{path} must have a column of numbers; it has {', '.join(cells)}")
    return sensors, [column.name for column in columns if column.bad.all()]


def _find(
    cells: dict[str, list[str]], name: str | None, known: Sequence[str], path: Path
) -> str | None:
    if name is not None and name not in cells:
        raise DataError(f"{path} must have a column {name}; it has {', '.join(cells)}")
    lower = {column.lower(): column for column in cells}
    return name or next((lower[word] for word in known if word in lower), None)


def _numbers(cells: Sequence[str]) -> NDArray[np.float64]:
    """The cells as float64, NaN where they are not numbers."""
    text = pd.Series([number(cell) for cell in cells], dtype=object)
    return pd.to_numeric(text, errors="coerce").to_numpy(np.float64)


def _dates(cells: Sequence[str]) -> pd.DatetimeIndex:
    """ISO dates at once; other spellings one by one, which is slow and rare."""
    dates = pd.to_datetime(pd.Index(cells, dtype=object), format="ISO8601", errors="coerce")
    if dates.isna().all():
        return pd.to_datetime(pd.Index(cells, dtype=object), format="mixed", errors="coerce")
    return dates


def _are_dates(cells: Sequence[str]) -> bool:
    first = list(cells[:20])
    return bool(np.isnan(_numbers(first)).all() and not _dates(first).isna().all())
