"""What the numbers allow to say: other thresholds, and what a stronger claim would take."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench import metrics, plots

from . import display, wording

Numbers = Mapping[str, Any]

HELD_OUT, TEST = "held-out good ones", "this very test set"
COST = {"prevalence": 0.01, "miss_cost": 100, "overkill_cost": 1}
POLICIES = (
    ("95 % of good ones pass", HELD_OUT, "percentile", {"q": 95}),
    ("at most 1 % overkill, conformal", HELD_OUT, "conformal", {"alpha": 0.01}),
    ("at most 5 % overkill, conformal", HELD_OUT, "conformal", {"alpha": 0.05}),
    ("zero miss", TEST, "zero_miss", {}),
    ("at most 1 % overkill", TEST, "max_overkill", {"overkill": 0.01}),
    ("best F1", TEST, "f1", {}),
    ("least cost: 1 % NG, a miss costs 100 overkills", TEST, "cost", COST),
)  # fmt: skip


class Target(NamedTuple):
    """The highest shares that are asked for; None asks nothing."""

    misses: float | None = None
    overkill: float | None = None


NOTHING_ASKED = Target()
TARGETS = (0.05, 0.01, 0.001)
"""Rates that a customer may want to be promised."""


def numbers(
    scores: NDArray[np.float64],
    labels: NDArray[np.bool_] | None,
    threshold: metrics.Threshold,
    held_out: NDArray[np.float64],
    target: Target = NOTHING_ASKED,
) -> dict[str, Any]:
    """Rates at other thresholds, the judgement, and what more would take; fit for JSON.

    Args:
        scores: Of the test set, shape (N,).
        labels: True for NG, shape (N,), or None.
        threshold: The one in use.
        held_out: Scores of held-out good parts, shape (M,).
        target: The rates that are asked for.
    """
    if labels is None:
        return {"alternatives": [], "claims": [], "judgement": None, "review": None}
    rows = [("in use", threshold.origin(), threshold)]
    for words, source, policy, params in POLICIES:
        known = (held_out, None) if source == HELD_OUT else (scores, labels)
        try:
            limit = metrics.threshold(*known, policy=policy, **params)
        except ValueError:  # too few parts, or none of a class, for this policy
            continue
        if isfinite(limit):
            rows.append((words, source, limit))
    counts = metrics.confusion(scores, labels, threshold)
    judgement = None
    if target != NOTHING_ASKED:
        found = metrics.accept(scores, labels, threshold, **target._asdict())
        judgement = {"met": found.met, "claims": [_plain(claim) for claim in found.claims]}
    return {
        "judgement": judgement,
        "review": _review(scores, labels),
        "alternatives": [_at(*row, scores, labels) for row in rows],
        "claims": [
            _claim("miss", counts.fn, counts.fn + counts.tp, "NG"),
            _claim("overkill", counts.fp, counts.fp + counts.tn, "good"),
        ],
    }


def show_alternatives(m: Numbers) -> None:
    """Show what other thresholds would have done on the test set."""
    rows = m["alternatives"]
    if not rows:
        display.text("Without labels other thresholds have no rates to compare.")
        return
    thing, good, wasted = wording.TERMS[m["kind"]]
    frame = pd.DataFrame(
        [
            {
                "policy": row["policy"],
                "chosen on": row["source"],
                "threshold": f"{row['threshold']:.4g}",
                f"NG {thing}s missed": _of(row["fn"], m["n_ng"], row["miss_rate"]),
                f"{good} {thing}s {wasted}": _of(row["fp"], m["n_ok"], row["overkill_rate"]),
            }
            for row in rows
        ]
    )
    display.table(
        frame,
        "Rates on the test set at other thresholds. Those chosen on the test set itself show what "
        "could be had at best; they are no result.",
    )


def show_review(m: Numbers) -> None:
    """Say what a second look at the doubtful parts would do."""
    r = m["review"]
    if not r:
        return
    thing, good, wasted = wording.TERMS[m["kind"]]
    if r["low"] == r["high"]:
        display.text(
            f"One threshold, {r['low']:.4g}, misses none of these NG {thing}s at no more than 1 % "
            "overkill: nothing has to be looked at twice."
        )
        return
    low, high = r["review_interval"]
    display.text(
        f"**With a second look** at what scores from {r['low']:.4g} to {r['high']:.4g}, no NG "
        f"{thing} passes and {wording.percent(r['overkill_rate'])} of the {good} ones are "
        f"{wasted} unseen. A person looks at {wording.percent(r['review_rate_ok'])} of the {good} "
        f"{thing}s and {wording.percent(r['review_rate_ng'])} of the NG ones, "
        f"{wording.percent(r['review_rate'])} of this test set (95 % interval "
        f"{100 * low:.1f} to {wording.percent(high)})."
    )


def show_cost(
    m: Numbers,
    scores: NDArray[np.float64],
    labels: NDArray[np.bool_] | None,
    threshold: float,
) -> None:
    """Show what a thousand parts cost at each threshold, where there are both classes."""
    if m.get("auroc") is None:
        return
    drawn = plots.cost(scores, labels, threshold, **COST)
    least = next(row for row in m["alternatives"] if row["policy"].startswith("least cost"))
    display.figure(
        drawn,
        "Expected cost of a thousand parts if 1 % of them are NG and a miss costs as much as 100 "
        f"overkills: least at {least['threshold']:.4g}; the threshold in use is {threshold:.4g}.",
    )


def show_claims(m: Numbers) -> None:
    """Say what the test proves, and how many parts a stronger claim would take."""
    rows = [row for row in m["claims"] if row["n"]]
    if not rows:
        display.text("Nothing can be claimed without labelled parts.")
        return
    thing = wording.TERMS[m["kind"]].thing
    display.text(
        " ".join(
            f"With {row['found']:,} of {wording.plural(row['n'], row['class'] + ' ' + thing)} "
            f"the true {row['rate']} rate is below **{wording.percent(row['upper'])}** "
            "(exact 95 % interval)."
            for row in rows
        )
    )
    frame = pd.DataFrame(
        [
            {
                "to claim": f"{row['rate']} rate below {wording.percent(target['rate'])}",
                "this would do": _needed(row, target, thing),
            }
            for row in rows
            for target in row["targets"]
        ]
    )
    display.table(frame, "Parts to test at this threshold, all different, at the rate found here.")


def _plain(row: tuple) -> dict[str, Any]:
    return {key: finite(value) for key, value in row._asdict().items()}


def finite(value: Any) -> Any:  # noqa: ANN401
    """The value for JSON: None for what is not defined, a list for an interval.

    Example:
        >>> finite(float("nan")), finite((0.0, 0.5))
        (None, [0.0, 0.5])
    """
    if isinstance(value, tuple):
        return [finite(end) for end in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _at(words: str, source: str, limit: float, scores: NDArray, labels: NDArray) -> dict[str, Any]:
    found = metrics.evaluate(scores, labels, limit).to_dict()
    keys = ("threshold", "fn", "fp", "miss_rate", "overkill_rate")
    return {"policy": words, "source": source} | {key: found[key] for key in keys}


def _review(scores: NDArray, labels: NDArray) -> dict[str, Any] | None:
    if labels.all() or not labels.any():
        return None
    both = metrics.two_thresholds(scores, labels)
    found = {"low": float(both.low), "high": float(both.high)} | both.expected._asdict()
    return found | {"review_interval": list(both.expected.review_interval)}


def _claim(rate: str, found: int, n: int, kind: str) -> dict[str, Any]:
    upper = metrics.clopper_pearson(found, n)[1] if n else None
    needed = {target: metrics.parts_needed(found, n, target) for target in TARGETS if n}
    targets = [{"rate": target, "n": parts} for target, parts in needed.items()]
    return {
        "rate": rate,
        "class": kind,
        "found": found,
        "n": n,
        "upper": upper,
        "targets": targets,
    }


def _needed(row: Numbers, target: Numbers, thing: str) -> str:
    if target["n"] is None:
        return f"no number of parts: {wording.percent(row['found'] / row['n'])} were found"
    more = target["n"] - row["n"]
    if more <= 0:
        return "proven by this test"
    rest = "none of them wrong" if not row["found"] else "at the rate found here"
    return f"{target['n']:,} {row['class']} {thing}s, {more:,} more than now, {rest}"


def _of(count: int, n: int, rate: float | None) -> str:
    return f"{count:,} of {n:,} ({wording.percent(rate)})"
