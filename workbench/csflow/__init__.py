"""The mathematics of CS-Flow: couplings, log-determinants, scores; and its old checkpoints."""

from workbench.lazy import lazily

__all__ = [  # noqa: F822 - imported on demand
    "PRECISIONS",
    "SIMULATOR_THRESHOLDS",
    "CSFlowConfig",
    "CrossScaleFlow",
    "heat",
    "maps",
    "nll",
    "read_original",
    "score",
    "scores",
    "shares",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "config": ["PRECISIONS", "SIMULATOR_THRESHOLDS", "CSFlowConfig"],
        "energy": ["heat", "maps", "score", "scores", "shares"],
        "flow": ["CrossScaleFlow", "nll"],
        "original": ["read_original"],
    },
)
