"""Run a report template on a model and leave a folder that is whole or says why not.

`report.ipynb`, `report.html`, `metrics.json`, `params.json`, `status.json` and `run.log`, what
the kernel said on its way, are written beside their place and moved there at the end. Other
files of that folder, such as the results of an inspection, stay.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nbformat

from workbench import workspace
from workbench.errors import ArtifactError, DataError
from workbench.progress import bar

from . import execution
from .html import figures, to_html
from .publish import METRICS, THUMBNAIL

TEMPLATES = {"csflow": "90_report_images", "autoencoder": "91_report_sensors"}
"""The template by kind of detector."""

NOTEBOOK, PAGE, PARAMETERS, STATUS = "report.ipynb", "report.html", "params.json", "status.json"
LOG = "run.log"
OURS = (NOTEBOOK, PAGE, PARAMETERS, STATUS, LOG, METRICS, THUMBNAIL)


@dataclass(frozen=True)
class ReportRun:
    """How a report went.

    Attributes:
        name: The model's name.
        folder: Where it lies.
        status: "ok" or "failed".
        seconds: How long it took.
        metrics: The contents of `metrics.json`; empty after a failure.
        error: What went wrong, in a line; "" if nothing.
    """

    name: str
    folder: Path
    status: str
    seconds: float
    metrics: dict[str, Any]
    error: str = ""


def run(
    name: str,
    template: str | Path | None = None,
    *,
    kernel_name: str = "python3",
    progress: bool = True,
    **parameters: Any,  # noqa: ANN401
) -> ReportRun:
    """Make the report on `models/NAME` in `reports/NAME`.

    An error inside the notebook is no exception here: the run comes back as "failed", and so
    does one that ends well but leaves nothing to show.

    Args:
        name: The model's name.
        template: A notebook's path, or its name in `notebooks/`; by default the one for the
            kind of model.
        kernel_name: Jupyter kernel to run it with.
        progress: Show a progress bar over the cells.
        **parameters: Values for the template's parameters, plain JSON.

    Raises:
        ArtifactError: There is no such model.
        DataError: There is no such template.
        ValueError: A parameter that the template does not declare.
        TypeError: A value that JSON does not know.
    """
    from workbench.artifacts import read_facts

    facts = read_facts(workspace.model(name))
    source = execution.find(template or TEMPLATES[facts["kind"]])
    parameters = execution.checked(source, parameters, name=name)
    status = {
        "name": name,
        "kind": facts["kind"],
        "note": facts["data"].get("note", ""),
        "template": source.stem,
    }
    start = time.perf_counter()
    with _staged(workspace.report(name)) as part:
        _write_json(part / PARAMETERS, parameters)
        error = execution.attempt(
            source, part / NOTEBOOK, part / LOG, parameters, kernel_name, name if progress else ""
        ) or _shortcoming(part)
        return _finish(part, status, error, time.perf_counter() - start)


def run_all(*, jobs: int = 1, progress: bool = True) -> list[ReportRun]:
    """Make the reports on everything under `models/`, each in a process of its own.

    A dataset whose report cannot even start comes back as "failed" like any other.

    Args:
        jobs: Reports made at a time.
        progress: Show a progress bar over the reports.
    """
    found = workspace.root().glob("models/[!.]*/detector.json")  # no dot: not yet in its place
    names = sorted(path.parent.name for path in found)
    if not names:
        return []
    # processes: papermill changes the working folder of the whole process
    pool = ProcessPoolExecutor(
        min(jobs, len(names)),
        get_context("spawn"),
        initializer=_enter,
        initargs=(str(workspace.root()), jobs),
    )
    with pool:
        runs = pool.map(_attempt, names)
        return list(bar(runs, desc="reports", total=len(names), unit="report", progress=progress))


def _attempt(name: str) -> ReportRun:
    try:
        return run(name, progress=False)
    except (ArtifactError, DataError, ValueError) as error:
        with _staged(workspace.report(name)) as part:
            status = {"name": name, "kind": "", "note": "", "template": ""}
            # the list of reports travels: no path of this machine
            return _finish(part, status, str(error).replace(f"{workspace.root()}/", ""), 0.0)


def _enter(home: str, jobs: int) -> None:
    os.environ["WORKBENCH_HOME"] = home
    if jobs > 1:
        os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))


def _shortcoming(part: Path) -> str:
    """What a report that ran to its end lacks: an empty one is no success."""
    metrics = _read_json(part / METRICS)
    if not metrics:
        return f"the notebook left no {METRICS}; it must end with reports.record(...)"
    if not metrics.get("n"):
        return "the report is empty: not one image or row was tested"
    if not figures(nbformat.read(part / NOTEBOOK, as_version=4)):
        return "the report is empty: it holds no figure"
    lacking = [key for key in _defined(metrics) if metrics.get(key) is None]
    return f"the metrics lack a number for {', '.join(lacking)}" if lacking else ""


def _defined(metrics: dict[str, Any]) -> list[str]:
    """The keys that must hold a number, given how many OK and NG were tested."""
    ok, ng = metrics.get("n_ok"), metrics.get("n_ng")
    keys = ["threshold"]
    keys += ["overkill_rate"] * bool(ok) + ["miss_rate"] * bool(ng)
    return keys + ["auroc", "average_precision"] * bool(ok and ng)


def _finish(part: Path, status: dict[str, Any], error: str, seconds: float) -> ReportRun:
    metrics = {} if error else _read_json(part / METRICS)
    if error:
        (part / METRICS).unlink(missing_ok=True)  # numbers of half a run are no numbers
    status |= {
        "status": "failed" if error else "ok",
        "error": error,
        "seconds": round(seconds, 1),
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    _write_json(part / STATUS, status)
    if (part / NOTEBOOK).exists():
        notebook = execution.without_paths(part / NOTEBOOK)
        (part / PAGE).write_text(to_html(notebook, status, metrics), "utf-8")
    folder = workspace.report(status["name"])
    return ReportRun(status["name"], folder, status["status"], seconds, metrics, error)


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """`workspace.staged`, with files of others kept."""
    with workspace.staged(folder) as part:
        yield part
        if folder.exists():
            _keep_others(folder, part)


def _keep_others(folder: Path, part: Path) -> None:
    for path in folder.iterdir():
        if path.name in OURS or (part / path.name).exists():
            continue
        copy = shutil.copytree if path.is_dir() else shutil.copy2
        copy(path, part / path.name)


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
