"""Pixel metrics."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.counts import SortedScores
from workbench.metrics.ranking import area


def pixel_auroc(maps: Sequence[ArrayLike], masks: Sequence[ArrayLike | None]) -> float:
    """AUROC over the pixels of all images together, exact."""
    if len(maps) != len(masks):
        raise ValueError(f"masks must be one per map, got {len(masks)} for {len(maps)} maps")
    ng, ok = [], []
    for i, (heat, mask) in enumerate(zip(maps, masks, strict=True)):
        if mask is not None:
            heat, mask = _pixels(i, np.asarray(heat), np.asarray(mask, dtype=bool))
            ng.append(heat[mask])
            ok.append(heat[~mask])
    if not ng:
        return np.nan
    return area(SortedScores(np.sort(np.concatenate(ok)), np.sort(np.concatenate(ng))))


def _pixels(i: int, heat: NDArray, mask: NDArray) -> tuple[NDArray, NDArray]:
    if heat.shape != mask.shape:
        raise ValueError(f"mask {i} must have its map's size {heat.shape}, got {mask.shape}")
    if not np.isfinite(heat).all():
        raise ValueError(f"heat maps must be finite, got NaN or inf in map {i}")
    return heat, mask
