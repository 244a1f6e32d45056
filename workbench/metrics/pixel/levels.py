"""Defective pixels against the background of all images, exactly, in two passes.

For each distinct score s of a defective pixel there is

    counts(s)  = #{defective pixels of score s}       weights(s) = sum of 1 / |its region|
    above(s)   = #{background pixels > s}             atleast(s) = #{background pixels >= s}

and with B background and D defective pixels in R regions every pixel metric is a sum over s:

    AUROC = sum counts(s) (B - (above(s) + atleast(s)) / 2) / (B D)
    AUPRO = sum weights(s) (F B - (above(s) + atleast(s)) / 2) / (F B R),  up to the limit F

Memory holds the defective scores, 40 bytes each; the background streams past in batches that are
sorted and looked up.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.metrics.pixel.maps import MarkedMaps, PixelCounts, batched, bin_of


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
