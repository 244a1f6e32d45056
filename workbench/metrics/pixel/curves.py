"""Pixel metrics over all images together: AUROC and AUPRO.

Each has an exact mode, which goes through the maps twice (see `levels`), and a binned mode, which
goes through them once, holds 24 MB for any number of maps, and states in `.error` how far off
it can be: within a bin the order of pixels is unknown, so the error is what the two extreme
orders differ by.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.metrics.pixel.levels import Levels
from workbench.metrics.pixel.maps import BATCH, BINS, Area, MarkedMaps, batched, histogram

_NO_DEFECT, _NO_BACKGROUND = "no pixel is marked as defective", "every pixel is defective"


def pixel_auroc(
    maps: Iterable,
    masks: Iterable | None = None,
    *,
    exact: bool = True,
    at_once: int = BATCH,
    progress: bool = False,
) -> Area:
    """AUROC over the pixels of all images together.

    Args:
        maps: One heat map per image, each (H, W), sizes may differ; or, without `masks`, pairs
            of map and mask. Gone through several times: a list, or an object whose `__iter__`
            loads them again, for more maps than memory holds.
        masks: The defects, each (H, W) as its map; an image whose mask is None, so that its
            defects are unknown, is left out.
        exact: False bins the scores, in one pass, and says in `.error` how far off it can be.
        at_once: Pixels to hold at a time; fewer cost more passes, never exactness.
        progress: Show a bar for each pass.

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
        return bins.undefined or bins.area(bins.counts / bins.counts.sum(), 1.0)
    levels = Levels(pairs, None, at_once)
    if gap := _gap(levels.n_background, levels.n_defective, levels.n_regions):
        return gap
    won = 0.0
    for level in levels:
        behind = levels.n_background - (level.above + level.atleast) / 2
        won += float(level.counts @ behind)
    return _area(won / (levels.n_background * levels.n_defective), levels)


def aupro(
    maps: Iterable,
    masks: Iterable | None = None,
    *,
    limit: float = 0.3,
    exact: bool = True,
    at_once: int = BATCH,
    progress: bool = False,
) -> Area:
    """Area under the per-region overlap: mean share of each defect found, up to an FPR limit.

    The overlap at a threshold is averaged over the 8-connected regions of all images, so
    that a small defect counts like a large one; the false positive rate is over all background
    pixels, those of good images too. The curve has a point at each distinct score, is
    straight in between and interpolated at the limit; the area is divided by the limit.

    Args:
        maps: As for `pixel_auroc`.
        masks: As for `pixel_auroc`.
        limit: Highest false positive rate, in (0, 1].
        exact: As for `pixel_auroc`.
        at_once: As for `pixel_auroc`.
        progress: Show a bar for each pass.

    Returns:
        A number in [0, 1]; NaN with a `.reason` without a defect or without background.

    Raises:
        ValueError: The limit is outside (0, 1], or as for `pixel_auroc`.
        TypeError: An iterator, which is gone after one pass.

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
        return bins.undefined or bins.area(bins.weights / bins.n_regions, limit)
    levels = Levels(pairs, limit, at_once)
    if gap := _gap(levels.n_background, levels.n_defective, levels.n_regions):
        return gap
    parts = _overlaps(levels)
    end = levels.limit
    assert end is not None  # there is background: `_gap` has looked
    # of the background before the limit, which part scores below each defective pixel
    above = sum((part.weight for part in parts), 0.0)
    won = sum((part.weight * end.above - part.behind for part in parts), 0.0)
    won += end.share * end.tied * (above + end.share * parts[-1].tied / 2)
    return _area(won / (limit * levels.n_background * levels.n_regions), levels)


class _Overlap(NamedTuple):
    weight: float  # of the defective pixels above the limit's score
    behind: float  # the same, each times the background pixels that it does not beat
    tied: float  # weight of the defective pixels of exactly the limit's score


def _overlaps(levels: Levels) -> list[_Overlap]:
    """What each level adds; only the last one reaches the limit's score."""
    found = []
    for level in levels:
        at = -np.inf if levels.limit is None else levels.limit.score
        counted, tied = level.scores > at, level.scores == at
        weights = level.weights[counted]
        ahead = (level.above[counted] + level.atleast[counted]) / 2
        found.append(
            _Overlap(weights.sum(), float(weights @ ahead), float(level.weights[tied].sum()))
        )
    return found


class _Binned:
    """Background, defective pixels and their region weights in bins, highest bin first."""

    def __init__(self, pairs: MarkedMaps) -> None:
        self.n_regions = 0
        self._waiting: list[tuple[NDArray, NDArray]] = []
        background, counts = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
        weights = np.zeros(BINS)
        for scores in batched(self._read(pairs)):
            background += histogram(scores)
            self._drain(counts, weights)
        self._drain(counts, weights)
        used = np.flatnonzero(background + counts)[::-1]
        self.background, self.counts = background[used], counts[used]
        self.weights = weights[used]
        self.undefined = _gap(int(background.sum()), int(counts.sum()), self.n_regions)

    def _read(self, pairs: MarkedMaps) -> Iterable[NDArray]:
        for pair in pairs.run("count pixels"):
            scores, weights, n = pair.defects()
            self.n_regions += n
            self._waiting.append((scores, weights))
            yield pair.background

    def _drain(self, counts: NDArray, weights: NDArray) -> None:
        if self._waiting:
            scores, shares = (np.concatenate(x) for x in zip(*self._waiting, strict=True))
            counts += histogram(scores)
            weights += histogram(scores, shares)
            self._waiting = []

    def area(self, shares: NDArray[np.float64], limit: float) -> Area:
        """Under the curve of cumulative shares over the background, up to the limit."""
        wanted = limit * self.background.sum()
        before = np.cumsum(self.background) - self.background
        taken = np.clip(wanted - before, 0, self.background)
        # in a bin the shares found lie between those before it and those after it
        middle = np.cumsum(shares) - shares / 2
        return self._area(float(taken @ middle) / wanted, float(taken @ shares) / wanted / 2)

    def _area(self, value: float, error: float) -> Area:
        return Area(
            value, error=error, n_background=int(self.background.sum()), n_regions=self.n_regions
        )


def _gap(n_background: int, n_defective: int, n_regions: int) -> Area | None:
    if n_background and n_defective:
        return None
    reason = _NO_DEFECT if not n_defective else _NO_BACKGROUND
    return Area(np.nan, reason=reason, n_background=n_background, n_regions=n_regions)


def _area(value: float, levels: Levels) -> Area:
    return Area(value, n_background=levels.n_background, n_regions=levels.n_regions)
