"""The four counts at a threshold and the rates they give: the only place that divides them."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.inputs import pair

Count = Any  # int at one threshold, an array of int64 at several: the caller knows which
Share = Any  # float or an array of float64, likewise


def rate(count: ArrayLike, n: ArrayLike) -> Share:
    """`count / n`, NaN where n is 0; a float for two numbers, else an array.

    Example:
        >>> rate(1, 4), rate(0, 0)
        (0.25, nan)
    """
    if isinstance(count, int) and isinstance(n, int):
        return count / n if n else float("nan")
    count, n = np.broadcast_arrays(count, n)
    found = np.divide(count, n, out=np.full(n.shape, np.nan), where=n != 0)
    return found if found.ndim else float(found)


class Confusion(NamedTuple):
    """Counts of parts, positive means called NG; numbers, or arrays over several thresholds.

    Example:
        >>> Confusion(tp=1, fp=0, tn=3, fn=1).miss_rate
        0.5
    """

    tp: Count  # NG called NG
    fp: Count  # OK called NG: overkill
    tn: Count  # OK called OK
    fn: Count  # NG called OK: missed

    @property
    def n_ok(self) -> Count:
        """OK parts."""
        return self.fp + self.tn

    @property
    def n_ng(self) -> Count:
        """NG parts."""
        return self.tp + self.fn

    @property
    def n(self) -> Count:
        """All parts."""
        return self.n_ok + self.n_ng

    @property
    def miss_rate(self) -> Share:
        """NG called OK of all NG: FN / (FN + TP)."""
        return rate(self.fn, self.n_ng)

    @property
    def overkill_rate(self) -> Share:
        """OK called NG of all OK: FP / (FP + TN)."""
        return rate(self.fp, self.n_ok)

    @property
    def recall(self) -> Share:
        """NG called NG of all NG."""
        return rate(self.tp, self.n_ng)

    @property
    def precision(self) -> Share:
        """NG of all called NG."""
        return rate(self.tp, self.tp + self.fp)

    @property
    def f1(self) -> Share:
        """Harmonic mean of precision and recall."""
        return rate(2 * self.tp, 2 * self.tp + self.fp + self.fn)


class SortedScores(NamedTuple):
    """Scores by class, ascending: counts at any threshold by binary search."""

    ok: NDArray[np.float64]
    ng: NDArray[np.float64]

    @classmethod
    def of(cls, scores: ArrayLike, labels: ArrayLike, names: Sequence[str] | None = None) -> Self:
        """Sort scores of shape (N,) with labels that are True for NG."""
        scores, ng = pair(scores, labels, names)
        return cls(np.sort(scores[~ng]), np.sort(scores[ng]))

    def confusion(self, threshold: ArrayLike) -> Confusion:
        """The four counts of `score >= threshold`, for one threshold or an array of them."""
        if np.isnan(threshold).any():
            raise ValueError(
                "threshold must be a number, got NaN; choose one with metrics.threshold"
            )
        tn, fn = np.searchsorted(self.ok, threshold), np.searchsorted(self.ng, threshold)
        cells = self.ng.size - fn, self.ok.size - tn, tn, fn
        return Confusion(*(cell if np.ndim(cell) else int(cell) for cell in cells))

    def thresholds(self) -> NDArray[np.float64]:
        """Every distinct score, descending; only inf gives verdicts that none of them gives."""
        # a stable sort finds the two ascending runs and merges them
        merged = np.sort(np.concatenate([self.ok, self.ng]), kind="stable")
        return merged[np.append(merged[1:] != merged[:-1], True)[: merged.size]][::-1]


def confusion(scores: ArrayLike, labels: ArrayLike, threshold: ArrayLike) -> Confusion:
    """Count the four outcomes of `score >= threshold`; for thresholds (T,) the counts are (T,).

    Example:
        >>> confusion([1, 2, 3], [0, 1, 1], 3)
        Confusion(tp=1, fp=0, tn=1, fn=1)
    """
    return SortedScores.of(scores, labels).confusion(threshold)
