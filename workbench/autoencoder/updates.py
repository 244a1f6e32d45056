"""An online update of scaler and threshold, and what it takes to undo it."""

from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.autoencoder import AutoEncoder
from workbench.metrics import Threshold

LEAST = 50  # rows judged normal, below which mean and spread are guesses


class Update(NamedTuple):
    """What an update replaced."""

    mean: Tensor
    scale: Tensor
    threshold: Threshold
    held_out: NDArray[np.float64]

    def restore(self, network: AutoEncoder) -> None:
        """Put the scaler back."""
        network.mean.copy_(self.mean)
        network.scale.copy_(self.scale)

    def tensors(self) -> dict[str, Tensor]:
        """For a saved detector; `of` undoes it."""
        held_out = torch.tensor(self.held_out)
        return {"before.mean": self.mean, "before.scale": self.scale, "before.held_out": held_out}

    @classmethod
    def of(cls, tensors: dict[str, Tensor], threshold: Threshold) -> Self:
        """Take what `tensors` wrote out of the tensors of a saved detector."""
        mean, scale = tensors.pop("before.mean"), tensors.pop("before.scale")
        return cls(mean, scale, threshold, tensors.pop("before.held_out").numpy())


def updated(
    network: AutoEncoder,
    values: NDArray[np.float64],
    scores: NDArray[np.float64],
    threshold: Threshold,
    weight: float,
) -> tuple[Update, NDArray[np.int64]]:
    """Move the scaler of the network towards the rows judged normal, in place.

    Args:
        network: Whose `mean` and `scale` move; those of constant columns stay.
        values: Raw rows (N, D).
        scores: Of the rows, shape (N,).
        threshold: In use.
        weight: Of the rows against what is known, in (0, 1].

    Returns:
        What was there before, and the numbers of the rows that count as normal.

    Raises:
        ValueError: A weight out of range, too few rows judged normal or most of them not.
    """
    if not 0 < weight <= 1:
        raise ValueError(f"weight must be above 0 and at most 1, got {weight}")
    normal = np.flatnonzero(scores < threshold)
    if len(normal) < LEAST or 2 * len(normal) < len(scores):
        raise ValueError(
            f"update needs at least {LEAST} rows judged normal, and more than are not, got "
            f"{len(normal)} of {len(scores)}; train again if the machine has changed for good"
        )
    nominal = threshold.params.get("alpha", 1 - threshold.params.get("q", 99) / 100)
    most = len(normal) + round(nominal * len(scores))
    fresh = np.sort(np.argsort(scores, kind="stable")[:most])
    before = Update(network.mean.clone(), network.scale.clone(), threshold, np.empty(0))
    rows = torch.tensor(values[fresh])
    moving = network.modelled
    mean = (1 - weight) * network.mean + weight * rows.mean(0)
    variance = (1 - weight) * network.scale**2 + weight * rows.var(0, correction=0)
    network.mean.copy_(torch.where(moving, mean, network.mean))
    network.scale.copy_(torch.where(moving, variance.sqrt(), network.scale))
    return before, fresh
