"""The mathematics of CS-Flow: couplings, log-determinants, scores; no files, no images."""

from .config import SIMULATOR_THRESHOLDS, CSFlowConfig
from .flow import CrossScaleFlow, maps, nll, score
from .original import read_original

__all__ = [
    "SIMULATOR_THRESHOLDS",
    "CSFlowConfig",
    "CrossScaleFlow",
    "maps",
    "nll",
    "read_original",
    "score",
]
