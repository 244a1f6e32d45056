"""Two thresholds: OK below the lower, NG from the upper on, and a person looks in between."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.counts import SortedScores, rate
from workbench.metrics.inputs import as_scores
from workbench.metrics.intervals import wilson
from workbench.metrics.policies import threshold
from workbench.metrics.rates import mixed
from workbench.metrics.thresholds import Threshold

OK, REVIEW, NG = "OK", "re-inspect", "NG"


class ReviewRates(NamedTuple):
    """What two thresholds do to labelled parts; a rate of a missing class is NaN.

    The share of parts that a person looks at is `review_rate`: of production at the NG
    prevalence where one was stated, else of these very parts.
    """

    miss_rate: float  # NG passed as OK without a look
    overkill_rate: float  # OK called NG without a look
    review_rate_ok: float  # OK that a person looks at
    review_rate_ng: float  # NG that a person looks at
    review_rate: float
    review_interval: tuple[float, float]  # 95 %, Wilson
    n_ok: int
    n_ng: int


@dataclass(frozen=True)
class TwoThresholds:
    """OK below `low`, NG from `high` on, re-inspect in between; equal ones leave nothing between.

    Raises:
        ValueError: `low` is above `high`.

    Example:
        >>> TwoThresholds(Threshold(1.0), Threshold(2.0)).verdicts([0.5, 1.0, 2.0]).tolist()
        ['OK', 're-inspect', 'NG']
    """

    low: Threshold
    high: Threshold
    expected: ReviewRates | None = None

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(
                f"low must be at most high, got {float(self.low)} and {float(self.high)}"
            )

    def verdicts(self, scores: ArrayLike) -> NDArray[np.str_]:
        """One word a score, "OK", "re-inspect" or "NG", shape (N,)."""
        scores = as_scores(scores)
        return np.where(scores >= self.high, NG, np.where(scores >= self.low, REVIEW, OK))

    def rates(
        self, scores: ArrayLike, labels: ArrayLike, *, prevalence: float | None = None
    ) -> ReviewRates:
        """What becomes of labelled parts, looked at as often as at the stated NG prevalence."""
        sample = SortedScores.of(scores, labels)
        low, high = sample.confusion(self.low), sample.confusion(self.high)
        looked_ok, looked_ng = low.fp - high.fp, low.tp - high.tp
        of_ok, of_ng = rate(looked_ok, low.n_ok), rate(looked_ng, low.n_ng)
        looked = looked_ok + looked_ng
        if prevalence is None:
            share, ends = rate(looked, low.n), wilson(looked, low.n)
        else:
            share = mixed(of_ng, of_ok, prevalence)
            pairs = zip(wilson(looked_ng, low.n_ng), wilson(looked_ok, low.n_ok), strict=True)
            ends = tuple(mixed(ng, ok, prevalence) for ng, ok in pairs)
        return ReviewRates(
            low.miss_rate, high.overkill_rate, of_ok, of_ng, share, ends, low.n_ok, low.n_ng
        )


def two_thresholds(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    miss: float = 0.0,
    overkill: float = 0.01,
    prevalence: float | None = None,
    source: str = "labelled parts",
) -> TwoThresholds:
    """The narrowest range to re-inspect so that few NG pass and few OK are thrown away unseen.

    Where one threshold keeps both promises on these data, both are the middle of those that
    do, and nobody has to look.

    Args:
        labels: True for NG; both classes are needed.
        miss: Share of NG that may pass as OK without a look.
        overkill: Share of OK that may be called NG without a look.
        prevalence: Share of NG in production, for the share of parts to look at.

    Example:
        >>> both = two_thresholds([1, 2, 3, 4, 5], [0, 0, 1, 0, 1], miss=0, overkill=0)
        >>> both.verdicts([2, 3, 4, 5]).tolist(), both.expected.review_rate
        (['OK', 're-inspect', 're-inspect', 'NG'], 0.4)
    """
    low = threshold(scores, labels, policy="max_miss", miss=miss, source=source)
    high = threshold(scores, labels, policy="max_overkill", overkill=overkill, source=source)
    if low > high:
        params = {"miss": miss, "overkill": overkill}
        middle = min(max(high + (low - high) / 2, high), low)
        middle = threshold(scores, labels, policy="manual", value=middle)
        n = low.n + high.n
        low = high = Threshold(middle, "two_thresholds", params, source, n, middle.expected)
    return TwoThresholds(
        low, high, TwoThresholds(low, high).rates(scores, labels, prevalence=prevalence)
    )
