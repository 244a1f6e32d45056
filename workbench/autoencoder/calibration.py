"""The threshold from calibration rows, and how both follow a machine that changes slowly."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.rows import Rows, Split
from workbench.autoencoder.weights import Weights
from workbench.metrics import Threshold
from workbench.metrics.policies import FEWEST

if TYPE_CHECKING:
    from workbench.autoencoder.detector import AutoEncoderDetector

LEAST = 50  # rows judged normal, below which mean and spread are guesses
LEAST_TO_LEARN = 400  # rows judged normal, below which a network is not learned anew
CHOSEN = ("percentile", "tail")  # policies of `choose`
MOST = 3  # times the overkill aimed at, which later windows surely do not exceed
BLOCKS = 8  # of time, by which it is tried how well the past foretells what follows


def calibrate(detector: "AutoEncoderDetector", normal: Split) -> None:
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
    scores, config = whole(detector, normal.calibration), detector.config
    detector.calibration_scores = scores
    detector.threshold = choose(scores, config, later=later_rates(detector, normal))
    train = detector.scores_of(normal.train)
    detector.data["errors"] = {
        "train": float(np.median(train)),
        "held_out": float(np.median(scores)),
    }


def whole(detector: "AutoEncoderDetector", rows: Rows) -> NDArray[np.float64]:
    """Scores of rows but the first, whose windows are short where there are whole ones."""
    scores, config = detector.scores_of(rows), detector.config
    return scores[min(config.window - 1, len(scores) // 2) :: config.stride]


def choose(
    scores: NDArray[np.float64],
    config: AutoEncoderConfig,
    source: str | None = None,
    later: Sequence[float] = (),
) -> Threshold:
    """The percentile of scores of normal rows, oldest first; of windows a bound above it.

    Neighbours in time are alike, windows that overlap most of all: where they are worth few
    independent ones, their percentile is a guess. A fitted tail says from where on the share of
    later windows is, as good as surely, at most three times the one aimed at.
    `Threshold.expected` has the number of independent rows, and an interval of the overkill: as
    wide as that number makes it, and as the rates differ that were seen `later`, see
    `later_rates`.

    Example:
        >>> slow = np.sin(np.arange(300) / 50)
        >>> choose(slow, AutoEncoderConfig()).policy
        'percentile'
        >>> choose(slow, AutoEncoderConfig(window=10)).policy
        'tail'
    """
    found, aim = metrics.threshold(scores, q=config.q, source=source), 1 - config.q / 100
    n = max(1, round(effective_rows(scores)))
    if config.window > 1 and 0 < MOST * aim < 1 and len(scores) >= FEWEST:
        tail = {"aim": round(aim, 9), "most": round(MOST * aim, 9), "independent": n}
        found = max(found, metrics.threshold(scores, policy="tail", source=source, **tail))
    if (rate := found.expected.get("overkill_rate")) is not None:
        interval = expected_overkill(rate, n, later)
        found.expected |= {"overkill_interval": interval, "independent_rows": n}
    return found


def expected_overkill(rate: float, n: int, later: Sequence[float]) -> list[float]:
    """Where the overkill on later rows will be, in 95 of 100 cases.

    Args:
        rate: On the calibration rows.
        n: How many independent rows these are worth.
        later: Rates of trials; as they differ more than n rows would, they are worth fewer.

    Example:
        >>> [round(x, 2) for x in expected_overkill(0.01, 400, [])]
        [0.0, 0.03]
        >>> [round(x, 2) for x in expected_overkill(0.01, 400, [0.0, 0.02, 0.25])]
        [0.0, 0.57]
    """
    middle, worth = rate, float(n)
    if len(later):
        middle = max(rate, float(np.mean(later)))
        spread = float(np.mean((np.asarray(later) - middle) ** 2))
        if spread * worth > middle * (1 - middle):
            worth = max(middle * (1 - middle) / spread, 1.0)
    low, _ = metrics.wilson(np.floor(min(rate, *later, 1.0) * worth), worth)
    # at least one row in n + 1 must be reckoned with, as by the conformal bound
    _, high = metrics.wilson(min(worth, middle * worth + 1), worth + 1)
    return [low, high]


def later_rates(detector: "AutoEncoderDetector", normal: Split) -> list[float]:
    """How much overkill was seen on later blocks, had the threshold been set in the past.

    The normal rows are cut into blocks of time. From the middle on, a model of the same size
    learns from all blocks so far, takes its threshold from the next and is tried on each of
    those that follow it.
    """
    if "original" in detector.data:
        return []  # which learns nothing
    from workbench.autoencoder.training import learn  # brings torch

    config, size = detector.config, detector.data["size"]
    values = np.concatenate([normal.train.values, normal.calibration.values])
    breaks = np.append(normal.train.breaks, len(normal.train.values))
    ends, rates = np.linspace(0, len(values), BLOCKS + 1).astype(int), []
    if ends[1] < max(FEWEST, 2 * config.window):
        return []
    twin = type(detector)(config)
    for block in range(BLOCKS // 2, BLOCKS - 1):
        known = values[: ends[block]]
        before = breaks[breaks < len(known)]
        twin.use(learn(known, config, progress=False, breaks=before, chosen=size).weights)
        parts = np.split(values[ends[block] :], ends[block + 1 : -1] - ends[block])
        own, *others = (whole(twin, Rows(part, detector.columns)) for part in parts)
        limit = choose(own, config)
        rates += [float((scores >= limit).mean()) for scores in others]
    return rates


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
    return (
        choose(scores, config, source) if threshold.policy in ("percentile", "tail") else threshold
    )


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


def update(detector: "AutoEncoderDetector", recent: Rows, weight: float, network: bool) -> None:
    """Refresh scaler and threshold by rows judged normal, or learn anew from these alone.

    A threshold that was chosen by normal rows is chosen again, any other stays.

    Args:
        detector: Which changes, unless anything is raised.
        recent: Rows, of which those judged normal are learned from, see `judged_normal`.
        weight: Of the recent rows against what is known, above 0 and at most 1.
        network: Learn network and all from the recent rows.

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
    again = choose_again(old, detector.calibration_scores, detector.config)
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
