"""Commands that make a detector or change one: train, import, quantise."""

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
from workbench.errors import DataError

from .program import (
    Answer,
    Dask,
    Groups,
    Layout,
    Name,
    Relabels,
    app,
    by_workers,
    command,
    note,
    opened,
    photo_options,
    row_options,
    shown,
)
from .verdicts import share

if TYPE_CHECKING:
    from workbench.autoencoder import AutoEncoderDetector
    from workbench.csflow import CSFlowConfig, CSFlowDetector
    from workbench.csflow.resume import Checkpoint
    from workbench.csflow.seeds import SeedResult


Smallest = Annotated[
    str, typer.Option(help="Hot regions below this share of the photo count for nothing, as 2%.")
]


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
    blank: Annotated[
        Path | None, typer.Option(help="A picture, white where nothing is looked at (photos).")
    ] = None,
    smallest: Smallest = "",
    regions: Annotated[int, typer.Option(help="Of that size that make a photo NG (photos).")] = 1,
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
    join: Annotated[
        str, typer.Option(help="How photos make a part's verdict: any, mean or 2 of n.")
    ] = "any",
    relabels: Relabels = True,
    *,
    options: dict[str, Any],
) -> Answer:
    """Train on the good parts of a dataset and save the detector under models/."""
    from workbench import artifacts
    from workbench.data.photo_check import in_short
    from workbench.data.rows import is_rows
    from workbench.metrics.parts import rule_count

    rows, started = is_rows(source), "LOCAL_RANK" in os.environ  # by `launched` or torchrun
    if (ranks != 1 or started) and (rows or seeds != 1 or ranks < 1):
        raise ValueError("ranks, 1 or more, share one training on photos")
    if dask and seeds == 1:
        raise ValueError("--dask trains several seeds side by side; add --seeds, or take --ranks")
    if ranks > 1 and not started:
        from workbench.csflow.ranks import launched

        raise typer.Exit(launched(["-m", "workbench.cli", *sys.argv[1:]], ranks))
    name = name or source.resolve().stem
    if dask:  # workers run in folders of their own
        source, weights = source.absolute(), weights and weights.absolute()
    target = workspace.model(name)
    artifacts.require_place(target)
    given = row_options(options, layout)
    data = opened(
        source, seed, given if rows else options, **photo_options(layout, groups, relabels)
    )
    given = {"epochs": epochs, "backbone": backbone, "image_size": size}
    if not rows:
        given |= {"smallest": share(smallest), "regions": regions}
    changes = {key: value for key, value in given.items() if value} | {"seed": seed}
    if resume and (seeds > 1 or rows):
        raise ValueError("--resume goes on with one training on photos; leave it out")
    rule_count(join)
    checkpoint, spread, rank = None, Answer([], {}), 0
    if rows:
        detector = _row_detector(changes, preset, seeds).fit(data)
    elif seeds != 1:
        from workbench.csflow.seeds import fit_seeds

        config = _config(preset, changes)
        with by_workers(dask) as each:
            detector, results = fit_seeds(config, data, seeds, each=each, weights=weights)
        spread = _spread(results, config.seed)
    else:
        from workbench.csflow.alone import ALONE
        from workbench.csflow.detector import CSFlowDetector

        if started:
            from workbench.csflow.ranks import joined
        checkpoint = _checkpoint(name, checkpoint_every, resume)
        with joined() if started else nullcontext(ALONE) as group:
            config, rank = _config(preset, changes), group.rank
            detector = CSFlowDetector(config, weights=weights, device=group.device)
            detector.fit(data, checkpoint=checkpoint, ignore=blank, ranks=group)
    if rank:  # the first one saves
        raise typer.Exit
    if groups:
        detector.data["join"] = join
    folder = artifacts.save_somewhere(detector, target)
    if checkpoint and folder == target and not detector.interrupted:
        checkpoint.clear()
    saved = _saved(detector, folder, f"workbench report {name}, workbench app {name}")
    taken = [] if rows else [in_short(data)]
    return Answer([*taken, *spread.lines, *saved.lines], saved.values | spread.values)


