"""What is taken from calibration images: threshold, colour scale and typical energy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.metrics import threshold

from .scores import Latents, cell_energy

if TYPE_CHECKING:
    from .detector import CSFlowDetector


def calibrate(detector: "CSFlowDetector", latents: Sequence[Latents]) -> None:
    """Set what a detector takes from calibration images, given their latents in batches."""
    detector.calibration_scores = np.concatenate([detector.score_latents(zs) for zs in latents])
    detector.threshold = threshold(detector.calibration_scores, q=detector.config.percentile)
    cells = [np.concatenate(scale) for scale in zip(*map(cell_energy, latents), strict=True)]
    detector.heat_range = colour_scale(detector.heat_of(cells))
    detector.typical_energy = tuple(float(np.median(m.mean((1, 2)))) for m in cells)


def colour_scale(heat: NDArray[np.float32]) -> tuple[float, float]:
    """Ends of the fixed colour scale, from the maps of calibration images, any shape.

    From what nine in ten cells stay below, to far past their hottest: a good part looks dark,
    and a defect has room to differ from another.
    """
    floor, hot = np.quantile(heat, [0.9, 0.999])
    return float(floor), float(max(floor + 4 * (hot - floor), floor + 1e-6))
