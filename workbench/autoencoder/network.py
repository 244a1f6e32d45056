"""x -> z = (x - mean) / scale -> encoder -> code -> decoder -> z', judged by z - z'."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

# A column that stood still in training has no spread to measure by: a thousandth of its
# value, or of 1 where it stood at 0, then counts as one standard deviation.
STILL = 1e-3
QUARTILES = 1.349  # from the lower to the upper one, in standard deviations of normal noise
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
        dropout: Share of the hidden units that is silent in a training step.

    Example:
        >>> AutoEncoder(3, (8,), 2)(torch.zeros(5, 3, dtype=torch.float64)).shape
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
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        decoder = tuple(layers)[::-1] if decoder is None else decoder
        self.bottleneck, self.activation = bottleneck, activation
        self.encoder = _stack((columns, *layers, bottleneck), activation, dropout)
        self.decoder = _stack((bottleneck, *decoder, columns), activation, dropout)
        self.register_buffer("mean", torch.zeros(columns, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(columns, dtype=torch.float64))
        self.register_buffer("modelled", torch.ones(columns, dtype=torch.bool))

    def forward(self, z: Tensor) -> Tensor:
        """Predict standardised rows of shape (B, D) from themselves; the same shape."""
        return self.decoder(self.encoder(z * self.modelled)) * self.modelled

    def standardise(self, rows: Tensor) -> Tensor:
        """Raw rows of shape (B, D) in units of `scale` from the training mean."""
        return (rows - self.mean) / self.scale

    def restore(self, z: Tensor) -> Tensor:
        """Undo `standardise`."""
        return z * self.scale + self.mean

    def linear(self) -> list[nn.Linear]:
        """The layers from first to last, encoder and decoder."""
        return [m for stack in (self.encoder, self.decoder) for m in stack if hasattr(m, "weight")]

    def shrink(self, share: float) -> None:
        """Draw every answer to the mean of the training rows by this share of its way from it.

        Example:
            >>> network, z = AutoEncoder(3, (4,), 1), torch.ones(1, 3, dtype=torch.float64)
            >>> before = network(z)
            >>> network.shrink(0.5)
            >>> torch.allclose(network(z), before / 2)
            True
        """
        last = self.linear()[-1]
        with torch.no_grad():
            for values in (last.weight, last.bias):
                values.mul_(1 - share)

    def measure(self, rows: Tensor, *, robust: bool = False, drift: bool = False) -> None:
        """Take mean and scale from training rows of shape (N, D), oldest first.

        Args:
            rows: Raw units.
            robust: Median and quartiles instead of mean and standard deviation.
            drift: Widen the scale by the drift that the rows show, see `drifted`.
        """
        still = rows.amax(0) == rows.amin(0)
        middle, spread = _robust(rows) if robust else (rows.mean(0), rows.std(0, correction=0))
        if drift:
            spread = torch.hypot(spread, drifted(rows))
        mean = torch.where(still, rows[0], middle)  # exact: a mean may be off by rounding
        unit = torch.where(mean == 0, 1.0, mean.abs()) * STILL
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(still, unit, spread))
        # one column alone can only be copied, which would make every value look normal
        self.modelled.copy_(~still & ((~still).sum() > 1))


def drifted(rows: Tensor) -> Tensor:
    """How far each column of (N, D) moved from the first row to the last, shape (D,).

    Twice the distance between the means of both halves, which is the whole way of a steady
    drift; 0 within three times what chance gives. Temperatures creep on after training, and a
    scale that knows only the training rows would take that for a fault.

    Example:
        >>> drifted(torch.arange(1000.0, dtype=torch.float64)[:, None]).round().tolist()
        [1000.0]
    """
    if len(rows) < 2:
        return torch.zeros(rows.shape[1], dtype=rows.dtype)
    first, second = rows.tensor_split(2)
    by_chance = 2 * rows.std(0, correction=0) / len(rows) ** 0.5
    moved = (first.mean(0) - second.mean(0)).abs()
    return torch.where(moved > 3 * by_chance, 2 * moved, 0.0)


def _robust(rows: Tensor) -> tuple[Tensor, Tensor]:
    quartiles = torch.tensor([0.25, 0.5, 0.75], dtype=rows.dtype)
    low, middle, high = torch.quantile(rows, quartiles, dim=0)
    spread = (high - low) / QUARTILES
    # more than half of the rows alike: then only the others tell of a spread
    return middle, torch.where(spread > 0, spread, rows.std(0, correction=0))


def _stack(sizes: Sequence[int], activation: str, dropout: float) -> nn.Sequential:
    linear = [nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(sizes)]
    between = [
        module for layer in linear[:-1] for module in (layer, _between(activation, dropout))
    ]
    return nn.Sequential(*between, linear[-1])


def _between(activation: str, dropout: float) -> nn.Module:
    """One module whatever happens between two layers, so that weights keep their numbers."""
    module = _ACTIVATIONS[activation]()
    return nn.Sequential(module, nn.Dropout(dropout)) if dropout else module
