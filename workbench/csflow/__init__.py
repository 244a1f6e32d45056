"""The mathematics of CS-Flow: couplings, log-determinants, scores; no files, no images."""

from .config import CSFlowConfig
from .energy import heat, maps, score, scores, shares
from .flow import CrossScaleFlow, nll

__all__ = ["CSFlowConfig", "CrossScaleFlow", "heat", "maps", "nll", "score", "scores", "shares"]
