"""Numbers in words: the same sentences and tables for images and for sensor rows.

Everything here reads the dict that becomes `metrics.json`, so no sentence can say another
number than the file.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench import artifacts, metrics, workspace

Numbers = Mapping[str, Any]

_SPECIAL = re.compile(r"[\\`*_\[\]<>&$|~!#]")


class Terms(NamedTuple):
    """What is tested, what a good one is called, and what happens to it when called NG."""

    thing: str
    good: str
    wasted: str


TERMS = {
    "csflow": Terms("part", "good", "thrown away"),
    "autoencoder": Terms("row", "normal", "taken for faulty"),
}


class Tile(NamedTuple):
    """One of the few numbers at the head of a report."""

    title: str
    value: str
    note: str


def percent(share: float | None) -> str:
    """A share as per cent, "-" where it is not defined.

    Example:
        >>> percent(0.0312), percent(None)
        ('3.1 %', '-')
    """
    return "-" if share is None or np.isnan(share) else f"{100 * share:.1f} %"


def number(value: float | None, digits: int = 3) -> str:
    """A number with this many decimal places, "-" where it is not defined."""
    return "-" if value is None or np.isnan(value) else f"{value:.{digits}f}"


def plural(n: int, thing: str) -> str:
    """A count with its noun.

    Example:
        >>> plural(1, "part"), plural(0, "part")
        ('1 part', '0 parts')
    """
    return f"{n:,} {thing}" + "s" * (n != 1)


def plain(text: str) -> str:
    """Words from the data inside Markdown: they are read as they are.

    Example:
        >>> plain("a*b <c>")
        'a&#42;b &#60;c&#62;'
    """
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", " ".join(str(text).split()))


def code(text: str) -> str:
    """The same in the type of names: of files and folders.

    Example:
        >>> code("lens")
        '<code>lens</code>'
    """
    return f"<code>{plain(text)}</code>"


def rated(
    scores: NDArray[np.float64], labels: NDArray[np.bool_] | None, threshold: metrics.Threshold
) -> dict[str, Any]:
    """Rates at a threshold and, of labelled data, at zero miss; with None for what is undefined.

    Args:
        scores: Finite, shape (N,).
        labels: True for NG, shape (N,), or None.
        threshold: The one in use.
    """
    flagged = int((scores >= threshold).sum())
    found = {"n": len(scores), "flagged": flagged, "labelled": labels is not None}
    found |= {"threshold": float(threshold), "threshold_source": threshold.origin()}
    found |= {"score_quantiles": _quantiles(scores)}
    if labels is None:
        return found
    found |= metrics.evaluate(scores, labels, threshold).to_dict()
    found["partial_auroc"] = _finite(metrics.partial_auroc(scores, labels))
    zero = labels.any() and metrics.threshold(
        scores, labels, policy="zero_miss", source="NG of this very test set"
    )
    found["zero_miss"] = metrics.evaluate(scores, labels, zero).to_dict() if zero else None
    return found


def answer(m: Numbers) -> str:
    """The first paragraph: what was missed and what was thrown away, in Markdown."""
    thing, good, _ = TERMS[m["kind"]]
    if not m["labelled"]:
        return (
            f"**{m['flagged']:,} of {plural(m['n'], thing)} reach the threshold "
            f"{m['threshold']:.4g}.** Without labels nobody knows which of them are right: "
            "there are no rates in this report, only scores."
        )
    missed = _missed(m) if m["n_ng"] else f"There is no NG {thing}, so nothing to miss."
    wasted = _wasted(m) if m["n_ok"] else f"There is no {good} {thing} among them."
    return (
        f"{missed} {wasted} The threshold {m['threshold']:.4g} comes from "
        f"{plain(m['threshold_source'])}.{_under_stress(m)}{_at_zero_miss(m)}"
    )


class Judgement(NamedTuple):
    """Whether the stated rates are met, in words for the head of a page."""

    met: bool
    word: str
    claims: str


def judgement(m: Numbers) -> Judgement | None:
    """The judgement that the metrics hold; None where no target was stated."""
    found = m.get("judgement")
    if not found:
        return None
    word = "Meets the target." if found["met"] else "Does not meet the target."
    return Judgement(found["met"], word, " ".join(claim(row) for row in found["claims"]))


def claim(row: Numbers) -> str:
    """One claim in a sentence: what was asked, what was found, what more would take.

    Example:
        >>> claim({"name": "miss", "limit": 0.01, "found": 0, "n": 50, "met": False,
        ...        "interval": (0.0, 0.071), "needed": 368})
        'At most 1.0 % missed: not proven by 0 of 50, the true rate may be 7.1 %; 318 NG parts \
more would do.'
    """
    verb, kind = ("missed", "NG") if row["name"] == "miss" else ("overkill", "OK")
    asked = f"At most {percent(row['limit'])} {verb}" if row["limit"] else f"None {verb}"
    seen = f"{row['found']:,} of {row['n']:,}"
    if not row["n"]:
        return f"{asked}: not tested, there is no {kind} part."
    upper = f"the true rate may be {percent(row['interval'][1])}"
    if row["met"]:
        return f"{asked}: met by {seen}{'' if row['limit'] else f', though {upper}'}."
    more = "no number of parts at this rate would do"
    if row["needed"]:
        more = f"{plural(row['needed'] - row['n'], kind + ' part')} more would do"
    return f"{asked}: not proven by {seen}, {upper}; {more}."


def rates(m: Numbers) -> pd.DataFrame:
    """Rates with intervals, at the threshold in use and at zero miss; empty without labels."""
    if not m["labelled"]:
        return pd.DataFrame()
    rows = [_rates_row("in use", m)]
    if m["zero_miss"]:
        rows.append(_rates_row("zero miss, chosen on this very test set", m["zero_miss"]))
    thing, good, wasted = TERMS[m["kind"]]
    names = ["policy", "threshold", f"NG {thing}s missed", "95 % interval"]
    names += [f"{good} {thing}s {wasted}", "95 % interval "]
    return pd.DataFrame(rows, columns=names)


def tiles(m: Numbers) -> list[Tile]:
    """What the head of the page shows."""
    thing, good, _ = TERMS[m["kind"]]
    count = Tile("tested", f"{m['n']:,}", f"{thing}s")
    if not m["labelled"]:
        return [count, Tile("flagged", f"{m['flagged']:,}", "no labels, so no rates")]
    count = count._replace(note=f"{m['n_ok']:,} {good}, {m['n_ng']:,} NG")
    return [
        Tile("AUROC", number(m["auroc"]), "1 is perfect, 0.5 is chance"),
        Tile("missed", percent(m["miss_rate"]), f"{m['fn']:,} of {m['n_ng']:,} NG"),
        Tile("overkill", percent(m["overkill_rate"]), f"{m['fp']:,} of {m['n_ok']:,} {good}"),
        count,
    ]


def origins(m: Numbers) -> pd.DataFrame:
    """How the report was made: data, split, model, threshold, versions, as two columns."""
    saved = manifest(m["name"])
    data, config = saved["data"], saved["config"]
    split = data.get("counts", {}) | {"test": m["n"]}
    rows = {
        "data": data.get("root") or data.get("source") or "a list in memory",
        "note on the data": data.get("note", ""),
        "fingerprint of the training data": f"sha256 {data.get('fingerprint', '-')}",
        "split": ", ".join(f"{key} {n:,}" for key, n in split.items()),
        "model": f"models/{m['name']} ({saved['kind']}), saved {saved['saved'][:16]}",
        "weights": f"sha256 {saved['weights_sha256']}",
        "backbone": saved.get("backbone", {}).get("name", ""),
        "threshold": f"{m['threshold']:.6g}, {m['threshold_source']}",
        "seed": config["seed"],
        "configuration": ", ".join(f"{key} {value}" for key, value in config.items()),
        "versions in training": _words(saved["versions"]),
        "versions in this report": _words(m["versions"]),
    }
    return pd.DataFrame([(key, value) for key, value in rows.items() if value != ""]).set_axis(
        ["what", "value"], axis=1
    )


def versions() -> dict[str, str]:
    """Versions of what the scores of this run depend on."""
    return artifacts.versions()


def manifest(name: str) -> dict[str, Any]:
    """What `models/NAME` says of itself."""
    return artifacts.read_manifest(workspace.model(name))


def _missed(m: Numbers) -> str:
    tested = plural(m["n_ng"], f"NG {TERMS[m['kind']].thing}")
    if m["fn"]:
        return _share(m["fn"], tested, "missed", m["miss_rate"], m["miss_interval"])
    return _none(tested, "missed", m["miss_interval"])


def _wasted(m: Numbers) -> str:
    thing, good, wasted = TERMS[m["kind"]]
    tested = plural(m["n_ok"], f"{good} {thing}")
    if m["fp"]:
        return _share(m["fp"], tested, wasted, m["overkill_rate"], m["overkill_interval"])
    return _none(tested, wasted, m["overkill_interval"])


def _share(n: int, tested: str, fate: str, rate: float, ends: tuple[float, float]) -> str:
    return f"**{n:,} of {tested} {fate} ({percent(rate)})**, 95 % interval {_interval(ends)}."


def _none(tested: str, fate: str, ends: tuple[float, float]) -> str:
    return (
        f"**None of the {tested} was {fate}**; with that many tested, the true rate is below "
        f"{percent(ends[1])} (95 % interval)."
    )


def _under_stress(m: Numbers) -> str:
    """The worst finding of the stress test, if it found one."""
    changes = m.get("stress", {}).get("changes", ())
    worst = max(changes, key=lambda row: row["flips"], default=None)
    if not worst or not worst["flips"]:
        return ""
    tested = m["stress"]["n_ok"] + m["stress"]["n_ng"]
    return (
        f" In the stress test {worst['flips']} of {tested} verdicts change when photos are "
        f"changed on purpose ({worst['change']})."
    )


def _at_zero_miss(m: Numbers) -> str:
    zero, (thing, good, wasted) = m["zero_miss"], TERMS[m["kind"]]
    if not zero or not m["n_ok"] or not m["fn"]:
        return ""
    return (
        f"\n\nTo miss none of these NG {thing}s the threshold would have to be "
        f"{zero['threshold']:.4g}, with {zero['fp']:,} of {m['n_ok']:,} {good} {thing}s "
        f"({percent(zero['overkill_rate'])}) {wasted}. That threshold was chosen on the very "
        f"{thing}s it is judged by: an outlook, not a result."
    )


def _rates_row(policy: str, m: Numbers) -> list[str]:
    return [
        policy,
        f"{m['threshold']:.4g}",
        f"{m['fn']:,} of {m['n_ng']:,} ({percent(m['miss_rate'])})",
        _interval(m["miss_interval"]),
        f"{m['fp']:,} of {m['n_ok']:,} ({percent(m['overkill_rate'])})",
        _interval(m["overkill_interval"]),
    ]


def _interval(ends: tuple[float | None, float | None]) -> str:
    low, high = ends
    return "-" if low is None else f"{100 * low:.1f} to {percent(high)}"


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _quantiles(scores: NDArray[np.float64]) -> dict[str, float]:
    if not len(scores):
        return {}
    shares = (0, 0.5, 0.9, 0.99, 1)
    return dict(zip(map(str, shares), np.quantile(scores, shares).tolist(), strict=True))


def _words(items: Numbers) -> str:
    return ", ".join(f"{key} {value}" for key, value in items.items())
