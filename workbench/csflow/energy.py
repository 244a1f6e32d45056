"""What latents say about an image: its scores, and where they come from.

The energy of a latent is z^2 / 2; a cell is one place of one scale, and its energy is the mean
over channels. A flow trained on good parts leaves about 0.5 everywhere on such parts.

Which score tells defects best depends on the defects: a large one lifts the mean, a small one
only the hottest cells. OK images alone cannot decide that (they have no defect to be found, and
a score that is calm on them may be as calm on NG), so `CSFlowConfig.score` is set, not learned.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

Pyramid = list[Tensor]

SCORES = ("mean", "std", "max", "topk", "norm")
HEATS = ("mean", "finest", "sum", "product")


def score(zs: Pyramid, kind: str = "mean", top_k: int = 10) -> Tensor:
    """Statistic of the energy over scales, channels and places; shape (B,), higher is worse.

    Args:
        zs: Latents, K tensors (B, C, H/2^k, W/2^k); a list of one is one scale's own score.
        kind: "mean" is the paper's, "std" (population) the simulator's; "max" is the hottest
            cell of any scale, "topk" the mean of the `top_k` hottest cells of all scales. "norm"
            lies between "mean" and "max": the root mean fourth power of all cells, in which a
            small hot place counts, and a large warm one too.
        top_k: Cells; all of them where there are fewer.
    """
    if kind in ("mean", "std"):
        energy = torch.cat([z.flatten(1) for z in zs], 1).square() / 2
        return energy.mean(1) if kind == "mean" else energy.std(1, correction=0)
    cells = torch.cat([m.flatten(1) for m in maps(zs)], 1)
    if kind == "norm":
        return cells.pow(4).mean(1).pow(1 / 4)
    return cells.topk(1 if kind == "max" else min(top_k, cells.shape[1])).values.mean(1)


def scores(zs: Pyramid, top_k: int = 10) -> dict[str, Tensor]:
    """Every kind of score, over all scales and of each: "mean", "mean_0" (finest), ...

    Example:
        >>> zs = [torch.ones(2, 8, 4 >> k, 4 >> k) for k in range(2)]
        >>> list(scores(zs))[:4]
        ['mean', 'mean_0', 'mean_1', 'std']
    """
    return {
        name: score(part, kind, top_k)
        for kind in SCORES
        for name, part in [(kind, zs), *((f"{kind}_{k}", [z]) for k, z in enumerate(zs))]
    }


def maps(zs: Pyramid) -> Pyramid:
    """Energy of every cell: K tensors of shape (B, H/2^k, W/2^k)."""
    return [z.square().mean(1) / 2 for z in zs]


def heat(cells: Pyramid, kind: str = "mean") -> Tensor:
    """One map an image at the finest cell size, shape (B, H, W).

    Args:
        cells: `maps` of the latents.
        kind: "finest" takes the finest scale alone, as the paper does; "mean", "sum" and
            "product" join all scales, the coarser ones enlarged bilinearly.
    """
    if kind == "finest":
        return cells[0]
    size = cells[0].shape[-2:]
    enlarged = [F.interpolate(m[:, None], size, mode="bilinear")[:, 0] for m in cells]
    joined = torch.stack(enlarged)
    return {"mean": joined.mean, "sum": joined.sum, "product": joined.prod}[kind](0)


def shares(cells: Pyramid, calm: Tensor) -> Tensor:
    """How much each scale has to do with what is unusual, finest first; rows sum to 1.

    A scale's part is what its mean energy exceeds that of a good part by. Every scale counts
    the same however many cells it has, as in the heat map. An image no scale of which exceeds
    the good ones is shared by plain mean energy.

    Args:
        cells: `maps` of the latents, (B, H/2^k, W/2^k) each.
        calm: Mean energy of each scale on a good part, shape (K,).

    Returns:
        Shape (B, K).
    """
    energy = torch.stack([m.flatten(1).mean(1) for m in cells], 1)
    excess = (energy - calm.to(energy)).clamp(min=0)
    part = torch.where(excess.sum(1, keepdim=True) > 0, excess, energy.clamp(min=1e-12))
    return part / part.sum(1, keepdim=True)
