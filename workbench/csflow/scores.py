"""What latents say about an image: its scores, and where they come from.

The energy of a latent is z^2 / 2; a cell is one place of one scale, and its energy is the mean
over channels. A flow trained on good parts leaves about 0.5 everywhere on such parts.

Which score tells defects best depends on the defects: a large one lifts the mean, a small one
only the hottest cells. The score "calibrated" looks at both, at every scale, in units of what
good parts differ by: see `csflow.typical`. The others are plain statistics.

All of it is NumPy: latents are small, and scoring then needs no torch, which takes seconds to
import. Arrays and CPU tensors are taken alike.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Latents = Sequence[NDArray[np.floating]]

STATISTICS = ("mean", "std", "max", "topk", "norm")
SCORES = (*STATISTICS, "calibrated")
JOINS = ("mean", "finest")  # of the scales, in a heat map
HEATS = (*JOINS, "calibrated")


def score(zs: Latents, statistic: str = "mean", top_k: int = 10) -> NDArray[np.floating]:
    """Statistic of the energy over scales, channels and places; shape (B,), higher is worse.

    Args:
        zs: K arrays (B, C, H/2^k, W/2^k); a list of one is one scale's own score.
        statistic: "mean" is the paper's, "std" (population) the simulator's; "max" is the
            hottest cell of any scale, "topk" the mean of the `top_k` hottest cells of all
            scales. "norm" lies between "mean" and "max": the root mean fourth power of all
            cells, in which a small hot place counts, and a large warm one too.
        top_k: Cells; all of them where there are fewer.
    """
    if statistic in ("mean", "std"):
        energy = np.square(_flat(zs)) / 2
        return energy.mean(1) if statistic == "mean" else energy.std(1)
    cells = _flat(cell_energy(zs))
    if statistic == "norm":
        return (cells**4).mean(1) ** 0.25
    count = 1 if statistic == "max" else min(top_k, cells.shape[1])
    return np.partition(cells, -count)[:, -count:].mean(1)


def cell_energy(zs: Latents) -> list[NDArray[np.floating]]:
    """Energy of every cell: K arrays of shape (B, H/2^k, W/2^k)."""
    return [np.square(z).mean(1) / 2 for z in map(np.asarray, zs)]


def heat(cells: Latents, joined: str = "mean") -> NDArray[np.floating]:
    """One map an image at the finest cell size, shape (B, H, W).

    Args:
        cells: `cell_energy` of the latents.
        joined: "finest" takes the finest scale alone, as the paper does; "mean" is that of all
            scales, the coarser ones enlarged bilinearly.
    """
    cells = [np.asarray(m) for m in cells]
    return cells[0] if joined == "finest" else np.stack(at_finest(cells)).mean(0)


def at_finest(cells: Latents) -> list[NDArray[np.floating]]:
    """Maps of every scale at the size of the finest, the coarser ones enlarged bilinearly."""
    return [_enlarged(m, cells[0].shape[1:]) for m in cells]


def scale_shares(cells: Latents, typical_energy: ArrayLike) -> NDArray[np.floating]:
    """How much each scale has to do with what is unusual, finest first; rows sum to 1.

    A scale's part is what its mean energy exceeds that of a good part by. Every scale counts
    the same however many cells it has, as in the heat map. An image that exceeds the good ones
    at no scale is shared by plain mean energy.

    Args:
        cells: `cell_energy` of the latents, (B, H/2^k, W/2^k) each.
        typical_energy: Mean energy of each scale on a good part, shape (K,).

    Returns:
        Shape (B, K).
    """
    energy = np.stack([np.asarray(m).mean((1, 2)) for m in cells], 1)
    excess = (energy - np.asarray(typical_energy)).clip(min=0)
    part = np.where(excess.sum(1, keepdims=True) > 0, excess, energy.clip(min=1e-12))
    return part / part.sum(1, keepdims=True)


def _flat(xs: Latents) -> NDArray[np.floating]:
    return np.concatenate([np.asarray(x).reshape(len(x), -1) for x in xs], 1)


def _enlarged(m: NDArray, size: tuple[int, ...]) -> NDArray:
    """Bilinear about cell centres, constant beyond the outermost ones."""
    rows, columns = (
        _weights(n, to).astype(m.dtype) for n, to in zip(m.shape[1:], size, strict=True)
    )
    return rows @ m @ columns.T


def _weights(n: int, to: int) -> NDArray[np.float64]:
    places = ((np.arange(to) + 0.5) * n / to - 0.5).clip(0, n - 1)
    return np.maximum(1 - abs(places[:, None] - np.arange(n)), 0)
