"""What a detector says of one image, and why."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .heatmap import blend
from .regions import Region, regions
from .typical import Evidence


@dataclass(frozen=True)
class Evaluation:
    """What a detector says of one image."""

    score: float  # anomaly score, higher is worse
    threshold: float  # what it was compared with
    image: NDArray[np.uint8]  # RGB photo, uint8, shape (H, W, 3)
    heatmap: NDArray[np.float32]  # anomaly per pixel, float32, shape (H, W)
    # ends of the dataset's colour scale; good parts stay below the first
    heat_range: tuple[float, float]
    timing: dict[str, float]  # seconds by stage: decode, resize, network, map, total
    # how much each scale has to do with it, finest first, summing to 1; see `csflow.scale_shares`.
    # Small defects show at the finest scale, large ones coarser.
    shares: tuple[float, ...] = ()
    # what a "calibrated" score is made of: each part of it beside a good part's
    evidence: tuple[Evidence, ...] = ()
    # times as hot as a good one's all of the photo is; taken out of score and map, see `Lift`
    lifted: float = 1.0

    @property
    def is_anomaly(self) -> bool:
        """Whether the score reaches the threshold."""
        return self.score >= self.threshold

    @property
    def verdict(self) -> str:
        """Either "OK" or "NG"."""
        return "NG" if self.is_anomaly else "OK"

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The places that stand out, at most ten, strongest first; an NG part has one at least."""
        level = sum(self.heat_range) / 2 if self.evidence else self.threshold
        return regions(self.heatmap, min(level, self.heatmap.max()) if self.is_anomaly else level)

    def overlay(self, alpha: float = 0.7) -> Image.Image:
        """The photo under its heat map on the dataset's fixed scale, at its own size."""
        return blend(self.image, self.heatmap, self.heat_range, alpha)
