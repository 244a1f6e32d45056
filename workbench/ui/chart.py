"""The histogram as SVG, drawn without matplotlib so that it keeps up with a moving slider."""

import numpy as np
from numpy.typing import NDArray

from workbench.ui.style import NG, OK

WIDTH, HEIGHT, FLOOR = 1000, 300, 256  # of the drawing; the bars stand on FLOOR


class Chart:
    """The drawing: bars and ticks are made once, the threshold line at every call.

    OK bars are filled, NG bars hatched and outlined, and each NG part is a tick below.

    Args:
        classes: Scores by "OK" and "NG", or by "all" alone, each of shape (N,).
        bins: Number of bars.
        threshold: Kept within the horizontal range.
    """

    def __init__(
        self, classes: dict[str, NDArray[np.float64]], bins: int, threshold: float
    ) -> None:
        low, high = _range([scores for scores in classes.values() if len(scores)])
        pad = 0.02 * (high - low)
        self.low = min(low - pad, float(threshold))
        self.high = max(high + pad, float(threshold))
        edges = np.linspace(low, high, bins + 1)
        self._x = self._place(edges)
        self._counts = [np.histogram(scores, edges)[0] for scores in classes.values()]
        self._rest = self._rug(classes.get("NG", np.empty(0))) + self._axis() + _legend(classes)
        self._bars = {log: self._draw_bars(log) for log in (False, True)}

    def draw(self, threshold: float, *, log: bool = False) -> str:
        """SVG with the threshold line at its place, or at the margin if it lies outside."""
        x = float(self._place(np.clip(threshold, self.low, self.high)))
        side, shift = ("end", -8) if x > WIDTH / 2 else ("start", 8)
        return (
            f'<svg class="wb-chart" viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" '
            f'aria-label="histogram of scores, threshold {threshold:.4g}">'
            f"{self._bars[log]}{self._rest}"
            f'<path class="wb-mark" d="M{x:.1f} 22 V{FLOOR}" stroke-width="2.5" '
            f'stroke-dasharray="7 4"/><text class="wb-strong" x="{x + shift:.1f}" y="30" '
            f'text-anchor="{side}">NG from {threshold:.4g}</text></svg>'
        )

    def _place(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        return 50 + (WIDTH - 70) * (score - self.low) / (self.high - self.low)

    def _draw_bars(self, log: bool) -> str:
        heights = [np.log10(1 + counts) if log else counts for counts in self._counts]
        top = max(1e-9, max(h.max() for h in heights))
        colors = (
            f'fill="{OK}" fill-opacity=".55"',
            f'fill="url(#wb-ng)" stroke="{NG}" stroke-width="1.5"',
        )
        hatch = (
            '<defs><pattern id="wb-ng" width="7" height="7" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><rect width="7" height="7" fill="{NG}" opacity=".2"/>'
            f'<path d="M0 0 V7" stroke="{NG}" stroke-width="2"/></pattern></defs>'
        )
        paths = [self._outline(h / top, c) for h, c in zip(heights, colors, strict=False)]
        most = max(int(counts.max()) for counts in self._counts)
        return hatch + "".join(paths) + _count_label(most, log)

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
        marks = "".join(
            f'<text x="{self._place(tick):.1f}" y="{FLOOR + 25}" text-anchor="middle">'
            f"{tick:.6g}</text>"
            for tick in _round_ticks(self.low, self.high)
        )
        line = f'<path class="wb-mark" d="M50 {FLOOR} H{WIDTH - 20}" stroke-width="1"/>'
        return (
            f'{line}{marks}<text x="{WIDTH - 20}" y="{HEIGHT - 3}" text-anchor="end">score</text>'
        )


def _range(classes: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Lowest and highest score, apart even if all are equal."""
    low, high = min(s.min() for s in classes), max(s.max() for s in classes)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _legend(classes: dict[str, NDArray[np.float64]]) -> str:
    parts = zip(classes.items(), (OK, "url(#wb-ng)"), strict=False)
    return "".join(
        f'<rect x="{50 + 120 * i}" y="2" width="18" height="12" fill="{fill}" '
        f'stroke="{NG if name == "NG" else OK}" fill-opacity="{0.55 if name != "NG" else 1}"/>'
        f'<text class="wb-strong" x="{74 + 120 * i}" y="13">{name} ({len(scores):,})</text>'
        for i, ((name, scores), fill) in enumerate(parts)
    )


def _count_label(most: int, log: bool) -> str:
    unit = "parts, log" if log else "parts"
    return f'<text x="44" y="52" text-anchor="end">{most:,}</text><text x="4" y="34">{unit}</text>'


def _round_ticks(low: float, high: float) -> NDArray[np.float64]:
    """About eight round numbers within a range."""
    step = 10 ** np.floor(np.log10((high - low) / 4))
    step *= next(m for m in (1, 2, 5) if (high - low) / (m * step) <= 10)
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
