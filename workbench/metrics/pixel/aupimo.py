"""AUPIMO: how much of each defect is found where good images show next to no false alarm."""

from collections.abc import Iterable
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.metrics.pixel.maps import BINS, Area, MarkedMaps, binned, lowest_of

BOUNDS = (1e-5, 1e-4)


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
    scores tie. Exact; three passes, in memory for the highest scores of good images only. Maps and
    masks are as for `pixel_auroc`; an image whose mask is empty is a good one.

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
    counted = _Counted(pairs)
    gap = Area(np.nan, n_background=counted.n_background, n_regions=counted.n_defective)
    if not counted.n_good or not counted.n_defective:
        missing = "without a defect" if not counted.n_good else "with a defect"
        gap.reason = f"there is no image {missing}"
        return gap
    curve = _Curve.of(pairs, counted, low, high)
    if curve is None:
        gap.reason = (
            f"the lowest false positive rate that good images can show lies above {low:g}: "
            "more or larger good images are needed, or maps with fewer equal scores"
        )
        return gap
    found = np.full(counted.n_images, np.nan)
    for pair in pairs.run("rank defects"):
        if pair.mask.any():
            found[pair.index] = curve.area(pair.heat[pair.mask])
    return Area(
        float(np.nanmean(found)),
        n_background=counted.n_background,
        n_regions=counted.n_defective,
        per_image=found,
    )


class _Counted:
    """The first pass: mean share of a good image's pixels in each bin."""

    def __init__(self, pairs: MarkedMaps) -> None:
        self.n_good = self.n_defective = self.n_background = self.n_images = 0
        total = np.zeros(BINS)
        for pair in pairs.run("count pixels"):
            self.n_images = pair.index + 1
            if pair.mask.any():
                self.n_defective += 1
                continue
            self.n_good += 1
            self.n_background += pair.heat.size
            at, counts = binned(pair.heat)
            total[at] += counts / pair.heat.size
        self._total = total

    def floor(self, share: float) -> int:
        """The highest bin from which on the mean share is reached, to be safe with a margin."""
        reached = np.cumsum(self._total[::-1])[::-1] / self.n_good
        return int(np.flatnonzero(reached >= min(share * (1 + 1e-9), reached[0]))[-1])


class _Curve(NamedTuple):
    """The thresholds between the bounds; each segment ends at a good image's score."""

    scores: NDArray[np.floating]  # (K,) descending
    starts: NDArray[np.float64]  # (K,) log FPR of all scores higher
    ends: NDArray[np.float64]  # (K,) log FPR with this score
    low: float
    high: float

    @classmethod
    def of(cls, pairs: MarkedMaps, counted: _Counted, low: float, high: float) -> "_Curve | None":
        """The second pass; None if the lower bound is not resolved."""
        edge = lowest_of(counted.floor(high))
        found_scores: list[NDArray] = []
        shares: list[NDArray] = []
        for pair in pairs.run("rank good pixels"):
            if not pair.mask.any():
                # rounded as the bins are, so that no score of the lowest bin is lost
                found = pair.heat[pair.heat.astype(np.float32) >= edge]
                found_scores.append(found)
                shares.append(np.full(found.size, 1 / (pair.heat.size * counted.n_good)))
        scores, at = np.unique(np.concatenate(found_scores), return_inverse=True)
        rates = np.cumsum(np.bincount(at, np.concatenate(shares))[::-1])
        if rates[0] > low * (1 + 1e-9):
            return None
        logs = np.log(rates)
        starts = np.append(-np.inf, logs[:-1])
        used = (logs > log(low)) & (starts < log(high))
        return cls(scores[::-1][used], starts[used], logs[used], log(low), log(high))

    def area(self, defect: NDArray[np.floating]) -> float:
        """Mean share of the defective pixels found between the bounds."""
        defect = np.sort(defect)
        before = 1 - np.searchsorted(defect, self.scores, "right") / defect.size
        after = 1 - np.searchsorted(defect, self.scores, "left") / defect.size
        slope = (after - before) / (self.ends - self.starts)
        left, right = np.maximum(self.starts, self.low), np.minimum(self.ends, self.high)
        middle = before + slope * ((left + right) / 2 - self.starts)
        return float((right - left) @ middle / (self.high - self.low))
