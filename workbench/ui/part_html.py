"""What is said of a part, as HTML: outcome, truth, score, reasons, rates."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from workbench import metrics
from workbench.language import t
from workbench.session import InspectionSession, Verdict

from .markup import both_rates, caption, interval_cell, rate_cell, render, table, unique

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation
    from workbench.csflow.regions import Region

Words = Callable[..., str]
REGIONS = 3  # are listed and numbered; beyond the strongest few they are noise
ALLOWED = 1.15  # times as hot as a good one may all of a photo be without a word
PLACES = (
    ("upper left", "upper middle", "upper right"),
    ("middle left", "in the middle", "middle right"),
    ("lower left", "lower middle", "lower right"),
)
_RING = "M41 22 A19 19 0 1 1 3 22 A19 19 0 1 1 41 22 "
_TICK, _CROSS = _RING + "M13 22 l7 7 l12 -14", _RING + "M15 15 l14 14 M29 15 l-14 14"
_WARNING = "M22 4 L42 39 H2 Z M22 17 V27 M22 33 V33.5"
SIGNS = {  # outcome and verdict: CSS class, word, what it means, icon
    ("missed", "OK"): ("missed", "MISSED", "defect passed as OK", _WARNING),
    ("overkill", "NG"): ("overkill", "OVERKILL", "good part called NG", _WARNING),
    ("correct", "OK"): ("ok", "OK", "good part passed", _TICK),
    ("correct", "NG"): ("ng", "NG", "defect caught", _CROSS),
    ("", "OK"): ("ok", "OK", "no label", _TICK),
    ("", "NG"): ("ng", "NG", "no label", _CROSS),
}


def sign(verdict: Verdict | None) -> str:
    """The outcome, large, where the truth is known, else the verdict: word, sign and colour."""
    kind, word, said, icon = "none", "not judged", "", ""
    if verdict:
        kind, word, said, icon = SIGNS[verdict.outcome, verdict.prediction]
    return render("part.sign", kind=kind, word=t(word), said=t(said), icon=icon)


def part(verdict: Verdict, threshold: float, lowest_ok: float) -> str:
    """Truth, verdict and score of the part, with the score on a bar."""
    score = f"{verdict.score:.4g} / {threshold:.4g}"
    rows = {
        t("True label"): render("part.truth", verdict=verdict),
        t("Verdict"): render("tables.strong", text=verdict.prediction),
        t("Score / threshold"): score,
    }
    return table(rows) + score_bar(verdict.score, threshold, lowest_ok)


def totals(session: InspectionSession) -> str:
    """Rates over all parts, beside them those of the parts stepped through so far."""
    all_parts, so_far = session.overall(), session.rates()
    n = f"{len(session.parts):,}"
    first = t("All {0} parts", n)
    if all_parts is None:
        first = t("All parts: scored {0} of {1}", session.all_scores.done, n)
    rows = {
        first: _rates(all_parts),
        t("Stepped through: {0}", f"{session.judged:,}"): _rates(so_far),
    }
    seen = t("{0} confirmed or relabelled by a person", len(session.settled))
    head, corner = [t("Miss rate"), t("Overkill rate")], t("with 95 % interval")
    return render("tables.grid", head=head, rows=rows, corner=corner) + caption(seen)


def head_rates(session: InspectionSession) -> str:
    """Both rates over all parts in a line, or how far their scoring is."""
    rates = session.overall()
    if rates is None:
        return t("scored {0} of {1}", session.all_scores.done, len(session.parts))
    if not rates.n:
        return ""
    return t("missed {0}, overkill {1}", *(rate_cell(*of) for _, *of in both_rates(rates)))


def why(evaluation: "Evaluation") -> str:
    """Where the part stands out, and how much each scale has to do with it."""
    height, width = evaluation.heatmap.shape
    lines = [
        t(
            "region {0}: {1}, {2} x {3} px, {4} times the threshold",
            number, t(whereabouts(region.box, width, height)), region.box[2] - region.box[0],
            region.box[3] - region.box[1], f"{region.peak / evaluation.threshold:.1f}",
        )
        for number, region in enumerate(regions(evaluation), start=1)
    ]  # fmt: skip
    evidence = sorted(getattr(evaluation, "evidence", ()), key=lambda one: -one.share)
    for one in evidence[: REGIONS if evaluation.is_anomaly else 0]:
        name, ratio = t(one.name), f"{one.times:.2g}"
        lines.append(
            t("{0}: {1} times a good part's", name, ratio)
            if one.scale is None
            else t("{0}, scale {1}: {2} times a good part's", name, one.scale + 1, ratio)
        )
    if (lifted := getattr(evaluation, "lifted", 1)) > ALLOWED:
        lines.append(
            t("all of the photo is {0} times as hot: taken for focus or light", f"{lifted:.1f}")
        )
    shares = getattr(evaluation, "shares", ())
    ends = {0: t("finest"), len(shares) - 1: t("coarsest")} if len(shares) > 1 else {}
    bars = [
        {"name": f"{k + 1} {ends.get(k, '')}", "width": round(100 * share),
         "text": f"{100 * share:.0f} %"}
        for k, share in enumerate(shares)
    ]  # fmt: skip
    return render("part.why", lines=lines or [t("no place stands out")], shares=bars)


def whereabouts(box: tuple[int, int, int, int], width: int, height: int) -> str:
    """In which ninth of the photo the middle of a box lies."""
    column = min(int(3 * (box[0] + box[2]) / (2 * width)), 2)
    row = min(int(3 * (box[1] + box[3]) / (2 * height)), 2)
    return PLACES[row][column]


def regions(evaluation: "Evaluation") -> tuple["Region", ...]:
    """The strongest few regions of a part that was called NG; a good one has none to show."""
    return getattr(evaluation, "regions", ())[:REGIONS] if evaluation.is_anomaly else ()


def times(evaluation: "Evaluation", shown: float) -> str:
    """How long scoring and showing took, with the stages in a tooltip."""
    stages = [f"{t(k)} {1000 * v:.0f} ms" for k, v in evaluation.timing.items() if k != "total"]
    scored = f"{1000 * evaluation.timing['total']:.0f}"
    said = t("scored {0} ms, shown {1} ms", scored, f"{1000 * shown:.0f}")
    return render("tables.caption", said=said, more=", ".join(stages))


def score_bar(score: float, threshold: float, lowest_ok: float) -> str:
    """Where the score lies: OK left of the line in the middle, NG (hatched) right of it.

    The ends are equally far from the threshold; scores beyond are drawn at the end.
    """
    reach = max(threshold - lowest_ok, 1e-12)
    x = 150 + 140 * float(np.clip((score - threshold) / reach, -1, 1))
    label = sentence(score, threshold)
    return render("charts.score_bar", x=f"{x:.1f}", hatch_id=unique("wb-hatch"), label=label)


def sentence(score: float, threshold: float, t: Words = t) -> str:
    """Score and threshold in words, for status line and screen reader."""
    how = "at or above" if score >= threshold else "below"
    return t(f"score {{0}} {how} threshold {{1}}", f"{score:.4g}", f"{threshold:.4g}")


def in_a_line(verdict: Verdict, threshold: float, t: Words = t) -> str:
    """A part in a line: name, verdict, score, outcome."""
    score = sentence(verdict.score, threshold, t)
    return f"{verdict.name}: {verdict.prediction}, {score}, {t(verdict.outcome or 'no label')}"


def _rates(rates: metrics.Metrics | None) -> list[str]:
    if rates is None:
        return ["-", "-"]
    return [
        render(
            "tables.short_rate", count=count, n=n, per_cent=f"{100 * metrics.rate(count, n):.1f}",
            interval=interval_cell(count, n),
        ) if n else "-"
        for _, count, n in both_rates(rates)
    ]  # fmt: skip
