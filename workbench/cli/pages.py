"""Commands that make pages: report, compare, app."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .program import Answer, Dask, app, by_workers, command, shown

if TYPE_CHECKING:
    from workbench.reports import ReportRun


@command(app, reads_rows=True)
def report(
    names: Annotated[list[str] | None, typer.Argument(help="Models under models/.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Those of reports/datasets.yml, else every model.")
    ] = False,
    template: Annotated[Path | None, typer.Option(help="A notebook of your own.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE, repeatable.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Reports made at a time.")] = 1,
    dask: Dask = "",
    timeout: Annotated[int, typer.Option(help="Seconds a cell may take; 0: an hour.")] = 0,
    resume: Annotated[bool, typer.Option(help="Leave out what would say the same again.")] = False,
    pdf: Annotated[bool, typer.Option(help="Print each page to a PDF, by a Chromium.")] = False,
    watch: Annotated[bool, typer.Option(help="Go on: make what is new or has changed.")] = False,
    language: Annotated[str, typer.Option(help="en or ko; default: $WORKBENCH_LANG.")] = "",
    *,
    options: dict[str, Any],
) -> Iterator[Answer]:
    """Execute the report notebook for one, some or all models and rebuild the index."""
    from workbench import reports
    from workbench.language import speak

    if bool(names) == everything and not (watch and not names):
        raise ValueError(
            "report needs a model's name or --all, got " + ("both", "neither")[not names]
        )
    if watch and dask:
        raise ValueError("--watch makes its reports here; leave --dask out")
    speak(language)
    reading = {"reading": options} if options else {}
    options = {
        "template": template,
        "parameters": reports.parsed(parameter or []) | reading,
        "jobs": jobs,
        "timeout": timeout or None,
    }
    with by_workers(dask) as each:
        rounds = (
            reports.watch(names or None, **options)
            if watch
            else [reports.run_all(names or None, resume=resume, each=each, **options)]
        )
    for runs in rounds:
        if runs or not watch:
            yield _made(runs, pdf)


@command(app)
def compare(
    names: Annotated[list[str] | None, typer.Argument(help="Reports; by default all.")] = None,
    name: Annotated[str, typer.Option("--name", "-n", help="Of the report.")] = "comparison",
) -> Answer:
    """Compare reports that were made: datasets by metric, and models on the same parts."""
    from workbench import reports
    from workbench.reports.comparison import compared

    compared(names or ())  # what is refused here leaves no failed report
    run = reports.run(name, "92_report_comparison", names=names or [])
    return _made([run])


@command(app, "app")
def serve(
    name: Annotated[str, typer.Argument(help="A model under models/; none shows all.")] = "",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of 127.0.0.1.")] = 8866,
    language: Annotated[str, typer.Option(help="en or ko; default: $WORKBENCH_LANG.")] = "",
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
    operator: Annotated[bool, typer.Option("--operator", help="The threshold is fixed.")] = False,
) -> Iterator[Answer]:
    """Serve a model, or all of them, as a web page without code."""
    import secrets

    from workbench import app as web

    web.check(name, language)
    token = secrets.token_urlsafe(24)
    url = f"http://127.0.0.1:{port}/?token={token}"
    yield Answer([f"{url} (Ctrl-C ends it)"], {"url": url})
    web.serve(name, port=port, language=language, token=token, browser=browser, operator=operator)


def _made(runs: "Sequence[ReportRun]", pdf: bool = False) -> Answer:
    from workbench import reports

    index = reports.build_index()
    lines, found = [], []
    for run in runs:
        printed = None
        if not run.fresh:
            lines.append(f"{run.name}: unchanged since {shown(run.folder)}")
        else:
            what = "wrote" if run.status == "ok" else f"failed ({run.error}):"
            lines.append(f"{run.name}: {what} {shown(run.folder)} in {run.seconds:.0f} s")
        if pdf and run.fresh and run.status == "ok":
            printed = reports.print_pdf(run)
            lines.append(f"{run.name}: printed {shown(printed)}")
        names = ("name", "status", "error", "fresh", "seconds", "folder", "metrics")
        found.append({name: getattr(run, name) for name in names} | {"pdf": printed})
    lines.append(f"open {shown(index)} in a browser")
    failed = any(run.status != "ok" for run in runs)
    return Answer(lines, {"reports": found, "index": index}, code=int(failed))
