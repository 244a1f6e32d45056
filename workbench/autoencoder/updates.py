"""How a detector follows a machine that changes slowly, and how that is undone."""

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.autoencoder.calibration import Trials, choose
from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.rows import Rows, Split
from workbench.autoencoder.weights import Weights
from workbench.metrics import Threshold

if TYPE_CHECKING:
    from workbench.autoencoder.detector import AutoEncoderDetector

LEAST = 50  # rows judged normal, below which mean and spread are guesses
LEAST_TO_LEARN = 400  # rows judged normal, below which a network is not learned again
CHOSEN = ("percentile", "tail")  # policies of `calibration.choose`


def choose_again(
    threshold: Threshold, scores: NDArray[np.float64], config: AutoEncoderConfig, later: Trials
) -> Threshold:
    """By the policy of the threshold in use, where that needs normal scores alone."""
    source = "rows judged normal"
    if threshold.policy == "conformal":
        alpha = threshold.params["alpha"]
        return metrics.threshold(scores, policy="conformal", alpha=alpha, source=source)
    return choose(scores, config, source, later) if threshold.policy in CHOSEN else threshold


class Before(NamedTuple):
    """What an update replaced."""

    weights: Weights
    scores: NDArray[np.float64]
    threshold: Threshold
    data: dict[str, Any]
    history: list[dict[str, Any]]

    def saved(self) -> tuple[dict[str, Any], Weights]:
        """Values for JSON and arrays, as `of` takes them."""
        arrays = {f"before.{name}": x for name, x in self.weights.items()}
        meta = {"threshold": self.threshold.to_json(), "data": self.data, "history": self.history}
        return meta, arrays | {"before.held_out": self.scores}

    @classmethod
    def of(cls, meta: dict[str, Any], arrays: Weights) -> Self:
        """Take it out of what is saved; an earlier version kept mean and scale alone."""
        known = meta["before"]
        if "threshold" not in known:
            data = meta["data"] | {"updates": meta["data"]["updates"][:-1]}
            known = {"threshold": known, "data": data, "history": meta["history"]}
        names = [name for name in arrays if name.startswith("before.")]
        weights = {name.removeprefix("before."): arrays.pop(name) for name in names}
        scores, threshold = weights.pop("held_out"), Threshold.from_json(known["threshold"])
        if "encoder.0.weight" not in weights:
            weights = {k: x for k, x in arrays.items() if k != "held_out"} | weights
        return cls(weights, scores, threshold, known["data"], known["history"])


def judged_normal(
    scores: NDArray[np.float64], threshold: Threshold, least: int
) -> NDArray[np.int64]:
    """Numbers of the rows that an update learns from.

    Beside those under the threshold it is the share of false alarms that the threshold was set
    to give; without them every update would lower it.

    Raises:
        ValueError: Too few rows judged normal, or most of them not.
    """
    normal = int((scores < threshold).sum())
    if normal < least or 2 * normal < len(scores):
        raise ValueError(
            f"update needs at least {least} rows judged normal, and more than are not, got "
            f"{normal} of {len(scores)}; train again if the machine has changed for good"
        )
    params = threshold.params
    nominal = params.get("alpha", params.get("aim", 1 - params.get("q", 99) / 100))
    most = normal + round(nominal * len(scores))
    return np.sort(np.argsort(scores, kind="stable")[:most])


def moved_scaler(weights: Weights, rows: NDArray[np.float64], weight: float) -> Weights:
    """The weights of a network with mean and scale moved towards rows (N, D) in raw units.

    The weight is that of the rows against what is known; columns that are not modelled stay.
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


def update(detector: "AutoEncoderDetector", recent: Rows, weight: float, network: bool) -> None:
    """Refresh scaler and threshold by rows judged normal, or learn again from these alone.

    A threshold that was chosen by normal rows is chosen again, any other stays.

    `weight` is that of the recent rows against what is known, above 0 and at most 1; `network`
    learns all from those judged normal. The detector is as before if anything is raised.

    Raises:
        ValueError: A weight out of range, too few rows judged normal, or most of them not; a
            network that another program trained is to learn.
    """
    old, scores = detector.threshold, detector.scores_of(recent)
    before = Before(detector.weights, detector.calibration_scores, old,
                    detector.data, detector.history)  # fmt: skip
    fresh = judged_normal(scores, old, LEAST_TO_LEARN if network else LEAST)
    if network:
        if "original" in detector.data or detector.config.score != "likelihood":
            raise ValueError("this network is not trained here; train a new one: workbench train")
        train, known = recent.only(fresh).cut()
        detector.learn_from(Split(train, known, before.data))
    else:
        moved = moved_scaler(detector.weights, recent.values[fresh], weight)
        detector.use(moved)
        detector.calibration_scores = detector.scores_of(recent)[fresh]
    tried = detector.data.get("trials", ())
    again = choose_again(old, detector.calibration_scores, detector.config, tried)
    if not network or again.policy not in CHOSEN:
        detector.threshold = again
    record = {"rows": len(recent.values), "normal": len(fresh), "network": network,
              "before": float(old), "after": float(detector.threshold)}  # fmt: skip
    detector.data = detector.data | {"updates": [*before.data.get("updates", []), record]}
    detector.before = before


def rollback(detector: "AutoEncoderDetector") -> None:
    """Undo the last update.

    Raises:
        ValueError: There was none, or it has been undone.
    """
    before = detector.before
    if before is None:
        raise ValueError("rollback needs an update to undo, got none since the last one")
    detector.use(before.weights)
    detector.threshold, detector.calibration_scores = before.threshold, before.scores
    detector.data, detector.history, detector.before = before.data, before.history, None
