"""The row model: a small network that learns to copy normal rows through a narrow middle.

Read in this order: `config`, `network`, `scoring`, `detector`.
"""

from workbench.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "alarms": ["AlarmRule", "Detection", "detections"],
        "config": ["AutoEncoderConfig"],
        "detector": ["AutoEncoderDetector"],
        "events": ["Event", "Watcher"],
        "explanation": ["Change", "RowEvaluation"],
        "network": ["AutoEncoder"],
        "original": ["from_weights", "read_original"],
    },
    ["events", "watching"],
)
