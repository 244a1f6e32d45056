"""Two detectors on the same images: who changed the verdict on what, and is it more than luck."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from workbench.metrics.areas import difference_interval
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
    auroc_difference: float  # of b minus that of a
    auroc_interval: Ends  # 95 %, paired, by DeLong


def compare(
    a: ArrayLike,
    b: ArrayLike,
    labels: ArrayLike,
    threshold_a: float,
    threshold_b: float,
    *,
    names: Sequence[str] | None = None,
) -> Comparison:
    """Compare two detectors on the same images.

    Args:
        b: Scores of the second on the same images; another scale is fine.

    References:
        McNemar 1947, Note on the sampling error of the difference between correlated
        proportions or percentages; exact as a binomial test of the discordant pairs.

    Example:
        >>> found = compare([1, 2, 3], [1, 3, 2], ["OK", "NG", "NG"], 2.5, 2.5)
        >>> found.fixed, found.broken, found.mcnemar_p
        (1, 1, 1.0)
    """
    from scipy.stats import binomtest

    first, ng = pair(a, labels, names)
    second, _ = pair(b, labels, names)
    names = named(names, len(ng))
    calls = first >= threshold_a, second >= threshold_b
    changes = tuple(
        ChangedVerdict(int(i), names[i], *("NG" if flags[i] else "OK" for flags in (ng, *calls)))
        for i in np.flatnonzero(calls[0] != calls[1])
    )
    fixed = sum(change.better == "b" for change in changes)
    return Comparison(
        a=evaluate(first, ng, threshold_a),
        b=evaluate(second, ng, threshold_b),
        changes=changes,
        fixed=fixed,
        broken=len(changes) - fixed,
        mcnemar_p=float(binomtest(fixed, len(changes)).pvalue) if changes else 1.0,
        auroc_difference=auroc(second, ng) - auroc(first, ng),
        auroc_interval=difference_interval(first, second, ng),
    )
