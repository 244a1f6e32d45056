"""x -> z = (x - mean) / scale -> encoder -> code -> decoder -> z', judged by z - z'."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

# A column that stood still in training has no spread to measure by: a thousandth of its
# value, or of 1 where it stood at 0, then counts as one standard deviation.
STILL = 1e-3


class AutoEncoder(nn.Module):
    """Linear layers with ReLU between them; code and output are linear.

    `mean`, `scale` and `modelled` are buffers, so they are saved with the weights. A column
    that is not modelled is hidden from the network and predicted by its training mean.
    Weights are float64: the matrices are tiny and raw sensor values need the digits.

    Args:
        columns: D, the number of sensors.
        layers: Widths between the columns and the bottleneck; the decoder mirrors them.
        bottleneck: Width of the code.

    Example:
        >>> AutoEncoder(3, (8,), 2)(torch.zeros(5, 3, dtype=torch.float64)).shape
        torch.Size([5, 3])
    """

    def __init__(self, columns: int, layers: Sequence[int], bottleneck: int) -> None:
        super().__init__()
        sizes = (columns, *layers, bottleneck)
        self.bottleneck = bottleneck
        self.encoder = _stack(sizes)
        self.decoder = _stack(sizes[::-1])
        self.register_buffer("mean", torch.zeros(columns, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(columns, dtype=torch.float64))
        self.register_buffer("modelled", torch.ones(columns, dtype=torch.bool))

    def forward(self, z: Tensor) -> Tensor:
        """Predict standardised rows of shape (B, D) from themselves; the same shape."""
        return self.decoder(self.encoder(z * self.modelled)) * self.modelled

    def standardise(self, rows: Tensor) -> Tensor:
        """Raw rows of shape (B, D) in standard deviations from the training mean."""
        return (rows - self.mean) / self.scale

    def restore(self, z: Tensor) -> Tensor:
        """Undo `standardise`."""
        return z * self.scale + self.mean

    def measure(self, rows: Tensor) -> None:
        """Take mean and scale from training rows of shape (N, D)."""
        still = rows.amax(0) == rows.amin(0)
        mean = torch.where(still, rows[0], rows.mean(0))  # exact: a mean may be off by rounding
        unit = torch.where(mean == 0, 1.0, mean.abs()) * STILL
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(still, unit, rows.std(0, correction=0)))
        # one column alone can only be copied, which would make every value look normal
        self.modelled.copy_(~still & ((~still).sum() > 1))


def _stack(sizes: Sequence[int]) -> nn.Sequential:
    linear = [nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(sizes)]
    between = [module for layer in linear[:-1] for module in (layer, nn.ReLU())]
    return nn.Sequential(*between, linear[-1])
