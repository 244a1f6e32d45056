"""Miss rates by kind of defect: which one gets through."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from workbench.metrics.counts import SortedScores
from workbench.metrics.inputs import pair
from workbench.metrics.intervals import Ends, clopper_pearson
from workbench.metrics.ranking import area


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


def by_kind(
    scores: ArrayLike, labels: ArrayLike, kinds: Sequence[str], threshold: float
) -> list[KindRates]:
    """Each kind of defect by itself, the most missed first, then by name.

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).
        kinds: A word per part, as `ImageFolder.kinds`; those of OK parts do not matter.
        threshold: A part is NG if its score is at least this.

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
