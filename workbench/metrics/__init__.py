"""Scores in, numbers out; higher scores are worse, labels are True for NG.

A part is called NG if and only if its score is at least the threshold. A rate without a
denominator is NaN, never 0. Counts and rates are computed in `counts.py` and nowhere else.

Read `counts`, `ranking`, `thresholds`, `policies`, then `rates` and `intervals`; `pixel/` is
about heat maps, and the rest compares, audits and watches. Every function that takes scores and
labels raises ValueError where their lengths differ, a score is not finite or a label is unknown
(`inputs.pair`).
"""

from workbench.metrics.acceptance import Acceptance, Claim, accept, parts_needed
from workbench.metrics.agreement import Agreement, agreement
from workbench.metrics.audit import Suspect, Suspects, label_audit
from workbench.metrics.auroc_intervals import auroc_interval
from workbench.metrics.by_group import GroupRates, PChart, by_group, p_chart
from workbench.metrics.by_kind import KindRates, by_kind
from workbench.metrics.comparison import ChangedVerdict, Comparison, compare
from workbench.metrics.counts import Confusion, SortedScores, confusion, rate
from workbench.metrics.drift import Drift, drift
from workbench.metrics.events import detection_delays, false_alarms_a_day, point_adjusted, vus
from workbench.metrics.inputs import as_labels, as_scores
from workbench.metrics.intervals import clopper_pearson, ng_needed, wilson
from workbench.metrics.partial import partial_auroc
from workbench.metrics.pixel.aupimo import aupimo
from workbench.metrics.pixel.curves import aupro, pixel_auroc
from workbench.metrics.pixel.maps import Area
from workbench.metrics.policies import POLICIES, threshold
from workbench.metrics.ranking import (
    PrCurve,
    RocCurve,
    auroc,
    average_precision,
    pr_curve,
    roc_curve,
)
from workbench.metrics.rates import Escape, Metrics, escape, evaluate, expected_cost
from workbench.metrics.review import ReviewRates, TwoThresholds, two_thresholds
from workbench.metrics.thresholds import Threshold

__all__ = [
    "POLICIES",
    "Acceptance",
    "Agreement",
    "Area",
    "ChangedVerdict",
    "Claim",
    "Comparison",
    "Confusion",
    "Drift",
    "Escape",
    "GroupRates",
    "KindRates",
    "Metrics",
    "PChart",
    "PrCurve",
    "ReviewRates",
    "RocCurve",
    "SortedScores",
    "Suspect",
    "Suspects",
    "Threshold",
    "TwoThresholds",
    "accept",
    "agreement",
    "as_labels",
    "as_scores",
    "aupimo",
    "aupro",
    "auroc",
    "auroc_interval",
    "average_precision",
    "by_group",
    "by_kind",
    "clopper_pearson",
    "compare",
    "confusion",
    "detection_delays",
    "drift",
    "escape",
    "evaluate",
    "expected_cost",
    "false_alarms_a_day",
    "label_audit",
    "ng_needed",
    "p_chart",
    "partial_auroc",
    "parts_needed",
    "pixel_auroc",
    "point_adjusted",
    "pr_curve",
    "rate",
    "roc_curve",
    "threshold",
    "two_thresholds",
    "vus",
    "wilson",
]
