"""The mathematics of CS-Flow: couplings, log-determinants, scores; no files, no images."""

from .config import CSFlowConfig
from .flow import CrossScaleFlow, maps, nll, score

__all__ = ["CSFlowConfig", "CrossScaleFlow", "maps", "nll", "score"]
