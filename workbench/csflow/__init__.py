"""The mathematics of CS-Flow: couplings, log-determinants, scores; and its old checkpoints."""

from .config import SIMULATOR_THRESHOLDS, CSFlowConfig
from .energy import heat, maps, score, scores, shares
from .flow import CrossScaleFlow, nll
from .original import read_original

__all__ = [
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
