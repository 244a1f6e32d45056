"""What can be odd in a recording: gaps, clocks that jump, columns that repeat others or drift."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from .columns import Column

MISSING = ("drop", "refuse", "interpolate")
"""What to do with a row that lacks a cell."""
_LEAST = 20  # rows from which a drift is no coincidence
_ENDLESS = 0.9  # correlation with the number of the row from which a column counts as drifting
_PAUSE = 5  # usual steps of the clock from which a recording counts as interrupted


def seconds(time: "pd.Index") -> NDArray[np.float64]:
    """Dates, or numbers taken for seconds, as seconds since the first."""
    since = time - (time[0] if len(time) else 0)
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
    return 1 + np.flatnonzero((steps < 0) | (steps > _PAUSE * _usual(steps)))


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
        "gaps": int((steps > _PAUSE * _usual(steps)).sum()),
        "longest_seconds": float(steps.max()),
    }


def duplicates(values: NDArray[np.float64], columns: Sequence[str]) -> dict[str, str]:
    """Columns whose values (N, D) are those of an earlier one, by name; constant ones are not.

    Example:
        >>> duplicates(np.array([[1.0, 2.0, 1.0], [2.0, 2.0, 2.0]]), ("a", "b", "c"))
        {'c': 'a'}
    """
    first: dict[bytes, str] = {}
    named = [(name, first.setdefault(column.tobytes(), name))
             for name, column in _columns(values, columns) if np.ptp(column) > 0]  # fmt: skip
    return {name: original for name, original in named if name != original}


def endless(values: NDArray[np.float64], columns: Sequence[str]) -> list[str]:
    """Columns of (N, D) that drift from the first row to the last, as totals and wear do.

    What they hold later was never learned from, so that every later row is judged NG.

    Example:
        >>> t = np.arange(100.0)
        >>> endless(np.column_stack([3 * t + np.sin(t), np.sin(t)]), ("total", "temp"))
        ['total']
    """
    at = np.linspace(-1, 1, len(values))

    def drifts(column: NDArray[np.float64]) -> bool:
        centred = column - column.mean()
        norm = np.sqrt((centred @ centred) * (at @ at))
        return bool(norm > 0 and abs(centred @ at) / norm > _ENDLESS)

    return [n for n, column in _columns(values, columns) if len(at) >= _LEAST and drifts(column)]


def two_valued(values: NDArray[np.float64], columns: Sequence[str]) -> dict[str, dict[str, int]]:
    """Columns of (N, D) with two different values, and how often each occurs.

    Example:
        >>> two_valued(np.array([[0.0, 1.5], [1.0, 2.5], [0.0, 3.5]]), ("valve", "temp"))
        {'valve': {'0': 2, '1': 1}}
    """
    found = {}
    for name, column in _columns(values, columns):
        low, high = column.min(), column.max()
        lows, highs = int((column == low).sum()), int((column == high).sum())
        if low < high and lows + highs == len(column) > 2:
            found[name] = {f"{low:g}": lows, f"{high:g}": highs}
    return found


def fill(
    sensors: Sequence["Column"], missing: str, most: int, hold: float | None,
    time: "pd.Index | None",
) -> tuple[list["Column"], dict[str, int]]:  # fmt: skip
    """Bridge what is missing, as far as `load_rows` was told to; with the filled cells by name.

    Runs of more than `most` cells, and those at either end, stay unusable.
    """
    if missing not in MISSING:
        raise ValueError(f"missing must be one of {', '.join(MISSING)}, got {missing!r}")
    if most < 1:
        raise ValueError(f"most must be at least 1, got {most}")
    if hold is not None and (hold <= 0 or time is None):
        raise ValueError("hold must be seconds above 0, of a recording with a time column")
    filled = list(sensors)
    if hold is not None:
        filled = [_held(column, hold, seconds(time)) for column in filled]
    if missing == "interpolate":
        filled = [_bridged(column, most) for column in filled]
    pairs = zip(sensors, filled, strict=True)
    counts = {old.name: int(old.bad.sum() - new.bad.sum()) for old, new in pairs}
    return filled, {name: n for name, n in counts.items() if n}


def _columns(
    values: NDArray[np.float64], names: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    return zip(names, values.T, strict=True) if len(values) else iter(())


def _bridged(column: "Column", most: int) -> "Column":
    edges = np.flatnonzero(np.diff(np.concatenate([[False], column.bad, [False]]).astype(int)))
    values, bad = column.values.copy(), column.bad.copy()
    for start, stop in edges.reshape(-1, 2).tolist():
        if start > 0 and stop < len(bad) and stop - start <= most:
            line = np.linspace(values[start - 1], values[stop], stop - start + 2)
            values[start:stop], bad[start:stop] = line[1:-1], False
    return column._replace(values=values, bad=bad)


def _held(column: "Column", hold: float, clock: NDArray[np.float64]) -> "Column":
    """Each cell without a value takes the last one that is at most `hold` seconds old."""
    last = np.maximum.accumulate(np.where(column.bad, -1, np.arange(len(column.bad))))
    age = clock - clock[np.maximum(last, 0)]
    usable = column.bad & (last >= 0) & (age >= 0) & (age <= hold)
    values = np.where(usable, column.values[np.maximum(last, 0)], column.values)
    return column._replace(values=values, bad=column.bad & ~usable)


def _usual(steps: NDArray[np.float64]) -> float:
    forward = steps[steps > 0]
    return float(np.median(forward)) if forward.size else np.inf
