"""Shares with how sure they are: by report, by kind of defect, and over time (p-chart)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.metrics import KindRates, PChart
from workbench.plots.figure import COLORS, finish, lettered, new_axes, panels, words

NAMED = 30  # groups whose names fit below the axis

Rate = tuple[float | None, tuple[float | None, float | None]]


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
