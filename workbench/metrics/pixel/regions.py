"""Verdicts by the size of what stands out: an inspector rejects a scratch by its length.

A region is a connected part of a heat map that reaches a cut. A photo is NG if at least `count`
of its regions are `smallest` or larger, which is so if and only if its `count`-th largest region
is. That area is a score like any other: AUROC, rates and threshold policies apply to it, and the
threshold is the smallest area that counts.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.counts import rate
from workbench.metrics.pixel.maps import EIGHT, MarkedMaps


def region_areas(heat: ArrayLike, cut: float) -> NDArray[np.float64]:
    """Areas of the 8-connected regions that reach a cut, as shares of the map, largest first.

    Example:
        >>> region_areas([[0, 9, 0, 0], [9, 0, 0, 9]], cut=5).tolist()
        [0.25, 0.125]
    """
    labels, n = _regions(np.asarray(heat), cut)
    return np.sort(np.bincount(labels.ravel(), minlength=n + 1)[1:])[::-1] / labels.size


def region_scores(maps: Iterable[ArrayLike], cut: float, count: int = 1) -> NDArray[np.float64]:
    """Area of the `count`-th largest region of each map, shape (N,); 0 where there is none.

    Raises:
        ValueError: No region is asked for.

    Example:
        >>> heat = [[0, 9, 0, 0], [9, 0, 0, 9]]
        >>> region_scores([heat], cut=5).tolist(), region_scores([heat], cut=5, count=2).tolist()
        ([0.25], [0.125])
    """
    if count < 1:
        raise ValueError(f"count must be at least 1 region, got {count}")
    areas = (region_areas(heat, cut) for heat in maps)
    return np.array([found[count - 1] if len(found) >= count else 0.0 for found in areas])


def regions_found(
    maps: Iterable, masks: Iterable, cut: float, smallest: float = 0.0
) -> tuple[int, int]:
    """How many marked defects are touched by a region that counts, and how many there are.

    Args:
        cut: What a region reaches.
        smallest: Area from which on one counts, as a share of the map.

    Example:
        >>> regions_found([[[9, 0, 0, 1]]], [[[True, False, False, True]]], cut=5)
        (1, 2)
    """
    found = total = 0
    for pair in MarkedMaps(maps, masks).run("find regions"):
        if pair.mask.any():
            defects, n = _regions(pair.mask, True)
            labels, _ = _regions(pair.heat, cut)
            counts = rate(np.bincount(labels.ravel()), labels.size) >= smallest
            counts[0] = False  # what is no region
            touched = np.unique(defects[counts[labels]])
            found, total = found + int((touched > 0).sum()), total + n
    return found, total


def _regions(heat: NDArray, cut: float) -> tuple[NDArray[np.int32], int]:
    from scipy.ndimage import label

    return label(heat >= cut, EIGHT)
