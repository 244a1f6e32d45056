"""Run a report template on a model and leave a run folder that is whole or says why not.

`report.ipynb`, `report.html`, `metrics.json`, `params.json`, `status.json` and `run.log`, what
the kernel said on its way, are written beside their place and moved there at the end.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import as_completed
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from workbench import settings, workspace
from workbench.artifacts import read_manifest
from workbench.errors import ArtifactError
from workbench.progress import bar

from . import execution, runs
from .catalogue import Listing, listed
from .display import METRICS
from .html import to_html
from .runs import ReportRun, fingerprint, shortcoming

TEMPLATES = {"csflow": "90_report_images", "autoencoder": "91_report_sensors"}
"""The template by kind of detector."""

TIMEOUT = 3600  # seconds that one cell may take
Each = Callable[[Callable, Iterable], Iterator[tuple]]  # yields each task with its result


class Job(NamedTuple):
    """A report whose model, template and parameters were found and checked, or why not."""

    name: str
    source: Path | None = None
    parameters: dict[str, Any] = {}  # never changed, as the next
    manifest: dict[str, Any] = {}  # `detector.json`; empty for a template about no model
    timeout: int = TIMEOUT
    error: str = ""

    @property
    def inputs(self) -> str:
        """All that the report depends on, as one hash."""
        if self.source is None:
            return self.error
        return fingerprint(self.name, self.manifest, self.source, self.parameters)

    @property
    def status(self) -> dict[str, Any]:
        """What is known before it runs."""
        return {
            "name": self.name,
            "kind": self.manifest.get("kind", ""),
            "note": self.manifest.get("data", {}).get("note", ""),
            "template": self.source.stem if self.source else "",
            "inputs": self.inputs,
        }

    def last(self, status: str) -> ReportRun | None:
        """Its last run, if that ended so ("any": either way) and would say the same again."""
        last = runs.newest(self.name)
        same = (
            last and status in ("any", last.status) and last.details.get("inputs") == self.inputs
        )
        return replace(last, fresh=False) if same else None


def run(
    name: str,
    template: str | Path | None = None,
    *,
    kernel_name: str = "python3",
    progress: bool = True,
    **parameters: Any,  # noqa: ANN401
) -> ReportRun:
    """Make the report on `models/NAME`, as a new run in `reports/NAME`.

    An error inside the notebook is no exception here: the run comes back as "failed", and so
    does one that ends well but leaves nothing to show.

    Args:
        template: A notebook's path, or its name in `notebooks/`; by default the one for the
            kind of model.

    Raises:
        ArtifactError: There is no such model.
        DataError: There is no such template.
        ValueError: A name that is a path, or a parameter that the template does not declare.
        TypeError: A value that JSON does not know.
    """
    job = _prepared(Listing(name, template and str(template), parameters))
    return _made(job, kernel_name, name if progress else "")


def run_all(
    names: Iterable[str] | None = None,
    *,
    template: str | Path | None = None,
    parameters: dict[str, Any] | None = None,
    jobs: int = 1,
    timeout: int | None = None,
    resume: bool = False,
    progress: bool = True,
    each: Each | None = None,
) -> list[ReportRun]:
    """Make many reports, each in a kernel of its own.

    What cannot even start for want of a whole model or data comes back as "failed" like any
    other. Names and parameters are checked for all before anything runs, as in `run`.

    Args:
        names: Which; by default those of `reports/datasets.yml`, else of all models.
        parameters: For all of them, over those of `reports/datasets.yml`.
        jobs: Reports made at a time, which share the processor's cores.
        timeout: Seconds that one cell may take.
        resume: Leave out what ended well and would say the same again; its last run is
            returned instead.
        each: What makes them elsewhere, as `partial(bulk.in_order, client)`.

    Raises:
        ArtifactError: A name that is neither listed nor a model's.
        DataError: `reports/datasets.yml` is not as it must be.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    found = _chosen(names, Listing("", template and str(template), parameters or {}, timeout))
    done = _all(found, jobs, "ok" if resume else "", progress, each)
    return [done[job.name] for job in found]


def watch(
    names: Iterable[str] | None = None,
    *,
    template: str | Path | None = None,
    parameters: dict[str, Any] | None = None,
    jobs: int = 1,
    timeout: int | None = None,
    every: float = 2.0,
) -> Iterator[list[ReportRun]]:
    """Make what is new or has changed, every few seconds; arguments and runs as of `run_all`."""
    given = Listing("", template and str(template), parameters or {}, timeout)
    names, before = names and list(names), {}
    while True:
        found = _chosen(names, given)
        now = {job.name: job.inputs for job in found}
        steady = [job for job in found if before.get(job.name, now[job.name]) == now[job.name]]
        due = [job for job in steady if not job.last("any")]
        yield list(_all(due, jobs, "", progress=False).values())
        before = now
        time.sleep(every)


