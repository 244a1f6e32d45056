"""Why a row was called what it was, and what would have made it normal."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

STEPS = 64  # values tried at once between the reading and either end of the search
ROUNDS = 4  # each looks closer, between the last value too far and the first near enough
REACH = 20  # scales beyond what is expected


@dataclass(frozen=True, kw_only=True)
class RowEvaluation:
    """The verdict on one row, or on the last row of a window."""

    score: float
    threshold: float
    blame: dict[str, float]  # share of the squared error by column; they sum to 1
    reconstruction: dict[str, float]  # what the network expected, in raw units
    seen: dict[str, float] = field(default_factory=dict)  # the row itself, in raw units

    @property
    def is_anomaly(self) -> bool:
        """Whether the score reaches the threshold."""
        return self.score >= self.threshold

    @property
    def verdict(self) -> str:
        """Either "OK" or "NG"."""
        return "NG" if self.is_anomaly else "OK"

    @property
    def status(self) -> str:
        """`normal` or `anomaly`."""
        return "anomaly" if self.is_anomaly else "normal"

    @property
    def excess(self) -> dict[str, float]:
        """How much more than expected was seen, in raw units; less is negative."""
        return {name: value - self.reconstruction[name] for name, value in self.seen.items()}


@dataclass(frozen=True)
class Change:
    """The smallest change of a single sensor that brings a row under the threshold.

    `scales` is its size in the sensor's own unit of training, by which sensors are compared.
    """

    column: str
    seen: float
    needed: float
    scales: float


def smallest_change(
    scores: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    row: NDArray[np.float64],
    expected: NDArray[np.float64],
    scale: NDArray[np.float64],
    threshold: float,
) -> tuple[int, float] | None:
    """Search each sensor on its own for the nearest value with a score under the threshold.

    Args:
        scores: Of candidate rows (M, D), the sensors changed one at a time.
        row: What was seen, raw, shape (D,).
        expected: What the network expected, raw, shape (D,).
        scale: What counts as one step of each sensor, raw, shape (D,).
        threshold: Scores must stay below.

    Returns:
        Column number and value, or None where no single sensor is enough.
    """
    found = []
    for column in range(len(row)):
        for end in _ends(row[column], expected[column], REACH * scale[column]):
            value = _nearest(scores, row, column, end, threshold)
            if value is not None:
                found.append((abs(value - row[column]) / scale[column], column, value))
    return None if not found else min(found)[1:]


def _ends(seen: float, expected: float, reach: float) -> tuple[float, float]:
    """How far to look on either side: the expected value and some way beyond."""
    return min(seen, expected) - reach, max(seen, expected) + reach


def _nearest(
    scores: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    row: NDArray[np.float64],
    column: int,
    end: float,
    threshold: float,
) -> float | None:
    near, far = row[column], end
    for _ in range(ROUNDS):
        values = np.linspace(near, far, STEPS)
        candidates = np.tile(row, (STEPS, 1))
        candidates[:, column] = values
        under = np.flatnonzero(scores(candidates) < threshold)
        if not under.size:
            return None
        far, near = values[under[0]], values[max(under[0] - 1, 0)]
    return float(far)
