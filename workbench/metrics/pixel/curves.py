"""Pixel metrics over all images together: AUROC and AUPRO.

Each is an area under a curve: what was found over the background pixels, B in all, that reach a
threshold. Down through the scores, the step at score s takes in

    before(s) = #{background pixels > s},    tied(s) = #{background pixels = s}

and finds a share p(s): for AUROC of the defective pixels, for AUPRO the mean share of the regions.
The curve is flat between two steps and straight within one, so that up to a limit of L background
pixels, of which t = min(tied(s), L - before(s)) lie in the step, it adds to the area

    p(s) (L - before(s) - tied(s)) + p(s) t^2 / (2 tied(s)),  neither below 0.

The exact mode has a step for each distinct score of a defective pixel. It goes through the maps
twice: memory holds the defective scores, 40 bytes each, and the background streams past in batches
that are sorted and looked up. The binned mode goes through them once and holds 24 MB for any
number of maps; within a bin the order of pixels is unknown, and `.error` is how far off that is.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.metrics.pixel.maps import BINS, Area, MarkedMap, MarkedMaps, batched, binned


def pixel_auroc(
    maps: Iterable, masks: Iterable | None = None, *, exact: bool = True, progress: bool = False
) -> Area:
    """AUROC over the pixels of all images together.

    Args:
        maps: One heat map per image, each (H, W), sizes may differ; or, without `masks`, pairs
            of map and mask. Gone through several times: a list, or an object whose `__iter__`
            loads them again, for more maps than memory holds.
        masks: The defects, each (H, W) as its map; an image whose mask is None, so that its
            defects are unknown, is left out.
        exact: False bins the scores, in one pass, and says in `.error` how far off it can be.

    Returns:
        A number in [0, 1]; NaN with a `.reason` without a pixel of each class.

    Raises:
        ValueError: Not as many masks as maps, unequal sizes or a heat map that is not finite.
        TypeError: An iterator, which is gone after one pass.

    Example:
        >>> float(pixel_auroc([[[0.1, 0.9]]], [[[False, True]]]))
        1.0
    """
    return _Steps(MarkedMaps(maps, masks, progress=progress), exact).area()


def aupro(
    maps: Iterable,
    masks: Iterable | None = None,
    *,
    limit: float = 0.3,
    exact: bool = True,
    progress: bool = False,
) -> Area:
    """Area under the per-region overlap: mean share of each defect found, up to an FPR limit.

    The overlap at a threshold is averaged over the 8-connected regions of all images, so
    that a small defect counts like a large one; the false positive rate is over all background
    pixels, those of good images too. The curve has a point at each distinct score, is
    straight in between and interpolated at the limit; the area is divided by the limit. Arguments,
    errors and what is NaN are as for `pixel_auroc`.

    Args:
        limit: Highest false positive rate, in (0, 1].

    References:
        Bergmann et al. 2021, The MVTec Anomaly Detection Dataset, section 5.

    Example:
        >>> heat, mask = [[0.9, 0.2, 0.1, 0.8]], [[True, True, False, False]]
        >>> float(aupro([heat], [mask], limit=0.5))
        0.5
    """
    if not 0 < limit <= 1:
        raise ValueError(f"limit must be in (0, 1], got {limit}")
    steps = _Steps(MarkedMaps(maps, masks, progress=progress), exact)
    return steps.area(limit, by_region=True)


class _Steps:
    """The steps of the curve; of each the background before it and in it, and what it finds."""

    before: NDArray[np.int64]  # (S,), as the next three
    tied: NDArray[np.int64]
    counts: NDArray[np.int64]  # defective pixels
    weights: NDArray[Any]  # their sum of 1 / size of the region

    def __init__(self, pairs: MarkedMaps, exact: bool) -> None:
        self.n_background = self.n_defective = self.n_regions = 0
        self._exact = exact
        (self._by_score if exact else self._by_bin)(pairs)

    def area(self, limit: float = 1.0, *, by_region: bool = False) -> Area:
        """Under the curve up to a share of the background, divided by that."""
        seen = {"n_background": self.n_background, "n_regions": self.n_regions}
        if not self.n_background or not self.n_defective:
            missing = "every pixel is" if self.n_defective else "no pixel is marked as"
            return Area(np.nan, reason=f"{missing} defective", **seen)
        found = self.weights / self.n_regions if by_region else self.counts / self.n_defective
        wanted = limit * self.n_background
        taken = np.clip(wanted - self.before, 0, self.tied)
        within = np.divide(taken**2, 2 * self.tied, out=np.zeros(len(taken)), where=self.tied > 0)
        after = np.maximum(wanted - self.before - self.tied, 0)
        error = 0.0 if self._exact else float(found @ (taken - within)) / wanted
        return Area(float(found @ (after + within)) / wanted, error=error, **seen)

    def _by_score(self, pairs: MarkedMaps) -> None:
        parts = [(scores, weights) for _, scores, weights in self._counted(pairs)]
        if not self.n_defective:
            return
        scores, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
        scores, at, self.counts = np.unique(scores, return_inverse=True, return_counts=True)
        self.weights = np.bincount(at, weights)
        self.before, self.tied = np.zeros((2, scores.size), np.int64)
        for batch in batched(pair.background for pair in pairs.run("rank pixels")):
            batch.sort()
            below, upto = (np.searchsorted(batch, scores, side) for side in ("left", "right"))
            self.before += batch.size - upto
            self.tied += upto - below

    def _by_bin(self, pairs: MarkedMaps) -> None:
        background, counts = np.zeros((2, BINS), np.int64)
        self.weights = np.zeros(BINS)
        for pair, scores, weights in self._counted(pairs):
            for total, of in ((background, pair.background), (counts, scores)):
                at, n = binned(of)
                total[at] += n
            at, found = binned(scores, weights)
            self.weights[at] += found
        used = np.flatnonzero(counts)
        self.counts, self.weights, self.tied = counts[used], self.weights[used], background[used]
        self.before = self.n_background - np.cumsum(background)[used]

    def _counted(self, pairs: MarkedMaps) -> Iterator[tuple[MarkedMap, NDArray, NDArray]]:
        """The first pass, with scores and weights of the defective pixels of each map."""
        for pair in pairs.run("count pixels"):
            scores, weights, n = pair.defects()
            self.n_defective += scores.size
            self.n_background += pair.heat.size - scores.size
            self.n_regions += n
            yield pair, scores, weights
