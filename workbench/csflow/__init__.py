"""The mathematics of CS-Flow: couplings, log-determinants, scores; no files, no images."""

from .config import CSFlowConfig
from .flow import CrossScaleFlow, maps, nll, score
from .original import read_original

__all__ = ["CSFlowConfig", "CrossScaleFlow", "maps", "nll", "read_original", "score"]
