"""The places of a heat map that stand out."""

from math import ceil
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


def region_level(heat: NDArray[np.floating], smallest: float, count: int = 1) -> float:
    """The highest cut at which `count` regions of a map are large enough; else its lowest value.

    A map reaches a threshold by regions if and only if its level does, so this is a score.

    Args:
        heat: Shape (H, W); regions are 8-connected.
        smallest: Share of the map, from which on a region counts.
        count: So many of them.

    Example:
        >>> heat = np.array([[9.0, 0, 5, 4], [0, 0, 5, 0]])
        >>> [region_level(heat, share) for share in (1 / 8, 2 / 8, 3 / 8)]
        [9.0, 5.0, 4.0]
    """
    padded = np.pad(heat, 1, constant_values=-np.inf)
    width, values = padded.shape[1], padded.ravel()
    around = (-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1)
    need = max(1, ceil(smallest * heat.size - 1e-9))
    parent, area, large = [-1] * values.size, [1] * values.size, 0

    def top(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    order = np.argsort(-values, kind="stable")[: heat.size]
    last = np.append(values[order][1:] < values[order][:-1], True)  # of equal ones
    for at, whole in zip(order.tolist(), last.tolist(), strict=True):
        parent[at], large = at, large + (need == 1)
        for other in around:
            if parent[at + other] >= 0 and (one := top(at + other)) != (own := top(at)):
                large -= (area[one] >= need) + (area[own] >= need)
                parent[one], area[own] = own, area[own] + area[one]
                large += area[own] >= need
        if whole and large >= count:
            return float(values[at])
    return float(heat.min())
