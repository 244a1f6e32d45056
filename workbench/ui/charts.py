"""Charts as SVG, drawn without matplotlib so that they keep up with a moving slider."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import metrics
from workbench.language import t
from workbench.metrics.events import stretches

from .markup import render, unique

WIDE, NARROW = 1000, 400  # of drawings
LEFT, RIGHT, FLOOR = 50, 20, 256  # margins of a histogram as in the template; bars stand on FLOOR
NAMES, END = 150, 12  # margins in a chart of sensors, beside whose strips the names stand
STRIP, SCORE, GAP = 34, 96, 8  # heights in a chart of sensors
BESIDE, TOP, BASE = 60, 16, 150  # of a p-chart


class Chart:
    """The drawing: bars and ticks are made once, the threshold lines at every call.

    OK bars are filled, NG bars hatched and outlined, and each NG part is a tick below.
    """

    def __init__(
        self, classes: dict[str, NDArray[np.float64]], bins: int, threshold: float, *,
        log_x: bool = False, narrow: bool = False,
    ) -> None:  # fmt: skip
        """`classes` are scores by "OK" and "NG", or "all", (N,); `log_x` only of positive ones."""
        low, high = _range([scores for scores in classes.values() if len(scores)])
        self.width, self._right = (w := NARROW if narrow else WIDE), w - RIGHT
        self.log_x = bool(log_x and low > 0)
        threshold = np.clip(threshold, low, high) if np.isinf(threshold) else float(threshold)
        if self.log_x:
            pad = (high / low) ** 0.02
            self.low, self.high = low / pad, high * pad
            self.edges = np.geomspace(low, high, bins + 1)
            self.edges[[0, -1]] = low, high  # exactly: rounding must not drop a part
            threshold = threshold if threshold > 0 else self.low
        else:
            pad = 0.02 * (high - low)
            self.low, self.high = low - pad, high + pad
            self.edges = np.linspace(low, high, bins + 1)
        self.low, self.high = float(min(self.low, threshold)), float(max(self.high, threshold))
        self._x = self.x_of(self.edges)
        self.counts = {name: np.histogram(s, self.edges)[0] for name, s in classes.items()}
        self._fixed = {log: self._draw_fixed(classes, log) for log in (False, True)}

    def draw(
        self, threshold: float, *, low: float | None = None, log: bool = False,
        chosen: int | None = None,
    ) -> str:  # fmt: skip
        """SVG with the threshold line at its place, or at the margin if it lies outside."""
        lines = [self._line(threshold, t("NG from {0}", f"{threshold:.4g}"))]
        band = None
        if low is not None:
            lines.append(self._line(low, t("OK below {0}", f"{low:.4g}"), 64))
            width = round(lines[0]["x"] - lines[1]["x"], 1)
            text = t("look again") if width > 60 else ""
            band = {"x": lines[1]["x"], "width": max(width, 0), "text": text}
        mark = None
        if chosen is not None:
            x, end = self._x[chosen : chosen + 2].round(1).tolist()
            mark = {"x": x, "width": round(end - x, 1)}
        words = f"{t('histogram of scores')}, {t('threshold {0}', f'{threshold:.4g}')}"
        return render(
            "charts.histogram", fixed=self._fixed[log], lines=lines, band=band, chosen=mark,
            label=words, width=self.width,
        )  # fmt: skip

    def score_at(self, x: float) -> float:
        """The score at a horizontal place of the drawing, kept on the axis."""
        part = (min(max(x, LEFT), self._right) - LEFT) / (self._right - LEFT)
        if self.log_x:
            return float(self.low * (self.high / self.low) ** part)
        return float(self.low + part * (self.high - self.low))

    def bar_at(self, x: float) -> int | None:
        """The bar at a horizontal place of the drawing, or None beside them all."""
        bar = int(np.searchsorted(self._x, x, side="right")) - 1
        return bar if 0 <= bar < len(self.edges) - 1 else None

    def inside(self, bar: int, scores: NDArray[np.float64]) -> NDArray[np.intp]:
        """Positions of the scores that a bar counts, the highest first."""
        low, high = self.edges[bar : bar + 2]
        last = bar == len(self.edges) - 2
        found = np.flatnonzero((scores >= low) & ((scores <= high) if last else (scores < high)))
        return found[np.argsort(-scores[found], kind="stable")]

    def x_of(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """The horizontal place of scores in the drawing; the inverse of `score_at`."""
        if self.log_x:
            part = np.log(np.maximum(score, self.low) / self.low) / np.log(self.high / self.low)
        else:
            part = (score - self.low) / (self.high - self.low)
        return LEFT + (self._right - LEFT) * part

    def _line(self, score: float, text: str, y: int = 30) -> dict[str, object]:
        x = round(float(self.x_of(np.clip(score, self.low, self.high))), 1)
        side = "end" if x > self.width / 2 else "start"
        shift = -8 if side == "end" else 8
        return {"x": x, "text_x": x + shift, "anchor": side, "text": text, "y": y}

    def _draw_fixed(self, classes: dict[str, NDArray[np.float64]], log: bool) -> str:
        heights = [np.log10(1 + c) if log else c for c in self.counts.values()]
        top = max(1e-9, max(h.max() for h in heights))
        kinds = ["ng" if name == "NG" else "ok" for name in classes]
        shapes = [
            {"kind": kind, "path": self._outline(h / top)}
            for kind, h in zip(kinds, heights, strict=True)
            if h.any()
        ]
        legend = [
            {"kind": kind, "x": LEFT + 120 * i, "text": f"{t(name)} ({len(scores):,})"}
            for i, (kind, (name, scores)) in enumerate(zip(kinds, classes.items(), strict=True))
        ]
        return render(
            "charts.bars", shapes=shapes, rug=self._rug(classes.get("NG", np.empty(0))),
            ticks=self._ticks(), legend=legend, hatch_id=unique("wb-ng"), right=self._right,
            most=f"{max(int(counts.max()) for counts in self.counts.values()):,}",
            counts_unit=t("parts, log" if log else "parts"),
            score_unit=t("score, log" if self.log_x else "score"),
        )  # fmt: skip

    def _outline(self, heights: NDArray[np.float64]) -> str:
        y = FLOOR - (FLOOR - 46) * heights
        steps = " ".join(f"V{b:.1f} H{x:.1f}" for b, x in zip(y, self._x[1:], strict=True))
        return f"M{self._x[0]:.1f} {FLOOR} {steps} V{FLOOR} Z"

    def _rug(self, ng: NDArray[np.float64]) -> str:
        # one tick a pixel at most: thousands of NG must not make the drawing heavy
        return "".join(f"M{x} {FLOOR + 2} v8" for x in np.unique(self.x_of(ng).round()))

    def _ticks(self) -> Sequence[tuple[str, str]]:
        ticks = (_log_ticks if self.log_x else _round_ticks)(self.low, self.high, self.width // 90)
        return [(f"{self.x_of(tick):.1f}", f"{tick:.6g}") for tick in ticks]


class SensorChart:
    """One strip a sensor and a higher one for the score; rows go from left to right."""

    def __init__(
        self, values: NDArray[np.float64], columns: Sequence[str], scores: NDArray[np.float64],
        labels: NDArray[np.bool_] | None, narrow: bool = False,
    ) -> None:  # fmt: skip
        self._n = len(scores)
        self._width, self._left = (NARROW, 100) if narrow else (WIDE, NAMES)
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
            score={"path": score, "y": self._top + 16}, left=self._left - 8,
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
        label = t(
            "sensors and score over {0} rows, {1} alarms at threshold {2}",
            self._n, len(np.asarray(raised)), f"{threshold:.4g}",
        )  # fmt: skip
        line = {
            "path": f"M{self._left} {y:.1f} H{self._width - END}",
            "y": f"{y + 4:.1f}",
            "text": t("NG from {0}", f"{threshold:.3g}"),
        }
        return render(
            "charts.sensors", fixed=self._fixed, width=self._width, height=self.height,
            left=self._left - 8, base=base, threshold=line, moment=f"{self._place(moment):.1f}",
            runs=bars, raised=ticks, label=label,
        )  # fmt: skip

    def _place(self, row: ArrayLike) -> NDArray[np.float64]:
        room = self._width - self._left - END
        return self._left + room * np.asarray(row, float) / max(self._n - 1, 1)

    def _strip(self, values: NDArray[np.float64], name: str, top: int) -> dict[str, object]:
        low, high = np.quantile(values, (0.001, 0.999)).tolist()
        line = self._line(values.clip(low, high), top, STRIP, low, high)
        most = self._left // 7 - 1  # letters
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


def p_chart(rows: Sequence[metrics.GroupRates], column: str, narrow: bool = False) -> str:
    """The chart, if narrow for a telephone; not every group is named where there is no room."""
    chart = metrics.p_chart([row.flagged for row in rows], [row.n for row in rows])
    top = max(float(chart.high.max()), float(chart.shares.max()), 1e-9)
    width = NARROW if narrow else WIDE
    step = (width - END - BESIDE) / len(rows)
    every = ceil(8 * max(len(row.group) for row in rows) / step)

    def y(share: float) -> float:
        return round(BASE - (BASE - TOP) * float(share) / top, 1)

    groups = [
        {
            "key": f"kind:{column} {row.group}", "name": row.group, "x": BESIDE + step * (i + 0.5),
            "left": BESIDE + step * i, "high": y(high), "low": y(low), "y": y(share),
            "kind": "ng" if out else "ok", "said": f"{row.group}: {row.flagged} / {row.n}",
        }
        for i, (row, share, low, high, out) in enumerate(
            zip(rows, chart.shares, chart.low, chart.high, chart.out, strict=True)
        )
    ]  # fmt: skip
    beyond = t("{0} of {1} differ by more than chance", int(chart.out.sum()), len(rows))
    return render(
        "charts.p_chart", groups=groups, step=step, centre=y(chart.centre), label=beyond,
        most=f"{100 * top:.0f} %", right=width - END, left=BESIDE, width=width, every=every,
    )  # fmt: skip


def _range(classes: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Lowest and highest score, apart even if all are equal."""
    low, high = min(s.min() for s in classes), max(s.max() for s in classes)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _round_ticks(low: float, high: float, most: int) -> NDArray[np.float64]:
    """Round numbers within a range, about as many."""
    step = 10 ** np.floor(np.log10((high - low) / most))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= most)
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step


def _log_ticks(low: float, high: float, most: int) -> NDArray[np.float64]:
    """1, 2 and 5 times the powers of ten within a range; powers alone where these are many."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1, 2, 5), (1,)):
        ticks = np.sort(np.outer(powers, steps).ravel())
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) <= most:
            break
    return ticks
