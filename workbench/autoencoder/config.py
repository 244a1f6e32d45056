"""What decides which autoencoder is learned from given rows."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AutoEncoderConfig:
    """Architecture, training and threshold of an `AutoEncoderDetector`.

    Raises:
        ValueError: A size or a rate that cannot be.

    Example:
        >>> AutoEncoderConfig(layers=(8,)).layers
        (8,)
    """

    layers: tuple[int, ...] = (16, 8)  # widths between the columns and the bottleneck
    bottleneck: int | None = None  # None: a quarter of the columns that vary, at least 1
    epochs: int = 300  # at most; training stops when `patience` epochs brought nothing
    batch: int = 32  # rows
    lr: float = 3e-3
    patience: int = 20  # epochs
    q: float = 99  # percentile of the held-out normal rows that becomes the threshold
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained; a list of layers, as JSON has it, becomes a tuple."""
        object.__setattr__(self, "layers", tuple(self.layers))
        sizes = (*self.layers, self.epochs, self.batch, self.patience)
        if self.bottleneck is not None:
            sizes += (self.bottleneck,)
        if min(sizes) < 1:
            raise ValueError(
                f"layers, bottleneck, epochs, batch and patience must be at least 1, got {self}"
            )
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0, got {self.lr}")
        if not 0 <= self.q <= 100:
            raise ValueError(f"q must be in [0, 100], got {self.q}")
