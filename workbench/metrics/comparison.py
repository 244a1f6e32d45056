"""Two detectors on the same images: who changed the verdict on what, and is it more than luck."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.auroc_intervals import Placements, percentiles, redrawn
from workbench.metrics.inputs import as_scores, pair
from workbench.metrics.intervals import Ends
from workbench.metrics.ranking import auroc
from workbench.metrics.rates import Metrics, evaluate


class Change(NamedTuple):
    """An image on which two detectors disagree; labels and verdicts are "OK" or "NG"."""

    index: int
    name: str
    label: str
    a: str
    b: str

    @property
    def better(self) -> str:
        """Which of the two is right: "a" or "b"."""
        return "a" if self.a == self.label else "b"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two detectors on the same labelled images; b is the new one where it matters.

    Attributes:
        a: All rates of the first.
        b: All rates of the second.
        changes: The images with another verdict, in their order.
        fixed: Images that only b judges right.
        broken: Images that only a judges right.
        mcnemar_p: Exact McNemar test that neither is right more often.
        miss_p: The same among NG images only: of misses.
        overkill_p: The same among OK images only: of overkill.
        auroc_difference: AUROC of b minus that of a.
        auroc_interval: 95 %, paired stratified bootstrap.
        noise_floor: The largest AUROC difference between runs of one detector that differ by
            their seed only; NaN where no such runs were given.
    """

    a: Metrics
    b: Metrics
    changes: tuple[Change, ...]
    fixed: int
    broken: int
    mcnemar_p: float
    miss_p: float
    overkill_p: float
    auroc_difference: float
    auroc_interval: Ends
    noise_floor: float

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval excludes 0 and the difference exceeds the noise floor, if known."""
        low, high = self.auroc_interval
        return bool(low > 0 or high < 0) and not abs(self.auroc_difference) <= self.noise_floor


def compare(
    a: ArrayLike,
    b: ArrayLike,
    labels: ArrayLike,
    threshold_a: float,
    threshold_b: float,
    *,
    names: Sequence[str] | None = None,
    seeds: Sequence[ArrayLike] = (),
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare two detectors on the same images.

    Args:
        a: Scores of the first, shape (N,).
        b: Scores of the second on the same images, shape (N,); another scale is fine.
        labels: True for NG, shape (N,).
        threshold_a: Of the first.
        threshold_b: Of the second.
        names: The N images; their numbers if None.
        seeds: Scores of runs that differ by the seed only, each of shape (N,); two or more
            give the noise floor.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        ValueError: Lengths differ, a score is not finite, a label is unknown.

    References:
        McNemar 1947, Note on the sampling error of the difference between correlated
        proportions or percentages; exact as a binomial test of the discordant pairs.

    Example:
        >>> found = compare([1, 2, 3], [1, 3, 2], ["OK", "NG", "NG"], 2.5, 2.5)
        >>> found.fixed, found.broken, found.mcnemar_p
        (1, 1, 1.0)
    """
    first, ng = pair(a, labels, names)
    second, _ = pair(b, labels, names)
    names = [str(i) for i in range(len(ng))] if names is None else [str(name) for name in names]
    if len(names) != len(ng):
        raise ValueError(f"names must be one per score, got {len(names)} for {len(ng)}")
    calls = first >= threshold_a, second >= threshold_b
    changes = tuple(
        Change(int(i), names[i], *(_word(flags[i]) for flags in (ng, *calls)))
        for i in np.flatnonzero(calls[0] != calls[1])
    )
    return Comparison(
        a=evaluate(first, ng, threshold_a),
        b=evaluate(second, ng, threshold_b),
        changes=changes,
        fixed=sum(change.better == "b" for change in changes),
        broken=sum(change.better == "a" for change in changes),
        mcnemar_p=_mcnemar(changes),
        miss_p=_mcnemar([change for change in changes if change.label == "NG"]),
        overkill_p=_mcnemar([change for change in changes if change.label == "OK"]),
        auroc_difference=auroc(second, ng) - auroc(first, ng),
        auroc_interval=_difference_interval(first, second, ng, resamples, seed),
        noise_floor=seed_spread(seeds, ng),
    )


def seed_spread(runs: Sequence[ArrayLike], labels: ArrayLike) -> float:
    """Highest minus lowest AUROC of runs that differ by the seed only; NaN below two runs.

    Args:
        runs: Scores of each run, each of shape (N,).
        labels: True for NG, shape (N,).

    Example:
        >>> seed_spread([[1, 2, 3], [2, 1, 3]], [0, 1, 1])
        0.5
    """
    areas = [auroc(as_scores(scores), labels) for scores in runs]
    return float(np.ptp(areas)) if len(areas) > 1 else nan


def _mcnemar(changes: Sequence[Change]) -> float:
    from scipy.stats import binomtest

    won = sum(change.better == "b" for change in changes)
    return float(binomtest(won, len(changes)).pvalue) if changes else 1.0


def _difference_interval(
    a: NDArray, b: NDArray, ng: NDArray[np.bool_], resamples: int, seed: int
) -> Ends:
    n_ng, n_ok = int(ng.sum()), int((~ng).sum())
    if min(n_ng, n_ok) < 2:
        return nan, nan
    first, second = Placements(a, ng), Placements(b, ng)
    drawn = redrawn(n_ok, n_ng, resamples, seed)
    return percentiles([second.area(*draw) - first.area(*draw) for draw in drawn], 0.95)


def _word(ng: bool) -> str:
    return "NG" if ng else "OK"
