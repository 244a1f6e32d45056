"""The threshold from calibration rows, and how both follow a machine that changes slowly."""

import warnings
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.weights import Weights
from workbench.metrics import Threshold

if TYPE_CHECKING:
    from workbench.autoencoder.detector import AutoEncoderDetector
    from workbench.autoencoder.rows import Rows, Split

LEAST = 50  # rows judged normal, below which mean and spread are guesses


def calibrate(detector: "AutoEncoderDetector", normal: "Split") -> None:
    """Take the threshold of a detector from calibration rows."""
    moves = (normal.calibration.values != detector.weights["mean"]).any(axis=0)
    constant = detector.data["constant"]
    moved = [name for name, x in zip(detector.columns, moves, strict=True) if x]
    moved = [name for name in moved if name in constant]
    if moved and "original" not in detector.data:
        warnings.warn(
            f"constant in the training rows but not in the calibration rows: "
            f"{', '.join(moved)}; the threshold is too high to be of use, train on more rows or "
            "leave these columns out",
            stacklevel=4,
        )
    # the first windows are short and noisy: no measure where there are whole ones
    scores, config = detector.scores_of(normal.calibration), detector.config
    scores = scores[min(config.window - 1, len(scores) // 2) :: config.stride]
    detector.calibration_scores = scores
    detector.threshold = choose(scores, config)
    train = detector.scores_of(normal.train)
    detector.data["errors"] = {
        "train": float(np.median(train)),
        "held_out": float(np.median(scores)),
    }


def choose(
    scores: NDArray[np.float64], config: AutoEncoderConfig, source: str | None = None
) -> Threshold:
    """The percentile of scores of normal rows, oldest first, times the margin.

    Rows that are neighbours in time are alike. `Threshold.expected` has the number of
    independent rows that they are worth, and an interval of the overkill that is as wide as that
    number makes it.

    Example:
        >>> round(choose(np.arange(1.0, 101.0), AutoEncoderConfig(q=90, margin=2)), 6)
        180.0
    """
    found = metrics.threshold(scores, q=config.q, source=source)
    expected = found.expected
    independent = effective_rows(scores)
    if "overkill_rate" in expected:
        rate, n = expected["overkill_rate"], max(1, round(independent))
        # at least one row in n + 1 must be reckoned with, as by the conformal bound
        low, _ = metrics.wilson(round(rate * n), n)
        _, high = metrics.wilson(min(n, round(rate * n) + 1), n + 1)
        expected |= {"overkill_interval": [low, high], "independent_rows": n}
    params = found.params
    if config.safety != 1:
        params = {**params, "margin": round(config.safety, 4)}
    return Threshold(config.safety * found, found.policy, params, found.source, found.n, expected)


def effective_rows(scores: NDArray[np.float64]) -> float:
    """How many independent rows are worth as much as these, which follow each other in time.

    The sum of autocorrelations over pairs of lags, as long as the pairs are positive.

    References:
        Geyer 1992, Practical Markov chain Monte Carlo, section 3.3.

    Example:
        >>> round(effective_rows(np.random.default_rng(0).normal(size=1000)) / 1000, 1)
        1.0
        >>> effective_rows(np.repeat(np.random.default_rng(0).normal(size=100), 10)) < 200
        True
    """
    off, n = scores - scores.mean(), len(scores)
    if not off.any():
        return float(n)
    spectrum = np.abs(np.fft.rfft(off, 2 * n)) ** 2
    correlation = np.fft.irfft(spectrum)[:n]
    correlation /= correlation[0]
    pairs = correlation[: n - n % 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    total = pairs[: ends[0] if ends.size else len(pairs)].sum()
    return float(np.clip(n / max(2 * total - 1, 1.0), 1.0, n))


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


def update(detector: "AutoEncoderDetector", recent: "Rows", weight: float) -> None:
    """Refresh scaler and threshold by rows judged normal; the network stays.

    A percentile or conformal threshold is chosen again, any other stays.

    Args:
        detector: Which changes, unless anything is raised.
        recent: Rows, of which those judged normal are learned from, see `judged_normal`.
        weight: Of the recent rows against what is known, above 0 and at most 1.

    Raises:
        ValueError: A weight out of range, too few rows judged normal, or most of them not.
    """
    old, weights = detector.threshold, detector.weights
    fresh = judged_normal(detector.scores_of(recent), old)
    moved = moved_scaler(weights, recent.values[fresh], weight)
    detector.before = Before(weights["mean"], weights["scale"], old, detector.calibration_scores)
    detector.use(moved)
    detector.calibration_scores = detector.scores_of(recent)[fresh]
    detector.threshold = choose_again(old, detector.calibration_scores, detector.config)
    record = {"rows": len(recent.values), "normal": len(fresh),
              "before": float(old), "after": float(detector.threshold)}  # fmt: skip
    detector.data = detector.data | {"updates": [*detector.data.get("updates", []), record]}


def rollback(detector: "AutoEncoderDetector") -> None:
    """Undo the last update.

    Raises:
        ValueError: There was none, or it has been undone.
    """
    if detector.before is None:
        raise ValueError("rollback needs an update to undo, got none since the last one")
    mean, scale, threshold, scores = detector.before
    detector.use(detector.weights | {"mean": mean, "scale": scale})
    detector.threshold, detector.calibration_scores, detector.before = threshold, scores, None
    detector.data = detector.data | {"updates": detector.data["updates"][:-1]}
