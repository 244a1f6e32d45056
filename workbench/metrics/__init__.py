"""Scores in, numbers out: NumPy only, higher scores are worse, labels are True for NG.

A part is called NG if and only if its score is at least the threshold. A rate without a
denominator is NaN, never 0.
"""

from workbench.metrics.drift import Drift, drift
from workbench.metrics.ranking import (
    RocCurve,
    as_labels,
    as_scores,
    auroc,
    average_precision,
    pixel_auroc,
    roc_curve,
)
from workbench.metrics.rates import Confusion, Metrics, confusion, evaluate, wilson
from workbench.metrics.thresholds import POLICIES, Threshold, threshold

__all__ = [
    "POLICIES",
    "Confusion",
    "Drift",
    "Metrics",
    "RocCurve",
    "Threshold",
    "as_labels",
    "as_scores",
    "auroc",
    "average_precision",
    "confusion",
    "drift",
    "evaluate",
    "pixel_auroc",
    "roc_curve",
    "threshold",
    "wilson",
]
