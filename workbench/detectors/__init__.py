"""Detectors: fit on normal data, score new data, say what looks wrong.

All have the same verbs and the same sign: `fit(x)`, `score(x)` of shape (N,) where higher is
worse, `evaluate_one(x)`, a `threshold`, and the verdict NG if and only if score >= threshold.
What is named here is imported when it is asked for: a row model is served without torchvision
or pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .alarms import AlarmRule, AlarmStream, Detection, detections, stretches
    from .checkpoint import Checkpoint
    from .evaluation import Evaluation, Region
    from .explanation import Change, RowEvaluation
    from .image import CSFlowDetector
    from .imported import import_original
    from .rows import AutoEncoderDetector

_HOME = {
    "AlarmRule": "alarms",
    "AlarmStream": "alarms",
    "AutoEncoderDetector": "rows",
    "CSFlowDetector": "image",
    "Change": "explanation",
    "Checkpoint": "checkpoint",
    "Detection": "alarms",
    "Evaluation": "evaluation",
    "Region": "evaluation",
    "RowEvaluation": "explanation",
    "detections": "alarms",
    "import_original": "imported",
    "stretches": "alarms",
}
__all__ = [
    "AlarmRule",
    "AlarmStream",
    "AutoEncoderDetector",
    "CSFlowDetector",
    "Change",
    "Checkpoint",
    "Detection",
    "Evaluation",
    "Region",
    "RowEvaluation",
    "detections",
    "import_original",
    "stretches",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOME:
        raise AttributeError(f"workbench.detectors has no {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
