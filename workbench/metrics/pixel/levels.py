"""Defective pixels against the background of all images, exactly and in bounded memory.

For each distinct score s of a defective pixel a level holds

    counts(s)  = #{defective pixels of score s}       weights(s) = sum of 1 / |its region|
    above(s)   = #{background pixels > s}             atleast(s) = #{background pixels >= s}

and with B background and D defective pixels in R regions every pixel metric is a sum over s:

    AUROC = sum counts(s) (B - (above(s) + atleast(s)) / 2) / (B D)
    AUPRO = sum weights(s) (F B - (above(s) + atleast(s)) / 2) / (F B R),  up to the limit F

Only the defective scores stay in memory; the background streams past in batches that are sorted
and looked up. Of very many defective pixels the highest are taken first and each further
part costs one more pass.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.metrics.pixel.maps import (
    BINS,
    MarkedMap,
    MarkedMaps,
    batched,
    bin_of,
    histogram,
    lowest_of,
)


class Level(NamedTuple):
    """Defective pixels of one range of scores; arrays of shape (R,), scores ascending."""

    scores: NDArray[np.floating]
    counts: NDArray[np.int64]  # defective pixels of this score
    weights: NDArray[np.float64]  # their sum of 1 / size of the region
    above: NDArray[np.int64]  # background pixels that score higher
    atleast: NDArray[np.int64]  # background pixels that score as high or higher


class Limit(NamedTuple):
    """Where a number of background pixels, counted from the highest score, is reached."""

    score: float
    above: int  # background pixels that score higher
    tied: int  # those of exactly this score
    share: float  # of the tied ones, until the number is reached


class Levels:
    """The defective pixels from the highest score down to where a background share is reached.

    Args:
        pairs: Maps and masks.
        share: Of the background pixels, in (0, 1]; None takes all defective pixels.
        at_once: Background pixels that are sorted at once, and half the number of distinct
            defective scores that are held, 40 bytes each.

    Attributes:
        n_background: Pixels without a defect.
        n_defective: Pixels with one.
        n_regions: Connected defects.
        limit: Of a share, known once its last level is there.
    """

    def __init__(self, pairs: MarkedMaps, share: float | None, at_once: int) -> None:
        self._pairs, self._at_once = pairs, at_once
        self._first = _Defects(0, BINS, at_once)
        self._background = np.zeros(BINS, np.int64)
        for scores in batched(self._read(self._first, "count pixels"), at_once):
            self._background += histogram(scores)
        self.n_background = int(self._background.sum())
        self.n_defective, self.n_regions = self._first.n_pixels, self._first.n_regions
        self._wanted = (share or 0) * self.n_background
        # background pixels in a bin or a higher one
        self._reached = np.cumsum(self._background[::-1])[::-1]
        self._floor = 0 if share is None else _last(self._reached >= self._wanted)
        self.limit: Limit | None = None

    def __iter__(self) -> Iterator[Level]:
        defects, end = self._first, BINS
        tied = _Tied(self._at_once)
        while True:
            defects.merge()
            start = max(defects.start, self._floor)
            following = _Defects(self._floor, start, self._at_once)
            level = self._count(defects, following, start, end, tied)
            if start == self._floor:
                self.limit = self._find_limit(tied) if self._wanted else None
                yield level
                return
            yield level
            defects, end = following, start

    def _read(self, defects: "_Defects", what: str) -> Iterator[NDArray[np.floating]]:
        for pair in self._pairs.run(what):
            defects.add(pair)
            yield pair.background

    def _count(
        self, defects: "_Defects", following: "_Defects", start: int, end: int, tied: "_Tied"
    ) -> Level:
        scores, counts, weights = defects.found(start)
        higher = int(self._reached[end]) if end < BINS else 0
        above, atleast = np.full(scores.size, higher), np.full(scores.size, higher)
        read = self._read(following, "rank pixels")
        for batch in batched((_between(x, start, end) for x in read), self._at_once):
            batch.sort()
            above += batch.size - np.searchsorted(batch, scores, "right")
            atleast += batch.size - np.searchsorted(batch, scores, "left")
            if start == self._floor and self._wanted:
                tied.add(batch[: bisect_right(batch, start, key=lambda score: int(bin_of(score)))])
        return Level(scores, counts, weights, above, atleast)

    def _find_limit(self, tied: "_Tied") -> Limit:
        """The background score at which the wanted number is reached, within the lowest bin."""
        scores, counts = tied.merged()
        above = int(self._reached[self._floor] - self._background[self._floor])
        reached = above + np.cumsum(counts[::-1])[::-1]
        i = _last(reached >= self._wanted)
        above, n = int(reached[i] - counts[i]), int(counts[i])
        return Limit(scores[i], above, n, (self._wanted - above) / n)


class _Defects:
    """Distinct scores of defective pixels in a range of bins; drops the lowest when too many."""

    def __init__(self, start: int, end: int, at_once: int) -> None:
        self.start, self.end, self._at_once = start, end, at_once
        self.n_pixels = self.n_regions = 0
        self._parts: list[tuple[NDArray, ...]] = []
        self._waiting = 0

    def add(self, pair: MarkedMap) -> None:
        if self.start >= self.end:
            return
        scores, weights, n = pair.defects()
        self.n_pixels += scores.size
        self.n_regions += n
        bins = bin_of(scores)
        inside = (bins >= self.start) & (bins < self.end)
        if inside.any():
            self._parts.append((scores[inside], np.ones(inside.sum(), np.int64), weights[inside]))
            self._waiting += int(inside.sum())
        if self._waiting >= self._at_once:
            self.merge()

    def found(self, start: int) -> tuple[NDArray, NDArray, NDArray]:
        """Scores ascending, counts and weights, from a bin on, once merged."""
        if not self._parts:
            return np.empty(0), np.empty(0, np.int64), np.empty(0)
        first = np.searchsorted(bin_of(self._parts[0][0]), start)
        scores, counts, weights = self._parts[0]
        return scores[first:], counts[first:], weights[first:]

    def merge(self) -> None:
        """Merge equal scores and keep to the number to be kept, raising `start` for it."""
        if not self._parts:
            return
        scores, counts, weights = (
            np.concatenate(parts) for parts in zip(*self._parts, strict=True)
        )
        order = np.argsort(scores, kind="stable")
        scores = scores[order]
        first = np.flatnonzero(np.append(True, scores[1:] != scores[:-1]))
        found: tuple[NDArray, ...] = (
            scores[first],
            np.add.reduceat(counts[order], first),
            np.add.reduceat(weights[order], first),
        )
        if first.size > 2 * self._at_once:  # the lowest wait for the next pass, by whole bins
            bins = bin_of(found[0])
            self.start = int(min(bins[first.size // 2] + 1, bins[-1]))
            found = tuple(array[np.searchsorted(bins, self.start) :] for array in found)
        self._parts, self._waiting = [found], 0


class _Tied:
    """Background scores of one bin with how often each occurs."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._parts: list[tuple[NDArray, NDArray]] = []

    def add(self, scores: NDArray[np.floating]) -> None:
        self._parts.append(np.unique(scores, return_counts=True))
        if sum(len(part[0]) for part in self._parts) > self._at_once:
            self._parts = [self.merged()]

    def merged(self) -> tuple[NDArray, NDArray]:
        scores, counts = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
        found, at = np.unique(scores, return_inverse=True)
        return found, np.bincount(at, counts, minlength=found.size).astype(np.int64)


def _last(found: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(found)[-1])


def _between(scores: NDArray[np.floating], start: int, end: int) -> NDArray[np.floating]:
    if scores.dtype != np.float32:
        bins = bin_of(scores)
        return scores[(bins >= start) & (bins < end)]
    inside = scores >= (lowest_of(start) if start else -np.inf)
    return scores[inside & (scores < lowest_of(end)) if end < BINS else inside]
