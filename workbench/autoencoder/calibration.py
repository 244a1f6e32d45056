"""The threshold from calibration rows, and what it promises of later ones."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.autoencoder.config import AutoEncoderConfig
from workbench.autoencoder.rows import Rows, Split
from workbench.metrics import Threshold
from workbench.metrics.policies import FEWEST

if TYPE_CHECKING:
    from workbench.autoencoder.detector import AutoEncoderDetector

MOST = 3  # times the overkill aimed at, which later windows surely do not exceed
BLOCKS = 12  # of time at most, by which it is tried how well the past foretells what follows
LEAST = 4  # blocks: two to learn from, one for the threshold, one to try it
LIKENESS = 4  # power of the share that a model learned from, by which its trials count
DOUBT = 2  # times the variance of trials: models of one recording know much of the same
SMALLEST = 0.02  # independent rows
RARE = 0.01  # rate that a hundred rows may well show nothing of

Trials = Sequence[Sequence[float]]  # rates of overkill that each of some models saw


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
    detector.data["trials"] = trials(detector, normal)
    detector.threshold = choose(scores, config, later=detector.data["trials"])
    train = detector.scores_of(normal.train)
    detector.data["errors"] = {
        "train": float(np.median(train)),
        "calibration": float(np.median(scores)),
    }


def whole(detector: "AutoEncoderDetector", rows: Rows) -> NDArray[np.float64]:
    """Scores of rows but the first, whose windows are short where there are whole ones."""
    scores, config = detector.scores_of(rows), detector.config
    return scores[min(config.window - 1, len(scores) // 2) :: config.stride]


def choose(
    scores: NDArray[np.float64],
    config: AutoEncoderConfig,
    source: str | None = None,
    later: Trials = (),
) -> Threshold:
    """The percentile of scores of normal rows, oldest first; of windows a bound above it.

    Neighbours in time are alike, windows that overlap most of all: where they are worth few
    independent ones, their percentile is a guess. A fitted tail says from where on the share of
    later windows is, as good as surely, at most three times the one aimed at.
    `Threshold.expected` has the number of independent rows, and an interval of the overkill: as
    wide as that number makes it, and as the rates differ that were seen `later`, see `trials`.

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


def expected_overkill(rate: float, n: int, later: Trials) -> list[float]:
    """Where the overkill on later rows will be, in at least 9 of 10 recordings.

    The ends of a beta distribution of rates: as wide as n rows make it, or as the trials differ,
    if that is wider. Where nothing could be tried, nothing is promised; that a later stretch has
    any overkill at all is only said of rates that a hundred rows would show.

    Args:
        rate: On the calibration rows.
        n: How many independent rows these are worth.
        later: Rates that each model saw in trials.

    Example:
        >>> [round(x, 2) for x in expected_overkill(0.01, 400, [[0.0, 0.01], [0.02]])]
        [0.0, 0.04]
        >>> [round(x, 2) for x in expected_overkill(0.01, 400, [[0.0, 0.02], [0.25]])]
        [0.0, 0.52]
        >>> expected_overkill(0.01, 400, [])
        [0.0, 1.0]
    """
    if not later:
        return [0.0, 1.0]
    from scipy.special import betaincinv  # takes a while, and only training needs it

    rates, left = np.concatenate(later), np.array([len(each) for each in later])
    # a model that was tried on fewer blocks had learned from more: it is more like the one in use
    like = np.repeat((1 - left / (2 * left.max())) ** LIKENESS, left)
    like /= like.sum()
    # at least one row in n + 1 must be reckoned with, as by the conformal bound
    middle = max((rate * n + 1) / (n + 1), float(like @ rates))
    middle = min(middle, 1 - 1 / (n + 2))
    most = middle * (1 - middle)
    spread = max(most / (n + 1), DOUBT * float(like @ (rates - middle) ** 2))
    worth = max(most / spread - 1, SMALLEST)
    low, high = betaincinv(middle * worth, (1 - middle) * worth, [0.04, 0.96])
    low = min(low, rate, rates.min())
    return [float(low) if low > RARE else 0.0, float(high)]


def trials(detector: "AutoEncoderDetector", normal: Split) -> list[list[float]]:
    """How much overkill was seen on other blocks of time, had the threshold been set before.

    The normal rows are cut into blocks. From the middle on, a model of the same size learns from
    all blocks so far, takes its threshold from the next and is tried on each of those that follow
    it. The same is done backwards in time: what a machine has left is as new to a model as what
    it comes to, and what no trial shows is not promised. None where rows are too few for blocks.
    """
    train, known = normal.train, normal.calibration
    pauses = np.concatenate([train.breaks, [len(train.values)], len(train.values) + known.breaks])
    values, found = np.concatenate([train.values, known.values]), []
    blocks = min(BLOCKS, len(values) // max(FEWEST, 2 * detector.config.window))
    for order in (slice(None), slice(None, None, -1)) if blocks >= LEAST else ():
        breaks = pauses if order.step is None else len(values) - pauses[::-1]
        rows = Rows(values[order], train.columns, breaks.astype(np.int64))
        parts = np.array_split(np.arange(len(values)), blocks)
        for block in range((blocks - 1) // 2, blocks - 1, 2):
            twin = _twin(detector, rows.only(np.arange(parts[block][0])))
            own, *others = (whole(twin, rows.only(part)) for part in parts[block:])
            limit = choose(own, detector.config)
            found.append([float((scores >= limit).mean()) for scores in others])
    return found


def _twin(detector: "AutoEncoderDetector", known: Rows) -> "AutoEncoderDetector":
    """A model of the same size that knows these rows alone; another's network learns nothing."""
    config, weights = detector.config, detector.weights
    if "original" not in detector.data:
        from workbench.autoencoder.training import learn  # brings torch

        size = detector.data["size"]
        weights = learn(known.values, config, False, known.breaks, size).weights
    twin = type(detector)(config)
    twin.use(weights)
    return twin


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