@command(app)
def sweep(
    name: Annotated[str, typer.Argument(help="The model, a folder under models/.")],
    change: Annotated[
        list[str], typer.Option("--set", help="FIELD=VALUE,VALUE of its settings; repeatable.")
    ],
    seeds: Annotated[int, typer.Option(help="Trainings of each setting.")] = 3,
    dask: Dask = "",
) -> Answer:
    """Train a model anew with every combination of settings, and compare them.

    What was trained before is not trained again; the model itself stays as it is.
    """
    from workbench import artifacts
    from workbench.csflow import seeds as training

    detector = artifacts.load(workspace.model(name), engine="torch")
    if detector.kind != "csflow":
        raise DataError(f"a sweep trains models of photos, got {name}")
    grid = dict(map(_values, change))
    with by_workers(dask) as each:
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


@command(app)
def adjust(
    name: Annotated[str, typer.Argument(help="A model of photos, a folder under models/.")],
    blank: Annotated[
        Path | None, typer.Option(help="A picture, not black where nothing is looked at.")
    ] = None,
    smallest: Smallest = "",
    regions: Annotated[int | None, typer.Option(help="Of that size that make a photo NG.")] = None,
    join: Annotated[
        str, typer.Option(help="How photos make a part's verdict: any, mean or 2 of n.")
    ] = "",
) -> Answer:
    """Change what counts, without training; the threshold is set anew from calibration photos."""
    from workbench import artifacts
    from workbench.metrics.parts import rule_count

    detector = artifacts.load(workspace.model(name))
    if detector.kind != "csflow":
        raise ValueError(f"{name} must be a model of photos, got one of sensor rows")
    if join:
        rule_count(join)
        detector.data["join"] = join
    changes = {"ignore": blank, "smallest": share(smallest), "regions": regions}
    given = any(value is not None for value in changes.values())
    if given and not detector.adjust(**changes):
        note("warning: no calibration photos were found, so the threshold stays as it was")
    folder = artifacts.save(detector, workspace.model(name))
    return _saved(detector, folder, f"workbench report {name}, workbench app {name}")


@command(app)
def learn(
    name: Annotated[str, typer.Argument(help="The model, a folder under models/.")],
    folder: Annotated[Path, typer.Argument(help="A review folder whose photos were relabelled.")],
) -> Answer:
    """Train anew with what inspectors said of collected photos; compare before and after."""
    from workbench import review

    found = review.learn(name, folder)
    c = found.comparison
    rates = [
        {"auroc": m.auroc, "missed": m.fn, "n_ng": m.n_ng, "overkill": m.fp, "n_ok": m.n_ok}
        for m in (c.a, c.b)
    ]
    lines = [
        f"added {found.good} good and {found.ng} NG photos; {found.known} were there already",
        *(
            f"{when}: AUROC {r['auroc']:.3f}, missed {r['missed']} of {r['n_ng']}, overkill "
            f"{r['overkill']} of {r['n_ok']}"
            for when, r in zip(("before", "after"), rates, strict=True)
        ),
        f"of the verdicts {c.fixed} got better and {c.broken} worse (McNemar p {c.mcnemar_p:.2g})",
        f"saved {shown(workspace.model(name))}; the former model is {found.former}",
    ]
    counts = {"good": found.good, "ng": found.ng, "known": found.known, "former": found.former}
    compared = {"before": rates[0], "after": rates[1], "fixed": c.fixed, "broken": c.broken}
    return Answer(lines, counts | compared | {"mcnemar_p": c.mcnemar_p})


