"""How well scores order NG above OK, over all thresholds at once; ties count as ties."""

from math import isnan
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.counts import Confusion, SortedScores

FORMS = ("raw", "normalised", "mcclish")


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

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).

    Returns:
        A number in [0, 1], 0.5 for chance; NaN where one class is missing.

    Raises:
        ValueError: Lengths differ, a score is not finite, a label is unknown.

    References:
        Hanley and McNeil 1982, The meaning and use of the area under a ROC curve.

    Example:
        >>> auroc([1, 2, 2, 3], [0, 0, 1, 1])  # (1 + 1/2 + 1 + 1) / 4
        0.875
    """
    return area(SortedScores.of(scores, labels))


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Mean of the precision over the recall steps, sum of (R_i - R_{i-1}) P_i.

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).

    Returns:
        A number in (0, 1], the share of NG for chance; NaN where one class is missing.

    Raises:
        ValueError: Lengths differ, a score is not finite, a label is unknown.

    Example:
        >>> average_precision([1, 2, 3, 4], [0, 1, 0, 1])  # 1/2 * 1/1 + 1/2 * 2/3
        0.8333333333333333
    """
    return mean_precision(SortedScores.of(scores, labels))


def partial_auroc(
    scores: ArrayLike, labels: ArrayLike, max_overkill: float = 0.1, *, form: str = "normalised"
) -> float:
    """Area under the ROC curve up to an overkill rate that a line can bear.

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).
        max_overkill: Where the area ends, in (0, 1]; the curve is interpolated there.
        form: "raw" is the area itself, at most `max_overkill`; "normalised" divides it by
            `max_overkill`, so that it is the mean share of NG caught; "mcclish" scales it so
            that chance is 0.5 and a perfect ranking 1, as scikit-learn's `max_fpr` does.

    Returns:
        NaN where one class is missing.

    Raises:
        ValueError: Another form or limit, lengths differ, a score is not finite.

    References:
        McClish 1989, Analyzing a portion of the ROC curve.

    Example:
        >>> partial_auroc([1, 2, 3, 4], [0, 1, 0, 1], 0.5)
        0.5
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}")
    if not 0 < max_overkill <= 1:
        raise ValueError(f"max_overkill must be in (0, 1], got {max_overkill}")
    fpr, tpr, _ = roc_curve(scores, labels)
    if isnan(fpr[-1]) or isnan(tpr[-1]):
        return np.nan
    inside = fpr < max_overkill
    end = np.interp(max_overkill, fpr, tpr)
    if (fpr == max_overkill).any():  # the lower end of what may be a vertical step
        end = tpr[fpr == max_overkill][0]
    raw = float(np.trapezoid(np.append(tpr[inside], end), np.append(fpr[inside], max_overkill)))
    if form == "mcclish":
        chance = max_overkill**2 / 2
        return 0.5 * (1 + (raw - chance) / (max_overkill - chance))
    return raw / max_overkill if form == "normalised" else raw


def roc_curve(scores: ArrayLike, labels: ArrayLike) -> RocCurve:
    """False and true positive rate at every distinct score.

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).

    Returns:
        The curve; a rate whose class is missing is NaN throughout.

    Raises:
        ValueError: Lengths differ, a score is not finite, a label is unknown.

    Example:
        >>> roc_curve([1, 2, 3], [0, 1, 1]).tpr
        array([0. , 0.5, 1. , 1. ])
    """
    thresholds, counts = _at_every_score(SortedScores.of(scores, labels), first=[np.inf])
    return RocCurve(counts.overkill_rate, counts.recall, thresholds)


def pr_curve(scores: ArrayLike, labels: ArrayLike) -> PrCurve:
    """Precision and recall at every distinct score.

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).

    Returns:
        The curve, without an invented point at recall 0; recall is NaN without NG.

    Raises:
        ValueError: Lengths differ, a score is not finite, a label is unknown.

    Example:
        >>> pr_curve([1, 2, 3], [0, 1, 0]).precision
        array([0.        , 0.5       , 0.33333333])
    """
    thresholds, counts = _at_every_score(SortedScores.of(scores, labels))
    return PrCurve(counts.precision, counts.recall, thresholds)


def area(sample: SortedScores) -> float:
    """AUROC of sorted scores; NaN where one class is missing.

    Example:
        >>> area(SortedScores.of([1, 2], [0, 1]))
        1.0
    """
    ok, ng = sample
    if not ng.size or not ok.size:
        return np.nan
    # the fewer are looked up among the more; both are sorted, so memory is read in order
    few, many = (ng, ok) if ng.size <= ok.size else (ok, ng)
    below_twice = sum(int(np.searchsorted(many, few, side).sum()) for side in ("left", "right"))
    share = below_twice / (2 * few.size * many.size)
    return share if few is ng else 1 - share


def mean_precision(sample: SortedScores) -> float:
    """Average precision of sorted scores; NaN where one class is missing.

    Example:
        >>> mean_precision(SortedScores.of([1, 2], [0, 1]))
        1.0
    """
    if not sample.ng.size or not sample.ok.size:
        return np.nan
    # recall steps up at the scores of NG parts only
    at, steps = np.unique(sample.ng, return_counts=True)
    return float(sample.confusion(at).precision @ (steps / sample.ng.size))


def _at_every_score(
    sample: SortedScores, first: list[float] | None = None
) -> tuple[NDArray[np.float64], Confusion]:
    thresholds = np.append(first or [], sample.thresholds())
    counts = sample.confusion(thresholds[::-1])  # ascending: the search reads memory in order
    return thresholds, Confusion(*(cell[::-1] for cell in counts))
