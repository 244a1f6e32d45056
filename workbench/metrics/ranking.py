"""How well scores order NG above OK, over all thresholds at once; ties count as ties.

All are NaN where one class is missing. Scores have shape (N,), labels are True for NG.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.counts import Confusion, SortedScores


class RocCurve(NamedTuple):
    """One point per distinct score and the corner (0, 0) first; arrays of shape (M + 1,)."""

    fpr: NDArray[np.float64]  # the overkill rate at each threshold
    tpr: NDArray[np.float64]  # 1 - the miss rate
    thresholds: NDArray[np.float64]  # descending from inf; NG is score >= threshold


class PrCurve(NamedTuple):
    """One point per distinct score, from the highest; arrays of shape (M,)."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    thresholds: NDArray[np.float64]  # descending; NG is score >= threshold


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Probability that an NG part scores above an OK part; a tie counts one half.

    References:
        Hanley and McNeil 1982, The meaning and use of the area under a ROC curve.

    Example:
        >>> auroc([1, 2, 2, 3], [0, 0, 1, 1])  # (1 + 1/2 + 1 + 1) / 4
        0.875
    """
    return area(SortedScores.of(scores, labels))


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Mean of the precision over the recall steps, sum of (R_i - R_{i-1}) P_i.

    Example:
        >>> average_precision([1, 2, 3, 4], [0, 1, 0, 1])  # 1/2 * 1/1 + 1/2 * 2/3
        0.8333333333333333
    """
    return mean_precision(SortedScores.of(scores, labels))


def roc_curve(scores: ArrayLike, labels: ArrayLike) -> RocCurve:
    """False and true positive rate at every distinct score.

    Example:
        >>> roc_curve([1, 2, 3], [0, 1, 1]).tpr
        array([0. , 0.5, 1. , 1. ])
    """
    sample = SortedScores.of(scores, labels)
    thresholds = np.append(np.inf, sample.thresholds())
    counts = _counts(sample, thresholds)
    return RocCurve(counts.overkill_rate, counts.recall, thresholds)


def pr_curve(scores: ArrayLike, labels: ArrayLike) -> PrCurve:
    """Precision and recall at every distinct score, without an invented point at recall 0.

    Example:
        >>> pr_curve([1, 2, 3], [0, 1, 0]).precision
        array([0.        , 0.5       , 0.33333333])
    """
    sample = SortedScores.of(scores, labels)
    counts = _counts(sample, thresholds := sample.thresholds())
    return PrCurve(counts.precision, counts.recall, thresholds)


def area(sample: SortedScores) -> float:
    """AUROC of sorted scores."""
    ok, ng = sample
    if not ng.size or not ok.size:
        return np.nan
    # look the fewer up among the more: both are sorted, so memory is read in order
    few, many = (ng, ok) if ng.size <= ok.size else (ok, ng)
    below_twice = sum(int(np.searchsorted(many, few, side).sum()) for side in ("left", "right"))
    share = below_twice / (2 * few.size * many.size)
    return share if few is ng else 1 - share


def mean_precision(sample: SortedScores) -> float:
    """Average precision of sorted scores."""
    if not sample.ng.size or not sample.ok.size:
        return np.nan
    # recall steps up at the scores of NG parts only
    at, steps = np.unique(sample.ng, return_counts=True)
    return float(sample.confusion(at).precision @ (steps / sample.ng.size))


def _counts(sample: SortedScores, thresholds: NDArray[np.float64]) -> Confusion:
    # ascending, so that the search reads memory in order
    return Confusion(*(cell[::-1] for cell in sample.confusion(thresholds[::-1])))
