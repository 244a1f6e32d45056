"""Two scores of each part against each other, as SVG."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workbench.metrics import long_tailed

from .markup import render

SIDE, EDGE = 420, 44  # of the drawing, and of its left and lower margin
CELL = 2  # points that fall on the same two pixels are drawn once


class Scatter:
    """OK parts as circles, NG parts as crosses, and both thresholds as lines."""

    def __init__(
        self,
        a: NDArray[np.float64],
        b: NDArray[np.float64],
        ng: NDArray[np.bool_] | None,
        thresholds: tuple[float, float],
        names: tuple[str, str],
        t: Callable[..., str],
    ) -> None:
        self._names, self._t = names, t
        self._scales = [_scale(s, cut) for s, cut in zip((a, b), thresholds, strict=True)]
        self._lines = [
            float(f(np.array(c))) for f, c in zip(self._scales, thresholds, strict=True)
        ]
        x, y = EDGE + self._scales[0](a), SIDE - EDGE - self._scales[1](b)
        self._points = np.stack([x, y], axis=1)
        self._classes = _drawn_once(self._points, np.zeros(len(a), bool) if ng is None else ng)

    def draw(self, chosen: int | None = None) -> str:
        """SVG, with a ring around the chosen part."""
        ok, ng = self._classes
        circles = "".join(f"M{x - 2:.0f} {y:.0f} a2 2 0 1 0 4 0 a2 2 0 1 0 -4 0" for x, y in ok)
        crosses = "".join(
            f"M{x - 3:.0f} {y - 3:.0f} l6 6 M{x + 3:.0f} {y - 3:.0f} l-6 6" for x, y in ng
        )
        x, y = EDGE + self._lines[0], SIDE - EDGE - self._lines[1]
        ring = None if chosen is None else self._points[chosen].round().tolist()
        return render(
            "charts.scatter", side=SIDE, edge=EDGE, circles=circles, crosses=crosses, ring=ring,
            lines=f"M{x:.1f} 0 V{SIDE - EDGE} M{EDGE} {y:.1f} H{SIDE}", names=self._names,
            label=self._t("scores of {0} against those of {1}", *self._names),
        )  # fmt: skip


def _scale(scores: NDArray[np.float64], threshold: float) -> Callable[[NDArray], NDArray]:
    """From score to pixels; logarithmic where that is possible and a linear one would crowd."""
    low, high = (float(f([f(scores), threshold])) for f in (np.min, np.max))
    log = low > 0 and long_tailed(scores)
    form = np.log if log else np.asarray
    start, span = form(low), max(float(form(high) - form(low)), 1e-12)
    return lambda s: (form(s) - start) / span * (SIDE - EDGE - 12) + 6


def _drawn_once(points: NDArray, ng: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    cells = (points / CELL).round() * CELL
    return [np.unique(cells[chosen], axis=0) for chosen in (~ng, ng)]
