"""Rates as curves: over all thresholds, against the threshold, in money, and by kind of defect."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from workbench import metrics
from workbench.plots.figure import COLORS, finish, new_axes, words
from workbench.plots.scores import edges, groups, long_tailed, mark_threshold

POINTS = 1000  # of a curve, at most: more cannot be seen
_BAND = {"alpha": 0.18, "lw": 0}


def roc(scores: ArrayLike, labels: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Caught NG against overkill over all thresholds, with a 95 % band of the share caught.

    The band is pointwise (Wilson): it says how sure the share is at one overkill rate. The
    interval of the AUROC is DeLong's.

    Args:
        scores: Shape (N,).
        labels: True or "NG" for NG, shape (N,).
        ax: Axes to draw on; a new figure if None.
    """
    t = words()
    ax = ax or new_axes(4.2, 4, "Receiver operating characteristic")
    curve = _thinned(metrics.roc_curve(scores, labels).thresholds)
    counts = metrics.confusion(scores, labels, curve)
    area, (low, high) = metrics.auroc(scores, labels), metrics.auroc_interval(scores, labels)
    interval = "" if np.isnan(low) else t(" ({0} to {1})", f"{low:.3f}", f"{high:.3f}")
    ax.plot([0, 1], [0, 1], color=COLORS["quiet"], lw=1, ls=":", label=t("chance"))
    band = metrics.wilson(counts.tp, counts.n_ng)
    ax.fill_between(counts.overkill_rate, *band, color=COLORS["ok"], label=t("95 % band"), **_BAND)
    name = f"AUROC {area:.3f}{interval}"
    ax.plot(counts.overkill_rate, counts.recall, color=COLORS["ok"], lw=2, label=name)
    _share_axes(ax, t("overkill rate"), t("share of NG caught"))
    return finish(ax, legend=True)


