"""Rates over thresholds, in money, by report, by kind of defect, and over time (p-chart)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from workbench import metrics
from workbench.metrics import KindRates, PChart
from workbench.plots.figure import COLORS, finish, lettered, new_axes, panels, words
from workbench.plots.scores import edges, groups, mark_threshold

POINTS = 1000  # of a curve, at most: more cannot be seen
_BAND = {"alpha": 0.18, "lw": 0}
NAMED = 30  # groups whose names fit below the axis

Rate = tuple[float | None, tuple[float | None, float | None]]


def roc(scores: ArrayLike, labels: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Caught NG against overkill over all thresholds, with a 95 % band of the share caught.

    The band is pointwise (Wilson): it says how sure the share is at one overkill rate. The
    interval of the AUROC is DeLong's.
    """
    t = words()
    ax = ax or new_axes(4.2, 4, "Receiver operating characteristic")
    counts = metrics.confusion(scores, labels, _thinned(metrics.roc_curve(scores, labels)))
    area, (low, high) = metrics.auroc(scores, labels), metrics.auroc_interval(scores, labels)
    interval = "" if np.isnan(low) else t(" ({0} to {1})", f"{low:.3f}", f"{high:.3f}")
    ax.plot([0, 1], [0, 1], color=COLORS["quiet"], lw=1, ls=":", label=t("chance"))
    _banded(ax, counts.overkill_rate, counts.tp, counts.n_ng, f"AUROC {area:.3f}{interval}")
    ax.set(xlabel=t("overkill rate"), ylabel=t("share of NG caught"))
    return finish(ax, legend=True)