@command(app, "import")
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
) -> Answer:
    """Turn an old checkpoint into a saved detector, without running any code in it."""
    from workbench import artifacts

    artifacts.require_place(workspace.model(name))
    if csv:
        from workbench.autoencoder import AutoEncoderDetector
        from workbench.autoencoder.original import adopt

        detector = adopt(AutoEncoderDetector, source, opened(csv))
    else:
        from workbench.csflow import SIMULATOR_THRESHOLDS
        from workbench.csflow.original.importer import import_original

        if threshold is None and data is None and name in SIMULATOR_THRESHOLDS:
            threshold = name
        detector = import_original(
            source, threshold=threshold, calibration=data and opened(data), heat_range=heat,
            preset=preset, backbone=backbone, block=block, image_size=size, score=score,
            weights=weights,
        )  # fmt: skip
    folder = artifacts.save_somewhere(detector, workspace.model(name))
    return _saved(detector, folder, f"workbench evaluate PHOTO --name {name}")


@command(app)
def quantise(
    name: Name,
    labelled: Annotated[Path | None, typer.Option(help="A folder with OK/ and NG/.")] = None,
    floats: Annotated[bool, typer.Option("--floats", help="Score in floats again.")] = False,
) -> Answer:
    """Score in 8-bit integers on this machine, where that changes no calibration verdict."""
    from workbench import artifacts
    from workbench.csflow.onnx.int8 import floats_again
    from workbench.csflow.onnx.int8 import quantise as attempt

    detector = artifacts.load(workspace.model(name))
    if floats:
        floats_again(detector)
        return Answer([f"{name} scores in floats"], {"tried": []})
    tried = list(attempt(detector, opened(labelled) if labelled else detector.parts().test))
    return Answer(
        [attempt.describe() for attempt in tried],
        {"tried": [asdict(attempt) for attempt in tried]},
        code=not any(attempt.accepted for attempt in tried),
    )


def _saved(detector: "CSFlowDetector | AutoEncoderDetector", folder: Path, follows: str) -> Answer:
    lines = [
        f"threshold {detector.threshold.describe()}",
        f"saved {shown(folder)}; next: {follows}",
    ]
    if detector.kind == "csflow":
        c = detector.config
        lines.insert(0, "photos at {} x {} pixels, {} epochs".format(*c.size, c.epochs))
    threshold = detector.threshold.to_json()
    return Answer(lines, {"model": folder, "kind": detector.kind, "threshold": threshold})


def _config(preset: str, changes: dict[str, Any]) -> "CSFlowConfig":
    from workbench.csflow import CSFlowConfig
    from workbench.csflow.backbones import default_block

    if "backbone" in changes:
        changes |= {"block": default_block(changes["backbone"])}
    return CSFlowConfig.preset(preset, **changes)


def _checkpoint(name: str, every: float, resume: bool) -> "Checkpoint":
    from workbench.csflow.resume import Checkpoint

    folder = workspace.root() / "models" / ".cache" / "checkpoints"
    checkpoint = Checkpoint(folder / f"{name}.pt", every, resume)
    if resume and not checkpoint.path.exists():
        note("nothing to resume: training from the start")
    return checkpoint


def _spread(results: "Sequence[SeedResult]", saved: int) -> Answer:
    from workbench.csflow.seeds import describe

    lines = [
        f"seed {result.seed}: calibration NLL {result.calibration_nll:.4f}"
        f", AUROC on test {result.auroc:.4f}"
        for result in results
    ]
    lines.append(f"{describe(results)}; the detector of seed {saved} is saved")
    return Answer(lines, {"seeds": [asdict(result) for result in results]})


def _row_detector(changes: dict[str, Any], preset: str, seeds: int) -> "AutoEncoderDetector":
    from workbench.autoencoder import AutoEncoderConfig
    from workbench.autoencoder.detector import AutoEncoderDetector

    if preset != "lite" or "backbone" in changes or seeds != 1:
        raise ValueError("presets, backbones and seeds are for photos; a CSV trains one network")
    return AutoEncoderDetector(AutoEncoderConfig(**changes))
