"""The numbers of a report, fit for JSON: rates, claims, lots, parts, regions, inspectors."""

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench import metrics, workspace
from workbench.errors import DataError
from workbench.metrics.inputs import plain
from workbench.metrics.thresholds import CALIBRATION
from workbench.session import COLUMNS
from workbench.session.result_tables import agree, judged, rates_by

TEST = "this very test set"
COST = {"prevalence": 0.01, "miss_cost": 100, "overkill_cost": 1}
POLICIES = (
    ("95 % of good ones pass", CALIBRATION, "percentile", {"q": 95}),
    ("at most 1 % overkill, conformal", CALIBRATION, "conformal", {"alpha": 0.01}),
    ("at most 5 % overkill, conformal", CALIBRATION, "conformal", {"alpha": 0.05}),
    ("zero miss", TEST, "zero_miss", {}),
    ("at most 1 % overkill", TEST, "max_overkill", {"overkill": 0.01}),
    ("best F1", TEST, "f1", {}),
    ("least cost: 1 % NG, a miss costs 100 overkills", TEST, "cost", COST),
)  # fmt: skip
TARGETS = (0.05, 0.01, 0.001)
"""Rates that a customer may want to be promised."""

Labels = NDArray[np.bool_] | None


class Target(NamedTuple):
    """The highest shares that are asked for; None asks nothing."""

    misses: float | None = None
    overkill: float | None = None


NOTHING_ASKED = Target()


def rated(
    scores: NDArray[np.float64], labels: Labels, threshold: metrics.Threshold
) -> dict[str, Any]:
    """Rates at a threshold and, of labelled data, at zero miss; None for what is undefined."""
    found = {
        "n": len(scores),
        "flagged": int((scores >= threshold).sum()),
        "labelled": labels is not None,
        "threshold": float(threshold),
        "threshold_source": threshold.origin(),
        "score_quantiles": _quantiles(scores),
    }
    if labels is None:
        return found
    found |= metrics.evaluate(scores, labels, threshold).to_dict()
    found["partial_auroc"] = plain(metrics.partial_auroc(scores, labels))
    zero = labels.any() and metrics.threshold(
        scores, labels, policy="zero_miss", source="NG of this very test set"
    )
    found["zero_miss"] = metrics.evaluate(scores, labels, zero).to_dict() if zero else None
    return found


def guarantees(
    scores: NDArray[np.float64],
    labels: Labels,
    threshold: metrics.Threshold,
    known_good: NDArray[np.float64],
    target: Target = NOTHING_ASKED,
) -> dict[str, Any]:
    """Rates at other thresholds, the judgement, and what a stronger claim would take."""
    if labels is None:
        return {"alternatives": [], "claims": [], "judgement": None, "review": None}
    known = {CALIBRATION: (known_good, None), TEST: (scores, labels)}
    rows = [("in use", threshold.origin(), threshold)]
    for words, source, policy, params in POLICIES:
        limit = _chosen(*known[source], policy, params)
        rows += [(words, source, limit)] * (limit is not None and isfinite(limit))
    counts = metrics.confusion(scores, labels, threshold)
    judgement = None
    if target != NOTHING_ASKED:
        found = metrics.accept(scores, labels, threshold, **target._asdict())
        claims = [plain(claim._asdict()) for claim in found.claims]
        judgement = {"met": found.met, "claims": claims}
    return {
        "judgement": judgement,
        "review": _review(scores, labels),
        "alternatives": [_at(*row, scores, labels) for row in rows],
        "claims": [
            _claim("miss", counts.fn, counts.n_ng, "NG"),
            _claim("overkill", counts.fp, counts.n_ok, "good"),
        ],
    }


def result_table(
    names: Sequence[str],
    labels: Sequence[str],
    parts: Sequence[str],
    scores: NDArray[np.float64],
    threshold: float,
    rule: str,
) -> pd.DataFrame:
    """The verdicts in the columns of a result file, and those of parts of several photos."""
    verdicts = np.where(scores >= threshold, "NG", "OK")
    table = pd.DataFrame(zip(names, labels, verdicts, scores, strict=True), columns=COLUMNS)
    if len(set(parts)) < len(parts):
        joined = metrics.join_photos(scores, parts, rule=rule)
        table["part"] = parts
        table["part prediction"] = np.where(joined.scores >= threshold, "NG", "OK")[joined.of]
    return table


def by_lot(table: pd.DataFrame, by: str, details: str) -> dict[str, Any] | None:
    """Rates of each lot, shift or other group; None where no column was stated."""
    if not by:
        return None
    rows = rates_by(table, by, details=workspace.resolve(details) if details else None)
    chart = metrics.p_chart([row.flagged for row in rows], [row.n for row in rows])
    found = [
        plain(row._asdict()) | {"beyond_chance": bool(out)}
        for row, out in zip(rows, chart.out, strict=True)
    ]
    return {"by": by, "centre": chart.centre, "rows": found}


