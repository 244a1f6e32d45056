"""Commands that show results: demo, report, compare, app."""

from pathlib import Path
from typing import Annotated

import typer

from workbench import workspace

from .program import app
from .terminal import shown


@app.command()
def demo(
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes at once; 0 chooses.")] = 0,
) -> None:
    """Generate sample data, train, execute the notebooks, write the reports."""
    from workbench.demo import run

    index = run(jobs or None)
    typer.echo(f"open {shown(index)} in a browser; start JupyterLab with: make lab")


@app.command()
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
    timeout: Annotated[int, typer.Option(help="Seconds a cell may take; 0: an hour.")] = 0,
    resume: Annotated[bool, typer.Option(help="Leave out what would say the same again.")] = False,
    pdf: Annotated[bool, typer.Option(help="Print each page to a PDF, by a Chromium.")] = False,
    watch: Annotated[bool, typer.Option(help="Go on: make what is new or has changed.")] = False,
) -> None:
    """Execute the report notebook for one, some or all models and rebuild the index."""
    from workbench import reports

    if bool(names) == everything and not (watch and not names):
        raise ValueError(
            "report needs a model's name or --all, got " + ("both", "neither")[not names]
        )
    options = {
        "template": template,
        "parameters": reports.parsed(parameter or []),
        "jobs": jobs,
        "timeout": timeout or None,
    }
    rounds = (
        reports.watch(names or None, **options)
        if watch
        else [reports.run_all(names or None, resume=resume, **options)]
    )
    for runs in rounds:
        if runs or not watch:
            _show_runs(runs, pdf)
    if any(run.status != "ok" for run in runs):
        raise typer.Exit(1)


@app.command()
def compare(
    names: Annotated[list[str] | None, typer.Argument(help="Reports; by default all.")] = None,
    name: Annotated[str, typer.Option("--name", "-n", help="Of the report.")] = "comparison",
) -> None:
    """Compare reports that were made: datasets by metric, and models on the same parts."""
    from workbench import reports

    run = reports.run(name, "92_report_comparison", names=names or [])
    _show_runs([run])
    if run.status != "ok":
        raise typer.Exit(1)


@app.command("app")
def serve(
    name: Annotated[str, typer.Argument(help="A model of photos under models/.")],
    port: Annotated[int, typer.Option(help="Of 127.0.0.1.")] = 8866,
    language: Annotated[str, typer.Option(help="en or ko; default: $WORKBENCH_LANG.")] = "",
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
) -> None:
    """Serve simulator, histogram and label audit as a web page without code."""
    import secrets

    from workbench import app as web

    web.check(name, language)
    token = secrets.token_urlsafe(24)
    typer.echo(f"http://127.0.0.1:{port}/?token={token} (Ctrl-C ends it)")
    web.serve(name, port=port, language=language, token=token, browser=browser)


def _show_runs(runs: list, pdf: bool = False) -> None:
    from workbench import reports

    reports.build_index()
    for run in runs:
        if not run.fresh:
            typer.echo(f"{run.name}: unchanged since {shown(run.folder)}")
            continue
        what = "wrote" if run.status == "ok" else f"failed ({run.error}):"
        typer.echo(f"{run.name}: {what} {shown(run.folder)} in {run.seconds:.0f} s")
        if pdf and run.status == "ok":
            typer.echo(f"{run.name}: printed {shown(reports.print_pdf(run))}")
    typer.echo(f"open {shown(workspace.report('index.html'))} in a browser")
