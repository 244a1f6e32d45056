"""Detectors: fit on normal data, score new data, say what looks wrong.

All have the same verbs and the same sign: `fit(x)`, `score(x)` of shape (N,) where higher is
worse, `evaluate_one(x)`, a `threshold`, and the verdict NG if and only if score >= threshold.
"""

from workbench.lazy import lazily

__all__ = [  # noqa: F822 - imported on demand
    "AutoEncoderDetector",
    "CSFlowDetector",
    "Checkpoint",
    "Evaluation",
    "Region",
    "import_original",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "checkpoint": ["Checkpoint"],
        "evaluation": ["Evaluation", "Region"],
        "image": ["CSFlowDetector"],
        "imported": ["import_original"],
        "rows": ["AutoEncoderDetector"],
    },
)
