"""Rates by kind of defect, by lot, shift or camera, and whether they differ by more than chance.

A p-chart (Shewhart) draws the share of each group against the share of all, with limits that a
group leaves by chance about three times in a thousand.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.counts import SortedScores, rate
from workbench.metrics.inputs import as_labels, pair
from workbench.metrics.intervals import Ends, clopper_pearson, wilson
from workbench.metrics.ranking import area

SIGMAS = 3.0


class GroupRates(NamedTuple):
    """One group of parts; rates of a missing class are NaN, intervals are Wilson's of 95 %."""

    group: str
    n: int
    flagged: int  # called NG
    flagged_rate: float
    flagged_interval: Ends
    n_ng: int
    missed: int
    miss_rate: float
    miss_interval: Ends
    n_ok: int
    overkill: int
    overkill_rate: float
    overkill_interval: Ends


class KindRates(NamedTuple):
    """One kind of defect at a threshold; the AUROC is against all OK parts."""

    kind: str
    n: int
    missed: int
    miss_rate: float
    miss_interval: Ends  # 95 %, exact: kinds have few parts
    lowest: float  # score of the part that is the hardest to see
    mean_score: float
    auroc: float


class PChart(NamedTuple):
    """Shares of groups against their common share; arrays of shape (G,)."""

    centre: float
    shares: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    out: NDArray[np.bool_]  # beyond the limits: more than chance


def by_group(
    called_ng: ArrayLike, labels: Sequence[str], groups: Sequence[str]
) -> list[GroupRates]:
    """Rates of each group, in the order in which the groups first appear.

    Args:
        called_ng: Verdicts, in the form of labels.
        labels: "OK", "NG" or "" where nobody knows.

    Example:
        >>> rows = by_group([1, 0, 1], ["OK", "NG", "NG"], ["lot 1", "lot 1", "lot 2"])
        >>> [(row.group, row.overkill_rate, row.miss_rate) for row in rows]
        [('lot 1', 1.0, 1.0), ('lot 2', nan, 0.0)]
    """
    called, words = as_labels(called_ng), np.asarray(labels, dtype=object)
    names = np.asarray([str(group) for group in groups], dtype=object)
    if not len(called) == len(words) == len(names):
        raise ValueError(
            f"labels and groups must be one per verdict, got {len(words)} and {len(names)} for "
            f"{len(called)}"
        )
    if unknown := sorted(set(words) - {"OK", "NG", ""}):
        raise ValueError(f"labels must be 'OK', 'NG' or '', got {unknown[0]!r}")
    return [_of_group(name, called, words, names == name) for name in dict.fromkeys(names)]


def by_kind(
    scores: ArrayLike, labels: ArrayLike, kinds: Sequence[str], threshold: float
) -> list[KindRates]:
    """Each kind of defect by itself, the most missed first, then by name.

    `kinds` are words, as `ImageFolder.kinds`; those of OK parts do not matter.

    Example:
        >>> rows = by_kind([1, 2, 9], ["OK", "NG", "NG"], ["", "dent", "hole"], 5)
        >>> [(row.kind, row.miss_rate) for row in rows]
        [('dent', 1.0), ('hole', 0.0)]
    """
    scores, ng = pair(scores, labels)
    if len(kinds) != len(scores):
        raise ValueError(f"kinds must be one per score, got {len(kinds)} for {len(scores)}")
    words, ok = np.asarray(kinds, dtype=object), np.sort(scores[~ng])
    rows = [
        _of_kind(str(kind), SortedScores(ok, np.sort(scores[ng & (words == kind)])), threshold)
        for kind in sorted(set(words[ng]))
    ]
    return sorted(rows, key=lambda row: -row.miss_rate)


def p_chart(counts: ArrayLike, n: ArrayLike) -> PChart:
    """Which groups have another share than the rest, by more than chance.

    The limits are three standard deviations of a binomial share about the common one, within
    [0, 1]. A group without parts has a share of NaN and is never out.

    Args:
        counts: How often it happened in each group, shape (G,).
        n: Of how many, shape (G,).

    References:
        Shewhart 1931, Economic control of quality of manufactured product; Montgomery,
        Introduction to statistical quality control, section 7.2.

    Example:
        >>> chart = p_chart([12, 15, 8, 24], [50, 50, 50, 50])
        >>> chart.centre, chart.out.tolist()
        (0.295, [False, False, False, False])
    """
    counts, n = np.asarray(counts, np.int64), np.asarray(n, np.int64)
    if counts.shape != n.shape or counts.ndim != 1 or ((counts < 0) | (counts > n)).any():
        raise ValueError(f"counts must be in [0, n], one per group, got {counts} of {n}")
    centre = rate(int(counts.sum()), int(n.sum()))
    with np.errstate(divide="ignore", invalid="ignore"):
        half = SIGMAS * np.sqrt(centre * (1 - centre) / n)
    shares = np.atleast_1d(rate(counts, n))
    out = np.abs(shares - centre) > half
    low, high = np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
    return PChart(centre, shares, low, high, out)


def _of_group(
    name: str, called: NDArray[np.bool_], words: NDArray, inside: NDArray[np.bool_]
) -> GroupRates:
    ok, ng = inside & (words == "OK"), inside & (words == "NG")
    n, n_ok, n_ng = int(inside.sum()), int(ok.sum()), int(ng.sum())
    flagged, missed, wasted = (
        int((called & inside).sum()), int((~called & ng).sum()), int((called & ok).sum())
    )  # fmt: skip
    return GroupRates(
        name,
        n, flagged, rate(flagged, n), wilson(flagged, n),
        n_ng, missed, rate(missed, n_ng), wilson(missed, n_ng),
        n_ok, wasted, rate(wasted, n_ok), wilson(wasted, n_ok),
    )  # fmt: skip


def _of_kind(kind: str, sample: SortedScores, threshold: float) -> KindRates:
    counts = sample.confusion(threshold)
    return KindRates(
        kind,
        counts.n_ng,
        counts.fn,
        counts.miss_rate,
        clopper_pearson(counts.fn, counts.n_ng),
        float(sample.ng[0]),
        float(sample.ng.mean()),
        area(sample),
    )
