"""Rows in every form that callers have them, as finite numbers in the order of training."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from workbench.autoencoder.network import drifted
from workbench.workspace import portable

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data import SensorTable

    Rows = SensorTable | pd.DataFrame | ArrayLike

MIN_TRAINING = 10  # rows, of which a fifth only decides when to stop
MIN_HELD_OUT = 2  # rows
HELD_OUT = 0.15  # share of an array that sets the threshold


class Named:
    """One row by name, with what a table has."""

    def __init__(self, row: Mapping[str, float]) -> None:
        self.columns, values = zip(*row.items(), strict=True) if len(row) else ((), ())
        self.values = [values]


def read(
    rows: "Rows | Named", expected: tuple[str, ...] | None = None
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Finite values (N, D), in the order of the expected columns where they have names.

    Raises:
        ValueError: Other columns, or a value that is not a finite number.
    """
    named = hasattr(rows, "columns")
    try:
        # in one layout: the order of memory would decide the last digit of a score
        values = np.asarray(rows.values if named else rows, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise ValueError(f"rows must be numbers, one column a sensor: {error}") from error
    if values.ndim != 2:
        raise ValueError(f"rows must have shape (N, D), got {values.shape}; one row: [row]")
    names = tuple(map(str, rows.columns)) if named else None
    if expected is None:
        columns = names or tuple(f"sensor_{i + 1}" for i in range(values.shape[1]))
    else:
        columns, values = expected, _in_order(values, names, expected)
    if not np.isfinite(values).all():
        _refuse(values, columns)
    return values, columns


def breaks_of(rows: "Rows | Named") -> NDArray[np.int64]:
    """Row numbers before which a table's recording pauses; none of other rows."""
    breaks = getattr(rows, "breaks", None)
    return np.empty(0, np.int64) if breaks is None else breaks


def held_out_of(rows: "Rows", calibration: "Rows | None") -> "Rows":
    """The normal rows that set the threshold; empty where there are none but the training's."""
    if calibration is None:
        return getattr(rows, "calibration", ())
    labels = getattr(calibration, "labels", None)
    return calibration if labels is None else calibration[~labels]


def cut(train: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Training rows, and the last of them as held-out ones."""
    # the last rows, not random ones: neighbours in time are nearly copies of each other
    end = len(train) - max(MIN_HELD_OUT, round(HELD_OUT * len(train)))
    return train[: max(end, 0)], train[max(end, 0) :]


def check_enough(train: NDArray[np.float64], held_out: NDArray[np.float64]) -> None:
    """Refuse to learn from next to nothing.

    Raises:
        ValueError: Fewer than ten rows to train on, or two to hold out.
    """
    if len(train) < MIN_TRAINING or len(held_out) < MIN_HELD_OUT:
        raise ValueError(
            f"fit needs at least {MIN_TRAINING} normal rows to train on and {MIN_HELD_OUT} held "
            f"out for the threshold, got {len(train)} and {len(held_out)}; record more"
        )


def provenance(
    rows: "Rows", train: NDArray[np.float64], held_out: NDArray[np.float64]
) -> dict[str, Any]:
    """Where the rows came from, how they were read, and how many served for what."""
    table = hasattr(rows, "fingerprint")
    used = np.concatenate([train, held_out])
    return {
        "source": portable(rows.source) if table and rows.source else "rows in memory",
        "options": dict(rows.options) if table else {},
        "note": rows.note if table else "",
        "fingerprint": rows.fingerprint() if table else hashlib.sha256(used.tobytes()).hexdigest(),
        "counts": {"train": len(train), "calibration": len(held_out)},
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


def peculiar(train: NDArray[np.float64], columns: tuple[str, ...]) -> dict[str, Any]:
    """Columns that stood still, that repeat another, or that drift, by name.

    A constant column is judged by its value alone. A duplicate counts like any other, so that
    its sensor counts twice. A drifting one is judged by a unit as wide as its drift.
    """
    from workbench.data.recording import duplicates  # brings pandas, which scoring does without

    still = np.ptp(train, axis=0) == 0
    moved = drifted(torch.tensor(train)).numpy()
    drifting = moved > np.where(still, np.inf, train.std(axis=0))
    return {
        "constant": [name for name, x in zip(columns, still, strict=True) if x],
        "duplicated": duplicates(train, columns),
        "drifting": [name for name, x in zip(columns, drifting, strict=True) if x],
    }
