"""What decides which autoencoder is learned from given rows."""

from dataclasses import dataclass, fields
from typing import Any, Self

ACTIVATIONS = ("relu", "leaky_relu", "elu", "tanh")
WINDOW_MARGIN = 4 / 3  # as in the published benchmark of pump faults, for windows of 60 rows


@dataclass(frozen=True, kw_only=True)
class AutoEncoderConfig:
    """Architecture, training and threshold of an `AutoEncoderDetector`.

    A bottleneck learns to copy along the directions in which normal rows differ most, however far
    a row lies out on them. `shrinkage` draws every copy back to the mean, so that part of that
    distance counts as an error too: in normal rows about a third at most of what the network
    cannot copy. Sensors that follow each other closely are copied closely, and hardly drawn.

    With `window=1` it is the plain row model. With more, the same network goes over a sliding
    window, and a row is judged together with those before it: small lasting errors are found
    among the noise, some rows later.

    Raises:
        ValueError: A size or a rate that cannot be.

    Example:
        >>> AutoEncoderConfig(layers=(8,)).layers
        (8,)
    """

    layers: tuple[int, ...] = (16, 8)  # widths between the columns and the bottleneck
    bottleneck: int | None = None  # None: a quarter of the columns that vary, at least 1
    activation: str = "tanh"  # or relu, leaky_relu, elu
    shrinkage: float = 0.5  # share at most by which copies are drawn to the mean; 0: not at all
    epochs: int = 300  # at most; training stops when `patience` epochs brought nothing
    batch: int = 32  # rows
    lr: float = 3e-3
    patience: int = 20  # epochs
    window: int = 1  # rows judged together
    stride: int = 1  # rows from one window to the next; those between keep the last score
    drift: bool = True  # units allow for as much drift again as the training rows show
    q: float = 99  # percentile of the calibration scores that becomes the threshold
    margin: float | None = None  # times that; None: 1 for rows, 4/3 for windows, which overlap
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained; a list of layers, as JSON has it, becomes a tuple."""
        object.__setattr__(self, "layers", tuple(self.layers))
        for name in ("bottleneck", "epochs", "batch", "patience", "window", "stride"):
            value = getattr(self, name)
            if value is not None and not value >= 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if min(self.layers, default=1) < 1:
            raise ValueError(f"layers must be at least 1 wide each, got {self.layers}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {', '.join(ACTIVATIONS)}, got {self.activation!r}"
            )
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0, got {self.lr}")
        if not 0 <= self.shrinkage < 1:
            raise ValueError(f"shrinkage must be in [0, 1), got {self.shrinkage}")
        if not 0 <= self.q <= 100:
            raise ValueError(f"q must be in [0, 100], got {self.q}")
        if self.margin is not None and not self.margin > 0:
            raise ValueError(f"margin must be above 0, got {self.margin}")

    @classmethod
    def saved(cls, values: dict[str, Any]) -> Self:
        """The configuration of a saved detector, of this version or an earlier one.

        Example:
            >>> AutoEncoderConfig.saved({"layers": [8], "dropout": 0.1}).drift
            False
        """
        known = {field.name for field in fields(cls)}
        before = {"drift": False, "activation": "relu"}  # there was no choice
        return cls(**before | {name: x for name, x in values.items() if name in known})

    @property
    def safety(self) -> float:
        """The margin in use.

        Overlapping windows are alike, so few of them are independent and their percentile
        comes out too low.

        Example:
            >>> AutoEncoderConfig().safety, AutoEncoderConfig(margin=2).safety
            (1.0, 2)
        """
        if self.margin is not None:
            return self.margin
        return 1.0 if self.window == 1 else WINDOW_MARGIN
