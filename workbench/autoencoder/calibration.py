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
BLOCKS = 12  # of time, by which it is tried how well the past foretells what follows
MODELS = BLOCKS // 2 - 1  # that learn from half of the blocks, or more
SMALLEST = 0.02  # independent rows


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
    """Where the overkill on later rows will be, in about 95 of 100 recordings.

    The ends of a beta distribution of rates: as wide as n rows make it, or as the trials differ,
    if that is wider. Of 140 stretches of normal rows of pumps and drawn machines it held in 133.

    Args:
        rate: On the calibration rows.
        n: How many independent rows these are worth.
        later: Rates that `MODELS` models saw in trials.

    Example:
        >>> [round(x, 2) for x in expected_overkill(0.01, 400, [])]
        [0.0, 0.03]
        >>> [round(x, 2) for x in expected_overkill(0.01, 400, [0.0, 0.02, 0.25])]
        [0.0, 0.51]
    """
    from scipy.special import betaincinv  # takes a while, and only training needs it

    # at least one row in n + 1 must be reckoned with, as by the conformal bound
    middle = max((rate * n + 1) / (n + 1), float(np.mean(later)) if len(later) else 0.0)
    middle = min(middle, 1 - 1 / (n + 2))
    most = middle * (1 - middle)
    spread = most / (n + 1)
    if len(later):
        by_chance = (MODELS + 1) / (MODELS - 1)  # as the next of so few models may differ more
        spread = max(spread, by_chance * float(np.mean((np.asarray(later) - middle) ** 2)))
    worth = max(most / spread - 1, SMALLEST)
    low, high = betaincinv(middle * worth, (1 - middle) * worth, [0.025, 0.975])
    return [float(min(low, rate, *later)), float(high)]


def later_rates(detector: "AutoEncoderDetector", normal: Split) -> list[float]:
    """How much overkill was seen on later blocks, had the threshold been set in the past.

    The normal rows are cut into blocks of time. From the middle on, a model of the same size
    learns from all blocks so far, takes its threshold from the next and is tried on each of
    those that follow it. There is none where that half has fewer than two rows a sensor: it
    would be a trial of another model.
    """
    if "original" in detector.data:
        return []  # which learns nothing
    from workbench.autoencoder.training import learn  # brings torch

    config, size = detector.config, detector.data["size"]
    values = np.concatenate([normal.train.values, normal.calibration.values])
    breaks = np.append(normal.train.breaks, len(normal.train.values))
    ends, rates = np.linspace(0, len(values), BLOCKS + 1).astype(int), []
    if ends[1] < max(FEWEST, 2 * config.window) or ends[-2 - MODELS] < 2 * len(detector.columns):
        return []
    twin = type(detector)(config)
    for block in range(BLOCKS - 1 - MODELS, BLOCKS - 1):
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