def precision_recall(scores: ArrayLike, labels: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Share of alarms that are right against the share of NG caught, with a 95 % band.

    The band is pointwise (Wilson). Precision holds for the share of NG among these parts, which
    the dotted line shows; on a line with fewer NG it is lower.
    """
    t = words()
    ax = ax or new_axes(4.2, 4, "Precision against recall")
    counts = metrics.confusion(scores, labels, _thinned(metrics.pr_curve(scores, labels)))
    share = metrics.rate(counts.n_ng, counts.n)[:1]
    ax.plot([0, 1], [*share, *share], color=COLORS["quiet"], lw=1, ls=":", label=t("chance"))
    name = t("average precision {0}", f"{metrics.average_precision(scores, labels):.3f}")
    _banded(ax, counts.recall, counts.tp, counts.tp + counts.fp, name)
    ax.set(xlabel=t("share of NG caught"), ylabel=t("share of alarms that are NG"))
    above_chance = (0, min(float(share.max(initial=0)) + 0.02, 0.6))
    ax.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=above_chance)
    return finish(ax)


def calibration(known: ArrayLike, new: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Overkill that calibration scores promise against what new OK parts show, with a 95 % band.

    At each calibration score as the threshold: the expectation for the next part, (k + 1) /
    (n + 1) with k of n of them as high, against the share of new OK parts as high. Above the
    diagonal new parts score worse than the calibration ones did: the line, or the light, changed.

    Args:
        known: Scores of the OK parts that the threshold comes from, shape (M,).
        new: Scores of other OK parts, of the test set or of last week.

    Raises:
        ValueError: One of them is empty, or a score is not finite.
    """
    known, new = metrics.as_scores(known), metrics.as_scores(new)
    if not known.size or not new.size:
        raise ValueError(
            f"known and new must hold scores, got {known.size} and {new.size} of them"
        )
    t = words()
    ax = ax or new_axes(4.2, 4, "Promised against observed overkill")
    at = np.unique(known)[::-1]
    reached = metrics.confusion(known, np.zeros(known.size, bool), at).fp
    seen = metrics.confusion(new, np.zeros(new.size, bool), at)
    ax.plot([0, 1], [0, 1], color=COLORS["quiet"], lw=1, ls=":", label=t("as promised"))
    name = t("{0} new of {1} calibration parts", new.size, known.size)
    promised = metrics.rate(reached + 1, known.size + 1)
    _banded(ax, promised, seen.fp, seen.n_ok, name, COLORS["overkill"])
    ax.set(xlabel=t("overkill promised"), ylabel=t("overkill observed"))
    return finish(ax, legend=True)


def rates(
    scores: ArrayLike,
    labels: ArrayLike,
    threshold: float | None = None,
    *,
    xlabel: str = "threshold",
    ax: Axes | None = None,
) -> Axes:
    """Miss rate and overkill rate against the threshold, with 95 % bands: what moving it costs.

    Args:
        xlabel: What the threshold is of.
    """
    t = words()
    ax = ax or new_axes(7, 3.2, "Miss rate and overkill rate against the threshold")
    at, counts = _against_threshold(ax, scores, labels)
    for name, count, n, style in (
        ("miss rate", counts.fn, counts.n_ng, "-"),
        ("overkill rate", counts.fp, counts.n_ok, "--"),
    ):
        if n[0]:
            low, high = metrics.wilson(count, n)
            color = COLORS[name.split()[0]]
            ax.fill_between(at, 100 * low, 100 * high, color=color, **_BAND)
            ax.plot(at, 100 * metrics.rate(count, n), color=color, lw=2, ls=style, label=t(name))
    mark_threshold(ax, threshold)
    ax.set(xlabel=t(xlabel), ylabel="%", ylim=(-2, 102))
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
        labels: True for NG; both classes are needed.

    Raises:
        ValueError: A class is missing, or a number is out of range.
    """
    t = words()
    ax = ax or new_axes(7, 3.2, "Expected cost against the threshold")
    params = {"prevalence": prevalence, "miss_cost": miss_cost, "overkill_cost": overkill_cost}
    _, *known = metrics.readable(scores, labels)
    best = metrics.threshold(*known, policy="cost", **params)
    at, counts = _against_threshold(ax, scores, labels)
    for name, color, style, free in (
        ("misses", "miss", ":", {"overkill_cost": 0.0}),
        ("overkill", "overkill", "--", {"miss_cost": 0.0}),
        ("both", "line", "-", {}),
    ):
        values = 1000 * metrics.expected_cost(counts, **params | free)
        ax.plot(at, values, color=COLORS[color], ls=style, lw=2, label=t(name))
    lowest = 1000 * best.expected["cost"]
    label = t("lowest: {0} at {1}", f"{lowest:.3g}", f"{float(best):.4g}")
    ax.plot([best], [lowest], "o", ms=8, mfc="white", mec=COLORS["line"], mew=2, label=label)
    mark_threshold(ax, threshold)
    ax.set(xlabel=t("threshold"), ylabel=t("Cost per 1000 parts"))
    ax.set_ylim(bottom=0)
    return finish(ax, legend=True)


def rate_intervals(names: Sequence[str], rates: Mapping[str, Sequence[Rate]]) -> Figure:
    """One panel a rate, one row a report: the rate as a dot, its interval as a line.

    Args:
        rates: Title -> one (rate, (low, high)) a report, shares or None where not defined.
    """
    figure, axes = panels(len(rates), 3.6, 1.1 + 0.34 * len(names), sharey=True)
    colors = (COLORS["miss"], COLORS["overkill"], COLORS["line"])
    for ax, (title, each), color in zip(axes, rates.items(), colors, strict=False):
        _dots(ax, names, each, color)
        ax.set(title=words()(title), xlabel="%")
        ax.set_xlim(left=min(0, ax.get_xlim()[0]))
    figure.alt = f"{' and '.join(rates)} of {', '.join(names)}, with intervals"
    return lettered(figure)


def kinds(rows: Sequence[KindRates], *, ax: Axes | None = None) -> Axes:
    """Miss rate of each kind of defect with its 95 % interval, as from `metrics.by_kind`.

    Raises:
        ValueError: There is no kind.
    """
    if not rows:
        raise ValueError("kinds needs at least one kind of defect, got none")
    t = words()
    ax = ax or new_axes(6, 1.0 + 0.32 * len(rows), "Miss rate by kind of defect")
    names = [f"{row.kind}  {t('{0} of {1}', row.missed, row.n)}" for row in rows]
    _dots(ax, names, [(row.miss_rate, row.miss_interval) for row in rows], COLORS["miss"])
    ax.set(xlabel=t("missed, %"), xlim=(0, 100))
    return finish(ax)


def p_chart(names: Sequence[str], chart: PChart, *, ax: Axes | None = None) -> Axes:
    """The share of each group, in the order of time, and the limits that chance keeps to."""
    t = words()
    ax = ax or new_axes(7, 3.2, f"p-chart of {len(names)} groups")
    at, shares, out = np.arange(len(names)), 100 * chart.shares, chart.out
    ax.fill_between(
        at, 100 * chart.low, 100 * chart.high, step="mid", color=COLORS["quiet"], alpha=0.25,
        lw=0, label=t("by chance"),
    )  # fmt: skip
    ax.axhline(100 * chart.centre, color=COLORS["line"], lw=1.2, ls="--", label=t("all together"))
    ax.plot(at, shares, "o-", color=COLORS["ok"], ms=5, lw=1)
    if out.any():
        mark = {"ms": 9, "mfc": "none", "mew": 2, "color": COLORS["ng"]}
        ax.plot(at[out], shares[out], "D", label=t("more than chance"), **mark)
    step = -(-len(names) // NAMED)
    ax.set_xticks(at[::step], list(names)[::step], rotation=45, ha="right", fontsize=8)
    ax.set_ylabel(t("called NG, %"))
    ax.set_ylim(bottom=0)
    return finish(ax, legend=True)


def _dots(ax: Axes, names: Sequence[str], rates: Sequence[Rate], color: str) -> None:
    """A row each, from the top: the rate as a dot, its interval as a line."""
    for row, (rate, ends) in enumerate(rates):
        if rate is not None:
            if None not in ends:
                ax.plot([100 * end for end in ends], [row, row], color=color, lw=2, alpha=0.5)
            ax.plot(100 * rate, row, "o", ms=7, color=color, clip_on=False)
    ax.set_yticks(range(len(names)), names, fontsize=9)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="x", color=COLORS["quiet"], alpha=0.25)
    finish(ax)


def _banded(
    ax: Axes, x: NDArray, count: NDArray, n: NDArray, name: str, color: str = COLORS["ok"]
) -> None:
    """A share against another one, both from 0 to 1, in its 95 % band."""
    band = metrics.wilson(count, n)
    ax.fill_between(x, *band, color=color, label=words()("95 % band"), **_BAND)
    ax.plot(x, metrics.rate(count, n), color=color, lw=2, label=name)
    ax.set(aspect="equal", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _against_threshold(
    ax: Axes, scores: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], metrics.Confusion]:
    finite, by_class = groups(scores, labels)
    at = edges(finite, 512)
    ax.set_xscale("log" if metrics.long_tailed(finite) else "linear")
    sample = metrics.SortedScores(np.sort(by_class["OK"]), np.sort(by_class["NG"]))
    return at, sample.confusion(at)


def _thinned(curve: metrics.RocCurve | metrics.PrCurve) -> NDArray[np.float64]:
    """Its descending thresholds, at most POINTS of them, both ends included."""
    thresholds = curve.thresholds
    if thresholds.size <= POINTS:
        return thresholds
    return thresholds[np.linspace(0, thresholds.size - 1, POINTS).astype(int)]
