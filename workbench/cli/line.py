"""Commands for a row model at work on a line: update, rollback, watch."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench import workspace

from .program import Answer, Model, app, command, loaded, note, rows_of, shown

if TYPE_CHECKING:
    from workbench.autoencoder import AutoEncoderDetector

ROWS = "autoencoder"  # the kind of model that these commands take


@command(app, reads_rows=True)
def update(
    name: Model,
    recent: Annotated[Path, typer.Argument(help="A CSV of recent rows, oldest first.")],
    weight: Annotated[float, typer.Option(help="Of the recent rows against what is known.")] = 0.5,
    network: Annotated[bool, typer.Option("--network", help="Learn all again from them.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change.")] = False,
    *,
    options: dict[str, Any],
) -> Answer:
    """Follow a slow change of the machine: units and threshold, or all, by recent normal rows."""
    from workbench import artifacts

    detector, folder = loaded(name, ROWS), workspace.model(name)
    rows = rows_of(detector, name, recent, options)
    before = _figures(detector, rows)
    detector.update(rows, weight=weight, network=network)
    after = _figures(detector, rows)
    if not dry_run:
        artifacts.save(detector, folder)
    saved = f"saved {shown(folder)}; undo: workbench rollback {name}"
    lines = [
        f"{when}: threshold {x['threshold']:.4g}, {x['ng']} of {x['rows']} rows NG, scores "
        f"{x['drift']}"
        for when, x in (("before", before), ("after", after))
    ]
    lines.append("nothing was changed (--dry-run)" if dry_run else saved)
    return Answer(lines, {"before": before, "after": after, "saved": not dry_run})


@command(app)
def rollback(name: Model) -> Answer:
    """Undo the last update of a row model."""
    from workbench import artifacts

    detector = loaded(name, ROWS).rollback()
    folder = artifacts.save(detector, workspace.model(name))
    lines = [f"threshold {detector.threshold.describe()}", f"saved {shown(folder)}"]
    return Answer(lines, {"threshold": detector.threshold.to_json()})


@command(app)
def watch(
    name: Model,
    source: Annotated[Path, typer.Argument(help="A CSV that grows, or a folder of them.")],
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 1.0,
    time: Annotated[str, typer.Option(help="Column of times; as in training.")] = "",
    smoothing: Annotated[int, typer.Option(help="Rows of the mean that is judged.")] = 1,
    k: Annotated[int, typer.Option(help="How many of the last n must be NG.")] = 1,
    n: Annotated[int, typer.Option(help="Rows that are looked back on.")] = 1,
    hold_off: Annotated[int, typer.Option(help="Rows without alarm that end an event.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="Look once, for a scheduler.")] = False,
) -> Iterator[Answer]:
    """Follow growing files of sensor rows and tell each alarm when it begins and when it ends."""
    from workbench.autoencoder import AlarmRule
    from workbench.autoencoder.watching import files_of, follow
    from workbench.data.words import amount

    rule = AlarmRule(smoothing=smoothing, k=k, n=n, hold_off=hold_off)
    detector = loaded(name, ROWS)
    if not source.exists():
        note(f"{shown(source)} is not there so far")
    else:
        found = amount(len(files_of(source)), "CSV file")
        note(f"following {found}; events are kept in NAME.events.csv")
    time = time or detector.data.get("reading", {}).get("found", {}).get("time", "")
    found = follow(detector, source, rule, every=every, time_column=time, until=lambda: once)
    for path, event in found:
        at = event.start_time or f"row {event.start + 1}"
        line = (
            f"{path.name} {at}: alarm, {event.sensor} {event.share:.0%}, score {event.score:.4g}"
        )
        if event.end is not None:
            line = f"{path.name} {at}: over at {event.end_time or f'row {event.end + 1}'}"
        yield Answer([line], {"file": path, **asdict(event)})


def _figures(detector: "AutoEncoderDetector", rows: Any) -> dict[str, Any]:  # noqa: ANN401
    scores = detector.score(rows)
    return {
        "threshold": float(detector.threshold),
        "rows": len(scores),
        "ng": int((scores >= detector.threshold).sum()),
        "drift": detector.drift(rows).verdict,
    }
