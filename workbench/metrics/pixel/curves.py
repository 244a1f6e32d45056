"""Pixel metrics over all images together: AUROC and AUPRO.

Each has an exact mode, which goes through the maps twice. For each distinct score s of a
defective pixel there is

    counts(s)  = #{defective pixels of score s}       weights(s) = sum of 1 / |its region|
    above(s)   = #{background pixels > s}             atleast(s) = #{background pixels >= s}

and with B background and D defective pixels in R regions every pixel metric is a sum over s:

    AUROC = sum counts(s) (B - (above(s) + atleast(s)) / 2) / (B D)
    AUPRO = sum weights(s) (F B - (above(s) + atleast(s)) / 2) / (F B R),  up to the limit F

Memory holds the defective scores, 40 bytes each; the background streams past in batches that are
sorted and looked up.

A binned mode goes through the maps once, holds 24 MB for any number of them, and states in
`.error` how far off it can be: within a bin the order of pixels is unknown, so the error is what
the two extreme orders differ by.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.metrics.pixel.maps import (
    BINS,
    Area,
    MarkedMaps,
    PixelCounts,
    batched,
    bin_of,
    histogram,
)


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
    pairs = MarkedMaps(maps, masks, progress=progress)
    if not exact:
        bins = _Binned(pairs)
        return bins.seen.undefined or bins.area(bins.counts / bins.counts.sum(), 1.0)
    levels = Levels(pairs)
    seen = levels.seen
    if gap := seen.undefined:
        return gap
    won = float(levels.counts @ (seen.n_background - (levels.above + levels.atleast) / 2))
    return seen.area(won / (seen.n_background * seen.n_defective))


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
    pairs = MarkedMaps(maps, masks, progress=progress)
    if not exact:
        bins = _Binned(pairs)
        return bins.seen.undefined or bins.area(bins.weights / bins.seen.n_regions, limit)
    levels = Levels(pairs, limit)
    seen, end = levels.seen, levels.limit
    if gap := seen.undefined:
        return gap
    assert end is not None  # there is background
    # of the background before the limit, which part scores below each defective pixel
    inside, tied = levels.scores > end.score, levels.scores == end.score
    weights = levels.weights[inside]
    above = float(weights.sum())
    behind = float(weights @ (levels.above[inside] + levels.atleast[inside]) / 2)
    won = above * end.above - behind
    won += end.share * end.tied * (above + end.share * levels.weights[tied].sum() / 2)
    return seen.area(won / (limit * seen.n_background * seen.n_regions))


class _Binned:
    """Background, defective pixels and their region weights in bins, highest bin first."""

    def __init__(self, pairs: MarkedMaps) -> None:
        counts, weights = np.zeros(BINS, np.int64), np.zeros(BINS)

        def take(scores: NDArray, shares: NDArray) -> None:
            nonlocal counts, weights
            counts += histogram(scores)
            weights += histogram(scores, shares)

        self.seen = PixelCounts(pairs, take)
        used = np.flatnonzero(self.seen.background + counts)[::-1]
        self.background = self.seen.background[used]
        self.counts, self.weights = counts[used], weights[used]

    def area(self, shares: NDArray[np.float64], limit: float) -> Area:
        """Under the curve of cumulative shares over the background, up to the limit."""
        wanted = limit * self.background.sum()
        before = np.cumsum(self.background) - self.background
        taken = np.clip(wanted - before, 0, self.background)
        # in a bin the shares found lie between those before it and those after it
        middle = np.cumsum(shares) - shares / 2
        error = float(taken @ shares) / wanted / 2
        return self.seen.area(float(taken @ middle) / wanted, error)


class Limit(NamedTuple):
    """Where a number of background pixels, counted from the highest score, is reached."""

    score: float
    above: int  # background pixels that score higher
    tied: int  # those of exactly this score
    share: float  # of the tied ones, until the number is reached


class Levels:
    """The distinct scores of defective pixels, ascending, and what lies above them.

    Args:
        share: Of the background pixels, in (0, 1], for a limit: what scores below it is not
            counted. None counts all.

    Attributes:
        seen: How many pixels and regions there are.
        limit: Of the share.
        scores: Shape (R,), as the next four.
        counts: Defective pixels of this score.
        weights: Their sum of 1 / size of the region.
        above: Background pixels that score higher.
        atleast: Background pixels that score as high or higher.
    """

    def __init__(self, pairs: MarkedMaps, share: float | None = None) -> None:
        parts: list[tuple[NDArray, NDArray]] = []
        self.seen = PixelCounts(pairs, lambda *defects: parts.append(defects))
        self.limit: Limit | None = None
        if self.seen.undefined:
            return
        scores, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
        self.scores, at, self.counts = np.unique(scores, return_inverse=True, return_counts=True)
        self.weights = np.bincount(at, weights)
        self.above, self.atleast = np.zeros((2, self.scores.size), np.int64)
        # background pixels in a bin or a higher one
        reached = np.cumsum(self.seen.background[::-1])[::-1]
        wanted = (share or 0) * self.seen.n_background
        edge = _last(reached >= wanted) if share else 0
        tied = self._rank(pairs, edge)
        if share:
            above = int(reached[edge] - self.seen.background[edge])
            self.limit = _limit(tied, above, wanted)

    def _rank(self, pairs: MarkedMaps, edge: int) -> list[tuple[NDArray, NDArray]]:
        """The second pass; returns the background scores of the bin at the edge, counted."""
        tied = []
        for batch in batched(pair.background for pair in pairs.run("rank pixels")):
            bins = bin_of(batch)
            tied.append(np.unique(batch[bins == edge], return_counts=True))
            batch = np.sort(batch[bins >= edge])
            self.above += batch.size - np.searchsorted(batch, self.scores, "right")
            self.atleast += batch.size - np.searchsorted(batch, self.scores, "left")
        return tied


def _limit(tied: list[tuple[NDArray, NDArray]], above: int, wanted: float) -> Limit:
    """The background score, of those at the edge, at which the wanted number is reached."""
    scores, counts = (np.concatenate(part) for part in zip(*tied, strict=True))
    scores, at = np.unique(scores, return_inverse=True)
    counts = np.bincount(at, counts).astype(np.int64)
    reached = above + np.cumsum(counts[::-1])[::-1]
    i = _last(reached >= wanted)
    above, n = int(reached[i] - counts[i]), int(counts[i])
    return Limit(scores[i], above, n, (wanted - above) / n)


def _last(found: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(found)[-1])
