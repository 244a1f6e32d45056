"""How well scores order NG above OK, over all thresholds at once; ties count as ties."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_WORDS = {"OK": False, "NG": True, "FALSE": False, "TRUE": True, "0": False, "1": True}


class RocCurve(NamedTuple):
    """One point per distinct score and the corner (0, 0) first; arrays of shape (M + 1,)."""

    fpr: NDArray[np.float64]  # the overkill rate at each threshold
    tpr: NDArray[np.float64]  # 1 - the miss rate
    thresholds: NDArray[np.float64]  # descending from inf; NG is score >= threshold


def as_labels(labels: ArrayLike) -> NDArray[np.bool_]:
    """Labels as bool, True for NG.

    Args:
        labels: Booleans, 0 / 1 or the words "OK" / "NG" in any case, shape (N,).

    Raises:
        ValueError: Any other value, or not one axis.

    Example:
        >>> as_labels(["OK", "ng"])
        array([False,  True])
    """
    values = _one_axis(np.asarray(labels), "labels")
    if values.dtype == bool:
        return values
    if values.dtype.kind in "iuf":
        bad, found = values[(values != 0) & (values != 1)], values == 1
    else:
        words = [str(value).upper() for value in values]
        bad = values[[word not in _WORDS for word in words]]
        found = np.array([_WORDS.get(word, False) for word in words], dtype=bool)
    if bad.size:
        raise ValueError(f"labels must be bool, 0 / 1 or 'OK' / 'NG', got {bad.tolist()[0]!r}")
    return found


def as_scores(scores: ArrayLike) -> NDArray[np.float64]:
    """Scores as float64 of shape (N,), all finite.

    Raises:
        ValueError: A NaN or an infinity, or not one axis.

    Example:
        >>> as_scores([1, 2])
        array([1., 2.])
    """
    values = _one_axis(np.asarray(scores, dtype=np.float64), "scores")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"scores must be finite, got {values[bad[0]]} at position {bad[0]} "
            f"({bad.size} of {values.size} are not); leave the unscored parts out"
        )
    return values


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
    scores, labels = pair(scores, labels)
    return _share_won(scores[labels], scores[~labels])


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
    scores, labels = pair(scores, labels)
    if labels.all() or not labels.any():
        return np.nan
    _, tp, fp = _cumulative(scores, labels)
    return float((np.diff(tp, prepend=0) / tp[-1]) @ (tp / (tp + fp)))


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
    scores, labels = pair(scores, labels)
    thresholds, tp, fp = _cumulative(scores, labels)
    return RocCurve(
        _shares(fp, np.sum(~labels)), _shares(tp, labels.sum()), np.append(np.inf, thresholds)
    )


def pixel_auroc(maps: Sequence[ArrayLike], masks: Sequence[ArrayLike | None]) -> float:
    """AUROC over the pixels of all images together, exact.

    Args:
        maps: One heat map per image, each (H, W).
        masks: The defects, each (H, W) bool as its map; an image whose mask is None, so
            that its defects are unknown, is left out.

    Returns:
        A number in [0, 1]; NaN without a pixel of each class.

    Raises:
        ValueError: Not as many masks as maps, unequal sizes or a heat map that is not finite.

    Example:
        >>> pixel_auroc([[[0.1, 0.9]]], [[[False, True]]])
        1.0
    """
    if len(maps) != len(masks):
        raise ValueError(f"masks must be one per map, got {len(masks)} for {len(maps)} maps")
    ng, ok = [], []
    for i, (heat, mask) in enumerate(zip(maps, masks, strict=True)):
        if mask is not None:
            heat, mask = _pixels(i, np.asarray(heat), np.asarray(mask, dtype=bool))
            ng.append(heat[mask])
            ok.append(heat[~mask])
    return _share_won(np.concatenate(ng), np.concatenate(ok)) if ng else np.nan


def pair(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Checked scores and labels of one length.

    Example:
        >>> pair([1], ["NG"])
        (array([1.]), array([ True]))
    """
    scores, labels = as_scores(scores), as_labels(labels)
    if len(scores) != len(labels):
        raise ValueError(f"labels must be one per score, got {len(labels)} for {len(scores)}")
    return scores, labels


def _share_won(ng: NDArray, ok: NDArray) -> float:
    if not ng.size or not ok.size:
        return np.nan
    # both sorted: the search then walks through memory in order, which matters for pixels
    ng, ok = np.sort(ng), np.sort(ok)
    wins_twice = np.searchsorted(ok, ng, "left").sum() + np.searchsorted(ok, ng, "right").sum()
    return float(wins_twice / (2 * ng.size * ok.size))


def _cumulative(scores: NDArray, labels: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(labels[order])
    # only the last of equal scores is a threshold that can be set
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)[: scores.size])
    return scores[last], found[last], 1 + last - found[last]


def _shares(counts: NDArray, total: int) -> NDArray[np.float64]:
    counts = np.append(0, counts)
    return counts / total if total else np.full(counts.shape, np.nan)


def _pixels(i: int, heat: NDArray, mask: NDArray) -> tuple[NDArray, NDArray]:
    if heat.shape != mask.shape:
        raise ValueError(f"mask {i} must have its map's size {heat.shape}, got {mask.shape}")
    if not np.isfinite(heat).all():
        raise ValueError(f"heat maps must be finite, got NaN or inf in map {i}")
    return heat, mask


def _one_axis(values: NDArray, name: str) -> NDArray:
    if values.ndim != 1:
        raise ValueError(f"{name} must have shape (N,), got {values.shape}")
    return values
