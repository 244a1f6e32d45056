"""The threshold from calibration rows, and how both follow a machine that changes slowly."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.autoencoder.config import AutoEncoderConfig
from workbench.metrics import Threshold

LEAST = 50  # rows judged normal, below which mean and spread are guesses

Weights = dict[str, NDArray]


def choose(
    scores: NDArray[np.float64], config: AutoEncoderConfig, source: str | None = None
) -> Threshold:
    """The percentile of scores of normal rows, times the margin.

    Example:
        >>> round(choose(np.arange(1.0, 101.0), AutoEncoderConfig(q=90, margin=2)), 6)
        180.0
    """
    found = metrics.threshold(scores, q=config.q, source=source)
    if config.safety == 1:
        return found
    params = {**found.params, "margin": round(config.safety, 4)}
    return Threshold(config.safety * found, found.policy, params, found.source, found.n)


def choose_again(
    threshold: Threshold, scores: NDArray[np.float64], config: AutoEncoderConfig
) -> Threshold:
    """By the policy of the threshold in use, where that needs normal scores alone."""
    source = "rows judged normal"
    if threshold.policy == "conformal":
        alpha = threshold.params["alpha"]
        return metrics.threshold(scores, policy="conformal", alpha=alpha, source=source)
    return choose(scores, config, source) if threshold.policy == "percentile" else threshold


class Before(NamedTuple):
    """What an update replaced."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    threshold: Threshold
    scores: NDArray[np.float64]

    def arrays(self) -> Weights:
        """For a saved detector; `of` undoes it."""
        return {
            "before.mean": self.mean,
            "before.scale": self.scale,
            "before.held_out": self.scores,
        }

    @classmethod
    def of(cls, arrays: Weights, threshold: Threshold) -> Self:
        """Take what `arrays` wrote out of the arrays of a saved detector."""
        names = ("before.mean", "before.scale", "before.held_out")
        mean, scale, scores = (arrays.pop(name) for name in names)
        return cls(mean, scale, threshold, scores)


def judged_normal(scores: NDArray[np.float64], threshold: Threshold) -> NDArray[np.int64]:
    """Numbers of the rows that an update learns from.

    Beside those under the threshold it is the share of false alarms that the threshold was set
    to give; without them every update would lower it.

    Raises:
        ValueError: Too few rows judged normal, or most of them not.
    """
    normal = int((scores < threshold).sum())
    if normal < LEAST or 2 * normal < len(scores):
        raise ValueError(
            f"update needs at least {LEAST} rows judged normal, and more than are not, got "
            f"{normal} of {len(scores)}; train again if the machine has changed for good"
        )
    nominal = threshold.params.get("alpha", 1 - threshold.params.get("q", 99) / 100)
    most = normal + round(nominal * len(scores))
    return np.sort(np.argsort(scores, kind="stable")[:most])


def moved_scaler(weights: Weights, rows: NDArray[np.float64], weight: float) -> Weights:
    """The weights of a network with mean and scale moved towards rows (N, D) in raw units.

    Args:
        weights: Their `mean` and `scale` move; those of columns that are not modelled stay.
        rows: Normal ones.
        weight: Of the rows against what is known, above 0 and at most 1.

    Raises:
        ValueError: A weight out of range.
    """
    if not 0 < weight <= 1:
        raise ValueError(f"weight must be above 0 and at most 1, got {weight}")
    mean = (1 - weight) * weights["mean"] + weight * rows.mean(0)
    scale = np.sqrt((1 - weight) * weights["scale"] ** 2 + weight * rows.var(0))
    moving = weights["modelled"]
    return weights | {
        "mean": np.where(moving, mean, weights["mean"]),
        "scale": np.where(moving, scale, weights["scale"]),
    }
