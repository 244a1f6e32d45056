"""The mathematics of CS-Flow: couplings, log-determinants, scores; no files, no images."""

from workbench.lazy import lazily

__all__ = [  # noqa: F822 - imported on demand
    "CSFlowConfig",
    "CrossScaleFlow",
    "heat",
    "maps",
    "nll",
    "score",
    "scores",
    "shares",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "config": ["CSFlowConfig"],
        "energy": ["heat", "maps", "score", "scores", "shares"],
        "flow": ["CrossScaleFlow", "nll"],
    },
)
