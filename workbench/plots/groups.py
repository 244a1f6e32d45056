"""Shares of groups over time: the p-chart."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from workbench.metrics import PChart
from workbench.plots.figure import COLORS, finish, new_axes, words

NAMED = 30  # groups whose names fit below the axis


def p_chart(
    names: Sequence[str], chart: PChart, *, title: str = "called NG, %", ax: Axes | None = None
) -> Axes:
    """The share of each group with the limits of chance; groups beyond them stand out.

    Args:
        names: Of the groups, in the order of time.
        chart: As from `metrics.p_chart`.
        title: Of the share.
        ax: Axes to draw on; a new figure if None.
    """
    t = words()
    ax = ax or new_axes(7, 3.2, f"p-chart of {len(names)} groups: {title}")
    at = np.arange(len(names))
    ax.fill_between(
        at, 100 * chart.low, 100 * chart.high, step="mid", color=COLORS["quiet"], alpha=0.25,
        lw=0, label=t("by chance"),
    )  # fmt: skip
    ax.axhline(100 * chart.centre, color=COLORS["line"], lw=1.2, ls="--", label=t("all together"))
    ax.plot(at, 100 * chart.shares, "o-", color=COLORS["ok"], ms=5, lw=1)
    if chart.out.any():
        ax.plot(
            at[chart.out], 100 * chart.shares[chart.out], "D", ms=9, mfc="none", mew=2,
            color=COLORS["ng"], label=t("more than chance"),
        )  # fmt: skip
    step = -(-len(names) // NAMED)
    ax.set_xticks(at[::step], list(names)[::step], rotation=45, ha="right", fontsize=8)
    ax.set_ylabel(t(title))
    ax.set_ylim(bottom=0)
    return finish(ax, legend=True)
