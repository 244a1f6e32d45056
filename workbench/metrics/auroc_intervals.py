"""How sure we are of an AUROC (DeLong) and of a difference of two (stratified bootstrap)."""

from collections.abc import Iterator
from math import isnan, nan, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.counts import SortedScores
from workbench.metrics.inputs import pair
from workbench.metrics.intervals import Ends


class Placements:
    """Which OK scores each NG score beats: the AUROC of any resampling follows in O(N).

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).

    Example:
        >>> Placements([1, 2, 2], [False, False, True]).area([1, 1], [1])
        0.75
    """

    def __init__(self, scores: ArrayLike, labels: ArrayLike) -> None:
        scores, labels = pair(scores, labels)
        ok = scores[~labels]
        self._order = np.argsort(ok, kind="stable")
        self._below = np.searchsorted(ok[self._order], scores[labels], "left")
        self._upto = np.searchsorted(ok[self._order], scores[labels], "right")

    def area(self, ok: ArrayLike, ng: ArrayLike) -> float:
        """AUROC where OK part i occurs `ok[i]` times and NG part j `ng[j]` times."""
        ok, ng = np.asarray(ok), np.asarray(ng)
        passed = np.append(0, np.cumsum(ok[self._order]))
        won_twice = int(ng @ (passed[self._below] + passed[self._upto]))
        return won_twice / (2 * int(passed[-1]) * int(ng.sum()))


def auroc_interval(scores: ArrayLike, labels: ArrayLike, *, confidence: float = 0.95) -> Ends:
    """DeLong's confidence interval of the AUROC.

    It shrinks to a point where every NG scores above every OK: then the data cannot say how
    sure they are.

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).
        confidence: The share of such intervals that hold the true area, about.

    Returns:
        Both ends in [0, 1]; NaN twice with fewer than two parts of a class.

    Raises:
        ValueError: The confidence is outside (0, 1).

    References:
        DeLong, DeLong and Clarke-Pearson 1988; Sun and Xu 2014, Fast implementation of
        DeLong's algorithm.

    Example:
        >>> low, high = auroc_interval([1, 2, 3, 4, 5, 6], [0, 0, 1, 0, 1, 1])
        >>> round(low, 3), high
        (0.581, 1.0)
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    found, variance = delong_variance(SortedScores.of(scores, labels))
    half = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt(variance)
    return (nan, nan) if isnan(found) else (max(0.0, found - half), min(1.0, found + half))


def delong_variance(sample: SortedScores) -> tuple[float, float]:
    """The AUROC and its variance by DeLong; NaN where a class has fewer than two parts.

    Example:
        >>> delong_variance(SortedScores.of([1, 2, 3, 4], [0, 1, 0, 1]))
        (0.75, 0.125)
    """
    ok, ng = sample
    if min(ok.size, ng.size) < 2:
        return nan, nan
    # the share of the other class that each part beats, or is beaten by
    of_ng = (np.searchsorted(ok, ng, "left") + np.searchsorted(ok, ng, "right")) / (2 * ok.size)
    of_ok = 1 - (np.searchsorted(ng, ok, "left") + np.searchsorted(ng, ok, "right")) / (
        2 * ng.size
    )
    variance = of_ng.var(ddof=1) / ng.size + of_ok.var(ddof=1) / ok.size
    return float(of_ng.mean()), float(variance)


def redrawn(n_ok: int, n_ng: int, resamples: int, seed: int) -> Iterator[tuple[NDArray, NDArray]]:
    """How often each OK and each NG part occurs, for every resampling; the same for a seed.

    Raises:
        ValueError: No resampling is asked for.
    """
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        ok, ng = (np.bincount(rng.integers(n, size=n), minlength=n) for n in (n_ok, n_ng))
        yield ok, ng


def percentiles(values: ArrayLike, confidence: float) -> Ends:
    """The middle `confidence` of values.

    Example:
        >>> percentiles([0.0, 1.0, 2.0], 0.5)
        (0.5, 1.5)
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.asarray(values, np.float64), [tail, 1 - tail])
    return float(low), float(high)
