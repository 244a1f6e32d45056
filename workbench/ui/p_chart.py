"""Shares called NG by group, with the limits of chance, as SVG; a dot opens its parts."""

from collections.abc import Callable, Sequence
from math import ceil

from workbench import metrics

from .chart import NARROW, WIDE
from .markup import render

LEFT, RIGHT, TOP, FLOOR = 60, 10, 16, 150
LETTER = 8  # width of one


def p_chart(
    rows: Sequence[metrics.GroupRates], column: str, t: Callable[..., str], narrow: bool = False
) -> str:
    """The chart, if narrow for a telephone; not every group is named where there is no room."""
    chart = metrics.p_chart([row.flagged for row in rows], [row.n for row in rows])
    top = max(float(chart.high.max()), float(chart.shares.max()), 1e-9)
    width = NARROW if narrow else WIDE
    step = (width - RIGHT - LEFT) / len(rows)
    every = ceil(LETTER * max(len(row.group) for row in rows) / step)

    def y(share: float) -> float:
        return round(FLOOR - (FLOOR - TOP) * float(share) / top, 1)

    groups = [
        {
            "key": f"kind:{column} {row.group}", "name": row.group, "x": LEFT + step * (i + 0.5),
            "left": LEFT + step * i, "high": y(high), "low": y(low), "y": y(share),
            "kind": "ng" if out else "ok", "said": f"{row.group}: {row.flagged} / {row.n}",
        }
        for i, (row, share, low, high, out) in enumerate(
            zip(rows, chart.shares, chart.low, chart.high, chart.out, strict=True)
        )
    ]  # fmt: skip
    beyond = t("{0} of {1} differ by more than chance", int(chart.out.sum()), len(rows))
    return render(
        "charts.p_chart", groups=groups, step=step, centre=y(chart.centre), label=beyond,
        most=f"{100 * top:.0f} %", right=width - RIGHT, left=LEFT,
        width=width, every=every,
    )  # fmt: skip
