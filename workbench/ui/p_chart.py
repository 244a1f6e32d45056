"""Shares called NG by group, with the limits of chance, as SVG; a dot opens its parts."""

from collections.abc import Callable, Sequence

from workbench import metrics

from .markup import render

LEFT, RIGHT, TOP, FLOOR = 60, 990, 16, 150


def p_chart(rows: Sequence[metrics.GroupRates], column: str, t: Callable[..., str]) -> str:
    """The chart."""
    chart = metrics.p_chart([row.flagged for row in rows], [row.n for row in rows])
    top = max(float(chart.high.max()), float(chart.shares.max()), 1e-9)
    step = (RIGHT - LEFT) / len(rows)

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
        most=f"{100 * top:.0f} %", right=RIGHT, left=LEFT,
    )  # fmt: skip
