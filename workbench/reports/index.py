"""`reports/index.html`: every report in one table, readable from a USB stick."""

import json
import os
from base64 import b64encode
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from workbench import workspace

from . import prose
from .html import TEMPLATES
from .publish import METRICS, THUMBNAIL


def build_index() -> Path:
    """Write the list of all reports in the workspace, those that failed included.

    Returns:
        Where it is.
    """
    folder = workspace.root() / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    entries = [_entry(path.parent) for path in sorted(folder.glob("*/status.json"))]
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    page = environment.get_template("index.html.j2").render(
        entries=entries, failed=sum(entry["status"] != "ok" for entry in entries)
    )
    target, part = folder / "index.html", folder / f".index.{os.getpid()}.part"
    part.write_text(page, "utf-8")
    return part.replace(target)


def _entry(folder: Path) -> dict[str, Any]:
    """One row: what is shown and, where it sorts otherwise, the plain number."""
    status = json.loads((folder / "status.json").read_text("utf-8"))
    m = _metrics(folder)
    return {
        **status,
        "name": folder.name,
        "day": status["date"][:16].replace("T", " "),
        "kind": {"csflow": "images", "autoencoder": "sensors"}.get(status["kind"], ""),
        "link": _link(folder, status),
        "thumbnail": _thumbnail(folder / THUMBNAIL),
        "counts": _counts(m),
        "cells": [
            (prose.number(m.get("auroc")), m.get("auroc")),
            (prose.percent(m.get("miss_rate")), m.get("miss_rate")),
            (prose.percent(m.get("overkill_rate")), m.get("overkill_rate")),
        ],
    }


def _metrics(folder: Path) -> dict[str, Any]:
    path = folder / METRICS
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _link(folder: Path, status: dict[str, Any]) -> str:
    if not (folder / "report.html").exists():
        return ""
    return "report.html" if status["status"] == "ok" else "report.html#papermill-error-cell"


def _counts(m: dict[str, Any]) -> str:
    if m.get("labelled"):
        return f"{m['n_ok']:,} OK, {m['n_ng']:,} NG"
    return f"{m['n']:,} unlabelled" if m else "-"


def _thumbnail(path: Path) -> str:
    if not path.exists():
        return ""
    return f"data:image/jpeg;base64,{b64encode(path.read_bytes()).decode()}"
