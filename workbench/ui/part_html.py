"""What is said of a part, as HTML: verdict, truth, score, reasons, running rates."""

import base64
from collections.abc import Callable
from html import escape
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from workbench.csflow.heatmap import colourise
from workbench.session import InspectionSession, Verdict

from .pictures import encoded
from .style import NG, OK, icon
from .view import interval_cell, rate_cell, table

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation, Region

REGIONS = 3  # are listed and numbered; beyond the strongest few they are noise
Words = Callable[..., str]
_numbers = count()


def verdict(word: str, t: Words) -> str:
    """The verdict, large: a word, a sign and a colour."""
    kind = t("good" if word == "OK" else "defective")
    gloss = f'<small lang="ko">{kind}</small>' if kind not in ("good", "defective") else ""
    return (
        f'<div class="wb-verdict wb-{word.lower()}">{icon(word)}<span>{word}</span>{gloss}</div>'
    )


def part(verdict: Verdict, threshold: float, calm: float, t: Words) -> str:
    """Truth, outcome and score of the part, with the score on a bar."""
    truth = f"<b>{verdict.truth or '-'}</b>"
    if verdict.relabel:
        truth += f' <span class="wb-caption">{t("relabelled")}, {verdict.label or "-"}</span>'
    kind = verdict.outcome or "none"
    rows = {
        t("True label"): truth,
        t(
            "Outcome"
        ): f'<span class="wb-outcome wb-{kind}">{t(verdict.outcome or "no label")}</span>',
        t("Score / threshold"): f"<b>{verdict.score:.4g}</b> / {threshold:.4g}",
    }
    return table(rows) + score_bar(verdict.score, threshold, calm, t)


def totals(session: InspectionSession, time: str, t: Words) -> str:
    """Running counts and rates with their intervals."""
    rates = session.rates()
    return table(
        {
            t("Judged"): t("{0} of {1}", session.judged, len(session.parts)),
            t("Miss rate 미검율"): _rate(rates.fn, rates.n_ng, rates.miss_interval, t),
            t("Overkill rate 과검율"): _rate(rates.fp, rates.n_ok, rates.overkill_interval, t),
            t("Time"): time,
        }
    )


def why(evaluation: "Evaluation", t: Words) -> str:
    """Where the part stands out, and how much each scale has to do with it."""
    found = regions(evaluation)
    lines = [
        t(
            "region {0}: {1} x {2} px at {3}, {4}; peak {5}",
            number, region.box[2] - region.box[0], region.box[3] - region.box[1],
            region.box[0], region.box[1], f"{region.peak:.3g}",
        )
        for number, region in enumerate(found, start=1)
    ]  # fmt: skip
    items = "".join(f"<li>{line}</li>" for line in lines or [t("no place stands out")])
    shares = getattr(evaluation, "shares", ())
    return (
        f'<div class="wb-reasons"><div><b>{t("Why")}</b><ul class="wb-list">{items}</ul></div>'
        f"<div>{_shares(shares, t)}</div></div>"
    )


def regions(evaluation: "Evaluation") -> tuple["Region", ...]:
    """The strongest few regions of a part that was called NG; a good one has none to show."""
    return getattr(evaluation, "regions", ())[:REGIONS] if evaluation.is_anomaly else ()


def times(evaluation: "Evaluation", shown: float, t: Words) -> str:
    """How long scoring and showing took, with the stages in a tooltip."""
    stages = [f"{k} {1000 * v:.0f} ms" for k, v in evaluation.timing.items() if k != "total"]
    scored = f"{1000 * evaluation.timing['total']:.0f}"
    said = t("scored {0} ms, shown {1} ms", scored, f"{1000 * shown:.0f}")
    return f'<span title="{escape(", ".join(stages))}">{said}</span>'


def scale(heat_range: tuple[float, float], fixed: bool, t: Words) -> str:
    """The colour scale that is in use, upright, with its ends as numbers."""
    low, high = heat_range
    ramp = colourise(np.linspace(high, low, 256, dtype=np.float32)[:, None], heat_range)
    png = base64.b64encode(encoded(Image.fromarray(ramp), "PNG")).decode()
    whose = t("same for<br>all parts" if fixed else "this part<br>alone")
    return (
        f'<div class="wb-scale"><img src="data:image/png;base64,{png}" '
        f'alt="{t("colour scale of the heat map")}">'
        f"<div><span>{high:.3g}</span><span>{whose}</span><span>{low:.3g}</span></div></div>"
    )


def score_bar(score: float, threshold: float, calm: float, t: Words) -> str:
    """Where the score lies: OK left of the line in the middle, NG (hatched) right of it.

    The ends are equally far from the threshold; scores beyond are drawn at the end.
    """
    reach = max(threshold - calm, 1e-12)
    hatch = f"wb-hatch-{next(_numbers)}"  # its own: one of a hidden tab would not be drawn
    x = 150 + 140 * float(np.clip((score - threshold) / reach, -1, 1))
    return (
        f'<svg class="wb-chart wb-bar" viewBox="0 0 300 38" width="100%" height="38" role="img" '
        f'aria-label="{sentence(score, threshold, t)}"><defs>'
        f'<pattern id="{hatch}" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{NG}" '
        f'opacity=".25"/><path d="M0 0 V6" stroke="{NG}" stroke-width="2"/></pattern></defs>'
        f'<rect x="10" y="12" width="140" height="10" rx="3" fill="{OK}" opacity=".35"/>'
        f'<rect x="150" y="12" width="140" height="10" rx="3" fill="url(#{hatch})"/>'
        '<path class="wb-mark" d="M150 7 V27" stroke-width="2"/>'
        f'<path class="wb-fill" d="M{x:.1f} 14 l-6 -11 h12 z"/>'
        '<text x="10" y="36">OK</text>'
        f'<text x="150" y="37" text-anchor="middle">{t("threshold")}</text>'
        '<text x="290" y="36" text-anchor="end">NG</text></svg>'
    )


def sentence(score: float, threshold: float, t: Words) -> str:
    """Score and threshold in words, for status line and screen reader."""
    how = "at or above" if score >= threshold else "below"
    return t(f"score {{0}} {how} threshold {{1}}", f"{score:.4g}", f"{threshold:.4g}")


def _rate(events: int, n: int, interval: tuple[float, float], t: Words) -> str:
    if not n:
        return "-"
    words = f"{t('95 % interval')} {interval_cell(interval, t)}"
    return f"<b>{rate_cell(events, n, t)}</b><br><span class='wb-caption'>{words}</span>"


def _shares(shares: tuple[float, ...], t: Words) -> str:
    """A bar a scale, finest first."""
    if not shares:
        return ""
    ends = {0: t("finest"), len(shares) - 1: t("coarsest")} if len(shares) > 1 else {}
    bars = "".join(
        f'<div class="wb-share"><span>{k + 1} {ends.get(k, "")}</span>'
        f'<i style="width:{100 * share:.0f}px"></i>{100 * share:.0f} %</div>'
        for k, share in enumerate(shares)
    )
    return f'<span class="wb-caption">{t("share of the scales")}</span>{bars}'
