"""Scores in, numbers out; higher scores are worse, labels are True for NG.

A part is called NG if and only if its score is at least the threshold. A rate without a
denominator is NaN, never 0. Counts and rates are computed in `counts.py` and nowhere else.
"""

from workbench.metrics.audit import LabelAudit, Suspect, label_audit
from workbench.metrics.auroc_intervals import auroc_interval
from workbench.metrics.comparison import Change, Comparison, compare
from workbench.metrics.counts import Confusion, SortedScores, confusion, rate
from workbench.metrics.drift import Drift, drift
from workbench.metrics.inputs import as_labels, as_scores
from workbench.metrics.intervals import (
    ZeroMiss,
    clopper_pearson,
    ng_needed,
    wilson,
    zero_miss_claim,
)
from workbench.metrics.kinds import KindRates, by_kind
from workbench.metrics.pixel.aupimo import aupimo
from workbench.metrics.pixel.curves import aupro, pixel_auroc, pixel_average_precision
from workbench.metrics.pixel.maps import Area
from workbench.metrics.policies import POLICIES, threshold
from workbench.metrics.ranking import (
    PrCurve,
    RocCurve,
    auroc,
    average_precision,
    partial_auroc,
    pr_curve,
    roc_curve,
)
from workbench.metrics.rates import Escape, Metrics, escape, evaluate, expected_cost
from workbench.metrics.review import ReviewRates, TwoThresholds, two_thresholds
from workbench.metrics.thresholds import Threshold

__all__ = [
    "Area",
    "POLICIES",
    "Change",
    "Comparison",
    "Confusion",
    "Drift",
    "Escape",
    "LabelAudit",
    "Metrics",
    "PrCurve",
    "ReviewRates",
    "RocCurve",
    "SortedScores",
    "Suspect",
    "Threshold",
    "TwoThresholds",
    "ZeroMiss",
    "KindRates",
    "as_labels",
    "as_scores",
    "aupimo",
    "aupro",
    "auroc",
    "auroc_interval",
    "average_precision",
    "by_kind",
    "clopper_pearson",
    "compare",
    "confusion",
    "drift",
    "escape",
    "evaluate",
    "expected_cost",
    "label_audit",
    "ng_needed",
    "partial_auroc",
    "pixel_auroc",
    "pixel_average_precision",
    "pr_curve",
    "rate",
    "roc_curve",
    "threshold",
    "two_thresholds",
    "wilson",
    "zero_miss_claim",
]
