"""Who set a model's threshold, when and why: one line a change, in `thresholds.jsonl`."""

import getpass
import json
import time
from pathlib import Path
from typing import NamedTuple

from workbench import workspace
from workbench.lock import FileLock
from workbench.metrics import Threshold


class ThresholdChange(NamedTuple):
    """One line of the history."""

    when: str
    who: str
    why: str
    threshold: Threshold


def threshold_file(model: Path) -> Path:
    """Where the history of a saved model lies."""
    return workspace.report(model.name) / "thresholds.jsonl"


def read_history(path: Path) -> list[ThresholdChange]:
    """All changes, the latest first; lines that cannot be read are left out."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            row = json.loads(line)
            change = Threshold.from_json(row["threshold"])
            found.append(ThresholdChange(row["when"], row["who"], row["why"], change))
        except (ValueError, TypeError, KeyError):  # half a line, which only a crash leaves
            continue
    return found[::-1]


def append_change(path: Path, threshold: Threshold, why: str, *, former: Threshold) -> None:
    """Note a change, and who made it; `former`, what it replaces, begins the history."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path).alone():
        known = path.read_bytes() if path.exists() else b""
        if not known:
            known = _line(former, "", "before the first change")
        elif not known.endswith(b"\n"):  # half a line of a former program
            known += b"\n"
        workspace.write(path, known + _line(threshold, _user(), why))


def _line(threshold: Threshold, who: str, why: str) -> bytes:
    when = time.strftime("%Y-%m-%d %H:%M:%S")
    row = {"when": when, "who": who, "why": why, "threshold": threshold.to_json()}
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return ""
