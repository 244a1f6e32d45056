"""Two detectors on the same images: who changed the verdict on what, and is it more than luck."""

from collections.abc import Sequence
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.auroc_intervals import Placements, percentiles, redrawn
from workbench.metrics.inputs import named, pair
from workbench.metrics.intervals import Ends
from workbench.metrics.ranking import auroc
from workbench.metrics.rates import Metrics, evaluate


class ChangedVerdict(NamedTuple):
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


class Comparison(NamedTuple):
    """Two detectors on the same labelled images; b is the new one where it matters."""

    a: Metrics
    b: Metrics
    changes: tuple[ChangedVerdict, ...]  # in the order of the images
    fixed: int  # images that only b judges right
    broken: int  # images that only a judges right
    mcnemar_p: float  # exact McNemar test that neither is right more often
    miss_p: float  # the same among NG images only: of misses
    overkill_p: float  # the same among OK images only: of overkill
    auroc_difference: float  # of b minus that of a
    auroc_interval: Ends  # 95 %, paired stratified bootstrap


def compare(
    a: ArrayLike,
    b: ArrayLike,
    labels: ArrayLike,
    threshold_a: float,
    threshold_b: float,
    *,
    names: Sequence[str] | None = None,
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
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

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
    names = named(names, len(ng))
    calls = first >= threshold_a, second >= threshold_b
    changes = tuple(
        ChangedVerdict(int(i), names[i], *("NG" if flags[i] else "OK" for flags in (ng, *calls)))
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
    )


def _mcnemar(changes: Sequence[ChangedVerdict]) -> float:
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
