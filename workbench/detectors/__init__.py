"""Detectors: fit on normal data, score new data, say what looks wrong.

All have the same verbs and the same sign: `fit(x)`, `score(x)` of shape (N,) where higher is
worse, `evaluate_one(x)`, a `threshold`, and the verdict NG if and only if score >= threshold.
What is named here is imported when it is asked for: a row model is served without torchvision
or pandas.
"""

from workbench.lazy import lazily

__all__ = [  # noqa: F822 - imported on demand
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

__getattr__, __dir__ = lazily(
    __name__,
    {
        "alarms": ["AlarmRule", "AlarmStream", "Detection", "detections", "stretches"],
        "checkpoint": ["Checkpoint"],
        "evaluation": ["Evaluation", "Region"],
        "explanation": ["Change", "RowEvaluation"],
        "image": ["CSFlowDetector"],
        "imported": ["import_original"],
        "rows": ["AutoEncoderDetector"],
    },
)
