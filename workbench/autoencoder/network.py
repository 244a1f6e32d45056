"""x -> z = (x - mean) / scale -> encoder -> code -> decoder -> z', judged by z - z'."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

_ACTIVATIONS = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "tanh": nn.Tanh}


class AutoEncoder(nn.Module):
    """Linear layers with an activation between them; code and output are linear.

    `mean`, `scale` and `modelled` are buffers, so they are saved with the weights. A column
    that is not modelled is hidden from the network and predicted by its training mean.
    Weights are float64: the matrices are tiny and raw sensor values need the digits.

    Args:
        columns: D, the number of sensors.
        layers: Widths between the columns and the bottleneck.
        bottleneck: Width of the code.
        decoder: Widths between the bottleneck and the columns; None mirrors `layers`.
        activation: relu, leaky_relu, elu or tanh.
        linear_path: The code, of an encoder of one layer, is also decoded by its transpose, so
            that the decoder has to learn only what is not linear.

    Example:
        >>> AutoEncoder(3, (8,), 2)(torch.zeros(5, 3)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        columns: int,
        layers: Sequence[int],
        bottleneck: int,
        *,
        decoder: Sequence[int] | None = None,
        activation: str = "relu",
        linear_path: bool = False,
    ) -> None:
        super().__init__()
        decoder = tuple(layers)[::-1] if decoder is None else decoder
        self.bottleneck, self.activation = bottleneck, activation
        self.encoder = _stack((columns, *layers, bottleneck), activation)
        self.decoder = _stack((bottleneck, *decoder, columns), activation)
        if linear_path:
            self.linear_path = nn.Buffer(torch.tensor(True))
        self.mean = nn.Buffer(torch.zeros(columns, dtype=torch.float64))
        self.scale = nn.Buffer(torch.ones(columns, dtype=torch.float64))
        self.modelled = nn.Buffer(torch.ones(columns, dtype=torch.bool))

    def forward(self, z: Tensor) -> Tensor:
        """Predict standardised rows (B, D), float32 or float64, from themselves, in float64."""
        code = self.encoder(z.double() * self.modelled)
        made = self.decoder(code)
        if hasattr(self, "linear_path"):
            made = made + code @ self.encoder[0].weight
        return made * self.modelled


def _stack(sizes: Sequence[int], activation: str) -> nn.Sequential:
    linear = [nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(sizes)]
    between = [module for layer in linear[:-1] for module in (layer, _ACTIVATIONS[activation]())]
    return nn.Sequential(*between, linear[-1])
