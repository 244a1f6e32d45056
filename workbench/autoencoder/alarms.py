"""From scores over time to alarms that somebody is called for.

A single score over the threshold is a reading. An alarm is what a rule makes of the readings:
smoothed, k of the last n, and not again within the hold-off.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.events import stretches

NEAR = 5  # rows; alarms that close belong to one event


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """When readings become an alarm; by default every reading that reaches the threshold.

    Args:
        smoothing: Readings of the trailing mean that is compared with the threshold.
        k: So many of the last `n` must reach it.
        n: Readings that are looked back on.
        hold_off: Readings after an alarm during which no new one is raised.

    Raises:
        ValueError: A number below its least, or k above n.

    Example:
        >>> rule = AlarmRule(k=2, n=3)
        >>> rule.active([0, 9, 0, 9, 0, 0], threshold=5).tolist()
        [False, False, False, True, False, False]
        >>> rule.raised([0, 9, 0, 9, 0, 0], threshold=5).tolist()
        [3]
    """

    smoothing: int = 1
    k: int = 1
    n: int = 1
    hold_off: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.smoothing < 1 or self.hold_off < 0 or not 1 <= self.k <= self.n:
            raise ValueError(
                f"an alarm rule needs smoothing >= 1, 1 <= k <= n and hold_off >= 0, got {self}"
            )

    def smoothed(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Trailing mean of the scores, shape (N,); the first ones of what there is so far."""
        values = np.asarray(scores, np.float64)
        so_far = np.minimum(np.arange(1, len(values) + 1), self.smoothing)
        return _trailing(values, self.smoothing) / so_far

    def active(self, scores: ArrayLike, threshold: float) -> NDArray[np.bool_]:
        """Whether the condition holds at each reading, shape (N,)."""
        over = self.smoothed(scores) >= threshold
        return _trailing(over.astype(np.int64), self.n) >= self.k

    def raised(self, scores: ArrayLike, threshold: float) -> NDArray[np.int64]:
        """The readings at which an alarm is raised: the condition begins, and no hold-off."""
        active = self.active(scores, threshold)
        begins = np.flatnonzero(active & ~np.append(False, active[:-1]))
        kept: list[int] = []
        for at in begins.tolist():
            if not kept or at - kept[-1] > self.hold_off:
                kept.append(at)
        return np.array(kept, np.int64)


class Detection(NamedTuple):
    """A fault, by its first row and the one after its last, and when it was noticed."""

    start: int
    stop: int
    delay: int | None  # readings from its first row to the first alarm; None: missed
    seconds: float | None  # the same where there is a clock


def detections(alarms: ArrayLike, labels: ArrayLike, time: Any = None) -> list[Detection]:  # noqa: ANN401
    """Time to detection of each labelled fault, a stretch of NG rows; `time` in dates or seconds.

    Example:
        >>> detections([0, 0, 0, 1, 0], [0, 1, 1, 1, 0])
        [Detection(start=1, stop=4, delay=2, seconds=None)]
    """
    alarms, found = np.asarray(alarms, bool), []
    for start, stop in stretches(labels):
        at = np.flatnonzero(alarms[start:stop])
        delay = int(at[0]) if at.size else None
        seconds = None
        if delay is not None and time is not None:
            seconds = _seconds(time[start + delay] - time[start])
        found.append(Detection(start, stop, delay, seconds))
    return found


def _trailing(values: NDArray, n: int) -> NDArray:
    """Sum of the last n values at each place."""
    if n == 1:
        return values
    window = np.lib.stride_tricks.sliding_window_view
    return window(np.concatenate([np.zeros(n - 1, values.dtype), values]), n).sum(axis=1)


def _seconds(distance: Any) -> float:  # noqa: ANN401
    return float(distance.total_seconds() if hasattr(distance, "total_seconds") else distance)
