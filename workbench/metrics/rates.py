"""What happens on the line at one threshold: misses, overkill and how sure we are of them."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite, isnan, nan, sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from workbench.metrics.ranking import auroc, average_precision, pair
from workbench.metrics.thresholds import Threshold


class Confusion(NamedTuple):
    """Counts of parts; positive means called NG."""

    tp: int  # NG called NG
    fp: int  # OK called NG: overkill
    tn: int  # OK called OK
    fn: int  # NG called OK: missed


@dataclass(frozen=True, kw_only=True)
class Metrics(Mapping[str, Any]):
    """Everything about a set of scored parts at one threshold, as attributes and as a mapping.

    The intervals hold the true rate in 95 % of cases (Wilson).
    """

    n: int
    n_ok: int
    n_ng: int
    tp: int
    fp: int
    tn: int
    fn: int
    miss_rate: float  # FN / (FN + TP)
    overkill_rate: float  # FP / (FP + TN)
    miss_interval: tuple[float, float]
    overkill_interval: tuple[float, float]
    precision: float
    recall: float
    f1: float
    auroc: float
    average_precision: float
    threshold: float
    threshold_source: str

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        if key not in self.__dataclass_fields__:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        return len(fields(self))

    def to_dict(self) -> dict[str, Any]:
        """The same for a JSON file: what is not a finite number becomes None.

        Example:
            >>> evaluate([1.0], ["OK"], 2).to_dict()["auroc"] is None
            True
        """
        return {key: _plain(value) for key, value in asdict(self).items()}


def evaluate(scores: ArrayLike, labels: ArrayLike, threshold: float) -> Metrics:
    """All rates of scored and labelled parts at a threshold.

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).
        threshold: A part is NG if its score is at least this; a `Threshold` says in the
            result where it came from.

    Raises:
        ValueError: Lengths differ, a score or the threshold is NaN, a label is unknown.

    Example:
        >>> evaluate([1, 2, 3, 4], ["OK", "NG", "OK", "NG"], 3).miss_rate
        0.5
    """
    tp, fp, tn, fn = counts = confusion(scores, labels, threshold)
    threshold = Threshold.of(threshold)
    return Metrics(
        n=sum(counts),
        n_ok=fp + tn,
        n_ng=tp + fn,
        **counts._asdict(),
        miss_rate=_rate(fn, fn + tp),
        overkill_rate=_rate(fp, fp + tn),
        miss_interval=wilson(fn, fn + tp),
        overkill_interval=wilson(fp, fp + tn),
        precision=_rate(tp, tp + fp),
        recall=_rate(tp, tp + fn),
        f1=_rate(2 * tp, 2 * tp + fp + fn),
        auroc=auroc(scores, labels),
        average_precision=average_precision(scores, labels),
        threshold=float(threshold),
        threshold_source=threshold.origin(),
    )


def confusion(scores: ArrayLike, labels: ArrayLike, threshold: float) -> Confusion:
    """Count the four outcomes of `score >= threshold`.

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).
        threshold: In the scores' unit; may be infinite.

    Raises:
        ValueError: Lengths differ, a score or the threshold is NaN, a label is unknown.

    Example:
        >>> confusion([1, 2, 3], [0, 1, 1], 3)
        Confusion(tp=1, fp=0, tn=1, fn=1)
    """
    if isnan(threshold):
        raise ValueError("threshold must be a number, got NaN; choose one with metrics.threshold")
    scores, ng = pair(scores, labels)
    called = scores >= threshold
    return Confusion(
        *(int(cell.sum()) for cell in (called & ng, called & ~ng, ~called & ~ng, ~called & ng))
    )


def wilson(count: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a rate, without continuity correction.

    Args:
        count: How often it happened.
        n: How often it could have happened.
        confidence: The share of such intervals that hold the true rate.

    Returns:
        Lower and upper end within [0, 1]; NaN twice for n = 0.

    Raises:
        ValueError: Count outside [0, n] or confidence outside (0, 1).

    References:
        Wilson 1927, Probable inference, the law of succession, and statistical inference.

    Example:
        >>> low, high = wilson(0, 50)
        >>> round(low, 3), round(high, 3)
        (0.0, 0.071)
    """
    if not 0 <= count <= n or not 0 < confidence < 1:
        raise ValueError(
            f"count must be in [0, n] and confidence in (0, 1), got {count} of {n}, {confidence}"
        )
    if n == 0:
        return nan, nan
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, shrink = count / n, 1 + z**2 / n
    centre = (rate + z**2 / (2 * n)) / shrink
    half = z * sqrt(rate * (1 - rate) / n + (z / (2 * n)) ** 2) / shrink
    # at the ends the formula is exactly 0 and 1; rounding must not make it 1e-17
    low, high = 0.0 if count == 0 else centre - half, 1.0 if count == n else centre + half
    return low, high


def _rate(count: int, n: int) -> float:
    return count / n if n else nan


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