def precision_recall(scores: ArrayLike, labels: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Share of alarms that are right against the share of NG caught, with a 95 % band.

    The band is pointwise (Wilson). Precision holds for the share of NG among these parts, which
    the dotted line shows; on a line with fewer NG it is lower.

    Args:
        scores: Shape (N,).
        labels: True or "NG" for NG, shape (N,).
        ax: Axes to draw on; a new figure if None.
    """
    t = words()
    ax = ax or new_axes(4.2, 4, "Precision against recall")
    curve = _thinned(metrics.pr_curve(scores, labels).thresholds)
    counts = metrics.confusion(scores, labels, curve)
    found = metrics.average_precision(scores, labels)
    share = metrics.rate(counts.n_ng, counts.n)[:1]
    ax.plot([0, 1], [*share, *share], color=COLORS["quiet"], lw=1, ls=":", label=t("chance"))
    band = metrics.wilson(counts.tp, counts.tp + counts.fp)
    ax.fill_between(counts.recall, *band, color=COLORS["ok"], label=t("95 % band"), **_BAND)
    name = t("average precision {0}", f"{found:.3f}")
    ax.plot(counts.recall, counts.precision, color=COLORS["ok"], lw=2, label=name)
    _share_axes(ax, t("share of NG caught"), t("share of alarms that are NG"))
    above_chance = (0, min(float(share.max(initial=0)) + 0.02, 0.6))
    ax.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=above_chance)
    return finish(ax)


def rates(
    scores: ArrayLike,
    labels: ArrayLike,
    threshold: float | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Miss rate and overkill rate against the threshold, with 95 % bands: what moving it costs.

    Args:
        scores: Shape (N,); NaN is left out.
        labels: True or "NG" for NG, shape (N,).
        threshold: Drawn as a line where given.
        ax: Axes to draw on; a new figure if None.
    """
    t = words()
    ax = ax or new_axes(7, 3.2, "Miss rate and overkill rate against the threshold")
    at, counts = _against_threshold(ax, scores, labels)
    for name, share, count, n, style in (
        ("miss rate", counts.miss_rate, counts.fn, counts.n_ng, "-"),
        ("overkill rate", counts.overkill_rate, counts.fp, counts.n_ok, "--"),
    ):
        if not n[0]:
            continue
        low, high = metrics.wilson(count, n)
        ax.fill_between(at, 100 * low, 100 * high, color=COLORS[name.split()[0]], **_BAND)
        ax.plot(at, 100 * share, color=COLORS[name.split()[0]], lw=2, ls=style, label=t(name))
    mark_threshold(ax, threshold)
    ax.set(xlabel=t("threshold"), ylabel="%", ylim=(-2, 102))
    return finish(ax, legend=True)


def cost(
    scores: ArrayLike,
    labels: ArrayLike,
    threshold: float | None = None,
    *,
    prevalence: float,
    miss_cost: float = 1.0,
    overkill_cost: float = 1.0,
    ax: Axes | None = None,
) -> Axes:
    """Expected cost of a thousand parts against the threshold, split into misses and overkill.

    Args:
        scores: Shape (N,); NaN is left out.
        labels: True or "NG" for NG, shape (N,); both classes are needed.
        threshold: Drawn as a line where given.
        prevalence: Share of NG in production.
        miss_cost: Of one missed NG part.
        overkill_cost: Of one OK part called NG.
        ax: Axes to draw on; a new figure if None.

    Raises:
        ValueError: A class is missing, or a number is out of range.
    """
    t = words()
    ax = ax or new_axes(7, 3.2, "Expected cost against the threshold")
    params = {"prevalence": prevalence, "miss_cost": miss_cost, "overkill_cost": overkill_cost}
    kept = np.isfinite(np.asarray(scores, np.float64))
    best = metrics.threshold(
        np.asarray(scores)[kept], metrics.as_labels(labels)[kept], policy="cost", **params
    )
    at, counts = _against_threshold(ax, scores, labels)
    of = {
        "misses": ("miss", ":", params | {"overkill_cost": 0.0}),
        "overkill": ("overkill", "--", params | {"miss_cost": 0.0}),
        "both": ("line", "-", params),
    }
    for name, (color, style, each) in of.items():
        values = 1000 * metrics.expected_cost(counts, **each)
        ax.plot(at, values, color=COLORS[color], ls=style, lw=2, label=t(name))
    lowest = 1000 * best.expected["cost"]
    label = t("lowest: {0} at {1}", f"{lowest:.3g}", f"{float(best):.4g}")
    ax.plot([best], [lowest], "o", ms=8, mfc="white", mec=COLORS["line"], mew=2, label=label)
    mark_threshold(ax, threshold)
    ax.set(xlabel=t("threshold"), ylabel=t("Cost per 1000 parts"))
    ax.set_ylim(bottom=0)
    return finish(ax, legend=True)


def calibration(held_out: ArrayLike, new: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Overkill that held-out OK scores promise against what new OK parts show, with a 95 % band.

    At each held-out score as the threshold: the expectation for the next part, (k + 1) / (n + 1)
    with k of n held-out scores as high, against the share of new OK parts as high. Above the
    diagonal new parts score worse than the held-out ones did: the line, or the light, changed.

    Args:
        held_out: Scores of the OK parts that the threshold comes from, shape (M,).
        new: Scores of other OK parts, shape (N,), of the test set or of last week.
        ax: Axes to draw on; a new figure if None.

    Raises:
        ValueError: One of them is empty, or a score is not finite.
    """
    held_out, new = metrics.as_scores(held_out), metrics.as_scores(new)
    if not held_out.size or not new.size:
        raise ValueError(
            f"held_out and new must hold scores, got {held_out.size} and {new.size} of them"
        )
    t = words()
    ax = ax or new_axes(4.2, 4, "Promised against observed overkill")
    at = np.unique(held_out)[::-1]
    reached = metrics.confusion(held_out, np.zeros(held_out.size, bool), at).fp
    promised = metrics.rate(reached + 1, held_out.size + 1)
    seen = metrics.confusion(new, np.zeros(new.size, bool), at)
    ax.plot([0, 1], [0, 1], color=COLORS["quiet"], lw=1, ls=":", label=t("as promised"))
    band = metrics.wilson(seen.fp, seen.n_ok)
    ax.fill_between(promised, *band, color=COLORS["overkill"], label=t("95 % band"), **_BAND)
    ax.plot(
        promised, seen.overkill_rate, color=COLORS["overkill"], lw=2,
        label=t("{0} new of {1} held out", new.size, held_out.size),
    )  # fmt: skip
    _share_axes(ax, t("overkill promised"), t("overkill observed"))
    return finish(ax, legend=True)


def kinds(rows: Sequence[metrics.KindRates], *, ax: Axes | None = None) -> Axes:
    """Miss rate of each kind of defect with its 95 % interval (exact), the most missed first.

    Args:
        rows: As from `metrics.by_kind`, which as a data frame is also the table.
        ax: Axes to draw on; a new figure if None.

    Raises:
        ValueError: There is no kind.
    """
    if not rows:
        raise ValueError("kinds needs at least one kind of defect, got none")
    t = words()
    ax = ax or new_axes(6, 1.0 + 0.32 * len(rows), "Miss rate by kind of defect")
    y, share = np.arange(len(rows)), 100 * np.array([row.miss_rate for row in rows])
    ends = 100 * np.array([row.miss_interval for row in rows]).T
    off = np.abs(ends - share)
    ax.errorbar(
        share, y, xerr=off, fmt="o", color=COLORS["miss"], ms=7, capsize=3, lw=1.5, clip_on=False
    )
    names = [f"{row.kind}  {t('{0} of {1}', row.missed, row.n)}" for row in rows]
    ax.set_yticks(y, names, fontsize=9)
    ax.set(xlabel=t("missed, %"), xlim=(0, 100), ylim=(len(rows) - 0.5, -0.5))
    ax.grid(axis="x", color=COLORS["quiet"], alpha=0.3)
    return finish(ax)


def _against_threshold(
    ax: Axes, scores: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], metrics.Confusion]:
    finite, by_class = groups(scores, labels)
    at = edges(finite, 512)
    ax.set_xscale("log" if long_tailed(finite) else "linear")
    sample = metrics.SortedScores(np.sort(by_class["OK"]), np.sort(by_class["NG"]))
    counts = sample.confusion(at)
    return at, counts


def _share_axes(ax: Axes, xlabel: str, ylabel: str) -> None:
    ax.set(xlabel=xlabel, ylabel=ylabel, aspect="equal", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _thinned(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Descending thresholds, at most POINTS of them, both ends included."""
    if thresholds.size <= POINTS:
        return thresholds
    return thresholds[np.linspace(0, thresholds.size - 1, POINTS).astype(int)]
