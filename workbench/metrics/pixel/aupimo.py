"""AUPIMO: how much of each defect is found where good images show next to no false alarm."""

from collections.abc import Iterable
from math import log

import numpy as np
from numpy.typing import NDArray

from workbench.metrics.pixel.maps import BINS, Area, MarkedMaps, binned, lowest_of

BOUNDS = (1e-5, 1e-4)
_ROUNDING = 1 + 1e-9


def aupimo(
    maps: Iterable,
    masks: Iterable | None = None,
    *,
    bounds: tuple[float, float] = BOUNDS,
    progress: bool = False,
) -> Area:
    """Area under the per-image overlap, over the logarithm of the false positive rate.

    Thresholds come from good images alone: the shared false positive rate is the mean of the
    shares of their pixels that reach a threshold. For each image with a defect, the share of
    its defective pixels found is integrated over log FPR between the bounds and divided by the
    width. The curve has a point at each distinct score and is straight over log FPR where
    scores tie. Exact, in two passes; memory holds the scores of defective pixels. Maps and masks
    are as for `pixel_auroc`; an image whose mask is empty is a good one.

    Args:
        bounds: Lowest and highest shared FPR, within (0, 1].

    Returns:
        The mean over the images with a defect; `.per_image` holds each. NaN with a `.reason`
        without an image of each kind, or where good images cannot resolve the lower bound.

    Raises:
        ValueError: The bounds are not ascending within (0, 1], or as for `pixel_auroc`.
        TypeError: An iterator, which is gone after one pass.

    References:
        Bertoldo et al. 2024, AUPIMO: Redefining Visual Anomaly Detection Benchmarks with High
        Speed and Low Tolerance, arXiv 2401.01984.

    Example:
        >>> good, part = np.arange(10.0).reshape(2, 5), np.array([[1.0, 8.5, 9.5]])
        >>> masks = [np.zeros((2, 5)), np.array([[0, 1, 1]])]
        >>> float(aupimo([good, part], masks, bounds=(0.1, 0.2)))  # 8.5 lies above all but 9
        1.0
    """
    low, high = bounds
    if not 0 < low < high <= 1:
        raise ValueError(f"bounds must ascend within (0, 1], got {bounds}")
    pairs = MarkedMaps(maps, masks, progress=progress)
    defects: dict[int, NDArray] = {}  # scores by image
    n_images = n_good = n_background = 0
    bins, top = np.zeros(BINS), -np.inf
    for pair in pairs.run("count pixels"):
        n_images = pair.index + 1
        if pair.mask.any():
            defects[pair.index] = pair.heat[pair.mask]
            continue
        at, counts = binned(pair.heat)
        bins[at] += counts / pair.heat.size
        n_good, n_background = n_good + 1, n_background + pair.heat.size
        top = max(top, pair.heat.max())
    gap = Area(np.nan, n_background=n_background, n_regions=len(defects))
    if not n_good or not defects:
        gap.reason = f"there is no image {'with' if n_good else 'without'} a defect"
        return gap
    # what scores below this is found at higher rates only; rounded as the bins are
    reached = np.cumsum(bins[::-1])[::-1] / n_good
    edge = lowest_of(int(np.flatnonzero(reached >= min(high * _ROUNDING, reached[0]))[-1]))
    scores = {i: of[of.astype(np.float32) >= edge] for i, of in defects.items()}
    steps = np.unique(np.concatenate([*scores.values(), [top]]))
    before, upto = _rates(pairs, steps, edge, n_good)
    if upto[np.searchsorted(steps, top)] > low * _ROUNDING:
        gap.reason = (
            f"the lowest false positive rate that good images can show lies above {low:g}: "
            "more or larger good images are needed, or maps with fewer equal scores"
        )
        return gap
    shares = _between(before, upto, low, high)
    found = np.full(n_images, np.nan)
    for i, of in scores.items():
        found[i] = shares[np.searchsorted(steps, of)].sum() / defects[i].size
    mean = float(np.nanmean(found))
    return Area(mean, n_background=n_background, n_regions=len(defects), per_image=found)


def _rates(
    pairs: MarkedMaps, steps: NDArray, edge: np.float32, n_good: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The second pass: false positive rates above each step, and with it."""
    before, upto = np.zeros((2, steps.size))
    for pair in pairs.run("rank good pixels"):
        if not pair.mask.any():
            good = np.sort(pair.heat[pair.heat.astype(np.float32) >= edge])
            weight = 1 / (pair.heat.size * n_good)
            before += weight * (good.size - np.searchsorted(good, steps, "right"))
            upto += weight * (good.size - np.searchsorted(good, steps, "left"))
    return before, upto


def _between(
    before: NDArray[np.float64], upto: NDArray[np.float64], low: float, high: float
) -> NDArray[np.float64]:
    """Of the way from low to high in log FPR, where a pixel is found; half, where scores tie."""
    with np.errstate(divide="ignore"):
        start, end, low, high = np.log(before), np.log(upto), log(low), log(high)
    left, right = np.maximum(start, low), np.minimum(end, high)
    ramp = np.isfinite(start) & (left < right)  # found in part: as straight as the curve
    first, last, begin, stop = (each[ramp] for each in (start, end, left, right))
    part = np.zeros(start.size)
    part[ramp] = (stop - begin) * ((begin + stop) / 2 - first) / (last - first)
    return (part + np.maximum(high - np.maximum(end, low), 0)) / (high - low)
