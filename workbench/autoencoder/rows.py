"""The door: rows in every form that callers have them become one table of finite numbers."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.workspace import portable

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data import SensorTable

    Table = SensorTable | pd.DataFrame | ArrayLike

MIN_TRAINING = 10  # rows
MIN_CALIBRATION = 2  # rows
CALIBRATION = 0.15  # share of an array that sets the threshold
NO_BREAKS = np.empty(0, np.int64)


class Rows(NamedTuple):
    """Finite values (N, D), their columns, and the rows before which the recording pauses."""

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    breaks: NDArray[np.int64] = NO_BREAKS

    def __len__(self) -> int:
        return len(self.values)


class Split(NamedTuple):
    """Normal rows to learn from, other normal rows for the threshold, and where they came from."""

    train: Rows
    calibration: Rows
    source: dict[str, Any]


def read(rows: "Table | Mapping[str, float]", expected: tuple[str, ...] | None = None) -> Rows:
    """One table of any rows; named columns are brought into the expected order.

    Args:
        rows: Table, data frame, array (N, D), or a mapping, which is one row by name.
        expected: The columns of the training, where there was one.

    Raises:
        ValueError: Other columns, or a value that is not a finite number.

    Example:
        >>> read({"flow": 1.0, "heat": 2.0}, ("heat", "flow")).values.tolist()
        [[2.0, 1.0]]
    """
    if not hasattr(rows, "columns") and isinstance(rows, Mapping):
        names, found = tuple(rows), [list(rows.values())]
    else:
        names = tuple(map(str, rows.columns)) if hasattr(rows, "columns") else None
        found = rows if names is None else rows.values
    try:
        # in one layout: the order of memory would decide the last digit of a score
        values = np.asarray(found, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise ValueError(f"rows must be numbers, one column a sensor: {error}") from error
    if values.ndim != 2:
        raise ValueError(f"rows must have shape (N, D), got {values.shape}; one row: [row]")
    if expected is None:
        columns = names or tuple(f"sensor_{i + 1}" for i in range(values.shape[1]))
    else:
        columns, values = expected, _in_order(values, names, expected)
    if not np.isfinite(values).all():
        _refuse(values, columns)
    breaks = getattr(rows, "breaks", None)
    return Rows(values, columns, NO_BREAKS if breaks is None else breaks)


def read_last(
    row: "Mapping[str, float] | Sequence[float] | Table", expected: tuple[str, ...], window: int
) -> NDArray[np.float64]:
    """One row, or the last rows of several as far as the window goes, shape (W or fewer, D).

    Raises:
        ValueError: No row, or one that `read` refuses.
    """
    if hasattr(row, "items") and not hasattr(row, "columns"):
        row = dict(row.items())  # a mapping, or a row of a data frame
    elif not hasattr(row, "columns"):
        row = np.atleast_2d(row)
    values = read(row, expected).values
    if not len(values):
        raise ValueError("evaluate_one needs a row, got none")
    return values[-window:]


def split(rows: "Table", calibration: "Table | None" = None) -> Split:
    """Rows to learn from and rows for the threshold, none of which is in both.

    Args:
        rows: Normal rows; of a `SensorTable` its training rows are used.
        calibration: Other rows for the threshold, of which those labelled NG are left out;
            without them the calibration rows of a table, else the last 15 % of the rows.

    Raises:
        ValueError: Fewer than ten rows to learn from, or two for the threshold.
    """
    train = read(getattr(rows, "train", rows))
    if calibration is None:
        others = getattr(rows, "calibration", ())
    else:
        labels = getattr(calibration, "labels", None)
        others = calibration if labels is None else calibration[~labels]
    if len(others):
        known = read(others, train.columns)
    else:
        # the last rows, not random ones: neighbours in time are nearly copies of each other
        end = max(0, len(train) - max(MIN_CALIBRATION, round(CALIBRATION * len(train))))
        known = Rows(train.values[end:], train.columns)
        train = Rows(train.values[:end], train.columns)
    if len(train) < MIN_TRAINING or len(known) < MIN_CALIBRATION:
        raise ValueError(
            f"fit needs at least {MIN_TRAINING} normal rows to train on and {MIN_CALIBRATION} "
            f"for the threshold, got {len(train)} and {len(known)}; record more"
        )
    return Split(train, known, _source(rows, train, known))


def odd_columns(train: Rows, drift: NDArray[np.float64]) -> dict[str, Any]:
    """Columns that stood still, that repeat another, or that drift, by name.

    A constant column is judged by its value alone. A duplicate counts like any other, so that
    its sensor counts twice. A drifting one is judged by a unit as wide as its drift.
    """
    from workbench.data.recording import duplicates  # brings pandas, which scoring does without

    still = np.ptp(train.values, axis=0) == 0
    drifting = drift > np.where(still, np.inf, train.values.std(axis=0))
    return {
        "constant": [name for name, x in zip(train.columns, still, strict=True) if x],
        "duplicated": duplicates(train.values, train.columns),
        "drifting": [name for name, x in zip(train.columns, drifting, strict=True) if x],
    }


def _source(rows: "Table", train: Rows, calibration: Rows) -> dict[str, Any]:
    """Where the rows came from, how they were read, and how many served for what."""
    table = hasattr(rows, "fingerprint")
    used = np.concatenate([train.values, calibration.values])
    return {
        "source": portable(rows.source) if table and rows.source else "rows in memory",
        "options": dict(rows.options) if table else {},
        "reading": rows.reading.as_dict() if table else {},
        "note": rows.note if table else "",
        "fingerprint": rows.fingerprint() if table else hashlib.sha256(used.tobytes()).hexdigest(),
        "counts": {"train": len(train), "calibration": len(calibration)},
    }


def _in_order(
    values: NDArray[np.float64], names: tuple[str, ...] | None, expected: tuple[str, ...]
) -> NDArray[np.float64]:
    if values.shape[1] != len(expected) or (names and set(names) != set(expected)):
        got = f"{values.shape[1]} ({', '.join(names)})" if names else values.shape[1]
        raise ValueError(
            f"rows need {len(expected)} columns ({', '.join(expected)}) as in training, "
            f"got {got}; pass columns=... to load_rows or leave out the others"
        )
    if names is None or names == expected:
        return values
    return np.ascontiguousarray(values[:, [names.index(name) for name in expected]])


def _refuse(values: NDArray[np.float64], columns: tuple[str, ...]) -> None:
    bad = np.argwhere(~np.isfinite(values))
    row, column = bad[0]
    raise ValueError(
        f"rows must be finite, got {values[row, column]} in column {columns[column]!r} of "
        f"row {row} ({len(set(bad[:, 0]))} of {len(values)} rows affected); leave them out"
    )
