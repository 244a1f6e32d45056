"""Detectors: fit on normal data, score new data, say what looks wrong.

All have the same verbs and the same sign: `fit(x)`, `score(x)` of shape (N,) where higher is
worse, `evaluate_one(x)`, a `threshold`, and the verdict NG if and only if score >= threshold.
"""

from .checkpoint import Checkpoint
from .evaluation import Evaluation, Region
from .image import CSFlowDetector
from .imported import import_original
from .rows import AutoEncoderDetector

__all__ = [
    "AutoEncoderDetector",
    "CSFlowDetector",
    "Checkpoint",
    "Evaluation",
    "Region",
    "import_original",
]
