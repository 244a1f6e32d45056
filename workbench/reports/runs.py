"""Where the runs of a report lie: `reports/NAME/runs/STAMP/`, each whole, the newest in reach.

`reports/NAME/report.html` is the newest page, with links that lead into its run, and `latest`
points at that run: a symbolic link, or a file that holds the path where there are no links.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench import workspace

from .display import METRICS, THUMBNAIL

NOTEBOOK, PAGE, PDF = "report.ipynb", "report.html", "report.pdf"
PARAMETERS, STATUS, LOG = "params.json", "status.json", "run.log"
OURS = (NOTEBOOK, PAGE, PARAMETERS, STATUS, LOG, METRICS, THUMBNAIL)
RUNS, LATEST = "runs", "latest"
KEPT = 20  # runs of one report; older ones are deleted


@dataclass(frozen=True)
class ReportRun:
    """How a report went."""

    name: str  # the report's name
    folder: Path  # where this run lies
    status: str  # "ok" or "failed"
    seconds: float  # how long it took
    metrics: dict[str, Any]  # the contents of `metrics.json`; empty after a failure
    error: str  # what went wrong, in a line; "" if nothing
    details: dict[str, Any]  # the contents of `status.json`
    fresh: bool = True  # false if it was left as it is because a new one would say the same

    @classmethod
    def read(cls, folder: Path) -> "ReportRun":
        """The run in a folder.

        Raises:
            OSError: It holds no status.
            ValueError: The status is no JSON.
        """
        details = read_json(folder / STATUS)
        metrics = read_json(folder / METRICS) if (folder / METRICS).exists() else {}
        status, seconds, error = (details[key] for key in ("status", "seconds", "error"))
        return cls(folder.parents[1].name, folder, status, seconds, metrics, error, details)


def history(name: str) -> list[ReportRun]:
    """All runs of a report that are whole, oldest first."""
    found = []
    for path in sorted(workspace.report(name).glob(f"{RUNS}/[0-9]*/{STATUS}")):
        try:
            found.append(ReportRun.read(path.parent))
        except (OSError, ValueError, KeyError):
            continue  # damaged by hand; the others are still worth a row
    return found


def newest(name: str) -> ReportRun | None:
    """The last run of a report, if there is one."""
    runs = history(name)
    return runs[-1] if runs else None


def names() -> list[str]:
    """Every report that was ever run here."""
    folders = workspace.root().glob(f"reports/*/{RUNS}")
    return sorted(path.parent.name for path in folders)


@contextmanager
def staged(name: str) -> Iterator[Path]:
    """A folder for a new run, which appears when it is whole, as the newest, or vanishes."""
    target = _claimed(workspace.report(name) / RUNS)
    try:
        with workspace.staged(target) as part:
            yield part
    except BaseException:
        target.rmdir()
        raise
    point_at_newest(name)
    for old in history(name)[:-KEPT]:
        shutil.rmtree(old.folder, ignore_errors=True)


def point_at_newest(name: str) -> None:
    """Make `latest` and the page in reach those of the newest run.

    Also after a run whose process was killed when the run was whole and not yet pointed at.
    """
    if not (run := newest(name)):
        return
    home, page = workspace.report(name), run.folder / PAGE
    if _latest(home) != run.folder.name:
        _link(home, run.folder.name)
    copy = home / PAGE
    if page.exists() and not (copy.exists() and copy.stat().st_mtime >= page.stat().st_mtime):
        with workspace.written(copy) as file:
            folder = f"{RUNS}/{run.folder.name}/"
            file.write(_moved(page.read_text("utf-8"), folder).encode())


def read_json(path: Path) -> dict[str, Any]:
    """The contents of a JSON file."""
    return json.loads(path.read_text("utf-8"))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Leave a dict as a JSON file that people can read."""
    workspace.write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _claimed(runs: Path) -> Path:
    """A new folder named by the time in UTC, which no other run can take."""
    runs.mkdir(parents=True, exist_ok=True)
    while True:
        folder = runs / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        try:
            folder.mkdir()
        except FileExistsError:  # by another process in the same microsecond
            continue
        return folder


def _latest(home: Path) -> str:
    """The name of the run that `latest` points at, "" if at none."""
    latest = home / LATEST
    try:
        target = latest.readlink() if latest.is_symlink() else Path(latest.read_text("utf-8"))
    except OSError:
        return ""
    return target.name.strip()


def _link(home: Path, run: str) -> None:
    part = home / f".{LATEST}.{os.getpid()}"
    part.unlink(missing_ok=True)
    try:
        part.symlink_to(Path(RUNS) / run, target_is_directory=True)
    except OSError:  # a file system or a Windows account without links
        part.write_text(f"{RUNS}/{run}\n", "utf-8")
    part.replace(home / LATEST)


def _moved(page: str, folder: str) -> str:
    """The page as seen from outside `folder`, where its relative links begin."""
    return re.sub(r"""(<a[^>]* href=["'])(?![#/]|\w+:)""", rf"\g<1>{folder}", page)
