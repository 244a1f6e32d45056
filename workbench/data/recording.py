"""What can be odd in a recording: gaps, a clock that jumps, columns that repeat others."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from .columns import Column

MISSING = ("drop", "refuse", "interpolate")
"""What to do with a row that lacks a cell."""
PAUSE = 5  # usual steps of the clock from which a recording counts as interrupted


def seconds(time: "pd.Index") -> NDArray[np.float64]:
    """Dates, or numbers taken for seconds, as seconds since the first."""
    since = time - time[0]
    return np.asarray(since.total_seconds() if hasattr(since, "total_seconds") else since, float)


def pauses(time: "pd.Index | None") -> NDArray[np.int64]:
    """Numbers of the rows before which the clock runs back or leaves out five steps or more.

    Rows on either side are no neighbours: a window must not span them.

    Example:
        >>> import pandas as pd
        >>> pauses(pd.Index([0, 1, 2, 50, 51, 3])).tolist()
        [3, 5]
    """
    if time is None or len(time) < 3:
        return np.empty(0, np.int64)
    steps = np.diff(seconds(time))
    return 1 + np.flatnonzero((steps < 0) | (steps > PAUSE * _usual(steps)))


def clock(time: "pd.Index | None") -> dict[str, float]:
    """The usual step and how often the clock stood still, ran back or paused; {} without one.

    Example:
        >>> import pandas as pd
        >>> clock(pd.Index([0, 1, 1, 2, 50]))["duplicates"]
        1
    """
    if time is None or len(time) < 2:
        return {}
    steps = np.diff(seconds(time))
    return {
        "step_seconds": float(_usual(steps)),
        "duplicates": int((steps == 0).sum()),
        "backwards": int((steps < 0).sum()),
        "gaps": int((steps > PAUSE * _usual(steps)).sum()),
        "longest_seconds": float(steps.max()),
    }


def duplicates(values: NDArray[np.float64], columns: Sequence[str]) -> dict[str, str]:
    """Columns whose values (N, D) are those of an earlier one, by name; constant ones are not.

    Example:
        >>> duplicates(np.array([[1.0, 2.0, 1.0], [2.0, 2.0, 2.0]]), ("a", "b", "c"))
        {'c': 'a'}
    """
    first: dict[bytes, str] = {}
    found = {}
    for name, column in zip(columns, values.T, strict=True):
        if len(column) and np.ptp(column) > 0:
            original = first.setdefault(column.tobytes(), name)
            if original != name:
                found[name] = original
    return found


def fill(sensors: Sequence["Column"], missing: str, most: int) -> tuple[list["Column"], dict]:
    """Bridge runs of at most `most` unusable cells by a line between their neighbours.

    Args:
        sensors: As found, in the order of the file.
        missing: One of `MISSING`; all but "interpolate" leave the columns alone.
        most: Cells in a row; longer runs, and those at either end, stay unusable.

    Returns:
        The columns, and the number of filled cells by name.

    Raises:
        ValueError: Another word for `missing`, or a number below 1.
    """
    if missing not in MISSING:
        raise ValueError(f"missing must be one of {', '.join(MISSING)}, got {missing!r}")
    if most < 1:
        raise ValueError(f"most must be at least 1, got {most}")
    if missing != "interpolate":
        return list(sensors), {}
    filled = [_bridged(column, most) for column in sensors]
    pairs = zip(sensors, filled, strict=True)
    counts = {old.name: int(old.bad.sum() - new.bad.sum()) for old, new in pairs}
    return filled, {name: n for name, n in counts.items() if n}


def refuse(path: object, bad: Sequence, missing: str) -> None:
    """Raise a DataError for the first unusable row if that is the policy."""
    if missing == "refuse" and bad:
        raise DataError(
            f"{path} must have every cell, but line {bad[0].line}: {bad[0].reason} ({len(bad)} "
            'such rows); mend it, or pass missing="drop" or missing="interpolate"'
        )


def _bridged(column: "Column", most: int) -> "Column":
    edges = np.flatnonzero(np.diff(np.concatenate([[False], column.bad, [False]]).astype(int)))
    values, bad = column.values.copy(), column.bad.copy()
    for start, stop in edges.reshape(-1, 2).tolist():
        if start > 0 and stop < len(bad) and stop - start <= most:
            line = np.linspace(values[start - 1], values[stop], stop - start + 2)
            values[start:stop], bad[start:stop] = line[1:-1], False
    return column._replace(values=values, bad=bad)


def _usual(steps: NDArray[np.float64]) -> float:
    forward = steps[steps > 0]
    return float(np.median(forward)) if forward.size else np.inf
