"""The protocol of the simulator's page: getAllData, predict, getHistogram.

Its page decides by the first letter of a name whether a part is OK, so names on the wire begin
with `OK/` or `NG/` whatever the folders are called. A part that is asked for twice keeps its
first verdict, as in a session.
"""

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from PIL import Image

from workbench import workspace
from workbench.data.decode import header
from workbench.session import InspectionSession

from .problems import BadRequest, NotFound
from .registry import PHOTOS, Model, Registry
from .shared import Counters, encoded

router = APIRouter(tags=["Simulator"])
MODEL = "CS-Flow"
SNIFFED = {"JPEG", "PNG", "BMP", "GIF", "WEBP"}  # what a browser shows without being told
BINS = 32


@dataclass
class Line:
    """An inspection that the page steps through."""

    model: Model  # the saved detector
    session: InspectionSession  # verdicts and their file
    names: dict[str, str]  # from the name on the wire to the session's own
    # held from choosing a part until its verdict is on the disk
    lock: Lock = field(default_factory=Lock)


class Lines:
    """One inspection for each dataset id that was asked for."""

    def __init__(self, registry: Registry) -> None:
        self._registry, self._lines, self._lock = registry, {}, Lock()

    def get(self, dataset: str) -> Line:
        """The inspection of a dataset, begun or resumed by the first who asks."""
        model = self._registry.get(dataset, PHOTOS)
        with self._lock:
            if dataset not in self._lines:
                self._lines[dataset] = _begun(model, dataset)
            return self._lines[dataset]

    def close(self) -> None:
        """Let others write the result files."""
        for line in self._lines.values():
            line.session.close()


def _begun(model: Model, dataset: str) -> Line:
    parts = model.detector.parts().test
    results = workspace.report(model.name) / f"{dataset}_result.csv"
    session = InspectionSession(model.detector, parts, results=results)
    names = {}
    for index, name in enumerate(parts.names):
        label = session.truth(index) or "OK"
        names[name if name.startswith(f"{label}/") else f"{label}/{name}"] = name
    return Line(model, session, names)


async def lines_of(request: Request) -> Lines:
    """The inspections, which live as long as the application."""
    return request.app.state.lines


Known = Annotated[Lines, Depends(lines_of)]
Dataset = Annotated[str, Query(description="lens, flex, SMT, module (= SMT) or any model's name")]


@router.get("/getAllData")
def get_all_data(lines: Known, dataset: Dataset) -> dict[str, list[str]]:
    """The parts to test, shuffled, and a fresh result file; the former one is kept."""
    line = lines.get(dataset)
    with line.lock:
        line.session.reset()
        names = list(np.random.default_rng().permutation(list(line.names)))
        line.session.arrange([line.names[name] for name in names])
    return {"list": [str(name) for name in names]}


@router.get("/predict")
def predict(
    lines: Known,
    monitor: Counters,
    dataset: Dataset,
    img_name: str = "",
    model: str = MODEL,
) -> dict[str, Any]:
    """The verdict on one part, which is in the result file before this answers."""
    if model != MODEL:
        raise NotFound(f"model must be {MODEL}, got {model!r}")
    if not img_name:
        raise BadRequest("img_name is needed, one of those that /getAllData lists")
    line = lines.get(dataset)
    if img_name not in line.names:
        raise NotFound(f"no image {img_name!r} in {dataset}; /getAllData lists them")
    with line.lock:
        result = line.session.open(line.names[img_name]).judge()
        verdict = line.session.verdict
        path = line.session.parts[line.session.index]
        line.session.look_ahead()
    monitor.judged(line.model, [result.score])
    return {
        "label": verdict.truth or img_name[:2],
        "isAnomaly": bool(result.is_anomaly),
        "anomaly_score": float(result.score),
        "time": 1000 * float(result.timing["total"]),
        "image": base64.b64encode(_shown(path, result.image)).decode(),
        "overlay": encoded(result.overlay()),
    }


@router.get("/getHistogram")
def get_histogram(lines: Known, dataset: Dataset, model: str = MODEL) -> dict[str, Any]:
    """The scores judged so far; an empty chart before the first."""
    if model != MODEL:
        raise NotFound(f"model must be {MODEL}, got {model!r}")
    session = lines.get(dataset).session
    return {"status": True, "image": base64.b64encode(_histogram(session)).decode()}


def _histogram(session: InspectionSession) -> bytes:
    from workbench import plots  # brings matplotlib and seaborn

    judged = session.verdicts
    if judged.empty:
        ax = plots.figure.new_axes(7, 3.6, "No score yet")
        ax.set(xlabel="anomaly score", ylabel="parts")
        return plots.png(ax.figure)
    labels = (judged["label"] == "NG").to_numpy()
    scores = judged["anomaly score"].to_numpy(float)
    ax = plots.histogram(scores, labels, float(session.detector.threshold), bins=BINS)
    return plots.png(ax.figure)


def _shown(path: Path, image: np.ndarray) -> bytes:
    """The file itself where a browser shows it, else the same picture as PNG."""
    about = header(path)
    if about.format in SNIFFED and about.bits == 8:
        return Path(path).read_bytes()
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png")
    return buffer.getvalue()
