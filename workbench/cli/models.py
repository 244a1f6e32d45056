"""Commands that make a detector or ask one: train, import, evaluate, score, quantise."""

from pathlib import Path
from typing import Annotated

import typer

from workbench import workspace

from .program import app
from .terminal import opened, shown

Name = Annotated[str, typer.Option("--name", "-n", help="The model, a folder under models/.")]


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
    relabels: Annotated[
        bool, typer.Option(help="Correct labels by what inspectors found (photos).")
    ] = True,
) -> None:
    """Train on the good parts of a dataset and save the detector under models/."""
    from workbench import artifacts

    name = workspace.plain(name or source.resolve().stem)
    table = opened(source, seed, relabels=relabels)
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
    typer.echo(f"saved {shown(folder)}; next: workbench report {name}")


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

    workspace.plain(name)
    if csv:
        detector = _imported_rows(source, opened(csv, 0))
    else:
        from workbench.csflow import SIMULATOR_THRESHOLDS
        from workbench.csflow.original.importer import import_original

        if threshold is None and data is None and name in SIMULATOR_THRESHOLDS:
            threshold = name
        detector = import_original(
            source, threshold=threshold, held_out=data and opened(data, 0), heat_range=heat,
            preset=preset, backbone=backbone, block=block, image_size=size, score=score,
            weights=weights,
        )  # fmt: skip
    folder = artifacts.save(detector, workspace.model(name))
    typer.echo(f"threshold {detector.threshold.describe()}")
    typer.echo(f"saved {shown(folder)}; next: workbench evaluate PHOTO --name {name}")


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
    typer.echo(f"{run.describe()}; in {shown(out)}")


@app.command()
def quantise(
    name: Name,
    labelled: Annotated[Path | None, typer.Option(help="A folder with OK/ and NG/.")] = None,
) -> None:
    """Score in 8-bit integers from now on, if that changes no verdict on held-out parts."""
    from workbench import artifacts
    from workbench.csflow.onnx.quantise import quantise as attempt

    detector = artifacts.load(workspace.model(name))
    for tried in attempt(detector, opened(labelled, 0) if labelled else detector.parts().test):
        typer.echo(tried.describe())


def _config(preset: str, changes: dict):  # noqa: ANN202
    from workbench.csflow import CSFlowConfig
    from workbench.csflow.backbone import default_block

    if "backbone" in changes:
        changes |= {"block": default_block(changes["backbone"])}
    return CSFlowConfig.preset(preset, **changes)


def _image_detector(config, weights: Path | None):  # noqa: ANN001, ANN202
    from workbench.csflow.detector import CSFlowDetector

    return CSFlowDetector(config, weights=weights)


def _checkpoint(name: str, every: float, resume: bool):  # noqa: ANN202
    from workbench.csflow.resume import Checkpoint

    folder = workspace.model(".cache") / "checkpoints"
    checkpoint = Checkpoint(folder / f"{name}.pt", every, resume)
    if resume and not checkpoint.path.exists():
        typer.echo("nothing to resume: training from the start")
    return checkpoint


def _fit_seeds(config, table, count: int, weights: Path | None):  # noqa: ANN001, ANN202
    from workbench.csflow.seeds import describe, fit_seeds

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
    from workbench.autoencoder.detector import AutoEncoderDetector

    if preset != "lite" or "backbone" in changes or seeds != 1:
        raise ValueError("presets, backbones and seeds are for photos; a CSV trains one network")
    return AutoEncoderDetector(AutoEncoderConfig(**changes))


def _imported_rows(source: Path, rows):  # noqa: ANN001, ANN202
    from workbench.autoencoder.detector import AutoEncoderDetector

    return AutoEncoderDetector.from_original(source, rows)


def _evaluate_rows(detector, source: Path) -> None:  # noqa: ANN001
    rows = opened(source, 0)
    scores = detector.score(rows)
    flagged = int((scores >= detector.threshold).sum())
    typer.echo(f"{flagged} of {len(scores)} rows NG, threshold {detector.threshold:.4g}")
    worst = int(scores.argmax())
    blame = detector.evaluate_one(rows[worst]).blame
    shares = ", ".join(f"{name} {share:.0%}" for name, share in blame.items())
    typer.echo(f"worst row {worst + 1}: score {scores[worst]:.4g}; {shares}")