def by_part(
    scores: NDArray[np.float64],
    labels: Labels,
    parts: Sequence[str],
    threshold: metrics.Threshold,
    rule: str,
) -> dict[str, Any] | None:
    """Rates of photos and, by each rule, of parts; None where every photo is a part of its own."""
    if len(set(parts)) == len(parts):
        return None
    rows = [_judged("photo", "", scores, labels, threshold)]
    for each in dict.fromkeys([rule, *metrics.RULES]):
        joined = metrics.join_photos(scores, parts, labels=labels, rule=each)
        rows.append(_judged("part", each, joined.scores, joined.labels, threshold))
    sizes = {"fewest": int(joined.photos.min()), "most": int(joined.photos.max())}
    return rows[1] | sizes | {"rule": rule, "rows": rows}


def by_region(
    areas: NDArray[np.float64], labels: Labels, smallest: float, count: int
) -> dict[str, Any] | None:
    """Rates by the smallest region that counts, as a share of the photo; None without labels."""
    if labels is None:
        return None
    rows = [("in use", "set by hand", smallest)]
    for words, source, policy, params in POLICIES:
        limit = _chosen(areas, labels, policy, params) if source == TEST else None
        rows += [(words, source, limit)] * bool(limit and 0 < limit <= 1)
    found = [_at(*row, areas, labels) for row in rows]
    return {
        "count": count,
        "auroc": plain(metrics.auroc(areas, labels)),
        "smallest": smallest,
        "rows": [row | {"smallest": row.pop("threshold")} for row in found],
    }


def by_inspectors(table: pd.DataFrame, files: Sequence[str]) -> dict[str, Any] | None:
    """How far two inspectors agree, or one with the detector; None without a result file."""
    if not files:
        return None
    if len(files) > 2:
        raise DataError(f"inspectors must be one or two result files, got {len(files)}")
    sides = {workspace.resolve(file).stem: judged(workspace.resolve(file)) for file in files}
    if len(files) == 1:
        sides = {"the detector": table.set_index(COLUMNS[0])[COLUMNS[2]]} | sides
    if len(sides) != 2:
        raise DataError(f"inspectors must be result files of two names, got {', '.join(files)}")
    named = dict(zip(("first", "second"), sides, strict=True))
    return plain(agree(*sides.values()).to_dict()) | named


def _chosen(
    scores: NDArray, labels: Labels, policy: str, params: dict[str, Any]
) -> metrics.Threshold | None:
    try:
        return metrics.threshold(scores, labels, policy=policy, **params)
    except ValueError:  # too few parts, or none of a class, for this policy
        return None


def _at(words: str, source: str, limit: float, scores: NDArray, labels: NDArray) -> dict[str, Any]:
    found = metrics.evaluate(scores, labels, limit).to_dict()
    keys = ("threshold", "fn", "fp", "miss_rate", "overkill_rate")
    return {"policy": words, "source": source} | {key: found[key] for key in keys}


def _judged(
    what: str, rule: str, scores: NDArray, labels: Labels, threshold: metrics.Threshold
) -> dict[str, Any]:
    found = rated(scores, labels, threshold)
    keys = ("n", "flagged", "n_ok", "n_ng", "fn", "fp", "miss_rate", "miss_interval",
            "overkill_rate", "overkill_interval", "auroc")  # fmt: skip
    return {"judged": what, "rule": rule} | {key: found[key] for key in keys if key in found}


def _review(scores: NDArray, labels: NDArray) -> dict[str, Any] | None:
    if labels.all() or not labels.any():
        return None
    both = metrics.two_thresholds(scores, labels)
    ends = {"low": float(both.low), "high": float(both.high)}
    return ends | plain(both.expected._asdict())


def _claim(rate: str, found: int, n: int, kind: str) -> dict[str, Any]:
    upper = metrics.clopper_pearson(found, n)[1] if n else None
    needed = [(target, metrics.parts_needed(found, n, target)) for target in TARGETS if n]
    targets = [{"rate": target, "n": parts} for target, parts in needed]
    known = {"rate": rate, "class": kind, "found": found, "n": n}
    return known | {"upper": upper, "targets": targets}


def _quantiles(scores: NDArray[np.float64]) -> dict[str, float]:
    if not len(scores):
        return {}
    shares = (0, 0.5, 0.9, 0.99, 1)
    return dict(zip(map(str, shares), np.quantile(scores, shares).tolist(), strict=True))
