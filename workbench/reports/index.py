"""`reports/index.html`: every report in one table, readable from a USB stick."""

from pathlib import Path
from typing import Any

from workbench import workspace
from workbench.language import t

from . import runs
from .display import THUMBNAIL
from .html import page
from .runs import ReportRun

KINDS = {"csflow": "images", "autoencoder": "sensors"}


def build_index() -> Path:
    """Write the list of all reports in the workspace, those that failed included.

    Returns:
        Where it is.
    """
    folder = workspace.root() / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    for name in runs.names():
        runs.point_at_newest(name)
    histories = [history for name in runs.names() if (history := runs.history(name))]
    entries = [_entry(history) for history in histories]
    failed = sum(entry["status"] != "ok" for entry in entries)
    workspace.write(folder / "index.html", page("index", entries=entries, failed=failed))
    return folder / "index.html"


def _entry(history: list[ReportRun]) -> dict[str, Any]:
    """One row: what is shown and, where it sorts otherwise, the plain number."""
    run, good = history[-1], [run for run in history if run.status == "ok"]
    m, picture = run.metrics, (good or history)[-1].folder / THUMBNAIL
    return {
        **run.details,
        "name": run.name,
        "day": run.details["date"][:16].replace("T", " "),
        "kind": KINDS.get(run.details["kind"]) or m.get("kind", ""),
        "link": _link(run),
        "runs": len(history),
        "last_good": _link(good[-1]) if good and run is not good[-1] else "",
        "thumbnail": picture.read_bytes() if picture.exists() else b"",
        "counts": _counts(m),
        "state": _state(run),
        "cells": [
            ("AUROC", "num", m.get("auroc")),
            ("missed", "pct", m.get("miss_rate")),
            ("overkill", "pct", m.get("overkill_rate")),
        ],
        "sparkline": _sparkline([run.metrics.get("auroc") for run in good]),
    }


def _link(run: ReportRun) -> str:
    """From `reports/` to the page of a run, if it came to one."""
    path = run.folder / runs.PAGE
    return path.relative_to(workspace.root() / "reports").as_posix() if path.exists() else ""


def _state(run: ReportRun) -> tuple[str, str]:
    """What the status column says, and its class: the judgement, where a target was stated."""
    if run.status != "ok":
        return "failed", "failed"
    if not (judged := run.metrics.get("judgement")):
        return "no target stated", "open"
    return ("meets the target", "met") if judged["met"] else ("does not meet the target", "failed")


def _counts(m: dict[str, Any]) -> str:
    if m.get("labelled"):
        return t("{0} OK, {1} NG", f"{m['n_ok']:,}", f"{m['n_ng']:,}")
    if m.get("kind") == "comparison":
        return t("{0} reports", m["n"])
    return t("{0} unlabelled", f"{m['n']:,}") if m.get("n") else "-"


def _sparkline(values: list[float | None]) -> dict[str, Any]:
    """Points of a polyline in a box of 90 x 22, higher is better; {} for fewer than two runs."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return {}
    low, high = min(known), max(known)
    step, span = 84 / (len(known) - 1), max(high - low, 0.01)
    middle = (low + high) / 2
    points = [(3 + step * i, 11 - 16 * (value - middle) / span) for i, value in enumerate(known)]
    ends = len(known), f"{known[0]:.3f}", f"{known[-1]:.3f}"
    words = t("AUROC over {0} runs: from {1} to {2}", *ends)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return {"points": line, "last": points[-1], "words": words}
