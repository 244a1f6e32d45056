"""The good parts that look most like a photo, by kept features: what it should look like."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from .batches import Images
from .feature_cache import extract

if TYPE_CHECKING:
    from .detector import CSFlowDetector

GRID = 4  # cells a side over which features are averaged: where things are counts too
MOST = 400  # good parts that are looked through, drawn with a seed
PIECE = 64  # images whose features are in memory at a time
EXACT = "donot_use_mm_for_euclid_dist"  # a photo is at distance 0 from itself


def nearest_good(
    detector: "CSFlowDetector", photos: Images, good: Images, n: int = 3
) -> NDArray[np.intp]:
    """Positions in `good` of the n parts most like each photo, the most similar first.

    Photos are held against each other by the backbone's features, averaged over a grid of 4 x 4
    and measured in standard deviations of the good ones. Features of images that were trained on
    lie in the cache.

    Args:
        detector: Its backbone is used, no flow.
        photos: P of them, as for `detector.score`.
        good: At least one; of more than 400, a seeded draw.

    Returns:
        Shape (P, n), or fewer columns where there are fewer good parts. A photo that cannot be
        read has the first ones.

    Raises:
        ValueError: There is no good part.
        DataError: None of the images can be read.
    """
    if not len(good):
        raise ValueError("nearest_good needs at least one good part, got none")
    chosen = np.sort(np.random.default_rng(0).permutation(len(good))[:MOST])
    known = _pooled(detector, [good[int(i)] for i in chosen])
    scale = known.nan_to_num().std(dim=0, correction=0) + 1e-6
    asked = _pooled(detector, [photos[i] for i in range(len(photos))])
    distances = torch.cdist(asked / scale, known / scale, compute_mode=EXACT).nan_to_num(
        nan=torch.inf
    )
    return chosen[distances.argsort(dim=1, stable=True)[:, :n].numpy()]


def _pooled(detector: "CSFlowDetector", images: Images) -> Tensor:
    """One vector an image, (N, D); NaN for one that cannot be read."""
    network, rows, c = detector.build_network(), [], detector.config
    whole = replace(c, tile=0, image_size=c.tiling.window, looks=1)
    for start in range(0, len(images), PIECE):
        piece = images[start : start + PIECE]
        read, pyramid = extract(piece, network, whole, "compare", False, True)
        pooled = [adaptive_avg_pool2d(x.float(), GRID).flatten(1) for x in pyramid]
        found = torch.full((len(piece), sum(x.shape[1] for x in pooled)), torch.nan)
        found[read] = torch.cat(pooled, dim=1)
        rows.append(found)
    return torch.cat(rows)
