"""The places of a heat map that stand out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHOWN = 10  # regions; beyond the strongest few they are noise
SAMPLED = 512  # pixels of the longer side in which they are looked for


class Region(NamedTuple):
    """A place around a peak of the heat map, cut at half of the peak or at the threshold."""

    # left, top, right, bottom in pixels of the image; right and bottom are just outside
    box: tuple[int, int, int, int]
    area: int  # pixels
    peak: float  # its hottest pixel, in the units of the heat map


def regions(heatmap: NDArray[np.floating], threshold: float) -> tuple[Region, ...]:
    """The peaks that reach a threshold, each cut at half its height or at the threshold.

    A peak whose surroundings reach into those of a higher one belongs to that.

    Returns:
        At most ten, by falling peak.

    Example:
        >>> regions(np.array([[0, 3.0, 0, 0], [0, 0, 0, 5.0]]), 1)
        (Region(box=(3, 1, 4, 2), area=1, peak=5.0), Region(box=(1, 0, 2, 1), area=1, peak=3.0))
    """
    from scipy import ndimage  # half a second, and only who asks for regions needs it

    step = -(-max(heatmap.shape) // SAMPLED)  # the map is smooth: cells of many pixels
    heat, height, width = heatmap[::step, ::step], *heatmap.shape
    open_, taken = heat >= threshold, np.zeros(heat.shape, bool)
    found: list[Region] = []
    while open_.any() and len(found) < SHOWN:
        top = np.unravel_index(np.where(open_, heat, -np.inf).argmax(), heat.shape)
        peak = float(heat[top])
        labels, _ = ndimage.label(heat >= max(peak / 2, threshold), np.ones((3, 3)))
        own = labels == labels[top]
        if not (own & taken).any():
            rows, columns = ndimage.find_objects(own.astype(np.uint8))[0]
            box = (columns.start, rows.start, columns.stop, rows.stop)
            left, top_, right, bottom = (step * edge for edge in box)
            box = (left, top_, min(right, width), min(bottom, height))
            found.append(Region(box, int(own.sum()) * step**2, peak))
        taken |= own
        open_ &= ~own
    return tuple(found)
