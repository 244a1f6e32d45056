"""Commands that train: train, sweep."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench import workspace

from .models import Smallest, saved
from .program import (
    Answer,
    Dask,
    Groups,
    Join,
    Layout,
    Model,
    Relabels,
    app,
    by_workers,
    command,
    if_stopped,
    loaded,
    note,
    opened,
    refuse,
    share,
    shrunk,
)

if TYPE_CHECKING:
    from workbench.autoencoder import AutoEncoderDetector
    from workbench.csflow.resume import Checkpoint
    from workbench.csflow.seeds import SeedResult
    from workbench.data import SensorTable


@command(app, reads_rows=True)
def train(
    source: Annotated[Path, typer.Argument(help="A folder of photos or a CSV of sensor rows.")],
    name: Annotated[str, typer.Option("--name", "-n", help="Default: the source's name.")] = "",
    preset: Annotated[str, typer.Option(help="lite, simulator or paper (photos).")] = "lite",
    epochs: Annotated[int, typer.Option(help="Passes over the data; 0: the preset's.")] = 0,
    backbone: Annotated[str, typer.Option(help="Another EfficientNet (photos).")] = "",
    weights: Annotated[Path | None, typer.Option(help="Its weights: a file or a folder.")] = None,
    seed: Annotated[int, typer.Option(help="Of the split and the training.")] = 0,
    size: Annotated[
        int | None, typer.Option(help="Pixels a side; by default what the photos need (photos).")
    ] = None,
    tile: Annotated[
        int, typer.Option(help="Look at photos in their own size, in tiles so wide (photos).")
    ] = 0,
    looks: Annotated[
        int, typer.Option(help="At each photo, 1 to 5; 1 takes a third of the time of 3 (photos).")
    ] = 0,
    blank: Annotated[
        Path | None, typer.Option(help="A picture, white where nothing is looked at (photos).")
    ] = None,
    smallest: Smallest = "",
    regions: Annotated[int, typer.Option(help="Of that size that make a photo NG (photos).")] = 1,
    window: Annotated[
        int, typer.Option(help="Rows judged together; 10 finds small faults that last (rows).")
    ] = 1,
    seeds: Annotated[
        int, typer.Option(help="Train this many; report their spread, save the first (photos).")
    ] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a training was cut off (photos).")
    ] = False,
    checkpoint_every: Annotated[
        float, typer.Option(help="Seconds between checkpoints, at least (photos).")
    ] = 60,
    ranks: Annotated[
        int, typer.Option(help="Processes that share each batch of one training (photos).")
    ] = 1,
    dask: Dask = "",
    layout: Layout = None,
    groups: Groups = "",
    join: Join = "any",
    relabels: Relabels = True,
    *,
    options: dict[str, Any],
) -> Answer:
    """Train on the good parts of a dataset and save the detector under models/."""
    from workbench import artifacts
    from workbench.data.photo_check import few_good, in_short
    from workbench.data.rows import is_rows
    from workbench.metrics.parts import rule_count

    for_photos = {
        "preset": preset != "lite", "backbone": backbone, "weights": weights, "size": size,
        "blank": blank, "smallest": smallest, "regions": regions != 1, "seeds": seeds != 1,
        "tile": tile, "looks": looks, "resume": resume, "groups": groups, "join": join != "any",
    }  # fmt: skip
    rows, started = is_rows(source), "LOCAL_RANK" in os.environ  # by `launched` or torchrun
    if rows:
        refuse((name for name, typed in for_photos.items() if typed), "photos")
    elif window != 1:
        raise ValueError("--window is for sensor rows; photos are judged one by one")
    if (ranks != 1 or started) and (rows or seeds != 1 or ranks < 1):
        raise ValueError("ranks, 1 or more, share one training on photos")
    if dask and seeds == 1:
        raise ValueError("--dask trains several seeds side by side; add --seeds, or take --ranks")
    if ranks > 1 and not started:
        from workbench.csflow.launch import launched

        raise typer.Exit(launched(["-m", "workbench.cli", *sys.argv[1:]], ranks))
    name = name or source.resolve().stem
    if dask:  # workers run in folders of their own
        source, weights, blank = (path and path.absolute() for path in (source, weights, blank))
    target = workspace.model(name)
    artifacts.require_place(target)
    data = opened(source, seed, options, layout=layout, groups=groups, relabels=relabels)
    given = {"epochs": epochs, "backbone": backbone, "image_size": size}
    if rows:
        given["window"] = window
    else:
        given |= {"smallest": share(smallest), "regions": regions, "tile": tile, "looks": looks}
    changes = {key: value for key, value in given.items() if value} | {"seed": seed}
    if resume and seeds > 1:
        raise ValueError("--resume goes on with one training; leave it out, or --seeds")
    rule_count(join)
    checkpoint, spread, rank = None, Answer([], {}), 0
    if rows:
        from workbench.autoencoder import AutoEncoderConfig
        from workbench.autoencoder.detector import AutoEncoderDetector

        detector = AutoEncoderDetector(AutoEncoderConfig(**changes)).fit(data)
    else:
        from workbench.csflow import CSFlowConfig, CSFlowDetector
        from workbench.csflow import seeds as training
        from workbench.csflow.alone import ALONE

        config = training.changed(CSFlowConfig.preset(preset), changes)
        if told := shrunk(data.summary()["sizes"], config):
            note(told)
        if told := few_good(data):
            note(told)
        if seeds != 1:
            with by_workers(dask) as each:
                detector, results = training.fit_seeds(
                    config, data, seeds, ignore=blank, each=each, weights=weights
                )
            spread = _spread(results, config.seed)
        else:
            if started:
                from workbench.csflow.ranks import joined
            checkpoint = _checkpoint(name, checkpoint_every, resume)
            with joined() if started else nullcontext(ALONE) as group:
                rank = group.rank
                detector = CSFlowDetector(config, weights=weights, device=group.device)
                detector.fit(data, checkpoint=checkpoint, ignore=blank, ranks=group)
    if rank:  # the first one saves
        raise typer.Exit
    if groups:
        detector.data["join"] = join
    folder = artifacts.save_somewhere(detector, target)
    if checkpoint and folder == target and not detector.interrupted:
        checkpoint.clear()
    found = saved(detector, folder, f"workbench report {name}, workbench app {name}")
    taken = _learned(detector, data) if rows else [in_short(data)]
    return Answer([*taken, *spread.lines, *found.lines], found.values | spread.values)


@command(app)
def sweep(
    name: Model,
    change: Annotated[
        list[str], typer.Option("--set", help="FIELD=VALUE,VALUE of its settings; repeatable.")
    ],
    seeds: Annotated[int, typer.Option(help="Trainings of each setting.")] = 3,
    dask: Dask = "",
) -> Answer:
    """Train a model again with every combination of settings, and compare them.

    What was trained before is not trained again; the model itself stays as it is.
    """
    from workbench.csflow import seeds as training

    detector, grid = loaded(name, "csflow", engine="torch"), dict(map(_values, change))
    kept = if_stopped("what was trained is kept; the same command goes on")
    with by_workers(dask) as each, kept:
        settings = training.sweep(
            detector.config, detector.parts(), grid, seeds, ignore=detector.ignore, each=each
        )
    found, best = [asdict(setting) for setting in settings], training.most_likely(settings)
    return Answer(training.table(settings), {"settings": found, "best": best.changes})


def _values(word: str) -> tuple[str, list[Any]]:
    """FIELD=VALUE,VALUE: JSON where it is JSON, else words."""
    field, _, values = word.partition("=")
    try:
        return field, json.loads(f"[{values}]")
    except ValueError:
        return field, values.split(",")


def _checkpoint(name: str, every: float, resume: bool) -> "Checkpoint":
    from workbench.csflow.resume import Checkpoint

    folder = workspace.root() / "models" / ".cache" / "checkpoints"
    checkpoint = Checkpoint(folder / f"{name}.pt", every, resume)
    if resume and not checkpoint.path.exists():
        note("nothing to resume: training from the start")
    return checkpoint


def _spread(results: "Sequence[SeedResult]", saved: int) -> Answer:
    from workbench.csflow.seeds import Setting, table

    lines = [
        f"seed {result.seed}: calibration NLL {result.calibration_nll:.4f}"
        f", AUROC on test {result.auroc:.4f}"
        for result in results
    ]
    lines += [*table([Setting({}, tuple(results))]), f"the detector of seed {saved} is saved"]
    return Answer(lines, {"seeds": [asdict(result) for result in results]})


def _learned(detector: "AutoEncoderDetector", rows: "SensorTable") -> list[str]:
    """The size of a row model, what it promises, and what suits a recording better."""
    low, high = detector.threshold.expected["overkill_interval"]
    said = f"{low:.0%} to {high:.0%}, in 9 of 10 recordings"
    if high > 0.5:
        said = "nobody can say; the recording is too short, or its stretches differ too much"
    lines = [detector.data["size"]["reason"], f"overkill to be expected on later rows: {said}"]
    if rows.time is not None and detector.config.window == 1:
        lines.append(
            "each row is judged alone; --window 10 judges ten together and finds smaller faults "
            "that last, a few rows later"
        )
    return lines
