"""Scores in, numbers out; higher scores are worse, labels are True for NG.

A part is called NG if and only if its score is at least the threshold. A rate without a
denominator is NaN, never 0. Counts and rates are computed in `counts.py` and nowhere else.

Read `counts`, `ranking`, `thresholds`, `policies`, then `rates` and `intervals`; `pixel/` is
about heat maps, and the rest compares, audits and watches. Everywhere `scores` are anomaly scores,
shape (N,), and `labels` say which of the N parts are NG, shape (N,), in any form that
`inputs.as_labels` knows; ValueError is raised where their lengths differ, a score is not finite,
a label is unknown or a number out of its range.
"""

from workbench.metrics.acceptance import Acceptance, Claim, accept, parts_needed
from workbench.metrics.areas import auroc_interval, partial_auroc
from workbench.metrics.audit import Agreement, Suspect, Suspects, agreement, label_audit
from workbench.metrics.by_group import GroupRates, KindRates, PChart, by_group, by_kind, p_chart
from workbench.metrics.comparison import ChangedVerdict, Comparison, compare
from workbench.metrics.counts import Confusion, SortedScores, confusion, rate
from workbench.metrics.drift import Drift, drift
from workbench.metrics.events import false_alarms_a_day, point_adjusted, vus
from workbench.metrics.inputs import as_labels, as_scores, long_tailed, readable
from workbench.metrics.intervals import clopper_pearson, ng_needed, wilson
from workbench.metrics.parts import RULES, Parts, join_photos
from workbench.metrics.pixel.aupimo import aupimo
from workbench.metrics.pixel.curves import aupro, pixel_auroc
from workbench.metrics.pixel.maps import Area
from workbench.metrics.pixel.regions import region_areas, region_scores, regions_found
from workbench.metrics.policies import POLICIES, threshold
from workbench.metrics.ranking import (
    PrCurve,
    RocCurve,
    auroc,
    average_precision,
    pr_curve,
    roc_curve,
)
from workbench.metrics.rates import Metrics, escape, evaluate, expected_cost
from workbench.metrics.review import ReviewRates, TwoThresholds, two_thresholds
from workbench.metrics.thresholds import Threshold
