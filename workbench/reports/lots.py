"""Rates by lot, shift or any other column of a report's parts."""

from typing import Any

import pandas as pd

from workbench import metrics, plots, workspace
from workbench.session.result_tables import rates_by

from . import display, guarantees, wording


def numbers(table: pd.DataFrame, by: str, details: str) -> dict[str, Any] | None:
    """Rates of each group, fit for JSON; None where no column was stated.

    Args:
        table: Verdicts in the columns of a result file.
        by: The column; "" states none.
        details: A CSV with further columns, from the workspace; "" is none.

    Raises:
        DataError: No such column or file.
    """
    if not by:
        return None
    rows = rates_by(table, by, details=workspace.resolve(details) if details else None)
    chart = metrics.p_chart([row.flagged for row in rows], [row.n for row in rows])
    return {
        "by": by,
        "centre": chart.centre,
        "rows": [
            {key: guarantees.finite(value) for key, value in row._asdict().items()}
            | {"beyond_chance": bool(out)}
            for row, out in zip(rows, chart.out, strict=True)
        ],
    }


def show(m: dict[str, Any] | None) -> None:
    """Show the rates as a table and a p-chart, and say which differ by more than chance."""
    if not m:
        display.text(
            "No lots were stated: name a column with `by`, and the file that holds it with "
            "`details`, to see rates by lot, shift or camera."
        )
        return
    rows, out = m["rows"], [row["group"] for row in m["rows"] if row["beyond_chance"]]
    names = wording.plain(", ".join(out))
    said = f"**{len(out)} of {len(rows)} differ by more than chance: {names}.**"
    display.text(said if out else "No group differs from the rest by more than chance.")
    display.table(pd.DataFrame([_group_words(row) for row in rows]), "Wilson intervals, 95 %.")
    chart = metrics.p_chart([row["flagged"] for row in rows], [row["n"] for row in rows])
    display.figure(
        plots.p_chart([row["group"] for row in rows], chart),
        f"Share called NG by {m['by']}, {wording.percent(m['centre'])} of all; the grey band "
        "holds what chance alone would give 997 of 1000 times (p-chart).",
    )


def _group_words(row: dict[str, Any]) -> dict[str, str]:
    words = {"group": row["group"], "parts": f"{row['n']:,}"}
    for title, count, n, key in (
        ("called NG", "flagged", "n", "flagged"),
        ("missed", "missed", "n_ng", "miss"),
        ("overkill", "overkill", "n_ok", "overkill"),
    ):
        low, high = row[f"{key}_interval"]
        rate = wording.percent(row[f"{key}_rate"])
        ends = f"{rate} ({row[count]:,} of {row[n]:,}; {wording.percent(low)} to "
        words[title] = f"{ends}{wording.percent(high)})" if row[n] else "-"
    return words | {"beyond chance": "yes" if row["beyond_chance"] else "no"}
