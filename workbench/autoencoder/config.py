"""What decides which autoencoder is learned from given rows."""

from dataclasses import dataclass, fields
from typing import Any, Self

from workbench.settings import require_types

SCORES = ("likelihood", "reconstruction")
ACTIVATIONS = ("relu", "leaky_relu", "elu", "tanh")
MOST = 10**6  # rows of a window, epochs and the like: a saved model may come from anywhere
POOLING = ("means", "squares")


@dataclass(frozen=True, kw_only=True)
class AutoEncoderConfig:
    """Architecture, training and threshold of an `AutoEncoderDetector`.

    The code is the first principal components of a row. A network of hidden layers predicts the
    rest of the row from it, and the score says how improbable the row is, given that. How narrow
    the code is, and whether a network is worth having, is read off the rows, see `size.choose`.
    With a `window` above 1 a row is judged together with those before it: small lasting errors
    are found among the noise, some rows later.

    Raises:
        ValueError: A size or a rate that cannot be.

    Example:
        >>> AutoEncoderConfig(layers=[8]).layers
        (8,)
    """

    bottleneck: int | None = None  # None: as narrow as the likelihood of other rows allows
    layers: tuple[int, ...] | None = None  # widths of the hidden ones; None: likewise
    score: str = "likelihood"  # or reconstruction: the length of the copying error
    activation: str = "tanh"  # of imported networks also relu, leaky_relu, elu
    epochs: int = 100  # at most; training stops when `patience` epochs brought nothing
    batch: int = 128  # rows
    lr: float = 3e-3
    patience: int = 5  # epochs
    window: int = 1  # rows judged together
    stride: int = 1  # rows from one window to the next; those between keep the last score
    pooling: str = "means"  # of what is left of its rows; or squares: of their scores
    drift: bool = True  # allow for as much drift again as the training rows show
    missing: int | None = None  # sensors that a row may lack; None: a quarter of them
    q: float = 99  # percentile of the calibration scores that the threshold is at least
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained; a list of layers, as JSON has it, becomes a tuple."""
        if self.layers is not None:
            object.__setattr__(self, "layers", tuple(self.layers))
        require_types(self)
        for name in ("bottleneck", "epochs", "batch", "patience", "window", "stride"):
            if (value := getattr(self, name)) is not None and not 1 <= value <= MOST:
                raise ValueError(f"{name} must be at least 1, at most {MOST}, got {value}")
        if self.layers is not None and min(self.layers, default=0) < 1:
            raise ValueError(f"layers must be one or more, 1 wide or more, got {self.layers}")
        choices = {"activation": ACTIVATIONS, "score": SCORES, "pooling": POOLING}
        for name, known in choices.items():
            if (given := getattr(self, name)) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {given!r}")
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0, got {self.lr}")
        if not 0 <= self.q <= 100:
            raise ValueError(f"q must be in [0, 100], got {self.q}")

    @classmethod
    def saved(cls, values: dict[str, Any]) -> Self:
        """The configuration of a saved detector, of this version or an earlier one."""
        known = {field.name for field in fields(cls)}
        before: dict[str, Any] = {"drift": False, "activation": "relu", "score": "reconstruction",
                                  "pooling": "squares"}  # fmt: skip
        return cls(**before | {name: x for name, x in values.items() if name in known})

    def missing_of(self, sensors: int) -> int:
        """How many of the sensors a row may lack; none where the score is that of a copy."""
        if self.score == "reconstruction":
            return 0
        return sensors // 4 if self.missing is None else self.missing
