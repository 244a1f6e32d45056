"""Commands that make a detector from another or change one: adjust, learn, import, quantise."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench import workspace

from .program import Answer, Join, Model, Name, app, command, loaded, note, opened, share, shown

if TYPE_CHECKING:
    from workbench.artifacts import Detector

Smallest = Annotated[
    str, typer.Option(help="Hot regions below this share of the photo count for nothing, as 2%.")
]


@command(app)
def adjust(
    name: Model,
    blank: Annotated[
        Path | None, typer.Option(help="A picture, not black where nothing is looked at.")
    ] = None,
    smallest: Smallest = "",
    regions: Annotated[int | None, typer.Option(help="Of that size that make a photo NG.")] = None,
    join: Join = "",
) -> Answer:
    """Change what counts, without training; the threshold is set again from calibration photos."""
    from workbench import artifacts
    from workbench.metrics.parts import rule_count

    changes = {"ignore": blank, "smallest": share(smallest), "regions": regions}
    given = any(value is not None for value in changes.values())
    if not (given or join):
        raise ValueError("adjust needs a change: --blank, --smallest, --regions or --join")
    detector = loaded(name, "csflow")
    if join:
        rule_count(join)
        detector.data["join"] = join
    if given and not detector.adjust(**changes):
        note("warning: no calibration photos were found, so the threshold stays as it was")
    folder = artifacts.save(detector, workspace.model(name))
    return saved(detector, folder, f"workbench report {name}, workbench app {name}")


@command(app)
def learn(
    name: Model,
    folder: Annotated[Path, typer.Argument(help="A review folder whose photos were relabelled.")],
) -> Answer:
    """Train again with what inspectors said of collected photos; compare before and after."""
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

    if not source.exists():
        raise ValueError(f"{source} must be an old checkpoint; nothing is there")
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
    return saved(detector, folder, f"workbench evaluate PHOTO --name {name}")


@command(app)
def quantise(
    name: Name,
    floats: Annotated[bool, typer.Option("--floats", help="Score in floats again.")] = False,
) -> Answer:
    """Score in 8-bit integers on this machine, where that changes no calibration verdict."""
    from workbench.csflow.onnx.int8 import floats_again
    from workbench.csflow.onnx.int8 import quantise as attempt

    detector = loaded(name, "csflow")
    if floats:
        floats_again(detector)
        return Answer([f"{name} scores in floats"], {"tried": []})
    tried = list(attempt(detector, detector.parts().test))
    lines, accepted = [attempt.describe() for attempt in tried], tried[-1].accepted
    if accepted:
        lines.append(f"{name} scores so on this machine from now on; --floats undoes it")
    return Answer(lines, {"tried": [asdict(attempt) for attempt in tried]}, code=not accepted)


def saved(detector: "Detector", folder: Path, follows: str) -> Answer:
    """What a saved detector is, and the commands that one may want next."""
    lines = [
        f"threshold {detector.threshold.describe()}",
        f"saved {shown(folder)}; next: {follows}",
    ]
    if detector.kind == "csflow":
        from workbench.csflow.auto import in_words
        from workbench.csflow.tiles import tiles_each

        c, photos = detector.config, detector.data.get("counts", {}).get("train", 1)
        each, every = tiles_each(photos, c.once.tiling)
        some = f", {each} tiles of each learned from" if each < every else ""
        lines.insert(0, in_words(c, len(detector.history)) + some)
    threshold = detector.threshold.to_json()
    return Answer(lines, {"model": folder, "kind": detector.kind, "threshold": threshold})
