"""Where the runs of a report lie: `reports/NAME/runs/STAMP/`, each whole, the newest in reach.

`reports/NAME/report.html` is the newest page, with links that lead into its run, and `latest`
points at that run: a symbolic link, or a file that holds the path where there are no links. Also
what a run depends on, and what one that ran to its end lacks.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from workbench import language, workspace

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
        folder = f"{RUNS}/{run.folder.name}/"
        workspace.write(copy, _moved(page.read_text("utf-8"), folder))


def fingerprint(
    name: str, manifest: dict[str, Any], template: Path, parameters: dict[str, Any]
) -> str:
    """SHA-256 over the model, its data, the template, the parameters and the language.

    Data count by name, size and time of change, so that asking is cheap; a copied dataset is
    a changed one. A report without a model depends on the newest run of every other report.
    """
    total = hashlib.sha256(template.read_bytes())
    total.update(json.dumps([manifest, parameters], sort_keys=True).encode())
    if (spoken := language.current()) != "en":
        total.update(spoken.encode())
    listed = _files(manifest) if manifest else _reports(name)
    said = workspace.report(name) / f"{name}_events.csv"  # what was said of events of sensors
    for line in [*listed, *([_line(said.name, said.stat())] if said.is_file() else [])]:
        total.update(f"{line}\n".encode())
    return total.hexdigest()


def shortcoming(metrics: dict[str, Any], notebook: NotebookNode) -> str:
    """The first thing that is wrong, in a line; "" if nothing."""
    if not metrics:
        return f"the notebook left no {METRICS}; it must end with reports.record(...)"
    if not metrics.get("n"):
        return "the report is empty: not one image or row was tested"
    if not _figures(notebook):
        return "the report is empty: it holds no figure"
    classes = [metrics.get("n_ok"), metrics.get("n_ng")]
    if None not in classes and sum(classes) != metrics["n"]:
        return f"the counts disagree: {classes[0]} OK and {classes[1]} NG are not {metrics['n']}"
    if odd := [key for key, value in numbers(metrics) if not isfinite(value)]:
        return f"the metrics hold NaN or infinity for {', '.join(odd)}"
    lacking = [key for key in _defined(metrics) if metrics.get(key) is None]
    return f"the metrics lack a number for {', '.join(lacking)}" if lacking else ""


def _figures(notebook: NotebookNode) -> int:
    """How many pictures the notebook's cells made."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def numbers(content: Any, key: str = "") -> list[tuple[str, float]]:  # noqa: ANN401
    """Every number of nested dicts and lists, with the way to it."""
    if isinstance(content, dict | list):
        pairs = content.items() if isinstance(content, dict) else enumerate(content)
        within = [numbers(value, f"{key}.{name}" if key else str(name)) for name, value in pairs]
        return sum(within, [])
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return [(key, content)] if is_number else []


def read_json(path: Path) -> dict[str, Any]:
    """The contents of a JSON file."""
    return json.loads(path.read_text("utf-8"))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Leave a dict as a JSON file that people can read."""
    workspace.write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _files(manifest: dict[str, Any]) -> Iterator[str]:
    """Name, size and time of every file that a report on this model reads."""
    source = manifest["data"].get("root") or manifest["data"].get("source")
    if not source:
        return
    root = workspace.resolve(source)
    for path in (root, root.with_name(f"{root.name}.relabels.csv")):
        if path.is_file():
            yield _line(path.name, path.stat())
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            path = Path(folder, name)
            yield _line(path.relative_to(root).as_posix(), path.stat())


def _line(name: str, stat: os.stat_result) -> str:
    return f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}"


def _reports(own: str) -> Iterator[str]:
    for name in names():
        run = newest(name)
        if run and name != own and run.details.get("kind"):
            yield f"{name}\0{run.folder.name}\0{run.status}"


def _defined(metrics: dict[str, Any]) -> list[str]:
    """The keys that must hold a number, given how many OK and NG were tested."""
    ok, ng = metrics.get("n_ok"), metrics.get("n_ng")
    keys = ["threshold"] * ("threshold" in metrics)  # a comparison has none of its own
    keys += ["overkill_rate"] * bool(ok) + ["miss_rate"] * bool(ng)
    return keys + ["auroc", "average_precision"] * bool(ok and ng)


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
