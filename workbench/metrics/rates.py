"""What happens on the line at one threshold: misses, overkill and how sure we are of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from math import isfinite, nan
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from workbench.metrics.counts import Confusion, Share, SortedScores
from workbench.metrics.intervals import Ends, clopper_pearson, wilson
from workbench.metrics.ranking import area, mean_precision
from workbench.metrics.thresholds import Threshold

MILLION = 1_000_000
_NO_NG, _NO_OK = "there is no NG part", "there is no OK part"


@dataclass(frozen=True, kw_only=True)
class Metrics(Mapping[str, Any]):
    """Everything about a set of scored parts at one threshold, as attributes and as a mapping.

    Intervals are for 95 %, Wilson's unless the name says exact (Clopper-Pearson). What is
    undefined is NaN, and `reasons` says why, by the same name. Precision, F1 and the AUROC's
    companion `average_precision` hold for the share of NG among these parts; the escapes for
    the stated prevalence.
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
    prevalence: float  # share of NG in production, as stated
    escape_per_million: float  # NG passed, of a million parts made
    escape_interval: Ends  # of those, exact
    escape_per_million_shipped: float  # NG passed, of a million parts called OK
    reasons: dict[str, str] = field(default_factory=dict)

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


class Escape(NamedTuple):
    """NG parts that reach the customer, per million: of parts made, and of parts shipped.

    Some factories count the one, some the other; both say which.
    """

    per_million_made: float
    per_million_shipped: float


def evaluate(
    scores: ArrayLike,
    labels: ArrayLike,
    threshold: float,
    *,
    prevalence: float | None = None,
    names: Sequence[str] | None = None,
) -> Metrics:
    """All rates of scored and labelled parts at a threshold.

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).
        threshold: A part is NG if its score is at least this; a `Threshold` says in the
            result where it came from.
        prevalence: Share of NG in production, in [0, 1], for the escapes per million; a test
            folder holds far more NG than a line makes.
        names: The N parts, to be named where a score is not finite.

    Example:
        >>> evaluate([1, 2, 3, 4], ["OK", "NG", "OK", "NG"], 3).miss_rate
        0.5
        >>> evaluate([1], ["OK"], 3).reasons["miss_rate"]
        'there is no NG part'
    """
    sample = SortedScores.of(scores, labels, names)
    counts, threshold = sample.confusion(threshold), Threshold.of(threshold)
    miss_exact = clopper_pearson(counts.fn, counts.n_ng)
    escaped = Escape(nan, nan)
    if prevalence is not None:
        escaped = escape(counts.miss_rate, counts.overkill_rate, prevalence)
    return Metrics(
        n=counts.n,
        n_ok=counts.n_ok,
        n_ng=counts.n_ng,
        **counts._asdict(),
        miss_rate=counts.miss_rate,
        overkill_rate=counts.overkill_rate,
        miss_interval=wilson(counts.fn, counts.n_ng),
        overkill_interval=wilson(counts.fp, counts.n_ok),
        miss_exact=miss_exact,
        overkill_exact=clopper_pearson(counts.fp, counts.n_ok),
        precision=counts.precision,
        precision_interval=wilson(counts.tp, counts.tp + counts.fp),
        recall=counts.recall,
        f1=counts.f1,
        f1_interval=_f1_interval(counts),
        auroc=area(sample),
        average_precision=mean_precision(sample),
        threshold=float(threshold),
        threshold_source=threshold.origin(),
        prevalence=nan if prevalence is None else float(prevalence),
        escape_per_million=escaped.per_million_made,
        escape_interval=_scaled(miss_exact, MILLION * _or_nan(prevalence)),
        escape_per_million_shipped=escaped.per_million_shipped,
        reasons=_reasons(counts, prevalence),
    )


def mixed(ng: Share, ok: Share, prevalence: float) -> Share:
    """A share of all parts made, from its share among NG and its share among OK.

    Args:
        ng: Share among NG parts.
        ok: Share among OK parts.
        prevalence: Share of NG in production, in [0, 1].

    Raises:
        ValueError: The prevalence is outside [0, 1].

    Example:
        >>> mixed(1.0, 0.0, 0.25)
        0.25
    """
    if not 0 <= prevalence <= 1:
        raise ValueError(
            f"prevalence is a share of the parts made and must be in [0, 1], got {prevalence}"
        )
    return prevalence * ng + (1 - prevalence) * ok


def escape(miss_rate: float, overkill_rate: float, prevalence: float) -> Escape:
    """NG parts per million that get through, at the NG prevalence of the line.

    Args:
        miss_rate: Share of NG that is called OK.
        overkill_rate: Share of OK that is called NG, and thus not shipped.
        prevalence: Share of NG in production, in [0, 1].

    Raises:
        ValueError: The prevalence is outside [0, 1].

    Example:
        >>> made, shipped = escape(0.1, 0.5, 0.01)
        >>> round(made), round(shipped)
        (1000, 2016)
    """
    passed = mixed(miss_rate, 0.0, prevalence)
    shipped = mixed(miss_rate, 1 - overkill_rate, prevalence)
    return Escape(MILLION * passed, MILLION * (passed / shipped if shipped else nan))


def expected_cost(
    counts: Confusion, *, prevalence: float, miss_cost: float = 1.0, overkill_cost: float = 1.0
) -> Share:
    """Cost per part made: what misses and overkill cost at the NG prevalence of the line.

    Args:
        counts: At a threshold, or at many.
        prevalence: Share of NG in production, in [0, 1].
        miss_cost: Of one missed NG part, in any unit.
        overkill_cost: Of one OK part called NG, in the same unit.

    Raises:
        ValueError: The prevalence is outside [0, 1], or a cost is negative or not finite.

    Example:
        >>> expected_cost(Confusion(1, 1, 3, 1), prevalence=0.5, miss_cost=8)
        2.125
    """
    if not (0 <= miss_cost < float("inf") and 0 <= overkill_cost < float("inf")):
        raise ValueError(
            f"costs must be finite and at least 0, got miss_cost={miss_cost} and "
            f"overkill_cost={overkill_cost}"
        )
    return mixed(miss_cost * counts.miss_rate, overkill_cost * counts.overkill_rate, prevalence)


def _f1_interval(counts: Confusion) -> Ends:
    # F1 = 2 J / (1 + J) rises with J = TP / (TP + FP + FN), which is a binomial share
    ends = wilson(counts.tp, counts.tp + counts.fp + counts.fn)
    low, high = (2 * end / (1 + end) for end in ends)
    return low, high


def _scaled(ends: Ends, factor: float) -> Ends:
    return ends[0] * factor, ends[1] * factor


def _reasons(counts: Confusion, prevalence: float | None) -> dict[str, str]:
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
    escapes = ("escape_per_million", "escape_interval", "escape_per_million_shipped")
    if prevalence is None:
        found |= dict.fromkeys(("prevalence", *escapes), "no NG prevalence was stated")
    elif not counts.n_ng:
        found |= dict.fromkeys(escapes, _NO_NG)
    elif not counts.n_ok or not (counts.fn + counts.tn):
        found["escape_per_million_shipped"] = _NO_OK if not counts.n_ok else "nothing is shipped"
    return found


def _or_nan(value: float | None) -> float:
    return nan if value is None else value


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
