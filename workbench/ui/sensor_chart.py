"""Sensors and score over time as SVG: drawn once, so that only the marks move with a slider."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.events import stretches

from .chart import NARROW, WIDE
from .markup import render

LEFT, RIGHT = 150, 12  # margins
LETTER = 7  # width of one
STRIP, SCORE, GAP = 34, 96, 8  # heights


class SensorChart:
    """One strip a sensor and a higher one for the score; rows go from left to right."""

    def __init__(
        self,
        values: NDArray[np.float64],
        columns: Sequence[str],
        scores: NDArray[np.float64],
        labels: NDArray[np.bool_] | None,
        t: Callable[..., str],
        narrow: bool = False,
    ) -> None:
        self._n, self._t = len(scores), t
        self._width, self._left = (NARROW, 100) if narrow else (WIDE, LEFT)
        self._top = len(columns) * (STRIP + GAP) + 8
        self.height = self._top + SCORE + 24
        # a score is a distance from 0, and its largest values would flatten all others
        self._high = max(float(np.quantile(scores, 0.995)) * 1.15, 1e-12)
        score = self._line(np.minimum(scores, self._high), self._top, SCORE, 0.0, self._high)
        self._fixed = render(
            "charts.strips", faults=[] if labels is None else self._faults(labels),
            strips=[
                self._strip(values[:, i], name, i * (STRIP + GAP))
                for i, name in enumerate(columns)
            ],
            score={"path": score, "y": self._top + 16}, left=self._left - 8, t=t,
        )  # fmt: skip

    def draw(self, threshold: float, moment: int, active: ArrayLike, raised: ArrayLike) -> str:
        """SVG with the threshold, the moment looked at, and the alarms."""
        base = self._top + SCORE
        y = base - SCORE * min(max(threshold, 0.0), self._high) / self._high
        ends = [self._place(run).tolist() for run in stretches(active)]
        bars = "".join(f"M{a:.1f} {base + 6} H{max(b, a + 1.5):.1f}" for a, b in ends)
        ticks = "".join(
            f"M{v - 4:.1f} {base + 18} l4 -8 l4 8 Z" for v in self._place(np.asarray(raised))
        )
        label = self._t(
            "sensors and score over {0} rows, {1} alarms at threshold {2}",
            self._n, len(np.asarray(raised)), f"{threshold:.4g}",
        )  # fmt: skip
        line = {
            "path": f"M{self._left} {y:.1f} H{self._width - RIGHT}",
            "y": f"{y + 4:.1f}",
            "text": self._t("NG from {0}", f"{threshold:.3g}"),
        }
        return render(
            "charts.sensors", fixed=self._fixed, width=self._width, height=self.height,
            left=self._left - 8, base=base, threshold=line, moment=f"{self._place(moment):.1f}",
            runs=bars, raised=ticks, label=label, t=self._t,
        )  # fmt: skip

    def _place(self, row: ArrayLike) -> NDArray[np.float64]:
        room = self._width - self._left - RIGHT
        return self._left + room * np.asarray(row, float) / max(self._n - 1, 1)

    def _strip(self, values: NDArray[np.float64], name: str, top: int) -> dict[str, object]:
        low, high = np.quantile(values, (0.001, 0.999)).tolist()
        line = self._line(values.clip(low, high), top, STRIP, low, high)
        most = self._left // LETTER - 1
        shown = name if len(name) <= most else f"{name[: most - 1]}…"
        return {"path": line, "y": top + STRIP / 2 + 4, "name": shown}

    def _line(
        self, values: NDArray[np.float64], top: int, height: int, low: float, high: float
    ) -> str:
        """Lowest and highest of each pixel column, so that no peak is lost."""
        columns = np.minimum(
            np.arange(self._n) * (self._width - self._left) // max(self._n, 1), self._width
        )
        starts = np.flatnonzero(np.diff(columns, prepend=-1))
        least, most = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        unit = height / (high - low) if high > low else 0.0
        ends = top + height - unit * (np.stack([least, most], axis=1) - low)
        x = self._place(starts)
        return "M" + " L".join(
            f"{a:.1f} {y:.1f}" for a, pair in zip(x, ends, strict=True) for y in pair
        )

    def _faults(self, labels: NDArray[np.bool_]) -> list[dict[str, object]]:
        ends = [self._place(run).tolist() for run in stretches(labels)]
        return [
            {"x": f"{a:.1f}", "width": f"{max(b - a, 1):.1f}", "height": self._top + SCORE}
            for a, b in ends
        ]
