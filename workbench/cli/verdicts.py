"""Commands that ask a detector: evaluate, score."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from workbench import workspace
from workbench.errors import DataError

from .program import Answer, Name, app, command, refuse_row_options, shown

if TYPE_CHECKING:
    from workbench.autoencoder import AutoEncoderDetector
    from workbench.data import SensorTable


@command(app, reads_rows=True)
def evaluate(
    source: Annotated[Path, typer.Argument(help="An image, or rows for a sensor model.")],
    name: Name,
    overlay: Annotated[
        Path | None, typer.Option(help="Write the photo under its heat map to this file.")
    ] = None,
    *,
    options: dict[str, Any],
) -> Answer:
    """Score one image (or every row of a file) with a saved detector."""
    from workbench import artifacts

    detector = artifacts.load(workspace.model(name))
    if detector.kind == "autoencoder":
        return _evaluated_rows(detector, _rows_for(detector, name, source, options))
    _require_photos(name, source, options)
    result = detector.evaluate_one(source)
    lines = [
        f"{result.verdict}  score {result.score:.4g}, threshold {result.threshold:.4g}",
        "  ".join(f"{stage} {1e3 * s:.0f} ms" for stage, s in result.timing.items()),
    ]
    if overlay:
        result.overlay().save(overlay)
        lines.append(f"wrote {overlay}")
    return Answer(
        lines,
        {
            "verdict": result.verdict,
            "score": result.score,
            "threshold": result.threshold,
            "seconds": result.timing,
            "overlay": overlay,
        },
    )


@command(app, reads_rows=True)
def score(
    source: Annotated[Path, typer.Argument(help="A folder of photos, or files of sensor rows.")],
    name: Name,
    out: Annotated[Path, typer.Option(help="The CSV file; photos are continued in it.")] = Path(
        "scores.csv"
    ),
    *,
    options: dict[str, Any],
) -> Answer:
    """Score every photo of a folder, or every row of a file, into a CSV file."""
    from workbench import artifacts, bulk

    detector = artifacts.load(workspace.model(name))
    if detector.kind == "autoencoder":
        found = bulk.score_rows(detector, _rows_for(detector, name, source, options), out)
        return Answer([f"{found.describe()}; in {shown(out)}"], asdict(found) | {"out": out})
    _require_photos(name, source, options)
    run = bulk.score_folder(detector, source, out)
    return Answer([f"{run.describe()}; in {shown(out)}"], asdict(run) | {"out": out})


def _require_photos(name: str, source: Path, options: Mapping[str, Any]) -> None:
    from workbench.data.rows import is_rows
    from workbench.data.sheets import ENDINGS

    if source.suffix.lower() in ENDINGS or (source.is_dir() and is_rows(source)):
        raise DataError(f"model {name} judges photos, got sensor rows ({source})")
    refuse_row_options(options)


def _rows_for(
    detector: "AutoEncoderDetector", name: str, source: Path, options: Mapping[str, Any]
) -> "SensorTable":
    """The rows at a path, read as those of the training."""
    from workbench.data.rows import is_rows, load_like

    if not source.exists():
        raise DataError(f"{source} must be a file of sensor rows; nothing is there")
    if not is_rows(source):
        raise DataError(f"model {name} judges sensor rows, got a folder of photos ({source})")
    return load_like(source, detector.data, detector.columns, **options)


def _evaluated_rows(detector: "AutoEncoderDetector", rows: "SensorTable") -> Answer:
    scores = detector.score(rows)
    flagged, worst = int((scores >= detector.threshold).sum()), int(np.argmax(scores))
    blame = dict(zip(detector.columns, detector.blame(rows)[worst].tolist(), strict=True))
    shares = ", ".join(f"{name} {share:.0%}" for name, share in blame.items())
    time = "" if rows.time is None else str(rows.time[worst])
    lines = [
        f"{flagged} of {len(scores)} rows NG, threshold {detector.threshold:.4g}",
        f"worst row: {rows.where(worst)}{f', time {time}' if time else ''}, score "
        f"{scores[worst]:.4g}; {shares}",
    ]
    return Answer(
        lines,
        {
            "rows": len(scores),
            "flagged": flagged,
            "threshold": detector.threshold,
            "worst": {
                "where": rows.where(worst),
                "time": time,
                "score": scores[worst],
                "blame": blame,
            },
        },
    )
