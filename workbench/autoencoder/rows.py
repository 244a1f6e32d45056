"""The door: rows in every form that callers have them become one table of finite numbers."""

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.autoencoder.windows import NO_BREAKS
from workbench.workspace import portable

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data import SensorTable

    Table: TypeAlias = SensorTable | pd.DataFrame | ArrayLike

MIN_TRAINING = 10  # rows
MIN_CALIBRATION = 2  # rows
CALIBRATION = 0.15  # share of an array that sets the threshold
OTHER = 1.2  # times the usual step from which a clock ticks otherwise


class Rows(NamedTuple):
    """Values (N, D), their columns, and the rows before which the recording pauses.

    `step` is the usual time from row to row in seconds, where there is a clock; `missing` names
    the sensors that some rows lack.
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    breaks: NDArray[np.int64] = NO_BREAKS
    step: float | None = None
    missing: tuple[str, ...] = ()

    def cut(self) -> tuple[Self, Self]:
        """Those to learn from, and the last ones, for the threshold.

        Not random ones: neighbours in time are nearly copies of each other.
        """
        n = len(self.values)
        end = max(0, n - max(MIN_CALIBRATION, round(CALIBRATION * n)))
        return self.only(np.arange(end)), self.only(np.arange(end, n))

    def only(self, at: NDArray[np.int64]) -> Self:
        """Some rows, by rising numbers; what is left out is a pause."""
        breaks = np.append(np.searchsorted(at, self.breaks), np.flatnonzero(np.diff(at) > 1) + 1)
        breaks = np.unique(breaks[(breaks > 0) & (breaks < len(at))])
        return self._replace(values=self.values[at], breaks=breaks)

    def last(self, window: int) -> Self:
        """The last rows, as far as a window goes."""
        return self._replace(values=self.values[-window:], breaks=NO_BREAKS)

    def warn(self, usual: float | None) -> None:
        """Say which sensors are missing, and a clock that ticks otherwise than in training."""
        if self.missing:
            lack = np.isnan(self.values).sum(axis=0)
            said = (f"{n} of {name}" for name, n in zip(self.columns, lack, strict=True) if n)
            warnings.warn(
                f"values missing in {len(self.values)} rows ({', '.join(said)}) are left out of "
                "the score",
                stacklevel=4,
            )
        warn_of_step(self.step, usual, stacklevel=5)


def warn_of_step(step: float | None, usual: float | None, stacklevel: int = 4) -> None:
    """Say that rows come every `step` seconds where in training it was another time."""
    if usual and step and not 1 / OTHER < step / usual < OTHER:
        warnings.warn(
            f"rows come every {step:.4g} s, in training every {usual:.4g} s: windows "
            "and alarms mean other times",
            stacklevel=stacklevel,
        )


class Split(NamedTuple):
    """Normal rows to learn from, other normal rows for the threshold, and where they came from."""

    train: Rows
    calibration: Rows
    source: dict[str, Any]


def read(
    rows: "Table | Mapping[str, float]",
    expected: tuple[str, ...] | None = None,
    missing: int = 0,
) -> Rows:
    """One table of any rows; named columns are brought into the expected order.

    A mapping is one row by name; `missing` values may be lacking in a row (NaN).

    Raises:
        ValueError: Other columns, a value that is not a finite number, too many missing.

    Example:
        >>> read({"flow": 1.0, "heat": 2.0}, ("heat", "flow")).values.tolist()
        [[2.0, 1.0]]
    """
    names: tuple[str, ...] | None = None
    found: Any = rows  # numbers, in any form that numpy takes
    if hasattr(rows, "columns"):
        names, found = tuple(map(str, rows.columns)), found.values
    elif isinstance(rows, Mapping):
        names, found = tuple(rows), [list(rows.values())]
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
    lack: tuple[str, ...] = ()
    if not np.isfinite(values).all():
        gone = np.isnan(values)
        if np.isinf(values).any() or gone.sum(axis=1).max() > missing:
            _refuse(values, columns, missing)
        lack = tuple(name for i, name in enumerate(columns) if gone[:, i].any())
    breaks = getattr(rows, "breaks", None)
    return Rows(values, columns, NO_BREAKS if breaks is None else breaks, _step(rows), lack)


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
    others: Any = getattr(rows, "calibration", ()) if calibration is None else calibration
    if (labels := getattr(calibration, "labels", None)) is not None:
        others = others[~labels]  # a table, as it has labels
    if len(others):
        known = read(others, train.columns)
    else:
        train, known = train.cut()
    if len(train.values) < MIN_TRAINING or len(known.values) < MIN_CALIBRATION:
        raise ValueError(
            f"fit needs at least {MIN_TRAINING} normal rows to train on and {MIN_CALIBRATION} "
            f"for the threshold, got {len(train.values)} and {len(known.values)}; record more"
        )
    return Split(train, known, _source(rows, train, known))


def odd_columns(train: Rows, drift: NDArray[np.float64]) -> dict[str, Any]:
    """Columns that stood still, that repeat another, or that drift, by name.

    A constant column is judged by its value alone. A duplicate counts like any other, so that
    its sensor counts twice. A drifting one is judged by a unit as wide as its drift.
    """
    from workbench.data.recording import duplicates  # brings pandas, which scoring does without

    still = np.ptp(train.values, axis=0) == 0
    drifting = np.abs(drift) > np.where(still, np.inf, train.values.std(axis=0))
    return {
        "constant": [name for name, x in zip(train.columns, still, strict=True) if x],
        "duplicated": duplicates(train.values, train.columns),
        "drifting": [name for name, x in zip(train.columns, drifting, strict=True) if x],
    }


def _source(rows: "Table", train: Rows, calibration: Rows) -> dict[str, Any]:
    """Where the rows came from, how they were read, and how many served for what."""
    table: Any = rows if hasattr(rows, "fingerprint") else None  # a `SensorTable`
    known = table is not None
    used = np.concatenate([train.values, calibration.values])
    return {
        "source": portable(table.source) if known and table.source else "rows in memory",
        "options": dict(table.options) if known else {},
        "reading": asdict(table.reading) if known else {},
        "note": table.note if known else "",
        "fingerprint": table.fingerprint()
        if known
        else hashlib.sha256(used.tobytes()).hexdigest(),
        "counts": {"train": len(train.values), "calibration": len(calibration.values)},
        "step_seconds": train.step,
    }


def _step(rows: "Table") -> float | None:
    time = getattr(rows, "time", None)
    if time is None or not hasattr(rows, "source"):
        return None
    from workbench.data.recording import clock  # brings pandas, as a table with a clock has

    return clock(time).get("step_seconds")


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


def _refuse(values: NDArray[np.float64], columns: tuple[str, ...], missing: int) -> None:
    bad = np.argwhere(~np.isfinite(values))
    row, column = bad[0]
    raise ValueError(
        f"rows must be finite, got {values[row, column]} in column {columns[column]!r} of "
        f"row {row} ({len(set(bad[:, 0]))} of {len(values)} rows affected); leave them out"
        + f", or no more than {missing} missing a row"
        * bool(missing)
    )
