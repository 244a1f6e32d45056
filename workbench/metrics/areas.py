"""The AUROC beyond its number: the part that a line can use, and how sure we are, by DeLong."""

from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.inputs import pair
from workbench.metrics.intervals import Ends, Z
from workbench.metrics.ranking import roc_curve

Shares = tuple[NDArray[np.float64], NDArray[np.float64]]


def auroc_interval(scores: ArrayLike, labels: ArrayLike) -> Ends:
    """DeLong's 95 % interval of the AUROC.

    It shrinks to a point where every NG scores above every OK: then the data cannot say how
    sure they are.

    Returns:
        Both ends in [0, 1]; NaN twice with fewer than two parts of a class.

    References:
        DeLong, DeLong and Clarke-Pearson 1988; Sun and Xu 2014, Fast implementation of
        DeLong's algorithm.

    Example:
        >>> low, high = auroc_interval([1, 2, 3, 4, 5, 6], [0, 0, 1, 0, 1, 1])
        >>> round(low, 3), high
        (0.581, 1.0)
    """
    low, high = _interval(_placements(scores, labels))
    return (low, high) if np.isnan(low) else (max(0.0, low), min(1.0, high))


def difference_interval(a: ArrayLike, b: ArrayLike, labels: ArrayLike) -> Ends:
    """DeLong's 95 % interval of the AUROC of b minus that of a, on the same parts."""
    first, second = _placements(a, labels), _placements(b, labels)
    return _interval((second[0] - first[0], second[1] - first[1]))


def _placements(scores: ArrayLike, labels: ArrayLike) -> Shares:
    """Share of OK that each NG beats, and of NG that each OK is beaten by; a tie is one half."""
    scores, labels = pair(scores, labels)
    ok, ng = scores[~labels], scores[labels]
    if not ok.size or not ng.size:
        return np.empty(0), np.empty(0)
    return _beaten(np.sort(ok), ng), 1 - _beaten(np.sort(ng), ok)


def _beaten(others: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    below, upto = (np.searchsorted(others, scores, side) for side in ("left", "right"))
    return (below + upto) / (2 * others.size)


def _interval(shares: Shares) -> Ends:
    if min(len(each) for each in shares) < 2:
        return nan, nan
    centre = float(shares[0].mean())
    variance = sum(float(each.var(ddof=1)) / len(each) for each in shares)
    half = Z * sqrt(variance)
    return centre - half, centre + half


def partial_auroc(scores: ArrayLike, labels: ArrayLike, max_overkill: float = 0.1) -> float:
    """Mean share of NG caught up to an overkill rate that a line can bear.

    It is the area under the ROC curve, straight between its points, up to `max_overkill` in
    (0, 1], divided by that; NaN where a class is missing.

    References:
        McClish 1989, Analyzing a portion of the ROC curve.

    Example:
        >>> partial_auroc([1, 2, 3, 4], [0, 1, 0, 1], 0.5)
        0.5
    """
    if not 0 < max_overkill <= 1:
        raise ValueError(f"max_overkill must be in (0, 1], got {max_overkill}")
    fpr, tpr, _ = roc_curve(scores, labels)
    if np.isnan([fpr[-1], tpr[-1]]).any():
        return np.nan
    inside = fpr < max_overkill
    end = np.interp(max_overkill, fpr, tpr)
    if (fpr == max_overkill).any():  # the lower end of what may be a vertical step
        end = tpr[fpr == max_overkill][0]
    area = np.trapezoid(np.append(tpr[inside], end), np.append(fpr[inside], max_overkill))
    return float(area) / max_overkill
