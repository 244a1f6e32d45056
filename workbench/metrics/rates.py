"""What happens on the line at one threshold: misses, overkill and how sure we are of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from numpy.typing import ArrayLike

from workbench.metrics.counts import Confusion, Share, SortedScores
from workbench.metrics.inputs import plain
from workbench.metrics.intervals import Ends, clopper_pearson, wilson
from workbench.metrics.ranking import area, mean_precision
from workbench.metrics.thresholds import Threshold

_NO_NG, _NO_OK = "there is no NG part", "there is no OK part"


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Everything about a set of scored parts at one threshold.

    Intervals are for 95 %, Wilson's unless the name says exact (Clopper-Pearson). What is
    undefined is NaN, and `reasons` says why, by the same name. Precision, F1 and the AUROC's
    companion `average_precision` hold for the share of NG among these parts.
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
    miss_interval: Ends
    overkill_interval: Ends
    miss_exact: Ends
    overkill_exact: Ends
    precision: float
    precision_interval: Ends
    recall: float
    f1: float
    f1_interval: Ends
    auroc: float
    average_precision: float
    threshold: float
    threshold_source: str
    reasons: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The same for a JSON file: what is not a finite number becomes None.

        Example:
            >>> evaluate([1.0], ["OK"], 2).to_dict()["auroc"] is None
            True
        """
        return plain(asdict(self))


def evaluate(
    scores: ArrayLike,
    labels: ArrayLike,
    threshold: float,
    *,
    names: Sequence[str] | None = None,
) -> Metrics:
    """All rates of scored and labelled parts at a threshold.

    Args:
        threshold: A part is NG if its score is at least this; a `Threshold` says in the
            result where it came from.
        names: The N parts, to be named where a score is not finite.

    Example:
        >>> evaluate([1, 2, 3, 4], ["OK", "NG", "OK", "NG"], 3).miss_rate
        0.5
        >>> evaluate([1], ["OK"], 3).reasons["miss_rate"]
        'there is no NG part'
    """
    sample = SortedScores.of(scores, labels, names)
    counts, threshold = sample.confusion(threshold), Threshold.of(threshold)
    missed, wasted = (counts.fn, counts.n_ng), (counts.fp, counts.n_ok)
    of_counts = ("n", "n_ok", "n_ng", "miss_rate", "overkill_rate", "precision", "recall", "f1")
    return Metrics(
        **counts._asdict() | {name: getattr(counts, name) for name in of_counts},
        miss_interval=wilson(*missed),
        overkill_interval=wilson(*wasted),
        miss_exact=clopper_pearson(*missed),
        overkill_exact=clopper_pearson(*wasted),
        precision_interval=wilson(counts.tp, counts.tp + counts.fp),
        f1_interval=_f1_interval(counts),
        auroc=area(sample),
        average_precision=mean_precision(sample),
        threshold=float(threshold),
        threshold_source=threshold.origin(),
        reasons=_reasons(counts),
    )


def mixed(ng: Share, ok: Share, prevalence: float) -> Share:
    """A share of all parts made, from its share among NG and its share among OK."""
    if not 0 <= prevalence <= 1:
        raise ValueError(
            f"prevalence is a share of the parts made and must be in [0, 1], got {prevalence}"
        )
    return prevalence * ng + (1 - prevalence) * ok


def escape(miss_rate: float, prevalence: float) -> float:
    """NG parts that get through, per million parts made, at the NG prevalence of the line.

    Example:
        >>> escape(0.1, prevalence=0.01)
        1000.0
    """
    return 1e6 * mixed(miss_rate, 0.0, prevalence)


def expected_cost(
    counts: Confusion, *, prevalence: float, miss_cost: float = 1.0, overkill_cost: float = 1.0
) -> Share:
    """Cost per part made: what misses and overkill cost at the NG prevalence of the line.

    Args:
        prevalence: Share of NG in production, in [0, 1].
        miss_cost: Of one missed NG part, in the unit of the other.

    Raises:
        ValueError: The prevalence is outside [0, 1], or a cost is negative or not finite.

    Example:
        >>> expected_cost(Confusion(1, 1, 3, 1), prevalence=0.5, miss_cost=8)
        2.125
    """
    if not (0 <= miss_cost < float("inf") and 0 <= overkill_cost < float("inf")):
        raise ValueError(
            f"costs must be finite and at least 0, got {miss_cost=} and {overkill_cost=}"
        )
    return mixed(miss_cost * counts.miss_rate, overkill_cost * counts.overkill_rate, prevalence)


def _f1_interval(counts: Confusion) -> Ends:
    # F1 = 2 J / (1 + J) rises with J = TP / (TP + FP + FN), which is a binomial share
    ends = wilson(counts.tp, counts.tp + counts.fp + counts.fn)
    low, high = (2 * end / (1 + end) for end in ends)
    return low, high


def _reasons(counts: Confusion) -> dict[str, str]:
    found: dict[str, str] = {}
    ranking = ("auroc", "average_precision")
    for n, reason, names in (
        (counts.n_ok, _NO_OK, ("overkill_rate", "overkill_interval", "overkill_exact", *ranking)),
        (counts.n_ng, _NO_NG, ("miss_rate", "miss_interval", "miss_exact", "recall", *ranking)),
    ):
        found |= {} if n else dict.fromkeys(names, reason)
    if not counts.tp + counts.fp:
        found |= dict.fromkeys(("precision", "precision_interval"), "no part was called NG")
        if not counts.n_ng:
            found |= dict.fromkeys(("f1", "f1_interval"), f"{_NO_NG} and none was called NG")
    return found
