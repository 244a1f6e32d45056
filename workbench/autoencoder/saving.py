"""A fitted detector as plain values and arrays, and back."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.updates import Before
from workbench.autoencoder.weights import Weights
from workbench.metrics import Threshold

if TYPE_CHECKING:
    from workbench.autoencoder.detector import AutoEncoderDetector

    Detector = TypeVar("Detector", bound=AutoEncoderDetector)


def state(detector: "AutoEncoderDetector") -> tuple[dict[str, Any], Weights]:
    """Values for JSON, and arrays by name."""
    meta = {
        "config": asdict(detector.config),
        "columns": list(detector.columns),
        "threshold": detector.threshold.to_json(),
        "history": detector.history,
        "data": detector.data,
    }
    arrays = detector.weights | {"held_out": detector.calibration_scores}
    if detector.before is not None:
        meta["before"], before = detector.before.saved()
        arrays |= before
    return meta, arrays


def restore(kind: "type[Detector]", meta: dict[str, Any], arrays: Weights) -> "Detector":
    """Undo `state`, also of what earlier versions saved."""
    detector = kind(AutoEncoderConfig.saved(meta["config"]))
    weights = {name: np.asarray(value) for name, value in arrays.items()}
    if "before" in meta:
        detector.before = Before.of(meta, weights)
    detector.calibration_scores = weights.pop("held_out")
    detector.columns, detector.history = tuple(meta["columns"]), list(meta["history"])
    detector.data = dict(meta["data"])
    if "held_out" in (errors := detector.data.get("errors", {})):
        detector.data["errors"] = {"train": errors["train"], "calibration": errors["held_out"]}
    if not all(isinstance(name, str) for name in detector.columns):
        raise TypeError(f"columns must be names, got {detector.columns!r:.80}")
    detector.use(weights)
    detector.threshold = Threshold.from_json(meta["threshold"])
    return detector