def _chosen(names: Iterable[str] | None, given: Listing) -> list[Job]:
    """The jobs of these names, set up by the catalogue and, over that, by what was given."""
    known = {report.name: report for report in listed()}
    wanted = known.values() if names is None else [known.get(n, Listing(n)) for n in names]
    return [_job(report.changed(given), report.name in known) for report in wanted]


def _job(report: Listing, listed: bool) -> Job:
    try:
        return _prepared(report)
    except ArtifactError as error:
        if not listed and not workspace.model(report.name).exists():
            raise  # mistyped: nothing to keep a report of
        # the list of reports travels: no path of this machine
        return Job(report.name, error=str(error).replace(f"{workspace.root()}/", ""))


def _prepared(report: Listing) -> Job:
    """The job, once its parts were found and its name and parameters checked."""
    workspace.plain(report.name)
    source = execution.find(report.template) if report.template else None
    manifest = {}
    if not source or "name" in execution.declared(source):
        manifest = read_manifest(workspace.model(report.name))
    source = source or execution.find(TEMPLATES[manifest["kind"]])
    parameters = execution.checked(source, report.parameters, name=report.name)
    return Job(report.name, source, parameters, manifest, report.timeout or TIMEOUT)


def _all(
    found: list[Job], workers: int, spare: str, progress: bool, each: Each | None = None
) -> dict[str, ReportRun]:
    """Make the reports on models, then those about reports; leave out what `spare` says."""
    done: dict[str, ReportRun] = {}
    with bar(total=len(found), desc="reports", unit="report", progress=progress) as shown:
        for late in (False, True):
            # those without a model read other reports
            group = [job for job in found if late == (not job.manifest and not job.error)]
            for job in group:
                if spare and (last := job.last(spare)):
                    runs.point_at_newest(job.name)
                    done[job.name] = last
            todo = [job for job in group if job.name not in done]
            shown.update(len(group) - len(todo))
            elsewhere = each and (made for _, made in each(_made, todo))
            for made in elsewhere or _each_made(todo, workers, progress):
                done[made.name] = made
                shown.set_postfix_str(f"{made.name} {made.status}")
                shown.update()
    return done


def _each_made(group: list[Job], workers: int, progress: bool) -> Iterator[ReportRun]:
    workers = min(workers, len(group))
    if workers < 2:
        for job in group:  # with a bar over the cells of each
            yield _made(job, progress=job.name if progress else "")
        return
    # processes: papermill changes the working folder of the whole process
    with settings.pool(workers, WORKBENCH_HOME=str(workspace.root())) as pool:
        running = [pool.submit(_made, job) for job in group]
        try:
            yield from (future.result() for future in as_completed(running))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _made(job: Job, kernel_name: str = "python3", progress: str = "") -> ReportRun:
    """Run it; the result, good or failed, becomes the newest run."""
    start, status = time.perf_counter(), job.status
    with runs.staged(job.name) as part:
        error = job.error or _executed(job, part, kernel_name, progress)
        if error:
            (part / METRICS).unlink(missing_ok=True)  # numbers of half a run are no numbers
        status |= {
            "status": "failed" if error else "ok",
            "error": error,
            "seconds": round(time.perf_counter() - start, 1),
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        }
        runs.write_json(part / runs.STATUS, status)
        _write_page(part, status)
    return runs.newest(job.name)


def _executed(job: Job, part: Path, kernel_name: str, progress: str) -> str:
    runs.write_json(part / runs.PARAMETERS, job.parameters)
    notebook, log = part / runs.NOTEBOOK, part / runs.LOG
    error = execution.attempt(
        job.source, notebook, log, job.parameters, kernel_name, progress, job.timeout
    )
    if error:
        return error
    recorded = part / METRICS
    metrics = runs.read_json(recorded) if recorded.exists() else {}
    return shortcoming(metrics, nbformat.read(notebook, as_version=4))


def _write_page(part: Path, status: dict[str, Any]) -> None:
    if not (part / runs.NOTEBOOK).exists():
        return
    metrics = runs.read_json(part / METRICS) if (part / METRICS).exists() else {}
    notebook = execution.without_paths(part / runs.NOTEBOOK)
    files = [*sorted(part.glob("*.csv")), *part.glob(METRICS)]
    page = to_html(notebook, status, metrics, files)
    workspace.write(part / runs.PAGE, page)
