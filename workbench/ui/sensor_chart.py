"""Sensors and score over time as SVG: drawn once, so that only the marks move with a slider."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .style import NG, OK

WIDTH, LEFT, RIGHT = 1000, 150, 12  # of the drawing and of its margins
STRIP, SCORE, GAP = 34, 96, 8  # heights


class Strips:
    """One strip a sensor and a higher one for the score; rows go from left to right.

    Args:
        values: Shape (N, D).
        columns: Names of the D sensors.
        scores: Shape (N,).
        labels: True where there was a fault, shape (N,), or None.
    """

    def __init__(
        self,
        values: NDArray[np.float64],
        columns: Sequence[str],
        scores: NDArray[np.float64],
        labels: NDArray[np.bool_] | None,
    ) -> None:
        self._n = len(scores)
        self._top = len(columns) * (STRIP + GAP) + 8
        self.height = self._top + SCORE + 24
        # a score is a distance from 0, and its largest values would flatten all others
        self._high = max(float(np.quantile(scores, 0.995)) * 1.15, 1e-12)
        parts = [self._faults(labels)]
        for i, name in enumerate(columns):
            parts.append(self._strip(values[:, i], name, i * (STRIP + GAP)))
        low, high = 0.0, self._high
        line = self._line(np.minimum(scores, high), self._top, SCORE, low, high)
        parts.append(
            f'<path d="{line}" fill="none" stroke="{OK}" stroke-width="1.2"/>'
            f'<text class="wb-strong" x="{LEFT - 8}" y="{self._top + 16}" text-anchor="end">'
            "score</text>"
        )
        self._rest = "".join(parts)

    def draw(self, threshold: float, moment: int, active: ArrayLike, raised: ArrayLike) -> str:
        """SVG with the threshold, the moment looked at, and the alarms.

        Args:
            threshold: At the upper edge where it lies beyond.
            moment: Row number.
            active: True where an alarm holds, shape (N,).
            raised: Row numbers at which one was raised.
        """
        base = self._top + SCORE
        y = base - SCORE * min(max(threshold, 0.0), self._high) / self._high
        x = float(self._place(moment))
        runs = [self._place(run).tolist() for run in _runs(np.asarray(active, bool))]
        bars = "".join(f"M{a:.1f} {base + 6} H{max(b, a + 1.5):.1f}" for a, b in runs)
        ticks = "".join(
            f"M{v - 4:.1f} {base + 18} l4 -8 l4 8 Z" for v in self._place(np.asarray(raised))
        )
        return (
            f'<svg class="wb-chart" viewBox="0 0 {WIDTH} {self.height}" width="100%" role="img" '
            f'aria-label="sensors and score over {self._n} rows, {len(np.asarray(raised))} alarms '
            f'at threshold {threshold:.4g}">{self._rest}'
            f'<path class="wb-mark" d="M{LEFT} {y:.1f} H{WIDTH - RIGHT}" stroke-width="1.6" '
            f'stroke-dasharray="7 4"/><text class="wb-strong" x="{LEFT - 8}" y="{y + 4:.1f}" '
            f'text-anchor="end">NG from {threshold:.3g}</text>'
            f'<path d="{bars}" stroke="{NG}" stroke-width="5"/><path d="{ticks}" fill="{NG}"/>'
            f'<text x="{LEFT - 8}" y="{base + 14}" text-anchor="end">alarms</text>'
            f'<path class="wb-mark" d="M{x:.1f} 0 V{base}" stroke-width="1.4"/></svg>'
        )

    def _place(self, row: ArrayLike) -> NDArray[np.float64]:
        return LEFT + (WIDTH - LEFT - RIGHT) * np.asarray(row, float) / max(self._n - 1, 1)

    def _strip(self, values: NDArray[np.float64], name: str, top: int) -> str:
        low, high = np.quantile(values, (0.001, 0.999)).tolist()
        line = self._line(values.clip(low, high), top, STRIP, low, high)
        shown = name if len(name) <= 20 else f"{name[:19]}…"
        return (
            f'<path d="{line}" fill="none" stroke="#6B7280" stroke-width="1"/>'
            f'<text x="{LEFT - 8}" y="{top + STRIP / 2 + 4}" text-anchor="end">'
            f"{escape(shown)}</text>"
        )

    def _line(
        self, values: NDArray[np.float64], top: int, height: int, low: float, high: float
    ) -> str:
        """Lowest and highest of each pixel column, so that no peak is lost."""
        columns = np.minimum(np.arange(self._n) * (WIDTH - LEFT) // max(self._n, 1), WIDTH)
        starts = np.flatnonzero(np.diff(columns, prepend=-1))
        least, most = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        unit = height / (high - low) if high > low else 0.0
        ends = top + height - unit * (np.stack([least, most], axis=1) - low)
        x = self._place(starts)
        return "M" + " L".join(
            f"{a:.1f} {y:.1f}" for a, pair in zip(x, ends, strict=True) for y in pair
        )

    def _faults(self, labels: NDArray[np.bool_] | None) -> str:
        if labels is None:
            return ""
        return "".join(
            f'<rect x="{self._place(a):.1f}" y="0" height="{self._top + SCORE}" '
            f'width="{max(float(self._place(b) - self._place(a)), 1):.1f}" fill="#9AA1AB" '
            'opacity=".28"/>'
            for a, b in _runs(labels)
        )


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    from workbench.autoencoder.alarms import (
        stretches,  # brings torch, which the other views do without
    )

    return stretches(flags)
