"""Commands that ask a detector: evaluate, score."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from workbench import workspace

from .program import Answer, Name, app, command, opened, shown

if TYPE_CHECKING:
    from workbench.autoencoder import AutoEncoderDetector


@command(app)
def evaluate(
    source: Annotated[Path, typer.Argument(help="An image, or a CSV for a sensor model.")],
    name: Name,
    overlay: Annotated[
        Path | None, typer.Option(help="Write the photo under its heat map to this file.")
    ] = None,
) -> Answer:
    """Score one image (or every row of a CSV) with a saved detector."""
    from workbench import artifacts

    detector = artifacts.load(workspace.model(name))
    if detector.kind == "autoencoder":
        return _evaluated_rows(detector, source)
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


@command(app)
def score(
    folder: Annotated[Path, typer.Argument(help="A folder of photos, any number of them.")],
    name: Name,
    out: Annotated[Path, typer.Option(help="The CSV file; continued if it is there.")] = Path(
        "scores.csv"
    ),
) -> Answer:
    """Score every photo of a folder into a CSV file; stop and start it at will."""
    from workbench import artifacts, bulk

    run = bulk.score_folder(artifacts.load(workspace.model(name)), folder, out)
    return Answer([f"{run.describe()}; in {shown(out)}"], asdict(run) | {"out": out})


def _evaluated_rows(detector: "AutoEncoderDetector", source: Path) -> Answer:
    rows = opened(source)
    scores = detector.score(rows)
    flagged, worst = int((scores >= detector.threshold).sum()), int(np.argmax(scores))
    blame = detector.evaluate_one(rows[worst]).blame
    shares = ", ".join(f"{name} {share:.0%}" for name, share in blame.items())
    lines = [
        f"{flagged} of {len(scores)} rows NG, threshold {detector.threshold:.4g}",
        f"worst row {worst + 1}: score {scores[worst]:.4g}; {shares}",
    ]
    return Answer(
        lines,
        {
            "rows": len(scores),
            "flagged": flagged,
            "threshold": detector.threshold,
            "worst": {"row": worst + 1, "score": scores[worst], "blame": blame},
        },
    )
