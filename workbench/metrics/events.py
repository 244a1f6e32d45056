"""How well alarms over time find faults: by row, by fault, and with leeway at their ends.

A fault is a run of rows labelled NG. Scores that are a little early or late are not wrong in
practice; ranges give them credit that falls off within a buffer around each fault.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.inputs import as_labels, pair


class Volumes(NamedTuple):
    """Volumes under the surfaces of a range of buffers."""

    roc: float
    pr: float


def stretches(flags: ArrayLike, gap: int = 0) -> list[tuple[int, int]]:
    """Start and stop (exclusive) of each run of True, runs at most `gap` apart joined.

    Example:
        >>> stretches([0, 1, 1, 0, 1]), stretches([0, 1, 1, 0, 1], gap=1)
        ([(1, 3), (4, 5)], [(1, 5)])
    """
    at = np.flatnonzero(flags)
    if not at.size:
        return []
    cut = np.flatnonzero(np.diff(at) > gap + 1)
    starts, stops = at[np.append(0, cut + 1)], at[np.append(cut, len(at) - 1)] + 1
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def false_alarms_a_day(alarms: ArrayLike, labels: ArrayLike, step_seconds: float) -> float:
    """Runs of alarms that touch no fault, in 24 hours of normal rows; NaN without such rows.

    Example:
        >>> false_alarms_a_day([0, 1, 1, 0, 1], [0, 0, 0, 0, 1], step_seconds=21600)
        1.0
    """
    labels = as_labels(labels)
    days = float((~labels).sum()) * step_seconds / 86400
    false = sum(not labels[start:stop].any() for start, stop in stretches(alarms))
    return false / days if days else float("nan")


def point_adjusted(alarms: ArrayLike, labels: ArrayLike) -> NDArray[np.bool_]:
    """Alarms, with every fault that has one counted as found from its first row to its last.

    Results are published this way, and it inflates them (Kim et al. 2022), as a warning says.
    """
    warnings.warn(
        "point adjustment counts a whole fault as found for one alarm in it: recall and F1 are "
        "inflated, and random scores come out well; compare with vus or by fault instead",
        stacklevel=2,
    )
    found = np.asarray(alarms, bool).copy()
    for start, stop in stretches(as_labels(labels)):
        found[start:stop] |= found[start:stop].any()
    return found


def vus(scores: ArrayLike, labels: ArrayLike, buffer: int) -> Volumes:
    """Volume under the ROC and the precision-recall surface, over buffers of 0 to `buffer` rows.

    Each buffer extends the labels on both sides of every fault by half its length, with weights
    that fall off as the square root; recall is multiplied by the share of faults that have any
    alarm. The volume is the mean of the areas. All thresholds count, where the authors' program
    takes 250 of them.

    Args:
        scores: Oldest first.
        labels: Of both kinds.
        buffer: Rows; the length of a typical fault is a good choice.

    References:
        Paparrizos, Boniol, Palpanas, Tsay, Elmore and Franklin 2022, Volume under the surface: a
        new accuracy evaluation measure for time-series anomaly detection.

    Example:
        >>> vus([0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 0, 0], buffer=0)
        Volumes(roc=1.0, pr=1.0)
    """
    scores, labels = pair(scores, labels)
    if labels.all() or not labels.any():
        raise ValueError("vus needs rows of both kinds, NG and normal")
    if buffer < 0:
        raise ValueError(f"buffer must be at least 0 rows, got {buffer}")
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # of equal scores
    areas = [_areas(order, last, labels, length) for length in range(buffer + 1)]
    return Volumes(*np.mean(areas, axis=0).tolist())


def _areas(
    order: NDArray[np.int64], last: NDArray[np.int64], labels: NDArray[np.bool_], length: int
) -> tuple[float, float]:
    soft = _softened(labels, length)
    positives = (labels.sum() + soft.sum()) / 2  # as the authors, between hard and soft labels
    hits = np.cumsum(soft[order])[last]
    called = last + 1.0
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    first = np.sort([rank[start:stop].min() for start, stop in stretches(soft > 0)])
    existing = np.searchsorted(first, last, side="right") / len(first)
    recall = np.minimum(hits / positives, 1) * existing
    false = (called - hits) / (len(order) - positives)
    precision = hits / called
    x, y = np.concatenate([[0], false, [1]]), np.concatenate([[0], recall, [1]])
    roc = float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())
    high = np.concatenate([[1], precision])
    pr = float((np.diff(y[:-1]) * (high[1:] + high[:-1]) / 2).sum())
    return roc, pr


def _softened(labels: NDArray[np.bool_], length: int) -> NDArray[np.float64]:
    soft = labels.astype(float)
    if length:
        for start, stop in stretches(labels):
            after = np.arange(stop, min(stop + length // 2, len(soft)))
            before = np.arange(max(start - length // 2, 0), start)
            # alike on both sides, as in the paper; the authors' program ends a row early after
            soft[after] += np.sqrt(1 - (after - stop + 1) / length)
            soft[before] += np.sqrt(1 - (start - before) / length)
    return np.minimum(soft, 1)
