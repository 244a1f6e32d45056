"""What a detector says of one image, and why."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .heatmap import blend, enlarge
from .scores import heat

SHOWN = 10  # regions; beyond the strongest few they are noise


class Region(NamedTuple):
    """A connected place that is hotter than good parts are.

    Attributes:
        box: Left, top, right, bottom in pixels of the image; right and bottom are just outside.
        area: Pixels.
        peak: Its hottest pixel, in the units of the heat map.
    """

    box: tuple[int, int, int, int]
    area: int
    peak: float


@dataclass(frozen=True)
class Evaluation:
    """What a detector says of one image.

    Attributes:
        score: Anomaly score, higher is worse.
        threshold: The threshold it was held against.
        image: RGB photo, uint8, shape (H, W, 3).
        heatmap: Anomaly per pixel, float32, shape (H, W).
        heat_range: Ends of the dataset's colour scale; below the first a part is calm.
        timing: Seconds by stage: decode, resize, network, map, total.
        scores: The other kinds of score, over all scales and of each; see `csflow.all_scores`.
        shares: How much each scale has to do with it, finest first, summing to 1; see
            `csflow.scale_shares`. Small defects show at the finest scale, large ones coarser.
        maps: Energy of every cell, one array (H/2^k, W/2^k) a scale, in cells of that scale.
    """

    score: float
    threshold: float
    image: NDArray[np.uint8]
    heatmap: NDArray[np.float32]
    heat_range: tuple[float, float]
    timing: dict[str, float]
    scores: dict[str, float] = field(default_factory=dict)
    shares: tuple[float, ...] = ()
    maps: tuple[NDArray[np.float32], ...] = ()

    @property
    def is_anomaly(self) -> bool:
        """Whether the score reaches the threshold."""
        return self.score >= self.threshold

    @property
    def verdict(self) -> str:
        """Either "OK" or "NG"."""
        return "NG" if self.is_anomaly else "OK"

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The places that stand out from good parts, at most ten, strongest first."""
        return regions(self.heatmap, self.heat_range[0])

    def heat(self, kind: str) -> NDArray[np.float32]:
        """The heat map of another kind, shape (H, W): "mean", "finest", "sum" or "product"."""
        cells = heat([m[None] for m in self.maps], kind)
        return enlarge(cells[0], *self.image.shape[:2])

    def overlay(self, alpha: float = 0.7) -> Image.Image:
        """The photo under its heat map on the dataset's fixed scale, at its own size."""
        return blend(self.image, self.heatmap, self.heat_range, alpha)


def regions(heatmap: NDArray[np.floating], calm: float) -> tuple[Region, ...]:
    """Find what lies above a level; pixels that touch, corners included, are one region.

    Args:
        heatmap: Anomaly per pixel, shape (H, W).
        calm: Level that a region is above.

    Returns:
        At most ten, by falling peak.

    Example:
        >>> regions(np.array([[0, 3.0, 0, 0], [0, 0, 0, 5.0]]), 1)
        (Region(box=(3, 1, 4, 2), area=1, peak=5.0), Region(box=(1, 0, 2, 1), area=1, peak=3.0))
    """
    from scipy import ndimage  # half a second, and only who asks for regions needs it

    labels, count = ndimage.label(heatmap > calm, np.ones((3, 3)))
    numbers = range(1, count + 1)
    peaks = ndimage.maximum(heatmap, labels, numbers)
    areas = ndimage.sum_labels(labels > 0, labels, numbers)
    found = [
        Region((columns.start, rows.start, columns.stop, rows.stop), int(area), float(peak))
        for (rows, columns), area, peak in zip(
            ndimage.find_objects(labels), areas, peaks, strict=True
        )
    ]
    return tuple(sorted(found, key=lambda region: (-region.peak, -region.area))[:SHOWN])
