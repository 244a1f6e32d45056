"""Label audit: which labels look wrong, and what the metrics are once they are mended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.counts import rate
from workbench.metrics.inputs import pair
from workbench.metrics.rates import Metrics, evaluate


class Suspect(NamedTuple):
    """An image whose label the scores speak against.

    `beyond` is the share of the other class that it lies beyond: of NG images that an OK one
    outscores, of OK images that outscore an NG one; a tie counts one half.
    """

    index: int
    name: str
    label: str
    score: float
    beyond: float


@dataclass(frozen=True, kw_only=True)
class LabelAudit:
    """The most suspicious OK and the least suspicious NG images, and the metrics with relabels.

    Attributes:
        suspicious_ok: OK images by score, the highest first.
        suspicious_ng: NG images by score, the lowest first.
        relabelled: Names whose label the relabels change.
        before: Metrics with the labels as they lie in the folder; None without a threshold.
        after: Metrics with the relabels; None without a threshold.
    """

    suspicious_ok: tuple[Suspect, ...]
    suspicious_ng: tuple[Suspect, ...]
    relabelled: tuple[str, ...]
    before: Metrics | None
    after: Metrics | None


def label_audit(
    scores: ArrayLike,
    labels: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    n: int = 10,
    relabels: Mapping[str, bool] | None = None,
    threshold: float | None = None,
    prevalence: float | None = None,
) -> LabelAudit:
    """Name the labels worth a second look, and evaluate with and without what was relabelled.

    The suspects are chosen by the labels after relabelling, so that what was settled does not
    come up again. A relabel of an image that is not here is left aside.

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,), as they lie in the folder.
        names: The N images; their numbers if None.
        n: How many suspects of each class.
        relabels: Name to True for NG, as from `workbench.data.read_relabels`.
        threshold: To evaluate at, before and after.
        prevalence: Share of NG in production, as for `evaluate`.

    Raises:
        ValueError: Lengths differ, a score is not finite, a label is unknown.

    Example:
        >>> audit = label_audit([1, 9, 8], ["OK", "OK", "NG"], ["a", "b", "c"], n=1)
        >>> audit.suspicious_ok[0].name, audit.suspicious_ok[0].beyond
        ('b', 1.0)
    """
    found, ng = pair(scores, labels, names)
    names = [str(i) for i in range(len(ng))] if names is None else [str(name) for name in names]
    if len(names) != len(ng):
        raise ValueError(f"names must be one per score, got {len(names)} for {len(ng)}")
    relabels = relabels or {}
    mended = np.array([relabels.get(name, was) for name, was in zip(names, ng, strict=True)], bool)
    audited = _Audited(found, mended, names)
    before, after = (
        None if threshold is None else evaluate(found, each, threshold, prevalence=prevalence)
        for each in (ng, mended)
    )
    return LabelAudit(
        suspicious_ok=audited.suspects(False, n),
        suspicious_ng=audited.suspects(True, n),
        relabelled=tuple(names[i] for i in np.flatnonzero(mended != ng)),
        before=before,
        after=after,
    )


class _Audited(NamedTuple):
    scores: NDArray[np.float64]
    ng: NDArray[np.bool_]
    names: list[str]

    def suspects(self, ng: bool, n: int) -> tuple[Suspect, ...]:
        """The first n of one class, those furthest into the other class first."""
        order = np.argsort(self.scores if ng else -self.scores, kind="stable")
        chosen = [int(i) for i in order if self.ng[i] == ng][:n]
        return tuple(
            Suspect(i, self.names[i], "NG" if ng else "OK", float(self.scores[i]), self._beyond(i))
            for i in chosen
        )

    def _beyond(self, i: int) -> float:
        others = self.scores[self.ng != self.ng[i]]
        ahead = others > self.scores[i] if self.ng[i] else others < self.scores[i]
        twice = 2 * int(ahead.sum()) + int((others == self.scores[i]).sum())
        return rate(twice, 2 * others.size)
