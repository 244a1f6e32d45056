"""The places of a heat map that stand out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


def regions(heatmap: NDArray[np.floating], heat_floor: float) -> tuple[Region, ...]:
    """Find what lies above a level; pixels that touch, corners included, are one region.

    Args:
        heatmap: Anomaly per pixel, shape (H, W).
        heat_floor: Level that a region is above.

    Returns:
        At most ten, by falling peak.

    Example:
        >>> regions(np.array([[0, 3.0, 0, 0], [0, 0, 0, 5.0]]), 1)
        (Region(box=(3, 1, 4, 2), area=1, peak=5.0), Region(box=(1, 0, 2, 1), area=1, peak=3.0))
    """
    from scipy import ndimage  # half a second, and only who asks for regions needs it

    labels, count = ndimage.label(heatmap > heat_floor, np.ones((3, 3)))
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
