"""The histogram as SVG, drawn without matplotlib so that it keeps up with a moving slider."""

from collections.abc import Callable
from itertools import count

import numpy as np
from numpy.typing import NDArray

from workbench.language import translator

from .style import NG, OK

WIDTH, HEIGHT, FLOOR = 1000, 300, 256  # of the drawing; the bars stand on FLOOR
LEFT, RIGHT = 50, 980
_numbers = count()
TAIL = 5  # times the median, as in `plots.histogram`: beyond it scores want a log axis


class Chart:
    """The drawing: bars and ticks are made once, the threshold line at every call.

    OK bars are filled, NG bars hatched and outlined, and each NG part is a tick below.

    Args:
        classes: Scores by "OK" and "NG", or by "all" alone, each of shape (N,).
        bins: Number of bars.
        threshold: Kept within the horizontal range.
        log_x: Scores on a logarithmic axis; only where all are positive.
        t: From English to the user's language.

    Attributes:
        low: Lowest score on the axis.
        high: Highest score on the axis.
        edges: Of the bars, shape (bins + 1,).
        counts: Parts in each bar by class, as `classes`, each of shape (bins,).
    """

    def __init__(
        self,
        classes: dict[str, NDArray[np.float64]],
        bins: int,
        threshold: float,
        *,
        log_x: bool = False,
        t: Callable[..., str] | None = None,
    ) -> None:
        low, high = _range([scores for scores in classes.values() if len(scores)])
        self.log_x, self._t = bool(log_x and low > 0), t or translator("en")
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
        self._hatch = f"wb-ng-{next(_numbers)}"  # its own: one of a hidden tab would not be drawn
        self.low, self.high = float(min(self.low, threshold)), float(max(self.high, threshold))
        self._x = self._place(self.edges)
        self.counts = {name: np.histogram(s, self.edges)[0] for name, s in classes.items()}
        self._rest = (
            self._rug(classes.get("NG", np.empty(0)))
            + self._axis()
            + _legend(classes, self._hatch)
        )
        self._bars = {log: self._draw_bars(log) for log in (False, True)}

    def draw(self, threshold: float, *, log: bool = False, chosen: int | None = None) -> str:
        """SVG with the threshold line at its place, or at the margin if it lies outside.

        Args:
            threshold: Where the line stands.
            log: Logarithmic counts.
            chosen: A bar to be marked.
        """
        x = float(self._place(np.clip(threshold, self.low, self.high)))
        side, shift = ("end", -8) if x > WIDTH / 2 else ("start", 8)
        words = f"{self._t('threshold {0}', f'{threshold:.4g}')}"
        return (
            f'<svg class="wb-chart" viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" '
            f'data-line="{x:.1f}" aria-label="{self._t("histogram of scores")}, {words}">'
            f"{self._mark(chosen)}{self._bars[log]}{self._rest}"
            f'<g class="wb-line"><path class="wb-mark" d="M{x:.1f} 22 V{FLOOR}" '
            f'stroke-width="2.5" stroke-dasharray="7 4"/><path class="wb-fill" '
            f'd="M{x:.1f} {FLOOR} l-7 10 h14 z"/><text class="wb-strong" x="{x + shift:.1f}" '
            f'y="30" text-anchor="{side}">{self._t("NG from {0}", f"{threshold:.4g}")}</text>'
            "</g></svg>"
        )

    def score_at(self, x: float) -> float:
        """The score at a horizontal place of the drawing, kept on the axis.

        Example:
            >>> chart = Chart({"all": np.array([0.0, 1.0])}, 2, 0.5)
            >>> round(chart.score_at(515), 3)
            0.5
        """
        part = (min(max(x, LEFT), RIGHT) - LEFT) / (RIGHT - LEFT)
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

    def _place(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.log_x:
            part = np.log(np.maximum(score, self.low) / self.low) / np.log(self.high / self.low)
        else:
            part = (score - self.low) / (self.high - self.low)
        return LEFT + (RIGHT - LEFT) * part

    def _mark(self, bar: int | None) -> str:
        if bar is None:
            return ""
        x, end = self._x[bar : bar + 2]
        return f'<rect class="wb-chosen" x="{x:.1f}" y="40" width="{end - x:.1f}" height="216"/>'

    def _draw_bars(self, log: bool) -> str:
        heights = [np.log10(1 + c) if log else c for c in self.counts.values()]
        top = max(1e-9, max(h.max() for h in heights))
        colors = (
            f'fill="{OK}" fill-opacity=".55" stroke="{OK}" stroke-width="1.5"',
            f'fill="url(#{self._hatch})" stroke="{NG}" stroke-width="1.5"',
        )
        hatch = (
            f'<defs><pattern id="{self._hatch}" width="7" height="7" '
            f'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            f'<rect width="7" height="7" fill="{NG}" opacity=".2"/>'
            f'<path d="M0 0 V7" stroke="{NG}" stroke-width="2"/></pattern></defs>'
        )
        paths = [self._outline(h / top, c) for h, c in zip(heights, colors, strict=False)]
        most = max(int(counts.max()) for counts in self.counts.values())
        unit = self._t("parts, log" if log else "parts")
        label = f'<text x="44" y="52" text-anchor="end">{most:,}</text>'
        return hatch + "".join(paths) + f'{label}<text x="4" y="34">{unit}</text>'

    def _outline(self, heights: NDArray[np.float64], color: str) -> str:
        if not heights.any():
            return ""
        y = FLOOR - (FLOOR - 46) * heights
        steps = " ".join(f"V{b:.1f} H{x:.1f}" for b, x in zip(y, self._x[1:], strict=True))
        return f'<path d="M{self._x[0]:.1f} {FLOOR} {steps} V{FLOOR} Z" {color}/>'

    def _rug(self, ng: NDArray[np.float64]) -> str:
        # one tick a pixel at most: thousands of NG must not make the drawing heavy
        ticks = "".join(f"M{x} {FLOOR + 2} v8" for x in np.unique(self._place(ng).round()))
        return f'<path d="{ticks}" stroke="{NG}" stroke-width="1.5"/>' if ticks else ""

    def _axis(self) -> str:
        ticks = (_log_ticks if self.log_x else _round_ticks)(self.low, self.high)
        marks = "".join(
            f'<text x="{self._place(tick):.1f}" y="{FLOOR + 25}" text-anchor="middle">'
            f"{tick:.6g}</text>"
            for tick in ticks
        )
        line = f'<path class="wb-mark" d="M{LEFT} {FLOOR} H{RIGHT}" stroke-width="1"/>'
        unit = self._t("score, log" if self.log_x else "score")
        return f'{line}{marks}<text x="{RIGHT}" y="{HEIGHT - 3}" text-anchor="end">{unit}</text>'


def long_tailed(scores: NDArray[np.float64]) -> bool:
    """Whether a linear axis would press most parts into a few bars."""
    return bool(scores.min() > 0 and scores.max() > TAIL * np.median(scores))


def _range(classes: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Lowest and highest score, apart even if all are equal."""
    low, high = min(s.min() for s in classes), max(s.max() for s in classes)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _legend(classes: dict[str, NDArray[np.float64]], hatch: str) -> str:
    parts = zip(classes.items(), (OK, f"url(#{hatch})"), strict=False)
    return "".join(
        f'<rect x="{50 + 120 * i}" y="2" width="18" height="12" fill="{fill}" '
        f'stroke="{NG if name == "NG" else OK}" fill-opacity="{0.55 if name != "NG" else 1}"/>'
        f'<text class="wb-strong" x="{74 + 120 * i}" y="13">{name} ({len(scores):,})</text>'
        for i, ((name, scores), fill) in enumerate(parts)
    )


def _round_ticks(low: float, high: float) -> NDArray[np.float64]:
    """About eight round numbers within a range."""
    step = 10 ** np.floor(np.log10((high - low) / 4))
    step *= next(m for m in (1, 2, 5) if (high - low) / (m * step) <= 10)
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step


def _log_ticks(low: float, high: float) -> NDArray[np.float64]:
    """1, 2 and 5 times the powers of ten within a range; powers alone where it is wide."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = np.sort(np.outer(powers, (1, 2, 5) if len(powers) < 5 else (1,)).ravel())
    return ticks[(ticks >= low) & (ticks <= high)]
